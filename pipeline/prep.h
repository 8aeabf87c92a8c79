/*
 * pipeline/prep.h - a page picture made ready for reading: grey, dark on light, evenly lit, text
 * lines level, letters of a size Tesseract likes.
 *
 *   picture --> prep_new() --> prep_turn() --> prep_straighten() --> prep_finish() --> pixels, rules
 *
 * Each step measures first and does nothing where nothing is to be done: a clean page costs a few
 * milliseconds. Leptonica does the work; its other home is image.c.
 */
#ifndef PIPELINE_PREP_H
#define PIPELINE_PREP_H

#include <stdbool.h>

#include "layout/content.h"
#include "pipeline/bitmap.h"

struct prep;

/* Takes the picture's pixels: to grey, inverted where the page is white on black, lit evenly where
 * it was not. The bitmap is freed. Errors: NOMEM. */
enum status prep_new(struct bitmap *picture, struct prep **out, struct error *err);
void prep_free(struct prep *prep); // NULL is fine

/* What lies there now. The pixels stay the prep's, valid until the next step. */
const struct bitmap *prep_picture(const struct prep *prep);

struct prep_votes {
    float up;   // ascenders against descenders: > 0 upright, < 0 upside down, 0 undecided
    float left; // the same for the page seen from its side
};
/* How letters of Latin kind stand. Cheap; meaningless for other scripts. */
struct prep_votes prep_votes(const struct prep *prep);

/* True when text lines run from top to bottom of the picture, as on a page lying on its side. */
bool prep_lies_on_side(const struct prep *prep);

/* Turns the picture clockwise by 0, 90, 180 or 270 degrees. */
void prep_turn(struct prep *prep, int degrees);

/* Levels the text lines: up to 15 degrees. Returns by how much it turned, in degrees, counter-
 * clockwise positive; 0 where they were level. */
float prep_straighten(struct prep *prep);

/* Median height of what look like letters, px; 0 where there is no text. */
float prep_letter_height(const struct prep *prep);
size_t prep_n_letters(const struct prep *prep);

/* Scales so that letters are neither too small for the recogniser nor needlessly large, and takes
 * specks away where there are many. max_pixels bounds the result. */
void prep_finish(struct prep *prep, size_t max_pixels);

/* Rows [y0, y1) of a band across the page that holds about n_letters letters; false when the page
 * has not that many. */
bool prep_strip(const struct prep *prep, size_t n_letters, int *y0, int *y1);

struct box {
    int x0, y0, x1, y1; // px
};

/* Where letters stand that none of the boxes covers: regions, the largest first, at most max. */
size_t prep_uncovered(const struct prep *prep, const struct box *covered, size_t n,
                      struct box *regions, size_t max);

/* Shrinks a box to the largest connected ink that starts in it. */
void prep_tighten(const struct prep *prep, struct box *box);
/* The share of a box that is ink, 0..1. */
float prep_ink(const struct prep *prep, struct box box);

/* The resolution the picture has now, guessed where its file did not tell. */
float prep_dpi(const struct prep *prep);

/* Lines drawn on the page, in points, into content->rules. */
void prep_rules(const struct prep *prep, struct arena *arena, struct content *content);

#endif
