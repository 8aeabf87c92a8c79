/*
 * layout/line.h - words to lines, and lines to running text.
 *
 *   words --> rows (one baseline) --> fragments (no wide gap) --> lines of a column --> spans
 *
 * Inside the analysis the page may be turned or mirrored (see sheet.h), so that "right" is always
 * the direction of reading.
 */
#ifndef LAYOUT_LINE_H
#define LAYOUT_LINE_H

#include "layout/content.h"
#include "layout/lexicon.h"
#include "util/buf.h"

struct arena;

/* Words on one baseline, sorted in the direction of reading. */
struct line {
    const struct word **words;
    size_t n_words;
    struct rect bbox;
    float baseline;
    float size; // of most of its letters, pt
    int style;  // of most of its letters: index in content->styles
    int n_chars;
    bool bold, italic, mono; // of all but a tenth of its letters
    struct block *solid;     // a table or figure that takes a place in the order; then no words
};

/* Fragments of the given words: cut where the gap exceeds `gap` times the size. Raised and lowered
 * small words are attached to the fragment they touch and get WORD_SUPER or WORD_SUB. */
struct line **lines_from_words(struct arena *arena, const struct content *content,
                               struct word **words, size_t n, float gap, size_t *n_lines);

/* A line of all words of a and b, which lie on one baseline. */
struct line *line_join(struct arena *arena, const struct content *content, const struct line *a,
                       const struct line *b);

/* Is there white space between two neighbouring words of a line? */
bool word_gap_is_space(const struct word *a, const struct word *b);

/* Running text in the making: lines go in, spans come out. */
struct text {
    struct arena *arena;
    const struct lexicon *lexicon;
    struct span *first, **tail;
    struct buf open; // of the span that is growing
    unsigned flags;
    struct str link;
    uint32_t last; // character of the last finished span
};

/* lexicon decides about hyphens at line ends; NULL: all are joined. */
void text_open(struct text *text, struct arena *arena, const struct lexicon *lexicon);
/* Adds a line: after a blank, unless the one before ended in a hyphen that is joined, or the script
 * is written without spaces. */
void text_put_line(struct text *text, const struct content *content, const struct line *line,
                   bool rtl);
void text_break(struct text *text); // a hard line break, for code and cells
struct span *text_close(struct text *text);

struct str line_text(struct arena *arena, const struct content *content, const struct line *line,
                     bool rtl);

#endif
