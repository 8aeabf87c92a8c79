/*
 * pipeline/pdfobj.c - see pdfobj.h. The only file that includes qpdf.
 *
 * qpdf's C interface keeps errors until they are asked for, and handles until they are released.
 */
#include "pipeline/pdfobj.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <qpdf/qpdf-c.h>

#include "util/arena.h"
#include "util/mem.h"

struct pdfobj {
    qpdf_data q;
    int n_pages;
};

static bool drop_errors(qpdf_data q) {
    bool any = false;
    while (qpdf_has_error(q)) {
        qpdf_get_error(q);
        any = true;
    }
    while (qpdf_more_warnings(q)) qpdf_next_warning(q);
    return any;
}

static bool has_type(const struct pdfobj *doc, unsigned obj, enum qpdf_object_type_e type) {
    return obj && qpdf_oh_get_type_code(doc->q, obj) == type;
}

/* ---- the document ---- */

enum status pdfobj_open(struct str bytes, const char *password, struct pdfobj **out,
                        struct error *err) {
    qpdf_data q = qpdf_init();
    qpdf_set_suppress_warnings(q, QPDF_TRUE);
    qpdf_silence_errors(q);
    qpdf_read_memory(q, "document", bytes.s, bytes.n, password ? password : "");
    enum status status = STATUS_OK;
    if (qpdf_has_error(q)) {
        qpdf_error e = qpdf_get_error(q);
        status = qpdf_get_error_code(q, e) == qpdf_e_password ? STATUS_PASSWORD : STATUS_FORMAT;
        fail(err, status, "%s", qpdf_get_error_message_detail(q, e));
    }
    int n_pages = status == STATUS_OK ? qpdf_get_num_pages(q) : 0;
    if (status == STATUS_OK && (drop_errors(q) || n_pages < 0))
        status = fail(err, STATUS_FORMAT, "qpdf finds no page tree");
    if (status != STATUS_OK) {
        drop_errors(q);
        qpdf_cleanup(&q);
        return status;
    }
    struct pdfobj *doc = mem_alloc(sizeof *doc);
    *doc = (struct pdfobj){q, n_pages};
    *out = doc;
    return STATUS_OK;
}

void pdfobj_close(struct pdfobj *doc) {
    if (!doc) return;
    drop_errors(doc->q);
    qpdf_cleanup(&doc->q);
    mem_free(doc);
}

enum status pdfobj_rewrite(struct pdfobj *doc, struct buf *out, struct error *err) {
    qpdf_data q = doc->q;
    qpdf_init_write_memory(q);
    qpdf_set_preserve_encryption(q, QPDF_FALSE);
    qpdf_set_stream_data_mode(q, qpdf_s_preserve);
    qpdf_set_static_ID(q, QPDF_TRUE);
    qpdf_write(q);
    if (drop_errors(q)) return fail(err, STATUS_FORMAT, "damaged PDF: it cannot be repaired");
    size_t n = qpdf_get_buffer_length(q);
    buf_put(out, (struct str){(const char *)qpdf_get_buffer(q), n});
    return out->status == STATUS_OK ? STATUS_OK
                                    : fail(err, out->status, "the repaired PDF is too large");
}

int pdfobj_n_pages(const struct pdfobj *doc) {
    return doc->n_pages;
}

unsigned pdfobj_root(struct pdfobj *doc) {
    return qpdf_get_root(doc->q);
}

unsigned pdfobj_page(struct pdfobj *doc, int number) {
    return number >= 1 ? qpdf_get_page_n(doc->q, (size_t)number - 1) : 0;
}

/* ---- objects ---- */

void obj_release(struct pdfobj *doc, unsigned obj) {
    qpdf_oh_release(doc->q, obj);
}

void obj_release_from(struct pdfobj *doc, unsigned first) {
    if (!first) return;
    unsigned last = qpdf_oh_new_null(doc->q);
    for (unsigned obj = first; obj <= last && obj >= first; obj++) qpdf_oh_release(doc->q, obj);
}

void pdfobj_release_all(struct pdfobj *doc) {
    drop_errors(doc->q);
    qpdf_oh_release_all(doc->q);
}

bool obj_is(struct pdfobj *doc, unsigned obj, enum obj_kind kind) {
    switch (kind) {
    case OBJ_STRING: return has_type(doc, obj, ot_string);
    case OBJ_NAME: return has_type(doc, obj, ot_name);
    case OBJ_ARRAY: return has_type(doc, obj, ot_array);
    case OBJ_DICT: return has_type(doc, obj, ot_dictionary);
    case OBJ_STREAM: return has_type(doc, obj, ot_stream);
    case OBJ_OTHER: break;
    }
    return false;
}

int obj_id(struct pdfobj *doc, unsigned obj) {
    return obj ? qpdf_oh_get_object_id(doc->q, obj) : 0;
}

unsigned obj_get(struct pdfobj *doc, unsigned dict, const char *key) {
    return dict ? qpdf_oh_get_key_if_dict(doc->q, dict, key) : 0;
}

bool obj_has(struct pdfobj *doc, unsigned dict, const char *key) {
    return has_type(doc, dict, ot_dictionary) && qpdf_oh_has_key(doc->q, dict, key);
}

unsigned obj_inherited(struct pdfobj *doc, unsigned page, const char *key) {
    enum { DEEPEST = 50 };
    for (int depth = 0; depth < DEEPEST && has_type(doc, page, ot_dictionary); depth++) {
        unsigned value = obj_get(doc, page, key);
        if (value && !has_type(doc, value, ot_null)) return value;
        page = obj_get(doc, page, "/Parent");
    }
    return 0;
}

static bool number_of(struct pdfobj *doc, unsigned obj, double *out) {
    return obj && qpdf_oh_get_value_as_number(doc->q, obj, out) && isfinite(*out);
}

double obj_number(struct pdfobj *doc, unsigned dict, const char *key, double otherwise) {
    double value;
    return number_of(doc, obj_get(doc, dict, key), &value) ? value : otherwise;
}

int obj_int(struct pdfobj *doc, unsigned dict, const char *key, int otherwise) {
    return obj_int_value(doc, obj_get(doc, dict, key), otherwise);
}

bool obj_bool(struct pdfobj *doc, unsigned dict, const char *key) {
    unsigned obj = obj_get(doc, dict, key);
    return has_type(doc, obj, ot_boolean) && qpdf_oh_get_bool_value(doc->q, obj);
}

int obj_int_value(struct pdfobj *doc, unsigned obj, int otherwise) {
    double value;
    return number_of(doc, obj, &value) && fabs(value) <= 1e9 ? (int)value : otherwise;
}

void obj_name(struct pdfobj *doc, unsigned obj, char *out, size_t size) {
    const char *name = has_type(doc, obj, ot_name) ? qpdf_oh_get_name(doc->q, obj) : NULL;
    snprintf(out, size, "%s", name && *name ? name + 1 : "");
}

bool obj_name_is(struct pdfobj *doc, unsigned obj, const char *name) {
    return obj && qpdf_oh_is_name_and_equals(doc->q, obj, name);
}

struct str obj_text(struct pdfobj *doc, unsigned obj, struct arena *arena) {
    if (!has_type(doc, obj, ot_string)) return (struct str){0};
    return str_trim(utf8_clean(arena, str_from(qpdf_oh_get_utf8_value(doc->q, obj))));
}

int obj_length(struct pdfobj *doc, unsigned array) {
    return has_type(doc, array, ot_array) ? qpdf_oh_get_array_n_items(doc->q, array) : 0;
}

unsigned obj_item(struct pdfobj *doc, unsigned array, int i) {
    bool inside = i >= 0 && i < obj_length(doc, array);
    return inside ? qpdf_oh_get_array_item(doc->q, array, i) : 0;
}

bool obj_numbers(struct pdfobj *doc, unsigned array, double *out, int n) {
    if (obj_length(doc, array) < n) return false;
    for (int i = 0; i < n; i++) {
        unsigned item = obj_item(doc, array, i);
        bool ok = number_of(doc, item, &out[i]);
        obj_release(doc, item);
        if (!ok) return false;
    }
    return true;
}

/* ---- streams ---- */

unsigned obj_dict(struct pdfobj *doc, unsigned stream) {
    return has_type(doc, stream, ot_stream) ? qpdf_oh_get_dict(doc->q, stream) : 0;
}

bool obj_stream(struct pdfobj *doc, unsigned stream, struct str *out) {
    unsigned char *bytes = NULL;
    size_t n = 0;
    if (has_type(doc, stream, ot_stream))
        qpdf_oh_get_stream_data(doc->q, stream, qpdf_dl_generalized, NULL, &bytes, &n);
    *out = (struct str){(const char *)bytes, bytes ? n : 0};
    return !drop_errors(doc->q) && bytes;
}

bool pdfobj_page_content(struct pdfobj *doc, unsigned page, struct str *out) {
    unsigned char *bytes = NULL;
    size_t n = 0;
    qpdf_oh_get_page_content_data(doc->q, page, &bytes, &n);
    *out = (struct str){(const char *)bytes, bytes ? n : 0};
    return !drop_errors(doc->q);
}

void pdfobj_free(struct str bytes) {
    free((char *)bytes.s);
}
