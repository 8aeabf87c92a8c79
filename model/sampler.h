/*
 * model/sampler.h - from logits to the next token.
 *
 * Order as in the reference: repetition penalty, presence penalty, temperature, top-k, top-p, min-p;
 * each works on what the one before left, probabilities are renormalised at the end.
 * Source: reference/qwen3-vl.md 8.2.
 */
#ifndef MODEL_SAMPLER_H
#define MODEL_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampling {
    double temperature;        // 0: greedy
    int top_k;                 // 0: off
    double top_p;              // 1: off
    double min_p;              // 0: off
    double repetition_penalty; // 1: off; prompt and output
    double presence_penalty;   // 0: off; output only
    uint64_t seed;
};

struct sampler; // parameters, what was said so far, and the generator's state

/* vocab: how many logits there are; only ids below n_tokens may come out (the rest are padding). */
struct sampler *sampler_new(const struct sampling *params, int vocab, int n_tokens);
void sampler_free(struct sampler *s);

void sampler_note_prompt(struct sampler *s, const int *ids, size_t n);
void sampler_note_output(struct sampler *s, int id);

/* A hook for constrained decoding: tokens with allowed[id] == 0 cannot come out. Lent until the
 * next call; NULL lifts it. */
void sampler_allow(struct sampler *s, const uint8_t *allowed);

/* Chooses the next token. logits [vocab] are changed. Ties go to the smaller id. */
int sampler_choose(struct sampler *s, float *logits);

/* What sampler_choose() draws from: probabilities of all ids. */
void sampler_probabilities(struct sampler *s, float *logits, double *out);

/* ---- the loop guard ---- */

/* Says when the end of a text repeats itself so long that nothing new will come. A period of p tokens
 * counts once it has come max(n_repeats, tokens / p) times: rows of a real table, which repeat a few
 * dozen times, pass. */
enum { LOOP_MAX_PERIOD = 512 };

struct loop_guard {
    int n_repeats, n_tokens;         // both must be reached; 0: 12 and 512
    size_t run[LOOP_MAX_PERIOD + 1]; // how many tokens equal the one p before
};

/* Takes the text so far, one token longer than last time; the period when it loops, else 0. */
int loop_guard_add(struct loop_guard *g, const int *ids, size_t n);

#endif
