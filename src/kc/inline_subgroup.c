/* What subgroup_... means, in phases over group memory: every item puts its value there, items of a subgroup fold them in a tree or take one
 * another's. A printer whose target has an instruction for it prints that, and needs this only for its memory.
 *
 * A subgroup is n items in a row, and n is a constant of the kernel, not the hardware's: so a kernel means the same everywhere. */
#include "kc/inline.h"

typedef struct subgroup {
    front *f;
    u32 group, n;
    kc_pos pos;
    kc_builtin b;
    kc_var *x, *cells; /* of the items; SHARED, one for each item */
} subgroup;

static const kc_expr *number(const subgroup *g, u32 n) { return type_int(g->f, KC_U32, n, g->pos); }
static const kc_expr *binary(const subgroup *g, kc_op op, const kc_expr *a, const kc_expr *b)
{
    return fold_expr(g->f, type_binary(g->f, op, a, b, g->pos));
}
static const kc_expr *cell(const subgroup *g, const kc_expr *index)
{
    return type_elem(g->f, g->cells, index, NULL, g->pos);
}

static kc_stmt *assignment(const subgroup *g, const kc_expr *to, const kc_expr *value)
{
    kc_stmt *s = type_stmt(g->f, S_ASSIGN, g->pos);
    s->target = to;
    s->value = value;
    return s;
}

/* ------------------------------------------------------------------ phases */
static kc_var *item_of(inliner *in, const subgroup *g)
{
    kc_var like = { .name = "t", .type = { KC_U32, 1 }, .storage = KC_V_INDEX, .pos = g->pos };
    return inline_add_var(in, &like);
}

static kc_stmt *phase(const subgroup *g, kc_var *t, const kc_stmt *body)
{
    kc_stmt *s = type_stmt(g->f, S_ITEMS, g->pos);
    s->var = t;
    s->body = body;
    return s;
}

static kc_stmt *put_phase(inliner *in, const subgroup *g)
{
    kc_var *t = item_of(in, g);
    return phase(g, t, assignment(g, cell(g, type_var(g->f, t, g->pos)), type_var(g->f, g->x, g->pos)));
}

/* The first item of t's subgroup, or of its subgroups of n. */
static const kc_expr *first_item(const subgroup *g, kc_var *t)
{
    if (g->n == g->group) return number(g, 0);
    return binary(g, K_AND, type_var(g->f, t, g->pos), number(g, ~(g->n - 1)));
}

static kc_stmt *take_phase(inliner *in, const subgroup *g, const kc_expr *call)
{
    kc_var *t = item_of(in, g);
    const kc_expr *from;
    if (g->b == KC_B_subgroup_shuffle_xor) from = binary(g, K_XOR, type_var(g->f, t, g->pos), call->a[1]);
    else if (g->b == KC_B_subgroup_broadcast) from = binary(g, K_ADD, first_item(g, t), call->a[1]);
    else from = first_item(g, t);
    return phase(g, t, assignment(g, type_var(g->f, g->x, g->pos), cell(g, from)));
}

static const kc_expr *meet(const subgroup *g, const kc_expr *a, const kc_expr *b)
{
    const kc_expr *args[] = { a, b };
    if (g->b == KC_B_subgroup_add) return type_binary(g->f, K_ADD, a, b, g->pos);
    return type_call(g->f, g->b == KC_B_subgroup_min ? KC_B_min : KC_B_max, args, COUNT(args), g->pos);
}

/* for (u32 half = n / 2; half > 0; half /= 2) ITEMS(t) if (t % n < half) cells[t] = meet(cells[t], cells[t + half]); */
static kc_stmt *fold_loop(inliner *in, const subgroup *g)
{
    front *f = g->f;
    kc_var *t = item_of(in, g), *half = inline_new_local(in, "half", (kc_type){ KC_U32, 1 }, g->pos);
    const kc_expr *item = type_var(f, t, g->pos), *h = type_var(f, half, g->pos);
    const kc_expr *place = g->n == g->group ? item : binary(g, K_AND, item, number(g, g->n - 1));
    kc_stmt *test = type_stmt(f, S_IF, g->pos), *loop = type_stmt(f, S_LOOP, g->pos), *init = type_stmt(f, S_DECL, g->pos);
    test->value = binary(g, K_LT, place, h);
    test->body = assignment(g, cell(g, item), meet(g, cell(g, item), cell(g, binary(g, K_ADD, item, h))));
    init->var = half;
    init->value = number(g, g->n / 2);
    loop->init = init;
    loop->value = binary(g, K_GT, h, number(g, 0));
    loop->body = phase(g, t, test);
    loop->step = assignment(g, h, binary(g, K_DIV, h, number(g, 2)));
    return loop;
}

/* ------------------------------------------------------------------ what is asked */
/* The items that exchange values: the largest run in a row that no value leaves. */
static u32 reach(const subgroup *g, const kc_expr *call)
{
    u64 n = (u64)call->a[call->n_args - 1]->value.i, run = 1;
    if (g->b != KC_B_subgroup_shuffle_xor) return (u32)n;
    while (run <= n) run *= 2;
    return run > UINT32_MAX ? UINT32_MAX : (u32)run;
}

static bool fits(const subgroup *g, const kc_expr *call)
{
    const char *name = kc_builtin_name(g->b);
    bool is_power = g->n && (g->n & (g->n - 1)) == 0;
    if (!is_power || g->group % g->n)
        front_fail(g->f, g->pos, "%s is among %u items in a row: that is a power of two by which GROUP, %u, can be divided",
                   name, g->n, g->group);
    else if (g->b == KC_B_subgroup_broadcast && call->a[1]->value.i >= (i64)g->n)
        front_fail(g->f, call->a[1]->pos, "a subgroup of %u items has no item %lld", g->n, (long long)call->a[1]->value.i);
    return !g->f->status;
}

static kc_var *cells_for(inliner *in, const subgroup *g)
{
    kc_var **cells = &in->cells[g->x->type.scalar];
    kc_var like = {
        .name = "cells", .type = g->x->type, .storage = KC_V_SHARED, .dims = 1, .n = { g->group }, .pos = g->pos
    };
    if (!*cells) *cells = inline_add_var(in, &like);
    return *cells;
}

const kc_stmt *inline_subgroup(inliner *in, const kc_expr *call)
{
    subgroup g = { .f = in->f, .group = in->e->kernel.group, .pos = call->pos, .b = (kc_builtin)call->call };
    g.n = reach(&g, call);
    if (!fits(&g, call) || g.n == 1) return NULL;
    g.x = call->a[0]->var;
    g.cells = cells_for(in, &g);
    bool folds = g.b != KC_B_subgroup_broadcast && g.b != KC_B_subgroup_shuffle_xor;
    stmt_list list = { 0 };
    kc_stmt *declared = type_stmt(in->f, S_DECL, g.pos);
    declared->var = g.cells;
    stmt_add(in->f, &list, declared);
    stmt_add(in->f, &list, put_phase(in, &g));
    if (folds) stmt_add(in->f, &list, fold_loop(in, &g));
    stmt_add(in->f, &list, take_phase(in, &g, call));
    return list.first;
}
