/* pipeline/bitmap.c - see bitmap.h. */
#include "pipeline/bitmap.h"

#include "util/mem.h"

enum status bitmap_new(struct bitmap *bitmap, int width, int height, int n_channels,
                       size_t max_pixels, struct error *err) {
    *bitmap = (struct bitmap){0};
    if (width < 1 || height < 1)
        return fail(err, STATUS_FORMAT, "a picture of %d x %d pixels", width, height);
    if ((size_t)width > max_pixels / (size_t)height)
        return fail(err, STATUS_LIMIT, "%d x %d pixels, the limit is %zu million", width, height,
                    max_pixels / 1000000);
    *bitmap = (struct bitmap){.width = width, .height = height, .n_channels = n_channels};
    bitmap->px =
        mem_alloc(mem_product(mem_product((size_t)width, (size_t)height), (size_t)n_channels));
    return STATUS_OK;
}

void bitmap_free(struct bitmap *bitmap) {
    mem_free(bitmap->px);
    *bitmap = (struct bitmap){0};
}
