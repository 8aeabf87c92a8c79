/*
 * util/json_pull.c - see json_pull.h. RFC 8259; a state says what may come next, an array of flags
 * which kind of container each open level is.
 */
#include "util/json_pull.h"

#include <string.h>

#include "util/arena.h"

enum state {
    WANT_VALUE,
    WANT_VALUE_OR_END, // just behind '['
    WANT_KEY,
    WANT_KEY_OR_END, // just behind '{'
    WANT_COMMA_OR_END,
    WANT_NOTHING, // the value is complete
    BROKEN,
};

void json_pull_open(struct json_pull *p, struct str text) {
    *p = (struct json_pull){.text = text, .state = WANT_VALUE};
}

static enum json_event broken(struct json_pull *p, const char *problem) {
    if (p->state != BROKEN) p->problem = problem;
    p->state = BROKEN;
    return JSON_ERROR;
}

static int peek(const struct json_pull *p) {
    return p->at < p->text.n ? (unsigned char)p->text.s[p->at] : -1;
}

static void skip_blanks(struct json_pull *p) {
    for (int c = peek(p); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(p)) p->at++;
}

static void value_ended(struct json_pull *p) {
    p->state = p->depth ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static int hex_digit(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool four_hex(struct str s, size_t at, uint32_t *out) {
    if (s.n < at + 4) return false;
    *out = 0;
    for (size_t i = at; i < at + 4; i++) {
        int digit = hex_digit((unsigned char)s.s[i]);
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* Reads a string whose opening quote is at p->at; leaves its inside in p->token. */
static const char *read_string(struct json_pull *p) {
    size_t start = ++p->at;
    p->escaped = false;
    for (;; p->at++) {
        int c = peek(p);
        if (c < 0) return "the text ends inside a string";
        if (c == '"') break;
        if (c < 0x20) return "a control character inside a string";
        if (c != '\\') continue;
        p->escaped = true;
        p->at++;
        c = peek(p);
        uint32_t ignored;
        if (c == 'u') {
            if (!four_hex(p->text, p->at + 1, &ignored)) return "\\u without four hex digits";
            p->at += 4;
        } else if (c < 0 || !memchr("\"\\/bfnrt", c, 8)) {
            return "an unknown escape";
        }
    }
    p->token = str_sub(p->text, start, p->at);
    p->at++;
    return NULL;
}

static size_t digits(struct json_pull *p) {
    size_t n = 0;
    for (int c = peek(p); c >= '0' && c <= '9'; c = peek(p)) p->at++, n++;
    return n;
}

static bool read_number(struct json_pull *p) {
    size_t start = p->at;
    if (peek(p) == '-') p->at++;
    if (peek(p) == '0') {
        p->at++;
    } else if (!digits(p)) {
        return false;
    }
    if (peek(p) == '.') {
        p->at++;
        if (!digits(p)) return false;
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') p->at++;
        if (!digits(p)) return false;
    }
    p->token = str_sub(p->text, start, p->at);
    return true;
}

static bool read_word(struct json_pull *p, struct str word) {
    if (!str_starts(str_sub(p->text, p->at, p->text.n), word)) return false;
    p->at += word.n;
    return true;
}

static enum json_event open_container(struct json_pull *p, bool object) {
    if (p->depth == JSON_PULL_MAX_DEPTH) return broken(p, "nested too deeply");
    p->in_object[p->depth++] = object;
    p->at++;
    p->state = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_event close_container(struct json_pull *p) {
    bool object = p->in_object[--p->depth];
    p->at++;
    value_ended(p);
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_event read_value(struct json_pull *p) {
    int c = peek(p);
    if (c == '{') return open_container(p, true);
    if (c == '[') return open_container(p, false);
    enum json_event event = JSON_ERROR;
    if (c == '"') {
        const char *problem = read_string(p);
        if (problem) return broken(p, problem);
        event = JSON_STRING;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        if (!read_number(p)) return broken(p, "a malformed number");
        event = JSON_NUMBER;
    } else if (read_word(p, STR("true"))) {
        event = JSON_TRUE;
    } else if (read_word(p, STR("false"))) {
        event = JSON_FALSE;
    } else if (read_word(p, STR("null"))) {
        event = JSON_NULL;
    } else {
        return broken(p, "expected a value");
    }
    value_ended(p);
    return event;
}

static enum json_event read_key(struct json_pull *p) {
    if (peek(p) != '"') return broken(p, "expected a name in quotes");
    const char *problem = read_string(p);
    if (problem) return broken(p, problem);
    skip_blanks(p);
    if (peek(p) != ':') return broken(p, "expected a colon");
    p->at++;
    p->state = WANT_VALUE;
    return JSON_KEY;
}

enum json_event json_pull_next(struct json_pull *p) {
    skip_blanks(p);
    int c = peek(p);
    if (p->state == WANT_COMMA_OR_END) {
        bool object = p->in_object[p->depth - 1];
        if (c == (object ? '}' : ']')) return close_container(p);
        if (c != ',') return broken(p, "expected a comma or the end of the list");
        p->at++;
        skip_blanks(p);
        p->state = object ? WANT_KEY : WANT_VALUE;
        c = peek(p);
    }
    switch (p->state) {
    case WANT_VALUE_OR_END:
        if (c == ']') return close_container(p);
        return read_value(p);
    case WANT_VALUE: return read_value(p);
    case WANT_KEY_OR_END:
        if (c == '}') return close_container(p);
        return read_key(p);
    case WANT_KEY: return read_key(p);
    case WANT_NOTHING: return c < 0 ? JSON_END : broken(p, "something behind the value");
    default: return JSON_ERROR;
    }
}

bool json_pull_skip(struct json_pull *p, enum json_event event) {
    if (event == JSON_KEY) event = json_pull_next(p);
    if (event == JSON_OBJECT || event == JSON_ARRAY) {
        int outside = p->depth - 1;
        while (p->depth > outside)
            if (json_pull_next(p) == JSON_ERROR) return false;
    }
    return event != JSON_ERROR && event != JSON_END;
}

/* Reads the escape at s[*at] (behind the backslash) and steps over it. The reader has checked it. */
static uint32_t read_escape(struct str s, size_t *at) {
    char c = s.s[(*at)++];
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return (unsigned char)c;
    }
    uint32_t high = 0xfffd, low;
    four_hex(s, *at, &high);
    *at += 4;
    bool pair = high >= 0xd800 && high < 0xdc00 && *at + 6 <= s.n && s.s[*at] == '\\' &&
                s.s[*at + 1] == 'u' && four_hex(s, *at + 2, &low) && low >= 0xdc00 && low < 0xe000;
    if (!pair) return high;
    *at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

struct str json_pull_string(const struct json_pull *p, struct arena *arena) {
    struct str s = p->token;
    if (!p->escaped) return s;
    char *out = arena_alloc(arena, s.n + 1); // an escape is never shorter than what it stands for
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        if (s.s[i] != '\\') {
            out[n++] = s.s[i++];
            continue;
        }
        i++;
        n += utf8_put(out + n, read_escape(s, &i));
    }
    return (struct str){out, n};
}

bool json_pull_size(const struct json_pull *p, uint64_t max, uint64_t *out) {
    size_t n;
    return str_number(p->token, max, out, &n) && n == p->token.n;
}

enum status json_pull_fail(const struct json_pull *p, struct error *err) {
    return fail(err, STATUS_FORMAT, "byte %zu: %s", p->at,
                p->problem ? p->problem : "not what is expected here");
}
