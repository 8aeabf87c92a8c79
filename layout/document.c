/* layout/document.c - see document.h. */
#include "layout/document.h"

#include <string.h>

#include "util/arena.h"

const char *const block_kind_names[N_BLOCK_KINDS] = {"paragraph", "heading",  "list-item", "table",
                                                     "figure",    "caption",  "code",      "quote",
                                                     "formula",   "footnote", "furniture"};
const char *const engine_names[N_ENGINES] = {"none", "text", "tesseract"};
const char *const page_state_names[N_PAGE_STATES] = {"ok", "degraded", "failed"};
const char *const furniture_names[4] = {"header", "footer", "page-number", "other"};
const char *const number_style_names[6] = {"bullet",      "decimal",     "lower-alpha",
                                           "upper-alpha", "lower-roman", "upper-roman"};
const char *const check_box_names[3] = {"none", "empty", "done"};

int name_index(const char *const *names, int n, struct str name) {
    for (int i = 0; i < n; i++)
        if (str_eq(str_from(names[i]), name)) return i;
    return -1;
}

float rect_width(struct rect r) {
    return r.x1 - r.x0;
}

float rect_height(struct rect r) {
    return r.y1 - r.y0;
}

float rect_area(struct rect r) {
    return rect_width(r) * rect_height(r);
}

static float smaller(float a, float b) {
    return a < b ? a : b;
}

static float larger(float a, float b) {
    return a > b ? a : b;
}

struct rect rect_union(struct rect a, struct rect b) {
    return (struct rect){smaller(a.x0, b.x0), smaller(a.y0, b.y0), larger(a.x1, b.x1),
                         larger(a.y1, b.y1)};
}

struct rect rect_intersection(struct rect a, struct rect b) {
    struct rect r = {larger(a.x0, b.x0), larger(a.y0, b.y0), smaller(a.x1, b.x1),
                     smaller(a.y1, b.y1)};
    if (r.x1 < r.x0) r.x1 = r.x0;
    if (r.y1 < r.y0) r.y1 = r.y0;
    return r;
}

struct str spans_text(const struct span *spans, struct arena *arena) {
    size_t n = 0;
    for (const struct span *s = spans; s; s = s->next) n += s->text.n;
    char *out = arena_alloc(arena, n + 1);
    size_t at = 0;
    for (const struct span *s = spans; s; s = s->next) {
        if (s->text.n) memcpy(out + at, s->text.s, s->text.n);
        at += s->text.n;
    }
    return (struct str){out, n};
}
