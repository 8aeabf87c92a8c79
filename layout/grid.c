/*
 * layout/grid.c - tables whose rulings cross: cells lie between lines, and where a piece of a line
 * is missing two cells are one.
 *
 *   segments --> components that cross --> grid lines --> elementary edges --> cells
 *
 * Fills count as rulings only as tiles: coloured cells that share an edge or stack up like zebra
 * stripes. A lone fill is a box, a fill inside a larger one a highlight.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/line.h"
#include "layout/script.h"
#include "layout/table.h"
#include "util/arena.h"

static const float TOUCH = 3;      // pt: segments this near cross
static const float COVERED = 0.6f; // of an elementary edge must be drawn
enum { MAX_LINES = 400 };          // grid lines a side; more is a drawing

/* ---- tiles ---- */

static bool near_f(float a, float b) {
    return fabsf(a - b) <= TOUCH;
}

static bool inside(struct rect a, struct rect b) { // a in b
    return a.x0 >= b.x0 - 1 && a.x1 <= b.x1 + 1 && a.y0 >= b.y0 - 1 && a.y1 <= b.y1 + 1;
}

static bool shares_edge(struct rect a, struct rect b) {
    bool beside =
        near_f(a.y0, b.y0) && near_f(a.y1, b.y1) && (near_f(a.x1, b.x0) || near_f(b.x1, a.x0));
    bool above =
        near_f(a.x0, b.x0) && near_f(a.x1, b.x1) && (near_f(a.y1, b.y0) || near_f(b.y1, a.y0));
    return beside || above;
}

/* Fills that could be cells: large enough for text, not the page's background. */
static size_t tile_candidates(const struct sheet *sheet, struct rect *out, size_t max) {
    const struct content *c = sheet->content;
    size_t n = 0;
    for (size_t i = 0; i < c->n_fills && n < max; i++) {
        struct rect r = c->fills[i].bbox;
        if (!c->fills[i].visible || rect_height(r) < 0.8f * sheet->body ||
            rect_width(r) < sheet->body)
            continue;
        if (rect_area(r) > 0.6f * sheet->width * sheet->height) continue;
        bool seen = false;
        for (size_t k = 0; k < n && !seen; k++)
            seen = near_f(out[k].x0, r.x0) && near_f(out[k].x1, r.x1) && near_f(out[k].y0, r.y0) &&
                   near_f(out[k].y1, r.y1);
        if (!seen && words_in(sheet, r, NULL) > 0) out[n++] = r;
    }
    return n;
}

static void put_edges(struct segment *h, size_t *n_h, struct segment *v, size_t *n_v, struct rect r,
                      bool sides) {
    h[(*n_h)++] = (struct segment){r.y0, r.x0, r.x1};
    h[(*n_h)++] = (struct segment){r.y1, r.x0, r.x1};
    if (!sides) return;
    v[(*n_v)++] = (struct segment){r.x0, r.y0, r.y1};
    v[(*n_v)++] = (struct segment){r.x1, r.y0, r.y1};
}

static int find_root(int *parent, int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static bool is_stripe_of(struct rect a, struct rect b) {
    return near_f(a.x0, b.x0) && near_f(a.x1, b.x1);
}

/* Which tiles belong to a table: they hang together by edges or as stripes, and fill the rectangle
 * they span. Bars of a chart leave most of it white. */
static void keep_tables(const struct rect *tiles, size_t n, int *parent, bool *keep) {
    for (size_t i = 0; i < n; i++) parent[i] = (int)i;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (shares_edge(tiles[i], tiles[k]) || is_stripe_of(tiles[i], tiles[k]))
                parent[find_root(parent, (int)k)] = find_root(parent, (int)i);
    for (size_t i = 0; i < n; i++) {
        if (find_root(parent, (int)i) != (int)i) continue;
        struct rect box = tiles[i];
        float area = 0;
        for (size_t k = 0; k < n; k++)
            if (find_root(parent, (int)k) == (int)i)
                box = rect_union(box, tiles[k]), area += rect_area(tiles[k]);
        bool fills = area > 0.45f * rect_area(box);
        for (size_t k = 0; k < n; k++)
            if (find_root(parent, (int)k) == (int)i) keep[k] = fills;
    }
}

/* The page's rulings and the edges of tiles, merged. */
static void gather(const struct sheet *sheet, struct segment **h, size_t *n_h, struct segment **v,
                   size_t *n_v) {
    enum { MAX_TILES = 1500 };
    struct rect *tiles = ARENA_ARRAY(sheet->arena, MAX_TILES, struct rect);
    size_t n_tiles = tile_candidates(sheet, tiles, MAX_TILES);
    int *parent = ARENA_ARRAY(sheet->arena, n_tiles + 1, int);
    bool *keep = ARENA_ARRAY(sheet->arena, n_tiles + 1, bool);
    keep_tables(tiles, n_tiles, parent, keep);
    *h = ARENA_ARRAY(sheet->arena, sheet->n_h + 2 * n_tiles + 1, struct segment);
    *v = ARENA_ARRAY(sheet->arena, sheet->n_v + 2 * n_tiles + 1, struct segment);
    memcpy(*h, sheet->h, sheet->n_h * sizeof **h);
    memcpy(*v, sheet->v, sheet->n_v * sizeof **v);
    *n_h = sheet->n_h;
    *n_v = sheet->n_v;
    for (size_t i = 0; i < n_tiles; i++) {
        bool maximal = true, tile = false;
        int stripes = 0;
        for (size_t k = 0; k < n_tiles && keep[i]; k++) {
            if (k == i) continue;
            if (inside(tiles[i], tiles[k]) && rect_area(tiles[k]) > 1.1f * rect_area(tiles[i]))
                maximal = false;
            tile = tile || shares_edge(tiles[i], tiles[k]);
            stripes += is_stripe_of(tiles[i], tiles[k]);
        }
        if (keep[i] && maximal && (tile || stripes >= 2))
            put_edges(*h, n_h, *v, n_v, tiles[i], tile);
    }
    *n_h = segments_merge(*h, *n_h);
    *n_v = segments_merge(*v, *n_v);
}

/* ---- components ---- */

static bool crosses(const struct segment *h, const struct segment *v) {
    return h->pos >= v->a - TOUCH && h->pos <= v->b + TOUCH && v->pos >= h->a - TOUCH &&
           v->pos <= h->b + TOUCH;
}

/* ---- one grid ---- */

struct grid {
    float x[MAX_LINES], y[MAX_LINES];
    int n_x, n_y;                // grid lines; cells: one less each way
    const struct segment *h, *v; // of this component
    size_t n_h, n_v;
};

/* Adds a position to a sorted list unless one is nearer than `apart`. */
static bool add_line(float *list, int *n, float pos, float apart) {
    int at = 0;
    while (at < *n && list[at] < pos) at++;
    if (at < *n && list[at] - pos < apart) return true;
    if (at > 0 && pos - list[at - 1] < apart) return true;
    if (*n == MAX_LINES) return false;
    memmove(list + at + 1, list + at, (size_t)(*n - at) * sizeof *list);
    list[at] = pos;
    ++*n;
    return true;
}

static int nearest(const float *list, int n, float pos) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (fabsf(list[i] - pos) < fabsf(list[best] - pos)) best = i;
    return best;
}

/* How much of [a, b] at grid line `line` is drawn. */
static float drawn(const struct segment *s, size_t n, const float *lines, int n_lines, int line,
                   float a, float b) {
    float covered = 0;
    for (size_t i = 0; i < n; i++) {
        if (nearest(lines, n_lines, s[i].pos) != line) continue;
        float from = s[i].a > a ? s[i].a : a, to = s[i].b < b ? s[i].b : b;
        if (to > from) covered += to - from;
    }
    return b > a ? covered / (b - a) : 1;
}

static bool make_lines(struct grid *g, float size) {
    float apart_x = 0.75f * size, apart_y = 0.55f * size;
    float x0 = 1e9f, x1 = -1e9f, y0 = 1e9f, y1 = -1e9f;
    for (size_t i = 0; i < g->n_v; i++) {
        if (!add_line(g->x, &g->n_x, g->v[i].pos, apart_x)) return false;
        if (g->v[i].a < y0) y0 = g->v[i].a;
        if (g->v[i].b > y1) y1 = g->v[i].b;
    }
    for (size_t i = 0; i < g->n_h; i++) {
        if (!add_line(g->y, &g->n_y, g->h[i].pos, apart_y)) return false;
        if (g->h[i].a < x0) x0 = g->h[i].a;
        if (g->h[i].b > x1) x1 = g->h[i].b;
    }
    // outer sides that nobody drew lie where the lines end
    return add_line(g->x, &g->n_x, x0, 1.5f * size) && add_line(g->x, &g->n_x, x1, 1.5f * size) &&
           add_line(g->y, &g->n_y, y0, size) && add_line(g->y, &g->n_y, y1, size);
}

struct area {           // a cell in the making
    int r0, c0, r1, c1; // inclusive
};

/* Joins elementary cells over missing edges and grows the result to rectangles. owner[r*nc + c] is
 * the index of the cell's top left elementary cell. */
static void join_cells(const struct grid *g, int nr, int nc, int *owner, struct area *areas) {
    for (int i = 0; i < nr * nc; i++) owner[i] = i;
    for (int r = 0; r < nr; r++)
        for (int c = 0; c < nc; c++) {
            int i = r * nc + c;
            if (c + 1 < nc &&
                drawn(g->v, g->n_v, g->x, g->n_x, c + 1, g->y[r], g->y[r + 1]) < COVERED)
                owner[find_root(owner, i + 1)] = find_root(owner, i);
            if (r + 1 < nr &&
                drawn(g->h, g->n_h, g->y, g->n_y, r + 1, g->x[c], g->x[c + 1]) < COVERED)
                owner[find_root(owner, i + nc)] = find_root(owner, i);
        }
    bool changed = true;
    while (changed) { // ends: every round that changes something joins two cells
        changed = false;
        for (int i = 0; i < nr * nc; i++) areas[i] = (struct area){nr, nc, -1, -1};
        for (int i = 0; i < nr * nc; i++) {
            struct area *a = &areas[find_root(owner, i)];
            int r = i / nc, c = i % nc;
            if (r < a->r0) a->r0 = r;
            if (c < a->c0) a->c0 = c;
            if (r > a->r1) a->r1 = r;
            if (c > a->c1) a->c1 = c;
        }
        for (int i = 0; i < nr * nc; i++) {
            if (owner[i] != i) continue;
            struct area a = areas[i];
            for (int r = a.r0; r <= a.r1; r++)
                for (int c = a.c0; c <= a.c1; c++) {
                    int root = find_root(owner, r * nc + c);
                    if (root != i && owner[i] == i) {
                        owner[root] = i;
                        changed = true;
                    }
                }
        }
    }
}

/* ---- words into cells ---- */

static int interval_of(const float *lines, int n, float pos) {
    for (int i = 0; i + 1 < n; i++)
        if (pos < lines[i + 1]) return i;
    return n - 2;
}

static struct raw_table *fill_cells(const struct sheet *sheet, const struct grid *g,
                                    const int *owner, const struct area *areas,
                                    const struct word **words, size_t n) {
    int nr = g->n_y - 1, nc = g->n_x - 1;
    struct raw_table *t = ARENA_NEW(sheet->arena, struct raw_table);
    t->n_rows = nr;
    t->n_cols = nc;
    t->bbox = (struct rect){g->x[0], g->y[0], g->x[nc], g->y[nr]};
    t->cells = ARENA_ARRAY(sheet->arena, (size_t)(nr * nc), struct raw_cell);
    int *cell_at = ARENA_ARRAY(sheet->arena, (size_t)(nr * nc), int);
    int *own = ARENA_ARRAY(sheet->arena, (size_t)(nr * nc), int);
    memcpy(own, owner, (size_t)(nr * nc) * sizeof *own);
    for (int i = 0; i < nr * nc; i++) cell_at[i] = -1;
    for (int i = 0; i < nr * nc; i++) {
        int root = find_root(own, i);
        const struct area *a = &areas[root];
        if (i != a->r0 * nc + a->c0) continue;
        cell_at[root] = (int)t->n_cells;
        t->cells[t->n_cells++] = (struct raw_cell){.row = a->r0,
                                                   .col = a->c0,
                                                   .row_span = a->r1 - a->r0 + 1,
                                                   .col_span = a->c1 - a->c0 + 1};
    }
    int *where = ARENA_ARRAY(sheet->arena, n + 1, int);
    for (size_t i = 0; i < n; i++) {
        float x = (words[i]->bbox.x0 + words[i]->bbox.x1) / 2,
              y = words[i]->baseline - 0.3f * words[i]->size;
        int e = interval_of(g->y, g->n_y, y) * nc + interval_of(g->x, g->n_x, x);
        where[i] = cell_at[find_root(own, e)];
        t->cells[where[i]].n_words++;
    }
    for (size_t k = 0; k < t->n_cells; k++) {
        t->cells[k].words = ARENA_ARRAY(sheet->arena, t->cells[k].n_words + 1, const struct word *);
        t->cells[k].n_words = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct raw_cell *c = &t->cells[where[i]];
        c->words[c->n_words++] = words[i];
    }
    return t;
}

/* Where does a cell that spans columns fall apart? Not where a word crosses the line, nor where the
 * words on both sides are set like neighbours in a text. */
static bool parts_at(const struct raw_cell *c, float x, float size, float *gap) {
    float left = -1e9f, right = 1e9f;
    for (size_t i = 0; i < c->n_words; i++) {
        const struct rect *b = &c->words[i]->bbox;
        if (b->x0 < x - 0.2f * size && b->x1 > x + 0.2f * size) return false;
        if ((b->x0 + b->x1) / 2 < x)
            left = fmaxf(left, b->x1);
        else
            right = fminf(right, b->x0);
    }
    *gap = right - left;
    return true;
}

static bool splits(const struct grid *g, const struct raw_cell *c, float size) {
    if (c->col_span < 2 || c->n_words < 2) return false;
    int filled = 0;
    float least = 1e9f;
    for (int k = 0; k < c->col_span; k++) {
        bool has = false;
        for (size_t i = 0; i < c->n_words && !has; i++) {
            float x = (c->words[i]->bbox.x0 + c->words[i]->bbox.x1) / 2;
            has = x >= g->x[c->col + k] && x < g->x[c->col + k + 1];
        }
        filled += has;
        float gap;
        if (k > 0 && !parts_at(c, g->x[c->col + k], size, &gap)) return false;
        if (k > 0) least = fminf(least, gap);
    }
    return filled == c->col_span ? least > 0.6f * size : filled >= 2 && least > 1.5f * size;
}

/* Nobody drew the lines between the columns of a row whose words keep to them. */
static void split_spans(const struct sheet *sheet, const struct grid *g, struct raw_table *t,
                        float size) {
    size_t most = (size_t)(g->n_x - 1) * (size_t)(g->n_y - 1), n = 0;
    struct raw_cell *out = ARENA_ARRAY(sheet->arena, most, struct raw_cell);
    for (size_t i = 0; i < t->n_cells; i++) {
        const struct raw_cell *c = &t->cells[i];
        if (!splits(g, c, size)) {
            out[n++] = *c;
            continue;
        }
        for (int k = 0; k < c->col_span; k++) {
            struct raw_cell *part = &out[n++];
            *part = *c;
            part->col = c->col + k;
            part->col_span = 1;
            part->words = ARENA_ARRAY(sheet->arena, c->n_words, const struct word *);
            part->n_words = 0;
            for (size_t w = 0; w < c->n_words; w++) {
                float x = (c->words[w]->bbox.x0 + c->words[w]->bbox.x1) / 2;
                if ((k == 0 || x >= g->x[part->col]) &&
                    (k == c->col_span - 1 || x < g->x[part->col + 1]))
                    part->words[part->n_words++] = c->words[w];
            }
        }
    }
    t->cells = out;
    t->n_cells = n;
}

/* Drops grid lines where no cell starts: rows and columns that lie wholly inside spans. */
static void compact(struct raw_table *t) {
    for (int axis = 0; axis < 2; axis++) {
        int *n_lines = axis ? &t->n_cols : &t->n_rows;
        for (int line = *n_lines - 1; line > 0; line--) {
            bool starts = false;
            for (size_t k = 0; k < t->n_cells && !starts; k++)
                starts = (axis ? t->cells[k].col : t->cells[k].row) == line;
            if (starts) continue;
            for (size_t k = 0; k < t->n_cells; k++) {
                int *at = axis ? &t->cells[k].col : &t->cells[k].row;
                int *span = axis ? &t->cells[k].col_span : &t->cells[k].row_span;
                if (*at > line)
                    --*at;
                else if (*at + *span > line)
                    --*span;
            }
            --*n_lines;
        }
    }
}

static int by_row_col(const void *a, const void *b) {
    const struct raw_cell *x = a, *y = b;
    return x->row != y->row ? x->row - y->row : x->col - y->col;
}

/* Removes rows (axis 0) or columns (axis 1) without any text: gaps between double rules. */
static void drop_empty(struct raw_table *t, int axis) {
    int *n_lines = axis ? &t->n_cols : &t->n_rows;
    for (int line = *n_lines - 1; line >= 0 && *n_lines > 1; line--) {
        bool filled = false;
        for (size_t k = 0; k < t->n_cells && !filled; k++) {
            const struct raw_cell *c = &t->cells[k];
            int at = axis ? c->col : c->row, span = axis ? c->col_span : c->row_span;
            filled = at <= line && at + span > line && (c->n_words || span > 1);
        }
        if (filled) continue;
        size_t out = 0;
        for (size_t k = 0; k < t->n_cells; k++) {
            struct raw_cell c = t->cells[k];
            int *at = axis ? &c.col : &c.row;
            if (*at == line) continue;
            if (*at > line) --*at;
            t->cells[out++] = c;
        }
        t->n_cells = out;
        --*n_lines;
    }
}

/* ---- is it a table? ---- */

static int n_filled(const struct raw_table *t) {
    int n = 0;
    for (size_t k = 0; k < t->n_cells; k++) n += t->cells[k].n_words > 0;
    return n;
}

/* Axes: all the text in the first column and the last row, nothing between. */
static bool looks_like_axes(const struct raw_table *t) {
    int inner = 0, inner_filled = 0;
    for (size_t k = 0; k < t->n_cells; k++) {
        const struct raw_cell *c = &t->cells[k];
        if (c->col == 0 || c->row + c->row_span == t->n_rows) continue;
        inner++;
        inner_filled += c->n_words > 0;
    }
    return inner >= 4 && inner_filled * 5 < inner;
}

static bool is_table(const struct sheet *sheet, const struct raw_table *t) {
    if (t->n_rows * t->n_cols < 2 || t->n_cells < 2) return false;
    int filled = n_filled(t);
    if (t->n_rows < 2 || t->n_cols < 2) return false;
    if (filled < 2 || filled * 5 < (int)t->n_cells) return false;
    size_t curves = 0;
    for (size_t i = 0; i < sheet->content->n_curves; i++) {
        struct rect r = rect_intersection(sheet->content->curves[i], t->bbox);
        curves += rect_width(r) > 0 && rect_height(r) > 0;
    }
    if (curves > 12 && curves > (size_t)filled) return false;
    return !looks_like_axes(t);
}

/* A first row in bold, or filled where the rest is not, names the columns. */
static int header_rows(const struct sheet *sheet, const struct raw_table *t) {
    size_t bold[2] = {0}, all[2] = {0};
    for (size_t k = 0; k < t->n_cells; k++) {
        const struct raw_cell *c = &t->cells[k];
        int part = c->row > 0;
        for (size_t i = 0; i < c->n_words; i++) {
            all[part]++;
            bold[part] += (sheet->content->styles[c->words[i]->style].flags & SPAN_BOLD) != 0;
        }
    }
    int numbers = 0, filled = 0, depth = 1, numbers_below = 0;
    for (size_t k = 0; k < t->n_cells; k++) {
        const struct raw_cell *c = &t->cells[k];
        if (c->row == 1) numbers_below += c->n_words == 1 && text_is_number(c->words[0]->text);
        if (c->row > 0 || c->n_words == 0) continue;
        filled++;
        numbers += c->n_words == 1 && text_is_number(c->words[0]->text);
        if (c->col_span > 1 && c->col_span < t->n_cols) depth = 2;
    }
    if (t->n_rows < 2) return 0;
    if (numbers_below) depth = 1;
    if (depth > t->n_rows - 1) depth = t->n_rows - 1;
    if (all[0] && bold[0] * 10 > all[0] * 8 && bold[1] * 2 < all[1]) return depth;
    return filled * 2 > t->n_cols && numbers == 0 ? depth : 0;
}

/* ---- rows that nobody ruled ---- */

/* One text line of a grid row. */
struct text_line {
    float top;
    int filled, numbers; // columns with text; of them, columns with a number
};

/* The text lines between grid lines y0 and y1. */
static int text_lines(const struct grid *g, struct line *const *lines, size_t n_lines, float y0,
                      float y1, float size, struct text_line *out, int max) {
    int n = 0, nc = g->n_x - 1;
    float last = -1e9f;
    bool hit[MAX_LINES], number[MAX_LINES];
    for (size_t i = 0; i <= n_lines; i++) {
        bool inside_row = i < n_lines && lines[i]->baseline - 0.3f * size >= y0 &&
                          lines[i]->baseline - 0.3f * size < y1;
        if (i < n_lines && !inside_row) continue;
        bool next = i == n_lines || lines[i]->baseline - last > 0.45f * size;
        if (next && n > 0)
            for (int c = 0; c < nc; c++)
                out[n - 1].filled += hit[c], out[n - 1].numbers += number[c];
        if (i == n_lines || (next && n == max)) break;
        if (next) {
            memset(hit, 0, sizeof hit);
            memset(number, 0, sizeof number);
            last = lines[i]->baseline;
            out[n++] = (struct text_line){.top = lines[i]->bbox.y0};
        }
        int c = interval_of(g->x, g->n_x, (lines[i]->bbox.x0 + lines[i]->bbox.x1) / 2);
        hit[c] = true;
        number[c] = number[c] || text_is_number(lines[i]->words[0]->text);
        if (lines[i]->bbox.y0 < out[n - 1].top) out[n - 1].top = lines[i]->bbox.y0;
    }
    return n;
}

/* A grid row that holds lines of numbers one below the other is as many rows that nobody ruled.
 * Lists and prose in cells stay what they are. Adds grid lines; false when there were none to add. */
static bool split_rows(struct sheet *sheet, struct grid *g, const struct word **words, size_t n,
                       float size) {
    enum { MAX_TEXT = 200 };
    int nc = g->n_x - 1, n_old = g->n_y;
    struct word **copy = ARENA_ARRAY(sheet->arena, n + 1, struct word *);
    memcpy(copy, words, n * sizeof *copy);
    size_t n_lines;
    struct line **lines = lines_from_words(sheet->arena, sheet->content, copy, n, 0.55f, &n_lines);
    float old[MAX_LINES];
    memcpy(old, g->y, sizeof old);
    for (int r = 0; r + 1 < n_old; r++) {
        struct text_line text[MAX_TEXT];
        int k = text_lines(g, lines, n_lines, old[r], old[r + 1], size, text, MAX_TEXT), data = 0;
        for (int i = 0; i < k; i++)
            data += text[i].filled * 10 >= nc * 6 && text[i].numbers * 2 >= text[i].filled - 1 &&
                    text[i].numbers > 0;
        if (data < 2 || data * 2 < k) continue;
        for (int i = 1; i < k; i++)
            if (!add_line(g->y, &g->n_y, text[i].top - 0.1f * size, 0.7f * size)) return false;
    }
    return g->n_y > n_old;
}

static struct raw_table *grid_table(struct sheet *sheet, struct grid *g) {
    struct rect box = {1e9f, 1e9f, -1e9f, -1e9f};
    for (size_t i = 0; i < g->n_h; i++)
        box = rect_union(box, (struct rect){g->h[i].a, g->h[i].pos, g->h[i].b, g->h[i].pos});
    for (size_t i = 0; i < g->n_v; i++)
        box = rect_union(box, (struct rect){g->v[i].pos, g->v[i].a, g->v[i].pos, g->v[i].b});
    for (size_t i = 0; i < sheet->content->n_pictures; i++) {
        const struct picture *p = &sheet->content->pictures[i];
        if (p->chart && rect_area(rect_intersection(p->bbox, box)) > 0.5f * rect_area(box))
            return NULL;
    }
    const struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, const struct word *);
    size_t n = (size_t)words_in(sheet, box, words);
    if (n < 2) return NULL;
    float size = words_median_size(words, n, sheet->body);
    if (!make_lines(g, size) || g->n_x < 2 || g->n_y < 2) return NULL;
    int nr = g->n_y - 1, nc = g->n_x - 1;
    if (nr * nc > 20000) return NULL;
    struct segment *rules = NULL;
    if (nc >= 2 && split_rows(sheet, g, words, n, size)) {
        // the new rows are separated everywhere
        rules = ARENA_ARRAY(sheet->arena, g->n_h + (size_t)g->n_y, struct segment);
        memcpy(rules, g->h, g->n_h * sizeof *rules);
        size_t n_rules = g->n_h;
        for (int i = 0; i < g->n_y; i++)
            rules[n_rules++] = (struct segment){g->y[i], g->x[0], g->x[nc]};
        g->h = rules;
        g->n_h = n_rules;
        nr = g->n_y - 1;
    }
    int *owner = ARENA_ARRAY(sheet->arena, (size_t)(nr * nc), int);
    struct area *areas = ARENA_ARRAY(sheet->arena, (size_t)(nr * nc), struct area);
    join_cells(g, nr, nc, owner, areas);
    struct raw_table *t = fill_cells(sheet, g, owner, areas, words, n);
    split_spans(sheet, g, t, size);
    qsort(t->cells, t->n_cells, sizeof *t->cells, by_row_col);
    drop_empty(t, 0);
    drop_empty(t, 1);
    compact(t);
    if (!is_table(sheet, t)) return NULL;
    t->n_header_rows = header_rows(sheet, t);
    t->confidence = 0.95f;
    words_take(words, n);
    return t;
}

struct raw_table *grids_find(struct sheet *sheet) {
    struct segment *h, *v;
    size_t n_h, n_v;
    gather(sheet, &h, &n_h, &v, &n_v);
    if (n_h == 0 || n_v == 0 || n_h + n_v > 10000) return NULL;
    int *parent = ARENA_ARRAY(sheet->arena, n_h + n_v, int);
    for (size_t i = 0; i < n_h + n_v; i++) parent[i] = (int)i;
    for (size_t i = 0; i < n_h; i++)
        for (size_t k = 0; k < n_v; k++)
            if (crosses(&h[i], &v[k]))
                parent[find_root(parent, (int)(n_h + k))] = find_root(parent, (int)i);
    struct raw_table *list = NULL, **tail = &list;
    struct segment *gh = ARENA_ARRAY(sheet->arena, n_h, struct segment);
    struct segment *gv = ARENA_ARRAY(sheet->arena, n_v, struct segment);
    for (size_t root = 0; root < n_h; root++) {
        if (find_root(parent, (int)root) != (int)root) continue;
        struct grid *g = ARENA_NEW(sheet->arena, struct grid);
        for (size_t i = 0; i < n_h; i++)
            if (find_root(parent, (int)i) == (int)root) gh[g->n_h++] = h[i];
        for (size_t k = 0; k < n_v; k++)
            if (find_root(parent, (int)(n_h + k)) == (int)root) gv[g->n_v++] = v[k];
        g->h = gh;
        g->v = gv;
        if (g->n_h + g->n_v < 4 || g->n_v == 0) continue;
        struct raw_table *t = grid_table(sheet, g);
        if (!t) continue;
        *tail = t;
        tail = &t->next;
    }
    return list;
}
