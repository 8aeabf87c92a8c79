/* pipeline/forkserver.c - see forkserver.h. */
#include "pipeline/forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/sandbox.h"
#include "util/mem.h"

static const char role_name[] = "docmill: fork server";

enum {
    SERVER_FD = 3,        // of the socket, in the fork server
    FIRST_WORKER_FD = 3,  // in a worker: the channel, then the rest
    OUT_OF_THE_WAY = 100, // above all of these
};

enum command_kind { COMMAND_SPAWN, COMMAND_KILL };

struct command {
    uint64_t id;
    enum command_kind kind;
};

struct child {
    uint64_t id;
    pid_t pid;
};

struct serving {
    const struct fork_role *role;
    pid_t supervisor;
    int rules;
    struct child *children;
    size_t n_children, cap_children;
};

/* ---- the fork server ---- */

static void put_event(const struct fork_event *event) {
    // The supervisor reads all the time; when it is gone the loop sees that.
    while (send(SERVER_FD, event, sizeof *event, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

static void raise_oom_score(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t ignored = write(fd, "500", 3);
    (void)ignored;
    close(fd);
}

static bool move_fd(int from, int to) {
    return from >= 0 && dup2(from, to) == to;
}

/* Puts the descriptors where a worker expects them and closes all others. */
static bool arrange_fds(int *fds, size_t n, int *rules) {
    bool fine;
    for (size_t i = 0; i < n; i++) fds[i] = fcntl(fds[i], F_DUPFD, OUT_OF_THE_WAY);
    if (*rules >= 0) *rules = fcntl(*rules, F_DUPFD, OUT_OF_THE_WAY);
    int null = open("/dev/null", O_RDWR);
    fine = move_fd(null, STDIN_FILENO) && move_fd(null, STDOUT_FILENO) &&
           move_fd(n > 1 ? fds[1] : null, STDERR_FILENO);
    int next = FIRST_WORKER_FD;
    for (size_t i = 0; i < n; i++) {
        if (i == 1) continue;
        fine = fine && move_fd(fds[i], next);
        fds[i] = next++;
    }
    if (*rules >= 0) {
        fine = fine && move_fd(*rules, next);
        *rules = next++;
    }
    return close_range((unsigned)next, ~0U, 0) == 0 && fine;
}

static _Noreturn void become_worker(struct serving *serving, int *fds, size_t n) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "docmill-worker");
    setpgid(0, 0);
    raise_oom_score();
    prctl(PR_SET_DUMPABLE, 0);
    int rules = serving->rules;
    if (!arrange_fds(fds, n, &rules)) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // The fork server may have died before the parent-death signal was asked for: then the channel
    // is the only tie, and its other end goes with the supervisor.
    int rest[FORK_MAX_FDS];
    for (size_t i = 2; i < n; i++) rest[i - 2] = fds[i];
    _exit(serving->role->worker(fds[0], rest, n > 2 ? n - 2 : 0, rules));
}

static void spawn(struct serving *serving, uint64_t id, int *fds, size_t n) {
    pid_t self = getpid();
    pid_t pid = n >= 2 ? fork() : (errno = EINVAL, -1);
    if (pid == 0) {
        if (getppid() != self) _exit(1);
        become_worker(serving, fds, n);
    }
    struct fork_event event = {.id = id, .kind = FORK_STARTED, .pid = pid};
    if (pid < 0) {
        event.kind = FORK_REFUSED;
        event.wait_status = errno;
    } else {
        serving->children = mem_grow(serving->children, serving->n_children, &serving->cap_children,
                                     sizeof *serving->children);
        serving->children[serving->n_children++] = (struct child){id, pid};
    }
    put_event(&event);
}

static void reap(struct serving *serving) {
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        for (size_t i = 0; i < serving->n_children; i++) {
            if (serving->children[i].pid != pid) continue;
            struct fork_event event = {.id = serving->children[i].id,
                                       .kind = FORK_ENDED,
                                       .pid = pid,
                                       .wait_status = status,
                                       .cpu_ms =
                                           (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                                           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000,
                                       .max_rss_kb = usage.ru_maxrss};
            serving->children[i] = serving->children[--serving->n_children];
            put_event(&event);
            break;
        }
    }
}

/* Receives one command with its descriptors. False when the supervisor is gone. */
static bool receive(struct command *command, int *fds, size_t *n_fds) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FORK_MAX_FDS)];
    } control;
    struct iovec part = {command, sizeof *command};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n;
    do n = recvmsg(SERVER_FD, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    *n_fds = 0;
    if (n != (ssize_t)sizeof *command) return false;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS) {
        *n_fds = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *n_fds * sizeof(int));
    }
    return true;
}

static bool obey(struct serving *serving) {
    struct command command;
    int fds[FORK_MAX_FDS];
    size_t n;
    if (!receive(&command, fds, &n)) return false;
    if (command.kind == COMMAND_SPAWN) spawn(serving, command.id, fds, n);
    for (size_t i = 0; command.kind == COMMAND_KILL && i < serving->n_children; i++)
        if (serving->children[i].id == command.id) kill(serving->children[i].pid, SIGKILL);
    for (size_t i = 0; i < n; i++) close(fds[i]);
    return true;
}

static int serve(const struct fork_role *role) {
    struct serving serving = {.role = role, .rules = -1};
    setpgid(0, 0); // Ctrl-C on the terminal is the supervisor's to hear
    signal(SIGPIPE, SIG_DFL);
    if (role->preload) role->preload();
    serving.rules = sandbox_rules();
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
    struct pollfd polled[2] = {{SERVER_FD, POLLIN, 0}, {signals, POLLIN, 0}};
    bool going = signals >= 0;
    while (going) {
        if (poll(polled, 2, -1) < 0 && errno != EINTR) break;
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) > 0) {
        }
        reap(&serving);
        if (polled[0].revents) going = obey(&serving);
    }
    for (size_t i = 0; i < serving.n_children; i++) kill(serving.children[i].pid, SIGKILL);
    mem_free(serving.children);
    return going ? 1 : 0;
}

bool fork_server_serve(int argc, char **argv, const struct fork_role *role, int *exit_code) {
    if (argc != 2 || strcmp(argv[0], role_name) != 0) return false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "docmill-forker");
    *exit_code = getppid() == (pid_t)strtol(argv[1], NULL, 10) ? serve(role) : 1;
    return true;
}

/* ---- the supervisor's side ---- */

/* The variables a worker may see. */
static size_t small_environment(char **out, size_t max) {
    static const char *const passed[] = {"HOME",
                                         "XDG_DATA_HOME",
                                         "XDG_CACHE_HOME",
                                         "XDG_CONFIG_HOME",
                                         "FONTCONFIG_FILE",
                                         "FONTCONFIG_PATH",
                                         "TESSDATA_PREFIX",
                                         "ASAN_OPTIONS",
                                         "UBSAN_OPTIONS",
                                         "LD_LIBRARY_PATH"};
    size_t n = 0;
    out[n++] = "OMP_THREAD_LIMIT=1";
    out[n++] = "LC_ALL=C";
    out[n++] = "TZ=UTC0";
    for (char **e = environ; *e; e++) {
        for (size_t i = 0; i < sizeof passed / sizeof *passed && n + 1 < max; i++) {
            size_t length = strlen(passed[i]);
            if (strncmp(*e, passed[i], length) == 0 && (*e)[length] == '=') out[n++] = *e;
        }
    }
    out[n] = NULL;
    return n;
}

static _Noreturn void exec_server(int fd, char *parent, char **environment) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *arguments[] = {(char *)role_name, parent, NULL};
    if (dup2(fd, SERVER_FD) >= 0 && fcntl(SERVER_FD, F_SETFD, 0) == 0) {
        close_range(SERVER_FD + 1, ~0U, 0);
        execve("/proc/self/exe", arguments, environment);
    }
    _exit(127);
}

enum status fork_server_start(struct fork_server *server, struct error *err) {
    int pair[2];
    *server = (struct fork_server){.fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(err, STATUS_IO, "cannot make a socket pair: %s", strerror(errno));
    char parent[24];
    char *environment[32];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    small_environment(environment, sizeof environment / sizeof *environment);
    pid_t pid = fork();
    if (pid == 0) exec_server(pair[1], parent, environment);
    int saved = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return fail(err, STATUS_IO, "cannot fork: %s", strerror(saved));
    }
    *server = (struct fork_server){pair[0], pid};
    return STATUS_OK;
}

void fork_server_stop(struct fork_server *server) {
    if (server->fd < 0) return;
    close(server->fd);
    server->fd = -1;
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static enum status put_command(const struct fork_server *server, struct command command,
                               const int *fds, size_t n_fds) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FORK_MAX_FDS)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {&command, sizeof command};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * n_fds);
    }
    ssize_t n;
    do n = sendmsg(server->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof command ? STATUS_OK : STATUS_IO;
}

enum status fork_server_spawn(const struct fork_server *server, uint64_t id, const int *fds,
                              size_t n_fds, struct error *err) {
    if (n_fds > FORK_MAX_FDS) return fail(err, STATUS_ARG, "too many descriptors for a worker");
    if (put_command(server, (struct command){id, COMMAND_SPAWN}, fds, n_fds) == STATUS_OK)
        return STATUS_OK;
    return fail(err, STATUS_IO, "the fork server is gone: %s", strerror(errno));
}

void fork_server_kill(const struct fork_server *server, uint64_t id) {
    put_command(server, (struct command){id, COMMAND_KILL}, NULL, 0);
}

enum status fork_server_event(const struct fork_server *server, struct fork_event *event, bool *got,
                              struct error *err) {
    *got = false;
    ssize_t n = recv(server->fd, event, sizeof *event, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return STATUS_OK;
    if (n != (ssize_t)sizeof *event) return fail(err, STATUS_IO, "the fork server is gone");
    *got = true;
    return STATUS_OK;
}
