/* exporters/parts.c - see parts.h. */
#include "exporters/parts.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "util/arena.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool run_is_blank(struct str text, struct run run) {
    for (size_t i = run.from; i < run.to; i++)
        if (!is_space(text.s[i])) return false;
    return true;
}

static bool same_style(struct run a, struct run b) {
    return a.flags == b.flags && str_eq(a.link, b.link);
}

/* Gives blank runs the style of what is left of them, if that is also to the right. Merges. */
static void settle(struct runs *runs) {
    for (size_t i = 1; i + 1 < runs->n; i++) {
        struct run *r = runs->run + i;
        if (run_is_blank(runs->text, *r) && same_style(r[-1], r[1])) {
            r->flags = r[-1].flags;
            r->link = r[-1].link;
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < runs->n; i++) {
        if (n && same_style(runs->run[n - 1], runs->run[i]))
            runs->run[n - 1].to = runs->run[i].to;
        else
            runs->run[n++] = runs->run[i];
    }
    runs->n = n;
}

/* Appends text to out, white space collapsed. A line break beats blanks where lines are kept. */
static size_t add_collapsed(char *out, size_t n, struct str text, bool keep_lines) {
    for (size_t i = 0; i < text.n; i++) {
        char c = text.s[i];
        if (!is_space(c)) {
            out[n++] = c;
            continue;
        }
        bool line = keep_lines && c == '\n';
        if (n == 0) continue;
        if (line && out[n - 1] == ' ')
            out[n - 1] = '\n';
        else if (line || !is_space(out[n - 1]))
            out[n++] = line ? '\n' : ' ';
    }
    return n;
}

struct runs runs_of(const struct span *spans, bool keep_lines, struct arena *arena) {
    size_t n_bytes = 0, n_spans = 0;
    for (const struct span *s = spans; s; s = s->next) {
        n_bytes += s->text.n;
        n_spans++;
    }
    struct runs runs = {.run = ARENA_ARRAY(arena, n_spans + 1, struct run)};
    char *text = arena_alloc(arena, n_bytes + 1);
    size_t n = 0;
    for (const struct span *s = spans; s; s = s->next) {
        size_t from = n;
        n = add_collapsed(text, n, s->text, keep_lines);
        if (n > from) runs.run[runs.n++] = (struct run){from, n, s->flags, s->link};
    }
    while (n && is_space(text[n - 1])) n--;
    while (runs.n && runs.run[runs.n - 1].from >= n) runs.n--;
    if (runs.n) runs.run[runs.n - 1].to = n;
    runs.text = (struct str){text, n};
    settle(&runs);
    return runs;
}

unsigned runs_common_flags(const struct runs *runs) {
    unsigned flags = ~0u;
    for (size_t i = 0; i < runs->n; i++)
        if (!run_is_blank(runs->text, runs->run[i])) flags &= runs->run[i].flags;
    return runs->n ? flags : 0;
}

struct runs runs_without(const struct runs *runs, unsigned flags, struct arena *arena) {
    struct runs out = {runs->text, ARENA_ARRAY(arena, runs->n + 1, struct run), runs->n};
    for (size_t i = 0; i < runs->n; i++) {
        out.run[i] = runs->run[i];
        out.run[i].flags &= ~flags;
    }
    settle(&out);
    return out;
}

struct str code_text(const struct span *spans, struct arena *arena) {
    struct str text = spans_text(spans, arena);
    while (text.n && text.s[text.n - 1] == '\n') text.n--;
    return text;
}

/* ---- links ---- */

static bool has_scheme(struct str uri, const char *scheme) {
    size_t n = strlen(scheme);
    return uri.n > n && strncasecmp(uri.s, scheme, n) == 0;
}

enum link_kind link_kind(struct str target, int *page) {
    if (has_scheme(target, "http://") || has_scheme(target, "https://") ||
        has_scheme(target, "mailto:"))
        return LINK_WEB;
    struct str prefix = STR("#page=");
    uint64_t number;
    size_t n_read;
    if (!str_starts(target, prefix)) return LINK_NONE;
    struct str rest = str_sub(target, prefix.n, target.n);
    if (!str_number(rest, INT_MAX, &number, &n_read) || n_read != rest.n || number == 0)
        return LINK_NONE;
    *page = (int)number;
    return LINK_PAGE;
}

static void put_percent_encoded(struct buf *out, struct str s, const char *allowed) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (alnum || (c && strchr(allowed, c)))
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Parentheses would end a Markdown link, an apostrophe or quote an attribute; RFC 3986 allows the
 * first two, so encoding them changes nothing. '%' stays only where it encodes, '[' and ']' only in
 * the host (an IPv6 address), a second '#' never. */
void put_uri(struct buf *out, struct str uri) {
    bool fragment = false, host_over = false;
    size_t n_slashes = 0;
    for (size_t i = 0; i < uri.n; i++) {
        char c = uri.s[i];
        if (c == '/') n_slashes++;
        if (n_slashes > 2 || c == '?' || c == '#') host_over = true;
        bool keep = false;
        if (c == '%') keep = i + 2 < uri.n && is_hex(uri.s[i + 1]) && is_hex(uri.s[i + 2]);
        if (c == '#') keep = !fragment;
        if (c == '[' || c == ']') keep = n_slashes == 2 && !host_over;
        if (c == '#') fragment = true;
        if (keep)
            buf_putc(out, c);
        else
            put_percent_encoded(out, (struct str){&c, 1}, "-._~/?:@!$&*+,;=");
    }
}

void put_path(struct buf *out, struct str path) {
    put_percent_encoded(out, path, "-._~/");
}

/* ---- escaping ---- */

bool is_markup_char(uint32_t c) {
    if (c < 0x20) return c == '\t' || c == '\n';
    if (c >= 0x7f && c < 0xa0) return false;
    return (c & 0xfffe) != 0xfffe && !(c >= 0xfdd0 && c <= 0xfdef);
}

static const char *reference_of(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    default: return NULL;
    }
}

static bool is_plain_byte(char c) {
    return c >= 0x20 && c < 0x7f && !reference_of(c);
}

void put_markup(struct buf *out, struct str text) {
    while (text.n) {
        size_t n = 0;
        while (n < text.n && is_plain_byte(text.s[n])) n++;
        buf_put(out, str_sub(text, 0, n));
        text = str_sub(text, n, text.n);
        uint32_t c;
        if (!utf8_next(&text, &c)) break;
        const char *reference = c < 0x80 ? reference_of((char)c) : NULL;
        if (reference)
            buf_puts(out, reference);
        else if (is_markup_char(c))
            buf_put_code_point(out, c);
    }
}

void put_attribute(struct buf *out, const char *name, struct str value) {
    buf_putc(out, ' ');
    buf_puts(out, name);
    buf_puts(out, "=\"");
    put_markup(out, value);
    buf_putc(out, '"');
}

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

struct str language_tag(struct str tag, struct str otherwise) {
    for (size_t from = 0, to; from <= tag.n; from = to + 1) {
        for (to = from; to < tag.n && is_alnum(tag.s[to]);) to++;
        size_t n = to - from;
        if (n < 1 || n > 8 || (to < tag.n && tag.s[to] != '-')) return otherwise;
        if (from == 0 && (n < 2 || n > 3 || tag.s[0] <= '9')) return otherwise;
    }
    return tag;
}

/* ---- numbers ---- */

int64_t hundredths(float value) {
    if (!isfinite(value)) return 0;
    double v = value;
    if (v > 1e6) v = 1e6;
    if (v < -1e6) v = -1e6;
    return llround(v * 100);
}

float clamped_confidence(float value) {
    return value > 1 ? 1 : value > 0 ? value : 0;
}

void put_hundredths(struct buf *out, int64_t n) {
    buf_number(out, (double)n / 100, 2);
}

void put_rect(struct buf *out, struct rect r, const char *between) {
    const float side[4] = {r.x0, r.y0, r.x1, r.y1};
    for (int i = 0; i < 4; i++) {
        if (i) buf_puts(out, between);
        put_hundredths(out, hundredths(side[i]));
    }
}

/* ---- pages ---- */

const struct page_info *page_walk_next(struct page_walk *walk, int page) {
    const struct document *d = walk->document;
    if (walk->next >= d->n_page_infos || d->pages[walk->next].number > page) return NULL;
    return d->pages + walk->next++;
}

bool document_has_page(const struct document *document, int page) {
    size_t low = 0, high = document->n_page_infos;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (document->pages[middle].number < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low < document->n_page_infos && document->pages[low].number == page;
}

int block_page(const struct block *block) {
    return block->n_places ? block->places[0].page : 0;
}

/* ---- grids ---- */

/* Turns "a cell begins here" marks into new numbers, and returns their count. */
static int rank(int *begins, int n) {
    int count = 0;
    for (int i = 0; i <= n; i++) {
        int here = begins[i];
        begins[i] = count;
        count += here;
    }
    return count;
}

struct grid grid_of(const struct table *table, struct arena *arena) {
    size_t n_rows = (size_t)table->n_rows, n_cols = (size_t)table->n_cols;
    struct grid grid = {ARENA_ARRAY(arena, n_rows + 1, int), ARENA_ARRAY(arena, n_cols + 1, int), 0,
                        0, 0};
    for (size_t i = 0; i < table->n_cells; i++) {
        grid.row[table->cells[i].row] = 1;
        grid.col[table->cells[i].col] = 1;
    }
    grid.row[n_rows] = grid.col[n_cols] = 0;
    grid.n_rows = rank(grid.row, table->n_rows);
    grid.n_cols = rank(grid.col, table->n_cols);
    int n_header = table->n_header_rows;
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *c = table->cells + i;
        if (c->row < n_header && c->row + c->row_span > table->n_header_rows) n_header = 0;
    }
    grid.n_header_rows = grid.row[n_header];
    return grid;
}
