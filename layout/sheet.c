/* layout/sheet.c - see sheet.h. */
#include "layout/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/script.h"
#include "util/arena.h"

/* ---- turning ---- */

static struct rect turn(struct rect r, int angle, float w, float h) {
    switch (angle) {
    case 90: return (struct rect){r.y0, w - r.x1, r.y1, w - r.x0};
    case 180: return (struct rect){w - r.x1, h - r.y1, w - r.x0, h - r.y0};
    case 270: return (struct rect){h - r.y1, r.x0, h - r.y0, r.x1};
    default: return r;
    }
}

static struct rect mirror(struct rect r, float w) {
    return (struct rect){w - r.x1, r.y0, w - r.x0, r.y1};
}

static struct rect there(const struct sheet *sheet, struct rect r, float w, float h) {
    r = turn(r, sheet->angle, w, h);
    return sheet->rtl ? mirror(r, sheet->width) : r;
}

struct rect sheet_back(const struct sheet *sheet, struct rect r) {
    if (sheet->rtl) r = mirror(r, sheet->width);
    // the page, seen from the sheet, is turned the other way
    return turn(r, (360 - sheet->angle) % 360, sheet->width, sheet->height);
}

static float turn_baseline(const struct word *w, float width, float height) {
    if (w->flags & WORD_VERTICAL) return width - (w->bbox.x0 + 0.2f * (w->bbox.x1 - w->bbox.x0));
    switch (w->angle) {
    case 90: return width - w->baseline;
    case 180: return height - w->baseline;
    default: return w->baseline;
    }
}

/* Words set top to bottom read like words turned by 90 degrees: columns become lines. */
static int reading_angle(const struct word *w) {
    return w->flags & WORD_VERTICAL ? 90 : w->angle;
}

static int majority_angle(const struct content *c) {
    size_t by_quarter[4] = {0}, total = 0;
    for (size_t i = 0; i < c->n_words; i++) {
        by_quarter[reading_angle(&c->words[i]) / 90 & 3] += c->words[i].text.n;
        total += c->words[i].text.n;
    }
    for (int q = 1; q < 4; q++)
        if (by_quarter[q] * 10 > total * 6) return q * 90;
    return 0;
}

static bool is_rtl(const struct content *c) {
    size_t rtl = 0, ltr = 0;
    for (size_t i = 0; i < c->n_words; i++) {
        int d = c->words[i].flags & WORD_RTL ? -1 : text_direction(c->words[i].text);
        if (d < 0) rtl++;
        if (d > 0) ltr++;
    }
    return rtl > 3 && rtl > ltr;
}

float content_body_size(const struct content *c) {
    enum { STEPS = 400 }; // quarter points up to 100
    unsigned count[STEPS + 1] = {0};
    for (size_t i = 0; i < c->n_words; i++) {
        long k = lroundf(c->words[i].size * 4);
        count[k < 0 ? 0 : k > STEPS ? STEPS : k] += (unsigned)utf8_length(c->words[i].text);
    }
    int best = 0;
    unsigned best_n = 0;
    for (int k = 1; k <= STEPS; k++) {
        unsigned n = count[k] + (k > 1 ? count[k - 1] / 2 : 0) + (k < STEPS ? count[k + 1] / 2 : 0);
        if (n > best_n) best_n = n, best = k;
    }
    return (float)best / 4;
}

/* ---- rulings ---- */

static int by_pos(const void *a, const void *b) {
    const struct segment *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

size_t segments_merge(struct segment *s, size_t n) {
    static const float SAME_POS = 1.6f, BRIDGE = 3;
    qsort(s, n, sizeof *s, by_pos);
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < n; i++) {
            if (s[i].b < s[i].a) continue; // dropped
            for (size_t k = i + 1; k < n && s[k].pos - s[i].pos <= SAME_POS; k++) {
                if (s[k].b < s[k].a || s[k].a > s[i].b + BRIDGE || s[k].b < s[i].a - BRIDGE)
                    continue;
                if (s[k].b - s[k].a > s[i].b - s[i].a) s[i].pos = s[k].pos;
                if (s[k].a < s[i].a) s[i].a = s[k].a;
                if (s[k].b > s[i].b) s[i].b = s[k].b;
                s[k].b = s[k].a - 1;
                changed = true;
            }
        }
    }
    size_t out = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i].b >= s[i].a) s[out++] = s[i];
    qsort(s, out, sizeof *s, by_pos);
    return out;
}

/* A line under words, no wider than they are: emphasis, not a ruling. */
static bool is_underline(const struct sheet *sheet, const struct segment *s) {
    float left = 1e9f, right = -1e9f;
    for (size_t i = 0; i < sheet->n_words; i++) {
        const struct word *w = sheet->words[i];
        float below = s->pos - w->baseline;
        if (below < -0.12f * w->size || below > 0.3f * w->size) continue;
        if (w->bbox.x1 < s->a - 1.5f || w->bbox.x0 > s->b + 1.5f) continue;
        if (w->bbox.x0 < left) left = w->bbox.x0;
        if (w->bbox.x1 > right) right = w->bbox.x1;
    }
    return left < right && s->a >= left - 1.5f && s->b <= right + 1.5f;
}

static void collect_rulings(struct sheet *sheet) {
    const struct content *c = sheet->content;
    sheet->h = ARENA_ARRAY(sheet->arena, c->n_rules + 1, struct segment);
    sheet->v = ARENA_ARRAY(sheet->arena, c->n_rules + 1, struct segment);
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct rule *r = &c->rules[i];
        if (r->y1 - r->y0 <= r->x1 - r->x0)
            sheet->h[sheet->n_h++] = (struct segment){(r->y0 + r->y1) / 2, r->x0, r->x1};
        else
            sheet->v[sheet->n_v++] = (struct segment){(r->x0 + r->x1) / 2, r->y0, r->y1};
    }
    sheet->n_h = segments_merge(sheet->h, sheet->n_h);
    sheet->n_v = segments_merge(sheet->v, sheet->n_v);
    size_t out = 0;
    for (size_t i = 0; i < sheet->n_h; i++)
        if (!is_underline(sheet, &sheet->h[i])) sheet->h[out++] = sheet->h[i];
    sheet->n_h = out;
}

static float line_pitch(const struct sheet *sheet) {
    enum { STEPS = 60 }; // twentieths of the size, from 0.8 to 3.8
    unsigned count[STEPS] = {0};
    for (size_t i = 0; i < sheet->n_words; i++) {
        const struct word *w = sheet->words[i];
        if (fabsf(w->size - sheet->body) > 0.12f * sheet->body) continue;
        float next = 1e9f; // the nearest baseline below that overlaps in x
        for (size_t k = i + 1; k < sheet->n_words && k < i + 60; k++) {
            const struct word *x = sheet->words[k];
            float d = x->baseline - w->baseline;
            if (d > 0.6f * w->size && d < next && x->bbox.x0 < w->bbox.x1 &&
                x->bbox.x1 > w->bbox.x0)
                next = d;
        }
        int k = (int)((next / sheet->body - 0.8f) * 20);
        if (k >= 0 && k < STEPS) count[k]++;
    }
    int best = -1;
    unsigned best_n = 2;
    for (int k = 0; k < STEPS; k++) {
        unsigned n = count[k] + (k + 1 < STEPS ? count[k + 1] : 0);
        if (n > best_n) best_n = n, best = k;
    }
    return best < 0 ? 1.2f * sheet->body : (0.8f + ((float)best + 1) / 20) * sheet->body;
}

/* ---- making ---- */

static struct content *turned_copy(const struct sheet *sheet, const struct content *c) {
    struct arena *arena = sheet->arena;
    struct content *t = ARENA_NEW(arena, struct content);
    *t = *c;
    float w = c->info.width, h = c->info.height;
    t->words = ARENA_ARRAY(arena, c->n_words + 1, struct word);
    for (size_t i = 0; i < c->n_words; i++) {
        struct word *x = &t->words[i];
        *x = c->words[i];
        x->bbox = there(sheet, x->bbox, w, h);
        if (reading_angle(x) == sheet->angle && sheet->angle)
            x->baseline = turn_baseline(&c->words[i], w, h);
        x->angle = (reading_angle(x) - sheet->angle + 360) % 360;
    }
    t->rules = ARENA_ARRAY(arena, c->n_rules + 1, struct rule);
    for (size_t i = 0; i < c->n_rules; i++) {
        struct rule *r = &t->rules[i];
        struct rect box = there(
            sheet, (struct rect){c->rules[i].x0, c->rules[i].y0, c->rules[i].x1, c->rules[i].y1}, w,
            h);
        *r = (struct rule){box.x0, box.y0, box.x1, box.y1, c->rules[i].width, c->rules[i].rgb};
    }
    t->fills = ARENA_ARRAY(arena, c->n_fills + 1, struct fill);
    for (size_t i = 0; i < c->n_fills; i++) {
        t->fills[i] = c->fills[i];
        t->fills[i].bbox = there(sheet, c->fills[i].bbox, w, h);
    }
    t->pictures = ARENA_ARRAY(arena, c->n_pictures + 1, struct picture);
    for (size_t i = 0; i < c->n_pictures; i++) {
        t->pictures[i] = c->pictures[i];
        t->pictures[i].bbox = there(sheet, c->pictures[i].bbox, w, h);
    }
    t->curves = ARENA_ARRAY(arena, c->n_curves + 1, struct rect);
    for (size_t i = 0; i < c->n_curves; i++) t->curves[i] = there(sheet, c->curves[i], w, h);
    t->links = ARENA_ARRAY(arena, c->n_links + 1, struct link);
    for (size_t i = 0; i < c->n_links; i++) {
        t->links[i] = c->links[i];
        t->links[i].bbox = there(sheet, c->links[i].bbox, w, h);
    }
    return t;
}

/* A word lies on a link when its middle does. */
static void bind_links(struct content *c) {
    for (size_t i = 0; i < c->n_words && c->n_links; i++) {
        struct word *w = &c->words[i];
        float x = (w->bbox.x0 + w->bbox.x1) / 2, y = (w->bbox.y0 + w->bbox.y1) / 2;
        for (size_t k = 0; k < c->n_links && !w->link; k++) {
            const struct rect *r = &c->links[k].bbox;
            if (x >= r->x0 && x <= r->x1 && y >= r->y0 && y <= r->y1) w->link = (int)k + 1;
        }
    }
}

/* A large first letter beside two lines or more is the beginning of the upper one. */
static void lower_drop_caps(struct sheet *sheet) {
    for (size_t i = 0; i < sheet->n_words; i++) {
        struct word *cap = sheet->words[i];
        if (cap->size < 1.8f * sheet->body || utf8_length(cap->text) > 2 ||
            !char_is_letter(str_first_char(cap->text)))
            continue;
        struct word *top = NULL;
        int n_lines = 0;
        float last = -1e9f;
        for (size_t k = 0; k < sheet->n_words; k++) {
            struct word *w = sheet->words[k];
            float gap = w->bbox.x0 - cap->bbox.x1;
            if (w == cap || w->size > 0.6f * cap->size || gap < -0.1f * cap->size ||
                gap > 1.2f * w->size)
                continue;
            if (w->baseline > cap->baseline + 0.3f * w->size || w->baseline < cap->bbox.y0)
                continue;
            if (fabsf(w->baseline - last) > 0.5f * w->size) n_lines++;
            last = w->baseline;
            if (!top || w->baseline < top->baseline) top = w;
        }
        if (!top || n_lines < 2) continue;
        cap->baseline = top->baseline;
        cap->size = top->size;
        cap->style = top->style;
        cap->bbox.y0 = top->bbox.y0;
        cap->bbox.y1 = top->bbox.y1;
        top->flags &= ~(unsigned)WORD_SPACE_BEFORE;
        cap->bbox.x1 = top->bbox.x0;
    }
}

/* A disc is made of arcs: small curves that touch are one. Returns the number of boxes. */
static size_t join_curves(const struct content *c, float most, struct rect *out) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_curves; i++) {
        struct rect r = c->curves[i];
        if (rect_width(r) > most || rect_height(r) > most) continue;
        size_t k = 0;
        for (; k < n; k++) {
            struct rect u = rect_union(out[k], r);
            bool touch = r.x0 <= out[k].x1 + 0.3f && r.x1 >= out[k].x0 - 0.3f &&
                         r.y0 <= out[k].y1 + 0.3f && r.y1 >= out[k].y0 - 0.3f;
            if (!touch || rect_width(u) > most || rect_height(u) > most) continue;
            out[k] = u;
            break;
        }
        if (k == n) out[n++] = r;
    }
    return n;
}

/* Bullets drawn as little discs: a round path in front of a line becomes the word it stands for. */
static void read_bullets(struct sheet *sheet) {
    const struct content *c = sheet->content;
    struct rect *discs = ARENA_ARRAY(sheet->arena, c->n_curves + 1, struct rect);
    size_t n_discs = join_curves(c, 0.7f * sheet->body, discs);
    size_t n = 0, n_words = sheet->n_words;
    struct word *bullets = ARENA_ARRAY(sheet->arena, n_discs + 1, struct word);
    for (size_t i = 0; i < n_discs; i++) {
        struct rect r = discs[i];
        float d = fmaxf(rect_width(r), rect_height(r));
        if (d <= 0 || d > 0.7f * sheet->body || d < 0.15f * sheet->body ||
            fabsf(rect_width(r) - rect_height(r)) > 0.2f * d)
            continue;
        const struct word *right = NULL; // the first word of the line beside it
        bool text_before = false;
        for (size_t k = 0; k < n_words; k++) {
            const struct word *w = sheet->words[k];
            float middle = w->baseline - 0.3f * w->size;
            if (fabsf((r.y0 + r.y1) / 2 - middle) > 0.3f * w->size) continue;
            if (w->bbox.x1 <= r.x0 + 0.5f && r.x0 - w->bbox.x1 < 2 * w->size) text_before = true;
            float gap = w->bbox.x0 - r.x1;
            if (gap > 0.1f * w->size && gap < 2.5f * w->size &&
                (!right || w->bbox.x0 < right->bbox.x0))
                right = w;
        }
        if (!right || text_before) continue;
        struct word *b = &bullets[n++];
        *b = *right;
        b->text = STR("\xe2\x80\xa2");
        b->bbox.x0 = r.x0;
        b->bbox.x1 = r.x1;
        b->link = 0;
    }
    if (n == 0) return;
    struct word **all = ARENA_ARRAY(sheet->arena, n_words + n + 1, struct word *);
    memcpy(all, sheet->words, n_words * sizeof *all);
    for (size_t i = 0; i < n; i++) all[n_words + i] = &bullets[i];
    sheet->words = all;
    sheet->n_words += n;
}

/* OCR reads a ruling as a bar or a dash: such words lie on one. */
static bool is_ruling(const struct content *c, const struct word *w) {
    if (c->info.engine != ENGINE_TESSERACT || utf8_length(w->text) > 2) return false;
    struct str rest = w->text;
    for (uint32_t ch; utf8_next(&rest, &ch);)
        if (ch != '|' && ch != '_' && ch != 0x2014 && ch != 0x2013 && ch != 0xa6) return false;
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct rule *r = &c->rules[i];
        if (r->x0 <= w->bbox.x1 + 2 && r->x1 >= w->bbox.x0 - 2 && r->y0 <= w->bbox.y1 + 2 &&
            r->y1 >= w->bbox.y0 - 2)
            return true;
    }
    return false;
}

struct sheet *sheet_new(struct arena *arena, const struct content *content, float body) {
    struct sheet *sheet = ARENA_NEW(arena, struct sheet);
    sheet->arena = arena;
    sheet->angle = majority_angle(content);
    bool across = sheet->angle == 90 || sheet->angle == 270;
    sheet->width = across ? content->info.height : content->info.width;
    sheet->height = across ? content->info.width : content->info.height;
    sheet->rtl = sheet->angle == 0 && is_rtl(content);
    sheet->content = turned_copy(sheet, content);
    bind_links(sheet->content);
    sheet->words = ARENA_ARRAY(arena, content->n_words + 1, struct word *);
    sheet->others = ARENA_ARRAY(arena, content->n_words + 1, struct word *);
    for (size_t i = 0; i < content->n_words; i++) {
        struct word *w = &sheet->content->words[i];
        if (is_ruling(sheet->content, w)) continue;
        if (w->angle == 0)
            sheet->words[sheet->n_words++] = w;
        else
            sheet->others[sheet->n_others++] = w;
    }
    float own = content_body_size(content);
    sheet->body = body > 0 ? body : own > 0 ? own : 10;
    // a page of slides or an appendix in small print has a size of its own
    if (own > 0 && (own > 1.5f * sheet->body || own < 0.7f * sheet->body)) sheet->body = own;
    lower_drop_caps(sheet);
    if (sheet->content->n_curves < 2000) read_bullets(sheet);
    collect_rulings(sheet);
    sheet->pitch = line_pitch(sheet);
    return sheet;
}
