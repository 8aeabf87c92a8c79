/* model/kv.c - see kv.h. */
#include "model/kv.h"

#include "util/mem.h"

enum status kv_open(struct kv_cache *kv, struct device *dev, const struct config_text *c,
                    enum dtype dtype, size_t n_tokens, struct error *err) {
    size_t n_pages = (n_tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    size_t page = 2 * (size_t)c->n_layers * (size_t)c->n_kv_heads * (size_t)c->head_dim *
                  KV_PAGE_TOKENS * dtype_bytes(dtype);
    if (n_pages > INT32_MAX || n_pages > SIZE_MAX / page)
        return fail(err, STATUS_LIMIT, "a context of %zu tokens", n_tokens);
    *kv = (struct kv_cache){.dev = dev};
    kv->memory = (struct kv_memory){dtype, c->n_layers, c->n_kv_heads, c->head_dim, n_pages, NULL};
    if (dev->ops->alloc(dev, n_pages * page, &kv->memory.data, err) != STATUS_OK)
        return fail_in(err, "a context of %zu tokens", n_tokens);
    kv->n_owners = mem_alloc(mem_product(n_pages, sizeof(int)));
    kv->unused = mem_alloc(mem_product(n_pages, sizeof(int)));
    for (size_t i = 0; i < n_pages; i++) kv->unused[i] = (int)(n_pages - 1 - i);
    kv->n_unused = n_pages;
    return STATUS_OK;
}

void kv_close(struct kv_cache *kv) {
    if (kv->dev) kv->dev->ops->release(kv->dev, kv->memory.data);
    mem_free(kv->n_owners);
    mem_free(kv->unused);
    *kv = (struct kv_cache){0};
}

int kv_take(struct kv_cache *kv) {
    if (!kv->n_unused) return -1;
    int page = kv->unused[--kv->n_unused];
    kv->n_owners[page] = 1;
    return page;
}

void kv_share(struct kv_cache *kv, int page) {
    kv->n_owners[page]++;
}

void kv_return(struct kv_cache *kv, int page) {
    if (--kv->n_owners[page] == 0) kv->unused[kv->n_unused++] = page;
}
