/* A kernel made smaller: constants folded and carried by locals that never change, dead branches dropped, `#pragma unroll` loops with a known
 * number of turns written out. Clones what changes; the result is again a tree as tree.h says. */
#include "kc/front.h"

typedef struct simplifier {
    front *f;
    kc_entry *e;
    const kc_expr **known; /* by slot: the constant a variable holds here, or NULL */
    bool *assigned;        /* by slot: written after its declaration */
    u32 depth;
    stmt_list *out;
} simplifier;

/* ------------------------------------------------------------------ expressions */
static const kc_expr *simplify(simplifier *s, const kc_expr *e)
{
    front *f = s->f;
    if (f->status) return e;
    if (e->op == K_VAR && e->var->storage != KC_V_TABLE && s->known[e->var->slot]) {
        const kc_expr *value = s->known[e->var->slot];
        return kc_type_same(value->type, e->type) ? value : e;
    }
    if (e->n_args == 0) return e;
    const kc_expr *a[KC_MAX_ARGS];
    bool changed = false;
    for (u32 i = 0; i < e->n_args; i++) {
        a[i] = simplify(s, e->a[i]);
        changed |= a[i] != e->a[i];
    }
    return fold_expr(f, changed ? type_copy(f, e, a) : e);
}

/* A place keeps its variable; only its indices become simpler. */
static const kc_expr *simplify_place(simplifier *s, const kc_expr *e)
{
    if (e->op == K_VAR) return e;
    const kc_expr *a[KC_MAX_ARGS];
    for (u32 i = 0; i < e->n_args; i++) a[i] = e->op == K_LANE ? simplify_place(s, e->a[i]) : simplify(s, e->a[i]);
    return type_copy(s->f, e, a);
}

/* ------------------------------------------------------------------ what is assigned */
static void mark_assigned(simplifier *s, const kc_stmt *st)
{
    for (; st; st = st->next) {
        const kc_expr *root = st->target && st->target->op == K_LANE ? st->target->a[0] : st->target;
        if (root && root->op == K_VAR) s->assigned[root->var->slot] = true;
        mark_assigned(s, st->init);
        mark_assigned(s, st->body);
        mark_assigned(s, st->other);
        mark_assigned(s, st->step);
    }
}

/* ------------------------------------------------------------------ unrolling */
static bool has_jump(const kc_stmt *st)
{
    for (; st; st = st->next) {
        if (st->op == S_BREAK || st->op == S_CONTINUE) return true;
        if (st->op != S_LOOP && (has_jump(st->body) || has_jump(st->other))) return true;
    }
    return false;
}

static bool assigns(const kc_stmt *st, const kc_var *v)
{
    for (; st; st = st->next) {
        if (st->target && st->target->op == K_VAR && st->target->var == v) return true;
        if (assigns(st->init, v) || assigns(st->body, v) || assigns(st->other, v) || assigns(st->step, v)) return true;
    }
    return false;
}

/* The variable of `for (T i = constant; ...; i = f(i))` with nothing else written to it and no jump out of the body, or NULL. */
static kc_var *counter(simplifier *s, const kc_stmt *loop, const kc_expr **start)
{
    const kc_stmt *init = loop->init, *step = loop->step;
    if (!init || init->next || init->op != S_DECL || !init->value || !step || step->next || step->op != S_ASSIGN ||
        loop->test_last)
        return NULL;
    kc_var *v = init->var;
    if (step->target->op != K_VAR || step->target->var != v || !loop->value || has_jump(loop->body) ||
        assigns(loop->body, v))
        return NULL;
    *start = simplify(s, init->value);
    return (*start)->op == K_CONST ? v : NULL;
}

/* Values of the counter, turn by turn; false when the number of turns is not known or too large. */
static bool turns_of(simplifier *s, const kc_stmt *loop, kc_var *v, const kc_expr *start, u32 *out)
{
    bool known = true;
    u32 n = 0;
    for (s->known[v->slot] = start; known && !s->f->status; n++) {
        const kc_expr *test = simplify(s, loop->value);
        known = test->op == K_CONST && n <= FRONT_MAX_UNROLL;
        if (!known || !test->value.i) break;
        s->known[v->slot] = simplify(s, loop->step->value);
        known = s->known[v->slot]->op == K_CONST;
    }
    s->known[v->slot] = NULL;
    *out = n;
    return known && !s->f->status;
}

static void simplify_list(simplifier *s, const kc_stmt *st);

static const kc_stmt *simplify_branch(simplifier *s, const kc_stmt *st)
{
    stmt_list list = { 0 }, *outer = s->out;
    s->out = &list;
    simplify_list(s, st);
    s->out = outer;
    return list.first;
}

static bool declares(const kc_stmt *st)
{
    for (; st; st = st->next)
        if (st->op == S_DECL) return true;
    return false;
}

static kc_stmt *copy_of(simplifier *s, const kc_stmt *st)
{
    kc_stmt *made = type_stmt(s->f, (kc_stmt_op)st->op, st->pos);
    *made = *st;
    made->next = NULL;
    return made;
}

static void add_block(simplifier *s, const kc_stmt *body, kc_pos pos)
{
    if (!body) return;
    kc_stmt *block = type_stmt(s->f, S_BLOCK, pos);
    block->body = body;
    stmt_add(s->f, s->out, block);
}

/* One turn's statements, in a block where they declare something. */
static void add_turn(simplifier *s, const kc_stmt *body, kc_pos pos)
{
    if (declares(body)) {
        add_block(s, body, pos);
        return;
    }
    for (; body && !s->f->status; body = body->next) stmt_add(s->f, s->out, copy_of(s, body));
}

static u32 expr_size(const kc_expr *e)
{
    u32 n = 1;
    for (u32 i = 0; e && i < e->n_args; i++) n += expr_size(e->a[i]);
    return e ? n : 0;
}

static u32 list_size(const kc_stmt *st)
{
    u32 n = 0;
    for (; st; st = st->next)
        n += 1 + expr_size(st->value) + expr_size(st->target) + list_size(st->init) + list_size(st->step) +
             list_size(st->body) + list_size(st->other);
    return n;
}

/* Large loops stay loops: code that outgrows the instruction cache gains nothing. */
static bool is_worth_unrolling(const simplifier *s, const kc_stmt *loop, u32 turns)
{
    u64 nodes = (u64)turns * list_size(loop->body);
    return turns <= loop->unroll && turns <= FRONT_MAX_UNROLL && nodes <= FRONT_MAX_UNROLLED &&
           s->f->nodes + nodes <= FRONT_MAX_NODES / 2;
}

static bool unroll(simplifier *s, const kc_stmt *loop)
{
    front *f = s->f;
    const kc_expr *start = NULL;
    u32 turns = 0;
    bool room = f->nodes < FRONT_MAX_NODES / 2; /* counting turns makes nodes, too */
    kc_var *v = loop->unroll && room ? counter(s, loop, &start) : NULL;
    if (!v || !turns_of(s, loop, v, start, &turns) || !is_worth_unrolling(s, loop, turns)) return false;
    const kc_expr *value = start;
    for (u32 i = 0; i < turns && !f->status; i++) {
        s->known[v->slot] = value;
        const kc_stmt *body = simplify_branch(s, loop->body);
        const kc_expr *next = simplify(s, loop->step->value);
        add_turn(s, body, loop->pos);
        value = next;
    }
    s->known[v->slot] = NULL;
    return true;
}

/* ------------------------------------------------------------------ statements */
/* A scalar local with a constant value that nothing changes becomes that value. */
static bool carry_constant(simplifier *s, const kc_stmt *st, const kc_expr *value)
{
    const kc_var *v = st->var;
    bool fits = value && value->op == K_CONST && v->dims == 0 && !s->assigned[v->slot] && kc_type_same(value->type, v->type);
    if (fits) s->known[v->slot] = value;
    return fits;
}

static void simplify_decl(simplifier *s, const kc_stmt *st)
{
    const kc_expr *value = st->value ? simplify(s, st->value) : NULL;
    if (carry_constant(s, st, value)) return;
    kc_stmt *made = copy_of(s, st);
    made->value = value;
    stmt_add(s->f, s->out, made);
}

static void simplify_if(simplifier *s, const kc_stmt *st)
{
    const kc_expr *test = simplify(s, st->value);
    if (test->op == K_CONST) {
        const kc_stmt *taken = test->value.i ? st->body : st->other;
        if (declares(taken)) add_block(s, simplify_branch(s, taken), st->pos);
        else simplify_list(s, taken);
        return;
    }
    kc_stmt *made = copy_of(s, st);
    made->value = test;
    made->body = simplify_branch(s, st->body);
    made->other = simplify_branch(s, st->other);
    if (made->body || made->other || !fold_is_pure(test)) stmt_add(s->f, s->out, made);
}

static void simplify_loop(simplifier *s, const kc_stmt *st)
{
    front *f = s->f;
    if (unroll(s, st)) return;
    kc_stmt *made = copy_of(s, st);
    made->init = simplify_branch(s, st->init);
    made->value = st->value ? simplify(s, st->value) : NULL;
    if (made->value && made->value->op == K_CONST) {
        if (!made->value->value.i && !st->test_last) {
            if (made->init) add_block(s, made->init, st->pos);
            return;
        }
        if (made->value->value.i && !st->test_last) made->value = NULL;
    }
    made->body = simplify_branch(s, st->body);
    made->step = simplify_branch(s, st->step);
    stmt_add(f, s->out, made);
}

static void simplify_one(simplifier *s, const kc_stmt *st)
{
    kc_stmt *made;
    switch (st->op) {
    case S_DECL: simplify_decl(s, st); break;
    case S_IF: simplify_if(s, st); break;
    case S_LOOP: simplify_loop(s, st); break;
    case S_BLOCK:
        if (declares(st->body)) add_block(s, simplify_branch(s, st->body), st->pos);
        else simplify_list(s, st->body);
        break;
    default: {
        const kc_expr *target = st->target ? simplify_place(s, st->target) : NULL;
        const kc_expr *value = st->value ? simplify(s, st->value) : NULL;
        const kc_stmt *body = simplify_branch(s, st->body);
        made = copy_of(s, st);
        made->target = target;
        made->value = value;
        made->body = body;
        stmt_add(s->f, s->out, made);
    }
    }
}

static bool leaves(const kc_stmt *st) { return st && (st->op == S_RETURN || st->op == S_BREAK || st->op == S_CONTINUE); }

static void simplify_list(simplifier *s, const kc_stmt *st)
{
    s->depth++;
    for (; st && !s->f->status; st = st->next) {
        simplify_one(s, st);
        if (leaves(s->out->last)) break; /* what follows is never reached */
    }
    s->depth--;
}

void simplify_entry(front *f, kc_entry *e)
{
    stmt_list body = { 0 };
    simplifier s = { .f = f, .e = e, .out = &body };
    s.known = front_alloc(f, (e->n_vars + 1) * sizeof *s.known);
    s.assigned = front_alloc(f, e->n_vars + 1);
    if (f->status) return;
    mark_assigned(&s, e->body);
    simplify_list(&s, e->body);
    e->body = body.first;
}
