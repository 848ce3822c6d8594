/* RotaryEmbedding: pairs of numbers of each head turned by the angle of their position. */
#include "op/attend.h"
#include "op/op_util.h"

enum { IN_X, IN_COS, IN_SIN, IN_POSITIONS };

/* The angles that a table holds for the samples and the positions of x: [batch][length], or of one that all share. */
static qn_status check_angles(const infer *c, u32 table, u32 positions)
{
    const type *x = infer_in(c, IN_X), *from = infer_in(c, positions);
    if (!from) from = infer_in(c, table);
    else if (from->rank != 2) return infer_fail(c, QN_E_SHAPE, "the positions must have two dimensions");
    const type have = { .rank = 2, .known = true, .dims = { from->dims[0], from->dims[1] } },
               want = { .rank = 2, .known = true, .dims = { x->dims[0], x->dims[x->rank - 2] } };
    return infer_broadcast_to(c, infer_has(c, positions) ? positions : table, &have, &want);
}

/* Each table has an angle for each pair of what is turned, which is no more than a head. */
static qn_status check_turned(const infer *c, sym turned, sym size)
{
    graph *g = c->g;
    sym fits = sym_compare(g, '<', turned, sym_add(g, size, sym_one(g)));
    if (sym_is(g, fits, 0)) return infer_fail(c, QN_E_SHAPE, "rotary_embedding_dim is more than the size of a head");
    infer_need(g, fits, "rotary_embedding_dim is #, a head has #", turned, size);
    for (u32 i = IN_COS; i <= IN_SIN; i++) {
        const type *table = infer_in(c, i);
        if (table->rank != (infer_has(c, IN_POSITIONS) ? 2 : 3))
            return infer_fail(c, QN_E_SHAPE, "the tables have a wrong number of dimensions");
        if (infer_differ(g, sym_mul(g, table->dims[table->rank - 1], sym_number(g, 2)), turned))
            return infer_fail(c, QN_E_SHAPE, "the tables are not half as wide as what is turned of a head");
        QN_TRY(check_angles(c, i, IN_POSITIONS));
    }
    return QN_OK;
}

static qn_status rotary_infer(infer *c)
{
    graph *g = c->g;
    const type *x = infer_in(c, IN_X);
    i64 heads = attr_int(c->n, "num_heads", 0), turned = attr_int(c->n, "rotary_embedding_dim", 0);
    if (x->rank != 3 && x->rank != 4) return infer_fail(c, QN_E_SHAPE, "the input must have three or four dimensions");
    if (x->rank == 3 && heads < 1)
        return infer_fail(c, QN_E_SHAPE, "num_heads must say how many heads the last dimension holds");
    if (turned < 0 || turned % 2) return infer_fail(c, QN_E_SHAPE, "rotary_embedding_dim must be even");
    sym size = x->dims[x->rank - 1];
    if (x->rank == 3) {
        if (infer_differ(g, sym_mod(g, size, sym_number(g, heads)), sym_zero(g)))
            return infer_fail(c, QN_E_SHAPE, "the last dimension holds no whole heads");
        size = sym_div(g, size, sym_number(g, heads));
    }
    QN_TRY(check_turned(c, turned ? sym_number(g, turned) : size, size));
    return infer_like_first_input(c);
}

/* A table by position, as [batch][1][length][half]. */
static val angles(build *b, u32 table)
{
    graph *g = b->g;
    val v = build_in(b, table);
    if (build_in(b, IN_POSITIONS)) v = build_node(b, OP_Gather, (val[]){ v, build_in(b, IN_POSITIONS) }, 2, NULL, 0);
    if (b->status) return 0;
    type t = *build_type(b, v);
    sym dims[4] = { t.dims[0], sym_number(g, 1), t.dims[1], t.dims[2] };
    return build_reshape(b, v, dims, 4);
}

static val with_last(build *b, val x, sym a, sym c)
{
    if (b->status) return 0;
    type t = *build_type(b, x);
    sym dims[5] = { t.dims[0], t.dims[1], t.dims[2], a, c };
    return build_reshape(b, x, dims, c ? 5 : 4);
}

static qn_status rotary_expand(build *b, const node *n)
{
    graph *g = b->g;
    bool flat = build_type(b, build_in(b, IN_X))->rank == 3, interleaved = attr_int(n, "interleaved", 0) != 0;
    val x = flat ? attend_split_heads(b, build_in(b, IN_X), attr_int(n, "num_heads", 1)) : build_in(b, IN_X);
    if (b->status) return b->status;
    sym one = sym_number(g, 1), size = build_type(b, x)->dims[3];
    i64 given = attr_int(n, "rotary_embedding_dim", 0);
    sym turned = given ? sym_number(g, given) : size, half = sym_div(g, turned, sym_number(g, 2));
    val first = build_half(b, x, turned, false, interleaved), second = build_half(b, x, turned, true, interleaved);
    val c = angles(b, IN_COS), s = angles(b, IN_SIN);
    val real = build_op2(b, OP_Sub, build_op2(b, OP_Mul, c, first), build_op2(b, OP_Mul, s, second));
    val imag = build_op2(b, OP_Add, build_op2(b, OP_Mul, s, first), build_op2(b, OP_Mul, c, second));
    val y;
    if (interleaved)
        y = with_last(b, build_concat(b, with_last(b, real, half, one), with_last(b, imag, half, one), 4), turned, 0);
    else y = build_concat(b, real, imag, 3);
    if (!sym_same(g, turned, size)) y = build_concat(b, y, build_slice(b, x, -1, turned, size), 3);
    if (flat) y = attend_join_heads(b, y);
    return build_done(b, &y, 1);
}

static const op_case rotary_cases[] = {
    { "f32[2,3,4,8] f32[10,4] f32[10,4] i64[2,4]={0,1,2,3,4,5,6,7}", "", 1e-6, "halves" },
    { "f32[2,4,24] f32[2,4,4] f32[2,4,4]", "num_heads=3, interleaved=1", 1e-6,
      "neighbours, heads side by side, no positions" },
    { "f32[1,3,4,8] f32[1,4,2] f32[1,4,2]", "rotary_embedding_dim=4", 1e-6, "part of each head" },
    { 0 },
};

const op_def op_RotaryEmbedding = {
    .name = "RotaryEmbedding",
    .doc = DOC("Pairs of numbers of each head, neighbours or from its two halves, turned by the angle of their position"),
    .in = { { "x", "float" }, { "cos_cache", "as x" }, { "sin_cache", "as x" }, { "position_ids", "optional i64" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("interleaved", 0), INT("num_heads", 0), INT("rotary_embedding_dim", 0) },
    .infer = rotary_infer,
    .expand = rotary_expand,
    .cases = CASES(rotary_cases),
};

/* ------------------------------------------------------------------ com.microsoft's */
enum { MS_X, MS_POSITIONS, MS_COS, MS_SIN };

/* Heads of x[batch][length][heads * size]: as many as num_heads says, or as heads of twice a table's width fit. */
static i64 ms_heads(graph *g, const node *n, const type *x, const type *table)
{
    i64 heads = attr_int(n, "num_heads", 0), hidden, half;
    if (heads > 0 || x->rank != 3) return heads;
    if (!sym_is_number(g, x->dims[2], &hidden) || !sym_is_number(g, table->dims[1], &half) || half < 1) return 0;
    return hidden % (2 * half) ? 0 : hidden / (2 * half);
}

static qn_status ms_rotary_infer(infer *c)
{
    const type *x = infer_in(c, MS_X), *at = infer_in(c, MS_POSITIONS), *cos = infer_in(c, MS_COS),
               *sin = infer_in(c, MS_SIN);
    if (x->rank != 3 && x->rank != 4) return infer_fail(c, QN_E_SHAPE, "the input must have three or four dimensions");
    if (cos->rank != 2 || sin->rank != 2 || at->rank < 1 || at->rank > 2)
        return infer_fail(c, QN_E_SHAPE, "the tables must be matrices, the positions one number or a row for each sample");
    if (x->rank == 3 && ms_heads(c->g, c->n, x, cos) < 1)
        return infer_fail(c, QN_E_SHAPE, "the last dimension holds no whole heads: num_heads or the tables are wrong");
    if (at->rank == 1 && infer_differ(c->g, at->dims[0], sym_number(c->g, 1)))
        return infer_fail(c, QN_E_SHAPE, "positions of one dimension must be one number");
    if (at->rank == 2) QN_TRY(check_angles(c, MS_COS, MS_POSITIONS));
    return infer_like_first_input(c);
}

/* One number says where each sample starts. */
static qn_status ms_rotary_expand(build *b, const node *n)
{
    graph *g = b->g;
    val x = build_in(b, MS_X), at = build_in(b, MS_POSITIONS);
    const type *t = build_type(b, x);
    sym one = sym_number(g, 1), pair[2] = { one, one };
    if (build_type(b, at)->rank == 1)
        at = build_op2(b, OP_Add, build_reshape(b, at, pair, 2), attend_places(b, t->dims[t->rank - 2]));
    attr turn[] = { attr_of_int("interleaved", attr_int(n, "interleaved", 0)),
                    attr_of_int("rotary_embedding_dim", attr_int(n, "rotary_embedding_dim", 0)),
                    attr_of_int("num_heads", ms_heads(g, n, build_type(b, x), build_type(b, build_in(b, MS_COS)))) };
    val y = build_node(b, OP_RotaryEmbedding, (val[]){ x, build_in(b, MS_COS), build_in(b, MS_SIN), at }, 4, turn, 3);
    return build_done(b, &y, 1);
}

static const op_case ms_rotary_cases[] = {
    { "f32[2,3,24] i64[2,3]={0,1,2,3,4,5} f32[10,4] f32[10,4]", "", 1e-6, "heads as wide as the tables say" },
    { "f32[2,3,24] i64[1]={4} f32[10,2] f32[10,2]", "num_heads=3, rotary_embedding_dim=4, interleaved=1", 1e-6,
      "from one position on, part of each head" },
    { 0 },
};

const op_def op_MsRotaryEmbedding = {
    .name = "RotaryEmbedding",
    .domain = "com.microsoft",
    .doc = DOC("ai.onnx's RotaryEmbedding with its positions in front; tables hold half of what is turned of each head"),
    .in = { { "input", "float" }, { "position_ids", "i64" }, { "cos_cache", "as input" }, { "sin_cache", "as input" } },
    .out = { { "output", "as input" } },
    .attrs = { INT("interleaved", 0), INT("is_packed_batching", 0), INT("num_heads", 0), INT("rotary_embedding_dim", 0),
               FLOAT("scale", 1) },
    .infer = ms_rotary_infer,
    .expand = ms_rotary_expand,
    .cases = CASES(ms_rotary_cases),
};
