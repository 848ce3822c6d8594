/* Functions into their callers: from the bodies as parsed to one kernel without calls of its own.
 *
 * Everything is cloned with fresh variables. A function that is one `return e` becomes an expression; others are poured out before the statement
 * that calls them. An early return becomes an else branch where it can, else a flag that guards what follows. Loop conditions with
 * poured-out calls turn into `if (!condition) break`. */
#include "kc/inline.h"

/* ------------------------------------------------------------------ variables */
kc_var *inline_add_var(inliner *in, const kc_var *like)
{
    front *f = in->f;
    kc_var *v = front_alloc(f, sizeof *v);
    if (v && !ARENA_PUSH_ROOM(f->arena, in->e->vars, in->e->n_vars, in->cap_vars, FRONT_MAX_NODES))
        front_nomem(f, sizeof *v);
    if (f->status) return &f->scrap_var;
    *v = *like;
    v->slot = in->e->n_vars;
    v->read = v->written = false;
    in->e->vars[in->e->n_vars++] = v;
    return v;
}

static u8 local_storage(const inliner *in)
{
    return in->e->kernel.form == KC_MAP || in->in_items ? KC_V_ITEM : KC_V_UNIFORM;
}

kc_var *inline_new_local(inliner *in, const char *called, kc_type type, kc_pos pos)
{
    kc_var like = { .name = called, .type = type, .storage = local_storage(in), .pos = pos };
    return inline_add_var(in, &like);
}

binding *inline_bound(inliner *in, const kc_var *v) { return &in->frame->bind[v->slot]; }

kc_stmt *inline_emit(inliner *in, kc_stmt_op op, kc_pos pos)
{
    kc_stmt *s = type_stmt(in->f, op, pos);
    stmt_add(in->f, in->out, s);
    return s;
}

void inline_emit_decl(inliner *in, kc_var *v, const kc_expr *value)
{
    kc_stmt *s = inline_emit(in, S_DECL, v->pos);
    s->var = v;
    s->value = value;
}

void inline_emit_set(inliner *in, kc_var *v, const kc_expr *value, kc_pos pos)
{
    kc_stmt *s = inline_emit(in, S_ASSIGN, pos);
    s->target = type_var(in->f, v, pos);
    s->value = value;
}

/* ------------------------------------------------------------------ statements */
static const kc_stmt *clone_branch(inliner *in, const kc_stmt *s)
{
    stmt_list list = { 0 }, *outer = in->out;
    in->out = &list;
    inline_list(in, s);
    in->out = outer;
    return list.first;
}

static void clone_decl(inliner *in, const kc_stmt *s)
{
    const kc_expr *value = s->value ? inline_expr(in, s->value) : NULL;
    kc_var *v = inline_add_var(in, s->var);
    bool local = v->storage == KC_V_UNIFORM || v->storage == KC_V_ITEM;
    if (local && !in->f->status) v->storage = local_storage(in);
    inline_bound(in, s->var)->var = v;
    inline_emit_decl(in, v, value);
    if (!in->f->status) in->out->last->zeroed = s->zeroed;
}

static void clone_return(inliner *in, const kc_stmt *s)
{
    frame *fr = in->frame;
    const kc_expr *value = s->value ? inline_expr(in, s->value) : NULL;
    if (!fr->is_call) {
        inline_emit(in, S_RETURN, s->pos)->value = value;
        return;
    }
    if (fr->result && value) inline_emit_set(in, fr->result, value, s->pos);
    if (fr->done) inline_emit_set(in, fr->done, type_int(in->f, KC_BOOL, 1, s->pos), s->pos);
    if (fr->loops) inline_emit(in, S_BREAK, s->pos);
}

static void emit_break_if(inliner *in, const kc_expr *test, kc_pos pos)
{
    kc_stmt *stop = type_stmt(in->f, S_BREAK, pos);
    kc_stmt *s = inline_emit(in, S_IF, pos);
    s->value = test;
    s->body = stop;
}

static const kc_stmt *clone_step(inliner *in, const kc_stmt *s)
{
    const kc_stmt *step = clone_branch(in, s);
    for (const kc_stmt *at = step; at; at = at->next)
        if (at->op != S_ASSIGN && at->op != S_EXPR)
            front_fail(in->f, at->pos, "this call takes statements; it cannot stand in the step of a for");
    return step;
}

/* The body, after what the condition pours out. */
static void clone_loop_body(inliner *in, const kc_stmt *from, kc_stmt *to)
{
    front *f = in->f;
    stmt_list body = { 0 }, *outer = in->out;
    in->out = &body;
    if (from->value) to->value = inline_expr(in, from->value);
    if (body.first && from->test_last)
        front_fail(f, from->value->pos, "this call takes statements; put its value into a local of the loop");
    if (body.first && !f->status) {
        emit_break_if(in, type_unary(f, K_NOT, to->value, from->pos), from->pos);
        to->value = NULL;
    }
    in->frame->loops++;
    inline_list(in, from->body);
    in->frame->loops--;
    in->out = outer;
    to->body = body.first;
}

static void clone_loop(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    stmt_list init = { 0 }, *outer = in->out;
    u32 wanted = 0;
    for (const kc_stmt *at = s->init; at; at = at->next) wanted++;
    in->out = &init;
    inline_list(in, s->init);
    in->out = outer;
    kc_stmt *made = type_stmt(f, S_LOOP, s->pos);
    made->test_last = s->test_last;
    made->unroll = s->unroll;
    clone_loop_body(in, s, made);
    made->step = clone_step(in, s->step);
    if (init.n == wanted) {
        made->init = init.first;
        stmt_add(f, in->out, made);
        return;
    }
    stmt_add(f, &init, made);
    inline_emit(in, S_BLOCK, s->pos)->body = init.first;
}

static void clone_items(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    if (in->in_items) front_fail(f, s->pos, "ITEMS may not run inside ITEMS: this function is called from a phase");
    kc_var *v = inline_add_var(in, s->var);
    inline_bound(in, s->var)->var = v;
    in->in_items = true;
    u32 loops = in->frame->loops;
    in->frame->loops = 0;
    const kc_stmt *body = clone_branch(in, s->body);
    in->frame->loops = loops;
    in->in_items = false;
    kc_stmt *made = inline_emit(in, S_ITEMS, s->pos);
    made->var = v;
    made->body = body;
}

/* A place whose indices do something (atomics) gets them from locals: it may be read, too. */
static const kc_expr *settle_indices(inliner *in, const kc_expr *place)
{
    const kc_expr *a[KC_MAX_ARGS];
    if (fold_is_pure(place) || in->f->status) return place;
    for (u32 i = 0; i < place->n_args; i++)
        a[i] = place->op == K_LANE ? settle_indices(in, place->a[i]) : inline_in_local(in, place->a[i], "index");
    return type_copy(in->f, place, a);
}

static void clone_assign(inliner *in, const kc_stmt *s)
{
    const kc_expr *outer = in->place, *outer_clone = in->place_clone;
    const kc_expr *target = settle_indices(in, inline_expr(in, s->target));
    in->place = s->target;
    in->place_clone = target;
    const kc_expr *value = inline_expr(in, s->value);
    in->place = outer;
    in->place_clone = outer_clone;
    kc_stmt *made = inline_emit(in, S_ASSIGN, s->pos);
    made->target = target;
    made->value = value;
}

static bool is_subgroup(const kc_expr *e) { return e->op == K_CALL && kc_builtin_is_subgroup((kc_builtin)e->call); }

static void clone_subgroup(inliner *in, const kc_expr *call)
{
    const kc_stmt *phases = in->f->status ? NULL : inline_subgroup(in, call);
    if (!phases) return;
    kc_stmt *s = inline_emit(in, S_EXPR, call->pos);
    s->value = call;
    s->body = phases;
}

static void clone_one(inliner *in, const kc_stmt *s)
{
    kc_stmt *made;
    const kc_expr *value;
    switch (s->op) {
    case S_DECL: clone_decl(in, s); break;
    case S_ASSIGN: clone_assign(in, s); break;
    case S_EXPR:
        value = inline_expr(in, s->value);
        if (is_subgroup(value)) clone_subgroup(in, value);
        else if (!fold_is_pure(value)) inline_emit(in, S_EXPR, s->pos)->value = value;
        break;
    case S_IF: {
        value = inline_expr(in, s->value);
        const kc_stmt *body = clone_branch(in, s->body), *other = clone_branch(in, s->other);
        made = inline_emit(in, S_IF, s->pos);
        made->value = value;
        made->body = body;
        made->other = other;
        break;
    }
    case S_LOOP: clone_loop(in, s); break;
    case S_ITEMS: clone_items(in, s); break;
    case S_RETURN: clone_return(in, s); break;
    case S_BLOCK: {
        const kc_stmt *body = clone_branch(in, s->body);
        inline_emit(in, S_BLOCK, s->pos)->body = body;
        break;
    }
    default: inline_emit(in, (kc_stmt_op)s->op, s->pos);
    }
}

static const kc_stmt *clone_branch_and_rest(inliner *in, const kc_stmt *s, const kc_stmt *rest)
{
    stmt_list list = { 0 }, *outer = in->out;
    in->out = &list;
    inline_list(in, s);
    inline_list(in, rest);
    in->out = outer;
    return list.first;
}

/* After `if (c) return`: the rest of the function goes into the other branch. */
static void clone_into_open_branch(inliner *in, const kc_stmt *s)
{
    bool rest_in_other = inline_open_branch(s) == &s->other;
    const kc_expr *test = inline_expr(in, s->value);
    const kc_stmt *body = clone_branch_and_rest(in, s->body, rest_in_other ? NULL : s->next);
    const kc_stmt *other = clone_branch_and_rest(in, s->other, rest_in_other ? s->next : NULL);
    kc_stmt *made = inline_emit(in, S_IF, s->pos);
    made->value = test;
    made->body = body;
    made->other = other;
}

/* After a statement that may have returned: the rest runs only when it has not. In a loop the flag leaves it. */
static void clone_rest_guarded(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    frame *fr = in->frame;
    if (f->status || !fr->done) return;
    const kc_expr *done = type_var(f, fr->done, s->pos);
    if (fr->loops) {
        if (s->op == S_LOOP) emit_break_if(in, done, s->pos);
        inline_list(in, s->next);
        return;
    }
    if (!s->next) return;
    const kc_stmt *rest = clone_branch(in, s->next);
    kc_stmt *made = inline_emit(in, S_IF, s->pos);
    made->value = type_unary(f, K_NOT, done, s->pos);
    made->body = rest;
}

void inline_list(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    if (++in->depth > FRONT_MAX_TREE_DEPTH && s)
        front_fail(f, s->pos, "statements nest deeper than %d after inlining", (int)FRONT_MAX_TREE_DEPTH);
    for (; s && !f->status; s = s->next) {
        flow one = in->frame->is_call ? inline_flow_of(s) : RETURNS_NEVER;
        if (one == RETURNS_MAYBE && s->next && inline_open_branch(s) && !in->frame->loops) {
            clone_into_open_branch(in, s);
            break;
        }
        clone_one(in, s);
        if (one == RETURNS_ALWAYS) break;
        if (one == RETURNS_MAYBE) {
            clone_rest_guarded(in, s);
            break;
        }
    }
    in->depth--;
}

/* ------------------------------------------------------------------ the kernel */
static u32 words_of(kc_type t) { return kc_scalar_bytes((kc_scalar)t.scalar) == 8 ? 2 : 1; }

static void bind_entry_param(inliner *in, const func *fn, u32 i, kc_param *params)
{
    front *f = in->f;
    kc_entry *e = in->e;
    kc_var *v = inline_add_var(in, fn->params[i]);
    in->frame->bind[fn->params[i]->slot].var = v;
    if (f->status) return;
    if (i == 0) {
        v->storage = KC_V_FIRST;
        e->first = v;
        return;
    }
    params[i - 1] = (kc_param){ .name = v->name, .type = v->type, .role = (kc_role)fn->roles[i] };
    if (v->dims) {
        v->storage = KC_V_BUFFER;
        v->at = e->n_buffers;
        if (e->n_buffers == KC_MAX_BUFFERS) front_fail(f, v->pos, "more than %d buffers", (int)KC_MAX_BUFFERS);
        else e->buffers[e->n_buffers++] = v;
        return;
    }
    v->storage = KC_V_SCALAR;
    v->at = e->n_words;
    e->n_words += words_of(v->type);
    if (e->n_words > KC_MAX_WORDS) front_fail(f, v->pos, "more than %d words of launch parameters", (int)KC_MAX_WORDS);
}

kc_entry *inline_entry(front *f, const func *fn)
{
    kc_entry *e = front_alloc(f, sizeof *e);
    kc_param *params = front_alloc(f, (fn->n_params + 1) * sizeof *params);
    if (!e || !params) return NULL;
    e->pos = fn->pos;
    e->kernel = (kc_kernel){ .name = fn->name->text,
                             .form = fn->is_map ? KC_MAP : KC_GROUP,
                             .result = fn->result,
                             .group = fn->group,
                             .n_params = fn->n_params - 1,
                             .params = params };
    frame fr = { .fn = fn, .bind = front_alloc(f, (fn->n_vars + 1) * sizeof(binding)) };
    stmt_list body = { 0 };
    inliner in = { .f = f, .e = e, .out = &body, .frame = &fr };
    f->nodes = 0;
    for (u32 i = 0; i < fn->n_params && !f->status; i++) bind_entry_param(&in, fn, i, params);
    if (fn->is_map && inline_flow_of_list(fn->body) != RETURNS_ALWAYS)
        front_fail(f, fn->pos, "MAP '%s' gives a %s, but control can reach its end without a return", fn->name->text,
                   kc_type_name(fn->result));
    if (!f->status) inline_list(&in, fn->body);
    e->body = body.first;
    return f->status ? NULL : e;
}
