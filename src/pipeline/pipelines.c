/* The list of pipelines, for tools that build their commands and pages from it. */
#include "base/base.h"

static const qn_pipeline_info pipelines[] = {
#define PIPELINE(name, in, out, doc) { #name, in, out, doc },
#include "pipeline/pipelines.def"
#undef PIPELINE
};

const qn_pipeline_info *qn_pipeline_at(uint32_t index) { return index < COUNT(pipelines) ? &pipelines[index] : NULL; }
