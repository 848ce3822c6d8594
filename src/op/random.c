/* Random numbers: RandomUniform, RandomNormal and their Like forms, Bernoulli, Multinomial.
 *
 * Element i depends on i and on two words (kernels/random.c), on any device: the attribute `seed`, and one that differs from launch to launch
 * (launch_draw). So runs differ, and turns of a Loop, and all of it can be had again: by the node's seed, or else by the session's. */
#include "op/op_util.h"
#include "plan/lower.h"

static void put_seed(launch *k, const node *n)
{
    f32 seed = (f32)attr_float(n, "seed", 0);
    u32 bits, stream = n->name ? (u32)hash_bytes(n->name, strlen(n->name), 1) : 0;
    bool own = attr_find(n, "seed") != NULL;
    memcpy(&bits, &seed, sizeof bits);
    launch_number(k, bits);
    launch_draw(k, own ? 0 : stream, own);
}

static bool is_normal(const node *n) { return n->op == OP_RandomNormal || n->op == OP_RandomNormalLike; }

static qn_status infer_random(infer *c)
{
    const i64 *dims;
    type out = { .dtype = QN_F32, .known = true };
    if (c->n->n_in) out = *infer_in(c, 0);
    else {
        u32 rank = attr_ints(c->n, "shape", &dims);
        if (rank > QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "rank %u, at most %d", rank, QN_MAX_RANK);
        out = type_of(c->g, QN_F32, rank, dims);
    }
    out.dtype = node_dtype(c->n, "dtype", out.dtype);
    if (!dtype_is_float(out.dtype)) return infer_fail(c, QN_E_DTYPE, "the result must be of a float type");
    return infer_out(c, 0, &out);
}

static qn_status emit_random(lowering *l, const node *n)
{
    val y = lower_out(l, n, 0);
    bool normal = is_normal(n);
    launch *k = launch_begin(l, "random.c", normal ? "random_normal" : "random_uniform");
    launch_define(k, "T", dtype_word(lower_type(l, y)->dtype));
    launch_out(k, y);
    put_seed(k, n);
    launch_float(k, normal ? lower_float(l, n, "mean") : lower_float(l, n, "low"));
    launch_float(k, normal ? lower_float(l, n, "scale") : lower_float(l, n, "high"));
    return launch_map(k, lower_elems(l, y));
}

static const variant random_variants[] = { { "random_map", 0, NULL, emit_random }, { 0 } };
#define NO_SEED { "seed", ATTR_FLOAT, false, 0, 0, NULL }
static const op_case made_cases[] = { { "", "shape=[3,100], seed=2.0", 0, "the common case" }, { 0 } };
static const op_case like_cases[] = { { "f32[3,100]", "seed=2.0", 0, "the common case" },
                                      { "f16[9]", "", 0, "half" },
                                      { 0 } };

const op_def op_RandomNormal = {
    .name = "RandomNormal",
    .doc = DOC("numbers drawn from a normal distribution"),
    .out = { { "output", "float" } },
    .attrs = { DTYPE("dtype", 1, "float"), FLOAT("mean", 0), FLOAT("scale", 1), NO_SEED, NEEDED("shape", ATTR_INTS) },
    .random = true,
    .infer = infer_random,
    .variants = random_variants,
    .cases = CASES(made_cases),
};
const op_def op_RandomUniform = {
    .name = "RandomUniform",
    .doc = DOC("numbers drawn evenly from [low, high)"),
    .out = { { "output", "float" } },
    .attrs = { DTYPE("dtype", 1, "float"), FLOAT("low", 0), FLOAT("high", 1), NO_SEED, NEEDED("shape", ATTR_INTS) },
    .random = true,
    .infer = infer_random,
    .variants = random_variants,
    .cases = CASES(made_cases),
};
const op_def op_RandomNormalLike = {
    .name = "RandomNormalLike",
    .doc = DOC("numbers drawn from a normal distribution, in the shape of x"),
    .in = { { "input", "any" } },
    .out = { { "output", "float" } },
    .attrs = { DTYPE("dtype", 0, "float"), FLOAT("mean", 0), FLOAT("scale", 1), NO_SEED },
    .random = true,
    .infer = infer_random,
    .variants = random_variants,
    .cases = CASES(like_cases),
};
const op_def op_RandomUniformLike = {
    .name = "RandomUniformLike",
    .doc = DOC("numbers drawn evenly from [low, high), in the shape of x"),
    .in = { { "input", "any" } },
    .out = { { "output", "float" } },
    .attrs = { DTYPE("dtype", 0, "float"), FLOAT("low", 0), FLOAT("high", 1), NO_SEED },
    .random = true,
    .infer = infer_random,
    .variants = random_variants,
    .cases = CASES(like_cases),
};

/* ------------------------------------------------------------------ Bernoulli, Multinomial */
static qn_status infer_bernoulli(infer *c)
{
    const type *x = infer_in(c, 0);
    type out = type_with(x, node_dtype(c->n, "dtype", x->dtype));
    return infer_out(c, 0, &out);
}

static bool keeps_type(const lowering *l, const node *n)
{
    return lower_type(l, lower_in(l, n, 0))->dtype == lower_type(l, n->out[0])->dtype;
}

static qn_status emit_bernoulli(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    launch *k = launch_begin(l, "random.c", "random_bernoulli");
    launch_define(k, "T", dtype_word(lower_type(l, x)->dtype));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    put_seed(k, n);
    return launch_map(k, lower_elems(l, x));
}

/* The node again in the type that its kernel gives, and a Cast. */
static qn_status expand_other_type(build *b, const node *n)
{
    attr kept[OP_MOST_ATTRS];
    u32 n_kept = node_attrs_but(n, (const char *const[]){ "dtype", NULL }, kept);
    val x = build_in(b, 0), y = build_node(b, (op_id)n->op, &x, 1, kept, n_kept);
    y = build_cast(b, y, build_type(b, n->out[0])->dtype);
    return build_done(b, &y, 1);
}

static const variant bernoulli_variants[] = { { "bernoulli_map", 0, keeps_type, emit_bernoulli }, { 0 } };
static const op_case bernoulli_cases[] = { { "f32[3,100]=0..1", "", 0, "the common case" },
                                           { "f32[9]=0..1", "dtype=9", 0, "truth values" },
                                           { 0 } };
const op_def op_Bernoulli = {
    .name = "Bernoulli",
    .doc = DOC("1 with the probability that x says, else 0"),
    .in = { { "input", "float" } },
    .out = { { "output", "number|bool" } },
    .attrs = { DTYPE("dtype", 0, "number|bool"), NO_SEED },
    .random = true,
    .infer = infer_bernoulli,
    .expand = expand_other_type,
    .variants = bernoulli_variants,
    .cases = CASES(bernoulli_cases),
};

static qn_status infer_multinomial(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 samples = infer_int(c, "sample_size");
    if (x->rank != 2 || samples < 1) return infer_fail(c, QN_E_SHAPE, "a matrix and a sample_size of at least 1 are wanted");
    type out = { .rank = 2, .known = true, .dims = { x->dims[0], sym_number(c->g, samples) } };
    out.dtype = node_dtype(c->n, "dtype", QN_I32);
    return infer_out(c, 0, &out);
}

static bool gives_i32(const lowering *l, const node *n) { return lower_type(l, n->out[0])->dtype == QN_I32; }

static qn_status emit_multinomial(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0), y = lower_out(l, n, 0);
    launch *k = launch_begin(l, "random.c", "random_multinomial");
    launch_define(k, "T", dtype_word(lower_type(l, x)->dtype));
    launch_in(k, x);
    launch_out(k, y);
    put_seed(k, n);
    launch_size(k, lower_dim(l, x, 1));
    launch_number(k, lower_int(l, n, "sample_size"));
    return launch_map(k, lower_elems(l, y));
}

static const variant multinomial_variants[] = { { "multinomial_map", 0, gives_i32, emit_multinomial }, { 0 } };
static const op_case multinomial_cases[] = { { "f32[3,10]", "sample_size=4", 0, "the common case" },
                                             { "f32[2,3]", "dtype=7", 0, "i64" },
                                             { 0 } };
const op_def op_Multinomial = {
    .name = "Multinomial",
    .doc = DOC("classes drawn by their weights, given as logarithms"),
    .in = { { "input", "float" } },
    .out = { { "output", "i32|i64" } },
    .attrs = { DTYPE("dtype", 6, "i32|i64"), INT("sample_size", 1), NO_SEED },
    .random = true,
    .infer = infer_multinomial,
    .expand = expand_other_type,
    .variants = multinomial_variants,
    .cases = CASES(multinomial_cases),
};
