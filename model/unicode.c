/* model/unicode.c - see unicode.h. */
#include "model/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>

#include "util/arena.h"

enum { TABLE_SIZE = 0x20000 };

static uint8_t classify(uint32_t c) {
    uint8_t flags = 0;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L)) flags |= UNICODE_LETTER;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_N)) flags |= UNICODE_NUMBER;
    if (uc_is_property_white_space(c)) flags |= UNICODE_SPACE;
    // Text without any of these is in NFC: nothing reorders, decomposes or composes.
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    if (uc_combining_class(c) != 0 || uc_canonical_decomposition(c, parts) > 0)
        flags |= UNICODE_UNSETTLED;
    return flags;
}

/* Marks what can be the second half of a composition: also some code points of class 0. */
static void mark_second_halves(struct unicode_table *table) {
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    for (uint32_t c = 0x80; c < table->n; c++) {
        if (!(table->flags[c] & UNICODE_UNSETTLED)) continue;
        int n = uc_canonical_decomposition(c, parts);
        if (n == 2 && parts[1] < table->n) table->flags[parts[1]] |= UNICODE_UNSETTLED;
    }
    // Hangul vowels and finals join the syllable before them by rule; syllables do not change.
    for (uint32_t c = 0x1161; c <= 0x1175; c++) table->flags[c] |= UNICODE_UNSETTLED;
    for (uint32_t c = 0x11a8; c <= 0x11c2; c++) table->flags[c] |= UNICODE_UNSETTLED;
    for (uint32_t c = 0xac00; c <= 0xd7a3; c++) table->flags[c] &= (uint8_t)~UNICODE_UNSETTLED;
    // What composes to itself is settled: the Latin letters with accents that all text is full of.
    for (uint32_t c = 0x80; c < table->n; c++) {
        int n = uc_canonical_decomposition(c, parts);
        if (n == 2 && uc_composition(parts[0], parts[1]) == c && uc_combining_class(c) == 0)
            table->flags[c] &= (uint8_t)~UNICODE_UNSETTLED;
    }
}

void unicode_table_make(struct unicode_table *table, struct arena *arena) {
    table->n = TABLE_SIZE;
    table->flags = arena_alloc(arena, TABLE_SIZE);
    for (uint32_t c = 0; c < TABLE_SIZE; c++) table->flags[c] = classify(c);
    mark_second_halves(table);
}

int unicode_flags(const struct unicode_table *table, uint32_t c) {
    return c < table->n ? table->flags[c] : classify(c);
}

static bool is_settled(const struct unicode_table *table, struct str s) {
    for (uint32_t c; s.n;) {
        if ((unsigned char)s.s[0] < 0x80) {
            s.s++, s.n--;
            continue;
        }
        utf8_next(&s, &c);
        if (unicode_flags(table, c) & UNICODE_UNSETTLED) return false;
    }
    return true;
}

struct str unicode_nfc(const struct unicode_table *table, struct arena *arena, struct str s) {
    if (is_settled(table, s)) return s;
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)s.s, s.n, NULL, &n);
    if (!normal) return s; // not UTF-8: the caller promised it is
    struct str copy = arena_str(arena, (struct str){(const char *)normal, n});
    free(normal);
    return copy;
}
