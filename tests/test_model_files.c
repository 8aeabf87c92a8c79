/* tests/test_model_files.c - JSON, safetensors headers, shard indexes and configurations, most of them
 * hostile: a clean refusal, with a reason, and nothing read outside. */
#include <sys/stat.h>
#include <unistd.h>

#include "model/config.h"
#include "model/model.h"
#include "tests/check.h"
#include "tests/model_data.h"

static const struct {
    const char *text;
    bool good;
} json_cases[] = {
    {"{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\"]}", true},
    {"[]", true},
    {"3", true},
    {"[1,]", false},
    {"{\"a\":1,}", false},
    {"{\"a\" 1}", false},
    {"{a:1}", false},
    {"[1 2]", false},
    {"01", false},
    {"1.", false},
    {"-", false},
    {"1e", false},
    {"nul", false},
    {"\"\\x\"", false},
    {"\"\\u12g4\"", false},
    {"\"a\nb\"", false},
    {"\"open", false},
    {"[1] 2", false},
    {"]", false},
    {"{\"a\":1]", false},
    {"", false},
    {"{\"a\":1,\"a\":2}", false},
    {"\"\xff\"", false},
};

static void test_json(struct arena *arena) {
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++) {
        struct json_tree *json = NULL;
        struct error err = {0};
        enum status status = json_tree_read(arena, str_from(json_cases[i].text), &json, &err);
        CHECK((status == STATUS_OK) == json_cases[i].good, "%s: %s", json_cases[i].text, err.text);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    struct json_tree *json = NULL;
    CHECK(json_tree_read(arena, (struct str){deep, sizeof deep}, &json, NULL) != STATUS_OK,
          "too deep");
    struct error err = {0};
    json_tree_read(arena,
                   STR("[1e-7, 1.0, 1E5, 123456789012345678901, 0.1, 1e16, -0.0, \"\\u0001\\\"\"]"),
                   &json, &err);
    struct buf out;
    buf_open(&out, 0);
    json_write_python(json, &out);
    CHECK_STR(buf_str(&out),
              "[1e-07, 1.0, 100000.0, 123456789012345678901, 0.1, 1e+16, -0.0, \"\\u0001\\\"\"]",
              "numbers as Python writes them");
    buf_close(&out);
}

/* A header and so many bytes of data. */
static const struct {
    const char *name, *header;
    size_t n_data;
    bool good;
} headers[] = {
    {"one", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, true},
    {"none", "{}", 0, true},
    {"padded", "{\"__metadata__\":{\"x\":\"y\"}}    ", 0, true},
    {"empty tensor",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]}}", 0,
     true},
    {"data behind the last", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9,
     false},
    {"data cut", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, false},
    {"size is not the shape's", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
     8, false},
    {"overflow",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0,
     false},
    {"backwards", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,0]}}", 8, false},
    {"negative", "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,0]}}", 0, false},
    {"fraction", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, false},
    {"hole", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, false},
    {"overlap",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, false},
    {"unknown dtype", "{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, false},
    {"dtype missing", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, false},
    {"unknown member", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
     false},
    {"member twice",
     "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, false},
    {"nine dimensions",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, false},
    {"no object", "[]", 0, false},
    {"tensor is no object", "{\"a\":1}", 0, false},
    {"open", "{\"a\":{", 0, false},
    {"bad UTF-8", "{\"\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, false},
};

static void test_headers(struct arena *arena) {
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t n = strlen(headers[i].header), padded = n + (8 - n % 8) % 8,
               total = 8 + padded + headers[i].n_data;
        unsigned char *file = mem_alloc(total);
        for (int k = 0; k < 8; k++) file[k] = (unsigned char)(padded >> 8 * k);
        memset(file + 8, ' ', padded);
        memcpy(file + 8, headers[i].header, n);
        struct checkpoint_entry *entries;
        size_t count;
        struct error err = {0};
        enum status status = checkpoint_parse(arena, file, total, &entries, &count, &err);
        CHECK((status == STATUS_OK) == headers[i].good, "%s: %s", headers[i].name, err.text);
        // Any prefix is refused, but for the one that takes away the byte too many.
        int n_read = 0;
        for (size_t cut = 0; cut < total; cut++) {
            unsigned char *part = mem_alloc(cut);
            memcpy(part, file, cut);
            if (checkpoint_parse(arena, part, cut, &entries, &count, NULL) == STATUS_OK) n_read++;
            mem_free(part);
        }
        CHECK(n_read == (i == 4), "%s: %d prefixes are read", headers[i].name, n_read);
        memset(file, 0xff, 8);
        CHECK(checkpoint_parse(arena, file, total, &entries, &count, &err) != STATUS_OK, "length");
        mem_free(file);
    }
}

static void put_file(const char *folder, const char *name, struct str text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) return;
    bool written = fwrite(text.s, 1, text.n, file) == text.n;
    CHECK(fclose(file) == 0 && written, "%s: written", path);
}

static const struct {
    const char *index, *says;
} indexes[] = {
    {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"x\\u002f..\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\".hidden\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"missing.safetensors\"}}", "missing.safetensors"},
    {"{\"weight_map\":{}}", "no shard"},
    {"{\"weight_map\":[]}", "byte"},
    {"{\"metadata\":{}}", "no shard"},
    {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}", "comes twice"},
};

static void test_folders(void) {
    char folder[] = "/tmp/docmill-files-XXXXXX";
    if (!mkdtemp(folder)) return;
    struct checkpoint *c = NULL;
    struct error err = {0};
    CHECK(checkpoint_open(folder, &c, &err) == STATUS_MISSING && strstr(err.text, "config.json"),
          "%s", err.text);
    put_file(folder, "config.json", STR("{}"));
    CHECK(checkpoint_open(folder, &c, &err) == STATUS_MISSING &&
              strstr(err.text, "model.safetensors"),
          "%s", err.text);
    struct str one = STR(
        "\x38\0\0\0\0\0\0\0{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   Z");
    put_file(folder, "one.safetensors", one);
    put_file(folder, "two.safetensors", one);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        put_file(folder, "model.safetensors.index.json", str_from(indexes[i].index));
        enum status status = checkpoint_open(folder, &c, &err);
        CHECK(status != STATUS_OK && strstr(err.text, indexes[i].says), "%s: %s", indexes[i].index,
              err.text);
    }
    put_file(folder, "model.safetensors.index.json",
             STR("{\"weight_map\":{\"t\":\"one.safetensors\"}}"));
    CHECK(checkpoint_open(folder, &c, &err) == STATUS_OK, "%s", err.text);
    const struct tensor *t = c ? checkpoint_find(c, "t") : NULL;
    CHECK(t && *(const char *)t->data == 'Z' && !checkpoint_find(c, "u"), "the tensor");
    checkpoint_close(c);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command)) printf("cannot remove %s\n", folder);
}

/* One change to a good config.json, and what the refusal must name. */
static const struct {
    const char *from, *to, *says;
} edits[] = {
    {"\"model_type\": \"qwen3_vl_moe\"", "\"model_type\": \"llama\"", "llama"},
    {"\"num_hidden_layers\": 5", "\"num_hidden_layers\": 0", "num_hidden_layers"},
    {"\"num_hidden_layers\": 5", "\"num_hidden_layers\": 1e9", "num_hidden_layers"},
    {"\"num_hidden_layers\": 5", "\"num_hidden_layers\": \"5\"", "num_hidden_layers"},
    {"\"hidden_size\": 96", "\"hidden_size\": -96", "hidden_size"},
    {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "heads"},
    {"\"head_dim\": 32", "\"head_dim\": 33", "head_dim"},
    {"\"rope_theta\": 5000000", "\"rope_theta\": 0", "rope_theta"},
    {"\"mrope_interleaved\": true", "\"mrope_interleaved\": false", "mrope_interleaved"},
    {"\"rope_type\": \"default\"", "\"rope_type\": \"llama3\"", "rope_type"},
    {"\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 9", "num_experts_per_tok"},
    {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "hidden_act"},
    {"\"depth\": 5", "\"depth\": 3", "deepstack"},
    {"\"num_position_embeddings\": 64", "\"num_position_embeddings\": 63", "square"},
    {"\"out_hidden_size\": 96", "\"out_hidden_size\": 97", "out_hidden_size"},
    {"\"image_token_id\": 498", "\"image_token_id\": 512", "image_token_id"},
};

static struct str edited(struct arena *arena, struct str text, const char *from, const char *to) {
    size_t at = str_find(text, str_from(from));
    CHECK(at < text.n, "%s is in the file", from);
    struct str head = str_sub(text, 0, at), tail = str_sub(text, at + strlen(from), text.n);
    return arena_printf(arena, "%.*s%s%.*s", STR_ARG(head), to, STR_ARG(tail));
}

static void test_config(struct arena *arena) {
    struct str good = data_file(arena, "oracle/moe/config.json");
    struct config_sources s = {.config = good};
    struct model_config c;
    struct error err = {0};
    CHECK(config_read(&s, &c, &err) == STATUS_OK, "%s", err.text);
    CHECK(c.text.n_experts == 8 && c.text.mrope_section[1] == 5 && c.image.max_pixels == 16777216 &&
              !c.tied,
          "values");
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        s.config = edited(arena, good, edits[i].from, edits[i].to);
        CHECK(config_read(&s, &c, &err) != STATUS_OK && strstr(err.text, edits[i].says), "%s: %s",
              edits[i].to, err.text);
    }
    // The other spelling says the same.
    s.config = edited(arena, good, "\"rope_scaling\": {",
                      "\"rope_parameters\": { \"rope_theta\": 5000000,");
    s.config = edited(arena, s.config, "\"num_experts\":", "\"num_local_experts\":");
    CHECK(config_read(&s, &c, &err) == STATUS_OK && c.text.n_experts == 8 &&
              c.text.rope_theta == 5000000,
          "%s", err.text);
    // What we write, we read.
    struct buf out;
    buf_open(&out, 0);
    config_write(&c, &out);
    struct config_sources again = {.config = buf_str(&out)};
    struct model_config d;
    CHECK(config_read(&again, &d, &err) == STATUS_OK, "%s", err.text);
    CHECK(config_parameters(&c) == config_parameters(&d) && c.text.head_dim == d.text.head_dim,
          "the same");
    buf_close(&out);
    for (size_t n = 0; n < good.n; n += 7) { // cut short anywhere: refused
        s.config = str_sub(good, 0, n);
        CHECK(n == good.n || config_read(&s, &c, NULL) != STATUS_OK, "cut at %zu", n);
    }
}

int main(void) {
    struct arena *arena = arena_new();
    test_json(arena);
    test_headers(arena);
    test_folders();
    test_config(arena);
    for (int b = 0; b < 256; b++) { // every byte of F8 survives the way to float and back
        float f = f32_of_f8((uint8_t)b);
        CHECK(f != f || f8_of_f32(f) == b, "0x%02x", (unsigned)b);
    }
    CHECK(f8_of_f32(1e9f) == 0x7e && f8_of_f32(-500) == 0xfe && f8_of_f32(0x1p-10f) == 0 &&
              f8_of_f32(17) == f8_of_f32(16),
          "saturates, ties to even");
    CHECK(bf16_of_f32(1.00390625f) == 0x3f80 && bf16_of_f32(1.01171875f) == 0x3f82, "ties to even");
    CHECK(f32_of_f16(0x3c00) == 1 && f32_of_f16(0x0001) == 0x1p-24f && f32_of_f16(0xfbff) == -65504,
          "F16");
    arena_free(arena);
    return check_end("model_files");
}
