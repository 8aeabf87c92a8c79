/* model/generate.c - see generate.h. */
#include "model/generate.h"

#include <time.h>

#include "util/mem.h"

struct engine {
    struct model *m;
    struct forward *forward;
    struct kv_cache kv;
    struct job **jobs; // in the order they were submitted
    size_t n_jobs, cap_jobs;
    size_t chunk;
    int max_jobs, n_tokens;
    float *logits; // [max_jobs, vocab]
    struct forward_item *items;
    struct job **batch; // the job of each item
};

const char *job_end_name(enum job_end end) {
    static const char *const names[] = {"running", "stop", "length", "loop", "cancelled", "failed"};
    return names[end];
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum status engine_open(struct model *m, const struct engine_options *o, struct engine **out,
                        struct error *err) {
    struct engine *e = mem_alloc(sizeof *e);
    e->m = m;
    e->chunk = o->chunk ? o->chunk : 512;
    e->max_jobs = o->max_jobs ? o->max_jobs : 16;
    e->n_tokens = o->n_tokens ? o->n_tokens : m->config.text.vocab;
    if (e->chunk < (size_t)e->max_jobs) e->chunk = (size_t)e->max_jobs;
    size_t vocab = (size_t)m->config.text.vocab;
    e->logits = mem_alloc(mem_product((size_t)e->max_jobs * vocab, sizeof *e->logits));
    e->items = mem_alloc(mem_product((size_t)e->max_jobs, sizeof *e->items));
    e->batch = mem_alloc(mem_product((size_t)e->max_jobs, sizeof(struct job *)));
    size_t tokens = o->context_tokens ? o->context_tokens : 8192;
    enum status status = kv_open(&e->kv, &m->device, &m->config.text, o->kv_dtype, tokens, err);
    if (status == STATUS_OK)
        status = forward_open(m, e->chunk, (size_t)e->max_jobs, &e->forward, err);
    if (status == STATUS_OK) {
        *out = e;
    } else {
        engine_close(e);
    }
    return status;
}

static void job_free(struct job *job) {
    for (size_t i = 0; i < job->request.n_images; i++) patches_free(&job->request.images[i]);
    for (size_t i = 0; i < job->request.n_clips; i++) patches_free(&job->request.clips[i]);
    mem_free(job->request.images);
    mem_free(job->request.clips);
    sampler_free(job->sampler);
    sequence_close(&job->sequence);
    mem_free(job);
}

void engine_close(struct engine *e) {
    if (!e) return;
    for (size_t i = 0; i < e->n_jobs; i++) job_free(e->jobs[i]);
    forward_close(e->forward);
    kv_close(&e->kv);
    mem_free(e->jobs);
    mem_free(e->logits);
    mem_free(e->items);
    mem_free(e->batch);
    mem_free(e);
}

struct forward *engine_forward(struct engine *e) {
    return e->forward;
}

size_t engine_bytes(const struct engine *e) {
    return forward_bytes(e->forward) + e->kv.memory.n_pages * KV_PAGE_TOKENS *
                                           config_kv_bytes(&e->m->config, e->kv.memory.dtype);
}

static size_t tokens_to_end(const struct job *job) {
    return job->request.n_ids + (size_t)job->request.max_tokens;
}

static size_t pages_for(size_t n_tokens) {
    return (n_tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
}

enum status engine_submit(struct engine *e, const struct job_request *r, struct job **out,
                          struct error *err) {
    struct job *job = mem_alloc(sizeof *job);
    job->request = *r;
    enum status status = STATUS_OK;
    size_t n = tokens_to_end(job), room = e->kv.memory.n_pages * KV_PAGE_TOKENS;
    size_t model = (size_t)e->m->config.text.max_positions;
    if (r->max_tokens < 1) {
        status = fail(err, STATUS_ARG, "no tokens are asked for");
    } else if (n > (model < room ? model : room)) {
        status = fail(err, STATUS_LIMIT,
                      "a prompt of %zu tokens and an answer of up to %d: the %s is %zu", r->n_ids,
                      r->max_tokens, model < room ? "model's context" : "context",
                      model < room ? model : room);
    } else {
        status = sequence_open(&job->sequence, &e->kv, &e->m->config, r->ids, r->n_ids, r->images,
                               r->n_images, r->clips, r->n_clips, err);
    }
    if (status != STATUS_OK) {
        job_free(job);
        return status;
    }
    job->sampler = sampler_new(&r->sampling, e->m->config.text.vocab, e->n_tokens);
    sampler_note_prompt(job->sampler, r->ids, r->n_ids);
    job->request.ids = NULL; // the sequence has its own
    e->jobs = mem_grow(e->jobs, e->n_jobs, &e->cap_jobs, sizeof *e->jobs);
    e->jobs[e->n_jobs++] = job;
    *out = job;
    return STATUS_OK;
}

void engine_release(struct engine *e, struct job *job) {
    for (size_t i = 0; i < e->n_jobs; i++) {
        if (e->jobs[i] != job) continue;
        e->n_jobs--;
        for (; i < e->n_jobs; i++) e->jobs[i] = e->jobs[i + 1];
        job_free(job);
        return;
    }
}

static void end_job(struct job *job, enum job_end end) {
    job->end = end;
    for (size_t i = 0; i < job->sequence.n_pages; i++)
        kv_return(job->sequence.kv, job->sequence.pages[i]);
    job->sequence.n_pages = 0;
}

static void fail_job(struct job *job) {
    end_job(job, JOB_FAILED);
}

/* Takes the pages of a job to its end, or says that it must wait. */
static bool start_job(struct engine *e, struct job *job) {
    if (pages_for(tokens_to_end(job)) > e->kv.n_unused) return false;
    for (size_t i = 0; i < e->n_jobs && !job->sequence.n_done; i++) {
        const struct job *other = e->jobs[i];
        if (other != job && other->started && other->end == JOB_RUNNING)
            sequence_share(&job->sequence,
                           &other->sequence); // the same system prompt, the same page
    }
    job->started = true;
    if (sequence_reserve(&job->sequence, tokens_to_end(job), &job->error) != STATUS_OK)
        fail_job(job);
    return true;
}

static void see_pictures(struct engine *e, struct job *job) {
    struct job_request *r = &job->request;
    double start = now();
    if (forward_see(e->forward, &job->sequence, r->images, r->n_images, r->clips, r->n_clips,
                    &job->error) != STATUS_OK)
        fail_job(job);
    for (size_t i = 0; i < r->n_images; i++) patches_free(&r->images[i]);
    for (size_t i = 0; i < r->n_clips; i++) patches_free(&r->clips[i]);
    r->n_images = r->n_clips = 0;
    job->seen = true;
    job->vision_s = now() - start;
}

static bool is_writing(const struct job *job) {
    return job->sequence.n_done >= job->sequence.n_prompt;
}

/* Chooses who takes part in a pass: those who write first, then prompts in the order they came. */
static size_t fill_pass(struct engine *e) {
    size_t n_items = 0, room = e->chunk;
    for (int writing = 1; writing >= 0; writing--)
        for (size_t i = 0; i < e->n_jobs && room && n_items < (size_t)e->max_jobs; i++) {
            struct job *job = e->jobs[i];
            if (job->end != JOB_RUNNING || is_writing(job) != (writing == 1)) continue;
            if (!job->started && !start_job(e, job)) break; // first come, first served
            if (job->end == JOB_RUNNING && !job->seen) see_pictures(e, job);
            if (job->end != JOB_RUNNING) continue;
            size_t left = job->sequence.ids.n - job->sequence.n_done, n = left < room ? left : room;
            e->items[n_items] = (struct forward_item){&job->sequence, n, n == left};
            e->batch[n_items++] = job;
            room -= n;
        }
    return n_items;
}

static bool is_stop(const struct engine *e, int id) {
    const struct config_generation *g = &e->m->config.generation;
    for (int i = 0; i < g->n_stops; i++)
        if (g->stops[i] == id) return true;
    return false;
}

static void take_token(struct engine *e, struct job *job, float *logits) {
    struct sequence *s = &job->sequence;
    int id = sampler_choose(job->sampler, logits);
    sampler_note_output(job->sampler, id);
    token_list_add(&s->ids, id);
    job->n_output++;
    if (job->request.on_token && !job->request.on_token(job->request.context, id))
        end_job(job, JOB_CANCELLED);
    else if (!job->request.ignore_stops && is_stop(e, id))
        end_job(job, JOB_STOPPED);
    else if (job->request.loop_guard &&
             loop_guard_add(&job->guard, s->ids.ids + s->n_prompt, job->n_output))
        end_job(job, JOB_LOOPED);
    else if (job->n_output >= (size_t)job->request.max_tokens)
        end_job(job, JOB_TOO_LONG);
}

bool engine_step(struct engine *e) {
    size_t n = fill_pass(e);
    if (n == 0) return false;
    bool was_writing[1024];
    for (size_t i = 0; i < n; i++) was_writing[i & 1023] = is_writing(e->batch[i]);
    struct error err = {0};
    double start = now();
    enum status status = forward_run(e->forward, e->items, n, e->logits, &err);
    double seconds = now() - start;
    float *logits = e->logits;
    for (size_t i = 0; i < n; i++) {
        struct job *job = e->batch[i];
        if (was_writing[i & 1023])
            job->decode_s += seconds;
        else
            job->prefill_s += seconds;
        if (status != STATUS_OK) {
            job->error = err;
            fail_job(job);
        } else if (e->items[i].n_want) {
            take_token(e, job, logits);
            logits += e->m->config.text.vocab;
        }
    }
    return true;
}
