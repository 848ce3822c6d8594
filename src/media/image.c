/* Picture files -> upright RGBA. The format is found by content, the codec decodes, EXIF orientation is applied.
 * Not here: the codecs (image_jpeg.c ...), what a page decodes (image_wasm.c), resizing (resize.c), tensors (prep.c). */
#include "media/media.h"

typedef struct picture_format {
    const char *name, *type; /* the media type, by which a page lends a decoder: web/generate.mjs reads them here */
    u32 at;                  /* where the magic bytes lie */
    const char *magic;
    qn_status (*decode)(qn_bytes file, decoded *out); /* NULL: recognised, so that it can be refused by name */
} picture_format;

/* clang-format off */
static const picture_format formats[] = {
    { "JPEG",      "image/jpeg",                0, "\xff\xd8\xff",         image_jpeg_decode },
    { "PNG",       "image/png",                 0, "\x89PNG\r\n\x1a\n",    image_png_decode },
    { "WebP",      "image/webp",                8, "WEBP",                 image_webp_decode },
    { "BMP",       "image/bmp",                 0, "BM",                   image_bmp_decode },
    { "TIFF",      "image/tiff",                0, "II*",                  image_tiff_decode },
    { "TIFF",      "image/tiff",                0, "MM",                   image_tiff_decode },
    { "TIFF",      "image/tiff",                0, "II+",                  image_tiff_decode },
    { "JPEG 2000", "image/jp2",                 4, "jP  \r\n\x87\n",       image_jp2_decode },
    { "JPEG 2000", "image/jp2",                 0, "\xff\x4f\xff\x51",     image_jp2_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P1",                   image_pnm_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P2",                   image_pnm_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P3",                   image_pnm_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P4",                   image_pnm_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P5",                   image_pnm_decode },
    { "PNM",       "image/x-portable-anymap",   0, "P6",                   image_pnm_decode },
    { "GIF",       "image/gif",                 0, "GIF8",                 NULL },
    { "AVIF",      "image/avif",                4, "ftypavif",             NULL },
    { "HEIC",      "image/heic",                4, "ftyphei",              NULL },
    { "PSD",       "image/vnd.adobe.photoshop", 0, "8BPS",                 NULL },
    { "JPEG XL",   "image/jxl",                 0, "\xff\x0a",             NULL },
    { "JPEG XL",   "image/jxl",                 4, "JXL \r\n\x87\n",       NULL },
};
/* clang-format on */

static const picture_format *format_of(qn_bytes file)
{
    for (size_t i = 0; i < COUNT(formats); i++) {
        const picture_format *f = &formats[i];
        size_t n = strlen(f->magic);
        if (file.n >= f->at + n && memcmp((const u8 *)file.data + f->at, f->magic, n) == 0) return f;
    }
    return NULL;
}

/* How to read the stored picture so that it comes out upright: swap x and y, then count a stored axis from its far end. */
typedef struct turn {
    bool swap, flip_x, flip_y;
} turn;
static const turn turns[9] = {
    [2] = { .flip_x = true },
    [3] = { .flip_x = true, .flip_y = true },
    [4] = { .flip_y = true },
    [5] = { .swap = true },
    [6] = { .swap = true, .flip_y = true },
    [7] = { .swap = true, .flip_x = true, .flip_y = true },
    [8] = { .swap = true, .flip_x = true },
};

static void copy_turned(const qn_image *from, turn how, qn_image *to)
{
    for (u32 y = 0; y < to->height; y++) {
        u8 *row = to->rgba + (size_t)y * to->width * 4;
        for (u32 x = 0; x < to->width; x++) {
            u32 sx = how.swap ? y : x, sy = how.swap ? x : y;
            if (how.flip_x) sx = from->width - 1 - sx;
            if (how.flip_y) sy = from->height - 1 - sy;
            memcpy(row + (size_t)x * 4, from->rgba + ((size_t)sy * from->width + sx) * 4, 4);
        }
    }
}

static qn_status make_upright(decoded *d)
{
    if (d->orientation < 2 || d->orientation > 8) return QN_OK;
    turn how = turns[d->orientation];
    qn_image upright;
    QN_TRY(image_make("picture", how.swap ? d->image.height : d->image.width, how.swap ? d->image.width : d->image.height,
                      &upright));
    copy_turned(&d->image, how, &upright);
    qn_image_free(&d->image);
    d->image = upright;
    return QN_OK;
}

static qn_status refuse_unknown(qn_bytes file)
{
    if (file.n == 0) return fail(QN_E_FORMAT, "the picture file is empty");
    const u8 *b = file.data;
    return fail(QN_E_FORMAT,
                "not a JPEG, PNG, WebP, BMP, TIFF, JPEG 2000 or PNM picture: it starts with bytes %02x %02x %02x", b[0],
                file.n > 1 ? b[1] : 0, file.n > 2 ? b[2] : 0);
}

qn_status image_decode(qn_bytes file, decoded *out)
{
    const picture_format *f = format_of(file);
    *out = (decoded){ .orientation = 1 };
    qn_status s;
    if (image_outside(f ? f->type : "", file, out, &s)) return s;
    if (!f) return refuse_unknown(file);
    if (!f->decode) return fail(QN_E_UNSUPPORTED, "%s pictures are not read; convert it to PNG, JPEG or WebP", f->name);
    return f->decode(file, out);
}

qn_status qn_image_decode(qn_bytes file, qn_image *out)
{
    if (!out || (!file.data && file.n)) return fail(QN_E_USAGE, "qn_image_decode: file bytes and out are needed");
    decoded d;
    QN_TRY(image_decode(file, &d));
    qn_status s = make_upright(&d);
    if (s != QN_OK) {
        qn_image_free(&d.image);
        return s;
    }
    *out = d.image;
    return QN_OK;
}

qn_status qn_image_load(const char *path, qn_image *out)
{
    if (!path || !out) return fail(QN_E_USAGE, "qn_image_load: path and out are needed");
    file_map file;
    QN_TRY(file_map_open(path, &file));
    qn_status s = qn_image_decode(file.bytes, out);
    file_map_close(&file);
    return fail_in(s, "%s: ", path);
}
