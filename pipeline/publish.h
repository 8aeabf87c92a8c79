/*
 * pipeline/publish.h - the outputs of one document, from nameless files to their places.
 *
 *   publish_open --> a worker writes --> publish_commit: figures, documents, JSON last, folder synced
 *
 * Nothing is seen under its name before it is whole and synced; the JSON file is the commit mark.
 */
#ifndef PIPELINE_PUBLISH_H
#define PIPELINE_PUBLISH_H

#include <stdbool.h>

#include "exporters/exporter.h"
#include "pipeline/request.h"
#include "util/io.h"

struct published_file {
    char *name; // relative to the output folder
    int64_t n_bytes;
};

struct publication {
    int folder_fd; // where the files go
    char *folder;  // its name relative to the output folder, "" or ending in '/'
    char *names[REQUEST_MAX_OUTPUTS];
    char *figures_name; // of the folder of figures
    const struct exporter *exporters[REQUEST_MAX_OUTPUTS];
    struct io_temp temps[REQUEST_MAX_OUTPUTS];
    int scratch[REQUEST_MAX_OUTPUTS];
    size_t n;
    struct {
        char *name;
        struct extent extent; // in the spool
    } * figures;
    size_t n_figures, cap_figures;
    char *next_figure;            // named, its bytes still to come
    struct published_file *files; // after publish_commit()
    size_t n_files, cap_files;
};

/* Where outputs go. names[i] is the file of formats[i], relative to out_fd; all in one folder,
 * which is made when missing. On failure errno tells why. Errors: IO. */
enum status publish_open(int out_fd, const struct exporter *const *formats, const struct str *names,
                         size_t n, struct str figures_name, struct publication *out,
                         struct error *err);
/* Descriptors for the worker: (output, scratch) for each exporter. */
size_t publish_fds(const struct publication *publication, int *out);
/* A figure from a worker is announced, then its bytes lie in the spool. Errors: FORMAT when the name
 * is no plain file name, or its bytes come without a name. */
enum status publish_figure_name(struct publication *publication, struct str name,
                                struct error *err);
enum status publish_figure(struct publication *publication, struct extent extent,
                           struct error *err);
/* On failure errno tells why; what was not yet in place is dropped. Errors: IO. */
enum status publish_commit(struct publication *publication, int spool_fd, struct error *err);
void publish_close(struct publication *publication); // drops what is not in place; twice is fine

#endif
