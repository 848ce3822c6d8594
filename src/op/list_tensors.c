/* SplitToSequence and ConcatFromSequence: a tensor in parts along an axis, and back. On the host, where sequences are. */
#include "op/lists.h"

/* ------------------------------------------------------------------ SplitToSequence */

/* How many parts, and in *size how long each is; 0: they differ, or it is not known. */
static sym count_parts(infer *c, sym whole, sym *size)
{
    const type *split = infer_in(c, 1);
    const sym *elems;
    *size = sym_one(c->g);
    if (!split) return whole;
    i64 n = value_elems(c->g, node_in(c->g, c->n, 1), &elems);
    if (split->rank == 1) {
        *size = 0;
        return split->dims[0];
    }
    i64 number, each = 0;
    if (n != 1) return *size = 0, sym_fresh(c->g, "parts");
    bool even =
        sym_is_number(c->g, elems[0], &each) && each > 0 && sym_is_number(c->g, whole, &number) && number % each == 0;
    *size = even ? elems[0] : 0;
    return each > 0 ? sym_ceil_div(c->g, whole, elems[0]) : sym_fresh(c->g, "parts");
}

static qn_status infer_split(infer *c)
{
    type of = *infer_in(c, 0);
    const type *split = infer_in(c, 1);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), of.rank, &axis));
    if (split && split->rank > 1) return infer_fail(c, QN_E_SHAPE, "split is a number or a list of them");
    sym n = count_parts(c, of.dims[axis], &of.dims[axis]);
    if (split || infer_int(c, "keepdims")) return list_out(c, QN_SEQUENCE, n, &of);
    of.rank--;
    for (u32 d = axis; d < of.rank; d++) of.dims[d] = of.dims[d + 1];
    return list_out(c, QN_SEQUENCE, n, &of);
}

/* A constant may lie unaligned in its file. */
static i64 integer_at(const qn_tensor *t, i64 i)
{
    const u8 *at = t->data;
    i64 wide;
    i32 narrow;
    if (t->dtype == QN_I64) return memcpy(&wide, at + i * 8, sizeof wide), wide;
    memcpy(&narrow, at + i * 4, sizeof narrow);
    return narrow;
}

/* What a tensor is around an axis: `outer` times rows of so many bytes for each step along it. */
typedef struct around {
    u64 outer, step_bytes;
} around;

static around around_axis(const qn_tensor *t, u32 axis)
{
    around a = { 1, qn_dtype_bytes(t->dtype) };
    for (u32 d = 0; d < axis; d++) a.outer *= (u64)t->dims[d];
    for (u32 d = axis + 1; d < t->rank; d++) a.step_bytes *= (u64)t->dims[d];
    return a;
}

static u32 axis_in(const host_call *h, u32 rank) { return axis_of(h->n, "axis", 0, rank); }

static qn_status take_part(host_call *h, u32 axis, i64 from, i64 size, bool drop, qn_tensor *out)
{
    const qn_tensor *x = h->in[0];
    around a = around_axis(x, axis);
    qn_tensor part = *x;
    part.dims[axis] = size;
    u64 bytes = qn_tensor_bytes(&part), row = (u64)size * a.step_bytes, whole = (u64)x->dims[axis] * a.step_bytes;
    u8 *data = arena_alloc(h->mem, MAX(bytes, 1));
    if (!data) return fail_nomem(bytes);
    for (u64 i = 0; i < a.outer && row; i++)
        memcpy(data + i * row, (const u8 *)x->data + i * whole + (u64)from * a.step_bytes, (size_t)row);
    part.data = data;
    if (drop) {
        part.rank--;
        for (u32 d = axis; d < part.rank; d++) part.dims[d] = part.dims[d + 1];
    }
    *out = part;
    return QN_OK;
}

/* The size of part i; split is a list, one number for all parts but the last, or 1. */
static i64 part_size(const qn_tensor *split, i64 i, i64 left)
{
    if (!split) return 1;
    if (split->rank == 1) return integer_at(split, i);
    return MIN(integer_at(split, 0), left);
}

static qn_status host_split(host_call *h)
{
    const qn_tensor *x = h->in[0], *split = h->n_in > 1 ? h->in[1] : NULL;
    u32 axis = axis_in(h, x->rank);
    i64 whole = x->dims[axis], each = split && split->rank == 0 ? integer_at(split, 0) : 1, from = 0;
    if (each < 1) return host_fail(h, QN_E_DATA, "parts of %lld", (long long)each);
    i64 n = split && split->rank == 1 ? split->dims[0] : whole / each + (whole % each != 0);
    qn_status s;
    qn_tensor *list = list_room(h, n, QN_SEQUENCE, &s);
    if (!list) return s;
    bool drop = !split && !attr_int(h->n, "keepdims", 1);
    for (i64 i = 0; i < n; i++) {
        i64 size = part_size(split, i, whole - from);
        if (size < 0 || size > whole - from)
            return host_fail(h, QN_E_DATA, "part %lld is %lld long, %lld are left of %lld", (long long)i, (long long)size,
                             (long long)(whole - from), (long long)whole);
        QN_TRY(take_part(h, axis, from, size, drop, &list[i]));
        from += size;
    }
    return from == whole ? QN_OK
                         : host_fail(h, QN_E_DATA, "the parts are %lld long together, the axis %lld", (long long)from,
                                     (long long)whole);
}

/* ------------------------------------------------------------------ ConcatFromSequence */

static qn_status infer_join(infer *c)
{
    const type *list = infer_in(c, 0);
    u32 axis, new_axis = infer_int(c, "new_axis") != 0;
    if (!list->of->known)
        return infer_fail(c, QN_E_UNSUPPORTED, "the rank of the sequence's elements is not known, or not one");
    type t = list_element(c->g, list);
    QN_TRY(infer_axis(c, attr_int(c->n, "axis", 0), t.rank + new_axis, &axis));
    if (!new_axis) {
        t.dims[axis] = sym_fresh(c->g, "joined");
        return infer_out(c, 0, &t);
    }
    if (t.rank == QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "its result would have more than %d dimensions", QN_MAX_RANK);
    for (u32 d = t.rank++; d > axis; d--) t.dims[d] = t.dims[d - 1];
    t.dims[axis] = list->dims[0];
    return infer_out(c, 0, &t);
}

/* What element i brings must fit the first one: all sizes, but along the axis where none is new. */
static qn_status check_fits(const host_call *h, const qn_tensor *list, i64 i, u32 axis, bool new_axis)
{
    for (u32 d = 0; d < list[0].rank; d++)
        if (list[i].dims[d] != list[0].dims[d] && (new_axis || d != axis))
            return host_fail(h, QN_E_SHAPE, "dimension %u of element %lld is %lld, of the first %lld", d, (long long)i,
                             (long long)list[i].dims[d], (long long)list[0].dims[d]);
    return QN_OK;
}

static qn_status host_join(host_call *h)
{
    const qn_tensor *list = h->in[0]->data;
    i64 n = h->in[0]->dims[0], total = 0;
    if (n < 1) return host_fail(h, QN_E_DATA, "the sequence is empty");
    bool new_axis = attr_int(h->n, "new_axis", 0) != 0;
    qn_tensor y = list[0];
    if (new_axis) y.rank++;
    u32 axis = axis_in(h, y.rank);
    for (i64 i = 0; i < n; i++) {
        QN_TRY(check_fits(h, list, i, axis, new_axis));
        i64 more = new_axis ? 1 : list[i].dims[axis];
        if (more > INT64_MAX - total) return host_fail(h, QN_E_SHAPE, "the result is too large");
        total += more;
    }
    for (u32 d = y.rank - 1; new_axis && d > axis; d--) y.dims[d] = y.dims[d - 1];
    y.dims[axis] = total;
    if (qn_tensor_bytes(&y) == UINT64_MAX) return host_fail(h, QN_E_SHAPE, "the result is too large");
    u8 *data = host_out(h, 0, y.dtype, y.rank, y.dims);
    if (!data) return QN_E_NOMEM;
    around a = around_axis(&y, axis);
    u64 at = 0, whole = (u64)total * a.step_bytes;
    for (i64 i = 0; i < n; i++) {
        u64 row = (u64)(new_axis ? 1 : list[i].dims[axis]) * a.step_bytes;
        for (u64 o = 0; o < a.outer && row; o++)
            memcpy(data + o * whole + at, (const u8 *)list[i].data + o * row, (size_t)row);
        at += row;
    }
    return QN_OK;
}

/* clang-format off */
const op_def op_SplitToSequence = {
    .name = "SplitToSequence",
    .doc = DOC("the tensor in parts along `axis`: of size 1, of the size `split`, or of the sizes in its list"),
    .in = { { "input", "any" }, { "split", "optional i32|i64" } },
    .out = { { "output_sequence", "sequence" } },
    .attrs = { INT("axis", 0), INT("keepdims", 1) },
    .infer = infer_split,
    .host = host_split,
};

const op_def op_ConcatFromSequence = {
    .name = "ConcatFromSequence",
    .doc = DOC("all tensors of the sequence one after the other along `axis`, or beside each other along a new one"),
    .in = { { "input_sequence", "sequence" } },
    .out = { { "concat_result", "any" } },
    .attrs = { NEEDED("axis", ATTR_INT), INT("new_axis", 0) },
    .infer = infer_join,
    .host = host_join,
};
/* clang-format on */
