/* tests/test_words.c - glyphs to words, and page records as bytes. */
#include <stdlib.h>

#include "layout/content.h"
#include "tests/check.h"
#include "tests/page.h"

/* Glyphs from a picture of a line: letters 5 wide at size 10; '_' moves on by 1, '|' sets a blank. */
static struct str words_of(struct arena *arena, const char *picture, bool right_to_left) {
    struct glyph g[64];
    size_t n = 0;
    float x = right_to_left ? 300 : 50;
    struct str rest = str_from(picture);
    for (uint32_t c; utf8_next(&rest, &c);) {
        float step = c == '_' ? 1 : 5;
        if (right_to_left) x -= step;
        if (c != '_')
            g[n++] = (struct glyph){.code_points = {c == '|' ? ' ' : c},
                                    .bbox = {x, 90, x + 5, 102},
                                    .baseline = 100,
                                    .size = 10};
        if (!right_to_left) x += step;
    }
    struct style style = {.font = STR("Test")};
    struct content content = {.styles = &style, .n_styles = 1};
    words_from_glyphs(&content, g, n, arena);
    struct buf out;
    buf_open(&out, 0);
    for (size_t i = 0; i < content.n_words; i++) {
        if (i) buf_putc(&out, content.words[i].flags & WORD_SPACE_BEFORE ? ' ' : '+');
        buf_put(&out, content.words[i].text);
    }
    struct str result = arena_str(arena, buf_str(&out));
    buf_close(&out);
    return result;
}

static const struct {
    const char *name, *picture;
    bool right_to_left;
    const char *want;
} cases[] = {
    {"blank", "ab|cd", false, "ab cd"},
    {"small gap", "ab_cd", false, "abcd"},
    {"gap without a blank", "ab____cd", false, "ab cd"},
    {"ligature",
     "e\xef\xac\x83"
     "c",
     false, "effic"},
    {"accent composed", "e\xcc\x81t", false, "\xc3\xa9t"},
    {"spaced letters", "C___H___A___P___T___E___R", false, "CHAPTER"},
    {"spaced words", "O___N___E_________T___W___O", false, "ONE TWO"},
    {"Hebrew", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", true, "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"},
    {"Arabic presentation forms", "\xef\xbb\xb3\xef\xba\xa4", true, "\xd9\x8a\xd8\xad"},
    {"empty", "", false, ""},
    {"control character",
     "a\x01"
     "b",
     false, "ab"},
};

static void test_record(void) {
    struct page p = page_begin(612, 792);
    page_text(&p, 50, 100, 10, SPAN_BOLD, "two words");
    page_rule(&p, 1, 2, 3, 2);
    page_fill(&p, 1, 2, 3, 4);
    page_picture(&p, 1, 2, 3, 4);
    p.content->info.reason = STR("text layer");
    struct buf bytes;
    buf_open(&bytes, 0);
    content_pack(p.content, &bytes);
    struct content *back;
    struct error err = {0};
    CHECK(content_unpack(buf_str(&bytes), p.arena, &back, &err) == STATUS_OK, "%s", err.text);
    struct buf again;
    buf_open(&again, 0);
    content_pack(back, &again);
    CHECK(str_eq(buf_str(&bytes), buf_str(&again)), "a record read and written again is the same");
    int accepted = 0;
    for (size_t n = 0; n < bytes.n; n++) // every truncation is refused
        accepted += content_unpack((struct str){bytes.data, n}, p.arena, &back, &err) == STATUS_OK;
    CHECK(accepted == 0, "%d truncated records were accepted", accepted);
    srand(1);
    for (int i = 0; i < 20000 && bytes.n > 0; i++) { // and no damage makes it read outside
        size_t at = (size_t)rand() % bytes.n;
        char old = bytes.data[at];
        bytes.data[at] = (char)rand();
        if (content_unpack(buf_str(&bytes), p.arena, &back, &err) == STATUS_OK) {
            again.n = 0;
            content_pack(back, &again);
        }
        bytes.data[at] = old;
        if (i % 100 == 0) {
            arena_reset(p.arena);
        }
    }
    CHECK(true, "20,000 damaged records");
    buf_close(&again);
    buf_close(&bytes);
    page_end(&p);
}

int main(void) {
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(words_of(arena, cases[i].picture, cases[i].right_to_left), cases[i].want,
                  cases[i].name);
    arena_free(arena);
    test_record();
    return check_end("words");
}
