/*
 * layout/record.c - page contents and document metadata as bytes: see content.h.
 *
 * The reader trusts nothing: counts are checked against the bytes that are left before memory is
 * taken, indices against their tables, numbers for being finite, text for being valid UTF-8.
 * Little-endian; every machine of a run is of one kind.
 */
#include <math.h>
#include <string.h>

#include "layout/content.h"
#include "util/arena.h"

const char *const hidden_kind_names[N_HIDDEN_KINDS] = {"off-page", "invisible", "white", "tiny"};

enum { PAGE_MAGIC = 0x31504d44, META_MAGIC = 0x314d4d44 }; // "DMP1", "DMM1"

/* ---- writing ---- */

static void put_u32(struct buf *out, uint32_t v) {
    char b[4];
    memcpy(b, &v, 4);
    buf_put(out, (struct str){b, 4});
}

static void put_int(struct buf *out, int v) {
    put_u32(out, (uint32_t)v);
}

static void put_float(struct buf *out, float v) {
    uint32_t bits;
    memcpy(&bits, &v, 4);
    put_u32(out, bits);
}

static void put_str(struct buf *out, struct str s) {
    put_u32(out, (uint32_t)s.n);
    buf_put(out, s);
}

static void put_rect(struct buf *out, struct rect r) {
    put_float(out, r.x0);
    put_float(out, r.y0);
    put_float(out, r.x1);
    put_float(out, r.y1);
}

static void put_info(struct buf *out, const struct page_info *info) {
    put_int(out, info->number);
    put_str(out, info->label);
    put_float(out, info->width);
    put_float(out, info->height);
    put_int(out, info->rotation);
    put_float(out, info->skew_deg);
    put_int(out, (int)info->engine);
    put_str(out, info->reason);
    put_int(out, (int)info->state);
    put_str(out, info->message);
    put_float(out, info->confidence);
    put_str(out, info->language);
}

static void put_word(struct buf *out, const struct word *w) {
    put_str(out, w->text);
    put_rect(out, w->bbox);
    put_float(out, w->baseline);
    put_float(out, w->size);
    put_int(out, w->style);
    put_int(out, w->angle);
    put_u32(out, w->flags);
    put_float(out, w->confidence);
    put_int(out, w->link);
}

static void put_picture(struct buf *out, const struct picture *p) {
    put_rect(out, p->bbox);
    put_int(out, p->vector | p->chart << 1);
    put_str(out, p->png);
    put_int(out, p->width_px);
    put_int(out, p->height_px);
    put_str(out, p->alt);
}

void content_pack(const struct content *c, struct buf *out) {
    put_u32(out, PAGE_MAGIC);
    put_info(out, &c->info);
    put_u32(out, (uint32_t)c->n_styles);
    for (size_t i = 0; i < c->n_styles; i++) {
        put_str(out, c->styles[i].font);
        put_u32(out, c->styles[i].flags);
        put_u32(out, c->styles[i].rgb);
    }
    put_u32(out, (uint32_t)c->n_links);
    for (size_t i = 0; i < c->n_links; i++) {
        put_rect(out, c->links[i].bbox);
        put_str(out, c->links[i].target);
    }
    put_u32(out, (uint32_t)c->n_words);
    for (size_t i = 0; i < c->n_words; i++) put_word(out, &c->words[i]);
    put_u32(out, (uint32_t)c->n_rules);
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct rule *r = &c->rules[i];
        put_rect(out, (struct rect){r->x0, r->y0, r->x1, r->y1});
        put_float(out, r->width);
        put_u32(out, r->rgb);
    }
    put_u32(out, (uint32_t)c->n_fills);
    for (size_t i = 0; i < c->n_fills; i++) {
        put_rect(out, c->fills[i].bbox);
        put_u32(out, c->fills[i].rgb);
        put_int(out, c->fills[i].visible);
    }
    put_u32(out, (uint32_t)c->n_pictures);
    for (size_t i = 0; i < c->n_pictures; i++) put_picture(out, &c->pictures[i]);
    put_u32(out, (uint32_t)c->n_curves);
    for (size_t i = 0; i < c->n_curves; i++) put_rect(out, c->curves[i]);
    for (int i = 0; i < N_HIDDEN_KINDS; i++) put_int(out, c->n_hidden[i]);
}

void meta_pack(const struct document *d, const struct outline_entry *outline, size_t n_outline,
               struct buf *out) {
    put_u32(out, META_MAGIC);
    put_str(out, d->source);
    put_str(out, d->title);
    put_str(out, d->author);
    put_str(out, d->subject);
    put_str(out, d->keywords);
    put_str(out, d->language);
    put_str(out, d->created);
    put_int(out, d->n_pages);
    put_u32(out, (uint32_t)n_outline);
    for (size_t i = 0; i < n_outline; i++) {
        put_str(out, outline[i].title);
        put_int(out, outline[i].level);
        put_int(out, outline[i].page);
        put_float(out, outline[i].y);
    }
}

/* ---- reading ---- */

struct cursor {
    struct str rest;
    bool bad; // sticky; what is read afterwards is zero
};

static uint32_t get_u32(struct cursor *in) {
    if (in->bad || in->rest.n < 4) {
        in->bad = true;
        return 0;
    }
    uint32_t v;
    memcpy(&v, in->rest.s, 4);
    in->rest = str_sub(in->rest, 4, in->rest.n);
    return v;
}

static int get_int(struct cursor *in, int min, int max) {
    int v = (int)get_u32(in);
    if (v >= min && v <= max) return v;
    in->bad = true;
    return min;
}

static float get_float(struct cursor *in) {
    uint32_t bits = get_u32(in);
    float v;
    memcpy(&v, &bits, 4);
    if (isfinite(v) && fabsf(v) < 1e7f) return v;
    in->bad = true;
    return 0;
}

static struct str get_bytes(struct cursor *in) {
    uint32_t n = get_u32(in);
    if (in->bad || n > in->rest.n) {
        in->bad = true;
        return STR("");
    }
    struct str s = str_sub(in->rest, 0, n);
    in->rest = str_sub(in->rest, n, in->rest.n);
    return s;
}

static struct str get_str(struct cursor *in) {
    struct str s = get_bytes(in);
    if (!utf8_valid(s)) in->bad = true;
    return s;
}

static struct rect get_rect(struct cursor *in) {
    struct rect r;
    r.x0 = get_float(in);
    r.y0 = get_float(in);
    r.x1 = get_float(in);
    r.y1 = get_float(in);
    if (r.x0 > r.x1 || r.y0 > r.y1) in->bad = true;
    return r;
}

/* A count of things that take at least `least` bytes each. */
static size_t get_count(struct cursor *in, size_t least) {
    size_t n = get_u32(in);
    if (n > in->rest.n / least) in->bad = true;
    return in->bad ? 0 : n;
}

static struct page_info get_info(struct cursor *in) {
    struct page_info info = {0};
    info.number = get_int(in, 1, 1 << 30);
    info.label = get_str(in);
    info.width = get_float(in);
    info.height = get_float(in);
    info.rotation = get_int(in, 0, 270);
    info.skew_deg = get_float(in);
    info.engine = (enum engine_id)get_int(in, 0, N_ENGINES - 1);
    info.reason = get_str(in);
    info.state = (enum page_state)get_int(in, 0, N_PAGE_STATES - 1);
    info.message = get_str(in);
    info.confidence = get_float(in);
    info.language = get_str(in);
    if (info.width < 0 || info.height < 0) in->bad = true;
    return info;
}

static struct word get_word(struct cursor *in, const struct content *c) {
    struct word w = {0};
    w.text = get_str(in);
    w.bbox = get_rect(in);
    w.baseline = get_float(in);
    w.size = get_float(in);
    w.style = get_int(in, 0, (int)c->n_styles - 1);
    w.angle = get_int(in, 0, 270);
    w.flags = get_u32(in);
    w.confidence = get_float(in);
    w.link = get_int(in, 0, (int)c->n_links);
    if (w.size <= 0) in->bad = true;
    return w;
}

static struct picture get_picture(struct cursor *in) {
    struct picture p = {0};
    p.bbox = get_rect(in);
    int kind = get_int(in, 0, 3);
    p.vector = kind & 1;
    p.chart = kind >> 1;
    p.png = get_bytes(in);
    p.width_px = get_int(in, 0, 1 << 20);
    p.height_px = get_int(in, 0, 1 << 20);
    p.alt = get_str(in);
    return p;
}

static struct rule get_rule(struct cursor *in) {
    struct rect r = get_rect(in);
    struct rule rule = {r.x0, r.y0, r.x1, r.y1, 0, 0};
    rule.width = get_float(in);
    rule.rgb = get_u32(in);
    return rule;
}

static void get_lists(struct cursor *in, struct arena *arena, struct content *c) {
    c->n_styles = get_count(in, 12);
    c->styles = ARENA_ARRAY(arena, c->n_styles, struct style);
    for (size_t i = 0; i < c->n_styles; i++) {
        c->styles[i].font = get_str(in);
        c->styles[i].flags = get_u32(in);
        c->styles[i].rgb = get_u32(in);
    }
    c->n_links = get_count(in, 20);
    c->links = ARENA_ARRAY(arena, c->n_links, struct link);
    for (size_t i = 0; i < c->n_links; i++) {
        c->links[i].bbox = get_rect(in);
        c->links[i].target = get_str(in);
    }
    c->n_words = get_count(in, 48);
    c->words = ARENA_ARRAY(arena, c->n_words, struct word);
    for (size_t i = 0; i < c->n_words; i++) c->words[i] = get_word(in, c);
    c->n_rules = get_count(in, 24);
    c->rules = ARENA_ARRAY(arena, c->n_rules, struct rule);
    for (size_t i = 0; i < c->n_rules; i++) c->rules[i] = get_rule(in);
    c->n_fills = get_count(in, 24);
    c->fills = ARENA_ARRAY(arena, c->n_fills, struct fill);
    for (size_t i = 0; i < c->n_fills; i++) {
        c->fills[i].bbox = get_rect(in);
        c->fills[i].rgb = get_u32(in);
        c->fills[i].visible = get_int(in, 0, 1);
    }
    c->n_pictures = get_count(in, 32);
    c->pictures = ARENA_ARRAY(arena, c->n_pictures, struct picture);
    for (size_t i = 0; i < c->n_pictures; i++) c->pictures[i] = get_picture(in);
    c->n_curves = get_count(in, 16);
    c->curves = ARENA_ARRAY(arena, c->n_curves, struct rect);
    for (size_t i = 0; i < c->n_curves; i++) c->curves[i] = get_rect(in);
    for (int i = 0; i < N_HIDDEN_KINDS; i++) c->n_hidden[i] = get_int(in, 0, 1 << 30);
}

enum status content_unpack(struct str bytes, struct arena *arena, struct content **out,
                           struct error *err) {
    struct cursor in = {bytes, false};
    struct content *c = ARENA_NEW(arena, struct content);
    if (get_u32(&in) != PAGE_MAGIC) return fail(err, STATUS_FORMAT, "not a page record");
    c->info = get_info(&in);
    get_lists(&in, arena, c);
    if (in.bad || in.rest.n)
        return fail(err, STATUS_FORMAT, "a broken page record of %zu bytes", bytes.n);
    *out = c;
    return STATUS_OK;
}

enum status meta_unpack(struct str bytes, struct arena *arena, struct document *d,
                        struct outline_entry **outline, size_t *n_outline, struct error *err) {
    struct cursor in = {bytes, false};
    *d = (struct document){0};
    if (get_u32(&in) != META_MAGIC) return fail(err, STATUS_FORMAT, "not a document record");
    d->source = get_str(&in);
    d->title = get_str(&in);
    d->author = get_str(&in);
    d->subject = get_str(&in);
    d->keywords = get_str(&in);
    d->language = get_str(&in);
    d->created = get_str(&in);
    d->n_pages = get_int(&in, 0, 1 << 30);
    *n_outline = get_count(&in, 16);
    *outline = ARENA_ARRAY(arena, *n_outline, struct outline_entry);
    for (size_t i = 0; i < *n_outline; i++) {
        struct outline_entry *e = &(*outline)[i];
        e->title = get_str(&in);
        e->level = get_int(&in, 1, 1 << 20);
        e->page = get_int(&in, 0, 1 << 30);
        e->y = get_float(&in);
    }
    if (in.bad || in.rest.n) return fail(err, STATUS_FORMAT, "a broken document record");
    return STATUS_OK;
}
