/* model/checkpoint.c - see checkpoint.h. */
#include "model/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/arena.h"
#include "util/json_pull.h"

enum { MAX_HEADER = 16 << 20, MAX_TENSORS = 100000, MAX_FILES = 1024, MAX_INDEX = 64 << 20 };

struct mapping {
    void *data;
    size_t n_bytes;
};

struct checkpoint {
    struct arena *arena;
    char folder[4096];
    struct mapping *files;
    int n_files;
    struct checkpoint_entry *entries; // sorted by name
    size_t n_entries;
};

/* ---- one header ---- */

static const struct {
    const char *name;
    enum dtype dtype;
    size_t bytes;
} dtypes[] = {
    {"F32", DTYPE_F32, 4},       {"BF16", DTYPE_BF16, 2},  {"F16", DTYPE_F16, 2},
    {"F8_E4M3", DTYPE_F8, 1},    {"I32", DTYPE_I32, 4},    {"I64", DTYPE_I64, 8},
    {"U8", DTYPE_U8, 1},         {"BOOL", DTYPE_OTHER, 1}, {"I8", DTYPE_OTHER, 1},
    {"F8_E5M2", DTYPE_OTHER, 1}, {"I16", DTYPE_OTHER, 2},  {"U16", DTYPE_OTHER, 2},
    {"U32", DTYPE_OTHER, 4},     {"F64", DTYPE_OTHER, 8},  {"U64", DTYPE_OTHER, 8},
};

struct range {
    uint64_t begin, end;
    size_t bytes; // of an element; 0 until the dtype is read
    bool has_shape, has_offsets;
};

static enum status read_shape(struct json_pull *p, struct tensor *t, struct error *err) {
    if (json_pull_next(p) != JSON_ARRAY) return json_pull_fail(p, err);
    t->n_dims = 0;
    for (;;) {
        enum json_event event = json_pull_next(p);
        if (event == JSON_ARRAY_END) return STATUS_OK;
        uint64_t n;
        if (event != JSON_NUMBER || !json_pull_size(p, INT64_MAX, &n))
            return json_pull_fail(p, err);
        if (t->n_dims == TENSOR_MAX_DIMS) return fail(err, STATUS_LIMIT, "more than 8 dimensions");
        t->shape[t->n_dims++] = (size_t)n;
    }
}

static enum status read_offsets(struct json_pull *p, struct range *range, struct error *err) {
    if (json_pull_next(p) != JSON_ARRAY || json_pull_next(p) != JSON_NUMBER ||
        !json_pull_size(p, INT64_MAX, &range->begin) || json_pull_next(p) != JSON_NUMBER ||
        !json_pull_size(p, INT64_MAX, &range->end) || json_pull_next(p) != JSON_ARRAY_END)
        return json_pull_fail(p, err);
    return STATUS_OK;
}

static enum status read_dtype(struct json_pull *p, struct tensor *t, struct range *range,
                              struct error *err) {
    if (json_pull_next(p) != JSON_STRING) return json_pull_fail(p, err);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (!str_eq(p->token, str_from(dtypes[i].name))) continue;
        t->dtype = dtypes[i].dtype;
        range->bytes = dtypes[i].bytes;
        return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED, "dtype \"%.*s\"", (int)(p->token.n < 20 ? p->token.n : 20),
                p->token.s);
}

/* One tensor's object. Unknown members are refused: they might change what the bytes mean. */
static enum status read_tensor(struct json_pull *p, struct tensor *t, struct range *range,
                               struct error *err) {
    if (json_pull_next(p) != JSON_OBJECT) return json_pull_fail(p, err);
    for (;;) {
        enum json_event event = json_pull_next(p);
        if (event == JSON_OBJECT_END) break;
        if (event != JSON_KEY) return json_pull_fail(p, err);
        if (str_eq(p->token, STR("dtype")) && !range->bytes) {
            TRY(read_dtype(p, t, range, err));
        } else if (str_eq(p->token, STR("shape")) && !range->has_shape) {
            range->has_shape = true;
            TRY(read_shape(p, t, err));
        } else if (str_eq(p->token, STR("data_offsets")) && !range->has_offsets) {
            range->has_offsets = true;
            TRY(read_offsets(p, range, err));
        } else {
            return fail(err, STATUS_FORMAT, "unknown or repeated member \"%.*s\"",
                        (int)(p->token.n < 40 ? p->token.n : 40), p->token.s);
        }
    }
    if (!range->bytes || !range->has_shape || !range->has_offsets)
        return fail(err, STATUS_FORMAT, "dtype, shape or data_offsets is missing");
    return STATUS_OK;
}

static enum status check_range(struct tensor *t, const struct range *range,
                               const unsigned char *data, uint64_t n_data, struct error *err) {
    uint64_t bytes = range->bytes;
    bool empty = false; // a product with a zero in it is zero, however large the rest
    for (int i = 0; i < t->n_dims; i++) empty = empty || t->shape[i] == 0;
    for (int i = 0; i < t->n_dims && !empty; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)t->shape[i], &bytes))
            return fail(err, STATUS_FORMAT, "its shape overflows");
    if (empty) bytes = 0;
    if (range->begin > range->end || range->end > n_data)
        return fail(err, STATUS_FORMAT, "its data [%llu, %llu) leave the file's %llu bytes of data",
                    (unsigned long long)range->begin, (unsigned long long)range->end,
                    (unsigned long long)n_data);
    if (range->end - range->begin != bytes)
        return fail(err, STATUS_FORMAT, "%llu bytes of data, its shape and dtype want %llu",
                    (unsigned long long)(range->end - range->begin), (unsigned long long)bytes);
    t->data = (void *)(data + range->begin);
    if (range->bytes == 0 || (uintptr_t)t->data % range->bytes)
        return fail(err, STATUS_UNSUPPORTED, "its data are not aligned to its dtype");
    return STATUS_OK;
}

static int by_begin(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static enum status check_tiling(struct range *ranges, size_t n, uint64_t n_data,
                                struct error *err) {
    if (n) qsort(ranges, n, sizeof *ranges, by_begin);
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].begin != at)
            return fail(err, STATUS_FORMAT, "the tensors %s at byte %llu of the data",
                        ranges[i].begin < at ? "overlap" : "leave a hole", (unsigned long long)at);
        at = ranges[i].end;
    }
    if (at != n_data)
        return fail(err, STATUS_FORMAT, "%llu bytes of data, the tensors take %llu",
                    (unsigned long long)n_data, (unsigned long long)at);
    return STATUS_OK;
}

static int by_name(const void *a, const void *b) {
    const struct checkpoint_entry *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

static enum status find_header(const unsigned char *data, size_t n_bytes, struct str *header,
                               struct error *err) {
    if (n_bytes < 8) return fail(err, STATUS_FORMAT, "%zu bytes are no safetensors file", n_bytes);
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | data[i];
    if (n > n_bytes - 8)
        return fail(err, STATUS_FORMAT,
                    "cut short, or no safetensors file: a header of %llu bytes in "
                    "a file of %zu",
                    (unsigned long long)n, n_bytes);
    if (n > MAX_HEADER)
        return fail(err, STATUS_LIMIT, "a header of %llu bytes, the limit is 16 MiB",
                    (unsigned long long)n);
    *header = (struct str){(const char *)data + 8, (size_t)n};
    if (n == 0 || header->s[0] != '{')
        return fail(err, STATUS_FORMAT, "the header is no JSON object");
    if (!utf8_valid(*header)) return fail(err, STATUS_FORMAT, "the header is not valid UTF-8");
    return STATUS_OK;
}

enum status checkpoint_parse(struct arena *arena, const unsigned char *data, size_t n_bytes,
                             struct checkpoint_entry **out, size_t *n_out, struct error *err) {
    struct str header;
    TRY(find_header(data, n_bytes, &header, err));
    const unsigned char *body = data + 8 + header.n;
    uint64_t n_data = n_bytes - 8 - header.n;
    struct json_pull p;
    json_pull_open(&p, header);
    struct checkpoint_entry *entries = NULL;
    struct range *ranges = NULL;
    size_t n = 0, cap = 0, range_cap = 0;
    json_pull_next(&p); // the brace
    for (;;) {
        enum json_event event = json_pull_next(&p);
        if (event == JSON_OBJECT_END) break;
        if (event != JSON_KEY) return json_pull_fail(&p, err);
        if (str_eq(p.token, STR("__metadata__"))) {
            if (!json_pull_skip(&p, JSON_KEY)) return json_pull_fail(&p, err);
            continue;
        }
        if (n == MAX_TENSORS) return fail(err, STATUS_LIMIT, "more than 100,000 tensors");
        entries = arena_grow(arena, entries, n, &cap, sizeof *entries);
        ranges = arena_grow(arena, ranges, n, &range_cap, sizeof *ranges);
        entries[n] = (struct checkpoint_entry){.name = json_pull_string(&p, arena)};
        ranges[n] = (struct range){0};
        enum status status = read_tensor(&p, &entries[n].tensor, &ranges[n], err);
        if (status == STATUS_OK)
            status = check_range(&entries[n].tensor, &ranges[n], body, n_data, err);
        if (status != STATUS_OK)
            return fail_in(err, "tensor %.120s", arena_str(arena, entries[n].name).s);
        n++;
    }
    if (json_pull_next(&p) != JSON_END) return json_pull_fail(&p, err);
    TRY(check_tiling(ranges, n, n_data, err));
    *out = entries;
    *n_out = n;
    return STATUS_OK;
}

/* ---- files ---- */

static enum status map_file(const char *path, struct mapping *out, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno == ENOENT ? STATUS_MISSING : STATUS_IO, "%s: %s", path,
                    strerror(errno));
    struct stat st;
    enum status status = STATUS_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = fail(err, STATUS_IO, "%s: not a file", path);
    } else if (st.st_size == 0) {
        status = fail(err, STATUS_FORMAT, "%s: an empty file", path);
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            status = fail(err, STATUS_NOMEM, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *out = (struct mapping){data, (size_t)st.st_size};
    }
    close(fd);
    return status;
}

enum status checkpoint_read_text(struct arena *arena, const char *folder, const char *name,
                                 size_t max_bytes, struct str *out, struct error *err) {
    struct str path = arena_printf(arena, "%s/%s", folder, name);
    int fd = open(path.s, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno == ENOENT ? STATUS_MISSING : STATUS_IO, "%s: %s", path.s,
                    strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max_bytes) {
        close(fd);
        return fail(err, STATUS_LIMIT, "%s: not a file of at most %zu bytes", path.s, max_bytes);
    }
    char *text = arena_alloc(arena, (size_t)st.st_size + 1);
    size_t n = 0;
    while (n < (size_t)st.st_size) {
        ssize_t k = read(fd, text + n, (size_t)st.st_size - n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        n += (size_t)k;
    }
    close(fd);
    if (n < (size_t)st.st_size) return fail(err, STATUS_IO, "%s: cannot be read", path.s);
    *out = (struct str){text, n};
    return STATUS_OK;
}

static bool has_file(const char *folder, const char *name) {
    char path[4400];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

enum status checkpoint_resolve(const char *folder, char *out, size_t out_size, struct error *err) {
    struct stat st;
    if (stat(folder, &st) != 0)
        return fail(err, STATUS_MISSING, "%.300s: %s", folder, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return fail(err, STATUS_ARG, "%.300s: not a folder", folder);
    int n = snprintf(out, out_size, "%s", folder);
    if (has_file(folder, "refs/main") && !has_file(folder, "config.json")) {
        struct arena *arena = arena_new();
        struct str revision = {0};
        enum status status = checkpoint_read_text(arena, folder, "refs/main", 200, &revision, err);
        revision = str_trim(revision);
        for (size_t i = 0; i < revision.n && status == STATUS_OK; i++)
            if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_",
                        revision.s[i]))
                status = fail(err, STATUS_FORMAT, "refs/main names no revision");
        if (status == STATUS_OK)
            n = snprintf(out, out_size, "%s/snapshots/%.*s", folder, STR_ARG(revision));
        arena_free(arena);
        TRY(status);
    }
    if (n < 0 || (size_t)n >= out_size) return fail(err, STATUS_ARG, "the path is too long");
    if (!has_file(out, "config.json"))
        return fail(err, STATUS_MISSING, "%.300s: no config.json: not a checkpoint", out);
    return STATUS_OK;
}

static enum status add_file(struct checkpoint *c, const char *path, struct error *err) {
    struct mapping *m = &c->files[c->n_files];
    TRY(map_file(path, m, err));
    c->n_files++;
    struct checkpoint_entry *entries = NULL;
    size_t n = 0;
    if (checkpoint_parse(c->arena, m->data, m->n_bytes, &entries, &n, err) != STATUS_OK)
        return fail_in(err, "%.150s", path);
    if (c->n_entries + n > MAX_TENSORS) return fail(err, STATUS_LIMIT, "more than 100,000 tensors");
    struct checkpoint_entry *all = ARENA_ARRAY(c->arena, c->n_entries + n, struct checkpoint_entry);
    if (c->n_entries) memcpy(all, c->entries, c->n_entries * sizeof *all);
    for (size_t i = 0; i < n; i++) {
        entries[i].file = c->n_files - 1;
        all[c->n_entries + i] = entries[i];
    }
    c->entries = all;
    c->n_entries += n;
    return STATUS_OK;
}

static enum status sort_entries(struct checkpoint *c, struct error *err) {
    if (c->n_entries) qsort(c->entries, c->n_entries, sizeof *c->entries, by_name);
    for (size_t i = 1; i < c->n_entries; i++)
        if (str_eq(c->entries[i - 1].name, c->entries[i].name))
            return fail(err, STATUS_FORMAT, "tensor %.120s comes twice",
                        arena_str(c->arena, c->entries[i].name).s);
    return STATUS_OK;
}

/* A shard is a file of the folder: a name with a separator or a dot in front could be any file. */
static bool is_plain_name(struct str name) {
    if (name.n == 0 || name.n > 200 || name.s[0] == '.') return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.s[i] == '/' || name.s[i] == '\\' || (unsigned char)name.s[i] < 0x20) return false;
    return true;
}

struct shard_list {
    struct str names[MAX_FILES];
    int n;
};

static enum status note_shard(struct shard_list *list, struct str name, struct error *err) {
    if (!is_plain_name(name))
        return fail(err, STATUS_FORMAT, "a shard's name is no plain file name");
    for (int i = list->n - 1; i >= 0; i--)
        if (str_eq(list->names[i], name)) return STATUS_OK;
    if (list->n == MAX_FILES) return fail(err, STATUS_LIMIT, "more than %d shards", MAX_FILES);
    list->names[list->n++] = name;
    return STATUS_OK;
}

static enum status read_weight_map(struct arena *arena, struct json_pull *p,
                                   struct shard_list *list, struct error *err) {
    if (json_pull_next(p) != JSON_OBJECT) return json_pull_fail(p, err);
    for (;;) {
        enum json_event event = json_pull_next(p);
        if (event == JSON_OBJECT_END) return STATUS_OK;
        if (event != JSON_KEY || json_pull_next(p) != JSON_STRING) return json_pull_fail(p, err);
        TRY(note_shard(list, json_pull_string(p, arena), err));
    }
}

static enum status read_index(struct arena *arena, struct str text, struct shard_list *list,
                              struct error *err) {
    if (!utf8_valid(text)) return fail(err, STATUS_FORMAT, "not valid UTF-8");
    struct json_pull p;
    json_pull_open(&p, text);
    if (json_pull_next(&p) != JSON_OBJECT) return json_pull_fail(&p, err);
    for (;;) {
        enum json_event event = json_pull_next(&p);
        if (event == JSON_OBJECT_END) break;
        if (event != JSON_KEY) return json_pull_fail(&p, err);
        if (str_eq(p.token, STR("weight_map"))) {
            TRY(read_weight_map(arena, &p, list, err));
        } else if (!json_pull_skip(&p, JSON_KEY)) {
            return json_pull_fail(&p, err);
        }
    }
    if (json_pull_next(&p) != JSON_END) return json_pull_fail(&p, err);
    if (list->n == 0) return fail(err, STATUS_FORMAT, "it names no shard");
    return STATUS_OK;
}

static enum status open_shards(struct checkpoint *c, struct error *err) {
    struct str text = {0};
    const char *index = "model.safetensors.index.json";
    TRY(checkpoint_read_text(c->arena, c->folder, index, MAX_INDEX, &text, err));
    struct shard_list *list = ARENA_NEW(c->arena, struct shard_list);
    if (read_index(c->arena, text, list, err) != STATUS_OK)
        return fail_in(err, "%.200s/%s", c->folder, index);
    c->files = ARENA_ARRAY(c->arena, (size_t)list->n, struct mapping);
    for (int i = 0; i < list->n; i++)
        TRY(add_file(c, arena_printf(c->arena, "%s/%.*s", c->folder, STR_ARG(list->names[i])).s,
                     err));
    return STATUS_OK;
}

static struct checkpoint *checkpoint_new(void) {
    struct arena *arena = arena_new();
    struct checkpoint *c = ARENA_NEW(arena, struct checkpoint);
    c->arena = arena;
    return c;
}

static enum status finish(struct checkpoint *c, enum status status, struct checkpoint **out,
                          struct error *err) {
    if (status == STATUS_OK) status = sort_entries(c, err);
    if (status == STATUS_OK) {
        *out = c;
    } else {
        checkpoint_close(c);
    }
    return status;
}

enum status checkpoint_open(const char *folder, struct checkpoint **out, struct error *err) {
    struct checkpoint *c = checkpoint_new();
    enum status status = checkpoint_resolve(folder, c->folder, sizeof c->folder, err);
    if (status == STATUS_OK && has_file(c->folder, "model.safetensors.index.json")) {
        status = open_shards(c, err);
    } else if (status == STATUS_OK) {
        c->files = ARENA_NEW(c->arena, struct mapping);
        status = add_file(c, arena_printf(c->arena, "%s/model.safetensors", c->folder).s, err);
    }
    return finish(c, status, out, err);
}

enum status checkpoint_open_file(const char *path, struct checkpoint **out, struct error *err) {
    struct checkpoint *c = checkpoint_new();
    c->files = ARENA_NEW(c->arena, struct mapping);
    return finish(c, add_file(c, path, err), out, err);
}

void checkpoint_close(struct checkpoint *c) {
    if (!c) return;
    for (int i = 0; i < c->n_files; i++) munmap(c->files[i].data, c->files[i].n_bytes);
    arena_free(c->arena);
}

const char *checkpoint_folder(const struct checkpoint *c) {
    return c->folder;
}

size_t checkpoint_count(const struct checkpoint *c) {
    return c->n_entries;
}

const struct checkpoint_entry *checkpoint_at(const struct checkpoint *c, size_t i) {
    return &c->entries[i];
}

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name) {
    struct checkpoint_entry key = {.name = str_from(name)};
    if (!c->n_entries) return NULL;
    const struct checkpoint_entry *e =
        bsearch(&key, c->entries, c->n_entries, sizeof *c->entries, by_name);
    return e ? &e->tensor : NULL;
}

uint64_t checkpoint_bytes(const struct checkpoint *c) {
    uint64_t n = 0;
    for (int i = 0; i < c->n_files; i++) n += c->files[i].n_bytes;
    return n;
}

int checkpoint_n_files(const struct checkpoint *c) {
    return c->n_files;
}
