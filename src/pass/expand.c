/* Composites become their meaning where no fused kernel of theirs fits. What is left has a kernel, runs on the host, or is a view. */
#include "op/complex.h"
#include "op/op_util.h"
#include "pass/pass.h"

/* The type of its texts or complex numbers; QN_NONE: it has neither. */
static qn_dtype placed_type(const graph *g, const node *n)
{
    for (u32 i = 0; i < n->n_in; i++) {
        qn_dtype d = node_in(g, n, i) ? value_at(g, node_in(g, n, i))->type.dtype : QN_NONE;
        if (dtype_is_placed(d)) return d;
    }
    return QN_NONE;
}

/* Without a reduction Scatter moves, too. */
static bool computes(const graph *g, const node *n, const op_def *d)
{
    return d->complex && (!op_attr_of(d, "reduction") || !text_same(attr_text(g, n, "reduction", "none"), "none"));
}

/* It asks for sizes alone and never runs; what decides them does, and must stay its input. */
static bool gives_sizes(const graph *g, const node *n)
{
    for (u32 i = 0; i < n->n_out; i++)
        if (n->out[i] && !value_at(g, n->out[i])->elems) return false;
    return true;
}

typedef qn_status (*expansion)(build *b, const node *n);

/* What makes simpler nodes of it; NULL: it stays. */
static expansion expansion_of(const pass_job *j, const node *n)
{
    const op_def *d = op_of(n);
    if (d->host || d->alias || d->control) return NULL;
    qn_dtype placed = placed_type(j->g, n);
    if (dtype_is_complex(placed) && computes(j->g, n, d)) return gives_sizes(j->g, n) ? NULL : complex_expand;
    if (placed && !d->expand) return gives_sizes(j->g, n) ? NULL : place_moves_expand;
    bool has_kernel = d->expand && d->variants && !placed && j->env->runs(j->g, j->env->caps, n);
    return has_kernel ? NULL : d->expand;
}

static bool expand(pass_job *j, nid id)
{
    expansion into = expansion_of(j, node_at(j->g, id));
    if (!into) return false;
    build b = pass_build(j, id);
    j->status = into(&b, node_at(j->g, id));
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
            "in x: f32[2,3]; y = Gelu(x, approximate=\"tanh\"); out y -> in x: f32[2,3]; y = quern.GeluTanh(x); out y"
            "\n---\n"
            "in x: string[n]; a = StringNormalizer(x); y = Shape(a); out y"
            " -> in x: string[n]; a = StringNormalizer(x); y = Shape(a); out y",
};
