/*
 * util/json_tree.h - a small JSON text as a tree in an arena.
 *
 * For configurations and messages. Keys keep their order, numbers keep their text, so that a value
 * can be written out again as it came in. Reading is json_pull.h's, so its limits hold.
 */
#ifndef UTIL_JSON_TREE_H
#define UTIL_JSON_TREE_H

#include "util/json_pull.h"

struct arena;
struct buf;

struct json_tree {
    enum json_event kind; // OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE or NULL
    struct str key;       // inside an object; escapes resolved
    struct str text;      // STRING: escapes resolved; NUMBER: as written
    struct json_tree *first, *next;
    size_t n; // members
};

/* Errors: FORMAT for broken JSON, a name that comes twice, bad UTF-8. */
enum status json_tree_read(struct arena *arena, struct str text, struct json_tree **out,
                           struct error *err);

/* The members of an object, by name; NULL when json is NULL, no object, or has no such member. */
const struct json_tree *json_find(const struct json_tree *json, const char *key);

bool json_is(const struct json_tree *json, enum json_event kind); // false for NULL
double json_as_number(const struct json_tree *json, double otherwise);
bool json_as_bool(const struct json_tree *json, bool otherwise);
struct str json_as_string(const struct json_tree *json, struct str otherwise);

/* Writes the value as Python's json.dumps(ensure_ascii=False) does: ", " and ": " between things,
 * floats in their shortest form (1e-07, 1.0). */
void json_write_python(const struct json_tree *json, struct buf *out);

#endif
