/* Names of outputs, names shown on a terminal, page lists. */
#include <stdlib.h>

#include "pipeline/names.h"
#include "pipeline/pages.h"
#include "tests/check.h"
#include "util/mem.h"

static const struct {
    const char *name, *input, *want;
} cases[] = {
    {"plain", "report.pdf", "report.pdf"},
    {"folder", "inbox/sub/a.pdf", "inbox/sub/a.pdf"},
    {"here", "./a.pdf", "a.pdf"},
    {"root", "/home/u/a.pdf", "home/u/a.pdf"},
    {"above", "../../a.pdf", "a.pdf"},
    {"above in the middle", "x/../y/./a.pdf", "y/a.pdf"},
    {"double slashes", "x//y///a.pdf", "x/y/a.pdf"},
    {"nothing left", "/", ""},
    {"only above", "..", ""},
    {"newline", "a\nb.pdf", "a%0Ab.pdf"},
    {"escape sequence", "a\x1b[31m.pdf", "a%1B[31m.pdf"},
    {"not UTF-8", "caf\xe9.pdf", "caf%E9.pdf"},
    {"UTF-8 stays", "caf\xc3\xa9.pdf", "caf\xc3\xa9.pdf"},
    {"percent", "50%.pdf", "50%25.pdf"},
    {"percent that looks encoded", "a%0A.pdf", "a%250A.pdf"},
    {"right-to-left override",
     "a\xe2\x80\xae"
     "fdp.exe",
     "a%E2%80%AEfdp.exe"},
    {"replacement character is a character", "\xef\xbf\xbd", "\xef\xbf\xbd"},
    {"overlong form",
     "a\xc0\xaf"
     "b",
     "a%C0%AFb"},
    {"folder like an output", "a.pdf.md/b.pdf", "a.pdf.md%/b.pdf"},
    {"folder like figures", "a.figures/b.pdf", "a.figures%/b.pdf"},
    {"file like an output", "notes.md", "notes.md"},
    {"our own folder", ".docmill/x.pdf", "%.docmill/x.pdf"},
    {"dots are fine inside", "a..b/...", "a..b/..."},
    {"leading dash", "-rf.pdf", "-rf.pdf"},
    {"spaces", " a b .pdf", " a b .pdf"},
};

static void test_outputs(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *got = name_of_output(str_from(cases[i].input));
        CHECK_STR(str_from(got), cases[i].want, cases[i].name);
        mem_free(got);
    }
}

/* Long components are cut, stay apart, stay UTF-8, and fit with any extension. */
static void test_long(void) {
    char a[600], b[600];
    for (size_t i = 0; i < 300; i++) memcpy(a + 2 * i, "\xc3\xa9", 2);
    memcpy(b, a, sizeof b);
    b[599] = '\xa8';
    char *x = name_of_output((struct str){a, sizeof a}),
         *y = name_of_output((struct str){b, sizeof b});
    CHECK(strlen(x) <= 239, "%zu", strlen(x));
    CHECK(strcmp(x, y) != 0, "two long names that differ at the end");
    CHECK(utf8_valid(str_from(x)), "%s", x);
    mem_free(x);
    mem_free(y);
    for (size_t n = 200; n < 300; n++) { // cut anywhere within "%0A"
        memset(a, '\n', n);
        x = name_of_output((struct str){a, n});
        size_t length = strlen(x);
        CHECK(length <= 239, "%zu newlines give %zu bytes", n, length);
        const char *tilde = strchr(x, '~');
        CHECK(tilde && (tilde - x) % 3 == 0, "%zu newlines are cut within an escape: %s", n, x);
        mem_free(x);
    }
}

/* No two of these inputs may meet, as file or as folder. */
static void test_injective(void) {
    static const char *const inputs[] = {
        "a.pdf",     "a%.pdf", "a%25.pdf", "a\n.pdf",  "a%0A.pdf",  "a.md/x",  "a.md%/x",
        "a.md%25/x", "A.pdf",  "a.pdf ",   ".docmill", "%.docmill", "caf\xe9", "caf%E9"};
    struct name_set set = {0};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        char *name = name_of_output(str_from(inputs[i]));
        CHECK(name_set_add(&set, str_from(name)), "%s is taken", name);
        mem_free(name);
    }
    char *again = name_of_output(STR("./a.pdf"));
    CHECK(!name_set_add(&set, str_from(again)), "the second claimant of a name");
    mem_free(again);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d", i);
        CHECK(name_set_add(&set, str_from(name)), "%s", name);
    }
    CHECK(!name_set_add(&set, STR("n77")), "n77 again");
    name_set_free(&set);
}

static void test_show(void) {
    char *shown = name_to_show(STR("a\x1b]0;evil\x07\nb\xff\xe2\x80\xae\xc3\xa9"));
    CHECK_STR(str_from(shown), "a\\x1b]0;evil\\x07\\x0ab\\xff\\xe2\\x80\\xae\xc3\xa9", "shown");
    mem_free(shown);
}

static const struct {
    const char *text;
    int n_pages;
    const char *want; // "": none; NULL: an error
} lists[] = {
    {"1-5,8,-1", 10, "1 2 3 4 5 8 10"},
    {"3-", 5, "3 4 5"},
    {"-2", 5, "4"},
    {"-3--1", 5, "3 4 5"},
    {"2--2", 5, "2 3 4"},
    {"5,1,5,1-2", 5, "1 2 5"},
    {"7", 5, ""},
    {"4-9", 5, "4 5"},
    {"-9", 5, ""},
    {"-9-2", 5, "1 2"},
    {" 1 , 2 ", 5, "1 2"},
    {"", 5, NULL},
    {"0", 5, NULL},
    {"1-x", 5, NULL},
    {"5-1", 5, NULL},
    {"1,,2", 5, NULL},
    {"--1", 5, NULL},
    {"1-2-3", 5, NULL},
    {"99999999999999999999", 5, NULL},
};

static void test_pages(void) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct pages pages;
        struct error error = {0};
        char got[200] = "";
        if (pages_parse(str_from(lists[i].text), &pages, &error) != STATUS_OK) {
            CHECK(!lists[i].want, "\"%s\": %s", lists[i].text, error.text);
            continue;
        }
        size_t n;
        int *numbers = pages_select(&pages, lists[i].n_pages, &n);
        for (size_t k = 0; k < n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", k ? " " : "", numbers[k]);
        CHECK(lists[i].want && strcmp(got, lists[i].want) == 0, "\"%s\" gives \"%s\"",
              lists[i].text, got);
        mem_free(numbers);
    }
    struct pages all = {.n = 0};
    size_t n;
    int *numbers = pages_select(&all, 3, &n);
    CHECK(n == 3 && numbers[2] == 3, "no list means all pages");
    mem_free(numbers);
}

int main(void) {
    test_outputs();
    test_long();
    test_injective();
    test_show();
    test_pages();
    return check_end("names");
}
