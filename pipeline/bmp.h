/*
 * pipeline/bmp.h - Windows and OS/2 bitmaps, all depths, compressed or not.
 */
#ifndef PIPELINE_BMP_H
#define PIPELINE_BMP_H

#include "pipeline/bitmap.h"

/* Decodes a BMP file. Rows that are missing stay white. Errors: FORMAT, UNSUPPORTED (JPEG or PNG
 * inside), LIMIT. */
enum status bmp_read(struct str bytes, size_t max_pixels, struct bitmap *out, struct error *err);

#endif
