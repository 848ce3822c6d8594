/* The C dialect: one translation unit for the system's compiler (gcc >= 12, clang >= 15), with no includes. Vectors are GNU vector types;
 * the hot float functions are quern_kernel_math.h, put in only where a kernel calls them, so that what is compiled at run time gives the
 * same numbers as what is compiled into the library. */
#include <assert.h>

#include "kc/print.h"

/* ------------------------------------------------------------------ helpers */
#define INLINE "static inline __attribute__((always_inline, unused)) "
#define EACH   "for (u32 k = 0; k < $N; k++) "

/* clang-format off */
static const helper c_helpers[] = {
    { "qc_type", NULL, "typedef __attribute__((vector_size($N * sizeof($E)))) $E $F;" },
    { "qc_splat", NULL, INLINE "$T $F($E v)\n{\n    return v - ($T){ 0 };\n}" },
    { "qc_each", NULL, INLINE "$T $F($T a)\n{\n    " EACH "a[k] = $B(a[k]);\n    return a;\n}" },
    { "qc_each2", NULL, INLINE "$T $F($T a, $T b)\n{\n    " EACH "a[k] = $B(a[k], b[k]);\n    return a;\n}" },
    { "qc_each_ldexp", NULL, INLINE "$T $F($T a, $M b)\n{\n    " EACH "a[k] = $B(a[k], (int)b[k]);\n    return a;\n}" },
    { "qc_each3", NULL, INLINE "$T $F($T a, $T b, $T c)\n{\n    " EACH "a[k] = $B(a[k], b[k], c[k]);\n    return a;\n}" },
    { "qc_rsqrt", NULL, INLINE "$T $F($T x)\n{\n    return 1 / $B(x);\n}" },
    { "qc_min", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a < b || a != a ? a : b;\n}" },
    { "qc_max", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a > b || a != a ? a : b;\n}" },
    { "qc_min.whole", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a < b ? a : b;\n}" },
    { "qc_min.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    $M m = ($M)((a < b) | (a != a));\n    return ($T)((m & ($M)a) | (~m & ($M)b));\n}" },
    { "qc_max.whole", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a > b ? a : b;\n}" },
    { "qc_max.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    $M m = ($M)((a > b) | (a != a));\n    return ($T)((m & ($M)a) | (~m & ($M)b));\n}" },
    { "qc_abs", NULL, INLINE "$T $F($T a)\n{\n    return a < 0 ? -a : a;\n}" },
    /* gcc takes the abs of a signed -a for never negative, -fwrapv or not */
    { "qc_abs.whole", NULL, INLINE "$T $F($T a)\n{\n    return a < 0 ? ($T)(0ull - a) : a;\n}" },
    { "qc_abs.lanes", NULL, INLINE "$T $F($T a)\n{\n    $M m = ($M)(a < 0);\n    return ($T)((m & ($M)-a) | (~m & ($M)a));\n}" },
    { "qc_div", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a / (b != 0 ? b : 1);\n}" },
    { "qc_div.signed", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a / (b == 0 || (b == -1 && a == $0) ? 1 : b);\n}" },
    { "qc_div.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    " EACH "a[k] /= b[k] != 0 ? b[k] : 1;\n    return a;\n}" },
    { "qc_div.signed.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    " EACH "a[k] /= b[k] == 0 || (b[k] == -1 && a[k] == $0) ? 1 : b[k];\n    return a;\n}" },
    { "qc_rem", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a % (b != 0 ? b : 1);\n}" },
    { "qc_rem.signed", NULL, INLINE "$T $F($T a, $T b)\n{\n    return a % (b == 0 || (b == -1 && a == $0) ? 1 : b);\n}" },
    { "qc_rem.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    " EACH "a[k] %= b[k] != 0 ? b[k] : 1;\n    return a;\n}" },
    { "qc_rem.signed.lanes", NULL, INLINE "$T $F($T a, $T b)\n{\n    " EACH "a[k] %= b[k] == 0 || (b[k] == -1 && a[k] == $0) ? 1 : b[k];\n    return a;\n}" },
    { "qc_sigmoid", NULL, INLINE "$T $F($T x)\n{\n    $T e = __builtin_exp(-__builtin_fabs(x));\n    return (x < 0 ? e : 1) / (1 + e);\n}" },
    { "qc_gelu", NULL, INLINE "$T $F($T x)\n{\n    return x < -40 ? -0.0 : x * (0.5 * __builtin_erfc(x * -0.70710678118654752440));\n}" },
    { "qc_popcount", NULL, INLINE "u32 $F($T v)\n{\n    return (u32)__builtin_popcountll(sizeof v == 4 ? (u32)v : (u64)v);\n}" },
    { "qc_clz", NULL, INLINE "u32 $F($T v)\n{\n    u32 bits = 8 * sizeof v;\n    return v ? (u32)__builtin_clzll((u64)v << (64 - bits)) : bits;\n}" },
    { "qc_ctz", NULL, INLINE "u32 $F($T v)\n{\n    return v ? (u32)__builtin_ctzll((u64)v) : 8 * (u32)sizeof v;\n}" },
    { "qc_as_u32", NULL, INLINE "u32 $F($T v)\n{\n    u32 r;\n    __builtin_memcpy(&r, &v, 4);\n    return r;\n}" },
    { "qc_as_i32", NULL, INLINE "i32 $F($T v)\n{\n    i32 r;\n    __builtin_memcpy(&r, &v, 4);\n    return r;\n}" },
    { "qc_as_f32", NULL, INLINE "f32 $F($T v)\n{\n    f32 r;\n    __builtin_memcpy(&r, &v, 4);\n    return r;\n}" },
    { "qc_to", NULL, INLINE "$R $F($T x)\n{\n    return x != x ? 0 : x <= ($T)$0 ? $0 : x >= ($T)$9 ? $9 : ($R)x;\n}" },
    { "qc_from_f16", "@", INLINE "f32 qc_from_f16(u16 h)\n{\n    return qk_from_f16_f32(h);\n}" },
    { "qc_from_bf16", "@", INLINE "f32 qc_from_bf16(u16 h)\n{\n    return qk_from_bf16_f32(h);\n}" },
    { "qc_to_f16", "@", INLINE "u16 qc_to_f16(f32 v)\n{\n    return (u16)qk_to_f16_f32(v);\n}" },
    { "qc_to_bf16", "@", INLINE "u16 qc_to_bf16(f32 v)\n{\n    return (u16)qk_to_bf16_f32(v);\n}" },
    { "qc_dot4_i8", NULL,
      INLINE "i32 qc_dot4_i8_u32(u32 a, u32 b, i32 c)\n{\n    for (u32 k = 0; k < 32; k += 8) c += (i32)(i8)(a >> k) * (i32)(i8)(b >> k);\n    return c;\n}" },
    { "qc_dot4_u8i8", NULL,
      INLINE "i32 qc_dot4_u8i8_u32(u32 a, u32 b, i32 c)\n{\n    for (u32 k = 0; k < 32; k += 8) c += (i32)(u8)(a >> k) * (i32)(i8)(b >> k);\n    return c;\n}" },
    { "qc_load4", NULL, INLINE "$T $F(const $S *x, u32 i)\n{\n    $T v;\n    __builtin_memcpy(&v, x + i, sizeof v);\n    return v;\n}" },
    { "qc_load4.half", "@",
      INLINE "$T $F(const u16 *x, u32 i)\n{\n    QC_HALVES($N) h;\n    __builtin_memcpy(&h, x + i, sizeof h);\n"
      "    return qk_from_$H_$K(__builtin_convertvector(h, qk_U_$K));\n}" },
    { "qc_load4.narrow", "qc_from_$H", INLINE "$T $F(const $S *x, u32 i)\n{\n    $T v;\n    " EACH "v[k] = qc_from_$H(x[i + k]);\n    return v;\n}" },
    { "qc_store4", NULL, INLINE "void $F($S *y, u32 i, $T v)\n{\n    __builtin_memcpy(y + i, &v, sizeof v);\n}" },
    { "qc_store4.half", "@",
      INLINE "void $F(u16 *y, u32 i, $T v)\n{\n    QC_HALVES($N) h = __builtin_convertvector(qk_to_$H_$K(v), QC_HALVES($N));\n"
      "    __builtin_memcpy(y + i, &h, sizeof h);\n}" },
    { "qc_store4.narrow", "qc_to_$H", INLINE "void $F($S *y, u32 i, $T v)\n{\n    " EACH "y[i + k] = qc_to_$H((f32)v[k]);\n}" },
    { "qc_loadw", NULL, INLINE "$T $F(const $S *x, u32 i)\n{\n    $T v;\n    __builtin_memcpy(&v, x + i, sizeof v);\n    return v;\n}" },
    { "qc_loadw.half", "@",
      INLINE "$T $F(const u16 *x, u32 i)\n{\n    QC_HALVES($N) h;\n    __builtin_memcpy(&h, x + i, sizeof h);\n"
      "    return qk_from_$H_$K(__builtin_convertvector(h, qk_U_$K));\n}" },
    { "qc_loadw.narrow", "qc_from_$H", INLINE "$T $F(const $S *x, u32 i)\n{\n    $T v;\n    " EACH "v[k] = qc_from_$H(x[i + k]);\n    return v;\n}" },
    { "qc_storew", NULL, INLINE "void $F($S *y, u32 i, $T v)\n{\n    __builtin_memcpy(y + i, &v, sizeof v);\n}" },
    { "qc_storew.half", "@",
      INLINE "void $F(u16 *y, u32 i, $T v)\n{\n    QC_HALVES($N) h = __builtin_convertvector(qk_to_$H_$K(v), QC_HALVES($N));\n"
      "    __builtin_memcpy(y + i, &h, sizeof h);\n}" },
    { "qc_storew.narrow", "qc_to_$H", INLINE "void $F($S *y, u32 i, $T v)\n{\n    " EACH "y[i + k] = qc_to_$H((f32)v[k]);\n}" },
    { "qc_loadw_part", NULL, INLINE "$T $F(const $S *x, u32 i, u32 n)\n{\n    $T v = { 0 };\n    " EACH "if (k < n) v[k] = x[i + k];\n    return v;\n}" },
    { "qc_loadw_part.narrow", "qc_from_$H",
      INLINE "$T $F(const $S *x, u32 i, u32 n)\n{\n    $T v = { 0 };\n    " EACH "if (k < n) v[k] = qc_from_$H(x[i + k]);\n    return v;\n}" },
    { "qc_storew_part", NULL, INLINE "void $F($S *y, u32 i, $T v, u32 n)\n{\n    " EACH "if (k < n) y[i + k] = v[k];\n}" },
    { "qc_storew_part.narrow", "qc_to_$H", INLINE "void $F($S *y, u32 i, $T v, u32 n)\n{\n    " EACH "if (k < n) y[i + k] = qc_to_$H((f32)v[k]);\n}" },
    { "qc_sumw", NULL,
      INLINE "$E $F($T v)\n{\n    for (u32 half = $N / 2; half > 0; half /= 2)\n        for (u32 k = 0; k < half; k++) v[k] += v[k + half];\n    return v[0];\n}" },
    { "qc_maxw", NULL,
      INLINE "$E $F($T v)\n{\n    for (u32 half = $N / 2; half > 0; half /= 2)\n"
      "        for (u32 k = 0; k < half; k++) v[k] = v[k] > v[k + half] || v[k] != v[k] ? v[k] : v[k + half];\n    return v[0];\n}" },
#define MMA(name, needs, product) { "qc_mma_" #name, needs, \
      INLINE "void $F(u32 items, u32 rows, u32 cols, f32 *sums, const u32 *left, const u32 *right)\n{\n" \
      "    for (u32 n = 0; n < items / 32 * rows * cols * 128; n++) {\n" \
      "        u32 row = n / 8 % 16, col = n % 8, i = n / 128 / cols % rows, j = n / 128 % cols, from = n / 128 / cols / rows * 32;\n" \
      "        f32 *to = sums + (from + row % 8 * 4 + col / 2) * rows * cols * 4 + (i * cols + j) * 4 + row / 8 * 2 + col % 2;\n" \
      "        for (u32 k = 0; k < 8; k++) {\n" \
      "            u32 u = left[(from + row % 8 * 4 + k % 4) * rows * 4 + i * 4 + row / 8 + k / 4 * 2];\n" \
      "            u32 v = right[(from + col * 4 + k % 4) * cols * 2 + j * 2 + k / 4];\n" product \
      "        }\n    }\n}" }
#define HALVES(from) "            *to += " from "((u16)u) * " from "((u16)v) + " from "((u16)(u >> 16)) * " from "((u16)(v >> 16));\n"
    MMA(f16, "qc_from_f16", HALVES("qc_from_f16")), MMA(bf16, "qc_from_bf16", HALVES("qc_from_bf16")),
    MMA(tf32, NULL, "            f32 a, b;\n            u &= ~0x1fffu, v &= ~0x1fffu;\n            __builtin_memcpy(&a, &u, 4);\n"
                    "            __builtin_memcpy(&b, &v, 4);\n            *to += a * b;\n"),
#define FETCH(name) { "qc_atomic_" #name, NULL, INLINE "$T $F($T *y, u32 i, $T v)\n{\n    return __atomic_fetch_" #name "(y + i, v, __ATOMIC_RELAXED);\n}" }
#define SWAP(name, value) { "qc_atomic_" #name, NULL, \
      INLINE "$T $F($T *y, u32 i, $T v)\n{\n    $T old, now;\n    __atomic_load(y + i, &old, __ATOMIC_RELAXED);\n    do now = " value ";\n" \
      "    while (!__atomic_compare_exchange(y + i, &old, &now, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));\n    return old;\n}" }
    SWAP(add, "old + v"), SWAP(min, "old < v ? old : v"), SWAP(max, "old > v ? old : v"), FETCH(and), FETCH(or), FETCH(xor),
    { "qc_atomic_add.whole", NULL, INLINE "$T $F($T *y, u32 i, $T v)\n{\n    return __atomic_fetch_add(y + i, v, __ATOMIC_RELAXED);\n}" },
    { "qc_atomic_xchg", NULL, INLINE "$T $F($T *y, u32 i, $T v)\n{\n    return __atomic_exchange_n(y + i, v, __ATOMIC_RELAXED);\n}" },
    { "qc_atomic_cas", NULL,
      INLINE "$T $F($T *y, u32 i, $T expected, $T v)\n{\n"
      "    __atomic_compare_exchange_n(y + i, &expected, v, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);\n    return expected;\n}" },
    { "qc_word", NULL, INLINE "$T $F(const u32 *words)\n{\n    $T v;\n    __builtin_memcpy(&v, words, sizeof v);\n    return v;\n}" },
    { NULL, NULL, NULL },
};

static const char *const c_reserved[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if",
    "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
    "unsigned", "void", "volatile", "while", "asm", "typeof", "bool", "true", "false", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64",
    "f16", "bf16", "f32", "f64", "linux", "unix", "main", NULL
};
/* clang-format on */

/* ------------------------------------------------------------------ values */
static const char *c_vector(printer *p, kc_type t)
{
    const char *name = kc_type_name(t);
    u64 key = hash_bytes(name, strlen(name), 3);
    u32 seen;
    if (map_get(&p->counts, key, &seen)) return name;
    if (!map_put(&p->counts, key, 1)) p->bad = true;
    str_print(&p->helpers, "typedef __attribute__((vector_size(%u * sizeof(%s)))) %s %s;\n", kc_lanes(p->m, t),
              kc_scalar_name((kc_scalar)t.scalar), kc_scalar_name((kc_scalar)t.scalar), name);
    return name;
}

static void c_splat(printer *p, const kc_expr *e)
{
    str_print(p->out, "%s(", print_helper(p, "qc_splat", &(helper_use){ .value = e->type }));
    print_expr(p, e->a[0], 0);
    str_add(p->out, ")");
}

static void c_make(printer *p, const kc_expr *e)
{
    str_print(p->out, "(%s){ ", print_type(p, e->type));
    print_args(p, e, 0);
    str_add(p->out, " }");
}

static void c_lane(printer *p, const kc_expr *e)
{
    print_expr(p, e->a[0], PRINT_POSTFIX);
    str_print(p->out, "[%u]", e->lane);
}

static bool c_half(printer *p, const kc_expr *e)
{
    (void)p, (void)e;
    return false;
}

static bool c_store_half(printer *p, const kc_stmt *s)
{
    (void)p, (void)s;
    return false;
}

static const char *c_space(const kc_var *v, const char **name)
{
    (void)v;
    *name = "";
    return "";
}

/* ------------------------------------------------------------------ calls */
static const u8 math_lanes[] = { 1, 2, 4, KC_WIDE }; /* bit i of printer.math: this set is in use */

static void c_use_math(printer *p, kc_type t)
{
    for (u32 i = 0; i < COUNT(math_lanes); i++)
        if (t.scalar == KC_F32 && t.lanes == math_lanes[i]) p->math |= 1u << i;
    p->math |= t.lanes == 0; /* no type: the scalars */
}

static void call_as(printer *p, const char *name, const kc_expr *e)
{
    str_print(p->out, "%s(", name);
    print_args(p, e, 0);
    str_add(p->out, ")");
}

/* libm's function for a scalar; lane by lane for a vector. */
static void call_libm(printer *p, const kc_expr *e, const char *base, size_t n)
{
    static const char *const each[] = { "qc_each", "qc_each", "qc_each2", "qc_each3" };
    kc_type t = e->a[0]->type;
    bool narrow = t.scalar == KC_F32, ldexp = e->call == KC_B_ldexp;
    const char *one = print_text(p, "__builtin_%.*s%s", (int)n, base, narrow ? "f" : "");
    if (t.lanes == 1) {
        call_as(p, one, e);
        return;
    }
    helper_use use = { .value = t, .function = one, .space_name = print_text(p, "_%.*s", (int)n, base) };
    call_as(p, print_helper(p, ldexp ? "qc_each_ldexp" : each[e->n_args], &use), e);
}

/* "@name": ours for f32, libm's for f64; sigmoid and gelu are in no libm. */
static void call_own(printer *p, const kc_expr *e, const char *base)
{
    kc_type t = e->type;
    if (t.scalar == KC_F32) {
        c_use_math(p, t);
        call_as(p, print_text(p, "qk_%s_%s", base, kc_type_name(t)), e);
    } else if (e->call == KC_B_sigmoid || e->call == KC_B_gelu) {
        const char *one = print_helper(p, print_text(p, "qc_%s", base), &(helper_use){ .value = { t.scalar, 1 } });
        helper_use use = { .value = t, .function = one, .space_name = print_text(p, "_%s", base) };
        call_as(p, t.lanes == 1 ? one : print_helper(p, "qc_each", &use), e);
    } else {
        call_libm(p, e, base, strlen(base));
    }
}

/* PER_ITEMS are rows of a table here: all of it is handed over. */
static void call_mma(printer *p, const kc_expr *e, const char *text)
{
    kc_tiles t = kc_tiles_of(e);
    const char *name = print_helper(p, text, &(helper_use){ 0 });
    str_print(p->out, "%s(%u, %u, %u", name, p->e->kernel.group, t.rows, t.cols);
    for (u32 i = 0; i < e->n_args; i++) str_print(p->out, ", %s[0]", print_named(p, e->a[i]->var));
    str_add(p->out, ")");
}

static bool c_call(printer *p, const kc_expr *e, const char *text)
{
    kc_type t = e->a[0]->type;
    size_t n = strcspn(text, "#");
    if (kc_builtin_is_mma((kc_builtin)e->call)) {
        call_mma(p, e, text);
    } else if (text[0] == '@') {
        call_own(p, e, text + 1);
    } else if (text[n] == '#') {
        call_libm(p, e, text, n);
    } else if (e->call == KC_B_rsqrt && t.lanes == 1) {
        const char *root = t.scalar == KC_F32 ? "__builtin_sqrtf" : "__builtin_sqrt";
        call_as(p, print_helper(p, text, &(helper_use){ .value = t, .function = root }), e);
    } else if (e->call == KC_B_rsqrt) {
        const char *one =
            print_helper(p, text,
                         &(helper_use){ .value = { t.scalar, 1 },
                                        .function = t.scalar == KC_F32 ? "__builtin_sqrtf" : "__builtin_sqrt" });
        call_as(p, print_helper(p, "qc_each", &(helper_use){ .value = t, .function = one, .space_name = "_rsqrt" }), e);
    } else if ((e->call == KC_B_min || e->call == KC_B_max || e->call == KC_B_abs) && t.lanes != 1) {
        call_as(p, print_helper(p, print_text(p, "%s.lanes", text), &(helper_use){ .value = t }), e);
    } else {
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ the translation unit */
static void c_types(str *out)
{
    static const char *const types[][2] = {
        { "__UINT8_TYPE__", "u8" },
        { "__UINT16_TYPE__", "u16" },
        { "__UINT32_TYPE__", "u32" },
        { "__UINT64_TYPE__", "u64" },
        { "__INT8_TYPE__", "i8" },
        { "__INT16_TYPE__", "i16" },
        { "__INT32_TYPE__", "i32" },
        { "__INT64_TYPE__", "i64" },
        { "float", "f32" },
        { "double", "f64" },
        { "u16", "f16" },
        { "u16", "bf16" },
    };
    for (u32 i = 0; i < COUNT(types); i++) str_print(out, "typedef %s %s;\n", types[i][0], types[i][1]);
    str_add(out, "#define bool  _Bool\n#define true  1\n#define false 0\n"
                 "typedef struct qk_args { void *const *bufs; const u32 *words; } qk_args;\n");
}

/* quern_kernel_math.h for one number of lanes, as qk_NAME_TYPE; its vectors are qk_F_TYPE, qk_U_TYPE ... */
static void c_math_set(const printer *p, u8 lanes, str *out)
{
    static const char *const parts[][2] = { { "F", "f32" }, { "I", "i32" }, { "U", "u32" }, { "D", "f64" }, { "L", "i64" } };
    const char *type = kc_type_name((kc_type){ KC_F32, lanes }), *text = kc_embedded("quern_kernel_math.h");
    assert(text && "the build embeds quern_kernel_math.h");
    str_print(out, "#define QK_SCALAR %d\n#define QK_(name) qk_##name##_%s\n", lanes == 1, type);
    for (u32 k = 0; k < COUNT(parts); k++) {
        u32 n = kc_lanes(p->m, (kc_type){ KC_F32, lanes });
        const char *part = parts[k][0], *scalar = parts[k][1];
        if (lanes == 1) str_print(out, "#define QK_%s %s\n", part, scalar);
        else
            str_print(out, "typedef __attribute__((vector_size(%u * sizeof(%s)))) %s qk_%s_%s;\n#define QK_%s qk_%s_%s\n", n,
                      scalar, scalar, part, type, part, part, type);
    }
    str_add(out, text);
    str_add(out, "#undef QK_SCALAR\n#undef QK_\n#undef QK_F\n#undef QK_I\n#undef QK_U\n#undef QK_D\n#undef QK_L\n");
}

static void c_math(const printer *p, str *out)
{
    if (!p->math) return;
    str_add(out, "#define QK_INLINE static inline __attribute__((always_inline, unused))\n"
                 "#define QC_HALVES(n) __attribute__((vector_size(2 * (n)))) u16\n");
    for (u32 i = 0; i < COUNT(math_lanes); i++)
        if (p->math & 1u << i) c_math_set(p, math_lanes[i], out);
}

static const char *c_buffer_type(printer *p, const kc_var *v)
{
    return print_text(p, "%s%s *restrict", v->role == KC_IN ? "const " : "", print_memory_type(p, v->type));
}

static void c_params(printer *p)
{
    const kc_entry *e = p->e;
    str_print(p->out, "(u32 %s", print_name(p, e->first));
    for (u32 slot = 0; slot < e->n_vars; slot++) {
        kc_var *v = e->vars[slot];
        if (v->storage == KC_V_BUFFER) str_print(p->out, ", %s %s", c_buffer_type(p, v), print_name(p, v));
        else if (v->storage == KC_V_SCALAR) str_print(p->out, ", %s %s", print_type(p, v->type), print_name(p, v));
    }
    str_add(p->out, ")\n");
}

/* Buffers and words into locals, then one call for each element or group. */
static void c_run(printer *p, const char *name)
{
    const kc_entry *e = p->e;
    str args = { 0 };
    str_add(p->out, "\nvoid qk_run(const qk_args *qk_a, u32 qk_from, u32 qk_to)\n{\n");
    for (u32 slot = 0; slot < e->n_vars; slot++) {
        kc_var *v = e->vars[slot];
        const char *called = p->names[slot];
        if (v->storage == KC_V_BUFFER)
            str_print(p->out, "    %s %s = qk_a->bufs[%u];\n", c_buffer_type(p, v), called, v->at);
        else if (v->storage == KC_V_SCALAR)
            str_print(p->out, "    const %s %s = %s(qk_a->words + %u);\n", print_type(p, v->type), called,
                      print_helper(p, "qc_word", &(helper_use){ .value = v->type }), v->at);
        else continue;
        str_print(&args, ", %s", called);
    }
    const char *given = args.text ? args.text : "";
    if (e->kernel.form == KC_MAP)
        str_print(p->out, "    %s *restrict qk_out = qk_a->bufs[%u];\n", print_memory_type(p, e->kernel.result),
                  e->n_buffers);
    str_print(p->out, "    for (u32 qk_i = qk_from; qk_i < qk_to; qk_i++) %s%s(qk_i%s);\n}\n",
              e->kernel.form == KC_MAP ? "qk_out[qk_i] = " : "", name, given);
    p->bad |= args.bad;
    str_free(&args);
}

static void c_unit(printer *p, str *out)
{
    const kc_entry *e = p->e;
    str kernel = { 0 };
    const char *name = p->function;
    p->out = &kernel;
    print_tables(p, "\nstatic const ");
    str_print(&kernel, "\n" INLINE "%s %s", e->kernel.form == KC_MAP ? print_type(p, e->kernel.result) : "void", name);
    c_params(p);
    str_add(&kernel, "{\n");
    print_body(p, e->body);
    str_add(&kernel, "}\n");
    c_run(p, name);
    p->out = out;
    str_print(out,
              "/* %s, printed by Quern for a C compiler: -std=gnu11 -O3 -fwrapv -fno-math-errno -fno-trapping-math "
              "-fno-strict-aliasing */\n",
              e->kernel.name);
    c_types(out);
    c_math(p, out);
    if (p->helpers.text) str_add_n(out, p->helpers.text, p->helpers.n);
    if (kernel.text) str_add_n(out, kernel.text, kernel.n);
    p->bad |= kernel.bad;
    str_free(&kernel);
}

const dialect dialect_c = {
    .scalars = { "void", "bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "bf16", "f32", "f64" },
    .memory_bool = "u8",
    .long_suffix = "ll",
    .ulong_suffix = "ull",
    .infinity = "__builtin_inff()",
    .nan = "__builtin_nanf(\"\")",
    .reserved = c_reserved,
    .helpers = c_helpers,
    .unroll = "#pragma GCC unroll",
    .unroll_all = "#pragma GCC unroll 64",
    .items_are_loops = true,
    .has_mma = true,
    .vector = c_vector,
    .splat = c_splat,
    .make = c_make,
    .lane = c_lane,
    .load_half = c_half,
    .store_half = c_store_half,
    .raw_half = c_half,
    .space = c_space,
    .use_math = c_use_math,
    .call = c_call,
    .unit = c_unit,
    .builtins = {
#define BUILTIN(name, args, signature, c, opencl) c,
#include "kc/builtins.def"
#undef BUILTIN
    },
};
