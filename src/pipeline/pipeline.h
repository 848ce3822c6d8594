/* What the pipelines share beyond the public header. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "base/base.h"

/* Close `s` together with `c`. */
void classify_own_session(qn_classify *c, qn_session *s);

/* A picture of one drawn glyph -> [1, 1, 32, 32] f32, ink 1, paper 0 (docs/glyphs.md); a blank picture gives zeros. */
qn_status glyph_to_tensor(void *unused, const qn_image *im, qn_tensor *out);

#endif
