/* cmd/report.c - see report.h. */
#include "cmd/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/names.h"
#include "util/clock.h"
#include "util/mem.h"

/* How long pages take without being read, for --dry-run: as measured on ordinary documents. */
static const double text_page_s = 0.004, tesseract_page_s = 1.5;

/* ---- JSON ---- */

static void put_json_text(struct buf *out, struct str s) {
    buf_putc(out, '"');
    while (s.n > 0) {
        uint32_t c;
        utf8_next(&s, &c);
        if (c == '"' || c == '\\') buf_putc(out, '\\');
        if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_put_code_point(out, c);
    }
    buf_putc(out, '"');
}

static void put_key(struct buf *out, const char *key) {
    buf_printf(out, ", \"%s\": ", key);
}

/* Names are bytes: one that is not UTF-8 is given in hexadecimal, too. */
static void put_name(struct buf *out, struct str name) {
    put_json_text(out, name);
    if (utf8_valid(name)) return;
    put_key(out, "input_hex");
    buf_putc(out, '"');
    for (size_t i = 0; i < name.n; i++) buf_printf(out, "%02x", (unsigned char)name.s[i]);
    buf_putc(out, '"');
}

static void put_troubles(struct buf *out, const struct job_result *result) {
    put_key(out, "page_troubles");
    buf_putc(out, '[');
    for (size_t i = 0; i < result->n_troubles; i++) {
        const struct page_trouble *t = &result->troubles[i];
        buf_printf(out, "%s{\"page\": %d, \"state\": \"%s\", \"class\": \"%s\", \"message\": ",
                   i ? ", " : "", t->page, page_state_names[t->state], job_class_names[t->class]);
        put_json_text(out, str_from(t->text));
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void put_files(struct buf *out, const struct job_result *result) {
    put_key(out, "outputs");
    buf_putc(out, '[');
    for (size_t i = 0; i < result->n_files; i++) {
        buf_printf(out, "%s{\"name\": ", i ? ", " : "");
        put_json_text(out, str_from(result->files[i].name));
        buf_printf(out, ", \"bytes\": %" PRId64 "}", result->files[i].n_bytes);
    }
    buf_putc(out, ']');
}

static void put_result(struct buf *out, const struct job_result *r) {
    buf_puts(out, "{\"input\": ");
    put_name(out, r->name);
    buf_printf(out, ", \"state\": \"%s\", \"class\": \"%s\"", job_state_names[r->state],
               job_class_names[r->class]);
    if (r->why.text[0]) {
        put_key(out, "message");
        put_json_text(out, str_from(r->why.text));
    }
    if (r->class == CLASS_UNCHANGED)
        buf_printf(out, ", \"was\": \"%s\"", r->was_degraded ? "degraded" : "ok");
    if (r->hash[0])
        buf_printf(out, ", \"sha256\": \"%s\", \"bytes\": %" PRId64, r->hash, r->n_bytes);
    if (r->n_pages > 0) {
        buf_printf(out, ", \"pages\": %d, \"wanted\": %d", r->n_pages, r->n_wanted);
        for (int e = 0; e < N_ENGINES; e++)
            if (r->n_by_engine[e])
                buf_printf(out, ", \"pages_%s\": %d", engine_names[e], r->n_by_engine[e]);
        buf_printf(out, ", \"pages_failed\": %d, \"pages_degraded\": %d", r->n_failed,
                   r->n_degraded);
    }
    if (r->n_troubles) put_troubles(out, r);
    put_files(out, r);
    buf_printf(out,
               ", \"wall_s\": %.3f, \"cpu_s\": %.3f, \"worker_mb\": %" PRId64
               ", \"retries\": %d, \"sandbox\": %d",
               (double)r->wall_ms / 1000, (double)r->cpu_ms / 1000, r->max_rss_kb / 1024,
               r->n_retries, r->sandbox_level);
    if (r->errors.n) {
        put_key(out, "library_messages");
        put_json_text(out, r->errors);
    }
    buf_putc(out, '}');
}

/* ---- lines ---- */

void report_say(struct report *report, const char *format, ...) {
    va_list args;
    progress_clear(&report->progress);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* "report.pdf: page 3: why", safe to print; page 0: the document. */
static void add_line(struct report *report, const struct job_result *result, int page,
                     struct str text, enum job_class class, bool is_failure) {
    struct buf out;
    if (report->n_lines == REPORT_MAX_LINES) {
        report->n_lines_lost++;
        return;
    }
    char *name = name_to_show(result->name), *safe = name_to_show(text);
    buf_open(&out, 0);
    buf_printf(&out, "%s: ", name);
    if (page) buf_printf(&out, "page %d: ", page);
    buf_printf(&out, "%s", safe);
    buf_putc(&out, '\0');
    mem_free(name);
    mem_free(safe);
    report->lines[report->n_lines++] = (struct report_line){class, is_failure, out.data};
}

static void note_troubles(struct report *report, const struct job_result *r) {
    if (r->state == JOB_FAILED && r->class != CLASS_INTERRUPTED) {
        report->n_failed_by_class[r->class]++;
        add_line(report, r, 0, str_from(r->why.text), r->class, true);
    }
    size_t shown = r->state == JOB_DEGRADED ? r->n_troubles : 0;
    if (shown > 5) shown = 5;
    for (size_t i = 0; i < shown; i++) {
        const struct page_trouble *t = &r->troubles[i];
        add_line(report, r, t->page, str_from(t->text), t->class, false);
    }
    int more = r->n_failed + r->n_degraded - (int)shown;
    if (r->state != JOB_DEGRADED || more <= 0) return;
    char text[80];
    snprintf(text, sizeof text, "and %d more of its pages", more);
    add_line(report, r, 0, str_from(text), CLASS_PAGES, false);
}

/* "failed   encrypted, 22 documents: give its password with ...", then a line for each of them. */
static void say_class(struct report *report, enum job_class class, bool is_failure) {
    const char *advice = job_class_advice[class];
    const char *word = !is_failure ? "degraded" : class == CLASS_SANDBOX ? "ATTACK" : "failed";
    const char *on = !report->colour ? "" : is_failure ? "\033[31m" : "\033[33m";
    const char *off = report->colour ? "\033[0m" : "";
    bool has_head = false;
    for (size_t i = 0; i < report->n_lines; i++) {
        const struct report_line *line = &report->lines[i];
        if (line->class != class || line->is_failure != is_failure) continue;
        if (!has_head)
            report_say(report, "%s%-9s%s  %s%s%s", on, word, off, job_class_names[class],
                       advice && *advice ? ": " : "", advice ? advice : "");
        has_head = true;
        report_say(report, "           %s", line->text);
    }
}

static void say_troubles(struct report *report) {
    for (int class = 0; class < N_JOB_CLASSES; class ++) say_class(report, class, false);
    for (int class = 0; class < N_JOB_CLASSES; class ++) say_class(report, class, true);
    for (size_t i = 0; i < report->n_lines; i++) mem_free(report->lines[i].text);
    if (report->n_lines_lost)
        report_say(report, "           ... and %zu more; --report FILE has them all",
                   report->n_lines_lost);
}

/* What libraries wrote, as far as one would read it. */
static void say_errors(struct report *report, struct str errors) {
    for (int lines = 0; errors.n > 0 && lines < 20; lines++) {
        size_t end = str_find(errors, STR("\n"));
        char *safe = name_to_show(str_sub(errors, 0, end < 200 ? end : 200));
        report_say(report, "    | %s", safe);
        mem_free(safe);
        errors = str_sub(errors, end + 1, errors.n);
    }
}

static void say_result(struct report *report, const struct job_result *r) {
    char *name = name_to_show(r->name), *why = name_to_show(str_from(r->why.text));
    report_say(report, "%-8s %s%s%s  %d pages, %.2f s", job_state_names[r->state], name,
               *why ? ": " : "", why, r->n_wanted, (double)r->wall_ms / 1000);
    say_errors(report, r->errors);
    mem_free(name);
    mem_free(why);
}

/* ---- the run ---- */

void report_open(struct report *report, int json_fd) {
    bool quiet = report->quiet, verbose = report->verbose, colour = report->colour;
    bool plan = report->plan;
    *report = (struct report){.quiet = quiet,
                              .verbose = verbose,
                              .colour = colour,
                              .plan = plan,
                              .has_json = json_fd >= 0,
                              .begun_ms = clock_ms()};
    progress_open(&report->progress, stderr, quiet);
    buf_open_fd(&report->json, json_fd, 0);
    if (report->has_json)
        buf_puts(&report->json, "{\"docmill\": \"" DOCMILL_VERSION "\", \"documents\": [");
}

void report_result(struct report *report, const struct job_result *r) {
    report->n_by_state[r->state]++;
    report->n_was_degraded += r->state == JOB_SKIPPED && r->was_degraded;
    report->n_not_found += r->class == CLASS_NOT_FOUND && r->state == JOB_FAILED;
    report->n_interrupted += r->class == CLASS_INTERRUPTED;
    report->n_violations += r->class == CLASS_SANDBOX;
    for (int e = 0; e < N_ENGINES; e++) report->n_pages_by_engine[e] += r->n_by_engine[e];
    report->n_pages_failed += r->n_failed;
    report->n_pages_degraded += r->n_degraded;
    report->n_bytes += r->n_bytes;
    report->cpu_ms += r->cpu_ms;
    if (r->max_rss_kb > report->peak_rss_kb) report->peak_rss_kb = r->max_rss_kb;
    if (r->sandbox_level && (!report->worst_sandbox || r->sandbox_level < report->worst_sandbox))
        report->worst_sandbox = r->sandbox_level;
    if (report->has_json) {
        buf_puts(&report->json, report->has_documents ? ",\n" : "\n");
        put_result(&report->json, r);
        report->has_documents = true;
    }
    if (report->verbose) say_result(report, r);
    note_troubles(report, r);
}

void report_progress(struct report *report, const struct run_progress *p) {
    char text[128];
    double fraction = -1;
    // Documents done, and of those at work the part of their pages that is done.
    if (p->knows_all && p->n_inputs > 0) {
        fraction = ((double)p->n_done + p->n_at_work) / (double)p->n_inputs;
        if (p->n_inputs == 1 && p->n_pages_known > 0)
            fraction = (double)p->n_pages_done / (double)p->n_pages_known;
    }
    if (p->n_inputs == 1)
        snprintf(text, sizeof text, "page %lld of %lld", (long long)p->n_pages_done,
                 (long long)p->n_pages_known);
    else
        snprintf(text, sizeof text, "%zu of %zu%s documents, %lld pages", p->n_done, p->n_inputs,
                 p->knows_all ? "" : "+", (long long)p->n_pages_done);
    progress_show(&report->progress, fraction > 1 ? 1 : fraction, (double)p->n_pages_done, "pages",
                  text);
}

static size_t n_documents(const struct report *report) {
    size_t n = 0;
    for (int s = 0; s < N_JOB_STATES; s++) n += report->n_by_state[s];
    return n;
}

static int64_t n_pages(const struct report *report) {
    int64_t n = report->n_pages_failed; // failed pages have no engine
    for (int e = 0; e < N_ENGINES; e++) n += report->n_pages_by_engine[e];
    return n;
}

static const char *end_name(enum run_end end) {
    static const char *const names[] = {"complete", "stopped", "disk-full", "io", "no-workers"};
    return names[end];
}

static double estimate_s(const struct report *report, int n_workers) {
    double cpu = (double)report->n_pages_by_engine[ENGINE_TEXT] * text_page_s +
                 (double)report->n_pages_by_engine[ENGINE_TESSERACT] * tesseract_page_s;
    return cpu / n_workers;
}

static enum status close_json(struct report *report, enum run_end end, int n_workers, int exit_code,
                              struct error *err) {
    struct buf *out = &report->json;
    buf_printf(out, "\n], \"summary\": {\"end\": \"%s\", \"exit_code\": %d, \"documents\": %zu",
               end_name(end), exit_code, n_documents(report));
    for (int s = 0; s < N_JOB_STATES; s++)
        buf_printf(out, ", \"%s\": %zu", job_state_names[s], report->n_by_state[s]);
    buf_printf(out, ", \"pages\": %" PRId64, n_pages(report));
    for (int e = 0; e < N_ENGINES; e++)
        if (e != ENGINE_NONE)
            buf_printf(out, ", \"pages_%s\": %" PRId64, engine_names[e],
                       report->n_pages_by_engine[e]);
    buf_printf(out, ", \"pages_failed\": %" PRId64 ", \"pages_degraded\": %" PRId64,
               report->n_pages_failed, report->n_pages_degraded);
    if (report->plan) buf_printf(out, ", \"estimated_s\": %.1f", estimate_s(report, n_workers));
    buf_printf(out,
               ", \"bytes\": %" PRId64 ", \"wall_s\": %.3f, \"cpu_s\": %.3f, "
               "\"worker_mb\": %" PRId64 ", \"workers\": %d, \"sandbox\": %d}}\n",
               report->n_bytes, (double)(clock_ms() - report->begun_ms) / 1000,
               (double)report->cpu_ms / 1000, report->peak_rss_kb / 1024, n_workers,
               report->worst_sandbox);
    enum status status = buf_flush(out);
    return status == STATUS_OK ? status : fail(err, status, "the report could not be written");
}

static void say_plan(const struct report *report, int n_workers) {
    char time[32];
    printf("documents  %zu\n", n_documents(report));
    for (int e = 1; e < N_ENGINES; e++)
        printf("%-10s %" PRId64 " pages\n", engine_names[e], report->n_pages_by_engine[e]);
    if (report->n_pages_failed) printf("unreadable %" PRId64 " pages\n", report->n_pages_failed);
    printf("time       about %s with %d worker%s\n",
           progress_duration(estimate_s(report, n_workers), time), n_workers,
           n_workers == 1 ? "" : "s");
}

static void say_end(struct report *report, enum run_end end) {
    static const char *const words[] = {
        [RUN_COMPLETE] = NULL,
        [RUN_STOPPED] = "stopped; run the same command again to go on",
        [RUN_DISK_FULL] = "stopped: the disk is full or read-only; make room, then run again",
        [RUN_IO] = "stopped: three outputs in a row could not be written; look at the disk",
        [RUN_NO_WORKERS] = "stopped: no worker can be started; look at the limits on processes"};
    if (words[end]) report_say(report, "docmill: %s", words[end]);
}

static void say_summary(struct report *report) {
    char time[32];
    double seconds = (double)(clock_ms() - report->begun_ms) / 1000;
    report_say(report, "documents  %zu in %s: %zu ok, %zu degraded, %zu failed, %zu skipped",
               n_documents(report), progress_duration(seconds, time), report->n_by_state[JOB_OK],
               report->n_by_state[JOB_DEGRADED], report->n_by_state[JOB_FAILED],
               report->n_by_state[JOB_SKIPPED]);
    if (report->n_by_state[JOB_FAILED] > 0) {
        struct buf classes;
        buf_open(&classes, 0);
        for (int c = 0; c < N_JOB_CLASSES; c++)
            if (report->n_failed_by_class[c])
                buf_printf(&classes, "%s%zu %s", classes.n ? ", " : "",
                           report->n_failed_by_class[c], job_class_names[c]);
        buf_putc(&classes, '\0');
        report_say(report, "failures   %s", classes.data);
        buf_close(&classes);
    }
    int64_t pages = n_pages(report);
    if (pages > 0)
        report_say(report,
                   "pages      %" PRId64 ": %" PRId64 " text layer, %" PRId64 " Tesseract, %" PRId64
                   " degraded, %" PRId64 " failed; %.1f pages/s",
                   pages, report->n_pages_by_engine[ENGINE_TEXT],
                   report->n_pages_by_engine[ENGINE_TESSERACT], report->n_pages_degraded,
                   report->n_pages_failed, seconds > 0 ? (double)pages / seconds : 0);
    if (report->n_violations)
        report_say(report, "ATTACK     %zu document%s tried to break out of the sandbox",
                   report->n_violations, report->n_violations == 1 ? "" : "s");
    if (report->worst_sandbox == SANDBOX_SECCOMP)
        report_say(report, "sandbox    level 2: this kernel has no Landlock, workers could read "
                           "what you can");
    if (report->worst_sandbox == SANDBOX_LIMITS)
        report_say(report, "sandbox    off: convert only documents you trust");
    if (report->n_was_degraded)
        report_say(report,
                   "unchanged  %zu of the skipped had lost something when they were "
                   "converted; --force does them again",
                   report->n_was_degraded);
}

enum status report_close(struct report *report, enum run_end end, int n_workers, int exit_code,
                         struct error *err) {
    enum status status = STATUS_OK;
    progress_clear(&report->progress);
    say_troubles(report);
    if (report->plan && !report->has_json) say_plan(report, n_workers);
    if (!report->quiet) say_summary(report);
    say_end(report, end);
    if (report->has_json) status = close_json(report, end, n_workers, exit_code, err);
    buf_close(&report->json);
    return status;
}
