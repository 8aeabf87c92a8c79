/*
 * model/tokenizer.c - see tokenizer.h.
 *
 * The vocabulary is one hash table from bytes to id, the merges another from a pair of ids to the id
 * they make, whose rank is their order in the file. A word that is a token by itself, as most words
 * are, is found with one look-up: whether the merges lead there is worked out once per token and
 * remembered (whole[]), because a vocabulary may hold entries that no merge reaches.
 */
#include "model/tokenizer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"
#include "model/unicode.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/json_pull.h"

enum { MAX_FILE = 256 << 20, MAX_TOKENS = 1 << 20, MAX_ADDED = 4096 };

static const char word_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

struct token {
    struct str bytes;
    bool known, special;
};

struct merge {
    uint32_t left, right; // ids; left UINT32_MAX: an empty slot
    uint32_t rank, made;
};

struct added {
    struct str text;
    int id;
};

enum { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };

struct tokenizer {
    struct arena *arena;
    struct unicode_table unicode;
    struct token *tokens; // by id
    int n_tokens;
    int *slots; // bytes -> id, open addressing; -1 empty
    size_t n_slots;
    struct merge *merges;
    size_t n_merge_slots;
    struct added *added;
    size_t n_added;
    bool added_starts[256];
    int byte_ids[256];
    _Atomic unsigned char *whole; // by id: is the word of these bytes this one token?
};

void token_list_add(struct token_list *list, int id) {
    list->ids = mem_grow(list->ids, list->n, &list->cap, sizeof *list->ids);
    list->ids[list->n++] = id;
}

void token_list_free(struct token_list *list) {
    mem_free(list->ids);
    *list = (struct token_list){0};
}

/* ---- tables ---- */

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return x;
}

static uint64_t hash_bytes(struct str s) {
    uint64_t h = 0x9e3779b97f4a7c15u ^ s.n;
    for (size_t i = 0; i < s.n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s.s + i, s.n - i < 8 ? s.n - i : 8);
        h = mix(h ^ word) + 0x9e3779b97f4a7c15u;
    }
    return mix(h);
}

static int find_token(const struct tokenizer *t, struct str bytes) {
    for (size_t i = hash_bytes(bytes) & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        int id = t->slots[i];
        if (id < 0 || str_eq(t->tokens[id].bytes, bytes)) return id;
    }
}

static void insert_token(struct tokenizer *t, int id) {
    size_t i = hash_bytes(t->tokens[id].bytes) & (t->n_slots - 1);
    while (t->slots[i] >= 0) i = (i + 1) & (t->n_slots - 1);
    t->slots[i] = id;
}

static const struct merge *find_merge(const struct tokenizer *t, uint32_t left, uint32_t right) {
    size_t mask = t->n_merge_slots - 1;
    for (size_t i = mix((uint64_t)left << 32 | right) & mask;; i = (i + 1) & mask) {
        const struct merge *m = &t->merges[i];
        if (m->left == UINT32_MAX) return NULL;
        if (m->left == left && m->right == right) return m;
    }
}

static void insert_merge(struct tokenizer *t, struct merge merge) {
    size_t mask = t->n_merge_slots - 1;
    size_t i = mix((uint64_t)merge.left << 32 | merge.right) & mask;
    while (t->merges[i].left != UINT32_MAX) i = (i + 1) & mask;
    t->merges[i] = merge;
}

static size_t power_of_two_above(size_t n) {
    size_t p = 16;
    while (p < n) p *= 2;
    return p;
}

/* ---- reading tokenizer.json ---- */

/* The alphabet of byte-level BPE: printable Latin-1 stands for itself, the other bytes for U+0100 up. */
static void make_alphabet(int byte_of[0x200]) {
    int next = 0x100;
    for (int c = 0; c < 0x200; c++) byte_of[c] = -1;
    for (int b = 0; b < 256; b++) {
        bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        byte_of[itself ? b : next++] = b;
    }
}

struct loader {
    struct json_pull *p;
    struct tokenizer *t;
    struct error *err;
    int byte_of[0x200];
    struct str merges_text; // where the merges stand: they need the whole vocabulary first
    bool has_vocab, has_pattern, has_nfc;
    size_t cap_tokens, cap_added;
};

static enum status unsupported(struct loader *l, const char *what) {
    return fail(l->err, STATUS_UNSUPPORTED, "%s: not a tokenizer of this family", what);
}

/* Letters of the alphabet to bytes; false when one is not of the alphabet. */
static bool to_bytes(const struct loader *l, struct str s, struct str *out) {
    char *bytes = arena_alloc(l->t->arena, s.n + 1);
    size_t n = 0;
    for (uint32_t c; utf8_next(&s, &c);) {
        if (c >= 0x200 || l->byte_of[c] < 0) return false;
        bytes[n++] = (char)l->byte_of[c];
    }
    *out = (struct str){bytes, n};
    return true;
}

static enum status set_token(struct loader *l, int id, struct str bytes, bool special) {
    struct tokenizer *t = l->t;
    while ((size_t)id >= l->cap_tokens) {
        size_t old = l->cap_tokens;
        t->tokens = arena_grow(t->arena, t->tokens, old, &l->cap_tokens, sizeof *t->tokens);
    }
    if (id >= t->n_tokens) t->n_tokens = id + 1;
    if (t->tokens[id].known && !str_eq(t->tokens[id].bytes, bytes))
        return fail(l->err, STATUS_FORMAT, "two tokens have the id %d", id);
    t->tokens[id] = (struct token){bytes, true, special};
    return STATUS_OK;
}

static enum status read_vocab(struct loader *l) {
    if (l->has_vocab || json_pull_next(l->p) != JSON_OBJECT) return json_pull_fail(l->p, l->err);
    l->has_vocab = true;
    for (;;) {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_OBJECT_END) return STATUS_OK;
        if (event != JSON_KEY) return json_pull_fail(l->p, l->err);
        struct str bytes, text = json_pull_string(l->p, l->t->arena);
        uint64_t id;
        if (!to_bytes(l, text, &bytes)) return unsupported(l, "a vocabulary entry");
        if (json_pull_next(l->p) != JSON_NUMBER || !json_pull_size(l->p, MAX_TOKENS - 1, &id))
            return json_pull_fail(l->p, l->err);
        TRY(set_token(l, (int)id, bytes, false));
    }
}

static enum status read_model(struct loader *l) {
    if (json_pull_next(l->p) != JSON_OBJECT) return json_pull_fail(l->p, l->err);
    for (;;) {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_OBJECT_END) return STATUS_OK;
        if (event != JSON_KEY) return json_pull_fail(l->p, l->err);
        struct str key = l->p->token;
        if (str_eq(key, STR("vocab"))) {
            TRY(read_vocab(l));
            continue;
        }
        event = json_pull_next(l->p);
        size_t from = l->p->at - 1; // an array's bracket has just been read
        if (str_eq(key, STR("type")) && !str_eq(l->p->token, STR("BPE")))
            return unsupported(l, "the model's type");
        if (str_eq(key, STR("ignore_merges")) && event == JSON_TRUE)
            return unsupported(l, "ignore_merges");
        if (str_eq(key, STR("byte_fallback")) && event == JSON_TRUE)
            return unsupported(l, "byte_fallback");
        if (!json_pull_skip(l->p, event)) return json_pull_fail(l->p, l->err);
        if (str_eq(key, STR("merges"))) l->merges_text = str_sub(l->p->text, from, l->p->at);
    }
}

static enum status read_one_added(struct loader *l) {
    struct str content = {0};
    uint64_t id = MAX_TOKENS;
    bool special = false, odd = false;
    for (;;) {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_OBJECT_END) break;
        if (event != JSON_KEY) return json_pull_fail(l->p, l->err);
        struct str key = l->p->token;
        event = json_pull_next(l->p);
        if (str_eq(key, STR("content")) && event == JSON_STRING) {
            content = arena_str(l->t->arena, json_pull_string(l->p, l->t->arena));
        } else if (str_eq(key, STR("id")) && event == JSON_NUMBER) {
            if (!json_pull_size(l->p, MAX_TOKENS - 1, &id)) return json_pull_fail(l->p, l->err);
        } else if (str_eq(key, STR("special"))) {
            special = event == JSON_TRUE;
        } else if (event == JSON_TRUE) {
            odd = true; // lstrip, rstrip, single_word, normalized
        } else if (!json_pull_skip(l->p, event)) {
            return json_pull_fail(l->p, l->err);
        }
    }
    if (!content.n || id == MAX_TOKENS || l->t->n_added == MAX_ADDED)
        return fail(l->err, STATUS_FORMAT, "an added token has no content or no id");
    if (odd) return unsupported(l, "an added token's options");
    struct tokenizer *t = l->t;
    t->added = arena_grow(t->arena, t->added, t->n_added, &l->cap_added, sizeof *t->added);
    t->added[t->n_added++] = (struct added){content, (int)id};
    t->added_starts[(unsigned char)content.s[0]] = true;
    return set_token(l, (int)id, content, special);
}

static enum status read_added(struct loader *l) {
    if (json_pull_next(l->p) != JSON_ARRAY) return json_pull_fail(l->p, l->err);
    for (;;) {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_ARRAY_END) return STATUS_OK;
        if (event != JSON_OBJECT) return json_pull_fail(l->p, l->err);
        TRY(read_one_added(l));
    }
}

/* Looks through a value for the strings that say which pre-tokenizer or normaliser it is. Options that
 * are on change the ids, but for trim_offsets, which is about offsets alone. */
static enum status look_inside(struct loader *l, struct str want, bool *found) {
    int outside = l->p->depth;
    bool harmless = false;
    do {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_ERROR) return json_pull_fail(l->p, l->err);
        if (event == JSON_KEY) harmless = str_eq(l->p->token, STR("trim_offsets"));
        if (event == JSON_STRING && str_eq(json_pull_string(l->p, l->t->arena), want))
            *found = true;
        if (event == JSON_TRUE && !harmless)
            return unsupported(l, "an option of the pre-tokenizer or normalizer");
    } while (l->p->depth > outside);
    return STATUS_OK;
}

static enum status read_top(struct loader *l) {
    if (json_pull_next(l->p) != JSON_OBJECT) return json_pull_fail(l->p, l->err);
    for (;;) {
        enum json_event event = json_pull_next(l->p);
        if (event == JSON_OBJECT_END) break;
        if (event != JSON_KEY) return json_pull_fail(l->p, l->err);
        struct str key = l->p->token;
        if (str_eq(key, STR("model"))) {
            TRY(read_model(l));
        } else if (str_eq(key, STR("added_tokens"))) {
            TRY(read_added(l));
        } else if (str_eq(key, STR("normalizer"))) {
            TRY(look_inside(l, STR("NFC"), &l->has_nfc));
        } else if (str_eq(key, STR("pre_tokenizer"))) {
            TRY(look_inside(l, str_from(word_pattern), &l->has_pattern));
        } else if (!json_pull_skip(l->p, JSON_KEY)) {
            return json_pull_fail(l->p, l->err);
        }
    }
    if (json_pull_next(l->p) != JSON_END) return json_pull_fail(l->p, l->err);
    if (!l->has_vocab) return unsupported(l, "no BPE vocabulary");
    if (!l->has_nfc) return unsupported(l, "the normalizer");
    if (!l->has_pattern) return unsupported(l, "the pre-tokenizer");
    return STATUS_OK;
}

static void make_vocab_table(struct tokenizer *t) {
    t->n_slots = power_of_two_above((size_t)t->n_tokens * 2 + 1);
    t->slots = ARENA_ARRAY(t->arena, t->n_slots, int);
    memset(t->slots, 0xff, t->n_slots * sizeof *t->slots);
    t->whole = (_Atomic unsigned char *)arena_alloc(t->arena, (size_t)t->n_tokens + 1);
    for (int id = 0; id < t->n_tokens; id++)
        if (t->tokens[id].known) insert_token(t, id);
    // Added tokens are found by text only where they are allowed; as words they do not exist.
    for (size_t i = 0; i < t->n_added; i++)
        atomic_store_explicit(&t->whole[t->added[i].id], WHOLE_NO, memory_order_relaxed);
}

/* A merge is "left right", or in newer files ["left", "right"]. */
static enum status read_merge(struct loader *l, struct json_pull *p, enum json_event event,
                              struct str *left, struct str *right) {
    struct str a, b;
    if (event == JSON_ARRAY) {
        if (json_pull_next(p) != JSON_STRING) return json_pull_fail(p, l->err);
        a = json_pull_string(p, l->t->arena);
        if (json_pull_next(p) != JSON_STRING) return json_pull_fail(p, l->err);
        b = json_pull_string(p, l->t->arena);
        if (json_pull_next(p) != JSON_ARRAY_END) return json_pull_fail(p, l->err);
    } else {
        if (event != JSON_STRING) return json_pull_fail(p, l->err);
        struct str both = json_pull_string(p, l->t->arena);
        const char *blank = both.n ? memchr(both.s, ' ', both.n) : NULL;
        if (!blank) return fail(l->err, STATUS_FORMAT, "a merge is no pair");
        a = str_sub(both, 0, (size_t)(blank - both.s));
        b = str_sub(both, a.n + 1, both.n);
    }
    if (!to_bytes(l, a, left) || !to_bytes(l, b, right)) return unsupported(l, "a merge");
    return STATUS_OK;
}

static enum status read_merges(struct loader *l) {
    struct tokenizer *t = l->t;
    t->n_merge_slots = power_of_two_above((size_t)t->n_tokens * 2 + 1);
    t->merges = ARENA_ARRAY(t->arena, t->n_merge_slots, struct merge);
    memset(t->merges, 0xff, t->n_merge_slots * sizeof *t->merges);
    struct json_pull p;
    json_pull_open(&p, l->merges_text);
    if (json_pull_next(&p) != JSON_ARRAY) return json_pull_fail(&p, l->err);
    char *joined = mem_alloc(1);
    enum status status = STATUS_OK;
    for (uint32_t rank = 0; status == STATUS_OK; rank++) {
        enum json_event event = json_pull_next(&p);
        if (event == JSON_ARRAY_END) break;
        struct str left = {0}, right = {0};
        status = read_merge(l, &p, event, &left, &right);
        if (status != STATUS_OK) break;
        joined = mem_realloc(joined, left.n + right.n + 1);
        if (left.n) memcpy(joined, left.s, left.n);
        if (right.n) memcpy(joined + left.n, right.s, right.n);
        int a = find_token(t, left), b = find_token(t, right);
        int made = find_token(t, (struct str){joined, left.n + right.n});
        if (a < 0 || b < 0 || made < 0 || rank >= (uint32_t)t->n_tokens)
            status =
                fail(l->err, STATUS_FORMAT, "merge %u names what is not in the vocabulary", rank);
        else if (!find_merge(t, (uint32_t)a, (uint32_t)b))
            insert_merge(t, (struct merge){(uint32_t)a, (uint32_t)b, rank, (uint32_t)made});
    }
    mem_free(joined);
    return status;
}

static enum status find_bytes(struct loader *l) {
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        l->t->byte_ids[b] = find_token(l->t, (struct str){&byte, 1});
        if (l->t->byte_ids[b] < 0)
            return fail(l->err, STATUS_FORMAT, "the vocabulary lacks the byte 0x%02x", (unsigned)b);
    }
    return STATUS_OK;
}

static enum status load(struct loader *l, struct str json) {
    if (!utf8_valid(json)) return fail(l->err, STATUS_FORMAT, "not valid UTF-8");
    make_alphabet(l->byte_of);
    json_pull_open(l->p, json);
    TRY(read_top(l));
    make_vocab_table(l->t);
    TRY(find_bytes(l));
    return read_merges(l);
}

enum status tokenizer_read(struct str json, struct tokenizer **out, struct error *err) {
    struct arena *arena = arena_new();
    struct tokenizer *t = ARENA_NEW(arena, struct tokenizer);
    t->arena = arena;
    struct json_pull p;
    // The vocabulary's strings without escapes point into the text, so the text is kept.
    struct str copy = arena_str(arena, json);
    struct loader l = {.p = &p, .t = t, .err = err};
    enum status status = load(&l, copy);
    if (status != STATUS_OK) {
        arena_free(arena);
        return status;
    }
    unicode_table_make(&t->unicode, arena);
    *out = t;
    return STATUS_OK;
}

enum status tokenizer_load(const char *folder, struct tokenizer **out, struct error *err) {
    struct arena *arena = arena_new();
    struct str text = {0};
    enum status status =
        checkpoint_read_text(arena, folder, "tokenizer.json", MAX_FILE, &text, err);
    if (status == STATUS_OK && tokenizer_read(text, out, err) != STATUS_OK)
        status = fail_in(err, "%.200s/tokenizer.json", folder);
    arena_free(arena);
    return status;
}

void tokenizer_free(struct tokenizer *t) {
    if (t) arena_free(t->arena);
}

int tokenizer_size(const struct tokenizer *t) {
    return t->n_tokens;
}

int tokenizer_find(const struct tokenizer *t, struct str added_token) {
    for (size_t i = 0; i < t->n_added; i++)
        if (str_eq(t->added[i].text, added_token)) return t->added[i].id;
    return -1;
}

bool tokenizer_is_special(const struct tokenizer *t, int id) {
    return id >= 0 && id < t->n_tokens && t->tokens[id].special;
}

struct str tokenizer_bytes(const struct tokenizer *t, int id) {
    return id >= 0 && id < t->n_tokens ? t->tokens[id].bytes : (struct str){0};
}

/* ---- merging one word ---- */

enum { SHORT_WORD = 48 };

static void merge_short(const struct tokenizer *t, struct str word, struct token_list *out) {
    int ids[SHORT_WORD];
    const struct merge *merges[SHORT_WORD]; // of ids[i] with ids[i + 1]
    size_t n = word.n;
    for (size_t i = 0; i < n; i++) ids[i] = t->byte_ids[(unsigned char)word.s[i]];
    for (size_t i = 0; i + 1 < n; i++)
        merges[i] = find_merge(t, (uint32_t)ids[i], (uint32_t)ids[i + 1]);
    for (;;) {
        size_t best = n;
        for (size_t i = 0; i + 1 < n; i++)
            if (merges[i] && (best == n || merges[i]->rank < merges[best]->rank)) best = i;
        if (best == n) break;
        ids[best] = (int)merges[best]->made;
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        if (n > best + 1)
            memmove(merges + best + 1, merges + best + 2, (n - best - 2) * sizeof *merges);
        if (best + 1 < n)
            merges[best] = find_merge(t, (uint32_t)ids[best], (uint32_t)ids[best + 1]);
        if (best > 0)
            merges[best - 1] = find_merge(t, (uint32_t)ids[best - 1], (uint32_t)ids[best]);
    }
    for (size_t i = 0; i < n; i++) token_list_add(out, ids[i]);
}

/* A long word (no blanks in megabytes of base64): a heap of candidates over a linked list, so that
 * time grows as n log n. Stale candidates are dropped when they come up. */
struct candidate {
    uint32_t rank, at;
    int left, right;
};

struct heap {
    struct candidate *items;
    size_t n, cap;
};

static bool comes_before(struct candidate a, struct candidate b) {
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(struct heap *h, struct candidate c) {
    h->items = mem_grow(h->items, h->n, &h->cap, sizeof c);
    size_t i = h->n++;
    for (; i > 0 && comes_before(c, h->items[(i - 1) / 2]); i = (i - 1) / 2)
        h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = c;
}

static struct candidate heap_pop(struct heap *h) {
    struct candidate top = h->items[0], last = h->items[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && comes_before(h->items[child + 1], h->items[child])) child++;
        if (!comes_before(h->items[child], last)) break;
        h->items[i] = h->items[child];
    }
    if (h->n) h->items[i] = last;
    return top;
}

struct link {
    int id; // -1: merged away
    uint32_t previous, next;
};

static void propose(const struct tokenizer *t, struct heap *h, const struct link *links,
                    uint32_t at, size_t n) {
    if (at >= n || links[at].next >= n) return;
    int left = links[at].id, right = links[links[at].next].id;
    const struct merge *m = find_merge(t, (uint32_t)left, (uint32_t)right);
    if (m) heap_push(h, (struct candidate){m->rank, at, left, right});
}

static void merge_long(const struct tokenizer *t, struct str word, struct token_list *out) {
    size_t n = word.n;
    struct link *links = mem_alloc(mem_product(n, sizeof *links));
    struct heap heap = {0};
    for (size_t i = 0; i < n; i++)
        links[i] =
            (struct link){t->byte_ids[(unsigned char)word.s[i]], (uint32_t)i - 1, (uint32_t)i + 1};
    for (size_t i = 0; i + 1 < n; i++) propose(t, &heap, links, (uint32_t)i, n);
    while (heap.n) {
        struct candidate c = heap_pop(&heap);
        struct link *l = &links[c.at];
        if (l->id != c.left || l->next >= n || links[l->next].id != c.right) continue;
        l->id = (int)find_merge(t, (uint32_t)c.left, (uint32_t)c.right)->made;
        links[l->next].id = -1;
        l->next = links[l->next].next;
        if (l->next < n) links[l->next].previous = c.at;
        propose(t, &heap, links, c.at, n);
        if (c.at > 0) propose(t, &heap, links, l->previous, n);
    }
    for (size_t i = 0; i < n; i = links[i].next) token_list_add(out, links[i].id);
    mem_free(links);
    mem_free(heap.items);
}

static void merge_word(const struct tokenizer *t, struct str word, struct token_list *out) {
    if (word.n <= SHORT_WORD) {
        merge_short(t, word, out);
    } else if (word.n < UINT32_MAX) {
        merge_long(t, word, out);
    }
}

static void put_word(const struct tokenizer *t, struct str word, struct token_list *out) {
    int id = find_token(t, word);
    unsigned char whole = WHOLE_NO;
    if (id >= 0) whole = atomic_load_explicit(&t->whole[id], memory_order_relaxed);
    if (whole == WHOLE_YES) {
        token_list_add(out, id);
        return;
    }
    size_t before = out->n;
    merge_word(t, word, out);
    if (whole != WHOLE_UNKNOWN) return;
    whole = out->n == before + 1 && out->ids[before] == id ? WHOLE_YES : WHOLE_NO;
    atomic_store_explicit(&t->whole[id], whole, memory_order_relaxed);
}

/* Short words met before in the same text, with their ids: texts repeat themselves. */
enum { CACHE_SLOTS = 1 << 15, CACHE_BYTES = 15, CACHE_IDS = 5, CACHE_FROM = 32 << 10 };

struct cached_word {
    uint64_t key[2]; // the bytes, zeros behind them, the length in the last one; {0, 0}: none
    int n, ids[CACHE_IDS];
};

static void put_cached(const struct tokenizer *t, struct cached_word *cache, struct str word,
                       struct token_list *out) {
    if (!cache || word.n > CACHE_BYTES) {
        put_word(t, word, out);
        return;
    }
    uint64_t key[2];
    unsigned char bytes[16] = {0};
    for (size_t i = 0; i < word.n; i++) bytes[i] = (unsigned char)word.s[i];
    bytes[15] = (unsigned char)word.n;
    memcpy(key, bytes, sizeof key);
    struct cached_word *slot = &cache[mix(key[0] ^ key[1] * 0x9e3779b97f4a7c15u) % CACHE_SLOTS];
    if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
        for (int i = 0; i < slot->n; i++) token_list_add(out, slot->ids[i]);
        return;
    }
    size_t before = out->n;
    put_word(t, word, out);
    if (out->n - before > CACHE_IDS) return;
    *slot = (struct cached_word){{key[0], key[1]}, (int)(out->n - before), {0}};
    memcpy(slot->ids, out->ids + before, (out->n - before) * sizeof(int));
}

/* ---- words ---- */

struct scan {
    const struct unicode_table *unicode;
    struct str s;
    size_t at;
};

/* The code point at offset `at`; its length in *n, 0 at the end. */
static uint32_t code_at(const struct scan *scan, size_t at, size_t *n) {
    *n = 0;
    if (at >= scan->s.n) return 0;
    unsigned char lead = (unsigned char)scan->s.s[at];
    if (lead < 0x80) {
        *n = 1;
        return lead;
    }
    struct str rest = str_sub(scan->s, at, scan->s.n);
    uint32_t c;
    utf8_next(&rest, &c);
    *n = (size_t)(rest.s - scan->s.s) - at;
    return c;
}

enum { WORD_FLAGS = UNICODE_LETTER | UNICODE_NUMBER | UNICODE_SPACE };

static bool is_letter(const struct scan *scan, uint32_t c) {
    return unicode_flags(scan->unicode, c) & UNICODE_LETTER;
}

static bool is_sign(const struct scan *scan, uint32_t c) { // [^\s\p{L}\p{N}]
    return !(unicode_flags(scan->unicode, c) & WORD_FLAGS);
}

static bool is_space(const struct scan *scan, uint32_t c) {
    return unicode_flags(scan->unicode, c) & UNICODE_SPACE;
}

/* Length of the run from `at` of code points whose flags under the mask are those wanted. */
static size_t run(const struct scan *scan, size_t at, int mask, int want) {
    const uint8_t *flags = scan->unicode->flags;
    size_t start = at, n;
    for (;;) {
        while (at < scan->s.n && (unsigned char)scan->s.s[at] < 0x80 &&
               (flags[(unsigned char)scan->s.s[at]] & mask) == want)
            at++;
        if (at == scan->s.n || (unsigned char)scan->s.s[at] < 0x80) return at - start;
        uint32_t c = code_at(scan, at, &n);
        if ((unicode_flags(scan->unicode, c) & mask) != want) return at - start;
        at += n;
    }
}

static size_t letters(const struct scan *scan, size_t at) {
    return run(scan, at, UNICODE_LETTER, UNICODE_LETTER);
}

/* 's 't 're 've 'm 'll 'd in any case; U+017F folds to s. 0: none. */
static size_t contraction(const struct scan *scan, size_t at) {
    static const char *const tails[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (scan->s.s[at] != '\'') return 0;
    struct str rest = str_sub(scan->s, at + 1, scan->s.n);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t n = strlen(tails[i]), k = 0;
        while (k < n && k < rest.n && (rest.s[k] | 0x20) == tails[i][k]) k++;
        if (k == n) return n + 1;
    }
    return str_starts(rest, STR("\xc5\xbf")) ? 3 : 0;
}

/* A run of blanks: \s*[\r\n]+ takes it up to its last line end; else \s+(?!\S) leaves its last
 * code point to the next word, and \s+ takes a single one. */
static size_t blanks(const struct scan *scan, size_t at) {
    size_t end = at, n, last = at, line_end = 0;
    for (uint32_t c = code_at(scan, end, &n); n && is_space(scan, c); c = code_at(scan, end, &n)) {
        last = end;
        end += n;
        if (c == '\r' || c == '\n') line_end = end;
    }
    if (line_end) return line_end - at;
    if (end == scan->s.n || last == at) return end - at;
    return last - at;
}

static size_t word_length(const struct scan *scan, size_t at) {
    size_t n, n_next;
    uint32_t c = code_at(scan, at, &n);
    size_t k = contraction(scan, at);
    if (k) return k;
    int flags = unicode_flags(scan->unicode, c);
    if (flags & UNICODE_LETTER) return letters(scan, at);
    if (flags & UNICODE_NUMBER) return n;
    uint32_t next = code_at(scan, at + n, &n_next);
    if (c != '\r' && c != '\n' && n_next && is_letter(scan, next)) return n + letters(scan, at + n);
    size_t blank = c == ' ' && n_next && is_sign(scan, next) ? n : 0;
    size_t signs = run(scan, at + blank, WORD_FLAGS, 0);
    if (signs) {
        size_t end = at + blank + signs;
        while (end < scan->s.n && (scan->s.s[end] == '\r' || scan->s.s[end] == '\n')) end++;
        return end - at;
    }
    return blanks(scan, at);
}

static void put_segment(const struct tokenizer *t, struct arena *scratch, struct cached_word *cache,
                        struct str segment, struct token_list *out) {
    struct scan scan = {&t->unicode, unicode_nfc(&t->unicode, scratch, segment), 0};
    while (scan.at < scan.s.n) {
        size_t n = word_length(&scan, scan.at);
        if (n == 0) n = 1; // cannot be; would never end
        put_cached(t, cache, str_sub(scan.s, scan.at, scan.at + n), out);
        scan.at += n;
    }
}

/* The longest added token at s, or NULL. */
static const struct added *added_at(const struct tokenizer *t, struct str s) {
    const struct added *best = NULL;
    for (size_t i = 0; i < t->n_added; i++)
        if (str_starts(s, t->added[i].text) && (!best || t->added[i].text.n > best->text.n))
            best = &t->added[i];
    return best;
}

void tokenizer_encode(const struct tokenizer *t, struct str text, const struct text_span *control,
                      size_t n_control, struct token_list *out) {
    struct arena *scratch = arena_new();
    struct cached_word *cache =
        text.n >= CACHE_FROM ? ARENA_ARRAY(scratch, CACHE_SLOTS, struct cached_word) : NULL;
    size_t start = 0, span = 0;
    for (size_t i = 0; i < text.n;) {
        if (!t->added_starts[(unsigned char)text.s[i]]) {
            i++;
            continue;
        }
        const struct added *a = added_at(t, str_sub(text, i, text.n));
        if (a && control) {
            while (span < n_control && control[span].to <= i) span++;
            if (span == n_control || control[span].from > i || control[span].to < i + a->text.n)
                a = NULL;
        }
        if (!a) {
            i++;
            continue;
        }
        put_segment(t, scratch, cache, str_sub(text, start, i), out);
        token_list_add(out, a->id);
        i += a->text.n;
        start = i;
    }
    put_segment(t, scratch, cache, str_sub(text, start, text.n), out);
    arena_free(scratch);
}

/* ---- decoding ---- */

/* How many bytes of a code point s starts with can still be right: its length so far when it is
 * complete (*complete) or may become so, else the length of the maximal broken part.
 * Source: Unicode table 3-7, "U+FFFD substitution of maximal subparts". */
static int code_point_part(const unsigned char *s, int n, bool *complete, bool *broken) {
    *complete = *broken = false;
    unsigned char lead = s[0], low = 0x80, high = 0xbf;
    int length = lead < 0x80   ? 1
                 : lead < 0xc2 ? 0
                 : lead < 0xe0 ? 2
                 : lead < 0xf0 ? 3
                 : lead < 0xf5 ? 4
                               : 0;
    if (length == 0) {
        *broken = true;
        return 1;
    }
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    for (int i = 1; i < length; i++) {
        if (i >= n) return n;
        if (s[i] < low || s[i] > high) {
            *broken = true;
            return i;
        }
        low = 0x80, high = 0xbf;
    }
    *complete = true;
    return length;
}

void token_stream_put(struct token_stream *s, struct str bytes, struct buf *out) {
    for (size_t i = 0; i < bytes.n;) {
        if (s->n_held < 4) s->held[s->n_held++] = (unsigned char)bytes.s[i++];
        while (s->n_held) {
            bool complete, broken;
            int n = code_point_part(s->held, s->n_held, &complete, &broken);
            if (!complete && !broken) break;
            if (complete)
                buf_put(out, (struct str){(char *)s->held, (size_t)n});
            else
                buf_puts(out, "\xef\xbf\xbd");
            memmove(s->held, s->held + n, (size_t)(s->n_held - n));
            s->n_held -= n;
        }
    }
}

void token_stream_end(struct token_stream *s, struct buf *out) {
    if (s->n_held) buf_puts(out, "\xef\xbf\xbd");
    s->n_held = 0;
}

void tokenizer_decode(const struct tokenizer *t, const int *ids, size_t n, bool skip_special,
                      struct buf *out) {
    struct token_stream stream = {0};
    for (size_t i = 0; i < n; i++)
        if (!skip_special || !tokenizer_is_special(t, ids[i]))
            token_stream_put(&stream, tokenizer_bytes(t, ids[i]), out);
    token_stream_end(&stream, out);
}
