/* tests/test_model_input.c - sizes, pixels, clips, positions, angles and sampling against the
 * reference's vectors. */
#include <math.h>

#include "model/image.h"
#include "model/positions.h"
#include "model/sampler.h"
#include "tests/check.h"
#include "tests/model_data.h"

static struct config_pixels limits_of(const struct json_tree *row) {
    return (struct config_pixels){(int64_t)json_as_number(json_find(row, "min_pixels"), 0),
                                  (int64_t)json_as_number(json_find(row, "max_pixels"), 0)};
}

static bool same_size(const struct json_tree *row, struct image_size size) {
    const struct json_tree *want = json_find(row, "size");
    return want && size.height == (int)json_as_number(want->first, 0) &&
           size.width == (int)json_as_number(want->first->next, 0);
}

static struct clip_request request_of(const struct json_tree *row,
                                      const struct json_tree *options) {
    return (struct clip_request){
        .n_frames = data_int(row, "frames", 0),
        .fps = json_as_number(json_find(row, "fps"), 0),
        .sample_fps = json_as_number(json_find(options, options == row ? "sample_fps" : "fps"), 0),
        .want_frames = data_int(options, "num_frames", 0),
        .all_frames = !json_as_bool(json_find(options, "do_sample_frames"), true),
    };
}

static void check_clip_plan(const struct json_tree *row, const struct clip_plan *plan, int line) {
    bool same = true;
    int i = 0;
    for (const struct json_tree *m = json_find(row, "indices")->first; m; m = m->next, i++)
        same = same && i < plan->n_sampled && plan->indices[i] == (int)json_as_number(m, -1);
    CHECK(same && i == plan->n_sampled, "frames, line %d", line);
    i = 0;
    same = true;
    for (const struct json_tree *m = json_find(row, "timestamps")->first; m; m = m->next, i++) {
        char text[32];
        snprintf(text, sizeof text, "%.1f", i < plan->n_pairs ? plan->seconds[i] : -1);
        same = same && str_eq(m->text, str_from(text));
    }
    CHECK(same && i == plan->n_pairs, "timestamps, line %d", line);
}

static void test_video_row(const struct json_tree *row, int line) {
    struct clip_request request = request_of(row, row);
    struct clip_plan plan = {0};
    struct image_size size = {0};
    struct error err = {0};
    enum status status = clip_plan_make(&request, &plan, &err);
    struct config_pixels limits = limits_of(row);
    if (status == STATUS_OK && json_as_bool(json_find(row, "cap_pixels_per_frame"), false)) {
        double cap = fmin(768 * 1024, floor((double)limits.max_pixels / plan.n_sampled));
        cap = fmax(cap, floor((double)limits.min_pixels * 1.05));
        limits.max_pixels = (int64_t)cap * plan.n_sampled;
    }
    if (status == STATUS_OK)
        status = clip_smart_resize(plan.n_sampled, data_int(row, "height", 0),
                                   data_int(row, "width", 0), 32, limits, &size, &err);
    if (json_find(row, "error")) {
        CHECK(status == STATUS_ARG, "refused, resize.jsonl:%d", line);
    } else {
        CHECK(status == STATUS_OK && same_size(row, size), "resize.jsonl:%d: %dx%d %s", line,
              size.height, size.width, err.text);
        if (status == STATUS_OK) check_clip_plan(row, &plan, line);
    }
    clip_plan_free(&plan);
}

static void test_sizes(struct arena *arena) {
    struct str lines = data_file(arena, "vectors/resize.jsonl");
    int line = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        line++;
        if (str_eq(json_find(row, "kind")->text, STR("video"))) {
            test_video_row(row, line);
            continue;
        }
        struct image_size size = {0};
        struct error err = {0};
        enum status status = image_smart_resize(
            data_int(row, "height", 0), data_int(row, "width", 0), 32, limits_of(row), &size, &err);
        if (json_find(row, "error"))
            CHECK(status == STATUS_ARG, "refused, resize.jsonl:%d", line);
        else
            CHECK(same_size(row, size), "resize.jsonl:%d: %dx%d", line, size.height, size.width);
    }
}

static const struct tensor *stored(const struct checkpoint *c, struct arena *arena, struct str name,
                                   const char *what) {
    return checkpoint_find(c, arena_printf(arena, "%.*s.%s", STR_ARG(name), what).s);
}

static void check_patches(const struct patches *p, const struct tensor *want, const char *name) {
    size_t n = tensor_count(&p->values);
    bool same = n == tensor_count(want);
    for (size_t i = 0; i < n && same; i++) {
        float got = ((const float *)p->values.data)[i];
        float value = want->dtype == DTYPE_U8
                          ? ((float)((const uint8_t *)want->data)[i] - 127.5f) / 127.5f
                          : ((const float *)want->data)[i];
        same = got == value;
    }
    CHECK(same, "%s: %zu values", name, n);
}

static void test_picture(const struct json_tree *row, const struct checkpoint *c,
                         struct arena *arena, struct str name) {
    const struct tensor *rgb = stored(c, arena, name, "rgb"),
                        *want = stored(c, arena, name, "resized");
    struct image_size from = {(int)rgb->shape[0], (int)rgb->shape[1]}, size;
    struct error err = {0};
    image_smart_resize(from.height, from.width, 32, limits_of(row), &size, &err);
    CHECK((size_t)size.height == want->shape[0] && (size_t)size.width == want->shape[1], "%s",
          err.text);
    uint8_t *got = arena_alloc(arena, tensor_count(want));
    image_resample(rgb->data, from, got, size, &err);
    CHECK(!memcmp(got, want->data, tensor_count(want)), "%.*s: resampled to the byte",
          STR_ARG(name));
    const struct tensor *values = stored(c, arena, name, "pixel_values");
    if (!values) return;
    struct model_config config = {.vision = {.patch = 16, .merge = 2}, .image = limits_of(row)};
    struct patches p;
    CHECK(patches_of_image(rgb->data, from.height, from.width, &config, &p, &err) == STATUS_OK,
          "%s", err.text);
    check_patches(&p, values, "pixel values");
    patches_free(&p);
}

static const uint8_t *frame_of(void *context, int index) {
    const struct tensor *frames = context;
    return (const uint8_t *)frames->data + (size_t)index * tensor_row(frames);
}

static void test_clip(const struct json_tree *row, const struct checkpoint *c, struct arena *arena,
                      struct str name) {
    struct tensor frames = *stored(c, arena, name, "frames");
    struct clip_request request = request_of(row, json_find(row, "options"));
    struct clip_plan plan;
    struct error err = {0};
    CHECK(clip_plan_make(&request, &plan, &err) == STATUS_OK, "%s", err.text);
    check_clip_plan(row, &plan, 0);
    struct model_config config = {.vision = {.patch = 16, .merge = 2}, .video = limits_of(row)};
    struct patches p;
    CHECK(patches_of_clip(frame_of, &frames, (int)frames.shape[1], (int)frames.shape[2], &plan,
                          &config, &p, &err) == STATUS_OK,
          "%s", err.text);
    CHECK(grid_tokens(p.grid, 2) == data_int(row, "tokens", 0), "tokens");
    check_patches(&p, stored(c, arena, name, "patches"), "patches of a clip");
    patches_free(&p);
    clip_plan_free(&plan);
}

static void test_pixels(struct arena *arena) {
    struct checkpoint *c = NULL;
    struct error err = {0};
    CHECK(checkpoint_open_file("tests/data/model/preprocess.safetensors", &c, &err) == STATUS_OK,
          "%s", err.text);
    struct str lines = data_file(arena, "vectors/preprocess.jsonl");
    int n = 0;
    for (const struct json_tree *row; c && (row = data_line(arena, &lines));) {
        struct str file = json_find(row, "file")->text,
                   name = str_sub(file, 0, str_find(file, STR(".")));
        n += stored(c, arena, name, "resized") != NULL;
        if (stored(c, arena, name, "rgb")) test_picture(row, c, arena, name);
        if (stored(c, arena, name, "frames")) test_clip(row, c, arena, name);
    }
    CHECK(n == 10, "%d pictures and clips", n);
    checkpoint_close(c);
}

/* A row of parts as ids: 1 picture pads, 2 clip pads, 0 the rest. */
static void test_rope_row(const struct json_tree *row, struct arena *arena, int line) {
    struct token_list ids = {0};
    struct grid images[64], clips[64];
    size_t n_images = 0, n_clips = 0;
    for (const struct json_tree *part = json_find(row, "parts")->first; part; part = part->next) {
        struct str kind = part->first->text;
        int v[3] = {0};
        const struct json_tree *m = part->first->next;
        for (int i = 0; m; m = m->next) v[i++] = (int)json_as_number(m, 0);
        bool clip = str_eq(kind, STR("video")), text = str_eq(kind, STR("text"));
        for (int i = 0; text && i < v[0]; i++) token_list_add(&ids, 0);
        for (int t = 0; !text && t < v[0]; t++) {
            for (int i = 0; i < (clip ? 4 : 1); i++) token_list_add(&ids, 0);
            for (int i = 0; i < v[1] * v[2] / 4; i++) token_list_add(&ids, clip ? 2 : 1);
            token_list_add(&ids, 0);
        }
        if (clip)
            clips[n_clips++] = (struct grid){v[0], v[1], v[2]};
        else if (!text)
            images[n_images++] = (struct grid){v[0], v[1], v[2]};
    }
    struct model_config config = {.vision = {.merge = 2}, .image_token = 1, .video_token = 2};
    struct positions p;
    struct error err = {0};
    enum status status =
        positions_make(ids.ids, ids.n, &config, images, n_images, clips, n_clips, &p, &err);
    CHECK(status == STATUS_OK, "rope.jsonl:%d: %s", line, err.text);
    if (status == STATUS_OK) {
        CHECK(p.next - (int)p.n == data_int(row, "delta", 1), "delta, rope.jsonl:%d", line);
        size_t skip = (size_t)data_int(row, "left_padding", 0);
        static const char *const names[] = {"t", "h", "w"};
        for (int a = 0; a < 3; a++) {
            size_t i = 0;
            bool same = true;
            for (const struct json_tree *m = json_find(row, names[a])->first; m; m = m->next, i++)
                if (i >= skip)
                    same =
                        same && i - skip < p.n && p.axis[a][i - skip] == (int)json_as_number(m, -1);
            CHECK(same && i == p.n + skip, "%s, rope.jsonl:%d", names[a], line);
        }
        positions_free(&p);
        if (n_images) {
            images[0].h += 2;
            CHECK(positions_make(ids.ids, ids.n, &config, images, n_images, clips, n_clips, &p,
                                 &err) == STATUS_ARG,
                  "a wrong grid is refused, rope.jsonl:%d", line);
        }
    }
    token_list_free(&ids);
    (void)arena;
}

/* Frequencies: within 3 units in the last place of the reference's own float32 ones. */
static void test_frequencies(struct arena *arena) {
    struct str lines = data_file(arena, "vectors/frequencies.jsonl");
    int n_equal = 0, n = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        struct str name = json_find(row, "name")->text;
        struct config_text t = {.rope_theta = 5000000, .head_dim = 128, .yarn_original = 262144};
        if (str_find(name, STR("head_dim 32")) < name.n) t.head_dim = 32, t.yarn_original = 1024;
        size_t yarn = str_find(name, STR("yarn factor "));
        if (yarn < name.n) t.yarn_factor = name.s[yarn + 12] - '0';
        float got[64], factor = 1;
        if (str_starts(name, STR("vision"))) {
            size_t at = str_find(name, STR("head_dim ")) + 9;
            uint64_t d = 0;
            str_number(str_sub(name, at, name.n), 1000, &d, NULL);
            positions_vision_frequencies((int)d, got);
        } else {
            factor = positions_text_frequencies(&t, got);
        }
        CHECK(fabs(factor - json_as_number(json_find(row, "scaling"), 0)) < 1e-6, "factor");
        int i = 0;
        for (const struct json_tree *m = json_find(row, "bits")->first; m; m = m->next, i++, n++) {
            uint32_t bits = (uint32_t)strtoul(arena_str(arena, m->text).s, NULL, 16);
            int64_t off = (int64_t)bits_of_f32(got[i]) - bits;
            n_equal += off == 0;
            CHECK(llabs(off) <= 3, "%.*s, slot %d: %lld units", STR_ARG(name), i, (long long)off);
        }
    }
    CHECK(n_equal * 10 > n * 9, "%d of %d frequencies equal", n_equal, n);
}

static void test_sampling(struct arena *arena) {
    struct str lines = data_file(arena, "vectors/sampling.jsonl");
    int line = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));) {
        line++;
        const struct json_tree *p = json_find(row, "params");
        struct sampling params = {
            .temperature = json_as_number(json_find(p, "temperature"), 1),
            .top_k = data_int(p, "top_k", 0),
            .top_p = json_as_number(json_find(p, "top_p"), 1),
            .min_p = json_as_number(json_find(p, "min_p"), 0),
            .repetition_penalty = json_as_number(json_find(p, "repetition_penalty"), 1),
            .presence_penalty = json_as_number(json_find(p, "presence_penalty"), 0),
            .seed = 1,
        };
        struct sampler *s = sampler_new(&params, 24, 24);
        float logits[24], again[24];
        double got[24], worst = 0;
        int i = 0, counts[24] = {0};
        for (const struct json_tree *m = json_find(row, "logits")->first; m; m = m->next)
            logits[i++] = (float)json_as_number(m, 0);
        for (const struct json_tree *m = json_find(row, "prompt")->first; m; m = m->next)
            sampler_note_prompt(s, &(int){(int)json_as_number(m, 0)}, 1);
        for (const struct json_tree *m = json_find(row, "generated")->first; m; m = m->next)
            sampler_note_output(s, (int)json_as_number(m, 0));
        memcpy(again, logits, sizeof again);
        sampler_probabilities(s, logits, got);
        i = 0;
        for (const struct json_tree *m = json_find(row, "probabilities")->first; m;
             m = m->next, i++)
            worst = fmax(worst, fabs(got[i] - json_as_number(m, -1)));
        CHECK(worst < 1e-6, "sampling.jsonl:%d: %g off", line, worst);
        for (int k = 0; k < 4000; k++) {
            memcpy(logits, again, sizeof logits);
            counts[sampler_choose(s, logits)]++;
        }
        for (i = 0, worst = 0; i < 24; i++) worst = fmax(worst, fabs(counts[i] / 4000.0 - got[i]));
        CHECK(worst < 0.04, "drawn as often as likely, line %d: %g off", line, worst);
        sampler_free(s);
    }
}

static int loop_at(int period, int n_rows, int n_before) {
    int ids[20000], n = 0;
    struct loop_guard guard = {0};
    for (int i = 0; i < n_before; i++) ids[n++] = 1000 + i * 7919 % 5000;
    for (int r = 0; r < n_rows; r++)
        for (int i = 0; i < period; i++) ids[n++] = i;
    for (int i = 1; i <= n; i++)
        if (loop_guard_add(&guard, ids, (size_t)i)) return i - n_before;
    return 0;
}

int main(void) {
    struct arena *arena = arena_new();
    test_sizes(arena);
    test_pixels(arena);
    struct str lines = data_file(arena, "vectors/rope.jsonl");
    int line = 0;
    for (const struct json_tree *row; (row = data_line(arena, &lines));)
        test_rope_row(row, arena, ++line);
    test_frequencies(arena);
    test_sampling(arena);
    CHECK(loop_at(1, 1000, 100) > 0 && loop_at(7, 1000, 30) > 0 && loop_at(300, 30, 0) > 0,
          "loops");
    CHECK(loop_at(12, 30, 50) == 0 && loop_at(1, 200, 10) == 0, "a table's equal rows are no loop");
    CHECK(loop_at(5000, 1, 0) == 0, "text is no loop");
    arena_free(arena);
    return check_end("model_input");
}
