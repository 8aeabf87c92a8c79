/* tests/test_table.c - tables on pages made by hand: each is a cause that has cost a table somewhere. */
#include "tests/check.h"
#include "tests/page.h"

/* A grid of n_c x n_r cells of 100 x 20 pt at (x, y), drawn in full. */
static void grid(struct page *p, float x, float y, int n_c, int n_r) {
    for (int r = 0; r <= n_r; r++)
        page_rule(p, x, y + 20 * (float)r, x + 100 * (float)n_c, y + 20 * (float)r);
    for (int c = 0; c <= n_c; c++)
        page_rule(p, x + 100 * (float)c, y, x + 100 * (float)c, y + 20 * (float)n_r);
}

static void cell(struct page *p, float x, float y, int c, int r, const char *text) {
    page_text(p, x + 100 * (float)c + 5, y + 20 * (float)r + 14, 10, 0, text);
}

static void ruled(struct page *p) {
    static const char *const texts[3][3] = {
        {"Item", "Count", "Price"}, {"apple", "12", "3.50"}, {"pear", "7", "2.25"}};
    grid(p, 50, 100, 3, 3);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) cell(p, 50, 100, c, r, texts[r][c]);
}

static void double_rules(struct page *p) {
    ruled(p);
    for (int r = 0; r <= 3; r++)
        page_rule(p, 50, 102.5f + 20 * (float)r, 350, 102.5f + 20 * (float)r);
    page_rule(p, 152.2f, 100, 152.2f, 160);
}

static void missing_rule(struct page *p) { // a cell over two columns
    for (int r = 0; r <= 3; r++) page_rule(p, 50, 100 + 20 * (float)r, 350, 100 + 20 * (float)r);
    page_rule(p, 50, 100, 50, 160);
    page_rule(p, 150, 100, 150, 160);
    page_rule(p, 250, 120, 250, 160);
    page_rule(p, 350, 100, 350, 160);
    cell(p, 50, 100, 0, 0, "Year");
    page_text(p, 220, 114, 10, 0, "Turnover");
    cell(p, 50, 100, 0, 1, "1999");
    cell(p, 50, 100, 1, 1, "10");
    cell(p, 50, 100, 2, 1, "11");
    cell(p, 50, 100, 0, 2, "2000");
    cell(p, 50, 100, 1, 2, "12");
    cell(p, 50, 100, 2, 2, "13");
}

static void tiles(struct page *p) { // coloured cells, no line drawn
    static const char *const texts[2][2] = {{"Name", "Value"}, {"width", "120"}};
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++) {
            float x = 50 + 100 * (float)c, y = 100 + 20 * (float)r;
            page_fill(p, x, y, x + 99, y + 19);
            cell(p, 50, 100, c, r, texts[r][c]);
        }
}

static void highlight(struct page *p) { // a fill behind one line of a cell is no row
    ruled(p);
    page_fill(p, 52, 122, 148, 138);
    page_fill(p, 54, 124, 146, 136);
}

static void booktabs(struct page *p) {
    page_rule(p, 50, 100, 350, 100);
    page_rule(p, 50, 120, 350, 120);
    page_rule(p, 50, 180, 350, 180);
    static const char *const texts[4][3] = {{"Method", "Precision", "Recall"},
                                            {"ours", "0.91", "0.88"},
                                            {"theirs", "0.85", "0.86"},
                                            {"none", "0.10", "1.00"}};
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 3; c++) cell(p, 50, 100, c, r, texts[r][c]);
}

static void header_span(struct page *p) { // a short rule says which columns a header stands over
    page_rule(p, 50, 100, 350, 100);
    page_rule(p, 152, 119, 340, 119);
    page_rule(p, 50, 140, 350, 140);
    page_rule(p, 50, 200, 350, 200);
    page_text(p, 225, 114, 10, 0, "Score");
    cell(p, 50, 100, 0, 1, "Method");
    cell(p, 50, 100, 1, 1, "mean");
    cell(p, 50, 100, 2, 1, "best");
    for (int r = 2; r < 5; r++) {
        cell(p, 50, 100, 0, r, r == 2 ? "one" : r == 3 ? "two" : "three");
        cell(p, 50, 100, 1, r, "0.5");
        cell(p, 50, 100, 2, r, "0.7");
    }
}

static void unruled(struct page *p) {
    static const char *const texts[5][3] = {{"Country", "1990", "2000"},
                                            {"Norway", "4.2", "4.5"},
                                            {"Sweden", "8.6", "8.9"},
                                            {"Denmark", "5.1", "5.3"},
                                            {"Finland", "5.0", "5.2"}};
    for (int r = 0; r < 5; r++)
        for (int c = 0; c < 3; c++) cell(p, 50, 100, c, r, texts[r][c]);
}

static void prose_columns(struct page *p) { // text in two columns is no table
    page_lines(
        p, 50, 100, 10, 12,
        "running text that fills the column to\nits right edge and goes on in the next\nline as "
        "text does, and so it is never\ntaken for cells of a table at all here");
    page_lines(p, 300, 100, 10, 12,
               "the second column is like the first a\ncolumn of text which has full lines to\nthe "
               "end and continues from line to the\nnext without any numbers in it at alls");
}

static void contents(struct page *p) { // a table of contents is no table
    static const char *const titles[] = {"Introduction to the matter", "What others did",
                                         "What we did", "Results"};
    static const char *const pages[] = {"3", "9", "21", "40"};
    for (int i = 0; i < 4; i++) {
        page_text(p, 50, 100 + 14 * (float)i, 10, 0, titles[i]);
        page_text(p, 420, 100 + 14 * (float)i, 10, 0, pages[i]);
    }
}

static void axes(struct page *p) { // grid lines of a chart with labels left and below
    for (int r = 0; r <= 5; r++) page_rule(p, 80, 100 + 30 * (float)r, 380, 100 + 30 * (float)r);
    for (int c = 0; c <= 5; c++) page_rule(p, 80 + 60 * (float)c, 100, 80 + 60 * (float)c, 250);
    static const char *const y[] = {"100", "80", "60", "40", "20", "0"};
    for (int r = 0; r < 6; r++) page_text(p, 55, 104 + 30 * (float)r, 10, 0, y[r]);
}

static void bars(struct page *p) {
    // a chart: bars on one line, a scale beside them, names below
    static const float heights[] = {40, 90, 60, 20};
    static const char *const names[] = {"north", "east", "south", "west"}, *const scale[] = {
                                                                               "0", "10", "20",
                                                                               "30"};
    for (int i = 0; i < 4; i++) {
        float x = 120 + 50 * (float)i;
        page_fill(p, x, 300 - heights[i], x + 30, 300);
        page_text(p, x, 312, 8, 0, names[i]);
        page_text(p, 100, 302 - 30 * (float)i, 8, 0, scale[i]);
    }
}

static void multi_line(struct page *p) { // a cell of two lines stays one cell
    grid(p, 50, 100, 2, 2);
    cell(p, 50, 100, 0, 0, "Key");
    cell(p, 50, 100, 1, 0, "Text");
    page_text(p, 55, 128, 8, 0, "name");
    page_text(p, 155, 128, 8, 0, "first line of");
    page_text(p, 155, 137, 8, 0, "the value");
}

static const struct {
    const char *name;
    void (*make)(struct page *p);
    const char *want; // the page as text; NULL: just no table
} cases[] = {
    {"ruled", ruled, "T 3x3 h1\n  Item | Count | Price\n  apple | 12 | 3.50\n  pear | 7 | 2.25\n"},
    {"double rules", double_rules,
     "T 3x3 h1\n  Item | Count | Price\n  apple | 12 | 3.50\n  pear | 7 | 2.25\n"},
    {"missing middle rule", missing_rule,
     "T 3x3 h1\n  Year | Turnover{1x2}\n  1999 | 10 | 11\n  2000 | 12 | 13\n"},
    {"cells drawn as fills", tiles, "T 2x2 h1\n  Name | Value\n  width | 120\n"},
    {"highlight behind a line", highlight,
     "T 3x3 h1\n  Item | Count | Price\n  apple | 12 | 3.50\n  pear | 7 | 2.25\n"},
    {"horizontal rules only", booktabs,
     "T 4x3 h1\n  Method | Precision | Recall\n  ours | 0.91 | 0.88\n  theirs | 0.85 | 0.86\n  "
     "none | 0.10 | 1.00\n"},
    {"header over two columns", header_span,
     "T 5x3 h2\n  Method{2x1} | Score{1x2}\n | mean | best\n  one | 0.5 | 0.7\n  two | 0.5 | 0.7\n "
     " three | 0.5 | 0.7\n"},
    {"no rules", unruled,
     "T 5x3 h1\n  Country | 1990 | 2000\n  Norway | 4.2 | 4.5\n  Sweden | 8.6 | 8.9\n  Denmark | "
     "5.1 | 5.3\n  Finland | 5.0 | 5.2\n"},
    {"cell of two lines", multi_line, "T 2x2 h1\n  Key | Text\n  name | first line of the value\n"},
    {"chart of bars", bars, "F 30 20 10 0 north east south west\n"},
    {"prose in two columns", prose_columns, NULL},
    {"contents page", contents, NULL},
    {"axes of a chart", axes, NULL},
};

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct page p = page_begin(612, 792);
        cases[i].make(&p);
        struct str got = page_analyse(&p);
        if (cases[i].want)
            CHECK_STR(got, cases[i].want, cases[i].name);
        else
            CHECK(!str_starts(got, STR("T ")) && str_find(got, STR("\nT ")) == got.n,
                  "%s: a false table:\n%.*s", cases[i].name, STR_ARG(got));
        page_end(&p);
    }
    return check_end("table");
}
