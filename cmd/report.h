/*
 * cmd/report.h - what a run did, for people (standard error) and machines (JSON, written as it goes).
 */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "pipeline/run.h"
#include "util/buf.h"
#include "util/progress.h"

enum { REPORT_MAX_LINES = 200 };

struct report {
    struct progress progress;
    bool quiet, verbose, colour, plan;
    struct buf json; // drains into a file
    bool has_json, has_documents;
    size_t n_by_state[N_JOB_STATES];
    size_t n_was_degraded; // of the skipped
    size_t n_not_found, n_interrupted, n_violations;
    int64_t n_pages_by_engine[N_ENGINES];
    int64_t n_pages_failed, n_pages_degraded, n_bytes, cpu_ms, peak_rss_kb, begun_ms;
    int worst_sandbox;   // 0: no worker ran
    struct report_line { // what went wrong
        enum job_class class;
        bool is_failure; // else something was lost
        char *text;
    } lines[REPORT_MAX_LINES];
    size_t n_lines, n_lines_lost;
    size_t n_failed_by_class[N_JOB_CLASSES];
};

/* json_fd: where the JSON report goes; -1: nowhere. */
void report_open(struct report *report, int json_fd);
void report_result(struct report *report, const struct job_result *result);
void report_progress(struct report *report, const struct run_progress *progress);
/* The summary. end and exit_code go into the JSON. Errors: IO when that could not be written. */
enum status report_close(struct report *report, enum run_end end, int n_workers, int exit_code,
                         struct error *err);

/* One line to standard error, progress taken away before. Documents' and files' names in it must
 * have gone through name_to_show(). */
void report_say(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
