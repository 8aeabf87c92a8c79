/*
 * pipeline/versions.h - which libraries this docmill runs with.
 */
#ifndef PIPELINE_VERSIONS_H
#define PIPELINE_VERSIONS_H

#include <stdio.h>

void versions_print(FILE *out); // "docmill 0.1.0", then a library on each line

#endif
