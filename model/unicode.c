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

/* Steps over settled text; *last is where its last code point begins. */
static size_t skip_settled(const struct unicode_table *table, struct str s, size_t at,
                           size_t *last) {
    while (at < s.n) {
        size_t here = at;
        if ((unsigned char)s.s[at] < 0x80) {
            at++;
        } else {
            struct str rest = str_sub(s, at, s.n);
            uint32_t c;
            utf8_next(&rest, &c);
            if (unicode_flags(table, c) & UNICODE_UNSETTLED) return at;
            at = s.n - rest.n;
        }
        *last = here;
    }
    return at;
}

static size_t skip_unsettled(const struct unicode_table *table, struct str s, size_t at) {
    while (at < s.n && (unsigned char)s.s[at] >= 0x80) {
        struct str rest = str_sub(s, at, s.n);
        uint32_t c;
        utf8_next(&rest, &c);
        if (!(unicode_flags(table, c) & UNICODE_UNSETTLED)) break;
        at = s.n - rest.n;
    }
    return at;
}

/* Appends the normal form of a stretch: a settled code point and the unsettled ones behind it. Nothing
 * outside can change it: what is settled neither moves nor joins what stands before. */
static size_t put_normal(char *out, struct str stretch) {
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)stretch.s, stretch.n, NULL, &n);
    if (!normal) { // not UTF-8: the caller promised it is
        memcpy(out, stretch.s, stretch.n);
        return stretch.n;
    }
    memcpy(out, normal, n);
    free(normal);
    return n;
}

struct str unicode_nfc(const struct unicode_table *table, struct arena *arena, struct str s) {
    size_t last = 0, at = skip_settled(table, s, 0, &last);
    if (at == s.n) return s;
    // A code point grows to three times its bytes at most (Unicode standard annex 15, section 14.1).
    char *out = arena_alloc(arena, s.n * 3 + 1);
    size_t n = 0, done = 0;
    while (at < s.n) {
        size_t from = at == done ? at : last, end = skip_unsettled(table, s, at);
        memcpy(out + n, s.s + done, from - done);
        n += from - done;
        n += put_normal(out + n, str_sub(s, from, end));
        done = end;
        last = end;
        at = skip_settled(table, s, end, &last);
    }
    memcpy(out + n, s.s + done, s.n - done);
    return (struct str){out, n + s.n - done};
}
