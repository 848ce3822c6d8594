/* The store of sizes: polynomials, products and factors, each kept once, so that equal sizes have equal ids. */
#include "graph/sym_pool.h"

bool add_i64(i64 a, i64 b, i64 *out)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return false;
    *out = a + b;
    return true;
}

bool mul_i64(i64 a, i64 b, i64 *out)
{
    if (a == 0 || b == 0) {
        *out = 0;
        return true;
    }
    if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
    if (b > 0 ? (a > INT64_MAX / b || a < INT64_MIN / b) : b < -1 ? (a < INT64_MAX / b || a > INT64_MIN / b) : false)
        return false;
    *out = a * b;
    return true;
}

i64 floor_div_i64(i64 a, i64 b)
{
    i64 q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

/* ---- ranges: an end that overflows becomes no bound */

range range_add(range a, range b)
{
    range out = { INT64_MIN, INT64_MAX };
    if (a.lo != INT64_MIN && b.lo != INT64_MIN && !add_i64(a.lo, b.lo, &out.lo)) out.lo = INT64_MIN;
    if (a.hi != INT64_MAX && b.hi != INT64_MAX && !add_i64(a.hi, b.hi, &out.hi)) out.hi = INT64_MAX;
    return out;
}

/* One corner of a product; the ends of i64 stand for infinities, and 0 times anything is 0. */
static i64 corner(i64 a, i64 b)
{
    i64 out;
    bool endless = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
    if (a == 0 || b == 0) return 0;
    if (!endless && mul_i64(a, b, &out)) return out;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

range range_mul(range a, range b)
{
    i64 c[4] = { corner(a.lo, b.lo), corner(a.lo, b.hi), corner(a.hi, b.lo), corner(a.hi, b.hi) };
    range out = { c[0], c[0] };
    for (u32 i = 1; i < 4; i++) {
        out.lo = MIN(out.lo, c[i]);
        out.hi = MAX(out.hi, c[i]);
    }
    return out;
}

/* ---- tables */

typedef bool (*same_fn)(const sym_pool *p, u32 index, const void *key);

static bool table_grow(sym_pool *p, sym_table *t, u32 n, u64 (*hash_at)(const sym_pool *p, u32 index))
{
    if (n < t->cap / 4 * 3) return true;
    sym_table wider = { .cap = t->cap ? t->cap * 2 : 64 };
    wider.slots = ARENA_ARRAY(p->mem, wider.cap, u32);
    if (!wider.slots) return false;
    for (u32 i = 0; i < t->cap; i++) {
        if (!t->slots[i]) continue;
        u32 at = (u32)hash_at(p, t->slots[i] - 1) & (wider.cap - 1);
        while (wider.slots[at]) at = (at + 1) & (wider.cap - 1);
        wider.slots[at] = t->slots[i];
    }
    *t = wider;
    return true;
}

/* The slot where `key` is, or belongs. */
static u32 *table_slot(const sym_pool *p, const sym_table *t, u64 hash, same_fn same, const void *key)
{
    u32 at = (u32)hash & (t->cap - 1);
    while (t->slots[at] && !same(p, t->slots[at] - 1, key)) at = (at + 1) & (t->cap - 1);
    return &t->slots[at];
}

static u64 poly_hash(const sym_pool *p, u32 i) { return p->polys[i].hash; }

static u64 product_hash(const sym_pool *p, u32 i) { return p->products[i].hash; }

static u64 factor_hash(const sym_pool *p, u32 i) { return p->factors[i].hash; }

/* ---- products */

static bool product_same(const sym_pool *p, u32 index, const void *key)
{
    const monomial *a = &p->products[index], *b = key;
    return a->hash == b->hash && a->n == b->n && (a->n == 0 || memcmp(a->factors, b->factors, a->n * sizeof(u32)) == 0);
}

static void product_measure(const sym_pool *p, monomial *m)
{
    m->weight = 1;
    m->range = (range){ 1, 1 };
    for (u32 i = 0; i < m->n; i++) {
        const factor *f = &p->factors[m->factors[i]];
        m->weight += f->weight;
        m->depth = MAX(m->depth, f->depth);
        m->newest = MAX(m->newest, f->newest);
        m->range = range_mul(m->range, f->range);
    }
}

static u32 product_intern(sym_pool *p, const u32 *factors, u32 n)
{
    monomial made = { .factors = factors, .n = n, .hash = hash_bytes(factors, n * sizeof *factors, 1) };
    if (!table_grow(p, &p->product_table, p->n_products, product_hash)) goto no_memory;
    u32 *slot = table_slot(p, &p->product_table, made.hash, product_same, &made);
    if (*slot) return *slot - 1;
    if (!ARENA_PUSH_ROOM(p->mem, p->products, p->n_products, p->cap_products, SYM_MAX_ENTRIES)) goto no_memory;
    u32 *kept = ARENA_ARRAY(p->mem, n, u32);
    if (!kept) goto no_memory;
    if (n) memcpy(kept, factors, n * sizeof *kept);
    made.factors = kept;
    product_measure(p, &made);
    p->products[p->n_products] = made;
    *slot = ++p->n_products;
    return p->n_products - 1;
no_memory:
    p->no_memory = true;
    return UINT32_MAX;
}

u32 product_join(sym_pool *p, u32 a, u32 b)
{
    if (a == 0) return b;
    if (b == 0) return a;
    const monomial *x = &p->products[a], *y = &p->products[b];
    u32 factors[SYM_MAX_DEGREE], n = 0, i = 0, j = 0;
    if (x->n + y->n > SYM_MAX_DEGREE) return UINT32_MAX;
    while (i < x->n || j < y->n) {
        bool from_x = j == y->n || (i < x->n && x->factors[i] <= y->factors[j]);
        factors[n++] = from_x ? x->factors[i++] : y->factors[j++];
    }
    return product_intern(p, factors, n);
}

u32 product_without(sym_pool *p, u32 a, u32 b)
{
    if (b == 0) return a;
    if (a == b) return 0;
    const monomial *x = &p->products[a], *y = &p->products[b];
    u32 factors[SYM_MAX_DEGREE], n = 0, j = 0;
    for (u32 i = 0; i < x->n; i++) {
        if (j < y->n && x->factors[i] == y->factors[j]) j++;
        else factors[n++] = x->factors[i];
    }
    return j == y->n ? product_intern(p, factors, n) : UINT32_MAX;
}

u32 product_common(sym_pool *p, u32 a, u32 b)
{
    if (a == b) return a;
    const monomial *x = &p->products[a], *y = &p->products[b];
    u32 factors[SYM_MAX_DEGREE], n = 0;
    for (u32 i = 0, j = 0; i < x->n && j < y->n;) {
        if (x->factors[i] == y->factors[j]) factors[n++] = x->factors[i], i++, j++;
        else if (x->factors[i] < y->factors[j]) i++;
        else j++;
    }
    return product_intern(p, factors, n);
}

int product_order(const sym_pool *p, u32 a, u32 b)
{
    if (a == b) return 0;
    const monomial *x = &p->products[a], *y = &p->products[b];
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    for (u32 i = 0; i < x->n; i++)
        if (x->factors[i] != y->factors[i]) return x->factors[i] < y->factors[i] ? -1 : 1;
    return 0;
}

/* ---- sums */

void sum_add(sum *s, i64 coef, u32 product)
{
    if (product == UINT32_MAX) s->bad = s->full = true; /* its degree is too high, or there is no memory */
    if (s->bad || coef == 0) return;
    for (u32 i = 0; i < s->n; i++) {
        if (s->terms[i].product != product) continue;
        if (!add_i64(s->terms[i].coef, coef, &s->terms[i].coef)) s->bad = true;
        else if (s->terms[i].coef == 0) s->terms[i] = s->terms[--s->n];
        return;
    }
    if (s->n == SYM_MAX_TERMS) s->bad = s->full = true;
    else s->terms[s->n++] = (term){ coef, product };
}

void sum_add_poly(sum *s, const sym_pool *p, sym a, i64 times)
{
    const poly *x = &p->polys[a];
    for (u32 i = 0; i < x->n; i++) {
        i64 coef;
        if (mul_i64(x->terms[i].coef, times, &coef)) sum_add(s, coef, x->terms[i].product);
        else s->bad = true;
    }
}

static void sum_sort(const sym_pool *p, sum *s)
{
    for (u32 i = 1; i < s->n; i++) {
        term moving = s->terms[i];
        u32 at = i;
        for (; at > 0 && product_order(p, moving.product, s->terms[at - 1].product) < 0; at--)
            s->terms[at] = s->terms[at - 1];
        s->terms[at] = moving;
    }
}

static bool poly_same(const sym_pool *p, u32 index, const void *key)
{
    const poly *a = &p->polys[index], *b = key;
    if (a->hash != b->hash || a->n != b->n) return false;
    for (u32 i = 0; i < a->n; i++)
        if (a->terms[i].coef != b->terms[i].coef || a->terms[i].product != b->terms[i].product) return false;
    return true;
}

static void poly_measure(const sym_pool *p, poly *a)
{
    a->weight = 1;
    for (u32 i = 0; i < a->n; i++) {
        const monomial *m = &p->products[a->terms[i].product];
        a->weight += m->weight;
        a->depth = MAX(a->depth, m->depth);
        a->newest = MAX(a->newest, m->newest);
        a->range = range_add(a->range, range_mul((range){ a->terms[i].coef, a->terms[i].coef }, m->range));
        a->hash = hash_bytes(&a->terms[i].product, sizeof(u32), a->hash ^ (u64)a->terms[i].coef);
    }
}

sym sum_take(sym_pool *p, sum *s)
{
    if (s->bad) return 0;
    sum_sort(p, s);
    poly made = { .terms = s->terms, .n = s->n };
    poly_measure(p, &made);
    if (made.weight > SYM_MAX_WEIGHT || made.depth > SYM_MAX_DEPTH) return 0;
    if (!table_grow(p, &p->poly_table, p->n_polys, poly_hash)) goto no_memory;
    u32 *slot = table_slot(p, &p->poly_table, made.hash, poly_same, &made);
    if (*slot) return *slot - 1;
    if (!ARENA_PUSH_ROOM(p->mem, p->polys, p->n_polys, p->cap_polys, SYM_MAX_ENTRIES)) goto no_memory;
    term *kept = ARENA_ARRAY(p->mem, s->n, term);
    if (!kept) goto no_memory;
    if (s->n) memcpy(kept, s->terms, s->n * sizeof *kept);
    made.terms = kept;
    p->polys[p->n_polys] = made;
    *slot = ++p->n_polys;
    return p->n_polys - 1;
no_memory:
    p->no_memory = true;
    return 0;
}

/* ---- factors */

static bool factor_same(const sym_pool *p, u32 index, const void *key)
{
    const factor *a = &p->factors[index], *b = key;
    return a->hash == b->hash && a->op == b->op && memcmp(a->arg, b->arg, sizeof a->arg) == 0 && text_same(a->name, b->name);
}

static sym sym_of_factor_index(sym_pool *p, u32 index)
{
    sum s = { 0 };
    sum_add(&s, 1, product_intern(p, &index, 1));
    return sum_take(p, &s);
}

static u64 factor_hash_of(const factor *f)
{
    u64 hash = hash_bytes(f->arg, sizeof f->arg, (u64)f->op);
    return f->name ? hash_bytes(f->name, strlen(f->name), hash) : hash;
}

sym sym_of_factor(sym_pool *p, const factor *f)
{
    factor made = *f;
    made.hash = factor_hash_of(f);
    if (!table_grow(p, &p->factor_table, p->n_factors, factor_hash)) goto no_memory;
    u32 *slot = table_slot(p, &p->factor_table, made.hash, factor_same, &made);
    if (*slot) return sym_of_factor_index(p, *slot - 1);
    if (!ARENA_PUSH_ROOM(p->mem, p->factors, p->n_factors, p->cap_factors, SYM_MAX_ENTRIES)) goto no_memory;
    if (made.op == FACTOR_VARIABLE) {
        if (!ARENA_PUSH_ROOM(p->mem, p->variables, p->n_variables, p->cap_variables, SYM_MAX_ENTRIES)) goto no_memory;
        if (!(made.name = arena_text(p->mem, made.name, strlen(made.name)))) goto no_memory;
        made.variable = p->n_variables;
        made.newest = p->n_variables + 1;
        p->variables[p->n_variables++] = p->n_factors;
    }
    p->factors[p->n_factors] = made;
    *slot = ++p->n_factors;
    return sym_of_factor_index(p, p->n_factors - 1);
no_memory:
    p->no_memory = true;
    return 0;
}

static range range_of_div(range a, range b)
{
    if (b.lo < 0 || (b.lo == 0 && a.lo < 0)) return (range){ INT64_MIN, INT64_MAX };
    i64 least = MAX(b.lo, 1); /* dividing by 0 is an error when it is evaluated */
    range out = { INT64_MIN, INT64_MAX };
    if (a.lo != INT64_MIN) out.lo = a.lo < 0 ? floor_div_i64(a.lo, least) : b.hi == INT64_MAX ? 0 : a.lo / b.hi;
    if (a.hi != INT64_MAX) out.hi = a.hi >= 0 ? a.hi / least : b.hi == INT64_MAX ? -1 : floor_div_i64(a.hi, b.hi);
    return out;
}

static range range_of_atom(factor_op op, range a, range b, range c)
{
    switch (op) {
    case FACTOR_DIV: return range_of_div(a, b);
    case FACTOR_MIN: return (range){ MIN(a.lo, b.lo), MIN(a.hi, b.hi) };
    case FACTOR_MAX: return (range){ MAX(a.lo, b.lo), MAX(a.hi, b.hi) };
    case FACTOR_LESS:
    case FACTOR_EQUAL: return (range){ 0, 1 };
    case FACTOR_MUL: return range_mul(a, b);
    case FACTOR_SELECT: return (range){ MIN(b.lo, c.lo), MAX(b.hi, c.hi) };
    case FACTOR_VARIABLE: break;
    }
    return (range){ 0, INT64_MAX };
}

sym sym_atom(sym_pool *p, factor_op op, sym a, sym b, sym c)
{
    if (!a || !b || (op == FACTOR_SELECT && !c)) return 0;
    const poly *x = &p->polys[a], *y = &p->polys[b], *z = &p->polys[c];
    factor made = { .op = op, .arg = { a, b, c }, .weight = 1 + x->weight + y->weight + z->weight };
    made.depth = 1 + MAX(x->depth, MAX(y->depth, z->depth));
    made.newest = MAX(x->newest, MAX(y->newest, z->newest));
    made.range = range_of_atom(op, x->range, y->range, z->range);
    if (made.weight > SYM_MAX_WEIGHT || made.depth > SYM_MAX_DEPTH) return 0;
    return sym_of_factor(p, &made);
}

/* Entry 0 of polys means "not known", product 0 is the empty product. */
struct sym_pool *sym_pool_make(arena *mem)
{
    sym_pool *p = ARENA_NEW(mem, sym_pool);
    if (!p) return NULL;
    p->mem = mem;
    if (!ARENA_PUSH_ROOM(mem, p->polys, p->n_polys, p->cap_polys, SYM_MAX_ENTRIES)) return NULL;
    p->n_polys = 1;
    return product_intern(p, NULL, 0) == 0 ? p : NULL;
}
