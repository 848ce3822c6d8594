/* The codecs of a module: a page decodes JPEG, PNG and WebP, better than code of ours would, but not at once. The first call asks it, and says `later`;
 * the caller asks again with the same bytes at the same place, until the pixels are there. */
#include "media/media.h"

enum picture_state { ON_ITS_WAY, THERE, DAMAGED, NO_DECODER }; /* web/src/decode.ts has them from here */
FROM_PAGE(picture) extern u32 page_picture(const void *bytes, u32 n, u32 sizes[2], char *why, u32 room);
FROM_PAGE(pixels)
extern void page_pixels(const void *bytes, void *rgba); /* of a picture that is there, which the page forgets then */

static qn_status by_the_page(const char *format, qn_bytes file, decoded *out)
{
    u32 sizes[2] = { 0 };
    char why[160] = "";
    u32 state = page_picture(file.data, (u32)file.n, sizes, why, sizeof why);
    if (state == ON_ITS_WAY) return out->later = true, QN_OK;
    if (state == DAMAGED) return fail(QN_E_FORMAT, "the page cannot decode this %s picture: %s", format, why);
    if (state == NO_DECODER) return fail(QN_E_UNSUPPORTED, "%s pictures are not decoded here: %s", format, why);
    qn_status made = image_make(format, sizes[0], sizes[1], &out->image);
    page_pixels(file.data, made == QN_OK ? out->image.rgba : NULL);
    return made;
}

qn_status image_jpeg_decode(qn_bytes file, decoded *out) { return by_the_page("JPEG", file, out); }
qn_status image_png_decode(qn_bytes file, decoded *out) { return by_the_page("PNG", file, out); }
qn_status image_webp_decode(qn_bytes file, decoded *out) { return by_the_page("WebP", file, out); }

static qn_status not_on_pages(const char *format)
{
    return fail(QN_E_UNSUPPORTED, "%s pictures are not decoded on pages; convert it to PNG, JPEG or WebP", format);
}

qn_status image_tiff_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_on_pages("TIFF"); }
qn_status image_jp2_decode(qn_bytes file, decoded *out) { return (void)file, (void)out, not_on_pages("JPEG 2000"); }
