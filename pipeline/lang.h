/*
 * pipeline/lang.h - languages: which Tesseract packs are installed, what brings them, which language
 * a text is in.
 *
 * Codes are Tesseract's ("deu", "chi_sim"), scripts are called as its script detection calls them
 * ("Latin", "Han"). Debian keeps packs of scripts beside those of languages, under these names.
 */
#ifndef PIPELINE_LANG_H
#define PIPELINE_LANG_H

#include <stdbool.h>
#include <stddef.h>

#include "util/status.h"
#include "util/str.h"

/* The folder with the packs: TESSDATA_PREFIX, else where Debian puts it. */
const char *lang_folder(void);
bool lang_installed(const char *code);

/* "tesseract-ocr-chi-sim" for "chi_sim", "tesseract-ocr-script-latn" for "Latin". */
void lang_package(const char *code, char package[64]);

/* Checks a list "eng+fra". Errors: ARG when a name is no name of a pack; MISSING, naming the packages
 * to install. */
enum status lang_check(const char *list, struct error *err);

/* The languages written in a script, likeliest first; NULL behind the last. At most max. */
size_t lang_of_script(const char *script, const char **codes, size_t max);

/* The name of the script most letters of a text are in, as above; "" when it has no letters. */
const char *lang_script_of_text(struct str text);

/* True for a pack of that language or script, or of several of which one is. */
bool lang_writes(const char *list, const char *script);
/* True when the language or script is written without spaces between words. */
bool lang_without_spaces(const char *list);

struct lang_guess {
    const char *code;
    double share; // of the text's words that are among the commonest of the language
};

/* Which languages of a script a text looks like, best first, at most max; only those with at least
 * one word in it. Marks on letters are ignored, since the text may have been read with the wrong
 * pack. Whether the packs are installed plays no part. */
size_t lang_guess(struct str text, const char *script, struct lang_guess *guesses, size_t max);

#endif
