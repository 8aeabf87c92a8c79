/*
 * layout/words.c - glyphs to words: see words_from_glyphs() in content.h.
 *
 *   glyphs --> pieces of one style without a gap --> spaced letters together --> words
 *
 * Nothing here knows lines or columns: a gap is measured against the size of the two glyphs
 * concerned and nothing else.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/content.h"
#include "layout/script.h"
#include "util/arena.h"

static const float GAP = 0.22f;      // of the size: a wider one parts words
static const float STEP_BACK = 0.6f; // of the size: a glyph this far back starts anew
static const float BASELINE = 0.25f; // of the size: a larger step parts words

/* Along the direction of reading: from u0 to u1; v is the baseline. */
struct extent {
    float u0, u1, v;
};

static struct extent extent_of(const struct glyph *g) {
    if (g->vertical) return (struct extent){g->bbox.y0, g->bbox.y1, -(g->bbox.x0 + g->bbox.x1) / 2};
    switch (g->angle) {
    case 90: return (struct extent){g->bbox.y0, g->bbox.y1, -g->baseline};
    case 180: return (struct extent){-g->bbox.x1, -g->bbox.x0, -g->baseline};
    case 270: return (struct extent){-g->bbox.y1, -g->bbox.y0, g->baseline};
    default: return (struct extent){g->bbox.x0, g->bbox.x1, g->baseline};
    }
}

static bool is_blank(const struct glyph *g) {
    return g->code_points[0] == 0 || char_is_space(g->code_points[0]);
}

/* Does b follow a directly, in either direction of writing? */
static bool continues(const struct glyph *a, const struct glyph *b) {
    if (a->angle != b->angle || a->vertical != b->vertical) return false;
    struct extent ea = extent_of(a), eb = extent_of(b);
    float size = a->size > b->size ? a->size : b->size;
    if (fabsf(ea.v - eb.v) > BASELINE * size) return false;
    if (a->size > 1.5f * b->size || b->size > 1.5f * a->size) return false;
    if (char_is_mark(b->code_points[0])) return true;
    if (char_is_rtl(b->code_points[0]) || char_is_rtl(a->code_points[0])) {
        float gap = ea.u0 > eb.u0 ? ea.u0 - eb.u1 : eb.u0 - ea.u1;
        return gap <= GAP * size && gap > -STEP_BACK * 2 * size;
    }
    float gap = eb.u0 - ea.u1;
    return gap <= GAP * size && eb.u0 - ea.u0 > -STEP_BACK * size;
}

/* Scripts whose glyphs are not stored in the order they are read, so that a reader of the file sees
 * small gaps inside words: Indic and South-East Asian ones. */
static bool is_complex(uint32_t c) {
    return (c >= 0x900 && c <= 0xdff) || (c >= 0x1000 && c <= 0x109f) ||
           (c >= 0x1780 && c <= 0x17ff);
}

/* A blank that takes no room parts nothing. */
static bool is_no_space(const struct glyph *a, const struct glyph *b) {
    uint32_t ca = a->code_points[0], cb = b->code_points[0];
    if (char_is_rtl(ca) || char_is_rtl(cb)) return false;
    float least = is_complex(ca) && is_complex(cb) ? 0.15f : 0.03f;
    return extent_of(b).u0 - extent_of(a).u1 < least * b->size;
}

/* ---- right to left ---- */

struct cluster { // a base glyph and the marks on it
    size_t first, n;
    float centre;
};

static int by_centre_descending(const void *a, const void *b) {
    const struct cluster *x = a, *y = b;
    if (x->centre != y->centre) return x->centre < y->centre ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

static bool runs_left_to_right(uint32_t c) {
    return char_is_ltr(c) || char_is_digit(c) || c == '.' || c == ',' || c == ':' || c == '/' ||
           c == '%';
}

static void reverse(struct cluster *c, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        struct cluster t = c[i];
        c[i] = c[n - 1 - i];
        c[n - 1 - i] = t;
    }
}

/* Brings the glyphs of a right-to-left word into logical order: from the right to the left, with
 * numbers and Latin runs inside it the other way. Marks stay with their base. */
static void order_right_to_left(struct arena *arena, struct glyph *g, size_t n) {
    struct cluster *clusters = ARENA_ARRAY(arena, n, struct cluster);
    size_t n_clusters = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_clusters && char_is_mark(g[i].code_points[0])) {
            clusters[n_clusters - 1].n++;
            continue;
        }
        clusters[n_clusters++] = (struct cluster){i, 1, (g[i].bbox.x0 + g[i].bbox.x1) / 2};
    }
    qsort(clusters, n_clusters, sizeof *clusters, by_centre_descending);
    for (size_t i = 0; i < n_clusters;) {
        size_t end = i;
        bool strong = false;
        while (end < n_clusters && runs_left_to_right(g[clusters[end].first].code_points[0])) {
            uint32_t c = g[clusters[end].first].code_points[0];
            strong = strong || char_is_ltr(c) || char_is_digit(c);
            end++;
        }
        // punctuation at the edge of the run belongs to the right-to-left text around it
        size_t last = end;
        while (last > i && !char_is_ltr(g[clusters[last - 1].first].code_points[0]) &&
               !char_is_digit(g[clusters[last - 1].first].code_points[0]))
            last--;
        size_t start = i;
        while (start < last && !char_is_ltr(g[clusters[start].first].code_points[0]) &&
               !char_is_digit(g[clusters[start].first].code_points[0]))
            start++;
        if (strong && last > start) reverse(clusters + start, last - start);
        i = end > i ? end : i + 1;
    }
    struct glyph *ordered = ARENA_ARRAY(arena, n, struct glyph);
    size_t k = 0;
    for (size_t i = 0; i < n_clusters; i++)
        for (size_t j = 0; j < clusters[i].n; j++) ordered[k++] = g[clusters[i].first + j];
    memcpy(g, ordered, n * sizeof *g);
}

/* ---- words ---- */

static struct str glyphs_text(struct arena *arena, const struct glyph *g, size_t n) {
    char *out = arena_alloc(arena, n * 16 + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4 && g[i].code_points[k]; k++)
            if (!char_is_space(g[i].code_points[k]))
                used += utf8_put(out + used, g[i].code_points[k]);
    struct str text = utf8_clean(arena, (struct str){out, used});
    return text_normalise(arena, text);
}

/* The box of a word hugs the letters, not the font's ascent and descent: those differ from font to
 * font where the eye sees one line. */
static struct rect word_box(const struct glyph *g, size_t n) {
    struct rect r = g[0].bbox;
    for (size_t i = 1; i < n; i++) r = rect_union(r, g[i].bbox);
    float up = 0.75f * g[0].size, down = 0.22f * g[0].size, v = g[0].baseline;
    if (g[0].vertical) return r;
    switch (g[0].angle) {
    case 90: r.x0 = v - down, r.x1 = v + up; break;
    case 180: r.y0 = v - down, r.y1 = v + up; break;
    case 270: r.x0 = v - up, r.x1 = v + down; break;
    default: r.y0 = v - up, r.y1 = v + down; break;
    }
    return r;
}

struct builder {
    struct content *content;
    struct arena *arena;
    size_t cap;
};

static void add_word(struct builder *b, struct glyph *g, size_t n, bool space_before) {
    bool rtl = false;
    for (size_t i = 0; i < n; i++) rtl = rtl || char_is_rtl(g[i].code_points[0]);
    if (rtl && g[0].angle == 0) order_right_to_left(b->arena, g, n);
    struct str text = glyphs_text(b->arena, g, n);
    if (text.n == 0) return;
    struct content *c = b->content;
    c->words = arena_grow(b->arena, c->words, c->n_words, &b->cap, sizeof *c->words);
    c->words[c->n_words++] = (struct word){
        .text = text,
        .bbox = word_box(g, n),
        .baseline = g[0].baseline,
        .size = g[0].size,
        .style = g[0].style,
        .angle = g[0].angle,
        .flags = (space_before ? WORD_SPACE_BEFORE : 0u) | (rtl ? WORD_RTL : 0u) |
                 (g[0].vertical ? WORD_VERTICAL : 0u),
        .confidence = 1,
    };
}

/* ---- letters spaced for effect: "C H A P T E R" ---- */

static bool is_single_letter(const struct word *w) {
    return w->angle == 0 && !(w->flags & (WORD_RTL | WORD_VERTICAL)) && utf8_length(w->text) == 1 &&
           char_is_letter(str_first_char(w->text)) &&
           !char_joins_without_space(str_first_char(w->text));
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool is_spaced_on(const struct word *a, const struct word *b) {
    float gap = b->bbox.x0 - a->bbox.x1;
    return a->style == b->style && fabsf(a->baseline - b->baseline) < 0.1f * a->size && gap > 0 &&
           gap < 1.6f * a->size && fabsf(a->size - b->size) < 0.1f * a->size;
}

/* Joins words[0, n) where the gap is that of the tracking; returns how many words are left. */
static size_t join_spaced(struct arena *arena, struct word *w, size_t n) {
    float *gaps = ARENA_ARRAY(arena, n, float);
    for (size_t i = 0; i + 1 < n; i++) gaps[i] = w[i + 1].bbox.x0 - w[i].bbox.x1;
    float *sorted = ARENA_ARRAY(arena, n, float);
    memcpy(sorted, gaps, (n - 1) * sizeof *gaps);
    qsort(sorted, n - 1, sizeof *sorted, by_value);
    float tracking = sorted[(n - 1) / 2];
    if (sorted[0] < tracking * 0.5f) return n; // gaps all over: single letters, not tracking
    size_t k = 0;
    for (size_t i = 1; i < n; i++) {
        if (gaps[i - 1] > tracking + 0.35f * w[i].size) {
            w[++k] = w[i];
            continue;
        }
        w[k].text = arena_printf(arena, "%.*s%.*s", STR_ARG(w[k].text), STR_ARG(w[i].text));
        w[k].bbox = rect_union(w[k].bbox, w[i].bbox);
    }
    return k + 1;
}

static void join_tracking(struct content *c, struct arena *arena) {
    enum { LEAST = 4 };
    size_t out = 0;
    for (size_t i = 0; i < c->n_words;) {
        size_t end = i + 1;
        if (is_single_letter(&c->words[i]))
            while (end < c->n_words && is_single_letter(&c->words[end]) &&
                   is_spaced_on(&c->words[end - 1], &c->words[end]))
                end++;
        size_t n = end - i;
        if (n >= LEAST) n = join_spaced(arena, c->words + i, n);
        if (out != i) memmove(c->words + out, c->words + i, n * sizeof *c->words);
        out += n;
        i = end;
    }
    c->n_words = out;
}

/* Some fonts draw ideographs half as large as their size says. An ideograph is as wide as it is
 * high, so the widths give the size away; what is set in such a style is scaled with it. */
static const struct glyph *true_sizes(const struct content *content, const struct glyph *glyphs,
                                      size_t n, struct arena *arena) {
    float *sum = ARENA_ARRAY(arena, content->n_styles + 1, float);
    size_t *count = ARENA_ARRAY(arena, content->n_styles + 1, size_t);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct glyph *g = &glyphs[i];
        if (g->vertical || g->angle || !(g->size > 0) || !char_is_ideograph(g->code_points[0]))
            continue;
        sum[g->style] += rect_width(g->bbox) / g->size;
        count[g->style]++;
        any = true;
    }
    if (!any) return glyphs;
    struct glyph *scaled = ARENA_ARRAY(arena, n, struct glyph);
    memcpy(scaled, glyphs, n * sizeof *scaled);
    for (size_t i = 0; i < n; i++) {
        size_t k = count[glyphs[i].style];
        float factor = k >= 3 ? sum[glyphs[i].style] / (float)k : 1;
        if (factor > 0.2f && factor < 0.75f) scaled[i].size *= factor;
    }
    return scaled;
}

void words_from_glyphs(struct content *content, const struct glyph *glyphs, size_t n,
                       struct arena *arena) {
    struct builder b = {content, arena, 0};
    glyphs = true_sizes(content, glyphs, n, arena);
    content->words = NULL;
    content->n_words = 0;
    struct glyph *run = ARENA_ARRAY(arena, n ? n : 1, struct glyph);
    size_t n_run = 0;
    bool space = true, space_before_run = true;
    for (size_t i = 0; i < n; i++) {
        const struct glyph *g = &glyphs[i];
        if (is_blank(g) || !(g->size > 0)) {
            space = space || is_blank(g);
            continue;
        }
        bool follows =
            n_run && continues(&run[n_run - 1], g) && (!space || is_no_space(&run[n_run - 1], g));
        if (!follows || g->style != run[n_run - 1].style) {
            if (n_run) add_word(&b, run, n_run, space_before_run);
            n_run = 0;
            space_before_run = !follows;
        }
        run[n_run++] = *g;
        space = false;
    }
    if (n_run) add_word(&b, run, n_run, space_before_run);
    join_tracking(content, arena);
}
