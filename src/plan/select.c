/* Which variant of an op runs: the first row whose needs the device has and which fits the node. Tests can put rows first by name. */
#include "plan/plan.h"

bool plan_has(const qn_caps *caps, u32 needs)
{
    if ((needs & NEED_GROUP) && (caps->max_group < 64 || caps->group_memory_bytes < 16384)) return false;
    if ((needs & NEED_ATOMICS) && !caps->atomics) return false;
    if ((needs & NEED_LANES) && caps->best_group != 1) return false;
    if ((needs & NEED_HOST_MEMORY) && !caps->host_memory) return false;
    if ((needs & NEED_MMA) && !caps->mma) return false;
    if ((needs & NEED_NO_GROUP) && caps->max_group > 0) return false;
    return true;
}

static bool is_avoided(const lowering *l, const variant *v)
{
    for (const plan_avoided *a = l->p->avoided; a; a = a->next)
        if (a->g == l->p->g && a->node == l->node && text_same(a->variant, v->name)) return true;
    return false;
}

static bool is_refused(const lowering *l, const node *n, const variant *v)
{
    size_t at = (size_t)(v - op_of(n)->variants);
    return at < 64 && l->refused >> at & 1;
}

/* The node as it is; with NEED_SIZES, for some sizes at least. */
static bool fits(const lowering *l, const node *n, const variant *v)
{
    if (is_refused(l, n, v) || (v->fits && !v->fits(l, n))) return false;
    if (!(v->needs & NEED_SIZES)) return true;
    sym when = op_of(n)->when(l, n, l->p->g);
    return when && !sym_is(l->p->g, when, 0);
}

static bool runs(const lowering *l, const node *n, const variant *v)
{
    return (l->on_host || !is_avoided(l, v)) && plan_has(l->caps, v->needs) && fits(l, n, v);
}

/* GROUP kernels in groups of one are for CPUs and groups of many for GPUs, but each is right on both: a name that asks for a row gets it,
 * where there are groups at all. */
static bool runs_when_asked(const lowering *l, const node *n, const variant *v)
{
    u32 must = v->needs & ~(u32)NEED_LANES;
    if ((v->needs & NEED_LANES) && l->caps->max_group == 0) return false;
    return plan_has(l->caps, must) && fits(l, n, v);
}

const variant *plan_select(const lowering *l, const node *n)
{
    const op_def *d = op_of(n);
    if (!d->variants) return NULL;
    if (l->p->only_variants)
        for (const variant *v = d->variants; v->name; v++)
            if (text_same(v->name, l->p->only_variants) && runs_when_asked(l, n, v)) return v;
    /* A device that likes groups of one runs GROUP rows last: a MAP or a lane kernel suits it better. */
    bool single = l->caps->best_group == 1;
    for (const variant *v = d->variants; v->name; v++)
        if (runs(l, n, v) && !(single && (v->needs & NEED_GROUP))) return v;
    for (const variant *v = d->variants; v->name; v++)
        if (runs(l, n, v)) return v;
    return NULL;
}

bool plan_can_run(graph *g, const qn_caps *caps, const node *n)
{
    plan p = { .g = g };
    lowering l = { .p = &p, .caps = caps };
    return plan_select(&l, n) != NULL;
}
