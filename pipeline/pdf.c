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
    MAX_FIELDS = 5000,
    MAX_SELECTIONS = 60, // asked of one page
    FOUND_CELLS = 200,   // of a map of the page, along each side
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

/* poppler_document_new_from_bytes() of Poppler 22.12 dies of a wrong password: its second try, with
 * the password in another encoding, uses a stream that the first one freed. Reading through a GIO
 * stream is slower, but sound. */
static PopplerDocument *open_document(GBytes *bytes, const char *password, GError **why) {
    if (!password) return poppler_document_new_from_bytes(bytes, NULL, why);
    GInputStream *stream = g_memory_input_stream_new_from_bytes(bytes);
    PopplerDocument *document = poppler_document_new_from_stream(
        stream, (goffset)g_bytes_get_size(bytes), password, NULL, why);
    g_object_unref(stream);
    return document;
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
        document = open_document(held, *password, &why);
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
static struct selection merge(const struct selection *a, const struct selection *b,
                              struct arena *arena) {
    struct selection both = {.chars = ARENA_ARRAY(arena, a->n + b->n + 1, struct pdf_char)};
    size_t n_slots = 1024;
    while (n_slots < 2 * a->n) n_slots *= 2;
    size_t *slots = ARENA_ARRAY(arena, n_slots, size_t); // index + 1 in a
    for (size_t i = 0; i < a->n; i++) {
        size_t s = hash_char(&a->chars[i]) & (n_slots - 1);
        while (slots[s]) s = (s + 1) & (n_slots - 1);
        slots[s] = i + 1;
    }
    memcpy(both.chars, a->chars, a->n * sizeof *a->chars);
    both.n = a->n;
    bool keep = false;
    for (size_t i = 0; i < b->n; i++) {
        const struct pdf_char *c = &b->chars[i];
        if (c->first) {
            size_t s = hash_char(c) & (n_slots - 1);
            while (slots[s] && !same_char(&a->chars[slots[s] - 1], c)) s = (s + 1) & (n_slots - 1);
            keep = slots[s] == 0;
        }
        if (!keep) continue;
        if (both.n == a->n && a->n > 0)
            both.chars[both.n++] = (struct pdf_char){.code_point = '\n', .run = -1, .space = true};
        both.chars[both.n++] = *c;
    }
    return both;
}

/* ---- what a selection missed ---- */

/* A coarse map of where characters were found. */
struct found {
    unsigned char cells[FOUND_CELLS][FOUND_CELLS];
    float x_scale, y_scale;
};

static int cell_of(float at, float scale) {
    float cell = at * scale;
    return cell < 0 ? 0 : cell >= FOUND_CELLS ? FOUND_CELLS - 1 : (int)cell;
}

static void note_found(struct found *found, const struct selection *selection) {
    for (size_t i = 0; i < selection->n; i++) {
        const struct rect *b = &selection->chars[i].box;
        if (selection->chars[i].space) continue;
        int x0 = cell_of(b->x0, found->x_scale), x1 = cell_of(b->x1, found->x_scale);
        int y0 = cell_of(b->y0, found->y_scale), y1 = cell_of(b->y1, found->y_scale);
        for (int y = y0; y <= y1; y++) memset(&found->cells[y][x0], 1, (size_t)x1 - (size_t)x0 + 1);
    }
}

static bool has_at(const struct found *found, float x, float y) {
    return found->cells[cell_of(y, found->y_scale)][cell_of(x, found->x_scale)];
}

static bool is_found(const struct found *found, const struct pdf_piece *piece) {
    const struct rect *b = &piece->box;
    return has_at(found, piece->x, piece->y) ||
           has_at(found, (b->x0 + b->x1) / 2, (b->y0 + b->y1) / 2);
}

/* A single character may be a blank, which leaves no trace in the map: it counts as missing only if
 * the same code is found elsewhere. */
static bool is_complete(const struct selection *s, const struct pdf_expected *expected,
                        const struct found *found) {
    enum { N_CODES = 4096 };
    bool seen[N_CODES] = {false};
    for (size_t i = 0; i < s->n; i++) {
        if (runs_right_to_left(s->chars[i].code_point)) return false;
    }
    if (!expected) return true;
    for (size_t i = 0; i < expected->n_pieces; i++) {
        const struct pdf_piece *piece = &expected->pieces[i];
        if (is_found(found, piece)) seen[piece->code % N_CODES] = true;
    }
    size_t n_missing = 0;
    for (size_t i = 0; i < expected->n_pieces; i++) {
        const struct pdf_piece *piece = &expected->pieces[i];
        if ((piece->n_chars > 1 || seen[piece->code % N_CODES]) && !is_found(found, piece))
            n_missing += (size_t)piece->n_chars;
    }
    return n_missing * 100 <= expected->n_chars * 2;
}

/* Adds what another selection finds. */
static enum status add_selection(PopplerPage *page, PopplerRectangle area, struct arena *arena,
                                 struct pdf_text *out, size_t *cap_runs, struct selection *all,
                                 struct error *err) {
    struct selection more;
    TRY(load_selection(page, area, arena, out, cap_runs, &more, err));
    *all = all->n >= more.n ? merge(all, &more, arena) : merge(&more, all, arena);
    return STATUS_OK;
}

/* Poppler selects what lies between two points in its reading order. From the top left to the bottom
 * right it misses what comes before or behind them: in right-to-left pages, in pages with turned
 * text. Those are asked from the other corners too, then where text is still missing. */
enum status pdf_text(struct pdf *pdf, int number, const struct pdf_expected *expected,
                     struct arena *arena, struct pdf_text *out, struct error *err) {
    *out = (struct pdf_text){0};
    TRY(find_page(pdf, number, err));
    double w, h;
    poppler_page_get_size(pdf->page, &w, &h);
    struct selection all;
    size_t cap_runs = 0;
    PopplerRectangle down = {0, 0, w, h}, back = {w, 0, 0, h};
    TRY(load_selection(pdf->page, down, arena, out, &cap_runs, &all, err));
    struct found *found = ARENA_NEW(arena, struct found);
    found->x_scale = FOUND_CELLS / (float)fmax(w, 1);
    found->y_scale = FOUND_CELLS / (float)fmax(h, 1);
    note_found(found, &all);
    if (!is_complete(&all, expected, found)) {
        TRY(add_selection(pdf->page, back, arena, out, &cap_runs, &all, err));
        note_found(found, &all);
        int n_tries = 0;
        for (size_t i = 0; expected && i < expected->n_pieces && n_tries < MAX_SELECTIONS; i++) {
            if (is_found(found, &expected->pieces[i])) continue;
            struct rect box = expected->pieces[i].box;
            float slack = fminf(rect_width(box), rect_height(box)) / 2;
            PopplerRectangle there = {box.x0 - slack, box.y0 - slack, box.x1 + slack,
                                      box.y1 + slack};
            PopplerRectangle reversed = {there.x2, there.y1, there.x1, there.y2};
            size_t before = all.n;
            TRY(add_selection(pdf->page, there, arena, out, &cap_runs, &all, err));
            if (all.n == before)
                TRY(add_selection(pdf->page, reversed, arena, out, &cap_runs, &all, err));
            n_tries += all.n == before ? 4 : 1; // nothing there: the font maps to nothing
            note_found(found, &all);
        }
    }
    out->chars = all.chars;
    out->n_chars = all.n;
    return STATUS_OK;
}

/* ---- text of form fields and notes: not in the page's text, but on the page ---- */

struct writer {
    struct arena *arena;
    struct pdf_text *text;
    size_t cap_chars, cap_runs;
};

static void put_char(struct writer *w, uint32_t c, struct rect box, bool first) {
    struct pdf_text *text = w->text;
    if (text->n_chars >= MAX_CHARS) return;
    text->chars =
        arena_grow(w->arena, text->chars, text->n_chars, &w->cap_chars, sizeof *text->chars);
    bool space = is_space(c);
    text->chars[text->n_chars++] = (struct pdf_char){
        .code_point = c, .run = (int)text->n_runs - 1, .box = box, .space = space, .first = first};
}

static float fitting_size(size_t n_chars, size_t n_breaks, struct rect area) {
    float size = fminf(12, 0.75f * rect_height(area));
    while (size > 4) {
        float width = (float)n_chars * 0.5f * size;
        float lines = (float)n_breaks + ceilf(width / fmaxf(rect_width(area), 1));
        if (lines * 1.2f * size <= rect_height(area) + 0.4f * size) break;
        size -= 1;
    }
    return size;
}

/* Writes text into an area as a viewer would, near enough: the fonts of fields are not looked into. */
static void write_text(struct writer *w, struct str text, struct rect area) {
    if (text.n == 0 || rect_area(area) <= 0) return;
    size_t n_breaks = 0;
    for (size_t i = 0; i < text.n; i++) n_breaks += text.s[i] == '\n';
    float size = fitting_size(utf8_length(text), n_breaks, area), advance = 0.5f * size;
    w->text->runs =
        arena_grow(w->arena, w->text->runs, w->text->n_runs, &w->cap_runs, sizeof *w->text->runs);
    w->text->runs[w->text->n_runs++] = (struct pdf_run){.font = "", .size = size};
    bool one_line = n_breaks == 0 && (float)text.n * advance <= rect_width(area) + advance;
    float x = area.x0 + 2, y = one_line ? (area.y0 + area.y1 - size) / 2 : area.y0 + 1;
    put_char(w, '\n', (struct rect){x, y, x, y + size}, false);
    bool first = true;
    uint32_t c;
    for (struct str rest = text; utf8_next(&rest, &c);) {
        bool full = is_space(c) && x + 6 * advance > area.x1; // wrap where a viewer might
        put_char(w, c, (struct rect){x, y, x + advance, y + size}, first);
        first = is_space(c);
        x += advance;
        if (c != '\n' && !full) continue;
        x = area.x0 + 2;
        y += 1.2f * size;
    }
}

static struct rect flipped(PopplerRectangle area, double height) {
    PopplerRectangle r = {area.x1, height - area.y2, area.x2, height - area.y1};
    return sound_box(&r);
}

static struct str field_text(PopplerFormField *field, struct arena *arena) {
    switch (poppler_form_field_get_field_type(field)) {
    case POPPLER_FORM_FIELD_TEXT:
        if (poppler_form_field_text_is_password(field)) return (struct str){0};
        return take_text(arena, poppler_form_field_text_get_text(field));
    case POPPLER_FORM_FIELD_CHOICE:
        for (int i = 0, n = poppler_form_field_choice_get_n_items(field); i < n && i < 10000; i++) {
            if (poppler_form_field_choice_is_item_selected(field, i))
                return take_text(arena, poppler_form_field_choice_get_item(field, i));
        }
        return (struct str){0};
    case POPPLER_FORM_FIELD_BUTTON:
        if (poppler_form_field_button_get_button_type(field) == POPPLER_FORM_BUTTON_PUSH)
            return (struct str){0};
        return poppler_form_field_button_get_state(field) ? STR("\u2612") : STR("\u2610");
    default: return (struct str){0};
    }
}

void pdf_add_fields(struct pdf *pdf, int number, struct arena *arena, struct pdf_text *text) {
    struct error err;
    if (find_page(pdf, number, &err) != STATUS_OK) return;
    double width, height;
    poppler_page_get_size(pdf->page, &width, &height);
    struct writer w = {arena, text, text->n_chars, text->n_runs};
    int n = 0;
    GList *fields = poppler_page_get_form_field_mapping(pdf->page);
    for (GList *l = fields; l && n++ < MAX_FIELDS; l = l->next) {
        const PopplerFormFieldMapping *m = l->data;
        write_text(&w, field_text(m->field, arena), flipped(m->area, height));
    }
    poppler_page_free_form_field_mapping(fields);
    GList *notes = poppler_page_get_annot_mapping(pdf->page);
    for (GList *l = notes; l && n++ < MAX_FIELDS; l = l->next) {
        const PopplerAnnotMapping *m = l->data;
        unsigned unseen =
            POPPLER_ANNOT_FLAG_HIDDEN | POPPLER_ANNOT_FLAG_INVISIBLE | POPPLER_ANNOT_FLAG_NO_VIEW;
        if (poppler_annot_get_annot_type(m->annot) != POPPLER_ANNOT_FREE_TEXT) continue;
        if (poppler_annot_get_flags(m->annot) & unseen) continue;
        write_text(&w, take_text(arena, poppler_annot_get_contents(m->annot)),
                   flipped(m->area, height));
    }
    poppler_page_free_annot_mapping(notes);
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
        struct link link = {.bbox = flipped(mapping->area, height), // its y runs upward
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

void pdf_preload(void) {
    static const char tiny[] =
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
        "4 0 obj<</Length 22>>stream\n0 0 1 rg 0 0 5 5 re f \nendstream endobj\n"
        "trailer<</Root 1 0 R>>\n";
    struct pdf *pdf;
    struct error ignored;
    const char *password;
    if (pdf_open((struct str){tiny, sizeof tiny - 1}, NULL, 0, &pdf, &password, &ignored) !=
        STATUS_OK)
        return;
    struct bitmap bitmap;
    struct rect page = {0, 0, 9, 9};
    if (pdf_render(pdf, 1, page, 72, 10000, &bitmap, &ignored) == STATUS_OK) bitmap_free(&bitmap);
    pdf_close(pdf);
}
