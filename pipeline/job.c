/*
 * pipeline/job.c - see job.h.
 *
 * That it ends: every page is handed out at most twice plus once for each worker that died between
 * pages, of which MAX_STRAYS are borne; opening and assembling are tried twice; every step of a
 * worker has a deadline, and the document has one.
 */
#include "pipeline/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout/content.h"
#include "pipeline/memo.h"
#include "pipeline/publish.h"
#include "util/clock.h"
#include "util/mem.h"

enum {
    MAX_ATTEMPTS = 2,
    MAX_STRAYS = 3,
    ERRORS_KEPT = 4096,
    CHUNK_MS = 250,       // of work handed out at once
    CHUNK_MAX = 64,       // pages
    RECYCLE_AFTER = 2000, // pages: what libraries keep of each would add up in a worker
    SILENCE_MS = 120000,  // between two signs of life of an assembly
    OPEN_CPU_MS = 60000,
};

static const int64_t input_max_bytes = 2LL << 30;
static const int64_t output_max_bytes = 16LL << 30;

const char *const job_state_names[N_JOB_STATES] = {"ok", "degraded", "failed", "skipped"};

const char *const job_class_names[N_JOB_CLASSES] = {
    "none",         "corrupt",     "unsupported",      "empty",        "encrypted",
    "limit-pixels", "limit-pages", "limit-bytes",      "memory",       "cpu",
    "wall",         "crash",       "sandbox",          "protocol",     "changed-during-read",
    "io",           "disk-full",   "read-only",        "denied",       "not-found",
    "not-a-file",   "name-taken",  "missing-language", "no-such-page", "pages",
    "unchanged",    "interrupted", "no-worker"};

const char *const job_class_advice[N_JOB_CLASSES] = {
    [CLASS_NONE] = "",
    [CLASS_CORRUPT] = "see whether another program opens it; fetch it again if it was copied",
    [CLASS_UNSUPPORTED] = "docmill reads PDF, TIFF, JPEG, PNG, WebP, JPEG 2000, GIF, BMP and PNM",
    [CLASS_EMPTY] = "there is nothing in it to convert",
    [CLASS_ENCRYPTED] = "give its password with --password or --password-file",
    [CLASS_LIMIT_PIXELS] = "raise --max-pixels if the picture is what you expect",
    [CLASS_LIMIT_PAGES] = "raise --max-pages, or choose pages with --pages",
    [CLASS_LIMIT_BYTES] = "split it: inputs may have 2 GiB",
    [CLASS_MEMORY] = "raise --memory-mb",
    [CLASS_CPU] = "raise --page-timeout-s",
    [CLASS_WALL] = "raise --page-timeout-s or --document-timeout-s",
    [CLASS_CRASH] = "a library crashed on it; please report it if you may share the file",
    [CLASS_SANDBOX] = "treat the file as an attack: do not open it elsewhere",
    [CLASS_PROTOCOL] = "please report it if you may share the file",
    [CLASS_CHANGED] = "run again once nobody writes to it",
    [CLASS_IO] = "look at the disk and its messages, then run again",
    [CLASS_DISK_FULL] = "make room, then run the same command again",
    [CLASS_READ_ONLY] = "choose another output folder with -o",
    [CLASS_DENIED] = "check the permissions",
    [CLASS_NOT_FOUND] = "check the name",
    [CLASS_NOT_A_FILE] = "only files and folders can be converted",
    [CLASS_NAME_TAKEN] =
        "give the inputs by names that differ, or convert them to different folders",
    [CLASS_MISSING_LANGUAGE] = "install the package, or choose other languages with --lang",
    [CLASS_NO_SUCH_PAGE] = "choose other --pages",
    [CLASS_PAGES] = "",
    [CLASS_UNCHANGED] = "",
    [CLASS_INTERRUPTED] = "run the same command again to go on",
    [CLASS_WORKER] = "look at the limits on processes and memory, then run again",
};

enum job_phase { PHASE_NEW, PHASE_READING, PHASE_ASSEMBLING, PHASE_DONE };

enum page_step { PAGE_TODO, PAGE_ASSIGNED, PAGE_FINISHED };

struct page_slot {
    struct extent record;
    int number;
    uint8_t step, attempts;
    bool has_record;
};

/* A worker of this job. Pages are handed to it as runs of consecutive numbers; it reads them in
 * order, so at any time it has the slots [at, end) still to do, of runs that follow each other. */
struct crew {
    struct job *job;
    struct helper *helper;
    struct crew *next;
    enum worker_task task;
    bool has_opened;
    bool was_told_to_quit;
    bool is_alone; // fresh, for one page that took a worker down
    struct run {
        size_t at, end; // indices into slots
    } runs[2];          // the one at work, the next
    int n_runs;
    size_t n_pages; // handed out to it
    bool has_page;  // runs[0].at is in hand
    int64_t page_since_ms;
};

struct job {
    const struct job_config *config;
    struct workers *workers;
    char *name, *output;
    bool is_named;
    enum job_phase phase;
    struct job_result result;
    struct buf errors;
    int input_fd, spool_fd;
    struct stat input_stat;
    uint64_t spool_end;
    struct extent meta;
    bool has_meta;
    struct page_slot *slots;
    size_t n_slots, n_finished, cursor; // no slot before the cursor is PAGE_TODO
    size_t n_todo;
    struct crew *crew;
    int n_crew;
    int open_attempts, assembly_attempts, strays;
    struct publication publication;
    int64_t begun_ms, deadline_ms;
    int64_t page_ms; // spent on the pages read, all workers together
};

/* ---- ending ---- */

enum job_class job_class_of(enum status status, int os_error) {
    switch (status) {
    case STATUS_NOMEM: return CLASS_MEMORY;
    case STATUS_FORMAT: return CLASS_CORRUPT;
    case STATUS_UNSUPPORTED: return CLASS_UNSUPPORTED;
    case STATUS_EMPTY: return CLASS_EMPTY;
    case STATUS_PASSWORD: return CLASS_ENCRYPTED;
    case STATUS_LIMIT: return CLASS_LIMIT_PIXELS;
    case STATUS_MISSING: return CLASS_MISSING_LANGUAGE;
    case STATUS_DEVICE: return CLASS_WORKER; // no sandbox to be had
    default: break;
    }
    if (os_error == ENOENT) return CLASS_NOT_FOUND;
    switch (io_class(os_error)) {
    case IO_FULL: return CLASS_DISK_FULL;
    case IO_READ_ONLY: return CLASS_READ_ONLY;
    case IO_DENIED: return CLASS_DENIED;
    default: return CLASS_IO;
    }
}

static enum job_class class_of_end(enum end_cause cause) {
    switch (cause) {
    case END_MEMORY: return CLASS_MEMORY;
    case END_CPU: return CLASS_CPU;
    case END_WALL: return CLASS_WALL;
    case END_PROTOCOL: return CLASS_PROTOCOL;
    case END_SANDBOX: return CLASS_SANDBOX;
    case END_REFUSED: return CLASS_WORKER;
    case END_IO: return CLASS_IO;
    default: return CLASS_CRASH;
    }
}

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void job_end(struct job *job, enum job_state state, enum job_class class, const char *why) {
    if (job->phase == PHASE_DONE) return;
    job->phase = PHASE_DONE;
    job->result.state = state;
    job->result.class = class;
    // why may be the very text that is in there
    if (why != job->result.why.text)
        snprintf(job->result.why.text, sizeof job->result.why.text, "%s", why);
    if (job->begun_ms) job->result.wall_ms = clock_ms() - job->begun_ms;
    for (struct crew *c = job->crew; c; c = c->next)
        if (c->helper) helper_kill(c->helper, END_DROPPED);
    if (job->publication.n_files == 0) publish_close(&job->publication);
    close_fd(&job->input_fd);
    close_fd(&job->spool_fd);
}

static void fail_job(struct job *job, enum job_class class, const char *why) {
    job_end(job, JOB_FAILED, class, why);
}

bool job_is_done(const struct job *job) {
    return job->phase == PHASE_DONE && job->n_crew == 0;
}

const struct job_result *job_result(const struct job *job) {
    return &job->result;
}

int job_pages_done(const struct job *job) {
    return (int)job->n_finished;
}

/* True when the input is no longer what was hashed. */
static bool input_has_changed(const struct job *job) {
    struct stat now;
    return job->input_fd >= 0 && fstat(job->input_fd, &now) == 0 &&
           (now.st_size != job->input_stat.st_size ||
            now.st_mtim.tv_sec != job->input_stat.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != job->input_stat.st_mtim.tv_nsec);
}

static void fail_changed(struct job *job) {
    fail_job(job, CLASS_CHANGED, "the file changed while it was read");
}

/* ---- beginning ---- */

static char *copy_name(struct str s) {
    char *copy = mem_alloc(s.n + 1);
    if (s.n) memcpy(copy, s.s, s.n);
    return copy;
}

struct job *job_new(const struct job_config *config, struct workers *workers, struct str name,
                    const char *output, bool is_named) {
    struct job *job = mem_alloc(sizeof *job);
    job->config = config;
    job->workers = workers;
    job->name = copy_name(name);
    job->output = copy_name(str_from(output));
    job->is_named = is_named;
    job->input_fd = job->spool_fd = job->publication.folder_fd = -1;
    job->result.name = str_from(job->name);
    job->result.output = output ? job->output : NULL;
    buf_open(&job->errors, ERRORS_KEPT);
    return job;
}

void job_free(struct job *job) {
    if (!job) return;
    publish_close(&job->publication);
    close_fd(&job->input_fd);
    close_fd(&job->spool_fd);
    for (size_t i = 0; i < job->result.n_troubles; i++) mem_free(job->result.troubles[i].text);
    buf_close(&job->errors);
    mem_free(job->slots);
    mem_free(job->name);
    mem_free(job->output);
    mem_free(job);
}

static bool open_input(struct job *job) {
    // Non-blocking: opening a FIFO must not wait for somebody to write to it.
    job->input_fd = open(job->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (job->input_fd < 0 || fstat(job->input_fd, &job->input_stat) != 0) {
        int saved = errno;
        enum job_class class = saved == ENXIO ? CLASS_NOT_A_FILE
                               : saved == ELOOP || saved == ENOTDIR
                                   ? CLASS_NOT_FOUND
                                   : job_class_of(STATUS_IO, saved);
        fail_job(job, class, strerror(saved));
        return false;
    }
    if (!S_ISREG(job->input_stat.st_mode)) {
        job_end(job, job->is_named ? JOB_FAILED : JOB_SKIPPED, CLASS_NOT_A_FILE,
                "not a plain file");
        return false;
    }
    if (job->input_stat.st_size > input_max_bytes) {
        fail_job(job, CLASS_LIMIT_BYTES, "over 2 GiB");
        return false;
    }
    return true;
}

static struct memo memo_of(const struct job *job) {
    struct memo memo = {.degraded = job->result.n_failed + job->result.n_degraded > 0};
    memcpy(memo.input, job->result.hash, sizeof memo.input);
    memcpy(memo.options, job->config->options_hash, sizeof memo.options);
    return memo;
}

static bool keeps_memo(const struct job *job) {
    return !job->config->plan && job->config->single.n == 0 && job->config->copy_to_fd < 0;
}

void job_begin(struct job *job) {
    uint8_t hash[HASH_BYTES];
    struct error error = {0};
    job->begun_ms = clock_ms();
    job->phase = PHASE_READING;
    if (!open_input(job)) return;
    if (hash_file(job->input_fd, hash, &job->result.n_bytes, &error) != STATUS_OK) {
        fail_job(job, job_class_of(STATUS_IO, errno), error.text);
        return;
    }
    hash_to_hex(hash, job->result.hash);
    if (job->result.n_bytes != job->input_stat.st_size) {
        fail_changed(job);
        return;
    }
    struct memo memo = memo_of(job);
    if (keeps_memo(job) && !job->config->force &&
        memo_matches(job->config->out_fd, str_from(job->output), &memo,
                     &job->result.was_degraded)) {
        job_end(job, JOB_SKIPPED, CLASS_UNCHANGED,
                job->result.was_degraded ? "unchanged since it was converted, not without loss"
                                         : "unchanged since it was converted");
        return;
    }
    job->spool_fd = io_scratch(job->config->scratch_fd, &error);
    if (job->spool_fd < 0) fail_job(job, job_class_of(STATUS_IO, errno), error.text);
}

/* ---- pages ---- */

static bool reserve(struct job *job, uint64_t n, struct extent *out) {
    *out = (struct extent){job->spool_end, n};
    if (n > (uint64_t)output_max_bytes - job->spool_end) return false;
    job->spool_end += n;
    return true;
}

static void note_trouble(struct job *job, int page, enum page_state state, enum job_class class,
                         struct str text) {
    struct job_result *result = &job->result;
    if (state == PAGE_FAILED) result->n_failed++;
    if (state == PAGE_DEGRADED) result->n_degraded++;
    if (result->n_troubles == JOB_MAX_TROUBLES) return;
    result->troubles[result->n_troubles++] =
        (struct page_trouble){page, state, class, copy_name(str_sub(text, 0, 400))};
}

/* The first page that failed speaks for a document of which none came out. */
static void fail_all_pages(struct job *job) {
    struct page_trouble *first = &job->result.troubles[0];
    char why[sizeof job->result.why.text];
    if (job->n_slots == 1)
        snprintf(why, sizeof why, "%s", first->text);
    else
        snprintf(why, sizeof why, "none of %zu pages could be read; page %d: %s", job->n_slots,
                 first->page, first->text);
    fail_job(job, first->class, why);
}

static void end_plan(struct job *job) {
    bool lost = job->result.n_failed + job->result.n_degraded > 0;
    job_end(job, lost ? JOB_DEGRADED : JOB_OK, lost ? CLASS_PAGES : CLASS_NONE, "");
}

/* After a page: is that all? */
static void look_for_end_of_reading(struct job *job) {
    if (job->phase != PHASE_READING || !job->slots || job->n_finished < job->n_slots) return;
    if (input_has_changed(job))
        fail_changed(job);
    else if ((size_t)job->result.n_failed == job->n_slots)
        fail_all_pages(job);
    else if (job->config->plan)
        end_plan(job);
    else
        job->phase = PHASE_ASSEMBLING;
}

static void finish_slot(struct job *job, struct page_slot *slot) {
    if (slot->step == PAGE_TODO) job->n_todo--;
    slot->step = PAGE_FINISHED;
    job->n_finished++;
    look_for_end_of_reading(job);
}

/* A page that will not come gets a record that says so: the outputs show a gap. */
static void fail_page(struct job *job, struct page_slot *slot, enum job_class class,
                      struct str text) {
    struct content content = {0};
    struct error error = {0};
    struct buf record;
    content.info.number = slot->number;
    content.info.state = PAGE_FAILED;
    content.info.message = text;
    buf_open(&record, FRAME_SMALL_MAX);
    content_pack(&content, &record);
    slot->has_record = reserve(job, record.n, &slot->record) &&
                       io_write_at(job->spool_fd, buf_str(&record), (int64_t)slot->record.offset,
                                   &error) == STATUS_OK;
    int saved = errno;
    buf_close(&record);
    note_trouble(job, slot->number, PAGE_FAILED, class, text);
    if (slot->has_record)
        finish_slot(job, slot);
    else
        fail_job(job, job_class_of(STATUS_IO, saved), error.text);
}

static void fail_remaining(struct job *job, enum job_class class, const char *why) {
    for (size_t i = 0; i < job->n_slots && job->phase == PHASE_READING; i++)
        if (job->slots[i].step != PAGE_FINISHED)
            fail_page(job, &job->slots[i], class, str_from(why));
}

static void return_slot(struct job *job, size_t i) {
    if (job->slots[i].step != PAGE_ASSIGNED) return;
    job->slots[i].step = PAGE_TODO;
    job->n_todo++;
    if (i < job->cursor) job->cursor = i;
}

/* Pages for CHUNK_MS, judged by those read so far. */
static size_t chunk_size(const struct job *job) {
    if (job->n_finished < 2) return 1;
    int64_t each_us = job->page_ms * 1000 / (int64_t)job->n_finished + 1;
    int64_t n = CHUNK_MS * 1000LL / each_us;
    return n < 1 ? 1 : n > CHUNK_MAX ? CHUNK_MAX : (size_t)n;
}

/* The next run of consecutive pages to hand out; empty when there is none. A page that took a worker
 * down goes to a fresh one, with nothing else: then nothing else is lost if it does so again. */
static struct run take_run(struct job *job, bool is_fresh) {
    struct page_slot *slots = job->slots;
    size_t i = job->cursor, max = chunk_size(job);
    bool skipped = false;
    if (is_fresh) {
        while (i < job->n_slots && (slots[i].step != PAGE_TODO || slots[i].attempts == 0)) i++;
        skipped = i < job->n_slots;
        if (!skipped) i = job->cursor;
    }
    for (; i < job->n_slots; i++) {
        if (slots[i].step != PAGE_TODO) continue;
        if (slots[i].attempts == 0 || is_fresh) break;
        skipped = true;
    }
    if (i == job->n_slots) return (struct run){i, i};
    struct run run = {i, i};
    bool is_second_try = slots[i].attempts > 0;
    do {
        slots[run.end].step = PAGE_ASSIGNED;
        job->n_todo--;
        run.end++;
    } while (!is_second_try && run.end < job->n_slots && run.end - run.at < max &&
             slots[run.end].step == PAGE_TODO && slots[run.end].attempts == 0 &&
             slots[run.end].number == slots[run.end - 1].number + 1);
    if (!skipped) job->cursor = run.end;
    return run;
}

static void arm_step(struct crew *crew) {
    const struct job_config *config = crew->job->config;
    if (crew->n_runs > 0)
        helper_step(crew->helper, config->page_wall_ms, config->page_cpu_ms);
    else
        helper_step(crew->helper, 0, 0);
}

/* Keeps a reading worker supplied: the run at work and the next. */
static void feed(struct crew *crew) {
    struct job *job = crew->job;
    bool was_idle = crew->n_runs == 0;
    bool is_fresh = crew->is_alone;
    while (crew->has_opened && crew->n_runs < 2 && job->phase == PHASE_READING &&
           crew->n_pages < RECYCLE_AFTER) {
        if (is_fresh && crew->n_runs > 0) break;
        struct run run = take_run(job, is_fresh);
        if (run.at == run.end) break;
        struct buf payload;
        buf_open(&payload, 64);
        wire_put_u32(&payload, (uint32_t)job->slots[run.end - 1].number);
        crew->runs[crew->n_runs++] = run;
        crew->n_pages += run.end - run.at;
        helper_send(crew->helper, FRAME_READ, (uint32_t)job->slots[run.at].number,
                    buf_str(&payload));
        buf_close(&payload);
    }
    crew->is_alone = false;
    if (was_idle) arm_step(crew);
    if (crew->has_opened && crew->n_runs == 0 && !crew->was_told_to_quit) {
        crew->was_told_to_quit = true;
        helper_send(crew->helper, FRAME_QUIT, 0, STR(""));
        helper_step(crew->helper, crew->job->config->page_wall_ms, 0);
    }
}

static struct page_slot *slot_in_hand(struct crew *crew, uint32_t page) {
    if (!crew->has_page || crew->n_runs == 0) return NULL;
    struct page_slot *slot = &crew->job->slots[crew->runs[0].at];
    return (uint32_t)slot->number == page ? slot : NULL;
}

static enum status breach(struct error *err, const char *what) {
    return fail(err, STATUS_FORMAT, "the worker broke the protocol: %s", what);
}

/* The page in hand is over, one way or the other. */
static void leave_page(struct crew *crew) {
    crew->job->page_ms += clock_ms() - crew->page_since_ms;
    crew->has_page = false;
    if (++crew->runs[0].at == crew->runs[0].end) {
        crew->runs[0] = crew->runs[1];
        crew->n_runs--;
    }
}

static enum status on_opened(struct crew *crew, uint32_t n_pages, struct error *err) {
    struct job *job = crew->job;
    if (crew->has_opened || !job->has_meta) return breach(err, "opened twice, or without metadata");
    if (n_pages < 1 || n_pages > (uint32_t)job->config->read.max_pages)
        return breach(err, "number of pages");
    if (job->slots && n_pages != (uint32_t)job->result.n_pages)
        return breach(err, "another number of pages");
    crew->has_opened = true;
    if (!job->slots) {
        size_t n;
        int *numbers = pages_select(&job->config->pages, (int)n_pages, &n);
        job->result.n_pages = (int)n_pages;
        job->result.n_wanted = (int)n;
        if (n == 0) {
            char why[80];
            snprintf(why, sizeof why, "none of the pages asked for: there are %u", n_pages);
            fail_job(job, CLASS_NO_SUCH_PAGE, why);
            return STATUS_OK;
        }
        job->slots = mem_alloc(mem_product(n, sizeof *job->slots));
        job->n_slots = job->n_todo = n;
        for (size_t i = 0; i < n; i++) job->slots[i].number = numbers[i];
        mem_free(numbers);
        int64_t wall = job->config->document_wall_ms;
        if (wall == 0) wall = n > 120 ? (int64_t)n * 30000 : 3600000;
        job->deadline_ms = job->begun_ms + wall;
    }
    feed(crew);
    return STATUS_OK;
}

static enum status on_page_start(struct crew *crew, uint32_t page, struct error *err) {
    if (crew->has_page || crew->n_runs == 0 ||
        (uint32_t)crew->job->slots[crew->runs[0].at].number != page)
        return breach(err, "a page nobody asked for");
    crew->has_page = true;
    crew->page_since_ms = clock_ms();
    arm_step(crew);
    return STATUS_OK;
}

static enum status on_page_done(struct crew *crew, uint32_t page, struct str payload,
                                struct error *err) {
    struct job *job = crew->job;
    struct page_report report;
    struct page_slot *slot = slot_in_hand(crew, page);
    if (!slot || !page_report_unpack(payload, &report) || (!slot->has_record && !job->config->plan))
        return breach(err, "the end of a page");
    enum page_state state = report.state;
    struct str message = report.message;
    if (state == PAGE_OK && helper_page_lost_memory(crew->helper, slot->number)) {
        // The library went on without what it could not allocate: the page is not what it should be.
        state = PAGE_DEGRADED;
        message = STR("memory ran out on the page; something may be missing from it");
    }
    job->result.n_by_engine[report.engine]++;
    if (state != PAGE_OK) note_trouble(job, slot->number, state, CLASS_PAGES, message);
    leave_page(crew);
    arm_step(crew);
    finish_slot(job, slot);
    if (job->phase == PHASE_READING || crew->n_runs == 0) feed(crew);
    return STATUS_OK;
}

/* True when the name says that this should be a document: then that it is none is a failure, also
 * for a file met on a walk. */
static bool has_document_name(const char *name) {
    static const char *const ends[] = {".pdf", ".tif",  ".tiff", ".jpg", ".jpeg",
                                       ".png", ".webp", ".jp2",  ".j2k", ".gif",
                                       ".bmp", ".pnm",  ".pbm",  ".pgm", ".ppm"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t length = strlen(ends[i]);
        if (n > length && strcasecmp(name + n - length, ends[i]) == 0) return true;
    }
    return false;
}

static enum status on_error(struct crew *crew, uint32_t page, struct str payload,
                            struct error *err) {
    struct job *job = crew->job;
    struct worker_error error;
    if (!worker_error_unpack(payload, &error)) return breach(err, "an error that cannot be read");
    enum job_class class = job_class_of(error.status, error.os_error);
    if (page != 0) {
        struct page_slot *slot = slot_in_hand(crew, page);
        if (!slot) return breach(err, "an error on a page nobody asked for");
        leave_page(crew);
        arm_step(crew);
        fail_page(job, slot, class, error.text);
        if (job->phase == PHASE_READING || crew->n_runs == 0) feed(crew);
        return STATUS_OK;
    }
    if (class == CLASS_LIMIT_PIXELS && crew->task != WORKER_ASSEMBLE) class = CLASS_LIMIT_PAGES;
    if (class == CLASS_CORRUPT && crew->task == WORKER_ASSEMBLE) class = CLASS_PROTOCOL;
    if (job->slots && crew->task != WORKER_ASSEMBLE) { // others have opened it
        if (++job->strays > MAX_STRAYS) fail_remaining(job, class, "it could not be opened again");
        return STATUS_OK;
    }
    char text[sizeof job->result.why.text];
    snprintf(text, sizeof text, "%.*s", STR_ARG(str_sub(error.text, 0, sizeof text - 1)));
    bool is_foreign =
        (class == CLASS_UNSUPPORTED || class == CLASS_EMPTY) && !has_document_name(job->name);
    if (input_has_changed(job))
        fail_changed(job);
    else if (is_foreign && !job->is_named)
        job_end(job, JOB_SKIPPED, class, text);
    else
        fail_job(job, class, text);
    return STATUS_OK;
}

/* ---- what workers send ---- */

static enum status place(void *context, const struct frame *frame, int *file, int64_t *offset,
                         struct error *err) {
    struct crew *crew = context;
    struct job *job = crew->job;
    struct extent extent;
    if (job->phase == PHASE_DONE) return breach(err, "talks on after the end");
    if (frame->type == FRAME_PAGE_RECORD && !slot_in_hand(crew, frame->arg))
        return breach(err, "a record nobody asked for");
    if ((frame->type == FRAME_FIGURE) != (crew->task == WORKER_ASSEMBLE))
        return breach(err, "a frame out of place");
    if (!reserve(job, frame->length, &extent))
        return fail(err, STATUS_LIMIT, "more than 16 GiB of page records");
    if (frame->type == FRAME_PAGE_RECORD) slot_in_hand(crew, frame->arg)->record = extent;
    if (frame->type == FRAME_META && !job->has_meta) job->meta = extent;
    if (frame->type == FRAME_FIGURE) TRY(publish_figure(&job->publication, extent, err));
    *file = job->spool_fd;
    *offset = (int64_t)extent.offset;
    return STATUS_OK;
}

static void publish(struct job *job);

static enum status on_frame(void *context, const struct frame *frame, struct str payload,
                            struct error *err) {
    struct crew *crew = context;
    struct job *job = crew->job;
    if (job->phase == PHASE_DONE) return STATUS_OK;
    bool is_reading = crew->task != WORKER_ASSEMBLE;
    switch (frame->type) {
    case FRAME_HELLO:
        if (job->result.sandbox_level == 0 || (int)frame->arg < job->result.sandbox_level)
            job->result.sandbox_level = (int)(frame->arg & 3);
        return STATUS_OK;
    case FRAME_META: job->has_meta = true; return STATUS_OK;
    case FRAME_OPENED: return is_reading ? on_opened(crew, frame->arg, err) : breach(err, "opened");
    case FRAME_PAGE_START:
        return is_reading ? on_page_start(crew, frame->arg, err) : breach(err, "a page");
    case FRAME_PAGE_RECORD: {
        struct page_slot *slot = slot_in_hand(crew, frame->arg);
        if (!slot) return breach(err, "a record nobody asked for");
        slot->has_record = true;
        return STATUS_OK;
    }
    case FRAME_PAGE_DONE:
        return is_reading ? on_page_done(crew, frame->arg, payload, err) : breach(err, "a page");
    case FRAME_ERROR: return on_error(crew, frame->arg, payload, err);
    case FRAME_FIGURE_NAME:
        return is_reading ? breach(err, "a figure")
                          : publish_figure_name(&job->publication, payload, err);
    case FRAME_FIGURE:
    case FRAME_PROGRESS: helper_step(crew->helper, SILENCE_MS, 0); return STATUS_OK;
    case FRAME_DONE:
        if (is_reading && !crew->was_told_to_quit) return breach(err, "done too soon");
        if (!is_reading) publish(job);
        return STATUS_OK;
    default: return breach(err, "a frame of the supervisor's");
    }
}

/* ---- ends of workers ---- */

static void keep_errors(struct job *job, struct str errors) {
    buf_put(&job->errors, str_sub(errors, 0, ERRORS_KEPT - job->errors.n));
    job->result.errors = buf_str(&job->errors);
}

/* A reading worker died: the page in hand pays for it, or else its opening, or nobody. */
static void bear_loss(struct job *job, struct crew *crew, const struct helper_end *end) {
    enum job_class class = class_of_end(end->cause);
    char why[sizeof job->result.why.text];
    snprintf(why, sizeof why, "%.*s", STR_ARG(end->text));
    if (input_has_changed(job)) {
        fail_changed(job);
    } else if (end->cause == END_IO || end->cause == END_REFUSED) {
        fail_job(job, end->cause == END_IO ? job_class_of(STATUS_IO, end->number) : class, why);
    } else if (crew->has_page && crew->n_runs > 0) {
        struct page_slot *slot = &job->slots[crew->runs[0].at];
        slot->attempts++;
        slot->has_record = false;
        if (slot->attempts < MAX_ATTEMPTS && end->cause != END_SANDBOX) {
            job->result.n_retries++;
            return_slot(job, crew->runs[0].at);
        } else {
            fail_page(job, slot, class, str_from(why));
        }
    } else if (!job->slots) {
        if (++job->open_attempts >= MAX_ATTEMPTS || end->cause == END_SANDBOX)
            fail_job(job, class, why);
        else
            job->result.n_retries++;
    } else if (++job->strays > MAX_STRAYS) {
        fail_remaining(job, class, why);
    }
}

static void bear_assembly_loss(struct job *job, const struct helper_end *end) {
    enum job_class class = class_of_end(end->cause);
    char why[sizeof job->result.why.text];
    publish_close(&job->publication);
    snprintf(why, sizeof why, "while the outputs were written: %.*s", STR_ARG(end->text));
    if (end->cause == END_IO) class = job_class_of(STATUS_IO, end->number);
    if (++job->assembly_attempts >= MAX_ATTEMPTS || end->cause == END_SANDBOX ||
        end->cause == END_IO || end->cause == END_REFUSED)
        fail_job(job, class, why);
    else
        job->result.n_retries++;
}

static void on_end(void *context, struct helper *helper, const struct helper_end *end) {
    struct crew *crew = context;
    struct job *job = crew->job;
    (void)helper;
    for (struct crew **at = &job->crew; *at; at = &(*at)->next) {
        if (*at != crew) continue;
        *at = crew->next;
        job->n_crew--;
        break;
    }
    job->result.cpu_ms += end->cpu_ms;
    if (end->max_rss_kb > job->result.max_rss_kb) job->result.max_rss_kb = end->max_rss_kb;
    keep_errors(job, end->errors);
    bool is_fine = end->cause == END_DONE || end->cause == END_ERROR || end->cause == END_DROPPED;
    if (job->phase == PHASE_READING && crew->task != WORKER_ASSEMBLE) {
        struct run runs[2] = {crew->runs[0], crew->runs[1]};
        int n_runs = crew->n_runs;
        if (!is_fine) bear_loss(job, crew, end);
        size_t first = crew->has_page && n_runs > 0 ? runs[0].at + 1 : runs[0].at;
        for (size_t i = first; n_runs > 0 && i < runs[0].end; i++) return_slot(job, i);
        for (size_t i = runs[1].at; n_runs > 1 && i < runs[1].end; i++) return_slot(job, i);
    } else if (job->phase == PHASE_ASSEMBLING && crew->task == WORKER_ASSEMBLE && !is_fine) {
        bear_assembly_loss(job, end);
    }
    mem_free(crew);
}

/* ---- starting workers ---- */

static struct request request_of(const struct job *job, enum worker_task task) {
    const struct job_config *config = job->config;
    struct request request = {.task = task,
                              .sandbox = config->sandbox,
                              .name = str_from(job->name),
                              .read = config->read,
                              .export = config->export,
                              .n_exporters = config->n_exporters};
    memcpy(request.exporters, config->exporters, sizeof request.exporters);
    // What is mapped counts: the input as a whole is.
    request.limits.memory_bytes = config->memory_bytes + (uint64_t)job->result.n_bytes;
    request.limits.file_bytes = task == WORKER_ASSEMBLE ? (uint64_t)output_max_bytes : 0;
    return request;
}

static bool start(struct job *job, struct crew *crew, const int *fds, size_t n_fds,
                  const struct request *request) {
    struct error error = {0};
    struct helper_events events = {.sink = {place, on_frame, crew}, .end = on_end};
    crew->job = job;
    crew->task = request->task;
    if (workers_start(job->workers, fds, n_fds, request, &events, &crew->helper, &error) !=
        STATUS_OK) {
        mem_free(crew);
        fail_job(job, CLASS_WORKER, error.text);
        return false;
    }
    crew->next = job->crew;
    job->crew = crew;
    job->n_crew++;
    return true;
}

static void start_reading(struct job *job) {
    struct crew *crew = mem_alloc(sizeof *crew);
    struct request request = request_of(job, job->config->plan ? WORKER_PLAN : WORKER_READ);
    crew->is_alone = job->strays + job->result.n_retries > 0;
    if (start(job, crew, &job->input_fd, 1, &request))
        helper_step(crew->helper, job->config->page_wall_ms, OPEN_CPU_MS);
}

static struct str figures_name(const struct job *job, char *buffer, size_t n) {
    struct str base = job->config->single.n ? job->config->single : str_from(job->output);
    int length = snprintf(buffer, n, "%.*s.figures", STR_ARG(base));
    return (struct str){buffer, length > 0 && (size_t)length < n ? (size_t)length : 0};
}

/* Opens the outputs: each is the job's name and the format's extension. */
static enum status open_outputs(struct job *job, struct str figures, struct error *err) {
    const struct job_config *config = job->config;
    struct str names[REQUEST_MAX_OUTPUTS] = {0};
    char *made[REQUEST_MAX_OUTPUTS] = {0};
    for (size_t i = 0; i < config->n_exporters; i++) {
        struct str extension = str_from(config->exporters[i]->extension);
        struct str base = str_from(job->output);
        made[i] = mem_alloc(base.n + extension.n + 1);
        memcpy(made[i], base.s, base.n);
        memcpy(made[i] + base.n, extension.s, extension.n);
        names[i] = config->single.n ? config->single : str_from(made[i]);
    }
    int out_fd = config->copy_to_fd >= 0 ? config->scratch_fd : config->out_fd;
    enum status status = publish_open(out_fd, config->exporters, names, config->n_exporters,
                                      figures, &job->publication, err);
    int saved = errno;
    for (size_t i = 0; i < config->n_exporters; i++) mem_free(made[i]);
    errno = saved;
    return status;
}

/* The index of the records, at the end of the spool. */
static enum status write_index(struct job *job, struct extent *out, struct error *err) {
    size_t n = mem_product(job->n_slots, sizeof(struct extent));
    struct extent *index = mem_alloc(n);
    for (size_t i = 0; i < job->n_slots; i++) index[i] = job->slots[i].record;
    enum status status = STATUS_LIMIT;
    if (reserve(job, n, out))
        status = io_write_at(job->spool_fd, (struct str){(const char *)index, n},
                             (int64_t)out->offset, err);
    mem_free(index);
    return status;
}

static void start_assembling(struct job *job) {
    char buffer[4096];
    struct error error = {0};
    struct request request = request_of(job, WORKER_ASSEMBLE);
    struct str figures = figures_name(job, buffer, sizeof buffer);
    enum status status = open_outputs(job, figures, &error);
    if (status == STATUS_OK) status = write_index(job, &request.index, &error);
    if (status != STATUS_OK) {
        fail_job(job, job_class_of(STATUS_IO, errno), error.text);
        return;
    }
    size_t slash = figures.n;
    while (slash > 0 && figures.s[slash - 1] != '/') slash--;
    request.export.figures_dir = str_sub(figures, slash, figures.n);
    request.meta = job->meta;
    int fds[1 + 2 * REQUEST_MAX_OUTPUTS] = {job->spool_fd};
    size_t n_fds = 1 + publish_fds(&job->publication, fds + 1);
    struct crew *crew = mem_alloc(sizeof *crew);
    if (start(job, crew, fds, n_fds, &request)) helper_step(crew->helper, SILENCE_MS, 0);
}

void job_add_worker(struct job *job) {
    if (job->phase == PHASE_READING)
        start_reading(job);
    else if (job->phase == PHASE_ASSEMBLING && job->n_crew == 0)
        start_assembling(job);
}

int64_t job_wants_worker(const struct job *job) {
    if (job->phase == PHASE_DONE || job->phase == PHASE_NEW) return 0;
    if (job->n_crew == 0) return INT64_MAX;
    if (job->phase != PHASE_READING || !job->slots || job->n_finished == 0) return 0;
    return job->page_ms * (int64_t)job->n_todo / (int64_t)job->n_finished;
}

void job_tick(struct job *job) {
    if (job->phase != PHASE_READING || !job->deadline_ms || clock_ms() < job->deadline_ms) return;
    job->deadline_ms = 0;
    for (struct crew *c = job->crew; c; c = c->next) helper_kill(c->helper, END_DROPPED);
    fail_remaining(job, CLASS_WALL, "the document's time limit was reached before this page");
}

/* ---- publishing ---- */

static enum status copy_out(struct job *job, struct error *err) {
    struct stat st;
    int fd = job->publication.temps[0].fd;
    if (fstat(fd, &st) != 0) return fail(err, STATUS_IO, "fstat: %s", strerror(errno));
    return io_copy(fd, 0, (uint64_t)st.st_size, job->config->copy_to_fd, err);
}

static void publish(struct job *job) {
    struct error error = {0};
    struct memo memo = memo_of(job);
    struct publication *p = &job->publication;
    enum status status = job->config->copy_to_fd >= 0 ? copy_out(job, &error)
                                                      : publish_commit(p, job->spool_fd, &error);
    if (status == STATUS_OK && keeps_memo(job))
        status = memo_write(job->config->out_fd, str_from(job->output), &memo, p->files, p->n_files,
                            &error);
    if (status != STATUS_OK) {
        fail_job(job, job_class_of(STATUS_IO, errno), error.text);
        return;
    }
    job->result.files = p->files;
    job->result.n_files = p->n_files;
    job_end(job, memo.degraded ? JOB_DEGRADED : JOB_OK, memo.degraded ? CLASS_PAGES : CLASS_NONE,
            "");
}
