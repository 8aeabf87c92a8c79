/*
 * exporters/parts.h - what several writers need: text as runs, links, pages, grids, escaping.
 *
 * Numbers that come from floats are taken through hundredths() everywhere, so a document that went
 * through JSON (two decimals) gives the same bytes as the one it was written from.
 */
#ifndef EXPORTERS_PARTS_H
#define EXPORTERS_PARTS_H

#include "exporters/exporter.h"
#include "util/buf.h"

struct arena;

/* A stretch of one style in runs.text. Neighbours differ in flags or link. */
struct run {
    size_t from, to; // bytes of runs.text
    unsigned flags;  // enum span_flag
    struct str link; // empty: none
};

struct runs {
    struct str text;
    struct run *run;
    size_t n;
};

/* The spans as one text: white space collapsed and trimmed, equal neighbours merged; white space
 * between two runs of one style takes that style. keep_lines: '\n' stays. */
struct runs runs_of(const struct span *spans, bool keep_lines, struct arena *arena);

/* The flags all of the text shares: a heading set in bold says nothing by being bold. */
unsigned runs_common_flags(const struct runs *runs);

/* The same text with these flags gone. */
struct runs runs_without(const struct runs *runs, unsigned flags, struct arena *arena);

/* Text of code: spans joined, as they are, without line ends at the end. */
struct str code_text(const struct span *spans, struct arena *arena);

enum link_kind { LINK_NONE, LINK_WEB, LINK_PAGE };

/* What a link may be written as: LINK_WEB for http, https and mailto; LINK_PAGE, with the number,
 * for "#page=N"; LINK_NONE for everything else (javascript:, file:, ...), which stays text. */
enum link_kind link_kind(struct str target, int *page);

/* A URI, or a relative path, with all that could end it or is no URI character percent-encoded. */
void put_uri(struct buf *out, struct str uri);
void put_path(struct buf *out, struct str path);

/* Text for HTML and XML, also inside "attributes": & < > " become references; what XML 1.0 or HTML
 * forbid (control characters, noncharacters) is left out. */
void put_markup(struct buf *out, struct str text);
/* One attribute: a blank, name="value" with the value escaped. */
void put_attribute(struct buf *out, const char *name, struct str value);

/* True for a character that XML 1.0 and HTML can hold. */
bool is_markup_char(uint32_t c);

/* The tag when it looks like one of BCP 47 ("en", "pt-BR"), else the other. */
struct str language_tag(struct str tag, struct str otherwise);

int64_t hundredths(float value);                 // rounded; NaN is 0, huge values are clamped
float clamped_confidence(float value);           // into 0..1; NaN is 0
void put_hundredths(struct buf *out, int64_t n); // as a decimal number: 1250 is 12.5
void put_rect(struct buf *out, struct rect r, const char *between);

/* Which pages begin before a block: each page of the document comes once, in order. */
struct page_walk {
    const struct document *document;
    size_t next;
};
/* The next page with a number of at most `page` that was not returned before, or NULL. */
const struct page_info *page_walk_next(struct page_walk *walk, int page);

bool document_has_page(const struct document *document, int page);
int block_page(const struct block *block); // the page it starts on; 0 when it has no place

/* A grid without rows and columns in which no cell begins: HTML forbids them. row[r] is the row r's
 * new number; a cell's new span is row[c.row + c.row_span] - row[c.row]. */
struct grid {
    int *row; // [n_rows + 1]
    int *col; // [n_cols + 1]
    int n_rows, n_cols, n_header_rows;
};
struct grid grid_of(const struct table *table, struct arena *arena);

#endif
