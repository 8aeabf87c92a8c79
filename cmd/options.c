/* cmd/options.c - see options.h. */
#include "cmd/options.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define AT(field) offsetof(struct settings, field)
#define READING (FOR_CONVERT | FOR_INSPECT)
#define WRITING (FOR_CONVERT | FOR_EXPORT)
#define WORKING (FOR_CONVERT | FOR_INSPECT | FOR_EXPORT)

const struct option option_table[] = {
    {"output", 'o', OPTION_FILE, "OUT", NULL, NULL, 0, 0,
     "where the results go: a folder; a file for one input and one format; - for standard output",
     WORKING, AT(out)},
    {"to", 't', OPTION_TEXT, "FORMATS", NULL, NULL, 0, 0,
     "formats to write, separated by commas: md, html, docx, json (md when OUT does not say)",
     WRITING, AT(to)},
    {"pages", 'p', OPTION_TEXT, "PAGES", NULL, NULL, 0, 0,
     "only these pages: 1-5,8,-1 (negative numbers count from the end)", FOR_CONVERT, AT(pages)},
    {"page", 0, OPTION_NUMBER, "N", "1", NULL, -1000000, 1000000,
     "the page to draw; -1 is the last", FOR_INSPECT, AT(page)},
    {"engine", 'e', OPTION_CHOICE, "ENGINE", "auto", "auto|text|tesseract", 0, 0,
     "what reads pages: the text layer, Tesseract, or for each page what suits it", READING,
     AT(engine)},
    {"lang", 'l', OPTION_TEXT, "LANGS", NULL, NULL, 0, 0,
     "languages for Tesseract, as in eng+fra; without it the script is detected on each page",
     READING, AT(lang)},
    {"dpi", 0, OPTION_NUMBER, "N", "0", NULL, 0, 1200,
     "resolution pages are rendered at; 0: chosen from the page", READING, AT(dpi)},
    {"password", 0, OPTION_LIST, "PASSWORD", NULL, NULL, 0, 0,
     "opens encrypted files; may be given several times, each is tried (others on this machine can "
     "see it in the list of processes: see --password-file)",
     READING, AT(passwords)},
    {"password-file", 0, OPTION_FILE, "FILE", NULL, NULL, 0, 0,
     "file with passwords, one on each line", READING, AT(password_file)},
    {"furniture", 0, OPTION_CHOICE, "MODE", "drop", "drop|keep|mark", 0, 0,
     "running heads and page numbers: leave out, keep as text, or keep and mark as such", WRITING,
     AT(furniture)},
    {"no-figures", 0, OPTION_FLAG, NULL, NULL, NULL, 0, 0, "cut no pictures out", FOR_CONVERT,
     AT(no_figures)},
    {"page-breaks", 0, OPTION_FLAG, NULL, NULL, NULL, 0, 0,
     "Markdown: a comment where a page starts", WRITING, AT(page_breaks)},
    {"provenance", 0, OPTION_FLAG, NULL, NULL, NULL, 0, 0,
     "Markdown: a comment with page and box before each block", WRITING, AT(provenance)},
    {"jobs", 'j', OPTION_NUMBER, "N", "0", NULL, 0, 1024,
     "workers at a time; 0: one for each processor this process may use", FOR_CONVERT, AT(jobs)},
    {"force", 'f', OPTION_FLAG, NULL, NULL, NULL, 0, 0,
     "convert again what has not changed since the last time", FOR_CONVERT, AT(force)},
    {"dry-run", 'n', OPTION_FLAG, NULL, NULL, NULL, 0, 0,
     "write nothing; say how many pages each engine would read and how long it may take",
     FOR_CONVERT, AT(dry_run)},
    {"json", 0, OPTION_FLAG, NULL, NULL, NULL, 0, 0, "the report as JSON on standard output",
     FOR_CONVERT, AT(json)},
    {"report", 0, OPTION_FILE, "FILE", NULL, NULL, 0, 0, "the report as JSON into a file",
     FOR_CONVERT, AT(report)},
    {"page-timeout-s", 0, OPTION_NUMBER, "S", "120", NULL, 1, 1000000,
     "seconds a page may take; half as many of computing", WORKING, AT(page_timeout_s)},
    {"document-timeout-s", 0, OPTION_NUMBER, "S", "0", NULL, 0, 100000000,
     "seconds a document may take; 0: an hour, or 30 s a page where that is more", FOR_CONVERT,
     AT(document_timeout_s)},
    {"memory-mb", 0, OPTION_NUMBER, "MB", "1536", NULL, 64, 1000000,
     "memory a worker may use, in MiB", WORKING, AT(memory_mb)},
    {"max-pages", 0, OPTION_NUMBER, "N", "10000", NULL, 1, 10000000, "pages a document may have",
     READING, AT(max_pages)},
    {"max-pixels", 0, OPTION_NUMBER, "N", "200000000", NULL, 10000, 4000000000,
     "pixels a picture may have", READING, AT(max_pixels)},
    {"sandbox", 0, OPTION_CHOICE, "MODE", "auto", "auto|off", 0, 0,
     "auto: workers may compute and nothing else; off: for kernels without seccomp", WORKING,
     AT(sandbox)},
    {"tolerate", 0, OPTION_NUMBER, "PERCENT", "-1", NULL, -1, 100,
     "exit with 0 although documents lost something or, up to this share, failed; -1: never",
     FOR_CONVERT, AT(tolerate)},
    {"color", 0, OPTION_CHOICE, "WHEN", "auto", "auto|always|never", 0, 0,
     "colours in messages; NO_COLOR is respected", WORKING, AT(color)},
    {"quiet", 'q', OPTION_FLAG, NULL, NULL, NULL, 0, 0, "say nothing unless something went wrong",
     WORKING, AT(quiet)},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, NULL, 0, 0,
     "a line for each document, with what libraries had to say", WORKING, AT(verbose)},
    {"help", 'h', OPTION_FLAG, NULL, NULL, NULL, 0, 0, "this text",
     WORKING | FOR_COMPLETION | FOR_HELP, AT(help)},
    {0},
};

const struct command *command_find(struct str name) {
    for (const struct command *c = command_table; c->name; c++)
        if (str_eq(str_from(c->name), name)) return c;
    return NULL;
}

/* ---- suggestions ---- */

/* Levenshtein distance, with a neighbouring pair swapped counting one. */
static size_t distance(const char *a, const char *b) {
    enum { MAX = 40 };
    size_t rows[3][MAX + 1], n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX) return MAX;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_before[j - 2] + 1 < best)
                best = two_before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

static void consider(const char *word, const char *candidate, const char **best, size_t *least) {
    size_t d = distance(word, candidate);
    // A word cut short is near, too: "doc" for "docx", "timeout" for nothing.
    if (strlen(word) >= 3 && strncmp(word, candidate, strlen(word)) == 0) d = 1;
    if (d < *least) *least = d, *best = candidate;
}

const char *command_suggest(const char *word) {
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (const struct command *c = command_table; c->name; c++)
        consider(word, c->name, &best, &least);
    return best;
}

static const char *option_suggest(unsigned bit, const char *word) {
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (const struct option *o = option_table; o->name; o++)
        if (o->commands & bit) consider(word, o->name, &best, &least);
    return best;
}

/* ---- parsing ---- */

void options_add(struct text_list *list, const char *item) {
    list->items = mem_grow(list->items, list->n, &list->cap, sizeof *list->items);
    list->items[list->n++] = item;
}

void options_free(struct settings *settings) {
    for (size_t i = 0; i < settings->owned.n; i++) mem_free((void *)settings->owned.items[i]);
    mem_free(settings->owned.items);
    mem_free(settings->passwords.items);
    mem_free(settings->arguments.items);
}

static bool is_choice(const char *choices, const char *value) {
    struct str rest = str_from(choices);
    while (rest.n > 0) {
        size_t bar = str_find(rest, STR("|"));
        if (str_eq(str_sub(rest, 0, bar), str_from(value))) return true;
        rest = str_sub(rest, bar + 1, rest.n);
    }
    return false;
}

/* "200", "50M": k, M and G multiply by thousands. */
static bool read_number(const char *text, int64_t *out) {
    struct str s = str_from(text);
    bool negative = str_starts(s, STR("-"));
    uint64_t value, factor = 1;
    size_t n;
    s = str_sub(s, negative, s.n);
    if (!str_number(s, INT64_MAX / 1000000000, &value, &n)) return false;
    s = str_sub(s, n, s.n);
    if (str_eq(s, STR("k")))
        factor = 1000;
    else if (str_eq(s, STR("M")))
        factor = 1000000;
    else if (str_eq(s, STR("G")))
        factor = 1000000000;
    else if (s.n != 0)
        return false;
    *out = (int64_t)(value * factor) * (negative ? -1 : 1);
    return true;
}

static enum status set(const struct option *option, const char *value, struct settings *settings,
                       struct error *err) {
    char *field = (char *)settings + option->offset;
    int64_t number;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)(void *)field = true; return STATUS_OK;
    case OPTION_LIST: options_add((struct text_list *)(void *)field, value); return STATUS_OK;
    case OPTION_CHOICE:
        if (!is_choice(option->choices, value))
            return fail(err, STATUS_ARG, "--%s is one of %s, not \"%s\"", option->name,
                        option->choices, value);
        *(const char **)(void *)field = value;
        return STATUS_OK;
    case OPTION_NUMBER:
        if (!read_number(value, &number) || number < option->min || number > option->max)
            return fail(err, STATUS_ARG, "--%s is a number from %lld to %lld, not \"%s\"",
                        option->name, (long long)option->min, (long long)option->max, value);
        *(int64_t *)(void *)field = number;
        return STATUS_OK;
    default: *(const char **)(void *)field = value; return STATUS_OK;
    }
}

static enum status set_defaults(unsigned bit, struct settings *settings, struct error *err) {
    for (const struct option *o = option_table; o->name; o++) {
        char variable[64];
        if (o->fallback) TRY(set(o, o->fallback, settings, err));
        int n = snprintf(variable, sizeof variable, "DOCMILL_%s", o->name);
        for (int i = 0; i < n && (size_t)i < sizeof variable - 1; i++)
            variable[i] = variable[i] == '-' ? '_' : (char)toupper((unsigned char)variable[i]);
        const char *value = getenv(variable);
        if (!value || !*value || !(o->commands & bit) || o->kind == OPTION_LIST) continue;
        if (o->kind == OPTION_FLAG && strcmp(value, "0") == 0) continue;
        if (set(o, value, settings, err) != STATUS_OK)
            return fail_in(err, "environment variable %s", variable);
    }
    return STATUS_OK;
}

static const struct option *find_long(unsigned bit, struct str name) {
    for (const struct option *o = option_table; o->name; o++)
        if ((o->commands & bit) && str_eq(str_from(o->name), name)) return o;
    return NULL;
}

static const struct option *find_letter(unsigned bit, char letter) {
    for (const struct option *o = option_table; o->name; o++)
        if ((o->commands & bit) && o->letter == letter) return o;
    return NULL;
}

static enum status unknown(const struct command *command, struct str name, struct error *err) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", STR_ARG(name));
    const char *near = option_suggest(command->bit, word);
    if (near) return fail(err, STATUS_ARG, "there is no option --%s; is it --%s?", word, near);
    return fail(err, STATUS_ARG, "there is no option --%s; see docmill help %s", word,
                command->name);
}

struct words {
    char **words;
    int n, next;
};

static enum status take_value(const struct option *option, const char *attached,
                              struct words *words, struct settings *settings, struct error *err) {
    if (option->kind == OPTION_FLAG && !attached) return set(option, NULL, settings, err);
    if (option->kind == OPTION_FLAG)
        return fail(err, STATUS_ARG, "--%s takes no value", option->name);
    if (!attached && words->next == words->n)
        return fail(err, STATUS_ARG, "--%s needs a value: --%s %s", option->name, option->name,
                    option->value);
    return set(option, attached ? attached : words->words[words->next++], settings, err);
}

static enum status take_long(const struct command *command, const char *word, struct words *words,
                             struct settings *settings, struct error *err) {
    struct str text = str_from(word);
    size_t equals = str_find(text, STR("="));
    const struct option *option = find_long(command->bit, str_sub(text, 0, equals));
    if (!option) return unknown(command, str_sub(text, 0, equals), err);
    return take_value(option, equals < text.n ? word + equals + 1 : NULL, words, settings, err);
}

/* "-qv", "-o out", "-oout" */
static enum status take_letters(const struct command *command, const char *word,
                                struct words *words, struct settings *settings, struct error *err) {
    for (const char *at = word; *at; at++) {
        const struct option *option = find_letter(command->bit, *at);
        if (!option)
            return fail(err, STATUS_ARG, "there is no option -%c; see docmill help %s", *at,
                        command->name);
        if (option->kind == OPTION_FLAG) {
            TRY(set(option, NULL, settings, err));
            continue;
        }
        return take_value(option, at[1] ? at + 1 : NULL, words, settings, err);
    }
    return STATUS_OK;
}

enum status options_parse(const struct command *command, int argc, char **argv,
                          struct settings *settings, struct error *err) {
    struct words words = {argv, argc, 0};
    bool only_arguments = false;
    TRY(set_defaults(command->bit, settings, err));
    while (words.next < words.n) {
        const char *word = words.words[words.next++];
        if (only_arguments || word[0] != '-' || word[1] == '\0')
            options_add(&settings->arguments, word);
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if (word[1] == '-')
            TRY(take_long(command, word + 2, &words, settings, err));
        else
            TRY(take_letters(command, word + 1, &words, settings, err));
    }
    return STATUS_OK;
}

/* ---- help ---- */

/* Text in lines of at most 78 columns, from column indent on. */
static void put_wrapped(FILE *out, const char *text, int indent) {
    int column = indent;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n > 78) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", n, text);
        column += n;
        text += n;
        while (*text == ' ') text++;
    }
    fputc('\n', out);
}

static void help_option(const struct option *o, FILE *out) {
    char head[80], text[400];
    int n = o->letter ? snprintf(head, sizeof head, "  -%c, --%s", o->letter, o->name)
                      : snprintf(head, sizeof head, "      --%s", o->name);
    if (o->value && n > 0) snprintf(head + n, sizeof head - (size_t)n, " %s", o->value);
    const char *open = o->choices || o->fallback ? " (" : "";
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", o->help, open, o->choices ? o->choices : "",
             o->choices && o->fallback ? "; " : "", o->fallback ? "default " : "",
             o->fallback ? o->fallback : "", *open ? ")" : "");
    fprintf(out, "%s\n%*s", head, 10, "");
    put_wrapped(out, text, 10);
}

static void help_program(FILE *out) {
    fputs("docmill turns PDF files, scans and photographs into Markdown, HTML, DOCX and JSON.\n\n"
          "usage: docmill COMMAND ...\n\n",
          out);
    for (const struct command *c = command_table; c->name; c++)
        fprintf(out, "  %-12s %s\n", c->name, c->summary);
    fputs("\n"
          "  docmill convert report.pdf -o report.md          one file\n"
          "  docmill convert archive/ -o out --to md,docx     a folder, into a tree like it\n"
          "  docmill help convert                             all options\n"
          "  docmill --version                                versions, also of libraries\n",
          out);
}

void options_help(const struct command *command, FILE *out) {
    if (!command) {
        help_program(out);
        return;
    }
    fprintf(out, "usage: docmill %s %s\n\n", command->name, command->usage);
    put_wrapped(out, command->about, 0);
    fputc('\n', out);
    for (const struct option *o = option_table; o->name; o++)
        if (o->commands & command->bit) help_option(o, out);
    if (command->bit == FOR_CONVERT)
        fputs("\nExit codes: 0 all well, 10 some documents lost something, 11 some failed, 64 "
              "usage,\n"
              "66 input missing, 71 no workers, 73 output cannot be created, 74 disk errors,\n"
              "75 interrupted: run again, 77 permission.\n",
              out);
}

/* ---- completions ---- */

static void put_words(FILE *out, const char *choices) {
    for (; *choices; choices++) fputc(*choices == '|' ? ' ' : *choices, out);
}

static void complete_bash(FILE *out) {
    fputs("_docmill() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W '",
          out);
    for (const struct command *c = command_table; c->name; c++) fprintf(out, "%s ", c->name);
    fputs("--help --version' -- \"$word\"))\n        return\n    fi\n    case $before in\n", out);
    for (const struct option *o = option_table; o->name; o++) {
        if (!o->choices) continue;
        fprintf(out, "    --%s) COMPREPLY=($(compgen -W '", o->name);
        put_words(out, o->choices);
        fputs("' -- \"$word\")); return ;;\n", out);
    }
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", out);
    for (const struct command *c = command_table; c->name; c++) {
        fprintf(out, "    %s) options='", c->name);
        for (const struct option *o = option_table; o->name; o++)
            if (o->commands & c->bit) fprintf(out, "--%s ", o->name);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n"
          "    case $word in -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;; esac\n}\n"
          "complete -o default -F _docmill docmill\n",
          out);
}

/* A help text inside '...' and [...]: brackets, colons and quotes have meanings there. */
static void put_plain(FILE *out, const char *text) {
    for (; *text; text++)
        if (!strchr("[]:'\\", *text)) fputc(*text, out);
}

static void complete_zsh(FILE *out) {
    fputs("#compdef docmill\n_docmill() {\n    local -a commands\n    commands=(\n", out);
    for (const struct command *c = command_table; c->name; c++) {
        fprintf(out, "        '%s:", c->name);
        put_plain(out, c->summary);
        fputs("'\n", out);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
          "    case $words[2] in\n",
          out);
    for (const struct command *c = command_table; c->name; c++) {
        fprintf(out, "    %s) _arguments '1:command:'", c->name);
        for (const struct option *o = option_table; o->name; o++) {
            if (!(o->commands & c->bit)) continue;
            fprintf(out, " \\\n        '--%s[", o->name);
            put_plain(out, o->help);
            fputc(']', out);
            if (o->choices) {
                fprintf(out, ":%s:(", o->value);
                put_words(out, o->choices);
                fputc(')', out);
            } else if (o->kind == OPTION_FILE) {
                fprintf(out, ":%s:_files", o->value);
            } else if (o->kind != OPTION_FLAG) {
                fprintf(out, ":%s:", o->value);
            }
            fputc('\'', out);
        }
        fputs(" \\\n        '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n}\ncompdef _docmill docmill\n", out);
}

static void complete_fish(FILE *out) {
    for (const struct command *c = command_table; c->name; c++) {
        fprintf(out, "complete -c docmill -n __fish_use_subcommand -f -a %s -d '", c->name);
        put_plain(out, c->summary);
        fputs("'\n", out);
    }
    for (const struct option *o = option_table; o->name; o++) {
        fputs("complete -c docmill -n '__fish_seen_subcommand_from", out);
        for (const struct command *c = command_table; c->name; c++)
            if (o->commands & c->bit) fprintf(out, " %s", c->name);
        fprintf(out, "' -l %s", o->name);
        if (o->letter) fprintf(out, " -s %c", o->letter);
        if (o->kind != OPTION_FLAG) fputs(" -r", out);
        if (o->choices) {
            fputs(" -f -a '", out);
            put_words(out, o->choices);
            fputc('\'', out);
        }
        fputs(" -d '", out);
        put_plain(out, o->help);
        fputs("'\n", out);
    }
}

void options_complete(const char *shell, FILE *out) {
    if (strcmp(shell, "zsh") == 0)
        complete_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        complete_fish(out);
    else
        complete_bash(out);
}
