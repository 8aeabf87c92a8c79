/*
 * cmd/options.h - one table of options: parsing, defaults, help and completions come from it.
 *
 * Precedence, rising: the table's defaults, environment (DOCMILL_PAGE_TIMEOUT_S=60), command line.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/status.h"
#include "util/str.h"

enum command_bit {
    FOR_CONVERT = 1,
    FOR_INSPECT = 2,
    FOR_EXPORT = 4,
    FOR_COMPLETION = 8,
    FOR_HELP = 16,
};

enum option_kind {
    OPTION_FLAG,
    OPTION_NUMBER,
    OPTION_TEXT,
    OPTION_CHOICE,
    OPTION_LIST,
    OPTION_FILE
};

struct text_list {
    const char **items;
    size_t n, cap;
};

/* What the command line says, all options of all commands. */
struct settings {
    const char *out, *to, *engine, *lang, *pages, *furniture, *report, *password_file, *sandbox,
        *color;
    int64_t dpi, jobs, page, page_timeout_s, document_timeout_s, memory_mb, max_pages, max_pixels;
    int64_t tolerate;
    bool force, dry_run, json, no_figures, page_breaks, provenance, quiet, verbose, help;
    struct text_list passwords;
    struct text_list arguments;
    struct text_list owned; // texts that go with the settings
};

struct option {
    const char *name; // "page-timeout-s"
    char letter;      // 'q'; 0: none
    enum option_kind kind;
    const char *value;    // what help calls its value
    const char *fallback; // as it would be written; NULL: none
    const char *choices;  // "auto|text|tesseract"
    int64_t min, max;     // of a number
    const char *help;
    unsigned commands; // of enum command_bit
    size_t offset;     // in struct settings
};

struct command {
    const char *name;
    unsigned bit;
    const char *usage;   // what follows the name
    const char *summary; // one line
    const char *about;   // a paragraph for its help
    int (*run)(struct settings *settings);
    int (*run_raw)(int argc, char **argv); // instead: it has a table of options of its own
};

extern const struct option option_table[]; // ends with a NULL name
extern const struct command command_table[];

const struct command *command_find(struct str name);
/* The command or option nearest to a wrong word, or NULL when none is near. */
const char *command_suggest(const char *word);

/* Fills settings. Errors: ARG, with a message that says what to write instead. */
enum status options_parse(const struct command *command, int argc, char **argv,
                          struct settings *settings, struct error *err);
void options_free(struct settings *settings);
void options_add(struct text_list *list, const char *item);

void options_help(const struct command *command, FILE *out); // NULL: of the program
void options_complete(const char *shell, FILE *out);         // "bash", "zsh", "fish"

#endif
