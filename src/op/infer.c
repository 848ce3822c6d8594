/* What the records' inference asks and answers: input types in, output types and known elements out. What it cannot decide before the sizes
 * are known it notes at the node, as a need to be checked in each run. */
#include "op/elems.h"
#include "op/op_util.h"

const type *infer_in(const infer *c, u32 i)
{
    val v = node_in(c->g, c->n, i);
    return v ? &value_at(c->g, v)->type : NULL;
}

bool infer_has(const infer *c, u32 i) { return node_in(c->g, c->n, i) != 0; }

i64 infer_int(const infer *c, const char *name)
{
    const op_attr *a = op_attr_of(op_of(c->n), name);
    return attr_int(c->n, name, a ? a->i : 0);
}

f64 infer_float(const infer *c, const char *name)
{
    const op_attr *a = op_attr_of(op_of(c->n), name);
    return attr_float(c->n, name, a ? a->f : 0);
}

/* Where there was no memory for a size or an element, nothing else is to blame. */
qn_status(infer_fail)(const infer *c, qn_status code, const char *format, ...)
{
    va_list args;
    QN_TRY(sym_status(c->g));
    va_start(args, format);
    op_fail(c->n, code, format, args);
    va_end(args);
    return code;
}

static qn_status check_dim(const infer *c, u32 i, u32 d, sym s)
{
    i64 number;
    if (!s) {
        QN_TRY(sym_status(c->g));
        return infer_fail(c, QN_E_SHAPE, "size %u of output %u does not fit in 64 bits or is too long an expression", d, i);
    }
    if (sym_is_number(c->g, s, &number) && number < 0)
        return infer_fail(c, QN_E_SHAPE, "size %u of output %u would be %lld", d, i, (long long)number);
    sym one = sym_number(c->g, 1);
    infer_need(c->g, sym_sub(c->g, one, sym_compare(c->g, '<', s, sym_number(c->g, 0))), "a size of the result would be #",
               s, s);
    return QN_OK;
}

/* A size that only the data decide is a fresh variable each time it is inferred: the value keeps the one it had. */
static sym keep_dim(const infer *c, const value *v, const type *now, u32 d)
{
    const type *old = &v->type;
    bool fresh = sym_newest_variable(c->g, now->dims[d]) > c->variables;
    return fresh && v->inferred && old->rank == now->rank && old->dims[d] ? old->dims[d] : now->dims[d];
}

qn_status infer_as_declared(const infer *c, u32 i, const type *is, const type *said)
{
    bool inside = false;
    for (; is && said && is->dtype && said->dtype; is = is->of, said = said->of, inside = true)
        if (is->dtype != said->dtype)
            return infer_fail(c, QN_E_DTYPE, "output %u %s %s, the file says %s", i, inside ? "holds" : "is",
                              qn_dtype_name(is->dtype), qn_dtype_name(said->dtype));
    return QN_OK;
}

qn_status infer_out(infer *c, u32 i, const type *t)
{
    if (i >= c->n->n_out || !c->n->out[i]) return QN_OK;
    if (!t->known || t->dtype == QN_NONE) return infer_fail(c, QN_E_BUG, "output %u has no type after inference", i);
    if (t->rank > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "output %u would have %u dimensions, at most %d are possible", i, t->rank,
                          QN_MAX_RANK);
    const value *before = value_at(c->g, c->n->out[i]);
    if (!before->inferred) QN_TRY(infer_as_declared(c, i, t, &before->type));
    type kept = *t;
    for (u32 d = 0; d < t->rank; d++) {
        QN_TRY(check_dim(c, i, d, t->dims[d]));
        kept.dims[d] = keep_dim(c, value_at(c->g, c->n->out[i]), t, d);
    }
    if (!type_elems(c->g, &kept)) {
        QN_TRY(sym_status(c->g));
        return infer_fail(c, QN_E_SHAPE, "output %u would have more elements than 64 bits can count", i);
    }
    value *v = value_at(c->g, c->n->out[i]);
    v->type = kept;
    v->inferred = true;
    if (v->elems_read) return QN_OK; /* their variables stay what they are when a graph is checked again */
    v->elems = NULL;
    v->n_elems = 0;
    return QN_OK;
}

qn_status infer_out_elems(infer *c, u32 i, const type *t, const sym *elems, u32 n)
{
    if (i >= c->n->n_out || !c->n->out[i]) return QN_OK;
    const value *v = value_at(c->g, c->n->out[i]);
    const sym *old = v->elems;
    if (v->elems_read && !elems_settle(c->g, v, elems, elems ? n : 0)) return infer_out(c, i, t);
    bool same = elems && old && v->n_elems == n && memcmp(old, elems, n * sizeof *elems) == 0;
    QN_TRY(infer_out(c, i, t));
    for (u32 k = 0; elems && k < n; k++)
        if (!elems[k]) return sym_status(c->g); /* an element that is not known: none of them are of use */
    sym *kept = same ? NULL : ARENA_ARRAY(c->g->mem, n, sym);
    if (!same && !kept) return fail_nomem(n * sizeof *kept);
    if (!elems) return QN_OK;
    if (kept && n) memcpy(kept, elems, n * sizeof *kept);
    value_at(c->g, c->n->out[i])->elems = same ? old : kept;
    value_at(c->g, c->n->out[i])->n_elems = n;
    value_at(c->g, c->n->out[i])->elems_read = false;
    return QN_OK;
}

qn_status infer_axis(const infer *c, i64 axis, u32 rank, u32 *out)
{
    if (axis < -(i64)rank || axis >= (i64)rank)
        return infer_fail(c, QN_E_SHAPE, "axis %lld is outside the %u dimensions of its input", (long long)axis, rank);
    *out = (u32)(axis < 0 ? axis + (i64)rank : axis);
    return QN_OK;
}

void infer_need(graph *g, sym holds, const char *says, sym a, sym b)
{
    i64 known;
    node *n = node_at(g, g->inferring);
    if (!g->inferring || !holds || (sym_is_number(g, holds, &known) && known)) return;
    for (u32 i = 0; i < n->n_needs; i++)
        if (n->needs[i].holds == holds) return;
    if (ARENA_PUSH_ROOM(g->mem, n->needs, n->n_needs, n->cap_needs, 1 << 20))
        n->needs[n->n_needs++] = (node_need){ .holds = holds, .a = a, .b = b, .says = says };
    else n->needs_lost = true;
}

bool infer_differ(graph *g, sym a, sym b)
{
    if (sym_differ(g, a, b)) return g->differs = true;
    infer_need(g, sym_compare(g, '=', a, b), "# and # must be equal", a, b);
    return false;
}

static sym other_than_1(graph *g, sym a, sym b) { return sym_select(g, sym_compare(g, '=', a, sym_number(g, 1)), b, a); }

/* numpy's rule for one dimension. Of two unknown sizes the one is the result that is not 1 when it runs; that they fit is a need. */
static qn_status broadcast_dim(const infer *c, sym a, sym b, sym *out)
{
    graph *g = c->g;
    i64 x, y;
    bool a_known = sym_is_number(g, a, &x), b_known = sym_is_number(g, b, &y);
    if (sym_same(g, a, b) || (b_known && y == 1)) *out = a;
    else if (a_known && x == 1) *out = b;
    else if (a_known && b_known && infer_differ(g, a, b))
        return infer_fail(c, QN_E_SHAPE, "sizes %lld and %lld do not broadcast", (long long)x, (long long)y);
    else *out = a_known ? a : b_known ? b : other_than_1(g, MIN(a, b), MAX(a, b));
    sym one = sym_number(g, 1), either = sym_max(g, sym_compare(g, '=', a, one), sym_compare(g, '=', b, one));
    infer_need(g, sym_max(g, sym_compare(g, '=', a, b), either), "sizes # and # do not fit together", a, b);
    return QN_OK;
}

qn_status infer_broadcast(const infer *c, const type *a, const type *b, type *out)
{
    type made = { .dtype = out->dtype, .rank = MAX(a->rank, b->rank), .known = true };
    for (u32 d = 1; d <= made.rank; d++) {
        sym *to = &made.dims[made.rank - d];
        if (d > a->rank) *to = b->dims[b->rank - d];
        else if (d > b->rank) *to = a->dims[a->rank - d];
        else QN_TRY(broadcast_dim(c, a->dims[a->rank - d], b->dims[b->rank - d], to));
    }
    *out = made;
    return QN_OK;
}

qn_status infer_broadcast_to(const infer *c, u32 i, const type *from, const type *to)
{
    type all = *to;
    QN_TRY(infer_broadcast(c, from, to, &all));
    bool fits = all.rank == to->rank;
    for (u32 d = 0; d < to->rank && fits; d++) fits = !infer_differ(c->g, all.dims[d], to->dims[d]);
    return fits ? QN_OK : infer_fail(c, QN_E_SHAPE, "%s does not broadcast to what it is for", op_of(c->n)->in[i].name);
}

qn_status infer_sizes(const infer *c, u32 i, const sym *want, u32 rank, const char *by)
{
    const type *t = infer_in(c, i);
    const char *name = t ? op_of(c->n)->in[i].name : NULL;
    if (t && t->rank != rank) return infer_fail(c, QN_E_SHAPE, "%s must have %u dimensions", name, rank);
    for (u32 d = 0; t && d < rank; d++) {
        i64 is, must;
        if (!want[d] || !infer_differ(c->g, t->dims[d], want[d])) continue;
        if (!sym_is_number(c->g, t->dims[d], &is) || !sym_is_number(c->g, want[d], &must))
            return infer_fail(c, QN_E_SHAPE, "size %u of %s does not fit %s", d, name, by);
        return infer_fail(c, QN_E_SHAPE, "size %u of %s does not fit %s: it is %lld, not %lld", d, name, by, (long long)is,
                          (long long)must);
    }
    return QN_OK;
}

qn_status infer_like_first_input(infer *c)
{
    type t = *infer_in(c, 0);
    return infer_out(c, 0, &t);
}

qn_status infer_like_first_of_two(infer *c)
{
    if (infer_has(c, 1)) QN_TRY(infer_broadcast_to(c, 1, infer_in(c, 1), infer_in(c, 0)));
    return infer_like_first_input(c);
}
