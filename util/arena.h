/*
 * util/arena.h - memory that is freed all at once.
 *
 * One arena per page and one per document: whatever belongs to a page is allocated from its arena
 * and needs no freeing of its own. An arena never returns NULL (see mem.h).
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>

#include "util/mem.h"
#include "util/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); // NULL is fine; runs the closers, last registered first

/* Frees everything but one block, for an arena that is used again and again. Runs the closers. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t n_bytes);  // zeroed, aligned for any type
struct str arena_str(struct arena *arena, struct str s); // a copy; NUL-terminated behind its end
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Calls fn(handle) when the arena is freed or reset: for foreign handles. */
void arena_on_close(struct arena *arena, void (*fn)(void *handle), void *handle);

/* Makes room for one more element at items[n]; returns items, perhaps copied to a larger place
 * (the old one stays until the arena goes). */
void *arena_grow(struct arena *arena, void *items, size_t n, size_t *cap, size_t element_size);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, n, type) ((type *)arena_alloc((arena), mem_product((n), sizeof(type))))

#endif
