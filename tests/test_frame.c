/* Frames between supervisor and worker: whole, in pieces, and from a worker that lies. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/frame.h"
#include "pipeline/request.h"
#include "tests/check.h"
#include "util/arena.h"

struct seen {
    int n_frames;
    struct frame last;
    char payload[64];
    int file;
    int64_t offset;
};

static enum status place(void *context, const struct frame *frame, int *file, int64_t *offset,
                         struct error *err) {
    struct seen *seen = context;
    if (frame->arg == 13) return fail(err, STATUS_FORMAT, "no page 13 was asked for");
    *file = seen->file;
    *offset = seen->offset;
    seen->offset += (int64_t)frame->length;
    return STATUS_OK;
}

static enum status take(void *context, const struct frame *frame, struct str payload,
                        struct error *err) {
    struct seen *seen = context;
    (void)err;
    seen->n_frames++;
    seen->last = *frame;
    snprintf(seen->payload, sizeof seen->payload, "%.*s", STR_ARG(payload));
    return STATUS_OK;
}

static void put_frame(struct buf *out, uint32_t type, uint32_t arg, uint64_t length, struct str s) {
    wire_put_u32(out, type);
    wire_put_u32(out, arg);
    wire_put_u64(out, length);
    buf_put(out, s);
}

/* The same bytes in pieces of every size give the same frames. */
static void test_pieces(void) {
    struct buf bytes;
    buf_open(&bytes, 0);
    put_frame(&bytes, FRAME_HELLO, 3, 0, STR(""));
    put_frame(&bytes, FRAME_ERROR, 7, 5, STR("wrong"));
    put_frame(&bytes, FRAME_PAGE_RECORD, 1, 6, STR("record"));
    put_frame(&bytes, FRAME_META, 0, 0, STR(""));
    put_frame(&bytes, FRAME_FIGURE_NAME, 0, 8, STR("p1-1.png"));
    char path[] = "/tmp/docmill-test-frame-XXXXXX";
    for (size_t piece = 1; piece <= bytes.n; piece++) {
        struct seen seen = {.file = mkstemp(path)};
        struct frame_sink sink = {place, take, &seen};
        struct frame_reader reader;
        struct error error = {0};
        unlink(path);
        memcpy(path + sizeof path - 7, "XXXXXX", 6);
        frame_reader_open(&reader);
        for (size_t at = 0; at < bytes.n; at += piece)
            CHECK(frame_feed(&reader, str_sub(buf_str(&bytes), at, at + piece), &sink, &error) ==
                      STATUS_OK,
                  "piece %zu at %zu: %s", piece, at, error.text);
        char stored[16] = "";
        CHECK(pread(seen.file, stored, 6, 0) == 6 && strcmp(stored, "record") == 0, "%s", stored);
        CHECK(seen.n_frames == 5, "pieces of %zu: %d frames", piece, seen.n_frames);
        CHECK(strcmp(seen.payload, "p1-1.png") == 0, "%s", seen.payload);
        frame_reader_close(&reader);
        close(seen.file);
    }
    buf_close(&bytes);
}

static const struct {
    const char *name;
    uint32_t type, arg;
    uint64_t length;
} lies[] = {
    {"type 0", 0, 0, 0},
    {"type beyond the last", N_FRAME_TYPES, 0, 0},
    {"type of all ones", UINT32_MAX, 0, 0},
    {"small frame too long", FRAME_ERROR, 0, FRAME_SMALL_MAX + 1},
    {"record too long", FRAME_PAGE_RECORD, 1, FRAME_STREAM_MAX + 1},
    {"length of all ones", FRAME_PAGE_RECORD, 1, UINT64_MAX},
    {"length that wraps with the head", FRAME_META, 0, UINT64_MAX - 15},
    {"a place that is refused", FRAME_PAGE_RECORD, 13, 4},
};

static void test_lies(void) {
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct seen seen = {.file = -1};
        struct frame_sink sink = {place, take, &seen};
        struct frame_reader reader;
        struct error error = {0};
        struct buf bytes;
        buf_open(&bytes, 0);
        put_frame(&bytes, lies[i].type, lies[i].arg, lies[i].length, STR("xxxxxxxx"));
        frame_reader_open(&reader);
        CHECK(frame_feed(&reader, buf_str(&bytes), &sink, &error) == STATUS_FORMAT, "%s",
              lies[i].name);
        CHECK(error.text[0], "%s has no message", lies[i].name);
        frame_reader_close(&reader);
        buf_close(&bytes);
    }
}

/* Payloads cut at every byte are refused or read, never read beyond their end. */
static void test_payloads(void) {
    struct buf bytes;
    struct page_report report = {ENGINE_TEXT, PAGE_DEGRADED, 12, STR("half of it")}, got_report;
    struct worker_error error = {STATUS_IO, ENOSPC, STR("no room")}, got_error;
    buf_open(&bytes, 0);
    page_report_pack(&report, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(!page_report_unpack(str_sub(buf_str(&bytes), 0, n), &got_report), "report of %zu", n);
    CHECK(page_report_unpack(buf_str(&bytes), &got_report), "report");
    CHECK_STR(got_report.message, "half of it", "message");
    bytes.data[0] = 77;
    CHECK(!page_report_unpack(buf_str(&bytes), &got_report), "engine 77");
    bytes.n = 0;
    worker_error_pack(&error, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(!worker_error_unpack(str_sub(buf_str(&bytes), 0, n), &got_error), "error of %zu", n);
    CHECK(worker_error_unpack(buf_str(&bytes), &got_error) && got_error.os_error == ENOSPC,
          "error");
    bytes.data[0] = 0;
    CHECK(!worker_error_unpack(buf_str(&bytes), &got_error), "an error that is none");
    buf_close(&bytes);
}

static void test_request(void) {
    const char *passwords[] = {"one", ""};
    struct request request = {.task = WORKER_ASSEMBLE,
                              .sandbox = true,
                              .limits = {1u << 30, 5, 6},
                              .name = STR("a\nb.pdf"),
                              .read = {.engine = CHOOSE_TESSERACT,
                                       .lang = "eng+fra",
                                       .dpi = 300,
                                       .passwords = passwords,
                                       .n_passwords = 2,
                                       .figures = true,
                                       .max_pixels = 1 << 20,
                                       .max_pages = 9},
                              .export = {.furniture = FURNITURE_MARK,
                                         .page_breaks = true,
                                         .figures_dir = STR("x.figures")},
                              .exporters = {&exporter_json, &exporter_markdown},
                              .n_exporters = 2,
                              .meta = {1, 2},
                              .index = {3, 4},
                              .page = -1};
    struct request got;
    struct error error;
    struct buf bytes;
    struct arena *arena = arena_new();
    buf_open(&bytes, 0);
    request_pack(&request, &bytes);
    CHECK(request_unpack(buf_str(&bytes), arena, &got, &error) == STATUS_OK, "%s", error.text);
    CHECK_STR(got.name, "a\nb.pdf", "name");
    CHECK(strcmp(got.read.lang, "eng+fra") == 0 && got.read.n_passwords == 2, "read options");
    CHECK(strcmp(got.read.passwords[0], "one") == 0, "password");
    CHECK(got.exporters[1] == &exporter_markdown && got.index.length == 4 && got.page == -1,
          "rest");
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(request_unpack(str_sub(buf_str(&bytes), 0, n), arena, &got, &error) != STATUS_OK,
              "request of %zu bytes", n);
    arena_free(arena);
    buf_close(&bytes);
}

int main(void) {
    test_pieces();
    test_lies();
    test_payloads();
    test_request();
    return check_end("frame");
}
