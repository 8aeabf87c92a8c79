/*
 * pipeline/frame.h - how the supervisor and a worker talk: frames over a stream socket.
 *
 *   | type u32 | argument u32 | length u64 | payload, length bytes |      host byte order: one machine
 *
 *   supervisor --> worker    JOB  READ(first, last)...  QUIT
 *   worker --> supervisor    HELLO  OPENED  META  { PAGE_START  PAGE_RECORD  PAGE_DONE | ERROR }  DONE
 *                            HELLO  { FIGURE_NAME  FIGURE | PROGRESS }  DONE
 *
 * The worker may be in the hands of a hostile document: every type has a cap on its length, an
 * unknown type or a length over the cap ends the conversation, and what is large goes straight to a
 * file, never into the supervisor's memory.
 */
#ifndef PIPELINE_FRAME_H
#define PIPELINE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/status.h"
#include "util/str.h"

enum frame_type {
    FRAME_JOB = 1, // struct request, packed
    FRAME_READ,    // argument: first page; payload: u32 last page
    FRAME_QUIT,
    FRAME_HELLO,       // argument: sandbox level
    FRAME_OPENED,      // argument: number of pages
    FRAME_META,        // streamed: meta_pack()
    FRAME_PAGE_START,  // argument: page
    FRAME_PAGE_RECORD, // argument: page; streamed: content_pack()
    FRAME_PAGE_DONE,   // argument: page; payload: struct page_report, packed
    FRAME_ERROR,       // argument: page or 0; payload: u32 status, i32 errno, text
    FRAME_FIGURE_NAME, // payload: the name of the figure that follows
    FRAME_FIGURE,      // streamed: its PNG
    FRAME_PROGRESS,    // a sign of life
    FRAME_DONE,        // the work is complete
    N_FRAME_TYPES
};

enum {
    FRAME_HEAD_BYTES = 16,
    FRAME_SMALL_MAX = 256 << 10, // of a frame that is kept in memory
    FRAME_STREAM_MAX = 64 << 20, // of a frame that goes to a file
};

struct frame {
    enum frame_type type;
    uint32_t arg;
    uint64_t length;
};

bool frame_is_streamed(enum frame_type type);

/* Sends one frame, waiting until it is out; where the other end cannot take it (gone, or
 * non-blocking and full) the status is IO. */
enum status frame_send(int fd, enum frame_type type, uint32_t arg, struct str payload);
/* Receives one small frame, waiting for it; *payload lies in the buffer, which is reused. Errors:
 * IO at the end of the stream, FORMAT. */
enum status frame_receive(int fd, struct buf *buffer, struct frame *frame, struct str *payload);

/* The supervisor's side: takes what has arrived, never waits. */
struct frame_reader {
    uint8_t head[FRAME_HEAD_BYTES];
    size_t n_head;
    struct frame frame; // once the head is complete
    uint64_t n_payload; // received of it
    struct buf small;
    int file; // of a streamed frame
    int64_t offset;
};

struct frame_sink {
    /* Says where a streamed frame goes. Not OK ends the conversation. */
    enum status (*place)(void *context, const struct frame *frame, int *file, int64_t *offset,
                         struct error *err);
    /* A frame is complete; the payload of a streamed one is in its file. */
    enum status (*frame)(void *context, const struct frame *frame, struct str payload,
                         struct error *err);
    void *context;
};

void frame_reader_open(struct frame_reader *reader);
void frame_reader_close(struct frame_reader *reader);
/* Hands what fd holds to the sink. *at_end: the other end has closed (in the middle of a frame too).
 * Errors: FORMAT for a breach of the protocol, IO when a file could not be written, the sink's. */
enum status frame_pump(struct frame_reader *reader, int fd, const struct frame_sink *sink,
                       bool *at_end, struct error *err);
/* The same for bytes that are there already: what tests and frame_pump() use. */
enum status frame_feed(struct frame_reader *reader, struct str bytes, const struct frame_sink *sink,
                       struct error *err);

/* Payloads are numbers and strings one after the other. Reading past the end gives zeros and sets
 * bad; one check at the end is enough. */
struct wire {
    struct str rest;
    bool bad;
};

void wire_put_u32(struct buf *out, uint32_t value);
void wire_put_u64(struct buf *out, uint64_t value);
void wire_put_str(struct buf *out, struct str s);
uint32_t wire_u32(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
struct str wire_str(struct wire *wire); // lies in the payload

#endif
