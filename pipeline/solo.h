/*
 * pipeline/solo.h - one worker for one thing, waited for: what `inspect` and `export` need.
 */
#ifndef PIPELINE_SOLO_H
#define PIPELINE_SOLO_H

#include "pipeline/job.h"

struct solo {
    struct workers *workers;
    int wake_fd;        // readable: stop; -1: none
    int64_t silence_ms; // between two frames
    int spool_fd;       // for figures; -1: none may come
    uint64_t spool_end;
    struct publication *publication; // that they belong to
};

/* Starts the worker and waits for its end. *class says why it failed. */
enum status solo_run(struct solo *solo, const int *fds, size_t n_fds, const struct request *request,
                     enum job_class *class, struct error *err);

#endif
