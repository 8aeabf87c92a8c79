/*
 * pipeline/pdf.c - see pdf.h. The only file that includes Poppler, GLib and cairo.
 *
 * Poppler's C interface has traps, known by trial: texts carry direction marks that boxes do not
 * have, words of right-to-left letters come in reading order while their boxes come from left to
 * right, and some getters of the structure tree abort the process. None of the latter is called.
 */
#include "pipeline/pdf.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include <cairo.h>
#include <poppler.h>

#include "util/arena.h"
#include "util/mem.h"

enum {
    MAX_OUTLINE = 10000,
    MAX_OUTLINE_DEPTH = 32,
    MAX_CHARS = 2000000, // a page
    MAX_LINKS = 5000,
};

struct pdf {
    PopplerDocument *document;
    GBytes *bytes;
    PopplerPage *page; // the one asked for last; its text is built only once
    int number;
    int n_pages;
};

/* ---- GLib's messages ---- */

static GLogWriterOutput swallow_log(GLogLevelFlags level, const GLogField *fields, gsize n,
                                    gpointer data) {
    (void)level, (void)fields, (void)n, (void)data;
    return G_LOG_WRITER_HANDLED;
}

static void route_log(void) {
    g_log_set_writer_func(swallow_log, NULL, NULL);
}

/* What Poppler has to say about damage is said again, better, by what it returns. GLib takes one
 * writer per process and aborts on the second. */
static void silence_glib(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, route_log);
}

/* ---- opening ---- */

static struct str take_text(struct arena *arena, char *text) {
    struct str clean = text ? str_trim(utf8_clean(arena, str_from(text))) : (struct str){0};
    g_free(text);
    return clean;
}

enum status pdf_open(struct str bytes, const char *const *passwords, size_t n_passwords,
                     struct pdf **out, const char **password, struct error *err) {
    silence_glib();
    GBytes *held = g_bytes_new_static(bytes.s, bytes.n);
    PopplerDocument *document = NULL;
    bool encrypted = false;
    for (size_t i = 0; i <= n_passwords && !document; i++) {
        GError *why = NULL;
        *password = i == 0 ? NULL : passwords[i - 1];
        document = poppler_document_new_from_bytes(held, *password, &why);
        encrypted = why && g_error_matches(why, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED);
        if (why && !encrypted) i = n_passwords;
        g_clear_error(&why);
    }
    int n_pages = document ? poppler_document_get_n_pages(document) : 0;
    enum status status = STATUS_OK;
    if (!document && encrypted)
        status = fail(err, STATUS_PASSWORD,
                      n_passwords ? "encrypted, and none of the passwords opens it"
                                  : "encrypted: a password is needed");
    else if (!document)
        status = fail(err, STATUS_FORMAT, "damaged PDF: no page tree could be found");
    else if (n_pages < 1)
        status = fail(err, STATUS_EMPTY, "a PDF without pages");
    if (status != STATUS_OK) {
        if (document) g_object_unref(document);
        g_bytes_unref(held);
        return status;
    }
    struct pdf *pdf = mem_alloc(sizeof *pdf);
    *pdf = (struct pdf){.document = document, .bytes = held, .n_pages = n_pages};
    *out = pdf;
    return STATUS_OK;
}

void pdf_close(struct pdf *pdf) {
    if (!pdf) return;
    if (pdf->page) g_object_unref(pdf->page);
    g_object_unref(pdf->document);
    g_bytes_unref(pdf->bytes);
    mem_free(pdf);
}

int pdf_n_pages(const struct pdf *pdf) {
    return pdf->n_pages;
}

static enum status find_page(struct pdf *pdf, int number, struct error *err) {
    if (pdf->page && pdf->number == number) return STATUS_OK;
    if (pdf->page) g_object_unref(pdf->page);
    pdf->page = NULL;
    if (number < 1 || number > pdf->n_pages)
        return fail(err, STATUS_ARG, "there are %d pages", pdf->n_pages);
    pdf->page = poppler_document_get_page(pdf->document, number - 1);
    pdf->number = number;
    return pdf->page ? STATUS_OK : fail(err, STATUS_FORMAT, "the page object is damaged");
}

/* ---- the document ---- */

void pdf_meta(struct pdf *pdf, struct arena *arena, struct document *document) {
    document->title = take_text(arena, poppler_document_get_title(pdf->document));
    document->author = take_text(arena, poppler_document_get_author(pdf->document));
    document->subject = take_text(arena, poppler_document_get_subject(pdf->document));
    document->keywords = take_text(arena, poppler_document_get_keywords(pdf->document));
    document->n_pages = pdf->n_pages;
    GDateTime *created = poppler_document_get_creation_date_time(pdf->document);
    if (!created) return;
    int year = g_date_time_get_year(created);
    if (year >= 1 && year <= 9999)
        document->created = take_text(arena, g_date_time_format(created, "%Y-%m-%dT%H:%M:%S%:z"));
    if (str_ends(document->created, STR("+00:00")))
        document->created =
            arena_printf(arena, "%.*sZ", (int)document->created.n - 6, document->created.s);
    g_date_time_unref(created);
}

/* The page a destination points to, 0 when there is none; y from the top where it can be told. */
static int find_target(struct pdf *pdf, PopplerDest *dest, float *y) {
    *y = -1;
    if (!dest) return 0;
    PopplerDest *found = NULL;
    if (dest->type == POPPLER_DEST_NAMED) {
        found =
            dest->named_dest ? poppler_document_find_dest(pdf->document, dest->named_dest) : NULL;
        dest = found;
    }
    int number = dest ? dest->page_num : 0;
    if (number < 1 || number > pdf->n_pages) number = 0;
    bool has_top = dest && (dest->type == POPPLER_DEST_XYZ || dest->type == POPPLER_DEST_FITH ||
                            dest->type == POPPLER_DEST_FITR || dest->type == POPPLER_DEST_FITBH);
    if (number && has_top && (dest->change_top || dest->type == POPPLER_DEST_FITR)) {
        PopplerPage *page = poppler_document_get_page(pdf->document, number - 1);
        PopplerRectangle crop = {0};
        double width = 0, height = 0;
        if (page) {
            poppler_page_get_crop_box(page, &crop);
            poppler_page_get_size(page, &width, &height);
            g_object_unref(page);
        }
        // the destination is in unrotated space: on a turned page its top is no y
        bool upright = fabs(crop.y2 - crop.y1 - height) < 1 && fabs(crop.x2 - crop.x1 - width) < 1;
        double from_top = crop.y2 - dest->top;
        if (upright && from_top >= 0 && from_top <= height) *y = (float)from_top;
    }
    if (found) poppler_dest_free(found);
    return number;
}

struct outline {
    struct outline_entry *entries;
    size_t n, cap;
};

static void walk_outline(struct pdf *pdf, PopplerIndexIter *iter, int level, struct arena *arena,
                         struct outline *out) {
    do {
        if (out->n >= MAX_OUTLINE) return;
        PopplerAction *action = poppler_index_iter_get_action(iter);
        struct outline_entry entry = {.level = level, .y = -1};
        if (action) {
            entry.title = str_trim(utf8_clean(arena, str_from(action->any.title)));
            if (action->type == POPPLER_ACTION_GOTO_DEST)
                entry.page = find_target(pdf, action->goto_dest.dest, &entry.y);
            poppler_action_free(action);
        }
        if (entry.title.n > 0) {
            out->entries = arena_grow(arena, out->entries, out->n, &out->cap, sizeof entry);
            out->entries[out->n++] = entry;
        }
        PopplerIndexIter *child =
            level < MAX_OUTLINE_DEPTH ? poppler_index_iter_get_child(iter) : NULL;
        if (child) {
            walk_outline(pdf, child, level + 1, arena, out);
            poppler_index_iter_free(child);
        }
    } while (poppler_index_iter_next(iter));
}

void pdf_outline(struct pdf *pdf, struct arena *arena, struct outline_entry **out, size_t *n) {
    struct outline outline = {0};
    PopplerIndexIter *iter = poppler_index_iter_new(pdf->document);
    if (iter) {
        walk_outline(pdf, iter, 1, arena, &outline);
        poppler_index_iter_free(iter);
    }
    *out = outline.entries;
    *n = outline.n;
}

enum status pdf_page_info(struct pdf *pdf, int number, struct arena *arena, struct page_info *info,
                          struct error *err) {
    TRY(find_page(pdf, number, err));
    double width, height;
    poppler_page_get_size(pdf->page, &width, &height);
    if (!(width > 0 && height > 0 && width < 1e6 && height < 1e6))
        return fail(err, STATUS_FORMAT, "the page measures %g x %g points", width, height);
    info->number = number;
    info->width = (float)width;
    info->height = (float)height;
    info->label = take_text(arena, poppler_page_get_label(pdf->page));
    if (str_eq(info->label, arena_printf(arena, "%d", number))) info->label = (struct str){0};
    return STATUS_OK;
}

/* ---- text ---- */

static bool is_direction_mark(gunichar c) {
    return c >= 0x202a && c <= 0x202e;
}

static bool is_space(gunichar c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == 0xa0;
}

/* The characters of a stretch between white space: [from, to) of text, without its marks, in the
 * order in which the boxes come. Poppler writes R(..) round letters that run right to left, and
 * L(..) inside R for what runs left to right in them; boxes are always from left to right. */
static size_t unscramble(const gunichar *text, size_t from, size_t to, gunichar *out) {
    enum { RLE = 0x202b, LRE = 0x202a, PDF = 0x202c };
    size_t n = 0, right = 0; // right: where the current R began in out
    int depth = 0;
    bool in_r = false;
    for (size_t i = from; i < to; i++) {
        gunichar c = text[i];
        if (c == RLE && !in_r) {
            in_r = true;
            depth = 0;
            right = n;
            continue;
        }
        if (c == LRE || c == RLE) {
            depth++;
            if (!in_r) continue;
            size_t end = i + 1; // an L inside R: a block that keeps its order
            while (end < to && !is_direction_mark(text[end])) end++;
            size_t length = end - i - 1;
            memmove(out + right + length, out + right, (n - right) * sizeof *out);
            for (size_t k = 0; k < length; k++) out[right + k] = text[i + 1 + k];
            n += length;
            i = end - 1;
            continue;
        }
        if (c == PDF) {
            if (depth > 0)
                depth--;
            else
                in_r = false;
            continue;
        }
        if (is_direction_mark(c)) continue;
        if (in_r) {
            memmove(out + right + 1, out + right, (n - right) * sizeof *out);
            out[right] = c;
        } else {
            out[n] = c;
        }
        n++;
    }
    return n;
}

/* Drops the marks and brings every word into the order of its boxes. Returns the new length. */
static size_t pair_order(gunichar *text, size_t n) {
    enum { LONGEST = 512 }; // of a word: keeps the insertion above cheap
    gunichar word[LONGEST];
    size_t kept = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && !is_space(text[j]) && j - i < LONGEST; j++) {
        }
        if (j == i) {
            text[kept++] = text[j++];
            continue;
        }
        size_t length = unscramble(text, i, j, word);
        memcpy(text + kept, word, length * sizeof *word);
        kept += length;
    }
    return kept;
}

/* What Poppler selects when asked for the text from one point of the page to another. */
struct selection {
    struct pdf_char *chars;
    size_t n;
};

static void load_runs(PopplerPage *page, PopplerRectangle *area, const struct selection *selection,
                      struct arena *arena, struct pdf_text *out, size_t *cap) {
    GList *list = poppler_page_get_text_attributes_for_area(page, area);
    for (GList *l = list; l; l = l->next) {
        const PopplerTextAttributes *a = l->data;
        struct pdf_run run = {.size = (float)fmin(fmax(a->font_size, 0), 1e4)};
        const char *name = a->font_name ? a->font_name : "";
        bool again = out->n_runs > 0 && strcmp(out->runs[out->n_runs - 1].font, name) == 0;
        run.font = again ? out->runs[out->n_runs - 1].font : arena_str(arena, str_from(name)).s;
        run.rgb = (uint32_t)(a->color.red >> 8) << 16 | (uint32_t)(a->color.green >> 8) << 8 |
                  (uint32_t)(a->color.blue >> 8);
        out->runs = arena_grow(arena, out->runs, out->n_runs, cap, sizeof run);
        out->runs[out->n_runs++] = run;
        for (int i = a->start_index; i <= a->end_index; i++) {
            if (i >= 0 && (size_t)i < selection->n) selection->chars[i].run = (int)out->n_runs - 1;
        }
    }
    poppler_page_free_text_attributes(list);
}

static struct rect sound_box(const PopplerRectangle *r) {
    struct rect box = {(float)fmin(r->x1, r->x2), (float)fmin(r->y1, r->y2),
                       (float)fmax(r->x1, r->x2), (float)fmax(r->y1, r->y2)};
    bool sound = fabsf(box.x0) < 1e6f && fabsf(box.y0) < 1e6f && fabsf(box.x1) < 1e6f &&
                 fabsf(box.y1) < 1e6f;
    return sound ? box : (struct rect){0};
}

/* Poppler puts nothing between the last word of one block and the first of the next. */
static bool is_apart(struct rect a, struct rect b) {
    float size = fmaxf(fmaxf(rect_height(a), rect_height(b)), fmaxf(rect_width(a), rect_width(b)));
    float dx = fmaxf(b.x0 - a.x1, a.x0 - b.x1), dy = fmaxf(b.y0 - a.y1, a.y0 - b.y1);
    return fmaxf(dx, dy) > 0.6f * size;
}

static void fill_chars(struct selection *selection, const gunichar *text,
                       const PopplerRectangle *boxes) {
    bool first = true;
    struct rect last = {0};
    for (size_t i = 0; i < selection->n; i++) {
        struct pdf_char *c = &selection->chars[i];
        *c = (struct pdf_char){.code_point = text[i], .run = -1, .space = is_space(text[i])};
        c->box =
            c->space ? (struct rect){last.x1, last.y0, last.x1, last.y1} : sound_box(&boxes[i]);
        c->first = first || (!c->space && is_apart(last, c->box));
        first = c->space;
        last = c->box;
    }
}

static enum status load_selection(PopplerPage *page, PopplerRectangle area, struct arena *arena,
                                  struct pdf_text *out, size_t *cap_runs,
                                  struct selection *selection, struct error *err) {
    *selection = (struct selection){0};
    char *utf8 = poppler_page_get_text_for_area(page, &area);
    if (!utf8) return STATUS_OK;
    PopplerRectangle *boxes = NULL;
    guint n_boxes = 0;
    glong n_read = 0;
    gunichar *text = g_utf8_to_ucs4(utf8, -1, NULL, &n_read, NULL);
    size_t n = text ? pair_order(text, (size_t)n_read) : 0;
    poppler_page_get_text_layout_for_area(page, &area, &boxes, &n_boxes);
    enum status status = STATUS_OK;
    if (n > MAX_CHARS) {
        status = fail(err, STATUS_LIMIT, "%zu characters on one page", n);
    } else if (n != n_boxes) {
        if (*utf8)
            status =
                fail(err, STATUS_FORMAT, "Poppler gives %zu characters but %u boxes", n, n_boxes);
    } else {
        selection->n = n;
        selection->chars = ARENA_ARRAY(arena, n, struct pdf_char);
        fill_chars(selection, text, boxes);
        load_runs(page, &area, selection, arena, out, cap_runs);
    }
    g_free(boxes);
    g_free(text);
    g_free(utf8);
    return status;
}

static bool runs_right_to_left(uint32_t c) {
    return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
           (c >= 0xfe70 && c <= 0xfeff) || (c >= 0x10800 && c <= 0x10fff) ||
           (c >= 0x1e800 && c <= 0x1efff);
}

static size_t hash_char(const struct pdf_char *c) {
    uint32_t parts[3] = {c->code_point};
    memcpy(&parts[1], &c->box.x0, sizeof parts[1]);
    memcpy(&parts[2], &c->box.y0, sizeof parts[2]);
    uint64_t h = 0;
    for (int i = 0; i < 3; i++) h = (h ^ parts[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20);
}

static bool same_char(const struct pdf_char *a, const struct pdf_char *b) {
    return a->code_point == b->code_point && a->box.x0 == b->box.x0 && a->box.y0 == b->box.y0 &&
           a->box.x1 == b->box.x1 && a->box.y1 == b->box.y1;
}

/* a, and those words of b that are not in a. */
static void merge(const struct selection *a, const struct selection *b, struct arena *arena,
                  struct pdf_text *out) {
    size_t n_slots = 1024;
    while (n_slots < 2 * a->n) n_slots *= 2;
    size_t *slots = ARENA_ARRAY(arena, n_slots, size_t); // index + 1 in a
    for (size_t i = 0; i < a->n; i++) {
        size_t s = hash_char(&a->chars[i]) & (n_slots - 1);
        while (slots[s]) s = (s + 1) & (n_slots - 1);
        slots[s] = i + 1;
    }
    out->chars = ARENA_ARRAY(arena, a->n + b->n + 1, struct pdf_char);
    memcpy(out->chars, a->chars, a->n * sizeof *a->chars);
    out->n_chars = a->n;
    if (a->n)
        out->chars[out->n_chars++] =
            (struct pdf_char){.code_point = '\n', .run = -1, .space = true};
    bool keep = false;
    for (size_t i = 0; i < b->n; i++) {
        const struct pdf_char *c = &b->chars[i];
        if (c->first) {
            size_t s = hash_char(c) & (n_slots - 1);
            while (slots[s] && !same_char(&a->chars[slots[s] - 1], c)) s = (s + 1) & (n_slots - 1);
            keep = slots[s] == 0;
        }
        if (keep) out->chars[out->n_chars++] = *c;
    }
}

/* A selection from the top left to the bottom right misses whatever a right-to-left page has before
 * its top left, in reading order: such a page is asked from the other corners, too. */
enum status pdf_text(struct pdf *pdf, int number, struct arena *arena, struct pdf_text *out,
                     struct error *err) {
    *out = (struct pdf_text){0};
    TRY(find_page(pdf, number, err));
    double w, h;
    poppler_page_get_size(pdf->page, &w, &h);
    struct selection main, other;
    size_t cap_runs = 0;
    PopplerRectangle down = {0, 0, w, h}, back = {w, 0, 0, h};
    TRY(load_selection(pdf->page, down, arena, out, &cap_runs, &main, err));
    bool complete = main.n > 0;
    for (size_t i = 0; i < main.n && complete; i++)
        complete = !runs_right_to_left(main.chars[i].code_point);
    out->chars = main.chars;
    out->n_chars = main.n;
    if (complete) return STATUS_OK;
    TRY(load_selection(pdf->page, back, arena, out, &cap_runs, &other, err));
    if (other.n > main.n)
        merge(&other, &main, arena, out);
    else
        merge(&main, &other, arena, out);
    return STATUS_OK;
}

/* ---- links ---- */

static struct str link_target(struct pdf *pdf, const PopplerAction *action, struct arena *arena) {
    float y;
    if (!action) return (struct str){0};
    if (action->type == POPPLER_ACTION_URI)
        return str_trim(utf8_clean(arena, str_from(action->uri.uri)));
    if (action->type != POPPLER_ACTION_GOTO_DEST) return (struct str){0};
    int number = find_target(pdf, action->goto_dest.dest, &y);
    return number ? arena_printf(arena, "#page=%d", number) : (struct str){0};
}

void pdf_links(struct pdf *pdf, int number, struct arena *arena, struct content *content) {
    struct error err;
    if (find_page(pdf, number, &err) != STATUS_OK) return;
    double width, height;
    poppler_page_get_size(pdf->page, &width, &height);
    GList *list = poppler_page_get_link_mapping(pdf->page);
    size_t cap = 0;
    for (GList *l = list; l && content->n_links < MAX_LINKS; l = l->next) {
        const PopplerLinkMapping *mapping = l->data;
        PopplerRectangle flipped = mapping->area; // its y runs upward
        flipped.y1 = height - mapping->area.y2;
        flipped.y2 = height - mapping->area.y1;
        struct link link = {.bbox = sound_box(&flipped),
                            .target = link_target(pdf, mapping->action, arena)};
        if (link.target.n == 0 || rect_area(link.bbox) <= 0) continue;
        content->links = arena_grow(arena, content->links, content->n_links, &cap, sizeof link);
        content->links[content->n_links++] = link;
    }
    poppler_page_free_link_mapping(list);
}

/* ---- pictures ---- */

static enum status draw(struct pdf *pdf, int number, struct rect region, double dpi,
                        size_t max_pixels, cairo_surface_t **out, struct error *err) {
    TRY(find_page(pdf, number, err));
    double width, height, scale = dpi / 72;
    poppler_page_get_size(pdf->page, &width, &height);
    if (rect_area(region) <= 0) region = (struct rect){0, 0, (float)width, (float)height};
    double w = ceil(rect_width(region) * scale - 0.01),
           h = ceil(rect_height(region) * scale - 0.01);
    if (!(w >= 1)) w = 1;
    if (!(h >= 1)) h = 1;
    if (!(w <= 32767 && h <= 32767 && w * h <= (double)max_pixels))
        return fail(err, STATUS_LIMIT, "%.0f x %.0f pixels, the limit is %zu million", w, h,
                    max_pixels / 1000000);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)w, (int)h);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, scale, scale);
    cairo_translate(cr, -region.x0, -region.y0);
    poppler_page_render(pdf->page, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    if (status != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(surface);
        enum status ours = status == CAIRO_STATUS_NO_MEMORY ? STATUS_NOMEM : STATUS_FORMAT;
        return fail(err, ours, "drawing the page: %s", cairo_status_to_string(status));
    }
    *out = surface;
    return STATUS_OK;
}

static bool is_grey(const unsigned char *px, int width, int height, int stride) {
    enum { NOTICEABLE = 8 };
    for (int y = 0; y < height; y++) {
        const unsigned char *row = px + (size_t)y * (size_t)stride;
        for (int x = 0; x < width; x++, row += 4) {
            uint32_t v;
            memcpy(&v, row, 4);
            int r = v >> 16 & 255, g = v >> 8 & 255, b = v & 255;
            if (abs(r - g) > NOTICEABLE || abs(g - b) > NOTICEABLE) return false;
        }
    }
    return true;
}

enum status pdf_render(struct pdf *pdf, int number, struct rect region, double dpi,
                       size_t max_pixels, struct bitmap *out, struct error *err) {
    cairo_surface_t *surface;
    TRY(draw(pdf, number, region, dpi, max_pixels, &surface, err));
    int width = cairo_image_surface_get_width(surface),
        height = cairo_image_surface_get_height(surface);
    int stride = cairo_image_surface_get_stride(surface);
    const unsigned char *px = cairo_image_surface_get_data(surface);
    int n_channels = is_grey(px, width, height, stride) ? 1 : 3;
    enum status status = bitmap_new(out, width, height, n_channels, max_pixels, err);
    if (status == STATUS_OK) {
        out->dpi = (float)dpi;
        uint8_t *to = out->px;
        for (int y = 0; y < height; y++) {
            const unsigned char *row = px + (size_t)y * (size_t)stride;
            for (int x = 0; x < width; x++, row += 4, to += n_channels) {
                uint32_t v;
                memcpy(&v, row, 4);
                if (n_channels == 1) {
                    to[0] = (uint8_t)(v >> 8 & 255);
                } else {
                    to[0] = (uint8_t)(v >> 16 & 255);
                    to[1] = (uint8_t)(v >> 8 & 255);
                    to[2] = (uint8_t)(v & 255);
                }
            }
        }
    }
    cairo_surface_destroy(surface);
    return status;
}

static cairo_status_t put_png(void *closure, const unsigned char *data, unsigned n) {
    buf_put(closure, (struct str){(const char *)data, n});
    return ((struct buf *)closure)->status == STATUS_OK ? CAIRO_STATUS_SUCCESS
                                                        : CAIRO_STATUS_WRITE_ERROR;
}

enum status pdf_render_png(struct pdf *pdf, int number, struct rect region, double dpi,
                           size_t max_pixels, struct arena *arena, struct picture *out,
                           struct error *err) {
    cairo_surface_t *surface;
    TRY(draw(pdf, number, region, dpi, max_pixels, &surface, err));
    struct buf png;
    buf_open(&png, 32 << 20);
    cairo_status_t written = cairo_surface_write_to_png_stream(surface, put_png, &png);
    enum status status = STATUS_OK;
    if (written != CAIRO_STATUS_SUCCESS) {
        status = fail(err, STATUS_LIMIT, "writing a picture: %s", cairo_status_to_string(written));
    } else {
        out->png = arena_str(arena, buf_str(&png));
        out->width_px = cairo_image_surface_get_width(surface);
        out->height_px = cairo_image_surface_get_height(surface);
    }
    buf_close(&png);
    cairo_surface_destroy(surface);
    return status;
}
