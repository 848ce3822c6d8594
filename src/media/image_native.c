/* Outside of pages nobody but the codecs decodes a picture. */
#include "media/media.h"

bool image_outside(const char *type, qn_bytes file, decoded *out, qn_status *s)
{
    (void)type, (void)file, (void)out, (void)s;
    return false;
}
