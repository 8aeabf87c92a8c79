/*
 * model/pool.h - threads that share the tasks of one operation.
 *
 * Tasks are numbered and handed out one by one; whoever takes a task, its result is the same. The
 * caller works too. Between operations the threads wait a moment, then sleep.
 */
#ifndef MODEL_POOL_H
#define MODEL_POOL_H

#include <stddef.h>

struct pool;

/* n threads in all, the caller's included; 0: one for each processor this process may use. */
struct pool *pool_new(int n);
void pool_free(struct pool *p); // NULL is fine
int pool_size(const struct pool *p);

/* Calls task(context, i, worker) for every i < n_tasks; worker < pool_size() says who does it, for
 * scratch memory. Returns when all are done. One caller at a time. */
void pool_run(struct pool *p, size_t n_tasks, void (*task)(void *context, size_t i, int worker),
              void *context);

#endif
