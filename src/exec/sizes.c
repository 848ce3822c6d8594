/* Sizes of a run: variables are bound to what the inputs have, expressions of them computed once for these, not once for each use. */
#include "exec/exec.h"

bool exec_size_kept(const exec *x, sym s, i64 *out)
{
    if (!x->settled || s >= x->n_known || x->known[s].round != x->round) return false;
    *out = x->known[s].is;
    return true;
}

bool exec_size_now(const exec *x, sym s, i64 *out)
{
    const graph *g = x->main->p->g;
    if (exec_size_kept(x, s, out)) return true;
    if (!sym_eval(g, s, x->bound, out)) return false;
    known_size *k = x->settled && s < x->n_known ? &x->known[s] : NULL;
    if (!k || k->late) return true;
    if (sym_uses_unbound(g, s, x->main->p->bound_at_start)) k->late = true;
    else k->is = *out, k->round = x->round;
    return true;
}

void exec_settle(exec *x)
{
    const plan *p = x->main->p;
    bool same = x->round != 0;
    for (u32 i = 0; i < p->n_bound_at_start; i++) {
        if (!p->bound_at_start[i].bound) continue;
        same = same && x->known_for[i].bound == x->bound[i].bound && x->known_for[i].is == x->bound[i].is;
        x->known_for[i] = x->bound[i];
    }
    x->round += !same;
    x->settled = true;
}

/* A body may give the name of an outer size to another one. */
static void bind(exec *x, u32 variable, i64 to)
{
    const plan *p = x->main->p;
    bool at_start = variable < p->n_bound_at_start && p->bound_at_start[variable].bound;
    if (at_start && (!x->bound[variable].bound || x->bound[variable].is != to)) x->settled = false;
    x->bound[variable] = (sym_at){ to, true };
}

qn_status exec_size(const exec *x, sym s, i64 *out)
{
    const graph *g = x->main->p->g;
    if (s && exec_size_now(x, s, out)) return QN_OK;
    str text = { 0 };
    if (s) sym_print(g, s, &text);
    bool tells = text.text && !text.bad && text.n <= 60; /* a longer one nobody reads */
    qn_status status = fail(QN_E_SHAPE, "%s%s is no number of 64 bits for these inputs", tells ? "the size " : "a size",
                            tells ? text.text : "");
    str_free(&text);
    return status;
}

u64 exec_flops(const exec *x, const plan *p)
{
    u64 total = 0;
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        i64 flops, on = 1;
        if (s->launch && s->launch->when && sym_eval(p->g, s->launch->when, x->bound, &on) && !on) continue;
        if (s->flops && sym_eval(p->g, s->flops, x->bound, &flops) && flops > 0) total += (u64)flops;
        if (s->body[0]) total += exec_flops(x, s->body[0]);
    }
    return total;
}

qn_status exec_dims(const exec *x, const type *t, i64 *dims)
{
    for (u32 i = 0; i < t->rank; i++) {
        QN_TRY(exec_size(x, t->dims[i], &dims[i]));
        if (dims[i] < 0) return fail(QN_E_SHAPE, "dimension %u would be %lld for these inputs", i, (long long)dims[i]);
    }
    return QN_OK;
}

qn_status exec_bind_type(exec *x, const type *t, const i64 *dims, const char *what)
{
    for (u32 i = 0; i < t->rank; i++) {
        u32 variable = sym_variable_index(x->main->p->g, t->dims[i]);
        if (variable != UINT32_MAX && !x->bound[variable].bound) bind(x, variable, dims[i]);
        i64 want;
        QN_TRY(exec_size(x, t->dims[i], &want));
        if (want == dims[i]) continue;
        if (variable != UINT32_MAX && x->now && x->now != x->main)
            bind(x, variable, dims[i]); /* a body's size changes with the turn */
        else
            return fail(QN_E_SHAPE, "'%s': dimension %u is %lld, %s%s%s wants %lld", what ? what : "?", i,
                        (long long)dims[i], variable != UINT32_MAX ? "'" : "the model",
                        variable != UINT32_MAX ? sym_variable_name(x->main->p->g, variable) : "",
                        variable != UINT32_MAX ? "' of another input" : "", (long long)want);
    }
    return QN_OK;
}

static i64 integer_at(const qn_tensor *t, u64 i)
{
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    union {
        i64 i64;
        i32 i32;
        u32 u32;
        i16 i16;
        u16 u16;
        i8 i8;
    } x = { 0 };
    memcpy(&x, at, MIN(qn_dtype_bytes(t->dtype), sizeof x));
    switch (t->dtype) {
    case QN_I32: return x.i32;
    case QN_U32: return x.u32;
    case QN_I16: return x.i16;
    case QN_U16: return x.u16;
    case QN_I8: return x.i8;
    case QN_U8:
    case QN_BOOL: return *at;
    default: return x.i64;
    }
}

void exec_bind_elems(exec *x, const value *v, const qn_tensor *t)
{
    for (u32 e = 0; e < v->n_elems; e++) {
        u32 variable = sym_variable_index(x->main->p->g, v->elems[e]);
        if (variable != UINT32_MAX) bind(x, variable, integer_at(t, e));
    }
}
