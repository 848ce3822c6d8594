/* The OpenCL C 1.2 dialect. A MAP is a function and a kernel around it that guards the count; a KERNEL is one kernel, phases are blocks with a
 * barrier after each, SHARED stands at its top in __local memory, PER_ITEM in private memory. f16 goes through vload_half and
 * vstore_half_rte, which need no extension; f64 asks for cl_khr_fp64. */
#include "kc/print.h"

/* ------------------------------------------------------------------ helpers */
/* clang-format off */
static const helper opencl_helpers[] = {
    { "qc_min", NULL, "$T $F($T a, $T b)\n{\n    return a < b || a != a ? a : b;\n}" },
    { "qc_max", NULL, "$T $F($T a, $T b)\n{\n    return a > b || a != a ? a : b;\n}" },
    { "qc_min.whole", NULL, "$T $F($T a, $T b)\n{\n    return a < b ? a : b;\n}" },
    { "qc_min.lanes", NULL, "$T $F($T a, $T b)\n{\n    return select(b, a, (a < b) | (a != a));\n}" },
    { "qc_max.whole", NULL, "$T $F($T a, $T b)\n{\n    return a > b ? a : b;\n}" },
    { "qc_max.lanes", NULL, "$T $F($T a, $T b)\n{\n    return select(b, a, (a > b) | (a != a));\n}" },
#define WRAPPED(name, value) { "qc_" name, NULL, "$T $F($T a, $T b)\n{\n    return as_$T(" value ");\n}" }
    { "qc_abs", NULL, "$T $F($T a)\n{\n    return a < 0 ? -a : a;\n}" },
    { "qc_abs.lanes", NULL, "$T $F($T a)\n{\n    return select(a, -a, a < ($T)(0));\n}" },
    /* an abs may be taken for never negative, which that of the least number is */
    { "qc_abs.whole", NULL, "$T $F($T a)\n{\n    return a < 0 ? as_$T(0 - as_u$T(a)) : a;\n}" },
    WRAPPED("add", "as_u$T(a) + as_u$T(b)"), WRAPPED("sub", "as_u$T(a) - as_u$T(b)"), WRAPPED("mul", "as_u$T(a) * as_u$T(b)"),
    { "qc_neg", NULL, "$T $F($T a)\n{\n    return as_$T(~as_u$T(a) + 1u);\n}" },
    { "qc_div", NULL, "$T $F($T a, $T b)\n{\n    return a / (b != 0 ? b : 1);\n}" },
    { "qc_div.signed", NULL, "$T $F($T a, $T b)\n{\n    return a / (b == 0 || (b == -1 && a == $0) ? 1 : b);\n}" },
    { "qc_div.lanes", NULL, "$T $F($T a, $T b)\n{\n    return a / select(b, ($T)(1), b == ($T)(0));\n}" },
    { "qc_div.signed.lanes", NULL, "$T $F($T a, $T b)\n{\n    return a / select(b, ($T)(1), (b == ($T)(0)) | ((b == ($T)(-1)) & (a == ($T)$0)));\n}" },
    { "qc_rem", NULL, "$T $F($T a, $T b)\n{\n    return a % (b != 0 ? b : 1);\n}" },
    { "qc_rem.signed", NULL, "$T $F($T a, $T b)\n{\n    return a % (b == 0 || (b == -1 && a == $0) ? 1 : b);\n}" },
    { "qc_rem.lanes", NULL, "$T $F($T a, $T b)\n{\n    return a % select(b, ($T)(1), b == ($T)(0));\n}" },
    { "qc_rem.signed.lanes", NULL, "$T $F($T a, $T b)\n{\n    return a % select(b, ($T)(1), (b == ($T)(0)) | ((b == ($T)(-1)) & (a == ($T)$0)));\n}" },
    { "qc_sigmoid", NULL, "$T $F($T x)\n{\n    return ($E)1 / (($E)1 + exp(-x));\n}" },
    { "qc_gelu", NULL, "$T $F($T x)\n{\n    return x * (($E)0.5 * erfc(x * ($E)-0.70710678118654752440));\n}" },
    { "qc_gelu.one", NULL, "$T $F($T x)\n{\n    return x < ($E)-40 ? ($E)-0.0 : x * (($E)0.5 * erfc(x * ($E)-0.70710678118654752440));\n}" },
    { "qc_popcount", NULL, "uint $F($T v)\n{\n    return (uint)popcount(v);\n}" },
    { "qc_clz", NULL, "uint $F($T v)\n{\n    return (uint)clz(v);\n}" },
    { "qc_ctz", NULL, "uint $F($T v)\n{\n    ulong low = (ulong)v & (0 - (ulong)v);\n    return v != 0 ? 63 - (uint)clz(low) : 8 * sizeof(v);\n}" },
    { "qc_to", NULL, "$R $F($T x)\n{\n    return x != x ? ($R)0 : convert_$R_sat(x);\n}" },
    { "qc_from_f16", NULL, "float qc_from_f16(ushort h)\n{\n    return vload_half(0, (const half *)&h);\n}" },
    { "qc_to_f16", NULL, "ushort qc_to_f16(float v)\n{\n    ushort h;\n    vstore_half_rte(v, 0, (half *)&h);\n    return h;\n}" },
    { "qc_from_bf16", NULL, "float qc_from_bf16(ushort h)\n{\n    return as_float((uint)h << 16);\n}" },
    { "qc_to_bf16", NULL,
      "ushort qc_to_bf16(float v)\n{\n    uint bits = as_uint(v);\n"
      "    return (ushort)(isnan(v) ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);\n}" },
    { "qc_dot4_i8", NULL,
      "int qc_dot4_i8_u32(uint a, uint b, int c)\n{\n    uint4 p = as_uint4(convert_int4(as_char4(a)) * convert_int4(as_char4(b)));\n"
      "    return as_int(as_uint(c) + p.x + p.y + p.z + p.w);\n}" },
    { "qc_dot4_u8i8", NULL,
      "int qc_dot4_u8i8_u32(uint a, uint b, int c)\n{\n    uint4 p = as_uint4(convert_int4(as_uchar4(a)) * convert_int4(as_char4(b)));\n"
      "    return as_int(as_uint(c) + p.x + p.y + p.z + p.w);\n}" },
    { "qc_load", NULL, "$T $F(const $A$S *x, uint i)\n{\n    return vload$N(0, x + i);\n}" },
    { "qc_load.f16", NULL, "$T $F(const $Avoid *x, uint i)\n{\n    return $Bvload_half$N(0, (const $Ahalf *)x + i);\n}" },
    { "qc_load.bf16", NULL, "$T $F(const $Aushort *x, uint i)\n{\n    return $Bas_float$N(convert_uint$N(vload$N(0, x + i)) << 16);\n}" },
    { "qc_store", NULL, "void $F($A$S *y, uint i, $T v)\n{\n    vstore$N(v, 0, y + i);\n}" },
    { "qc_store.f16", NULL, "void $F($Avoid *y, uint i, $T v)\n{\n    vstore_half$N_rte(v, 0, ($Ahalf *)y + i);\n}" },
    { "qc_store.bf16", "qc_to_bf16",
      "void $F($Aushort *y, uint i, $T v)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint k = 0; k < $N; k++) y[i + k] = qc_to_bf16((float)lanes[k]);\n}" },
    { "qc_loadw_part", NULL,
      "$T $F(const $A$S *x, uint i, uint n)\n{\n    $E lanes[$N];\n    for (uint k = 0; k < $N; k++) lanes[k] = k < n ? x[i + k] : ($E)0;\n    return vload$N(0, lanes);\n}" },
    { "qc_loadw_part.f16", NULL,
      "$T $F(const $Avoid *x, uint i, uint n)\n{\n    $E lanes[$N];\n    for (uint k = 0; k < $N; k++) lanes[k] = k < n ? vload_half(i + k, (const $Ahalf *)x) : 0.0f;\n    return vload$N(0, lanes);\n}" },
    { "qc_loadw_part.bf16", "qc_from_bf16",
      "$T $F(const $Aushort *x, uint i, uint n)\n{\n    $E lanes[$N];\n    for (uint k = 0; k < $N; k++) lanes[k] = k < n ? qc_from_bf16(x[i + k]) : 0.0f;\n    return vload$N(0, lanes);\n}" },
    { "qc_storew_part", NULL,
      "void $F($A$S *y, uint i, $T v, uint n)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint k = 0; k < $N; k++)\n        if (k < n) y[i + k] = lanes[k];\n}" },
    { "qc_storew_part.f16", NULL,
      "void $F($Avoid *y, uint i, $T v, uint n)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint k = 0; k < $N; k++)\n"
      "        if (k < n) vstore_half_rte(lanes[k], i + k, ($Ahalf *)y);\n}" },
    { "qc_storew_part.bf16", "qc_to_bf16",
      "void $F($Aushort *y, uint i, $T v, uint n)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint k = 0; k < $N; k++)\n"
      "        if (k < n) y[i + k] = qc_to_bf16((float)lanes[k]);\n}" },
    { "qc_sumw", NULL,
      "$E $F($T v)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint half_n = $N / 2; half_n > 0; half_n /= 2)\n"
      "        for (uint k = 0; k < half_n; k++) lanes[k] += lanes[k + half_n];\n    return lanes[0];\n}" },
    { "qc_maxw", NULL,
      "$E $F($T v)\n{\n    $E lanes[$N];\n    vstore$N(v, 0, lanes);\n    for (uint half_n = $N / 2; half_n > 0; half_n /= 2)\n"
      "        for (uint k = 0; k < half_n; k++)\n            lanes[k] = lanes[k] > lanes[k + half_n] || isnan(lanes[k]) ? lanes[k] : lanes[k + half_n];\n    return lanes[0];\n}" },
#define ATOMIC(name, function) { "qc_atomic_" name, NULL, "$T $F(volatile $A$T *y, uint i, $T v)\n{\n    return " function "(y + i, v);\n}" }
    ATOMIC("add", "atomic_add"), ATOMIC("min", "atomic_min"), ATOMIC("max", "atomic_max"), ATOMIC("and", "atomic_and"),
    ATOMIC("or", "atomic_or"), ATOMIC("xor", "atomic_xor"), ATOMIC("xchg", "atomic_xchg"),
    { "qc_atomic_cas", NULL, "$T $F(volatile $A$T *y, uint i, $T expected, $T v)\n{\n    return atomic_cmpxchg(y + i, expected, v);\n}" },
    { "qc_atomic_add.float", NULL,
      "float $F(volatile $Afloat *y, uint i, float v)\n{\n    volatile $Auint *bits = (volatile $Auint *)(y + i);\n    uint old = *bits, seen;\n"
      "    while ((seen = atomic_cmpxchg(bits, old, as_uint(as_float(old) + v))) != old) old = seen;\n    return as_float(old);\n}" },
/* Each subgroup of the hardware's folds its own by one instruction, then every item those of all. */
#define SUBGROUP(name, needs, fold, step) { "qc_subgroup_" name, needs, \
      "#ifdef QK_SUBGROUPS\n$T $F($T v, __local $T *cells)\n{\n" fold "    if (get_sub_group_local_id() == 0) cells[get_sub_group_id()] = v;\n    barrier(CLK_LOCAL_MEM_FENCE);\n    v = cells[0];\n" \
      "    for (uint k = 1; k < get_num_sub_groups(); k++) v = " step ";\n    barrier(CLK_LOCAL_MEM_FENCE);\n    return v;\n}\n#endif" }
#define SUBGROUP_NAN(name) SUBGROUP(name ".nan", "qc_" name, \
      "    bool nan = sub_group_reduce_max(isnan(v) ? 1 : 0) != 0;\n    v = sub_group_reduce_" name "(v);\n    v = nan ? ($T)NAN : v;\n", "qc_" name "_$K(v, cells[k])")
    SUBGROUP("add", NULL, "    v = sub_group_reduce_add(v);\n", "v + cells[k]"),
    SUBGROUP("min", NULL, "    v = sub_group_reduce_min(v);\n", "min(v, cells[k])"),
    SUBGROUP("max", NULL, "    v = sub_group_reduce_max(v);\n", "max(v, cells[k])"),
    SUBGROUP_NAN("min"), SUBGROUP_NAN("max"),
    { NULL, NULL, NULL },
};

static const char *const opencl_reserved[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if",
    "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
    "unsigned", "void", "volatile", "while", "bool", "true", "false", "uchar", "ushort", "uint", "ulong", "half", "quad", "size_t", "ptrdiff_t",
    "intptr_t", "uintptr_t", "event_t", "sampler_t", "image1d_t", "image2d_t", "image3d_t", "complex", "imaginary", "vec_step",
    "kernel", "global", "local", "constant", "private", "read_only", "write_only", "read_write", "pipe", "generic", "uniform", "asm",
#define VECTORS(T) T "2", T "3", T "4", T "8", T "16"
    VECTORS("char"), VECTORS("uchar"), VECTORS("short"), VECTORS("ushort"), VECTORS("int"), VECTORS("uint"), VECTORS("long"),
    VECTORS("ulong"), VECTORS("float"), VECTORS("double"), VECTORS("half"), VECTORS("bool"),
    "barrier", "get_local_id", "get_global_id", "get_group_id", "vload_half", "vstore_half_rte", "rint", "M_PI", "INFINITY", "NAN", "MAXFLOAT",
    "HUGE_VALF", "HUGE_VAL", "NULL", "CLK_*", "CL_*", "cl_*", "M_*", "FP_*",
    "FLT_*", "DBL_*", "HALF_*", "CHAR_*", "SCHAR_*", "UCHAR_*", "SHRT_*", "USHRT_*", "INT_*", "UINT_*", "LONG_*", "ULONG_*", "convert_*", "sub_group_*",
    "as_float", "as_char4", "as_uchar4", "as_uint4", "atomic_cmpxchg", "get_num_sub_groups", "get_sub_group_id", "get_sub_group_local_id",
    "kernel_exec", "main", NULL
};
/* clang-format on */

/* ------------------------------------------------------------------ values */
static const char *opencl_vector(printer *p, kc_type t)
{
    u32 lanes = kc_lanes(p->m, t);
    return lanes == 1 ? p->d->scalars[t.scalar] : print_text(p, "%s%u", p->d->scalars[t.scalar], lanes);
}

static void opencl_splat(printer *p, const kc_expr *e)
{
    str_print(p->out, "(%s)(", print_type(p, e->type));
    print_expr(p, e->a[0], 0);
    str_add(p->out, ")");
}

static void opencl_make(printer *p, const kc_expr *e)
{
    str_print(p->out, "(%s)(", print_type(p, e->type));
    print_args(p, e, 0);
    str_add(p->out, ")");
}

static void opencl_lane(printer *p, const kc_expr *e)
{
    print_expr(p, e->a[0], PRINT_POSTFIX);
    str_print(p->out, ".%c", "xyzw"[e->lane & 3]);
}

/* ------------------------------------------------------------------ integers that wrap */
/* Bits of two's complement that hold every value of a signed e; more than the type has: it may wrap. */
static u32 bits_needed(const kc_expr *e)
{
    u32 width = 8 * kc_scalar_bytes((kc_scalar)e->type.scalar), a, b;
    switch ((kc_op)e->op) {
    case K_CONST:
        for (a = 1; a < 64 && (e->value.i >> (a - 1)) != (e->value.i < 0 ? -1 : 0);) a++;
        return a;
    case K_CAST:
        if (kc_is_float((kc_scalar)e->a[0]->type.scalar)) return width;
        a = e->a[0]->type.scalar == KC_BOOL ? 1 : 8 * kc_scalar_bytes((kc_scalar)e->a[0]->type.scalar);
        if (kc_is_signed((kc_scalar)e->a[0]->type.scalar)) return MIN(MIN(a, bits_needed(e->a[0])), width);
        return MIN(a + 1, width);
    case K_SPLAT: return MIN(bits_needed(e->a[0]), width);
    case K_ADD:
    case K_SUB: a = bits_needed(e->a[0]), b = bits_needed(e->a[1]); return MAX(MIN(a, width), MIN(b, width)) + 1;
    case K_MUL: return MIN(bits_needed(e->a[0]), width) + MIN(bits_needed(e->a[1]), width);
    case K_NEG: return MIN(bits_needed(e->a[0]), width) + 1;
    case K_AND:
        b = e->a[1]->op == K_CONST && e->a[1]->value.i >= 0 ? bits_needed(e->a[1]) : width;
        return MIN(MIN(bits_needed(e->a[0]), width), b);
    default: return width;
    }
}

/* C leaves signed overflow open; in kernels integers wrap. */
static bool opencl_is_call(const kc_expr *e)
{
    kc_scalar s = (kc_scalar)e->type.scalar;
    if (!kc_is_integer(s) || !kc_is_signed(s)) return false;
    bool wraps = e->op == K_ADD || e->op == K_SUB || e->op == K_MUL || e->op == K_NEG;
    return wraps && bits_needed(e) > 8 * kc_scalar_bytes(s);
}

static void opencl_operator_call(printer *p, const kc_expr *e)
{
    const char *name = e->op == K_ADD ? "qc_add" : e->op == K_SUB ? "qc_sub" : e->op == K_MUL ? "qc_mul" : "qc_neg";
    str_print(p->out, "%s(", print_helper(p, name, &(helper_use){ .value = e->type }));
    print_args(p, e, 0);
    str_add(p->out, ")");
}

/* ------------------------------------------------------------------ memory */
static const char *opencl_space(const kc_var *v, const char **name)
{
    *name = v->storage == KC_V_BUFFER   ? "_global"
            : v->storage == KC_V_SHARED ? "_local"
            : v->storage == KC_V_TABLE  ? "_constant"
                                        : "";
    return v->storage == KC_V_BUFFER   ? "__global "
           : v->storage == KC_V_SHARED ? "__local "
           : v->storage == KC_V_TABLE  ? "__constant "
                                       : "";
}

/* f16 buffers are half *, which only vload_half and its like may touch; f16 arrays of the kernel's own are ushort. */
static bool is_half_buffer(const kc_expr *elem) { return elem->var->storage == KC_V_BUFFER; }

static bool opencl_load_half(printer *p, const kc_expr *elem)
{
    if (!is_half_buffer(elem)) return false;
    str_add(p->out, "vload_half(");
    print_expr(p, elem->a[0], 0);
    str_print(p->out, ", %s)", print_named(p, elem->var));
    return true;
}

static bool opencl_store_half(printer *p, const kc_stmt *s)
{
    if (!is_half_buffer(s->target)) return false;
    str_add(p->out, "vstore_half_rte(");
    print_expr(p, s->value->a[0], 0);
    str_add(p->out, ", ");
    print_expr(p, s->target->a[0], 0);
    str_print(p->out, ", %s)", print_named(p, s->target->var));
    return true;
}

static bool opencl_raw_half(printer *p, const kc_expr *elem)
{
    if (!is_half_buffer(elem)) return false;
    str_print(p->out, "((__global %sushort *)%s)[", elem->var->role == KC_IN ? "const " : "", print_named(p, elem->var));
    print_expr(p, elem->a[0], 0);
    str_add(p->out, "]");
    return true;
}

/* ------------------------------------------------------------------ calls */
static void call_as(printer *p, const char *name, const kc_expr *e)
{
    str_print(p->out, "%s(", name);
    print_args(p, e, 0);
    str_add(p->out, ")");
}

/* load4, storew and their like: by what the array holds and where it lies. One lane is an element. */
static void call_memory(printer *p, const kc_expr *e, const char *text)
{
    static const char *const narrow[] = { "", ".f16", ".bf16" };
    const kc_expr *array = e->a[0];
    bool part = e->call == KC_B_loadw_part || e->call == KC_B_storew_part,
         stores = e->call == KC_B_store4 || kc_builtin_writes((kc_builtin)e->call);
    const char *kind = narrow[array->type.scalar == KC_F16 ? 1 : array->type.scalar == KC_BF16 ? 2 : 0];
    helper_use use = { .value = stores ? e->a[2]->type : e->type, .storage = (kc_scalar)array->type.scalar };
    use.space = p->d->space(array->var, &use.space_name);
    if (use.value.scalar == KC_F64 && *kind) use.function = print_text(p, "convert_double%u", kc_lanes(p->m, use.value));
    call_as(p, print_helper(p, print_text(p, "%s%s", part ? text : stores ? "qc_store" : "qc_load", kind), &use), e);
}

static bool is_memory(kc_builtin b) { return b >= KC_B_load4 && b <= KC_B_storew_part; }

static bool opencl_call(printer *p, const kc_expr *e, const char *text)
{
    kc_type t = e->a[0]->type;
    if (is_memory((kc_builtin)e->call)) {
        call_memory(p, e, text);
    } else if (e->call == KC_B_abs && kc_is_integer((kc_scalar)t.scalar) && !kc_is_signed((kc_scalar)t.scalar)) {
        print_expr(p, e->a[0], PRINT_UNARY);
    } else if (e->call == KC_B_atomic_add && t.scalar == KC_F32) {
        helper_use use = { .value = t };
        use.space = p->d->space(e->a[0]->var, &use.space_name);
        call_as(p, print_helper(p, "qc_atomic_add.float", &use), e);
    } else if (t.lanes != 1 &&
               (e->call == KC_B_min || e->call == KC_B_max || /* of integers, too: NVIDIA's min of vectors lost signs */
                (e->call == KC_B_abs && kc_is_float((kc_scalar)t.scalar)))) {
        call_as(p, print_helper(p, print_text(p, "%s.lanes", text), &(helper_use){ .value = t }), e);
    } else if (t.lanes == 1 && e->call == KC_B_gelu) {
        call_as(p, print_helper(p, "qc_gelu.one", &(helper_use){ .value = t }), e);
    } else {
        return false;
    }
    return true;
}

/* A fold of the whole group, whatever subgroups the hardware has, where the launcher says that it has some (QK_SUBGROUPS); else phases. */
static bool opencl_subgroup(printer *p, const kc_stmt *s)
{
    const kc_expr *e = s->value;
    const char *text = p->d->builtins[e->call];
    kc_type t = e->a[0]->type;
    if (!text || (u32)e->a[1]->value.i != p->e->kernel.group) return false;
    bool nan = kc_is_float((kc_scalar)t.scalar) && e->call != KC_B_subgroup_add;
    const char *name = print_helper(p, nan ? print_text(p, "%s.nan", text) : text, &(helper_use){ .value = t });
    const char *value = print_named(p, e->a[0]->var);
    str_add(p->out, "#ifdef QK_SUBGROUPS\n");
    print_line(p, "%s = %s(%s, %s);", value, name, value, print_named(p, s->body->var));
    str_add(p->out, "#else\n");
    print_phases(p, s->body);
    str_add(p->out, "#endif\n");
    return true;
}

/* ------------------------------------------------------------------ the program */
static const char *pointed_type(printer *p, kc_type t) { return t.scalar == KC_F16 ? "half" : print_memory_type(p, t); }

static void opencl_param(printer *p, kc_var *v)
{
    if (v->storage == KC_V_BUFFER)
        str_print(p->out, "__global %s%s *restrict %s", v->role == KC_IN ? "const " : "", pointed_type(p, v->type),
                  print_name(p, v));
    else str_print(p->out, "%s %s", print_type(p, v->type), print_name(p, v));
}

static bool is_param(const kc_var *v) { return v->storage == KC_V_BUFFER || v->storage == KC_V_SCALAR; }

/* The kernel's own parameters: a buffer comes as memory and the place in it, in units of 256 bytes, because a span of a larger buffer
 * may be bound, and drivers are less sure of sub-buffers than of a sum. */
static void opencl_params(printer *p)
{
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        kc_var *v = p->e->vars[slot];
        if (!is_param(v)) continue;
        opencl_param(p, v);
        str_add(p->out, ", ");
        if (v->storage == KC_V_BUFFER) str_print(p->out, "uint qk_at_%s, ", print_named(p, v));
    }
}

static void opencl_places(printer *p)
{
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        kc_var *v = p->e->vars[slot];
        if (v->storage != KC_V_BUFFER) continue;
        const char *name = print_named(p, v), *in = v->role == KC_IN ? "const " : "";
        str_print(p->out, "    %s = (__global %s%s *)((__global %schar *)%s + 256ul * qk_at_%s);\n", name, in,
                  pointed_type(p, v->type), in, name, name);
    }
}

static void opencl_map(printer *p)
{
    const kc_entry *e = p->e;
    const char *result = print_memory_type(p, e->kernel.result), *name = p->function;
    str_print(p->out, "%s %s(uint %s", print_type(p, e->kernel.result), name, print_name(p, e->first));
    for (u32 slot = 0; slot < e->n_vars; slot++) {
        if (!is_param(e->vars[slot])) continue;
        str_add(p->out, ", ");
        opencl_param(p, e->vars[slot]);
    }
    str_add(p->out, ")\n{\n");
    print_body(p, e->body);
    print_forget(p, 0);
    str_add(p->out, "}\n\n__kernel void qk_run(");
    opencl_params(p);
    str_print(p->out, "__global %s *restrict qk_out, uint qk_at_out, uint qk_count)\n{\n", result);
    opencl_places(p);
    str_print(p->out, "    qk_out = (__global %s *)((__global char *)qk_out + 256ul * qk_at_out);\n", result);
    str_print(p->out, "    uint qk_i = get_global_id(0);\n    if (qk_i < qk_count) qk_out[qk_i] = %s(qk_i", name);
    for (u32 slot = 0; slot < e->n_vars; slot++)
        if (is_param(e->vars[slot])) str_print(p->out, ", %s", print_named(p, e->vars[slot]));
    str_add(p->out, ");\n}\n");
}

static void opencl_group(printer *p)
{
    const kc_entry *e = p->e;
    str_print(p->out, "__kernel __attribute__((reqd_work_group_size(%u, 1, 1))) void qk_run(", e->kernel.group);
    opencl_params(p);
    str_add(p->out, "uint qk_count) /* one group each */\n{\n");
    opencl_places(p);
    p->indent = 1;
    print_line(p, "const uint %s = get_group_id(0);", print_name(p, e->first));
    for (u32 slot = 0; slot < e->n_vars; slot++) {
        kc_var *v = e->vars[slot];
        if (v->storage != KC_V_SHARED) continue;
        const char *size = v->dims == 2 ? print_text(p, "[%u][%u]", v->n[0], v->n[1]) : print_text(p, "[%u]", v->n[0]);
        print_line(p, "__local %s %s%s;", print_memory_type(p, v->type), print_name(p, v), size);
    }
    p->indent = 0;
    print_body(p, e->body);
    str_add(p->out, "}\n");
}

static void opencl_unit(printer *p, str *out)
{
    const kc_entry *e = p->e;
    str kernel = { 0 };
    p->out = &kernel;
    print_tables(p, "\n__constant ");
    str_add(&kernel, "\n");
    if (e->kernel.form == KC_MAP) opencl_map(p);
    else opencl_group(p);
    p->out = out;
    str_print(out, "/* %s, printed by Quern for OpenCL C 1.2 */\n", e->kernel.name);
    if (e->kernel.uses_subgroups)
        str_add(out, "#ifdef QK_SUBGROUPS\n#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n#endif\n");
    if (e->kernel.uses_f64) str_add(out, "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n");
    if (p->helpers.text) str_add_n(out, p->helpers.text, p->helpers.n);
    if (kernel.text) str_add_n(out, kernel.text, kernel.n);
    p->bad |= kernel.bad;
    str_free(&kernel);
}

const dialect dialect_opencl = {
    .scalars = { "void", "bool", "char", "short", "int", "long", "uchar", "ushort", "uint", "ulong", "ushort", "ushort", "float", "double" },
    .memory_bool = "uchar",
    .long_suffix = "l",
    .ulong_suffix = "ul",
    .infinity = "INFINITY",
    .nan = "NAN",
    .reserved = opencl_reserved,
    .helpers = opencl_helpers,
    .unroll = "#pragma unroll",
    .unroll_all = "#pragma unroll",
    .vector = opencl_vector,
    .splat = opencl_splat,
    .make = opencl_make,
    .lane = opencl_lane,
    .load_half = opencl_load_half,
    .store_half = opencl_store_half,
    .raw_half = opencl_raw_half,
    .space = opencl_space,
    .call = opencl_call,
    .subgroup = opencl_subgroup,
    .is_call = opencl_is_call,
    .operator_call = opencl_operator_call,
    .unit = opencl_unit,
    .builtins = {
#define BUILTIN(name, args, signature, c, opencl) opencl,
#include "kc/builtins.def"
#undef BUILTIN
    },
};
