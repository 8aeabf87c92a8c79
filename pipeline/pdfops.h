/*
 * pipeline/pdfops.h - what a PDF page draws, read from its operators.
 *
 *   content streams, form XObjects --> one walk with a graphics state --> struct ops_page
 *
 * Poppler gives characters and their boxes but hides how the page was drawn. The walk tells the
 * rest at a fraction of the cost (no fonts, no pictures decoded): rulings, filled areas, where
 * pictures lie, where each piece of text starts, in which render mode, colour and clip.
 *
 * Units: PDF points on the upright page (crop box and /Rotate applied), origin top left, y down.
 */
#ifndef PIPELINE_PDFOPS_H
#define PIPELINE_PDFOPS_H

#include "layout/content.h"
#include "pipeline/pdffont.h"
#include "util/status.h"

struct arena;
struct pdfops;

/* One text-showing operator, or several whose later starts depend on the width of the first. */
struct ops_show {
    float x, y; // where its text begins, on the baseline
    float size; // pt
    float alpha;
    uint32_t rgb;       // fill colour; see known_rgb
    struct rect clip;   // what of it can be seen
    int order;          // position in the painting order of the page
    int n_chars;        // character codes in its strings
    int n_blank;        // of them: blanks, as far as can be told
    uint32_t code;      // stands for its first string in its font: equal strings have equal codes
    short angle;        // direction of reading: 0, 90 (down), 180, 270
    unsigned char mode; // render mode, 3: invisible, 7: clip only
    bool known_rgb;     // false: a pattern or a colour space not looked into
    bool wide;          // two bytes a character
    bool unmapped;      // the font does not say which characters its codes are
    bool vertical;      // the font writes top to bottom
    bool artifact;      // marked as no part of the document's content
    bool mixed;         // later pieces differ in mode, colour or clip: do not judge it
};

enum paint_kind { PAINT_RECT, PAINT_SHAPE, PAINT_SHADE, PAINT_IMAGE };

/* Anything that covers an area, in painting order. */
struct ops_paint {
    struct rect bbox; // clipped
    enum paint_kind kind;
    int order;
    uint32_t rgb; // RECT and SHAPE
    bool known_rgb;
    float alpha;
    struct rect hull; // IMAGE: unclipped
    int object;       // IMAGE: number of its object; 0 for an inline picture
    int width_px, height_px;
    bool mask;     // IMAGE: one bit, painted in the fill colour
    bool straight; // IMAGE: its sides are parallel to the page's
    bool bilevel;  // IMAGE: one bit a pixel
    bool turned;   // IMAGE: its rows run along y
    bool opaque;   // IMAGE: hides what is beneath
};

struct ops_page {
    float width, height; // pt, upright
    int rotation;        // /Rotate, 0..270
    struct rule *rules;
    size_t n_rules;
    struct fill *fills; // rectangles
    size_t n_fills;
    struct rect *curves; // boxes of curved and slanted paths
    size_t n_curves;
    struct ops_paint *paints; // in painting order; fills are among them
    size_t n_paints;
    struct ops_show *shows; // in painting order
    size_t n_shows;
    struct ops_font *fonts; // used on the page
    size_t n_fonts;
    int n_annotations; // with an appearance of their own: notes, stamps, form fields
    bool cut;          // a limit ended the walk: what is here is true but not all
};

/* Opens the document; bytes must stay. password may be NULL.
 * Errors: FORMAT, PASSWORD, UNSUPPORTED. */
enum status pdfops_open(struct str bytes, const char *password, struct pdfops **out,
                        struct error *err);
void pdfops_close(struct pdfops *ops); // NULL is fine

/* The document written anew, for readers that cannot repair it themselves; appended to out.
 * Errors: FORMAT, NOMEM (out is full). */
enum status pdfops_rewrite(struct pdfops *ops, struct buf *out, struct error *err);

int pdfops_n_pages(const struct pdfops *ops);
struct str pdfops_language(struct pdfops *ops, struct arena *arena); // /Lang; empty when not given

/* Walks page number (from 1). Errors: FORMAT when qpdf cannot make sense of the page. */
enum status pdfops_page(struct pdfops *ops, int number, struct arena *arena, struct ops_page **out,
                        struct error *err);

/* The topmost thing painted over the point before `order`; NULL: the bare page. */
const struct ops_paint *ops_beneath(const struct ops_page *page, float x, float y, int order);

/* Whether white drawn at the point could not be told from what is beneath. */
bool ops_white_beneath(const struct ops_page *page, float x, float y, int order);

#endif
