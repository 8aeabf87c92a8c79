/*
 * pipeline/reader.c - see reader.h.
 *
 * The decision which engine reads a PDF page is made here, in plan_pdf_page(): it needs the page's
 * characters and operators, which cost a millisecond or two; a picture is drawn only for pages that
 * are then read from it.
 */
#include "pipeline/reader.h"

#include <math.h>
#include <string.h>

#include "layout/chart.h"
#include "pipeline/image.h"
#include "pipeline/ocr.h"
#include "pipeline/pdf.h"
#include "pipeline/pdfops.h"
#include "pipeline/pdftext.h"
#include "pipeline/prep.h"
#include "pipeline/trust.h"
#include "util/arena.h"
#include "util/mem.h"

enum {
    PDF_HEADER_WITHIN = 1024, // bytes; writers put junk in front
    USUAL_DPI = 300,
    LEAST_DPI = 150,  // below it small print is lost
    FIGURE_DPI = 120, // rendering and packing figures is most of a born-digital page's cost
    FIGURE_PIXELS = 4000000,
    MAX_FIGURES = 60, // cut out of one page
};

const struct read_options read_options_default = {
    .engine = CHOOSE_AUTO,
    .figures = true,
    .max_pixels = 50000000,
    .max_pages = 10000,
};

struct reader {
    struct str bytes;
    const char *name;
    struct read_options options;
    struct pdf *pdf;     // or
    struct image *image; // one of the two
    struct pdfops *ops;  // of a PDF; NULL when qpdf cannot read it or disagrees with Poppler
    struct ocr *ocr;     // opened when the first page needs it
    struct buf repaired; // the PDF as qpdf repaired it, when Poppler could not
};

/* ---- opening ---- */

static bool has_pdf_header(struct str head) {
    struct str start = str_sub(head, 0, PDF_HEADER_WITHIN);
    return str_find(start, STR("%PDF-")) < start.n;
}

const char *reader_kind(struct str head) {
    const char *kind = image_kind(head);
    if (kind) return kind;
    return has_pdf_header(head) ? "pdf" : NULL;
}

/* Where Poppler finds no pages, qpdf may: then Poppler gets what qpdf makes of the file. */
static enum status open_repaired(struct reader *r, const char **password, struct error *err) {
    enum { MAX_REPAIRED = 512 << 20 };
    struct pdfops *ops;
    struct error why;
    enum status first = err->status;
    if (pdfops_open(r->bytes, NULL, &ops, &why) != STATUS_OK) return first;
    buf_open(&r->repaired, MAX_REPAIRED);
    bool written = pdfops_n_pages(ops) > 0 && pdfops_rewrite(ops, &r->repaired, &why) == STATUS_OK;
    pdfops_close(ops);
    if (!written) return first;
    struct str bytes = buf_str(&r->repaired);
    if (pdf_open(bytes, NULL, 0, &r->pdf, password, &why) != STATUS_OK) return first;
    r->bytes = bytes;
    return STATUS_OK;
}

static enum status open_pdf(struct reader *r, struct error *err) {
    const char *password = NULL;
    enum status status =
        pdf_open(r->bytes, r->options.passwords, r->options.n_passwords, &r->pdf, &password, err);
    if (status == STATUS_FORMAT || status == STATUS_EMPTY)
        status = open_repaired(r, &password, err);
    if (status != STATUS_OK) return status;
    int n_pages = pdf_n_pages(r->pdf);
    if (r->options.max_pages > 0 && n_pages > r->options.max_pages)
        return fail(err, STATUS_LIMIT, "%d pages, the limit is %d", n_pages, r->options.max_pages);
    struct error ignored; // without operators pages are read all the same, from characters alone
    if (pdfops_open(r->bytes, password, &r->ops, &ignored) != STATUS_OK) return STATUS_OK;
    if (pdfops_n_pages(r->ops) == n_pages) return STATUS_OK;
    // each repaired the damage in its own way: pairing their pages would pair the wrong ones
    pdfops_close(r->ops);
    r->ops = NULL;
    return STATUS_OK;
}

static enum status open_image(struct reader *r, struct error *err) {
    TRY(image_open(r->bytes, r->name, &r->image, err));
    int n_pages = image_n_pages(r->image);
    if (n_pages < 1) return fail(err, STATUS_EMPTY, "a picture file without pictures");
    if (r->options.max_pages > 0 && n_pages > r->options.max_pages)
        return fail(err, STATUS_LIMIT, "%d pages, the limit is %d", n_pages, r->options.max_pages);
    return STATUS_OK;
}

enum status reader_open(struct str bytes, const char *name, const struct read_options *options,
                        struct reader **out, struct error *err) {
    if (bytes.n == 0) return fail(err, STATUS_EMPTY, "the file is empty");
    const char *kind = reader_kind(bytes);
    if (!kind)
        return fail(err, STATUS_UNSUPPORTED, "neither a PDF nor a picture of a kind we read");
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){
        .bytes = bytes, .name = name, .options = options ? *options : read_options_default};
    if (r->options.max_pixels == 0) r->options.max_pixels = read_options_default.max_pixels;
    enum status status = strcmp(kind, "pdf") == 0 ? open_pdf(r, err) : open_image(r, err);
    if (status != STATUS_OK) {
        reader_close(r);
        return status;
    }
    *out = r;
    return STATUS_OK;
}

void reader_close(struct reader *r) {
    if (!r) return;
    ocr_close(r->ocr);
    pdfops_close(r->ops);
    pdf_close(r->pdf);
    image_close(r->image);
    if (r->repaired.data) buf_close(&r->repaired);
    mem_free(r);
}

int reader_n_pages(const struct reader *r) {
    return r->pdf ? pdf_n_pages(r->pdf) : image_n_pages(r->image);
}

void reader_document(struct reader *r, struct arena *arena, struct document *document,
                     struct outline_entry **outline, size_t *n_outline) {
    *outline = NULL;
    *n_outline = 0;
    document->n_pages = reader_n_pages(r);
    if (!r->pdf) return;
    pdf_meta(r->pdf, arena, document);
    pdf_outline(r->pdf, arena, outline, n_outline);
    if (r->ops) document->language = pdfops_language(r->ops, arena);
}

/* ---- reading a picture ---- */

static enum status read_picture(struct reader *r, struct bitmap *picture, struct arena *arena,
                                struct content *content, struct error *err) {
    if (!r->ocr) {
        struct ocr_options options = {.lang = r->options.lang, .max_pixels = r->options.max_pixels};
        enum status status = ocr_open(&options, &r->ocr, err);
        if (status != STATUS_OK) {
            bitmap_free(picture);
            return status;
        }
    }
    enum status status = ocr_read(r->ocr, picture, arena, content, NULL, err);
    bitmap_free(picture);
    return status;
}

static void degrade(struct content *content, struct arena *arena, struct str why) {
    struct page_info *info = &content->info;
    info->state = PAGE_DEGRADED;
    info->message = info->message.n
                        ? arena_printf(arena, "%.*s; %.*s", STR_ARG(info->message), STR_ARG(why))
                        : why;
}

/* What Tesseract itself hardly believes must not pass as read. */
static void note_readability(struct content *content, struct arena *arena) {
    float confidence = content->info.confidence;
    if (content->n_words > 0 && confidence < 0.5f)
        degrade(content, arena,
                arena_printf(arena, "hardly readable: confidence %.2f", confidence));
}

static enum status read_image_page(struct reader *r, int number, struct arena *arena,
                                   struct content *content, struct error *err) {
    struct bitmap picture = {0};
    TRY(image_page(r->image, number, r->options.max_pixels, &picture, err));
    content->info.number = number;
    if (r->options.engine == CHOOSE_TEXT) {
        float pt = 72 / (picture.dpi > 0 ? picture.dpi : 100);
        content->info.width = (float)picture.width * pt;
        content->info.height = (float)picture.height * pt;
        content->info.engine = ENGINE_TEXT;
        content->info.reason = STR("a picture has no text layer");
        bitmap_free(&picture);
    } else {
        TRY(read_picture(r, &picture, arena, content, err));
        content->info.reason = STR("picture");
        note_readability(content, arena);
    }
    struct str warning = utf8_clean(arena, str_from(image_warning(r->image)));
    if (warning.n > 0)
        degrade(content, arena, arena_printf(arena, "picture damaged: %.*s", STR_ARG(warning)));
    return STATUS_OK;
}

/* ---- a PDF page ---- */

struct plan {
    struct content *content; // as the text layer has it
    struct text_facts facts;
    enum verdict verdict;
    const char *reason;
    enum engine_id engine;
};

/* Operators and characters must speak of the same page. */
static const struct ops_page *walk_page(struct reader *r, int number, const struct page_info *info,
                                        struct arena *arena) {
    struct ops_page *page;
    struct error why;
    if (!r->ops || pdfops_page(r->ops, number, arena, &page, &why) != STATUS_OK) return NULL;
    bool same = fabsf(page->width - info->width) < 1 && fabsf(page->height - info->height) < 1;
    return same ? page : NULL;
}

static enum status plan_pdf_page(struct reader *r, int number, struct arena *arena,
                                 struct plan *plan, struct error *err) {
    *plan = (struct plan){.content = ARENA_NEW(arena, struct content)};
    struct content *content = plan->content;
    struct page_info *info = &content->info;
    TRY(pdf_page_info(r->pdf, number, arena, info, err));
    const struct ops_page *ops = walk_page(r, number, info, arena);
    if (ops) info->rotation = ops->rotation;
    struct pdf_text text;
    struct pdf_expected expected;
    struct error why;
    if (ops) pdftext_expect(ops, arena, &expected);
    bool readable =
        pdf_text(r->pdf, number, ops ? &expected : NULL, arena, &text, &why) == STATUS_OK;
    if (!ops || ops->n_annotations > 0) pdf_add_fields(r->pdf, number, arena, &text);
    if (readable) pdf_links(r->pdf, number, arena, content);
    pdftext_fill(&text, ops, arena, content, &plan->facts);
    plan->verdict = trust_judge(content, &plan->facts, &plan->reason);
    if (!readable) {
        plan->verdict = TRUST_GARBLED;
        plan->reason = arena_printf(arena, "unreadable text layer (%s)", why.text).s;
    }
    bool text_layer = plan->verdict == TRUST_TEXT || plan->verdict == TRUST_BLANK;
    if (r->options.engine == CHOOSE_AUTO)
        plan->engine = text_layer ? ENGINE_TEXT : ENGINE_TESSERACT;
    else
        plan->engine = r->options.engine == CHOOSE_TEXT ? ENGINE_TEXT : ENGINE_TESSERACT;
    if (plan->engine == ENGINE_TESSERACT && text_layer) plan->reason = "asked for";
    return STATUS_OK;
}

static enum status plan_page(struct reader *r, int number, struct page_info *out,
                             struct arena *arena, struct error *err) {
    if (r->image) {
        bool text = r->options.engine == CHOOSE_TEXT;
        *out =
            (struct page_info){.number = number, .engine = text ? ENGINE_TEXT : ENGINE_TESSERACT};
        out->reason = text ? STR("a picture has no text layer") : STR("picture");
        return STATUS_OK;
    }
    struct plan plan;
    TRY(plan_pdf_page(r, number, arena, &plan, err));
    *out = plan.content->info;
    out->engine = plan.engine;
    out->reason = str_from(plan.reason);
    return STATUS_OK;
}

enum status reader_plan(struct reader *r, int number, struct page_info *out, struct arena *arena,
                        struct error *err) {
    if (number < 1 || number > reader_n_pages(r))
        return fail(err, STATUS_ARG, "there are %d pages", reader_n_pages(r));
    return plan_page(r, number, out, arena, err);
}

/* The resolution to read a page at: a scan's own, so that its pixels stay as they are. */
static double choose_dpi(const struct reader *r, const struct plan *plan) {
    if (r->options.dpi > 0) return r->options.dpi;
    const struct text_facts *facts = &plan->facts;
    bool is_scan =
        facts->image_cover > 0.8f && facts->image_dpi >= LEAST_DPI && facts->image_dpi <= 600;
    return is_scan ? facts->image_dpi : USUAL_DPI;
}

/* Lowers dpi until the page fits into the limit. */
static double fit_dpi(double dpi, float width, float height, size_t max_pixels) {
    enum { MAX_SIDE = 20000 };
    double w = width * dpi / 72, h = height * dpi / 72;
    double by_area = sqrt((double)max_pixels * 0.99 / fmax(w * h, 1)),
           by_side = MAX_SIDE / fmax(fmax(w, h), 1);
    double shrink = fmin(by_area, by_side);
    return shrink < 1 ? dpi * shrink : dpi;
}

static void cut_figures(struct reader *r, int number, struct arena *arena,
                        struct content *content) {
    size_t max_pixels =
        r->options.max_pixels < FIGURE_PIXELS ? r->options.max_pixels : FIGURE_PIXELS;
    for (size_t i = 0; i < content->n_pictures && i < MAX_FIGURES; i++) {
        struct picture *p = &content->pictures[i];
        struct rect page = {0, 0, content->info.width, content->info.height};
        struct rect box = rect_intersection(p->bbox, page);
        if (rect_area(box) <= 0) continue;
        double dpi = fit_dpi(FIGURE_DPI, rect_width(box), rect_height(box), max_pixels);
        struct error why;
        if (pdf_render_png(r->pdf, number, box, dpi, max_pixels, arena, p, &why) != STATUS_OK)
            degrade(content, arena, arena_printf(arena, "figure %zu: %s", i + 1, why.text));
    }
}

static struct content *use_text_layer(struct reader *r, int number, struct plan *plan,
                                      struct arena *arena) {
    struct content *content = plan->content;
    content->info.engine = ENGINE_TEXT;
    content->info.reason = str_from(plan->reason);
    content->info.confidence =
        plan->facts.n_overlay * 2 > plan->facts.n_chars ? trust_sanity(content) : 1;
    charts_find(content, arena);
    if (r->options.figures) cut_figures(r, number, arena, content);
    return content;
}

static enum status read_from_picture(struct reader *r, int number, const struct plan *plan,
                                     struct arena *arena, struct content **out, struct error *err) {
    const struct page_info *page = &plan->content->info;
    double wanted = choose_dpi(r, plan);
    double dpi = fit_dpi(wanted, page->width, page->height, r->options.max_pixels);
    struct bitmap picture = {0};
    TRY(pdf_render(r->pdf, number, (struct rect){0}, dpi, r->options.max_pixels, &picture, err));
    struct content *content = ARENA_NEW(arena, struct content);
    content->info.number = number;
    TRY(read_picture(r, &picture, arena, content, err));
    content->info.label = page->label;
    content->info.reason = str_from(plan->reason);
    note_readability(content, arena);
    memcpy(content->n_hidden, plan->content->n_hidden, sizeof content->n_hidden);
    *out = content;
    if (dpi >= wanted) return STATUS_OK;
    struct str why = arena_printf(
        arena, "read at %.0f dpi: %.0f x %.0f points exceed %zu million pixels at %.0f", dpi,
        page->width, page->height, r->options.max_pixels / 1000000, wanted);
    if (dpi < LEAST_DPI)
        degrade(content, arena, why);
    else if (content->info.message.n == 0)
        content->info.message = why;
    return STATUS_OK;
}

static bool is_useful(const struct content *content) {
    return content->n_words > 0 && content->info.confidence >= 0.3f;
}

/* Whether reading the picture brought clearly more than the few words of the text layer. */
static bool brought_more(const struct content *read, const struct content *text) {
    size_t n_sure = 0;
    for (size_t i = 0; i < read->n_words; i++) n_sure += read->words[i].confidence >= 0.6f;
    return n_sure > 2 * text->n_words + 5;
}

enum { GRAM = 4 }; // characters compared at a time

/* The next GRAM characters of a word, a character on with every call; false at the word's end. */
static bool next_gram(struct str *word, struct str *gram, int *n_letters) {
    struct str rest = *word;
    uint32_t c;
    *n_letters = 0;
    for (int i = 0; i < GRAM; i++) {
        if (!utf8_next(&rest, &c)) return false;
        *n_letters += (c | 32) >= 'a' && ((c | 32) <= 'z' || c > 127);
    }
    *gram = (struct str){word->s, (size_t)(rest.s - word->s)};
    return utf8_next(word, &c);
}

/* Whether what was read from the picture stands in the text layer, too: then the alarm was false,
 * and the text layer is exact. A few characters at a time, for recognition makes mistakes; numbers
 * do not count, for lost encodings often leave them whole. */
static bool agrees(const struct content *read, const struct content *text) {
    enum { MAX_TEXT = 1 << 20, ENOUGH = 40, MAX_GRAMS = 2000 };
    struct buf all;
    buf_open(&all, MAX_TEXT);
    for (size_t i = 0; i < text->n_words; i++) buf_put(&all, text->words[i].text);
    size_t n = 0, n_found = 0;
    for (size_t i = 0; i < read->n_words && n < MAX_GRAMS; i++) {
        struct str word = read->words[i].text, gram;
        for (int n_letters; next_gram(&word, &gram, &n_letters);) {
            if (n_letters < 2) continue;
            n++;
            n_found += all.n > 0 && memmem(all.data, all.n, gram.s, gram.n) != NULL;
        }
    }
    buf_close(&all);
    return n >= ENOUGH && n_found * 10 >= n * 4;
}

/* The page was to be read from its picture. Should the text layer be used after all? *why is what
 * there is to complain about then; empty: nothing. */
static bool prefer_text_layer(struct plan *plan, enum status status, const struct content *read,
                              const struct error *err, struct arena *arena, struct str *why) {
    *why = (struct str){0};
    if (plan->content->n_words == 0) return false;
    if (status != STATUS_OK) {
        *why = arena_printf(arena, "%s, but the page's picture could not be read: %s", plan->reason,
                            err->text);
        return true;
    }
    if (plan->verdict == TRUST_LITTLE && !brought_more(read, plan->content)) {
        plan->reason = "text layer";
        return true;
    }
    if (plan->verdict != TRUST_GARBLED) return false;
    if (agrees(read, plan->content)) {
        plan->reason = "text layer, found in the page's picture";
        return true;
    }
    if (is_useful(read)) return false;
    *why = arena_printf(arena, "%s, and nothing readable in the page's picture", plan->reason);
    return true;
}

static enum status read_pdf_page(struct reader *r, int number, struct arena *arena,
                                 struct content **out, struct error *err) {
    struct plan plan;
    TRY(plan_pdf_page(r, number, arena, &plan, err));
    if (plan.engine == ENGINE_TEXT) {
        *out = use_text_layer(r, number, &plan, arena);
        return STATUS_OK;
    }
    struct content *read = NULL;
    enum status status = read_from_picture(r, number, &plan, arena, &read, err);
    struct str why;
    bool may_choose = r->options.engine == CHOOSE_AUTO;
    if (may_choose && prefer_text_layer(&plan, status, read, err, arena, &why)) {
        *out = use_text_layer(r, number, &plan, arena);
        if (why.n > 0) degrade(*out, arena, why);
        return STATUS_OK;
    }
    *out = read;
    return status;
}

enum status reader_page(struct reader *r, int number, struct arena *arena, struct content **out,
                        struct error *err) {
    if (number < 1 || number > reader_n_pages(r))
        return fail(err, STATUS_ARG, "there are %d pages", reader_n_pages(r));
    if (r->pdf) return read_pdf_page(r, number, arena, out, err);
    *out = ARENA_NEW(arena, struct content);
    return read_image_page(r, number, arena, *out, err);
}

/* ---- the page's picture, for inspection ---- */

/* Averages blocks of pixels: a picture for looking at. */
static enum status shrink(const struct bitmap *from, double scale, size_t max_pixels,
                          struct bitmap *out, struct error *err) {
    int width = (int)fmax(1, from->width * scale), height = (int)fmax(1, from->height * scale);
    TRY(bitmap_new(out, width, height, from->n_channels, max_pixels, err));
    size_t n = (size_t)from->n_channels, row = (size_t)from->width * n;
    uint8_t *to = out->px;
    for (int y = 0; y < height; y++) {
        size_t y0 = (size_t)y * (size_t)from->height / (size_t)height;
        size_t y1 = (size_t)(y + 1) * (size_t)from->height / (size_t)height;
        for (int x = 0; x < width; x++) {
            size_t x0 = (size_t)x * (size_t)from->width / (size_t)width;
            size_t x1 = (size_t)(x + 1) * (size_t)from->width / (size_t)width;
            if (x1 == x0) x1++;
            size_t bottom = y1 == y0 ? y0 + 1 : y1;
            for (size_t c = 0; c < n; c++) {
                size_t sum = 0;
                for (size_t v = y0; v < bottom; v++) {
                    for (size_t u = x0; u < x1; u++) sum += from->px[v * row + u * n + c];
                }
                *to++ = (uint8_t)(sum / ((x1 - x0) * (bottom - y0)));
            }
        }
    }
    return STATUS_OK;
}

/* Repeats what OCR did to the picture before it read it. */
static enum status redo_preparation(const struct page_info *info, struct bitmap *picture,
                                    double scale_to_dpi, size_t max_pixels, struct bitmap *out,
                                    struct error *err) {
    struct prep *prep;
    TRY(prep_new(picture, &prep, err));
    prep_turn(prep, info->rotation);
    if (info->skew_deg != 0) prep_straighten(prep);
    const struct bitmap *ready = prep_picture(prep);
    double width_px = info->width * scale_to_dpi / 72;
    double scale = ready->width > 0 ? fmin(1, width_px / ready->width) : 1;
    enum status status = shrink(ready, scale, max_pixels, out, err);
    if (status == STATUS_OK) out->dpi = (float)(out->width * 72 / fmax(info->width, 1));
    prep_free(prep);
    return status;
}

enum status reader_picture(struct reader *r, const struct content *content, int dpi,
                           struct bitmap *out, struct error *err) {
    const struct page_info *info = &content->info;
    size_t max_pixels = r->options.max_pixels;
    double wanted = dpi > 0 ? dpi : 100;
    *out = (struct bitmap){0};
    if (r->pdf && info->engine != ENGINE_TESSERACT) {
        double fitting = fit_dpi(wanted, info->width, info->height, max_pixels);
        return pdf_render(r->pdf, info->number, (struct rect){0}, fitting, max_pixels, out, err);
    }
    struct bitmap picture = {0};
    if (r->pdf) {
        double fitting = fit_dpi(fmax(wanted, LEAST_DPI), info->width, info->height, max_pixels);
        TRY(pdf_render(r->pdf, info->number, (struct rect){0}, fitting, max_pixels, &picture, err));
    } else {
        TRY(image_page(r->image, info->number, max_pixels, &picture, err));
    }
    enum status status = redo_preparation(info, &picture, wanted, max_pixels, out, err);
    bitmap_free(&picture);
    return status;
}
