/* model/sequence.c - see sequence.h. */
#include "model/sequence.h"

#include <string.h>

#include "util/mem.h"

/* Visual token k of a kind shows row k of that kind; pictures come before clips. */
static void number_rows(struct sequence *s, const struct model_config *config,
                        size_t n_image_rows) {
    int next_image = 0, next_clip = (int)n_image_rows;
    for (size_t i = 0; i < s->n_prompt; i++) {
        int id = s->ids.ids[i];
        s->visual_row[i] = id == config->image_token   ? next_image++
                           : id == config->video_token ? next_clip++
                                                       : -1;
    }
}

static struct grid *grids_of(const struct patches *p, size_t n, int merge, size_t *n_rows) {
    struct grid *grids = mem_alloc(mem_product(n, sizeof *grids));
    *n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        grids[i] = p[i].grid;
        *n_rows += (size_t)grid_tokens(grids[i], merge);
    }
    return grids;
}

static enum status check_ids(const int *ids, size_t n, int vocab, struct error *err) {
    if (n == 0) return fail(err, STATUS_ARG, "an empty prompt");
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= vocab)
            return fail(err, STATUS_ARG, "token %d is not in a vocabulary of %d", ids[i], vocab);
    return STATUS_OK;
}

enum status sequence_open(struct sequence *s, struct kv_cache *kv,
                          const struct model_config *config, const int *ids, size_t n,
                          const struct patches *images, size_t n_images,
                          const struct patches *clips, size_t n_clips, struct error *err) {
    *s = (struct sequence){.kv = kv, .n_prompt = n};
    TRY(check_ids(ids, n, config->text.vocab, err));
    int merge = config->vision.merge;
    size_t n_image_rows, n_clip_rows;
    struct grid *image_grids = grids_of(images, n_images, merge, &n_image_rows);
    struct grid *clip_grids = grids_of(clips, n_clips, merge, &n_clip_rows);
    enum status status = positions_make(ids, n, config, image_grids, n_images, clip_grids, n_clips,
                                        &s->positions, err);
    mem_free(image_grids);
    mem_free(clip_grids);
    TRY(status);
    for (size_t i = 0; i < n; i++) token_list_add(&s->ids, ids[i]);
    s->visual_row = mem_alloc(mem_product(n, sizeof *s->visual_row));
    s->visual.n_rows = n_image_rows + n_clip_rows;
    number_rows(s, config, n_image_rows);
    return STATUS_OK;
}

void sequence_close(struct sequence *s) {
    for (size_t i = 0; i < s->n_pages; i++) kv_return(s->kv, s->pages[i]);
    if (s->kv) {
        struct device *dev = s->kv->dev;
        dev->ops->release(dev, s->visual.embeds.data);
        for (int k = 0; k < CONFIG_MAX_TAPS; k++) dev->ops->release(dev, s->visual.taps[k].data);
    }
    mem_free(s->pages);
    mem_free(s->visual_row);
    token_list_free(&s->ids);
    positions_free(&s->positions);
    *s = (struct sequence){0};
}

int sequence_position(const struct sequence *s, int axis, size_t i) {
    if (i < s->n_prompt) return s->positions.axis[axis][i];
    return s->positions.next + (int)(i - s->n_prompt);
}

enum status sequence_reserve(struct sequence *s, size_t n, struct error *err) {
    while (s->n_pages * KV_PAGE_TOKENS < n) {
        int page = kv_take(s->kv);
        if (page < 0)
            return fail(err, STATUS_LIMIT, "%zu tokens: the context of %zu is full", n,
                        s->kv->memory.n_pages * KV_PAGE_TOKENS);
        s->pages = mem_grow(s->pages, s->n_pages, &s->cap_pages, sizeof *s->pages);
        s->pages[s->n_pages++] = page;
    }
    return STATUS_OK;
}

size_t sequence_share(struct sequence *s, const struct sequence *other) {
    size_t n = s->n_prompt < other->n_done ? s->n_prompt : other->n_done, same = 0;
    if (n > other->n_prompt) n = other->n_prompt;
    while (same < n && s->ids.ids[same] == other->ids.ids[same] && s->visual_row[same] < 0) same++;
    if (same == s->n_prompt)
        same--; // its last token must be computed: there are no logits otherwise
    size_t pages = same / KV_PAGE_TOKENS;
    for (size_t i = 0; i < pages; i++) {
        s->pages = mem_grow(s->pages, s->n_pages, &s->cap_pages, sizeof *s->pages);
        s->pages[s->n_pages++] = other->pages[i];
        kv_share(s->kv, other->pages[i]);
    }
    return s->n_done = pages * KV_PAGE_TOKENS;
}
