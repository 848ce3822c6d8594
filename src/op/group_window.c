/* Caches of GroupQueryAttention that are only as long as the window needs (sliding_window_cache). Of T tokens a cache of C entries holds the last
 * L(T), from its start on. With a window of W and G = C - W + 1, G tokens are dropped at a time:
 *
 *     L(T) = T - dropped(T),  dropped(T) = G * max(ceil((T - C) / G), 0)
 *
 * A step looks at the past with its new tokens behind it; each key there has a position, and so has what stays. */
#include "op/formula.h"
#include "op/group_query.h"
#include "op/op_util.h"

#include <math.h>

bool group_is_windowed(const node *n) { return attr_int(n, "sliding_window_cache", 0) != 0; }

qn_status group_check_window(const infer *c)
{
    const type *past = infer_in(c, IN_PAST_K);
    i64 window = infer_int(c, "local_window_size"), room;
    if (window < 1 || !past) return infer_fail(c, QN_E_SHAPE, "sliding_window_cache needs local_window_size and a past");
    if (past->rank == 4 && sym_is_number(c->g, past->dims[2], &room) && room < window)
        return infer_fail(c, QN_E_SHAPE, "the cache has %lld entries, less than a window of %lld", (long long)room,
                          (long long)window);
    if (infer_int(c, "qk_output"))
        return infer_fail(c, QN_E_UNSUPPORTED,
                          "qk_output with sliding_window_cache: which keys it would be of is not specified");
    return QN_OK;
}

/* How many of `tokens` are no longer in a cache. */
static val dropped(build *b, val tokens, val room, val turn)
{
    return build_formula(b, "g * Max((t - c + g - 1) / g, 0)", "tcg", tokens, room, turn);
}

void group_window_of(build *b, const group_shape *s, group_window *w)
{
    graph *g = b->g;
    const sym column[2] = { s->batch, sym_one(g) };
    val counts = build_in(b, IN_COUNTS), room = attend_size(b, s->past), rows = attend_size(b, s->rows);
    val turn =
        build_formula(b, "c - w + 1", "cw", room, build_scalar(b, QN_I64, (f64)attr_int(b->n, "local_window_size", 1)));
    w->after = build_reshape(b, build_cast(b, build_in(b, IN_LENGTHS), QN_I64), column, 2);
    w->after = build_op2(b, OP_Add, w->after, build_scalar(b, QN_I64, 1));
    if (counts) w->before = build_op2(b, OP_Sub, w->after, build_reshape(b, build_cast(b, counts, QN_I64), column, 2));
    else w->before = build_formula(b, "Max(t - r, 0)", "tr", w->after, rows);
    w->first = dropped(b, w->before, room, turn);
    w->first_of_present = dropped(b, w->after, room, turn);
    val each = attend_places(b, sym_add(g, s->past, s->rows));
    w->keys = build_formula(b, "a = j + f; n = e + j - c; j < c ? a < e ? a : 2147483647 : n < t ? n : 2147483647", "jfect",
                            each, w->first, w->before, room, w->after);
}

val group_window_kept(build *b, val x, const group_window *w, const group_shape *s)
{
    graph *g = b->g;
    sym one = sym_one(g);
    const sym dims[4] = { s->batch, sym_number(g, s->groups), s->past, one }, each[4] = { s->batch, one, s->past, one };
    attr batch = attr_of_int("batch_dims", 2);
    val at = build_formula(b, "p = i + f; Min(p < e ? p - o : c + p - e, c + r - 1)", "ifeocr", attend_places(b, s->past),
                           w->first_of_present, w->before, w->first, attend_size(b, s->past), attend_size(b, s->rows));
    at = build_node(b, OP_Expand, (const val[]){ build_reshape(b, at, each, 4), build_syms(b, dims, 4) }, 2, NULL, 0);
    return build_node(b, OP_GatherND, (const val[]){ x, at }, 2, &batch, 1);
}

/* The columns of a bias that belong to the keys; what is beyond is hidden anyhow. */
static val columns_of(build *b, val bias, val keys, const group_shape *s)
{
    graph *g = b->g;
    if (!bias || b->status) return 0;
    sym heads = build_type(b, bias)->dims[1];
    const sym all[4] = { s->batch, heads, s->rows, s->total },
              here[4] = { s->batch, heads, s->rows, sym_add(g, s->past, s->rows) };
    attr along = attr_of_int("axis", 3);
    val at = build_formula(b, "Min(k, t - 1)", "kt", keys, attend_size(b, s->total));
    at = build_node(b, OP_Expand, (const val[]){ at, build_syms(b, here, 4) }, 2, NULL, 0);
    bias = build_node(b, OP_Expand, (const val[]){ bias, build_syms(b, all, 4) }, 2, NULL, 0);
    return build_node(b, OP_GatherElements, (const val[]){ bias, at }, 2, &along, 1);
}

val group_window_bias(build *b, val bias, const group_window *w, const group_shape *s, qn_dtype d)
{
    graph *g = b->g;
    sym one = sym_one(g);
    const sym each[4] = { s->batch, one, s->rows, one }, across[4] = { s->batch, one, one, sym_add(g, s->past, s->rows) };
    val at = build_reshape(b, build_op2(b, OP_Add, w->before, attend_places(b, s->rows)), each, 4);
    val keys = build_reshape(b, w->keys, across, 4), hidden = build_scalar(b, d, -(f64)INFINITY);
    val window = build_scalar(b, QN_I64, (f64)attr_int(b->n, "local_window_size", 1));
    val seen = build_formula(b, "k > q ? n : k > q - w ? z : n", "kqnwz", keys, at, hidden, window, build_scalar(b, d, 0));
    return build_op2(b, OP_Add, seen, columns_of(b, bias, keys, s));
}
