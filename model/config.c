/* model/config.c - see config.h. */
#include "model/config.h"

#include <math.h>

#include "model/checkpoint.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/json_tree.h"

/* A whole number in [low, high], or the failure names the key. */
static enum status get_int(const struct json_tree *object, const char *key, int low, int high,
                           int *out, struct error *err) {
    const struct json_tree *value = json_find(object, key);
    if (!value) return fail(err, STATUS_FORMAT, "%s is missing", key);
    double number = json_as_number(value, NAN);
    if (!(number >= low && number <= high) || number != floor(number))
        return fail(err, STATUS_FORMAT, "%s is not a whole number from %d to %d", key, low, high);
    *out = (int)number;
    return STATUS_OK;
}

static enum status get_int_or(const struct json_tree *object, const char *key, int low, int high,
                              int otherwise, int *out, struct error *err) {
    *out = otherwise;
    const struct json_tree *value = json_find(object, key);
    if (!value || json_is(value, JSON_NULL)) return STATUS_OK;
    return get_int(object, key, low, high, out, err);
}

static enum status want_word(const struct json_tree *object, const char *key, const char *want,
                             struct error *err) {
    const struct json_tree *value = json_find(object, key);
    if (!value || str_eq(json_as_string(value, (struct str){0}), str_from(want))) return STATUS_OK;
    return fail(err, STATUS_UNSUPPORTED, "%s is not \"%s\"", key, want);
}

static enum status read_mrope(const struct json_tree *rope, struct config_text *t,
                              struct error *err) {
    const struct json_tree *section = json_find(rope, "mrope_section");
    if (!json_is(section, JSON_ARRAY) || section->n != 3)
        return fail(err, STATUS_FORMAT, "mrope_section is not three numbers");
    int i = 0, sum = 0;
    for (const struct json_tree *m = section->first; m; m = m->next) {
        double n = json_as_number(m, -1);
        if (!(n >= 0 && n <= 512) || n != floor(n))
            return fail(err, STATUS_FORMAT, "mrope_section is not three small numbers");
        t->mrope_section[i++] = (int)n;
        sum += (int)n;
    }
    if (sum != t->head_dim / 2)
        return fail(err, STATUS_FORMAT, "mrope_section sums to %d, half of head_dim is %d", sum,
                    t->head_dim / 2);
    // The model interleaves the axes; its predecessors, with the blocked order, are another family.
    if (!json_as_bool(json_find(rope, "mrope_interleaved"), true))
        return fail(err, STATUS_UNSUPPORTED, "mrope_interleaved is false");
    return STATUS_OK;
}

static enum status read_rope(const struct json_tree *text, struct config_text *t,
                             struct error *err) {
    const struct json_tree *rope = json_find(text, "rope_parameters");
    if (!json_is(rope, JSON_OBJECT)) rope = json_find(text, "rope_scaling");
    if (!json_is(rope, JSON_OBJECT))
        return fail(err, STATUS_FORMAT, "neither rope_scaling nor rope_parameters");
    const struct json_tree *theta = json_find(rope, "rope_theta");
    t->rope_theta = json_as_number(theta ? theta : json_find(text, "rope_theta"), 0);
    if (!(t->rope_theta > 1 && t->rope_theta < 1e12))
        return fail(err, STATUS_FORMAT, "rope_theta is missing or absurd");
    TRY(read_mrope(rope, t, err));
    const struct json_tree *type = json_find(rope, "rope_type");
    struct str kind = json_as_string(type ? type : json_find(rope, "type"), STR("default"));
    if (str_eq(kind, STR("default")) || str_eq(kind, STR("mrope"))) return STATUS_OK;
    if (!str_eq(kind, STR("yarn")))
        return fail(err, STATUS_UNSUPPORTED, "rope_type \"%.*s\"", (int)(kind.n < 40 ? kind.n : 40),
                    kind.s);
    t->yarn_factor = json_as_number(json_find(rope, "factor"), 0);
    if (!(t->yarn_factor >= 1 && t->yarn_factor <= 64))
        return fail(err, STATUS_FORMAT, "the YaRN factor is not from 1 to 64");
    return get_int_or(rope, "original_max_position_embeddings", 1, 1 << 24, t->max_positions,
                      &t->yarn_original, err);
}

static enum status read_experts(const struct json_tree *text, struct config_text *t,
                                struct error *err) {
    const char *key = json_find(text, "num_experts") ? "num_experts" : "num_local_experts";
    TRY(get_int_or(text, key, 0, 1024, 0, &t->n_experts, err));
    if (!t->n_experts) return STATUS_OK;
    TRY(get_int(text, "num_experts_per_tok", 1, t->n_experts, &t->n_experts_used, err));
    if (t->n_experts_used > 64)
        return fail(err, STATUS_UNSUPPORTED, "more than 64 experts a token");
    TRY(get_int(text, "moe_intermediate_size", 1, 1 << 18, &t->moe_intermediate, err));
    int step;
    TRY(get_int_or(text, "decoder_sparse_step", 1, 1024, 1, &step, err));
    for (int l = 0; l < t->n_layers; l++) t->is_sparse[l] = (l + 1) % step == 0;
    const struct json_tree *dense = json_find(text, "mlp_only_layers");
    for (const struct json_tree *m = dense ? dense->first : NULL; m; m = m->next) {
        double l = json_as_number(m, -1);
        if (l >= 0 && l < t->n_layers) t->is_sparse[(int)l] = false;
    }
    return STATUS_OK;
}

static enum status read_text_config(const struct json_tree *text, struct config_text *t,
                                    struct error *err) {
    TRY(get_int(text, "num_hidden_layers", 1, CONFIG_MAX_LAYERS, &t->n_layers, err));
    TRY(get_int(text, "hidden_size", 1, 1 << 17, &t->hidden, err));
    TRY(get_int(text, "num_attention_heads", 1, 1024, &t->n_heads, err));
    TRY(get_int(text, "num_key_value_heads", 1, t->n_heads, &t->n_kv_heads, err));
    TRY(get_int_or(text, "head_dim", 2, 1024, t->hidden / t->n_heads, &t->head_dim, err));
    TRY(get_int(text, "intermediate_size", 1, 1 << 20, &t->intermediate, err));
    TRY(get_int(text, "vocab_size", 1, 1 << 24, &t->vocab, err));
    TRY(get_int(text, "max_position_embeddings", 1, 1 << 24, &t->max_positions, err));
    if (t->head_dim % 2) return fail(err, STATUS_UNSUPPORTED, "head_dim is odd");
    if (t->n_heads % t->n_kv_heads)
        return fail(err, STATUS_UNSUPPORTED, "%d heads do not divide into %d groups", t->n_heads,
                    t->n_kv_heads);
    TRY(want_word(text, "hidden_act", "silu", err));
    if (json_as_bool(json_find(text, "attention_bias"), false))
        return fail(err, STATUS_UNSUPPORTED, "attention_bias is true");
    t->rms_eps = (float)json_as_number(json_find(text, "rms_norm_eps"), 1e-6);
    TRY(read_rope(text, t, err));
    return read_experts(text, t, err);
}

static enum status read_taps(const struct json_tree *list, struct config_vision *v,
                             struct error *err) {
    if (!json_is(list, JSON_ARRAY) || list->n > CONFIG_MAX_TAPS)
        return fail(err, STATUS_FORMAT, "deepstack_visual_indexes is no list of at most %d",
                    CONFIG_MAX_TAPS);
    for (const struct json_tree *m = list->first; m; m = m->next) {
        double b = json_as_number(m, -1);
        if (!(b >= 0 && b < v->depth) || b != floor(b))
            return fail(err, STATUS_FORMAT, "deepstack_visual_indexes names no block");
        for (int k = 0; k < v->n_taps; k++)
            if (v->taps[k] == (int)b)
                return fail(err, STATUS_UNSUPPORTED,
                            "deepstack_visual_indexes names a block twice");
        v->taps[v->n_taps++] = (int)b;
    }
    return STATUS_OK;
}

static enum status read_vision_config(const struct json_tree *vision, struct config_vision *v,
                                      struct error *err) {
    int positions, channels;
    TRY(get_int(vision, "depth", 1, CONFIG_MAX_LAYERS, &v->depth, err));
    TRY(get_int(vision, "hidden_size", 1, 1 << 16, &v->hidden, err));
    TRY(get_int(vision, "num_heads", 1, 256, &v->n_heads, err));
    TRY(get_int(vision, "intermediate_size", 1, 1 << 18, &v->intermediate, err));
    TRY(get_int(vision, "out_hidden_size", 1, 1 << 17, &v->out_hidden, err));
    TRY(get_int(vision, "num_position_embeddings", 1, 1 << 20, &positions, err));
    TRY(get_int_or(vision, "in_channels", 1, 16, 3, &channels, err));
    TRY(get_int_or(vision, "patch_size", 1, 256, 16, &v->patch, err));
    TRY(get_int_or(vision, "temporal_patch_size", 1, 16, 2, &v->temporal_patch, err));
    TRY(get_int_or(vision, "spatial_merge_size", 1, 16, 2, &v->merge, err));
    TRY(want_word(vision, "hidden_act", "gelu_pytorch_tanh", err));
    v->position_side = (int)lround(sqrt(positions));
    if (v->position_side * v->position_side != positions)
        return fail(err, STATUS_UNSUPPORTED, "num_position_embeddings %d is no square", positions);
    if (channels != 3 || v->temporal_patch != 2 || v->merge != 2)
        return fail(err, STATUS_UNSUPPORTED, "channels, temporal patch and merge are not 3, 2, 2");
    if (v->hidden % v->n_heads || v->hidden / v->n_heads % 4 || v->hidden / v->n_heads > 1024)
        return fail(err, STATUS_UNSUPPORTED, "the vision head size is no multiple of 4 up to 1024");
    return read_taps(json_find(vision, "deepstack_visual_indexes"), v, err);
}

static enum status read_family(const struct json_tree *root, struct error *err) {
    struct str type = json_as_string(json_find(root, "model_type"), STR("(none)"));
    if (str_eq(type, STR("qwen3_vl")) || str_eq(type, STR("qwen3_vl_moe"))) return STATUS_OK;
    return fail(err, STATUS_UNSUPPORTED,
                "model_type is \"%.*s\", docmill runs qwen3_vl and qwen3_vl_moe",
                (int)(type.n < 60 ? type.n : 60), type.s);
}

static enum status read_quantisation(const struct json_tree *root, struct model_config *c,
                                     struct error *err) {
    const struct json_tree *q = json_find(root, "quantization_config");
    if (!json_is(q, JSON_OBJECT)) return STATUS_OK;
    struct str method = json_as_string(json_find(q, "quant_method"), STR("(none)"));
    if (!str_eq(method, STR("fp8")))
        return fail(err, STATUS_UNSUPPORTED, "quant_method \"%.*s\", docmill reads fp8",
                    (int)(method.n < 40 ? method.n : 40), method.s);
    TRY(want_word(q, "fmt", "e4m3", err));
    const struct json_tree *size = json_find(q, "weight_block_size");
    if (!json_is(size, JSON_ARRAY) || size->n != 2 || json_as_number(size->first, 0) != 128 ||
        json_as_number(size->first->next, 0) != 128)
        return fail(err, STATUS_UNSUPPORTED, "weight_block_size is not [128, 128]");
    c->fp8_block = 128;
    return STATUS_OK;
}

static enum status read_config_json(const struct json_tree *root, struct model_config *c,
                                    struct error *err) {
    TRY(read_family(root, err));
    if (read_text_config(json_find(root, "text_config"), &c->text, err) != STATUS_OK)
        return fail_in(err, "text_config");
    if (read_vision_config(json_find(root, "vision_config"), &c->vision, err) != STATUS_OK)
        return fail_in(err, "vision_config");
    if (c->vision.out_hidden != c->text.hidden)
        return fail(err, STATUS_FORMAT, "out_hidden_size %d is not the text's hidden_size %d",
                    c->vision.out_hidden, c->text.hidden);
    // The top level counts first: the text part of re-exported files may say otherwise.
    const struct json_tree *text = json_find(root, "text_config");
    c->tied = json_as_bool(json_find(root, "tie_word_embeddings"),
                           json_as_bool(json_find(text, "tie_word_embeddings"), false));
    int last = c->text.vocab - 1;
    TRY(get_int_or(root, "image_token_id", 0, last, 151655, &c->image_token, err));
    TRY(get_int_or(root, "video_token_id", 0, last, 151656, &c->video_token, err));
    TRY(get_int_or(root, "vision_start_token_id", 0, last, 151652, &c->vision_start_token, err));
    TRY(get_int_or(root, "vision_end_token_id", 0, last, 151653, &c->vision_end_token, err));
    return read_quantisation(root, c, err);
}

static bool is_half(const struct json_tree *three) {
    if (!three) return true;
    if (!json_is(three, JSON_ARRAY) || three->n != 3) return false;
    for (const struct json_tree *m = three->first; m; m = m->next)
        if (json_as_number(m, 0) != 0.5) return false;
    return true;
}

static enum status read_pixels(const struct json_tree *root, struct config_pixels *p,
                               struct error *err) {
    if (!root) return STATUS_OK;
    const struct json_tree *size = json_find(root, "size");
    double low = json_as_number(json_find(size, "shortest_edge"), (double)p->min_pixels);
    double high = json_as_number(json_find(size, "longest_edge"), (double)p->max_pixels);
    if (!(low >= 1 && low <= high && high <= 1e12))
        return fail(err, STATUS_FORMAT, "size is not two pixel counts");
    p->min_pixels = (int64_t)low;
    p->max_pixels = (int64_t)high;
    if (!is_half(json_find(root, "image_mean")) || !is_half(json_find(root, "image_std")))
        return fail(err, STATUS_UNSUPPORTED, "image_mean or image_std is not 0.5");
    return STATUS_OK;
}

static enum status read_stops(const struct json_tree *eos, int vocab, struct config_generation *g,
                              struct error *err) {
    if (!eos) return STATUS_OK;
    const struct json_tree *first = json_is(eos, JSON_ARRAY) ? eos->first : eos;
    g->n_stops = 0;
    for (const struct json_tree *m = first; m && g->n_stops < CONFIG_MAX_STOPS; m = m->next) {
        double id = json_as_number(m, -1);
        if (!(id >= 0 && id < vocab)) return fail(err, STATUS_FORMAT, "eos_token_id is no token");
        g->stops[g->n_stops++] = (int)id;
        if (!json_is(eos, JSON_ARRAY)) break;
    }
    return STATUS_OK;
}

static enum status read_generation(const struct json_tree *root, int vocab,
                                   struct config_generation *g, struct error *err) {
    if (!root) return STATUS_OK;
    g->do_sample = json_as_bool(json_find(root, "do_sample"), false);
    g->temperature = json_as_number(json_find(root, "temperature"), 1);
    g->top_p = json_as_number(json_find(root, "top_p"), 1);
    g->min_p = json_as_number(json_find(root, "min_p"), 0);
    g->repetition_penalty = json_as_number(json_find(root, "repetition_penalty"), 1);
    double k = json_as_number(json_find(root, "top_k"), 0);
    if (!(k >= 0 && k <= vocab) || !(g->temperature >= 0) || !(g->top_p > 0) ||
        !(g->repetition_penalty > 0))
        return fail(err, STATUS_FORMAT, "a sampling parameter is out of range");
    g->top_k = (int)k;
    return read_stops(json_find(root, "eos_token_id"), vocab, g, err);
}

/* The template stands in a .jinja file, or quoted once more inside JSON. */
static bool is_thinking(struct str text) {
    return str_find(text, STR("assistant\\n<think>")) < text.n ||
           str_find(text, STR("assistant\\\\n<think>")) < text.n;
}

static enum status parse_optional(struct arena *arena, struct str text, const char *name,
                                  const struct json_tree **out, struct error *err) {
    struct json_tree *json = NULL;
    if (text.n && json_tree_read(arena, text, &json, err) != STATUS_OK)
        return fail_in(err, "%s", name);
    *out = json;
    return STATUS_OK;
}

static enum status read_all(struct arena *arena, const struct config_sources *s,
                            struct model_config *c, struct error *err) {
    const struct json_tree *root = NULL, *image = NULL, *video = NULL, *generation = NULL;
    TRY(parse_optional(arena, s->config, "config.json", &root, err));
    if (!root) return fail(err, STATUS_FORMAT, "config.json is empty");
    if (read_config_json(root, c, err) != STATUS_OK) return fail_in(err, "config.json");
    const char *name = "preprocessor_config.json";
    TRY(parse_optional(arena, s->image, name, &image, err));
    if (read_pixels(image, &c->image, err) != STATUS_OK) return fail_in(err, "%s", name);
    name = "video_preprocessor_config.json";
    TRY(parse_optional(arena, s->video, name, &video, err));
    if (read_pixels(video, &c->video, err) != STATUS_OK) return fail_in(err, "%s", name);
    name = "generation_config.json";
    TRY(parse_optional(arena, s->generation, name, &generation, err));
    TRY(read_stops(json_find(json_find(root, "text_config"), "eos_token_id"), c->text.vocab,
                   &c->generation, err));
    if (read_generation(generation, c->text.vocab, &c->generation, err) != STATUS_OK)
        return fail_in(err, "%s", name);
    c->thinking = is_thinking(s->chat_template);
    return STATUS_OK;
}

enum status config_read(const struct config_sources *sources, struct model_config *out,
                        struct error *err) {
    *out = (struct model_config){
        .image = {65536, 16777216},
        .video = {4096, 25165824},
        .generation = {.temperature = 1, .top_p = 1, .repetition_penalty = 1},
    };
    struct arena *arena = arena_new();
    enum status status = read_all(arena, sources, out, err);
    arena_free(arena);
    return status;
}

static enum status read_optional(struct arena *arena, const char *folder, const char *name,
                                 struct str *out, struct error *err) {
    enum status status = checkpoint_read_text(arena, folder, name, 4 << 20, out, err);
    return status == STATUS_MISSING ? STATUS_OK : status;
}

enum status config_load(const char *folder, struct model_config *out, struct error *err) {
    struct arena *arena = arena_new();
    struct config_sources s = {0};
    struct str tokenizer = {0};
    enum status status =
        checkpoint_read_text(arena, folder, "config.json", 4 << 20, &s.config, err);
    const struct {
        const char *name;
        struct str *text;
    } files[] = {
        {"preprocessor_config.json", &s.image},    {"video_preprocessor_config.json", &s.video},
        {"generation_config.json", &s.generation}, {"chat_template.json", &s.chat_template},
        {"tokenizer_config.json", &tokenizer},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files && status == STATUS_OK; i++)
        status = read_optional(arena, folder, files[i].name, files[i].text, err);
    if (status == STATUS_OK && s.chat_template.n == 0)
        status = read_optional(arena, folder, "chat_template.jinja", &s.chat_template, err);
    if (s.chat_template.n == 0) s.chat_template = tokenizer;
    if (status == STATUS_OK && config_read(&s, out, err) != STATUS_OK)
        status = fail_in(err, "%.200s", folder);
    arena_free(arena);
    return status;
}

static void write_text_config(const struct config_text *t, bool tied, struct buf *out) {
    buf_printf(
        out,
        "  \"text_config\": {\n    \"attention_bias\": false,\n    \"dtype\": \"bfloat16\",\n"
        "    \"head_dim\": %d,\n    \"hidden_act\": \"silu\",\n    \"hidden_size\": %d,\n"
        "    \"intermediate_size\": %d,\n    \"max_position_embeddings\": %d,\n"
        "    \"num_attention_heads\": %d,\n    \"num_hidden_layers\": %d,\n"
        "    \"num_key_value_heads\": %d,\n",
        t->head_dim, t->hidden, t->intermediate, t->max_positions, t->n_heads, t->n_layers,
        t->n_kv_heads);
    if (t->n_experts)
        buf_printf(out,
                   "    \"decoder_sparse_step\": 1,\n    \"mlp_only_layers\": [],\n"
                   "    \"moe_intermediate_size\": %d,\n    \"norm_topk_prob\": true,\n"
                   "    \"num_experts\": %d,\n    \"num_experts_per_tok\": %d,\n",
                   t->moe_intermediate, t->n_experts, t->n_experts_used);
    buf_printf(out,
               "    \"rms_norm_eps\": 1e-06,\n    \"rope_theta\": %.0f,\n    \"rope_scaling\": {"
               "\"rope_type\": \"default\", \"mrope_section\": [%d, %d, %d], "
               "\"mrope_interleaved\": true},\n    \"model_type\": \"qwen3_vl%s_text\",\n"
               "    \"tie_word_embeddings\": %s,\n    \"vocab_size\": %d\n  },\n",
               t->rope_theta, t->mrope_section[0], t->mrope_section[1], t->mrope_section[2],
               t->n_experts ? "_moe" : "", tied ? "true" : "false", t->vocab);
}

void config_write(const struct model_config *c, struct buf *out) {
    const struct config_vision *v = &c->vision;
    bool moe = c->text.n_experts > 0;
    buf_printf(out,
               "{\n  \"architectures\": [\"Qwen3VL%sForConditionalGeneration\"],\n"
               "  \"model_type\": \"qwen3_vl%s\",\n  \"image_token_id\": %d,\n"
               "  \"video_token_id\": %d,\n  \"vision_start_token_id\": %d,\n"
               "  \"vision_end_token_id\": %d,\n  \"tie_word_embeddings\": %s,\n",
               moe ? "Moe" : "", moe ? "_moe" : "", c->image_token, c->video_token,
               c->vision_start_token, c->vision_end_token, c->tied ? "true" : "false");
    write_text_config(&c->text, c->tied, out);
    if (c->fp8_block)
        buf_puts(out, "  \"quantization_config\": {\"quant_method\": \"fp8\", \"fmt\": \"e4m3\", "
                      "\"activation_scheme\": \"dynamic\", \"weight_block_size\": [128, 128]},\n");
    buf_puts(out, "  \"vision_config\": {\n    \"deepstack_visual_indexes\": [");
    for (int i = 0; i < v->n_taps; i++) buf_printf(out, "%s%d", i ? ", " : "", v->taps[i]);
    buf_printf(out,
               "],\n    \"depth\": %d,\n    \"hidden_act\": \"gelu_pytorch_tanh\",\n"
               "    \"hidden_size\": %d,\n    \"in_channels\": 3,\n    \"intermediate_size\": %d,\n"
               "    \"model_type\": \"qwen3_vl%s\",\n    \"num_heads\": %d,\n"
               "    \"num_position_embeddings\": %d,\n    \"out_hidden_size\": %d,\n"
               "    \"patch_size\": %d,\n    \"spatial_merge_size\": %d,\n"
               "    \"temporal_patch_size\": %d\n  }\n}\n",
               v->depth, v->hidden, v->intermediate, moe ? "_moe" : "", v->n_heads,
               v->position_side * v->position_side, v->out_hidden, v->patch, v->merge,
               v->temporal_patch);
}
