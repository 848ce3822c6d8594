/* Slice: positions as numpy reads them, as one strided copy (copy.h). */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/move.h"
#include "op/op_util.h"

/* Along each dimension: x[start + k * step] for k < count. */
typedef struct slice {
    sym start[QN_MAX_RANK], count[QN_MAX_RANK];
    i64 step[QN_MAX_RANK];
} slice;

/* A position as numpy reads it: negative ones count from the end, then held in [low, high]. */
static sym position(graph *g, sym at, sym size, sym low, sym high)
{
    i64 v;
    const i64 far = (i64)1 << 40;
    if (sym_is_number(g, at, &v)) {
        if (v > far) return high;
        if (v < -far) return low;
        at = v < 0 ? sym_add(g, size, at) : at;
        return v < 0 ? sym_max(g, at, low) : sym_min(g, at, high);
    }
    if (!elems_at_least_zero(g, at)) at = sym_select(g, sym_compare(g, '<', at, sym_zero(g)), sym_add(g, at, size), at);
    return sym_max(g, low, sym_min(g, at, high));
}

static void slice_axis(graph *g, slice *s, u32 d, sym size, sym from, sym to, i64 step)
{
    sym zero = sym_zero(g), one = sym_one(g), none = sym_number(g, -1), last = sym_sub(g, size, one);
    bool up = step > 0;
    sym a = position(g, from, size, zero, up ? size : last), b = position(g, to, size, up ? zero : none, up ? size : last);
    s->start[d] = a;
    s->step[d] = step;
    s->count[d] = sym_max(g, zero,
                          up ? sym_ceil_div(g, sym_sub(g, b, a), sym_number(g, step))
                             : sym_ceil_div(g, sym_sub(g, a, b), sym_number(g, -step)));
}

/* A step that is longer than any dimension takes the first element alone. */
#define FAR ((i64)1 << 32)

/* From one element to the next in memory: of no matter where there is no next, and then it may not fit in 32 bits. */
static sym hop(graph *g, const slice *s, u32 d, sym size, sym stride)
{
    if (s->step[d] >= -0xffff && s->step[d] <= 0xffff) return sym_mul(g, stride, sym_number(g, s->step[d]));
    sym reach = sym_compare(g, '<', sym_number(g, MAX(s->step[d], -s->step[d])), size);
    return sym_mul(g, sym_mul(g, reach, stride), sym_number(g, s->step[d]));
}

/* What a Slice node says; false when an operand's elements are not known. */
static bool slice_of(graph *g, const node *n, const type *x, slice *s)
{
    const sym *starts, *ends;
    i64 axes[QN_MAX_RANK], steps[QN_MAX_RANK];
    for (u32 d = 0; d < x->rank; d++) s->start[d] = sym_zero(g), s->count[d] = x->dims[d], s->step[d] = 1;
    val in[5] = { 0 };
    for (u32 i = 1; i < 5; i++) in[i] = node_in(g, n, i);
    i64 count = in[1] ? value_elems(g, in[1], &starts) : -1;
    if (count < 0 || count > x->rank || !in[2] || value_elems(g, in[2], &ends) != count) return false;
    if (in[3] && known_ints(g, in[3], axes, QN_MAX_RANK) != count) return false;
    if (in[4] && known_ints(g, in[4], steps, QN_MAX_RANK) != count) return false;
    for (i64 k = 0; k < count; k++) {
        i64 axis = in[3] ? axes[k] : k, step = in[4] ? steps[k] : 1;
        if (axis < 0) axis += x->rank;
        if (axis < 0 || axis >= x->rank || step == 0) return false;
        slice_axis(g, s, (u32)axis, x->dims[axis], starts[k], ends[k], MAX(-FAR, MIN(step, FAR)));
    }
    return true;
}

typedef struct slice_pick {
    const infer *c;
    const slice *s;
    const type *x;
    const type *out;
} slice_pick;

static i64 slice_element(const void *how, u32 k)
{
    const slice_pick *p = how;
    i64 at = 0, stride = 1;
    for (u32 d = p->out->rank; d-- > 0;) {
        i64 n, size, start;
        if (!sym_is_number(p->c->g, p->out->dims[d], &n) || !sym_is_number(p->c->g, p->x->dims[d], &size) ||
            !sym_is_number(p->c->g, p->s->start[d], &start))
            return -1;
        at += (start + (i64)k % n * p->s->step[d]) * stride;
        k /= (u32)n;
        stride *= size;
    }
    return at;
}

/* Axes and steps that are known and cannot be. */
static qn_status check_slice(const infer *c, u32 rank)
{
    i64 axes[QN_MAX_RANK], steps[QN_MAX_RANK];
    u32 ignored;
    i64 n_axes = infer_ints(c, 3, axes, QN_MAX_RANK), n_steps = infer_ints(c, 4, steps, QN_MAX_RANK);
    for (i64 k = 0; k < n_axes; k++) QN_TRY(infer_axis(c, axes[k], rank, &ignored));
    for (i64 k = 0; k < n_steps; k++)
        if (steps[k] == 0) return infer_fail(c, QN_E_SHAPE, "step %lld is 0", (long long)k);
    return QN_OK;
}

static qn_status infer_slice(infer *c)
{
    const type x = *infer_in(c, 0);
    const sym *ignored;
    slice s;
    QN_TRY(check_slice(c, x.rank));
    elems_wanted(c, 1, &ignored);
    elems_wanted(c, 2, &ignored);
    if (!slice_of(c->g, c->n, &x, &s))
        return infer_fail(
            c, QN_E_UNSUPPORTED,
            "starts and ends must have as many entries as axes and steps, which must be known, inside the rank, and not 0");
    type out = x;
    for (u32 d = 0; d < x.rank; d++) out.dims[d] = s.count[d];
    return elems_infer_pick(c, 0, 0, &out, slice_element, &(slice_pick){ c, &s, &x, &out });
}

void slice_copy(lowering *l, const node *n, u32 o, copy *c)
{
    (void)o;
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, c->x);
    slice s;
    sym strides[QN_MAX_RANK];
    copy_strides(g, x, strides);
    slice_of(g, n, x, &s);
    c->rank = x->rank;
    for (u32 d = 0; d < x->rank; d++) {
        c->size[d] = s.count[d];
        c->xs[d] = hop(g, &s, d, x->dims[d], strides[d]);
        c->x_at = sym_add(g, c->x_at, sym_mul(g, strides[d], s.start[d]));
    }
}

/* clang-format off */
static const op_case slice_cases[] = {
    { "f32[20,10,5] i64[2]={0,0} i64[2]={3,10} i64[2]={0,1} i64[2]={1,1}",  "", 0, "the common case"      },
    { "f32[20,10] i64[1]={-3} i64[1]={9223372036854775807} i64[1]={-1}",    "", 0, "from the end"         },
    { "i64[9] i64[1]={8} i64[1]={-9223372036854775807} i64[1]={0} i64[1]={-2}", "", 0, "backwards"        },
    { "f16[4,9] i64[2]={1,7} i64[2]={4,1} i64[2]={0,1} i64[2]={2,-3}",      "", 0, "steps both ways"      },
    { "u8[4,9] i64[2]={1,0} i64[2]={1000,2}",                               "", 0, "no axes, too far"     },
    { "f32[2,8] i64[1]={0} i64[1]={9223372036854775807} i64[1]={0} i64[1]={9223372036854775807}", "", 0, "the longest step" },
    { "f32[2,8] i64[1]={9223372036854775807} i64[1]={-9223372036854775808} i64[1]={1} i64[1]={-9223372036854775808}", "", 0, "and back" },
    { "f32[2,8] i64[1]={-9223372036854775808} i64[1]={4294967296} i64[1]={1} i64[1]={2147483648}", "", 0, "from before all"   },
    { "f32[4] i64[1]={3} i64[1]={1}",                                       "", 0, "empty"                }, { 0 }
};
/* clang-format on */
const op_def op_Slice = {
    .name = "Slice",
    .doc = DOC("x[start : end : step] along each of `axes`"),
    .in = { { "data", "any" },
            { "starts", "i32|i64" },
            { "ends", "as starts" },
            { "axes", "optional i32|i64" },
            { "steps", "optional i32|i64" } },
    .out = { { "output", "as data" } },
    .host_elems = true,
    .permuted = PERMUTED_SPANS,
    .infer = infer_slice,
    .gradient = GRADIENT(gradient_slice),
    .variants = move_variants,
    .cases = CASES(slice_cases),
};
