/*
 * tests/model_data.h - reading tests/data/model: whole files, JSON lines, the published tokenizer.
 */
#ifndef TESTS_MODEL_DATA_H
#define TESTS_MODEL_DATA_H

#include <stdio.h>
#include <stdlib.h>

#include "model/checkpoint.h"
#include "model/tokenizer.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/json_tree.h"

/* A file of tests/data/model; ends the program when it is not there. */
static inline struct str data_file(struct arena *arena, const char *name) {
    struct str text = {0};
    struct error err = {0};
    if (checkpoint_read_text(arena, "tests/data/model", name, 64 << 20, &text, &err) != STATUS_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    return text;
}

/* The next line of a JSON-lines file as a tree; NULL at its end. */
static inline const struct json_tree *data_line(struct arena *arena, struct str *text) {
    if (!text->n) return NULL;
    const char *end = memchr(text->s, '\n', text->n);
    size_t n = end ? (size_t)(end - text->s) : text->n;
    struct json_tree *json = NULL;
    struct error err = {0};
    if (json_tree_read(arena, (struct str){text->s, n}, &json, &err) != STATUS_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    *text = str_sub(*text, end ? n + 1 : n, text->n);
    return json;
}

static inline int data_int(const struct json_tree *object, const char *key, int otherwise) {
    return (int)json_as_number(json_find(object, key), otherwise);
}

/* A letter of the byte alphabet, JSON-escaped. */
static inline void data_put_byte(struct buf *out, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int b = (unsigned char)bytes[i], shift = 0;
        for (int c = 0; c < b; c++)
            shift += !((c >= '!' && c <= '~') || (c >= 0xa1 && c <= 0xac) || c >= 0xae);
        bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == '"' || b == '\\') buf_putc(out, '\\');
        buf_put_code_point(out, itself ? (uint32_t)b : 0x100u + (uint32_t)shift);
    }
}

/* tokenizer.json of the published models, from its merges: entry 256 + i is what merge i makes. */
static inline struct tokenizer *data_tokenizer(struct arena *arena) {
    static const char *const added[] = {"<|endoftext|>",
                                        "<|im_start|>",
                                        "<|im_end|>",
                                        "<|object_ref_start|>",
                                        "<|object_ref_end|>",
                                        "<|box_start|>",
                                        "<|box_end|>",
                                        "<|quad_start|>",
                                        "<|quad_end|>",
                                        "<|vision_start|>",
                                        "<|vision_end|>",
                                        "<|vision_pad|>",
                                        "<|image_pad|>",
                                        "<|video_pad|>",
                                        "<tool_call>",
                                        "</tool_call>",
                                        "<|fim_prefix|>",
                                        "<|fim_middle|>",
                                        "<|fim_suffix|>",
                                        "<|fim_pad|>",
                                        "<|repo_name|>",
                                        "<|file_sep|>",
                                        "<tool_response>",
                                        "</tool_response>",
                                        "<think>",
                                        "</think>"};
    struct str pairs = data_file(arena, "tokenizer.merges");
    size_t n = pairs.n / 6;
    struct str *entries = ARENA_ARRAY(arena, 256 + n, struct str);
    size_t id = 0;
    for (int half = 0; half < 2; half++)
        for (int b = 0; b < 256; b++) {
            bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
            char c = (char)b;
            if (itself == (half == 0)) entries[id++] = arena_str(arena, (struct str){&c, 1});
        }
    struct buf json;
    buf_open(&json, 0);
    buf_puts(&json, "{\"added_tokens\": [");
    for (size_t i = 0; i < 26; i++)
        buf_printf(&json, "%s{\"id\": %zu, \"content\": \"%s\", \"special\": %s}", i ? ", " : "",
                   256 + n + i, added[i], i < 14 ? "true" : "false");
    buf_puts(&json,
             "], \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Split\", "
             "\"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}"
             "\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"
             "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}}, \"model\": {\"type\": \"BPE\", "
             "\"merges\": [");
    for (size_t i = 0; i < n; i++) {
        const unsigned char *p = (const unsigned char *)pairs.s + 6 * i;
        struct str a = entries[p[0] | p[1] << 8 | p[2] << 16],
                   b = entries[p[3] | p[4] << 8 | p[5] << 16];
        entries[256 + i] = arena_printf(arena, "%.*s%.*s", STR_ARG(a), STR_ARG(b));
        if (entries[256 + i].n != a.n + b.n) { // a NUL byte: printf stops there
            char *joined = arena_alloc(arena, a.n + b.n + 1);
            memcpy(joined, a.s, a.n);
            memcpy(joined + a.n, b.s, b.n);
            entries[256 + i] = (struct str){joined, a.n + b.n};
        }
        buf_puts(&json, i ? ",\"" : "\"");
        data_put_byte(&json, a.s, a.n);
        buf_putc(&json, ' ');
        data_put_byte(&json, b.s, b.n);
        buf_putc(&json, '"');
    }
    buf_puts(&json, "], \"vocab\": {");
    for (size_t i = 0; i < 256 + n; i++) {
        buf_puts(&json, i ? ",\"" : "\"");
        data_put_byte(&json, entries[i].s, entries[i].n);
        buf_printf(&json, "\":%zu", i);
    }
    buf_puts(&json, "}}}");
    struct tokenizer *t = NULL;
    struct error err = {0};
    if (tokenizer_read(buf_str(&json), &t, &err) != STATUS_OK) printf("%s\n", err.text), exit(1);
    buf_close(&json);
    return t;
}

#endif
