/* pipeline/request.c - see request.h. */
#include "pipeline/request.h"

#include "pipeline/frame.h"
#include "util/arena.h"

enum { MAX_PASSWORDS = 1000, MAX_TEXT = 4096 };

static void put_extent(struct buf *out, struct extent extent) {
    wire_put_u64(out, extent.offset);
    wire_put_u64(out, extent.length);
}

static struct extent get_extent(struct wire *wire) {
    struct extent extent;
    extent.offset = wire_u64(wire);
    extent.length = wire_u64(wire);
    return extent;
}

static void put_read_options(struct buf *out, const struct read_options *read) {
    wire_put_u32(out, (uint32_t)read->engine);
    wire_put_str(out, str_from(read->lang));
    wire_put_u32(out, (uint32_t)read->dpi);
    wire_put_u32(out, read->figures);
    wire_put_u64(out, read->max_pixels);
    wire_put_u32(out, (uint32_t)read->max_pages);
    wire_put_u64(out, read->n_passwords);
    for (size_t i = 0; i < read->n_passwords; i++) wire_put_str(out, str_from(read->passwords[i]));
}

static void get_read_options(struct wire *wire, struct arena *arena, struct read_options *read) {
    read->engine = (enum engine_choice)wire_u32(wire);
    struct str lang = wire_str(wire);
    read->lang = lang.n ? arena_str(arena, lang).s : NULL;
    read->dpi = (int)wire_u32(wire);
    read->figures = wire_u32(wire) != 0;
    read->max_pixels = (size_t)wire_u64(wire);
    read->max_pages = (int)wire_u32(wire);
    uint64_t n = wire_u64(wire);
    if (n > MAX_PASSWORDS) wire->bad = true;
    if (wire->bad) return;
    const char **passwords = ARENA_ARRAY(arena, (size_t)n + 1, const char *);
    for (size_t i = 0; i < n; i++) passwords[i] = arena_str(arena, wire_str(wire)).s;
    read->passwords = passwords;
    read->n_passwords = (size_t)n;
}

static void put_export_options(struct buf *out, const struct export_options *export) {
    wire_put_u32(out, (uint32_t) export->furniture);
    wire_put_str(out, export->figures_dir);
    wire_put_u32(out, export->provenance);
    wire_put_u32(out, export->page_breaks);
    wire_put_u64(out, (uint64_t) export->source_date);
}

static void get_export_options(struct wire *wire, struct arena *arena,
                               struct export_options *export) {
    export->furniture = (enum furniture_mode)wire_u32(wire);
    export->figures_dir = arena_str(arena, wire_str(wire));
    export->provenance = wire_u32(wire) != 0;
    export->page_breaks = wire_u32(wire) != 0;
    export->source_date = (int64_t)wire_u64(wire);
}

void request_pack(const struct request *request, struct buf *out) {
    wire_put_u32(out, (uint32_t)request->task);
    wire_put_u32(out, request->sandbox);
    wire_put_u64(out, request->limits.memory_bytes);
    wire_put_u64(out, request->limits.file_bytes);
    wire_put_u64(out, request->limits.cpu_s);
    wire_put_str(out, request->name);
    put_read_options(out, &request->read);
    put_export_options(out, &request->export);
    wire_put_u64(out, request->n_exporters);
    for (size_t i = 0; i < request->n_exporters; i++)
        wire_put_str(out, str_from(request->exporters[i]->name));
    put_extent(out, request->meta);
    put_extent(out, request->index);
    wire_put_u32(out, (uint32_t)request->page);
    wire_put_u32(out, (uint32_t)request->dpi);
}

static void get_exporters(struct wire *wire, struct request *out) {
    uint64_t n = wire_u64(wire);
    if (n > REQUEST_MAX_OUTPUTS) wire->bad = true;
    for (size_t i = 0; !wire->bad && i < n; i++) {
        out->exporters[i] = exporter_find(wire_str(wire));
        if (!out->exporters[i]) wire->bad = true;
    }
    out->n_exporters = wire->bad ? 0 : (size_t)n;
}

enum status request_unpack(struct str bytes, struct arena *arena, struct request *out,
                           struct error *err) {
    struct wire wire = {.rest = bytes};
    *out = (struct request){0};
    out->task = (enum worker_task)wire_u32(&wire);
    out->sandbox = wire_u32(&wire) != 0;
    out->limits.memory_bytes = wire_u64(&wire);
    out->limits.file_bytes = wire_u64(&wire);
    out->limits.cpu_s = wire_u64(&wire);
    out->name = arena_str(arena, wire_str(&wire));
    get_read_options(&wire, arena, &out->read);
    if (!wire.bad) get_export_options(&wire, arena, &out->export);
    if (!wire.bad) get_exporters(&wire, out);
    out->meta = get_extent(&wire);
    out->index = get_extent(&wire);
    out->page = (int)wire_u32(&wire);
    out->dpi = (int)wire_u32(&wire);
    if (wire.bad || wire.rest.n) return fail(err, STATUS_FORMAT, "a request that cannot be read");
    return STATUS_OK;
}

void page_report_pack(const struct page_report *report, struct buf *out) {
    wire_put_u32(out, (uint32_t)report->engine);
    wire_put_u32(out, (uint32_t)report->state);
    wire_put_u32(out, report->n_words);
    wire_put_str(out, str_sub(report->message, 0, MAX_TEXT));
}

bool page_report_unpack(struct str bytes, struct page_report *out) {
    struct wire wire = {.rest = bytes};
    uint32_t engine = wire_u32(&wire), state = wire_u32(&wire);
    out->n_words = wire_u32(&wire);
    out->message = wire_str(&wire);
    if (wire.bad || engine >= N_ENGINES || state >= N_PAGE_STATES) return false;
    out->engine = (enum engine_id)engine;
    out->state = (enum page_state)state;
    return true;
}

void worker_error_pack(const struct worker_error *error, struct buf *out) {
    wire_put_u32(out, (uint32_t)error->status);
    wire_put_u32(out, (uint32_t)error->os_error);
    wire_put_str(out, str_sub(error->text, 0, MAX_TEXT));
}

bool worker_error_unpack(struct str bytes, struct worker_error *out) {
    struct wire wire = {.rest = bytes};
    uint32_t status = wire_u32(&wire);
    out->os_error = (int)wire_u32(&wire);
    out->text = wire_str(&wire);
    if (wire.bad || status == STATUS_OK || status >= N_STATUS) return false;
    out->status = (enum status)status;
    return true;
}
