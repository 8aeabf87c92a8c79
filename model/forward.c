/*
 * model/forward.c - Qwen3-VL from patches and tokens to logits, told top to bottom.
 *
 *   patches -> patch embedding + positions -> blocks -> merger       -> visual rows
 *                                               \-> DeepStack taps   -> rows added to early layers
 *   tokens -> embedding, visual rows in place -> layers (attention, MLP or experts) -> norm -> logits
 *
 * Everything is asked of the device's table of operations (ops.h); nothing here looks at a number.
 * Source: reference Qwen3VLVisionModel, Qwen3VLTextModel; reference/qwen3-vl.md 5 and 6.
 */
#include "model/forward.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "util/mem.h"

static const float vision_eps = 1e-6f; // written in the reference's code, not in the configuration

enum { VISION_ROWS = 1024 }; // of a picture's MLP at a time

struct forward {
    struct model *m;
    struct device *dev;
    const struct ops *ops;
    const struct trace *trace;
    size_t max_rows, max_wanted, n_bytes;
    // [max_rows, ...]
    struct tensor x, h, q, k, v, attended, out, gate, up, cos, sin;
    struct tensor router, some, some_gate, some_up,
        some_out;               // experts, for the rows of one of them
    struct tensor last, logits; // [max_wanted, ...]
    // Host side of a pass.
    int *ids, *wanted, *rows, *from, *experts;
    float *angles, *expert_weights, *scales;
    struct positions positions;
    struct attend_item *attend;
};

/* ---- buffers ---- */

static enum status buffer(struct forward *f, struct tensor *t, size_t n, size_t columns,
                          struct error *err) {
    *t = tensor_2d(DTYPE_F32, NULL, n, columns);
    f->n_bytes += n * columns * sizeof(float);
    return f->ops->alloc(f->dev, n * columns * sizeof(float), &t->data, err);
}

static enum status expert_buffers(struct forward *f, struct error *err) {
    const struct config_text *c = &f->m->config.text;
    size_t n = f->max_rows, inner = (size_t)c->moe_intermediate, hidden = (size_t)c->hidden;
    TRY(buffer(f, &f->router, n, (size_t)c->n_experts, err));
    TRY(buffer(f, &f->some, n, hidden, err));
    TRY(buffer(f, &f->some_gate, n, inner, err));
    TRY(buffer(f, &f->some_up, n, inner, err));
    f->experts = mem_alloc(mem_product(n * (size_t)c->n_experts_used, sizeof(int)));
    f->expert_weights = mem_alloc(mem_product(n * (size_t)c->n_experts_used, sizeof(float)));
    f->scales = mem_alloc(mem_product(n, sizeof(float)));
    return buffer(f, &f->some_out, n, hidden, err);
}

static enum status text_buffers(struct forward *f, struct error *err) {
    const struct config_text *c = &f->m->config.text;
    size_t n = f->max_rows, d = (size_t)c->head_dim, hidden = (size_t)c->hidden;
    size_t q = (size_t)c->n_heads * d, kv = (size_t)c->n_kv_heads * d,
           inner = (size_t)c->intermediate;
    TRY(buffer(f, &f->x, n, hidden, err));
    TRY(buffer(f, &f->h, n, hidden, err));
    TRY(buffer(f, &f->out, n, hidden, err));
    TRY(buffer(f, &f->q, n, q, err));
    TRY(buffer(f, &f->k, n, kv, err));
    TRY(buffer(f, &f->v, n, kv, err));
    TRY(buffer(f, &f->attended, n, q, err));
    TRY(buffer(f, &f->gate, n, inner, err));
    TRY(buffer(f, &f->up, n, inner, err));
    TRY(buffer(f, &f->cos, n, d / 2, err));
    TRY(buffer(f, &f->sin, n, d / 2, err));
    TRY(buffer(f, &f->last, f->max_wanted, hidden, err));
    TRY(buffer(f, &f->logits, f->max_wanted, (size_t)c->vocab, err));
    return c->n_experts ? expert_buffers(f, err) : STATUS_OK;
}

enum status forward_open(struct model *m, size_t max_rows, size_t max_wanted, struct forward **out,
                         struct error *err) {
    struct forward *f = mem_alloc(sizeof *f);
    *f = (struct forward){.m = m,
                          .dev = &m->device,
                          .ops = m->device.ops,
                          .max_rows = max_rows,
                          .max_wanted = max_wanted};
    f->ids = mem_alloc(mem_product(max_rows, sizeof(int)));
    f->wanted = mem_alloc(mem_product(max_wanted, sizeof(int)));
    f->rows = mem_alloc(mem_product(max_rows, sizeof(int)));
    f->from = mem_alloc(mem_product(max_rows, sizeof(int)));
    f->angles = mem_alloc(mem_product(max_rows * (size_t)m->config.text.head_dim, sizeof(float)));
    f->attend = mem_alloc(mem_product(max_rows, sizeof *f->attend));
    for (int a = 0; a < 3; a++)
        f->positions.axis[a] = mem_alloc(mem_product(max_rows, sizeof(int)));
    enum status status = text_buffers(f, err);
    if (status == STATUS_OK) {
        *out = f;
    } else {
        forward_close(f);
    }
    return status;
}

void forward_close(struct forward *f) {
    if (!f) return;
    struct tensor *all[] = {&f->x,        &f->h,      &f->q,     &f->k,         &f->v,
                            &f->attended, &f->out,    &f->gate,  &f->up,        &f->cos,
                            &f->sin,      &f->router, &f->some,  &f->some_gate, &f->some_up,
                            &f->some_out, &f->last,   &f->logits};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) f->ops->release(f->dev, all[i]->data);
    void *host[] = {f->ids,     f->wanted,         f->rows,   f->from,  f->angles,
                    f->experts, f->expert_weights, f->scales, f->attend};
    for (size_t i = 0; i < sizeof host / sizeof *host; i++) mem_free(host[i]);
    positions_free(&f->positions);
    mem_free(f);
}

size_t forward_bytes(const struct forward *f) {
    return f->n_bytes;
}

void forward_trace(struct forward *f, const struct trace *trace) {
    f->trace = trace;
}

/* ---- tracing ---- */

static void see(struct forward *f, const struct tensor *t, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void see(struct forward *f, const struct tensor *t, const char *format, ...) {
    if (!f->trace) return;
    char name[80];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    if (!f->trace->wants(f->trace->context, name)) return;
    float *copy = mem_alloc(mem_product(tensor_count(t), sizeof *copy));
    f->ops->read(f->dev, copy, t);
    f->trace->see(f->trace->context, name, DTYPE_F32, copy, t->shape[0], tensor_row(t));
    mem_free(copy);
}

static void see_host(struct forward *f, int layer, const char *what, enum dtype dtype,
                     const void *data, size_t n, size_t columns) {
    if (!f->trace) return;
    char name[80];
    snprintf(name, sizeof name, "text.layer.%d.%s", layer, what);
    if (f->trace->wants(f->trace->context, name))
        f->trace->see(f->trace->context, name, dtype, data, n, columns);
}

/* ---- vision tower ---- */

struct picture { // the buffers of one picture or frame; P patches, w columns
    size_t n;    // P
    struct tensor x, h, qkv, attended, inner; // inner: the MLP's, of some rows at a time
    struct tensor cos, sin, patches;
    struct tensor joined, joined_inner, merged; // the mergers': P / 4 rows
};

static void picture_close(struct forward *f, struct picture *p) {
    struct tensor *all[] = {&p->x,   &p->h,       &p->qkv,    &p->attended,     &p->inner, &p->cos,
                            &p->sin, &p->patches, &p->joined, &p->joined_inner, &p->merged};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) f->ops->release(f->dev, all[i]->data);
}

static enum status picture_open(struct forward *f, struct picture *p, struct grid g,
                                struct error *err) {
    const struct config_vision *c = &f->m->config.vision;
    size_t w = (size_t)c->hidden, n = (size_t)g.h * (size_t)g.w, half = w / (size_t)c->n_heads / 2;
    size_t kept = f->n_bytes, rows = n < VISION_ROWS ? n : VISION_ROWS;
    *p = (struct picture){.n = n};
    TRY(buffer(f, &p->x, n, w, err));
    TRY(buffer(f, &p->h, n, w, err));
    TRY(buffer(f, &p->qkv, n, 3 * w, err));
    TRY(buffer(f, &p->attended, n, w, err));
    TRY(buffer(f, &p->inner, rows, (size_t)c->intermediate, err));
    TRY(buffer(f, &p->cos, n, half, err));
    TRY(buffer(f, &p->sin, n, half, err));
    TRY(buffer(f, &p->patches, n, f->m->patch_embed.n_in, err));
    TRY(buffer(f, &p->joined, n, w, err));
    TRY(buffer(f, &p->joined_inner, n / 4, 4 * w, err));
    TRY(buffer(f, &p->merged, n / 4, (size_t)c->out_hidden, err));
    f->n_bytes = kept; // they go again
    float *angles = mem_alloc(mem_product(n * half * 2, sizeof *angles));
    positions_vision_angles(g, (int)half * 2, angles, angles + n * half);
    f->ops->write(f->dev, &p->cos, angles);
    f->ops->write(f->dev, &p->sin, angles + n * half);
    mem_free(angles);
    return STATUS_OK;
}

static void vision_attention(struct forward *f, const struct vision_block *b, struct picture *p) {
    const struct config_vision *c = &f->m->config.vision;
    size_t w = (size_t)c->hidden;
    f->ops->layer_norm(f->dev, &p->h, &p->x, &b->norm1_w, &b->norm1_b, vision_eps);
    f->ops->linear(f->dev, &p->qkv, &p->h, &b->qkv, &b->qkv_b);
    struct tensor q = tensor_columns(&p->qkv, 0, w), k = tensor_columns(&p->qkv, w, w);
    struct tensor v = tensor_columns(&p->qkv, 2 * w, w);
    f->ops->rotate(f->dev, &q, &p->cos, &p->sin, c->n_heads);
    f->ops->rotate(f->dev, &k, &p->cos, &p->sin, c->n_heads);
    float scale = 1 / sqrtf((float)c->hidden / (float)c->n_heads);
    f->ops->attend_frame(f->dev, &p->attended, &q, &k, &v, c->n_heads, scale);
    f->ops->linear(f->dev, &p->h, &p->attended, &b->proj, &b->proj_b);
}

static void vision_mlp(struct forward *f, const struct vision_block *b, struct picture *p) {
    f->ops->layer_norm(f->dev, &p->h, &p->x, &b->norm2_w, &b->norm2_b, vision_eps);
    for (size_t at = 0; at < p->n; at += VISION_ROWS) {
        size_t n = p->n - at < VISION_ROWS ? p->n - at : VISION_ROWS;
        struct tensor in = tensor_rows(&p->h, at, n), inner = tensor_rows(&p->inner, 0, n);
        struct tensor out = tensor_rows(&p->attended, at, n);
        f->ops->linear(f->dev, &inner, &in, &b->fc1, &b->fc1_b);
        f->ops->gelu(f->dev, &inner, false);
        f->ops->linear(f->dev, &out, &inner, &b->fc2, &b->fc2_b);
    }
    f->ops->add(f->dev, &p->x, &p->attended);
}

/* Joins four neighbours into one row of text width; writes rows [row, row + P / 4) of out. */
static void merge(struct forward *f, const struct vision_merger *g, struct picture *p,
                  struct tensor *out, size_t row) {
    size_t w = p->x.shape[1];
    struct tensor joined = tensor_as_2d(&p->joined, p->n / 4, 4 * w);
    if (g->norm_after) {
        struct tensor x = tensor_as_2d(&p->x, p->n / 4, 4 * w);
        f->ops->layer_norm(f->dev, &joined, &x, &g->norm_w, &g->norm_b, vision_eps);
    } else {
        f->ops->layer_norm(f->dev, &p->joined, &p->x, &g->norm_w, &g->norm_b, vision_eps);
    }
    struct tensor to = tensor_rows(out, row, p->n / 4);
    f->ops->linear(f->dev, &p->joined_inner, &joined, &g->fc1, &g->fc1_b);
    f->ops->gelu(f->dev, &p->joined_inner, true);
    f->ops->linear(f->dev, &to, &p->joined_inner, &g->fc2, &g->fc2_b);
}

/* One picture, or one frame pair of a clip: the pairs of a clip do not see each other. */
static void vision_tower(struct forward *f, struct picture *p, struct grid g, struct visual *visual,
                         size_t row) {
    struct model *m = f->m;
    const struct config_vision *c = &m->config.vision;
    f->ops->linear(f->dev, &p->x, &p->patches, &m->patch_embed, &m->patch_embed_b);
    see(f, &p->x, "vision.patch_embed");
    f->ops->add_positions(f->dev, &p->x, &m->position_table, c->position_side, g.h, g.w);
    see(f, &p->x, "vision.embed");
    see(f, &p->cos, "vision.rope.cos");
    see(f, &p->sin, "vision.rope.sin");
    for (int i = 0; i < c->depth; i++) {
        vision_attention(f, &m->blocks[i], p);
        see(f, &p->h, "vision.block.%d.attn", i);
        f->ops->add(f->dev, &p->x, &p->h);
        vision_mlp(f, &m->blocks[i], p);
        see(f, &p->x, "vision.block.%d", i);
        for (int k = 0; k < c->n_taps; k++) {
            if (c->taps[k] != i) continue;
            merge(f, &m->taps[k], p, &visual->taps[k], row);
            struct tensor made = tensor_rows(&visual->taps[k], row, p->n / 4);
            see(f, &made, "vision.deepstack.%d", k);
        }
    }
    merge(f, &m->merger, p, &visual->embeds, row);
    struct tensor made = tensor_rows(&visual->embeds, row, p->n / 4);
    see(f, &made, "vision.merger");
}

static enum status look_at(struct forward *f, const struct patches *shown, struct visual *visual,
                           size_t *row, struct error *err) {
    struct picture p;
    enum status status = picture_open(f, &p, shown->grid, err);
    for (int t = 0; t < shown->grid.t && status == STATUS_OK; t++) {
        struct tensor frame = tensor_rows(&shown->values, (size_t)t * p.n, p.n);
        f->ops->write(f->dev, &p.patches, frame.data);
        vision_tower(f, &p, shown->grid, visual, *row);
        *row += p.n / 4;
        status = f->ops->check(f->dev, err);
    }
    picture_close(f, &p);
    return status;
}

enum status forward_see(struct forward *f, struct sequence *s, const struct patches *images,
                        size_t n_images, const struct patches *clips, size_t n_clips,
                        struct error *err) {
    const struct config_vision *c = &f->m->config.vision;
    size_t n = s->visual.n_rows, row = 0, kept = f->n_bytes;
    if (n == 0) return STATUS_OK;
    TRY(buffer(f, &s->visual.embeds, n, (size_t)c->out_hidden, err));
    for (int k = 0; k < c->n_taps; k++)
        TRY(buffer(f, &s->visual.taps[k], n, (size_t)c->out_hidden, err));
    f->n_bytes = kept; // they are the sequence's
    const struct trace *trace = f->trace;
    for (size_t i = 0; i < n_images; i++) TRY(look_at(f, &images[i], &s->visual, &row, err));
    if (n_images)
        f->trace = NULL; // the oracle's vision tensors are of the pictures, if there are any
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n_clips && status == STATUS_OK; i++)
        status = look_at(f, &clips[i], &s->visual, &row, err);
    f->trace = trace;
    return status;
}

/* ---- decoder ---- */

struct pass {
    const struct forward_item *items;
    size_t n_items, n_rows, n_wanted;
};

/* Fills the host side of a pass: ids, positions, which rows are wanted, who attends to what. */
static void lay_out(struct forward *f, struct pass *pass) {
    for (size_t i = 0; i < pass->n_items; i++) {
        const struct forward_item *item = &pass->items[i];
        const struct sequence *s = item->sequence;
        f->attend[i] = (struct attend_item){s->pages, s->n_done, pass->n_rows, item->n};
        for (size_t k = 0; k < item->n; k++) {
            f->ids[pass->n_rows + k] = s->ids.ids[s->n_done + k];
            for (int a = 0; a < 3; a++)
                f->positions.axis[a][pass->n_rows + k] = sequence_position(s, a, s->n_done + k);
        }
        pass->n_rows += item->n;
        for (size_t k = item->n_want; k > 0; k--)
            f->wanted[pass->n_wanted++] = (int)(pass->n_rows - k);
    }
}

/* Puts visual rows at their tokens: tap -1 writes the embeddings, tap k adds DeepStack's rows. */
static void put_visual(struct forward *f, const struct pass *pass, struct tensor *x, int tap) {
    for (size_t i = 0; i < pass->n_items; i++) {
        const struct sequence *s = pass->items[i].sequence;
        size_t n = 0;
        for (size_t k = 0; k < pass->items[i].n; k++) {
            size_t token = s->n_done + k;
            if (token >= s->n_prompt || s->visual_row[token] < 0) continue;
            f->rows[n] = (int)(f->attend[i].first_row + k);
            f->from[n++] = s->visual_row[token];
        }
        if (n == 0) continue;
        if (tap < 0)
            f->ops->set_rows(f->dev, x, f->rows, &s->visual.embeds, f->from, n);
        else
            f->ops->add_rows(f->dev, x, f->rows, &s->visual.taps[tap], f->from, NULL, n);
    }
}

static void text_attention(struct forward *f, const struct pass *pass, int i, struct tensor *x,
                           struct tensor *out) {
    const struct text_layer *l = &f->m->layers[i];
    const struct config_text *c = &f->m->config.text;
    size_t n = pass->n_rows, d = (size_t)c->head_dim;
    struct tensor h = tensor_rows(&f->h, 0, n), attended = tensor_rows(&f->attended, 0, n);
    struct tensor q = tensor_rows(&f->q, 0, n), k = tensor_rows(&f->k, 0, n);
    struct tensor v = tensor_rows(&f->v, 0, n);
    struct tensor cos_rows = tensor_rows(&f->cos, 0, n), sin_rows = tensor_rows(&f->sin, 0, n);
    f->ops->rms_norm(f->dev, &h, x, &l->input_norm, c->rms_eps);
    f->ops->linear(f->dev, &q, &h, &l->q, NULL);
    f->ops->linear(f->dev, &k, &h, &l->k, NULL);
    f->ops->linear(f->dev, &v, &h, &l->v, NULL);
    // Each head is normalised by itself, before it turns.
    struct tensor q_heads = tensor_as_2d(&q, n * (size_t)c->n_heads, d);
    struct tensor k_heads = tensor_as_2d(&k, n * (size_t)c->n_kv_heads, d);
    f->ops->rms_norm(f->dev, &q_heads, &q_heads, &l->q_norm, c->rms_eps);
    f->ops->rms_norm(f->dev, &k_heads, &k_heads, &l->k_norm, c->rms_eps);
    see(f, &q, "text.layer.%d.q_norm", i);
    see(f, &k, "text.layer.%d.k_norm", i);
    f->ops->rotate(f->dev, &q, &cos_rows, &sin_rows, c->n_heads);
    f->ops->rotate(f->dev, &k, &cos_rows, &sin_rows, c->n_kv_heads);
    const struct kv_memory *kv = &pass->items[0].sequence->kv->memory;
    f->ops->store_kv(f->dev, kv, i, &k, &v, f->attend, pass->n_items);
    f->ops->attend(f->dev, &attended, &q, kv, i, f->attend, pass->n_items, c->n_heads,
                   1 / sqrtf((float)c->head_dim));
    f->ops->linear(f->dev, out, &attended, &l->o, NULL);
}

static void swiglu(struct forward *f, const struct weight *gate_w, const struct weight *up_w,
                   const struct weight *down_w, const struct tensor *x, struct tensor *gate,
                   struct tensor *up, struct tensor *out) {
    f->ops->linear(f->dev, gate, x, gate_w, NULL);
    f->ops->linear(f->dev, up, x, up_w, NULL);
    f->ops->silu_mul(f->dev, gate, up);
    f->ops->linear(f->dev, out, gate, down_w, NULL);
}

/* Each expert reads the rows that chose it; experts go in ascending order, so a row's sum has the
 * same order whatever else is in the batch. */
static void experts(struct forward *f, const struct text_layer *l, int i, const struct tensor *h,
                    struct tensor *out) {
    const struct config_text *c = &f->m->config.text;
    size_t n = h->shape[0], used = (size_t)c->n_experts_used;
    struct tensor router = tensor_rows(&f->router, 0, n);
    f->ops->linear(f->dev, &router, h, &l->router, NULL);
    f->ops->route(f->dev, f->experts, f->expert_weights, &router, c->n_experts_used);
    see(f, &router, "text.layer.%d.router_logits", i);
    see_host(f, i, "router_experts", DTYPE_I32, f->experts, n, used);
    see_host(f, i, "router_weights", DTYPE_F32, f->expert_weights, n, used);
    f->ops->zero(f->dev, out);
    for (int e = 0; e < c->n_experts; e++) {
        size_t n_some = 0;
        for (size_t r = 0; r < n; r++)
            for (size_t j = 0; j < used; j++) {
                if (f->experts[r * used + j] != e) continue;
                f->rows[n_some] = (int)r;
                f->scales[n_some++] = f->expert_weights[r * used + j];
                break; // a router of NaNs names one expert twice
            }
        if (n_some == 0) continue;
        struct tensor some = tensor_rows(&f->some, 0, n_some),
                      gate = tensor_rows(&f->some_gate, 0, n_some);
        struct tensor up = tensor_rows(&f->some_up, 0, n_some),
                      made = tensor_rows(&f->some_out, 0, n_some);
        f->ops->gather(f->dev, &some, h, f->rows, n_some);
        swiglu(f, &l->experts[e].gate, &l->experts[e].up, &l->experts[e].down, &some, &gate, &up,
               &made);
        f->ops->add_rows(f->dev, out, f->rows, &made, NULL, f->scales, n_some);
    }
}

static void text_mlp(struct forward *f, int i, struct tensor *x, struct tensor *out) {
    const struct text_layer *l = &f->m->layers[i];
    size_t n = x->shape[0];
    struct tensor h = tensor_rows(&f->h, 0, n);
    f->ops->rms_norm(f->dev, &h, x, &l->post_norm, f->m->config.text.rms_eps);
    if (l->experts) {
        experts(f, l, i, &h, out);
        return;
    }
    struct tensor gate = tensor_rows(&f->gate, 0, n), up = tensor_rows(&f->up, 0, n);
    swiglu(f, &l->gate, &l->up, &l->down, &h, &gate, &up, out);
}

static void decoder(struct forward *f, const struct pass *pass) {
    const struct model *m = f->m;
    const struct config_text *c = &m->config.text;
    struct tensor x = tensor_rows(&f->x, 0, pass->n_rows),
                  out = tensor_rows(&f->out, 0, pass->n_rows);
    f->ops->embed(f->dev, &x, &m->embed, f->ids);
    put_visual(f, pass, &x, -1);
    see(f, &x, "text.embed");
    for (int i = 0; i < c->n_layers; i++) {
        text_attention(f, pass, i, &x, &out);
        see(f, &out, "text.layer.%d.attn", i);
        f->ops->add(f->dev, &x, &out);
        text_mlp(f, i, &x, &out);
        see(f, &out, "text.layer.%d.mlp", i);
        f->ops->add(f->dev, &x, &out);
        see(f, &x, "text.layer.%d", i);
        // DeepStack: rows of the vision tower's inside, added to the output of the first layers.
        if (i < m->config.vision.n_taps) put_visual(f, pass, &x, i);
        see(f, &x, "text.layer.%d.out", i);
    }
    struct tensor last = tensor_rows(&f->last, 0, pass->n_wanted);
    struct tensor logits = tensor_rows(&f->logits, 0, pass->n_wanted);
    if (pass->n_wanted == 0) return;
    f->ops->gather(f->dev, &last, &x, f->wanted, pass->n_wanted);
    f->ops->rms_norm(f->dev, &last, &last, &m->final_norm, c->rms_eps);
    see(f, &last, "text.norm");
    f->ops->linear(f->dev, &logits, &last, &m->head, NULL);
    see(f, &logits, "logits");
}

static enum status check_items(struct forward *f, const struct forward_item *items, size_t n_items,
                               struct error *err) {
    size_t n = 0, wanted = 0;
    for (size_t i = 0; i < n_items; i++) {
        n += items[i].n;
        wanted += items[i].n_want;
        struct sequence *s = items[i].sequence;
        TRY(sequence_reserve(s, s->n_done + items[i].n, err));
    }
    if (n == 0 || n > f->max_rows || wanted > f->max_wanted || n_items > f->max_rows)
        return fail(err, STATUS_ARG, "a pass of %zu rows, %zu wanted", n, wanted);
    return STATUS_OK;
}

enum status forward_run(struct forward *f, const struct forward_item *items, size_t n_items,
                        float *logits, struct error *err) {
    TRY(check_items(f, items, n_items, err));
    struct pass pass = {.items = items, .n_items = n_items};
    lay_out(f, &pass);
    size_t half = (size_t)f->m->config.text.head_dim / 2, n = pass.n_rows;
    positions_text_angles(&f->m->config.text, &f->positions, 0, n, f->angles, f->angles + n * half);
    struct tensor cos_rows = tensor_rows(&f->cos, 0, n), sin_rows = tensor_rows(&f->sin, 0, n);
    f->ops->write(f->dev, &cos_rows, f->angles);
    f->ops->write(f->dev, &sin_rows, f->angles + n * half);
    see(f, &cos_rows, "text.rope.cos");
    see(f, &sin_rows, "text.rope.sin");
    decoder(f, &pass);
    struct tensor made = tensor_rows(&f->logits, 0, pass.n_wanted);
    if (logits && pass.n_wanted) f->ops->read(f->dev, logits, &made);
    for (size_t i = 0; i < n_items; i++) items[i].sequence->n_done += items[i].n;
    return f->ops->check(f->dev, err);
}
