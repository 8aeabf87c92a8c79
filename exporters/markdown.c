/*
 * exporters/markdown.c - a document as CommonMark 0.31 with GFM's tables and check boxes.
 *
 * One walk over the blocks, one case per kind, one empty line between blocks; only items of a list
 * follow each other directly. What Markdown has no form for:
 *
 *   - Spanning cells, or more than one header row: an HTML table, one line per row.
 *   - A table without a header row: GFM wants one, it is written empty.
 *   - Labels such as "(a)", "iv." or "1.2": the item is a paragraph that begins with its label,
 *     indented into the item above it. A bullet beside a label would be one mark too many.
 *   - Numbers that jump ("3." after "1."): readers count on by themselves, so a new list is begun
 *     behind an empty comment, as the specification advises (section 5.3).
 *   - Footnotes: a paragraph that begins with its raised mark. A GFM definition without a reference
 *     is dropped by readers, and which mark in the text it belongs to is not always known.
 */
#include "exporters/exporter.h"

#include <limits.h>
#include <string.h>

#include "exporters/markdown_text.h"
#include "exporters/parts.h"
#include "util/arena.h"
#include "util/mem.h"

enum { MAX_DEPTH = 12, MAX_QUOTE = 8 };

struct list_level {
    int level;          // the block's own
    int content_indent; // blanks before what belongs to the item
    bool numbered;      // the last item here; with
    char delimiter;     // '.' or ')'
    int number;
};

struct export {
    struct buf out;
    struct arena *arena; // of one block
    const struct document *document;
    struct export_options options;
    struct page_walk walk;
    bool started;
    int quote_level;                   // of the block before when it was a quote, else -1
    struct list_level list[MAX_DEPTH]; // open items, outermost first
    int n_list;
    bool tight; // the block before was an item an item may follow directly
};

/* ---- between blocks ---- */

static void end_list(struct export *e) {
    e->n_list = 0;
    e->tight = false;
}

/* The empty line before every block. */
static void separate(struct export *e) {
    if (e->started) buf_putc(&e->out, '\n');
    e->started = true;
}

static void start_pages(struct export *e, int page) {
    const struct page_info *info;
    while (e->options.page_breaks && (info = page_walk_next(&e->walk, page))) {
        end_list(e);
        e->quote_level = -1;
        separate(e);
        buf_printf(&e->out, "<!-- page %d -->\n", info->number);
    }
}

/* Where the block lies. Inside a list it is indented, so that it does not end the list. */
static void put_provenance(struct export *e, const struct block *block, int indent) {
    if (!e->options.provenance) return;
    separate(e);
    buf_fill(&e->out, ' ', indent);
    buf_puts(&e->out, "<!--");
    for (size_t i = 0; i < block->n_places; i++) {
        buf_printf(&e->out, "%s page %d box ", i ? ";" : "", block->places[i].page);
        put_rect(&e->out, block->places[i].bbox, " ");
    }
    buf_puts(&e->out, " -->\n");
}

static void begin_block(struct export *e, const struct block *block) {
    end_list(e);
    put_provenance(e, block, 0);
    separate(e);
}

/* ---- lists ---- */

/* "3." or "3)" as Markdown has it; 0 when the label says more than that. */
static char number_delimiter(const struct list_mark *mark) {
    if (mark->style != NUMBER_DECIMAL || mark->number < 0 || mark->number > 999999999) return 0;
    if (!mark->label.n) return '.';
    uint64_t n;
    size_t n_read;
    if (!str_number(mark->label, INT_MAX, &n, &n_read) || (int)n != mark->number) return 0;
    if (n_read + 1 != mark->label.n) return 0;
    char c = mark->label.s[n_read];
    return c == '.' || c == ')' ? c : 0;
}

/* Closes the items that do not hold one of this level; returns where its mark is indented to. */
static int find_depth(struct export *e, int level) {
    while (e->n_list && e->list[e->n_list - 1].level > level) e->n_list--;
    int depth = e->n_list;
    if (depth && e->list[depth - 1].level == level) depth--;
    return depth < MAX_DEPTH ? depth : MAX_DEPTH - 1;
}

static void put_check_box(struct export *e, enum check_box check) {
    if (check == CHECK_EMPTY) buf_puts(&e->out, "[ ] ");
    if (check == CHECK_DONE) buf_puts(&e->out, "[x] ");
}

/* An item whose label Markdown cannot count: a paragraph of the item above. */
static void put_labelled_item(struct export *e, const struct block *block, const struct runs *runs,
                              int indent) {
    put_provenance(e, block, indent);
    separate(e);
    buf_fill(&e->out, ' ', indent);
    struct span text = {.text = arena_printf(e->arena, "%.*s ", STR_ARG(block->mark.label))};
    struct span *last = &text;
    for (const struct run *r = runs->run; r < runs->run + runs->n; r++) {
        last->next = ARENA_NEW(e->arena, struct span);
        last = last->next;
        *last = (struct span){str_sub(runs->text, r->from, r->to), r->flags, r->link, NULL};
    }
    struct runs labelled = runs_of(&text, false, e->arena);
    markdown_put_runs(&e->out, &labelled, MARKDOWN_BLOCK, e->arena);
    buf_putc(&e->out, '\n');
    e->tight = false;
}

/* What stands between the item before and this one. */
static void separate_item(struct export *e, const struct list_level *before, bool numbered,
                          char delimiter, int number, int depth, int indent) {
    bool follows = before && before->numbered == numbered;
    if (follows && numbered) follows = before->delimiter == delimiter;
    if (follows && numbered && number != before->number + 1) {
        separate(e);
        buf_fill(&e->out, ' ', indent);
        buf_puts(&e->out, "<!-- -->\n");
        e->tight = false;
    }
    // Directly below its parent's text a nested list can only begin with 1 (section 5.2).
    if (!before && depth && numbered && number != 1) e->tight = false;
    if (!e->tight || e->options.provenance)
        separate(e);
    else
        e->started = true;
}

static void put_list_item(struct export *e, const struct block *block, const struct runs *runs) {
    const struct list_mark *mark = &block->mark;
    int depth = find_depth(e, block->level);
    int indent = depth ? e->list[depth - 1].content_indent : 0;
    char delimiter = number_delimiter(mark);
    bool numbered = delimiter != 0;
    if (mark->style != NUMBER_NONE && !numbered) {
        e->n_list = depth;
        put_labelled_item(e, block, runs, indent);
        return;
    }
    put_provenance(e, block, indent);
    bool known = depth < e->n_list;
    struct list_level before = e->list[depth];
    separate_item(e, known ? &before : NULL, numbered, delimiter, mark->number, depth, indent);
    buf_fill(&e->out, ' ', indent);
    struct str label =
        numbered ? arena_printf(e->arena, "%d%c ", mark->number, delimiter) : STR("- ");
    buf_put(&e->out, label);
    put_check_box(e, mark->check);
    markdown_put_runs(&e->out, runs, MARKDOWN_BLOCK, e->arena);
    buf_putc(&e->out, '\n');
    e->list[depth] =
        (struct list_level){block->level, indent + (int)label.n, numbered, delimiter, mark->number};
    e->n_list = depth + 1;
    e->tight = true;
}

/* ---- tables ---- */

static bool needs_html(const struct table *table) {
    if (table->n_header_rows > 1) return true;
    for (size_t i = 0; i < table->n_cells; i++)
        if (table->cells[i].row_span > 1 || table->cells[i].col_span > 1) return true;
    return false;
}

static void put_html_runs(struct export *e, const struct runs *runs) {
    for (size_t i = 0; i < runs->n; i++) {
        const struct run *r = runs->run + i;
        const char *tag = r->flags & SPAN_SUPER ? "sup" : r->flags & SPAN_SUB ? "sub" : NULL;
        if (tag) buf_printf(&e->out, "<%s>", tag);
        for (size_t from = r->from, to; from < r->to; from = to + 1) {
            for (to = from; to < r->to && runs->text.s[to] != '\n';) to++;
            put_markup(&e->out, str_sub(runs->text, from, to));
            if (to < r->to) buf_puts(&e->out, "<br>");
        }
        if (tag) buf_printf(&e->out, "</%s>", tag);
    }
}

static void put_html_cell(struct export *e, const struct cell *cell, const struct grid *grid) {
    int col_span = grid->col[cell->col + cell->col_span] - grid->col[cell->col];
    int row_span = grid->row[cell->row + cell->row_span] - grid->row[cell->row];
    const char *tag = cell->header ? "th" : "td";
    buf_printf(&e->out, "<%s", tag);
    if (col_span > 1) buf_printf(&e->out, " colspan=\"%d\"", col_span);
    if (row_span > 1) buf_printf(&e->out, " rowspan=\"%d\"", row_span);
    buf_putc(&e->out, '>');
    struct runs runs = runs_of(cell->spans, true, e->arena);
    put_html_runs(e, &runs);
    buf_printf(&e->out, "</%s>", tag);
}

static void put_html_table(struct export *e, const struct table *table) {
    struct grid grid = grid_of(table, e->arena);
    buf_puts(&e->out, "<table>\n");
    int row = -1;
    for (size_t i = 0; i < table->n_cells; i++) {
        if (table->cells[i].row != row) buf_puts(&e->out, row < 0 ? "<tr>" : "</tr>\n<tr>");
        row = table->cells[i].row;
        put_html_cell(e, table->cells + i, &grid);
    }
    buf_puts(&e->out, row < 0 ? "</table>\n" : "</tr>\n</table>\n");
}

static void put_rule_row(struct export *e, int n_cols) {
    for (int i = 0; i < n_cols; i++) buf_puts(&e->out, "| --- ");
    buf_puts(&e->out, "|\n");
}

static void put_pipe_table(struct export *e, const struct table *table) {
    if (table->n_header_rows == 0) {
        for (int i = 0; i < table->n_cols; i++) buf_puts(&e->out, "|  ");
        buf_puts(&e->out, "|\n");
        put_rule_row(e, table->n_cols);
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = table->cells + i;
        struct runs runs = runs_of(cell->spans, true, e->arena);
        buf_puts(&e->out, "| ");
        markdown_put_runs(&e->out, &runs, MARKDOWN_CELL, e->arena);
        if (runs.text.n) buf_putc(&e->out, ' ');
        if (cell->col + 1 < table->n_cols) continue;
        buf_puts(&e->out, "|\n");
        if (cell->row == 0 && table->n_header_rows) put_rule_row(e, table->n_cols);
    }
}

static void put_table(struct export *e, const struct block *block) {
    if (!block->table || !block->table->n_cells) return;
    begin_block(e, block);
    if (needs_html(block->table))
        put_html_table(e, block->table);
    else
        put_pipe_table(e, block->table);
}

/* ---- the other kinds ---- */

static void put_paragraph(struct export *e, const struct block *block, const struct runs *runs) {
    if (!runs->text.n) return;
    begin_block(e, block);
    markdown_put_runs(&e->out, runs, MARKDOWN_BLOCK, e->arena);
    buf_putc(&e->out, '\n');
}

static void put_heading(struct export *e, const struct block *block, const struct runs *runs) {
    if (!runs->text.n) return;
    begin_block(e, block);
    int level = block->level < 1 ? 1 : block->level > 6 ? 6 : block->level;
    buf_fill(&e->out, '#', level);
    buf_putc(&e->out, ' ');
    markdown_put_runs(&e->out, runs, MARKDOWN_HEADING, e->arena);
    buf_putc(&e->out, '\n');
}

static void put_picture(struct export *e, const struct block *block) {
    const struct figure *figure = block->figure;
    if (!figure || !figure->name.n) return;
    begin_block(e, block);
    struct span alt = {.text = figure->alt, .link = STR("x")}; // brackets are escaped as in a link
    struct runs runs = runs_of(&alt, false, e->arena);
    struct buf text;
    buf_open(&text, 0);
    markdown_put_runs(&text, &runs, MARKDOWN_INLINE, e->arena);
    buf_puts(&e->out, "![");
    buf_put(&e->out, buf_str(&text));
    buf_puts(&e->out, "](");
    buf_close(&text);
    put_path(&e->out, e->options.figures_dir);
    if (e->options.figures_dir.n) buf_putc(&e->out, '/');
    put_path(&e->out, figure->name);
    buf_puts(&e->out, ")\n");
}

/* The fence is longer than any run of backticks inside, and at least three (section 4.5). */
static void put_code(struct export *e, const struct block *block) {
    struct str text = code_text(block->spans, e->arena);
    if (!text.n) return;
    int longest = 2, n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n = text.s[i] == '`' ? n + 1 : 0;
        if (n > longest) longest = n;
    }
    begin_block(e, block);
    buf_fill(&e->out, '`', longest + 1);
    buf_putc(&e->out, '\n');
    buf_put(&e->out, text);
    buf_putc(&e->out, '\n');
    buf_fill(&e->out, '`', longest + 1);
    buf_putc(&e->out, '\n');
}

static void put_quote_marks(struct export *e, int level, const char *after) {
    for (int i = 0; i <= level; i++) buf_puts(&e->out, i ? " >" : ">");
    buf_puts(&e->out, after);
}

static void put_quote(struct export *e, const struct block *block, const struct runs *runs) {
    if (!runs->text.n) return;
    int level = block->level < 0 ? 0 : block->level > MAX_QUOTE ? MAX_QUOTE : block->level;
    end_list(e);
    if (e->options.provenance) e->quote_level = -1;
    put_provenance(e, block, 0);
    if (e->quote_level == level)
        put_quote_marks(e, level, "\n");
    else
        separate(e);
    put_quote_marks(e, level, " ");
    markdown_put_runs(&e->out, runs, MARKDOWN_BLOCK, e->arena);
    buf_putc(&e->out, '\n');
    e->quote_level = level;
}

static void put_footnote(struct export *e, const struct block *block, const struct runs *runs) {
    begin_block(e, block);
    if (block->mark.label.n) {
        buf_puts(&e->out, "<sup>");
        markdown_put_text(&e->out, block->mark.label, MARKDOWN_INLINE, e->arena);
        buf_puts(&e->out, "</sup> ");
    }
    markdown_put_runs(&e->out, runs, block->mark.label.n ? MARKDOWN_INLINE : MARKDOWN_BLOCK,
                      e->arena);
    buf_putc(&e->out, '\n');
}

static void put_furniture(struct export *e, const struct block *block, const struct runs *runs) {
    if (e->options.furniture == FURNITURE_KEEP || !runs->text.n) {
        put_paragraph(e, block, runs);
        return;
    }
    begin_block(e, block);
    buf_puts(&e->out, "<small>");
    markdown_put_runs(&e->out, runs, MARKDOWN_INLINE, e->arena);
    buf_puts(&e->out, "</small>\n");
}

static void put_block(struct export *e, const struct block *block) {
    if (block->kind == BLOCK_FURNITURE && e->options.furniture == FURNITURE_DROP) return;
    start_pages(e, block_page(block));
    struct runs runs = runs_of(block->spans, false, e->arena);
    if (block->kind != BLOCK_QUOTE) e->quote_level = -1;
    switch (block->kind) {
    case BLOCK_HEADING: put_heading(e, block, &runs); break;
    case BLOCK_LIST_ITEM: put_list_item(e, block, &runs); break;
    case BLOCK_TABLE: put_table(e, block); break;
    case BLOCK_FIGURE:
    case BLOCK_FORMULA:
        put_picture(e, block);
        put_paragraph(e, block, &runs);
        break;
    case BLOCK_CODE: put_code(e, block); break;
    case BLOCK_QUOTE: put_quote(e, block, &runs); break;
    case BLOCK_FOOTNOTE: put_footnote(e, block, &runs); break;
    case BLOCK_FURNITURE: put_furniture(e, block, &runs); break;
    default: put_paragraph(e, block, &runs); break;
    }
}

/* ---- the writer ---- */

static enum status markdown_open(const struct document *document,
                                 const struct export_options *options, int fd, int scratch_fd,
                                 struct export **out, struct error *err) {
    (void)scratch_fd;
    (void)err;
    struct export *e = mem_alloc(sizeof *e);
    buf_open_fd(&e->out, fd, 0);
    e->arena = arena_new();
    e->document = document;
    e->options = *options;
    e->walk.document = document;
    e->quote_level = -1;
    *out = e;
    return STATUS_OK;
}

static enum status check(const struct export *e, struct error *err) {
    if (e->out.status == STATUS_OK) return STATUS_OK;
    return fail(err, e->out.status, "cannot write the Markdown: %s",
                e->out.status == STATUS_IO ? "no space left or write refused" : "too large");
}

static enum status markdown_block(struct export *e, const struct block *block, struct error *err) {
    put_block(e, block);
    arena_reset(e->arena);
    return check(e, err);
}

static enum status markdown_close(struct export *e, struct error *err) {
    start_pages(e, INT_MAX);
    buf_flush(&e->out);
    enum status status = check(e, err);
    buf_close(&e->out);
    arena_free(e->arena);
    mem_free(e);
    return status;
}

const struct exporter exporter_markdown = {
    .name = "md",
    .extension = ".md",
    .media_type = "text/markdown",
    .open = markdown_open,
    .block = markdown_block,
    .close = markdown_close,
};
