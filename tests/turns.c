/* The turns that kc promises as the most, of small kernels where they are known: 2 more each time a loop is gone through. (programs.c: the library's own all have a bound.) */
#include "kc/kc.h"
#include "test.h"

/* clang-format off */
#define MAP1(body) "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) x, IN(i32) p, u32 n, u32 m, i32 s) { f32 y = 0; " body " return y; }"
typedef struct turns_case { const char *why, *text; u32 words[3]; u64 count, most; } turns_case;
static const turns_case cases[] = {
    { "no loop",                      MAP1("y = x[i];"), { 0 }, 9, 0 },
    { "up to a parameter",            MAP1("for (u32 j = 0; j < n; j++) y += x[j];"), { 100 }, 9, 102 },
    { "never",                        MAP1("for (u32 j = n; j < m; j++) y += x[j];"), { 100, 7 }, 9, 2 },
    { "the end is in it",             MAP1("for (u32 j = 1; j <= n; j++) y += x[j];"), { 100 }, 9, 102 },
    { "a wider step",                 MAP1("for (u32 j = 0; j < n; j += 3) y += x[j];"), { 100 }, 9, 36 },
    { "down",                         MAP1("for (i32 j = s; j >= 0; j--) y += x[j];"), { 0, 0, 99 }, 9, 102 },
    { "by halves",                    MAP1("for (u32 j = n; j > 0; j /= 2) y += x[j];"), { 100 }, 9, 66 },
    { "loops in loops",               MAP1("for (u32 j = 0; j < n; j++) for (u32 k = 0; k < m; k++) y += x[k];"), { 10, 20 }, 9, 232 },
    { "one after the other",          MAP1("for (u32 j = 0; j < n; j++) y += x[j]; for (u32 k = 0; k < m; k++) y += x[k];"), { 10, 20 }, 9, 34 },
    { "as far as the element",        MAP1("for (u32 j = 0; j <= i; j++) y += x[j];"), { 0 }, 50, 52 },
    { "as far as a part of it",       MAP1("u32 here = i / m % n; for (u32 j = 0; j < here + 1; j++) y += x[j];"), { 10, 4 }, 1000, 12 },
    { "pieces of a line",             MAP1("for (u32 a = 0; a < n; a += 64) { u32 end = min(a + 64, n); for (u32 j = a; j < end; j++) y += x[j]; }"), { 640 }, 9, 672 },
    { "pieces without a name",        MAP1("for (u32 a = 0; a < n; a += 64) for (u32 j = a; j < min(a + 64, n); j++) y += x[j];"), { 640 }, 9, 672 },
    { "the element's piece",          MAP1("u32 a = i * 64, end = min(a + 64, n); for (u32 j = a; j < end; j++) y += x[j];"), { 100000 }, 1563, 66 },
    { "its share of m",               MAP1("u32 w = i % 32, a = w * m, end = min(w * m + m, n); for (u32 j = a; j < end; j++) y += x[j];"), { 100000, 7 }, 9, 9 },
    { "a piece that moves",           MAP1("u32 a = 5; u32 end = a + 64; for (a = 0; a < n; a++) for (u32 j = a; j < end; j++) y += x[j];"), { 10 }, 9, 2 + 10 + 10 * 71 },
    { "the launch decides an if",     MAP1("if (m == 1) for (u32 j = 0; j < n; j++) y += x[j]; else y = 1;"), { 100, 2 }, 9, 0 },
    { "the element decides it",       MAP1("if (i % 2 == 0) for (u32 j = 0; j < n; j++) y += x[j]; else for (u32 j = 0; j < m; j++) y -= x[j];"), { 10, 20 }, 9, 34 },
    { "an end changed before",        MAP1("u32 end = n; if (i == 3) end = m; for (u32 j = 0; j < end && j < 1000u; j++) y += x[j];"), { 10, 20 }, 9, 1002 },
    { "while one counts",             MAP1("u32 j = 0; while (j < n) { y += x[j]; j++; }"), { 10 }, 9, KC_TURNS_UNKNOWN },
    { "as the data says",             MAP1("for (u32 j = 0; j < (u32)p[i]; j++) y += x[j];"), { 10 }, 9, KC_TURNS_UNKNOWN },
    { "for ever",                     MAP1("for (u32 j = 0; j < n; j += 0u * m) y += x[j];"), { 10 }, 9, KC_TURNS_UNKNOWN },
    { "past the end of u32",          MAP1("for (u32 j = 0; j < 4294967290u; j += n) y += x[j];"), { 10 }, 9, KC_TURNS_UNKNOWN },
    { "the counter is set inside",    MAP1("for (u32 j = 0; j < n; j++) { if (x[j] > 0) j = 0; }"), { 10 }, 9, KC_TURNS_UNKNOWN },
    { "the step is changed inside",   MAP1("u32 by = 1000; for (u32 j = 0; j < n; j += by) { y += x[j]; by = 1; }"), { 100000 }, 9, KC_TURNS_UNKNOWN },
    { "a product that wraps",         MAP1("for (u32 j = 0; j < n * n; j++) y += x[j];"), { 65536 }, 9, KC_TURNS_UNKNOWN },
    { "a division of pairs of words", MAP1("y = (f32)((i64)i / (i64)s);"), { 0, 0, 3 }, 9, 64 },
    { "a remainder of floats",        MAP1("for (u32 j = 0; j < n; j++) y += fmod(x[j], 3.0f);"), { 10 }, 9, 2 + 10 + 2800 },
};
/* clang-format on */

void test_turns(test *t)
{
    for (u32 i = 0; i < COUNT(cases); i++) {
        const turns_case *c = &cases[i];
        arena *a = arena_make();
        kc_module *m = NULL;
        u64 found = 0;
        CHECK_OK(t, kc_compile(a, &(kc_program){ .file = "turns.c", .text = c->text }, NULL, &m));
        const kc_launch_facts facts = { .words = c->words, .count = c->count };
        if (m) CHECK_OK(t, kc_turns(m, kc_kernel_at(m, 0), &facts, &found));
        CHECK(t, found == c->most, "%s: %llu turns, not %llu", c->why, (unsigned long long)found,
              (unsigned long long)c->most);
        arena_free(a);
    }
}
