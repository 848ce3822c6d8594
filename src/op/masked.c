/* Attention with masks of many shapes and a past that is a tensor of its own or the front of a buffer.
 * A masked key is not hidden: mask_filter_value is added to its score. Only what is ahead of a row (unidirectional) is hidden. */
#include "op/masked.h"

#include "op/elems.h"
#include "op/op_util.h"

/* The size of a head where `heads` of them lie in `whole`. */
qn_status masked_divided(const infer *c, const char *what, sym whole, sym heads, sym *out)
{
    if (infer_differ(c->g, sym_mod(c->g, whole, heads), sym_zero(c->g)))
        return infer_fail(c, QN_E_SHAPE, "the last dimension of %s is no multiple of num_heads", what);
    *out = sym_div(c->g, whole, heads);
    return QN_OK;
}

qn_status masked_heads(const infer *c, sym *out)
{
    i64 heads = attr_int(c->n, "num_heads", 0);
    if (heads < 1 || heads > INT32_MAX)
        return infer_fail(c, QN_E_SHAPE, "num_heads is %lld, at least 1 is wanted", (long long)heads);
    *out = sym_number(c->g, heads);
    return QN_OK;
}

/* ------------------------------------------------------------------ a past, of its own or in a buffer */
qn_status masked_past(infer *c, const type *past, u32 axis, u32 length, masked *s)
{
    graph *g = c->g;
    const sym *n;
    s->past = past ? past->dims[axis] : sym_zero(g);
    s->room = s->keys = sym_add(g, s->past, s->fresh);
    if (!infer_has(c, length)) return QN_OK;
    if (!past) return infer_fail(c, QN_E_SHAPE, "past_sequence_length is there, but no past");
    if (elems_wanted(c, length, &n) != 1) return infer_fail(c, QN_E_SHAPE, "past_sequence_length must be one number");
    s->room = s->past, s->past = *n, s->in_buffer = true;
    s->keys = sym_add(g, s->past, s->fresh);
    sym some = sym_compare(g, '<', sym_number(g, -1), s->past);
    sym fits = sym_compare(g, '<', s->keys, sym_add(g, s->room, sym_one(g)));
    infer_need(g, sym_mul(g, some, fits), "a past of # and the new keys do not fit a buffer of #", s->past, s->room);
    return QN_OK;
}

void masked_past_of(build *b, val past, u32 axis, val length, masked *s)
{
    const sym *n;
    graph *g = b->g;
    if (b->status) return;
    s->past = past ? build_type(b, past)->dims[axis] : sym_zero(g);
    s->room = s->keys = sym_add(g, s->past, s->fresh);
    if (!length) return;
    if (value_elems(g, length, &n) != 1) build_fail(b, QN_E_BUG, "its past's length is not known");
    else s->room = s->past, s->past = *n, s->keys = sym_add(g, s->past, s->fresh), s->in_buffer = true;
}

val masked_present(build *b, val past, val x, i64 axis, const masked *s)
{
    if (!past || b->status) return x;
    if (!s->in_buffer) return build_concat(b, past, x, axis);
    attr along = attr_of_int("axis", axis);
    val each = build_syms(b, build_type(b, past)->dims, 1);
    val at = build_node(b, OP_Expand, (val[]){ attend_size(b, s->past), each }, 2, NULL, 0);
    return build_node(b, OP_TensorScatter, (val[]){ past, x, at }, 3, &along, 1);
}

val masked_seen(build *b, val present, i64 axis, const masked *s)
{
    return build_slice(b, present, axis, sym_zero(b->g), s->keys);
}

/* ------------------------------------------------------------------ masks */
typedef enum mask_kind { MASK_BAD, MASK_ENDS, MASK_ENDS_STARTS, MASK_KEYS, MASK_ROWS, MASK_SQUARE } mask_kind;

/* What a mask is, by its shape. Of one dimension: [batch] where the keys end, [2 batch] ends and starts, [3 batch + 2] ends and sums of lengths. */
static mask_kind mask_kind_of(graph *g, const type *mask, sym batch)
{
    sym two = sym_number(g, 2), thrice = sym_add(g, sym_mul(g, sym_number(g, 3), batch), two);
    if (mask->rank == 2) return MASK_KEYS;
    if (mask->rank == 3) return MASK_ROWS;
    if (mask->rank == 4) return MASK_SQUARE;
    if (mask->rank != 1) return MASK_BAD;
    if (sym_same(g, mask->dims[0], sym_mul(g, two, batch))) return MASK_ENDS_STARTS;
    return sym_same(g, mask->dims[0], batch) || sym_same(g, mask->dims[0], thrice) ? MASK_ENDS : MASK_BAD;
}

static qn_status check_mask(const infer *c, const type *mask, const masked *s)
{
    graph *g = c->g;
    if (!mask) return QN_OK;
    mask_kind kind = mask_kind_of(g, mask, s->batch);
    bool bad = kind == MASK_BAD;
    if (kind == MASK_KEYS || kind == MASK_ROWS)
        bad = infer_differ(g, last_of(mask), s->keys) || infer_differ(g, mask->dims[0], s->batch);
    if (kind == MASK_ROWS) bad = bad || infer_differ(g, mask->dims[1], s->rows);
    return bad ? infer_fail(c, QN_E_SHAPE, "the mask's shape fits neither the batch nor the keys") : QN_OK;
}

qn_status masked_check(const infer *c, u32 mask, u32 bias, const masked *s)
{
    const type scores = { .rank = 4, .known = true, .dims = { s->batch, s->heads, s->rows, s->keys } },
               *added = infer_in(c, bias);
    QN_TRY(check_mask(c, infer_in(c, mask), s));
    if (!added) return QN_OK;
    if (added->rank != 4) return infer_fail(c, QN_E_SHAPE, "attention_bias must have four dimensions");
    return infer_broadcast_to(c, bias, added, &scores);
}

/* n entries of v[..] from `from` on, as i64[n][1][1][1]. */
static val per_sample(build *b, val v, sym from, sym n)
{
    graph *g = b->g;
    sym one = sym_one(g), dims[4] = { n, one, one, one };
    return build_reshape(b, build_cast(b, build_slice(b, v, 0, from, sym_add(g, from, n)), QN_I64), dims, 4);
}

/* Rows [past, keys) and columns [0, keys) of mask[batch][1][most][most]. */
static val square_part(build *b, val mask, const masked *s)
{
    static const i64 axes[] = { 2, 3 };
    sym from[] = { s->past, sym_zero(b->g) }, to[] = { sym_add(b->g, s->past, s->rows), s->keys };
    val in[] = { mask, build_syms(b, from, 2), build_syms(b, to, 2), build_ints(b, axes, 2) };
    return build_node(b, OP_Slice, in, 4, NULL, 0);
}

/* Which keys the mask lets through: bools, broadcast to [batch][heads][rows][keys]. */
static val let_through(build *b, val mask, const masked *s)
{
    graph *g = b->g;
    sym one = sym_one(g), rows[4] = { s->batch, one, s->rows, s->keys }, keys[4] = { s->batch, one, one, s->keys };
    mask_kind kind = mask_kind_of(g, build_type(b, mask), s->batch);
    if (kind == MASK_ENDS || kind == MASK_ENDS_STARTS) {
        val seen = attend_before(b, per_sample(b, mask, sym_zero(g), s->batch), s->keys);
        if (kind == MASK_ENDS) return seen;
        val start = per_sample(b, mask, s->batch, s->batch);
        return build_op2(b, OP_And, seen, build_op2(b, OP_GreaterOrEqual, attend_places(b, s->keys), start));
    }
    if (kind == MASK_SQUARE) mask = square_part(b, mask, s);
    else mask = build_reshape(b, mask, kind == MASK_ROWS ? rows : keys, 4);
    return build_op2(b, OP_Greater, mask, build_scalar(b, QN_I32, 0));
}

static val filtered(build *b, val mask, const masked *s, qn_dtype d)
{
    if (!mask || b->status) return 0;
    val filter = build_scalar(b, d, attr_float(b->n, "mask_filter_value", -10000));
    return build_node(b, OP_Where, (val[]){ let_through(b, mask, s), build_scalar(b, d, 0), filter }, 3, NULL, 0);
}

/* ------------------------------------------------------------------ once q, k and v have their heads apart */
val masked_attended(build *b, attend a, const masked *s, val mask, val extra, val *scores)
{
    graph *g = b->g;
    if (b->status) return 0;
    qn_dtype d = build_type(b, a.q)->dtype;
    bool ahead = attr_int(b->n, "unidirectional", 0) != 0, plain = !scores && sym_same(g, s->fresh, s->rows);
    f64 scale = attr_float(b->n, "scale", 0);
    a.scale = scale != 0 ? scale : attend_scale(b, s->size);
    a.bias = build_op2(b, OP_Add, filtered(b, mask, s, d), extra);
    if (ahead && !plain) {
        attend_sight sight = { s->rows, s->keys, attend_size(b, s->past), -1, 0 };
        a.bias = build_op2(b, OP_Add, attend_sight_bias(b, &sight, d), a.bias);
    }
    val y = scores ? attend_steps(b, &a, ATTEND_BIASED, scores) : attend_fused(b, &a, ahead && plain ? 2 : 0);
    return attend_join_heads(b, y);
}

bool masked_wanted(const build *b, u32 i) { return i < b->n->n_out && b->n->out[i] && value_at(b->g, b->n->out[i])->uses; }
