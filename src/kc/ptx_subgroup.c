/* subgroup_... as PTX: values are exchanged by shfl.sync inside a warp. What spans warps is folded in each warp first, then one value of each
 * goes through group memory, and every item folds those: one barrier, where a tree over group memory takes one for each halving. */
#include "kc/ptx.h"

enum { WARP = 32 };

typedef struct exchange {
    ptx *p;
    const kc_expr *call;
    u32 group, n; /* items of the group, of a subgroup */
    kc_scalar type;
    const char *mask; /* of the lanes that a warp has */
} exchange;

/* ------------------------------------------------------------------ one value from another lane */
static const char *word_of_lane(const exchange *x, const char *how, const char *word, u32 from, u32 clamp)
{
    const char *to = ptx_reg(x->p, PTX_R);
    ptx_line(x->p, "shfl.sync.%s.b32 %s, %s, %u, %u, %s", how, to, word, from, clamp, x->mask);
    return to;
}

static const char *of_lane(const exchange *x, const char *how, const char *value, u32 from, u32 clamp)
{
    ptx *p = x->p;
    ptx_class c = ptx_class_of(x->type);
    const char *to = ptx_reg(p, c);
    value = ptx_held(p, x->type, value);
    if (kc_scalar_bytes(x->type) == 4) {
        const char *word = c == PTX_R ? value : ptx_op1(p, PTX_R, "mov.b32", value);
        ptx_line(p, "mov.b32 %s, %s", to, word_of_lane(x, how, word, from, clamp));
        return to;
    }
    const char *low = ptx_reg(p, PTX_R), *high = ptx_reg(p, PTX_R);
    ptx_line(p, "mov.b64 {%s, %s}, %s", low, high, value);
    low = word_of_lane(x, how, low, from, clamp), high = word_of_lane(x, how, high, from, clamp);
    ptx_line(p, "mov.b64 %s, {%s, %s}", to, low, high);
    return to;
}

static const char *meet(const exchange *x, const char *a, const char *b)
{
    if (x->call->call == KC_B_subgroup_add) return ptx_binary(x->p, K_ADD, x->type, a, b, false);
    return ptx_extreme(x->p, x->call->call == KC_B_subgroup_min, x->type, a, b);
}

/* Every item gets all of its `n` (a power of two, at most WARP) lanes folded. */
static const char *fold_lanes(const exchange *x, const char *value, u32 n)
{
    for (u32 half = n / 2; half > 0; half /= 2) value = meet(x, value, of_lane(x, "bfly", value, half, WARP - 1));
    return value;
}

/* ------------------------------------------------------------------ across warps */
static const char *cell(const exchange *x, const kc_var *cells, const char *index)
{
    ptx *p = x->p;
    u32 bytes = kc_scalar_bytes(x->type);
    const char *base = ptx_op1(p, PTX_R, "mov.u32", "qk_shared"), *at = ptx_reg(p, PTX_R);
    ptx_line(p, "mad.lo.u32 %s, %s, %u, %s", at, index, bytes, base);
    return ptx_text(p, "[%s + %u]", at, p->vars[cells->slot].at);
}

/* Each warp's value goes to its cell; the item takes the one of its lane among the warps of its subgroup. */
static const char *pass_warps(const exchange *x, const kc_var *cells, const char *value)
{
    ptx *p = x->p;
    ptx_class c = ptx_class_of(x->type);
    u32 warps = x->n / WARP;
    const char *t = ptx_op1(p, PTX_R, "mov.u32", "%tid.x"), *warp = ptx_op2(p, PTX_R, "shr.u32", t, "5");
    const char *lane = ptx_op2(p, PTX_R, "and.b32", t, "31"), *first = ptx_op2(p, PTX_P, "setp.eq.u32", lane, "0");
    const char *type = ptx_bits(c), *to = ptx_reg(p, c);
    if (p->vars[cells->slot].read_since || p->vars[cells->slot].written_since) ptx_barrier(p);
    ptx_line(p, "@%s st.shared.%s %s, %s", first, type, cell(x, cells, warp), ptx_held(p, x->type, value));
    ptx_barrier(p);
    const char *from = ptx_op2(p, PTX_R, "and.b32", lane, ptx_text(p, "%u", warps - 1));
    if (x->n < x->group) {
        const char *run = ptx_op2(p, PTX_R, "and.b32", warp, ptx_text(p, "%d", -(int)warps));
        from = ptx_op2(p, PTX_R, "add.u32", run, from);
    }
    ptx_line(p, "ld.shared.%s %s, %s", type, to, cell(x, cells, from));
    ptx_note_read(p, cells);
    return to;
}

static const char *fold(const exchange *x, const kc_var *cells, const char *value)
{
    value = fold_lanes(x, value, MIN(x->n, WARP));
    return x->n <= WARP ? value : fold_lanes(x, pass_warps(x, cells, value), x->n / WARP);
}

/* ------------------------------------------------------------------ */
static bool is_fold(kc_builtin b) { return b <= KC_B_subgroup_max; }

/* Groups with a last warp that is not full, and exchanges over warps, stay phases. */
static bool has_instruction(const exchange *x)
{
    kc_builtin b = (kc_builtin)x->call->call;
    bool whole = x->group <= WARP || x->group % WARP == 0;
    return whole && (is_fold(b) || (b == KC_B_subgroup_shuffle_xor ? x->n < WARP : x->n <= WARP));
}

bool ptx_subgroup(ptx *p, const kc_stmt *s)
{
    const kc_expr *call = s->value, *last = call->a[call->n_args - 1];
    const kc_var *v = call->a[0]->var, *cells = s->body->var;
    exchange x = {
        .p = p, .call = call, .group = p->e->kernel.group, .n = (u32)last->value.i, .type = (kc_scalar)v->type.scalar
    };
    const ptx_place *place = ptx_place_of(p, v);
    if (!has_instruction(&x) || !place->regs) return false;
    x.mask = x.group < WARP ? ptx_text(p, "%u", (1u << x.group) - 1) : "0xffffffff";
    const char *value = place->regs[0];
    if (call->call == KC_B_subgroup_shuffle_xor) value = of_lane(&x, "bfly", value, x.n, WARP - 1);
    else if (call->call == KC_B_subgroup_broadcast)
        value = of_lane(&x, "idx", value, (u32)call->a[1]->value.i, (WARP - x.n) << 8 | (WARP - 1));
    else value = fold(&x, cells, value);
    ptx_move(p, ptx_class_of(x.type), place->regs[0], value);
    return true;
}
