/* ImageDecoder, on the host: the decoders are src/media's, which stand on base alone. Pixels come as stored (EXIF's orientation is not applied),
 * without alpha, in 8 bits. What is no picture, or a damaged one, gives an empty tensor, as ONNX says; a log line has the reason. */
#include "media/media.h"
#include "op/op_util.h"

enum pixel_format { RGB, BGR, GREYSCALE, PIXEL_FORMATS };
static const char *const pixel_formats[PIXEL_FORMATS] = { "RGB", "BGR", "Grayscale" };

static enum pixel_format format_of(const graph *g, const node *n)
{
    const char *name = attr_text(g, n, "pixel_format", "RGB");
    for (u32 i = 0; i < PIXEL_FORMATS; i++)
        if (text_same(name, pixel_formats[i])) return (enum pixel_format)i;
    return PIXEL_FORMATS;
}

static i64 channels_of(enum pixel_format f) { return f == GREYSCALE ? 1 : 3; }

static qn_status infer_decoder(infer *c)
{
    enum pixel_format f = format_of(c->g, c->n);
    if (f == PIXEL_FORMATS)
        return infer_fail(c, QN_E_UNSUPPORTED, "pixel_format '%s'; it must be RGB, BGR or Grayscale",
                          attr_text(c->g, c->n, "pixel_format", ""));
    if (infer_in(c, 0)->rank != 1) return infer_fail(c, QN_E_SHAPE, "the encoded picture must be [bytes]");
    type y = { .dtype = QN_U8, .rank = 3, .known = true };
    y.dims[0] = sym_fresh(c->g, "height");
    y.dims[1] = sym_fresh(c->g, "width");
    y.dims[2] = sym_number(c->g, channels_of(f));
    return infer_out(c, 0, &y);
}

/* Luma of ITU-R 601-2 with 16 bits behind the point, as Pillow has it. */
static u8 grey_of(const u8 *rgb) { return (u8)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16); }

static qn_status put_pixels(host_call *h, enum pixel_format f, const qn_image *image)
{
    i64 channels = channels_of(f), dims[3] = { image->height, image->width, channels };
    u8 *y = host_out(h, 0, QN_U8, 3, dims);
    if (!y) return QN_E_NOMEM;
    const u8 *from = image->rgba;
    for (u64 i = 0; i < (u64)image->width * image->height; i++, from += 4, y += channels) {
        if (f == GREYSCALE) y[0] = grey_of(from);
        else y[0] = from[f == BGR ? 2 : 0], y[1] = from[1], y[2] = from[f == BGR ? 0 : 2];
    }
    return QN_OK;
}

static qn_status host_decoder(host_call *h)
{
    const qn_tensor *x = h->in[0];
    enum pixel_format f = format_of(h->g, h->n);
    decoded d = { 0 };
    qn_status s = image_decode((qn_bytes){ x->data, (size_t)x->dims[0] }, &d);
    if (s == QN_E_FORMAT)
        log_line(QN_LOG_WARN, "%s '%s' gives an empty picture: %s", op_of(h->n)->name, h->n->name ? h->n->name : "",
                 qn_last_error());
    else QN_TRY(s);
    if (d.later) return h->later = true, QN_OK;
    s = put_pixels(h, f, &d.image);
    qn_image_free(&d.image);
    return s;
}

const op_def op_ImageDecoder = {
    .name = "ImageDecoder",
    .doc = DOC("the pixels of a picture file, [height][width][channels]: BMP, JPEG, JPEG 2000, PNG, PNM, TIFF, WebP"),
    .in = { { "encoded_stream", "u8" } },
    .out = { { "image", "u8" } },
    .attrs = { TEXT("pixel_format", "RGB") },
    .infer = infer_decoder,
    .host = host_decoder,
};
