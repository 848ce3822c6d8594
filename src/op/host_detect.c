/* NonMaxSuppression, MelWeightMatrix and Det: small, decided by data, on the host. */
#include <math.h>

#include "op/elems.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ NonMaxSuppression */
static qn_status infer_nms(infer *c)
{
    if (infer_in(c, 0)->rank != 3 || infer_in(c, 1)->rank != 3)
        return infer_fail(c, QN_E_SHAPE, "boxes and scores must have rank 3");
    if (infer_differ(c->g, infer_in(c, 0)->dims[2], sym_number(c->g, 4)))
        return infer_fail(c, QN_E_SHAPE, "a box must have 4 numbers");
    type out = { .dtype = QN_I64, .rank = 2, .known = true, .dims = { sym_fresh(c->g, "boxes"), sym_number(c->g, 3) } };
    return infer_out(c, 0, &out);
}

typedef struct box {
    f64 x1, y1, x2, y2;
} box;
typedef struct nms {
    const qn_tensor *boxes, *scores;
    bool center;
    i64 most;
    f64 overlap, least;
} nms;

static f64 number_at(const qn_tensor *t, u64 i)
{
    f32 narrow;
    f64 wide;
    u16 half;
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    if (t->dtype == QN_F64) return memcpy(&wide, at, 8), wide;
    if (t->dtype == QN_F32) return memcpy(&narrow, at, 4), (f64)narrow;
    memcpy(&half, at, 2);
    return (f64)(t->dtype == QN_F16 ? f16_to_f32(half) : bf16_to_f32(half));
}

static box box_at(const nms *s, u64 i)
{
    f64 v[4];
    for (u32 k = 0; k < 4; k++) v[k] = number_at(s->boxes, i * 4 + k);
    if (s->center) return (box){ v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2 };
    return (box){ MIN(v[1], v[3]), MIN(v[0], v[2]), MAX(v[1], v[3]), MAX(v[0], v[2]) };
}

static bool overlaps(box a, box b, f64 limit)
{
    f64 w = MIN(a.x2, b.x2) - MAX(a.x1, b.x1), h = MIN(a.y2, b.y2) - MAX(a.y1, b.y1);
    f64 area_a = (a.x2 - a.x1) * (a.y2 - a.y1), area_b = (b.x2 - b.x1) * (b.y2 - b.y1);
    if (w <= 0 || h <= 0 || area_a <= 0 || area_b <= 0) return false;
    return w * h / (area_a + area_b - w * h) > limit;
}

/* The boxes of one class of one image in order of score, each kept unless a kept one overlaps it. kept[0..n) are their numbers. */
static u64 pick_boxes(const nms *s, u64 image, u64 row, u64 *order, u64 *kept)
{
    u64 n = (u64)s->boxes->dims[1], found = 0, n_kept = 0;
    for (u64 i = 0; i < n; i++) {
        f64 score = number_at(s->scores, row * n + i);
        if (!(score > s->least)) continue;
        u64 at = found++;
        for (; at > 0 && number_at(s->scores, row * n + order[at - 1]) < score; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    for (u64 k = 0; k < found && n_kept < (u64)MAX(s->most, 0); k++) {
        bool free_of_others = true;
        for (u64 j = 0; j < n_kept && free_of_others; j++)
            free_of_others = !overlaps(box_at(s, image * n + order[k]), box_at(s, image * n + kept[j]), s->overlap);
        if (free_of_others) kept[n_kept++] = order[k];
    }
    return n_kept;
}

static f64 option(const host_call *h, u32 i, f64 otherwise)
{
    return i < h->n_in && h->in[i] && qn_tensor_elems(h->in[i]) ? number_at(h->in[i], 0) : otherwise;
}

static qn_status host_nms(host_call *h)
{
    nms s = { .boxes = h->in[0], .scores = h->in[1], .center = attr_int(h->n, "center_point_box", 0) != 0 };
    s.overlap = option(h, 3, 0), s.least = option(h, 4, -HUGE_VAL);
    if (h->n_in > 2 && h->in[2] && qn_tensor_elems(h->in[2])) memcpy(&s.most, h->in[2]->data, sizeof s.most);
    u64 images = (u64)s.scores->dims[0], classes = (u64)s.scores->dims[1], n = (u64)s.boxes->dims[1], room = 0, found = 0;
    if (s.scores->dims[0] != s.boxes->dims[0] || s.scores->dims[2] != s.boxes->dims[1])
        return host_fail(h, QN_E_SHAPE, "boxes and scores differ in the number of images or boxes");
    u64 *order = arena_array(h->mem, n + 1, sizeof *order), *kept = arena_array(h->mem, n + 1, sizeof *kept);
    i64 *all = NULL;
    if (!order || !kept) return fail_nomem(n * sizeof *order);
    for (u64 row = 0; row < images * classes; row++) {
        u64 count = pick_boxes(&s, row / classes, row, order, kept);
        if (found + count > room) {
            u64 more = 2 * (found + count);
            i64 *grown = arena_array(h->mem, more, 3 * sizeof *grown);
            if (!grown) return fail_nomem(more * 3 * sizeof *grown);
            if (found) memcpy(grown, all, (size_t)found * 3 * sizeof *grown);
            all = grown, room = more;
        }
        for (u64 k = 0; k < count; k++, found++)
            all[found * 3] = (i64)(row / classes), all[found * 3 + 1] = (i64)(row % classes),
                        all[found * 3 + 2] = (i64)kept[k];
    }
    i64 *y = host_out(h, 0, QN_I64, 2, (const i64[]){ (i64)found, 3 });
    if (!y) return QN_E_NOMEM;
    if (found) memcpy(y, all, (size_t)found * 3 * sizeof *y);
    return QN_OK;
}

static const op_case nms_cases[] = {
    { "f32[1,3,4]={0,0,1,1,0,0.1,1,1.1,0,10,1,11} f32[1,1,3]={0.9,0.75,0.6} i64[1]={3} f32[1]={0.5} f32[1]={0}", "", 0,
      "one is covered" },
    { "f32[1,2,4]={0.5,0.5,1,1,0.5,0.6,1,1} f32[1,2,2]={0.9,0.75,0.1,0.2} i64[1]={3} f32[1]={0.5}", "center_point_box=1", 0,
      "by centre, two classes" },
    { "f32[2,50,4]=0..1 f32[2,3,50]=0..1 i64[1]={5} f32[1]={0.3} f32[1]={0.2}", "", 0, "many" },
    { 0 },
};
const op_def op_NonMaxSuppression = {
    .name = "NonMaxSuppression",
    .doc = DOC("the best boxes of each class that do not overlap a better one: rows of image, class, box"),
    .in = { { "boxes", "f32|f64" },
            { "scores", "f32|f64" },
            { "max_output_boxes_per_class", "optional i64" },
            { "iou_threshold", "optional f32|f64" },
            { "score_threshold", "optional f32|f64" } },
    .out = { { "selected_indices", "i64" } },
    .attrs = { INT("center_point_box", 0) },
    .infer = infer_nms,
    .host = host_nms,
    .cases = CASES(nms_cases),
};

/* ------------------------------------------------------------------ MelWeightMatrix */
static qn_status infer_mel(infer *c)
{
    const sym *bins, *length;
    type out = { .dtype = node_dtype(c->n, "output_datatype", QN_F32), .rank = 2, .known = true };
    if (elems_wanted(c, 0, &bins) != 1 || elems_wanted(c, 1, &length) != 1)
        return infer_fail(c, QN_E_SHAPE, "num_mel_bins and dft_length must be numbers");
    out.dims[0] = sym_add(c->g, sym_div(c->g, length[0], sym_number(c->g, 2)), sym_one(c->g));
    out.dims[1] = bins[0];
    return infer_out(c, 0, &out);
}

static i64 integer_in(const qn_tensor *t)
{
    i64 wide = 0;
    i32 narrow = 0;
    if (t->dtype == QN_I64) memcpy(&wide, t->data, 8);
    else {
        memcpy(&narrow, t->data, 4);
        wide = narrow;
    }
    return wide;
}

static void put_float(void *to, qn_dtype d, u64 i, f64 v)
{
    f32 f = (f32)v;
    u16 half = d == QN_F16 ? f16_from_f32(f) : bf16_from_f32(f);
    if (d == QN_F64) memcpy((u8 *)to + 8 * i, &v, 8);
    else if (d == QN_F32) memcpy((u8 *)to + 4 * i, &f, 4);
    else memcpy((u8 *)to + 2 * i, &half, 2);
}

static f64 mel_of(f64 hertz) { return 2595 * log10(1 + hertz / 700); }
static f64 hertz_of(f64 mel) { return 700 * (pow(10, mel / 2595) - 1); }

/* Triangles over the spectrum: bin b rises from edge b to edge b + 1 and falls to edge b + 2; edges are even on the mel scale. */
static qn_status host_mel(host_call *h)
{
    i64 bins = integer_in(h->in[0]), length = integer_in(h->in[1]), rate = integer_in(h->in[2]);
    f64 low = mel_of(number_at(h->in[3], 0)), high = mel_of(number_at(h->in[4], 0));
    if (bins < 0 || bins > 1 << 20 || length < 0 || length > 1 << 30 || rate <= 0 || !(fabs(low) < 1e6) ||
        !(fabs(high) < 1e6))
        return host_fail(h, QN_E_DATA, "its numbers make no sense");
    i64 rows = length / 2 + 1;
    qn_dtype d = value_at(h->g, h->n->out[0])->type.dtype;
    void *y = host_out(h, 0, d, 2, (const i64[]){ rows, bins });
    i64 *edge = arena_array(h->mem, (size_t)bins + 2, sizeof *edge);
    if (!y || !edge) return fail_nomem((u64)bins * sizeof *edge);
    for (i64 b = 0; b < bins + 2; b++)
        edge[b] = (i64)floor((f64)(length + 1) * hertz_of(low + (high - low) * (f64)b / (f64)(bins + 2)) / (f64)rate);
    for (i64 b = 0; b < bins; b++) {
        i64 from = edge[b], top = edge[b + 1], to = edge[b + 2];
        if (top == from && top >= 0 && top < rows) put_float(y, d, (u64)(top * bins + b), 1);
        for (i64 r = MAX(from, 0); r <= top && r < rows && top > from; r++)
            put_float(y, d, (u64)(r * bins + b), (f64)(r - from) / (f64)(top - from));
        for (i64 r = MAX(top, 0); r < to && r < rows; r++)
            put_float(y, d, (u64)(r * bins + b), (f64)(to - r) / (f64)(to - top));
    }
    return QN_OK;
}

static const op_case mel_cases[] = {
    { "i64[]={8} i64[]={16} i64[]={8192} f32[]={0} f32[]={4096}", "", 1e-6, "the common case" }, { 0 }
};
const op_def op_MelWeightMatrix = {
    .name = "MelWeightMatrix",
    .doc = DOC("the triangular filters that turn a spectrum into mel bands"),
    .in = { { "num_mel_bins", "i32|i64" },
            { "dft_length", "i32|i64" },
            { "sample_rate", "i32|i64" },
            { "lower_edge_hertz", "float" },
            { "upper_edge_hertz", "float" } },
    .out = { { "output", "float" } },
    .attrs = { DTYPE("output_datatype", 1, "float") },
    .infer = infer_mel,
    .host = host_mel,
    .cases = CASES(mel_cases),
};

/* ------------------------------------------------------------------ Det */
static qn_status infer_det(infer *c)
{
    type y = *infer_in(c, 0);
    if (y.rank < 2 || infer_differ(c->g, y.dims[y.rank - 1], y.dims[y.rank - 2]))
        return infer_fail(c, QN_E_SHAPE, "the last two dimensions must be a square matrix");
    y.rank -= 2;
    return infer_out(c, 0, &y);
}

/* Of m[n][n], which is lost: elimination with the largest pivot. */
static f64 determinant(f64 *m, u64 n)
{
    f64 det = 1;
    for (u64 k = 0; k < n; k++) {
        u64 best = k;
        for (u64 r = k + 1; r < n; r++)
            if (fabs(m[r * n + k]) > fabs(m[best * n + k])) best = r;
        if (best != k) det = -det;
        for (u64 j = k; j < n && best != k; j++) {
            f64 kept = m[k * n + j];
            m[k * n + j] = m[best * n + j];
            m[best * n + j] = kept;
        }
        det *= m[k * n + k];
        if (m[k * n + k] == 0) return det;
        for (u64 r = k + 1; r < n; r++) {
            f64 by = m[r * n + k] / m[k * n + k];
            for (u64 j = k; j < n; j++) m[r * n + j] -= by * m[k * n + j];
        }
    }
    return det;
}

static f64 any_float_at(const qn_tensor *t, u64 i)
{
    u16 half;
    if (t->dtype == QN_F32 || t->dtype == QN_F64) return number_at(t, i);
    memcpy(&half, (const u8 *)t->data + 2 * i, 2);
    return (f64)(t->dtype == QN_F16 ? f16_to_f32(half) : bf16_to_f32(half));
}

static qn_status host_det(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u64 n = (u64)x->dims[x->rank - 1];
    if (x->dims[x->rank - 2] != x->dims[x->rank - 1]) return host_fail(h, QN_E_SHAPE, "the matrices are not square");
    void *y = host_out(h, 0, x->dtype, x->rank - 2, x->dims);
    f64 *m = arena_array(h->mem, n * n + 1, sizeof *m);
    if (!y || !m) return fail_nomem(n * n * sizeof *m);
    for (u64 i = 0, count = qn_tensor_elems(&h->out[0]); i < count; i++) {
        for (u64 k = 0; k < n * n; k++) m[k] = any_float_at(x, i * n * n + k);
        put_float(y, x->dtype, i, determinant(m, n));
    }
    return QN_OK;
}

static const op_case det_cases[] = {
    { "f32[5,5]", "", 1e-5, "one matrix" },
    { "f32[2,3,4,4]", "", 1e-5, "many" },
    { "f32[3,3]={1,2,3,2,4,6,1,0,1}", "", 1e-6, "none" },
    { 0 },
};
const op_def op_Det = {
    .name = "Det",
    .doc = DOC("the determinants of square matrices"),
    .in = { { "X", "float" } },
    .out = { { "Y", "as X" } },
    .infer = infer_det,
    .host = host_det,
    .cases = CASES(det_cases),
};
