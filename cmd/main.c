/*
 * cmd/main.c - docmill: finds the sub-command and leaves the rest to it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/model.h"
#include "pipeline/forkserver.h"
#include "pipeline/versions.h"
#include "pipeline/worker.h"

const struct command command_table[] = {
    {"convert", FOR_CONVERT, "INPUT... -o OUT [OPTION...]",
     "documents into Markdown, HTML, DOCX, JSON",
     "Converts files, folders (walked) or, with -, a list of names from standard input, one a line "
     "or separated by NUL. OUT becomes a tree like that of the inputs: a/b.pdf gives "
     "OUT/a/b.pdf.md. What has not changed since the last time is passed over. A document or page "
     "that cannot be read is named with its reason, and the rest goes on.",
     convert_main, NULL},
    {"inspect", FOR_INSPECT, "FILE [--page N] -o PAGE.png [OPTION...]",
     "a page picture that shows what was understood",
     "Draws the blocks of a page, their kinds, the reading order and the grids of tables over the "
     "picture of the page.",
     inspect_main, NULL},
    {"export", FOR_EXPORT, "FILE.json --to FORMATS -o OUT [OPTION...]",
     "docmill's JSON into the other formats",
     "Writes the same bytes that convert would have written, from the JSON form of a document and "
     "the figures beside it.",
     export_main, NULL},
    {"model", 0, "info|check|random|tokenize|trace ...",
     "what a model's checkpoint is, and whether it works", "", NULL, cmd_model},
    {"ask", 0, "QUESTION FILE...", "questions about pictures, answered by a model", "", NULL,
     cmd_ask},
    {"completion", FOR_COMPLETION, "bash|zsh|fish", "completions for a shell",
     "Prints completions, for example: docmill completion bash > "
     "~/.local/share/bash-completion/completions/docmill",
     completion_main, NULL},
    {"help", FOR_HELP, "[COMMAND]", "how to use a command", "Prints this.", help_main, NULL},
    {0},
};

int completion_main(struct settings *settings) {
    const char *shell = settings->arguments.n == 1 ? settings->arguments.items[0] : "";
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0 && strcmp(shell, "fish") != 0)
        return complain_text(EXIT_USAGE, "completion for which shell? bash, zsh or fish");
    options_complete(shell, stdout);
    return EXIT_OK;
}

static int unknown_command(const char *word) {
    const char *near = command_suggest(word);
    if (near) return complain_text(EXIT_USAGE, "there is no command \"%s\"; is it %s?", word, near);
    return complain_text(EXIT_USAGE, "there is no command \"%s\"; see docmill --help", word);
}

int help_main(struct settings *settings) {
    const struct command *command = NULL;
    if (settings->arguments.n > 0) {
        command = command_find(str_from(settings->arguments.items[0]));
        if (!command) return unknown_command(settings->arguments.items[0]);
    }
    if (command && command->run_raw) {
        char name[32], help[] = "--help", *words[] = {name, help, NULL};
        snprintf(name, sizeof name, "%s", command->name);
        return command->run_raw(2, words);
    }
    options_help(command, stdout);
    return EXIT_OK;
}

static int run_command(const struct command *command, int argc, char **argv) {
    struct settings settings = {0};
    struct error error = {0};
    int code;
    if (options_parse(command, argc, argv, &settings, &error) != STATUS_OK) {
        code = complain(EXIT_USAGE, &error);
    } else if (settings.help) {
        options_help(command, stdout);
        code = EXIT_OK;
    } else {
        code = command->run(&settings);
    }
    options_free(&settings);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = complain_text(EXIT_IO, "cannot write to standard output");
    return code;
}

int main(int argc, char **argv) {
    static const struct fork_role role = {worker_preload, worker_main};
    int code;
    // _exit(): what fontconfig keeps for the workers is nobody's to free.
    if (fork_server_serve(argc, argv, &role, &code)) _exit(code);
    if (argc < 2) {
        options_help(NULL, stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        options_help(NULL, stdout);
        return EXIT_OK;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        versions_print(stdout);
        return EXIT_OK;
    }
    const struct command *command = command_find(str_from(word));
    if (!command && word[0] == '-')
        return complain_text(EXIT_USAGE, "options follow the command: docmill convert ... %s",
                             word);
    if (!command) return unknown_command(word);
    if (command->run_raw) return command->run_raw(argc - 1, argv + 1);
    return run_command(command, argc - 2, argv + 2);
}
