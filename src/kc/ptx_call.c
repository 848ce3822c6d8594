/* Builtins as PTX: an instruction where the hardware has one that is exact, else a function of kernels/float_math.h, compiled by kc and
 * put in place. */
#include <stdlib.h>

#include "kc/ptx.h"

enum { MAX_MATH_DEPTH = 4, MMA_ARCH = 80 };

typedef enum how {
    BY_MATH, /* float_math.h */
    BY_ONE,  /* one instruction of one operand, the type after it */
    BY_TEXT  /* here */
} how;
typedef struct row {
    how how;
    const char *text; /* BY_ONE: "sqrt.rn.$" with $ the type */
} row;
static const row rows[KC_B_COUNT] = {
    [KC_B_sqrt] = { BY_ONE, "sqrt.rn.$" },    [KC_B_floor] = { BY_ONE, "cvt.rmi.$.$" },
    [KC_B_ceil] = { BY_ONE, "cvt.rpi.$.$" },  [KC_B_round] = { BY_ONE, "cvt.rni.$.$" },
    [KC_B_trunc] = { BY_ONE, "cvt.rzi.$.$" }, [KC_B_fabs] = { BY_ONE, "abs.$" },
};

/* ------------------------------------------------------------------ float_math.h, put in place */
static const ptx_math *math_of(ptx *p, kc_builtin b, kc_scalar s, u32 args)
{
    u64 key = (u64)b << 8 | s;
    for (u32 i = 0; i < p->n_math; i++)
        if (p->math[i].key == key) return &p->math[i];
    const char *name = kc_builtin_name(b), *more = args < 2 ? "" : b == KC_B_ldexp ? ", i32 y" : ", f32 y";
    const char *text = ptx_text(
        p,
        "#include \"quern_kernel.h\"\n#include \"float_math.h\"\nMAP(f32) math_%s(u32 i, f32 x%s) { return m_%s(x%s); }\n",
        name, more, name, args < 2 ? "" : ", y");
    kc_program program = { .file = "math.c", .text = text, .defines = s == KC_F64 ? "DOUBLE=1 T=f64" : "DOUBLE=0 T=f32" };
    kc_module *m;
    qn_status status = kc_compile(p->scratch, &program, NULL, &m);
    if (status == QN_OK && !ARENA_PUSH_ROOM(p->scratch, p->math, p->n_math, p->cap_math, KC_B_COUNT * 2u))
        status = fail_nomem(sizeof *p->math);
    if (status != QN_OK) {
        p->status = status;
        return NULL;
    }
    p->math[p->n_math] = (ptx_math){ key, m, m->entries[0] };
    return &p->math[p->n_math++];
}

static const char *call_math(ptx *p, const kc_expr *e, kc_scalar s, const char *const *args)
{
    const ptx_math *f = math_of(p, (kc_builtin)e->call, s, e->n_args);
    if (!f) return "0";
    if (p->math_depth >= MAX_MATH_DEPTH) {
        ptx_refuse(p, e->pos, "float_math.h calls itself");
        return "0";
    }
    ptx outer = *p;
    p->m = f->m, p->e = f->e;
    p->vars = ARENA_ARRAY(p->scratch, f->e->n_vars + 1, ptx_place);
    p->result = ptx_regs(p, (kc_type){ (u8)s, 1 }, 1);
    p->done = ptx_label(p);
    p->math_depth++;
    p->guard = NULL;
    p->item = f->e->first; /* no phases in there */
    if (!p->vars || !p->result) p->status = fail_nomem(64);
    for (u32 slot = 0, n = 0; slot < f->e->n_vars && p->status == QN_OK; slot++) {
        if (f->e->vars[slot]->storage != KC_V_SCALAR) continue;
        const char **regs = ARENA_ARRAY(p->scratch, 1, const char *);
        if (!regs) break;
        regs[0] = ptx_held(p, (kc_scalar)f->e->vars[slot]->type.scalar, args[n++]);
        p->vars[slot].regs = regs;
    }
    if (p->status == QN_OK) ptx_find_indexed(p);
    if (p->status == QN_OK) ptx_body(p, f->e->body);
    const char *result = p->result ? p->result[0] : "0";
    ptx_put_label(p, p->done);
    p->m = outer.m, p->e = outer.e, p->vars = outer.vars, p->result = outer.result, p->done = outer.done;
    p->guard = outer.guard, p->item = outer.item, p->math_depth = outer.math_depth;
    return result;
}

/* ------------------------------------------------------------------ one lane of a builtin of values */
/* A number as ptx_const writes it, of f32 or f64. */
static bool is_nan_number(const char *text)
{
    u64 bits = strtoull(text + 2, NULL, 16);
    return text[1] == 'f' ? (bits & 0x7fffffff) > 0x7f800000 : bits << 1 > 0xffe0000000000000;
}

const char *ptx_extreme(ptx *p, bool is_min, kc_scalar s, const char *a, const char *b)
{
    ptx_class c = ptx_class_of(s);
    const char *type = ptx_type(s);
    if (!kc_is_float(s)) return ptx_op2(p, c, ptx_text(p, "%s.%s", is_min ? "min" : "max", type), ptx_held(p, s, a), b);
    if (b[0] != '%' && is_nan_number(b)) return ptx_held(p, s, b);
    a = ptx_held(p, s, a);
    const char *first = ptx_reg(p, PTX_P);
    if (b[0] != '%') { /* a number: unordered means that a is NaN */
        ptx_line(p, "setp.%s.%s %s, %s, %s", is_min ? "ltu" : "gtu", type, first, a, b);
    } else {
        const char *nan = ptx_op2(p, PTX_P, ptx_text(p, "setp.nan.%s", type), a, a);
        ptx_line(p, "setp.%s.or.%s %s, %s, %s, %s", is_min ? "lt" : "gt", type, first, a, b, nan);
    }
    return ptx_pick(p, s, first, a, b);
}

static const char *absolute(ptx *p, kc_scalar s, const char *a)
{
    if (!kc_is_float(s) && !kc_is_signed(s)) return a;
    return ptx_op1(p, ptx_class_of(s), ptx_text(p, "abs.%s", ptx_type(s)), ptx_held(p, s, a));
}

static const char *count_bits(ptx *p, kc_builtin b, kc_scalar s, const char *a)
{
    ptx_class c = ptx_class_of(s);
    const char *bits = ptx_bits(c);
    a = ptx_held(p, s, a);
    if (b == KC_B_ctz) a = ptx_op1(p, c, ptx_text(p, "brev.%s", bits), a);
    return ptx_op1(p, PTX_R, ptx_text(p, "%s.%s", b == KC_B_popcount ? "popc" : "clz", bits), a);
}

static const char *classify(ptx *p, kc_builtin b, kc_scalar s, const char *a)
{
    a = ptx_held(p, s, a);
    if (b == KC_B_isnan) return ptx_op2(p, PTX_P, ptx_text(p, "setp.nan.%s", ptx_type(s)), a, a);
    if (b == KC_B_isinf) return ptx_compare(p, "eq", s, absolute(p, s, a), ptx_const(p, s, 0, (f64)__builtin_inff()));
    bool wide = s == KC_F64;
    const char *bits = ptx_op1(p, wide ? PTX_RD : PTX_R, wide ? "mov.b64" : "mov.b32", a);
    return ptx_compare(p, "lt", wide ? KC_I64 : KC_I32, bits, "0");
}

static const char *reciprocal_root(ptx *p, kc_scalar s, const char *a)
{
    if (s == KC_F32) return ptx_op1(p, PTX_F, "rsqrt.approx.f32", a);
    return ptx_op1(p, PTX_FD, "rcp.rn.f64", ptx_op1(p, PTX_FD, "sqrt.rn.f64", a));
}

static const char *dot4(ptx *p, bool left_unsigned, const char *const *x)
{
    const char *to = ptx_reg(p, PTX_R);
    ptx_line(p, "dp4a.%s.s32 %s, %s, %s, %s", left_unsigned ? "u32" : "s32", to, x[0], x[1], x[2]);
    return to;
}

static const char *by_one(ptx *p, const char *text, kc_scalar s, const char *a)
{
    str made = { 0 };
    for (; *text; text++) str_add_n(&made, *text == '$' ? ptx_type(s) : text, *text == '$' ? 3 : 1);
    const char *r = ptx_op1(p, ptx_class_of(s), ptx_text(p, "%s", made.text ? made.text : ""), a);
    str_free(&made);
    return r;
}

static const char *call_lane(ptx *p, const kc_expr *e, const char *const *x)
{
    kc_builtin b = (kc_builtin)e->call;
    kc_scalar s = (kc_scalar)e->a[0]->type.scalar;
    ptx_class c = ptx_class_of(s);
    const char *type = ptx_type(s), *to;
    switch (b) {
    case KC_B_sqrt:
    case KC_B_floor:
    case KC_B_ceil:
    case KC_B_round:
    case KC_B_trunc:
    case KC_B_fabs: return by_one(p, rows[b].text, s, ptx_held(p, s, x[0]));
    case KC_B_rsqrt: return reciprocal_root(p, s, ptx_held(p, s, x[0]));
    case KC_B_copysign: {
        const char *sign = ptx_held(p, s, x[1]), *size = ptx_held(p, s, x[0]);
        return ptx_op2(p, c, ptx_text(p, "copysign.%s", type), sign, size);
    }
    case KC_B_mad:
    case KC_B_fma:
        to = ptx_reg(p, c);
        ptx_line(p, "%s.%s %s, %s, %s, %s", kc_is_float(s) ? "fma.rn" : "mad.lo", type, to, ptx_held(p, s, x[0]), x[1],
                 x[2]);
        return to;
    case KC_B_isnan:
    case KC_B_isinf:
    case KC_B_signbit: return classify(p, b, s, x[0]);
    case KC_B_min:
    case KC_B_max: return ptx_extreme(p, b == KC_B_min, s, x[0], x[1]);
    case KC_B_clamp: return ptx_extreme(p, true, s, ptx_extreme(p, false, s, x[0], x[1]), x[2]);
    case KC_B_abs: return absolute(p, s, x[0]);
    case KC_B_popcount:
    case KC_B_clz:
    case KC_B_ctz: return count_bits(p, b, s, x[0]);
    case KC_B_as_u32:
    case KC_B_as_i32: return ptx_op1(p, PTX_R, "mov.b32", ptx_held(p, s, x[0]));
    case KC_B_as_f32: return ptx_op1(p, PTX_F, "mov.b32", ptx_held(p, s, x[0]));
    case KC_B_dot4_i8:
    case KC_B_dot4_u8i8: return dot4(p, b == KC_B_dot4_u8i8, x);
    default: return call_math(p, e, s, x);
    }
}

static ptx_value call_values(ptx *p, const kc_expr *e)
{
    ptx_value args[KC_MAX_ARGS], out = { 0 };
    for (u32 i = 0; i < e->n_args; i++) args[i] = ptx_eval(p, e->a[i]);
    for (u32 k = 0; k < kc_lanes(p->m, e->type) && p->status == QN_OK; k++) {
        const char *x[KC_MAX_ARGS];
        for (u32 i = 0; i < e->n_args; i++) x[i] = args[i].lane[k];
        out.lane[k] = call_lane(p, e, x);
    }
    return out;
}

/* ------------------------------------------------------------------ the rest */
static ptx_value select_value(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 }, a, b;
    const char *c = ptx_one(p, e->a[0]);
    a = ptx_eval(p, e->a[1]), b = ptx_eval(p, e->a[2]);
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++)
        out.lane[k] = ptx_pick(p, (kc_scalar)e->type.scalar, c, a.lane[k], b.lane[k]);
    return out;
}

static ptx_value fold_lanes(ptx *p, const kc_expr *e)
{
    ptx_value v = ptx_eval(p, e->a[0]);
    kc_scalar s = (kc_scalar)e->type.scalar;
    for (u32 half = kc_lanes(p->m, e->a[0]->type) / 2; half > 0; half /= 2)
        for (u32 k = 0; k < half; k++)
            v.lane[k] = e->call == KC_B_sumw ? ptx_binary(p, K_ADD, s, v.lane[k], v.lane[k + half], false)
                                             : ptx_extreme(p, false, s, v.lane[k], v.lane[k + half]);
    return v;
}

static const struct {
    const char *op;
    bool bits; /* typed .b32 */
} atomics[KC_B_COUNT] = {
    [KC_B_atomic_add] = { "add", false },  [KC_B_atomic_min] = { "min", false }, [KC_B_atomic_max] = { "max", false },
    [KC_B_atomic_and] = { "and", true },   [KC_B_atomic_or] = { "or", true },    [KC_B_atomic_xor] = { "xor", true },
    [KC_B_atomic_xchg] = { "exch", true }, [KC_B_atomic_cas] = { "cas", true },
};

static ptx_value atomic(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 };
    kc_scalar s = (kc_scalar)e->type.scalar;
    const char *space, *x[2] = { "", "" };
    for (u32 i = 2; i < e->n_args; i++) x[i - 2] = ptx_held(p, s, ptx_one(p, e->a[i]));
    const char *address = ptx_address(p, e->a[0], e->a[1], &space);
    out.lane[0] = ptx_reg(p, ptx_class_of(s));
    ptx_line(p, "atom.%s.%s.%s %s, %s, %s%s%s", space, atomics[e->call].op, atomics[e->call].bits ? "b32" : ptx_type(s),
             out.lane[0], address, x[0], e->n_args > 3 ? ", " : "", x[1]);
    return out;
}

static ptx_value store_call(ptx *p, const kc_expr *e)
{
    ptx_value none = { 0 }, v = ptx_eval(p, e->a[2]);
    const char *count = e->n_args > 3 ? ptx_one(p, e->a[3]) : NULL;
    ptx_store_many(p, e->a[0], e->a[1], e->a[2]->type, &v, count);
    return none;
}

/* ------------------------------------------------------------------ matrix units */
static const char *const mma_types[KC_B_COUNT] = {
    [KC_B_mma_f16] = "m16n8k16.row.col.f32.f16.f16.f32",
    [KC_B_mma_bf16] = "m16n8k16.row.col.f32.bf16.bf16.f32",
    [KC_B_mma_tf32] = "m16n8k8.row.col.f32.tf32.tf32.f32",
};

static const char *words_of(ptx *p, const char *const *r, u32 n)
{
    return n == 2 ? ptx_text(p, "{%s, %s}", r[0], r[1]) : ptx_text(p, "{%s, %s, %s, %s}", r[0], r[1], r[2], r[3]);
}

/* The language's tiles are the instruction's, lane by lane; every item of a warp is here, for code outside ITEMS is uniform. */
static ptx_value mma(ptx *p, const kc_expr *e)
{
    const char *const *regs[3];
    ptx_value none = { 0 };
    kc_tiles t = kc_tiles_of(e);
    for (u32 i = 0; i < 3; i++) {
        const kc_var *v = e->a[i]->var;
        regs[i] = ptx_place_of(p, v)->regs;
        if (!regs[i])
            ptx_refuse(p, e->a[i]->pos,
                       "'%s' has an index that is no constant, and mma takes registers: write #pragma unroll before the "
                       "loops that use it",
                       v->name);
        if (!regs[i]) return none;
    }
    p->needs = MAX(p->needs, MMA_ARCH);
    for (u32 i = 0; i < t.rows * t.cols; i++) {
        const char *sums = words_of(p, regs[0] + i * 4, 4), *left = words_of(p, regs[1] + i / t.cols * 4, 4);
        ptx_line(p, "mma.sync.aligned.%s %s, %s, %s, %s", mma_types[e->call], sums, left,
                 words_of(p, regs[2] + i % t.cols * 2, 2), sums);
    }
    return none;
}

ptx_value ptx_call(ptx *p, const kc_expr *e)
{
    kc_builtin b = (kc_builtin)e->call;
    if (kc_builtin_is_atomic(b)) return atomic(p, e);
    if (kc_builtin_is_mma(b)) return mma(p, e);
    switch (b) {
    case KC_B_select: return select_value(p, e);
    case KC_B_load4:
    case KC_B_loadw: return ptx_load_many(p, e->a[0], e->a[1], e->type, NULL);
    case KC_B_loadw_part: return ptx_load_many(p, e->a[0], e->a[1], e->type, ptx_one(p, e->a[2]));
    case KC_B_store4:
    case KC_B_storew:
    case KC_B_storew_part: return store_call(p, e);
    case KC_B_sumw:
    case KC_B_maxw: return fold_lanes(p, e);
    default: return call_values(p, e);
    }
}

u32 ptx_call_cost(const kc_expr *e)
{
    kc_builtin b = (kc_builtin)e->call;
    if (kc_builtin_writes(b)) return 1000;
    if (b == KC_B_load4 || b == KC_B_loadw) return 4;
    if (b == KC_B_loadw_part) return 8;
    bool simple = b >= KC_B_fma && b < KC_B_atomic_add;
    return simple || b == KC_B_fabs || b == KC_B_copysign || (b >= KC_B_floor && b <= KC_B_trunc) ? 3 : 1000;
}
