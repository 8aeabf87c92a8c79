/* pipeline/workers.c - see workers.h. */
#include "pipeline/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/forkserver.h"
#include "util/clock.h"
#include "util/mem.h"

enum {
    ERRORS_MAX = 16 << 10, // kept of standard error
    LINE_MAX_BYTES = 256,  // of each of its lines
    LOST_MAX = 8,          // pages that lost memory, remembered until their end is heard
    PAUSE_MS = 3000,       // a wait this much longer than asked for: the machine slept, or we did
};

struct helper {
    struct workers *workers;
    struct helper *next;
    uint64_t id;
    pid_t pid; // 0: not started yet
    int channel, errors_fd;
    struct frame_reader reader;
    struct helper_events events;
    struct buf errors;
    char line[LINE_MAX_BYTES]; // the line of standard error that is being read
    size_t n_line;
    int errors_page;          // that it is about; 0: the document
    int said_page;            // the last one named in errors
    int lost_pages[LOST_MAX]; // pages on which memory ran out
    int n_lost;
    bool ever_lost_memory;
    bool is_done, has_error;
    bool is_doomed; // a kill was asked for, cause says why
    enum end_cause cause;
    struct error reason; // with END_PROTOCOL and END_IO
    int64_t deadline_ms; // 0: none
    int64_t cpu_limit_ms, cpu_base_ms;
    bool has_ended;
    struct fork_event end;
};

struct workers {
    struct fork_server server;
    struct helper *helpers;
    size_t n;
    uint64_t next_id;
    int64_t peak_rss_kb;
    struct pollfd *polled;
    size_t cap_polled;
};

enum status workers_new(struct workers **out, struct error *err) {
    struct workers *workers = mem_alloc(sizeof *workers);
    enum status status = fork_server_start(&workers->server, err);
    if (status != STATUS_OK) {
        mem_free(workers);
        return status;
    }
    *out = workers;
    return STATUS_OK;
}

static void helper_free(struct helper *helper) {
    if (helper->channel >= 0) close(helper->channel);
    if (helper->errors_fd >= 0) close(helper->errors_fd);
    frame_reader_close(&helper->reader);
    buf_close(&helper->errors);
    mem_free(helper);
}

void workers_free(struct workers *workers) {
    if (!workers) return;
    fork_server_stop(&workers->server);
    for (struct helper *h = workers->helpers, *next; h; h = next) {
        next = h->next;
        helper_free(h);
    }
    mem_free(workers->polled);
    mem_free(workers);
}

size_t workers_count(const struct workers *workers) {
    return workers->n;
}

int64_t workers_peak_rss_kb(const struct workers *workers) {
    return workers->peak_rss_kb;
}

static void doom(struct helper *helper, enum end_cause cause) {
    if (helper->is_doomed || helper->has_ended) return;
    helper->is_doomed = true;
    helper->cause = cause;
    helper->deadline_ms = 0;
    fork_server_kill(&helper->workers->server, helper->id);
}

void helper_kill(struct helper *helper, enum end_cause cause) {
    doom(helper, cause);
}

void helper_send(struct helper *helper, enum frame_type type, uint32_t arg, struct str payload) {
    if (helper->is_doomed || helper->has_ended) return;
    // Commands are few and small. A worker whose socket is full of them does not read any more; one
    // that is gone is reported by the fork server.
    if (frame_send(helper->channel, type, arg, payload) != STATUS_OK && errno != EPIPE) {
        fail(&helper->reason, STATUS_FORMAT, "the worker does not listen any more");
        doom(helper, END_PROTOCOL);
    }
}

void helper_step(struct helper *helper, int64_t wall_ms, int64_t cpu_ms) {
    helper->deadline_ms = wall_ms ? clock_ms() + wall_ms : 0;
    helper->cpu_limit_ms = cpu_ms;
    helper->cpu_base_ms = cpu_ms && helper->pid ? clock_cpu_ms(helper->pid) : 0;
}

/* The words libraries use when an allocation fails and they go on without it. */
static bool speaks_of_memory(struct str line) {
    static const char *const words[] = {
        "out of memory",          "Out of memory",     "bad_alloc",        "failed to allocate",
        "Cannot allocate memory", "not enough memory", "memory exhausted", "Couldn't allocate",
        "allocation failed",      "malloc failed"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_find(line, str_from(words[i])) < line.n) return true;
    return false;
}

static void take_line(struct helper *helper, struct str line) {
    uint64_t page;
    size_t n;
    struct str mark = STR(WORKER_PAGE_MARK);
    if (str_starts(line, mark) && str_number(str_sub(line, mark.n, line.n), INT32_MAX, &page, &n)) {
        helper->errors_page = (int)page;
        return;
    }
    if (speaks_of_memory(line)) {
        helper->ever_lost_memory = true;
        helper->lost_pages[helper->n_lost++ % LOST_MAX] = helper->errors_page;
    }
    if (helper->errors.n + line.n + 32 > ERRORS_MAX) return;
    if (helper->errors_page != helper->said_page)
        buf_printf(&helper->errors, "page %d: ", helper->errors_page);
    helper->said_page = helper->errors_page;
    buf_put(&helper->errors, line);
    buf_putc(&helper->errors, '\n');
}

static void take_errors(struct helper *helper, struct str bytes) {
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.s[i] != '\n') {
            if (helper->n_line < LINE_MAX_BYTES) helper->line[helper->n_line++] = bytes.s[i];
            continue;
        }
        take_line(helper, (struct str){helper->line, helper->n_line});
        helper->n_line = 0;
    }
}

static void drain_errors(struct helper *helper) {
    char bytes[4096];
    for (int rounds = 0; rounds < 64 && helper->errors_fd >= 0; rounds++) {
        ssize_t n = read(helper->errors_fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n > 0) take_errors(helper, (struct str){bytes, (size_t)n});
        if (n < 0 && errno == EAGAIN) return;
        if (n > 0) continue;
        close(helper->errors_fd);
        helper->errors_fd = -1;
    }
}

bool helper_page_lost_memory(struct helper *helper, int page) {
    drain_errors(helper);
    for (int i = 0; i < helper->n_lost && i < LOST_MAX; i++)
        if (helper->lost_pages[i] == page) return true;
    return false;
}

/* Sees DONE and ERROR pass by, then hands on. */
static enum status watch_frame(void *context, const struct frame *frame, struct str payload,
                               struct error *err) {
    struct helper *helper = context;
    if (helper->is_doomed) return STATUS_OK; // what it still had to say is no longer heard
    if (frame->type == FRAME_DONE) helper->is_done = true;
    if (frame->type == FRAME_ERROR && frame->arg == 0) helper->has_error = true;
    return helper->events.sink.frame(helper->events.sink.context, frame, payload, err);
}

static enum status watch_place(void *context, const struct frame *frame, int *file, int64_t *offset,
                               struct error *err) {
    struct helper *helper = context;
    return helper->events.sink.place(helper->events.sink.context, frame, file, offset, err);
}

static void pump(struct helper *helper) {
    struct frame_sink sink = {watch_place, watch_frame, helper};
    bool at_end = false;
    struct error error = {0};
    enum status status = frame_pump(&helper->reader, helper->channel, &sink, &at_end, &error);
    if (status != STATUS_OK) {
        helper->reason = error;
        doom(helper, status == STATUS_IO ? END_IO : END_PROTOCOL);
        at_end = true;
    }
    if (at_end) {
        close(helper->channel);
        helper->channel = -1;
    }
}

static bool make_channels(int channel[2], int errors[2], struct error *err) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) {
        fail(err, STATUS_IO, "cannot make a socket pair: %s", strerror(errno));
        return false;
    }
    if (pipe2(errors, O_CLOEXEC) != 0) {
        fail(err, STATUS_IO, "cannot make a pipe: %s", strerror(errno));
        close(channel[0]);
        close(channel[1]);
        return false;
    }
    // The worker's end of standard error waits: what it has to say about memory must not get lost.
    if (fcntl(channel[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(errors[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    fail(err, STATUS_IO, "fcntl: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        close(channel[i]);
        close(errors[i]);
    }
    return false;
}

enum status workers_start(struct workers *workers, const int *fds, size_t n_fds,
                          const struct request *request, const struct helper_events *events,
                          struct helper **out, struct error *err) {
    int channel[2], errors[2], all[FORK_MAX_FDS];
    if (n_fds + 2 > FORK_MAX_FDS) return fail(err, STATUS_ARG, "too many descriptors");
    if (!make_channels(channel, errors, err)) return STATUS_IO;
    all[0] = channel[1];
    all[1] = errors[1];
    memcpy(all + 2, fds, n_fds * sizeof *fds);
    uint64_t id = ++workers->next_id;
    enum status status = fork_server_spawn(&workers->server, id, all, n_fds + 2, err);
    close(channel[1]);
    close(errors[1]);
    if (status != STATUS_OK) {
        close(channel[0]);
        close(errors[0]);
        return status;
    }
    struct helper *helper = mem_alloc(sizeof *helper);
    *helper = (struct helper){.workers = workers,
                              .id = id,
                              .channel = channel[0],
                              .errors_fd = errors[0],
                              .events = *events,
                              .next = workers->helpers};
    workers->helpers = helper;
    workers->n++;
    frame_reader_open(&helper->reader);
    buf_open(&helper->errors, ERRORS_MAX);
    struct buf payload;
    buf_open(&payload, FRAME_SMALL_MAX);
    request_pack(request, &payload);
    helper_send(helper, FRAME_JOB, 0, buf_str(&payload));
    buf_close(&payload);
    *out = helper;
    return STATUS_OK;
}

/* ---- ends ---- */

static enum end_cause judge_signal(const struct helper *helper, int number) {
    if (number == SIGSYS) return END_SANDBOX;
    if (number == SIGXCPU) return END_CPU;
    if (number == SIGKILL) return END_MEMORY; // not by us: the kernel, short of memory
    return helper->ever_lost_memory ? END_MEMORY : END_SIGNAL;
}

static enum end_cause judge(const struct helper *helper, int *number) {
    const struct fork_event *end = &helper->end;
    *number = 0;
    if (end->kind == FORK_REFUSED) {
        *number = end->wait_status;
        return END_REFUSED;
    }
    if (helper->is_doomed) return helper->cause;
    if (helper->is_done) return END_DONE;
    if (helper->has_error) return END_ERROR;
    if (WIFSIGNALED(end->wait_status)) {
        *number = WTERMSIG(end->wait_status);
        return judge_signal(helper, *number);
    }
    *number = WEXITSTATUS(end->wait_status);
    if (*number == WORKER_EXIT_MEMORY) return END_MEMORY;
    return helper->ever_lost_memory ? END_MEMORY : END_EXIT;
}

static void describe(const struct helper *helper, const struct helper_end *end, char *text,
                     size_t n) {
    switch (end->cause) {
    case END_SIGNAL:
        snprintf(text, n, "the worker crashed (signal %d, %s)", end->number,
                 sigdescr_np(end->number) ? sigdescr_np(end->number) : "unknown");
        break;
    case END_EXIT: snprintf(text, n, "the worker ended with code %d", end->number); break;
    case END_MEMORY: snprintf(text, n, "the worker ran out of memory"); break;
    case END_CPU: snprintf(text, n, "the limit on CPU time was reached"); break;
    case END_WALL: snprintf(text, n, "the time limit was reached"); break;
    case END_PROTOCOL:
    case END_IO: snprintf(text, n, "%s", helper->reason.text); break;
    case END_SANDBOX:
        snprintf(text, n, "sandbox violation: the document made the worker try what none needs");
        break;
    case END_REFUSED:
        snprintf(text, n, "no worker could be started: %s", strerror(end->number));
        break;
    default: text[0] = '\0';
    }
}

/* Everything the worker had to say is heard first, then the owner learns of the end. */
static void finish(struct helper *helper) {
    for (int rounds = 0; helper->channel >= 0 && !helper->is_doomed && rounds < 1 << 16; rounds++)
        pump(helper);
    drain_errors(helper);
    if (helper->n_line) take_errors(helper, STR("\n"));
    struct helper_end end = {.cpu_ms = helper->end.cpu_ms, .max_rss_kb = helper->end.max_rss_kb};
    char text[sizeof helper->reason.text + 64];
    end.cause = judge(helper, &end.number);
    describe(helper, &end, text, sizeof text);
    end.text = str_from(text);
    end.errors = buf_str(&helper->errors);
    struct workers *workers = helper->workers;
    if (end.max_rss_kb > workers->peak_rss_kb) workers->peak_rss_kb = end.max_rss_kb;
    for (struct helper **at = &workers->helpers; *at; at = &(*at)->next) {
        if (*at != helper) continue;
        *at = helper->next;
        workers->n--;
        break;
    }
    helper->events.end(helper->events.sink.context, helper, &end);
    helper_free(helper);
}

static struct helper *find(struct workers *workers, uint64_t id) {
    struct helper *helper = workers->helpers;
    while (helper && helper->id != id) helper = helper->next;
    return helper;
}

static enum status take_events(struct workers *workers, struct error *err) {
    for (;;) {
        struct fork_event event;
        bool got;
        TRY(fork_server_event(&workers->server, &event, &got, err));
        if (!got) return STATUS_OK;
        struct helper *helper = find(workers, event.id);
        if (!helper) continue;
        if (event.kind == FORK_STARTED) {
            helper->pid = event.pid;
        } else {
            helper->has_ended = true;
            helper->end = event;
            finish(helper);
        }
    }
}

static void check_limits(struct workers *workers, int64_t now, int64_t paused_ms) {
    for (struct helper *h = workers->helpers; h; h = h->next) {
        if (h->deadline_ms && paused_ms > PAUSE_MS) h->deadline_ms += paused_ms;
        if (h->deadline_ms && now > h->deadline_ms) doom(h, END_WALL);
        if (h->cpu_limit_ms && h->pid && !h->has_ended) {
            int64_t used = clock_cpu_ms(h->pid);
            if (used - h->cpu_base_ms > h->cpu_limit_ms) doom(h, END_CPU);
        }
    }
}

static size_t collect(struct workers *workers, int wake_fd) {
    size_t n = 0, want = 2 + 2 * workers->n;
    if (want > workers->cap_polled) {
        workers->polled = mem_realloc(workers->polled, mem_product(want, sizeof *workers->polled));
        workers->cap_polled = want;
    }
    workers->polled[n++] = (struct pollfd){workers->server.fd, POLLIN, 0};
    workers->polled[n++] = (struct pollfd){wake_fd, POLLIN, 0};
    for (struct helper *h = workers->helpers; h; h = h->next) {
        workers->polled[n++] =
            (struct pollfd){h->channel, POLLIN, 0}; // -1 is passed over by poll()
        workers->polled[n++] = (struct pollfd){h->errors_fd, POLLIN, 0};
    }
    return n;
}

enum status workers_wait(struct workers *workers, int timeout_ms, int wake_fd, struct error *err) {
    int64_t before = clock_ms();
    size_t n = collect(workers, wake_fd);
    int ready = poll(workers->polled, (nfds_t)n, timeout_ms);
    int64_t now = clock_ms();
    if (ready < 0 && errno != EINTR) return fail(err, STATUS_IO, "poll: %s", strerror(errno));
    // None goes in this loop, and one that a frame starts is put in front of where it began: so the
    // order is still that of collect().
    size_t i = 2;
    struct helper *next;
    for (struct helper *h = workers->helpers; h && ready > 0 && i < n; h = next) {
        next = h->next;
        bool heard = workers->polled[i].revents != 0, wrote = workers->polled[i + 1].revents != 0;
        i += 2;
        if (wrote) drain_errors(h);
        if (heard && h->channel >= 0) pump(h);
    }
    check_limits(workers, now, now - before - timeout_ms);
    return take_events(workers, err);
}
