/*
 * model/forward.h - the forward pass: patches to visual rows, tokens to logits.
 *
 * A pass takes some new tokens of each of several sequences, all in one matrix. A long prompt
 * is fed in chunks; chunk size and company never change a result.
 */
#ifndef MODEL_FORWARD_H
#define MODEL_FORWARD_H

#include "model/model.h"
#include "model/sequence.h"

/* Told of every tensor on the way, by the oracle's names; rows come in sequence order, over chunks. */
struct trace {
    bool (*wants)(void *context, const char *name);
    /* A matrix in host memory; dtype F32 or I32. */
    void (*see)(void *context, const char *name, enum dtype dtype, const void *data, size_t n_rows,
                size_t n_columns);
    void *context;
};

struct forward; // the buffers of a model's passes

/* max_rows: tokens in one pass; max_wanted: rows of logits in one pass. Errors: NOMEM. */
enum status forward_open(struct model *m, size_t max_rows, size_t max_wanted, struct forward **out,
                         struct error *err);
void forward_close(struct forward *f);                            // NULL is fine
size_t forward_bytes(const struct forward *f);                    // of its buffers
void forward_trace(struct forward *f, const struct trace *trace); // NULL: no more

/* Runs the vision tower over what sequence s shows; pictures, then clips, in their order. */
enum status forward_see(struct forward *f, struct sequence *s, const struct patches *images,
                        size_t n_images, const struct patches *clips, size_t n_clips,
                        struct error *err);

struct forward_item {
    struct sequence *sequence;
    size_t n;      // tokens [n_done, n_done + n) of it; all together at most max_rows
    size_t n_want; // logits of the last n_want of them; all together at most max_wanted
};

/* Computes the items' tokens and moves n_done on. logits [sum of n_want, vocab], host memory.
 * Errors: LIMIT (the cache is full), DEVICE. */
enum status forward_run(struct forward *f, const struct forward_item *items, size_t n_items,
                        float *logits, struct error *err);

#endif
