/* pipeline/assemble.c - see assemble.h. */
#include "pipeline/assemble.h"

#include "layout/analysis.h"
#include "util/arena.h"

enum { MAX_OUTPUTS = 16 };

struct writers {
    struct export *export[MAX_OUTPUTS];
    const struct assemble_output *outputs;
    size_t n;
    const struct figure_sink *figures;
};

static enum status write_block(void *context, const struct block *block, struct error *err) {
    struct writers *w = context;
    if (w->figures && block->figure && block->figure->png.n && block->figure->name.n)
        TRY(w->figures->figure(w->figures->context, block->figure->name, block->figure->png, err));
    for (size_t i = 0; i < w->n; i++) {
        enum status status = w->outputs[i].exporter->block(w->export[i], block, err);
        if (status != STATUS_OK) return fail_in(err, "%s", w->outputs[i].exporter->name);
    }
    return STATUS_OK;
}

static enum status close_writers(struct writers *w, enum status status, struct error *err) {
    for (size_t i = 0; i < w->n; i++) {
        struct error ignored = {0};
        enum status closed =
            w->outputs[i].exporter->close(w->export[i], status == STATUS_OK ? err : &ignored);
        if (status == STATUS_OK && closed != STATUS_OK)
            status = fail_in(err, "%s", w->outputs[i].exporter->name);
    }
    return status;
}

/* Pass 1: counts styles and running heads, and notes how each page fared. */
static enum status survey(const struct records *records, struct analysis *analysis,
                          struct document *document, struct arena *arena, struct error *err) {
    struct arena *page = arena_new();
    enum status status = STATUS_OK;
    document->pages = ARENA_ARRAY(arena, records->n + 1, struct page_info);
    for (size_t i = 0; i < records->n && status == STATUS_OK; i++) {
        struct str bytes;
        struct content *content;
        status = records->record(records->context, i, &bytes, err);
        if (status == STATUS_OK) status = content_unpack(bytes, page, &content, err);
        if (status != STATUS_OK) break;
        analysis_survey(analysis, content);
        struct page_info *info = &document->pages[document->n_page_infos++];
        *info = content->info;
        info->label = arena_str(arena, info->label);
        info->reason = arena_str(arena, info->reason);
        info->message = arena_str(arena, info->message);
        info->language = arena_str(arena, info->language);
        arena_reset(page);
    }
    arena_free(page);
    return status;
}

/* Pass 2: blocks to the writers. */
static enum status write_pages(const struct records *records, struct analysis *analysis,
                               struct writers *writers, struct error *err) {
    struct arena *page = arena_new();
    struct block_sink sink = {write_block, writers};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < records->n && status == STATUS_OK; i++) {
        struct str bytes;
        struct content *content;
        status = records->record(records->context, i, &bytes, err);
        if (status == STATUS_OK) status = content_unpack(bytes, page, &content, err);
        if (status == STATUS_OK) status = analysis_page(analysis, content, &sink, err);
        arena_reset(page);
    }
    if (status == STATUS_OK) status = analysis_end(analysis, &sink, err);
    arena_free(page);
    return status;
}

enum status assemble(const struct records *records, const struct export_options *options,
                     const struct assemble_output *outputs, size_t n_outputs,
                     const struct figure_sink *figures, struct error *err) {
    if (n_outputs > MAX_OUTPUTS) return fail(err, STATUS_ARG, "more than %d outputs", MAX_OUTPUTS);
    struct arena *arena = arena_new();
    struct document document;
    struct outline_entry *outline;
    size_t n_outline;
    enum status status = meta_unpack(records->meta, arena, &document, &outline, &n_outline, err);
    if (status != STATUS_OK) {
        arena_free(arena);
        return status;
    }
    struct analysis *analysis = analysis_new(outline, n_outline);
    struct writers writers = {.outputs = outputs, .figures = figures};
    status = survey(records, analysis, &document, arena, err);
    if (status == STATUS_OK) analysis_plan(analysis);
    if (document.title.n == 0) document.title = analysis_title(analysis);
    for (size_t i = 0; i < n_outputs && status == STATUS_OK; i++) {
        status = outputs[i].exporter->open(&document, options, outputs[i].fd, outputs[i].scratch_fd,
                                           &writers.export[i], err);
        if (status == STATUS_OK) writers.n++;
    }
    if (status == STATUS_OK) status = write_pages(records, analysis, &writers, err);
    status = close_writers(&writers, status, err);
    analysis_free(analysis);
    arena_free(arena);
    return status;
}
