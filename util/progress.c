/* util/progress.c - see progress.h. */
#include "util/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/clock.h"

enum { REDRAW_MS = 100, LINE_MS = 30000, BAR_CELLS = 16, MIN_WIDTH = 20, DEFAULT_WIDTH = 80 };

static const double half_life_s = 15;

void progress_open(struct progress *progress, FILE *file, bool quiet) {
    const char *term = getenv("TERM"), *ci = getenv("CI");
    bool can_redraw =
        isatty(fileno(file)) && term && *term && strcmp(term, "dumb") != 0 && !(ci && *ci);
    int64_t now = clock_ms();
    *progress = (struct progress){.mode = quiet        ? PROGRESS_OFF
                                          : can_redraw ? PROGRESS_BAR
                                                       : PROGRESS_LINES,
                                  .file = file,
                                  .begun_ms = now,
                                  .last_ms = now,
                                  .rate_ms = now};
}

char *progress_duration(double seconds, char text[32]) {
    long s = seconds < 0 || !isfinite(seconds) ? 0 : seconds > 1e8 ? 100000000 : lround(seconds);
    if (seconds < 9.95)
        snprintf(text, 32, "%.1f s", seconds < 0 ? 0 : seconds);
    else if (s < 60)
        snprintf(text, 32, "%ld s", s);
    else if (s < 3600)
        snprintf(text, 32, "%ld min %ld s", s / 60, s % 60);
    else
        snprintf(text, 32, "%ld h %ld min", s / 3600, s % 3600 / 60);
    return text;
}

static void bring_rate_up_to_date(struct progress *progress, int64_t now, double done) {
    double seconds = (double)(now - progress->rate_ms) / 1000;
    if (seconds < 0.5) return;
    double recent = (done - progress->rate_done) / seconds;
    double keep = exp2(-seconds / half_life_s);
    // At first there is nothing to decay from: the mean so far.
    double since_start = (double)(now - progress->begun_ms) / 1000;
    if (since_start < half_life_s)
        progress->rate = done / since_start;
    else
        progress->rate = keep * progress->rate + (1 - keep) * recent;
    progress->rate_ms = now;
    progress->rate_done = done;
}

static int terminal_width(FILE *file) {
    struct winsize size;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col < MIN_WIDTH)
        return DEFAULT_WIDTH;
    return size.ws_col;
}

/* "12 pages/s, 3 min left" */
static void describe(const struct progress *progress, double fraction, double done,
                     const char *unit, char *out, size_t n) {
    char left[32];
    int length = snprintf(out, n, "%.*f %s/s", progress->rate < 9.95 ? 1 : 0, progress->rate, unit);
    if (fraction <= 0 || fraction >= 1 || progress->rate <= 0 || length < 0) return;
    double seconds = done * (1 - fraction) / fraction / progress->rate;
    snprintf(out + length, n - (size_t)length, ", %s left", progress_duration(seconds, left));
}

static void draw(struct progress *progress, double fraction, const char *text, const char *rate) {
    char line[512], bar[BAR_CELLS + 1];
    int full = fraction < 0 ? 0 : (int)lround(fraction * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    if (fraction >= 0)
        snprintf(line, sizeof line, "[%s] %3.0f%%  %s  %s", bar, fraction * 100, text, rate);
    else
        snprintf(line, sizeof line, "%s  %s", text, rate);
    fprintf(progress->file, "\r%.*s\033[K", terminal_width(progress->file) - 1, line);
    (void)fflush(progress->file);
    progress->is_shown = true;
}

void progress_show(struct progress *progress, double fraction, double done, const char *unit,
                   const char *text) {
    int64_t now = clock_ms();
    if (progress->mode == PROGRESS_OFF) return;
    bring_rate_up_to_date(progress, now, done);
    int64_t every = progress->mode == PROGRESS_BAR ? REDRAW_MS : LINE_MS;
    if (now - progress->last_ms < every) return;
    progress->last_ms = now;
    char rate[96];
    describe(progress, fraction, done, unit, rate, sizeof rate);
    if (progress->mode == PROGRESS_BAR) {
        draw(progress, fraction, text, rate);
        return;
    }
    if (fraction >= 0)
        fprintf(progress->file, "docmill: %.0f%%, %s, %s\n", fraction * 100, text, rate);
    else
        fprintf(progress->file, "docmill: %s, %s\n", text, rate);
    (void)fflush(progress->file);
}

void progress_clear(struct progress *progress) {
    if (!progress->is_shown) return;
    fputs("\r\033[K", progress->file);
    (void)fflush(progress->file);
    progress->is_shown = false;
}
