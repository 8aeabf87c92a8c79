/*
 * layout/headings.c - see headings.h.
 *
 * A sum of evidence, all of it relative to the running text: size, weight, capitals, colour, white
 * space, what follows; against it what headings do not have: a full stop, many lines, small letters
 * at the start. Bookmarks settle it where there are any.
 */
#include "layout/headings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/script.h"
#include "util/arena.h"
#include "util/mem.h"

/* ---- bookmarks ---- */

struct outline_key {
    uint64_t hash;
    int page, level;
};

struct outline {
    struct outline_key *keys; // sorted by hash
    size_t n;
};

/* Letters and digits only, small: "1.2  The Title" and "1.2 THE TITLE" are one. */
static uint64_t title_hash(struct str text) {
    uint64_t h = 1469598103934665603u;
    for (uint32_t c; utf8_next(&text, &c);) {
        if (!char_is_letter(c) && !char_is_digit(c)) continue;
        if (c < 128) c |= 32;
        h = (h ^ c) * 1099511628211u;
    }
    return h;
}

static int by_hash(const void *a, const void *b) {
    const struct outline_key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->page - y->page;
}

struct outline *outline_new(const struct outline_entry *entries, size_t n) {
    struct outline *o = mem_alloc(sizeof *o);
    o->keys = mem_alloc(mem_product(n ? n : 1, sizeof *o->keys));
    for (size_t i = 0; i < n; i++)
        o->keys[o->n++] =
            (struct outline_key){title_hash(entries[i].title), entries[i].page, entries[i].level};
    qsort(o->keys, o->n, sizeof *o->keys, by_hash);
    return o;
}

void outline_free(struct outline *outline) {
    if (!outline) return;
    mem_free(outline->keys);
    mem_free(outline);
}

/* The text behind a leading number: outlines often lack it. */
static struct str without_number(struct str text) {
    size_t i = 0;
    while (i < text.n &&
           ((text.s[i] >= '0' && text.s[i] <= '9') || text.s[i] == '.' || text.s[i] == ' '))
        i++;
    return str_sub(text, i, text.n);
}

static int find_level(const struct outline *o, int page, uint64_t hash) {
    size_t lo = 0, hi = o->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (o->keys[mid].hash < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < o->n && o->keys[lo].hash == hash; lo++)
        if (o->keys[lo].page == 0 || abs(o->keys[lo].page - page) <= 1) return o->keys[lo].level;
    return 0;
}

int outline_level(const struct outline *o, int page, struct str text) {
    if (!o || o->n == 0 || text.n == 0 || text.n > 400) return 0;
    int level = find_level(o, page, title_hash(text));
    struct str bare = without_number(text);
    if (!level && bare.n != text.n && bare.n > 3) level = find_level(o, page, title_hash(bare));
    return level;
}

/* ---- the text of a unit ---- */

struct look {
    int letters, upper, digits, chars, words;
    uint32_t first, last;
    bool numbered;    // "2.3 Method", "IV. Results", "Chapter 5", "Article 3", "第三章"
    int number_depth; // of "1.2.3": 3
};

static bool starts_with_word(struct str text, const char *word) {
    size_t n = strlen(word);
    if (text.n <= n) return false;
    for (size_t i = 0; i < n; i++) {
        char c = text.s[i];
        if ((c >= 'A' && c <= 'Z' ? c | 32 : c) != word[i]) return false;
    }
    return text.s[n] == ' ';
}

/* Depth of a dotted number at the start that is followed by a title, 0 if there is none. */
static int dotted_depth(struct str text) {
    int depth = 0;
    size_t i = 0;
    while (i < text.n && depth < 7) {
        uint64_t v;
        size_t n;
        if (!str_number(str_sub(text, i, text.n), 999, &v, &n)) break;
        depth++;
        i += n;
        if (i >= text.n || text.s[i] != '.') break;
        i++;
    }
    if (depth == 0 || i >= text.n || text.s[i] != ' ') return 0;
    return depth;
}

static struct look look_at(struct str text) {
    static const char *const words[] = {"chapter", "part",     "section", "appendix", "article",
                                        "annex",   "schedule", "kapitel", "teil",     "chapitre",
                                        "partie",  "capítulo", "artikel", "titre",    "título"};
    struct look l = {0};
    l.number_depth = dotted_depth(text);
    l.numbered = l.number_depth > 0;
    for (size_t i = 0; i < sizeof words / sizeof *words && !l.numbered; i++)
        l.numbered = starts_with_word(text, words[i]);
    if (str_starts(text, STR("§")) || (str_starts(text, STR("第")) && text.n < 90))
        l.numbered = true;
    bool in_word = false;
    for (uint32_t c; utf8_next(&text, &c);) {
        if (char_is_space(c)) {
            in_word = false;
            continue;
        }
        if (!l.first) l.first = c;
        l.last = c;
        l.chars++;
        if (!in_word || char_is_ideograph(c)) l.words++;
        in_word = true;
        l.letters += char_is_letter(c);
        l.upper += char_is_upper(c);
        l.digits += char_is_digit(c);
    }
    return l;
}

/* ---- the evidence ---- */

struct context {
    struct sheet *sheet;
    const struct survey *survey;
    uint32_t body_rgb;
    struct str body_font;
    float bold_share; // of the page's letters
    bool contents;    // a contents page: what looks like headings are its entries
};

static bool is_text(const struct unit *u) {
    return u && u->block &&
           (u->block->kind == BLOCK_PARAGRAPH || u->block->kind == BLOCK_LIST_ITEM);
}

static bool same_style(const struct unit *a, const struct unit *b) {
    return a && b && fabsf(a->size - b->size) < 0.05f * a->size && a->bold == b->bold &&
           a->style == b->style;
}

static float score(const struct context *x, const struct unit *u, const struct unit *above,
                   const struct unit *below, const struct look *l) {
    float body = x->sheet->body, ratio = u->size / body, s = 0;
    bool large = ratio >= 1.12f;
    if (ratio >= 1.08f) s += fminf(2.6f, 0.7f + 4.0f * (ratio - 1.08f));
    if (ratio < 0.92f) s -= 0.7f;
    if (u->bold && x->bold_share < 0.4f) s += 1.1f;
    bool caps = l->letters >= 4 && l->upper * 10 >= l->letters * 9;
    if (caps) s += 0.5f;
    const struct style *st = &x->sheet->content->styles[u->style];
    if (st->rgb != x->body_rgb) s += 0.35f;
    if (!str_eq(st->font, x->body_font) && !u->italic) s += 0.25f;
    if (l->numbered && u->n_lines <= 2) s += 0.45f;
    float pitch = x->sheet->pitch - body * 0.97f; // white between two lines of text
    if (u->gap_above > 1.6f * fmaxf(pitch, 0.25f * body)) s += 0.3f;
    if (u->gap_above < 1e5f && u->gap_below < 1e5f && u->gap_above > 1.3f * u->gap_below) s += 0.2f;
    bool centred = fabsf((u->bbox.x0 - u->flow->x0) - (u->flow->x1 - u->bbox.x1)) < body &&
                   u->bbox.x0 - u->flow->x0 > 2 * body;
    if (centred) s += 0.25f;
    // against
    if (l->last == '.' && !(l->numbered && l->words < 8)) s -= large ? 0.6f : 1.2f;
    if (l->last == ',' || l->last == ';' || l->last == '-') s -= 1.2f;
    if (l->last == ':') s -= 0.5f;
    if (l->words > 14) s -= 0.6f;
    if (l->words > 24) s -= 1.2f;
    if (u->n_lines >= 3) s -= 0.5f;
    if (u->n_lines >= 5) s -= 1.5f;
    if (char_is_lower(l->first)) s -= 0.9f;
    if (l->digits * 10 > l->chars * 4) s -= 1.3f;
    if (l->letters < 2) s -= 2.5f;
    if (u->italic && !u->bold && !large) s -= 0.3f;
    // what follows: a heading stands over text
    if (!below)
        s -= 0.3f;
    else if (is_text(below) && !same_style(u, below) && below->size <= u->size * 1.02f)
        s += 0.25f;
    else if (same_style(u, below) && same_style(u, above) && !large)
        s -= 0.8f;
    if (u->block->kind == BLOCK_LIST_ITEM && u->block->mark.style == NUMBER_NONE) s -= 1.5f;
    if (u->block->kind == BLOCK_LIST_ITEM && above && above->block &&
        above->block->kind == BLOCK_LIST_ITEM && same_style(u, above))
        s -= 1.0f;
    float share = survey_style_share(x->survey, u->size, u->bold);
    if (share > 0.3f && survey_pages(x->survey) > 1) s -= 1.0f;
    return s;
}

static const float THRESHOLD = 1.45f;

/* Opens a heading: closes those it ends and returns its level. */
static int open_level(struct levels *l, int rank, int depth) {
    for (int i = l->n - 1; i >= 0; i--) { // a sibling?
        bool same = depth && l->open[i].depth
                        ? l->open[i].depth == depth
                        : l->open[i].rank == rank && !depth == !l->open[i].depth;
        if (!same) continue;
        l->n = i + 1;
        return l->n;
    }
    while (l->n > 0) {
        int top = l->n - 1;
        bool inside =
            depth && l->open[top].depth ? depth > l->open[top].depth : rank > l->open[top].rank;
        if (inside) break;
        l->n--;
    }
    if (l->n == MAX_LEVELS) l->n--;
    l->open[l->n].rank = rank;
    l->open[l->n].depth = depth;
    return ++l->n;
}

static int level_of(const struct context *x, const struct outline *outline, const struct unit *u,
                    const struct look *l, struct str text, struct levels *levels) {
    int rank = survey_heading_rank(x->survey, u->size, u->bold);
    int marked = outline_level(outline, x->sheet->content->info.number, text);
    if (!marked) return open_level(levels, rank, l->number_depth);
    int level = marked > levels->n + 1 ? levels->n + 1 : marked > MAX_LEVELS ? MAX_LEVELS : marked;
    levels->n = level;
    levels->open[level - 1].rank = rank;
    levels->open[level - 1].depth = l->number_depth;
    return level;
}

/* Puts the label back that was cut off when this looked like a list item. */
static void restore_label(struct arena *arena, struct block *b) {
    if (b->mark.label.n == 0) return;
    struct span *s = ARENA_NEW(arena, struct span);
    *s = (struct span){.text = arena_printf(arena, "%.*s ", STR_ARG(b->mark.label)),
                       .flags = b->spans ? b->spans->flags : 0,
                       .next = b->spans};
    if (b->spans && b->spans->link.n == 0) {
        b->spans->text = arena_printf(arena, "%.*s%.*s", STR_ARG(s->text), STR_ARG(b->spans->text));
    } else {
        b->spans = s;
    }
    b->mark = (struct list_mark){0};
}

static struct context context_of(struct sheet *sheet, const struct survey *survey) {
    struct context x = {.sheet = sheet, .survey = survey};
    size_t most = 0, bold = 0, all = 0;
    size_t *by_style = ARENA_ARRAY(sheet->arena, sheet->content->n_styles + 1, size_t);
    for (size_t i = 0; i < sheet->n_words; i++) {
        const struct word *w = sheet->words[i];
        all += w->text.n;
        if (sheet->content->styles[w->style].flags & SPAN_BOLD) bold += w->text.n;
        by_style[w->style] += w->text.n;
        if (by_style[w->style] > most && fabsf(w->size - sheet->body) < 0.15f * sheet->body) {
            most = by_style[w->style];
            x.body_rgb = sheet->content->styles[w->style].rgb;
            x.body_font = sheet->content->styles[w->style].font;
        }
    }
    x.bold_share = all ? (float)bold / (float)all : 0;
    return x;
}

void headings_decide(struct sheet *sheet, const struct survey *survey,
                     const struct outline *outline, struct unit *units, struct levels *levels) {
    struct context x = context_of(sheet, survey);
    const struct unit *above = NULL;
    int n_units = 0, n_rows = 0;
    for (const struct unit *u = units; u; u = u->next) n_units++, n_rows += u->contents_row;
    x.contents = n_rows >= 4 && n_rows * 5 >= n_units * 2;
    for (struct unit *u = units; u; above = u, u = u->next) {
        if (!is_text(u) || (u->lines[0]->solid)) continue;
        struct str text = spans_text(u->block->spans, sheet->arena);
        if (u->block->mark.label.n)
            text = arena_printf(sheet->arena, "%.*s %.*s", STR_ARG(u->block->mark.label),
                                STR_ARG(text));
        struct look l = look_at(text);
        u->heading_score = score(&x, u, above, u->next, &l);
        bool marked =
            outline_level(outline, sheet->content->info.number, text) > 0 && u->n_lines <= 4;
        if (u->contents_row || (x.contents && above && !marked && u->size < 1.5f * sheet->body))
            continue;
        if (!marked && u->heading_score < THRESHOLD) continue;
        if (marked && u->heading_score < THRESHOLD - 1.2f) continue;
        int level = level_of(&x, outline, u, &l, text, levels);
        restore_label(sheet->arena, u->block);
        u->block->kind = BLOCK_HEADING;
        u->block->level = level;
    }
}
