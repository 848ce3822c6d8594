/* Up to four inputs one after another: x[outer][n][inner] each -> y[outer][n0 + n1 + n2 + n3][inner]. Absent ones have n = 0. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64

MAP(T) concat_map(u32 i, IN(T) x0, IN(T) x1, IN(T) x2, IN(T) x3, u32 inner, u32 n0, u32 n1, u32 n2, u32 n3)
{
    u32 all = n0 + n1 + n2 + n3;
    u32 c = i % inner, a = i / inner % all, o = i / inner / all;
    T v = 0;
    if (a < n0) v = x0[(o * n0 + a) * inner + c];
    else if (a < n0 + n1) v = x1[(o * n1 + a - n0) * inner + c];
    else if (a < n0 + n1 + n2) v = x2[(o * n2 + a - n0 - n1) * inner + c];
    else v = x3[(o * n3 + a - n0 - n1 - n2) * inner + c];
    return v;
}
