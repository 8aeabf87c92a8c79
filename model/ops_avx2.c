/*
 * model/ops_avx2.c - the inner loops for AVX2 with FMA: 16 registers of 8 floats.
 *
 * The tile holds 4 x 3 sums, 3 rows of weights and one of x: all 16 registers and no spill (a test
 * looks at the machine code). Only this file is compiled with -mavx2 -mfma -mf16c; device.c asks the
 * processor before it calls anything here.
 */
#include "model/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m256 load_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

/* e4m3 as the bits of a float 2^120 times smaller, then scaled up: exact, subnormals too. */
INLINE __m256 load_f8(const uint8_t *p) {
    __m256i b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    __m256i magnitude = _mm256_and_si256(b, _mm256_set1_epi32(0x7f));
    __m256 value = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(magnitude, 20)),
                                 _mm256_set1_ps(0x1p120f));
    __m256i nan = _mm256_cmpeq_epi32(magnitude, _mm256_set1_epi32(0x7f));
    __m256i sign = _mm256_slli_epi32(_mm256_and_si256(b, _mm256_set1_epi32(0x80)), 24);
    value = _mm256_or_ps(value, _mm256_castsi256_ps(nan));
    return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
}

static float one_number(const void *in, enum dtype dtype, size_t i, float scale) {
    switch (dtype) {
    case DTYPE_BF16: return f32_of_bf16(((const uint16_t *)in)[i]);
    case DTYPE_F16: return f32_of_f16(((const uint16_t *)in)[i]);
    case DTYPE_F8: return f32_of_f8(((const uint8_t *)in)[i]) * scale;
    default: return ((const float *)in)[i];
    }
}

static void avx2_widen(float *out, const void *in, enum dtype dtype, size_t n, float scale) {
    size_t i = 0;
    switch (dtype) {
    case DTYPE_BF16:
        for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, load_bf16((const uint16_t *)in + i));
        break;
    case DTYPE_F16:
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                          (const __m128i *)((const uint16_t *)in + i))));
        break;
    case DTYPE_F8:
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps(
                out + i, _mm256_mul_ps(load_f8((const uint8_t *)in + i), _mm256_set1_ps(scale)));
        break;
    default:
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps(out + i, _mm256_loadu_ps((const float *)in + i));
    }
    for (; i < n; i++) out[i] = one_number(in, dtype, i, scale);
}

static void avx2_transpose8(float *out, size_t out_stride, const float *in, size_t in_stride) {
    __m256 r[8], s[8];
    for (size_t i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(in + i * in_stride);
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + i * out_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * out_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

INLINE void tile(float *acc, size_t acc_stride, const float *x, size_t x_stride, const float *w,
                 size_t w_stride, const int n_x, const int n_w, size_t k) {
    __m256 sums[TILE_X][TILE_W];
#pragma GCC unroll 4
    for (int i = 0; i < n_x; i++)
#pragma GCC unroll 3
        for (int j = 0; j < n_w; j++)
            sums[i][j] = _mm256_loadu_ps(acc + ((size_t)i * acc_stride + (size_t)j) * LANES);
    for (size_t at = 0; at < k; at += 8) {
        __m256 right[TILE_W];
#pragma GCC unroll 3
        for (int j = 0; j < n_w; j++) right[j] = _mm256_loadu_ps(w + (size_t)j * w_stride + at);
#pragma GCC unroll 4
        for (int i = 0; i < n_x; i++) {
            __m256 left = _mm256_loadu_ps(x + (size_t)i * x_stride + at);
#pragma GCC unroll 3
            for (int j = 0; j < n_w; j++) sums[i][j] = _mm256_fmadd_ps(left, right[j], sums[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n_x; i++)
#pragma GCC unroll 3
        for (int j = 0; j < n_w; j++)
            _mm256_storeu_ps(acc + ((size_t)i * acc_stride + (size_t)j) * LANES, sums[i][j]);
}

__attribute__((noinline)) static void avx2_tile_4x3(float *acc, size_t acc_stride, const float *x,
                                                    size_t x_stride, const float *w,
                                                    size_t w_stride, size_t k) {
    tile(acc, acc_stride, x, x_stride, w, w_stride, 4, 3, k);
}

#define TILE_CASE(N_X, N_W)                                                                        \
    case N_X * 4 + N_W: tile(acc, acc_stride, x, x_stride, w, w_stride, N_X, N_W, k); return

static void avx2_tile(float *acc, size_t acc_stride, const float *x, size_t x_stride,
                      const float *w, size_t w_stride, int n_x, int n_w, size_t k) {
    switch (n_x * 4 + n_w) {
        TILE_CASE(1, 1);
        TILE_CASE(1, 2);
        TILE_CASE(1, 3);
        TILE_CASE(2, 1);
        TILE_CASE(2, 2);
        TILE_CASE(2, 3);
        TILE_CASE(3, 1);
        TILE_CASE(3, 2);
        TILE_CASE(3, 3);
        TILE_CASE(4, 1);
        TILE_CASE(4, 2);
    default: avx2_tile_4x3(acc, acc_stride, x, x_stride, w, w_stride, k);
    }
}

/* The lanes of four vectors, each joined in the order of the contract. */
INLINE __m128 join4(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

INLINE float sum_lanes(__m256 v) {
    return _mm_cvtss_f32(join4(v, v, v, v));
}

static void avx2_join(float *y, const float *acc, size_t n) {
    size_t j = 0;
    for (; j + 4 <= n; j += 4, acc += 4 * LANES)
        _mm_storeu_ps(y + j,
                      join4(_mm256_loadu_ps(acc), _mm256_loadu_ps(acc + LANES),
                            _mm256_loadu_ps(acc + 2 * LANES), _mm256_loadu_ps(acc + 3 * LANES)));
    for (; j < n; j++, acc += LANES) y[j] = sum_lanes(_mm256_loadu_ps(acc));
}

INLINE __m256 load_weight(const void *w, enum dtype dtype, size_t at) {
    return dtype == DTYPE_BF16 ? load_bf16((const uint16_t *)w + at)
                               : _mm256_loadu_ps((const float *)w + at);
}

/* n_x x n_w whole dot products; up to 8 weights' rows for one row of x, else up to 3. */
INLINE void some_dots(float *y, size_t y_stride, const float *x, size_t x_stride, const void *w,
                      const enum dtype dtype, size_t w_stride, const int n_x, const int n_w,
                      size_t k) {
    __m256 sums[12];
#pragma GCC unroll 12
    for (int i = 0; i < n_x * n_w; i++) sums[i] = _mm256_setzero_ps();
    for (size_t at = 0; at < k; at += 8) {
        __m256 right[8];
#pragma GCC unroll 8
        for (int j = 0; j < n_w; j++) right[j] = load_weight(w, dtype, (size_t)j * w_stride + at);
#pragma GCC unroll 4
        for (int i = 0; i < n_x; i++) {
            __m256 left = _mm256_loadu_ps(x + (size_t)i * x_stride + at);
#pragma GCC unroll 8
            for (int j = 0; j < n_w; j++)
                sums[i * n_w + j] = _mm256_fmadd_ps(left, right[j], sums[i * n_w + j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n_x; i++) {
        float *row = y + (size_t)i * y_stride;
        const __m256 *s = sums + i * n_w;
        if (n_w == 8) {
            _mm_storeu_ps(row, join4(s[0], s[1], s[2], s[3]));
            _mm_storeu_ps(row + 4, join4(s[4], s[5], s[6], s[7]));
        } else if (n_w == 3) {
            __m128 three = join4(s[0], s[1], s[2], s[2]);
            _mm_storel_pi((__m64 *)row, three);
            row[2] = _mm_cvtss_f32(_mm_movehl_ps(three, three));
        } else {
            row[0] = sum_lanes(s[0]);
        }
    }
}

INLINE void dots_of(float *y, size_t y_stride, const float *x, size_t x_stride, const void *w,
                    const enum dtype dtype, size_t w_stride, const int n_x, size_t n_w, size_t k) {
    const int group = n_x == 1 ? 8 : 3;
    const size_t row = w_stride * (dtype == DTYPE_BF16 ? 2 : 4);
    const char *at = w;
    size_t j = 0;
    for (; j + (size_t)group <= n_w; j += (size_t)group)
        some_dots(y + j, y_stride, x, x_stride, at + j * row, dtype, w_stride, n_x, group, k);
    for (; j < n_w; j++)
        some_dots(y + j, y_stride, x, x_stride, at + j * row, dtype, w_stride, n_x, 1, k);
}

#define DOTS_CASE(N_X)                                                                             \
    case N_X:                                                                                      \
        if (dtype == DTYPE_BF16)                                                                   \
            dots_of(y, y_stride, x, x_stride, w, DTYPE_BF16, w_stride, N_X, n_w, k);               \
        else                                                                                       \
            dots_of(y, y_stride, x, x_stride, w, DTYPE_F32, w_stride, N_X, n_w, k);                \
        return

static void avx2_dots(float *y, size_t y_stride, const float *x, size_t x_stride, const void *w,
                      enum dtype dtype, size_t w_stride, int n_x, size_t n_w, size_t k) {
    switch (n_x) {
        DOTS_CASE(1);
        DOTS_CASE(2);
        DOTS_CASE(3);
        DOTS_CASE(4);
    default: return;
    }
}

static float avx2_largest(const float *s, float start, size_t n) {
    __m256 top = _mm256_set1_ps(start);
    for (size_t i = 0; i < n; i += 8) top = _mm256_max_ps(_mm256_loadu_ps(s + i), top);
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(top), _mm256_extractf128_ps(top, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

/* e^x to about one unit in the last place: 2^n * e^r, |r| <= ln 2 / 2, e^r by its Taylor sum of degree
 * 7. Below -87.3 it is 0, above 88.7 infinity; a NaN stays one. */
INLINE __m256 exp8(__m256 x) {
    const __m256 log2e = _mm256_set1_ps(1.44269504088896341f);
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, log2e), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693145751953125f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(1.428606765330187e-06f), r);
    __m256 p = _mm256_set1_ps(1.0f / 5040);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    __m256i power =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    __m256 result = _mm256_mul_ps(p, _mm256_castsi256_ps(power));
    __m256 small = _mm256_cmp_ps(x, _mm256_set1_ps(-87.3f), _CMP_LT_OQ);
    __m256 large = _mm256_cmp_ps(x, _mm256_set1_ps(88.3f), _CMP_GT_OQ);
    __m256 odd = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    result = _mm256_andnot_ps(small, result);
    result = _mm256_blendv_ps(result, _mm256_set1_ps(INFINITY), large);
    return _mm256_blendv_ps(result, x, odd);
}

static float avx2_exp_sum(float *s, float top, size_t n) {
    __m256 sum = _mm256_setzero_ps(), t = _mm256_set1_ps(top);
    for (size_t i = 0; i < n; i += 8) {
        __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(s + i), t));
        _mm256_storeu_ps(s + i, e);
        sum = _mm256_add_ps(sum, e);
    }
    return sum_lanes(sum);
}

/* Some 8 * n_v columns of blend(). */
INLINE void blend_columns(float *o, const float *keep, const float *p, size_t p_stride,
                          const float *v, const int n_x, const int n_v, size_t n, size_t d) {
    __m256 sums[TILE_X][TILE_W];
#pragma GCC unroll 4
    for (int i = 0; i < n_x; i++)
#pragma GCC unroll 3
        for (int j = 0; j < n_v; j++)
            sums[i][j] = _mm256_mul_ps(_mm256_loadu_ps(o + (size_t)i * d + (size_t)j * 8),
                                       _mm256_set1_ps(keep[i]));
    for (size_t t = 0; t < n; t++) {
        __m256 right[TILE_W];
#pragma GCC unroll 3
        for (int j = 0; j < n_v; j++) right[j] = _mm256_loadu_ps(v + t * d + (size_t)j * 8);
#pragma GCC unroll 4
        for (int i = 0; i < n_x; i++) {
            __m256 left = _mm256_broadcast_ss(p + (size_t)i * p_stride + t);
#pragma GCC unroll 3
            for (int j = 0; j < n_v; j++) sums[i][j] = _mm256_fmadd_ps(left, right[j], sums[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n_x; i++)
#pragma GCC unroll 3
        for (int j = 0; j < n_v; j++)
            _mm256_storeu_ps(o + (size_t)i * d + (size_t)j * 8, sums[i][j]);
}

INLINE void blend_rows(float *o, const float *keep, const float *p, size_t p_stride, const float *v,
                       const int n_x, size_t n, size_t d) {
    size_t c = 0;
    for (; c + 24 <= d; c += 24) blend_columns(o + c, keep, p, p_stride, v + c, n_x, 3, n, d);
    for (; c + 16 <= d; c += 16) blend_columns(o + c, keep, p, p_stride, v + c, n_x, 2, n, d);
    if (c < d) blend_columns(o + c, keep, p, p_stride, v + c, n_x, 1, n, d);
}

static void avx2_blend(float *o, const float *keep, const float *p, size_t p_stride, const float *v,
                       int n_x, size_t n, size_t d) {
    switch (n_x) {
    case 1: blend_rows(o, keep, p, p_stride, v, 1, n, d); return;
    case 2: blend_rows(o, keep, p, p_stride, v, 2, n, d); return;
    case 3: blend_rows(o, keep, p, p_stride, v, 3, n, d); return;
    default: blend_rows(o, keep, p, p_stride, v, 4, n, d);
    }
}

static float avx2_sum_squares(const float *x, float minus, size_t n) {
    __m256 sum = _mm256_setzero_ps(), m = _mm256_set1_ps(minus);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i), m);
        sum = _mm256_fmadd_ps(v, v, sum);
    }
    float total = sum_lanes(sum);
    for (; i < n; i++) total += (x[i] - minus) * (x[i] - minus);
    return total;
}

static float avx2_sum(const float *x, size_t n) {
    __m256 sum = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + i));
    float total = sum_lanes(sum);
    for (; i < n; i++) total += x[i];
    return total;
}

/* x / (1 + e^-x) */
INLINE __m256 silu8(__m256 x, __m256 exponent) {
    __m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), exponent));
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1), e));
}

/* Rows end where they like: the last few numbers go through a copy. */
static void avx2_silu_mul(float *gate, const float *up, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 g = _mm256_loadu_ps(gate + i);
        _mm256_storeu_ps(gate + i, _mm256_mul_ps(silu8(g, g), _mm256_loadu_ps(up + i)));
    }
    if (i == n) return;
    float g[8] = {0}, u[8] = {0};
    memcpy(g, gate + i, (n - i) * sizeof *g);
    memcpy(u, up + i, (n - i) * sizeof *u);
    avx2_silu_mul(g, u, 8);
    memcpy(gate + i, g, (n - i) * sizeof *g);
}

/* 0.5 x (1 + tanh u) = x / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3) */
static void avx2_gelu_tanh(float *x, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i), square = _mm256_mul_ps(v, v);
        __m256 inner = _mm256_fmadd_ps(square, _mm256_set1_ps(0.044715f), _mm256_set1_ps(1));
        inner = _mm256_mul_ps(_mm256_mul_ps(v, inner), _mm256_set1_ps(1.59576912160573f));
        _mm256_storeu_ps(x + i, silu8(v, inner));
    }
    if (i == n) return;
    float rest[8] = {0};
    memcpy(rest, x + i, (n - i) * sizeof *rest);
    avx2_gelu_tanh(rest, 8);
    memcpy(x + i, rest, (n - i) * sizeof *rest);
}

const struct kernels kernels_avx2 = {
    .name = "avx2",
    .widen = avx2_widen,
    .transpose8 = avx2_transpose8,
    .tile = avx2_tile,
    .join = avx2_join,
    .dots = avx2_dots,
    .largest = avx2_largest,
    .exp_sum = avx2_exp_sum,
    .blend = avx2_blend,
    .sum_squares = avx2_sum_squares,
    .sum = avx2_sum,
    .silu_mul = avx2_silu_mul,
    .gelu_tanh = avx2_gelu_tanh,
};

#else

const struct kernels kernels_avx2 = {0}; // built without them: device.c finds no tile

#endif
