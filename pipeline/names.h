/*
 * pipeline/names.h - where an input's outputs go: a function of the input's name alone.
 *
 *   report.pdf            report.pdf          + ".md", ".html", ...
 *   ../a/./b//c.pdf       a/b/c.pdf           as tar does: nothing leads out of the output folder
 *   /home/u/x.tif         home/u/x.tif
 *   sub.md/a.pdf          sub.md%/a.pdf       a folder never has the name of an output
 *   "a\nb.pdf", "50%"     a%0Ab.pdf, 50%25    no control characters, UTF-8 only, reversible
 *   a very long one       cut, with a hash    every component fits with its extension
 *
 * Different names give different outputs, up to what cleaning the path folds ("./a" and "a", "/a" and
 * "a"); struct name_set catches those.
 */
#ifndef PIPELINE_NAMES_H
#define PIPELINE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/str.h"

/* The base of the outputs' names, mem_free() it. "" for a name with nothing left ("/", ".."). */
char *name_of_output(struct str input);

/* Text from outside as one harmless line: control characters, marks that turn text and bytes that are
 * no UTF-8 become \xNN. mem_free() it. */
char *name_to_show(struct str name);

/* A set of names, by 64-bit hash: one in 10^6 runs over 6 million inputs would see a false clash. */
struct name_set {
    uint64_t *hashes; // 0: empty
    size_t n, cap;    // cap is a power of two
};

/* False when it was there already. */
bool name_set_add(struct name_set *set, struct str name);
void name_set_free(struct name_set *set);

#endif
