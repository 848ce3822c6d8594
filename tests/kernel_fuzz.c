/* A slice of the random kernels on every way that is here; quern_kernel_fuzz runs as many as one likes. The ways that start a compiler for
 * each file of kernels take a few files here. QUERN_TEST_SEED names other kernels. WebAssembly comes after its module (tests/run.sh). */
#include "kernel_fuzz/kfuzz_run.h"

#include <stdio.h>
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
        if (p->total && !ways[i].ran && ways[i].refused) { /* so few files that all may be of a form that the way lacks */
            test_skip(t, "%s on %s: none ran; %llu refused: %s", what, ways[i].name, (unsigned long long)ways[i].refused,
                      ways[i].why);
            continue;
        }
        CHECK(t, !ways[i].differ && ways[i].ran, "%s on %s: %llu of %llu differ; %llu refused: %s", what, ways[i].name,
              (unsigned long long)ways[i].differ, (unsigned long long)ways[i].ran, (unsigned long long)ways[i].refused,
              ways[i].why);
        t->passed += ways[i].ran;
    }
    ways_close(ways, n);
}

/* docs/kernel-language.md shows the bounds that the comparison works with. */
static void check_bounds_in_docs(test *t)
{
    file_map page;
    const float_bound *b;
    if (file_map_open(QUERN_SOURCE_DIR "/docs/kernel-language.md", &page) != QN_OK) {
        CHECK(t, false, "%s", qn_last_error());
        return;
    }
    for (u32 i = 0; (b = float_bound_at(i)) != NULL; i++) {
        char row[120];
        bool found = false;
        int n = snprintf(row, sizeof row, "| %s | %g | %g | %g |\n", b->name, b->lo, b->hi, b->ulps);
        for (size_t at = 0; at + (size_t)n <= page.bytes.n && !found; at++)
            found = memcmp((const char *)page.bytes.data + at, row, (size_t)n) == 0;
        CHECK(t, found, "docs/kernel-language.md lacks the row %s", row);
    }
    file_map_close(&page);
}

/* Everything but the CPU's other instruction sets, which share a printer. */
void test_kernel_fuzz(test *t)
{
    bool quick = getenv("QUERN_QUICK") != NULL, full = getenv("QUERN_FULL") != NULL;
    const char *only = full ? NULL : "reversed,block,cpu-avx2,opencl,webgpu,webgl,cuda";
    u64 seed = test_seed();
    check_bounds_in_docs(t);
    u32 compiled = quick ? 0 : full ? 800 : 16;
    run(t, "random kernels", quick ? "reversed,block" : only,
        &(kfuzz_plan){ .seed = seed,
                       .count = quick  ? 160
                                : full ? 4800
                                       : 400 },
        compiled);
    if (!quick) run(t, "total kernels", only, &(kfuzz_plan){ .seed = seed + 1, .count = compiled, .total = true }, compiled);
}
