/* Copies as launches of move_map.c, move_rows.c and move_tile.c. All that the ops differ in is sizes and strides. */
#include "op/blocks.h"
#include "op/copy.h"
#include "op/op_util.h"

enum { MAP_RANK = 8, OUTER_RANK = 4, TILE = 32, GROUP_ELEMS = 8192 };

void copy_strides(graph *g, const type *t, sym *out)
{
    sym step = sym_one(g);
    for (u32 d = t->rank; d-- > 0;) {
        out[d] = step;
        step = sym_mul(g, step, t->dims[d]);
    }
}

void copy_dense(graph *g, copy *c)
{
    sym step = sym_one(g);
    for (u32 d = c->rank; d-- > 0;) {
        c->ys[d] = step;
        step = sym_mul(g, step, c->size[d]);
    }
    c->y_at = sym_zero(g);
}

static bool continues(graph *g, const sym *stride, const sym *size, u32 d)
{
    return sym_same(g, stride[d], sym_mul(g, size[d + 1], stride[d + 1]));
}

void copy_merge(graph *g, copy *c)
{
    u32 n = 0;
    for (u32 d = 0; d < c->rank; d++) {
        if (sym_is(g, c->size[d], 1)) continue;
        c->size[n] = c->size[d], c->xs[n] = c->xs[d], c->ys[n] = c->ys[d];
        n++;
        if (n > 1 && continues(g, c->xs, c->size, n - 2) && continues(g, c->ys, c->size, n - 2)) {
            c->size[n - 2] = sym_mul(g, c->size[n - 2], c->size[n - 1]);
            c->xs[n - 2] = c->xs[n - 1], c->ys[n - 2] = c->ys[n - 1];
            n--;
        }
    }
    if (n == 0 || (n < COPY_MAX_RANK &&
                   !sym_is(g, c->ys[n - 1], 1))) { /* rows of one element: y always runs along the last dimension */
        c->size[n] = c->xs[n] = c->ys[n] = sym_one(g);
        n++;
    }
    c->rank = n;
}

/* ------------------------------------------------------------------ fitting */
bool copy_fits_rows(graph *g, const copy *c) { return c->rank <= OUTER_RANK + 2 && sym_is(g, c->ys[c->rank - 1], 1); }

/* The dimension along which x runs, when that is not the last one: rank when there is none. */
static u32 run_of_x(graph *g, const copy *c)
{
    for (u32 d = 0; d + 1 < c->rank; d++)
        if (sym_is(g, c->xs[d], 1)) return d;
    return c->rank;
}

bool copy_fits_tile(graph *g, const copy *c)
{
    u32 last = c->rank - 1;
    return c->rank >= 2 && c->rank <= OUTER_RANK + 2 && sym_is(g, c->ys[last], 1) && !sym_is(g, c->xs[last], 1) &&
           !sym_is(g, c->xs[last], 0) && run_of_x(g, c) < c->rank;
}

/* ------------------------------------------------------------------ launching */
/* The product of the dimensions that are left over. */
static sym outer_of(graph *g, const copy *c, u32 skip_a, u32 skip_b)
{
    sym all = sym_one(g);
    for (u32 d = 0; d < c->rank; d++)
        if (d != skip_a && d != skip_b) all = sym_mul(g, all, c->size[d]);
    return all;
}

/* They, as OUTER_RANK sizes (without the first), then strides in x, then in y. */
static void put_outer(launch *k, graph *g, const copy *c, u32 skip_a, u32 skip_b)
{
    sym size[OUTER_RANK], xs[OUTER_RANK], ys[OUTER_RANK];
    u32 n = 0, used = 0;
    for (u32 d = 0; d < c->rank; d++) used += d != skip_a && d != skip_b;
    for (; n < OUTER_RANK - used; n++) size[n] = sym_one(g), xs[n] = ys[n] = sym_zero(g);
    for (u32 d = 0; d < c->rank; d++) {
        if (d == skip_a || d == skip_b) continue;
        size[n] = c->size[d], xs[n] = c->xs[d], ys[n++] = c->ys[d];
    }
    for (u32 d = 1; d < OUTER_RANK; d++) launch_size(k, size[d]);
    for (u32 d = 0; d < OUTER_RANK; d++) launch_size(k, xs[d]);
    for (u32 d = 0; d < OUTER_RANK; d++) launch_size(k, ys[d]);
}

static launch *begin(lowering *l, const copy *c, const char *file, const char *entry, u32 group)
{
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", width_word(c->dtype));
    if (group > 1) launch_define_number(k, "GROUP", group);
    launch_in(k, c->x);
    launch_out(k, c->y);
    launch_size(k, c->x_at);
    launch_size(k, c->y_at);
    return k;
}

qn_status copy_launch_rows(lowering *l, const copy *c, u32 group)
{
    graph *g = lower_graph_mut(l);
    copy m = *c;
    sym last_run = m.size[m.rank - 1];
    if (m.rank == 1) { /* one long run is cut into rows, so that several groups share it */
        sym piece = sym_number(g, GROUP_ELEMS), n = m.size[0];
        m.size[0] = sym_ceil_div(g, n, piece), m.size[1] = piece;
        last_run = sym_sub(g, n, sym_mul(g, sym_sub(g, m.size[0], sym_one(g)), piece));
        m.xs[1] = m.xs[0], m.ys[1] = m.ys[0];
        m.xs[0] = sym_mul(g, m.xs[0], piece), m.ys[0] = sym_mul(g, m.ys[0], piece);
        m.rank = 2;
    }
    u32 row = m.rank - 2, last = m.rank - 1;
    launch *k = begin(l, &m, "move_rows.c", "move_rows", group);
    pieces_choose(k, m.size[row], m.size[last], outer_of(g, &m, row, last), GROUP_ELEMS);
    launch_chosen(k, PIECE_ROWS);
    launch_size(k, m.size[row]);
    launch_size(k, m.size[last]);
    launch_size(k, last_run);
    launch_size(k, m.xs[row]);
    launch_size(k, m.ys[row]);
    launch_size(k, m.xs[last]);
    put_outer(k, g, &m, row, last);
    return launch_chosen_groups(k, PIECE_GROUPS);
}

qn_status copy_launch_tile(lowering *l, const copy *c, u32 group)
{
    graph *g = lower_graph_mut(l);
    u32 last = c->rank - 1, p = run_of_x(g, c);
    launch *k = begin(l, c, "move_tile.c", "move_tile", group);
    launch_size(k, c->size[p]);
    launch_size(k, c->size[last]);
    launch_size(k, c->ys[p]);
    launch_size(k, c->xs[last]);
    put_outer(k, g, c, p, last);
    sym outer = outer_of(g, c, p, last), tile = sym_number(g, TILE);
    return launch_groups(
        k, sym_mul(g, outer, sym_mul(g, sym_ceil_div(g, c->size[p], tile), sym_ceil_div(g, c->size[last], tile))));
}

qn_status copy_launch_map(lowering *l, const node *n, const copy *c)
{
    static const char *const ranks[] = { "2", "4", "8" };
    graph *g = lower_graph_mut(l);
    if (c->rank > MAP_RANK)
        return lower_fail(l, n, QN_E_UNSUPPORTED, "its copy has %u dimensions, at most %d can be done", c->rank, MAP_RANK);
    u32 which = c->rank <= 2 ? 0 : c->rank <= 4 ? 1 : 2, rank = 2u << which;
    sym all = sym_one(g);
    launch *k = launch_begin(l, "move_map.c", "move_map");
    launch_define(k, "T", width_word(c->dtype));
    launch_define(k, "RANK", ranks[which]);
    launch_in(k, c->x);
    launch_out(k, c->y);
    launch_size(k, c->x_at);
    for (u32 d = 1; d < rank; d++) launch_size(k, d + c->rank < rank ? sym_one(g) : c->size[d + c->rank - rank]);
    for (u32 d = 0; d < rank; d++) launch_size(k, d + c->rank < rank ? sym_zero(g) : c->xs[d + c->rank - rank]);
    for (u32 d = 0; d < c->rank; d++) all = sym_mul(g, all, c->size[d]);
    return launch_map(k, all);
}
