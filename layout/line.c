/* layout/line.c - see line.h. */
#include "layout/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/script.h"
#include "util/arena.h"
#include "util/buf.h"

static const float SAME_ROW = 0.45f; // of the smaller size: how far baselines of one row differ

static float min_f(float a, float b) {
    return a < b ? a : b;
}

static float max_f(float a, float b) {
    return a > b ? a : b;
}

/* ---- rows ---- */

static int by_baseline(const void *a, const void *b) {
    const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
    if (x->baseline != y->baseline) return x->baseline < y->baseline ? -1 : 1;
    if (x->bbox.x0 != y->bbox.x0) return x->bbox.x0 < y->bbox.x0 ? -1 : 1;
    return (x > y) - (x < y);
}

static int by_left(const void *a, const void *b) {
    const struct word *x = *(const struct word *const *)a, *y = *(const struct word *const *)b;
    if (x->bbox.x0 != y->bbox.x0) return x->bbox.x0 < y->bbox.x0 ? -1 : 1;
    return (x > y) - (x < y);
}

static int lines_by_place(const void *a, const void *b) {
    const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;
    if (x->baseline != y->baseline) return x->baseline < y->baseline ? -1 : 1;
    if (x->bbox.x0 != y->bbox.x0) return x->bbox.x0 < y->bbox.x0 ? -1 : 1;
    return 0;
}

struct row {
    float baseline, size; // of its heaviest word
    int weight;
    size_t n;
};

/* The row among the last few that a word with this baseline belongs to, or -1. */
static long row_of(const struct row *rows, size_t n, const struct word *w) {
    long best = -1;
    float best_d = 0;
    for (size_t k = n; k-- > 0 && n - k <= 8;) {
        float d = fabsf(rows[k].baseline - w->baseline);
        float smaller = min_f(rows[k].size, w->size), larger = max_f(rows[k].size, w->size);
        if (d > SAME_ROW * smaller) continue;
        if (smaller < 0.8f * larger && d > 0.12f * smaller) continue; // raised or lowered
        if (best < 0 || d < best_d) best = (long)k, best_d = d;
    }
    return best;
}

/* ---- what a line is made of ---- */

static void measure(struct line *line, const struct content *content) {
    line->bbox = line->words[0]->bbox;
    int best = 0, total = 0, bold = 0, italic = 0, mono = 0;
    for (size_t i = 0; i < line->n_words; i++) {
        const struct word *w = line->words[i];
        int n = (int)utf8_length(w->text);
        unsigned flags = content->styles[w->style].flags;
        total += n;
        if (flags & SPAN_BOLD) bold += n;
        if (flags & SPAN_ITALIC) italic += n;
        if (flags & SPAN_MONO) mono += n;
        line->bbox = rect_union(line->bbox, w->bbox);
        int same = 0; // letters like this word's; lines are short, so counting anew is cheap enough
        if (w->flags & (WORD_SUPER | WORD_SUB)) continue;
        for (size_t k = i; k < line->n_words && k < i + 40; k++)
            if (line->words[k]->style == w->style && fabsf(line->words[k]->size - w->size) < 0.3f)
                same += (int)line->words[k]->text.n;
        if (same > best) {
            best = same;
            line->style = w->style;
            line->size = w->size;
            line->baseline = w->baseline;
        }
    }
    if (best == 0) {
        line->style = line->words[0]->style;
        line->size = line->words[0]->size;
        line->baseline = line->words[0]->baseline;
    }
    line->n_chars = total;
    line->bold = bold * 10 >= total * 9;
    line->italic = italic * 10 >= total * 9;
    line->mono = mono * 10 >= total * 9;
}

static struct line *line_new(struct arena *arena, const struct content *content,
                             const struct word **words, size_t n) {
    struct line *line = ARENA_NEW(arena, struct line);
    line->words = ARENA_ARRAY(arena, n, const struct word *);
    memcpy(line->words, words, n * sizeof *words);
    line->n_words = n;
    measure(line, content);
    return line;
}

struct line *line_join(struct arena *arena, const struct content *content, const struct line *a,
                       const struct line *b) {
    size_t n = a->n_words + b->n_words;
    struct line *line = ARENA_NEW(arena, struct line);
    line->words = ARENA_ARRAY(arena, n, const struct word *);
    memcpy(line->words, a->words, a->n_words * sizeof *a->words);
    memcpy(line->words + a->n_words, b->words, b->n_words * sizeof *b->words);
    qsort(line->words, n, sizeof *line->words, by_left);
    line->n_words = n;
    measure(line, content);
    return line;
}

/* ---- raised and lowered words ---- */

/* Is `small` a superscript or subscript of the line? Gives the flag, or 0. */
static unsigned raised(const struct line *small, const struct line *line) {
    if (small == line || small->size > 0.82f * line->size || small->n_chars > 12) return 0;
    float up = line->baseline - small->baseline;
    if (up > 0.75f * line->size || up < -0.45f * line->size) return 0;
    float gap = max_f(small->bbox.x0 - line->bbox.x1, line->bbox.x0 - small->bbox.x1);
    if (gap > 0.35f * line->size) return 0;
    if (gap < 0) { // somewhere inside: it must stand in a gap between two words
        for (size_t i = 0; i < line->n_words; i++) {
            struct rect r = rect_intersection(small->bbox, line->words[i]->bbox);
            if (rect_width(r) > 0.3f * rect_width(small->bbox)) return 0;
        }
    }
    return up > 0.12f * line->size ? WORD_SUPER : up < -0.05f * line->size ? WORD_SUB : 0;
}

static size_t attach_raised(struct arena *arena, const struct content *content, struct line **lines,
                            size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!lines[i] || lines[i]->n_chars > 12) continue;
        struct line *best = NULL;
        unsigned best_flag = 0;
        size_t best_at = 0;
        size_t from = i > 40 ? i - 40 : 0;
        for (size_t k = from; k < n && k < i + 40; k++) {
            unsigned flag = lines[k] ? raised(lines[i], lines[k]) : 0;
            if (flag && (!best || lines[k]->n_chars > best->n_chars))
                best = lines[k], best_flag = flag, best_at = k;
        }
        if (!best) continue;
        for (size_t k = 0; k < lines[i]->n_words; k++)
            ((struct word *)lines[i]->words[k])->flags |= best_flag;
        lines[best_at] = line_join(arena, content, best, lines[i]);
        lines[i] = NULL;
    }
    size_t out = 0;
    for (size_t i = 0; i < n; i++)
        if (lines[i]) lines[out++] = lines[i];
    return out;
}

struct line **lines_from_words(struct arena *arena, const struct content *content,
                               struct word **words, size_t n, float gap, size_t *n_lines) {
    struct word **sorted = ARENA_ARRAY(arena, n + 1, struct word *);
    memcpy(sorted, words, n * sizeof *words);
    qsort(sorted, n, sizeof *sorted, by_baseline);
    struct row *rows = ARENA_ARRAY(arena, n + 1, struct row);
    long *row = ARENA_ARRAY(arena, n + 1, long);
    size_t n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        row[i] = row_of(rows, n_rows, sorted[i]);
        if (row[i] < 0) {
            row[i] = (long)n_rows;
            rows[n_rows++] = (struct row){.baseline = sorted[i]->baseline, .size = sorted[i]->size};
        }
        struct row *r = &rows[row[i]];
        r->n++;
        if ((int)sorted[i]->text.n > r->weight) {
            r->weight = (int)sorted[i]->text.n;
            r->baseline = sorted[i]->baseline;
            r->size = sorted[i]->size;
        }
    }
    // counting sort of the words into their rows
    size_t *start = ARENA_ARRAY(arena, n_rows + 1, size_t);
    for (size_t r = 0; r < n_rows; r++) start[r + 1] = start[r] + rows[r].n;
    const struct word **in_rows = ARENA_ARRAY(arena, n + 1, const struct word *);
    size_t *fill = ARENA_ARRAY(arena, n_rows + 1, size_t);
    memcpy(fill, start, (n_rows + 1) * sizeof *fill);
    for (size_t i = 0; i < n; i++) in_rows[fill[row[i]]++] = sorted[i];

    struct line **lines = ARENA_ARRAY(arena, n + 1, struct line *);
    size_t count = 0;
    for (size_t r = 0; r < n_rows; r++) {
        const struct word **w = in_rows + start[r];
        size_t m = rows[r].n;
        qsort(w, m, sizeof *w, by_left);
        size_t from = 0;
        float right = m ? w[0]->bbox.x1 : 0;
        for (size_t i = 1; i <= m; i++) {
            if (i < m) {
                float s = max_f(w[i]->size, w[i - 1]->size);
                if (w[i]->bbox.x0 - right <= gap * s) {
                    right = max_f(right, w[i]->bbox.x1);
                    continue;
                }
                right = w[i]->bbox.x1;
            }
            lines[count++] = line_new(arena, content, w + from, i - from);
            from = i;
        }
    }
    qsort(lines, count, sizeof *lines, lines_by_place);
    *n_lines = attach_raised(arena, content, lines, count);
    return lines;
}

/* ---- text ---- */

bool word_gap_is_space(const struct word *a, const struct word *b) {
    float size = max_f(a->size, b->size);
    float gap = b->bbox.x0 - a->bbox.x1;
    uint32_t last = str_last_char(a->text), first = str_first_char(b->text);
    if (char_is_ideograph(last) && char_is_ideograph(first)) return gap > 0.5f * size;
    if (char_is_ideograph(last) || char_is_ideograph(first))
        return gap > 0.15f * size && (gap > 0.3f * size || (b->flags & WORD_SPACE_BEFORE));
    if ((b->flags | a->flags) & (WORD_SUPER | WORD_SUB))
        return gap > 0.22f * a->size && gap > 0.22f * b->size;
    if (b->flags & WORD_SPACE_BEFORE) return true;
    return gap > 0.22f * size || gap < -3 * size;
}

static bool reads_against(const struct word *w, bool rtl) {
    if (rtl)
        return !(w->flags & WORD_RTL) && text_direction(w->text) >= 0 &&
               (char_is_ltr(str_first_char(w->text)) || char_is_digit(str_first_char(w->text)));
    return (w->flags & WORD_RTL) != 0;
}

/* The words in logical order: runs against the base direction are reversed. */
static const struct word **logical_order(struct arena *arena, const struct line *line, bool rtl) {
    const struct word **out = ARENA_ARRAY(arena, line->n_words + 1, const struct word *);
    memcpy(out, line->words, line->n_words * sizeof *out);
    for (size_t i = 0; i < line->n_words;) {
        size_t end = i;
        while (end < line->n_words && reads_against(out[end], rtl)) end++;
        for (size_t a = i, b = end; a + 1 < b; a++) {
            b--;
            const struct word *t = out[a];
            out[a] = out[b];
            out[b] = t;
        }
        i = end > i ? end : i + 1;
    }
    return out;
}

static bool is_hyphen(uint32_t c) {
    return c == '-' || c == 0xad || c == 0x2010 || c == 0x2011;
}

/* At a line end: true when the text goes on without a blank. A hyphen that only parts a word is cut
 * off: a letter before it, a small letter after. */
static bool mend_hyphen(struct text *text, struct str next) {
    struct str s = buf_str(&text->open);
    uint32_t last = str_last_char(s);
    if (!is_hyphen(last)) return false;
    char bytes[4];
    struct str before = str_sub(s, 0, s.n - utf8_put(bytes, last));
    bool soft = last == 0xad || last == 0x2010; // people type another one
    if (!soft && !(char_is_letter(str_last_char(before)) && char_is_lower(str_first_char(next))))
        return false;
    size_t start = before.n;
    while (start > 0 && before.s[start - 1] != ' ') start--;
    if (soft || lexicon_joins(text->lexicon, str_sub(before, start, before.n), next))
        text->open.n = before.n;
    return true;
}

static unsigned span_flags(const struct content *content, const struct word *w) {
    unsigned flags = content->styles[w->style].flags & (SPAN_BOLD | SPAN_ITALIC | SPAN_MONO);
    if (w->flags & WORD_SUPER) flags |= SPAN_SUPER;
    if (w->flags & WORD_SUB) flags |= SPAN_SUB;
    return flags;
}

void text_open(struct text *text, struct arena *arena, const struct lexicon *lexicon) {
    *text = (struct text){.arena = arena, .lexicon = lexicon};
    text->tail = &text->first;
    buf_open(&text->open, 0);
}

static void end_span(struct text *text) {
    if (text->open.n) {
        struct span *s = ARENA_NEW(text->arena, struct span);
        s->text = arena_str(text->arena, buf_str(&text->open));
        s->flags = text->flags;
        s->link = arena_str(text->arena, text->link);
        *text->tail = s;
        text->tail = &s->next;
        text->last = str_last_char(s->text);
    }
    text->open.n = 0;
}

struct span *text_close(struct text *text) {
    end_span(text);
    buf_close(&text->open);
    return text->first;
}

/* Puts a word behind what is there. The blank belongs to the plainer of two spans, so that emphasis
 * hugs its words. */
static void put_word(struct text *text, struct str word, unsigned flags, struct str link,
                     bool space) {
    bool first = !text->first && text->open.n == 0;
    bool same = text->flags == flags && str_eq(text->link, link);
    if (space && !first && (same || (flags && !(text->flags & (SPAN_SUPER | SPAN_SUB))))) {
        buf_putc(&text->open, ' ');
        space = false;
    }
    if (!same) end_span(text);
    text->flags = flags;
    text->link = link;
    if (space && !first) buf_putc(&text->open, ' ');
    buf_put(&text->open, word);
}

void text_break(struct text *text) {
    if (text->open.n || text->first) buf_putc(&text->open, '\n');
}

void text_put_line(struct text *text, const struct content *content, const struct line *line,
                   bool rtl) {
    const struct word **words = logical_order(text->arena, line, rtl);
    const struct word *before = NULL;
    for (size_t i = 0; i < line->n_words; i++) {
        const struct word *w = words[i];
        bool space = true;
        if (before && (reads_against(w, rtl) || reads_against(before, rtl))) {
            // in a run against the direction, and around it, geometry runs the other way
            float gap =
                min_f(fabsf(w->bbox.x0 - before->bbox.x1), fabsf(before->bbox.x0 - w->bbox.x1));
            space = ((w->flags | before->flags) & WORD_SPACE_BEFORE) || gap > 0.12f * w->size;
        } else if (before && rtl) {
            // blanks of the source are put by readers that know left to right only
            space = w->bbox.x0 - before->bbox.x1 > 0.12f * w->size;
        } else if (before) {
            space = word_gap_is_space(before, w);
        } else {
            uint32_t first = str_first_char(w->text);
            uint32_t last = text->open.n ? str_last_char(buf_str(&text->open)) : text->last;
            space = last != '\n' && !mend_hyphen(text, w->text) &&
                    !(char_joins_without_space(first) && char_joins_without_space(last));
        }
        struct str target = w->link ? content->links[w->link - 1].target : STR("");
        put_word(text, w->text, span_flags(content, w), target, space);
        before = w;
    }
}

struct str line_text(struct arena *arena, const struct content *content, const struct line *line,
                     bool rtl) {
    struct text text;
    text_open(&text, arena, NULL);
    text_put_line(&text, content, line, rtl);
    return spans_text(text_close(&text), arena);
}
