/* What MatMulFused and ConvFused do to a finished sum (kernels/epilogue.h): + bias, + rest, activation with parameters p and q. */
#ifndef EPILOGUE_PLAN_H
#define EPILOGUE_PLAN_H

#include "plan/lower.h"

typedef enum act {
    ACT_NONE,
    ACT_RELU,
    ACT_LEAKY,
    ACT_CLIP,
    ACT_SIGMOID,
    ACT_SILU,
    ACT_TANH,
    ACT_GELU,
    ACT_GELU_TANH,
    ACT_HARDSIGMOID,
    ACT_HARDSWISH,
    ACT_COUNT
} act;

act act_by_name(const char *name); /* "relu"; ACT_COUNT: no such activation */
/* An activation as com.microsoft's Fused* ops name it ("Relu", "LeakyRelu"...), with its parameters. ACT_COUNT: not one of ours. */
act act_of_onnx(const char *name, const f32 *params, u32 n, f64 *p, f64 *q);

typedef struct epilogue {
    act act;
    f64 p, q;
    val bias, rest;
} epilogue; /* bias and rest 0: absent */

/* From a node's attributes act, p and q, and its inputs bias_at and rest_at. */
epilogue epilogue_of(const lowering *l, const node *n, u32 bias_at, u32 rest_at);
void epilogue_buffers(launch *k, const epilogue *e, val instead); /* an absent one is bound to `instead` and not read */
void epilogue_params(launch *k, const epilogue *e);               /* p and q */
void epilogue_consts(launch *k, const epilogue *e);               /* has_bias, has_rest, act */
/* The shapes of bias[channels] and rest (as y), and the name of the activation. */
qn_status epilogue_check(infer *c, u32 bias_at, u32 rest_at, sym channels, const type *y);

/* Node b->n's epilogue in steps, behind the finished sum y: its bias in the shape it is added in, its rest, its activation. */
val epilogue_steps(build *b, val y, val bias, val rest);

/* The same as attributes of a node to be made: act, p, q. */
enum { EPILOGUE_ATTRS = 3 };
void epilogue_attrs(act a, f64 p, f64 q, attr *out);
#define EPILOGUE_SCHEMA TEXT("act", "none"), FLOAT("p", 0), FLOAT("q", 0)
#endif
