/*
 * model/image.h - pictures and clips as the patches the vision tower eats.
 *
 *   RGB bytes -> size that suits the model -> resampled -> patches of 2 x 3 x 16 x 16 values
 *
 * Equal to the reference's default processor to the byte. Decoding files is the caller's: what comes in
 * is 8-bit RGB, upright, transparency already blended over white.
 * Source: reference/qwen3-vl.md 4 and 7.
 */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/config.h"
#include "model/tensor.h"
#include "util/status.h"

enum { IMAGE_MAX_ASPECT = 200 };

/* In patches of 16 x 16 pixels: t frame pairs of h x w. */
struct grid {
    int t, h, w;
};

struct image_size {
    int height, width; // px
};

/* The size a picture is resampled to, both sides multiples of `factor` (patch * merge), its area
 * within the limits as far as may be. Errors: ARG when one side is over 200 times the other. */
enum status image_smart_resize(int height, int width, int factor, struct config_pixels limits,
                               struct image_size *out, struct error *err);

/* The same for all frames of a clip, whose limits count the pixels of all frames together. */
enum status clip_smart_resize(int n_frames, int height, int width, int factor,
                              struct config_pixels limits, struct image_size *out,
                              struct error *err);

/* Bicubic with antialias, 8 bits in and out, columns first, then rows; src and dst are
 * [height, width, 3]. src is not changed. */
enum status image_resample(const uint8_t *src, struct image_size from, uint8_t *dst,
                           struct image_size to, struct error *err);

/* How a clip is shown: which frames, at what time. */
struct clip_plan {
    int n_sampled; // frames chosen
    int n;         // the same made even: an odd one out is repeated
    int *indices;  // [n] of the source's frames
    int n_pairs;
    double *seconds; // [n_pairs], the middle of each pair
};

struct clip_request {
    int n_frames;               // of the source
    double fps;                 // of the source
    double sample_fps;          // 0: two a second
    int want_frames;            // 0: by sample_fps; else exactly so many
    bool all_frames;            // no sampling at all
    int min_frames, max_frames; // 0: 4 and 768
};

/* Errors: ARG (fewer than 2 frames, both sample_fps and want_frames, no rate). Owns: clip_plan_free. */
enum status clip_plan_make(const struct clip_request *request, struct clip_plan *out,
                           struct error *err);
void clip_plan_free(struct clip_plan *plan);

/* Pictures ready for the tower. values is [t * h * w, 2 * 3 * 16 * 16] f32, in the tower's order:
 * blocks of 2 x 2 patches, inside each row by row. */
struct patches {
    struct grid grid;
    struct tensor values;
};

enum status patches_of_image(const uint8_t *rgb, int height, int width,
                             const struct model_config *config, struct patches *out,
                             struct error *err);

/* frames(context, index) lends frame `index` as [height, width, 3]; NULL ends it with IO. */
enum status patches_of_clip(const uint8_t *(*frames)(void *context, int index), void *context,
                            int height, int width, const struct clip_plan *plan,
                            const struct model_config *config, struct patches *out,
                            struct error *err);

/* From bytes already in patch order, [n, 1536]: what the oracle stores. */
enum status patches_of_bytes(const uint8_t *bytes, struct grid grid, int patch, struct patches *out,
                             struct error *err);
void patches_free(struct patches *p);

int grid_tokens(struct grid grid, int merge); // how many tokens of text width it becomes

#endif
