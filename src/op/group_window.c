/* Caches of GroupQueryAttention that are only as long as the window needs (sliding_window_cache). Of T tokens a cache of C entries holds the last
 * L(T), from its start on. With a window of W and G = C - W + 1, G tokens are dropped at a time:
 *
 *     L(T) = T - dropped(T),  dropped(T) = G * max(ceil((T - C) / G), 0)
 *
 * A step looks at the past with its new tokens behind it; each key there has a position, and so has what stays. */
#include <math.h>

#include "op/attend.h"
#include "op/formula.h"
#include "op/op_util.h"

enum {
    W_PAST,
    W_FRESH,
    W_LENGTHS,
    W_COUNTS,
    W_BIAS
}; /* [batch][heads][C][size], [batch][heads][rows][size]; seqlens_k, query_seqlens; [batch][heads][rows][tokens] */

/* What a step has to know of each sample, as i64[batch][1]. */
typedef struct window {
    sym batch, room, rows;
    val entries, turn; /* C and G */
    val before, after; /* tokens before this step, and with it */
    val first;         /* the position of the token that stands first in the past */
} window;

static qn_status check_window(const infer *c)
{
    const type *past = infer_in(c, W_PAST), *fresh = infer_in(c, W_FRESH), *bias = infer_in(c, W_BIAS);
    i64 wide = infer_int(c, "window"), room;
    if (past->rank != 4 || fresh->rank != 4 || (bias && bias->rank != 4))
        return infer_fail(c, QN_E_SHAPE, "past, new tokens and bias must have four dimensions");
    if (wide < 1) return infer_fail(c, QN_E_SHAPE, "sliding_window_cache needs local_window_size");
    if (sym_is_number(c->g, past->dims[2], &room) && room < wide)
        return infer_fail(c, QN_E_SHAPE, "the cache has %lld entries, less than a window of %lld", (long long)room,
                          (long long)wide);
    return QN_OK;
}

/* How many of `tokens` are no longer in a cache. */
static val dropped(build *b, val tokens, const window *w)
{
    return build_formula(b, "g * Max((t - c + g - 1) / g, 0)", "tcg", tokens, w->entries, w->turn);
}

static window window_of(build *b)
{
    const type *past = build_type(b, build_in(b, W_PAST)), *fresh = build_type(b, build_in(b, W_FRESH));
    window w = { .batch = past->dims[0], .room = past->dims[2], .rows = fresh->dims[2] };
    const sym column[2] = { w.batch, sym_one(b->g) };
    val counts = build_in(b, W_COUNTS), wide = build_scalar(b, QN_I64, (f64)attr_int(b->n, "window", 1));
    w.entries = attend_size(b, w.room);
    w.turn = build_formula(b, "c - w + 1", "cw", w.entries, wide);
    w.after = build_reshape(b, build_cast(b, build_in(b, W_LENGTHS), QN_I64), column, 2);
    w.after = build_op2(b, OP_Add, w.after, build_scalar(b, QN_I64, 1));
    if (counts) w.before = build_op2(b, OP_Sub, w.after, build_reshape(b, build_cast(b, counts, QN_I64), column, 2));
    else w.before = build_formula(b, "Max(t - r, 0)", "tr", w.after, attend_size(b, w.rows));
    w.first = dropped(b, w.before, &w);
    return w;
}

/* ------------------------------------------------------------------ WindowKept */
static qn_status infer_kept(infer *c)
{
    QN_TRY(check_window(c));
    return infer_like_first_input(c);
}

static qn_status expand_kept(build *b, const node *n)
{
    (void)n;
    graph *g = b->g;
    window w = window_of(b);
    sym one = sym_one(g), heads = build_type(b, build_in(b, W_PAST))->dims[1];
    const sym dims[4] = { w.batch, heads, w.room, one }, each[4] = { w.batch, one, w.room, one };
    attr batch = attr_of_int("batch_dims", 2);
    val at = build_formula(b, "p = i + f; Min(p < e ? p - o : c + p - e, c + r - 1)", "ifeocr", attend_places(b, w.room),
                           dropped(b, w.after, &w), w.before, w.first, w.entries, attend_size(b, w.rows));
    at = build_expand(b, build_reshape(b, at, each, 4), dims, 4);
    val x = build_concat(b, build_in(b, W_PAST), build_in(b, W_FRESH), 2);
    val y = build_node(b, OP_GatherND, (const val[]){ x, at }, 2, &batch, 1);
    return build_done(b, &y, 1);
}

static const op_case kept_cases[] = {
    { "f32[2,3,6,4] f32[2,3,2,4] i32[2]={20,7}", "window=4", 0, "dropped at different times" },
    { "i8[2,1,6,4] i8[2,1,4,4] i32[2]={4,8} i32[2]={2,3}", "window=4", 0, "some of the new ones" },
    { 0 },
};
const op_def op_WindowKept = {
    .name = "WindowKept",
    .domain = "quern",
    .doc = DOC("what a cache as long as its window needs holds after a step, the latest tokens from its start on"),
    .in = { { "past", "any" }, { "fresh", "as past" }, { "lengths", "i32" }, { "counts", "optional i32" } },
    .out = { { "present", "as past" } },
    .attrs = { NEEDED("window", ATTR_INT) },
    .infer = infer_kept,
    .expand = expand_kept,
    .cases = CASES(kept_cases),
};

/* ------------------------------------------------------------------ WindowBias */
static qn_status infer_bias(infer *c)
{
    const type *past = infer_in(c, W_PAST), *fresh = infer_in(c, W_FRESH), *bias = infer_in(c, W_BIAS);
    QN_TRY(check_window(c));
    type y = { .dtype = fresh->dtype, .rank = 4, .known = true };
    y.dims[0] = past->dims[0], y.dims[1] = bias ? bias->dims[1] : sym_one(c->g), y.dims[2] = fresh->dims[2];
    y.dims[3] = sym_add(c->g, past->dims[2], fresh->dims[2]);
    return infer_out(c, 0, &y);
}

/* The position of each key that is looked at, [batch][C + rows]; beyond all of them where there is none. */
static val places_of_keys(build *b, const window *w)
{
    return build_formula(b, "a = j + f; n = e + j - c; j < c ? a < e ? a : 2147483647 : n < t ? n : 2147483647", "jfect",
                         attend_places(b, sym_add(b->g, w->room, w->rows)), w->first, w->before, w->entries, w->after);
}

/* The columns of a bias that belong to the keys; what is beyond is hidden anyhow. */
static val columns_of(build *b, val bias, val keys, const type *y)
{
    if (!bias || b->status) return 0;
    type all = *build_type(b, bias);
    attr along = attr_of_int("axis", 3);
    all.dims[0] = y->dims[0], all.dims[2] = y->dims[2];
    val at = build_formula(b, "Min(k, t - 1)", "kt", keys, attend_size(b, all.dims[3]));
    at = build_expand(b, at, y->dims, 4);
    bias = build_expand(b, bias, all.dims, 4);
    return build_node(b, OP_GatherElements, (const val[]){ bias, at }, 2, &along, 1);
}

static qn_status expand_bias(build *b, const node *n)
{
    window w = window_of(b);
    const type y = *build_type(b, n->out[0]);
    sym one = sym_one(b->g);
    const sym down[4] = { w.batch, one, w.rows, one }, across[4] = { w.batch, one, one, y.dims[3] };
    val at = build_reshape(b, build_op2(b, OP_Add, w.before, attend_places(b, w.rows)), down, 4);
    val keys = build_reshape(b, places_of_keys(b, &w), across, 4);
    val wide = build_scalar(b, QN_I64, (f64)attr_int(n, "window", 1)), hidden = build_scalar(b, y.dtype, -(f64)INFINITY);
    val seen =
        build_formula(b, "k > q ? n : k > q - w ? z : n", "kqnwz", keys, at, hidden, wide, build_scalar(b, y.dtype, 0));
    val out = build_op2(b, OP_Add, seen, columns_of(b, build_in(b, W_BIAS), keys, &y));
    return build_done(b, &out, 1);
}

static const op_case bias_cases[] = {
    { "i8[2,3,6,4] f32[2,3,2,4] i32[2]={20,7} _ f32[1,3,2,21]", "window=4", 0, "columns of a bias" },
    { "f16[2,3,6,4] f16[2,3,4,4] i32[2]={4,8} i32[2]={2,3}", "window=4", 0, "some of the new ones" },
    { 0 },
};
const op_def op_WindowBias = {
    .name = "WindowBias",
    .domain = "quern",
    .doc = DOC("what is added to the scores of a cache's keys and the new ones: -infinity where one is not seen, and the "
               "bias at its position"),
    .in = { { "past", "any" },
            { "fresh", "float" },
            { "lengths", "i32" },
            { "counts", "optional i32" },
            { "bias", "optional as fresh" } },
    .out = { { "y", "as fresh" } },
    .attrs = { NEEDED("window", ATTR_INT) },
    .infer = infer_bias,
    .expand = expand_bias,
    .cases = CASES(bias_cases),
};
