/*
 * exporters/json_text.h - JSON, piece by piece, as it comes: nothing is kept.
 */
#ifndef EXPORTERS_JSON_TEXT_H
#define EXPORTERS_JSON_TEXT_H

#include "util/buf.h"

struct json {
    struct buf *out;
    bool comma; // a comma is due before the next key or value
    bool line;  // so is a line end
};

void json_open(struct json *j, char bracket); // '{' or '['
void json_close(struct json *j, char bracket);
void json_line(struct json *j); // the next key, value or closing bracket starts a line

void json_key(struct json *j, const char *key);

/* A string in quotes. Bad UTF-8 becomes U+FFFD; U+2028 and U+2029 are escaped, so that the text may
 * stand in JavaScript. */
void json_str(struct json *j, struct str s);
void json_int(struct json *j, int value);
void json_true(struct json *j);
void json_number(struct json *j, double value, int decimals);

#endif
