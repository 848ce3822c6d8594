/* JPEG -> RGBA, by libjpeg-turbo. Grey, YCbCr, RGB, CMYK and YCCK; baseline and progressive.
 * The library reports errors by a call that must not return: it jumps back to decode_guarded, which owns everything. */
#include "media/media.h"

#if defined(QUERN_HAVE_JPEG) && QUERN_HAVE_JPEG
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

enum { MAX_SCANS = 500 }; /* a small file can ask for thousands of passes over a large picture */

typedef struct reading {
    struct jpeg_decompress_struct lib;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    qn_status status; /* of a failure that is not the library's */
    decoded result;
} reading;

static void on_error(j_common_ptr lib)
{
    reading *r = lib->client_data;
    r->errors.format_message(lib, r->text);
    longjmp(r->back, 1);
}

/* Pixels made up by the decoder are errors here; marker oddities are not. */
static void on_message(j_common_ptr lib, int level)
{
    int code = lib->err->msg_code;
    bool harmless =
        code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_TOO_MUCH_DATA;
    if (level < 0 && !harmless) on_error(lib);
}

static void on_output(j_common_ptr lib) { (void)lib; }

static void on_progress(j_common_ptr lib)
{
    reading *r = lib->client_data;
    if (r->lib.input_scan_number <= MAX_SCANS) return;
    snprintf(r->text, sizeof r->text, "more than %d scans", MAX_SCANS);
    longjmp(r->back, 1);
}

static u32 orientation_of(const reading *r)
{
    for (const struct jpeg_marker_struct *m = r->lib.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif", 5) == 0)
            return image_exif_orientation((qn_bytes){ m->data, m->data_length });
    return 1;
}

/* Stored as 255 - ink, which is what every program that writes CMYK JPEG does. */
static void row_from_cmyk(u8 *row, u32 width)
{
    for (u32 x = 0; x < width; x++, row += 4) {
        u32 k = row[3];
        for (int c = 0; c < 3; c++) row[c] = (u8)((row[c] * k + 127) / 255);
        row[3] = 255;
    }
}

static void decode_rows(reading *r)
{
    bool cmyk = r->lib.out_color_space == JCS_CMYK;
    while (r->lib.output_scanline < r->lib.output_height) {
        u8 *row = r->result.image.rgba + (size_t)r->lib.output_scanline * r->lib.output_width * 4;
        jpeg_read_scanlines(&r->lib, &row, 1);
        if (cmyk) row_from_cmyk(row, r->lib.output_width);
    }
}

static bool decode_guarded(reading *r, qn_bytes file)
{
    if (setjmp(r->back)) return false;
    jpeg_create_decompress(&r->lib);
    r->lib.progress = &r->progress;
    jpeg_mem_src(&r->lib, file.data, (unsigned long)file.n);
    jpeg_save_markers(&r->lib, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&r->lib, TRUE);
    r->status = image_make("JPEG", r->lib.image_width, r->lib.image_height, &r->result.image);
    if (r->status != QN_OK) return false;
    bool cmyk = r->lib.jpeg_color_space == JCS_CMYK || r->lib.jpeg_color_space == JCS_YCCK;
    r->lib.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
    jpeg_start_decompress(&r->lib);
    decode_rows(r);
    r->result.orientation = orientation_of(r);
    jpeg_finish_decompress(&r->lib);
    return true;
}

qn_status image_jpeg_decode(qn_bytes file, decoded *out)
{
    reading *r = mem_zalloc(sizeof *r);
    if (!r) return fail_nomem(sizeof *r);
    r->lib.err = jpeg_std_error(&r->errors);
    r->lib.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->errors.output_message = on_output;
    r->progress.progress_monitor = on_progress;
    qn_status s = QN_OK;
    if (decode_guarded(r, file)) {
        *out = r->result;
    } else {
        qn_image_free(&r->result.image);
        s = r->status != QN_OK ? r->status : fail(QN_E_FORMAT, "JPEG: %s", r->text);
    }
    jpeg_destroy_decompress(&r->lib);
    mem_free(r);
    return s;
}
#else
qn_status image_jpeg_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return image_left_out("JPEG", "libjpeg-turbo");
}
#endif
