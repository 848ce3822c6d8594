/* A variable stands for a number that only a run tells: an element of a list, until more of the graph is known. When it turns out to be an
 * expression it is settled, and sizes that were made from it before are taken once more, with the expression in its place. */
#include "graph/sym_pool.h"

enum { ANY_SETTLED = UINT32_MAX, ANY_SIGNED = UINT32_MAX - 1 };

static bool mentions(const graph *g, sym s, u32 variable);

static bool factor_mentions(const graph *g, const factor *f, u32 variable)
{
    if (f->op == FACTOR_VARIABLE)
        return variable == ANY_SETTLED  ? f->settled != 0
               : variable == ANY_SIGNED ? f->range.lo < 0
                                        : f->variable == variable;
    for (u32 i = 0; i < COUNT(f->arg); i++)
        if (f->arg[i] && mentions(g, f->arg[i], variable)) return true;
    return false;
}

static bool mentions(const graph *g, sym s, u32 variable)
{
    const poly *x = &g->syms->polys[s];
    for (u32 i = 0; i < x->n; i++) {
        const monomial *m = &g->syms->products[x->terms[i].product];
        for (u32 k = 0; k < m->n; k++)
            if (factor_mentions(g, &g->syms->factors[m->factors[k]], variable)) return true;
    }
    return false;
}

/* What it turned out to be is kept as it is now, so that a chain is gone through once. */
static sym variable_now(graph *g, const factor *f)
{
    if (!f->settled) return sym_of_factor(g->syms, f);
    sym now = sym_settled(g, f->settled);
    if (now) g->syms->factors[g->syms->variables[f->variable]].settled = now;
    return now;
}

static sym factor_now(graph *g, const factor *f)
{
    if (f->op == FACTOR_VARIABLE) return variable_now(g, f);
    sym now[COUNT(f->arg)] = { 0 };
    for (u32 i = 0; i < COUNT(f->arg); i++)
        if (f->arg[i] && !(now[i] = sym_settled(g, f->arg[i]))) return 0;
    sym a = now[0], b = now[1], c = now[2];
    switch (f->op) {
    case FACTOR_DIV: return sym_div(g, a, b);
    case FACTOR_MIN: return sym_min(g, a, b);
    case FACTOR_MAX: return sym_max(g, a, b);
    case FACTOR_LESS: return sym_compare(g, '<', a, b);
    case FACTOR_EQUAL: return sym_compare(g, '=', a, b);
    case FACTOR_MUL: return sym_mul(g, a, b);
    case FACTOR_SELECT: return sym_select(g, a, b, c);
    case FACTOR_VARIABLE: break;
    }
    return 0;
}

/* The pool's arrays move when it grows: what is read from them while new sizes are made is copied first. */
sym sym_settled(graph *g, sym s)
{
    if (!s || !g->syms->n_settled || !mentions(g, s, ANY_SETTLED)) return s;
    const poly x = g->syms->polys[s];
    sym total = sym_number(g, 0);
    for (u32 i = 0; i < x.n && total; i++) {
        const monomial m = g->syms->products[x.terms[i].product];
        sym part = sym_number(g, x.terms[i].coef);
        for (u32 k = 0; k < m.n && part; k++) {
            const factor f = g->syms->factors[m.factors[k]];
            part = sym_mul(g, part, factor_now(g, &f));
        }
        total = sym_add(g, total, part);
    }
    return total;
}

bool sym_settle(graph *g, sym variable, sym is)
{
    sym_pool *p = g->syms;
    u32 v = sym_variable_index(g, variable);
    is = sym_settled(g, is);
    if (p->trials || v == UINT32_MAX || !is || mentions(g, is, v)) return false;
    factor *f = &p->factors[p->variables[v]];
    if (!f->settled) f->settled = is, p->n_settled++;
    return true;
}

bool sym_settle_all(graph *g, const sym *variables, const sym *are, u32 n)
{
    sym_pool *p = g->syms;
    u32 done = 0, before = p->n_settled;
    bool *fresh = mem_zalloc((size_t)n + 1);
    if (!fresh) return sym_lost(g), false;
    for (; done < n; done++) {
        u32 count = p->n_settled;
        if (!sym_settle(g, variables[done], are[done])) break;
        fresh[done] = p->n_settled != count;
    }
    for (u32 i = 0; done < n && i < done; i++)
        if (fresh[i]) p->factors[p->variables[sym_variable_index(g, variables[i])]].settled = 0;
    if (done < n) p->n_settled = before;
    mem_free(fresh);
    return done == n;
}

u32 sym_settled_count(const graph *g) { return g->syms->n_settled; }

bool sym_mentions(const graph *g, sym s, sym variable)
{
    u32 v = sym_variable_index(g, variable);
    return s && v != UINT32_MAX && mentions(g, s, v);
}

bool sym_is_read(const graph *g, sym s) { return s && mentions(g, s, ANY_SIGNED); }

void sym_trial(graph *g, bool begins)
{
    if (begins) g->syms->trials++;
    else g->syms->trials--;
}
