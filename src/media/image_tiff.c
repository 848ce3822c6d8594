/* TIFF -> RGBA, by libtiff: the first picture of the file, whatever its strips, tiles, compression and colours; 16 bits become 8.
 * Errors come through a handler of this one file; nothing global is touched. */
#include "media/media.h"

#if defined(QUERN_HAVE_TIFF) && QUERN_HAVE_TIFF
#include <stdio.h>

#include <tiffio.h>

enum { MAX_BLOCK_BYTES = 256 << 20 }; /* of the library's own allocations, each */

typedef struct reading {
    qn_bytes file;
    u64 at;
    char text[200]; /* of the first error */
} reading;

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff, (void)module;
    reading *r = user;
    if (!r->text[0]) vsnprintf(r->text, sizeof r->text, format, args);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff, (void)user, (void)module, (void)format, (void)args;
    return 1;
}

static tmsize_t on_read(thandle_t user, void *to, tmsize_t n)
{
    reading *r = user;
    u64 left = r->at < r->file.n ? r->file.n - r->at : 0, take = MIN((u64)MAX(n, 0), left);
    if (take) memcpy(to, (const u8 *)r->file.data + r->at, (size_t)take);
    r->at += take;
    return (tmsize_t)take;
}

static tmsize_t on_write(thandle_t user, void *from, tmsize_t n)
{
    (void)user, (void)from, (void)n;
    return 0;
}

static toff_t on_seek(thandle_t user, toff_t to, int from)
{
    reading *r = user;
    r->at = (u64)to + (from == SEEK_CUR ? r->at : from == SEEK_END ? r->file.n : 0);
    return r->at;
}

static int on_close(thandle_t user)
{
    (void)user;
    return 0;
}

static toff_t on_size(thandle_t user) { return ((reading *)user)->file.n; }

static TIFF *open_file(reading *r)
{
    TIFFOpenOptions *how = TIFFOpenOptionsAlloc();
    if (!how) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(how, MAX_BLOCK_BYTES);
    TIFFOpenOptionsSetErrorHandlerExtR(how, on_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(how, on_warning, r);
    TIFF *tiff = TIFFClientOpenExt("picture", "rm", r, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, how);
    TIFFOpenOptionsFree(how);
    return tiff;
}

static qn_status fail_tiff(const reading *r)
{
    return fail(QN_E_FORMAT, "TIFF: %s", r->text[0] ? r->text : "it cannot be decoded");
}

/* Colours are wanted as stored: the library would multiply them by an alpha that is not said to be in them already. */
static void keep_colours(TIFF *tiff)
{
    u16 n = 0, *kinds = NULL, plain = EXTRASAMPLE_ASSOCALPHA;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &n, &kinds);
    if (n == 1 && kinds[0] == EXTRASAMPLE_UNASSALPHA) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &plain);
}

/* The library gives a pixel as a number, red in its low byte. */
static void bytes_of_pixels(qn_image *image)
{
    for (u64 i = 0; i < (u64)image->width * image->height; i++) {
        u8 *at = image->rgba + i * 4;
        u32 pixel;
        memcpy(&pixel, at, 4);
        for (u32 c = 0; c < 4; c++) at[c] = (u8)(pixel >> 8 * c);
    }
}

static qn_status decode_open(reading *r, TIFF *tiff, decoded *out)
{
    u32 width = 0, height = 0;
    u16 orientation = ORIENTATION_TOPLEFT;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    QN_TRY(image_make("TIFF", width, height, &out->image));
    keep_colours(tiff);
    TIFFRGBAImage lib;
    char why[1024] = "";
    if (!TIFFRGBAImageOK(tiff, why) || !TIFFRGBAImageBegin(&lib, tiff, 1, why)) {
        if (r->text[0]) return fail_tiff(r);
        return fail(QN_E_UNSUPPORTED, "TIFF: %s", why[0] ? why : "colours of an unknown kind");
    }
    lib.req_orientation = lib.orientation = ORIENTATION_TOPLEFT; /* as stored: image.c turns it */
    int ok = TIFFRGBAImageGet(&lib, (u32 *)(void *)out->image.rgba, width, height);
    TIFFRGBAImageEnd(&lib);
    if (!ok || r->text[0]) return fail_tiff(r);
    bytes_of_pixels(&out->image);
    out->orientation = orientation;
    return QN_OK;
}

qn_status image_tiff_decode(qn_bytes file, decoded *out)
{
    reading r = { .file = file };
    decoded d = { .orientation = 1 };
    TIFF *tiff = open_file(&r);
    if (!tiff) return fail_tiff(&r);
    qn_status s = decode_open(&r, tiff, &d);
    TIFFClose(tiff);
    if (s != QN_OK) qn_image_free(&d.image);
    else *out = d;
    return s;
}
#else
qn_status image_tiff_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return image_left_out("TIFF", "libtiff");
}
#endif
