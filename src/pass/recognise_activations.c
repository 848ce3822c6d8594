/* Activations that exporters write out as arithmetic become one op again: Gelu by erf and by tanh, Swish (SiLU, QuickGelu), HardSwish, Mish.
 *
 * All are products, written in any order: x * 0.5 * (1 + erf(x / sqrt 2)) and the like. So a tree of Mul, and Div by a number, is taken
 * apart into its factors and one number; then it is looked up which factors they are. Only the order of rounding changes. */
#include <math.h>

#include "pass/match.h"

enum { MOST_FACTORS = 4, DEPTH = 6 };
typedef struct product {
    val factor[MOST_FACTORS];
    u32 n;
    f64 number;
} product;

static bool is_scalar_constant(const graph *g, val v, f64 *c) { return constant_f64(g, v, c); }

static bool multiply(const graph *g, val v, u32 depth, product *p);

static bool multiply_node(const graph *g, const node *n, u32 depth, product *p)
{
    f64 c;
    if (n->op == OP_Mul) return multiply(g, node_in(g, n, 0), depth - 1, p) && multiply(g, node_in(g, n, 1), depth - 1, p);
    if (!is_scalar_constant(g, node_in(g, n, 1), &c) || c == 0) return false;
    p->number /= c;
    return multiply(g, node_in(g, n, 0), depth - 1, p);
}

static bool splits(const graph *g, const node *n)
{
    f64 c;
    return n && (n->op == OP_Mul || (n->op == OP_Div && constant_f64(g, node_in(g, n, 1), &c)));
}

/* v's factors into p. What others read as well is one factor, not taken apart. */
static bool multiply(const graph *g, val v, u32 depth, product *p)
{
    f64 c;
    const node *n = depth ? match_only_maker(g, v) : NULL;
    if (is_scalar_constant(g, v, &c)) {
        p->number *= c;
        return true;
    }
    if (splits(g, n)) return multiply_node(g, n, depth, p);
    if (p->n == MOST_FACTORS) return false;
    p->factor[p->n++] = v;
    return true;
}

static bool product_of(const graph *g, val v, product *p)
{
    *p = (product){ .number = 1 };
    const node *n = match_maker(g, v);
    return splits(g, n) ? multiply_node(g, n, DEPTH, p) : multiply(g, v, 0, p);
}

/* The number a is b, as v's type writes it: each of the few constants behind it was rounded once. */
static bool near(const graph *g, val v, f64 a, f64 b)
{
    static const f64 roundings[QN_DTYPE_COUNT] = { [QN_F16] = 2e-3, [QN_BF16] = 1.6e-2, [QN_F32] = 5e-7, [QN_F64] = 1e-15 };
    return fabs(a - b) <= roundings[match_type(g, v)->dtype] * fabs(b);
}

/* ---- parts */

/* v = 1 + y: y, or 0. */
static val one_plus(const graph *g, val v)
{
    u32 at;
    f64 c;
    const node *n = match_maker(g, v);
    val y = n && n->op == OP_Add ? match_beside_constant(g, n, &c, &at) : 0;
    return y && c == 1 ? y : 0;
}

static val operand_of(const graph *g, val v, u16 op)
{
    const node *n = match_maker(g, v);
    return n && n->op == op ? node_in(g, n, 0) : 0;
}

/* v = number * x. */
static bool is_multiple(const graph *g, val v, val x, f64 number)
{
    product p;
    if (v == x) return number == 1;
    return product_of(g, v, &p) && p.n == 1 && p.factor[0] == x && near(g, v, p.number, number);
}

static bool is_cube(const graph *g, val v, val x, f64 number)
{
    product p;
    if (!product_of(g, v, &p) || !near(g, v, p.number, number)) return false;
    if (p.n == 1) {
        const node *n = match_maker(g, p.factor[0]);
        return n && n->op == OP_Pow && node_in(g, n, 0) == x && match_is(g, node_in(g, n, 1), 3);
    }
    if (p.n == 2) /* x times a square that others read, too */
        for (u32 i = 0; i < 2; i++) {
            const node *n = match_maker(g, p.factor[i]);
            if (p.factor[1 - i] == x && n && n->op == OP_Mul && node_in(g, n, 0) == x && node_in(g, n, 1) == x) return true;
        }
    return p.n == 3 && p.factor[0] == x && p.factor[1] == x && p.factor[2] == x;
}

static const f64 ROOT_HALF = 0.70710678118654752, ROOT_2_BY_PI = 0.79788456080286536, CUBIC = 0.044715;

/* v = x + 0.044715 x^3. */
static bool is_bent(const graph *g, val v, val x)
{
    const node *n = match_maker(g, v);
    if (!n || n->op != OP_Add) return false;
    for (u32 i = 0; i < 2; i++)
        if (node_in(g, n, i) == x && is_cube(g, node_in(g, n, 1 - i), x, CUBIC)) return true;
    return false;
}

/* u = sqrt(2/pi) (x + 0.044715 x^3), also written sqrt(2/pi) x (1 + 0.044715 x x). */
static bool is_tanh_operand(const graph *g, val u, val x)
{
    product p, square;
    if (!product_of(g, u, &p) || !near(g, u, p.number, ROOT_2_BY_PI)) return false;
    if (p.n == 1) return is_bent(g, p.factor[0], x);
    for (u32 i = 0; i < 2 && p.n == 2; i++) {
        val y = p.factor[1 - i] == x ? one_plus(g, p.factor[i]) : 0;
        if (!y || !product_of(g, y, &square) || !near(g, y, square.number, CUBIC)) continue;
        if (square.n == 2 && square.factor[0] == x && square.factor[1] == x) return true;
        const node *n = square.n == 1 ? match_maker(g, square.factor[0]) : NULL;
        if (n && n->op == OP_Pow && node_in(g, n, 0) == x && match_is(g, node_in(g, n, 1), 2)) return true;
    }
    return false;
}

/* ---- wholes: x and one more factor f, times a number */

static val gelu(build *b, val x, val f, f64 number)
{
    val y = number == 0.5 ? one_plus(b->g, f) : 0, u;
    if (!y) return 0;
    if ((u = operand_of(b->g, y, OP_Erf)) && is_multiple(b->g, u, x, ROOT_HALF)) return build_op1(b, OP_GeluErf, x);
    if ((u = operand_of(b->g, y, OP_Tanh)) && is_tanh_operand(b->g, u, x)) return build_op1(b, OP_GeluTanh, x);
    return 0;
}

static val swish(build *b, val x, val f, f64 number)
{
    product p;
    val u = number == 1 ? operand_of(b->g, f, OP_Sigmoid) : 0;
    if (!u) return 0;
    if (u == x) return build_op1(b, OP_Swish, x);
    if (!product_of(b->g, u, &p) || p.n != 1 || p.factor[0] != x) return 0;
    if (match_type(b->g, x)->dtype == QN_F64 && p.number != (f64)(f32)p.number)
        return 0; /* attributes reach kernels as f32 */
    attr alpha = attr_of_float("alpha", p.number);
    return build_node(b, OP_Swish, &x, 1, &alpha, 1);
}

static val hard_swish(build *b, val x, val f, f64 number)
{
    const graph *g = b->g;
    const node *n = match_maker(g, f);
    u32 at;
    f64 c;
    if (!n) return 0;
    if (n->op == OP_HardSigmoid && number == 1 && node_in(g, n, 0) == x &&
        near(g, x, attr_float(n, "alpha", 0.2), 1.0 / 6) && attr_float(n, "beta", 0.5) == 0.5)
        return build_op1(b, OP_HardSwish, x);
    if (n->op != OP_Clip || !near(g, x, number, 1.0 / 6) || !match_is(g, node_in(g, n, 1), 0) ||
        !match_is(g, node_in(g, n, 2), 6))
        return 0;
    if (match_type(g, x)->dtype == QN_F64) return 0; /* HardSwish's 1/6 is an f32 */
    const node *sum = match_maker(g, node_in(g, n, 0));
    bool fits = sum && sum->op == OP_Add && match_beside_constant(g, sum, &c, &at) == x && c == 3;
    return fits ? build_op1(b, OP_HardSwish, x) : 0;
}

static val mish(build *b, val x, val f, f64 number)
{
    val u = number == 1 ? operand_of(b->g, f, OP_Tanh) : 0;
    if (!u) return 0;
    if (operand_of(b->g, u, OP_Softplus) == x) return build_op1(b, OP_Mish, x);
    val e = operand_of(b->g, u, OP_Log) ? one_plus(b->g, operand_of(b->g, u, OP_Log)) : 0;
    return e && operand_of(b->g, e, OP_Exp) == x ? build_op1(b, OP_Mish, x) : 0;
}

static val (*const wholes[])(build *b, val x, val f, f64 number) = { gelu, swish, hard_swish, mish };

static bool recognise(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    product p = { .number = 1 };
    if (!splits(j->g, n) || !match_float(j->g, n->out[0]) || !multiply_node(j->g, n, DEPTH, &p) || p.n != 2) return false;
    build b = pass_build(j, id);
    val y = 0;
    for (u32 w = 0; w < COUNT(wholes) && !y; w++)
        for (u32 i = 0; i < 2 && !y && b.status == QN_OK; i++)
            if (match_same_type(j->g, p.factor[i], node_at(j->g, id)->out[0]))
                y = wholes[w](&b, p.factor[i], p.factor[1 - i], p.number);
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

const pass_def pass_recognise_activations = {
    .name = "recognise_activations",
    .doc = "Gelu, Swish, HardSwish and Mish that were exported as arithmetic become one op",
    .at = OP_NONE,
    .rewrite = recognise,
    .test = "const r: f32[] = {1.4142135}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2,3];"
            "a = Div(x, r); b = Erf(a); c = Add(b, o); d = Mul(x, c); y = Mul(d, h); out y"
            " -> in x: f32[2,3]; y = quern.GeluErf(x); out y"
            "\n---\n"
            "const r: f32[] = {0.70710677}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2,3];"
            "a = Mul(r, x); b = Erf(a); c = Add(o, b); d = Mul(h, c); y = Mul(x, d); out y"
            " -> in x: f32[2,3]; y = quern.GeluErf(x); out y"
            "\n---\n"
            "const r: f32[] = {1.5}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2];"
            "a = Div(x, r); b = Erf(a); c = Add(b, o); d = Mul(x, c); y = Mul(d, h); out y"
            " -> const r: f32[] = {1.5}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2];"
            "    a = Div(x, r); b = Erf(a); c = Add(b, o); d = Mul(x, c); y = Mul(d, h); out y"
            "\n---\n"
            "const k: f32[] = {0.044715}; const s: f32[] = {0.7978846}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: "
            "f32[2];"
            "q = Mul(x, x); p = Mul(q, x); a = Mul(p, k); b = Add(x, a); c = Mul(b, s); d = Tanh(c); e = Add(d, o); f = "
            "Mul(x, h); y = Mul(f, e); out y"
            " -> in x: f32[2]; y = quern.GeluTanh(x); out y"
            "\n---\n"
            "const k: f32[] = {0.044715}; const s: f32[] = {0.7978846}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: "
            "f32[2];"
            "q = Mul(x, k); p = Mul(q, x); a = Add(p, o); b = Mul(s, x); c = Mul(b, a); d = Tanh(c); e = Add(d, o); f = "
            "Mul(e, h); y = Mul(f, x); out y"
            " -> in x: f32[2]; y = quern.GeluTanh(x); out y"
            "\n---\n"
            "in x: f32[2]; a = Sigmoid(x); y = Mul(a, x); out y, a -> in x: f32[2]; a = Sigmoid(x); y = Swish(x); out y, a"
            "\n---\n"
            "const c: f32[] = {1.5}; in x: f32[2]; a = Mul(x, c); b = Sigmoid(a); y = Mul(x, b); out y -> in x: f32[2]; y = "
            "Swish(x, alpha=1.5); out y"
            "\n---\n"
            "const c: f64[] = {1.702}; in x: f64[2]; a = Mul(x, c); b = Sigmoid(a); y = Mul(x, b); out y -> const c: f64[] "
            "= {1.702}; "
            "in x: f64[2]; a = Mul(x, c); b = Sigmoid(a); y = Mul(x, b); out y"
            "\n---\n"
            "const r: f32[] = {1.413}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2];"
            "a = Div(x, r); b = Erf(a); c = Add(b, o); d = Mul(x, c); y = Mul(d, h); out y"
            " -> const r: f32[] = {1.413}; const o: f32[] = {1}; const h: f32[] = {0.5}; in x: f32[2];"
            "    a = Div(x, r); b = Erf(a); c = Add(b, o); d = Mul(x, c); y = Mul(d, h); out y"
            "\n---\n"
            "in x: f32[2]; in z: f32[2]; a = Sigmoid(x); y = Mul(a, z); out y -> in x: f32[2]; in z: f32[2]; a = "
            "Sigmoid(x); y = Mul(a, z); out y"
            "\n---\n"
            "const t: f32[] = {3}; const l: f32[] = {0}; const s: f32[] = {6}; in x: f32[2];"
            "a = Add(x, t); b = Clip(a, l, s); c = Mul(x, b); y = Div(c, s); out y -> in x: f32[2]; y = HardSwish(x); out y"
            "\n---\n"
            "const t: f64[] = {3}; const l: f64[] = {0}; const s: f64[] = {6}; in x: f64[2];"
            "a = Add(x, t); b = Clip(a, l, s); c = Mul(x, b); y = Div(c, s); out y -> "
            "const t: f64[] = {3}; const l: f64[] = {0}; const s: f64[] = {6}; in x: f64[2];"
            "a = Add(x, t); b = Clip(a, l, s); c = Mul(x, b); y = Div(c, s); out y"
            "\n---\n"
            "in x: f32[2]; a = Softplus(x); b = Tanh(a); y = Mul(x, b); out y -> in x: f32[2]; y = Mish(x); out y",
};
