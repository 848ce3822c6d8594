/* Shape arithmetic: elementwise ops over tensors whose elements are size expressions.
 *
 * In: the elems of a node's inputs. Out: the elems of its output, or none where an answer would not be exact for every size.
 * Floats have no elems; a Cast back to integers looks through Floor, Ceil, Mul, Div, Add and Sub of Casts instead (real_elem). */
#include <math.h>
#include <stdio.h>

#include "op/elems.h"
#include "op/op_util.h"

i64 elems_in(const infer *c, u32 i, const sym **out)
{
    val v = node_in(c->g, c->n, i);
    return v ? value_elems(c->g, v, out) : -1;
}

static sym *room_for(graph *g, const type *t, u32 *n)
{
    if (!dtype_is_int(t->dtype) && t->dtype != QN_BOOL) return NULL;
    u64 count = 1;
    for (u32 d = 0; d < t->rank; d++) {
        i64 dim;
        if (!sym_is_number(g, t->dims[d], &dim) || dim < 0 || dim > ELEMS_MAX) return NULL;
        count *= (u64)dim;
        if (count > ELEMS_MAX) return NULL;
    }
    *n = (u32)count;
    return ARENA_ARRAY(g->mem, count ? count : 1, sym);
}

sym *elems_room(const infer *c, const type *t, u32 *n) { return room_for(c->g, t, n); }

bool elems_ask(graph *g, val v)
{
    enum { MOST = 64 };
    u32 n;
    const value *x = value_at(g, v);
    if (x->elems || x->is_constant) return false;
    sym *elems = room_for(g, &x->type, &n);
    if (!elems || n > MOST) return false;
    char stem[64];
    snprintf(stem, sizeof stem, "%.40s[]", x->name ? x->name : "read");
    for (u32 k = 0; k < n; k++)
        if (!(elems[k] = sym_fresh_signed(g, stem))) return false;
    value *w = value_at(g, v);
    w->elems = elems, w->n_elems = n, w->elems_read = true;
    return true;
}

bool elems_settle(graph *g, const value *v, const sym *elems, u32 n)
{
    return v->n_elems == n && sym_settle_all(g, v->elems, elems, n);
}

i64 elems_wanted(infer *c, u32 i, const sym **out)
{
    val v = node_in(c->g, c->n, i);
    i64 known = elems_in(c, i, out);
    if (known >= 0 || !v || !elems_ask(c->g, v)) return known;
    c->variables = sym_variable_count(c->g); /* reading them makes no size fresh */
    return elems_in(c, i, out);
}

/* ------------------------------------------------------------------ rows */
bool elems_at_least_zero(graph *g, sym a) { return sym_is(g, sym_compare(g, '<', a, sym_zero(g)), 0); }

sym elems_truncated_div(graph *g, sym a, sym b)
{
    i64 x, y;
    if (sym_is(g, b, 0)) return 0;
    if (sym_is_number(g, a, &x) && sym_is_number(g, b, &y))
        return y == -1 ? sym_sub(g, sym_zero(g), a) : sym_number(g, x / y);
    return elems_at_least_zero(g, a) && elems_at_least_zero(g, b) ? sym_div(g, a, b) : 0;
}

static sym not_of(graph *g, sym a) { return sym_compare(g, '=', a, sym_zero(g)); }
static sym less(graph *g, sym a, sym b) { return sym_compare(g, '<', a, b); }
static sym equal(graph *g, sym a, sym b) { return sym_compare(g, '=', a, b); }
static sym greater(graph *g, sym a, sym b) { return less(g, b, a); }
static sym less_equal(graph *g, sym a, sym b) { return not_of(g, less(g, b, a)); }
static sym greater_equal(graph *g, sym a, sym b) { return not_of(g, less(g, a, b)); }
static sym both(graph *g, sym a, sym b) { return sym_mul(g, a, b); }
static sym either(graph *g, sym a, sym b) { return sym_max(g, a, b); }
static sym neg_of(graph *g, sym a) { return sym_sub(g, sym_zero(g), a); }
static sym abs_of(graph *g, sym a) { return sym_max(g, a, neg_of(g, a)); }
static sym relu_of(graph *g, sym a) { return sym_max(g, a, sym_zero(g)); }

/* clang-format off */
static const struct { op_id op; sym (*one)(graph *, sym); sym (*two)(graph *, sym, sym); sym (*three)(graph *, sym, sym, sym); } row_elems[] = {
    { OP_Add, .two = sym_add },      { OP_Sub, .two = sym_sub },           { OP_Mul, .two = sym_mul },
    { OP_Div, .two = elems_truncated_div }, { OP_Mod, .two = sym_mod },    { OP_Min, .two = sym_min },
    { OP_Max, .two = sym_max },      { OP_Less, .two = less },             { OP_Greater, .two = greater },
    { OP_Equal, .two = equal },      { OP_LessOrEqual, .two = less_equal }, { OP_GreaterOrEqual, .two = greater_equal },
    { OP_And, .two = both },         { OP_Or, .two = either },             { OP_Not, .one = not_of },
    { OP_Neg, .one = neg_of },       { OP_Abs, .one = abs_of },            { OP_Relu, .one = relu_of },
    { OP_Where, .three = sym_select },
};
/* clang-format on */

/* Where element k of a tensor of type `out` lies in an operand of type t that broadcasts to it. */
static u32 operand_index(graph *g, const type *out, const type *t, u32 k)
{
    u32 at = 0, stride = 1;
    for (u32 d = 0; d < out->rank; d++) {
        u32 axis = out->rank - 1 - d;
        i64 n = 1, own = 1;
        sym_is_number(g, out->dims[axis], &n);
        if (d < t->rank) sym_is_number(g, t->dims[t->rank - 1 - d], &own);
        if (own != 1) at += (k % (u32)n) * stride;
        stride *= (u32)own;
        k /= (u32)n;
    }
    return at;
}

/* Sizes are taken to fit in 32 bits; what a narrow type may wrap is kept only where it is a number in range. */
static sym unless_it_wraps(graph *g, sym a, qn_dtype to)
{
    i64 v;
    bool known = a && sym_is_number(g, a, &v);
    if (to == QN_I64 || to == QN_BOOL) return a;
    if (to == QN_I32) return known && (v < INT32_MIN || v > INT32_MAX) ? 0 : a;
    return known && v >= 0 && v <= 127 ? a : 0;
}

/* One element of a row's answer; 0: not known. */
static sym row_element(const infer *c, u32 row, const sym *args, u32 n)
{
    graph *g = c->g;
    for (u32 i = 0; i < n; i++)
        if (!args[i]) return 0;
    if (row_elems[row].one) return row_elems[row].one(g, args[0]);
    if (row_elems[row].three) return n == 3 ? row_elems[row].three(g, args[0], args[1], args[2]) : 0;
    if (c->n->op == OP_Mod && (sym_is(g, args[1], 0) || attr_int(c->n, "fmod", 0))) return 0;
    sym v = args[0];
    for (u32 i = 1; i < n; i++) v = row_elems[row].two(g, v, args[i]);
    return v;
}

qn_status elems_infer_row(infer *c, const type *t)
{
    enum { MOST = 8 };
    const sym *in[MOST];
    u32 row = 0, n, n_in = c->n->n_in;
    while (row < COUNT(row_elems) && row_elems[row].op != c->n->op) row++;
    if (row == COUNT(row_elems) || n_in > MOST) return infer_out(c, 0, t);
    for (u32 i = 0; i < n_in; i++)
        if (elems_in(c, i, &in[i]) < 0) return infer_out(c, 0, t);
    sym *elems = elems_room(c, t, &n);
    if (!elems) return infer_out(c, 0, t);
    for (u32 k = 0; k < n; k++) {
        sym args[MOST];
        for (u32 i = 0; i < n_in; i++) args[i] = in[i][operand_index(c->g, t, infer_in(c, i), k)];
        elems[k] = unless_it_wraps(c->g, row_element(c, row, args, n_in), t->dtype);
        if (!elems[k]) return infer_out(c, 0, t);
    }
    return infer_out_elems(c, 0, t, elems, n);
}

/* ------------------------------------------------------------------ Cast, through floats */
typedef struct ratio {
    sym num;
    i64 den;
} ratio; /* num / den; den >= 1 */

static bool ratio_of_number(graph *g, f64 v, ratio *out)
{
    for (i64 den = 1; den <= 4096; den *= 2) {
        f64 num = v * (f64)den;
        if (num == floor(num) && fabs(num) < 1e15) {
            *out = (ratio){ sym_number(g, (i64)num), den };
            return true;
        }
    }
    return false;
}

static bool constant_element(graph *g, val v, u32 k, ratio *out)
{
    qn_tensor t = constant_tensor(g, v);
    f64 number;
    if (qn_tensor_elems(&t) == 1) k = 0;
    if (k >= qn_tensor_elems(&t)) return false;
    if (t.dtype == QN_F32) {
        f32 narrow;
        memcpy(&narrow, (const u8 *)t.data + 4u * k, sizeof narrow);
        number = (f64)narrow;
    } else if (t.dtype == QN_F64) memcpy(&number, (const u8 *)t.data + 8u * k, sizeof number);
    else return false;
    return ratio_of_number(g, number, out);
}

static bool real_elem(graph *g, val v, u32 k, u32 depth, ratio *out);

static bool real_binary(graph *g, const node *n, u32 k, u32 depth, ratio *out)
{
    ratio a, b;
    if (!real_elem(g, node_in(g, n, 0), k, depth, &a) || !real_elem(g, node_in(g, n, 1), k, depth, &b)) return false;
    i64 divisor;
    switch (n->op) {
    case OP_Mul: *out = (ratio){ sym_mul(g, a.num, b.num), a.den * b.den }; break;
    case OP_Div:
        if (!sym_is_number(g, b.num, &divisor) || divisor <= 0 || divisor > 1 << 20) return false;
        *out = (ratio){ sym_mul(g, a.num, sym_number(g, b.den)), a.den * divisor };
        break;
    case OP_Add:
    case OP_Sub: {
        sym x = sym_mul(g, a.num, sym_number(g, b.den)), y = sym_mul(g, b.num, sym_number(g, a.den));
        *out = (ratio){ n->op == OP_Add ? sym_add(g, x, y) : sym_sub(g, x, y), a.den * b.den };
        break;
    }
    default: return false;
    }
    return out->num && out->den < (i64)1 << 40;
}

/* Element k of a float tensor as an exact ratio of size expressions, where its makers allow that. */
static bool real_elem(graph *g, val v, u32 k, u32 depth, ratio *out)
{
    const sym *elems;
    if (!v || depth == 0) return false;
    value_ask(g, v);
    qn_dtype d = value_at(g, v)->type.dtype;
    if (d != QN_F32 && d != QN_F64) return false; /* a narrower type, bool or integers in between would change the number */
    if (is_constant(g, v)) return constant_element(g, v, k, out);
    if (!value_at(g, v)->maker) return false;
    const node *n = node_at(g, value_at(g, v)->maker);
    val x = node_in(g, n, 0);
    switch (n->op) {
    case OP_Cast: {
        i64 count = value_elems(g, x, &elems);
        if (count < 0) return dtype_is_float(value_at(g, x)->type.dtype) && real_elem(g, x, k, depth - 1, out);
        if (count == 1) k = 0;
        if (k >= (u64)count || !elems[k]) return false;
        *out = (ratio){ elems[k], 1 };
        return true;
    }
    case OP_Floor:
    case OP_Ceil:
        if (!real_elem(g, x, k, depth - 1, out)) return false;
        *out = (ratio){ (n->op == OP_Floor ? sym_div : sym_ceil_div)(g, out->num, sym_number(g, out->den)), 1 };
        return out->num != 0;
    case OP_Identity:
    case OP_Reshape:
    case OP_Squeeze:
    case OP_Unsqueeze: return real_elem(g, x, k, depth - 1, out);
    default: return real_binary(g, n, k, depth - 1, out);
    }
}

/* Integer or bool to integer or bool. */
static sym cast_element(graph *g, sym a, qn_dtype to)
{
    return a && to == QN_BOOL ? not_of(g, not_of(g, a)) : unless_it_wraps(g, a, to);
}

qn_status elems_infer_cast(infer *c, const type *t)
{
    u32 n;
    const sym *in;
    sym *elems = elems_room(c, t, &n);
    if (!elems) return infer_out(c, 0, t);
    bool known = elems_in(c, 0, &in) >= 0;
    for (u32 k = 0; k < n; k++) {
        ratio r;
        if (known) elems[k] = cast_element(c->g, in[k], t->dtype);
        else if (t->dtype == QN_BOOL || !real_elem(c->g, node_in(c->g, c->n, 0), k, 12, &r)) elems[k] = 0;
        else
            elems[k] =
                cast_element(c->g, r.den == 1 ? r.num : elems_truncated_div(c->g, r.num, sym_number(c->g, r.den)), t->dtype);
        if (!elems[k]) return infer_out(c, 0, t);
    }
    return infer_out_elems(c, 0, t, elems, n);
}

/* ------------------------------------------------------------------ moving elements */
qn_status elems_infer_alias(infer *c, const type *t)
{
    const sym *in;
    i64 n = elems_in(c, 0, &in);
    if (n < 0 || n > ELEMS_MAX) return infer_out(c, 0, t);
    return infer_out_elems(c, 0, t, in, (u32)n);
}

qn_status elems_infer_pick(infer *c, u32 o, u32 i, const type *t, elems_index index, const void *how)
{
    const sym *in;
    u32 n;
    i64 n_in = elems_in(c, i, &in);
    sym *elems = n_in < 0 ? NULL : elems_room(c, t, &n);
    if (!elems) return infer_out(c, o, t);
    for (u32 k = 0; k < n; k++) {
        i64 at = index(how, k);
        if (at < 0 || at >= n_in) return infer_out(c, o, t);
        elems[k] = in[at];
    }
    return infer_out_elems(c, o, t, elems, n);
}
