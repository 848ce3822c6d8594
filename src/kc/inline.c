/* Functions into their callers: from the bodies as parsed to one kernel without calls of its own.
 *
 * Everything is cloned with fresh variables. A function that is one `return e` becomes an expression; others are poured out before the statement
 * that calls them. An early return becomes an else branch where it can, else a flag that guards what follows. Loop conditions with
 * poured-out calls turn into `if (!condition) break`. */
#include "kc/front.h"

enum { MAX_CALL_DEPTH = 64 };

/* What a variable of the function being cloned stands for: a variable (with a row when it is lent a row), or a value. */
typedef struct binding {
    kc_var *var;
    const kc_expr *row, *value;
} binding;

typedef struct frame { /* one function being cloned */
    const func *fn;
    binding *bind;         /* by slot */
    bool is_call;          /* not the kernel itself */
    kc_var *result, *done; /* of early returns; NULL: none */
    u32 loops;
} frame;

typedef struct inliner {
    front *f;
    kc_entry *e;
    u32 cap_vars, calls, depth;
    bool in_items;
    stmt_list *out;
    frame *frame;
    const kc_expr *place, *place_clone; /* of the assignment being cloned: `a[f(i)] += 1` reads what it writes */
} inliner;

/* ------------------------------------------------------------------ where control goes */
typedef enum flow { RETURNS_NEVER, RETURNS_MAYBE, RETURNS_ALWAYS } flow;

static flow flow_of_list(const kc_stmt *s);

static bool breaks(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op == S_BREAK || ((s->op == S_IF || s->op == S_BLOCK) && (breaks(s->body) || breaks(s->other)))) return true;
    return false;
}

static flow flow_of(const kc_stmt *s)
{
    switch (s->op) {
    case S_RETURN: return RETURNS_ALWAYS;
    case S_BLOCK: return flow_of_list(s->body);
    case S_IF: {
        flow a = flow_of_list(s->body), b = flow_of_list(s->other);
        return a == b ? a : RETURNS_MAYBE;
    }
    case S_LOOP: {
        flow body = flow_of_list(s->body);
        if (body == RETURNS_NEVER) return RETURNS_NEVER;
        return (!s->value || (s->test_last && body == RETURNS_ALWAYS)) && !breaks(s->body) ? RETURNS_ALWAYS : RETURNS_MAYBE;
    }
    default: return RETURNS_NEVER;
    }
}

static flow flow_of_list(const kc_stmt *s)
{
    flow all = RETURNS_NEVER;
    for (; s; s = s->next) {
        flow one = flow_of(s);
        if (one == RETURNS_ALWAYS) return RETURNS_ALWAYS;
        if (one == RETURNS_MAYBE) all = RETURNS_MAYBE;
    }
    return all;
}

/* `if (c) return ...;` with nothing or no return in the other branch: what follows can go into that branch. */
static const kc_stmt *const *open_branch(const kc_stmt *s)
{
    if (s->op != S_IF) return NULL;
    flow a = flow_of_list(s->body), b = flow_of_list(s->other);
    if (a == RETURNS_ALWAYS && b == RETURNS_NEVER) return &s->other;
    if (b == RETURNS_ALWAYS && a == RETURNS_NEVER) return &s->body;
    return NULL;
}

static bool needs_flag(const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_LOOP && flow_of_list(s->body) != RETURNS_NEVER) return true;
        if (flow_of(s) == RETURNS_MAYBE && s->next && !open_branch(s)) return true;
        if ((s->op == S_IF || s->op == S_BLOCK) && (needs_flag(s->body) || needs_flag(s->other))) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ variables */
static kc_var *add_var(inliner *in, const kc_var *like)
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

static kc_var *new_local(inliner *in, const char *called, kc_type type, kc_pos pos)
{
    kc_var like = { .name = called, .type = type, .storage = local_storage(in), .pos = pos };
    return add_var(in, &like);
}

static binding *bound(inliner *in, const kc_var *v) { return &in->frame->bind[v->slot]; }

static kc_stmt *emit(inliner *in, kc_stmt_op op, kc_pos pos)
{
    kc_stmt *s = type_stmt(in->f, op, pos);
    stmt_add(in->f, in->out, s);
    return s;
}

static void emit_decl(inliner *in, kc_var *v, const kc_expr *value)
{
    kc_stmt *s = emit(in, S_DECL, v->pos);
    s->var = v;
    s->value = value;
}

static void emit_set(inliner *in, kc_var *v, const kc_expr *value, kc_pos pos)
{
    kc_stmt *s = emit(in, S_ASSIGN, pos);
    s->target = type_var(in->f, v, pos);
    s->value = value;
}

/* ------------------------------------------------------------------ expressions */
static const kc_expr *clone_expr(inliner *in, const kc_expr *e);
static void clone_list(inliner *in, const kc_stmt *s);

static const kc_expr *clone_into(inliner *in, const kc_expr *e, stmt_list *list)
{
    stmt_list *outer = in->out;
    in->out = list;
    const kc_expr *made = clone_expr(in, e);
    in->out = outer;
    return made;
}

static const kc_expr *clone_var(inliner *in, const kc_expr *e)
{
    binding *b = bound(in, e->var);
    if (b->value) return b->value;
    return b->var ? type_var(in->f, b->var, e->pos) : e;
}

/* An element or array of something that may be lent: the lender's row comes first. */
static const kc_expr *clone_access(inliner *in, const kc_expr *e)
{
    const kc_expr *a[KC_MAX_ARGS];
    for (u32 i = 0; i < e->n_args; i++) a[i] = clone_expr(in, e->a[i]);
    if (e->var->storage == KC_V_TABLE) return type_copy(in->f, e, a);
    binding *b = bound(in, e->var);
    if (e->op == K_ARRAY) return type_array(in->f, b->var, b->row ? b->row : e->n_args ? a[0] : NULL, e->pos);
    return b->row ? type_elem(in->f, b->var, b->row, a[0], e->pos)
                  : type_elem(in->f, b->var, a[0], e->n_args > 1 ? a[1] : NULL, e->pos);
}

static const kc_stmt *branch_setting(inliner *in, stmt_list *list, kc_var *to, const kc_expr *value, kc_pos pos)
{
    stmt_list *outer = in->out;
    in->out = list;
    emit_set(in, to, value, pos);
    in->out = outer;
    return list->first;
}

/* c ? a : b, a && b, a || b: where the operand evaluated on condition pours out statements, an if takes the place of the operator. */
static const kc_expr *clone_lazy(inliner *in, const kc_expr *e)
{
    front *f = in->f;
    stmt_list yes = { 0 }, no = { 0 };
    const kc_expr *a[3] = { clone_expr(in, e->a[0]) };
    a[1] = clone_into(in, e->a[1], &yes);
    if (e->op == K_COND) a[2] = clone_into(in, e->a[2], &no);
    if ((!yes.first && !no.first) || f->status) return type_copy(f, e, a);
    kc_var *v = new_local(in, "chosen", e->type, e->pos);
    emit_decl(in, v, e->op == K_COND ? NULL : a[0]);
    const kc_expr *read = type_var(f, v, e->pos);
    const kc_expr *test = e->op == K_COND ? a[0] : e->op == K_LOGOR ? type_unary(f, K_NOT, read, e->pos) : read;
    const kc_stmt *body = branch_setting(in, &yes, v, a[1], e->pos);
    const kc_stmt *other = e->op == K_COND ? branch_setting(in, &no, v, a[2], e->pos) : NULL;
    kc_stmt *s = emit(in, S_IF, e->pos);
    s->value = test;
    s->body = body;
    s->other = other;
    return read;
}

static const kc_expr *inline_call(inliner *in, const user_call *c);

static const kc_expr *clone_expr(inliner *in, const kc_expr *e)
{
    if (in->f->status) return e;
    if (e == in->place) return in->place_clone;
    switch (e->op) {
    case K_CONST: return e;
    case K_VAR: return clone_var(in, e);
    case K_ELEM:
    case K_ARRAY: return clone_access(in, e);
    case K_USER: return inline_call(in, (const user_call *)e);
    case K_COND:
    case K_LOGAND:
    case K_LOGOR:
        if (e->calls) return clone_lazy(in, e);
        break;
    default: break;
    }
    const kc_expr *a[KC_MAX_ARGS];
    for (u32 i = 0; i < e->n_args; i++) a[i] = clone_expr(in, e->a[i]);
    return type_copy(in->f, e, a);
}

/* ------------------------------------------------------------------ calls */
static u32 count_uses(const kc_expr *e, const kc_var *v)
{
    u32 n = e->var == v;
    for (u32 i = 0; i < e->n_args; i++) n += count_uses(e->a[i], v);
    if (e->op == K_USER) {
        const user_call *c = (const user_call *)e;
        for (u32 i = 0; i < c->n_args; i++) n += count_uses(c->args[i], v);
    }
    return n;
}

static bool is_simple(const kc_expr *e)
{
    return e->op == K_CONST || e->op == K_VAR || (e->op == K_LANE && e->a[0]->op == K_VAR);
}

static bool reads_memory(const kc_expr *e)
{
    if (e->op == K_ELEM || e->op == K_ARRAY) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (reads_memory(e->a[i])) return true;
    return false;
}

static const kc_expr *in_local(inliner *in, const kc_expr *value, const char *called)
{
    kc_var *v = new_local(in, called, value->type, value->pos);
    emit_decl(in, v, value);
    return type_var(in->f, v, value->pos);
}

static bool is_one_return(const func *fn) { return fn->body && fn->body->op == S_RETURN && fn->body->value; }

static binding bind_param(inliner *in, const func *fn, const kc_var *p, const kc_expr *arg)
{
    if (p->dims) {
        const kc_expr *row = arg->n_args ? arg->a[0] : NULL;
        if (row && !is_simple(row)) row = in_local(in, row, "row");
        return (binding){ .var = arg->var, .row = row };
    }
    bool once = is_one_return(fn) && !fn->body->value->calls && count_uses(fn->body->value, p) <= 1 && fold_is_pure(arg);
    if (!p->written && (is_simple(arg) || once)) return (binding){ .value = arg };
    kc_var *v = new_local(in, p->name, p->type, arg->pos);
    emit_decl(in, v, arg);
    return (binding){ .var = v };
}

static bool enter_call(inliner *in, const func *fn, kc_pos pos, frame *out)
{
    front *f = in->f;
    if (++in->calls > MAX_CALL_DEPTH) front_fail(f, pos, "functions call each other deeper than %d", (int)MAX_CALL_DEPTH);
    *out = (frame){ .fn = fn, .is_call = true, .bind = front_alloc(f, (fn->n_vars + 1) * sizeof(binding)) };
    return !f->status;
}

static const kc_expr *pour_out(inliner *in, const func *fn, kc_pos pos)
{
    front *f = in->f;
    bool value = fn->result.scalar != KC_VOID;
    frame *fr = in->frame;
    if (value) {
        fr->result = new_local(in, fn->name->text, fn->result, pos);
        emit_decl(in, fr->result, NULL);
    }
    if (needs_flag(fn->body)) {
        fr->done = new_local(in, "done", (kc_type){ KC_BOOL, 1 }, pos);
        emit_decl(in, fr->done, type_int(f, KC_BOOL, 0, pos));
    }
    clone_list(in, fn->body);
    return value ? type_var(f, fr->result, pos) : type_int(f, KC_I32, 0, pos);
}

/* A body whose only return is its last statement needs no result variable. */
static const kc_expr *pour_out_straight(inliner *in, const func *fn, kc_pos pos)
{
    const kc_stmt *s = fn->body;
    for (; s && s->op != S_RETURN; s = s->next) {
        stmt_list one = { 0 };
        kc_stmt *copy = type_stmt(in->f, (kc_stmt_op)s->op, s->pos);
        *copy = *s;
        copy->next = NULL;
        stmt_add(in->f, &one, copy);
        clone_list(in, one.first);
    }
    if (!s || !s->value || in->f->status) return type_int(in->f, KC_I32, 0, pos);
    const kc_expr *value = clone_expr(in, s->value);
    return reads_memory(value) || !fold_is_pure(value) ? in_local(in, value, fn->name->text) : value;
}

static bool returns_at_end_only(const func *fn)
{
    for (const kc_stmt *s = fn->body; s; s = s->next)
        if (s->op == S_RETURN ? s->next != NULL : flow_of(s) != RETURNS_NEVER) return false;
    return true;
}

static const kc_expr *inline_call(inliner *in, const user_call *c)
{
    front *f = in->f;
    const func *fn = c->func;
    kc_pos pos = c->expr.pos;
    if (fn->result.scalar != KC_VOID && flow_of_list(fn->body) != RETURNS_ALWAYS)
        front_fail(f, fn->pos, "'%s' gives a %s, but control can reach its end without a return", fn->name->text,
                   kc_type_name(fn->result));
    frame inner, *outer = in->frame;
    const kc_expr *made = type_int(f, KC_I32, 0, pos);
    if (enter_call(in, fn, pos, &inner)) {
        for (u32 i = 0; i < c->n_args && !f->status; i++)
            inner.bind[fn->params[i]->slot] = bind_param(in, fn, fn->params[i], clone_expr(in, c->args[i]));
        in->frame = &inner;
        if (is_one_return(fn)) made = clone_expr(in, fn->body->value);
        else made = returns_at_end_only(fn) ? pour_out_straight(in, fn, pos) : pour_out(in, fn, pos);
        in->frame = outer;
    }
    in->calls--;
    return made;
}

/* ------------------------------------------------------------------ statements */
static const kc_stmt *clone_branch(inliner *in, const kc_stmt *s)
{
    stmt_list list = { 0 }, *outer = in->out;
    in->out = &list;
    clone_list(in, s);
    in->out = outer;
    return list.first;
}

static void clone_decl(inliner *in, const kc_stmt *s)
{
    const kc_expr *value = s->value ? clone_expr(in, s->value) : NULL;
    kc_var *v = add_var(in, s->var);
    bool local = v->storage == KC_V_UNIFORM || v->storage == KC_V_ITEM;
    if (local && !in->f->status) v->storage = local_storage(in);
    bound(in, s->var)->var = v;
    emit_decl(in, v, value);
    if (!in->f->status) in->out->last->zeroed = s->zeroed;
}

static void clone_return(inliner *in, const kc_stmt *s)
{
    frame *fr = in->frame;
    const kc_expr *value = s->value ? clone_expr(in, s->value) : NULL;
    if (!fr->is_call) {
        emit(in, S_RETURN, s->pos)->value = value;
        return;
    }
    if (fr->result && value) emit_set(in, fr->result, value, s->pos);
    if (fr->done) emit_set(in, fr->done, type_int(in->f, KC_BOOL, 1, s->pos), s->pos);
    if (fr->loops) emit(in, S_BREAK, s->pos);
}

static void emit_break_if(inliner *in, const kc_expr *test, kc_pos pos)
{
    kc_stmt *stop = type_stmt(in->f, S_BREAK, pos);
    kc_stmt *s = emit(in, S_IF, pos);
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
    if (from->value) to->value = clone_expr(in, from->value);
    if (body.first && from->test_last)
        front_fail(f, from->value->pos, "this call takes statements; put its value into a local of the loop");
    if (body.first && !f->status) {
        emit_break_if(in, type_unary(f, K_NOT, to->value, from->pos), from->pos);
        to->value = NULL;
    }
    in->frame->loops++;
    clone_list(in, from->body);
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
    clone_list(in, s->init);
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
    emit(in, S_BLOCK, s->pos)->body = init.first;
}

static void clone_items(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    if (in->in_items) front_fail(f, s->pos, "ITEMS may not run inside ITEMS: this function is called from a phase");
    kc_var *v = add_var(in, s->var);
    bound(in, s->var)->var = v;
    in->in_items = true;
    u32 loops = in->frame->loops;
    in->frame->loops = 0;
    const kc_stmt *body = clone_branch(in, s->body);
    in->frame->loops = loops;
    in->in_items = false;
    kc_stmt *made = emit(in, S_ITEMS, s->pos);
    made->var = v;
    made->body = body;
}

/* A place whose indices do something (atomics) gets them from locals: it may be read, too. */
static const kc_expr *settle_indices(inliner *in, const kc_expr *place)
{
    const kc_expr *a[KC_MAX_ARGS];
    if (fold_is_pure(place) || in->f->status) return place;
    for (u32 i = 0; i < place->n_args; i++)
        a[i] = place->op == K_LANE ? settle_indices(in, place->a[i]) : in_local(in, place->a[i], "index");
    return type_copy(in->f, place, a);
}

static void clone_assign(inliner *in, const kc_stmt *s)
{
    const kc_expr *outer = in->place, *outer_clone = in->place_clone;
    const kc_expr *target = settle_indices(in, clone_expr(in, s->target));
    in->place = s->target;
    in->place_clone = target;
    const kc_expr *value = clone_expr(in, s->value);
    in->place = outer;
    in->place_clone = outer_clone;
    kc_stmt *made = emit(in, S_ASSIGN, s->pos);
    made->target = target;
    made->value = value;
}

static void clone_one(inliner *in, const kc_stmt *s)
{
    kc_stmt *made;
    const kc_expr *value;
    switch (s->op) {
    case S_DECL: clone_decl(in, s); break;
    case S_ASSIGN: clone_assign(in, s); break;
    case S_EXPR:
        value = clone_expr(in, s->value);
        if (!fold_is_pure(value)) emit(in, S_EXPR, s->pos)->value = value;
        break;
    case S_IF: {
        value = clone_expr(in, s->value);
        const kc_stmt *body = clone_branch(in, s->body), *other = clone_branch(in, s->other);
        made = emit(in, S_IF, s->pos);
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
        emit(in, S_BLOCK, s->pos)->body = body;
        break;
    }
    default: emit(in, (kc_stmt_op)s->op, s->pos);
    }
}

static const kc_stmt *clone_branch_and_rest(inliner *in, const kc_stmt *s, const kc_stmt *rest)
{
    stmt_list list = { 0 }, *outer = in->out;
    in->out = &list;
    clone_list(in, s);
    clone_list(in, rest);
    in->out = outer;
    return list.first;
}

/* After `if (c) return`: the rest of the function goes into the other branch. */
static void clone_into_open_branch(inliner *in, const kc_stmt *s)
{
    bool rest_in_other = open_branch(s) == &s->other;
    const kc_expr *test = clone_expr(in, s->value);
    const kc_stmt *body = clone_branch_and_rest(in, s->body, rest_in_other ? NULL : s->next);
    const kc_stmt *other = clone_branch_and_rest(in, s->other, rest_in_other ? s->next : NULL);
    kc_stmt *made = emit(in, S_IF, s->pos);
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
        clone_list(in, s->next);
        return;
    }
    if (!s->next) return;
    const kc_stmt *rest = clone_branch(in, s->next);
    kc_stmt *made = emit(in, S_IF, s->pos);
    made->value = type_unary(f, K_NOT, done, s->pos);
    made->body = rest;
}

static void clone_list(inliner *in, const kc_stmt *s)
{
    front *f = in->f;
    if (++in->depth > FRONT_MAX_TREE_DEPTH && s)
        front_fail(f, s->pos, "statements nest deeper than %d after inlining", (int)FRONT_MAX_TREE_DEPTH);
    for (; s && !f->status; s = s->next) {
        flow one = in->frame->is_call ? flow_of(s) : RETURNS_NEVER;
        if (one == RETURNS_MAYBE && s->next && open_branch(s) && !in->frame->loops) {
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
    kc_var *v = add_var(in, fn->params[i]);
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
    if (fn->is_map && flow_of_list(fn->body) != RETURNS_ALWAYS)
        front_fail(f, fn->pos, "MAP '%s' gives a %s, but control can reach its end without a return", fn->name->text,
                   kc_type_name(fn->result));
    if (!f->status) clone_list(&in, fn->body);
    e->body = body.first;
    return f->status ? NULL : e;
}
