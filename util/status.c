/* util/status.c - see status.h. */
#include "util/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message is printed on one line and stored as one: control characters become blanks. */
static void one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = ' ';
}

enum status(fail)(struct error *err, enum status status, const char *format, ...) {
    if (!err) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    one_line(err->text);
    err->status = status;
    return status;
}

enum status(fail_in)(struct error *err, const char *format, ...) {
    if (!err) return STATUS_FORMAT;
    char whole[sizeof err->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof whole - 3 ? (size_t)n : sizeof whole - 3;
    memcpy(whole + used, ": ", 2);
    used += 2;
    size_t rest = strnlen(err->text, sizeof whole - used - 1); // a message too long loses its end
    memcpy(whole + used, err->text, rest);
    whole[used + rest] = '\0';
    memcpy(err->text, whole, used + rest + 1);
    one_line(err->text);
    return err->status;
}

const char *status_name(enum status status) {
    static const char *const names[N_STATUS] = {"ok",          "memory", "io",       "format",
                                                "unsupported", "empty",  "password", "argument",
                                                "limit",       "device", "missing"};
    return (unsigned)status < N_STATUS ? names[status] : "unknown";
}
