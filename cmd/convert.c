/* cmd/convert.c - `docmill convert`: documents in, documents out. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/report.h"
#include "util/mem.h"

struct convert {
    struct settings *settings;
    struct job_config config;
    struct report report;
    int signals; // to read SIGINT and SIGTERM from
    int n_signals, last_signal;
    int n_workers;
};

/* ---- options that hang together ---- */

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One input that is a file, and an output that is no folder and whose name says its format. */
static bool is_single(const struct settings *settings) {
    const struct text_list *inputs = &settings->arguments;
    const char *out = settings->out;
    if (inputs->n != 1 || strcmp(inputs->items[0], "-") == 0) return false;
    if (is_folder(inputs->items[0]) || is_folder(out) || out[strlen(out) - 1] == '/') return false;
    return format_of_file(out) != NULL;
}

static enum status choose_formats(struct convert *c, struct error *err) {
    const struct settings *settings = c->settings;
    bool to_stdout = c->config.copy_to_fd >= 0;
    const struct exporter *by_name =
        settings->out && is_single(settings) ? format_of_file(settings->out) : NULL;
    if (!settings->to && by_name) {
        c->config.exporters[0] = by_name;
        c->config.n_exporters = 1;
        return STATUS_OK;
    }
    TRY(formats_from(settings->to ? settings->to : "md", &c->config, err));
    if ((to_stdout || by_name) && c->config.n_exporters != 1)
        return fail(err, STATUS_ARG,
                    "-o %s takes one format; name one with --to, or a folder with "
                    "-o",
                    settings->out);
    if (by_name && by_name != c->config.exporters[0])
        return fail(err, STATUS_ARG, "--to %s and -o %s do not agree", settings->to, settings->out);
    return STATUS_OK;
}

static enum status check_stdout(const struct convert *c, struct error *err) {
    const struct settings *settings = c->settings;
    if (settings->json)
        return fail(err, STATUS_ARG,
                    "-o - and --json both want standard output; use --report FILE");
    if (settings->arguments.n != 1 || strcmp(settings->arguments.items[0], "-") == 0 ||
        is_folder(settings->arguments.items[0]))
        return fail(err, STATUS_ARG, "-o - takes one file");
    return STATUS_OK;
}

/* The folder of a file's path, opened; its name within goes to config.single. */
static int open_folder_of(struct convert *c, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        c->config.single = str_from(path);
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    c->config.single = str_from(slash + 1);
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    char *folder = mem_alloc(n + 1);
    memcpy(folder, path, n);
    int fd = open_out_folder(folder);
    int saved = errno;
    mem_free(folder);
    errno = saved;
    return fd;
}

/* A folder inside itself would grow with every run. */
static enum status check_not_input(const struct convert *c, struct error *err) {
    struct stat out, in;
    if (fstat(c->config.out_fd, &out) != 0) return STATUS_OK;
    for (size_t i = 0; i < c->settings->arguments.n; i++) {
        const char *name = c->settings->arguments.items[i];
        if (strcmp(name, ".") == 0 || stat(name, &in) != 0 || !S_ISDIR(in.st_mode)) continue;
        if (in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return fail(err, STATUS_ARG,
                        "%s is both input and output; choose another folder with "
                        "-o (-o . puts outputs beside their inputs)",
                        name);
    }
    return STATUS_OK;
}

/* Opens where outputs go. *code is the exit code when it fails. */
static enum status open_outputs(struct convert *c, int *code, struct error *err) {
    const char *out = c->settings->out;
    *code = EXIT_USAGE;
    if (c->config.plan || c->config.copy_to_fd >= 0) {
        c->config.scratch_fd = open_temp_folder();
        c->config.single = c->config.plan ? (struct str){0} : STR("standard-output");
    } else if (is_single(c->settings)) {
        c->config.out_fd = c->config.scratch_fd = open_folder_of(c, out);
    } else {
        c->config.out_fd = c->config.scratch_fd = open_out_folder(out);
    }
    if (c->config.scratch_fd < 0) {
        *code = exit_for_errno(errno);
        return fail(err, STATUS_IO, "cannot create %s: %s; choose another place with -o",
                    out ? out : "temporary files", strerror(errno));
    }
    if (c->config.out_fd < 0 || c->config.single.n) return STATUS_OK;
    return check_not_input(c, err);
}

/* All that changes outputs, as a hash: an input is done again when any of it changes. */
static void hash_options(struct job_config *config, const char *pages) {
    struct buf text;
    uint8_t hash[HASH_BYTES];
    buf_open(&text, 0);
    buf_printf(&text, "%s engine=%d lang=%s dpi=%d figures=%d pixels=%zu pages=%d furniture=%d ",
               DOCMILL_VERSION, (int)config->read.engine,
               config->read.lang ? config->read.lang : "", config->read.dpi, config->read.figures,
               config->read.max_pixels, config->read.max_pages, (int)config->export.furniture);
    buf_printf(&text, "provenance=%d breaks=%d of=%s to=", config->export.provenance,
               config->export.page_breaks, pages ? pages : "");
    for (size_t i = 0; i < config->n_exporters; i++)
        buf_printf(&text, "%s,", config->exporters[i]->name);
    hash_bytes(buf_str(&text), hash);
    hash_to_hex(hash, config->options_hash);
    buf_close(&text);
}

static enum status prepare(struct convert *c, int *code, struct error *err) {
    struct settings *settings = c->settings;
    *code = EXIT_USAGE;
    if (settings->arguments.n == 0)
        return fail(err, STATUS_ARG, "convert needs inputs: docmill convert FILE... -o OUT");
    enum status status = config_from(settings, &c->config, err);
    if (status == STATUS_IO) *code = EXIT_NO_INPUT;
    TRY(status);
    if (!settings->dry_run && (!settings->out || !*settings->out))
        return fail(err, STATUS_ARG, "say where the results go: -o OUT");
    if (settings->out && strcmp(settings->out, "-") == 0 && !settings->dry_run) {
        TRY(check_stdout(c, err));
        c->config.copy_to_fd = STDOUT_FILENO;
        c->config.read.figures = false; // there is no place beside standard output
    }
    if (!settings->dry_run) TRY(choose_formats(c, err));
    TRY(open_outputs(c, code, err));
    hash_options(&c->config, settings->pages);
    return STATUS_OK;
}

/* ---- while it runs ---- */

static void on_result(void *context, const struct job_result *result) {
    struct convert *c = context;
    report_result(&c->report, result);
}

static void on_progress(void *context, const struct run_progress *progress) {
    struct convert *c = context;
    report_progress(&c->report, progress);
}

static enum run_stop on_stop(void *context) {
    struct convert *c = context;
    struct signalfd_siginfo info;
    while (read(c->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        c->last_signal = (int)info.ssi_signo;
        if (++c->n_signals == 1 && !c->report.quiet)
            report_say(&c->report, "docmill: stopping; once more to stop at once");
    }
    return c->n_signals == 0 ? RUN_ON : c->n_signals == 1 ? RUN_STOP_SOON : RUN_STOP_NOW;
}

static int open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int default_workers(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

static bool wants_colour(const char *mode) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (mode && strcmp(mode, "always") == 0) return true;
    if (mode && strcmp(mode, "never") == 0) return false;
    return isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* Opens the JSON report: standard output, or a file that appears whole. -1: none. */
static int open_report(const struct convert *c, struct io_temp *temp, struct error *err) {
    const char *path = c->settings->report;
    temp->fd = -1;
    if (!path) return c->settings->json ? STDOUT_FILENO : -1;
    const char *slash = strrchr(path, '/');
    char *folder = mem_alloc(strlen(path) + 2);
    memcpy(folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mem_free(folder);
    if (fd < 0 || io_temp_open(fd, temp, err) != STATUS_OK) {
        fail(err, STATUS_IO, "--report %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    return temp->fd;
}

static enum status publish_report(const char *path, struct io_temp *temp, struct error *err) {
    if (temp->fd < 0) return STATUS_OK;
    const char *slash = strrchr(path, '/');
    int folder = temp->dir_fd;
    enum status status = io_temp_publish(temp, slash ? slash + 1 : path, err);
    close(folder);
    return status;
}

static bool is_tolerable(const struct convert *c) {
    size_t n = 0, failed = c->report.n_by_state[JOB_FAILED];
    for (int s = 0; s < N_JOB_STATES; s++) n += c->report.n_by_state[s];
    return c->settings->tolerate >= 0 && failed * 100 <= n * (size_t)c->settings->tolerate;
}

static int exit_code(const struct convert *c, enum run_end end) {
    const struct report *r = &c->report;
    switch (end) {
    case RUN_STOPPED: return c->last_signal == SIGINT ? 130 : EXIT_AGAIN;
    case RUN_DISK_FULL: return EXIT_CANNOT_CREATE;
    case RUN_IO: return EXIT_IO;
    case RUN_NO_WORKERS: return EXIT_NO_WORKERS;
    default: break;
    }
    size_t n = 0;
    for (int s = 0; s < N_JOB_STATES; s++) n += r->n_by_state[s];
    if (n > 0 && r->n_not_found == n) return EXIT_NO_INPUT;
    if (is_tolerable(c)) return EXIT_OK;
    if (r->n_by_state[JOB_FAILED]) return EXIT_FAILED;
    return r->n_by_state[JOB_DEGRADED] || r->n_was_degraded ? EXIT_DEGRADED : EXIT_OK;
}

static int run(struct convert *c, struct workers *workers) {
    struct error error = {0};
    struct io_temp report_file;
    int json_fd = open_report(c, &report_file, &error);
    if (json_fd < 0 && c->settings->report) return complain(EXIT_CANNOT_CREATE, &error);
    report_open(&c->report, json_fd);
    struct inputs *inputs = inputs_new(c->settings->arguments.items, c->settings->arguments.n,
                                       STDIN_FILENO, c->config.out_fd);
    struct run_events events = {on_result, on_progress, on_stop, c->signals, c};
    enum run_end end = run_jobs(&c->config, workers, inputs, c->n_workers, &events, &error);
    int code = exit_code(c, end);
    inputs_free(inputs);
    if (end == RUN_NO_WORKERS && error.text[0]) complain(code, &error);
    enum status status = report_close(&c->report, end, c->n_workers, code, &error);
    if (status == STATUS_OK) status = publish_report(c->settings->report, &report_file, &error);
    if (status != STATUS_OK) return complain(code == EXIT_OK ? EXIT_IO : code, &error);
    return code;
}

int convert_main(struct settings *settings) {
    struct convert c = {.settings = settings};
    struct error error = {0};
    struct workers *workers;
    int code;
    // First of all, while this process is small and knows nothing.
    if (workers_new(&workers, &error) != STATUS_OK) return complain(EXIT_NO_WORKERS, &error);
    c.signals = open_signals();
    c.n_workers = settings->jobs ? (int)settings->jobs : default_workers();
    c.report.quiet = settings->quiet;
    c.report.verbose = settings->verbose && !settings->quiet;
    c.report.colour = wants_colour(settings->color);
    c.report.plan = settings->dry_run;
    if (prepare(&c, &code, &error) != STATUS_OK)
        complain(code, &error);
    else
        code = run(&c, workers);
    workers_free(workers);
    if (c.config.scratch_fd > 0) close(c.config.scratch_fd);
    if (c.signals >= 0) close(c.signals);
    return code;
}
