/*
 * layout/order.h - reading order of a sheet: columns from white valleys.
 */
#ifndef LAYOUT_ORDER_H
#define LAYOUT_ORDER_H

#include "layout/line.h"
#include "layout/sheet.h"

/* A run of lines and solid boxes read one below the other: a column, or what spans the columns. */
struct flow {
    struct line **lines;
    size_t n;
    float x0, x1; // of the column
    struct flow *next;
};

/* Brings fragments and solids into reading order. Rows are taken from the top; as long as a white
 * strip of at least 0.8 of the body size runs down between them, with text on both sides, they are
 * columns, read one after the other and analysed again on their own. A row that closes all strips
 * ends the run: no masks for spanning titles are needed. */
struct flow *order_find(struct sheet *sheet, struct line **lines, size_t n);

#endif
