/* Expressions as WebAssembly: each leaves its value on the stack. bool and every integer up to 32 bits are an i32 with the value's own sign;
 * f16 and bf16 their bits in an i32; vectors of 2 and 4 lanes a v128. */
#include "kc/wasm.h"

u8 wasm_type(kc_type t)
{
    if (t.lanes != 1) return WASM_V128;
    switch (t.scalar) {
    case KC_I64:
    case KC_U64: return WASM_I64;
    case KC_F32: return WASM_F32;
    case KC_F64: return WASM_F64;
    default: return WASM_I32;
    }
}

void wasm_refuse(wasm *w, kc_pos pos, const char *why)
{
    if (w->status == QN_OK) w->status = kc_fail_at(w->m, QN_E_UNSUPPORTED, pos, "wasm: %s", why);
}

/* ------------------------------------------------------------------ constants */
static void put_const(wasm *w, const kc_expr *e)
{
    kc_scalar s = (kc_scalar)e->type.scalar;
    if (s == KC_F32) wasm_put_f32(w, (f32)e->value.f);
    else if (s == KC_F64) wasm_put_f64(w, e->value.f);
    else if (s == KC_I64 || s == KC_U64) wasm_put_i64(w, e->value.i);
    else if (s == KC_F16) wasm_put_i32(w, f16_from_f32((f32)e->value.f));
    else if (s == KC_BF16) wasm_put_i32(w, bf16_from_f32((f32)e->value.f));
    else wasm_put_i32(w, (i32)e->value.i);
    if (e->type.lanes != 1) wasm_put(w, s == KC_F32 ? W_F32X4_SPLAT : W_I32X4_SPLAT);
}

/* ------------------------------------------------------------------ memory */
u32 wasm_elem_bytes(const kc_var *v)
{
    if (v->type.lanes == 1) return kc_scalar_bytes((kc_scalar)v->type.scalar);
    return v->storage == KC_V_BUFFER && v->type.lanes == 2 ? 8 : 16;
}

static void put_index(wasm *w, const kc_expr *e)
{
    wasm_expr(w, e);
    if (wasm_type(e->type) == WASM_I64) wasm_put(w, W_I32_WRAP);
}

static void scale(wasm *w, u32 by)
{
    if (by == 1) return;
    wasm_put_i32(w, (i32)by);
    wasm_put(w, W_I32_MUL);
}

static void put_item_offset(wasm *w, const kc_var *v, u32 bytes)
{
    wasm_put_u(w, W_LOCAL_GET, w->item);
    scale(w, bytes * (v->dims ? v->n[0] : 1));
    wasm_put(w, W_I32_ADD);
}

/* Pushes the address; a constant part comes back as *offset. */
void wasm_address(wasm *w, const kc_expr *e, u32 *offset, u32 *align)
{
    const kc_var *v = e->var;
    u32 bytes = wasm_elem_bytes(v);
    *offset = 0, *align = MIN(bytes, v->type.lanes == 1 ? bytes : 4);
    if (v->storage == KC_V_BUFFER) wasm_put_u(w, W_LOCAL_GET, w->local_of[v->slot] - 1);
    else {
        wasm_put_u(w, W_LOCAL_GET, w->frame);
        *offset = (v->storage == KC_V_TABLE ? w->table_at[v->slot] : w->frame_at[v->slot]) - 1;
    }
    if (v->storage == KC_V_PER_ITEM) put_item_offset(w, v, bytes);
    for (u32 i = 0; i < e->n_args; i++) {
        put_index(w, e->a[i]);
        scale(w, v->dims == 2 && i == 0 ? v->n[1] * bytes : bytes);
        wasm_put(w, W_I32_ADD);
    }
}

void wasm_load(wasm *w, kc_type t, u32 offset)
{
    static const wasm_op ops[] = {
        [KC_BOOL] = W_I32_LOAD8_U, [KC_I8] = W_I32_LOAD8_S,   [KC_U8] = W_I32_LOAD8_U,    [KC_I16] = W_I32_LOAD16_S,
        [KC_U16] = W_I32_LOAD16_U, [KC_F16] = W_I32_LOAD16_U, [KC_BF16] = W_I32_LOAD16_U, [KC_I32] = W_I32_LOAD,
        [KC_U32] = W_I32_LOAD,     [KC_I64] = W_I64_LOAD,     [KC_U64] = W_I64_LOAD,      [KC_F32] = W_F32_LOAD,
        [KC_F64] = W_F64_LOAD
    };
    if (t.lanes != 1) {
        wasm_put_memory(w, t.lanes == 2 ? W_V128_LOAD64_ZERO : W_V128_LOAD, 4, offset);
        return;
    }
    wasm_put_memory(w, ops[t.scalar], kc_scalar_bytes((kc_scalar)t.scalar), offset);
    if (t.scalar == KC_BOOL) wasm_put_i32(w, 0), wasm_put(w, W_I32_NE);
}

void wasm_store(wasm *w, kc_type t, u32 offset)
{
    static const wasm_op ops[] = { [1] = W_I32_STORE8, [2] = W_I32_STORE16 };
    u32 bytes = kc_scalar_bytes((kc_scalar)t.scalar);
    wasm_op op = bytes < 4 ? ops[bytes] : W_I32_STORE;
    if (t.lanes != 1) op = t.lanes == 2 ? W_V128_STORE64_LANE : W_V128_STORE;
    else if (bytes == 8) op = t.scalar == KC_F64 ? W_F64_STORE : W_I64_STORE;
    else if (t.scalar == KC_F32) op = W_F32_STORE;
    wasm_put_memory(w, op, t.lanes != 1 ? 4 : bytes, offset);
}

static void put_elem(wasm *w, const kc_expr *e)
{
    u32 offset, align;
    wasm_address(w, e, &offset, &align);
    wasm_load(w, e->var->type, offset);
}

static bool in_frame(const wasm *w, const kc_var *v) { return v->storage == KC_V_PER_ITEM && w->frame_at[v->slot]; }

static void put_var(wasm *w, const kc_expr *e)
{
    if (in_frame(w, e->var)) put_elem(w, e);
    else wasm_put_u(w, W_LOCAL_GET, w->local_of[e->var->slot] - 1);
}

/* ------------------------------------------------------------------ operators */
typedef enum class { C_I32, C_U32, C_I64, C_U64, C_F32, C_F64, C_VI32, C_VU32, C_VF32, C_COUNT } class;

static class class_of(kc_type t)
{
    if (t.lanes != 1) return t.scalar == KC_F32 ? C_VF32 : t.scalar == KC_I32 ? C_VI32 : C_VU32;
    switch (t.scalar) {
    case KC_I64: return C_I64;
    case KC_U64: return C_U64;
    case KC_F32: return C_F32;
    case KC_F64: return C_F64;
    case KC_U32: return C_U32;
    default: return C_I32;
    }
}

#define ROW(op, si, ui, f)                                                                                                  \
    [op] = { W_I32_##si, W_I32_##ui, W_I64_##si, W_I64_##ui, W_F32_##f, W_F64_##f, W_I32X4_##si, W_I32X4_##ui, W_F32X4_##f }
#define WHOLE(op, si, ui, vs, vu)                                                                                           \
    [op] = { W_I32_##si, W_I32_##ui, W_I64_##si, W_I64_##ui, W_COUNT, W_COUNT, vs, vu, W_COUNT }
static const wasm_op binary[K_BINARY_COUNT][C_COUNT] = {
    ROW(K_MUL, MUL, MUL, MUL),
    ROW(K_ADD, ADD, ADD, ADD),
    ROW(K_SUB, SUB, SUB, SUB),
    ROW(K_LT, LT_S, LT_U, LT),
    ROW(K_LE, LE_S, LE_U, LE),
    ROW(K_GT, GT_S, GT_U, GT),
    ROW(K_GE, GE_S, GE_U, GE),
    ROW(K_EQ, EQ, EQ, EQ),
    ROW(K_NE, NE, NE, NE),
    [K_DIV] = { W_I32_DIV_S, W_I32_DIV_U, W_I64_DIV_S, W_I64_DIV_U, W_F32_DIV, W_F64_DIV, W_COUNT, W_COUNT, W_F32X4_DIV },
    WHOLE(K_REM, REM_S, REM_U, W_COUNT, W_COUNT),
    WHOLE(K_SHL, SHL, SHL, W_I32X4_SHL, W_I32X4_SHL),
    WHOLE(K_SHR, SHR_S, SHR_U, W_I32X4_SHR_S, W_I32X4_SHR_U),
    WHOLE(K_AND, AND, AND, W_V128_AND, W_V128_AND),
    WHOLE(K_XOR, XOR, XOR, W_V128_XOR, W_V128_XOR),
    WHOLE(K_OR, OR, OR, W_V128_OR, W_V128_OR),
};

wasm_op wasm_binary_op(kc_op op, kc_type t) { return op < K_LOGAND ? binary[op][class_of(t)] : W_COUNT; }

/* Integer division traps in wasm where the language gives an answer: such a divisor becomes 1. */
static void put_divide(wasm *w, const kc_expr *e)
{
    u8 type = wasm_type(e->type);
    bool wide = type == WASM_I64, is_signed = kc_is_signed((kc_scalar)e->type.scalar);
    u32 a = wasm_local_make(w, type, NULL), b = wasm_local_make(w, type, NULL);
    wasm_expr(w, e->a[0]);
    wasm_put_u(w, W_LOCAL_TEE, a);
    wasm_expr(w, e->a[1]);
    wasm_put_u(w, W_LOCAL_SET, b);
    if (wide) wasm_put_i64(w, 1);
    else wasm_put_i32(w, 1);
    wasm_put_u(w, W_LOCAL_GET, b);
    wasm_put_u(w, W_LOCAL_GET, b);
    wasm_put(w, wide ? W_I64_EQZ : W_I32_EQZ);
    if (is_signed) { /* or b == -1 and a == the least */
        wasm_put_u(w, W_LOCAL_GET, b);
        if (wide) wasm_put_i64(w, -1), wasm_put(w, W_I64_EQ);
        else wasm_put_i32(w, -1), wasm_put(w, W_I32_EQ);
        wasm_put_u(w, W_LOCAL_GET, a);
        if (wide) wasm_put_i64(w, INT64_MIN), wasm_put(w, W_I64_EQ);
        else wasm_put_i32(w, INT32_MIN), wasm_put(w, W_I32_EQ);
        wasm_put(w, W_I32_AND);
        wasm_put(w, W_I32_OR);
    }
    wasm_put(w, W_SELECT);
    wasm_put(w, wasm_binary_op((kc_op)e->op, e->type));
}

static void put_shift(wasm *w, const kc_expr *e)
{
    wasm_expr(w, e->a[0]);
    if (e->type.lanes != 1) {
        if (e->a[1]->op != K_SPLAT) wasm_refuse(w, e->pos, "a shift of a vector by a vector of counts");
        else wasm_expr(w, e->a[1]->a[0]);
    } else {
        wasm_expr(w, e->a[1]);
        bool to_wide = wasm_type(e->type) == WASM_I64, from_wide = wasm_type(e->a[1]->type) == WASM_I64;
        if (to_wide && !from_wide) wasm_put(w, W_I64_EXTEND_U);
        if (!to_wide && from_wide) wasm_put(w, W_I32_WRAP);
    }
    wasm_put(w, wasm_binary_op((kc_op)e->op, e->type));
}

static void put_binary(wasm *w, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    if (e->op == K_LOGAND || e->op == K_LOGOR) {
        wasm_expr(w, e->a[0]);
        wasm_open(w, W_IF, WASM_I32);
        if (e->op == K_LOGAND) wasm_expr(w, e->a[1]);
        else wasm_put_i32(w, 1);
        wasm_put(w, W_ELSE);
        if (e->op == K_LOGAND) wasm_put_i32(w, 0);
        else wasm_expr(w, e->a[1]);
        wasm_close(w);
        return;
    }
    wasm_op op = wasm_binary_op((kc_op)e->op, t);
    if (op == W_COUNT || (e->op >= K_LT && e->op <= K_NE && t.lanes != 1)) {
        wasm_refuse(w, e->pos, "this operator on vectors of integers");
    } else if (e->op == K_SHL || e->op == K_SHR) {
        put_shift(w, e);
    } else if (kc_needs_guard(e)) {
        put_divide(w, e);
    } else {
        wasm_expr(w, e->a[0]);
        wasm_expr(w, e->a[1]);
        wasm_put(w, op);
    }
}

static void put_unary(wasm *w, const kc_expr *e)
{
    class c = class_of(e->type);
    static const wasm_op negate[C_COUNT] = {
        [C_I32] = W_I32_SUB, [C_U32] = W_I32_SUB,    [C_I64] = W_I64_SUB,    [C_U64] = W_I64_SUB,   [C_F32] = W_F32_NEG,
        [C_F64] = W_F64_NEG, [C_VI32] = W_I32X4_NEG, [C_VU32] = W_I32X4_NEG, [C_VF32] = W_F32X4_NEG
    };
    bool wide = c == C_I64 || c == C_U64, narrow = c == C_I32 || c == C_U32;
    if (e->op == K_NEG && narrow) wasm_put_i32(w, 0);
    if (e->op == K_NEG && wide) wasm_put_i64(w, 0);
    wasm_expr(w, e->a[0]);
    if (e->op == K_NEG) wasm_put(w, negate[c]);
    else if (e->op == K_NOT) wasm_put(w, W_I32_EQZ);
    else if (narrow) wasm_put_i32(w, -1), wasm_put(w, W_I32_XOR);
    else if (wide) wasm_put_i64(w, -1), wasm_put(w, W_I64_XOR);
    else wasm_put(w, W_V128_NOT);
}

/* ------------------------------------------------------------------ conversions */
/* An i32 on the stack into the range of a narrow type, by wrapping. */
static void wrap_to(wasm *w, kc_scalar to)
{
    if (to == KC_I8) wasm_put(w, W_I32_EXTEND8_S);
    if (to == KC_I16) wasm_put(w, W_I32_EXTEND16_S);
    if (to == KC_U8 || to == KC_U16) wasm_put_i32(w, to == KC_U8 ? 0xff : 0xffff), wasm_put(w, W_I32_AND);
}

static void clamp_to(wasm *w, i32 low, i32 high)
{
    const i32 ends[2] = { low, high };
    for (u32 i = 0; i < 2; i++) {
        u32 v = wasm_local_make(w, WASM_I32, NULL);
        wasm_put_u(w, W_LOCAL_TEE, v);
        wasm_put_i32(w, ends[i]);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put_i32(w, ends[i]);
        wasm_put(w, i == 0 ? W_I32_GT_S : W_I32_LT_S);
        wasm_put(w, W_SELECT);
    }
}

static void float_to_integer(wasm *w, bool f64_from, kc_scalar to)
{
    static const wasm_op ops[2][2][2] = { { { W_I32_SAT_F32_S, W_I32_SAT_F32_U }, { W_I64_SAT_F32_S, W_I64_SAT_F32_U } },
                                          { { W_I32_SAT_F64_S, W_I32_SAT_F64_U }, { W_I64_SAT_F64_S, W_I64_SAT_F64_U } } };
    u32 bytes = kc_scalar_bytes(to);
    bool is_signed = kc_is_signed(to);
    wasm_put(w, ops[f64_from][bytes == 8][!is_signed && bytes >= 4]);
    if (bytes == 1) clamp_to(w, is_signed ? INT8_MIN : 0, is_signed ? INT8_MAX : UINT8_MAX);
    if (bytes == 2) clamp_to(w, is_signed ? INT16_MIN : 0, is_signed ? INT16_MAX : UINT16_MAX);
}

static void integer_to_float(wasm *w, kc_scalar from, bool to_f64)
{
    static const wasm_op ops[2][2][2] = { { { W_F32_FROM_I32_U, W_F32_FROM_I32_S }, { W_F32_FROM_I64_U, W_F32_FROM_I64_S } },
                                          { { W_F64_FROM_I32_U, W_F64_FROM_I32_S },
                                            { W_F64_FROM_I64_U, W_F64_FROM_I64_S } } };
    wasm_put(w, ops[to_f64][kc_scalar_bytes(from) == 8][kc_is_signed(from)]);
}

static void call_math1(wasm *w, const char *name, u8 in, u8 out)
{
    wasm_put_u(w, W_CALL, wasm_math(w, name, NULL, 1, &in, out));
}

static void widen_half(wasm *w, kc_scalar from)
{
    if (from == KC_F16) call_math1(w, "from_f16", WASM_I32, WASM_F32);
    else wasm_put_i32(w, 16), wasm_put(w, W_I32_SHL), wasm_put(w, W_F32_BITS);
}

static void convert_float(wasm *w, kc_scalar from, kc_scalar to)
{
    if (from == KC_F16 || from == KC_BF16) {
        widen_half(w, from);
        from = KC_F32;
    }
    if (to == KC_BOOL) {
        if (from == KC_F32) wasm_put_f32(w, 0), wasm_put(w, W_F32_NE);
        else wasm_put_f64(w, 0), wasm_put(w, W_F64_NE);
    } else if (!kc_is_float(to)) {
        float_to_integer(w, from == KC_F64, to);
    } else {
        if (from == KC_F32 && to == KC_F64) wasm_put(w, W_F64_PROMOTE);
        if (from == KC_F64 && to != KC_F64) wasm_put(w, W_F32_DEMOTE);
        if (to == KC_F16) call_math1(w, "to_f16", WASM_F32, WASM_I32);
        if (to == KC_BF16) call_math1(w, "to_bf16", WASM_F32, WASM_I32);
    }
}

static void convert_integer(wasm *w, kc_scalar from, kc_scalar to)
{
    bool from_wide = kc_scalar_bytes(from) == 8, to_wide = kc_scalar_bytes(to) == 8;
    if (to == KC_F64) integer_to_float(w, from, true);
    else if (kc_is_float(to)) {
        integer_to_float(w, from, false);
        if (to != KC_F32) convert_float(w, KC_F32, to);
    } else if (to == KC_BOOL) {
        if (from_wide) wasm_put_i64(w, 0), wasm_put(w, W_I64_NE);
        else wasm_put_i32(w, 0), wasm_put(w, W_I32_NE);
    } else {
        if (from_wide && !to_wide) wasm_put(w, W_I32_WRAP);
        if (!from_wide && to_wide) wasm_put(w, kc_is_signed(from) ? W_I64_EXTEND_S : W_I64_EXTEND_U);
        wrap_to(w, to);
    }
}

static void put_cast(wasm *w, const kc_expr *e)
{
    kc_scalar from = (kc_scalar)e->a[0]->type.scalar, to = (kc_scalar)e->type.scalar;
    wasm_expr(w, e->a[0]);
    if (from == to) return;
    if (e->type.lanes == 1) {
        if (kc_is_float(from)) convert_float(w, from, to);
        else convert_integer(w, from, to);
    } else if (from == KC_F32) {
        wasm_put(w, to == KC_I32 ? W_I32X4_SAT_S : W_I32X4_SAT_U);
    } else if (to == KC_F32) {
        wasm_put(w, from == KC_I32 ? W_F32X4_FROM_S : W_F32X4_FROM_U);
    }
}

/* ------------------------------------------------------------------ vectors */
static void put_make(wasm *w, const kc_expr *e)
{
    wasm_put_zero_v128(w);
    for (u32 k = 0; k < e->n_args; k++) {
        wasm_expr(w, e->a[k]);
        wasm_put_u(w, e->type.scalar == KC_F32 ? W_F32X4_REPLACE : W_I32X4_REPLACE, k);
    }
}

static void put_cond(wasm *w, const kc_expr *e)
{
    wasm_expr(w, e->a[0]);
    wasm_open(w, W_IF, wasm_type(e->type));
    wasm_expr(w, e->a[1]);
    wasm_put(w, W_ELSE);
    wasm_expr(w, e->a[2]);
    wasm_close(w);
}

void wasm_expr(wasm *w, const kc_expr *e)
{
    if (w->status != QN_OK) return;
    if (e->type.lanes != 1 && (e->type.scalar == KC_F64 || kc_lanes(w->m, e->type) > 4)) {
        wasm_refuse(w, e->pos, "a vector of more than 16 bytes");
        return;
    }
    switch (e->op) {
    case K_CONST: put_const(w, e); break;
    case K_VAR: put_var(w, e); break;
    case K_ELEM: put_elem(w, e); break;
    case K_LANE:
        wasm_expr(w, e->a[0]);
        wasm_put_u(w, e->type.scalar == KC_F32 ? W_F32X4_EXTRACT : W_I32X4_EXTRACT, e->lane);
        break;
    case K_NEG:
    case K_NOT:
    case K_BITNOT: put_unary(w, e); break;
    case K_COND: put_cond(w, e); break;
    case K_CAST:
    case K_TO: put_cast(w, e); break;
    case K_SPLAT:
        wasm_expr(w, e->a[0]);
        wasm_put(w, e->type.scalar == KC_F32 ? W_F32X4_SPLAT : W_I32X4_SPLAT);
        break;
    case K_MAKE: put_make(w, e); break;
    case K_CALL: wasm_call(w, e); break;
    default: put_binary(w, e); break;
    }
}

void wasm_effect(wasm *w, const kc_expr *e)
{
    wasm_expr(w, e);
    if (e->type.scalar != KC_VOID) wasm_put(w, W_DROP);
}

/* place = value; a lane is put into the whole vector. */
void wasm_assign(wasm *w, const kc_expr *target, const kc_expr *value)
{
    const kc_expr *place = target->op == K_LANE ? target->a[0] : target;
    bool memory = place->op == K_ELEM || in_frame(w, place->var);
    u32 offset = 0, align;
    if (memory) wasm_address(w, place, &offset, &align);
    if (target->op == K_LANE) wasm_expr(w, place);
    wasm_expr(w, value);
    if (target->op == K_LANE) wasm_put_u(w, target->type.scalar == KC_F32 ? W_F32X4_REPLACE : W_I32X4_REPLACE, target->lane);
    if (memory) wasm_store(w, place->var->type, offset);
    else wasm_put_u(w, W_LOCAL_SET, w->local_of[place->var->slot] - 1);
}
