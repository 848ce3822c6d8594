/* Chains of elementwise rows as text: the attribute `chain` read and written. elementwise_emit.c makes kernels of them. */
#include <stdio.h>
#include <stdlib.h>

#include "op/elementwise.h"
#include "op/op_util.h"

static bool takes_many(const op_def *d) { return text_starts(d->in[0].types, "many "); }

static u32 most_args(const op_def *d)
{
    if (takes_many(d)) return EW_MAX_ARGS;
    u32 n = 0;
    while (n < COUNT(d->in) && d->in[n].name) n++;
    return n;
}

static bool is_number(qn_dtype d) { return !dtype_is_placed(d) && !dtype_is_narrow(d); }

/* A node without a type yet is taken for one of numbers. */
bool ew_is_row(const graph *g, const node *n)
{
    bool is_row = op_of(n)->row && n->n_in <= EW_MAX_ARGS && is_number(value_at(g, n->out[0])->type.dtype);
    for (u32 i = 0; i < n->n_in && is_row; i++)
        is_row = !node_in(g, n, i) || is_number(value_at(g, node_in(g, n, i))->type.dtype);
    return is_row;
}

/* A float or int attribute as the number it is; a text attribute (BitShift's direction) as 1 for "RIGHT", else 0. */
static f64 param_of(const graph *g, const node *n, const op_attr *a)
{
    if (a->kind == ATTR_FLOAT) return attr_float(n, a->name, a->f);
    if (a->kind == ATTR_INT) return (f64)attr_int(n, a->name, a->i);
    return text_same(attr_text(g, n, a->name, a->text ? a->text : ""), "RIGHT") ? 1 : 0;
}

qn_status ew_step_of(const graph *g, const node *n, ew_step *out)
{
    const op_def *d = op_of(n);
    *out = (ew_step){ .op = (op_id)n->op, .type = value_at(g, n->out[0])->type.dtype, .n_args = n->n_in };
    if (n->n_in > EW_MAX_ARGS)
        return fail(QN_E_UNSUPPORTED, "%s '%s': %u operands, a step takes %d", d->name, n->name, n->n_in, EW_MAX_ARGS);
    for (u32 i = 0; i < n->n_in; i++) out->args[i] = (ew_arg){ node_in(g, n, i) ? EW_INPUT : EW_ABSENT, (u16)i };
    for (u32 k = 0; k < COUNT(d->row->params) && d->row->params[k]; k++)
        out->p[k] = param_of(g, n, op_attr_of(d, d->row->params[k]));
    return QN_OK;
}

void ew_step_print(const ew_step *s, str *out)
{
    const op_def *d = op_defs[s->op];
    str_print(out, "%s %s", qn_dtype_name(s->type), d->name);
    for (u32 i = 0; i < s->n_args; i++) {
        if (s->args[i].kind == EW_ABSENT) str_add(out, " _");
        else str_print(out, s->args[i].kind == EW_STEP ? " t%u" : " %u", s->args[i].at);
    }
    for (u32 k = 0; k < COUNT(s->p) && d->row->params[k]; k++) {
        char text[NUMBER_BYTES];
        str_print(out, " %c=%s", "pqrs"[k], number_print(text, s->p[k], QN_F64));
    }
}

/* ------------------------------------------------------------------ reading */
/* The next word of a line, at most max - 1 bytes; empty at the end of the line. */
static void next_word(const char **at, char *word, size_t max)
{
    size_t n = 0;
    while (**at == ' ' || **at == '\t') (*at)++;
    while (**at && **at != ' ' && **at != '\t' && **at != '\n' && **at != ';') {
        if (n + 1 < max) word[n++] = **at;
        (*at)++;
    }
    word[n] = 0;
}

static qn_dtype dtype_by_name(const char *name)
{
    for (int d = QN_F32; d < QN_DTYPE_COUNT; d++)
        if (text_same(qn_dtype_name((qn_dtype)d), name)) return (qn_dtype)d;
    return QN_NONE;
}

static op_id row_by_name(const char *name)
{
    static const char *const domains[] = { "", "quern" };
    for (u32 i = 0; i < COUNT(domains); i++) {
        op_id op = op_by_name(domains[i], name);
        if (op != OP_NONE && op_defs[op]->row) return op;
    }
    return OP_NONE;
}

static bool read_arg(const char *word, u32 n_inputs, u32 n_steps, ew_arg *out)
{
    char *end;
    bool step = word[0] == 't';
    if (text_same(word, "_")) {
        *out = (ew_arg){ EW_ABSENT, 0 };
        return true;
    }
    if (word[step] < '0' || word[step] > '9') return false;
    unsigned long at = strtoul(word + step, &end, 10);
    if (*end || at >= (step ? n_steps : n_inputs)) return false;
    *out = (ew_arg){ step ? EW_STEP : EW_INPUT, (u16)at };
    return true;
}

static bool read_param(const char *word, ew_step *s)
{
    const char *which = strchr("pqrs", word[0]);
    if (!word[0] || !which || word[1] != '=') return false;
    word += 2;
    return number_read(&word, NULL, QN_F64, &s->p[which - "pqrs"]) && !*word;
}

static qn_status read_step(const char **at, u32 n_inputs, u32 number, ew_step *s)
{
    char word[64];
    next_word(at, word, sizeof word);
    *s = (ew_step){ .type = dtype_by_name(word) };
    if (s->type == QN_NONE || dtype_is_placed(s->type))
        return fail(QN_E_FORMAT, "chain, step %u: '%s' is no type", number, word);
    next_word(at, word, sizeof word);
    s->op = row_by_name(word);
    if (s->op == OP_NONE) return fail(QN_E_FORMAT, "chain, step %u: '%s' is no elementwise op", number, word);
    const op_def *d = op_defs[s->op];
    for (next_word(at, word, sizeof word); word[0]; next_word(at, word, sizeof word)) {
        if (read_param(word, s)) continue;
        if (s->n_args == most_args(d) || !read_arg(word, n_inputs, number, &s->args[s->n_args]))
            return fail(QN_E_FORMAT, "chain, step %u: %s cannot take '%s' there", number, d->name, word);
        s->n_args++;
    }
    if (s->n_args == 0 || s->n_args < d->min_in)
        return fail(QN_E_FORMAT, "chain, step %u: %s has too few arguments", number, d->name);
    return QN_OK;
}

qn_status ew_chain_parse(const char *text, u32 n_inputs, ew_step *steps, u32 *n)
{
    *n = 0;
    for (const char *at = text; *at;) {
        if (*at == '\n' || *at == ';') {
            at++;
            continue;
        }
        if (*n == EW_MAX_STEPS) return fail(QN_E_UNSUPPORTED, "chain: more than %d steps", EW_MAX_STEPS);
        QN_TRY(read_step(&at, n_inputs, *n, &steps[*n]));
        (*n)++;
    }
    return *n ? QN_OK : fail(QN_E_FORMAT, "chain: no steps");
}

/* ------------------------------------------------------------------ the node */
qn_status ew_infer_chain(infer *c)
{
    ew_step *steps = ARENA_ARRAY(c->g->mem, EW_MAX_STEPS, ew_step);
    u32 n;
    if (!steps) return fail_nomem(EW_MAX_STEPS * sizeof *steps);
    QN_TRY(ew_chain_parse(attr_text(c->g, c->n, "chain", ""), c->n->n_in, steps, &n));
    if (c->n->n_in == 0) return infer_fail(c, QN_E_SHAPE, "no input");
    type out = *infer_in(c, 0);
    for (u32 i = 1; i < c->n->n_in; i++) {
        type wide;
        QN_TRY(infer_broadcast(c, &out, infer_in(c, i), &wide));
        out = wide;
    }
    out.dtype = steps[n - 1].type;
    return infer_out(c, 0, &out);
}

qn_status ew_expand_many(build *b, const node *n)
{
    enum { AT_ONCE = 4 };
    val acc = build_in(b, 0);
    for (u32 i = 1; i < n->n_in; i += AT_ONCE - 1) {
        val in[AT_ONCE] = { acc };
        u32 k = 1;
        for (; k < AT_ONCE && i + k - 1 < n->n_in; k++) in[k] = build_in(b, i + k - 1);
        acc = build_node(b, (op_id)n->op, in, k, NULL, 0);
    }
    return build_done(b, &acc, 1);
}
