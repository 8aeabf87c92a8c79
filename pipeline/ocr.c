/*
 * pipeline/ocr.c - see ocr.h. Tesseract's home.
 *
 *   picture --> prep: level, upright? --> a strip read --> which way up, which language
 *                                                    '--> the page read --> words --> content
 *
 * Reading a strip of a few lines costs a tenth of a page and answers what decides about the rest:
 * letters come out with confidence above 0.8 only when the page stands upright and the pack is of
 * the right script. Tesseract's own script detection (osd) is asked only when they do not; it knows
 * neither Armenian nor Georgian, Gujarati, Khmer, Korean, Lao, Myanmar or Sinhala and takes them
 * for others, so what it says is tried, not believed.
 */
#include "pipeline/ocr.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tesseract/capi.h>

#include "pipeline/lang.h"
#include "pipeline/prep.h"
#include "util/arena.h"
#include "util/mem.h"

enum { STRIP_LETTERS = 220, MAX_LIST = 128 };

struct ocr {
    TessBaseAPI *api, *osd; // NULL until needed
    char loaded[MAX_LIST];  // languages in api
    char given[MAX_LIST];   // by the caller; "" when they are to be found out
    char settled[MAX_LIST]; // found out on an earlier page
    size_t max_pixels;
};

/* Tesseract's OpenMP threads make it 5 to 9 times slower on one page. The limit is one of the
 * calling thread, so it is set whenever we are about to recognise (measured: 7.9 s and 0.87 s). */
static void cap_threads(void) {
    void (*set_levels)(int) = NULL;
    *(void **)&set_levels = dlsym(RTLD_DEFAULT, "omp_set_max_active_levels");
    if (set_levels) set_levels(0);
}

enum status ocr_open(const struct ocr_options *options, struct ocr **out, struct error *err) {
    *out = NULL;
    if (options->lang) {
        if (strlen(options->lang) >= MAX_LIST)
            return fail(err, STATUS_ARG, "too many languages: %s", options->lang);
        TRY(lang_check(options->lang, err));
    }
    struct ocr *ocr = mem_alloc(sizeof *ocr);
    ocr->max_pixels = options->max_pixels;
    snprintf(ocr->given, sizeof ocr->given, "%s", options->lang ? options->lang : "");
    *out = ocr;
    return STATUS_OK;
}

static void end_api(TessBaseAPI *api) {
    if (!api) return;
    TessBaseAPIEnd(api);
    TessBaseAPIDelete(api);
}

void ocr_close(struct ocr *ocr) {
    if (!ocr) return;
    end_api(ocr->api);
    end_api(ocr->osd);
    mem_free(ocr);
}

static TessBaseAPI *start_api(const char *languages) {
    TessBaseAPI *api = TessBaseAPICreate();
    if (!api) mem_exhausted(1);
    if (TessBaseAPIInit3(api, lang_folder(), languages) == 0) return api;
    end_api(api);
    return NULL;
}

static enum status load(struct ocr *ocr, const char *languages, struct error *err) {
    if (ocr->api && strcmp(ocr->loaded, languages) == 0) return STATUS_OK;
    end_api(ocr->api);
    ocr->loaded[0] = '\0';
    ocr->api = start_api(languages);
    if (!ocr->api)
        return fail(err, STATUS_FORMAT, "Tesseract cannot load %s from %s", languages,
                    lang_folder());
    snprintf(ocr->loaded, sizeof ocr->loaded, "%s", languages);
    return STATUS_OK;
}

/* ---- a reading, to judge by ---- */

struct reading {
    char language[MAX_LIST];
    struct str text;  // in the arena
    float confidence; // 0..1, mean over letters
    size_t n_letters;
};

static bool recognise(TessBaseAPI *api, const struct prep *prep, int y0, int y1,
                      TessPageSegMode mode) {
    const struct bitmap *picture = prep_picture(prep);
    // Rows cut out by pointer, not by TessBaseAPISetRectangle: with that, recognition suffers.
    TessBaseAPISetImage(api, picture->px + (size_t)y0 * (size_t)picture->width, picture->width,
                        y1 - y0, 1, picture->width);
    TessBaseAPISetSourceResolution(api, (int)fmaxf(prep_dpi(prep), 70));
    TessBaseAPISetPageSegMode(api, mode);
    return TessBaseAPIRecognize(api, NULL) == 0;
}

static void take_reading(TessBaseAPI *api, struct arena *arena, struct reading *reading) {
    struct buf text;
    double sum = 0;
    buf_open(&text, 1 << 20);
    TessResultIterator *it = TessBaseAPIGetIterator(api);
    do {
        char *word = it ? TessResultIteratorGetUTF8Text(it, RIL_WORD) : NULL;
        if (!word) continue;
        size_t n = utf8_length(str_from(word));
        sum += (double)n * (double)TessResultIteratorConfidence(it, RIL_WORD) / 100;
        reading->n_letters += n;
        buf_puts(&text, word);
        buf_putc(&text, ' ');
        TessDeleteText(word);
    } while (it && TessResultIteratorNext(it, RIL_WORD));
    if (it) TessResultIteratorDelete(it);
    reading->text = arena_str(arena, buf_str(&text));
    reading->confidence = reading->n_letters > 0 ? (float)(sum / (double)reading->n_letters) : 0;
    buf_close(&text);
}

/* Reads a few lines in a language. A pack that cannot be loaded reads nothing. */
static struct reading read_strip(struct ocr *ocr, const struct prep *prep, const char *language,
                                 struct arena *scratch) {
    struct reading reading = {.text = {0}};
    snprintf(reading.language, sizeof reading.language, "%s", language);
    int y0 = 0, y1 = prep_picture(prep)->height;
    prep_strip(prep, STRIP_LETTERS, &y0, &y1);
    if (load(ocr, language, NULL) != STATUS_OK) return reading;
    if (recognise(ocr->api, prep, y0, y1, PSM_AUTO)) take_reading(ocr->api, scratch, &reading);
    return reading;
}

/* ---- which way up, which script ---- */

struct detection {
    int degrees; // clockwise turn that makes the page upright
    float degrees_confidence, script_confidence;
    char script[40];
};

static bool detect(struct ocr *ocr, const struct prep *prep, struct detection *out) {
    *out = (struct detection){0};
    if (!ocr->osd && lang_installed("osd")) ocr->osd = start_api("osd");
    if (!ocr->osd) return false;
    const struct bitmap *picture = prep_picture(prep);
    TessBaseAPISetPageSegMode(ocr->osd, PSM_OSD_ONLY);
    TessBaseAPISetImage(ocr->osd, picture->px, picture->width, picture->height, 1, picture->width);
    TessBaseAPISetSourceResolution(ocr->osd, (int)fmaxf(prep_dpi(prep), 70));
    const char *script = NULL;
    int degrees = 0;
    if (!TessBaseAPIDetectOrientationScript(ocr->osd, &degrees, &out->degrees_confidence, &script,
                                            &out->script_confidence))
        return false;
    out->degrees = (360 - degrees) % 360;
    snprintf(out->script, sizeof out->script, "%s", script ? script : "");
    return true;
}

static float score(const struct reading *reading) {
    struct lang_guess guesses[64];
    size_t n = lang_guess(reading->text, lang_script_of_text(reading->text), guesses, 64);
    double share = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(guesses[i].code, reading->language) == 0) share = guesses[i].share;
    return reading->confidence + 0.3f * (float)share;
}

static void try_language(struct ocr *ocr, const struct prep *prep, const char *code,
                         struct reading *best, struct arena *scratch) {
    if (!lang_installed(code) || strcmp(best->language, code) == 0) return;
    struct reading reading = read_strip(ocr, prep, code, scratch);
    if (score(&reading) > score(best)) *best = reading;
}

enum { N_TRIED = 3, SURE_PERCENT = 80 };

static bool is_sure(const struct reading *reading) {
    return reading->confidence * 100 >= SURE_PERCENT && reading->n_letters >= 20;
}

/* Within the script a reading shows: the languages its words point to are tried. missing receives
 * the code of the likeliest one when its pack is not installed. */
static void choose_within_script(struct ocr *ocr, const struct prep *prep, struct reading *best,
                                 const char **missing, struct arena *scratch) {
    struct lang_guess guesses[N_TRIED];
    const char *script = lang_script_of_text(best->text);
    size_t n = lang_guess(best->text, script, guesses, N_TRIED);
    *missing = NULL;
    if (n > 0 && strcmp(guesses[0].code, best->language) == 0) return;
    if (n > 0 && guesses[0].share >= 0.15 && !lang_installed(guesses[0].code))
        *missing = guesses[0].code;
    for (size_t i = 0; i < n; i++)
        if (guesses[i].share > 0.5 * guesses[0].share)
            try_language(ocr, prep, guesses[i].code, best, scratch);
    if (n == 0 || *missing) try_language(ocr, prep, script, best, scratch);
}

static void try_script(struct ocr *ocr, const struct prep *prep, const char *script,
                       struct reading *best, struct arena *scratch) {
    const char *codes[8];
    size_t n = lang_of_script(script, codes, 8);
    if (n == 0) return;
    bool one_by_one = strcmp(script, "Han") == 0;
    if (!one_by_one && lang_installed(script))
        try_language(ocr, prep, script, best, scratch);
    else
        for (size_t i = 0; i < (one_by_one ? 2 : 1) && i < n; i++)
            try_language(ocr, prep, codes[i], best, scratch);
}

/* Scripts that osd does not know. */
static const char *const unknown_to_osd[] = {"kor", "hye", "kat", "guj", "pan",
                                             "sin", "khm", "lao", "mya", "tha"};

static void try_rare_scripts(struct ocr *ocr, const struct prep *prep, struct reading *best,
                             struct arena *scratch) {
    for (size_t i = 0; i < sizeof unknown_to_osd / sizeof *unknown_to_osd; i++)
        try_language(ocr, prep, unknown_to_osd[i], best, scratch);
}

static const char *default_language(const struct ocr *ocr) {
    if (ocr->given[0]) return ocr->given;
    if (ocr->settled[0]) return ocr->settled;
    return "eng";
}

/* Turns the page upright and picks the language to read it in. */
static int settle(struct ocr *ocr, struct prep *prep, struct reading *chosen, const char **missing,
                  float *skew, struct arena *scratch) {
    int turned = 0;
    *missing = NULL;
    snprintf(chosen->language, sizeof chosen->language, "%s", default_language(ocr));
    if (prep_lies_on_side(prep)) {
        turned = 90;
        prep_turn(prep, 90);
    }
    if (prep_n_letters(prep) < 10) return turned;
    *skew = prep_straighten(prep);
    struct prep_votes votes = prep_votes(prep);
    if (votes.up < -8) {
        turned += 180;
        prep_turn(prep, 180);
    }
    struct reading best = read_strip(ocr, prep, chosen->language, scratch);
    if (!is_sure(&best)) {
        struct detection seen;
        if (detect(ocr, prep, &seen)) {
            if (seen.degrees != 0 && seen.degrees_confidence > 5) {
                turned += seen.degrees;
                prep_turn(prep, seen.degrees);
                if (seen.degrees != 180) *skew = prep_straighten(prep);
                best = read_strip(ocr, prep, chosen->language, scratch);
            }
            if (!ocr->given[0]) try_script(ocr, prep, seen.script, &best, scratch);
        }
        if (!ocr->given[0] && !is_sure(&best)) try_rare_scripts(ocr, prep, &best, scratch);
    }
    if (!ocr->given[0]) choose_within_script(ocr, prep, &best, missing, scratch);
    *chosen = best;
    snprintf(ocr->settled, sizeof ocr->settled, "%s", best.language);
    return turned % 360;
}

/* ---- words ---- */

struct collector {
    struct arena *arena;
    struct content *content;
    size_t cap;
    float pt; // of a pixel
    double confidence_sum;
    size_t n_letters;
};

static struct word *new_word(struct collector *to) {
    struct content *content = to->content;
    content->words =
        arena_grow(to->arena, content->words, content->n_words, &to->cap, sizeof *content->words);
    return &content->words[content->n_words++];
}

/* Height of the line's letters from the top of ascenders to the foot of descenders, px. The C
 * interface has it only as a rounded point size, so it is asked for at a resolution at which a point
 * is a tenth of a pixel. */
enum { TENTH_PX_DPI = 7 };

static float row_height(TessResultIterator *it) {
    bool b;
    BOOL bold, italic, underlined, mono, serif, smallcaps;
    int tenths = 0, font = 0;
    (void)b;
    TessResultIteratorWordFontAttributes(it, &bold, &italic, &underlined, &mono, &serif, &smallcaps,
                                         &tenths, &font);
    return (float)tenths * TENTH_PX_DPI / 72;
}

static bool is_right_to_left(struct str text) {
    uint32_t c;
    int rtl = 0;
    while (utf8_next(&text, &c)) {
        if ((c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfeff))
            rtl++;
        else if (c >= 'A')
            rtl--;
    }
    return rtl > 0;
}

static bool has_letter(struct str text) {
    uint32_t c;
    while (utf8_next(&text, &c))
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0xc0)
            return true;
    return false;
}

static bool is_garbage(struct str text, float confidence) {
    if (text.n == 0) return true;
    return confidence < (has_letter(text) ? 0.15f : 0.3f);
}

static void take_word(TessResultIterator *it, const char *raw, bool space, struct collector *to) {
    const TessPageIterator *page = TessResultIteratorGetPageIteratorConst(it);
    int x0, y0, x1, y1, bx0, by0, bx1, by1;
    float confidence = TessResultIteratorConfidence(it, RIL_WORD) / 100;
    struct str text = str_trim(utf8_clean(to->arena, str_from(raw)));
    if (is_garbage(text, confidence)) return;
    if (!TessPageIteratorBoundingBox(page, RIL_WORD, &x0, &y0, &x1, &y1)) return;
    float baseline = (float)y1, size = row_height(it) / 0.93f;
    if (TessPageIteratorBaseline(page, RIL_WORD, &bx0, &by0, &bx1, &by1))
        baseline = (float)(by0 + by1) / 2;
    if (size < 1) size = (float)(y1 - y0);
    struct word *word = new_word(to);
    *word = (struct word){
        .text = text,
        .bbox = {(float)x0 * to->pt, (float)y0 * to->pt, (float)x1 * to->pt, (float)y1 * to->pt},
        .baseline = baseline * to->pt,
        .size = size * to->pt,
        .flags = (space ? WORD_SPACE_BEFORE : 0) | (is_right_to_left(text) ? WORD_RTL : 0),
        .confidence = fminf(fmaxf(confidence, 0), 1),
    };
    size_t n = utf8_length(text);
    to->n_letters += n;
    to->confidence_sum += (double)n * (double)word->confidence;
}

/* True when the line's text has white space where the word ends; steps over both. In languages
 * that write without spaces Tesseract's "words" are runs of glyphs. */
static bool step_over(struct str *line, const char *word) {
    size_t at = str_find(*line, str_from(word));
    if (at == line->n) return true;
    bool space = at > 0;
    *line = str_sub(*line, at + strlen(word), line->n);
    return space;
}

static void take_words(TessBaseAPI *api, struct collector *to) {
    BOOL spaces_are_kept = 0;
    TessBaseAPIGetBoolVariable(api, "preserve_interword_spaces", &spaces_are_kept);
    TessBaseAPISetSourceResolution(api, TENTH_PX_DPI);
    TessResultIterator *it = TessBaseAPIGetIterator(api);
    if (!it) return;
    char *line = NULL;
    struct str rest = {0};
    do {
        const TessPageIterator *page = TessResultIteratorGetPageIteratorConst(it);
        if (spaces_are_kept && TessPageIteratorIsAtBeginningOf(page, RIL_TEXTLINE)) {
            if (line) TessDeleteText(line);
            line = TessResultIteratorGetUTF8Text(it, RIL_TEXTLINE);
            rest = str_from(line);
        }
        char *word = TessResultIteratorGetUTF8Text(it, RIL_WORD);
        if (!word) continue;
        take_word(it, word, !line || step_over(&rest, word), to);
        TessDeleteText(word);
    } while (TessResultIteratorNext(it, RIL_WORD));
    if (line) TessDeleteText(line);
    TessResultIteratorDelete(it);
}

/* ---- a page ---- */

static void fill_info(struct page_info *info, const struct prep *prep, int turned, float skew,
                      const char *language, struct arena *arena) {
    const struct bitmap *picture = prep_picture(prep);
    float pt = 72 / prep_dpi(prep);
    info->width = (float)picture->width * pt;
    info->height = (float)picture->height * pt;
    info->rotation = turned;
    info->skew_deg = skew;
    info->engine = ENGINE_TESSERACT;
    info->language = arena_str(arena, str_from(language));
}

static void say_missing(struct page_info *info, const char *code, struct arena *arena) {
    char package[64];
    lang_package(code, package);
    info->state = PAGE_DEGRADED;
    info->message = arena_printf(arena, "looks like language %s: install %s", code, package);
}

static void hand_over(const struct prep *prep, struct bitmap *prepared) {
    const struct bitmap *picture = prep_picture(prep);
    *prepared = *picture;
    size_t n = (size_t)picture->width * (size_t)picture->height;
    prepared->px = mem_alloc(n);
    memcpy(prepared->px, picture->px, n);
}

enum status ocr_read(struct ocr *ocr, struct bitmap *picture, struct arena *arena,
                     struct content *content, struct bitmap *prepared, struct error *err) {
    struct prep *prep = NULL;
    struct reading chosen = {.text = {0}};
    const char *missing = NULL;
    float skew = 0;
    cap_threads();
    TRY(prep_new(picture, &prep, err));
    struct arena *scratch = arena_new();
    prep_finish(prep, ocr->max_pixels);
    int turned = settle(ocr, prep, &chosen, &missing, &skew, scratch);
    enum status status = load(ocr, chosen.language, err);
    if (status != STATUS_OK) goto out;
    fill_info(&content->info, prep, turned, skew, chosen.language, arena);
    if (missing) say_missing(&content->info, missing, arena);
    if (!recognise(ocr->api, prep, 0, prep_picture(prep)->height, PSM_AUTO)) {
        status = fail(err, STATUS_FORMAT, "Tesseract gave up on the page");
        goto out;
    }
    struct collector to = {.arena = arena, .content = content, .pt = 72 / prep_dpi(prep)};
    content->styles = ARENA_NEW(arena, struct style); // Tesseract knows no fonts: one for all words
    content->n_styles = 1;
    take_words(ocr->api, &to);
    content->info.confidence =
        to.n_letters > 0 ? (float)(to.confidence_sum / (double)to.n_letters) : 0;
    prep_rules(prep, arena, content);
    if (prepared) hand_over(prep, prepared);
out:
    arena_free(scratch);
    prep_free(prep);
    return status;
}
