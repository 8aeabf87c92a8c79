/* pipeline/draw.c - see draw.h. */
#include "pipeline/draw.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/mem.h"

struct drawing {
    cairo_surface_t *surface;
    cairo_t *cairo;
    double scale; // px a pt
    int page;
    int n_blocks;    // drawn
    bool has_before; // a block that was no furniture
    double x, y;     // its middle, px
};

static const struct {
    double r, g, b;
} kind_colours[N_BLOCK_KINDS] = {
    [BLOCK_PARAGRAPH] = {0.10, 0.35, 0.85}, [BLOCK_HEADING] = {0.80, 0.10, 0.10},
    [BLOCK_LIST_ITEM] = {0.05, 0.55, 0.55}, [BLOCK_TABLE] = {0.05, 0.55, 0.10},
    [BLOCK_FIGURE] = {0.75, 0.35, 0.00},    [BLOCK_CAPTION] = {0.60, 0.45, 0.00},
    [BLOCK_CODE] = {0.30, 0.30, 0.30},      [BLOCK_QUOTE] = {0.45, 0.25, 0.65},
    [BLOCK_FORMULA] = {0.65, 0.10, 0.60},   [BLOCK_FOOTNOTE] = {0.35, 0.45, 0.60},
    [BLOCK_FURNITURE] = {0.60, 0.60, 0.60},
};

static void copy_row(const struct bitmap *picture, int y, uint32_t *out) {
    const uint8_t *in =
        picture->px + (size_t)y * (size_t)picture->width * (size_t)picture->n_channels;
    for (int x = 0; x < picture->width; x++, in += picture->n_channels) {
        bool colour = picture->n_channels == 3;
        uint32_t r = in[0], g = colour ? in[1] : r, b = colour ? in[2] : r;
        out[x] = 0xff000000u | r << 16 | g << 8 | b;
    }
}

enum status draw_new(const struct bitmap *picture, const struct content *content,
                     struct drawing **out, struct error *err) {
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture->width, picture->height);
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(surface);
        return fail(err, STATUS_NOMEM, "no memory for a drawing of %d x %d pixels", picture->width,
                    picture->height);
    }
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (int y = 0; y < picture->height; y++)
        copy_row(picture, y, (uint32_t *)(void *)(data + (size_t)y * stride));
    cairo_surface_mark_dirty(surface);
    struct drawing *d = mem_alloc(sizeof *d);
    *d = (struct drawing){
        .surface = surface,
        .cairo = cairo_create(surface),
        .scale = content->info.width > 0 ? picture->width / (double)content->info.width : 1,
        .page = content->info.number};
    cairo_select_font_face(d->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(d->cairo, 8 * d->scale);
    *out = d;
    return STATUS_OK;
}

static void set_colour(struct drawing *d, enum block_kind kind, double alpha) {
    cairo_set_source_rgba(d->cairo, kind_colours[kind].r, kind_colours[kind].g,
                          kind_colours[kind].b, alpha);
}

static void trace_box(struct drawing *d, struct rect r) {
    cairo_rectangle(d->cairo, r.x0 * d->scale, r.y0 * d->scale, (r.x1 - r.x0) * d->scale,
                    (r.y1 - r.y0) * d->scale);
}

static void draw_label(struct drawing *d, const struct block *block, struct rect box) {
    char text[80];
    cairo_text_extents_t size;
    int n = snprintf(text, sizeof text, "%d %s", d->n_blocks, block_kind_names[block->kind]);
    if (n > 0 && (block->kind == BLOCK_HEADING || block->kind == BLOCK_LIST_ITEM))
        snprintf(text + n, sizeof text - (size_t)n, " %d", block->level);
    cairo_text_extents(d->cairo, text, &size);
    double x = box.x0 * d->scale, y = box.y0 * d->scale;
    if (y < size.height + 4) y = size.height + 4; // at the top of the page: inside
    set_colour(d, block->kind, 0.85);
    cairo_rectangle(d->cairo, x, y - size.height - 4, size.width + 6, size.height + 4);
    cairo_fill(d->cairo);
    cairo_set_source_rgb(d->cairo, 1, 1, 1);
    cairo_move_to(d->cairo, x + 3, y - 2);
    cairo_show_text(d->cairo, text);
}

/* From the block read before to this one. */
static void draw_arrow(struct drawing *d, double x, double y) {
    double dx = x - d->x, dy = y - d->y, length = sqrt(dx * dx + dy * dy);
    double head = 5 * d->scale;
    if (!d->has_before || length < head) return;
    double ux = dx / length, uy = dy / length;
    cairo_set_source_rgba(d->cairo, 0.9, 0, 0.5, 0.6);
    cairo_set_line_width(d->cairo, d->scale);
    cairo_move_to(d->cairo, d->x, d->y);
    cairo_line_to(d->cairo, x, y);
    cairo_stroke(d->cairo);
    cairo_move_to(d->cairo, x, y);
    cairo_line_to(d->cairo, x - head * (ux - uy * 0.5), y - head * (uy + ux * 0.5));
    cairo_line_to(d->cairo, x - head * (ux + uy * 0.5), y - head * (uy - ux * 0.5));
    cairo_fill(d->cairo);
}

static void draw_cells(struct drawing *d, const struct table *table) {
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = &table->cells[i];
        if (cell->place.page != d->page) continue;
        trace_box(d, cell->place.bbox);
        set_colour(d, BLOCK_TABLE, cell->header ? 0.18 : 0.06);
        cairo_fill_preserve(d->cairo);
        set_colour(d, BLOCK_TABLE, 0.9);
        cairo_set_line_width(d->cairo, 0.5 * d->scale);
        cairo_stroke(d->cairo);
    }
}

void draw_add(struct drawing *d, const struct block *block) {
    bool first = true;
    if ((unsigned)block->kind >= N_BLOCK_KINDS) return;
    for (size_t i = 0; i < block->n_places; i++) {
        struct rect box = block->places[i].bbox;
        if (block->places[i].page != d->page) continue;
        trace_box(d, box);
        set_colour(d, block->kind, 0.08);
        cairo_fill_preserve(d->cairo);
        set_colour(d, block->kind, 0.9);
        cairo_set_line_width(d->cairo, d->scale);
        cairo_stroke(d->cairo);
        if (!first) continue;
        first = false;
        d->n_blocks++;
        double x = (box.x0 + box.x1) / 2 * d->scale, y = (box.y0 + box.y1) / 2 * d->scale;
        if (block->kind != BLOCK_FURNITURE) {
            draw_arrow(d, x, y);
            d->has_before = true;
            d->x = x, d->y = y;
        }
        draw_label(d, block, box);
    }
    if (block->table) draw_cells(d, block->table);
}

static cairo_status_t put_bytes(void *context, const unsigned char *data, unsigned n) {
    buf_put(context, (struct str){(const char *)data, n});
    return ((struct buf *)context)->status == STATUS_OK ? CAIRO_STATUS_SUCCESS
                                                        : CAIRO_STATUS_WRITE_ERROR;
}

enum status draw_write(struct drawing *d, int fd, struct error *err) {
    struct buf out;
    buf_open_fd(&out, fd, 0);
    cairo_status_t status = cairo_surface_write_to_png_stream(d->surface, put_bytes, &out);
    buf_flush(&out);
    buf_close(&out);
    if (status != CAIRO_STATUS_SUCCESS || out.status != STATUS_OK)
        return fail(err, STATUS_IO, "cannot write the picture: %s", cairo_status_to_string(status));
    return STATUS_OK;
}

void draw_free(struct drawing *d) {
    if (!d) return;
    cairo_destroy(d->cairo);
    cairo_surface_destroy(d->surface);
    mem_free(d);
}

void draw_preload(void) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 8, 8);
    cairo_t *cairo = cairo_create(surface);
    cairo_text_extents_t extents;
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_text_extents(cairo, "a", &extents);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
}
