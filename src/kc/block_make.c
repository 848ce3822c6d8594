/* A MAP's tree -> steps of the block machine.
 *
 * Every expression is a number (the same for all elements: constants, launch parameters, uniform loop counters), a register (a lane for
 * each element of the block), or an index: i / inner % outer + plus, which is turned into a register only where it does not end in
 * a load. What a condition on the element guards is computed for all lanes and selected; only loads look at the mask, since they
 * could leave their buffer. Conditions and loops on numbers jump.
 *
 * Does not fit, and goes to a compiler or the interpreter: loops and their exits that depend on the element, vectors, tables and local arrays
 * with computed indices. */
#include "kc/block_make.h"

static void make_list(maker *k, const kc_stmt *list);

/* A list of jumps to one place, linked through their targets; 0 is its end (step 0 is never such a jump's link). */
static void add_jump(maker *k, u32 *list)
{
    u32 at = block_push_jump(k, STEP_JUMP, 0, *list);
    *list = at + 1;
}

static void land_all(maker *k, u32 list)
{
    while (list && k->fits) {
        block_step *s = &k->steps.at[list - 1];
        list = s->to;
        s->to = k->landed = k->steps.n;
    }
}

static void count_reads(maker *k, const kc_expr *e)
{
    if ((e->op == K_VAR || e->op == K_ELEM) && e->var->storage == KC_V_ITEM)
        k->vars[e->var->slot].reads++, k->vars[e->var->slot].uses++;
    for (u32 i = 0; i < e->n_args; i++) count_reads(k, e->a[i]);
}

static void mark(maker *k, const kc_var *v, bool yes)
{
    if (!yes || k->vars[v->slot].varying) return;
    k->vars[v->slot].varying = true;
    k->changed = true;
}

/* One turn over all statements; repeated until block_nothing changes. */
static void analyse(maker *k, const kc_stmt *list, u32 depth)
{
    for (const kc_stmt *s = list; s && k->fits; s = s->next) {
        var_state *v = NULL;
        switch ((kc_stmt_op)s->op) {
        case S_DECL:
            k->vars[s->var->slot].depth = depth;
            if (s->value) mark(k, s->var, block_varying(k, s->value));
            break;
        case S_ASSIGN:
            if (s->target->op != K_VAR && s->target->op != K_ELEM) {
                block_unfit(k);
                break;
            }
            v = &k->vars[s->target->var->slot];
            v->assigned = true;
            mark(k, s->target->var, depth > v->depth || block_varying(k, s->value));
            break;
        case S_IF: {
            u32 inside = depth + block_varying(k, s->value);
            analyse(k, s->body, inside);
            analyse(k, s->other, inside);
            break;
        }
        case S_LOOP:
            k->has_loops = true;
            analyse(k, s->init, depth);
            analyse(k, s->body, depth);
            analyse(k, s->step, depth);
            if (s->value && block_varying(k, s->value)) block_unfit(k);
            break;
        case S_BLOCK: analyse(k, s->body, depth); break;
        case S_RETURN:
            k->n_returns++;
            if (depth) k->has_varying_return = true;
            break;
        case S_BREAK:
        case S_CONTINUE: break;
        case S_EXPR:
        case S_ITEMS: block_unfit(k); break;
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

/* ------------------------------------------------------------------ statements */
/* Where a variable that changes lives: a register or a number, by whether it depends on the element. */
static operand home(maker *k, const kc_var *v)
{
    var_state *s = &k->vars[v->slot];
    kc_scalar type = (kc_scalar)v->type.scalar;
    u16 at = block_new_place(k, s->varying ? block_lane_bytes(type) : 8, !s->varying);
    return (operand){ .kind = s->varying ? REGISTER : NUMBER, .type = type, .at = at, .borrowed = true };
}

static void put(maker *k, operand to, operand v)
{
    if (!k->fits) return;
    if (to.kind == NUMBER) {
        block_move_number(k, v, to.at);
    } else if (k->mask) {
        operand old = block_place_operand(to.at, to.type);
        v = block_choose(k, block_place_operand(k->mask, KC_BOOL), v, old, to.at);
    } else {
        block_move(k, v, to.at);
    }
}

static void declare_array(maker *k, const kc_stmt *s)
{
    u64 total = (u64)s->var->n[0] * (s->var->dims == 2 ? s->var->n[1] : 1);
    var_state *v = &k->vars[s->var->slot];
    if (total > MAX_ARRAY) {
        block_unfit(k);
        return;
    }
    if (!v->elems) {
        v->elems = ARENA_ARRAY(k->a, (size_t)total + 1, u16);
        if (!v->elems) {
            block_no_memory(k);
            return;
        }
        for (u64 i = 0; i < total; i++) v->elems[i] = home(k, s->var).at;
    }
    for (u64 i = 0; i < total && s->zeroed && k->fits; i++) {
        operand to = home(k, s->var), zero = block_constant(k, (kc_scalar)s->var->type.scalar, (lane){ .i = 0 });
        to.at = v->elems[i];
        if (to.kind == NUMBER) block_move_number(k, zero, to.at);
        else block_move(k, zero, to.at);
    }
}

static void declare(maker *k, const kc_stmt *s)
{
    var_state *v = &k->vars[s->var->slot];
    if (s->var->storage != KC_V_ITEM || s->var->type.lanes != 1) {
        block_unfit(k);
    } else if (s->var->dims) {
        declare_array(k, s);
    } else if (v->assigned || !s->value) {
        if (v->is.kind == NONE) v->is = home(k, s->var);
        if (!s->value) return;
        operand x = block_eval(k, s->value, 0);
        if (!k->fits) return;
        if (v->is.kind == NUMBER) block_move_number(k, x, v->is.at);
        else block_move(k, x, v->is.at);
    } else {
        v->is = block_own(k, block_eval(k, s->value, 0));
        if (!v->reads && !k->has_loops) block_release(k, &v->is);
    }
}

static void assign(maker *k, const kc_stmt *s)
{
    const kc_expr *t = s->target;
    u32 index;
    operand to = t->op == K_VAR ? k->vars[t->var->slot].is : block_element(k, t, &index);
    if (t->var->storage != KC_V_ITEM || to.kind == NONE || to.kind == INDEX) {
        block_unfit(k);
        return;
    }
    bool straight = to.kind == REGISTER && !k->mask;
    put(k, to, block_eval(k, s->value, straight ? to.at : 0));
}

static void make_if(maker *k, const kc_stmt *s)
{
    operand c = block_eval(k, s->value, 0);
    if (!k->fits) return;
    if (c.kind == NUMBER) {
        u32 skip = block_push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
        k->control++;
        make_list(k, s->body);
        u32 end = s->other ? block_push_jump(k, STEP_JUMP, 0, 0) : 0;
        block_land(k, skip);
        make_list(k, s->other);
        if (s->other) block_land(k, end);
        k->control--;
        return;
    }
    c = block_own(k, block_to_register(k, c));
    u16 before = k->mask;
    k->depth++;
    for (u32 side = 0; side < 2 && k->fits; side++) {
        const kc_stmt *body = side ? s->other : s->body;
        if (!body) continue;
        operand here = c;
        here.owned = false;
        if (side) here = block_opposite(k, here);
        if (before && k->fits) here = block_both(k, here, block_place_operand(before, KC_BOOL));
        k->mask = here.at;
        make_list(k, body);
        if (here.at != c.at) block_release(k, &here);
    }
    k->depth--;
    k->mask = before;
    block_release(k, &c);
}

static void make_loop(maker *k, const kc_stmt *s)
{
    loop_state loop = { .depth = k->depth, .outer = k->loop };
    k->control++;
    make_list(k, s->init);
    u32 top = k->steps.n, leave = 0;
    k->landed = top;
    bool tests = s->value && !s->test_last;
    if (tests) {
        operand c = block_eval(k, s->value, 0);
        if (c.kind != NUMBER) block_unfit(k);
        leave = block_push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
    }
    k->loop = &loop;
    make_list(k, s->body);
    land_all(k, loop.continues);
    make_list(k, s->step);
    k->loop = loop.outer;
    if (s->value && s->test_last) {
        operand c = block_eval(k, s->value, 0);
        if (c.kind != NUMBER) block_unfit(k);
        leave = block_push_jump(k, STEP_JUMP_UNLESS, c.at, 0);
    }
    block_push_jump(k, STEP_JUMP, 0, top);
    if (s->value) block_land(k, leave);
    land_all(k, loop.breaks);
    k->control--;
}

static void leave_loop(maker *k, bool again)
{
    if (!k->loop || k->loop->depth != k->depth) block_unfit(k);
    else add_jump(k, again ? &k->loop->continues : &k->loop->breaks);
}

/* Into the output: bool lanes become bytes. */
static void put_output(maker *k, operand v)
{
    if (!k->fits) return;
    if (v.type == KC_BOOL) {
        v = block_to_register(k, v);
        v.type = KC_U32;
        if (k->fits) block_cast_once(k, v, KC_U8, BLOCK_OUT);
        return;
    }
    block_move(k, v, BLOCK_OUT);
}

static void make_return(maker *k, const kc_stmt *s)
{
    kc_scalar type = (kc_scalar)k->e->kernel.result.scalar;
    bool direct = !k->result && type != KC_BOOL;
    operand v = block_eval(k, s->value, direct && s->value->type.scalar == type ? BLOCK_OUT : 0);
    if (k->fits) v = block_cast(k, v, type, direct ? BLOCK_OUT : 0);
    if (!k->fits) return;
    if (!k->result) {
        put_output(k, v);
        return;
    }
    operand here = block_reaching(k);
    if (here.kind == NONE) {
        block_move(k, v, k->result);
    } else {
        block_choose(k, here, v, block_place_operand(k->result, type), k->result);
        operand gone[2] = { block_place_operand(k->live, KC_BOOL), block_nothing };
        if (k->mask) {
            gone[1] = block_opposite(k, block_place_operand(k->mask, KC_BOOL));
            if (k->fits) block_apply(k, K_AND, 0, KC_BOOL, KC_BOOL, gone, 2, k->live);
        }
    }
    if (!k->depth) add_jump(k, &k->returns);
}

static void make_list(maker *k, const kc_stmt *list)
{
    for (const kc_stmt *s = list; s && k->fits; s = s->next) {
        for (; k->n_done; k->n_done--) block_release(k, &k->done[k->n_done - 1]);
        switch ((kc_stmt_op)s->op) {
        case S_DECL: declare(k, s); break;
        case S_ASSIGN: assign(k, s); break;
        case S_IF: make_if(k, s); break;
        case S_LOOP: make_loop(k, s); break;
        case S_BLOCK: make_list(k, s->body); break;
        case S_RETURN: make_return(k, s); break;
        case S_BREAK: leave_loop(k, false); break;
        case S_CONTINUE: leave_loop(k, true); break;
        default: block_unfit(k); break;
        }
    }
}

/* ------------------------------------------------------------------ a kernel */
static const block_loop *loops_of(u32 width)
{
#if defined(__x86_64__) && defined(QUERN_ISA_AVX512)
    if (width >= 16 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
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
        block_no_memory(k);
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
        block_no_memory(k);
        return false;
    }
    for (u32 i = 0; i < k->e->n_vars && b->n_words < KC_MAX_WORDS; i++) {
        const kc_var *v = k->e->vars[i];
        if (v->storage != KC_V_SCALAR) continue;
        u16 place = block_new_place(k, 8, true);
        k->states[place].fixed = true;
        k->vars[v->slot].is = block_number_at(place, (kc_scalar)v->type.scalar);
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
    if (!simple) k->result = block_new_place(k, block_lane_bytes(type), false);
    if (k->has_varying_return) {
        k->live = block_new_place(k, 4, false);
        block_move(k, block_integer(k, KC_BOOL, 1), k->live);
    }
    make_list(k, k->e->body);
    if (simple || !k->fits) return;
    land_all(k, k->returns);
    put_output(k, block_place_operand(k->result, type));
}

/* Offsets of the registers; lanes so that all of them stay in the first cache. False: too many. */
static bool lay_out(maker *k, kc_block *b)
{
    u32 bytes = 0, n = 0;
    for (u32 wide = 8; wide >= 4; wide -= 4)
        for (u32 i = BLOCK_PLACES; i < k->n_places; i++) {
            block_place *p = &k->places[i];
            if (p->number || p->bytes != wide) continue;
            p->before = bytes;
            p->nth = n++;
            bytes += wide;
        }
    u32 skew = n * BLOCK_SKEW;
    b->lanes = BLOCK_MAX_LANES;
    while (b->lanes > 64 && b->lanes * bytes + skew > BLOCK_MEMORY / 2) b->lanes /= 2;
    return b->lanes * bytes + skew <= BLOCK_MEMORY;
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
