/* What all codecs use: memory for pixels, within the limits, and the word of one that the build left out. */
#include "media/media.h"

qn_status image_make(const char *what, u64 width, u64 height, qn_image *out)
{
    if (width == 0 || height == 0) return fail(QN_E_FORMAT, "%s: the picture has no pixels", what);
    if (width > MEDIA_MAX_SIDE || height > MEDIA_MAX_SIDE || width * height > MEDIA_MAX_PIXELS)
        return fail(QN_E_UNSUPPORTED, "%s: %llu x %llu pixels; the limit is %d a side and 64 million in all", what,
                    (unsigned long long)width, (unsigned long long)height, MEDIA_MAX_SIDE);
    size_t bytes = (size_t)(width * height * 4);
    u8 *rgba = mem_alloc(bytes);
    if (!rgba) return fail_nomem(bytes);
    *out = (qn_image){ (uint32_t)width, (uint32_t)height, rgba };
    return QN_OK;
}

qn_status image_left_out(const char *what, const char *library)
{
    return fail(QN_E_UNSUPPORTED, "this build reads no %s: it was made without %s", what, library);
}

void qn_image_free(qn_image *im)
{
    if (!im) return;
    mem_free(im->rgba);
    *im = (qn_image){ 0 };
}
