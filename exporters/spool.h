/*
 * exporters/spool.h - several growing byte streams in one scratch file.
 *
 *   stream A  [64 KiB] ... \
 *   stream B  [64 KiB] ...  >  scratch file: A B A A C B ...      each stream knows its extents
 *   stream C  [64 KiB] ... /
 *
 * A DOCX is a ZIP: its parts must be complete, one after the other, but a document fills them all at
 * once. Each part is a stream; in memory is at most what was written since the last stream_rest().
 * The first failure sticks in the spool.
 */
#ifndef EXPORTERS_SPOOL_H
#define EXPORTERS_SPOOL_H

#include "util/buf.h"

struct spool {
    int fd; // stays the caller's
    int64_t end;
    enum status status; // the first failure: IO
};

struct extent {
    int64_t at; // in the scratch file
    size_t n;
};

struct stream {
    struct spool *spool;
    struct buf out; // write here
    struct extent *extents;
    size_t n_extents, cap;
    int64_t n_spooled; // bytes in extents
};

void stream_open(struct stream *stream, struct spool *spool);
void stream_close(struct stream *stream);

int64_t stream_length(const struct stream *stream);

/* Moves what is held to the scratch file if it is much, or all of it. */
void stream_rest(struct stream *stream);
void stream_flush(struct stream *stream);

/* Replaces bytes written before, from position `at` on, which were put between two calls of
 * stream_rest(). */
void stream_patch(struct stream *stream, int64_t at, struct str bytes);

/* Reads up to n bytes from position `at`; all of the stream must have been flushed. 0 at the end, -1
 * with errno on failure. */
int64_t stream_read(const struct stream *stream, int64_t at, void *bytes, size_t n);

#endif
