/* model/positions.c - see positions.h. */
#include "model/positions.h"

#include <math.h>

#include "util/mem.h"

struct placing {
    struct positions *p;
    const struct grid *grids[2];
    size_t n_grids[2], at[2]; // at: the clip's or picture's number
    int pair;                 // inside the clip
};

static void put(struct positions *p, size_t i, int t, int h, int w) {
    p->axis[0][i] = t;
    p->axis[1][i] = h;
    p->axis[2][i] = w;
}

/* Places the run of pads that starts at i; returns its length, 0 when no grid is left. */
static size_t put_run(struct placing *s, size_t i, int kind, int merge) {
    struct positions *p = s->p;
    if (s->at[kind] == s->n_grids[kind]) return 0;
    struct grid g = s->grids[kind][s->at[kind]];
    int h = g.h / merge, w = g.w / merge;
    size_t n = (size_t)h * (size_t)w;
    if (n > p->n - i) return 0;
    for (size_t k = 0; k < n; k++)
        put(p, i + k, p->next, p->next + (int)(k / (size_t)w), p->next + (int)(k % (size_t)w));
    p->next += h > w ? h : w;
    if (kind == 0 || ++s->pair == g.t) {
        s->at[kind]++;
        s->pair = 0;
    }
    return n;
}

static enum status place_all(struct placing *s, const int *ids, const struct model_config *config,
                             struct error *err) {
    const int pads[2] = {config->image_token, config->video_token};
    struct positions *p = s->p;
    for (size_t i = 0; i < p->n;) {
        int kind = ids[i] == pads[0] ? 0 : ids[i] == pads[1] ? 1 : -1;
        if (kind < 0) {
            put(p, i++, p->next, p->next, p->next);
            p->next++;
            continue;
        }
        size_t n = put_run(s, i, kind, config->vision.merge);
        for (size_t k = 0; k < n; k++)
            if (ids[i + k] != pads[kind]) n = 0;
        if (n == 0)
            return fail(err, STATUS_ARG, "the visual tokens at %zu are not those the pictures make",
                        i);
        i += n;
    }
    if (s->at[0] != s->n_grids[0] || s->at[1] != s->n_grids[1])
        return fail(err, STATUS_ARG, "more pictures than visual tokens");
    return STATUS_OK;
}

enum status positions_make(const int *ids, size_t n, const struct model_config *config,
                           const struct grid *images, size_t n_images, const struct grid *clips,
                           size_t n_clips, struct positions *out, struct error *err) {
    *out = (struct positions){.n = n};
    for (int a = 0; a < 3; a++) out->axis[a] = mem_alloc(mem_product(n, sizeof(int)));
    struct placing s = {.p = out, .grids = {images, clips}, .n_grids = {n_images, n_clips}};
    enum status status = place_all(&s, ids, config, err);
    if (status != STATUS_OK) positions_free(out);
    return status;
}

void positions_free(struct positions *p) {
    for (int a = 0; a < 3; a++) mem_free(p->axis[a]);
    *p = (struct positions){0};
}

/* 1 / base^(2i/d) with the reference's float32 steps. */
static float plain_frequency(double base, int i, int d) {
    float exponent = (float)(2 * i) / (float)d;
    return 1.0f / (float)pow(base, exponent);
}

/* The slot that makes `turns` turns over the trained length. */
static double yarn_corner(const struct config_text *t, double turns) {
    return t->head_dim * log(t->yarn_original / (turns * 2 * M_PI)) / (2 * log(t->rope_theta));
}

float positions_text_frequencies(const struct config_text *t, float *out) {
    int n = t->head_dim / 2;
    for (int i = 0; i < n; i++) out[i] = plain_frequency(t->rope_theta, i, t->head_dim);
    if (!(t->yarn_factor > 0)) return 1;
    double low = fmax(floor(yarn_corner(t, 32)), 0);
    double high = fmin(ceil(yarn_corner(t, 1)), t->head_dim - 1);
    if (low == high) high += 0.001;
    for (int i = 0; i < n; i++) {
        float ramp = (float)fmin(fmax(((float)i - low) / (high - low), 0), 1), keep = 1 - ramp;
        float exponent = (float)(2 * i) / (float)t->head_dim;
        float stretched = 1.0f / (float)(t->yarn_factor * (float)pow(t->rope_theta, exponent));
        out[i] = stretched * (1 - keep) + out[i] * keep;
    }
    return t->yarn_factor > 1 ? (float)(0.1 * log(t->yarn_factor) + 1) : 1;
}

void positions_vision_frequencies(int head_dim, float *out) {
    for (int i = 0; i < head_dim / 4; i++) out[i] = plain_frequency(10000, i, head_dim / 2);
}

int positions_axis_of_slot(const struct config_text *t, int slot) {
    int axis = slot % 3;
    return axis && slot < 3 * t->mrope_section[axis] ? axis : 0;
}

static void turn(float position, float frequency, float factor, float *c, float *s) {
    float angle = position * frequency;
    *c = (float)cos((double)angle) * factor;
    *s = (float)sin((double)angle) * factor;
}

void positions_text_angles(const struct config_text *t, const struct positions *p, size_t from,
                           size_t n, float *cos_out, float *sin_out) {
    float frequencies[512] = {0};
    float factor = positions_text_frequencies(t, frequencies);
    int slots = t->head_dim / 2;
    for (size_t r = 0; r < n; r++)
        for (int i = 0; i < slots; i++) {
            int position = p->axis[positions_axis_of_slot(t, i)][from + r];
            size_t at = r * (size_t)slots + (size_t)i;
            turn((float)position, frequencies[i], factor, &cos_out[at], &sin_out[at]);
        }
}

void positions_vision_angles(struct grid g, int head_dim, float *cos_out, float *sin_out) {
    float frequencies[16384] = {0};
    int nf = head_dim / 4;
    positions_vision_frequencies(head_dim, frequencies);
    for (int s = 0; s < g.h * g.w; s++) {
        int block = s / 4, y = 2 * (block / (g.w / 2)) + s % 4 / 2,
            x = 2 * (block % (g.w / 2)) + s % 2;
        for (int i = 0; i < 2 * nf; i++) {
            size_t at = (size_t)s * 2 * (size_t)nf + (size_t)i;
            turn((float)(i < nf ? y : x), frequencies[i % nf], 1, &cos_out[at], &sin_out[at]);
        }
    }
}
