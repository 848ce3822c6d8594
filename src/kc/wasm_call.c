/* Builtins as WebAssembly: an instruction or a few where there are some, else a function imported from "math". */
#include <math.h>

#include "kc/wasm.h"

/* ------------------------------------------------------------------ one instruction */
static const struct instruction {
    wasm_op f32, f64, f32x4;
} instructions[KC_B_COUNT] = {
    [KC_B_sqrt] = { W_F32_SQRT, W_F64_SQRT, W_F32X4_SQRT },
    [KC_B_floor] = { W_F32_FLOOR, W_F64_FLOOR, W_F32X4_FLOOR },
    [KC_B_ceil] = { W_F32_CEIL, W_F64_CEIL, W_F32X4_CEIL },
    [KC_B_trunc] = { W_F32_TRUNC, W_F64_TRUNC, W_F32X4_TRUNC },
    [KC_B_fabs] = { W_F32_ABS, W_F64_ABS, W_F32X4_ABS },
    [KC_B_abs] = { W_F32_ABS, W_F64_ABS, W_F32X4_ABS },
    [KC_B_min] = { W_F32_MIN, W_F64_MIN, W_F32X4_MIN },
    [KC_B_max] = { W_F32_MAX, W_F64_MAX, W_F32X4_MAX },
    [KC_B_round] = { W_F32_NEAREST, W_F64_NEAREST, W_F32X4_NEAREST },
    [KC_B_copysign] = { W_F32_COPYSIGN, W_F64_COPYSIGN, W_COUNT },
};

/* Functions that "math" has for four f32 at once. */
static bool has_vector_math(kc_builtin b)
{
    static const bool has[KC_B_COUNT] = {
        [KC_B_exp] = true,  [KC_B_exp2] = true,  [KC_B_expm1] = true,   [KC_B_log] = true,
        [KC_B_log2] = true, [KC_B_log1p] = true, [KC_B_sin] = true,     [KC_B_cos] = true,
        [KC_B_tanh] = true, [KC_B_erf] = true,   [KC_B_sigmoid] = true, [KC_B_gelu] = true
    };
    return has[b];
}

static void put_args(wasm *w, const kc_expr *e)
{
    for (u32 i = 0; i < e->n_args; i++) wasm_expr(w, e->a[i]);
}

static void call_math(wasm *w, kc_builtin b, const char *type, u8 n, u8 value)
{
    u8 in[3] = { value, b == KC_B_ldexp ? WASM_I32 : value, value };
    wasm_put_u(w, W_CALL, wasm_math(w, kc_builtin_name(b), type, n, in, value));
}

/* Lane by lane through the scalar function. */
static void put_each_lane(wasm *w, const kc_expr *e)
{
    u32 at[3];
    for (u32 i = 0; i < e->n_args; i++) {
        at[i] = wasm_local_make(w, WASM_V128, NULL);
        wasm_expr(w, e->a[i]);
        wasm_put_u(w, W_LOCAL_SET, at[i]);
    }
    wasm_put_zero_v128(w);
    for (u32 k = 0; k < kc_lanes(w->m, e->type); k++) {
        for (u32 i = 0; i < e->n_args; i++) {
            wasm_put_u(w, W_LOCAL_GET, at[i]);
            wasm_put_u(w, e->a[i]->type.scalar == KC_F32 ? W_F32X4_EXTRACT : W_I32X4_EXTRACT, k);
        }
        if (e->call == KC_B_copysign) wasm_put(w, W_F32_COPYSIGN);
        else call_math(w, (kc_builtin)e->call, "f32", e->n_args, WASM_F32);
        wasm_put_u(w, W_F32X4_REPLACE, k);
    }
}

static void put_mad(wasm *w, const kc_expr *e)
{
    wasm_expr(w, e->a[0]);
    wasm_expr(w, e->a[1]);
    wasm_put(w, wasm_binary_op(K_MUL, e->type));
    wasm_expr(w, e->a[2]);
    wasm_put(w, wasm_binary_op(K_ADD, e->type));
}

static void put_rsqrt(wasm *w, const kc_expr *e)
{
    bool vector = e->type.lanes != 1, wide = e->type.scalar == KC_F64;
    if (wide) wasm_put_f64(w, 1);
    else wasm_put_f32(w, 1);
    if (vector) wasm_put(w, W_F32X4_SPLAT);
    wasm_expr(w, e->a[0]);
    wasm_put(w, vector ? W_F32X4_SQRT : wide ? W_F64_SQRT : W_F32_SQRT);
    wasm_put(w, wasm_binary_op(K_DIV, e->type));
}

static void put_float(wasm *w, const kc_expr *e)
{
    kc_builtin b = (kc_builtin)e->call;
    kc_type t = e->type;
    struct instruction one = instructions[b];
    wasm_op op = t.lanes != 1 ? one.f32x4 : t.scalar == KC_F64 ? one.f64 : one.f32;
    if (b == KC_B_mad) put_mad(w, e);
    else if (b == KC_B_rsqrt) put_rsqrt(w, e);
    else if (one.f32 != one.f64 && op != W_COUNT) {
        put_args(w, e);
        wasm_put(w, op);
    } else if (t.lanes == 1 || has_vector_math(b)) {
        put_args(w, e);
        call_math(w, b, t.lanes != 1 ? "f32x4" : t.scalar == KC_F64 ? "f64" : "f32", e->n_args, wasm_type(t));
    } else put_each_lane(w, e);
}

/* ------------------------------------------------------------------ of floats, to something else */
static void put_class(wasm *w, const kc_expr *e)
{
    bool wide = e->a[0]->type.scalar == KC_F64;
    u32 v = wasm_local_make(w, wide ? WASM_F64 : WASM_F32, NULL);
    wasm_expr(w, e->a[0]);
    if (e->call == KC_B_isnan) {
        wasm_put_u(w, W_LOCAL_TEE, v);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put(w, wide ? W_F64_NE : W_F32_NE);
    } else if (e->call == KC_B_isinf) {
        wasm_put(w, wide ? W_F64_ABS : W_F32_ABS);
        if (wide) wasm_put_f64(w, (f64)INFINITY), wasm_put(w, W_F64_EQ);
        else wasm_put_f32(w, INFINITY), wasm_put(w, W_F32_EQ);
    } else if (wide) {
        wasm_put(w, W_I64_BITS);
        wasm_put_i64(w, 0);
        wasm_put(w, W_I64_LT_S);
    } else {
        wasm_put(w, W_I32_BITS);
        wasm_put_i32(w, 0);
        wasm_put(w, W_I32_LT_S);
    }
}

static void put_fold(wasm *w, const kc_expr *e)
{
    wasm_op op = e->call == KC_B_sumw ? W_F32X4_ADD : W_F32X4_MAX;
    u32 v = wasm_local_make(w, WASM_V128, NULL);
    wasm_expr(w, e->a[0]);
    for (u32 half = kc_lanes(w->m, e->a[0]->type) / 2; half > 0; half /= 2) {
        wasm_put_u(w, W_LOCAL_TEE, v);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put_shuffle_down(w, half);
        wasm_put(w, op);
    }
    wasm_put_u(w, W_F32X4_EXTRACT, 0);
}

/* ------------------------------------------------------------------ integers */
/* min, max, abs: a comparison and a select. */
static void put_pick(wasm *w, const kc_expr *e)
{
    u8 type = wasm_type(e->type);
    bool wide = type == WASM_I64;
    u32 a = wasm_local_make(w, type, NULL), b = wasm_local_make(w, type, NULL);
    wasm_expr(w, e->a[0]);
    wasm_put_u(w, W_LOCAL_SET, a);
    if (e->call == KC_B_abs) {
        if (wide) wasm_put_i64(w, 0);
        else wasm_put_i32(w, 0);
        wasm_put_u(w, W_LOCAL_GET, a);
        wasm_put(w, wide ? W_I64_SUB : W_I32_SUB);
    } else wasm_expr(w, e->a[1]);
    wasm_put_u(w, W_LOCAL_SET, b);
    wasm_put_u(w, W_LOCAL_GET, a);
    wasm_put_u(w, W_LOCAL_GET, b);
    wasm_put_u(w, W_LOCAL_GET, a);
    wasm_put_u(w, W_LOCAL_GET, b);
    wasm_put(w, wasm_binary_op(e->call == KC_B_min ? K_LT : K_GT, e->type)); /* abs: a > -a, but the least is its own */
    wasm_put(w, W_SELECT);
}

static void put_bits(wasm *w, const kc_expr *e)
{
    bool wide = wasm_type(e->a[0]->type) == WASM_I64;
    wasm_op op = e->call == KC_B_popcount ? (wide ? W_I64_POPCNT : W_I32_POPCNT)
                 : e->call == KC_B_clz    ? (wide ? W_I64_CLZ : W_I32_CLZ)
                                          : (wide ? W_I64_CTZ : W_I32_CTZ);
    wasm_expr(w, e->a[0]);
    wasm_put(w, op);
    if (wide) wasm_put(w, W_I32_WRAP);
}

static void put_vector_integer_op(wasm *w, kc_builtin b, bool is_signed)
{
    if (b == KC_B_abs && is_signed) wasm_put(w, W_I32X4_ABS);
    if (b == KC_B_min) wasm_put(w, is_signed ? W_I32X4_MIN_S : W_I32X4_MIN_U);
    if (b == KC_B_max) wasm_put(w, is_signed ? W_I32X4_MAX_S : W_I32X4_MAX_U);
}

static void put_vector_integer(wasm *w, const kc_expr *e)
{
    put_args(w, e);
    put_vector_integer_op(w, (kc_builtin)e->call, e->type.scalar == KC_I32);
}

static void put_dot4(wasm *w, const kc_expr *e)
{
    static const u8 in[3] = { WASM_I32, WASM_I32, WASM_I32 };
    put_args(w, e);
    wasm_put_u(w, W_CALL, wasm_math(w, kc_builtin_name((kc_builtin)e->call), NULL, 3, in, WASM_I32));
}

void wasm_call_on_four(wasm *w, const kc_expr *e, void (*put)(wasm *w, const kc_expr *e))
{
    kc_builtin b = (kc_builtin)e->call;
    bool is_float = e->type.scalar == KC_F32;
    if (b == KC_B_rsqrt) wasm_put_f32(w, 1), wasm_put(w, W_F32X4_SPLAT);
    for (u32 i = 0; i < e->n_args; i++) put(w, e->a[i]);
    if (!is_float) put_vector_integer_op(w, b, e->type.scalar == KC_I32);
    else if (b == KC_B_rsqrt) wasm_put(w, W_F32X4_SQRT), wasm_put(w, W_F32X4_DIV);
    else if (instructions[b].f32 != instructions[b].f64) wasm_put(w, instructions[b].f32x4);
    else call_math(w, b, "f32x4", e->n_args, WASM_V128);
}

/* ------------------------------------------------------------------ memory */
/* Sets a local to the address of element a[1] of the array a[0]. */
static u32 put_place(wasm *w, const kc_expr *e, u32 *offset)
{
    u32 align, at = wasm_local_make(w, WASM_I32, NULL);
    wasm_address(w, e->a[0], offset, &align);
    wasm_expr(w, e->a[1]);
    if (wasm_type(e->a[1]->type) == WASM_I64) wasm_put(w, W_I32_WRAP);
    wasm_put_i32(w, (i32)wasm_elem_bytes(e->a[0]->var));
    wasm_put(w, W_I32_MUL);
    wasm_put(w, W_I32_ADD);
    wasm_put_u(w, W_LOCAL_SET, at);
    return at;
}

static void half_call(wasm *w, const char *name, u8 in, u8 out)
{
    wasm_put_u(w, W_CALL, wasm_math(w, name, NULL, 1, &in, out));
}

static void load_lane(wasm *w, kc_type elem, u32 at, u32 offset)
{
    wasm_put_u(w, W_LOCAL_GET, at);
    wasm_load(w, elem, offset);
    if (elem.scalar == KC_F16) half_call(w, "from_f16", WASM_I32, WASM_F32);
    if (elem.scalar == KC_BF16) wasm_put_i32(w, 16), wasm_put(w, W_I32_SHL), wasm_put(w, W_F32_BITS);
}

/* The lanes from k on are there when local n holds more than k. */
static void put_loads(wasm *w, const kc_expr *e)
{
    kc_type elem = e->a[0]->var->type;
    bool part = e->call == KC_B_loadw_part;
    u32 offset, at = put_place(w, e, &offset), bytes = wasm_elem_bytes(e->a[0]->var), n = 0;
    if (elem.scalar == KC_F32 && !part) {
        wasm_put_u(w, W_LOCAL_GET, at);
        wasm_put_memory(w, W_V128_LOAD, 4, offset);
        return;
    }
    if (part) {
        n = wasm_local_make(w, WASM_I32, NULL);
        wasm_expr(w, e->a[2]);
        wasm_put_u(w, W_LOCAL_SET, n);
    }
    wasm_put_zero_v128(w);
    for (u32 k = 0; k < 4; k++) {
        if (part) {
            wasm_put_u(w, W_LOCAL_GET, n);
            wasm_put_i32(w, (i32)k);
            wasm_put(w, W_I32_GT_U);
            wasm_open(w, W_IF, WASM_F32);
        }
        load_lane(w, elem, at, offset + k * bytes);
        if (part) {
            wasm_put(w, W_ELSE);
            wasm_put_f32(w, 0);
            wasm_close(w);
        }
        wasm_put_u(w, W_F32X4_REPLACE, k);
    }
}

static void store_lane(wasm *w, kc_type elem, u32 at, u32 v, u32 k, u32 offset)
{
    wasm_put_u(w, W_LOCAL_GET, at);
    wasm_put_u(w, W_LOCAL_GET, v);
    wasm_put_u(w, W_F32X4_EXTRACT, k);
    if (elem.scalar == KC_F16) half_call(w, "to_f16", WASM_F32, WASM_I32);
    if (elem.scalar == KC_BF16) half_call(w, "to_bf16", WASM_F32, WASM_I32);
    wasm_store(w, elem, offset);
}

static void put_stores(wasm *w, const kc_expr *e)
{
    kc_type elem = e->a[0]->var->type;
    bool part = e->call == KC_B_storew_part;
    u32 offset, at = put_place(w, e, &offset), bytes = wasm_elem_bytes(e->a[0]->var);
    u32 v = wasm_local_make(w, WASM_V128, NULL), n = part ? wasm_local_make(w, WASM_I32, NULL) : 0;
    wasm_expr(w, e->a[2]);
    wasm_put_u(w, W_LOCAL_SET, v);
    if (part) wasm_expr(w, e->a[3]), wasm_put_u(w, W_LOCAL_SET, n);
    if (elem.scalar == KC_F32 && !part) {
        wasm_put_u(w, W_LOCAL_GET, at);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put_memory(w, W_V128_STORE, 4, offset);
        return;
    }
    for (u32 k = 0; k < 4; k++) {
        if (part) {
            wasm_put_u(w, W_LOCAL_GET, n);
            wasm_put_i32(w, (i32)k);
            wasm_put(w, W_I32_GT_U);
            wasm_open(w, W_IF, WASM_NOTHING);
        }
        store_lane(w, elem, at, v, k, offset + k * bytes);
        if (part) wasm_close(w);
    }
}

/* ------------------------------------------------------------------ atomics */
static wasm_op atomic_instruction(kc_builtin b, kc_scalar s)
{
    switch (b) {
    case KC_B_atomic_add: return s == KC_F32 ? W_COUNT : W_ATOMIC_ADD;
    case KC_B_atomic_and: return W_ATOMIC_AND;
    case KC_B_atomic_or: return W_ATOMIC_OR;
    case KC_B_atomic_xor: return W_ATOMIC_XOR;
    case KC_B_atomic_xchg: return W_ATOMIC_XCHG;
    case KC_B_atomic_cas: return W_ATOMIC_CAS;
    default: return W_COUNT;
    }
}

/* What the new value is, of local old and local v. */
static void put_new_value(wasm *w, kc_builtin b, kc_type t, u32 old, u32 v)
{
    static const wasm_op whole[KC_B_COUNT] = {
        [KC_B_atomic_and] = W_I32_AND, [KC_B_atomic_or] = W_I32_OR, [KC_B_atomic_xor] = W_I32_XOR
    };
    wasm_put_u(w, W_LOCAL_GET, old);
    wasm_put_u(w, W_LOCAL_GET, v);
    if (b == KC_B_atomic_add) wasm_put(w, wasm_binary_op(K_ADD, t));
    else if (b == KC_B_atomic_min || b == KC_B_atomic_max) {
        wasm_put_u(w, W_LOCAL_GET, old);
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put(w, wasm_binary_op(b == KC_B_atomic_min ? K_LT : K_GT, t));
        wasm_put(w, W_SELECT);
    } else wasm_put(w, whole[b]);
}

/* Memory that nobody else sees: read, change, write. */
static void put_plain_atomic(wasm *w, const kc_expr *e, u32 at, u32 offset)
{
    kc_type t = e->a[0]->var->type;
    kc_builtin b = (kc_builtin)e->call;
    u32 old = wasm_local_make(w, wasm_type(t), NULL), v = wasm_local_make(w, wasm_type(t), NULL);
    u32 expected = wasm_local_make(w, wasm_type(t), NULL);
    if (b == KC_B_atomic_cas) wasm_expr(w, e->a[2]), wasm_put_u(w, W_LOCAL_SET, expected);
    wasm_expr(w, e->a[e->n_args - 1]);
    wasm_put_u(w, W_LOCAL_SET, v);
    wasm_put_u(w, W_LOCAL_GET, at);
    wasm_load(w, t, offset);
    wasm_put_u(w, W_LOCAL_SET, old);
    wasm_put_u(w, W_LOCAL_GET, at);
    if (b == KC_B_atomic_xchg) wasm_put_u(w, W_LOCAL_GET, v);
    else if (b == KC_B_atomic_cas) {
        wasm_put_u(w, W_LOCAL_GET, v);
        wasm_put_u(w, W_LOCAL_GET, old);
        wasm_put_u(w, W_LOCAL_GET, old);
        wasm_put_u(w, W_LOCAL_GET, expected);
        wasm_put(w, W_I32_EQ);
        wasm_put(w, W_SELECT);
    } else put_new_value(w, b, t, old, v);
    wasm_store(w, t, offset);
    wasm_put_u(w, W_LOCAL_GET, old);
}

/* No instruction: compare and exchange until nobody came between. */
static void put_atomic_loop(wasm *w, const kc_expr *e, u32 at, u32 offset)
{
    kc_type t = e->a[0]->var->type;
    bool is_float = t.scalar == KC_F32;
    u32 bits = wasm_local_make(w, WASM_I32, NULL), old = wasm_local_make(w, wasm_type(t), NULL);
    u32 v = wasm_local_make(w, wasm_type(t), NULL);
    wasm_expr(w, e->a[2]);
    wasm_put_u(w, W_LOCAL_SET, v);
    wasm_open(w, W_LOOP, WASM_NOTHING);
    u32 top = w->depth;
    wasm_put_u(w, W_LOCAL_GET, at);
    wasm_put_memory(w, W_I32_LOAD, 4, offset);
    wasm_put_u(w, W_LOCAL_TEE, bits);
    if (is_float) wasm_put(w, W_F32_BITS);
    wasm_put_u(w, W_LOCAL_SET, old);
    wasm_put_u(w, W_LOCAL_GET, at);
    wasm_put_u(w, W_LOCAL_GET, bits);
    put_new_value(w, (kc_builtin)e->call, t, old, v);
    if (is_float) wasm_put(w, W_I32_BITS);
    wasm_put_memory(w, W_ATOMIC_CAS, 4, offset);
    wasm_put_u(w, W_LOCAL_GET, bits);
    wasm_put(w, W_I32_NE);
    wasm_br(w, W_BR_IF, top);
    wasm_close(w);
    wasm_put_u(w, W_LOCAL_GET, old);
}

static void put_atomic(wasm *w, const kc_expr *e)
{
    u32 offset, at = put_place(w, e, &offset);
    wasm_op op = atomic_instruction((kc_builtin)e->call, (kc_scalar)e->a[0]->var->type.scalar);
    if (!w->shared) put_plain_atomic(w, e, at, offset);
    else if (op == W_COUNT) put_atomic_loop(w, e, at, offset);
    else {
        wasm_put_u(w, W_LOCAL_GET, at);
        for (u32 i = 2; i < e->n_args; i++) wasm_expr(w, e->a[i]);
        wasm_put_memory(w, op, 4, offset);
    }
}

/* ------------------------------------------------------------------ all */
void wasm_call(wasm *w, const kc_expr *e)
{
    kc_builtin b = (kc_builtin)e->call;
    if (kc_builtin_is_atomic(b)) {
        put_atomic(w, e);
        return;
    }
    switch (b) {
    case KC_B_isnan:
    case KC_B_isinf:
    case KC_B_signbit: put_class(w, e); return;
    case KC_B_sumw:
    case KC_B_maxw: put_fold(w, e); return;
    case KC_B_popcount:
    case KC_B_clz:
    case KC_B_ctz: put_bits(w, e); return;
    case KC_B_as_u32:
    case KC_B_as_i32:
    case KC_B_as_f32:
        wasm_expr(w, e->a[0]);
        if (e->type.lanes == 1) wasm_put(w, b == KC_B_as_f32 ? W_F32_BITS : W_I32_BITS);
        return;
    case KC_B_dot4_i8:
    case KC_B_dot4_u8i8: put_dot4(w, e); return;
    case KC_B_load4:
    case KC_B_loadw:
    case KC_B_loadw_part: put_loads(w, e); return;
    case KC_B_store4:
    case KC_B_storew:
    case KC_B_storew_part: put_stores(w, e); return;
    case KC_B_select:
        wasm_expr(w, e->a[1]);
        wasm_expr(w, e->a[2]);
        wasm_expr(w, e->a[0]);
        wasm_put(w, W_SELECT);
        return;
    default: break;
    }
    if (kc_is_float((kc_scalar)e->type.scalar)) put_float(w, e);
    else if (b == KC_B_mad) put_mad(w, e);
    else if (e->type.lanes != 1) put_vector_integer(w, e);
    else put_pick(w, e);
}
