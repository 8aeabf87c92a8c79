/*
 * exporters/package.h - parts to a ZIP file, on an open descriptor and with bytes that depend on
 * nothing but the parts.
 */
#ifndef EXPORTERS_PACKAGE_H
#define EXPORTERS_PACKAGE_H

#include "exporters/spool.h"

struct part {        // its content: bytes, then stream
    struct str name; // "word/document.xml"
    struct str bytes;
    const struct stream *stream; // flushed; may be NULL
    bool stored;                 // not compressed: it is already
};

/* Writes the parts, in their order, to fd, an empty seekable file. No file is opened: libzip reads
 * and writes through us. Errors: IO. */
enum status package_write(int fd, const struct part *parts, size_t n, struct error *err);

#endif
