/* util/json_tree.c - see json_tree.h. Depth is bounded by the pull reader, so recursion is too. */
#include "util/json_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/buf.h"

static bool has_twin(const struct json_tree *parent, struct str key) {
    // Objects here are small; a hostile one of many members is stopped by MAX_MEMBERS.
    for (const struct json_tree *m = parent->first; m; m = m->next)
        if (str_eq(m->key, key)) return true;
    return false;
}

enum { MAX_MEMBERS = 20000 };

static enum status read_members(struct json_pull *p, struct arena *arena, struct json_tree *parent,
                                struct error *err) {
    struct json_tree **tail = &parent->first;
    for (;;) {
        enum json_event event = json_pull_next(p);
        if (event == JSON_OBJECT_END || event == JSON_ARRAY_END) return STATUS_OK;
        struct json_tree *member = ARENA_NEW(arena, struct json_tree);
        if (event == JSON_KEY) {
            member->key = json_pull_string(p, arena);
            if (parent->n >= MAX_MEMBERS || has_twin(parent, member->key))
                return fail(err, STATUS_FORMAT, "byte %zu: \"%.60s\" comes twice", p->at,
                            arena_str(arena, member->key).s);
            event = json_pull_next(p);
        }
        if (event == JSON_ERROR) return json_pull_fail(p, err);
        member->kind = event;
        if (event == JSON_STRING) member->text = json_pull_string(p, arena);
        if (event == JSON_NUMBER) member->text = p->token;
        *tail = member;
        tail = &member->next;
        parent->n++;
        if (event == JSON_OBJECT || event == JSON_ARRAY) TRY(read_members(p, arena, member, err));
    }
}

enum status json_tree_read(struct arena *arena, struct str text, struct json_tree **out,
                           struct error *err) {
    if (!utf8_valid(text)) return fail(err, STATUS_FORMAT, "not valid UTF-8");
    struct json_pull p;
    json_pull_open(&p, text);
    struct json_tree *root = ARENA_NEW(arena, struct json_tree);
    root->kind = json_pull_next(&p);
    if (root->kind == JSON_ERROR) return json_pull_fail(&p, err);
    if (root->kind == JSON_STRING) root->text = json_pull_string(&p, arena);
    if (root->kind == JSON_NUMBER) root->text = p.token;
    if (root->kind == JSON_OBJECT || root->kind == JSON_ARRAY)
        TRY(read_members(&p, arena, root, err));
    if (json_pull_next(&p) != JSON_END) return json_pull_fail(&p, err);
    *out = root;
    return STATUS_OK;
}

const struct json_tree *json_find(const struct json_tree *json, const char *key) {
    if (!json_is(json, JSON_OBJECT)) return NULL;
    for (const struct json_tree *m = json->first; m; m = m->next)
        if (str_eq(m->key, str_from(key))) return m;
    return NULL;
}

bool json_is(const struct json_tree *json, enum json_event kind) {
    return json && json->kind == kind;
}

double json_as_number(const struct json_tree *json, double otherwise) {
    char text[64];
    if (!json_is(json, JSON_NUMBER) || json->text.n >= sizeof text) return otherwise;
    memcpy(text, json->text.s, json->text.n);
    text[json->text.n] = '\0';
    return strtod(text, NULL);
}

bool json_as_bool(const struct json_tree *json, bool otherwise) {
    if (json_is(json, JSON_TRUE)) return true;
    return json_is(json, JSON_FALSE) ? false : otherwise;
}

struct str json_as_string(const struct json_tree *json, struct str otherwise) {
    return json_is(json, JSON_STRING) ? json->text : otherwise;
}

static void write_string(struct str s, struct buf *out) {
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        switch (c) {
        case '"': buf_puts(out, "\\\""); break;
        case '\\': buf_puts(out, "\\\\"); break;
        case '\n': buf_puts(out, "\\n"); break;
        case '\r': buf_puts(out, "\\r"); break;
        case '\t': buf_puts(out, "\\t"); break;
        case '\b': buf_puts(out, "\\b"); break;
        case '\f': buf_puts(out, "\\f"); break;
        default:
            if ((unsigned char)c < 0x20) {
                buf_printf(out, "\\u%04x", (unsigned)c);
            } else {
                buf_putc(out, c);
            }
        }
    }
    buf_putc(out, '"');
}

/* Python's repr of a float: the shortest digits that read back equal; positional from 1e-4 up to
 * below 1e16, else with an exponent of at least two digits. */
static void write_float(double value, struct buf *out) {
    if (!isfinite(value)) {
        buf_puts(out, value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char text[40];
    int precision = 0;
    do snprintf(text, sizeof text, "%.*e", precision, value);
    while (strtod(text, NULL) != value && ++precision < 17);
    const char *e = strchr(text, 'e');
    int exponent = atoi(e + 1);
    if (exponent >= -4 && exponent < 16) {
        int places = precision > exponent ? precision - exponent : 1;
        buf_printf(out, "%.*f", places, value);
        return;
    }
    buf_put(out, (struct str){text, (size_t)(e - text)});
    buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void write_number(const struct json_tree *json, struct buf *out) {
    bool whole = true;
    for (size_t i = 0; i < json->text.n; i++)
        if (strchr(".eE", json->text.s[i])) whole = false;
    if (whole) {
        buf_put(out, str_eq(json->text, STR("-0")) ? STR("0") : json->text);
    } else {
        write_float(json_as_number(json, 0), out);
    }
}

void json_write_python(const struct json_tree *json, struct buf *out) {
    switch (json->kind) {
    case JSON_STRING: write_string(json->text, out); return;
    case JSON_NUMBER: write_number(json, out); return;
    case JSON_TRUE: buf_puts(out, "true"); return;
    case JSON_FALSE: buf_puts(out, "false"); return;
    case JSON_OBJECT:
    case JSON_ARRAY: break;
    default: buf_puts(out, "null"); return;
    }
    bool object = json->kind == JSON_OBJECT;
    buf_putc(out, object ? '{' : '[');
    for (const struct json_tree *m = json->first; m; m = m->next) {
        if (m != json->first) buf_puts(out, ", ");
        if (object) {
            write_string(m->key, out);
            buf_puts(out, ": ");
        }
        json_write_python(m, out);
    }
    buf_putc(out, object ? '}' : ']');
}
