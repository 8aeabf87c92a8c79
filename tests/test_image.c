/*
 * tests/test_image.c - picture files of every kind we read, made here: the same picture comes out.
 *
 *    20  90 160      six squares of 8 x 8 pixels, a different grey in each, so that every turn and
 *   230 125  55      flip shows. Read are the middles of the squares.
 */
#include <leptonica/allheaders.h>
#include <stdlib.h>
#include <tiffio.h>
#include <unistd.h>

#include "pipeline/image.h"
#include "tests/check.h"
#include "util/mem.h"

enum { ACROSS = 3, DOWN = 2, SQUARE = 8, WIDTH = ACROSS * SQUARE, HEIGHT = DOWN * SQUARE };

static const int greys[DOWN][ACROSS] = {{20, 90, 160}, {230, 125, 55}};
static const size_t max_pixels = 1000000;

static int grey_at(int x, int y) {
    return greys[y / SQUARE][x / SQUARE];
}

static struct bitmap decode(struct str bytes, int page, const char *name) {
    struct image *image = NULL;
    struct bitmap bitmap = {0};
    struct error err = {0};
    enum status status = image_open(bytes, name, &image, &err);
    if (status == STATUS_OK) status = image_page(image, page, max_pixels, &bitmap, &err);
    CHECK(status == STATUS_OK, "%s: %s", name, err.text);
    image_close(image);
    return bitmap;
}

/* want: the greys of the upright picture, row by row. */
static void check_picture(struct bitmap bitmap, const int *want, int across, int down,
                          int tolerance, const char *name) {
    bool fits = bitmap.width == across * SQUARE && bitmap.height == down * SQUARE;
    CHECK(fits, "%s: %d x %d", name, bitmap.width, bitmap.height);
    for (int i = 0; fits && i < across * down; i++) {
        int x = i % across * SQUARE + SQUARE / 2, y = i / across * SQUARE + SQUARE / 2;
        for (int c = 0; c < bitmap.n_channels; c++) {
            int got = bitmap.px[(y * bitmap.width + x) * bitmap.n_channels + c];
            CHECK(abs(got - want[i]) <= tolerance, "%s: square %d is %d, want %d", name, i, got,
                  want[i]);
        }
    }
    bitmap_free(&bitmap);
}

/* ---- the kinds Leptonica can write ---- */

static PIX *picture_pix(int depth) {
    PIX *pix = pixCreate(WIDTH, HEIGHT, depth);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            l_uint32 v = (l_uint32)grey_at(x, y);
            pixSetPixel(pix, x, y, depth == 32 ? v << 24 | v << 16 | v << 8 : v);
        }
    return pix;
}

static const struct {
    const char *name, *kind;
    int format, depth, tolerance;
} written[] = {
    {"PNG grey", "png", IFF_PNG, 8, 0},
    {"PNG colour", "png", IFF_PNG, 32, 0},
    {"JPEG grey", "jpeg", IFF_JFIF_JPEG, 8, 6},
    {"JPEG colour", "jpeg", IFF_JFIF_JPEG, 32, 6},
    {"GIF", "gif", IFF_GIF, 8, 4},
    {"BMP 8 bit", "bmp", IFF_BMP, 8, 0},
    {"BMP 24 bit", "bmp", IFF_BMP, 32, 0},
    {"PNM grey", "pnm", IFF_PNM, 8, 0},
    {"PNM colour", "pnm", IFF_PNM, 32, 0},
    {"WebP", "webp", IFF_WEBP, 32, 8},
    {"JPEG 2000 grey", "jp2", IFF_JP2, 8, 8},
    {"JPEG 2000 colour", "jp2", IFF_JP2, 32, 8},
};

static void test_written(void) {
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        PIX *pix = picture_pix(written[i].depth);
        l_uint8 *data = NULL;
        size_t n = 0;
        int rc = written[i].format == IFF_JP2
                     ? pixWriteMemJp2k(&data, &n, pix, 40, 1, 0, 0) // one resolution: it is small
                     : pixWriteMem(&data, &n, pix, written[i].format);
        pixDestroy(&pix);
        if (rc != 0) {
            check_skip(written[i].name, "Leptonica cannot write it");
            continue;
        }
        struct str bytes = {(const char *)data, n};
        const char *kind = image_kind(bytes);
        CHECK(kind && strcmp(kind, written[i].kind) == 0, "%s: taken for %s", written[i].name,
              kind ? kind : "nothing");
        check_picture(decode(bytes, 1, written[i].name), greys[0], ACROSS, DOWN,
                      written[i].tolerance, written[i].name);
        lept_free(data);
    }
}

/* ---- orientation ---- */

/* What a viewer must see when row 0 and column 0 of the stored picture lie as the tag says. */
static const struct {
    int tag, across, down, want[6];
} turns[] = {
    {1, 3, 2, {20, 90, 160, 230, 125, 55}}, {2, 3, 2, {160, 90, 20, 55, 125, 230}},
    {3, 3, 2, {55, 125, 230, 160, 90, 20}}, {4, 3, 2, {230, 125, 55, 20, 90, 160}},
    {5, 2, 3, {20, 230, 90, 125, 160, 55}}, {6, 2, 3, {230, 20, 125, 90, 55, 160}},
    {7, 2, 3, {55, 160, 125, 90, 230, 20}}, {8, 2, 3, {160, 55, 90, 125, 20, 230}},
};

/* A JPEG with an Exif block in front that holds the orientation alone. */
static struct str with_exif(struct str jpeg, int orientation, char *out) {
    static const char exif[] = "\xff\xe1\x00\x22"
                               "Exif\0\0"
                               "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
    memcpy(out, jpeg.s, 2);
    memcpy(out + 2, exif, 29);
    out[31] = (char)orientation;
    memset(out + 32, 0, 6);
    memcpy(out + 38, jpeg.s + 2, jpeg.n - 2);
    return (struct str){out, jpeg.n + 36};
}

static void test_exif(void) {
    PIX *pix = picture_pix(8);
    l_uint8 *data = NULL;
    size_t n = 0;
    pixWriteMem(&data, &n, pix, IFF_JFIF_JPEG);
    pixDestroy(&pix);
    char *copy = mem_alloc(n + 64);
    for (size_t i = 0; i < 8; i++) {
        char name[40];
        snprintf(name, sizeof name, "Exif orientation %d", turns[i].tag);
        struct str bytes = with_exif((struct str){(const char *)data, n}, turns[i].tag, copy);
        check_picture(decode(bytes, 1, name), turns[i].want, turns[i].across, turns[i].down, 6,
                      name);
    }
    mem_free(copy);
    lept_free(data);
}

/* ---- TIFF ---- */

struct recipe {
    const char *name, *mode;
    int bits, samples, photometric, compression;
    bool tiled, planar;
    int orientation;
};

static const struct recipe recipes[] = {
    {"TIFF", "w", 8, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, false, false, 1},
    {"TIFF, big end first", "wb", 16, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, false, false, 1},
    {"BigTIFF, LZW", "w8", 8, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, false, false, 1},
    {"deflate, tiles", "w", 8, 3, PHOTOMETRIC_RGB, COMPRESSION_ADOBE_DEFLATE, true, false, 1},
    {"PackBits, white is 0", "w", 8, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_PACKBITS, false, false,
     1},
    {"16 bit RGB in planes", "w", 16, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, false, true, 1},
    {"CMYK", "w", 8, 4, PHOTOMETRIC_SEPARATED, COMPRESSION_NONE, false, false, 1},
    {"CMYK of 16 bits in planes", "w", 16, 4, PHOTOMETRIC_SEPARATED, COMPRESSION_LZW, false, true,
     1},
    {"CMYK in tiles and planes", "w", 8, 4, PHOTOMETRIC_SEPARATED, COMPRESSION_LZW, true, true, 1},
    {"palette", "w", 8, 1, PHOTOMETRIC_PALETTE, COMPRESSION_NONE, false, false, 1},
    {"orientation 3", "w", 8, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, false, false, 3},
    {"orientation 6", "w", 8, 3, PHOTOMETRIC_RGB, COMPRESSION_LZW, false, false, 6},
    {"orientation 7 of 16 bit planes", "w", 16, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, false, true,
     7},
};

/* Sample s of pixel (x, y) as this recipe stores it, 0..255. CMYK prints grey with black alone. */
static int stored(const struct recipe *r, int x, int y, int s) {
    if (x >= WIDTH || y >= HEIGHT) return 0; // a tile reaches beyond
    int grey = grey_at(x, y);
    if (r->photometric == PHOTOMETRIC_MINISWHITE) return 255 - grey;
    if (r->photometric == PHOTOMETRIC_SEPARATED) return s == 3 ? 255 - grey : 0;
    return grey;
}

static void put(const struct recipe *r, uint8_t *at, int i, int value) {
    if (r->bits == 8)
        at[i] = (uint8_t)value;
    else
        ((uint16_t *)(void *)at)[i] = (uint16_t)(value * 257);
}

static void write_rows(TIFF *tiff, const struct recipe *r) {
    _Alignas(8) uint8_t row[WIDTH * 4 * 2];
    for (int plane = 0; plane < (r->planar ? r->samples : 1); plane++)
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++)
                for (int s = 0; s < (r->planar ? 1 : r->samples); s++)
                    put(r, row, r->planar ? x : x * r->samples + s,
                        stored(r, x, y, r->planar ? plane : s));
            TIFFWriteScanline(tiff, row, (uint32_t)y, (uint16_t)plane);
        }
}

static void write_tiles(TIFF *tiff, const struct recipe *r) {
    enum { TILE = 16 };
    _Alignas(8) static uint8_t tile[TILE * TILE * 4 * 2];
    for (int plane = 0; plane < (r->planar ? r->samples : 1); plane++)
        for (int x0 = 0; x0 < WIDTH; x0 += TILE) {
            int per_pixel = r->planar ? 1 : r->samples;
            for (int i = 0; i < TILE * TILE; i++)
                for (int s = 0; s < per_pixel; s++)
                    put(r, tile, i * per_pixel + s,
                        stored(r, x0 + i % TILE, i / TILE, r->planar ? plane : s));
            TIFFWriteTile(tiff, tile, (uint32_t)x0, 0, 0, (uint16_t)plane);
        }
}

static void write_page(TIFF *tiff, const struct recipe *r) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, r->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, r->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, r->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, r->compression);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, r->orientation);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
                 r->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 300.0);
    if (r->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t ramp[256];
        for (int i = 0; i < 256; i++) ramp[i] = (uint16_t)(i * 257);
        TIFFSetField(tiff, TIFFTAG_COLORMAP, ramp, ramp, ramp);
    }
    if (r->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
        write_tiles(tiff, r);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 5);
        write_rows(tiff, r);
    }
    TIFFWriteDirectory(tiff);
}

static struct str read_back(const char *path) {
    FILE *file = fopen(path, "rb");
    static char bytes[1 << 16];
    size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    CHECK(file && fclose(file) == 0, "%s: read back", path);
    unlink(path);
    return (struct str){bytes, n};
}

static struct str make_tiff(const struct recipe *pages, size_t n, char *mode) {
    char path[] = "/tmp/test_image_XXXXXX";
    close(mkstemp(path));
    TIFF *tiff = TIFFOpen(path, mode);
    for (size_t i = 0; i < n; i++) write_page(tiff, &pages[i]);
    TIFFClose(tiff);
    return read_back(path);
}

static void test_tiff(void) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const struct recipe *r = &recipes[i];
        char mode[8];
        snprintf(mode, sizeof mode, "%s", r->mode);
        struct bitmap bitmap = decode(make_tiff(r, 1, mode), 1, r->name);
        CHECK((int)bitmap.dpi == 300, "%s: %g dpi", r->name, (double)bitmap.dpi);
        size_t turn = (size_t)r->orientation - 1;
        check_picture(bitmap, turns[turn].want, turns[turn].across, turns[turn].down, 2, r->name);
    }
    char mode[] = "w";
    struct str three = make_tiff(recipes + 4, 3, mode);
    struct image *image = NULL;
    CHECK(image_open(three, "three pages", &image, NULL) == STATUS_OK, "three pages");
    CHECK(image && image_n_pages(image) == 3, "%d pages, want 3", image ? image_n_pages(image) : 0);
    image_close(image);
    check_picture(decode(three, 3, "page 3"), greys[0], ACROSS, DOWN, 2, "page 3");
}

/* A page of one bit: black squares where greys are below 100, at 204 x 98 dpi as fax machines send
 * it, so it comes out twice as high. */
static void test_fax(int compression, const char *name) {
    char path[] = "/tmp/test_image_XXXXXX";
    close(mkstemp(path));
    TIFF *tiff = TIFFOpen(path, "w");
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, compression);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 204.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 102.0);
    for (int y = 0; y < HEIGHT; y++) {
        uint8_t row[WIDTH / 8] = {0};
        for (int x = 0; x < WIDTH; x++)
            if (grey_at(x, y) < 100) row[x / 8] |= (uint8_t)(0x80 >> x % 8);
        TIFFWriteScanline(tiff, row, (uint32_t)y, 0);
    }
    TIFFClose(tiff);
    struct bitmap bitmap = decode(read_back(path), 1, name);
    static const int want[] = {0, 0, 255, 0, 0, 255, 255, 255, 0, 255, 255, 0};
    CHECK((int)bitmap.dpi == 204, "%s: %g dpi", name, (double)bitmap.dpi);
    check_picture(bitmap, want, 3, 4, 0, name);
}

/* ---- bad input ---- */

static const struct {
    const char *name, *bytes;
    size_t n;
    enum status want;
} bad[] = {
    {"no picture", "Hello, world, this is text", 26, STATUS_UNSUPPORTED},
    {"nothing", "", 0, STATUS_EMPTY},
    {"PNG cut after its header",
     "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\0\0\0\0abcd", 33, STATUS_FORMAT},
    {"PNG of 60000 x 60000",
     "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0abcd", 33, STATUS_LIMIT},
    {"GIF whose picture is larger than its screen",
     "GIF89a\x10\0\x10\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;", 29, STATUS_LIMIT},
    {"PNM of 99999 x 99999", "P5 99999 99999 255 ", 19, STATUS_LIMIT},
    {"BMP of a negative width",
     "BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\xff\xff\x10\0\0\0\1\0\x18\0"
     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abc",
     57, STATUS_FORMAT},
    {"TIFF with nothing in it", "II*\0\x08\0\0\0\0\0\0\0\0\0", 14, STATUS_FORMAT},
    {"JPEG that stops", "\xff\xd8\xff\xe0\0\x10JFIF\0", 11, STATUS_FORMAT},
    {"JPEG 2000 that stops", "\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14", 16, STATUS_FORMAT},
};

static void test_bad(void) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct image *image = NULL;
        struct bitmap bitmap = {0};
        struct error err = {0};
        char *exact = mem_alloc(bad[i].n + 1); // on the heap, so that a sanitizer sees the end
        exact = memcpy(mem_realloc(exact, bad[i].n ? bad[i].n : 1), bad[i].bytes, bad[i].n);
        enum status status = image_open((struct str){exact, bad[i].n}, "bad", &image, &err);
        if (status == STATUS_OK) status = image_page(image, 1, max_pixels, &bitmap, &err);
        CHECK(status == bad[i].want, "%s: %s: %s", bad[i].name, status_name(status), err.text);
        CHECK(err.text[0] != '\0', "%s: no message", bad[i].name);
        bitmap_free(&bitmap);
        image_close(image);
        mem_free(exact);
    }
}

/* A directory whose successor is itself. */
static void test_loop(void) {
    char mode[] = "w";
    struct str tiff = make_tiff(recipes, 1, mode);
    uint32_t at;
    uint16_t n;
    memcpy(&at, tiff.s + 4, 4);
    memcpy(&n, tiff.s + at, 2);
    memcpy((char *)tiff.s + at + 2 + (size_t)12 * n, &at, 4);
    struct image *image = NULL;
    CHECK(image_open(tiff, "loop", &image, NULL) == STATUS_OK, "a loop of directories opens");
    CHECK(image && image_n_pages(image) == 1, "a loop of directories is one page");
    image_close(image);
}

int main(void) {
    test_written();
    test_exif();
    test_tiff();
    test_fax(COMPRESSION_CCITTFAX4, "group 4");
    test_fax(COMPRESSION_CCITTFAX3, "group 3");
    test_bad();
    test_loop();
    return check_end("image");
}
