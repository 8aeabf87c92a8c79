/*
 * model/sequence.h - one conversation being read and continued: its tokens, where they stand, what
 * they show, and which pages hold what was computed of them.
 */
#ifndef MODEL_SEQUENCE_H
#define MODEL_SEQUENCE_H

#include "model/image.h"
#include "model/kv.h"
#include "model/positions.h"
#include "model/tokenizer.h"

/* What the vision tower makes of all pictures, then all clips, of one sequence. */
struct visual {
    size_t n_rows;        // tokens
    struct tensor embeds; // [n_rows, hidden], device
    struct tensor taps[CONFIG_MAX_TAPS];
};

struct sequence {
    struct kv_cache *kv;
    struct token_list ids; // prompt, then what was generated
    size_t n_prompt;
    size_t n_done;              // computed so far
    struct positions positions; // of the prompt
    int *visual_row;            // [n_prompt]; -1: a text token
    struct visual visual;
    int *pages;
    size_t n_pages, cap_pages;
};

/* Starts a sequence of a prompt in which visual tokens are already expanded. The ids are copied;
 * patches are needed for their grids alone. Errors: ARG (tokens and pictures do not agree). */
enum status sequence_open(struct sequence *s, struct kv_cache *kv,
                          const struct model_config *config, const int *ids, size_t n,
                          const struct patches *images, size_t n_images,
                          const struct patches *clips, size_t n_clips, struct error *err);
void sequence_close(struct sequence *s);

/* Position of token i on an axis, also of generated ones. */
int sequence_position(const struct sequence *s, int axis, size_t i);

/* Takes pages for tokens up to n. Errors: LIMIT (the cache is full). */
enum status sequence_reserve(struct sequence *s, size_t n, struct error *err);

/* Lets s begin with what is already computed of `other`: as many full pages as the first tokens are
 * the same and no visual token is among them. Returns how many tokens that is. s is new. */
size_t sequence_share(struct sequence *s, const struct sequence *other);

#endif
