/* A slice of the random kernels on every way that is here; quern_kernel_fuzz runs as many as one likes. The ways that start a compiler for
 * each file of kernels take a few files here. */
#include "kernel_fuzz/kfuzz_run.h"

#include <stdlib.h>

#include "test.h"

static void run(test *t, const char *what, const char *only, const kfuzz_plan *p, u32 most_compiled)
{
    way ways[KFUZZ_MAX_WAYS];
    u32 n = ways_open(only, p->total, ways);
    for (u32 i = 1; i < n; i++)
        if (ways[i].batch > 1) ways[i].most = most_compiled;
    kfuzz_compare(p, ways, n);
    for (u32 i = 0; i < n; i++) {
        CHECK(t, !ways[i].differ && ways[i].ran, "%s on %s: %llu of %llu differ; %llu refused: %s", what, ways[i].name,
              (unsigned long long)ways[i].differ, (unsigned long long)ways[i].ran, (unsigned long long)ways[i].refused,
              ways[i].why);
        t->passed += ways[i].ran;
    }
    ways_close(ways, n);
}

/* Everything but the CPU's other instruction sets, which share a printer. */
void test_kernel_fuzz(test *t)
{
    bool quick = getenv("QUERN_QUICK") != NULL, full = getenv("QUERN_FULL") != NULL;
    const char *only = full ? NULL : "reversed,block,cpu-avx2,opencl,webgpu,webgl,cuda";
    u32 compiled = quick ? 0 : full ? 800 : 16;
    run(t, "random kernels", quick ? "reversed,block" : only,
        &(kfuzz_plan){ .seed = 7,
                       .count = quick  ? 160
                                : full ? 4800
                                       : 640 },
        compiled);
    if (!quick) run(t, "total kernels", only, &(kfuzz_plan){ .seed = 8, .count = compiled, .total = true }, compiled);
}
