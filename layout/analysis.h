/*
 * layout/analysis.h - from page contents to a document's blocks.
 *
 *   pass 1, every page in order:  analysis_survey()    sizes, styles, running heads: a few kB in all
 *                                 analysis_plan()      body size, furniture, heading styles
 *   pass 2, every page in order:  analysis_page()      blocks of one page, and joins to the next
 *                                 analysis_end()
 *
 * Memory does not grow with the number of pages beyond the survey's counters: blocks are handed to
 * the sink as soon as nothing on the next page can change them.
 */
#ifndef LAYOUT_ANALYSIS_H
#define LAYOUT_ANALYSIS_H

#include "layout/content.h"

struct analysis;

/* Receives the blocks in reading order. A block and all it points to live until the call returns. */
struct block_sink {
    enum status (*block)(void *context, const struct block *block, struct error *err);
    void *context;
};

struct analysis *analysis_new(const struct outline_entry *outline, size_t n_outline);
void analysis_free(struct analysis *analysis); // NULL is fine

void analysis_survey(struct analysis *analysis, const struct content *content);
void analysis_plan(struct analysis *analysis);
/* The content may go when this returns. Errors: those of the sink. */
enum status analysis_page(struct analysis *analysis, const struct content *content,
                          const struct block_sink *sink, struct error *err);
enum status analysis_end(struct analysis *analysis, const struct block_sink *sink,
                         struct error *err);

/* The title as the first page shows it, for documents without one in their metadata; from
 * analysis_plan() on. Empty when there is none. */
struct str analysis_title(const struct analysis *analysis);

#endif
