/*
 * layout/headings.h - which units are headings, and of what level.
 */
#ifndef LAYOUT_HEADINGS_H
#define LAYOUT_HEADINGS_H

#include "layout/blocks.h"
#include "layout/survey.h"

struct outline; // the document's bookmarks, ready to be searched

struct outline *outline_new(const struct outline_entry *entries, size_t n);
void outline_free(struct outline *outline); // NULL is fine
/* The level of the entry with this text on this page (one page off is forgiven), or 0. */
int outline_level(const struct outline *outline, int page, struct str text);

/* The headings that are open where we stand in the document, outermost first: what a new one is
 * compared with. Zero at the start. */
enum { MAX_LEVELS = 6 };
struct levels {
    int n;
    struct {
        int rank;  // of its style
        int depth; // of its number, "1.2.3": 3; 0: not numbered
    } open[MAX_LEVELS];
};

/* Turns paragraphs and list items that are headings into such and gives them a level: headings of
 * one style or one depth of numbering are siblings, none is skipped downwards. */
void headings_decide(struct sheet *sheet, const struct survey *survey,
                     const struct outline *outline, struct unit *units, struct levels *levels);

#endif
