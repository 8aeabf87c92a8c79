/*
 * exporters/docx.c - a document as WordprocessingML (ECMA-376, transitional).
 *
 *   blocks --> document.xml, its relations, numbering.xml, footnotes.xml, pictures: streams in the
 *              scratch file (spool.h) --> at the end, all parts --> ZIP (package.h)
 *
 * XML is written from fixed pieces; whatever comes from the document goes through put_markup(), which
 * also leaves out what XML 1.0 forbids. No fields, no templates, no objects; only links to http, https
 * and mailto are external.
 *
 * Lists: every run of numbers that Word would not continue by itself is a <w:num> of its own with the
 * number it starts at; a label Word cannot make ("4.2", "Art. 3") is text behind a hanging indent.
 * Footnotes: a raised mark is written with room to spare; when the footnote it belongs to comes by, on
 * the same page, the mark is overwritten with a reference. Notes without a mark stay paragraphs.
 */
#include "exporters/exporter.h"

#include <limits.h>
#include <string.h>

#include "exporters/docx_parts.h"
#include "exporters/package.h"
#include "exporters/parts.h"
#include "exporters/spool.h"
#include "util/arena.h"
#include "util/mem.h"

enum {
    EMU_PER_HUNDREDTH = 127, // of a point: 12,700 a point
    MARK_ROOM = 176,         // bytes a raised mark takes, with blanks behind it
    MAX_MARKS = 128,         // remembered at a time
    MAX_LABEL = 12,          // bytes of a footnote's mark
    MAX_TABLE_COLUMNS = 63,  // of Word
};

/* A part with text, and the links and pictures it refers to. */
struct text_part {
    struct stream xml, relations;
    int n_relations;
};

struct list_state {
    bool open;
    int abstract, list, number; // list: w:numId
};

struct raised_mark {
    int64_t at; // in document.xml
    int first_page, last_page;
    char label[MAX_LABEL + 1];
};

struct export {
    int fd;
    struct arena *arena; // of one block
    const struct document *document;
    struct export_options options;
    struct page_walk walk;
    struct spool spool;
    struct text_part body, notes;
    struct stream lists;
    struct stream *pictures; // one each
    size_t n_pictures, cap_pictures;
    struct list_state list[DOCX_LEVELS];
    unsigned used_numbers; // abstract numberings, as bits
    int n_lists, n_bookmarks, n_notes;
    struct raised_mark marks[MAX_MARKS];
    size_t n_marks;
    const struct block *block;   // the one being written
    int page_width, page_height; // twentieths of a point
    int margin;
    bool after_table;
};

enum { N_STREAMS = 5 };

static void list_streams(struct export *e, struct stream *streams[N_STREAMS]) {
    streams[0] = &e->body.xml;
    streams[1] = &e->body.relations;
    streams[2] = &e->notes.xml;
    streams[3] = &e->notes.relations;
    streams[4] = &e->lists;
}

/* ---- relations ---- */

static int add_relation(struct text_part *part, const char *type, struct str target,
                        bool external) {
    struct buf *out = &part->relations.out;
    part->n_relations++;
    buf_printf(out, "<Relationship Id=\"rId%d\" Type=\"" R_TYPE "%s\"", part->n_relations, type);
    put_attribute(out, "Target", target);
    buf_puts(out, external ? " TargetMode=\"External\"/>" : "/>");
    return part->n_relations;
}

/* ---- runs ---- */

struct look { // how text is set
    unsigned flags;
    bool link, rtl;
    const char *style; // of the characters; NULL: by flags
};

static void put_run_properties(struct buf *out, const struct look *look) {
    const char *style = look->style;
    bool mono = look->flags & SPAN_MONO;
    if (!style) style = look->link ? "Hyperlink" : mono ? "CodeChar" : NULL;
    if (!style && !look->flags && !look->rtl) return;
    buf_puts(out, "<w:rPr>");
    if (style) buf_printf(out, "<w:rStyle w:val=\"%s\"/>", style);
    if (mono && look->link) buf_puts(out, "<w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\"/>");
    if (look->flags & SPAN_BOLD) buf_puts(out, "<w:b/><w:bCs/>");
    if (look->flags & SPAN_ITALIC) buf_puts(out, "<w:i/><w:iCs/>");
    if (look->flags & SPAN_SUPER)
        buf_puts(out, "<w:vertAlign w:val=\"superscript\"/>");
    else if (look->flags & SPAN_SUB)
        buf_puts(out, "<w:vertAlign w:val=\"subscript\"/>");
    if (look->rtl) buf_puts(out, "<w:rtl/>");
    buf_puts(out, "</w:rPr>");
}

/* The inside of a run: text, line breaks, tabs. */
static void put_run_text(struct buf *out, struct str text) {
    for (size_t from = 0, to; from < text.n; from = to + 1) {
        for (to = from; to < text.n && text.s[to] != '\n' && text.s[to] != '\t';) to++;
        if (to > from) {
            buf_puts(out, "<w:t xml:space=\"preserve\">");
            put_markup(out, str_sub(text, from, to));
            buf_puts(out, "</w:t>");
        }
        if (to < text.n) buf_puts(out, text.s[to] == '\n' ? "<w:br/>" : "<w:tab/>");
    }
}

static void put_piece(struct buf *out, struct str text, const struct look *look) {
    buf_puts(out, "<w:r>");
    put_run_properties(out, look);
    put_run_text(out, text);
    buf_puts(out, "</w:r>");
}

enum direction { NEUTRAL, LEFT_TO_RIGHT, RIGHT_TO_LEFT };

static enum direction direction_of(uint32_t c) {
    if ((c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
        (c >= 0xfe70 && c <= 0xfeff) || (c >= 0x10800 && c <= 0x10fff) ||
        (c >= 0x1e800 && c <= 0x1efff))
        return RIGHT_TO_LEFT;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c < 0x2000) ||
        c >= 0x2c00)
        return LEFT_TO_RIGHT;
    return NEUTRAL;
}

/* Word sets a run in one direction: cuts the text where it turns. What has no direction of its own
 * goes with what is before it. */
static void put_text(struct buf *out, struct str text, struct look look, bool rtl) {
    struct str rest = text;
    look.rtl = rtl;
    size_t from = 0;
    for (uint32_t c; rest.n;) {
        size_t here = text.n - rest.n;
        if (!utf8_next(&rest, &c)) break;
        enum direction direction = direction_of(c);
        if (direction == NEUTRAL || (direction == RIGHT_TO_LEFT) == look.rtl) continue;
        if (here > from) put_piece(out, str_sub(text, from, here), &look);
        from = here;
        look.rtl = direction == RIGHT_TO_LEFT;
    }
    if (from < text.n) put_piece(out, str_sub(text, from, text.n), &look);
}

/* ---- footnote marks ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Whether a raised run could be the mark of a footnote rather than an exponent ("m2", "10-3"). */
static bool may_be_mark(const struct runs *runs, size_t i) {
    const struct run *r = runs->run + i;
    if (!(r->flags & SPAN_SUPER) || r->link.n || r->to - r->from > MAX_LABEL) return false;
    if (r->from == 0) return false;
    char before = runs->text.s[r->from - 1];
    char second = r->from > 1 ? runs->text.s[r->from - 2] : ' ';
    bool unit = second == ' ' || second == '/' || second == '(' || is_digit(second);
    return !is_digit(before) && !unit;
}

static void put_mark(struct export *e, struct str label) {
    struct stream *xml = &e->body.xml;
    int64_t start = stream_length(xml);
    put_piece(&xml->out, label, &(struct look){.flags = SPAN_SUPER});
    int64_t n = stream_length(xml) - start;
    if (n > MARK_ROOM || !e->block->n_places) return;
    buf_fill(&xml->out, ' ', (int)(MARK_ROOM - n));
    if (e->n_marks == MAX_MARKS) memmove(e->marks, e->marks + 1, --e->n_marks * sizeof *e->marks);
    struct raised_mark *mark = e->marks + e->n_marks++;
    *mark = (struct raised_mark){.at = start, .first_page = block_page(e->block)};
    mark->last_page = e->block->places[e->block->n_places - 1].page;
    memcpy(mark->label, label.s, label.n);
}

/* Turns the mark of this footnote into a reference; false when there is none. */
static bool bind_mark(struct export *e, struct str label, int id) {
    int page = block_page(e->block);
    for (size_t i = 0; i < e->n_marks; i++) {
        struct raised_mark *mark = e->marks + i;
        if (page < mark->first_page || page > mark->last_page) continue;
        if (!str_eq(str_from(mark->label), label)) continue;
        struct buf reference;
        buf_open(&reference, 0);
        buf_printf(&reference,
                   "<w:r><w:rPr><w:rStyle w:val=\"FootnoteReference\"/></w:rPr>"
                   "<w:footnoteReference w:customMarkFollows=\"1\" w:id=\"%d\"/><w:t>",
                   id);
        put_markup(&reference, label);
        buf_puts(&reference, "</w:t></w:r>");
        bool fits = reference.n <= MARK_ROOM;
        if (fits) {
            buf_fill(&reference, ' ', MARK_ROOM - (int)reference.n);
            stream_patch(&e->body.xml, mark->at, buf_str(&reference));
            memmove(mark, mark + 1, (e->n_marks - i - 1) * sizeof *mark);
            e->n_marks--;
        }
        buf_close(&reference);
        return fits;
    }
    return false;
}

/* ---- text ---- */

/* Opens the link, if it is one we write; returns whether it did. */
static bool open_link(struct export *e, struct text_part *part, struct str target) {
    int page;
    enum link_kind kind = target.n ? link_kind(target, &page) : LINK_NONE;
    if (kind == LINK_PAGE && !document_has_page(e->document, page)) return false;
    if (kind == LINK_PAGE) {
        buf_printf(&part->xml.out, "<w:hyperlink w:anchor=\"page_%d\" w:history=\"1\">", page);
    } else if (kind == LINK_WEB) {
        struct buf uri;
        buf_open(&uri, 0);
        put_uri(&uri, target);
        int id = add_relation(part, "hyperlink", buf_str(&uri), true);
        buf_close(&uri);
        buf_printf(&part->xml.out, "<w:hyperlink r:id=\"rId%d\" w:history=\"1\">", id);
    }
    return kind != LINK_NONE;
}

static void put_runs(struct export *e, struct text_part *part, const struct runs *runs) {
    for (size_t i = 0; i < runs->n; i++) {
        const struct run *r = runs->run + i;
        struct str text = str_sub(runs->text, r->from, r->to);
        if (part == &e->body && may_be_mark(runs, i)) {
            put_mark(e, text);
            continue;
        }
        bool link = open_link(e, part, r->link);
        put_text(&part->xml.out, text, (struct look){.flags = r->flags, .link = link},
                 e->block->rtl);
        if (link) buf_puts(&part->xml.out, "</w:hyperlink>");
    }
}

/* ---- paragraphs ---- */

/* style: NULL for Normal; list and rest: properties that come before and behind <w:bidi/>. */
static void begin_paragraph(struct export *e, struct buf *out, const char *style, struct str list,
                            struct str rest) {
    bool rtl = e->block && e->block->rtl;
    bool space = e->after_table && out == &e->body.xml.out; // tables have none behind them
    buf_puts(out, "<w:p>");
    if (!style && !list.n && !rest.n && !rtl && !space) return;
    buf_puts(out, "<w:pPr>");
    if (style) buf_printf(out, "<w:pStyle w:val=\"%s\"/>", style);
    buf_put(out, list);
    if (rtl) buf_puts(out, "<w:bidi/>");
    if (space) buf_puts(out, "<w:spacing w:before=\"160\"/>");
    buf_put(out, rest);
    buf_puts(out, "</w:pPr>");
}

static void put_paragraph(struct export *e, const char *style, const struct runs *runs) {
    if (!runs->text.n) return;
    begin_paragraph(e, &e->body.xml.out, style, (struct str){0}, (struct str){0});
    put_runs(e, &e->body, runs);
    buf_puts(&e->body.xml.out, "</w:p>");
    e->after_table = false;
}

static void put_heading(struct export *e, const struct block *block, const struct runs *runs) {
    int level = block->level < 1 ? 1 : block->level > 6 ? 6 : block->level;
    struct runs plain = runs_without(runs, runs_common_flags(runs) & SPAN_BOLD, e->arena);
    put_paragraph(e, arena_printf(e->arena, "Heading%d", level).s, &plain);
}

static void put_code(struct export *e, const struct block *block) {
    struct str text = code_text(block->spans, e->arena);
    if (!text.n) return;
    begin_paragraph(e, &e->body.xml.out, "Code", (struct str){0}, (struct str){0});
    put_piece(&e->body.xml.out, text, &(struct look){0});
    buf_puts(&e->body.xml.out, "</w:p>");
    e->after_table = false;
}

static void put_quote(struct export *e, const struct block *block, const struct runs *runs) {
    if (!runs->text.n) return;
    int depth = block->level < 0 ? 0 : block->level > DOCX_LEVELS ? DOCX_LEVELS : block->level;
    struct str indent = {0};
    if (depth)
        indent =
            arena_printf(e->arena, "<w:ind w:left=\"%d\" w:right=\"360\"/>", 360 * (depth + 1));
    begin_paragraph(e, &e->body.xml.out, "Quote", (struct str){0}, indent);
    put_runs(e, &e->body, runs);
    buf_puts(&e->body.xml.out, "</w:p>");
    e->after_table = false;
}

/* ---- lists ---- */

/* The w:numId for an item: that of the list it continues, or a new one that starts at its number. */
static int list_of(struct export *e, int depth, int abstract, int number) {
    struct list_state *s = e->list + depth;
    for (int i = depth + 1; i < DOCX_LEVELS; i++) e->list[i].open = false;
    if (abstract == 0) {
        s->open = false;
        return 1;
    }
    if (!s->open || s->abstract != abstract || number != s->number + 1) {
        *s = (struct list_state){.open = true, .abstract = abstract, .list = ++e->n_lists};
        buf_printf(
            &e->lists.out,
            "<w:num w:numId=\"%d\"><w:abstractNumId w:val=\"%d\"/><w:lvlOverride w:ilvl=\"%d\">"
            "<w:startOverride w:val=\"%d\"/></w:lvlOverride></w:num>",
            s->list, abstract, depth, number);
        e->used_numbers |= 1u << abstract;
    }
    s->number = number;
    return s->list;
}

/* An item whose mark is text: a label Word cannot count to, or a check box. */
static void put_labelled_item(struct export *e, struct str label, int depth,
                              const struct runs *runs) {
    struct buf *out = &e->body.xml.out;
    for (int i = depth; i < DOCX_LEVELS; i++) e->list[i].open = false;
    int n = (int)utf8_length(label),
        more = n > 3 ? (n < 20 ? n - 3 : 17) * 120 : 0; // for the label
    struct str indent = arena_printf(e->arena, "<w:ind w:left=\"%d\" w:hanging=\"%d\"/>",
                                     DOCX_INDENT * (depth + 1) + 280 + more, DOCX_INDENT + more);
    begin_paragraph(e, out, "ListParagraph", (struct str){0}, indent);
    put_text(out, label, (struct look){0}, e->block->rtl);
    buf_puts(out, "<w:r><w:tab/></w:r>");
    put_runs(e, &e->body, runs);
    buf_puts(out, "</w:p>");
}

static void put_list_item(struct export *e, const struct block *block, const struct runs *runs) {
    const struct list_mark *mark = &block->mark;
    int depth = block->level < 0 ? 0 : block->level >= DOCX_LEVELS ? DOCX_LEVELS - 1 : block->level;
    enum docx_form form = FORM_DOT;
    bool bullet = mark->style == NUMBER_NONE;
    if (mark->check != CHECK_NONE) {
        put_labelled_item(e, mark->check == CHECK_DONE ? STR("\xe2\x98\x92") : STR("\xe2\x98\x90"),
                          depth, runs);
    } else if (!bullet && !docx_form_of(mark, &form)) {
        put_labelled_item(e, mark->label, depth, runs);
    } else {
        int list = list_of(e, depth, docx_abstract_number(mark->style, form), mark->number);
        struct str number = arena_printf(
            e->arena, "<w:numPr><w:ilvl w:val=\"%d\"/><w:numId w:val=\"%d\"/></w:numPr>", depth,
            list);
        begin_paragraph(e, &e->body.xml.out, "ListParagraph", number, (struct str){0});
        put_runs(e, &e->body, runs);
        buf_puts(&e->body.xml.out, "</w:p>");
    }
    e->after_table = false;
}

/* ---- tables ---- */

/* Column widths in twentieths of a point, from the text in them: as much as the longest cell, up to
 * a line of 40 characters. Cells over several columns say nothing about each. */
static int *column_widths(struct export *e, const struct table *table) {
    int text_width = e->page_width - 2 * e->margin;
    int *width = ARENA_ARRAY(e->arena, (size_t)table->n_cols, int);
    for (int i = 0; i < table->n_cols; i++) width[i] = 5;
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = table->cells + i;
        size_t n = utf8_length(spans_text(cell->spans, e->arena));
        int want = n > 40 ? 40 : (int)n;
        if (cell->col_span == 1 && want > width[cell->col]) width[cell->col] = want;
    }
    int sum = 0, used = 0;
    for (int i = 0; i < table->n_cols; i++) sum += width[i];
    for (int i = 0; i < table->n_cols; i++) {
        width[i] = i + 1 < table->n_cols ? text_width * width[i] / sum : text_width - used;
        used += width[i];
    }
    return width;
}

static void put_cell_properties(struct buf *out, const struct cell *cell, const int *width,
                                bool first) {
    int w = 0;
    for (int k = cell->col; k < cell->col + cell->col_span; k++) w += width[k];
    buf_printf(out, "<w:tcPr><w:tcW w:w=\"%d\" w:type=\"dxa\"/>", w);
    if (cell->col_span > 1) buf_printf(out, "<w:gridSpan w:val=\"%d\"/>", cell->col_span);
    if (cell->row_span > 1) buf_puts(out, first ? "<w:vMerge w:val=\"restart\"/>" : "<w:vMerge/>");
    buf_puts(out, "</w:tcPr>");
}

static void put_cell(struct export *e, const struct cell *cell, const int *width, bool first) {
    struct buf *out = &e->body.xml.out;
    buf_puts(out, "<w:tc>");
    put_cell_properties(out, cell, width, first);
    begin_paragraph(e, out, cell->header ? "TableHead" : "TableText", (struct str){0},
                    (struct str){0});
    if (first) {
        struct runs runs = runs_of(cell->spans, true, e->arena);
        unsigned bold = cell->header ? runs_common_flags(&runs) & SPAN_BOLD : 0;
        struct runs plain = runs_without(&runs, bold, e->arena);
        put_runs(e, &e->body, &plain);
    }
    buf_puts(out, "</w:p></w:tc>");
}

static void begin_table(struct export *e, const struct table *table, const int *width) {
    struct buf *out = &e->body.xml.out;
    buf_puts(out, "<w:tbl><w:tblPr><w:tblStyle w:val=\"TableGrid\"/>");
    if (e->block->rtl) buf_puts(out, "<w:bidiVisual/>");
    buf_printf(out, "<w:tblW w:w=\"%d\" w:type=\"dxa\"/><w:tblLayout w:type=\"fixed\"/>",
               e->page_width - 2 * e->margin);
    buf_puts(out, "<w:tblLook w:val=\"0420\" w:firstRow=\"1\" w:lastRow=\"0\" w:firstColumn=\"0\" "
                  "w:lastColumn=\"0\" w:noHBand=\"0\" w:noVBand=\"1\"/></w:tblPr><w:tblGrid>");
    for (int i = 0; i < table->n_cols; i++) buf_printf(out, "<w:gridCol w:w=\"%d\"/>", width[i]);
    buf_puts(out, "</w:tblGrid>");
}

/* One row: cells that begin in it, and cells from above that go on. */
static size_t put_row(struct export *e, const struct table *table, const struct cell **above,
                      int row, size_t next, const int *width) {
    struct buf *out = &e->body.xml.out;
    buf_puts(out, "<w:tr><w:trPr><w:cantSplit/>");
    if (row < table->n_header_rows) buf_puts(out, "<w:tblHeader/>");
    buf_puts(out, "</w:trPr>");
    for (int col = 0; col < table->n_cols;) {
        bool begins =
            next < table->n_cells && table->cells[next].row == row && table->cells[next].col == col;
        if (begins) above[col] = table->cells + next++;
        if (!above[col]) break; // the grid has a hole: document.h says it has none
        put_cell(e, above[col], width, begins);
        col += above[col]->col_span;
    }
    buf_puts(out, "</w:tr>");
    return next;
}

/* More columns than Word can have: a line a row, cells set apart by tabs. */
static void put_wide_table(struct export *e, const struct table *table) {
    struct buf *out = &e->body.xml.out;
    for (size_t i = 0; i < table->n_cells; i++) {
        bool first = i == 0 || table->cells[i].row != table->cells[i - 1].row;
        bool last = i + 1 == table->n_cells || table->cells[i + 1].row != table->cells[i].row;
        if (first) begin_paragraph(e, out, "TableText", (struct str){0}, (struct str){0});
        if (!first) buf_puts(out, "<w:r><w:tab/></w:r>");
        struct runs runs = runs_of(table->cells[i].spans, false, e->arena);
        put_runs(e, &e->body, &runs);
        if (last) buf_puts(out, "</w:p>");
        stream_rest(&e->body.xml);
    }
    e->after_table = false;
}

/* Two tables in a row would become one, and a document must not end in one. */
static void put_space_after_table(struct export *e) {
    if (!e->after_table) return;
    buf_puts(&e->body.xml.out, "<w:p><w:pPr><w:spacing w:after=\"0\"/></w:pPr></w:p>");
    e->after_table = false;
}

static void put_table(struct export *e, const struct table *table) {
    put_space_after_table(e);
    if (table->n_cols > MAX_TABLE_COLUMNS) {
        put_wide_table(e, table);
        return;
    }
    const int *width = column_widths(e, table);
    const struct cell **above = ARENA_ARRAY(e->arena, (size_t)table->n_cols, const struct cell *);
    begin_table(e, table, width);
    size_t next = 0;
    for (int row = 0; row < table->n_rows; row++) {
        next = put_row(e, table, above, row, next, width);
        stream_rest(&e->body.xml);
    }
    buf_puts(&e->body.xml.out, "</w:tbl>");
    e->after_table = true;
}

/* ---- pictures ---- */

/* The size on the page, made to fit the text: hundredths of a point. */
static void picture_size(const struct export *e, const struct block *block, int64_t *w,
                         int64_t *h) {
    int64_t max_w = (int64_t)(e->page_width - 2 * e->margin) * 5;
    int64_t max_h = (int64_t)(e->page_height - 2 * e->margin) * 5;
    struct rect r = block->n_places ? block->places[0].bbox : (struct rect){0};
    *w = hundredths(r.x1) - hundredths(r.x0);
    *h = hundredths(r.y1) - hundredths(r.y0);
    if (*w <= 0 || *h <= 0) { // 96 dpi
        *w = (int64_t)block->figure->width_px * 75;
        *h = (int64_t)block->figure->height_px * 75;
    }
    if (*w <= 0 || *h <= 0) *w = *h = 7200;
    if (*w > max_w) {
        *h = *h * max_w / *w;
        *w = max_w;
    }
    if (*h > max_h) {
        *w = *w * max_h / *h;
        *h = max_h;
    }
    if (*w < 100) *w = 100;
    if (*h < 100) *h = 100;
}

static int add_picture(struct export *e, struct str png) {
    e->pictures = mem_grow(e->pictures, e->n_pictures, &e->cap_pictures, sizeof(struct stream));
    struct stream *s = e->pictures + e->n_pictures++;
    stream_open(s, &e->spool);
    buf_put(&s->out, png);
    stream_flush(s);
    buf_close(&s->out);
    return add_relation(&e->body, "image",
                        arena_printf(e->arena, "media/image%zu.png", e->n_pictures), false);
}

static void put_drawing(struct export *e, const struct block *block) {
    struct buf *out = &e->body.xml.out;
    int64_t w, h;
    picture_size(e, block, &w, &h);
    long long cx = (long long)w * EMU_PER_HUNDREDTH, cy = (long long)h * EMU_PER_HUNDREDTH;
    int relation = add_picture(e, block->figure->png);
    int n = (int)e->n_pictures;
    buf_printf(out,
               "<w:r><w:drawing><wp:inline distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\">"
               "<wp:extent cx=\"%lld\" cy=\"%lld\"/><wp:docPr id=\"%d\" name=\"Picture %d\"",
               cx, cy, n, n);
    put_attribute(out, "descr", block->figure->alt);
    buf_printf(out,
               "/><a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/"
               "picture\"><pic:pic><pic:nvPicPr><pic:cNvPr id=\"%d\" name=\"image%d.png\"/>"
               "<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"rId%d\"/>"
               "<a:stretch><a:fillRect/></a:stretch></pic:blipFill>",
               n, n, relation);
    buf_printf(
        out,
        "<pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"%lld\" cy=\"%lld\"/></a:xfrm>"
        "<a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData>"
        "</a:graphic></wp:inline></w:drawing></w:r>",
        cx, cy);
}

static void put_figure(struct export *e, const struct block *block, const struct runs *runs) {
    bool formula = block->kind == BLOCK_FORMULA;
    if (block->figure && block->figure->png.n) {
        begin_paragraph(e, &e->body.xml.out, formula ? "Formula" : "Figure", (struct str){0},
                        (struct str){0});
        put_drawing(e, block);
        buf_puts(&e->body.xml.out, "</w:p>");
        e->after_table = false;
    }
    put_paragraph(e, formula ? "Formula" : "FigureText", runs);
}

/* ---- footnotes ---- */

static void put_note(struct export *e, struct str label, const struct runs *runs, int id) {
    struct buf *out = &e->notes.xml.out;
    buf_printf(out, "<w:footnote w:id=\"%d\">", id);
    begin_paragraph(e, out, "FootnoteText", (struct str){0}, (struct str){0});
    put_piece(out, label, &(struct look){.style = "FootnoteReference"});
    put_piece(out, STR(" "), &(struct look){0});
    put_runs(e, &e->notes, runs);
    buf_puts(out, "</w:p></w:footnote>");
    stream_rest(&e->notes.xml);
    stream_rest(&e->notes.relations);
}

static void put_footnote(struct export *e, const struct block *block, const struct runs *runs) {
    struct str label = block->mark.label;
    if (label.n && bind_mark(e, label, e->n_notes + 1)) {
        put_note(e, label, runs, ++e->n_notes);
        return;
    }
    struct buf *out = &e->body.xml.out;
    begin_paragraph(e, out, "FootnoteText", (struct str){0}, (struct str){0});
    if (label.n) {
        put_piece(out, label, &(struct look){.flags = SPAN_SUPER});
        put_piece(out, STR(" "), &(struct look){0});
    }
    put_runs(e, &e->body, runs);
    buf_puts(out, "</w:p>");
    e->after_table = false;
}

/* ---- blocks ---- */

static void start_pages(struct export *e, int page) {
    struct buf *out = &e->body.xml.out;
    const struct page_info *info;
    while ((info = page_walk_next(&e->walk, page))) {
        int id = e->n_bookmarks++;
        buf_printf(out,
                   "<w:bookmarkStart w:id=\"%d\" w:name=\"page_%d\"/><w:bookmarkEnd w:id=\"%d\"/>",
                   id, info->number, id);
    }
}

static void put_block(struct export *e, const struct block *block) {
    struct runs runs = runs_of(block->spans, false, e->arena);
    switch (block->kind) {
    case BLOCK_HEADING: put_heading(e, block, &runs); break;
    case BLOCK_LIST_ITEM: put_list_item(e, block, &runs); break;
    case BLOCK_TABLE:
        if (block->table && block->table->n_cells) put_table(e, block->table);
        break;
    case BLOCK_FIGURE:
    case BLOCK_FORMULA: put_figure(e, block, &runs); break;
    case BLOCK_CAPTION: put_paragraph(e, "Caption", &runs); break;
    case BLOCK_CODE: put_code(e, block); break;
    case BLOCK_QUOTE: put_quote(e, block, &runs); break;
    case BLOCK_FOOTNOTE: put_footnote(e, block, &runs); break;
    case BLOCK_FURNITURE:
        put_paragraph(e, e->options.furniture == FURNITURE_MARK ? "Furniture" : NULL, &runs);
        break;
    default: put_paragraph(e, NULL, &runs); break;
    }
}

/* ---- the writer ---- */

static void set_page_size(struct export *e) {
    enum { A4_WIDTH = 11906, A4_HEIGHT = 16838, MIN_SIDE = 2880, MAX_SIDE = 31680, MARGIN = 1440 };
    e->page_width = A4_WIDTH;
    e->page_height = A4_HEIGHT;
    if (e->document->n_page_infos) {
        int64_t w = hundredths(e->document->pages[0].width) / 5;
        int64_t h = hundredths(e->document->pages[0].height) / 5;
        if (w > 0) e->page_width = w < MIN_SIDE ? MIN_SIDE : w > MAX_SIDE ? MAX_SIDE : (int)w;
        if (h > 0) e->page_height = h < MIN_SIDE ? MIN_SIDE : h > MAX_SIDE ? MAX_SIDE : (int)h;
    }
    int side = e->page_width < e->page_height ? e->page_width : e->page_height;
    e->margin = side / 6 < MARGIN ? side / 6 : MARGIN;
}

static enum status docx_open(const struct document *document, const struct export_options *options,
                             int fd, int scratch_fd, struct export **out, struct error *err) {
    (void)err;
    struct export *e = mem_alloc(sizeof *e);
    e->fd = fd;
    e->arena = arena_new();
    e->document = document;
    e->options = *options;
    e->walk.document = document;
    e->spool = (struct spool){.fd = scratch_fd};
    struct stream *streams[N_STREAMS];
    list_streams(e, streams);
    for (size_t i = 0; i < N_STREAMS; i++) stream_open(streams[i], &e->spool);
    e->body.n_relations = DOCX_FIXED_RELATIONS;
    e->n_lists = 1; // the bullets
    set_page_size(e);
    buf_puts(&e->body.xml.out, XML_HEAD
             "<w:document " W_NS " " R_NS
             " xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/"
             "wordprocessingDrawing\" xmlns:a=\"http://schemas.openxmlformats.org/drawingml/"
             "2006/main\" xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/"
             "picture\"><w:body>");
    *out = e;
    return STATUS_OK;
}

static enum status check(const struct export *e, struct error *err) {
    if (e->spool.status == STATUS_OK) return STATUS_OK;
    return fail(err, e->spool.status, "cannot write the DOCX: no space left or write refused");
}

static enum status docx_block(struct export *e, const struct block *block, struct error *err) {
    if (block->kind == BLOCK_FURNITURE && e->options.furniture == FURNITURE_DROP) return STATUS_OK;
    e->block = block;
    start_pages(e, block_page(block));
    put_block(e, block);
    e->block = NULL;
    arena_reset(e->arena);
    stream_rest(&e->body.xml);
    stream_rest(&e->body.relations);
    stream_rest(&e->lists);
    return check(e, err);
}

static void end_streams(struct export *e) {
    put_space_after_table(e);
    buf_printf(&e->body.xml.out,
               "<w:sectPr><w:pgSz w:w=\"%d\" w:h=\"%d\"%s/><w:pgMar w:top=\"%d\" w:right=\"%d\" "
               "w:bottom=\"%d\" w:left=\"%d\" w:header=\"%d\" w:footer=\"%d\" w:gutter=\"0\"/>"
               "</w:sectPr></w:body></w:document>",
               e->page_width, e->page_height,
               e->page_width > e->page_height ? " w:orient=\"landscape\"" : "", e->margin,
               e->margin, e->margin, e->margin, e->margin / 2, e->margin / 2);
    buf_puts(&e->body.relations.out, "</Relationships>");
    buf_puts(&e->lists.out, "</w:numbering>");
    buf_puts(&e->notes.xml.out, "</w:footnotes>");
    buf_puts(&e->notes.relations.out, "</Relationships>");
}

/* The parts in their order. Those made now live in the arena. */
static size_t list_parts(struct export *e, struct part *parts) {
    bool notes = e->n_notes > 0;
    struct buf head[9];
    for (size_t i = 0; i < 9; i++) buf_open(head + i, 0);
    docx_put_content_types(head + 0, notes);
    docx_put_root_relations(head + 1);
    docx_put_core(head + 2, e->document, e->options.source_date);
    docx_put_app(head + 3);
    docx_put_document_relations(head + 4, notes);
    docx_put_styles(head + 5, e->document->language);
    docx_put_numbering_head(head + 6, e->used_numbers);
    docx_put_settings(head + 7, notes);
    docx_put_footnotes_head(head + 8);
    struct str text[9];
    for (size_t i = 0; i < 9; i++) {
        text[i] = arena_str(e->arena, buf_str(head + i));
        buf_close(head + i);
    }
    const struct part fixed[] = {
        {STR("[Content_Types].xml"), text[0], NULL, false},
        {STR("_rels/.rels"), text[1], NULL, false},
        {STR("docProps/core.xml"), text[2], NULL, false},
        {STR("docProps/app.xml"), text[3], NULL, false},
        {STR("word/document.xml"), {0}, &e->body.xml, false},
        {STR("word/_rels/document.xml.rels"), text[4], &e->body.relations, false},
        {STR("word/styles.xml"), text[5], NULL, false},
        {STR("word/numbering.xml"), text[6], &e->lists, false},
        {STR("word/settings.xml"), text[7], NULL, false},
        {STR("word/footnotes.xml"), text[8], &e->notes.xml, false},
        {STR("word/_rels/footnotes.xml.rels"), docx_relations_head(), &e->notes.relations, false},
    };
    size_t n = sizeof fixed / sizeof *fixed - (notes ? 0 : 2);
    memcpy(parts, fixed, n * sizeof *parts);
    for (size_t i = 0; i < e->n_pictures; i++)
        parts[n++] = (struct part){
            arena_printf(e->arena, "word/media/image%zu.png", i + 1), {0}, e->pictures + i, true};
    return n;
}

static enum status write_package(struct export *e, struct error *err) {
    enum { N_FIXED = 11 };
    struct part *parts = ARENA_ARRAY(e->arena, N_FIXED + e->n_pictures, struct part);
    size_t n = list_parts(e, parts);
    struct stream *streams[N_STREAMS];
    list_streams(e, streams);
    for (size_t i = 0; i < N_STREAMS; i++) stream_flush(streams[i]);
    TRY(check(e, err));
    return package_write(e->fd, parts, n, err);
}

static enum status docx_close(struct export *e, struct error *err) {
    start_pages(e, INT_MAX);
    end_streams(e);
    enum status status = check(e, err);
    if (status == STATUS_OK) status = write_package(e, err);
    struct stream *streams[N_STREAMS];
    list_streams(e, streams);
    for (size_t i = 0; i < N_STREAMS; i++) stream_close(streams[i]);
    for (size_t i = 0; i < e->n_pictures; i++) stream_close(e->pictures + i);
    mem_free(e->pictures);
    arena_free(e->arena);
    mem_free(e);
    return status;
}

const struct exporter exporter_docx = {
    .name = "docx",
    .extension = ".docx",
    .media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    .open = docx_open,
    .block = docx_block,
    .close = docx_close,
};
