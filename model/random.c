/*
 * model/random.c - see random.h. Numbers are drawn once, a pool of a million, and every row starts
 * at another place of it: a file of 60 GB is written at the speed of the disk.
 */
#include "model/random.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/arena.h"
#include "util/buf.h"

enum { POOL = 1 << 20 };

static const struct {
    const char *name;
    int layers, hidden, heads, kv_heads, head_dim, inner, vocab;
    bool tied;
    int n_experts, n_used, moe_inner;
    int depth, vision_hidden, vision_inner, vision_heads, taps[3];
} shapes[] = {
    {"2b", 28, 2048, 16, 8, 128, 6144, 151936, true, 0, 0, 0, 24, 1024, 4096, 16, {5, 11, 17}},
    {"4b", 36, 2560, 32, 8, 128, 9728, 151936, true, 0, 0, 0, 24, 1024, 4096, 16, {5, 11, 17}},
    {"8b", 36, 4096, 32, 8, 128, 12288, 151936, false, 0, 0, 0, 27, 1152, 4304, 16, {8, 16, 24}},
    {"32b", 64, 5120, 64, 8, 128, 25600, 151936, false, 0, 0, 0, 27, 1152, 4304, 16, {8, 16, 24}},
    {"30b-a3b",
     48,
     2048,
     32,
     4,
     128,
     6144,
     151936,
     false,
     128,
     8,
     768,
     27,
     1152,
     4304,
     16,
     {8, 16, 24}},
    {"235b-a22b",
     94,
     4096,
     64,
     4,
     128,
     12288,
     151936,
     false,
     128,
     8,
     1536,
     27,
     1152,
     4304,
     16,
     {8, 16, 24}},
    {"tiny", 4, 128, 4, 2, 64, 320, 544, true, 0, 0, 0, 4, 128, 512, 4, {0, 1, 2}},
};

enum status random_config(const char *name, int n_layers, struct model_config *out,
                          struct error *err) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].name, name) != 0) continue;
        int layers = n_layers > 0 && n_layers < shapes[i].layers ? n_layers : shapes[i].layers;
        int half = shapes[i].head_dim / 2, side = (half - half % 8) * 5 / 16;
        int pads = shapes[i].vocab > 151655 ? 151655 : 524;
        *out = (struct model_config){
            .text = {.n_layers = layers,
                     .hidden = shapes[i].hidden,
                     .n_heads = shapes[i].heads,
                     .n_kv_heads = shapes[i].kv_heads,
                     .head_dim = shapes[i].head_dim,
                     .intermediate = shapes[i].inner,
                     .vocab = shapes[i].vocab,
                     .rms_eps = 1e-6f,
                     .rope_theta = 5000000,
                     .mrope_section = {half - 2 * side, side, side},
                     .max_positions = 262144,
                     .n_experts = shapes[i].n_experts,
                     .n_experts_used = shapes[i].n_used,
                     .moe_intermediate = shapes[i].moe_inner},
            .vision = {.depth = shapes[i].depth,
                       .hidden = shapes[i].vision_hidden,
                       .n_heads = shapes[i].vision_heads,
                       .intermediate = shapes[i].vision_inner,
                       .out_hidden = shapes[i].hidden,
                       .patch = 16,
                       .temporal_patch = 2,
                       .merge = 2,
                       .position_side = 48,
                       .n_taps = 3},
            .tied = shapes[i].tied,
            .image_token = pads,
            .video_token = pads + 1,
            .vision_start_token = pads - 3,
            .vision_end_token = pads - 2,
        };
        memcpy(out->vision.taps, shapes[i].taps, sizeof shapes[i].taps);
        for (int l = 0; l < layers; l++) out->text.is_sparse[l] = shapes[i].n_experts > 0;
        return STATUS_OK;
    }
    return fail(err, STATUS_ARG,
                "no configuration \"%.40s\": 2b, 4b, 8b, 32b, 30b-a3b, 235b-a22b, tiny", name);
}

/* ---- what a file of that configuration holds ---- */

enum fill { FILL_MATRIX, FILL_ONES, FILL_BIAS, FILL_SCALE };

struct item {
    struct str name;
    enum dtype dtype;
    int n_dims;
    size_t shape[5];
    enum fill fill;
    float spread; // standard deviation
};

struct list {
    struct arena *arena;
    struct item *items;
    size_t n, cap;
    enum dtype dtype;
};

static void add(struct list *l, struct str name, enum dtype dtype, int n_dims, const size_t *shape,
                enum fill fill, float spread) {
    l->items = arena_grow(l->arena, l->items, l->n, &l->cap, sizeof *l->items);
    struct item *item = &l->items[l->n++];
    *item = (struct item){
        .name = name, .dtype = dtype, .n_dims = n_dims, .fill = fill, .spread = spread};
    memcpy(item->shape, shape, (size_t)n_dims * sizeof *shape);
}

static enum dtype plain(const struct list *l) {
    return l->dtype == DTYPE_F8 ? DTYPE_BF16 : l->dtype;
}

static void add_vector(struct list *l, const char *prefix, const char *name, int n,
                       enum fill fill) {
    add(l, arena_printf(l->arena, "%s%s", prefix, name), plain(l), 1, (size_t[]){(size_t)n}, fill,
        0.02f);
}

/* A stack of `stack` matrices (0: one matrix), [rows, columns] each, with scales where they are F8. */
static void add_matrix(struct list *l, enum dtype dtype, int stack, int rows, int columns, int n_in,
                       const char *prefix, const char *name) {
    size_t shape[3] = {(size_t)stack, (size_t)rows, (size_t)columns};
    const size_t *dims = stack ? shape : shape + 1;
    int n_dims = stack ? 3 : 2;
    struct str full = arena_printf(l->arena, "%s%s", prefix, name);
    add(l, full, dtype, n_dims, dims, FILL_MATRIX, 1 / sqrtf((float)n_in));
    if (dtype != DTYPE_F8) return;
    shape[1] = (shape[1] + 127) / 128;
    shape[2] = (shape[2] + 127) / 128;
    add(l, arena_printf(l->arena, "%.*s_scale_inv", STR_ARG(full)), DTYPE_F32, n_dims, dims,
        FILL_SCALE, 1 / sqrtf((float)n_in));
}

static void add_layer(struct list *l, const struct config_text *t, int i) {
    const char *p = arena_printf(l->arena, "model.language_model.layers.%d.", i).s;
    int h = t->hidden, q = t->n_heads * t->head_dim, kv = t->n_kv_heads * t->head_dim;
    add_vector(l, p, "input_layernorm.weight", h, FILL_ONES);
    add_vector(l, p, "post_attention_layernorm.weight", h, FILL_ONES);
    add_vector(l, p, "self_attn.q_norm.weight", t->head_dim, FILL_ONES);
    add_vector(l, p, "self_attn.k_norm.weight", t->head_dim, FILL_ONES);
    add_matrix(l, l->dtype, 0, q, h, h, p, "self_attn.q_proj.weight");
    add_matrix(l, l->dtype, 0, kv, h, h, p, "self_attn.k_proj.weight");
    add_matrix(l, l->dtype, 0, kv, h, h, p, "self_attn.v_proj.weight");
    add_matrix(l, l->dtype, 0, h, q, q, p, "self_attn.o_proj.weight");
    if (t->is_sparse[i]) {
        int m = t->moe_intermediate;
        add_matrix(l, plain(l), 0, t->n_experts, h, h, p, "mlp.gate.weight");
        add_matrix(l, l->dtype, t->n_experts, h, 2 * m, h, p, "mlp.experts.gate_up_proj");
        add_matrix(l, l->dtype, t->n_experts, m, h, m, p, "mlp.experts.down_proj");
        return;
    }
    add_matrix(l, l->dtype, 0, t->intermediate, h, h, p, "mlp.gate_proj.weight");
    add_matrix(l, l->dtype, 0, t->intermediate, h, h, p, "mlp.up_proj.weight");
    add_matrix(l, l->dtype, 0, h, t->intermediate, t->intermediate, p, "mlp.down_proj.weight");
}

static void add_linear(struct list *l, int n_out, int n_in, const char *prefix, const char *name) {
    add_matrix(l, plain(l), 0, n_out, n_in, n_in, prefix,
               arena_printf(l->arena, "%s.weight", name).s);
    add_vector(l, prefix, arena_printf(l->arena, "%s.bias", name).s, n_out, FILL_BIAS);
}

static void add_norm(struct list *l, int n, const char *prefix, const char *name) {
    add_vector(l, prefix, arena_printf(l->arena, "%s.weight", name).s, n, FILL_ONES);
    add_vector(l, prefix, arena_printf(l->arena, "%s.bias", name).s, n, FILL_BIAS);
}

static void add_merger(struct list *l, const struct config_vision *v, const char *p, int norm) {
    int joined = 4 * v->hidden;
    add_norm(l, norm, p, "norm");
    add_linear(l, joined, joined, p, "linear_fc1");
    add_linear(l, v->out_hidden, joined, p, "linear_fc2");
}

static void add_vision(struct list *l, const struct config_vision *v) {
    size_t side = (size_t)v->patch, h = (size_t)v->hidden;
    add(l, STR("model.visual.patch_embed.proj.weight"), plain(l), 5,
        (size_t[]){h, 3, 2, side, side}, FILL_MATRIX, 0.02f);
    add_vector(l, "model.visual.", "patch_embed.proj.bias", v->hidden, FILL_BIAS);
    add_matrix(l, plain(l), 0, v->position_side * v->position_side, v->hidden, 2500,
               "model.visual.", "pos_embed.weight");
    for (int i = 0; i < v->depth; i++) {
        const char *p = arena_printf(l->arena, "model.visual.blocks.%d.", i).s;
        add_norm(l, v->hidden, p, "norm1");
        add_norm(l, v->hidden, p, "norm2");
        add_linear(l, 3 * v->hidden, v->hidden, p, "attn.qkv");
        add_linear(l, v->hidden, v->hidden, p, "attn.proj");
        add_linear(l, v->intermediate, v->hidden, p, "mlp.linear_fc1");
        add_linear(l, v->hidden, v->intermediate, p, "mlp.linear_fc2");
    }
    add_merger(l, v, "model.visual.merger.", v->hidden);
    for (int k = 0; k < v->n_taps; k++)
        add_merger(l, v, arena_printf(l->arena, "model.visual.deepstack_merger_list.%d.", k).s,
                   4 * v->hidden);
}

static void list_all(struct list *l, const struct model_config *c) {
    const struct config_text *t = &c->text;
    add_matrix(l, plain(l), 0, t->vocab, t->hidden, 2500, "",
               "model.language_model.embed_tokens.weight");
    if (!c->tied) add_matrix(l, plain(l), 0, t->vocab, t->hidden, t->hidden, "", "lm_head.weight");
    add_vector(l, "", "model.language_model.norm.weight", t->hidden, FILL_ONES);
    for (int i = 0; i < t->n_layers; i++) add_layer(l, t, i);
    add_vision(l, &c->vision);
}

/* ---- writing ---- */

static size_t count(const struct item *item) {
    size_t n = 1;
    for (int i = 0; i < item->n_dims; i++) n *= item->shape[i];
    return n;
}

static void put_header(const struct list *l, struct buf *out) {
    size_t at = 0;
    buf_putc(out, '{');
    for (size_t i = 0; i < l->n; i++) {
        const struct item *item = &l->items[i];
        buf_printf(out, "%s\"%.*s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "",
                   STR_ARG(item->name), dtype_name(item->dtype));
        for (int d = 0; d < item->n_dims; d++)
            buf_printf(out, "%s%zu", d ? "," : "", item->shape[d]);
        size_t bytes = count(item) * dtype_bytes(item->dtype);
        buf_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    buf_putc(out, '}');
    while (out->n % 8) buf_putc(out, ' ');
}

struct source {
    uint64_t state;
    float *pool; // [POOL], standard normal
};

static uint64_t draw(struct source *s) {
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill_pool(struct source *s) {
    for (size_t i = 0; i < POOL; i += 2) { // Box and Muller
        double a = ((double)(draw(s) >> 11) + 1) * 0x1p-53, b = (double)(draw(s) >> 11) * 0x1p-53;
        double r = sqrt(-2 * log(a));
        s->pool[i] = (float)(r * cos(2 * M_PI * b));
        s->pool[i + 1] = (float)(r * sin(2 * M_PI * b));
    }
}

/* A value of one tensor from a number of the pool. F8 values use the range of the format, their scales
 * bring them back. */
static float shaped(const struct item *item, float normal) {
    switch (item->fill) {
    case FILL_ONES: return 1 + 0.05f * normal;
    case FILL_BIAS: return 0.02f * normal;
    case FILL_SCALE: return item->spread / 64;
    case FILL_MATRIX: break;
    }
    return item->dtype == DTYPE_F8 ? 64 * normal : item->spread * normal;
}

static void encode(const struct item *item, const float *pool, unsigned char *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float value = shaped(item, pool[i]);
        if (item->dtype == DTYPE_BF16) {
            uint16_t h = bf16_of_f32(value);
            memcpy(out + 2 * i, &h, 2);
        } else if (item->dtype == DTYPE_F8) {
            out[i] = f8_of_f32(value);
        } else {
            memcpy(out + 4 * i, &value, 4);
        }
    }
}

static bool write_item(const struct item *item, struct source *s, FILE *file) {
    size_t bytes = dtype_bytes(item->dtype), left = count(item);
    size_t block = left < POOL / 2 ? left : POOL / 2;
    unsigned char *encoded = mem_alloc(mem_product(block * 2, bytes));
    encode(item, s->pool, encoded, block * 2 < POOL ? block * 2 : POOL);
    bool ok = true;
    while (left && ok) { // a window of the encoded pool, each time from another place
        size_t n = left < block ? left : block;
        ok = fwrite(encoded + draw(s) % (block + 1) * bytes, bytes, n, file) == n;
        left -= n;
    }
    mem_free(encoded);
    return ok;
}

static bool write_file(const char *path, const struct list *l, struct source *s) {
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    struct buf header;
    buf_open(&header, 0);
    put_header(l, &header);
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)(header.n >> 8 * i);
    bool ok = fwrite(length, 8, 1, file) == 1 && fwrite(header.data, header.n, 1, file) == 1;
    for (size_t i = 0; i < l->n && ok; i++) ok = write_item(&l->items[i], s, file);
    buf_close(&header);
    return fclose(file) == 0 && ok;
}

static bool write_config(const char *path, const struct model_config *config) {
    struct buf text;
    buf_open(&text, 0);
    config_write(config, &text);
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(text.data, text.n, 1, file) == 1;
    if (file) ok = fclose(file) == 0 && ok;
    buf_close(&text);
    return ok;
}

enum status random_write(const struct model_config *config, enum dtype dtype, uint64_t seed,
                         const char *folder, struct error *err) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fail(err, STATUS_IO, "%.300s: %s", folder, strerror(errno));
    struct arena *arena = arena_new();
    struct list list = {.arena = arena, .dtype = dtype};
    struct model_config written = *config;
    written.fp8_block = dtype == DTYPE_F8 ? 128 : 0;
    list_all(&list, config);
    struct source source = {.state = seed, .pool = ARENA_ARRAY(arena, POOL, float)};
    fill_pool(&source);
    enum status status = STATUS_OK;
    if (!write_config(arena_printf(arena, "%s/config.json", folder).s, &written) ||
        !write_file(arena_printf(arena, "%s/model.safetensors", folder).s, &list, &source))
        status = fail(err, STATUS_IO, "%.300s: cannot be written: %s", folder, strerror(errno));
    arena_free(arena);
    return status;
}
