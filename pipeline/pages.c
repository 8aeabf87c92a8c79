/* pipeline/pages.c - see pages.h. */
#include "pipeline/pages.h"

#include <stdbool.h>

#include "util/mem.h"

enum { MAX_PAGE = 10000000 };

static bool read_number(struct str *s, int *out) {
    bool negative = str_starts(*s, STR("-"));
    uint64_t value;
    size_t n;
    if (!str_number(str_sub(*s, negative, s->n), MAX_PAGE, &value, &n) || value == 0) return false;
    *s = str_sub(*s, n + negative, s->n);
    *out = negative ? -(int)value : (int)value;
    return true;
}

/* "5", "1-5", "3-", "-1", "-3--1". */
static bool read_part(struct str part, struct page_range *out) {
    if (!read_number(&part, &out->first)) return false;
    out->last = out->first;
    if (part.n == 0) return true;
    if (!str_starts(part, STR("-"))) return false;
    part = str_sub(part, 1, part.n);
    out->last = -1;
    if (part.n == 0) return true;
    if (!read_number(&part, &out->last) || part.n != 0) return false;
    return (out->first < 0) != (out->last < 0) || out->first <= out->last;
}

enum status pages_parse(struct str text, struct pages *out, struct error *err) {
    out->n = 0;
    while (true) {
        size_t comma = str_find(text, STR(","));
        struct str part = str_trim(str_sub(text, 0, comma));
        if (out->n == PAGES_MAX_PARTS)
            return fail(err, STATUS_ARG, "more than %d parts", PAGES_MAX_PARTS);
        if (!read_part(part, &out->ranges[out->n++]))
            return fail(
                err, STATUS_ARG,
                "\"%.*s\" is no page or range of pages; pages count from 1, -1 is the last: "
                "1-5,8,-1",
                STR_ARG(part));
        if (comma == text.n) return STATUS_OK;
        text = str_sub(text, comma + 1, text.n);
    }
}

int *pages_select(const struct pages *pages, int n_pages, size_t *n_out) {
    *n_out = 0;
    if (n_pages < 1) return NULL;
    bool *wanted = mem_alloc((size_t)n_pages + 1);
    for (size_t i = 0; i < pages->n; i++) {
        int first = pages->ranges[i].first, last = pages->ranges[i].last;
        if (first < 0) first += n_pages + 1;
        if (last < 0) last += n_pages + 1;
        if (first < 1) first = 1;
        for (int page = first; page <= last && page <= n_pages; page++) wanted[page] = true;
    }
    int *out = mem_alloc(mem_product((size_t)n_pages, sizeof *out));
    for (int page = 1; page <= n_pages; page++)
        if (wanted[page] || pages->n == 0) out[(*n_out)++] = page;
    mem_free(wanted);
    if (*n_out) return out;
    mem_free(out);
    return NULL;
}
