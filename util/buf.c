/* util/buf.c - see buf.h. */
#include "util/buf.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

enum { DRAIN_AT = 64 << 10 };

void buf_open(struct buf *buf, size_t max) {
    *buf = (struct buf){.max = max, .fd = -1};
}

void buf_open_fd(struct buf *buf, int fd, size_t max) {
    *buf = (struct buf){.max = max, .fd = fd};
}

void buf_close(struct buf *buf) {
    mem_free(buf->data);
    buf->data = NULL;
    buf->n = buf->cap = 0;
}

enum status buf_flush(struct buf *buf) {
    size_t done = 0;
    while (buf->fd >= 0 && buf->status == STATUS_OK && done < buf->n) {
        ssize_t k = write(buf->fd, buf->data + done, buf->n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            buf->status = STATUS_IO;
            break;
        }
        done += (size_t)k;
    }
    if (buf->fd >= 0) {
        buf->n_drained += done;
        buf->n = 0;
    }
    return buf->status;
}

void buf_put(struct buf *buf, struct str s) {
    if (buf->status != STATUS_OK || s.n == 0) return;
    if (buf->max && (s.n > buf->max || buf->n_drained + buf->n > buf->max - s.n)) {
        buf->status = STATUS_NOMEM;
        return;
    }
    if (buf->cap - buf->n < s.n) {
        size_t cap = buf->cap ? buf->cap : 256;
        while (cap - buf->n < s.n) cap = mem_product(cap, 2);
        buf->data = mem_realloc(buf->data, cap);
        buf->cap = cap;
    }
    memcpy(buf->data + buf->n, s.s, s.n);
    buf->n += s.n;
    if (buf->fd >= 0 && buf->n >= DRAIN_AT) buf_flush(buf);
}

void buf_puts(struct buf *buf, const char *c_string) {
    buf_put(buf, str_from(c_string));
}

void buf_putc(struct buf *buf, char c) {
    buf_put(buf, (struct str){&c, 1});
}

void buf_put_code_point(struct buf *buf, uint32_t code_point) {
    char bytes[4];
    size_t n = utf8_put(bytes, code_point);
    buf_put(buf, (struct str){bytes, n});
}

void buf_fill(struct buf *buf, char c, int n) {
    for (int i = 0; i < n; i++) buf_putc(buf, c);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof small) {
        buf_put(buf, (struct str){small, (size_t)n});
    } else if (n >= 0) {
        char *large = mem_alloc((size_t)n + 1);
        vsnprintf(large, (size_t)n + 1, format, again);
        buf_put(buf, (struct str){large, (size_t)n});
        mem_free(large);
    }
    va_end(again);
}

void buf_number(struct buf *buf, double value, int decimals) {
    if (!isfinite(value) || fabs(value) > 1e15) value = 0;
    double scale = 1;
    for (int i = 0; i < decimals; i++) scale *= 10;
    long long fixed = llround(value * scale);
    if (fixed < 0) buf_putc(buf, '-');
    unsigned long long u = fixed < 0 ? 0ULL - (unsigned long long)fixed : (unsigned long long)fixed;
    unsigned long long unit = (unsigned long long)scale;
    buf_printf(buf, "%llu", u / unit);
    unsigned long long rest = u % unit;
    if (rest == 0) return;
    int places = decimals;
    while (rest % 10 == 0) rest /= 10, places--;
    buf_printf(buf, ".%0*llu", places, rest);
}

struct str buf_str(const struct buf *buf) {
    return (struct str){buf->data, buf->n};
}
