/* pipeline/prep.c - see prep.h. Leptonica's home beside image.c. */
#include "pipeline/prep.h"

#include <leptonica/allheaders.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/mem.h"

struct letters { // boxes of connected components that could be letters
    struct letter {
        int x, y, w, h;
    } * at;
    size_t n;
    float height; // median, px
};

struct prep {
    PIX *grey;   // 8 bpp, dark on light
    PIX *binary; // 1 bpp, the same size
    struct letters letters;
    struct bitmap picture; // grey, as bytes in order
    float dpi;             // 0: unknown
};

static PIX *must(PIX *pix) {
    if (!pix) mem_exhausted(1);
    return pix;
}

static void replace(PIX **pix, PIX *with) {
    if (!with) return; // Leptonica refused: what was there is still good
    pixDestroy(pix);
    *pix = with;
}

/* ---- letters ---- */

static int by_height(const void *a, const void *b) {
    return ((const struct letter *)a)->h - ((const struct letter *)b)->h;
}

static int by_left(const void *a, const void *b) {
    const struct letter *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->y > q->y) - (p->y < q->y);
}

static int by_top(const void *a, const void *b) {
    const struct letter *p = a, *q = b;
    return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->x > q->x) - (p->x < q->x);
}

/* True when b could be the letter after a: beside it, on the same foot or top, of like height. */
static bool is_next(const struct letter *a, const struct letter *b) {
    int low = a->h < b->h ? a->h : b->h, high = a->h < b->h ? b->h : a->h;
    int gap = b->x - (a->x + a->w);
    int foot = abs(a->y + a->h - b->y - b->h), top = abs(a->y - b->y);
    return high <= 3 * low && gap > -low / 3 && gap <= high &&
           (foot * 5 <= high + 4 || top * 5 <= high + 4);
}

/* Keeps what has a neighbour like a letter has: the dots of a raster picture or a drawing rarely
 * have. Sorted by left edge, only what starts within reach needs looking at. */
static void keep_letters_in_rows(struct letters *letters) {
    qsort(letters->at, letters->n, sizeof *letters->at, by_left);
    bool *keep = mem_alloc(letters->n);
    for (size_t i = 0; i < letters->n; i++) {
        const struct letter *a = &letters->at[i];
        int tried = 0;
        for (size_t j = i + 1; j < letters->n && tried < 400; j++, tried++) {
            const struct letter *b = &letters->at[j];
            if (b->x > a->x + a->w + 3 * a->h) break;
            if (is_next(a, b)) keep[i] = keep[j] = true;
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < letters->n; i++)
        if (keep[i]) letters->at[n++] = letters->at[i];
    letters->n = n;
    mem_free(keep);
}

/* Components of the size of letters, standing in rows: not specks, not drawings, not rules. */
static void find_letters(struct prep *prep) {
    struct letters *letters = &prep->letters;
    mem_free(letters->at);
    *letters = (struct letters){0};
    BOXA *boxes = pixConnCompBB(prep->binary, 8);
    if (!boxes) return;
    int n = boxaGetCount(boxes), limit = pixGetHeight(prep->binary) / 8 + 20;
    letters->at = mem_alloc(mem_product((size_t)n + 1, sizeof *letters->at));
    for (int i = 0; i < n; i++) {
        struct letter *l = &letters->at[letters->n];
        boxaGetBoxGeometry(boxes, i, &l->x, &l->y, &l->w, &l->h);
        if (l->h >= 5 && l->w >= 2 && l->h < limit && l->w < 12 * l->h) letters->n++;
    }
    boxaDestroy(&boxes);
    if (letters->n == 0) return;
    keep_letters_in_rows(letters);
    if (letters->n == 0) return;
    qsort(letters->at, letters->n, sizeof *letters->at, by_height);
    letters->height = (float)letters->at[letters->n / 2].h;
}

float prep_letter_height(const struct prep *prep) {
    return prep->letters.n >= 8 ? prep->letters.height : 0;
}

size_t prep_n_letters(const struct prep *prep) {
    return prep->letters.n;
}

/* ---- pixels in and out ---- */

static PIX *grey_of(const struct bitmap *picture) {
    PIX *pix = must(pixCreateNoInit(picture->width, picture->height, 8));
    l_uint32 *data = pixGetData(pix);
    size_t words = (size_t)pixGetWpl(pix), width = (size_t)picture->width;
    size_t n = (size_t)picture->n_channels;
    for (size_t y = 0; y < (size_t)picture->height; y++) {
        const uint8_t *px = picture->px + y * width * n;
        l_uint32 *line = data + y * words;
        for (size_t x = 0; x < width; x++, px += n) {
            int value = n == 1 ? px[0] : (77 * px[0] + 150 * px[1] + 29 * px[2]) >> 8; // BT.601
            SET_DATA_BYTE(line, x, (l_uint8)value);
        }
    }
    return pix;
}

static void refresh_picture(struct prep *prep) {
    struct bitmap *out = &prep->picture;
    bitmap_free(out);
    *out = (struct bitmap){.width = pixGetWidth(prep->grey),
                           .height = pixGetHeight(prep->grey),
                           .n_channels = 1,
                           .dpi = prep->dpi};
    size_t width = (size_t)out->width;
    out->px = mem_alloc(mem_product(width, (size_t)out->height));
    const l_uint32 *data = pixGetData(prep->grey);
    size_t words = (size_t)pixGetWpl(prep->grey);
    for (size_t y = 0; y < (size_t)out->height; y++) {
        const l_uint32 *line = data + y * words;
        for (size_t x = 0; x < width; x++) out->px[y * width + x] = GET_DATA_BYTE(line, x);
    }
}

const struct bitmap *prep_picture(const struct prep *prep) {
    return &prep->picture;
}

/* ---- light ---- */

/* The value below which that share of the pixels lies. */
static int rank(const NUMA *histogram, double share) {
    l_float32 total = 0, sum = 0, count;
    numaGetSum((NUMA *)histogram, &total);
    for (int v = 0; v < 256; v++) {
        numaGetFValue((NUMA *)histogram, v, &count);
        sum += count;
        if (sum >= (float)share * total) return v;
    }
    return 255;
}

static int rank_in(PIX *pix, int x, int y, int w, int h, double share) {
    BOX *box = boxCreate(x, y, w, h);
    NUMA *histogram = box ? pixGetGrayHistogramInRect(pix, box, 2) : NULL;
    int value = histogram ? rank(histogram, share) : 255;
    numaDestroy(&histogram);
    boxDestroy(&box);
    return value;
}

enum { TILES = 8, PAPER_SPREAD = 40, DARK_PAGE = 90 };

/* How far the paper's brightness differs between parts of the page that have paper in them. */
static int paper_spread(PIX *grey) {
    int w = pixGetWidth(grey) / TILES, h = pixGetHeight(grey) / TILES, low = 255, high = 0;
    if (w < 16 || h < 16) return 0;
    for (int i = 0; i < TILES * TILES; i++) {
        int value = rank_in(grey, i % TILES * w, i / TILES * h, w, h, 0.8);
        if (value < 60) continue; // a picture, or what lies around the page
        if (value < low) low = value;
        if (value > high) high = value;
    }
    return high > low ? high - low : 0;
}

static void even_light(struct prep *prep) {
    int w = pixGetWidth(prep->grey), h = pixGetHeight(prep->grey);
    if (rank_in(prep->grey, 0, 0, w, h, 0.5) < DARK_PAGE) pixInvert(prep->grey, prep->grey);
    if (paper_spread(prep->grey) > PAPER_SPREAD)
        replace(&prep->grey, pixBackgroundNormSimple(prep->grey, NULL, NULL));
}

static PIX *binarised(PIX *grey) {
    PIX *binary = NULL;
    int w = pixGetWidth(grey), h = pixGetHeight(grey);
    // It refuses tiles below 16 pixels; what is that small is no page anyway.
    if (w >= 16 && h >= 16) pixOtsuAdaptiveThreshold(grey, w, h, 0, 0, 0.1f, NULL, &binary);
    return must(binary ? binary : pixThresholdToBinary(grey, 128));
}

/* ---- lifetime ---- */

static void look_again(struct prep *prep) {
    pixDestroy(&prep->binary);
    prep->binary = binarised(prep->grey);
    find_letters(prep);
    refresh_picture(prep);
}

enum { FAINT_TILE = 40, FAINT_CONTRAST = 80, FAINT_STEP = 25 };

/* Pixels clearly darker than the paper that one threshold for the whole page calls white, against
 * those it calls black: the soft rim of letters is 0 to 1, faint till receipts have 1.5 to 5. */
static double faint_share(const struct prep *prep) {
    l_int32 n_ink = 0;
    pixCountPixels(prep->binary, &n_ink, NULL);
    NUMA *histogram = n_ink > 0 ? pixGetGrayHistogram(prep->grey, 1) : NULL;
    if (!histogram) return 0;
    int paper = rank(histogram, 0.6);
    double n_dark = 0;
    for (int v = 0; v < paper - FAINT_STEP; v++) {
        l_float32 count = 0;
        numaGetFValue(histogram, v, &count);
        n_dark += (double)count;
    }
    numaDestroy(&histogram);
    return (n_dark - n_ink) / n_ink;
}

/* Where print is faint, stretches contrast tile by tile; kept when that brings out more letters, or
 * whole letters where there were crumbs. On old paper it would bring out stains. */
static void strengthen_faint(struct prep *prep) {
    if (faint_share(prep) < 1.2) return;
    PIX *grey = pixContrastNorm(NULL, prep->grey, FAINT_TILE, FAINT_TILE, FAINT_CONTRAST, 2, 2);
    if (!grey) return;
    struct prep trial = {.grey = grey, .binary = binarised(grey)};
    find_letters(&trial);
    bool more = (double)trial.letters.n > 1.5 * (double)prep->letters.n + 20;
    bool whole = trial.letters.n >= 100 && trial.letters.height > 1.5f * prep->letters.height;
    if (more || whole) {
        replace(&prep->grey, pixClone(grey));
        look_again(prep);
    }
    pixDestroy(&trial.grey);
    pixDestroy(&trial.binary);
    mem_free(trial.letters.at);
}

enum status prep_new(struct bitmap *picture, struct prep **out, struct error *err) {
    (void)err;
    setMsgSeverity(L_SEVERITY_NONE);
    struct prep *prep = mem_alloc(sizeof *prep);
    prep->dpi = picture->dpi;
    prep->grey = grey_of(picture);
    bitmap_free(picture);
    even_light(prep);
    look_again(prep);
    strengthen_faint(prep);
    *out = prep;
    return STATUS_OK;
}

void prep_free(struct prep *prep) {
    if (!prep) return;
    pixDestroy(&prep->grey);
    pixDestroy(&prep->binary);
    mem_free(prep->letters.at);
    bitmap_free(&prep->picture);
    mem_free(prep);
}

/* ---- how the page lies ---- */

struct prep_votes prep_votes(const struct prep *prep) {
    struct prep_votes votes = {0};
    pixOrientDetect(prep->binary, &votes.up, &votes.left, 0, 0);
    return votes;
}

struct skew {
    float angle, confidence, score;
};

enum { SWEEP_NARROW = 7, SWEEP_WIDE = 16 };

static struct skew find_skew(PIX *binary) {
    struct skew skew = {0};
    int reduce = pixGetWidth(binary) > 1200 ? 4 : pixGetWidth(binary) > 500 ? 2 : 1;
    int search = reduce > 1 ? reduce / 2 : 1;
    pixFindSkewSweepAndSearchScore(binary, &skew.angle, &skew.confidence, &skew.score, reduce,
                                   search, 0, SWEEP_NARROW, 1.0f, 0.01f);
    if (skew.confidence > 3) return skew;
    struct skew wide = {0};
    pixFindSkewSweepAndSearchScore(binary, &wide.angle, &wide.confidence, &wide.score, reduce,
                                   search, 0, SWEEP_WIDE, 1.0f, 0.01f);
    return wide.confidence > skew.confidence ? wide : skew;
}

bool prep_lies_on_side(const struct prep *prep) {
    struct skew level = find_skew(prep->binary);
    PIX *turned = pixRotateOrth(prep->binary, 1);
    if (!turned) return false;
    struct skew side = find_skew(turned);
    pixDestroy(&turned);
    double level_per_px = level.score / (double)pixGetWidth(prep->binary);
    double side_per_px = side.score / (double)pixGetHeight(prep->binary);
    return side_per_px > 2 * level_per_px;
}

void prep_turn(struct prep *prep, int degrees) {
    if (degrees % 360 == 0) return;
    replace(&prep->grey, must(pixRotateOrth(prep->grey, degrees / 90)));
    look_again(prep);
}

/* ---- rotation ---- */

enum { PHASES = 64, ONE = 1 << 10 };

/* Weights of four neighbours for every sixty-fourth of a pixel: cubic convolution, which keeps edges
 * where area mapping blurs them (Keys 1981, a = -1/2). */
static void cubic_weights(int weights[PHASES][4]) {
    for (int i = 0; i < PHASES; i++) {
        double t = (double)i / PHASES, t2 = t * t, t3 = t2 * t;
        weights[i][0] = (int)lround(ONE * (-0.5 * t3 + t2 - 0.5 * t));
        weights[i][2] = (int)lround(ONE * (-1.5 * t3 + 2 * t2 + 0.5 * t));
        weights[i][3] = (int)lround(ONE * (0.5 * t3 - 0.5 * t2));
        weights[i][1] = ONE - weights[i][0] - weights[i][2] - weights[i][3];
    }
}

static int cubic(const uint8_t *px, size_t stride, const int *wx, const int *wy) {
    int sum = 0;
    for (int j = 0; j < 4; j++, px += stride)
        sum += (px[0] * wx[0] + px[1] * wx[1] + px[2] * wx[2] + px[3] * wx[3] + 8) / 16 * wy[j];
    sum = (sum + ONE * ONE / 32) / (ONE * ONE / 16);
    return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

/* The picture turned about its centre onto a sheet large enough for all of it; what was not there
 * before gets the colour of the paper. */
static PIX *rotated(const struct bitmap *from, double radians, uint8_t paper) {
    int weights[PHASES][4];
    cubic_weights(weights);
    double c = cos(radians), s = sin(radians);
    int width = (int)ceil(from->width * fabs(c) + from->height * fabs(s));
    int height = (int)ceil(from->width * fabs(s) + from->height * fabs(c));
    PIX *pix = pixCreateNoInit(width, height, 8);
    if (!pix) return NULL;
    size_t stride = (size_t)from->width, words = (size_t)pixGetWpl(pix);
    l_uint32 *data = pixGetData(pix);
    for (int y = 0; y < height; y++) {
        l_uint32 *line = data + (size_t)y * words;
        double dy = y - (height - 1) / 2.0, dx = -(width - 1) / 2.0;
        double sx = c * dx + s * dy + (from->width - 1) / 2.0;
        double sy = -s * dx + c * dy + (from->height - 1) / 2.0;
        for (int x = 0; x < width; x++, sx += c, sy -= s) {
            int value = paper;
            if (sx >= 1 && sy >= 1 && sx < from->width - 2 && sy < from->height - 2) {
                int ix = (int)sx, iy = (int)sy;
                const uint8_t *px = from->px + (size_t)(iy - 1) * stride + (size_t)(ix - 1);
                value = cubic(px, stride, weights[(int)((sx - ix) * PHASES)],
                              weights[(int)((sy - iy) * PHASES)]);
            }
            SET_DATA_BYTE(line, x, (l_uint8)value);
        }
    }
    return pix;
}

float prep_straighten(struct prep *prep) {
    struct skew skew = find_skew(prep->binary);
    if (skew.confidence < 3 || fabsf(skew.angle) < 0.15f || fabsf(skew.angle) > 15.5f) return 0;
    double radians = (double)skew.angle * 3.14159265358979 / 180;
    int w = pixGetWidth(prep->grey), h = pixGetHeight(prep->grey);
    PIX *level = rotated(&prep->picture, radians, (uint8_t)rank_in(prep->grey, 0, 0, w, h, 0.7));
    if (!level) return 0;
    replace(&prep->grey, level);
    look_again(prep);
    return -skew.angle;
}

/* ---- size ---- */

enum { LETTER_SMALL = 14, LETTER_WANTED = 22, LETTER_LARGE = 80 };

static float known_dpi(const struct prep *prep) {
    double width = pixGetWidth(prep->grey), height = pixGetHeight(prep->grey);
    double longest = width > height ? width : height;
    // A camera's 72 says nothing; a page over a metre long is no page.
    if (prep->dpi >= 50 && longest / prep->dpi < 40) return prep->dpi;
    double ratio = longest / (width > height ? height : width);
    if (ratio > 1.35 && ratio < 1.46 && longest > 800) return (float)(longest / 11.69); // A4
    if (ratio > 1.27 && ratio <= 1.32 && longest > 800) return (float)(longest / 11);   // Letter
    // Letters of 10 point text stand 5 to 7 points high, the median between x and capitals.
    float letter = prep_letter_height(prep);
    return letter > 0 ? fminf(fmaxf(letter * 72 / 6, 50), 1200) : 150;
}

float prep_dpi(const struct prep *prep) {
    return prep->dpi;
}

void prep_finish(struct prep *prep, size_t max_pixels) {
    prep->dpi = known_dpi(prep);
    float letter = prep_letter_height(prep);
    float factor = 1;
    if (letter > 0 && letter < LETTER_SMALL) factor = fminf(LETTER_WANTED / letter, 4);
    if (letter > LETTER_LARGE) factor = LETTER_LARGE / 2 / letter;
    double pixels = (double)pixGetWidth(prep->grey) * pixGetHeight(prep->grey) * factor * factor;
    if (pixels > (double)max_pixels) factor = 1;
    if (factor != 1) {
        replace(&prep->grey, pixScale(prep->grey, factor, factor));
        prep->dpi *= factor;
        look_again(prep);
    }
    prep->picture.dpi = prep->dpi;
}

/* ---- a strip ---- */

/* The row within reach of y that fewest letters cross: between two lines. */
static int quiet_row(const struct letter *at, size_t n, int y, int reach, int height) {
    int best = y, fewest = (int)n + 1;
    for (int row = y - reach; row <= y + reach; row++) {
        int crossing = 0;
        for (size_t i = 0; i < n; i++) crossing += at[i].y <= row && row < at[i].y + at[i].h;
        bool nearer = crossing == fewest && abs(row - y) < abs(best - y);
        if (crossing > fewest || (crossing == fewest && !nearer)) continue;
        fewest = crossing;
        best = row;
    }
    return best < 0 ? 0 : best > height ? height : best;
}

bool prep_strip(const struct prep *prep, size_t n_letters, int *y0, int *y1) {
    const struct letters *letters = &prep->letters;
    float typical = letters->height;
    if (letters->n < n_letters || typical <= 0) return false;
    struct letter *at = mem_alloc(mem_product(letters->n, sizeof *at));
    size_t n = 0;
    for (size_t i = 0; i < letters->n; i++)
        if ((float)letters->at[i].h > 0.5f * typical && (float)letters->at[i].h < 2.5f * typical)
            at[n++] = letters->at[i];
    qsort(at, n, sizeof *at, by_top);
    int height = pixGetHeight(prep->grey), top = 0, bottom = 0;
    for (size_t i = 0; i + n_letters <= n; i++) {
        int first = at[i].y, last = at[i + n_letters - 1].y + at[i + n_letters - 1].h;
        // Lines of columns may stand at different heights: with three lines, not all are cut.
        if (last - first < (int)(7 * typical)) last = first + (int)(7 * typical);
        if (bottom > 0 && last - first >= bottom - top) continue;
        top = first;
        bottom = last;
    }
    if (bottom > 0) {
        *y0 = quiet_row(at, n, top, (int)(1.2f * typical), height);
        *y1 = quiet_row(at, n, bottom, (int)(1.2f * typical), height);
    }
    mem_free(at);
    return bottom > 0;
}

static BOX *box_of(struct box b) {
    return b.x1 > b.x0 && b.y1 > b.y0 ? boxCreate(b.x0, b.y0, b.x1 - b.x0, b.y1 - b.y0) : NULL;
}

float prep_ink(const struct prep *prep, struct box b) {
    BOX *box = box_of(b);
    l_int32 n = 0;
    if (box) pixCountPixelsInRect(prep->binary, box, &n, NULL);
    boxDestroy(&box);
    return n > 0 ? (float)n / ((float)(b.x1 - b.x0) * (float)(b.y1 - b.y0)) : 0;
}

void prep_tighten(const struct prep *prep, struct box *b) {
    BOX *box = box_of(*b);
    PIX *part = box ? pixClipRectangle(prep->binary, box, NULL) : NULL;
    BOXA *boxes = part ? pixConnCompBB(part, 8) : NULL;
    int n = boxes ? boxaGetCount(boxes) : 0, largest = 0, left = b->x0, top = b->y0;
    for (int i = 0; i < n; i++) {
        int x, y, w, h;
        boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
        if (w * h <= largest) continue;
        largest = w * h;
        *b = (struct box){left + x, top + y, left + x + w, top + y + h};
    }
    boxaDestroy(&boxes);
    pixDestroy(&part);
    boxDestroy(&box);
}

/* ---- what recognition left out ---- */

static bool is_covered(const struct letter *l, const struct box *covered, size_t n, int slack) {
    int x = l->x + l->w / 2, y = l->y + l->h / 2;
    for (size_t i = 0; i < n; i++)
        if (x >= covered[i].x0 - slack && x <= covered[i].x1 + slack &&
            y >= covered[i].y0 - slack && y <= covered[i].y1 + slack)
            return true;
    return false;
}

enum { MASK_SCALE = 4, MIN_LETTERS_LOST = 5 };

/* A mask of the letters not covered, MASK_SCALE times smaller; NULL when they are too few. */
static PIX *lost_letters(const struct prep *prep, const struct box *covered, size_t n) {
    const struct letters *letters = &prep->letters;
    PIX *mask = pixCreate(pixGetWidth(prep->grey) / MASK_SCALE + 1,
                          pixGetHeight(prep->grey) / MASK_SCALE + 1, 1);
    size_t n_lost = 0;
    for (size_t i = 0; mask && i < letters->n; i++) {
        const struct letter *l = &letters->at[i];
        if ((float)l->h < 0.5f * letters->height || (float)l->h > 4 * letters->height) continue;
        if (is_covered(l, covered, n, (int)(letters->height / 4))) continue;
        pixRasterop(mask, l->x / MASK_SCALE, l->y / MASK_SCALE, l->w / MASK_SCALE + 1,
                    l->h / MASK_SCALE + 1, PIX_SET, NULL, 0, 0);
        n_lost++;
    }
    if (n_lost < MIN_LETTERS_LOST) pixDestroy(&mask);
    return mask;
}

size_t prep_uncovered(const struct prep *prep, const struct box *covered, size_t n,
                      struct box *regions, size_t max) {
    PIX *mask = lost_letters(prep, covered, n);
    if (!mask) return 0;
    int letter = (int)prep->letters.height, pad = letter / 2 + 2;
    replace(&mask, pixCloseSafeBrick(NULL, mask, letter * 2 / MASK_SCALE + 1,
                                     letter * 3 / 2 / MASK_SCALE + 1));
    BOXA *found = pixConnCompBB(mask, 8);
    BOXA *boxes = found ? boxaSort(found, L_SORT_BY_AREA, L_SORT_DECREASING, NULL) : NULL;
    size_t n_regions = 0;
    for (int i = 0; boxes && i < boxaGetCount(boxes) && n_regions < max; i++) {
        int x, y, w, h;
        boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
        if (w * MASK_SCALE < 3 * letter) break; // sorted: a letter or two, here and below
        struct box b = {x * MASK_SCALE - pad, y * MASK_SCALE - pad, (x + w) * MASK_SCALE + pad,
                        (y + h) * MASK_SCALE + pad};
        if (b.x0 < 0) b.x0 = 0;
        if (b.y0 < 0) b.y0 = 0;
        if (b.x1 > pixGetWidth(prep->grey)) b.x1 = pixGetWidth(prep->grey);
        if (b.y1 > pixGetHeight(prep->grey)) b.y1 = pixGetHeight(prep->grey);
        regions[n_regions++] = b;
    }
    boxaDestroy(&found);
    boxaDestroy(&boxes);
    pixDestroy(&mask);
    return n_regions;
}

/* ---- rules ---- */

static void add_rule(struct arena *arena, struct content *content, size_t *cap, struct rule rule) {
    content->rules = arena_grow(arena, content->rules, content->n_rules, cap, sizeof rule);
    content->rules[content->n_rules++] = rule;
}

/* What is at least `length` long in one direction. Small gaps are bridged, but only between pieces
 * longer than any stroke of a letter: else whole lines of text would grow together. */
static PIX *long_runs(PIX *binary, bool horizontal, int piece, int gap, int length) {
    PIX *runs =
        horizontal ? pixOpenBrick(NULL, binary, piece, 1) : pixOpenBrick(NULL, binary, 1, piece);
    if (!runs) return NULL;
    replace(&runs,
            horizontal ? pixCloseBrick(NULL, runs, gap, 3) : pixCloseBrick(NULL, runs, 3, gap));
    replace(&runs,
            horizontal ? pixOpenBrick(NULL, runs, length, 1) : pixOpenBrick(NULL, runs, 1, length));
    return runs;
}

/* Strokes at least `length` px long in one direction. */
static void find_strokes(const struct prep *prep, PIX *binary, float scale, bool horizontal,
                         int length, struct arena *arena, struct content *content, size_t *cap) {
    int letter = (int)(prep_letter_height(prep) / scale);
    int piece = letter * 2 > length ? length : letter * 2 + 3;
    PIX *strokes = long_runs(binary, horizontal, piece, letter / 2 + 5, length);
    BOXA *boxes = strokes ? pixConnCompBB(strokes, 8) : NULL;
    int n = boxes ? boxaGetCount(boxes) : 0;
    float pt = scale * 72 / prep->dpi; // of one pixel of binary
    for (int i = 0; i < n; i++) {
        int x, y, w, h;
        boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
        float thick = (float)(horizontal ? h : w), along = (float)(horizontal ? w : h);
        if (thick * pt > 6 || thick * 8 > along) continue;
        struct rule rule = {.x0 = (float)x * pt, .y0 = (float)y * pt, .width = thick * pt};
        rule.x1 = rule.x0 + (float)w * pt;
        rule.y1 = rule.y0 + (float)h * pt;
        if (horizontal)
            rule.y0 = rule.y1 = (rule.y0 + rule.y1) / 2;
        else
            rule.x0 = rule.x1 = (rule.x0 + rule.x1) / 2;
        add_rule(arena, content, cap, rule);
    }
    boxaDestroy(&boxes);
    pixDestroy(&strokes);
}

void prep_rules(const struct prep *prep, struct arena *arena, struct content *content) {
    if (prep->dpi <= 0) return;
    PIX *binary = pixClone(prep->binary);
    float scale = 1;
    if (prep->dpi >= 250) { // half the resolution is plenty
        replace(&binary, pixReduceRankBinary2(prep->binary, 1, NULL));
        scale = 2;
    }
    float dpi = prep->dpi / scale, letter = prep_letter_height(prep) / scale;
    size_t cap = content->n_rules;
    int wide = (int)fmaxf(dpi * 0.4f, letter * 4), high = (int)fmaxf(dpi * 0.25f, letter * 3);
    find_strokes(prep, binary, scale, true, wide, arena, content, &cap);
    find_strokes(prep, binary, scale, false, high, arena, content, &cap);
    pixDestroy(&binary);
}
