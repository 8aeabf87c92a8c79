/*
 * layout/lexicon.h - the words of a document, as far as they fit: whether a hyphen at the end of a
 * line belongs to the word is seen from how the word is written elsewhere.
 */
#ifndef LAYOUT_LEXICON_H
#define LAYOUT_LEXICON_H

#include <stdbool.h>
#include <stddef.h>

#include "util/str.h"

struct lexicon;

struct lexicon *lexicon_new(void);
void lexicon_free(struct lexicon *lexicon); // NULL is fine

void lexicon_add(struct lexicon *lexicon, struct str word);
/* Counts a line of text: does it end in a hyphen, and exactly where the line below it ends? */
void lexicon_add_line(struct lexicon *lexicon, bool ends_in_hyphen, bool justified);

/* "con-" at the end of a line, "siderable" at the start of the next: true when they are one word
 * without the hyphen. The document's own spellings decide; without any, whether it hyphenates at
 * all. lexicon may be NULL. */
bool lexicon_joins(const struct lexicon *lexicon, struct str before, struct str after);

#endif
