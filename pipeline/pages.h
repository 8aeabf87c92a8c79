/*
 * pipeline/pages.h - which pages of a document: "1-5,8,-1".
 *
 *   8    one page            3-    from there to the end        -1      the last page
 *   1-5  a range             -3--1 the last three               2,4,9-  several
 */
#ifndef PIPELINE_PAGES_H
#define PIPELINE_PAGES_H

#include <stddef.h>

#include "util/status.h"
#include "util/str.h"

enum { PAGES_MAX_PARTS = 256 };

struct page_range {
    int first, last; // negative: from the end, -1 is the last page
};

struct pages { // none: all pages
    struct page_range ranges[PAGES_MAX_PARTS];
    size_t n;
};

/* Errors: ARG, naming the part that is wrong. */
enum status pages_parse(struct str text, struct pages *out, struct error *err);

/* The page numbers wanted of a document with n_pages: ascending, each once; mem_free() them. What
 * lies beyond the end is left out. NULL and *n_out 0 when nothing remains. */
int *pages_select(const struct pages *pages, int n_pages, size_t *n_out);

#endif
