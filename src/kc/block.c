/* The block machine: a MAP as a list of steps, each done for a block of elements by one compiled loop. This file runs them.
 *
 * Registers are columns of up to 1024 lanes on the stack, small enough together for the first cache. A step names places; what a place
 * points to may change: a load of x[i] only points into the buffer, and the last step writes into the output itself. */
#include "kc/block.h"

#include "kc/interpret_value.h"

typedef struct frame {
    const kc_block *b;
    void *const *bufs;
    u32 i, n; /* the block: elements [i, i + n) */
    void *at[BLOCK_MAX_PLACES];
    u64 numbers[BLOCK_MAX_PLACES];
} frame;

static u32 number_u32(const frame *f, u16 place)
{
    u32 v;
    memcpy(&v, f->at[place], sizeof v);
    return v;
}

static i64 index_of(const frame *f, const block_step *s, u16 place)
{
    u32 v = number_u32(f, place);
    return s->from == KC_I32 ? (i64)(i32)v : (i64)v;
}

/* ------------------------------------------------------------------ numbers */
static void run_number(frame *f, const block_step *s)
{
    value x[3] = { 0 }, y = { 0 };
    kc_scalar from = (kc_scalar)s->from, to = (kc_scalar)s->type;
    for (u32 k = 0; k < s->n_x; k++) {
        bool count = k == 1 && (s->op == K_SHL || s->op == K_SHR),
             power = k == 1 && s->op == K_CALL && s->call == KC_B_ldexp;
        kc_scalar type = count ? KC_U32 : power ? KC_I32 : k == 0 && s->op == K_COND ? KC_BOOL : from;
        x[k].v[0] = value_load(type, f->at[s->x[k]]);
    }
    value_settle((kc_op)s->op, from, &x[0].v[0], &x[1].v[0]);
    if (s->op == K_CALL) value_call((kc_builtin)s->call, from, 1, x, &y);
    else if (s->op == K_COND) y.v[0] = x[0].v[0].i ? x[1].v[0] : x[2].v[0];
    else if (s->op == K_CAST) value_cast(K_TO, from, to, 1, x, &y);
    else if (s->op < K_BINARY_COUNT && s->op < K_LOGAND) value_binary((kc_op)s->op, from, 1, &x[0], &x[1], &y);
    else value_unary((kc_op)s->op, from, 1, x, &y);
    memset(f->at[s->y], 0, sizeof(u64));
    value_store(to, f->at[s->y], y.v[0]);
}

static bool any_lane(const frame *f, u16 mask)
{
    const i32 *m = f->at[mask];
    for (u32 k = 0; k < f->n; k++)
        if (m[k]) return true;
    return false;
}

static void run_number_elem(frame *f, const block_step *s)
{
    memset(f->at[s->y], 0, sizeof(u64));
    if (s->x[1] && !any_lane(f, s->x[1])) return;
    const u8 *from = f->bufs[s->buffer];
    memcpy(f->at[s->y], from + index_of(f, s, s->x[0]) * s->size, s->size);
}

/* ------------------------------------------------------------------ element i / inner % outer, by stepping */
typedef struct digit {
    u32 inner, outer, value, left;
} digit; /* left: elements before the value changes */

static digit digit_at(const frame *f, const block_step *s)
{
    digit d = { s->x[0] ? number_u32(f, s->x[0]) : 1, s->x[1] ? number_u32(f, s->x[1]) : 0, 0, 0 };
    if (d.inner == 0) d.inner = 1;            /* x / 0 is x */
    if (s->x[1] && d.outer == 0) d.outer = 1; /* x % 0 is 0 */
    d.value = f->i / d.inner;
    d.left = d.inner - f->i % d.inner;
    if (d.outer) d.value %= d.outer;
    return d;
}

static void digit_next(digit *d)
{
    d->left = d->inner;
    if (++d->value == d->outer) d->value = 0;
}

static void run_digit(frame *f, const block_step *s)
{
    u32 *y = f->at[s->y], plus = s->x[2] ? number_u32(f, s->x[2]) : 0;
    digit d = digit_at(f, s);
    for (u32 k = 0; k < f->n;) {
        u32 end = MIN(f->n, k + d.left);
        for (; k < end; k++) y[k] = d.value + plus;
        digit_next(&d);
    }
}

#define RUNS(T)                                                                                                             \
    do {                                                                                                                    \
        T *y = to, v; /* `from` may be a weight anywhere in a file: not aligned */                                          \
        for (u32 k = 0; k < f->n;) {                                                                                        \
            u32 end = MIN(f->n, k + d.left);                                                                                \
            memcpy(&v, (const u8 *)from + (size_t)d.value * sizeof v, sizeof v);                                            \
            for (; k < end; k++) y[k] = v;                                                                                  \
            digit_next(&d);                                                                                                 \
        }                                                                                                                   \
    } while (0)

/* Runs of equal elements, of any length. */
static void copy_runs(const frame *f, digit d, const void *from, void *to, u8 size)
{
    if (size == 1) RUNS(u8);
    else if (size == 2) RUNS(u16);
    else if (size == 4) RUNS(u32);
    else RUNS(u64);
}

/* Whole rows of `outer` elements, over and over. */
static void copy_rows(const frame *f, digit d, const u8 *from, u8 *to, u8 size)
{
    for (u32 k = 0; k < f->n;) {
        u32 n = MIN(f->n - k, d.outer - d.value);
        memcpy(to + (size_t)k * size, from + (size_t)d.value * size, (size_t)n * size);
        k += n;
        d.value = 0;
    }
}

static void run_point_digit(frame *f, const block_step *s)
{
    u8 *from = f->bufs[s->buffer], *own = f->at[s->x[2]];
    digit d = digit_at(f, s);
    f->at[s->y] = own;
    if (d.inner > 1) copy_runs(f, d, from, own, s->size);
    else if (d.outer == 0 || f->n <= d.outer - d.value) f->at[s->y] = from + (size_t)d.value * s->size;
    else if (d.outer < 16) copy_runs(f, d, from, own, s->size);
    else copy_rows(f, d, from, own, s->size);
}

/* ------------------------------------------------------------------ a block, a range */
static void run_steps(frame *f, const block_step *steps, u32 n_steps)
{
    for (u32 pc = 0; pc < n_steps;) {
        const block_step *s = &steps[pc++];
        switch ((step_kind)s->kind) {
        case STEP_LOOP: {
            const void *x[3] = { f->at[s->x[0]], f->at[s->x[1]], f->at[s->x[2]] };
            if (s->op == K_ELEM || s->op == K_ARRAY) x[0] = f->bufs[s->buffer];
            s->loop(f->at[s->y], x, f->n);
            break;
        }
        case STEP_NUMBER: run_number(f, s); break;
        case STEP_NUMBER_ELEM: run_number_elem(f, s); break;
        case STEP_POINT: {
            u32 at = f->i + (s->x[0] ? number_u32(f, s->x[0]) : 0);
            i64 elem = s->from == KC_I32 ? (i64)(i32)at : (i64)at;
            f->at[s->y] = (u8 *)f->bufs[s->buffer] + elem * s->size;
            break;
        }
        case STEP_POINT_DIGIT: run_point_digit(f, s); break;
        case STEP_DIGIT: run_digit(f, s); break;
        case STEP_COPY: memcpy(f->at[s->y], f->at[s->x[0]], s->size ? (size_t)s->size * f->n : sizeof(u64)); break;
        case STEP_JUMP: pc = s->to; break;
        case STEP_JUMP_UNLESS:
            if (number_u32(f, s->x[0]) == 0) pc = s->to;
            break;
        }
    }
}

static void set_places(frame *f, u8 *memory)
{
    const kc_block *b = f->b;
    for (u32 i = 1; i < b->n_places; i++) {
        const block_place *p = &b->places[i];
        f->at[i] = p->number ? (void *)&f->numbers[i]
                             : (void *)(memory + (size_t)p->before * b->lanes + (size_t)p->nth * BLOCK_SKEW);
    }
    memcpy(f->numbers, b->numbers, b->n_places * sizeof(u64));
}

void kc_block_run(const kc_block *b, void *const *bufs, const u32 *words, u64 from, u64 to)
{
    _Alignas(64) u8 memory[BLOCK_MEMORY];
    frame f;
    f.b = b;
    f.bufs = bufs;
    if (from >= to) return;
    set_places(&f, memory);
    for (u32 i = 0; i < b->n_words; i++) memcpy(&f.numbers[b->word_places[i]], words + b->word_at[i], 4u * b->word_words[i]);
    f.i = (u32)from;
    f.n = b->lanes;
    f.at[0] = NULL;
    run_steps(&f, b->once, b->n_once);
    for (u64 i = from; i < to; i += f.n) {
        f.i = (u32)i;
        f.n = (u32)MIN(to - i, (u64)b->lanes);
        f.numbers[BLOCK_I] = i; /* the block's first element, for the steps */
        f.at[BLOCK_OUT] = (u8 *)bufs[b->n_bufs] + i * b->result_bytes;
        run_steps(&f, b->steps, b->n_steps);
    }
}

const block_loop *block_find(const block_loop *loops, u8 op, u8 call, kc_scalar from, kc_scalar to)
{
    for (; loops->op != K_USER; loops++)
        if (loops->op == op && loops->call == call && loops->from == from && (to == KC_VOID || loops->to == to))
            return loops;
    return NULL;
}
