/* The GLSL ES 3.00 dialect: a MAP as a fragment shader, for WebGL 2 and GLES 3. There are no groups, so a KERNEL is refused.
 *
 * Memory is textures of RGBA32UI: a texel is four words of a buffer, in order, row by row; a row has 2^width texels. A buffer becomes
 * a function of its name, x[i] is printed x(i), and it takes the element out of its word. A fragment makes the four words of one texel
 * of the output, so every element that has bytes in it, and no store is shared. Floats travel as bits: NaN, -0 and denormals arrive.
 *
 * A 64-bit integer is a uvec2 (low, high), its operators are functions (glsl_helpers.c). f64 is refused.
 *
 * What a launcher sets: uniform uvec4 qk_u[], as a row of words: [0] the count, [1] the texel of the target at which the output starts, [2] the
 * target's width, [3] 0; then for each buffer two words, the texel at which its view starts and its width; then the scalars' words.
 * Samplers qk_0, qk_1, ... are the buffers in order. The viewport is the texels to be made. */
#include "kc/print.h"

enum { FIRST_PLACE = 4 }; /* words of qk_u before the buffers' places */

/* clang-format off */
static const char *const glsl_reserved[] = {
    "attribute", "const", "uniform", "varying", "layout", "centroid", "flat", "smooth", "break", "continue", "do", "for", "while", "switch",
    "case", "default", "if", "else", "in", "out", "inout", "float", "int", "void", "bool", "true", "false", "invariant", "discard", "return",
    "vec2", "vec3", "vec4", "ivec2", "ivec3", "ivec4", "bvec2", "bvec3", "bvec4", "uint", "uvec2", "uvec3", "uvec4", "lowp", "mediump", "highp",
    "precision", "sampler2D", "sampler3D", "samplerCube", "struct", "mat2", "mat3", "mat4", "coherent", "volatile", "restrict", "readonly",
    "writeonly", "resource", "atomic_uint", "noperspective", "patch", "sample", "subroutine", "common", "partition", "active", "asm", "class",
    "union", "enum", "typedef", "template", "this", "goto", "inline", "noinline", "public", "static", "extern", "external", "interface", "long",
    "short", "double", "half", "fixed", "unsigned", "superp", "input", "output", "filter", "sizeof", "cast", "namespace", "using", "main",
    "radians", "degrees", "inversesqrt", "sign", "fract", "mod", "modf", "mix", "step", "smoothstep", "length", "distance", "dot", "cross",
    "normalize", "faceforward", "reflect", "refract", "matrixCompMult", "outerProduct", "transpose", "determinant", "inverse", "lessThan",
    "lessThanEqual", "greaterThan", "greaterThanEqual", "equal", "notEqual", "any", "all", "not", "texture", "textureSize", "texelFetch", "roundEven",
    "dFdx", "dFdy", "fwidth", "floatBitsToInt", "floatBitsToUint", "intBitsToFloat", "uintBitsToFloat", "precise", "image2D", "buffer", "shared", NULL
};
/* clang-format on */

/* ------------------------------------------------------------------ types and values */
static bool is_wide(kc_type t) { return t.scalar == KC_I64 || t.scalar == KC_U64; }
static bool is_unsigned(kc_type t) { return !kc_is_signed((kc_scalar)t.scalar); }

static const char *glsl_vector(printer *p, kc_type t)
{
    u32 lanes = kc_lanes(p->m, t);
    if (lanes == 1) return p->d->scalars[t.scalar];
    return print_text(p, "%svec%u", t.scalar == KC_F32 ? "" : kc_is_signed((kc_scalar)t.scalar) ? "i" : "u", lanes);
}

static void glsl_make(printer *p, const kc_expr *e)
{
    str_print(p->out, "%s(", print_type(p, e->type));
    print_args(p, e, 0);
    str_add(p->out, ")");
}

static void glsl_lane(printer *p, const kc_expr *e)
{
    print_expr(p, e->a[0], PRINT_POSTFIX);
    str_print(p->out, ".%c", "xyzw"[e->lane & 3]);
}

static void glsl_integer(printer *p, const kc_expr *e)
{
    u64 v = (u64)e->value.i;
    if (e->type.scalar == KC_BOOL) str_add(p->out, v ? "true" : "false");
    else if (is_wide(e->type)) str_print(p->out, "uvec2(%uu, %uu)", (u32)v, (u32)(v >> 32));
    else if (is_unsigned(e->type)) str_print(p->out, "%uu", (u32)v);
    else str_print(p->out, (i32)v == INT32_MIN ? "(-2147483647 - 1)" : "%d", (i32)v);
}

static bool glsl_half(printer *p, const kc_expr *e)
{
    (void)p, (void)e;
    return false;
}

static bool glsl_store_half(printer *p, const kc_stmt *s)
{
    (void)p, (void)s;
    return false;
}

static void put_call(printer *p, const char *name, const kc_expr *const *a, u32 n)
{
    str_print(p->out, "%s(", name);
    for (u32 i = 0; i < n; i++) {
        if (i) str_add(p->out, ", ");
        print_expr(p, a[i], 0);
    }
    str_add(p->out, ")");
}

static const char *plain_helper(printer *p, const char *name) { return print_helper(p, name, &(helper_use){ 0 }); }

/* Says that something of this name was written out: false the first time. */
static bool said(printer *p, const char *name)
{
    u64 key = hash_bytes(name, strlen(name), 3);
    u32 seen;
    if (map_get(&p->counts, key, &seen)) return true;
    p->bad |= !map_put(&p->counts, key, 1);
    return false;
}

/* A helper of scalars for vectors: lane by lane, under the same name, for GLSL tells functions apart by their arguments. */
static const char *lanes_helper(printer *p, const char *name, const char *result, const kc_expr *const *a, u32 n)
{
    u32 lanes = kc_lanes(p->m, a[0]->type);
    plain_helper(p, name);
    const char *type = print_type(p, a[0]->type), *full = print_text(p, "%s %s %s", result, name, type);
    if (said(p, full)) return name;
    str *to = &p->helpers;
    str_print(to, "%s %s(", result, name);
    for (u32 i = 0; i < n; i++) str_print(to, "%s%s a%u", i ? ", " : "", print_type(p, a[i]->type), i);
    str_print(to, ")\n{\n    return %s(", result);
    for (u32 k = 0; k < lanes; k++) {
        str_print(to, "%s%s(", k ? ", " : "", name);
        for (u32 i = 0; i < n; i++) str_print(to, "%sa%u.%c", i ? ", " : "", i, "xyzw"[k & 3]);
        str_add(to, ")");
    }
    str_add(to, ");\n}\n");
    return name;
}

static void put_helper(printer *p, const char *name, kc_type result, const kc_expr *const *a, u32 n)
{
    bool lanes = a[0]->type.lanes != 1;
    put_call(p, lanes ? lanes_helper(p, name, print_type(p, result), a, n) : plain_helper(p, name), a, n);
}

/* ------------------------------------------------------------------ elements */
static void put_index(printer *p, const kc_expr *e)
{
    bool whole = e->type.scalar == KC_U32;
    if (e->op == K_CONST) {
        str_print(p->out, "%lluu", (unsigned long long)(u32)e->value.i);
        return;
    }
    if (!whole) str_add(p->out, "uint(");
    print_expr(p, e, 0);
    if (!whole) str_add(p->out, ")");
}

/* GLSL ES 3.00 has no arrays of arrays: rows lie behind one another. */
static void put_place(printer *p, const kc_expr *e, const kc_expr *index)
{
    const kc_var *v = e->var;
    str_print(p->out, "%s[", print_named(p, v));
    if (v->dims == 2) {
        put_index(p, e->a[0]);
        str_print(p->out, " * %uu + ", v->n[1]);
    }
    put_index(p, index);
    str_add(p->out, "]");
}

static void glsl_elem(printer *p, const kc_expr *e)
{
    if (e->var->storage != KC_V_BUFFER) {
        put_place(p, e, e->a[e->n_args - 1]);
        return;
    }
    str_print(p->out, "%s(", print_named(p, e->var));
    put_index(p, e->a[0]);
    str_add(p->out, ")");
}

static bool glsl_array(printer *p, const kc_stmt *s)
{
    const kc_var *v = s->var;
    u32 n = v->n[0] * (v->dims == 2 ? v->n[1] : 1);
    const char *type = print_memory_type(p, v->type), *name = print_name(p, s->var);
    print_line(p, "%s %s[%u];", type, name, n);
    if (!s->zeroed) return true;
    print_line(p, "for (uint qk_k = 0u; qk_k < %uu; qk_k++) %s[qk_k] = %s(0);", n, name, type);
    return true;
}

/* ------------------------------------------------------------------ conversions */
static void put_wrapped(printer *p, const char *before, const kc_expr *a, const char *after)
{
    str_add(p->out, before);
    print_expr(p, a, PRINT_UNARY);
    str_add(p->out, after);
}

/* An integer or bool of at most 32 bits, or the low word of a wide one, to an integer type. */
static void put_to_integer(printer *p, kc_scalar to, const kc_expr *a)
{
    bool low = is_wide(a->type), wide = to == KC_I64 || to == KC_U64;
    if (wide && kc_is_signed((kc_scalar)a->type.scalar)) put_call(p, plain_helper(p, "qc_wide_i32"), &a, 1);
    else if (wide) put_wrapped(p, "uvec2(uint(", a, "), 0u)");
    else if (to == KC_I8) put_wrapped(p, "((int(", a, low ? ".x) << 24) >> 24)" : ") << 24) >> 24)");
    else if (to == KC_I16) put_wrapped(p, "((int(", a, low ? ".x) << 16) >> 16)" : ") << 16) >> 16)");
    else if (to == KC_U8) put_wrapped(p, "(uint(", a, low ? ".x) & 255u)" : ") & 255u)");
    else if (to == KC_U16) put_wrapped(p, "(uint(", a, low ? ".x) & 65535u)" : ") & 65535u)");
    else put_wrapped(p, to == KC_I32 ? "int(" : "uint(", a, low ? ".x)" : ")");
}

static void glsl_cast(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    kc_scalar from = (kc_scalar)a->type.scalar, to = (kc_scalar)e->type.scalar;
    if (from == KC_F16 || from == KC_BF16)
        put_call(p, plain_helper(p, from == KC_F16 ? "qc_from_f16" : "qc_from_bf16"), &a, 1);
    else if (to == KC_F16 || to == KC_BF16) put_call(p, plain_helper(p, to == KC_F16 ? "qc_to_f16" : "qc_to_bf16"), &a, 1);
    else if (to == KC_BOOL && is_wide(a->type)) put_wrapped(p, "(", a, " != uvec2(0u))");
    else if (to == KC_BOOL || from == to) put_call(p, print_type(p, e->type), &a, 1);
    else if (from == KC_F32) put_helper(p, print_text(p, "qc_to_%s", kc_scalar_name(to)), e->type, &a, 1);
    else if (to == KC_F32 && is_wide(a->type))
        put_call(p, plain_helper(p, from == KC_I64 ? "qc_float_i64" : "qc_float_u64"), &a, 1);
    else if (is_wide(a->type) && is_wide(e->type)) print_expr(p, a, PRINT_POSTFIX);
    else if (to == KC_F32 || a->type.lanes != 1) put_call(p, print_type(p, e->type), &a, 1);
    else put_to_integer(p, to, a);
}

/* ------------------------------------------------------------------ operators */
static bool small_shift(const kc_expr *n)
{
    if (n->op == K_SPLAT) n = n->a[0];
    bool masked = n->op == K_AND && n->a[1]->op == K_CONST && n->a[1]->value.i <= 31;
    return masked || (n->op == K_CONST && n->value.i >= 0 && n->value.i <= 31);
}

static bool is_bitwise(u8 op)
{
    return op == K_AND || op == K_OR || op == K_XOR || op == K_EQ || op == K_NE || op == K_BITNOT;
}

static bool glsl_is_call(const kc_expr *e)
{
    if (e->op >= K_BINARY_COUNT && e->op != K_NEG) return false;
    kc_type t = e->a[0]->type;
    if (is_wide(t)) return !is_bitwise(e->op);
    if (!kc_is_integer((kc_scalar)t.scalar)) return false;
    if (e->op == K_SHL || e->op == K_SHR) return !small_shift(e->a[1]);
    if (e->op != K_DIV && e->op != K_REM) return false;
    return !is_unsigned(t) || e->a[1]->op != K_CONST || e->a[1]->value.i == 0;
}

static void put_wide_operator(printer *p, const kc_expr *e)
{
    static const char *const either[] = {
        [K_MUL] = "qc_mul64", [K_ADD] = "qc_add64", [K_SUB] = "qc_sub64", [K_SHL] = "qc_shl64", [K_NEG] = "qc_neg64"
    };
    static const char *const by_sign[] = { [K_DIV] = "qc_div", [K_REM] = "qc_rem", [K_SHR] = "qc_shr", [K_LT] = "qc_lt",
                                           [K_LE] = "qc_lt",   [K_GT] = "qc_lt",   [K_GE] = "qc_lt" };
    bool swapped = e->op == K_GT || e->op == K_LE;
    if (e->op == K_LE || e->op == K_GE) str_add(p->out, "!");
    const char *name = e->op < COUNT(by_sign) && by_sign[e->op]
                           ? print_text(p, "%s_%s", by_sign[e->op], is_unsigned(e->a[0]->type) ? "u64" : "i64")
                           : either[e->op];
    put_call(p, plain_helper(p, name), swapped ? (const kc_expr *[]){ e->a[1], e->a[0] } : e->a, e->n_args);
}

static void glsl_operator_call(printer *p, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    if (is_wide(t)) {
        put_wide_operator(p, e);
    } else if (e->op == K_SHL || e->op == K_SHR) {
        str_add(p->out, "(");
        print_expr(p, e->a[0], PRINT_UNARY);
        str_print(p->out, " %s (", print_symbol((kc_op)e->op));
        print_expr(p, e->a[1], PRINT_UNARY);
        str_add(p->out, " & 31u))");
    } else {
        const char *name = e->op == K_DIV ? "qc_div" : "qc_rem";
        put_helper(p, is_unsigned(t) ? name : print_text(p, "%s_i32", name), e->type, e->a, 2);
    }
}

/* ------------------------------------------------------------------ calls */
static bool is_memory(kc_builtin b) { return b >= KC_B_load4 && b <= KC_B_storew_part; }

/* Four elements of a buffer are a function beside the one for its elements; of an array they are put together here. */
static void put_load(printer *p, const kc_expr *e)
{
    const kc_expr *array = e->a[0];
    bool part = e->call == KC_B_loadw_part;
    if (part) str_print(p->out, "%s(", plain_helper(p, "qc_part"));
    if (array->var->storage == KC_V_BUFFER) {
        said(p, print_text(p, "%s in fours", print_named(p, array->var)));
        str_print(p->out, "%s_4(", print_named(p, array->var));
        put_index(p, e->a[1]);
        str_add(p->out, ")");
    } else {
        bool narrow = array->type.scalar == KC_F16 || array->type.scalar == KC_BF16;
        const char *from = narrow ? plain_helper(p, array->type.scalar == KC_F16 ? "qc_from_f16" : "qc_from_bf16") : "";
        str_print(p->out, "%s(", print_type(p, e->type));
        for (u32 k = 0; k < kc_lanes(p->m, e->type); k++) {
            str_print(p->out, "%s%s(%s[", k ? ", " : "", from, print_named(p, array->var));
            if (array->n_args) {
                put_index(p, array->a[0]);
                str_print(p->out, " * %uu + ", array->var->n[1]);
            }
            put_index(p, e->a[1]);
            str_print(p->out, " + %uu])", k);
        }
        str_add(p->out, ")");
    }
    if (!part) return;
    str_add(p->out, ", ");
    print_expr(p, e->a[2], 0);
    str_add(p->out, ")");
}

/* A MAP stores into its own arrays only: a function for arrays of this length. */
static void put_store(printer *p, const kc_expr *e)
{
    const kc_var *v = e->a[0]->var;
    bool part = e->call == KC_B_storew_part, narrow = v->type.scalar == KC_F16 || v->type.scalar == KC_BF16;
    u32 n = v->n[0] * (v->dims == 2 ? v->n[1] : 1), lanes = kc_lanes(p->m, e->a[2]->type);
    const char *type = print_memory_type(p, v->type),
               *name = print_text(p, "qc_store_%s_%u", kc_scalar_name((kc_scalar)v->type.scalar), n);
    const char *to = narrow ? plain_helper(p, v->type.scalar == KC_F16 ? "qc_to_f16" : "qc_to_bf16") : "";
    if (!said(p, print_text(p, "%s %u", name, lanes))) {
        str_print(&p->helpers, "void %s(inout %s y[%u], uint i, %s v, uint n)\n{\n", name, type, n,
                  print_type(p, e->a[2]->type));
        for (u32 k = 0; k < lanes; k++)
            str_print(&p->helpers, "    if (n > %uu) y[i + %uu] = %s(v.%c);\n", k, k, to, "xyzw"[k & 3]);
        str_add(&p->helpers, "}\n");
    }
    str_print(p->out, "%s(%s, ", name, print_named(p, v));
    if (e->a[0]->n_args) {
        put_index(p, e->a[0]->a[0]);
        str_print(p->out, " * %uu + ", v->n[1]);
    }
    put_index(p, e->a[1]);
    str_add(p->out, ", ");
    print_expr(p, e->a[2], 0);
    str_add(p->out, ", ");
    if (part) print_expr(p, e->a[3], 0);
    else str_print(p->out, "%uu", lanes);
    str_add(p->out, ")");
}

/* Lanes folded in pairs, as everywhere: .x and .z, .y and .w, then the two. */
static void put_fold(printer *p, const kc_expr *e)
{
    const char *name = e->call == KC_B_sumw ? "qc_sumw" : "qc_maxw", *type = print_type(p, e->a[0]->type),
               *one = print_type(p, e->type);
    u32 lanes = kc_lanes(p->m, e->a[0]->type);
    const char *most =
        lanes > 1 && e->call == KC_B_maxw ? (e->type.scalar == KC_F32 ? plain_helper(p, "qc_max") : "max") : NULL;
    if (lanes == 1) {
        print_expr(p, e->a[0], 0);
        return;
    }
    if (!said(p, print_text(p, "%s %s", name, type))) {
        str_print(&p->helpers, "%s %s(%s v)\n{\n", one, name, type);
        if (lanes == 2) str_print(&p->helpers, most ? "    return %s(v.x, v.y);\n}\n" : "    return v.x + v.y;\n}\n", most);
        else if (most) str_print(&p->helpers, "    return %s(%s(v.x, v.z), %s(v.y, v.w));\n}\n", most, most, most);
        else str_add(&p->helpers, "    return (v.x + v.z) + (v.y + v.w);\n}\n");
    }
    put_call(p, name, e->a, 1);
}

static bool put_integer_call(printer *p, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    const char *name = kc_builtin_name((kc_builtin)e->call), *bits = is_unsigned(t) ? "u64" : "i64";
    bool pair = e->call == KC_B_min || e->call == KC_B_max;
    if (pair && !is_wide(t)) put_call(p, name, e->a, 2);
    else if (pair) put_call(p, plain_helper(p, print_text(p, "qc_%s_%s", name, bits)), e->a, 2);
    else if (e->call == KC_B_abs && is_unsigned(t)) print_expr(p, e->a[0], PRINT_UNARY);
    else if (e->call == KC_B_abs && is_wide(t)) put_call(p, plain_helper(p, "qc_abs_i64"), e->a, 1);
    else if (e->call == KC_B_abs) put_helper(p, "qc_abs", e->type, e->a, 1);
    else if (is_wide(t)) put_call(p, plain_helper(p, print_text(p, "qc_%s64", name)), e->a, 1);
    else if (t.scalar == KC_I32)
        str_print(p->out, "%s(uint(", plain_helper(p, print_text(p, "qc_%s", name))), print_expr(p, e->a[0], 0),
            str_add(p->out, "))");
    else put_call(p, plain_helper(p, print_text(p, "qc_%s", name)), e->a, 1);
    return true;
}

static bool glsl_call(printer *p, const kc_expr *e, const char *text)
{
    kc_builtin b = (kc_builtin)e->call;
    if (is_memory(b)) {
        if (kc_builtin_writes(b)) put_store(p, e);
        else put_load(p, e);
        return true;
    }
    if (b == KC_B_sumw || b == KC_B_maxw) {
        put_fold(p, e);
        return true;
    }
    bool integers = kc_is_integer((kc_scalar)e->a[0]->type.scalar);
    if (integers &&
        (b == KC_B_min || b == KC_B_max || b == KC_B_abs || b == KC_B_popcount || b == KC_B_clz || b == KC_B_ctz))
        return put_integer_call(p, e);
    if (text) return false;
    const char *name = print_text(p, "qc_%s", b == KC_B_abs ? "fabs" : kc_builtin_name(b));
    put_helper(p, name, e->type, e->a, e->n_args);
    return true;
}

/* ------------------------------------------------------------------ the shader */
static const char memory_text[] = "uvec4 qk_texel(usampler2D memory, uvec2 place, uint at)\n{\n"
                                  "    uint t = place.x + at;\n"
                                  "    return texelFetch(memory, ivec2(t & ((1u << place.y) - 1u), t >> place.y), 0);\n}\n"
                                  "uint qk_word(usampler2D memory, uvec2 place, uint at)\n{\n"
                                  "    return qk_texel(memory, place, at >> 2)[at & 3u];\n}\n";

static const char *word_at(printer *p, u32 at) { return print_text(p, "qk_u[%u].%c", at / 4, "xyzw"[at % 4]); }
static u32 place_at(const kc_var *v) { return FIRST_PLACE + 2 * v->at; }

/* Element i of a buffer of this type, out of its words; $ is "qk_N, place". */
static const char *element_text(kc_type t)
{
    if (t.lanes == 4)
        return t.scalar == KC_F32   ? "uintBitsToFloat(qk_texel($, i))"
               : t.scalar == KC_I32 ? "ivec4(qk_texel($, i))"
                                    : "qk_texel($, i)";
    if (t.lanes == 2)
        return t.scalar == KC_F32   ? "uintBitsToFloat((i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw)"
               : t.scalar == KC_I32 ? "ivec2((i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw)"
                                    : "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw";
    static const char *const scalars[] = {
        [KC_BOOL] = "((qk_word($, i >> 2) >> (8u * (i & 3u))) & 255u) != 0u",
        [KC_U8] = "(qk_word($, i >> 2) >> (8u * (i & 3u))) & 255u",
        [KC_I8] = "int(qk_word($, i >> 2) << (24u - 8u * (i & 3u))) >> 24",
        [KC_U16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_F16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_BF16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_I16] = "int(qk_word($, i >> 1) << (16u - 16u * (i & 1u))) >> 16",
        [KC_U32] = "qk_word($, i)",
        [KC_I32] = "int(qk_word($, i))",
        [KC_F32] = "uintBitsToFloat(qk_word($, i))",
        [KC_I64] = "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw",
        [KC_U64] = "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw",
    };
    return scalars[t.scalar];
}

static void put_with_place(str *out, const char *text, const kc_var *v)
{
    u32 at = place_at(v);
    for (; *text; text++) {
        if (*text == '$') str_print(out, "qk_%u, qk_u[%u].%s", v->at, at / 4, at % 4 ? "zw" : "xy");
        else str_add_n(out, text, 1);
    }
}

/* Four neighbours: one texel where they lie in one. */
static void put_fours(printer *p, const kc_var *v, str *out)
{
    const char *name = print_named(p, v), *from = "",
               *type = kc_is_float((kc_scalar)v->type.scalar)    ? "vec4"
                       : kc_is_signed((kc_scalar)v->type.scalar) ? "ivec4"
                                                                 : "uvec4";
    if (v->type.scalar == KC_F16 || v->type.scalar == KC_BF16)
        from = v->type.scalar == KC_F16 ? "qc_from_f16" : "qc_from_bf16";
    str_print(out, "%s %s_4(uint i)\n{\n", type, name);
    if (v->type.scalar == KC_F32)
        put_with_place(out, "    if ((i & 3u) == 0u) return uintBitsToFloat(qk_texel($, i >> 2));\n", v);
    str_print(out, "    return %s(", type);
    for (u32 k = 0; k < 4; k++) str_print(out, "%s%s(%s(i + %uu))", k ? ", " : "", from, name, k);
    str_add(out, ");\n}\n");
}

static void put_buffers(printer *p, str *out)
{
    for (u32 k = 0; k < p->e->n_buffers; k++) {
        const kc_var *v = p->e->buffers[k];
        if (!v->read) continue;
        str_print(out, "%s %s(uint i)\n{\n    return ", print_type(p, v->type), print_named(p, v));
        put_with_place(out, element_text(v->type), v);
        str_add(out, ";\n}\n");
        if (said(p, print_text(p, "%s in fours", print_named(p, v)))) put_fours(p, v, out);
    }
}

static void put_scalar(printer *p, const kc_var *v)
{
    u32 at = place_at(&(kc_var){ .at = p->e->n_buffers }) + v->at;
    const char *low = word_at(p, at);
    if (is_wide(v->type)) str_print(p->out, "uvec2(%s, %s)", low, word_at(p, at + 1));
    else if (v->type.scalar == KC_F32) str_print(p->out, "uintBitsToFloat(%s)", low);
    else if (v->type.scalar == KC_U32) str_add(p->out, low);
    else str_print(p->out, "%s(%s)", print_type(p, v->type), low);
}

/* One element into the words of a texel: elements a texel, then what is done with element i + k. */
static u32 result_elems(kc_type t) { return 16 / (kc_scalar_bytes((kc_scalar)t.scalar) * (t.lanes == 1 ? 1 : t.lanes)); }

static const char *result_text(kc_type t)
{
    if (t.lanes == 4) return t.scalar == KC_F32 ? "qk_made = floatBitsToUint($);" : "qk_made = uvec4($);";
    if (t.lanes == 2)
        return t.scalar == KC_F32
                   ? "uvec2 v = floatBitsToUint($);\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;"
                   : "uvec2 v = uvec2($);\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;";
    switch (kc_scalar_bytes((kc_scalar)t.scalar)) {
    case 1: return "qk_made[k >> 2] |= (uint($) & 255u) << (8u * (k & 3u));";
    case 2: return "qk_made[k >> 1] |= (uint($) & 65535u) << (16u * (k & 1u));";
    case 8: return "uvec2 v = $;\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;";
    default: return t.scalar == KC_F32 ? "qk_made[k] = floatBitsToUint($);" : "qk_made[k] = uint($);";
    }
}

static void put_main(printer *p)
{
    const kc_entry *e = p->e;
    u32 elems = result_elems(e->kernel.result);
    str_add(p->out,
            "\nvoid main()\n{\n    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y)");
    str_print(p->out,
              " * %uu;\n    uvec4 qk_made = uvec4(0u);\n    for (uint k = 0u; k < min(%uu, qk_u[0].x - i); k++) {\n        ",
              elems, elems);
    for (const char *text = result_text(e->kernel.result); *text; text++) {
        if (*text != '$') {
            str_add_n(p->out, text, 1);
            continue;
        }
        str_print(p->out, "%s(i + k", p->function);
        for (u32 slot = 0; slot < e->n_vars; slot++) {
            if (e->vars[slot]->storage != KC_V_SCALAR) continue;
            str_add(p->out, ", ");
            put_scalar(p, e->vars[slot]);
        }
        str_add(p->out, ")");
    }
    str_add(p->out, "\n    }\n    qk_out = qk_made;\n}\n");
}

static void put_map(printer *p)
{
    const kc_entry *e = p->e;
    for (u32 k = 0; k < e->n_buffers; k++) print_name(p, e->buffers[k]);
    u32 kept = p->n_visible;
    str_print(p->out, "\n%s %s(uint %s", print_type(p, e->kernel.result), p->function, print_name(p, e->first));
    for (u32 slot = 0; slot < e->n_vars; slot++)
        if (e->vars[slot]->storage == KC_V_SCALAR)
            str_print(p->out, ", %s %s", print_type(p, e->vars[slot]->type), print_name(p, e->vars[slot]));
    str_add(p->out, ")\n{\n");
    print_body(p, e->body);
    str_add(p->out, "}\n");
    print_forget(p, kept);
    put_main(p);
}

static void put_tables(printer *p)
{
    for (u32 i = 0; i < p->m->n_tables; i++) {
        const kc_var *v = p->m->tables[i];
        if (!v->read) continue;
        const char *type = print_memory_type(p, v->type);
        str_print(p->out, "\nconst %s %s[%u] = %s[%u](", type, print_named(p, v), v->n[0], type, v->n[0]);
        for (u32 k = 0; k < v->n[0]; k++) {
            str_add(p->out, k == 0 ? "\n    " : k % 12 == 0 ? ",\n    " : ", ");
            print_const(p, v->values[k]);
        }
        str_add(p->out, "\n);\n");
    }
}

static void glsl_unit(printer *p, str *out)
{
    const kc_entry *e = p->e;
    str kernel = { 0 };
    p->out = &kernel;
    put_tables(p);
    put_map(p);
    p->out = out;
    u32 words = FIRST_PLACE + 2 * e->n_buffers + e->n_words;
    str_print(out,
              "#version 300 es\n/* %s, printed by Quern for GLSL ES 3.00 */\nprecision highp float;\nprecision highp "
              "int;\nprecision highp usampler2D;\n\n",
              e->kernel.name);
    str_print(out, "uniform uvec4 qk_u[%u];\n", (words + 3) / 4);
    for (u32 k = 0; k < e->n_buffers; k++)
        if (e->buffers[k]->read) str_print(out, "uniform usampler2D qk_%u; /* %s */\n", k, print_named(p, e->buffers[k]));
    str_add(out, "layout(location = 0) out uvec4 qk_out;\n\n");
    if (e->n_buffers) str_add(out, memory_text);
    str_add(out, p->helpers.text ? p->helpers.text : "");
    put_buffers(p, out);
    str_add(out, kernel.text ? kernel.text : "");
    p->bad |= kernel.bad;
    str_free(&kernel);
}

qn_status print_glsl(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    const kc_entry *e = kc_entry_of(k);
    if (k->form != KC_MAP)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos,
                          "GLSL ES has no groups of items: it runs MAP kernels only, and '%s' is a KERNEL", k->name);
    if (k->uses_f64) return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "GLSL ES has no f64, which '%s' computes in", k->name);
    if (m->width > 4)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "GLSL ES has vectors of 4 lanes, not an f32w of %u", m->width);
    return print_c_family(m, k, d, out);
}

const dialect dialect_glsl = {
    .scalars = { "void", "bool", "int", "int", "int", "uvec2", "uint", "uint", "uint", "uvec2", "uint", "uint", "float", "float" },
    .memory_bool = "bool",
    .infinity = "uintBitsToFloat(0x7f800000u)",
    .nan = "uintBitsToFloat(0x7fc00000u)",
    .reserved = glsl_reserved,
    .helpers = glsl_helpers,
    .no_const = true,
    .vector = glsl_vector,
    .splat = glsl_make,
    .make = glsl_make,
    .lane = glsl_lane,
    .call = glsl_call,
    .unit = glsl_unit,
    .elem = glsl_elem,
    .integer = glsl_integer,
    .load_half = glsl_half,
    .store_half = glsl_store_half,
    .raw_half = glsl_half,
    .cast = glsl_cast,
    .is_call = glsl_is_call,
    .operator_call = glsl_operator_call,
    .array = glsl_array,
    .builtins = { /* what GLSL promises to be exact; all else is glsl_helpers.c */
        [KC_B_sqrt] = "sqrt", [KC_B_floor] = "floor", [KC_B_ceil] = "ceil", [KC_B_trunc] = "trunc", [KC_B_round] = "roundEven",
        [KC_B_mad] = "($1 * $2 + $3)", [KC_B_select] = "($1 ? $2 : $3)",
    },
};
