/* A MAP over narrow floats with a branch, a launch constant and builtins: what fused chains look like. */
#include "quern_kernel.h"

static f32 hard(f32 x) { return clamp(x / 6 + 0.5f, 0, 1); }

MAP(T) elementwise(u32 i, IN(T) x, IN(T) scale, f32 by, CONST(u32) act, u32 cols)
{
    f32 v = load(x, i) * load(scale, i % cols) + by;
    if (act == 1) v = max(v, 0);
    else if (act == 2) v = v * hard(v);
    else v = sigmoid(v);
    return TO(T, isnan(v) ? 0 : v);
}
