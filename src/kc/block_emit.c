/* Steps of the block machine: places for values, numbers and registers turned into each other, operations, conversions. */
#include "kc/block_make.h"

operand block_unfit(maker *k)
{
    k->fits = false;
    return block_nothing;
}

void block_no_memory(maker *k)
{
    k->fits = false;
    k->status = fail_nomem(BLOCK_MAX_STEPS);
}

/* ------------------------------------------------------------------ places */
/* Bytes of a lane in a register: bool is an i32 there. */
u8 block_lane_bytes(kc_scalar s) { return s == KC_BOOL ? 4 : (u8)kc_scalar_bytes(s); }

/* bytes 0: only points somewhere. */
u16 block_new_place(maker *k, u8 bytes, bool number)
{
    u8 room = bytes == 0 ? 0 : bytes <= 4 ? 4 : 8;
    for (u32 i = BLOCK_PLACES; i < k->n_places && !number && room; i++) /* pointing costs no memory: always a new one */
        if (k->states[i].free && k->places[i].bytes == room) {
            k->states[i].free = false;
            return (u16)i;
        }
    if (k->n_places == BLOCK_MAX_PLACES) {
        block_unfit(k);
        return BLOCK_I;
    }
    u32 at = k->n_places++;
    k->places[at] = (block_place){ .bytes = room, .number = number };
    return (u16)at;
}

void block_release(maker *k, const operand *o)
{
    if (o->kind != REGISTER || !o->owned || o->at == BLOCK_OUT) return;
    place_state *s = &k->states[o->at];
    s->free = true;
    if (s->companion) k->states[s->companion].free = true;
    s->companion = 0;
}

operand block_number_at(u16 at, kc_scalar type) { return (operand){ .kind = NUMBER, .type = type, .at = at }; }
operand block_register_at(u16 at, kc_scalar type)
{
    return (operand){ .kind = REGISTER, .type = type, .at = at, .owned = true };
}

operand block_constant(maker *k, kc_scalar type, lane v)
{
    u64 bits = 0;
    value_store(type, &bits, v);
    for (u32 i = BLOCK_PLACES; i < k->n_places; i++)
        if (k->states[i].constant && k->numbers[i] == bits) return block_number_at((u16)i, type);
    u16 at = block_new_place(k, 8, true);
    k->numbers[at] = bits;
    k->states[at].fixed = k->states[at].constant = true;
    return block_number_at(at, type);
}

operand block_integer(maker *k, kc_scalar type, i64 v) { return block_constant(k, type, (lane){ .i = v }); }

/* ------------------------------------------------------------------ steps */
void block_push(maker *k, bool once, const block_step *s)
{
    step_list *l = once ? &k->once : &k->steps;
    if (!k->fits) return;
    if (l->n == BLOCK_MAX_STEPS) {
        block_unfit(k);
        return;
    }
    if (!ARENA_PUSH_ROOM(k->a, l->at, l->n, l->cap, BLOCK_MAX_STEPS)) {
        block_no_memory(k);
        return;
    }
    l->at[l->n++] = *s;
}

u32 block_push_jump(maker *k, step_kind kind, u16 x, u32 to)
{
    block_push(k, false, &(block_step){ .kind = (u8)kind, .x = { x }, .to = to });
    return k->steps.n - 1;
}

void block_land(maker *k, u32 jump)
{
    if (k->fits) k->steps.at[jump].to = k->landed = k->steps.n;
}

bool block_is_fixed(const maker *k, const operand *o) { return k->states[o->at].fixed; }

operand block_number(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, const operand *x, u32 n)
{
    block_step s = { .kind = STEP_NUMBER, .op = op, .call = call, .from = (u8)from, .type = (u8)to, .n_x = (u8)n };
    bool fixed = true;
    for (u32 i = 0; i < n; i++) {
        s.x[i] = x[i].at;
        fixed = fixed && block_is_fixed(k, &x[i]);
    }
    s.y = block_new_place(k, 8, true);
    k->states[s.y].fixed = fixed;
    block_push(k, fixed, &s);
    return block_number_at(s.y, to);
}

/* Signed and unsigned share the loops where bits are all that matters. */
static kc_scalar twin(kc_scalar s)
{
    switch (s) {
    case KC_I8: return KC_U8;
    case KC_I16:
    case KC_F16:
    case KC_BF16: return KC_U16;
    case KC_BOOL:
    case KC_I32: return KC_U32;
    case KC_I64: return KC_U64;
    default: return s;
    }
}

kc_scalar block_by_size(u8 bytes) { return bytes == 1 ? KC_U8 : bytes == 2 ? KC_U16 : bytes == 4 ? KC_U32 : KC_U64; }

static const block_loop *find_loop(maker *k, u8 op, u8 call, kc_scalar from)
{
    const block_loop *l = block_find(k->loops, op, call, from, KC_VOID);
    return l ? l : block_find(k->loops, op, call, twin(from), KC_VOID);
}

/* loop over x[0..n): y is dest, or a new register. Owned operands end here. */
operand block_call_loop(maker *k, const block_loop *l, block_shape shape, kc_scalar to, const operand *x, u32 n, u16 dest)
{
    if (!l || !l->run[shape]) return block_unfit(k);
    block_step s = { .kind = STEP_LOOP, .loop = l->run[shape], .op = l->op, .call = l->call, .from = l->from };
    bool in_place = true;
    for (u32 i = 0; i < n; i++) {
        s.x[i] = x[i].at;
        in_place = in_place && block_lane_bytes(x[i].type) == block_lane_bytes(to);
    }
    for (u32 i = 0; i < n && in_place; i++) block_release(k, &x[i]);
    s.y = dest ? dest : block_new_place(k, block_lane_bytes(to), false);
    for (u32 i = 0; i < n && !in_place; i++) block_release(k, &x[i]);
    block_push(k, false, &s);
    return block_register_at(s.y, to);
}

/* ------------------------------------------------------------------ between numbers, indices and registers */
operand block_splat(maker *k, operand o)
{
    bool fixed = block_is_fixed(k, &o);
    u8 bytes = block_lane_bytes(o.type);
    u16 known = fixed ? k->states[o.at].splat : 0;
    const block_loop *l = block_find(k->loops, K_SPLAT, 0, block_by_size(bytes), KC_VOID);
    if (known && k->states[o.at].splat_bytes == bytes) return (operand){ .kind = REGISTER, .type = o.type, .at = known };
    if (!l) return block_unfit(k);
    block_step s = { .kind = STEP_LOOP, .loop = l->run[0], .x = { o.at } };
    if (!fixed) {
        s.y = block_new_place(k, bytes, false);
        block_push(k, false, &s);
        return block_register_at(s.y, o.type);
    }
    if (k->n_places == BLOCK_MAX_PLACES) return block_unfit(k);
    s.y = (u16)k->n_places++; /* its own for good: it is filled before the first block */
    k->places[s.y] = (block_place){ .bytes = bytes <= 4 ? 4 : 8 };
    k->states[o.at].splat = s.y;
    k->states[o.at].splat_bytes = bytes;
    block_push(k, true, &s);
    return (operand){ .kind = REGISTER, .type = o.type, .at = s.y };
}

static operand count_up(maker *k, operand o)
{
    operand first = block_number_at(BLOCK_I, KC_U32);
    if (o.plus) {
        const operand pair[2] = { first, block_number_at(o.plus, KC_U32) };
        first = block_number(k, K_ADD, 0, KC_U32, KC_U32, pair, 2);
    }
    const block_loop *l = block_find(k->loops, K_VAR, 0, KC_U32, KC_VOID);
    block_step s = { .kind = STEP_LOOP, .loop = l ? l->run[0] : NULL, .x = { first.at }, .y = block_new_place(k, 4, false) };
    if (!l) return block_unfit(k);
    block_push(k, false, &s);
    return block_register_at(s.y, o.type);
}

operand block_to_register(maker *k, operand o)
{
    if (o.kind == NUMBER) return block_splat(k, o);
    if (o.kind != INDEX) return o;
    if (!o.inner && !o.outer) return count_up(k, o);
    block_step s = { .kind = STEP_DIGIT, .x = { o.inner, o.outer, o.plus }, .y = block_new_place(k, 4, false) };
    block_push(k, false, &s);
    return block_register_at(s.y, o.type);
}

/* o in `dest`, a register of its type. */
void block_move(maker *k, operand o, u16 dest)
{
    u8 bytes = block_lane_bytes(o.type);
    if (o.kind == NUMBER) {
        const block_loop *l = block_find(k->loops, K_SPLAT, 0, block_by_size(bytes), KC_VOID);
        if (l) block_push(k, false, &(block_step){ .kind = STEP_LOOP, .loop = l->run[0], .x = { o.at }, .y = dest });
        return;
    }
    o = block_to_register(k, o);
    if (o.at != dest) {
        block_push(k, false, &(block_step){ .kind = STEP_COPY, .size = bytes, .x = { o.at }, .y = dest });
        block_release(k, &o);
    }
}

void block_move_number(maker *k, operand o, u16 dest)
{
    if (o.kind != NUMBER) block_unfit(k);
    block_push(k, false, &(block_step){ .kind = STEP_COPY, .x = { o.at }, .y = dest });
}

operand block_own(maker *k, operand x)
{
    if (!k->fits || x.owned || x.kind == INDEX || (x.kind == NUMBER && !x.borrowed)) return x;
    bool number = x.kind == NUMBER;
    u16 at = block_new_place(k, number ? 8 : block_lane_bytes(x.type), number);
    if (number) block_move_number(k, x, at);
    else block_move(k, x, at);
    return number ? block_number_at(at, x.type) : block_register_at(at, x.type);
}

/* ------------------------------------------------------------------ operations */
/* ---- two operations in one loop */
static int pair_of(u8 op, u8 call)
{
    switch (op) {
    case K_ADD: return BLOCK_PAIR_add;
    case K_SUB: return BLOCK_PAIR_sub;
    case K_MUL: return BLOCK_PAIR_mul;
    case K_CALL: return call == KC_B_min ? BLOCK_PAIR_min : call == KC_B_max ? BLOCK_PAIR_max : -1;
    default: return -1;
    }
}

/* The step that made o, when it is one of two f32 operands, nothing but pointing happened since, and no jump comes in between. */
static block_step *maker_of(maker *k, const operand *o)
{
    u32 i = k->steps.n;
    if (o->kind != REGISTER || !(o->owned || o->once) || o->at == BLOCK_OUT) return NULL;
    while (i > k->landed && k->steps.at[i - 1].kind == STEP_POINT) i--;
    block_step *s = i > k->landed ? &k->steps.at[i - 1] : NULL;
    return s && s->kind == STEP_LOOP && s->y == o->at && s->from == KC_F32 && pair_of(s->op, s->call) >= 0 ? s : NULL;
}

/* A place of the first operation as a register; 0: a number that changes. */
static u16 lanes_of(maker *k, u16 place)
{
    if (!k->places[place].number) return place;
    const operand o = block_number_at(place, KC_F32);
    return block_is_fixed(k, &o) && k->n_places < BLOCK_MAX_PLACES ? block_splat(k, o).at : 0;
}

/* x[0] op x[1] together with the operation before it, where that made one of them. NONE: not so. */
static operand apply_pair(maker *k, u8 op, u8 call, operand *x, u16 dest)
{
    int second = pair_of(op, call);
    if (second < 0 || x[0].at == x[1].at) return block_nothing;
    for (u32 side = 0; side < 2; side++) {
        block_step *first = maker_of(k, &x[side]);
        if (!first) continue;
        const block_loop *l = block_find(
            k->loops, BLOCK_PAIR, (u8)(pair_of(first->op, first->call) * BLOCK_PAIR_COUNT + second), KC_VOID, KC_VOID);
        u16 a = lanes_of(k, first->x[0]), b = lanes_of(k, first->x[1]);
        operand other = x[1 - side];
        if (!l || !a || !b || (other.kind == NUMBER && !block_is_fixed(k, &other))) continue;
        other = block_to_register(k, other);
        if (!k->fits) return block_nothing;
        u32 at = (u32)(first - k->steps.at);
        memmove(first, first + 1, (k->steps.n - at - 1) * sizeof *first);
        k->steps.n--;
        const operand all[3] = { block_place_operand(a, KC_F32), block_place_operand(b, KC_F32), other };
        block_release(k, &x[side]);
        return block_call_loop(k, l, side ? BLOCK_VS : BLOCK_VV, KC_F32, all, 3, dest);
    }
    return block_nothing;
}

operand block_apply(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, operand *x, u32 n, u16 dest)
{
    bool numbers = true;
    for (u32 i = 0; i < n; i++) numbers = numbers && x[i].kind == NUMBER;
    if (!k->fits) return block_nothing;
    if (numbers) return block_number(k, op, call, from, to, x, n);
    if (n == 2 && from == KC_F32 && to == KC_F32) {
        operand pair = apply_pair(k, op, call, x, dest);
        if (pair.kind != NONE || !k->fits) return pair;
    }
    block_shape shape = BLOCK_VV;
    for (u32 i = 0; i < n; i++) {
        if (x[i].kind == NUMBER && n == 2) shape = i ? BLOCK_VS : BLOCK_SV;
        else x[i] = block_to_register(k, x[i]);
    }
    return block_call_loop(k, find_loop(k, op, call, from), shape, to, x, n, dest);
}

/* c ? a : b for every lane, c a register. */
operand block_choose(maker *k, operand c, operand a, operand b, u16 dest)
{
    operand x[3] = { c, a, b };
    block_shape shape = b.kind == NUMBER ? BLOCK_VS : a.kind == NUMBER ? BLOCK_SV : BLOCK_VV;
    if (shape != BLOCK_SV) x[1] = block_to_register(k, a);
    if (shape != BLOCK_VS) x[2] = block_to_register(k, b);
    if (!k->fits) return block_nothing;
    return block_call_loop(k, block_find(k->loops, K_COND, 0, block_by_size(block_lane_bytes(a.type)), KC_VOID), shape,
                           a.type, x, 3, dest);
}

operand block_both(maker *k, operand a, operand b)
{
    operand x[2] = { a, b };
    return block_apply(k, K_AND, 0, KC_BOOL, KC_BOOL, x, 2, 0);
}

operand block_opposite(maker *k, operand a) { return block_apply(k, K_NOT, 0, KC_BOOL, KC_BOOL, &a, 1, 0); }

operand block_place_operand(u16 at, kc_scalar type) { return (operand){ .kind = REGISTER, .type = type, .at = at }; }

/* The lanes that really get here; NONE: all. */
operand block_reaching(maker *k)
{
    if (k->mask && k->live)
        return block_both(k, block_place_operand(k->mask, KC_BOOL), block_place_operand(k->live, KC_BOOL));
    if (!k->mask && !k->live) return block_nothing;
    return block_place_operand(k->mask ? k->mask : k->live, KC_BOOL);
}

/* ------------------------------------------------------------------ conversions */
static bool is_narrow(kc_scalar s) { return s != KC_BOOL && kc_scalar_bytes(s) < 4; }

operand block_cast_once(maker *k, operand x, kc_scalar to, u16 dest)
{
    kc_scalar from = x.type == KC_BOOL ? KC_U32 : x.type, want = kc_is_float(from) || is_narrow(from) ? to : twin(to);
    if (to == KC_BOOL) from = twin(from), want = KC_BOOL;
    if (to == KC_I8 || to == KC_U8 || to == KC_I16 || to == KC_U16) from = twin(from), want = twin(to);
    if (want == KC_U32 && kc_scalar_bytes(from) == 8 && !kc_is_float(from)) from = KC_U64;
    if (is_narrow(from) && !kc_is_float(from)) want = KC_I32;
    return block_call_loop(k, block_find(k->loops, K_CAST, 0, from, want), BLOCK_VV, to, &x, 1, dest);
}

static operand limit(maker *k, operand x, kc_scalar to)
{
    i64 most = to == KC_I8 ? INT8_MAX : to == KC_U8 ? UINT8_MAX : to == KC_I16 ? INT16_MAX : UINT16_MAX;
    i64 least = to == KC_I8 ? INT8_MIN : to == KC_I16 ? INT16_MIN : 0;
    operand low[2] = { x, block_integer(k, KC_I32, least) };
    operand high[2] = { block_apply(k, K_CALL, KC_B_max, KC_I32, KC_I32, low, 2, 0), block_integer(k, KC_I32, most) };
    return block_apply(k, K_CALL, KC_B_min, KC_I32, KC_I32, high, 2, 0);
}

/* By way of i32 for narrow integers and f32 for narrow floats. */
operand block_cast(maker *k, operand x, kc_scalar to, u16 dest)
{
    kc_scalar from = x.type;
    if (from == to) return x;
    if (x.kind == NUMBER) return block_number(k, K_CAST, 0, from, to, &x, 1);
    bool bits = !kc_is_float(from) && !kc_is_float(to) && to != KC_BOOL && block_lane_bytes(from) == block_lane_bytes(to);
    if (bits) {
        x.type = to;
        return x;
    }
    x = block_to_register(k, x);
    if (!k->fits) return block_nothing;
    if (is_narrow(from)) {
        kc_scalar middle = kc_is_float(from) ? KC_F32 : KC_I32;
        x = block_cast_once(k, x, middle, middle == to ? dest : 0);
        return middle == to ? x : block_cast(k, x, to, dest);
    }
    if (is_narrow(to) && kc_is_float(to) && from != KC_F32) return block_cast(k, block_cast(k, x, KC_F32, 0), to, dest);
    if (is_narrow(to) && !kc_is_float(to) && kc_is_float(from))
        return block_cast_once(k, limit(k, block_cast(k, x, KC_I32, 0), to), to, dest);
    if (is_narrow(to) && !kc_is_float(to) && block_lane_bytes(from) == 8)
        return block_cast_once(k, block_cast(k, x, KC_U32, 0), to, dest);
    return block_cast_once(k, x, to, dest);
}
