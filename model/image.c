/*
 * model/image.c - see image.h.
 *
 * All sizes are worked out in double, in exactly the reference's order of operations: one different
 * rounding is another size. The resampler is that of the default processor: integer weights of as
 * many bits as keep the largest below 2^15, bytes after each pass.
 */
#include "model/image.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { MAX_SIDE = 1 << 16, MAX_FRAMES = 1 << 20, MAX_PIXELS = 1 << 28 };

static bool too_long(int height, int width) {
    int high = height > width ? height : width, low = height > width ? width : height;
    return (double)high / low > IMAGE_MAX_ASPECT;
}

static enum status check_sides(double height, double width, struct image_size *out,
                               struct error *err) {
    if (!(height >= 1 && width >= 1 && height <= MAX_SIDE && width <= MAX_SIDE &&
          height * width <= MAX_PIXELS))
        return fail(err, STATUS_LIMIT, "a picture of %.0f x %.0f pixels would be needed", width,
                    height);
    *out = (struct image_size){(int)height, (int)width};
    return STATUS_OK;
}

/* n: frames as they are, n_paired: rounded to pairs; both 1 for a picture. */
static enum status fit(double n, double n_paired, int height, int width, double f,
                       struct config_pixels limits, struct image_size *out, struct error *err) {
    if (height < 1 || width < 1) return fail(err, STATUS_ARG, "an empty picture");
    if (too_long(height, width))
        return fail(err, STATUS_ARG,
                    "a picture of %d x %d pixels: one side is over %d times the other", width,
                    height, IMAGE_MAX_ASPECT);
    double low = (double)limits.min_pixels, high = (double)limits.max_pixels;
    double h = nearbyint(height / f) * f, w = nearbyint(width / f) * f; // ties to even; may be 0
    double area = n * (double)height * width;
    if (n_paired * h * w > high) {
        double b = sqrt(area / high);
        h = fmax(f, floor(height / b / f) * f);
        w = fmax(f, floor(width / b / f) * f);
    } else if (n_paired * h * w < low) {
        double b = sqrt(low / area);
        h = ceil(height * b / f) * f;
        w = ceil(width * b / f) * f;
    }
    return check_sides(h, w, out, err);
}

enum status image_smart_resize(int height, int width, int factor, struct config_pixels limits,
                               struct image_size *out, struct error *err) {
    return fit(1, 1, height, width, factor, limits, out, err);
}

enum status clip_smart_resize(int n_frames, int height, int width, int factor,
                              struct config_pixels limits, struct image_size *out,
                              struct error *err) {
    if (n_frames < 2) return fail(err, STATUS_ARG, "a clip of fewer than 2 frames");
    if (height < 1 || width < 1) return fail(err, STATUS_ARG, "an empty picture");
    if (height < factor || width < factor) {
        double s = fmax((double)factor / height, (double)factor / width);
        if (height * s > MAX_SIDE || width * s > MAX_SIDE)
            return fail(err, STATUS_ARG, "frames of %d x %d pixels: too narrow", width, height);
        height = (int)(height * s);
        width = (int)(width * s);
    }
    return fit(n_frames, nearbyint(n_frames / 2.0) * 2, height, width, factor, limits, out, err);
}

/* ---- resampling ---- */

static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

struct taps {
    int max_n;       // weights kept for each output
    int bits;        // of the fixed point
    int *from, *n;   // [n_out] first input and count
    int16_t *weight; // [n_out, max_n]
};

static void taps_free(struct taps *t) {
    free(t->from);
    free(t->n);
    free(t->weight);
}

static double tap_weights(int o, int n_in, double scale, int *from, int *n, double *weight) {
    double stretch = fmax(scale, 1), support = 2 * stretch, centre = (o + 0.5) * scale;
    int low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
    if (low < 0) low = 0;
    if (high > n_in) high = n_in;
    double sum = 0, largest = 0;
    for (int x = low; x < high; x++) {
        weight[x - low] = cubic((x - centre + 0.5) / stretch);
        sum += weight[x - low];
    }
    for (int i = 0; i < high - low; i++) {
        weight[i] /= sum;
        if (weight[i] > largest) largest = weight[i];
    }
    *from = low;
    *n = high - low;
    return largest;
}

static bool taps_make(struct taps *t, int n_in, int n_out) {
    double scale = (double)n_in / n_out;
    t->max_n = (int)(4 * fmax(scale, 1)) + 3;
    size_t count = (size_t)n_out * (size_t)t->max_n;
    double *exact = calloc(count, sizeof *exact);
    t->from = malloc((size_t)n_out * sizeof *t->from);
    t->n = malloc((size_t)n_out * sizeof *t->n);
    t->weight = malloc(count * sizeof *t->weight);
    bool ok = exact && t->from && t->n && t->weight;
    double largest = 0;
    for (int o = 0; o < n_out && ok; o++)
        largest = fmax(largest, tap_weights(o, n_in, scale, &t->from[o], &t->n[o],
                                            exact + (size_t)o * (size_t)t->max_n));
    t->bits = 0;
    while (t->bits < 22 && (int)(0.5 + largest * (1 << (t->bits + 1))) < 1 << 15) t->bits++;
    for (int o = 0; o < n_out && ok; o++)
        for (int i = 0; i < t->n[o]; i++) {
            size_t at = (size_t)o * (size_t)t->max_n + (size_t)i;
            double v = exact[at];
            t->weight[at] = (int16_t)(v * (1 << t->bits) + (v > 0 ? 0.5 : -0.5));
        }
    free(exact);
    return ok;
}

/* One pass: n_lines independent lines of n_in -> n_out elements of `depth` bytes that lie side by
 * side; element i of line l starts at l * line + i * depth. For rows the "line" is the whole picture
 * and an element one row. */
static void pass(const uint8_t *src, uint8_t *dst, const struct taps *t, size_t n_lines,
                 size_t n_in, size_t n_out, size_t depth) {
    for (size_t l = 0; l < n_lines; l++)
        for (size_t o = 0; o < n_out; o++) {
            const int16_t *weight = t->weight + o * (size_t)t->max_n;
            const uint8_t *in = src + (l * n_in + (size_t)t->from[o]) * depth;
            uint8_t *out = dst + (l * n_out + o) * depth;
            for (size_t d = 0; d < depth; d++) {
                int sum = 1 << (t->bits - 1);
                for (int i = 0; i < t->n[o]; i++) sum += in[(size_t)i * depth + d] * weight[i];
                sum >>= t->bits;
                out[d] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
            }
        }
}

static enum status resample_axis(const uint8_t *src, uint8_t *dst, size_t n_lines, int n_in,
                                 int n_out, size_t depth, struct error *err) {
    if (n_in == n_out) {
        memcpy(dst, src, n_lines * (size_t)n_in * depth);
        return STATUS_OK;
    }
    struct taps taps = {0};
    bool ok = taps_make(&taps, n_in, n_out);
    if (ok) pass(src, dst, &taps, n_lines, (size_t)n_in, (size_t)n_out, depth);
    taps_free(&taps);
    return ok ? STATUS_OK : fail(err, STATUS_NOMEM, "no memory to resample %d to %d", n_in, n_out);
}

enum status image_resample(const uint8_t *src, struct image_size from, uint8_t *dst,
                           struct image_size to, struct error *err) {
    uint8_t *wide = malloc((size_t)from.height * (size_t)to.width * 3);
    if (!wide) return fail(err, STATUS_NOMEM, "no memory to resample a picture");
    enum status status =
        resample_axis(src, wide, (size_t)from.height, from.width, to.width, 3, err);
    if (status == STATUS_OK)
        status = resample_axis(wide, dst, 1, from.height, to.height, (size_t)to.width * 3, err);
    free(wide);
    return status;
}

/* ---- clips ---- */

static enum status count_frames(const struct clip_request *r, int *out, struct error *err) {
    if (r->n_frames < 1 || r->n_frames > MAX_FRAMES)
        return fail(err, STATUS_ARG, "a clip of %d frames", r->n_frames);
    if (r->sample_fps > 0 && r->want_frames > 0)
        return fail(err, STATUS_ARG, "frames a second and a number of frames exclude each other");
    if (!(r->fps > 0)) return fail(err, STATUS_ARG, "a clip without a frame rate");
    double low = r->min_frames > 0 ? r->min_frames : 4;
    double high = r->max_frames > 0 ? r->max_frames : 768;
    double n = trunc(r->n_frames / r->fps * (r->sample_fps > 0 ? r->sample_fps : 2));
    n = fmin(fmin(fmax(n, low), high), r->n_frames);
    if (r->want_frames > 0) n = r->want_frames;
    if (r->all_frames) n = r->n_frames;
    if (n < 2 || n > MAX_FRAMES) return fail(err, STATUS_ARG, "a clip of fewer than 2 frames");
    *out = (int)n;
    return STATUS_OK;
}

enum status clip_plan_make(const struct clip_request *r, struct clip_plan *out, struct error *err) {
    int n = 0;
    TRY(count_frames(r, &n, err));
    *out = (struct clip_plan){.n_sampled = n, .n = n + n % 2, .n_pairs = (n + 1) / 2};
    out->indices = mem_alloc(mem_product((size_t)out->n, sizeof *out->indices));
    out->seconds = mem_alloc(mem_product((size_t)out->n_pairs, sizeof *out->seconds));
    double last = r->n_frames - 1, step = last / (n - 1);
    for (int i = 0; i < n; i++)
        out->indices[i] = r->all_frames ? i : (int)nearbyint(i == n - 1 ? last : i * step);
    if (n % 2) out->indices[n] = out->indices[n - 1];
    // Divided before they are added: one division at the end prints another digit now and then.
    for (int j = 0; j < out->n_pairs; j++) {
        const int *pair = out->indices + (size_t)j * 2;
        out->seconds[j] = (pair[0] / r->fps + pair[1] / r->fps) / 2;
    }
    return STATUS_OK;
}

void clip_plan_free(struct clip_plan *plan) {
    mem_free(plan->indices);
    mem_free(plan->seconds);
    *plan = (struct clip_plan){0};
}

/* ---- patches ---- */

int grid_tokens(struct grid grid, int merge) {
    return grid.t * (grid.h / merge) * (grid.w / merge);
}

static enum status patches_new(struct patches *p, struct grid grid, int patch, struct error *err) {
    size_t n = (size_t)grid.t * (size_t)grid.h * (size_t)grid.w;
    size_t side = (size_t)patch, row = 6 * side * side;
    float *values = n <= SIZE_MAX / sizeof *values / row ? malloc(n * row * sizeof *values) : NULL;
    if (!values) return fail(err, STATUS_NOMEM, "no memory for %zu patches", n);
    *p = (struct patches){grid, tensor_2d(DTYPE_F32, values, n, row)};
    return STATUS_OK;
}

void patches_free(struct patches *p) {
    free(p->values.data);
    *p = (struct patches){0};
}

static float normal(uint8_t p) {
    return ((float)p - 127.5f) / 127.5f;
}

/* Writes one frame as half `half` of the patches of pair t. A patch is [3, 2, patch, patch]. */
static void put_frame(struct patches *p, int t, int half, const uint8_t *rgb, int patch) {
    struct grid g = p->grid;
    size_t side = (size_t)patch, row = tensor_row(&p->values), width = (size_t)g.w * side;
    float *first = (float *)p->values.data + (size_t)t * (size_t)g.h * (size_t)g.w * row;
    for (int y = 0; y < g.h; y++)
        for (int x = 0; x < g.w; x++) {
            size_t block = (size_t)(y / 2) * (size_t)(g.w / 2) + (size_t)(x / 2);
            float *out = first + (block * 4 + (size_t)(y % 2 * 2 + x % 2)) * row;
            for (size_t c = 0; c < 3; c++)
                for (size_t py = 0; py < side; py++)
                    for (size_t px = 0; px < side; px++) {
                        size_t at =
                            (((size_t)y * side + py) * width + (size_t)x * side + px) * 3 + c;
                        out[((c * 2 + (size_t)half) * side + py) * side + px] = normal(rgb[at]);
                    }
        }
}

static struct grid grid_of(struct image_size size, int n_pairs, int patch) {
    return (struct grid){n_pairs, size.height / patch, size.width / patch};
}

enum status patches_of_image(const uint8_t *rgb, int height, int width,
                             const struct model_config *config, struct patches *out,
                             struct error *err) {
    int patch = config->vision.patch;
    struct image_size size;
    TRY(image_smart_resize(height, width, patch * config->vision.merge, config->image, &size, err));
    uint8_t *resized = malloc((size_t)size.height * (size_t)size.width * 3);
    if (!resized) return fail(err, STATUS_NOMEM, "no memory to resample a picture");
    enum status status =
        image_resample(rgb, (struct image_size){height, width}, resized, size, err);
    if (status == STATUS_OK) status = patches_new(out, grid_of(size, 1, patch), patch, err);
    for (int half = 0; half < 2 && status == STATUS_OK; half++)
        put_frame(out, 0, half, resized, patch); // a picture is a pair of equal frames
    free(resized);
    return status;
}

enum status patches_of_clip(const uint8_t *(*frames)(void *context, int index), void *context,
                            int height, int width, const struct clip_plan *plan,
                            const struct model_config *config, struct patches *out,
                            struct error *err) {
    int patch = config->vision.patch;
    struct image_size size;
    TRY(clip_smart_resize(plan->n_sampled, height, width, patch * config->vision.merge,
                          config->video, &size, err));
    uint8_t *resized = malloc((size_t)size.height * (size_t)size.width * 3);
    if (!resized) return fail(err, STATUS_NOMEM, "no memory to resample a frame");
    enum status status = patches_new(out, grid_of(size, plan->n_pairs, patch), patch, err);
    for (int i = 0; i < plan->n && status == STATUS_OK; i++) {
        const uint8_t *frame = frames(context, plan->indices[i]);
        if (!frame)
            status = fail(err, STATUS_IO, "frame %d is not there", plan->indices[i]);
        else
            status = image_resample(frame, (struct image_size){height, width}, resized, size, err);
        if (status == STATUS_OK) put_frame(out, i / 2, i % 2, resized, patch);
    }
    if (status != STATUS_OK) patches_free(out);
    free(resized);
    return status;
}

enum status patches_of_bytes(const uint8_t *bytes, struct grid grid, int patch, struct patches *out,
                             struct error *err) {
    TRY(patches_new(out, grid, patch, err));
    size_t n = tensor_count(&out->values);
    for (size_t i = 0; i < n; i++) ((float *)out->values.data)[i] = normal(bytes[i]);
    return STATUS_OK;
}
