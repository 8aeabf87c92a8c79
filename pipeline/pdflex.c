/* pipeline/pdflex.c - see pdflex.h. Syntax: ISO 32000-1, 7.2 and 7.3. */
#include "pipeline/pdflex.h"

#include <string.h>

enum byte_class { REGULAR, SPACE, DELIMITER };

static enum byte_class class_of(unsigned char c) {
    switch (c) {
    case 0:
    case '\t':
    case '\n':
    case '\f':
    case '\r':
    case ' ': return SPACE;
    case '(':
    case ')':
    case '<':
    case '>':
    case '[':
    case ']':
    case '{':
    case '}':
    case '/':
    case '%': return DELIMITER;
    default: return REGULAR;
    }
}

struct lex lex_open(struct str stream) {
    const unsigned char *p = (const unsigned char *)(stream.s ? stream.s : "");
    return (struct lex){p, p + stream.n};
}

static void skip_space(struct lex *lex) {
    while (lex->p < lex->end) {
        if (*lex->p == '%') {
            while (lex->p < lex->end && *lex->p != '\n' && *lex->p != '\r') lex->p++;
        } else if (class_of(*lex->p) == SPACE) {
            lex->p++;
        } else {
            return;
        }
    }
}

static struct str slice(const unsigned char *from, const unsigned char *to) {
    return (struct str){(const char *)from, (size_t)(to - from)};
}

/* Reads [+-]digits[.digits]; false when a byte of the word does not belong there. Writers make
 * mistakes that every viewer forgives: "--5" is -5, "5-3" is 5. */
static bool parse_number(struct str s, double *out) {
    size_t i = 0;
    bool negative = false, digits = false;
    for (; i < s.n && (s.s[i] == '+' || s.s[i] == '-'); i++) negative |= s.s[i] == '-';
    double value = 0, place = 1;
    for (; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++, digits = true)
        value = value * 10 + (s.s[i] - '0');
    if (i < s.n && s.s[i] == '.') {
        for (i++; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++, digits = true)
            value += (s.s[i] - '0') * (place /= 10);
    }
    if (i < s.n && s.s[i] == '-' && digits) i = s.n;
    if (i < s.n || (!digits && !(s.n == 1 && (s.s[0] == '-' || s.s[0] == '.')))) return false;
    if (value > 1e15) value = 1e15; // keeps all arithmetic that follows finite
    *out = negative ? -value : value;
    return true;
}

/* A string in parentheses: nested ones balance, a backslash hides one byte or names an octal one. */
static struct lex_token literal_string(struct lex *lex) {
    const unsigned char *from = lex->p++;
    size_t n = 0, n_spaces = 0;
    for (int depth = 1; lex->p < lex->end && depth > 0; lex->p++) {
        unsigned char c = *lex->p;
        n_spaces += c == ' ';
        if (c == '(') depth++;
        if (c == ')') depth--;
        if (depth > 0) n++;
        if (c != '\\' || lex->p + 1 == lex->end) continue;
        lex->p++;
        if (*lex->p == '\n' || *lex->p == '\r') n--; // a line continued
        int more = 2;
        bool octal = *lex->p >= '0' && *lex->p <= '7';
        for (; octal && more > 0 && lex->p + 1 < lex->end && lex->p[1] >= '0' && lex->p[1] <= '7';
             more--)
            lex->p++;
    }
    return (struct lex_token){
        .kind = LEX_STRING, .text = slice(from, lex->p), .n_bytes = n, .n_spaces = n_spaces};
}

static struct lex_token hex_string(struct lex *lex) {
    const unsigned char *from = lex->p++;
    size_t n = 0;
    for (; lex->p < lex->end && *lex->p != '>'; lex->p++) n += class_of(*lex->p) != SPACE;
    if (lex->p < lex->end) lex->p++;
    return (struct lex_token){
        .kind = LEX_STRING, .text = slice(from, lex->p), .n_bytes = (n + 1) / 2};
}

static struct lex_token name(struct lex *lex) {
    const unsigned char *from = ++lex->p;
    while (lex->p < lex->end && class_of(*lex->p) == REGULAR) lex->p++;
    return (struct lex_token){.kind = LEX_NAME, .text = slice(from, lex->p)};
}

static struct lex_token word(struct lex *lex) {
    const unsigned char *from = lex->p;
    while (lex->p < lex->end && class_of(*lex->p) == REGULAR) lex->p++;
    struct lex_token token = {.kind = LEX_WORD, .text = slice(from, lex->p)};
    bool maybe = *from <= '9'; // '+', '-', '.' and the digits lie below the letters
    if (maybe && parse_number(token.text, &token.number)) token.kind = LEX_NUMBER;
    return token;
}

static struct lex_token mark(struct lex *lex, enum lex_kind kind, int n) {
    lex->p += n;
    return (struct lex_token){.kind = kind};
}

struct lex_token lex_next(struct lex *lex) {
    for (;;) {
        skip_space(lex);
        if (lex->p >= lex->end) return (struct lex_token){.kind = LEX_END};
        bool twice = lex->p + 1 < lex->end && lex->p[0] == lex->p[1];
        switch (*lex->p) {
        case '(': return literal_string(lex);
        case '<': return twice ? mark(lex, LEX_DICT, 2) : hex_string(lex);
        case '>':
            if (twice) return mark(lex, LEX_DICT_END, 2);
            break;
        case '[': return mark(lex, LEX_OPEN, 1);
        case ']': return mark(lex, LEX_CLOSE, 1);
        case '/': return name(lex);
        case ')':
        case '{':
        case '}': break;
        default: return word(lex);
        }
        lex->p++;
    }
}

/* Whether an EI that stands here ends the data: what follows must look like content, not like the
 * bytes of a picture. */
static bool ends_data(const unsigned char *p, const unsigned char *end) {
    if (end - p < 2 || p[0] != 'E' || p[1] != 'I') return false;
    p += 2;
    if (p < end && class_of(*p) == REGULAR) return false;
    for (int i = 0; i < 12 && p < end; i++, p++) {
        if (*p >= 127 || (*p < ' ' && class_of(*p) != SPACE) || *p == 0) return false;
    }
    return true;
}

void lex_skip_inline_data(struct lex *lex, size_t n_bytes) {
    if (lex->p < lex->end) lex->p++; // the one white space behind ID
    const unsigned char *p = lex->p;
    if (n_bytes <= (size_t)(lex->end - p)) p += n_bytes;
    for (; p < lex->end; p++) {
        p = memchr(p, 'E', (size_t)(lex->end - p));
        if (!p) break;
        bool fresh = p == lex->p || n_bytes > 0 || class_of(p[-1]) == SPACE;
        if (fresh && ends_data(p, lex->end)) {
            lex->p = p + 2;
            return;
        }
    }
    lex->p = lex->end;
}
