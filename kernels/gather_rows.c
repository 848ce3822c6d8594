/* gather_map in runs of inner elements: x[outer][n][inner], idx[m] -> y[outer][m][inner]; one group makes `block` runs. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64 I=i32,i64
#define GROUP 1

KERNEL gather_rows(u32 group, IN(T) x, IN(I) idx, OUT(T) y, u32 block, u32 n, u32 m, u32 inner)
{
    u32 blocks = (m + block - 1) / block, first = group % blocks * block, o = group / blocks;
    u32 last = min(first + block, m);
    ITEMS(t) {
        for (u32 k = first; k < last; k++) {
            I at = idx[k];
            if (at < 0) at += (I)n;
            at = clamp(at, (I)0, max((I)n - 1, (I)0));
            u32 from = (o * n + (u32)at) * inner, to = (o * m + k) * inner;
            for (u32 c = 0; c < inner; c++) y[to + c] = x[from + c];
        }
    }
}
