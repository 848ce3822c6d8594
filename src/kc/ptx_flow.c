/* Statements as PTX: branches and labels for if and loop, a barrier after each phase, registers for what has a constant index. */
#include "kc/ptx.h"

enum { MAX_REGISTER_ARRAY = 1024 };

static void put(ptx *p, const kc_stmt *s);

/* ------------------------------------------------------------------ which arrays need memory */
static void find_in_expr(ptx *p, const kc_expr *e)
{
    u32 at;
    for (u32 i = 0; i < e->n_args; i++) {
        find_in_expr(p, e->a[i]);
        bool index = e->op == K_ELEM || e->op == K_ARRAY;
        if (index && e->var->storage != KC_V_TABLE && !ptx_constant_index(e->a[i], &at))
            p->vars[e->var->slot].indexed = true;
    }
    bool lends = e->op == K_CALL && e->n_args > 1 && e->a[0]->op == K_ARRAY && !kc_builtin_is_mma((kc_builtin)e->call);
    if (lends && e->a[0]->var->storage != KC_V_TABLE && !ptx_constant_index(e->a[1], &at))
        p->vars[e->a[0]->var->slot].indexed = true;
}

/* What a variable may hold, for those who ask what divides it. */
static void note_value(ptx *p, const kc_stmt *s)
{
    const kc_var *v = s->op == S_DECL ? s->var : s->op == S_ASSIGN && s->target->op == K_VAR ? s->target->var : NULL;
    if (!v || v->dims || !s->value) return;
    ptx_place *place = ptx_place_of(p, v);
    if (place->n_values < COUNT(place->values)) place->values[place->n_values] = s->value;
    place->n_values++;
}

static void find_in_list(ptx *p, const kc_stmt *s)
{
    for (; s; s = s->next) {
        note_value(p, s);
        if (s->target) find_in_expr(p, s->target);
        if (s->value) find_in_expr(p, s->value);
        find_in_list(p, s->init);
        find_in_list(p, s->step);
        find_in_list(p, s->body);
        find_in_list(p, s->other);
    }
}

void ptx_find_indexed(ptx *p) { find_in_list(p, p->e->body); }

/* ------------------------------------------------------------------ phases: what group code reads, items must not yet overwrite */
/* ------------------------------------------------------------------ what phases leave to a barrier */
/* Memory that items share. */
static bool is_common(const kc_var *v)
{
    return v && (v->storage == KC_V_SHARED || (v->storage == KC_V_BUFFER && v->role != KC_IN));
}

static bool touch(ptx *p, const kc_var *v, bool reads, bool writes, bool note)
{
    ptx_place *place = is_common(v) ? &p->vars[v->slot] : NULL;
    if (!place) return false;
    bool meets = place->written_since || (writes && place->read_since);
    if (note) place->read_since |= reads, place->written_since |= writes;
    return meets;
}

static bool touches_in_expr(ptx *p, const kc_expr *e, bool note)
{
    bool meets = false;
    if (e->op == K_CALL && e->n_args && e->a[0]->op == K_ARRAY) {
        kc_builtin b = (kc_builtin)e->call;
        meets = touch(p, e->a[0]->var, kc_builtin_is_atomic(b), kc_builtin_writes(b), note);
    }
    if (e->op == K_ELEM || e->op == K_ARRAY) meets |= touch(p, e->var, true, false, note);
    for (u32 i = 0; i < e->n_args; i++) meets |= touches_in_expr(p, e->a[i], note);
    return meets;
}

/* Does this phase touch what one since the last barrier wrote, or write what one read? note: it runs, remember what it touches. */
static bool touches(ptx *p, const kc_stmt *s, bool note)
{
    bool meets = false;
    for (; s; s = s->next) {
        const kc_expr *root = s->target && s->target->op == K_LANE ? s->target->a[0] : s->target;
        if (root && root->op == K_ELEM) meets |= touch(p, root->var, false, true, note);
        for (u32 i = 0; root && i < root->n_args; i++) meets |= touches_in_expr(p, root->a[i], note);
        if (s->value) meets |= touches_in_expr(p, s->value, note);
        const kc_stmt *const inner[] = { s->init, s->body, s->other, s->step };
        for (u32 i = 0; i < COUNT(inner); i++) meets |= touches(p, inner[i], note);
    }
    return meets;
}

void ptx_barrier(ptx *p)
{
    ptx_line(p, "bar.sync 0");
    for (u32 i = 0; i < p->e->n_vars; i++) p->vars[i].read_since = p->vars[i].written_since = false;
    p->pending = p->dirty = false;
}

void ptx_note_read(ptx *p, const kc_var *v)
{
    p->vars[v->slot].read_since = true;
    p->pending = true;
}

/* A phase ends with a barrier; it may wait for a phase or statement of the group that could see the difference. */
static void put_pending(ptx *p)
{
    if (p->pending) ptx_barrier(p);
}

static bool may_come_before_barrier(const kc_stmt *s)
{
    if (s->op == S_ITEMS) return true;
    if (s->op == S_EXPR && s->body) return true; /* subgroup_...: a barrier where it needs one */
    bool is_mma = s->op == S_EXPR && s->value->op == K_CALL && kc_builtin_is_mma((kc_builtin)s->value->call);
    bool plain = s->op == S_DECL || (s->op == S_ASSIGN && s->target->op == K_VAR);
    return is_mma || (plain && !effects_reads_group(s));
}

static void note_group_reads(ptx *p, const kc_stmt *s)
{
    if (p->item || p->e->kernel.form == KC_MAP) return;
    if (!may_come_before_barrier(s)) put_pending(p);
    if (s->op == S_ITEMS) return;
    if (p->dirty && (s->op == S_LOOP || s->op == S_IF) && (effects_has_items(s->body) || effects_has_items(s->other)))
        ptx_barrier(p);
    if (effects_reads_group(s)) p->dirty = true;
    if (s->op == S_LOOP)
        p->dirty |=
            effects_list_reads_group(s->body) || effects_list_reads_group(s->step) || effects_list_reads_group(s->init);
}

static void put_items(ptx *p, const kc_stmt *s)
{
    if (p->dirty || (p->pending && touches(p, s->body, false))) ptx_barrier(p);
    touches(p, s->body, true);
    const char *t = ptx_reg(p, PTX_R);
    const char **regs = ARENA_ARRAY(p->scratch, 1, const char *);
    if (!regs) return;
    regs[0] = t;
    ptx_line(p, "mov.u32 %s, %%tid.x", t);
    p->vars[s->var->slot].regs = regs;
    p->item = s->var;
    ptx_body(p, s->body);
    p->item = NULL;
    p->pending = true;
}

/* ------------------------------------------------------------------ declarations and assignments */
static u32 elems_of(const kc_var *v) { return v->dims == 0 ? 1 : v->dims == 1 ? v->n[0] : v->n[0] * v->n[1]; }

/* The address is taken at each declaration: an unrolled loop repeats it, and the copy before may stand in a branch that is not taken. */
static void put_local_memory(ptx *p, const kc_var *v)
{
    ptx_place *place = &p->vars[v->slot];
    u64 bytes = (u64)elems_of(v) * kc_scalar_bytes((kc_scalar)v->type.scalar) * kc_lanes(p->m, v->type);
    if (!place->base) {
        place->name = ptx_text(p, "qk_local_%u", p->next_global++), place->base = ptx_reg(p, PTX_RD);
        ptx_line(p, ".local .align 16 .b8 %s[%llu]", place->name, (unsigned long long)bytes);
    }
    ptx_line(p, "mov.u64 %s, %s", place->base, place->name);
}

static void put_decl(ptx *p, const kc_stmt *s)
{
    const kc_var *v = s->var;
    ptx_place *place = &p->vars[v->slot];
    if (v->storage == KC_V_SHARED) return; /* laid out before */
    bool memory = v->dims && (place->indexed || elems_of(v) > MAX_REGISTER_ARRAY);
    if (memory) put_local_memory(p, v);
    if (!memory && !place->regs) place->regs = ptx_regs(p, v->type, elems_of(v));
    if (p->status != QN_OK) return;
    if (s->zeroed) ptx_zero_array(p, v);
    if (!s->value) return;
    ptx_value value = ptx_eval(p, s->value);
    for (u32 k = 0; k < kc_lanes(p->m, v->type); k++)
        ptx_move(p, ptx_class_of((kc_scalar)v->type.scalar), place->regs[k], value.lane[k]);
}

/* A vector may be made of its own lanes in another order: then all are copied before one is written. */
static ptx_value apart(ptx *p, kc_type t, ptx_value v)
{
    u32 lanes = kc_lanes(p->m, t);
    ptx_class c = ptx_class_of((kc_scalar)t.scalar);
    for (u32 k = 0; k < lanes && lanes > 1; k++) {
        const char *copy = ptx_reg(p, c);
        ptx_move(p, c, copy, v.lane[k]);
        v.lane[k] = copy;
    }
    return v;
}

static void put_assign(ptx *p, const kc_stmt *s)
{
    const kc_expr *target = s->target;
    bool one_lane = target->op == K_LANE;
    u32 lane = one_lane ? target->lane : 0;
    kc_type t = s->value->type;
    ptx_value v = ptx_eval(p, s->value);
    if (s->value->op == K_MAKE) v = apart(p, t, v);
    if (one_lane) target = target->a[0];
    if (target->op == K_ELEM) {
        ptx_store(p, target, lane, one_lane, &v);
        return;
    }
    const ptx_place *place = ptx_place_of(p, target->var);
    if (!place->regs || p->status != QN_OK) return;
    for (u32 k = 0; k < kc_lanes(p->m, t); k++)
        ptx_move(p, ptx_class_of((kc_scalar)t.scalar), place->regs[lane + k], v.lane[k]);
}

/* ------------------------------------------------------------------ branches and loops */
static void put_if(ptx *p, const kc_stmt *s)
{
    bool dirty = p->dirty;
    const char *c = ptx_one(p, s->value), *other = ptx_label(p), *end = s->other ? ptx_label(p) : other;
    ptx_line(p, "@!%s bra %s", c, other);
    ptx_body(p, s->body);
    if (s->other) {
        ptx_line(p, "bra %s", end);
        ptx_put_label(p, other);
        bool after_body = p->dirty;
        p->dirty = dirty;
        ptx_body(p, s->other);
        p->dirty |= after_body;
    }
    p->dirty |= dirty;
    ptx_put_label(p, end);
}

static void put_loop(ptx *p, const kc_stmt *s)
{
    ptx_loop outer = p->loop;
    const char *top = ptx_label(p);
    bool dirty = p->dirty;
    p->loop = (ptx_loop){ ptx_label(p), ptx_label(p) };
    ptx_body(p, s->init);
    ptx_put_label(p, top);
    if (!s->test_last && s->value) ptx_line(p, "@!%s bra %s", ptx_one(p, s->value), p->loop.leave);
    ptx_body(p, s->body);
    ptx_put_label(p, p->loop.again);
    ptx_body(p, s->step);
    if (s->test_last && s->value) ptx_line(p, "@%s bra %s", ptx_one(p, s->value), top);
    else ptx_line(p, "bra %s", top);
    ptx_put_label(p, p->loop.leave);
    p->dirty |= dirty;
    p->loop = outer;
}

static void put_return(ptx *p, const kc_stmt *s)
{
    if (s->value) {
        ptx_value v = ptx_eval(p, s->value);
        if (p->status != QN_OK) return;
        if (!p->result) ptx_store_result(p, &v);
        for (u32 k = 0; p->result && k < kc_lanes(p->m, s->value->type); k++)
            ptx_move(p, ptx_class_of((kc_scalar)s->value->type.scalar), p->result[k], v.lane[k]);
    }
    bool last = !s->next && p->depth == 0;
    if (!last) ptx_line(p, "bra %s", p->done);
}

/* ------------------------------------------------------------------ */
static void put_line_number(ptx *p, const kc_stmt *s)
{
    bool simple = s->op == S_DECL || s->op == S_ASSIGN || s->op == S_EXPR || s->op == S_IF || s->op == S_LOOP;
    if (p->result || !simple || !s->pos.line || s->pos.file > p->m->n_files || !s->pos.file) return;
    u32 here = s->pos.file << 24 | s->pos.line;
    if (here == p->line) return;
    p->line = here;
    str_print(p->out, "    // %s:%u\n", p->m->files[s->pos.file - 1].name, s->pos.line);
}

static void put(ptx *p, const kc_stmt *s)
{
    put_line_number(p, s);
    note_group_reads(p, s);
    switch (s->op) {
    case S_DECL: put_decl(p, s); break;
    case S_ASSIGN: put_assign(p, s); break;
    case S_EXPR:
        if (!s->body) ptx_eval(p, s->value);
        else if (!ptx_subgroup(p, s)) ptx_body(p, s->body);
        break;
    case S_IF: put_if(p, s); break;
    case S_LOOP: put_loop(p, s); break;
    case S_ITEMS: put_items(p, s); break;
    case S_RETURN: put_return(p, s); break;
    case S_BREAK: ptx_line(p, "bra %s", p->loop.leave); break;
    case S_CONTINUE: ptx_line(p, "bra %s", p->loop.again); break;
    case S_BLOCK: ptx_body(p, s->body); break;
    default: break;
    }
}

void ptx_body(ptx *p, const kc_stmt *s)
{
    static const u32 outermost = 0;
    u32 depth = p->depth;
    bool top = s == p->e->body;
    p->depth = top ? outermost : depth + 1;
    for (; s && p->status == QN_OK && !p->out->bad; s = s->next) put(p, s);
    if (!top && !p->item) put_pending(p);
    p->depth = depth;
}
