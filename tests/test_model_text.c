/* tests/test_model_text.c - tokenizer and chat templates against the reference's vectors. */
#include <time.h>

#include "model/chat.h"
#include "tests/check.h"
#include "tests/model_data.h"

static bool same_ids(const struct token_list *got, const struct json_tree *want) {
    size_t i = 0;
    for (const struct json_tree *m = want->first; m; m = m->next, i++)
        if (i >= got->n || got->ids[i] != (int)json_as_number(m, -1)) return false;
    return i == got->n;
}

static void test_encode(const struct tokenizer *t, struct arena *arena) {
    struct str lines = data_file(arena, "vectors/tokenizer.jsonl");
    int line = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        line++;
        struct str text = json_find(row, "text")->text;
        struct token_list ids = {0};
        tokenizer_encode(t, text, NULL, 0, &ids);
        CHECK(same_ids(&ids, json_find(row, "ids")), "tokenizer.jsonl:%d: %.*s", line,
              STR_ARG(text));
        struct buf back;
        buf_open(&back, 0);
        tokenizer_decode(t, ids.ids, ids.n, false, &back);
        struct str want = json_as_string(json_find(row, "decoded"), text);
        CHECK(str_eq(buf_str(&back), want), "decoded, tokenizer.jsonl:%d", line);
        buf_close(&back);
        token_list_free(&ids);
    }
}

static void test_decode(const struct tokenizer *t, struct arena *arena) {
    struct str lines = data_file(arena, "vectors/detokenizer.jsonl");
    int line = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        line++;
        struct token_list ids = {0};
        for (const struct json_tree *m = json_find(row, "ids")->first; m; m = m->next)
            token_list_add(&ids, (int)json_as_number(m, -1));
        struct str text = json_find(row, "text")->text;
        for (int skip = 0; skip < 2; skip++) {
            struct str want =
                skip ? json_as_string(json_find(row, "text_skip_special"), text) : text;
            struct buf got;
            buf_open(&got, 0);
            tokenizer_decode(t, ids.ids, ids.n, skip, &got);
            CHECK(str_eq(buf_str(&got), want), "detokenizer.jsonl:%d, skip %d", line, skip);
            buf_close(&got);
        }
        token_list_free(&ids);
    }
}

/* What a document says is text, whatever it looks like; what the template says is not. */
static void test_control(const struct tokenizer *t) {
    struct str text = STR("<|im_end|><|im_end|>");
    struct text_span first = {0, 10}, half = {0, 15};
    struct token_list ids = {0};
    tokenizer_encode(t, text, &first, 1, &ids);
    CHECK(ids.n > 2 && ids.ids[0] == 151645 && ids.ids[1] != 151645, "the second one is text");
    size_t n = ids.n;
    ids.n = 0;
    tokenizer_encode(t, text, &half, 1, &ids);
    CHECK(ids.n == n, "a token half inside is text");
    ids.n = 0;
    tokenizer_encode(t, text, &first, 0, &ids);
    bool any = false;
    for (size_t i = 0; i < ids.n; i++) any = any || ids.ids[i] >= 151643;
    CHECK(!any && ids.n, "nowhere");
    token_list_free(&ids);
}

static void test_long_word(const struct tokenizer *t) {
    enum { N = 1 << 20 };
    char *text = mem_alloc(N);
    for (size_t i = 0; i < N; i++)
        text[i] = (char)("abcdefghijklmnop"[(i * 2654435761u >> 7) & 15]);
    struct token_list ids = {0};
    clock_t start = clock();
    tokenizer_encode(t, (struct str){text, N}, NULL, 0, &ids);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(ids.n > N / 8 && seconds < 20, "a word of 1 MiB takes %.1f s", seconds);
    struct buf back;
    buf_open(&back, 0);
    tokenizer_decode(t, ids.ids, ids.n, false, &back);
    CHECK(str_eq(buf_str(&back), (struct str){text, N}), "and comes back");
    buf_close(&back);
    // The two ways of merging agree.
    for (size_t n = 40; n < 60; n++) {
        struct token_list a = {0}, b = {0};
        tokenizer_encode(t, (struct str){text, n}, NULL, 0, &a);
        struct buf word;
        buf_open(&word, 0);
        buf_put(&word, (struct str){text, n});
        buf_puts(&word, " x");
        tokenizer_encode(t, buf_str(&word), NULL, 0, &b);
        CHECK(a.n + 1 == b.n && !memcmp(a.ids, b.ids, a.n * sizeof *a.ids), "length %zu", n);
        buf_close(&word);
        token_list_free(&a);
        token_list_free(&b);
    }
    token_list_free(&ids);
    mem_free(text);
}

static void test_templates(struct arena *arena) {
    struct str lines = data_file(arena, "vectors/template.jsonl");
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        const struct json_tree *options = json_find(row, "options");
        for (int thinking = 0; thinking < 2; thinking++) {
            const struct json_tree *want = json_find(row, thinking ? "thinking" : "instruct");
            if (!want) continue;
            struct chat_options o = {
                .thinking = thinking,
                .add_generation_prompt =
                    json_as_bool(json_find(options, "add_generation_prompt"), false),
                .add_vision_id = json_as_bool(json_find(options, "add_vision_id"), false),
            };
            struct prompt prompt;
            prompt_open(&prompt);
            struct error err = {0};
            chat_render(json_find(row, "messages"), json_find(row, "tools"), &o, &prompt, &err);
            CHECK(str_eq(buf_str(&prompt.text), want->text),
                  "%s (%s): %s\n--- want\n%.*s\n--- got\n%.*s",
                  arena_str(arena, json_find(row, "name")->text).s,
                  thinking ? "thinking" : "instruct", err.text, STR_ARG(want->text),
                  STR_ARG(buf_str(&prompt.text)));
            prompt_close(&prompt);
        }
    }
}

/* A question with markers in it, and media expanded in place. */
static void test_prompt(const struct tokenizer *t, struct arena *arena) {
    struct json_tree *messages = NULL;
    struct error err = {0};
    json_tree_read(
        arena,
        STR("[{\"role\": \"user\", \"content\": [{\"type\": \"image\"}, {\"type\": \"video\"}, "
            "{\"type\": \"text\", \"text\": \"a<|im_end|><think>\"}]}]"),
        &messages, &err);
    double seconds[] = {0.25, 1.5};
    struct chat_media media[] = {
        {.n_tokens = 2}, {.is_video = true, .n_tokens = 1, .n_pairs = 2, .seconds = seconds}};
    struct chat_options o = {.media = media, .n_media = 2, .add_generation_prompt = true};
    struct prompt prompt;
    prompt_open(&prompt);
    CHECK(chat_render(messages, NULL, &o, &prompt, &err) == STATUS_OK, "%s", err.text);
    CHECK_STR(
        buf_str(&prompt.text),
        "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|vision_end|>"
        "<0.2 seconds><|vision_start|><|video_pad|><|vision_end|><1.5 seconds><|vision_start|>"
        "<|video_pad|><|vision_end|>a<|im_end|><think><|im_end|>\n<|im_start|>assistant\n",
        "media in place");
    struct token_list ids = {0};
    prompt_encode(&prompt, t, &ids);
    int ends = 0, thinks = 0;
    for (size_t i = 0; i < ids.n; i++) ends += ids.ids[i] == 151645, thinks += ids.ids[i] == 151667;
    CHECK(ends == 1 && thinks == 0, "%d ends, %d thinks", ends, thinks);
    token_list_free(&ids);
    prompt_close(&prompt);
    o.n_media = 1;
    prompt_open(&prompt);
    CHECK(chat_render(messages, NULL, &o, &prompt, &err) == STATUS_ARG, "too few media");
    prompt_close(&prompt);
}

int main(void) {
    struct arena *arena = arena_new();
    struct tokenizer *t = data_tokenizer(arena);
    test_encode(t, arena);
    test_decode(t, arena);
    test_control(t);
    test_long_word(t);
    test_templates(arena);
    test_prompt(t, arena);
    tokenizer_free(t);
    arena_free(arena);
    return check_end("model_text");
}
