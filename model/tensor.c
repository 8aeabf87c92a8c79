/* model/tensor.c - see tensor.h. */
#include "model/tensor.h"

#include <math.h>

size_t dtype_bytes(enum dtype dtype) {
    static const size_t bytes[N_DTYPE] = {4, 2, 2, 1, 4, 8, 1, 1};
    return bytes[dtype];
}

const char *dtype_name(enum dtype dtype) {
    static const char *const names[N_DTYPE] = {"F32", "BF16", "F16", "F8_E4M3",
                                               "I32", "I64",  "U8",  "other"};
    return names[dtype];
}

size_t tensor_count(const struct tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

size_t tensor_row(const struct tensor *t) {
    size_t n = 1;
    for (int i = 1; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

size_t tensor_stride(const struct tensor *t) {
    return t->stride ? t->stride : tensor_row(t);
}

struct tensor tensor_columns(const struct tensor *t, size_t from, size_t n) {
    struct tensor columns = *t;
    columns.stride = tensor_stride(t);
    columns.shape[1] = n;
    columns.data = (char *)t->data + from * dtype_bytes(t->dtype);
    return columns;
}

struct tensor tensor_rows(const struct tensor *t, size_t from, size_t n) {
    struct tensor rows = *t;
    rows.shape[0] = n;
    rows.data = (char *)t->data + from * tensor_stride(t) * dtype_bytes(t->dtype);
    return rows;
}

struct tensor tensor_2d(enum dtype dtype, void *data, size_t n_rows, size_t n_columns) {
    return (struct tensor){.dtype = dtype, .n_dims = 2, .shape = {n_rows, n_columns}, .data = data};
}

struct tensor tensor_as_2d(const struct tensor *t, size_t n_rows, size_t n_columns) {
    return tensor_2d(t->dtype, t->data, n_rows, n_columns);
}

float f32_of_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
    if (exponent == 31) return f32_of_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent) return f32_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float subnormal = (float)mantissa * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

float f32_of_f8(uint8_t b) {
    uint32_t exponent = b >> 3 & 15, mantissa = b & 7;
    if ((b & 0x7f) == 0x7f) return NAN;
    float value =
        exponent ? f32_of_bits((exponent + 120) << 23 | mantissa << 20) : (float)mantissa * 0x1p-9f;
    return b & 0x80 ? -value : value;
}

uint8_t f8_of_f32(float f) {
    uint8_t sign = bits_of_f32(f) >> 31 ? 0x80 : 0;
    float a = fabsf(f);
    if (isnan(a)) return (uint8_t)(sign | 0x7f);
    if (a >= 448) return (uint8_t)(sign | 0x7e);
    if (a < 0x1p-6f) return (uint8_t)(sign | (uint8_t)lrintf(a * 0x1p9f)); // 8 is the first normal
    uint32_t u = bits_of_f32(a);
    u += 0x7ffff + (u >> 20 & 1); // keeps 3 bits of the mantissa
    return (uint8_t)(sign | (((u >> 23) - 120) << 3 | (u >> 20 & 7)));
}
