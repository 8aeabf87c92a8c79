/*
 * model/tensor.h - numbers with a shape: what weights and activations are.
 *
 * A tensor borrows its memory, which may be a mapped file, host memory or a device's. Row-major;
 * only ops (see ops.h) look at what data points to, everybody else deals in rows and shapes.
 */
#ifndef MODEL_TENSOR_H
#define MODEL_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TENSOR_MAX_DIMS = 8 };

enum dtype {
    DTYPE_F32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_F8, // e4m3fn: no infinities, largest 448
    DTYPE_I32,
    DTYPE_I64,
    DTYPE_U8,
    DTYPE_OTHER, // known to the file format, not used by us
    N_DTYPE
};

struct tensor {
    enum dtype dtype;
    int n_dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t stride; // elements from one row to the next; 0: rows lie side by side
    void *data;
};

size_t dtype_bytes(enum dtype dtype);
const char *dtype_name(enum dtype dtype); // as in a safetensors header

/* Number of elements. The maker of the tensor has checked that the product fits. */
size_t tensor_count(const struct tensor *t);
size_t
tensor_row(const struct tensor *t); // elements of one row: the count over all dims but the first

/* n rows of t from row `from` on: the same memory. */
struct tensor tensor_rows(const struct tensor *t, size_t from, size_t n);
/* Columns [from, from + n) of a 2-D tensor: the same memory, rows further apart than they are long. */
struct tensor tensor_columns(const struct tensor *t, size_t from, size_t n);
size_t tensor_stride(const struct tensor *t);
struct tensor tensor_2d(enum dtype dtype, void *data, size_t n_rows, size_t n_columns);

/* The same elements as [rows, columns]; t's rows lie side by side. */
struct tensor tensor_as_2d(const struct tensor *t, size_t n_rows, size_t n_columns);

/* ---- conversions; rounding is to nearest, ties to even ---- */

static inline float f32_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t bits_of_f32(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float f32_of_bf16(uint16_t h) {
    return f32_of_bits((uint32_t)h << 16);
}

static inline uint16_t bf16_of_f32(float f) {
    uint32_t u = bits_of_f32(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40); // a NaN stays one
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

float f32_of_f16(uint16_t h);
float f32_of_f8(uint8_t b);
uint8_t f8_of_f32(float f); // saturates at 448; NaN stays one

#endif
