/* util/str.c - see str.h. */
#include "util/str.h"

#include <assert.h>
#include <string.h>

#include "util/arena.h"

struct str str_from(const char *c_string) {
    return (struct str){c_string, c_string ? strlen(c_string) : 0};
}

bool str_eq(struct str a, struct str b) {
    if (a.n != b.n || a.n == 0) return a.n == b.n;
    assert(a.s && b.s); // only an empty slice may point nowhere
    return memcmp(a.s, b.s, a.n) == 0;
}

int str_cmp(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.s, b.s, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, s.n), suffix);
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s) {
    while (s.n && is_space(s.s[0])) s.s++, s.n--;
    while (s.n && is_space(s.s[s.n - 1])) s.n--;
    return s;
}

struct str str_sub(struct str s, size_t from, size_t to) {
    if (to > s.n) to = s.n;
    if (from > to) from = to;
    return (struct str){s.s ? s.s + from : NULL, to - from};
}

size_t str_find(struct str s, struct str needle) {
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (str_eq(str_sub(s, i, i + needle.n), needle)) return i;
    return s.n;
}

bool str_number(struct str s, uint64_t max, uint64_t *out, size_t *n_read) {
    uint64_t value = 0;
    size_t i = 0;
    for (; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s.s[i] - '0');
        if (value > (max - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (i == 0) return false;
    *out = value;
    if (n_read) *n_read = i;
    return true;
}

bool utf8_next(struct str *s, uint32_t *code_point) {
    if (s->n == 0) return false;
    unsigned char lead = (unsigned char)s->s[0];
    size_t n = lead < 0x80   ? 1
               : lead < 0xc2 ? 0
               : lead < 0xe0 ? 2
               : lead < 0xf0 ? 3
               : lead < 0xf5 ? 4
                             : 0;
    uint32_t c = n == 1 ? lead : lead & (0xffu >> (n + 1));
    bool ok = n >= 1 && n <= s->n;
    for (size_t i = 1; ok && i < n; i++) {
        unsigned char b = (unsigned char)s->s[i];
        ok = (b & 0xc0) == 0x80;
        c = c << 6 | (b & 0x3f);
    }
    if (ok && ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
               (c >= 0xd800 && c < 0xe000)))
        ok = false;
    *code_point = ok ? c : 0xfffd;
    size_t step = ok ? n : 1;
    s->s += step;
    s->n -= step;
    return true;
}

size_t utf8_put(char out[4], uint32_t c) {
    if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool utf8_valid(struct str s) {
    uint32_t c;
    for (const char *at = s.s; utf8_next(&s, &c); at = s.s)
        if (c == 0xfffd && s.s - at != 3) return false;
    return true;
}

size_t utf8_length(struct str s) {
    size_t n = 0;
    for (uint32_t c; utf8_next(&s, &c);) n++;
    return n;
}

static bool is_forbidden(uint32_t c) {
    if (c < 0x20) return c != '\n' && c != '\t';
    if (c >= 0x7f && c < 0xa0) return true;
    if (c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e)) return true;
    if ((c >= 0x2066 && c <= 0x2069) || c == 0xfeff) return true;
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

struct str utf8_clean(struct arena *arena, struct str s) {
    char *out = arena_alloc(arena, s.n * 3 + 1); // a bad byte grows to the 3 bytes of U+FFFD
    size_t n = 0;
    for (uint32_t c; utf8_next(&s, &c);)
        if (!is_forbidden(c)) n += utf8_put(out + n, c);
    return (struct str){out, n};
}
