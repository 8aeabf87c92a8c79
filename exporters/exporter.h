/*
 * exporters/exporter.h - one writer per output format, all behind one table.
 *
 *   open(document) -> block, block, ... in reading order -> close
 *
 * A writer gets the blocks one by one and writes as it goes: its memory does not grow with the
 * document. It reads struct document and struct block and nothing else; it opens no files, since it
 * runs in a process that cannot. Bytes are a function of its input alone. A page that could not be
 * read is a block like others: a paragraph that says so.
 */
#ifndef EXPORTERS_EXPORTER_H
#define EXPORTERS_EXPORTER_H

#include "layout/document.h"
#include "util/status.h"

enum furniture_mode { FURNITURE_DROP, FURNITURE_KEEP, FURNITURE_MARK };

struct export_options {
    enum furniture_mode furniture; // JSON always has it all
    struct str figures_dir; // where figure PNGs lie, relative to the output: "report.pdf.figures"
    bool provenance;        // Markdown: HTML comments with page and box before each block
    bool page_breaks;       // Markdown: a comment <!-- page N --> where a page starts
    int64_t source_date;    // seconds since 1970 for formats that must carry a date; 0: 1980-01-01
};

struct export; // a writer at work

struct exporter {
    const char *name;      // as in --to: "md"
    const char *extension; // ".md"
    const char *media_type;

    /* Starts an output of the document, which must stay until close, on fd, an empty seekable file
     * open for reading and writing. scratch_fd is another, for parts that must be complete before
     * they can be placed; it may hold anything afterwards. Both stay the caller's. Errors: IO, NOMEM. */
    enum status (*open)(const struct document *document, const struct export_options *options,
                        int fd, int scratch_fd, struct export **out, struct error *err);
    enum status (*block)(struct export *export, const struct block *block, struct error *err);
    /* Completes the output and frees the writer, also when it failed before. */
    enum status (*close)(struct export *export, struct error *err);
};

extern const struct exporter exporter_markdown, exporter_html, exporter_docx, exporter_json;

/* All of them, NULL at the end, in the order md, html, docx, json. */
extern const struct exporter *const exporters[];
const struct exporter *exporter_find(struct str name); // NULL when there is none of that name

#endif
