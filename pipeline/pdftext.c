/*
 * pipeline/pdftext.c - see pdftext.h.
 *
 * A show operator tells where the baseline is, which way the text runs and whether it can be seen;
 * Poppler tells which characters and how wide. The two are matched by place: a character belongs to
 * the last operator that starts before it on a baseline inside its box. Where none fits (text of
 * annotations, damaged pages) the box alone has to do, and the text counts as visible.
 */
#include "pipeline/pdftext.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"

enum {
    MAX_STYLES = 2000,
    MAX_WHITE_LOOKS = 5000, // white characters whose background is looked at
    MAX_PICTURES = 256,
    MAX_COVERS = 16,
    N_CLASSES = 5, // 0, 90, 180, 270 degrees, vertical writing
    VERTICAL = 4,
};

static const float ABOVE = 0.79f; // of a character's box lies above its baseline, for most fonts

/* ---- show operators by place ---- */

struct entry {
    float across, along; // the baseline's coordinate; the start, growing in reading direction
    const struct ops_show *show;
};

/* Entries of one direction, by line, then by start; lines are stretches of nearly equal `across`. */
struct lines {
    struct entry *entries;
    size_t n;
    size_t *starts; // of lines; one more than there are lines
    size_t n_lines;
};

struct index {
    struct lines lines[N_CLASSES];
};

static int class_of(const struct ops_show *show) {
    return show->vertical ? VERTICAL : show->angle / 90;
}

static float along(int class, float x, float y) {
    switch (class) {
    case 0: return x;
    case 1: return y;
    case 2: return -x;
    case 3: return -y;
    default: return y;
    }
}

static float across(int class, float x, float y) {
    return class == 0 || class == 2 ? y : x;
}

static int by_place(const void *pa, const void *pb) {
    const struct entry *a = pa, *b = pb;
    if (a->across != b->across) return a->across < b->across ? -1 : 1;
    if (a->along != b->along) return a->along < b->along ? -1 : 1;
    return a->show->order < b->show->order ? -1 : 1;
}

static int by_along(const void *pa, const void *pb) {
    const struct entry *a = pa, *b = pb;
    if (a->along != b->along) return a->along < b->along ? -1 : 1;
    return a->show->order < b->show->order ? -1 : 1;
}

static void sort_lines(struct lines *lines, struct arena *arena) {
    static const float SAME = 0.15f; // pt
    qsort(lines->entries, lines->n, sizeof *lines->entries, by_place);
    lines->starts = ARENA_ARRAY(arena, lines->n + 1, size_t);
    for (size_t i = 0, j; i < lines->n; i = j) {
        float at = lines->entries[i].across;
        for (j = i + 1; j < lines->n && lines->entries[j].across - at <= SAME; j++) {
        }
        qsort(lines->entries + i, j - i, sizeof *lines->entries, by_along);
        lines->starts[lines->n_lines++] = i;
    }
    lines->starts[lines->n_lines] = lines->n;
}

static void index_shows(const struct ops_page *ops, struct arena *arena, struct index *index) {
    *index = (struct index){0};
    for (size_t i = 0; i < ops->n_shows; i++) index->lines[class_of(&ops->shows[i])].n++;
    for (int c = 0; c < N_CLASSES; c++) {
        index->lines[c].entries = ARENA_ARRAY(arena, index->lines[c].n, struct entry);
        index->lines[c].n = 0;
    }
    for (size_t i = 0; i < ops->n_shows; i++) {
        const struct ops_show *s = &ops->shows[i];
        int c = class_of(s);
        struct lines *lines = &index->lines[c];
        lines->entries[lines->n++] = (struct entry){across(c, s->x, s->y), along(c, s->x, s->y), s};
    }
    for (int c = 0; c < N_CLASSES; c++) sort_lines(&index->lines[c], arena);
}

/* How many entries of a line start at or before `start`. */
static size_t count_before(const struct lines *lines, size_t line, float start) {
    size_t low = lines->starts[line], high = lines->starts[line + 1];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (lines->entries[mid].along <= start)
            low = mid + 1;
        else
            high = mid;
    }
    return low - lines->starts[line];
}

/* How far from its start an operator's text may reach, at the most. */
static float reach_of(const struct ops_show *s) {
    return (0.9f * (float)s->n_chars + 0.5f) * fmaxf(s->size, 0.1f);
}

/* Can b's text be seen where a's cannot, or the other way round? */
static bool differs(const struct ops_show *a, const struct ops_show *b) {
    return (a->mode == 3) != (b->mode == 3) || (a->alpha <= 0.02f) != (b->alpha <= 0.02f) ||
           a->clip.x0 != b->clip.x0 || a->clip.y0 != b->clip.y0 || a->clip.x1 != b->clip.x1 ||
           a->clip.y1 != b->clip.y1;
}

/* Whether other operators that start before `start` may have drawn what is there: without the widths
 * of fonts nobody knows where their text ends. */
static bool is_ambiguous(const struct lines *lines, size_t line, size_t n_before, float start) {
    enum { FARTHEST = 40 }; // operators looked at
    const struct entry *e = &lines->entries[lines->starts[line]];
    const struct ops_show *last = e[n_before - 1].show;
    for (size_t k = 2; k <= n_before && k < FARTHEST; k++) {
        const struct entry *other = &e[n_before - k];
        if (differs(other->show, last) && other->along + reach_of(other->show) >= start)
            return true;
    }
    return false;
}

/* Where the baseline of a character should be by its box alone. */
static float guess_baseline(int class, struct rect box) {
    switch (class) {
    case 1: return box.x1 - ABOVE * rect_width(box);
    case 2: return box.y1 - ABOVE * rect_height(box);
    case 3: return box.x0 + ABOVE * rect_width(box);
    case VERTICAL: return (box.x0 + box.x1) / 2;
    default: return box.y0 + ABOVE * rect_height(box);
    }
}

struct match {
    const struct ops_show *show;
    float cost;
    bool sure; // nothing else can have drawn it
};

static struct match match_in_class(const struct lines *lines, int class, struct rect box,
                                   float size) {
    struct match best = {.cost = 1};
    if (lines->n == 0 || !(size > 0)) return best;
    float guess = guess_baseline(class, box), reach = 0.6f * fmaxf(size, 0.5f);
    float start = class == VERTICAL || class == 1 ? box.y0
                  : class == 0                    ? box.x0
                  : class == 2                    ? -box.x1
                                                  : -box.y1;
    size_t low = 0, high = lines->n_lines;
    while (low < high) { // the first line within reach
        size_t mid = low + (high - low) / 2;
        if (lines->entries[lines->starts[mid]].across < guess - reach)
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = low;
         i < lines->n_lines && lines->entries[lines->starts[i]].across <= guess + reach; i++) {
        float from = start + 0.3f * size;
        size_t n = count_before(lines, i, from);
        if (n == 0) continue;
        const struct entry *e = &lines->entries[lines->starts[i] + n - 1];
        float cost = fabsf(e->across - guess) / size;
        float shown = e->show->size;
        if (shown < 0.85f * size || shown > 1.15f * size) cost += 0.5f;
        if (cost >= best.cost) continue;
        bool near = from <= e->along + 2 * reach_of(e->show);
        best = (struct match){e->show, cost, near && !is_ambiguous(lines, i, n, from)};
    }
    return best;
}

/* ---- direction ---- */

/* The way a word's characters step, 0 to 3; -1 for a single one or no clear way. */
static int word_direction(const struct pdf_char *c, size_t n) {
    float dx = 0, dy = 0;
    for (size_t i = 1; i < n; i++) {
        dx += (c[i].box.x0 + c[i].box.x1 - c[i - 1].box.x0 - c[i - 1].box.x1) / 2;
        dy += (c[i].box.y0 + c[i].box.y1 - c[i - 1].box.y0 - c[i - 1].box.y1) / 2;
    }
    if (n < 2 || (fabsf(dx) < 0.1f && fabsf(dy) < 0.1f)) return -1;
    if (fabsf(dx) >= fabsf(dy)) return dx >= 0 ? 0 : 2;
    return dy >= 0 ? 1 : 3;
}

static bool has_other_directions(const struct index *index) {
    for (int c = 1; c < N_CLASSES; c++) {
        if (index->lines[c].n > 0) return true;
    }
    return false;
}

/* ---- what can be seen ---- */

struct builder {
    const struct pdf_text *text;
    const struct ops_page *ops;
    struct index index;
    bool turned; // some text does not run to the right
    struct arena *arena;
    struct content *content;
    struct text_facts *facts;
    size_t cap_styles;
    int n_looks;
    int *style_of_run;
    const struct ops_paint *pictures[MAX_PICTURES]; // pictures on the page
    const struct ops_paint *covers[MAX_COVERS];     // those that hide what is beneath
    int n_pictures, n_covers;
};

static bool inside(struct rect r, float x, float y, float slack) {
    return x >= r.x0 - slack && x <= r.x1 + slack && y >= r.y0 - slack && y <= r.y1 + slack;
}

static void list_pictures(struct builder *b) {
    float page = b->ops->width * b->ops->height;
    for (size_t i = 0; i < b->ops->n_paints; i++) {
        const struct ops_paint *p = &b->ops->paints[i];
        if (p->kind != PAINT_IMAGE) continue;
        if (b->n_pictures < MAX_PICTURES) b->pictures[b->n_pictures++] = p;
        bool covers = p->opaque && rect_area(p->bbox) > 0.5f * page;
        if (covers && b->n_covers < MAX_COVERS) b->covers[b->n_covers++] = p;
    }
}

static bool has_picture_at(const struct builder *b, float x, float y) {
    for (int i = 0; i < b->n_pictures; i++) {
        if (inside(b->pictures[i]->bbox, x, y, 0)) return true;
    }
    return false;
}

/* Whether a picture over most of the page hides what was painted there before it. */
static bool is_covered(const struct builder *b, float x, float y, int order) {
    for (int i = 0; i < b->n_covers; i++) {
        if (b->covers[i]->order > order && inside(b->covers[i]->bbox, x, y, 0)) return true;
    }
    return false;
}

static bool is_white(uint32_t rgb) {
    return (rgb >> 16 & 255) >= 250 && (rgb >> 8 & 255) >= 250 && (rgb & 255) >= 250;
}

enum visibility { SEEN, OVERLAY, UNSEEN };

/* Whether a reader of the page sees the character; *kind says why not. */
static enum visibility look(struct builder *b, const struct pdf_char *c, const struct match *match,
                            enum hidden_kind *kind) {
    const struct ops_show *show = match->show;
    float x = (c->box.x0 + c->box.x1) / 2, y = (c->box.y0 + c->box.y1) / 2;
    const struct page_info *page = &b->content->info;
    *kind = HIDDEN_OFF_PAGE;
    if (x < 0 || y < 0 || x > page->width || y > page->height) return UNSEEN;
    float size = c->run >= 0 ? b->text->runs[c->run].size : 1;
    *kind = HIDDEN_TINY;
    if (size < 1 && rect_height(c->box) < 1.2f && rect_width(c->box) < 1.2f) return UNSEEN;
    if (!show || show->mixed) return SEEN;
    *kind = HIDDEN_WHITE;
    bool filled = show->mode == 0 || show->mode == 4;
    bool white = c->run >= 0 && is_white(b->text->runs[c->run].rgb) && show->known_rgb &&
                 is_white(show->rgb);
    if (filled && white && b->n_looks++ < MAX_WHITE_LOOKS &&
        ops_white_beneath(b->ops, x, y, show->order))
        return UNSEEN;
    if (!match->sure) return SEEN;
    *kind = HIDDEN_OFF_PAGE;
    if (!inside(show->clip, x, y, 1)) return UNSEEN;
    *kind = HIDDEN_INVISIBLE;
    if (show->mode == 3 || show->alpha <= 0.02f) return has_picture_at(b, x, y) ? OVERLAY : UNSEEN;
    return is_covered(b, x, y, show->order) ? OVERLAY : SEEN;
}

/* ---- styles ---- */

static unsigned flags_of(const struct builder *b, const char *font) {
    if (b->ops) {
        for (size_t i = 0; i < b->ops->n_fonts; i++) {
            if (strncmp(b->ops->fonts[i].name, font, sizeof b->ops->fonts[i].name - 1) == 0)
                return b->ops->fonts[i].flags;
        }
    }
    return font_flags(font);
}

static int find_style(struct builder *b, const struct pdf_run *run) {
    struct content *content = b->content;
    for (size_t i = content->n_styles; i-- > 0;) {
        const struct style *s = &content->styles[i];
        if (s->rgb == run->rgb && str_eq(s->font, str_from(run->font))) return (int)i;
    }
    if (content->n_styles >= MAX_STYLES) return 0;
    struct style style = {utf8_clean(b->arena, str_from(run->font)), flags_of(b, run->font),
                          run->rgb};
    content->styles =
        arena_grow(b->arena, content->styles, content->n_styles, &b->cap_styles, sizeof style);
    content->styles[content->n_styles++] = style;
    return (int)content->n_styles - 1;
}

static void make_styles(struct builder *b) {
    b->style_of_run = ARENA_ARRAY(b->arena, b->text->n_runs + 1, int);
    if (b->text->n_runs == 0 && b->text->n_chars > 0) find_style(b, &(struct pdf_run){.font = ""});
    for (size_t i = 0; i < b->text->n_runs; i++)
        b->style_of_run[i] = find_style(b, &b->text->runs[i]);
}

/* ---- glyphs ---- */

static bool is_bad(uint32_t c) {
    return c == 0xfffd || (c >= 0xe000 && c <= 0xf8ff) || c >= 0xf0000 || c < 0x20 ||
           (c >= 0x7f && c < 0xa0);
}

static struct match find_show(const struct builder *b, const struct pdf_char *c, int direction,
                              int *class) {
    *class = direction < 0 ? 0 : direction;
    struct match best = {.cost = 1};
    if (!b->ops) return best;
    float size = c->run >= 0 ? b->text->runs[c->run].size : rect_height(c->box);
    for (int k = 0; k < N_CLASSES; k++) {
        bool fits = direction < 0 || k == direction || (k == VERTICAL && direction == 1) || k == 0;
        if (!fits || (k != *class && !b->turned)) continue;
        struct match m = match_in_class(&b->index.lines[k], k, c->box, size);
        if (k != *class && direction >= 0 && k != VERTICAL) m.cost += 0.3f;
        if (!m.show || m.cost >= best.cost) continue;
        best = m;
        *class = k;
    }
    return best;
}

/* Turns one word of Poppler's into glyphs; returns how many can be seen. */
static size_t take_word(struct builder *b, const struct pdf_char *c, size_t n, struct glyph *out) {
    int direction = word_direction(c, n);
    if (direction == 2 && !b->turned) direction = 0; // right-to-left letters out of order
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        int class;
        enum hidden_kind kind;
        struct match match = find_show(b, &c[i], direction, &class);
        const struct ops_show *show = match.show;
        enum visibility seen = look(b, &c[i], &match, &kind);
        if (seen == UNSEEN) {
            b->content->n_hidden[kind]++;
            continue;
        }
        b->facts->n_chars++;
        b->facts->n_bad += is_bad(c[i].code_point);
        b->facts->n_overlay += seen == OVERLAY;
        bool vertical = class == VERTICAL;
        int run = c[i].run;
        out[kept++] = (struct glyph){
            .code_points = {c[i].code_point},
            .bbox = c[i].box,
            .baseline = vertical ? c[i].box.y0 + ABOVE * rect_height(c[i].box)
                        : show   ? across(class, show->x, show->y)
                                 : guess_baseline(class, c[i].box),
            .size = run >= 0 ? b->text->runs[run].size : rect_height(c[i].box),
            .style = run >= 0 ? b->style_of_run[run] : 0,
            .angle = vertical ? 0 : class * 90,
            .vertical = vertical,
        };
    }
    return kept;
}

static void make_words(struct builder *b) {
    const struct pdf_text *text = b->text;
    struct glyph *glyphs = ARENA_ARRAY(b->arena, text->n_chars + 1, struct glyph);
    size_t n = 0;
    for (size_t i = 0, j; i < text->n_chars; i = j) {
        j = i + 1;
        if (text->chars[i].space) {
            glyphs[n++] = (struct glyph){.code_points = {' '}, .bbox = text->chars[i].box};
            continue;
        }
        while (j < text->n_chars && !text->chars[j].space && !text->chars[j].first) j++;
        n += take_word(b, &text->chars[i], j - i, glyphs + n);
    }
    words_from_glyphs(b->content, glyphs, n, b->arena);
}

static void bind_links(struct content *content) {
    for (size_t i = 0; i < content->n_links; i++) {
        struct rect box = content->links[i].bbox;
        for (size_t k = 0; k < content->n_words; k++) {
            struct word *w = &content->words[k];
            float x = (w->bbox.x0 + w->bbox.x1) / 2, y = (w->bbox.y0 + w->bbox.y1) / 2;
            if (inside(box, x, y, 0.5f)) w->link = (int)i + 1;
        }
    }
}

/* ---- facts ---- */

static void note_pictures(const struct ops_page *ops, struct text_facts *facts) {
    float page = ops->width * ops->height, largest = 0;
    for (size_t i = 0; i < ops->n_paints; i++) {
        const struct ops_paint *p = &ops->paints[i];
        if (p->kind != PAINT_IMAGE) continue;
        facts->n_ink++;
        float area = rect_area(p->bbox);
        if (area <= largest || page <= 0) continue;
        largest = area;
        facts->image_cover = area / page;
        facts->image = p->bbox;
        double dpi = 0;
        if (p->straight && rect_width(p->hull) > 1 && rect_height(p->hull) > 1) {
            // a picture turned by 90 degrees has its width along y
            bool turned = p->turned;
            dpi = fmax((turned ? p->height_px : p->width_px) * 72.0 / rect_width(p->hull),
                       (turned ? p->width_px : p->height_px) * 72.0 / rect_height(p->hull));
        }
        facts->image_dpi = dpi;
    }
}

/* Text that starts outside the page never reaches Poppler's characters. */
static void count_off_page(const struct ops_page *ops, struct content *content) {
    for (size_t i = 0; i < ops->n_shows; i++) {
        const struct ops_show *s = &ops->shows[i];
        int n = s->n_chars - s->n_blank;
        float length = 0.5f * s->size * (float)s->n_chars;
        struct rect page = {s->angle == 0 ? -length : -s->size, s->angle == 90 ? -length : -s->size,
                            ops->width + (s->angle == 180 ? length : s->size),
                            ops->height + (s->angle == 270 ? length : s->size)};
        if (!inside(page, s->x, s->y, 0)) content->n_hidden[HIDDEN_OFF_PAGE] += n;
    }
}

static void note_expected(const struct ops_page *ops, struct text_facts *facts) {
    struct rect page = {0, 0, ops->width, ops->height};
    for (size_t i = 0; i < ops->n_shows; i++) {
        const struct ops_show *s = &ops->shows[i];
        if (!inside(page, s->x, s->y, 0)) continue;
        int n = s->n_chars - s->n_blank;
        facts->n_expected += n;
        if (s->unmapped) facts->n_unmapped += n;
    }
}

void pdftext_expect(const struct ops_page *ops, struct arena *arena, struct pdf_expected *out) {
    *out = (struct pdf_expected){.pieces = ARENA_ARRAY(arena, ops->n_shows, struct pdf_piece)};
    struct rect page = {0, 0, ops->width, ops->height};
    for (size_t i = 0; i < ops->n_shows; i++) {
        const struct ops_show *s = &ops->shows[i];
        if (!inside(page, s->x, s->y, 0) || s->n_chars == s->n_blank) continue;
        float up = 0.6f * s->size, length = 0.4f * s->size * (float)s->n_chars, in = 0.2f * s->size;
        float x = s->x, y = s->y;
        int n = s->n_chars - s->n_blank;
        struct pdf_piece *piece = &out->pieces[out->n_pieces++];
        switch (s->angle) {
        case 90:
            *piece = (struct pdf_piece){{x, y, x + up, y + length}, x + in, y + in, n, s->code};
            break;
        case 180:
            *piece = (struct pdf_piece){{x - length, y, x, y + up}, x - in, y + in, n, s->code};
            break;
        case 270:
            *piece = (struct pdf_piece){{x - up, y - length, x, y}, x - in, y - in, n, s->code};
            break;
        default:
            *piece = (struct pdf_piece){{x, y - up, x + length, y}, x + in, y - in, n, s->code};
            break;
        }
        out->n_chars += (size_t)n;
    }
}

void pdftext_fill(const struct pdf_text *text, const struct ops_page *ops, struct arena *arena,
                  struct content *content, struct text_facts *facts) {
    *facts = (struct text_facts){.has_ops = ops != NULL};
    struct builder b = {
        .text = text, .ops = ops, .arena = arena, .content = content, .facts = facts};
    if (ops) {
        index_shows(ops, arena, &b.index);
        list_pictures(&b);
        b.turned = has_other_directions(&b.index);
        content->rules = ops->rules;
        content->n_rules = ops->n_rules;
        content->fills = ops->fills;
        content->n_fills = ops->n_fills;
        content->curves = ops->curves;
        content->n_curves = ops->n_curves;
        note_pictures(ops, facts);
        note_expected(ops, facts);
        count_off_page(ops, content);
        facts->n_ink += (int)(ops->n_rules + ops->n_curves) + ops->n_annotations;
        for (size_t i = 0; i < ops->n_fills; i++) facts->n_ink += ops->fills[i].visible;
        pdf_find_pictures(ops, arena, content);
    } else {
        b.turned = true;
    }
    make_styles(&b);
    make_words(&b);
    bind_links(content);
}
