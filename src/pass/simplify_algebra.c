/* Arithmetic that needs not be done, by rules that are exact: the result is equal (-0 counts as 0), for infinities and NaN too.
 * Each op has one rule, a function that gives the value to use instead, or 0. What would round differently is not here: x * 0 is NaN for
 * infinite x, (x + a) + b is not x + (a + b) for floats, x / 3 is not x * (1 / 3).
 * The one freedom taken: x^2 and x^3 become products, which round at least as well as any pow. */
#include <math.h>

#include "op/op_util.h"
#include "pass/match.h"

typedef val (*rule)(build *b, const node *n);

static bool is_op(const graph *g, val v, u16 op) { return match_maker(g, v) && match_maker(g, v)->op == op; }
static val first_in(const graph *g, val v) { return node_in(g, match_maker(g, v), 0); }
static val in(const build *b, const node *n, u32 i) { return node_in(b->g, n, i); }

/* ---- constants */

/* A power of two whose reciprocal is a normal number of the type too: multiplying and dividing by it is exact. */
static bool is_power_of_two(f64 c, qn_dtype d)
{
    int exponent, most = d == QN_F16 ? 14 : d == QN_F64 ? 1022 : 126;
    f64 part = frexp(fabs(c), &exponent);
    return part == 0.5 && exponent - 1 >= -most && exponent - 1 <= most;
}

/* (x op c1) op c2 with the inner node for this one alone: x, and both constants. */
static bool two_constants(const graph *g, const node *n, val *x, val *c1, val *c2)
{
    for (u32 i = 0; i < 2; i++) {
        const node *inner = match_only_maker(g, node_in(g, n, i));
        if (!inner || inner->op != n->op || inner->n_in != 2 || !is_constant(g, node_in(g, n, 1 - i))) continue;
        for (u32 k = 0; k < 2; k++) {
            *x = node_in(g, inner, k), *c1 = node_in(g, inner, 1 - k), *c2 = node_in(g, n, 1 - i);
            if (is_constant(g, *c1) && !is_constant(g, *x)) return true;
        }
    }
    return false;
}

static val neutral(build *b, const node *n, f64 unit, bool both_sides)
{
    for (u32 i = 0; i < 2; i++)
        if ((i == 1 || both_sides) && match_is(b->g, in(b, n, i), unit) && match_like_out(b->g, n, 1 - i))
            return in(b, n, 1 - i);
    return 0;
}

static val joined(build *b, u16 op, val x, val c1, val c2)
{
    return build_op2(b, (op_id)op, x, build_op2(b, (op_id)op, c1, c2));
}

/* ---- arithmetic */

static val add(build *b, const node *n)
{
    val x = neutral(b, n, 0, true), c1, c2;
    if (x) return x;
    for (u32 i = 0; i < 2; i++)
        if (is_op(b->g, in(b, n, i), OP_Neg)) return build_op2(b, OP_Sub, in(b, n, 1 - i), first_in(b->g, in(b, n, i)));
    return match_int(b->g, n->out[0]) && two_constants(b->g, n, &x, &c1, &c2) ? joined(b, OP_Add, x, c1, c2) : 0;
}

static val sub(build *b, const node *n)
{
    val x = neutral(b, n, 0, false);
    if (!x && is_op(b->g, in(b, n, 1), OP_Neg)) x = build_op2(b, OP_Add, in(b, n, 0), first_in(b->g, in(b, n, 1)));
    return x;
}

static val mul(build *b, const node *n)
{
    val x = neutral(b, n, 1, true), c1, c2;
    f64 v1, v2;
    if (x) return x;
    if (!two_constants(b->g, n, &x, &c1, &c2)) return 0;
    if (match_int(b->g, n->out[0])) return joined(b, OP_Mul, x, c1, c2);
    qn_dtype d = match_type(b->g, x)->dtype;
    if (!constant_f64(b->g, c1, &v1) || !constant_f64(b->g, c2, &v2)) return 0;
    bool exact = (is_power_of_two(v1, d) || is_power_of_two(v2, d)) && isnormal((f32)(v1 * v2)) && fabs(v1 * v2) < 60000 &&
                 fabs(v1 * v2) > 1e-4;
    return exact ? joined(b, OP_Mul, x, c1, c2) : 0;
}

/* A constant of the shape of constant c. */
static val filled_like(build *b, val c, f64 v)
{
    qn_tensor t = constant_tensor(b->g, c);
    u8 *data;
    val made = match_make_constant(b, t.dtype, t.rank, t.dims, &data);
    for (u64 i = 0; made && i < qn_tensor_elems(&t); i++) match_store(t.dtype, data, i, v);
    return made;
}

static val divide(build *b, const node *n)
{
    f64 c;
    val x = neutral(b, n, 1, false);
    if (x || !match_float(b->g, n->out[0])) return x;
    if (match_is(b->g, in(b, n, 0), 1) && !is_constant(b->g, in(b, n, 1)) && match_like_out(b->g, n, 1))
        return build_op1(b, OP_Reciprocal, in(b, n, 1));
    qn_dtype d = match_type(b->g, n->out[0])->dtype;
    if (!constant_f64(b->g, in(b, n, 1), &c) || !is_power_of_two(c, d) || is_constant(b->g, in(b, n, 0))) return 0;
    return build_op2(b, OP_Mul, in(b, n, 0), filled_like(b, in(b, n, 1), 1 / c));
}

/* ---- powers */

enum { LOOK_BACK = 4 };

/* v is surely 0 or more, or NaN. */
static bool not_negative(const graph *g, val v, u32 depth)
{
    const node *n = match_maker(g, v);
    f64 c;
    if (constant_f64(g, v, &c)) return c >= 0 && !signbit(c);
    if (!n || depth == 0) return false;
    if (!match_float(g, v)) return n->op == OP_Relu; /* the others wrap around */
    switch (n->op) {
    case OP_Abs:
    case OP_Exp:
    case OP_Relu:
    case OP_Sigmoid:
    case OP_Sqrt:
    case OP_Softplus: return true;
    case OP_Mul:
        if (node_in(g, n, 0) == node_in(g, n, 1)) return true;
        return not_negative(g, node_in(g, n, 0), depth - 1) && not_negative(g, node_in(g, n, 1), depth - 1);
    case OP_Add: return not_negative(g, node_in(g, n, 0), depth - 1) && not_negative(g, node_in(g, n, 1), depth - 1);
    case OP_Div: return constant_f64(g, node_in(g, n, 1), &c) && c > 0 && not_negative(g, node_in(g, n, 0), depth - 1);
    case OP_Pow: return match_is(g, node_in(g, n, 1), 2);
    case OP_ReduceMean:
    case OP_ReduceSum:
    case OP_Reshape:
    case OP_Transpose: return not_negative(g, node_in(g, n, 0), depth - 1);
    default: return false;
    }
}

static val power(build *b, const node *n)
{
    f64 e;
    val x = in(b, n, 0);
    if (!match_like_out(b->g, n, 0) || !constant_f64(b->g, in(b, n, 1), &e)) return 0;
    if (e == 1) return x;
    if (e == 2) return build_op2(b, OP_Mul, x, x);
    if (e == 3) return build_op2(b, OP_Mul, build_op2(b, OP_Mul, x, x), x);
    if (!match_float(b->g, x)) return 0;
    if (e == -1) return build_op1(b, OP_Reciprocal, x);
    if (e != 0.5 && e != -0.5) return 0;
    if (!not_negative(b->g, x, LOOK_BACK)) return 0; /* the root of -infinity is NaN, its power is infinite */
    val root = build_op1(b, OP_Sqrt, x);
    return e == 0.5 ? root : build_op1(b, OP_Reciprocal, root);
}

/* ---- doing twice what is done */

static val undone_by_itself(build *b, const node *n)
{
    return is_op(b->g, in(b, n, 0), n->op) ? first_in(b->g, in(b, n, 0)) : 0;
}
static val done_once(build *b, const node *n) { return is_op(b->g, in(b, n, 0), n->op) ? in(b, n, 0) : 0; }

static val absolute(build *b, const node *n)
{
    val x = in(b, n, 0);
    if (not_negative(b->g, x, 1) && !is_constant(b->g, x)) return x;
    return is_op(b->g, x, OP_Neg) ? build_op1(b, OP_Abs, first_in(b->g, x)) : 0;
}

/* ---- bounds */

typedef struct range {
    val x;
    f64 lo, hi;
    bool has_lo, has_hi;
} range;

static bool is_bound(const graph *g, val v, f64 *out)
{
    return constant_f64(g, v, out) && match_elems_are(g, v, 1) && !isnan(*out);
}

/* n holds its input between numbers: Relu, Clip, and Max or Min with one constant. */
static bool range_of(const graph *g, const node *n, range *out)
{
    u32 at;
    f64 c;
    *out = (range){ .x = node_in(g, n, 0) };
    switch (n->op) {
    case OP_Relu: out->has_lo = true; return true;
    case OP_Clip:
        if (node_in(g, n, 1) && !(out->has_lo = is_bound(g, node_in(g, n, 1), &out->lo))) return false;
        return !node_in(g, n, 2) || (out->has_hi = is_bound(g, node_in(g, n, 2), &out->hi));
    case OP_Max:
    case OP_Min:
        out->x = match_beside_constant(g, n, &c, &at);
        if (!out->x || !is_bound(g, node_in(g, n, at), &c) || !match_same_type(g, out->x, n->out[0])) return false;
        *(n->op == OP_Max ? &out->lo : &out->hi) = c;
        *(n->op == OP_Max ? &out->has_lo : &out->has_hi) = true;
        return true;
    default: return false;
    }
}

static f64 held(f64 v, const range *r)
{
    if (r->has_lo && v < r->lo) v = r->lo;
    return r->has_hi && v > r->hi ? r->hi : v;
}

/* The outer range of the inner one: as one range. Needs lo <= hi in both. */
static range both(const range *outer, const range *inner)
{
    range r = { .x = inner->x, .has_lo = inner->has_lo || outer->has_lo, .has_hi = inner->has_hi || outer->has_hi };
    r.lo = inner->has_lo ? held(inner->lo, outer) : outer->lo;
    r.hi = inner->has_hi ? held(inner->hi, outer) : outer->hi;
    return r;
}

static bool in_order(const range *r) { return !r->has_lo || !r->has_hi || r->lo <= r->hi; }

/* Beyond 2^53 an f64 is not every integer. */
static bool bounds_exact(const graph *g, const range *r, val like)
{
    bool wide = match_type(g, like)->dtype == QN_I64 || match_type(g, like)->dtype == QN_U64;
    return !wide || (fabs(r->lo) < 9e15 && fabs(r->hi) < 9e15);
}

static bool relu_takes(const graph *g, val x) { return match_float(g, x) || dtype_is_signed_int(match_type(g, x)->dtype); }

static val range_node(build *b, const range *r)
{
    qn_dtype d = match_type(b->g, r->x)->dtype;
    if (r->has_lo && !r->has_hi && r->lo == 0 && relu_takes(b->g, r->x)) return build_op1(b, OP_Relu, r->x);
    val lo = r->has_lo ? build_scalar(b, d, r->lo) : 0, hi = r->has_hi ? build_scalar(b, d, r->hi) : 0;
    return build_node(b, OP_Clip, (val[]){ r->x, lo, hi }, 3, NULL, 0);
}

static val bound(build *b, const node *n)
{
    range outer, inner;
    if (!range_of(b->g, n, &outer) || is_constant(b->g, outer.x)) return 0;
    const node *before = match_maker(b->g, outer.x);
    bool joins = before && range_of(b->g, before, &inner) && in_order(&inner) && in_order(&outer) &&
                 bounds_exact(b->g, &inner, outer.x) && bounds_exact(b->g, &outer, outer.x);
    if (joins) {
        outer = both(&outer, &inner);
        return range_node(b, &outer);
    }
    if (!outer.has_lo && !outer.has_hi) return outer.x;
    bool only_above_0 = outer.has_lo && !outer.has_hi && outer.lo == 0;
    bool plainer = n->op == OP_Max || n->op == OP_Min || (n->op == OP_Clip && only_above_0 && relu_takes(b->g, outer.x));
    return plainer && bounds_exact(b->g, &outer, outer.x) ? range_node(b, &outer) : 0;
}

/* ---- choosing, casting, reducing */

static val where(build *b, const node *n)
{
    f64 c;
    if (in(b, n, 1) == in(b, n, 2) && match_like_out(b->g, n, 1)) return in(b, n, 1);
    if (!constant_f64(b->g, in(b, n, 0), &c)) return 0;
    return match_like_out(b->g, n, c != 0 ? 1 : 2) ? in(b, n, c != 0 ? 1 : 2) : 0;
}

/* Bits of a number that a type holds exactly: integers by their width, floats by their significand. A type that is not here, as texts and
 * floats of 8 bits, which have few exponents, is not compared. */
static const struct {
    u8 kind, bits;
} holds[QN_DTYPE_COUNT] = {
    [QN_F32] = { 'f', 24 }, [QN_F16] = { 'f', 11 }, [QN_BF16] = { 'f', 8 }, [QN_F64] = { 'f', 53 }, [QN_BOOL] = { 'u', 1 },
    [QN_I8] = { 'i', 7 },   [QN_I16] = { 'i', 15 }, [QN_I32] = { 'i', 31 }, [QN_I64] = { 'i', 63 }, [QN_U8] = { 'u', 8 },
    [QN_U16] = { 'u', 16 }, [QN_U32] = { 'u', 32 }, [QN_U64] = { 'u', 64 },
};

static bool loses_nothing(qn_dtype from, qn_dtype to)
{
    if (from == to) return true;
    if (!holds[from].kind || !holds[to].kind) return false;
    if (holds[from].kind == 'f') return to == QN_F64 || (to == QN_F32 && from != QN_F64);
    if (to == QN_BOOL || (holds[from].kind == 'i' && holds[to].kind == 'u')) return false;
    return holds[from].bits <= holds[to].bits;
}

static val cast(build *b, const node *n)
{
    const node *before = match_maker(b->g, in(b, n, 0));
    if (!before || before->op != OP_Cast) return 0;
    val x = node_in(b->g, before, 0);
    if (!loses_nothing(match_type(b->g, x)->dtype, match_type(b->g, in(b, n, 0))->dtype)) return 0;
    if (match_same_type(b->g, x, n->out[0])) return x;
    return build_node(b, OP_Cast, &x, 1, n->attrs, n->n_attrs);
}

/* A mean, sum, product or extreme over sizes of 1 is its operand. */
static val reduce(build *b, const node *n)
{
    val x = in(b, n, 0);
    const type *t = match_type(b->g, x), *y = match_type(b->g, n->out[0]);
    bool has, noop = attr_int(n, "noop_with_empty_axes", 0) != 0;
    i64 ignored[QN_MAX_RANK];
    if (in(b, n, 1) && match_ints(b->g, in(b, n, 1), ignored, QN_MAX_RANK) < 0) return 0;
    u32 axes = node_axes(b->g, n, "axes", 1, t->rank, &has);
    if (!axes) axes = noop ? 0 : ~0u;
    for (u32 d = 0; d < t->rank; d++)
        if (axes >> d & 1 && !sym_is(b->g, t->dims[d], 1)) return 0;
    if (match_same_type(b->g, x, n->out[0])) return x;
    return build_reshape(b, x, y->dims, y->rank);
}

/* clang-format off */
static const struct { u16 op; rule rule; } rules[] = {
    { OP_Add, add },             { OP_Sub, sub },             { OP_Mul, mul },             { OP_Div, divide },
    { OP_Pow, power },           { OP_Neg, undone_by_itself }, { OP_Not, undone_by_itself }, { OP_BitwiseNot, undone_by_itself },
    { OP_Ceil, done_once },      { OP_Floor, done_once },     { OP_Round, done_once },     { OP_Sign, done_once },
    { OP_Abs, absolute },        { OP_Relu, bound },          { OP_Clip, bound },          { OP_Max, bound },
    { OP_Min, bound },           { OP_Where, where },         { OP_Cast, cast },           { OP_ReduceMean, reduce },
    { OP_ReduceSum, reduce },    { OP_ReduceMax, reduce },    { OP_ReduceMin, reduce },    { OP_ReduceProd, reduce },
};
/* clang-format on */

static bool simplify(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    u32 i = 0;
    while (i < COUNT(rules) && rules[i].op != n->op) i++;
    if (i == COUNT(rules) || value_at(j->g, n->out[0])->elems) return false;
    build b = pass_build(j, id);
    val y = rules[i].rule(&b, n);
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

const pass_def pass_simplify_algebra = {
    .name = "simplify_algebra",
    .doc = "arithmetic that needs not be done: neutral elements, inverses, bounds of bounds, small powers, casts that lose "
           "nothing",
    .at = OP_NONE,
    .rewrite = simplify,
    .test =
        "const o: f32[] = {1}; const z: f32[1] = {0}; in x: f32[2]; a = Mul(o, x); b = Div(a, o); c = Add(z, b); d = Sub(c, "
        "z); out d"
        " -> in x: f32[2]; out d = x"
        "\n---\n"
        "const o: f32[1] = {1}; in x: f32[]; y = Mul(x, o); out y -> const o: f32[1] = {1}; in x: f32[]; y = Mul(x, o); out "
        "y"
        "\n---\n"
        "const z: f32[] = {0}; in x: f32[2]; y = Mul(x, z); out y -> const z: f32[] = {0}; in x: f32[2]; y = Mul(x, z); out "
        "y"
        "\n---\n"
        "const p: f32[] = {2}; const q: f32[] = {3}; in x: f32[2]; a = Pow(x, p); b = Pow(x, q); out a, b"
        " -> in x: f32[2]; a = Mul(x, x); c = Mul(x, x); b = Mul(c, x); out a, b"
        "\n---\n"
        "const h: f32[] = {0.5}; in x: f32[2]; a = Abs(x); y = Pow(a, h); z = Pow(x, h); out y, z"
        " -> const h: f32[] = {0.5}; in x: f32[2]; a = Abs(x); y = Sqrt(a); z = Pow(x, h); out y, z"
        "\n---\n"
        "const c: f32[] = {8}; const d: f32[] = {3}; in x: f32[2]; y = Div(x, c); z = Div(y, d); out z"
        " -> const d: f32[] = {3}; const r: f32[] = {0.125}; in x: f32[2]; y = Mul(x, r); z = Div(y, d); out z"
        "\n---\n"
        "in x: f32[2]; a = Neg(x); b = Neg(a); c = Relu(b); d = Relu(c); out d -> in x: f32[2]; d = Relu(x); out d"
        "\n---\n"
        "const l: f32[] = {0}; const h: f32[] = {6}; in x: f32[2]; a = Max(x, l); y = Min(h, a); out y"
        " -> const l: f32[] = {0}; const h: f32[] = {6}; in x: f32[2]; y = Clip(x, l, h); out y"
        "\n---\n"
        "const l: f32[] = {-1}; const h: f32[] = {6}; in x: f32[2]; a = Relu(x); y = Clip(a, l, h); out y, a"
        " -> const l: f32[] = {0}; const h: f32[] = {6}; in x: f32[2]; a = Relu(x); y = Clip(x, l, h); out y, a"
        "\n---\n"
        "const l: u8[] = {0}; in x: u8[2]; y = Clip(x, l); out y -> const l: u8[] = {0}; in x: u8[2]; y = Clip(x, l); out y"
        "\n---\n"
        "const a: i32[2] = {1, 2}; const b: i32[] = {3}; in x: i32[2]; y = Add(x, a); z = Add(b, y); out z"
        " -> const a: i32[2] = {1, 2}; const b: i32[] = {3}; in x: i32[2]; c = Add(a, b); z = Add(x, c); out z"
        "\n---\n"
        "const a: f32[] = {1}; const b: f32[] = {3}; in x: f32[2]; y = Add(x, a); z = Add(b, y); out z"
        " -> const a: f32[] = {1}; const b: f32[] = {3}; in x: f32[2]; y = Add(x, a); z = Add(b, y); out z"
        "\n---\n"
        "const a: f32[] = {0.5}; const b: f32[] = {3}; in x: f32[2]; y = Mul(x, a); z = Mul(b, y); out z"
        " -> const a: f32[] = {0.5}; const b: f32[] = {3}; in x: f32[2]; c = Mul(a, b); z = Mul(x, c); out z"
        "\n---\n"
        "const c: bool[1] = {1}; in x: f32[2]; in y: f32[2]; z = Where(c, x, y); w = Add(z, y); out w"
        " -> in x: f32[2]; in y: f32[2]; w = Add(x, y); out w"
        "\n---\n"
        "in x: i32[2]; in y: f32[2]; a = Mul(x, x); b = Abs(a); c = Mul(y, y); d = Abs(c); out b, d"
        " -> in x: i32[2]; in y: f32[2]; a = Mul(x, x); b = Abs(a); c = Mul(y, y); out b, d = c"
        "\n---\n"
        "const h: f32[] = {0.5}; in x: f32[2]; a = Exp(x); b = Mul(x, a); c = Mul(b, h); out c"
        " -> const h: f32[] = {0.5}; in x: f32[2]; a = Exp(x); b = Mul(x, a); c = Mul(b, h); out c"
        "\n---\n"
        "in x: f16[2]; a = Cast(x, to=1); b = Cast(a, to=10); c = Cast(a, to=16); d = Cast(c, to=1); out b, d"
        " -> in x: f16[2]; c = Cast(x, to=16); d = Cast(c, to=1); out b = x, d"
        "\n---\n"
        "in x: f8e5m2fnuz[2]; a = Cast(x, to=18); b = Cast(a, to=1); out b"
        " -> in x: f8e5m2fnuz[2]; a = Cast(x, to=18); b = Cast(a, to=1); out b"
        "\n---\n"
        "in x: string[2]; a = Cast(x, to=1); b = Cast(a, to=8); out b"
        " -> in x: string[2]; a = Cast(x, to=1); b = Cast(a, to=8); out b"
        "\n---\n"
        "in x: i32[2]; a = Cast(x, to=1); b = Cast(a, to=7); out b -> in x: i32[2]; a = Cast(x, to=1); b = Cast(a, to=7); "
        "out b"
        "\n---\n"
        "const a: i64[1] = {1}; in x: f32[2,1,n]; y = ReduceMean(x, a, keepdims=1); z = ReduceMean(y, a, keepdims=0); out z"
        " -> in x: f32[2,1,n]; sizes s: i64[2] = {2, n}; z = Reshape(x, s, allowzero=1); out z",
};
