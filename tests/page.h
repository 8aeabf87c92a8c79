/*
 * tests/page.h - pages made by hand, and what the analysis makes of them, as text.
 *
 *   struct page p = page_begin(612, 792);
 *   page_text(&p, 72, 100, 10, 0, "some words");      x, baseline, size, style flags
 *   page_rule(&p, 72, 110, 300, 110);
 *   struct str got = page_analyse(&p);                "P some words\n"
 *
 * Letters are half as wide as they are high; CJK ones are square.
 */
#ifndef TESTS_PAGE_H
#define TESTS_PAGE_H

#include "layout/analysis.h"
#include "layout/chart.h"
#include "layout/script.h"
#include "util/arena.h"
#include "util/buf.h"

struct page {
    struct arena *arena;
    struct content *content;
    size_t cap_words, cap_rules, cap_fills, cap_pictures, cap_styles;
};

static inline struct page page_begin(float width, float height) {
    struct page p = {.arena = arena_new()};
    p.content = ARENA_NEW(p.arena, struct content);
    p.content->info = (struct page_info){
        .number = 1, .width = width, .height = height, .engine = ENGINE_TEXT, .confidence = 1};
    return p;
}

static inline void page_end(struct page *p) {
    arena_free(p->arena);
}

static inline int page_style(struct page *p, unsigned flags) {
    struct content *c = p->content;
    for (size_t i = 0; i < c->n_styles; i++)
        if (c->styles[i].flags == flags) return (int)i;
    c->styles = arena_grow(p->arena, c->styles, c->n_styles, &p->cap_styles, sizeof *c->styles);
    c->styles[c->n_styles] = (struct style){.font = STR("Test"), .flags = flags};
    return (int)c->n_styles++;
}

static inline float page_advance(struct str text, float size) {
    float width = 0;
    for (uint32_t c; utf8_next(&text, &c);) width += char_is_ideograph(c) ? size : 0.5f * size;
    return width;
}

static inline void page_text(struct page *p, float x, float baseline, float size, unsigned flags,
                             const char *text) {
    struct content *c = p->content;
    int style = page_style(p, flags);
    for (struct str rest = arena_str(p->arena, str_from(text)); rest.n;) {
        size_t end = str_find(rest, STR(" "));
        struct str word = str_sub(rest, 0, end);
        float width = page_advance(word, size);
        if (word.n) {
            c->words = arena_grow(p->arena, c->words, c->n_words, &p->cap_words, sizeof *c->words);
            c->words[c->n_words++] = (struct word){
                .text = word,
                .bbox = {x, baseline - 0.75f * size, x + width, baseline + 0.22f * size},
                .baseline = baseline,
                .size = size,
                .style = style,
                .flags = WORD_SPACE_BEFORE | (text_direction(word) < 0 ? WORD_RTL : 0u),
                .confidence = 1};
        }
        x += width + 0.25f * size;
        rest = str_sub(rest, end + 1, rest.n);
    }
}

/* Several lines, one below the other, `pitch` apart; '\n' parts them. */
static inline void page_lines(struct page *p, float x, float baseline, float size, float pitch,
                              const char *text) {
    struct str rest = str_from(text);
    while (rest.n) {
        size_t end = str_find(rest, STR("\n"));
        struct str line = arena_str(p->arena, str_sub(rest, 0, end));
        page_text(p, x, baseline, size, 0, line.s);
        baseline += pitch;
        rest = str_sub(rest, end + 1, rest.n);
    }
}

static inline void page_rule(struct page *p, float x0, float y0, float x1, float y1) {
    struct content *c = p->content;
    c->rules = arena_grow(p->arena, c->rules, c->n_rules, &p->cap_rules, sizeof *c->rules);
    c->rules[c->n_rules++] = (struct rule){x0, y0, x1, y1, 0.5f, 0};
}

static inline void page_fill(struct page *p, float x0, float y0, float x1, float y1) {
    struct content *c = p->content;
    c->fills = arena_grow(p->arena, c->fills, c->n_fills, &p->cap_fills, sizeof *c->fills);
    c->fills[c->n_fills++] = (struct fill){{x0, y0, x1, y1}, 0xdddddd, true};
}

static inline void page_picture(struct page *p, float x0, float y0, float x1, float y1) {
    struct content *c = p->content;
    c->pictures =
        arena_grow(p->arena, c->pictures, c->n_pictures, &p->cap_pictures, sizeof *c->pictures);
    c->pictures[c->n_pictures++] =
        (struct picture){.bbox = {x0, y0, x1, y1}, .alt = STR("picture")};
}

/* ---- blocks as text ---- */

static inline void page_put_spans(struct buf *out, const struct span *s) {
    for (; s; s = s->next) {
        if (s->flags & SPAN_SUPER) buf_putc(out, '^');
        if (s->flags & SPAN_SUB) buf_putc(out, '_');
        buf_put(out, s->text);
    }
}

static inline enum status page_dump(void *context, const struct block *b, struct error *err) {
    (void)err;
    struct buf *out = context;
    static const char *const letters[N_BLOCK_KINDS] = {"P", "H", "L", "T", "F", "C",
                                                       "K", "Q", "M", "N", "R"};
    buf_puts(out, letters[b->kind]);
    if (b->kind == BLOCK_HEADING || b->kind == BLOCK_LIST_ITEM) buf_printf(out, "%d", b->level);
    if (b->n_places > 1)
        buf_printf(out, "@%d-%d", b->places[0].page, b->places[b->n_places - 1].page);
    if (b->mark.label.n) buf_printf(out, " [%.*s]", STR_ARG(b->mark.label));
    if (b->table) {
        buf_printf(out, " %dx%d h%d\n", b->table->n_rows, b->table->n_cols,
                   b->table->n_header_rows);
        for (size_t i = 0; i < b->table->n_cells; i++) {
            const struct cell *c = &b->table->cells[i];
            buf_puts(out, c->col == 0 ? "  " : " | ");
            page_put_spans(out, c->spans);
            if (c->row_span > 1 || c->col_span > 1)
                buf_printf(out, "{%dx%d}", c->row_span, c->col_span);
            bool last = i + 1 == b->table->n_cells || b->table->cells[i + 1].row != c->row;
            if (last) buf_putc(out, '\n');
        }
        return STATUS_OK;
    }
    if (b->spans) buf_putc(out, ' ');
    page_put_spans(out, b->spans);
    buf_putc(out, '\n');
    return STATUS_OK;
}

/* Analyses n pages as one document. The result lives in pages[0]'s arena. */
static inline struct str pages_analyse(struct page *pages, size_t n) {
    struct buf out;
    buf_open(&out, 0);
    struct block_sink sink = {page_dump, &out};
    struct error err = {0};
    struct analysis *a = analysis_new(NULL, 0);
    for (size_t i = 0; i < n; i++) {
        charts_find(pages[i].content, pages[i].arena); // as the reader does
        pages[i].content->info.number = (int)i + 1;
        analysis_survey(a, pages[i].content);
    }
    analysis_plan(a);
    for (size_t i = 0; i < n; i++) analysis_page(a, pages[i].content, &sink, &err);
    analysis_end(a, &sink, &err);
    analysis_free(a);
    struct str result = arena_str(pages[0].arena, buf_str(&out));
    buf_close(&out);
    return result;
}

static inline struct str page_analyse(struct page *p) {
    return pages_analyse(p, 1);
}

#endif
