/*
 * tests/test_ocr.c - pages of text drawn here and read again: turned, tilted, dark, faint, small.
 *
 * What must come out are the words in order, where they stand and how the page was turned. Needs
 * the pack for English and a font; else it is skipped.
 */
#include <cairo.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/image.h"
#include "pipeline/lang.h"
#include "pipeline/ocr.h"
#include "tests/check.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/mem.h"

static const char *const lines[] = {
    "The quick brown fox jumps over the lazy dog", "and runs into the forest, where it is",
    "met by an old friend who has been waiting",   "for the better part of the afternoon to",
    "hand over a letter that nobody had opened.",
};
enum { N_LINES = 5, TEXT_PT = 12, MARGIN_PT = 40, PAGE_W_PT = 340, PAGE_H_PT = 200 };

struct look {
    const char *name;
    int dpi;
    double tilt; // degrees clockwise, as a page lies askew on the glass
    int turned;  // degrees clockwise
    bool inverted, table, known_dpi;
    double dark;  // how bright the darkest edge of the page is
    double print; // 0 black .. 1 invisible
};

static const struct look looks[] = {
    {"plain", 300, 0, 0, false, false, true, 1, 0},
    {"200 dpi", 200, 0, 0, false, false, true, 1, 0},
    {"100 dpi", 100, 0, 0, false, false, true, 1, 0},
    {"a tilt of 5", 300, 5, 0, false, false, true, 1, 0},
    {"a tilt of -13", 300, -13, 0, false, false, true, 1, 0},
    {"upside down", 300, 0, 180, false, false, true, 1, 0},
    {"on its side", 300, 0, 90, false, false, true, 1, 0},
    {"on its other side, tilted", 300, 3, 270, false, false, true, 1, 0},
    {"white on black", 300, 0, 0, true, false, true, 1, 0},
    {"dark towards one side", 300, 0, 0, false, false, true, 0.35, 0},
    {"faint", 300, 0, 0, false, false, true, 1, 0.75},
    {"in a frame", 300, 0, 0, false, true, true, 1, 0},
};

static void draw_table(cairo_t *cr) {
    cairo_set_line_width(cr, 1);
    for (int i = 0; i <= N_LINES; i++) {
        double y = MARGIN_PT - 16 + 24 * i;
        cairo_move_to(cr, MARGIN_PT - 6, y);
        cairo_line_to(cr, PAGE_W_PT - 20, y);
    }
    for (int i = 0; i < 2; i++) {
        double x = i ? PAGE_W_PT - 20 : MARGIN_PT - 6;
        cairo_move_to(cr, x, MARGIN_PT - 16);
        cairo_line_to(cr, x, MARGIN_PT - 16 + 24 * N_LINES);
    }
    cairo_stroke(cr);
}

/* The page as a grey picture, upright and level. */
static struct bitmap draw(const struct look *look) {
    double scale = look->dpi / 72.0;
    int w = (int)(PAGE_W_PT * scale), h = (int)(PAGE_H_PT * scale);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_translate(cr, w / 2.0, h / 2.0);
    cairo_scale(cr, scale, scale);
    cairo_rotate(cr, look->tilt * 3.14159265358979 / 180);
    cairo_translate(cr, -PAGE_W_PT / 2.0, -PAGE_H_PT / 2.0);
    cairo_set_source_rgb(cr, look->print, look->print, look->print);
    cairo_select_font_face(cr, "serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, TEXT_PT);
    for (int i = 0; i < N_LINES; i++) {
        cairo_move_to(cr, MARGIN_PT, MARGIN_PT + 24 * i);
        cairo_show_text(cr, lines[i]);
    }
    if (look->table) draw_table(cr);
    cairo_surface_flush(surface);
    struct bitmap bitmap;
    bitmap_new(&bitmap, w, h, 1, (size_t)w * (size_t)h, NULL);
    bitmap.dpi = look->known_dpi ? (float)look->dpi : 0;
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double light = look->dark + (1 - look->dark) * x / w;
            int grey = (int)(data[y * stride + 4 * x] * light);
            bitmap.px[y * w + x] = (uint8_t)(look->inverted ? 255 - grey : grey);
        }
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return bitmap;
}

static void turn(struct bitmap *bitmap, int degrees) {
    for (; degrees > 0; degrees -= 90) {
        int w = bitmap->width, h = bitmap->height;
        uint8_t *px = mem_alloc((size_t)w * (size_t)h);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) px[x * h + (h - 1 - y)] = bitmap->px[y * w + x];
        mem_free(bitmap->px);
        bitmap->px = px;
        bitmap->width = h;
        bitmap->height = w;
    }
}

static struct str text_of(const struct content *content, struct arena *arena) {
    struct buf text;
    buf_open(&text, 0);
    for (size_t i = 0; i < content->n_words; i++) {
        if (i && content->words[i].flags & WORD_SPACE_BEFORE) buf_putc(&text, ' ');
        buf_put(&text, content->words[i].text);
    }
    struct str copy = arena_str(arena, buf_str(&text));
    buf_close(&text);
    return copy;
}

static void check_geometry(const struct look *look, const struct content *content) {
    const struct word *first = &content->words[0];
    int want_turn = (360 - look->turned) % 360;
    CHECK(content->info.rotation == want_turn, "%s: turned by %d, want %d", look->name,
          content->info.rotation, want_turn);
    CHECK(fabs((double)content->info.skew_deg - look->tilt) < 0.3,
          "%s: levelled by %.2f, want %.2f", look->name, (double)content->info.skew_deg,
          look->tilt);
    CHECK(first->size > 0.8f * TEXT_PT && first->size < 1.25f * TEXT_PT, "%s: size %.1f",
          look->name, (double)first->size);
    CHECK(first->confidence > 0.6f, "%s: confidence %.2f", look->name, (double)first->confidence);
    if (look->tilt != 0) return; // the sheet is larger then
    CHECK(fabs((double)first->baseline - MARGIN_PT) < 1.5, "%s: baseline at %.1f", look->name,
          (double)first->baseline);
    CHECK(fabs((double)first->bbox.x0 - MARGIN_PT) < 2.5, "%s: starts at %.1f", look->name,
          (double)first->bbox.x0);
    CHECK(fabs((double)content->info.width - PAGE_W_PT) < 1.5, "%s: width %.1f", look->name,
          (double)content->info.width);
}

static void check_rules(const struct look *look, const struct content *content) {
    size_t n_level = 0, n_upright = 0;
    for (size_t i = 0; i < content->n_rules; i++) {
        const struct rule *r = &content->rules[i];
        n_level += r->y0 == r->y1 && r->x1 - r->x0 > 250;
        n_upright += r->x0 == r->x1 && r->y1 - r->y0 > 110;
    }
    size_t want_level = look->table ? N_LINES + 1 : 0, want_upright = look->table ? 2 : 0;
    CHECK(n_level == want_level, "%s: %zu level rules", look->name, n_level);
    CHECK(n_upright == want_upright, "%s: %zu upright rules", look->name, n_upright);
    if (!look->table) CHECK(content->n_rules == 0, "%s: %zu rules", look->name, content->n_rules);
}

static void test_look(const struct look *look, struct ocr *ocr) {
    struct arena *arena = arena_new();
    struct content content = {.n_words = 0};
    struct error err = {0};
    struct bitmap picture = draw(look);
    turn(&picture, look->turned);
    enum status status = ocr_read(ocr, &picture, arena, &content, NULL, &err);
    CHECK(status == STATUS_OK, "%s: %s", look->name, err.text);
    struct str want =
        arena_printf(arena, "%s %s %s %s %s", lines[0], lines[1], lines[2], lines[3], lines[4]);
    CHECK_STR(text_of(&content, arena), want.s, look->name);
    if (content.n_words > 0) check_geometry(look, &content);
    check_rules(look, &content);
    bitmap_free(&picture);
    arena_free(arena);
}

static void test_empty(struct ocr *ocr, int width, int height, int grey, const char *name) {
    struct arena *arena = arena_new();
    struct content content = {.n_words = 0};
    struct error err = {0};
    struct bitmap picture, prepared = {0};
    bitmap_new(&picture, width, height, 3, 100000000, &err);
    memset(picture.px, grey, (size_t)width * (size_t)height * 3);
    enum status status = ocr_read(ocr, &picture, arena, &content, &prepared, &err);
    CHECK(status == STATUS_OK, "%s: %s", name, err.text);
    CHECK(content.n_words == 0, "%s: %zu words", name, content.n_words);
    CHECK(content.n_rules == 0, "%s: %zu rules", name, content.n_rules);
    CHECK(prepared.width > 0 && prepared.px, "%s: no prepared picture", name);
    bitmap_free(&picture);
    bitmap_free(&prepared);
    arena_free(arena);
}

static const struct {
    const char *lang;
    enum status want;
    const char *says;
} packs[] = {
    {"eng", STATUS_OK, ""},
    {"eng+xyz", STATUS_MISSING, "apt-get install tesseract-ocr-xyz"},
    {"xyz_vert", STATUS_MISSING, "apt-get install tesseract-ocr-xyz-vert"},
    {"../eng", STATUS_ARG, "no language is called"},
    {"", STATUS_ARG, "empty"},
};

static void test_packs(void) {
    for (size_t i = 0; i < sizeof packs / sizeof *packs; i++) {
        struct ocr *ocr = NULL;
        struct error err = {0};
        struct ocr_options options = {.lang = packs[i].lang, .max_pixels = 1000000};
        enum status status = ocr_open(&options, &ocr, &err);
        CHECK(status == packs[i].want, "\"%s\": %s", packs[i].lang, err.text);
        CHECK(strstr(err.text, packs[i].says), "\"%s\": \"%s\"", packs[i].lang, err.text);
        ocr_close(ocr);
    }
    char package[64];
    lang_package("Latin", package);
    CHECK_STR(str_from(package), "tesseract-ocr-script-latn", "package of a script");
}

static const struct {
    const char *text, *script, *want;
} guesses[] = {
    {"Der Hund und die Katze sind auf dem Dach", "Latin", "deu"},
    {"the house is on the hill and it was sold", "Latin", "eng"},
    {"il est dans la maison avec les enfants et une valise", "Latin", "fra"},
    {"el perro no es de la casa que se vende por los montes", "Latin", "spa"},
    {"pes a kocka jsou na strese, ktere se libi, ale nebo", "Latin", "ces"}, // read without marks
    {"и это не для вас, как и что на от", "Cyrillic", "rus"},
    {"це не для вас, якщо ви як та або що", "Cyrillic", "ukr"},
};

static void test_guesses(void) {
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        struct lang_guess best[3];
        struct str text = str_from(guesses[i].text);
        size_t n = lang_guess(text, lang_script_of_text(text), best, 3);
        CHECK_STR(str_from(lang_script_of_text(text)), guesses[i].script, guesses[i].text);
        CHECK_STR(str_from(n ? best[0].code : "none"), guesses[i].want, guesses[i].text);
    }
    struct lang_guess best[3];
    CHECK(lang_guess(STR("1234 5678"), "Latin", best, 3) == 0, "digits are no language");
}

int main(void) {
    test_guesses();
    if (!lang_installed("eng")) {
        check_skip("reading pages", "the language pack tesseract-ocr-eng");
        return check_end("ocr");
    }
    test_packs();
    struct ocr *ocr = NULL;
    struct ocr_options options = {.lang = NULL, .max_pixels = 50000000};
    CHECK(ocr_open(&options, &ocr, NULL) == STATUS_OK, "open");
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) test_look(&looks[i], ocr);
    test_empty(ocr, 600, 400, 255, "a white page");
    test_empty(ocr, 600, 400, 0, "a black page");
    test_empty(ocr, 1, 1, 255, "one pixel");
    test_empty(ocr, 3000, 1, 0, "a line of pixels");
    ocr_close(ocr);
    return check_end("ocr");
}
