/* What hangs on weights and sizes alone (plan/once.c) is computed in the first run of its sizes and kept: the next runs of the same sizes leave those
 * steps out. Chosen when values are laid out: a value that another step reads gets its place for the whole run, as long as all that is kept takes
 * no more than the weights do (or 1 MiB); what only kept values need keeps no place. What does not fit is computed in each run. */
#include "exec/exec.h"

enum { ALWAYS_BYTES = 1 << 20, MOST_BYTES = 1 << 28, PART_OF_A_BUFFER = 4 };

u64 keep_room(const exec *x)
{
    const qn_caps *caps = &x->device->info.caps;
    u64 room = x->no_room ? 0 : MIN(MAX(x->stats.weights_bytes, ALWAYS_BYTES), MOST_BYTES);
    bool bounded = !caps->host_memory && caps->max_buffer_bytes;
    return bounded ? MIN(room, caps->max_buffer_bytes / PART_OF_A_BUFFER) : room;
}

typedef struct choice {
    exec *x;
    span **spans; /* by value: in the layout, or NULL */
    bool *needed; /* by value: a step that runs reads it, and it is not kept */
    u64 room;
} choice;

static void want(choice *c, val v)
{
    const plan *p = c->x->main->p;
    val root = plan_root(p, v);
    span *s = c->spans[root];
    if (c->needed[root] || c->x->main->slots[root].kept) return;
    if (!s || !p->values[root].once || s->bytes > c->room) {
        c->needed[root] = true;
        return;
    }
    c->x->main->slots[root].kept = true;
    c->room -= s->bytes;
    c->x->stats.kept_bytes += s->bytes;
    s->first = 0, s->last = p->n_steps;
}

static bool writes_needed(const choice *c, const step *s)
{
    const plan *p = c->x->main->p;
    if (s->kind == STEP_ELEMS) return c->needed[plan_root(p, s->value)];
    bool needed = false;
    for (u32 b = 0; s->kind == STEP_LAUNCH && b < s->launch->n_bufs && !needed; b++)
        needed = s->launch->written[b] && c->needed[plan_root(p, s->launch->bufs[b])];
    return needed;
}

/* Elements that follow from sizes the host writes in each run: that is less than asking the device for them. */
static void want_here(choice *c, val v)
{
    const plan *p = c->x->main->p;
    val root = plan_root(p, v);
    if (!v) return;
    if (root <= p->g->n_values && value_at(p->g, root)->elems && !c->x->main->slots[root].kept) c->needed[root] = true;
    else want(c, v);
}

static void want_inputs(choice *c, const step *s)
{
    const graph *g = c->x->main->p->g;
    const node *n = s->node ? node_at(g, s->node) : NULL;
    if (s->kind == STEP_READ || s->kind == STEP_PLACES) want_here(c, s->value);
    if (s->kind == STEP_LAUNCH)
        for (u32 b = 0; b < s->launch->n_bufs; b++) want(c, s->launch->bufs[b]);
    if (s->kind == STEP_HOST || s->kind == STEP_BRANCH || s->kind == STEP_LOOP)
        for (u32 i = 0; i < n->n_in; i++) want_here(c, node_in(g, n, i));
}

/* Backward: what is needed is known when the step that writes it comes up. */
static void choose(choice *c)
{
    exec *x = c->x;
    const plan *p = x->main->p;
    for (u32 i = 0; i < p->g->n_outputs; i++) want(c, live(p->g, p->g->outputs[i]));
    for (u32 i = p->n_steps; i-- > 0;) {
        const step *s = &p->steps[i];
        x->left_out[i] = s->once && !writes_needed(c, s);
        if (!x->left_out[i]) want_inputs(c, s);
    }
}

qn_status keep_choose(exec *x, span *spans, u64 room)
{
    const plan *p = x->main->p;
    choice c = { .x = x, .room = room };
    c.spans = mem_zalloc((p->n_values + 1) * sizeof *c.spans);
    c.needed = mem_zalloc(p->n_values + 1);
    x->stats.kept_bytes = 0;
    if (!x->left_out) x->left_out = ARENA_ARRAY(x->mem, p->n_steps + 1, bool);
    bool made = c.spans && c.needed && x->left_out;
    for (u32 v = 1; made && v <= p->n_values; v++) {
        x->main->slots[v].kept = false;
        if (plan_in_layout(p, v)) c.spans[v] = spans++;
    }
    if (made) choose(&c);
    mem_free(c.spans), mem_free(c.needed);
    return made ? QN_OK : fail_nomem(p->n_values * sizeof *c.spans);
}

/* ---- a run */

void keep_start(exec *x)
{
    x->keeps = x->kept_for == x->round && x->round;
    if (!x->keeps) x->kept_launches = 0;
    x->stats.kept_launches = x->keeps ? x->kept_launches : 0;
}

bool keep_leaves_out(const exec *x, const frame *f) { return x->keeps && f == x->main && x->left_out[f->at]; }

void keep_count(exec *x, const frame *f) { x->kept_launches += !x->keeps && f == x->main && x->left_out[f->at]; }

void keep_end(exec *x, bool well)
{
    if (!well) keep_forget(x);
    else x->kept_for = x->round;
}

void keep_forget(exec *x) { x->kept_for = 0; }
