/* The GLSL ES 3.00 dialect: how types, values, elements and operators are spelled. GLSL has no groups, so a KERNEL is refused (glsl_shader.c).
 *
 * A 64-bit integer is a uvec2 (low, high), its operators are functions (glsl_helpers.c). A buffer is a function of its name: x[i] is printed
 * x(i). f64 is refused. */
#include "kc/front.h"
#include "kc/glsl.h"

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
    "dFdx", "dFdy", "fwidth", "floatBitsToInt", "floatBitsToUint", "intBitsToFloat", "uintBitsToFloat", "precise", "image2D", "buffer", "shared",
    "mat2x2", "mat2x3", "mat2x4", "mat3x2", "mat3x3", "mat3x4", "mat4x2", "mat4x3", "mat4x4", "hvec2", "hvec3", "hvec4", "dvec2", "dvec3", "dvec4",
    "fvec2", "fvec3", "fvec4", "sampler2DShadow", "samplerCubeShadow", "sampler2DArray", "sampler2DArrayShadow", "isampler2D", "isampler3D",
    "isamplerCube", "isampler2DArray", "usampler2D", "usampler3D", "usamplerCube", "usampler2DArray", "sampler3DRect", "sampler1D", "sampler1DShadow",
    "sampler1DArray", "sampler1DArrayShadow", "isampler1D", "isampler1DArray", "usampler1D", "usampler1DArray", "sampler2DRect", "sampler2DRectShadow",
    "isampler2DRect", "usampler2DRect", "samplerBuffer", "isamplerBuffer", "usamplerBuffer", "sampler2DMS", "isampler2DMS", "usampler2DMS",
    "sampler2DMSArray", "isampler2DMSArray", "usampler2DMSArray", "image1D", "image3D", "imageCube", "iimage1D", "iimage2D", "iimage3D", "iimageCube",
    "uimage1D", "uimage2D", "uimage3D", "uimageCube", "image1DArray", "image2DArray", "iimage1DArray", "iimage2DArray", "uimage1DArray", "uimage2DArray",
    "imageBuffer", "iimageBuffer", "uimageBuffer", "dmat2", "dmat3", "dmat4", "dmat2x2", "dmat2x3", "dmat2x4", "dmat3x2", "dmat3x3", "dmat3x4",
    "dmat4x2", "dmat4x3", "dmat4x4",
    /* functions: a buffer is one, and may not have the name of GLSL's */
    "packSnorm2x16", "unpackSnorm2x16", "packUnorm2x16", "unpackUnorm2x16", "packHalf2x16", "unpackHalf2x16", "textureProj", "textureLod", "textureOffset",
    "texelFetchOffset", "textureProjOffset", "textureLodOffset", "textureProjLod", "textureProjLodOffset", "textureGrad", "textureGradOffset",
    "textureProjGrad", "textureProjGradOffset",
    "gl_*", "webgl_*", NULL
};
/* clang-format on */

/* ------------------------------------------------------------------ types and values */
bool glsl_is_wide(kc_type t) { return t.scalar == KC_I64 || t.scalar == KC_U64; }
bool glsl_is_unsigned(kc_type t) { return !kc_is_signed((kc_scalar)t.scalar); }

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
    else if (glsl_is_wide(e->type)) str_print(p->out, "uvec2(%uu, %uu)", (u32)v, (u32)(v >> 32));
    else if (glsl_is_unsigned(e->type)) str_print(p->out, "%uu", (u32)v);
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

void glsl_put_call(printer *p, const char *name, const kc_expr *const *a, u32 n)
{
    str_print(p->out, "%s(", name);
    for (u32 i = 0; i < n; i++) {
        if (i) str_add(p->out, ", ");
        print_expr(p, a[i], 0);
    }
    str_add(p->out, ")");
}

const char *glsl_helper(printer *p, const char *name) { return print_helper(p, name, &(helper_use){ 0 }); }

/* Says that something of this name was written out: false the first time. */
bool glsl_said(printer *p, const char *name)
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
    glsl_helper(p, name);
    const char *type = print_type(p, a[0]->type), *full = print_text(p, "%s %s %s", result, name, type);
    if (glsl_said(p, full)) return name;
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

void glsl_put_helper(printer *p, const char *name, kc_type result, const kc_expr *const *a, u32 n)
{
    bool lanes = a[0]->type.lanes != 1;
    glsl_put_call(p, lanes ? lanes_helper(p, name, print_type(p, result), a, n) : glsl_helper(p, name), a, n);
}

/* ------------------------------------------------------------------ elements */
void glsl_put_index(printer *p, const kc_expr *e)
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
        glsl_put_index(p, e->a[0]);
        str_print(p->out, " * %uu + ", v->n[1]);
    }
    glsl_put_index(p, index);
    str_add(p->out, "]");
}

static void glsl_elem(printer *p, const kc_expr *e)
{
    if (e->var->storage != KC_V_BUFFER) {
        put_place(p, e, e->a[e->n_args - 1]);
        return;
    }
    str_print(p->out, "%s(", print_named(p, e->var));
    glsl_put_index(p, e->a[0]);
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
    bool low = glsl_is_wide(a->type), wide = to == KC_I64 || to == KC_U64;
    if (wide && kc_is_signed((kc_scalar)a->type.scalar)) glsl_put_call(p, glsl_helper(p, "qc_wide_i32"), &a, 1);
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
        glsl_put_call(p, glsl_helper(p, from == KC_F16 ? "qc_from_f16" : "qc_from_bf16"), &a, 1);
    else if (to == KC_F16 || to == KC_BF16)
        glsl_put_call(p, glsl_helper(p, to == KC_F16 ? "qc_to_f16" : "qc_to_bf16"), &a, 1);
    else if (to == KC_BOOL && glsl_is_wide(a->type)) put_wrapped(p, "(", a, " != uvec2(0u))");
    else if (to == KC_BOOL || from == to) glsl_put_call(p, print_type(p, e->type), &a, 1);
    else if (from == KC_F32) glsl_put_helper(p, print_text(p, "qc_to_%s", kc_scalar_name(to)), e->type, &a, 1);
    else if (to == KC_F32 && glsl_is_wide(a->type))
        glsl_put_call(p, glsl_helper(p, from == KC_I64 ? "qc_float_i64" : "qc_float_u64"), &a, 1);
    else if (glsl_is_wide(a->type) && glsl_is_wide(e->type)) print_expr(p, a, PRINT_POSTFIX);
    else if (to == KC_F32 || a->type.lanes != 1) glsl_put_call(p, print_type(p, e->type), &a, 1);
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

static bool is_zero(const kc_expr *e)
{
    if (e->op == K_SPLAT) e = e->a[0];
    return e->op == K_CONST && e->value.f == 0;
}

/* x - x and x * 0 of floats: NaN for an infinity or a NaN, but a driver's compiler may say 0. */
static bool may_vanish(const kc_expr *e)
{
    if (!kc_is_float((kc_scalar)e->a[0]->type.scalar)) return false;
    if (e->op == K_MUL) return is_zero(e->a[0]) || is_zero(e->a[1]);
    return fold_vanishes(e);
}

/* One operand goes through a word that only the launcher knows to be 0. */
static void put_hidden(printer *p, const kc_expr *e)
{
    u32 which = e->op == K_MUL && is_zero(e->a[0]) ? 0 : 1;
    for (u32 i = 0; i < 2; i++) {
        str_add(p->out, i ? print_text(p, " %s ", print_symbol((kc_op)e->op)) : "(");
        if (i == which) glsl_put_helper(p, "qc_hidden", e->a[i]->type, &e->a[i], 1);
        else print_expr(p, e->a[i], PRINT_UNARY);
    }
    str_add(p->out, ")");
}

/* !(a < b) is no a >= b where one is NaN, but a driver's compiler may say so: it does not see through qc_not. */
static bool glsl_is_call(const kc_expr *e)
{
    if (e->op == K_NOT) return kc_of_floats(e->a[0]);
    if (e->op >= K_BINARY_COUNT && e->op != K_NEG) return false;
    kc_type t = e->a[0]->type;
    if (e->op < K_BINARY_COUNT && may_vanish(e)) return true;
    if (glsl_is_wide(t)) return !is_bitwise(e->op);
    if (fold_rounds(e)) return true;
    if (!kc_is_integer((kc_scalar)t.scalar)) return false;
    if (e->op == K_SHL || e->op == K_SHR) return !small_shift(e->a[1]);
    if (e->op != K_DIV && e->op != K_REM) return false;
    return !glsl_is_unsigned(t) || e->a[1]->op != K_CONST || e->a[1]->value.i == 0;
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
                           ? print_text(p, "%s_%s", by_sign[e->op], glsl_is_unsigned(e->a[0]->type) ? "u64" : "i64")
                           : either[e->op];
    glsl_put_call(p, glsl_helper(p, name), swapped ? (const kc_expr *[]){ e->a[1], e->a[0] } : e->a, e->n_args);
}

static void glsl_operator_call(printer *p, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    if (e->op == K_NOT) {
        glsl_put_call(p, glsl_helper(p, "qc_not"), e->a, 1);
    } else if (glsl_is_wide(t)) {
        put_wide_operator(p, e);
    } else if (e->op < K_BINARY_COUNT && may_vanish(e)) {
        put_hidden(p, e);
    } else if (fold_rounds(e)) {
        glsl_put_helper(p, "qc_quotient", e->type, e->a, 2);
    } else if (e->op == K_SHL || e->op == K_SHR) {
        str_add(p->out, "(");
        print_expr(p, e->a[0], PRINT_UNARY);
        str_print(p->out, " %s (", print_symbol((kc_op)e->op));
        print_expr(p, e->a[1], PRINT_UNARY);
        str_add(p->out, " & 31u))");
    } else {
        const char *name = e->op == K_DIV ? "qc_div" : "qc_rem";
        glsl_put_helper(p, glsl_is_unsigned(t) ? name : print_text(p, "%s_i32", name), e->type, e->a, 2);
    }
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
    .again = "qc_again",
    .builtins = { /* what GLSL promises to be exact; all else is glsl_helpers.c */
        [KC_B_sqrt] = "sqrt", [KC_B_floor] = "floor", [KC_B_ceil] = "ceil", [KC_B_trunc] = "trunc", [KC_B_round] = "roundEven",
        [KC_B_mad] = "($1 * $2 + $3)", [KC_B_select] = "($1 ? $2 : $3)",
    },
};
