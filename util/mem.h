/*
 * util/mem.h - heap memory that is there or ends the process.
 *
 * docmill does its work in processes that are made for one document and can be thrown away. When
 * such a process is refused memory, nothing sensible is left for it to do: the process is the unit
 * of failure, its supervisor names the document and goes on with the next one. So these functions
 * never return NULL; on exhaustion they call the handler of this process, which must not return.
 * The model's big buffers do not come from here: their allocation returns a status.
 */
#ifndef UTIL_MEM_H
#define UTIL_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n_bytes); // zeroed
void *mem_realloc(void *p, size_t n_bytes);
void mem_free(void *p); // NULL is fine

/* n * size, or the exhaustion handler when the product does not fit. */
size_t mem_product(size_t n, size_t size);

/* Sets what happens when memory runs out; the default writes one line to stderr and exits with
 * 71. The handler gets no memory of its own. */
void mem_on_exhausted(void (*handler)(size_t n_bytes));
_Noreturn void mem_exhausted(size_t n_bytes);

/* Tests: the n-th allocation from now on fails; 0 switches this off. */
void mem_fail_at(size_t n);

/* Makes room for one more element at items[n]; returns items, perhaps moved. cap counts elements. */
void *mem_grow(void *items, size_t n, size_t *cap, size_t element_size);

#endif
