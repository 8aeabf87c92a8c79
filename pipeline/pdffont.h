/*
 * pipeline/pdffont.h - what a font of a PDF is like, by its name and its descriptor.
 */
#ifndef PIPELINE_PDFFONT_H
#define PIPELINE_PDFFONT_H

#include <stdbool.h>

struct pdfobj;

struct ops_font {
    char name[64];  // BaseFont without subset prefix, cut off when longer
    unsigned flags; // SPAN_BOLD, SPAN_ITALIC, SPAN_MONO by name and descriptor
    bool vertical, wide, type3;
    bool has_unicode; // ToUnicode is there, or a standard encoding makes it unnecessary
};

void font_load(struct pdfobj *doc, unsigned dict, struct ops_font *font);

/* SPAN_BOLD, SPAN_ITALIC, SPAN_MONO as far as a font's name tells. */
unsigned font_flags(const char *name);

#endif
