/*
 * pipeline/pdfobj.h - the objects of a PDF: dictionaries, arrays, streams. qpdf's home is pdfobj.c.
 *
 * An object is a number, 0 for none. Every function takes 0 and objects of the wrong kind and then
 * says "nothing": a document may hold anything anywhere. Objects stay valid until they are released;
 * they count up, so whoever makes many of them in a loop releases all since the first.
 */
#ifndef PIPELINE_PDFOBJ_H
#define PIPELINE_PDFOBJ_H

#include "util/buf.h"
#include "util/status.h"

struct arena;
struct pdfobj; // an open document

enum obj_kind { OBJ_OTHER, OBJ_STRING, OBJ_NAME, OBJ_ARRAY, OBJ_DICT, OBJ_STREAM };

/* Opens a document; bytes must stay. password may be NULL. Errors: FORMAT, PASSWORD. */
enum status pdfobj_open(struct str bytes, const char *password, struct pdfobj **out,
                        struct error *err);
void pdfobj_close(struct pdfobj *doc); // NULL is fine

/* The document written anew, appended to out. Errors: FORMAT, NOMEM (out is full). */
enum status pdfobj_rewrite(struct pdfobj *doc, struct buf *out, struct error *err);

int pdfobj_n_pages(const struct pdfobj *doc);
unsigned pdfobj_root(struct pdfobj *doc);
unsigned pdfobj_page(struct pdfobj *doc, int number); // from 1

void obj_release(struct pdfobj *doc, unsigned obj);
void obj_release_from(struct pdfobj *doc, unsigned first); // this one and all made since
void pdfobj_release_all(struct pdfobj *doc);

bool obj_is(struct pdfobj *doc, unsigned obj, enum obj_kind kind);
int obj_id(struct pdfobj *doc, unsigned obj); // its number in the file; 0 for direct objects

unsigned obj_get(struct pdfobj *doc, unsigned dict, const char *key); // key with its slash
bool obj_has(struct pdfobj *doc, unsigned dict, const char *key);
/* An attribute of a page, its own or inherited. */
unsigned obj_inherited(struct pdfobj *doc, unsigned page, const char *key);
double obj_number(struct pdfobj *doc, unsigned dict, const char *key, double otherwise);
int obj_int(struct pdfobj *doc, unsigned dict, const char *key, int otherwise);
bool obj_bool(struct pdfobj *doc, unsigned dict, const char *key);

int obj_int_value(struct pdfobj *doc, unsigned obj, int otherwise);
/* Copies a name without its slash; empty when it is none. */
void obj_name(struct pdfobj *doc, unsigned obj, char *out, size_t size);
bool obj_name_is(struct pdfobj *doc, unsigned obj, const char *name);       // name with its slash
struct str obj_text(struct pdfobj *doc, unsigned obj, struct arena *arena); // a text string

int obj_length(struct pdfobj *doc, unsigned array);
unsigned obj_item(struct pdfobj *doc, unsigned array, int i);
/* The first n items of an array; false when there are fewer, or some are no numbers. */
bool obj_numbers(struct pdfobj *doc, unsigned array, double *out, int n);

unsigned obj_dict(struct pdfobj *doc, unsigned stream);
/* The decoded bytes of a stream, and of all content streams of a page; false when they cannot be
 * read in full. Always to be freed with pdfobj_free(). */
bool obj_stream(struct pdfobj *doc, unsigned stream, struct str *out);
bool pdfobj_page_content(struct pdfobj *doc, unsigned page, struct str *out);
void pdfobj_free(struct str bytes);

#endif
