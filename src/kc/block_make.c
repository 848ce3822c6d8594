/* A MAP's tree -> steps of the block machine.
 *
 * Every expression is a number (the same for all elements: constants, launch parameters, uniform loop counters), a register (a lane for
 * each element of the block), or an index: i / inner % outer + plus, which is turned into a register only where it does not end in
 * a load. What a condition on the element guards is computed for all lanes and selected; only loads look at the mask, since they
 * could leave their buffer. Conditions and loops on numbers jump.
 *
 * Does not fit, and goes to a compiler or the interpreter: loops and their exits that depend on the element, vectors, tables and local arrays
 * with computed indices. */
#include "kc/block.h"
#include "kc/interpret_value.h"

enum { MAX_ARRAY = 64 };

typedef enum operand_kind { NONE, NUMBER, REGISTER, INDEX } operand_kind;
typedef struct operand {
    operand_kind kind;
    kc_scalar type;
    u16 at;                                                  /* NUMBER, REGISTER: its place                               */
    u16 inner, outer, plus;                                  /* INDEX: numbers, 0: none                                   */
    bool owned;                                              /* REGISTER: free after its use                              */
    bool borrowed;                                           /* a variable's, which may change                            */
} operand;

typedef struct var_state {
    bool varying, assigned;                                  /* depends on the element; by more than its declaration      */
    u32 reads, depth;                                        /* left to come; conditions on elements around its declaration */
    operand is;
    u16 *elems;                                              /* arrays: the place of each element                         */
} var_state;

typedef struct place_state {
    bool fixed, free, constant;                              /* fixed: known before the first block                       */
    u16 companion;                                           /* of a register that points: its own memory                 */
    u16 splat; u8 splat_bytes;                               /* of a fixed number: the register that holds it in all lanes */
} place_state;

typedef struct loop_state { u32 depth, breaks, continues; struct loop_state *outer; } loop_state;   /* jumps: linked by `to` */

typedef struct step_list { block_step *at; u32 n, cap; } step_list;

typedef struct maker {
    arena *a;
    const kc_module *m;
    const kc_entry *e;
    const block_loop *loops;
    bool fits;
    qn_status status;
    var_state *vars;
    block_place *places; place_state *states; u64 *numbers; u32 n_places;
    step_list once, steps;
    u32 control;                                             /* jumps around here                                         */
    u32 depth; u16 mask;                                     /* conditions on elements around here; the lanes they let in */
    u16 live;                                                /* lanes that have not returned; 0: all                      */
    u16 result; u32 returns;                                 /* 0: the only return writes the output; jumps to the end    */
    loop_state *loop;
    bool has_loops, has_varying_return, changed;
    operand done[BLOCK_MAX_PLACES]; u32 n_done;              /* variables read for the last time in this statement        */
    u32 n_returns;
} maker;

static const operand nothing = { .kind = NONE };

static operand eval(maker *k, const kc_expr *e, u16 dest);
static void make_list(maker *k, const kc_stmt *list);

static operand unfit(maker *k)
{
    k->fits = false;
    return nothing;
}

static void no_memory(maker *k)
{
    k->fits = false;
    k->status = fail_nomem(BLOCK_MAX_STEPS);
}

/* ------------------------------------------------------------------ places */
/* Bytes of a lane in a register: bool is an i32 there. */
static u8 lane_bytes(kc_scalar s) { return s == KC_BOOL ? 4 : (u8)kc_scalar_bytes(s); }

/* bytes 0: only points somewhere. */
static u16 new_place(maker *k, u8 bytes, bool number)
{
    u8 room = bytes == 0 ? 0 : bytes <= 4 ? 4 : 8;
    for (u32 i = BLOCK_PLACES; i < k->n_places && !number; i++)
        if (k->states[i].free && k->places[i].bytes == room) {
            k->states[i].free = false;
            return (u16)i;
        }
    if (k->n_places == BLOCK_MAX_PLACES) {
        unfit(k);
        return BLOCK_I;
    }
    u32 at = k->n_places++;
    k->places[at] = (block_place){ .bytes = room, .number = number };
    return (u16)at;
}

static void release(maker *k, const operand *o)
{
    if (o->kind != REGISTER || !o->owned || o->at == BLOCK_OUT) return;
    place_state *s = &k->states[o->at];
    s->free = true;
    if (s->companion) k->states[s->companion].free = true;
    s->companion = 0;
}

static operand number_at(u16 at, kc_scalar type) { return (operand){ .kind = NUMBER, .type = type, .at = at }; }
static operand register_at(u16 at, kc_scalar type) { return (operand){ .kind = REGISTER, .type = type, .at = at, .owned = true }; }

static operand constant(maker *k, kc_scalar type, lane v)
{
    u64 bits = 0;
    value_store(type, &bits, v);
    for (u32 i = BLOCK_PLACES; i < k->n_places; i++)
        if (k->states[i].constant && k->numbers[i] == bits) return number_at((u16)i, type);
    u16 at = new_place(k, 8, true);
    k->numbers[at] = bits;
    k->states[at].fixed = k->states[at].constant = true;
    return number_at(at, type);
}

static operand integer(maker *k, kc_scalar type, i64 v) { return constant(k, type, (lane){ .i = v }); }

/* ------------------------------------------------------------------ steps */
static void push(maker *k, bool once, const block_step *s)
{
    step_list *l = once ? &k->once : &k->steps;
    if (!k->fits) return;
    if (l->n == BLOCK_MAX_STEPS) {
        unfit(k);
        return;
    }
    if (!ARENA_PUSH_ROOM(k->a, l->at, l->n, l->cap, BLOCK_MAX_STEPS)) {
        no_memory(k);
        return;
    }
    l->at[l->n++] = *s;
}

static u32 push_jump(maker *k, step_kind kind, u16 x, u32 to)
{
    push(k, false, &(block_step){ .kind = (u8)kind, .x = { x }, .to = to });
    return k->steps.n - 1;
}

static void land(maker *k, u32 jump)
{
    if (k->fits) k->steps.at[jump].to = k->steps.n;
}

/* A list of jumps to one place, linked through their targets; 0 is its end (step 0 is never such a jump's link). */
static void add_jump(maker *k, u32 *list)
{
    u32 at = push_jump(k, STEP_JUMP, 0, *list);
    *list = at + 1;
}

static void land_all(maker *k, u32 list)
{
    while (list && k->fits) {
        block_step *s = &k->steps.at[list - 1];
        list = s->to;
        s->to = k->steps.n;
    }
}

static bool is_fixed(const maker *k, const operand *o) { return k->states[o->at].fixed; }

static operand emit_number(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, const operand *x, u32 n)
{
    block_step s = { .kind = STEP_NUMBER, .op = op, .call = call, .from = (u8)from, .type = (u8)to, .n_x = (u8)n };
    bool fixed = true;
    for (u32 i = 0; i < n; i++) {
        s.x[i] = x[i].at;
        fixed = fixed && is_fixed(k, &x[i]);
    }
    s.y = new_place(k, 8, true);
    k->states[s.y].fixed = fixed;
    push(k, fixed, &s);
    return number_at(s.y, to);
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

static kc_scalar by_size(u8 bytes) { return bytes == 1 ? KC_U8 : bytes == 2 ? KC_U16 : bytes == 4 ? KC_U32 : KC_U64; }

static const block_loop *find_loop(maker *k, u8 op, u8 call, kc_scalar from)
{
    const block_loop *l = block_find(k->loops, op, call, from, KC_VOID);
    return l ? l : block_find(k->loops, op, call, twin(from), KC_VOID);
}

static operand to_register(maker *k, operand o);

/* loop over x[0..n): y is dest, or a new register. Owned operands end here. */
static operand emit_loop(maker *k, const block_loop *l, block_shape shape, kc_scalar to, const operand *x, u32 n, u16 dest)
{
    if (!l || !l->run[shape]) return unfit(k);
    block_step s = { .kind = STEP_LOOP, .loop = l->run[shape], .op = l->op };
    bool in_place = true;
    for (u32 i = 0; i < n; i++) {
        s.x[i] = x[i].at;
        in_place = in_place && lane_bytes(x[i].type) == lane_bytes(to);
    }
    for (u32 i = 0; i < n && in_place; i++) release(k, &x[i]);
    s.y = dest ? dest : new_place(k, lane_bytes(to), false);
    for (u32 i = 0; i < n && !in_place; i++) release(k, &x[i]);
    push(k, false, &s);
    return register_at(s.y, to);
}

/* ------------------------------------------------------------------ between numbers, indices and registers */
static operand splat(maker *k, operand o)
{
    bool fixed = is_fixed(k, &o);
    u8 bytes = lane_bytes(o.type);
    u16 known = fixed ? k->states[o.at].splat : 0;
    const block_loop *l = block_find(k->loops, K_SPLAT, 0, by_size(bytes), KC_VOID);
    if (known && k->states[o.at].splat_bytes == bytes) return (operand){ .kind = REGISTER, .type = o.type, .at = known };
    if (!l) return unfit(k);
    block_step s = { .kind = STEP_LOOP, .loop = l->run[0], .x = { o.at } };
    if (!fixed) {
        s.y = new_place(k, bytes, false);
        push(k, false, &s);
        return register_at(s.y, o.type);
    }
    if (k->n_places == BLOCK_MAX_PLACES) return unfit(k);
    s.y = (u16)k->n_places++;                                /* its own for good: it is filled before the first block     */
    k->places[s.y] = (block_place){ .bytes = bytes <= 4 ? 4 : 8 };
    k->states[o.at].splat = s.y;
    k->states[o.at].splat_bytes = bytes;
    push(k, true, &s);
    return (operand){ .kind = REGISTER, .type = o.type, .at = s.y };
}

static operand count_up(maker *k, operand o)
{
    operand first = number_at(BLOCK_I, KC_U32);
    if (o.plus) {
        const operand pair[2] = { first, number_at(o.plus, KC_U32) };
        first = emit_number(k, K_ADD, 0, KC_U32, KC_U32, pair, 2);
    }
    const block_loop *l = block_find(k->loops, K_VAR, 0, KC_U32, KC_VOID);
    block_step s = { .kind = STEP_LOOP, .loop = l ? l->run[0] : NULL, .x = { first.at }, .y = new_place(k, 4, false) };
    if (!l) return unfit(k);
    push(k, false, &s);
    return register_at(s.y, o.type);
}

static operand to_register(maker *k, operand o)
{
    if (o.kind == NUMBER) return splat(k, o);
    if (o.kind != INDEX) return o;
    if (!o.inner && !o.outer) return count_up(k, o);
    block_step s = { .kind = STEP_DIGIT, .x = { o.inner, o.outer, o.plus }, .y = new_place(k, 4, false) };
    push(k, false, &s);
    return register_at(s.y, o.type);
}

/* o in `dest`, a register of its type. */
static void move_to(maker *k, operand o, u16 dest)
{
    u8 bytes = lane_bytes(o.type);
    if (o.kind == NUMBER) {
        const block_loop *l = block_find(k->loops, K_SPLAT, 0, by_size(bytes), KC_VOID);
        if (l) push(k, false, &(block_step){ .kind = STEP_LOOP, .loop = l->run[0], .x = { o.at }, .y = dest });
        return;
    }
    o = to_register(k, o);
    if (o.at != dest) {
        push(k, false, &(block_step){ .kind = STEP_COPY, .size = bytes, .x = { o.at }, .y = dest });
        release(k, &o);
    }
}

static void move_number(maker *k, operand o, u16 dest)
{
    if (o.kind != NUMBER) unfit(k);
    push(k, false, &(block_step){ .kind = STEP_COPY, .x = { o.at }, .y = dest });
}

/* A copy of what belongs to a variable, which may change or end. */
static operand own(maker *k, operand x)
{
    if (!k->fits || x.owned || x.kind == INDEX || (x.kind == NUMBER && !x.borrowed)) return x;
    bool number = x.kind == NUMBER;
    u16 at = new_place(k, number ? 8 : lane_bytes(x.type), number);
    if (number) move_number(k, x, at);
    else move_to(k, x, at);
    return number ? number_at(at, x.type) : register_at(at, x.type);
}

/* ------------------------------------------------------------------ operations */
static operand apply(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, operand *x, u32 n, u16 dest)
{
    bool numbers = true;
    for (u32 i = 0; i < n; i++) numbers = numbers && x[i].kind == NUMBER;
    if (!k->fits) return nothing;
    if (numbers) return emit_number(k, op, call, from, to, x, n);
    block_shape shape = BLOCK_VV;
    for (u32 i = 0; i < n; i++) {
        if (x[i].kind == NUMBER && n == 2) shape = i ? BLOCK_VS : BLOCK_SV;
        else x[i] = to_register(k, x[i]);
    }
    return emit_loop(k, find_loop(k, op, call, from), shape, to, x, n, dest);
}

/* c ? a : b for every lane, c a register. */
static operand choose(maker *k, operand c, operand a, operand b, u16 dest)
{
    operand x[3] = { c, a, b };
    block_shape shape = b.kind == NUMBER ? BLOCK_VS : a.kind == NUMBER ? BLOCK_SV : BLOCK_VV;
    if (shape != BLOCK_SV) x[1] = to_register(k, a);
    if (shape != BLOCK_VS) x[2] = to_register(k, b);
    if (!k->fits) return nothing;
    return emit_loop(k, block_find(k->loops, K_COND, 0, by_size(lane_bytes(a.type)), KC_VOID), shape, a.type, x, 3, dest);
}

static operand both(maker *k, operand a, operand b)
{
    operand x[2] = { a, b };
    return apply(k, K_AND, 0, KC_BOOL, KC_BOOL, x, 2, 0);
}

static operand opposite(maker *k, operand a) { return apply(k, K_NOT, 0, KC_BOOL, KC_BOOL, &a, 1, 0); }

static operand place_operand(u16 at, kc_scalar type) { return (operand){ .kind = REGISTER, .type = type, .at = at }; }

/* The lanes that really get here; NONE: all. */
static operand reaching(maker *k)
{
    if (k->mask && k->live) return both(k, place_operand(k->mask, KC_BOOL), place_operand(k->live, KC_BOOL));
    if (!k->mask && !k->live) return nothing;
    return place_operand(k->mask ? k->mask : k->live, KC_BOOL);
}

/* ------------------------------------------------------------------ conversions */
static bool is_narrow(kc_scalar s) { return s != KC_BOOL && kc_scalar_bytes(s) < 4; }

static operand cast_once(maker *k, operand x, kc_scalar to, u16 dest)
{
    kc_scalar from = x.type == KC_BOOL ? KC_U32 : x.type, want = kc_is_float(from) || is_narrow(from) ? to : twin(to);
    if (to == KC_BOOL) from = twin(from), want = KC_BOOL;
    if (to == KC_I8 || to == KC_U8 || to == KC_I16 || to == KC_U16) from = twin(from), want = twin(to);
    if (want == KC_U32 && kc_scalar_bytes(from) == 8 && !kc_is_float(from)) from = KC_U64;
    if (is_narrow(from) && !kc_is_float(from)) want = KC_I32;
    return emit_loop(k, block_find(k->loops, K_CAST, 0, from, want), BLOCK_VV, to, &x, 1, dest);
}

static operand limit(maker *k, operand x, kc_scalar to)
{
    i64 most = to == KC_I8 ? INT8_MAX : to == KC_U8 ? UINT8_MAX : to == KC_I16 ? INT16_MAX : UINT16_MAX;
    i64 least = to == KC_I8 ? INT8_MIN : to == KC_I16 ? INT16_MIN : 0;
    operand low[2] = { x, integer(k, KC_I32, least) };
    operand high[2] = { apply(k, K_CALL, KC_B_max, KC_I32, KC_I32, low, 2, 0), integer(k, KC_I32, most) };
    return apply(k, K_CALL, KC_B_min, KC_I32, KC_I32, high, 2, 0);
}

/* By way of i32 for narrow integers and f32 for narrow floats. */
static operand cast(maker *k, operand x, kc_scalar to, u16 dest)
{
    kc_scalar from = x.type;
    if (from == to) return x;
    if (x.kind == NUMBER) return emit_number(k, K_CAST, 0, from, to, &x, 1);
    bool bits = !kc_is_float(from) && !kc_is_float(to) && to != KC_BOOL && lane_bytes(from) == lane_bytes(to);
    if (bits) {
        x.type = to;
        return x;
    }
    x = to_register(k, x);
    if (!k->fits) return nothing;
    if (is_narrow(from)) {
        kc_scalar middle = kc_is_float(from) ? KC_F32 : KC_I32;
        x = cast_once(k, x, middle, middle == to ? dest : 0);
        return middle == to ? x : cast(k, x, to, dest);
    }
    if (is_narrow(to) && kc_is_float(to) && from != KC_F32) return cast(k, cast(k, x, KC_F32, 0), to, dest);
    if (is_narrow(to) && !kc_is_float(to) && kc_is_float(from)) return cast_once(k, limit(k, cast(k, x, KC_I32, 0), to), to, dest);
    if (is_narrow(to) && !kc_is_float(to) && lane_bytes(from) == 8) return cast_once(k, cast(k, x, KC_U32, 0), to, dest);
    return cast_once(k, x, to, dest);
}

/* ------------------------------------------------------------------ what depends on the element */
static bool varying(const maker *k, const kc_expr *e)
{
    if (e->op == K_VAR) return e->var->storage == KC_V_FIRST || (e->var->storage == KC_V_ITEM && k->vars[e->var->slot].varying);
    if (e->op == K_ELEM && e->var->storage == KC_V_ITEM && k->vars[e->var->slot].varying) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (varying(k, e->a[i])) return true;
    return false;
}

static bool loads(const kc_expr *e)
{
    if (e->op == K_ELEM && e->var->storage == KC_V_BUFFER) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (loads(e->a[i])) return true;
    return false;
}

static void count_reads(maker *k, const kc_expr *e)
{
    if ((e->op == K_VAR || e->op == K_ELEM) && e->var->storage == KC_V_ITEM) k->vars[e->var->slot].reads++;
    for (u32 i = 0; i < e->n_args; i++) count_reads(k, e->a[i]);
}

static void mark(maker *k, const kc_var *v, bool yes)
{
    if (!yes || k->vars[v->slot].varying) return;
    k->vars[v->slot].varying = true;
    k->changed = true;
}

/* One turn over all statements; repeated until nothing changes. */
static void analyse(maker *k, const kc_stmt *list, u32 depth)
{
    for (const kc_stmt *s = list; s && k->fits; s = s->next) {
        var_state *v = NULL;
        switch ((kc_stmt_op)s->op) {
        case S_DECL:
            k->vars[s->var->slot].depth = depth;
            if (s->value) mark(k, s->var, varying(k, s->value));
            break;
        case S_ASSIGN:
            if (s->target->op != K_VAR && s->target->op != K_ELEM) {
                unfit(k);
                break;
            }
            v = &k->vars[s->target->var->slot];
            v->assigned = true;
            mark(k, s->target->var, depth > v->depth || varying(k, s->value));
            break;
        case S_IF: {
            u32 inside = depth + varying(k, s->value);
            analyse(k, s->body, inside);
            analyse(k, s->other, inside);
            break;
        }
        case S_LOOP:
            k->has_loops = true;
            analyse(k, s->init, depth);
            analyse(k, s->body, depth);
            analyse(k, s->step, depth);
            if (s->value && varying(k, s->value)) unfit(k);
            break;
        case S_BLOCK: analyse(k, s->body, depth); break;
        case S_RETURN:
            k->n_returns++;
            if (depth) k->has_varying_return = true;
            break;
        case S_BREAK:
        case S_CONTINUE: break;
        case S_EXPR:
        case S_ITEMS: unfit(k); break;
        }
    }
}

static void count_list(maker *k, const kc_stmt *list)
{
    for (const kc_stmt *s = list; s; s = s->next) {
        if (s->value) count_reads(k, s->value);
        count_list(k, s->init);
        count_list(k, s->body);
        count_list(k, s->other);
        count_list(k, s->step);
    }
}

/* ------------------------------------------------------------------ loads and variables */
static operand load_masked(maker *k, const kc_expr *e, operand index, operand mask, u16 dest)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar, size = by_size((u8)kc_scalar_bytes(s));
    const block_loop *l = block_find(k->loops, mask.kind == NONE ? K_ELEM : K_ARRAY, 0, size, KC_VOID);
    index = to_register(k, index);
    if (!l || !k->fits) return unfit(k);
    bool in_place = kc_scalar_bytes(s) == 4;
    if (in_place) release(k, &index);
    u16 y = dest ? dest : new_place(k, (u8)kc_scalar_bytes(s), false);
    if (!in_place) release(k, &index);
    release(k, &mask);
    push(k, false, &(block_step){ .kind = STEP_LOOP, .loop = l->run[0], .op = l->op, .buffer = e->var->at, .x = { 0, index.at, mask.at }, .y = y });
    return register_at(y, s);
}

static operand load_number(maker *k, const kc_expr *e, operand index, operand mask)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar;
    bool fixed = is_fixed(k, &index) && !k->control && mask.kind == NONE;
    block_step step = { .kind = STEP_NUMBER_ELEM, .from = (u8)index.type, .size = (u8)kc_scalar_bytes(s), .buffer = e->var->at };
    step.x[0] = index.at;
    step.x[1] = mask.at;
    step.y = new_place(k, 8, true);
    k->states[step.y].fixed = fixed;
    push(k, fixed, &step);
    release(k, &mask);
    return number_at(step.y, s);
}

static operand load_in_place(maker *k, const kc_expr *e, operand index)
{
    kc_scalar s = (kc_scalar)e->var->type.scalar;
    block_step step = { .kind = STEP_POINT, .from = (u8)index.type, .size = (u8)kc_scalar_bytes(s), .buffer = e->var->at };
    step.y = new_place(k, 0, false);
    if (index.inner || index.outer) {
        step.kind = STEP_POINT_DIGIT;
        step.x[0] = index.inner;
        step.x[1] = index.outer;
        step.x[2] = new_place(k, (u8)kc_scalar_bytes(s), false);
        k->states[step.y].companion = step.x[2];
    } else {
        step.x[0] = index.plus;
    }
    push(k, false, &step);
    return register_at(step.y, s);
}

static operand load(maker *k, const kc_expr *e, u16 dest)
{
    if (e->var->type.lanes != 1) return unfit(k);
    operand index = eval(k, e->a[0], 0), mask = k->fits ? reaching(k) : nothing, v;
    bool is_bool = e->var->type.scalar == KC_BOOL;
    if (!k->fits) return nothing;
    bool digits_only = index.kind == INDEX && !(index.plus && (index.inner || index.outer));
    if (index.kind == NUMBER) v = load_number(k, e, index, mask);
    else if (digits_only && mask.kind == NONE) v = load_in_place(k, e, index);
    else v = load_masked(k, e, index, mask, is_bool ? 0 : dest);
    if (!is_bool || v.kind != REGISTER) return v;
    /* Bytes become lanes of 0 and 1; the register holding them is typed as bytes until then. */
    v.type = KC_U8;
    v = emit_loop(k, block_find(k->loops, K_CAST, 0, KC_BOOL, KC_U32), BLOCK_VV, KC_U32, &v, 1, dest);
    v.type = KC_BOOL;
    return v;
}

static operand element(maker *k, const kc_expr *e, u32 *index)
{
    const kc_var *v = e->var;
    u64 at = 0, total = (u64)v->n[0] * (v->dims == 2 ? v->n[1] : 1);
    for (u32 d = 0; d < v->dims; d++) {
        if (e->a[d]->op != K_CONST) return unfit(k);
        at = at * v->n[d] + (u64)e->a[d]->value.i;
    }
    if (at >= total || total > MAX_ARRAY || !k->vars[v->slot].elems) return unfit(k);
    *index = (u32)at;
    u16 place = k->vars[v->slot].elems[at];
    bool wide = k->vars[v->slot].varying;
    return (operand){ .kind = wide ? REGISTER : NUMBER, .type = (kc_scalar)v->type.scalar, .at = place, .borrowed = true };
}

static operand variable(maker *k, const kc_var *v)
{
    var_state *s = &k->vars[v->slot];
    if (v->storage == KC_V_FIRST) return (operand){ .kind = INDEX, .type = KC_U32 };
    if (s->is.kind == NONE || v->type.lanes != 1) return unfit(k);
    operand o = s->is;
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
    if (a.kind != INDEX || b.kind != NUMBER) return nothing;
    if (b.borrowed) b = own(k, b);                           /* an index is computed where it is used                     */
    if (op == K_DIV && is_unsigned && plain && !a.plus) {
        a.inner = b.at;
        return a;
    }
    if (op == K_REM && is_unsigned && !a.outer && !a.plus) {
        a.outer = b.at;
        return a;
    }
    if ((op != K_ADD && op != K_SUB) || !plain) return nothing;
    const operand pair[2] = { a.plus ? number_at(a.plus, KC_U32) : integer(k, KC_U32, 0), b };
    bool same = op == K_ADD && !a.plus;
    a.plus = same ? b.at : emit_number(k, (u8)op, 0, KC_U32, KC_U32, pair, 2).at;
    return a;
}

static operand eval_binary(maker *k, const kc_expr *e, u16 dest)
{
    kc_op op = (kc_op)e->op;
    operand x[2] = { eval(k, e->a[0], 0), eval(k, e->a[1], 0) };
    if (!k->fits) return nothing;
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
    return apply(k, (u8)op, 0, type, (kc_scalar)e->type.scalar, x, 2, dest);
}

/* Lets `e` run only in the lanes where c is what `yes` says, if it loads anything. */
static operand eval_under(maker *k, const kc_expr *e, operand c, bool yes)
{
    if (!loads(e)) return eval(k, e, 0);
    u16 before = k->mask;
    operand here = c;
    here.owned = false;
    if (!yes) here = opposite(k, here);
    if (before && k->fits) here = both(k, here, place_operand(before, KC_BOOL));
    if (!k->fits) return nothing;
    k->mask = here.at;
    operand v = eval(k, e, 0);
    k->mask = before;
    if (here.at != c.at) release(k, &here);
    return v;
}

/* A uniform condition whose sides must not both run: jumps. */
static operand eval_branch(maker *k, const kc_expr *e, operand c)
{
    bool wide = varying(k, e->a[1]) || varying(k, e->a[2]);
    kc_scalar type = (kc_scalar)e->type.scalar;
    u16 y = new_place(k, wide ? lane_bytes(type) : 8, !wide);
    u32 skip = 0, end = 0;
    k->control++;
    for (u32 side = 1; side < 3 && k->fits; side++) {
        if (side == 1) skip = push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
        else land(k, skip);
        operand v = eval(k, e->a[side], 0);
        if (!k->fits) return nothing;
        if (wide) move_to(k, v, y);
        else move_number(k, v, y);
        if (side == 1) end = push_jump(k, STEP_JUMP, 0, 0);
    }
    land(k, end);
    k->control--;
    return wide ? register_at(y, type) : number_at(y, type);
}

static operand eval_cond(maker *k, const kc_expr *e, u16 dest)
{
    operand c = eval(k, e->a[0], 0);
    if (!k->fits) return nothing;
    if (c.kind == NUMBER) {
        bool wide = varying(k, e->a[1]) || varying(k, e->a[2]);
        if (wide || loads(e->a[1]) || loads(e->a[2])) return eval_branch(k, e, c);
        const operand x[3] = { c, eval(k, e->a[1], 0), eval(k, e->a[2], 0) };
        return k->fits ? emit_number(k, K_COND, 0, (kc_scalar)e->type.scalar, (kc_scalar)e->type.scalar, x, 3) : nothing;
    }
    operand a = eval_under(k, e->a[1], c, true), b = eval_under(k, e->a[2], c, false);
    return k->fits ? choose(k, c, a, b, dest) : nothing;
}

static operand eval_logic(maker *k, const kc_expr *e, u16 dest)
{
    if (loads(e->a[1])) {                                    /* a && b is a ? b : false, a || b is a ? true : b           */
        bool is_and = e->op == K_LOGAND;
        kc_expr sure = { .op = K_CONST, .type = e->type, .pos = e->pos, .value = { .i = !is_and } }, both_sides = *e;
        both_sides.op = K_COND;
        both_sides.n_args = 3;
        both_sides.a[1] = is_and ? e->a[1] : &sure;
        both_sides.a[2] = is_and ? &sure : e->a[1];
        return eval_cond(k, &both_sides, dest);
    }
    operand x[2] = { eval(k, e->a[0], 0), eval(k, e->a[1], 0) };
    return apply(k, e->op == K_LOGAND ? K_AND : K_OR, 0, KC_BOOL, KC_BOOL, x, 2, dest);
}

static operand eval_call(maker *k, const kc_expr *e, u16 dest)
{
    operand x[KC_MAX_ARGS];
    kc_builtin b = (kc_builtin)e->call;
    kc_scalar to = (kc_scalar)e->type.scalar;
    if (kc_builtin_writes(b) || e->n_args > 3 || (e->n_args && e->a[0]->op == K_ARRAY)) return unfit(k);
    for (u32 i = 0; i < e->n_args; i++) {
        if (e->a[i]->type.lanes != 1) return unfit(k);
        x[i] = eval(k, e->a[i], 0);
    }
    if (!k->fits) return nothing;
    kc_scalar from = (kc_scalar)e->a[0]->type.scalar;
    if (b == KC_B_as_u32 || b == KC_B_as_i32 || b == KC_B_as_f32 || (b == KC_B_abs && twin(from) == from && !kc_is_float(from))) {
        if (x[0].kind == INDEX) x[0] = to_register(k, x[0]);
        x[0].type = to;
        return x[0];
    }
    if (b == KC_B_select) {
        if (x[0].kind != NUMBER) return choose(k, x[0], x[1], x[2], dest);
        if (x[1].kind == NUMBER && x[2].kind == NUMBER) return emit_number(k, K_COND, 0, to, to, x, 3);
        x[0] = splat(k, x[0]);
        return choose(k, x[0], x[1], x[2], dest);
    }
    if (b == KC_B_clamp) {
        operand low = apply(k, K_CALL, KC_B_max, from, to, x, 2, 0);
        operand high[2] = { low, x[2] };
        return apply(k, K_CALL, KC_B_min, from, to, high, 2, dest);
    }
    return apply(k, K_CALL, e->call, from, to, x, e->n_args, dest);
}

static operand eval(maker *k, const kc_expr *e, u16 dest)
{
    if (!k->fits || e->type.lanes != 1) return unfit(k);
    u32 index;
    switch ((kc_op)e->op) {
    case K_CONST: return constant(k, (kc_scalar)e->type.scalar, value_const(e));
    case K_VAR: return variable(k, e->var);
    case K_ELEM:
        if (e->var->storage == KC_V_BUFFER) return load(k, e, dest);
        return e->var->storage == KC_V_ITEM ? element(k, e, &index) : unfit(k);
    case K_NEG:
    case K_NOT:
    case K_BITNOT: {
        operand x = eval(k, e->a[0], 0);
        return apply(k, e->op, 0, (kc_scalar)e->type.scalar, (kc_scalar)e->type.scalar, &x, 1, dest);
    }
    case K_COND: return eval_cond(k, e, dest);
    case K_CAST:
    case K_TO: {
        operand x = eval(k, e->a[0], 0);
        return k->fits ? cast(k, x, (kc_scalar)e->type.scalar, dest) : nothing;
    }
    case K_CALL: return eval_call(k, e, dest);
    case K_LOGAND:
    case K_LOGOR: return eval_logic(k, e, dest);
    default: return e->op < K_BINARY_COUNT ? eval_binary(k, e, dest) : unfit(k);
    }
}

/* ------------------------------------------------------------------ statements */
/* Where a variable that changes lives: a register or a number, by whether it depends on the element. */
static operand home(maker *k, const kc_var *v)
{
    var_state *s = &k->vars[v->slot];
    kc_scalar type = (kc_scalar)v->type.scalar;
    u16 at = new_place(k, s->varying ? lane_bytes(type) : 8, !s->varying);
    return (operand){ .kind = s->varying ? REGISTER : NUMBER, .type = type, .at = at, .borrowed = true };
}

static void put(maker *k, operand to, operand v)
{
    if (!k->fits) return;
    if (to.kind == NUMBER) {
        move_number(k, v, to.at);
    } else if (k->mask) {
        operand old = place_operand(to.at, to.type);
        v = choose(k, place_operand(k->mask, KC_BOOL), v, old, to.at);
    } else {
        move_to(k, v, to.at);
    }
}

static void declare_array(maker *k, const kc_stmt *s)
{
    u64 total = (u64)s->var->n[0] * (s->var->dims == 2 ? s->var->n[1] : 1);
    var_state *v = &k->vars[s->var->slot];
    if (total > MAX_ARRAY) {
        unfit(k);
        return;
    }
    if (!v->elems) {
        v->elems = ARENA_ARRAY(k->a, (size_t)total + 1, u16);
        if (!v->elems) {
            no_memory(k);
            return;
        }
        for (u64 i = 0; i < total; i++) v->elems[i] = home(k, s->var).at;
    }
    for (u64 i = 0; i < total && s->zeroed && k->fits; i++) {
        operand to = home(k, s->var), zero = constant(k, (kc_scalar)s->var->type.scalar, (lane){ .i = 0 });
        to.at = v->elems[i];
        if (to.kind == NUMBER) move_number(k, zero, to.at);
        else move_to(k, zero, to.at);
    }
}

static void declare(maker *k, const kc_stmt *s)
{
    var_state *v = &k->vars[s->var->slot];
    if (s->var->storage != KC_V_ITEM || s->var->type.lanes != 1) {
        unfit(k);
    } else if (s->var->dims) {
        declare_array(k, s);
    } else if (v->assigned || !s->value) {
        if (v->is.kind == NONE) v->is = home(k, s->var);
        if (!s->value) return;
        operand x = eval(k, s->value, 0);
        if (!k->fits) return;
        if (v->is.kind == NUMBER) move_number(k, x, v->is.at);
        else move_to(k, x, v->is.at);
    } else {
        v->is = own(k, eval(k, s->value, 0));
        if (!v->reads && !k->has_loops) release(k, &v->is);
    }
}

static void assign(maker *k, const kc_stmt *s)
{
    const kc_expr *t = s->target;
    u32 index;
    operand to = t->op == K_VAR ? k->vars[t->var->slot].is : element(k, t, &index);
    if (t->var->storage != KC_V_ITEM || to.kind == NONE || to.kind == INDEX) {
        unfit(k);
        return;
    }
    bool straight = to.kind == REGISTER && !k->mask;
    put(k, to, eval(k, s->value, straight ? to.at : 0));
}

static void make_if(maker *k, const kc_stmt *s)
{
    operand c = eval(k, s->value, 0);
    if (!k->fits) return;
    if (c.kind == NUMBER) {
        u32 skip = push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
        k->control++;
        make_list(k, s->body);
        u32 end = s->other ? push_jump(k, STEP_JUMP, 0, 0) : 0;
        land(k, skip);
        make_list(k, s->other);
        if (s->other) land(k, end);
        k->control--;
        return;
    }
    c = own(k, to_register(k, c));
    u16 before = k->mask;
    k->depth++;
    for (u32 side = 0; side < 2 && k->fits; side++) {
        const kc_stmt *body = side ? s->other : s->body;
        if (!body) continue;
        operand here = c;
        here.owned = false;
        if (side) here = opposite(k, here);
        if (before && k->fits) here = both(k, here, place_operand(before, KC_BOOL));
        k->mask = here.at;
        make_list(k, body);
        if (here.at != c.at) release(k, &here);
    }
    k->depth--;
    k->mask = before;
    release(k, &c);
}

static void make_loop(maker *k, const kc_stmt *s)
{
    loop_state loop = { .depth = k->depth, .outer = k->loop };
    k->control++;
    make_list(k, s->init);
    u32 top = k->steps.n, leave = 0;
    bool tests = s->value && !s->test_last;
    if (tests) {
        operand c = eval(k, s->value, 0);
        if (c.kind != NUMBER) unfit(k);
        leave = push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
    }
    k->loop = &loop;
    make_list(k, s->body);
    land_all(k, loop.continues);
    make_list(k, s->step);
    k->loop = loop.outer;
    if (s->value && s->test_last) {
        operand c = eval(k, s->value, 0);
        if (c.kind != NUMBER) unfit(k);
        leave = push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
    }
    push_jump(k, STEP_JUMP, 0, top);
    if (s->value) land(k, leave);
    land_all(k, loop.breaks);
    k->control--;
}

static void leave_loop(maker *k, bool again)
{
    if (!k->loop || k->loop->depth != k->depth) unfit(k);
    else add_jump(k, again ? &k->loop->continues : &k->loop->breaks);
}

/* Into the output: bool lanes become bytes. */
static void put_output(maker *k, operand v)
{
    if (!k->fits) return;
    if (v.type == KC_BOOL) {
        v = to_register(k, v);
        v.type = KC_U32;
        if (k->fits) cast_once(k, v, KC_U8, BLOCK_OUT);
        return;
    }
    move_to(k, v, BLOCK_OUT);
}

static void make_return(maker *k, const kc_stmt *s)
{
    kc_scalar type = (kc_scalar)k->e->kernel.result.scalar;
    bool direct = !k->result && type != KC_BOOL;
    operand v = eval(k, s->value, direct && s->value->type.scalar == type ? BLOCK_OUT : 0);
    if (k->fits) v = cast(k, v, type, direct ? BLOCK_OUT : 0);
    if (!k->fits) return;
    if (!k->result) {
        put_output(k, v);
        return;
    }
    operand here = reaching(k);
    if (here.kind == NONE) {
        move_to(k, v, k->result);
    } else {
        choose(k, here, v, place_operand(k->result, type), k->result);
        operand gone[2] = { place_operand(k->live, KC_BOOL), nothing };
        if (k->mask) {
            gone[1] = opposite(k, place_operand(k->mask, KC_BOOL));
            if (k->fits) apply(k, K_AND, 0, KC_BOOL, KC_BOOL, gone, 2, k->live);
        }
    }
    if (!k->depth) add_jump(k, &k->returns);
}

static void make_list(maker *k, const kc_stmt *list)
{
    for (const kc_stmt *s = list; s && k->fits; s = s->next) {
        for (; k->n_done; k->n_done--) release(k, &k->done[k->n_done - 1]);
        switch ((kc_stmt_op)s->op) {
        case S_DECL: declare(k, s); break;
        case S_ASSIGN: assign(k, s); break;
        case S_IF: make_if(k, s); break;
        case S_LOOP: make_loop(k, s); break;
        case S_BLOCK: make_list(k, s->body); break;
        case S_RETURN: make_return(k, s); break;
        case S_BREAK: leave_loop(k, false); break;
        case S_CONTINUE: leave_loop(k, true); break;
        default: unfit(k); break;
        }
    }
}

/* ------------------------------------------------------------------ a kernel */
static const block_loop *loops_of(u32 width)
{
#if defined(__x86_64__) && defined(QUERN_ISA_AVX512)
    if (width >= 16 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return block_loops_avx512;
#endif
#if defined(__x86_64__) && defined(QUERN_ISA_AVX2)
    if (width >= 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return block_loops_avx2;
#endif
    (void)width;
    return block_loops_baseline;
}

static const kc_stmt *last_of(const kc_stmt *list)
{
    while (list && list->next) list = list->next;
    return list && list->op == S_BLOCK ? last_of(list->body) : list;
}

static bool set_up(maker *k)
{
    k->places = ARENA_ARRAY(k->a, BLOCK_MAX_PLACES, block_place);
    k->states = ARENA_ARRAY(k->a, BLOCK_MAX_PLACES, place_state);
    k->numbers = ARENA_ARRAY(k->a, BLOCK_MAX_PLACES, u64);
    k->vars = ARENA_ARRAY(k->a, (size_t)k->e->n_vars + 1, var_state);
    if (!k->places || !k->states || !k->numbers || !k->vars) {
        no_memory(k);
        return false;
    }
    k->n_places = BLOCK_PLACES;
    k->places[BLOCK_I] = (block_place){ .bytes = 8, .number = true };
    do {
        k->changed = false;
        k->n_returns = 0;
        analyse(k, k->e->body, 0);
    } while (k->changed && k->fits);
    if (k->fits) count_list(k, k->e->body);
    return k->fits;
}

static bool take_words(maker *k, kc_block *b)
{
    u16 *places = ARENA_ARRAY(k->a, KC_MAX_WORDS + 1, u16);
    u8 *at = ARENA_ARRAY(k->a, KC_MAX_WORDS + 1, u8), *words = ARENA_ARRAY(k->a, KC_MAX_WORDS + 1, u8);
    if (!places || !at || !words) {
        no_memory(k);
        return false;
    }
    for (u32 i = 0; i < k->e->n_vars && b->n_words < KC_MAX_WORDS; i++) {
        const kc_var *v = k->e->vars[i];
        if (v->storage != KC_V_SCALAR) continue;
        u16 place = new_place(k, 8, true);
        k->states[place].fixed = true;
        k->vars[v->slot].is = number_at(place, (kc_scalar)v->type.scalar);
        places[b->n_words] = place;
        at[b->n_words] = (u8)v->at;
        words[b->n_words++] = kc_scalar_bytes((kc_scalar)v->type.scalar) == 8 ? 2 : 1;
    }
    b->word_places = places;
    b->word_at = at;
    b->word_words = words;
    return true;
}

static void make_body(maker *k)
{
    const kc_stmt *last = last_of(k->e->body);
    kc_scalar type = (kc_scalar)k->e->kernel.result.scalar;
    bool simple = k->n_returns == 1 && last && last->op == S_RETURN && !k->has_varying_return;
    if (!simple) k->result = new_place(k, lane_bytes(type), false);
    if (k->has_varying_return) {
        k->live = new_place(k, 4, false);
        move_to(k, integer(k, KC_BOOL, 1), k->live);
    }
    make_list(k, k->e->body);
    if (simple || !k->fits) return;
    land_all(k, k->returns);
    put_output(k, place_operand(k->result, type));
}

/* Offsets of the registers; lanes so that all of them stay in the first cache. False: too many. */
static bool lay_out(maker *k, kc_block *b)
{
    u32 bytes = 0;
    for (u32 wide = 8; wide >= 4; wide -= 4)
        for (u32 i = BLOCK_PLACES; i < k->n_places; i++) {
            if (k->places[i].number || k->places[i].bytes != wide) continue;
            k->places[i].offset = bytes;
            bytes += wide;
        }
    b->lanes = BLOCK_MAX_LANES;
    while (b->lanes > 64 && b->lanes * bytes > BLOCK_MEMORY / 2) b->lanes /= 2;
    return b->lanes * bytes <= BLOCK_MEMORY;
}

static bool seems_fit(const kc_entry *e)
{
    return e->kernel.form == KC_MAP && e->kernel.result.lanes == 1 && e->kernel.result.scalar != KC_VOID;
}

qn_status kc_block_make(arena *a, const kc_module *m, const kc_kernel *kernel, kc_block **out)
{
    maker k = { .a = a, .m = m, .e = kc_entry_of(kernel), .loops = loops_of(m->width), .fits = true, .status = QN_OK };
    *out = NULL;
    if (!seems_fit(k.e)) return QN_OK;
    kc_block *b = ARENA_NEW(a, kc_block);
    if (!b) return fail_nomem(sizeof *b);
    if (set_up(&k) && take_words(&k, b)) make_body(&k);
    if (!k.fits || !lay_out(&k, b)) return k.status;
    b->once = k.once.at;
    b->n_once = k.once.n;
    b->steps = k.steps.at;
    b->n_steps = k.steps.n;
    b->places = k.places;
    b->numbers = k.numbers;
    b->n_places = k.n_places;
    b->n_bufs = k.e->n_buffers;
    b->result_bytes = kc_scalar_bytes((kc_scalar)k.e->kernel.result.scalar);
    *out = b;
    return QN_OK;
}
