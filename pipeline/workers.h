/*
 * pipeline/workers.h - the workers at work, as the supervisor sees them.
 *
 *   workers_start --> frames arrive as calls --> end: why it ended
 *
 * One thread, one poll loop. Whatever a worker does (hang, lie, flood, die) becomes an end with a
 * cause; the caller decides what that costs. Text a worker wrote to standard error is kept, up to a
 * cap, and never printed raw.
 */
#ifndef PIPELINE_WORKERS_H
#define PIPELINE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/frame.h"
#include "pipeline/request.h"

struct workers;
struct helper; // one worker

/* A worker writes this line, with the page's number, to standard error before it begins a page: frames
 * and text travel on two ways, and only so it is known what belongs together. */
#define WORKER_PAGE_MARK "docmill: at page "

enum end_cause {
    END_DONE,     // said DONE
    END_ERROR,    // said ERROR for the document as a whole, then ended
    END_SIGNAL,   // died of a signal
    END_EXIT,     // ended without saying why
    END_MEMORY,   // ran out of memory
    END_CPU,      // used up its CPU time
    END_WALL,     // did not finish a step in time
    END_PROTOCOL, // broke the protocol
    END_SANDBOX,  // tried what no document needs: killed by the sandbox
    END_REFUSED,  // could not be started
    END_IO,       // what it sent could not be stored
    END_DROPPED,  // no longer wanted
    N_END_CAUSES
};

struct helper_end {
    enum end_cause cause;
    int number;        // signal, exit code or errno
    struct str text;   // one sentence for the report
    struct str errors; // what it wrote to standard error; cleaned by nobody yet
    int64_t cpu_ms, max_rss_kb;
};

struct helper_events {
    struct frame_sink sink; // its context is passed to end(), too
    void (*end)(void *context, struct helper *helper, const struct helper_end *end);
};

/* Starts the fork server. Errors: IO. */
enum status workers_new(struct workers **out, struct error *err);
void workers_free(struct workers *workers); // kills what still works; no calls are made for it

/* Starts a worker. fds stay the caller's to close, right away if it likes. A failure to start comes
 * as an end. Errors: IO. */
enum status workers_start(struct workers *workers, const int *fds, size_t n_fds,
                          const struct request *request, const struct helper_events *events,
                          struct helper **out, struct error *err);

/* A worker that cannot take the frame comes to an end. */
void helper_send(struct helper *helper, enum frame_type type, uint32_t arg, struct str payload);
/* Begins a step of the work: from now on it has so long. 0: no limit. */
void helper_step(struct helper *helper, int64_t wall_ms, int64_t cpu_ms);
/* True when standard error spoke of memory running out while the worker was at this page. */
bool helper_page_lost_memory(struct helper *helper, int page);
void helper_kill(struct helper *helper, enum end_cause cause);

size_t workers_count(const struct workers *workers);
int64_t workers_peak_rss_kb(const struct workers *workers); // of the largest worker so far

/* Waits up to timeout_ms for anything to happen, or until wake_fd (-1: none) can be read, and makes
 * the calls. Errors: IO when the fork server is gone. */
enum status workers_wait(struct workers *workers, int timeout_ms, int wake_fd, struct error *err);

#endif
