/*
 * pipeline/tiff.h - TIFF and BigTIFF from memory. libtiff's home is tiff.c.
 */
#ifndef PIPELINE_TIFF_H
#define PIPELINE_TIFF_H

#include "pipeline/bitmap.h"

struct tiff;

struct tiff_look {       // what surrounds the pixels of a page
    int orientation;     // 1..8, not yet applied
    double x_dpi, y_dpi; // 0: not told
};

/* Errors: FORMAT; EMPTY when there is no picture in it. */
enum status tiff_open(struct str bytes, struct tiff **out, struct error *err);
void tiff_close(struct tiff *tiff); // NULL is fine

/* Pages proper: thumbnails and masks are not counted, a directory is counted once. */
int tiff_n_pages(const struct tiff *tiff);

/* Decodes page number, from 1. Parts that cannot be decoded stay white; tiff_warning() then says
 * so. Errors: FORMAT, UNSUPPORTED, LIMIT. */
enum status tiff_page(struct tiff *tiff, int number, size_t max_pixels, struct bitmap *out,
                      struct tiff_look *look, struct error *err);

/* What libtiff complained about while the last page was decoded; "" when nothing. */
const char *tiff_warning(const struct tiff *tiff);

#endif
