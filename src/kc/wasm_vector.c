/* Four elements of a MAP at a time, where its body is straight and every element does the same: declarations and assignments of plain
 * variables and one return at the end, over f32, i32, u32 and bool. A buffer is read at the element itself (a vector from memory), at an index that
 * no element changes (one value for all four), and never where only some of the four would have read it.
 *
 * A bool of four elements is a mask: all ones or all zeros in each lane. */
#include "kc/wasm.h"

static bool is_plain(kc_type t)
{
    return t.lanes == 1 && (t.scalar == KC_F32 || t.scalar == KC_I32 || t.scalar == KC_U32 || t.scalar == KC_BOOL);
}

static bool is_first(const kc_expr *e) { return e->op == K_VAR && e->var->storage == KC_V_FIRST; }

static bool call_fits(const kc_expr *e)
{
    switch (e->call) {
    case KC_B_sqrt:
    case KC_B_rsqrt:
    case KC_B_floor:
    case KC_B_ceil:
    case KC_B_trunc:
    case KC_B_round:
    case KC_B_fabs:
    case KC_B_abs:
    case KC_B_min:
    case KC_B_max:
    case KC_B_mad:
    case KC_B_select:
    case KC_B_exp:
    case KC_B_exp2:
    case KC_B_expm1:
    case KC_B_log:
    case KC_B_log2:
    case KC_B_log1p:
    case KC_B_sin:
    case KC_B_cos:
    case KC_B_tanh:
    case KC_B_erf:
    case KC_B_sigmoid:
    case KC_B_gelu: return true;
    default: return false;
    }
}

static bool cast_fits(const kc_expr *e)
{
    kc_scalar from = (kc_scalar)e->a[0]->type.scalar, to = (kc_scalar)e->type.scalar;
    return from == to || (from != KC_BOOL && to != KC_BOOL);
}

/* `sure`: all four elements come here. */
static bool fits(const kc_expr *e, bool sure)
{
    if (!is_plain(e->type)) return false;
    if (effects_is_uniform(e)) return true; /* computed once, as a plain number; nothing in it can fail */
    bool integer = e->type.scalar == KC_I32 || e->type.scalar == KC_U32;
    switch (e->op) {
    case K_VAR: return e->var->storage == KC_V_FIRST || (e->var->storage == KC_V_ITEM && !e->var->dims);
    case K_ELEM:
        return sure && e->var->storage == KC_V_BUFFER && e->type.scalar != KC_BOOL && is_plain(e->var->type) &&
               (is_first(e->a[0]) || effects_is_uniform(e->a[0]));
    case K_DIV:
        if (integer) return false;
        break;
    case K_REM: return false;
    case K_SHL:
    case K_SHR: return effects_is_uniform(e->a[1]) && sure && fits(e->a[0], sure);
    case K_CALL:
        if (!call_fits(e)) return false;
        break;
    case K_CAST:
    case K_TO:
        if (!cast_fits(e)) return false;
        break;
    case K_LOGAND:
    case K_LOGOR: return fits(e->a[0], sure) && fits(e->a[1], false);
    case K_COND: return fits(e->a[0], sure) && fits(e->a[1], false) && fits(e->a[2], false);
    case K_NEG:
    case K_NOT:
    case K_BITNOT: break;
    default:
        if (e->op >= K_BINARY_COUNT) return false;
        if (e->a[0]->type.scalar == KC_BOOL && e->op != K_EQ && e->op != K_NE) return false;
    }
    for (u32 i = 0; i < e->n_args; i++)
        if (!fits(e->a[i], sure)) return false;
    return true;
}

static bool stmt_fits(const kc_stmt *s)
{
    if (s->op == S_DECL) return !s->var->dims && is_plain(s->var->type) && s->value && fits(s->value, true);
    if (s->op == S_ASSIGN) return s->target->op == K_VAR && is_plain(s->target->type) && fits(s->value, true);
    return s->op == S_RETURN && !s->next && fits(s->value, true);
}

bool wasm_vector_fits(const wasm *w)
{
    const kc_type result = w->e->kernel.result;
    if (!is_plain(result) || result.scalar == KC_BOOL) return false;
    bool returns = false;
    for (const kc_stmt *s = w->e->body; s; s = s->next) {
        if (!stmt_fits(s)) return false;
        returns = s->op == S_RETURN;
    }
    return returns;
}

/* ------------------------------------------------------------------ writing */
static void put(wasm *w, const kc_expr *e);

static bool is_f32(const kc_expr *e) { return e->type.scalar == KC_F32; }

static kc_type widened(kc_type t) { return (kc_type){ t.scalar == KC_BOOL ? KC_I32 : t.scalar, 4 }; }

static void put_uniform(wasm *w, const kc_expr *e)
{
    if (e->type.scalar == KC_BOOL) wasm_put_i32(w, 0);
    wasm_expr(w, e);
    if (e->type.scalar == KC_BOOL) wasm_put(w, W_I32_SUB);
    wasm_put(w, is_f32(e) ? W_F32X4_SPLAT : W_I32X4_SPLAT);
}

static void put_first(wasm *w)
{
    wasm_put_u(w, W_LOCAL_GET, w->first);
    wasm_put(w, W_I32X4_SPLAT);
    wasm_put_zero_v128(w);
    for (i32 k = 1; k < 4; k++) {
        wasm_put_i32(w, k);
        wasm_put_u(w, W_I32X4_REPLACE, (u32)k);
    }
    wasm_put(w, W_I32X4_ADD);
}

static void put_elem(wasm *w, const kc_expr *e)
{
    u32 offset, align;
    if (!is_first(e->a[0])) {
        wasm_expr(w, e);
        wasm_put(w, is_f32(e) ? W_F32X4_SPLAT : W_I32X4_SPLAT);
        return;
    }
    wasm_address(w, e, &offset, &align);
    wasm_put_memory(w, W_V128_LOAD, 4, offset);
}

/* pick ? yes : no, from a mask. */
static void put_pick(wasm *w, const kc_expr *mask, const kc_expr *yes, const kc_expr *no)
{
    put(w, yes);
    put(w, no);
    put(w, mask);
    wasm_put(w, W_V128_SELECT);
}

static void put_call(wasm *w, const kc_expr *e)
{
    kc_builtin b = (kc_builtin)e->call;
    if (b == KC_B_select) {
        put_pick(w, e->a[0], e->a[1], e->a[2]);
        return;
    }
    if (b == KC_B_mad) {
        put(w, e->a[0]);
        put(w, e->a[1]);
        wasm_put(w, wasm_binary_op(K_MUL, widened(e->type)));
        put(w, e->a[2]);
        wasm_put(w, wasm_binary_op(K_ADD, widened(e->type)));
        return;
    }
    wasm_call_on_four(w, e, put);
}

static void put_cast(wasm *w, const kc_expr *e)
{
    bool from_f32 = is_f32(e->a[0]);
    put(w, e->a[0]);
    if (from_f32 == is_f32(e)) return;
    if (from_f32) wasm_put(w, e->type.scalar == KC_I32 ? W_I32X4_SAT_S : W_I32X4_SAT_U);
    else wasm_put(w, e->a[0]->type.scalar == KC_I32 ? W_F32X4_FROM_S : W_F32X4_FROM_U);
}

static void put(wasm *w, const kc_expr *e)
{
    if (effects_is_uniform(e)) {
        put_uniform(w, e);
        return;
    }
    switch (e->op) {
    case K_VAR:
        if (is_first(e)) put_first(w);
        else wasm_put_u(w, W_LOCAL_GET, w->vector_of[e->var->slot] - 1);
        break;
    case K_ELEM: put_elem(w, e); break;
    case K_NEG:
        put(w, e->a[0]);
        wasm_put(w, is_f32(e) ? W_F32X4_NEG : W_I32X4_NEG);
        break;
    case K_NOT:
    case K_BITNOT:
        put(w, e->a[0]);
        wasm_put(w, W_V128_NOT);
        break;
    case K_COND: put_pick(w, e->a[0], e->a[1], e->a[2]); break;
    case K_CAST:
    case K_TO: put_cast(w, e); break;
    case K_CALL: put_call(w, e); break;
    case K_SHL:
    case K_SHR:
        put(w, e->a[0]);
        wasm_expr(w, e->a[1]);
        wasm_put(w, wasm_binary_op((kc_op)e->op, widened(e->type)));
        break;
    default:
        put(w, e->a[0]);
        put(w, e->a[1]);
        if (e->op == K_LOGAND) wasm_put(w, W_V128_AND);
        else if (e->op == K_LOGOR) wasm_put(w, W_V128_OR);
        else wasm_put(w, wasm_binary_op((kc_op)e->op, widened(e->a[0]->type)));
    }
}

static u32 local_for(wasm *w, const kc_var *v)
{
    if (!w->vector_of[v->slot]) w->vector_of[v->slot] = wasm_local_make(w, WASM_V128, v->name) + 1;
    return w->vector_of[v->slot] - 1;
}

void wasm_vector_body(wasm *w, u32 out)
{
    for (const kc_stmt *s = w->e->body; s && w->status == QN_OK; s = s->next) {
        if (s->op == S_RETURN) {
            wasm_put_u(w, W_LOCAL_GET, out);
            wasm_put_u(w, W_LOCAL_GET, w->first);
            wasm_put_i32(w, 4);
            wasm_put(w, W_I32_MUL);
            wasm_put(w, W_I32_ADD);
        }
        put(w, s->value);
        if (s->op == S_RETURN) wasm_put_memory(w, W_V128_STORE, 4, 0);
        else wasm_put_u(w, W_LOCAL_SET, local_for(w, s->op == S_DECL ? s->var : s->target->var));
    }
}
