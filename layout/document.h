/*
 * layout/document.h - what a document is after it has been understood: blocks in reading order.
 *
 *   document (title, pages, ...)     block --> block --> block --> ...      in reading order
 *
 * This is what exporters write and what the JSON form (docs/json.md) holds in full. Blocks come one
 * by one: a document of 10,000 pages is never in memory as a whole. Text is valid UTF-8 (str.h) in
 * logical order and NFC. Every block and cell knows where it came from: its places, one a page.
 *
 * Units: PDF points (1/72 inch), origin top left of the upright page, y down.
 */
#ifndef LAYOUT_DOCUMENT_H
#define LAYOUT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/str.h"

struct rect {
    float x0, y0, x1, y1; // pt, x0 <= x1, y0 <= y1
};

enum engine_id { ENGINE_NONE, ENGINE_TEXT, ENGINE_TESSERACT, N_ENGINES };

enum block_kind {
    BLOCK_PARAGRAPH,
    BLOCK_HEADING,
    BLOCK_LIST_ITEM,
    BLOCK_TABLE,
    BLOCK_FIGURE,
    BLOCK_CAPTION,
    BLOCK_CODE,
    BLOCK_QUOTE,
    BLOCK_FORMULA,
    BLOCK_FOOTNOTE,
    BLOCK_FURNITURE, // running head or foot, page number, watermark
    N_BLOCK_KINDS
};

enum span_flag {
    SPAN_BOLD = 1,
    SPAN_ITALIC = 2,
    SPAN_MONO = 4,
    SPAN_SUPER = 8,
    SPAN_SUB = 16,
};

/* A run of text of one style. '\n' stands only in code blocks and cells: a hard line break. */
struct span {
    struct str text;
    unsigned flags;  // enum span_flag
    struct str link; // URI, or "#page=N" for a place in the document; empty: none
    struct span *next;
};

struct place {
    int page; // from 1
    struct rect bbox;
};

/* A cell covers rows [row, row + row_span) and columns [col, col + col_span). */
struct cell {
    int row, col, row_span, col_span; // spans >= 1
    bool header;
    struct span *spans; // may be NULL: an empty cell
    struct place place;
};

/* Every place of the grid is covered by exactly one cell; cells are sorted by row, then column. */
struct table {
    int n_rows, n_cols, n_header_rows;
    struct cell *cells;
    size_t n_cells;
};

struct figure {
    struct str name; // of the PNG, "p3-1.png", beside the output; empty when it was not cut out
    struct str png;  // its bytes; empty when it was not cut out
    int width_px, height_px;
    struct str alt; // what it shows: caption or words inside it; may be empty
};

enum number_style {
    NUMBER_NONE,
    NUMBER_DECIMAL,
    NUMBER_LOWER_ALPHA,
    NUMBER_UPPER_ALPHA,
    NUMBER_LOWER_ROMAN,
    NUMBER_UPPER_ROMAN
};
enum check_box { CHECK_NONE, CHECK_EMPTY, CHECK_DONE };

struct list_mark {
    struct str label;        // as printed: "3.", "(a)", "•"; not part of the block's text
    enum number_style style; // NUMBER_NONE: a bullet
    int number;              // 3 for "3." and "(c)"; 0 for a bullet
    enum check_box check;
};

enum furniture_kind { FURNITURE_HEADER, FURNITURE_FOOTER, FURNITURE_PAGE_NUMBER, FURNITURE_OTHER };

struct block {
    enum block_kind kind;
    int level;            // heading: 1..6; list item and quote: depth from 0
    struct place *places; // at least one, in reading order
    size_t n_places;
    enum engine_id engine; // who read the text
    float confidence;      // 0..1; 1 for a sound PDF text layer
    bool rtl;              // base direction of the paragraph, or of the table's columns
    struct span *spans;    // all kinds but table; a figure's are the words found inside it
    struct table *table;   // table only
    struct figure *figure; // figure only; formula may have one too
    struct list_mark mark; // list item; footnote: label is the mark it is bound to
    enum furniture_kind furniture;
    struct block *next; // for lists of blocks; exporters ignore it
};

/* How a page fared. */
enum page_state { PAGE_OK, PAGE_DEGRADED, PAGE_FAILED, N_PAGE_STATES };

struct page_info {
    int number;          // from 1
    struct str label;    // as the PDF calls it ("iv"); empty when it has no label of its own
    float width, height; // pt, upright
    int rotation;        // quarter turns clockwise that made the page upright: 0, 90, 180, 270
    float skew_deg;      // what was turned away after that, counter-clockwise positive
    enum engine_id engine;
    struct str reason; // why this engine: "text layer", "no text layer", "garbled text layer", ...
    enum page_state state;
    struct str
        message; // what went wrong when the state is not OK; warnings otherwise; may be empty
    float confidence;
    struct str language; // what Tesseract was told, "eng+fra"; empty for the text layer
};

struct document {
    struct str source;                                     // the input's name, as given
    struct str title, author, subject, keywords, language; // language: BCP 47, may be empty
    struct str created;      // from the document's own metadata, RFC 3339, may be empty
    int n_pages;             // in the source
    struct page_info *pages; // the pages converted, ascending
    size_t n_page_infos;
};

extern const char *const block_kind_names[N_BLOCK_KINDS]; // "paragraph", ...
extern const char *const engine_names[N_ENGINES];         // "none", "text", "tesseract"
extern const char *const page_state_names[N_PAGE_STATES]; // "ok", "degraded", "failed"
extern const char *const furniture_names[4];    // "header", "footer", "page-number", "other"
extern const char *const number_style_names[6]; // "bullet", "decimal", "lower-alpha", ...
extern const char *const check_box_names[3];    // "none", "empty", "done"

/* The index of name in a table of n names, or -1. */
int name_index(const char *const *names, int n, struct str name);

float rect_width(struct rect r);
float rect_height(struct rect r);
struct rect rect_union(struct rect a, struct rect b);
struct rect rect_intersection(struct rect a, struct rect b); // empty (zero area) when apart
float rect_area(struct rect r);

/* The block's text without styles, copied into the arena. */
struct str spans_text(const struct span *spans, struct arena *arena);

#endif
