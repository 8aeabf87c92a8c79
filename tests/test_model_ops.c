/*
 * tests/test_model_ops.c - every device's operations against ops_ref, over shapes of 1, odd ones and
 * none that is a multiple of the vector width; all formats of weights, both orientations of experts.
 *
 * Tolerance: 2e-6 of the largest value for what adds up few numbers, 1e-5 for long sums. A row by itself
 * must equal the same row in a batch to the bit, whatever the number of threads.
 */
#include <math.h>

#include "model/ops.h"
#include "tests/check.h"
#include "util/mem.h"

static struct device ref, dev;
static uint64_t state = 1;

static float draw(void) { // about normal
    float sum = 0;
    for (int i = 0; i < 6; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sum += (float)(state >> 40) / (1 << 24) - 0.5f;
    }
    return sum;
}

static struct tensor matrix(size_t n, size_t c) {
    float *data = mem_alloc(mem_product(n * c, sizeof *data));
    for (size_t i = 0; i < n * c; i++) data[i] = draw();
    return tensor_2d(DTYPE_F32, data, n, c);
}

static struct tensor copy_of(const struct tensor *t) {
    struct tensor copy = *t;
    copy.data = mem_alloc(tensor_count(t) * sizeof(float));
    memcpy(copy.data, t->data, tensor_count(t) * sizeof(float));
    return copy;
}

static double off_by(const struct tensor *a, const struct tensor *b) {
    const float *x = a->data, *y = b->data;
    double largest = 1e-30, off = 0;
    for (size_t i = 0; i < tensor_count(a); i++) {
        if (!(fabs((double)x[i] - (double)y[i]) <= off)) off = fabs((double)x[i] - (double)y[i]);
        largest = fmax(largest, fabs((double)y[i]));
    }
    return off / largest;
}

static const char *const dtype_names[] = {"F32", "BF16", "F16", "F8"};

/* A weight of random numbers in a format; `first` outputs of a larger matrix stand before it. */
static struct weight random_weight(enum dtype dtype, size_t n_out, size_t n_in, bool input_major,
                                   size_t first) {
    size_t all = n_out + first, rows = input_major ? n_in : all, columns = input_major ? all : n_in;
    struct weight w = {.dtype = dtype,
                       .n_out = n_out,
                       .n_in = n_in,
                       .stride = columns,
                       .input_major = input_major,
                       .first_out = first};
    size_t n = rows * columns, bytes = dtype_bytes(dtype);
    unsigned char *data = mem_alloc(n * bytes);
    for (size_t i = 0; i < n; i++) {
        float value = draw();
        uint16_t half = dtype == DTYPE_BF16 ? bf16_of_f32(value) : (uint16_t)(state >> 33 & 0x3bff);
        if (dtype == DTYPE_F32)
            memcpy(data + 4 * i, &value, 4);
        else if (dtype == DTYPE_F8)
            data[i] = f8_of_f32(value * 100);
        else
            memcpy(data + 2 * i, &half, 2);
    }
    w.data = data + first * bytes * (input_major ? 1 : w.stride);
    if (dtype != DTYPE_F8) return w;
    w.scale_stride = (columns + 127) / 128;
    size_t n_scales = (rows + 127) / 128 * w.scale_stride;
    float *scales = mem_alloc(n_scales * sizeof *scales);
    for (size_t i = 0; i < n_scales; i++) scales[i] = 0.01f + fabsf(draw());
    w.scale = scales;
    return w;
}

static void free_weight(struct weight *w) {
    size_t bytes = dtype_bytes(w->dtype) * w->first_out * (w->input_major ? 1 : w->stride);
    mem_free((char *)w->data - bytes);
    mem_free((void *)w->scale);
}

static const struct {
    size_t n, n_out, n_in;
} products[] = {
    {1, 1, 1},    {1, 33, 64},   {1, 7, 13},     {2, 3, 8},    {3, 5, 7},     {4, 96, 512},
    {5, 97, 513}, {161, 40, 72}, {7, 130, 1030}, {1, 50, 128}, {13, 24, 136},
};

static void test_linear(void) {
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        for (int kind = 0; kind < 16; kind++) {
            enum dtype dtype = (enum dtype)(kind & 3);
            bool input_major = kind & 4, part = kind & 8;
            size_t n = products[i].n, out = products[i].n_out, in = products[i].n_in;
            struct weight w = random_weight(dtype, out, in, input_major, part ? 70 : 0);
            struct tensor x = matrix(n, in), b = matrix(1, out), want = matrix(n, out),
                          got = matrix(n, out);
            const struct tensor *bias = kind % 3 ? &b : NULL;
            ref.ops->linear(&ref, &want, &x, &w, bias);
            dev.ops->linear(&dev, &got, &x, &w, bias);
            double off = off_by(&got, &want);
            CHECK(off < 1e-5, "linear %zu x %zu x %zu %s%s%s: %.1e off", n, out, in,
                  dtype_names[dtype], input_major ? " input-major" : "", part ? " part" : "", off);
            struct tensor last = tensor_rows(&x, n - 1, 1), alone = matrix(1, out);
            struct tensor same = tensor_rows(&got, n - 1, 1);
            dev.ops->linear(&dev, &alone, &last, &w, bias);
            CHECK(!memcmp(alone.data, same.data, out * sizeof(float)),
                  "a row alone, %zu x %zu x %zu %s", n, out, in, dtype_names[dtype]);
            struct tensor all[] = {x, b, want, got, alone};
            for (size_t k = 0; k < 5; k++) mem_free(all[k].data);
            free_weight(&w);
        }
}

static const size_t widths[] = {1, 7, 8, 15, 64, 72, 129, 1024};

static void test_rows(void) {
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t n = 1; n <= 37; n += 18) {
            size_t c = widths[i];
            struct tensor x = matrix(n, c), y = matrix(n, c), w = matrix(1, c), b = matrix(1, c);
            struct tensor want = copy_of(&x), got = copy_of(&x);
            ref.ops->rms_norm(&ref, &want, &want, &w, 1e-6f);
            dev.ops->rms_norm(&dev, &got, &got, &w, 1e-6f);
            CHECK(off_by(&got, &want) < 2e-6, "rms_norm %zu", c);
            ref.ops->layer_norm(&ref, &want, &x, &w, &b, 1e-6f);
            dev.ops->layer_norm(&dev, &got, &x, &w, &b, 1e-6f);
            CHECK(off_by(&got, &want) < 3e-6, "layer_norm %zu: %.1e", c, off_by(&got, &want));
            for (int what = 0; what < 4; what++) {
                for (size_t k = 0; k < n * c; k++)
                    ((float *)want.data)[k] = ((float *)got.data)[k] = ((float *)x.data)[k] * 20;
                const struct device *both[] = {&ref, &dev};
                struct tensor *outs[] = {&want, &got};
                for (int d = 0; d < 2; d++) {
                    struct device *device = (struct device *)both[d];
                    if (what == 0) device->ops->silu_mul(device, outs[d], &y);
                    if (what == 1) device->ops->gelu(device, outs[d], false);
                    if (what == 2) device->ops->gelu(device, outs[d], true);
                    if (what == 3) device->ops->add(device, outs[d], &y);
                }
                // Far below zero e^-x carries the rounding of its exponent.
                CHECK(off_by(&got, &want) < 5e-6, "elementwise %d, %zu: %.1e", what, c,
                      off_by(&got, &want));
            }
            struct tensor all[] = {x, y, w, b, want, got};
            for (size_t k = 0; k < 6; k++) mem_free(all[k].data);
        }
}

/* Extremes go through as they must: no NaN made, none lost. */
static void test_extremes(void) {
    const float in[] = {0,    -0.0f, 1e-30f, -1e-30f, 88,       -88,
                        1e4f, -1e4f, 1e30f,  -1e30f,  INFINITY, NAN};
    enum { N = sizeof in / sizeof *in };
    for (int what = 0; what < 2; what++) {
        float x[N], one[N];
        for (int i = 0; i < N; i++) x[i] = in[i], one[i] = 1;
        struct tensor t = tensor_2d(DTYPE_F32, x, 1, N), ones = tensor_2d(DTYPE_F32, one, 1, N);
        if (what)
            dev.ops->gelu(&dev, &t, false);
        else
            dev.ops->silu_mul(&dev, &t, &ones);
        CHECK(x[6] == 1e4f && fabsf(x[7]) < 1e-6f && x[8] == 1e30f && fabsf(x[9]) < 1e-6f,
              "large, %d", what);
        CHECK(x[0] == 0 && x[1] == 0 && x[10] > 1e30f && x[11] != x[11], "zero, infinity, NaN, %d",
              what);
    }
}

static void test_rotate(void) {
    for (size_t d = 2; d <= 72; d += 14) {
        size_t heads = 3, n = 5;
        struct tensor x = matrix(n, heads * d), c = matrix(n, d / 2), s = matrix(n, d / 2);
        struct tensor want = copy_of(&x);
        ref.ops->rotate(&ref, &want, &c, &s, (int)heads);
        dev.ops->rotate(&dev, &x, &c, &s, (int)heads);
        CHECK(off_by(&x, &want) < 1e-6, "rotate %zu", d);
        mem_free(x.data), mem_free(c.data), mem_free(s.data), mem_free(want.data);
    }
}

static void test_frame(void) {
    static const size_t sizes[][3] = {
        {4, 1, 16}, {4, 2, 72}, {100, 3, 12}, {64, 2, 64}, {131, 1, 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i][0], heads = sizes[i][1], w = heads * sizes[i][2];
        struct tensor qkv = matrix(n, 3 * w), want = matrix(n, w), got = matrix(n, w);
        struct tensor q = tensor_columns(&qkv, 0, w), k = tensor_columns(&qkv, w, w);
        struct tensor v = tensor_columns(&qkv, 2 * w, w);
        ref.ops->attend_frame(&ref, &want, &q, &k, &v, (int)heads, 0.7f);
        dev.ops->attend_frame(&dev, &got, &q, &k, &v, (int)heads, 0.7f);
        CHECK(off_by(&got, &want) < 5e-6, "frame of %zu, heads of %zu: %.1e", n, sizes[i][2],
              off_by(&got, &want));
        mem_free(qkv.data), mem_free(want.data), mem_free(got.data);
    }
}

static const struct {
    enum dtype dtype;
    int n_heads, n_kv_heads, d;
} caches[] = {
    {DTYPE_F32, 4, 2, 32},
    {DTYPE_BF16, 8, 1, 128},
    {DTYPE_F8, 6, 3, 20},
    {DTYPE_BF16, 3, 3, 8},
};

/* Two sequences of one batch: one starts, one goes on; then the last row by itself. */
static void test_cache(void) {
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        size_t d = (size_t)caches[i].d, w = (size_t)caches[i].n_heads * d,
               kw = (size_t)caches[i].n_kv_heads * d;
        struct kv_memory kv = {caches[i].dtype, 2, caches[i].n_kv_heads, caches[i].d, 8, NULL};
        kv.data = mem_alloc((size_t)8 * 2 * 2 * kw * KV_PAGE_TOKENS * dtype_bytes(kv.dtype));
        const int pages[2][4] = {{3, 5, 1, 7}, {0, 2, 6, 4}};
        size_t n[2] = {150, 70};
        struct attend_item items[2] = {{pages[0], 0, 0, n[0]}, {pages[1], 0, n[0], n[1]}};
        struct tensor k = matrix(n[0] + n[1], kw), v = matrix(n[0] + n[1], kw),
                      q = matrix(n[0] + n[1], w);
        struct tensor want = matrix(n[0] + n[1], w), got = matrix(n[0] + n[1], w),
                      alone = matrix(1, w);
        dev.ops->store_kv(&dev, &kv, 1, &k, &v, items, 2);
        ref.ops->attend(&ref, &want, &q, &kv, 1, items, 2, caches[i].n_heads, 0.3f);
        dev.ops->attend(&dev, &got, &q, &kv, 1, items, 2, caches[i].n_heads, 0.3f);
        CHECK(off_by(&got, &want) < 5e-6, "cache %zu: %.1e", i, off_by(&got, &want));
        for (size_t row = 0; row < n[0] + n[1]; row += 73) {
            bool second = row >= n[0];
            struct attend_item one = {pages[second], second ? row - n[0] : row, 0, 1};
            struct tensor q_row = tensor_rows(&q, row, 1), same = tensor_rows(&got, row, 1);
            dev.ops->attend(&dev, &alone, &q_row, &kv, 1, &one, 1, caches[i].n_heads, 0.3f);
            CHECK(!memcmp(alone.data, same.data, w * sizeof(float)), "row %zu alone, cache %zu",
                  row, i);
        }
        struct tensor all[] = {k, v, q, want, got, alone};
        for (size_t t = 0; t < 6; t++) mem_free(all[t].data);
        mem_free(kv.data);
    }
}

static void test_device(const char *name, int n_threads) {
    struct error err = {0};
    if (device_open(name, n_threads, &dev, &err) != STATUS_OK) {
        check_skip(name, err.text);
        return;
    }
    CHECK(strcmp(dev.name, name) == 0, "%s is %s", name, dev.name);
    test_linear();
    test_rows();
    test_extremes();
    test_rotate();
    test_frame();
    test_cache();
    device_close(&dev);
}

int main(void) {
    struct error err = {0};
    device_open("ref", 1, &ref, &err);
    test_device("ref", 1);
    test_device("avx2", 1);
    test_device("avx2", 3);
    CHECK(device_open("abacus", 1, &dev, &err) == STATUS_ARG, "%s", err.text);
    return check_end("model_ops");
}
