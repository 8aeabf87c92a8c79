/*
 * pipeline/job.h - one input from its name to its outputs, in the supervisor's eyes.
 *
 *   open, hash --> READ workers: pages to the spool --> ASSEMBLE worker: outputs --> publish
 *
 * The supervisor moves bytes and counts; it never looks into them. A page that takes its worker down
 * is tried once more, alone in a fresh one, then it is a failed page: named in the report, a visible
 * gap in the outputs, and the rest goes on. Every job ends in exactly one state.
 */
#ifndef PIPELINE_JOB_H
#define PIPELINE_JOB_H

#include "pipeline/pages.h"
#include "pipeline/workers.h"
#include "pipeline/publish.h"
#include "util/hash.h"

enum job_state { JOB_OK, JOB_DEGRADED, JOB_FAILED, JOB_SKIPPED, N_JOB_STATES };

/* Why a job is not OK. The names are stable words for reports. */
enum job_class {
    CLASS_NONE,
    CLASS_CORRUPT,
    CLASS_UNSUPPORTED,
    CLASS_EMPTY,
    CLASS_ENCRYPTED,
    CLASS_LIMIT_PIXELS,
    CLASS_LIMIT_PAGES,
    CLASS_LIMIT_BYTES,
    CLASS_MEMORY,
    CLASS_CPU,
    CLASS_WALL,
    CLASS_CRASH,
    CLASS_SANDBOX,
    CLASS_PROTOCOL,
    CLASS_CHANGED,
    CLASS_IO,
    CLASS_DISK_FULL,
    CLASS_READ_ONLY,
    CLASS_DENIED,
    CLASS_NOT_FOUND,
    CLASS_NOT_A_FILE,
    CLASS_NAME_TAKEN,
    CLASS_MISSING_LANGUAGE,
    CLASS_NO_SUCH_PAGE,
    CLASS_PAGES,       // some pages failed or lost something
    CLASS_UNCHANGED,   // skipped: done before
    CLASS_INTERRUPTED, // dropped because the run was told to stop
    CLASS_WORKER,      // no worker could be started
    N_JOB_CLASSES
};

extern const char *const job_state_names[N_JOB_STATES];
extern const char *const job_class_names[N_JOB_CLASSES];
/* What the user can do about it; "" when there is nothing to say. */
extern const char *const job_class_advice[N_JOB_CLASSES];

/* Shared by all jobs of a run. */
struct job_config {
    struct read_options read;
    struct export_options export; // figures_dir is set for each job
    const struct exporter *exporters[REQUEST_MAX_OUTPUTS];
    size_t n_exporters;
    struct pages pages;
    int64_t page_wall_ms, page_cpu_ms;
    int64_t document_wall_ms; // 0: an hour, or 30 s a page where that is more
    uint64_t memory_bytes;    // of a worker
    bool sandbox;
    bool force;        // do unchanged inputs, too
    bool plan;         // look only: no outputs
    int out_fd;        // the output folder; -1 with plan
    int scratch_fd;    // folder for files without a name
    struct str single; // the one output's name in out_fd; empty: names follow the input's
    int copy_to_fd;    // standard output instead of a file; -1: no
    char options_hash[HASH_HEX + 1];
};

struct page_trouble {
    int page;
    enum page_state state;
    enum job_class class;
    char *text;
};

enum { JOB_MAX_TROUBLES = 100 };

struct job_result {
    struct str name;    // of the input, as given
    const char *output; // base of the outputs' names; NULL before one was found
    enum job_state state;
    enum job_class class;
    bool was_degraded;       // skipped: what it was then
    struct error why;        // text is empty when OK
    char hash[HASH_HEX + 1]; // of the input's bytes; empty when not read
    int64_t n_bytes;
    int n_pages, n_wanted; // in the source; of these to convert
    int n_by_engine[N_ENGINES];
    int n_failed, n_degraded;                       // pages
    struct page_trouble troubles[JOB_MAX_TROUBLES]; // the first ones
    size_t n_troubles;
    const struct published_file *files;
    size_t n_files;
    int64_t wall_ms, cpu_ms, max_rss_kb;
    int sandbox_level; // the lowest of its workers; 0: none ran
    int n_retries;
    struct str errors; // what workers wrote to standard error; not cleaned
};

struct job;

/* An input and where its outputs go (relative to the output folder, without the format's extension).
 * is_named: the user gave the name; else a folder was walked, where files of other kinds may lie. */
struct job *job_new(const struct job_config *config, struct workers *workers, struct str name,
                    const char *output, bool is_named);
void job_free(struct job *job);
/* Opens the input. The job may be done at once. */
void job_begin(struct job *job);
/* Ends a job that was not begun, or is at work, with this reason. Its workers are killed. */
void job_end(struct job *job, enum job_state state, enum job_class class, const char *why);

bool job_is_done(const struct job *job); // and none of its workers left
const struct job_result *job_result(const struct job *job);
int job_pages_done(const struct job *job);

/* How many milliseconds of work another worker would find, judged by the pages read so far; 0 when it
 * would find none. A job without workers that is not done always wants one. */
int64_t job_wants_worker(const struct job *job);
void job_add_worker(struct job *job);
/* To be called now and then: the time limit of the document. */
void job_tick(struct job *job);

/* The class for a status that a worker or this process reports. */
enum job_class job_class_of(enum status status, int os_error);

#endif
