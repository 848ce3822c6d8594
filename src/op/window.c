/* The sizes of sliding windows (ONNX operator spec, "Conv" and "MaxPool"): output sizes and padding, symbolic where the input is. */
#include "op/window.h"

const char *window_ints(const node *n, const char *name, u32 rank, i64 otherwise, i64 lowest, i64 *out)
{
    const i64 *list;
    u32 count = attr_ints(n, name, &list);
    if (count && count != rank) return "a list of its attributes has not one entry for each spatial dimension";
    for (u32 d = 0; d < rank; d++) {
        out[d] = count ? list[d] : otherwise;
        if (out[d] < lowest) return "an entry of strides, dilations, pads or kernel_shape is too small";
        if (out[d] > INT32_MAX) return "an entry of strides, dilations, pads or kernel_shape is far too large";
    }
    return NULL;
}

static sym ceil_or_floor_div(graph *g, sym a, i64 by, bool up)
{
    return up ? sym_ceil_div(g, a, sym_number(g, by)) : sym_div(g, a, sym_number(g, by));
}

/* As many outputs as steps fit into the input; what the window then lacks is padding, the odd one at the end (or in front: lower). */
static void pad_same(graph *g, window *w, u32 d, sym reach, bool lower)
{
    sym zero = sym_number(g, 0), two = sym_number(g, 2);
    w->out[d] = sym_ceil_div(g, w->in[d], sym_number(g, w->step[d]));
    sym last = sym_mul(g, sym_sub(g, w->out[d], sym_number(g, 1)), sym_number(g, w->step[d]));
    sym total = sym_max(g, sym_sub(g, sym_add(g, last, reach), w->in[d]), zero);
    w->pad[d] = lower ? sym_ceil_div(g, total, two) : sym_div(g, total, two);
    w->padded[d] = sym_add(g, w->in[d], total);
}

static void pad_given(graph *g, window *w, u32 d, sym reach, i64 before, i64 after, bool up)
{
    sym one = sym_number(g, 1);
    w->pad[d] = sym_number(g, before);
    sym in_front = sym_add(g, w->in[d], w->pad[d]);
    w->padded[d] = sym_add(g, in_front, sym_number(g, after));
    sym out = sym_add(g, ceil_or_floor_div(g, sym_sub(g, w->padded[d], reach), w->step[d], up), one);
    if (up) { /* a window that would start in the padding behind is left out */
        sym last = sym_mul(g, sym_sub(g, out, one), sym_number(g, w->step[d]));
        out = sym_select(g, sym_compare(g, '<', last, in_front), out, sym_sub(g, out, one));
    }
    w->out[d] = out;
}

typedef struct padding {
    bool same, lower, valid;
} padding;

static const char *padding_of(const graph *g, const node *n, padding *out)
{
    const char *mode = attr_text(g, n, "auto_pad", "NOTSET");
    *out = (padding){ .lower = text_same(mode, "SAME_LOWER"), .valid = text_same(mode, "VALID") };
    out->same = out->lower || text_same(mode, "SAME_UPPER");
    return out->same || out->valid || text_same(mode, "NOTSET") || text_same(mode, "")
               ? NULL
               : "auto_pad has a value that ONNX does not define";
}

const char *window_make(graph *g, const node *n, const type *x, const sym *kernel, window *out)
{
    if (x->rank < 3 || x->rank > 5) return "the input must have 1, 2 or 3 spatial dimensions behind batch and channels";
    u32 rank = x->rank - 2, front = 3 - rank;
    i64 steps[3], dilations[3], pads[6], sizes[3];
    padding how;
    const char *wrong = window_ints(n, "strides", rank, 1, 1, steps);
    if (!wrong) wrong = window_ints(n, "dilations", rank, 1, 1, dilations);
    if (!wrong) wrong = window_ints(n, "pads", 2 * rank, 0, 0, pads);
    if (!wrong) wrong = padding_of(g, n, &how);
    if (!wrong && !kernel && !attr_find(n, "kernel_shape")) wrong = "kernel_shape is missing";
    if (!wrong && !kernel) wrong = window_ints(n, "kernel_shape", rank, 1, 1, sizes);
    if (wrong) return wrong;
    bool up = attr_int(n, "ceil_mode", 0) != 0;
    sym one = sym_number(g, 1), zero = sym_number(g, 0);
    window w = { .rank = rank };
    for (u32 d = 0; d < 3; d++) {
        w.in[d] = w.out[d] = w.kernel[d] = w.padded[d] = one;
        w.pad[d] = zero;
        w.step[d] = w.dilation[d] = 1;
        if (d < front) continue;
        u32 s = d - front;
        w.in[d] = x->dims[2 + s];
        w.kernel[d] = kernel ? kernel[s] : sym_number(g, sizes[s]);
        w.step[d] = steps[s];
        w.dilation[d] = dilations[s];
        sym reach = sym_add(g, sym_mul(g, sym_sub(g, w.kernel[d], one), sym_number(g, w.dilation[d])), one);
        if (how.same) pad_same(g, &w, d, reach, how.lower);
        else pad_given(g, &w, d, reach, how.valid ? 0 : pads[s], how.valid ? 0 : pads[rank + s], up);
        i64 size;
        if (sym_is(g, w.kernel[d], 0)) return "the window has no elements";
        if (sym_is_number(g, w.out[d], &size) && size < 1) return "the window is larger than its padded input";
    }
    *out = w;
    return NULL;
}

void window_params(launch *k, const window *w, u32 rank)
{
    u32 from = 3 - rank;
    for (u32 d = from; d < 3; d++) launch_size(k, w->in[d]);
    for (u32 d = from; d < 3; d++) launch_size(k, w->out[d]);
    for (u32 d = from; d < 3; d++) launch_size(k, w->kernel[d]);
    for (u32 d = from; d < 3; d++) launch_number(k, w->step[d]);
    for (u32 d = from; d < 3; d++) launch_number(k, w->dilation[d]);
    for (u32 d = from; d < 3; d++) launch_size(k, w->pad[d]);
}
