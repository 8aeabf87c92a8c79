/*
 * pipeline/run.h - many inputs over a few workers: the plain scheduler of one machine.
 *
 * An idle worker's place goes to a document that has none, then to the next input, then to the
 * document with the most work left (a long one is read by several). Which pages which worker reads
 * never shows in the outputs.
 */
#ifndef PIPELINE_RUN_H
#define PIPELINE_RUN_H

#include "pipeline/inputs.h"

struct run_progress {
    size_t n_inputs;      // seen so far
    bool knows_all;       // n_inputs is all there are
    size_t n_done;        // documents, whatever their state
    int64_t n_pages_done; // of those documents and of the ones at work
    int64_t n_pages_known;
    double n_at_work; // documents' worth of pages read of the ones at work
    int64_t elapsed_ms;
};

enum run_stop { RUN_ON, RUN_STOP_SOON, RUN_STOP_NOW };

struct run_events {
    void (*result)(void *context, const struct job_result *result);
    void (*progress)(void *context, const struct run_progress *progress); // 10 times a second
    enum run_stop (*stop)(void *context);                                 // asked after each wait
    int wake_fd; // readable when stop() has something new; -1: none
    void *context;
};

enum run_end {
    RUN_COMPLETE,
    RUN_STOPPED,   // by stop()
    RUN_DISK_FULL, // outputs cannot be created any more
    RUN_IO,        // three outputs in a row could not be written
    RUN_NO_WORKERS // none can be started
};

/* Runs all inputs. Every input that was begun is reported by one result() call. */
enum run_end run_jobs(const struct job_config *config, struct workers *workers,
                      struct inputs *inputs, int n_workers, const struct run_events *events,
                      struct error *err);

#endif
