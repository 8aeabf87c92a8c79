/*
 * model/positions.h - where tokens stand: M-RoPE positions and the angles made of them.
 * Source: reference/qwen3-vl.md 5.3 (vision), 6.3 and 6.4 (text), 8.1 (YaRN).
 */
#ifndef MODEL_POSITIONS_H
#define MODEL_POSITIONS_H

#include "model/config.h"
#include "model/image.h"

/* Positions of a sequence: time, height and width of each token, and where the next one goes. */
struct positions {
    int *axis[3]; // [n] each
    size_t n;
    int next; // T = H = W of the first generated token; next - n is the reference's rope_delta
};

/* Positions of n ids in which visual tokens stand for the given grids, pictures and clips each in
 * their order. A clip is one run of tokens per frame pair. Errors: ARG when the runs of pads are not
 * those the grids want. Owns: positions_free. */
enum status positions_make(const int *ids, size_t n, const struct model_config *config,
                           const struct grid *images, size_t n_images, const struct grid *clips,
                           size_t n_clips, struct positions *out, struct error *err);
void positions_free(struct positions *p);

/* The frequencies of text slots i < head_dim / 2, rounded as the reference rounds, and the factor
 * on cos and sin (1 without YaRN). */
float positions_text_frequencies(const struct config_text *text, float *out);

/* Those of the vision tower, per axis: head_dim / 4 of them. */
void positions_vision_frequencies(int head_dim, float *out);

/* Which axis slot i of the text rotary turns by: 0 time, 1 height, 2 width, interleaved. */
int positions_axis_of_slot(const struct config_text *text, int slot);

/* cos and sin of text rows [from, from + n), [n, head_dim / 2] each. Angles are float32 products, as
 * in the reference: at long positions exact ones would differ from it by more than noise. */
void positions_text_angles(const struct config_text *text, const struct positions *p, size_t from,
                           size_t n, float *cos_out, float *sin_out);

/* The same for the patches of one frame in the tower's order, [h * w, head_dim / 2] each. */
void positions_vision_angles(struct grid grid, int head_dim, float *cos_out, float *sin_out);

#endif
