/* pipeline/memo.c - see memo.h. */
#include "pipeline/memo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

enum { MEMO_MAX = 64 << 20 };

static const char first_line[] = "docmill memo 1";

struct memo_path {
    char folder[24]; // ".docmill/ab"
    char name[40];   // "cdef....": 32 hex digits in all
    char whole[64];
};

static struct memo_path path_of(struct str base) {
    uint8_t hash[HASH_BYTES];
    char hex[HASH_HEX + 1];
    struct memo_path path;
    hash_bytes(base, hash);
    hash_to_hex(hash, hex);
    snprintf(path.folder, sizeof path.folder, ".docmill/%.2s", hex);
    snprintf(path.name, sizeof path.name, "%.30s", hex + 2);
    snprintf(path.whole, sizeof path.whole, "%s/%s", path.folder, path.name);
    return path;
}

static char *read_whole(int out_fd, const char *path, struct str *out) {
    struct stat st;
    struct error ignored;
    int fd = openat(out_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return NULL;
    char *bytes = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < MEMO_MAX) {
        bytes = mem_alloc((size_t)st.st_size + 1);
        *out = (struct str){bytes, (size_t)st.st_size};
        if (io_read_at(fd, bytes, out->n, 0, &ignored) != STATUS_OK) {
            mem_free(bytes);
            bytes = NULL;
        }
    }
    close(fd);
    return bytes;
}

static bool take_line(struct str *text, struct str *line) {
    size_t end = str_find(*text, STR("\n"));
    if (end == text->n) return false; // a torn last line does not count
    *line = str_sub(*text, 0, end);
    *text = str_sub(*text, end + 1, text->n);
    return true;
}

static bool line_is(struct str *text, const char *key, const char *value) {
    struct str line;
    char want[HASH_HEX + 32];
    int n = snprintf(want, sizeof want, "%s%s", key, value);
    return take_line(text, &line) && n > 0 && str_eq(line, (struct str){want, (size_t)n});
}

/* "output 1234 name": is it there, of this size? */
static bool output_is_there(int out_fd, struct str line) {
    uint64_t size;
    size_t n;
    struct stat st;
    if (!str_starts(line, STR("output "))) return false;
    line = str_sub(line, 7, line.n);
    if (!str_number(line, INT64_MAX, &size, &n) || n + 1 >= line.n) return false;
    struct str name = str_sub(line, n + 1, line.n);
    char *path = mem_alloc(name.n + 1);
    memcpy(path, name.s, name.n);
    bool there = fstatat(out_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                 (uint64_t)st.st_size == size;
    mem_free(path);
    return there;
}

bool memo_matches(int out_fd, struct str base, const struct memo *memo, bool *was_degraded) {
    struct memo_path path = path_of(base);
    struct str text, line;
    char *bytes = read_whole(out_fd, path.whole, &text);
    if (!bytes) return false;
    bool same = line_is(&text, "", first_line) && line_is(&text, "input ", memo->input) &&
                line_is(&text, "options ", memo->options) && take_line(&text, &line);
    *was_degraded = same && str_eq(line, STR("state degraded"));
    bool is_complete = false; // the last line says so
    while (same && !is_complete && take_line(&text, &line)) {
        is_complete = str_eq(line, STR("end"));
        if (!is_complete) same = output_is_there(out_fd, line);
    }
    mem_free(bytes);
    return same && is_complete;
}

enum status memo_write(int out_fd, struct str base, const struct memo *memo,
                       const struct published_file *files, size_t n_files, struct error *err) {
    struct memo_path path = path_of(base);
    struct buf text;
    struct io_temp temp;
    int fd = io_open_folder(out_fd, str_from(path.folder), err);
    if (fd < 0) return STATUS_IO;
    buf_open(&text, MEMO_MAX);
    buf_printf(&text, "%s\ninput %s\noptions %s\nstate %s\n", first_line, memo->input,
               memo->options, memo->degraded ? "degraded" : "ok");
    for (size_t i = 0; i < n_files; i++)
        buf_printf(&text, "output %" PRId64 " %s\n", files[i].n_bytes, files[i].name);
    buf_puts(&text, "end\n");
    enum status status = io_temp_open(fd, &temp, err);
    if (status == STATUS_OK) {
        status = io_write(temp.fd, buf_str(&text), err);
        if (status == STATUS_OK) status = io_temp_publish(&temp, path.name, err);
        int kept = errno;
        if (status != STATUS_OK) io_temp_discard(&temp);
        errno = kept;
    }
    int saved = errno;
    buf_close(&text);
    close(fd);
    errno = saved;
    return status;
}
