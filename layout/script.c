/* layout/script.c - see script.h. */
#include "layout/script.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "util/arena.h"
#include "util/buf.h"

bool char_is_space(uint32_t c) {
    return c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

bool char_is_rtl(uint32_t c) {
    if (c < 0x590) return false;
    int bidi = uc_bidi_class(c);
    return bidi == UC_BIDI_R || bidi == UC_BIDI_AL;
}

bool char_is_ltr(uint32_t c) {
    if (c < 0x80) return (c | 32) >= 'a' && (c | 32) <= 'z';
    return uc_bidi_class(c) == UC_BIDI_L;
}

bool char_is_mark(uint32_t c) {
    return c >= 0x300 &&
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Me);
}

bool char_is_letter(uint32_t c) {
    if (c < 0x80) return (c | 32) >= 'a' && (c | 32) <= 'z';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L);
}

bool char_is_digit(uint32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd);
}

bool char_is_upper(uint32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lt);
}

bool char_is_lower(uint32_t c) {
    if (c < 0x80) return c >= 'a' && c <= 'z';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ll);
}

bool char_is_ideograph(uint32_t c) {
    return (c >= 0x2e80 && c <= 0x312f) || (c >= 0x31a0 && c <= 0x9fff) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe4f) ||
           (c >= 0xff00 && c <= 0xff60) || (c >= 0xff61 && c <= 0xff9f) ||
           (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x20000 && c <= 0x3ffff);
}

bool char_joins_without_space(uint32_t c) {
    return char_is_ideograph(c) || (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x1000 && c <= 0x109f) ||
           (c >= 0x1780 && c <= 0x17ff);
}

uint32_t char_mirror(uint32_t c) {
    ucs4_t mirrored;
    return uc_mirror_char(c, &mirrored) ? mirrored : 0;
}

uint32_t str_first_char(struct str s) {
    uint32_t c = 0;
    return utf8_next(&s, &c) ? c : 0;
}

uint32_t str_last_char(struct str s) {
    size_t at = s.n;
    while (at > 0 && ((unsigned char)s.s[at - 1] & 0xc0) == 0x80) at--;
    if (at > 0) at--;
    return str_first_char(str_sub(s, at, s.n));
}

static bool is_compatibility_form(uint32_t c) {
    return (c >= 0xfb00 && c <= 0xfdff) || (c >= 0xfe70 && c <= 0xfefc) ||
           (c >= 0x2f00 && c <= 0x2fd5) || (c >= 0x2e80 && c <= 0x2ef3);
}

/* True when no character could change under normalisation: the common case, at no cost. */
static bool is_plain(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.s[i] >= 0xcc) return false;
    return true;
}

static struct str unicode_normalise(struct arena *arena, uninorm_t form, struct str text) {
    size_t n;
    uint8_t *result = u8_normalize(form, (const uint8_t *)text.s, text.n, NULL, &n);
    if (!result) return text;
    struct str copy = arena_str(arena, (struct str){(const char *)result, n});
    free(result);
    return copy;
}

struct str text_normalise(struct arena *arena, struct str text) {
    if (is_plain(text)) return text;
    struct buf out;
    buf_open(&out, 0);
    struct str rest = text;
    for (uint32_t c; utf8_next(&rest, &c);) {
        char bytes[4];
        struct str one = {bytes, utf8_put(bytes, c)};
        buf_put(&out, is_compatibility_form(c) ? unicode_normalise(arena, UNINORM_NFKC, one) : one);
    }
    struct str result = unicode_normalise(arena, UNINORM_NFC, arena_str(arena, buf_str(&out)));
    buf_close(&out);
    return result;
}

int text_direction(struct str text) {
    int balance = 0;
    for (uint32_t c; utf8_next(&text, &c);) {
        if (c >= 0x590 && char_is_rtl(c))
            balance--;
        else if (char_is_ltr(c))
            balance++;
    }
    return (balance > 0) - (balance < 0);
}
