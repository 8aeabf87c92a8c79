/*
 * pipeline/reader.h - one input file, opened: its pages as struct content.
 *
 *   bytes --> what is it? --> PDF | TIFF | picture
 *   page  --> text layer trustworthy? --> text engine, else --> picture --> Tesseract
 *
 * Runs inside a sandboxed worker: it gets bytes, opens no files but fonts and language packs.
 */
#ifndef PIPELINE_READER_H
#define PIPELINE_READER_H

#include "layout/content.h"
#include "pipeline/bitmap.h"
#include "util/status.h"

struct reader;

enum engine_choice { CHOOSE_AUTO, CHOOSE_TEXT, CHOOSE_TESSERACT };

struct read_options {
    enum engine_choice engine;
    const char *lang;             // Tesseract languages, "eng+fra"; NULL: by script detection
    int dpi;                      // of rendering for OCR; 0: chosen from the page
    const char *const *passwords; // tried in turn, after the empty one
    size_t n_passwords;
    bool figures;      // cut pictures out as PNG
    size_t max_pixels; // of any picture, decoded or rendered
    int max_pages;
};

extern const struct read_options read_options_default;

/* What the first bytes say: "pdf", "tiff", "png", ... or NULL when it is no kind we read. */
const char *reader_kind(struct str head);

/* Opens an input. bytes must stay until reader_close(). name is for messages only.
 * Errors: EMPTY, UNSUPPORTED, FORMAT, PASSWORD, LIMIT (too many pages), EMPTY (no pages). */
enum status reader_open(struct str bytes, const char *name, const struct read_options *options,
                        struct reader **out, struct error *err);
void reader_close(struct reader *reader); // NULL is fine

int reader_n_pages(const struct reader *reader);

/* Title, author, language, number of pages, ... and the outline; the strings live in the arena. */
void reader_document(struct reader *reader, struct arena *arena, struct document *document,
                     struct outline_entry **outline, size_t *n_outline);

/* Which engine would read the page and why, at the cost of the text layer alone. */
enum status reader_plan(struct reader *reader, int number, struct page_info *out,
                        struct arena *arena, struct error *err);

/* Reads page number (from 1). Where part of the work failed but text came out, the content says so
 * (info.state, info.message) and the status is OK. Errors: as the engines', with the page's number
 * left to the caller. */
enum status reader_page(struct reader *reader, int number, struct arena *arena,
                        struct content **out, struct error *err);

/* The page's picture in the content's page space (upright, straightened where OCR read it), for
 * `docmill inspect`. dpi 0: 100. The caller frees it. */
enum status reader_picture(struct reader *reader, const struct content *content, int dpi,
                           struct bitmap *out, struct error *err);

#endif
