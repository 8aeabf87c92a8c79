/*
 * pipeline/draw.h - a page picture with what was understood drawn over it, for `docmill inspect`.
 * Cairo's home is draw.c.
 */
#ifndef PIPELINE_DRAW_H
#define PIPELINE_DRAW_H

#include "layout/content.h"
#include "pipeline/bitmap.h"

struct drawing;

/* Starts a drawing over a copy of the picture, which shows the page of content. Errors: NOMEM. */
enum status draw_new(const struct bitmap *picture, const struct content *content,
                     struct drawing **out, struct error *err);
/* Draws a block: its box, kind and number in reading order, an arrow from the block before; the grid
 * of a table. Parts on other pages are left out. */
void draw_add(struct drawing *drawing, const struct block *block);
/* Writes the PNG. Errors: IO. */
enum status draw_write(struct drawing *drawing, int fd, struct error *err);
void draw_free(struct drawing *drawing); // NULL is fine

/* What all workers would load on their own: fontconfig's configuration and caches. */
void draw_preload(void);

#endif
