/*
 * pipeline/worker.h - the life of a worker: one request, one document, then it ends.
 *
 *   JOB --> limits, sandbox --> HELLO --> the task --> DONE
 *
 * Everything that touches a document runs here and nowhere else. A worker keeps no promise when it
 * dies: the supervisor knows which page was in hand and goes on in a fresh one.
 */
#ifndef PIPELINE_WORKER_H
#define PIPELINE_WORKER_H

#include <stddef.h>

/* See struct fork_role. */
int worker_main(int channel, const int *fds, size_t n_fds, int rules);
void worker_preload(void);

#endif
