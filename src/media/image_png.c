/* PNG -> RGBA, by libpng. Every colour type, bit depth and interlacing; 16 bits become 8; gamma is left alone, as Pillow does.
 * The library reports errors by a call that must not return: it jumps back to decode_guarded. */
#include "media/media.h"

#if defined(QUERN_HAVE_PNG) && QUERN_HAVE_PNG
#include <setjmp.h>
#include <stdio.h>

#include <png.h>

enum { MAX_CHUNK_BYTES = 8 << 20, MAX_TEXT_CHUNKS = 128 };

typedef struct reading {
    png_structp png;
    png_infop info;
    cursor from;
    char text[160];
    qn_status status; /* of a failure that is not the library's */
    decoded result;
} reading;

static void on_error(png_structp png, png_const_charp text)
{
    reading *r = png_get_error_ptr(png);
    snprintf(r->text, sizeof r->text, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void on_read(png_structp png, png_bytep to, size_t n)
{
    reading *r = png_get_io_ptr(png);
    qn_bytes b = cursor_take(&r->from, n);
    if (r->from.bad) png_error(png, "the file ends too early");
    memcpy(to, b.data, n);
}

static void *lib_alloc(png_structp png, png_alloc_size_t n)
{
    (void)png;
    return mem_alloc(n);
}

static void lib_free(png_structp png, void *p)
{
    (void)png;
    mem_free(p);
}

static void ask_for_rgba8(png_structp png)
{
    png_set_expand(png); /* palette, grey under 8 bits and tRNS become plain channels */
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

static u32 orientation_of(reading *r)
{
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(r->png, r->info, &n, &exif) && exif) return image_exif_orientation((qn_bytes){ exif, n });
#else
    (void)r;
#endif
    return 1;
}

static bool decode_guarded(reading *r)
{
    if (setjmp(png_jmpbuf(r->png))) return false;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff); /* image_make has the limit, and says so better */
    png_set_chunk_malloc_max(r->png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(r->png, MAX_TEXT_CHUNKS);
    png_read_info(r->png, r->info);
    u32 width = png_get_image_width(r->png, r->info), height = png_get_image_height(r->png, r->info);
    r->status = image_make("PNG", width, height, &r->result.image);
    if (r->status != QN_OK) return false;
    ask_for_rgba8(r->png);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != (size_t)width * 4) png_error(r->png, "unexpected layout of rows");
    for (int pass = 0; pass < passes; pass++)
        for (u32 y = 0; y < height; y++) png_read_row(r->png, r->result.image.rgba + (size_t)y * width * 4, NULL);
    png_read_end(r->png, r->info);
    r->result.orientation = orientation_of(r);
    return true;
}

qn_status image_png_decode(qn_bytes file, decoded *out)
{
    reading *r = mem_zalloc(sizeof *r);
    if (!r) return fail_nomem(sizeof *r);
    r->from = cursor_of(file);
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, NULL, lib_alloc, lib_free);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    qn_status s = QN_OK;
    if (!r->info) {
        s = fail(QN_E_NOMEM, "PNG: no memory for the decoder");
    } else if (decode_guarded(r)) {
        *out = r->result;
    } else {
        qn_image_free(&r->result.image);
        s = r->status != QN_OK ? r->status : fail(QN_E_FORMAT, "PNG: %s", r->text);
    }
    png_destroy_read_struct(&r->png, &r->info, NULL);
    mem_free(r);
    return s;
}
#else
qn_status image_png_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return image_left_out("PNG", "libpng");
}
#endif
