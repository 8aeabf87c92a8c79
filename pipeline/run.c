/* pipeline/run.c - see run.h. */
#include "pipeline/run.h"

#include <string.h>

#include "pipeline/names.h"
#include "util/clock.h"
#include "util/mem.h"

enum {
    LOOK_AHEAD = 20000, // inputs known before their turn, so that progress has a total
    LOOK_AHEAD_STEP = 200,
    WAIT_MS = 100,
    GRACE_MS = 3000, // for documents at work when the run is told to stop
    WORTH_MS = 1000, // of work left that make one more worker worthwhile
    MAX_IO_FAILURES = 3,
};

struct waiting {
    char *name;
    bool is_named;
    enum job_class class;
    enum job_state state;
    char *why;
};

struct active {
    struct job *job;
    struct active *next;
};

struct run {
    const struct job_config *config;
    struct workers *workers;
    struct inputs *inputs;
    const struct run_events *events;
    int n_workers;
    struct waiting *waiting; // [first, n)
    size_t first_waiting, n_waiting, cap_waiting;
    bool inputs_at_end;
    struct active *active;
    struct name_set names;
    struct run_progress progress;
    int64_t n_pages_of_done, n_pages_known_of_done;
    int64_t begun_ms, progress_ms, stop_ms;
    int n_io_failures;
    enum run_end end;
};

static char *copy_c(struct str s) {
    char *copy = mem_alloc(s.n + 1);
    if (s.n) memcpy(copy, s.s, s.n);
    return copy;
}

static void look_ahead(struct run *run, size_t n) {
    struct input input;
    if (run->first_waiting > LOOK_AHEAD || run->first_waiting == run->n_waiting) {
        run->n_waiting -= run->first_waiting;
        if (run->n_waiting > 0)
            memmove(run->waiting, run->waiting + run->first_waiting,
                    run->n_waiting * sizeof *run->waiting);
        run->first_waiting = 0;
    }
    while (!run->inputs_at_end && n-- > 0 && run->n_waiting - run->first_waiting < LOOK_AHEAD &&
           inputs_ready(run->inputs)) {
        if (!inputs_next(run->inputs, &input)) {
            run->inputs_at_end = true;
            break;
        }
        run->waiting =
            mem_grow(run->waiting, run->n_waiting, &run->cap_waiting, sizeof *run->waiting);
        run->waiting[run->n_waiting++] =
            (struct waiting){copy_c(input.name), input.is_named, input.class, input.state,
                             input.why ? copy_c(str_from(input.why)) : NULL};
        run->progress.n_inputs++;
    }
}

static void report(struct run *run, struct job *job) {
    const struct job_result *result = job_result(job);
    run->events->result(run->events->context, result);
    run->progress.n_done++;
    run->n_pages_of_done += job_pages_done(job);
    run->n_pages_known_of_done += result->n_wanted;
    bool failed_io = result->state == JOB_FAILED && result->class == CLASS_IO;
    run->n_io_failures = failed_io ? run->n_io_failures + 1 : 0;
    if (run->end != RUN_COMPLETE || result->state != JOB_FAILED) return;
    if (result->class == CLASS_DISK_FULL || result->class == CLASS_READ_ONLY)
        run->end = RUN_DISK_FULL;
    if (result->class == CLASS_WORKER) run->end = RUN_NO_WORKERS;
    if (run->n_io_failures >= MAX_IO_FAILURES) run->end = RUN_IO;
}

static void begin(struct run *run, struct job *job, const struct waiting *waiting,
                  const char *output) {
    if (waiting->class != CLASS_NONE)
        job_end(job, waiting->state, waiting->class, waiting->why);
    else if (*output == '\0')
        job_end(job, JOB_FAILED, CLASS_NOT_A_FILE, "a name that leaves nothing for its output");
    else if (!name_set_add(&run->names, str_from(output)))
        job_end(job, JOB_FAILED, CLASS_NAME_TAKEN,
                "another input of this run has outputs of the same name");
    else
        job_begin(job);
}

/* Takes the next input to work; false when there is none. */
static bool begin_next(struct run *run) {
    if (run->first_waiting == run->n_waiting) look_ahead(run, LOOK_AHEAD_STEP);
    if (run->first_waiting == run->n_waiting) return false;
    struct waiting *waiting = &run->waiting[run->first_waiting++];
    char *output = name_of_output(str_from(waiting->name));
    struct job *job =
        job_new(run->config, run->workers, str_from(waiting->name), output, waiting->is_named);
    begin(run, job, waiting, output);
    mem_free(output);
    mem_free(waiting->name);
    mem_free(waiting->why);
    *waiting = (struct waiting){0};
    if (job_is_done(job)) {
        report(run, job);
        job_free(job);
        return true;
    }
    struct active *active = mem_alloc(sizeof *active);
    *active = (struct active){job, run->active};
    run->active = active;
    job_add_worker(job);
    return true;
}

static struct job *neediest(const struct run *run, int64_t at_least) {
    struct job *best = NULL;
    int64_t most = at_least - 1;
    for (struct active *a = run->active; a; a = a->next) {
        int64_t wants = job_wants_worker(a->job);
        if (wants > most) most = wants, best = a->job;
    }
    return best;
}

static void fill_workers(struct run *run) {
    while (workers_count(run->workers) < (size_t)run->n_workers) {
        struct job *job = neediest(run, INT64_MAX);
        bool may_begin = run->end == RUN_COMPLETE && !run->stop_ms;
        if (!job && may_begin && begin_next(run)) continue;
        if (!job) job = neediest(run, WORTH_MS);
        if (!job) return;
        job_add_worker(job);
    }
}

static void reap(struct run *run) {
    for (struct active **at = &run->active; *at;) {
        struct active *active = *at;
        job_tick(active->job);
        if (!job_is_done(active->job)) {
            at = &active->next;
            continue;
        }
        *at = active->next;
        report(run, active->job);
        job_free(active->job);
        mem_free(active);
    }
}

static void show_progress(struct run *run) {
    int64_t now = clock_ms();
    if (now - run->progress_ms < WAIT_MS) return;
    run->progress_ms = now;
    struct run_progress *p = &run->progress;
    p->knows_all = run->inputs_at_end;
    p->elapsed_ms = now - run->begun_ms;
    p->n_pages_done = run->n_pages_of_done;
    p->n_pages_known = run->n_pages_known_of_done;
    p->n_at_work = 0;
    for (struct active *a = run->active; a; a = a->next) {
        int done = job_pages_done(a->job), wanted = job_result(a->job)->n_wanted;
        p->n_pages_done += done;
        p->n_pages_known += wanted;
        if (wanted > 0) p->n_at_work += (double)done / wanted;
    }
    run->events->progress(run->events->context, p);
}

static void drop_all(struct run *run) {
    for (struct active *a = run->active; a; a = a->next)
        job_end(a->job, JOB_FAILED, CLASS_INTERRUPTED, "dropped: the run was told to stop");
}

/* Documents at work get a moment to end on their own. */
static void obey_stop(struct run *run) {
    enum run_stop stop = run->events->stop(run->events->context);
    if (stop == RUN_ON) return;
    if (!run->stop_ms) run->stop_ms = clock_ms();
    if (run->end == RUN_COMPLETE) run->end = RUN_STOPPED;
    if (stop == RUN_STOP_NOW || clock_ms() - run->stop_ms > GRACE_MS) drop_all(run);
}

static void close_run(struct run *run) {
    while (run->active) {
        struct active *active = run->active;
        run->active = active->next;
        job_end(active->job, JOB_FAILED, CLASS_INTERRUPTED, "dropped: the run ended before it");
        report(run, active->job);
        job_free(active->job);
        mem_free(active);
    }
    for (size_t i = run->first_waiting; i < run->n_waiting; i++) {
        mem_free(run->waiting[i].name);
        mem_free(run->waiting[i].why);
    }
    mem_free(run->waiting);
    name_set_free(&run->names);
}

enum run_end run_jobs(const struct job_config *config, struct workers *workers,
                      struct inputs *inputs, int n_workers, const struct run_events *events,
                      struct error *err) {
    struct run run = {.config = config,
                      .workers = workers,
                      .inputs = inputs,
                      .events = events,
                      .n_workers = n_workers,
                      .begun_ms = clock_ms()};
    for (;;) {
        fill_workers(&run);
        reap(&run);
        show_progress(&run);
        bool more = run.first_waiting < run.n_waiting || !run.inputs_at_end;
        if (!run.active && (!more || run.end != RUN_COMPLETE)) break;
        if (workers_wait(workers, WAIT_MS, events->wake_fd, err) != STATUS_OK) {
            run.end = RUN_NO_WORKERS;
            break;
        }
        obey_stop(&run);
        look_ahead(&run, LOOK_AHEAD_STEP);
    }
    enum run_end end = run.end;
    close_run(&run);
    return end;
}
