/*
 * pipeline/sniff.h - what kind of picture the first bytes promise, and how large it says it is.
 *
 * Decoders allocate by what a header claims and have no limit of their own, so the claim is looked
 * at before any of them is called. A header may still lie: what was decoded is checked as well.
 */
#ifndef PIPELINE_SNIFF_H
#define PIPELINE_SNIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "util/str.h"

/* "tiff", "bigtiff", "png", "jpeg", "gif", "bmp", "pnm", "webp", "jp2" (file or bare code stream),
 * or NULL. 16 bytes are enough. */
const char *sniff_kind(struct str head);

/* The size a PNG, JPEG, GIF, PNM or WebP header claims; false when there is no readable header.
 * jpeg_process, if not NULL, receives the number of the JPEG start-of-frame (0 baseline, 3
 * lossless), else 0. */
bool sniff_size(const char *kind, struct str bytes, int64_t *width, int64_t *height,
                int *jpeg_process);

/* The Exif block inside a JPEG, PNG or WebP, starting at its "II" or "MM"; empty when there is none. */
struct str sniff_exif(const char *kind, struct str bytes);

/* The resolution in dots per inch of a PNG (pHYs) or JPEG (JFIF) header; false when not told. */
bool sniff_dpi(const char *kind, struct str bytes, double *x_dpi, double *y_dpi);

#endif
