/*
 * pipeline/pdftext.h - Poppler's characters and the operators that drew them, brought together.
 *
 *   characters + show operators --> baselines, directions, what cannot be seen --> words
 *   placements of pictures, curves --> regions that are figures
 */
#ifndef PIPELINE_PDFTEXT_H
#define PIPELINE_PDFTEXT_H

#include "pipeline/pdf.h"
#include "pipeline/pdfops.h"

/* What the page shows of its text layer, for the decision whether to believe it (trust.h). */
struct text_facts {
    int n_chars;       // visible ones, white space not counted
    int n_bad;         // of them: unmapped, private use, control characters
    int n_overlay;     // of them: invisible text over a picture, or text under one: an OCR layer
    int n_expected;    // characters the operators show; 0 when that is not known
    int n_unmapped;    // of them: of fonts that do not say which characters their codes are
    float image_cover; // share of the page under its largest picture
    double image_dpi;  // resolution of that picture; 0: none, or not placed straight
    struct rect image; // where it lies
    int n_ink;         // things drawn that are no text: pictures, lines, shapes, colours
    bool has_ops;      // false: the operators could not be read, nothing is known but characters
};

/* Where the operators show text on the page, and how much. */
void pdftext_expect(const struct ops_page *ops, struct arena *arena, struct pdf_expected *out);

/* Fills content: styles, words, n_hidden; with ops also rules, fills, curves and pictures (not cut
 * out). ops may be NULL. content->info holds the size of the page, content->links its links. */
void pdftext_fill(const struct pdf_text *text, const struct ops_page *ops, struct arena *arena,
                  struct content *content, struct text_facts *facts);

/* content->pictures: the regions of pictures, and clusters of drawing that look like a chart. */
void pdf_find_pictures(const struct ops_page *ops, struct arena *arena, struct content *content);

/* Whether a picture is worth a file of its own. */
bool pdf_is_figure(const struct picture *picture, const struct page_info *page);

#endif
