/*
 * exporters/docx_parts.h - the parts of a DOCX that do not hold its text: styles, numbering, settings.
 */
#ifndef EXPORTERS_DOCX_PARTS_H
#define EXPORTERS_DOCX_PARTS_H

#include "exporters/parts.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define W_NS "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\""
#define R_NS "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\""
#define R_TYPE "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

enum {
    DOCX_LEVELS = 9,   // depths of a list
    DOCX_INDENT = 440, // of each, in twentieths of a point: room for "10."
};

/* How a number is written; an index of abstract numberings together with its style. */
enum docx_form { FORM_DOT, FORM_PARENTHESIS, FORM_PARENTHESES, N_FORMS }; // "3.", "3)", "(3)"

/* The abstract numbering for a style and form; bullets have number 0, whatever the form. */
int docx_abstract_number(enum number_style style, enum docx_form form);
enum { DOCX_ABSTRACT_NUMBERS = 1 + 5 * N_FORMS };

/* Finds the form that makes `label` of this number; false when Word would print something else. */
bool docx_form_of(const struct list_mark *mark, enum docx_form *form);

void docx_put_content_types(struct buf *out, bool footnotes);
void docx_put_root_relations(struct buf *out);
void docx_put_core(struct buf *out, const struct document *document, int64_t source_date);
void docx_put_app(struct buf *out);
void docx_put_styles(struct buf *out, struct str language);
void docx_put_settings(struct buf *out, bool footnotes);

/* The head of numbering.xml: the abstract numberings whose bit is set, and list 1, the bullets. The
 * other <w:num> follow. */
void docx_put_numbering_head(struct buf *out, unsigned used);

/* The relations of word/document.xml to the parts that are always there: rId1... Others follow. */
void docx_put_document_relations(struct buf *out, bool footnotes);
enum { DOCX_FIXED_RELATIONS = 4 };

/* The heads of footnotes.xml, with the separators Word asks for, and of its relations. */
void docx_put_footnotes_head(struct buf *out);
struct str docx_relations_head(void);

#endif
