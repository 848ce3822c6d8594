/* Calls of builtins: what each signature class of builtins.def asks of its arguments and gives back. */
#include "kc/front.h"

typedef enum signature {
    SIG_F,
    SIG_F_I32,
    SIG_F_BOOL,
    SIG_N,
    SIG_BITS,
    SIG_F32_TO_U32,
    SIG_U32_TO_F32,
    SIG_F32_TO_I32,
    SIG_SELECT,
    SIG_DOT4,
    SIG_ATOMIC,
    SIG_ATOMIC_ADD,
    SIG_LOAD4,
    SIG_STORE4,
    SIG_LOADW,
    SIG_STOREW,
    SIG_LOADW_PART,
    SIG_STOREW_PART,
    SIG_SUM,
    SIG_MMA,
    SIG_SUBGROUP
} signature;

typedef struct builtin_info {
    u8 args;
    signature signature;
} builtin_info;
static const builtin_info infos[] = {
#define BUILTIN(name, args, signature, c, opencl) { args, SIG_##signature },
#include "kc/builtins.def"
#undef BUILTIN
};

typedef struct call {
    front *f;
    kc_builtin b;
    const kc_expr **args;
    u32 n;
    kc_pos pos;
} call;

static const kc_expr *made(const call *c, kc_type type) { return type_make_call(c->f, c->b, type, c->args, c->n, c->pos); }

static kc_type float_scalar(const front *f) { return (kc_type){ (u8)f->float_type, 1 }; }

/* Bring the first `n` arguments to one type: floats only, or any numbers. */
static void unify(const call *c, u32 n, bool floats)
{
    front *f = c->f;
    const kc_expr *zero = type_int(f, KC_I32, 0, c->pos),
                  *first = floats ? type_float(f, float_scalar(f).scalar, 0, c->pos) : zero;
    const kc_expr *common = first;
    for (u32 i = 0; i < n; i++) {
        const kc_expr *arg = c->args[i];
        type_common(f, &arg, &common, c->args[i]->pos);
        common = arg;
    }
    for (u32 i = 0; i < n && !f->status; i++) {
        const kc_expr *like = common;
        type_common(f, &c->args[i], &like, c->args[i]->pos);
    }
}

static void want(const call *c, u32 i, kc_type type)
{
    c->args[i] = type_assignable(c->f, type, c->args[i], c->args[i]->pos, kc_builtin_name(c->b));
}

/* ------------------------------------------------------------------ values */
static const kc_expr *sig_float(const call *c)
{
    unify(c, c->n, true);
    return made(c, c->args[0]->type);
}

static const kc_expr *sig_float_i32(const call *c)
{
    unify(c, 1, true);
    kc_type t = c->args[0]->type, power = { KC_I32, t.lanes };
    if (t.lanes == 1 || kc_type_same(c->args[1]->type, power)) want(c, 1, power);
    else c->args[1] = type_splat(c->f, power, c->args[1]);
    return made(c, t);
}

static const kc_expr *sig_float_bool(const call *c)
{
    unify(c, 1, true);
    if (c->args[0]->type.lanes != 1)
        front_fail(c->f, c->pos, "%s takes one value; here is %s", kc_builtin_name(c->b), kc_type_name(c->args[0]->type));
    return made(c, (kc_type){ KC_BOOL, 1 });
}

/* clamp(v, lo, hi) is min(max(v, lo), hi), NaN and all. */
static const kc_expr *clamp(const call *c)
{
    front *f = c->f;
    unify(c, 3, false);
    kc_type t = c->args[0]->type;
    const kc_expr *inner[2] = { type_make_call(f, KC_B_max, t, c->args, 2, c->pos), c->args[2] };
    return type_make_call(f, KC_B_min, t, inner, 2, c->pos);
}

static const kc_expr *sig_number(const call *c)
{
    if (c->b == KC_B_clamp) return clamp(c);
    unify(c, c->n, false);
    return made(c, c->args[0]->type);
}

static const kc_expr *sig_bits(const call *c)
{
    unify(c, 1, false);
    kc_type t = c->args[0]->type;
    if (!kc_is_integer((kc_scalar)t.scalar) || t.lanes != 1)
        front_fail(c->f, c->pos, "%s takes an integer; here is %s", kc_builtin_name(c->b), kc_type_name(t));
    return made(c, (kc_type){ KC_U32, 1 });
}

static const kc_expr *reinterpret(const call *c, kc_type from, kc_type to)
{
    want(c, 0, from);
    const kc_expr *e = made(c, to);
    return to.scalar == KC_F32 ? type_cast(c->f, float_scalar(c->f), e, c->pos) : e;
}

static const kc_expr *sig_f32_to_u32(const call *c)
{
    bool integer = kc_is_integer((kc_scalar)c->args[0]->type.scalar);
    if (integer)
        front_fail(c->f, c->pos, "%s takes an f32; here is %s: write a cast", kc_builtin_name(c->b),
                   kc_type_name(c->args[0]->type));
    return reinterpret(c, (kc_type){ KC_F32, 1 }, (kc_type){ KC_U32, 1 });
}
static const kc_expr *sig_f32_to_i32(const call *c)
{
    return reinterpret(c, (kc_type){ KC_F32, 1 }, (kc_type){ KC_I32, 1 });
}
static const kc_expr *sig_u32_to_f32(const call *c)
{
    if (kc_is_float((kc_scalar)c->args[0]->type.scalar))
        front_fail(c->f, c->pos, "as_f32 takes a u32; here is %s", kc_type_name(c->args[0]->type));
    return reinterpret(c, (kc_type){ KC_U32, 1 }, (kc_type){ KC_F32, 1 });
}

static const kc_expr *sig_select(const call *c)
{
    c->args[0] = type_condition(c->f, c->args[0], c->pos);
    if (!kc_type_same(c->args[1]->type, c->args[2]->type)) type_common(c->f, &c->args[1], &c->args[2], c->pos);
    return made(c, c->args[1]->type);
}

static const kc_expr *sig_dot4(const call *c)
{
    want(c, 0, (kc_type){ KC_U32, 1 });
    want(c, 1, (kc_type){ KC_U32, 1 });
    want(c, 2, (kc_type){ KC_I32, 1 });
    return made(c, (kc_type){ KC_I32, 1 });
}

static const kc_expr *sig_sum(const call *c)
{
    kc_type t = c->args[0]->type;
    if (t.lanes == 1) front_fail(c->f, c->pos, "%s takes a vector; here is %s", kc_builtin_name(c->b), kc_type_name(t));
    return made(c, (kc_type){ t.scalar, 1 });
}

/* ------------------------------------------------------------------ memory */
static bool want_array(const call *c)
{
    const kc_expr *a = c->args[0];
    if (a->op != K_ARRAY)
        front_fail(c->f, a->pos, "%s takes an array first (a buffer, SHARED or local array)", kc_builtin_name(c->b));
    else c->args[1] = type_index(c->f, c->args[1], c->args[1]->pos);
    return !c->f->status;
}

static const kc_expr *atomic(const call *c, bool floats)
{
    if (!want_array(c)) return c->args[0];
    kc_type t = c->args[0]->type;
    bool ok = t.lanes == 1 && (t.scalar == KC_U32 || t.scalar == KC_I32 || (floats && t.scalar == KC_F32));
    if (!ok)
        front_fail(c->f, c->pos, "%s works on u32%s i32%s; '%s' holds %s", kc_builtin_name(c->b), floats ? "," : " and",
                   floats ? " and f32" : "", c->args[0]->var->name, kc_type_name(t));
    for (u32 i = 2; i < c->n; i++) want(c, i, t);
    return made(c, t);
}
static const kc_expr *sig_atomic(const call *c) { return atomic(c, false); }
static const kc_expr *sig_atomic_add(const call *c) { return atomic(c, true); }

/* The vector that a load of `lanes` floats gives. */
static kc_type float_vector(const call *c, u32 lanes)
{
    kc_type t = c->args[0]->type;
    if (t.lanes != 1 || !kc_is_float((kc_scalar)t.scalar))
        front_fail(c->f, c->pos, "%s works on arrays of floats; '%s' holds %s", kc_builtin_name(c->b), c->args[0]->var->name,
                   kc_type_name(t));
    return (kc_type){ t.scalar == KC_F64 ? KC_F64 : (u8)c->f->float_type, (u8)lanes };
}

static const kc_expr *memory(const call *c, u32 lanes, bool stores, bool part)
{
    if (!want_array(c)) return c->args[0];
    kc_type t = float_vector(c, lanes);
    if (stores && !kc_type_same(c->args[2]->type, t))
        front_fail(c->f, c->args[2]->pos, "%s writes %s; here is %s", kc_builtin_name(c->b), kc_type_name(t),
                   kc_type_name(c->args[2]->type));
    if (part) want(c, c->n - 1, (kc_type){ KC_U32, 1 });
    return made(c, stores ? (kc_type){ KC_VOID, 1 } : t);
}
static const kc_expr *sig_load4(const call *c) { return memory(c, 4, false, false); }
static const kc_expr *sig_store4(const call *c) { return memory(c, 4, true, false); }
static const kc_expr *sig_loadw(const call *c) { return memory(c, KC_WIDE, false, false); }
static const kc_expr *sig_storew(const call *c) { return memory(c, KC_WIDE, true, false); }
static const kc_expr *sig_loadw_part(const call *c) { return memory(c, KC_WIDE, false, true); }
static const kc_expr *sig_storew_part(const call *c) { return memory(c, KC_WIDE, true, true); }

/* sums[4 * rows * cols] of f32, left[4 * rows] and right[2 * cols] of u32; the sizes say rows and cols. */
static const kc_expr *sig_mma(const call *c)
{
    front *f = c->f;
    const char *name = kc_builtin_name(c->b);
    for (u32 i = 0; i < 3 && !f->status; i++) {
        const kc_var *v = c->args[i]->var;
        kc_type wanted = { i ? KC_U32 : KC_F32, 1 };
        if (!kc_type_same(v->type, wanted))
            front_fail(f, c->args[i]->pos, "argument %u of %s holds %s; '%s' holds %s", i + 1, name, kc_type_name(wanted),
                       v->name, kc_type_name(v->type));
    }
    if (f->status) return c->args[0];
    u32 sums = c->args[0]->var->n[0], left = c->args[1]->var->n[0], right = c->args[2]->var->n[0];
    if (left % 4 || right % 2)
        front_fail(f, c->pos, "%s takes 4 words a row of tiles on the left and 2 a column on the right; here are %u and %u",
                   name, left, right);
    else if (sums != left * right / 2)
        front_fail(f, c->pos, "%u words on the left and %u on the right make %u sums; '%s' has %u", left, right,
                   left * right / 2, c->args[0]->var->name, sums);
    return made(c, (kc_type){ KC_VOID, 1 });
}

/* Numbers that the language computes with; what they are is checked against the group in inline_subgroup.c. */
static const kc_expr *sig_subgroup(const call *c)
{
    front *f = c->f;
    const kc_var *v = c->args[0]->var;
    kc_type computing = type_computing(f, v->type);
    const kc_expr *args[KC_MAX_ARGS] = { c->args[0] };
    if (!kc_type_same(computing, v->type) || v->type.lanes != 1 || v->type.scalar == KC_BOOL)
        front_fail(f, c->args[0]->pos, "%s works on values of i32, u32, i64, u64 and f32; '%s' holds %s",
                   kc_builtin_name(c->b), v->name, kc_type_name(v->type));
    for (u32 i = 1; i < c->n && !f->status; i++) {
        i64 n;
        if (!fold_is_int(c->args[i], &n) || n < 0 || n > UINT32_MAX)
            front_fail(f, c->args[i]->pos, "argument %u of %s must be a constant that is no less than 0", i + 1,
                       kc_builtin_name(c->b));
        args[i] = f->status ? c->args[i] : type_int(f, KC_U32, n, c->args[i]->pos);
    }
    return f->status ? args[0] : type_make_call(f, c->b, (kc_type){ KC_VOID, 1 }, args, c->n, c->pos);
}

static const kc_expr *(*const signatures[])(const call *c) = {
    [SIG_F] = sig_float,
    [SIG_F_I32] = sig_float_i32,
    [SIG_F_BOOL] = sig_float_bool,
    [SIG_N] = sig_number,
    [SIG_BITS] = sig_bits,
    [SIG_F32_TO_U32] = sig_f32_to_u32,
    [SIG_U32_TO_F32] = sig_u32_to_f32,
    [SIG_F32_TO_I32] = sig_f32_to_i32,
    [SIG_SELECT] = sig_select,
    [SIG_DOT4] = sig_dot4,
    [SIG_ATOMIC] = sig_atomic,
    [SIG_ATOMIC_ADD] = sig_atomic_add,
    [SIG_LOAD4] = sig_load4,
    [SIG_STORE4] = sig_store4,
    [SIG_LOADW] = sig_loadw,
    [SIG_STOREW] = sig_storew,
    [SIG_LOADW_PART] = sig_loadw_part,
    [SIG_STOREW_PART] = sig_storew_part,
    [SIG_SUM] = sig_sum,
    [SIG_MMA] = sig_mma,
    [SIG_SUBGROUP] = sig_subgroup,
};

const kc_expr *type_call(front *f, kc_builtin b, const kc_expr **args, u32 n, kc_pos pos)
{
    const builtin_info *info = &infos[b];
    call c = { f, b, args, n, pos };
    if (n != info->args)
        front_fail(f, pos, "%s takes %u argument%s, here %s %u", kc_builtin_name(b), info->args, info->args == 1 ? "" : "s",
                   n == 1 ? "is" : "are", n);
    for (u32 i = 0; i < n && !f->status; i++)
        if (args[i]->op != K_ARRAY && args[i]->type.scalar == KC_VOID) front_fail(f, args[i]->pos, "this has no value");
    if (f->status) return type_int(f, KC_I32, 0, pos);
    return signatures[info->signature](&c);
}
