/*
 * pipeline/pdfpicture.c - which regions of a page are pictures: see pdf_find_pictures() in pdftext.h.
 *
 * A photograph may be stored in strips or tiles, a chart is hundreds of strokes. Both become one
 * box: pictures that touch are joined, and drawing is gathered on a coarse grid of cells.
 */
#include "pipeline/pdftext.h"

#include <math.h>

#include "util/arena.h"

enum {
    MAX_REGIONS = 1000, // pictures joined one with another
    LEAST_CURVES = 12,  // of a drawing
    MAX_CELLS = 250,    // of the grid, along one side
};

static const float TOUCH = 2;          // pt: pictures this close are one
static const float BACKGROUND = 0.85f; // of the page: a scan or a background
static const float CELL = 6;           // pt

static bool touches(struct rect a, struct rect b, float slack) {
    return a.x0 <= b.x1 + slack && b.x0 <= a.x1 + slack && a.y0 <= b.y1 + slack &&
           b.y0 <= a.y1 + slack;
}

/* Joins boxes until none touch; the number of boxes left. */
static size_t join(struct rect *boxes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (i == j || !touches(boxes[i], boxes[j], TOUCH)) continue;
            size_t low = i < j ? i : j, high = i < j ? j : i;
            boxes[low] = rect_union(boxes[low], boxes[high]);
            boxes[high] = boxes[--n];
            i = low; // the larger box may touch more
            j = (size_t)-1;
            if (i >= n) break;
        }
    }
    return n;
}

static size_t image_regions(const struct ops_page *ops, struct rect *boxes) {
    float page = ops->width * ops->height;
    size_t n = 0;
    for (size_t i = 0; i < ops->n_paints && n < MAX_REGIONS; i++) {
        const struct ops_paint *p = &ops->paints[i];
        float w = rect_width(p->bbox), h = rect_height(p->bbox);
        if (p->kind != PAINT_IMAGE || w * h > BACKGROUND * page || fminf(w, h) < 3) continue;
        boxes[n++] = p->bbox;
    }
    return join(boxes, n);
}

/* ---- drawings ---- */

struct grid {
    int n_cols, n_rows;
    float cell;
    int *parent; // union-find over cells; -1: nothing drawn there
};

static int root(struct grid *g, int i) {
    while (g->parent[i] != i) i = g->parent[i] = g->parent[g->parent[i]];
    return i;
}

static int clamp(float v, int n) {
    return v < 0 ? 0 : v >= (float)n ? n - 1 : (int)v;
}

static void mark(struct grid *g, struct rect box) {
    int x0 = clamp(box.x0 / g->cell, g->n_cols), x1 = clamp(box.x1 / g->cell, g->n_cols);
    int y0 = clamp(box.y0 / g->cell, g->n_rows), y1 = clamp(box.y1 / g->cell, g->n_rows);
    int first = y0 * g->n_cols + x0;
    if (g->parent[first] < 0) g->parent[first] = first;
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            int i = y * g->n_cols + x;
            if (g->parent[i] < 0) g->parent[i] = i;
            g->parent[root(g, i)] = root(g, first);
        }
    }
}

/* Cells with one empty cell between them belong together. */
static void connect(struct grid *g) {
    for (int y = 0; y < g->n_rows; y++) {
        for (int x = 0; x < g->n_cols; x++) {
            int i = y * g->n_cols + x;
            if (g->parent[i] < 0) continue;
            for (int dy = 0; dy <= 2; dy++) {
                for (int dx = -2; dx <= 2; dx++) {
                    if (x + dx < 0 || x + dx >= g->n_cols || y + dy >= g->n_rows) continue;
                    int k = i + dy * g->n_cols + dx;
                    if (g->parent[k] >= 0) g->parent[root(g, k)] = root(g, i);
                }
            }
        }
    }
}

struct cluster {
    struct rect box;
    int n;
};

static bool is_too_large(const struct ops_page *ops, struct rect box) {
    return rect_area(box) > 0.5f * ops->width * ops->height;
}

/* Takes in the axes, bars and frames that stick to a drawing, as long as it stays of its size. */
static struct rect grow(const struct ops_page *ops, struct rect box) {
    struct rect grown = box;
    for (size_t i = 0; i < ops->n_rules; i++) {
        const struct rule *r = &ops->rules[i];
        struct rect line = {r->x0, r->y0, r->x1, r->y1};
        bool small = rect_width(line) <= 1.3f * rect_width(box) &&
                     rect_height(line) <= 1.3f * rect_height(box);
        if (small && touches(line, box, 2)) grown = rect_union(grown, line);
    }
    for (size_t i = 0; i < ops->n_fills; i++) {
        struct rect fill = ops->fills[i].bbox;
        bool small = rect_width(fill) <= 1.3f * rect_width(box) &&
                     rect_height(fill) <= 1.3f * rect_height(box);
        if (ops->fills[i].visible && small && touches(fill, box, 2))
            grown = rect_union(grown, fill);
    }
    return grown;
}

/* The clusters of curves; boxes receives at most max. */
static size_t drawings(const struct ops_page *ops, struct arena *arena, struct rect *boxes,
                       size_t max) {
    if (ops->n_curves < LEAST_CURVES) return 0;
    struct grid g = {.cell = fmaxf(CELL, fmaxf(ops->width, ops->height) / MAX_CELLS)};
    g.n_cols = (int)(ops->width / g.cell) + 1;
    g.n_rows = (int)(ops->height / g.cell) + 1;
    size_t n_cells = (size_t)g.n_cols * (size_t)g.n_rows, n = 0;
    g.parent = ARENA_ARRAY(arena, n_cells, int);
    for (size_t i = 0; i < n_cells; i++) g.parent[i] = -1;
    for (size_t i = 0; i < ops->n_curves; i++) {
        if (!is_too_large(ops, ops->curves[i])) mark(&g, ops->curves[i]);
    }
    connect(&g);
    struct cluster *clusters = ARENA_ARRAY(arena, n_cells, struct cluster);
    for (size_t i = 0; i < ops->n_curves; i++) {
        struct rect box = ops->curves[i];
        if (is_too_large(ops, box)) continue;
        int cell = clamp(box.y0 / g.cell, g.n_rows) * g.n_cols + clamp(box.x0 / g.cell, g.n_cols);
        struct cluster *c = &clusters[root(&g, cell)];
        c->box = c->n++ ? rect_union(c->box, box) : box;
    }
    for (size_t i = 0; i < n_cells && n < max; i++) {
        if (clusters[i].n >= LEAST_CURVES) boxes[n++] = grow(ops, clusters[i].box);
    }
    return join(boxes, n);
}

bool pdf_is_figure(const struct picture *picture, const struct page_info *page) {
    float w = rect_width(picture->bbox), h = rect_height(picture->bbox);
    if (fminf(w, h) < 12) return false;
    return w * h >= 0.02f * page->width * page->height || (w > 40 && h > 25);
}

void pdf_find_pictures(const struct ops_page *ops, struct arena *arena, struct content *content) {
    struct rect *images = ARENA_ARRAY(arena, MAX_REGIONS, struct rect);
    struct rect *vectors = ARENA_ARRAY(arena, MAX_REGIONS, struct rect);
    size_t n_images = image_regions(ops, images);
    size_t n_vectors = drawings(ops, arena, vectors, MAX_REGIONS);
    content->pictures = ARENA_ARRAY(arena, n_images + n_vectors, struct picture);
    float page = ops->width * ops->height;
    for (size_t i = 0; i < n_images + n_vectors; i++) {
        struct picture p = {.bbox = i < n_images ? images[i] : vectors[i - n_images],
                            .vector = i >= n_images};
        bool inside_image = false; // arrows and labels drawn over a picture belong to it
        for (size_t k = 0; p.vector && k < n_images; k++)
            inside_image |=
                rect_area(rect_intersection(p.bbox, images[k])) > 0.7f * rect_area(p.bbox);
        if (inside_image || !pdf_is_figure(&p, &content->info)) continue;
        if (rect_area(p.bbox) > BACKGROUND * page) continue;
        content->pictures[content->n_pictures++] = p;
    }
}
