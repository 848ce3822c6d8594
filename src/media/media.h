/* What the picture codecs and image.c share. A codec turns the bytes of one file into RGBA; image.c does the rest. */
#ifndef MEDIA_H
#define MEDIA_H

#include "base/base.h"

enum { MEDIA_MAX_SIDE = 65535, MEDIA_MAX_PIXELS = 64 << 20 };

/* A picture as stored: `orientation` is EXIF's 1..8, to be applied by image.c. The image is the caller's, freed with qn_image_free. */
typedef struct decoded {
    qn_image image;
    u32 orientation;
    bool later; /* a page is still at it, and there is no image yet: call again with the same bytes in their place */
} decoded;

/* pixels.c: memory for a picture, after its sizes were checked against the limits; `what` names the format in the message. */
qn_status image_make(const char *what, u64 width, u64 height, qn_image *out);

/* pixels.c: what a decoder says where the build has not its library. */
qn_status image_left_out(const char *what, const char *library);

/* The decoders: whole file in; QN_E_FORMAT carries the codec's own words. `out` is untouched on failure. */
qn_status image_jpeg_decode(qn_bytes file, decoded *out);
qn_status image_png_decode(qn_bytes file, decoded *out);
qn_status image_webp_decode(qn_bytes file, decoded *out);
qn_status image_bmp_decode(qn_bytes file, decoded *out);
qn_status image_tiff_decode(qn_bytes file, decoded *out);
qn_status image_jp2_decode(qn_bytes file, decoded *out);
/* image_jp2_head.c: whether a file's code blocks and packets are few enough to be decoded; sizes of a tile, steps of the coarsest component. */
typedef struct jp2_sizes {
    u32 width, height, step_x, step_y, components;
} jp2_sizes;
qn_status image_jp2_head_check(qn_bytes file, const jp2_sizes *s);
qn_status image_pnm_decode(qn_bytes file, decoded *out);
/* Is there somebody outside the library who decodes this file? Only a page has such (image_wasm.c), and is asked before a decoder of ours. `type` is
 * the media type of a format that is known, or "". true: *s is how it went. */
bool image_outside(const char *type, qn_bytes file, decoded *out, qn_status *s);
/* A file of any of these formats, as stored. QN_E_UNSUPPORTED: a format or kind that is not read here. */
qn_status image_decode(qn_bytes file, decoded *out);

/* EXIF orientation 1..8 of a block of EXIF, with or without its "Exif\0\0" head; 1 when it has none or cannot be read. */
u32 image_exif_orientation(qn_bytes exif);

#endif
