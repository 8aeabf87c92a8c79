/*
 * layout/aligned.c - tables without a grid: held by horizontal rules, or by alignment alone.
 *
 *   words of a region --> chunks (gap 0.55 s) --> rows --> columns (valleys the rows agree on)
 *                     --> continuation lines merged --> header rows --> spans
 *
 * Rules say where a table is and which rows belong together; without rules the cells themselves must
 * be the evidence: filled, short, aligned, numeric. Prose in two columns, lists and contents pages
 * have valleys too, and are turned away.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/line.h"
#include "layout/script.h"
#include "layout/table.h"
#include "util/arena.h"

enum { MAX_COLS = 60 };

/* ---- chunks and rows ---- */

struct chunk {
    struct line *line;
    int col0, col1; // inclusive
};

struct text_row {
    struct chunk *chunks;
    int n;
    float baseline, y0, y1, size;
};

struct rows {
    struct text_row *rows;
    int n;
};

static int by_float(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The gap that parts cells, in sizes: `usual`, but well above the gap between the words here. A
 * typewriter's blanks are 0.6 wide, and justified text has wide ones. */
static float cell_gap(struct sheet *sheet, struct word **words, size_t n, float usual) {
    size_t n_lines, k = 0;
    struct line **lines = lines_from_words(sheet->arena, sheet->content, words, n, 1000, &n_lines);
    float *gaps = ARENA_ARRAY(sheet->arena, n + 1, float);
    for (size_t i = 0; i < n_lines; i++)
        for (size_t w = 1; w < lines[i]->n_words; w++) {
            float gap =
                (lines[i]->words[w]->bbox.x0 - lines[i]->words[w - 1]->bbox.x1) / lines[i]->size;
            if (gap > 0.1f && gap < 1.0f) gaps[k++] = gap;
        }
    if (k < 8 || k * 2 < n) return usual; // mostly cells of one word
    qsort(gaps, k, sizeof *gaps, by_float);
    return fmaxf(usual, 1.5f * gaps[k / 2]);
}

static struct rows rows_of(struct sheet *sheet, const struct word **words, size_t n, float gap) {
    struct word **copy = ARENA_ARRAY(sheet->arena, n + 1, struct word *);
    memcpy(copy, words, n * sizeof *copy);
    gap = cell_gap(sheet, copy, n, gap);
    size_t n_lines;
    struct line **lines = lines_from_words(sheet->arena, sheet->content, copy, n, gap, &n_lines);
    struct rows out = {ARENA_ARRAY(sheet->arena, n_lines + 1, struct text_row), 0};
    for (size_t i = 0, end; i < n_lines; i = end) {
        struct text_row *row = &out.rows[out.n++];
        row->chunks = ARENA_ARRAY(sheet->arena, n_lines - i, struct chunk);
        row->baseline = lines[i]->baseline;
        row->y0 = lines[i]->bbox.y0;
        row->y1 = lines[i]->bbox.y1;
        for (end = i; end < n_lines; end++) {
            float s = lines[end]->size < row->size || row->size == 0 ? lines[end]->size : row->size;
            if (lines[end]->baseline - row->baseline > 0.45f * s) break;
            row->chunks[row->n++].line = lines[end];
            row->size = lines[end]->size > row->size ? lines[end]->size : row->size;
            if (lines[end]->bbox.y0 < row->y0) row->y0 = lines[end]->bbox.y0;
            if (lines[end]->bbox.y1 > row->y1) row->y1 = lines[end]->bbox.y1;
        }
        // within a row from left to right; few, so insertion sort
        for (int k = 1; k < row->n; k++)
            for (int j = k;
                 j > 0 && row->chunks[j].line->bbox.x0 < row->chunks[j - 1].line->bbox.x0; j--) {
                struct chunk t = row->chunks[j];
                row->chunks[j] = row->chunks[j - 1];
                row->chunks[j - 1] = t;
            }
    }
    return out;
}

static bool chunk_is_number(const struct chunk *c) {
    const struct line *l = c->line;
    int numbers = 0;
    for (size_t i = 0; i < l->n_words; i++) numbers += text_is_number(l->words[i]->text);
    return numbers > 0 && numbers * 2 >= (int)l->n_words && l->n_words <= 4;
}

static bool chunk_is_year(const struct chunk *c) {
    uint64_t v;
    size_t n;
    struct str s = c->line->words[0]->text;
    return c->line->n_words == 1 && str_number(s, 2199, &v, &n) && n == s.n && v >= 1800;
}

static int row_numbers(const struct text_row *row) {
    int n = 0;
    for (int i = 0; i < row->n; i++) n += chunk_is_number(&row->chunks[i]);
    return n;
}

static size_t row_words(const struct text_row *row) {
    size_t n = 0;
    for (int i = 0; i < row->n; i++) n += row->chunks[i].line->n_words;
    return n;
}

/* ---- columns ---- */

struct event {
    float x;
    int d; // +1 opens, -1 closes
};

static int by_x(const void *a, const void *b) {
    const struct event *x = a, *y = b;
    if (x->x != y->x) return x->x < y->x ? -1 : 1;
    return y->d - x->d; // an opening at the same place first: touching chunks leave no valley
}

/* Separators between columns: middles of the valleys that the fullest rows agree on. */
static int find_columns(const struct sheet *sheet, const struct rows *rows, float size,
                        float *sep) {
    int most = 0, n_voters = 0, n_chunks = 0;
    for (int r = 0; r < rows->n; r++)
        if (rows->rows[r].n > most) most = rows->rows[r].n;
    for (int r = 0; r < rows->n; r++)
        if (rows->rows[r].n * 10 >= most * 6) {
            n_voters++;
            n_chunks += rows->rows[r].n;
        }
    if (most < 2) return 0;
    float allowed = n_voters < 3 ? 0 : n_voters < 6 ? 0.26f : 0.12f;
    struct event *events = ARENA_ARRAY(sheet->arena, (size_t)n_chunks * 2, struct event);
    int n = 0;
    for (int r = 0; r < rows->n; r++) {
        const struct text_row *row = &rows->rows[r];
        if (row->n * 10 < most * 6) continue;
        for (int i = 0; i < row->n; i++) {
            events[n++] = (struct event){row->chunks[i].line->bbox.x0, 1};
            events[n++] = (struct event){row->chunks[i].line->bbox.x1, -1};
        }
    }
    qsort(events, (size_t)n, sizeof *events, by_x);
    int open = 0, n_sep = 0, limit = (int)(allowed * (float)n_voters);
    for (int i = 0; i + 1 < n; i++) {
        open += events[i].d;
        if (open > limit) continue;
        // the valley runs until more than `limit` are open again
        int o = open, k = i + 1;
        while (k < n && o + events[k].d <= limit) o += events[k++].d;
        if (k >= n) break;
        if (events[k].x - events[i].x < 0.45f * size) {
            // crossed by a few chunks: still no valley
            continue;
        }
        int left = 0, right = 0;
        float mid = (events[i].x + events[k].x) / 2;
        for (int r = 0; r < rows->n; r++) {
            const struct text_row *row = &rows->rows[r];
            if (row->n * 10 < most * 6) continue;
            bool l = false, g = false;
            for (int c = 0; c < row->n; c++) {
                l = l || row->chunks[c].line->bbox.x1 <= mid + 0.3f * size;
                g = g || row->chunks[c].line->bbox.x0 >= mid - 0.3f * size;
            }
            left += l;
            right += g;
        }
        if (left * 10 >= n_voters * 3 && right * 10 >= n_voters * 3 && n_sep < MAX_COLS - 1)
            sep[n_sep++] = mid;
        for (; i + 1 < k; i++) open += events[i + 1].d;
    }
    return n_sep;
}

/* Cuts the chunk at separators that lie in one of its word gaps; what still crosses, spans. */
static void place_chunks(const struct sheet *sheet, struct rows *rows, const float *sep, int n_sep,
                         float size) {
    for (int r = 0; r < rows->n; r++) {
        struct text_row *row = &rows->rows[r];
        struct chunk *out =
            ARENA_ARRAY(sheet->arena, (size_t)(row->n + 1) * (size_t)(n_sep + 2), struct chunk);
        int n = 0;
        for (int i = 0; i < row->n; i++) {
            const struct line *l = row->chunks[i].line;
            size_t from = 0;
            for (size_t w = 1; w <= l->n_words; w++) {
                bool cut = w == l->n_words;
                for (int s = 0; s < n_sep && !cut; s++)
                    cut = sep[s] >= l->words[w - 1]->bbox.x1 - 0.05f * size &&
                          sep[s] <= l->words[w]->bbox.x0 + 0.05f * size &&
                          l->words[w]->bbox.x0 - l->words[w - 1]->bbox.x1 > 0.4f * size;
                if (!cut) continue;
                struct line *part = ARENA_NEW(sheet->arena, struct line);
                *part = *l;
                part->words = l->words + from;
                part->n_words = w - from;
                part->bbox = part->words[0]->bbox;
                for (size_t k = 1; k < part->n_words; k++)
                    part->bbox = rect_union(part->bbox, part->words[k]->bbox);
                out[n++] = (struct chunk){.line = part};
                from = w;
            }
        }
        for (int i = 0; i < n; i++) {
            float tolerance = 0.25f * size;
            int a = 0, b = 0;
            while (a < n_sep && sep[a] < out[i].line->bbox.x0 + tolerance) a++;
            b = a;
            while (b < n_sep && sep[b] < out[i].line->bbox.x1 - tolerance) b++;
            out[i].col0 = a;
            out[i].col1 = b;
        }
        row->chunks = out;
        row->n = n;
    }
}

static bool row_has(const struct text_row *row, int col) {
    for (int i = 0; i < row->n; i++)
        if (row->chunks[i].col0 <= col && row->chunks[i].col1 >= col) return true;
    return false;
}

static int row_filled(const struct text_row *row, int n_cols) {
    int n = 0;
    for (int c = 0; c < n_cols; c++) n += row_has(row, c);
    return n;
}

/* ---- which text rows are one table row ---- */

/* The gap above which a new row certainly starts: where the line gaps fall into two groups, the
 * middle between them; else 0. */
static float row_gap(const struct sheet *sheet, const struct rows *rows, float size) {
    if (rows->n < 4) return 0;
    float *gaps = ARENA_ARRAY(sheet->arena, (size_t)rows->n, float);
    int n = 0;
    for (int r = 1; r < rows->n; r++)
        gaps[n++] = (rows->rows[r].baseline - rows->rows[r - 1].baseline) / size;
    qsort(gaps, (size_t)n, sizeof *gaps, by_float);
    float jump = 0, at = 0;
    for (int i = 1; i < n; i++)
        if (gaps[i] - gaps[i - 1] > jump)
            jump = gaps[i] - gaps[i - 1], at = (gaps[i] + gaps[i - 1]) / 2;
    return jump > 0.22f ? at * size : 0;
}

static bool rule_between(const struct segment *rules, size_t n, float y0, float y1) {
    for (size_t i = 0; i < n; i++)
        if (rules[i].pos > y0 && rules[i].pos < y1) return true;
    return false;
}

static bool continues_row(const struct text_row *above, const struct text_row *row, int n_cols,
                          float gap, float size, int filled_start) {
    float d = row->baseline - above->baseline;
    if (row_numbers(row) > 0 && row_has(row, 0)) return false;
    int filled = row_filled(row, n_cols);
    for (int c = 0; c < n_cols; c++)
        if (row_has(row, c) && !row_has(above, c) && filled > 1 && row_numbers(row)) return false;
    if (gap > 0 && d < gap) return filled < filled_start || row_numbers(row) == 0;
    if (row_has(row, 0)) return false;
    return filled * 3 <= n_cols && row_numbers(row) == 0 && d < 1.5f * size;
}

/* Numbers the text rows with their table row; returns the number of table rows. */
static int group_rows(const struct sheet *sheet, const struct rows *rows, int n_cols, float size,
                      const struct segment *rules, size_t n_rules, bool rules_part_rows,
                      int *group) {
    float gap = row_gap(sheet, rows, size);
    int n = 0, filled_start = 0;
    for (int r = 0; r < rows->n; r++) {
        bool starts = true;
        if (r > 0) {
            bool ruled = rule_between(rules, n_rules, rows->rows[r - 1].baseline - 0.2f * size,
                                      rows->rows[r].baseline - 0.3f * size);
            if (rules_part_rows)
                starts = ruled;
            else
                starts = ruled || !continues_row(&rows->rows[r - 1], &rows->rows[r], n_cols, gap,
                                                 size, filled_start);
        }
        if (starts) {
            n++;
            filled_start = row_filled(&rows->rows[r], n_cols);
        }
        group[r] = n - 1;
    }
    return n;
}

/* Do rules part nearly all neighbouring full rows? Then what lies between two rules is one row. */
static bool rules_part(const struct rows *rows, int n_cols, float size, const struct segment *rules,
                       size_t n_rules) {
    int pairs = 0, parted = 0;
    for (int r = 1; r < rows->n; r++) {
        if (row_filled(&rows->rows[r], n_cols) * 10 < n_cols * 6) continue;
        if (row_filled(&rows->rows[r - 1], n_cols) * 10 < n_cols * 6) continue;
        pairs++;
        parted += rule_between(rules, n_rules, rows->rows[r - 1].baseline - 0.2f * size,
                               rows->rows[r].baseline - 0.3f * size);
    }
    return pairs >= 2 && parted * 4 >= pairs * 3;
}

/* ---- the table ---- */

static const struct segment *short_rule_below(const struct segment *rules, size_t n,
                                              const struct rect *box, float size, float width) {
    for (size_t i = 0; i < n; i++)
        if (rules[i].pos > box->y1 - 0.3f * size && rules[i].pos < box->y1 + 0.9f * size &&
            rules[i].a < box->x1 && rules[i].b > box->x0 && rules[i].b - rules[i].a < 0.9f * width)
            return &rules[i];
    return NULL;
}

struct maker {
    struct sheet *sheet;
    struct rows rows;
    float sep[MAX_COLS];
    int n_cols, n_rows, n_header;
    int *group;
    float size;
    struct rect box;
    const struct segment *rules;
    size_t n_rules;
    int *owner;             // [n_rows, n_cols]: index of the cell that covers it, -1 none
    struct raw_cell *cells; // with words
    size_t n_cells;
};

static float column_left(const struct maker *m, int c) {
    return c == 0 ? m->box.x0 : m->sep[c - 1];
}

static float column_right(const struct maker *m, int c) {
    return c == m->n_cols - 1 ? m->box.x1 : m->sep[c];
}

/* Rows above the first that fills nearly all columns, one cell each. */
static int count_header(const struct maker *m) {
    int first = -1;
    for (int r = 0; r < m->n_rows && r < 5 && first < 0; r++) {
        int filled = 0;
        bool wide = false;
        for (int k = 0; k < m->rows.n; k++) {
            if (m->group[k] != r) continue;
            int f = row_filled(&m->rows.rows[k], m->n_cols);
            if (f > filled) filled = f;
            for (int i = 0; i < m->rows.rows[k].n; i++)
                wide = wide || m->rows.rows[k].chunks[i].col1 > m->rows.rows[k].chunks[i].col0;
        }
        if (filled * 10 >= m->n_cols * 8 && !wide) first = r;
    }
    if (first < 0 || first > 3 || m->n_rows < 2) return m->n_rows > 2 ? 1 : 0;
    // is the first full row itself a header? words over numbers
    int words_above = 0, numbers = 0;
    for (int k = 0; k < m->rows.n; k++) {
        const struct text_row *row = &m->rows.rows[k];
        for (int i = 0; i < row->n && m->group[k] == first; i++)
            words_above += chunk_is_number(&row->chunks[i]) && !chunk_is_year(&row->chunks[i]);
        if (m->group[k] == first + 1) numbers += row_numbers(&m->rows.rows[k]);
    }
    if (words_above == 0 && first + 1 < m->n_rows && (numbers > 0 || first == 0)) return first + 1;
    return first > 0 ? first : 0;
}

/* The columns a header chunk stands over. */
static void header_span(const struct maker *m, const struct text_row *row, int i, int *c0,
                        int *c1) {
    const struct chunk *ch = &row->chunks[i];
    const struct rect *b = &ch->line->bbox;
    const struct segment *rule =
        short_rule_below(m->rules, m->n_rules, b, m->size, rect_width(m->box));
    if (rule) {
        int a = m->n_cols, z = -1;
        for (int c = 0; c < m->n_cols; c++) {
            float l = column_left(m, c), r = column_right(m, c);
            float over = fminf(r, rule->b) - fmaxf(l, rule->a);
            if (over > 0.4f * (r - l) || over > 0.8f * (rule->b - rule->a)) {
                if (c < a) a = c;
                z = c;
            }
        }
        if (z >= a && z > a) {
            *c0 = a < *c0 ? a : *c0;
            *c1 = z > *c1 ? z : *c1;
        }
        return;
    }
    if (*c1 > *c0) return;
    // centred over several empty neighbours?
    int lo = i > 0 ? row->chunks[i - 1].col1 + 1 : *c0,
        hi = i + 1 < row->n ? row->chunks[i + 1].col0 - 1 : *c1;
    if (lo > *c0) lo = *c0;
    if (i == 0) lo = *c0 > 0 && m->n_cols > 2 ? 1 : *c0;
    if (lo > *c0) lo = *c0;
    if (hi < *c1) hi = *c1;
    if (i + 1 == row->n) hi = m->n_cols - 1;
    float mid = (b->x0 + b->x1) / 2, best = 1e9f;
    int a = *c0, z = *c1;
    for (int p = lo; p <= *c0; p++)
        for (int q = *c1; q <= hi; q++) {
            float centre = (column_left(m, p) + column_right(m, q)) / 2;
            float d = fabsf(centre - mid) - (p == *c0 && q == *c1 ? 0.5f * m->size : 0);
            if (d < best) best = d, a = p, z = q;
        }
    if (z > a && best < 0.8f * m->size) *c0 = a, *c1 = z;
}

static void put_cell(struct maker *m, int row, int c0, int c1, const struct line *line,
                     bool header) {
    struct arena *arena = m->sheet->arena;
    int at = m->owner[row * m->n_cols + c0];
    for (int c = c0 + 1; c <= c1 && at >= 0; c++) // spans only over free places
        if (m->owner[row * m->n_cols + c] >= 0 && m->owner[row * m->n_cols + c] != at) c1 = c - 1;
    if (at < 0) {
        int end = c0;
        while (end < c1 && m->owner[row * m->n_cols + end + 1] < 0) end++;
        at = (int)m->n_cells++;
        m->cells[at] = (struct raw_cell){
            .row = row, .col = c0, .row_span = 1, .col_span = end - c0 + 1, .header = header};
        for (int c = c0; c <= end; c++) m->owner[row * m->n_cols + c] = at;
    }
    struct raw_cell *cell = &m->cells[at];
    const struct word **words =
        ARENA_ARRAY(arena, cell->n_words + line->n_words, const struct word *);
    if (cell->n_words) memcpy(words, cell->words, cell->n_words * sizeof *words);
    memcpy(words + cell->n_words, line->words, line->n_words * sizeof *words);
    cell->words = words;
    cell->n_words += line->n_words;
}

/* Places nobody covers become empty cells; in the header the only filled cell of a column takes the
 * empty places above or below it. */
static void complete(struct maker *m) {
    for (int c = 0; c < m->n_cols && m->n_header > 1; c++) {
        int only = -1, n = 0;
        for (int r = 0; r < m->n_header; r++)
            if (m->owner[r * m->n_cols + c] >= 0) n++, only = m->owner[r * m->n_cols + c];
        if (n != 1 || m->cells[only].col_span > 1) continue;
        m->cells[only].row = 0;
        m->cells[only].row_span = m->n_header;
        for (int r = 0; r < m->n_header; r++) m->owner[r * m->n_cols + c] = only;
    }
    for (int r = 0; r < m->n_rows; r++)
        for (int c = 0; c < m->n_cols; c++) {
            int *o = &m->owner[r * m->n_cols + c];
            if (*o >= 0) continue;
            *o = (int)m->n_cells;
            m->cells[m->n_cells++] =
                (struct raw_cell){.row = r, .col = c, .row_span = 1, .col_span = 1};
        }
}

static int by_row_col(const void *a, const void *b) {
    const struct raw_cell *x = a, *y = b;
    return x->row != y->row ? x->row - y->row : x->col - y->col;
}

/* Builds the grid of a region; NULL when it has no two columns and two rows. */
static struct maker *make(struct sheet *sheet, const struct word **words, size_t n, struct rect box,
                          const struct segment *rules, size_t n_rules) {
    struct maker *m = ARENA_NEW(sheet->arena, struct maker);
    m->sheet = sheet;
    m->size = words_median_size(words, n, sheet->body);
    m->box = box;
    m->rules = rules;
    m->n_rules = n_rules;
    m->rows = rows_of(sheet, words, n, 0.55f);
    int n_sep = find_columns(sheet, &m->rows, m->size, m->sep);
    m->n_cols = n_sep + 1;
    if (n_sep < 1 || m->rows.n < 2) return NULL;
    place_chunks(sheet, &m->rows, m->sep, n_sep, m->size);
    m->group = ARENA_ARRAY(sheet->arena, (size_t)m->rows.n, int);
    bool part = rules_part(&m->rows, m->n_cols, m->size, rules, n_rules);
    m->n_rows = group_rows(sheet, &m->rows, m->n_cols, m->size, rules, n_rules, part, m->group);
    if (m->n_rows < 2) return NULL;
    m->n_header = count_header(m);
    size_t places = (size_t)m->n_rows * (size_t)m->n_cols;
    m->owner = ARENA_ARRAY(sheet->arena, places, int);
    for (size_t i = 0; i < places; i++) m->owner[i] = -1;
    m->cells = ARENA_ARRAY(sheet->arena, places, struct raw_cell);
    for (int k = 0; k < m->rows.n; k++) {
        const struct text_row *row = &m->rows.rows[k];
        bool header = m->group[k] < m->n_header;
        for (int i = 0; i < row->n; i++) {
            int c0 = row->chunks[i].col0, c1 = row->chunks[i].col1;
            if (header && m->group[k] + 1 < m->n_header + 1 && m->n_header > 1)
                header_span(m, row, i, &c0, &c1);
            put_cell(m, m->group[k], c0, c1, row->chunks[i].line, header);
        }
    }
    complete(m);
    qsort(m->cells, m->n_cells, sizeof *m->cells, by_row_col);
    return m;
}

static struct raw_table *finish(struct maker *m, const struct word **words, size_t n,
                                float confidence) {
    struct raw_table *t = ARENA_NEW(m->sheet->arena, struct raw_table);
    *t = (struct raw_table){.n_rows = m->n_rows,
                            .n_cols = m->n_cols,
                            .n_header_rows = m->n_header,
                            .cells = m->cells,
                            .n_cells = m->n_cells,
                            .bbox = m->box,
                            .confidence = confidence};
    for (size_t i = 0; i < n; i++) t->bbox = rect_union(t->bbox, words[i]->bbox);
    words_take(words, n);
    return t;
}

/* ---- how table-like is it? ---- */

struct evidence {
    float fill, numbers, mean_words, median_words, min_column;
    float prose;   // share of the words that stand in cells of six or more
    float symbols; // share of the cells without two letters or digits
    int n_filled;
    bool labels_first, pages_last;
};

static int by_int(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static bool is_list_label(struct str s) {
    uint32_t first = str_first_char(s);
    if (first == 0x2022 || first == 0x25cf || first == 0x25aa || first == 0x2013 || first == '*' ||
        first == 0x2713 || first == 0xb7)
        return true;
    if (s.n > 6) return false;
    uint32_t last = str_last_char(s);
    return (last == '.' || last == ')' || last == ':') &&
           (char_is_digit(first) || char_is_letter(first) || first == '(');
}

/* Words or numbers, not the pieces of a formula. */
static bool is_plain(const struct raw_cell *c) {
    int n = 0;
    for (size_t i = 0; i < c->n_words; i++) {
        struct str rest = c->words[i]->text;
        for (uint32_t ch; utf8_next(&rest, &ch);) n += char_is_letter(ch) || char_is_digit(ch);
    }
    return n >= 2 || (n == 1 && c->n_words == 1);
}

static struct evidence weigh(const struct maker *m) {
    struct evidence e = {.min_column = 1, .labels_first = true};
    int *words = ARENA_ARRAY(m->sheet->arena, m->n_cells + 1, int);
    int numbers = 0, total = 0, first_filled = 0, last_filled = 0, ascending = 0, prose = 0,
        symbols = 0;
    long last_value = -1;
    int column[MAX_COLS] = {0};
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct raw_cell *c = &m->cells[i];
        if (c->n_words == 0) continue;
        words[e.n_filled++] = (int)c->n_words;
        total += (int)c->n_words;
        prose += c->n_words >= 6 ? (int)c->n_words : 0;
        symbols += !is_plain(c);
        int k = 0;
        for (size_t w = 0; w < c->n_words; w++) k += text_is_number(c->words[w]->text);
        bool number = k > 0 && k * 2 >= (int)c->n_words && c->n_words <= 4;
        numbers += number;
        for (int col = c->col; col < c->col + c->col_span; col++) column[col] += c->row_span;
        if (c->col == 0 && c->row >= m->n_header) {
            first_filled++;
            if (c->n_words > 1 || !is_list_label(c->words[0]->text)) e.labels_first = false;
        }
        if (c->col + c->col_span == m->n_cols && c->row >= m->n_header) {
            uint64_t v;
            last_filled++;
            if (c->n_words == 1 && str_number(c->words[0]->text, 100000, &v, NULL) &&
                (long)v >= last_value)
                last_value = (long)v, ascending++;
        }
    }
    if (first_filled == 0) e.labels_first = false;
    e.pages_last = m->n_header == 0 && last_filled >= 3 && ascending * 5 >= last_filled * 4;
    e.prose = total ? (float)prose / (float)total : 0;
    e.symbols = e.n_filled ? (float)symbols / (float)e.n_filled : 0;
    qsort(words, (size_t)e.n_filled, sizeof *words, by_int);
    int places = m->n_rows * m->n_cols;
    e.fill = (float)e.n_filled / (float)(places ? places : 1);
    e.numbers = e.n_filled ? (float)numbers / (float)e.n_filled : 0;
    e.mean_words = e.n_filled ? (float)total / (float)e.n_filled : 0;
    e.median_words = e.n_filled ? (float)words[e.n_filled / 2] : 0;
    for (int c = 0; c < m->n_cols; c++) {
        float f = (float)column[c] / (float)m->n_rows;
        if (f < e.min_column) e.min_column = f;
    }
    return e;
}

static bool crosses_curves(const struct sheet *sheet, struct rect box, int n_filled) {
    int n = 0;
    for (size_t i = 0; i < sheet->content->n_curves; i++) {
        struct rect c = sheet->content->curves[i];
        float x = (c.x0 + c.x1) / 2, y = (c.y0 + c.y1) / 2;
        n += x > box.x0 && x < box.x1 && y > box.y0 && y < box.y1;
    }
    return n > 12 && n > n_filled / 2;
}

static bool in_picture(const struct sheet *sheet, struct rect box) {
    for (size_t i = 0; i < sheet->content->n_pictures; i++) {
        struct rect r = rect_intersection(sheet->content->pictures[i].bbox, box);
        if (rect_area(r) > 0.5f * rect_area(box)) return true;
    }
    return false;
}

/* ---- horizontal rules only ---- */

/* One chunk of many words over more than half of the width: prose between two rules. */
static bool is_prose(struct sheet *sheet, struct rect box) {
    const struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, const struct word *);
    size_t n = (size_t)words_in(sheet, box, words);
    if (n == 0) return false;
    struct rows rows = rows_of(sheet, words, n, 1.0f);
    int prose = 0, cells = 0;
    for (int r = 0; r < rows.n; r++) {
        if (rows.rows[r].n == 1 && rows.rows[r].chunks[0].line->n_words >= 7 &&
            rect_width(rows.rows[r].chunks[0].line->bbox) > 0.5f * rect_width(box))
            prose++;
        if (rows.rows[r].n > 1) cells++;
    }
    return prose > cells;
}

static struct raw_table *try_ruled(struct sheet *sheet, struct rect box) {
    const struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, const struct word *);
    size_t n = (size_t)words_in(sheet, box, words);
    if (n < 4 || in_picture(sheet, box)) return NULL;
    struct segment *rules = ARENA_ARRAY(sheet->arena, sheet->n_h + 1, struct segment);
    size_t n_rules = 0;
    for (size_t i = 0; i < sheet->n_h; i++)
        if (sheet->h[i].pos >= box.y0 - 1 && sheet->h[i].pos <= box.y1 + 1 &&
            sheet->h[i].b > box.x0 && sheet->h[i].a < box.x1)
            rules[n_rules++] = sheet->h[i];
    struct maker *m = make(sheet, words, n, box, rules, n_rules);
    if (!m) return NULL;
    struct evidence e = weigh(m);
    if (e.pages_last && m->n_cols == 2 && e.mean_words >= 1.4f) return NULL; // contents, underlined
    if (e.n_filled < 4 || e.fill < 0.4f || e.mean_words > 14 || (e.labels_first && m->n_cols == 2))
        return NULL;
    if (crosses_curves(sheet, box, e.n_filled)) return NULL;
    if (m->n_cols == 2 && e.numbers < 0.15f && e.median_words > 7) return NULL;
    return finish(m, words, n, 0.85f);
}

/* A row right above the frame whose chunks sit over its columns is the header somebody put outside. */
struct raw_table *ruled_rows_find(struct sheet *sheet) {
    struct raw_table *list = NULL, **tail = &list;
    bool *used = ARENA_ARRAY(sheet->arena, sheet->n_h + 1, bool);
    for (size_t i = 0; i < sheet->n_h; i++) {
        const struct segment *top = &sheet->h[i];
        if (used[i] || top->b - top->a < 4 * sheet->body) continue;
        // rules with the same ends, downwards, as long as no prose lies between two
        size_t last = i;
        size_t *chain = ARENA_ARRAY(sheet->arena, sheet->n_h - i, size_t);
        size_t n_chain = 0;
        chain[n_chain++] = i;
        for (size_t k = i + 1; k < sheet->n_h; k++) {
            const struct segment *s = &sheet->h[k];
            if (fabsf(s->a - top->a) > 4 || fabsf(s->b - top->b) > 4) continue;
            struct rect between = {top->a - 2, sheet->h[last].pos, top->b + 2, s->pos};
            if (is_prose(sheet, between)) break;
            chain[n_chain++] = k;
            last = k;
        }
        // the longest part of the chain, from its top, that makes a table
        for (size_t n = n_chain; n >= 2; n--) {
            struct rect box = {top->a - 2, top->pos, top->b + 2, sheet->h[chain[n - 1]].pos};
            struct raw_table *t = try_ruled(sheet, box);
            if (!t) continue;
            for (size_t k = 0; k < n; k++) used[chain[k]] = true;
            *tail = t;
            tail = &t->next;
            break;
        }
    }
    return list;
}

/* ---- no rules ---- */

enum verdict { ACCEPTED, TOO_WEAK, SOMETHING_ELSE };

/* SOMETHING_ELSE: a list, contents or prose, and so are its parts. */
static enum verdict judge(const struct maker *m, const struct evidence *e) {
    bool terse = e->numbers >= 0.4f && m->n_cols > 2 && e->prose == 0 && e->mean_words <= 2.5f;
    int least = terse ? 2 : 3;
    if (e->pages_last && m->n_cols <= 3 && e->mean_words >= 1.4f) return SOMETHING_ELSE;
    if (e->prose > 0.5f && e->numbers < 0.3f) return SOMETHING_ELSE;
    if (e->symbols > 0.4f) return SOMETHING_ELSE;
    if (e->labels_first && (m->n_cols == 2 || e->numbers < 0.3f)) return SOMETHING_ELSE;
    if (m->n_rows < least || e->fill < 0.45f || e->min_column < 0.3f || e->mean_words > 6)
        return TOO_WEAK;
    if (m->n_cols == 2 && e->numbers < 0.3f) return TOO_WEAK;
    if (e->median_words >= 5 && e->numbers < 0.3f) return TOO_WEAK;
    return ACCEPTED;
}

/* Words of rows [a, b) of the list. */
static size_t words_of(const struct rows *rows, int a, int b, const struct word **out) {
    size_t n = 0;
    for (int r = a; r < b; r++)
        for (int i = 0; i < rows->rows[r].n; i++)
            for (size_t w = 0; w < rows->rows[r].chunks[i].line->n_words; w++)
                out[n++] = rows->rows[r].chunks[i].line->words[w];
    return n;
}

static struct raw_table *try_aligned(struct sheet *sheet, const struct rows *rows, int a, int b,
                                     enum verdict *verdict) {
    *verdict = TOO_WEAK;
    const struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, const struct word *);
    size_t n = words_of(rows, a, b, words);
    if (n < 4) return NULL;
    struct rect box = words[0]->bbox;
    for (size_t i = 1; i < n; i++) box = rect_union(box, words[i]->bbox);
    if (in_picture(sheet, box)) return NULL;
    struct maker *m = make(sheet, words, n, box, NULL, 0);
    if (!m) return NULL;
    struct evidence e = weigh(m);
    *verdict = judge(m, &e);
    if (*verdict != ACCEPTED || crosses_curves(sheet, box, e.n_filled)) return NULL;
    return finish(m, words, n, 0.6f);
}

/* Runs of rows with two chunks or more, one single in between at most. */
struct raw_table *aligned_find(struct sheet *sheet) {
    const struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, const struct word *);
    struct rect all = {-1e6f, -1e6f, 1e6f, 1e6f};
    size_t n = (size_t)words_in(sheet, all, words);
    struct rows rows = rows_of(sheet, words, n, 1.0f);
    struct raw_table *list = NULL, **tail = &list;
    for (int r = 0; r < rows.n;) {
        if (rows.rows[r].n < 2) {
            r++;
            continue;
        }
        int end = r + 1, multi = 1;
        for (; end < rows.n; end++) {
            float s = rows.rows[end].size;
            if (rows.rows[end].baseline - rows.rows[end - 1].baseline > 3.2f * s) break;
            if (rows.rows[end].n < 2 && (end + 1 >= rows.n || rows.rows[end + 1].n < 2)) break;
            if (rows.rows[end].n < 2 && row_words(&rows.rows[end]) > 8) break;
            multi += rows.rows[end].n >= 2;
        }
        struct raw_table *t = NULL;
        enum verdict verdict = TOO_WEAK;
        for (int cut = 0; cut <= 3 && multi >= 2 && !t && verdict == TOO_WEAK; cut++)
            for (int top = 0; top <= cut && !t && verdict == TOO_WEAK; top++)
                if (end - r - cut >= 2)
                    t = try_aligned(sheet, &rows, r + top, end - (cut - top), &verdict);
        if (t) {
            *tail = t;
            tail = &t->next;
        }
        r = end;
    }
    return list;
}
