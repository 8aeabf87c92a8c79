/*
 * pipeline/image.h - picture files to bitmaps: upright, on white, 8 bits.
 *
 *   bytes --> sniff --> TIFF | BMP | JPEG 2000 | the rest (Leptonica) --> bitmap --> turned upright
 *
 * Everything happens in memory; no file is opened.
 */
#ifndef PIPELINE_IMAGE_H
#define PIPELINE_IMAGE_H

#include "pipeline/bitmap.h"

struct image;

/* "tiff", "bigtiff", "png", "jpeg", "gif", "bmp", "pnm", "webp", "jp2", or NULL: no picture. */
const char *image_kind(struct str head);

/* Opens a picture file. bytes must stay until image_close(). name is for messages only.
 * Errors: UNSUPPORTED, FORMAT, EMPTY. */
enum status image_open(struct str bytes, const char *name, struct image **out, struct error *err);
void image_close(struct image *image); // NULL is fine

int image_n_pages(const struct image *image);

/* Decodes page number, from 1: turned upright as Exif or TIFF say, alpha over white, square
 * pixels; dpi 0 where the file does not tell. Errors: FORMAT, UNSUPPORTED, LIMIT. */
enum status image_page(struct image *image, int number, size_t max_pixels, struct bitmap *out,
                       struct error *err);

/* What the decoder complained about though it delivered the last page, "" when nothing: parts of
 * the picture may be missing. */
const char *image_warning(const struct image *image);

#endif
