/*
 * pipeline/pdflex.h - cuts a PDF content stream into tokens.
 *
 *   "0.5 w 10 20 m"  -->  number 0.5 | operator w | number 10 | number 20 | operator m
 *
 * Nothing is copied: tokens point into the stream. Bad bytes never stop it: whatever is no token is
 * stepped over, and every call consumes at least one byte or ends.
 */
#ifndef PIPELINE_PDFLEX_H
#define PIPELINE_PDFLEX_H

#include <stdbool.h>
#include <stddef.h>

#include "util/str.h"

enum lex_kind {
    LEX_END,
    LEX_NUMBER,
    LEX_NAME,     // text without the slash, #xx not decoded
    LEX_STRING,   // n_bytes counts its bytes after decoding
    LEX_OPEN,     // [
    LEX_CLOSE,    // ]
    LEX_DICT,     // <<
    LEX_DICT_END, // >>
    LEX_WORD,     // an operator, or true, false, null
};

struct lex_token {
    enum lex_kind kind;
    double number;
    struct str text; // name, string with its brackets, or word
    size_t n_bytes;  // of a string
    size_t n_spaces; // of them: blanks, in a string in parentheses
};

struct lex {
    const unsigned char *p, *end;
};

struct lex lex_open(struct str stream);
struct lex_token lex_next(struct lex *lex);

/* Call right behind the operator ID: steps over the data of an inline picture and its EI. n_bytes is
 * the data's length where the caller can tell it (no filter), else 0: then EI is searched for. */
void lex_skip_inline_data(struct lex *lex, size_t n_bytes);

#endif
