/*
 * model/generate.h - many prompts continued together.
 *
 *   engine_submit() -> waiting -> its pictures seen -> prompt in chunks -> one token a pass -> done
 *
 * Every pass takes one token of each sequence that is writing and fills up with prompt of those that
 * are not so far (continuous batching). What a job gets does not depend on its company. A job starts
 * only when the cache can hold it to its end, so nothing is ever thrown out half way.
 */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model/forward.h"
#include "model/sampler.h"

enum job_end { JOB_RUNNING, JOB_STOPPED, JOB_TOO_LONG, JOB_LOOPED, JOB_CANCELLED, JOB_FAILED };
const char *job_end_name(enum job_end end); // "stop", "length", "loop", ...

struct job_request {
    const int *ids; // the prompt, visual tokens expanded
    size_t n_ids;
    struct patches *images, *clips; // taken over: freed when they have been seen
    size_t n_images, n_clips;
    struct sampling sampling;
    int max_tokens;
    bool ignore_stops;
    bool loop_guard;
    /* Told of each token as it comes, stop tokens included; false cancels the job. May be NULL. */
    bool (*on_token)(void *context, int id);
    void *context;
};

struct job {
    struct sequence sequence;
    struct job_request request;
    struct sampler *sampler;
    struct loop_guard guard;
    enum job_end end;
    struct error error; // when FAILED
    size_t n_output;    // tokens made; they stand in sequence.ids behind the prompt
    double vision_s, prefill_s, decode_s;
    bool seen, started;
};

struct engine_options {
    size_t context_tokens; // of all sequences together; 0: 8192
    size_t chunk;          // rows of a pass; 0: 512
    int max_jobs;          // at once; 0: 16
    enum dtype kv_dtype;
    int n_tokens; // ids from here on are padding and never chosen; 0: the vocabulary's size
};

struct engine;

enum status engine_open(struct model *m, const struct engine_options *options, struct engine **out,
                        struct error *err);
void engine_close(struct engine *e); // NULL is fine
struct forward *engine_forward(struct engine *e);
size_t engine_bytes(const struct engine *e); // buffers and cache

/* Queues a prompt. The job is the engine's until engine_release(). Errors: ARG; LIMIT when prompt
 * and max_tokens are more than the model's or the engine's context: said before any work. */
enum status engine_submit(struct engine *e, const struct job_request *request, struct job **out,
                          struct error *err);
void engine_release(struct engine *e, struct job *job);

/* One pass. false when nothing is left to do. */
bool engine_step(struct engine *e);

#endif
