/*
 * model/model.h - a checkpoint with its tensors found, checked and named by what they do.
 *
 * Nothing is copied: a weight points into the mapped file. Every tensor the configuration asks for
 * must be there with the right shape; what is missing, misshapen or unknown is named.
 * Source of names and shapes: reference/qwen3-vl.md 2.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/config.h"
#include "model/ops.h"
#include "model/tensor.h"

struct arena;
struct checkpoint;

struct expert {
    struct weight gate, up, down;
};

struct text_layer {
    struct tensor input_norm, post_norm, q_norm, k_norm;
    struct weight q, k, v, o;
    struct weight gate, up, down; // dense
    struct weight router;         // sparse
    struct expert *experts;       // [n_experts]; NULL: dense
};

struct vision_block {
    struct tensor norm1_w, norm1_b, norm2_w, norm2_b;
    struct weight qkv, proj, fc1, fc2;
    struct tensor qkv_b, proj_b, fc1_b, fc2_b;
};

struct vision_merger {
    bool norm_after; // its norm comes after four patches have been joined
    struct tensor norm_w, norm_b;
    struct weight fc1, fc2;
    struct tensor fc1_b, fc2_b;
};

struct model {
    struct model_config config;
    struct checkpoint *checkpoint;
    struct device device;
    struct arena *arena;

    struct weight embed, head;
    struct tensor final_norm;
    struct text_layer *layers;

    struct weight patch_embed;
    struct tensor patch_embed_b, position_table;
    struct vision_block *blocks;
    struct vision_merger merger, taps[CONFIG_MAX_TAPS];
};

struct model_options {
    const char *device;  // see device_open; NULL: the best there is
    int n_threads;       // 0: all
    bool experts_out_in; // square experts are stored [E, out, in]: their shape cannot tell
    /* Told of every missing, misshapen or unknown tensor; may be NULL. */
    void (*on_problem)(void *context, const char *text);
    void *context;
};

/* Errors: what checkpoint_open and config_load say; FORMAT when tensors are missing or misshapen. */
enum status model_open(const char *folder, const struct model_options *options, struct model **out,
                       struct error *err);
void model_close(struct model *m); // NULL is fine

/* Bytes that weights take, and how many numbers they are, by what the config says. */
uint64_t config_parameters(const struct model_config *config);

/* Bytes of keys and values of one token. */
size_t config_kv_bytes(const struct model_config *config, enum dtype dtype);

#endif
