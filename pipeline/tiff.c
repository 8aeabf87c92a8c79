/*
 * pipeline/tiff.c - see tiff.h.
 *
 *   directory --> libtiff's own conversion to RGBA      what it was made for: most of them
 *            '--> samples as floats --> grey or RGB     other depths, floats, planar CMYK, 1 bit
 *
 * Messages and limits hang on the handle (TIFFOpenOptions, libtiff 4.5), so nothing is global.
 * Source: TIFF revision 6.0, Aldus 1992; Adobe Photoshop TIFF technical note 3 (floating point).
 */
#include "pipeline/tiff.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

#include "util/mem.h"

enum { MAX_PAGES = 65535, MAX_SAMPLES = 32, MAX_PLANES = 5 };

static const tmsize_t max_allocation = (tmsize_t)1 << 30; // of libtiff, at once

struct tiff {
    TIFF *handle;
    struct str bytes;
    uint64_t at;
    uint64_t *directories; // offsets of the pages
    int n_pages;
    int n_errors;    // since the message was last cleared
    int n_bad_codes; // warnings in that time: fax decoders count broken rows there
    char message[240];
};

struct layout { // of the samples of a page
    uint32_t width, height;
    uint16_t bits, n_samples, format, photometric, planar;
    int n_planes; // samples we look at: the colours, then alpha if there is one
    bool alpha;
    bool premultiplied;
    uint16_t sub_x, sub_y; // YCbCr in planes: pixels a colour sample covers; else 1
};

static int keep_message(TIFF *handle, void *user, const char *module, const char *format,
                        va_list args) {
    struct tiff *tiff = user;
    (void)handle;
    (void)module;
    if (tiff->n_errors++ == 0) vsnprintf(tiff->message, sizeof tiff->message, format, args);
    return 1;
}

static int count_warning(TIFF *handle, void *user, const char *module, const char *format,
                         va_list args) {
    ((struct tiff *)user)->n_bad_codes++;
    (void)handle;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static tmsize_t client_read(thandle_t client, void *buffer, tmsize_t n) {
    struct tiff *tiff = client;
    if (n < 0 || tiff->at >= tiff->bytes.n) return 0;
    size_t rest = tiff->bytes.n - (size_t)tiff->at;
    size_t take = (size_t)n < rest ? (size_t)n : rest;
    memcpy(buffer, tiff->bytes.s + tiff->at, take);
    tiff->at += take;
    return (tmsize_t)take;
}

static tmsize_t client_write(thandle_t client, void *buffer, tmsize_t n) {
    (void)client;
    (void)buffer;
    (void)n;
    return -1;
}

static toff_t client_seek(thandle_t client, toff_t offset, int whence) {
    struct tiff *tiff = client;
    if (whence == SEEK_SET) tiff->at = offset;
    if (whence == SEEK_CUR) tiff->at += offset;
    if (whence == SEEK_END) tiff->at = tiff->bytes.n + offset;
    return tiff->at;
}

static int client_close(thandle_t client) {
    (void)client;
    return 0;
}

static toff_t client_size(thandle_t client) {
    return ((struct tiff *)client)->bytes.n;
}

static bool is_page(TIFF *handle) {
    uint32_t kind = 0, width = 0;
    TIFFGetField(handle, TIFFTAG_SUBFILETYPE, &kind);
    return TIFFGetField(handle, TIFFTAG_IMAGEWIDTH, &width) &&
           !(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

/* Lists the directories. Ends: a directory seen before ends the walk, and so does MAX_PAGES. */
static void list_pages(struct tiff *tiff, bool thumbnails) {
    size_t cap = 0, n_seen = 0, cap_seen = 0;
    uint64_t *seen = NULL;
    do {
        uint64_t offset = TIFFCurrentDirOffset(tiff->handle);
        bool again = false;
        for (size_t i = 0; i < n_seen && !again; i++) again = seen[i] == offset;
        if (again) break;
        seen = mem_grow(seen, n_seen, &cap_seen, sizeof *seen);
        seen[n_seen++] = offset;
        if (!thumbnails && !is_page(tiff->handle)) continue;
        tiff->directories =
            mem_grow(tiff->directories, (size_t)tiff->n_pages, &cap, sizeof *tiff->directories);
        tiff->directories[tiff->n_pages++] = offset;
    } while (n_seen < MAX_PAGES && TIFFReadDirectory(tiff->handle));
    mem_free(seen);
}

enum status tiff_open(struct str bytes, struct tiff **out, struct error *err) {
    *out = NULL;
    struct tiff *tiff = mem_alloc(sizeof *tiff);
    tiff->bytes = bytes;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) mem_exhausted(1);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, max_allocation);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, tiff);
    TIFFOpenOptionsSetWarningHandlerExtR(options, count_warning, tiff);
    tiff->handle = TIFFClientOpenExt("TIFF", "rm", tiff, client_read, client_write, client_seek,
                                     client_close, client_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!tiff->handle) {
        enum status status = fail(err, STATUS_FORMAT, "TIFF: %s", tiff->message);
        tiff_close(tiff);
        return status;
    }
    list_pages(tiff, false);
    if (tiff->n_pages == 0 && TIFFSetDirectory(tiff->handle, 0)) list_pages(tiff, true);
    if (tiff->n_pages == 0) {
        tiff_close(tiff);
        return fail(err, STATUS_EMPTY, "TIFF: no picture in it");
    }
    *out = tiff;
    return STATUS_OK;
}

void tiff_close(struct tiff *tiff) {
    if (!tiff) return;
    if (tiff->handle) TIFFClose(tiff->handle);
    mem_free(tiff->directories);
    mem_free(tiff);
}

int tiff_n_pages(const struct tiff *tiff) {
    return tiff->n_pages;
}

const char *tiff_warning(const struct tiff *tiff) {
    return tiff->message;
}

static uint16_t tag16(TIFF *handle, uint32_t tag, uint16_t otherwise) {
    uint16_t value = otherwise;
    return TIFFGetFieldDefaulted(handle, tag, &value) ? value : otherwise;
}

static void read_look(TIFF *handle, struct tiff_look *look) {
    *look = (struct tiff_look){.orientation = tag16(handle, TIFFTAG_ORIENTATION, 1)};
    if (look->orientation < 1 || look->orientation > 8) look->orientation = 1;
    float x = 0, y = 0;
    TIFFGetField(handle, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(handle, TIFFTAG_YRESOLUTION, &y);
    uint16_t unit = tag16(handle, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    double scale = unit == RESUNIT_CENTIMETER ? 2.54 : unit == RESUNIT_INCH ? 1 : 0;
    if (!(x > 0 && y > 0 && x < 1e5f && y < 1e5f)) scale = 0; // also NaN
    look->x_dpi = scale > 0 ? x * scale : 0;
    look->y_dpi = scale > 0 ? y * scale : 0;
}

static int n_colours(uint16_t photometric) {
    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
    case PHOTOMETRIC_MASK: return 1;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB: return 3;
    case PHOTOMETRIC_SEPARATED: return 4;
    default: return 0;
    }
}

static void read_layout(TIFF *handle, struct layout *layout) {
    *layout = (struct layout){
        .bits = tag16(handle, TIFFTAG_BITSPERSAMPLE, 1),
        .n_samples = tag16(handle, TIFFTAG_SAMPLESPERPIXEL, 1),
        .format = tag16(handle, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT),
        .planar = tag16(handle, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG),
    };
    TIFFGetField(handle, TIFFTAG_IMAGEWIDTH, &layout->width);
    TIFFGetField(handle, TIFFTAG_IMAGELENGTH, &layout->height);
    uint16_t guess = layout->n_samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (!TIFFGetField(handle, TIFFTAG_PHOTOMETRIC, &layout->photometric))
        layout->photometric = guess;
    uint16_t n_extra = 0, *extra = NULL;
    TIFFGetField(handle, TIFFTAG_EXTRASAMPLES, &n_extra, &extra);
    int colours = n_colours(layout->photometric);
    if (colours > layout->n_samples) colours = layout->n_samples;
    layout->alpha = n_extra > 0 && layout->n_samples > colours &&
                    (extra[0] == EXTRASAMPLE_ASSOCALPHA || extra[0] == EXTRASAMPLE_UNASSALPHA);
    layout->premultiplied = layout->alpha && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    layout->n_planes = colours + layout->alpha;
    layout->sub_x = layout->sub_y = 1;
    if (layout->photometric == PHOTOMETRIC_YCBCR)
        TIFFGetFieldDefaulted(handle, TIFFTAG_YCBCRSUBSAMPLING, &layout->sub_x, &layout->sub_y);
}

/* ---- libtiff's conversion ---- */

static bool is_grey(const struct layout *layout) {
    return layout->photometric == PHOTOMETRIC_MINISWHITE ||
           layout->photometric == PHOTOMETRIC_MINISBLACK;
}

/* The raster is premultiplied, 0xAABBGGRR; over white means adding what alpha leaves. */
static void put_raster(const uint32_t *raster, struct bitmap *out) {
    size_t n = (size_t)out->width * (size_t)out->height;
    for (size_t i = 0; i < n; i++) {
        uint32_t rest = 255 - TIFFGetA(raster[i]);
        uint32_t rgb[3] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i])};
        for (int c = 0; c < out->n_channels && c < 3; c++) {
            uint32_t value = rgb[c] + rest;
            out->px[i * (size_t)out->n_channels + (size_t)c] = (uint8_t)(value > 255 ? 255 : value);
        }
    }
}

/* UNSUPPORTED: not a kind that libtiff converts. TIFFRGBAImageOK alone promises too much. */
static enum status by_raster(struct tiff *tiff, struct bitmap *out, struct error *err) {
    TIFFRGBAImage conversion;
    char why[1024] = "";
    if (!TIFFRGBAImageOK(tiff->handle, why) ||
        !TIFFRGBAImageBegin(&conversion, tiff->handle, 0, why))
        return fail(err, STATUS_UNSUPPORTED, "TIFF: %s", why);
    conversion.req_orientation = conversion.orientation; // as stored: turning is the caller's
    size_t n = (size_t)out->width * (size_t)out->height;
    uint32_t *raster = mem_alloc(mem_product(n, sizeof *raster));
    int ok = TIFFRGBAImageGet(&conversion, raster, (uint32_t)out->width, (uint32_t)out->height);
    TIFFRGBAImageEnd(&conversion);
    bool blank = true;
    for (size_t i = 0; i < n && blank; i++) blank = raster[i] == 0;
    put_raster(raster, out);
    mem_free(raster);
    if (!ok || (blank && tiff->n_errors > 0))
        return fail(err, STATUS_FORMAT, "TIFF: %s", tiff->message[0] ? tiff->message : "broken");
    return STATUS_OK;
}

/* ---- our own ---- */

static float half(uint16_t h) {
    int exponent = h >> 10 & 31;
    float fraction = (float)(h & 1023) / 1024;
    float value = exponent == 0    ? ldexpf(fraction, -14)
                  : exponent == 31 ? FLT_MAX
                                   : ldexpf(1 + fraction, exponent - 15);
    return h & 0x8000 ? -value : value;
}

static float float24(uint32_t bits) {
    int exponent = (int)(bits >> 16 & 127);
    float fraction = (float)(bits & 0xffff) / 65536;
    float value = exponent == 0     ? ldexpf(fraction, -62)
                  : exponent == 127 ? FLT_MAX
                                    : ldexpf(1 + fraction, exponent - 63);
    return bits & 0x800000 ? -value : value;
}

/* Bits [at, at + n) of a row, first bit most significant; n <= 32. */
static uint32_t bits_at(const uint8_t *row, size_t at, unsigned n) {
    uint32_t value = 0;
    for (unsigned i = 0; i < n;) {
        unsigned in_byte = (unsigned)((at + i) % 8), take = 8 - in_byte;
        if (take > n - i) take = n - i;
        uint32_t part = (uint32_t)row[(at + i) / 8] >> (8 - in_byte - take) & ((1u << take) - 1);
        value = value << take | part;
        i += take;
    }
    return value;
}

/* Sample i of a row. libtiff has brought whole words into our byte order. Integers without a sign
 * come out as 0..1, others as they are. */
static float sample_at(const uint8_t *row, size_t i, const struct layout *layout) {
    unsigned bits = layout->bits;
    assert(bits >= 1 && bits <= 64); // others were refused when the file was opened
    bool is_float = layout->format == SAMPLEFORMAT_IEEEFP;
    uint64_t u = 0;
    if (bits == 64) {
        memcpy(&u, row + i * 8, 8);
    } else if (bits == 32) {
        uint32_t u32;
        memcpy(&u32, row + i * 4, 4);
        u = u32;
    } else if (bits == 24) {
        u = row[i * 3] | (uint32_t)row[i * 3 + 1] << 8 | (uint32_t)row[i * 3 + 2] << 16;
    } else if (bits == 16) {
        uint16_t u16;
        memcpy(&u16, row + i * 2, 2);
        u = u16;
    } else {
        u = bits_at(row, i * bits, bits);
    }
    if (is_float && bits == 64) {
        double value;
        memcpy(&value, &u, 8);
        return isnan(value) ? 0 : (float)fmin(fmax(value, -FLT_MAX), FLT_MAX);
    }
    if (is_float && bits == 32) {
        float value;
        uint32_t u32 = (uint32_t)u;
        memcpy(&value, &u32, 4);
        return isnan(value) ? 0 : fminf(fmaxf(value, -FLT_MAX), FLT_MAX);
    }
    if (is_float && bits == 24) return float24((uint32_t)u);
    if (is_float && bits == 16) return half((uint16_t)u);
    if (layout->format == SAMPLEFORMAT_INT) {
        uint64_t sign = (uint64_t)1 << (bits - 1);
        return (float)((int64_t)(u ^ sign) - (int64_t)(bits == 64 ? 0 : sign)) +
               (bits == 64 ? -9.2233720368547758e18f : 0);
    }
    return (float)((double)u / (double)(bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1));
}

struct chunks { // strips or tiles; of colour planes that are subsampled: sizes in their samples
    bool tiled;
    uint32_t width, height, across, down;
    tmsize_t size, row_size;
};

static bool chunks_of(TIFF *handle, const struct layout *layout, struct chunks *chunks) {
    *chunks = (struct chunks){.tiled = TIFFIsTiled(handle) != 0};
    if (chunks->tiled) {
        if (!TIFFGetField(handle, TIFFTAG_TILEWIDTH, &chunks->width) ||
            !TIFFGetField(handle, TIFFTAG_TILELENGTH, &chunks->height))
            return false;
        chunks->size = TIFFTileSize(handle);
        chunks->row_size = TIFFTileRowSize(handle);
    } else {
        uint32_t rows = layout->height;
        TIFFGetFieldDefaulted(handle, TIFFTAG_ROWSPERSTRIP, &rows);
        chunks->width = layout->width;
        chunks->height = rows < layout->height ? rows : layout->height;
        chunks->size = TIFFStripSize(handle);
        chunks->row_size = TIFFScanlineSize(handle);
    }
    if (chunks->width < 1 || chunks->height < 1 || chunks->size < 1) return false;
    chunks->across = (uint32_t)(((uint64_t)layout->width + chunks->width - 1) / chunks->width);
    chunks->down = (uint32_t)(((uint64_t)layout->height + chunks->height - 1) / chunks->height);
    int per_row = layout->planar == PLANARCONFIG_SEPARATE ? 1 : layout->n_samples;
    uint64_t need = ((uint64_t)chunks->width * (uint64_t)per_row * layout->bits + 7) / 8;
    return chunks->size <= max_allocation && (uint64_t)chunks->row_size >= need;
}

/* Copies the samples of one chunk to their places. plane < 0: all samples of a pixel together. */
static void put_chunk(const struct layout *layout, const struct chunks *chunks, const uint8_t *data,
                      tmsize_t n_bytes, uint32_t x0, uint32_t y0, int plane, float *samples) {
    uint32_t w = layout->width - x0 < chunks->width ? layout->width - x0 : chunks->width;
    uint32_t h = layout->height - y0 < chunks->height ? layout->height - y0 : chunks->height;
    size_t n_planes = (size_t)layout->n_planes;
    for (uint32_t y = 0; y < h && (tmsize_t)(y + 1) * chunks->row_size <= n_bytes; y++) {
        const uint8_t *row = data + (size_t)y * (size_t)chunks->row_size;
        float *to = samples + ((size_t)(y0 + y) * layout->width + x0) * n_planes;
        for (uint32_t x = 0; x < w; x++, to += n_planes) {
            if (plane >= 0)
                to[plane] = sample_at(row, x, layout);
            else
                for (size_t p = 0; p < n_planes; p++)
                    to[p] = sample_at(row, (size_t)x * layout->n_samples + p, layout);
        }
    }
}

/* A strip of a subsampled colour plane: every sample goes to all pixels it covers. */
static void put_subsampled(const struct layout *layout, uint32_t y0, uint32_t n_rows,
                           const uint8_t *data, tmsize_t n_bytes, int plane, float *samples) {
    size_t across = ((size_t)layout->width + layout->sub_x - 1) / layout->sub_x;
    for (uint32_t y = 0; y < n_rows && y0 + y < layout->height; y++) {
        size_t row = y / layout->sub_y * across;
        for (uint32_t x = 0; x < layout->width; x++) {
            size_t at = row + x / layout->sub_x;
            if (at >= (size_t)n_bytes) return;
            samples[((size_t)(y0 + y) * layout->width + x) * (size_t)layout->n_planes +
                    (size_t)plane] = (float)data[at] / 255;
        }
    }
}

static bool is_subsampled(const struct layout *layout, int plane) {
    return (plane == 1 || plane == 2) && (layout->sub_x > 1 || layout->sub_y > 1);
}

/* Decodes and places one chunk; plane is 0 where all samples of a pixel lie together. */
static bool read_chunk(struct tiff *tiff, const struct layout *layout, const struct chunks *chunks,
                       uint32_t x0, uint32_t y0, int plane, uint8_t *data, float *samples) {
    bool separate = layout->planar == PLANARCONFIG_SEPARATE && layout->n_samples > 1;
    uint16_t sample = (uint16_t)plane;
    tmsize_t n = chunks->size;
    if (is_subsampled(layout, plane)) {
        uint32_t rows = layout->height - y0 < chunks->height ? layout->height - y0 : chunks->height;
        n = (tmsize_t)(((uint64_t)layout->width + layout->sub_x - 1) / layout->sub_x *
                       (((uint64_t)rows + layout->sub_y - 1) / layout->sub_y));
        if (n > chunks->size) return false;
    }
    if (chunks->tiled) {
        uint32_t tile = TIFFComputeTile(tiff->handle, x0, y0, 0, sample);
        n = TIFFReadEncodedTile(tiff->handle, tile, data, n);
    } else {
        uint32_t strip = TIFFComputeStrip(tiff->handle, y0, sample);
        n = TIFFReadEncodedStrip(tiff->handle, strip, data, n);
    }
    if (n <= 0) return false;
    if (is_subsampled(layout, plane))
        put_subsampled(layout, y0, chunks->height, data, n, plane, samples);
    else
        put_chunk(layout, chunks, data, n, x0, y0, separate ? plane : -1, samples);
    return true;
}

/* Returns how many chunks could be decoded. */
static size_t read_chunks(struct tiff *tiff, const struct layout *layout,
                          const struct chunks *chunks, float *samples) {
    bool separate = layout->planar == PLANARCONFIG_SEPARATE && layout->n_samples > 1;
    int n_planes = separate ? layout->n_planes : 1;
    size_t n_read = 0;
    uint8_t *data = mem_alloc((size_t)chunks->size);
    for (int plane = 0; plane < n_planes; plane++)
        for (uint32_t cy = 0; cy < chunks->down; cy++)
            for (uint32_t cx = 0; cx < chunks->across; cx++)
                n_read += read_chunk(tiff, layout, chunks, cx * chunks->width, cy * chunks->height,
                                     plane, data, samples);
    mem_free(data);
    return n_read;
}

/* Signed and floating samples mean what their maker liked: unless they lie in 0..1 already, the
 * range found becomes it. */
static void normalise(const struct layout *layout, float *samples) {
    if (layout->format != SAMPLEFORMAT_INT && layout->format != SAMPLEFORMAT_IEEEFP) return;
    size_t n = (size_t)layout->width * layout->height * (size_t)layout->n_planes;
    float low = FLT_MAX, high = -FLT_MAX;
    for (size_t i = 0; i < n; i++) {
        if (samples[i] < low) low = samples[i];
        if (samples[i] > high) high = samples[i];
    }
    if (low >= 0 && high <= 1 && layout->format == SAMPLEFORMAT_IEEEFP) return;
    double range = (double)high - (double)low;
    for (size_t i = 0; i < n; i++)
        samples[i] = range > 0 ? (float)(((double)samples[i] - (double)low) / range) : 1;
}

static uint8_t to_byte(float value) {
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
}

static void put_lab(const float *s, uint8_t *px) { // lightness alone: text is in it
    px[0] = px[1] = px[2] = to_byte(s[0]);
}

static void put_ycbcr(const float *s, uint8_t *px) {
    float cb = s[1] - 0.5f, cr = s[2] - 0.5f;
    px[0] = to_byte(s[0] + 1.402f * cr);
    px[1] = to_byte(s[0] - 0.344136f * cb - 0.714136f * cr);
    px[2] = to_byte(s[0] + 1.772f * cb);
}

struct palette {
    uint16_t *rgb[3];
    bool bytes; // written by a program that took 8-bit entries
    size_t n;
};

static bool palette_of(TIFF *handle, const struct layout *layout, struct palette *palette) {
    *palette = (struct palette){.bytes = true};
    if (layout->bits > 16 || !TIFFGetField(handle, TIFFTAG_COLORMAP, &palette->rgb[0],
                                           &palette->rgb[1], &palette->rgb[2]))
        return false;
    palette->n = (size_t)1 << layout->bits;
    for (size_t i = 0; i < palette->n; i++)
        for (int c = 0; c < 3; c++) palette->bytes = palette->bytes && palette->rgb[c][i] < 256;
    return true;
}

static void put_pixel(const struct layout *layout, const struct palette *palette, const float *s,
                      uint8_t *px) {
    switch (layout->photometric) {
    case PHOTOMETRIC_MINISWHITE: px[0] = to_byte(1 - s[0]); break;
    case PHOTOMETRIC_PALETTE: {
        size_t i = (size_t)(s[0] * (float)(palette->n - 1) + 0.5f);
        if (i >= palette->n) i = palette->n - 1;
        for (int c = 0; c < 3; c++)
            px[c] = (uint8_t)(palette->bytes ? palette->rgb[c][i] : palette->rgb[c][i] >> 8);
        break;
    }
    case PHOTOMETRIC_SEPARATED:
        for (int c = 0; c < 3; c++) px[c] = to_byte((1 - s[c]) * (1 - s[3]));
        break;
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB: put_lab(s, px); break;
    case PHOTOMETRIC_YCBCR: put_ycbcr(s, px); break;
    case PHOTOMETRIC_RGB:
        for (int c = 0; c < 3; c++) px[c] = to_byte(s[c]);
        break;
    default: px[0] = to_byte(s[0]); break;
    }
}

static void blend(const struct layout *layout, float alpha, uint8_t *px, int n) {
    for (int c = 0; c < n; c++) {
        float value = (float)px[c] / 255;
        px[c] = to_byte(layout->premultiplied ? value + 1 - alpha : value * alpha + 1 - alpha);
    }
}

static float white_of(const struct layout *layout) {
    return layout->photometric == PHOTOMETRIC_MINISWHITE ||
                   layout->photometric == PHOTOMETRIC_SEPARATED
               ? 0
               : 1;
}

static enum status check_layout(struct tiff *tiff, const struct layout *layout,
                                struct chunks *chunks, struct palette *palette, struct error *err) {
    unsigned bits = layout->bits;
    bool is_float = layout->format == SAMPLEFORMAT_IEEEFP;
    if (layout->n_samples < 1 || layout->n_samples > MAX_SAMPLES || layout->n_planes < 1 ||
        layout->n_planes > MAX_PLANES || layout->n_samples < n_colours(layout->photometric))
        return fail(err, STATUS_UNSUPPORTED, "TIFF: photometric interpretation %u with %u samples",
                    layout->photometric, layout->n_samples);
    if (bits < 1 || (bits > 32 && bits != 64) || layout->format > SAMPLEFORMAT_VOID ||
        (is_float && bits != 16 && bits != 24 && bits != 32 && bits != 64))
        return fail(err, STATUS_UNSUPPORTED, "TIFF: %u bits per sample of format %u", bits,
                    layout->format);
    bool subsampled = layout->sub_x != 1 || layout->sub_y != 1;
    if (subsampled && (bits != 8 || layout->planar != PLANARCONFIG_SEPARATE || layout->sub_x < 1 ||
                       layout->sub_y < 1 || TIFFIsTiled(tiff->handle)))
        return fail(err, STATUS_UNSUPPORTED, "TIFF: subsampled colours of %u bits", bits);
    if (layout->photometric == PHOTOMETRIC_PALETTE && !palette_of(tiff->handle, layout, palette))
        return fail(err, STATUS_FORMAT, "TIFF: a palette picture without palette");
    if (!chunks_of(tiff->handle, layout, chunks))
        return fail(err, STATUS_FORMAT, "TIFF: impossible strips or tiles");
    return STATUS_OK;
}

static enum status by_samples(struct tiff *tiff, const struct layout *layout, struct bitmap *out,
                              struct error *err) {
    struct chunks chunks;
    struct palette palette = {0};
    TRY(check_layout(tiff, layout, &chunks, &palette, err));
    size_t n = (size_t)layout->width * layout->height, n_planes = (size_t)layout->n_planes;
    float *samples = mem_alloc(mem_product(mem_product(n, n_planes), sizeof *samples));
    for (size_t i = 0; i < n * n_planes; i++) samples[i] = white_of(layout);
    size_t n_read = read_chunks(tiff, layout, &chunks, samples);
    normalise(layout, samples);
    for (size_t i = 0; i < n; i++) {
        uint8_t *px = out->px + i * (size_t)out->n_channels;
        const float *s = samples + i * n_planes;
        put_pixel(layout, &palette, s, px);
        if (layout->alpha) blend(layout, s[n_planes - 1], px, out->n_channels);
    }
    mem_free(samples);
    if (n_read == 0)
        return fail(err, STATUS_FORMAT, "TIFF: %s", tiff->message[0] ? tiff->message : "no data");
    return STATUS_OK;
}

/* Returns how many rows could be decoded; the others are white. */
static size_t read_bits(struct tiff *tiff, const struct layout *layout, uint8_t *row,
                        struct bitmap *out) {
    uint8_t one = layout->photometric == PHOTOMETRIC_MINISWHITE ? 0 : 255, zero = 255 - one;
    size_t n_rows = 0;
    memset(out->px, 255, (size_t)out->width * (size_t)out->height);
    for (uint32_t y = 0; y < layout->height; y++) {
        if (TIFFReadScanline(tiff->handle, row, y, 0) < 0) continue;
        uint8_t *px = out->px + (size_t)y * layout->width;
        for (uint32_t x = 0; x < layout->width; x++)
            px[x] = row[x / 8] & 0x80 >> x % 8 ? one : zero;
        n_rows++;
    }
    return n_rows;
}

/* One bit a pixel, most scans: straight to bytes, an eighth of the work. Group 3 without end-of-line
 * codes is run-length coding under a wrong name; libtiff knows it under the right one only, with rows
 * that start at a byte or not. */
static enum status by_bits(struct tiff *tiff, const struct layout *layout, struct bitmap *out,
                           struct error *err) {
    tmsize_t n_bytes = TIFFScanlineSize(tiff->handle);
    if (n_bytes < (tmsize_t)(layout->width + 7) / 8 || n_bytes > max_allocation)
        return fail(err, STATUS_FORMAT, "TIFF: impossible rows");
    uint8_t *row = mem_alloc((size_t)n_bytes);
    size_t n_rows = read_bits(tiff, layout, row, out);
    bool fax = tag16(tiff->handle, TIFFTAG_COMPRESSION, 1) == COMPRESSION_CCITTFAX3;
    for (int attempt = 0; fax && n_rows == 0 && attempt < 2; attempt++) {
        TIFFSetField(tiff->handle, TIFFTAG_COMPRESSION, COMPRESSION_CCITTRLE);
        if (attempt > 0) TIFFSetField(tiff->handle, TIFFTAG_FAXMODE, FAXMODE_NOEOL);
        tiff->n_errors = tiff->n_bad_codes = 0;
        n_rows = read_bits(tiff, layout, row, out);
        if (tiff->n_bad_codes > (int)(layout->height / 8)) n_rows = 0;
    }
    mem_free(row);
    if (n_rows == 0)
        return fail(err, STATUS_FORMAT, "TIFF: %s", tiff->message[0] ? tiff->message : "no data");
    return STATUS_OK;
}

enum status tiff_page(struct tiff *tiff, int number, size_t max_pixels, struct bitmap *out,
                      struct tiff_look *look, struct error *err) {
    *out = (struct bitmap){0};
    if (number < 1 || number > tiff->n_pages)
        return fail(err, STATUS_ARG, "TIFF: no page %d of %d", number, tiff->n_pages);
    tiff->n_errors = tiff->n_bad_codes = 0;
    tiff->message[0] = '\0';
    if (!TIFFSetSubDirectory(tiff->handle, tiff->directories[number - 1]))
        return fail(err, STATUS_FORMAT, "TIFF: %s", tiff->message);
    struct layout layout;
    read_layout(tiff->handle, &layout);
    read_look(tiff->handle, look);
    if (layout.width > INT32_MAX || layout.height > INT32_MAX)
        return fail(err, STATUS_LIMIT, "TIFF: %u x %u pixels", layout.width, layout.height);
    TRY(bitmap_new(out, (int)layout.width, (int)layout.height, is_grey(&layout) ? 1 : 3, max_pixels,
                   err));
    bool plain = layout.bits == 1 && layout.n_samples == 1 && is_grey(&layout) &&
                 layout.format == SAMPLEFORMAT_UINT && !TIFFIsTiled(tiff->handle);
    bool raster = layout.bits <= 16 && layout.format != SAMPLEFORMAT_IEEEFP &&
                  layout.format != SAMPLEFORMAT_INT &&
                  !(layout.photometric == PHOTOMETRIC_SEPARATED &&
                    layout.planar == PLANARCONFIG_SEPARATE); // libtiff takes black for alpha there
    enum status status = STATUS_UNSUPPORTED;
    if (plain)
        status = by_bits(tiff, &layout, out, err);
    else if (raster)
        status = by_raster(tiff, out, err);
    if (status == STATUS_UNSUPPORTED) status = by_samples(tiff, &layout, out, err);
    if (status != STATUS_OK) bitmap_free(out);
    return status;
}
