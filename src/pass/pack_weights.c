/* Constant weights of 2, 4 or 8 bits behind a DequantizeLinear stay packed where a product of matrices reads them:
 *
 *     MatMul(x, DequantizeLinear(w[k][n], scale, zero))   becomes   MatMulNBits(x, w', scale', zero')
 *
 * for blocks along k, and for one scale a column; so does a Gemm, and what turns the weights around in between is done as they are packed. The
 * kernels make of a code the number that DequantizeLinear makes of it, so only the order of the sums differs. A block that is no power of
 * two is cut into such, and the whole of a column into blocks, each with the same scale. Several products of one weight share what was packed. */
#include "op/op_util.h"
#include "pass/match.h"

enum { LEAST_SPAN = 16, MOST_SPAN = 1 << 16, COLUMN_SPAN = 128, MOST_SIZE = 1 << 28 }; /* of MatMulNBits */

typedef struct weight {
    nid maker; /* the DequantizeLinear */
    val q, scale, zero;
    bool by_rows;     /* q[n][k], not [k][n] */
    u64 k, n;         /* of the product */
    u64 block;        /* of k, that have one scale; k or more: all */
    u64 span, blocks; /* MatMulNBits' */
    u32 bits, middle; /* added to what is signed */
    qn_dtype type;    /* of the product */
} weight;

typedef struct packed {
    val b, scales, zeros; /* b 0: not made yet */
} packed;

static bool is_number_type(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16; }

static bool set_bits(weight *w, qn_dtype d)
{
    static const u8 bits[QN_DTYPE_COUNT] = { [QN_U2] = 2, [QN_I2] = 2, [QN_U4] = 4, [QN_I4] = 4, [QN_U8] = 8, [QN_I8] = 8 };
    w->bits = bits[d];
    w->middle = d == QN_I2 || d == QN_I4 || d == QN_I8 ? 1u << (w->bits - 1) : 0;
    return w->bits != 0;
}

/* The node that makes v, but for Transposes of a matrix, which turn *by_rows, and in front of them a view of three dimensions as [n][k]. */
static const node *maker_before_turns(graph *g, val v, bool *by_rows)
{
    const i64 *perm;
    const node *n = match_maker(g, v);
    while (n && n->op == OP_Transpose && match_type(g, n->out[0])->rank == 2) {
        if (attr_ints(n, "perm", &perm) != 2 || perm[0] == 1) *by_rows = !*by_rows;
        n = match_maker(g, node_in(g, n, 0));
    }
    if (!match_is_reshape(g, n) || !*by_rows) return n;
    const type *x = match_type(g, node_in(g, n, 0)), *y = match_type(g, n->out[0]);
    bool flat = x->rank == 3 && y->rank == 2 && sym_same(g, x->dims[0], y->dims[0]);
    return flat ? match_maker(g, node_in(g, n, 0)) : NULL;
}

/* Of [n][pieces][block], a scale for each piece. */
static u64 block_of_pieces(const qn_tensor *q, const qn_tensor *scale, u32 axis, i64 block)
{
    bool one_each = axis == 2 && scale->rank == 3 && scale->dims[2] == 1 && block >= q->dims[2];
    return one_each ? (u64)q->dims[2] : 0;
}

/* How many numbers of k have one scale; 0: they do not lie block by block. */
static u64 block_of(const graph *g, const node *n, const weight *w)
{
    qn_tensor q = constant_tensor(g, w->q), scale = constant_tensor(g, w->scale);
    i64 block = attr_int(n, "block_size", 0);
    u32 axis = axis_of(n, "axis", 1, q.rank), inner = w->by_rows ? 1 : 0;
    if (q.rank == 3) return block_of_pieces(&q, &scale, axis, block);
    if (block > 0) return axis == inner && scale.rank == 2 ? (u64)block : 0;
    return axis != inner && scale.rank == 1 && (u64)scale.dims[0] == w->n ? w->k : 0;
}

/* MatMulNBits' blocks; false where they would be too small. */
static bool set_span(weight *w)
{
    w->span = w->block & -w->block;
    if (w->block >= w->k)
        for (w->span = LEAST_SPAN; w->span < COLUMN_SPAN && w->span < w->k;) w->span *= 2;
    w->span = MIN(w->span, (u64)MOST_SPAN);
    w->blocks = (w->k + w->span - 1) / w->span;
    return w->span >= LEAST_SPAN;
}

static bool set_sizes(weight *w, const qn_tensor *q)
{
    if (q->rank == 3) w->n = (u64)q->dims[0], w->k = (u64)q->dims[1] * (u64)q->dims[2];
    else if (q->rank == 2) w->k = (u64)q->dims[w->by_rows ? 1 : 0], w->n = (u64)q->dims[w->by_rows ? 0 : 1];
    return w->k && w->n && w->k <= MOST_SIZE && w->n <= MOST_SIZE;
}

static bool weight_of(graph *g, val v, bool turned, weight *out)
{
    weight w = { .by_rows = turned, .type = match_type(g, v)->dtype };
    const node *n = maker_before_turns(g, v, &w.by_rows);
    if (!n || (n->op != OP_DequantizeLinear && n->op != OP_MsDequantizeLinear)) return false;
    w.maker = value_at(g, n->out[0])->maker;
    w.q = node_in(g, n, 0), w.scale = node_in(g, n, 1), w.zero = node_in(g, n, 2);
    if (!is_constant(g, w.q) || !is_constant(g, w.scale) || (w.zero && !is_constant(g, w.zero))) return false;
    qn_tensor q = constant_tensor(g, w.q), scale = constant_tensor(g, w.scale);
    if (!set_sizes(&w, &q) || !set_bits(&w, q.dtype) || !is_number_type(w.type)) return false;
    if (scale.dtype != w.type && (w.type != QN_F32 || !is_number_type(scale.dtype))) return false; /* it would be rounded */
    w.block = block_of(g, n, &w);
    if (!w.block || !set_span(&w)) return false;
    *out = w;
    return true;
}

/* ------------------------------------------------------------------ packing */
/* Where the scale and the zero point of column n in block c are. */
static u64 scale_at(const weight *w, u64 n, u64 c)
{
    u64 from = c * w->span / w->block, count = (w->k + w->block - 1) / w->block;
    return w->by_rows ? n * count + from : from * w->n + n;
}

static void put(const weight *w, u8 *row, u64 i, u8 number)
{
    u32 code = (number + w->middle) & ((1u << w->bits) - 1);
    row[i * w->bits / 8] |= (u8)(code << i * w->bits % 8);
}

/* Some rows of b at a time, which stay in the caches while k goes by. */
static val pack_codes(build *b, const weight *w)
{
    enum { ROWS = 64 };
    u8 *to;
    u64 bytes = w->span * w->bits / 8;
    val v = match_make_constant(b, QN_U8, 3, (const i64[]){ (i64)w->n, (i64)w->blocks, (i64)bytes }, &to);
    if (!v) return 0;
    const u8 *q = constant_tensor(b->g, w->q).data;
    for (u64 n0 = 0; n0 < w->n; n0 += ROWS)
        for (u64 k = 0; k < w->k; k++)
            for (u64 n = n0; n < MIN(n0 + ROWS, w->n); n++)
                put(w, to + n * w->blocks * bytes, k, q[w->by_rows ? n * w->k + k : k * w->n + n]);
    return v;
}

static val pack_zeros(build *b, const weight *w)
{
    u8 *to;
    u64 bytes = (w->blocks * w->bits + 7) / 8;
    if (!w->zero && w->middle) return 0; /* MatMulNBits' own */
    val v = match_make_constant(b, QN_U8, 2, (const i64[]){ (i64)w->n, (i64)bytes }, &to);
    if (!v || !w->zero) return v;
    const u8 *zero = constant_tensor(b->g, w->zero).data;
    for (u64 n = 0; n < w->n; n++)
        for (u64 c = 0; c < w->blocks; c++) put(w, to + n * bytes, c, zero[scale_at(w, n, c)]);
    return v;
}

static val pack_scales(build *b, const weight *w)
{
    u8 *to;
    val v = match_make_constant(b, w->type, 2, (const i64[]){ (i64)w->n, (i64)w->blocks }, &to);
    if (!v) return 0;
    qn_tensor scale = constant_tensor(b->g, w->scale);
    for (u64 n = 0; n < w->n; n++)
        for (u64 c = 0; c < w->blocks; c++)
            match_store(w->type, to, n * w->blocks + c, match_element(&scale, scale_at(w, n, c)));
    return v;
}

static void pack(build *b, const weight *w, packed *p)
{
    if (p->b) return;
    p->b = pack_codes(b, w);
    p->scales = pack_scales(b, w);
    p->zeros = pack_zeros(b, w);
}

/* ------------------------------------------------------------------ products */
static val product(build *b, val x, const weight *w, const packed *p)
{
    attr attrs[] = { attr_of_int("K", (i64)w->k), attr_of_int("N", (i64)w->n), attr_of_int("bits", w->bits),
                     attr_of_int("block_size", (i64)w->span) };
    return build_node(b, OP_MatMulNBits, (const val[]){ x, p->b, p->scales, p->zeros }, p->zeros ? 4 : 3, attrs,
                      COUNT(attrs));
}

static val gemm(build *b, const node *n, const weight *w, const packed *p)
{
    f64 alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
    val x = node_in(b->g, n, 0), c = beta == 0 ? 0 : node_in(b->g, n, 2);
    attr perm = attr_of_ints(b->g, "perm", (const i64[]){ 1, 0 }, 2);
    if (attr_int(n, "transA", 0)) x = build_node(b, OP_Transpose, &x, 1, &perm, 1);
    val y = product(b, x, w, p);
    if (alpha != 1) y = build_op2(b, OP_Mul, y, build_scalar(b, w->type, alpha));
    if (c && beta != 1) c = build_op2(b, OP_Mul, c, build_scalar(b, w->type, beta));
    return build_op2(b, OP_Add, y, c);
}

/* A Gemm is rounded once; in steps f16 could overflow on the way. */
static bool is_one_step(const graph *g, const node *n)
{
    return attr_float(n, "alpha", 1) == 1 && (!node_in(g, n, 2) || attr_float(n, "beta", 1) == 0);
}

static qn_status turn(pass_job *j, nid id, packed *made)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    weight w;
    if (n->op != OP_MatMul && n->op != OP_Gemm) return QN_OK;
    if (!weight_of(g, node_in(g, n, 1), n->op == OP_Gemm && attr_int(n, "transB", 0), &w)) return QN_OK;
    if (n->op == OP_Gemm && w.type == QN_F16 && !is_one_step(g, n)) return QN_OK;
    build b = pass_build(j, id);
    packed *p = &made[w.maker];
    val old = n->out[0];
    pack(&b, &w, p);
    n = node_at(g, id);
    val y = n->op == OP_Gemm ? gemm(&b, n, &w, p) : product(&b, node_in(g, n, 0), &w, p);
    if (pass_replace_one(j, &b, id, y)) pass_replaced(j, old);
    return j->status;
}

static qn_status turn_all(pass_job *j)
{
    packed *made = mem_zalloc((j->g->n_nodes + 1) * sizeof *made);
    qn_status s = made ? QN_OK : fail_nomem((j->g->n_nodes + 1) * sizeof *made);
    FOR_NODES(j->g, n) if (s == QN_OK) s = turn(j, n, made);
    mem_free(made);
    return s;
}

/* clang-format off */
#define W_U4 \
    "const w: u4[16,2] = {12, 1, 2, 3, 2, 12, 13, 9, 0, 1, 5, 6, 9, 7, 4, 2, 11, 11, 0, 1, 7, 6, 14, 8, 6, 6, 10, 9, 2, 11, 12, 15};" \
    "const s: f32[1,2] = {0.5, 2}; const z: u4[1,2] = {3, 12};"
#define W_I4 \
    "const w: i4[1,32] = {4, -4, -3, 2, 2, 3, 5, -4, 7, -8, -7, 7, 7, -4, -6, -3, -8, 6, 2, 1, -5, -1, -5, 4, -1, -8, -4, 3, 0, -3, -4, -7};" \
    "const s: f32[1,2] = {0.5, 2};"
#define W_I2 \
    "const w: i2[1,64] = {1, 1, 0, -2, 0, -2, 1, 1, -1, 1, 1, -1, 1, -1, -2, 0, 1, 0, -1, 1, -1, -1, -2, -2, 0, 1, -1, 0, 1, -2, -1, 0," \
    "0, -1, -1, -2, 0, 1, -2, 1, -2, -2, 0, -2, 1, -1, 0, 1, 1, -1, -2, -1, 1, 0, -2, 1, 1, 1, 0, 1, 0, 0, 1, 0};" \
    "const s: f16[1,2] = {0.5, 2}; const z: i2[1,2] = {1, 0};"
#define W_PIECES \
    "const w: u8[2,2,16] = {12, 1, 2, 3, 2, 12, 13, 9, 0, 1, 5, 6, 9, 7, 4, 2, 11, 11, 0, 1, 7, 6, 14, 8, 6, 6, 10, 9, 2, 11, 12, 15," \
    "20, 1, 2, 3, 2, 12, 13, 9, 0, 1, 5, 6, 9, 7, 4, 2, 30, 11, 0, 1, 7, 6, 14, 8, 6, 6, 10, 9, 2, 11, 12, 15};"
#define NEXT        "\n---\n"
#define STAYS(text) NEXT text " -> " text
static const char tests[] =
    W_U4 "in x: f32[n,16];"
    "d = DequantizeLinear(w, s, z, axis=0, block_size=16); y = MatMul(x, d); out y"
    " -> in x: f32[n,16];"
    "const b: u8[2,1,8] = {44, 210, 80, 73, 11, 231, 166, 194, 49, 156, 97, 39, 27, 134, 150, 251};"
    "const t: f32[2,1] = {0.5, 2}; const z: u8[2,1] = {3, 12};"
    "y = com.microsoft.MatMulNBits(x, b, t, z, K=16, N=2, bits=4, block_size=16); out y"
    NEXT W_I4 "in x: f32[3,32]; in v: f32[32];"
    "d = DequantizeLinear(w, s, block_size=16); t = Transpose(d); y = MatMul(x, t); u = MatMul(v, t); out y, u"
    " -> in x: f32[3,32]; in v: f32[32];"
    "const b: u8[1,2,8] = {76, 165, 186, 77, 15, 241, 79, 82, 224, 154, 115, 195, 7, 180, 88, 20};"
    "const s: f32[1,2] = {0.5, 2};"
    "y = com.microsoft.MatMulNBits(x, b, s, K=32, N=1, bits=4, block_size=16);"
    "u = com.microsoft.MatMulNBits(v, b, s, K=32, N=1, bits=4, block_size=16); out y, u"
    NEXT "const w: u8[17,1] = {155, 169, 133, 238, 237, 53, 155, 161, 63, 76, 124, 189, 74, 184, 167, 55, 99}; const s: f16[1] = {3};"
    "in x: f16[3,17]; d = DequantizeLinear(w, s, axis=1); y = MatMul(x, d); out y"
    " -> in x: f16[3,17];"
    "const b: u8[1,1,32] = {155, 169, 133, 238, 237, 53, 155, 161, 63, 76, 124, 189, 74, 184, 167, 55, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};"
    "const s: f16[1,1] = {3}; const z: u8[1,1] = {0};"
    "y = com.microsoft.MatMulNBits(x, b, s, z, K=17, N=1, bits=8, block_size=32); out y"
    NEXT W_I2 "in x: f32[64,3]; in c: f32[3,1];"
    "d = DequantizeLinear(w, s, z, axis=1, block_size=48, output_dtype=1); y = Gemm(x, d, c, transA=1, transB=1, alpha=0.5, beta=2.0); out y"
    " -> in x: f32[64,3]; in c: f32[3,1];"
    "const b: u8[1,4,4] = {47, 242, 125, 135, 219, 5, 158, 147, 22, 206, 32, 231, 71, 203, 239, 186};"
    "const s: f32[1,4] = {0.5, 0.5, 0.5, 2}; const z: u8[1,1] = {191};"
    "const h: f32[] = {0.5}; const e: f32[] = {2}; t = Transpose(x, perm=[1,0]);"
    "p = com.microsoft.MatMulNBits(t, b, s, z, K=64, N=1, bits=2, block_size=16); q = Mul(p, h); r = Mul(c, e); y = Add(q, r); out y"
    NEXT W_PIECES "in x: f32[3,32];"
    "const s: f32[2,2,1] = {0.5, 2, 3, 4}; const z: u8[2,2,1] = {1, 2, 3, 4}; const v: i64[2] = {2, -1};"
    "d = DequantizeLinear(w, s, z, axis=2, block_size=16); r = Reshape(d, v); t = Transpose(r, perm=[1,0]); y = MatMul(x, t); out y"
    " -> " W_PIECES "in x: f32[3,32]; const s: f32[2,2] = {0.5, 2, 3, 4}; const z: u8[2,2] = {1, 2, 3, 4};"
    "y = com.microsoft.MatMulNBits(x, w, s, z, K=32, N=2, bits=8, block_size=16); out y"
    STAYS(W_U4 "in x: f32[2,n]; d = DequantizeLinear(w, s, z, axis=0, block_size=16); y = MatMul(d, x); out y")
    STAYS(W_I4 "in x: f32[3,1]; d = DequantizeLinear(w, s, block_size=16); y = MatMul(x, d); out y")
    STAYS("const w: u4[4,1] = {1, 2, 3, 4}; const s: f32[2,1] = {1, 2}; in x: f32[3,4];"
          "d = DequantizeLinear(w, s, axis=0, block_size=2); y = MatMul(x, d); out y")
    STAYS("in w: u4[16,1]; const s: f32[1,1] = {2}; in x: f32[3,16]; d = DequantizeLinear(w, s, axis=0, block_size=16); y = MatMul(x, d); out y")
    STAYS(W_I4 "in x: f16[3,32]; in c: f16[1]; const h: f16[1,2] = {1, 2};"
          "d = DequantizeLinear(w, h, block_size=16); y = Gemm(x, d, c, transB=1); out y");
/* clang-format on */

const pass_def pass_pack_weights = {
    .name = "pack_weights",
    .doc = "weights of 2, 4 or 8 bits behind a DequantizeLinear stay packed where a product reads them",
    .run = turn_all,
    .test = tests,
};
