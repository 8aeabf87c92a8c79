/*
 * cmd/model_common.h - what docmill model and docmill ask share: options, exit codes, pictures.
 */
#ifndef CMD_MODEL_COMMON_H
#define CMD_MODEL_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "model/tensor.h"
#include "util/status.h"

enum model_option_kind { MODEL_FLAG, MODEL_TEXT, MODEL_NUMBER };

/* One line of a table of options: name with its dashes, where the value goes, what the help says. */
struct model_option {
    const char *name;
    enum model_option_kind kind;
    void *target; // bool, const char *, or double
    const char *value, *help;
};

/* Moves what is no option to the front of argv[1..]; its count in *n_rest. False, and a line on
 * stderr, when an option is wrong; --help prints the table and sets *help. */
bool model_options_take(int argc, char **argv, const struct model_option *table, int n,
                        const char *usage, int *n_rest, bool *help);

int exit_code_of(enum status status);                             // reliability: exit codes
int report_failure(const char *command, const struct error *err); // prints it; the exit code

enum status dtype_of_name(const char *name, enum dtype *out,
                          struct error *err); // "f32", "bf16", "fp8"

/* A picture file as RGB, upright, on white; *rgb is freed with free(). */
enum status read_picture_file(const char *path, uint8_t **rgb, int *height, int *width,
                              struct error *err);

#endif
