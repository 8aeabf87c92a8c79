/*
 * util/clock.h - time that only goes forward. Wall-clock time never decides anything in docmill.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

int64_t clock_ms(void);              // monotonic, since an arbitrary point
int64_t clock_cpu_ms(pid_t process); // CPU time another process has used; -1 when it is gone

#endif
