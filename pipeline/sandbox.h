/*
 * pipeline/sandbox.h - what a worker may still do once a document is near it: compute, use the
 * descriptors it was given, and read fonts and language data.
 *
 *   level 3   seccomp allow-list + Landlock + rlimits
 *   level 2   seccomp allow-list + rlimits (opens are read-only, but of any path)
 *   level 1   rlimits; only when the user asked for it
 *
 * Calls that no parser honestly makes (sockets, exec, ptrace, kill, ...) kill the worker with SIGSYS;
 * others that are not on the list fail with EPERM, so that a library with a second way takes it.
 * What stays open: stat() tells a worker that a path exists.
 * Sources: seccomp(2), landlock(7). libseccomp's home is sandbox.c; Landlock by raw system calls.
 */
#ifndef PIPELINE_SANDBOX_H
#define PIPELINE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "util/status.h"

enum sandbox_level { SANDBOX_NONE, SANDBOX_LIMITS, SANDBOX_SECCOMP, SANDBOX_FULL };

struct sandbox_limits {
    uint64_t memory_bytes; // address space beyond what is mapped now; 0: no limit
    uint64_t file_bytes;   // of any file written
    uint64_t cpu_s;        // of the process as a whole; 0: no limit
};

/* Builds the Landlock rules, once for all workers: reading below the folders of fonts, language
 * data and libraries. Returns a descriptor, or -1 where the kernel has no Landlock. */
int sandbox_rules(void);

/* Sets the resource limits. Errors: IO. */
enum status sandbox_limit(const struct sandbox_limits *limits, struct error *err);

/* Closes the door, for good. rules: of sandbox_rules(), may be -1. Errors: DEVICE when the
 * kernel refuses the seccomp filter. */
enum status sandbox_enter(int rules, enum sandbox_level *reached, struct error *err);

#endif
