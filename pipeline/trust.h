/*
 * pipeline/trust.h - can the text layer of a page be believed?
 *
 * A PDF may have no text, text that is invisible, an OCR layer of any quality, or fonts whose
 * characters mean something else than they show. What such a page says must be read from its
 * picture. Where nothing speaks against it, the text layer is always better: it is exact.
 */
#ifndef PIPELINE_TRUST_H
#define PIPELINE_TRUST_H

#include "pipeline/pdftext.h"

enum verdict {
    TRUST_TEXT,    // the text layer is good
    TRUST_BLANK,   // nothing on the page
    TRUST_NONE,    // no text layer, but something to see
    TRUST_GARBLED, // characters that do not mean what they show
    TRUST_LITTLE,  // a few words beside a picture that may hold the rest: reading it will tell
};

/* Judges a page after pdftext_fill(). *reason is a constant: "text layer", "no text layer", ... */
enum verdict trust_judge(const struct content *content, const struct text_facts *facts,
                         const char **reason);

/* How many of the words look like words: letters of one script with vowels where the script has
 * them, numbers, dates. 0..1, 1 when there is nothing to judge by. */
float trust_sanity(const struct content *content);

/* Whether the characters look like those of a font whose encoding was lost. */
bool trust_looks_garbled(const struct content *content);

#endif
