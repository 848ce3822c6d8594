/* WebP -> RGBA, by libwebp: lossy, lossless, with alpha; of an animation, its first frame on its canvas. */
#include "media/media.h"

#if defined(QUERN_HAVE_WEBP) && QUERN_HAVE_WEBP
#include <webp/decode.h>
#include <webp/demux.h>

static const char *const status_text[] = {
    [VP8_STATUS_OUT_OF_MEMORY] = "no memory",
    [VP8_STATUS_INVALID_PARAM] = "invalid parameter",
    [VP8_STATUS_BITSTREAM_ERROR] = "damaged bit stream",
    [VP8_STATUS_UNSUPPORTED_FEATURE] = "unsupported feature",
    [VP8_STATUS_SUSPENDED] = "the file ends too early",
    [VP8_STATUS_USER_ABORT] = "stopped",
    [VP8_STATUS_NOT_ENOUGH_DATA] = "the file ends too early",
};

static qn_status fail_webp(VP8StatusCode code)
{
    const char *text = (size_t)code < COUNT(status_text) && status_text[code] ? status_text[code] : "cannot be decoded";
    return fail(code == VP8_STATUS_OUT_OF_MEMORY ? QN_E_NOMEM : QN_E_FORMAT, "WebP: %s", text);
}

/* Decode one frame into its place on the canvas. */
static qn_status decode_frame(const WebPIterator *frame, qn_image *canvas)
{
    i64 right = (i64)frame->x_offset + frame->width, bottom = (i64)frame->y_offset + frame->height;
    if (frame->x_offset < 0 || frame->y_offset < 0 || right > canvas->width || bottom > canvas->height)
        return fail(QN_E_FORMAT, "WebP: a frame lies outside the picture");
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(QN_E_UNSUPPORTED, "WebP: the installed libwebp does not fit this build");
    size_t stride = (size_t)canvas->width * 4;
    size_t at = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 4;
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = canvas->rgba + at;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * canvas->height - at;
    VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? QN_OK : fail_webp(code);
}

static u32 orientation_of(const WebPDemuxer *demux)
{
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(demux, "EXIF", 1, &chunk)) return 1;
    u32 orientation = image_exif_orientation((qn_bytes){ chunk.chunk.bytes, chunk.chunk.size });
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

static qn_status decode_demuxed(const WebPDemuxer *demux, decoded *out)
{
    WebPIterator frame;
    if (!WebPDemuxGetFrame(demux, 1, &frame)) return fail(QN_E_FORMAT, "WebP: no frame in the file");
    qn_image canvas = { 0 };
    qn_status s =
        image_make("WebP", WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT), &canvas);
    if (s == QN_OK) {
        memset(canvas.rgba, 0, (size_t)canvas.width * canvas.height * 4);
        s = decode_frame(&frame, &canvas);
    }
    WebPDemuxReleaseIterator(&frame);
    if (s != QN_OK) {
        qn_image_free(&canvas);
        return s;
    }
    *out = (decoded){ .image = canvas, .orientation = orientation_of(demux) };
    return QN_OK;
}

qn_status image_webp_decode(qn_bytes file, decoded *out)
{
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures(file.data, file.n, &features);
    if (code != VP8_STATUS_OK) return fail_webp(code);
    WebPData data = { file.data, file.n };
    WebPDemuxer *demux = WebPDemux(&data);
    if (!demux) return fail_webp(VP8_STATUS_NOT_ENOUGH_DATA); /* the head was good, so the rest is missing */
    qn_status s = decode_demuxed(demux, out);
    WebPDemuxDelete(demux);
    return s;
}
#else
qn_status image_webp_decode(qn_bytes file, decoded *out)
{
    (void)file, (void)out;
    return image_left_out("WebP", "libwebp");
}
#endif
