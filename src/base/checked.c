/* Arithmetic on sizes that come from files: it says when it does not fit. */
#include "base/base.h"

bool mul_u64(u64 a, u64 b, u64 *out)
{
    if (a != 0 && b > UINT64_MAX / a) return false;
    *out = a * b;
    return true;
}

bool add_u64(u64 a, u64 b, u64 *out)
{
    if (b > UINT64_MAX - a) return false;
    *out = a + b;
    return true;
}
