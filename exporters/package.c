/*
 * exporters/package.c - see package.h. libzip's home.
 *
 * libzip's own file source writes to a temporary file beside the target, which a sandboxed process
 * cannot; so both ends are zip_source_function()s: one per part to read it, one to write the archive.
 * Every entry gets the date 1980-01-01, the earliest of ZIP, without going through local time.
 */
#include "exporters/package.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "util/mem.h"

enum { DEFLATE_LEVEL = 6, DOS_1980_01_01 = 0x0021 };

/* ---- reading a part ---- */

struct reader {
    const struct part *part;
    int64_t at;
    zip_error_t error;
};

static int64_t part_size(const struct part *part) {
    return (int64_t)part->bytes.n + (part->stream ? stream_length(part->stream) : 0);
}

static zip_int64_t read_part(struct reader *r, void *data, zip_uint64_t n) {
    const struct part *part = r->part;
    if (n > 1 << 20) n = 1 << 20;
    int64_t k = 0, n_bytes = (int64_t)part->bytes.n;
    if (r->at < n_bytes) {
        struct str rest = str_sub(part->bytes, (size_t)r->at, (size_t)r->at + (size_t)n);
        memcpy(data, rest.s, rest.n);
        k = (int64_t)rest.n;
    } else if (part->stream) {
        k = stream_read(part->stream, r->at - n_bytes, data, (size_t)n);
        if (k < 0) zip_error_set(&r->error, ZIP_ER_READ, errno);
    }
    if (k > 0) r->at += k;
    return k;
}

static zip_int64_t stat_as(zip_error_t *error, int64_t size, void *data, zip_uint64_t n) {
    zip_stat_t *stat = ZIP_SOURCE_GET_ARGS(zip_stat_t, data, n, error);
    if (!stat) return -1;
    zip_stat_init(stat);
    stat->size = (zip_uint64_t)size;
    stat->valid = ZIP_STAT_SIZE;
    return 0;
}

static zip_int64_t part_source(void *context, void *data, zip_uint64_t n,
                               zip_source_cmd_t command) {
    struct reader *r = context;
    switch (command) {
    case ZIP_SOURCE_OPEN: r->at = 0; return 0;
    case ZIP_SOURCE_READ: return read_part(r, data, n);
    case ZIP_SOURCE_CLOSE: return 0;
    case ZIP_SOURCE_STAT: return stat_as(&r->error, part_size(r->part), data, n);
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&r->error, data, n);
    case ZIP_SOURCE_FREE: return 0; // the readers are package_write()'s
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
    default: zip_error_set(&r->error, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

/* ---- writing the archive ---- */

struct target {
    int fd;
    int64_t at, read_at, size;
    bool written; // until then there is no file, as far as libzip knows
    zip_error_t error;
};

static zip_int64_t write_target(struct target *t, const char *bytes, zip_uint64_t n) {
    for (zip_uint64_t done = 0; done < n;) {
        ssize_t k = pwrite(t->fd, bytes + done, (size_t)(n - done), t->at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            zip_error_set(&t->error, ZIP_ER_WRITE, k < 0 ? errno : ENOSPC);
            return -1;
        }
        done += (zip_uint64_t)k;
        t->at += k;
        if (t->at > t->size) t->size = t->at;
    }
    return (zip_int64_t)n;
}

static zip_int64_t read_target(struct target *t, void *data, zip_uint64_t n) {
    ssize_t k;
    do k = pread(t->fd, data, (size_t)n, t->read_at);
    while (k < 0 && errno == EINTR);
    if (k < 0) zip_error_set(&t->error, ZIP_ER_READ, errno);
    if (k > 0) t->read_at += k;
    return k;
}

static zip_int64_t stat_target(struct target *t, void *data, zip_uint64_t n) {
    if (t->written) return stat_as(&t->error, t->size, data, n);
    zip_error_set(&t->error, ZIP_ER_READ, ENOENT);
    return -1;
}

static zip_int64_t seek_target(struct target *t, int64_t *at, void *data, zip_uint64_t n) {
    zip_int64_t to = zip_source_seek_compute_offset((zip_uint64_t)*at, (zip_uint64_t)t->size, data,
                                                    n, &t->error);
    if (to < 0) return -1;
    *at = to;
    return 0;
}

static zip_int64_t target_source(void *context, void *data, zip_uint64_t n,
                                 zip_source_cmd_t command) {
    struct target *t = context;
    switch (command) {
    case ZIP_SOURCE_OPEN: t->read_at = 0; return 0;
    case ZIP_SOURCE_READ: return read_target(t, data, n);
    case ZIP_SOURCE_CLOSE: return 0;
    case ZIP_SOURCE_STAT: return stat_target(t, data, n);
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&t->error, data, n);
    case ZIP_SOURCE_FREE: return 0;
    case ZIP_SOURCE_SEEK: return seek_target(t, &t->read_at, data, n);
    case ZIP_SOURCE_TELL: return t->read_at;
    case ZIP_SOURCE_BEGIN_WRITE: t->at = 0; return 0;
    case ZIP_SOURCE_WRITE: return write_target(t, data, n);
    case ZIP_SOURCE_SEEK_WRITE: return seek_target(t, &t->at, data, n);
    case ZIP_SOURCE_TELL_WRITE: return t->at;
    case ZIP_SOURCE_COMMIT_WRITE: t->written = true; return 0;
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_REMOVE: return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_BEGIN_WRITE,
            ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_COMMIT_WRITE,
            ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_REMOVE, ZIP_SOURCE_SUPPORTS, -1);
    default: zip_error_set(&t->error, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

/* ---- the package ---- */

static bool add_part(zip_t *zip, struct reader *reader) {
    const struct part *part = reader->part;
    char name[64];
    if (part->name.n >= sizeof name) return false;
    memcpy(name, part->name.s, part->name.n);
    name[part->name.n] = '\0';
    zip_source_t *source = zip_source_function(zip, part_source, reader);
    if (!source) return false;
    zip_int64_t added = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (added < 0) {
        zip_source_free(source);
        return false;
    }
    zip_uint64_t i = (zip_uint64_t)added;
    zip_int32_t method = part->stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    return zip_set_file_compression(zip, i, method, DEFLATE_LEVEL) == 0 &&
           zip_file_set_dostime(zip, i, 0, DOS_1980_01_01, 0) == 0 &&
           zip_file_set_external_attributes(zip, i, 0, ZIP_OPSYS_DOS, 0) == 0;
}

static zip_t *open_archive(struct target *target, zip_error_t *error) {
    zip_source_t *source = zip_source_function_create(target_source, target, error);
    if (!source) return NULL;
    zip_t *zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, error);
    if (!zip) zip_source_free(source);
    return zip;
}

enum status package_write(int fd, const struct part *parts, size_t n, struct error *err) {
    struct target target = {.fd = fd};
    zip_error_t error;
    zip_error_init(&error);
    zip_error_init(&target.error);
    struct reader *readers = mem_alloc(mem_product(n, sizeof *readers));
    zip_t *zip = open_archive(&target, &error);
    bool ok = zip != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        readers[i].part = parts + i;
        zip_error_init(&readers[i].error);
        ok = add_part(zip, readers + i);
    }
    ok = ok && zip_close(zip) == 0;
    enum status status = STATUS_OK;
    if (!ok)
        status = fail(err, STATUS_IO, "cannot write the package: %s",
                      zip ? zip_strerror(zip) : zip_error_strerror(&error));
    if (!ok && zip) zip_discard(zip);
    mem_free(readers);
    zip_error_fini(&error);
    return status;
}
