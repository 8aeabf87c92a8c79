/*
 * What a worker can still do: the program is its own fork server, the probes run in real workers with
 * limits and sandbox, and each is refused with an error or killed with SIGSYS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/forkserver.h"
#include "pipeline/sandbox.h"
#include "tests/check.h"

/* A probe returns 0 when it got what it must not have. */
enum { GOT_THROUGH = 0, REFUSED = 40, LIMITED = 41 };

static int refused_if(bool failed) {
    return failed ? REFUSED : GOT_THROUGH;
}

static int probe_write_file(void) {
    return refused_if(open("/tmp/docmill-test-escape", O_WRONLY | O_CREAT, 0600) < 0);
}
static int probe_append_file(void) {
    return refused_if(open("/etc/hostname", O_WRONLY | O_APPEND) < 0);
}
static int probe_read_home(void) {
    return refused_if(open("/etc/passwd", O_RDONLY) < 0);
}
static int probe_list_root(void) {
    return refused_if(open("/", O_RDONLY | O_DIRECTORY) < 0);
}
static int probe_proc_parent(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    return refused_if(open(path, O_RDONLY) < 0);
}
static int probe_unlink(void) {
    return refused_if(unlink("/tmp/docmill-test-victim") != 0);
}
static int probe_mkdir(void) {
    return refused_if(mkdir("/tmp/docmill-test-escape-dir", 0700) != 0);
}
static int probe_chmod(void) {
    return refused_if(chmod("/tmp/docmill-test-victim", 0777) != 0);
}
static int probe_symlink(void) {
    return refused_if(symlink("/etc/passwd", "/tmp/docmill-test-escape-link") != 0);
}
static int probe_tcp(void) {
    return refused_if(socket(AF_INET, SOCK_STREAM, 0) < 0);
}
static int probe_udp(void) {
    return refused_if(socket(AF_INET, SOCK_DGRAM, 0) < 0);
}
static int probe_unix(void) {
    return refused_if(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
}
static int probe_exec(void) {
    execl("/bin/true", "true", (char *)NULL);
    return REFUSED;
}
static int probe_fork(void) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    return refused_if(pid < 0);
}
static int probe_kill_parent(void) {
    return refused_if(kill(getppid(), 0) != 0);
}
static int probe_tgkill_parent(void) {
    return refused_if(syscall(SYS_tgkill, getppid(), getppid(), 0) != 0);
}
static int probe_ptrace(void) {
    return refused_if(ptrace(PTRACE_ATTACH, getppid(), 0, 0) != 0);
}
static int probe_vm_read(void) {
    char here[8];
    struct iovec local = {here, sizeof here}, remote = {here, sizeof here};
    return refused_if(process_vm_readv(getppid(), &local, 1, &remote, 1, 0) < 0);
}
static int probe_setuid(void) {
    return refused_if(setuid(getuid()) != 0);
}
static int probe_raise_limit(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return refused_if(setrlimit(RLIMIT_AS, &limit) != 0);
}
static int probe_limit_of_parent(void) {
    struct rlimit limit = {1, 1};
    return refused_if(prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL) != 0);
}
static int probe_sigio(void) {
    // A descriptor that signals its owner would be a way to signal anybody.
    return refused_if(fcntl(3, F_SETOWN, getppid()) != 0);
}
static int probe_memfd(void) {
    return refused_if(memfd_create("x", 0) < 0);
}
static int probe_mount(void) {
    return refused_if(syscall(SYS_mount, "x", "/mnt", "tmpfs", 0, NULL) != 0);
}
static int probe_io_uring(void) {
    return refused_if(syscall(SYS_io_uring_setup, 1, NULL) < 0);
}
static int probe_bpf(void) {
    return refused_if(syscall(SYS_bpf, 0, NULL, 0) < 0);
}
static int probe_keyctl(void) {
    return refused_if(syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0);
}
static int probe_priority(void) {
    return refused_if(setpriority(PRIO_PROCESS, (id_t)getppid(), 19) != 0);
}
static int probe_32_bit(void) {
#if defined __x86_64__
    long result = -1;
    // getpid of the 32-bit table; its numbers mean other calls there.
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
    return refused_if(result < 0);
#else
    return REFUSED;
#endif
}
static int probe_big_file(void) {
    char chunk[4096] = {0};
    for (int i = 0; i < 1024; i++)
        if (write(4, chunk, sizeof chunk) < 0) return errno == EFBIG ? LIMITED : REFUSED;
    return GOT_THROUGH;
}
#if !defined __SANITIZE_ADDRESS__ // whose shadow memory is beyond any limit
static int probe_memory(void) {
    for (int i = 0; i < 64; i++)
        if (mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED)
            return LIMITED;
    return GOT_THROUGH;
}
#endif

static const struct {
    const char *name;
    int (*run)(void);
    bool needs_landlock;
} probes[] = {
    {"write a file", probe_write_file, false},
    {"append to a file", probe_append_file, false},
    {"read /etc/passwd", probe_read_home, true},
    {"list /", probe_list_root, true},
    {"read the parent's memory by /proc", probe_proc_parent, true},
    {"remove a file", probe_unlink, false},
    {"make a folder", probe_mkdir, false},
    {"change permissions", probe_chmod, false},
    {"make a link", probe_symlink, false},
    {"TCP socket", probe_tcp, false},
    {"UDP socket", probe_udp, false},
    {"unix socket", probe_unix, false},
    {"run a program", probe_exec, false},
    {"fork", probe_fork, false},
    {"signal the parent", probe_kill_parent, false},
    {"signal a thread of the parent", probe_tgkill_parent, false},
    {"attach to the parent", probe_ptrace, false},
    {"read the parent's memory", probe_vm_read, false},
    {"change identity", probe_setuid, false},
    {"raise a limit", probe_raise_limit, false},
    {"change a limit of the parent", probe_limit_of_parent, false},
    {"have a descriptor signal the parent", probe_sigio, false},
    {"memory file", probe_memfd, false},
    {"mount", probe_mount, false},
    {"io_uring", probe_io_uring, false},
    {"bpf", probe_bpf, false},
    {"keys", probe_keyctl, false},
    {"priority of the parent", probe_priority, false},
    {"32-bit system call", probe_32_bit, false},
    {"write more than allowed", probe_big_file, false},
#if !defined __SANITIZE_ADDRESS__
    {"use more memory than allowed", probe_memory, false},
#endif
};

/* What must go on working: fonts, time, memory, the descriptors given. */
static int honest_work(void) {
    if (open("/usr/share", O_RDONLY | O_DIRECTORY) < 0) return 1;
    void *p = malloc(10 << 20);
    if (!p) return 2;
    free(p);
    if (write(3, "ok", 2) != 2) return 3;
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? 77 : 5;
}

static int worker(int channel, const int *fds, size_t n, int rules) {
    struct sandbox_limits limits = {.memory_bytes = 256 << 20, .file_bytes = 1 << 20};
    struct error error;
    enum sandbox_level level;
    unsigned char which;
    (void)fds;
    (void)n;
    if (read(channel, &which, 1) != 1) return 99;
    if (sandbox_limit(&limits, &error) != STATUS_OK) return 98;
    if (sandbox_enter(rules, &level, &error) != STATUS_OK) return 97;
    char level_byte = (char)level;
    if (write(channel, &level_byte, 1) != 1) return 96;
    if (which == 255) return honest_work();
    return probes[which].run();
}

/* Runs one worker to its end; its wait status, and the sandbox level it reached. */
static int run_worker(const struct fork_server *server, unsigned char which, int *level) {
    int channel[2], pipe_fds[2];
    struct error error;
    char path[] = "/tmp/docmill-test-sandbox-XXXXXX";
    int file = mkstemp(path);
    unlink(path);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) return -1;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return -1;
    int fds[3] = {channel[1], pipe_fds[1], file};
    fork_server_spawn(server, 100u + which, fds, 3, &error);
    close(channel[1]);
    close(pipe_fds[1]);
    close(file);
    int status = -1;
    unsigned char reached = 0;
    if (write(channel[0], &which, 1) == 1 && read(channel[0], &reached, 1) == 1) *level = reached;
    for (;;) {
        struct pollfd polled = {server->fd, POLLIN, 0};
        struct fork_event event;
        bool got;
        if (poll(&polled, 1, 10000) <= 0) break;
        if (fork_server_event(server, &event, &got, &error) != STATUS_OK) break;
        if (!got || event.kind == FORK_STARTED) continue;
        status = event.wait_status;
        break;
    }
    close(channel[0]);
    close(pipe_fds[0]);
    return status;
}

static void test_probes(const struct fork_server *server) {
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        int level = 0;
        int status = run_worker(server, (unsigned char)i, &level);
        if (level < SANDBOX_FULL && probes[i].needs_landlock) {
            check_skip(probes[i].name, "Landlock");
            continue;
        }
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        bool refused =
            WIFEXITED(status) && (WEXITSTATUS(status) == REFUSED || WEXITSTATUS(status) == LIMITED);
        CHECK(killed || refused, "%s: wait status %#x", probes[i].name, (unsigned)status);
    }
}

int main(int argc, char **argv) {
    static const struct fork_role role = {NULL, worker};
    struct fork_server server;
    struct error error;
    int code, level = 0;
    if (fork_server_serve(argc, argv, &role, &code)) return code;
    if (fork_server_start(&server, &error) != STATUS_OK) {
        CHECK(false, "%s", error.text);
        return check_end("sandbox");
    }
    close(open("/tmp/docmill-test-victim", O_CREAT | O_WRONLY, 0600));
    int status = run_worker(&server, 255, &level);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77, "honest work: wait status %#x",
          (unsigned)status);
    CHECK(level >= SANDBOX_SECCOMP, "level %d", level);
    test_probes(&server);
    struct stat st;
    CHECK(stat("/tmp/docmill-test-victim", &st) == 0 && (st.st_mode & 0777) == 0600, "the victim");
    CHECK(access("/tmp/docmill-test-escape", F_OK) != 0, "a file came into being");
    unlink("/tmp/docmill-test-victim");
    fork_server_stop(&server);
    return check_end("sandbox");
}
