/*
 * layout/marks.c - what a block's first characters say: list labels and caption words.
 */
#include <string.h>

#include "layout/blocks.h"
#include "layout/script.h"

static bool is_bullet(uint32_t c) {
    switch (c) {
    case 0x2022:
    case 0x25cf:
    case 0x25cb:
    case 0x25e6:
    case 0x25aa:
    case 0x25ab:
    case 0x25a0:
    case 0x25a1:
    case 0x2023:
    case 0x2043:
    case 0x2219:
    case 0x00b7:
    case 0x25b6:
    case 0x25ba:
    case 0x25b8:
    case 0x27a2:
    case 0x2666:
    case 0x2713:
    case 0x2714:
    case 0x2717:
    case 0x2610:
    case 0x2611:
    case 0x2612:
    case 0xf0b7:
    case 0xf0a7:
    case 0xf0d8:
    case 0x25c6:
    case 0x25c7:
    case 0x29bf:
    case 0x2756:
    case 0x27a4:
    case 0x2794: return true;
    default: return false;
    }
}

static enum check_box check_of(uint32_t c) {
    if (c == 0x2610 || c == 0x25a1) return CHECK_EMPTY;
    if (c == 0x2611 || c == 0x2612) return CHECK_DONE;
    return CHECK_NONE;
}

/* Value of a roman number of one case, up to 39; 0 when it is none. */
static int roman_value(struct str s, bool upper) {
    static const struct {
        const char *text;
        int value;
    } tens[] = {{"xxx", 30}, {"xx", 20}, {"x", 10}},
      ones[] = {{"viii", 8}, {"vii", 7}, {"iii", 3}, {"vi", 6}, {"iv", 4},
                {"ix", 9},   {"ii", 2},  {"v", 5},   {"i", 1}};
    char low[8];
    if (s.n == 0 || s.n >= sizeof low) return 0;
    for (size_t i = 0; i < s.n; i++) {
        bool is_upper = s.s[i] >= 'A' && s.s[i] <= 'Z';
        if (is_upper != upper) return 0;
        low[i] = (char)(s.s[i] | 32);
    }
    struct str rest = {low, s.n};
    int value = 0;
    for (size_t i = 0; i < 3; i++)
        if (str_starts(rest, str_from(tens[i].text))) {
            value = tens[i].value;
            rest = str_sub(rest, strlen(tens[i].text), rest.n);
            break;
        }
    for (size_t i = 0; i < 9; i++)
        if (str_eq(rest, str_from(ones[i].text))) return value + ones[i].value;
    return rest.n == 0 ? value : 0;
}

/* Reads the number or letter of a label. */
static bool read_ordinal(struct str s, struct list_mark *mark) {
    uint64_t v;
    size_t n;
    if (str_number(s, 999, &v, &n) && n == s.n) {
        mark->style = NUMBER_DECIMAL;
        mark->number = (int)v;
        return true;
    }
    if (s.n == 1 && ((s.s[0] >= 'a' && s.s[0] <= 'z') || (s.s[0] >= 'A' && s.s[0] <= 'Z'))) {
        bool upper = s.s[0] < 'a';
        int roman = roman_value(s, upper);
        if (roman && (s.s[0] | 32) == 'i') { // a lone i is roman more often than the ninth letter
            mark->style = upper ? NUMBER_UPPER_ROMAN : NUMBER_LOWER_ROMAN;
            mark->number = roman;
            return true;
        }
        mark->style = upper ? NUMBER_UPPER_ALPHA : NUMBER_LOWER_ALPHA;
        mark->number = (s.s[0] | 32) - 'a' + 1;
        return true;
    }
    for (int upper = 0; upper < 2; upper++) {
        int roman = roman_value(s, upper);
        if (!roman) continue;
        mark->style = upper ? NUMBER_UPPER_ROMAN : NUMBER_LOWER_ROMAN;
        mark->number = roman;
        return true;
    }
    return false;
}

static size_t skip_blanks(struct str text, size_t at) {
    while (at < text.n && text.s[at] == ' ') at++;
    return at;
}

size_t list_mark_parse(struct str text, struct list_mark *mark) {
    *mark = (struct list_mark){0};
    struct str rest = text;
    uint32_t c;
    if (!utf8_next(&rest, &c)) return 0;
    size_t used = text.n - rest.n;
    bool dash = c == '-' || c == 0x2013 || c == 0x2014 || c == '*' || c == 0x2212;
    if (is_bullet(c) || (dash && rest.n && rest.s[0] == ' ')) {
        size_t end = skip_blanks(text, used);
        if (end >= text.n) return 0;
        mark->label = str_sub(text, 0, used);
        mark->check = check_of(c);
        return end;
    }
    // "(a)" "a)" "a." "1." "12)" — the ordinal, then what closes it, then a blank
    size_t from = c == '(' || c == '[' ? 1 : 0, at = from;
    while (at < text.n && at < from + 6 &&
           ((text.s[at] >= '0' && text.s[at] <= '9') ||
            ((text.s[at] | 32) >= 'a' && (text.s[at] | 32) <= 'z')))
        at++;
    if (at == from || at >= text.n) return 0;
    char close = text.s[at];
    bool closed = from ? close == (c == '(' ? ')' : ']') : close == '.' || close == ')';
    if (!closed) return 0;
    size_t end = skip_blanks(text, at + 1);
    if (end == at + 1 || end >= text.n) return 0;
    if (!read_ordinal(str_sub(text, from, at), mark)) return 0;
    mark->label = str_sub(text, 0, at + 1);
    return end;
}

static const char *const caption_words[] = {
    "figure",    "fig.",    "fig",     "table",   "tab.",    "chart",        "exhibit", "plate",
    "scheme",    "box",     "graph",   "map",     "photo",   "illustration", "listing", "abbildung",
    "abb.",      "tabelle", "figura",  "tabla",   "tableau", "tabella",      "tabela",  "gráfico",
    "graphique", "рис.",    "рисунок", "таблица", "図",      "表",           "图",      "圖",
    "그림",      "표",      "شكل",     "جدول",    "rysunek", "obrázek",      "tabulka"};

/* "Figure 1 shows loans": a sentence that begins with a figure, not the caption under it. */
static bool goes_on_small(struct str text, size_t at) {
    while (at < text.n && (char_is_digit((unsigned char)text.s[at]) || strchr(".-", text.s[at])))
        at++;
    if (at >= text.n || text.s[at] != ' ') return false;
    return char_is_lower(str_first_char(str_sub(text, at + 1, text.n)));
}

bool text_is_caption(struct str text) {
    char low[64];
    size_t n = text.n < sizeof low ? text.n : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = text.s[i] >= 'A' && text.s[i] <= 'Z' ? (char)(text.s[i] | 32) : text.s[i];
    struct str start = {low, n};
    for (size_t i = 0; i < sizeof caption_words / sizeof *caption_words; i++) {
        struct str word = str_from(caption_words[i]);
        if (!str_starts(start, word)) continue;
        size_t at = skip_blanks(start, word.n);
        struct str rest = str_sub(start, at, start.n);
        // a number must follow: "3", "3.1", "A2", "IV"; "Table of Contents" has none
        size_t k = 0;
        if (k < rest.n && rest.s[k] >= 'a' && rest.s[k] <= 'z' && k + 1 < rest.n &&
            (rest.s[k + 1] == '.' || rest.s[k + 1] == '-' ||
             (rest.s[k + 1] >= '0' && rest.s[k + 1] <= '9')))
            k++;
        while (k < rest.n && (rest.s[k] == '.' || rest.s[k] == '-')) k++;
        if (k < rest.n && rest.s[k] >= '0' && rest.s[k] <= '9') return !goes_on_small(text, at + k);
        size_t r = 0;
        while (r < rest.n && strchr("ivx", rest.s[r])) r++;
        if (r > 0 && (r == rest.n || strchr(".: ", rest.s[r])) && at > word.n) return true;
    }
    return false;
}
