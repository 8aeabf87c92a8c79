/* model/trace.c - see trace.h. */
#include "model/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/chat.h"
#include "model/checkpoint.h"
#include "model/forward.h"
#include "model/sampler.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/json_tree.h"

enum { MAX_PICTURES = 64, MAX_CASE = 64 << 20 };

/* A tensor being collected: some rows of it, as they come. */
struct kept {
    struct str name;
    struct json_tree const *shape;
    enum dtype dtype;
    size_t n_rows, n_columns; // kept
    size_t n_seen;            // rows that came
    struct buf data;
};

struct tracer {
    struct arena *arena;
    const struct json_tree *wanted;    // the case's "tensors"; NULL: everything
    const struct json_tree *positions; // rows to keep of text tensors; NULL: the last ones
    size_t n_tokens, n_patches, n_visual;
    struct kept *kept;
    size_t n_kept, cap_kept;
};

static struct kept *find_kept(struct tracer *t, struct str name) {
    for (size_t i = 0; i < t->n_kept; i++)
        if (str_eq(t->kept[i].name, name)) return &t->kept[i];
    return NULL;
}

static bool wants(void *context, const char *name) {
    const struct tracer *t = context;
    return !t->wanted || json_find(t->wanted, name);
}

static bool keeps_row(const struct tracer *t, const struct kept *k, size_t row) {
    if (!str_starts(k->name, STR("text.")) && !str_eq(k->name, STR("logits"))) return true;
    if (t->positions) {
        for (const struct json_tree *p = t->positions->first; p; p = p->next)
            if (json_as_number(p, -1) == (double)row) return true;
        return false;
    }
    size_t want =
        k->shape && k->shape->first ? (size_t)json_as_number(k->shape->first, 0) : t->n_tokens;
    return row + want >= t->n_tokens;
}

static struct kept *new_kept(struct tracer *t, const char *name, enum dtype dtype,
                             size_t n_columns) {
    t->kept = mem_grow(t->kept, t->n_kept, &t->cap_kept, sizeof *t->kept);
    struct kept *k = &t->kept[t->n_kept++];
    *k = (struct kept){.name = arena_str(t->arena, str_from(name)),
                       .dtype = dtype,
                       .n_columns = n_columns,
                       .shape = json_find(t->wanted, name)};
    buf_open(&k->data, 0);
    return k;
}

static void keep_rows(void *context, const char *name, enum dtype dtype, const void *data,
                      size_t n_rows, size_t n_columns) {
    struct tracer *t = context;
    struct kept *k = find_kept(t, str_from(name));
    if (!k) k = new_kept(t, name, dtype, n_columns);
    size_t row_bytes = n_columns * dtype_bytes(dtype);
    for (size_t i = 0; i < n_rows; i++) {
        if (!keeps_row(t, k, k->n_seen + i)) continue;
        buf_put(&k->data, (struct str){(const char *)data + i * row_bytes, row_bytes});
        k->n_rows++;
    }
    k->n_seen += n_rows;
}

/* ---- writing ---- */

/* [rows, heads, d] where the case says so, else [rows, columns]. */
static void put_shape(const struct kept *k, struct buf *out) {
    buf_printf(out, "[%zu", k->n_rows);
    size_t product = 1;
    const struct json_tree *dims = k->shape ? k->shape->first : NULL;
    for (const struct json_tree *d = dims ? dims->next : NULL; d; d = d->next)
        product *= (size_t)json_as_number(d, 0);
    if (dims && product == k->n_columns) {
        for (const struct json_tree *d = dims->next; d; d = d->next)
            buf_printf(out, ", %zu", (size_t)json_as_number(d, 0));
    } else {
        buf_printf(out, ", %zu", k->n_columns);
    }
    buf_putc(out, ']');
}

static enum status write_all(const struct tracer *t, const char *path, struct error *err) {
    struct buf header;
    buf_open(&header, 0);
    buf_putc(&header, '{');
    size_t at = 0;
    for (size_t i = 0; i < t->n_kept; i++) {
        const struct kept *k = &t->kept[i];
        buf_printf(&header, "%s\"%.*s\": {\"dtype\": \"%s\", \"shape\": ", i ? ", " : "",
                   STR_ARG(k->name), dtype_name(k->dtype));
        put_shape(k, &header);
        buf_printf(&header, ", \"data_offsets\": [%zu, %zu]}", at, at + k->data.n);
        at += k->data.n;
    }
    buf_putc(&header, '}');
    while (header.n % 8) buf_putc(&header, ' ');
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)(header.n >> 8 * i);
    FILE *file = fopen(path, "wb");
    bool ok =
        file && fwrite(length, 8, 1, file) == 1 && fwrite(header.data, header.n, 1, file) == 1;
    for (size_t i = 0; i < t->n_kept && ok; i++)
        ok =
            t->kept[i].data.n == 0 || fwrite(t->kept[i].data.data, t->kept[i].data.n, 1, file) == 1;
    if (file) ok = fclose(file) == 0 && ok;
    buf_close(&header);
    return ok ? STATUS_OK : fail(err, STATUS_IO, "%s: cannot be written", path);
}

/* ---- reading a case ---- */

struct run_case {
    struct arena *arena;
    const struct json_tree *json;
    const char *folder, *directory; // of the checkpoint; of the case file
    struct token_list ids;
    struct patches images[MAX_PICTURES], clips[MAX_PICTURES];
    size_t n_images, n_clips;
    struct tokenizer *tokenizer;
};

static enum status read_grid(const struct json_tree *list, size_t i, struct grid *out,
                             struct error *err) {
    const struct json_tree *g = json_is(list, JSON_ARRAY) ? list->first : NULL;
    while (g && i--) g = g->next;
    if (!g || !json_is(g, JSON_ARRAY) || g->n != 3)
        return fail(err, STATUS_FORMAT, "a grid is missing");
    double t = json_as_number(g->first, 0), h = json_as_number(g->first->next, 0);
    double w = json_as_number(g->first->next->next, 0);
    if (!(t >= 1 && h >= 1 && w >= 1 && t * h * w <= 1 << 24))
        return fail(err, STATUS_FORMAT, "a grid is no grid");
    *out = (struct grid){(int)t, (int)h, (int)w};
    return STATUS_OK;
}

/* The patches of inputs/NAME.safetensors in ../.. of the case's folder. */
static enum status read_stored(struct run_case *c, struct str name, const struct json_tree *grids,
                               size_t i, const struct model_config *config, struct patches *out,
                               struct error *err) {
    struct grid grid;
    TRY(read_grid(grids, i, &grid, err));
    struct str path =
        arena_printf(c->arena, "%s/../../inputs/%.*s.safetensors", c->directory, STR_ARG(name));
    struct checkpoint *file = NULL;
    TRY(checkpoint_open_file(path.s, &file, err));
    const struct tensor *p = checkpoint_find(file, "patches");
    size_t side = (size_t)config->vision.patch, row = 6 * side * side;
    enum status status;
    if (!p || p->dtype != DTYPE_U8 ||
        tensor_count(p) != (size_t)grid.t * (size_t)grid.h * (size_t)grid.w * row)
        status = fail(err, STATUS_FORMAT, "%s: no patches of that grid", path.s);
    else
        status = patches_of_bytes(p->data, grid, config->vision.patch, out, err);
    checkpoint_close(file);
    return status;
}

static enum status read_all_stored(struct run_case *c, const struct model_config *config,
                                   struct error *err) {
    static const char *const keys[2][2] = {{"images", "image_grid_thw"},
                                           {"videos", "video_grid_thw"}};
    for (int kind = 0; kind < 2; kind++) {
        const struct json_tree *names = json_find(c->json, keys[kind][0]);
        const struct json_tree *grids = json_find(c->json, keys[kind][1]);
        struct patches *list = kind ? c->clips : c->images;
        size_t *n = kind ? &c->n_clips : &c->n_images;
        for (const struct json_tree *m = json_is(names, JSON_ARRAY) ? names->first : NULL; m;
             m = m->next) {
            if (*n == MAX_PICTURES) return fail(err, STATUS_LIMIT, "too many pictures");
            TRY(read_stored(c, json_as_string(m, (struct str){0}), grids, *n, config, &list[*n],
                            err));
            ++*n;
        }
    }
    for (const struct json_tree *m = json_find(c->json, "input_ids")->first; m; m = m->next)
        token_list_add(&c->ids, (int)json_as_number(m, -1));
    return STATUS_OK;
}

/* ---- a case with files ---- */

static const uint8_t *frame_of(void *context, int index) {
    const struct tensor *frames = context;
    if (index < 0 || (size_t)index >= frames->shape[0]) return NULL;
    return (const uint8_t *)frames->data + (size_t)index * tensor_row(frames);
}

static enum status read_clip(struct run_case *c, const char *path,
                             const struct model_config *config, struct chat_media *media,
                             struct error *err) {
    struct checkpoint *file = NULL;
    TRY(checkpoint_open_file(path, &file, err));
    const struct tensor *t = checkpoint_find(file, "frames");
    struct clip_request request = {
        .fps = json_as_number(json_find(json_find(c->json, "video"), "fps"), 0)};
    struct clip_plan plan = {0};
    enum status status = STATUS_OK;
    if (!t || t->dtype != DTYPE_U8 || t->n_dims != 4 || t->shape[3] != 3 || t->shape[0] > 1 << 20 ||
        t->shape[1] > 1 << 16 || t->shape[2] > 1 << 16) {
        status = fail(err, STATUS_FORMAT, "%s: no frames", path);
    } else {
        struct tensor frames = *t;
        request.n_frames = (int)frames.shape[0];
        status = clip_plan_make(&request, &plan, err);
        if (status == STATUS_OK)
            status = patches_of_clip(frame_of, &frames, (int)frames.shape[1], (int)frames.shape[2],
                                     &plan, config, &c->clips[c->n_clips], err);
    }
    if (status == STATUS_OK) {
        struct grid g = c->clips[c->n_clips++].grid;
        double *seconds = ARENA_ARRAY(c->arena, (size_t)g.t, double);
        memcpy(seconds, plan.seconds, (size_t)g.t * sizeof *seconds);
        *media = (struct chat_media){true, g.h * g.w / 4, g.t, seconds};
    }
    clip_plan_free(&plan);
    checkpoint_close(file);
    return status;
}

static enum status read_picture(struct run_case *c, const char *path,
                                const struct model_config *config, const struct trace_options *o,
                                struct chat_media *media, struct error *err) {
    if (!o->read_image)
        return fail(err, STATUS_UNSUPPORTED, "%s: pictures are not read here", path);
    uint8_t *rgb = NULL;
    int height = 0, width = 0;
    TRY(o->read_image(path, &rgb, &height, &width, err));
    enum status status = patches_of_image(rgb, height, width, config, &c->images[c->n_images], err);
    free(rgb);
    TRY(status);
    *media = (struct chat_media){.n_tokens = grid_tokens(c->images[c->n_images++].grid, 2)};
    return STATUS_OK;
}

static enum status render_case(struct run_case *c, const struct model_config *config,
                               const struct chat_media *media, size_t n_media, struct error *err) {
    struct json_tree *messages = chat_messages(c->arena);
    const struct json_tree *system = json_find(c->json, "system");
    if (json_is(system, JSON_STRING)) chat_add(c->arena, messages, "system", NULL, 0, system->text);
    chat_add(c->arena, messages, "user", media, n_media,
             json_as_string(json_find(c->json, "question"), (struct str){0}));
    const struct json_tree *wrapped = json_find(c->json, "keep_clip_markers");
    struct chat_options o = {.thinking = config->thinking,
                             .add_generation_prompt = true,
                             .keep_clip_markers = json_as_bool(wrapped, false),
                             .media = media,
                             .n_media = n_media};
    if (!wrapped) { // the stored ids show which form of clips they are in
        const struct json_tree *ids = json_find(c->json, "input_ids");
        int starts = 0, pairs = 0;
        for (const struct json_tree *m = ids ? ids->first : NULL; m; m = m->next)
            starts += json_as_number(m, -1) == config->vision_start_token;
        for (size_t i = 0; i < n_media; i++) pairs += media[i].is_video ? media[i].n_pairs : 1;
        o.keep_clip_markers = starts > pairs;
    }
    struct prompt prompt;
    prompt_open(&prompt);
    enum status status = chat_render(messages, NULL, &o, &prompt, err);
    if (status == STATUS_OK) prompt_encode(&prompt, c->tokenizer, &c->ids);
    prompt_close(&prompt);
    return status;
}

static enum status read_files(struct run_case *c, const struct model_config *config,
                              const struct trace_options *o, struct error *err) {
    struct chat_media media[MAX_PICTURES];
    size_t n = 0;
    TRY(tokenizer_load(c->folder, &c->tokenizer, err));
    for (const struct json_tree *m = json_find(c->json, "files")->first; m; m = m->next, n++) {
        if (n == MAX_PICTURES) return fail(err, STATUS_LIMIT, "too many files");
        struct str name = json_as_string(m, (struct str){0});
        const char *path = arena_printf(c->arena, "%s/%.*s", c->directory, STR_ARG(name)).s;
        if (str_ends(name, STR(".safetensors")))
            TRY(read_clip(c, path, config, &media[n], err));
        else
            TRY(read_picture(c, path, config, o, &media[n], err));
    }
    return render_case(c, config, media, n, err);
}

static enum status read_case(struct run_case *c, const char *path,
                             const struct model_config *config, const struct trace_options *o,
                             struct error *err) {
    const char *slash = strrchr(path, '/');
    struct str directory = slash ? (struct str){path, (size_t)(slash - path)} : STR(".");
    c->directory = arena_str(c->arena, directory).s;
    struct str text = {0};
    TRY(checkpoint_read_text(c->arena, c->directory, slash ? slash + 1 : path, MAX_CASE, &text,
                             err));
    struct json_tree *json = NULL;
    if (json_tree_read(c->arena, text, &json, err) != STATUS_OK)
        return fail_in(err, "%.200s", path);
    c->json = json;
    if (json_is(json_find(json, "files"), JSON_ARRAY)) return read_files(c, config, o, err);
    if (!json_is(json_find(json, "input_ids"), JSON_ARRAY))
        return fail(err, STATUS_FORMAT, "%.200s: neither input_ids nor files", path);
    return read_all_stored(c, config, err);
}

static void case_close(struct run_case *c) {
    for (size_t i = 0; i < c->n_images; i++) patches_free(&c->images[i]);
    for (size_t i = 0; i < c->n_clips; i++) patches_free(&c->clips[i]);
    token_list_free(&c->ids);
    tokenizer_free(c->tokenizer);
}

/* ---- running ---- */

static bool same_ids(const struct json_tree *want, const struct token_list *got) {
    if (!json_is(want, JSON_ARRAY) || want->n != got->n) return false;
    size_t i = 0;
    for (const struct json_tree *m = want->first; m; m = m->next)
        if (got->ids[i++] != (int)json_as_number(m, -1)) return false;
    return true;
}

static int argmax(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return (int)best;
}

static enum status prefill(struct forward *f, struct sequence *s, size_t chunk, struct error *err) {
    while (s->n_done < s->n_prompt) {
        size_t left = s->n_prompt - s->n_done, n = left < chunk ? left : chunk;
        struct forward_item item = {s, n, n};
        TRY(forward_run(f, &item, 1, NULL, err));
    }
    return STATUS_OK;
}

/* Goes on greedily as the case does; the end token does not stop it. */
static enum status follow(struct forward *f, struct sequence *s, size_t n, float *logits,
                          size_t vocab, struct token_list *out, struct error *err) {
    for (size_t i = 0; i < n; i++) {
        int id = argmax(logits, vocab);
        token_list_add(out, id);
        token_list_add(&s->ids, id);
        struct forward_item item = {s, 1, 1};
        if (i + 1 < n) TRY(forward_run(f, &item, 1, logits, err));
    }
    return STATUS_OK;
}

static void keep_positions(struct tracer *t, const struct sequence *s) {
    if (!wants(t, "position_ids")) return;
    for (int a = 0; a < 3; a++)
        keep_rows(t, "position_ids", DTYPE_I32, s->positions.axis[a], 1, s->n_prompt);
}

static void judge(const struct run_case *c, const struct sequence *s, const struct token_list *out,
                  struct trace_result *r) {
    const struct json_tree *greedy = json_find(c->json, "greedy");
    r->n_greedy = greedy ? (int)greedy->n : 0;
    size_t i = 0;
    for (const struct json_tree *m = greedy ? greedy->first : NULL; m && i < out->n;
         m = m->next, i++) {
        if (out->ids[i] != (int)json_as_number(m, -1)) break;
        r->n_greedy_equal++;
    }
    r->ids_equal = same_ids(json_find(c->json, "input_ids"), &c->ids);
    const struct json_tree *delta = json_find(c->json, "rope_delta");
    r->delta_equal =
        !delta || json_as_number(delta, 0) == (double)(s->positions.next - (int)s->n_prompt);
    const struct json_tree *text = json_find(c->json, "text");
    r->text_equal = true;
    if (!text || !c->tokenizer) return;
    struct buf got;
    buf_open(&got, 0);
    tokenizer_decode(c->tokenizer, out->ids, out->n, false, &got);
    r->text_equal = str_eq(buf_str(&got), text->text);
    buf_close(&got);
}

static enum status run(struct model *m, struct run_case *c, struct tracer *t, size_t chunk,
                       struct sequence *s, struct forward *f, struct trace_result *r,
                       struct error *err) {
    struct trace trace = {wants, keep_rows, t};
    size_t vocab = (size_t)m->config.text.vocab;
    const struct json_tree *greedy = json_find(c->json, "greedy");
    size_t n_follow = json_is(greedy, JSON_ARRAY) ? greedy->n : 0;
    forward_trace(f, &trace);
    TRY(forward_see(f, s, c->images, c->n_images, c->clips, c->n_clips, err));
    keep_positions(t, s);
    float *logits = mem_alloc(mem_product(vocab, sizeof *logits));
    struct token_list out = {0};
    enum status status = prefill(f, s, chunk, err);
    forward_trace(f, NULL);
    if (status == STATUS_OK && n_follow) {
        // The last row again, for its logits alone: computing it twice gives the same.
        s->n_done = s->n_prompt - 1;
        struct forward_item item = {s, 1, 1};
        status = forward_run(f, &item, 1, logits, err);
    }
    if (status == STATUS_OK) status = follow(f, s, n_follow, logits, vocab, &out, err);
    if (status == STATUS_OK) judge(c, s, &out, r);
    if (status == STATUS_OK && out.n) keep_rows(t, "greedy", DTYPE_I32, out.ids, 1, out.n);
    token_list_free(&out);
    mem_free(logits);
    return status;
}

static enum status run_all(struct model *m, struct run_case *c, const char *out_path,
                           const struct trace_options *o, struct trace_result *r,
                           struct error *err) {
    size_t chunk = o->chunk ? o->chunk : 512;
    struct kv_cache kv = {0};
    struct sequence s = {0};
    struct forward *f = NULL;
    struct tracer t = {.arena = c->arena,
                       .wanted = json_find(c->json, "tensors"),
                       .positions = json_find(c->json, "positions"),
                       .n_tokens = c->ids.n};
    enum status status = kv_open(&kv, &m->device, &m->config.text, o->kv_dtype, c->ids.n + 64, err);
    if (status == STATUS_OK) status = forward_open(m, chunk, chunk, &f, err);
    if (status == STATUS_OK)
        status = sequence_open(&s, &kv, &m->config, c->ids.ids, c->ids.n, c->images, c->n_images,
                               c->clips, c->n_clips, err);
    if (status == STATUS_OK) status = run(m, c, &t, chunk, &s, f, r, err);
    if (status == STATUS_OK) status = write_all(&t, out_path, err);
    r->n_tensors = (int)t.n_kept;
    for (size_t i = 0; i < t.n_kept; i++) buf_close(&t.kept[i].data);
    mem_free(t.kept);
    sequence_close(&s);
    forward_close(f);
    kv_close(&kv);
    return status;
}

enum status trace_run(struct model *m, const char *folder, const char *case_path,
                      const char *out_path, const struct trace_options *options,
                      struct trace_result *result, struct error *err) {
    *result = (struct trace_result){0};
    struct run_case c = {.arena = arena_new(), .folder = folder};
    enum status status = read_case(&c, case_path, &m->config, options, err);
    if (status == STATUS_OK) status = run_all(m, &c, out_path, options, result, err);
    case_close(&c);
    arena_free(c.arena);
    return status;
}
