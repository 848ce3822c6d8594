/* The codecs of a module are the page's: what a browser decodes better than code of ours would, and decoders that the page lends. They take their time:
 * the first call asks, and says `later`; the caller asks again with the same bytes at the same place, until the pixels are there. */
#include "media/media.h"

/* A qn_status. QN_OK: the sizes are those of the picture that is there, or 0 while it is on its way. QN_E_NAME: the page has no decoder for it. Else
 * `why` is the sentence. */
FROM_PAGE(picture)
extern u32 page_picture(const char *type, const void *bytes, u32 n, u32 sizes[2], char *why, u32 room);
FROM_PAGE(pixels)
extern void page_pixels(const void *bytes, void *rgba); /* of a picture that is there, which the page forgets then */

static qn_status take(const char *type, qn_bytes file, const u32 sizes[2], decoded *out)
{
    qn_status made = image_make(type[0] ? type : "picture", sizes[0], sizes[1], &out->image);
    page_pixels(file.data, made == QN_OK ? out->image.rgba : NULL);
    return made;
}

bool image_outside(const char *type, qn_bytes file, decoded *out, qn_status *s)
{
    u32 sizes[2] = { 0 };
    char why[300] = "";
    *s = (qn_status)page_picture(type, file.data, (u32)file.n, sizes, why, sizeof why);
    if (*s == QN_E_NAME) return false;
    out->later = *s == QN_OK && sizes[0] == 0;
    if (*s != QN_OK) fail(*s, "%s", why);
    else if (!out->later) *s = take(type, file, sizes, out);
    return true;
}

static qn_status not_here(const char *format, const char *type)
{
    return fail(QN_E_UNSUPPORTED, "%s pictures are not decoded here: lend a decoder (decoders: { '%s': ... }) or convert it",
                format, type);
}

qn_status image_jpeg_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_here("JPEG", "image/jpeg"); }
qn_status image_png_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_here("PNG", "image/png"); }
qn_status image_webp_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_here("WebP", "image/webp"); }
qn_status image_tiff_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_here("TIFF", "image/tiff"); }
qn_status image_jp2_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_here("JPEG 2000", "image/jp2"); }
