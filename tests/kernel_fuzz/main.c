/* quern_kernel_fuzz: random kernels on every way that is here, compared with the interpreter.
 *
 *     quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] [--total] [--show]
 *
 * --total: kernels that divide by anything, shift by anything and cast anything; the interpreter refuses them, so the plain CPU is the truth.
 * The same seed gives the same kernels everywhere. The last line is  N passed, N failed, N skipped; exit status 1 after a difference. */
#include <stdio.h>
#include <stdlib.h>

#include "kfuzz_run.h"

static void show(const kfuzz_plan *p)
{
    for (u32 k = p->from; k < p->from + p->count; k++) {
        u64 seed = p->seed * 1000003 + k / 16 * 16;
        kfuzz_shape shape = kfuzz_shape_of(seed);
        shape.total = p->total;
        choices c;
        kfuzz_case made;
        str text = { 0 };
        arena *mem = arena_make();
        choices_random(&c, seed * 64 + k % 16 + 1, KFUZZ_MAX_CHOICES);
        if (kfuzz_case_make(mem, &shape, &c, 0, &made) == QN_OK && kfuzz_file(&shape, &made, 1, &text) == QN_OK)
            printf("/* kernel %u; error allowed %g, z %g */\n%s\n", k, made.err, made.err_z, text.text);
        str_free(&text);
        arena_free(mem);
    }
}

int main(int argc, char **argv)
{
    kfuzz_plan p = { .seed = 1, .count = 200 };
    const char *only = NULL;
    bool only_show = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (text_same(argv[i], "--show")) only_show = true;
        else if (text_same(argv[i], "--total")) p.total = true;
        else if (text_same(argv[i], "--count")) p.count = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--seconds")) p.seconds = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--seed")) p.seed = strtoull(value, NULL, 10), i++;
        else if (text_same(argv[i], "--from")) p.from = (u32)strtoul(value, NULL, 10), i++;
        else if (text_same(argv[i], "--ways")) only = value, i++;
        else
            return fprintf(stderr, "usage: quern_kernel_fuzz [--count N] [--seed S] [--from K] [--seconds N] [--ways a,b] "
                                   "[--total] [--show]\n"),
                   2;
    }
    if (only_show) {
        show(&p);
        return 0;
    }
    way ways[KFUZZ_MAX_WAYS];
    u32 n = ways_open(only, p.total, ways);
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
