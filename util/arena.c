/* util/arena.c - see arena.h. A list of blocks, each twice as large as the one before, up to 1 MiB. */
#include "util/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"

enum { FIRST_BLOCK = 8 << 10, LARGEST_BLOCK = 1 << 20 };

struct chunk {
    struct chunk *next;
    size_t size, used; // bytes behind this header
    max_align_t data[];
};

struct closer {
    struct closer *next;
    void (*fn)(void *handle);
    void *handle;
};

struct arena {
    struct chunk *head; // the one being filled
    struct closer *closers;
};

struct arena *arena_new(void) {
    return mem_alloc(sizeof(struct arena));
}

static void run_closers(struct arena *arena) {
    struct closer *c = arena->closers;
    arena->closers = NULL;
    for (; c; c = c->next) c->fn(c->handle);
}

void arena_free(struct arena *arena) {
    if (!arena) return;
    run_closers(arena);
    for (struct chunk *c = arena->head, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    mem_free(arena);
}

void arena_reset(struct arena *arena) {
    run_closers(arena);
    struct chunk *keep = arena->head;
    if (!keep) return;
    for (struct chunk *c = keep->next, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    keep->next = NULL;
    if (keep->size > LARGEST_BLOCK) {
        mem_free(keep);
        arena->head = NULL;
        return;
    }
    memset(keep->data, 0, keep->used);
    keep->used = 0;
}

void *arena_alloc(struct arena *arena, size_t n_bytes) {
    enum { ALIGN = alignof(max_align_t) };
    if (n_bytes > SIZE_MAX / 2) mem_exhausted(n_bytes);
    size_t need = (n_bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (need == 0) need = ALIGN;
    struct chunk *c = arena->head;
    if (!c || c->size - c->used < need) {
        size_t size = c ? c->size * 2 : FIRST_BLOCK;
        if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
        if (size < need) size = need;
        c = mem_alloc(sizeof *c + size);
        c->size = size;
        c->next = arena->head;
        arena->head = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += need;
    return p;
}

struct str arena_str(struct arena *arena, struct str s) {
    char *copy = arena_alloc(arena, s.n + 1);
    if (s.n) memcpy(copy, s.s, s.n);
    return (struct str){copy, s.n};
}

struct str arena_printf(struct arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) n = 0;
    char *text = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return (struct str){text, (size_t)n};
}

void arena_on_close(struct arena *arena, void (*fn)(void *handle), void *handle) {
    struct closer *c = ARENA_NEW(arena, struct closer);
    *c = (struct closer){arena->closers, fn, handle};
    arena->closers = c;
}

void *arena_grow(struct arena *arena, void *items, size_t n, size_t *cap, size_t element_size) {
    if (n < *cap) return items;
    size_t more = *cap ? mem_product(*cap, 2) : 16;
    void *larger = arena_alloc(arena, mem_product(more, element_size));
    if (n) memcpy(larger, items, n * element_size);
    *cap = more;
    return larger;
}
