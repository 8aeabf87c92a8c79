/*
 * pipeline/memo.h - what was made of an input last time, so that an unchanged one is passed over.
 *
 * OUT/.docmill/ab/cdef...: one small text file for each input, written when its outputs are in place:
 * hash of the input's bytes, of the options that change outputs, and the outputs with their sizes.
 * The journal of a cluster run will take the place of these files.
 */
#ifndef PIPELINE_MEMO_H
#define PIPELINE_MEMO_H

#include <stdbool.h>

#include "pipeline/publish.h"
#include "util/hash.h"

struct memo {
    char input[HASH_HEX + 1];   // SHA-256 of its bytes
    char options[HASH_HEX + 1]; // and of the options
    bool degraded;
};

/* True when the outputs named base were made from these bytes with these options and are still all
 * there, by name and size; then was_degraded says how it went. */
bool memo_matches(int out_fd, struct str base, const struct memo *memo, bool *was_degraded);

/* Errors: IO; errno tells why. */
enum status memo_write(int out_fd, struct str base, const struct memo *memo,
                       const struct published_file *files, size_t n_files, struct error *err);

#endif
