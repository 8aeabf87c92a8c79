/* tests/test_pdfops.c - what the operator walk sees on pages made by hand. */
#include <string.h>

#include "pipeline/pdfops.h"
#include "tests/check.h"
#include "tests/make_pdf.h"

static void put_rect(struct buf *out, struct rect r) {
    float v[4] = {r.x0, r.y0, r.x1, r.y1};
    for (int i = 0; i < 4; i++) {
        buf_putc(out, ' ');
        buf_number(out, v[i], 1);
    }
}

/* The page as text: rules, fills, curves, pictures, shows, one a line. */
static struct str describe(struct arena *arena, const struct ops_page *page) {
    struct buf out;
    buf_open(&out, 1 << 20);
    for (size_t i = 0; i < page->n_rules; i++) {
        const struct rule *r = &page->rules[i];
        buf_puts(&out, "rule");
        put_rect(&out, (struct rect){r->x0, r->y0, r->x1, r->y1});
        buf_puts(&out, " w");
        buf_number(&out, r->width, 1);
        if (r->rgb) buf_printf(&out, " %06x", r->rgb);
        buf_putc(&out, '\n');
    }
    for (size_t i = 0; i < page->n_fills; i++) {
        buf_puts(&out, "fill");
        put_rect(&out, page->fills[i].bbox);
        buf_printf(&out, " %06x%s\n", page->fills[i].rgb, page->fills[i].visible ? "" : " unseen");
    }
    for (size_t i = 0; i < page->n_curves; i++) {
        buf_puts(&out, "curve");
        put_rect(&out, page->curves[i]);
        buf_putc(&out, '\n');
    }
    for (size_t i = 0; i < page->n_paints; i++) {
        const struct ops_paint *p = &page->paints[i];
        if (p->kind != PAINT_IMAGE) continue;
        buf_puts(&out, "picture");
        put_rect(&out, p->bbox);
        buf_printf(&out, " %dx%d%s\n", p->width_px, p->height_px, p->mask ? " mask" : "");
    }
    for (size_t i = 0; i < page->n_shows; i++) {
        const struct ops_show *s = &page->shows[i];
        buf_puts(&out, "show ");
        buf_number(&out, s->x, 1);
        buf_putc(&out, ' ');
        buf_number(&out, s->y, 1);
        buf_printf(&out, " a%d n%d", s->angle, s->n_chars);
        if (s->size != 10) {
            buf_puts(&out, " size ");
            buf_number(&out, s->size, 1);
        }
        if (s->mode) buf_printf(&out, " mode %d", s->mode);
        if (s->rgb) buf_printf(&out, " %06x", s->rgb);
        if (s->artifact) buf_puts(&out, " artifact");
        if (s->mixed) buf_puts(&out, " mixed");
        buf_putc(&out, '\n');
    }
    struct str text = arena_str(arena, buf_str(&out));
    buf_close(&out);
    return text;
}

static const struct {
    const char *name;
    struct make_pdf pdf;
    const char *want;
} cases[] = {
    // y is turned: the page is 300 high
    {"a stroke", {.content = "2 w 10 100 m 90 100 l S"}, "rule 10 200 90 200 w2\n"},
    {"the sides of a stroked rectangle",
     {.content = "10 10 50 20 re S"},
     "rule 10 270 60 270 w1\nrule 10 290 60 290 w1\nrule 10 270 10 290 w1\nrule 60 270 60 290 "
     "w1\n"},
    {"a thin fill is a rule", {.content = "10 50 100 0.5 re f"}, "rule 10 249.8 110 249.8 w0.5\n"},
    {"a fill", {.content = "1 0 0 rg 10 50 100 40 re f"}, "fill 10 210 110 250 ff0000\n"},
    {"dashes become one line",
     {.content = "10 100 m 14 100 l 16 100 m 20 100 l 22 100 m 26 100 l S"},
     "rule 10 200 26 200 w1\n"},
    {"collinear pieces of two colours stay apart",
     {.content = "10 100 m 50 100 l S 1 0 0 RG 50 100 m 90 100 l S"},
     "rule 10 200 50 200 w1\nrule 50 200 90 200 w1 ff0000\n"},
    {"the matrix moves and scales",
     {.content = "q 2 0 0 2 10 10 cm 0 0 m 20 0 l S Q 0 5 m 9 5 l S"},
     "rule 10 290 50 290 w2\nrule 0 295 9 295 w1\n"},
    {"a line turned by 90 degrees",
     {.content = "0 1 -1 0 100 10 cm 0 0 m 50 0 l S"},
     "rule 100 240 100 290 w1\n"},
    {"clipped",
     {.content = "q 0 0 50 300 re W n 10 100 m 90 100 l S 60 10 20 20 re f Q"},
     "rule 10 200 50 200 w1\n"},
    {"the clip ends with Q",
     {.content = "q 0 0 5 5 re W n Q 10 100 m 90 100 l S"},
     "rule 10 200 90 200 w1\n"},
    {"a slanted line and a circle are no rules",
     {.content = "10 10 m 60 60 l S 0 100 m 0 110 10 120 20 120 c 30 120 40 110 40 100 c S"},
     "curve 10 240 60 290\ncurve 0 180 40 200\n"},
    {"white on white is no rule and no colour",
     {.content = "1 g 1 G 10 100 m 90 100 l S 10 10 50 50 re f"},
     "fill 10 240 60 290 ffffff unseen\n"},
    {"white on dark is both",
     {.content = "0 g 0 0 200 300 re f 1 G 10 100 m 90 100 l S 1 g 10 10 50 50 re f"},
     "rule 10 200 90 200 w1 ffffff\nfill 0 0 200 300 000000\nfill 10 240 60 290 ffffff\n"},
    {"a fill with alpha 0 is a frame",
     {.content = "/G gs 10 10 50 50 re f", .resources = "/ExtGState<</G<</ca 0>>>>"},
     "fill 10 240 60 290 000000 unseen\n"},
    {"a thick line is a bar",
     {.content = "20 w 10 100 m 90 100 l S"},
     "fill 10 190 90 210 000000\n"},
    {"rounded corners stay a rectangle",
     {.content = "5 0 m 95 0 l 98 0 100 2 100 5 c 100 45 l 100 48 98 50 95 50 c 5 50 l "
                 "2 50 0 48 0 45 c 0 5 l 0 2 2 0 5 0 c f"},
     "fill 0 250 100 300 000000\n"},
    {"colour spaces",
     {.content = "/S cs 1 scn 0 0 10 10 re f /DeviceRGB cs 0 1 0 sc 0 20 10 10 re f "
                 "0 0 0 .5 k 0 40 10 10 re f",
      .resources = "/ColorSpace<</S[/Separation/Black/DeviceGray<<>>]>>"},
     "fill 0 290 10 300 000000\nfill 0 270 10 280 00ff00\nfill 0 250 10 260 808080\n"},
    {"a form with a matrix, clipped by its box",
     {.content = "q 1 0 0 1 50 0 cm /X Do Q",
      .resources = "/XObject<</X 6 0 R>>",
      .more =
          {"<</Type/XObject/Subtype/Form/BBox[0 0 30 300]/Matrix[2 0 0 1 0 0]/Length 24>>stream\n"
           "0 100 m 100 100 l S q q \nendstream"}},
     "rule 50 200 110 200 w1.4\n"},
    {"a form that draws itself",
     {.content = "/X Do 0 10 m 10 10 l S",
      .resources = "/XObject<</X 6 0 R>>",
      .more = {"<</Type/XObject/Subtype/Form/BBox[0 0 200 300]/Resources<</XObject<</X 6 0 R>>>>"
               "/Length 27>>stream\n/X Do 0 50 m 10 50 l S /X Do\nendstream"}},
     "rule 0 250 10 250 w1\nrule 0 290 10 290 w1\n"},
    {"layers that are off",
     {.content = "/OC /A BDC 0 10 m 9 10 l S EMC /OC /B BDC 0 20 m 9 20 l S EMC",
      .catalog = "/OCProperties<</OCGs[6 0 R 7 0 R]/D<</OFF[6 0 R]>>>>",
      .resources = "/Properties<</A 6 0 R/B 7 0 R>>",
      .more = {"<</Type/OCG/Name(a)>>", "<</Type/OCG/Name(b)>>"}},
     "rule 0 280 9 280 w1\n"},
    {"a picture",
     {.content = "q 100 0 0 50 20 30 cm /I Do Q",
      .resources = "/XObject<</I 6 0 R>>",
      .more =
          {"<</Type/XObject/Subtype/Image/Width 4/Height 2/BitsPerComponent 8/ColorSpace/DeviceGray"
           "/Length 8>>stream\n12345678\nendstream"}},
     "picture 20 220 120 270 4x2\n"},
    {"an inline picture, and what follows it",
     {.content = "q 10 0 0 10 0 0 cm BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI Q 0 50 m 9 50 l S"},
     "rule 0 250 9 250 w1\npicture 0 290 10 300 2x2\n"},
    {"a mask one pixel high is a rule",
     {.content = "q 100 0 0 1 0 50 cm BI /W 1 /H 1 /IM true ID \x01 EI Q"},
     "rule 0 249.5 100 249.5 w1\n"},
    {"text",
     {.content = "BT /F1 10 Tf 20 100 Td (abc) Tj 0 -12 Td [(d) -20 (ef)] TJ ET"},
     "show 20 200 a0 n3\nshow 20 212 a0 n3\n"},
    {"text: leading, quotes, rise, mode, colour",
     {.content = "BT /F1 10 Tf 1 0 0 rg 12 TL 20 100 Td (a) ' 3 Ts 3 Tr 0 0 (bc) \" ET"},
     "show 20 212 a0 n1 ff0000\nshow 20 221 a0 n2 mode 3 ff0000\n"},
    {"text running down and up",
     {.content = "BT /F1 10 Tf 0 -1 1 0 50 100 Tm (a) Tj 0 1 -1 0 60 100 Tm (b) Tj ET"},
     "show 50 200 a90 n1\nshow 60 200 a270 n1\n"},
    {"text whose start is not known",
     {.content = "BT /F1 10 Tf 20 100 Td (a) Tj 3 Tr (b) Tj ET"},
     "show 20 200 a0 n2 mixed\n"},
    {"artifacts",
     {.content = "/Artifact BMC BT /F1 10 Tf 9 9 Td (a) Tj ET EMC BT 9 19 Td (b) Tj ET"},
     "show 9 291 a0 n1 artifact\nshow 9 281 a0 n1\n"},
    {"turned page",
     {.content = "10 100 m 90 100 l S", .page = "/Rotate 90"},
     "rule 100 10 100 90 w1\n"},
    {"upside down",
     {.content = "10 100 m 90 100 l S", .page = "/Rotate 180"},
     "rule 110 100 190 100 w1\n"},
    {"crop box",
     {.content = "10 100 m 90 100 l S", .page = "/CropBox[50 50 150 250]"},
     "rule 0 150 40 150 w1\n"},
    {"operators without operands",
     {.content = "m l re c cm Tm Tf gs Do scn k rg w Q Q Q EMC ET 0 9 m 9 9 l S"},
     "rule 0 291 9 291 w1\n"},
};

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        struct pdfops *ops;
        struct ops_page *page;
        struct error err;
        enum status status = pdfops_open(make_pdf(arena, &cases[i].pdf), NULL, &ops, &err);
        CHECK(status == STATUS_OK, "%s: %s", cases[i].name, err.text);
        if (status == STATUS_OK) {
            status = pdfops_page(ops, 1, arena, &page, &err);
            CHECK(status == STATUS_OK, "%s: %s", cases[i].name, err.text);
            if (status == STATUS_OK) CHECK_STR(describe(arena, page), cases[i].want, cases[i].name);
            CHECK(pdfops_page(ops, 2, arena, &page, &err) == STATUS_ARG, "there is no page 2");
            pdfops_close(ops);
        }
        arena_free(arena);
    }
    return check_end("test_pdfops");
}
