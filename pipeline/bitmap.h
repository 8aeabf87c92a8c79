/*
 * pipeline/bitmap.h - a picture in memory: what rendering and image readers give to OCR.
 */
#ifndef PIPELINE_BITMAP_H
#define PIPELINE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

struct arena;

/* Grey (1 channel) or RGB (3 channels), 8 bits each, rows from the top, no padding. */
struct bitmap {
    int width, height; // px
    int n_channels;    // 1 or 3
    float dpi;         // 0: unknown
    uint8_t *px;       // [height, width, n_channels]
};

/* A new picture, black. Errors: LIMIT when width * height exceeds max_pixels. */
enum status bitmap_new(struct bitmap *bitmap, int width, int height, int n_channels,
                       size_t max_pixels, struct error *err);
void bitmap_free(struct bitmap *bitmap); // clears it; freeing twice is fine

#endif
