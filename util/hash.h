/*
 * util/hash.h - SHA-256: what identifies an input's content, and names by their content.
 */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

enum { HASH_BYTES = 32, HASH_HEX = 2 * HASH_BYTES };

void hash_bytes(struct str bytes, uint8_t out[HASH_BYTES]);
/* The first 8 bytes of the SHA-256 as a number: for sets of names. */
uint64_t hash_u64(struct str bytes);
/* Hashes a file from its start with pread(); n_bytes is what was there. Errors: IO. */
enum status hash_file(int fd, uint8_t out[HASH_BYTES], int64_t *n_bytes, struct error *err);
void hash_to_hex(const uint8_t hash[HASH_BYTES], char out[HASH_HEX + 1]);

#endif
