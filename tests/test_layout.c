/* tests/test_layout.c - pages made by hand: order, paragraphs, lists, headings, furniture, joins. */
#include <stdlib.h>

#include "layout/blocks.h"
#include "tests/check.h"
#include "tests/page.h"

#define PROSE                                                                                      \
    "The first line of a paragraph of running text\n"                                              \
    "goes on in a second line that is about as long\n"                                             \
    "and ends in a third one, which is short."

static void two_columns(struct page *p) {
    page_text(p, 150, 60, 16, SPAN_BOLD, "A title over both columns of text");
    page_lines(p, 50, 100, 10, 12,
               "alpha one two three four five six seven\nalpha two two three four five six seven\n"
               "alpha three three four five six seven e\nalpha four two three four five six seve");
    page_lines(p, 310, 103, 10, 12,
               "beta one two three four five six seven\nbeta two two three four five six seven\n"
               "beta three three four five six seven e\nbeta four two three four five six seve");
}

static void inset(struct page *p) {
    // a quotation between two columns, text goes on beside it
    page_lines(
        p, 50, 100, 10, 12,
        "alpha one two three four five six seven e\nalpha two two three four five six seven e\n"
        "alpha three three four five\nalpha four two three four fi\nalpha five two three four fi\n"
        "alpha six two three four five six seven e");
    page_lines(
        p, 260, 100, 10, 12,
        "beta one two three four five six seven ei\nbeta two two three four five six seven ei\n");
    page_lines(p, 325, 124, 10, 12,
               "beta three three four five s\nbeta four two three four fiv\nbeta five two three "
               "four fiv\n");
    page_lines(p, 260, 160, 10, 12, "beta six two three four five six seven ei");
    page_lines(p, 205, 130, 8, 10, "An inset is read after\nboth of the columns");
}

static void hyphen(struct page *p) {
    // a text that hyphenates, with one compound it spells out elsewhere
    page_lines(p, 50, 100, 10, 12,
               "This paragraph has a long word at the end of con-\n"
               "siderable length, which is put together again, ex-\n"
               "cept for one that is a well-known compound of well-\n"
               "known kind, and a further one that comes at the en-\n"
               "ding.");
}

static void compound(struct page *p) {
    // ragged text breaks at the hyphens of its words only
    page_lines(p, 50, 100, 10, 12,
               "This paragraph is ragged and has a state-\n"
               "of the-art compound in it that was broken at its hyphen, so\n"
               "that must stay.");
}

static void list(struct page *p) {
    page_lines(p, 50, 100, 10, 12, "Three things are to be said about lists here:");
    page_lines(p, 60, 114, 10, 12,
               "\xe2\x80\xa2 the first of them\n\xe2\x80\xa2 the second of them");
    page_lines(p, 80, 138, 10, 12, "\xe2\x80\x93 a thing inside");
    page_lines(p, 60, 150, 10, 12, "\xe2\x80\xa2 the third of them");
}

static void numbered(struct page *p) {
    page_lines(p, 50, 100, 10, 12,
               "(a) the first condition that must be met by all\n(b) the second condition\n(c) the "
               "third condition");
}

static void heading(struct page *p) {
    page_text(p, 50, 80, 14, SPAN_BOLD, "2.1 Method of work");
    page_lines(p, 50, 104, 10, 12, PROSE);
    page_text(p, 50, 160, 14, SPAN_BOLD, "2.2 A heading that is so long");
    page_text(p, 50, 177, 14, SPAN_BOLD, "that it takes two lines");
    page_lines(p, 50, 200, 10, 12, PROSE);
}

static void superscript(struct page *p) {
    page_text(p, 50, 100, 10, 0, "as shown before");
    page_text(p, 120.5f, 96, 6, 0, "12");
    page_text(p, 129, 100, 10, 0, "by others.");
}

static void indented(struct page *p) {
    page_lines(p, 50, 100, 10, 12,
               "The first paragraph begins here and is as long as\nit needs to be so that its last "
               "line is almost fu.");
    page_lines(p, 62, 124, 10, 12, "A second one follows without any white but with\n");
    page_lines(p, 50, 136, 10, 12, "an indent that says where it begins, as in books.");
}

static void chinese(struct page *p) {
    page_lines(p, 50, 100, 10, 14,
               "\xe4\xb8\xad\xe6\x96\x87\xe7\x9a\x84\xe6\xae\xb5\xe8\x90\xbd\xe6\xb2\xa1\xe6\x9c"
               "\x89\xe7\xa9\xba\xe6\xa0\xbc\n"
               "\xe6\x8d\xa2\xe8\xa1\x8c\xe4\xb9\x9f\xe6\xb2\xa1\xe6\x9c\x89\xe7\xa9\xba\xe6\xa0"
               "\xbc\xe3\x80\x82");
}

static const struct {
    const char *name;
    void (*make)(struct page *p);
    const char *want;
} cases[] = {
    {"two columns under a title", two_columns,
     "H1 A title over both columns of text\n"
     "P alpha one two three four five six seven alpha two two three four five six seven alpha "
     "three three four five "
     "six seven e alpha four two three four five six seve\n"
     "P beta one two three four five six seven beta two two three four five six seven beta three "
     "three four five six "
     "seven e beta four two three four five six seve\n"},
    {"an inset in two columns", inset,
     "P alpha one two three four five six seven e alpha two two three four five six seven e alpha "
     "three three four five "
     "alpha four two three four fi alpha five two three four fi alpha six two three four five six "
     "seven e\n"
     "P beta one two three four five six seven ei beta two two three four five six seven ei beta "
     "three three four five s "
     "beta four two three four fiv beta five two three four fiv beta six two three four five six "
     "seven ei\n"
     "P An inset is read after both of the columns\n"},
    {"hyphens at line ends", hyphen,
     "P This paragraph has a long word at the end of considerable length, which is put together "
     "again, except for one "
     "that is a well-known compound of well-known kind, and a further one that comes at the "
     "ending.\n"},
    {"hyphens of compounds stay", compound,
     "P This paragraph is ragged and has a state-of the-art compound in it that was broken at its "
     "hyphen, so that must "
     "stay.\n"},
    {"nested list", list,
     "P Three things are to be said about lists here:\nL0 [\xe2\x80\xa2] the first of them\nL0 "
     "[\xe2\x80\xa2] the second "
     "of them\nL1 [\xe2\x80\x93] a thing inside\nL0 [\xe2\x80\xa2] the third of them\n"},
    {"list numbered by letters", numbered,
     "L0 [(a)] the first condition that must be met by all\nL0 [(b)] the second condition\nL0 "
     "[(c)] the third condition\n"},
    {"headings, one wrapped", heading,
     "H1 2.1 Method of work\nP The first line of a paragraph of running text goes on in a second "
     "line that is about as "
     "long and ends in a third one, which is short.\nH1 2.2 A heading that is so long that it "
     "takes two lines\nP The "
     "first line of a paragraph of running text goes on in a second line that is about as long and "
     "ends in a third "
     "one, which is short.\n"},
    {"superscript", superscript, "P as shown before^12 by others.\n"},
    {"paragraphs told by an indent", indented,
     "P The first paragraph begins here and is as long as it needs to be so that its last line is "
     "almost fu.\nP A "
     "second one follows without any white but with an indent that says where it begins, as in "
     "books.\n"},
    {"no blanks between lines of Chinese", chinese,
     "P "
     "\xe4\xb8\xad\xe6\x96\x87\xe7\x9a\x84\xe6\xae\xb5\xe8\x90\xbd\xe6\xb2\xa1\xe6\x9c\x89\xe7\xa9"
     "\xba\xe6\xa0\xbc"
     "\xe6\x8d\xa2\xe8\xa1\x8c\xe4\xb9\x9f\xe6\xb2\xa1\xe6\x9c\x89\xe7\xa9\xba\xe6\xa0\xbc\xe3\x80"
     "\x82\n"},
};

static const struct {
    const char *text, *label;
    enum number_style style;
    int number;
} marks[] = {
    {"\xe2\x80\xa2 text", "\xe2\x80\xa2", NUMBER_NONE, 0},
    {"- text", "-", NUMBER_NONE, 0},
    {"-5 degrees", "", NUMBER_NONE, 0},
    {"12. text", "12.", NUMBER_DECIMAL, 12},
    {"1986. A good year", "", NUMBER_NONE, 0},
    {"(a) text", "(a)", NUMBER_LOWER_ALPHA, 1},
    {"iv) text", "iv)", NUMBER_LOWER_ROMAN, 4},
    {"B. text", "B.", NUMBER_UPPER_ALPHA, 2},
    {"3.1 text", "", NUMBER_NONE, 0},
    {"e.g. text", "", NUMBER_NONE, 0},
    {"1.", "", NUMBER_NONE, 0},
    {"", "", NUMBER_NONE, 0},
};

static const struct {
    const char *text;
    bool want;
} captions[] = {
    {"Figure 3: The way of a page", true},
    {"Table of Contents", false},
    {"Fig. 2.1 Results", true},
    {"Tabelle 4", true},
    {"Table IV. Costs", true},
    {"Figures are cut out", false},
    {"\xe5\x9b\xbe 1 \xe7\xbb\x93\xe6\x9e\x84", true},
    {"Table 1.", true},
    {"Figure 1 shows loans", false},
};

static void test_pages(void) {
    enum { N = 6 };
    struct page p[N];
    for (int i = 0; i < N; i++) {
        p[i] = page_begin(400, 600);
        char number[8];
        snprintf(number, sizeof number, "%d", i + 1);
        page_text(&p[i], 50, 30, 8, 0, "Annual report of the society");
        page_lines(&p[i], 50, 80, 10, 12,
                   i == 2 ? "and goes on over the page break until it comes to\nits end in the "
                            "second line of the next page.\n"
                          : PROSE);
        if (i == 1)
            page_lines(&p[i], 50, 140, 10, 12,
                       "This is a paragraph that begins on the second page\nand the text of it "
                       "fills the line up to the right");
        page_text(&p[i], 195, 580, 8, 0, number);
    }
    struct str got = pages_analyse(p, N);
    CHECK(str_find(got, STR("P@2-3 This is a paragraph that begins on the second page and the text "
                            "of it fills the line up to the right and goes on over")) < got.n,
          "a paragraph joined over a page break:\n%.*s", STR_ARG(got));
    int heads = 0;
    for (struct str rest = got; rest.n; rest = str_sub(rest, str_find(rest, STR("\n")) + 1, rest.n))
        heads += str_starts(rest, STR("R "));
    CHECK(heads == 2 * N, "%d lines of furniture, want %d:\n%.*s", heads, 2 * N, STR_ARG(got));
    for (int i = 0; i < N; i++) page_end(&p[i]);
}

/* Twice as large, the same structure: no threshold is in points. */
static void test_scale(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 2; k++) {
            float scale = k ? 0.6f : 1.9f;
            struct page p = page_begin(612, 792);
            cases[i].make(&p);
            p.content->info.width *= scale;
            p.content->info.height *= scale;
            for (size_t w = 0; w < p.content->n_words; w++) {
                struct word *x = &p.content->words[w];
                x->bbox = (struct rect){x->bbox.x0 * scale, x->bbox.y0 * scale, x->bbox.x1 * scale,
                                        x->bbox.y1 * scale};
                x->baseline *= scale;
                x->size *= scale;
            }
            CHECK_STR(page_analyse(&p), cases[i].want, cases[i].name);
            page_end(&p);
        }
}

/* Pages that are all the same are no running heads. */
static void test_same_pages(void) {
    struct page p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = page_begin(400, 600);
        page_text(&p[i], 50, 40, 10, 0, "Form 27b");
        page_text(&p[i], 50, 70, 10, 0, "To be filled in by the harbour master.");
        page_text(&p[i], 50, 570, 10, 0, "Keep this copy.");
    }
    struct str got = pages_analyse(p, 3);
    CHECK(str_find(got, STR("P Form 27b")) < got.n || str_find(got, STR("H1 Form 27b")) < got.n,
          "lost:\n%.*s", STR_ARG(got));
    for (int i = 0; i < 3; i++) page_end(&p[i]);
}

/* Pages made by chance: whatever lies on them, no word is lost and none is doubled. */
static void test_chance(void) {
    enum { PAGES = 400 };
    srand(7);
    for (int round = 0; round < PAGES; round++) {
        struct page p = page_begin(600, 800);
        int n_words = rand() % 120, columns = 1 + rand() % 4;
        bool grid = rand() % 2;
        for (int i = 0; i < n_words; i++) {
            char token[16];
            snprintf(token, sizeof token, "w%dx", i);
            float size = grid ? 10 : (float)(4 + rand() % 30);
            float x = grid ? (float)(rand() % columns) * 140 + 20 : (float)(rand() % 560);
            float y = grid ? (float)(20 + 13 * (rand() % 58)) : (float)(10 + rand() % 780);
            page_text(&p, x, y, size, rand() % 9 == 0 ? SPAN_BOLD : 0, token);
            if (rand() % 40 == 0) p.content->words[p.content->n_words - 1].angle = 90;
        }
        for (int i = rand() % 30; i > 0; i--) {
            float a = (float)(rand() % 600), b = (float)(rand() % 800), l = (float)(rand() % 400);
            if (rand() % 2)
                page_rule(&p, a, b, a + l, b);
            else
                page_rule(&p, a, b, a, b + l);
        }
        for (int i = rand() % 20; i > 0; i--) {
            float a = (float)(rand() % 500), b = (float)(rand() % 700);
            page_fill(&p, a, b, a + (float)(rand() % 200), b + (float)(rand() % 60));
        }
        if (rand() % 3 == 0) page_picture(&p, 100, 100, 300, (float)(200 + rand() % 500));
        struct str got = page_analyse(&p);
        int wrong = 0;
        for (int i = 0; i < n_words; i++) {
            char token[16];
            int n = snprintf(token, sizeof token, "w%dx", i), found = 0;
            for (struct str rest = got; rest.n;) {
                size_t at = str_find(rest, (struct str){token, (size_t)n});
                found += at < rest.n;
                rest = str_sub(rest, at + 1, rest.n);
            }
            wrong += found != 1;
        }
        CHECK(wrong == 0, "page %d by chance: %d of %d words lost or doubled", round, wrong,
              n_words);
        page_end(&p);
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct page p = page_begin(612, 792);
        cases[i].make(&p);
        CHECK_STR(page_analyse(&p), cases[i].want, cases[i].name);
        page_end(&p);
    }
    test_scale();
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct list_mark mark;
        list_mark_parse(str_from(marks[i].text), &mark);
        CHECK(str_eq(mark.label, str_from(marks[i].label)) && mark.style == marks[i].style &&
                  mark.number == marks[i].number,
              "'%s': label '%.*s', style %d, number %d", marks[i].text, STR_ARG(mark.label),
              (int)mark.style, mark.number);
    }
    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++)
        CHECK(text_is_caption(str_from(captions[i].text)) == captions[i].want, "caption: %s",
              captions[i].text);
    test_pages();
    test_same_pages();
    test_chance();
    return check_end("layout");
}
