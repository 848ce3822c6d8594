/* Antialiased resize of RGBA, in Pillow's arithmetic: an axis at a time, 8 bits between, weights in 22-bit fixed point.
 *
 * Each output pixel is a weighted mean of the source pixels under a filter that grows with the shrinking factor; the weights
 * of a pixel sum to one. Colours are weighted by alpha, so that what a transparent pixel hides does not bleed. */
#include <math.h>

#include "media/media.h"

enum { WEIGHT_BITS = 22 };

static f64 weigh_box(f64 x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }
static f64 weigh_bilinear(f64 x) { return fabs(x) < 1 ? 1 - fabs(x) : 0; }

static f64 weigh_bicubic(f64 x) /* Keys 1981, a = -0.5 */
{
    const f64 a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static f64 sinc(f64 x)
{
    const f64 pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(x * pi) / (x * pi);
}

static f64 weigh_lanczos(f64 x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

typedef struct filter {
    f64 reach; /* in source pixels, before shrinking widens it */
    f64 (*weigh)(f64 x);
} filter;
static const filter filters[] = {
    [QN_FILTER_BILINEAR] = { 1, weigh_bilinear },
    [QN_FILTER_BICUBIC] = { 2, weigh_bicubic },
    [QN_FILTER_NEAREST] = { 0, NULL },
    [QN_FILTER_BOX] = { 0.5, weigh_box },
    [QN_FILTER_LANCZOS] = { 3, weigh_lanczos },
};

/* Along one axis: output i is the sum over k < n[i] of weights[i * most + k] * source[from[i] + k]. */
typedef struct taps {
    u32 outputs, most;
    u32 *from, *n;
    i32 *weights; /* [outputs][most], 1 << WEIGHT_BITS is one */
} taps;

static void taps_free(taps *t)
{
    mem_free(t->from);
    mem_free(t->n);
    mem_free(t->weights);
}

static i32 fixed(f64 w) { return (i32)(w * (1 << WEIGHT_BITS) + (w < 0 ? -0.5 : 0.5)); }

static void taps_of_one(taps *t, u32 i, u32 source, f64 scale, const filter *f)
{
    f64 stretch = scale > 1 ? scale : 1, reach = f->reach * stretch, centre = (i + 0.5) * scale;
    f64 first = centre - reach + 0.5, past = centre + reach + 0.5, sum = 0;
    u32 from = first > 0 ? (u32)first : 0, to = past < source ? (u32)past : source;
    i32 *weights = t->weights + (size_t)i * t->most;
    t->from[i] = from;
    t->n[i] = to > from ? to - from : 0;
    for (u32 k = 0; k < t->n[i]; k++) sum += f->weigh(((f64)(from + k) - centre + 0.5) / stretch);
    for (u32 k = 0; k < t->n[i]; k++) {
        f64 w = f->weigh(((f64)(from + k) - centre + 0.5) / stretch);
        weights[k] = fixed(sum != 0 ? w / sum : w);
    }
}

static qn_status taps_make(u32 source, u32 outputs, const filter *f, taps *out)
{
    f64 scale = (f64)source / outputs;
    u64 most = (u64)ceil(f->reach * (scale > 1 ? scale : 1)) * 2 + 1, bytes;
    if (!mul_u64(most * sizeof(i32), outputs, &bytes) || bytes > SIZE_MAX)
        return fail(QN_E_SHAPE, "resize: %u to %u pixels is too far", source, outputs);
    taps t = { .outputs = outputs, .most = (u32)most };
    t.from = mem_alloc(outputs * sizeof *t.from);
    t.n = mem_alloc(outputs * sizeof *t.n);
    t.weights = mem_alloc(bytes);
    if (!t.from || !t.n || !t.weights) {
        taps_free(&t);
        return fail_nomem(bytes);
    }
    for (u32 i = 0; i < outputs; i++) taps_of_one(&t, i, source, scale, f);
    *out = t;
    return QN_OK;
}

static u8 to_u8(i32 sum)
{
    i32 v = sum >> WEIGHT_BITS;
    return (u8)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One output pixel from n source pixels, `step` bytes apart. */
static void sum_pixel(const u8 *from, size_t step, const i32 *weights, u32 n, u8 *to)
{
    i32 half = 1 << (WEIGHT_BITS - 1), r = half, g = half, b = half, a = half;
    for (u32 k = 0; k < n; k++, from += step) {
        i32 w = weights[k];
        r += w * from[0], g += w * from[1], b += w * from[2], a += w * from[3];
    }
    to[0] = to_u8(r), to[1] = to_u8(g), to[2] = to_u8(b), to[3] = to_u8(a);
}

static void resize_rows(const qn_image *from, const taps *t, qn_image *to)
{
    for (u32 y = 0; y < to->height; y++) {
        const u8 *in = from->rgba + (size_t)y * from->width * 4;
        u8 *row = to->rgba + (size_t)y * to->width * 4;
        for (u32 x = 0; x < to->width; x++)
            sum_pixel(in + (size_t)t->from[x] * 4, 4, t->weights + (size_t)x * t->most, t->n[x], row + (size_t)x * 4);
    }
}

static void resize_columns(const qn_image *from, const taps *t, qn_image *to)
{
    size_t stride = (size_t)from->width * 4;
    for (u32 y = 0; y < to->height; y++) {
        const u8 *in = from->rgba + t->from[y] * stride;
        u8 *row = to->rgba + (size_t)y * to->width * 4;
        for (u32 x = 0; x < to->width; x++)
            sum_pixel(in + (size_t)x * 4, stride, t->weights + (size_t)y * t->most, t->n[y], row + (size_t)x * 4);
    }
}

static qn_status resize_axis(const qn_image *from, u32 width, u32 height, const filter *f, qn_image *out)
{
    bool rows = width != from->width;
    taps t;
    QN_TRY(rows ? taps_make(from->width, width, f, &t) : taps_make(from->height, height, f, &t));
    qn_image to;
    qn_status s = image_make("resize", width, height, &to);
    if (s == QN_OK) {
        (rows ? resize_rows : resize_columns)(from, &t, &to);
        *out = to;
    }
    taps_free(&t);
    return s;
}

static bool is_opaque(const qn_image *im)
{
    u64 n = (u64)im->width * im->height;
    for (u64 i = 0; i < n; i++)
        if (im->rgba[i * 4 + 3] != 255) return false;
    return true;
}

static void weigh_by_alpha(const qn_image *from, qn_image *to)
{
    u64 n = (u64)from->width * from->height;
    for (u64 i = 0; i < n; i++) {
        const u8 *in = from->rgba + i * 4;
        u8 *p = to->rgba + i * 4;
        for (int c = 0; c < 3; c++) p[c] = (u8)((in[c] * in[3] + 127) / 255);
        p[3] = in[3];
    }
}

static void unweigh_by_alpha(qn_image *im)
{
    u64 n = (u64)im->width * im->height;
    for (u64 i = 0; i < n; i++) {
        u8 *p = im->rgba + i * 4;
        if (p[3] == 0 || p[3] == 255) continue;
        for (int c = 0; c < 3; c++) p[c] = (u8)MIN(255, p[c] * 255 / p[3]);
    }
}

static qn_status copy_of(const qn_image *im, qn_image *out)
{
    QN_TRY(image_make("resize", im->width, im->height, out));
    memcpy(out->rgba, im->rgba, (size_t)im->width * im->height * 4);
    return QN_OK;
}

/* Takes `im` in, also on failure. Pillow 13 does columns first where they lose far more than the rows; earlier ones never do. */
static qn_status resize_both(qn_image im, u32 width, u32 height, const filter *f, qn_image *out)
{
    bool columns_first = height < im.height && (i64)im.height - height > 2 * ((i64)im.width - width);
    for (int pass = 0; pass < 2; pass++) {
        bool rows = (pass == 0) != columns_first;
        u32 w = rows ? width : im.width, h = rows ? im.height : height;
        if (w == im.width && h == im.height) continue;
        qn_image next;
        qn_status s = resize_axis(&im, w, h, f, &next);
        qn_image_free(&im);
        if (s != QN_OK) return s;
        im = next;
    }
    *out = im;
    return QN_OK;
}

static qn_status resize_nearest(const qn_image *im, u32 width, u32 height, qn_image *out)
{
    qn_image to;
    QN_TRY(image_make("resize", width, height, &to));
    f64 per_x = (f64)im->width / width, per_y = (f64)im->height / height, at_y = per_y / 2;
    for (u32 y = 0; y < height; y++, at_y += per_y) { /* added up, as Pillow does: it decides ties */
        const u8 *in = im->rgba + (size_t)MIN((u32)at_y, im->height - 1) * im->width * 4;
        u8 *row = to.rgba + (size_t)y * width * 4;
        f64 at_x = per_x / 2;
        for (u32 x = 0; x < width; x++, at_x += per_x)
            memcpy(row + (size_t)x * 4, in + (size_t)MIN((u32)at_x, im->width - 1) * 4, 4);
    }
    *out = to;
    return QN_OK;
}

qn_status qn_image_resize(const qn_image *im, uint32_t width, uint32_t height, qn_filter filter_id, qn_image *out)
{
    if (!im || !im->rgba || !im->width || !im->height || !out || !width || !height)
        return fail(QN_E_USAGE, "qn_image_resize: a picture with pixels, a size of at least 1 x 1 and out are needed");
    if ((size_t)filter_id >= COUNT(filters)) return fail(QN_E_USAGE, "qn_image_resize: no filter %d", (int)filter_id);
    if (filter_id == QN_FILTER_NEAREST) return resize_nearest(im, width, height, out);
    qn_image work;
    QN_TRY(copy_of(im, &work));
    bool opaque = is_opaque(im) || (im->width == width && im->height == height);
    if (!opaque) weigh_by_alpha(im, &work);
    QN_TRY(resize_both(work, width, height, &filters[filter_id], &work));
    if (!opaque) unweigh_by_alpha(&work);
    *out = work;
    return QN_OK;
}
