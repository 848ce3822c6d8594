/* What one inlined kernel may touch where: roles of buffers, uniformity of everything outside ITEMS, atomics only on INOUT and SHARED.
 *
 * Locals outside ITEMS are uniform because all they can be made of is: scalars, the group, IN buffers, SHARED memory between phases. So
 * uniform control flow needs no analysis, only that nothing else is read there. With a group of one item everything is uniform. */
#include "kc/front.h"

enum { MMA_ITEMS = 32 };

typedef struct checker {
    front *f;
    const kc_entry *e;
    bool in_items;
    bool group_level;
} checker;

static void check_read(checker *c, const kc_expr *e)
{
    const kc_var *v = e->var;
    if (v->storage != KC_V_BUFFER) return;
    if (v->role == KC_OUT) front_fail(c->f, e->pos, "'%s' is OUT: it is only written; INOUT is read and written", v->name);
    else if (c->group_level && v->role == KC_INOUT)
        front_fail(c->f, e->pos, "'%s' is INOUT, and items of the group may see different values: read it inside ITEMS",
                   v->name);
}

static void check_write(checker *c, const kc_expr *e)
{
    const kc_var *v = e->var;
    if (v->storage == KC_V_BUFFER && v->role == KC_IN) front_fail(c->f, e->pos, "'%s' is IN: it is only read", v->name);
    else if (v->storage == KC_V_TABLE || v->is_const) front_fail(c->f, e->pos, "'%s' is const", v->name);
    else if (v->storage == KC_V_UNIFORM && c->in_items)
        front_fail(c->f, e->pos,
                   "'%s' belongs to the whole group and cannot be written inside ITEMS; use PER_ITEM or SHARED", v->name);
    else if (c->group_level && (v->storage == KC_V_BUFFER || v->storage == KC_V_SHARED || v->storage == KC_V_PER_ITEM))
        front_fail(c->f, e->pos,
                   "'%s' is written outside ITEMS, by every item at once; write it inside ITEMS(t) if (t == 0)", v->name);
}

static void check_atomic(checker *c, const kc_expr *e)
{
    const kc_expr *array = e->a[0];
    const kc_var *v = array->var;
    bool ok = v->storage == KC_V_SHARED || (v->storage == KC_V_BUFFER && v->role == KC_INOUT);
    if (!ok)
        front_fail(c->f, array->pos, "%s works on INOUT buffers and SHARED memory; '%s' is neither",
                   kc_builtin_name((kc_builtin)e->call), v->name);
    else if (c->group_level)
        front_fail(c->f, e->pos, "%s outside ITEMS would run once for each item; put it inside ITEMS",
                   kc_builtin_name((kc_builtin)e->call));
}

/* Its arguments are known to be PER_ITEMS (parse_expression.c). */
static void check_mma(checker *c, const kc_expr *e)
{
    const char *name = kc_builtin_name((kc_builtin)e->call);
    u32 group = c->e->kernel.group;
    if (c->in_items) front_fail(c->f, e->pos, "%s is done by the whole group: outside ITEMS", name);
    if (group % MMA_ITEMS) front_fail(c->f, e->pos, "%s takes groups of a multiple of 32 items; GROUP is %u", name, group);
}

static void check_expr(checker *c, const kc_expr *e)
{
    if (c->f->status) return;
    u32 from = 0;
    if (e->op == K_CALL && kc_builtin_is_mma((kc_builtin)e->call)) {
        check_mma(c, e);
        return;
    }
    if (e->op == K_CALL && kc_builtin_is_subgroup((kc_builtin)e->call)) return; /* inline_subgroup.c has checked it */
    if (e->op == K_CALL && e->n_args && e->a[0]->op == K_ARRAY) {
        kc_builtin b = (kc_builtin)e->call;
        if (kc_builtin_is_atomic(b)) check_atomic(c, e);
        else if (kc_builtin_writes(b)) check_write(c, e->a[0]);
        else check_read(c, e->a[0]);
        if (e->a[0]->n_args) check_expr(c, e->a[0]->a[0]);
        from = 1;
    } else if (e->op == K_ELEM) {
        check_read(c, e);
    }
    for (u32 i = from; i < e->n_args; i++) check_expr(c, e->a[i]);
}

static void check_target(checker *c, const kc_expr *target)
{
    const kc_expr *root = target->op == K_LANE ? target->a[0] : target;
    check_write(c, root);
    for (u32 i = 0; i < root->n_args; i++) check_expr(c, root->a[i]);
}

static void check_list(checker *c, const kc_stmt *s);

static void check_items(checker *c, const kc_stmt *s)
{
    checker inside = { .f = c->f, .e = c->e, .in_items = true };
    check_list(&inside, s->body);
}

static void check_list(checker *c, const kc_stmt *s)
{
    for (; s && !c->f->status; s = s->next) {
        if (s->op == S_ITEMS) {
            check_items(c, s);
            continue;
        }
        if (s->target) check_target(c, s->target);
        if (s->value) check_expr(c, s->value);
        check_list(c, s->init);
        check_list(c, s->body);
        check_list(c, s->other);
        check_list(c, s->step);
    }
}

void check_entry(front *f, const kc_entry *e)
{
    checker c = { .f = f, .e = e, .group_level = e->kernel.form == KC_GROUP && e->kernel.group > 1 };
    check_list(&c, e->body);
}
