/*
 * util/status.h - what a function says when it cannot do its work.
 *
 * A function that can fail returns an enum status and fills a struct error with one line for the
 * person who will read it. The innermost function says what is wrong, each caller on the way out
 * puts in front where: "report.pdf: page 3: MediaBox has 3 numbers, want 4".
 */
#ifndef UTIL_STATUS_H
#define UTIL_STATUS_H

enum status {
    STATUS_OK,
    STATUS_NOMEM,       // an allocation was refused, or a buffer reached its cap
    STATUS_IO,          // the operating system refused a read or write
    STATUS_FORMAT,      // the input is broken
    STATUS_UNSUPPORTED, // the input is well formed, but of a kind we do not read
    STATUS_EMPTY,       // nothing in it: no bytes, or no pages
    STATUS_PASSWORD,    // encrypted, and no password given opens it
    STATUS_ARG,         // the caller, in the end the user, asked for something impossible
    STATUS_LIMIT,       // a limit on pixels, pages, time or bytes was reached
    STATUS_DEVICE,      // an accelerator failed
    STATUS_MISSING,     // something that can be installed is not: a language pack, a model
    N_STATUS
};

/* Fixed size: works without memory and crosses a process border as bytes. */
struct error {
    enum status status;
    char text[400]; // one line, UTF-8, NUL-terminated, no trailing newline
};

/* Writes the message and returns the status, so that a caller can `return fail(err, ...)`. */
enum status fail(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message in err and returns err's status. */
enum status fail_in(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__ // sees one source at a time: tell it that a failure is never STATUS_OK
#define fail(err, status, ...) ((void)(fail)(err, status, __VA_ARGS__), (status))
#define fail_in(err, ...) ((void)(fail_in)(err, __VA_ARGS__), STATUS_FORMAT)
#endif

/* "format", "limit", ...: a stable word for reports. */
const char *status_name(enum status status);

/* Passes a failure on to the caller. Only where nothing needs releasing. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum status try_status = (expression);                                                     \
        if (try_status != STATUS_OK) return try_status;                                            \
    } while (0)

#endif
