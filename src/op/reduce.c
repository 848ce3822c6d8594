/* ReduceSum and its family. Not here: ReduceLogSumExp, ArgMax and ArgMin (reduce_more.c).
 *
 * In: x, and axes as an attribute or an operand that is known. Out: one value for each combination of the other dimensions.
 * Neighbouring dimensions that are both folded or both kept merge; what alternates too often even then is folded in two steps (expand).
 * Mean, L2 and LogSum are a sum with one more step at its end. */
#include <math.h>

#include "op/blocked.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "plan/lower.h"

/* clang-format off */
typedef enum fold_kind { KIND_SUM, KIND_SQUARES, KIND_ABS, KIND_MAX, KIND_MIN, KIND_PROD } fold_kind;   /* as in reduce_kinds.h */
typedef enum fold_post { POST_NONE, POST_MEAN, POST_SQRT, POST_LOG } fold_post;
static const struct { op_id op; u8 kind, post; op_id first, then; } rows[] = {   /* first, then: the same in two steps */
    { OP_ReduceSum,       KIND_SUM,     POST_NONE, OP_ReduceSum,       OP_ReduceSum    },
    { OP_ReduceMean,      KIND_SUM,     POST_MEAN, OP_ReduceMean,      OP_ReduceMean   },
    { OP_ReduceSumSquare, KIND_SQUARES, POST_NONE, OP_ReduceSumSquare, OP_ReduceSum    },
    { OP_ReduceL2,        KIND_SQUARES, POST_SQRT, OP_ReduceL2,        OP_ReduceL2     },
    { OP_ReduceL1,        KIND_ABS,     POST_NONE, OP_ReduceL1,        OP_ReduceSum    },
    { OP_ReduceLogSum,    KIND_SUM,     POST_LOG,  OP_ReduceSum,       OP_ReduceLogSum },
    { OP_ReduceMax,       KIND_MAX,     POST_NONE, OP_ReduceMax,       OP_ReduceMax    },
    { OP_ReduceMin,       KIND_MIN,     POST_NONE, OP_ReduceMin,       OP_ReduceMin    },
    { OP_ReduceProd,      KIND_PROD,    POST_NONE, OP_ReduceProd,      OP_ReduceProd   },
};
/* clang-format on */

static u32 row_of(const node *n)
{
    u32 k = 0;
    while (k + 1 < COUNT(rows) && rows[k].op != n->op) k++;
    return k;
}

/* ------------------------------------------------------------------ shapes */
/* Without axes: all of them, or none when noop_with_empty_axes says so. */
static u32 default_axes(const node *n, u32 rank, u32 bits)
{
    if (bits) return bits;
    return attr_int(n, "noop_with_empty_axes", 0) ? 0 : (1u << rank) - 1;
}

u32 reduce_axes(graph *g, const node *n, u32 rank)
{
    bool has;
    return default_axes(n, rank, node_axes(g, n, "axes", 1, rank, &has));
}

type reduce_type(graph *g, const type *x, u32 bits, bool keep)
{
    type out = { .dtype = x->dtype, .known = true };
    for (u32 d = 0; d < x->rank; d++) {
        if (!(bits >> d & 1)) out.dims[out.rank++] = x->dims[d];
        else if (keep) out.dims[out.rank++] = sym_one(g);
    }
    return out;
}

/* A vector of known elements folds to a known one. */
static sym fold_elems(graph *g, op_id op, const sym *in, u32 n)
{
    sym (*meet)(graph *, sym, sym) = op == OP_ReduceSum    ? sym_add
                                     : op == OP_ReduceProd ? sym_mul
                                     : op == OP_ReduceMax  ? sym_max
                                     : op == OP_ReduceMin  ? sym_min
                                                           : NULL;
    if (!meet || n == 0) return 0;
    sym v = in[0];
    for (u32 k = 1; k < n; k++) v = meet(g, v, in[k]);
    return v;
}

qn_status reduce_infer(infer *c)
{
    const type x = *infer_in(c, 0);
    u32 bits;
    bool has;
    QN_TRY(infer_axes(c, "axes", 1, x.rank, &bits, &has));
    bits = default_axes(c->n, x.rank, bits);
    type out = reduce_type(c->g, &x, bits, infer_int(c, "keepdims") != 0);
    const sym *in;
    i64 n = elems_in(c, 0, &in);
    sym v = n > 0 && bits == (1u << x.rank) - 1 ? fold_elems(c->g, (op_id)c->n->op, in, (u32)n) : 0;
    return v ? infer_out_elems(c, 0, &out, &v, 1) : infer_out(c, 0, &out);
}

bool reduction_of(graph *g, const type *t, u32 bits, reduction *out)
{
    sym *parts[] = { &out->a, &out->r1, &out->b, &out->r2, &out->c };
    u32 runs = 0, at = 0;
    bool last = false, first = true;
    *out = (reduction){ sym_one(g), sym_one(g), sym_one(g), sym_one(g), sym_one(g) };
    for (u32 d = 0; d < t->rank; d++) {
        if (sym_is(g, t->dims[d], 1)) continue;
        bool fold = bits >> d & 1;
        if (fold && (first || !last)) runs++;
        last = fold, first = false;
    }
    if (runs > 2) return false;
    if (runs < 2) at = 2; /* one run: a and r1 stay 1 */
    for (u32 d = 0; d < t->rank; d++) {
        if (sym_is(g, t->dims[d], 1)) continue;
        bool fold = bits >> d & 1;
        if (fold != (at == 1 || at == 3)) at++;
        *parts[at] = sym_mul(g, *parts[at], t->dims[d]);
    }
    return true;
}

static reduction reduction_of_node(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, lower_in(l, n, 0));
    reduction r;
    reduction_of(g, x, reduce_axes(g, n, x->rank), &r);
    return r;
}

/* ------------------------------------------------------------------ launches */
static bool fits_form(const lowering *l, const node *n)
{
    graph *g = lower_graph_mut((lowering *)l);
    const type *x = lower_type(l, lower_in(l, n, 0));
    reduction r;
    return reduction_of(g, x, reduce_axes(g, n, x->rank), &r);
}

static bool fits_float(const lowering *l, const node *n)
{
    return fits_form(l, n) && dtype_is_float(lower_type(l, lower_in(l, n, 0))->dtype);
}

/* What folding starts from, of the type that is folded in. */
static void put_start(launch *k, qn_dtype d, u8 kind)
{
    static const i64 least[QN_DTYPE_COUNT] = {
        [QN_I8] = INT8_MIN, [QN_I16] = INT16_MIN, [QN_I32] = INT32_MIN, [QN_I64] = INT64_MIN
    };
    static const i64 most[QN_DTYPE_COUNT] = {
        [QN_I8] = INT8_MAX,    [QN_I16] = INT16_MAX,  [QN_I32] = INT32_MAX, [QN_I64] = INT64_MAX, [QN_U8] = UINT8_MAX,
        [QN_U16] = UINT16_MAX, [QN_U32] = UINT32_MAX, [QN_U64] = -1,        [QN_BOOL] = 1
    };
    if (dtype_is_float(d)) {
        launch_float(k, kind == KIND_MAX ? -HUGE_VAL : kind == KIND_MIN ? HUGE_VAL : kind == KIND_PROD);
        return;
    }
    i64 v = kind == KIND_MAX ? least[d] : kind == KIND_MIN ? most[d] : kind == KIND_PROD;
    if (qn_dtype_bytes(d) == 8) launch_wide(k, v);
    else launch_number(k, v);
}

static qn_dtype folding_type(qn_dtype d)
{
    if (dtype_is_float(d)) return d == QN_F64 ? QN_F64 : QN_F32;
    return d == QN_U32 || d == QN_U64 || d == QN_I64 ? d : QN_I32;
}

const char *reduce_word(qn_dtype d) { return dtype_word(folding_type(d)); }

static launch *begin(lowering *l, const node *n, const char *file, const char *entry)
{
    val x = lower_in(l, n, 0);
    qn_dtype d = lower_type(l, x)->dtype;
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", d == QN_BOOL ? "u8" : dtype_word(d));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "kind", rows[row_of(n)].kind);
    launch_const(k, "post", rows[row_of(n)].post);
    put_start(k, d, rows[row_of(n)].kind);
    return k;
}

static void put_sizes(launch *k, const reduction *r)
{
    launch_size(k, r->r1);
    launch_size(k, r->b);
    launch_size(k, r->r2);
}

static qn_status emit_map(lowering *l, const node *n)
{
    qn_dtype d = lower_type(l, lower_in(l, n, 0))->dtype;
    reduction r = reduction_of_node(l, n);
    launch *k = begin(l, n, "reduce.c", "reduce_map");
    launch_define(k, "A", reduce_word(d));
    launch_define(k, "INTEGER", dtype_is_float(d) ? "0" : "1");
    put_sizes(k, &r);
    launch_size(k, r.c);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_group(lowering *l, const node *n)
{
    reduction r = reduction_of_node(l, n);
    launch *k = begin(l, n, "reduce_group.c", "reduce_group");
    put_sizes(k, &r);
    launch_size(k, r.c);
    return launch_groups(k, lower_elems(l, lower_out(l, n, 0)));
}

/* The turns of reduce_map: one an element, and those of its loops over pieces and over r1. */
static bool fits_map(const lowering *l, const node *n)
{
    enum { PIECE = 64 }; /* of reduce.c */
    i64 r1, r2;
    if (!fits_form(l, n)) return false;
    graph *g = lower_graph_mut((lowering *)l);
    reduction r = reduction_of_node((lowering *)l, n);
    if (!sym_is_number(g, r.r1, &r1) || !sym_is_number(g, r.r2, &r2)) return lower_caps(l)->max_turns == 0;
    sym pieces = sym_add(g, sym_ceil_div(g, r.r2, sym_number(g, PIECE)), sym_one(g));
    return lower_turns_fit(l, n->out[0], sym_mul(g, r.r1, sym_add(g, r.r2, pieces)));
}

enum { SPAN = 1024 }; /* of reduce_parts.c */

static sym parts_of(graph *g, const reduction *r)
{
    return sym_max(g, sym_ceil_div(g, sym_mul(g, r->r1, r->r2), sym_number(g, SPAN)), sym_one(g));
}

static bool fits_parts(const lowering *l, const node *n)
{
    if (!fits_form(l, n)) return false;
    graph *g = lower_graph_mut((lowering *)l);
    reduction r = reduction_of_node((lowering *)l, n);
    return lower_turns_fit(l, n->out[0], parts_of(g, &r));
}

static launch *begin_parts(lowering *l, const char *entry, qn_dtype d)
{
    launch *k = launch_begin(l, "reduce_parts.c", entry);
    launch_define(k, "T", d == QN_BOOL ? "u8" : dtype_word(d));
    launch_define(k, "A", reduce_word(d));
    launch_define(k, "INTEGER", dtype_is_float(d) ? "0" : "1");
    return k;
}

static qn_status emit_parts(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), y = lower_out(l, n, 0);
    qn_dtype d = lower_type(l, x)->dtype;
    reduction r = reduction_of_node(l, n);
    u8 kind = rows[row_of(n)].kind;
    sym parts = parts_of(g, &r), all = sym_mul(g, lower_elems(l, y), parts);
    val folded_parts = lower_scratch(l, folding_type(d), all);
    launch *k = begin_parts(l, "reduce_part", d);
    launch_in(k, x);
    launch_out(k, folded_parts);
    launch_const(k, "kind", kind);
    put_start(k, d, kind);
    put_sizes(k, &r);
    launch_size(k, r.c);
    launch_size(k, parts);
    QN_TRY(launch_map(k, all));
    k = begin_parts(l, "reduce_parts", d);
    launch_in(k, folded_parts);
    launch_out(k, y);
    launch_const(k, "kind", kind <= KIND_ABS ? KIND_SUM : kind);
    launch_const(k, "post", rows[row_of(n)].post);
    put_start(k, d, kind);
    launch_size(k, sym_mul(g, r.r1, r.r2));
    launch_size(k, parts);
    return launch_map(k, lower_elems(l, y));
}

/* Groups fold a long run well; many short ones are better left to one item each. */
static bool fits_group(const lowering *l, const node *n)
{
    i64 r1, r2;
    if (!fits_float(l, n)) return false;
    const graph *g = lower_graph(l);
    reduction r = reduction_of_node((lowering *)l, n);
    return !(sym_is_number(g, r.r1, &r1) && sym_is_number(g, r.r2, &r2) && r1 < 64 && r2 < 64 && r1 * r2 < 64);
}

static bool fits_run(const lowering *l, const node *n)
{
    return fits_float(l, n) && sym_is(lower_graph(l), reduction_of_node((lowering *)l, n).c, 1);
}

static qn_status emit_run(lowering *l, const node *n)
{
    reduction r = reduction_of_node(l, n);
    launch *k = begin(l, n, "reduce_lanes.c", "reduce_run");
    put_sizes(k, &r);
    return launch_groups(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_across(lowering *l, const node *n)
{
    enum { BLOCK = 64 }; /* of reduce_lanes.c */
    graph *g = lower_graph_mut(l);
    reduction r = reduction_of_node(l, n);
    launch *k = begin(l, n, "reduce_lanes.c", "reduce_across");
    put_sizes(k, &r);
    launch_size(k, r.c);
    sym blocks = sym_ceil_div(g, r.c, sym_number(g, BLOCK));
    return launch_groups(k, sym_mul(g, sym_mul(g, r.a, r.b), blocks));
}

static const variant reduce_variants[] = {
    { "reduce_run", NEED_LANES, fits_run, emit_run },
    { "reduce_across", NEED_LANES, fits_float, emit_across },
    { "reduce_group", NEED_GROUP, fits_group, emit_group },
    { "reduce_map", 0, fits_map, emit_map },
    { "reduce_parts", 0, fits_parts, emit_parts }, /* where the loops of reduce_map would end early */
    { 0 },
};

/* ------------------------------------------------------------------ in two steps */
val build_reduce(build *b, op_id op, val x, u32 bits)
{
    i64 axes[QN_MAX_RANK];
    u32 n = 0;
    for (u32 d = 0; d < QN_MAX_RANK; d++)
        if (bits >> d & 1) axes[n++] = d;
    attr none_is_none = attr_of_int("noop_with_empty_axes", 1);
    return build_node(b, op, (const val[]){ x, build_ints(b, axes, n) }, 2, &none_is_none, 1);
}

/* First the last run of folded dimensions, then the rest. */
static qn_status expand_reduce(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type *t = build_type(b, x);
    u32 bits = reduce_axes(b->g, n, t->rank), last = 0, row = row_of(n);
    for (u32 d = t->rank; d-- > 0;) {
        if (bits >> d & 1) last |= 1u << d;
        else if (last) break;
    }
    val y = build_reduce(b, rows[row].first, x, last);
    i64 axes[QN_MAX_RANK];
    u32 count = 0;
    for (u32 d = 0; d < QN_MAX_RANK; d++)
        if (bits >> d & 1) axes[count++] = d;
    attr keep = attr_of_int("keepdims", attr_int(n, "keepdims", 1));
    y = build_node(b, rows[row].then, (const val[]){ y, build_ints(b, axes, count) }, 2, &keep, 1);
    return build_done(b, &y, 1);
}

/* ------------------------------------------------------------------ records */
/* clang-format off */
static const op_case sum_cases[] = {
    { "f32[3,4,5] i64[1]={1}",        "",           1e-6, "in the middle"          }, { "f32[3,1000] i64[1]={-1}", "keepdims=0", 1e-6, "rows"        },
    { "f32[1000,3] i64[1]={0}",       "",           1e-6, "columns"                }, { "f32[2,3,4,5] i64[2]={0,2}", "",         1e-6, "two runs"    },
    { "f32[2,3,2,3,2,3] i64[3]={0,2,4}", "",        1e-6, "three runs"             }, { "f32[7,9]",              "keepdims=0", 1e-6, "all"         },
    { "f32[2,3] i64[0]={}",           "noop_with_empty_axes=1", 1e-6, "no axes"    }, { "f32[2,0,4] i64[1]={1}", "",           0,    "empty"       },
    { "f16[3,100] i64[1]={1}",        "",           2e-3, "half"                   }, { "f64[3,100] i64[1]={1}", "",           1e-12, "double"     },
    { "f32[100000]=0.5..1.5",         "",           1e-5, "a long one"             }, { 0 }
};
static const op_case number_cases[] = {
    { "f32[3,4,5] i64[1]={1}",        "",           1e-6, "in the middle"          }, { "f32[2,3,4,5] i64[2]={0,2}", "keepdims=0", 1e-6, "two runs"  },
    { "i32[3,40]=-3..3 i64[1]={-1}",  "",           0,    "integers"               }, { "i64[3,4]={4294967297,1,1,1,1,1,1,1,1,1,1,1} i64[1]={1}", "", 0, "beyond 32 bits" },
    { "f32[2,0,4] i64[1]={1}",        "",           0,    "empty"                  }, { "f16[7,3]=0.5..1.5 i64[1]={0}", "",      2e-3, "half"        },
    { "f32[]",                        "",           1e-6, "rank 0"                 }, { 0 }
};
static const op_case order_cases[] = {
    { "f32[3,4,5] i64[1]={1}",        "",           0,    "in the middle"          }, { "f32[3,1000] i64[1]={-1}", "keepdims=0", 0,  "rows"        },
    { "i8[3,40]=-128..127 i64[1]={-1}", "",         0,    "narrow"                 }, { "u64[3]={9223372036854775809,1,2}", "", 0,  "the top bit is a number" },
    { "bool[3,4]=0..1 i64[1]={1}",    "",           0,    "truth values"           }, { "i32[2,0] i64[1]={1}",   "",           0,    "empty"       },
    { "f32[2,0] i64[1]={1}",          "",           0,    "empty, floats"          }, { 0 }
};
/* clang-format on */
/* Over pixels: their dimensions have the same numbers. */
static bool reduce_channels_blocked(build *b, const node *n, u32 block, val *outs)
{
    const type x = *build_type(b, node_in(b->g, n, 0)), y = *build_type(b, n->out[0]);
    const op_id op = (op_id)n->op;
    bool has, keeps = attr_int(n, "keepdims", 1) != 0;
    i64 channels, ignored[QN_MAX_RANK], axes[QN_MAX_RANK];
    if (x.rank < 3 || !sym_is_number(b->g, x.dims[1], &channels)) return false;
    if (node_in(b->g, n, 1) && known_ints(b->g, node_in(b->g, n, 1), ignored, QN_MAX_RANK) < 0) return false;
    u32 bits = node_axes(b->g, n, "axes", 1, x.rank, &has), count = 0;
    if (!bits || bits & 3) return false;
    for (u32 d = 2; d < x.rank; d++)
        if (bits >> d & 1) axes[count++] = d;
    attr keep = attr_of_int("keepdims", 1);
    val in[] = { blocked_of(b, node_in(b->g, n, 0), block), build_ints(b, axes, count) };
    outs[0] = blocked_undone(b, b->status ? 0 : build_node(b, op, in, 2, &keep, 1), channels);
    if (!keeps) outs[0] = build_reshape(b, outs[0], y.dims, y.rank);
    return b->status == QN_OK;
}

#define REDUCE(name_, types, cases_, doc_)                                                                                  \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "data", types }, { "axes", "optional i64" } },                                    \
                                .out = { { "reduced", "as data" } },                                                        \
                                .attrs = { INTS("axes"), INT("keepdims", 1), INT("noop_with_empty_axes", 0) },              \
                                .permuted = PERMUTED_FOLDS,                                                                 \
                                .channels_blocked = reduce_channels_blocked,                                                \
                                .infer = reduce_infer,                                                                      \
                                .gradient = GRADIENT(gradient_reduce),                                                      \
                                .expand = expand_reduce,                                                                    \
                                .variants = reduce_variants,                                                                \
                                .cases = CASES(cases_) };
REDUCE(ReduceSum, "number", sum_cases, "the sum over `axes`")
REDUCE(ReduceMean, "number", sum_cases, "the mean over `axes`")
REDUCE(ReduceSumSquare, "number", number_cases, "the sum of squares over `axes`")
REDUCE(ReduceL1, "number", number_cases, "the sum of absolute values over `axes`")
REDUCE(ReduceL2, "number", sum_cases, "the square root of the sum of squares over `axes`")
REDUCE(ReduceProd, "number", number_cases, "the product over `axes`")
REDUCE(ReduceMax, "number|bool", order_cases, "the largest over `axes`")
REDUCE(ReduceMin, "number|bool", order_cases, "the smallest over `axes`")

static const op_case log_sum_cases[] = {
    { "f32[3,4,5]=0.1..3 i64[1]={1}", "", 1e-6, "in the middle" },
    { "f32[3,100]=0.1..3 i64[1]={1}", "keepdims=0", 1e-6, "rows" },
    { "f16[3,4]=0.1..3 i64[1]={0}", "", 3e-3, "half" },
    { 0 },
};
REDUCE(ReduceLogSum, "number", log_sum_cases, "the logarithm of the sum over `axes`")
