/*
 * pipeline/pdfops.c - the operator walk; see pdfops.h.
 *
 * Operators: ISO 32000-1, annex A. The walk needs no fonts, so after one Tj it does not know where
 * the next begins unless the document says so; most do. What hostile documents can multiply is
 * bounded: operators, bytes and nesting per page.
 */
#include "pipeline/pdfops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/pdflex.h"
#include "pipeline/pdfobj.h"
#include "pipeline/pdfpaint.h"
#include "util/arena.h"
#include "util/mem.h"

enum {
    MAX_OPERATORS = 3000000,      // a page; the densest real map seen has a tenth of it
    MAX_STREAM_BYTES = 128 << 20, // decoded, a page
    MAX_FORM_DEPTH = 12,
    MAX_STATES = 200, // nested q
    MAX_OPERANDS = 64,
    MAX_SHOWS = 200000,
    MAX_NAME = 128,
    MAX_LAYERS = 4096,
    N_FONT_SLOTS = 256,
    N_RECENT = 16,
};

/* Fonts seen, by object number; a slot holds the last one that fell into it. */
struct font_slot {
    int object; // 0: free
    struct ops_font font;
};

struct pdfops {
    struct pdfobj *doc;
    struct font_slot fonts[N_FONT_SLOTS];
    int layers_off[MAX_LAYERS], n_layers_off; // optional content groups, sorted
    int layers_on[MAX_LAYERS], n_layers_on;
    bool layers_base_off;
};

/* ---- opening ---- */

static int by_value(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static int load_layers(struct pdfobj *doc, unsigned array, int *out) {
    int n = obj_length(doc, array), kept = 0;
    for (int i = 0; i < n && kept < MAX_LAYERS; i++) {
        unsigned item = obj_item(doc, array, i);
        int id = obj_id(doc, item);
        obj_release(doc, item);
        if (id > 0) out[kept++] = id;
    }
    qsort(out, (size_t)kept, sizeof *out, by_value);
    return kept;
}

static void load_optional_content(struct pdfops *ops) {
    struct pdfobj *doc = ops->doc;
    unsigned config = obj_get(doc, obj_get(doc, pdfobj_root(doc), "/OCProperties"), "/D");
    ops->layers_base_off = obj_name_is(doc, obj_get(doc, config, "/BaseState"), "/OFF");
    ops->n_layers_off = load_layers(doc, obj_get(doc, config, "/OFF"), ops->layers_off);
    ops->n_layers_on = load_layers(doc, obj_get(doc, config, "/ON"), ops->layers_on);
    pdfobj_release_all(doc);
}

enum status pdfops_open(struct str bytes, const char *password, struct pdfops **out,
                        struct error *err) {
    struct pdfobj *doc;
    TRY(pdfobj_open(bytes, password, &doc, err));
    struct pdfops *ops = mem_alloc(sizeof *ops);
    ops->doc = doc;
    load_optional_content(ops);
    *out = ops;
    return STATUS_OK;
}

void pdfops_close(struct pdfops *ops) {
    if (!ops) return;
    pdfobj_close(ops->doc);
    mem_free(ops);
}

enum status pdfops_rewrite(struct pdfops *ops, struct buf *out, struct error *err) {
    return pdfobj_rewrite(ops->doc, out, err);
}

int pdfops_n_pages(const struct pdfops *ops) {
    return pdfobj_n_pages(ops->doc);
}

struct str pdfops_language(struct pdfops *ops, struct arena *arena) {
    struct str language =
        obj_text(ops->doc, obj_get(ops->doc, pdfobj_root(ops->doc), "/Lang"), arena);
    pdfobj_release_all(ops->doc);
    return language;
}

/* ---- the walk ---- */

enum space_kind { SPACE_DIRECT, SPACE_TINT, SPACE_LAB, SPACE_UNKNOWN };

struct colour {
    uint32_t rgb;
    bool known;
    enum space_kind space;
};

struct state {
    struct matrix ctm; // to page space
    struct rect clip;
    struct colour fill, stroke;
    float fill_alpha, stroke_alpha;
    double line_width;
    // text state
    double size, scale, leading, rise;
    int mode;
    int font; // index + 1 in the page's fonts
};

/* Where names are looked up: a page's or a form's resources, with the last answers kept. */
struct frame {
    unsigned resources;
    unsigned categories[5]; // enum category, fetched when first needed
    bool fetched[5];
    struct recent {
        char name[32];
        int font;
    } recent[N_RECENT];
    int n_recent;
};

enum category { FONTS, XOBJECTS, GSTATES, PROPERTIES, SPACES };
static const char *const category_keys[] = {"/Font", "/XObject", "/ExtGState", "/Properties",
                                            "/ColorSpace"};

struct walk {
    struct pdfops *ops;
    struct pdfobj *doc;
    struct arena *arena;
    struct ops_page *page;
    struct painter painter;
    struct state states[MAX_STATES], *now;
    int n_lost_states; // q beyond the limit, to be matched by Q
    struct frame *frame;
    // operands of the operator to come
    double numbers[MAX_OPERANDS];
    int n_numbers;
    struct str name;       // the last name
    struct str string;     // the first string
    int n_bytes, n_spaces; // of strings
    bool has_string;
    // text object
    struct matrix text, line;
    bool text_known; // false behind a Tj: x depends on its width
    // marked content
    int depth, hidden_depth, artifact_depth; // level of nesting where hiding began; 0: it did not
    bool clips;                              // W was seen: the next painting operator clips
    size_t cap_shows, cap_fonts;
    long n_operators;
    size_t n_bytes_read;
    int forms[MAX_FORM_DEPTH];
    int n_forms;
};

static void walk_stream(struct walk *w, struct str stream);

static unsigned find_resource(struct walk *w, enum category category, struct str name) {
    struct frame *frame = w->frame;
    if (!frame->fetched[category]) {
        frame->fetched[category] = true;
        frame->categories[category] = obj_get(w->doc, frame->resources, category_keys[category]);
    }
    char key[MAX_NAME];
    size_t n = 0;
    key[n++] = '/';
    for (size_t i = 0; i < name.n && n + 1 < sizeof key; i++) {
        char c = name.s[i];
        unsigned byte;
        if (c == '#' && i + 2 < name.n + 0 &&
            sscanf((char[]){name.s[i + 1], name.s[i + 2], 0}, "%2x", &byte) == 1 && byte) {
            c = (char)byte;
            i += 2;
        }
        key[n++] = c;
    }
    key[n] = 0;
    return obj_get(w->doc, frame->categories[category], key);
}

/* Steps to the state with index i, if there is room. */
static void push_state(struct walk *w) {
    if (w->now == &w->states[MAX_STATES - 1]) {
        w->n_lost_states++;
        return;
    }
    w->now[1] = w->now[0];
    w->now++;
}

static void pop_state(struct walk *w, const struct state *floor) {
    if (w->n_lost_states > 0) {
        w->n_lost_states--;
    } else if (w->now > floor) {
        w->now--;
    }
}

static float stroke_scale(const struct matrix *m) {
    return (float)sqrt(fabs(m->a * m->d - m->b * m->c));
}

static struct pen fill_pen(const struct walk *w) {
    return (struct pen){w->now->fill.rgb, w->now->fill.known, w->now->fill_alpha, 0};
}

static struct pen stroke_pen(const struct walk *w) {
    float width = (float)fmin(fabs(w->now->line_width), 1e4) * stroke_scale(&w->now->ctm);
    return (struct pen){w->now->stroke.rgb, w->now->stroke.known, w->now->stroke_alpha, width};
}

static bool is_hidden(const struct walk *w) {
    return w->hidden_depth > 0;
}

static struct rect intersect(struct rect a, struct rect b) {
    struct rect r = {fmaxf(a.x0, b.x0), fmaxf(a.y0, b.y0), fminf(a.x1, b.x1), fminf(a.y1, b.y1)};
    if (r.x1 < r.x0) r.x1 = r.x0;
    if (r.y1 < r.y0) r.y1 = r.y0;
    return r;
}

static void end_path(struct walk *w) {
    if (w->clips) w->now->clip = intersect(w->now->clip, path_bbox(&w->painter));
    w->clips = false;
    path_end(&w->painter);
}

static void paint_path(struct walk *w, bool fill, bool stroke, bool close) {
    if (close) path_close(&w->painter);
    if (!is_hidden(w)) {
        struct pen pen = fill_pen(w);
        if (fill) paint_fill(&w->painter, &pen, w->now->clip);
        pen = stroke_pen(w);
        if (stroke) paint_stroke(&w->painter, &pen, w->now->clip);
    }
    end_path(w);
}

/* ---- colours ---- */

static uint32_t rgb_of(double r, double g, double b) {
    double c[3] = {r, g, b};
    uint32_t rgb = 0;
    for (int i = 0; i < 3; i++) {
        double v = c[i] < 0 ? 0 : c[i] > 1 ? 1 : c[i];
        rgb = rgb << 8 | (uint32_t)(v * 255 + 0.5);
    }
    return rgb;
}

static void set_components(struct walk *w, struct colour *colour) {
    const double *v = w->numbers;
    int n = w->n_numbers;
    colour->known = n > 0 && colour->space != SPACE_UNKNOWN && w->name.n == 0;
    colour->rgb = 0x808080;
    if (!colour->known) return;
    if (colour->space == SPACE_TINT) {
        double ink = 0;
        for (int i = 0; i < n; i++) ink = fmax(ink, v[i]);
        colour->rgb = rgb_of(1 - ink, 1 - ink, 1 - ink);
    } else if (colour->space == SPACE_LAB) {
        colour->rgb = rgb_of(v[0] / 100, v[0] / 100, v[0] / 100);
    } else if (n == 1) {
        colour->rgb = rgb_of(v[0], v[0], v[0]);
    } else if (n == 3) {
        colour->rgb = rgb_of(v[0], v[1], v[2]);
    } else if (n == 4) {
        double light = 1 - fmin(1, fmax(0, v[3]));
        colour->rgb = rgb_of((1 - v[0]) * light, (1 - v[1]) * light, (1 - v[2]) * light);
    } else {
        colour->known = false;
    }
}

static void set_device_colour(struct walk *w, struct colour *colour, int n) {
    if (w->n_numbers < n) return;
    memmove(w->numbers, w->numbers + w->n_numbers - n, (size_t)n * sizeof *w->numbers);
    w->n_numbers = n;
    w->name = (struct str){0};
    colour->space = SPACE_DIRECT;
    set_components(w, colour);
}

static void set_space(struct walk *w, struct colour *colour) {
    *colour = (struct colour){.rgb = 0, .known = true, .space = SPACE_DIRECT};
    if (str_starts(w->name, STR("Device")) || str_starts(w->name, STR("Cal"))) return;
    char kind[32] = "";
    if (str_eq(w->name, STR("Pattern"))) {
        snprintf(kind, sizeof kind, "Pattern");
    } else {
        unsigned space = find_resource(w, SPACES, w->name);
        if (obj_length(w->doc, space) > 0) space = obj_item(w->doc, space, 0);
        obj_name(w->doc, space, kind, sizeof kind);
    }
    if (strcmp(kind, "Separation") == 0 || strcmp(kind, "DeviceN") == 0) colour->space = SPACE_TINT;
    if (strcmp(kind, "Lab") == 0) colour->space = SPACE_LAB;
    if (strcmp(kind, "Indexed") == 0 || strcmp(kind, "Pattern") == 0 || !*kind) {
        colour->space = SPACE_UNKNOWN;
        colour->known = false;
        colour->rgb = 0x808080;
    }
}

static void set_graphics_state(struct walk *w) {
    unsigned dict = find_resource(w, GSTATES, w->name);
    if (!obj_is(w->doc, dict, OBJ_DICT)) return;
    struct state *now = w->now;
    now->fill_alpha = (float)obj_number(w->doc, dict, "/ca", now->fill_alpha);
    now->stroke_alpha = (float)obj_number(w->doc, dict, "/CA", now->stroke_alpha);
    now->line_width = obj_number(w->doc, dict, "/LW", now->line_width);
    obj_release_from(w->doc, dict);
}

/* ---- optional and marked content ---- */

static bool in_list(const int *list, int n, int id) {
    return bsearch(&id, list, (size_t)n, sizeof *list, by_value) != NULL;
}

static bool layer_is_off(struct walk *w, unsigned group) {
    const struct pdfops *ops = w->ops;
    int id = obj_id(w->doc, group);
    if (in_list(ops->layers_off, ops->n_layers_off, id)) return true;
    return ops->layers_base_off && !in_list(ops->layers_on, ops->n_layers_on, id);
}

/* A group, or a membership dictionary with its policy; visibility expressions count as visible. */
static bool content_is_off(struct walk *w, unsigned dict) {
    struct pdfobj *doc = w->doc;
    if (!obj_is(doc, dict, OBJ_DICT)) return false;
    if (!obj_name_is(doc, obj_get(doc, dict, "/Type"), "/OCMD")) return layer_is_off(w, dict);
    unsigned groups = obj_get(doc, dict, "/OCGs"), policy = obj_get(doc, dict, "/P");
    int n_on = 0, n_off = 0;
    if (obj_is(doc, groups, OBJ_DICT)) {
        if (layer_is_off(w, groups))
            n_off++;
        else
            n_on++;
    } else if (obj_is(doc, groups, OBJ_ARRAY)) {
        int n = obj_length(doc, groups);
        for (int i = 0; i < n && i < MAX_LAYERS; i++) {
            unsigned group = obj_item(doc, groups, i);
            if (layer_is_off(w, group))
                n_off++;
            else
                n_on++;
            obj_release(doc, group);
        }
    }
    if (n_on + n_off == 0) return false;
    if (obj_name_is(doc, policy, "/AllOn")) return n_off > 0;
    if (obj_name_is(doc, policy, "/AnyOff")) return n_off == 0;
    if (obj_name_is(doc, policy, "/AllOff")) return n_on > 0;
    return n_on == 0;
}

/* first: the tag; name: the last name, of the property list if there is one. */
static void begin_marked(struct walk *w, struct str tag, bool with_properties) {
    w->depth++;
    if (str_eq(tag, STR("Artifact")) && !w->artifact_depth) w->artifact_depth = w->depth;
    if (!with_properties || !str_eq(tag, STR("OC")) || w->hidden_depth) return;
    unsigned properties = find_resource(w, PROPERTIES, w->name);
    if (content_is_off(w, properties)) w->hidden_depth = w->depth;
    obj_release_from(w->doc, properties);
}

static void end_marked(struct walk *w) {
    if (w->depth == 0) return;
    if (w->hidden_depth == w->depth) w->hidden_depth = 0;
    if (w->artifact_depth == w->depth) w->artifact_depth = 0;
    w->depth--;
}

/* ---- text ---- */

static void set_font(struct walk *w) {
    if (w->n_numbers < 1) return;
    w->now->size = w->numbers[w->n_numbers - 1];
    struct frame *frame = w->frame;
    struct recent *recent = frame->recent;
    for (int i = 0; i < frame->n_recent && i < N_RECENT; i++) {
        if (!str_eq(w->name, str_from(recent[i].name))) continue;
        w->now->font = recent[i].font;
        return;
    }
    unsigned dict = find_resource(w, FONTS, w->name);
    w->now->font = 0;
    if (!obj_is(w->doc, dict, OBJ_DICT)) return;
    int id = obj_id(w->doc, dict);
    struct font_slot *slot = &w->ops->fonts[(unsigned)id % N_FONT_SLOTS], direct = {0};
    if (id <= 0) slot = &direct;
    if (slot->object != id || id <= 0) {
        *slot = (struct font_slot){.object = id};
        font_load(w->doc, dict, &slot->font);
    }
    struct ops_page *page = w->page;
    page->fonts =
        arena_grow(w->arena, page->fonts, page->n_fonts, &w->cap_fonts, sizeof *page->fonts);
    page->fonts[page->n_fonts++] = slot->font;
    w->now->font = (int)page->n_fonts;
    if (w->name.n >= sizeof recent[0].name) return;
    struct recent *r = &recent[frame->n_recent++ % N_RECENT];
    memcpy(r->name, w->name.s, w->name.n);
    r->name[w->name.n] = 0;
    r->font = w->now->font;
}

static int quadrant(double dx, double dy) {
    if (fabs(dx) >= fabs(dy)) return dx >= 0 ? 0 : 180;
    return dy >= 0 ? 90 : 270;
}

static uint32_t code_of_string(struct str string, int font) {
    uint32_t h = (uint32_t)font * 2654435761u;
    for (size_t i = 0; i < string.n && i < 16; i++)
        h = (h ^ (unsigned char)string.s[i]) * 16777619u;
    return h;
}

static bool same_clip(struct rect a, struct rect b) {
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

static void show_text(struct walk *w) {
    if (!w->has_string || w->n_bytes == 0 || is_hidden(w)) return;
    const struct state *now = w->now;
    struct ops_page *page = w->page;
    const struct ops_font *font = now->font ? &page->fonts[now->font - 1] : NULL;
    struct matrix own = {now->size * now->scale, 0, 0, now->size, 0, now->rise};
    struct matrix m = matrix_product(matrix_product(own, w->text), now->ctm);
    struct ops_show show = {
        .x = (float)m.e,
        .y = (float)m.f,
        .size = (float)hypot(m.c, m.d),
        .alpha = now->fill_alpha,
        .rgb = now->fill.rgb,
        .known_rgb = now->fill.known,
        .clip = now->clip,
        .order = ++w->painter.order,
        .n_chars = font && font->wide ? (w->n_bytes + 1) / 2 : w->n_bytes,
        .n_blank = font && font->wide ? 0 : w->n_spaces,
        .code = code_of_string(w->string, now->font),
        .angle = (short)quadrant(m.a, m.b),
        .mode = (unsigned char)now->mode,
        .wide = font && font->wide,
        .unmapped = font && !font->has_unicode,
        .vertical = font && font->vertical,
        .artifact = w->artifact_depth > 0,
    };
    if (!w->text_known && page->n_shows > 0) {
        struct ops_show *last = &page->shows[page->n_shows - 1];
        last->n_chars += show.n_chars;
        last->n_blank += show.n_blank;
        last->mixed |= last->mode != show.mode || last->rgb != show.rgb ||
                       last->alpha != show.alpha || !same_clip(last->clip, show.clip);
        return;
    }
    w->text_known = false;
    if (page->n_shows >= MAX_SHOWS) {
        page->cut = true;
        return;
    }
    page->shows =
        arena_grow(w->arena, page->shows, page->n_shows, &w->cap_shows, sizeof *page->shows);
    page->shows[page->n_shows++] = show;
}

static void set_text_matrix(struct walk *w, struct matrix m) {
    w->text = w->line = m;
    w->text_known = true;
}

static void next_line(struct walk *w, double x, double y) {
    set_text_matrix(w, matrix_product((struct matrix){1, 0, 0, 1, x, y}, w->line));
}

/* ---- pictures and forms ---- */

/* Something painted over the unit square of the current matrix. */
static void place_image(struct walk *w, struct ops_paint paint) {
    if (is_hidden(w) || w->now->fill_alpha <= 0.02f) return;
    const struct matrix *m = &w->now->ctm;
    paint.kind = PAINT_IMAGE;
    paint.hull = matrix_box(m, 0, 0, 1, 1);
    paint.bbox = intersect(paint.hull, w->now->clip);
    paint.alpha = w->now->fill_alpha;
    double level = fabs(m->a) + fabs(m->d), upright = fabs(m->b) + fabs(m->c);
    paint.turned = upright > level;
    paint.straight = fmin(level, upright) < 0.02 * fmax(level, upright);
    if (paint.bbox.x0 >= paint.bbox.x1 && paint.bbox.y0 >= paint.bbox.y1) return;
    struct pen pen = fill_pen(w);
    bool flat = paint.width_px <= 2 || paint.height_px <= 2;
    if (paint.mask && flat && paint_thin_box(&w->painter, paint.bbox, &pen)) return;
    if (rect_area(paint.bbox) <= 0) return;
    paint_add(&w->painter, paint);
}

static void do_image(struct walk *w, unsigned dict, int object) {
    struct ops_paint paint = {.object = object};
    paint.width_px = obj_int(w->doc, dict, "/Width", 0);
    paint.height_px = obj_int(w->doc, dict, "/Height", 0);
    paint.mask = obj_bool(w->doc, dict, "/ImageMask");
    paint.opaque = !paint.mask && w->now->fill_alpha > 0.98f && !obj_has(w->doc, dict, "/SMask") &&
                   !obj_has(w->doc, dict, "/Mask");
    paint.bilevel = paint.mask || obj_int(w->doc, dict, "/BitsPerComponent", 8) == 1;
    place_image(w, paint);
}

static bool is_open_form(const struct walk *w, int object) {
    for (int i = 0; i < w->n_forms; i++) {
        if (w->forms[i] == object) return true;
    }
    return false;
}

static void do_form(struct walk *w, unsigned form, unsigned dict, int object) {
    bool full = w->n_forms >= MAX_FORM_DEPTH || w->now == &w->states[MAX_STATES - 1];
    if (full || is_open_form(w, object)) return;
    struct str bytes;
    if (!obj_stream(w->doc, form, &bytes) || bytes.n > MAX_STREAM_BYTES - w->n_bytes_read) {
        pdfobj_free(bytes);
        w->page->cut = true;
        return;
    }
    w->n_bytes_read += bytes.n;
    struct state *outside = w->now;
    int n_lost_states = w->n_lost_states;
    push_state(w);
    double v[6];
    if (obj_numbers(w->doc, obj_get(w->doc, dict, "/Matrix"), v, 6))
        w->now->ctm =
            matrix_product((struct matrix){v[0], v[1], v[2], v[3], v[4], v[5]}, w->now->ctm);
    if (obj_numbers(w->doc, obj_get(w->doc, dict, "/BBox"), v, 4))
        w->now->clip = intersect(w->now->clip, matrix_box(&w->now->ctm, v[0], v[1], v[2], v[3]));
    struct frame *outer = w->frame, *inner = mem_alloc(sizeof *inner);
    unsigned resources = obj_get(w->doc, dict, "/Resources");
    inner->resources = obj_is(w->doc, resources, OBJ_DICT) ? resources : outer->resources;
    struct matrix text = w->text, line = w->line;
    bool text_known = w->text_known;
    int depth = w->depth;
    w->frame = inner;
    w->forms[w->n_forms++] = object;
    walk_stream(w, bytes);
    w->n_forms--;
    w->frame = outer;
    while (w->depth > depth) end_marked(w);
    w->text = text;
    w->line = line;
    w->text_known = text_known;
    w->now = outside; // whatever the form left open
    w->n_lost_states = n_lost_states;
    mem_free(inner);
    pdfobj_free(bytes);
}

static void do_xobject(struct walk *w, unsigned object) {
    if (!obj_is(w->doc, object, OBJ_STREAM)) return;
    unsigned dict = obj_dict(w->doc, object);
    unsigned layer = obj_get(w->doc, dict, "/OC");
    int id = obj_id(w->doc, object);
    if (obj_is(w->doc, layer, OBJ_DICT) && content_is_off(w, layer)) return;
    if (obj_name_is(w->doc, obj_get(w->doc, dict, "/Subtype"), "/Image")) {
        do_image(w, dict, id);
    } else if (obj_name_is(w->doc, obj_get(w->doc, dict, "/Subtype"), "/Form")) {
        do_form(w, object, dict, id);
    }
}

/* BI, its keys, ID, data, EI. */
static void inline_image(struct walk *w, struct lex *lex) {
    struct ops_paint paint = {0};
    struct str key = {0};
    int bits = 8, n_components = 0;
    bool filtered = false;
    for (;;) {
        struct lex_token token = lex_next(lex);
        if (token.kind == LEX_END) return;
        if (token.kind == LEX_WORD && str_eq(token.text, STR("ID"))) break;
        if (token.kind == LEX_WORD && str_eq(token.text, STR("EI"))) return;
        if (token.kind == LEX_NAME && key.n == 0) {
            key = token.text;
            filtered |= str_eq(key, STR("F")) || str_eq(key, STR("Filter"));
            continue;
        }
        bool is_width = str_eq(key, STR("W")) || str_eq(key, STR("Width"));
        bool is_height = str_eq(key, STR("H")) || str_eq(key, STR("Height"));
        bool is_bits = str_eq(key, STR("BPC")) || str_eq(key, STR("BitsPerComponent"));
        int number = token.kind == LEX_NUMBER && fabs(token.number) < 1e6 ? (int)token.number : 0;
        if (is_width) paint.width_px = number;
        if (is_height) paint.height_px = number;
        if (is_bits) bits = number;
        if (str_eq(key, STR("IM")) || str_eq(key, STR("ImageMask")))
            paint.mask = str_eq(token.text, STR("true"));
        if ((str_eq(key, STR("CS")) || str_eq(key, STR("ColorSpace"))) && token.kind == LEX_NAME) {
            if (str_eq(token.text, STR("G")) || str_eq(token.text, STR("DeviceGray")))
                n_components = 1;
            if (str_eq(token.text, STR("RGB")) || str_eq(token.text, STR("DeviceRGB")))
                n_components = 3;
            if (str_eq(token.text, STR("CMYK")) || str_eq(token.text, STR("DeviceCMYK")))
                n_components = 4;
        }
        if (token.kind != LEX_OPEN && token.kind != LEX_DICT) key = (struct str){0};
    }
    if (paint.mask) bits = n_components = 1;
    paint.bilevel = bits == 1;
    size_t n_bytes = 0;
    if (!filtered && bits > 0 && bits <= 16 && n_components > 0 && paint.width_px > 0 &&
        paint.height_px > 0)
        n_bytes = ((size_t)paint.width_px * (size_t)n_components * (size_t)bits + 7) / 8 *
                  (size_t)paint.height_px;
    lex_skip_inline_data(lex, n_bytes);
    place_image(w, paint);
}

/* sh paints the whole clip. */
static void do_shading(struct walk *w) {
    if (is_hidden(w) || rect_area(w->now->clip) <= 0) return;
    paint_add(&w->painter, (struct ops_paint){.bbox = w->now->clip,
                                              .kind = PAINT_SHADE,
                                              .rgb = 0x808080,
                                              .alpha = w->now->fill_alpha});
}

/* ---- operators ---- */

/* An operator of up to three letters as a number, for the switch. */
#define OP1(a) ((unsigned)(a))
#define OP2(a, b) ((unsigned)(a) << 8 | (unsigned)(b))
#define OP3(a, b, c) ((unsigned)(a) << 16 | (unsigned)(b) << 8 | (unsigned)(c))

static unsigned code_of(struct str word) {
    unsigned code = 0;
    if (word.n > 3) return 0;
    for (size_t i = 0; i < word.n; i++) code = code << 8 | (unsigned char)word.s[i];
    return code;
}

static struct matrix operand_matrix(const struct walk *w) {
    const double *v = w->numbers;
    return (struct matrix){v[0], v[1], v[2], v[3], v[4], v[5]};
}

/* Path construction; false when the operator is none. */
static bool build_path(struct walk *w, unsigned code) {
    struct painter *p = &w->painter;
    const struct matrix *m = &w->now->ctm;
    const double *v = w->numbers;
    int n = w->n_numbers;
    switch (code) {
    case OP1('m'):
        if (n >= 2) path_move(p, matrix_apply(m, v[0], v[1]));
        return true;
    case OP1('l'):
        if (n >= 2) path_line(p, matrix_apply(m, v[0], v[1]));
        return true;
    case OP1('h'): path_close(p); return true;
    case OP2('r', 'e'):
        if (n >= 4) path_rect(p, m, v[0], v[1], v[2], v[3]);
        return true;
    case OP1('c'):
        if (n >= 6)
            path_curve(p, matrix_apply(m, v[0], v[1]), matrix_apply(m, v[2], v[3]),
                       matrix_apply(m, v[4], v[5]));
        return true;
    case OP1('v'):
        if (n >= 4) path_curve(p, p->at, matrix_apply(m, v[0], v[1]), matrix_apply(m, v[2], v[3]));
        return true;
    case OP1('y'):
        if (n >= 4)
            path_curve(p, matrix_apply(m, v[0], v[1]), matrix_apply(m, v[2], v[3]),
                       matrix_apply(m, v[2], v[3]));
        return true;
    default: return false;
    }
}

static bool use_path(struct walk *w, unsigned code) {
    switch (code) {
    case OP1('S'): paint_path(w, false, true, false); return true;
    case OP1('s'): paint_path(w, false, true, true); return true;
    case OP1('f'):
    case OP1('F'):
    case OP2('f', '*'): paint_path(w, true, false, false); return true;
    case OP1('B'):
    case OP2('B', '*'): paint_path(w, true, true, false); return true;
    case OP1('b'):
    case OP2('b', '*'): paint_path(w, true, true, true); return true;
    case OP1('n'): end_path(w); return true;
    case OP1('W'):
    case OP2('W', '*'): w->clips = true; return true;
    default: return false;
    }
}

static bool do_text(struct walk *w, unsigned code) {
    struct state *now = w->now;
    const double *v = w->numbers;
    int n = w->n_numbers;
    switch (code) {
    case OP2('B', 'T'): set_text_matrix(w, (struct matrix){1, 0, 0, 1, 0, 0}); return true;
    case OP2('T', 'f'): set_font(w); return true;
    case OP2('T', 'd'):
        if (n >= 2) next_line(w, v[0], v[1]);
        return true;
    case OP2('T', 'D'):
        if (n < 2) return true;
        now->leading = -v[1];
        next_line(w, v[0], v[1]);
        return true;
    case OP2('T', 'm'):
        if (n >= 6) set_text_matrix(w, operand_matrix(w));
        return true;
    case OP2('T', '*'): next_line(w, 0, -now->leading); return true;
    case OP2('T', 'L'):
        if (n >= 1) now->leading = v[0];
        return true;
    case OP2('T', 's'):
        if (n >= 1) now->rise = v[0];
        return true;
    case OP2('T', 'z'):
        if (n >= 1) now->scale = v[0] / 100;
        return true;
    case OP2('T', 'r'):
        if (n >= 1) now->mode = v[0] >= 0 && v[0] <= 7 ? (int)v[0] : 0;
        return true;
    case OP2('T', 'j'):
    case OP2('T', 'J'): show_text(w); return true;
    case OP1('\''):
    case OP1('"'):
        next_line(w, 0, -now->leading);
        show_text(w);
        return true;
    default: return false;
    }
}

static bool do_colour(struct walk *w, unsigned code) {
    struct state *now = w->now;
    switch (code) {
    case OP1('g'): set_device_colour(w, &now->fill, 1); return true;
    case OP1('G'): set_device_colour(w, &now->stroke, 1); return true;
    case OP2('r', 'g'): set_device_colour(w, &now->fill, 3); return true;
    case OP2('R', 'G'): set_device_colour(w, &now->stroke, 3); return true;
    case OP1('k'): set_device_colour(w, &now->fill, 4); return true;
    case OP1('K'): set_device_colour(w, &now->stroke, 4); return true;
    case OP2('c', 's'): set_space(w, &now->fill); return true;
    case OP2('C', 'S'): set_space(w, &now->stroke); return true;
    case OP2('s', 'c'):
    case OP3('s', 'c', 'n'): set_components(w, &now->fill); return true;
    case OP2('S', 'C'):
    case OP3('S', 'C', 'N'): set_components(w, &now->stroke); return true;
    default: return false;
    }
}

static void do_operator(struct walk *w, struct str word, struct str first_name,
                        const struct state *floor, struct lex *lex) {
    unsigned code = code_of(word);
    if (build_path(w, code) || use_path(w, code) || do_text(w, code) || do_colour(w, code)) return;
    switch (code) {
    case OP1('q'): push_state(w); break;
    case OP1('Q'): pop_state(w, floor); break;
    case OP2('c', 'm'):
        if (w->n_numbers >= 6) w->now->ctm = matrix_product(operand_matrix(w), w->now->ctm);
        break;
    case OP1('w'):
        if (w->n_numbers >= 1) w->now->line_width = w->numbers[0];
        break;
    case OP2('g', 's'): set_graphics_state(w); break;
    case OP2('D', 'o'): {
        unsigned object = find_resource(w, XOBJECTS, w->name);
        do_xobject(w, object);
        obj_release_from(w->doc, object);
        break;
    }
    case OP2('s', 'h'): do_shading(w); break;
    case OP2('B', 'I'): inline_image(w, lex); break;
    case OP3('B', 'M', 'C'): begin_marked(w, w->name, false); break;
    case OP3('B', 'D', 'C'): begin_marked(w, first_name, true); break;
    case OP3('E', 'M', 'C'): end_marked(w); break;
    default: break; // the rest changes nothing we look at
    }
}

static void walk_stream(struct walk *w, struct str stream) {
    struct lex lex = lex_open(stream);
    const struct state *floor = w->now; // Q must not undo what the caller pushed
    struct str first_name = {0};
    int nesting = 0; // in dictionaries: their contents are no operands
    w->n_numbers = w->n_bytes = w->n_spaces = 0;
    w->name = (struct str){0};
    w->has_string = false;
    for (;;) {
        struct lex_token token = lex_next(&lex);
        switch (token.kind) {
        case LEX_END: return;
        case LEX_NUMBER:
            if (nesting == 0 && w->n_numbers < MAX_OPERANDS)
                w->numbers[w->n_numbers++] = token.number;
            break;
        case LEX_NAME:
            if (nesting > 0) break;
            if (first_name.n == 0) first_name = token.text;
            w->name = token.text;
            break;
        case LEX_STRING:
            if (!w->has_string) w->string = token.text;
            w->has_string = true;
            if (token.n_bytes < 1 << 20 && w->n_bytes < 1 << 24) {
                w->n_bytes += (int)token.n_bytes;
                w->n_spaces += (int)token.n_spaces;
            }
            break;
        case LEX_OPEN:
        case LEX_CLOSE: break;
        case LEX_DICT: nesting++; break;
        case LEX_DICT_END:
            if (nesting > 0) nesting--;
            break;
        case LEX_WORD:
            if (++w->n_operators > MAX_OPERATORS) {
                w->page->cut = true;
                return;
            }
            if (nesting > 0 && token.text.n > 3) break; // true, false, null
            nesting = 0;
            do_operator(w, token.text, first_name, floor, &lex);
            w->n_numbers = w->n_bytes = w->n_spaces = 0;
            w->name = first_name = (struct str){0};
            w->has_string = false;
            break;
        }
    }
}

/* ---- the page ---- */

static bool get_box(struct pdfobj *doc, unsigned page, const char *key, double box[4]) {
    double v[4];
    if (!obj_numbers(doc, obj_inherited(doc, page, key), v, 4)) return false;
    box[0] = fmin(v[0], v[2]);
    box[1] = fmin(v[1], v[3]);
    box[2] = fmax(v[0], v[2]);
    box[3] = fmax(v[1], v[3]);
    return box[2] > box[0] && box[3] > box[1];
}

/* Sets size and rotation of the page; returns the matrix from its default space. */
static struct matrix page_space(struct pdfobj *doc, unsigned dict, struct ops_page *page) {
    double media[4] = {0, 0, 612, 792}, box[4];
    get_box(doc, dict, "/MediaBox", media);
    if (!get_box(doc, dict, "/CropBox", box)) memcpy(box, media, sizeof box);
    for (int i = 0; i < 2; i++) {
        box[i] = fmin(fmax(box[i], media[i]), media[i + 2]);
        box[i + 2] = fmax(fmin(box[i + 2], media[i + 2]), media[i]);
    }
    page->rotation =
        (obj_int_value(doc, obj_inherited(doc, dict, "/Rotate"), 0) / 90 % 4 + 4) % 4 * 90;
    double w = box[2] - box[0], h = box[3] - box[1];
    page->width = (float)(page->rotation % 180 ? h : w);
    page->height = (float)(page->rotation % 180 ? w : h);
    switch (page->rotation) {
    case 90: return (struct matrix){0, 1, 1, 0, -box[1], -box[0]};
    case 180: return (struct matrix){-1, 0, 0, 1, box[2], -box[1]};
    case 270: return (struct matrix){0, -1, -1, 0, box[3], box[2]};
    default: return (struct matrix){1, 0, 0, -1, -box[0], box[3]};
    }
}

/* What is drawn by annotations is not walked, but it is not nothing. */
static int count_annotations(struct pdfobj *doc, unsigned page) {
    enum { MAX_LOOKED_AT = 500 };
    unsigned list = obj_get(doc, page, "/Annots");
    int n = obj_length(doc, list), found = 0;
    for (int i = 0; i < n && i < MAX_LOOKED_AT; i++) {
        unsigned annotation = obj_item(doc, list, i),
                 subtype = obj_get(doc, annotation, "/Subtype");
        bool silent = obj_name_is(doc, subtype, "/Link") || obj_name_is(doc, subtype, "/Popup");
        unsigned appearance = obj_get(doc, annotation, "/AP");
        found += !silent && obj_is(doc, appearance, OBJ_DICT);
        obj_release_from(doc, annotation);
    }
    return found;
}

static void start_walk(struct walk *w, struct pdfops *ops, struct arena *arena,
                       struct matrix to_page) {
    *w = (struct walk){.ops = ops, .doc = ops->doc, .arena = arena};
    w->now = w->states;
    *w->now = (struct state){
        .ctm = to_page,
        .fill = {0, true, SPACE_DIRECT},
        .stroke = {0, true, SPACE_DIRECT},
        .fill_alpha = 1,
        .stroke_alpha = 1,
        .line_width = 1,
        .scale = 1,
    };
    w->painter.arena = arena;
}

enum status pdfops_page(struct pdfops *ops, int number, struct arena *arena, struct ops_page **out,
                        struct error *err) {
    struct pdfobj *doc = ops->doc;
    if (number < 1 || number > pdfobj_n_pages(doc))
        return fail(err, STATUS_ARG, "qpdf finds no page %d", number);
    unsigned dict = pdfobj_page(doc, number);
    struct ops_page *page = ARENA_NEW(arena, struct ops_page);
    struct walk *w = mem_alloc(sizeof *w);
    start_walk(w, ops, arena, page_space(doc, dict, page));
    w->page = page;
    w->now->clip = (struct rect){0, 0, page->width, page->height};
    struct frame frame = {.resources = obj_inherited(doc, dict, "/Resources")};
    w->frame = &frame;
    struct str bytes;
    bool broken = !pdfobj_page_content(doc, dict, &bytes);
    struct str content = str_sub(bytes, 0, MAX_STREAM_BYTES);
    page->cut = content.n < bytes.n;
    w->n_bytes_read = content.n;
    walk_stream(w, content);
    paint_finish(&w->painter, page);
    page->n_annotations = count_annotations(doc, dict);
    pdfobj_free(bytes);
    mem_free(w);
    pdfobj_release_all(doc);
    if (broken && content.n == 0)
        return fail(err, STATUS_FORMAT, "the page's content cannot be read");
    *out = page;
    return STATUS_OK;
}
