/* Arrays as PTX: addresses, loads and stores, of one element or of several side by side.
 *
 * A buffer's address is 64 bits: base + index * size by one mad.wide. Group memory is addressed in 32 bits, where constants move into the
 * instruction: the sum wraps as the index does. Four elements side by side are one instruction where their address is a multiple of its
 * size: known beforehand, or tested when it runs. */
#include <stdio.h>

#include "kc/ptx.h"

bool ptx_constant_index(const kc_expr *e, u32 *out)
{
    if (e->op != K_CONST) return false;
    *out = (u32)e->value.i;
    return true;
}

static u32 elem_bytes(const ptx *p, const kc_var *v)
{
    return kc_scalar_bytes((kc_scalar)v->type.scalar) * kc_lanes(p->m, v->type);
}

static const char *space_of(const kc_var *v, bool writes)
{
    switch (v->storage) {
    case KC_V_BUFFER: return v->role == KC_IN && !writes ? "global.nc" : "global";
    case KC_V_TABLE: return "global.nc";
    case KC_V_SHARED: return "shared";
    default: return "local";
    }
}

/* Type of a load or store in memory. */
static const char *memory_type(kc_scalar s)
{
    static const char *const types[] = {
        [KC_VOID] = "b32", [KC_BOOL] = "u8",  [KC_I8] = "s8",   [KC_I16] = "s16", [KC_I32] = "u32",
        [KC_I64] = "u64",  [KC_U8] = "u8",    [KC_U16] = "u16", [KC_U32] = "u32", [KC_U64] = "u64",
        [KC_F16] = "b16",  [KC_BF16] = "b16", [KC_F32] = "f32", [KC_F64] = "f64"
    };
    return types[s];
}

/* ------------------------------------------------------------------ indices */
static bool is_multiple(ptx *p, const kc_expr *e, u32 n);

/* Of all that is assigned to it; what it is made of itself is taken for granted (a loop's variable is its start and so many steps). */
static bool variable_is_multiple(ptx *p, const kc_var *v, u32 n)
{
    ptx_place *place = ptx_place_of(p, v);
    bool local = v->storage == KC_V_ITEM || v->storage == KC_V_UNIFORM;
    if (!local || v->dims || v->type.lanes != 1 || !place->n_values || place->n_values > COUNT(place->values)) return false;
    if (place->visiting) return true;
    bool all = true;
    place->visiting = true;
    for (u32 i = 0; i < place->n_values && all; i++) all = is_multiple(p, place->values[i], n);
    place->visiting = false;
    return all;
}

/* Is the value of e a multiple of n (a power of two)? False where that is not seen. */
static bool is_multiple(ptx *p, const kc_expr *e, u32 n)
{
    if (n <= 1) return true;
    switch (e->op) {
    case K_CONST: return (u32)e->value.i % n == 0;
    case K_ADD:
    case K_SUB: return is_multiple(p, e->a[0], n) && is_multiple(p, e->a[1], n);
    case K_MUL: {
        for (u32 m = 1; m <= n; m *= 2)
            if (is_multiple(p, e->a[0], m) && is_multiple(p, e->a[1], n / m)) return true;
        return false;
    }
    case K_SHL: return e->a[1]->op == K_CONST && (1u << (e->a[1]->value.i & 31)) % n == 0;
    case K_CAST: return kc_scalar_bytes((kc_scalar)e->type.scalar) == 4 && is_multiple(p, e->a[0], n);
    case K_COND: return is_multiple(p, e->a[1], n) && is_multiple(p, e->a[2], n);
    case K_VAR: return variable_is_multiple(p, e->var, n);
    default: return false;
    }
}

/* index = the returned register (NULL: none) + *constant, modulo 2^32. */
static const char *split(ptx *p, const kc_expr *e, u32 *constant)
{
    u32 a, b;
    if (ptx_constant_index(e, constant)) return NULL;
    if (e->op == K_ADD || (e->op == K_SUB && e->a[1]->op == K_CONST)) {
        const char *left = split(p, e->a[0], &a), *right = split(p, e->a[1], &b);
        *constant = e->op == K_ADD ? a + b : a - b;
        return !left ? right : !right ? left : ptx_op2(p, PTX_R, "add.u32", left, right);
    }
    if (e->op == K_MUL && e->a[1]->op == K_CONST) {
        const char *left = split(p, e->a[0], &a);
        *constant = a * (u32)e->a[1]->value.i;
        return left ? ptx_op2(p, PTX_R, "mul.lo.u32", left, ptx_text(p, "%u", (u32)e->a[1]->value.i)) : NULL;
    }
    *constant = 0;
    const char *x = ptx_one(p, e);
    return x[0] == '%' ? x : ptx_held(p, KC_U32, x);
}

static const char *shared_address(ptx *p, const kc_var *v, const char *index, u32 constant)
{
    u32 size = elem_bytes(p, v);
    i32 at = (i32)(constant * size + p->vars[v->slot].at);
    if (!index) return ptx_text(p, "[qk_shared+%u]", (u32)at);
    const char *base = ptx_op1(p, PTX_R, "mov.u32", "qk_shared"), *address = ptx_reg(p, PTX_R);
    ptx_line(p, "mad.lo.u32 %s, %s, %u, %s", address, index, size, base);
    return ptx_text(p, at ? "[%s+%d]" : "[%s]", address, at);
}

static const char *base_of(ptx *p, const kc_var *v)
{
    const char *base = ptx_place_of(p, v)->base;
    if (!base) return "%rd0"; /* after a failure */
    return v->storage == KC_V_TABLE ? ptx_op1(p, PTX_RD, "mov.u64", base) : base;
}

/* The address in `index` + constant elements. Indices wrap before they become 64 bits wide. */
static const char *wide_address(ptx *p, const kc_var *v, const char *index, u32 constant)
{
    u32 size = elem_bytes(p, v);
    const char *base = base_of(p, v);
    if (!index && constant < 0x7fffffffu / size) return ptx_text(p, constant ? "[%s+%u]" : "[%s]", base, constant * size);
    if (!index) index = ptx_held(p, KC_U32, ptx_text(p, "%u", constant));
    else if (constant) index = ptx_op2(p, PTX_R, "add.u32", index, ptx_text(p, "%u", constant));
    const char *address = ptx_reg(p, PTX_RD);
    ptx_line(p, "mad.wide.u32 %s, %s, %u, %s", address, index, size, base);
    return ptx_text(p, "[%s]", address);
}

static const char *address_of(ptx *p, const kc_var *v, const char *index, u32 constant)
{
    return v->storage == KC_V_SHARED ? shared_address(p, v, index, constant) : wide_address(p, v, index, constant);
}

/* Two indices, or a row and an index in it, as one. */
static const char *flat_index(ptx *p, const kc_var *v, const kc_expr *row, const kc_expr *index, u32 *constant)
{
    u32 a = 0, b = 0;
    const char *y = row ? split(p, row, &a) : NULL, *x = index ? split(p, index, &b) : NULL;
    *constant = a * v->n[1] + b;
    if (!y) return x;
    const char *at = ptx_reg(p, PTX_R);
    ptx_line(p, "mad.lo.u32 %s, %s, %u, %s", at, y, v->n[1], x ? x : "0");
    return at;
}

const char *ptx_address(ptx *p, const kc_expr *array, const kc_expr *index, const char **space)
{
    u32 constant;
    const kc_var *v = array->var;
    const char *at = flat_index(p, v, array->n_args ? array->a[0] : NULL, index, &constant);
    *space = v->storage == KC_V_SHARED ? "shared" : v->storage == KC_V_BUFFER ? "global" : "local";
    return address_of(p, v, at, constant);
}

/* The address a few bytes on. */
static const char *beside(ptx *p, const char *address, u32 bytes)
{
    size_t n = strlen(address);
    return bytes ? ptx_text(p, "%.*s+%u]", (int)n - 1, address, bytes) : address;
}

/* ------------------------------------------------------------------ one lane */
static const char *guarded(ptx *p, const char *guard) { return guard ? ptx_text(p, "@%s ", guard) : ""; }

/* A guarded load leaves its register as it was. One never written is no value at all: the assembler may then take the register for what lies
 * at the address, and give it to another load from there that does happen. So it starts as 0. */
static void clear_if_guarded(ptx *p, kc_scalar s, const char *to, const char *guard)
{
    if (guard) ptx_move(p, s == KC_BOOL ? PTX_R : ptx_class_of(s), to, s == KC_BOOL ? "0" : ptx_const(p, s, 0, 0));
}

static const char *load_lane(ptx *p, const kc_var *v, const char *address, const char *guard)
{
    kc_scalar s = (kc_scalar)v->type.scalar;
    ptx_class c = s == KC_BOOL ? PTX_R : ptx_class_of(s);
    const char *to = ptx_reg(p, c);
    clear_if_guarded(p, s, to, guard);
    ptx_line(p, "%sld.%s.%s %s, %s", guarded(p, guard), space_of(v, v->written), memory_type(s), to, address);
    return s == KC_BOOL ? ptx_compare(p, "ne", KC_U32, to, "0") : to;
}

static void store_lane(ptx *p, const kc_var *v, const char *address, const char *x, const char *guard)
{
    kc_scalar s = (kc_scalar)v->type.scalar;
    if (s == KC_BOOL) x = ptx_convert(p, KC_U32, KC_BOOL, x);
    ptx_line(p, "%sst.%s.%s %s, %s", guarded(p, guard), space_of(v, true), memory_type(s), address,
             ptx_held(p, s == KC_BOOL ? KC_U32 : s, x));
}

/* ------------------------------------------------------------------ elements */
static const char **registers_of(ptx *p, const kc_expr *elem)
{
    const kc_var *v = elem->var;
    const ptx_place *place = ptx_place_of(p, v);
    u32 a = 0, b = 0;
    if (!place->regs) return NULL;
    if (elem->n_args > 0 && !ptx_constant_index(elem->a[0], &a)) return NULL;
    if (elem->n_args > 1 && !ptx_constant_index(elem->a[1], &b)) return NULL;
    u32 elems = v->dims == 0 ? 1 : v->dims == 1 ? v->n[0] : v->n[0] * v->n[1], at = elem->n_args > 1 ? a * v->n[1] + b : a;
    return place->regs + MIN(at, elems - 1) * kc_lanes(p->m, v->type);
}

static const char *element_address(ptx *p, const kc_expr *elem)
{
    u32 constant;
    bool two = elem->n_args > 1;
    const char *at = flat_index(p, elem->var, two ? elem->a[0] : NULL, elem->a[two ? 1 : 0], &constant);
    return address_of(p, elem->var, at, constant);
}

static const char *vector_word(u32 lanes) { return lanes == 4 ? ".v4" : lanes == 2 ? ".v2" : ""; }

ptx_value ptx_load(ptx *p, const kc_expr *elem)
{
    ptx_value out = { 0 };
    const kc_var *v = elem->var;
    u32 lanes = kc_lanes(p->m, v->type);
    const char **regs = registers_of(p, elem);
    if (regs) {
        memcpy(out.lane, regs, lanes * sizeof *regs);
        return out;
    }
    const char *address = element_address(p, elem);
    if (lanes == 2 || lanes == 4) {
        const char **to = ptx_regs(p, v->type, 1);
        if (!to) return out;
        for (u32 k = 0; k < lanes; k++) clear_if_guarded(p, (kc_scalar)v->type.scalar, to[k], p->guard);
        const char *list =
            lanes == 2 ? ptx_text(p, "{%s, %s}", to[0], to[1]) : ptx_text(p, "{%s, %s, %s, %s}", to[0], to[1], to[2], to[3]);
        ptx_line(p, "%sld.%s%s.%s %s, %s", guarded(p, p->guard), space_of(v, v->written), vector_word(lanes),
                 memory_type((kc_scalar)v->type.scalar), list, address);
        memcpy(out.lane, to, lanes * sizeof *to);
        return out;
    }
    for (u32 k = 0; k < lanes; k++)
        out.lane[k] = load_lane(p, v, beside(p, address, k * kc_scalar_bytes((kc_scalar)v->type.scalar)), p->guard);
    return out;
}

/* A vector, which lies where a multiple of its size is. */
static void store_whole(ptx *p, const kc_var *v, const char *address, u32 lanes, const ptx_value *value)
{
    kc_scalar s = (kc_scalar)v->type.scalar;
    str list = { 0 };
    for (u32 k = 0; k < lanes; k++) str_print(&list, "%s%s", k ? ", " : "", ptx_held(p, s, value->lane[k]));
    ptx_line(p, "%sst.%s%s.%s %s, {%s}", guarded(p, p->guard), space_of(v, true), vector_word(lanes), memory_type(s),
             address, list.text ? list.text : "");
    str_free(&list);
}

void ptx_store(ptx *p, const kc_expr *elem, u32 lane, bool one_lane, const ptx_value *value)
{
    const kc_var *v = elem->var;
    u32 lanes = one_lane ? 1 : kc_lanes(p->m, v->type), bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    const char **regs = registers_of(p, elem);
    if (regs) {
        for (u32 k = 0; k < lanes; k++) ptx_move(p, ptx_class_of((kc_scalar)v->type.scalar), regs[lane + k], value->lane[k]);
        return;
    }
    const char *address = element_address(p, elem);
    if (lanes == 2 || lanes == 4) store_whole(p, v, address, lanes, value);
    else
        for (u32 k = 0; k < lanes; k++) store_lane(p, v, beside(p, address, (lane + k) * bytes), value->lane[k], p->guard);
}

void ptx_store_result(ptx *p, const ptx_value *value)
{
    kc_type t = p->e->kernel.result;
    kc_var out = { .type = t, .storage = KC_V_BUFFER, .role = KC_OUT, .dims = 1 };
    u32 size = elem_bytes(p, &out);
    const char *address = ptx_reg(p, PTX_RD);
    ptx_line(p, "mad.wide.u32 %s, %s, %u, %s", address, p->first, size, p->output);
    address = ptx_text(p, "[%s]", address);
    for (u32 k = 0; k < kc_lanes(p->m, t); k++)
        store_lane(p, &out, beside(p, address, k * kc_scalar_bytes((kc_scalar)t.scalar)), value->lane[k], NULL);
}

void ptx_zero_array(ptx *p, const kc_var *v)
{
    const ptx_place *place = &p->vars[v->slot];
    kc_scalar s = (kc_scalar)v->type.scalar;
    u32 elems = v->dims == 2 ? v->n[0] * v->n[1] : v->n[0], n = elems * kc_lanes(p->m, v->type);
    for (u32 i = 0; place->regs && i < n; i++) ptx_move(p, ptx_class_of(s), place->regs[i], ptx_const(p, s, 0, 0));
    if (place->regs) return;
    u32 bytes = n * kc_scalar_bytes(s), at = 0;
    if (bytes <= 256) {
        for (; at + 4 <= bytes; at += 4) ptx_line(p, "st.local.u32 [%s+%u], 0", place->base, at);
    } else {
        const char *word = ptx_reg(p, PTX_R), *more = ptx_reg(p, PTX_P), *address = ptx_reg(p, PTX_RD), *top = ptx_label(p);
        ptx_line(p, "mov.u32 %s, 0", word);
        ptx_put_label(p, top);
        ptx_line(p, "cvt.u64.u32 %s, %s", address, word);
        ptx_line(p, "add.u64 %s, %s, %s", address, address, place->base);
        ptx_line(p, "st.local.u32 [%s], 0", address);
        ptx_line(p, "add.u32 %s, %s, 4", word, word);
        ptx_line(p, "setp.lt.u32 %s, %s, %u", more, word, bytes / 4 * 4);
        ptx_line(p, "@%s bra %s", more, top);
        at = bytes / 4 * 4;
    }
    for (; at < bytes; at++) ptx_line(p, "st.local.u8 [%s+%u], 0", place->base, at);
}

/* ------------------------------------------------------------------ several elements side by side */
/* Lanes that live in registers: a local array with constant indices. */
static const char **registers_at(ptx *p, const kc_expr *array, const kc_expr *index, u32 lanes)
{
    const kc_var *v = array->var;
    const ptx_place *place = ptx_place_of(p, v);
    u32 row = 0, at = 0;
    if (!place->regs || !ptx_constant_index(index, &at)) return NULL;
    if (array->n_args && !ptx_constant_index(array->a[0], &row)) return NULL;
    u32 elems = v->dims == 2 ? v->n[0] * v->n[1] : v->n[0];
    at += array->n_args ? row * v->n[1] : 0;
    return place->regs + MIN(at, elems >= lanes ? elems - lanes : 0);
}

/* Which of the lanes are in: the guard and k < count. NULL: always. */
static const char *lane_guard(ptx *p, const char *count, u32 k)
{
    if (!count) return p->guard;
    const char *in = ptx_compare(p, "gt", KC_U32, count, ptx_text(p, "%u", k));
    return p->guard ? ptx_op2(p, PTX_P, "and.pred", in, p->guard) : in;
}

static bool known_aligned(ptx *p, const kc_expr *array, const kc_expr *index, u32 lanes)
{
    const kc_var *v = array->var;
    return is_multiple(p, index, lanes) && (!array->n_args || v->n[1] % lanes == 0 || is_multiple(p, array->a[0], lanes));
}

/* Predicates for one wide access and for its parts; `*parts` NULL: the address is known to suit. */
static void wide_or_parts(ptx *p, const kc_expr *array, const kc_expr *index, u32 lanes, const char *address,
                          const char **wide, const char **parts)
{
    const kc_var *v = array->var;
    *wide = p->guard, *parts = NULL;
    if (known_aligned(p, array, index, lanes)) return;
    bool narrow = v->storage == KC_V_SHARED;
    u32 mask = lanes * kc_scalar_bytes((kc_scalar)v->type.scalar) - 1;
    const char *whole = ptx_reg(p, narrow ? PTX_R : PTX_RD), *bits = narrow ? "32" : "64";
    char plain[96];
    size_t n = strlen(address);
    snprintf(plain, sizeof plain, "%.*s", (int)MIN(n - 2, sizeof plain - 1), address + 1);
    char *plus = strchr(plain, '+');
    if (plus) *plus = 0;
    if (plain[0] != '%') {
        const char *reg = ptx_reg(p, narrow ? PTX_R : PTX_RD);
        ptx_line(p, "mov.u%s %s, %s", bits, reg, plain);
        snprintf(plain, sizeof plain, "%s", reg);
    }
    const char *shown = plain;
    if (plus) {
        shown = ptx_reg(p, narrow ? PTX_R : PTX_RD);
        ptx_line(p, "add.s%s %s, %s, %s", bits, shown, plain, plus + 1);
    }
    ptx_line(p, "and.b%s %s, %s, %u", bits, whole, shown, mask);
    const char *suits = ptx_reg(p, PTX_P), *not_so = ptx_reg(p, PTX_P);
    ptx_line(p, "setp.eq.u%s %s, %s, 0", bits, suits, whole);
    ptx_line(p, "not.pred %s, %s", not_so, suits);
    *wide = p->guard ? ptx_op2(p, PTX_P, "and.pred", suits, p->guard) : suits;
    *parts = p->guard ? ptx_op2(p, PTX_P, "and.pred", not_so, p->guard) : not_so;
}

static void load_four(ptx *p, const kc_expr *array, const kc_expr *index, const char *address, const char **to)
{
    const kc_var *v = array->var;
    const char *wide, *parts, *type = memory_type((kc_scalar)v->type.scalar), *space = space_of(v, v->written);
    u32 bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    for (u32 k = 0; k < 4; k++) clear_if_guarded(p, (kc_scalar)v->type.scalar, to[k], p->guard);
    if (bytes == 8) {
        for (u32 k = 0; k < 4; k++)
            ptx_line(p, "%sld.%s.%s %s, %s", guarded(p, p->guard), space, type, to[k], beside(p, address, k * bytes));
        return;
    }
    wide_or_parts(p, array, index, 4, address, &wide, &parts);
    ptx_line(p, "%sld.%s.v4.%s {%s, %s, %s, %s}, %s", guarded(p, wide), space, type, to[0], to[1], to[2], to[3], address);
    for (u32 k = 0; parts && k < 4; k++)
        ptx_line(p, "@%s ld.%s.%s %s, %s", parts, space, type, to[k], beside(p, address, k * bytes));
}

ptx_value ptx_load_many(ptx *p, const kc_expr *array, const kc_expr *index, kc_type t, const char *count)
{
    ptx_value out = { 0 };
    const kc_var *v = array->var;
    kc_scalar from = (kc_scalar)v->type.scalar, to = (kc_scalar)t.scalar;
    u32 lanes = kc_lanes(p->m, t), bytes = kc_scalar_bytes(from);
    const char **regs = registers_at(p, array, index, lanes);
    const char *space, *address = regs ? NULL : ptx_address(p, array, index, &space);
    const char **raw = regs ? regs : ptx_regs(p, (kc_type){ (u8)from, KC_WIDE }, MAX(lanes / p->m->width, 1u));
    if (lanes > p->m->width && !regs) raw = ptx_regs(p, (kc_type){ (u8)from, 1 }, lanes);
    if (!raw || p->status != QN_OK) return out;
    for (u32 k = 0; k < lanes && !regs; k++) {
        if (!count && lanes % 4 == 0 && k % 4 == 0) {
            load_four(p, array, index, beside(p, address, k * bytes), raw + k);
            k += 3;
            continue;
        }
        const char *in = lane_guard(p, count, k);
        clear_if_guarded(p, from, raw[k], in);
        ptx_line(p, "%sld.%s.%s %s, %s", guarded(p, in), space_of(v, v->written), memory_type(from), raw[k],
                 beside(p, address, k * bytes));
    }
    for (u32 k = 0; k < lanes; k++) {
        out.lane[k] = raw[k];
        if (regs && count) out.lane[k] = ptx_pick(p, from, lane_guard(p, count, k), raw[k], ptx_const(p, from, 0, 0));
        out.lane[k] = ptx_convert(p, to, from, out.lane[k]);
    }
    return out;
}

static void store_four(ptx *p, const kc_expr *array, const kc_expr *index, const char *address, const char *const *from)
{
    const kc_var *v = array->var;
    const char *wide, *parts, *type = memory_type((kc_scalar)v->type.scalar), *space = space_of(v, true);
    u32 bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    if (bytes == 8) {
        for (u32 k = 0; k < 4; k++)
            ptx_line(p, "%sst.%s.%s %s, %s", guarded(p, p->guard), space, type, beside(p, address, k * bytes), from[k]);
        return;
    }
    wide_or_parts(p, array, index, 4, address, &wide, &parts);
    ptx_line(p, "%sst.%s.v4.%s %s, {%s, %s, %s, %s}", guarded(p, wide), space, type, address, from[0], from[1], from[2],
             from[3]);
    for (u32 k = 0; parts && k < 4; k++)
        ptx_line(p, "@%s st.%s.%s %s, %s", parts, space, type, beside(p, address, k * bytes), from[k]);
}

void ptx_store_many(ptx *p, const kc_expr *array, const kc_expr *index, kc_type t, const ptx_value *value, const char *count)
{
    const kc_var *v = array->var;
    kc_scalar to = (kc_scalar)v->type.scalar, from = (kc_scalar)t.scalar;
    u32 lanes = kc_lanes(p->m, t), bytes = kc_scalar_bytes(to);
    ptx_value x = *value;
    const char **regs = registers_at(p, array, index, lanes);
    const char *space, *address = regs ? NULL : ptx_address(p, array, index, &space);
    for (u32 k = 0; k < lanes; k++) x.lane[k] = ptx_held(p, to, ptx_convert(p, to, from, x.lane[k]));
    for (u32 k = 0; k < lanes && p->status == QN_OK; k++) {
        const char *in = count ? lane_guard(p, count, k) : NULL;
        if (regs) {
            ptx_move(p, ptx_class_of(to), regs[k], in ? ptx_pick(p, to, in, x.lane[k], regs[k]) : x.lane[k]);
        } else if (!count && lanes % 4 == 0 && k % 4 == 0) {
            store_four(p, array, index, beside(p, address, k * bytes), x.lane + k);
            k += 3;
        } else {
            store_lane(p, v, beside(p, address, k * bytes), x.lane[k], count ? in : p->guard);
        }
    }
}
