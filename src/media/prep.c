/* Picture -> the tensor a model reads.
 *
 *     drop alpha -> resize by fit and filter -> place on the canvas -> each 8-bit value through a table -> NCHW or NHWC
 *
 * Sizes and the centre cut are torchvision's; a picture's alpha is dropped, as Image.convert("RGB") does. Range, mean and std
 * act on 8-bit values, so that they are one table of 256 entries per channel, already in the tensor's type. */
#include <math.h>

#include "media/media.h"

static u32 side(f64 v)
{
    const f64 most = MEDIA_MAX_SIDE + 1; /* one too many: refused where memory is made */
    return v < 1 ? 1 : (u32)MIN(v, most);
}

/* Half of what is left over, ties to even, as Python rounds. */
static i32 middle(i64 space) { return (i32)nearbyint((f64)space / 2); }

/* A picture of w x h on a canvas of width x height. */
static qn_image_placing place_crop(const qn_image_prep *prep, f64 w, f64 h, u32 width, u32 height)
{
    u32 shorter = prep->resize_shorter;
    qn_image_placing p;
    if (prep->resize_width && prep->resize_height) {
        p.width = prep->resize_width;
        p.height = prep->resize_height;
    } else if (shorter) {
        p.width = w <= h ? shorter : side(floor(shorter * w / h));
        p.height = w <= h ? side(floor(shorter * h / w)) : shorter;
    } else {
        f64 scale = MAX(width / w, height / h);
        p.width = MAX(width, side(floor(w * scale + 1e-9)));
        p.height = MAX(height, side(floor(h * scale + 1e-9)));
    }
    p.x = -middle((i64)p.width - width);
    p.y = -middle((i64)p.height - height);
    return p;
}

static qn_image_placing place_letterbox(f64 w, f64 h, u32 width, u32 height)
{
    f64 scale = MIN(width / w, height / h);
    qn_image_placing p = { .width = MIN(width, side(floor(w * scale + 0.5))),
                           .height = MIN(height, side(floor(h * scale + 0.5))) };
    p.x = (i32)(width - p.width) / 2;
    p.y = (i32)(height - p.height) / 2;
    return p;
}

static qn_image_placing place(const qn_image_prep *prep, u32 w, u32 h, u32 width, u32 height)
{
    switch (prep->fit) {
    case QN_FIT_CROP: return place_crop(prep, w, h, width, height);
    case QN_FIT_LETTERBOX: return place_letterbox(w, h, width, height);
    case QN_FIT_SQUASH: break;
    }
    return (qn_image_placing){ width, height, 0, 0 };
}

static void paste(const qn_image *from, qn_image_placing p, u8 pad, qn_image *canvas)
{
    memset(canvas->rgba, pad, (size_t)canvas->width * canvas->height * 4);
    i64 left = MAX(p.x, 0), right = MIN(p.x + (i64)from->width, (i64)canvas->width);
    if (right <= left) return;
    for (i64 y = MAX(p.y, 0); y < MIN(p.y + (i64)from->height, (i64)canvas->height); y++)
        memcpy(canvas->rgba + (size_t)(y * canvas->width + left) * 4,
               from->rgba + (size_t)((y - p.y) * from->width + left - p.x) * 4, (size_t)(right - left) * 4);
}

static qn_status opaque_copy(const qn_image *im, qn_image *out)
{
    qn_image copy;
    QN_TRY(image_make("picture", im->width, im->height, &copy));
    size_t n = (size_t)im->width * im->height;
    memcpy(copy.rgba, im->rgba, n * 4);
    for (size_t i = 0; i < n; i++) copy.rgba[i * 4 + 3] = 255;
    *out = copy;
    return QN_OK;
}

/* The picture at the model's size, opaque. */
static qn_status make_canvas(const qn_image *im, const qn_image_prep *prep, qn_image *out)
{
    u32 width = prep->width ? prep->width : im->width, height = prep->height ? prep->height : im->height;
    qn_image canvas, plain, resized;
    QN_TRY(image_make("picture at the model's size", width, height, &canvas));
    qn_status s = opaque_copy(im, &plain);
    if (s == QN_OK) {
        qn_image_placing p = place(prep, im->width, im->height, width, height);
        s = qn_image_resize(&plain, p.width, p.height, prep->filter, &resized);
        qn_image_free(&plain);
        if (s == QN_OK) {
            paste(&resized, p, prep->pad, &canvas);
            qn_image_free(&resized);
            *out = canvas;
            return QN_OK;
        }
    }
    qn_image_free(&canvas);
    return s;
}

/* ---- values */
typedef union cell {
    f32 f32;
    f64 f64;
    u16 f16;
    u8 u8;
    i8 i8;
} cell;

static f64 rounded(f64 v, f64 lo, f64 hi)
{
    v = nearbyint(v);
    return v < lo ? lo : v > hi ? hi : v;
}

static bool cell_of(f64 v, qn_dtype dtype, cell *out)
{
    switch (dtype) {
    case QN_F32: out->f32 = (f32)v; return true;
    case QN_F64: out->f64 = v; return true;
    case QN_F16: out->f16 = f16_from_f32((f32)v); return true;
    case QN_BF16: out->f16 = bf16_from_f32((f32)v); return true;
    case QN_U8: out->u8 = (u8)rounded(v, 0, 255); return true;
    case QN_I8: out->i8 = (i8)rounded(v, -128, 127); return true;
    default: return false;
    }
}

static bool fill_table(const qn_image_prep *prep, u32 channel, qn_dtype dtype, cell table[256])
{
    bool given = prep->lo != 0 || prep->hi != 0;
    f64 lo = given ? (f64)prep->lo : 0, hi = given ? (f64)prep->hi : 1;
    f64 mean = (f64)prep->mean[channel], std = (f64)prep->std[channel];
    if (std == 0) std = 1;
    for (u32 v = 0; v < 256; v++)
        if (!cell_of((lo + v * (hi - lo) / 255 - mean) / std, dtype, &table[v])) return false;
    return true;
}

static u8 luma(const u8 *rgba) /* ITU-R 601 in 16-bit fixed point, as Pillow's "L" */
{
    return (u8)((rgba[0] * 19595u + rgba[1] * 38470u + rgba[2] * 7471u + 0x8000u) >> 16);
}

/* Write channel `c` of the picture: element i goes to to[(first + i * step) * bytes]. */
static void write_channel(const qn_image *im, i32 source, const cell *table, size_t bytes, u8 *to, size_t step)
{
    size_t n = (size_t)im->width * im->height;
    for (size_t i = 0; i < n; i++, to += step * bytes) {
        const u8 *p = im->rgba + i * 4;
        memcpy(to, &table[source < 0 ? luma(p) : p[source]], bytes);
    }
}

static qn_status check_prep(const qn_image_prep *prep)
{
    if (prep->channels != 0 && prep->channels != 1 && prep->channels != 3)
        return fail(QN_E_USAGE, "qn_image_to_tensor: %u channels; 1 and 3 are known", prep->channels);
    if (prep->width > MEDIA_MAX_SIDE || prep->height > MEDIA_MAX_SIDE || prep->resize_shorter > MEDIA_MAX_SIDE)
        return fail(QN_E_SHAPE, "qn_image_to_tensor: a side of more than %d pixels", MEDIA_MAX_SIDE);
    cell probe;
    if (prep->dtype != QN_NONE && !cell_of(0, prep->dtype, &probe))
        return fail(QN_E_DTYPE, "qn_image_to_tensor: no pictures of %s; f32, f16, bf16, f64, u8 and i8 are known",
                    qn_dtype_name(prep->dtype));
    return QN_OK;
}

qn_status qn_image_place(const qn_image_prep *prep, uint32_t width, uint32_t height, qn_image_placing *out)
{
    if (!prep || !out || !width || !height || width > MEDIA_MAX_SIDE || height > MEDIA_MAX_SIDE)
        return fail(QN_E_USAGE, "qn_image_place: prep, a size from 1 to %d and out are needed", MEDIA_MAX_SIDE);
    QN_TRY(check_prep(prep));
    *out = place(prep, width, height, prep->width ? prep->width : width, prep->height ? prep->height : height);
    return QN_OK;
}

static qn_status to_tensor(const qn_image *im, const qn_image_prep *prep, qn_tensor *out)
{
    u32 channels = prep->channels ? prep->channels : 3;
    qn_dtype dtype = prep->dtype ? prep->dtype : QN_F32;
    size_t bytes = qn_dtype_bytes(dtype), plane = (size_t)im->width * im->height;
    u8 *data = mem_alloc(plane * channels * bytes);
    if (!data) return fail_nomem(plane * channels * bytes);
    for (u32 c = 0; c < channels; c++) {
        cell table[256];
        fill_table(prep, c, dtype, table);
        i32 source = channels == 1 ? -1 : (i32)(prep->bgr ? 2 - c : c);
        u8 *to = data + (prep->nhwc ? c : c * plane) * bytes;
        write_channel(im, source, table, bytes, to, prep->nhwc ? channels : 1);
    }
    qn_tensor t = { .dtype = dtype, .rank = 4, .dims = { 1, channels, im->height, im->width }, .data = data };
    if (prep->nhwc) t.dims[1] = im->height, t.dims[2] = im->width, t.dims[3] = channels;
    *out = t;
    return QN_OK;
}

qn_status qn_image_to_tensor(const qn_image *im, const qn_image_prep *prep, qn_tensor *out)
{
    if (!im || !im->rgba || !im->width || !im->height || !prep || !out)
        return fail(QN_E_USAGE, "qn_image_to_tensor: a picture with pixels, prep and out are needed");
    QN_TRY(check_prep(prep));
    qn_image canvas;
    QN_TRY(make_canvas(im, prep, &canvas));
    qn_status s = to_tensor(&canvas, prep, out);
    qn_image_free(&canvas);
    return s;
}
