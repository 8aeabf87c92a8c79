/*
 * tests/make_pdf.h - small PDFs made by hand.
 *
 *   struct str pdf = make_pdf(arena, &(struct make_pdf){.content = "0 0 m 100 0 l S"});
 *
 * One page, 200 x 300 points unless .page says otherwise. Objects: 1 catalog, 2 pages, 3 page,
 * 4 its content, 5 the font /F1 (Helvetica), 6 and up: .more.
 */
#ifndef TESTS_MAKE_PDF_H
#define TESTS_MAKE_PDF_H

#include "util/arena.h"
#include "util/buf.h"

struct make_pdf {
    const char *content;
    const char *page;      // further entries of the page, "/Rotate 90"; a later MediaBox wins
    const char *resources; // further entries of its resources
    const char *catalog;   // further entries of the catalog
    const char *info;      // entries of the document's information dictionary
    const char *more[16];  // objects 6 and up, as they stand between obj and endobj
};

static inline struct str make_pdf(struct arena *arena, const struct make_pdf *make) {
    struct buf out;
    size_t offsets[32];
    int n = 0;
    const char *content = make->content ? make->content : "";
#define TEXT(s) ((s) ? (s) : "")
#define OBJECT(...)                                                                                \
    do {                                                                                           \
        offsets[n++] = out.n;                                                                      \
        buf_printf(&out, "%d 0 obj\n", n);                                                         \
        buf_printf(&out, __VA_ARGS__);                                                             \
        buf_puts(&out, "\nendobj\n");                                                              \
    } while (0)
    buf_open(&out, 1 << 24);
    buf_puts(&out, "%PDF-1.7\n");
    OBJECT("<</Type/Catalog/Pages 2 0 R %s>>", TEXT(make->catalog));
    OBJECT("<</Type/Pages/Kids[3 0 R]/Count 1>>");
    OBJECT("<</Type/Page/Parent 2 0 R%s/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>%s>> %s>>",
           make->page && strstr(make->page, "MediaBox") ? "" : "/MediaBox[0 0 200 300]",
           TEXT(make->resources), TEXT(make->page));
    OBJECT("<</Length %zu>>stream\n%s\nendstream", strlen(content), content);
    OBJECT("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>");
    for (int i = 0; i < 16 && make->more[i]; i++) OBJECT("%s", make->more[i]);
    if (make->info) OBJECT("<<%s>>", make->info);
    size_t xref = out.n;
    buf_printf(&out, "xref\n0 %d\n0000000000 65535 f \n", n + 1);
    for (int i = 0; i < n; i++) buf_printf(&out, "%010zu 00000 n \n", offsets[i]);
    buf_printf(&out, "trailer<</Size %d/Root 1 0 R", n + 1);
    if (make->info) buf_printf(&out, "/Info %d 0 R", n);
    buf_printf(&out, ">>\nstartxref\n%zu\n%%%%EOF\n", xref);
#undef OBJECT
#undef TEXT
    struct str pdf = arena_str(arena, buf_str(&out));
    buf_close(&out);
    return pdf;
}

#endif
