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

enum { GLANCE_LETTERS = 130, STRIP_LETTERS = 220, MAX_LIST = 128 };

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
    TessBaseAPISetVariable(api, "debug_file", "/dev/null"); // chat about diacritics and resolutions
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
    // Packs of languages say this themselves, packs of scripts do not.
    if (lang_without_spaces(languages))
        TessBaseAPISetVariable(ocr->api, "preserve_interword_spaces", "1");
    return STATUS_OK;
}

/* ---- a reading, to judge by ---- */

struct reading {
    char language[MAX_LIST];
    struct str text;  // in the arena
    float confidence; // 0..1, mean over letters; those of words in a foreign script count as 0
    size_t n_letters;
    int turned; // how the page stood, degrees clockwise
};

static bool recognise(TessBaseAPI *api, const struct prep *prep, struct box part,
                      TessPageSegMode mode) {
    const struct bitmap *picture = prep_picture(prep);
    const uint8_t *px = picture->px + (size_t)part.y0 * (size_t)picture->width + (size_t)part.x0;
    // A part is cut out by pointer, not by TessBaseAPISetRectangle: that spoils recognition.
    TessBaseAPISetImage(api, px, part.x1 - part.x0, part.y1 - part.y0, 1, picture->width);
    TessBaseAPISetSourceResolution(api, (int)fmaxf(prep_dpi(prep), 70));
    TessBaseAPISetPageSegMode(api, mode);
    return TessBaseAPIRecognize(api, NULL) == 0;
}

static struct box whole(const struct prep *prep) {
    const struct bitmap *picture = prep_picture(prep);
    return (struct box){0, 0, picture->width, picture->height};
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
        const char *script = lang_script_of_text(str_from(word));
        bool own = *script == '\0' || lang_writes(reading->language, script);
        if (own) sum += (double)n * (double)TessResultIteratorConfidence(it, RIL_WORD) / 100;
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
                                 size_t n_letters, struct arena *scratch) {
    struct reading reading = {.text = {0}};
    snprintf(reading.language, sizeof reading.language, "%s", language);
    struct box strip = whole(prep);
    prep_strip(prep, n_letters, &strip.y0, &strip.y1);
    if (load(ocr, language, NULL) != STATUS_OK) return reading;
    if (recognise(ocr->api, prep, strip, PSM_AUTO)) take_reading(ocr->api, scratch, &reading);
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

enum { N_TRIED = 3, N_LETTERS_SURE = 20, N_LETTERS_TRY = 80 };
static const float CLEARLY_UP = 8;   // votes for upright that leave no doubt; 10 to 50 are usual
static const float SURE = 0.8f;      // upright, and the pack is right: seen 0.85 to 0.97
static const float PLAUSIBLE = 0.5f; // a wrong pack or a page upside down: at most 0.43

static bool is_sure(const struct reading *reading) {
    return reading->confidence >= SURE && reading->n_letters >= N_LETTERS_SURE;
}

struct page { // a page on its way to being read
    struct ocr *ocr;
    struct prep *prep;
    struct arena *scratch;
    int turned; // degrees clockwise so far
    float skew;
    size_t n_letters; // of the strips to read
    struct reading best;
    bool lone;           // best is far from good, but nothing else comes near
    const char *missing; // a language it seems to be in, whose pack is not installed
};

/* The pack for traditional letters reads simplified ones, too, and writes them in traditional form:
 * 0.80 against 0.76 on simplified text, 0.83 against 0.74 on traditional. It must lead clearly. */
static float handicap(const char *code, const char *against) {
    if (strcmp(code, "chi_tra") == 0 && strcmp(against, "chi_sim") == 0) return 0.06f;
    return strcmp(code, "chi_sim") == 0 && strcmp(against, "chi_tra") == 0 ? -0.06f : 0;
}

static void try_language(struct page *page, const char *code) {
    if (!lang_installed(code)) return;
    if (strcmp(page->best.language, code) == 0 && page->best.turned == page->turned) return;
    struct reading reading =
        read_strip(page->ocr, page->prep, code, page->n_letters, page->scratch);
    reading.turned = page->turned;
    if (score(&reading) > score(&page->best) + handicap(code, page->best.language))
        page->best = reading;
}

static void turn_to(struct page *page, int degrees) {
    int by = (degrees - page->turned + 360) % 360;
    if (by == 0) return;
    prep_turn(page->prep, by);
    if (by != 180) page->skew = prep_straighten(page->prep);
    page->turned = degrees;
}

/* The pack to begin with in a script: the only language's, else the script's own. */
static void try_script(struct page *page, const char *script) {
    const char *codes[8];
    size_t n = lang_of_script(script, codes, 8);
    if (n == 0 || lang_writes(page->best.language, script)) return;
    if (strcmp(script, "Han") == 0 || strcmp(script, "Japanese") == 0) {
        try_language(page, "chi_sim");
        try_language(page, "chi_tra");
        try_language(page, "jpn");
        return;
    }
    if (n > 1 && lang_installed(script)) {
        try_language(page, script);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (lang_installed(codes[i])) {
            try_language(page, codes[i]);
            return;
        }
    if (lang_installed(script))
        try_language(page, script);
    else
        page->missing = codes[0];
}

/* Scripts that osd does not know, until one fits. None fits well: then the one that stands out from
 * the others, if there is one: noise is read as noise by every pack alike, but clean Lao scores 0.15
 * with its own pack, which is a poor one, and 0.08 with the next best. */
static void try_rare_scripts(struct page *page) {
    static const char *const codes[] = {"kor", "hye", "kat", "guj", "pan",
                                        "sin", "khm", "mya", "lao", "amh"};
    struct reading before = page->best, first = {.text = {0}};
    float second = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (!lang_installed(codes[i])) continue;
        page->best = (struct reading){.text = {0}};
        try_language(page, codes[i]);
        if (page->best.confidence >= PLAUSIBLE && page->best.n_letters >= N_LETTERS_TRY / 2) return;
        if (page->best.confidence > first.confidence) {
            second = first.confidence;
            first = page->best;
        } else if (page->best.confidence > second) {
            second = page->best.confidence;
        }
    }
    bool stands_out = first.confidence >= 0.12f && first.confidence > 1.7f * second &&
                      first.confidence > 0.9f * before.confidence;
    page->lone = stands_out;
    page->best = stands_out ? first : before;
}

/* Reads strips with the page turned as votes and osd suggest, until one comes out well. */
static void find_way_up(struct page *page, float votes_up) {
    struct reading initial = page->best;
    bool auto_language = page->ocr->given[0] == '\0';
    const char *base = page->best.language;
    char base_copy[MAX_LIST];
    snprintf(base_copy, sizeof base_copy, "%s", base);
    struct detection seen;
    bool detected = detect(page->ocr, page->prep, &seen);
    int start = page->turned, turns[3] = {start}, n = 1;
    if (detected && seen.degrees != 0 && seen.degrees_confidence > 1)
        turns[n++] = (start + seen.degrees) % 360;
    int flipped = (start + 180) % 360;
    if (!(n > 1 && turns[1] == flipped) && (votes_up < -4 || start != 0 || !auto_language))
        turns[n++] = flipped;
    for (int i = 0; i < n; i++) {
        turn_to(page, turns[i]);
        try_language(page, base_copy);
        if (is_sure(&page->best)) return;
        if (detected && auto_language && seen.script_confidence >= 0.5f)
            try_script(page, seen.script);
        if (is_sure(&page->best)) return;
    }
    bool worth_it = auto_language && page->best.confidence < PLAUSIBLE &&
                    prep_n_letters(page->prep) >= N_LETTERS_TRY;
    for (int i = 0; worth_it && i < n && page->best.confidence < PLAUSIBLE; i++) {
        turn_to(page, turns[i]);
        try_rare_scripts(page);
    }
    // A pack that fits a little may be the right one for the page upside down.
    if (worth_it && page->best.confidence < PLAUSIBLE) {
        char language[MAX_LIST];
        snprintf(language, sizeof language, "%s", page->best.language);
        turn_to(page, (page->best.turned + 180) % 360);
        try_language(page, language);
    }
    // Handwriting, drawings: nothing fits, and what fits least badly is chance.
    bool stands_out = page->best.confidence > 0.9f * initial.confidence && page->lone;
    if (page->best.confidence < PLAUSIBLE && !stands_out) page->best = initial;
}

/* Within the script a reading shows: the languages its words point to are tried. */
static void choose_within_script(struct page *page) {
    struct lang_guess guesses[N_TRIED];
    const char *script = lang_script_of_text(page->best.text);
    size_t n = lang_guess(page->best.text, script, guesses, N_TRIED);
    bool same = n > 0 && strcmp(guesses[0].code, page->best.language) == 0;
    if (same && guesses[0].share >= 0.15 && (n == 1 || guesses[1].share < 0.7 * guesses[0].share))
        return;
    // A glance did not settle it: a longer look.
    page->n_letters = STRIP_LETTERS;
    struct reading longer =
        read_strip(page->ocr, page->prep, page->best.language, page->n_letters, page->scratch);
    longer.turned = page->turned;
    if (longer.n_letters > 0) page->best = longer;
    if (strcmp(script, "Han") == 0) {
        try_language(page, "chi_sim");
        try_language(page, "chi_tra");
    }
    script = lang_script_of_text(page->best.text);
    n = lang_guess(page->best.text, script, guesses, N_TRIED);
    if (n > 0 && strcmp(guesses[0].code, page->best.language) == 0) return;
    bool absent = n > 0 && guesses[0].share >= 0.15 && !lang_installed(guesses[0].code);
    if (absent) page->missing = guesses[0].code;
    for (size_t i = 0; i < n; i++)
        if (guesses[i].share > 0.5 * guesses[0].share) try_language(page, guesses[i].code);
    if (absent) try_language(page, script);
}

static const char *default_language(const struct ocr *ocr) {
    if (ocr->given[0]) return ocr->given;
    if (ocr->settled[0]) return ocr->settled;
    return "eng";
}

/* Turns the page upright, levels it and picks the language to read it in. */
static void settle(struct page *page) {
    struct ocr *ocr = page->ocr;
    snprintf(page->best.language, sizeof page->best.language, "%s", default_language(ocr));
    if (prep_lies_on_side(page->prep)) {
        page->turned = 90;
        prep_turn(page->prep, 90);
    }
    page->skew = prep_straighten(page->prep);
    if (prep_n_letters(page->prep) < 10) return;
    struct prep_votes votes = prep_votes(page->prep);
    if (ocr->given[0] && votes.up > CLEARLY_UP) return;
    page->n_letters = GLANCE_LETTERS;
    page->best = read_strip(ocr, page->prep, page->best.language, page->n_letters, page->scratch);
    page->best.turned = page->turned;
    bool plausible = votes.up > CLEARLY_UP && page->best.confidence >= PLAUSIBLE;
    if (!is_sure(&page->best) && !plausible) find_way_up(page, votes.up);
    turn_to(page, page->best.turned);
    if (!ocr->given[0]) choose_within_script(page);
    snprintf(ocr->settled, sizeof ocr->settled, "%s", page->best.language);
}

/* ---- words ---- */

struct collector {
    struct arena *arena;
    struct content *content;
    const struct prep *prep;
    size_t cap;
    struct box part;   // of the picture that was recognised
    struct box *boxes; // of the words, px
    size_t n_first;    // words that were there before this part
    size_t cap_boxes;
    bool close_up; // the language is written without spaces
    bool closed;   // the last word ends with punctuation as wide as a letter
    float pt;      // of a pixel
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
    BOOL bold, italic, underlined, mono, serif, smallcaps;
    int tenths = 0, font = 0;
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
    return confidence < 0.3f && !has_letter(text);
}

/* A bullet is a solid spot about as high as wide; Tesseract knows no such letter and calls it e, *, «
 * or whatever comes near. */
static bool is_bullet(const struct prep *prep, struct str text, struct box box, float size) {
    if (utf8_length(text) > 1) return false;
    prep_tighten(prep, &box);
    int w = box.x1 - box.x0, h = box.y1 - box.y0;
    if (w < 3 || h < 3 || 4 * w > 5 * h || 4 * h > 5 * w) return false;
    if ((float)h < 0.12f * size || (float)h > 0.55f * size) return false;
    return prep_ink(prep, box) > 0.68f; // a full circle has 0.785
}

/* Punctuation that fills a whole square: the white beside its ink is no space. */
static bool is_wide_punctuation(uint32_t c) {
    return (c >= 0x3001 && c <= 0x3003) || (c >= 0x3008 && c <= 0x3011) || c == 0xff01 ||
           c == 0xff08 || c == 0xff09 || c == 0xff0c || c == 0xff0e || c == 0xff1a || c == 0xff1b ||
           c == 0xff1f;
}

static bool touches_wide_punctuation(struct collector *to, struct str text) {
    uint32_t c = 0, first = 0;
    bool closed = to->closed;
    for (struct str rest = text; utf8_next(&rest, &c);)
        if (!first) first = c;
    to->closed = is_wide_punctuation(c);
    return closed || is_wide_punctuation(first);
}

/* Greek words come with the micro sign for mu, which even NFC leaves alone. */
static struct str mend_letters(struct arena *arena, struct str text) {
    size_t at = str_find(text, STR("\xc2\xb5"));
    if (at == text.n || strcmp(lang_script_of_text(text), "Greek") != 0) return text;
    char *copy = arena_alloc(arena, text.n + 1);
    memcpy(copy, text.s, text.n);
    for (size_t i = at; i + 1 < text.n; i++)
        if (memcmp(copy + i, "\xc2\xb5", 2) == 0) memcpy(copy + i, "\xce\xbc", 2);
    return (struct str){copy, text.n};
}

static bool is_taken(const struct collector *to, struct box box) {
    int x = (box.x0 + box.x1) / 2, y = (box.y0 + box.y1) / 2;
    for (size_t i = 0; i < to->n_first; i++) {
        const struct box *b = &to->boxes[i];
        if (x >= b->x0 && x <= b->x1 && y >= b->y0 && y <= b->y1) return true;
    }
    return false;
}

static void add_word(struct collector *to, struct str text, struct box box, float baseline,
                     float size, bool space, float confidence) {
    struct word *word = new_word(to);
    to->boxes = mem_grow(to->boxes, to->content->n_words - 1, &to->cap_boxes, sizeof *to->boxes);
    to->boxes[to->content->n_words - 1] = box;
    *word = (struct word){
        .text = text,
        .bbox = {(float)box.x0 * to->pt, (float)box.y0 * to->pt, (float)box.x1 * to->pt,
                 (float)box.y1 * to->pt},
        .baseline = baseline * to->pt,
        .size = size * to->pt,
        .flags = (space ? WORD_SPACE_BEFORE : 0) | (is_right_to_left(text) ? WORD_RTL : 0),
        .confidence = fminf(fmaxf(confidence, 0), 1),
    };
    size_t n = utf8_length(text);
    to->n_letters += n;
    to->confidence_sum += (double)n * (double)word->confidence;
}

static void take_word(TessResultIterator *it, const char *raw, bool space, struct collector *to) {
    const TessPageIterator *page = TessResultIteratorGetPageIteratorConst(it);
    struct box box;
    int x0, y0, x1, y1;
    float confidence = TessResultIteratorConfidence(it, RIL_WORD) / 100;
    struct str text = str_trim(utf8_clean(to->arena, str_from(raw)));
    if (!TessPageIteratorBoundingBox(page, RIL_WORD, &box.x0, &box.y0, &box.x1, &box.y1)) return;
    float baseline = (float)box.y1, size = row_height(it) / 1.03f;
    if (TessPageIteratorBaseline(page, RIL_WORD, &x0, &y0, &x1, &y1))
        baseline = (float)(y0 + y1) / 2;
    if (size < 1) size = (float)(box.y1 - box.y0);
    box = (struct box){box.x0 + to->part.x0, box.y0 + to->part.y0, box.x1 + to->part.x0,
                       box.y1 + to->part.y0};
    if (TessPageIteratorIsAtBeginningOf(page, RIL_TEXTLINE) &&
        is_bullet(to->prep, text, box, size)) {
        text = STR("\xe2\x80\xa2");
        confidence = fmaxf(confidence, 0.9f);
    }
    if (is_garbage(text, confidence)) return;
    if (is_taken(to, box)) return;
    if (to->close_up && touches_wide_punctuation(to, text)) space = false;
    add_word(to, mend_letters(to->arena, text), box, baseline + (float)to->part.y0, size, space,
             confidence);
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

/* ---- a second look ---- */

static bool same_line(const struct box *a, const struct box *b) {
    int overlap = (a->y1 < b->y1 ? a->y1 : b->y1) - (a->y0 > b->y0 ? a->y0 : b->y0);
    int lower = a->y1 - a->y0 < b->y1 - b->y0 ? a->y1 - a->y0 : b->y1 - b->y0;
    return 2 * overlap > lower;
}

/* Read without layout, a word's box may reach over its neighbours: cuts it off at the next word. */
static void part_boxes(struct collector *to, size_t from) {
    for (size_t i = from; i + 1 < to->content->n_words; i++) {
        struct box *a = &to->boxes[i], *b = &to->boxes[i + 1];
        if (!same_line(a, b)) continue;
        if (b->x0 > a->x0 && a->x1 > b->x0)
            a->x1 = b->x0;
        else if (b->x1 < a->x1 && a->x0 < b->x1)
            a->x0 = b->x1;
        to->content->words[i].bbox.x0 = (float)a->x0 * to->pt;
        to->content->words[i].bbox.x1 = (float)a->x1 * to->pt;
    }
}

/* Takes the words from `from` on back unless they came out well on the whole. */
static void keep_if_sound(struct collector *to, size_t from) {
    double sum = 0, n = 0;
    for (size_t i = from; i < to->content->n_words; i++) {
        double length = (double)utf8_length(to->content->words[i].text);
        sum += length * (double)to->content->words[i].confidence;
        n += length;
    }
    if (n >= 2 && sum >= 0.6 * n) return;
    to->content->n_words = from;
    to->confidence_sum -= sum;
    to->n_letters -= (size_t)n;
}

/* Moves the words from `from` on to where they belong: before the first word that lies below them. */
static void put_in_place(struct collector *to, size_t from) {
    struct content *content = to->content;
    size_t n = content->n_words - from, at = 0;
    if (n == 0) return;
    const struct box *first = &to->boxes[from];
    while (at < from && !(to->boxes[at].y0 >= first->y1 && to->boxes[at].x0 < first->x1 &&
                          to->boxes[at].x1 > first->x0))
        at++;
    if (at == from) return;
    while (at > 0 && same_line(&to->boxes[at - 1], &to->boxes[at])) at--;
    struct word *words = mem_alloc(mem_product(n, sizeof *words));
    struct box *boxes = mem_alloc(mem_product(n, sizeof *boxes));
    memcpy(words, content->words + from, n * sizeof *words);
    memcpy(boxes, to->boxes + from, n * sizeof *boxes);
    memmove(content->words + at + n, content->words + at, (from - at) * sizeof *words);
    memmove(to->boxes + at + n, to->boxes + at, (from - at) * sizeof *boxes);
    memcpy(content->words + at, words, n * sizeof *words);
    memcpy(to->boxes + at, boxes, n * sizeof *boxes);
    mem_free(words);
    mem_free(boxes);
}

enum { MAX_SECOND_LOOKS = 6 };

/* Tesseract's page layout at times passes over a heading or a block. Where letters stand outside
 * all words the place is read by itself; only what comes out well is taken. */
static void look_again_at_gaps(struct ocr *ocr, const struct prep *prep, struct collector *to) {
    struct box regions[MAX_SECOND_LOOKS];
    size_t n = prep_uncovered(prep, to->boxes, to->content->n_words, regions, MAX_SECOND_LOOKS);
    for (size_t i = 0; i < n; i++) {
        bool line = (float)(regions[i].y1 - regions[i].y0) < 3.2f * prep_letter_height(prep);
        size_t from = to->content->n_words;
        to->part = regions[i];
        to->n_first = from;
        // Words in bold Gurmukhi or Devanagari are one long component each, which page layout takes
        // for a drawing even when it is told that this is a line: then without layout.
        const TessPageSegMode modes[] = {line ? PSM_SINGLE_LINE : PSM_SINGLE_BLOCK, PSM_RAW_LINE};
        for (int m = 0; m < (line ? 2 : 1) && to->content->n_words == from; m++) {
            if (recognise(ocr->api, prep, regions[i], modes[m])) take_words(ocr->api, to);
            keep_if_sound(to, from);
        }
        part_boxes(to, from);
        put_in_place(to, from);
    }
}

/* ---- a page ---- */

static void fill_info(struct page_info *info, const struct page *page, struct arena *arena) {
    const struct bitmap *picture = prep_picture(page->prep);
    float pt = 72 / prep_dpi(page->prep);
    info->width = (float)picture->width * pt;
    info->height = (float)picture->height * pt;
    info->rotation = page->turned;
    info->skew_deg = page->skew;
    info->engine = ENGINE_TESSERACT;
    info->language = arena_str(arena, str_from(page->best.language));
    if (!page->missing) return;
    char package[64];
    lang_package(page->missing, package);
    info->state = PAGE_DEGRADED;
    info->message =
        arena_printf(arena, "looks like language %s: install %s", page->missing, package);
}

static void hand_over(const struct prep *prep, struct bitmap *prepared) {
    const struct bitmap *picture = prep_picture(prep);
    *prepared = *picture;
    size_t n = (size_t)picture->width * (size_t)picture->height;
    prepared->px = mem_alloc(n);
    memcpy(prepared->px, picture->px, n);
}

static enum status read_page(struct page *page, struct arena *arena, struct content *content,
                             struct error *err) {
    struct ocr *ocr = page->ocr;
    prep_finish(page->prep, ocr->max_pixels);
    settle(page);
    TRY(load(ocr, page->best.language, err));
    fill_info(&content->info, page, arena);
    if (!recognise(ocr->api, page->prep, whole(page->prep), PSM_AUTO))
        return fail(err, STATUS_FORMAT, "Tesseract gave up on the page");
    struct collector to = {.arena = arena,
                           .content = content,
                           .prep = page->prep,
                           .close_up = lang_without_spaces(page->best.language),
                           .pt = 72 / prep_dpi(page->prep)};
    content->styles = ARENA_NEW(arena, struct style); // Tesseract knows no fonts: one for all words
    content->n_styles = 1;
    take_words(ocr->api, &to);
    look_again_at_gaps(ocr, page->prep, &to);
    mem_free(to.boxes);
    content->info.confidence =
        to.n_letters > 0 ? (float)(to.confidence_sum / (double)to.n_letters) : 0;
    prep_rules(page->prep, arena, content);
    return STATUS_OK;
}

enum status ocr_read(struct ocr *ocr, struct bitmap *picture, struct arena *arena,
                     struct content *content, struct bitmap *prepared, struct error *err) {
    struct page page = {.ocr = ocr};
    cap_threads();
    TRY(prep_new(picture, &page.prep, err));
    page.scratch = arena_new();
    enum status status = read_page(&page, arena, content, err);
    if (status == STATUS_OK && prepared) hand_over(page.prep, prepared);
    arena_free(page.scratch);
    prep_free(page.prep);
    return status;
}
