/*
 * util/progress.h - a line about how far the work is, on a terminal drawn over itself, elsewhere one
 * plain line every 30 s.
 */
#ifndef UTIL_PROGRESS_H
#define UTIL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum progress_mode { PROGRESS_OFF, PROGRESS_LINES, PROGRESS_BAR };

struct progress {
    enum progress_mode mode;
    FILE *file;
    bool is_shown;
    int64_t begun_ms, last_ms; // of the last line
    int64_t rate_ms;           // when rate was brought up to date
    double rate_done;          // what was done then
    double rate;               // units a second, older seconds counting less
};

/* Chooses the mode: a bar where file is a terminal that can redraw (TERM is not "dumb", CI is not
 * set), lines elsewhere, nothing when quiet. */
void progress_open(struct progress *progress, FILE *file, bool quiet);

/* Shows text, behind a bar where fraction (0..1) is known (negative: not). done counts units of work,
 * for the rate and the time left. Draws at most ten times a second. */
void progress_show(struct progress *progress, double fraction, double done, const char *unit,
                   const char *text);
/* Takes the bar away, for other lines; the next progress_show() brings it back. */
void progress_clear(struct progress *progress);

/* "45 s", "3 min 20 s", "2 h 5 min". Returns text. */
char *progress_duration(double seconds, char text[32]);

#endif
