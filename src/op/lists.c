/* Sequences and optionals: values that hold tensors, on the host. A list is a tensor of tensors (qn_tensor[]); what it holds lies in the
 * memory of the run and is never written again, so lists share elements, and only a tensor that enters one is copied. They share the rows
 * of elements too: what is put in at the end goes behind the last one where there is room, and what is taken out at an end stays where it is.
 *
 * An optional is a list of one or of none, so its element is taken out as a sequence's is. How many a list holds is a size as any
 * other: SequenceLength and OptionalHasElement are size arithmetic. */
#include "op/lists.h"

/* ---- inference */

qn_status list_out(infer *c, qn_dtype kind, sym n, const type *of)
{
    type t = list_type(c->g, kind, n, of);
    return t.of ? infer_out(c, 0, &t) : QN_E_NOMEM;
}

static qn_status join(const infer *c, const type *a, const type *b, type *out)
{
    if (!list_meet(c->g, a, b, out))
        return infer_fail(c, QN_E_DTYPE, "its elements would be %s and %s; a sequence holds one type",
                          qn_dtype_name(a->dtype), qn_dtype_name(b->dtype));
    return out->dtype ? QN_OK : QN_E_NOMEM;
}

static qn_status infer_construct(infer *c)
{
    type of = *infer_in(c, 0);
    for (u32 i = 1; i < c->n->n_in; i++)
        if (infer_has(c, i)) QN_TRY(join(c, &of, infer_in(c, i), &of));
        else return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
    return list_out(c, QN_SEQUENCE, sym_number(c->g, c->n->n_in), &of);
}

static qn_status infer_empty(infer *c)
{
    const type of = { .dtype = node_dtype(c->n, "dtype", QN_F32) };
    return list_out(c, QN_SEQUENCE, sym_zero(c->g), &of);
}

static qn_status check_position(const infer *c, u32 i)
{
    const type *t = infer_in(c, i);
    if (!t || t->rank == 0 || (t->rank == 1 && !infer_differ(c->g, t->dims[0], sym_one(c->g)))) return QN_OK;
    return infer_fail(c, QN_E_SHAPE, "the position must be one number");
}

static qn_status infer_insert(infer *c)
{
    const type *list = infer_in(c, 0);
    type of;
    QN_TRY(check_position(c, 2));
    QN_TRY(join(c, list->of, infer_in(c, 1), &of));
    return list_out(c, QN_SEQUENCE, sym_add(c->g, list->dims[0], sym_one(c->g)), &of);
}

static qn_status infer_erase(infer *c)
{
    const type *list = infer_in(c, 0);
    QN_TRY(check_position(c, 1));
    return list_out(c, QN_SEQUENCE, sym_sub(c->g, list->dims[0], sym_one(c->g)), list->of);
}

/* Of what is empty nobody knows the element's type, but that there is none. A body may never run: that is known when it is opened. */
static qn_status infer_at_nothing(const infer *c)
{
    const qn_status status = c->g->is_body ? QN_E_UNSUPPORTED : QN_E_DATA;
    const sym *elems;
    i64 at;
    if (infer_in(c, 0)->dtype == QN_OPTIONAL) return infer_fail(c, status, "the optional is empty");
    if (value_elems(c->g, node_in(c->g, c->n, 1), &elems) != 1 || !sym_is_number(c->g, elems[0], &at))
        return infer_fail(c, status, "any position is outside a sequence of 0");
    return infer_fail(c, status, "position %lld is outside a sequence of 0", (long long)at);
}

/* Of elements that are known one by one: the one at a known position; NULL: it is not. */
static const type *known_item(const infer *c)
{
    const value *list = value_at(c->g, node_in(c->g, c->n, 0));
    const sym *elems;
    i64 at = 0;
    if (!list->items) return NULL;
    if (node_in(c->g, c->n, 1) &&
        (value_elems(c->g, node_in(c->g, c->n, 1), &elems) != 1 || !sym_is_number(c->g, elems[0], &at)))
        return NULL;
    if (at < 0) at += list->n_items;
    return at >= 0 && at < list->n_items ? &list->items[at] : NULL;
}

static qn_status infer_at(infer *c)
{
    const type *list = infer_in(c, 0), *item = known_item(c);
    QN_TRY(check_position(c, 1));
    if (item) return infer_out(c, 0, item);
    if (!list->of->known && sym_is(c->g, list->dims[0], 0)) return infer_at_nothing(c);
    if (!list->of->known)
        return infer_fail(c, QN_E_UNSUPPORTED, "its elements have %s rank",
                          list->of->any_rank ? "more than one, or an unknown," : "no");
    type t = list_element(c->g, list);
    return infer_out(c, 0, &t);
}

static qn_status out_known(infer *c, qn_dtype d, sym v)
{
    type t = { .dtype = d, .known = true };
    return infer_out_elems(c, 0, &t, &v, 1);
}

static qn_status infer_length(infer *c) { return out_known(c, QN_I64, infer_in(c, 0)->dims[0]); }

/* A tensor or sequence that is no optional is there. */
static qn_status infer_has_element(infer *c)
{
    const type *x = infer_in(c, 0);
    sym there = !x ? sym_zero(c->g) : x->dtype == QN_OPTIONAL ? x->dims[0] : sym_one(c->g);
    return out_known(c, QN_BOOL, there);
}

static qn_status infer_optional(infer *c)
{
    const type *x = infer_in(c, 0);
    const attr *a = attr_find(c->n, "type");
    type of;
    if (x) return list_out(c, QN_OPTIONAL, sym_one(c->g), x);
    if (!a) return infer_fail(c, QN_E_FORMAT, "an optional that is empty wants its type");
    of = *a->type;
    of.any_rank = false; /* nothing is in it yet */
    if (of.of && !of.of->known) of = list_type(c->g, of.dtype, of.dims[0], &(type){ .dtype = of.of->dtype });
    return list_out(c, QN_OPTIONAL, sym_zero(c->g), &of);
}

static qn_status infer_get_element(infer *c)
{
    const type *x = infer_in(c, 0);
    if (x->dtype == QN_OPTIONAL) return infer_at(c);
    return infer_out(c, 0, x);
}

/* ---- on the host */

/* More than this no list holds, so that a loop that forgets to end ends with a sentence. */
enum { MOST_ELEMENTS = 1 << 22 };

qn_tensor *list_room(host_call *h, i64 n, qn_dtype kind, qn_status *s)
{
    if (n > MOST_ELEMENTS) {
        *s = host_fail(h, QN_E_NOMEM, "a sequence of %lld elements; at most %d are possible", (long long)n, MOST_ELEMENTS);
        return NULL;
    }
    qn_tensor *list = arena_array(h->mem, (u64)n, sizeof *list);
    *s = list ? QN_OK : fail_nomem((u64)n * sizeof *list);
    h->out[0] = (qn_tensor){ .dtype = kind, .rank = 1, .dims = { n }, .data = list };
    return list;
}

/* A position below `end` that input i says, counted from n where it is negative; otherwise: where there is none. */
static qn_status position(const host_call *h, u32 i, i64 n, i64 end, i64 otherwise, i64 *out)
{
    const qn_tensor *t = i < h->n_in ? h->in[i] : NULL;
    i64 at = otherwise;
    i32 narrow;
    if (t && t->dtype == QN_I64) memcpy(&at, t->data, sizeof at);
    else if (t) memcpy(&narrow, t->data, sizeof narrow), at = narrow;
    if (at < -n || at >= end)
        return host_fail(h, QN_E_DATA, "position %lld is outside a sequence of %lld", (long long)at, (long long)n);
    *out = at < 0 ? at + n : at;
    return QN_OK;
}

static qn_status host_construct(host_call *h)
{
    qn_status s;
    qn_tensor *list = list_room(h, h->n_in, value_at(h->g, h->n->out[0])->type.dtype, &s);
    if (!list) return s;
    for (u32 i = 0; i < h->n_in; i++) QN_TRY(tensor_copy(h->mem, h->in[i], &list[i]));
    return QN_OK;
}

static qn_status host_empty(host_call *h)
{
    qn_status s;
    list_room(h, 0, QN_SEQUENCE, &s);
    return s;
}

/* A list of n + 1 that begins with the n of `from`: the same row where nothing is behind it yet, else a copy with room to grow. */
static qn_tensor *grown(host_call *h, const qn_tensor *from, i64 n, qn_status *s)
{
    list_end *ends = h->ends;
    for (u32 i = 0; i < LIST_ENDS; i++) {
        if (!from || !ends[i].left || ends[i].end != from + n) continue;
        ends[i].end++, ends[i].left--;
        h->out[0] = (qn_tensor){ .dtype = QN_SEQUENCE, .rank = 1, .dims = { n + 1 }, .data = from };
        return ends[i].end - 1;
    }
    const i64 room = MIN(2 * (n + 1), MAX(n + 1, MOST_ELEMENTS));
    qn_tensor *list = list_room(h, room, QN_SEQUENCE, s);
    if (!list) return NULL;
    if (n) memcpy(list, from, (size_t)n * sizeof *list);
    h->out[0].dims[0] = n + 1;
    memmove(ends + 1, ends, (LIST_ENDS - 1) * sizeof *ends);
    ends[0] = (list_end){ list + n + 1, (u64)(room - n - 1) };
    return list + n;
}

static qn_status host_insert(host_call *h)
{
    const qn_tensor *from = h->in[0]->data;
    i64 n = h->in[0]->dims[0], at = 0;
    qn_status s;
    QN_TRY(position(h, 2, n, n + 1, n, &at));
    if (at == n) {
        qn_tensor *last = grown(h, from, n, &s);
        return last ? tensor_copy(h->mem, h->in[1], last) : s;
    }
    qn_tensor *list = list_room(h, n + 1, QN_SEQUENCE, &s);
    if (!list) return s;
    if (at) memcpy(list, from, (size_t)at * sizeof *list);
    memcpy(list + at + 1, from + at, (size_t)(n - at) * sizeof *list);
    return tensor_copy(h->mem, h->in[1], &list[at]);
}

static qn_status host_erase(host_call *h)
{
    const qn_tensor *from = h->in[0]->data;
    i64 n = h->in[0]->dims[0], at = 0;
    qn_status s;
    QN_TRY(position(h, 1, n, n, -1, &at));
    if (at == 0 || at == n - 1) {
        h->out[0] = (qn_tensor){ .dtype = QN_SEQUENCE, .rank = 1, .dims = { n - 1 }, .data = from + (at == 0) };
        return QN_OK;
    }
    qn_tensor *list = list_room(h, n - 1, QN_SEQUENCE, &s);
    if (!list) return s;
    memcpy(list, from, (size_t)at * sizeof *list);
    memcpy(list + at, from + at + 1, (size_t)(n - 1 - at) * sizeof *list);
    return QN_OK;
}

static qn_status host_at(host_call *h)
{
    i64 at = 0;
    if (h->in[0]->dtype == QN_OPTIONAL && h->in[0]->dims[0] == 0) return host_fail(h, QN_E_DATA, "the optional is empty");
    i64 n = h->in[0]->dims[0];
    QN_TRY(position(h, 1, n, n, 0, &at));
    h->out[0] = ((const qn_tensor *)h->in[0]->data)[at];
    return QN_OK;
}

/* What is no optional is its own element. */
static qn_status expand_get_element(build *b, const node *n)
{
    (void)n;
    val x = build_in(b, 0);
    val y =
        build_type(b, x)->dtype == QN_OPTIONAL ? build_node(b, OP_SequenceAt, &x, 1, NULL, 0) : build_op1(b, OP_Identity, x);
    return build_done(b, &y, 1);
}

/* clang-format off */
const op_def op_SequenceConstruct = {
    .name = "SequenceConstruct",
    .doc = DOC("a sequence of the inputs"),
    .in = { { "inputs", "many any" } },
    .out = { { "output_sequence", "sequence" } },
    .infer = infer_construct,
    .host = host_construct,
};

const op_def op_SequenceEmpty = {
    .name = "SequenceEmpty",
    .doc = DOC("a sequence that holds nothing yet, of tensors of type `dtype`"),
    .out = { { "output", "sequence" } },
    .attrs = { DTYPE("dtype", 1, "any") },
    .infer = infer_empty,
    .host = host_empty,
};

const op_def op_SequenceInsert = {
    .name = "SequenceInsert",
    .doc = DOC("the sequence with the tensor put in before `position` (negative: from the end), or at its end"),
    .in = { { "input_sequence", "sequence" }, { "tensor", "any" }, { "position", "optional i32|i64" } },
    .out = { { "output_sequence", "sequence" } },
    .infer = infer_insert,
    .host = host_insert,
};

const op_def op_SequenceErase = {
    .name = "SequenceErase",
    .doc = DOC("the sequence without the element at `position` (negative: from the end), or without its last"),
    .in = { { "input_sequence", "sequence" }, { "position", "optional i32|i64" } },
    .out = { { "output_sequence", "sequence" } },
    .infer = infer_erase,
    .host = host_erase,
};

const op_def op_SequenceAt = {
    .name = "SequenceAt",
    .doc = DOC("the element at `position` (negative: from the end), or the first"),
    .in = { { "input_sequence", "sequence|optional" }, { "position", "optional i32|i64" } },
    .out = { { "tensor", "any|list" } },
    .infer = infer_at,
    .host = host_at,
};

const op_def op_SequenceLength = {
    .name = "SequenceLength",
    .doc = DOC("how many elements the sequence holds"),
    .in = { { "input_sequence", "sequence" } },
    .out = { { "length", "i64" } },
    .host_elems = true,
    .infer = infer_length,
};

const op_def op_Optional = {
    .name = "Optional",
    .doc = DOC("an optional that holds the input, or is empty where there is none"),
    .in = { { "input", "optional any|sequence" } },
    .out = { { "output", "optional" } },
    .attrs = { { "type", ATTR_TYPE, false, 0, 0, NULL } },
    .infer = infer_optional,
    .host = host_construct,
};

const op_def op_OptionalHasElement = {
    .name = "OptionalHasElement",
    .doc = DOC("whether the optional holds something; what is no optional does"),
    .in = { { "input", "optional any|list" } },
    .out = { { "output", "bool" } },
    .host_elems = true,
    .infer = infer_has_element,
};

const op_def op_OptionalGetElement = {
    .name = "OptionalGetElement",
    .doc = DOC("what the optional holds; the run fails where it is empty"),
    .in = { { "input", "any|list" } },
    .out = { { "output", "any|list" } },
    .infer = infer_get_element,
    .expand = expand_get_element,
};
/* clang-format on */
