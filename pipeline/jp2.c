/*
 * pipeline/jp2.c - see jp2.h.
 *
 * Not through Leptonica, whose reader takes 8-bit pictures only and walks out of its buffers where
 * the components differ in size. Here every component is read through its own width, height and
 * step, so what they claim about each other does not matter.
 */
#include "pipeline/jp2.h"

#include <openjpeg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct source {
    struct str bytes;
    size_t at;
};

static OPJ_SIZE_T source_read(void *buffer, OPJ_SIZE_T n, void *user) {
    struct source *source = user;
    size_t rest = source->bytes.n - source->at;
    if (rest == 0) return (OPJ_SIZE_T)-1;
    if (n > rest) n = rest;
    memcpy(buffer, source->bytes.s + source->at, n);
    source->at += n;
    return n;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T n, void *user) {
    struct source *source = user;
    size_t rest = source->bytes.n - source->at;
    if (n < 0 || (uint64_t)n > rest) return -1;
    source->at += (size_t)n;
    return n;
}

static OPJ_BOOL source_seek(OPJ_OFF_T at, void *user) {
    struct source *source = user;
    if (at < 0 || (uint64_t)at > source->bytes.n) return OPJ_FALSE;
    source->at = (size_t)at;
    return OPJ_TRUE;
}

static void keep_message(const char *message, void *user) {
    char *text = user;
    if (!text[0]) snprintf(text, 200, "%s", message);
}

static void drop_message(const char *message, void *user) {
    (void)message;
    (void)user;
}

static bool size_is_sane(const opj_image_t *image) {
    if (!image->comps || image->numcomps < 1 || image->x1 <= image->x0 || image->y1 <= image->y0)
        return false;
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++)
        if (image->comps[c].dx < 1 || image->comps[c].dy < 1 || image->comps[c].prec < 1 ||
            image->comps[c].prec > 31)
            return false;
    return true;
}

/* The sample of a component nearest to pixel (x, y), as 0..255. */
static int sample(const opj_image_comp_t *comp, int x, int y) {
    if (!comp->data || comp->w < 1 || comp->h < 1) return 255;
    uint32_t sx = (uint32_t)x / comp->dx, sy = (uint32_t)y / comp->dy;
    if (sx >= comp->w) sx = comp->w - 1;
    if (sy >= comp->h) sy = comp->h - 1;
    int64_t value = comp->data[(size_t)sy * comp->w + sx];
    if (comp->sgnd) value += (int64_t)1 << (comp->prec - 1);
    int64_t max = ((int64_t)1 << comp->prec) - 1;
    value = value < 0 ? 0 : value > max ? max : value;
    return (int)(value * 255 / max);
}

static uint8_t clamp(double value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

static void put_ycc(uint8_t *px, int y, int cb, int cr) {
    px[0] = clamp(y + 1.402 * (cr - 128));
    px[1] = clamp(y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128));
    px[2] = clamp(y + 1.772 * (cb - 128));
}

static void put_cmyk(uint8_t *px, const int *ink) {
    for (int c = 0; c < 3; c++) px[c] = (uint8_t)((255 - ink[c]) * (255 - ink[3]) / 255);
}

static void over_white(uint8_t *px, int n, int alpha) {
    for (int c = 0; c < n; c++) px[c] = (uint8_t)((px[c] * alpha + 255 * (255 - alpha)) / 255);
}

/* Colour as it is: the colour space, or what the number of components suggests. */
static OPJ_COLOR_SPACE space_of(const opj_image_t *image, int n_colours) {
    OPJ_COLOR_SPACE space = image->color_space;
    if (n_colours < 3) return OPJ_CLRSPC_GRAY;
    if (space == OPJ_CLRSPC_CMYK && n_colours < 4) return OPJ_CLRSPC_SRGB;
    bool subsampled = image->comps[1].dx > image->comps[0].dx;
    if (space == OPJ_CLRSPC_UNSPECIFIED || space == OPJ_CLRSPC_UNKNOWN || space == OPJ_CLRSPC_GRAY)
        space = subsampled ? OPJ_CLRSPC_SYCC : OPJ_CLRSPC_SRGB;
    return space;
}

static void convert(const opj_image_t *image, int n_colours, int alpha, struct bitmap *out) {
    OPJ_COLOR_SPACE space = space_of(image, n_colours);
    for (int y = 0; y < out->height; y++) {
        for (int x = 0; x < out->width; x++) {
            uint8_t *px =
                out->px + ((size_t)y * (size_t)out->width + (size_t)x) * (size_t)out->n_channels;
            int value[4] = {0};
            for (int c = 0; c < n_colours && c < 4; c++) value[c] = sample(&image->comps[c], x, y);
            if (space == OPJ_CLRSPC_GRAY)
                px[0] = (uint8_t)value[0];
            else if (space == OPJ_CLRSPC_CMYK)
                put_cmyk(px, value);
            else if (space == OPJ_CLRSPC_SYCC || space == OPJ_CLRSPC_EYCC)
                put_ycc(px, value[0], value[1], value[2]);
            else
                for (int c = 0; c < 3; c++) px[c] = (uint8_t)value[c];
            if (alpha >= 0) over_white(px, out->n_channels, sample(&image->comps[alpha], x, y));
        }
    }
}

static enum status to_bitmap(const opj_image_t *image, size_t max_pixels, struct bitmap *out,
                             struct error *err) {
    int n_colours = (int)image->numcomps, alpha = -1;
    for (OPJ_UINT32 c = 1; c < image->numcomps && alpha < 0; c++)
        if (image->comps[c].alpha) alpha = (int)c;
    if (alpha > 0)
        n_colours = alpha;
    else if (n_colours == 2)
        alpha = n_colours = 1; // grey and an unmarked alpha
    int width = (int)(image->x1 - image->x0), height = (int)(image->y1 - image->y0);
    TRY(bitmap_new(out, width, height, n_colours < 3 ? 1 : 3, max_pixels, err));
    convert(image, n_colours, alpha, out);
    return STATUS_OK;
}

static enum status decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image,
                          size_t max_pixels, const char *message, struct error *err) {
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, image))
        return fail(err, STATUS_FORMAT, "JPEG 2000: %s", message[0] ? message : "no header");
    if (!size_is_sane(*image)) return fail(err, STATUS_FORMAT, "JPEG 2000: an impossible header");
    uint64_t w = (*image)->x1 - (*image)->x0, h = (*image)->y1 - (*image)->y0;
    if (w > INT32_MAX || h > INT32_MAX || w > max_pixels / h)
        return fail(err, STATUS_LIMIT, "%llu x %llu pixels, the limit is %zu million",
                    (unsigned long long)w, (unsigned long long)h, max_pixels / 1000000);
    if ((*image)->numcomps > 8)
        return fail(err, STATUS_UNSUPPORTED, "JPEG 2000: %u components", (*image)->numcomps);
    if (!opj_decode(codec, stream, *image))
        return fail(err, STATUS_FORMAT, "JPEG 2000: %s", message[0] ? message : "broken data");
    return STATUS_OK;
}

enum status jp2_read(struct str bytes, size_t max_pixels, struct bitmap *out, struct error *err) {
    struct source source = {bytes, 0};
    char message[200] = "";
    bool bare = bytes.n > 1 && (uint8_t)bytes.s[0] == 0xff;
    opj_codec_t *codec = opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);
    opj_image_t *image = NULL;
    enum status status = STATUS_OK;
    if (!codec || !stream) {
        status = fail(err, STATUS_NOMEM, "JPEG 2000: out of memory");
        goto out;
    }
    opj_set_error_handler(codec, keep_message, message);
    opj_set_warning_handler(codec, drop_message, NULL);
    opj_set_info_handler(codec, drop_message, NULL);
    opj_stream_set_read_function(stream, source_read);
    opj_stream_set_skip_function(stream, source_skip);
    opj_stream_set_seek_function(stream, source_seek);
    opj_stream_set_user_data(stream, &source, NULL);
    opj_stream_set_user_data_length(stream, bytes.n);
    status = decode(codec, stream, &image, max_pixels, message, err);
    if (status == STATUS_OK) status = to_bitmap(image, max_pixels, out, err);
out:
    if (image) opj_image_destroy(image);
    if (stream) opj_stream_destroy(stream);
    if (codec) opj_destroy_codec(codec);
    return status;
}
