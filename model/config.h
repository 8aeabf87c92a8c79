/*
 * model/config.h - what kind of Qwen3-VL a folder holds: config.json and its companions.
 *
 * Reads both spellings that exist: the published one (rope_scaling + rope_theta, num_experts) and
 * that of files written by newer exporters (rope_parameters, num_local_experts). Everything that sizes
 * memory is checked here, so that the rest of model/ may multiply without asking.
 */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/status.h"
#include "util/str.h"

enum { CONFIG_MAX_LAYERS = 256, CONFIG_MAX_TAPS = 8, CONFIG_MAX_STOPS = 8 };

struct config_text {
    int n_layers, hidden, n_heads, n_kv_heads, head_dim, intermediate, vocab;
    float rms_eps;
    double rope_theta;
    int mrope_section[3]; // time, height, width; of head_dim / 2 slots
    double yarn_factor;   // 0: no YaRN
    int yarn_original;    // tokens the model was trained on
    int max_positions;    // the longest context
    int n_experts;        // 0: dense
    int n_experts_used;
    int moe_intermediate;
    bool is_sparse[CONFIG_MAX_LAYERS]; // this layer has experts
};

struct config_vision {
    int depth, hidden, n_heads, intermediate, out_hidden;
    int patch, temporal_patch, merge; // pixels, frames, patches
    int position_side;                // the learned grid is position_side x position_side
    int n_taps;
    int taps[CONFIG_MAX_TAPS]; // DeepStack: taken from the output of these blocks
};

/* Pixel counts: of a picture, or of all frames of a clip together. */
struct config_pixels {
    int64_t min_pixels, max_pixels;
};

struct config_generation {
    bool do_sample;
    double temperature, top_p, min_p, repetition_penalty;
    int top_k; // 0: off
    int n_stops;
    int stops[CONFIG_MAX_STOPS];
};

struct model_config {
    struct config_text text;
    struct config_vision vision;
    bool tied; // the config says so; the presence of lm_head.weight decides
    int image_token, video_token, vision_start_token, vision_end_token;
    int fp8_block; // 0: not quantised, else 128
    struct config_pixels image, video;
    struct config_generation generation;
    bool thinking; // the chat template opens a <think> block for the answer
};

/* Reads config.json, preprocessor_config.json, video_preprocessor_config.json,
 * generation_config.json and the chat template of a folder (checkpoint_resolve has been through).
 * Absent companions get the published values. Errors: MISSING, FORMAT, UNSUPPORTED (another
 * family, a variant we do not compute). */
enum status config_load(const char *folder, struct model_config *out, struct error *err);

/* The same from texts in memory; any but config may be empty. */
struct config_sources {
    struct str config, image, video, generation, chat_template;
};
enum status config_read(const struct config_sources *sources, struct model_config *out,
                        struct error *err);

/* Writes config.json as published. */
struct buf;
void config_write(const struct model_config *config, struct buf *out);

#endif
