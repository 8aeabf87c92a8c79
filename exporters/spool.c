/* exporters/spool.c - see spool.h. */
#include "exporters/spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

enum { REST_AT = 64 << 10 };

void stream_open(struct stream *stream, struct spool *spool) {
    *stream = (struct stream){.spool = spool};
    buf_open(&stream->out, 0);
}

void stream_close(struct stream *stream) {
    buf_close(&stream->out);
    mem_free(stream->extents);
    stream->extents = NULL;
}

int64_t stream_length(const struct stream *stream) {
    return stream->n_spooled + (int64_t)stream->out.n;
}

static void write_at(struct spool *spool, int64_t at, const char *bytes, size_t n) {
    while (n && spool->status == STATUS_OK) {
        ssize_t k = pwrite(spool->fd, bytes, n, at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            spool->status = STATUS_IO;
            return;
        }
        bytes += k;
        at += k;
        n -= (size_t)k;
    }
}

void stream_flush(struct stream *stream) {
    size_t n = stream->out.n;
    if (!n) return;
    struct spool *spool = stream->spool;
    write_at(spool, spool->end, stream->out.data, n);
    stream->extents =
        mem_grow(stream->extents, stream->n_extents, &stream->cap, sizeof(struct extent));
    stream->extents[stream->n_extents++] = (struct extent){spool->end, n};
    spool->end += (int64_t)n;
    stream->n_spooled += (int64_t)n;
    stream->out.n = 0;
}

void stream_rest(struct stream *stream) {
    if (stream->out.n >= REST_AT) stream_flush(stream);
}

void stream_patch(struct stream *stream, int64_t at, struct str bytes) {
    if (at >= stream->n_spooled) {
        memcpy(stream->out.data + (at - stream->n_spooled), bytes.s, bytes.n);
        return;
    }
    int64_t start = stream->n_spooled; // of the extent looked at, from the last one back
    for (size_t i = stream->n_extents; i-- > 0;) {
        start -= (int64_t)stream->extents[i].n;
        if (at < start) continue;
        write_at(stream->spool, stream->extents[i].at + (at - start), bytes.s, bytes.n);
        return;
    }
}

int64_t stream_read(const struct stream *stream, int64_t at, void *bytes, size_t n) {
    int64_t start = 0;
    for (size_t i = 0; i < stream->n_extents; i++) {
        const struct extent *e = stream->extents + i;
        int64_t left = start + (int64_t)e->n - at;
        if (left > 0) {
            if ((int64_t)n > left) n = (size_t)left;
            ssize_t k;
            do k = pread(stream->spool->fd, bytes, n, e->at + (at - start));
            while (k < 0 && errno == EINTR);
            return k;
        }
        start += (int64_t)e->n;
    }
    return 0;
}
