/* tests/test_pdf.c - PDFs made by hand through the reader: words, what is hidden, links, outline. */
#include <string.h>

#include "pipeline/reader.h"
#include "tests/check.h"
#include "tests/make_pdf.h"

/* Read by the leak checker, whose name for it this is: fontconfig keeps its caches until the end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig";
}

static struct arena *arena;

/* The page's words in order, a line each kind of thing that is not plain. */
static struct str describe(const struct content *c) {
    struct buf out;
    buf_open(&out, 1 << 20);
    for (size_t i = 0; i < c->n_words; i++) {
        const struct word *w = &c->words[i];
        const struct style *s = &c->styles[w->style];
        buf_printf(&out, "%s%.*s", i && w->flags & WORD_SPACE_BEFORE ? " " : "", STR_ARG(w->text));
        if (w->angle) buf_printf(&out, "<%d>", w->angle);
        if (s->flags) buf_printf(&out, "<%x>", s->flags);
        if (w->link) buf_printf(&out, "<%.*s>", STR_ARG(c->links[w->link - 1].target));
    }
    for (int k = 0; k < N_HIDDEN_KINDS; k++) {
        if (c->n_hidden[k]) buf_printf(&out, " %s:%d", hidden_kind_names[k], c->n_hidden[k]);
    }
    if (c->n_pictures) buf_printf(&out, " pictures:%zu", c->n_pictures);
    struct str text = arena_str(arena, buf_str(&out));
    buf_close(&out);
    return text;
}

static struct reader *open_reader(const char *name, struct str pdf, enum engine_choice engine) {
    struct read_options options = read_options_default;
    options.engine = engine;
    struct reader *reader = NULL;
    struct error err = {0};
    CHECK(reader_open(pdf, name, &options, &reader, &err) == STATUS_OK, "%s: %s", name, err.text);
    return reader;
}

static const char image_of_page[] =
    "<</Type/XObject/Subtype/Image/Width 4/Height 4/BitsPerComponent 8"
    "/ColorSpace/DeviceGray/Length 16>>stream\n0123456789abcdef\nendstream";

static const struct {
    const char *name;
    struct make_pdf pdf;
    const char *words;  // with the text engine
    const char *reason; // why the engine that would be chosen is chosen
    bool ocr;
} cases[] = {
    {"words",
     {.content = "BT /F1 10 Tf 20 100 Td (Two words,) Tj 0 -12 Td (next line) Tj ET"},
     "Two words, next line",
     "text layer",
     false},
    {"turned page",
     {.content = "BT /F1 10 Tf 20 100 Td (Two words) Tj ET", .page = "/Rotate 90"},
     "Two<90> words<90>",
     "text layer",
     false},
    {"turned page with turned text",
     {.content = "BT /F1 10 Tf 0 1 -1 0 100 20 Tm (Two words) Tj ET", .page = "/Rotate 90"},
     "Two words",
     "text layer",
     false},
    {"text running up",
     {.content = "BT /F1 10 Tf 0 1 -1 0 100 20 Tm (Two words) Tj ET"},
     "Two<270> words<270>",
     "text layer",
     false},
    {"bold and mono by name",
     {.content = "BT /F2 10 Tf 20 100 Td (bold) Tj /F3 10 Tf 0 -20 Td (mono) Tj ET",
      .resources = "/Font<</F2 6 0 R/F3 7 0 R>>",
      .more = {"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
               "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"}},
     "bold<1> mono<4>",
     "text layer",
     false},
    {"off the page",
     {.content = "BT /F1 10 Tf 20 100 Td (seen) Tj 500 0 Td (far) Tj ET"},
     "seen off-page:3",
     "text layer",
     false},
    {"outside the crop box",
     {.content = "BT /F1 10 Tf 60 100 Td (seen) Tj 0 150 Td (cut) Tj ET",
      .page = "/CropBox[50 50 150 200]"},
     "seen off-page:3",
     "text layer",
     false},
    {"outside the clip",
     {.content = "BT /F1 10 Tf 20 200 Td (seen) Tj ET q 0 0 200 50 re W n BT /F1 10 Tf 20 100 Td "
                 "(cut) Tj ET Q"},
     "seen off-page:3",
     "text layer",
     false},
    {"invisible",
     {.content = "BT /F1 10 Tf 20 100 Td (seen) Tj 3 Tr 0 -20 Td (not) Tj ET"},
     "seen invisible:3",
     "text layer",
     false},
    {"invisible between visible on one line",
     {.content = "BT /F1 10 Tf 20 100 Td (visible words go on) Tj ET "
                 "BT /F1 10 Tf 3 Tr 40 100 Td (-) Tj ET BT /F1 10 Tf 0 Tr 20 80 Td (here) Tj ET"},
     "visible- words go on here",
     NULL,
     false},
    {"white on white",
     {.content = "BT /F1 10 Tf 20 100 Td (seen) Tj 1 g 0 -20 Td (not) Tj ET"},
     "seen white:3",
     "text layer",
     false},
    {"white on dark",
     {.content = "0 g 0 70 200 20 re f BT /F1 10 Tf 20 100 Td (seen) Tj 1 g 0 -25 Td (too) Tj ET"},
     "seen too",
     "text layer",
     false},
    {"white on a picture",
     {.content =
          "q 200 0 0 40 0 60 cm /I Do Q BT /F1 10 Tf 20 120 Td (seen) Tj 1 g 0 -45 Td (too) Tj ET",
      .resources = "/XObject<</I 6 0 R>>",
      .more = {image_of_page}},
     "seen too pictures:1",
     "text layer",
     false},
    {"tiny",
     {.content = "BT /F1 10 Tf 20 100 Td (seen) Tj /F1 0.5 Tf 0 -20 Td (not) Tj ET"},
     "seen tiny:3",
     "text layer",
     false},
    {"OCR layer over a scan",
     {.content = "q 200 0 0 300 0 0 cm /I Do Q BT 3 Tr /F1 10 Tf 20 250 Td (These are sane words "
                 "that a) Tj "
                 "0 -20 Td (machine has read from the picture) Tj 0 -20 Td (of the page and put "
                 "behind it so) Tj "
                 "0 -20 Td (that people can search for them) Tj ET",
      .resources = "/XObject<</I 6 0 R>>",
      .more = {image_of_page}},
     "These are sane words that a machine has read from the picture of the page and put behind it "
     "so "
     "that people can search for them",
     "OCR layer of the scan",
     false},
    {"poor OCR layer",
     {.content = "q 200 0 0 300 0 0 cm /I Do Q BT 3 Tr /F1 10 Tf 20 250 Td (T h c s c a r e s) Tj "
                 "0 -20 Td (rn |~ !c hn xXqW ttrn ;;_ {% ~ } x Q z) Tj 0 -20 Td (qq# vbNx*& l|l "
                 "ii!! pP ~~ z) Tj ET",
      .resources = "/XObject<</I 6 0 R>>",
      .more = {image_of_page}},
     NULL,
     "poor OCR layer",
     true},
    {"a scan without text",
     {.content = "q 200 0 0 300 0 0 cm /I Do Q",
      .resources = "/XObject<</I 6 0 R>>",
      .more = {image_of_page}},
     "",
     "no text layer",
     true},
    {"a stamp on a scan",
     {.content = "q 200 0 0 300 0 0 cm /I Do Q BT /F1 10 Tf 20 290 Td (RECEIVED) Tj ET",
      .resources = "/XObject<</I 6 0 R>>",
      .more = {image_of_page}},
     "RECEIVED",
     "little text beside a large picture",
     true},
    {"blank", {.content = ""}, "", "blank page", false},
    {"letters that mean others",
     {.content = "BT /F1 10 Tf 20 250 Td (Wkhvh zrugv zhuh vkliwhg eb wkuhh) Tj 0 -20 Td (dqg pdnh "
                 "qr vhqvh wr dqbrqh qrz) Tj "
                 "0 -20 Td (krzhyhu orqj wkhb orrn dw wkhp) Tj ET"},
     NULL,
     "garbled text layer",
     true},
    {"links",
     {.content = "BT /F1 10 Tf 20 100 Td (go) Tj 30 0 Td (on) Tj 30 0 Td (up) Tj ET",
      .page = "/Annots[<</Subtype/Link/Rect[20 95 40 110]/A<</S/URI/URI(https://example.org/a)>>>>"
              "<</Subtype/Link/Rect[50 95 70 110]/Dest[3 0 R/Fit]>>]"},
     "go<https://example.org/a> on<#page=1> up",
     "text layer",
     false},
    {"a filled form",
     {.content = "BT /F1 10 Tf 20 100 Td (Name:) Tj ET",
      .page = "/Annots[6 0 R]",
      .catalog = "/AcroForm<</Fields[6 0 R]>>",
      .more = {"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Jane Doe)/Rect[60 95 180 112]/AP<</N "
               "7 0 R>>>>",
               "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\nendstream"}},
     "Name: Jane Doe",
     "text layer",
     false},
};

static void check_page(size_t i) {
    struct error err = {0};
    struct content *content;
    struct page_info info;
    struct reader *reader = open_reader(cases[i].name, make_pdf(arena, &cases[i].pdf), CHOOSE_TEXT);
    if (!reader) return;
    enum status status = reader_page(reader, 1, arena, &content, &err);
    CHECK(status == STATUS_OK, "%s: %s", cases[i].name, err.text);
    if (status == STATUS_OK && cases[i].words)
        CHECK_STR(describe(content), cases[i].words, cases[i].name);
    CHECK(reader_page(reader, 2, arena, &content, &err) == STATUS_ARG, "%s: page 2", cases[i].name);
    reader_close(reader);
    if (!cases[i].reason) return;
    reader = open_reader(cases[i].name, make_pdf(arena, &cases[i].pdf), CHOOSE_AUTO);
    status = reader_plan(reader, 1, &info, arena, &err);
    CHECK(status == STATUS_OK, "%s: %s", cases[i].name, err.text);
    CHECK_STR(info.reason, cases[i].reason, cases[i].name);
    CHECK(info.engine == (cases[i].ocr ? ENGINE_TESSERACT : ENGINE_TEXT), "%s: engine",
          cases[i].name);
    reader_close(reader);
}

/* Boxes, baselines and sizes on the page as a reader sees it. */
static void check_geometry(void) {
    static const struct {
        const char *page;
        float x0, baseline, width;
    } turns[] = {
        {"", 20, 200, 200},
        {"/CropBox[10 20 110 220]", 10, 120, 100},
        {"/MediaBox[-50 -50 150 250]", 70, 150, 200},
    };
    struct error err;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        struct make_pdf make = {.content = "BT /F1 10 Tf 20 100 Td (Hamburg) Tj ET",
                                .page = turns[i].page};
        struct reader *reader = open_reader("geometry", make_pdf(arena, &make), CHOOSE_TEXT);
        struct content *c;
        CHECK(reader_page(reader, 1, arena, &c, &err) == STATUS_OK && c->n_words == 1, "one word");
        const struct word *w = &c->words[0];
        CHECK(w->bbox.x0 > turns[i].x0 - 0.5f && w->bbox.x0 < turns[i].x0 + 0.5f, "case %zu: x %g",
              i, w->bbox.x0);
        CHECK(w->baseline > turns[i].baseline - 0.1f && w->baseline < turns[i].baseline + 0.1f,
              "case %zu: baseline %g", i, w->baseline);
        CHECK(w->size > 9.9f && w->size < 10.1f, "case %zu: size %g", i, w->size);
        CHECK(c->info.width == turns[i].width, "case %zu: width %g", i, c->info.width);
        reader_close(reader);
    }
}

static void check_document(void) {
    struct make_pdf make = {
        .content = "BT /F1 10 Tf 20 100 Td (x) Tj ET",
        .catalog = "/Lang(de-CH)/Outlines 6 0 R/PageLabels<</Nums[0<</S/r/St 4>>]>>",
        .info = "/Title(A \\(good\\) "
                "title)/Author(\xfe\xff\\000J\\000\xf6)/CreationDate(D:20240229123005+02'00')",
        .more = {"<</Type/Outlines/First 7 0 R/Last 9 0 R>>",
                 "<</Title(One)/Parent 6 0 R/Next 9 0 R/First 8 0 R/Last 8 0 R/Dest[3 0 R/XYZ 0 "
                 "250 0]>>",
                 "<</Title(One and a half)/Parent 7 0 R/Dest[3 0 R/Fit]>>",
                 "<</Title(Two)/Parent 6 0 R/A<</S/URI/URI(x:y)>>>>"}};
    struct reader *reader = open_reader("document", make_pdf(arena, &make), CHOOSE_TEXT);
    struct document document = {0};
    struct outline_entry *outline;
    size_t n = 0;
    struct page_info info;
    struct error err;
    reader_document(reader, arena, &document, &outline, &n);
    CHECK_STR(document.title, "A (good) title", "title");
    CHECK_STR(document.author, "J\u00f6", "author");
    CHECK_STR(document.language, "de-CH", "language");
    CHECK(str_starts(document.created, STR("2024-02-29T")), "created: %.*s",
          STR_ARG(document.created));
    CHECK(document.n_pages == 1, "pages: %d", document.n_pages);
    CHECK(n == 3, "outline: %zu entries", n);
    if (n == 3) {
        CHECK_STR(outline[1].title, "One and a half", "outline");
        CHECK(outline[0].level == 1 && outline[1].level == 2 && outline[2].level == 1, "levels");
        CHECK(outline[0].page == 1 && outline[2].page == 0, "targets");
        CHECK(outline[0].y > 49 && outline[0].y < 51 && outline[1].y < 0, "y: %g %g", outline[0].y,
              outline[1].y);
    }
    CHECK(reader_plan(reader, 1, &info, arena, &err) == STATUS_OK, "plan");
    CHECK_STR(info.label, "iv", "page label");
    reader_close(reader);
}

static void check_figures(void) {
    struct make_pdf make = {
        .content = "q 100 0 0 80 20 100 cm /I Do Q BT /F1 10 Tf 20 50 Td (Figure) Tj ET",
        .resources = "/XObject<</I 6 0 R>>",
        .more = {image_of_page}};
    struct reader *reader = open_reader("figures", make_pdf(arena, &make), CHOOSE_TEXT);
    struct content *c;
    struct error err;
    CHECK(reader_page(reader, 1, arena, &c, &err) == STATUS_OK && c->n_pictures == 1,
          "one picture");
    if (c->n_pictures == 1) {
        const struct picture *p = &c->pictures[0];
        CHECK(str_starts(p->png, STR("\x89PNG")), "cut out as PNG");
        CHECK(p->width_px == 167 && p->height_px == 134, "%d x %d", p->width_px, p->height_px);
    }
    struct bitmap picture;
    CHECK(reader_picture(reader, c, 72, &picture, &err) == STATUS_OK, "page picture");
    CHECK(picture.width == 200 && picture.height == 300, "%d x %d", picture.width, picture.height);
    bitmap_free(&picture);
    reader_close(reader);
}

static void check_refusals(void) {
    static const struct {
        const char *name, *bytes;
        enum status want;
    } refused[] = {
        {"empty file", "", STATUS_EMPTY},
        {"text", "Dear Sir or Madam,", STATUS_UNSUPPORTED},
        {"a header alone", "%PDF-1.7\n", STATUS_FORMAT},
        {"no pages",
         "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count "
         "0>>"
         "endobj\ntrailer<</Root 1 0 R>>\n",
         STATUS_EMPTY},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct reader *reader = NULL;
        struct error err = {0};
        enum status got = reader_open(str_from(refused[i].bytes), "x", NULL, &reader, &err);
        CHECK(got == refused[i].want, "%s: %s: %s", refused[i].name, status_name(got), err.text);
        CHECK(strchr(err.text, '\n') == NULL && err.text[0], "%s: one line", refused[i].name);
        reader_close(reader);
    }
}

static void check_encrypted(void) {
    FILE *file = fopen("samples/encrypted.pdf", "rb");
    if (!file) {
        check_skip("encrypted", "samples/encrypted.pdf");
        return;
    }
    static char bytes[1 << 20];
    struct str pdf = {bytes, fread(bytes, 1, sizeof bytes, file)};
    CHECK(fclose(file) == 0, "close");
    struct reader *reader = NULL;
    struct error err;
    CHECK(reader_open(pdf, "x", NULL, &reader, &err) == STATUS_PASSWORD, "a password is asked for");
    const char *const passwords[] = {"wrong", "orchard"};
    struct read_options options = read_options_default;
    options.passwords = passwords;
    options.n_passwords = 1;
    CHECK(reader_open(pdf, "x", &options, &reader, &err) == STATUS_PASSWORD,
          "the wrong one does not open it");
    options.n_passwords = 2;
    CHECK(reader_open(pdf, "x", &options, &reader, &err) == STATUS_OK, "the second one does: %s",
          err.text);
    reader_close(reader);
}

/* Pages whose text layer looks garbled, read to the end: one where it is, one where it only looks. */
static void check_second_opinion(void) {
    static const char
        *const shifted = // the letters of /F2 are shown as they are, but called the third next
        "<</Length 260>>stream\n/CIDInit /ProcSet findresource begin begincmap\n1 "
        "begincodespacerange <00> <ff> "
        "endcodespacerange\n5 beginbfrange\n<20> <40> <0020>\n<41> <57> <0044>\n<58> <5a> <0041>\n"
        "<61> <77> <0064>\n<78> <7a> <0061>\nendbfrange endcmap end\nendstream";
    static const struct {
        const char *name;
        struct make_pdf pdf;
        enum engine_id engine;
        const char *reason, *says;
    } pages[] = {
        {"garbled",
         {.page = "/MediaBox[0 0 400 200]",
          .content = "BT /F2 14 Tf 18 TL 20 170 Td (Every letter of this page is printed) Tj T* "
                     "(as it should be but "
                     "the font says) Tj T* (that another letter stands there so) Tj T* (only the "
                     "picture can be "
                     "believed) Tj ET",
          .resources = "/Font<</F2 6 0 R>>",
          .more = {"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 7 0 R>>", shifted}},
         ENGINE_TESSERACT,
         "garbled text layer",
         "letter"},
        {"a key that looks garbled",
         {.page = "/MediaBox[0 0 400 200]",
          .content =
              "BT /F2 14 Tf 18 TL 20 170 Td (mQENBFxNrtQBCADJ aWxsIHRoYXQgZ2xp) Tj T* "
              "(dHRlcnMgaXMgbm90 "
              "IGdvbGQgYnV0IHRo) Tj T* (aXNLZXlJc0p1c3RB UmFuZG9tS2V5Rm9y) Tj T* (VGVzdGluZ1RoaXNQ "
              "cm9ncmFtV2l0aEl0) Tj T* (kQxYzPqRsTvWxBnM LpKjHgFdSaQwErTy) Tj ET",
          .resources = "/Font<</F2 6 0 R>>",
          .more = {"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"}},
         ENGINE_TEXT,
         "text layer, found in the page's picture",
         "mQENBFxNrtQBCADJ"},
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct reader *reader =
            open_reader(pages[i].name, make_pdf(arena, &pages[i].pdf), CHOOSE_AUTO);
        struct content *c;
        struct error err;
        enum status status = reader_page(reader, 1, arena, &c, &err);
        if (status == STATUS_MISSING) {
            check_skip(pages[i].name, err.text);
        } else {
            CHECK(status == STATUS_OK, "%s: %s", pages[i].name, err.text);
            CHECK(c->info.engine == pages[i].engine, "%s: engine %d", pages[i].name,
                  c->info.engine);
            CHECK_STR(c->info.reason, pages[i].reason, pages[i].name);
            struct str text = describe(c);
            CHECK(str_find(text, str_from(pages[i].says)) < text.n, "%s: %.*s", pages[i].name,
                  STR_ARG(text));
        }
        reader_close(reader);
    }
}

int main(void) {
    arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_page(i);
    check_geometry();
    check_document();
    check_figures();
    check_refusals();
    check_encrypted();
    check_second_opinion();
    arena_free(arena);
    return check_end("test_pdf");
}
