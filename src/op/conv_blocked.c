/* Convolutions of pictures with their channels in blocks (op/blocked.h), weights likewise: what the pass `layout_blocks` makes of Conv and
 * ConvFused where that suits the device. One filter for all channels, or one for each; two dimensions. */
#include "op/blocked.h"
#include "op/conv_launch.h"
#include "op/op_util.h"

typedef struct sides {
    i64 channels, block; /* of x; in a block */
    bool plain, depth;   /* x has no blocks; a filter for each channel */
    sym out;             /* blocks of the result */
    window win;
} sides;

static const char *sides_of(graph *g, const node *n, const type *x, const type *w, sides *out)
{
    *out = (sides){ .channels = attr_int(n, "channels", 1), .plain = x->rank == 4, .depth = w->rank == 4 };
    if (x->rank != 4 && x->rank != 5) return "the input must have 4 dimensions, or 5 with blocks";
    if (w->rank != 6 && (w->rank != 4 || out->plain))
        return "the weight must have 6 dimensions, or 4 for a filter each channel of blocks";
    sym last = w->dims[w->rank - 1];
    if (!sym_is_number(g, last, &out->block) || out->block < 1) return "the size of a block must be known";
    if (out->channels < 1 || out->channels > INT32_MAX) return "channels must be 1 or more";
    sym in = sym_number(g, (out->channels + out->block - 1) / out->block);
    if (!out->plain && infer_differ(g, x->dims[4], last)) return "the blocks of input and weight differ";
    if (infer_differ(g, x->dims[1], out->plain ? sym_number(g, out->channels) : in))
        return "the input has not so many channels";
    if (infer_differ(g, w->dims[out->depth ? 0 : 1], in) || (!out->depth && infer_differ(g, w->dims[4], last)))
        return "the weight has not so many channels";
    out->out = w->dims[0];
    type front = *x;
    front.rank = 4;
    return window_make(g, n, &front, w->dims + (out->depth ? 1 : 2), &out->win);
}

static qn_status blocked_infer(infer *c)
{
    const type *x = infer_in(c, 0), *w = infer_in(c, 1);
    sides s;
    const char *wrong = sides_of(c->g, c->n, x, w, &s);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    type y = *x;
    y.rank = 5;
    y.dims[1] = s.out, y.dims[4] = sym_number(c->g, s.block);
    for (u32 d = 1; d < 3; d++) y.dims[1 + d] = s.win.out[d];
    QN_TRY(epilogue_check(c, 2, 3, sym_mul(c->g, s.out, y.dims[4]), &y));
    return infer_out(c, 0, &y);
}

/* ---- launches */

typedef struct blocked {
    conv conv;
    sides of;
} blocked;

static qn_status blocked_conv(lowering *l, const node *n, blocked *out)
{
    conv *p = &out->conv;
    *p = (conv){ .x = lower_in(l, n, 0), .w = lower_in(l, n, 1), .y = lower_out(l, n, 0), .end = epilogue_of(l, n, 2, 3) };
    const char *wrong = sides_of(lower_graph_mut(l), n, lower_type(l, p->x), lower_type(l, p->w), &out->of);
    return wrong ? lower_fail(l, n, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

/* BLOCKED_PARAMS of kernels/conv_blocked.h; a line: all pixels are one row. */
static void params(lowering *l, launch *k, const sides *s, bool line)
{
    graph *g = lower_graph_mut(l);
    const window *w = &s->win;
    launch_number(k, s->channels);
    launch_size(k, line ? sym_one(g) : w->in[1]);
    launch_size(k, line ? sym_mul(g, w->in[1], w->in[2]) : w->in[2]);
    launch_size(k, s->out);
    launch_size(k, line ? sym_one(g) : w->out[1]);
    launch_size(k, line ? sym_mul(g, w->out[1], w->out[2]) : w->out[2]);
    for (u32 d = 1; d < 3; d++) launch_size(k, w->kernel[d]);
    for (u32 d = 1; d < 3; d++) launch_number(k, w->step[d]);
    for (u32 d = 1; d < 3; d++) launch_number(k, w->dilation[d]);
    for (u32 d = 1; d < 3; d++) launch_size(k, w->pad[d]);
}

static qn_status emit_map(lowering *l, const node *n)
{
    blocked p;
    QN_TRY(blocked_conv(l, n, &p));
    launch *k = conv_begin(l, &p.conv, "conv_blocked_map.c", "conv_blocked_map");
    launch_number(k, p.of.block);
    params(l, k, &p.of, false);
    epilogue_params(k, &p.conv.end);
    launch_const(k, "plain", p.of.plain);
    launch_const(k, "depth", p.of.depth);
    epilogue_consts(k, &p.conv.end);
    return launch_map(k, lower_elems(l, p.conv.y));
}

enum { BANDS_ROWS, BANDS_COLS, BANDS_GROUPS };
enum { SET = 4, TILE = 6, COLS_LEAST = 4 * TILE, SHARES = 4 }; /* kernels/conv_blocked.c; groups that a worker should have */

/* sizes: rows and pixels in a row of the result, parts that are apart anyway: whole rows where there is more than one. */
static void choose_bands(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    const i64 rows = MAX(sizes[0], 1), cols = MAX(sizes[1], 1), parts = MAX(sizes[2], 1);
    i64 want = caps->workers > 1 ? ((i64)caps->workers * SHARES + parts - 1) / parts : 1, band = rows, span = cols;
    if (rows > 1) band = (rows + want - 1) / want;
    else span = MAX((cols + want - 1) / want, COLS_LEAST) + TILE - 1, span -= span % TILE;
    span = MIN(span, cols);
    u64 groups = 0;
    bool few = sizes[0] > 0 && sizes[1] > 0 && sizes[2] >= 0 &&
               mul_u64((u64)((rows + band - 1) / band), (u64)((cols + span - 1) / span), &groups) &&
               mul_u64(groups, (u64)sizes[2], &groups) && groups < UINT32_MAX;
    numbers[BANDS_ROWS] = (u32)band;
    numbers[BANDS_COLS] = (u32)span;
    numbers[BANDS_GROUPS] = few ? (u32)groups : sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 ? UINT32_MAX : 0;
}

static bool suits(const lowering *l, const node *n, bool depth)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    return w->dtype == QN_F32 && (w->rank == 4) == depth &&
           sym_is(lower_graph(l), w->dims[w->rank - 1], lower_caps(l)->width);
}

static bool fits_lanes(const lowering *l, const node *n) { return suits(l, n, false); }
static bool fits_depth(const lowering *l, const node *n) { return suits(l, n, true); }

/* One tap, step 1, no padding: pixels need not know their row. */
static bool is_line(const graph *g, const window *w)
{
    for (u32 d = 1; d < 3; d++)
        if (!sym_is(g, w->kernel[d], 1) || w->step[d] != 1 || !sym_is(g, w->pad[d], 0) || !sym_same(g, w->in[d], w->out[d]))
            return false;
    return true;
}

static qn_status emit_lanes(lowering *l, const node *n)
{
    blocked p;
    QN_TRY(blocked_conv(l, n, &p));
    graph *g = lower_graph_mut(l);
    const window *w = &p.of.win;
    bool line = is_line(g, w);
    launch *k = conv_begin(l, &p.conv, "conv_blocked.c", "conv_blocked");
    sym sets = sym_ceil_div(g, p.of.out, sym_number(g, SET)), rows = line ? sym_one(g) : w->out[1];
    sym cols = line ? sym_mul(g, w->out[1], w->out[2]) : w->out[2];
    launch_choose(k, choose_bands, (const sym[]){ rows, cols, sym_mul(g, sets, lower_dim(l, p.conv.x, 0)) }, 3);
    launch_chosen(k, BANDS_ROWS);
    launch_chosen(k, BANDS_COLS);
    params(l, k, &p.of, line);
    epilogue_params(k, &p.conv.end);
    launch_const(k, "plain", p.of.plain);
    epilogue_consts(k, &p.conv.end);
    return launch_chosen_groups(k, BANDS_GROUPS);
}

static qn_status emit_depth(lowering *l, const node *n)
{
    blocked p;
    QN_TRY(blocked_conv(l, n, &p));
    graph *g = lower_graph_mut(l);
    launch *k = conv_begin(l, &p.conv, "conv_blocked_depth.c", "conv_blocked_depth");
    /* one row at least of a group, all its pixels */
    launch_choose(k, choose_bands,
                  (const sym[]){ p.of.win.out[1], p.of.win.out[2], sym_mul(g, p.of.out, lower_dim(l, p.conv.x, 0)) }, 3);
    launch_chosen(k, BANDS_ROWS);
    params(l, k, &p.of, false);
    epilogue_params(k, &p.conv.end);
    epilogue_consts(k, &p.conv.end);
    return launch_chosen_groups(k, BANDS_GROUPS);
}

static const variant blocked_variants[] = {
    { "conv_blocked", NEED_LANES, fits_lanes, emit_lanes },
    { "conv_blocked_depth", NEED_LANES, fits_depth, emit_depth },
    { "conv_blocked_map", 0, NULL, emit_map },
    { 0 },
};

static sym blocked_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    const type *w = lower_type(l, lower_in(l, n, 1));
    bool depth = w->rank == 4;
    sym taps = sym_span(g, w, depth ? 1 : 2, depth ? 3 : 4);
    i64 channels = depth ? 1 : attr_int(n, "channels", 1);
    return sym_mul(g, sym_number(g, 2 * channels), sym_mul(g, lower_elems(l, n->out[0]), taps));
}

/* ---- from and to channels in front */

static val turned(build *b, val x, const i64 *perm, u32 rank)
{
    attr a = attr_of_ints(b->g, "perm", perm, rank);
    return !x || b->status ? 0 : build_node(b, OP_Transpose, &x, 1, &a, 1);
}

/* Numbers of `from`, [m][c][taps], as [m / block][c / block][taps][block of c][block of m]; a filter for each channel (c is 1) without
 * [block of c]. What `to` has more is 0. */
static void turn(f32 *to, const u8 *from, u64 m, u64 c, u64 taps, u64 block, bool depth)
{
    u64 lanes = depth ? 1 : block, depths = (c + lanes - 1) / lanes * lanes;
    for (u64 o = 0; o < m; o += block)
        for (u64 i = 0; i < depths; i++)
            for (u64 t = 0; t < taps; t++) {
                f32 *line = to + (o / block * depths * taps + i / lanes * taps * lanes + t * lanes + i % lanes) * block;
                u64 have = i < c ? MIN(block, m - o) : 0;
                for (u64 k = 0; k < have; k++)
                    memcpy(&line[k], from + (((o + k) * c + i) * taps + t) * sizeof(f32), sizeof(f32));
                for (u64 k = have; k < block; k++) line[k] = 0;
            }
}

/* Weights in memory, turned here and now: as nodes they would be folded one by one, which takes longer than the turning. 0: they are not. */
static val weight_turned(build *b, val w, u32 block, bool depth)
{
    const value *v = value_at(b->g, w);
    if (!v->is_constant || !v->data || b->status) return 0;
    const qn_tensor t = constant_tensor(b->g, w);
    if (t.dtype != QN_F32) return 0;
    const i64 m = (t.dims[0] + block - 1) / block, c = (t.dims[1] + block - 1) / block;
    qn_tensor y = { .dtype = QN_F32, .rank = 6, .dims = { m, c, t.dims[2], t.dims[3], block, block } };
    if (depth) y = (qn_tensor){ .dtype = QN_F32, .rank = 4, .dims = { m, t.dims[2], t.dims[3], block } };
    u64 bytes = qn_tensor_bytes(&y);
    f32 *to = arena_alloc(b->g->mem, bytes + 1);
    y.data = to;
    if (to) turn(to, t.data, (u64)t.dims[0], (u64)t.dims[1], (u64)(t.dims[2] * t.dims[3]), block, depth);
    val made = to ? graph_constant(b->g, NULL, &y) : 0;
    if (!made) b->status = fail_nomem(bytes);
    return made;
}

/* w[M][C][kh][kw] as [M / block][C / block][kh][kw][block in][block out], or [M][1][kh][kw] as [M / block][kh][kw][block]. */
static val weight_blocked(build *b, val w, u32 block, bool depth)
{
    sym by = sym_number(b->g, block);
    val now = weight_turned(b, w, block, depth);
    if (now || b->status) return now;
    w = blocked_padded(b, w, 0, block);
    if (!depth) w = blocked_padded(b, w, 1, block);
    if (!w || b->status) return 0;
    const type t = *build_type(b, w);
    sym m = sym_div(b->g, t.dims[0], by), c = sym_div(b->g, t.dims[1], by);
    if (depth)
        return turned(b, build_reshape(b, w, (const sym[]){ m, by, t.dims[2], t.dims[3] }, 4), (const i64[]){ 0, 2, 3, 1 },
                      4);
    return turned(b, build_reshape(b, w, (const sym[]){ m, by, c, by, t.dims[2], t.dims[3] }, 6),
                  (const i64[]){ 0, 2, 4, 5, 3, 1 }, 6);
}

static val weight_plain(build *b, val w, i64 channels)
{
    const type t = *build_type(b, w);
    graph *g = b->g;
    sym m = sym_mul(g, t.dims[0], t.dims[t.rank - 1]);
    if (t.rank == 4)
        return build_reshape(b, turned(b, w, (const i64[]){ 0, 3, 1, 2 }, 4),
                             (const sym[]){ m, sym_one(g), t.dims[1], t.dims[2] }, 4);
    val y = turned(b, w, (const i64[]){ 0, 5, 1, 4, 2, 3 }, 6);
    y = build_reshape(b, y, (const sym[]){ m, sym_mul(g, t.dims[1], t.dims[4]), t.dims[2], t.dims[3] }, 4);
    return build_slice(b, y, 1, sym_zero(g), sym_number(g, channels));
}

/* All lanes of the result are channels; of x so many as the node says, and all where each has its filter. */
static qn_status blocked_expand(build *b, const node *n)
{
    attr attrs[OP_MOST_ATTRS + 1];
    u32 count = node_attrs_but(n, (const char *const[]){ "channels", NULL }, attrs);
    val x = build_in(b, 0), w = build_in(b, 1);
    const type tx = *build_type(b, x), tw = *build_type(b, w);
    i64 channels = attr_int(n, "channels", 1), block = 1, filters = 0;
    bool depth = tw.rank == 4;
    if (!sym_is_number(b->g, tw.dims[tw.rank - 1], &block))
        return build_fail(b, QN_E_BUG, "the size of a block is not known");
    if (depth && !sym_is_number(b->g, tw.dims[0], &filters)) filters = (channels + block - 1) / block;
    if (depth) channels = filters * block, attrs[count++] = attr_of_int("group", channels);
    if (tx.rank == 5) x = blocked_undone(b, x, channels);
    val rest = build_in(b, 3);
    i64 made = 0;
    const type ty = *build_type(b, n->out[0]);
    if (!sym_is_number(b->g, ty.dims[1], &made)) return build_fail(b, QN_E_UNSUPPORTED, "the number of blocks is not known");
    val in[] = { x, weight_plain(b, w, channels), build_in(b, 2), rest ? blocked_undone(b, rest, made * block) : 0 };
    val y = blocked_of(b, build_node(b, OP_ConvFused, in, 4, attrs, count), (u32)block);
    return build_done(b, &y, 1);
}

bool conv_channels_blocked(build *b, const node *n, u32 block, val *outs)
{
    val x = node_in(b->g, n, 0), w = node_in(b->g, n, 1);
    const type tx = *build_type(b, x), tw = *build_type(b, w);
    i64 channels, filters, of_each, group = attr_int(n, "group", 1);
    attr attrs[OP_MOST_ATTRS + 1];
    if (tx.dtype != QN_F32 || tx.rank != 4 || !conv_weights_stay(b->g, w)) return false;
    if (!sym_is_number(b->g, tx.dims[1], &channels) || !sym_is_number(b->g, tw.dims[0], &filters) ||
        !sym_is_number(b->g, tw.dims[1], &of_each) || channels != group * of_each)
        return false;
    bool comes = blocked_by(b->g, x) == block, depth = group > 1;
    if (depth ? !comes || group != channels || filters != channels : filters * 2 < block) return false;
    u32 count = node_attrs_but(n, (const char *const[]){ "kernel_shape", "group", NULL }, attrs);
    attrs[count++] = attr_of_int("channels", channels);
    val in[] = { comes ? blocked_of(b, x, block) : x, weight_blocked(b, w, block, depth),
                 blocked_padded(b, node_in(b->g, n, 2), 0, block), blocked_of(b, node_in(b->g, n, 3), block) };
    val y = b->status ? 0 : build_node(b, OP_ConvBlocked, in, in[3] ? 4 : in[2] ? 3 : 2, attrs, count);
    outs[0] = blocked_undone(b, y, filters);
    return b->status == QN_OK;
}

/* ---- record */

static const op_case blocked_cases[] = {
    { "f32[1,2,9,8,4] f32[2,2,3,3,4,4] f32[8]", "channels=8, pads=[1,1,1,1], act=\"relu\"", 1e-6, "3 x 3 in fours" },
    { "f32[2,2,9,8,8] f32[3,2,3,3,8,8] f32[24] f32[2,3,9,8,8]", "channels=13, pads=[1,1,1,1], act=\"silu\"", 1e-6,
      "3 x 3 in eights, a residual block's end, a block that is not full" },
    { "f32[1,2,15,30,16] f32[5,2,3,3,16,16] f32[80]", "channels=32, pads=[1,1,1,1], strides=[2,2]", 1e-6,
      "in sixteens, step 2" },
    { "f32[2,3,14,9] f32[2,1,3,3,4,4] f32[8]", "channels=3, pads=[1,1,1,1], strides=[2,2]", 1e-6, "a plain input" },
    { "f32[2,11,9,14] f32[2,2,5,3,8,8]", "channels=11, pads=[2,1,2,1], strides=[1,3], act=\"relu\"", 1e-6,
      "a plain input in eights" },
    { "f32[1,3,14,9] f32[7,1,3,3,16,16] f32[112]", "channels=3, pads=[0,1,1,0], strides=[2,2]", 1e-6,
      "a plain input in sixteens" },
    { "f32[2,3,7,7,4] f32[5,3,1,1,4,4] f32[20] f32[2,5,7,7,4]", "channels=12, act=\"relu\"", 1e-6,
      "one tap: a matrix product" },
    { "f32[2,3,7,5,8] f32[5,3,1,1,8,8] f32[40]", "channels=21", 1e-6, "one tap in eights" },
    { "f32[1,3,7,5,16] f32[4,3,1,1,16,16]", "channels=48, strides=[2,2]", 1e-6, "one tap in sixteens, step 2" },
    { "f32[1,1,12,10,4] f32[1,1,3,2,4,4]", "channels=3, dilations=[2,3], pads=[0,1,2,3]", 1e-6,
      "dilations, lopsided padding" },
    { "f32[1,1,12,10,8] f32[1,1,3,2,8,8]", "channels=7, dilations=[5,3], pads=[4,4,9,3], auto_pad=\"NOTSET\"", 1e-6,
      "the same in eights" },
    { "f32[1,1,5,5,8] f32[1,1,3,3,8,8]", "channels=8, pads=[4,4,4,4]", 1e-6, "windows that see only padding" },
    { "f32[1,2,4,3,8] f32[3,2,4,3,8,8]", "channels=16, auto_pad=\"SAME_UPPER\"", 1e-6, "as large as the picture" },
    { "f32[2,3,9,8,4] f32[3,3,3,4] f32[12]", "channels=12, pads=[1,1,1,1], act=\"clip\", p=0, q=6.0", 1e-6,
      "a filter for each channel, relu6" },
    { "f32[1,3,14,19,8] f32[3,3,3,8] f32[24] f32[1,3,7,10,8]", "channels=23, pads=[1,1,1,1], strides=[2,2]", 1e-6,
      "a filter for each channel in eights, a rest" },
    { "f32[1,2,9,20,16] f32[2,5,5,16]", "channels=32, pads=[2,2,2,2]", 1e-6,
      "a filter for each channel in sixteens, 5 x 5" },
    { "f32[1,2,9,20,8] f32[2,4,2,8]", "channels=9, dilations=[2,3], strides=[1,3], pads=[0,4,1,0]", 1e-6,
      "a filter for each channel, all odd" },
    { "f64[1,2,5,4,4] f64[1,2,3,3,4,4]", "channels=8", 1e-14, "double precision" },
    { "f16[1,2,5,4,4] f16[1,2,3,3,4,4] f16[4]", "channels=7, act=\"hardswish\"", 1e-3, "half precision" },
    { 0 },
};

const op_def op_ConvBlocked = {
    .name = "ConvBlocked",
    .domain = "quern",
    .doc = DOC("ConvFused of x[N][C / block][H][W][block], of which `channels` count, or of a plain x[N][C][H][W], with "
               "w[M / block][C / block][kernel...][block of C][block of M]; or with a filter for each channel, "
               "w[C / block][kernel...][block]. bias[M]; rest and y [N][M / block][H][W][block]"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" }, { "rest", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { TEXT("auto_pad", "NOTSET"), INTS("dilations"), INTS("pads"), INTS("strides"), NEEDED("channels", ATTR_INT),
               EPILOGUE_SCHEMA },
    .infer = blocked_infer,
    .expand = blocked_expand,
    .variants = blocked_variants,
    .flops = blocked_flops,
    .cases = CASES(blocked_cases),
};
