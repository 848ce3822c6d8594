/* Decision trees. table holds 4 words for each node, then the root of each tree, then the target of each weight:
 *     a branch   feature, how it compares (+ 8: a NaN goes the true way), the true node, the false node
 *     a leaf     -1, 0, its first weight, the one past its last
 * values[T] holds what each node compares with, then the weights. Numbers that point elsewhere are held inside, whoever made the table. */
#include "quern_kernel.h"
#pragma host T=f32,f64

static bool goes_true(f32 x, f32 split, i32 comparison)
{
    i32 mode = comparison & 7;
    if (isnan(x) && comparison >= 8) return true;
    return mode == 0 ? x <= split : mode == 1 ? x < split : mode == 2 ? x >= split : mode == 3 ? x > split : mode == 4 ? x == split : x != split;
}

/* x[rows][columns] -> the leaf that row i / trees comes to in tree i % trees; no branch leads more than depth steps away. */
MAP(i32) forest_leaf(u32 i, IN(T) x, IN(i32) table, IN(T) values, u32 columns, u32 nodes, u32 trees, u32 depth)
{
    u32 base = i / trees * columns, at = min((u32)table[4u * nodes + i % trees], nodes - 1u);
    for (u32 step = 0; step < depth; step++) {
        i32 feature = table[4u * at];
        if (feature < 0) break;
        bool yes = goes_true(load(x, base + min((u32)feature, columns - 1u)), load(values, at), table[4u * at + 1u]);
        at = min((u32)table[4u * at + (yes ? 2u : 3u)], nodes - 1u);
    }
    return (i32)at;
}

#define AVERAGE 0
#define SUM     1
#define LEAST   2
#define MOST    3

/* leaf[rows][trees] -> y[rows][targets]: the weights that the leaves have for a target, brought together; 0 where there are none. */
MAP(T) forest_sum(u32 i, IN(i32) leaf, IN(i32) table, IN(T) values, u32 nodes, u32 trees, u32 weights, u32 targets, CONST(u32) how)
{
    u32 row = i / targets * trees, target = i % targets, names = 4u * nodes + trees;
    f32 sum = 0;
    bool none = true;
    for (u32 t = 0; t < trees; t++) {
        u32 at = min((u32)leaf[row + t], nodes - 1u), last = min((u32)table[4u * at + 3u], weights);
        for (u32 w = (u32)table[4u * at + 2u]; w < last; w++) {
            if (table[names + w] != (i32)target) continue;
            f32 v = load(values, nodes + w);
            sum = none ? v : how == LEAST ? min(sum, v) : how == MOST ? max(sum, v) : sum + v;
            none = false;
        }
    }
    if (how == AVERAGE) sum = sum / (f32)trees;
    return TO(T, sum);
}
