/* model/device.c - which table of operations this machine gets; see ops.h. */
#include <stdlib.h>
#include <string.h>

#include "model/ops.h"

enum status device_open(const char *name, int n_threads, struct device *out, struct error *err) {
    (void)n_threads;
    if (!name) name = getenv("DOCMILL_CPU");
    if (!name || strcmp(name, "cpu") == 0 || strcmp(name, "ref") == 0) {
        *out = (struct device){.ops = &ops_ref};
        return STATUS_OK;
    }
    return fail(err, STATUS_ARG, "no device \"%.40s\": ref, cpu", name);
}

void device_close(struct device *dev) {
    *dev = (struct device){0};
}
