/* cmd/inspect.c - `docmill inspect`: a page with what was understood drawn over it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "pipeline/solo.h"
#include "util/io.h"
#include "util/mem.h"

struct inspect {
    struct settings *settings;
    struct job_config config;
    struct workers *workers;
    int input_fd, folder_fd;
    const char *leaf; // of the output
    int64_t n_bytes;
};

static int complain_class(enum job_class class, const char *name, const struct error *error) {
    const char *advice = job_class_advice[class];
    bool has_advice = advice && *advice;
    return complain_text(class == CLASS_DISK_FULL     ? EXIT_CANNOT_CREATE
                         : class == CLASS_INTERRUPTED ? EXIT_AGAIN
                                                      : EXIT_FAILED,
                         "%s: %s%s%s%s", name, error->text, has_advice ? " (" : "",
                         has_advice ? advice : "", has_advice ? ")" : "");
}

static int open_input(struct inspect *in, const char *name) {
    struct stat st;
    in->input_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (in->input_fd < 0 || fstat(in->input_fd, &st) != 0)
        return complain_text(errno == ENOENT ? EXIT_NO_INPUT : exit_for_errno(errno), "%s: %s",
                             name, strerror(errno));
    if (!S_ISREG(st.st_mode)) return complain_text(EXIT_NO_INPUT, "%s: not a plain file", name);
    in->n_bytes = st.st_size;
    return EXIT_OK;
}

/* Where the picture goes: a file, or standard output. */
static int open_output(struct inspect *in, struct io_temp *temp, struct error *err) {
    const char *out = in->settings->out, *slash = strrchr(out, '/');
    in->leaf = slash ? slash + 1 : out;
    if (strcmp(out, "-") == 0) {
        in->folder_fd = open_temp_folder();
    } else if (slash) {
        char *folder = mem_alloc((size_t)(slash - out) + 2);
        memcpy(folder, out, (size_t)(slash - out) + 1);
        in->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        mem_free(folder);
    } else {
        in->folder_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (in->folder_fd < 0 || io_temp_open(in->folder_fd, temp, err) != STATUS_OK)
        return complain_text(exit_for_errno(errno), "cannot create %s: %s", out, strerror(errno));
    return EXIT_OK;
}

static int deliver(struct inspect *in, struct io_temp *temp) {
    struct error error = {0};
    struct stat st;
    if (strcmp(in->settings->out, "-") != 0) {
        if (io_temp_publish(temp, in->leaf, &error) == STATUS_OK) return EXIT_OK;
        return complain(exit_for_errno(errno), &error);
    }
    if (fstat(temp->fd, &st) == 0 &&
        io_copy(temp->fd, 0, (uint64_t)st.st_size, STDOUT_FILENO, &error) == STATUS_OK)
        return EXIT_OK;
    return complain(EXIT_IO, &error);
}

static int draw(struct inspect *in, struct io_temp *temp) {
    struct error error = {0};
    const char *name = in->settings->arguments.items[0];
    struct request request = {.task = WORKER_DRAW,
                              .sandbox = in->config.sandbox,
                              .name = str_from(name),
                              .read = in->config.read,
                              .page = (int)in->settings->page,
                              .dpi = (int)in->settings->dpi};
    // --dpi is that of the picture; what Tesseract reads stays as for convert.
    request.read.dpi = 0;
    request.limits.memory_bytes = in->config.memory_bytes + (uint64_t)in->n_bytes;
    request.limits.file_bytes = 4ULL << 30;
    struct solo solo = {.workers = in->workers,
                        .wake_fd = -1,
                        .silence_ms = 2 * in->config.page_wall_ms,
                        .spool_fd = -1};
    int fds[2] = {in->input_fd, temp->fd};
    enum job_class class;
    if (solo_run(&solo, fds, 2, &request, &class, &error) != STATUS_OK)
        return complain_class(class, name, &error);
    return deliver(in, temp);
}

int inspect_main(struct settings *settings) {
    struct inspect in = {.settings = settings, .input_fd = -1, .folder_fd = -1};
    struct io_temp temp = {.fd = -1};
    struct error error = {0};
    if (settings->arguments.n != 1)
        return complain_text(EXIT_USAGE, "inspect takes one file: docmill inspect FILE --page N -o "
                                         "PAGE.png");
    if (!settings->out) return complain_text(EXIT_USAGE, "say where the picture goes: -o PAGE.png");
    if (workers_new(&in.workers, &error) != STATUS_OK) return complain(EXIT_NO_WORKERS, &error);
    int code = EXIT_OK;
    if (config_from(settings, &in.config, &error) != STATUS_OK) code = complain(EXIT_USAGE, &error);
    if (code == EXIT_OK) code = open_input(&in, settings->arguments.items[0]);
    if (code == EXIT_OK) code = open_output(&in, &temp, &error);
    if (code == EXIT_OK) code = draw(&in, &temp);
    io_temp_discard(&temp);
    workers_free(in.workers);
    if (in.input_fd >= 0) close(in.input_fd);
    if (in.folder_fd >= 0) close(in.folder_fd);
    return code;
}
