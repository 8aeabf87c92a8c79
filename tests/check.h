/*
 * tests/check.h - the smallest harness that says what failed and counts.
 *
 *   int main(void) { ...; CHECK_STR(got, "want", "name of the case"); ... return check_end("markdown"); }
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

#include "util/str.h"

static int check_n_passed, check_n_failed, check_n_skipped;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (condition) {                                                                           \
            check_n_passed++;                                                                      \
        } else {                                                                                   \
            check_n_failed++;                                                                      \
            printf("%s:%d: failed: %s: ", __FILE__, __LINE__, #condition);                         \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

static inline void check_str(struct str got, const char *want, const char *name, const char *file,
                             int line) {
    if (str_eq(got, str_from(want))) {
        check_n_passed++;
        return;
    }
    check_n_failed++;
    printf("%s:%d: failed: %s\n--- want\n%s\n--- got\n%.*s\n---\n", file, line, name, want,
           STR_ARG(got));
}
#define CHECK_STR(got, want, name) check_str((got), (want), (name), __FILE__, __LINE__)

/* Says why a test cannot run here. */
static inline void check_skip(const char *name, const char *what_is_missing) {
    check_n_skipped++;
    printf("skipped: %s: %s\n", name, what_is_missing);
}

static inline int check_end(const char *program) {
    printf("%s: %d passed, %d failed, %d skipped\n", program, check_n_passed, check_n_failed,
           check_n_skipped);
    return check_n_failed != 0;
}

#endif
