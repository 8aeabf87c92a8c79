/* layout/lexicon.c - see lexicon.h. An open hash table of 64-bit hashes that stops growing when full. */
#include "layout/lexicon.h"

#include "layout/script.h"
#include "util/mem.h"

enum { SLOTS = 1 << 17, MOST = SLOTS / 2 };

struct lexicon {
    uint64_t slots[SLOTS];
    size_t n, n_lines, n_hyphens, n_justified;
};

struct lexicon *lexicon_new(void) {
    return mem_alloc(sizeof(struct lexicon));
}

void lexicon_free(struct lexicon *lexicon) {
    mem_free(lexicon);
}

static uint64_t hash_more(uint64_t h, struct str s) {
    for (uint32_t c; utf8_next(&s, &c);)
        h = (h ^ (c < 128 && c >= 'A' && c <= 'Z' ? c | 32 : c)) * 1099511628211u;
    return h;
}

static const uint64_t SEED = 1469598103934665603u;

/* Punctuation around a word is not part of it. */
static struct str bare(struct str s) {
    while (s.n) {
        struct str rest = s;
        uint32_t c;
        utf8_next(&rest, &c);
        if (char_is_letter(c) || char_is_digit(c)) break;
        s = rest;
    }
    while (s.n) {
        uint32_t c = str_last_char(s);
        if (char_is_letter(c) || char_is_digit(c) || char_is_mark(c)) break;
        char bytes[4];
        s.n -= utf8_put(bytes, c) < s.n ? utf8_put(bytes, c) : s.n;
    }
    return s;
}

static bool has(const struct lexicon *l, uint64_t h) {
    for (size_t i = h & (SLOTS - 1); l->slots[i]; i = (i + 1) & (SLOTS - 1))
        if (l->slots[i] == h) return true;
    return false;
}

void lexicon_add(struct lexicon *l, struct str word) {
    word = bare(word);
    if (word.n < 2 || l->n >= MOST) return;
    uint64_t h = hash_more(SEED, word);
    if (h == 0 || has(l, h)) return;
    size_t i = h & (SLOTS - 1);
    while (l->slots[i]) i = (i + 1) & (SLOTS - 1);
    l->slots[i] = h;
    l->n++;
}

void lexicon_add_line(struct lexicon *l, bool ends_in_hyphen, bool justified) {
    l->n_lines++;
    l->n_hyphens += ends_in_hyphen;
    l->n_justified += justified;
}

/* Ragged text with a rare hyphen at a line end was broken at hyphens that are part of its words. */
static bool hyphenates(const struct lexicon *l) {
    if (l->n_hyphens * 50 < l->n_lines) return false;
    return l->n_hyphens >= 3 || l->n_justified * 3 >= l->n_lines;
}

bool lexicon_joins(const struct lexicon *l, struct str before, struct str after) {
    if (!l) return true;
    before = bare(before);
    after = bare(after);
    uint64_t left = hash_more(SEED, before);
    if (has(l, hash_more(left, after))) return true;
    if (has(l, hash_more(hash_more(left, STR("-")), after))) return false;
    // both halves words of their own: a compound, unless they are too short to tell
    if (before.n >= 3 && after.n >= 4 && has(l, left) && has(l, hash_more(SEED, after)))
        return false;
    return hyphenates(l);
}
