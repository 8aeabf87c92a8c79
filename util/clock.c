/* util/clock.c - see clock.h. */
#include "util/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0) return -1;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void) {
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_cpu_ms(pid_t process) {
    clockid_t id;
    if (clock_getcpuclockid(process, &id) != 0) return -1;
    return read_ms(id);
}
