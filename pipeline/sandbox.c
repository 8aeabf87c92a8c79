/* pipeline/sandbox.c - see sandbox.h. */
#include "pipeline/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; // its shadow memory and its reports need more than a document does
#else
enum { SANITIZED = 0 };
#endif

/* The kernel's structure as of ABI 6; older kernels get the front part they know. */
struct rules_attr {
    uint64_t fs, net, scoped;
};

enum {
    ABI_NET = 4,
    ABI_SCOPED = 6,
    FS_TRUNCATE = 1 << 14,  // ABI 3
    FS_IOCTL_DEV = 1 << 15, // ABI 5
    NET_ALL = 3,            // bind and connect, TCP
    SCOPED_ALL = 3,         // abstract unix sockets, signals
};

static uint64_t all_fs_rights(long abi) {
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; // ABI 1
    if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) rights |= FS_TRUNCATE;
    if (abi >= 5) rights |= FS_IOCTL_DEV;
    return rights;
}

/* Lets everything below path be read; a path that is not there is no loss. */
static void allow_read(int rules, const char *path) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    struct stat st;
    uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) rights |= LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_path_beneath_attr below = {.allowed_access = rights, .parent_fd = fd};
    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    close(fd);
}

static void allow_read_home(int rules, const char *variable, const char *below) {
    const char *home = getenv(variable);
    char path[4096];
    if (!home || home[0] != '/') return;
    int n = snprintf(path, sizeof path, "%s%s", home, below);
    if (n > 0 && (size_t)n < sizeof path) allow_read(rules, path);
}

int sandbox_rules(void) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return -1;
    struct rules_attr attr = {.fs = all_fs_rights(abi), .net = NET_ALL, .scoped = SCOPED_ALL};
    size_t size = abi >= ABI_SCOPED ? sizeof attr
                  : abi >= ABI_NET  ? offsetof(struct rules_attr, scoped)
                                    : offsetof(struct rules_attr, net);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (rules < 0) return -1;
    if (fcntl(rules, F_SETFD, FD_CLOEXEC) != 0) {
        close(rules);
        return -1;
    }
    static const char *const paths[] = {"/usr/share",
                                        "/usr/local/share",
                                        "/usr/lib",
                                        "/usr/lib64",
                                        "/lib",
                                        "/lib64",
                                        "/usr/local/lib",
                                        "/etc/fonts",
                                        "/etc/papersize",
                                        "/etc/localtime",
                                        "/var/cache/fontconfig",
                                        "/var/lib/fonts",
                                        "/etc/ld.so.cache",
                                        "/dev/null",
                                        "/dev/urandom"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) allow_read(rules, paths[i]);
    static const char *const below_home[] = {"/.fonts", "/.local/share/fonts", "/.cache/fontconfig",
                                             "/.config/fontconfig"};
    for (size_t i = 0; i < sizeof below_home / sizeof *below_home; i++)
        allow_read_home(rules, "HOME", below_home[i]);
    allow_read_home(rules, "XDG_DATA_HOME", "/fonts");
    allow_read_home(rules, "XDG_CACHE_HOME", "/fontconfig");
    allow_read_home(rules, "XDG_CONFIG_HOME", "/fontconfig");
    allow_read_home(rules, "TESSDATA_PREFIX", "");
    if (SANITIZED) allow_read(rules, "/proc");
    return rules;
}

static enum status set_limit(int what, rlim_t value, const char *name, struct error *err) {
    struct rlimit limit = {value, value};
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max < value)
        limit.rlim_cur = limit.rlim_max = now.rlim_max; // a stricter one is in force already
    if (setrlimit((__rlimit_resource_t)what, &limit) == 0) return STATUS_OK;
    return fail(err, STATUS_IO, "cannot limit %s: %s", name, strerror(errno));
}

/* Bytes of address space in use now. */
static uint64_t mapped_bytes(void) {
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm) return 1ULL << 30;
    if (fscanf(statm, "%llu", &pages) != 1) pages = 0;
    (void)fclose(statm); // it was read only
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

enum status sandbox_limit(const struct sandbox_limits *limits, struct error *err) {
    // A write beyond the limit shall be an error, not a death: fontconfig tries to write a cache.
    signal(SIGXFSZ, SIG_IGN);
    TRY(set_limit(RLIMIT_CORE, 0, "core dumps", err));
    TRY(set_limit(RLIMIT_FSIZE, limits->file_bytes, "file sizes", err));
    TRY(set_limit(RLIMIT_NOFILE, 256, "open files", err));
    if (limits->cpu_s) TRY(set_limit(RLIMIT_CPU, limits->cpu_s, "CPU time", err));
    if (limits->memory_bytes && !SANITIZED)
        TRY(set_limit(RLIMIT_AS, mapped_bytes() + limits->memory_bytes, "memory", err));
    return STATUS_OK;
}

static const int allowed[] = {
    // files that are open
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fadvise64),
    SCMP_SYS(ftruncate),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    // looking at the file system
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    // memory
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    // the process itself
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(membarrier),
    // time
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
};

static const int deadly[] = {
    // the network
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvfrom),
    // other programs and processes
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    // the kernel
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    // other identities
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
};

/* Calls that are fine with some arguments only. */
static int add_conditional(scmp_filter_ctx filter) {
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    // F_SETOWN is not among them: with it a worker could have signals sent.
    static const uint64_t fcntl_commands[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD, F_DUPFD_CLOEXEC};
    int bad = 0;
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    for (size_t i = 0; i < sizeof fcntl_commands / sizeof *fcntl_commands; i++)
        bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                SCMP_A1(SCMP_CMP_EQ, fcntl_commands[i]));
    // Reading limits, of itself; abort() of itself.
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0),
                            SCMP_A2(SCMP_CMP_EQ, 0));
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    return bad;
}

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (calls[i] < 0) continue; // not a call of this architecture
        int code = seccomp_rule_add(filter, action, calls[i], 0);
        if (code != 0) return code;
    }
    return 0;
}

static enum status enter_seccomp(struct error *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int bad = filter ? 0 : -ENOMEM;
    if (!bad) bad = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree: fewer steps
    if (!bad) bad = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!bad) bad = add_list(filter, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof *allowed);
    if (!bad) bad = add_list(filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof deadly / sizeof *deadly);
    if (!bad) bad = add_conditional(filter);
    if (!bad) bad = seccomp_load(filter);
    if (filter) seccomp_release(filter);
    if (!bad) return STATUS_OK;
    return fail(err, STATUS_DEVICE,
                "this kernel refuses the seccomp sandbox (%s); --sandbox off works without it",
                strerror(bad < 0 ? -bad : bad));
}

enum status sandbox_enter(int rules, enum sandbox_level *reached, struct error *err) {
    *reached = SANDBOX_LIMITS;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(err, STATUS_DEVICE, "no_new_privs: %s", strerror(errno));
    bool landlock = rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (rules >= 0) close(rules);
    TRY(enter_seccomp(err));
    *reached = landlock ? SANDBOX_FULL : SANDBOX_SECCOMP;
    return STATUS_OK;
}
