/*
 * model/random.h - checkpoints of the real shapes filled with random numbers: for measuring speed.
 */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H

#include "model/config.h"
#include "model/tensor.h"

/* The published configurations: "2b", "4b", "8b", "32b", "30b-a3b", "235b-a22b", and "tiny". n_layers
 * 0: all of them. Errors: ARG. */
enum status random_config(const char *name, int n_layers, struct model_config *out,
                          struct error *err);

/* Writes config.json and model.safetensors into a folder, which is made. dtype BF16, F32, or F8: text
 * matrices in 128 x 128 blocks, the rest BF16, as in the published FP8 files. The same seed gives the
 * same bytes. Errors: IO, ARG. */
enum status random_write(const struct model_config *config, enum dtype dtype, uint64_t seed,
                         const char *folder, struct error *err);

#endif
