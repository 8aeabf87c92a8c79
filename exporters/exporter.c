/* exporters/exporter.c - see exporter.h. */
#include "exporters/exporter.h"

#include <stddef.h>

const struct exporter *const exporters[] = {&exporter_markdown, &exporter_html, &exporter_docx,
                                            &exporter_json, NULL};

const struct exporter *exporter_find(struct str name) {
    for (const struct exporter *const *e = exporters; *e; e++)
        if (str_eq(str_from((*e)->name), name)) return *e;
    return NULL;
}
