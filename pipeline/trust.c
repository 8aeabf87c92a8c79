/*
 * pipeline/trust.c - see trust.h.
 *
 * Only statistics that hold in every language are used, and each asks for enough evidence: a page of
 * numbers, formulas or program text must pass. Latin letters are judged by their vowels (no language
 * written in them has less than a quarter, and few words have none), all scripts by whether letters
 * keep to themselves: lost encodings mix letters with punctuation and capitals inside words.
 */
#include "pipeline/trust.h"

#include <string.h>

#include <unictype.h>

enum {
    ENOUGH_CHARS = 60,   // to judge a page by its characters
    ENOUGH_LETTERS = 80, // to judge it by its vowels
    ENOUGH_WORDS = 12,   // to judge it by its words
    FEW_WORDS = 20,      // beside a picture that fills the page
    MAX_WORDS = 4000,    // looked at on one page
};

enum letter_class { NO_LETTER, LATIN, CYRILLIC, GREEK, EAST_ASIAN, OTHER_LETTER, MARK };

static enum letter_class classify(uint32_t c) {
    if (c < 0x41) return NO_LETTER;
    if ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128) return LATIN;
    if (c < 0xaa) return NO_LETTER;
    if (uc_is_general_category(c, UC_CATEGORY_M)) return MARK;
    if (!uc_is_general_category(c, UC_CATEGORY_L)) return NO_LETTER;
    if (c <= 0x24f || (c >= 0x1e00 && c <= 0x1eff)) return LATIN;
    if (c >= 0x370 && c <= 0x3ff) return GREEK;
    if (c >= 0x400 && c <= 0x52f) return CYRILLIC;
    if ((c >= 0x2e80 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfaff) ||
        (c >= 0xff00 && c <= 0xffef))
        return EAST_ASIAN;
    return OTHER_LETTER;
}

static bool is_upper(uint32_t c) {
    return c < 128 ? c >= 'A' && c <= 'Z' : uc_is_general_category(c, UC_CATEGORY_Lu);
}

/* Letters with marks count as vowels: nearly all of them are, and the rest does no harm. */
static bool is_latin_vowel(uint32_t c) {
    return c >= 0xc0 || (c < 128 && strchr("aeiouyAEIOUY", (int)c));
}

/* What one word consists of. */
struct makeup {
    int n, n_letters, n_latin, n_vowels, n_digits, n_odd;
    int n_latin1;   // of the upper half of Latin-1
    bool is_mixed;  // letters of scripts that never share a word
    int n_rises;    // capitals behind small letters
    bool all_upper; // no small letter
};

/* Punctuation that prose seldom uses, and what the upper half of Latin-1 holds instead of letters. */
static bool is_odd(uint32_t c) {
    if (c < 128) return c && strchr("!\"#&*;<>?@[\\]^`{|}~", (int)c);
    return (c >= 0xa1 && c <= 0xbf && c != 0xa7 && c != 0xab && c != 0xad && c != 0xb0 &&
            c != 0xb7 && c != 0xbb && c != 0xbf && c != 0xa9 && c != 0xae && c != 0xaa &&
            c != 0xba) ||
           c == 0xfffd || (c >= 0xe000 && c <= 0xf8ff);
}

static struct makeup makeup_of(struct str word) {
    struct makeup m = {.all_upper = true};
    unsigned scripts = 0;
    const uc_script_t *other = NULL;
    uint32_t c, last = 0;
    bool small = false;
    while (utf8_next(&word, &c)) {
        enum letter_class class = classify(c);
        if (class == MARK) continue;
        m.n++;
        m.n_latin1 += c >= 0xa1 && c <= 0xff;
        if (class == NO_LETTER) {
            m.n_digits += c >= '0' && c <= '9';
            m.n_odd += is_odd(c) && c != last;
            small = false;
        } else {
            m.n_letters++;
            scripts |= 1u << class;
            if (class == OTHER_LETTER) {
                const uc_script_t *script = uc_script(c);
                m.is_mixed |= other && script != other;
                other = script;
            }
            m.n_latin += class == LATIN;
            m.n_vowels += class == LATIN && is_latin_vowel(c);
            bool upper = class != OTHER_LETTER && is_upper(c);
            m.n_rises += upper && small;
            m.all_upper &= upper || class == OTHER_LETTER;
            small = class != OTHER_LETTER && !upper;
        }
        last = c;
    }
    // Latin letters stand beside those of Asia in words that are not parted by spaces
    unsigned alphabets = scripts & (1u << LATIN | 1u << CYRILLIC | 1u << GREEK);
    m.is_mixed |= (alphabets & (alphabets - 1)) != 0;
    return m;
}

struct tally {
    int n_words, n_chars, n_latin, n_vowels, n_odd, n_latin1;
    int n_latin_words, n_no_vowel; // words of four and more Latin letters; those without a vowel
    int n_letter_words, n_mixed,
        n_rises; // words of four and more letters; with several scripts, ...
};

/* Addresses and paths, file and variable names: letters in them follow no language. */
static bool is_name(struct str word) {
    for (size_t i = 1; i + 1 < word.n; i++) {
        if (word.s[i] && strchr("./@_\\:", word.s[i])) return true;
    }
    return false;
}

static struct tally count(const struct content *content) {
    struct tally t = {0};
    for (size_t i = 0; i < content->n_words && t.n_words < MAX_WORDS; i++) {
        struct makeup m = makeup_of(content->words[i].text);
        t.n_words++;
        t.n_chars += m.n;
        t.n_odd += m.n_odd;
        t.n_latin1 += m.n_latin1;
        if (m.n_latin == m.n_letters && m.n_letters >= 4 && !is_name(content->words[i].text)) {
            t.n_latin += m.n_latin;
            t.n_vowels += m.n_vowels;
            bool abbreviation = m.all_upper && m.n_letters <= 6;
            t.n_latin_words += !abbreviation;
            t.n_no_vowel += !abbreviation && m.n_vowels == 0;
        }
        if (m.n_letters < 4) continue;
        t.n_letter_words++;
        t.n_mixed += m.is_mixed;
        t.n_rises += m.n_rises > 0;
    }
    return t;
}

bool trust_looks_garbled(const struct content *content) {
    struct tally t = count(content);
    if (t.n_chars < ENOUGH_CHARS) return false;
    bool enough = t.n_latin_words >= ENOUGH_WORDS;
    if (enough && t.n_no_vowel * 100 > 28 * t.n_latin_words) return true;
    int least_share = t.n_latin >= 3 * ENOUGH_LETTERS ? 24 : 20;
    if (t.n_latin >= ENOUGH_LETTERS && t.n_vowels * 100 < least_share * t.n_latin) return true;
    enough = t.n_letter_words >= ENOUGH_WORDS;
    if (enough && t.n_mixed * 100 > 40 * t.n_letter_words) return true;
    if (enough && t.n_rises * 100 > 45 * t.n_letter_words) return true;
    if (t.n_latin1 * 100 > 45 * t.n_chars) return true; // another code page read as Latin-1
    return t.n_odd * 100 > 30 * t.n_chars;
}

static bool is_sane(struct str word) {
    struct makeup m = makeup_of(word);
    if (m.n_odd * 3 > m.n) return false;
    if (m.n_digits > 0 && m.n_digits + m.n_odd >= m.n / 2) return true;
    if (m.n_letters == 0) return m.n <= 2;
    if (m.is_mixed || m.n_rises > 1) return false;
    if (m.n_letters * 3 < m.n * 2) return m.n <= 3;
    if (m.n_latin >= 4 && m.n_vowels == 0) return m.all_upper && m.n_latin <= 5;
    return m.n <= 30 || m.n_latin < m.n_letters;
}

float trust_sanity(const struct content *content) {
    int n = 0, n_sane = 0, n_single = 0;
    for (size_t i = 0; i < content->n_words && n < MAX_WORDS; i++) {
        struct makeup m = makeup_of(content->words[i].text);
        n++;
        n_sane += is_sane(content->words[i].text);
        n_single += m.n == 1 && m.n_latin == 1;
    }
    if (n == 0) return 1;
    if (n_single * 2 > n) return 0; // a layer that falls apart into letters
    return (float)n_sane / (float)n;
}

enum verdict trust_judge(const struct content *content, const struct text_facts *facts,
                         const char **reason) {
    bool large_picture = facts->image_cover > 0.5f;
    int n_seen = facts->n_chars;
    for (int i = 0; i < N_HIDDEN_KINDS; i++) n_seen += content->n_hidden[i];
    if (facts->n_chars == 0) {
        // operators that show text of which no character came: fonts without any mapping
        bool silent = n_seen == 0 && facts->n_expected > 20;
        bool blank = facts->has_ops && facts->n_ink == 0 && !silent;
        *reason = blank ? "blank page" : silent ? "text without characters" : "no text layer";
        return blank ? TRUST_BLANK : silent ? TRUST_GARBLED : TRUST_NONE;
    }
    *reason = "garbled text layer";
    if (content->n_words == 0) return TRUST_GARBLED; // nothing but control characters
    if (facts->n_bad * 10 > facts->n_chars && facts->n_bad >= 8) return TRUST_GARBLED;
    // fonts without a mapping, and Poppler made next to nothing of them
    bool unmapped = facts->n_unmapped > 40 && facts->n_unmapped * 2 > facts->n_expected;
    if (unmapped && n_seen * 3 < facts->n_expected) return TRUST_GARBLED;
    if (trust_looks_garbled(content)) return TRUST_GARBLED;
    if (facts->n_overlay * 2 > facts->n_chars) {
        bool good = trust_sanity(content) >= 0.7f;
        *reason = good ? "OCR layer of the scan" : "poor OCR layer";
        if (!good) return TRUST_GARBLED;
        if (content->n_words >= FEW_WORDS || !large_picture) return TRUST_TEXT;
    }
    if (large_picture && content->n_words < FEW_WORDS) {
        *reason = "little text beside a large picture";
        return TRUST_LITTLE;
    }
    *reason = facts->n_overlay * 2 > facts->n_chars ? "OCR layer of the scan" : "text layer";
    return TRUST_TEXT;
}
