/*
 * cmd/ask.c - docmill ask: a question about pictures, answered by a model on the terminal.
 *
 * All pictures go into one conversation, or with --each every picture into its own, all of them in one
 * batch. The question and whatever pictures show are content: no text of theirs becomes a control
 * token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/model.h"
#include "cmd/model_common.h"
#include "model/chat.h"
#include "model/checkpoint.h"
#include "model/generate.h"
#include "util/arena.h"
#include "util/json_tree.h"

enum { MAX_FILES = 4096 };

struct ask_options {
    const char *model, *system, *device, *kv;
    double max_tokens, temperature, seed, threads, batch;
    bool each, json, no_loop_guard;
};

struct question { // one conversation
    char **files;
    int n_files;
    struct job *job;
    struct token_stream stream;
    struct ask *ask;
};

struct ask {
    const struct ask_options *options;
    const char *text;
    struct arena *arena;
    struct model *m;
    struct tokenizer *t;
    struct engine *engine;
    struct question *questions;
    int n;
    struct buf out;
    bool streams; // one answer, shown as it comes
};

/* Shows a token that is not a marker; stop tokens are markers. */
static bool on_token(void *context, int id) {
    struct question *q = context;
    if (!q->ask->streams || tokenizer_is_special(q->ask->t, id)) return true;
    token_stream_put(&q->stream, tokenizer_bytes(q->ask->t, id), &q->ask->out);
    return buf_flush(&q->ask->out) == STATUS_OK;
}

static struct sampling sampling_of(const struct ask *a) {
    const struct config_generation *g = &a->m->config.generation;
    struct sampling s = {.temperature = g->do_sample ? g->temperature : 0,
                         .top_k = g->top_k,
                         .top_p = g->top_p,
                         .min_p = g->min_p,
                         .repetition_penalty = g->repetition_penalty,
                         .seed = (uint64_t)a->options->seed};
    if (a->options->temperature >= 0) s.temperature = a->options->temperature;
    return s;
}

static enum status read_pictures(struct ask *a, struct question *q, struct patches *images,
                                 struct chat_media *media, struct error *err) {
    for (int i = 0; i < q->n_files; i++) {
        uint8_t *rgb = NULL;
        int height, width;
        TRY(read_picture_file(q->files[i], &rgb, &height, &width, err));
        enum status status = patches_of_image(rgb, height, width, &a->m->config, &images[i], err);
        free(rgb);
        if (status != STATUS_OK) return fail_in(err, "%.200s", q->files[i]);
        media[i] =
            (struct chat_media){.n_tokens = grid_tokens(images[i].grid, a->m->config.vision.merge)};
    }
    return STATUS_OK;
}

static enum status render(struct ask *a, const struct chat_media *media, int n,
                          struct token_list *ids, struct error *err) {
    struct json_tree *messages = chat_messages(a->arena);
    const char *system = a->options->system;
    if (system) chat_add(a->arena, messages, "system", NULL, 0, str_from(system));
    chat_add(a->arena, messages, "user", media, (size_t)n, str_from(a->text));
    struct chat_options o = {.thinking = a->m->config.thinking,
                             .add_generation_prompt = true,
                             .media = media,
                             .n_media = (size_t)n};
    struct prompt prompt;
    prompt_open(&prompt);
    enum status status = chat_render(messages, NULL, &o, &prompt, err);
    if (status == STATUS_OK) prompt_encode(&prompt, a->t, ids);
    prompt_close(&prompt);
    return status;
}

static enum status submit(struct ask *a, struct question *q, struct error *err) {
    size_t n = (size_t)q->n_files;
    struct patches *images = mem_alloc(mem_product(n, sizeof *images));
    struct chat_media *media = mem_alloc(mem_product(n, sizeof *media));
    struct token_list ids = {0};
    enum status status = read_pictures(a, q, images, media, err);
    if (status == STATUS_OK) status = render(a, media, q->n_files, &ids, err);
    if (status == STATUS_OK) {
        struct job_request request = {.ids = ids.ids,
                                      .n_ids = ids.n,
                                      .images = images,
                                      .n_images = n,
                                      .sampling = sampling_of(a),
                                      .max_tokens = (int)a->options->max_tokens,
                                      .loop_guard = !a->options->no_loop_guard,
                                      .on_token = on_token,
                                      .context = q};
        status = engine_submit(a->engine, &request, &q->job, err); // takes the images over
    } else {
        for (size_t i = 0; i < n; i++) patches_free(&images[i]);
        mem_free(images);
    }
    mem_free(media);
    token_list_free(&ids);
    return status;
}

static void put_json_string(struct str s, struct buf *out) {
    struct json_tree json = {.kind = JSON_STRING, .text = s};
    json_write_python(&json, out);
}

static void put_record(struct ask *a, const struct question *q, struct str text) {
    struct buf *out = &a->out;
    const struct job *job = q->job;
    const struct sequence *s = &job->sequence;
    buf_puts(out, "{\"files\": [");
    for (int i = 0; i < q->n_files; i++) {
        if (i) buf_puts(out, ", ");
        put_json_string(str_from(q->files[i]), out);
    }
    buf_puts(out, "], \"text\": ");
    put_json_string(text, out);
    buf_printf(
        out, ", \"end\": \"%s\", \"prompt_tokens\": %zu, \"visual_tokens\": %zu, \"output_ids\": [",
        job_end_name(job->end), s->n_prompt, s->visual.n_rows);
    for (size_t i = 0; i < job->n_output; i++)
        buf_printf(out, i ? ", %d" : "%d", s->ids.ids[s->n_prompt + i]);
    buf_printf(out, "], \"seconds\": {\"vision\": %.3f, \"prefill\": %.3f, \"decode\": %.3f}}\n",
               job->vision_s, job->prefill_s, job->decode_s);
}

static void show(struct ask *a, struct question *q) {
    const struct job *job = q->job;
    if (a->streams) {
        token_stream_end(&q->stream, &a->out);
        buf_putc(&a->out, '\n');
    } else {
        struct buf text;
        buf_open(&text, 0);
        tokenizer_decode(a->t, job->sequence.ids.ids + job->sequence.n_prompt, job->n_output, true,
                         &text);
        if (a->options->json) {
            put_record(a, q, buf_str(&text));
        } else {
            if (a->n > 1 && q->n_files) buf_printf(&a->out, "%s: ", q->files[0]);
            buf_put(&a->out, buf_str(&text));
            buf_putc(&a->out, '\n');
        }
        buf_close(&text);
    }
    buf_flush(&a->out);
    if (job->end == JOB_TOO_LONG)
        fprintf(stderr, "docmill ask: cut off after %zu tokens\n", job->n_output);
    if (job->end == JOB_LOOPED)
        fprintf(stderr, "docmill ask: stopped: the answer repeats itself\n");
}

/* At most `batch` questions are in the engine at once, so that pictures of thousands of files are
 * never in memory together; answers come out in the order of the files. */
static enum status answer_all(struct ask *a, struct error *err) {
    int submitted = 0, shown = 0;
    enum status status = STATUS_OK;
    while (shown < a->n && status == STATUS_OK) {
        while (submitted < a->n && submitted - shown < 2 * (int)a->options->batch &&
               status == STATUS_OK)
            status = submit(a, &a->questions[submitted++], err);
        if (status != STATUS_OK) break;
        engine_step(a->engine);
        while (shown < submitted && a->questions[shown].job->end != JOB_RUNNING) {
            struct question *q = &a->questions[shown++];
            if (q->job->end == JOB_FAILED) {
                *err = q->job->error;
                status = err->status;
                break;
            }
            show(a, q);
            engine_release(a->engine, q->job);
        }
    }
    return status;
}

static void split(struct ask *a, char **files, int n) {
    bool each = a->options->each && n > 0;
    a->n = each ? n : 1;
    a->questions = ARENA_ARRAY(a->arena, (size_t)a->n, struct question);
    for (int i = 0; i < a->n; i++)
        a->questions[i] = (struct question){.files = files + i, .n_files = each ? 1 : n, .ask = a};
    a->streams = a->n == 1 && !a->options->json;
}

static enum status open_all(struct ask *a, struct error *err) {
    const struct ask_options *o = a->options;
    struct model_options model = {.device = o->device, .n_threads = (int)o->threads};
    struct engine_options engine = {.max_jobs = (int)o->batch};
    TRY(dtype_of_name(o->kv, &engine.kv_dtype, err));
    TRY(model_open(o->model, &model, &a->m, err));
    TRY(tokenizer_load(checkpoint_folder(a->m->checkpoint), &a->t, err));
    engine.n_tokens = tokenizer_size(a->t);
    // Room for the largest pictures the processor makes, as far as the model's own context goes.
    size_t pixels_a_token = 1024, most = (size_t)a->m->config.image.max_pixels / pixels_a_token;
    int n_pictures = a->questions[0].n_files ? a->questions[0].n_files : 1;
    size_t context =
        (most < 4096 ? most : 4096) * (size_t)n_pictures + (size_t)o->max_tokens + 4096;
    size_t longest = (size_t)a->m->config.text.max_positions;
    engine.context_tokens =
        (context < longest ? context : longest) * (size_t)(a->n > 1 ? o->batch : 1);
    return engine_open(a->m, &engine, &a->engine, err);
}

int cmd_ask(int argc, char **argv) {
    static const char usage[] = "docmill ask \"QUESTION\" [IMAGE...] --model DIR";
    struct ask_options o = {.kv = "bf16", .max_tokens = 1024, .temperature = -1, .batch = 8};
    const struct model_option table[] = {
        {"--model", MODEL_TEXT, &o.model, "DIR", "the checkpoint"},
        {"--each", MODEL_FLAG, &o.each, NULL, "ask of every picture by itself, in one batch"},
        {"--system", MODEL_TEXT, &o.system, "TEXT", "what the model is told first"},
        {"--max-tokens", MODEL_NUMBER, &o.max_tokens, "N", "of the answer, default 1024"},
        {"--temperature", MODEL_NUMBER, &o.temperature, "T", "0: greedy; default the checkpoint's"},
        {"--seed", MODEL_NUMBER, &o.seed, "N", "default 0"},
        {"--json", MODEL_FLAG, &o.json, NULL, "a record a line: text, tokens, counts, seconds"},
        {"--batch", MODEL_NUMBER, &o.batch, "N", "answers written at once, default 8"},
        {"--kv", MODEL_TEXT, &o.kv, "NAME", "keys and values in bf16 (default), f32 or fp8"},
        {"--no-loop-guard", MODEL_FLAG, &o.no_loop_guard, NULL, "let repetitions go on"},
        {"--device", MODEL_TEXT, &o.device, "NAME", "ref or cpu; default the best there is"},
        {"--threads", MODEL_NUMBER, &o.threads, "N", "default all processors"},
    };
    int n;
    bool help;
    if (!model_options_take(argc, argv, table, sizeof table / sizeof *table, usage, &n, &help))
        return 64;
    if (help) return 0;
    bool sane = o.batch >= 1 && o.batch <= 256 && o.max_tokens >= 1 && o.max_tokens <= 1 << 20;
    if (n < 1 || n > MAX_FILES || !o.model || !sane) {
        fprintf(stderr, "usage: %s\n", usage);
        return 64;
    }
    struct ask a = {.options = &o, .text = argv[1], .arena = arena_new()};
    struct error err = {0};
    buf_open_fd(&a.out, STDOUT_FILENO, 0);
    split(&a, argv + 2, n - 1);
    enum status status = open_all(&a, &err);
    if (status == STATUS_OK) status = answer_all(&a, &err);
    if (status == STATUS_OK && a.out.status != STATUS_OK)
        status = fail(&err, a.out.status, "standard output cannot be written");
    engine_close(a.engine);
    tokenizer_free(a.t);
    model_close(a.m);
    buf_close(&a.out);
    arena_free(a.arena);
    return status == STATUS_OK ? 0 : report_failure("ask", &err);
}
