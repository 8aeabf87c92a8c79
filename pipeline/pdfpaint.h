/*
 * pipeline/pdfpaint.h - paths on their way to rules, fills and curve boxes.
 *
 * The operator walk (pdfops.c) feeds path segments in page space and says how they are painted; this
 * file decides what each path is: a ruling, a filled rectangle, or some shape.
 */
#ifndef PIPELINE_PDFPAINT_H
#define PIPELINE_PDFPAINT_H

#include "pipeline/pdfops.h"

struct point {
    double x, y;
};

/* a b c d e f of a PDF matrix: x' = a x + c y + e, y' = b x + d y + f. */
struct matrix {
    double a, b, c, d, e, f;
};

struct matrix matrix_product(struct matrix first, struct matrix then);
struct point matrix_apply(const struct matrix *m, double x, double y);
struct rect matrix_box(const struct matrix *m, double x0, double y0, double x1, double y1);

struct pen {
    uint32_t rgb;
    bool known_rgb; // false: a pattern or the like
    float alpha;
    float width; // of strokes, pt on the page
};

struct segment {
    struct point from, to;
    struct rect box;
    bool curve;
    int subpath;
};

/* The current path and all that was painted so far. */
struct painter {
    struct arena *arena;
    struct rect page;
    // current path
    struct segment *segments;
    size_t n_segments, cap_segments;
    struct point start, at;
    int subpath;
    bool open;            // a current point exists
    bool too_long;        // more segments than are kept: only the box is known
    struct rect path_box; // of all segments, kept or not
    bool any;
    // results
    struct rule *rules;
    size_t n_rules, cap_rules;
    struct rect *curves;
    size_t n_curves, cap_curves;
    struct fill *fills;
    size_t n_fills, cap_fills;
    struct ops_paint *paints;
    size_t n_paints, cap_paints;
    int order;
    int n_looks; // how often white paint was compared with what lies beneath
    bool cut;    // a cap was reached
};

void path_move(struct painter *p, struct point to);
void path_line(struct painter *p, struct point to);
void path_curve(struct painter *p, struct point c1, struct point c2, struct point to);
void path_close(struct painter *p);
void path_rect(struct painter *p, const struct matrix *m, double x, double y, double w, double h);
void path_end(struct painter *p);               // forgets the current path
struct rect path_bbox(const struct painter *p); // empty without a path

void paint_stroke(struct painter *p, const struct pen *pen, struct rect clip);
void paint_fill(struct painter *p, const struct pen *pen, struct rect clip);
void paint_add(struct painter *p, struct ops_paint paint); // gets the next place in the order
/* A thin painted box, such as a picture one pixel high: a ruling. */
bool paint_thin_box(struct painter *p, struct rect box, const struct pen *pen);

/* Merges collinear rules, drops the invisible ones, and moves all results into the page. */
void paint_finish(struct painter *p, struct ops_page *page);

#endif
