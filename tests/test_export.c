/*
 * tests/test_export.c - all writers on a document with every kind of block and nasty text.
 *
 *   test_export BUILD             the tests
 *   test_export --write DIR       the document as DIR/sample.md, .html, .docx, .json
 *   test_export --random SEED DIR another document, put together by chance
 *   test_export --lines FILE DIR  the same from a file: every line as a paragraph, a heading, an item,
 *                                 a quote and a cell (for tests/cli_export*.py)
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "exporters/document_json.h"
#include "exporters/exporter.h"
#include "tests/check.h"
#include "util/arena.h"
#include "util/buf.h"

static struct arena *arena;

/* An 8 x 6 grey picture. */
static const char png[] =
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x08\x00\x00"
    "\x00\x06\x08\x00\x00\x00\x00\xdb\x6e\x80\x27\x00\x00\x00\x14\x49\x44\x41\x54\x78\xda\x63"
    "\x60\xd0\x08\xa8\x58\x70\xe2\x83\x04\x03\x29\x0c\x00\x10\xb4\x14\x41\x56\xb2\xf6\xf2\x00"
    "\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/* ---- building documents ---- */

struct builder {
    struct block *first, **end;
    int page;
    float y;
};

static struct place place_at(struct builder *b, float height) {
    b->y += height * 1.37f;
    return (struct place){b->page, {72.123f, b->y, 523.4567f, b->y + height}};
}

static struct block *add(struct builder *b, enum block_kind kind, struct span *spans) {
    struct block *block = ARENA_NEW(arena, struct block);
    block->kind = kind;
    block->spans = spans;
    block->engine = b->page == 3 ? ENGINE_TESSERACT : ENGINE_TEXT;
    block->confidence = b->page == 3 ? 0.87654f : 1;
    block->places = ARENA_NEW(arena, struct place);
    block->places[0] = place_at(b, 12.01f);
    block->n_places = 1;
    *b->end = block;
    b->end = &block->next;
    return block;
}

static struct span *text(const char *s) {
    struct span *span = ARENA_NEW(arena, struct span);
    span->text = str_from(s);
    return span;
}

static struct span *styled(const char *s, unsigned flags, const char *link, struct span *next) {
    struct span *span = text(s);
    span->flags = flags;
    span->link = str_from(link);
    span->next = next;
    return span;
}

static void add_item(struct builder *b, int level, const char *label, enum number_style style,
                     int number, const char *s) {
    struct block *block = add(b, BLOCK_LIST_ITEM, text(s));
    block->level = level;
    block->mark = (struct list_mark){str_from(label), style, number, CHECK_NONE};
}

static struct table *table_of(struct builder *b, int n_rows, int n_cols, const char *const *texts) {
    struct table *t = ARENA_NEW(arena, struct table);
    *t = (struct table){n_rows, n_cols, 1, NULL, (size_t)n_rows * (size_t)n_cols};
    t->cells = ARENA_ARRAY(arena, t->n_cells, struct cell);
    for (int i = 0; i < n_rows * n_cols; i++)
        t->cells[i] = (struct cell){i / n_cols,     i % n_cols,        1, 1, i < n_cols,
                                    text(texts[i]), place_at(b, 0.31f)};
    return t;
}

/* 3 x 3: a header over two columns, a cell over two rows, a row in which no cell begins. */
static struct table *spanning_table(struct builder *b) {
    static const struct {
        int row, col, row_span, col_span;
        const char *text;
    } cells[] = {{0, 0, 1, 1, "Name"},
                 {0, 1, 1, 2, "Two columns <&>\nand a line"},
                 {1, 0, 2, 1, "Two rows |"},
                 {1, 1, 2, 1, ""},
                 {1, 2, 2, 1, "x\xc2\xb2"}};
    struct table *t = ARENA_NEW(arena, struct table);
    *t = (struct table){3, 3, 1, ARENA_ARRAY(arena, 5, struct cell), 5};
    for (int i = 0; i < 5; i++)
        t->cells[i] =
            (struct cell){cells[i].row, cells[i].col,        cells[i].row_span, cells[i].col_span,
                          i < 2,        text(cells[i].text), place_at(b, 0.17f)};
    return t;
}

static const char *const nasty[] = {
    "<script>alert('x')</script> & \"quotes\" </p></body> <!-- -- --> ]]> <![CDATA[",
    "1986. A good year",
    "# hash > quote - dash `tick` *star* _line_ ~tilde~ [a](b) ![c](d) |bar|",
    "javascript:alert(1) data:text/html,<b>x</b> file:///etc/passwd",
    "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 e\xcc\x81",
    "{ HYPERLINK \"http://evil\" } { INCLUDETEXT C:\\\\x } =cmd|' /C calc'!A0",
    "&copy; &#x41; &amp;amp; \\* \\\\ C:\\dir\\",
    "--- === *** ___ +++ ```",
    "\xe2\x80\xa8 line separator",
};

static void add_text_blocks(struct builder *b) {
    struct block *h = add(b, BLOCK_HEADING, text("Every kind of block <1> & more #"));
    h->level = 1;
    for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++)
        add(b, BLOCK_PARAGRAPH, text(nasty[i]));
    add(b, BLOCK_PARAGRAPH,
        styled(
            "Plain, ", 0, NULL,
            styled(
                "bold ", SPAN_BOLD, NULL,
                styled("both", SPAN_BOLD | SPAN_ITALIC, NULL,
                       styled(" code(*p)", SPAN_MONO, NULL,
                              styled(" H", 0, NULL,
                                     styled("2", SPAN_SUB, NULL,
                                            styled("O, noted", 0, NULL,
                                                   styled("1", SPAN_SUPER, NULL,
                                                          styled(" end.", 0, NULL, NULL))))))))));
    add(b, BLOCK_PARAGRAPH,
        styled("a link", 0, "https://example.org/a?b=1&c=<2>\"'(3)",
               styled(" and ", 0, NULL,
                      styled("mail", 0, "mailto:a@example.org",
                             styled(", page ", 0, NULL,
                                    styled("3", 0, "#page=3",
                                           styled(", nowhere ", 0, "#page=99",
                                                  styled("script", 0, "javascript:alert(1)",
                                                         NULL))))))));
    h = add(b, BLOCK_HEADING, text("Deep"));
    h->level = 6;
    add(b, BLOCK_CODE, text("int main(void) {\n\treturn a < b && c[1] ```;\n}\n"));
    add(b, BLOCK_QUOTE, text("A quote"));
    add(b, BLOCK_QUOTE, text("A deeper quote"))->level = 2;
    struct block *rtl =
        add(b, BLOCK_PARAGRAPH, text("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 (1) abc"));
    rtl->rtl = true;
    struct block *note = add(b, BLOCK_FOOTNOTE, text("The note itself."));
    note->mark.label = STR("1");
    note = add(b, BLOCK_FOOTNOTE, text("A note no mark points to."));
    note->mark.label = STR("\xe2\x80\xa0");
    add(b, BLOCK_FOOTNOTE, text("A note without a mark."));
    add(b, BLOCK_FURNITURE, text("running head & foot"))->furniture = FURNITURE_FOOTER;
}

static void add_lists(struct builder *b) {
    add_item(b, 0, "\xe2\x80\xa2", NUMBER_NONE, 0, "bullet");
    add_item(b, 1, "\xe2\x80\x93", NUMBER_NONE, 0, "nested");
    add_item(b, 3, "9.", NUMBER_DECIMAL, 9, "deep, from nine");
    add_item(b, 3, "10.", NUMBER_DECIMAL, 10, "ten");
    add_item(b, 0, "\xe2\x80\xa2", NUMBER_NONE, 0, "bullet again");
    add(b, BLOCK_PARAGRAPH, text("between"));
    add_item(b, 0, "1.", NUMBER_DECIMAL, 1, "one");
    add_item(b, 1, "(a)", NUMBER_LOWER_ALPHA, 1, "letter a");
    add_item(b, 1, "(b)", NUMBER_LOWER_ALPHA, 2, "letter b");
    add_item(b, 2, "iv)", NUMBER_LOWER_ROMAN, 4, "roman four");
    add_item(b, 0, "3.", NUMBER_DECIMAL, 3, "a jump to three");
    add_item(b, 0, "4.2", NUMBER_DECIMAL, 2, "a number of two parts");
    add_item(b, 0, "AB.", NUMBER_UPPER_ALPHA, 28, "letters");
    add_item(b, 0, "\xe2\x98\x90", NUMBER_NONE, 0, "to do");
    ((struct block *)((char *)b->end - offsetof(struct block, next)))->mark.check = CHECK_EMPTY;
    add_item(b, 0, "\xe2\x98\x91", NUMBER_NONE, 0, "done");
    ((struct block *)((char *)b->end - offsetof(struct block, next)))->mark.check = CHECK_DONE;
}

static void add_tables_and_figures(struct builder *b) {
    static const char *const cells[] = {"Head <a>", "Head | b", "1", "2\n3", "", "*x* _y_ `z`"};
    add(b, BLOCK_CAPTION, text("Table 1: before its table"));
    add(b, BLOCK_TABLE, NULL)->table = table_of(b, 3, 2, cells);
    add(b, BLOCK_TABLE, NULL)->table = spanning_table(b);
    struct block *rtl = add(b, BLOCK_TABLE, NULL);
    rtl->rtl = true;
    rtl->table = table_of(b, 2, 3, cells);
    struct figure *figure = ARENA_NEW(arena, struct figure);
    *figure = (struct figure){
        STR("p3-1.png"), {png, sizeof png - 1}, 8, 6, STR("A \"picture\" <of> [x]")};
    struct block *block = add(b, BLOCK_FIGURE, text("words inside"));
    block->figure = figure;
    block->places[0].bbox = (struct rect){100, 100, 300.005f, 250.015f};
    add(b, BLOCK_CAPTION, text("Figure 1: behind its figure"));
    block = add(b, BLOCK_FIGURE, NULL); // not cut out
    block->figure = ARENA_NEW(arena, struct figure);
    block = add(b, BLOCK_FORMULA, text("E = mc\xc2\xb2"));
    block->figure = ARENA_NEW(arena, struct figure);
    *block->figure = (struct figure){STR("p3-2.png"), {png, sizeof png - 1}, 8, 6, {0}};
    add(b, BLOCK_FORMULA, text("a < b"));
    block = add(b, BLOCK_PARAGRAPH, text("On two pages"));
    block->n_places = 2;
    block->places = ARENA_ARRAY(arena, 2, struct place);
    block->places[0] = place_at(b, 3.3f);
    b->page++;
    block->places[1] = place_at(b, 4.4f);
    add(b, BLOCK_PARAGRAPH, text("The end"));
}

static struct document document;

static struct block *build_sample(void) {
    static struct page_info pages[4];
    for (int i = 0; i < 4; i++)
        pages[i] = (struct page_info){i + 1,   {0}, 595.276f,    841.89f,
                                      0,       0,   ENGINE_TEXT, STR("text layer"),
                                      PAGE_OK, {0}, 1,           {0}};
    pages[0].label = STR("iv");
    pages[1].state = PAGE_FAILED;
    pages[1].message = STR("the page <tree> is broken");
    pages[2].engine = ENGINE_TESSERACT;
    pages[2].skew_deg = -1.2345f;
    document = (struct document){.source = STR("sample \"x\" <y>.pdf"),
                                 .title = STR("A sample & its <title>"),
                                 .author = STR("N. N."),
                                 .language = STR("en"),
                                 .created = STR("2024-02-29T12:00:00Z"),
                                 .n_pages = 4,
                                 .pages = pages,
                                 .n_page_infos = 4};
    struct builder b = {.page = 1};
    b.end = &b.first;
    add_text_blocks(&b);
    b.page = 3;
    b.y = 10.3f;
    add_lists(&b);
    add_tables_and_figures(&b);
    return b.first;
}

/* ---- documents by chance ---- */

/* A linear congruential generator: the same everywhere. Knuth, MMIX. */
static uint64_t chance_state;
static int chance(int n) {
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((chance_state >> 33) % (uint64_t)n);
}

static struct span *random_spans(int n) {
    static const char *const words[] = {
        "word", " ", "two words ",       " x",           "*", "1.", "<b>", "&amp;",
        "\n",   "",  "\xd9\x85\xd8\xb1", "\xe4\xb8\xad", "#", "`",  "_a_", "]("};
    static const char *const links[] = {"http://e.org/?a=1&b", "#page=2", "#page=77",
                                        "javascript:x", "mailto:x@e.org"};
    struct span *first = NULL;
    for (; n > 0; n--) {
        const char *link = chance(6) ? NULL : links[chance(5)];
        first = styled(words[chance(16)], chance(2) ? 0 : (unsigned)chance(32), link, first);
    }
    return first;
}

/* Any grid, cut into cells by chance. */
static struct table *random_table(struct builder *b) {
    int n_rows = 1 + chance(6), n_cols = 1 + chance(chance(9) ? 6 : 80);
    struct table *t = ARENA_NEW(arena, struct table);
    *t = (struct table){.n_rows = n_rows, .n_cols = n_cols, .n_header_rows = chance(n_rows + 1)};
    t->cells = ARENA_ARRAY(arena, (size_t)n_rows * (size_t)n_cols, struct cell);
    char *covered = arena_alloc(arena, (size_t)n_rows * (size_t)n_cols);
    for (int i = 0; i < n_rows * n_cols; i++) {
        if (covered[i]) continue;
        int row = i / n_cols, col = i % n_cols, row_span = 1 + chance(3) % (n_rows - row),
            col_span = 0;
        int want = chance(3) ? 1 : 1 + chance(4);
        while (col_span < want && col + col_span < n_cols && !covered[i + col_span]) col_span++;
        for (int k = 0; k < row_span * col_span; k++)
            covered[i + k / col_span * n_cols + k % col_span] = 1;
        t->cells[t->n_cells++] = (struct cell){row,
                                               col,
                                               row_span,
                                               col_span,
                                               row < t->n_header_rows || !chance(9),
                                               random_spans(chance(4)),
                                               place_at(b, 0.1f)};
    }
    return t;
}

static void add_random_block(struct builder *b) {
    static const char *const labels[] = {"1.", "(a)", "iv)", "", "x", "2)", "\xe2\x80\xa2"};
    enum block_kind kind = (enum block_kind)chance(N_BLOCK_KINDS);
    if (!chance(3)) kind = BLOCK_LIST_ITEM;
    struct block *block = add(b, kind, kind == BLOCK_TABLE ? NULL : random_spans(chance(6)));
    block->level = kind == BLOCK_HEADING ? 1 + chance(6) : chance(chance(9) ? 4 : 20);
    block->rtl = !chance(5);
    block->furniture = (enum furniture_kind)chance(4);
    if (kind == BLOCK_TABLE) block->table = random_table(b);
    if (kind == BLOCK_LIST_ITEM || kind == BLOCK_FOOTNOTE)
        block->mark =
            (struct list_mark){str_from(labels[chance(7)]), (enum number_style)chance(6), chance(5),
                               chance(6) ? CHECK_NONE : (enum check_box)chance(3)};
    if (kind == BLOCK_LIST_ITEM && block->mark.style == NUMBER_NONE) block->mark.number = 0;
    if (kind == BLOCK_FIGURE || (kind == BLOCK_FORMULA && chance(2))) {
        block->figure = ARENA_NEW(arena, struct figure);
        block->figure->alt = spans_text(random_spans(2), arena);
        block->figure->width_px = 8;
        block->figure->height_px = 6;
        if (chance(3)) block->figure->name = arena_printf(arena, "f%d.png", chance(1000));
        if (block->figure->name.n) block->figure->png = (struct str){png, sizeof png - 1};
    }
}

static struct block *build_random(uint64_t seed, int n_blocks) {
    build_sample();
    chance_state = seed;
    struct builder b = {.page = 1};
    b.end = &b.first;
    for (int i = 0; i < n_blocks; i++) {
        if (!chance(20)) b.page += chance(2) + 1;
        add_random_block(&b);
    }
    return b.first;
}

/* ---- running writers ---- */

static const struct export_options keep = {.furniture = FURNITURE_KEEP,
                                           .figures_dir = STR("sample.figures")};

static enum status export_to(const struct exporter *x, const struct document *d,
                             const struct block *blocks, const struct export_options *options,
                             int fd, struct error *err) {
    int scratch = memfd_create("scratch", 0);
    struct export *export;
    enum status status = x->open(d, options, fd, scratch, &export, err);
    if (status != STATUS_OK) return status;
    for (const struct block *b = blocks; b && status == STATUS_OK; b = b->next)
        status = x->block(export, b, err);
    struct error later;
    enum status closed = x->close(export, status == STATUS_OK ? err : &later);
    close(scratch);
    return status == STATUS_OK ? closed : status;
}

static struct str read_fd(int fd) {
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    char *bytes = arena_alloc(arena, size + 1);
    if (pread(fd, bytes, size, 0) != (ssize_t)size) return (struct str){0};
    return (struct str){bytes, size};
}

static struct str export_bytes(const struct exporter *x, const struct document *d,
                               const struct block *blocks, const struct export_options *options) {
    struct error err = {0};
    int fd = memfd_create("out", 0);
    CHECK(export_to(x, d, blocks, options, fd, &err) == STATUS_OK, "%s: %s", x->name, err.text);
    struct str bytes = read_fd(fd);
    close(fd);
    return bytes;
}

static bool has(struct str s, const char *needle) {
    return str_find(s, str_from(needle)) < s.n;
}

/* ---- tests ---- */

static void load_figures(struct block *blocks) {
    for (struct block *b = blocks; b; b = b->next)
        if (b->figure && b->figure->name.n) b->figure->png = (struct str){png, sizeof png - 1};
}

static void test_round_trip(struct block *sample) {
    struct str json = export_bytes(&exporter_json, &document, sample, &keep);
    struct document again;
    struct block *blocks;
    struct str dir;
    struct error err = {0};
    CHECK(document_from_json(json, arena, &again, &blocks, &dir, &err) == STATUS_OK, "%s",
          err.text);
    CHECK_STR(dir, "sample.figures", "figures_dir");
    load_figures(blocks);
    struct export_options options[] = {keep, keep, keep};
    options[1].furniture = FURNITURE_MARK;
    options[1].provenance = options[1].page_breaks = true;
    options[2].furniture = FURNITURE_DROP;
    options[2].source_date = 1700000000;
    for (const struct exporter *const *x = exporters; *x; x++)
        for (int i = 0; i < 3; i++) {
            struct str want = export_bytes(*x, &document, sample, options + i);
            struct str got = export_bytes(*x, &again, blocks, options + i);
            CHECK(want.n > 500 && str_eq(want, got), "%s, options %d: round trip", (*x)->name, i);
            CHECK(str_eq(want, export_bytes(*x, &document, sample, options + i)), "%s: same twice",
                  (*x)->name);
        }
}

static void test_random(void) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct block *blocks = build_random(seed, 200);
        test_round_trip(blocks);
    }
}

static void test_safety(struct block *sample) {
    struct str md = export_bytes(&exporter_markdown, &document, sample, &keep);
    CHECK(!has(md, "](javascript:") && !has(md, "\n<script"), "Markdown holds no script");
}

/* A full device is an error, in every writer, and closing still frees. */
static void test_full_device(struct block *sample) {
    for (const struct exporter *const *x = exporters; *x; x++) {
        struct error err = {0};
        int fd = open("/dev/full", O_RDWR);
        enum status status = export_to(*x, &document, sample, &keep, fd, &err);
        CHECK(status == STATUS_IO && err.text[0], "%s on a full device: %s", (*x)->name, err.text);
        close(fd);
    }
}

static const struct {
    const char *replace, *with, *want; // in the JSON of the sample; what the message must hold
} bad_json[] = {
    {"{\"format\"", "[\"format\"", "line 1, column "},
    {"docmill-document", "other", "format: unknown value \"other\""},
    {"\"version\": 1", "\"version\": 2", "version: 2 is not between 1 and 1"},
    {"\"n_pages\"", "\"pages_n\"", "unknown key"},
    {"\"title\"", "\"titel\"", "metadata.titel: unknown key"},
    {"\"number\": 2", "\"number\": 1", "pages[1].number: pages must be in ascending order"},
    {"\"rotation\": 0", "\"rotation\": 45", "pages[0].rotation: must be 0, 90, 180 or 270"},
    {"\"width\": 595.28", "\"width\": \"x\"", "pages[0].width: must be a number"},
    {"\"state\": \"failed\"", "\"state\": \"lost\"", "pages[1].state: unknown value \"lost\""},
    {"\"kind\": \"heading\"", "\"kind\": \"title\"", "blocks[0].kind: unknown value \"title\""},
    {"\"kind\": \"heading\"", "\"kind\": \"paragraph\"", "blocks[0].level: does not belong"},
    {"\"level\": 1", "\"level\": 7", "blocks[0].level: 7 is not between 1 and 6"},
    {"\"confidence\": 1}", "\"confidence\": 1.5}", "confidence: is out of range"},
    {"[72.12, ", "[972.12, ", "bbox: must be [left, top, right, bottom]"},
    {"[72.12, ", "[72.12, 1, ", "bbox: must have 4 numbers"},
    {"[72.12, ", "[1e99, ", "bbox: must have 4 numbers in points"},
    {"\"style\": [\"bold\"]", "\"style\": [\"loud\"]", "spans[1].style: unknown style"},
    {"\"text\": \"bold \"", "\"text\": \"cold \"", "differs from the text of its spans"},
    {"\"row\": 0, \"col\": 1", "\"row\": 0, \"col\": 7",
     "table.cells[1].col: 7 is not between 0 and 1"},
    {"\"row\": 0, \"col\": 1", "\"row\": 1, \"col\": 1", "table.cells[2]: cells must go by row"},
    {"\"row_span\": 2", "\"row_span\": 3", "row_span: 3 is not between 1 and 2"},
    {"\"col_span\": 2", "\"col_span\": 1", "table.cells: do not cover the whole grid"},
    {"\"n_cols\": 2", "\"n_cols\": 9999999", "n_cols: 9999999 is not between 1 and 16384"},
    {"\"n_header_rows\": 1", "\"n_header_rows\": 9", "n_header_rows: 9 is not between 0 and 3"},
    {"p3-1.png", "../p.png", "figure.file: must be a name without folders"},
    {"sample.figures", "../x", "figures_dir: must be a folder below"},
    {"sample.figures", "/etc", "figures_dir: must be a folder below"},
    {"\"style\": \"bullet\"", "\"style\": \"dot\"", "mark.style: unknown value \"dot\""},
    {"A quote", "\\ud800", "line "},
    {"A quote", "\\u0000", "line "},
    {"A quote", "\xff", "line "},
    {"\"engine\": \"text\"", "\"engine\": \"text\", \"engine\": \"none\"", "duplicate"},
    {"\"places\": [{", "\"places\": [], \"x\": [{", "unknown key"},
};

static void test_bad_json(struct block *sample) {
    struct str json = export_bytes(&exporter_json, &document, sample, &keep);
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++) {
        struct str old = str_from(bad_json[i].replace);
        size_t at = str_find(json, old);
        struct buf out;
        buf_open(&out, 0);
        buf_put(&out, str_sub(json, 0, at));
        buf_puts(&out, bad_json[i].with);
        buf_put(&out, str_sub(json, at + old.n, json.n));
        struct document d;
        struct block *blocks;
        struct error err = {0};
        enum status status = document_from_json(buf_str(&out), arena, &d, &blocks, NULL, &err);
        CHECK(at < json.n && status == STATUS_FORMAT && has(str_from(err.text), bad_json[i].want),
              "%s -> %s: got \"%s\"", bad_json[i].replace, bad_json[i].with, err.text);
        buf_close(&out);
    }
    for (size_t n = 0; n < json.n; n += json.n / 50 + 1) { // cut short anywhere
        struct document d;
        struct block *blocks;
        struct error err = {0};
        CHECK(document_from_json(str_sub(json, 0, n), arena, &d, &blocks, NULL, &err) ==
                  STATUS_FORMAT,
              "JSON cut at %zu", n);
    }
}

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* The same blocks again and again: what a writer keeps must not grow with them. */
static void export_many(const struct exporter *x, const struct block *sample, int n_blocks) {
    struct error err = {0};
    int fd = open("/dev/null", O_RDWR), scratch = memfd_create("scratch", 0);
    if (strcmp(x->name, "docx") == 0) fd = memfd_create("out", 0);
    struct export *export;
    enum status status = x->open(&document, &keep, fd, scratch, &export, &err);
    const struct block *b = sample;
    for (int i = 0; i < n_blocks && status == STATUS_OK; i++, b = b->next ? b->next : sample)
        status = x->block(export, b, &err);
    if (status == STATUS_OK) status = x->close(export, &err);
    CHECK(status == STATUS_OK, "%s, %d blocks: %s", x->name, n_blocks, err.text);
    close(fd);
    close(scratch);
}

static void test_memory(struct block *sample) {
#ifdef __SANITIZE_ADDRESS__
    (void)sample;
    (void)export_many;
    (void)peak_kib;
    check_skip("memory stays flat", "the address sanitizer keeps freed memory");
#else
    for (const struct exporter *const *x = exporters; *x; x++) {
        export_many(*x, sample, 2000);
        long before = peak_kib();
        export_many(*x, sample, 20000);
        long grown = peak_kib() - before;
        CHECK(grown < 4096, "%s: memory grew by %ld KiB from 2,000 to 20,000 blocks", (*x)->name,
              grown);
        printf("%s: %ld KiB more for ten times the blocks\n", (*x)->name, grown);
    }
#endif
}

/* ---- the tool ---- */

static int write_all(const char *dir, const struct block *blocks) {
    int code = 0;
    for (const struct exporter *const *x = exporters; *x; x++) {
        struct error err = {0};
        struct str path = arena_printf(arena, "%s/sample%s", dir, (*x)->extension);
        int fd = open(path.s, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || export_to(*x, &document, blocks, &keep, fd, &err) != STATUS_OK) {
            fprintf(stderr, "%s: %s\n", path.s, err.text);
            code = 1;
        }
        if (fd >= 0) close(fd);
    }
    return code;
}

static int write_lines(const char *file, const char *dir) {
    int fd = open(file, O_RDONLY);
    if (fd < 0) return 1;
    struct str all = utf8_clean(arena, read_fd(fd));
    close(fd);
    document = (struct document){.source = STR("lines"), .n_pages = 1};
    struct builder b = {.page = 1};
    b.end = &b.first;
    static const enum block_kind kinds[] = {BLOCK_PARAGRAPH, BLOCK_HEADING, BLOCK_LIST_ITEM,
                                            BLOCK_QUOTE};
    for (size_t from = 0, to; from < all.n; from = to + 1) {
        for (to = from; to < all.n && all.s[to] != '\n';) to++;
        const char *line = arena_str(arena, str_sub(all, from, to)).s;
        for (int i = 0; i < 4; i++) {
            struct block *block = add(&b, kinds[i], text(line));
            block->level = kinds[i] == BLOCK_HEADING;
        }
        add(&b, BLOCK_TABLE, NULL)->table =
            table_of(&b, 2, 2, (const char *[]){line, "b", "c", line});
    }
    return write_all(dir, b.first);
}

int main(int argc, char **argv) {
    arena = arena_new();
    int code = 0;
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        code = write_all(argv[2], build_sample());
    } else if (argc == 4 && strcmp(argv[1], "--random") == 0) {
        code = write_all(argv[3], build_random(strtoull(argv[2], NULL, 10), 400));
    } else if (argc == 4 && strcmp(argv[1], "--lines") == 0) {
        code = write_lines(argv[2], argv[3]);
    } else {
        struct block *sample = build_sample();
        test_memory(sample);
        test_round_trip(sample);
        test_safety(sample);
        test_full_device(sample);
        test_bad_json(sample);
        test_random();
        code = check_end("export");
    }
    arena_free(arena);
    return code;
}
