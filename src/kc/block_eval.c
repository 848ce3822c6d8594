/* Expressions for the block machine: loads, variables, conditions, operators. `dest`, where not 0, is a register that the last operation
 * may write to; the operand says where the value really is. */
#include "kc/block_make.h"

/* ------------------------------------------------------------------ what depends on the element */
bool block_varying(const maker *k, const kc_expr *e)
{
    if (e->op == K_VAR)
        return e->var->storage == KC_V_FIRST || (e->var->storage == KC_V_ITEM && k->vars[e->var->slot].varying);
    if (e->op == K_ELEM && e->var->storage == KC_V_ITEM && k->vars[e->var->slot].varying) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (block_varying(k, e->a[i])) return true;
    return false;
}

static bool loads(const kc_expr *e)
{
    if (e->op == K_ELEM && e->var->storage == KC_V_BUFFER) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (loads(e->a[i])) return true;
    return false;
}

/* ------------------------------------------------------------------ loads and variables */
static operand load_masked(maker *k, const kc_expr *e, operand index, operand mask, u16 dest)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar, size = block_by_size((u8)kc_scalar_bytes(s));
    const block_loop *l = block_find(k->loops, mask.kind == NONE ? K_ELEM : K_ARRAY, 0, size, KC_VOID);
    index = block_to_register(k, index);
    if (!l || !k->fits) return block_unfit(k);
    bool in_place = kc_scalar_bytes(s) == 4;
    if (in_place) block_release(k, &index);
    u16 y = dest ? dest : block_new_place(k, (u8)kc_scalar_bytes(s), false);
    if (!in_place) block_release(k, &index);
    block_release(k, &mask);
    block_push(k, false,
               &(block_step){ .kind = STEP_LOOP,
                              .loop = l->run[0],
                              .op = l->op,
                              .buffer = e->var->at,
                              .x = { 0, index.at, mask.at },
                              .y = y });
    return block_register_at(y, s);
}

static operand load_number(maker *k, const kc_expr *e, operand index, operand mask)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar;
    bool fixed = block_is_fixed(k, &index) && !k->control && mask.kind == NONE;
    block_step step = {
        .kind = STEP_NUMBER_ELEM, .from = (u8)index.type, .size = (u8)kc_scalar_bytes(s), .buffer = e->var->at
    };
    step.x[0] = index.at;
    step.x[1] = mask.at;
    step.y = block_new_place(k, 8, true);
    k->states[step.y].fixed = fixed;
    block_push(k, fixed, &step);
    block_release(k, &mask);
    return block_number_at(step.y, s);
}

static operand load_in_place(maker *k, const kc_expr *e, operand index)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar;
    block_step step = { .kind = STEP_POINT, .from = (u8)index.type, .size = (u8)kc_scalar_bytes(s), .buffer = e->var->at };
    step.y = block_new_place(k, 0, false);
    if (index.inner || index.outer) {
        step.kind = STEP_POINT_DIGIT;
        step.x[0] = index.inner;
        step.x[1] = index.outer;
        step.x[2] = block_new_place(k, (u8)kc_scalar_bytes(s), false);
        k->states[step.y].companion = step.x[2];
    } else {
        step.x[0] = index.plus;
    }
    block_push(k, false, &step);
    return block_register_at(step.y, s);
}

static operand load(maker *k, const kc_expr *e, u16 dest)
{
    if (e->var->type.lanes != 1) return block_unfit(k);
    operand index = block_eval(k, e->a[0], 0), mask = k->fits ? block_reaching(k) : block_nothing, v;
    bool is_bool = e->var->type.scalar == KC_BOOL;
    if (!k->fits) return block_nothing;
    bool digits_only = index.kind == INDEX && !(index.plus && (index.inner || index.outer));
    if (index.kind == NUMBER) v = load_number(k, e, index, mask);
    else if (digits_only && mask.kind == NONE) v = load_in_place(k, e, index);
    else v = load_masked(k, e, index, mask, is_bool ? 0 : dest);
    if (!is_bool || v.kind != REGISTER) return v;
    /* Bytes become lanes of 0 and 1; the register holding them is typed as bytes until then. */
    v.type = KC_U8;
    v = block_call_loop(k, block_find(k->loops, K_CAST, 0, KC_BOOL, KC_U32), BLOCK_VV, KC_U32, &v, 1, dest);
    v.type = KC_BOOL;
    return v;
}

operand block_element(maker *k, const kc_expr *e, u32 *index)
{
    const kc_var *v = e->var;
    u64 at = 0, total = (u64)v->n[0] * (v->dims == 2 ? v->n[1] : 1);
    for (u32 d = 0; d < v->dims; d++) {
        if (e->a[d]->op != K_CONST) return block_unfit(k);
        at = at * v->n[d] + (u64)e->a[d]->value.i;
    }
    if (at >= total || total > MAX_ARRAY || !k->vars[v->slot].elems) return block_unfit(k);
    *index = (u32)at;
    u16 place = k->vars[v->slot].elems[at];
    bool wide = k->vars[v->slot].varying;
    return (operand){ .kind = wide ? REGISTER : NUMBER, .type = (kc_scalar)v->type.scalar, .at = place, .borrowed = true };
}

static operand variable(maker *k, const kc_var *v)
{
    var_state *s = &k->vars[v->slot];
    if (v->storage == KC_V_FIRST) return (operand){ .kind = INDEX, .type = KC_U32 };
    if (s->is.kind == NONE || v->type.lanes != 1) return block_unfit(k);
    operand o = s->is;
    o.once = s->uses == 1 && !s->assigned;
    o.owned = false;
    if (s->reads) s->reads--;
    /* The statement that reads a value last frees its register, at its end; in a loop there may always be another. */
    if (!s->reads && !k->has_loops && s->is.owned && k->n_done < COUNT(k->done)) {
        k->done[k->n_done++] = s->is;
        s->is.owned = false;
    }
    return o;
}

/* ------------------------------------------------------------------ expressions */
/* What i / n, i % n, i + n stay: an index. NONE: something else. */
static operand index_binary(maker *k, kc_op op, operand a, operand b)
{
    bool plain = !a.inner && !a.outer, is_unsigned = a.type == KC_U32;
    if (a.kind != INDEX || b.kind != NUMBER) return block_nothing;
    if (b.borrowed) b = block_own(k, b); /* an index is computed where it is used */
    if (op == K_DIV && is_unsigned && plain && !a.plus) {
        a.inner = b.at;
        return a;
    }
    if (op == K_REM && is_unsigned && !a.outer && !a.plus) {
        a.outer = b.at;
        return a;
    }
    if ((op != K_ADD && op != K_SUB) || !plain) return block_nothing;
    const operand pair[2] = { a.plus ? block_number_at(a.plus, KC_U32) : block_integer(k, KC_U32, 0), b };
    bool same = op == K_ADD && !a.plus;
    a.plus = same ? b.at : block_number(k, (u8)op, 0, KC_U32, KC_U32, pair, 2).at;
    return a;
}

static operand eval_binary(maker *k, const kc_expr *e, u16 dest)
{
    kc_op op = (kc_op)e->op;
    operand x[2] = { block_eval(k, e->a[0], 0), block_eval(k, e->a[1], 0) };
    if (!k->fits) return block_nothing;
    operand index = index_binary(k, op, x[0], x[1]);
    if (index.kind == NONE && op == K_ADD) index = index_binary(k, op, x[1], x[0]);
    if (index.kind != NONE) return index;
    kc_scalar type = (kc_scalar)e->a[0]->type.scalar;
    bool numbers = x[0].kind == NUMBER && x[1].kind == NUMBER;
    if (!numbers && (op == K_GT || op == K_GE)) {
        operand first = x[0];
        x[0] = x[1];
        x[1] = first;
        op = op == K_GT ? K_LT : K_LE;
    }
    return block_apply(k, (u8)op, 0, type, (kc_scalar)e->type.scalar, x, 2, dest);
}

/* Lets `e` run only in the lanes where c is what `yes` says, if it loads anything. */
static operand eval_under(maker *k, const kc_expr *e, operand c, bool yes)
{
    if (!loads(e)) return block_eval(k, e, 0);
    u16 before = k->mask;
    operand here = c;
    here.owned = false;
    if (!yes) here = block_opposite(k, here);
    if (before && k->fits) here = block_both(k, here, block_place_operand(before, KC_BOOL));
    if (!k->fits) return block_nothing;
    k->mask = here.at;
    operand v = block_eval(k, e, 0);
    k->mask = before;
    if (here.at != c.at) block_release(k, &here);
    return v;
}

/* A uniform condition whose sides must not both run: jumps. */
static operand eval_branch(maker *k, const kc_expr *e, operand c)
{
    bool wide = block_varying(k, e->a[1]) || block_varying(k, e->a[2]);
    kc_scalar type = (kc_scalar)e->type.scalar;
    u16 y = block_new_place(k, wide ? block_lane_bytes(type) : 8, !wide);
    u32 skip = 0, end = 0;
    k->control++;
    for (u32 side = 1; side < 3 && k->fits; side++) {
        if (side == 1) skip = block_push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
        else block_land(k, skip);
        operand v = block_eval(k, e->a[side], 0);
        if (!k->fits) return block_nothing;
        if (wide) block_move(k, v, y);
        else block_move_number(k, v, y);
        if (side == 1) end = block_push_jump(k, STEP_JUMP, 0, 0);
    }
    block_land(k, end);
    k->control--;
    return wide ? block_register_at(y, type) : block_number_at(y, type);
}

static operand eval_cond(maker *k, const kc_expr *e, u16 dest)
{
    operand c = block_eval(k, e->a[0], 0);
    if (!k->fits) return block_nothing;
    if (c.kind == NUMBER) {
        bool wide = block_varying(k, e->a[1]) || block_varying(k, e->a[2]);
        if (wide || loads(e->a[1]) || loads(e->a[2])) return eval_branch(k, e, c);
        const operand x[3] = { c, block_eval(k, e->a[1], 0), block_eval(k, e->a[2], 0) };
        return k->fits ? block_number(k, K_COND, 0, (kc_scalar)e->type.scalar, (kc_scalar)e->type.scalar, x, 3)
                       : block_nothing;
    }
    operand a = eval_under(k, e->a[1], c, true), b = eval_under(k, e->a[2], c, false);
    return k->fits ? block_choose(k, c, a, b, dest) : block_nothing;
}

static operand eval_logic(maker *k, const kc_expr *e, u16 dest)
{
    if (loads(e->a[1])) { /* a && b is a ? b : false, a || b is a ? true : b */
        bool is_and = e->op == K_LOGAND;
        kc_expr sure = { .op = K_CONST, .type = e->type, .pos = e->pos, .value = { .i = !is_and } }, both_sides = *e;
        both_sides.op = K_COND;
        both_sides.n_args = 3;
        both_sides.a[1] = is_and ? e->a[1] : &sure;
        both_sides.a[2] = is_and ? &sure : e->a[1];
        return eval_cond(k, &both_sides, dest);
    }
    operand x[2] = { block_eval(k, e->a[0], 0), block_eval(k, e->a[1], 0) };
    return block_apply(k, e->op == K_LOGAND ? K_AND : K_OR, 0, KC_BOOL, KC_BOOL, x, 2, dest);
}

static operand eval_call(maker *k, const kc_expr *e, u16 dest)
{
    operand x[KC_MAX_ARGS];
    kc_builtin b = (kc_builtin)e->call;
    kc_scalar to = (kc_scalar)e->type.scalar;
    if (kc_builtin_writes(b) || e->n_args > 3 || (e->n_args && e->a[0]->op == K_ARRAY)) return block_unfit(k);
    for (u32 i = 0; i < e->n_args; i++) {
        if (e->a[i]->type.lanes != 1) return block_unfit(k);
        x[i] = block_eval(k, e->a[i], 0);
    }
    if (!k->fits) return block_nothing;
    kc_scalar from = (kc_scalar)e->a[0]->type.scalar;
    if (b == KC_B_as_u32 || b == KC_B_as_i32 || b == KC_B_as_f32 ||
        (b == KC_B_abs && kc_is_integer(from) && !kc_is_signed(from))) {
        if (x[0].kind == INDEX) x[0] = block_to_register(k, x[0]);
        x[0].type = to;
        return x[0];
    }
    if (b == KC_B_select) {
        if (x[0].kind != NUMBER) return block_choose(k, x[0], x[1], x[2], dest);
        if (x[1].kind == NUMBER && x[2].kind == NUMBER) return block_number(k, K_COND, 0, to, to, x, 3);
        x[0] = block_splat(k, x[0]);
        return block_choose(k, x[0], x[1], x[2], dest);
    }
    if (b == KC_B_clamp) {
        operand low = block_apply(k, K_CALL, KC_B_max, from, to, x, 2, 0);
        operand high[2] = { low, x[2] };
        return block_apply(k, K_CALL, KC_B_min, from, to, high, 2, dest);
    }
    return block_apply(k, K_CALL, e->call, from, to, x, e->n_args, dest);
}

operand block_eval(maker *k, const kc_expr *e, u16 dest)
{
    if (!k->fits || e->type.lanes != 1) return block_unfit(k);
    u32 index;
    switch ((kc_op)e->op) {
    case K_CONST: return block_constant(k, (kc_scalar)e->type.scalar, value_const(e));
    case K_VAR: return variable(k, e->var);
    case K_ELEM:
        if (e->var->storage == KC_V_BUFFER) return load(k, e, dest);
        return e->var->storage == KC_V_ITEM ? block_element(k, e, &index) : block_unfit(k);
    case K_NEG:
    case K_NOT:
    case K_BITNOT: {
        operand x = block_eval(k, e->a[0], 0);
        return block_apply(k, e->op, 0, (kc_scalar)e->type.scalar, (kc_scalar)e->type.scalar, &x, 1, dest);
    }
    case K_COND: return eval_cond(k, e, dest);
    case K_CAST:
    case K_TO: {
        operand x = block_eval(k, e->a[0], 0);
        return k->fits ? block_cast(k, x, (kc_scalar)e->type.scalar, dest) : block_nothing;
    }
    case K_CALL: return eval_call(k, e, dest);
    case K_LOGAND:
    case K_LOGOR: return eval_logic(k, e, dest);
    default: return e->op < K_BINARY_COUNT ? eval_binary(k, e, dest) : block_unfit(k);
    }
}
