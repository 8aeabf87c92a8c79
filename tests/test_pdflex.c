/* tests/test_pdflex.c - tokens of content streams. */
#include "pipeline/pdflex.h"
#include "tests/check.h"
#include "util/arena.h"
#include "util/buf.h"

/* "n:0.5 w:m /:Name s:3 [ ] << >>": what a stream is cut into. */
static struct str tokens(struct arena *arena, struct str stream) {
    struct buf out;
    buf_open(&out, 1 << 16);
    struct lex lex = lex_open(stream);
    for (;;) {
        struct lex_token t = lex_next(&lex);
        if (t.kind == LEX_END) break;
        if (out.n) buf_putc(&out, ' ');
        switch (t.kind) {
        case LEX_NUMBER:
            buf_puts(&out, "n:");
            buf_number(&out, t.number, 4);
            break;
        case LEX_NAME: buf_printf(&out, "/:%.*s", STR_ARG(t.text)); break;
        case LEX_WORD:
            buf_printf(&out, "w:%.*s", STR_ARG(t.text));
            if (str_eq(t.text, STR("ID"))) lex_skip_inline_data(&lex, 0);
            break;
        case LEX_STRING: buf_printf(&out, "s:%zu", t.n_bytes); break;
        case LEX_OPEN: buf_putc(&out, '['); break;
        case LEX_CLOSE: buf_putc(&out, ']'); break;
        case LEX_DICT: buf_puts(&out, "<<"); break;
        case LEX_DICT_END: buf_puts(&out, ">>"); break;
        case LEX_END: break;
        }
    }
    struct str text = arena_str(arena, buf_str(&out));
    buf_close(&out);
    return text;
}

static const struct {
    const char *name, *stream, *want;
} cases[] = {
    {"numbers", "1 -2 +3 .5 -.25 4. 00012 1.5m", "n:1 n:-2 n:3 n:0.5 n:-0.25 n:4 n:12 w:1.5m"},
    {"numbers as writers get them wrong", "--5 5-3 - .", "n:-5 n:5 n:0 n:0"},
    {"operators", "q 1 0 0 1 5 5 cm f* Q", "w:q n:1 n:0 n:0 n:1 n:5 n:5 w:cm w:f* w:Q"},
    {"names", "/F1 12 Tf/A#20B Do", "/:F1 n:12 w:Tf /:A#20B w:Do"},
    {"strings", "(abc) (a\\)b) (a(b)c) (\\101\\7x) (a\\\nb) ()", "s:3 s:3 s:5 s:3 s:2 s:0"},
    {"hex strings", "<414243> <4 1 4> <>", "s:3 s:2 s:0"},
    {"arrays and dictionaries", "[(a) -20 (b)] TJ /P <</MCID 3>> BDC",
     "[ s:1 n:-20 s:1 ] w:TJ /:P << /:MCID n:3 >> w:BDC"},
    {"comments", "1 % two\n3 %", "n:1 n:3"},
    {"stray brackets", ") } { > 7", "n:7"},
    {"unfinished string", "(abc", "s:3"},
    {"unfinished hex string", "<41", "s:1"},
    {"inline picture", "BI /W 4 ID xx EI EIEI\xff\nEI Q", "w:BI /:W n:4 w:ID w:Q"},
    {"inline picture without an end", "BI ID xxxx", "w:BI w:ID"},
    {"nothing", "", ""},
};

int main(void) {
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(tokens(arena, str_from(cases[i].stream)), cases[i].want, cases[i].name);
    struct lex lex = lex_open(STR("99999999999999999999999999"));
    CHECK(lex_next(&lex).number <= 1e15, "a number without end stays finite");
    // every byte string ends, whatever it is
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = "()<>[]/%{}\\ \n0aEI-.\x80"[seed >> 24 & 15 ? (seed >> 16) % 20 : 3];
        }
        lex = lex_open((struct str){bytes, sizeof bytes});
        int n = 0;
        while (n <= 65 && lex_next(&lex).kind != LEX_END) n++;
        CHECK(n <= 64, "round %d never ends", round);
    }
    arena_free(arena);
    return check_end("test_pdflex");
}
