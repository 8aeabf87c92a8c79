/* pipeline/frame.c - see frame.h. */
#include "pipeline/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/io.h"

enum { PUMP_BYTES = 64 << 10 };

bool frame_is_streamed(enum frame_type type) {
    return type == FRAME_META || type == FRAME_PAGE_RECORD || type == FRAME_FIGURE;
}

static bool frame_allowed(const struct frame *frame) {
    if ((int)frame->type < FRAME_JOB || frame->type >= N_FRAME_TYPES) return false;
    uint64_t max = frame_is_streamed(frame->type) ? FRAME_STREAM_MAX : FRAME_SMALL_MAX;
    return frame->length <= max;
}

static void head_put(uint8_t head[FRAME_HEAD_BYTES], const struct frame *frame) {
    uint32_t type = (uint32_t)frame->type;
    memcpy(head, &type, 4);
    memcpy(head + 4, &frame->arg, 4);
    memcpy(head + 8, &frame->length, 8);
}

/* False for a frame that must not be. */
static bool head_get(const uint8_t head[FRAME_HEAD_BYTES], struct frame *frame) {
    uint32_t type;
    memcpy(&type, head, 4);
    memcpy(&frame->arg, head + 4, 4);
    memcpy(&frame->length, head + 8, 8);
    frame->type = type < N_FRAME_TYPES ? (enum frame_type)type : N_FRAME_TYPES;
    return frame_allowed(frame);
}

enum status frame_send(int fd, enum frame_type type, uint32_t arg, struct str payload) {
    struct frame frame = {type, arg, payload.n};
    uint8_t head[FRAME_HEAD_BYTES];
    head_put(head, &frame);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)payload.s, payload.n}};
    size_t i = 0;
    while (i < 2) {
        if (parts[i].iov_len == 0) {
            i++;
            continue;
        }
        ssize_t n = writev(fd, parts + i, (int)(2 - i));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return STATUS_IO;
        for (size_t left = (size_t)n; left > 0;) {
            size_t step = left < parts[i].iov_len ? left : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + step;
            parts[i].iov_len -= step;
            left -= step;
            if (parts[i].iov_len == 0 && i + 1 < 2) i++;
        }
    }
    return STATUS_OK;
}

static enum status read_all(int fd, void *out, size_t n) {
    for (char *at = out; n > 0;) {
        ssize_t k = read(fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return STATUS_IO;
        at += k;
        n -= (size_t)k;
    }
    return STATUS_OK;
}

enum status frame_receive(int fd, struct buf *buffer, struct frame *frame, struct str *payload) {
    uint8_t head[FRAME_HEAD_BYTES];
    TRY(read_all(fd, head, sizeof head));
    if (!head_get(head, frame) || frame->length > FRAME_SMALL_MAX) return STATUS_FORMAT;
    buffer->n = 0;
    for (uint64_t left = frame->length; left > 0;) {
        char chunk[4096];
        size_t n = left < sizeof chunk ? (size_t)left : sizeof chunk;
        TRY(read_all(fd, chunk, n));
        buf_put(buffer, (struct str){chunk, n});
        left -= n;
    }
    *payload = buf_str(buffer);
    return buffer->status;
}

void frame_reader_open(struct frame_reader *reader) {
    *reader = (struct frame_reader){.file = -1};
    buf_open(&reader->small, FRAME_SMALL_MAX);
}

void frame_reader_close(struct frame_reader *reader) {
    buf_close(&reader->small);
}

/* Takes bytes of the head; once it is complete, says where the payload goes. */
static enum status feed_head(struct frame_reader *reader, struct str *bytes,
                             const struct frame_sink *sink, struct error *err) {
    size_t want = FRAME_HEAD_BYTES - reader->n_head;
    struct str part = str_sub(*bytes, 0, want);
    memcpy(reader->head + reader->n_head, part.s, part.n);
    reader->n_head += part.n;
    *bytes = str_sub(*bytes, part.n, bytes->n);
    if (reader->n_head < FRAME_HEAD_BYTES) return STATUS_OK;
    if (!head_get(reader->head, &reader->frame))
        return fail(err, STATUS_FORMAT, "the worker broke the protocol: frame type %d, %llu bytes",
                    (int)reader->frame.type, (unsigned long long)reader->frame.length);
    reader->n_payload = 0;
    reader->small.n = 0;
    if (!frame_is_streamed(reader->frame.type)) return STATUS_OK;
    return sink->place(sink->context, &reader->frame, &reader->file, &reader->offset, err);
}

static enum status feed_payload(struct frame_reader *reader, struct str *bytes, struct error *err) {
    uint64_t want = reader->frame.length - reader->n_payload;
    struct str part = str_sub(*bytes, 0, want < bytes->n ? (size_t)want : bytes->n);
    *bytes = str_sub(*bytes, part.n, bytes->n);
    if (frame_is_streamed(reader->frame.type))
        TRY(io_write_at(reader->file, part, reader->offset + (int64_t)reader->n_payload, err));
    else
        buf_put(&reader->small, part);
    reader->n_payload += part.n;
    return STATUS_OK;
}

enum status frame_feed(struct frame_reader *reader, struct str bytes, const struct frame_sink *sink,
                       struct error *err) {
    while (bytes.n > 0) {
        if (reader->n_head < FRAME_HEAD_BYTES) TRY(feed_head(reader, &bytes, sink, err));
        if (reader->n_head < FRAME_HEAD_BYTES) return STATUS_OK;
        if (reader->n_payload < reader->frame.length) TRY(feed_payload(reader, &bytes, err));
        if (reader->n_payload < reader->frame.length) return STATUS_OK;
        reader->n_head = 0;
        TRY(sink->frame(sink->context, &reader->frame, buf_str(&reader->small), err));
    }
    return STATUS_OK;
}

enum status frame_pump(struct frame_reader *reader, int fd, const struct frame_sink *sink,
                       bool *at_end, struct error *err) {
    *at_end = false;
    for (int rounds = 0; rounds < 16; rounds++) { // then others get their turn
        char bytes[PUMP_BYTES];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return STATUS_OK;
        if (n <= 0) {
            *at_end = true;
            return STATUS_OK;
        }
        TRY(frame_feed(reader, (struct str){bytes, (size_t)n}, sink, err));
    }
    return STATUS_OK;
}

void wire_put_u32(struct buf *out, uint32_t value) {
    buf_put(out, (struct str){(const char *)&value, sizeof value});
}

void wire_put_u64(struct buf *out, uint64_t value) {
    buf_put(out, (struct str){(const char *)&value, sizeof value});
}

void wire_put_str(struct buf *out, struct str s) {
    wire_put_u64(out, s.n);
    buf_put(out, s);
}

static void wire_get(struct wire *wire, void *out, size_t n) {
    memset(out, 0, n);
    if (wire->bad || wire->rest.n < n) {
        wire->bad = true;
        return;
    }
    memcpy(out, wire->rest.s, n);
    wire->rest = str_sub(wire->rest, n, wire->rest.n);
}

uint32_t wire_u32(struct wire *wire) {
    uint32_t value;
    wire_get(wire, &value, sizeof value);
    return value;
}

uint64_t wire_u64(struct wire *wire) {
    uint64_t value;
    wire_get(wire, &value, sizeof value);
    return value;
}

struct str wire_str(struct wire *wire) {
    uint64_t n = wire_u64(wire);
    if (wire->bad || n > wire->rest.n) {
        wire->bad = true;
        return (struct str){0};
    }
    struct str s = str_sub(wire->rest, 0, (size_t)n);
    wire->rest = str_sub(wire->rest, (size_t)n, wire->rest.n);
    return s;
}
