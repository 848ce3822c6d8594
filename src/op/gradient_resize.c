/* Gradients of what is linear in x though no product: Resize and AffineGrid. The op itself, over unit vectors, gives its matrix. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "op/resize.h"

static val pair(build *b, f64 x, f64 y)
{
    const f32 both[] = { (f32)x, (f32)y };
    val v = graph_constant_copy(b->g, NULL, &(qn_tensor){ QN_F32, 1, { 2 }, both });
    if (!v && b->status == QN_OK) b->status = QN_E_NOMEM;
    return v;
}

/* m[in][out]: what each element along the axis gives to each of the result's. */
static val matrix_of(const grads *c, const resized *r, qn_dtype d)
{
    build *b = c->b;
    const type square = { .dtype = d, .rank = 2, .known = true, .dims = { r->in, r->in } };
    const f32 ends[] = { 0, (f32)r->crop_from, 1, (f32)r->crop_to };
    val roi = graph_constant_copy(b->g, NULL, &(qn_tensor){ QN_F32, 1, { 4 }, ends });
    val sizes = r->scale == 0 ? build_syms(b, (const sym[]){ r->in, r->out }, 2) : 0;
    const val in[] = { build_op1(b, OP_EyeLike, build_fill(b, &square, 0)), roi, sizes ? 0 : pair(b, 1, r->scale), sizes };
    attr attrs[OP_MOST_ATTRS];
    u32 n = node_attrs_but(b->n, (const char *const[]){ "axes", "extrapolation_value", NULL }, attrs);
    return build_node(b, OP_Resize, in, 4, attrs, n);
}

/* One dimension after the other: g[...][out] times the matrix turned. */
void gradient_resize(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0);
    resize_plan p = { 0 };
    const char *wrong = resize_plan_of(b->g, b->n, &x, &p);
    if (wrong || !text_same(attr_text(b->g, b->n, "keep_aspect_ratio_policy", "stretch"), "stretch")) {
        build_fail(b, QN_E_UNSUPPORTED, "%s", wrong ? wrong : "it has no gradient where it keeps the aspect ratio");
        return;
    }
    bool crops = text_same(attr_text(b->g, b->n, "coordinate_transformation_mode", ""), "tf_crop_and_resize");
    val g = c->dy[0];
    for (u32 i = 0; i < p.n && b->status == QN_OK; i++) {
        const resized *r = &p.at[i];
        i64 swap[QN_MAX_RANK], back[2] = { 1, 0 };
        if (!crops && sym_same(b->g, r->in, r->out) && (r->scale == 0 || r->scale == 1)) continue;
        for (u32 d = 0; d < x.rank; d++) swap[d] = d == r->axis ? x.rank - 1 : d == x.rank - 1u ? (i64)r->axis : d;
        val m = build_turn(b, matrix_of(c, r, x.dtype), back);
        g = build_turn(b, build_op2(b, OP_MatMul, build_turn(b, g, swap), m), swap);
    }
    c->dx[0] = g;
}

/* The grid is theta times places that do not depend on it: column k of theta meets what a theta gives whose column k is ones. */
void gradient_affine_grid(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0);
    u32 rank = grads_out_type(c, 0)->rank, columns = rank - 1, places = ((1u << (rank - 1)) - 1) & ~1u;
    val dx = 0;
    for (u32 k = 0; k < columns; k++) {
        val row = 0;
        for (u32 i = 0; i < columns; i++) {
            val one = build_reshape(b, build_scalar(b, x.dtype, i == k), (const sym[]){ sym_one(b->g) }, 1);
            row = row ? build_concat(b, row, one, 0) : one;
        }
        val theta = build_expand(b, row, x.dims, x.rank);
        val where = build_node(b, OP_AffineGrid, (const val[]){ theta, grads_in(c, 1) }, 2, b->n->attrs, b->n->n_attrs);
        val sum = build_reduce(b, OP_ReduceSum, build_op2(b, OP_Mul, c->dy[0], where), places);
        val column = build_reshape(b, sum, (const sym[]){ x.dims[0], x.dims[1], sym_one(b->g) }, 3);
        dx = dx ? build_concat(b, dx, column, 2) : column;
    }
    c->dx[0] = dx;
}
