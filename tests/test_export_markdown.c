/* tests/test_export_markdown.c - Markdown of one or a few blocks: escaping, emphasis, lists, tables. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "tests/check.h"
#include "util/arena.h"

static struct arena *arena;

/* What the writer makes of these blocks. */
static struct str markdown_of(struct block *blocks, size_t n,
                              const struct export_options *options) {
    static const struct document empty;
    int fd = memfd_create("out", 0);
    struct export *export;
    struct error err = {0};
    enum status status = exporter_markdown.open(&empty, options, fd, -1, &export, &err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = exporter_markdown.block(export, blocks + i, &err);
    enum status closed = exporter_markdown.close(export, &err);
    CHECK(status == STATUS_OK && closed == STATUS_OK, "%s", err.text);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    char *bytes = arena_alloc(arena, size + 1);
    CHECK(pread(fd, bytes, size, 0) == (ssize_t)size, "read back");
    close(fd);
    return (struct str){bytes, size};
}

static const struct export_options plain = {.furniture = FURNITURE_KEEP,
                                            .figures_dir = STR("a b.figures")};

static const struct {
    const char *text, *want; // the same text when want is NULL
    enum block_kind kind;
    int level;
} escapes[] = {
    {"1986. A good year", "1986\\. A good year", BLOCK_PARAGRAPH, 0},
    {"7) is no list", "7\\) is no list", BLOCK_PARAGRAPH, 0},
    {"1234567890. too long for a list", NULL, BLOCK_PARAGRAPH, 0},
    {"1.5 is no list", NULL, BLOCK_PARAGRAPH, 0},
    {"1986. in a heading", "## 1986. in a heading", BLOCK_HEADING, 2},
    {"C #", "## C \\#", BLOCK_HEADING, 2},
    {"C#", "# C#", BLOCK_HEADING, 1},
    {"level is clamped", "###### level is clamped", BLOCK_HEADING, 9},
    {"# no heading", "\\# no heading", BLOCK_PARAGRAPH, 0},
    {"#hashtag", NULL, BLOCK_PARAGRAPH, 0},
    {"> no quote", "\\> no quote", BLOCK_PARAGRAPH, 0},
    {"- no item", "\\- no item", BLOCK_PARAGRAPH, 0},
    {"-5 degrees", NULL, BLOCK_PARAGRAPH, 0},
    {"+ no item", "\\+ no item", BLOCK_PARAGRAPH, 0},
    {"* no item", "\\* no item", BLOCK_PARAGRAPH, 0},
    {"---", "\\---", BLOCK_PARAGRAPH, 0},
    {"* * *", "\\* * *", BLOCK_PARAGRAPH, 0},
    {"===", NULL, BLOCK_PARAGRAPH, 0},
    {"~~~ no fence", "\\~~~ no fence", BLOCK_PARAGRAPH, 0},
    {"``` no fence", "\\``` no fence", BLOCK_PARAGRAPH, 0},
    {"[a]: http://b", "\\[a]: http://b", BLOCK_PARAGRAPH, 0},
    {"[1] Smith", NULL, BLOCK_PARAGRAPH, 0},
    {"see [a](b)", "see [a\\](b)", BLOCK_PARAGRAPH, 0},
    {"note [^1]", "note \\[^1]", BLOCK_PARAGRAPH, 0},
    {"snake_case_name and _this_", "snake_case_name and \\_this\\_", BLOCK_PARAGRAPH, 0},
    {"a * b, price* and 5*3", NULL, BLOCK_PARAGRAPH, 0},
    {"*both* sides", "\\*both\\* sides", BLOCK_PARAGRAPH, 0},
    {"a < b and <b>", "a < b and \\<b>", BLOCK_PARAGRAPH, 0},
    {"<script>alert(1)</script>", "\\<script>alert(1)\\</script>", BLOCK_PARAGRAPH, 0},
    {"AT&T &copy; &#65; & so on;", "AT&T \\&copy; \\&#65; & so on;", BLOCK_PARAGRAPH, 0},
    {"C:\\dir \\* \\", "C:\\dir \\\\* \\", BLOCK_PARAGRAPH, 0},
    {"one ` tick", NULL, BLOCK_PARAGRAPH, 0},
    {"`two`", "\\`two\\`", BLOCK_PARAGRAPH, 0},
    {"~5 of ~6", NULL, BLOCK_PARAGRAPH, 0},
    {"~~gone~~", "\\~\\~gone\\~\\~", BLOCK_PARAGRAPH, 0},
    {"a | b", NULL, BLOCK_PARAGRAPH, 0},
    {"  white \n space\t", "white space", BLOCK_PARAGRAPH, 0},
    {"[ ] no box", "- \\[ ] no box", BLOCK_LIST_ITEM, 0},
    {"1. no list in a list", "- 1\\. no list in a list", BLOCK_LIST_ITEM, 0},
    {"quoted", "> quoted", BLOCK_QUOTE, 0},
    {"quoted twice", "> > quoted twice", BLOCK_QUOTE, 1},
    {"a\n  b ```\n", "````\na\n  b ```\n````", BLOCK_CODE, 0},
};

static void test_escapes(void) {
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        struct span span = {.text = str_from(escapes[i].text)};
        struct block block = {.kind = escapes[i].kind, .level = escapes[i].level, .spans = &span};
        const char *want = escapes[i].want ? escapes[i].want : escapes[i].text;
        struct str got = markdown_of(&block, 1, &plain);
        if (got.n) got.n--; // the line end
        CHECK_STR(got, want, escapes[i].text);
    }
}

#define B SPAN_BOLD
#define I SPAN_ITALIC
#define M SPAN_MONO
#define UP SPAN_SUPER
#define TEXT(text, flags)                                                                          \
    { STR(text), flags, {0}, NULL }
#define LINK(text, flags, uri)                                                                     \
    { STR(text), flags, STR(uri), NULL }
static const struct {
    const char *name;
    struct span spans[5]; // text NULL ends
    const char *want;
} styles[] = {
    {"bold in a sentence", {TEXT("a ", 0), TEXT("bold", B), TEXT(" word", 0)}, "a **bold** word"},
    {"blanks move out", {TEXT("a", 0), TEXT(" bold ", B), TEXT("word", 0)}, "a **bold** word"},
    {"all bold is nothing", {TEXT("all ", B), TEXT("bold", B)}, "all bold"},
    {"blank between equals",
     {TEXT("a b", B), TEXT(" ", 0), TEXT("c", B), TEXT(" d", 0)},
     "**a b c** d"},
    {"both", {TEXT("x", B | I), TEXT(" y", 0)}, "***x*** y"},
    {"inside a word", {TEXT("W", B), TEXT("ord", 0)}, "**W**ord"},
    {"cannot be emphasised", {TEXT("a", 0), TEXT("(b)", B), TEXT("c", 0)}, "a(b)c"},
    {"touching", {TEXT("a", B), TEXT("b", I), TEXT(" c", 0)}, "**a**b c"},
    {"star beside", {TEXT("2* ", 0), TEXT("b", B)}, "2\\* **b**"},
    {"bold number", {TEXT("1. Name", B), TEXT(" text", 0)}, "**1. Name** text"},
    {"code", {TEXT("call ", 0), TEXT("f(*a)", M), TEXT(" now", 0)}, "call `f(*a)` now"},
    {"code with tick", {TEXT("x ", 0), TEXT("`", M)}, "x `` ` ``"},
    {"raised", {TEXT("m", 0), TEXT("2", UP)}, "m<sup>2</sup>"},
    {"link",
     {TEXT("see ", 0), LINK("[here]", 0, "https://e.org/a_(b)?x&copy=1&lt;")},
     "see [\\[here\\]](https://e.org/a_%28b%29?x&copy=1&amp;lt;)"},
    {"bare link", {TEXT("at ", 0), LINK("https://e.org", 0, "https://e.org")}, "at https://e.org"},
    {"link to a page", {LINK("p. 3", 0, "#page=3")}, "p. 3"},
    {"script link", {LINK("x", 0, "javascript:alert(1)")}, "x"},
    {"data link", {LINK("x", 0, " javascript:alert(1)")}, "x"},
    {"no picture", {TEXT("wow!", 0), LINK("x", 0, "http://e.org")}, "wow\\![x](http://e.org)"},
    {"bold link",
     {TEXT("a ", 0), LINK("x", B, "http://e.org"), TEXT(" b", 0)},
     "a **[x](http://e.org)** b"},
};

static void test_styles(void) {
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        struct span spans[5];
        memcpy(spans, styles[i].spans, sizeof spans);
        for (size_t k = 0; k + 1 < 5; k++)
            if (spans[k + 1].text.s) spans[k].next = spans + k + 1;
        struct block block = {.kind = BLOCK_PARAGRAPH, .spans = spans};
        struct str got = markdown_of(&block, 1, &plain);
        if (got.n) got.n--;
        CHECK_STR(got, styles[i].want, styles[i].name);
    }
}

struct item {
    int level;
    const char *label;
    enum number_style style;
    int number;
    enum check_box check;
};

#define BULLET(level)                                                                              \
    { level, "-", NUMBER_NONE, 0, CHECK_NONE }
#define ITEM(level, label, style, number)                                                          \
    { level, label, NUMBER_##style, number, CHECK_NONE }

static const struct {
    const char *name;
    struct item items[5]; // label NULL ends
    const char *want;
} lists[] = {
    {"bullets", {BULLET(0), BULLET(0)}, "- x\n- x\n"},
    {"nested", {BULLET(0), BULLET(1), BULLET(2), BULLET(0)}, "- x\n  - x\n    - x\n- x\n"},
    {"numbers",
     {ITEM(0, "9.", DECIMAL, 9), ITEM(0, "10.", DECIMAL, 10), BULLET(1)},
     "9. x\n10. x\n    - x\n"},
    {"parenthesis", {ITEM(0, "1)", DECIMAL, 1)}, "1) x\n"},
    {"jump", {ITEM(0, "1.", DECIMAL, 1), ITEM(0, "3.", DECIMAL, 3)}, "1. x\n\n<!-- -->\n\n3. x\n"},
    {"nested from 2", {BULLET(0), ITEM(1, "2.", DECIMAL, 2)}, "- x\n\n  2. x\n"},
    {"letters",
     {ITEM(0, "1.", DECIMAL, 1), ITEM(1, "(a)", LOWER_ALPHA, 1), ITEM(1, "(b)", LOWER_ALPHA, 2),
      ITEM(0, "2.", DECIMAL, 2)},
     "1. x\n\n   (a) x\n\n   (b) x\n\n2. x\n"},
    {"roman", {ITEM(0, "iv.", LOWER_ROMAN, 4)}, "iv. x\n"},
    {"section number", {ITEM(0, "1.2", DECIMAL, 2)}, "1.2 x\n"},
    {"bracketed number", {ITEM(0, "(3)", DECIMAL, 3)}, "(3) x\n"},
    {"boxes",
     {{0, "☐", NUMBER_NONE, 0, CHECK_EMPTY}, {0, "☑", NUMBER_NONE, 0, CHECK_DONE}},
     "- [ ] x\n- [x] x\n"},
    {"starts deep", {BULLET(3), BULLET(1), BULLET(2)}, "- x\n- x\n  - x\n"},
};

static void test_lists(void) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct span span = {.text = STR("x")};
        struct block blocks[5] = {0};
        size_t n = 0;
        for (; n < 5 && lists[i].items[n].label; n++) {
            const struct item *item = lists[i].items + n;
            blocks[n] =
                (struct block){.kind = BLOCK_LIST_ITEM, .level = item->level, .spans = &span};
            blocks[n].mark =
                (struct list_mark){str_from(item->label), item->style, item->number, item->check};
        }
        CHECK_STR(markdown_of(blocks, n, &plain), lists[i].want, lists[i].name);
    }
}

/* A table of n_rows x n_cols from its texts, no spans. */
static struct table *table_of(const char *const *texts, int n_rows, int n_cols, int n_header) {
    struct table *t = ARENA_NEW(arena, struct table);
    *t = (struct table){n_rows, n_cols, n_header, NULL, (size_t)n_rows * (size_t)n_cols};
    t->cells = ARENA_ARRAY(arena, t->n_cells, struct cell);
    for (int i = 0; i < n_rows * n_cols; i++) {
        struct span *span = ARENA_NEW(arena, struct span);
        span->text = str_from(texts[i]);
        t->cells[i] = (struct cell){i / n_cols, i % n_cols, 1, 1, i / n_cols < n_header, span, {0}};
    }
    return t;
}

static void test_tables(void) {
    static const char *const texts[] = {"A", "B|C", "1\n2", ""};
    struct block block = {.kind = BLOCK_TABLE, .table = table_of(texts, 2, 2, 1)};
    CHECK_STR(markdown_of(&block, 1, &plain), "| A | B&#124;C |\n| --- | --- |\n| 1<br>2 | |\n",
              "pipe table");
    block.table = table_of(texts, 2, 2, 0);
    CHECK_STR(markdown_of(&block, 1, &plain),
              "|  |  |\n| --- | --- |\n| A | B&#124;C |\n| 1<br>2 | |\n", "no header row");
    block.table = table_of(texts, 2, 2, 1);
    block.table->n_cells = 3;
    block.table->cells[0].row_span = 2;
    block.table->cells[2] = (struct cell){1, 1, 1, 1, false, NULL, {0}};
    CHECK_STR(
        markdown_of(&block, 1, &plain),
        "<table>\n<tr><th rowspan=\"2\">A</th><th>B|C</th></tr>\n<tr><td></td></tr>\n</table>\n",
        "spanning cell");
    block.table->cells[1].row_span = 2; // no cell begins in row 2 any more
    block.table->n_cells = 2;
    CHECK_STR(markdown_of(&block, 1, &plain),
              "<table>\n<tr><th>A</th><th>B|C</th></tr>\n</table>\n", "empty row goes");
}

static void test_blocks(void) {
    struct span text = {.text = STR("words")}, label = {.text = STR("7")};
    struct figure figure = {.name = STR("p3-1.png"), .alt = STR("a [map]")};
    struct place place = {3, {72, 72.125f, 100, 90}};
    struct block blocks[] = {
        {.kind = BLOCK_FIGURE, .figure = &figure, .spans = &text},
        {.kind = BLOCK_FURNITURE, .spans = &label},
        {.kind = BLOCK_FOOTNOTE, .spans = &text, .mark = {.label = STR("*")}},
        {.kind = BLOCK_QUOTE, .spans = &text},
        {.kind = BLOCK_QUOTE, .spans = &text},
    };
    CHECK_STR(markdown_of(blocks, 5, &plain),
              "![a \\[map\\]](a%20b.figures/p3-1.png)\n\nwords\n\n7\n\n<sup>*</sup> words\n\n"
              "> words\n>\n> words\n",
              "figure, furniture kept, footnote, quotes");
    struct export_options options = {.furniture = FURNITURE_DROP};
    CHECK_STR(markdown_of(blocks + 1, 1, &options), "", "furniture dropped");
    options.furniture = FURNITURE_MARK;
    CHECK_STR(markdown_of(blocks + 1, 1, &options), "<small>7</small>\n", "furniture marked");
    options.provenance = true;
    blocks[1].places = &place;
    blocks[1].n_places = 1;
    CHECK_STR(markdown_of(blocks + 1, 1, &options),
              "<!-- page 3 box 72 72.13 100 90 -->\n\n<small>7</small>\n", "provenance");
}

int main(void) {
    arena = arena_new();
    test_escapes();
    test_styles();
    test_lists();
    test_tables();
    test_blocks();
    arena_free(arena);
    return check_end("export_markdown");
}
