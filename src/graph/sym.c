/* Arithmetic on sizes. Sums and products are done on polynomials, so they are commutative, distributed and exact; a division
 * cancels where it is exact and gives up what it can where it is not: floor((4*h + 3) / 2) is 2*h + 1.
 *
 * A size that is divided by is taken not to be 0: (b*s) / b is s. Evaluating such a size with b = 0 gives s, not an error. */
#include "graph/sym_pool.h"

static sym_pool *pool_of(const graph *g) { return g->syms; }

static const poly *poly_of(const graph *g, sym s) { return &g->syms->polys[s]; }

sym sym_number(graph *g, i64 v)
{
    sum s = { 0 };
    sum_add(&s, v, 0);
    return sum_take(pool_of(g), &s);
}

sym sym_variable(graph *g, const char *name)
{
    factor f = { .op = FACTOR_VARIABLE, .name = name, .weight = 1, .range = { 0, INT64_MAX } };
    return sym_of_factor(pool_of(g), &f);
}

/* A variable of a name that no other has: the stem alone, or with a number that has not been tried. */
static sym fresh(graph *g, const char *stem, i64 lo)
{
    sym_pool *p = pool_of(g);
    const char *name = stem;
    for (;;) {
        u32 variables = p->n_variables;
        factor f = { .op = FACTOR_VARIABLE, .name = name, .weight = 1, .range = { lo, INT64_MAX } };
        sym s = sym_of_factor(p, &f);
        if (!s || p->n_variables > variables) return s;
        if (!(name = arena_print(p->mem, "%.200s.%u", stem, ++p->n_fresh))) break;
    }
    p->no_memory = true;
    return 0;
}

sym sym_fresh(graph *g, const char *stem) { return fresh(g, stem, 0); }

sym sym_fresh_signed(graph *g, const char *stem) { return fresh(g, stem, INT64_MIN); }

sym sym_add(graph *g, sym a, sym b)
{
    if (!a || !b) return 0;
    sum s = { 0 };
    sum_add_poly(&s, pool_of(g), a, 1);
    sum_add_poly(&s, pool_of(g), b, 1);
    return sum_take(pool_of(g), &s);
}

sym sym_sub(graph *g, sym a, sym b)
{
    if (!a || !b) return 0;
    sum s = { 0 };
    sum_add_poly(&s, pool_of(g), a, 1);
    sum_add_poly(&s, pool_of(g), b, -1);
    return sum_take(pool_of(g), &s);
}

/* s += x * t, for one term t */
static void add_times_term(sym_pool *p, sum *s, sym x, term t)
{
    for (u32 i = 0; i < p->polys[x].n && !s->bad; i++) {
        term u = p->polys[x].terms[i];
        i64 coef;
        if (mul_i64(u.coef, t.coef, &coef)) sum_add(s, coef, product_join(p, u.product, t.product));
        else s->bad = true;
    }
}

sym sym_mul(graph *g, sym a, sym b)
{
    if (!a || !b) return 0;
    sym_pool *p = pool_of(g);
    sum s = { 0 };
    for (u32 i = 0; i < p->polys[b].n && !s.bad; i++) add_times_term(p, &s, a, p->polys[b].terms[i]);
    return s.full ? sym_atom(p, FACTOR_MUL, MIN(a, b), MAX(a, b), 0) : sum_take(p, &s); /* too long to multiply out */
}

/* ---- division */

static u32 leading(const sym_pool *p, const sum *s)
{
    u32 best = 0;
    for (u32 i = 1; i < s->n; i++)
        if (product_order(p, s->terms[i].product, s->terms[best].product) < 0) best = i;
    return best;
}

/* Divide one term by another: false when it does not go. */
static bool term_div(sym_pool *p, term a, term b, term *out)
{
    if (b.coef == 0 || a.coef % b.coef != 0 || (a.coef == INT64_MIN && b.coef == -1)) return false;
    u32 product = product_without(p, a.product, b.product);
    if (product == UINT32_MAX) return false;
    *out = (term){ a.coef / b.coef, product };
    return true;
}

/* a / b where b divides a as a polynomial, by long division from the leading terms; 0 where it does not. */
static sym exact_div(sym_pool *p, sym a, sym b)
{
    sum rest = { 0 }, quotient = { 0 };
    sum_add_poly(&rest, p, a, 1);
    for (u32 steps = 0; rest.n > 0; steps++) {
        term t;
        if (rest.bad || steps > SYM_MAX_TERMS) return 0;
        if (!term_div(p, rest.terms[leading(p, &rest)], p->polys[b].terms[0], &t)) return 0;
        sum_add(&quotient, t.coef, t.product);
        if (t.coef == INT64_MIN) return 0;
        add_times_term(p, &rest, b, (term){ -t.coef, t.product });
    }
    return sum_take(p, &quotient);
}

static u64 gcd(u64 a, u64 b)
{
    while (b) {
        u64 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static u64 magnitude(i64 v) { return v < 0 ? 0 - (u64)v : (u64)v; }

/* The plain division atom inside `a`, when a is 1 * floor(x / m) + k with a positive number m. */
static bool is_div_by_number(const graph *g, sym a, sym *x, i64 *m, i64 *k)
{
    const sym_pool *p = g->syms;
    const poly *s = &p->polys[a];
    if (s->n == 0 || s->n > 2 || s->terms[0].coef != 1 || p->products[s->terms[0].product].n != 1) return false;
    if (s->n == 2 && s->terms[1].product != 0) return false;
    const factor *f = &p->factors[p->products[s->terms[0].product].factors[0]];
    *k = s->n == 2 ? s->terms[1].coef : 0;
    *x = f->arg[0];
    return f->op == FACTOR_DIV && sym_is_number(g, f->arg[1], m) && *m > 0;
}

/* floor(floor(x / m) + k) / d) = floor((x + m*k) / (m*d)): halving twice is a quarter. 0: it does not fit. */
static sym merge_divisions(graph *g, sym x, i64 m, i64 k, i64 d)
{
    i64 shift, whole;
    if (!mul_i64(m, k, &shift) || !mul_i64(m, d, &whole)) return 0;
    return sym_div(g, sym_add(g, x, sym_number(g, shift)), sym_number(g, whole));
}

/* floor(rest / d) for a rest whose coefficients lie in [0, d), d > 1. What all of them share is divided out first. */
static sym div_rest(graph *g, const sum *rest, i64 d)
{
    u64 shared = (u64)d;
    for (u32 i = 0; i < rest->n; i++)
        if (rest->terms[i].product) shared = gcd(shared, magnitude(rest->terms[i].coef));
    if (shared == (u64)d) return sym_number(g, 0); /* a number below d */
    sum less = { 0 };
    for (u32 i = 0; i < rest->n; i++) sum_add(&less, rest->terms[i].coef / (i64)shared, rest->terms[i].product);
    sym a = sum_take(pool_of(g), &less), x;
    i64 m, k;
    d /= (i64)shared;
    if (!a) return 0;
    if (is_div_by_number(g, a, &x, &m, &k)) {
        sym merged = merge_divisions(g, x, m, k, d);
        if (merged) return merged;
    }
    return sym_atom(pool_of(g), FACTOR_DIV, a, sym_number(g, d), 0);
}

/* floor(a / d), d > 0: each coefficient gives its whole part, the rest stays under the division. */
static sym div_by_number(graph *g, sym a, i64 d)
{
    const poly *x = poly_of(g, a);
    sum whole = { 0 }, rest = { 0 };
    for (u32 i = 0; i < x->n; i++) {
        i64 q = floor_div_i64(x->terms[i].coef, d);
        sum_add(&whole, q, x->terms[i].product);
        sum_add(&rest, x->terms[i].coef - q * d, x->terms[i].product);
    }
    sym q = sum_take(pool_of(g), &whole);
    return rest.n ? sym_add(g, q, div_rest(g, &rest, d)) : q;
}

/* The largest term that divides all terms of a and b. */
static term common_term(sym_pool *p, sym a, sym b)
{
    u64 coef = 0;
    u32 product = p->polys[b].terms[0].product;
    const sym both[2] = { a, b };
    for (u32 k = 0; k < 2; k++) {
        for (u32 i = 0; i < p->polys[both[k]].n; i++) {
            coef = gcd(coef, magnitude(p->polys[both[k]].terms[i].coef));
            if (product != UINT32_MAX) product = product_common(p, product, p->polys[both[k]].terms[i].product);
        }
    }
    return (term){ coef > INT64_MAX ? 1 : (i64)coef, product == UINT32_MAX ? 0 : product };
}

static sym sym_of_term(sym_pool *p, term t)
{
    sum s = { 0 };
    sum_add(&s, t.coef, t.product);
    return sum_take(p, &s);
}

/* floor(a / b) for a divisor that is one term: the terms that it divides come out. */
static sym div_by_term(graph *g, sym a, sym b)
{
    sym_pool *p = pool_of(g);
    sum whole = { 0 }, rest = { 0 };
    for (u32 i = 0; i < p->polys[a].n; i++) {
        term t = p->polys[a].terms[i], q;
        if (term_div(p, t, p->polys[b].terms[0], &q)) sum_add(&whole, q.coef, q.product);
        else sum_add(&rest, t.coef, t.product);
    }
    return sym_add(g, sum_take(p, &whole), sym_atom(p, FACTOR_DIV, sum_take(p, &rest), b, 0));
}

sym sym_div(graph *g, sym a, sym b)
{
    i64 x, d;
    if (!a || !b || sym_is(g, b, 0)) return 0;
    bool number = sym_is_number(g, b, &d);
    if (number && sym_is_number(g, a, &x)) return x == INT64_MIN && d == -1 ? 0 : sym_number(g, floor_div_i64(x, d));
    sym_pool *p = pool_of(g);
    sym exact = exact_div(p, a, b);
    if (exact || p->no_memory) return exact;
    if (number && d < 0) return sym_div(g, sym_sub(g, sym_number(g, 0), a), sym_sub(g, sym_number(g, 0), b));
    if (number) return div_by_number(g, a, d);
    term shared = common_term(p, a, b);
    if (shared.product || shared.coef > 1) {
        sym by = sym_of_term(p, shared);
        if (!by) return 0;
        return sym_div(g, exact_div(p, a, by), exact_div(p, b, by));
    }
    return p->polys[b].n == 1 ? div_by_term(g, a, b) : sym_atom(p, FACTOR_DIV, a, b, 0);
}

sym sym_ceil_div(graph *g, sym a, sym b)
{
    i64 d;
    if (!a || !b) return 0;
    if (sym_is_number(g, b, &d) && d > 0) return sym_div(g, sym_add(g, a, sym_number(g, d - 1)), b);
    sym zero = sym_number(g, 0);
    return sym_sub(g, zero, sym_div(g, sym_sub(g, zero, a), b));
}

/* No atom of its own, so that a - a%b and b*(a/b) are one size. */
sym sym_mod(graph *g, sym a, sym b) { return sym_sub(g, a, sym_mul(g, b, sym_div(g, a, b))); }

/* ---- the rest */

/* The range of a - b; no bounds where the difference is not known. */
static range range_of_difference(graph *g, sym a, sym b)
{
    sym d = sym_sub(g, a, b);
    return d ? poly_of(g, d)->range : (range){ INT64_MIN, INT64_MAX };
}

sym sym_min(graph *g, sym a, sym b)
{
    if (!a || !b) return 0;
    range d = range_of_difference(g, a, b);
    if (d.hi <= 0) return a;
    if (d.lo >= 0) return b;
    return sym_atom(pool_of(g), FACTOR_MIN, MIN(a, b), MAX(a, b), 0);
}

sym sym_max(graph *g, sym a, sym b)
{
    if (!a || !b) return 0;
    range d = range_of_difference(g, a, b);
    if (d.lo >= 0) return a;
    if (d.hi <= 0) return b;
    return sym_atom(pool_of(g), FACTOR_MAX, MIN(a, b), MAX(a, b), 0);
}

sym sym_compare(graph *g, char op, sym a, sym b)
{
    if (!a || !b) return 0;
    range d = range_of_difference(g, a, b);
    if (op == '<') {
        if (d.hi < 0) return sym_number(g, 1);
        if (d.lo >= 0) return sym_number(g, 0);
        return sym_atom(pool_of(g), FACTOR_LESS, a, b, 0);
    }
    if (a == b) return sym_number(g, 1);
    if (d.lo > 0 || d.hi < 0) return sym_number(g, 0);
    return sym_atom(pool_of(g), FACTOR_EQUAL, MIN(a, b), MAX(a, b), 0);
}

sym sym_select(graph *g, sym c, sym a, sym b)
{
    i64 known;
    if (!c || !a || !b) return 0;
    if (sym_is_number(g, c, &known)) return known ? a : b;
    if (a == b) return a;
    return sym_atom(pool_of(g), FACTOR_SELECT, c, a, b);
}

bool sym_is_number(const graph *g, sym s, i64 *out)
{
    const poly *x = poly_of(g, s);
    if (!s || x->n > 1 || (x->n == 1 && x->terms[0].product != 0)) return false;
    *out = x->n ? x->terms[0].coef : 0;
    return true;
}

bool sym_is(const graph *g, sym s, i64 v)
{
    i64 number;
    return sym_is_number(g, s, &number) && number == v;
}

bool sym_same(const graph *g, sym a, sym b)
{
    (void)g;
    return a && a == b;
}

bool sym_differ(const graph *g, sym a, sym b)
{
    if (!a || !b || a == b) return false;
    sum s = { 0 };
    sum_add_poly(&s, g->syms, a, 1);
    sum_add_poly(&s, g->syms, b, -1);
    if (s.bad) return false;
    range d = { 0, 0 };
    for (u32 i = 0; i < s.n; i++)
        d = range_add(d,
                      range_mul((range){ s.terms[i].coef, s.terms[i].coef }, g->syms->products[s.terms[i].product].range));
    return d.lo > 0 || d.hi < 0;
}

u32 sym_count(const graph *g) { return g->syms->n_polys; }

u32 sym_variable_count(const graph *g) { return g->syms->n_variables; }

const char *sym_variable_name(const graph *g, u32 i) { return g->syms->factors[g->syms->variables[i]].name; }

u32 sym_variable_index(const graph *g, sym s)
{
    const poly *x = poly_of(g, s);
    if (!s || x->n != 1 || x->terms[0].coef != 1 || g->syms->products[x->terms[0].product].n != 1) return UINT32_MAX;
    const factor *f = &g->syms->factors[g->syms->products[x->terms[0].product].factors[0]];
    return f->op == FACTOR_VARIABLE ? f->variable : UINT32_MAX;
}

qn_status sym_status(const graph *g) { return g->syms->no_memory ? fail_nomem(sizeof(poly)) : QN_OK; }

void sym_lost(graph *g) { g->syms->no_memory = true; }

sym type_elems(graph *g, const type *t)
{
    if (!t->known) return 0;
    sym elems = sym_number(g, 1);
    for (u32 i = 0; i < t->rank; i++) elems = sym_mul(g, elems, t->dims[i]);
    return elems;
}

type type_of(graph *g, qn_dtype d, u32 rank, const i64 *dims)
{
    type t = { .dtype = d, .rank = (u8)rank, .known = true };
    for (u32 i = 0; i < rank && i < QN_MAX_RANK; i++) t.dims[i] = sym_number(g, dims[i]);
    return t;
}

/* ---- evaluation */

static bool eval_div(i64 a, i64 b, i64 *out)
{
    if (b == 0 || (a == INT64_MIN && b == -1)) return false;
    *out = floor_div_i64(a, b);
    return true;
}

static bool eval_factor(const graph *g, const factor *f, const sym_at *at, i64 *out)
{
    i64 a, b;
    if (f->op == FACTOR_VARIABLE) {
        *out = at[f->variable].is;
        return at[f->variable].bound;
    }
    if (!sym_eval(g, f->arg[0], at, &a)) return false;
    if (f->op == FACTOR_SELECT) return sym_eval(g, f->arg[a ? 1 : 2], at, out);
    if (!sym_eval(g, f->arg[1], at, &b)) return false;
    switch (f->op) {
    case FACTOR_DIV: return eval_div(a, b, out);
    case FACTOR_MIN: *out = MIN(a, b); return true;
    case FACTOR_MAX: *out = MAX(a, b); return true;
    case FACTOR_LESS: *out = a < b; return true;
    case FACTOR_EQUAL: *out = a == b; return true;
    case FACTOR_MUL: return mul_i64(a, b, out);
    case FACTOR_VARIABLE:
    case FACTOR_SELECT: break;
    }
    return false;
}

bool sym_eval(const graph *g, sym s, const sym_at *at, i64 *out)
{
    const poly *x = poly_of(g, s);
    i64 total = 0;
    if (!s) return false;
    for (u32 i = 0; i < x->n; i++) {
        const monomial *m = &g->syms->products[x->terms[i].product];
        i64 part = x->terms[i].coef;
        for (u32 k = 0; k < m->n; k++) {
            i64 v;
            if (!eval_factor(g, &g->syms->factors[m->factors[k]], at, &v) || !mul_i64(part, v, &part)) return false;
        }
        if (!add_i64(total, part, &total)) return false;
    }
    *out = total;
    return true;
}

static bool factor_uses_unbound(const graph *g, const factor *f, const sym_at *at)
{
    if (f->op == FACTOR_VARIABLE) return !at[f->variable].bound;
    for (u32 i = 0; i < COUNT(f->arg); i++)
        if (f->arg[i] && sym_uses_unbound(g, f->arg[i], at)) return true;
    return false;
}

bool sym_uses_unbound(const graph *g, sym s, const sym_at *at)
{
    const poly *x = poly_of(g, s);
    for (u32 i = 0; s && i < x->n; i++) {
        const monomial *m = &g->syms->products[x->terms[i].product];
        for (u32 k = 0; k < m->n; k++)
            if (factor_uses_unbound(g, &g->syms->factors[m->factors[k]], at)) return true;
    }
    return false;
}

void sym_bind_variables(const graph *g, sym s, sym_at *at)
{
    const poly *x = poly_of(g, s);
    for (u32 i = 0; s && i < x->n; i++) {
        const monomial *m = &g->syms->products[x->terms[i].product];
        for (u32 k = 0; k < m->n; k++) {
            const factor *f = &g->syms->factors[m->factors[k]];
            if (f->op == FACTOR_VARIABLE) at[f->variable].bound = true;
            for (u32 j = 0; f->op != FACTOR_VARIABLE && j < COUNT(f->arg); j++) sym_bind_variables(g, f->arg[j], at);
        }
    }
}

u32 sym_newest_variable(const graph *g, sym s) { return poly_of(g, s)->newest; }
