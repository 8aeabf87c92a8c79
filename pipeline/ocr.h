/*
 * pipeline/ocr.h - Tesseract: a page picture to struct content. Tesseract's home is ocr.c.
 */
#ifndef PIPELINE_OCR_H
#define PIPELINE_OCR_H

#include "layout/content.h"
#include "pipeline/bitmap.h"
#include "util/status.h"

struct ocr; // keeps the loaded languages from page to page

struct ocr_options {
    const char *lang; // "eng+fra"; NULL: the script is detected page by page
    size_t max_pixels;
};

/* Errors: MISSING, naming the Debian package that brings the language pack. */
enum status ocr_open(const struct ocr_options *options, struct ocr **out, struct error *err);
void ocr_close(struct ocr *ocr); // NULL is fine

/* Reads a page: turns it upright, straightens it, cleans it where needed, then words with boxes and
 * confidences, and the rulings of the picture. picture is used up (may be freed or replaced).
 * info: number is set by the caller; size, rotation, skew, engine, confidence, language are filled.
 * prepared, if not NULL, receives the picture as it was read, for inspection. */
enum status ocr_read(struct ocr *ocr, struct bitmap *picture, struct arena *arena,
                     struct content *content, struct bitmap *prepared, struct error *err);

#endif
