/* quern_kernel_fuzz: random kernels on every way that is here, compared with the interpreter.
 *
 *     quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] [--total] [--small] [--show] [--bounds]
 *
 * --ways: reversed, block, cpu-baseline, cpu-avx2, cpu-avx512, wasm, or a device's spec; one that is named and not here is an error.
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

/* What `only` names and was not opened, in words. */
static bool one_is_missing(const char *only, bool total, const way *ways, u32 n)
{
    for (const char *at = only; at && *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        bool found = false;
        for (u32 i = 0; i < n; i++) found |= strlen(ways[i].name) == length && !strncmp(ways[i].name, at, length);
        if (!found) {
            fprintf(stderr, "way %.*s is not here%s: %s\n", (int)length, at, total ? ", or takes no total kernels" : "",
                    qn_last_error());
            return true;
        }
        at += length;
    }
    return false;
}

int main(int argc, char **argv)
{
    kfuzz_plan p = { .seed = 1, .count = 200 };
    const char *only = NULL;
    bool only_show = false;
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
        else if (text_same(argv[i], "--ways")) only = value, i++;
        else
            return fprintf(stderr, "usage: quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] "
                                   "[--total] [--small] [--show] [--bounds]\n"),
                   2;
    }
    if (only_show) {
        show(&p);
        return 0;
    }
    way ways[KFUZZ_MAX_WAYS];
    u32 n = ways_open(only, p.total, ways);
    if (one_is_missing(only, p.total, ways, n)) return 4;
    u64 passed = 0, refused = 0;
    u32 failed = kfuzz_compare(&p, ways, n);
    for (u32 i = 0; i < n; i++) {
        printf("kernels: %s: %llu ran, %llu differ, %llu refused%s%s\n", ways[i].name, (unsigned long long)ways[i].ran,
               (unsigned long long)ways[i].differ, (unsigned long long)ways[i].refused, ways[i].refused ? ", last: " : "",
               ways[i].why);
        passed += ways[i].ran, refused += ways[i].refused;
    }
    ways_close(ways, n);
    printf("%llu passed, %u failed, %llu skipped\n", (unsigned long long)(passed - MIN(passed, failed)), failed,
           (unsigned long long)refused);
    return failed ? 1 : 0;
}
