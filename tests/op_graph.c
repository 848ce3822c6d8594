/* A case of an op -> the text of a graph. Inputs that a case writes out ("={...}") are constants of the graph, as axes and pads are in
 * most models; all others are given at run time. `n_out=K` among the attributes asks for K outputs. */
#include "op_graph.h"

#include <stdlib.h>

static void add_list(str *s, const qn_tensor *t, const char *from, const char *to)
{
    str_print(s, "%s[", qn_dtype_name(t->dtype));
    for (u32 i = 0; i < t->rank; i++) str_print(s, "%s%lld", i ? "," : "", (long long)t->dims[i]);
    str_add(s, "]");
    if (from) {
        str_add(s, " = ");
        str_add_n(s, from, (size_t)(to - from));
    }
}

static u32 wanted_outputs(const op_case *c)
{
    const char *at = c->attrs ? strstr(c->attrs, "n_out=") : NULL;
    return at ? (u32)atoi(at + 6) : 1;
}

static void add_attrs(str *s, const char *attrs, bool after)
{
    if (!attrs) return;
    const char *cut = strstr(attrs, "n_out=");
    size_t n = cut ? (size_t)(cut - attrs) : strlen(attrs);
    while (n && (attrs[n - 1] == ' ' || attrs[n - 1] == ',')) n--;
    if (n && after) str_add(s, ", ");
    str_add_n(s, attrs, n);
}

qn_status op_graph_of(const op_def *d, const op_case *c, arena *mem, op_run *r)
{
    str head = { 0 }, args = { 0 };
    u64 seed = hash_bytes(d->name, strlen(d->name), 7);
    qn_status status = QN_OK;
    u32 k = 0;
    for (const char *at = c->in; *at && status == QN_OK; k++) {
        qn_tensor t;
        bool is_list;
        const char *start = at;
        status = case_tensor(&at, mem, &seed, &t, &is_list);
        str_print(&args, k ? ", " : "");
        if (!t.dtype) str_add(&args, "_");
        else str_print(&args, "x%u", k);
        if (!t.dtype || status != QN_OK) continue;
        const char *brace = is_list ? strchr(start, '{') : NULL;
        str_print(&head, "%s x%u: ", is_list ? "const" : "in", k);
        add_list(&head, &t, brace, brace ? strchr(brace, '}') + 1 : NULL);
        str_add(&head, "\n");
        if (!is_list && r->n_in < COUNT(r->in)) r->in[r->n_in++] = t;
    }
    u32 n_out = wanted_outputs(c);
    for (u32 i = 0; i < n_out; i++) str_print(&head, "%sy%u", i ? ", " : "", i);
    add_attrs(&args, c->attrs, k > 0);
    str_print(&head, " = %s%s%s(%s)\nout ", d->domain ? d->domain : "", d->domain ? "." : "", d->name,
              args.text ? args.text : "");
    for (u32 i = 0; i < n_out; i++) str_print(&head, "%sy%u", i ? ", " : "", i);
    str_add(&head, "\n");
    r->text = arena_text(mem, head.text, head.n);
    if (head.bad || args.bad || !r->text) status = status == QN_OK ? fail_nomem(head.n) : status;
    str_free(&head), str_free(&args);
    return status;
}
