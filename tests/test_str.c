/* tests/test_str.c - slices, UTF-8, numbers, arenas. */
#include <stdlib.h>

#include "tests/check.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/status.h"

static const struct {
    const char *name, *in, *want;
} clean_cases[] = {
    {"plain", "abc\tdef\n", "abc\tdef\n"},
    {"bad byte",
     "a\xff"
     "b",
     "a\xef\xbf\xbd"
     "b"},
    {"truncated sequence", "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"overlong slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"controls go", "a\x01\x1b[31mb\x7f", "a[31mb"},
    {"right-to-left override goes",
     "a\xe2\x80\xae"
     "b",
     "ab"},
    {"joiner stays", "\xe2\x80\x8c", "\xe2\x80\x8c"},
    {"astral", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
};

static const struct {
    double value;
    int decimals;
    const char *want;
} number_cases[] = {
    {0, 2, "0"},      {12.5, 2, "12.5"}, {-0.25, 2, "-0.25"}, {1.005, 1, "1"}, {0.05, 2, "0.05"},
    {-0.001, 2, "0"}, {3.999, 2, "4"},   {0.0 / 1.0, 3, "0"}, {1e300, 2, "0"},
};

int main(void) {
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof clean_cases / sizeof *clean_cases; i++)
        CHECK_STR(utf8_clean(arena, str_from(clean_cases[i].in)), clean_cases[i].want,
                  clean_cases[i].name);
    for (size_t i = 0; i < sizeof number_cases / sizeof *number_cases; i++) {
        struct buf b;
        buf_open(&b, 100);
        buf_number(&b, number_cases[i].value, number_cases[i].decimals);
        CHECK_STR(buf_str(&b), number_cases[i].want, "number");
        buf_close(&b);
    }
    struct buf small;
    buf_open(&small, 4);
    buf_puts(&small, "abc");
    buf_puts(&small, "de");
    buf_puts(&small, "f");
    CHECK(small.status == STATUS_NOMEM, "the maximum holds and sticks");
    CHECK_STR(buf_str(&small), "abc", "nothing is written after the first failure");
    buf_close(&small);

    uint64_t n;
    size_t used;
    CHECK(str_number(STR("00123x"), 1000, &n, &used) && n == 123 && used == 5, "number");
    CHECK(!str_number(STR("1001"), 1000, &n, NULL), "number over its maximum");
    CHECK(!str_number(STR("x"), 1000, &n, NULL), "no number");
    CHECK(!utf8_valid(STR("a\xff")) && utf8_valid(STR("\xef\xbf\xbd")), "a real U+FFFD is valid");

    struct error err = {0};
    fail(&err, STATUS_FORMAT, "MediaBox has %d numbers", 3);
    enum status status = fail_in(&err, "page %d", 3);
    CHECK_STR(str_from(err.text), "page 3: MediaBox has 3 numbers", "error with context");
    CHECK(status == STATUS_FORMAT, "fail_in keeps the status");
    for (int i = 0; i < 60; i++) fail_in(&err, "a long context that is put in front");
    CHECK(strlen(err.text) < sizeof err.text, "a message never overflows");

    char *large = arena_alloc(arena, 3 << 20);
    CHECK(large[0] == 0 && large[(3 << 20) - 1] == 0, "large and zeroed");
    arena_reset(arena);
    char *again = arena_alloc(arena, 100);
    int sum = 0;
    for (int i = 0; i < 100; i++) sum += again[i];
    CHECK(sum == 0, "zeroed after a reset");
    arena_free(arena);
    return check_end("str");
}
