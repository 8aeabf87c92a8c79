/* model/sampler.c - see sampler.h. All sums in double, all orders total, so a seed means one text. */
#include "model/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct candidate {
    double x; // logit, later probability
    int id;
};

enum { IN_PROMPT = 1, IN_OUTPUT = 2 };

struct sampler {
    struct sampling params;
    int vocab, n_tokens;
    uint64_t state;
    uint8_t *seen; // by id
    const uint8_t *allowed;
    struct candidate *candidates;
};

struct sampler *sampler_new(const struct sampling *params, int vocab, int n_tokens) {
    struct sampler *s = mem_alloc(sizeof *s);
    s->params = *params;
    s->vocab = vocab;
    s->n_tokens = n_tokens < vocab ? n_tokens : vocab;
    s->state = params->seed;
    s->seen = mem_alloc((size_t)vocab);
    s->candidates = mem_alloc(mem_product((size_t)vocab, sizeof *s->candidates));
    return s;
}

void sampler_free(struct sampler *s) {
    if (!s) return;
    mem_free(s->seen);
    mem_free(s->candidates);
    mem_free(s);
}

void sampler_note_prompt(struct sampler *s, const int *ids, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= 0 && ids[i] < s->vocab) s->seen[ids[i]] |= IN_PROMPT;
}

void sampler_note_output(struct sampler *s, int id) {
    if (id >= 0 && id < s->vocab) s->seen[id] |= IN_OUTPUT;
}

void sampler_allow(struct sampler *s, const uint8_t *allowed) {
    s->allowed = allowed;
}

static void apply_penalties(const struct sampler *s, float *logits) {
    float repetition = (float)s->params.repetition_penalty;
    float presence = (float)s->params.presence_penalty;
    if (repetition != 1)
        for (int i = 0; i < s->vocab; i++)
            if (s->seen[i])
                logits[i] = logits[i] < 0 ? logits[i] * repetition : logits[i] / repetition;
    if (presence != 0)
        for (int i = 0; i < s->vocab; i++)
            if (s->seen[i] & IN_OUTPUT) logits[i] -= presence;
}

static bool may_come(const struct sampler *s, int id, float logit) {
    return logit > -INFINITY && (!s->allowed || s->allowed[id]); // false for a NaN as well
}

static int greedy(const struct sampler *s, const float *logits) {
    int best = -1;
    for (int i = 0; i < s->n_tokens; i++)
        if (may_come(s, i, logits[i]) && (best < 0 || logits[i] > logits[best])) best = i;
    return best < 0 ? 0 : best;
}

/* Largest first; equals by id. */
static int by_value(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->x != y->x) return x->x > y->x ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The k-th largest value, by a heap of the k largest with the smallest on top. */
static double kth_largest(const struct candidate *c, int n, int k) {
    double *heap = mem_alloc(mem_product((size_t)k, sizeof *heap));
    int size = 0;
    for (int i = 0; i < n; i++) {
        if (size == k && c[i].x <= heap[0]) continue;
        int at;
        if (size < k) {
            at = size++;
            for (; at > 0 && heap[(at - 1) / 2] > c[i].x; at = (at - 1) / 2)
                heap[at] = heap[(at - 1) / 2];
        } else {
            at = 0;
            for (int child; (child = 2 * at + 1) < k; at = child) {
                if (child + 1 < k && heap[child + 1] < heap[child]) child++;
                if (heap[child] >= c[i].x) break;
                heap[at] = heap[child];
            }
        }
        heap[at] = c[i].x;
    }
    double value = heap[0];
    mem_free(heap);
    return value;
}

static int keep_top_k(struct candidate *c, int n, int k) {
    if (k <= 0 || k >= n) return n;
    double limit = kth_largest(c, n, k);
    int m = 0;
    for (int i = 0; i < n; i++)
        if (c[i].x >= limit) c[m++] = c[i]; // all that equal the last one stay
    return m;
}

/* Turns sorted logits into probabilities. */
static void softmax(struct candidate *c, int n) {
    double sum = 0, top = c[0].x;
    for (int i = 0; i < n; i++) sum += c[i].x = exp(c[i].x - top);
    for (int i = 0; i < n; i++) c[i].x /= sum;
}

/* Goes from the smallest up: an entry leaves when the sum up to and with it is at most 1 - p. */
static int keep_top_p(const struct candidate *c, int n, double p) {
    if (p >= 1) return n;
    double sum = 0;
    while (n > 1 && sum + c[n - 1].x <= 1 - p) sum += c[--n].x;
    return n;
}

static int keep_min_p(const struct candidate *c, int n, double p) {
    while (p > 0 && n > 1 && c[n - 1].x < p * c[0].x) n--;
    return n;
}

/* Fills s->candidates with what may come, most likely first, probabilities summing to 1. */
static int prepare(struct sampler *s, float *logits) {
    apply_penalties(s, logits);
    struct candidate *c = s->candidates;
    int n = 0;
    for (int i = 0; i < s->n_tokens; i++)
        if (may_come(s, i, logits[i]))
            c[n++] = (struct candidate){(double)logits[i] / s->params.temperature, i};
    if (n == 0) return 0;
    n = keep_top_k(c, n, s->params.top_k);
    qsort(c, (size_t)n, sizeof *c, by_value);
    softmax(c, n);
    n = keep_min_p(c, keep_top_p(c, n, s->params.top_p), s->params.min_p);
    double sum = 0;
    for (int i = n - 1; i >= 0; i--) sum += c[i].x;
    for (int i = 0; i < n; i++) c[i].x /= sum;
    return n;
}

void sampler_probabilities(struct sampler *s, float *logits, double *out) {
    int n = prepare(s, logits);
    for (int i = 0; i < s->vocab; i++) out[i] = 0;
    for (int i = 0; i < n; i++) out[s->candidates[i].id] = s->candidates[i].x;
}

/* Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static double next_random(struct sampler *s) {
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

int sampler_choose(struct sampler *s, float *logits) {
    if (!(s->params.temperature > 0)) {
        apply_penalties(s, logits);
        return greedy(s, logits);
    }
    int n = prepare(s, logits);
    double r = next_random(s);
    for (int i = 0; i < n; i++) {
        r -= s->candidates[i].x;
        if (r < 0) return s->candidates[i].id;
    }
    return n ? s->candidates[n - 1].id : 0;
}

int loop_guard_add(struct loop_guard *g, const int *ids, size_t n) {
    size_t min_repeats = g->n_repeats ? (size_t)g->n_repeats : 12;
    size_t min_tokens = g->n_tokens ? (size_t)g->n_tokens : 512;
    for (size_t p = 1; p <= LOOP_MAX_PERIOD && p < n; p++) {
        g->run[p] = ids[n - 1] == ids[n - 1 - p] ? g->run[p] + 1 : 0;
        size_t length = g->run[p] + p;
        if (g->run[p] && length >= min_tokens && length / p >= min_repeats) return (int)p;
    }
    return 0;
}
