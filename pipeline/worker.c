/* pipeline/worker.c - see worker.h. */
#include "pipeline/pdf.h"
#include "pipeline/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporters/document_json.h"
#include "layout/analysis.h"
#include "pipeline/assemble.h"
#include "pipeline/draw.h"
#include "pipeline/frame.h"
#include "pipeline/workers.h"
#include "pipeline/request.h"
#include "util/arena.h"
#include "util/io.h"

enum {
    PROGRESS_EVERY = 32, // records of an assembly between two signs of life
    SPOOL_INDEX_MAX = 64 << 20,
};

struct worker {
    int channel;
    const int *fds;
    size_t n_fds;
    struct request request;
    struct arena *arena; // of the document
    struct buf in, out;
};

static enum status send_bytes(struct worker *w, enum frame_type type, int arg, struct str payload) {
    return frame_send(w->channel, type, (uint32_t)arg, payload);
}

/* Tells what failed; page 0 is the document as a whole. */
static enum status send_error(struct worker *w, int page, const struct error *error, int os_error) {
    struct worker_error report = {error->status, os_error, str_from(error->text)};
    w->out.n = 0;
    worker_error_pack(&report, &w->out);
    return send_bytes(w, FRAME_ERROR, page, buf_str(&w->out));
}

/* The input as one slice of memory. A file that shrinks while it is mapped ends this worker with
 * SIGBUS; the supervisor sees then that the file has changed. */
static enum status map_file(int fd, struct str *out, struct error *err) {
    struct stat st;
    *out = STR("");
    if (fstat(fd, &st) != 0) return fail(err, STATUS_IO, "fstat: %s", strerror(errno));
    if (st.st_size == 0) return STATUS_OK;
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return fail(err, STATUS_IO, "cannot map the file: %s", strerror(errno));
    *out = (struct str){at, (size_t)st.st_size};
    return STATUS_OK;
}

/* ---- reading ---- */

/* The page record; where pictures make it too large they are left out and the page says so. */
static void pack_page(struct content *content, struct buf *out) {
    buf_close(out);
    buf_open(out, FRAME_STREAM_MAX);
    content_pack(content, out);
    if (out->status == STATUS_OK) return;
    for (size_t i = 0; i < content->n_pictures; i++) content->pictures[i].png = (struct str){0};
    content->info.state = PAGE_DEGRADED;
    content->info.message = STR("pictures left out: together over 64 MiB");
    buf_close(out);
    buf_open(out, FRAME_STREAM_MAX);
    content_pack(content, out);
}

static enum status send_page(struct worker *w, struct content *content, struct buf *record) {
    int number = content->info.number;
    pack_page(content, record);
    if (record->status != STATUS_OK) {
        struct error error;
        fail(&error, STATUS_LIMIT, "more than 64 MiB of text");
        return send_error(w, number, &error, 0);
    }
    TRY(send_bytes(w, FRAME_PAGE_RECORD, number, buf_str(record)));
    struct page_report report = {content->info.engine, content->info.state,
                                 (uint32_t)content->n_words, content->info.message};
    w->out.n = 0;
    page_report_pack(&report, &w->out);
    return send_bytes(w, FRAME_PAGE_DONE, number, buf_str(&w->out));
}

static enum status read_page(struct worker *w, struct reader *reader, int number,
                             struct arena *arena, struct buf *record) {
    struct content *content;
    struct error error = {0};
    if (reader_page(reader, number, arena, &content, &error) != STATUS_OK)
        return send_error(w, number, &error, 0);
    content->info.number = number;
    return send_page(w, content, record);
}

static enum status plan_page(struct worker *w, struct reader *reader, int number,
                             struct arena *arena) {
    struct page_info info = {0};
    struct error error = {0};
    if (reader_plan(reader, number, &info, arena, &error) != STATUS_OK)
        return send_error(w, number, &error, 0);
    struct page_report report = {info.engine, info.state, 0, info.message};
    w->out.n = 0;
    page_report_pack(&report, &w->out);
    return send_bytes(w, FRAME_PAGE_DONE, number, buf_str(&w->out));
}

static enum status send_document(struct worker *w, struct reader *reader) {
    struct document document = {0};
    struct outline_entry *outline = NULL;
    size_t n_outline = 0;
    reader_document(reader, w->arena, &document, &outline, &n_outline);
    if (document.source.n == 0) document.source = utf8_clean(w->arena, w->request.name);
    document.n_pages = reader_n_pages(reader);
    w->out.n = 0;
    meta_pack(&document, outline, n_outline, &w->out);
    if (w->out.status != STATUS_OK) return w->out.status;
    TRY(send_bytes(w, FRAME_META, 0, buf_str(&w->out)));
    return send_bytes(w, FRAME_OPENED, document.n_pages, STR(""));
}

/* Reads the pages it is told to read until it is told to stop. */
static enum status serve_pages(struct worker *w, struct reader *reader) {
    struct arena *arena = arena_new();
    struct buf record;
    buf_open(&record, FRAME_STREAM_MAX);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct frame frame;
        struct str payload;
        status = frame_receive(w->channel, &w->in, &frame, &payload);
        if (status != STATUS_OK || frame.type != FRAME_READ) break;
        struct wire wire = {.rest = payload};
        int last = (int)wire_u32(&wire);
        for (int page = (int)frame.arg; page <= last && status == STATUS_OK; page++) {
            dprintf(STDERR_FILENO, WORKER_PAGE_MARK "%d\n", page);
            status = send_bytes(w, FRAME_PAGE_START, page, STR(""));
            if (status == STATUS_OK && w->request.task == WORKER_PLAN)
                status = plan_page(w, reader, page, arena);
            else if (status == STATUS_OK)
                status = read_page(w, reader, page, arena, &record);
            arena_reset(arena);
        }
    }
    buf_close(&record);
    arena_free(arena);
    return status;
}

static enum status task_read(struct worker *w) {
    struct str bytes;
    struct reader *reader;
    struct error error = {0};
    enum status status = map_file(w->fds[0], &bytes, &error);
    if (status == STATUS_OK)
        status = reader_open(bytes, w->request.name.s, &w->request.read, &reader, &error);
    if (status != STATUS_OK) return send_error(w, 0, &error, 0);
    TRY(send_document(w, reader));
    TRY(serve_pages(w, reader));
    // No reader_close(): the process ends here, and what a library gets wrong while it tidies up
    // shall not matter.
    return send_bytes(w, FRAME_DONE, 0, STR(""));
}

/* ---- assembling ---- */

struct spool {
    struct worker *worker;
    int fd;
    struct extent *extents;
    size_t n;
    char *record;
    size_t cap;
    size_t n_asked;
};

static enum status read_extent(int fd, struct extent extent, char **buffer, size_t *cap,
                               struct str *out, struct error *err) {
    if (extent.length > SPOOL_INDEX_MAX) return fail(err, STATUS_FORMAT, "a record over 64 MiB");
    if (extent.length > *cap) {
        *buffer = mem_realloc(*buffer, (size_t)extent.length);
        *cap = (size_t)extent.length;
    }
    TRY(io_read_at(fd, *buffer, (size_t)extent.length, (int64_t)extent.offset, err));
    *out = (struct str){*buffer, (size_t)extent.length};
    return STATUS_OK;
}

static enum status spool_record(void *context, size_t i, struct str *bytes, struct error *err) {
    struct spool *spool = context;
    if (i >= spool->n) return fail(err, STATUS_ARG, "no record %zu", i);
    if (++spool->n_asked % PROGRESS_EVERY == 0)
        send_bytes(spool->worker, FRAME_PROGRESS, 0, STR(""));
    return read_extent(spool->fd, spool->extents[i], &spool->record, &spool->cap, bytes, err);
}

static enum status send_figure(void *context, struct str name, struct str png, struct error *err) {
    struct worker *w = context;
    if (png.n > FRAME_STREAM_MAX) return fail(err, STATUS_LIMIT, "a picture over 64 MiB");
    enum status status = send_bytes(w, FRAME_FIGURE_NAME, 0, name);
    if (status == STATUS_OK) status = send_bytes(w, FRAME_FIGURE, 0, png);
    return status == STATUS_OK ? status : fail(err, status, "the supervisor is gone");
}

static size_t outputs_of(const struct worker *w, size_t first_fd, struct assemble_output *out) {
    size_t n = w->request.n_exporters;
    if (w->n_fds < first_fd + 2 * n) return 0;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct assemble_output){w->request.exporters[i], w->fds[first_fd + 2 * i],
                                          w->fds[first_fd + 2 * i + 1]};
    return n;
}

/* A writer that fails says IO; a write of our own finds out why (the disk is full, ...). */
static int probe_errno(const struct assemble_output *outputs, size_t n) {
    static const char zeros[64 << 10];
    for (size_t i = 0; i < n; i++) {
        struct error ignored;
        off_t end = lseek(outputs[i].fd, 0, SEEK_END);
        if (end < 0) continue;
        if (io_write_at(outputs[i].fd, (struct str){zeros, sizeof zeros}, end, &ignored) !=
            STATUS_OK)
            return errno;
    }
    return EIO;
}

static enum status finish_outputs(struct worker *w, enum status status, struct error *error,
                                  const struct assemble_output *outputs, size_t n) {
    if (status == STATUS_OK) return send_bytes(w, FRAME_DONE, 0, STR(""));
    int os_error = status == STATUS_IO ? probe_errno(outputs, n) : 0;
    if (os_error) fail(error, status, "cannot write: %s", strerror(os_error));
    return send_error(w, 0, error, os_error);
}

static enum status task_assemble(struct worker *w) {
    struct error error = {0};
    struct assemble_output outputs[REQUEST_MAX_OUTPUTS];
    size_t n_outputs = outputs_of(w, 1, outputs);
    struct spool spool = {.worker = w, .fd = w->fds[0]};
    char *index_bytes = NULL, *meta_bytes = NULL;
    size_t cap_index = 0, cap_meta = 0;
    struct str index, meta;
    enum status status =
        read_extent(spool.fd, w->request.index, &index_bytes, &cap_index, &index, &error);
    if (status == STATUS_OK)
        status = read_extent(spool.fd, w->request.meta, &meta_bytes, &cap_meta, &meta, &error);
    if (status == STATUS_OK) {
        spool.n = index.n / sizeof *spool.extents;
        spool.extents = ARENA_ARRAY(w->arena, spool.n + 1, struct extent);
        if (spool.n) memcpy(spool.extents, index.s, spool.n * sizeof *spool.extents);
        struct records records = {spool.n, meta, spool_record, &spool};
        struct figure_sink figures = {send_figure, w};
        status = assemble(&records, &w->request.export, outputs, n_outputs,
                          w->request.read.figures ? &figures : NULL, &error);
    }
    return finish_outputs(w, status, &error, outputs, n_outputs);
}

/* ---- exporting again, from JSON ---- */

/* Loads the bytes of the figure with this name, if the index of the spool knows it. */
static enum status load_figure(struct worker *w, struct str index, struct figure *figure,
                               struct error *err) {
    struct wire wire = {.rest = index};
    while (wire.rest.n > 0 && !wire.bad) {
        struct str name = wire_str(&wire);
        struct extent extent = {wire_u64(&wire), wire_u64(&wire)};
        if (wire.bad || !str_eq(name, figure->name)) continue;
        if (extent.length > FRAME_STREAM_MAX)
            return fail(err, STATUS_LIMIT, "a figure over 64 MiB");
        char *bytes = arena_alloc(w->arena, (size_t)extent.length + 1);
        TRY(io_read_at(w->fds[1], bytes, (size_t)extent.length, (int64_t)extent.offset, err));
        figure->png = (struct str){bytes, (size_t)extent.length};
        return STATUS_OK;
    }
    return STATUS_OK;
}

static enum status export_blocks(struct worker *w, const struct document *document,
                                 struct block *blocks, const struct assemble_output *output,
                                 struct error *err) {
    struct export *export;
    const struct exporter *exporter = output->exporter;
    TRY(exporter->open(document, &w->request.export, output->fd, output->scratch_fd, &export, err));
    enum status status = STATUS_OK;
    for (struct block *b = blocks; b && status == STATUS_OK; b = b->next)
        status = exporter->block(export, b, err);
    struct error late = {0};
    enum status closed = exporter->close(export, status == STATUS_OK ? err : &late);
    return status == STATUS_OK ? closed : status;
}

static enum status export_document(struct worker *w, struct str index,
                                   const struct assemble_output *outputs, size_t n_outputs,
                                   struct error *err) {
    struct str json, figures_dir;
    struct document document;
    struct block *blocks;
    TRY(map_file(w->fds[0], &json, err));
    TRY(document_from_json(json, w->arena, &document, &blocks, &figures_dir, err));
    if (figures_dir.n == 0) w->request.export.figures_dir = (struct str){0};
    for (struct block *b = blocks; b; b = b->next) {
        if (!b->figure || b->figure->name.n == 0) continue;
        TRY(load_figure(w, index, b->figure, err));
        if (b->figure->png.n) TRY(send_figure(w, b->figure->name, b->figure->png, err));
    }
    for (size_t i = 0; i < n_outputs; i++)
        TRY(export_blocks(w, &document, blocks, &outputs[i], err));
    return STATUS_OK;
}

static enum status task_export(struct worker *w) {
    struct error error = {0};
    struct assemble_output outputs[REQUEST_MAX_OUTPUTS];
    size_t n_outputs = outputs_of(w, 2, outputs);
    char *bytes = NULL;
    size_t cap = 0;
    struct str index;
    enum status status = read_extent(w->fds[1], w->request.index, &bytes, &cap, &index, &error);
    if (status == STATUS_OK) status = export_document(w, index, outputs, n_outputs, &error);
    return finish_outputs(w, status, &error, outputs, n_outputs);
}

/* ---- drawing a page ---- */

static enum status draw_block(void *context, const struct block *block, struct error *err) {
    (void)err;
    draw_add(context, block);
    return STATUS_OK;
}

static enum status draw_page(struct worker *w, struct reader *reader, struct error *err) {
    struct content *content;
    struct bitmap picture = {0};
    int page = w->request.page < 0 ? reader_n_pages(reader) + 1 + w->request.page : w->request.page;
    if (page < 1 || page > reader_n_pages(reader))
        return fail(err, STATUS_ARG, "no page %d: there are %d", w->request.page,
                    reader_n_pages(reader));
    TRY(reader_page(reader, page, w->arena, &content, err));
    TRY(reader_picture(reader, content, w->request.dpi, &picture, err));
    struct drawing *drawing;
    TRY(draw_new(&picture, content, &drawing, err));
    struct block_sink sink = {draw_block, drawing};
    struct analysis *analysis = analysis_new(NULL, 0);
    analysis_survey(analysis, content);
    analysis_plan(analysis);
    enum status status = analysis_page(analysis, content, &sink, err);
    if (status == STATUS_OK) status = analysis_end(analysis, &sink, err);
    if (status == STATUS_OK) status = draw_write(drawing, w->fds[1], err);
    draw_free(drawing);
    bitmap_free(&picture);
    analysis_free(analysis);
    return status;
}

static enum status task_draw(struct worker *w) {
    struct str bytes;
    struct reader *reader;
    struct error error = {0};
    enum status status = map_file(w->fds[0], &bytes, &error);
    if (status == STATUS_OK)
        status = reader_open(bytes, w->request.name.s, &w->request.read, &reader, &error);
    if (status == STATUS_OK) status = draw_page(w, reader, &error);
    if (status != STATUS_OK) return send_error(w, 0, &error, 0);
    return send_bytes(w, FRAME_DONE, 0, STR(""));
}

/* ---- life ---- */

static enum status receive_request(struct worker *w, struct error *err) {
    struct frame frame;
    struct str payload;
    if (frame_receive(w->channel, &w->in, &frame, &payload) != STATUS_OK || frame.type != FRAME_JOB)
        return fail(err, STATUS_IO, "no request");
    return request_unpack(payload, w->arena, &w->request, err);
}

static enum status enter_sandbox(struct worker *w, int rules, struct error *err) {
    enum sandbox_level level = SANDBOX_LIMITS;
    TRY(sandbox_limit(&w->request.limits, err));
    if (w->request.sandbox) TRY(sandbox_enter(rules, &level, err));
    return send_bytes(w, FRAME_HELLO, (int)level, STR(""));
}

static enum status run_task(struct worker *w) {
    static const struct {
        enum status (*run)(struct worker *w);
        size_t n_fds;
    } tasks[] = {
        [WORKER_READ] = {task_read, 1},         [WORKER_PLAN] = {task_read, 1},
        [WORKER_ASSEMBLE] = {task_assemble, 1}, [WORKER_EXPORT] = {task_export, 2},
        [WORKER_DRAW] = {task_draw, 2},
    };
    size_t task = (size_t)w->request.task;
    if (task >= sizeof tasks / sizeof *tasks || w->n_fds < tasks[task].n_fds) return STATUS_ARG;
    return tasks[task].run(w);
}

int worker_main(int channel, const int *fds, size_t n_fds, int rules) {
    struct worker w = {.channel = channel, .fds = fds, .n_fds = n_fds, .arena = arena_new()};
    struct error error = {0};
    buf_open(&w.in, FRAME_SMALL_MAX);
    buf_open(&w.out, FRAME_STREAM_MAX);
    if (receive_request(&w, &error) != STATUS_OK) return 1;
    if (enter_sandbox(&w, rules, &error) != STATUS_OK) {
        send_error(&w, 0, &error, 0);
        return 0;
    }
    return run_task(&w) == STATUS_OK ? 0 : 1;
}

void worker_preload(void) {
    draw_preload();
    pdf_preload();
}
