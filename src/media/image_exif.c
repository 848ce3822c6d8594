/* EXIF -> orientation, by libexif. */
#include "media/media.h"

#if defined(QUERN_HAVE_EXIF) && QUERN_HAVE_EXIF
#include <libexif/exif-data.h>

static const char head[6] = "Exif\0";

static u32 orientation_in(const u8 *data, size_t n)
{
    ExifData *exif = exif_data_new();
    if (!exif) return 1;
    exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION); /* else it repairs tags that nobody reads here */
    exif_data_load_data(exif, data, (unsigned)n);
    u32 orientation = 1;
    const ExifEntry *e = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (e && e->format == EXIF_FORMAT_SHORT && e->components == 1 && e->size >= 2)
        orientation = exif_get_short(e->data, exif_data_get_byte_order(exif));
    exif_data_unref(exif);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

u32 image_exif_orientation(qn_bytes exif)
{
    if (exif.n < 8 || exif.n > 1 << 20) return 1;
    if (memcmp(exif.data, head, sizeof head) == 0) return orientation_in(exif.data, exif.n);
    u8 *whole = mem_alloc(sizeof head + exif.n); /* PNG and WebP store it without the head that libexif looks for */
    if (!whole) return 1;
    memcpy(whole, head, sizeof head);
    memcpy(whole + sizeof head, exif.data, exif.n);
    u32 orientation = orientation_in(whole, sizeof head + exif.n);
    mem_free(whole);
    return orientation;
}
#else
u32 image_exif_orientation(qn_bytes exif)
{
    (void)exif;
    return 1;
}
#endif
