/*
 * pipeline/assemble.h - page records to finished outputs: the last stage of a document.
 *
 *   records (page by page, twice) --> layout/analysis --> blocks --> every exporter at once
 *
 * Records may be many and large; they are asked for one at a time.
 */
#ifndef PIPELINE_ASSEMBLE_H
#define PIPELINE_ASSEMBLE_H

#include "exporters/exporter.h"
#include "layout/content.h"

struct records {
    size_t n;
    struct str meta; // of meta_pack()
    /* Record i, 0 <= i < n, in page order. The bytes stay valid until the next call. */
    enum status (*record)(void *context, size_t i, struct str *bytes, struct error *err);
    void *context;
};

struct assemble_output {
    const struct exporter *exporter;
    int fd, scratch_fd; // see exporter.h
};

struct figure_sink { // may be NULL: figures are not kept
    enum status (*figure)(void *context, struct str name, struct str png, struct error *err);
    void *context;
};

enum status assemble(const struct records *records, const struct export_options *options,
                     const struct assemble_output *outputs, size_t n_outputs,
                     const struct figure_sink *figures, struct error *err);

#endif
