/*
 * model/chat.h - a conversation as the prompt the model was trained on.
 *
 * The two released chat templates, Instruct and Thinking, written out in C: no template language at
 * run time. The prompt remembers which of its bytes the template wrote, so that control tokens are
 * recognised there and nowhere else: what a user, a tool or a document says stays text.
 * Source: reference/qwen3-vl.md 3.2 to 3.4.
 */
#ifndef MODEL_CHAT_H
#define MODEL_CHAT_H

#include "model/tokenizer.h"
#include "util/buf.h"

struct json_tree;

/* What stands for one picture or clip, in the order they appear in the conversation. */
struct chat_media {
    bool is_video;
    int n_tokens;          // of a picture, or of each frame pair of a clip
    int n_pairs;           // clip: temporal patches
    const double *seconds; // clip: the timestamp of each
};

struct chat_options {
    bool thinking;                  // the Thinking template
    bool add_generation_prompt;     // ends where the assistant is to speak
    bool add_vision_id;             // "Picture 1: " before each
    bool keep_clip_markers;         // the form of transformers >= 5.10: markers around a whole clip
    const struct chat_media *media; // NULL: one pad token stands for each
    size_t n_media;
};

struct prompt {
    struct buf text;
    struct text_span *control; // sorted
    size_t n_control, cap_control;
    size_t n_media; // pictures and clips met
};

void prompt_open(struct prompt *prompt);
void prompt_close(struct prompt *prompt);

/* Renders messages [{"role", "content", ...}] and tools (NULL or a list) as documented by the
 * reference. Errors: FORMAT (not such a list), ARG (more or fewer media than parts). */
enum status chat_render(const struct json_tree *messages, const struct json_tree *tools,
                        const struct chat_options *options, struct prompt *out, struct error *err);

/* A conversation made by hand: an empty one, and one message more, media before text. What media hold
 * beyond is_video does not matter here. */
struct arena;
struct json_tree *chat_messages(struct arena *arena);
void chat_add(struct arena *arena, struct json_tree *messages, const char *role,
              const struct chat_media *media, size_t n_media, struct str text);

void prompt_encode(const struct prompt *prompt, const struct tokenizer *t, struct token_list *out);

#endif
