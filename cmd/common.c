/* cmd/common.c - what the sub-commands share. See commands.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "pipeline/names.h"
#include "util/io.h"
#include "util/mem.h"

enum { PASSWORD_FILE_MAX = 64 << 10, MAX_PASSWORDS = 1000 };

int complain_text(int code, const char *format, ...) {
    struct error error;
    va_list args;
    va_start(args, format);
    vsnprintf(error.text, sizeof error.text, format, args);
    va_end(args);
    return complain(code, &error);
}

int complain(int code, const struct error *error) {
    char *safe = name_to_show(str_from(error->text));
    fprintf(stderr, "docmill: %s\n", safe);
    mem_free(safe);
    return code;
}

int exit_for_errno(int error_number) {
    switch (io_class(error_number)) {
    case IO_FULL:
    case IO_READ_ONLY: return EXIT_CANNOT_CREATE;
    case IO_DENIED: return EXIT_DENIED;
    default: return error_number == EIO ? EXIT_IO : EXIT_CANNOT_CREATE;
    }
}

static const char *nearest_format(struct str word) {
    for (size_t i = 0; exporters[i]; i++) {
        struct str extension = str_from(exporters[i]->extension);
        if (str_starts(extension, STR(".")) && str_eq(str_sub(extension, 1, extension.n), word))
            return exporters[i]->name;
    }
    if (str_eq(word, STR("markdown"))) return "md";
    if (str_eq(word, STR("htm"))) return "html";
    if (str_eq(word, STR("doc")) || str_eq(word, STR("word"))) return "docx";
    return NULL;
}

enum status formats_from(const char *text, struct job_config *config, struct error *err) {
    struct str rest = str_from(text);
    config->n_exporters = 0;
    while (rest.n > 0) {
        size_t comma = str_find(rest, STR(","));
        struct str word = str_trim(str_sub(rest, 0, comma));
        rest = str_sub(rest, comma + 1, rest.n);
        const struct exporter *exporter = exporter_find(word);
        bool is_there = false;
        for (size_t i = 0; i < config->n_exporters; i++)
            is_there = is_there || config->exporters[i] == exporter;
        if (is_there) continue;
        const char *near = nearest_format(word);
        if (!exporter && near)
            return fail(err, STATUS_ARG, "--to: there is no format \"%.*s\"; is it %s?",
                        STR_ARG(word), near);
        if (!exporter)
            return fail(err, STATUS_ARG, "--to: there is no format \"%.*s\"; md, html, docx, json",
                        STR_ARG(word));
        if (config->n_exporters == REQUEST_MAX_OUTPUTS)
            return fail(err, STATUS_ARG, "--to: too many formats");
        config->exporters[config->n_exporters++] = exporter;
    }
    if (config->n_exporters == 0) return fail(err, STATUS_ARG, "--to names no format");
    return STATUS_OK;
}

const struct exporter *format_of_file(const char *name) {
    for (size_t i = 0; exporters[i]; i++)
        if (str_ends(str_from(name), str_from(exporters[i]->extension))) return exporters[i];
    return NULL;
}

static char *read_small_file(const char *path, size_t *n, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail(err, STATUS_IO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *bytes = mem_alloc(PASSWORD_FILE_MAX + 1);
    ssize_t k;
    *n = 0;
    while (*n < PASSWORD_FILE_MAX && (k = read(fd, bytes + *n, PASSWORD_FILE_MAX - *n)) > 0)
        *n += (size_t)k;
    close(fd);
    return bytes;
}

/* Adds the lines of the file to the passwords. */
static enum status read_passwords(struct settings *settings, struct error *err) {
    size_t n;
    char *bytes = read_small_file(settings->password_file, &n, err);
    if (!bytes) return STATUS_IO;
    options_add(&settings->owned, bytes);
    for (char *at = bytes; at < bytes + n;) {
        char *end = memchr(at, '\n', (size_t)(bytes + n - at));
        if (!end) end = bytes + n; // the byte behind the file is there, and 0
        char *next = end + 1;
        if (end > at && end[-1] == '\r') end--;
        *end = '\0';
        if (*at) options_add(&settings->passwords, at);
        at = next;
    }
    return STATUS_OK;
}

static enum engine_choice engine_from(const char *name) {
    if (!name || strcmp(name, "auto") == 0) return CHOOSE_AUTO;
    return strcmp(name, "text") == 0 ? CHOOSE_TEXT : CHOOSE_TESSERACT;
}

static enum furniture_mode furniture_from(const char *name) {
    if (!name || strcmp(name, "drop") == 0) return FURNITURE_DROP;
    return strcmp(name, "keep") == 0 ? FURNITURE_KEEP : FURNITURE_MARK;
}

enum status config_from(struct settings *settings, struct job_config *config, struct error *err) {
    if (settings->password_file) TRY(read_passwords(settings, err));
    if (settings->passwords.n > MAX_PASSWORDS)
        return fail(err, STATUS_ARG, "more than %d passwords", MAX_PASSWORDS);
    *config =
        (struct job_config){.read = {.engine = engine_from(settings->engine),
                                     .lang = settings->lang,
                                     .dpi = (int)settings->dpi,
                                     .passwords = settings->passwords.items,
                                     .n_passwords = settings->passwords.n,
                                     .figures = !settings->no_figures,
                                     .max_pixels = (size_t)settings->max_pixels,
                                     .max_pages = (int)settings->max_pages},
                            .export = {.furniture = furniture_from(settings->furniture),
                                       .provenance = settings->provenance,
                                       .page_breaks = settings->page_breaks},
                            .page_wall_ms = settings->page_timeout_s * 1000,
                            .page_cpu_ms = settings->page_timeout_s * 500,
                            .document_wall_ms = settings->document_timeout_s * 1000,
                            .memory_bytes = (uint64_t)settings->memory_mb << 20,
                            .sandbox = !settings->sandbox || strcmp(settings->sandbox, "off") != 0,
                            .force = settings->force,
                            .plan = settings->dry_run,
                            .out_fd = -1,
                            .scratch_fd = -1,
                            .copy_to_fd = -1};
    if (settings->pages && pages_parse(str_from(settings->pages), &config->pages, err) != STATUS_OK)
        return fail_in(err, "--pages");
    return STATUS_OK;
}

int open_out_folder(const char *path) {
    struct error ignored;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = open(path, flags);
    if (fd >= 0 || errno != ENOENT) return fd;
    // Made from the first part that is missing; symbolic links on the way to it are the user's own.
    size_t n = strlen(path);
    char *above = mem_alloc(n + 1);
    int base = -1;
    struct str rest = {0};
    for (size_t cut = n; base < 0; cut--) {
        if (cut > 0 && path[cut - 1] != '/') continue;
        memcpy(above, path, cut);
        above[cut] = '\0';
        base = open(cut ? above : ".", flags);
        rest = (struct str){path + cut, n - cut};
        if (cut == 0 || (base < 0 && errno != ENOENT)) break;
    }
    mem_free(above);
    if (base < 0) return -1;
    fd = io_open_folder(base, rest, &ignored);
    int saved = errno;
    close(base);
    errno = saved;
    return fd;
}

int open_temp_folder(void) {
    const char *path = getenv("TMPDIR");
    return open(path && *path ? path : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
