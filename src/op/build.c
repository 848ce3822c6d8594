/* Expansion: nodes, constants and sizes in front of the node that they replace. A failure sticks: from then on every value is 0, and
 * build_done gives the status. */
#include <assert.h>

#include "op/op_util.h"

val build_in(const build *b, u32 i) { return node_in(b->g, b->n, i); }

nid build_node_outs(build *b, op_id op, const val *in, u32 n_in, u32 n_out, const attr *attrs, u32 n_attrs)
{
    val out[16] = { 0 };
    assert(n_out <= COUNT(out));
    if (b->status != QN_OK) return 0;
    nid n = graph_node(b->g, b->before, (u16)op, b->n ? b->n->name : NULL, in, n_in, out, n_out, attrs, n_attrs);
    b->status = n ? graph_infer_node(b->g, n) : QN_E_NOMEM;
    if (b->status != QN_OK) fail_in(b->status, "while expanding '%s': ", b->n->name);
    return b->status == QN_OK ? n : 0;
}

val build_node(build *b, op_id op, const val *in, u32 n_in, const attr *attrs, u32 n_attrs)
{
    nid n = build_node_outs(b, op, in, n_in, 1, attrs, n_attrs);
    return n ? node_at(b->g, n)->out[0] : 0;
}

val build_op1(build *b, op_id op, val x) { return build_node(b, op, &x, 1, NULL, 0); }

val build_op2(build *b, op_id op, val x, val y)
{
    if (!x || !y) return x ? x : y;
    return build_node(b, op, (const val[]){ x, y }, 2, NULL, 0);
}

/* The value a build function made; a failure to make it sticks. */
static val made(build *b, val v)
{
    if (!v && b->status == QN_OK) b->status = QN_E_NOMEM;
    return v;
}

/* What of v an integer of type d holds: the nearest that it has, of a NaN 0. */
static f64 as_integer(qn_dtype d, f64 v)
{
    bool sign = dtype_is_signed_int(d);
    f64 end = (f64)(1ull << (8 * qn_dtype_bytes(d) - 1)) * (sign ? 1 : 2), last = end * (1 - 0x1p-53);
    return v != v ? 0 : MIN(MAX(v, sign ? -end : 0), last);
}

/* clang-format off */
static void store_f64(qn_dtype d, f64 v, void *to)
{
    switch (d) {
    case QN_F32:  memcpy(to, &(f32){ (f32)v }, 4); break;
    case QN_F16:  memcpy(to, &(u16){ f16_from_f32((f32)v) }, 2); break;
    case QN_BF16: memcpy(to, &(u16){ bf16_from_f32((f32)v) }, 2); break;
    case QN_F64:  memcpy(to, &v, 8); break;
    case QN_I4: case QN_I2:
    case QN_I8:   memcpy(to, &(i8){ (i8)v }, 1); break;
    case QN_I16:  memcpy(to, &(i16){ (i16)v }, 2); break;
    case QN_I32:  memcpy(to, &(i32){ (i32)v }, 4); break;
    case QN_I64:  memcpy(to, &(i64){ (i64)v }, 8); break;
    case QN_U4: case QN_U2:
    case QN_U8:   memcpy(to, &(u8){ (u8)v }, 1); break;
    case QN_U16:  memcpy(to, &(u16){ (u16)v }, 2); break;
    case QN_U32:  memcpy(to, &(u32){ (u32)v }, 4); break;
    case QN_U64:  memcpy(to, &(u64){ (u64)v }, 8); break;
    case QN_BOOL: memcpy(to, &(u8){ v != 0 }, 1); break;
    default: assert(false && "a type of numbers"); break;
    }
}
/* clang-format on */

val build_scalar(build *b, qn_dtype d, f64 v)
{
    u64 room = 0;
    if (b->status != QN_OK) return 0;
    store_f64(d, dtype_is_int(d) ? as_integer(d, v) : v, &room);
    return made(b, graph_constant_copy(b->g, NULL, &(qn_tensor){ .dtype = d, .data = &room }));
}

val build_ints(build *b, const i64 *v, u32 n)
{
    if (b->status != QN_OK) return 0;
    return made(b, graph_constant_copy(b->g, NULL, &(qn_tensor){ QN_I64, 1, { n }, v }));
}

val build_syms(build *b, const sym *v, u32 n)
{
    if (b->status != QN_OK) return 0;
    for (u32 i = 0; i < n; i++) {
        if (v[i]) continue;
        build_fail(b, QN_E_SHAPE, "size %u does not fit in 64 bits", i);
        return 0;
    }
    return made(b, graph_sizes(b->g, NULL, v, n));
}

val build_reshape(build *b, val x, const sym *dims, u32 rank)
{
    val shape = build_syms(b, dims, rank);
    attr zeros_count = attr_of_int("allowzero", 1);
    return build_node(b, OP_Reshape, (const val[]){ x, shape }, 2, &zeros_count, 1);
}

static val slice(build *b, val x, i64 axis, sym from, sym to, const i64 *step)
{
    const val in[] = { x, build_syms(b, &from, 1), build_syms(b, &to, 1), build_ints(b, &axis, 1),
                       step ? build_ints(b, step, 1) : 0 };
    return build_node(b, OP_Slice, in, step ? 5 : 4, NULL, 0);
}

val build_slice(build *b, val x, i64 axis, sym from, sym to)
{
    if (b->status != QN_OK || !x) return 0;
    const type *t = build_type(b, x);
    bool all = sym_is(b->g, from, 0) && sym_same(b->g, to, t->dims[axis < 0 ? axis + t->rank : axis]);
    return all ? x : slice(b, x, axis, from, to, NULL);
}

val build_slice_by(build *b, val x, i64 axis, sym from, sym to, i64 step) { return slice(b, x, axis, from, to, &step); }

val build_entry(build *b, val x, u32 axis, i64 at)
{
    const type t = *build_type(b, x);
    sym dims[QN_MAX_RANK];
    u32 rank = 0;
    for (u32 d = 0; d < t.rank; d++)
        if (d != axis) dims[rank++] = t.dims[d];
    return build_reshape(b, build_slice(b, x, axis, sym_number(b->g, at), sym_number(b->g, at + 1)), dims, rank);
}

val build_half(build *b, val x, sym part, bool second, bool interleaved)
{
    const sym mid = sym_div(b->g, part, sym_number(b->g, 2));
    if (interleaved) return build_slice_by(b, x, -1, sym_number(b->g, second), part, 2);
    return second ? build_slice(b, x, -1, mid, part) : build_slice(b, x, -1, sym_zero(b->g), mid);
}

val build_concat(build *b, val x, val y, i64 axis)
{
    attr along = attr_of_int("axis", axis);
    return build_node(b, OP_Concat, (const val[]){ x, y }, 2, &along, 1);
}

val build_expand(build *b, val x, const sym *dims, u32 rank)
{
    return build_node(b, OP_Expand, (const val[]){ x, build_syms(b, dims, rank) }, 2, NULL, 0);
}

val build_fill(build *b, const type *t, f64 v)
{
    const type of = *t;
    val one = build_scalar(b, of.dtype, v);
    return of.rank ? build_expand(b, one, of.dims, of.rank) : one;
}

val build_cast(build *b, val x, qn_dtype d)
{
    if (b->status != QN_OK || build_type(b, x)->dtype == d) return x;
    attr to = attr_of_int("to", dtype_to_onnx(d));
    return build_node(b, OP_Cast, &x, 1, &to, 1);
}

const type *build_type(const build *b, val v)
{
    static const type unknown; /* after a failure: callers read a type of rank 0 and go on to build_done */
    return v ? &value_at(b->g, live(b->g, v))->type : &unknown;
}

static bool type_fits(const graph *g, const type *want, const type *have)
{
    if (!want->known) return true;
    if (want->dtype != have->dtype || want->rank != have->rank) return false;
    for (u32 d = 0; d < want->rank; d++)
        if (sym_differ(g, want->dims[d], have->dims[d])) return false;
    return true;
}

nid build_heir(const build *b)
{
    nid first = graph_first_since(b->g, b->n_nodes, b->before);
    return first != b->before ? first : node_at(b->g, first)->next ? node_at(b->g, first)->next : node_at(b->g, first)->prev;
}

qn_status build_done(build *b, const val *outs, u32 n)
{
    if (b->status != QN_OK) return b->status;
    const node *gone = node_at(b->g, b->before);
    for (u32 i = 0; i < gone->n_out && i < n; i++) {
        if (!outs[i]) {
            if (value_at(b->g, gone->out[i])->uses) return build_fail(b, QN_E_BUG, "its expansion gives no output %u", i);
            continue;
        }
        if (!type_fits(b->g, build_type(b, gone->out[i]), build_type(b, outs[i])))
            return build_fail(b, QN_E_BUG, "output %u has another type after expansion", i);
        graph_replace(b->g, gone->out[i], outs[i]);
    }
    graph_kill_for(b->g, b->before, build_heir(b));
    return QN_OK;
}

qn_status build_fail(build *b, qn_status code, const char *format, ...)
{
    if (b->status != QN_OK) return b->status;
    va_list args;
    va_start(args, format);
    op_fail(b->n, code, format, args);
    va_end(args);
    return b->status = code;
}
