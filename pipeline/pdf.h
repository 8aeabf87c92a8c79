/*
 * pipeline/pdf.h - Poppler and cairo: characters, links, outline, metadata and pictures of PDF pages.
 * Their home is pdf.c.
 *
 * Units: PDF points on the upright page, origin top left, y down.
 */
#ifndef PIPELINE_PDF_H
#define PIPELINE_PDF_H

#include "layout/content.h"
#include "pipeline/bitmap.h"
#include "util/status.h"

struct arena;
struct pdf;

/* Characters that share font, size and colour. */
struct pdf_run {
    const char *font; // without subset prefix
    float size;       // pt
    uint32_t rgb;
};

struct pdf_char {
    uint32_t code_point;
    int run; // index in runs; -1: none
    struct rect box;
    bool space; // white space: its box is a point
    bool first; // of a word as Poppler saw it
};

struct pdf_text {
    struct pdf_run *runs;
    size_t n_runs;
    struct pdf_char *chars; // Poppler's order; inside a word from left to right as they lie
    size_t n_chars;
};

/* Opens a PDF. bytes must stay. The empty password is tried first, then the given ones;
 * *password is the one that fits. Errors: FORMAT, PASSWORD, EMPTY (no pages). */
enum status pdf_open(struct str bytes, const char *const *passwords, size_t n_passwords,
                     struct pdf **out, const char **password, struct error *err);
void pdf_close(struct pdf *pdf); // NULL is fine

int pdf_n_pages(const struct pdf *pdf);

/* Title, author, subject, keywords, created. */
void pdf_meta(struct pdf *pdf, struct arena *arena, struct document *document);
void pdf_outline(struct pdf *pdf, struct arena *arena, struct outline_entry **out, size_t *n);

/* Sets number, width, height and label of the page. Errors: FORMAT. */
enum status pdf_page_info(struct pdf *pdf, int number, struct arena *arena, struct page_info *info,
                          struct error *err);

/* What the operators of the page lead one to expect: Poppler does not always give all. */
struct pdf_piece {
    struct rect box; // where the text must be, roughly
    float x, y;      // in its first character
    int n_chars;
    uint32_t code; // equal for equal text in one font
};

struct pdf_expected {
    struct pdf_piece *pieces;
    size_t n_pieces, n_chars; // characters without blanks
};

/* The page's characters. expected may be NULL. Errors: FORMAT; also when Poppler's texts and boxes do not agree. */
enum status pdf_text(struct pdf *pdf, int number, const struct pdf_expected *expected,
                     struct arena *arena, struct pdf_text *out, struct error *err);

/* Appends what is written in form fields and free-text notes. */
void pdf_add_fields(struct pdf *pdf, int number, struct arena *arena, struct pdf_text *text);

void pdf_links(struct pdf *pdf, int number, struct arena *arena, struct content *content);

/* Draws a region of the page (the whole page when it has no area) on white, grey where nothing is
 * coloured. Errors: FORMAT; LIMIT when it has more than max_pixels. */
enum status pdf_render(struct pdf *pdf, int number, struct rect region, double dpi,
                       size_t max_pixels, struct bitmap *out, struct error *err);

/* The same as a PNG file. */
enum status pdf_render_png(struct pdf *pdf, int number, struct rect region, double dpi,
                           size_t max_pixels, struct arena *arena, struct picture *out,
                           struct error *err);

/* Does once what the first document of a process pays for otherwise (colour profiles, tables), so
 * that children forked from here need not: reads a tiny document of our own. */
void pdf_preload(void);

#endif
