/* How a program runs on the CPU, chosen once when it is made: a kernel compiled into the library, one that a system compiler
 * makes now, the block machine, or the interpreter; and running a range of it. */
#ifndef CPU_PROGRAM_H
#define CPU_PROGRAM_H

#include "device/device_check.h"

typedef enum cpu_isa { CPU_BASELINE, CPU_AVX2, CPU_AVX512, CPU_ISA_COUNT } cpu_isa;
const char *cpu_isa_name(cpu_isa isa); /* "baseline", "avx2", "avx512": as in qn_device_desc */
u32 cpu_isa_width(cpu_isa isa);        /* lanes of f32w */
/* The one called `name`, or for NULL the best of this CPU that the build has kernels for. QN_E_USAGE, or QN_E_NO_DEVICE where this CPU or its system lacks it. */
qn_status cpu_isa_find(const char *name, cpu_isa *out);

typedef struct cpu_program cpu_program;
typedef struct cpu_choice {
    cpu_isa isa;
    bool interpret, reverse_items;
} cpu_choice;
qn_status cpu_program_make(const kc_program *p, const cpu_choice *choice, cpu_program **out);
void cpu_program_free(cpu_program *p); /* NULL is fine */
const prog_shape *cpu_program_shape(const cpu_program *p);
const char *cpu_program_how(const cpu_program *p); /* static */
bool cpu_program_serial(const cpu_program *p);     /* must see all of a launch in one piece, to find races */
/* Elements or groups [from, to); bufs and words as in qn_launch. Fails only in the interpreter. Several threads may be inside. */
qn_status cpu_program_run(const cpu_program *p, void *const *bufs, const u64 *bytes, const u32 *words, u32 from, u32 to);

#endif
