/* The graph as text: what goes in, what each node does, what comes out, one line each. */
#include "graph/text.h"
#include "graph/words.h"
#include "op/op.h"

static void print_float(str *out, f64 v, qn_dtype d)
{
    char text[NUMBER_BYTES];
    str_add(out, number_print(text, v, d));
}

/* clang-format off */
#define GET(type, name) type name; memcpy(&name, at, sizeof name)
static void print_elem(qn_dtype d, const u8 *at, str *out)
{
    switch (d) {
    case QN_F32:  { GET(f32, v); print_float(out, (f64)v, d); break; }
    case QN_F16:  { GET(u16, v); print_float(out, (f64)f16_to_f32(v), d); break; }
    case QN_BF16: { GET(u16, v); print_float(out, (f64)bf16_to_f32(v), d); break; }
    case QN_F64:  { GET(f64, v); print_float(out, v, d); break; }
    case QN_I4:
    case QN_I2:
    case QN_I8:   { GET(i8, v);  str_print(out, "%d", v); break; }
    case QN_I16:  { GET(i16, v); str_print(out, "%d", v); break; }
    case QN_I32:  { GET(i32, v); str_print(out, "%d", v); break; }
    case QN_I64:  { GET(i64, v); str_print(out, "%lld", (long long)v); break; }
    case QN_F8E4M3FN: case QN_F8E4M3FNUZ: case QN_F8E5M2: case QN_F8E5M2FNUZ: case QN_F8E8M0: case QN_F4E2M1: /* their bits */
    case QN_U4: case QN_U2:
    case QN_U8:
    case QN_BOOL: { GET(u8, v);  str_print(out, "%u", v); break; }
    case QN_U16:  { GET(u16, v); str_print(out, "%u", v); break; }
    case QN_U32:  { GET(u32, v); str_print(out, "%u", v); break; }
    case QN_U64:  { GET(u64, v); str_print(out, "%llu", (unsigned long long)v); break; }
    case QN_C64:
    case QN_C128: {
        qn_dtype part = dtype_part(d);
        str_add(out, "(");
        print_elem(part, at, out);
        str_add(out, ", ");
        print_elem(part, at + qn_dtype_bytes(part), out);
        str_add(out, ")");
        break;
    }
    case QN_STRING: { GET(qn_bytes, v); word_print_quoted(out, v.data, v.n); break; }
    case QN_NONE: case QN_SEQUENCE: case QN_OPTIONAL: case QN_MAP: case QN_DTYPE_COUNT: break;
    }
}
#undef GET
/* clang-format on */

void text_print_tensor_elems(const qn_tensor *t, str *out)
{
    u64 n = qn_tensor_elems(t), bytes = qn_tensor_bytes(t);
    if (n > TEXT_SHOWN_ELEMS) {
        u64 hash = t->dtype == QN_STRING ? 0 : hash_bytes(t->data, (size_t)bytes, 0);
        str_print(out, "#%llu %016llx", (unsigned long long)bytes, (unsigned long long)hash);
        return;
    }
    str_add(out, "{");
    for (u64 i = 0; i < n; i++) {
        if (i) str_add(out, ", ");
        print_elem(t->dtype, (const u8 *)t->data + i * qn_dtype_bytes(t->dtype), out);
    }
    str_add(out, "}");
}

void text_print_type(const graph *g, const type *t, str *out)
{
    str_print(out, "%s[", t->dtype ? qn_dtype_name(t->dtype) : "?");
    if (!t->known) str_add(out, "*");
    for (u32 i = 0; t->known && i < t->rank; i++) {
        if (i) str_add(out, ",");
        sym_print(g, t->dims[i], out);
    }
    str_add(out, "]");
    if (!t->of) return;
    str_add(out, " of ");
    if (t->key) str_print(out, "%s to ", qn_dtype_name(t->key));
    text_print_type(g, t->of, out);
}

static void print_name(const graph *g, val v, str *out)
{
    const char *name = value_at(g, v)->name;
    if (name) word_print(out, name, strlen(name));
    else str_print(out, "%%%u", v);
}

static void print_input(const graph *g, val v, str *out)
{
    if (v) print_name(g, live(g, v), out);
    else str_add(out, "_");
}

/* ---- attributes */

static void print_body(const graph *g, str *out, const char *end);

static void print_attr_list(const attr *a, str *out)
{
    str_add(out, "[");
    for (u32 i = 0; i < a->n; i++) {
        if (i) str_add(out, ",");
        if (a->kind == ATTR_INTS) str_print(out, "%lld", (long long)a->ints[i]);
        else if (a->kind == ATTR_FLOATS) print_float(out, (f64)a->floats[i], QN_F32);
        else word_print_quoted(out, a->texts[i].data, a->texts[i].n);
    }
    str_add(out, "]");
}

static void print_attr_tensor(const qn_tensor *t, str *out)
{
    str_print(out, "%s[", qn_dtype_name(t->dtype));
    for (u32 i = 0; i < t->rank; i++) str_print(out, i ? ",%lld" : "%lld", (long long)t->dims[i]);
    str_add(out, "]");
    text_print_tensor_elems(t, out);
}

static void print_attr(const graph *g, const attr *a, str *out)
{
    word_print(out, a->name, strlen(a->name));
    str_add(out, "=");
    switch (a->kind) {
    case ATTR_INT: str_print(out, "%lld", (long long)a->i); break;
    case ATTR_FLOAT: print_float(out, a->f, (f64)(f32)a->f == a->f ? QN_F32 : QN_F64); break;
    case ATTR_TEXT: word_print_quoted(out, a->text.data, a->text.n); break;
    case ATTR_INTS:
    case ATTR_FLOATS:
    case ATTR_TEXTS: print_attr_list(a, out); break;
    case ATTR_TENSOR: print_attr_tensor(a->tensor, out); break;
    case ATTR_GRAPH:
        str_add(out, "{");
        print_body(a->body, out, "; ");
        str_add(out, "}");
        break;
    case ATTR_TYPE: text_print_type(g, a->type, out); break;
    }
}

/* ---- lines */

static void print_op(const node *n, str *out)
{
    const op_def *d = n->op < OP_COUNT ? op_of(n) : NULL;
    if (d && d->domain && d->domain[0]) str_print(out, "%s.", d->domain);
    str_add(out, d ? d->name : "?");
}

static void print_node(const graph *g, const node *n, str *out)
{
    for (u32 i = 0; i < n->n_out; i++) {
        if (i) str_add(out, ", ");
        print_name(g, n->out[i], out);
    }
    str_add(out, " = ");
    print_op(n, out);
    str_add(out, "(");
    for (u32 i = 0; i < n->n_in; i++) {
        if (i) str_add(out, ", ");
        print_input(g, n->in[i], out);
    }
    for (u32 i = 0; i < n->n_attrs; i++) {
        if (i || n->n_in) str_add(out, ", ");
        print_attr(g, &n->attrs[i], out);
    }
    str_add(out, ")");
    for (u32 i = 0; i < n->n_out && value_at(g, n->out[0])->type.known; i++) {
        str_add(out, i ? ", " : " : ");
        text_print_type(g, &value_at(g, n->out[i])->type, out);
    }
}

static void print_constant(const graph *g, val v, str *out)
{
    qn_tensor t = constant_tensor(g, v);
    str_add(out, "const ");
    print_name(g, v, out);
    str_add(out, ": ");
    text_print_type(g, &value_at(g, v)->type, out);
    str_add(out, " = ");
    if (outside_of(g, v)) str_print(out, "#%llu outside", (unsigned long long)qn_tensor_bytes(&t));
    else text_print_tensor_elems(&t, out);
}

static void print_sizes(const graph *g, val v, str *out)
{
    const value *x = value_at(g, v);
    str_add(out, "sizes ");
    print_name(g, v, out);
    str_add(out, ": ");
    text_print_type(g, &x->type, out);
    str_add(out, " = {");
    for (u32 i = 0; i < x->n_elems; i++) {
        if (i) str_add(out, ", ");
        sym_print(g, x->elems[i], out);
    }
    str_add(out, "}");
}

static void print_sources(const graph *g, str *out, const char *end)
{
    for (u32 i = 0; i < g->n_inputs; i++) {
        str_add(out, "in ");
        print_name(g, g->inputs[i], out);
        str_add(out, ": ");
        text_print_type(g, &value_at(g, g->inputs[i])->type, out);
        str_add(out, end);
    }
    for (val v = 1; v <= g->n_values; v++) {
        const value *x = value_at(g, v);
        if (x->uses == 0 || x->is_input) continue;
        if (x->is_constant) print_constant(g, v, out);
        else if (!x->maker && x->elems) print_sizes(g, v, out);
        else continue;
        str_add(out, end);
    }
}

static void print_body(const graph *g, str *out, const char *end)
{
    print_sources(g, out, end);
    FOR_NODES(g, n)
    {
        print_node(g, node_at(g, n), out);
        str_add(out, end);
    }
    str_add(out, "out");
    for (u32 i = 0; i < g->n_outputs; i++) {
        val v = live(g, g->outputs[i]);
        str_add(out, i ? ", " : " ");
        print_name(g, g->outputs[i], out);
        if (v == g->outputs[i]) continue;
        str_add(out, " = ");
        print_name(g, v, out);
    }
}

qn_status graph_print(const graph *g, str *out)
{
    print_body(g, out, "\n");
    str_add(out, "\n");
    return out->bad ? fail_nomem(out->cap) : QN_OK;
}
