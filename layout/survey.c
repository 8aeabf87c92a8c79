/* layout/survey.c - see survey.h. */
#include "layout/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/script.h"
#include "util/arena.h"
#include "util/mem.h"

enum {
    N_SIZES = 400, // quarter points
    N_STYLES = 256,
    N_RIM = 8192,  // slots for texts at the rim; power of two
    RIM_ROWS = 3,  // rows looked at, at either end
    Y_STEPS = 200, // heights of a page
};

struct style_count {
    int size; // half points
    bool bold;
    unsigned chars, lines, short_lines;
    int rank;
};

struct rim_text {
    uint64_t key; // of end and masked text; 0: free
    unsigned pages;
    int last_page;
};

struct rim_place { // [end][height]
    unsigned pages, outermost, isolated, numbers;
    int last_page;
};

struct survey {
    int n_pages;
    unsigned sizes[N_SIZES + 1];
    unsigned chars;
    struct style_count styles[N_STYLES];
    int n_styles;
    struct rim_text rim[N_RIM];
    int n_rim;
    struct rim_place places[2][Y_STEPS + 1];
    float body;
    struct lexicon *lexicon;
    char title[300];
    size_t n_title;
};

struct survey *survey_new(void) {
    struct survey *survey = mem_alloc(sizeof *survey);
    survey->lexicon = lexicon_new();
    return survey;
}

struct str survey_title(const struct survey *survey) {
    return (struct str){survey->title, survey->n_title};
}

const struct lexicon *survey_lexicon(const struct survey *survey) {
    return survey->lexicon;
}

void survey_free(struct survey *survey) {
    if (!survey) return;
    lexicon_free(survey->lexicon);
    mem_free(survey);
}

float survey_body(const struct survey *survey) {
    return survey->body;
}

int survey_pages(const struct survey *survey) {
    return survey->n_pages;
}

/* ---- styles ---- */

static int half_points(float size) {
    long k = lroundf(size * 2);
    return (int)(k < 1 ? 1 : k > 400 ? 400 : k);
}

static struct style_count *style_of(struct survey *s, float size, bool bold) {
    int key = half_points(size);
    for (int i = 0; i < s->n_styles; i++)
        if (s->styles[i].size == key && s->styles[i].bold == bold) return &s->styles[i];
    if (s->n_styles == N_STYLES) return NULL;
    struct style_count *c = &s->styles[s->n_styles++];
    *c = (struct style_count){.size = key, .bold = bold};
    return c;
}

static void count_line(struct survey *s, const struct line *l) {
    struct style_count *c = style_of(s, l->size, l->bold);
    if (!c) return;
    c->chars += (unsigned)l->n_chars;
    c->lines++;
    c->short_lines += l->n_words <= 12;
}

/* Words, and how the lines end; the last word of a line may be half a word. */
static void count_words(struct survey *s, struct line *const *lines, size_t n, size_t at) {
    const struct line *l = lines[at];
    bool hyphen = false, justified = false;
    for (size_t i = 0; i < l->n_words; i++) {
        struct str w = l->words[i]->text;
        hyphen = w.n > 2 && str_last_char(w) == '-' &&
                 char_is_letter(str_last_char(str_sub(w, 0, w.n - 1)));
        if (i + 1 < l->n_words || !hyphen) lexicon_add(s->lexicon, w);
    }
    for (size_t k = at + 1; k < n && k < at + 8; k++) {
        if (lines[k]->bbox.x0 > l->bbox.x1 || lines[k]->bbox.x1 < l->bbox.x0 ||
            lines[k]->baseline - l->baseline < 0.5f * l->size)
            continue;
        justified = fabsf(lines[k]->bbox.x1 - l->bbox.x1) < 0.15f * l->size;
        break;
    }
    if (l->n_chars >= 15) lexicon_add_line(s->lexicon, hyphen, justified);
}

float survey_style_share(const struct survey *s, float size, bool bold) {
    unsigned n = 0;
    int key = half_points(size);
    for (int i = 0; i < s->n_styles; i++)
        if (abs(s->styles[i].size - key) <= 1 && s->styles[i].bold == bold) n += s->styles[i].chars;
    return s->chars ? (float)n / (float)s->chars : 0;
}

static int by_prominence(const void *a, const void *b) {
    const struct style_count *x = a, *y = b;
    if (x->size != y->size) return y->size - x->size;
    return y->bold - x->bold;
}

/* Ranks the styles that look like headings': larger than the text or bold, and mostly short lines. */
static void rank_styles(struct survey *s) {
    qsort(s->styles, (size_t)s->n_styles, sizeof *s->styles, by_prominence);
    int rank = 0;
    float last = 0;
    bool last_bold = false;
    for (int i = 0; i < s->n_styles; i++) {
        struct style_count *c = &s->styles[i];
        float size = (float)c->size / 2;
        bool candidate = size > 1.08f * s->body || (c->bold && size > 0.93f * s->body);
        if (!candidate || c->short_lines * 10 < c->lines * 6) {
            c->rank = rank ? rank : 1;
            continue;
        }
        // sizes within 4 % are one
        if (rank == 0 || size < 0.96f * last || (c->bold != last_bold && size < 1.3f * s->body))
            rank++;
        last = size;
        last_bold = c->bold;
        c->rank = rank;
    }
}

int survey_heading_rank(const struct survey *s, float size, bool bold) {
    int key = half_points(size), best = 1;
    for (int i = 0; i < s->n_styles; i++) {
        const struct style_count *c = &s->styles[i];
        if (c->size > key || (c->size == key && c->bold >= bold))
            best = c->rank > best ? c->rank : best;
    }
    return best;
}

/* ---- the rims ---- */

static uint64_t hash_add(uint64_t h, uint32_t c) {
    return (h ^ c) * 1099511628211u;
}

/* Hash of a line's text with digits masked and blanks left out. */
static uint64_t masked_hash(const struct line *l, int end) {
    // the size is part of it: the title that running heads repeat is no running head
    uint64_t h =
        1469598103934665603u + (unsigned)end + (uint64_t)2 * (unsigned)half_points(l->size);
    for (size_t i = 0; i < l->n_words; i++) {
        struct str rest = l->words[i]->text;
        bool digit = false;
        for (uint32_t c; utf8_next(&rest, &c);) {
            bool d = char_is_digit(c);
            if (!d || !digit) h = hash_add(h, d ? '#' : c);
            digit = d;
        }
    }
    return h ? h : 1;
}

static struct rim_text *rim_slot(struct survey *s, uint64_t key, bool add) {
    for (unsigned i = 0; i < 64; i++) {
        struct rim_text *t = &s->rim[(key + i) & (N_RIM - 1)];
        if (t->key == key) return t;
        if (t->key) continue;
        if (!add || s->n_rim > N_RIM / 2) return NULL;
        t->key = key;
        s->n_rim++;
        return t;
    }
    return NULL;
}

/* "12", "- 12 -", "Page 3 of 10", "iv": a page number and nothing else. */
static bool is_page_number(const struct line *l) {
    if (l->n_words > 5 || l->n_chars > 16) return false;
    int digits = 0, letters = 0, roman = 0;
    for (size_t i = 0; i < l->n_words; i++) {
        struct str rest = l->words[i]->text;
        for (uint32_t c; utf8_next(&rest, &c);) {
            digits += char_is_digit(c);
            letters += char_is_letter(c);
            roman += c < 128 && strchr("ivxlIVXL", (int)c) != NULL;
        }
    }
    if (digits && digits <= 9) return letters == 0 || (l->n_words >= 2 && letters <= 8);
    return letters > 0 && letters == roman && l->n_words == 1 && letters <= 6;
}

struct rim_line {
    size_t index;
    int end; // 0 top, 1 bottom
    int row; // from the rim, from 0
    bool isolated;
    int height; // step
};

static int by_y(const void *a, const void *b) {
    const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;
    if (x->baseline != y->baseline) return x->baseline < y->baseline ? -1 : 1;
    return (x->bbox.x0 > y->bbox.x0) - (x->bbox.x0 < y->bbox.x0);
}

/* The lines of the outermost rows at both ends. lines must be sorted by baseline. */
static size_t rim_lines(const struct sheet *sheet, struct line *const *lines, size_t n,
                        struct rim_line *out) {
    size_t k = 0;
    for (int end = 0; end < 2; end++) {
        int row = -1;
        float last = -1e9f;
        for (size_t i = 0; i < n; i++) {
            size_t at = end ? n - 1 - i : i;
            const struct line *l = lines[at];
            if (row < 0 || fabsf(l->baseline - last) > 0.5f * l->size) {
                if (++row == RIM_ROWS) break;
                last = l->baseline;
            }
            // the next row inwards
            float gap = 1e9f;
            for (size_t m = 1; m < n - i; m++) {
                const struct line *next = lines[end ? at - m : at + m];
                if (fabsf(next->baseline - last) <= 0.5f * l->size) continue;
                gap = end ? l->bbox.y0 - next->bbox.y1 : next->bbox.y0 - l->bbox.y1;
                break;
            }
            float rel = l->baseline / (sheet->height > 0 ? sheet->height : 1);
            if ((end == 0 && rel > 0.15f) || (end == 1 && rel < 0.85f)) break;
            int h = (int)(rel * Y_STEPS);
            out[k++] = (struct rim_line){at, end, row, gap > 0.6f * sheet->body,
                                         h < 0         ? 0
                                         : h > Y_STEPS ? Y_STEPS
                                                       : h};
            if (k + 1 >= (size_t)2 * 64) return k;
            if (end == 0 && k >= 64) break;
        }
    }
    return k;
}

static void add_rims(struct survey *s, const struct sheet *sheet, struct line *const *lines,
                     size_t n) {
    struct rim_line rim[2 * 64];
    size_t k = rim_lines(sheet, lines, n, rim);
    for (size_t i = 0; i < k; i++) {
        const struct line *l = lines[rim[i].index];
        struct rim_text *t = rim_slot(s, masked_hash(l, rim[i].end), true);
        if (t && t->last_page != s->n_pages) t->pages++, t->last_page = s->n_pages;
        struct rim_place *p = &s->places[rim[i].end][rim[i].height];
        if (p->last_page == s->n_pages) continue;
        p->last_page = s->n_pages;
        p->pages++;
        p->outermost += rim[i].row == 0;
        p->isolated += rim[i].isolated;
        p->numbers += is_page_number(l);
    }
}

/* The largest lines of the first page, as long as they follow each other. */
static void find_title(struct survey *s, const struct sheet *sheet, struct line *const *lines,
                       size_t n) {
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (lines[i]->n_chars >= 4 && (best == n || lines[i]->size > 1.05f * lines[best]->size))
            best = i;
    if (best == n || lines[best]->size < 1.25f * sheet->body) return;
    struct text text;
    text_open(&text, sheet->arena, NULL);
    const struct line *last = lines[best];
    for (size_t i = best; i < n && i < best + 8; i++) {
        if (lines[i]->size < 0.95f * last->size ||
            lines[i]->baseline - last->baseline > 1.8f * last->size)
            continue;
        text_put_line(&text, sheet->content, lines[i], sheet->rtl);
        last = lines[i];
    }
    struct str title = spans_text(text_close(&text), sheet->arena);
    if (title.n == 0 || title.n >= sizeof s->title) return;
    memcpy(s->title, title.s, title.n);
    s->n_title = title.n;
}

void survey_add(struct survey *s, const struct sheet *sheet) {
    s->n_pages++;
    for (size_t i = 0; i < sheet->n_words; i++) {
        const struct word *w = sheet->words[i];
        long k = lroundf(w->size * 4);
        unsigned n = (unsigned)utf8_length(w->text);
        s->sizes[k < 0 ? 0 : k > N_SIZES ? N_SIZES : k] += n;
        s->chars += n;
    }
    size_t n;
    struct line **lines =
        lines_from_words(sheet->arena, sheet->content, sheet->words, sheet->n_words, 1.0f, &n);
    for (size_t i = 0; i < n; i++) {
        count_line(s, lines[i]);
        count_words(s, lines, n, i);
    }
    qsort(lines, n, sizeof *lines, by_y);
    add_rims(s, sheet, lines, n);
    if (s->n_pages == 1) find_title(s, sheet, lines, n);
}

void survey_finish(struct survey *s) {
    int best = 0;
    unsigned most = 0;
    for (int k = 1; k < N_SIZES; k++) {
        unsigned n = s->sizes[k] + s->sizes[k - 1] / 2 + s->sizes[k + 1] / 2;
        if (n > most) most = n, best = k;
    }
    s->body = (float)best / 4;
    rank_styles(s);
}

/* The place and its neighbours in height: lines of one row wander by a fraction of a point. */
static struct rim_place place_near(const struct survey *s, int end, int height) {
    struct rim_place sum = {0};
    for (int h = height - 1; h <= height + 1; h++) {
        if (h < 0 || h > Y_STEPS) continue;
        const struct rim_place *p = &s->places[end][h];
        sum.pages += p->pages;
        sum.outermost += p->outermost;
        sum.isolated += p->isolated;
        sum.numbers += p->numbers;
    }
    return sum;
}

/* Does the line repeat, count, or stand where other pages have such a line? */
static bool is_furniture(const struct survey *s, const struct sheet *sheet, const struct line *l,
                         const struct rim_line *r) {
    unsigned pages = (unsigned)s->n_pages;
    struct rim_place p = place_near(s, r->end, r->height);
    const struct rim_text *t = rim_slot((struct survey *)s, masked_hash(l, r->end), false);
    unsigned repeats = t ? t->pages : 0;
    if (pages >= 3 && repeats >= 3 && repeats * 8 >= pages) return true;
    if (pages == 2 && repeats == 2) return true;
    bool far_out = r->height * 10 < Y_STEPS || r->height * 10 > 9 * Y_STEPS;
    if (is_page_number(l) && r->row == 0 &&
        (pages == 1 ? far_out : p.numbers * 3 >= p.pages || p.numbers >= 3))
        return true;
    // a chapter title that changes, always in the same place
    return pages >= 5 && r->row == 0 && p.pages * 2 > pages && p.outermost * 10 > p.pages * 9 &&
           p.isolated * 10 > p.pages * 9 && l->size < 1.2f * sheet->body;
}

void survey_furniture(const struct survey *s, const struct sheet *sheet, struct line *const *lines,
                      size_t n, int *kinds) {
    struct line **sorted = ARENA_ARRAY(sheet->arena, n + 1, struct line *);
    memcpy(sorted, lines, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_y);
    for (size_t i = 0; i < n; i++) kinds[i] = -1;
    struct rim_line rim[2 * 64];
    size_t k = rim_lines(sheet, sorted, n, rim);
    for (int end = 0; end < 2; end++) {
        // furniture lies outside: rows are taken from the rim inwards, and white parts them from the text
        bool found[RIM_ROWS] = {false}, isolated[RIM_ROWS] = {false};
        for (size_t i = 0; i < k; i++) {
            if (rim[i].end != end) continue;
            found[rim[i].row] =
                found[rim[i].row] || is_furniture(s, sheet, sorted[rim[i].index], &rim[i]);
            isolated[rim[i].row] = rim[i].isolated;
        }
        int n_rows = 0;
        while (n_rows < RIM_ROWS && found[n_rows]) n_rows++;
        while (n_rows > 0 && !isolated[n_rows - 1]) n_rows--;
        for (size_t i = 0; i < k; i++) {
            if (rim[i].end != end || rim[i].row >= n_rows) continue;
            const struct line *l = sorted[rim[i].index];
            enum furniture_kind kind = is_page_number(l) ? FURNITURE_PAGE_NUMBER
                                       : end             ? FURNITURE_FOOTER
                                                         : FURNITURE_HEADER;
            for (size_t m = 0; m < n; m++)
                if (lines[m] == l) kinds[m] = (int)kind;
        }
    }
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) taken += kinds[i] >= 0;
    if (taken == n && n > 2) // a page has something to say: what is the same everywhere is its text
        for (size_t i = 0; i < n; i++) kinds[i] = -1;
}
