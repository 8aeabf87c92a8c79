/*
 * model/threads.c - see threads.h.
 *
 * A job is announced by a new round number. Workers take task numbers from one counter; the last to
 * leave a round wakes the caller. It ends: each round, every worker leaves the counter once after it
 * has passed n_tasks, and the caller waits for exactly n_workers leavings before it changes anything.
 */
#include "model/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "util/mem.h"

enum { SPINS = 2000 }; // some microseconds: the next operation usually comes at once

struct worker {
    struct threads *threads;
    pthread_t thread;
    int number;
};

struct threads {
    struct worker *workers; // all but the caller
    int n_workers;
    void (*task)(void *context, size_t i, int worker);
    void *context;
    size_t n_tasks;
    atomic_size_t next;
    atomic_uint round;
    atomic_int n_inside; // workers that have not left the round
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t start, done;
};

static void pause_a_little(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_tasks(struct threads *p, int worker) {
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->n_tasks) return;
        p->task(p->context, i, worker);
    }
}

static void wait_for_round(struct threads *p, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&p->round) != seen) return;
        pause_a_little();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->round) == seen) pthread_cond_wait(&p->start, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *argument) {
    struct worker *w = argument;
    struct threads *p = w->threads;
    for (unsigned seen = 0;;) {
        wait_for_round(p, seen);
        seen++;
        if (atomic_load(&p->stop)) return NULL;
        take_tasks(p, w->number);
        if (atomic_fetch_sub(&p->n_inside, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void start_round(struct threads *p) {
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->n_inside, p->n_workers);
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
}

static int n_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > 256 ? 256 : n;
}

struct threads *threads_new(int n) {
    struct threads *p = mem_alloc(sizeof *p);
    if (n <= 0) n = n_processors();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    p->workers = mem_alloc(mem_product((size_t)n, sizeof *p->workers));
    for (int i = 0; i < n - 1; i++) {
        struct worker *w = &p->workers[p->n_workers];
        *w = (struct worker){.threads = p, .number = i + 1};
        if (pthread_create(&w->thread, NULL, work, w) != 0) break; // fewer will do
        p->n_workers++;
    }
    return p;
}

void threads_free(struct threads *p) {
    if (!p) return;
    atomic_store(&p->stop, true);
    start_round(p);
    for (int i = 0; i < p->n_workers; i++) pthread_join(p->workers[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    mem_free(p->workers);
    mem_free(p);
}

int threads_size(const struct threads *p) {
    return p->n_workers + 1;
}

void threads_run(struct threads *p, size_t n_tasks,
                 void (*task)(void *context, size_t i, int worker), void *context) {
    if (n_tasks == 0) return;
    p->task = task;
    p->context = context;
    p->n_tasks = n_tasks;
    atomic_store(&p->next, 0);
    if (n_tasks == 1 || p->n_workers == 0) {
        take_tasks(p, 0);
        return;
    }
    start_round(p);
    take_tasks(p, 0);
    for (int i = 0; i < SPINS && atomic_load(&p->n_inside); i++) pause_a_little();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->n_inside)) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
