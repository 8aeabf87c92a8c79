/*
 * layout/analysis.c - see analysis.h: the order of work on a page, and what passes from one page to
 * the next.
 *
 *   sheet --> furniture aside --> tables --> figures --> columns and order --> units --> headings
 *         --> blocks, held back one page so that a paragraph can go on overleaf
 */
#include "layout/analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/headings.h"
#include "layout/script.h"
#include "layout/survey.h"
#include "layout/table.h"
#include "util/arena.h"
#include "util/mem.h"

struct analysis {
    struct survey *survey;
    struct outline *outline;
    struct levels levels;
    struct arena *arena[2]; // of this page and the one before, whose blocks are held
    int turn;
    struct block *held; // of the page before, not yet given out
    struct block *open; // among held: the text that may go on on the next page
    float open_size;
    bool open_full; // its last line reaches the right edge
};

struct analysis *analysis_new(const struct outline_entry *outline, size_t n_outline) {
    struct analysis *a = mem_alloc(sizeof *a);
    a->survey = survey_new();
    a->outline = outline_new(outline, n_outline);
    a->arena[0] = arena_new();
    a->arena[1] = arena_new();
    return a;
}

void analysis_free(struct analysis *a) {
    if (!a) return;
    survey_free(a->survey);
    outline_free(a->outline);
    arena_free(a->arena[0]);
    arena_free(a->arena[1]);
    mem_free(a);
}

void analysis_survey(struct analysis *a, const struct content *content) {
    struct sheet *sheet = sheet_new(a->arena[0], content, 0);
    survey_add(a->survey, sheet);
    arena_reset(a->arena[0]);
}

void analysis_plan(struct analysis *a) {
    survey_finish(a->survey);
}

struct str analysis_title(const struct analysis *a) {
    return survey_title(a->survey);
}

/* ---- parts of a page ---- */

static struct block *block_new(const struct sheet *sheet, enum block_kind kind, struct rect box) {
    struct block *b = ARENA_NEW(sheet->arena, struct block);
    b->kind = kind;
    b->engine = sheet->content->info.engine;
    b->confidence = 1;
    b->rtl = sheet->rtl;
    b->places = ARENA_NEW(sheet->arena, struct place);
    b->places[0] = (struct place){sheet->content->info.number, sheet_back(sheet, box)};
    b->n_places = 1;
    return b;
}

static struct line *solid_line(const struct sheet *sheet, struct block *block, struct rect box) {
    struct line *l = ARENA_NEW(sheet->arena, struct line);
    l->solid = block;
    l->bbox = box;
    l->baseline = box.y1;
    l->size = sheet->body;
    return l;
}

static float line_confidence(const struct line *l) {
    float sum = 0;
    for (size_t i = 0; i < l->n_words; i++) sum += l->words[i]->confidence;
    return l->n_words ? sum / (float)l->n_words : 1;
}

static struct block *line_block(struct sheet *sheet, struct line *l, enum block_kind kind) {
    struct block *b = block_new(sheet, kind, l->bbox);
    struct text text;
    text_open(&text, sheet->arena, sheet->lexicon);
    text_put_line(&text, sheet->content, l, sheet->rtl);
    b->spans = text_close(&text);
    if (b->engine != ENGINE_TEXT) b->confidence = line_confidence(l);
    return b;
}

/* Sets running heads, feet and page numbers aside. heads and feet are lists in reading order. */
static void take_furniture(struct analysis *a, struct sheet *sheet, struct block **heads,
                           struct block **feet) {
    size_t n;
    struct line **lines =
        lines_from_words(sheet->arena, sheet->content, sheet->words, sheet->n_words, 1.0f, &n);
    int *kinds = ARENA_ARRAY(sheet->arena, n + 1, int);
    survey_furniture(a->survey, sheet, lines, n, kinds);
    for (size_t i = 0; i < n; i++) {
        if (kinds[i] < 0) continue;
        struct block *b = line_block(sheet, lines[i], BLOCK_FURNITURE);
        b->furniture = (enum furniture_kind)kinds[i];
        words_take(lines[i]->words, lines[i]->n_words);
        struct block **list = lines[i]->baseline < sheet->height / 2 ? heads : feet;
        while (*list) list = &(*list)->next;
        *list = b;
    }
    // superscript flags were set while lines were made; the lines proper are made anew
}

/* The words inside a picture, as text in its own reading order. */
static struct span *picture_text(struct sheet *sheet, struct rect box) {
    struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, struct word *);
    size_t n = (size_t)words_in(sheet, box, (const struct word **)words);
    if (n == 0) return NULL;
    size_t n_lines;
    struct line **lines = lines_from_words(sheet->arena, sheet->content, words, n, 1.0f, &n_lines);
    struct text text;
    text_open(&text, sheet->arena, sheet->lexicon);
    for (struct flow *f = order_find(sheet, lines, n_lines); f; f = f->next)
        for (size_t i = 0; i < f->n; i++)
            text_put_line(&text, sheet->content, f->lines[i], sheet->rtl);
    words_take((const struct word *const *)words, n);
    return text_close(&text);
}

/* Running text over a picture: a coloured panel, not a chart. */
static bool holds_prose(struct sheet *sheet, struct rect box) {
    struct word **words = ARENA_ARRAY(sheet->arena, sheet->n_words + 1, struct word *);
    size_t n = (size_t)words_in(sheet, box, (const struct word **)words);
    if (n < 12) return false;
    size_t n_lines, prose = 0, in_prose = 0;
    struct line **lines = lines_from_words(sheet->arena, sheet->content, words, n, 1.0f, &n_lines);
    for (size_t i = 0; i < n_lines; i++)
        if (lines[i]->n_words >= 5) prose++, in_prose += lines[i]->n_words;
    return prose >= 2 && in_prose * 2 > n;
}

static struct line **add_pictures(struct sheet *sheet, struct line **solids, size_t *n,
                                  size_t *cap) {
    const struct content *c = sheet->content;
    int count = 0;
    for (size_t i = 0; i < c->n_pictures; i++) {
        const struct picture *p = &c->pictures[i];
        bool page_wide = rect_area(p->bbox) > 0.6f * sheet->width * sheet->height;
        if (page_wide && words_in(sheet, p->bbox, NULL) > 10) continue;
        bool table = false;
        for (size_t k = 0; k < *n && !table; k++)
            table =
                rect_area(rect_intersection(solids[k]->bbox, p->bbox)) > 0.5f * rect_area(p->bbox);
        if (table && p->vector) continue;
        bool panel = holds_prose(sheet, p->bbox);
        if (panel && p->vector) continue;
        struct block *b = block_new(sheet, BLOCK_FIGURE, p->bbox);
        b->figure = ARENA_NEW(sheet->arena, struct figure);
        // copies: blocks are held until the next page is done, the record is not
        *b->figure = (struct figure){.png = arena_str(sheet->arena, p->png),
                                     .width_px = p->width_px,
                                     .height_px = p->height_px,
                                     .alt = arena_str(sheet->arena, p->alt)};
        count++;
        if (p->png.n)
            b->figure->name = arena_printf(sheet->arena, "p%d-%d.png", c->info.number, count);
        struct rect box = p->bbox;
        if (panel)
            box.y1 = box.y0 + 0.5f;
        else
            b->spans = picture_text(sheet, box);
        if (!p->png.n && !b->spans && !p->alt.n) continue; // nothing to show
        solids = arena_grow(sheet->arena, solids, *n, cap, sizeof *solids);
        solids[(*n)++] = solid_line(sheet, b, box);
    }
    return solids;
}

static struct line **add_tables(struct sheet *sheet, struct line **solids, size_t *n, size_t *cap) {
    for (struct raw_table *t = tables_find(sheet); t; t = t->next) {
        solids = arena_grow(sheet->arena, solids, *n, cap, sizeof *solids);
        solids[(*n)++] = solid_line(sheet, table_block(sheet, t), t->bbox);
    }
    return solids;
}

/* Text that runs another way than the page's: one paragraph a direction, after the rest. */
static struct block *turned_text(struct sheet *sheet) {
    struct block *first = NULL, **tail = &first;
    for (int angle = 90; angle < 360; angle += 90) {
        struct text text;
        text_open(&text, sheet->arena, sheet->lexicon);
        struct rect box = {0};
        bool any = false;
        for (size_t i = 0; i < sheet->n_others; i++) {
            const struct word *w = sheet->others[i];
            if (w->angle != angle || (w->flags & WORD_TAKEN)) continue;
            const struct word *one = w;
            struct line l = {.words = &one, .n_words = 1};
            text_put_line(&text, sheet->content, &l, sheet->rtl);
            box = any ? rect_union(box, w->bbox) : w->bbox;
            any = true;
        }
        struct span *spans = text_close(&text);
        if (!any) continue;
        struct block *b = block_new(sheet, BLOCK_PARAGRAPH, box);
        b->spans = spans;
        *tail = b;
        tail = &b->next;
    }
    return first;
}

/* ---- a page ---- */

struct page_blocks {
    struct block *first;
    struct block *first_text, *last_text; // where a paragraph may have begun before, or may go on
    float first_size, last_size;
    bool last_full;
};

/* A page that could not be read leaves a gap that nobody can overlook. */
static struct block *gap_block(const struct sheet *sheet) {
    const struct page_info *info = &sheet->content->info;
    struct block *b =
        block_new(sheet, BLOCK_PARAGRAPH, (struct rect){0, 0, sheet->width, sheet->height});
    b->confidence = 0;
    b->spans = ARENA_NEW(sheet->arena, struct span);
    b->spans->flags = SPAN_ITALIC;
    b->spans->text = arena_printf(sheet->arena, "[Page %d could not be read: %.*s]", info->number,
                                  STR_ARG(info->message));
    return b;
}

static struct page_blocks page_blocks(struct analysis *a, const struct content *content,
                                      struct arena *arena) {
    struct page_blocks out = {0};
    struct sheet *sheet = sheet_new(arena, content, survey_body(a->survey));
    sheet->lexicon = survey_lexicon(a->survey);
    if (content->info.state == PAGE_FAILED) {
        out.first = gap_block(sheet);
        return out;
    }
    struct block *heads = NULL, *feet = NULL, **tail = &out.first;
    take_furniture(a, sheet, &heads, &feet);
    size_t n_solids = 0, cap = 0, n_lines;
    struct line **solids = add_tables(sheet, NULL, &n_solids, &cap);
    solids = add_pictures(sheet, solids, &n_solids, &cap);
    struct word **left = ARENA_ARRAY(arena, sheet->n_words + 1, struct word *);
    struct rect all = {-1e6f, -1e6f, 1e6f, 1e6f};
    size_t n = (size_t)words_in(sheet, all, (const struct word **)left);
    struct line **lines = lines_from_words(arena, sheet->content, left, n, 0.9f, &n_lines);
    struct line **items = ARENA_ARRAY(arena, n_lines + n_solids + 1, struct line *);
    memcpy(items, lines, n_lines * sizeof *items);
    if (n_solids) memcpy(items + n_lines, solids, n_solids * sizeof *items);
    struct unit *units = units_from_flows(sheet, order_find(sheet, items, n_lines + n_solids));
    headings_decide(sheet, a->survey, a->outline, units, &a->levels);

    for (*tail = heads; *tail; tail = &(*tail)->next) {
    }
    for (const struct unit *u = units; u; u = u->next) {
        *tail = u->block;
        tail = &u->block->next;
        if (u->block->kind == BLOCK_FIGURE || u->block->kind == BLOCK_CAPTION) continue;
        bool text = u->block->kind == BLOCK_PARAGRAPH || u->block->kind == BLOCK_LIST_ITEM;
        if (!out.first_text) out.first_text = u->block, out.first_size = u->size;
        out.last_text = text ? u->block : NULL;
        out.last_size = u->size;
        out.last_full = u->full_end;
    }
    *tail = turned_text(sheet);
    while (*tail) tail = &(*tail)->next;
    *tail = feet;
    return out;
}

/* ---- from page to page ---- */

static uint32_t last_letter(const struct block *b) {
    uint32_t c = 0;
    for (const struct span *s = b->spans; s; s = s->next)
        if (s->text.n) c = str_last_char(s->text);
    return c;
}

static uint32_t first_letter(const struct block *b) {
    for (const struct span *s = b->spans; s; s = s->next)
        if (s->text.n) return str_first_char(s->text);
    return 0;
}

/* Does the text that ended the last page go on with b? */
static bool goes_on(const struct analysis *a, const struct page_blocks *page) {
    const struct block *b = page->first_text;
    if (!a->open || !b || b->kind != BLOCK_PARAGRAPH || b->rtl != a->open->rtl) return false;
    if (fabsf(page->first_size - a->open_size) > 0.06f * a->open_size) return false;
    uint32_t end = last_letter(a->open), start = first_letter(b);
    if (char_is_lower(start)) return end != '.' && end != '!' && end != '?';
    if (end == '-' || end == 0xad) return char_is_letter(start);
    bool terminated = end == '.' || end == '!' || end == '?' || end == ':' || end == ';' ||
                      end == 0x3002 || end == '"' || end == 0x201d;
    return a->open_full && !terminated &&
           (char_is_letter(start) || char_is_digit(start) || start == '(');
}

static struct span *copy_spans(struct arena *arena, const struct span *from, struct span **last) {
    struct span *first = NULL, **tail = &first;
    for (; from; from = from->next) {
        struct span *s = ARENA_NEW(arena, struct span);
        *s = *from;
        s->text = arena_str(arena, from->text);
        s->link = arena_str(arena, from->link);
        s->next = NULL;
        *tail = s;
        tail = &s->next;
        *last = s;
    }
    return first;
}

/* The open block with the text of b behind it, all in the new page's arena; b keeps its place in the
 * list of its page by becoming the joined block. */
static void join_text(struct arena *arena, const struct block *open, struct block *b) {
    struct span *last = NULL;
    struct span *spans = copy_spans(arena, open->spans, &last);
    if (last && b->spans) {
        uint32_t end = str_last_char(last->text), start = str_first_char(b->spans->text);
        bool hyphen = end == 0xad || (end == '-' && char_is_lower(start));
        bool bare = hyphen || (char_joins_without_space(end) && char_joins_without_space(start));
        struct str kept = last->text;
        if (hyphen) kept.n -= end == '-' ? 1 : 2;
        if (last->flags == b->spans->flags && str_eq(last->link, b->spans->link)) {
            last->text = arena_printf(arena, "%.*s%s%.*s", STR_ARG(kept), bare ? "" : " ",
                                      STR_ARG(b->spans->text));
            last->next = b->spans->next;
        } else {
            last->text = arena_printf(arena, "%.*s%s", STR_ARG(kept), bare ? "" : " ");
            last->next = b->spans;
        }
    }
    struct place *places = ARENA_ARRAY(arena, open->n_places + b->n_places, struct place);
    memcpy(places, open->places, open->n_places * sizeof *places);
    memcpy(places + open->n_places, b->places, b->n_places * sizeof *places);
    b->kind = open->kind;
    b->level = open->level;
    b->mark = open->mark;
    b->mark.label = arena_str(arena, open->mark.label);
    b->spans = spans;
    b->places = places;
    b->n_places += open->n_places;
    if (open->confidence < b->confidence) b->confidence = open->confidence;
}

static enum status give(const struct block *first, const struct block *except,
                        const struct block_sink *sink, struct error *err) {
    for (const struct block *b = first; b; b = b->next)
        if (b != except) TRY(sink->block(sink->context, b, err));
    return STATUS_OK;
}

enum status analysis_page(struct analysis *a, const struct content *content,
                          const struct block_sink *sink, struct error *err) {
    struct arena *arena = a->arena[a->turn];
    struct page_blocks page = page_blocks(a, content, arena);
    const struct block *gone = NULL;
    if (goes_on(a, &page)) {
        join_text(arena, a->open, page.first_text);
        gone = a->open;
    }
    enum status status = give(a->held, gone, sink, err);
    a->turn = !a->turn;
    arena_reset(a->arena[a->turn]);
    a->held = page.first;
    a->open = page.last_text;
    a->open_size = page.last_size;
    a->open_full = page.last_full;
    return status;
}

enum status analysis_end(struct analysis *a, const struct block_sink *sink, struct error *err) {
    enum status status = give(a->held, NULL, sink, err);
    a->held = a->open = NULL;
    return status;
}
