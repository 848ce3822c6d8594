/* Convolutions of one input channel a group, by bands of rows (kernels/conv_depthwise.c): a band of the result and the rows that it reads
 * fit the kernel's arrays, so how many rows a band has is chosen once the sizes are known. */
#include "op/blocks.h"
#include "op/conv_launch.h"
#include "op/op_util.h"

enum { BAND_ELEMS = 16384, BAND_TAPS = 1024, BAND_CHANNELS = 4, BAND_NUMBERS = 33808 };

/* What bands hang on: numbers of the node, padded to two dimensions, and the sizes of the result. */
typedef struct banded {
    i64 kernel[2], step[2], dilation[2];
    sym out[2];
} banded;

static bool banded_of(const lowering *l, const node *n, banded *out)
{
    const type *w = lower_type(l, lower_in(l, n, 1)), *y = lower_type(l, n->out[0]);
    u32 rank = w->rank - 2u, at = 2 - rank;
    *out = (banded){ { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0 } };
    if (rank > 2 || window_ints(n, "strides", rank, 1, 1, out->step + at) ||
        window_ints(n, "dilations", rank, 1, 1, out->dilation + at))
        return false;
    for (u32 d = 0; d < rank; d++) {
        if (!sym_is_number(lower_graph(l), w->dims[2 + d], &out->kernel[at + d]) || out->kernel[at + d] > BAND_TAPS)
            return false;
        out->out[at + d] = y->dims[2 + d];
    }
    return out->kernel[0] * out->kernel[1] <= BAND_TAPS && out->step[1] <= 8 && out->dilation[0] <= BAND_ELEMS &&
           out->dilation[1] <= BAND_ELEMS;
}

/* Numbers of a band that makes `out` elements a row: of the input, a row and all rows that one of the result reads. */
static sym pitch_of(graph *g, const banded *b)
{
    sym steps = sym_mul(g, sym_sub(g, b->out[1], sym_one(g)), sym_number(g, b->step[1]));
    return sym_add(g, steps, sym_number(g, 1 + (b->kernel[1] - 1) * b->dilation[1]));
}

sym conv_depthwise_when(const lowering *l, const node *n, graph *g)
{
    banded b;
    if (!banded_of(l, n, &b)) return sym_zero(g);
    sym rows = b.out[0] ? b.out[0] : sym_one(g), most = sym_number(g, BAND_ELEMS + 1);
    sym needs = sym_mul(g, pitch_of(g, &b), sym_number(g, (b.kernel[0] - 1) * b.dilation[0] + 1));
    sym fits = sym_compare(g, '<', sym_max(g, needs, sym_max(g, rows, b.out[1])), most);
    sym some = sym_compare(g, '<', sym_zero(g), sym_min(g, rows, b.out[1]));
    return sym_mul(g, fits, some);
}

enum { BAND_ROWS, BAND_COUNT, BAND_GROUPS };

/* sizes: rows of the result, pitch, rows that the first reads, step, images */
static void choose_bands(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    (void)caps;
    const i64 out = MAX(sizes[0], 1), pitch = MAX(sizes[1], 1), reads = sizes[2], step = sizes[3];
    i64 fit = BAND_ELEMS / pitch < reads ? 1 : (BAND_ELEMS / pitch - reads) / step + 1, rows = MIN(fit, out);
    i64 count = (out + rows - 1) / rows;
    u64 groups;
    bool few = mul_u64((u64)count, (u64)MAX(sizes[4], 0), &groups) && groups < UINT32_MAX;
    numbers[BAND_ROWS] = (u32)((out + count - 1) / count);
    numbers[BAND_COUNT] = (u32)count;
    numbers[BAND_GROUPS] = few ? (u32)groups : UINT32_MAX;
}

static void bands_choose(launch *k, graph *g, const banded *b, sym images)
{
    sym reads = sym_number(g, (b->kernel[0] - 1) * b->dilation[0] + 1), rows = b->out[0] ? b->out[0] : sym_one(g);
    launch_choose(k, choose_bands, (const sym[]){ rows, pitch_of(g, b), reads, sym_number(g, b->step[0]), images }, 5);
}

bool conv_depthwise_fits(const lowering *l, const node *n)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    i64 channels;
    banded b;
    if (!conv_is_float(l, n) || !sym_is(lower_graph(l), w->dims[1], 1) || !blocks_fit(lower_caps(l), w->dtype, BAND_NUMBERS))
        return false;
    if (!sym_is_number(lower_graph(l), w->dims[0], &channels) || channels > BAND_CHANNELS * attr_int(n, "group", 1))
        return false;
    return banded_of(l, n, &b);
}

qn_status conv_depthwise_emit(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    banded b;
    if (!banded_of(l, n, &b)) return lower_fail(l, n, QN_E_BUG, "its bands are not known");
    launch *k = conv_begin(l, &p, "conv_depthwise.c", "conv_depthwise");
    bands_choose(k, g, &b, sym_mul(g, p.batch, p.groups));
    launch_size(k, p.batch);
    launch_chosen(k, BAND_ROWS);
    launch_chosen(k, BAND_COUNT);
    launch_size(k, p.groups);
    for (u32 d = 1; d < 3; d++) launch_size(k, p.win.in[d]);
    launch_size(k, p.out_channels);
    for (u32 d = 1; d < 3; d++) launch_size(k, p.win.out[d]);
    for (u32 d = 1; d < 3; d++) launch_size(k, p.win.kernel[d]);
    for (u32 d = 1; d < 3; d++) launch_number(k, p.win.step[d]);
    for (u32 d = 1; d < 3; d++) launch_number(k, p.win.dilation[d]);
    for (u32 d = 1; d < 3; d++) launch_size(k, p.win.pad[d]);
    epilogue_params(k, &p.end);
    epilogue_consts(k, &p.end);
    return launch_chosen_groups(k, BAND_GROUPS);
}
