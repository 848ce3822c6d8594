/* Einsum: an equation over named dimensions, as transposes, reshapes, matrix products and sums.
 *
 * Operands are joined from left to right. Of two, a dimension in both is a batch dimension when it is wanted later, else it is summed
 * by the product; what only one has becomes rows or columns. A name twice in one operand takes the diagonal. */
#include "op/op_util.h"

enum { MAX_TERMS = 16, ELLIPSIS = 1, LABELS = 128 }; /* dimensions of "..." have the labels 1, 2, .. from the right */

typedef struct term {
    val v;
    u32 n;
    u8 label[2 * QN_MAX_RANK];
} term;
typedef struct equation {
    u32 n;
    term in[MAX_TERMS], out;
    sym size[LABELS];
} equation;

/* ---- reading */

static const char *skip_blanks(const char *at)
{
    while (*at == ' ') at++;
    return at;
}

static bool is_label(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* The labels up to ',' or '-' or the end; "..." stands for `dots` dimensions. */
static const char *read_term(const char *at, u32 dots, term *out, u32 *letters, bool *has_dots)
{
    out->n = *letters = 0;
    *has_dots = false;
    for (at = skip_blanks(at); *at && *at != ',' && *at != '-'; at = skip_blanks(at)) {
        if (strncmp(at, "...", 3) == 0 && !*has_dots) {
            *has_dots = true;
            for (u32 d = dots; d-- > 0 && out->n < COUNT(out->label);) out->label[out->n++] = (u8)(ELLIPSIS + d);
            at += 3;
        } else if (is_label(*at) && out->n < COUNT(out->label)) {
            out->label[out->n++] = (u8)*at++;
            ++*letters;
        } else return NULL;
    }
    return at;
}

static void implicit_output(equation *e, u32 dots)
{
    u32 seen[LABELS] = { 0 };
    for (u32 i = 0; i < e->n; i++)
        for (u32 d = 0; d < e->in[i].n; d++) seen[e->in[i].label[d]]++;
    for (u32 d = dots; d-- > 0;) e->out.label[e->out.n++] = (u8)(ELLIPSIS + d);
    for (u32 c = 'A'; c <= 'z'; c++)
        if (seen[c] == 1 && e->out.n < QN_MAX_RANK) e->out.label[e->out.n++] = (u8)c;
}

static const char *set_sizes(graph *g, equation *e, const term *t, const type *shape)
{
    for (u32 d = 0; d < t->n; d++) {
        sym *size = &e->size[t->label[d]], own = shape->dims[d];
        if (*size && sym_is(g, own, 1)) continue;
        if (*size && !sym_is(g, *size, 1) && sym_differ(g, *size, own))
            return "a dimension has different sizes in two operands";
        *size = own;
    }
    return NULL;
}

static const char *equation_read(graph *g, const node *n, equation *e)
{
    const char *text = attr_text(g, n, "equation", ""), *at = text;
    u32 letters, dots = 0;
    bool has_dots;
    *e = (equation){ .n = n->n_in };
    if (n->n_in < 1 || n->n_in > MAX_TERMS) return "the number of operands is not 1 to 16";
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        const type *shape = &value_at(g, v)->type;
        const char *start = at;
        at = read_term(at, 0, &e->in[i], &letters, &has_dots);
        if (!at) return "the equation has a character that means nothing";
        if (has_dots ? letters > shape->rank : letters != shape->rank)
            return "the equation names not as many dimensions as an operand has";
        if (has_dots) {
            dots = MAX(dots, shape->rank - letters);
            read_term(start, shape->rank - letters, &e->in[i], &letters, &has_dots);
        }
        e->in[i].v = v;
        const char *wrong = set_sizes(g, e, &e->in[i], shape);
        if (wrong) return wrong;
        if (i + 1 < n->n_in && *at++ != ',') return "the equation has fewer operands than the node";
    }
    if (*at == ',') return "the equation has more operands than the node";
    if (!*at) implicit_output(e, dots);
    else {
        at = at[1] == '>' ? read_term(at + 2, dots, &e->out, &letters, &has_dots) : NULL;
        if (!at || *at) return "what stands behind the operands of the equation is no '->' and labels";
    }
    if (e->out.n > QN_MAX_RANK) return "the result would have too many dimensions";
    for (u32 d = 0; d < e->out.n; d++)
        if (!e->size[e->out.label[d]]) return "the result has a label that no operand has";
    return NULL;
}

static qn_status einsum_infer(infer *c)
{
    equation e;
    const char *wrong = equation_read(c->g, c->n, &e);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s: '%s'", wrong, attr_text(c->g, c->n, "equation", ""));
    type y = { .dtype = infer_in(c, 0)->dtype, .rank = (u8)e.out.n, .known = true };
    for (u32 d = 0; d < e.out.n; d++) y.dims[d] = e.size[e.out.label[d]];
    return infer_out(c, 0, &y);
}

/* ---- building */

static bool has(const term *t, u8 label) { return memchr(t->label, label, t->n) != NULL; }

static void drop(term *t, u32 d)
{
    memmove(t->label + d, t->label + d + 1, t->n - d - 1);
    t->n--;
}

static val sum_over(build *b, val x, i64 axis)
{
    attr keep = attr_of_int("keepdims", 0);
    return build_node(b, OP_ReduceSum, (val[]){ x, build_ints(b, &axis, 1) }, 2, &keep, 1);
}

/* A label that stands at both first and second: only where they are equal, then without the second. */
static void take_diagonal(build *b, term *t, u32 first, u32 second)
{
    if (b->status) return;
    graph *g = b->g;
    type shape = *build_type(b, t->v);
    sym rows[QN_MAX_RANK], cols[QN_MAX_RANK];
    for (u32 d = 0; d < shape.rank; d++) rows[d] = cols[d] = sym_number(g, 1);
    rows[first] = shape.dims[first];
    cols[second] = shape.dims[second];
    val limit = build_reshape(b, build_syms(b, &shape.dims[first], 1), NULL, 0);
    val count =
        build_node(b, OP_Range, (val[]){ build_scalar(b, QN_I64, 0), limit, build_scalar(b, QN_I64, 1) }, 3, NULL, 0);
    val equal = build_op2(b, OP_Equal, build_reshape(b, count, rows, shape.rank), build_reshape(b, count, cols, shape.rank));
    val kept = build_node(b, OP_Where, (val[]){ equal, t->v, build_scalar(b, shape.dtype, 0) }, 3, NULL, 0);
    t->v = sum_over(b, kept, second);
    drop(t, second);
}

static void take_diagonals(build *b, term *t)
{
    for (u32 first = 0; first < t->n; first++)
        for (u32 second = t->n; second-- > first + 1;)
            if (t->label[first] == t->label[second]) take_diagonal(b, t, first, second);
}

/* Sum over what neither the result nor a later operand needs. */
static void sum_unneeded(build *b, term *t, const bool *needed)
{
    for (u32 d = t->n; d-- > 0;)
        if (!needed[t->label[d]]) {
            t->v = sum_over(b, t->v, d);
            drop(t, d);
        }
}

static void reorder(build *b, term *t, const u8 *order, u32 n)
{
    i64 perm[2 * QN_MAX_RANK];
    bool same = true;
    for (u32 d = 0; d < n; d++) {
        perm[d] = (const u8 *)memchr(t->label, order[d], t->n) - t->label;
        same &= perm[d] == d;
    }
    memcpy(t->label, order, n);
    if (same) return;
    attr a = attr_of_ints(b->g, "perm", perm, n);
    t->v = build_node(b, OP_Transpose, &t->v, 1, &a, 1);
}

/* The sizes of own dimensions [from, to) of x as one. */
static sym span(build *b, const type *shape, u32 from, u32 to) { return sym_span(b->g, shape, from, to); }

/* x as [batch dims...][rows][cols], with the last two made of `rows` and the rest of its dimensions. */
static val as_matrix(build *b, const term *t, u32 batch, u32 rows)
{
    if (b->status) return 0;
    type shape = *build_type(b, t->v);
    sym dims[QN_MAX_RANK + 2];
    for (u32 d = 0; d < batch; d++) dims[d] = shape.dims[d];
    dims[batch] = span(b, &shape, batch, batch + rows);
    dims[batch + 1] = span(b, &shape, batch + rows, shape.rank);
    return build_reshape(b, t->v, dims, batch + 2);
}

static u32 pick(const term *from, const term *other, const bool *needed, bool in_other, int want_needed, u8 *out)
{
    u32 n = 0;
    for (u32 d = 0; d < from->n; d++) {
        u8 label = from->label[d];
        if (has(other, label) == in_other && (want_needed < 0 || needed[label] == (want_needed != 0))) out[n++] = label;
    }
    return n;
}

static term join(build *b, term *x, term *y, const equation *e, const bool *needed)
{
    u8 left[4 * QN_MAX_RANK], right[4 * QN_MAX_RANK];
    u32 batch = pick(x, y, needed, true, 1, left);
    u32 rows = pick(x, y, needed, false, -1, left + batch);
    u32 depth = pick(x, y, needed, true, 0, left + batch + rows);
    memcpy(right, left, batch);
    memcpy(right + batch, left + batch + rows, depth);
    u32 cols = pick(y, x, needed, false, -1, right + batch + depth);
    term out = { .n = batch + rows + cols };
    if (batch + rows + cols > QN_MAX_RANK || batch + 2 > QN_MAX_RANK) {
        build_fail(b, QN_E_UNSUPPORTED, "an operand on the way would have more than %d dimensions", QN_MAX_RANK);
        return out;
    }
    reorder(b, x, left, x->n);
    reorder(b, y, right, y->n);
    val product = build_op2(b, OP_MatMul, as_matrix(b, x, batch, rows), as_matrix(b, y, batch, depth));
    memcpy(out.label, left, batch + rows);
    memcpy(out.label + batch + rows, right + batch + depth, cols);
    sym dims[2 * QN_MAX_RANK];
    for (u32 d = 0; d < out.n; d++) dims[d] = e->size[out.label[d]];
    out.v = build_reshape(b, product, dims, out.n);
    return out;
}

/* The labels of the result and of operands from `next` on. */
static void mark_needed(const equation *e, u32 next, bool *needed)
{
    memset(needed, 0, LABELS);
    for (u32 d = 0; d < e->out.n; d++) needed[e->out.label[d]] = true;
    for (u32 i = next; i < e->n; i++)
        for (u32 d = 0; d < e->in[i].n; d++) needed[e->in[i].label[d]] = true;
}

/* Products of narrow integers: those of wide ones, whose low bits they are. */
static qn_status expand_wide(build *b, const node *n, qn_dtype d)
{
    val in[64];
    if (n->n_in > COUNT(in)) return build_fail(b, QN_E_UNSUPPORTED, "more than 64 operands");
    for (u32 i = 0; i < n->n_in; i++) in[i] = build_cast(b, build_in(b, i), QN_I32);
    val y = build_cast(b, build_node(b, OP_Einsum, in, n->n_in, n->attrs, n->n_attrs), d);
    return build_done(b, &y, 1);
}

static qn_status einsum_expand(build *b, const node *n)
{
    qn_dtype own = build_type(b, build_in(b, 0))->dtype;
    if (dtype_is_int(own) && qn_dtype_bytes(own) < 4) return expand_wide(b, n, own);
    equation e;
    bool needed[LABELS];
    const char *wrong = equation_read(b->g, n, &e);
    if (wrong) return build_fail(b, QN_E_SHAPE, "%s", wrong);
    for (u32 i = 0; i < e.n; i++) take_diagonals(b, &e.in[i]);
    term all = e.in[0];
    mark_needed(&e, 1, needed);
    sum_unneeded(b, &all, needed);
    for (u32 i = 1; i < e.n; i++) {
        mark_needed(&e, i + 1, needed);
        for (u32 d = 0; d < all.n; d++) needed[all.label[d]] = true;
        sum_unneeded(b, &e.in[i], needed);
        mark_needed(&e, i + 1, needed);
        all = join(b, &all, &e.in[i], &e, needed);
        sum_unneeded(b, &all, needed);
    }
    if (b->status) return b->status;
    reorder(b, &all, e.out.label, e.out.n);
    return build_done(b, &all.v, 1);
}

static const op_case einsum_cases[] = {
    { "f32[3,4] f32[4,5]", "equation=\"ij,jk->ik\"", 1e-6, "a product" },
    { "f32[3,4]", "equation=\"ij->ji\"", 0, "a transpose" },
    { "f32[3,4]", "equation=\"ij->i\"", 1e-6, "a sum" },
    { "f32[2,3,4] f32[2,5,4]", "equation=\"bik, bjk -> bij\"", 1e-6, "a batch, the right one transposed" },
    { "f32[2,5,3,4] f32[2,6,3,4]", "equation=\"bqhd,bkhd->bhqk\"", 1e-6, "scores of attention" },
    { "f32[2,3,3]", "equation=\"...ii->...i\"", 0, "diagonals" },
    { "f32[3,3]", "equation=\"ii\"", 1e-6, "the trace" },
    { "f32[5] f32[5]", "equation=\"i,i\"", 1e-6, "a dot product" },
    { "f32[3] f32[4]", "equation=\"i,j->ji\"", 1e-6, "an outer product" },
    { "f32[2,3] f32[3,4] f32[4,5]", "equation=\"ab,bc,cd->da\"", 1e-6, "three operands" },
    { "f32[4,1,3] f32[2,3]", "equation=\"...i,...i->...\"", 1e-6, "dimensions without a name broadcast" },
    { "i32[3,4] i32[4,5]", "equation=\"ij,jk\"", 0, "integers, no result given" },
    { "u8[3,4] u8[4,5]", "equation=\"ij,jk->ki\"", 0, "narrow integers wrap" },
    { 0 },
};

const op_def op_Einsum = {
    .name = "Einsum",
    .doc = DOC("Products of the operands, summed over what the equation's result does not name"),
    .in = { { "inputs", "many number" } },
    .out = { { "y", "as inputs" } },
    .attrs = { NEEDED("equation", ATTR_TEXT) },
    .min_in = 1,
    .infer = einsum_infer,
    .expand = einsum_expand,
    .cases = CASES(einsum_cases),
};
