/* What hangs on weights and sizes alone: such a step gives the same in each run of the same sizes, so a run may leave it out where its results
 * are kept (exec/keep.c).
 *
 *     in x: f32[b,3]; const c: f32[1,3]; s = Shape(x); e = Expand(c, s); y = Add(x, e); out y          Expand is such a node
 *
 * Not so: what reads an input, random numbers, sizes that only a run decides, steps of the host, and launches that are repeated or lie in a body. */
#include "op/op_util.h"
#include "plan/plan.h"

/* Rounds until nothing changes: a step that varies makes what it writes vary, and so all others that write or read it. A graph that is made to
 * take more has no such steps. */
enum { MOST_ROUNDS = 8 };

static bool of_start(const plan *p, sym s) { return !s || !sym_uses_unbound(p->g, s, p->bound_at_start); }

static bool sizes_of_start(const plan *p, const launch *k)
{
    bool all = of_start(p, k->count) && of_start(p, k->when);
    for (u32 i = 0; i < k->n_words && all; i++) all = k->words[i].kind != WORD_SIZE || of_start(p, k->words[i].size);
    for (u32 i = 0; i < k->n_choice && all; i++) all = of_start(p, k->choice[i]);
    return all;
}

static bool launch_is_once(const plan *p, const step *s, const bool *varies)
{
    const launch *k = s->launch;
    for (u32 b = 0; b < k->n_bufs; b++)
        if (varies[plan_root(p, k->bufs[b])]) return false;
    return !s->on_host && !op_of(node_at(p->g, s->node))->random && sizes_of_start(p, k);
}

static bool elems_are_once(const plan *p, val v)
{
    const value *x = value_at(p->g, v);
    for (u32 e = 0; e < x->n_elems; e++)
        if (!of_start(p, x->elems[e])) return false;
    return true;
}

static bool places_are_once(const plan *p, const step *s)
{
    const place_bounds *what = &p->places->items[s->places].what;
    for (u32 c = 0; c < what->tuple; c++)
        if (!of_start(p, what->size[c])) return false;
    return true;
}

static bool is_once(const plan *p, const step *s, bool repeated, const bool *varies)
{
    switch (s->kind) {
    case STEP_LAUNCH: return !repeated && launch_is_once(p, s, varies);
    case STEP_ELEMS: return !varies[plan_root(p, s->value)] && elems_are_once(p, s->value);
    case STEP_PLACES: return !varies[plan_root(p, s->value)] && places_are_once(p, s);
    default: return false;
    }
}

/* What a step writes: roots, 0 for a buffer that it only reads. */
static u32 result_count(const plan *p, const step *s)
{
    if (s->kind == STEP_LAUNCH) return s->launch->n_bufs;
    if (s->kind == STEP_HOST || s->kind == STEP_BRANCH || s->kind == STEP_LOOP) return node_at(p->g, s->node)->n_out;
    return s->kind == STEP_ELEMS;
}

static val result_at(const plan *p, const step *s, u32 i)
{
    if (s->kind == STEP_LAUNCH) return s->launch->written[i] ? plan_root(p, s->launch->bufs[i]) : 0;
    return plan_root(p, s->kind == STEP_ELEMS ? s->value : node_at(p->g, s->node)->out[i]);
}

static bool results_vary(const plan *p, const step *s, bool *varies)
{
    bool news = false;
    for (u32 i = 0; i < result_count(p, s); i++) {
        val v = result_at(p, s, i);
        if (!v || varies[v]) continue;
        varies[v] = news = true;
    }
    return news;
}

static bool mark_round(plan *p, bool *varies)
{
    bool news = false, repeated = false;
    for (u32 i = 0; i < p->n_steps; i++) {
        step *s = &p->steps[i];
        if (s->kind == STEP_REPEAT || s->kind == STEP_REPEAT_END) repeated = s->kind == STEP_REPEAT;
        s->once = is_once(p, s, repeated, varies);
        if (!s->once) news |= results_vary(p, s, varies);
    }
    return news;
}

/* Values that only such steps write. Not those of a launch that writes two: it is left out only where both are kept. */
static void mark_values(plan *p, const bool *varies)
{
    for (u32 v = 1; v <= p->n_values; v++) p->values[v].once = !varies[v] && plan_in_layout(p, v);
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        u32 written = 0;
        for (u32 k = 0; k < result_count(p, s); k++) written += result_at(p, s, k) != 0;
        for (u32 k = 0; k < result_count(p, s) && written > 1; k++)
            if (result_at(p, s, k)) p->values[result_at(p, s, k)].once = false;
    }
}

qn_status plan_find_once(plan *p)
{
    bool *varies = mem_zalloc(p->n_values + 1);
    if (!varies) return fail_nomem(p->n_values);
    for (u32 v = 1; v <= p->n_values; v++) varies[v] = p->values[v].late;
    for (u32 i = 0; i < p->g->n_inputs; i++) varies[p->g->inputs[i]] = true;
    u32 rounds = 0;
    while (mark_round(p, varies) && rounds < MOST_ROUNDS) rounds++;
    for (u32 i = 0; i < p->n_steps && rounds == MOST_ROUNDS; i++) p->steps[i].once = false;
    if (rounds < MOST_ROUNDS) mark_values(p, varies);
    mem_free(varies);
    return QN_OK;
}
