/*
 * model/kernels.h - the inner loops of ops_cpu, one table for each instruction set.
 *
 * ops_cpu.c cuts operations into blocks that fit the caches and shares them out; what happens inside a
 * block is here. The order in which one result's terms are added is part of the contract: it depends
 * on the length of the sum alone, so that one row computed by itself equals the same row in a batch.
 * A dot product runs in 8 lanes: lane j takes elements j, j + 8, ... in order with fused
 * multiply-add; then ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)).
 */
#ifndef MODEL_KERNELS_H
#define MODEL_KERNELS_H

#include "model/tensor.h"

enum { TILE_X = 4, TILE_W = 3, LANES = 8 };

struct kernels {
    const char *name;

    /* n numbers to float; F32, BF16, F16, F8 (times scale, rounded once more). */
    void (*widen)(float *out, const void *in, enum dtype dtype, size_t n, float scale);

    /* out[c][r] = in[r][c] for 8 x 8 numbers. */
    void (*transpose8)(float *out, size_t out_stride, const float *in, size_t in_stride);

    /* acc[i][j] += lanes of x row i times w row j; i < n_x <= 4, j < n_w <= 3, k a multiple of 8. An
     * acc is 8 lanes; acc rows are acc_stride lanes-of-8 apart. */
    void (*tile)(float *acc, size_t acc_stride, const float *x, size_t x_stride, const float *w,
                 size_t w_stride, int n_x, int n_w, size_t k);
    /* y[j] = the joined lanes of acc[j], j < n. */
    void (*join)(float *y, const float *acc, size_t n);

    /* y[i][j] = x row i . w row j, i < n_x <= 4, j < n_w, straight from a matrix in F32 or BF16. Equal to
     * tile() and join() to the bit, whatever n_x. k is a multiple of 8. */
    void (*dots)(float *y, size_t y_stride, const float *x, size_t x_stride, const void *w,
                 enum dtype dtype, size_t w_stride, int n_x, size_t n_w, size_t k);

    float (*largest)(const float *s, float start,
                     size_t n); // n is a multiple of 8; NaNs are passed over
    /* s[i] = exp(s[i] - top); their sum, in 8 lanes. n is a multiple of 8. */
    float (*exp_sum)(float *s, float top, size_t n);
    /* o[i] = o[i] * keep[i] + sum over t of p[i][t] * v[t], i < n_x <= 4, t < n in order; d a multiple
     * of 8, rows of o, v are d long, those of p p_stride. */
    void (*blend)(float *o, const float *keep, const float *p, size_t p_stride, const float *v,
                  int n_x, size_t n, size_t d);

    float (*sum_squares)(const float *x, float minus, size_t n); // of x - minus; any n
    float (*sum)(const float *x, size_t n);
    void (*silu_mul)(float *gate, const float *up, size_t n);
    void (*gelu_tanh)(float *x, size_t n);
};

extern const struct kernels kernels_avx2; // AVX2 + FMA

#endif
