/* Activations that fuse into matrix products and convolutions: their names, parameters and launch words. */
#include "op/epilogue.h"

/* clang-format off */
static const struct { const char *name, *onnx; f64 p, q; u16 op; } acts[ACT_COUNT] = {   /* p, q: what the ONNX op has when it says nothing */
    [ACT_NONE]        = { "none",        "",            0,    0, OP_NONE },
    [ACT_RELU]        = { "relu",        "Relu",        0,    0, OP_Relu },
    [ACT_LEAKY]       = { "leaky",       "LeakyRelu",   0.01, 0, OP_LeakyRelu },
    [ACT_CLIP]        = { "clip",        "Clip",        -3.4028234663852886e38, 3.4028234663852886e38, OP_Clip },
    [ACT_SIGMOID]     = { "sigmoid",     "Sigmoid",     0,    0, OP_Sigmoid },
    [ACT_SILU]        = { "silu",        "Silu",        0,    0, OP_Swish },
    [ACT_TANH]        = { "tanh",        "Tanh",        0,    0, OP_Tanh },
    [ACT_GELU]        = { "gelu",        "Gelu",        0,    0, OP_GeluErf },
    [ACT_GELU_TANH]   = { "gelu_tanh",   "FastGelu",    0,    0, OP_GeluTanh },
    [ACT_HARDSIGMOID] = { "hardsigmoid", "HardSigmoid", 0.2,  0.5, OP_HardSigmoid },
    [ACT_HARDSWISH]   = { "hardswish",   "HardSwish",   0,    0, OP_HardSwish },
};
/* clang-format on */

act act_by_name(const char *name)
{
    act a = ACT_NONE;
    while (a < ACT_COUNT && !text_same(acts[a].name, name)) a++;
    return a;
}

act act_of_onnx(const char *name, const f32 *params, u32 n, f64 *p, f64 *q)
{
    act a = ACT_NONE;
    while (a < ACT_COUNT && !text_same(acts[a].onnx, name)) a++;
    if (a == ACT_COUNT) return a;
    *p = n > 0 ? (f64)params[0] : acts[a].p;
    *q = n > 1 ? (f64)params[1] : acts[a].q;
    return a;
}

epilogue epilogue_of(const lowering *l, const node *n, u32 bias_at, u32 rest_at)
{
    return (epilogue){ .act = act_by_name(attr_text(lower_graph(l), n, "act", "none")),
                       .p = attr_float(n, "p", 0),
                       .q = attr_float(n, "q", 0),
                       .bias = lower_in(l, n, bias_at),
                       .rest = lower_in(l, n, rest_at) };
}

void epilogue_buffers(launch *k, const epilogue *e, val instead)
{
    launch_in(k, e->bias ? e->bias : instead);
    launch_in(k, e->rest ? e->rest : instead);
}

void epilogue_params(launch *k, const epilogue *e)
{
    launch_float(k, e->p);
    launch_float(k, e->q);
}

void epilogue_consts(launch *k, const epilogue *e)
{
    launch_const(k, "has_bias", e->bias != 0);
    launch_const(k, "has_rest", e->rest != 0);
    launch_const(k, "act", e->act);
}

qn_status epilogue_check(infer *c, u32 bias_at, u32 rest_at, sym channels, const type *y)
{
    const type *bias = infer_in(c, bias_at), *rest = infer_in(c, rest_at);
    if (act_by_name(attr_text(c->g, c->n, "act", "none")) == ACT_COUNT)
        return infer_fail(c, QN_E_NAME, "there is no activation '%s'", attr_text(c->g, c->n, "act", ""));
    if (bias && (bias->rank != 1 || infer_differ(c->g, bias->dims[0], channels)))
        return infer_fail(c, QN_E_SHAPE, "the bias must have one element for each channel");
    bool differs = rest && rest->rank != y->rank;
    for (u32 d = 0; rest && !differs && d < y->rank; d++) differs = infer_differ(c->g, rest->dims[d], y->dims[d]);
    return differs ? infer_fail(c, QN_E_SHAPE, "what is added to the result must have the result's shape") : QN_OK;
}

void epilogue_attrs(act a, f64 p, f64 q, attr *out)
{
    out[0] = attr_of_text("act", acts[a].name);
    out[1] = attr_of_float("p", p);
    out[2] = attr_of_float("q", q);
}

val epilogue_steps(build *b, val y, val bias, val rest)
{
    f64 p = attr_float(b->n, "p", 0), q = attr_float(b->n, "q", 0);
    act a = act_by_name(attr_text(b->g, b->n, "act", "none"));
    y = build_op2(b, OP_Add, build_op2(b, OP_Add, y, bias), rest);
    if (a == ACT_NONE || b->status) return y;
    qn_dtype d = build_type(b, y)->dtype;
    const attr params[] = { attr_of_float("alpha", p), attr_of_float("beta", q) };
    const val in[] = { y, a == ACT_CLIP ? build_scalar(b, d, p) : 0, a == ACT_CLIP ? build_scalar(b, d, q) : 0 };
    u32 n_params = a == ACT_LEAKY ? 1 : a == ACT_HARDSIGMOID ? 2 : 0;
    return build_node(b, (op_id)acts[a].op, in, a == ACT_CLIP ? 3 : 1, params, n_params);
}
