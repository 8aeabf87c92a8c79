/*
 * pipeline/inputs.h - from what the user named to files, one by one.
 *
 *   files, folders (walked, names in byte order), "-": names from a list on standard input
 *
 * A folder is never followed through a symbolic link met on the way, so there are no loops; what is
 * no document by its nature (FIFO, device, link to a folder, dangling link) comes with the reason why
 * it is passed over. Outputs of docmill beside their inputs are not inputs.
 */
#ifndef PIPELINE_INPUTS_H
#define PIPELINE_INPUTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "pipeline/job.h"

struct inputs;

struct input {
    struct str name;      // valid until the next call
    bool is_named;        // by the user; else found in a folder
    enum job_class class; // not NONE: cannot be converted
    enum job_state state; // then: FAILED or SKIPPED
    const char *why;      // and why
};

/* names: of the command line, they must stay. list_fd: where "-" reads its list. out_fd: the output
 * folder, which is passed over when met on a walk; -1: none. */
struct inputs *inputs_new(const char *const *names, size_t n, int list_fd, int out_fd);
void inputs_free(struct inputs *inputs);

/* False when inputs_next() would have to wait for the list. */
bool inputs_ready(const struct inputs *inputs);
/* The next file; false at the end. */
bool inputs_next(struct inputs *inputs, struct input *out);

#endif
