/*
 * util/json_pull.h - JSON, one token at a time, without building anything.
 *
 *   json_pull_open(&p, text);
 *   while ((event = json_pull_next(&p)) != JSON_END) { ... }
 *
 * For files too large or too hostile for a tree: safetensors headers, tokenizer.json. Strict RFC 8259
 * in UTF-8: no comments, no trailing commas, nothing behind the value. The reader holds no memory and
 * nests at most JSON_PULL_MAX_DEPTH deep; after JSON_ERROR it returns JSON_ERROR for ever.
 */
#ifndef UTIL_JSON_PULL_H
#define UTIL_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

struct arena;

enum { JSON_PULL_MAX_DEPTH = 64 };

enum json_event {
    JSON_ERROR,
    JSON_END, // of the text, after one complete value
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,    // token: the name, escapes as they are
    JSON_STRING, // token: what stands between the quotes, escapes as they are
    JSON_NUMBER, // token: its text
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_pull {
    struct str text;
    size_t at;
    struct str token;
    bool escaped; // the token holds a backslash
    int depth;
    uint8_t state;                       // what may come next
    bool in_object[JSON_PULL_MAX_DEPTH]; // of each open container
    const char *problem;                 // what was wrong, after JSON_ERROR
};

void json_pull_open(struct json_pull *p, struct str text); // text must outlive p
enum json_event json_pull_next(struct json_pull *p);

/* Having just read `event`: reads on to the end of that value, so that the next event is behind
 * it. False when the text breaks on the way. */
bool json_pull_skip(struct json_pull *p, enum json_event event);

/* The token of a KEY or STRING with its escapes resolved. Lone surrogates become U+FFFD. Lends the
 * text itself when there is nothing to resolve, else a copy in the arena. */
struct str json_pull_string(const struct json_pull *p, struct arena *arena);

/* The token of a NUMBER that is a whole number from 0 to max, written without sign, point or
 * exponent. */
bool json_pull_size(const struct json_pull *p, uint64_t max, uint64_t *out);

/* FORMAT: "byte 17: expected a value". */
enum status json_pull_fail(const struct json_pull *p, struct error *err);

#endif
