/*
 * util/str.h - a slice of text: bytes and a length, borrowed.
 *
 * Text inside docmill is valid UTF-8 without control characters other than newline and tab; it is
 * checked once, where it enters (utf8_clean). A slice promises no NUL: print it with
 * ("%.*s", STR_ARG(s)).
 */
#ifndef UTIL_STR_H
#define UTIL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct str {
    const char *s;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(str) (int)(str).n, ((str).s ? (str).s : "")

struct str str_from(const char *c_string); // NULL gives the empty slice
bool str_eq(struct str a, struct str b);
int str_cmp(struct str a, struct str b); // by bytes: the same everywhere, whatever the locale
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                        // without ASCII white space at both ends
struct str str_sub(struct str s, size_t from, size_t to); // bytes [from, to), clamped
size_t str_find(struct str s, struct str needle);         // offset, or s.n when not there

/* Reads the decimal number at the start of s; false when there is none or it exceeds max. */
bool str_number(struct str s, uint64_t max, uint64_t *out, size_t *n_read);

/* Reads one code point at s->s and steps over it; U+FFFD for a bad byte; false at the end. */
bool utf8_next(struct str *s, uint32_t *code_point);
/* Writes a code point, 1 to 4 bytes; returns the count. Surrogates become U+FFFD. */
size_t utf8_put(char out[4], uint32_t code_point);
bool utf8_valid(struct str s);
size_t utf8_length(struct str s); // code points

/* A copy of s that keeps docmill's promise on text: bad bytes become U+FFFD; control characters,
 * noncharacters and the marks that turn or hide text (U+200E, U+200F, U+202A-202E, U+2066-2069,
 * U+FEFF) go. */
struct str utf8_clean(struct arena *arena, struct str s);

#endif
