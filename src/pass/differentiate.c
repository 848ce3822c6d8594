/* Gradients become the nodes that compute them, before any other pass could change what lies between xs and y, or take xs that are
 * constants for constants. */
#include "pass/pass.h"

static bool differentiate(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    j->status = op_of(n)->expand(&b, n);
    return j->status == QN_OK;
}

const pass_def pass_differentiate = {
    .name = "differentiate",
    .doc = "Gradient becomes the nodes that compute it, out of the gradients of those between its xs and y",
    .at = OP_Gradient,
    .always = true,
    .rewrite = differentiate,
    .test = "in a: f32[]; in b: f32[]; c = Add(a, b); d = Mul(c, a);"
            "da, db = ai.onnx.preview.training.Gradient(a, b, a, b, d, xs=[\"a\", \"b\"], y=\"d\"); out da, db"
            " -> in a: f32[]; in b: f32[]; const one: f32[] = {1}; c = Add(a, b); e = Mul(one, a); f = Mul(one, c);"
            "g = Add(f, e); out g, e",
};
