/* util/io.c - see io.h. */
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t fail_at;

void io_fail_at(size_t k) {
    fail_at = k;
}

/* True when this call is the one a test wants to see fail. */
static bool fails_now(void) {
    if (fail_at == 0 || --fail_at != 0) return false;
    errno = EIO;
    return true;
}

/* fail() with the system's reason; keeps errno for the caller. */
static enum status fail_errno(struct error *err, const char *what, const char *name) {
    int saved = errno;
    fail(err, STATUS_IO, "%s%s%s: %s", what, *name ? " " : "", name, strerror(saved));
    errno = saved;
    return STATUS_IO;
}

enum io_trouble io_class(int error_number) {
    switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return IO_FULL;
    case EROFS: return IO_READ_ONLY;
    case EACCES:
    case EPERM: return IO_DENIED;
    default: return IO_OTHER;
    }
}

enum status io_write(int fd, struct str bytes, struct error *err) {
    while (bytes.n > 0) {
        ssize_t n = fails_now() ? -1 : write(fd, bytes.s, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_errno(err, "cannot write", "");
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return STATUS_OK;
}

enum status io_write_at(int fd, struct str bytes, int64_t offset, struct error *err) {
    while (bytes.n > 0) {
        ssize_t n = fails_now() ? -1 : pwrite(fd, bytes.s, bytes.n, offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_errno(err, "cannot write", "");
        bytes = str_sub(bytes, (size_t)n, bytes.n);
        offset += n;
    }
    return STATUS_OK;
}

enum status io_read_at(int fd, void *out, size_t n, int64_t offset, struct error *err) {
    char *at = out;
    while (n > 0) {
        ssize_t k = pread(fd, at, n, offset);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return fail_errno(err, "cannot read", "");
        if (k == 0) {
            errno = EIO;
            return fail(err, STATUS_IO, "the file is shorter than it was");
        }
        at += k;
        n -= (size_t)k;
        offset += k;
    }
    return STATUS_OK;
}

enum status io_copy(int from_fd, int64_t offset, uint64_t n, int to_fd, struct error *err) {
    char chunk[64 << 10];
    while (n > 0) {
        size_t k = n < sizeof chunk ? (size_t)n : sizeof chunk;
        TRY(io_read_at(from_fd, chunk, k, offset, err));
        TRY(io_write(to_fd, (struct str){chunk, k}, err));
        offset += (int64_t)k;
        n -= k;
    }
    return STATUS_OK;
}

/* A hidden name no other process and no other call of this one makes. */
static void hidden_name(char out[IO_NAME_MAX + 1]) {
    static unsigned long long counter;
    snprintf(out, IO_NAME_MAX + 1, ".docmill-%ld-%llu.tmp", (long)getpid(), ++counter);
}

static int open_named(int dir_fd, char name[IO_NAME_MAX + 1]) {
    for (int attempt = 0; attempt < 100; attempt++) {
        hidden_name(name);
        int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

enum status io_temp_open(int dir_fd, struct io_temp *temp, struct error *err) {
    *temp = (struct io_temp){.fd = -1, .dir_fd = dir_fd};
    if (fails_now()) return fail_errno(err, "cannot create a file", "");
    temp->fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (temp->fd >= 0) return STATUS_OK;
    // NFS and some others know no nameless files.
    temp->fd = open_named(dir_fd, temp->name);
    if (temp->fd < 0) {
        temp->name[0] = '\0';
        return fail_errno(err, "cannot create a file", "");
    }
    return STATUS_OK;
}

void io_temp_discard(struct io_temp *temp) {
    if (temp->name[0]) unlinkat(temp->dir_fd, temp->name, 0);
    temp->name[0] = '\0';
    if (temp->fd >= 0) close(temp->fd);
    temp->fd = -1;
}

/* Gives a nameless file a hidden name: rename, which can replace, works on names only. */
static int link_hidden(struct io_temp *temp) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", temp->fd);
    for (int attempt = 0; attempt < 100; attempt++) {
        char name[IO_NAME_MAX + 1];
        hidden_name(name);
        if (linkat(AT_FDCWD, link, temp->dir_fd, name, AT_SYMLINK_FOLLOW) == 0) {
            memcpy(temp->name, name, sizeof name);
            return 0;
        }
        if (errno != EEXIST) return -1;
    }
    return -1;
}

enum status io_temp_publish(struct io_temp *temp, const char *name, struct error *err) {
    int saved;
    if (fails_now() || fsync(temp->fd) != 0) goto failed;
    if (!temp->name[0] && (fails_now() || link_hidden(temp) != 0)) goto failed;
    // Some file systems report a failed write only here.
    int fd = temp->fd;
    temp->fd = -1;
    if (close(fd) != 0 || fails_now()) goto failed;
    if (fails_now() || renameat(temp->dir_fd, temp->name, temp->dir_fd, name) != 0) goto failed;
    temp->name[0] = '\0';
    return STATUS_OK;
failed:
    saved = errno;
    io_temp_discard(temp);
    errno = saved;
    return fail_errno(err, "cannot write", name);
}

enum status io_sync_dir(int dir_fd, struct error *err) {
    // EINVAL: a file system that has no notion of syncing a directory.
    if (fails_now() || (fsync(dir_fd) != 0 && errno != EINVAL))
        return fail_errno(err, "cannot sync the output folder", "");
    return STATUS_OK;
}

int io_scratch(int dir_fd, struct error *err) {
    struct io_temp temp;
    if (io_temp_open(dir_fd, &temp, err) != STATUS_OK) return -1;
    if (temp.name[0]) unlinkat(dir_fd, temp.name, 0);
    return temp.fd;
}

/* Opens one folder below at, made when missing. Racing makers are fine. */
static int open_component(int at, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);
    if (fd >= 0 || errno != ENOENT) return fd;
    if (mkdirat(at, name, 0777) != 0 && errno != EEXIST) return -1;
    return openat(at, name, flags);
}

int io_open_folder(int dir_fd, struct str path, struct error *err) {
    int at = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) fail_errno(err, "cannot open the output folder", "");
    while (at >= 0 && path.n > 0) {
        size_t slash = str_find(path, STR("/"));
        struct str part = str_sub(path, 0, slash);
        path = str_sub(path, slash + 1, path.n);
        if (part.n == 0) continue;
        char name[IO_NAME_MAX + 1];
        if (part.n > IO_NAME_MAX) {
            close(at);
            errno = ENAMETOOLONG;
            fail_errno(err, "cannot make a folder", "");
            return -1;
        }
        memcpy(name, part.s, part.n);
        name[part.n] = '\0';
        int next = fails_now() ? -1 : open_component(at, name);
        int saved = errno;
        close(at);
        at = next;
        errno = saved;
        if (at < 0 && (errno == ELOOP || errno == ENOTDIR)) {
            fail(err, STATUS_IO, "\"%s\" is in the way: not a folder, or a symbolic link", name);
            errno = ENOTDIR;
            return -1;
        }
        if (at < 0) fail_errno(err, "cannot make the folder", name);
    }
    return at;
}
