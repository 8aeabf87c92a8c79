/*
 * layout/chart.h - charts drawn with rectangles and lines, so that their labels are not taken for
 * tables.
 */
#ifndef LAYOUT_CHART_H
#define LAYOUT_CHART_H

#include "layout/sheet.h"

/* Adds the charts it finds to the sheet's pictures: bars of one width that stand on one line, and
 * evenly spaced grid lines with numbers in steps at one end; with the labels that belong to them. */
void charts_find(struct sheet *sheet);

#endif
