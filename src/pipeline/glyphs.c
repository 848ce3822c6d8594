/* The embedded model, as a classifier: models/glyphs.onnx, put into the library by the build, with the normalisation it was
 * trained on (glyph_image.c). */
#include "pipeline/pipeline.h"

extern const unsigned char quern_glyphs_onnx[];
extern const size_t quern_glyphs_onnx_bytes;

qn_status qn_glyphs_of(qn_session *s, uint32_t top, qn_classify **out)
{
    return qn_classify_open(&(qn_classify_desc){ .session = s, .top = top, .to_tensor = glyph_to_tensor }, out);
}

qn_status qn_glyphs_open(qn_device *d, uint32_t top, qn_classify **out)
{
    if (!d || !out) return fail(QN_E_USAGE, "qn_glyphs_open: a device and out are needed");
    if (quern_glyphs_onnx_bytes == 0) return fail(QN_E_UNSUPPORTED, "this build was made without the embedded model");
    qn_session *s;
    QN_TRY(qn_session_open(&(qn_session_desc){ .device = d, .bytes = { quern_glyphs_onnx, quern_glyphs_onnx_bytes } }, &s));
    qn_classify *c;
    qn_status status = qn_glyphs_of(s, top, &c);
    if (status != QN_OK) {
        qn_session_close(s);
        return status;
    }
    classify_own_session(c, s);
    *out = c;
    return QN_OK;
}
