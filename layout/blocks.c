/*
 * layout/blocks.c - see blocks.h.
 *
 * Lines are added to a block until something says that a new one begins: another style, white
 * space, a list mark, an indent, or a line that ended although the next word would have fitted.
 */
#include "layout/blocks.h"

#include <math.h>
#include <string.h>

#include "layout/script.h"
#include "util/arena.h"

struct builder {
    struct sheet *sheet;
    struct unit *first, **tail;
    size_t n_units;
};

/* ---- lines ---- */

static float pitch_of(const struct sheet *sheet, float size) {
    float ratio = sheet->pitch / sheet->body;
    if (ratio > 1.6f && size > 1.15f * sheet->body) ratio = 1.3f; // generous text, tight headings
    return ratio * size;
}

static bool same_baseline(const struct line *a, const struct line *b) {
    return !a->solid && !b->solid &&
           fabsf(a->baseline - b->baseline) < 0.45f * fminf(a->size, b->size) &&
           b->bbox.x0 > a->bbox.x1 - 1;
}

/* Joins the pieces of each row, so that a flow is one line below the other. */
static void join_rows(struct sheet *sheet, struct flow *flow) {
    size_t out = 0;
    for (size_t i = 0; i < flow->n; i++) {
        struct line *l = flow->lines[i];
        if (out && same_baseline(flow->lines[out - 1], l))
            flow->lines[out - 1] = line_join(sheet->arena, sheet->content, flow->lines[out - 1], l);
        else
            flow->lines[out++] = l;
    }
    flow->n = out;
}

static uint32_t first_char(const struct line *l) {
    return str_first_char(l->words[0]->text);
}

static uint32_t last_char(const struct line *l) {
    return str_last_char(l->words[l->n_words - 1]->text);
}

static bool ends_sentence(const struct line *l) {
    uint32_t c = last_char(l);
    return c == '.' || c == '!' || c == '?' || c == ':' || c == ';' || c == 0x3002 || c == 0xff01 ||
           c == 0xff1f || c == 0x61f;
}

/* Beginning of the line's text, enough to see a mark. */
static struct str head_text(struct sheet *sheet, const struct line *l) {
    struct line part = *l;
    if (part.n_words > 6) part.n_words = 6;
    return line_text(sheet->arena, sheet->content, &part, sheet->rtl);
}

static bool starts_item(struct sheet *sheet, const struct line *l, struct list_mark *mark) {
    return list_mark_parse(head_text(sheet, l), mark) > 0;
}

/* ---- does line c begin a new block after line p? ---- */

struct state {
    const struct flow *flow;
    size_t i;          // index of c
    size_t start;      // index of the block's first line
    bool in_item;      // the block is a list item
    float text_left;   // where the item's text hangs
    float left, right; // of the column's running text near here
};

static bool style_differs(const struct sheet *sheet, const struct line *p, const struct line *c) {
    float larger = fmaxf(p->size, c->size), smaller = fminf(p->size, c->size);
    if (larger - smaller > 0.1f * larger && p->n_chars > 2 && c->n_chars > 2) return true;
    if (p->bold != c->bold && p->n_chars > 2 && c->n_chars > 2) return true;
    if (p->mono != c->mono) return true;
    const struct style *a = &sheet->content->styles[p->style],
                       *b = &sheet->content->styles[c->style];
    return a->rgb != b->rgb && p->style != c->style && !str_eq(a->font, b->font) &&
           p->n_chars > 2 && c->n_chars > 2;
}

/* Would the first word of c have fitted behind p? */
static bool would_have_fitted(const struct state *s, const struct line *p, const struct line *c) {
    float word = rect_width(c->words[0]->bbox) + 0.3f * c->size;
    return s->right - p->bbox.x1 > word + 0.6f * c->size;
}

static bool is_centred(const struct state *s, const struct line *l) {
    float left = l->bbox.x0 - s->left, right = s->right - l->bbox.x1;
    return left > 1.5f * l->size && fabsf(left - right) < 1.0f * l->size;
}

static bool hangs(const struct state *s, const struct line *c) {
    // the next line is set in as far as this one
    if (s->i + 1 >= s->flow->n) return true;
    const struct line *n = s->flow->lines[s->i + 1];
    return !n->solid && fabsf(n->bbox.x0 - c->bbox.x0) < 0.4f * c->size;
}

/* "Title ........ 12": a row of a contents page, each a block of its own. */
static bool is_contents_row(const struct line *l) {
    if (l->n_words < 2) return false;
    const struct word *last = l->words[l->n_words - 1], *before = l->words[l->n_words - 2];
    bool number = l->n_words <= 30 && utf8_length(last->text) <= 5;
    struct str rest = last->text;
    for (uint32_t c; number && utf8_next(&rest, &c);)
        number = char_is_digit(c) || (c < 128 && strchr("ivxlc-", (int)c) != NULL);
    bool leaders = str_ends(before->text, STR("..")) || str_eq(before->text, STR("."));
    return number && (leaders || last->bbox.x0 - before->bbox.x1 > 2.5f * l->size);
}

static bool begins_block(struct sheet *sheet, const struct state *s, const struct line *p,
                         const struct line *c) {
    struct list_mark mark;
    if (p->solid || c->solid || style_differs(sheet, p, c)) return true;
    if (is_contents_row(p)) return true;
    float step = c->baseline - p->baseline, size = fmaxf(p->size, c->size);
    size_t n_before = s->i - s->start;
    float pitch = pitch_of(sheet, size);
    if (n_before >= 2) { // the block shows its own
        float own = (p->baseline - s->flow->lines[s->start]->baseline) / (float)(n_before - 1);
        if (own > 0.9f * size && own < 1.25f * pitch) pitch = own;
        if (own >= 1.25f * pitch && own < 2.2f * size) pitch = own;
    }
    if (step < 0 || step > 1.28f * pitch + 0.02f * size) return true;
    float indent = c->bbox.x0 - p->bbox.x0;
    bool item = starts_item(sheet, c, &mark);
    if (item &&
        (mark.style == NUMBER_NONE || s->in_item || would_have_fitted(s, p, c) || ends_sentence(p)))
        return true;
    if (s->in_item) {
        if (fabsf(c->bbox.x0 - s->text_left) < 0.6f * size) return false;
        if (c->bbox.x0 < s->flow->lines[s->start]->bbox.x0 - 0.5f * size) return true;
        return would_have_fitted(s, p, c) && ends_sentence(p);
    }
    if (is_centred(s, p) && is_centred(s, c)) return false;
    bool large = c->size > 1.15f * sheet->body || (c->bold && n_before < 3);
    if (indent > 0.8f * size) {
        if (!ends_sentence(p) && ((n_before == 1 && hangs(s, c)) || char_is_lower(first_char(c))))
            return false;
        return !large;
    }
    if (indent < -0.8f * size)
        // a hanging paragraph's successor; not the text below a drop cap or beside an inset
        return n_before >= 2 && !large &&
               s->flow->lines[s->start]->bbox.x0 < p->bbox.x0 - 0.5f * size &&
               (ends_sentence(p) || !char_is_lower(first_char(c)));
    if (large || (last_char(p) == '-' && char_is_lower(first_char(c)))) return false;
    if (!would_have_fitted(s, p, c)) return false;
    uint32_t first = first_char(c);
    return ends_sentence(p) || char_is_upper(first) || char_is_digit(first) ||
           s->right - p->bbox.x1 > 0.35f * (s->right - s->left);
}

/* ---- units ---- */

static struct unit *add_unit(struct builder *b, const struct flow *flow, size_t from, size_t to) {
    struct unit *u = ARENA_NEW(b->sheet->arena, struct unit);
    u->lines = flow->lines + from;
    u->n_lines = to - from;
    u->flow = flow;
    u->bbox = u->lines[0]->bbox;
    int chars = 0, bold = 0, italic = 0, mono = 0, best = 0;
    for (size_t i = 0; i < u->n_lines; i++) {
        const struct line *l = u->lines[i];
        u->bbox = rect_union(u->bbox, l->bbox);
        chars += l->n_chars;
        bold += l->bold ? l->n_chars : 0;
        italic += l->italic ? l->n_chars : 0;
        mono += l->mono ? l->n_chars : 0;
        if (l->n_chars > best) best = l->n_chars, u->size = l->size, u->style = l->style;
    }
    u->bold = chars && bold * 10 >= chars * 9;
    u->italic = chars && italic * 10 >= chars * 9;
    u->mono = chars && mono * 10 >= chars * 8;
    u->contents_row = u->n_lines <= 2 && !u->lines[0]->solid &&
                      (is_contents_row(u->lines[0]) || is_contents_row(u->lines[u->n_lines - 1]));
    *b->tail = u;
    b->tail = &u->next;
    b->n_units++;
    return u;
}

static float confidence_of(const struct unit *u) {
    double sum = 0, n = 0;
    for (size_t i = 0; i < u->n_lines; i++)
        for (size_t k = 0; k < u->lines[i]->n_words; k++) {
            double weight = (double)u->lines[i]->words[k]->text.n;
            sum += weight * (double)u->lines[i]->words[k]->confidence;
            n += weight;
        }
    return n > 0 ? (float)(sum / n) : 1;
}

/* Cuts the label off the front of the spans. */
static void cut_front(struct span **spans, size_t n) {
    while (n > 0 && *spans) {
        struct span *s = *spans;
        size_t k = s->text.n < n ? s->text.n : n;
        s->text = str_sub(s->text, k, s->text.n);
        n -= k;
        if (s->text.n == 0) *spans = s->next;
    }
    if (*spans)
        (*spans)->text =
            str_sub((*spans)->text, (*spans)->text.n && (*spans)->text.s[0] == ' ' ? 1 : 0,
                    (*spans)->text.n);
}

static void code_text(struct sheet *sheet, const struct unit *u, struct text *text) {
    float advance = 0.6f * u->size;
    const struct word *w = u->lines[0]->words[0];
    if (utf8_length(w->text) > 2) advance = rect_width(w->bbox) / (float)utf8_length(w->text);
    for (size_t i = 0; i < u->n_lines; i++) {
        struct line *l = u->lines[i];
        if (i) {
            text_break(text);
            float blank = (l->baseline - u->lines[i - 1]->baseline) / (1.9f * u->size);
            for (int k = 1; k < (int)blank && k < 3; k++) text_break(text);
        }
        long indent = lroundf((l->bbox.x0 - u->bbox.x0) / advance);
        for (long k = 0; k < indent && k < 80; k++) buf_putc(&text->open, ' ');
        text_put_line(text, sheet->content, l, false);
    }
}

static void finish_unit(struct sheet *sheet, struct unit *u) {
    struct arena *arena = sheet->arena;
    const struct page_info *info = &sheet->content->info;
    if (u->n_lines == 1 && u->lines[0]->solid) {
        u->block = u->lines[0]->solid;
        return;
    }
    struct block *b = ARENA_NEW(arena, struct block);
    struct text text;
    text_open(&text, arena, sheet->lexicon);
    b->kind = u->mono && u->n_lines >= 2 ? BLOCK_CODE : BLOCK_PARAGRAPH;
    if (b->kind == BLOCK_CODE)
        code_text(sheet, u, &text);
    else
        for (size_t i = 0; i < u->n_lines; i++)
            text_put_line(&text, sheet->content, u->lines[i], sheet->rtl);
    b->spans = text_close(&text);
    struct str plain = spans_text(b->spans, arena);
    if (b->kind == BLOCK_PARAGRAPH) {
        struct list_mark mark;
        size_t label = list_mark_parse(plain, &mark);
        if (label) {
            b->kind = BLOCK_LIST_ITEM;
            b->mark = mark;
            cut_front(&b->spans, label);
        } else if (text_is_caption(plain)) {
            b->kind = BLOCK_CAPTION;
        }
    }
    b->rtl = sheet->rtl || text_direction(plain) < 0;
    b->engine = info->engine;
    b->confidence = info->engine == ENGINE_TEXT ? 1 : confidence_of(u);
    b->places = ARENA_NEW(arena, struct place);
    b->places[0] = (struct place){info->number, sheet_back(sheet, u->bbox)};
    b->n_places = 1;
    u->block = b;
}

/* Left and right edge of running text around line i: short lines and indents must not count. */
static void column_edges(const struct flow *flow, size_t i, float *left, float *right) {
    *left = 1e9f;
    *right = -1e9f;
    size_t from = i > 12 ? i - 12 : 0, to = i + 12 < flow->n ? i + 12 : flow->n;
    for (size_t k = from; k < to; k++) {
        if (flow->lines[k]->solid) continue;
        *left = fminf(*left, flow->lines[k]->bbox.x0);
        *right = fmaxf(*right, flow->lines[k]->bbox.x1);
    }
}

static void build_flow(struct builder *b, struct flow *flow) {
    struct sheet *sheet = b->sheet;
    join_rows(sheet, flow);
    struct state s = {.flow = flow};
    for (size_t i = 0; i < flow->n; i++) {
        struct line *c = flow->lines[i];
        s.i = i;
        if (!c->solid) column_edges(flow, i, &s.left, &s.right);
        bool begins = i == 0 || begins_block(sheet, &s, flow->lines[i - 1], c);
        if (begins) {
            if (i > s.start) add_unit(b, flow, s.start, i);
            s.start = i;
            struct list_mark mark;
            s.in_item = !c->solid && starts_item(sheet, c, &mark);
            s.text_left = s.in_item && c->n_words > 1 ? c->words[1]->bbox.x0 : c->bbox.x0;
        }
    }
    if (flow->n > s.start) add_unit(b, flow, s.start, flow->n);
}

static void measure_gaps(struct unit *first) {
    struct unit *previous = NULL;
    for (struct unit *u = first; u; previous = u, u = u->next) {
        u->gap_above = 1e6f;
        u->gap_below = 1e6f;
        if (!previous || previous->flow != u->flow) continue;
        u->gap_above = previous->gap_below = u->bbox.y0 - previous->bbox.y1;
    }
    for (struct unit *u = first; u; u = u->next) {
        if (u->lines[u->n_lines - 1]->solid) continue;
        u->full_end = u->flow->x1 - u->lines[u->n_lines - 1]->bbox.x1 < 2 * u->size;
    }
}

/* Depth of list items from where their marks stand: items of one run, nested by their left edge. */
static void nest_items(const struct sheet *sheet, struct unit *first) {
    enum { MAX_DEPTH = 6 };
    float lefts[MAX_DEPTH];
    int depth = 0;
    for (struct unit *u = first; u; u = u->next) {
        if (!u->block || u->block->kind != BLOCK_LIST_ITEM) {
            if (u->block && u->block->kind != BLOCK_PARAGRAPH) depth = 0;
            if (u->block && u->block->kind == BLOCK_PARAGRAPH && depth &&
                u->bbox.x0 < lefts[0] + 0.5f * sheet->body)
                depth = 0;
            continue;
        }
        float left = u->lines[0]->bbox.x0;
        if (depth && u->flow->x0 > lefts[0] + 8 * sheet->body) depth = 0; // another column
        while (depth > 0 && left < lefts[depth - 1] - 0.5f * sheet->body) depth--;
        if (depth == 0 || (left > lefts[depth - 1] + 0.8f * sheet->body && depth < MAX_DEPTH))
            lefts[depth++] = left;
        u->block->level = depth - 1;
    }
}

struct unit *units_from_flows(struct sheet *sheet, struct flow *flows) {
    struct builder b = {.sheet = sheet};
    b.tail = &b.first;
    for (struct flow *f = flows; f; f = f->next) build_flow(&b, f);
    for (struct unit *u = b.first; u; u = u->next) finish_unit(sheet, u);
    measure_gaps(b.first);
    nest_items(sheet, b.first);
    return b.first;
}
