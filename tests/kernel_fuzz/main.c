/* quern_kernel_fuzz: random kernels on every way that is here, compared with the interpreter.
 *
 *     quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] [--timeout N] [--groups N] [--total] [--small] [--show] [--bounds]
 *
 * --ways: reversed, block, cpu-baseline, cpu-avx2, cpu-avx512, wasm, or a device's spec; one that is named and not here is an error.
 * --small: kernels of a quarter of the nodes and all constructs, where a driver takes seconds to compile one.
 * --timeout: seconds for a file of up to 16 kernels (of KERNELs: --groups, 4) on a way, 300 if not said; one that takes longer or crashes is named and left.
 * --bounds prints how far off a builtin may be, for docs/kernel-language.md.
 * --total: kernels that divide by anything, shift by anything and cast anything; the interpreter refuses them, so the plain CPU is the truth.
 * The same seed gives the same kernels everywhere. The last line is  N passed, N failed, N skipped; exit status 1 after a difference. */
#include <stdio.h>
#include <stdlib.h>

#include "kfuzz_run.h"

static void show(const kfuzz_plan *p)
{
    for (u32 k = p->from; k < p->from + p->count; k++) {
        kfuzz_shape shape = kfuzz_plan_shape(p, k);
        choices c = kfuzz_plan_choices(p, k);
        kfuzz_case made;
        qn_define list[3];
        char defines[64];
        str text = { 0 };
        arena *mem = arena_make();
        kfuzz_defines(&shape, list, defines);
        if (kfuzz_case_make(mem, &shape, &c, 0, &made) == QN_OK && kfuzz_file(&shape, &made, 1, &text) == QN_OK)
            printf("/* kernel %u; error allowed %g, z %g; defines %s */\n%s\n", k, made.err, made.err_z, defines, text.text);
        str_free(&text);
        arena_free(mem);
    }
}

static int show_bounds(void)
{
    const float_bound *b;
    printf("| builtin | from | to | ulp |\n|---|---|---|---|\n");
    for (u32 i = 0; (b = float_bound_at(i)) != NULL; i++) printf("| %s | %g | %g | %g |\n", b->name, b->lo, b->hi, b->ulps);
    return 0;
}

int main(int argc, char **argv)
{
    kfuzz_plan p = { .seed = 1, .count = 200 };
    const char *only = NULL;
    bool only_show = false;
    u32 timeout = 300;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (text_same(argv[i], "--show")) only_show = true;
        else if (text_same(argv[i], "--bounds")) return show_bounds();
        else if (text_same(argv[i], "--total")) p.total = true;
        else if (text_same(argv[i], "--small")) p.small = true;
        else if (text_same(argv[i], "--count")) p.count = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--seconds")) p.seconds = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--seed")) p.seed = strtoull(value, NULL, 10), i++;
        else if (text_same(argv[i], "--from")) p.from = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--groups")) p.groups = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--timeout")) timeout = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--ways")) only = value, i++;
        else
            return fprintf(stderr, "usage: quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] "
                                   "[--timeout N] [--groups N] [--total] [--small] [--show] [--bounds]\n"),
                   2;
    }
    if (only_show) {
        show(&p);
        return 0;
    }
    static kfuzz_progress done;
    qn_status status = kfuzz_watch(&p, only, timeout, &done);
    if (status == QN_E_NAME) return 4;
    if (status != QN_OK) fprintf(stderr, "%s\n", qn_last_error());
    const way *ways = done.ways;
    u64 passed = 0, refused = 0, failed = 0;
    for (u32 i = 0; i < done.n_ways; i++) {
        printf("kernels: %s: %llu ran, %llu differ, %llu refused%s%s\n", ways[i].name, (unsigned long long)ways[i].ran,
               (unsigned long long)ways[i].differ, (unsigned long long)ways[i].refused, ways[i].refused ? ", last: " : "",
               ways[i].why);
        passed += ways[i].ran, refused += ways[i].refused, failed += ways[i].differ;
    }
    printf("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)(passed - MIN(passed, failed)),
           (unsigned long long)failed, (unsigned long long)refused);
    return failed || status != QN_OK ? 1 : 0;
}
