/*
 * model/kv.h - the keys and values of all sequences: pages of 64 tokens, shared where prompts agree.
 *
 * One block of device memory, sized once. A page belongs to one or several sequences (a count says
 * how many) and is written only while it belongs to one: sharing is of full pages.
 */
#ifndef MODEL_KV_H
#define MODEL_KV_H

#include "model/config.h"
#include "model/ops.h"

struct kv_cache {
    struct device *dev;
    struct kv_memory memory;
    int *n_owners; // by page
    int *unused;   // a stack of page numbers
    size_t n_unused;
};

/* Room for n_tokens tokens, rounded up to pages. dtype: F32, BF16 or F8. Errors: NOMEM, LIMIT. */
enum status kv_open(struct kv_cache *kv, struct device *dev, const struct config_text *config,
                    enum dtype dtype, size_t n_tokens, struct error *err);
void kv_close(struct kv_cache *kv);

int kv_take(struct kv_cache *kv);              // a page of one owner; -1: none left
void kv_share(struct kv_cache *kv, int page);  // one owner more
void kv_return(struct kv_cache *kv, int page); // one owner less

#endif
