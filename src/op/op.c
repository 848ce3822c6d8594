/* The table of ops, and what their records share: asking and answering in inference, building nodes in expansion, host outputs. */
#include <assert.h>
#include <stdatomic.h>

#include "op/op_util.h"

/* ---- the table */

#define OP(name) extern const op_def op_##name;
#include "op/ops.def"
#undef OP

const op_def *const op_defs[OP_COUNT] = {
#define OP(name) [OP_##name] = &op_##name,
#include "op/ops.def"
#undef OP
};

enum { NAME_SLOTS = 2048 };
_Static_assert(OP_COUNT < NAME_SLOTS / 2, "the table of op names is too full: double it");

static u32 name_slot(const char *domain, const char *name)
{
    u64 hash = hash_bytes(domain, strlen(domain), 0);
    return (u32)hash_bytes(name, strlen(name), hash) & (NAME_SLOTS - 1);
}

static const char *domain_of(const op_def *d) { return d->domain ? d->domain : ""; }

static _Atomic u16 names[NAME_SLOTS];
static atomic_bool names_made;

/* Two threads may do this at once: each writes the same ids into the same slots. */
static void make_names(void)
{
    for (u32 id = 1; id < OP_COUNT; id++) {
        u32 at = name_slot(domain_of(op_defs[id]), op_defs[id]->name);
        while (names[at] != 0 && names[at] != id) at = (at + 1) & (NAME_SLOTS - 1);
        names[at] = (u16)id;
    }
    names_made = true;
}

op_id op_by_name(const char *domain, const char *name)
{
    if (!names_made) make_names();
    if (!domain || strcmp(domain, "ai.onnx") == 0) domain = "";
    for (u32 at = name_slot(domain, name); names[at]; at = (at + 1) & (NAME_SLOTS - 1)) {
        const op_def *d = op_defs[names[at]];
        if (strcmp(d->name, name) == 0 && strcmp(domain_of(d), domain) == 0) return (op_id)names[at];
    }
    return OP_NONE;
}

const op_def *op_of(const node *n) { return op_defs[n->op]; }

const op_attr *op_attr_of(const op_def *d, const char *name)
{
    for (u32 i = 0; i < COUNT(d->attrs) && d->attrs[i].name; i++)
        if (strcmp(d->attrs[i].name, name) == 0) return &d->attrs[i];
    return NULL;
}

/* ---- inference */

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

qn_status(infer_fail)(const infer *c, qn_status code, const char *format, ...)
{
    str s = { 0 };
    va_list args;
    va_start(args, format);
    str_vprint(&s, format, args);
    va_end(args);
    fail(code, "%s '%s': %s", op_of(c->n)->name, c->n->name, s.text ? s.text : format);
    str_free(&s);
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

qn_status infer_out(infer *c, u32 i, const type *t)
{
    if (i >= c->n->n_out || !c->n->out[i]) return QN_OK;
    if (!t->known || t->dtype == QN_NONE) return infer_fail(c, QN_E_BUG, "output %u has no type after inference", i);
    if (t->rank > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "output %u would have %u dimensions, at most %d are possible", i, t->rank,
                          QN_MAX_RANK);
    const type *said = &value_at(c->g, c->n->out[i])->type;
    if (!value_at(c->g, c->n->out[i])->inferred && said->known && said->dtype && said->dtype != t->dtype)
        return infer_fail(c, QN_E_DTYPE, "output %u is %s, the file says %s", i, qn_dtype_name(t->dtype),
                          qn_dtype_name(said->dtype));
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
        n->needs[n->n_needs++] = (node_need){ holds, a, b, says };
    else n->needs_lost = true;
}

bool infer_differ(graph *g, sym a, sym b)
{
    if (sym_differ(g, a, b)) return true;
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
    else if (a_known && b_known)
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

qn_status infer_like_first_input(infer *c)
{
    type t = *infer_in(c, 0);
    return infer_out(c, 0, &t);
}

/* ---- expansion */

val build_in(const build *b, u32 i) { return node_in(b->g, b->n, i); }

nid build_node_outs(build *b, op_id op, const val *in, u32 n_in, u32 n_out, const attr *attrs, u32 n_attrs)
{
    val out[16] = { 0 };
    assert(n_out <= COUNT(out));
    if (b->status != QN_OK) return 0;
    nid n = graph_node(b->g, b->before, (u16)op, b->n ? b->n->name : NULL, in, n_in, out, n_out, attrs, n_attrs);
    b->status = n ? graph_infer_node(b->g, n) : QN_E_NOMEM;
    if (b->status != QN_OK) fail_in(b->status, "while expanding '%s': ", b->n->name);
    return b->status == QN_OK ? n : 0;
}

val build_node(build *b, op_id op, const val *in, u32 n_in, const attr *attrs, u32 n_attrs)
{
    nid n = build_node_outs(b, op, in, n_in, 1, attrs, n_attrs);
    return n ? node_at(b->g, n)->out[0] : 0;
}

val build_op1(build *b, op_id op, val x) { return build_node(b, op, &x, 1, NULL, 0); }

val build_op2(build *b, op_id op, val x, val y)
{
    if (!x || !y) return x ? x : y;
    return build_node(b, op, (const val[]){ x, y }, 2, NULL, 0);
}

/* The value a build function made; a failure to make it sticks. */
static val made(build *b, val v)
{
    if (!v && b->status == QN_OK) b->status = QN_E_NOMEM;
    return v;
}

/* clang-format off */
static void store_f64(qn_dtype d, f64 v, void *to)
{
    switch (d) {
    case QN_F32:  memcpy(to, &(f32){ (f32)v }, 4); break;
    case QN_F16:  memcpy(to, &(u16){ f16_from_f32((f32)v) }, 2); break;
    case QN_BF16: memcpy(to, &(u16){ bf16_from_f32((f32)v) }, 2); break;
    case QN_F64:  memcpy(to, &v, 8); break;
    case QN_I4: case QN_I2:
    case QN_I8:   memcpy(to, &(i8){ (i8)v }, 1); break;
    case QN_I16:  memcpy(to, &(i16){ (i16)v }, 2); break;
    case QN_I32:  memcpy(to, &(i32){ (i32)v }, 4); break;
    case QN_I64:  memcpy(to, &(i64){ (i64)v }, 8); break;
    case QN_U4: case QN_U2:
    case QN_U8:   memcpy(to, &(u8){ (u8)v }, 1); break;
    case QN_U16:  memcpy(to, &(u16){ (u16)v }, 2); break;
    case QN_U32:  memcpy(to, &(u32){ (u32)v }, 4); break;
    case QN_U64:  memcpy(to, &(u64){ (u64)v }, 8); break;
    case QN_BOOL: memcpy(to, &(u8){ v != 0 }, 1); break;
    default: assert(false && "a type of numbers"); break;
    }
}
/* clang-format on */

val build_scalar(build *b, qn_dtype d, f64 v)
{
    u64 room = 0;
    if (b->status != QN_OK) return 0;
    store_f64(d, v, &room);
    return made(b, graph_constant_copy(b->g, NULL, &(qn_tensor){ .dtype = d, .data = &room }));
}

val build_ints(build *b, const i64 *v, u32 n)
{
    if (b->status != QN_OK) return 0;
    return made(b, graph_constant_copy(b->g, NULL, &(qn_tensor){ QN_I64, 1, { n }, v }));
}

val build_syms(build *b, const sym *v, u32 n)
{
    if (b->status != QN_OK) return 0;
    for (u32 i = 0; i < n; i++) {
        if (v[i]) continue;
        build_fail(b, QN_E_SHAPE, "size %u does not fit in 64 bits", i);
        return 0;
    }
    return made(b, graph_sizes(b->g, NULL, v, n));
}

val build_reshape(build *b, val x, const sym *dims, u32 rank)
{
    val shape = build_syms(b, dims, rank);
    attr zeros_count = attr_of_int("allowzero", 1);
    return build_node(b, OP_Reshape, (const val[]){ x, shape }, 2, &zeros_count, 1);
}

val build_cast(build *b, val x, qn_dtype d)
{
    if (b->status != QN_OK || build_type(b, x)->dtype == d) return x;
    attr to = attr_of_int("to", dtype_to_onnx(d));
    return build_node(b, OP_Cast, &x, 1, &to, 1);
}

const type *build_type(const build *b, val v)
{
    static const type unknown; /* after a failure: callers read a type of rank 0 and go on to build_done */
    return v ? &value_at(b->g, live(b->g, v))->type : &unknown;
}

static bool type_fits(const graph *g, const type *want, const type *have)
{
    if (!want->known) return true;
    if (want->dtype != have->dtype || want->rank != have->rank) return false;
    for (u32 d = 0; d < want->rank; d++)
        if (sym_differ(g, want->dims[d], have->dims[d])) return false;
    return true;
}

qn_status build_done(build *b, const val *outs, u32 n)
{
    if (b->status != QN_OK) return b->status;
    const node *gone = node_at(b->g, b->before);
    for (u32 i = 0; i < gone->n_out && i < n; i++) {
        if (!outs[i]) {
            if (value_at(b->g, gone->out[i])->uses) return build_fail(b, QN_E_BUG, "its expansion gives no output %u", i);
            continue;
        }
        if (!type_fits(b->g, build_type(b, gone->out[i]), build_type(b, outs[i])))
            return build_fail(b, QN_E_BUG, "output %u has another type after expansion", i);
        graph_replace(b->g, gone->out[i], outs[i]);
    }
    graph_kill(b->g, b->before);
    return QN_OK;
}

qn_status build_fail(build *b, qn_status code, const char *format, ...)
{
    if (b->status != QN_OK) return b->status;
    str s = { 0 };
    va_list args;
    va_start(args, format);
    str_vprint(&s, format, args);
    va_end(args);
    fail(code, "%s '%s': %s", op_of(b->n)->name, b->n->name, s.text ? s.text : format);
    str_free(&s);
    return b->status = code;
}

/* ---- host ops */

void *host_out(host_call *h, u32 i, qn_dtype d, u32 rank, const i64 *dims)
{
    assert(i < COUNT(h->out) && rank <= QN_MAX_RANK);
    qn_tensor t = { .dtype = d, .rank = rank };
    if (rank) memcpy(t.dims, dims, rank * sizeof *dims);
    u64 bytes = qn_tensor_bytes(&t);
    void *data = arena_zalloc(h->mem, bytes);
    if (!data) {
        fail_nomem(bytes);
        return NULL;
    }
    t.data = data;
    h->out[i] = t;
    return data;
}

qn_status host_fail(const host_call *h, qn_status code, const char *format, ...)
{
    str s = { 0 };
    va_list args;
    va_start(args, format);
    str_vprint(&s, format, args);
    va_end(args);
    fail(code, "%s '%s': %s", op_of(h->n)->name, h->n->name, s.text ? s.text : format);
    str_free(&s);
    return code;
}
