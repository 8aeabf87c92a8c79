/*
 * model/ops_ref.c - every operation as plain loops: what the others are tested against.
 *
 * Sums are double, each result is rounded to float once. Slow on purpose: obvious.
 */
#include <math.h>
#include <stdlib.h>

#include "model/ops.h"
#include "util/mem.h"

static float *row_of(const struct tensor *t, size_t i) {
    return (float *)t->data + i * tensor_stride(t);
}

static float element(enum dtype dtype, const void *data, size_t i) {
    switch (dtype) {
    case DTYPE_F32: return ((const float *)data)[i];
    case DTYPE_BF16: return f32_of_bf16(((const uint16_t *)data)[i]);
    case DTYPE_F16: return f32_of_f16(((const uint16_t *)data)[i]);
    case DTYPE_F8: return f32_of_f8(((const uint8_t *)data)[i]);
    default: return NAN;
    }
}

static void set_element(enum dtype dtype, void *data, size_t i, float value) {
    switch (dtype) {
    case DTYPE_BF16: ((uint16_t *)data)[i] = bf16_of_f32(value); break;
    case DTYPE_F8: ((uint8_t *)data)[i] = f8_of_f32(value); break;
    default: ((float *)data)[i] = value; break;
    }
}

static float weight_at(const struct weight *w, size_t o, size_t i) {
    float value =
        element(w->dtype, w->data, w->input_major ? i * w->stride + o : o * w->stride + i);
    if (!w->scale) return value;
    size_t out = (o + w->first_out) / 128, in = i / 128;
    size_t at = w->input_major ? in * w->scale_stride + out : out * w->scale_stride + in;
    return value * element(w->scale_dtype, w->scale, at);
}

static enum status ref_alloc(struct device *dev, size_t n_bytes, void **out, struct error *err) {
    (void)dev;
    *out = NULL;
    if (posix_memalign(out, 64, n_bytes ? n_bytes : 64))
        return fail(err, STATUS_NOMEM, "%zu bytes are more than there is memory", n_bytes);
    return STATUS_OK;
}

static void ref_release(struct device *dev, void *p) {
    (void)dev;
    free(p);
}

static void ref_write(struct device *dev, struct tensor *dst, const void *src) {
    (void)dev;
    size_t row = tensor_row(dst) * dtype_bytes(dst->dtype);
    for (size_t i = 0; i < dst->shape[0]; i++) {
        struct tensor to = tensor_rows(dst, i, 1);
        memcpy(to.data, (const char *)src + i * row, row);
    }
}

static void ref_read(struct device *dev, void *dst, const struct tensor *src) {
    (void)dev;
    size_t row = tensor_row(src) * dtype_bytes(src->dtype);
    for (size_t i = 0; i < src->shape[0]; i++) {
        struct tensor from = tensor_rows(src, i, 1);
        memcpy((char *)dst + i * row, from.data, row);
    }
}

static enum status ref_check(struct device *dev, struct error *err) {
    (void)dev, (void)err;
    return STATUS_OK;
}

static void ref_embed(struct device *dev, struct tensor *y, const struct weight *table,
                      const int *ids) {
    (void)dev;
    for (size_t n = 0; n < y->shape[0]; n++)
        for (size_t i = 0; i < y->shape[1]; i++)
            row_of(y, n)[i] = weight_at(table, (size_t)ids[n], i);
}

static void ref_linear(struct device *dev, struct tensor *y, const struct tensor *x,
                       const struct weight *w, const struct tensor *b) {
    (void)dev;
    float *line = mem_alloc(mem_product(w->n_in, sizeof *line));
    for (size_t o = 0; o < w->n_out; o++) {
        for (size_t i = 0; i < w->n_in; i++) line[i] = weight_at(w, o, i);
        for (size_t n = 0; n < x->shape[0]; n++) {
            const float *in = row_of(x, n);
            double sum = b ? element(b->dtype, b->data, o) : 0;
            for (size_t i = 0; i < w->n_in; i++) sum += (double)in[i] * line[i];
            row_of(y, n)[o] = (float)sum;
        }
    }
    mem_free(line);
}

static void ref_zero(struct device *dev, struct tensor *x) {
    (void)dev;
    for (size_t n = 0; n < x->shape[0]; n++) memset(row_of(x, n), 0, x->shape[1] * sizeof(float));
}

static void ref_add(struct device *dev, struct tensor *x, const struct tensor *y) {
    (void)dev;
    for (size_t n = 0; n < x->shape[0]; n++)
        for (size_t i = 0; i < x->shape[1]; i++) row_of(x, n)[i] += row_of(y, n)[i];
}

static void ref_gather(struct device *dev, struct tensor *y, const struct tensor *x,
                       const int *rows, size_t n) {
    (void)dev;
    for (size_t i = 0; i < n; i++)
        memcpy(row_of(y, i), row_of(x, (size_t)rows[i]), x->shape[1] * sizeof(float));
}

static void ref_set_rows(struct device *dev, struct tensor *x, const int *rows,
                         const struct tensor *y, const int *from, size_t n) {
    (void)dev;
    for (size_t i = 0; i < n; i++)
        memcpy(row_of(x, (size_t)rows[i]), row_of(y, (size_t)from[i]), x->shape[1] * sizeof(float));
}

static void ref_add_rows(struct device *dev, struct tensor *x, const int *rows,
                         const struct tensor *y, const int *from, const float *scale, size_t n) {
    (void)dev;
    for (size_t i = 0; i < n; i++) {
        float *to = row_of(x, (size_t)rows[i]);
        const float *in = row_of(y, from ? (size_t)from[i] : i);
        for (size_t c = 0; c < x->shape[1]; c++) to[c] += (scale ? scale[i] : 1) * in[c];
    }
}

static void ref_rms_norm(struct device *dev, struct tensor *y, const struct tensor *x,
                         const struct tensor *w, float eps) {
    (void)dev;
    size_t c = x->shape[1];
    for (size_t n = 0; n < x->shape[0]; n++) {
        const float *in = row_of(x, n);
        double sum = 0;
        for (size_t i = 0; i < c; i++) sum += (double)in[i] * in[i];
        double scale = 1 / sqrt(sum / (double)c + eps);
        for (size_t i = 0; i < c; i++)
            row_of(y, n)[i] = (float)(in[i] * scale) * element(w->dtype, w->data, i);
    }
}

static void ref_layer_norm(struct device *dev, struct tensor *y, const struct tensor *x,
                           const struct tensor *w, const struct tensor *b, float eps) {
    (void)dev;
    size_t c = x->shape[1];
    for (size_t n = 0; n < x->shape[0]; n++) {
        const float *in = row_of(x, n);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < c; i++) sum += in[i];
        double mean = sum / (double)c;
        for (size_t i = 0; i < c; i++) squares += (in[i] - mean) * (in[i] - mean);
        double scale = 1 / sqrt(squares / (double)c + eps);
        for (size_t i = 0; i < c; i++)
            row_of(y, n)[i] = (float)((in[i] - mean) * scale * element(w->dtype, w->data, i) +
                                      element(b->dtype, b->data, i));
    }
}

static void ref_silu_mul(struct device *dev, struct tensor *gate, const struct tensor *up) {
    (void)dev;
    for (size_t n = 0; n < gate->shape[0]; n++)
        for (size_t i = 0; i < gate->shape[1]; i++) {
            double g = row_of(gate, n)[i];
            row_of(gate, n)[i] = (float)(g / (1 + exp(-g)) * row_of(up, n)[i]);
        }
}

static void ref_gelu(struct device *dev, struct tensor *x, bool exact) {
    (void)dev;
    for (size_t n = 0; n < x->shape[0]; n++)
        for (size_t i = 0; i < x->shape[1]; i++) {
            double v = row_of(x, n)[i], u = sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
            // (1 + erf) / 2 and (1 + tanh) / 2, without their cancellation far below zero.
            double part = exact ? erfc(-v / sqrt(2)) / 2 : 1 / (1 + exp(-2 * u));
            row_of(x, n)[i] = (float)(v * part);
        }
}

static void ref_rotate(struct device *dev, struct tensor *x, const struct tensor *cos_table,
                       const struct tensor *sin_table, int n_heads) {
    (void)dev;
    size_t half = cos_table->shape[1];
    for (size_t n = 0; n < x->shape[0]; n++)
        for (size_t h = 0; h < (size_t)n_heads; h++) {
            float *a = row_of(x, n) + h * 2 * half, *b = a + half;
            for (size_t j = 0; j < half; j++) {
                double p = a[j], q = b[j], c = row_of(cos_table, n)[j], s = row_of(sin_table, n)[j];
                a[j] = (float)(p * c - q * s);
                b[j] = (float)(q * c + p * s);
            }
        }
}

static void ref_add_positions(struct device *dev, struct tensor *x, const struct tensor *table,
                              int side, int h, int w) {
    (void)dev;
    size_t c = x->shape[1];
    for (int s = 0; s < h * w; s++) {
        int block = s / 4, row = 2 * (block / (w / 2)) + s % 4 / 2;
        int column = 2 * (block % (w / 2)) + s % 2;
        // Multiplied before it is divided, in float32, as the reference does.
        float gy = (float)(row * (side - 1)) / (float)(h > 1 ? h - 1 : 1);
        float gx = (float)(column * (side - 1)) / (float)(w > 1 ? w - 1 : 1);
        int y0 = (int)gy, x0 = (int)gx;
        int y1 = y0 + 1 < side ? y0 + 1 : side - 1, x1 = x0 + 1 < side ? x0 + 1 : side - 1;
        double a = gy - (float)y0, b = gx - (float)x0;
        const size_t corners[4] = {(size_t)(y0 * side + x0), (size_t)(y0 * side + x1),
                                   (size_t)(y1 * side + x0), (size_t)(y1 * side + x1)};
        const double part[4] = {(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b};
        for (size_t i = 0; i < c; i++) {
            double sum = 0;
            for (int k = 0; k < 4; k++)
                sum += part[k] * element(table->dtype, table->data, corners[k] * c + i);
            row_of(x, (size_t)s)[i] += (float)sum;
        }
    }
}

/* scores -> probabilities, in place. */
static void softmax(double *s, size_t n) {
    double top = s[0], sum = 0;
    for (size_t i = 1; i < n; i++) top = fmax(top, s[i]);
    for (size_t i = 0; i < n; i++) sum += s[i] = exp(s[i] - top);
    for (size_t i = 0; i < n; i++) s[i] /= sum;
}

static void ref_attend_frame(struct device *dev, struct tensor *o, const struct tensor *q,
                             const struct tensor *k, const struct tensor *v, int n_heads,
                             float scale) {
    (void)dev;
    size_t n = q->shape[0], d = q->shape[1] / (size_t)n_heads;
    double *score = mem_alloc(mem_product(n, sizeof *score)); // one row, never n x n
    for (size_t h = 0; h < (size_t)n_heads; h++)
        for (size_t r = 0; r < n; r++) {
            for (size_t t = 0; t < n; t++) {
                double sum = 0;
                for (size_t i = h * d; i < h * d + d; i++)
                    sum += (double)row_of(q, r)[i] * row_of(k, t)[i];
                score[t] = sum * scale;
            }
            softmax(score, n);
            for (size_t i = h * d; i < h * d + d; i++) {
                double sum = 0;
                for (size_t t = 0; t < n; t++) sum += score[t] * row_of(v, t)[i];
                row_of(o, r)[i] = (float)sum;
            }
        }
    mem_free(score);
}

/* Where the head_dim numbers of one token's key (which 0) or value (1) begin. */
static size_t kv_at(const struct kv_memory *kv, const int *pages, size_t token, int layer,
                    int which, size_t head) {
    size_t block =
        ((size_t)pages[token / KV_PAGE_TOKENS] * (size_t)kv->n_layers + (size_t)layer) * 2 +
        (size_t)which;
    size_t slot = (block * (size_t)kv->n_kv_heads + head) * KV_PAGE_TOKENS + token % KV_PAGE_TOKENS;
    return slot * (size_t)kv->head_dim;
}

static void ref_store_kv(struct device *dev, const struct kv_memory *kv, int layer,
                         const struct tensor *k, const struct tensor *v,
                         const struct attend_item *items, size_t n_items) {
    (void)dev;
    size_t d = (size_t)kv->head_dim;
    for (size_t item = 0; item < n_items; item++)
        for (size_t r = 0; r < items[item].n_rows; r++)
            for (size_t h = 0; h < (size_t)kv->n_kv_heads; h++)
                for (int which = 0; which < 2; which++) {
                    const float *from = row_of(which ? v : k, items[item].first_row + r) + h * d;
                    size_t at =
                        kv_at(kv, items[item].pages, items[item].n_past + r, layer, which, h);
                    for (size_t i = 0; i < d; i++)
                        set_element(kv->dtype, kv->data, at + i, from[i]);
                }
}

/* One query head of one row over the n tokens it sees. */
static void attend_head(float *out, const float *q, const struct kv_memory *kv, const int *pages,
                        int layer, size_t head, size_t n, float scale, double *score) {
    size_t d = (size_t)kv->head_dim;
    for (size_t t = 0; t < n; t++) {
        size_t at = kv_at(kv, pages, t, layer, 0, head);
        double sum = 0;
        for (size_t i = 0; i < d; i++) sum += (double)q[i] * element(kv->dtype, kv->data, at + i);
        score[t] = sum * scale;
    }
    softmax(score, n);
    double sums[1024] = {0};
    for (size_t t = 0; t < n; t++) {
        size_t at = kv_at(kv, pages, t, layer, 1, head);
        for (size_t i = 0; i < d; i++) sums[i] += score[t] * element(kv->dtype, kv->data, at + i);
    }
    for (size_t i = 0; i < d; i++) out[i] = (float)sums[i];
}

static void ref_attend(struct device *dev, struct tensor *o, const struct tensor *q,
                       const struct kv_memory *kv, int layer, const struct attend_item *items,
                       size_t n_items, int n_heads, float scale) {
    (void)dev;
    size_t d = (size_t)kv->head_dim, group = (size_t)(n_heads / kv->n_kv_heads);
    for (size_t item = 0; item < n_items; item++) {
        const struct attend_item *a = &items[item];
        double *score = mem_alloc(mem_product(a->n_past + a->n_rows, sizeof *score));
        for (size_t r = 0; r < a->n_rows; r++)
            for (size_t h = 0; h < (size_t)n_heads; h++)
                attend_head(row_of(o, a->first_row + r) + h * d,
                            row_of(q, a->first_row + r) + h * d, kv, a->pages, layer, h / group,
                            a->n_past + r + 1, scale, score);
        mem_free(score);
    }
}

static void ref_route(struct device *dev, int *experts, float *weights, const struct tensor *logits,
                      int k) {
    (void)dev;
    size_t n_experts = logits->shape[1];
    double *p = mem_alloc(mem_product(n_experts, sizeof *p));
    for (size_t n = 0; n < logits->shape[0]; n++) {
        for (size_t e = 0; e < n_experts; e++) p[e] = row_of(logits, n)[e];
        softmax(p, n_experts);
        int *chosen = experts + n * (size_t)k;
        double sum = 0;
        for (int j = 0; j < k; j++) {
            size_t best = 0;
            for (size_t e = 1; e < n_experts; e++)
                if (p[e] > p[best]) best = e;
            chosen[j] = (int)best;
            weights[n * (size_t)k + (size_t)j] = (float)p[best];
            sum += p[best];
            p[best] = -1;
        }
        for (int j = 0; j < k; j++)
            weights[n * (size_t)k + (size_t)j] = (float)(weights[n * (size_t)k + (size_t)j] / sum);
    }
    mem_free(p);
}

const struct ops ops_ref = {
    .name = "ref",
    .alloc = ref_alloc,
    .release = ref_release,
    .write = ref_write,
    .read = ref_read,
    .check = ref_check,
    .embed = ref_embed,
    .linear = ref_linear,
    .zero = ref_zero,
    .add = ref_add,
    .gather = ref_gather,
    .set_rows = ref_set_rows,
    .add_rows = ref_add_rows,
    .rms_norm = ref_rms_norm,
    .layer_norm = ref_layer_norm,
    .silu_mul = ref_silu_mul,
    .gelu = ref_gelu,
    .rotate = ref_rotate,
    .add_positions = ref_add_positions,
    .attend_frame = ref_attend_frame,
    .store_kv = ref_store_kv,
    .attend = ref_attend,
    .route = ref_route,
};
