/* exporters/json_text.c - see json_text.h. */
#include "exporters/json_text.h"

static void separate(struct json *j) {
    if (j->comma) buf_putc(j->out, ',');
    if (j->line)
        buf_putc(j->out, '\n');
    else if (j->comma)
        buf_putc(j->out, ' ');
    j->comma = j->line = false;
}

void json_open(struct json *j, char bracket) {
    separate(j);
    buf_putc(j->out, bracket);
}

void json_close(struct json *j, char bracket) {
    j->comma = false;
    separate(j);
    buf_putc(j->out, bracket);
    j->comma = true;
}

void json_line(struct json *j) {
    j->line = true;
}

static bool is_plain(char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_code_point(struct buf *out, uint32_t c) {
    switch (c) {
    case '"': buf_puts(out, "\\\""); break;
    case '\\': buf_puts(out, "\\\\"); break;
    case '\n': buf_puts(out, "\\n"); break;
    case '\t': buf_puts(out, "\\t"); break;
    default:
        if (c < 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029)
            buf_printf(out, "\\u%04x", c);
        else
            buf_put_code_point(out, c);
    }
}

static void put_string(struct buf *out, struct str s) {
    buf_putc(out, '"');
    while (s.n) {
        size_t n = 0;
        while (n < s.n && is_plain(s.s[n])) n++;
        buf_put(out, str_sub(s, 0, n));
        s = str_sub(s, n, s.n);
        uint32_t c;
        if (utf8_next(&s, &c)) put_code_point(out, c);
    }
    buf_putc(out, '"');
}

void json_key(struct json *j, const char *key) {
    separate(j);
    put_string(j->out, str_from(key));
    buf_puts(j->out, ": ");
}

void json_str(struct json *j, struct str s) {
    separate(j);
    put_string(j->out, s);
    j->comma = true;
}

void json_int(struct json *j, int value) {
    separate(j);
    buf_printf(j->out, "%d", value);
    j->comma = true;
}

void json_true(struct json *j) {
    separate(j);
    buf_puts(j->out, "true");
    j->comma = true;
}

void json_number(struct json *j, double value, int decimals) {
    separate(j);
    buf_number(j->out, value, decimals);
    j->comma = true;
}
