/*
 * util/buf.h - bytes that grow, up to a hard maximum.
 *
 * The first failure sticks: later writes are ignored, so a writer checks buf->status once, at its
 * end. A buf may also drain into a file: then its memory stays one block however much is written.
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

struct buf {
    char *data;
    size_t n, cap;
    size_t max;         // of memory, or of the file when fd >= 0; 0 means no maximum
    int fd;             // -1: kept in memory
    uint64_t n_drained; // bytes already written to fd
    enum status status; // the first failure: NOMEM (maximum reached) or IO
};

void buf_open(struct buf *buf, size_t max);            // in memory
void buf_open_fd(struct buf *buf, int fd, size_t max); // drains into fd, which stays the caller's
enum status buf_flush(struct buf *buf); // writes out what is held; returns buf->status
void buf_close(struct buf *buf);        // frees the memory; does not flush

void buf_put(struct buf *buf, struct str s);
void buf_puts(struct buf *buf, const char *c_string);
void buf_putc(struct buf *buf, char c);
void buf_put_code_point(struct buf *buf, uint32_t code_point);
void buf_fill(struct buf *buf, char c, int n);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number with up to `decimals` places, trailing zeros cut, '.' whatever the locale: 12.5, 3, -0.25.
 * NaN and infinities are written as 0. */
void buf_number(struct buf *buf, double value, int decimals);

struct str buf_str(const struct buf *buf); // what is in memory now

#endif
