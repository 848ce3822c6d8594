/* Instruction sets that kernels are compiled for, best last, and what this processor (and its system, which must save the
 * registers) can run. */
#include "device/cpu_program.h"
#include "device/host_kernels.h"

static bool always(void) { return true; }

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
           __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
static bool never(void) { return false; }
#define has_avx2   never
#define has_avx512 never
#endif

static const struct {
    const char *name;
    u32 width;
    bool (*here)(void);
} isas[CPU_ISA_COUNT] = {
    [CPU_BASELINE] = { "baseline", 4, always },
    [CPU_AVX2] = { "avx2", 8, has_avx2 },
    [CPU_AVX512] = { "avx512", 16, has_avx512 },
};

const char *cpu_isa_name(cpu_isa isa) { return isas[isa].name; }

u32 cpu_isa_width(cpu_isa isa) { return isas[isa].width; }

qn_status cpu_isa_find(const char *name, cpu_isa *out)
{
    for (u32 i = CPU_ISA_COUNT; i-- > 0;) {
        if (name ? !text_same(name, isas[i].name) : !host_kernels_built(isas[i].name)) continue;
        if (isas[i].here()) {
            *out = (cpu_isa)i;
            return QN_OK;
        }
        if (name) return fail(QN_E_NO_DEVICE, "this processor, or its system, has no %s", name);
    }
    return fail(QN_E_USAGE, "no instruction set is called '%s'; there are \"baseline\", \"avx2\", \"avx512\"",
                name ? name : "");
}
