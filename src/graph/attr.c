/* Attributes of nodes, and what constants hold. */
#include "graph/graph.h"

enum { MAX_ELEMS = 1024 };

const attr *attr_find(const node *n, const char *name)
{
    for (u32 i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0) return &n->attrs[i];
    return NULL;
}

static const attr *find_kind(const node *n, const char *name, attr_kind kind)
{
    const attr *a = attr_find(n, name);
    return a && a->kind == kind ? a : NULL;
}

i64 attr_int(const node *n, const char *name, i64 otherwise)
{
    const attr *a = find_kind(n, name, ATTR_INT);
    return a ? a->i : otherwise;
}

f64 attr_float(const node *n, const char *name, f64 otherwise)
{
    const attr *a = find_kind(n, name, ATTR_FLOAT);
    return a ? a->f : (f64)(f32)otherwise; /* a default is what a file could have said, and files say f32 */
}

const char *attr_text(const graph *g, const node *n, const char *name, const char *otherwise)
{
    (void)g; /* all attribute text ends with a NUL: graph_node sees to it */
    const attr *a = find_kind(n, name, ATTR_TEXT);
    return a ? a->text.data : otherwise;
}

u32 attr_ints(const node *n, const char *name, const i64 **out)
{
    const attr *a = find_kind(n, name, ATTR_INTS);
    *out = a ? a->ints : NULL;
    return a ? a->n : 0;
}

attr attr_of_int(const char *name, i64 v) { return (attr){ .name = name, .kind = ATTR_INT, .i = v }; }

attr attr_of_float(const char *name, f64 v) { return (attr){ .name = name, .kind = ATTR_FLOAT, .f = v }; }

attr attr_of_text(const char *name, const char *text)
{
    return (attr){ .name = name, .kind = ATTR_TEXT, .text = { text, strlen(text) } };
}

/* Without memory the list is of n and NULL: graph_node refuses it. */
attr attr_of_ints(graph *g, const char *name, const i64 *v, u32 n)
{
    i64 *copy = ARENA_ARRAY(g->mem, n, i64);
    if (copy && n) memcpy(copy, v, n * sizeof *copy);
    return (attr){ .name = name, .kind = ATTR_INTS, .n = copy ? n : MAX(n, 1), .ints = copy };
}

/* ---- constants */

bool is_weight(const graph *g, val v) { return v && value_at(g, live(g, v))->is_constant; }
const outside *outside_of(const graph *g, val v) { return v ? value_at(g, live(g, v))->outside : NULL; }
bool is_constant(const graph *g, val v) { return is_weight(g, v) && !outside_of(g, v); }

qn_tensor constant_tensor(const graph *g, val v)
{
    const value *c = value_at(g, live(g, v));
    qn_tensor t = { .dtype = c->type.dtype, .rank = c->type.rank, .data = c->data };
    for (u32 i = 0; i < t.rank; i++) sym_is_number(g, c->type.dims[i], &t.dims[i]);
    return t;
}

/* clang-format off */
#define LOAD(type) { type v; memcpy(&v, at, sizeof v); *out = (i64)v; return true; }
/* One element of an integer or bool tensor; false where it does not fit i64 or is something else. */
static bool load_i64(qn_dtype d, const u8 *at, i64 *out)
{
    switch (d) {
    case QN_I8:  LOAD(i8)
    case QN_I16: LOAD(i16)
    case QN_I32: LOAD(i32)
    case QN_I64: LOAD(i64)
    case QN_U8:
    case QN_BOOL: LOAD(u8)
    case QN_U16: LOAD(u16)
    case QN_U32: LOAD(u32)
    case QN_U64: { u64 v; memcpy(&v, at, sizeof v); *out = (i64)v; return v <= INT64_MAX; }
    default: return false;
    }
}
#undef LOAD

static bool load_f64(qn_dtype d, const u8 *at, f64 *out)
{
    i64 whole;
    switch (d) {
    case QN_F32:  { f32 v; memcpy(&v, at, sizeof v); *out = (f64)v; return true; }
    case QN_F64:  memcpy(out, at, sizeof *out); return true;
    case QN_F16:  { u16 v; memcpy(&v, at, sizeof v); *out = (f64)f16_to_f32(v); return true; }
    case QN_BF16: { u16 v; memcpy(&v, at, sizeof v); *out = (f64)bf16_to_f32(v); return true; }
    case QN_U64:  { u64 v; memcpy(&v, at, sizeof v); *out = (f64)v; return true; }
    default:
        if (!load_i64(d, at, &whole)) return false;
        *out = (f64)whole;
        return true;
    }
}
/* clang-format on */

void value_ask(const graph *g, val v) { value_at(g, live(g, v))->asked = true; }

i64 value_elems(graph *g, val v, const sym **out)
{
    if (!v) return -1;
    v = live(g, v);
    value *x = value_at(g, v);
    x->asked = true;
    if (x->elems) {
        *out = x->elems;
        return x->n_elems;
    }
    if (!x->is_constant || x->outside) return -1;
    qn_tensor t = constant_tensor(g, v);
    u64 n = qn_tensor_elems(&t);
    if (n > MAX_ELEMS || t.dtype < QN_I8 || t.dtype > QN_BOOL) return -1;
    sym *elems = ARENA_ARRAY(g->mem, (size_t)n, sym);
    if (!elems) return sym_lost(g), -1;
    for (u64 i = 0; i < n; i++) {
        i64 number;
        if (!load_i64(t.dtype, (const u8 *)t.data + i * qn_dtype_bytes(t.dtype), &number)) return -1;
        if (!(elems[i] = sym_number(g, number))) return -1;
    }
    x->elems = *out = elems;
    x->n_elems = (u32)n;
    return x->n_elems;
}

bool constant_f64(const graph *g, val v, f64 *out)
{
    if (!is_constant(g, v)) return false;
    qn_tensor t = constant_tensor(g, v);
    u64 n = qn_tensor_elems(&t);
    size_t bytes = qn_dtype_bytes(t.dtype);
    if (n == 0 || t.dtype == QN_STRING) return false;
    for (u64 i = 1; i < n; i++)
        if (memcmp(t.data, (const u8 *)t.data + i * bytes, bytes) != 0) return false;
    return load_f64(t.dtype, t.data, out);
}
