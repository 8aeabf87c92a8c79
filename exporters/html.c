/*
 * exporters/html.c - a document as one self-contained, accessible HTML5 file.
 *
 *   <main><article>  blocks, with what holds them: lists, quotes, figures  </article></main>
 *
 * Nothing in it runs or loads: no script, pictures as data: URIs, a content security policy that
 * allows nothing else. Where a block or cell comes from stands in data-page, data-bbox (points; one
 * box a page, set apart by ';'), data-engine and data-confidence.
 *
 * Lists and quotes nest by depth: what is open stays open until a block does not belong to it. A
 * figure or table stays open for one block, which may be its caption; a caption that comes first
 * waits for one block. Each page's start is marked with an anchor that "#page=N" links lead to.
 */
#include "exporters/exporter.h"

#include <limits.h>

#include "exporters/parts.h"
#include "util/arena.h"
#include "util/mem.h"

enum { MAX_DEPTH = 12 };

struct list_level {
    int level; // the block's own
    bool ordered;
    enum number_style style;
    int number; // of the last item
};

enum open_figure { OPEN_NONE, OPEN_FIGURE, OPEN_TABLE };

struct export {
    struct buf out;
    struct arena *arena; // of one block
    const struct document *document;
    struct export_options options;
    struct page_walk walk;
    struct list_level list[MAX_DEPTH]; // open lists, each with an open item
    int n_list;
    int n_quotes;                 // open blockquotes
    enum open_figure open_figure; // an open <figure> and what is in it
    bool has_caption;             // so has the open figure
    struct buf caption; // a caption that waits for its figure, complete but for the element
    struct buf caption_attributes;
    bool caption_waits;
};

static const char style_sheet[] =
    ":root{--ink:#1c1b19;--paper:#fffefb;--faint:#6b675f;--rule:#d5d0c6;"
    "--tint:#f4f1ea;--link:#0b57a4}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6e2da;--paper:#1a1a1b;--faint:#9c978d;"
    "--rule:#3d3b38;--tint:#252526;--link:#8ab8f0}}\n"
    "html{background:var(--paper);color:var(--ink);font:1.0625rem/1.6 Georgia,'Noto Serif',serif;"
    "-webkit-text-size-adjust:100%}\n"
    "body{margin:0}\n"
    "main{max-width:44rem;margin:0 auto;padding:2rem 1.25rem 4rem;overflow-wrap:break-word}\n"
    "h1,h2,h3,h4,h5,h6{font-family:system-ui,'Noto Sans',sans-serif;line-height:1.25;"
    "margin:2em 0 .6em}\n"
    "h1{font-size:1.9rem}h2{font-size:1.5rem}h3{font-size:1.25rem}h4{font-size:1.1rem}"
    "h5,h6{font-size:1rem}\n"
    "p,ul,ol,blockquote,pre,figure{margin:0 0 1em}\n"
    "li>ul,li>ol{margin-bottom:0}\n"
    "li[data-label=\"\"]{list-style:none}\n"
    "li[data-label]::marker{content:attr(data-label) '\\a0 '}\n"
    "a{color:var(--link)}\n"
    "pre,code{font-family:ui-monospace,Consolas,'Noto Sans Mono',monospace;font-size:.9em;"
    "background:var(--tint);border-radius:3px}\n"
    "code{padding:.1em .25em}pre{padding:.75em 1em;overflow-x:auto}pre "
    "code{padding:0;font-size:1em}\n"
    "blockquote{padding:0 1em;border-left:3px solid var(--rule);border-right:0 solid var(--rule)}\n"
    "[dir=rtl] blockquote{border-width:0 3px 0 0}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.92em;line-height:1.4}\n"
    "th,td{border:1px solid var(--rule);padding:.3em .6em;text-align:start;vertical-align:top}\n"
    "th{background:var(--tint)}\n"
    "img{max-width:100%;height:auto;background:#fff}\n"
    "figcaption,.caption,aside,.furniture,.words{font-size:.88em;color:var(--faint)}\n"
    "figcaption{margin:.4em 0}\n"
    ".formula{text-align:center}\n"
    ".page{display:block;height:0;border-top:1px dotted var(--rule);margin:1.6em 0;"
    "text-align:end}\n"
    ".page:first-child{border:0;margin:0}\n"
    "li>.page{float:right;margin:.6em 0 0;border:0}[dir=rtl] .page{float:none}\n"
    ".page::after{content:attr(aria-label);font:.7rem/1 system-ui,sans-serif;color:var(--faint);"
    "background:var(--paper);padding:0 .5em;position:relative;top:-.6em}\n"
    "@media print{html{font-size:10.5pt;background:none}main{max-width:none;padding:0}"
    ".page{display:none}.scroll{overflow:visible}a{color:inherit}"
    "h1,h2,h3,h4,h5,h6{break-after:avoid}figure,tr,li{break-inside:avoid}"
    "thead{display:table-header-group}}\n";

/* ---- attributes ---- */

static void put_place(struct buf *out, const struct place *places, size_t n) {
    if (!n) return;
    buf_puts(out, " data-page=\"");
    for (size_t i = 0; i < n; i++) buf_printf(out, "%s%d", i ? " " : "", places[i].page);
    buf_puts(out, "\" data-bbox=\"");
    for (size_t i = 0; i < n; i++) {
        if (i) buf_puts(out, "; ");
        put_rect(out, places[i].bbox, " ");
    }
    buf_putc(out, '"');
}

/* What every block's element carries. */
static void put_origin(struct buf *out, const struct block *block) {
    if (block->rtl) buf_puts(out, " dir=\"rtl\"");
    put_place(out, block->places, block->n_places);
    buf_printf(out, " data-engine=\"%s\" data-confidence=\"", engine_names[block->engine]);
    buf_number(out, (double)clamped_confidence(block->confidence), 3);
    buf_putc(out, '"');
}

static void start(struct export *e, const char *tag, const char *class, const struct block *block) {
    buf_printf(&e->out, "<%s", tag);
    if (class) put_attribute(&e->out, "class", str_from(class));
    put_origin(&e->out, block);
    buf_putc(&e->out, '>');
}

/* ---- text ---- */

static void put_lines(struct buf *out, struct str text) {
    for (size_t from = 0, to; from < text.n; from = to + 1) {
        for (to = from; to < text.n && text.s[to] != '\n';) to++;
        put_markup(out, str_sub(text, from, to));
        if (to < text.n) buf_puts(out, "<br>");
    }
}

/* Opens the link, if it is one we write; returns whether it did. */
static bool open_link(struct export *e, struct buf *out, struct str target) {
    int page;
    enum link_kind kind = target.n ? link_kind(target, &page) : LINK_NONE;
    if (kind == LINK_PAGE && !document_has_page(e->document, page)) return false;
    if (kind == LINK_PAGE) {
        buf_printf(out, "<a href=\"#page-%d\">", page);
    } else if (kind == LINK_WEB) {
        struct buf uri;
        buf_open(&uri, 0);
        put_uri(&uri, target);
        buf_puts(out, "<a");
        put_attribute(out, "href", buf_str(&uri));
        buf_puts(out, " rel=\"noreferrer\">");
        buf_close(&uri);
    }
    return kind != LINK_NONE;
}

static void put_runs(struct export *e, struct buf *out, const struct runs *runs) {
    static const char *const tags[] = {"strong", "em", "code", "sup", "sub"};
    enum { N_TAGS = sizeof tags / sizeof *tags };
    for (size_t i = 0; i < runs->n; i++) {
        const struct run *r = runs->run + i;
        bool link = open_link(e, out, r->link);
        for (int k = 0; k < N_TAGS; k++)
            if (r->flags & 1u << k) buf_printf(out, "<%s>", tags[k]);
        put_lines(out, str_sub(runs->text, r->from, r->to));
        for (int k = N_TAGS - 1; k >= 0; k--)
            if (r->flags & 1u << k) buf_printf(out, "</%s>", tags[k]);
        if (link) buf_puts(out, "</a>");
    }
}

/* Text of an element that is set in bold already. */
static void put_bold_runs(struct export *e, const struct runs *runs) {
    struct runs plain = runs_without(runs, runs_common_flags(runs) & SPAN_BOLD, e->arena);
    put_runs(e, &e->out, &plain);
}

/* ---- what is open ---- */

static void close_lists(struct export *e, int depth) {
    for (; e->n_list > depth; e->n_list--)
        buf_puts(&e->out, e->list[e->n_list - 1].ordered ? "</li>\n</ol>\n" : "</li>\n</ul>\n");
}

static void close_quotes(struct export *e, int depth) {
    for (; e->n_quotes > depth; e->n_quotes--) buf_puts(&e->out, "</blockquote>\n");
}

static void close_figure(struct export *e) {
    if (e->open_figure != OPEN_NONE) buf_puts(&e->out, "</figure>\n");
    e->open_figure = OPEN_NONE;
}

/* A caption that found no figure. */
static void release_caption(struct export *e) {
    if (!e->caption_waits) return;
    buf_puts(&e->out, "<p class=\"caption\"");
    buf_put(&e->out, buf_str(&e->caption_attributes));
    buf_putc(&e->out, '>');
    buf_put(&e->out, buf_str(&e->caption));
    buf_puts(&e->out, "</p>\n");
    e->caption_waits = false;
}

static void close_all(struct export *e) {
    close_lists(e, 0);
    close_quotes(e, 0);
    close_figure(e);
    release_caption(e);
}

static void put_page_mark(struct export *e, const struct page_info *page) {
    struct str label = page->label.n ? arena_printf(e->arena, "Page %.*s", STR_ARG(page->label))
                                     : arena_printf(e->arena, "Page %d", page->number);
    buf_printf(&e->out, "<span class=\"page\" id=\"page-%d\" role=\"doc-pagebreak\"", page->number);
    put_attribute(&e->out, "aria-label", label);
    buf_puts(&e->out, "></span>");
}

/* Marks the pages that begin with this block. */
static void start_pages(struct export *e, int page) {
    const struct page_info *info;
    while ((info = page_walk_next(&e->walk, page))) {
        close_all(e);
        put_page_mark(e, info);
        buf_putc(&e->out, '\n');
    }
}

/* The same inside an item's element, so that the list goes on. */
static void start_pages_in_item(struct export *e, int page) {
    const struct page_info *info;
    while ((info = page_walk_next(&e->walk, page))) put_page_mark(e, info);
}

/* ---- lists ---- */

static const char *list_type(enum number_style style) {
    switch (style) {
    case NUMBER_LOWER_ALPHA: return "a";
    case NUMBER_UPPER_ALPHA: return "A";
    case NUMBER_LOWER_ROMAN: return "i";
    case NUMBER_UPPER_ROMAN: return "I";
    default: return NULL;
    }
}

static void open_list(struct export *e, const struct block *block, bool ordered) {
    const struct list_mark *mark = &block->mark;
    buf_puts(&e->out, ordered ? "<ol" : "<ul");
    const char *type = list_type(mark->style);
    if (ordered && type) buf_printf(&e->out, " type=\"%s\"", type);
    if (ordered && mark->number != 1) buf_printf(&e->out, " start=\"%d\"", mark->number);
    buf_puts(&e->out, ">\n");
    e->list[e->n_list++] =
        (struct list_level){block->level, ordered, mark->style, mark->number - 1};
}

/* True when the browser's own "3." is what was printed; else the label is shown as it was. */
static bool is_usual_label(const struct list_mark *mark, struct arena *arena) {
    if (!mark->label.n || mark->style == NUMBER_NONE) return true;
    return mark->style == NUMBER_DECIMAL &&
           str_eq(mark->label, arena_printf(arena, "%d.", mark->number));
}

/* Brings the open lists to the one this item belongs to: closes deeper ones, opens a new one. */
static void find_list(struct export *e, const struct block *block, bool ordered) {
    int depth = e->n_list;
    while (depth && e->list[depth - 1].level > block->level) depth--;
    if (depth > 0 && depth < e->n_list && e->list[depth - 1].level < block->level) depth++;
    close_lists(e, depth);
    struct list_level *top = depth ? e->list + depth - 1 : NULL;
    bool same = top && top->level >= block->level && top->ordered == ordered &&
                (!ordered || top->style == block->mark.style);
    if (same || (top && depth == MAX_DEPTH)) {
        buf_puts(&e->out, "</li>\n");
        return;
    }
    if (top && top->level >= block->level) close_lists(e, depth - 1);
    if (e->n_list) buf_putc(&e->out, '\n');
    open_list(e, block, ordered);
}

static void put_check_box(struct export *e, enum check_box check) {
    if (check == CHECK_EMPTY)
        buf_puts(&e->out, "<input type=\"checkbox\" disabled aria-label=\"open\"> ");
    if (check == CHECK_DONE)
        buf_puts(&e->out, "<input type=\"checkbox\" checked disabled aria-label=\"done\"> ");
}

static void put_list_item(struct export *e, const struct block *block, const struct runs *runs) {
    const struct list_mark *mark = &block->mark;
    bool ordered = mark->style != NUMBER_NONE;
    if (!e->n_list) start_pages(e, block_page(block));
    close_quotes(e, 0);
    close_figure(e);
    release_caption(e);
    find_list(e, block, ordered);
    struct list_level *list = e->list + e->n_list - 1;
    buf_puts(&e->out, "<li");
    if (ordered && list->ordered && mark->number != list->number + 1)
        buf_printf(&e->out, " value=\"%d\"", mark->number);
    list->number = mark->number;
    bool usual = is_usual_label(mark, e->arena);
    if (!usual || mark->check != CHECK_NONE) // the style sheet shows this one, even if it is empty
        put_attribute(&e->out, "data-label", usual ? (struct str){0} : mark->label);
    put_origin(&e->out, block);
    buf_putc(&e->out, '>');
    start_pages_in_item(e, block_page(block));
    put_check_box(e, mark->check);
    put_runs(e, &e->out, runs);
}

/* ---- figures and tables ---- */

/* Opens <figure>; a caption that waited goes first. */
static void begin_figure(struct export *e, const struct block *block, enum open_figure kind,
                         const char *class) {
    start(e, "figure", class, block);
    buf_putc(&e->out, '\n');
    e->open_figure = kind;
    e->has_caption = e->caption_waits;
    if (!e->caption_waits) return;
    buf_puts(&e->out, "<figcaption");
    buf_put(&e->out, buf_str(&e->caption_attributes));
    buf_putc(&e->out, '>');
    buf_put(&e->out, buf_str(&e->caption));
    buf_puts(&e->out, "</figcaption>\n");
    e->caption_waits = false;
}

/* Whether the words say it belongs to the other kind: "Table 3" is no caption of a picture. */
static bool speaks_of_other(struct str caption, enum open_figure kind) {
    bool table = str_starts(caption, STR("Tab")) || str_starts(caption, STR("TAB"));
    bool figure = str_starts(caption, STR("Fig")) || str_starts(caption, STR("FIG"));
    return kind == OPEN_TABLE ? figure : table;
}

static void put_caption(struct export *e, const struct block *block, const struct runs *runs) {
    bool joins = e->open_figure != OPEN_NONE && !e->has_caption &&
                 !speaks_of_other(runs->text, e->open_figure);
    if (joins) {
        start(e, "figcaption", NULL, block);
        put_runs(e, &e->out, runs);
        buf_puts(&e->out, "</figcaption>\n");
        close_figure(e);
        return;
    }
    close_all(e);
    e->caption.n = e->caption_attributes.n = 0;
    put_origin(&e->caption_attributes, block);
    put_runs(e, &e->caption, runs);
    e->caption_waits = true;
}

static void put_base64(struct buf *out, struct str bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++) v = v << 8 | (k < n ? (unsigned char)bytes.s[i + k] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                        n > 2 ? digits[v & 63] : '='};
        buf_put(out, (struct str){four, 4});
    }
}

static void put_image(struct export *e, const struct figure *figure) {
    buf_puts(&e->out, "<img");
    if (figure->width_px > 0 && figure->height_px > 0)
        buf_printf(&e->out, " width=\"%d\" height=\"%d\"", figure->width_px, figure->height_px);
    put_attribute(&e->out, "alt", figure->alt);
    buf_puts(&e->out, " src=\"data:image/png;base64,");
    put_base64(&e->out, figure->png);
    buf_puts(&e->out, "\">\n");
}

static void put_figure(struct export *e, const struct block *block, const struct runs *runs) {
    bool formula = block->kind == BLOCK_FORMULA;
    bool image = block->figure && block->figure->png.n;
    if (!image && !runs->text.n) return;
    begin_figure(e, block, OPEN_FIGURE, formula ? "formula" : NULL);
    if (image) put_image(e, block->figure);
    if (!runs->text.n) return;
    buf_puts(&e->out, formula ? "<p>" : "<p class=\"words\">");
    put_runs(e, &e->out, runs);
    buf_puts(&e->out, "</p>\n");
}

static void put_cell(struct export *e, const struct cell *cell, const struct grid *grid,
                     bool in_head) {
    int n_cols = grid->col[cell->col + cell->col_span] - grid->col[cell->col];
    int n_rows = grid->row[cell->row + cell->row_span] - grid->row[cell->row];
    buf_puts(&e->out, cell->header ? "<th" : "<td");
    if (cell->header && in_head)
        buf_puts(&e->out, n_cols > 1 ? " scope=\"colgroup\"" : " scope=\"col\"");
    else if (cell->header)
        buf_puts(&e->out, n_rows > 1 ? " scope=\"rowgroup\"" : " scope=\"row\"");
    if (n_cols > 1) buf_printf(&e->out, " colspan=\"%d\"", n_cols);
    if (n_rows > 1) buf_printf(&e->out, " rowspan=\"%d\"", n_rows);
    put_place(&e->out, &cell->place, cell->place.page > 0);
    buf_putc(&e->out, '>');
    struct runs runs = runs_of(cell->spans, true, e->arena);
    if (cell->header)
        put_bold_runs(e, &runs);
    else
        put_runs(e, &e->out, &runs);
    buf_puts(&e->out, cell->header ? "</th>" : "</td>");
}

static void put_table(struct export *e, const struct block *block) {
    const struct table *table = block->table;
    struct grid grid = grid_of(table, e->arena);
    begin_figure(e, block, OPEN_TABLE, NULL);
    buf_puts(
        &e->out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">\n<table>\n");
    buf_puts(&e->out, grid.n_header_rows ? "<thead>\n" : "<tbody>\n");
    int row = -1;
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = table->cells + i;
        int new_row = grid.row[cell->row];
        if (new_row != row) {
            if (row >= 0) buf_puts(&e->out, "</tr>\n");
            if (new_row == grid.n_header_rows && new_row > 0)
                buf_puts(&e->out, "</thead>\n<tbody>\n");
            buf_puts(&e->out, "<tr>");
            row = new_row;
        }
        put_cell(e, cell, &grid, new_row < grid.n_header_rows);
    }
    buf_puts(&e->out, row < grid.n_header_rows ? "</tr>\n</thead>\n" : "</tr>\n</tbody>\n");
    buf_puts(&e->out, "</table>\n</div>\n");
}

/* ---- the other kinds ---- */

static void put_paragraph(struct export *e, const struct block *block, const struct runs *runs,
                          const char *class) {
    if (!runs->text.n) return;
    start(e, "p", class, block);
    put_runs(e, &e->out, runs);
    buf_puts(&e->out, "</p>\n");
}

static void put_heading(struct export *e, const struct block *block, const struct runs *runs) {
    if (!runs->text.n) return;
    int level = block->level < 1 ? 1 : block->level > 6 ? 6 : block->level;
    char tag[3] = {'h', (char)('0' + level), '\0'};
    start(e, tag, NULL, block);
    put_bold_runs(e, runs);
    buf_printf(&e->out, "</%s>\n", tag);
}

static void put_quote(struct export *e, const struct block *block, const struct runs *runs) {
    int depth = block->level < 0 ? 1 : block->level >= MAX_DEPTH ? MAX_DEPTH : block->level + 1;
    close_quotes(e, depth);
    for (; e->n_quotes < depth; e->n_quotes++) buf_puts(&e->out, "<blockquote>\n");
    put_paragraph(e, block, runs, NULL);
}

static void put_code(struct export *e, const struct block *block) {
    start(e, "pre", NULL, block);
    buf_puts(&e->out, "<code>");
    put_markup(&e->out, code_text(block->spans, e->arena));
    buf_puts(&e->out, "</code></pre>\n");
}

static void put_footnote(struct export *e, const struct block *block, const struct runs *runs) {
    buf_puts(&e->out, "<aside role=\"doc-footnote\"");
    put_origin(&e->out, block);
    buf_puts(&e->out, "><p>");
    if (block->mark.label.n) {
        buf_puts(&e->out, "<sup>");
        put_markup(&e->out, block->mark.label);
        buf_puts(&e->out, "</sup> ");
    }
    put_runs(e, &e->out, runs);
    buf_puts(&e->out, "</p></aside>\n");
}

/* Closes what the block does not belong to. */
static void make_way(struct export *e, const struct block *block) {
    if (block->kind != BLOCK_QUOTE) close_quotes(e, 0);
    close_lists(e, 0);
    close_figure(e);
    if (block->kind != BLOCK_TABLE && block->kind != BLOCK_FIGURE) release_caption(e);
}

static void put_block(struct export *e, const struct block *block) {
    if (block->kind == BLOCK_FURNITURE && e->options.furniture == FURNITURE_DROP) return;
    if (block->kind == BLOCK_TABLE && (!block->table || !block->table->n_cells)) return;
    struct runs runs = runs_of(block->spans, false, e->arena);
    if (block->kind == BLOCK_LIST_ITEM) {
        put_list_item(e, block, &runs);
        return;
    }
    start_pages(e, block_page(block));
    if (block->kind == BLOCK_CAPTION) {
        put_caption(e, block, &runs);
        return;
    }
    make_way(e, block);
    switch (block->kind) {
    case BLOCK_HEADING: put_heading(e, block, &runs); break;
    case BLOCK_TABLE: put_table(e, block); break;
    case BLOCK_FIGURE: put_figure(e, block, &runs); break;
    case BLOCK_FORMULA:
        if (block->figure && block->figure->png.n)
            put_figure(e, block, &runs);
        else
            put_paragraph(e, block, &runs, "formula");
        break;
    case BLOCK_CODE: put_code(e, block); break;
    case BLOCK_QUOTE: put_quote(e, block, &runs); break;
    case BLOCK_FOOTNOTE: put_footnote(e, block, &runs); break;
    case BLOCK_FURNITURE:
        put_paragraph(e, block, &runs, e->options.furniture == FURNITURE_MARK ? "furniture" : NULL);
        break;
    default: put_paragraph(e, block, &runs, NULL); break;
    }
}

/* ---- the writer ---- */

static void put_meta(struct export *e, const char *name, struct str content) {
    if (!content.n) return;
    buf_printf(&e->out, "<meta name=\"%s\"", name);
    put_attribute(&e->out, "content", content);
    buf_puts(&e->out, ">\n");
}

static void put_head(struct export *e) {
    const struct document *d = e->document;
    buf_puts(&e->out, "<!DOCTYPE html>\n<html");
    put_attribute(&e->out, "lang", language_tag(d->language, STR("und")));
    buf_puts(&e->out, ">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "img-src data:; style-src 'unsafe-inline'\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<title>");
    struct str title = str_trim(d->title);
    if (!title.n) title = d->source.n ? d->source : STR("Document");
    put_markup(&e->out, title);
    buf_puts(&e->out, "</title>\n");
    put_meta(e, "author", d->author);
    put_meta(e, "description", d->subject);
    put_meta(e, "keywords", d->keywords);
    put_meta(e, "generator", STR("docmill"));
    buf_puts(&e->out, "<style>\n");
    buf_puts(&e->out, style_sheet);
    buf_puts(&e->out, "</style>\n</head>\n<body>\n<main>\n<article>\n");
}

static enum status html_open(const struct document *document, const struct export_options *options,
                             int fd, int scratch_fd, struct export **out, struct error *err) {
    (void)scratch_fd;
    (void)err;
    struct export *e = mem_alloc(sizeof *e);
    buf_open_fd(&e->out, fd, 0);
    buf_open(&e->caption, 0);
    buf_open(&e->caption_attributes, 0);
    e->arena = arena_new();
    e->document = document;
    e->options = *options;
    e->walk.document = document;
    put_head(e);
    *out = e;
    return STATUS_OK;
}

static enum status check(const struct export *e, struct error *err) {
    if (e->out.status == STATUS_OK) return STATUS_OK;
    return fail(err, e->out.status, "cannot write the HTML: no space left or write refused");
}

static enum status html_block(struct export *e, const struct block *block, struct error *err) {
    put_block(e, block);
    arena_reset(e->arena);
    return check(e, err);
}

static enum status html_close(struct export *e, struct error *err) {
    start_pages(e, INT_MAX);
    close_all(e);
    buf_puts(&e->out, "</article>\n</main>\n</body>\n</html>\n");
    buf_flush(&e->out);
    enum status status = check(e, err);
    buf_close(&e->out);
    buf_close(&e->caption);
    buf_close(&e->caption_attributes);
    arena_free(e->arena);
    mem_free(e);
    return status;
}

const struct exporter exporter_html = {
    .name = "html",
    .extension = ".html",
    .media_type = "text/html",
    .open = html_open,
    .block = html_block,
    .close = html_close,
};
