/*
 * layout/blocks.h - lines of a flow to paragraphs, list items, captions, code, and heading
 * candidates.
 */
#ifndef LAYOUT_BLOCKS_H
#define LAYOUT_BLOCKS_H

#include "layout/order.h"

/* A block in the making: its lines and what the classification needs to know of them. */
struct unit {
    struct line **lines;
    size_t n_lines;
    struct block *block; // kind decided so far; for solids the block itself
    struct rect bbox;    // sheet space
    const struct flow *flow;
    float size;
    int style;
    bool bold, italic, mono;
    float gap_above, gap_below; // pt of white between this and its neighbours in the flow
    float heading_score;        // see headings.c
    bool contents_row;          // "Title ..... 12"
    bool full_end;              // the last line reaches the right edge of its column
    struct unit *next;
};

/* Builds the units of all flows in order. Kinds: paragraph, list item, caption, code, footnote or
 * the solid's own; headings are decided later. */
struct unit *units_from_flows(struct sheet *sheet, struct flow *flows);

/* "3." "(a)" "iv)" "•" at the start of the text: fills *mark and returns the length of label and
 * blanks; 0 when there is none. */
size_t list_mark_parse(struct str text, struct list_mark *mark);

/* "Figure 3", "Tabelle 2:", "图 1" at the start. */
bool text_is_caption(struct str text);

#endif
