/*
 * cmd/commands.h - the sub-commands, and what they share. Each returns the exit code.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/options.h"
#include "pipeline/job.h"

enum exit_code { // reliability: a code never says success when it was none; 1 and 2 stay free
    EXIT_OK = 0,
    EXIT_DEGRADED = 10,
    EXIT_FAILED = 11,
    EXIT_USAGE = 64,
    EXIT_NO_INPUT = 66,
    EXIT_MISSING = 69,
    EXIT_SOFTWARE = 70,
    EXIT_NO_WORKERS = 71,
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_AGAIN = 75,
    EXIT_DENIED = 77,
};

int convert_main(struct settings *settings);
int inspect_main(struct settings *settings);
int export_main(struct settings *settings);
int completion_main(struct settings *settings);
int help_main(struct settings *settings);

/* Prints "docmill: message" and returns code. */
int complain(int code, const struct error *error);
int complain_text(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads "md,docx" into the config. Errors: ARG. */
enum status formats_from(const char *text, struct job_config *config, struct error *err);
/* The format a file's name asks for by its end, or NULL. */
const struct exporter *format_of_file(const char *name);
/* What all commands that start workers take from the settings. Passwords from a file are added to
 * settings->passwords. Errors: ARG, IO. */
enum status config_from(struct settings *settings, struct job_config *config, struct error *err);
/* Opens the folder path, made with those above it when missing. -1 and errno on failure. */
int open_out_folder(const char *path);
/* Opens the folder for files without a name: TMPDIR or /tmp. -1 on failure. */
int open_temp_folder(void);
/* For an errno of creating outputs. */
int exit_for_errno(int error_number);

#endif
