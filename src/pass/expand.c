/* Composites become their meaning where no fused kernel of theirs fits. What is left has a kernel, runs on the host, or is a view. */
#include "pass/pass.h"

static bool expand(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    const op_def *d = op_of(n);
    if (!d->expand || d->host || d->alias) return false;
    if (d->variants && j->env->runs(j->g, j->env->caps, n)) return false;
    build b = pass_build(j, id);
    j->status = d->expand(&b, n);
    return j->status == QN_OK;
}

const pass_def pass_expand = {
    .name = "expand",
    .doc = "composite ops without a kernel that fits become simpler ops",
    .at = OP_NONE,
    .always = true,
    .rewrite = expand,
    .test = "in x: f32[2,3]; y = Sum(x, x); out y -> in x: f32[2,3]; y = Add(x, x); out y"
            "\n---\n"
            "in x: f32[2,3]; in s: f32[3]; y = LayerNormalization(x, s); out y"
            " -> in x: f32[2,3]; in s: f32[3]; y = LayerNormalization(x, s); out y"
            "\n---\n"
            "in x: f32[2,3]; y = Gelu(x, approximate=\"tanh\"); out y -> in x: f32[2,3]; y = GeluTanh(x); out y",
};
