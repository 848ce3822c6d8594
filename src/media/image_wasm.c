/* A module decodes no picture files: a page does that better, but not at once, and a node cannot wait for it yet. */
#include "media/media.h"

qn_status image_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return fail(QN_E_UNSUPPORTED,
                "picture files are not decoded here; let the page do it, and give the pixels to what follows");
}
