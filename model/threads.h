/*
 * model/threads.h - threads that share the tasks of one operation.
 *
 * Tasks are numbered and handed out one by one; whoever takes a task, its result is the same. The
 * caller works too. Between operations the threads wait a moment, then sleep.
 */
#ifndef MODEL_THREADS_H
#define MODEL_THREADS_H

#include <stddef.h>

struct threads;

/* n threads in all, the caller's included; 0: one for each processor this process may use. */
struct threads *threads_new(int n);
void threads_free(struct threads *p); // NULL is fine
int threads_size(const struct threads *p);

/* Calls task(context, i, worker) for every i < n_tasks; worker < threads_size() says who does it, for
 * scratch memory. Returns when all are done. One caller at a time. */
void threads_run(struct threads *p, size_t n_tasks,
                 void (*task)(void *context, size_t i, int worker), void *context);

#endif
