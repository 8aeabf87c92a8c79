/*
 * util/io.h - the file calls by which results reach the disk.
 *
 * All writing, syncing and renaming of outputs goes through here, so that every failure is seen,
 * close and sync included, and so that a test can make the k-th call fail. A file appears whole or
 * not at all:
 *
 *   io_temp_open (no name yet) --> write --> io_temp_publish: sync, link, rename
 *
 * On failure errno is as the failing call left it: io_class() tells a full disk from the rest.
 */
#ifndef UTIL_IO_H
#define UTIL_IO_H

#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

enum { IO_NAME_MAX = 255 };

/* A file on its way: open for reading and writing, without a name where the file system can do
 * that, else under a hidden one. */
struct io_temp {
    int fd;
    int dir_fd;                 // the caller's
    char name[IO_NAME_MAX + 1]; // empty: no name yet
};

/* Writes all of it. Errors: IO. */
enum status io_write(int fd, struct str bytes, struct error *err);
enum status io_write_at(int fd, struct str bytes, int64_t offset, struct error *err);
/* Reads exactly n bytes. Errors: IO, also when the file is shorter. */
enum status io_read_at(int fd, void *out, size_t n, int64_t offset, struct error *err);
/* Copies n bytes from one file's offset to the end of what was written to the other. */
enum status io_copy(int from_fd, int64_t offset, uint64_t n, int to_fd, struct error *err);

enum status io_temp_open(int dir_fd, struct io_temp *temp, struct error *err);
/* Syncs the file and gives it its name, replacing what had it. The directory is not synced. Closes
 * the file, also on failure. */
enum status io_temp_publish(struct io_temp *temp, const char *name, struct error *err);
void io_temp_discard(struct io_temp *temp); // closes and removes; twice is fine

enum status io_sync_dir(int dir_fd, struct error *err);

/* A scratch file that never had or no longer has a name. -1 on failure. */
int io_scratch(int dir_fd, struct error *err);

/* Opens the folder path below dir_fd, making what is missing, following no symbolic link.
 * "" is dir_fd itself. Returns a new descriptor, or -1. */
int io_open_folder(int dir_fd, struct str path, struct error *err);

/* What kind of trouble an errno is. */
enum io_trouble { IO_OTHER, IO_FULL, IO_READ_ONLY, IO_DENIED };
enum io_trouble io_class(int error_number);

/* Tests: the k-th call from now on fails with EIO; 0 switches this off. */
void io_fail_at(size_t k);

#endif
