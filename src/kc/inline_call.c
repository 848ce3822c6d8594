/* Expressions of a function and its calls, cloned: a function that is one `return e` becomes an expression; others are poured out before the
 * statement that calls them. */
#include "kc/inline.h"

enum { MAX_CALL_DEPTH = 64 };

/* ------------------------------------------------------------------ expressions */
static const kc_expr *clone_into(inliner *in, const kc_expr *e, stmt_list *list)
{
    stmt_list *outer = in->out;
    in->out = list;
    const kc_expr *made = inline_expr(in, e);
    in->out = outer;
    return made;
}

static const kc_expr *clone_var(inliner *in, const kc_expr *e)
{
    binding *b = inline_bound(in, e->var);
    if (b->value) return b->value;
    return b->var ? type_var(in->f, b->var, e->pos) : e;
}

/* An element or array of something that may be lent: the lender's row comes first. */
static const kc_expr *clone_access(inliner *in, const kc_expr *e)
{
    const kc_expr *a[KC_MAX_ARGS];
    for (u32 i = 0; i < e->n_args; i++) a[i] = inline_expr(in, e->a[i]);
    if (e->var->storage == KC_V_TABLE) return type_copy(in->f, e, a);
    binding *b = inline_bound(in, e->var);
    if (e->op == K_ARRAY) return type_array(in->f, b->var, b->row ? b->row : e->n_args ? a[0] : NULL, e->pos);
    return b->row ? type_elem(in->f, b->var, b->row, a[0], e->pos)
                  : type_elem(in->f, b->var, a[0], e->n_args > 1 ? a[1] : NULL, e->pos);
}

static const kc_stmt *branch_setting(inliner *in, stmt_list *list, kc_var *to, const kc_expr *value, kc_pos pos)
{
    stmt_list *outer = in->out;
    in->out = list;
    inline_emit_set(in, to, value, pos);
    in->out = outer;
    return list->first;
}

/* c ? a : b, a && b, a || b: where the operand evaluated on condition pours out statements, an if takes the place of the operator. */
static const kc_expr *clone_lazy(inliner *in, const kc_expr *e)
{
    front *f = in->f;
    stmt_list yes = { 0 }, no = { 0 };
    const kc_expr *a[3] = { inline_expr(in, e->a[0]) };
    a[1] = clone_into(in, e->a[1], &yes);
    if (e->op == K_COND) a[2] = clone_into(in, e->a[2], &no);
    if ((!yes.first && !no.first) || f->status) return type_copy(f, e, a);
    kc_var *v = inline_new_local(in, "chosen", e->type, e->pos);
    inline_emit_decl(in, v, e->op == K_COND ? NULL : a[0]);
    const kc_expr *read = type_var(f, v, e->pos);
    const kc_expr *test = e->op == K_COND ? a[0] : e->op == K_LOGOR ? type_unary(f, K_NOT, read, e->pos) : read;
    const kc_stmt *body = branch_setting(in, &yes, v, a[1], e->pos);
    const kc_stmt *other = e->op == K_COND ? branch_setting(in, &no, v, a[2], e->pos) : NULL;
    kc_stmt *s = inline_emit(in, S_IF, e->pos);
    s->value = test;
    s->body = body;
    s->other = other;
    return read;
}

static const kc_expr *inline_call(inliner *in, const user_call *c);

const kc_expr *inline_expr(inliner *in, const kc_expr *e)
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
    for (u32 i = 0; i < e->n_args; i++) a[i] = inline_expr(in, e->a[i]);
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

const kc_expr *inline_in_local(inliner *in, const kc_expr *value, const char *called)
{
    kc_var *v = inline_new_local(in, called, value->type, value->pos);
    inline_emit_decl(in, v, value);
    return type_var(in->f, v, value->pos);
}

static bool is_one_return(const func *fn) { return fn->body && fn->body->op == S_RETURN && fn->body->value; }

static binding bind_param(inliner *in, const func *fn, const kc_var *p, const kc_expr *arg)
{
    if (p->dims) {
        const kc_expr *row = arg->n_args ? arg->a[0] : NULL;
        if (row && !is_simple(row)) row = inline_in_local(in, row, "row");
        return (binding){ .var = arg->var, .row = row };
    }
    bool once = is_one_return(fn) && !fn->body->value->calls && count_uses(fn->body->value, p) <= 1 && fold_is_pure(arg);
    if (!p->written && (is_simple(arg) || once)) return (binding){ .value = arg };
    kc_var *v = inline_new_local(in, p->name, p->type, arg->pos);
    inline_emit_decl(in, v, arg);
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
        fr->result = inline_new_local(in, fn->name->text, fn->result, pos);
        inline_emit_decl(in, fr->result, NULL);
    }
    if (inline_needs_flag(fn->body)) {
        fr->done = inline_new_local(in, "done", (kc_type){ KC_BOOL, 1 }, pos);
        inline_emit_decl(in, fr->done, type_int(f, KC_BOOL, 0, pos));
    }
    inline_list(in, fn->body);
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
        inline_list(in, one.first);
    }
    if (!s || !s->value || in->f->status) return type_int(in->f, KC_I32, 0, pos);
    const kc_expr *value = inline_expr(in, s->value);
    return reads_memory(value) || !fold_is_pure(value) ? inline_in_local(in, value, fn->name->text) : value;
}

static bool returns_at_end_only(const func *fn)
{
    for (const kc_stmt *s = fn->body; s; s = s->next)
        if (s->op == S_RETURN ? s->next != NULL : inline_flow_of(s) != RETURNS_NEVER) return false;
    return true;
}

static const kc_expr *inline_call(inliner *in, const user_call *c)
{
    front *f = in->f;
    const func *fn = c->func;
    kc_pos pos = c->expr.pos;
    if (fn->result.scalar != KC_VOID && inline_flow_of_list(fn->body) != RETURNS_ALWAYS)
        front_fail(f, fn->pos, "'%s' gives a %s, but control can reach its end without a return", fn->name->text,
                   kc_type_name(fn->result));
    frame inner, *outer = in->frame;
    const kc_expr *made = type_int(f, KC_I32, 0, pos);
    if (enter_call(in, fn, pos, &inner)) {
        for (u32 i = 0; i < c->n_args && !f->status; i++)
            inner.bind[fn->params[i]->slot] = bind_param(in, fn, fn->params[i], inline_expr(in, c->args[i]));
        in->frame = &inner;
        if (is_one_return(fn)) made = inline_expr(in, fn->body->value);
        else made = returns_at_end_only(fn) ? pour_out_straight(in, fn, pos) : pour_out(in, fn, pos);
        in->frame = outer;
    }
    in->calls--;
    return made;
}
