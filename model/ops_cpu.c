/*
 * model/ops_cpu.c - operations for processors: blocks that fit the caches, shared among threads.
 *
 * Matrix product: a task takes some outputs and some rows. It widens the weights to float, 512 inputs
 * at a time, and lets tiles of 4 rows x 3 outputs run over them; sums wait in 8 lanes each between the
 * runs. A single row skips the widening and reads the matrix as it is. Both add in the same order.
 *
 * Attention: a task takes 64 query vectors of one head and walks over the keys 64 at a time with a
 * running maximum (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018); a key
 * page is widened once for all of them. Never more than 64 scores of a row are in memory.
 */
#include <math.h>
#include <stdlib.h>

#include "model/kernels.h"
#include "model/ops.h"
#include "model/ops_cpu.h"
#include "model/threads.h"
#include "util/mem.h"

enum {
    BLOCK_OUT = 48,     // outputs of a task
    BLOCK_IN = 512,     // inputs widened at a time; a multiple of 128, the block of F8 scales
    BLOCK_ROW = 160,    // rows of a task
    MOST_QUERIES = 256, // query vectors of a task: keys are widened once for all of them
    FEW_ROWS = 12,      // up to so many read the matrix as it is
    FEW_OUT = 48,       // ... so many outputs a task
    NORM_ROWS = 16,     // rows of a task that works row by row
};
_Static_assert(BLOCK_OUT *BLOCK_IN + BLOCK_ROW * BLOCK_OUT * LANES <= OPS_CPU_SCRATCH, "linear");

static float *row_of(const struct tensor *t, size_t i) {
    return (float *)t->data + i * tensor_stride(t);
}

static size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static float *scratch_of(const struct device *dev, int worker) {
    return dev->scratch + (size_t)worker * OPS_CPU_SCRATCH;
}

/* ---- matrix product ---- */

struct product {
    struct device *dev;
    struct tensor *y;
    const struct tensor *x;
    const struct weight *w;
    const float *bias;
    size_t n_in; // rounded up to 8 lanes
    size_t n_out_blocks, block_out;
};

static float scale_at(const struct weight *w, size_t o, size_t i) {
    size_t out = (o + w->first_out) / 128, in = i / 128;
    size_t at = w->input_major ? in * w->scale_stride + out : out * w->scale_stride + in;
    if (w->scale_dtype == DTYPE_BF16) return f32_of_bf16(((const uint16_t *)w->scale)[at]);
    return ((const float *)w->scale)[at];
}

static const void *element_at(const struct weight *w, size_t at) {
    return (const char *)w->data + at * dtype_bytes(w->dtype);
}

/* Inputs [i, i + n) of output o; i is a multiple of 128 or n stays inside one block of scales. */
static void widen_row(const struct kernels *k, const struct weight *w, size_t o, size_t i, size_t n,
                      float *out) {
    const void *from = element_at(w, o * w->stride + i);
    if (!w->scale) {
        k->widen(out, from, w->dtype, n, 1);
        return;
    }
    for (size_t at = 0; at < n; at += 128)
        k->widen(out + at, (const char *)from + at, w->dtype, least(128, n - at),
                 scale_at(w, o, i + at));
}

/* Outputs [o, o + n) of input i of an input-major matrix. */
static void widen_column(const struct kernels *k, const struct weight *w, size_t o, size_t i,
                         size_t n, float *out) {
    while (n) {
        size_t run = w->scale ? least(n, 128 - (o + w->first_out) % 128) : n;
        k->widen(out, element_at(w, i * w->stride + o), w->dtype, run,
                 w->scale ? scale_at(w, o, i) : 1);
        o += run, out += run, n -= run;
    }
}

/* Outputs [o, o + n_out) x inputs [i, i + n_in) as rows of BLOCK_IN floats, zeros behind n_in. */
static void widen_block(const struct kernels *k, const struct weight *w, size_t o, size_t n_out,
                        size_t i, size_t n_in, float *block) {
    size_t padded = round_up(n_in, LANES);
    if (!w->input_major) {
        for (size_t r = 0; r < n_out; r++) {
            widen_row(k, w, o + r, i, n_in, block + r * BLOCK_IN);
            for (size_t c = n_in; c < padded; c++) block[r * BLOCK_IN + c] = 0;
        }
        return;
    }
    for (size_t c = 0; c < padded; c += LANES) {
        float columns[LANES * BLOCK_OUT] = {0};
        for (size_t j = 0; j < LANES && c + j < n_in; j++)
            widen_column(k, w, o, i + c + j, n_out, columns + j * BLOCK_OUT);
        for (size_t r = 0; r < n_out; r += LANES)
            k->transpose8(block + r * BLOCK_IN + c, BLOCK_IN, columns + r, BLOCK_OUT);
    }
}

static void product_task(void *context, size_t task, int worker) {
    const struct product *p = context;
    const struct kernels *k = p->dev->kernels;
    float *block = scratch_of(p->dev, worker), *acc = block + (size_t)BLOCK_OUT * BLOCK_IN;
    size_t o = task % p->n_out_blocks * p->block_out, first = task / p->n_out_blocks * BLOCK_ROW;
    size_t n_out = least(p->block_out, p->w->n_out - o),
           n = least(BLOCK_ROW, p->x->shape[0] - first);
    memset(acc, 0, n * BLOCK_OUT * LANES * sizeof *acc);
    for (size_t i = 0; i < p->n_in; i += BLOCK_IN) {
        size_t n_in = least(BLOCK_IN, p->w->n_in - i), run = round_up(n_in, LANES);
        widen_block(k, p->w, o, n_out, i, n_in, block);
        for (size_t r = 0; r < n; r += TILE_X)
            for (size_t c = 0; c < n_out; c += TILE_W)
                k->tile(acc + (r * BLOCK_OUT + c) * LANES, BLOCK_OUT, row_of(p->x, first + r) + i,
                        tensor_stride(p->x), block + c * BLOCK_IN, BLOCK_IN,
                        (int)least(TILE_X, n - r), (int)least(TILE_W, n_out - c), run);
    }
    for (size_t r = 0; r < n; r++) {
        float *y = row_of(p->y, first + r) + o;
        k->join(y, acc + r * BLOCK_OUT * LANES, n_out);
        for (size_t c = 0; c < n_out && p->bias; c++) y[c] += p->bias[o + c];
    }
}

static void few_rows_task(void *context, size_t task, int worker) {
    const struct product *p = context;
    (void)worker;
    size_t o = task * FEW_OUT, n_out = least(FEW_OUT, p->w->n_out - o), n = p->x->shape[0];
    // A few outputs for all rows before the next: their weights stay in the nearest cache.
    for (size_t c = 0; c < n_out; c += 24)
        for (size_t r = 0; r < n; r += TILE_X)
            p->dev->kernels->dots(row_of(p->y, r) + o + c, tensor_stride(p->y), row_of(p->x, r),
                                  tensor_stride(p->x), element_at(p->w, (o + c) * p->w->stride),
                                  p->w->dtype, p->w->stride, (int)least(TILE_X, n - r),
                                  least(24, n_out - c), p->w->n_in);
    for (size_t r = 0; r < n && p->bias; r++)
        for (size_t c = o; c < o + n_out; c++) row_of(p->y, r)[c] += p->bias[c];
}

static bool reads_rows(const struct product *p) {
    const struct weight *w = p->w;
    return p->x->shape[0] <= FEW_ROWS && !w->input_major && w->n_in % LANES == 0 &&
           (w->dtype == DTYPE_BF16 || w->dtype == DTYPE_F32);
}

/* x with zeros behind each row, for sums that are no multiple of 8 long. */
static struct tensor padded_copy(const struct tensor *x, size_t n_in, size_t padded) {
    float *data = mem_alloc(mem_product(x->shape[0] * padded, sizeof *data));
    for (size_t i = 0; i < x->shape[0]; i++)
        memcpy(data + i * padded, row_of(x, i), n_in * sizeof *data);
    return tensor_2d(DTYPE_F32, data, x->shape[0], padded);
}

/* Fewer outputs a task when there would be too few tasks to share. A multiple of 24: whole tiles,
 * whole transposes. */
static size_t choose_block(size_t n_out, size_t n_row_blocks, size_t n_threads) {
    size_t block = BLOCK_OUT;
    while (block > 24 && (n_out + block - 1) / block * n_row_blocks < 3 * n_threads) block -= 24;
    return block;
}

static void cpu_linear(struct device *dev, struct tensor *y, const struct tensor *x,
                       const struct weight *w, const struct tensor *b) {
    struct product p = {.dev = dev, .y = y, .x = x, .w = w, .n_in = round_up(w->n_in, LANES)};
    float *bias = NULL;
    if (b) {
        bias = mem_alloc(mem_product(w->n_out, sizeof *bias));
        dev->kernels->widen(bias, b->data, b->dtype, w->n_out, 1);
        p.bias = bias;
    }
    struct tensor padded = {0};
    if (p.n_in != w->n_in) {
        padded = padded_copy(x, w->n_in, p.n_in);
        p.x = &padded;
    }
    if (reads_rows(&p)) {
        threads_run(dev->threads, (w->n_out + FEW_OUT - 1) / FEW_OUT, few_rows_task, &p);
    } else {
        size_t n_rows = (x->shape[0] + BLOCK_ROW - 1) / BLOCK_ROW;
        p.block_out = choose_block(w->n_out, n_rows, (size_t)threads_size(dev->threads));
        p.n_out_blocks = (w->n_out + p.block_out - 1) / p.block_out;
        threads_run(dev->threads, p.n_out_blocks * n_rows, product_task, &p);
    }
    mem_free(padded.data);
    mem_free(bias);
}

static void cpu_embed(struct device *dev, struct tensor *y, const struct weight *table,
                      const int *ids) {
    for (size_t n = 0; n < y->shape[0]; n++)
        widen_row(dev->kernels, table, (size_t)ids[n], 0, y->shape[1], row_of(y, n));
}

/* ---- attention ---- */

struct attention {
    struct device *dev;
    struct tensor *o;
    const struct tensor *q;
    int n_heads, n_kv_heads;
    size_t d, padded; // of a head; rounded up to 8 lanes
    size_t n_query;   // vectors of a task
    float scale;
    // One frame: keys and values as matrices.
    const struct tensor *k, *v;
    // Or what is stored of several sequences.
    const struct kv_memory *kv;
    int layer;
    const struct attend_item *items;
    size_t n_items, *first_task; // [n_items + 1]
};

/* The work of one task: query vectors [from, from + n) of one kv head of one item. Vector v is row
 * v / group of the item, head v % group of the kv head's. */
struct share {
    const struct attend_item *item;
    size_t kv_head, group, from, n;
    float *q, *k, *v, *o, *p, *top, *sum; // scratch
};

static struct share make_share(const struct attention *a, const struct attend_item *item,
                               size_t task, float *scratch) {
    size_t group = (size_t)(a->n_heads / a->n_kv_heads), all = item->n_rows * group;
    size_t n_blocks = (all + a->n_query - 1) / a->n_query;
    size_t queries = a->n_query * a->padded, keys = KV_PAGE_TOKENS * a->padded;
    struct share s = {.item = item, .kv_head = task / n_blocks, .group = group};
    s.from = task % n_blocks * a->n_query;
    s.n = least(a->n_query, all - s.from);
    s.q = scratch, s.o = s.q + queries, s.k = s.o + queries, s.v = s.k + keys, s.p = s.v + keys;
    s.top = s.p + (size_t)TILE_X * 64, s.sum = s.top + a->n_query;
    return s;
}

/* Where query vector i of the share stands in q and o. */
static float *vector_of(const struct attention *a, const struct share *s, const struct tensor *t,
                        size_t i) {
    size_t v = s->from + i, row = s->item->first_row + v / s->group;
    return row_of(t, row) + (s->kv_head * s->group + v % s->group) * a->d;
}

static void pad_rows(float *rows, size_t n, size_t d, size_t padded) {
    if (d == padded) return;
    for (size_t i = 0; i < n; i++)
        for (size_t c = d; c < padded; c++) rows[i * padded + c] = 0;
}

/* Keys and values [t, t + n) as rows of `padded` floats. */
static void load_keys(const struct attention *a, const struct share *s, size_t t, size_t n) {
    const struct kernels *k = a->dev->kernels;
    if (a->kv) {
        size_t block = ((size_t)s->item->pages[t / KV_PAGE_TOKENS] * (size_t)a->kv->n_layers +
                        (size_t)a->layer) *
                       2;
        size_t heads = (size_t)a->kv->n_kv_heads, bytes = dtype_bytes(a->kv->dtype);
        size_t page = KV_PAGE_TOKENS * a->d;
        const char *keys = (const char *)a->kv->data + (block * heads + s->kv_head) * page * bytes;
        const char *values = keys + heads * page * bytes;
        for (size_t i = 0; i < n; i++) {
            k->widen(s->k + i * a->padded, keys + i * a->d * bytes, a->kv->dtype, a->d, 1);
            k->widen(s->v + i * a->padded, values + i * a->d * bytes, a->kv->dtype, a->d, 1);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            memcpy(s->k + i * a->padded, row_of(a->k, t + i) + s->kv_head * a->d,
                   a->d * sizeof(float));
            memcpy(s->v + i * a->padded, row_of(a->v, t + i) + s->kv_head * a->d,
                   a->d * sizeof(float));
        }
    }
    pad_rows(s->k, n, a->d, a->padded);
    pad_rows(s->v, n, a->d, a->padded);
}

/* How many of the keys from t on vector i sees. */
static size_t sees(const struct attention *a, const struct share *s, size_t i, size_t t, size_t n) {
    if (!a->kv) return n;
    size_t end = s->item->n_past + (s->from + i) / s->group + 1; // its own token and those before
    return end <= t ? 0 : least(n, end - t);
}

/* Scores of one vector to weights; returns what its earlier sums must shrink by. */
static float soften(const struct attention *a, const struct share *s, size_t i, float *p,
                    size_t n_seen) {
    for (size_t t = n_seen; t < 64; t++) p[t] = n_seen ? -INFINITY : 0;
    if (n_seen == 0) return 1;
    float top = a->dev->kernels->largest(p, s->top[i], 64), keep = expf(s->top[i] - top);
    s->sum[i] = s->sum[i] * keep + a->dev->kernels->exp_sum(p, top, 64);
    s->top[i] = top;
    return keep;
}

static void walk_keys(const struct attention *a, const struct share *s, size_t n_keys) {
    for (size_t t = 0; t < n_keys; t += 64) {
        size_t n = least(64, n_keys - t);
        load_keys(a, s, t, n);
        for (size_t i = 0; i < s->n; i += TILE_X) {
            int n_x = (int)least(TILE_X, s->n - i);
            float keep[TILE_X];
            a->dev->kernels->dots(s->p, 64, s->q + i * a->padded, a->padded, s->k, DTYPE_F32,
                                  a->padded, n_x, n, a->padded);
            for (int x = 0; x < n_x; x++)
                keep[x] = soften(a, s, i + (size_t)x, s->p + (size_t)x * 64,
                                 sees(a, s, i + (size_t)x, t, n));
            a->dev->kernels->blend(s->o + i * a->padded, keep, s->p, 64, s->v, n_x, n, a->padded);
        }
    }
}

static void attend_share(const struct attention *a, const struct share *s) {
    for (size_t i = 0; i < s->n; i++) {
        const float *q = vector_of(a, s, a->q, i);
        for (size_t c = 0; c < a->d; c++) s->q[i * a->padded + c] = q[c] * a->scale;
        s->top[i] = -INFINITY;
        s->sum[i] = 0;
    }
    pad_rows(s->q, s->n, a->d, a->padded);
    memset(s->o, 0, s->n * a->padded * sizeof(float));
    size_t last_row = (s->from + s->n - 1) / s->group;
    walk_keys(a, s, a->kv ? s->item->n_past + last_row + 1 : a->k->shape[0]);
    for (size_t i = 0; i < s->n; i++) {
        float *out = vector_of(a, s, a->o, i), part = 1 / s->sum[i];
        for (size_t c = 0; c < a->d; c++) out[c] = s->o[i * a->padded + c] * part;
    }
}

static void attention_task(void *context, size_t task, int worker) {
    const struct attention *a = context;
    size_t item = 0;
    while (a->first_task[item + 1] <= task) item++;
    struct share s =
        make_share(a, &a->items[item], task - a->first_task[item], scratch_of(a->dev, worker));
    attend_share(a, &s);
}

static void run_attention(struct attention *a) {
    a->padded = round_up(a->d, LANES);
    // As many as fit, in whole tiles: q, o and the sums of each, beside 64 keys and values.
    size_t room = OPS_CPU_SCRATCH - a->padded * KV_PAGE_TOKENS * 2 - (size_t)TILE_X * 64;
    a->n_query = least(MOST_QUERIES, room / (2 * a->padded + 2) / TILE_X * TILE_X);
    size_t *first = mem_alloc(mem_product(a->n_items + 1, sizeof *first));
    size_t group = (size_t)(a->n_heads / a->n_kv_heads);
    for (size_t i = 0; i < a->n_items; i++) {
        size_t n_blocks = (a->items[i].n_rows * group + a->n_query - 1) / a->n_query;
        first[i + 1] = first[i] + n_blocks * (size_t)a->n_kv_heads;
    }
    a->first_task = first;
    threads_run(a->dev->threads, first[a->n_items], attention_task, a);
    mem_free(first);
}

static void cpu_attend_frame(struct device *dev, struct tensor *o, const struct tensor *q,
                             const struct tensor *k, const struct tensor *v, int n_heads,
                             float scale) {
    struct attend_item frame = {.n_rows = q->shape[0]};
    struct attention a = {.dev = dev,
                          .o = o,
                          .q = q,
                          .n_heads = n_heads,
                          .n_kv_heads = n_heads,
                          .k = k,
                          .v = v,
                          .d = q->shape[1] / (size_t)n_heads,
                          .scale = scale,
                          .items = &frame,
                          .n_items = 1};
    run_attention(&a);
}

static void cpu_attend(struct device *dev, struct tensor *o, const struct tensor *q,
                       const struct kv_memory *kv, int layer, const struct attend_item *items,
                       size_t n_items, int n_heads, float scale) {
    struct attention a = {.dev = dev,
                          .o = o,
                          .q = q,
                          .n_heads = n_heads,
                          .n_kv_heads = kv->n_kv_heads,
                          .kv = kv,
                          .layer = layer,
                          .d = (size_t)kv->head_dim,
                          .scale = scale,
                          .items = items,
                          .n_items = n_items};
    run_attention(&a);
}

/* ---- row by row ---- */

struct rowwise {
    struct device *dev;
    struct tensor *y;
    const struct tensor *x;
    const float *w, *b;
    float eps;
    bool flag;
    void (*row)(const struct rowwise *r, size_t i);
};

static void rowwise_task(void *context, size_t task, int worker) {
    const struct rowwise *r = context;
    (void)worker;
    size_t end = least((task + 1) * NORM_ROWS, r->y->shape[0]);
    for (size_t i = task * NORM_ROWS; i < end; i++) r->row(r, i);
}

static void run_rowwise(struct rowwise *r) {
    threads_run(r->dev->threads, (r->y->shape[0] + NORM_ROWS - 1) / NORM_ROWS, rowwise_task, r);
}

static float *widened(struct device *dev, const struct tensor *t, size_t n) {
    float *copy = mem_alloc(mem_product(n, sizeof *copy));
    dev->kernels->widen(copy, t->data, t->dtype, n, 1);
    return copy;
}

static void rms_row(const struct rowwise *r, size_t i) {
    size_t n = r->x->shape[1];
    const float *x = row_of(r->x, i);
    float *y = row_of(r->y, i);
    float scale = 1 / sqrtf(r->dev->kernels->sum_squares(x, 0, n) / (float)n + r->eps);
    for (size_t c = 0; c < n; c++) y[c] = x[c] * scale * r->w[c];
}

static void cpu_rms_norm(struct device *dev, struct tensor *y, const struct tensor *x,
                         const struct tensor *w, float eps) {
    float *weight = widened(dev, w, x->shape[1]);
    struct rowwise r = {.dev = dev, .y = y, .x = x, .w = weight, .eps = eps, .row = rms_row};
    run_rowwise(&r);
    mem_free(weight);
}

static void layer_row(const struct rowwise *r, size_t i) {
    size_t n = r->x->shape[1];
    const float *x = row_of(r->x, i);
    float *y = row_of(r->y, i), mean = r->dev->kernels->sum(x, n) / (float)n;
    float scale = 1 / sqrtf(r->dev->kernels->sum_squares(x, mean, n) / (float)n + r->eps);
    for (size_t c = 0; c < n; c++) y[c] = (x[c] - mean) * scale * r->w[c] + r->b[c];
}

static void cpu_layer_norm(struct device *dev, struct tensor *y, const struct tensor *x,
                           const struct tensor *w, const struct tensor *b, float eps) {
    float *weight = widened(dev, w, x->shape[1]), *bias = widened(dev, b, x->shape[1]);
    struct rowwise r = {
        .dev = dev, .y = y, .x = x, .w = weight, .b = bias, .eps = eps, .row = layer_row};
    run_rowwise(&r);
    mem_free(weight);
    mem_free(bias);
}

static void silu_row(const struct rowwise *r, size_t i) {
    r->dev->kernels->silu_mul(row_of(r->y, i), row_of(r->x, i), r->y->shape[1]);
}

static void cpu_silu_mul(struct device *dev, struct tensor *gate, const struct tensor *up) {
    struct rowwise r = {.dev = dev, .y = gate, .x = up, .row = silu_row};
    run_rowwise(&r);
}

static void gelu_row(const struct rowwise *r, size_t i) {
    float *x = row_of(r->y, i);
    size_t n = r->y->shape[1];
    if (!r->flag) {
        r->dev->kernels->gelu_tanh(x, n);
        return;
    }
    for (size_t c = 0; c < n; c++) x[c] = 0.5f * x[c] * erfcf(x[c] * -0.70710678118654752f);
}

static void cpu_gelu(struct device *dev, struct tensor *x, bool exact) {
    struct rowwise r = {.dev = dev, .y = x, .flag = exact, .row = gelu_row};
    run_rowwise(&r);
}

static void add_row(const struct rowwise *r, size_t i) {
    float *x = row_of(r->y, i);
    const float *y = row_of(r->x, i);
    for (size_t c = 0; c < r->y->shape[1]; c++) x[c] += y[c];
}

static void cpu_add(struct device *dev, struct tensor *x, const struct tensor *y) {
    struct rowwise r = {.dev = dev, .y = x, .x = y, .row = add_row};
    run_rowwise(&r);
}

struct rotation {
    struct rowwise base;
    const struct tensor *cos, *sin;
    int n_heads;
};

static void rotate_row(const struct rowwise *r, size_t i) {
    const struct rotation *t = (const struct rotation *)r;
    size_t half = t->cos->shape[1];
    const float *c = row_of(t->cos, i), *s = row_of(t->sin, i);
    for (size_t h = 0; h < (size_t)t->n_heads; h++) {
        float *restrict a = row_of(r->y, i) + h * 2 * half, *restrict b = a + half;
        for (size_t j = 0; j < half; j++) {
            float p = a[j], q = b[j];
            a[j] = p * c[j] - q * s[j];
            b[j] = q * c[j] + p * s[j];
        }
    }
}

static void cpu_rotate(struct device *dev, struct tensor *x, const struct tensor *cos_table,
                       const struct tensor *sin_table, int n_heads) {
    struct rotation t = {.base = {.dev = dev, .y = x, .row = rotate_row},
                         .cos = cos_table,
                         .sin = sin_table,
                         .n_heads = n_heads};
    run_rowwise(&t.base);
}

/* ---- the rest is as cheap as memory, and the plain loops will do ---- */

static enum status cpu_alloc(struct device *dev, size_t n, void **out, struct error *err) {
    return ops_ref.alloc(dev, n, out, err);
}

static void cpu_release(struct device *dev, void *p) {
    ops_ref.release(dev, p);
}

static void cpu_write(struct device *dev, struct tensor *dst, const void *src) {
    ops_ref.write(dev, dst, src);
}

static void cpu_read(struct device *dev, void *dst, const struct tensor *src) {
    ops_ref.read(dev, dst, src);
}

static enum status cpu_check(struct device *dev, struct error *err) {
    return ops_ref.check(dev, err);
}

static void cpu_zero(struct device *dev, struct tensor *x) {
    ops_ref.zero(dev, x);
}

static void cpu_gather(struct device *dev, struct tensor *y, const struct tensor *x,
                       const int *rows, size_t n) {
    ops_ref.gather(dev, y, x, rows, n);
}

static void cpu_set_rows(struct device *dev, struct tensor *x, const int *rows,
                         const struct tensor *y, const int *from, size_t n) {
    ops_ref.set_rows(dev, x, rows, y, from, n);
}

static void cpu_add_rows(struct device *dev, struct tensor *x, const int *rows,
                         const struct tensor *y, const int *from, const float *scale, size_t n) {
    ops_ref.add_rows(dev, x, rows, y, from, scale, n);
}

static void cpu_add_positions(struct device *dev, struct tensor *x, const struct tensor *table,
                              int side, int h, int w) {
    ops_ref.add_positions(dev, x, table, side, h, w);
}

static void cpu_store_kv(struct device *dev, const struct kv_memory *kv, int layer,
                         const struct tensor *k, const struct tensor *v,
                         const struct attend_item *items, size_t n_items) {
    ops_ref.store_kv(dev, kv, layer, k, v, items, n_items);
}

static void cpu_route(struct device *dev, int *experts, float *weights, const struct tensor *logits,
                      int k) {
    ops_ref.route(dev, experts, weights, logits, k);
}

const struct ops ops_cpu = {
    .name = "cpu",
    .alloc = cpu_alloc,
    .release = cpu_release,
    .write = cpu_write,
    .read = cpu_read,
    .check = cpu_check,
    .embed = cpu_embed,
    .linear = cpu_linear,
    .zero = cpu_zero,
    .add = cpu_add,
    .gather = cpu_gather,
    .set_rows = cpu_set_rows,
    .add_rows = cpu_add_rows,
    .rms_norm = cpu_rms_norm,
    .layer_norm = cpu_layer_norm,
    .silu_mul = cpu_silu_mul,
    .gelu = cpu_gelu,
    .rotate = cpu_rotate,
    .add_positions = cpu_add_positions,
    .attend_frame = cpu_attend_frame,
    .store_kv = cpu_store_kv,
    .attend = cpu_attend,
    .route = cpu_route,
};
