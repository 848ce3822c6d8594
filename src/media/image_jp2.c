/* JPEG 2000 -> RGBA, by OpenJPEG: .jp2 files and bare code streams; grey, RGB and sYCC, with alpha or not, 1 to 16 bits, subsampled or not. */
#include "media/media.h"

#if defined(QUERN_HAVE_JP2) && QUERN_HAVE_JP2
#include <stdio.h>

#include <openjpeg.h>

enum { MOST_COMPONENTS = 4, MOST_BITS = 16 };

typedef struct reading {
    qn_bytes file;
    u64 at;
    char text[200]; /* of the first error */
    opj_codec_t *codec;
    opj_stream_t *stream;
    opj_image_t *picture;
    qn_image image;
} reading;

static void on_error(const char *text, void *user)
{
    reading *r = user;
    if (!r->text[0]) snprintf(r->text, sizeof r->text, "%.*s", (int)strcspn(text, "\n"), text);
}

static void on_message(const char *text, void *user) { (void)text, (void)user; }

static OPJ_SIZE_T on_read(void *to, OPJ_SIZE_T n, void *user)
{
    reading *r = user;
    u64 take = MIN((u64)n, r->file.n - r->at);
    if (!take) return (OPJ_SIZE_T)-1;
    memcpy(to, (const u8 *)r->file.data + r->at, (size_t)take);
    r->at += take;
    return (OPJ_SIZE_T)take;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user)
{
    reading *r = user;
    if (to < 0 || (u64)to > r->file.n) return OPJ_FALSE;
    r->at = (u64)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T by, void *user)
{
    reading *r = user;
    if (by < 0 || (u64)by > r->file.n - r->at) return -1;
    r->at += (u64)by;
    return by;
}

static qn_status fail_jp2(const reading *r)
{
    return fail(QN_E_FORMAT, "JPEG 2000: %s", r->text[0] ? r->text : "it cannot be decoded");
}

static bool is_code_stream(qn_bytes file) { return file.n > 1 && ((const u8 *)file.data)[0] == 0xff; }

static qn_status open_file(reading *r)
{
    opj_dparameters_t how;
    opj_set_default_decoder_parameters(&how);
    r->codec = opj_create_decompress(is_code_stream(r->file) ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    r->stream = opj_stream_create(1 << 16, OPJ_TRUE);
    if (!r->codec || !r->stream) return fail_nomem(1 << 16);
    opj_set_error_handler(r->codec, on_error, r);
    opj_set_warning_handler(r->codec, on_message, r);
    opj_set_info_handler(r->codec, on_message, r);
    opj_stream_set_user_data(r->stream, r, NULL);
    opj_stream_set_user_data_length(r->stream, r->file.n);
    opj_stream_set_read_function(r->stream, on_read);
    opj_stream_set_seek_function(r->stream, on_seek);
    opj_stream_set_skip_function(r->stream, on_skip);
    bool ok = opj_setup_decoder(r->codec, &how) && opj_read_header(r->stream, r->codec, &r->picture);
    return ok && r->picture ? QN_OK : fail_jp2(r);
}

static qn_status check_components(const opj_image_t *p)
{
    if (p->numcomps == 0 || p->numcomps > MOST_COMPONENTS)
        return fail(QN_E_UNSUPPORTED, "JPEG 2000: %u components; 1 to 4 are read", p->numcomps);
    for (u32 i = 0; i < p->numcomps; i++) {
        const opj_image_comp_t *c = &p->comps[i];
        if (!c->prec || c->prec > MOST_BITS || !c->dx || !c->dy)
            return fail(QN_E_UNSUPPORTED, "JPEG 2000: a component of %u bits; 1 to 16 are read", c->prec);
    }
    return QN_OK;
}

static qn_status check_head(const reading *r)
{
    const opj_image_t *p = r->picture;
    opj_codestream_info_v2_t *code = opj_get_cstr_info(r->codec);
    if (!code) return fail_nomem(sizeof *code);
    jp2_sizes s = { MIN(code->tdx, p->x1 - p->x0), MIN(code->tdy, p->y1 - p->y0), 1, 1, p->numcomps };
    opj_destroy_cstr_info(&code);
    for (u32 i = 0; i < p->numcomps; i++) s.step_x = MAX(s.step_x, p->comps[i].dx), s.step_y = MAX(s.step_y, p->comps[i].dy);
    return image_jp2_head_check(r->file, &s);
}

/* A sample as 0 to 255. */
static u8 sample(const opj_image_comp_t *c, u32 x, u32 y)
{
    i64 top = ((i64)1 << c->prec) - 1, v = c->data[(size_t)MIN(y / c->dy, c->h - 1) * c->w + MIN(x / c->dx, c->w - 1)];
    if (c->sgnd) v += (i64)1 << (c->prec - 1);
    v = v < 0 ? 0 : MIN(v, top);
    return (u8)((v * 255 + top / 2) / top);
}

static u8 clamped(f32 v) { return (u8)(v <= 0 ? 0 : v >= 255 ? 255 : v + 0.5f); }

static void rgb_from_ycc(u8 *p)
{
    f32 y = p[0], b = (f32)p[1] - 128, r = (f32)p[2] - 128;
    p[0] = clamped(y + 1.402f * r);
    p[1] = clamped(y - 0.344136f * b - 0.714136f * r);
    p[2] = clamped(y + 1.772f * b);
}

static void fill_pixels(reading *r)
{
    const opj_image_t *p = r->picture;
    bool grey = p->numcomps < 3, ycc = !grey && (p->color_space == OPJ_CLRSPC_SYCC || p->color_space == OPJ_CLRSPC_EYCC);
    u32 alpha = grey ? 1 : 3;
    u8 *to = r->image.rgba;
    for (u32 y = 0; y < r->image.height; y++)
        for (u32 x = 0; x < r->image.width; x++, to += 4) {
            for (u32 c = 0; c < 3; c++) to[c] = sample(&p->comps[grey ? 0 : c], x, y);
            to[3] = alpha < p->numcomps ? sample(&p->comps[alpha], x, y) : 255;
            if (ycc) rgb_from_ycc(to);
        }
}

static qn_status decode_into(reading *r)
{
    QN_TRY(open_file(r));
    const opj_image_t *p = r->picture;
    if (p->x1 <= p->x0 || p->y1 <= p->y0) return fail(QN_E_FORMAT, "JPEG 2000: the picture has no pixels");
    QN_TRY(check_components(p));
    QN_TRY(image_make("JPEG 2000", p->x1 - p->x0, p->y1 - p->y0, &r->image));
    QN_TRY(check_head(r));
    if (!opj_decode(r->codec, r->stream, r->picture) || !opj_end_decompress(r->codec, r->stream) || r->text[0])
        return fail_jp2(r);
    QN_TRY(check_components(p)); /* a palette makes others of them */
    for (u32 i = 0; i < p->numcomps; i++)
        if (!p->comps[i].data || !p->comps[i].w || !p->comps[i].h) return fail_jp2(r);
    if (p->color_space == OPJ_CLRSPC_CMYK) return fail(QN_E_UNSUPPORTED, "JPEG 2000: CMYK is not read");
    fill_pixels(r);
    return QN_OK;
}

qn_status image_jp2_decode(qn_bytes file, decoded *out)
{
    reading r = { .file = file };
    qn_status s = decode_into(&r);
    if (r.picture) opj_image_destroy(r.picture);
    if (r.stream) opj_stream_destroy(r.stream);
    if (r.codec) opj_destroy_codec(r.codec);
    if (s != QN_OK) qn_image_free(&r.image);
    else *out = (decoded){ .image = r.image, .orientation = 1 };
    return s;
}
#else
qn_status image_jp2_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return image_left_out("JPEG 2000", "OpenJPEG");
}
#endif
