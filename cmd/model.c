/* cmd/model.c - docmill model: looks at, checks, makes and traces checkpoints. */
#include "cmd/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/model_common.h"
#include "model/chat.h"
#include "model/checkpoint.h"
#include "model/generate.h"
#include "model/random.h"
#include "model/trace.h"
#include "util/arena.h"
#include "util/json_tree.h"

static int usage_error(const char *usage) {
    fprintf(stderr, "usage: %s\n", usage);
    return 64;
}

/* ---- info ---- */

static const double GiB = 1024.0 * 1024.0 * 1024.0;

static void print_config(const struct model_config *c) {
    const struct config_text *t = &c->text;
    const struct config_vision *v = &c->vision;
    printf("decoder   %d layers, hidden %d, %d heads of %d, %d kv heads, MLP %d, vocabulary %d%s\n",
           t->n_layers, t->hidden, t->n_heads, t->head_dim, t->n_kv_heads, t->intermediate,
           t->vocab, c->tied ? ", tied head" : "");
    if (t->n_experts)
        printf("experts   %d of %d a token, MLP %d each\n", t->n_experts_used, t->n_experts,
               t->moe_intermediate);
    if (t->yarn_factor > 0) printf("rotary    YaRN %g over %d\n", t->yarn_factor, t->yarn_original);
    printf("vision    %d blocks, hidden %d, %d heads, MLP %d, DeepStack from", v->depth, v->hidden,
           v->n_heads, v->intermediate);
    for (int i = 0; i < v->n_taps; i++) printf(" %d", v->taps[i]);
    printf("\ntemplate  %s\n", c->thinking ? "Thinking" : "Instruct");
}

static void print_dtypes(const struct checkpoint *c) {
    uint64_t bytes[N_DTYPE] = {0};
    for (size_t i = 0; i < checkpoint_count(c); i++) {
        const struct tensor *t = &checkpoint_at(c, i)->tensor;
        bytes[t->dtype] += tensor_count(t) * dtype_bytes(t->dtype);
    }
    printf("weights   %.2f GiB in %zu tensors, %d files:", (double)checkpoint_bytes(c) / GiB,
           checkpoint_count(c), checkpoint_n_files(c));
    for (int d = 0; d < N_DTYPE; d++)
        if (bytes[d]) printf(" %s %.2f GiB", dtype_name((enum dtype)d), (double)bytes[d] / GiB);
    printf("\n");
}

static void print_memory(const struct model_config *c, uint64_t weights) {
    static const int lengths[] = {1024, 8192, 32768, 131072, 262144};
    printf("memory    %10s %14s %14s   (weights + keys and values)\n", "tokens", "KV in BF16",
           "KV in FP8");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (lengths[i] > c->text.max_positions) break;
        double n = lengths[i], bf16 = n * (double)config_kv_bytes(c, DTYPE_BF16);
        double fp8 = n * (double)config_kv_bytes(c, DTYPE_F8);
        printf("          %10d %10.2f GiB %10.2f GiB\n", lengths[i], ((double)weights + bf16) / GiB,
               ((double)weights + fp8) / GiB);
    }
}

static int info(int argc, char **argv) {
    static const char usage[] = "docmill model info DIR";
    int n;
    bool help;
    if (!model_options_take(argc, argv, NULL, 0, usage, &n, &help)) return 64;
    if (help) return 0;
    if (n != 1) return usage_error(usage);
    struct error err = {0};
    char folder[4096];
    struct model_config config;
    struct checkpoint *c = NULL;
    if (checkpoint_resolve(argv[1], folder, sizeof folder, &err) != STATUS_OK ||
        config_load(folder, &config, &err) != STATUS_OK ||
        checkpoint_open(folder, &c, &err) != STATUS_OK)
        return report_failure("model info", &err);
    uint64_t parameters = config_parameters(&config);
    printf("folder    %s\nparameters %" PRIu64 " (%.2f G)\n", folder, parameters,
           (double)parameters / 1e9);
    print_config(&config);
    print_dtypes(c);
    print_memory(&config, checkpoint_bytes(c));
    struct device dev;
    if (device_open(NULL, 0, &dev, &err) == STATUS_OK) {
        double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) / GiB;
        printf("machine   %.1f GiB, %ld processors, operations: %s\n", have,
               sysconf(_SC_NPROCESSORS_ONLN), dev.name);
        device_close(&dev);
    }
    checkpoint_close(c);
    return 0;
}

/* ---- check ---- */

static void print_problem(void *context, const char *text) {
    ++*(int *)context;
    printf("problem: %s\n", text);
}

/* Elements that are no finite number; NaN and infinity, by bit pattern. */
static size_t count_odd(const struct tensor *t) {
    size_t n = tensor_count(t), odd = 0;
    const uint16_t *h = t->data;
    const uint8_t *b = t->data;
    switch (t->dtype) {
    case DTYPE_F32:
        for (size_t i = 0; i < n; i++) odd += isfinite(((const float *)t->data)[i]) ? 0 : 1;
        break;
    case DTYPE_BF16:
        for (size_t i = 0; i < n; i++) odd += (h[i] & 0x7f80) == 0x7f80;
        break;
    case DTYPE_F16:
        for (size_t i = 0; i < n; i++) odd += (h[i] & 0x7c00) == 0x7c00;
        break;
    case DTYPE_F8:
        for (size_t i = 0; i < n; i++) odd += (b[i] & 0x7f) == 0x7f;
        break;
    default: break;
    }
    return odd;
}

static int check_finite(const struct checkpoint *c) {
    int n_bad = 0;
    for (size_t i = 0; i < checkpoint_count(c); i++) {
        const struct checkpoint_entry *e = checkpoint_at(c, i);
        size_t odd = count_odd(&e->tensor);
        if (odd)
            printf("problem: %.*s: %zu of its numbers are not finite\n", STR_ARG(e->name), odd);
        n_bad += odd > 0;
    }
    return n_bad;
}

/* Reads 64 tokens and writes 16; the first time brings the weights into memory. */
static enum status write_some(struct model *m, struct engine *e, bool speak, struct error *err) {
    int ids[64];
    for (int i = 0; i < 64; i++) ids[i] = i * 7 % m->config.vision_start_token;
    struct job_request request = {.ids = ids,
                                  .n_ids = 64,
                                  .max_tokens = 16,
                                  .ignore_stops = true,
                                  .sampling = {.top_p = 1, .repetition_penalty = 1}};
    struct job *job = NULL;
    TRY(engine_submit(e, &request, &job, err));
    while (engine_step(e)) {
    }
    enum status status = STATUS_OK;
    if (job->end == JOB_FAILED) {
        *err = job->error;
        status = err->status;
    } else if (speak) {
        printf("self-test %s: 64 tokens read at %.1f/s, %zu written at %.1f/s\n", m->device.name,
               64 / job->prefill_s, job->n_output, (double)(job->n_output - 1) / job->decode_s);
    }
    engine_release(e, job);
    return status;
}

static enum status try_it(struct model *m, struct error *err) {
    struct engine *e = NULL;
    struct engine_options options = {
        .context_tokens = 256, .chunk = 64, .max_jobs = 1, .kv_dtype = DTYPE_BF16};
    TRY(engine_open(m, &options, &e, err));
    enum status status = write_some(m, e, false, err);
    if (status == STATUS_OK) status = write_some(m, e, true, err);
    engine_close(e);
    return status;
}

static int check(int argc, char **argv) {
    static const char usage[] = "docmill model check DIR [--device NAME] [--threads N]";
    const char *device = NULL;
    double threads = 0;
    const struct model_option table[] = {
        {"--device", MODEL_TEXT, &device, "NAME", "ref or cpu; default the best there is"},
        {"--threads", MODEL_NUMBER, &threads, "N", "default all processors"},
    };
    int n, n_problems = 0;
    bool help;
    if (!model_options_take(argc, argv, table, 2, usage, &n, &help)) return 64;
    if (help) return 0;
    if (n != 1) return usage_error(usage);
    struct model_options options = {.device = device,
                                    .n_threads = (int)threads,
                                    .on_problem = print_problem,
                                    .context = &n_problems};
    struct model *m = NULL;
    struct error err = {0};
    if (model_open(argv[1], &options, &m, &err) != STATUS_OK)
        return report_failure("model check", &err);
    n_problems += check_finite(m->checkpoint);
    enum status status = try_it(m, &err);
    model_close(m);
    if (status != STATUS_OK) return report_failure("model check", &err);
    printf("%s\n", n_problems ? "not in order" : "in order");
    return n_problems ? 65 : 0;
}

/* ---- random ---- */

static int make_random(int argc, char **argv) {
    static const char usage[] =
        "docmill model random --config NAME -o DIR [--layers N] [--dtype bf16|fp8|f32] [--seed N]";
    const char *config_name = NULL, *out = NULL, *dtype_name_given = "bf16";
    double layers = 0, seed = 1;
    const struct model_option table[] = {
        {"--config", MODEL_TEXT, &config_name, "NAME", "2b, 4b, 8b, 32b, 30b-a3b, 235b-a22b, tiny"},
        {"-o", MODEL_TEXT, &out, "DIR", "the folder to write"},
        {"--layers", MODEL_NUMBER, &layers, "N", "only so many decoder layers"},
        {"--dtype", MODEL_TEXT, &dtype_name_given, "NAME", "bf16 (default), fp8 or f32"},
        {"--seed", MODEL_NUMBER, &seed, "N", "the same seed gives the same bytes"},
    };
    int n;
    bool help;
    if (!model_options_take(argc, argv, table, 5, usage, &n, &help)) return 64;
    if (help) return 0;
    if (n != 0 || !config_name || !out) return usage_error(usage);
    struct error err = {0};
    struct model_config config;
    enum dtype dtype;
    if (dtype_of_name(dtype_name_given, &dtype, &err) != STATUS_OK ||
        random_config(config_name, (int)layers, &config, &err) != STATUS_OK ||
        random_write(&config, dtype, (uint64_t)seed, out, &err) != STATUS_OK)
        return report_failure("model random", &err);
    return 0;
}

/* ---- tokenize ---- */

struct tokenize {
    const struct tokenizer *t;
    bool decode, chat, plain, thinking;
};

static void put_ids(const struct token_list *ids, struct buf *out) {
    buf_putc(out, '[');
    for (size_t i = 0; i < ids->n; i++) buf_printf(out, i ? ", %d" : "%d", ids->ids[i]);
    buf_puts(out, "]\n");
}

static void put_string(struct str text, struct buf *out) {
    struct json_tree json = {.kind = JSON_STRING, .text = text};
    json_write_python(&json, out);
    buf_putc(out, '\n');
}

static enum status decode_line(const struct tokenize *o, const struct json_tree *line,
                               struct buf *out, struct error *err) {
    if (!json_is(line, JSON_ARRAY)) return fail(err, STATUS_FORMAT, "not a list of ids");
    struct token_list ids = {0};
    for (const struct json_tree *m = line->first; m; m = m->next)
        token_list_add(&ids, (int)json_as_number(m, -1));
    struct buf text;
    buf_open(&text, 0);
    tokenizer_decode(o->t, ids.ids, ids.n, false, &text);
    put_string(buf_str(&text), out);
    buf_close(&text);
    token_list_free(&ids);
    return STATUS_OK;
}

static enum status chat_line(const struct tokenize *o, const struct json_tree *line,
                             struct buf *out, struct error *err) {
    const struct json_tree *options = json_find(line, "options");
    struct chat_options chat = {
        .thinking = o->thinking,
        .add_generation_prompt =
            json_as_bool(json_find(options, "add_generation_prompt"), !options),
        .add_vision_id = json_as_bool(json_find(options, "add_vision_id"), false),
    };
    struct prompt prompt;
    prompt_open(&prompt);
    const struct json_tree *messages =
        json_is(line, JSON_ARRAY) ? line : json_find(line, "messages");
    enum status status = chat_render(messages, json_find(line, "tools"), &chat, &prompt, err);
    if (status == STATUS_OK) put_string(buf_str(&prompt.text), out);
    prompt_close(&prompt);
    return status;
}

static enum status tokenize_line(const struct tokenize *o, struct arena *arena, struct str line,
                                 struct buf *out, struct error *err) {
    struct json_tree *json = NULL;
    TRY(json_tree_read(arena, line, &json, err));
    if (o->decode) return decode_line(o, json, out, err);
    if (o->chat) return chat_line(o, json, out, err);
    if (!json_is(json, JSON_STRING)) return fail(err, STATUS_FORMAT, "not a JSON string");
    static const struct text_span nowhere;
    struct token_list ids = {0};
    tokenizer_encode(o->t, json->text, o->plain ? &nowhere : NULL, 0, &ids);
    put_ids(&ids, out);
    token_list_free(&ids);
    return STATUS_OK;
}

static int tokenize_all(const struct tokenize *o) {
    struct arena *arena = arena_new();
    struct buf out;
    buf_open_fd(&out, STDOUT_FILENO, 0);
    char *line = NULL;
    size_t cap = 0;
    struct error err = {0};
    enum status status = STATUS_OK;
    for (int number = 1; status == STATUS_OK; number++) {
        ssize_t n = getline(&line, &cap, stdin);
        if (n < 0) break;
        arena_reset(arena);
        status = tokenize_line(o, arena, str_trim((struct str){line, (size_t)n}), &out, &err);
        if (status != STATUS_OK) fail_in(&err, "line %d", number);
    }
    free(line);
    buf_flush(&out);
    if (status == STATUS_OK && out.status != STATUS_OK)
        status = fail(&err, out.status, "standard output cannot be written");
    buf_close(&out);
    arena_free(arena);
    return status == STATUS_OK ? 0 : report_failure("model tokenize", &err);
}

static int tokenize(int argc, char **argv) {
    static const char usage[] = "docmill model tokenize DIR [--decode | --chat | --plain] < LINES";
    struct tokenize o = {0};
    const struct model_option table[] = {
        {"--decode", MODEL_FLAG, &o.decode, NULL, "lists of ids in, JSON strings out"},
        {"--chat", MODEL_FLAG, &o.chat, NULL, "conversations in, prompts out"},
        {"--plain", MODEL_FLAG, &o.plain, NULL, "control tokens in the text are text"},
    };
    int n;
    bool help;
    if (!model_options_take(argc, argv, table, 3, usage, &n, &help)) return 64;
    if (help) return 0;
    if (n != 1) return usage_error(usage);
    struct error err = {0};
    char folder[4096];
    struct tokenizer *t = NULL;
    struct model_config config = {0};
    snprintf(folder, sizeof folder, "%s", argv[1]);
    // A folder of a tokenizer alone will do; a checkpoint says which template is its own.
    if (checkpoint_resolve(argv[1], folder, sizeof folder, &err) == STATUS_OK &&
        config_load(folder, &config, &err) == STATUS_OK)
        o.thinking = config.thinking;
    if (tokenizer_load(folder, &t, &err) != STATUS_OK)
        return report_failure("model tokenize", &err);
    o.t = t;
    int code = tokenize_all(&o);
    tokenizer_free(t);
    return code;
}

/* ---- trace ---- */

static int trace(int argc, char **argv) {
    static const char usage[] = "docmill model trace DIR --case CASE.json -o OUT.safetensors";
    const char *case_path = NULL, *out = NULL, *device = NULL, *kv = "f32";
    double threads = 0, chunk = 0;
    const struct model_option table[] = {
        {"--case", MODEL_TEXT, &case_path, "FILE", "a case of the oracle"},
        {"-o", MODEL_TEXT, &out, "FILE", "the tensors, under the oracle's names"},
        {"--device", MODEL_TEXT, &device, "NAME", "ref or cpu; default the best there is"},
        {"--threads", MODEL_NUMBER, &threads, "N", "default all processors"},
        {"--chunk", MODEL_NUMBER, &chunk, "N", "tokens of a pass, default 512"},
        {"--kv", MODEL_TEXT, &kv, "NAME", "keys and values in f32 (default), bf16 or fp8"},
    };
    int n;
    bool help;
    if (!model_options_take(argc, argv, table, 6, usage, &n, &help)) return 64;
    if (help) return 0;
    if (n != 1 || !case_path || !out || chunk < 0 || chunk > 65536) return usage_error(usage);
    struct error err = {0};
    struct model_options options = {.device = device, .n_threads = (int)threads};
    struct trace_options trace_options = {.chunk = (size_t)chunk, .read_image = read_picture_file};
    struct trace_result r;
    struct model *m = NULL;
    enum status status = dtype_of_name(kv, &trace_options.kv_dtype, &err);
    if (status == STATUS_OK) status = model_open(argv[1], &options, &m, &err);
    if (status == STATUS_OK)
        status = trace_run(m, checkpoint_folder(m->checkpoint), case_path, out, &trace_options, &r,
                           &err);
    model_close(m);
    if (status != STATUS_OK) return report_failure("model trace", &err);
    printf("%d tensors; %d of %d greedy tokens as stored; prompt %s, text %s, positions %s\n",
           r.n_tensors, r.n_greedy_equal, r.n_greedy, r.ids_equal ? "equal" : "DIFFERS",
           r.text_equal ? "equal" : "DIFFERS", r.delta_equal ? "equal" : "DIFFER");
    return 0;
}

/* ---- which ---- */

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"info", info, "DIR: sizes, formats, memory at several context lengths"},
    {"check", check, "DIR: every tensor there, shaped and finite; a self-test and its speed"},
    {"random", make_random, "--config NAME -o DIR: a checkpoint of real shape, random numbers"},
    {"tokenize", tokenize, "DIR: JSON strings to ids, a line each; --decode back; --chat renders"},
    {"trace", trace, "DIR --case CASE.json -o OUT: every tensor on the way"},
};

int cmd_model(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    FILE *to = argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr;
    fprintf(to, "usage: docmill model COMMAND\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
    return to == stdout ? 0 : 64;
}
