/*
 * tests/fuzz/fuzz_model_files.c - anything as a safetensors file, a config.json or a tokenizer.json.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -std=c17 -D_GNU_SOURCE -I. \
 *       tests/fuzz/fuzz_model_files.c model/{checkpoint,config,tensor,tokenizer,unicode}.c util/*.c \
 *       -lunistring -lm -o fuzz && ./fuzz -max_total_time=600 CORPUS
 *
 * The first byte says which: s, c or t. Properties: no crash; every tensor accepted lies in the
 * file.
 */
#include <stdint.h>
#include <stdlib.h>

#include "model/checkpoint.h"
#include "model/config.h"
#include "model/tokenizer.h"
#include "util/arena.h"
#include "util/buf.h"

static void safetensors(const uint8_t *data, size_t n) {
    struct arena *arena = arena_new();
    struct checkpoint_entry *entries = NULL;
    size_t n_entries = 0;
    struct error err;
    if (checkpoint_parse(arena, data, n, &entries, &n_entries, &err) == STATUS_OK)
        for (size_t i = 0; i < n_entries; i++) {
            const struct tensor *t = &entries[i].tensor;
            const uint8_t *p = t->data;
            size_t bytes = tensor_count(t) * (t->dtype == DTYPE_OTHER ? 1 : dtype_bytes(t->dtype));
            if (p < data || p > data + n || bytes > (size_t)(data + n - p)) abort();
        }
    arena_free(arena);
}

static void config(const uint8_t *data, size_t n) {
    struct config_sources sources = {.config = {(const char *)data, n}};
    struct model_config c;
    struct error err;
    if (config_read(&sources, &c, &err) != STATUS_OK) return;
    struct buf out;
    buf_open(&out, 0);
    config_write(&c, &out);
    buf_close(&out);
}

static void tokenizer(const uint8_t *data, size_t n) {
    struct tokenizer *t = NULL;
    struct error err;
    if (tokenizer_read((struct str){(const char *)data, n}, &t, &err) != STATUS_OK) return;
    static const char text[] = "The caf\xc3\xa9, 12 e\xcc\x81l\xc3\xa8ves \xe4\xb8\xad  \n x";
    struct token_list ids = {0};
    tokenizer_encode(t, str_from(text), NULL, 0, &ids);
    struct buf back;
    buf_open(&back, 0);
    tokenizer_decode(t, ids.ids, ids.n, false, &back);
    buf_close(&back);
    token_list_free(&ids);
    tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0) return 0;
    // A copy of its own, aligned as a mapped file is.
    uint8_t *copy = malloc(n);
    for (size_t i = 1; i < n; i++) copy[i - 1] = data[i];
    if (data[0] == 's') safetensors(copy, n - 1);
    if (data[0] == 'c') config(copy, n - 1);
    if (data[0] == 't') tokenizer(copy, n - 1);
    free(copy);
    return 0;
}
