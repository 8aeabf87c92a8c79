/* pipeline/publish.c - see publish.h. */
#include "pipeline/publish.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

static char *copy_text(struct str a, struct str b) {
    char *text = mem_alloc(a.n + b.n + 1);
    if (a.n) memcpy(text, a.s, a.n);
    if (b.n) memcpy(text + a.n, b.s, b.n);
    return text;
}

/* Splits a name behind its last slash. */
static struct str folder_of(struct str name) {
    size_t n = name.n;
    while (n > 0 && name.s[n - 1] != '/') n--;
    return str_sub(name, 0, n);
}

enum status publish_open(int out_fd, const struct exporter *const *formats, const struct str *names,
                         size_t n, struct str figures_name, struct publication *out,
                         struct error *err) {
    struct str folder = folder_of(names[0]);
    *out = (struct publication){.folder_fd = -1};
    out->folder_fd = io_open_folder(out_fd, folder, err);
    if (out->folder_fd < 0) return STATUS_IO;
    out->folder = copy_text(folder, (struct str){0});
    out->figures_name =
        copy_text(str_sub(figures_name, folder_of(figures_name).n, figures_name.n), STR(""));
    for (size_t i = 0; i < n; i++) {
        out->exporters[i] = formats[i];
        out->names[i] = copy_text(str_sub(names[i], folder.n, names[i].n), STR(""));
        out->temps[i].fd = out->scratch[i] = -1;
        out->n = i + 1;
        enum status status = io_temp_open(out->folder_fd, &out->temps[i], err);
        if (status == STATUS_OK && (out->scratch[i] = io_scratch(out->folder_fd, err)) < 0)
            status = STATUS_IO;
        if (status == STATUS_OK) continue;
        int saved = errno;
        publish_close(out);
        errno = saved;
        return status;
    }
    return STATUS_OK;
}

size_t publish_fds(const struct publication *p, int *out) {
    for (size_t i = 0; i < p->n; i++) {
        out[2 * i] = p->temps[i].fd;
        out[2 * i + 1] = p->scratch[i];
    }
    return 2 * p->n;
}

/* A plain file name: what our own code calls figures, nothing that leads elsewhere. */
static bool is_figure_name(struct str name) {
    if (name.n < 5 || name.n > 100 || name.s[0] == '.' || name.s[0] == '-') return false;
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.s[i]) && !strchr("-_.", name.s[i])) return false;
    return memchr(name.s, '\0', name.n) == NULL && str_ends(name, STR(".png"));
}

enum status publish_figure_name(struct publication *p, struct str name, struct error *err) {
    if (!is_figure_name(name) || p->next_figure)
        return fail(err, STATUS_FORMAT, "the worker broke the protocol: name of a figure");
    p->next_figure = copy_text(name, STR(""));
    return STATUS_OK;
}

enum status publish_figure(struct publication *p, struct extent extent, struct error *err) {
    if (!p->next_figure)
        return fail(err, STATUS_FORMAT, "the worker broke the protocol: a figure without a name");
    p->figures = mem_grow(p->figures, p->n_figures, &p->cap_figures, sizeof *p->figures);
    p->figures[p->n_figures].name = p->next_figure;
    p->figures[p->n_figures++].extent = extent;
    p->next_figure = NULL;
    return STATUS_OK;
}

static void note_file(struct publication *p, struct str inner, const char *name, int64_t n_bytes) {
    p->files = mem_grow(p->files, p->n_files, &p->cap_files, sizeof *p->files);
    char *folder = copy_text(str_from(p->folder), inner);
    p->files[p->n_files++] =
        (struct published_file){copy_text(str_from(folder), str_from(name)), n_bytes};
    mem_free(folder);
}

static bool is_ours(const struct publication *p, const char *name) {
    for (size_t i = 0; i < p->n_figures; i++)
        if (strcmp(p->figures[i].name, name) == 0) return true;
    return false;
}

/* "p3-1.png": what a run before this one may have left. */
static bool looks_like_figure(const char *name) {
    const char *at = name;
    if (*at++ != 'p' || !isdigit((unsigned char)*at)) return false;
    while (isdigit((unsigned char)*at)) at++;
    if (*at++ != '-' || !isdigit((unsigned char)*at)) return false;
    while (isdigit((unsigned char)*at)) at++;
    return strcmp(at, ".png") == 0;
}

/* Figures of an earlier conversion that this one does not have. Files of other names stay. */
static void remove_stale(const struct publication *p) {
    int fd = openat(p->folder_fd, p->figures_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0) close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (looks_like_figure(entry->d_name) && !is_ours(p, entry->d_name))
            unlinkat(fd, entry->d_name, 0);
    closedir(folder);
    if (p->n_figures == 0) unlinkat(p->folder_fd, p->figures_name, AT_REMOVEDIR);
}

static enum status commit_figure(struct publication *p, int fd, size_t i, int spool_fd,
                                 struct error *err) {
    struct io_temp temp;
    struct extent extent = p->figures[i].extent;
    TRY(io_temp_open(fd, &temp, err));
    enum status status = io_copy(spool_fd, (int64_t)extent.offset, extent.length, temp.fd, err);
    if (status != STATUS_OK) {
        int saved = errno;
        io_temp_discard(&temp);
        errno = saved;
        return status;
    }
    TRY(io_temp_publish(&temp, p->figures[i].name, err));
    struct str inner = str_from(p->figures_name);
    char *with_slash = copy_text(inner, STR("/"));
    note_file(p, str_from(with_slash), p->figures[i].name, (int64_t)extent.length);
    mem_free(with_slash);
    return STATUS_OK;
}

static enum status commit_figures(struct publication *p, int spool_fd, struct error *err) {
    if (p->n_figures == 0) return STATUS_OK;
    int fd = io_open_folder(p->folder_fd, str_from(p->figures_name), err);
    if (fd < 0) return STATUS_IO;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < p->n_figures && status == STATUS_OK; i++)
        status = commit_figure(p, fd, i, spool_fd, err);
    if (status == STATUS_OK) status = io_sync_dir(fd, err);
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

static enum status commit_file(struct publication *p, size_t i, struct error *err) {
    struct stat st;
    int64_t n_bytes = fstat(p->temps[i].fd, &st) == 0 ? st.st_size : 0;
    TRY(io_temp_publish(&p->temps[i], p->names[i], err));
    note_file(p, STR(""), p->names[i], n_bytes);
    return STATUS_OK;
}

enum status publish_commit(struct publication *p, int spool_fd, struct error *err) {
    TRY(commit_figures(p, spool_fd, err));
    for (int json = 0; json < 2; json++) // last, as the mark that the rest is there
        for (size_t i = 0; i < p->n; i++)
            if ((p->exporters[i] == &exporter_json) == json) TRY(commit_file(p, i, err));
    TRY(io_sync_dir(p->folder_fd, err));
    remove_stale(p);
    return STATUS_OK;
}

void publish_close(struct publication *p) {
    for (size_t i = 0; i < p->n; i++) {
        io_temp_discard(&p->temps[i]);
        if (p->scratch[i] >= 0) close(p->scratch[i]);
        mem_free(p->names[i]);
    }
    for (size_t i = 0; i < p->n_figures; i++) mem_free(p->figures[i].name);
    for (size_t i = 0; i < p->n_files; i++) mem_free(p->files[i].name);
    mem_free(p->figures);
    mem_free(p->files);
    mem_free(p->next_figure);
    mem_free(p->figures_name);
    if (p->folder && p->folder_fd >= 0) close(p->folder_fd); // without a folder: never opened
    mem_free(p->folder);
    *p = (struct publication){.folder_fd = -1};
}
