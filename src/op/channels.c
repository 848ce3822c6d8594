/* Channels moved to the front or to the end. */
#include "op/channels.h"

type channels_moved(const type *t, bool to_front)
{
    type y = *t;
    u32 last = t->rank - 1u;
    if (to_front) {
        y.dims[1] = t->dims[last];
        for (u32 d = 1; d < last; d++) y.dims[d + 1] = t->dims[d];
    } else {
        y.dims[last] = t->dims[1];
        for (u32 d = 1; d < last; d++) y.dims[d] = t->dims[d + 1];
    }
    return y;
}

val channels_move(build *b, val x, bool to_front)
{
    if (!x || b->status) return 0;
    u32 rank = build_type(b, x)->rank;
    i64 perm[QN_MAX_RANK];
    for (u32 d = 0; d < rank; d++) perm[d] = d;
    for (u32 d = 1; d < rank; d++) perm[d] = to_front ? (d == 1 ? rank - 1 : d - 1) : (d == rank - 1 ? 1 : d + 1);
    attr a = attr_of_ints(b->g, "perm", perm, rank);
    return build_node(b, OP_Transpose, &x, 1, &a, 1);
}

bool channels_to_front(const graph *g, const node *t)
{
    const i64 *perm;
    u32 rank = attr_ints(t, "perm", &perm);
    if (t->op != OP_Transpose || t->dead || rank < 3) return false;
    for (u32 d = 0; d < rank; d++)
        if (perm[d] != (d == 0 ? 0 : d == 1 ? (i64)rank - 1 : (i64)d - 1)) return false;
    return value_at(g, t->out[0])->type.rank == rank;
}

val channels_last_of(build *b, val x)
{
    const node *t = x && value_at(b->g, x)->maker ? node_at(b->g, value_at(b->g, x)->maker) : NULL;
    return t && channels_to_front(b->g, t) ? node_in(b->g, t, 0) : channels_move(b, x, false);
}
