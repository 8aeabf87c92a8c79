/* layout/table.c - see table.h. */
#include "layout/table.h"

#include <stdlib.h>
#include <string.h>

#include "layout/line.h"
#include "layout/script.h"
#include "util/arena.h"

bool text_is_number(struct str text) {
    int digits = 0, letters = 0, n = 0;
    bool dash = false;
    for (uint32_t c; utf8_next(&text, &c); n++) {
        if (char_is_digit(c))
            digits++;
        else if (char_is_letter(c))
            letters++;
        else if (c == '-' || c == 0x2013 || c == 0x2014 || c == 0x2212)
            dash = true;
    }
    return (digits > 0 && letters <= 1 && digits * 3 >= n - 3) || (n == 1 && dash);
}

int words_in(const struct sheet *sheet, struct rect r, const struct word **out) {
    int n = 0;
    for (size_t i = 0; i < sheet->n_words; i++) {
        const struct word *w = sheet->words[i];
        if (w->flags & WORD_TAKEN) continue;
        float x = (w->bbox.x0 + w->bbox.x1) / 2, y = w->baseline - 0.3f * w->size;
        if (x < r.x0 || x > r.x1 || y < r.y0 || y > r.y1) continue;
        if (out) out[n] = w;
        n++;
    }
    return n;
}

static int by_float(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float words_median_size(const struct word *const *words, size_t n, float fallback) {
    enum { SAMPLE = 301 };
    float sizes[SAMPLE];
    size_t step = n / SAMPLE + 1, k = 0;
    for (size_t i = 0; i < n && k < SAMPLE; i += step) sizes[k++] = words[i]->size;
    if (k == 0) return fallback;
    qsort(sizes, k, sizeof *sizes, by_float);
    return sizes[k / 2];
}

void words_take(const struct word *const *words, size_t n) {
    for (size_t i = 0; i < n; i++) ((struct word *)words[i])->flags |= WORD_TAKEN;
}

static struct raw_table *append(struct raw_table *list, struct raw_table *more) {
    if (!list) return more;
    struct raw_table *last = list;
    while (last->next) last = last->next;
    last->next = more;
    return list;
}

struct raw_table *tables_find(struct sheet *sheet) {
    struct raw_table *list = grids_find(sheet);
    list = append(list, ruled_rows_find(sheet));
    return append(list, aligned_find(sheet));
}

/* ---- to a block ---- */

static void cell_text(const struct sheet *sheet, const struct raw_cell *raw, struct cell *cell,
                      float *confidence) {
    struct arena *arena = sheet->arena;
    if (raw->n_words == 0) return;
    size_t n_lines;
    struct word **words = ARENA_ARRAY(arena, raw->n_words, struct word *);
    memcpy(words, raw->words, raw->n_words * sizeof *words);
    struct line **lines =
        lines_from_words(arena, sheet->content, words, raw->n_words, 1000, &n_lines);
    struct text text;
    text_open(&text, arena, sheet->lexicon);
    struct rect box = raw->words[0]->bbox;
    for (size_t i = 0; i < n_lines; i++) {
        text_put_line(&text, sheet->content, lines[i], sheet->rtl);
        box = rect_union(box, lines[i]->bbox);
    }
    for (size_t i = 0; i < raw->n_words; i++)
        if (raw->words[i]->confidence < *confidence) *confidence = raw->words[i]->confidence;
    cell->spans = text_close(&text);
    cell->place.bbox = sheet_back(sheet, box);
}

struct block *table_block(const struct sheet *sheet, const struct raw_table *raw) {
    struct arena *arena = sheet->arena;
    struct block *block = ARENA_NEW(arena, struct block);
    struct table *table = ARENA_NEW(arena, struct table);
    const struct page_info *info = &sheet->content->info;
    float confidence = 1;
    table->n_rows = raw->n_rows;
    table->n_cols = raw->n_cols;
    table->n_header_rows = raw->n_header_rows;
    table->n_cells = raw->n_cells;
    table->cells = ARENA_ARRAY(arena, raw->n_cells, struct cell);
    struct rect whole = sheet_back(sheet, raw->bbox);
    for (size_t i = 0; i < raw->n_cells; i++) {
        const struct raw_cell *r = &raw->cells[i];
        table->cells[i] = (struct cell){.row = r->row,
                                        .col = r->col,
                                        .row_span = r->row_span,
                                        .col_span = r->col_span,
                                        .header = r->header || r->row < raw->n_header_rows,
                                        .place = {info->number, whole}};
        cell_text(sheet, r, &table->cells[i], &confidence);
    }
    block->kind = BLOCK_TABLE;
    block->table = table;
    block->rtl = sheet->rtl;
    block->engine = info->engine;
    block->confidence = raw->confidence * (info->engine == ENGINE_TEXT ? 1 : confidence);
    block->places = ARENA_NEW(arena, struct place);
    block->places[0] = (struct place){info->number, whole};
    block->n_places = 1;
    return block;
}
