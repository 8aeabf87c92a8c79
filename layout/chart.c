/* layout/chart.c - see chart.h. */
#include "layout/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/line.h"
#include "layout/sheet.h"
#include "util/arena.h"

/* Seen along the bars: from foot to head; across them: lo to hi. */
struct bar {
    float lo, hi, foot, head;
};

enum { MAX_BARS = 600 };

static bool close_to(float a, float b, float tolerance) {
    return fabsf(a - b) <= tolerance;
}

/* Fills as bars; upright ones, or lying ones with the axes exchanged. Stacked pieces are one bar. */
static size_t collect_bars(const struct sheet *sheet, bool lying, struct bar *bars) {
    const struct content *c = sheet->content;
    size_t n = 0;
    for (size_t i = 0; i < c->n_fills && n < MAX_BARS; i++) {
        struct rect r = c->fills[i].bbox;
        if (!c->fills[i].visible || rect_area(r) > 0.25f * sheet->width * sheet->height) continue;
        struct bar b =
            lying ? (struct bar){r.y0, r.y1, -r.x0, -r.x1} : (struct bar){r.x0, r.x1, r.y1, r.y0};
        if (b.hi - b.lo < 0.3f * sheet->body || b.foot - b.head < 1) continue;
        bool stacked = false;
        for (size_t k = 0; k < n && !stacked; k++) {
            if (!close_to(bars[k].lo, b.lo, 1) || !close_to(bars[k].hi, b.hi, 1)) continue;
            if (b.foot < bars[k].head - 2 || b.head > bars[k].foot + 2) continue;
            bars[k].head = fminf(bars[k].head, b.head);
            bars[k].foot = fmaxf(bars[k].foot, b.foot);
            stacked = true;
        }
        if (!stacked) bars[n++] = b;
    }
    return n;
}

static int by_lo(const void *a, const void *b) {
    const struct bar *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* The bars like bar i: of its width, on its foot, with white between them. */
struct row_of_bars {
    struct bar hull;
    int n, n_lengths; // bars; different lengths among them
    bool apart; // white between them, as between the bars of a chart and not the cells of a table
};

static struct row_of_bars like(const struct bar *bars, size_t n, size_t i) {
    enum { MAX_LENGTHS = 12 };
    float width = bars[i].hi - bars[i].lo, last = -1e9f, lengths[MAX_LENGTHS];
    struct row_of_bars row = {.hull = bars[i]};
    for (size_t k = 0; k < n; k++) {
        if (!close_to(bars[k].foot, bars[i].foot, 2) ||
            !close_to(bars[k].hi - bars[k].lo, width, 0.07f * width + 0.5f))
            continue;
        if (bars[k].lo < last) continue;
        last = bars[k].hi;
        row.n++;
        row.hull.lo = fminf(row.hull.lo, bars[k].lo);
        row.hull.hi = fmaxf(row.hull.hi, bars[k].hi);
        row.hull.head = fminf(row.hull.head, bars[k].head);
        int l = 0;
        while (l < row.n_lengths && !close_to(lengths[l], bars[k].foot - bars[k].head, 1.5f)) l++;
        if (l == row.n_lengths && l < MAX_LENGTHS)
            lengths[row.n_lengths++] = bars[k].foot - bars[k].head;
    }
    row.apart = row.hull.hi - row.hull.lo > 1.15f * (float)row.n * width;
    return row;
}

static bool number_value(const struct word *w, double *value) {
    double v = 0, scale = 0;
    int digits = 0;
    for (size_t i = 0; i < w->text.n; i++) {
        char ch = w->text.s[i];
        if (ch >= '0' && ch <= '9') {
            digits++;
            if (scale > 0)
                v += (ch - '0') * scale, scale /= 10;
            else
                v = v * 10 + (ch - '0');
        } else if (ch == '.' && scale == 0) {
            scale = 0.1;
        } else if (ch != ',' && ch != '%' && ch != '$' && ch != '-') {
            return false;
        }
    }
    *value = w->text.n && w->text.s[0] == '-' ? -v : v;
    return digits > 0 && digits <= 12;
}

/* Lets the hull take in the labels that touch it: axis numbers, names below, the legend. */
static struct rect with_labels(struct line *const *lines, size_t n, struct rect hull) {
    for (int round = 0; round < 4; round++) {
        struct rect grown = hull;
        for (size_t i = 0; i < n; i++) {
            const struct line *l = lines[i];
            double value;
            bool number = l->n_words == 1 && number_value(l->words[0], &value);
            float reach = (number ? 3.0f : 1.8f) * l->size;
            if (l->n_words > 6 || l->n_chars > 40) continue;
            if (l->bbox.x0 > hull.x1 + reach || l->bbox.x1 < hull.x0 - reach ||
                l->bbox.y0 > hull.y1 + reach || l->bbox.y1 < hull.y0 - reach)
                continue;
            if (rect_width(l->bbox) > 0.5f * rect_width(hull) && l->n_words > 3) continue;
            grown = rect_union(grown, l->bbox);
        }
        if (grown.x0 == hull.x0 && grown.x1 == hull.x1 && grown.y0 == hull.y0 &&
            grown.y1 == hull.y1)
            break;
        hull = grown;
    }
    return hull;
}

/* A frame drawn around the chart is its true border. */
static struct rect with_frame(const struct sheet *sheet, struct rect hull) {
    const struct content *c = sheet->content;
    struct rect best = hull;
    float best_area = 3.5f * rect_area(hull);
    for (size_t i = 0; i < c->n_fills; i++) {
        struct rect r = c->fills[i].bbox, in = rect_intersection(r, hull);
        if (rect_area(in) < 0.97f * rect_area(hull) || rect_area(r) > best_area ||
            rect_area(r) > 0.5f * sheet->width * sheet->height)
            continue;
        best = rect_union(r, hull);
        best_area = rect_area(r);
    }
    return best;
}

/* Numbers one below the other in equal steps, equally far apart: the scale of an axis. */
static bool is_scale(const struct sheet *sheet, float x0, float x1, float y0, float y1) {
    enum { MAX = 40 };
    double value[MAX], y[MAX];
    int n = 0;
    for (size_t i = 0; i < sheet->n_words && n < MAX; i++) {
        const struct word *w = sheet->words[i];
        if (w->bbox.x0 < x0 || w->bbox.x1 > x1 || w->baseline < y0 || w->baseline > y1) continue;
        if (!number_value(w, &value[n])) continue;
        y[n++] = (double)w->baseline;
    }
    if (n < 3) return false;
    for (int i = 1; i < n; i++) // few, so insertion sort by height
        for (int k = i; k > 0 && y[k] < y[k - 1]; k--) {
            double t = y[k];
            y[k] = y[k - 1], y[k - 1] = t;
            t = value[k];
            value[k] = value[k - 1], value[k - 1] = t;
        }
    double step = value[0] - value[1], dy = y[1] - y[0];
    if (step == 0 || dy <= 0) return false;
    for (int i = 1; i < n; i++) {
        if (fabs(value[i - 1] - value[i] - step) > 0.02 * fabs(step)) return false;
        if (fabs(y[i] - y[i - 1] - dy) > 0.15 * dy) return false;
    }
    return true;
}

struct finder {
    struct sheet *sheet;
    struct line **lines;
    size_t n_lines;
    size_t cap; // of the sheet's pictures
};

static void add_picture(struct finder *f, struct rect hull) {
    struct content *c = f->sheet->content;
    for (size_t i = 0; i < c->n_pictures; i++) {
        struct picture *p = &c->pictures[i];
        float common = rect_area(rect_intersection(p->bbox, hull));
        if (common < 0.3f * rect_area(hull) && common < 0.6f * rect_area(p->bbox)) continue;
        if (p->vector) p->bbox = rect_union(p->bbox, hull);
        p->chart = p->vector;
        return; // known already, as a drawing
    }
    c->pictures =
        arena_grow(f->sheet->arena, c->pictures, c->n_pictures, &f->cap, sizeof *c->pictures);
    c->pictures[c->n_pictures++] = (struct picture){.bbox = hull, .vector = true, .chart = true};
}

static void find_bars(struct finder *f, bool lying) {
    struct sheet *sheet = f->sheet;
    struct bar *bars = ARENA_ARRAY(sheet->arena, MAX_BARS, struct bar);
    size_t n = collect_bars(sheet, lying, bars);
    qsort(bars, n, sizeof *bars, by_lo);
    bool *used = ARENA_ARRAY(sheet->arena, n + 1, bool);
    for (size_t i = 0; i < n; i++) {
        if (used[i]) continue;
        struct row_of_bars row = like(bars, n, i);
        if (row.n < 3 || !row.apart) continue;
        const struct bar *h = &row.hull;
        struct rect r = lying ? (struct rect){-h->foot, h->lo, -h->head, h->hi}
                              : (struct rect){h->lo, h->head, h->hi, h->foot};
        if (rect_height(r) < 2 * sheet->body || rect_width(r) < 3 * sheet->body) continue;
        // bars that differ are proof enough; of others a scale must stand beside
        bool differ = row.n_lengths >= 3 && row.n_lengths * 2 >= row.n;
        if (!differ && (lying || !is_scale(sheet, r.x0 - 8 * sheet->body, r.x0,
                                           r.y0 - 2 * sheet->body, r.y1 + sheet->body)))
            continue;
        for (size_t k = 0; k < n; k++)
            used[k] = used[k] || (bars[k].lo >= h->lo - 1 && bars[k].hi <= h->hi + 1 &&
                                  close_to(bars[k].foot, h->foot, 2));
        add_picture(f, with_frame(sheet, with_labels(f->lines, f->n_lines, r)));
    }
}

/* Grid lines of one length, evenly spaced, with a scale beside them and no table's text between. */
static void find_grids(struct finder *f) {
    struct sheet *sheet = f->sheet;
    for (size_t i = 0; i + 2 < sheet->n_h; i++) {
        const struct segment *top = &sheet->h[i];
        if (top->b - top->a < 5 * sheet->body) continue;
        float last = top->pos, step = 0;
        int n = 1;
        for (size_t k = i + 1; k < sheet->n_h; k++) {
            const struct segment *s = &sheet->h[k];
            if (!close_to(s->a, top->a, 2) || !close_to(s->b, top->b, 2)) continue;
            if (step == 0) step = s->pos - last;
            if (step < sheet->body || !close_to(s->pos - last, step, 0.08f * step + 0.5f)) break;
            last = s->pos;
            n++;
        }
        if (n < 3) continue;
        struct rect r = {top->a, top->pos, top->b, last};
        float b = sheet->body;
        bool left = is_scale(sheet, r.x0 - 6 * b, r.x0 + 0.2f * b, r.y0 - b, r.y1 + b);
        bool right = is_scale(sheet, r.x1 - 0.2f * b, r.x1 + 6 * b, r.y0 - b, r.y1 + b);
        if (!left && !right) continue;
        add_picture(f, with_frame(sheet, with_labels(f->lines, f->n_lines, r)));
        while (i + 1 < sheet->n_h && sheet->h[i + 1].pos <= last) i++;
    }
}

void charts_find(struct content *content, struct arena *arena) {
    if (content->n_fills < 3 && content->n_rules < 3 && content->n_pictures == 0) return;
    struct finder f = {.sheet = sheet_new(arena, content, 0)};
    struct content *c = f.sheet->content;
    f.cap = c->n_pictures;
    f.lines = lines_from_words(arena, c, f.sheet->words, f.sheet->n_words, 1.0f, &f.n_lines);
    find_bars(&f, false);
    find_bars(&f, true);
    find_grids(&f);
    for (size_t i = 0; i < c->n_pictures; i++) {
        struct picture *p = &c->pictures[i];
        if (p->vector && !p->chart) p->bbox = with_labels(f.lines, f.n_lines, p->bbox);
        p->bbox = sheet_back(f.sheet, p->bbox);
    }
    content->pictures = c->pictures;
    content->n_pictures = c->n_pictures;
}
