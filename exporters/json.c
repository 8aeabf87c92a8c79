/*
 * exporters/json.c - the whole document as JSON; docs/json.md describes it, document_json.c reads it.
 *
 * One page and one block a line, keys always in the same order, so that the files can be compared
 * and searched line by line. Optional keys are left out when they would say nothing.
 */
#include "exporters/exporter.h"

#include "exporters/json_text.h"
#include "exporters/parts.h"
#include "util/arena.h"
#include "util/mem.h"

struct export {
    struct buf out;
    struct json json;
    struct arena *arena; // of one block
};

static void put_str(struct json *j, const char *key, struct str value) {
    json_key(j, key);
    json_str(j, value);
}

static void put_str_if(struct json *j, const char *key, struct str value) {
    if (value.n) put_str(j, key, value);
}

static void put_int(struct json *j, const char *key, int value) {
    json_key(j, key);
    json_int(j, value);
}

static void put_pt(struct json *j, float value) {
    json_number(j, (double)hundredths(value) / 100, 2);
}

static void put_confidence(struct json *j, float value) {
    json_key(j, "confidence");
    json_number(j, (double)clamped_confidence(value), 3);
}

/* ---- pages ---- */

static void put_page(struct json *j, const struct page_info *page) {
    json_line(j);
    json_open(j, '{');
    put_int(j, "number", page->number);
    put_str_if(j, "label", page->label);
    json_key(j, "width");
    put_pt(j, page->width);
    json_key(j, "height");
    put_pt(j, page->height);
    put_int(j, "rotation", page->rotation);
    json_key(j, "skew");
    put_pt(j, page->skew_deg);
    put_str(j, "engine", str_from(engine_names[page->engine]));
    put_str(j, "reason", page->reason);
    put_str(j, "state", str_from(page_state_names[page->state]));
    put_str_if(j, "message", page->message);
    put_confidence(j, page->confidence);
    put_str_if(j, "language", page->language);
    json_close(j, '}');
}

static void put_metadata(struct json *j, const struct document *d) {
    json_key(j, "metadata");
    json_open(j, '{');
    put_str_if(j, "title", d->title);
    put_str_if(j, "author", d->author);
    put_str_if(j, "subject", d->subject);
    put_str_if(j, "keywords", d->keywords);
    put_str_if(j, "language", d->language);
    put_str_if(j, "created", d->created);
    json_close(j, '}');
}

static void put_document(struct json *j, const struct document *d, struct str figures_dir) {
    json_open(j, '{');
    put_str(j, "format", STR("docmill-document"));
    put_int(j, "version", 1);
    json_line(j);
    put_str(j, "source", d->source);
    json_line(j);
    put_metadata(j, d);
    json_line(j);
    put_int(j, "n_pages", d->n_pages);
    put_str_if(j, "figures_dir", figures_dir);
    json_line(j);
    json_key(j, "pages");
    json_open(j, '[');
    for (size_t i = 0; i < d->n_page_infos; i++) put_page(j, d->pages + i);
    json_line(j);
    json_close(j, ']');
    json_line(j);
    json_key(j, "blocks");
    json_open(j, '[');
}

/* ---- blocks ---- */

static void put_place_keys(struct json *j, const struct place *place) {
    put_int(j, "page", place->page);
    json_key(j, "bbox");
    json_open(j, '[');
    put_pt(j, place->bbox.x0);
    put_pt(j, place->bbox.y0);
    put_pt(j, place->bbox.x1);
    put_pt(j, place->bbox.y1);
    json_close(j, ']');
}

static void put_places(struct json *j, const struct block *block) {
    json_key(j, "places");
    json_open(j, '[');
    for (size_t i = 0; i < block->n_places; i++) {
        json_open(j, '{');
        put_place_keys(j, block->places + i);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_span(struct json *j, const struct span *span) {
    static const char *const names[] = {"bold", "italic", "mono", "super", "sub"};
    json_open(j, '{');
    put_str(j, "text", span->text);
    if (span->flags) {
        json_key(j, "style");
        json_open(j, '[');
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            if (span->flags & 1u << i) json_str(j, str_from(names[i]));
        json_close(j, ']');
    }
    put_str_if(j, "link", span->link);
    json_close(j, '}');
}

/* The text, and the spans when they say more than it. */
static void put_spans(struct json *j, const struct span *spans, struct arena *arena) {
    put_str(j, "text", spans_text(spans, arena));
    if (!spans || (!spans->next && !spans->flags && !spans->link.n)) return;
    json_key(j, "spans");
    json_open(j, '[');
    for (const struct span *s = spans; s; s = s->next) put_span(j, s);
    json_close(j, ']');
}

static void put_cell(struct json *j, const struct cell *cell, struct arena *arena) {
    json_open(j, '{');
    put_int(j, "row", cell->row);
    put_int(j, "col", cell->col);
    if (cell->row_span > 1) put_int(j, "row_span", cell->row_span);
    if (cell->col_span > 1) put_int(j, "col_span", cell->col_span);
    if (cell->header) {
        json_key(j, "header");
        json_true(j);
    }
    put_spans(j, cell->spans, arena);
    put_place_keys(j, &cell->place);
    json_close(j, '}');
}

static void put_table(struct json *j, const struct table *table, struct arena *arena) {
    json_key(j, "table");
    json_open(j, '{');
    put_int(j, "n_rows", table->n_rows);
    put_int(j, "n_cols", table->n_cols);
    put_int(j, "n_header_rows", table->n_header_rows);
    json_key(j, "cells");
    json_open(j, '[');
    for (size_t i = 0; i < table->n_cells; i++) put_cell(j, table->cells + i, arena);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_figure(struct json *j, const struct figure *figure) {
    json_key(j, "figure");
    json_open(j, '{');
    put_str_if(j, "file", figure->name);
    put_int(j, "width_px", figure->width_px);
    put_int(j, "height_px", figure->height_px);
    put_str_if(j, "alt", figure->alt);
    json_close(j, '}');
}

static void put_mark(struct json *j, const struct list_mark *mark) {
    json_key(j, "mark");
    json_open(j, '{');
    put_str_if(j, "label", mark->label);
    put_str(j, "style", str_from(number_style_names[mark->style]));
    if (mark->style != NUMBER_NONE) put_int(j, "number", mark->number);
    if (mark->check != CHECK_NONE) put_str(j, "check", str_from(check_box_names[mark->check]));
    json_close(j, '}');
}

static int block_level(const struct block *block) {
    int min = block->kind == BLOCK_HEADING, max = block->kind == BLOCK_HEADING ? 6 : 100;
    return block->level < min ? min : block->level > max ? max : block->level;
}

static void put_block(struct json *j, const struct block *block, struct arena *arena) {
    static const struct figure none;
    enum block_kind kind = block->kind;
    if (kind == BLOCK_TABLE && (!block->table || !block->table->n_cells)) return;
    json_line(j);
    json_open(j, '{');
    put_str(j, "kind", str_from(block_kind_names[kind]));
    if (kind == BLOCK_HEADING || kind == BLOCK_LIST_ITEM || kind == BLOCK_QUOTE)
        put_int(j, "level", block_level(block));
    if (kind == BLOCK_FURNITURE)
        put_str(j, "furniture", str_from(furniture_names[block->furniture]));
    if (kind == BLOCK_LIST_ITEM) put_mark(j, &block->mark);
    if (kind == BLOCK_FOOTNOTE) put_str_if(j, "label", block->mark.label);
    if (kind != BLOCK_TABLE) put_spans(j, block->spans, arena);
    if (kind == BLOCK_TABLE) put_table(j, block->table, arena);
    if (kind == BLOCK_FIGURE || (kind == BLOCK_FORMULA && block->figure))
        put_figure(j, block->figure ? block->figure : &none);
    if (block->rtl) {
        json_key(j, "rtl");
        json_true(j);
    }
    put_places(j, block);
    put_str(j, "engine", str_from(engine_names[block->engine]));
    put_confidence(j, block->confidence);
    json_close(j, '}');
}

/* ---- the writer ---- */

static enum status json_start(const struct document *document, const struct export_options *options,
                              int fd, int scratch_fd, struct export **out, struct error *err) {
    (void)scratch_fd;
    (void)err;
    struct export *e = mem_alloc(sizeof *e);
    buf_open_fd(&e->out, fd, 0);
    e->json.out = &e->out;
    e->arena = arena_new();
    put_document(&e->json, document, options->figures_dir);
    *out = e;
    return STATUS_OK;
}

static enum status check(const struct export *e, struct error *err) {
    if (e->out.status == STATUS_OK) return STATUS_OK;
    return fail(err, e->out.status, "cannot write the JSON: no space left or write refused");
}

static enum status json_block(struct export *e, const struct block *block, struct error *err) {
    put_block(&e->json, block, e->arena);
    arena_reset(e->arena);
    return check(e, err);
}

static enum status json_end(struct export *e, struct error *err) {
    json_line(&e->json);
    json_close(&e->json, ']');
    json_close(&e->json, '}');
    buf_putc(&e->out, '\n');
    buf_flush(&e->out);
    enum status status = check(e, err);
    buf_close(&e->out);
    arena_free(e->arena);
    mem_free(e);
    return status;
}

const struct exporter exporter_json = {
    .name = "json",
    .extension = ".json",
    .media_type = "application/json",
    .open = json_start,
    .block = json_block,
    .close = json_end,
};
