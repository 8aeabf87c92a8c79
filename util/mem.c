/* util/mem.c - see mem.h. */
#include "util/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void (*on_exhausted)(size_t n_bytes);
static size_t fail_at;

void mem_on_exhausted(void (*handler)(size_t n_bytes)) {
    on_exhausted = handler;
}

void mem_fail_at(size_t n) {
    fail_at = n;
}

_Noreturn void mem_exhausted(size_t n_bytes) {
    if (on_exhausted) on_exhausted(n_bytes);
    static const char message[] = "docmill: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(71);
}

static void count_down(size_t n_bytes) {
    if (fail_at && --fail_at == 0) mem_exhausted(n_bytes);
}

void *mem_alloc(size_t n_bytes) {
    count_down(n_bytes);
    void *p = calloc(1, n_bytes ? n_bytes : 1);
    if (!p) mem_exhausted(n_bytes);
    return p;
}

void *mem_realloc(void *p, size_t n_bytes) {
    count_down(n_bytes);
    void *q = realloc(p, n_bytes ? n_bytes : 1);
    if (!q) mem_exhausted(n_bytes);
    return q;
}

void mem_free(void *p) {
    free(p);
}

size_t mem_product(size_t n, size_t size) {
    if (size && n > SIZE_MAX / size) mem_exhausted(SIZE_MAX);
    return n * size;
}

void *mem_grow(void *items, size_t n, size_t *cap, size_t element_size) {
    if (n < *cap) return items;
    size_t more = *cap ? mem_product(*cap, 2) : 16;
    items = mem_realloc(items, mem_product(more, element_size));
    *cap = more;
    return items;
}
