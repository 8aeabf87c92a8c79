/* cmd/export.c - `docmill export`: docmill's JSON into the other formats. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "pipeline/frame.h"
#include "pipeline/solo.h"
#include "util/io.h"
#include "util/mem.h"

enum { FIGURES_MAX_BYTES = 1 << 30 };

struct exporting {
    struct settings *settings;
    struct job_config config;
    struct workers *workers;
    int input_fd, out_fd, spool_fd;
    int64_t n_bytes;
    char *base; // name of the outputs without extension: "report.pdf" for "x/report.pdf.json"
    uint64_t spool_end;
    struct extent index; // of the figures in the spool
    struct publication publication;
};

static char *base_of(const char *path) {
    const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
    struct str name = str_from(leaf);
    if (str_ends(name, STR(".json"))) name = str_sub(name, 0, name.n - 5);
    char *base = mem_alloc(name.n + 1);
    memcpy(base, name.s, name.n);
    return base;
}

static int open_input(struct exporting *x, const char *name) {
    struct stat st;
    x->input_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (x->input_fd < 0 || fstat(x->input_fd, &st) != 0)
        return complain_text(errno == ENOENT ? EXIT_NO_INPUT : exit_for_errno(errno), "%s: %s",
                             name, strerror(errno));
    if (!S_ISREG(st.st_mode)) return complain_text(EXIT_NO_INPUT, "%s: not a plain file", name);
    x->n_bytes = st.st_size;
    return EXIT_OK;
}

/* Copies one figure to the spool and notes where. A file that is no plain one is passed over. */
static enum status spool_figure(struct exporting *x, int folder, const char *name,
                                struct buf *index, struct error *err) {
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return STATUS_OK;
    enum status status = STATUS_OK;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FRAME_STREAM_MAX) {
        uint64_t n = (uint64_t)st.st_size;
        if (n > FIGURES_MAX_BYTES - x->spool_end)
            status = fail(err, STATUS_LIMIT, "more than 1 GiB of figures");
        else
            status = io_copy(fd, 0, n, x->spool_fd, err);
        wire_put_str(index, str_from(name));
        wire_put_u64(index, x->spool_end);
        wire_put_u64(index, n);
        x->spool_end += n;
    }
    close(fd);
    return status;
}

/* All figures beside the JSON file, "report.pdf.figures/", go to the spool: the worker opens no files
 * and this process does not read the JSON. */
static enum status spool_figures(struct exporting *x, const char *path, struct error *err) {
    struct buf index, folder;
    size_t n = strlen(path);
    if (str_ends(str_from(path), STR(".json"))) n -= 5;
    buf_open(&index, FIGURES_MAX_BYTES);
    buf_open(&folder, 0);
    buf_printf(&folder, "%.*s.figures", (int)n, path);
    buf_putc(&folder, '\0');
    DIR *entries = opendir(folder.data);
    buf_close(&folder);
    enum status status = STATUS_OK;
    for (struct dirent *e; entries && status == STATUS_OK && (e = readdir(entries));)
        if (str_ends(str_from(e->d_name), STR(".png")))
            status = spool_figure(x, dirfd(entries), e->d_name, &index, err);
    if (entries) closedir(entries);
    x->index = (struct extent){x->spool_end, index.n};
    if (status == STATUS_OK) status = io_write(x->spool_fd, buf_str(&index), err);
    x->spool_end += index.n;
    buf_close(&index);
    return status;
}

static int open_outputs(struct exporting *x) {
    struct error error = {0};
    struct str names[REQUEST_MAX_OUTPUTS];
    char *made[REQUEST_MAX_OUTPUTS] = {0};
    size_t n = x->config.n_exporters;
    bool to_stdout = strcmp(x->settings->out, "-") == 0;
    x->out_fd = to_stdout ? open_temp_folder() : open_out_folder(x->settings->out);
    if (x->out_fd < 0)
        return complain_text(exit_for_errno(errno), "cannot create %s: %s", x->settings->out,
                             strerror(errno));
    for (size_t i = 0; i < n; i++) {
        struct buf name;
        buf_open(&name, 0);
        buf_printf(&name, "%s%s", x->base, x->config.exporters[i]->extension);
        buf_putc(&name, '\0');
        made[i] = name.data;
        names[i] = str_from(made[i]);
    }
    struct buf figures;
    buf_open(&figures, 0);
    buf_printf(&figures, "%s.figures", x->base);
    enum status status = publish_open(x->out_fd, x->config.exporters, names, n, buf_str(&figures),
                                      &x->publication, &error);
    if (status == STATUS_OK && (x->spool_fd = io_scratch(x->out_fd, &error)) < 0)
        status = STATUS_IO;
    int saved = errno;
    buf_close(&figures);
    for (size_t i = 0; i < n; i++) mem_free(made[i]);
    return status == STATUS_OK ? EXIT_OK : complain(exit_for_errno(saved), &error);
}

static int deliver(struct exporting *x) {
    struct error error = {0};
    struct stat st;
    enum status status;
    if (strcmp(x->settings->out, "-") == 0) {
        int fd = x->publication.temps[0].fd;
        status = fstat(fd, &st) == 0 ? io_copy(fd, 0, (uint64_t)st.st_size, STDOUT_FILENO, &error)
                                     : fail(&error, STATUS_IO, "fstat: %s", strerror(errno));
    } else {
        status = publish_commit(&x->publication, x->spool_fd, &error);
    }
    return status == STATUS_OK ? EXIT_OK : complain(exit_for_errno(errno), &error);
}

static int export(struct exporting *x, const char *name) {
    struct error error = {0};
    struct buf figures;
    if (spool_figures(x, name, &error) != STATUS_OK) return complain(exit_for_errno(errno), &error);
    buf_open(&figures, 0);
    buf_printf(&figures, "%s.figures", x->base);
    struct request request = {.task = WORKER_EXPORT,
                              .sandbox = x->config.sandbox,
                              .name = str_from(name),
                              .export = x->config.export,
                              .n_exporters = x->config.n_exporters,
                              .index = x->index};
    memcpy(request.exporters, x->config.exporters, sizeof request.exporters);
    request.export.figures_dir = buf_str(&figures);
    request.limits.memory_bytes = x->config.memory_bytes + 8 * (uint64_t)x->n_bytes;
    request.limits.file_bytes = 16ULL << 30;
    struct solo solo = {.workers = x->workers,
                        .wake_fd = -1,
                        .silence_ms = 2 * x->config.page_wall_ms,
                        .spool_fd = x->spool_fd,
                        .spool_end = x->spool_end,
                        .publication = &x->publication};
    int fds[2 + 2 * REQUEST_MAX_OUTPUTS] = {x->input_fd, x->spool_fd};
    size_t n_fds = 2 + publish_fds(&x->publication, fds + 2);
    enum job_class class;
    enum status status = solo_run(&solo, fds, n_fds, &request, &class, &error);
    buf_close(&figures);
    if (status == STATUS_OK) return deliver(x);
    return complain_text(class == CLASS_DISK_FULL ? EXIT_CANNOT_CREATE : EXIT_FAILED, "%s: %s",
                         name, error.text);
}

static int prepare(struct exporting *x) {
    struct settings *settings = x->settings;
    struct error error = {0};
    if (settings->arguments.n != 1)
        return complain_text(EXIT_USAGE,
                             "export takes one file: docmill export FILE.json --to md -o OUT");
    if (!settings->out || !*settings->out)
        return complain_text(EXIT_USAGE, "say where the results go: -o OUT");
    if (config_from(settings, &x->config, &error) != STATUS_OK ||
        formats_from(settings->to ? settings->to : "md", &x->config, &error) != STATUS_OK)
        return complain(EXIT_USAGE, &error);
    if (strcmp(settings->out, "-") == 0 && x->config.n_exporters != 1)
        return complain_text(EXIT_USAGE, "-o - takes one format");
    x->base = base_of(settings->arguments.items[0]);
    return open_input(x, settings->arguments.items[0]);
}

int export_main(struct settings *settings) {
    struct exporting x = {.settings = settings, .input_fd = -1, .out_fd = -1, .spool_fd = -1};
    struct error error = {0};
    if (workers_new(&x.workers, &error) != STATUS_OK) return complain(EXIT_NO_WORKERS, &error);
    int code = prepare(&x);
    if (code == EXIT_OK) code = open_outputs(&x);
    if (code == EXIT_OK) code = export(&x, settings->arguments.items[0]);
    publish_close(&x.publication);
    workers_free(x.workers);
    mem_free(x.base);
    if (x.input_fd >= 0) close(x.input_fd);
    if (x.spool_fd >= 0) close(x.spool_fd);
    if (x.out_fd >= 0) close(x.out_fd);
    return code;
}
