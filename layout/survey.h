/*
 * layout/survey.h - what only the whole document can tell: the size of its running text, the styles
 * of its headings, its running heads and page numbers. Counters only: a few kB, however many pages.
 */
#ifndef LAYOUT_SURVEY_H
#define LAYOUT_SURVEY_H

#include "layout/line.h"
#include "layout/sheet.h"

struct survey;

struct survey *survey_new(void);
void survey_free(struct survey *survey);

void survey_add(struct survey *survey, const struct sheet *sheet);
void survey_finish(struct survey *survey);

float survey_body(const struct survey *survey); // pt; 0 when there is no text
int survey_pages(const struct survey *survey);

/* The document's words. */
const struct lexicon *survey_lexicon(const struct survey *survey);

/* What the first page shows in its largest letters, for documents whose metadata has no title; empty
 * when nothing stands out. */
struct str survey_title(const struct survey *survey);

/* Share of the document's characters set in this size and weight, 0..1. */
float survey_style_share(const struct survey *survey, float size, bool bold);

/* Rank of a heading style, from 1: by size, then weight. */
int survey_heading_rank(const struct survey *survey, float size, bool bold);

/* The lines at the page's rims that repeat from page to page. Marks found get their kind, others
 * stay -1. kinds [n]. */
void survey_furniture(const struct survey *survey, const struct sheet *sheet,
                      struct line *const *lines, size_t n, int *kinds);

#endif
