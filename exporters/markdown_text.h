/*
 * exporters/markdown_text.h - runs of text as Markdown inlines: escaping, emphasis, links.
 */
#ifndef EXPORTERS_MARKDOWN_TEXT_H
#define EXPORTERS_MARKDOWN_TEXT_H

#include "exporters/parts.h"

enum markdown_place {
    MARKDOWN_BLOCK,   // the first thing of a block's line: it must not open another kind of block
    MARKDOWN_HEADING, // behind the '#'
    MARKDOWN_CELL,    // of a pipe table: line breaks are <br>
    MARKDOWN_INLINE,  // anywhere behind something else
};

/* Writes the text with emphasis (** and *), `code`, <sup>, <sub> and links where a part of it differs
 * from the rest. What CommonMark cannot emphasise where it stands is written plainly. */
void markdown_put_runs(struct buf *out, const struct runs *runs, enum markdown_place place,
                       struct arena *arena);

/* The same for text without styles. */
void markdown_put_text(struct buf *out, struct str text, enum markdown_place place,
                       struct arena *arena);

#endif
