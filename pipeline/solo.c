/* pipeline/solo.c - see solo.h. */
#include "pipeline/solo.h"

#include <errno.h>
#include <poll.h>

enum { WAIT_MS = 200 };

struct waiting {
    struct solo *solo;
    struct helper *helper;
    bool has_ended, is_done;
    enum job_class class;
    struct error error;
};

static enum status breach(struct error *err) {
    return fail(err, STATUS_FORMAT, "the worker broke the protocol");
}

static enum status place(void *context, const struct frame *frame, int *file, int64_t *offset,
                         struct error *err) {
    struct waiting *w = context;
    struct solo *solo = w->solo;
    if (frame->type != FRAME_FIGURE || solo->spool_fd < 0) return breach(err);
    struct extent extent = {solo->spool_end, frame->length};
    solo->spool_end += frame->length;
    *file = solo->spool_fd;
    *offset = (int64_t)extent.offset;
    return publish_figure(solo->publication, extent, err);
}

static enum status on_frame(void *context, const struct frame *frame, struct str payload,
                            struct error *err) {
    struct waiting *w = context;
    struct worker_error error;
    helper_step(w->helper, w->solo->silence_ms, 0);
    switch (frame->type) {
    case FRAME_HELLO:
    case FRAME_FIGURE:
    case FRAME_PROGRESS: return STATUS_OK;
    case FRAME_FIGURE_NAME:
        if (!w->solo->publication) return breach(err);
        return publish_figure_name(w->solo->publication, payload, err);
    case FRAME_DONE: w->is_done = true; return STATUS_OK;
    case FRAME_ERROR:
        if (!worker_error_unpack(payload, &error)) return breach(err);
        fail(&w->error, error.status, "%.*s", STR_ARG(str_sub(error.text, 0, 390)));
        w->class = job_class_of(error.status, error.os_error);
        return STATUS_OK;
    default: return breach(err);
    }
}

static void on_end(void *context, struct helper *helper, const struct helper_end *end) {
    struct waiting *w = context;
    (void)helper;
    w->has_ended = true;
    if (end->cause == END_DONE || end->cause == END_ERROR) return;
    w->class = end->cause == END_MEMORY    ? CLASS_MEMORY
               : end->cause == END_WALL    ? CLASS_WALL
               : end->cause == END_SANDBOX ? CLASS_SANDBOX
               : end->cause == END_DROPPED ? CLASS_INTERRUPTED
                                           : CLASS_CRASH;
    fail(&w->error, STATUS_FORMAT, "%.*s", STR_ARG(end->text));
}

enum status solo_run(struct solo *solo, const int *fds, size_t n_fds, const struct request *request,
                     enum job_class *class, struct error *err) {
    struct waiting w = {.solo = solo};
    struct helper_events events = {.sink = {place, on_frame, &w}, .end = on_end};
    struct error error = {0};
    *class = CLASS_WORKER;
    TRY(workers_start(solo->workers, fds, n_fds, request, &events, &w.helper, err));
    helper_step(w.helper, solo->silence_ms, 0);
    while (!w.has_ended) {
        struct pollfd wake = {solo->wake_fd, POLLIN, 0};
        TRY(workers_wait(solo->workers, WAIT_MS, solo->wake_fd, err));
        if (!w.has_ended && poll(&wake, 1, 0) > 0) helper_kill(w.helper, END_DROPPED);
    }
    *class = w.class;
    if (w.is_done && w.error.status == STATUS_OK) return STATUS_OK;
    if (w.error.status == STATUS_OK)
        fail(&error, STATUS_FORMAT, "the worker ended without a word");
    else
        error = w.error;
    *err = error;
    return err->status;
}
