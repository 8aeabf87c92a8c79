/*
 * model/trace.h - runs a case of the oracle and writes what it saw, under the oracle's names.
 *
 * A case is a JSON file: input_ids with pictures and clips given as patches (inputs/NAME.safetensors
 * beside the checkpoint's folder), or a question with files; see the oracle's README.
 */
#ifndef MODEL_TRACE_H
#define MODEL_TRACE_H

#include "model/model.h"
#include "model/tokenizer.h"
#include "util/status.h"

struct json_tree;
struct buf;

struct trace_options {
    size_t chunk; // tokens of a pass; 0: 512
    enum dtype kv_dtype;
    /* Decodes a picture file of a case: RGB [height, width, 3], to be freed with free(). NULL: files
     * other than clips stored as safetensors are refused. */
    enum status (*read_image)(const char *path, uint8_t **rgb, int *height, int *width,
                              struct error *err);
};

struct trace_result {
    int n_tensors;
    int n_greedy,
        n_greedy_equal; // tokens the case has, and how many of them came, from the first on
    bool ids_equal;     // a case with files: the prompt's ids are those stored
    bool text_equal;    // ... and so is the text that came
    bool delta_equal;
};

/* Errors: FORMAT (no such case), and all that loading and running may say. */
enum status trace_run(struct model *m, const char *folder, const char *case_path,
                      const char *out_path, const struct trace_options *options,
                      struct trace_result *result, struct error *err);

#endif
