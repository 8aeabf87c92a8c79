/* cmd/model_common.c - see model_common.h. */
#include "cmd/model_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"
#include "pipeline/image.h"
#include "util/arena.h"

enum { MAX_PICTURE_BYTES = 1 << 30, MAX_PICTURE_PIXELS = 200000000 };

static void print_help(const struct model_option *table, int n, const char *usage) {
    printf("usage: %s\n", usage);
    for (int i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", table[i].name, table[i].value ? table[i].value : "");
        printf("  %-24s %s\n", left, table[i].help);
    }
}

static bool take_value(const struct model_option *line, char *value) {
    if (!value) {
        fprintf(stderr, "docmill: %s wants a value\n", line->name);
        return false;
    }
    if (line->kind == MODEL_TEXT) {
        *(const char **)line->target = value;
        return true;
    }
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end) {
        fprintf(stderr, "docmill: %s wants a number, not \"%s\"\n", line->name, value);
        return false;
    }
    *(double *)line->target = number;
    return true;
}

static const struct model_option *find_line(const struct model_option *table, int n,
                                            const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

bool model_options_take(int argc, char **argv, const struct model_option *table, int n,
                        const char *usage, int *n_rest, bool *help) {
    *n_rest = 0;
    *help = false;
    for (int i = 1; i < argc; i++) {
        const struct model_option *line = find_line(table, n, argv[i]);
        if (strcmp(argv[i], "--help") == 0) {
            print_help(table, n, usage);
            *help = true;
            return true;
        }
        if (!line && argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, "docmill: unknown option %s; usage: %s\n", argv[i], usage);
            return false;
        }
        if (!line) {
            argv[1 + (*n_rest)++] = argv[i];
        } else if (line->kind == MODEL_FLAG) {
            *(bool *)line->target = true;
        } else {
            i++; // argv[argc] is NULL
            if (!take_value(line, argv[i])) return false;
        }
    }
    return true;
}

int exit_code_of(enum status status) {
    switch (status) {
    case STATUS_OK: return 0;
    case STATUS_ARG:
    case STATUS_LIMIT: return 64;
    case STATUS_FORMAT:
    case STATUS_EMPTY:
    case STATUS_UNSUPPORTED: return 65;
    case STATUS_MISSING: return 69;
    case STATUS_NOMEM: return 71;
    case STATUS_IO: return 74;
    default: return 70;
    }
}

int report_failure(const char *command, const struct error *err) {
    fprintf(stderr, "docmill %s: %s\n", command, err->text);
    return exit_code_of(err->status);
}

enum status dtype_of_name(const char *name, enum dtype *out, struct error *err) {
    static const struct {
        const char *name;
        enum dtype dtype;
    } names[] = {{"f32", DTYPE_F32}, {"bf16", DTYPE_BF16}, {"fp8", DTYPE_F8}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].dtype;
            return STATUS_OK;
        }
    return fail(err, STATUS_ARG, "no format \"%.40s\": f32, bf16, fp8", name);
}

static enum status to_rgb(const struct bitmap *b, uint8_t **rgb, struct error *err) {
    size_t n = (size_t)b->width * (size_t)b->height;
    *rgb = malloc(n * 3);
    if (!*rgb) return fail(err, STATUS_NOMEM, "no memory for a picture of %zu pixels", n);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            (*rgb)[3 * i + c] = b->n_channels == 3 ? b->px[3 * i + c] : b->px[i];
    return STATUS_OK;
}

enum status read_picture_file(const char *path, uint8_t **rgb, int *height, int *width,
                              struct error *err) {
    struct arena *arena = arena_new();
    struct str bytes = {0};
    struct image *image = NULL;
    struct bitmap bitmap = {0};
    const char *slash = strrchr(path, '/');
    const char *folder =
        slash ? arena_str(arena, (struct str){path, (size_t)(slash - path)}).s : ".";
    if (slash == path) folder = "/";
    enum status status = checkpoint_read_text(arena, folder, slash ? slash + 1 : path,
                                              MAX_PICTURE_BYTES, &bytes, err);
    if (status == STATUS_OK) status = image_open(bytes, path, &image, err);
    if (status == STATUS_OK) status = image_page(image, 1, MAX_PICTURE_PIXELS, &bitmap, err);
    if (status == STATUS_OK) status = to_rgb(&bitmap, rgb, err);
    *height = bitmap.height;
    *width = bitmap.width;
    bitmap_free(&bitmap);
    image_close(image);
    arena_free(arena);
    return status;
}
