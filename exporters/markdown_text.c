/*
 * exporters/markdown_text.c - see markdown_text.h.
 *
 *   runs --> which stretches are emphasised --> which bytes need a backslash --> output
 *
 * Text is data: it must come back from a CommonMark reader as it was. But people read and compare
 * the source, so a backslash stands only where its character would do something: a lone star, an
 * underscore inside a word, "a < b", "AT&T" and "[1]" need none. In doubt there is one: too many are
 * always valid, too few never are. Section numbers are those of the CommonMark 0.31 specification.
 */
#include "exporters/markdown_text.h"

#include <stdlib.h>
#include <string.h>

#include "util/arena.h"

enum { EMPHASIS = SPAN_BOLD | SPAN_ITALIC };

struct inlines { // one text on its way out
    struct buf *out;
    struct str text;
    const struct runs *runs;
    enum markdown_place place;
    bool *escape; // [text.n]
    bool *edge;   // [text.n + 1]: here a run ends or begins, perhaps with markup of ours between
    bool any_emphasis, any_code;
};

/* Runs of one emphasis, without the white space at their ends. */
struct segment {
    size_t first_run, last_run; // inclusive
    size_t from, to;            // bytes
    unsigned emphasis;
};

static bool is_punct(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters and digits beyond doubt: neither white space nor punctuation of Unicode. Other letters are
 * treated as perhaps punctuation, which costs a backslash or an emphasis, never a character. */
static bool is_word_char(uint32_t c) {
    static const uint32_t ranges[][2] = {
        {'0', '9'},       {'A', 'Z'},       {'a', 'z'},       {0xc0, 0xd6},     {0xd8, 0xf6},
        {0xf8, 0x24f},    {0x388, 0x3ff},   {0x400, 0x481},   {0x48a, 0x52f},   {0x5d0, 0x5ea},
        {0x620, 0x64a},   {0x671, 0x6d3},   {0x904, 0x939},   {0x1e00, 0x1eff}, {0x3041, 0x3096},
        {0x30a1, 0x30fa}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

static bool word_at(struct str text, size_t i) {
    struct str rest = str_sub(text, i, text.n);
    uint32_t c;
    return utf8_next(&rest, &c) && is_word_char(c);
}

static bool word_before(struct str text, size_t i) {
    if (i == 0) return false;
    size_t at = i - 1;
    while (at > 0 && ((unsigned char)text.s[at] & 0xc0) == 0x80) at--;
    return word_at(text, at);
}

/* ---- emphasis: section 6.2 ---- */

/* White space or punctuation beyond doubt, or the edge of the text. */
static bool is_edge(struct str text, size_t i) {
    return i >= text.n || is_blank(text.s[i]) || is_punct(text.s[i]);
}

static bool starts_with_letter(const struct inlines *in, const struct segment *s, size_t run) {
    const struct run *r = in->runs->run + run;
    return !r->link.n && !(r->flags & ~(unsigned)EMPHASIS) && word_at(in->text, s->from);
}

static bool ends_with_letter(const struct inlines *in, const struct segment *s, size_t run) {
    const struct run *r = in->runs->run + run;
    return !r->link.n && !(r->flags & ~(unsigned)EMPHASIS) && word_before(in->text, s->to);
}

/* A delimiter opens before a letter anywhere, before anything else only behind a blank or
 * punctuation; closing is the mirror image. */
static bool can_emphasise(const struct inlines *in, const struct segment *s) {
    bool opens =
        starts_with_letter(in, s, s->first_run) || s->from == 0 || is_edge(in->text, s->from - 1);
    bool closes = ends_with_letter(in, s, s->last_run) || is_edge(in->text, s->to);
    return opens && closes;
}

static size_t find_segments(struct inlines *in, struct segment *segments) {
    size_t n = 0;
    for (size_t i = 0; i < in->runs->n;) {
        struct segment s = {.first_run = i, .emphasis = in->runs->run[i].flags & EMPHASIS};
        s.from = in->runs->run[i].from;
        while (i < in->runs->n && (in->runs->run[i].flags & EMPHASIS) == s.emphasis)
            s.to = in->runs->run[i++].to;
        s.last_run = i - 1;
        while (s.from < s.to && is_blank(in->text.s[s.from])) s.from++;
        while (s.to > s.from && is_blank(in->text.s[s.to - 1])) s.to--;
        // Two delimiter runs that touch would be read as one.
        bool touches = n && segments[n - 1].emphasis && segments[n - 1].to == s.from;
        if (s.from == s.to || touches || (s.emphasis && !can_emphasise(in, &s))) s.emphasis = 0;
        if (s.emphasis) in->any_emphasis = true;
        segments[n++] = s;
    }
    return n;
}

/* ---- what needs a backslash ---- */

static char at(const struct inlines *in, size_t i) {
    return i < in->text.n ? in->text.s[i] : '\0';
}

/* Delimiter runs of '*', '_' and '~' only matter in pairs: one that can open before one that can
 * close. `must`: delimiters of our own are about, so any that can do something is escaped. */
static void escape_delimiters(struct inlines *in, char c, bool must) {
    size_t first_open = SIZE_MAX, last_close = 0; // last_close: position + 1
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0, end; i < in->text.n; i = end) {
            end = i + 1;
            if (in->text.s[i] != c) continue;
            while (at(in, end) == c && !in->edge[end]) end++;
            bool opens = in->edge[end] || !is_blank(at(in, end));
            bool closes = in->edge[i] || !is_blank(in->text.s[i - 1]);
            if (c == '_' && word_before(in->text, i) && !in->edge[i]) opens = false;
            if (c == '_' && word_at(in->text, end) && !in->edge[end]) closes = false;
            if (c == '~' && end - i > 2) opens = closes = false;
            if (pass == 0) {
                if (opens && first_open == SIZE_MAX) first_open = i;
                if (closes) last_close = i + 1;
                continue;
            }
            bool pairs = (opens && last_close > end) || (closes && first_open < i);
            if (pairs || (must && (opens || closes || in->edge[i] || in->edge[end])))
                for (size_t k = i; k < end; k++) in->escape[k] = true;
        }
}

/* A code span needs two backtick runs; only then, or beside code spans of our own, escape them. */
static void escape_backticks(struct inlines *in) {
    size_t n_runs = 0;
    for (size_t i = 0; i < in->text.n; i++)
        if (in->text.s[i] == '`' && (at(in, i + 1) != '`' || in->edge[i + 1])) n_runs++;
    if (n_runs < 2 && !(n_runs && in->any_code)) return;
    for (size_t i = 0; i < in->text.n; i++)
        if (in->text.s[i] == '`') in->escape[i] = true;
}

/* "&copy;", "&#169;", "&#xA9;": section 2.5. */
static bool is_entity(const struct inlines *in, size_t i) {
    size_t k = i + 1;
    if (at(in, k) == '#') k++;
    size_t start = k;
    while (is_alpha(at(in, k)) || is_digit(at(in, k))) k++;
    return k > start && at(in, k) == ';';
}

/* Tag, comment, declaration or autolink: sections 6.5 and 6.6. */
static bool is_tag_start(const struct inlines *in, size_t i) {
    char next = at(in, i + 1);
    return is_alpha(next) || next == '/' || next == '!' || next == '?';
}

static void escape_characters(struct inlines *in) {
    bool bracket = false;
    for (size_t i = 0; i < in->text.n; i++) {
        char c = in->text.s[i], next = at(in, i + 1);
        switch (c) {
        case '\\':
            if (is_punct(next)) in->escape[i] = true;
            break;
        case '<':
            if (is_tag_start(in, i)) in->escape[i] = true;
            break;
        case '&':
            if (is_entity(in, i)) in->escape[i] = true;
            break;
        case '[': // a footnote reference; a link needs "](", see below
            bracket = true;
            if (next == '^') in->escape[i] = true;
            break;
        case ']':
            if (bracket && next == '(') in->escape[i] = true;
            break;
        default: break;
        }
    }
    escape_delimiters(in, '*', in->any_emphasis);
    escape_delimiters(in, '_', false);
    escape_delimiters(in, '~', false);
    escape_backticks(in);
}

/* Where runs meet, something of ours follows that the text does not show. */
static void escape_at_run_ends(struct inlines *in) {
    for (size_t i = 0; i < in->runs->n; i++) {
        const struct run *r = in->runs->run + i;
        bool next_is_link = i + 1 < in->runs->n && r[1].link.n;
        if (r->to < in->text.n && in->text.s[r->to - 1] == '\\') in->escape[r->to - 1] = true;
        if (next_is_link && in->text.s[r->to - 1] == '!') in->escape[r->to - 1] = true;
        if (!r->link.n) continue;
        if (in->text.s[r->to - 1] == '\\') in->escape[r->to - 1] = true;
        for (size_t k = r->from; k < r->to; k++) {
            char c = in->text.s[k];
            if (c == '[' || c == ']' || (c == '^' && k == r->from)) in->escape[k] = true;
        }
    }
}

static bool only_of(struct str text, char c, size_t at_least) {
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.s[i] == c)
            n++;
        else if (!is_blank(text.s[i]))
            return false;
    }
    return n >= at_least;
}

static bool ends_marker(const struct inlines *in, size_t i) {
    return i >= in->text.n || is_blank(in->text.s[i]);
}

/* "[label]: ..." defines a link and shows nothing (section 4.7). */
static bool is_definition(struct str text) {
    size_t end = str_find(text, STR("]"));
    return end + 1 < text.n && text.s[end + 1] == ':';
}

static bool is_check_box(struct str text) {
    return text.n > 2 && text.s[2] == ']' && strchr(" xX", text.s[1]);
}

/* What would make the line another block: sections 4 and 5. Setext underlines and indented code
 * cannot arise: a block is one line behind an empty one, and its text is trimmed. */
static void escape_line_start(struct inlines *in) {
    if (!in->text.n) return;
    char c = in->text.s[0];
    size_t n = 0;
    while (at(in, n) == c) n++;
    bool special = false;
    if (c == '#') special = n <= 6 && ends_marker(in, n);
    if (c == '>') special = true;
    if (c == '-' || c == '+' || c == '*')
        special = ends_marker(in, 1) || (c != '+' && only_of(in->text, c, 3));
    if (c == '_') special = only_of(in->text, c, 3);
    if (c == '`' || c == '~') special = n >= 3;
    if (c == '[') special = is_definition(in->text) || is_check_box(in->text);
    if (special) in->escape[0] = true;
    size_t digits = 0;
    while (is_digit(at(in, digits))) digits++;
    bool dot = at(in, digits) == '.' || at(in, digits) == ')';
    if (digits > 0 && digits <= 9 && dot && ends_marker(in, digits + 1)) in->escape[digits] = true;
}

/* "# C #": the last '#'s close a heading behind a blank (section 4.2). */
static void escape_heading_end(struct inlines *in) {
    size_t i = in->text.n;
    while (i > 0 && in->text.s[i - 1] == '#') i--;
    if (i < in->text.n && (i == 0 || is_blank(in->text.s[i - 1]))) in->escape[i] = true;
}

/* GFM finds bare URLs by itself, and in these a backslash or reference is taken as it stands. So an
 * address in which something must be escaped is kept from being found. */
static void escape_addresses(struct inlines *in) {
    for (size_t from = 0, to; from < in->text.n; from = to + 1) {
        for (to = from; to < in->text.n && !is_blank(in->text.s[to]);) to++;
        size_t last = to; // the last byte that is not written as it is
        while (last > from && !in->escape[last - 1] &&
               !(in->place == MARKDOWN_CELL && in->text.s[last - 1] == '|'))
            last--;
        for (size_t i = from; i < last; i++) {
            struct str rest = str_sub(in->text, i, last);
            if (str_starts(rest, STR("://"))) in->escape[i] = true;
            if (str_starts(rest, STR("www."))) in->escape[i + 3] = true;
        }
    }
}

/* ---- output ---- */

static void put_escaped(struct inlines *in, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        char c = in->text.s[i];
        if (c == '\n') {
            buf_puts(in->out, in->place == MARKDOWN_CELL ? "<br>" : " ");
        } else if (c == '|' && in->place == MARKDOWN_CELL) {
            // "\|" is shorter, but many readers cut rows at every bar.
            buf_puts(in->out, "&#124;");
        } else {
            if (in->escape[i]) buf_putc(in->out, '\\');
            buf_putc(in->out, c);
        }
    }
}

/* A code span: its fence is longer than any backtick run inside (section 6.1). */
static void put_code(struct inlines *in, size_t from, size_t to) {
    int longest = 0, n = 0;
    for (size_t i = from; i < to; i++) {
        n = in->text.s[i] == '`' ? n + 1 : 0;
        if (n > longest) longest = n;
    }
    bool pad = in->text.s[from] == '`' || in->text.s[to - 1] == '`';
    buf_fill(in->out, '`', longest + 1);
    if (pad) buf_putc(in->out, ' ');
    for (size_t i = from; i < to; i++)
        buf_putc(in->out, in->text.s[i] == '\n' ? ' ' : in->text.s[i]);
    if (pad) buf_putc(in->out, ' ');
    buf_fill(in->out, '`', longest + 1);
}

static bool is_code(const struct inlines *in, const struct run *r) {
    if (!(r->flags & SPAN_MONO)) return false;
    for (size_t i = r->from; i < r->to; i++) // a bar or line break cannot be written inside one
        if (in->place == MARKDOWN_CELL && (in->text.s[i] == '|' || in->text.s[i] == '\n'))
            return false;
    return true;
}

/* A destination knows entities, too; the encoded URI holds nothing else that could end it. */
static void put_destination(struct buf *out, struct str uri) {
    struct buf encoded;
    buf_open(&encoded, 0);
    put_uri(&encoded, uri);
    struct inlines in = {.text = buf_str(&encoded)};
    for (size_t i = 0; i < encoded.n; i++) {
        buf_putc(out, encoded.data[i]);
        if (encoded.data[i] == '&' && is_entity(&in, i)) buf_puts(out, "amp;");
    }
    buf_close(&encoded);
}

/* The link says what it shows: readers of GFM find such links by themselves. */
static bool is_bare_link(struct str text, struct str target) {
    return str_eq(text, target) ||
           (str_starts(target, STR("mailto:")) && str_eq(text, str_sub(target, 7, target.n)));
}

static void put_run(struct inlines *in, const struct run *run, size_t from, size_t to) {
    int page;
    struct str text = str_sub(in->text, from, to);
    bool link =
        run->link.n && link_kind(run->link, &page) == LINK_WEB && !is_bare_link(text, run->link);
    if (link) buf_putc(in->out, '[');
    const char *tag = run->flags & SPAN_SUPER ? "sup" : run->flags & SPAN_SUB ? "sub" : NULL;
    if (tag) buf_printf(in->out, "<%s>", tag);
    if (is_code(in, run))
        put_code(in, from, to);
    else
        put_escaped(in, from, to);
    if (tag) buf_printf(in->out, "</%s>", tag);
    if (!link) return;
    buf_puts(in->out, "](");
    put_destination(in->out, run->link);
    buf_putc(in->out, ')');
}

/* White space stays outside of everything. */
static void put_trimmed_run(struct inlines *in, const struct run *run, size_t from, size_t to) {
    size_t start = from, end = to;
    while (start < end && is_blank(in->text.s[start])) start++;
    while (end > start && is_blank(in->text.s[end - 1])) end--;
    put_escaped(in, from, start);
    if (start < end) put_run(in, run, start, end);
    put_escaped(in, end, to);
}

static void put_segment(struct inlines *in, const struct segment *s) {
    static const char *const delimiter[4] = {"", "**", "*", "***"};
    const struct run *run = in->runs->run;
    size_t start = run[s->first_run].from, end = run[s->last_run].to;
    put_escaped(in, start, s->from);
    buf_puts(in->out, delimiter[s->emphasis]);
    for (size_t i = s->first_run; i <= s->last_run; i++) {
        size_t from = run[i].from < s->from ? s->from : run[i].from;
        size_t to = run[i].to > s->to ? s->to : run[i].to;
        if (from < to) put_trimmed_run(in, run + i, from, to);
    }
    buf_puts(in->out, delimiter[s->emphasis]);
    put_escaped(in, s->to, end);
}

/* Which styles are worth writing: those that set a part of the text apart from the rest. */
static unsigned flags_not_shown(const struct runs *runs) {
    return runs_common_flags(runs) & (SPAN_BOLD | SPAN_ITALIC | SPAN_MONO);
}

void markdown_put_runs(struct buf *out, const struct runs *all, enum markdown_place place,
                       struct arena *arena) {
    struct runs runs = runs_without(all, flags_not_shown(all), arena);
    struct inlines in = {.out = out, .text = runs.text, .runs = &runs, .place = place};
    if (!runs.text.n) return;
    in.escape = ARENA_ARRAY(arena, runs.text.n, bool);
    in.edge = ARENA_ARRAY(arena, runs.text.n + 1, bool);
    // Code spans that touch would be read as one.
    for (size_t i = 0; i < runs.n; i++) {
        in.edge[runs.run[i].from] = in.edge[runs.run[i].to] = true;
        if (i && runs.run[i - 1].flags & SPAN_MONO) runs.run[i].flags &= ~(unsigned)SPAN_MONO;
        if (runs.run[i].flags & SPAN_MONO) in.any_code = true;
    }
    struct segment *segments = ARENA_ARRAY(arena, runs.n, struct segment);
    size_t n = find_segments(&in, segments);
    escape_characters(&in);
    escape_at_run_ends(&in);
    if (place == MARKDOWN_BLOCK && !segments[0].emphasis) escape_line_start(&in);
    if (place == MARKDOWN_HEADING) escape_heading_end(&in);
    escape_addresses(&in);
    for (size_t i = 0; i < n; i++) put_segment(&in, segments + i);
}

void markdown_put_text(struct buf *out, struct str text, enum markdown_place place,
                       struct arena *arena) {
    struct span span = {.text = text};
    struct runs runs = runs_of(&span, place == MARKDOWN_CELL, arena);
    markdown_put_runs(out, &runs, place, arena);
}
