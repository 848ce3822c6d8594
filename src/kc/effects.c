/* What a kernel touches: which buffers are read and written, and how each access depends on the element; the words of kc_kernel that launchers
 * ask for. Works on the simplified tree. */
#include "kc/front.h"

typedef struct effects {
    front *f;
    kc_entry *e;
    kc_access *list;
    u32 n, cap;
} effects;

/* ------------------------------------------------------------------ index forms */
bool effects_is_uniform(const kc_expr *e)
{
    if (e->op == K_VAR) return e->var->storage == KC_V_SCALAR;
    if (e->op == K_ELEM || e->op == K_ARRAY || (e->op == K_CALL && kc_builtin_writes((kc_builtin)e->call))) return false;
    for (u32 i = 0; i < e->n_args; i++)
        if (!effects_is_uniform(e->a[i])) return false;
    return true;
}

typedef struct affine {
    bool ok;
    const kc_expr *scale, *offset;
} affine; /* NULL: 0; scale NULL and ok: uniform */

static const kc_expr *sum(front *f, kc_op op, const kc_expr *a, const kc_expr *b)
{
    if (!b) return a;
    if (!a) return op == K_ADD ? b : type_unary(f, K_NEG, b, b->pos);
    return fold_expr(f, type_binary(f, op, a, b, a->pos));
}

static const kc_expr *product(front *f, const kc_expr *a, const kc_expr *b)
{
    return a && b ? fold_expr(f, type_binary(f, K_MUL, a, b, a->pos)) : NULL;
}

static affine affine_of(front *f, const kc_expr *e)
{
    if (effects_is_uniform(e)) return (affine){ .ok = true, .offset = e };
    if (e->op == K_VAR && e->var->storage == KC_V_FIRST)
        return (affine){ .ok = true, .scale = type_int(f, KC_U32, 1, e->pos) };
    if (e->op == K_CAST && kc_is_integer((kc_scalar)e->type.scalar) && kc_scalar_bytes((kc_scalar)e->type.scalar) == 4 &&
        kc_is_integer((kc_scalar)e->a[0]->type.scalar) && kc_scalar_bytes((kc_scalar)e->a[0]->type.scalar) == 4)
        return affine_of(f, e->a[0]);
    if (e->op != K_ADD && e->op != K_SUB && e->op != K_MUL) return (affine){ 0 };
    affine a = affine_of(f, e->a[0]), b = affine_of(f, e->a[1]);
    if (!a.ok || !b.ok || (e->op == K_MUL && a.scale && b.scale)) return (affine){ 0 };
    kc_op op = (kc_op)e->op;
    if (op != K_MUL) return (affine){ true, sum(f, op, a.scale, b.scale), sum(f, op, a.offset, b.offset) };
    const kc_expr *by = a.scale ? b.offset : a.offset;
    affine x = a.scale ? a : b;
    return (affine){ true, product(f, x.scale, by), product(f, x.offset, by) };
}

static void set_form(front *f, kc_access *a)
{
    a->form = KC_INDEX_ANY;
    if (!a->index) return;
    affine x = affine_of(f, a->index);
    i64 one;
    if (!x.ok) return;
    if (!x.scale) {
        a->form = KC_INDEX_UNIFORM;
    } else if (fold_is_int(x.scale, &one) && one == 1 && !x.offset) {
        a->form = KC_INDEX_FIRST;
    } else {
        a->form = KC_INDEX_AFFINE;
        a->scale = x.scale;
        a->offset = x.offset;
    }
}

/* ------------------------------------------------------------------ walking */
static void note(effects *x, const kc_expr *e, const kc_expr *index, kc_access how)
{
    kc_var *v = e->var;
    front *f = x->f;
    v->read |= how.reads;
    v->written |= how.writes;
    if (v->storage != KC_V_BUFFER) return;
    if (!ARENA_PUSH_ROOM(f->arena, x->list, x->n, x->cap, FRONT_MAX_NODES)) front_nomem(f, sizeof *x->list);
    if (f->status) return;
    how.var = v;
    how.index = index;
    how.pos = e->pos;
    set_form(f, &how);
    x->list[x->n++] = how;
}

static void note_type(effects *x, kc_type t)
{
    kc_kernel *k = &x->e->kernel;
    k->uses_f64 |= t.scalar == KC_F64;
    k->uses_i64 |= t.scalar == KC_I64 || t.scalar == KC_U64;
    k->uses_f16 |= t.scalar == KC_F16;
}

static u32 elems_of(const effects *x, const kc_expr *call)
{
    if (call->call == KC_B_load4 || call->call == KC_B_store4) return 4;
    return kc_builtin_is_atomic((kc_builtin)call->call) ? 1 : x->f->module->width;
}

static void walk_expr(effects *x, const kc_expr *e)
{
    u32 from = 0;
    note_type(x, e->type);
    if (e->op == K_CALL && kc_builtin_is_mma((kc_builtin)e->call)) {
        x->e->kernel.uses_mma = true;
        for (u32 i = 0; i < e->n_args; i++) e->a[i]->var->read = true;
        e->a[0]->var->written = true;
        return;
    }
    if (e->op == K_CALL && kc_builtin_is_subgroup((kc_builtin)e->call)) {
        x->e->kernel.uses_subgroups = true;
        e->a[0]->var->read = e->a[0]->var->written = true;
        return;
    }
    if (e->op == K_CALL && e->n_args && e->a[0]->op == K_ARRAY) {
        bool atomic = kc_builtin_is_atomic((kc_builtin)e->call), writes = kc_builtin_writes((kc_builtin)e->call);
        x->e->kernel.uses_atomics |= atomic;
        note_type(x, e->a[0]->type);
        note(x, e->a[0], e->a[1],
             (kc_access){ .elems = elems_of(x, e), .reads = atomic || !writes, .writes = writes, .atomic = atomic });
        if (e->a[0]->n_args) walk_expr(x, e->a[0]->a[0]);
        from = 1;
    } else if (e->op == K_ELEM) {
        note(x, e, e->n_args == 1 ? e->a[0] : NULL, (kc_access){ .elems = 1, .reads = true });
    } else if (e->op == K_VAR) {
        e->var->read = true;
    }
    for (u32 i = from; i < e->n_args; i++) walk_expr(x, e->a[i]);
}

bool kc_of_floats(const kc_expr *e)
{
    bool compares = e->op >= K_LT && e->op <= K_GE && kc_is_float((kc_scalar)e->a[0]->type.scalar);
    if (compares || (e->op == K_VAR && e->var->of_floats)) return true;
    for (u32 i = 0; i < e->n_args && e->type.scalar == KC_BOOL; i++)
        if (kc_of_floats(e->a[i])) return true;
    return false;
}

static void walk_target(effects *x, const kc_expr *target)
{
    const kc_expr *root = target->op == K_LANE ? target->a[0] : target;
    note_type(x, root->type);
    for (u32 i = 0; i < root->n_args; i++) walk_expr(x, root->a[i]);
    if (root->op == K_ELEM) note(x, root, root->n_args == 1 ? root->a[0] : NULL, (kc_access){ .elems = 1, .writes = true });
    else root->var->written = true;
}

static void walk_list(effects *x, const kc_stmt *s)
{
    for (; s && !x->f->status; s = s->next) {
        walk_list(x, s->init);
        if (s->value) walk_expr(x, s->value);
        if (s->target) walk_target(x, s->target);
        if (s->op == S_DECL) note_type(x, s->var->type);
        if (s->op == S_DECL && (s->value || s->zeroed)) s->var->written = true;
        kc_var *set = s->op == S_DECL ? s->var : s->op == S_ASSIGN && s->target->op == K_VAR ? s->target->var : NULL;
        if (set && s->value && set->type.scalar == KC_BOOL) set->of_floats |= kc_of_floats(s->value);
        walk_list(x, s->body);
        walk_list(x, s->other);
        walk_list(x, s->step);
    }
}

/* ------------------------------------------------------------------ loops that need the element or item */
/* Anything that may differ between items: an element's index, memory, what is made of them in item locals. */
static bool is_item_dependent(const kc_expr *e, const bool *dependent)
{
    if (e->op == K_VAR) {
        const kc_var *v = e->var;
        return v->storage == KC_V_INDEX || v->storage == KC_V_PER_ITEM || v->storage == KC_V_FIRST || dependent[v->slot];
    }
    if (e->op == K_CALL && kc_builtin_is_atomic((kc_builtin)e->call)) return true;
    bool local_array = e->var && e->var->storage == KC_V_ITEM && e->var->dims;
    if (local_array || (e->var && e->var->storage == KC_V_PER_ITEM)) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (is_item_dependent(e->a[i], dependent)) return true;
    return false;
}

typedef struct divergence {
    bool *dependent;
    bool changed, loops;
} divergence;

static bool jumps(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op == S_BREAK || s->op == S_CONTINUE || s->op == S_RETURN || jumps(s->body) || jumps(s->other)) return true;
    return false;
}

/* One pass: which locals depend on the item, also through the branch they are set in; and loops whose turns do. */
static void spread(divergence *d, const kc_stmt *s, bool under)
{
    for (; s; s = s->next) {
        spread(d, s->init, under);
        bool test = s->value && is_item_dependent(s->value, d->dependent);
        const kc_expr *root = s->target && s->target->op == K_LANE ? s->target->a[0] : s->target;
        const kc_var *set = s->op == S_DECL ? s->var : root && root->op == K_VAR ? root->var : NULL;
        bool varies = (s->op == S_DECL ? test : under || test);
        if (set && varies && !d->dependent[set->slot]) d->dependent[set->slot] = d->changed = true;
        if (s->op == S_LOOP && test) d->loops = true;
        if (s->op == S_IF && test && (jumps(s->body) || jumps(s->other))) d->loops = true;
        bool deeper = under || ((s->op == S_IF || s->op == S_LOOP) && test);
        spread(d, s->body, deeper);
        spread(d, s->other, deeper);
        spread(d, s->step, deeper);
    }
}

static bool has_item_loops(front *f, const kc_entry *e)
{
    divergence d = { .dependent = front_alloc(f, e->n_vars + 1) };
    if (!d.dependent) return true;
    for (u32 pass = 0; pass < 64; pass++) {
        d.changed = d.loops = false;
        spread(&d, e->body, false);
        if (!d.changed) return d.loops;
    }
    return true;
}

/* ------------------------------------------------------------------ what group-level code reads, items must not yet overwrite */
static bool reads_group(const kc_expr *e)
{
    if (e->var && (e->var->storage == KC_V_SHARED || (e->var->storage == KC_V_BUFFER && e->var->role == KC_INOUT)))
        return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (reads_group(e->a[i])) return true;
    return false;
}

bool effects_reads_group(const kc_stmt *s)
{
    bool reads = s->value && reads_group(s->value);
    for (u32 i = 0; s->target && i < s->target->n_args && !reads; i++) reads = reads_group(s->target->a[i]);
    return reads;
}

bool effects_list_reads_group(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op != S_ITEMS &&
            (effects_reads_group(s) || effects_list_reads_group(s->init) || effects_list_reads_group(s->body) ||
             effects_list_reads_group(s->other) || effects_list_reads_group(s->step)))
            return true;
    return false;
}

bool effects_has_items(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op == S_ITEMS || effects_has_items(s->body) || effects_has_items(s->other)) return true;
    return false;
}

void effects_entry(front *f, kc_entry *e)
{
    effects x = { .f = f, .e = e };
    kc_kernel *k = &e->kernel;
    for (u32 i = 0; i < e->n_vars; i++) {
        kc_var *v = e->vars[i];
        v->read = v->written = false;
        if (v->storage != KC_V_SHARED) continue;
        u64 elems = (u64)v->n[0] * (v->dims == 2 ? v->n[1] : 1);
        k->uses_shared = true;
        k->shared_bytes += elems * kc_scalar_bytes((kc_scalar)v->type.scalar) * kc_lanes(f->module, v->type);
    }
    for (u32 i = 0; i < k->n_params; i++) note_type(&x, k->params[i].type);
    note_type(&x, k->result);
    walk_list(&x, e->body);
    e->accesses = x.list;
    e->n_accesses = x.n;
    e->item_dependent_loops = has_item_loops(f, e);
}
