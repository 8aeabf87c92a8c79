/* pipeline/names.c - see names.h. */
#include "pipeline/names.h"

#include <stdio.h>
#include <string.h>

#include "exporters/exporter.h"
#include "util/buf.h"
#include "util/hash.h"
#include "util/mem.h"

enum {
    COMPONENT_MAX = 255,
    LONGEST_SUFFIX = 16, // ".figures", ".html" and room for more
    HASH_DIGITS = 16,
    NAMES_MAX = 1 << 20,
};

static bool is_bidi_mark(uint32_t c) {
    return c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0x2028 || c == 0x2029;
}

/* How many bytes at the start of s are one character that may stand in a name; 0: encode a byte. */
static size_t plain_length(struct str s) {
    struct str rest = s;
    uint32_t c;
    if (!utf8_next(&rest, &c)) return 0;
    size_t n = s.n - rest.n;
    if (c == 0xfffd && (n != 3 || memcmp(s.s, "\xef\xbf\xbd", 3) != 0)) return 0;
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || is_bidi_mark(c) ? 0 : n;
}

static void put_encoded(struct buf *out, struct str component) {
    while (component.n > 0) {
        size_t n = component.s[0] == '%' ? 0 : plain_length(component);
        if (n)
            buf_put(out, str_sub(component, 0, n));
        else
            buf_printf(out, "%%%02X", (unsigned char)component.s[0]);
        component = str_sub(component, n ? n : 1, component.n);
    }
}

/* Cuts what was put since start, between characters, and puts the hash of the whole behind it. */
static void cut(struct buf *out, size_t start, struct str component, size_t max) {
    uint64_t hash = hash_u64(component);
    size_t keep = max - HASH_DIGITS - 1;
    while (keep > 0 && ((unsigned char)out->data[start + keep] & 0xc0) == 0x80) keep--;
    // Not inside of "%0A" either.
    for (size_t back = 1; back <= 2 && back < keep; back++)
        if (out->data[start + keep - back] == '%') keep -= back;
    out->n = start + keep;
    buf_printf(out, "~%016llx", (unsigned long long)hash);
}

static bool is_output_name(struct str folder) {
    if (str_ends(folder, STR(".figures"))) return true;
    for (size_t i = 0; exporters[i]; i++)
        if (str_ends(folder, str_from(exporters[i]->extension))) return true;
    return false;
}

static void put_component(struct buf *out, struct str component, bool is_last) {
    size_t start = out->n, max = COMPONENT_MAX - LONGEST_SUFFIX;
    // What we keep for ourselves begins so; a '%' that is no "%NN" cannot come from elsewhere.
    if (str_starts(component, STR(".docmill"))) buf_putc(out, '%');
    put_encoded(out, component);
    if (out->n - start > max) cut(out, start, component, max);
    if (!is_last && is_output_name(str_sub(buf_str(out), start, out->n))) buf_putc(out, '%');
}

char *name_of_output(struct str input) {
    struct buf out;
    struct str parts[256];
    size_t n_parts = 0;
    buf_open(&out, NAMES_MAX);
    while (input.n > 0) {
        size_t slash = str_find(input, STR("/"));
        struct str part = str_sub(input, 0, slash);
        input = str_sub(input, slash + 1, input.n);
        if (part.n == 0 || str_eq(part, STR("."))) continue;
        // "a/../b" is b, lexically; above the start there is nothing.
        if (str_eq(part, STR(".."))) {
            if (n_parts > 0) n_parts--;
        } else if (n_parts < sizeof parts / sizeof *parts) {
            parts[n_parts++] = part;
        }
    }
    for (size_t i = 0; i < n_parts; i++) {
        put_component(&out, parts[i], i + 1 == n_parts);
        if (i + 1 < n_parts) buf_putc(&out, '/');
    }
    buf_putc(&out, '\0');
    return out.data;
}

char *name_to_show(struct str name) {
    struct buf out;
    buf_open(&out, NAMES_MAX);
    while (name.n > 0) {
        size_t n = plain_length(name);
        if (n)
            buf_put(&out, str_sub(name, 0, n));
        else
            buf_printf(&out, "\\x%02x", (unsigned char)name.s[0]);
        name = str_sub(name, n ? n : 1, name.n);
    }
    buf_putc(&out, '\0');
    return out.data;
}

/* Puts a hash where it belongs; the table has room. False when it is there. */
static bool insert(uint64_t *hashes, size_t cap, uint64_t hash) {
    size_t i = (size_t)hash & (cap - 1);
    while (hashes[i] != 0) {
        if (hashes[i] == hash) return false;
        i = (i + 1) & (cap - 1);
    }
    hashes[i] = hash;
    return true;
}

bool name_set_add(struct name_set *set, struct str name) {
    uint64_t hash = hash_u64(name);
    if (hash == 0) hash = 1;
    if (set->cap < 2 * (set->n + 1)) {
        size_t cap = set->cap ? mem_product(set->cap, 2) : 1024;
        uint64_t *hashes = mem_alloc(mem_product(cap, sizeof *hashes));
        for (size_t i = 0; i < set->cap; i++)
            if (set->hashes[i]) insert(hashes, cap, set->hashes[i]);
        mem_free(set->hashes);
        set->hashes = hashes;
        set->cap = cap;
    }
    if (!insert(set->hashes, set->cap, hash)) return false;
    set->n++;
    return true;
}

void name_set_free(struct name_set *set) {
    mem_free(set->hashes);
    *set = (struct name_set){0};
}
