/*
 * exporters/document_json.h - reads what exporter_json wrote, for `docmill export`.
 */
#ifndef EXPORTERS_DOCUMENT_JSON_H
#define EXPORTERS_DOCUMENT_JSON_H

#include "layout/document.h"
#include "util/status.h"

struct arena;

/* Reads a document and its blocks (a list by ->next) into the arena. Figures get their names; their
 * bytes are the caller's to load, from the folder figures_dir (may be NULL), a path relative to the
 * JSON file. bytes are not trusted: unknown kinds and keys, cells that leave the grid or do not cover
 * it, numbers out of range, bad UTF-8 are errors that name the path in the JSON. A figure's name and
 * figures_dir never lead out of the file's folder. Errors: FORMAT, with line and column where the
 * JSON itself is broken. */
enum status document_from_json(struct str bytes, struct arena *arena, struct document *document,
                               struct block **blocks, struct str *figures_dir, struct error *err);

#endif
