/*
 * pipeline/forkserver.h - a small process that makes the workers, so that the supervisor never has to.
 *
 *   supervisor --exec--> fork server --fork--> worker, worker, ...     one fresh worker a document
 *
 * It is this program again, executed anew before anything else happens: with a small and clean
 * memory (forking a process of 4 GiB costs 0.2 s, this one 0.1 ms), an environment of its own
 * (OMP_THREAD_LIMIT must be there when libgomp is loaded, or Tesseract is 5 to 9 times slower),
 * and none of MPI's or the model's state. Descriptors travel by SCM_RIGHTS. It reaps its workers and
 * reports how they ended; signals to workers go through it, so a process id is never one that was
 * given to somebody else. When the supervisor dies it goes, and the workers with it.
 */
#ifndef PIPELINE_FORKSERVER_H
#define PIPELINE_FORKSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/status.h"

enum { FORK_MAX_FDS = 16 };

/* What a program that has a fork server brings along. */
struct fork_role {
    void (*preload)(
        void); // once in the fork server: what all workers would load anyway; may be NULL
    /* A worker's life; returns its exit code. fds as given to fork_server_spawn() from the third on
     * are fds[0..n), the first is the channel; the second has become standard error. rules:
     * see sandbox.h. */
    int (*worker)(int channel, const int *fds, size_t n, int rules);
};

/* To be called first in main(): when this process was executed to be a fork server it serves until
 * its supervisor is gone and returns true, with the exit code. */
bool fork_server_serve(int argc, char **argv, const struct fork_role *role, int *exit_code);

struct fork_server {
    int fd; // to poll for events
    pid_t pid;
};

enum fork_event_kind { FORK_STARTED, FORK_REFUSED, FORK_ENDED };

struct fork_event {
    uint64_t id; // as given to fork_server_spawn()
    enum fork_event_kind kind;
    int32_t pid;                // started
    int32_t wait_status;        // ended: as of waitpid(); refused: errno
    int64_t cpu_ms, max_rss_kb; // ended
};

/* Errors: IO. */
enum status fork_server_start(struct fork_server *server, struct error *err);
void fork_server_stop(struct fork_server *server); // its workers are killed

/* Asks for a worker; the descriptors stay the caller's to close. Its start or refusal and its end
 * come as events. Errors: IO when the fork server is gone. */
enum status fork_server_spawn(const struct fork_server *server, uint64_t id, const int *fds,
                              size_t n_fds, struct error *err);
void fork_server_kill(const struct fork_server *server, uint64_t id); // SIGKILL
/* Takes one event without waiting. Errors: IO when the fork server is gone. */
enum status fork_server_event(const struct fork_server *server, struct fork_event *event, bool *got,
                              struct error *err);

#endif
