/*
 * layout/sheet.h - a page on the analyst's table: turned and mirrored so that reading runs right
 * and down, whatever the script and the rotation of its text.
 *
 *   content (page space) --> sheet (u to the right along the lines, v down across them)
 *
 * Everything in layout/ but analysis.c works in sheet space; sheet_back() brings boxes home.
 */
#ifndef LAYOUT_SHEET_H
#define LAYOUT_SHEET_H

#include "layout/content.h"

struct arena;
struct lexicon;

/* A horizontal or vertical line of the page: pos across it, from a to b along it. */
struct segment {
    float pos, a, b;
};

struct sheet {
    struct arena *arena;
    struct content *content;       // a turned copy; its words are the sheet's to flag
    float width, height;           // pt, of the turned page
    float body;                    // size of running text, pt
    float pitch;                   // distance of its lines, pt
    bool rtl;                      // lines run right to left: x is mirrored
    const struct lexicon *lexicon; // the document's words; NULL: not known yet
    int angle;                     // what was undone: 0, 90, 180, 270
    struct word **words;           // those that read rightwards
    size_t n_words;
    struct word **others; // those that do not: labels along an axis, stamps in the margin
    size_t n_others;
    struct segment *h, *v; // rulings, merged, sorted by pos
    size_t n_h, n_v;
};

/* body: the document's size of running text, 0 if unknown: then the page's own. */
struct sheet *sheet_new(struct arena *arena, const struct content *content, float body);
struct rect sheet_back(const struct sheet *sheet, struct rect r);

/* The size most characters have; 0 without words. */
float content_body_size(const struct content *content);

/* Merges collinear, touching segments in place; returns how many are left. Sorted by pos, then a. */
size_t segments_merge(struct segment *s, size_t n);

#endif
