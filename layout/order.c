/* layout/order.c - see order.h. */
#include "layout/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/document.h"
#include "layout/script.h"
#include "util/arena.h"

enum { MAX_GAPS = 64, MAX_DEPTH = 12 };
static const float VALLEY = 0.8f; // of the body size: the narrowest white strip between columns

struct span_x {
    float a, b;
};

struct orderer {
    struct sheet *sheet;
    struct flow *first, **tail;
    struct flow *open; // the flow that standing rows are added to
    size_t cap;
};

static int by_top(const void *a, const void *b) {
    const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;
    if (x->bbox.y0 != y->bbox.y0) return x->bbox.y0 < y->bbox.y0 ? -1 : 1;
    if (x->bbox.x0 != y->bbox.x0) return x->bbox.x0 < y->bbox.x0 ? -1 : 1;
    return 0;
}

static void emit(struct orderer *o, struct line *line) {
    struct arena *arena = o->sheet->arena;
    if (!o->open) {
        o->open = ARENA_NEW(arena, struct flow);
        o->open->x0 = line->bbox.x0;
        o->open->x1 = line->bbox.x1;
        *o->tail = o->open;
        o->tail = &o->open->next;
        o->cap = 0;
    }
    struct flow *f = o->open;
    f->lines = arena_grow(arena, f->lines, f->n, &o->cap, sizeof *f->lines);
    f->lines[f->n++] = line;
    if (line->bbox.x0 < f->x0) f->x0 = line->bbox.x0;
    if (line->bbox.x1 > f->x1) f->x1 = line->bbox.x1;
}

/* ---- white strips ---- */

/* Takes [a, b] out of the strips; those that become too narrow go. */
static int cut_gaps(struct span_x *gaps, int n, float a, float b, float least) {
    int out = 0;
    struct span_x next[MAX_GAPS * 2];
    for (int i = 0; i < n; i++) {
        struct span_x left = {gaps[i].a, fminf(gaps[i].b, a)},
                      right = {fmaxf(gaps[i].a, b), gaps[i].b};
        if (left.b - left.a >= least && out < MAX_GAPS) next[out++] = left;
        if (right.b - right.a >= least && out < MAX_GAPS) next[out++] = right;
    }
    memcpy(gaps, next, (size_t)out * sizeof *gaps);
    return out;
}

struct side {
    int rows; // distinct baselines
    float y0, y1;
    int words;
};

static struct side look_at(struct line **items, size_t n, float mid, bool left) {
    struct side s = {0, 1e9f, -1e9f, 0};
    float last = -1e9f;
    for (size_t i = 0; i < n; i++) {
        bool is_left = (items[i]->bbox.x0 + items[i]->bbox.x1) / 2 < mid;
        if (is_left != left) continue;
        const struct line *l = items[i];
        if (l->solid)
            s.rows +=
                1 + (int)(rect_height(l->bbox) / 12); // a box stands for the rows it is as high as
        else if (l->bbox.y0 > last + 2)
            s.rows++;
        last = l->bbox.y0;
        s.words += (int)l->n_words;
        s.y0 = fminf(s.y0, l->bbox.y0);
        s.y1 = fmaxf(s.y1, l->bbox.y1);
    }
    return s;
}

/* One side's rows: the fragments on a baseline count as one. */
struct side_row {
    float baseline, size;
    int words, numbers;
};

static int side_rows(struct line **items, size_t n, float mid, bool left, struct side_row *rows) {
    int k = 0;
    for (size_t i = 0; i < n; i++) {
        if (((items[i]->bbox.x0 + items[i]->bbox.x1) / 2 < mid) != left) continue;
        int r = 0;
        while (r < k && fabsf(rows[r].baseline - items[i]->baseline) > 0.3f * items[i]->size) r++;
        if (r == k)
            rows[k++] = (struct side_row){.baseline = items[i]->baseline, .size = items[i]->size};
        rows[r].words += (int)items[i]->n_words;
        for (size_t w = 0; w < items[i]->n_words; w++) {
            uint32_t c = str_first_char(items[i]->words[w]->text);
            rows[r].numbers +=
                char_is_digit(c) || (items[i]->n_words == 1 && items[i]->n_chars <= 5);
        }
    }
    return k;
}

/* Rows whose two halves sit on one baseline and of which one is a short label or a number: names and
 * values, titles and page numbers, to be read across. */
static bool reads_across(struct line **items, size_t n, float mid) {
    enum { MAX = 300 };
    if (n > MAX) return false; // nobody lists that much on a page; and it takes n squared
    for (size_t i = 0; i < n; i++)
        if (items[i]->solid) return false;
    struct side_row left[MAX], right[MAX];
    int n_left = side_rows(items, n, mid, true, left),
        n_right = side_rows(items, n, mid, false, right);
    if (!n_left || !n_right) return false;
    int paired = 0, lw = 0, rw = 0, numbers = 0;
    for (int l = 0; l < n_left; l++) {
        lw += left[l].words;
        for (int r = 0; r < n_right; r++)
            if (fabsf(left[l].baseline - right[r].baseline) < 0.3f * left[l].size) {
                paired++;
                break;
            }
    }
    for (int r = 0; r < n_right; r++)
        rw += right[r].words, numbers += right[r].numbers >= right[r].words;
    int chars = 0, n_items = 0; // marks of a list or of footnotes are no column
    for (size_t i = 0; i < n; i++)
        if ((items[i]->bbox.x0 + items[i]->bbox.x1) / 2 < mid)
            chars += items[i]->n_chars, n_items++;
    if (chars <= 3 * n_items) return true;
    int fewer = n_left < n_right ? n_left : n_right;
    if (paired * 10 < fewer * 9) return false;
    if (numbers * 10 >= n_right * 9 && rw <= 2 * n_right)
        return true; // page numbers of a contents page
    bool labels = lw <= 3 * n_left || (lw <= 4 * n_left && rw <= 4 * n_right);
    return labels && paired * 10 >= n_left * 8;
}

/* The strip that parts the run best: interior, with enough on both sides. Returns its middle, or
 * NAN. */
static float best_valley(struct line **items, size_t n, const struct span_x *gaps, int n_gaps) {
    float best = NAN, best_score = 0;
    for (int i = 0; i < n_gaps; i++) {
        float mid = (gaps[i].a + gaps[i].b) / 2;
        struct side l = look_at(items, n, mid, true), r = look_at(items, n, mid, false);
        if (l.rows < 2 || r.rows < 2 || (l.rows < 3 && r.rows < 3)) continue;
        float overlap = fminf(l.y1, r.y1) - fmaxf(l.y0, r.y0);
        if (overlap < 0.3f * fminf(l.y1 - l.y0, r.y1 - r.y0)) continue;
        if (reads_across(items, n, mid)) continue;
        float score = (gaps[i].b - gaps[i].a) * (float)(l.rows < r.rows ? l.rows : r.rows);
        if (score > best_score) best_score = score, best = mid;
    }
    return best;
}

/* What hangs below the columns on one side only, set apart from them and followed by a row across:
 * it belongs to that row. Returns how many items at the end of the run to leave out. */
static size_t trim_tail(const struct sheet *sheet, struct line **items, size_t n, float mid) {
    size_t keep = n;
    while (keep > 3) {
        const struct line *last = items[keep - 1];
        bool left = (last->bbox.x0 + last->bbox.x1) / 2 < mid;
        float other = -1e9f, above = -1e9f;
        for (size_t i = 0; i + 1 < keep; i++) {
            bool l = (items[i]->bbox.x0 + items[i]->bbox.x1) / 2 < mid;
            float *bottom = l == left ? &above : &other;
            if (items[i]->bbox.y1 > *bottom) *bottom = items[i]->bbox.y1;
        }
        if (last->bbox.y0 < other || last->bbox.y0 - above < 0.75f * sheet->pitch) break;
        keep--;
    }
    return n - keep;
}

static void order(struct orderer *o, struct line **items, size_t n, int depth);

static void split(struct orderer *o, struct line **items, size_t n, float mid, int depth) {
    struct line **side = ARENA_ARRAY(o->sheet->arena, n, struct line *);
    for (int right = 0; right < 2; right++) {
        size_t k = 0;
        for (size_t i = 0; i < n; i++)
            if (((items[i]->bbox.x0 + items[i]->bbox.x1) / 2 >= mid) == right) side[k++] = items[i];
        o->open = NULL;
        order(o, side, k, depth + 1);
    }
    o->open = NULL;
}

/* Emits the row that begins with items[i]: what stands on its baseline, from left to right. Items
 * emitted are set to NULL. */
static void emit_row(struct orderer *o, struct line **items, size_t n, size_t i) {
    const struct line *first = items[i];
    struct line *row[64];
    size_t k = 0;
    for (size_t j = i; j < n && k < 64; j++) {
        if (!items[j]) continue;
        if (items[j]->bbox.y0 > first->bbox.y1) break;
        bool same = j == i || (!first->solid && !items[j]->solid &&
                               fabsf(items[j]->baseline - first->baseline) <
                                   0.45f * fminf(first->size, items[j]->size));
        if (!same) continue;
        size_t at = k++;
        for (; at > 0 && row[at - 1]->bbox.x0 > items[j]->bbox.x0; at--) row[at] = row[at - 1];
        row[at] = items[j];
        items[j] = NULL;
    }
    for (size_t j = 0; j < k; j++) emit(o, row[j]);
}

static size_t compact(struct line **items, size_t n) {
    size_t out = 0;
    for (size_t i = 0; i < n; i++)
        if (items[i]) items[out++] = items[i];
    return out;
}

/* Items from the top as long as a valley runs down between them. */
struct run {
    struct line **items; // of the columns
    size_t n;
    struct line *
        *insets; // what stands in the valley with text on both sides: no end of the columns
    size_t n_insets;
    size_t n_taken; // of the list, columns and insets together
    bool ended_by_row;
    struct span_x gaps[MAX_GAPS * 2];
    int n_gaps;
};

/* A picture, caption or quotation set into the columns: text goes on at its left and right. */
static bool is_inset(struct line **items, size_t n, size_t at) {
    const struct rect *b = &items[at]->bbox;
    bool left = false, right = false;
    for (size_t i = 0; i < n && !(left && right); i++) {
        const struct rect *r = &items[i]->bbox;
        if (i == at || r->y1 < b->y0 || r->y0 > b->y1) continue;
        left = left || r->x1 <= b->x0 + 1;
        right = right || r->x0 >= b->x1 - 1;
    }
    return left && right;
}

static struct run take_run(struct orderer *o, struct line **items, size_t n, int depth) {
    float least = VALLEY * o->sheet->body, x0 = 1e9f, x1 = -1e9f;
    for (size_t i = 0; i < n; i++)
        x0 = fminf(x0, items[i]->bbox.x0), x1 = fmaxf(x1, items[i]->bbox.x1);
    struct run run = {.items = ARENA_ARRAY(o->sheet->arena, n, struct line *),
                      .insets = ARENA_ARRAY(o->sheet->arena, n, struct line *)};
    run.gaps[0] = (struct span_x){x0, x1};
    run.n_gaps = 1;
    for (; run.n_taken < n; run.n_taken++) {
        struct line *item = items[run.n_taken];
        struct span_x gaps[MAX_GAPS * 2];
        memcpy(gaps, run.gaps, sizeof gaps);
        int n_gaps = cut_gaps(gaps, run.n_gaps, item->bbox.x0, item->bbox.x1, least);
        run.items[run.n] = item;
        bool touched =
            n_gaps != run.n_gaps || memcmp(gaps, run.gaps, (size_t)n_gaps * sizeof *gaps) != 0;
        bool valley = touched && depth < MAX_DEPTH && run.n >= 4 &&
                      !isnan(best_valley(run.items, run.n, run.gaps, run.n_gaps));
        // a row that closes the valley ends the run, though there may be white left at the rim
        bool closed =
            n_gaps == 0 || (valley && isnan(best_valley(run.items, run.n + 1, gaps, n_gaps)));
        if (closed && valley && is_inset(items, n, run.n_taken)) {
            run.insets[run.n_insets++] = item;
            continue;
        }
        if (closed) {
            run.ended_by_row = true;
            break;
        }
        memcpy(run.gaps, gaps, sizeof gaps);
        run.n_gaps = n_gaps;
        run.n++;
    }
    return run;
}

static void order(struct orderer *o, struct line **items, size_t n, int depth) {
    while (n > 0) {
        struct run run = take_run(o, items, n, depth);
        float mid = run.n >= 4 && depth < MAX_DEPTH
                        ? best_valley(run.items, run.n, run.gaps, run.n_gaps)
                        : NAN;
        if (isnan(mid)) {
            emit_row(o, items, n, 0);
            n = compact(items, n);
            continue;
        }
        size_t keep = run.n - (run.ended_by_row ? trim_tail(o->sheet, run.items, run.n, mid) : 0);
        // what hangs below the columns comes back to the list
        size_t rest = 0;
        for (size_t i = keep; i < run.n; i++) items[rest++] = run.items[i];
        memmove(items + rest, items + run.n_taken, (n - run.n_taken) * sizeof *items);
        n = rest + (n - run.n_taken);
        split(o, run.items, keep, mid, depth);
        order(o, run.insets, run.n_insets, depth + 1);
        o->open = NULL;
    }
}

/* A list mark and its text are one thing, however wide the gap. */
static size_t join_marks(struct sheet *sheet, struct line **lines, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct line *mark = lines[i];
        if (!mark || mark->solid || mark->n_words != 1 || mark->n_chars > 5) continue;
        struct str s = mark->words[0]->text;
        uint32_t first = str_first_char(s), last = str_last_char(s);
        bool bullet = utf8_length(s) == 1 && !char_is_letter(first) && !char_is_digit(first);
        bool note = mark->n_chars <= 3 && (char_is_digit(first) || bullet);
        bool number = (last == '.' || last == ')') && n > 1 &&
                      (char_is_digit(first) || first == '(' || char_is_letter(first));
        if (!bullet && !number && !note) continue;
        size_t best = n;
        for (size_t k = i > 12 ? i - 12 : 0; k < n && k < i + 12; k++) {
            if (k == i || !lines[k] || lines[k]->solid) continue;
            float gap = lines[k]->bbox.x0 - mark->bbox.x1;
            if (gap < 0 || gap > 4 * mark->size) continue;
            float up = lines[k]->baseline - mark->baseline;
            bool raised =
                note && mark->size < 0.85f * lines[k]->size && up > 0 && up < 0.6f * lines[k]->size;
            if (!raised && ((!bullet && !number) || fabsf(up) > 0.35f * lines[k]->size)) continue;
            if (best == n || lines[k]->bbox.x0 < lines[best]->bbox.x0) best = k;
        }
        if (best == n) continue;
        if (mark->size < 0.85f * lines[best]->size &&
            lines[best]->baseline - mark->baseline > 0.12f * mark->size)
            ((struct word *)mark->words[0])->flags |= WORD_SUPER;
        lines[best] = line_join(sheet->arena, sheet->content, mark, lines[best]);
        lines[i] = NULL;
    }
    return compact(lines, n);
}

struct flow *order_find(struct sheet *sheet, struct line **lines, size_t n) {
    struct orderer o = {.sheet = sheet};
    o.tail = &o.first;
    n = join_marks(sheet, lines, n);
    struct line **items = ARENA_ARRAY(sheet->arena, n + 1, struct line *);
    memcpy(items, lines, n * sizeof *items);
    qsort(items, n, sizeof *items, by_top);
    order(&o, items, n, 0);
    return o.first;
}
