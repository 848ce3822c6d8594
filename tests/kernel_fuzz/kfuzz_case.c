/* A kernel from its choices, a file from several kernels, and the inputs that all kernels of a shape get. */
#include <math.h>
#include <stdio.h>

#include "kfuzz.h"

static u64 next_random(u64 *seed)
{
    *seed += 0x9e3779b97f4a7c15ull;
    u64 z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void choices_random(choices *c, u64 seed, u32 n)
{
    *c = (choices){ .n = MIN(n, (u32)KFUZZ_MAX_CHOICES) };
    for (u32 i = 0; i < c->n; i++) c->items[i] = (u16)next_random(&seed);
}

/* ------------------------------------------------------------------ shapes */
kfuzz_shape kfuzz_shape_of(u64 seed)
{
    static const kc_type results[] = { { KC_I32, 1 }, { KC_F32, 1 },  { KC_U32, 1 },  { KC_F32, 1 },
                                       { KC_F16, 1 }, { KC_U8, 1 },   { KC_I8, 1 },   { KC_U16, 1 },
                                       { KC_I16, 1 }, { KC_BF16, 1 }, { KC_BOOL, 1 }, { KC_F32, 4 },
                                       { KC_I32, 4 }, { KC_F32, 2 },  { KC_U32, 2 },  { KC_U32, 4 } };
    static const kc_scalar narrow[] = { KC_I32, KC_U8, KC_I8, KC_U16, KC_I16, KC_F16, KC_BF16, KC_BOOL };
    static const u32 groups[] = { 4, 16, 32, 64, 8, 12 };
    u64 r = seed;
    kfuzz_shape s = { 0 };
    s.form = next_random(&r) % 3 ? KC_MAP : KC_GROUP;
    s.wide_ints = next_random(&r) % 6 == 0;
    s.result = results[next_random(&r) % (s.form == KC_MAP ? COUNT(results) : 11)];
    s.narrow = narrow[next_random(&r) % COUNT(narrow)];
    s.group = groups[next_random(&r) % COUNT(groups)];
    if (s.wide_ints && next_random(&r) % 2) s.result = (kc_type){ next_random(&r) % 2 ? KC_I64 : KC_U64, 1 };
    if (s.wide_ints && next_random(&r) % 2) s.narrow = next_random(&r) % 3 ? next_random(&r) % 2 ? KC_I64 : KC_U64 : KC_F64;
    s.plain = s.form == KC_MAP && s.result.lanes == 1 && next_random(&r) % 3 == 0;
    s.special = next_random(&r) % 3 == 0;
    s.doubles = s.result.lanes == 1 && next_random(&r) % 12 == 0;
    s.generic = !s.doubles && s.narrow != KC_F64 && next_random(&r) % 3 == 0;
    if (s.generic && s.result.lanes == 1 && next_random(&r) % 2) s.result.scalar = (u8)s.narrow;
    s.variant = next_random(&r) % 3 ? 0 : 1 + (u32)(next_random(&r) % 3);
    s.constant = next_random(&r) % 2 ? CONSTANT_NONE : next_random(&r) % 3 ? CONSTANT_BAKED : CONSTANT_GIVEN;
    return s;
}

kc_scalar kfuzz_stored(const kfuzz_shape *s, kc_scalar type) { return type == KC_F32 && s->doubles ? KC_F64 : type; }

u32 kfuzz_defines(const kfuzz_shape *s, qn_define out[3], char text[64])
{
    static const char *const variants[] = { "0", "1", "2", "3" };
    u32 n = 0;
    int at = 0;
    text[0] = 0;
    if (s->doubles || s->generic) out[n++] = (qn_define){ "T", s->doubles ? "f64" : kc_scalar_name(s->narrow) };
    if (s->variant) out[n++] = (qn_define){ "VARIANT", variants[s->variant] };
    if (s->constant == CONSTANT_BAKED) out[n++] = (qn_define){ "m", "77" };
    for (u32 i = 0; i < n; i++)
        at += snprintf(text + at, 64 - (size_t)at, "%s%s=%s", i ? " " : "", out[i].name, out[i].value);
    return n;
}

u32 kfuzz_count(const kfuzz_shape *s) { return s->form == KC_MAP ? 97 : KFUZZ_GROUPS; }
u32 kfuzz_result_elems(const kfuzz_shape *s) { return s->form == KC_MAP ? 97 * s->result.lanes : KFUZZ_GROUPS * s->group; }

/* ------------------------------------------------------------------ inputs: a on the grid of 1/16, halves on that of 1/8, all below 8 */
static void put_narrow(kc_scalar s, u8 *at, u32 i, u64 bits)
{
    f32 v = (f32)((i32)(bits % 127) - 63) / 8;
    f64 wide = (f64)v;
    u16 half = s == KC_F16 ? f16_from_f32(v) : bf16_from_f32(v);
    if (s == KC_BOOL) at[i] = bits & 1;
    else if (s == KC_F64) memcpy(at + 8 * i, &wide, 8);
    else if (s == KC_F16 || s == KC_BF16) memcpy(at + 2 * i, &half, 2);
    else if (s == KC_I8 || s == KC_U8) at[i] = (u8)bits;
    else if (s == KC_I16 || s == KC_U16) memcpy(at + 2 * i, &bits, 2);
    else if (s == KC_I32 || s == KC_U32) memcpy(at + 4 * i, &bits, 4);
    else memcpy(at + 8 * i, &bits, 8);
}

/* f32 or f64 */
static void put_float(const kfuzz_shape *s, f64 *to, u32 i, f64 v)
{
    f32 narrow = (f32)v;
    if (s->doubles) to[i] = v;
    else memcpy((u8 *)to + 4 * i, &narrow, 4);
}

static void put_special(const kfuzz_shape *s, kfuzz_inputs *out)
{
    static const f64 values[] = { (f64)NAN, (f64)INFINITY, -(f64)INFINITY, 0.0, -0.0, 1, -1, 2, 0.5, -4, 16, -0.25 };
    for (u32 i = 0; i < KFUZZ_ELEMS; i++)
        put_float(s, out->e, i,
                  i < KFUZZ_SPECIAL ? values[i * 7 % COUNT(values)] : ldexp(i % 2 ? -1 : 1, -127 - (int)(i % 20)));
}

void kfuzz_inputs_of(const kfuzz_shape *s, kfuzz_inputs *out)
{
    static const i32 edges[] = { 0, 1, -1, INT32_MAX, INT32_MIN, 255, 256, -128, 65535, 65536, 2, 31, 32, 33 };
    u64 seed = 99;
    *out = (kfuzz_inputs){ .n = 0x12345, .m = 77, .p = -3, .q = 0.75f };
    put_special(s, out);
    for (u32 i = 0; i < KFUZZ_ELEMS; i++) {
        u64 r = next_random(&seed);
        i32 sixteenth = (i32)(r % 255) - 127;
        put_float(s, out->a, i, i % 9 == 0 ? (f64)((i32)(i / 9) - 3) : (f64)sixteenth / 16);
        out->b[i] = i < COUNT(edges) ? edges[i] : (i32)((u32)(r >> 20) >> (r % 29));
        if (i % 2) out->b[i] = (i32)(0u - (u32)out->b[i]);
        out->c[i] = i < 8 ? (u32)0xffffffffu - i : (u32)(r >> 32) >> (r % 31);
        put_narrow(s->narrow, (u8 *)out->d, i, i % 5 ? r >> 7 : r % 3 ? 0 : UINT64_MAX);
    }
}

/* ------------------------------------------------------------------ a kernel */
static const char *narrow_text(const kfuzz_shape *s) { return s->generic ? "T" : kc_scalar_name(s->narrow); }

static const char *result_text(const kfuzz_shape *s)
{
    bool same = s->generic && s->result.lanes == 1 && s->result.scalar == s->narrow;
    return same ? "T" : kc_type_name(s->result);
}

/* m of the file, whose defines may bake it in, is `fixed` in a case */
static void parameters(const kfuzz_shape *s, bool of_file, str *out)
{
    bool is_map = s->form == KC_MAP;
    str_print(out, "u32 %s, IN(f32) a, IN(i32) b, IN(u32) c, IN(%s) d%s", is_map ? "i" : "group", narrow_text(s),
              s->special ? ", IN(f32) e" : "");
    if (!is_map) str_print(out, ", OUT(%s) y, OUT(f32) z, INOUT(u32) acc", result_text(s));
    str_add(out, ", u32 which, u32 n, i32 p, f32 q");
    if (s->constant) str_add(out, of_file ? ", CONST(u32) m" : ", u32 fixed");
}

static const char *arguments(const kfuzz_shape *s)
{
    static char text[80];
    snprintf(text, sizeof text, "%s, a, b, c, d%s%s, which, n, p, q%s", s->form == KC_MAP ? "i" : "group",
             s->special ? ", e" : "", s->form == KC_MAP ? "" : ", y, z, acc", s->constant ? ", m" : "");
    return text;
}

static const char *head_of(const kfuzz_shape *s) { return s->form == KC_MAP ? result_text(s) : "void"; }

/* What rounding to the result's type adds to a difference. */
static f64 stored_error(kc_type t, facts f)
{
    f64 most = MAX(fabs(f.lo), fabs(f.hi)) + f.err;
    if (f.err == 0) return 0;
    if (t.scalar == KC_F16) return f.err + most / 1024;
    if (t.scalar == KC_BF16) return f.err + most / 128;
    return f.err;
}

u32 share_of(const gen *g, u32 full) { return g->shape->small ? full / 4 : full; }

static void make(gen *g, str *functions, str *body)
{
    facts returned = { 0 };
    g->out = functions;
    if (!g->shape->plain)
        str_print(functions, "static const i32 taps%u[5] = { %u, -1, 0x7fffffff, 40, -300 };\n", g->index, pick(g, 9));
    for (u32 k = g->shape->plain ? 0 : pick(g, g->shape->small ? 2 : 3); k > 0; k--) {
        g->budget = share_of(g, 20);
        function_make(g);
    }
    g->budget = share_of(g, 70);
    g->out = body;
    g->returned = &returned;
    str_print(body, "static %s k%u(", head_of(g->shape), g->index);
    parameters(g->shape, false, body);
    str_add(body, ")\n{\n");
    g->indent = 1;
    if (g->shape->form == KC_MAP) {
        g->may_return = true, g->returns = g->shape->result;
        statements(g, pick(g, g->shape->small ? 5 : 9), 3);
        g->budget = share_of(g, 25);
        give_all(g);
    } else {
        group_body(g);
    }
    str_add(body, "}\n");
    g->err = stored_error(g->shape->result, returned);
}

qn_status kfuzz_case_make(arena *mem, const kfuzz_shape *shape, const choices *from, u32 index, kfuzz_case *out)
{
    gen *g = ARENA_NEW(mem, gen);
    str functions = { 0 }, body = { 0 };
    if (!g) return fail_nomem(sizeof *g);
    *g = (gen){ .mem = mem, .shape = shape, .in = *from, .index = index, .turns = 1 };
    g->unit = shape->doubles ? exp2(-42) : exp2(-24);
    g->in.at = 0;
    make(g, &functions, &body);
    *out = (kfuzz_case){ .index = index,
                         .functions = functions.text ? arena_text(mem, functions.text, functions.n) : "",
                         .body = body.text ? arena_text(mem, body.text, body.n) : NULL,
                         .err = g->err,
                         .err_z = g->err_z };
    bool bad = g->bad || functions.bad || body.bad || !out->functions || !out->body;
    str_free(&functions);
    str_free(&body);
    return bad ? fail(QN_E_NOMEM, "kfuzz: kernel %u cannot be made", index) : QN_OK;
}

qn_status kfuzz_file(const kfuzz_shape *s, const kfuzz_case *cases, u32 n, str *out)
{
    bool is_map = s->form == KC_MAP;
    str_add(out, "#include \"quern_kernel.h\"\n");
    if (!is_map) str_print(out, "#define GROUP %u\n", s->group);
    if (s->variant)
        str_add(out,
                "#ifndef VARIANT\n#define VARIANT 0\n#endif\n#define JOIN(a, b) a##b\n#define MIX(a, b) ((a) * 3 + (b))\n"
                "#if VARIANT == 1\n#define OFFSET 5\n#elif VARIANT > 1 && defined(MIX)\n#define OFFSET (-7)\n#endif\n");
    if (s->special) special_functions(out);
    for (u32 k = 0; k < n; k++) str_print(out, "%s%s\n", cases[k].functions, cases[k].body);
    if (is_map) str_print(out, "MAP(%s) fuzz(", result_text(s));
    else str_add(out, "KERNEL fuzz(");
    parameters(s, true, out);
    str_add(out, ")\n{\n");
    for (u32 k = 0; k < n; k++) {
        if (k + 1 < n) str_print(out, "    if (which == %uu) ", k);
        else str_add(out, "    ");
        if (is_map) str_print(out, "return k%u(%s);\n", cases[k].index, arguments(s));
        else if (k + 1 < n) str_print(out, "{\n        k%u(%s);\n        return;\n    }\n", cases[k].index, arguments(s));
        else str_print(out, "k%u(%s);\n", cases[k].index, arguments(s));
    }
    str_add(out, "}\n");
    return out->bad ? fail_nomem(out->n) : QN_OK;
}
