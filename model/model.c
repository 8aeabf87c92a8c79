/* model/model.c - see model.h. */
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>

#include "model/checkpoint.h"
#include "util/arena.h"

struct binder {
    struct model *m;
    const struct model_options *options;
    bool *used; // by entry of the checkpoint
    int n_problems;
    char first[300];
};

static void problem(struct binder *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void problem(struct binder *b, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (b->n_problems++ == 0) memcpy(b->first, text, sizeof text);
    if (b->options->on_problem) b->options->on_problem(b->options->context, text);
}

static void shape_text(char *out, size_t size, const size_t *shape, int n) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < n && used < size; i++) {
        int k = snprintf(out + used, size - used, "%s%zu", i ? ", " : "", shape[i]);
        used += k > 0 ? (size_t)k : 0;
    }
}

static bool has_shape(const struct tensor *t, const size_t *shape, int n) {
    if (t->n_dims != n) return false;
    for (int i = 0; i < n; i++)
        if (t->shape[i] != shape[i]) return false;
    return true;
}

static bool is_float(enum dtype dtype) {
    return dtype == DTYPE_F32 || dtype == DTYPE_BF16 || dtype == DTYPE_F16;
}

/* The tensor of that name, marked as used; NULL and no word when it is not there. */
static const struct tensor *look_up(struct binder *b, const char *name) {
    const struct tensor *t = checkpoint_find(b->m->checkpoint, name);
    if (!t) return NULL;
    const struct checkpoint_entry *e =
        (const struct checkpoint_entry *)((const char *)t -
                                          offsetof(struct checkpoint_entry, tensor));
    b->used[e - checkpoint_at(b->m->checkpoint, 0)] = true;
    return t;
}

static const struct tensor *find_shaped(struct binder *b, const char *name, const size_t *shape,
                                        int n) {
    const struct tensor *t = look_up(b, name);
    if (!t) {
        problem(b, "%s is missing", name);
    } else if (!has_shape(t, shape, n)) {
        char got[100], want[100];
        shape_text(got, sizeof got, t->shape, t->n_dims);
        shape_text(want, sizeof want, shape, n);
        problem(b, "%s has the shape [%s], want [%s]", name, got, want);
        t = NULL;
    }
    return t;
}

static void bind_vector(struct binder *b, struct tensor *out, int n, const char *name) {
    const struct tensor *t = find_shaped(b, name, (size_t[]){(size_t)n}, 1);
    if (t && !is_float(t->dtype)) problem(b, "%s is %s, want a float", name, dtype_name(t->dtype));
    if (t) *out = *t;
}

static void name_of(char out[256], const char *prefix, const char *name) {
    snprintf(out, 256, "%s%s", prefix, name);
}

static void bind_vector_in(struct binder *b, struct tensor *out, int n, const char *prefix,
                           const char *name) {
    char full[256];
    name_of(full, prefix, name);
    bind_vector(b, out, n, full);
}

static size_t blocks_of(size_t n) {
    return (n + 127) / 128;
}

/* Finds the scales of an F8 tensor; shape is that of the tensor. */
static const struct tensor *find_scales(struct binder *b, const char *name, const size_t *shape,
                                        int n) {
    char full[280];
    snprintf(full, sizeof full, "%s_scale_inv", name);
    size_t want[3];
    for (int i = 0; i < n; i++) want[i] = i < n - 2 ? shape[i] : blocks_of(shape[i]);
    const struct tensor *t = find_shaped(b, full, want, n);
    if (t && t->dtype != DTYPE_F32 && t->dtype != DTYPE_BF16) {
        problem(b, "%s is %s, want F32 or BF16", full, dtype_name(t->dtype));
        t = NULL;
    }
    return t;
}

static bool check_weight_dtype(struct binder *b, const struct tensor *t, const char *name) {
    if (is_float(t->dtype) || t->dtype == DTYPE_F8) return true;
    problem(b, "%s is %s, want F32, BF16, F16 or F8_E4M3", name, dtype_name(t->dtype));
    return false;
}

static void bind_weight(struct binder *b, struct weight *out, int n_out, int n_in,
                        const char *prefix, const char *name) {
    char full[256];
    name_of(full, prefix, name);
    size_t shape[2] = {(size_t)n_out, (size_t)n_in};
    *out = (struct weight){.n_out = shape[0], .n_in = shape[1], .stride = shape[1]};
    const struct tensor *t = find_shaped(b, full, shape, 2);
    if (!t || !check_weight_dtype(b, t, full)) return;
    out->dtype = t->dtype;
    out->data = t->data;
    if (t->dtype != DTYPE_F8) return;
    const struct tensor *scale = find_scales(b, full, shape, 2);
    if (!scale) return;
    out->scale = scale->data;
    out->scale_dtype = scale->dtype;
    out->scale_stride = scale->shape[1];
}

/* ---- experts ---- */

/* Matrix e of a stack [E, rows, columns] as a weight of n_out x n_in. */
static struct weight stacked(const struct tensor *t, const struct tensor *scale, size_t e,
                             size_t n_out, size_t n_in, bool input_major) {
    size_t rows = t->shape[1], columns = t->shape[2];
    struct weight w = {.dtype = t->dtype,
                       .n_out = n_out,
                       .n_in = n_in,
                       .stride = columns,
                       .input_major = input_major};
    w.data = (const char *)t->data + e * rows * columns * dtype_bytes(t->dtype);
    if (scale) {
        size_t n = scale->shape[1] * scale->shape[2];
        w.scale = (const char *)scale->data + e * n * dtype_bytes(scale->dtype);
        w.scale_dtype = scale->dtype;
        w.scale_stride = scale->shape[2];
    }
    return w;
}

/* Outputs [from, from + n) of w. */
static struct weight some_outputs(struct weight w, size_t from, size_t n) {
    size_t offset = w.input_major ? from : from * w.stride;
    w.data = (const char *)w.data + offset * dtype_bytes(w.dtype);
    w.first_out = from;
    w.n_out = n;
    return w;
}

/* Is a stack of [n_out x n_in] matrices stored [E, in, out]? -1: neither shape fits. */
static int orientation(struct binder *b, const struct tensor *t, size_t n_experts, size_t n_out,
                       size_t n_in, int when_square) {
    bool in_out = has_shape(t, (size_t[]){n_experts, n_in, n_out}, 3);
    bool out_in = has_shape(t, (size_t[]){n_experts, n_out, n_in}, 3);
    if (in_out && out_in) return when_square >= 0 ? when_square : !b->options->experts_out_in;
    return in_out ? 1 : out_in ? 0 : -1;
}

static void bind_stacks(struct binder *b, struct text_layer *l, const struct tensor *gate_up,
                        const struct tensor *down, const char *gate_up_name,
                        const char *down_name) {
    const struct config_text *c = &b->m->config.text;
    size_t n = (size_t)c->n_experts, hidden = (size_t)c->hidden,
           inner = (size_t)c->moe_intermediate;
    int gate_major = orientation(b, gate_up, n, 2 * inner, hidden, -1);
    int down_major = orientation(b, down, n, hidden, inner, 2 * inner == hidden ? -1 : gate_major);
    if (gate_major < 0) problem(b, "%s has neither of its two shapes", gate_up_name);
    if (down_major < 0) problem(b, "%s has neither of its two shapes", down_name);
    if (gate_major < 0 || down_major < 0) return;
    if (!check_weight_dtype(b, gate_up, gate_up_name) || !check_weight_dtype(b, down, down_name))
        return;
    const struct tensor *gate_scale = NULL, *down_scale = NULL;
    if (gate_up->dtype == DTYPE_F8) gate_scale = find_scales(b, gate_up_name, gate_up->shape, 3);
    if (down->dtype == DTYPE_F8) down_scale = find_scales(b, down_name, down->shape, 3);
    if ((gate_up->dtype == DTYPE_F8 && !gate_scale) || (down->dtype == DTYPE_F8 && !down_scale))
        return;
    for (size_t e = 0; e < n; e++) {
        struct weight both = stacked(gate_up, gate_scale, e, 2 * inner, hidden, gate_major == 1);
        l->experts[e].gate = some_outputs(both, 0, inner);
        l->experts[e].up = some_outputs(both, inner, inner);
        l->experts[e].down = stacked(down, down_scale, e, hidden, inner, down_major == 1);
    }
}

static void bind_experts(struct binder *b, struct text_layer *l, const char *prefix) {
    const struct config_text *c = &b->m->config.text;
    l->experts = ARENA_ARRAY(b->m->arena, (size_t)c->n_experts, struct expert);
    bind_weight(b, &l->router, c->n_experts, c->hidden, prefix, "mlp.gate.weight");
    char gate_up_name[256], down_name[256], one[256];
    name_of(gate_up_name, prefix, "mlp.experts.gate_up_proj");
    name_of(down_name, prefix, "mlp.experts.down_proj");
    name_of(one, prefix, "mlp.experts.0.gate_proj.weight");
    if (checkpoint_find(b->m->checkpoint, one)) { // other exporters write expert by expert
        for (int e = 0; e < c->n_experts; e++) {
            char part[280];
            snprintf(part, sizeof part, "%smlp.experts.%d.", prefix, e);
            bind_weight(b, &l->experts[e].gate, c->moe_intermediate, c->hidden, part,
                        "gate_proj.weight");
            bind_weight(b, &l->experts[e].up, c->moe_intermediate, c->hidden, part,
                        "up_proj.weight");
            bind_weight(b, &l->experts[e].down, c->hidden, c->moe_intermediate, part,
                        "down_proj.weight");
        }
        return;
    }
    const struct tensor *gate_up = look_up(b, gate_up_name), *down = look_up(b, down_name);
    if (!gate_up) problem(b, "%s is missing", gate_up_name);
    if (!down) problem(b, "%s is missing", down_name);
    if (gate_up && down) bind_stacks(b, l, gate_up, down, gate_up_name, down_name);
}

/* ---- text ---- */

static void bind_layer(struct binder *b, int i) {
    const struct config_text *c = &b->m->config.text;
    struct text_layer *l = &b->m->layers[i];
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    char p[128];
    snprintf(p, sizeof p, "model.language_model.layers.%d.", i);
    bind_vector_in(b, &l->input_norm, c->hidden, p, "input_layernorm.weight");
    bind_vector_in(b, &l->post_norm, c->hidden, p, "post_attention_layernorm.weight");
    bind_vector_in(b, &l->q_norm, c->head_dim, p, "self_attn.q_norm.weight");
    bind_vector_in(b, &l->k_norm, c->head_dim, p, "self_attn.k_norm.weight");
    bind_weight(b, &l->q, q, c->hidden, p, "self_attn.q_proj.weight");
    bind_weight(b, &l->k, kv, c->hidden, p, "self_attn.k_proj.weight");
    bind_weight(b, &l->v, kv, c->hidden, p, "self_attn.v_proj.weight");
    bind_weight(b, &l->o, c->hidden, q, p, "self_attn.o_proj.weight");
    if (c->is_sparse[i]) {
        bind_experts(b, l, p);
        return;
    }
    bind_weight(b, &l->gate, c->intermediate, c->hidden, p, "mlp.gate_proj.weight");
    bind_weight(b, &l->up, c->intermediate, c->hidden, p, "mlp.up_proj.weight");
    bind_weight(b, &l->down, c->hidden, c->intermediate, p, "mlp.down_proj.weight");
}

static void bind_text(struct binder *b) {
    struct model *m = b->m;
    const struct config_text *c = &m->config.text;
    bind_weight(b, &m->embed, c->vocab, c->hidden, "", "model.language_model.embed_tokens.weight");
    bind_vector(b, &m->final_norm, c->hidden, "model.language_model.norm.weight");
    if (m->config.tied) {
        m->head = m->embed;
        look_up(b, "lm_head.weight"); // some exporters write it all the same
    } else {
        bind_weight(b, &m->head, c->vocab, c->hidden, "", "lm_head.weight");
    }
    m->layers = ARENA_ARRAY(m->arena, (size_t)c->n_layers, struct text_layer);
    for (int i = 0; i < c->n_layers; i++) bind_layer(b, i);
}

/* ---- vision ---- */

static void bind_patch_embed(struct binder *b) {
    struct model *m = b->m;
    const struct config_vision *c = &m->config.vision;
    const char *name = "model.visual.patch_embed.proj.weight";
    size_t side = (size_t)c->patch, row = 6 * side * side, hidden = (size_t)c->hidden;
    const struct tensor *t = find_shaped(b, name, (size_t[]){hidden, 3, 2, side, side}, 5);
    m->patch_embed = (struct weight){.n_out = hidden, .n_in = row, .stride = row};
    if (t && is_float(t->dtype)) {
        m->patch_embed.dtype = t->dtype;
        m->patch_embed.data = t->data;
    } else if (t) {
        problem(b, "%s is %s, want a float", name, dtype_name(t->dtype));
    }
    bind_vector(b, &m->patch_embed_b, c->hidden, "model.visual.patch_embed.proj.bias");
    name = "model.visual.pos_embed.weight";
    size_t positions = (size_t)c->position_side * (size_t)c->position_side;
    t = find_shaped(b, name, (size_t[]){positions, hidden}, 2);
    if (t && !is_float(t->dtype)) problem(b, "%s is %s, want a float", name, dtype_name(t->dtype));
    if (t) m->position_table = *t;
}

static void bind_block(struct binder *b, int i) {
    const struct config_vision *c = &b->m->config.vision;
    struct vision_block *v = &b->m->blocks[i];
    int h = c->hidden;
    char p[128];
    snprintf(p, sizeof p, "model.visual.blocks.%d.", i);
    bind_vector_in(b, &v->norm1_w, h, p, "norm1.weight");
    bind_vector_in(b, &v->norm1_b, h, p, "norm1.bias");
    bind_vector_in(b, &v->norm2_w, h, p, "norm2.weight");
    bind_vector_in(b, &v->norm2_b, h, p, "norm2.bias");
    bind_weight(b, &v->qkv, 3 * h, h, p, "attn.qkv.weight");
    bind_vector_in(b, &v->qkv_b, 3 * h, p, "attn.qkv.bias");
    bind_weight(b, &v->proj, h, h, p, "attn.proj.weight");
    bind_vector_in(b, &v->proj_b, h, p, "attn.proj.bias");
    bind_weight(b, &v->fc1, c->intermediate, h, p, "mlp.linear_fc1.weight");
    bind_vector_in(b, &v->fc1_b, c->intermediate, p, "mlp.linear_fc1.bias");
    bind_weight(b, &v->fc2, h, c->intermediate, p, "mlp.linear_fc2.weight");
    bind_vector_in(b, &v->fc2_b, h, p, "mlp.linear_fc2.bias");
}

static void bind_merger(struct binder *b, struct vision_merger *g, const char *p, bool norm_after) {
    const struct config_vision *c = &b->m->config.vision;
    int joined = c->hidden * c->merge * c->merge;
    g->norm_after = norm_after;
    bind_vector_in(b, &g->norm_w, norm_after ? joined : c->hidden, p, "norm.weight");
    bind_vector_in(b, &g->norm_b, norm_after ? joined : c->hidden, p, "norm.bias");
    bind_weight(b, &g->fc1, joined, joined, p, "linear_fc1.weight");
    bind_vector_in(b, &g->fc1_b, joined, p, "linear_fc1.bias");
    bind_weight(b, &g->fc2, c->out_hidden, joined, p, "linear_fc2.weight");
    bind_vector_in(b, &g->fc2_b, c->out_hidden, p, "linear_fc2.bias");
}

static void bind_vision(struct binder *b) {
    struct model *m = b->m;
    const struct config_vision *c = &m->config.vision;
    bind_patch_embed(b);
    m->blocks = ARENA_ARRAY(m->arena, (size_t)c->depth, struct vision_block);
    for (int i = 0; i < c->depth; i++) bind_block(b, i);
    bind_merger(b, &m->merger, "model.visual.merger.", false);
    for (int k = 0; k < c->n_taps; k++) {
        char p[128];
        snprintf(p, sizeof p, "model.visual.deepstack_merger_list.%d.", k);
        bind_merger(b, &m->taps[k], p, true);
    }
}

/* ---- all of it ---- */

static enum status bind_all(struct model *m, const struct model_options *options,
                            struct error *err) {
    size_t n = checkpoint_count(m->checkpoint);
    struct binder b = {.m = m, .options = options};
    b.used = ARENA_ARRAY(m->arena, n + 1, bool);
    bind_text(&b);
    bind_vision(&b);
    int n_bad = b.n_problems;
    // Unknown tensors do no harm to what is computed: they are reported, not refused.
    for (size_t i = 0; i < n; i++)
        if (!b.used[i])
            problem(&b, "%.*s is unknown", STR_ARG(checkpoint_at(m->checkpoint, i)->name));
    if (n_bad == 0) return STATUS_OK;
    fail(err, STATUS_FORMAT, "%s", b.first);
    if (n_bad > 1) fail(err, STATUS_FORMAT, "%s (and %d more)", b.first, n_bad - 1);
    return fail_in(err, "%.200s", checkpoint_folder(m->checkpoint));
}

enum status model_open(const char *folder, const struct model_options *options, struct model **out,
                       struct error *err) {
    struct arena *arena = arena_new();
    struct model *m = ARENA_NEW(arena, struct model);
    m->arena = arena;
    char real[4096];
    enum status status = checkpoint_resolve(folder, real, sizeof real, err);
    if (status == STATUS_OK) status = config_load(real, &m->config, err);
    if (status == STATUS_OK) status = checkpoint_open(real, &m->checkpoint, err);
    if (status == STATUS_OK) status = bind_all(m, options, err);
    if (status == STATUS_OK)
        status = device_open(options->device, options->n_threads, &m->device, err);
    if (status == STATUS_OK) {
        *out = m;
    } else {
        model_close(m);
    }
    return status;
}

void model_close(struct model *m) {
    if (!m) return;
    if (m->device.ops) device_close(&m->device);
    checkpoint_close(m->checkpoint);
    arena_free(m->arena);
}

uint64_t config_parameters(const struct model_config *config) {
    const struct config_text *t = &config->text;
    const struct config_vision *v = &config->vision;
    uint64_t h = (uint64_t)t->hidden, q = (uint64_t)t->n_heads * (uint64_t)t->head_dim;
    uint64_t kv = (uint64_t)t->n_kv_heads * (uint64_t)t->head_dim;
    uint64_t n = (uint64_t)t->vocab * h * (config->tied ? 1 : 2) + h;
    for (int l = 0; l < t->n_layers; l++) {
        n += 2 * h + 2 * (uint64_t)t->head_dim + 2 * q * h + 2 * kv * h;
        if (t->is_sparse[l])
            n += (uint64_t)t->n_experts * (h + 3 * h * (uint64_t)t->moe_intermediate);
        else
            n += 3 * h * (uint64_t)t->intermediate;
    }
    uint64_t w = (uint64_t)v->hidden, i = (uint64_t)v->intermediate, j = 4 * w;
    n += w * 3 * 2 * (uint64_t)v->patch * (uint64_t)v->patch + w;
    n += w * (uint64_t)v->position_side * (uint64_t)v->position_side;
    n += (uint64_t)v->depth * (4 * w + 4 * w * w + 4 * w + 2 * w * i + i + w);
    uint64_t merger = j * j + j + j * (uint64_t)v->out_hidden + (uint64_t)v->out_hidden;
    n += (2 * w + merger) + (uint64_t)v->n_taps * (2 * j + merger);
    return n;
}

size_t config_kv_bytes(const struct model_config *config, enum dtype dtype) {
    const struct config_text *t = &config->text;
    return 2 * (size_t)t->n_layers * (size_t)t->n_kv_heads * (size_t)t->head_dim *
           dtype_bytes(dtype);
}
