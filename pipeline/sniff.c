/*
 * pipeline/sniff.c - see sniff.h.
 *
 * Sources: PNG 1.2 sec. 5.3 and 11.2; ITU-T T.81 annex B; GIF89a sec. 18; netpbm pnm(5);
 * WebP container specification; TIFF 6.0 sec. 2.
 */
#include "pipeline/sniff.h"

#include <ctype.h>
#include <string.h>

static const struct {
    const char *kind, *magic;
    size_t n;
} magics[] = {
    {"tiff", "II*\0", 4},
    {"tiff", "MM\0*", 4},
    {"bigtiff", "II+\0", 4},
    {"bigtiff", "MM\0+", 4},
    {"png", "\x89PNG\r\n\x1a\n", 8},
    {"jpeg", "\xff\xd8\xff", 3},
    {"gif", "GIF87a", 6},
    {"gif", "GIF89a", 6},
    {"bmp", "BM", 2},
    {"jp2", "\0\0\0\x0cjP  \r\n\x87\n", 12},
    {"jp2", "\xff\x4f\xff\x51", 4},
};

static bool is_pnm(struct str head) {
    return head.n >= 3 && head.s[0] == 'P' && head.s[1] >= '1' && head.s[1] <= '7' &&
           isspace((unsigned char)head.s[2]);
}

const char *sniff_kind(struct str head) {
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (head.n >= magics[i].n && memcmp(head.s, magics[i].magic, magics[i].n) == 0)
            return magics[i].kind;
    if (head.n >= 12 && memcmp(head.s, "RIFF", 4) == 0 && memcmp(head.s + 8, "WEBP", 4) == 0)
        return "webp";
    return is_pnm(head) ? "pnm" : NULL;
}

/* Bytes [at, at + n) as a number; 0 beyond the end, which no caller takes for a size. */
static uint32_t big(struct str s, size_t at, int n) {
    uint32_t value = 0;
    if (at > s.n || s.n - at < (size_t)n) return 0;
    for (int i = 0; i < n; i++) value = value << 8 | (uint8_t)s.s[at + (size_t)i];
    return value;
}

static uint32_t little(struct str s, size_t at, int n) {
    uint32_t value = 0;
    if (at > s.n || s.n - at < (size_t)n) return 0;
    for (int i = n - 1; i >= 0; i--) value = value << 8 | (uint8_t)s.s[at + (size_t)i];
    return value;
}

/* Walks over the segments of a JPEG up to its image data. marker is 0 at first. */
static bool jpeg_next(struct str s, size_t *at, int *marker, struct str *body) {
    if (*marker == 0) *at = 2;
    while (*at + 4 <= s.n) {
        if ((uint8_t)s.s[*at] != 0xff) { // stray bytes between segments: decoders skip them too
            ++*at;
            continue;
        }
        int m = (uint8_t)s.s[*at + 1];
        if (m == 0xff || m == 0 || m == 1 || (m >= 0xd0 && m <= 0xd8)) {
            *at += m == 0xff ? 1 : 2;
            continue;
        }
        if (m == 0xd9) return false;
        size_t length = big(s, *at + 2, 2);
        if (length < 2) return false;
        *marker = m;
        *body = str_sub(s, *at + 4, *at + 2 + length);
        *at += 2 + length;
        return true;
    }
    return false;
}

static bool is_start_of_frame(int marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool jpeg_size(struct str bytes, int64_t *width, int64_t *height, int *process) {
    size_t at = 0;
    int marker = 0;
    struct str body;
    while (jpeg_next(bytes, &at, &marker, &body)) {
        if (marker == 0xda) return false;
        if (!is_start_of_frame(marker)) continue;
        *height = big(body, 1, 2);
        *width = big(body, 3, 2);
        if (process) *process = marker - 0xc0;
        return body.n >= 6;
    }
    return false;
}

/* The larger of screen and first picture: Leptonica decodes into the screen's size, giflib
 * allocates the picture's. */
static bool gif_size(struct str s, int64_t *width, int64_t *height) {
    if (s.n < 13) return false;
    *width = little(s, 6, 2);
    *height = little(s, 8, 2);
    size_t at = 13;
    if (s.s[10] & 0x80) at += (size_t)3 << ((s.s[10] & 7) + 1);
    while (at + 2 <= s.n && s.s[at] == 0x21) { // extension: sub-blocks up to an empty one
        at += 2;
        while (at < s.n && s.s[at] != 0) at += 1 + (size_t)(uint8_t)s.s[at];
        at++;
    }
    if (at + 10 > s.n || s.s[at] != 0x2c) return false;
    int64_t w = little(s, at + 5, 2), h = little(s, at + 7, 2);
    if (w > *width) *width = w;
    if (h > *height) *height = h;
    return true;
}

static bool pnm_number(struct str s, size_t *at, int64_t *out) {
    for (;;) {
        while (*at < s.n && isspace((unsigned char)s.s[*at])) ++*at;
        if (*at >= s.n || s.s[*at] != '#') break;
        while (*at < s.n && s.s[*at] != '\n') ++*at;
    }
    uint64_t value;
    size_t n;
    if (!str_number(str_sub(s, *at, s.n), 1u << 30, &value, &n)) return false;
    *at += n;
    *out = (int64_t)value;
    return true;
}

static bool pnm_size(struct str s, int64_t *width, int64_t *height) {
    size_t at = 2;
    if (s.s[1] != '7') return pnm_number(s, &at, width) && pnm_number(s, &at, height);
    struct str head = str_sub(s, 0, 512); // PAM: a list of names and values
    size_t w = str_find(head, STR("WIDTH")), h = str_find(head, STR("HEIGHT"));
    if (w == head.n || h == head.n) return false;
    w += 5;
    h += 6;
    return pnm_number(head, &w, width) && pnm_number(head, &h, height);
}

static bool webp_size(struct str s, int64_t *width, int64_t *height) {
    if (s.n < 30) return false;
    if (memcmp(s.s + 12, "VP8X", 4) == 0) {
        *width = little(s, 24, 3) + 1;
        *height = little(s, 27, 3) + 1;
    } else if (memcmp(s.s + 12, "VP8L", 4) == 0) {
        uint32_t bits = little(s, 21, 4);
        *width = (bits & 0x3fff) + 1;
        *height = (bits >> 14 & 0x3fff) + 1;
    } else {
        *width = little(s, 26, 2) & 0x3fff;
        *height = little(s, 28, 2) & 0x3fff;
    }
    return true;
}

bool sniff_size(const char *kind, struct str bytes, int64_t *width, int64_t *height,
                int *jpeg_process) {
    *width = *height = 0;
    if (jpeg_process) *jpeg_process = 0;
    if (strcmp(kind, "png") == 0) {
        *width = big(bytes, 16, 4);
        *height = big(bytes, 20, 4);
        return bytes.n >= 33;
    }
    if (strcmp(kind, "jpeg") == 0) return jpeg_size(bytes, width, height, jpeg_process);
    if (strcmp(kind, "gif") == 0) return gif_size(bytes, width, height);
    if (strcmp(kind, "pnm") == 0) return pnm_size(bytes, width, height);
    if (strcmp(kind, "webp") == 0) return webp_size(bytes, width, height);
    return false;
}

/* The first chunk of that name in a PNG. */
static struct str png_chunk(struct str s, const char *name) {
    for (size_t at = 8; at + 12 <= s.n;) {
        size_t n = big(s, at, 4);
        if (n > s.n - at - 12) break;
        if (memcmp(s.s + at + 4, name, 4) == 0) return str_sub(s, at + 8, at + 8 + n);
        at += 12 + n;
    }
    return (struct str){0};
}

static struct str webp_exif(struct str s) {
    for (size_t at = 12; at + 8 <= s.n;) {
        size_t n = little(s, at + 4, 4);
        if (n > s.n - at - 8) break;
        if (memcmp(s.s + at, "EXIF", 4) == 0) return str_sub(s, at + 8, at + 8 + n);
        at += 8 + n + (n & 1);
    }
    return (struct str){0};
}

static struct str jpeg_exif(struct str s) {
    size_t at = 0;
    int marker = 0;
    struct str body;
    while (jpeg_next(s, &at, &marker, &body) && marker != 0xda)
        if (marker == 0xe1 && str_starts(body, STR("Exif\0"))) return body;
    return (struct str){0};
}

struct str sniff_exif(const char *kind, struct str bytes) {
    struct str exif = {0};
    if (strcmp(kind, "jpeg") == 0) exif = jpeg_exif(bytes);
    if (strcmp(kind, "png") == 0) exif = png_chunk(bytes, "eXIf");
    if (strcmp(kind, "webp") == 0) exif = webp_exif(bytes);
    if (str_starts(exif, STR("Exif\0\0"))) exif = str_sub(exif, 6, exif.n);
    return exif.n >= 14 ? exif : (struct str){0};
}

static bool jfif_dpi(struct str s, double *x_dpi, double *y_dpi) {
    size_t at = 0;
    int marker = 0;
    struct str body;
    while (jpeg_next(s, &at, &marker, &body) && marker != 0xda) {
        if (marker != 0xe0 || !str_starts(body, STR("JFIF\0"))) continue;
        uint32_t unit = big(body, 7, 1);
        double scale = unit == 1 ? 1 : unit == 2 ? 2.54 : 0;
        *x_dpi = big(body, 8, 2) * scale;
        *y_dpi = big(body, 10, 2) * scale;
        return *x_dpi > 0 && *y_dpi > 0;
    }
    return false;
}

bool sniff_dpi(const char *kind, struct str bytes, double *x_dpi, double *y_dpi) {
    if (strcmp(kind, "jpeg") == 0) return jfif_dpi(bytes, x_dpi, y_dpi);
    if (strcmp(kind, "png") != 0) return false;
    struct str phys = png_chunk(bytes, "pHYs");
    if (phys.n < 9 || phys.s[8] != 1) return false;
    *x_dpi = big(phys, 0, 4) * 0.0254;
    *y_dpi = big(phys, 4, 4) * 0.0254;
    return *x_dpi > 0 && *y_dpi > 0;
}
