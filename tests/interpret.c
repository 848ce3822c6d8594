/* The interpreter: what kernels compute, as a table of texts and answers, and what it refuses, as a table of texts and sentences. */
#include "kc/kc.h"
#include "test.h"

enum { ELEMS = 8, OUT_WORDS = 16 };

/* Runs `text` on x = { 1, 2, .. 8 } and y = { 0 .. } as the kernel's buffers, in this order: x for an IN or INOUT, y for an OUT or a result. */
typedef struct kernel_case {
    const char *why, *text, *defines;
    u64 count; /* elements or groups */
    u32 words[4], n_words;
    union {
        u32 u[OUT_WORDS];
        f32 f[OUT_WORDS];
        i32 i[OUT_WORDS];
    } want; /* of the last buffer */
} kernel_case;

#define HEAD "#include \"quern_kernel.h\"\n"

/* clang-format off */
static const kernel_case answers[] = {
    { "a map", HEAD "MAP(f32) twice(u32 i, IN(f32) x) { return x[i] * 2.0f; }", "", 8, { 0 }, 0,
      { .f = { 2, 4, 6, 8, 10, 12, 14, 16 } } },
    { "a launch parameter, a 64-bit one before it", HEAD "MAP(u32) add(u32 i, u64 a, u32 b) { return i + b + (u32)(a >> 32); }", "", 4,
      { 7, 2, 100 }, 3, { .u = { 102, 103, 104, 105 } } },
    { "loops, break and continue", HEAD "MAP(i32) f(u32 i) { i32 s = 0; for (i32 k = 0; k < 100; k++) { if (k == 3) continue; if (k > 5) break;"
      " s += k; } return s; }", "", 2, { 0 }, 0, { .i = { 12, 12 } } },
    { "do", HEAD "MAP(u32) f(u32 i) { u32 n = 0; do { n++; } while (n < i); return n; }", "", 4, { 0 }, 0, { .u = { 1, 1, 2, 3 } } },
    { "integers wrap", HEAD "MAP(i32) f(u32 i) { i32 a = 2147483647; return a + (i32)i; }", "", 2, { 0 }, 0, { .i = { 2147483647, -2147483647 - 1 } } },
    { "TO saturates", HEAD "MAP(i32) f(u32 i) { f32 v[4]; v[0] = 3e9f; v[1] = -3e9f; v[2] = NAN; v[3] = -1.9f; return TO(i32, v[i]); }", "", 4,
      { 0 }, 0, { .i = { 2147483647, -2147483647 - 1, 0, -1 } } },
    { "f16 and back", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f16 h[1]; h[0] = TO(f16, x[i] + 0.0004f); return load(h, 0); }", "", 2, { 0 }, 0,
      { .f = { 1.0f, 2.0f } } },
    { "vectors", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i); v.y = 10; return v.x + v[1] * 2 + v.w; }", "", 4, { 0 }, 0,
      { .f = { 1 + 20 + 4, 2 + 20 + 5, 3 + 20 + 6, 4 + 20 + 7 } } },
    { "wide vectors", HEAD "#define GROUP 1\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { f32w v = loadw(x, g * WIDTH); storew(y, g * WIDTH, v * v);"
      " storew_part(y, 8u, loadw_part(x, 6u, 2u), 3u); y[11] = sumw(v); y[12] = maxw(v); }", "", 1, { 0 }, 0,
      { .f = { 1, 4, 9, 16, 0, 0, 0, 0, 7, 8, 0, 10, 4 } } },
    { "a group", HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED(f32, part, GROUP); ITEMS(t) part[t] = x[g * GROUP + t];"
      " for (u32 half = GROUP / 2; half > 0; half /= 2) ITEMS(t) if (t < half) part[t] += part[t + half];"
      " ITEMS(t) if (t == 0) y[g] = part[0]; }", "", 2, { 0 }, 0, { .f = { 10, 26 } } },
    { "memory of an item", HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { PER_ITEM(f32, a); PER_ITEMS(f32, b, 2); ITEMS(t) { a[t] = x[t];"
      " b[t][0] = 1; b[t][1] = x[t + 4]; } ITEMS(t) y[t] = a[t] + b[t][1] - b[t][0]; }", "", 1, { 0 }, 0, { .f = { 5, 7, 9, 11 } } },
    { "atomics", HEAD "#define GROUP 8\nKERNEL f(u32 g, INOUT(u32) y) { SHARED(u32, n, 1); ITEMS(t) if (t == 0) n[0] = 0; ITEMS(t) atomic_add(n, 0, t);"
      " ITEMS(t) if (t == 0) { atomic_add(y, 0, n[0]); atomic_max(y, 1, g + 5); atomic_cas(y, 2, 0u, 9u); } }", "", 2, { 0 }, 0,
      { .u = { 56, 6, 9 } } },
    { "a table", HEAD "static const i32 tab[3] = { 5, -6, 7 };\nMAP(i32) f(u32 i) { return tab[i % 3]; }", "", 4, { 0 }, 0, { .i = { 5, -6, 7, 5 } } },
    { "shared in two dimensions", HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED2(f32, s, 2, 4); ITEMS(t) { s[0][t] = x[t];"
      " s[1][t] = x[t + 4]; } ITEMS(t) y[t] = s[1][3 - t] - s[0][t]; }", "", 1, { 0 }, 0, { .f = { 7, 5, 3, 1 } } },
    { "builtins of bits", HEAD "MAP(u32) f(u32 i) { return popcount(i) + 100 * clz(i) + 10000 * ctz(i); }", "", 3, { 0 }, 0,
      { .u = { 323200, 3101, 13001 } } },
    { "an early return of a group", HEAD "#define GROUP 2\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { if (g == 1) return; ITEMS(t) y[g * 2 + t] = x[t]; }",
      "", 3, { 0 }, 0, { .f = { 1, 2, 0, 0, 1, 2 } } },
};

typedef struct fault_case { const char *text; u64 count; const char *says; bool reversed; } fault_case;
static const fault_case faults[] = {
    { HEAD "#define GROUP 32\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { PER_ITEMS(f32, s, 4); PER_ITEMS(u32, l, 4); PER_ITEMS(u32, r, 2);"
      " ITEMS(t) { s[t][0] = 0; s[t][1] = 0; s[t][2] = 0; if (t != 5) s[t][3] = 0; } mma_f16(s, l, r); }", 1,
      "reads s[3] of item 5, which has no value yet", false },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i + 1]; }", 8, "element 7: index 8 is outside x[8]", false },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { i32 k = (i32)i - 1; return x[k]; }", 8, "element 0: index -1 is outside x[8]", false },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a[4]; for (u32 k = 0; k <= i; k++) a[k] = x[k]; return a[0]; }", 8, "element 4: index 4 is outside a[4]", false },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i); return v.x; }", 8, "4 elements from 5 are outside x[8]", false },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a; if (i > 2) a = 1; return a + x[i]; }", 8, "element 0: reads 'a', which has no value yet", false },
    { HEAD "MAP(u32) f(u32 i) { return 8 / i; }", 8, "division by zero", false },
    { HEAD "MAP(u32) f(u32 i) { return 8 % (i - 3); }", 8, "element 3: remainder of a division by zero", false },
    { HEAD "MAP(i32) f(u32 i, i32 a) { return a / -(i32)i; }", 8, "the smallest integer divided by -1", false },
    { HEAD "MAP(i32) f(u32 i, IN(f32) x) { return (i32)(x[i] * 1e9f); }", 8, "element 2: a float cast to an integer that cannot hold it", false },
    { HEAD "MAP(u32) f(u32 i) { return 1u << (i + 30); }", 8, "element 2: a shift by the width", false },
    { HEAD "MAP(u32) f(u32 i) { u32 n = 0; while (i < 100) n++; return n; }", 8, "does a loop never end?", false },
    { HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) { s[t] = x[t]; y[t] = s[(t + 3) % 4]; } }", 1,
      "group 0, item 0: reads s[3], which has no value yet", false },
    { HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) { s[t] = x[t]; if (t > 0) y[t] = s[t - 1]; } }", 1,
      "item 1: it reads s[0], which item 0 writes in the same phase: a race", false },
    { HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) { s[t] = x[t]; if (t > 0) y[t] = s[t - 1]; } }", 1,
      "item 3: reads s[2], which has no value yet", true },
    { HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { ITEMS(t) y[t / 2] = x[t]; }", 1,
      "item 1: it writes y[0], which item 0 writes in the same phase: a race", false },
    { HEAD "#define GROUP 4\nKERNEL f(u32 g, INOUT(f32) x) { ITEMS(t) x[t] = x[t + 1]; }", 1,
      "item 1: it writes x[1], which item 0 reads in the same phase: a race", false },
    { HEAD "#define GROUP 2\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { ITEMS(t) y[g + t] = x[t]; }", 2,
      "group 1, item 0: it writes y[1], which group 0 writes in the same launch: a race", false },
    { HEAD "#define GROUP 2\nKERNEL f(u32 g, INOUT(u32) y) { ITEMS(t) { atomic_add(y, 0, 1u); if (t == 1) y[1] = y[0]; } }", 1,
      "it reads y[0], which another item changes by an atomic in the same phase: a race", false },
    { HEAD "#define GROUP 2\nKERNEL f(u32 g, OUT(f32) y) { PER_ITEM(f32, a); ITEMS(t) if (t == 0) a[t] = 1; ITEMS(t) y[t] = a[t]; }", 1,
      "item 1: reads 'a', which has no value yet", false },
    { HEAD "MAP(u32) f(u32 i) { return i; }", 17, "its output has only 16 elements", false },
};
/* clang-format on */

typedef struct machine {
    arena *a;
    kc_module *m;
    const kc_kernel *k;
    f32 x[ELEMS];
    u32 y[OUT_WORDS];
    kc_memory bufs[2];
    u32 n_bufs;
} machine;

static bool set_up(test *t, machine *m, const char *text, const char *defines)
{
    memset(m, 0, sizeof *m);
    m->a = arena_make();
    const kc_program p = { .file = "test.c", .text = text, .defines = defines ? defines : "" };
    qn_status status = m->a ? kc_compile(m->a, &p, NULL, &m->m) : QN_E_NOMEM;
    CHECK(t, status == QN_OK, "%s\n%s", text, qn_last_error());
    m->k = status == QN_OK ? kc_kernel_at(m->m, 0) : NULL;
    if (!m->k) return false;
    for (u32 i = 0; i < ELEMS; i++) m->x[i] = (f32)(i + 1);
    for (u32 i = 0; i < m->k->n_params; i++) {
        kc_role role = m->k->params[i].role;
        bool single = role == KC_INOUT && m->k->params[i].type.scalar == KC_U32;
        if (role == KC_OUT || single) m->bufs[m->n_bufs++] = (kc_memory){ m->y, sizeof m->y };
        else if (role == KC_IN || role == KC_INOUT) m->bufs[m->n_bufs++] = (kc_memory){ m->x, sizeof m->x };
    }
    if (m->k->form == KC_MAP) m->bufs[m->n_bufs++] = (kc_memory){ m->y, sizeof m->y };
    return true;
}

static void check_answer(test *t, const kernel_case *c)
{
    machine m;
    for (int reversed = 0; reversed < 2; reversed++) {
        if (set_up(t, &m, c->text, c->defines)) {
            const kc_checks checks = { .reverse_items = reversed };
            CHECK_OK(t, kc_interpret(m.m, m.k, m.bufs, m.n_bufs, c->words, c->n_words, 0, c->count, &checks));
            for (u32 i = 0; i < OUT_WORDS; i++)
                CHECK(t, m.y[i] == c->want.u[i], "%s: y[%u] is %08x, not %08x", c->why, i, m.y[i], c->want.u[i]);
        }
        arena_free(m.a);
    }
}

static void check_fault(test *t, const fault_case *c)
{
    static const u32 least[] = { 0x80000000u };
    machine m;
    if (set_up(t, &m, c->text, "")) {
        const kc_checks checks = { .reverse_items = c->reversed, .max_steps = 100000 };
        u32 n_words = strstr(c->text, "i32 a)") ? 1 : 0;
        qn_status status = kc_interpret(m.m, m.k, m.bufs, m.n_bufs, least, n_words, n_words, c->count, &checks);
        CHECK(t, status == QN_E_DATA, "%s\n gives %s, not the fault '%s'", c->text, qn_status_text(status), c->says);
        CHECK(t, status != QN_E_DATA || strstr(qn_last_error(), c->says), "%s\n says '%s', not '%s'", c->text,
              qn_last_error(), c->says);
        CHECK(t, status != QN_E_DATA || text_starts(qn_last_error(), "test.c:"), "no place in '%s'", qn_last_error());
    }
    arena_free(m.a);
}

/* Every allocation of a run with races noted fails once. */
static void check_no_memory(test *t)
{
    static const char text[] =
        HEAD "#define GROUP 4\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) s[t] = x[t];"
             " ITEMS(t) y[t] = s[3 - t]; }";
    machine m;
    if (!set_up(t, &m, text, "")) return arena_free(m.a);
    u64 before = mem_blocks_alive();
    qn_status status = QN_E_NOMEM;
    for (u64 n = 1; n < 100 && status == QN_E_NOMEM; n++) {
        mem_fail_at(n);
        status = kc_interpret(m.m, m.k, m.bufs, m.n_bufs, NULL, 0, 0, 1, NULL);
        mem_fail_at(0);
        CHECK(t, status == QN_OK || status == QN_E_NOMEM, "allocation %u fails: %s", (u32)n, qn_last_error());
        CHECK(t, mem_blocks_alive() == before, "allocation %u fails: a block is left", (u32)n);
    }
    CHECK(t, status == QN_OK, "never succeeds: %s", qn_last_error());
    arena_free(m.a);
}

void test_interpret(test *t)
{
    for (size_t i = 0; i < COUNT(answers); i++) check_answer(t, &answers[i]);
    for (size_t i = 0; i < COUNT(faults); i++) check_fault(t, &faults[i]);
    check_no_memory(t);
}
