/*
 * layout/content.h - what an engine saw on one page, before anybody thought about structure.
 *
 *   text layer | Tesseract  -->  struct content: words, rules, fills, pictures, links
 *
 * One form for both engines, so that there is one layout analysis. content_pack() makes it the
 * page record that a worker process hands to the one that assembles the document.
 *
 * Units: PDF points, origin top left of the upright page, y down. For a scan the page is the
 * picture after it was turned upright and straightened, at its own resolution.
 */
#ifndef LAYOUT_CONTENT_H
#define LAYOUT_CONTENT_H

#include "layout/document.h"
#include "util/buf.h"
#include "util/status.h"

/* A font as the page uses it. */
struct style {
    struct str font; // name without its subset prefix; empty for Tesseract
    unsigned flags;  // SPAN_BOLD, SPAN_ITALIC, SPAN_MONO
    uint32_t rgb;    // 0xrrggbb
};

enum word_flag {
    WORD_SPACE_BEFORE = 1, // the source had white space before this word
    WORD_RTL = 2,          // its letters run right to left; text is in logical order
    WORD_VERTICAL = 4,     // set top to bottom (vertical CJK)
    WORD_SUPER = 8,        // raised and smaller than its neighbour
    WORD_SUB = 16,
};

struct word {
    struct str text;  // no white space inside; NFC, logical order
    struct rect bbox; // x from the advances, y from the font's ascent and descent
    float baseline;   // y; for rotated words see angle
    float size;       // pt
    int style;        // index in content->styles
    int angle;        // direction of reading: 0 right, 90 down, 180 left, 270 up
    unsigned flags;   // enum word_flag
    float confidence; // 0..1; 1 for the text layer
    int link;         // index + 1 in content->links; 0: none
};

/* A visible, axis-parallel stroke: a drawn line, a thin filled rectangle, the side of a stroked one. */
struct rule {
    float x0, y0, x1, y1; // x0 == x1 or y0 == y1 (centre line), x0 <= x1, y0 <= y1
    float width;          // of the pen
    uint32_t rgb;
};

struct fill {
    struct rect bbox;
    uint32_t rgb;
    bool visible; // false: drawn with alpha 0 or white on white: a frame, not a colour
};

/* A picture, or a cluster of drawing that is no table: a chart, a diagram. */
struct picture {
    struct rect bbox;
    bool chart;     // drawn bars or curves on a scale: no table is looked for in it
    bool vector;    // made of paths
    struct str png; // cut out; empty when it was too small or cutting was not asked for
    int width_px, height_px;
    struct str alt; // from the structure tree, if there
};

struct link {
    struct rect bbox;
    struct str target; // URI, or "#page=N"
};

/* Text left out because a reader of the page would not see it. */
enum hidden_kind { HIDDEN_OFF_PAGE, HIDDEN_INVISIBLE, HIDDEN_WHITE, HIDDEN_TINY, N_HIDDEN_KINDS };
extern const char *const hidden_kind_names[N_HIDDEN_KINDS]; // "off-page", ...

struct content {
    struct page_info info;
    struct style *styles;
    size_t n_styles;
    struct word *words;
    size_t n_words;
    struct rule *rules;
    size_t n_rules;
    struct fill *fills;
    size_t n_fills;
    struct picture *pictures;
    size_t n_pictures;
    struct rect *curves; // boxes of curved or slanted paths: evidence for charts
    size_t n_curves;
    struct link *links;
    size_t n_links;
    int n_hidden[N_HIDDEN_KINDS]; // characters left out, by kind
};

/* An entry of the document's own outline (bookmarks), in order. */
struct outline_entry {
    struct str title;
    int level; // from 1
    int page;  // from 1; 0 unknown
    float y;   // pt from the top of the page; < 0 unknown
};

/* One character of the text layer, as it lies on the page; input of words_from_glyphs(). */
struct glyph {
    uint32_t code_points[4]; // usually one; more for ligatures and clusters; 0 ends
    struct rect bbox;        // upright page
    float baseline;          // y where angle is 0 or 180, x where it is 90 or 270
    float size;              // pt
    int style;               // index in content->styles
    int angle;               // 0, 90, 180, 270
    bool vertical;           // belongs to a font in vertical writing mode
};

/* Builds content->words from glyphs in the source's order, white space among them. A word ends at
 * white space, at a gap over 0.22 of the size, where the baseline steps and where the style changes
 * (then the next one has no WORD_SPACE_BEFORE). Letters spaced for effect are put together again;
 * right-to-left words are brought into logical order by geometry; text is composed (NFC),
 * presentation forms and ligatures become letters. */
void words_from_glyphs(struct content *content, const struct glyph *glyphs, size_t n,
                       struct arena *arena);

/* Appends the page record to out. */
void content_pack(const struct content *content, struct buf *out);
/* Reads a page record. bytes may come from a hostile process: everything is checked. The strings of
 * the result point into bytes. Errors: FORMAT. */
enum status content_unpack(struct str bytes, struct arena *arena, struct content **out,
                           struct error *err);

/* The same for what is known of the document as a whole (its page_infos are not packed: they are in
 * the page records). */
void meta_pack(const struct document *document, const struct outline_entry *outline,
               size_t n_outline, struct buf *out);
enum status meta_unpack(struct str bytes, struct arena *arena, struct document *document,
                        struct outline_entry **outline, size_t *n_outline, struct error *err);

#endif
