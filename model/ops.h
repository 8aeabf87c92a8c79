/*
 * model/ops.h - all that a device must be able to do; one entry per operation, no device types.
 *
 * The forward pass (forward.c) is written once against this table. ops_ref is plain loops with
 * double sums: the oracle of every kernel, never tuned. ops_cpu is the fast one, see ops_cpu.c.
 *
 * Conventions. Activations are f32 matrices [n, columns]; a row may be longer than its columns
 * (tensor.stride). Memory of tensors belongs to the device; ids, row numbers and routing stand in
 * host memory. Operations do not fail: what can go wrong was checked where shapes were made, and a
 * device that can break remembers its first failure for check(). Every row's result depends on that
 * row alone (and, for attention, on its sequence): never on what else is in the batch.
 */
#ifndef MODEL_OPS_H
#define MODEL_OPS_H

#include "model/tensor.h"
#include "util/status.h"

struct kernels;
struct ops;
struct threads;

struct device {
    const struct ops *ops;
    const char *name; // "ref", "avx2"
    // Of ops_cpu alone:
    const struct kernels *kernels;
    struct threads *threads;
    float *scratch; // a piece for each thread
};

/* A matrix [n_out, n_in] as it lies in a checkpoint. y = x * w^T. */
struct weight {
    enum dtype dtype; // F32, BF16, F16 or F8
    size_t n_out, n_in;
    const void *data;
    size_t stride;    // elements from one stored row to the next
    bool input_major; // stored [n_in, n_out]: element (o, i) at i * stride + o, else o * stride + i
    // F8: value = stored * scale of its block of 128 x 128, in the stored orientation.
    const void *scale;
    enum dtype scale_dtype; // F32 or BF16
    size_t scale_stride;
    size_t first_out; // where this matrix' outputs begin in the scaled one (its gate and up halves)
};

enum { KV_PAGE_TOKENS = 64 };

/* Keys and values of all layers, in pages of 64 tokens: [page][layer][k, v][kv head][64][head_dim]. */
struct kv_memory {
    enum dtype dtype; // F32, BF16 or F8
    int n_layers, n_kv_heads, head_dim;
    size_t n_pages;
    void *data;
};

/* Rows [first_row, first_row + n_rows) of a batch are tokens n_past, n_past + 1, ... of one sequence,
 * whose token t lies in slot t % 64 of page pages[t / 64]. */
struct attend_item {
    const int *pages;
    size_t n_past, first_row, n_rows;
};

struct ops {
    const char *name;

    /* Memory; contents undefined. Errors: NOMEM. */
    enum status (*alloc)(struct device *dev, size_t n_bytes, void **out, struct error *err);
    void (*release)(struct device *dev, void *p); // NULL is fine
    /* Between host memory, rows side by side, and a device tensor. */
    void (*write)(struct device *dev, struct tensor *dst, const void *src);
    void (*read)(struct device *dev, void *dst, const struct tensor *src);
    /* Waits for what was asked and says whether any of it failed. Errors: DEVICE. */
    enum status (*check)(struct device *dev, struct error *err);

    /* y[n, hidden] = rows ids[n] of table [vocab, hidden]. */
    void (*embed)(struct device *dev, struct tensor *y, const struct weight *table, const int *ids);

    /* y[n, out] = x[n, in] * w[out, in]^T + b[out]; b may be NULL, any float dtype. */
    void (*linear)(struct device *dev, struct tensor *y, const struct tensor *x,
                   const struct weight *w, const struct tensor *b);

    /* x[n, c] = 0. */
    void (*zero)(struct device *dev, struct tensor *x);

    /* x[n, c] += y[n, c]. */
    void (*add)(struct device *dev, struct tensor *x, const struct tensor *y);

    /* y[i] = x[rows[i]], i < n. */
    void (*gather)(struct device *dev, struct tensor *y, const struct tensor *x, const int *rows,
                   size_t n);
    /* x[rows[i]] = y[from[i]]. */
    void (*set_rows)(struct device *dev, struct tensor *x, const int *rows, const struct tensor *y,
                     const int *from, size_t n);
    /* x[rows[i]] += scale[i] * y[from[i]]; scale NULL: 1; from NULL: i. No row comes twice. */
    void (*add_rows)(struct device *dev, struct tensor *x, const int *rows, const struct tensor *y,
                     const int *from, const float *scale, size_t n);

    /* y[n, c] = x / sqrt(mean(x^2) + eps) * w[c]; y may be x.
     * Source: reference Qwen3VLTextRMSNorm. */
    void (*rms_norm)(struct device *dev, struct tensor *y, const struct tensor *x,
                     const struct tensor *w, float eps);

    /* y[n, c] = (x - mean) / sqrt(variance + eps) * w[c] + b[c]; y may be x. */
    void (*layer_norm)(struct device *dev, struct tensor *y, const struct tensor *x,
                       const struct tensor *w, const struct tensor *b, float eps);

    /* gate[n, c] = silu(gate) * up[n, c]. */
    void (*silu_mul)(struct device *dev, struct tensor *gate, const struct tensor *up);

    /* x = gelu(x): with erf when exact (mergers), else the tanh form (vision blocks). */
    void (*gelu)(struct device *dev, struct tensor *x, bool exact);

    /* Rotary over x[n, n_heads * d] in place: pairs (j, j + d/2) of each head turn by row n of
     * cos, sin [n, d/2]. Source: reference rotate_half. */
    void (*rotate)(struct device *dev, struct tensor *x, const struct tensor *cos,
                   const struct tensor *sin, int n_heads);

    /* x[h * w, c] += the learned table [side * side, c] read bilinearly, corners aligned, at the
     * patches of a frame in the tower's order. Source: reference fast_pos_embed_interpolate. */
    void (*add_positions)(struct device *dev, struct tensor *x, const struct tensor *table,
                          int side, int h, int w);

    /* o[n, n_heads * d] = softmax(q k^T * scale) v, every row sees every row: one frame. */
    void (*attend_frame)(struct device *dev, struct tensor *o, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, int n_heads, float scale);

    /* Stores k, v [n, n_kv_heads * d] of the batch's rows in their pages. */
    void (*store_kv)(struct device *dev, const struct kv_memory *kv, int layer,
                     const struct tensor *k, const struct tensor *v,
                     const struct attend_item *items, size_t n_items);

    /* o[n, n_heads * d] = softmax(q k^T * scale) v over what is stored, causal: a row sees its own
     * token and those before. Query head h reads kv head h / (n_heads / n_kv_heads). */
    void (*attend)(struct device *dev, struct tensor *o, const struct tensor *q,
                   const struct kv_memory *kv, int layer, const struct attend_item *items,
                   size_t n_items, int n_heads, float scale);

    /* The k largest of each row's logits [n, n_experts], largest first, ties to the smaller number,
     * into host memory: experts, weights [n, k]; weights are softmax values divided by their sum. */
    void (*route)(struct device *dev, int *experts, float *weights, const struct tensor *logits,
                  int k);
};

extern const struct ops ops_ref, ops_cpu;

/* Picks a device by name: "ref", "avx2", or the best this processor has for "cpu"; NULL takes the name
 * from DOCMILL_CPU, else "cpu". n_threads 0: as many as there are processors. Errors: ARG (unknown
 * name), UNSUPPORTED (not on this machine). */
enum status device_open(const char *name, int n_threads, struct device *out, struct error *err);
void device_close(struct device *dev);

#endif
