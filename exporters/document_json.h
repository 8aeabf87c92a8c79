/*
 * exporters/document_json.h - reads what exporter_json wrote, for `docmill export`.
 */
#ifndef EXPORTERS_DOCUMENT_JSON_H
#define EXPORTERS_DOCUMENT_JSON_H

#include "layout/document.h"
#include "util/status.h"

struct arena;

/* Reads a document and its blocks (a list by ->next) into the arena. Figures get their names; their
 * bytes are the caller's to load. bytes are not trusted: unknown kinds, spans that leave the grid,
 * bad UTF-8 are errors that name the path in the JSON. Errors: FORMAT, with line and column. */
enum status document_from_json(struct str bytes, struct arena *arena, struct document *document,
                               struct block **blocks, struct error *err);

#endif
