/*
 * layout/table.h - tables on a sheet.
 *
 *   rulings that cross  --> grid.c     cells between lines, spans where a line is missing
 *   rulings that do not --> aligned.c  rows between or under horizontal rules
 *   none                --> aligned.c  rows and columns by alignment, given enough evidence
 *
 * All three fill a struct raw_table; table_block() makes it a block.
 */
#ifndef LAYOUT_TABLE_H
#define LAYOUT_TABLE_H

#include "layout/sheet.h"

/* Set in the sheet's words that belong to a table or figure already. */
enum { WORD_TAKEN = 1 << 16 };

struct raw_cell {
    int row, col, row_span, col_span;
    bool header;
    const struct word **words;
    size_t n_words;
};

struct raw_table {
    int n_rows, n_cols, n_header_rows;
    struct raw_cell *cells; // sorted by row, then column; they tile the grid
    size_t n_cells;
    struct rect bbox; // of the grid and its words
    float confidence;
    struct raw_table *next;
};

/* Finds the tables; their words are flagged WORD_TAKEN. In order of discovery. */
struct raw_table *tables_find(struct sheet *sheet);

/* Parts of tables_find(), in the order it calls them. Each returns a list. */
struct raw_table *grids_find(struct sheet *sheet);      // grid.c
struct raw_table *ruled_rows_find(struct sheet *sheet); // aligned.c: horizontal rules only
struct raw_table *aligned_find(struct sheet *sheet);    // aligned.c: no rules

/* The table as a block of the page, boxes in page space. */
struct block *table_block(const struct sheet *sheet, const struct raw_table *table);

/* Shared by the finders. */
bool text_is_number(struct str text); // "12.5 %", "(3)", "-", "1,024": a value, not a word
int words_in(const struct sheet *sheet, struct rect r,
             const struct word **out); // by their middle, not taken; out may be NULL
float words_median_size(const struct word *const *words, size_t n, float fallback);
void words_take(const struct word *const *words, size_t n);

#endif
