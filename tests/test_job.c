/*
 * The supervisor against workers that crash, hang, lie and flood: the program is its own fork server
 * with a mock in place of the worker. An input is a script: "pages 5", then "3 crash" and the like.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/forkserver.h"
#include "pipeline/inputs.h"
#include "pipeline/run.h"
#include "tests/check.h"
#include "util/arena.h"
#include "util/io.h"
#include "util/mem.h"

/* ---- the mock ---- */

static void put(int channel, enum frame_type type, int arg, struct str payload) {
    if (frame_send(channel, type, (uint32_t)arg, payload) != STATUS_OK) _exit(1);
}

static void put_raw(int channel, uint32_t type, uint32_t arg, uint64_t length) {
    struct buf head;
    buf_open(&head, 0);
    wire_put_u32(&head, type);
    wire_put_u32(&head, arg);
    wire_put_u64(&head, length);
    if (write(channel, head.data, head.n) != (ssize_t)head.n) _exit(1);
    buf_close(&head);
}

static void put_error(int channel, int page, enum status status, const char *text) {
    struct worker_error error = {status, 0, str_from(text)};
    struct buf payload;
    buf_open(&payload, 0);
    worker_error_pack(&error, &payload);
    put(channel, FRAME_ERROR, page, buf_str(&payload));
    buf_close(&payload);
}

static void put_done(int channel, int page, enum page_state state, const char *message) {
    struct page_report report = {ENGINE_TEXT, state, 1, str_from(message)};
    struct buf payload;
    buf_open(&payload, 0);
    page_report_pack(&report, &payload);
    put(channel, FRAME_PAGE_DONE, page, buf_str(&payload));
    buf_close(&payload);
}

static _Noreturn void hang(void) {
    for (;;) pause();
}

/* The word behind "N " at the start of a line of the script. */
static struct str word_for(struct str script, const char *key) {
    char head[32];
    int n = snprintf(head, sizeof head, "%s ", key);
    while (script.n > 0) {
        size_t end = str_find(script, STR("\n"));
        struct str line = str_sub(script, 0, end);
        if (str_starts(line, (struct str){head, (size_t)n}))
            return str_sub(line, (size_t)n, line.n);
        script = str_sub(script, end + 1, script.n);
    }
    return STR("");
}

static int number_for(struct str script, const char *key) {
    uint64_t value = 0;
    size_t n;
    str_number(word_for(script, key), 1u << 30, &value, &n);
    return (int)value;
}

static bool is(struct str word, const char *text) {
    return str_eq(word, str_from(text));
}

static void misbehave(int channel, int page, struct str word, bool is_first) {
    if (is(word, "crash") || (is(word, "crash-unless-alone") && !is_first)) abort();
    if (is(word, "exit")) _exit(3);
    if (is(word, "end")) _exit(0);
    if (is(word, "hang")) hang();
    if (is(word, "spin"))
        for (;;) {
        }
    if (is(word, "sigsys")) raise(SIGSYS);
    if (is(word, "oom")) {
        fputs("terminate called after throwing an instance of 'std::bad_alloc'\n", stderr);
        abort();
    }
    if (is(word, "unknown-frame")) put_raw(channel, 77, 0, 0), hang();
    if (is(word, "endless-record"))
        put_raw(channel, FRAME_PAGE_RECORD, (uint32_t)page, 1ull << 40), hang();
    if (is(word, "half-record"))
        put_raw(channel, FRAME_PAGE_RECORD, (uint32_t)page, 1000), _exit(0);
    if (is(word, "other-page")) put_done(channel, page + 1, PAGE_OK, ""), hang();
    if (is(word, "no-record")) put_done(channel, page, PAGE_OK, ""), hang();
    if (is(word, "figure")) put(channel, FRAME_FIGURE_NAME, 0, STR("p1-1.png")), hang();
    if (is(word, "done-early")) put(channel, FRAME_DONE, 0, STR("")), hang();
    if (is(word, "opened-again")) put(channel, FRAME_OPENED, 3, STR("")), hang();
    if (is(word, "bad-report")) put(channel, FRAME_PAGE_DONE, page, STR("x")), hang();
    if (is(word, "quiet-memory")) fputs("Error: out of memory in JBIG2 stream\n", stderr);
    for (int i = 0; is(word, "flood") && i < 10000; i++)
        fputs("the same complaint again\n", stderr);
}

static void mock_page(int channel, int page, struct str script, bool is_first) {
    char key[16], record[32];
    snprintf(key, sizeof key, "%d", page);
    struct str word = word_for(script, key);
    fprintf(stderr, WORKER_PAGE_MARK "%d\n", page);
    put(channel, FRAME_PAGE_START, page, STR(""));
    misbehave(channel, page, word, is_first);
    if (is(word, "error")) {
        put_error(channel, page, STATUS_LIMIT, "a picture of a billion pixels");
        return;
    }
    snprintf(record, sizeof record, "p%d;", page);
    put(channel, FRAME_PAGE_RECORD, page, str_from(record));
    if (is(word, "degraded"))
        put_done(channel, page, PAGE_DEGRADED, "half a page");
    else
        put_done(channel, page, PAGE_OK, "");
}

static int mock_read(int channel, int input, struct buf *in) {
    char bytes[4096];
    ssize_t n = pread(input, bytes, sizeof bytes, 0);
    struct str script = {bytes, n > 0 ? (size_t)n : 0}, open = word_for(script, "open");
    if (is(open, "crash")) abort();
    if (is(open, "hang")) hang();
    if (is(open, "password")) {
        put_error(channel, 0, STATUS_PASSWORD, "encrypted");
        return 0;
    }
    if (!is(open, "no-meta")) put(channel, FRAME_META, 0, STR("meta"));
    put(channel, FRAME_OPENED, number_for(script, "pages"), STR(""));
    bool is_first = true;
    for (;;) {
        struct frame frame;
        struct str payload;
        if (frame_receive(channel, in, &frame, &payload) != STATUS_OK) return 1;
        if (frame.type != FRAME_READ) break;
        struct wire wire = {.rest = payload};
        int last = (int)wire_u32(&wire);
        for (int page = (int)frame.arg; page <= last; page++, is_first = false)
            mock_page(channel, page, script, is_first);
    }
    put(channel, FRAME_DONE, 0, STR(""));
    return 0;
}

/* Output: the records one after the other, "[gap]" for what the supervisor made of failed pages. */
static int mock_assemble(int channel, const int *fds, const struct request *request) {
    struct extent extents[64];
    struct error error;
    size_t n = request->index.length / sizeof *extents;
    if (n > 64) return 1;
    if (io_read_at(fds[0], extents, n * sizeof *extents, (int64_t)request->index.offset, &error) !=
        STATUS_OK)
        return 1;
    for (size_t i = 0; i < n; i++) {
        char record[64] = "";
        size_t length = extents[i].length < 60 ? (size_t)extents[i].length : 60;
        if (io_read_at(fds[0], record, length, (int64_t)extents[i].offset, &error) != STATUS_OK)
            return 1;
        struct str text = record[0] == 'p' ? (struct str){record, length} : STR("[gap]");
        if (io_write(fds[1], text, &error) != STATUS_OK) return 1;
    }
    put(channel, FRAME_DONE, 0, STR(""));
    return 0;
}

static int mock_worker(int channel, const int *fds, size_t n_fds, int rules) {
    struct frame frame;
    struct str payload;
    struct request request;
    struct error error;
    struct buf in;
    struct arena *arena = arena_new();
    (void)rules;
    (void)n_fds;
    // What it complains about shall be in the pipe before what it says.
    setvbuf(stderr, NULL, _IONBF, 0);
    buf_open(&in, FRAME_SMALL_MAX);
    if (frame_receive(channel, &in, &frame, &payload) != STATUS_OK) return 1;
    if (request_unpack(payload, arena, &request, &error) != STATUS_OK) return 1;
    put(channel, FRAME_HELLO, 3, STR(""));
    if (request.task == WORKER_ASSEMBLE) return mock_assemble(channel, fds, &request);
    return mock_read(channel, fds[0], &in);
}

/* ---- the tests ---- */

struct outcome {
    enum job_state state;
    enum job_class class;
    int n_failed, n_degraded, n_retries;
    int page;                  // of the first trouble
    enum job_class page_class; // and its class
    char why[200];
    int n_results;
};

static void on_result(void *context, const struct job_result *r) {
    struct outcome *out = context;
    *out = (struct outcome){r->state,
                            r->class,
                            r->n_failed,
                            r->n_degraded,
                            r->n_retries,
                            r->n_troubles ? r->troubles[0].page : 0,
                            r->n_troubles ? r->troubles[0].class : CLASS_NONE,
                            "",
                            out->n_results + 1};
    snprintf(out->why, sizeof out->why, "%.199s", r->why.text);
}

static void on_progress(void *context, const struct run_progress *progress) {
    (void)context;
    (void)progress;
}

static enum run_stop on_stop(void *context) {
    (void)context;
    return RUN_ON;
}

static char root[] = "/tmp/docmill-test-job-XXXXXX";

static struct outcome convert(const char *script, const char *pages, int n_workers, char *text,
                              size_t max) {
    struct outcome outcome = {0};
    struct error error = {0};
    struct workers *workers;
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    struct job_config config = {.read = {.max_pages = 1000},
                                .exporters = {&exporter_markdown},
                                .n_exporters = 1,
                                // On a busy machine computing takes a multiple of its time.
                                .page_wall_ms = strstr(script, "spin") ? 20000 : 700,
                                .page_cpu_ms = 350,
                                .force = true,
                                .out_fd = folder,
                                .scratch_fd = folder,
                                .copy_to_fd = -1};
    if (pages) CHECK(pages_parse(str_from(pages), &config.pages, &error) == STATUS_OK, "pages");
    int input = openat(folder, "input", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    CHECK(io_write(input, str_from(script), &error) == STATUS_OK, "script");
    close(input);
    unlinkat(folder, "input.md", 0);
    CHECK(chdir(root) == 0, "chdir");
    CHECK(workers_new(&workers, &error) == STATUS_OK, "%s", error.text);
    const char *names[] = {"input"};
    struct inputs *inputs = inputs_new(names, 1, -1, folder);
    struct run_events events = {on_result, on_progress, on_stop, -1, &outcome};
    enum run_end end = run_jobs(&config, workers, inputs, n_workers, &events, &error);
    CHECK(end == RUN_COMPLETE, "end %d: %s", (int)end, error.text);
    CHECK(outcome.n_results == 1, "%d results", outcome.n_results);
    inputs_free(inputs);
    workers_free(workers);
    text[0] = '\0';
    int output = openat(folder, "input.md", O_RDONLY);
    ssize_t n = output >= 0 ? read(output, text, max - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    if (output >= 0) close(output);
    close(folder);
    return outcome;
}

static const struct {
    const char *name, *script, *pages;
    enum job_state state;
    enum job_class class, page_class;
    int n_failed, n_retries;
    const char *output; // NULL: none
} cases[] = {
    {"all well", "pages 3\n", NULL, JOB_OK, CLASS_NONE, CLASS_NONE, 0, 0, "p1;p2;p3;"},
    {"chosen pages", "pages 9\n", "2,4-5,-1", JOB_OK, CLASS_NONE, CLASS_NONE, 0, 0, "p2;p4;p5;p9;"},
    {"no such page", "pages 3\n", "7", JOB_FAILED, CLASS_NO_SUCH_PAGE, CLASS_NONE, 0, 0, NULL},
    {"crash", "pages 4\n2 crash\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_CRASH, 1, 1,
     "p1;[gap]p3;p4;"},
    {"crash of the first and the last", "pages 3\n1 crash\n3 crash\n", NULL, JOB_DEGRADED,
     CLASS_PAGES, CLASS_CRASH, 2, 2, "[gap]p2;[gap]"},
    {"crash that does not come alone", "pages 4\n3 crash-unless-alone\n", NULL, JOB_OK, CLASS_NONE,
     CLASS_NONE, 0, 1, "p1;p2;p3;p4;"},
    {"every page crashes", "pages 2\n1 crash\n2 crash\n", NULL, JOB_FAILED, CLASS_CRASH,
     CLASS_CRASH, 2, 2, NULL},
    {"exit with a code", "pages 2\n2 exit\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_CRASH, 1, 1,
     "p1;[gap]"},
    {"exit as if all were well", "pages 2\n2 end\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_CRASH,
     1, 1, "p1;[gap]"},
    {"hang", "pages 3\n2 hang\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_WALL, 1, 1, "p1;[gap]p3;"},
    {"spin", "pages 2\n1 spin\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_CPU, 1, 1, "[gap]p2;"},
    {"out of memory", "pages 2\n1 oom\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_MEMORY, 1, 1,
     "[gap]p2;"},
    {"sandbox violation is not tried again", "pages 2\n1 sigsys\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_SANDBOX, 1, 0, "[gap]p2;"},
    {"memory lost in silence", "pages 3\n2 quiet-memory\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PAGES, 0, 0, "p1;p2;p3;"},
    {"a page says it is degraded", "pages 2\n2 degraded\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PAGES, 0, 0, "p1;p2;"},
    {"an error on a page", "pages 3\n2 error\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_LIMIT_PIXELS, 1, 0, "p1;[gap]p3;"},
    {"flood on standard error", "pages 2\n1 flood\n", NULL, JOB_OK, CLASS_NONE, CLASS_NONE, 0, 0,
     "p1;p2;"},
    {"lie: unknown frame", "pages 2\n1 unknown-frame\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"lie: endless record", "pages 2\n1 endless-record\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"lie: half a record", "pages 2\n1 half-record\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_CRASH,
     1, 1, "[gap]p2;"},
    {"lie: another page", "pages 3\n1 other-page\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;p3;"},
    {"lie: done without a record", "pages 2\n1 no-record\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"lie: a figure out of place", "pages 2\n1 figure\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"lie: all done", "pages 2\n1 done-early\n", NULL, JOB_DEGRADED, CLASS_PAGES, CLASS_PROTOCOL, 1,
     1, "[gap]p2;"},
    {"lie: opened again", "pages 2\n1 opened-again\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"lie: a report that is none", "pages 2\n1 bad-report\n", NULL, JOB_DEGRADED, CLASS_PAGES,
     CLASS_PROTOCOL, 1, 1, "[gap]p2;"},
    {"no pages", "pages 0\n", NULL, JOB_FAILED, CLASS_PROTOCOL, CLASS_NONE, 0, 1, NULL},
    {"a billion pages", "pages 1000000000\n", NULL, JOB_FAILED, CLASS_PROTOCOL, CLASS_NONE, 0, 1,
     NULL},
    {"no metadata", "open no-meta\npages 2\n", NULL, JOB_FAILED, CLASS_PROTOCOL, CLASS_NONE, 0, 1,
     NULL},
    {"crash at opening", "open crash\n", NULL, JOB_FAILED, CLASS_CRASH, CLASS_NONE, 0, 1, NULL},
    {"hang at opening", "open hang\n", NULL, JOB_FAILED, CLASS_WALL, CLASS_NONE, 0, 1, NULL},
    {"encrypted", "open password\n", NULL, JOB_FAILED, CLASS_ENCRYPTED, CLASS_NONE, 0, 0, NULL},
};

static void test_cases(int n_workers) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        struct outcome o = convert(cases[i].script, cases[i].pages, n_workers, text, sizeof text);
        const char *name = cases[i].name;
        CHECK(o.state == cases[i].state, "%s: state %s: %s", name, job_state_names[o.state], o.why);
        CHECK(o.class == cases[i].class, "%s: class %s: %s", name, job_class_names[o.class], o.why);
        CHECK(o.page_class == cases[i].page_class, "%s: page class %s", name,
              job_class_names[o.page_class]);
        if (strstr(name, "silence")) CHECK(o.page == 2, "%s: page %d", name, o.page);
        CHECK(o.n_failed == cases[i].n_failed, "%s: %d pages failed", name, o.n_failed);
        CHECK(o.n_retries == cases[i].n_retries, "%s: %d retries", name, o.n_retries);
        CHECK_STR(str_from(text), cases[i].output ? cases[i].output : "", name);
    }
}

/* Many pages, several of which kill: the same output for any number of workers. */
static void test_many_workers(void) {
    static const char script[] = "pages 60\n7 crash\n20 crash-unless-alone\n33 exit\n60 oom\n";
    char first[600], text[600];
    for (int n = 1; n <= 4; n++) {
        struct outcome o = convert(script, NULL, n, n == 1 ? first : text, sizeof text);
        CHECK(o.state == JOB_DEGRADED && o.n_failed == 3, "%d workers: %d failed", n, o.n_failed);
        if (n > 1) CHECK_STR(str_from(text), first, "output of several workers");
    }
}

int main(int argc, char **argv) {
    static const struct fork_role role = {NULL, mock_worker};
    int code;
    if (fork_server_serve(argc, argv, &role, &code)) return code;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(root)) return 1;
    test_cases(1);
    test_many_workers();
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return check_end("job") | (system(command) != 0);
}
