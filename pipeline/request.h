/*
 * pipeline/request.h - what a worker is asked to do: the payload of FRAME_JOB, and of the reports it
 * sends back.
 *
 * Descriptors, in the order given to fork_server_spawn() behind the channel and standard error:
 *   READ, PLAN  input
 *   ASSEMBLE    spool, then (output, scratch) for each exporter
 *   EXPORT      JSON document, spool of figures, then (output, scratch) for each exporter
 *   DRAW        input, output
 */
#ifndef PIPELINE_REQUEST_H
#define PIPELINE_REQUEST_H

#include "exporters/exporter.h"
#include "pipeline/reader.h"
#include "pipeline/sandbox.h"

struct arena;

enum worker_task { WORKER_READ, WORKER_PLAN, WORKER_ASSEMBLE, WORKER_EXPORT, WORKER_DRAW };

enum { REQUEST_MAX_OUTPUTS = 6, WORKER_EXIT_MEMORY = 71 };

/* A part of the spool. */
struct extent {
    uint64_t offset, length;
};

struct request {
    enum worker_task task;
    bool sandbox;
    struct sandbox_limits limits;
    struct str name; // of the input, as the user gave it
    struct read_options read;
    struct export_options export;
    const struct exporter *exporters[REQUEST_MAX_OUTPUTS];
    size_t n_exporters;
    struct extent meta; // ASSEMBLE
    struct extent
        index;     // ASSEMBLE: an extent for each record; EXPORT: a name and one for each figure
    int page, dpi; // DRAW
};

/* How a page went, beside its record. */
struct page_report {
    enum engine_id engine;
    enum page_state state;
    uint32_t n_words;
    struct str message; // of info.message
};

struct worker_error {
    enum status status;
    int os_error; // errno where status is IO, else 0
    struct str text;
};

void request_pack(const struct request *request, struct buf *out);
/* Strings are copied into the arena. Errors: FORMAT. */
enum status request_unpack(struct str bytes, struct arena *arena, struct request *out,
                           struct error *err);

void page_report_pack(const struct page_report *report, struct buf *out);
bool page_report_unpack(struct str bytes, struct page_report *out); // from a worker: checked
void worker_error_pack(const struct worker_error *error, struct buf *out);
bool worker_error_unpack(struct str bytes, struct worker_error *out); // from a worker: checked

#endif
