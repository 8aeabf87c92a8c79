/* model/device.c - which table of operations and kernels this machine gets; see ops.h. */
#include <stdlib.h>
#include <string.h>

#include "model/kernels.h"
#include "model/ops.h"
#include "model/ops_cpu.h"
#include "model/threads.h"

static bool has_avx2(void) {
#if defined(__x86_64__)
    return kernels_avx2.tile && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static enum status open_cpu(const struct kernels *kernels, int n_threads, struct device *out,
                            struct error *err) {
    *out = (struct device){.ops = &ops_cpu, .name = kernels->name, .kernels = kernels};
    out->threads = threads_new(n_threads);
    size_t n = (size_t)threads_size(out->threads) * OPS_CPU_SCRATCH;
    void *scratch = NULL;
    if (posix_memalign(&scratch, 64, n * sizeof(float))) {
        device_close(out);
        return fail(err, STATUS_NOMEM, "no memory for %d threads", threads_size(out->threads));
    }
    out->scratch = scratch;
    return STATUS_OK;
}

enum status device_open(const char *name, int n_threads, struct device *out, struct error *err) {
    *out = (struct device){0};
    if (!name) name = getenv("DOCMILL_CPU");
    if (!name || !*name) name = "cpu";
    bool any = strcmp(name, "cpu") == 0;
    if ((any || strcmp(name, "avx2") == 0) && has_avx2())
        return open_cpu(&kernels_avx2, n_threads, out, err);
    if (any || strcmp(name, "ref") == 0) {
        *out = (struct device){.ops = &ops_ref, .name = "ref"};
        return STATUS_OK;
    }
    if (strcmp(name, "avx2") == 0)
        return fail(err, STATUS_UNSUPPORTED, "this processor has no AVX2 with FMA");
    return fail(err, STATUS_ARG, "no device \"%.40s\": ref, cpu, avx2", name);
}

void device_close(struct device *dev) {
    threads_free(dev->threads);
    free(dev->scratch);
    *dev = (struct device){0};
}
