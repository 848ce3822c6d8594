/* Transpose behind a node instead of in front of it. How an op behaves under another order of dimensions is a word of its record; each word is
 * a function here. Values only change places. */
#include "pass/permute.h"

#include "op/elementwise.h"
#include "op/op_util.h"

/* ---- permutations */

perm perm_of(const graph *g, const node *t)
{
    const i64 *given;
    perm p = { .rank = match_type(g, t->out[0])->rank };
    bool has = attr_ints(t, "perm", &given) == p.rank;
    for (u32 d = 0; d < p.rank; d++) p.to[d] = has ? given[d] : (i64)p.rank - 1 - d;
    return p;
}

perm perm_inverse(const perm *p)
{
    perm r = { .rank = p->rank };
    for (u32 d = 0; d < p->rank; d++) r.to[p->to[d]] = d;
    return r;
}

bool perm_same(const perm *a, const perm *b) { return a->rank == b->rank && !memcmp(a->to, b->to, a->rank * sizeof *a->to); }

static bool in_place(const perm *p)
{
    for (u32 d = 0; d < p->rank; d++)
        if (p->to[d] != d) return false;
    return true;
}

val perm_transpose(build *b, val x, const perm *p)
{
    if (in_place(p) || b->status != QN_OK) return x;
    attr a = attr_of_ints(b->g, "perm", p->to, p->rank);
    return build_node(b, OP_Transpose, &x, 1, &a, 1);
}

val perm_merge(build *b, const node *n)
{
    const node *inner = match_maker(b->g, node_in(b->g, n, 0));
    if (n->op != OP_Transpose || !inner || inner->op != OP_Transpose) return 0;
    perm p = perm_of(b->g, inner), q = perm_of(b->g, n), both = { .rank = q.rank };
    for (u32 d = 0; d < q.rank; d++) both.to[d] = p.to[q.to[d]];
    return perm_transpose(b, node_in(b->g, inner, 0), &both);
}

val perm_operand(build *b, val v, const perm *p)
{
    const type t = *match_type(b->g, v);
    if (t.rank == 0 || match_elems_are(b->g, v, 1)) return t.rank ? build_reshape(b, v, NULL, 0) : v;
    sym dims[QN_MAX_RANK];
    for (u32 d = 0; d < p->rank; d++) dims[d] = d + t.rank < p->rank ? sym_number(b->g, 1) : t.dims[d + t.rank - p->rank];
    perm back = perm_inverse(p);
    return perm_transpose(b, t.rank == p->rank ? v : build_reshape(b, v, dims, p->rank), &back);
}

/* Without the dimensions of `bits` (of the result). */
static perm without(const perm *p, u32 bits)
{
    perm r = { 0 };
    for (u32 d = 0; d < p->rank; d++) {
        if (bits >> d & 1) continue;
        i64 to = p->to[d];
        for (u32 k = 0; k < p->rank; k++) to -= (bits >> k & 1) && p->to[k] < p->to[d];
        r.to[r.rank++] = to;
    }
    return r;
}

/* ---- what a node becomes: its inputs and attributes, and in which order its outputs then stand */

typedef struct permuted {
    val in[PERMUTE_MOST];
    u32 n_in, n_attrs;
    attr attrs[OP_MOST_ATTRS + 1];
    perm behind;
} permuted;

static void set_attr(permuted *to, attr a)
{
    u32 i = 0;
    while (i < to->n_attrs && !text_same(to->attrs[i].name, a.name)) i++;
    to->attrs[i] = a;
    to->n_attrs = MAX(to->n_attrs, i + 1);
}

static bool by_nothing(build *b, const node *n, const perm *p, permuted *to)
{
    (void)b, (void)n, (void)p, (void)to;
    return true;
}

static bool by_axis(build *b, const node *n, const perm *p, permuted *to)
{
    (void)b;
    const op_attr *a = op_attr_of(op_of(n), "axis");
    set_attr(to, attr_of_int("axis", p->to[axis_of(n, "axis", a ? a->i : 0, p->rank)]));
    return true;
}

static bool by_axes(build *b, const node *n, const perm *p, permuted *to)
{
    const i64 *axes;
    i64 moved[QN_MAX_RANK];
    u32 count = attr_ints(n, "axes", &axes), all = count ? count : p->rank;
    for (u32 i = 0; i < all; i++) moved[i] = p->to[count ? axes[i] + (axes[i] < 0 ? p->rank : 0) : i];
    set_attr(to, attr_of_ints(b->g, "axes", moved, all));
    return true;
}

static bool by_folds(build *b, const node *n, const perm *p, permuted *to)
{
    bool has;
    i64 ignored[QN_MAX_RANK], axes[QN_MAX_RANK];
    val given = node_in(b->g, n, 1);
    if (given && match_ints(b->g, given, ignored, QN_MAX_RANK) < 0) return false;
    u32 bits = node_axes(b->g, n, "axes", 1, p->rank, &has), count = 0;
    if (!bits) return false;
    for (u32 d = 0; d < p->rank; d++)
        if (bits >> d & 1) axes[count++] = p->to[d];
    u32 kept = 0;
    for (u32 i = 0; i < to->n_attrs; i++)
        if (!text_same(to->attrs[i].name, "axes")) to->attrs[kept++] = to->attrs[i];
    to->n_attrs = kept;
    to->in[1] = build_ints(b, axes, count);
    to->n_in = 2;
    if (!attr_int(n, "keepdims", 1)) to->behind = without(p, bits);
    return true;
}

static bool by_pads(build *b, const node *n, const perm *p, permuted *to)
{
    i64 pads[2 * QN_MAX_RANK], moved[2 * QN_MAX_RANK];
    if (node_in(b->g, n, 3) || match_ints(b->g, node_in(b->g, n, 1), pads, COUNT(pads)) != 2 * (i64)p->rank) return false;
    for (u32 d = 0; d < p->rank; d++) moved[p->to[d]] = pads[d], moved[p->rank + p->to[d]] = pads[p->rank + d];
    to->in[1] = build_ints(b, moved, 2 * p->rank);
    return true;
}

static bool by_spans(build *b, const node *n, const perm *p, permuted *to)
{
    i64 axes[QN_MAX_RANK];
    const sym *ignored;
    val given = node_in(b->g, n, 3);
    i64 count = given ? match_ints(b->g, given, axes, QN_MAX_RANK) : value_elems(b->g, node_in(b->g, n, 1), &ignored);
    if (count < 0 || count > p->rank) return false;
    for (i64 i = 0; i < count; i++) axes[i] = p->to[given ? axes[i] + (axes[i] < 0 ? p->rank : 0) : i];
    to->in[3] = build_ints(b, axes, (u32)count);
    to->n_in = MAX(to->n_in, 4u);
    return true;
}

static bool (*const by_word[])(build *b, const node *n, const perm *p, permuted *to) = {
    [PERMUTED_NOT] = by_nothing, [PERMUTED_AXIS] = by_axis, [PERMUTED_AXES] = by_axes,
    [PERMUTED_FOLDS] = by_folds, [PERMUTED_PADS] = by_pads, [PERMUTED_SPANS] = by_spans,
};

u32 permute_operands(const graph *g, const node *n)
{
    const op_def *d = op_of(n);
    if (n->n_in > PERMUTE_MOST || n->n_out > PERMUTE_MOST_OUT) return 0;
    if (d->permuted == PERMUTED_NOT) return n->n_out == 1 && n->n_in <= EW_MAX_ARGS && ew_is_row(g, n) ? n->n_in : 0;
    return text_starts(d->in[0].types, "many") ? n->n_in : 1;
}

bool permute_node(build *b, const node *n, const val *in, const perm *p, val *outs)
{
    const u32 operands = permute_operands(b->g, n), n_out = n->n_out;
    const op_id op = (op_id)n->op;
    permuted to = { .n_in = n->n_in, .n_attrs = n->n_attrs, .behind = *p };
    for (u32 i = 0; i < n->n_in; i++) to.in[i] = i < operands ? in[i] : node_in(b->g, n, i);
    if (n->n_attrs) memcpy(to.attrs, n->attrs, n->n_attrs * sizeof *n->attrs);
    if (!operands || !by_word[op_of(n)->permuted](b, n, p, &to)) return false;
    nid made = build_node_outs(b, op, to.in, to.n_in, n_out, to.attrs, to.n_attrs);
    if (b->status != QN_OK) return false;
    val plain[PERMUTE_MOST_OUT];
    memcpy(plain, node_at(b->g, made)->out, n_out * sizeof *plain);
    for (u32 i = 0; i < n_out; i++) outs[i] = perm_transpose(b, plain[i], &to.behind);
    return b->status == QN_OK;
}
