/* model/chat.c - see chat.h. */
#include "model/chat.h"

#include <stdio.h>
#include <string.h>

#include "util/arena.h"
#include "util/json_tree.h"

enum { MAX_PROMPT = 256 << 20 };

void prompt_open(struct prompt *prompt) {
    *prompt = (struct prompt){0};
    buf_open(&prompt->text, MAX_PROMPT);
}

void prompt_close(struct prompt *prompt) {
    buf_close(&prompt->text);
    mem_free(prompt->control);
    *prompt = (struct prompt){0};
}

void prompt_encode(const struct prompt *prompt, const struct tokenizer *t, struct token_list *out) {
    static const struct text_span nowhere;
    tokenizer_encode(t, buf_str(&prompt->text), prompt->control ? prompt->control : &nowhere,
                     prompt->n_control, out);
}

static struct json_tree *member(struct arena *arena, struct json_tree *parent, const char *key,
                                enum json_event kind, struct str text) {
    struct json_tree **tail = &parent->first;
    while (*tail) tail = &(*tail)->next;
    *tail = ARENA_NEW(arena, struct json_tree);
    **tail = (struct json_tree){.kind = kind, .key = str_from(key), .text = text};
    parent->n++;
    return *tail;
}

struct json_tree *chat_messages(struct arena *arena) {
    struct json_tree *messages = ARENA_NEW(arena, struct json_tree);
    messages->kind = JSON_ARRAY;
    return messages;
}

void chat_add(struct arena *arena, struct json_tree *messages, const char *role,
              const struct chat_media *media, size_t n_media, struct str text) {
    const struct str none = {0};
    struct json_tree *message = member(arena, messages, NULL, JSON_OBJECT, none);
    member(arena, message, "role", JSON_STRING, str_from(role));
    struct json_tree *content = member(arena, message, "content", JSON_ARRAY, none);
    for (size_t i = 0; i < n_media; i++) {
        struct json_tree *part = member(arena, content, NULL, JSON_OBJECT, none);
        member(arena, part, "type", JSON_STRING, media[i].is_video ? STR("video") : STR("image"));
    }
    member(arena, member(arena, content, NULL, JSON_OBJECT, none), "text", JSON_STRING, text);
}

struct writer {
    struct prompt *out;
    struct arena *arena;
    const struct chat_options *options;
    int n_images, n_videos; // for "Picture 1: "
    const char *problem;
};

/* Text of the template: its markers count. */
static void put_control(struct writer *w, struct str s) {
    struct prompt *p = w->out;
    size_t from = p->text.n;
    buf_put(&p->text, s);
    if (p->text.n == from) return;
    if (p->n_control && p->control[p->n_control - 1].to == from) {
        p->control[p->n_control - 1].to = p->text.n;
        return;
    }
    p->control = mem_grow(p->control, p->n_control, &p->cap_control, sizeof *p->control);
    p->control[p->n_control++] = (struct text_span){from, p->text.n};
}

static void put_data(struct writer *w, struct str s) {
    buf_put(&w->out->text, s);
}

static const struct chat_media *next_media(struct writer *w, bool is_video) {
    size_t i = w->out->n_media++;
    if (!w->options->media) return NULL;
    if (i >= w->options->n_media || w->options->media[i].is_video != is_video) {
        w->problem = "the pictures and clips are not those the messages name";
        return NULL;
    }
    return &w->options->media[i];
}

static void put_pads(struct writer *w, struct str pad, int n) {
    put_control(w, STR("<|vision_start|>"));
    for (int i = 0; i < n; i++) put_control(w, pad);
    put_control(w, STR("<|vision_end|>"));
}

/* Every frame pair has its own markers, its time before them as ordinary text. */
static void put_clip(struct writer *w, const struct chat_media *m) {
    if (w->options->keep_clip_markers) put_control(w, STR("<|vision_start|>"));
    for (int i = 0; i < m->n_pairs; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "<%.1f seconds>", m->seconds[i]);
        for (int k = 0; k < n; k++)
            if (text[k] == ',') text[k] = '.'; // whatever the locale
        put_control(w, (struct str){text, (size_t)n});
        put_pads(w, STR("<|video_pad|>"), m->n_tokens);
    }
    if (w->options->keep_clip_markers) put_control(w, STR("<|vision_end|>"));
}

static void put_count(struct writer *w, const char *what, int n) {
    if (w->options->add_vision_id) put_control(w, arena_printf(w->arena, "%s %d: ", what, n));
}

static bool has_type(const struct json_tree *part, const char *type) {
    return str_eq(json_as_string(json_find(part, "type"), (struct str){0}), str_from(type));
}

static bool is_image(const struct json_tree *part) {
    return json_find(part, "image") || json_find(part, "image_url") || has_type(part, "image");
}

static bool is_video(const struct json_tree *part) {
    return json_find(part, "video") || has_type(part, "video");
}

/* step 0: the Thinking template's first system message, which counts its pictures afterwards. */
static void put_part(struct writer *w, const struct json_tree *part, int step) {
    if (is_image(part)) {
        w->n_images += step;
        put_count(w, "Picture", w->n_images);
        const struct chat_media *m = next_media(w, false);
        put_pads(w, STR("<|image_pad|>"), m ? m->n_tokens : 1);
    } else if (is_video(part)) {
        w->n_videos += step;
        put_count(w, "Video", w->n_videos);
        const struct chat_media *m = next_media(w, true);
        if (m)
            put_clip(w, m);
        else
            put_pads(w, STR("<|video_pad|>"), 1);
    } else {
        put_data(w, json_as_string(json_find(part, "text"), (struct str){0}));
    }
}

static void put_parts(struct writer *w, const struct json_tree *content, int step) {
    if (json_is(content, JSON_STRING)) put_data(w, content->text);
    if (!json_is(content, JSON_ARRAY)) return;
    for (const struct json_tree *part = content->first; part; part = part->next)
        put_part(w, part, step);
}

static void put_texts(struct writer *w, const struct json_tree *content) {
    if (json_is(content, JSON_STRING)) put_data(w, content->text);
    if (!json_is(content, JSON_ARRAY)) return;
    for (const struct json_tree *part = content->first; part; part = part->next)
        put_data(w, json_as_string(json_find(part, "text"), (struct str){0}));
}

static struct str to_json(struct writer *w, const struct json_tree *json) {
    struct buf b;
    buf_open(&b, MAX_PROMPT);
    json_write_python(json, &b);
    struct str s = arena_str(w->arena, buf_str(&b));
    buf_close(&b);
    return s;
}

static void put_tool_calls(struct writer *w, const struct json_tree *message, bool after_content) {
    const struct json_tree *calls = json_find(message, "tool_calls");
    if (!json_is(calls, JSON_ARRAY)) return;
    for (const struct json_tree *c = calls->first; c; c = c->next) {
        const struct json_tree *call = json_find(c, "function");
        if (!json_is(call, JSON_OBJECT)) call = c;
        const struct json_tree *arguments = json_find(call, "arguments");
        if (c != calls->first || after_content) put_control(w, STR("\n"));
        put_control(w, STR("<tool_call>\n{\"name\": \""));
        put_data(w, json_as_string(json_find(call, "name"), (struct str){0}));
        put_control(w, STR("\", \"arguments\": "));
        if (json_is(arguments, JSON_STRING))
            put_data(w, arguments->text);
        else if (arguments)
            put_data(w, to_json(w, arguments));
        put_control(w, STR("}\n</tool_call>"));
    }
}

static const char tools_head[] =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
    "provided "
    "with function signatures within <tools></tools> XML tags:\n<tools>";
static const char tools_tail[] =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    "within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
    "<args-json-object>}\n</tool_call><|im_end|>\n";

static struct str role_of(const struct json_tree *message) {
    return json_as_string(json_find(message, "role"), (struct str){0});
}

static bool has_role(const struct json_tree *message, const char *role) {
    return message && str_eq(role_of(message), str_from(role));
}

static void put_head(struct writer *w, const struct json_tree *first,
                     const struct json_tree *tools) {
    bool has_tools = json_is(tools, JSON_ARRAY) && tools->n > 0;
    bool has_system = has_role(first, "system");
    if (!has_tools && !has_system) return;
    put_control(w, STR("<|im_start|>system\n"));
    if (has_system && w->options->thinking) put_parts(w, json_find(first, "content"), 0);
    if (has_system && !w->options->thinking) put_texts(w, json_find(first, "content"));
    if (!has_tools) {
        put_control(w, STR("<|im_end|>\n"));
        return;
    }
    if (has_system) put_control(w, STR("\n\n"));
    put_control(w, str_from(tools_head));
    for (const struct json_tree *t = tools->first; t; t = t->next) {
        put_control(w, STR("\n"));
        put_data(w, to_json(w, t));
    }
    put_control(w, str_from(tools_tail));
}

/* Renders a message's content apart, to look at it as the Thinking template does. */
static struct str render_aside(struct writer *w, const struct json_tree *content,
                               struct prompt *aside) {
    prompt_open(aside);
    aside->n_media = w->out->n_media; // goes on counting there
    struct writer inner = *w;
    inner.out = aside;
    put_parts(&inner, content, 1);
    w->n_images = inner.n_images;
    w->n_videos = inner.n_videos;
    w->problem = inner.problem;
    return buf_str(&aside->text);
}

/* Puts bytes [from, to) of an aside, with what was control in them. */
static void put_aside(struct writer *w, const struct prompt *aside, size_t from, size_t to) {
    struct str text = buf_str(&aside->text);
    size_t at = from;
    for (size_t i = 0; i < aside->n_control; i++) {
        size_t a = aside->control[i].from, b = aside->control[i].to;
        if (b <= at || a >= to) continue;
        if (a > at) put_data(w, str_sub(text, at, a));
        put_control(w, str_sub(text, a > at ? a : at, b < to ? b : to));
        at = b < to ? b : to;
    }
    if (at < to) put_data(w, str_sub(text, at, to));
}

static size_t find_last(struct str s, struct str needle) {
    for (size_t i = s.n; i-- > 0;)
        if (str_starts(str_sub(s, i, s.n), needle)) return i;
    return s.n;
}

static struct str strip_newlines(struct str s, bool left, bool right) {
    while (left && s.n && s.s[0] == '\n') s.s++, s.n--;
    while (right && s.n && s.s[s.n - 1] == '\n') s.n--;
    return s;
}

/* The assistant's turn of the Thinking template: reasoning is a field of its own or what stands
 * before </think>; turns before the last real question lose it. */
static void put_thinking_turn(struct writer *w, const struct json_tree *message, bool after_query,
                              bool is_last) {
    struct prompt aside;
    struct str all = render_aside(w, json_find(message, "content"), &aside);
    size_t from = 0;
    struct str reason = {0};
    const struct json_tree *field = json_find(message, "reasoning_content");
    size_t end = str_find(all, STR("</think>"));
    if (json_is(field, JSON_STRING)) {
        reason = field->text;
    } else if (end < all.n) {
        reason = strip_newlines(str_sub(all, 0, end), false, true);
        size_t begin = find_last(reason, STR("<think>"));
        if (begin < reason.n) reason = str_sub(reason, begin + 7, reason.n);
        reason = strip_newlines(reason, true, false);
        from = find_last(all, STR("</think>")) + 8;
        while (from < all.n && all.s[from] == '\n') from++;
    }
    bool has_content = from < all.n;
    if (after_query && (is_last || reason.n)) {
        put_control(w, STR("<think>\n"));
        put_data(w, strip_newlines(reason, true, true));
        put_control(w, STR("\n</think>\n\n"));
        while (from < all.n && all.s[from] == '\n') from++;
    }
    put_aside(w, &aside, from, all.n);
    put_tool_calls(w, message, has_content);
    w->out->n_media = aside.n_media;
    prompt_close(&aside);
}

static bool is_real_query(struct writer *w, const struct json_tree *message) {
    if (!has_role(message, "user")) return false;
    struct prompt aside;
    struct writer look = *w;
    struct chat_options plain = *w->options;
    plain.media = NULL;
    look.options = &plain;
    struct str text = render_aside(&look, json_find(message, "content"), &aside);
    bool real =
        !(str_starts(text, STR("<tool_response>")) && str_ends(text, STR("</tool_response>")));
    prompt_close(&aside);
    return real;
}

static void put_message(struct writer *w, const struct json_tree *m,
                        const struct json_tree *previous, bool after_query) {
    const struct json_tree *content = json_find(m, "content");
    bool thinking = w->options->thinking;
    if (has_role(m, "user") || (has_role(m, "system") && thinking && previous)) {
        put_control(w, STR("<|im_start|>"));
        put_control(w, role_of(m));
        put_control(w, STR("\n"));
        put_parts(w, content, 1);
        put_control(w, STR("<|im_end|>\n"));
    } else if (has_role(m, "assistant")) {
        put_control(w, STR("<|im_start|>assistant\n"));
        if (thinking) {
            put_thinking_turn(w, m, after_query, !m->next);
        } else {
            put_texts(w, content);
            bool some = json_is(content, JSON_STRING)
                            ? content->text.n > 0
                            : json_is(content, JSON_ARRAY) && content->n > 0;
            put_tool_calls(w, m, some);
        }
        put_control(w, STR("<|im_end|>\n"));
    } else if (has_role(m, "tool")) {
        if (!has_role(previous, "tool")) put_control(w, STR("<|im_start|>user"));
        put_control(w, STR("\n<tool_response>\n"));
        put_parts(w, content, 1);
        put_control(w, STR("\n</tool_response>"));
        if (!has_role(m->next, "tool")) put_control(w, STR("<|im_end|>\n"));
    } else if (has_role(m, "system") && thinking) {
        // Shown at the head with the counter standing still; its pictures count from here on.
        for (const struct json_tree *p = json_is(content, JSON_ARRAY) ? content->first : NULL; p;
             p = p->next) {
            w->n_images += is_image(p);
            w->n_videos += !is_image(p) && is_video(p);
        }
    }
}

static enum status check_messages(const struct json_tree *messages, struct error *err) {
    if (!json_is(messages, JSON_ARRAY) || !messages->n)
        return fail(err, STATUS_FORMAT, "messages is not a list");
    for (const struct json_tree *m = messages->first; m; m = m->next)
        if (!json_is(m, JSON_OBJECT) || !role_of(m).n)
            return fail(err, STATUS_FORMAT, "a message has no role");
    return STATUS_OK;
}

enum status chat_render(const struct json_tree *messages, const struct json_tree *tools,
                        const struct chat_options *options, struct prompt *out, struct error *err) {
    TRY(check_messages(messages, err));
    struct writer w = {.out = out, .arena = arena_new(), .options = options};
    put_head(&w, messages->first, tools);
    const struct json_tree *query = NULL; // the last real question; none: no turn comes after it
    for (const struct json_tree *m = messages->first; m && options->thinking; m = m->next)
        if (is_real_query(&w, m)) query = m;
    bool after = false;
    const struct json_tree *previous = NULL;
    for (const struct json_tree *m = messages->first; m; previous = m, m = m->next) {
        put_message(&w, m, previous, after);
        if (m == query) after = true;
    }
    if (options->add_generation_prompt) put_control(&w, STR("<|im_start|>assistant\n"));
    if (options->add_generation_prompt && options->thinking) put_control(&w, STR("<think>\n"));
    arena_free(w.arena);
    if (options->media && out->n_media != options->n_media)
        w.problem = "the pictures and clips are not those the messages name";
    if (w.problem) return fail(err, STATUS_ARG, "%s", w.problem);
    if (out->text.status != STATUS_OK) return fail(err, out->text.status, "the prompt is too long");
    return STATUS_OK;
}
