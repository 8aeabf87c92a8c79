/*
 * layout/chart.h - charts drawn with rectangles and lines, so that their labels are not taken for
 * tables.
 */
#ifndef LAYOUT_CHART_H
#define LAYOUT_CHART_H

#include "layout/content.h"

struct arena;

/* Adds the charts it finds to the content's pictures: bars of one width that stand on one line, and
 * evenly spaced grid lines with numbers in steps at one end. Drawings grow by the labels that belong
 * to them, so that a picture cut out shows its scale. */
void charts_find(struct content *content, struct arena *arena);

#endif
