/* pipeline/image.c - see image.h. One of Leptonica's two homes: here for its decoders. */
#include "pipeline/image.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/bmp.h"
#include "pipeline/exif.h"
#include "pipeline/jp2.h"
#include "pipeline/sniff.h"
#include "pipeline/tiff.h"
#include "util/mem.h"

struct image {
    struct str bytes;
    const char *kind;
    struct tiff *tiff; // NULL for the other kinds
    char warning[240];
};

const char *image_kind(struct str head) {
    return sniff_kind(head);
}

enum status image_open(struct str bytes, const char *name, struct image **out, struct error *err) {
    *out = NULL;
    if (bytes.n == 0) return fail(err, STATUS_EMPTY, "%s: an empty file", name);
    const char *kind = sniff_kind(bytes);
    if (!kind) return fail(err, STATUS_UNSUPPORTED, "%s: no picture of a kind we read", name);
    struct image *image = mem_alloc(sizeof *image);
    *image = (struct image){.bytes = bytes, .kind = kind};
    if (strcmp(kind, "tiff") == 0 || strcmp(kind, "bigtiff") == 0) {
        if (tiff_open(bytes, &image->tiff, err) != STATUS_OK) {
            mem_free(image);
            return fail_in(err, "%s", name);
        }
    }
    *out = image;
    return STATUS_OK;
}

void image_close(struct image *image) {
    if (!image) return;
    tiff_close(image->tiff);
    mem_free(image);
}

int image_n_pages(const struct image *image) {
    return image->tiff ? tiff_n_pages(image->tiff) : 1;
}

const char *image_warning(const struct image *image) {
    return image->warning;
}

/* Where pixel (x, y) of the upright picture lies in the stored one. The cases are the values of
 * the TIFF and Exif orientation tag: where row 0 and column 0 are. */
static size_t stored_at(int orientation, size_t x, size_t y, size_t w, size_t h) {
    switch (orientation) { // w, h: of the stored picture
    case 2: return y * w + (w - 1 - x);
    case 3: return (h - 1 - y) * w + (w - 1 - x);
    case 4: return (h - 1 - y) * w + x;
    case 5: return x * w + y;
    case 6: return (h - 1 - x) * w + y;
    case 7: return (h - 1 - x) * w + (w - 1 - y);
    case 8: return x * w + (w - 1 - y);
    default: return y * w + x;
    }
}

static void turn_upright(struct bitmap *bitmap, int orientation) {
    if (orientation < 2 || orientation > 8) return;
    size_t w = (size_t)bitmap->width, h = (size_t)bitmap->height, n = (size_t)bitmap->n_channels;
    size_t width = orientation >= 5 ? h : w, height = orientation >= 5 ? w : h;
    uint8_t *px = mem_alloc(w * h * n);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            memcpy(px + (y * width + x) * n, bitmap->px + stored_at(orientation, x, y, w, h) * n,
                   n);
    mem_free(bitmap->px);
    bitmap->px = px;
    bitmap->width = (int)width;
    bitmap->height = (int)height;
}

/* Stretches the picture to width x height, between neighbours linearly. */
static void stretch(struct bitmap *bitmap, int width, int height) {
    size_t n = (size_t)bitmap->n_channels;
    uint8_t *px = mem_alloc(mem_product((size_t)width * (size_t)height, n));
    double step_x = (double)bitmap->width / width, step_y = (double)bitmap->height / height;
    for (int y = 0; y < height; y++) {
        double sy = fmax((y + 0.5) * step_y - 0.5, 0);
        size_t y0 = (size_t)sy, y1 = y0 + 1 < (size_t)bitmap->height ? y0 + 1 : y0;
        double fy = sy - (double)y0;
        for (int x = 0; x < width; x++) {
            double sx = fmax((x + 0.5) * step_x - 0.5, 0);
            size_t x0 = (size_t)sx, x1 = x0 + 1 < (size_t)bitmap->width ? x0 + 1 : x0;
            double fx = sx - (double)x0;
            for (size_t c = 0; c < n; c++) {
                const uint8_t *upper = bitmap->px + y0 * (size_t)bitmap->width * n + c;
                const uint8_t *lower = bitmap->px + y1 * (size_t)bitmap->width * n + c;
                double top = upper[x0 * n] * (1 - fx) + upper[x1 * n] * fx;
                double bottom = lower[x0 * n] * (1 - fx) + lower[x1 * n] * fx;
                px[((size_t)y * (size_t)width + (size_t)x) * n + c] =
                    (uint8_t)(top * (1 - fy) + bottom * fy + 0.5);
            }
        }
    }
    mem_free(bitmap->px);
    bitmap->px = px;
    bitmap->width = width;
    bitmap->height = height;
}

/* Fax pages come with 204 x 98 dots an inch: makes pixels square at the finer resolution. */
static void square_pixels(struct bitmap *bitmap, double x_dpi, double y_dpi, size_t max_pixels) {
    bitmap->dpi = 0;
    if (!(x_dpi >= 1 && y_dpi >= 1 && x_dpi < 1e5 && y_dpi < 1e5)) return;
    bitmap->dpi = (float)fmax(x_dpi, y_dpi);
    double ratio = x_dpi / y_dpi;
    if (ratio > 4 || ratio < 0.25) { // nobody scans like that: a slip of the pen
        bitmap->dpi = 0;
        return;
    }
    if (fabs(ratio - 1) < 0.03) return;
    double width = bitmap->width * fmax(1, 1 / ratio), height = bitmap->height * fmax(1, ratio);
    if (width * height > (double)max_pixels || width > INT32_MAX || height > INT32_MAX) return;
    stretch(bitmap, (int)(width + 0.5), (int)(height + 0.5));
}

/* ---- Leptonica ---- */

static _Thread_local char *lept_message; // where its complaints go while we are inside it

static void keep_message(const char *text) {
    if (!lept_message || lept_message[0]) return; // the first one is nearest to the cause
    const char *what = strstr(text, ": ");
    snprintf(lept_message, 200, "%s", what ? what + 2 : text);
    size_t n = strlen(lept_message);
    if (n > 0 && lept_message[n - 1] == '\n') lept_message[n - 1] = '\0';
}

static PIX *decode(const struct image *image, char message[200]) {
    message[0] = '\0';
    lept_message = message;
    leptSetStderrHandler(keep_message);
    setMsgSeverity(L_SEVERITY_WARNING);
    PIX *pix = pixReadMem((const l_uint8 *)image->bytes.s, image->bytes.n);
    setMsgSeverity(L_SEVERITY_NONE);
    lept_message = NULL;
    return pix;
}

/* To 8-bit grey or RGB without alpha and palette. Takes pix, returns NULL when out of memory. */
static PIX *flatten(PIX *pix) {
    PIX *flat;
    if (pixGetDepth(pix) == 32 && pixGetSpp(pix) == 4)
        flat = pixAlphaBlendUniform(pix, 0xffffff00);
    else
        flat = pixConvertTo8Or32(pix, L_CLONE, 0);
    pixDestroy(&pix);
    return flat;
}

static enum status from_pix(const PIX *pix, size_t max_pixels, struct bitmap *out,
                            struct error *err) {
    int w = pixGetWidth(pix), h = pixGetHeight(pix), n = pixGetDepth(pix) == 8 ? 1 : 3;
    TRY(bitmap_new(out, w, h, n, max_pixels, err));
    const l_uint32 *data = pixGetData((PIX *)pix);
    size_t words = (size_t)pixGetWpl(pix);
    uint8_t *px = out->px;
    for (int y = 0; y < h; y++) {
        const l_uint32 *line = data + (size_t)y * words;
        for (int x = 0; x < w; x++, px += n) {
            if (n == 1) {
                px[0] = (uint8_t)GET_DATA_BYTE(line, x);
                continue;
            }
            px[0] = (uint8_t)(line[x] >> L_RED_SHIFT);
            px[1] = (uint8_t)(line[x] >> L_GREEN_SHIFT);
            px[2] = (uint8_t)(line[x] >> L_BLUE_SHIFT);
        }
    }
    return STATUS_OK;
}

static enum status check_claim(const struct image *image, size_t max_pixels, int64_t *width,
                               int64_t *height, struct error *err) {
    int process = 0;
    if (!sniff_size(image->kind, image->bytes, width, height, &process))
        return fail(err, STATUS_FORMAT, "%s: no complete header", image->kind);
    if (*width < 1 || *height < 1)
        return fail(err, STATUS_FORMAT, "%s: a picture of %lld x %lld pixels", image->kind,
                    (long long)*width, (long long)*height);
    if ((uint64_t)*width > max_pixels / (uint64_t)*height)
        return fail(err, STATUS_LIMIT, "%lld x %lld pixels, the limit is %zu million",
                    (long long)*width, (long long)*height, max_pixels / 1000000);
    if (strcmp(image->kind, "jpeg") == 0 && process > 2)
        return fail(err, STATUS_UNSUPPORTED, "jpeg: process %d (lossless or hierarchical)",
                    process);
    return STATUS_OK;
}

static enum status read_other(struct image *image, size_t max_pixels, struct bitmap *out,
                              struct error *err) {
    int64_t width, height;
    TRY(check_claim(image, max_pixels, &width, &height, err));
    char message[200];
    PIX *pix = decode(image, message);
    if (!pix)
        return fail(err, STATUS_FORMAT, "%s: %s", image->kind, message[0] ? message : "broken");
    snprintf(image->warning, sizeof image->warning, "%s", message);
    double x_dpi = pixGetXRes(pix), y_dpi = pixGetYRes(pix);
    sniff_dpi(image->kind, image->bytes, &x_dpi, &y_dpi);
    pix = flatten(pix);
    if (!pix) return fail(err, STATUS_NOMEM, "%s: out of memory", image->kind);
    enum status status = from_pix(pix, max_pixels, out, err);
    pixDestroy(&pix);
    if (status != STATUS_OK) return status;
    square_pixels(out, x_dpi, y_dpi, max_pixels);
    turn_upright(out, exif_orientation(sniff_exif(image->kind, image->bytes)));
    return STATUS_OK;
}

enum status image_page(struct image *image, int number, size_t max_pixels, struct bitmap *out,
                       struct error *err) {
    *out = (struct bitmap){0};
    image->warning[0] = '\0';
    if (number < 1 || number > image_n_pages(image))
        return fail(err, STATUS_ARG, "no page %d of %d", number, image_n_pages(image));
    if (image->tiff) {
        struct tiff_look look;
        TRY(tiff_page(image->tiff, number, max_pixels, out, &look, err));
        snprintf(image->warning, sizeof image->warning, "%s", tiff_warning(image->tiff));
        square_pixels(out, look.x_dpi, look.y_dpi, max_pixels);
        turn_upright(out, look.orientation);
        return STATUS_OK;
    }
    if (strcmp(image->kind, "bmp") == 0) {
        TRY(bmp_read(image->bytes, max_pixels, out, err));
        square_pixels(out, out->dpi, out->dpi, max_pixels);
        return STATUS_OK;
    }
    if (strcmp(image->kind, "jp2") == 0) return jp2_read(image->bytes, max_pixels, out, err);
    return read_other(image, max_pixels, out, err);
}
