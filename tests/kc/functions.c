/* Inlining: early returns, a search loop, functions in conditions, rows of arrays, names that meet. */
#include "quern_kernel.h"

static u32 find(IN(u32) sorted, u32 n, u32 wanted)
{
    u32 lo = 0, hi = n;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (sorted[mid] == wanted) return mid;
        if (sorted[mid] < wanted) lo = mid + 1;
        else hi = mid;
    }
    return n;
}

static bool is_edge(u32 i, u32 n) { return i == 0 || i + 1 == n; }

static i32 weight(ARRAY(i32, row), u32 i, u32 n)
{
    if (is_edge(i, n)) return 0;
    i32 sum = 0;
    for (u32 k = 0; k < 2; k++) sum += row[k];
    return sum;
}

MAP(i32) functions(u32 i, IN(u32) keys, u32 n)
{
    i32 rows[2][2];
    rows[0][0] = (i32)i;
    rows[0][1] = -1;
    rows[1][0] = 7;
    rows[1][1] = (i32)find(keys, n, i);
    u32 k = 0;
    while (k < n && find(keys, n, k) != n) k++;
    i32 sum = weight(rows[0], i, n) + weight(rows[i % 2], k, n);
    do sum = sum > 100 ? sum - 100 : sum + weight(rows[1], i + 1, n);
    while (sum < 0);
    return sum;
}
