/*
 * exporters/document_json.c - see document_json.h. jansson's home.
 *
 *   bytes --> jansson's tree --> checked, key by key --> document, blocks
 *
 * Strict in the same way as docs/docmill.schema.json, and in what a schema cannot say: that cells
 * cover their grid, that a text is its spans. The path of what is being read is kept for messages.
 */
#include "exporters/document_json.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/arena.h"

enum { MAX_PAGE = 10000000, MAX_GRID = 1 << 24, MAX_ROWS = 1 << 20, MAX_COLS = 1 << 14 };

static const double max_pt = 1e6;

struct reader {
    struct arena *arena;   // of the result
    struct arena *scratch; // of one string or table
    struct error *err;
    char path[160]; // "blocks[3].table.cells[7]."
    size_t n_path;
};

/* ---- where we are ---- */

static size_t enter(struct reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a part on the path; returns what leave() needs to take it off. Nesting is fixed by our own
 * functions, so it always fits. */
static size_t enter(struct reader *r, const char *format, ...) {
    size_t before = r->n_path;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(r->path + before, sizeof r->path - before, format, args);
    va_end(args);
    if (n > 0) r->n_path += (size_t)n;
    if (r->n_path >= sizeof r->path) r->n_path = sizeof r->path - 1;
    return before;
}

static void leave(struct reader *r, size_t before) {
    r->n_path = before;
    r->path[before] = '\0';
}

static enum status wrong(struct reader *r, const char *key, const char *what) {
    return fail(r->err, STATUS_FORMAT, "%s%s: %s", r->path, key, what);
}

/* Complains about the object or array being read itself. */
static enum status wrong_here(struct reader *r, const char *what) {
    int n = (int)r->n_path;
    if (n && r->path[n - 1] == '.') n--;
    return fail(r->err, STATUS_FORMAT, "%.*s: %s", n, r->path, what);
}

/* ---- values ---- */

static enum status check_keys(struct reader *r, const json_t *object, const char *const *keys) {
    if (!json_is_object(object)) return wrong_here(r, "must be an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const char *const *k = keys;
        while (*k && strcmp(*k, key) != 0) k++;
        if (*k) continue;
        return fail(r->err, STATUS_FORMAT, "%s%.60s: unknown key", r->path, key);
    }
    return STATUS_OK;
}

static bool is_simple(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f) return false;
    }
    return true;
}

static struct str own_string(struct reader *r, const json_t *value) {
    struct str s = {json_string_value(value), json_string_length(value)};
    if (is_simple(s)) return arena_str(r->arena, s);
    struct str clean = arena_str(r->arena, utf8_clean(r->scratch, s));
    arena_reset(r->scratch);
    return clean;
}

/* The empty slice when the key is not there. */
static enum status get_str(struct reader *r, const json_t *object, const char *key,
                           struct str *out) {
    const json_t *value = json_object_get(object, key);
    *out = (struct str){0};
    if (!value) return STATUS_OK;
    if (!json_is_string(value)) return wrong(r, key, "must be a string");
    *out = own_string(r, value);
    return STATUS_OK;
}

static enum status need(struct reader *r, const json_t *object, const char *key) {
    return json_object_get(object, key) ? STATUS_OK : wrong(r, key, "is missing");
}

static enum status get_int(struct reader *r, const json_t *object, const char *key, int min,
                           int max, int *out) {
    const json_t *value = json_object_get(object, key);
    if (!value) return STATUS_OK; // *out holds the default
    if (!json_is_integer(value)) return wrong(r, key, "must be a whole number");
    json_int_t n = json_integer_value(value);
    if (n < min || n > max)
        return fail(r->err, STATUS_FORMAT, "%s%s: %lld is not between %d and %d", r->path, key,
                    (long long)n, min, max);
    *out = (int)n;
    return STATUS_OK;
}

static enum status need_int(struct reader *r, const json_t *object, const char *key, int min,
                            int max, int *out) {
    TRY(need(r, object, key));
    return get_int(r, object, key, min, max, out);
}

static enum status need_number(struct reader *r, const json_t *object, const char *key, double min,
                               double max, float *out) {
    TRY(need(r, object, key));
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) return wrong(r, key, "must be a number");
    double n = json_number_value(value);
    if (!(n >= min && n <= max)) return wrong(r, key, "is out of range");
    *out = (float)n;
    return STATUS_OK;
}

static enum status get_bool(struct reader *r, const json_t *object, const char *key, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    return !value || json_is_boolean(value) ? STATUS_OK : wrong(r, key, "must be true or false");
}

static enum status get_name(struct reader *r, const json_t *object, const char *key,
                            const char *const *names, int n_names, int *out) {
    struct str name;
    if (!json_object_get(object, key)) return STATUS_OK;
    TRY(get_str(r, object, key, &name));
    int index = name_index(names, n_names, name);
    if (index < 0)
        return fail(r->err, STATUS_FORMAT, "%s%s: unknown value \"%.60s\"", r->path, key,
                    name.s ? name.s : "");
    *out = index;
    return STATUS_OK;
}

static enum status need_name(struct reader *r, const json_t *object, const char *key,
                             const char *const *names, int n_names, int *out) {
    TRY(need(r, object, key));
    return get_name(r, object, key, names, n_names, out);
}

static enum status need_array(struct reader *r, const json_t *object, const char *key,
                              const json_t **out) {
    TRY(need(r, object, key));
    *out = json_object_get(object, key);
    return json_is_array(*out) ? STATUS_OK : wrong(r, key, "must be an array");
}

/* ---- text ---- */

static enum status read_style(struct reader *r, const json_t *style, unsigned *flags) {
    static const char *const names[] = {"bold", "italic", "mono", "super", "sub"};
    if (!style) return STATUS_OK;
    if (!json_is_array(style)) return wrong(r, "style", "must be an array");
    for (size_t i = 0; i < json_array_size(style); i++) {
        const json_t *name = json_array_get(style, i);
        int index =
            json_is_string(name) ? name_index(names, 5, str_from(json_string_value(name))) : -1;
        if (index < 0) return wrong(r, "style", "unknown style");
        *flags |= 1u << index;
    }
    return STATUS_OK;
}

static enum status read_span(struct reader *r, const json_t *value, struct span *span) {
    static const char *const keys[] = {"text", "style", "link", NULL};
    TRY(check_keys(r, value, keys));
    TRY(need(r, value, "text"));
    TRY(get_str(r, value, "text", &span->text));
    TRY(read_style(r, json_object_get(value, "style"), &span->flags));
    return get_str(r, value, "link", &span->link);
}

/* "text" alone is one plain span; with "spans", both must say the same. */
static enum status read_spans(struct reader *r, const json_t *object, struct span **out) {
    struct str text;
    TRY(need(r, object, "text"));
    TRY(get_str(r, object, "text", &text));
    const json_t *spans = json_object_get(object, "spans");
    *out = NULL;
    if (!spans) {
        if (!text.n) return STATUS_OK;
        *out = ARENA_NEW(r->arena, struct span);
        (*out)->text = text;
        return STATUS_OK;
    }
    if (!json_is_array(spans)) return wrong(r, "spans", "must be an array");
    struct span **end = out;
    for (size_t i = 0; i < json_array_size(spans); i++) {
        size_t before = enter(r, "spans[%zu].", i);
        *end = ARENA_NEW(r->arena, struct span);
        TRY(read_span(r, json_array_get(spans, i), *end));
        end = &(*end)->next;
        leave(r, before);
    }
    bool same = str_eq(text, spans_text(*out, r->scratch));
    arena_reset(r->scratch);
    return same ? STATUS_OK : wrong(r, "text", "differs from the text of its spans");
}

/* ---- places ---- */

static enum status read_place(struct reader *r, const json_t *object, struct place *place) {
    const json_t *bbox;
    TRY(need_int(r, object, "page", 1, MAX_PAGE, &place->page));
    TRY(need_array(r, object, "bbox", &bbox));
    float side[4];
    if (json_array_size(bbox) != 4) return wrong(r, "bbox", "must have 4 numbers");
    for (size_t i = 0; i < 4; i++) {
        const json_t *n = json_array_get(bbox, i);
        double value = json_is_number(n) ? json_number_value(n) : NAN;
        if (!(fabs(value) <= max_pt)) return wrong(r, "bbox", "must have 4 numbers in points");
        side[i] = (float)value;
    }
    if (side[0] > side[2] || side[1] > side[3])
        return wrong(r, "bbox", "must be [left, top, right, bottom]");
    place->bbox = (struct rect){side[0], side[1], side[2], side[3]};
    return STATUS_OK;
}

static enum status read_places(struct reader *r, const json_t *object, struct block *block) {
    static const char *const keys[] = {"page", "bbox", NULL};
    const json_t *places;
    TRY(need_array(r, object, "places", &places));
    block->n_places = json_array_size(places);
    if (block->n_places == 0) return wrong(r, "places", "must not be empty");
    block->places = ARENA_ARRAY(r->arena, block->n_places, struct place);
    for (size_t i = 0; i < block->n_places; i++) {
        size_t before = enter(r, "places[%zu].", i);
        TRY(check_keys(r, json_array_get(places, i), keys));
        TRY(read_place(r, json_array_get(places, i), block->places + i));
        leave(r, before);
    }
    return STATUS_OK;
}

/* ---- tables ---- */

static enum status read_cell(struct reader *r, const json_t *value, const struct table *table,
                             struct cell *cell) {
    static const char *const keys[] = {"row",  "col",   "row_span", "col_span", "header",
                                       "text", "spans", "page",     "bbox",     NULL};
    TRY(check_keys(r, value, keys));
    TRY(need_int(r, value, "row", 0, table->n_rows - 1, &cell->row));
    TRY(need_int(r, value, "col", 0, table->n_cols - 1, &cell->col));
    cell->row_span = cell->col_span = 1;
    TRY(get_int(r, value, "row_span", 1, table->n_rows - cell->row, &cell->row_span));
    TRY(get_int(r, value, "col_span", 1, table->n_cols - cell->col, &cell->col_span));
    TRY(get_bool(r, value, "header", &cell->header));
    TRY(read_spans(r, value, &cell->spans));
    return read_place(r, value, &cell->place);
}

/* Marks the cell's places; false when one was covered before. At most MAX_GRID steps in all. */
static bool cover(char *covered, const struct table *table, const struct cell *cell) {
    for (int row = cell->row; row < cell->row + cell->row_span; row++)
        for (int col = cell->col; col < cell->col + cell->col_span; col++) {
            char *c = covered + (size_t)row * (size_t)table->n_cols + (size_t)col;
            if (*c) return false;
            *c = 1;
        }
    return true;
}

static enum status check_grid(struct reader *r, const struct table *table) {
    size_t n_places = (size_t)table->n_rows * (size_t)table->n_cols, n_covered = 0;
    char *covered = arena_alloc(r->scratch, n_places);
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *c = table->cells + i, *before = i ? c - 1 : NULL;
        if (before && (before->row > c->row || (before->row == c->row && before->col >= c->col)))
            return fail(r->err, STATUS_FORMAT, "%scells[%zu]: cells must go by row, then by column",
                        r->path, i);
        if (!cover(covered, table, c))
            return fail(r->err, STATUS_FORMAT, "%scells[%zu]: covers a place of an earlier cell",
                        r->path, i);
        n_covered += (size_t)c->row_span * (size_t)c->col_span;
    }
    arena_reset(r->scratch);
    return n_covered == n_places ? STATUS_OK : wrong(r, "cells", "do not cover the whole grid");
}

static enum status read_table(struct reader *r, const json_t *value, struct table *table) {
    static const char *const keys[] = {"n_rows", "n_cols", "n_header_rows", "cells", NULL};
    const json_t *cells;
    TRY(check_keys(r, value, keys));
    TRY(need_int(r, value, "n_rows", 1, MAX_ROWS, &table->n_rows));
    TRY(need_int(r, value, "n_cols", 1, MAX_COLS, &table->n_cols));
    TRY(need_int(r, value, "n_header_rows", 0, table->n_rows, &table->n_header_rows));
    if (table->n_rows > MAX_GRID / table->n_cols)
        return wrong(r, "n_rows", "the grid is too large");
    TRY(need_array(r, value, "cells", &cells));
    table->n_cells = json_array_size(cells);
    table->cells = ARENA_ARRAY(r->arena, table->n_cells, struct cell);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t before = enter(r, "cells[%zu].", i);
        TRY(read_cell(r, json_array_get(cells, i), table, table->cells + i));
        leave(r, before);
    }
    return check_grid(r, table);
}

/* ---- figures, marks ---- */

/* A name in the figures folder: nothing that leads elsewhere. */
static bool is_file_name(struct str name) {
    if (str_eq(name, STR(".")) || str_eq(name, STR(".."))) return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.s[i] == '/' || name.s[i] == '\\' || (unsigned char)name.s[i] < 0x20) return false;
    return true;
}

static bool is_path_below(struct str path) {
    for (size_t from = 0, to; from < path.n; from = to + 1) {
        for (to = from; to < path.n && path.s[to] != '/';) to++;
        if (to == from || !is_file_name(str_sub(path, from, to))) return false;
    }
    return true;
}

static enum status read_figure(struct reader *r, const json_t *value, struct figure *figure) {
    static const char *const keys[] = {"file", "width_px", "height_px", "alt", NULL};
    TRY(check_keys(r, value, keys));
    TRY(get_str(r, value, "file", &figure->name));
    if (!is_file_name(figure->name)) return wrong(r, "file", "must be a name without folders");
    TRY(need_int(r, value, "width_px", 0, 1 << 20, &figure->width_px));
    TRY(need_int(r, value, "height_px", 0, 1 << 20, &figure->height_px));
    return get_str(r, value, "alt", &figure->alt);
}

static enum status read_mark(struct reader *r, const json_t *value, struct list_mark *mark) {
    static const char *const keys[] = {"label", "style", "number", "check", NULL};
    int style = NUMBER_NONE, check = CHECK_NONE;
    TRY(check_keys(r, value, keys));
    TRY(get_str(r, value, "label", &mark->label));
    TRY(need_name(r, value, "style", number_style_names, 6, &style));
    TRY(get_int(r, value, "number", -1000000000, 1000000000, &mark->number));
    TRY(get_name(r, value, "check", check_box_names, 3, &check));
    mark->style = (enum number_style)style;
    mark->check = (enum check_box)check;
    return STATUS_OK;
}

/* ---- blocks ---- */

/* A key that belongs to some kinds only: there for these, and for no others. */
static enum status check_belongs(struct reader *r, const json_t *object, const char *key,
                                 bool wanted) {
    bool there = json_object_get(object, key);
    if (there == wanted) return STATUS_OK;
    return wrong(r, key, there ? "does not belong to this kind of block" : "is missing");
}

static enum status read_parts(struct reader *r, const json_t *value, struct block *block) {
    const json_t *figure = json_object_get(value, "figure");
    size_t before;
    if (block->kind == BLOCK_TABLE) {
        block->table = ARENA_NEW(r->arena, struct table);
        before = enter(r, "table.");
        TRY(read_table(r, json_object_get(value, "table"), block->table));
        leave(r, before);
    } else {
        TRY(read_spans(r, value, &block->spans));
    }
    if (figure) {
        block->figure = ARENA_NEW(r->arena, struct figure);
        before = enter(r, "figure.");
        TRY(read_figure(r, figure, block->figure));
        leave(r, before);
    }
    if (block->kind == BLOCK_LIST_ITEM) {
        before = enter(r, "mark.");
        TRY(read_mark(r, json_object_get(value, "mark"), &block->mark));
        leave(r, before);
    }
    return STATUS_OK;
}

static enum status check_kind(struct reader *r, const json_t *value, enum block_kind kind) {
    bool leveled = kind == BLOCK_HEADING || kind == BLOCK_LIST_ITEM || kind == BLOCK_QUOTE;
    bool table = kind == BLOCK_TABLE;
    TRY(check_belongs(r, value, "level", leveled));
    TRY(check_belongs(r, value, "mark", kind == BLOCK_LIST_ITEM));
    TRY(check_belongs(r, value, "table", table));
    TRY(check_belongs(r, value, "text", !table));
    TRY(check_belongs(r, value, "furniture", kind == BLOCK_FURNITURE));
    if (table) TRY(check_belongs(r, value, "spans", false));
    if (kind != BLOCK_FOOTNOTE) TRY(check_belongs(r, value, "label", false));
    if (kind == BLOCK_FIGURE) TRY(check_belongs(r, value, "figure", true));
    if (kind != BLOCK_FIGURE && kind != BLOCK_FORMULA)
        TRY(check_belongs(r, value, "figure", false));
    return STATUS_OK;
}

static enum status read_block(struct reader *r, const json_t *value, struct block *block) {
    static const char *const keys[] = {"kind",   "level",  "furniture",  "mark",   "label",
                                       "text",   "spans",  "table",      "figure", "rtl",
                                       "places", "engine", "confidence", NULL};
    int kind = 0, engine = 0, furniture = 0;
    TRY(check_keys(r, value, keys));
    TRY(need_name(r, value, "kind", block_kind_names, N_BLOCK_KINDS, &kind));
    block->kind = (enum block_kind)kind;
    TRY(check_kind(r, value, block->kind));
    bool heading = block->kind == BLOCK_HEADING;
    TRY(get_int(r, value, "level", heading, heading ? 6 : 100, &block->level));
    TRY(get_name(r, value, "furniture", furniture_names, 4, &furniture));
    TRY(get_str(r, value, "label", &block->mark.label));
    TRY(get_bool(r, value, "rtl", &block->rtl));
    TRY(need_name(r, value, "engine", engine_names, N_ENGINES, &engine));
    TRY(need_number(r, value, "confidence", 0, 1, &block->confidence));
    block->furniture = (enum furniture_kind)furniture;
    block->engine = (enum engine_id)engine;
    TRY(read_places(r, value, block));
    return read_parts(r, value, block);
}

static enum status read_blocks(struct reader *r, const json_t *root, struct block **out) {
    const json_t *blocks;
    TRY(need_array(r, root, "blocks", &blocks));
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        size_t before = enter(r, "blocks[%zu].", i);
        *out = ARENA_NEW(r->arena, struct block);
        TRY(read_block(r, json_array_get(blocks, i), *out));
        out = &(*out)->next;
        leave(r, before);
    }
    return STATUS_OK;
}

/* ---- the document ---- */

static enum status read_page(struct reader *r, const json_t *value, struct page_info *page) {
    static const char *const keys[] = {"number",     "label",    "width",  "height", "rotation",
                                       "skew",       "engine",   "reason", "state",  "message",
                                       "confidence", "language", NULL};
    int engine = 0, state = 0;
    TRY(check_keys(r, value, keys));
    TRY(need_int(r, value, "number", 1, MAX_PAGE, &page->number));
    TRY(get_str(r, value, "label", &page->label));
    TRY(need_number(r, value, "width", 0, max_pt, &page->width));
    TRY(need_number(r, value, "height", 0, max_pt, &page->height));
    TRY(need_int(r, value, "rotation", 0, 270, &page->rotation));
    TRY(need_number(r, value, "skew", -360, 360, &page->skew_deg));
    TRY(need_name(r, value, "engine", engine_names, N_ENGINES, &engine));
    TRY(get_str(r, value, "reason", &page->reason));
    TRY(need_name(r, value, "state", page_state_names, N_PAGE_STATES, &state));
    TRY(get_str(r, value, "message", &page->message));
    TRY(need_number(r, value, "confidence", 0, 1, &page->confidence));
    TRY(get_str(r, value, "language", &page->language));
    if (page->rotation % 90) return wrong(r, "rotation", "must be 0, 90, 180 or 270");
    page->engine = (enum engine_id)engine;
    page->state = (enum page_state)state;
    return STATUS_OK;
}

static enum status read_pages(struct reader *r, const json_t *root, struct document *d) {
    const json_t *pages;
    TRY(need_array(r, root, "pages", &pages));
    d->n_page_infos = json_array_size(pages);
    d->pages = ARENA_ARRAY(r->arena, d->n_page_infos, struct page_info);
    for (size_t i = 0; i < d->n_page_infos; i++) {
        size_t before = enter(r, "pages[%zu].", i);
        TRY(read_page(r, json_array_get(pages, i), d->pages + i));
        if (i && d->pages[i].number <= d->pages[i - 1].number)
            return wrong(r, "number", "pages must be in ascending order");
        leave(r, before);
    }
    return STATUS_OK;
}

static enum status read_metadata(struct reader *r, const json_t *root, struct document *d) {
    static const char *const keys[] = {"title",    "author",  "subject", "keywords",
                                       "language", "created", NULL};
    TRY(need(r, root, "metadata"));
    const json_t *value = json_object_get(root, "metadata");
    size_t before = enter(r, "metadata.");
    TRY(check_keys(r, value, keys));
    TRY(get_str(r, value, "title", &d->title));
    TRY(get_str(r, value, "author", &d->author));
    TRY(get_str(r, value, "subject", &d->subject));
    TRY(get_str(r, value, "keywords", &d->keywords));
    TRY(get_str(r, value, "language", &d->language));
    TRY(get_str(r, value, "created", &d->created));
    leave(r, before);
    return STATUS_OK;
}

static enum status read_root(struct reader *r, const json_t *root, struct document *d,
                             struct block **blocks, struct str *figures_dir) {
    static const char *const keys[] = {"format",      "version", "source", "metadata", "n_pages",
                                       "figures_dir", "pages",   "blocks", NULL};
    static const char *const formats[] = {"docmill-document"};
    int version = 0, format;
    struct str dir;
    if (!json_is_object(root)) return fail(r->err, STATUS_FORMAT, "must be an object");
    TRY(need_name(r, root, "format", formats, 1, &format));
    TRY(need_int(r, root, "version", 1, 1, &version));
    TRY(check_keys(r, root, keys));
    TRY(need(r, root, "source"));
    TRY(get_str(r, root, "source", &d->source));
    TRY(read_metadata(r, root, d));
    TRY(need_int(r, root, "n_pages", 0, MAX_PAGE, &d->n_pages));
    TRY(get_str(r, root, "figures_dir", &dir));
    if (!is_path_below(dir))
        return wrong(r, "figures_dir", "must be a folder below the file's own");
    if (figures_dir) *figures_dir = dir;
    TRY(read_pages(r, root, d));
    return read_blocks(r, root, blocks);
}

enum status document_from_json(struct str bytes, struct arena *arena, struct document *document,
                               struct block **blocks, struct str *figures_dir, struct error *err) {
    json_error_t bad;
    *document = (struct document){0};
    *blocks = NULL;
    json_t *root = json_loadb(bytes.n ? bytes.s : "", bytes.n, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return fail(err, STATUS_FORMAT, "line %d, column %d: %s", bad.line, bad.column, bad.text);
    struct reader r = {.arena = arena, .scratch = arena_new(), .err = err};
    enum status status = read_root(&r, root, document, blocks, figures_dir);
    arena_free(r.scratch);
    json_decref(root);
    return status;
}
