/* pipeline/inputs.c - see inputs.h. */
#include "pipeline/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "util/mem.h"

enum {
    MAX_DEPTH = 200,
    LIST_CHUNK = 64 << 10,
    NAME_MAX_BYTES = 1 << 20,
};

struct level {  // a folder being walked
    char *path; // with a slash at its end, or ""
    char **names;
    size_t n, next;
};

struct inputs {
    const char *const *arguments;
    size_t n_arguments, next_argument;
    struct level levels[MAX_DEPTH];
    size_t n_levels;
    int list_fd;
    bool is_listing;
    char separator; // of the list, once its first bytes are there
    bool knows_separator, list_at_end;
    struct buf list; // read, not yet handed out
    size_t list_at;
    bool has_out;
    struct stat out;
    char *name; // handed out last
    char why[160];
};

struct inputs *inputs_new(const char *const *names, size_t n, int list_fd, int out_fd) {
    struct inputs *inputs = mem_alloc(sizeof *inputs);
    inputs->arguments = names;
    inputs->n_arguments = n;
    inputs->list_fd = list_fd;
    inputs->has_out = out_fd >= 0 && fstat(out_fd, &inputs->out) == 0;
    buf_open(&inputs->list, 0);
    return inputs;
}

static void leave(struct inputs *inputs) {
    struct level *level = &inputs->levels[--inputs->n_levels];
    for (size_t i = 0; i < level->n; i++) mem_free(level->names[i]);
    mem_free(level->names);
    mem_free(level->path);
    *level = (struct level){0};
}

void inputs_free(struct inputs *inputs) {
    if (!inputs) return;
    while (inputs->n_levels) leave(inputs);
    buf_close(&inputs->list);
    mem_free(inputs->name);
    mem_free(inputs);
}

static char *join(const char *a, const char *b, const char *c) {
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = mem_alloc(n);
    snprintf(text, n, "%s%s%s", a, b, c);
    return text;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct level *level, struct str name) {
    size_t low = 0, high = level->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(str_from(level->names[middle]), name);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* "a.pdf.md" or "a.pdf.figures" beside "a.pdf", and what docmill hides. */
static bool is_own_output(const struct level *level, const char *c_name) {
    struct str name = str_from(c_name);
    if (str_starts(name, STR(".docmill"))) return true;
    for (size_t i = 0; exporters[i]; i++) {
        struct str extension = str_from(exporters[i]->extension);
        if (str_ends(name, extension) && has_name(level, str_sub(name, 0, name.n - extension.n)))
            return true;
    }
    struct str figures = STR(".figures");
    return str_ends(name, figures) && has_name(level, str_sub(name, 0, name.n - figures.n));
}

/* Reads a folder's names. False with errno when that is not possible. */
static bool enter(struct inputs *inputs, const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return false;
    struct level *level = &inputs->levels[inputs->n_levels++];
    size_t cap = 0, length = strlen(path);
    *level = (struct level){.path = join(path, length && path[length - 1] != '/' ? "/" : "", "")};
    errno = 0;
    for (struct dirent *entry; (entry = readdir(folder)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        level->names = mem_grow(level->names, level->n, &cap, sizeof *level->names);
        level->names[level->n++] = join(entry->d_name, "", "");
    }
    int saved = errno;
    closedir(folder);
    if (saved) {
        leave(inputs);
        errno = saved;
        return false;
    }
    if (level->n) qsort(level->names, level->n, sizeof *level->names, compare_names);
    return true;
}

static void give(struct inputs *inputs, char *name, struct input *out) {
    mem_free(inputs->name);
    inputs->name = name;
    *out = (struct input){.name = str_from(name)};
}

static void give_trouble(struct inputs *inputs, struct input *out, enum job_state state,
                         enum job_class class, const char *why) {
    snprintf(inputs->why, sizeof inputs->why, "%s", why);
    out->state = state;
    out->class = class;
    out->why = inputs->why;
}

static void give_errno(struct inputs *inputs, struct input *out) {
    give_trouble(inputs, out, JOB_FAILED, job_class_of(STATUS_IO, errno), strerror(errno));
}

/* A name the user gave. True when it is handed out, false when it is a folder, now entered. */
static bool take_named(struct inputs *inputs, char *name, struct input *out) {
    struct stat st;
    give(inputs, name, out);
    out->is_named = true;
    if (stat(name, &st) != 0) {
        give_errno(inputs, out);
        return true;
    }
    if (!S_ISDIR(st.st_mode)) return true; // the job sees to the rest
    if (enter(inputs, name)) return false;
    give_errno(inputs, out);
    return true;
}

/* An entry of the innermost folder. True when it is handed out. */
static bool take_entry(struct inputs *inputs, struct input *out) {
    struct level *level = &inputs->levels[inputs->n_levels - 1];
    struct stat st, target;
    const char *entry = level->names[level->next++];
    if (is_own_output(level, entry)) return false;
    give(inputs, join(level->path, entry, ""), out);
    if (lstat(inputs->name, &st) != 0) {
        give_errno(inputs, out);
        return true;
    }
    if (S_ISLNK(st.st_mode)) {
        if (stat(inputs->name, &target) != 0) {
            give_trouble(inputs, out, JOB_SKIPPED, CLASS_NOT_FOUND, "a link that leads nowhere");
            return true;
        }
        if (S_ISDIR(target.st_mode))
            give_trouble(inputs, out, JOB_SKIPPED, CLASS_NOT_A_FILE,
                         "a link to a folder; name it to have it converted");
        return true;
    }
    if (!S_ISDIR(st.st_mode)) return true;
    if (inputs->has_out && st.st_dev == inputs->out.st_dev && st.st_ino == inputs->out.st_ino)
        return false;
    if (inputs->n_levels == MAX_DEPTH) {
        give_trouble(inputs, out, JOB_FAILED, CLASS_IO, "folders nested too deep");
        return true;
    }
    if (enter(inputs, inputs->name)) return false;
    give_errno(inputs, out);
    return true;
}

/* ---- the list on standard input ---- */

static void read_list(struct inputs *inputs) {
    char chunk[LIST_CHUNK];
    ssize_t n;
    do n = read(inputs->list_fd, chunk, sizeof chunk);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        inputs->list_at_end = true;
        return;
    }
    // What was handed out makes room.
    if (inputs->list_at > 0) {
        memmove(inputs->list.data, inputs->list.data + inputs->list_at,
                inputs->list.n - inputs->list_at);
        inputs->list.n -= inputs->list_at;
        inputs->list_at = 0;
    }
    buf_put(&inputs->list, (struct str){chunk, (size_t)n});
    if (!inputs->knows_separator) {
        inputs->separator = memchr(chunk, '\0', (size_t)n) ? '\0' : '\n';
        inputs->knows_separator = true;
    }
}

/* The next name of the list; NULL at its end. */
static char *next_listed(struct inputs *inputs) {
    for (;;) {
        struct str rest = str_sub(buf_str(&inputs->list), inputs->list_at, inputs->list.n);
        const char *end = rest.n ? memchr(rest.s, inputs->separator, rest.n) : NULL;
        if (!end && !inputs->list_at_end && rest.n < NAME_MAX_BYTES) {
            read_list(inputs);
            continue;
        }
        size_t n = end ? (size_t)(end - rest.s) : rest.n;
        inputs->list_at += n + (end ? 1 : 0);
        if (n == 0 && !end) return NULL;
        if (n > 0 && inputs->separator == '\n' && rest.s[n - 1] == '\r') n--;
        if (n == 0) continue;
        char *name = mem_alloc(n + 1);
        memcpy(name, rest.s, n);
        return name;
    }
}

bool inputs_ready(const struct inputs *inputs) {
    if (inputs->n_levels > 0 || inputs->list_at_end) return true;
    bool is_list_next =
        inputs->is_listing || (inputs->next_argument < inputs->n_arguments &&
                               strcmp(inputs->arguments[inputs->next_argument], "-") == 0);
    if (!is_list_next) return true;
    struct str rest = str_sub(buf_str(&inputs->list), inputs->list_at, inputs->list.n);
    if (rest.n && memchr(rest.s, inputs->separator, rest.n)) return true;
    struct pollfd polled = {inputs->list_fd, POLLIN, 0};
    return poll(&polled, 1, 0) != 0;
}

bool inputs_next(struct inputs *inputs, struct input *out) {
    for (;;) {
        if (inputs->n_levels > 0) {
            struct level *level = &inputs->levels[inputs->n_levels - 1];
            if (level->next == level->n)
                leave(inputs);
            else if (take_entry(inputs, out))
                return true;
            continue;
        }
        if (inputs->is_listing) {
            char *name = next_listed(inputs);
            if (!name)
                inputs->is_listing = false;
            else if (take_named(inputs, name, out))
                return true;
            continue;
        }
        if (inputs->next_argument == inputs->n_arguments) return false;
        const char *argument = inputs->arguments[inputs->next_argument++];
        if (strcmp(argument, "-") == 0)
            inputs->is_listing = true;
        else if (take_named(inputs, join(argument, "", ""), out))
            return true;
    }
}
