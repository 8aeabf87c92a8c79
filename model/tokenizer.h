/*
 * model/tokenizer.h - text to token ids and back: byte-level BPE as tokenizer.json describes it.
 *
 *   text -> added tokens cut out -> NFC -> words by a fixed regular expression -> bytes -> merges
 *
 * Any vocabulary of this kind is read; a file with another normaliser, another expression or another
 * model is refused, because it would be tokenised wrongly without anybody noticing.
 *
 * Text of documents can never become control tokens: encode() is told which bytes may (the template's)
 * and leaves added tokens alone everywhere else. A tokenizer is read-only after loading: many
 * threads may use one.
 * Source: reference/qwen3-vl.md 3.1; Unicode 15 UAX 15 (NFC).
 */
#ifndef MODEL_TOKENIZER_H
#define MODEL_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

struct buf;
struct tokenizer;

struct token_list {
    int *ids;
    size_t n, cap;
};
void token_list_add(struct token_list *list, int id);
void token_list_free(struct token_list *list);

/* Reads a tokenizer.json from memory; everything is copied. Errors: FORMAT, UNSUPPORTED. */
enum status tokenizer_read(struct str json, struct tokenizer **out, struct error *err);
enum status tokenizer_load(const char *folder, struct tokenizer **out, struct error *err);
void tokenizer_free(struct tokenizer *t); // NULL is fine

int tokenizer_size(const struct tokenizer *t);                         // largest id + 1
int tokenizer_find(const struct tokenizer *t, struct str added_token); // -1: not there
bool tokenizer_is_special(const struct tokenizer *t, int id);

/* Appends the ids of text (valid UTF-8). Added tokens are recognised only where `control` says that
 * all their bytes are control text; NULL means everywhere, and n_control 0 with control set: nowhere.
 * Spans are sorted and do not overlap. */
struct text_span {
    size_t from, to; // bytes
};
void tokenizer_encode(const struct tokenizer *t, struct str text, const struct text_span *control,
                      size_t n_control, struct token_list *out);

/* The bytes of one token; empty for ids that are none. */
struct str tokenizer_bytes(const struct tokenizer *t, int id);

/* Decodes ids to valid UTF-8: one U+FFFD for each maximal broken part. */
void tokenizer_decode(const struct tokenizer *t, const int *ids, size_t n, bool skip_special,
                      struct buf *out);

/* Decodes while tokens arrive: what comes out ends on a code point. Start with {0}. */
struct token_stream {
    unsigned char held[4]; // an unfinished code point
    int n_held;
};
void token_stream_put(struct token_stream *s, struct str bytes, struct buf *out);
void token_stream_end(struct token_stream *s, struct buf *out);

#endif
