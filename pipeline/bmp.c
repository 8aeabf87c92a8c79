/*
 * pipeline/bmp.c - see bmp.h.
 *
 *   file header | info header | masks | palette | rows, bottom up unless the height is negative
 *
 * Our own, since Leptonica reads no run-length coding, no bit fields and only three of the header
 * sizes. Source: Microsoft, "Bitmap Storage" (wingdi BITMAPINFOHEADER, BITMAPV5HEADER).
 */
#include "pipeline/bmp.h"

#include <stdbool.h>
#include <string.h>

#include "util/mem.h"

enum { BMP_RGB, BMP_RLE8, BMP_RLE4, BMP_BITFIELDS, BMP_JPEG, BMP_PNG, BMP_ALPHABITFIELDS };

struct bmp {
    struct str bytes;
    int width, height, bits;
    bool top_down;
    uint32_t compression;
    uint32_t mask[3];
    size_t pixels; // offset of the rows
    uint8_t palette[256][3];
    double dpi;
};

static uint32_t number(struct str s, size_t at, size_t n) {
    uint32_t value = 0;
    for (size_t i = n; i-- > 0;)
        value = value << 8 | (at < s.n && i < s.n - at ? (uint8_t)s.s[at + i] : 0);
    return value;
}

static void read_palette(struct bmp *bmp, size_t at, size_t n_used, size_t entry) {
    size_t n = (size_t)1 << bmp->bits;
    if (n_used > 0 && n_used < n) n = n_used;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            bmp->palette[i][c] = (uint8_t)number(bmp->bytes, at + i * entry + 2 - c, 1);
}

static void read_masks(struct bmp *bmp, bool given) {
    for (size_t c = 0; c < 3; c++) {
        if (given)
            bmp->mask[c] = number(bmp->bytes, 54 + 4 * c, 4);
        else
            bmp->mask[c] = bmp->bits == 16 ? 0x7c00u >> (5 * c) : 0xff0000u >> (8 * c);
    }
}

static enum status read_header(struct bmp *bmp, struct error *err) {
    struct str s = bmp->bytes;
    uint32_t header = number(s, 14, 4);
    bool os2 = header == 12;
    if (s.n < 26 || (!os2 && header < 16) || header > s.n)
        return fail(err, STATUS_FORMAT, "BMP: the header is cut off");
    int64_t width = (int32_t)(os2 ? number(s, 18, 2) : number(s, 18, 4));
    int64_t height = (int32_t)(os2 ? number(s, 20, 2) : number(s, 22, 4));
    bmp->bits = (int)(os2 ? number(s, 24, 2) : number(s, 28, 2));
    bmp->compression = header >= 20 ? number(s, 30, 4) : BMP_RGB;
    bmp->top_down = height < 0;
    if (height < 0) height = -height;
    if (width < 1 || height < 1 || width > INT32_MAX || height > INT32_MAX)
        return fail(err, STATUS_FORMAT, "BMP: a picture of %lld x %lld pixels", (long long)width,
                    (long long)height);
    bmp->width = (int)width;
    bmp->height = (int)height;
    int b = bmp->bits;
    if (b != 1 && b != 2 && b != 4 && b != 8 && b != 16 && b != 24 && b != 32)
        return fail(err, STATUS_FORMAT, "BMP: %d bits per pixel", b);
    if (bmp->compression == BMP_JPEG || bmp->compression == BMP_PNG || bmp->compression > 6)
        return fail(err, STATUS_UNSUPPORTED, "BMP: compression %u", bmp->compression);
    bool fields = bmp->compression == BMP_BITFIELDS || bmp->compression == BMP_ALPHABITFIELDS;
    read_masks(bmp, fields);
    size_t palette = 14 + (size_t)header;
    if (fields && header == 40) palette += bmp->compression == BMP_BITFIELDS ? 12 : 16;
    if (b <= 8) read_palette(bmp, palette, os2 || header < 36 ? 0 : number(s, 46, 4), os2 ? 3 : 4);
    bmp->pixels = number(s, 10, 4);
    if (header >= 40) bmp->dpi = number(s, 38, 4) * 0.0254;
    if (bmp->pixels >= s.n) return fail(err, STATUS_FORMAT, "BMP: no pixels");
    return STATUS_OK;
}

static uint8_t *pixel(const struct bmp *bmp, struct bitmap *out, int x, int y) {
    int row = bmp->top_down ? y : bmp->height - 1 - y;
    return out->px + ((size_t)row * (size_t)out->width + (size_t)x) * 3;
}

static uint8_t masked(uint32_t value, uint32_t mask) {
    if (mask == 0) return 0;
    uint32_t low = mask & (~mask + 1u);
    return (uint8_t)((uint64_t)(value & mask) / low * 255 / (mask / low));
}

static void put(const struct bmp *bmp, uint8_t *px, uint32_t value) {
    for (int c = 0; c < 3; c++) {
        if (bmp->bits <= 8)
            px[c] = bmp->palette[value & 0xff][c];
        else if (bmp->bits == 24)
            px[c] = (uint8_t)(value >> (16 - 8 * c));
        else
            px[c] = masked(value, bmp->mask[c]);
    }
}

static void read_rows(const struct bmp *bmp, struct bitmap *out) {
    size_t stride = ((size_t)bmp->width * (size_t)bmp->bits + 31) / 32 * 4;
    size_t bits = (size_t)bmp->bits, bytes = bits / 8;
    for (int y = 0; y < bmp->height; y++) {
        size_t row = bmp->pixels + (size_t)y * stride;
        if (row >= bmp->bytes.n) return;
        for (int x = 0; x < bmp->width; x++) {
            size_t at = row + (size_t)x * bits / 8;
            uint32_t value = number(bmp->bytes, at, bytes ? bytes : 1);
            if (bits < 8) value = value >> (8 - bits - (size_t)x * bits % 8) & ((1u << bits) - 1);
            put(bmp, pixel(bmp, out, x, y), value);
        }
    }
}

/* One run: n pixels of the two alternating colours (RLE4) or of one (RLE8). */
static void put_run(const struct bmp *bmp, struct bitmap *out, int *x, int y, int n, int code) {
    for (int i = 0; i < n && *x < bmp->width && y < bmp->height; i++, ++*x) {
        int value = bmp->bits == 8 ? code : i % 2 ? code & 15 : code >> 4;
        put(bmp, pixel(bmp, out, *x, y), (uint32_t)value);
    }
}

static void read_runs(const struct bmp *bmp, struct bitmap *out) {
    struct str s = bmp->bytes;
    int x = 0, y = 0;
    for (size_t at = bmp->pixels; at + 2 <= s.n && y < bmp->height;) { // each turn eats 2 bytes
        int n = (uint8_t)s.s[at], code = (uint8_t)s.s[at + 1];
        at += 2;
        if (n > 0) {
            put_run(bmp, out, &x, y, n, code);
        } else if (code == 0) {
            x = 0;
            y++;
        } else if (code == 1) {
            return;
        } else if (code == 2) {
            if (x < bmp->width) x += (int)number(s, at, 1);
            y += (int)number(s, at + 1, 1);
            at += 2;
        } else { // literal pixels, padded to 16 bits
            size_t n_bytes = bmp->bits == 8 ? (size_t)code : (size_t)(code + 1) / 2;
            for (int i = 0; i < code; i += bmp->bits == 8 ? 1 : 2)
                put_run(bmp, out, &x, y, bmp->bits == 8 || i + 1 == code ? 1 : 2,
                        (int)number(s, at + (size_t)(bmp->bits == 8 ? i : i / 2), 1));
            at += n_bytes + n_bytes % 2;
        }
    }
}

enum status bmp_read(struct str bytes, size_t max_pixels, struct bitmap *out, struct error *err) {
    struct bmp bmp = {.bytes = bytes};
    TRY(read_header(&bmp, err));
    TRY(bitmap_new(out, bmp.width, bmp.height, 3, max_pixels, err));
    memset(out->px, 0xff, (size_t)bmp.width * (size_t)bmp.height * 3);
    if ((bmp.compression == BMP_RLE8 && bmp.bits == 8) ||
        (bmp.compression == BMP_RLE4 && bmp.bits == 4))
        read_runs(&bmp, out);
    else
        read_rows(&bmp, out);
    out->dpi = (float)bmp.dpi;
    return STATUS_OK;
}
