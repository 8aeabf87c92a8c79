/* model/ops_cpu.h - what device.c must know of ops_cpu.c. */
#ifndef MODEL_OPS_CPU_H
#define MODEL_OPS_CPU_H

enum { OPS_CPU_SCRATCH = 300 * 1024 }; // floats for each thread: 1.2 MB, blocks for its L2 cache

#endif
