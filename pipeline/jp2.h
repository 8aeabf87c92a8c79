/*
 * pipeline/jp2.h - JPEG 2000. OpenJPEG's home is jp2.c.
 */
#ifndef PIPELINE_JP2_H
#define PIPELINE_JP2_H

#include "pipeline/bitmap.h"

/* Decodes a JP2 file or a bare code stream of any depth up to 31 bits, subsampled or not. Errors:
 * FORMAT, LIMIT, UNSUPPORTED (colour spaces other than grey, RGB, YCC and CMYK). */
enum status jp2_read(struct str bytes, size_t max_pixels, struct bitmap *out, struct error *err);

#endif
