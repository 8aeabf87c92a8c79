/*
 * pipeline/pdfpaint.c - see pdfpaint.h.
 *
 * What a table needs are its lines, however they were drawn: as strokes, as filled rectangles a
 * point high, as the sides of a stroked rectangle, dash by dash. All of them become rules here.
 */
#include "pipeline/pdfpaint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"

enum {
    MAX_SEGMENTS = 20000, // of one path; longer ones are drawings, their box is enough
    MAX_RULES_RAW = 60000,
    MAX_RULES = 5000,
    MAX_CURVES = 20000,
    MAX_FILLS = 20000,
    MAX_PAINTS = 40000,
    MAX_LOOKS = 2000,
    CURVE_RUN = 4, // segments of a curved path that share a box: a circle counts once
};

static const double THIN = 3;       // pt: a filled rectangle up to here is a line
static const double STRAIGHT = 0.3; // pt a line may deviate from an axis
static const double FAR = 1e6;      // pt: nothing real lies farther out

static double bounded(double v) {
    if (!(fabs(v) < FAR)) return isnan(v) ? 0 : copysign(FAR, v);
    return v;
}

struct matrix matrix_product(struct matrix m, struct matrix n) {
    return (struct matrix){
        bounded(m.a * n.a + m.b * n.c),       bounded(m.a * n.b + m.b * n.d),
        bounded(m.c * n.a + m.d * n.c),       bounded(m.c * n.b + m.d * n.d),
        bounded(m.e * n.a + m.f * n.c + n.e), bounded(m.e * n.b + m.f * n.d + n.f),
    };
}

struct point matrix_apply(const struct matrix *m, double x, double y) {
    return (struct point){bounded(m->a * x + m->c * y + m->e), bounded(m->b * x + m->d * y + m->f)};
}

static struct rect box_of(struct point a, struct point b) {
    return (struct rect){(float)fmin(a.x, b.x), (float)fmin(a.y, b.y), (float)fmax(a.x, b.x),
                         (float)fmax(a.y, b.y)};
}

static void box_take(struct rect *box, struct point p) {
    box->x0 = fminf(box->x0, (float)p.x);
    box->y0 = fminf(box->y0, (float)p.y);
    box->x1 = fmaxf(box->x1, (float)p.x);
    box->y1 = fmaxf(box->y1, (float)p.y);
}

struct rect matrix_box(const struct matrix *m, double x0, double y0, double x1, double y1) {
    struct rect box = box_of(matrix_apply(m, x0, y0), matrix_apply(m, x1, y1));
    box_take(&box, matrix_apply(m, x0, y1));
    box_take(&box, matrix_apply(m, x1, y0));
    return box;
}

/* False when nothing of the box lies inside the clip; thin boxes count as long as they touch it. */
static bool clip_box(struct rect *box, struct rect clip) {
    box->x0 = fmaxf(box->x0, clip.x0);
    box->y0 = fmaxf(box->y0, clip.y0);
    box->x1 = fminf(box->x1, clip.x1);
    box->y1 = fminf(box->y1, clip.y1);
    return box->x0 <= box->x1 && box->y0 <= box->y1;
}

/* ---- the current path ---- */

static void add_segment(struct painter *p, struct point to, struct rect box, bool curve) {
    if (!p->any) p->path_box = box;
    p->path_box = rect_union(p->path_box, box);
    p->any = true;
    if (p->n_segments >= MAX_SEGMENTS) {
        p->too_long = true;
    } else {
        p->segments =
            arena_grow(p->arena, p->segments, p->n_segments, &p->cap_segments, sizeof *p->segments);
        p->segments[p->n_segments++] = (struct segment){p->at, to, box, curve, p->subpath};
    }
    p->at = to;
}

void path_move(struct painter *p, struct point to) {
    p->start = p->at = to;
    p->subpath++;
    p->open = true;
}

void path_line(struct painter *p, struct point to) {
    if (!p->open) path_move(p, to); // a line from nowhere: viewers start it here
    add_segment(p, to, box_of(p->at, to), false);
}

void path_curve(struct painter *p, struct point c1, struct point c2, struct point to) {
    if (!p->open) path_move(p, c1);
    struct rect box = box_of(p->at, to);
    box_take(&box, c1);
    box_take(&box, c2);
    add_segment(p, to, box, true);
}

void path_close(struct painter *p) {
    if (!p->open) return;
    if (p->at.x != p->start.x || p->at.y != p->start.y) path_line(p, p->start);
    p->subpath++; // what follows without a move starts here anew
}

void path_rect(struct painter *p, const struct matrix *m, double x, double y, double w, double h) {
    path_move(p, matrix_apply(m, x, y));
    path_line(p, matrix_apply(m, x + w, y));
    path_line(p, matrix_apply(m, x + w, y + h));
    path_line(p, matrix_apply(m, x, y + h));
    path_close(p);
}

void path_end(struct painter *p) {
    p->n_segments = 0;
    p->open = p->too_long = p->any = false;
}

struct rect path_bbox(const struct painter *p) {
    return p->any ? p->path_box : (struct rect){0};
}

/* ---- what was painted before ---- */

static bool is_white(uint32_t rgb, float alpha) {
    for (int shift = 0; shift <= 16; shift += 8) {
        float c = (float)(rgb >> shift & 0xff);
        if (255 - alpha * (255 - c) < 250) return false;
    }
    return true;
}

static bool covers(const struct ops_paint *paint, float x, float y) {
    const struct rect *b = &paint->bbox;
    return x >= b->x0 && x <= b->x1 && y >= b->y0 && y <= b->y1 && paint->alpha > 0.02f;
}

static const struct ops_paint *beneath(const struct ops_paint *paints, size_t n, float x, float y,
                                       int order) {
    while (n-- > 0) {
        if (paints[n].order < order && covers(&paints[n], x, y)) return &paints[n];
    }
    return NULL;
}

/* Only what surely covers the point counts as white: a white shape's box says too little. */
static bool white_beneath(const struct ops_paint *paints, size_t n, float x, float y, int order) {
    while (n-- > 0) {
        const struct ops_paint *paint = &paints[n];
        if (paint->order >= order || !covers(paint, x, y)) continue;
        if (paint->kind == PAINT_IMAGE || paint->kind == PAINT_SHADE || !paint->known_rgb)
            return false;
        if (!is_white(paint->rgb, paint->alpha)) return false;
        if (paint->kind == PAINT_RECT && paint->alpha > 0.9f) return true;
    }
    return true;
}

const struct ops_paint *ops_beneath(const struct ops_page *page, float x, float y, int order) {
    return beneath(page->paints, page->n_paints, x, y, order);
}

bool ops_white_beneath(const struct ops_page *page, float x, float y, int order) {
    return !page->cut && white_beneath(page->paints, page->n_paints, x, y, order);
}

/* White paint on white ground shows nothing. */
static bool shows(struct painter *p, const struct pen *pen, float x, float y) {
    if (pen->alpha <= 0.02f) return false;
    if (!pen->known_rgb || !is_white(pen->rgb, pen->alpha)) return true;
    if (p->n_looks++ >= MAX_LOOKS) return false;
    return !white_beneath(p->paints, p->n_paints, x, y, p->order + 1);
}

/* ---- results ---- */

static int by_line(const void *pa, const void *pb) {
    const struct rule *a = pa, *b = pb;
    bool horizontal_a = a->y0 == a->y1, horizontal_b = b->y0 == b->y1;
    if (horizontal_a != horizontal_b) return horizontal_a ? -1 : 1;
    if (a->rgb != b->rgb) return a->rgb < b->rgb ? -1 : 1;
    float at_a = horizontal_a ? a->y0 : a->x0, at_b = horizontal_b ? b->y0 : b->x0;
    if (at_a != at_b) return at_a < at_b ? -1 : 1;
    float from_a = horizontal_a ? a->x0 : a->y0, from_b = horizontal_b ? b->x0 : b->y0;
    return from_a < from_b ? -1 : from_a > from_b;
}

static int by_start(const void *pa, const void *pb) {
    const struct rule *a = pa, *b = pb;
    float from_a = a->y0 == a->y1 ? a->x0 : a->y0, from_b = b->y0 == b->y1 ? b->x0 : b->y0;
    return from_a < from_b ? -1 : from_a > from_b;
}

static float length_of(const struct rule *r) {
    return r->x1 - r->x0 + r->y1 - r->y0;
}

/* Joins rules of one line that overlap or leave a gap no eye sees; returns how many are left. */
static size_t join_line(struct rule *rules, size_t n) {
    static const float GAP = 3;
    qsort(rules, n, sizeof *rules, by_start);
    bool horizontal = rules[0].y0 == rules[0].y1;
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        struct rule *a = &rules[last], *b = &rules[i];
        float end = horizontal ? a->x1 : a->y1, from = horizontal ? b->x0 : b->y0;
        if (from > end + GAP) {
            rules[++last] = *b;
            continue;
        }
        struct rule joined = length_of(a) >= length_of(b) ? *a : *b;
        joined.width = fmaxf(a->width, b->width);
        if (horizontal) {
            joined.x0 = a->x0;
            joined.x1 = fmaxf(a->x1, b->x1);
        } else {
            joined.y0 = a->y0;
            joined.y1 = fmaxf(a->y1, b->y1);
        }
        *a = joined;
    }
    return last + 1;
}

static void join_rules(struct painter *p) {
    qsort(p->rules, p->n_rules, sizeof *p->rules, by_line);
    size_t kept = 0;
    for (size_t i = 0, j; i < p->n_rules; i = j) {
        const struct rule *first = &p->rules[i];
        bool horizontal = first->y0 == first->y1;
        float at = horizontal ? first->y0 : first->x0, reach = fmaxf(0.5f, first->width / 2);
        for (j = i + 1; j < p->n_rules; j++) {
            const struct rule *r = &p->rules[j];
            if ((r->y0 == r->y1) != horizontal || r->rgb != first->rgb) break;
            if ((horizontal ? r->y0 : r->x0) > at + reach) break;
        }
        size_t n = join_line(&p->rules[i], j - i);
        memmove(&p->rules[kept], &p->rules[i], n * sizeof *p->rules);
        kept += n;
    }
    p->n_rules = kept;
}

static void add_rule(struct painter *p, struct rule rule) {
    if (p->n_rules >= MAX_RULES_RAW) {
        join_rules(p);
        if (p->n_rules > MAX_RULES_RAW / 2) { // not a table but a drawing
            p->n_rules = MAX_RULES_RAW / 2;
            p->cut = true;
        }
    }
    p->rules = arena_grow(p->arena, p->rules, p->n_rules, &p->cap_rules, sizeof *p->rules);
    p->rules[p->n_rules++] = rule;
}

static void add_curve(struct painter *p, struct rect box) {
    if (p->n_curves >= MAX_CURVES) {
        struct rect *last = &p->curves[p->n_curves - 1];
        *last = rect_union(*last, box);
        return;
    }
    p->curves = arena_grow(p->arena, p->curves, p->n_curves, &p->cap_curves, sizeof *p->curves);
    p->curves[p->n_curves++] = box;
}

void paint_add(struct painter *p, struct ops_paint paint) {
    paint.order = ++p->order;
    if (p->n_paints >= MAX_PAINTS) {
        p->cut = true;
        return;
    }
    p->paints = arena_grow(p->arena, p->paints, p->n_paints, &p->cap_paints, sizeof *p->paints);
    p->paints[p->n_paints++] = paint;
}

static void add_fill(struct painter *p, struct rect box, const struct pen *pen) {
    float x = (box.x0 + box.x1) / 2, y = (box.y0 + box.y1) / 2;
    bool visible = shows(p, pen, x, y);
    if (p->n_fills < MAX_FILLS) {
        p->fills = arena_grow(p->arena, p->fills, p->n_fills, &p->cap_fills, sizeof *p->fills);
        p->fills[p->n_fills++] = (struct fill){box, pen->rgb, visible};
    }
    if (pen->alpha > 0.02f)
        paint_add(p, (struct ops_paint){.bbox = box,
                                        .kind = PAINT_RECT,
                                        .rgb = pen->rgb,
                                        .known_rgb = pen->known_rgb,
                                        .alpha = pen->alpha});
}

bool paint_thin_box(struct painter *p, struct rect box, const struct pen *pen) {
    float w = rect_width(box), h = rect_height(box);
    if (fminf(w, h) > (float)THIN || fmaxf(w, h) < 2 * fminf(w, h)) return false;
    float x = (box.x0 + box.x1) / 2, y = (box.y0 + box.y1) / 2;
    if (!shows(p, pen, x, y)) return true;
    struct rule rule = {box.x0, y, box.x1, y, h, pen->rgb};
    if (h > w) rule = (struct rule){x, box.y0, x, box.y1, w, pen->rgb};
    add_rule(p, rule);
    return true;
}

/* ---- stroking ---- */

static bool is_axis_parallel(const struct segment *s) {
    return !s->curve &&
           (fabs(s->from.x - s->to.x) <= STRAIGHT || fabs(s->from.y - s->to.y) <= STRAIGHT);
}

static void stroke_straight(struct painter *p, const struct segment *s, const struct pen *pen,
                            struct rect clip) {
    float half = pen->width / 2;
    bool horizontal = rect_width(s->box) >= rect_height(s->box);
    struct rect box = s->box;
    struct rect reach = clip; // half of a line on the clip's edge can be seen
    if (horizontal) {
        reach.y0 -= half;
        reach.y1 += half;
    } else {
        reach.x0 -= half;
        reach.x1 += half;
    }
    if (!clip_box(&box, reach)) return;
    float length = horizontal ? rect_width(box) : rect_height(box);
    if (length < 0.1f) return;
    float x = (box.x0 + box.x1) / 2, y = (box.y0 + box.y1) / 2;
    if (pen->width > (float)THIN && length > 0) { // a bar drawn as a thick line
        struct rect bar = horizontal ? (struct rect){box.x0, y - half, box.x1, y + half}
                                     : (struct rect){x - half, box.y0, x + half, box.y1};
        if (clip_box(&bar, clip)) add_fill(p, bar, pen);
        return;
    }
    if (!shows(p, pen, x, y)) return;
    add_rule(p, horizontal ? (struct rule){box.x0, y, box.x1, y, pen->width, pen->rgb}
                           : (struct rule){x, box.y0, x, box.y1, pen->width, pen->rgb});
}

/* Boxes of the curved and slanted segments of one subpath, unless they only round off the corners of
 * a rectangle. */
static void add_bends(struct painter *p, const struct segment *s, size_t n, struct rect clip) {
    struct rect hull = s[0].box;
    double straight = 0;
    for (size_t i = 0; i < n; i++) {
        hull = rect_union(hull, s[i].box);
        if (is_axis_parallel(&s[i])) straight += rect_width(s[i].box) + rect_height(s[i].box);
    }
    if (straight >= 1.2 * (rect_width(hull) + rect_height(hull))) return;
    struct rect box = {0};
    int run = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_axis_parallel(&s[i])) continue;
        box = run ? rect_union(box, s[i].box) : s[i].box;
        if (++run < CURVE_RUN && i + 1 < n) continue;
        if (clip_box(&box, clip)) add_curve(p, box);
        run = 0;
    }
    if (run && clip_box(&box, clip)) add_curve(p, box);
}

/* Calls fn for every subpath of the current path. */
static void each_subpath(struct painter *p, const struct pen *pen, struct rect clip,
                         void (*fn)(struct painter *, const struct segment *, size_t,
                                    const struct pen *, struct rect)) {
    for (size_t i = 0, j; i < p->n_segments; i = j) {
        for (j = i + 1; j < p->n_segments && p->segments[j].subpath == p->segments[i].subpath;) j++;
        fn(p, &p->segments[i], j - i, pen, clip);
    }
}

static void stroke_subpath(struct painter *p, const struct segment *s, size_t n,
                           const struct pen *pen, struct rect clip) {
    for (size_t i = 0; i < n; i++) {
        if (is_axis_parallel(&s[i])) stroke_straight(p, &s[i], pen, clip);
    }
    add_bends(p, s, n, clip);
}

void paint_stroke(struct painter *p, const struct pen *pen, struct rect clip) {
    if (pen->alpha <= 0.02f) return;
    each_subpath(p, pen, clip, stroke_subpath);
    struct rect box = p->path_box;
    if (p->too_long && clip_box(&box, clip)) add_curve(p, box);
    p->order++;
}

/* ---- filling ---- */

/* Whether the subpath is a rectangle parallel to the axes, perhaps with rounded corners: straight
 * sides, and as large as its box. */
static bool is_rectangle(const struct segment *s, size_t n, struct rect box) {
    double twice_area = 0, sides = 0;
    for (size_t i = 0; i < n; i++) {
        if (!s[i].curve && !is_axis_parallel(&s[i])) return false;
        if (!s[i].curve) sides += rect_width(s[i].box) + rect_height(s[i].box);
        twice_area += s[i].from.x * s[i].to.y - s[i].to.x * s[i].from.y;
    }
    struct point a = s[n - 1].to, b = s[0].from; // filling closes the path
    twice_area += a.x * b.y - b.x * a.y;
    double half_girth = rect_width(box) + rect_height(box);
    return fabs(twice_area) / 2 >= 0.9 * rect_area(box) && sides >= half_girth;
}

static void fill_subpath(struct painter *p, const struct segment *s, size_t n,
                         const struct pen *pen, struct rect clip) {
    struct rect box = s[0].box;
    for (size_t i = 1; i < n; i++) box = rect_union(box, s[i].box);
    bool straight = true;
    for (size_t i = 0; i < n; i++) straight &= is_axis_parallel(&s[i]);
    bool rectangle = n <= 16 && is_rectangle(s, n, box);
    if (!clip_box(&box, clip)) return;
    if ((rectangle || straight) && paint_thin_box(p, box, pen)) return;
    if (rectangle) {
        add_fill(p, box, pen);
        return;
    }
    if (pen->alpha <= 0.02f) return;
    add_bends(p, s, n, clip);
    paint_add(p, (struct ops_paint){.bbox = box,
                                    .kind = PAINT_SHAPE,
                                    .rgb = pen->rgb,
                                    .known_rgb = pen->known_rgb,
                                    .alpha = pen->alpha});
}

void paint_fill(struct painter *p, const struct pen *pen, struct rect clip) {
    each_subpath(p, pen, clip, fill_subpath);
    struct rect box = p->path_box;
    if (!p->too_long || !clip_box(&box, clip)) return;
    add_curve(p, box);
    paint_add(p, (struct ops_paint){.bbox = box,
                                    .kind = PAINT_SHAPE,
                                    .rgb = pen->rgb,
                                    .known_rgb = pen->known_rgb,
                                    .alpha = pen->alpha});
}

/* ---- the end ---- */

static int by_length(const void *pa, const void *pb) {
    float a = length_of(pa), b = length_of(pb);
    return a > b ? -1 : a < b;
}

void paint_finish(struct painter *p, struct ops_page *page) {
    if (p->n_rules > 0) join_rules(p);
    if (p->n_rules > MAX_RULES) {
        qsort(p->rules, p->n_rules, sizeof *p->rules, by_length);
        p->n_rules = MAX_RULES;
        qsort(p->rules, p->n_rules, sizeof *p->rules, by_line);
    }
    page->rules = p->rules;
    page->n_rules = p->n_rules;
    page->curves = p->curves;
    page->n_curves = p->n_curves;
    page->fills = p->fills;
    page->n_fills = p->n_fills;
    page->paints = p->paints;
    page->n_paints = p->n_paints;
    page->cut |= p->cut;
}
