/*
 * model/unicode.h - the few questions the tokenizer asks about code points.
 *
 * The home of libunistring in model/. A table of one byte per code point answers for the planes that
 * hold nearly all text; it is built once per tokenizer, in some milliseconds.
 */
#ifndef MODEL_UNICODE_H
#define MODEL_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/str.h"

struct arena;

enum {
    UNICODE_LETTER = 1,    // general category L*
    UNICODE_NUMBER = 2,    // N*
    UNICODE_SPACE = 4,     // White_Space
    UNICODE_UNSETTLED = 8, // NFC may change it, or join it to what comes before
};

struct unicode_table {
    uint32_t n; // code points below this are in the table
    uint8_t *flags;
};

void unicode_table_make(struct unicode_table *table, struct arena *arena);
int unicode_flags(const struct unicode_table *table, uint32_t code_point);

/* s in normal form C: s itself when it is so already, else a copy in the arena. */
struct str unicode_nfc(const struct unicode_table *table, struct arena *arena, struct str s);

#endif
