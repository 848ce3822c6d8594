/* Nodes that change nothing go away: their users read what they read. And views of views become one Reshape.
 *
 * What "changes nothing" means is said by one question for each op; all of them also ask that the result surely has the input's type. */
#include "op/op_util.h"
#include "pass/match.h"

typedef bool (*is_same)(graph *g, const node *n);

static bool same_type(graph *g, const node *n) { return match_like_out(g, n, 0); }
static bool only_input(graph *g, const node *n) { return n->n_in == 1 && match_like_out(g, n, 0); }

static bool only_part(graph *g, const node *n) { return n->n_out == 1 && match_like_out(g, n, 0); }

static bool all_are(graph *g, val v, i64 wanted)
{
    i64 list[4 * QN_MAX_RANK];
    i64 n = match_ints(g, v, list, COUNT(list));
    for (i64 i = 0; i < n; i++)
        if (list[i] != wanted) return false;
    return n >= 0;
}

/* A slice of full size that steps forward by 1 starts at 0. */
static bool slices_nothing(graph *g, const node *n)
{
    return match_like_out(g, n, 0) && (!node_in(g, n, 4) || all_are(g, node_in(g, n, 4), 1));
}

static bool pads_nothing(graph *g, const node *n)
{
    return match_like_out(g, n, 0) && node_in(g, n, 1) && all_are(g, node_in(g, n, 1), 0);
}

/* Dimensions that are surely 1 may go anywhere; the others keep their order. */
static bool keeps_order(const graph *g, const node *n)
{
    const type *x = match_type(g, node_in(g, n, 0));
    const i64 *perm;
    bool given = attr_ints(n, "perm", &perm) == x->rank;
    i64 last = -1;
    for (u32 d = 0; d < x->rank; d++) {
        i64 from = given ? perm[d] : (i64)x->rank - 1 - d;
        if (sym_is(g, x->dims[from], 1)) continue;
        if (from < last) return false;
        last = from;
    }
    return true;
}

static bool permutes_nothing(graph *g, const node *n) { return match_like_out(g, n, 0) && keeps_order(g, n); }

/* Dropout at inference: training_mode (input 2) absent or false. A wanted mask keeps the node. */
static bool drops_nothing(graph *g, const node *n)
{
    val training = node_in(g, n, 2);
    return (n->n_out < 2 || !value_at(g, n->out[1])->uses) && (!training || match_is(g, training, 0)) &&
           match_like_out(g, n, 0);
}

/* clang-format off */
static const struct { u16 op; is_same same; } rows[] = {
    { OP_Cast, same_type },         { OP_CastLike, same_type },     { OP_Expand, same_type },       { OP_Tile, same_type },
    { OP_Split, only_part },       { OP_Concat, only_input },      { OP_Sum, only_input },         { OP_Mean, only_input },
    { OP_Max, only_input },         { OP_Min, only_input },         { OP_Slice, slices_nothing },   { OP_Pad, pads_nothing },
    { OP_Transpose, permutes_nothing }, { OP_Dropout, drops_nothing },
};
/* clang-format on */

static bool changes_nothing(graph *g, const node *n)
{
    if (op_of(n)->alias) return match_like_out(g, n, 0);
    for (u32 i = 0; i < COUNT(rows); i++)
        if (rows[i].op == n->op) return rows[i].same(g, n);
    return false;
}

/* The first value behind a chain of views: the same elements, of the same type. */
static val behind_views(const graph *g, val v)
{
    for (const node *n; (n = match_maker(g, v)) && match_is_reshape(g, n) && !value_at(g, v)->elems_read;)
        v = node_in(g, n, 0);
    return v;
}

/* A view of a view, or a Transpose that moves only sizes of 1: one Reshape of what is behind. */
static val one_reshape(pass_job *j, build *b, const node *n)
{
    graph *g = j->g;
    const type *t = match_type(g, n->out[0]);
    val x = node_in(g, n, 0);
    bool moves_ones = n->op == OP_Transpose && keeps_order(g, n);
    if (!moves_ones && !match_is_reshape(g, n)) return 0;
    val root = behind_views(g, x);
    if (root == x && !moves_ones) return 0;
    if (match_same_type(g, root, n->out[0])) return root;
    return pass_sizes_known(j, t->dims, t->rank) ? build_reshape(b, root, t->dims, t->rank) : 0;
}

static bool remove(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    if (n->n_out == 0 || n->n_in == 0 || !node_in(j->g, n, 0)) return false;
    build b = pass_build(j, id);
    val x = node_in(j->g, n, 0);
    if (value_at(j->g, n->out[0])->elems_read) return false;
    if (changes_nothing(j->g, n)) return pass_replace_one(j, &b, id, x);
    val y = one_reshape(j, &b, n);
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

const pass_def pass_remove_identities = {
    .name = "remove_identities",
    .doc = "nodes that change nothing go away; views of views become one Reshape",
    .at = OP_NONE,
    .rewrite = remove,
    .test = "in x: f32[2,3]; a = Identity(x); b = Cast(a, to=1); c = Transpose(b, perm=[0,1]); y = Relu(c); out y"
            " -> in x: f32[2,3]; y = Relu(x); out y"
            "\n---\n"
            "in x: f32[2,3]; y = Identity(x); out y -> in x: f32[2,3]; out y = x"
            "\n---\n"
            "const s: i64[2] = {3, 0}; in x: f32[3]; y, z = Split(x, s); out y, z"
            " -> const s: i64[2] = {3, 0}; in x: f32[3]; y, z = Split(x, s); out y, z"
            "\n---\n"
            "in x: f32[2,3]; y = Cast(x, to=10); z = Transpose(y, perm=[1,0]); out z"
            " -> in x: f32[2,3]; y = Cast(x, to=10); z = Transpose(y, perm=[1,0]); out z"
            "\n---\n"
            "const one: i64[1] = {1}; const s: i64[1] = {-1}; const e: i64[1] = {-9}; const a: i64[1] = {0};"
            "in x: f32[3]; y = Slice(x, s, e, a, s); z = Concat(y, axis=0); out z"
            " -> const s: i64[1] = {-1}; const e: i64[1] = {-9}; const a: i64[1] = {0}; in x: f32[3]; y = Slice(x, s, e, a, "
            "s); out y"
            "\n---\n"
            "const n: i64[2] = {0, -1}; in x: f32[batch,3,1,1]; a = Flatten(x); y = Reshape(a, n); out y"
            " -> in x: f32[batch,3,1,1]; y = Flatten(x); out y"
            "\n---\n"
            "const n: i64[1] = {1}; in x: f32[b,3]; a = Unsqueeze(x, n); y = Flatten(a); out y"
            " -> in x: f32[b,3]; out y = x"
            "\n---\n"
            "const n: i64[3] = {0, 3, 4}; in x: f32[b,12]; a = Reshape(x, n); y = Flatten(a, axis=2); out y, a"
            " -> const n: i64[3] = {0, 3, 4}; sizes m: i64[2] = {3*b, 4}; in x: f32[b,12];"
            "    a = Reshape(x, n); y = Reshape(x, m, allowzero=1); out y, a"
            "\n---\n"
            "in x: i32[2,3]; a = BitCast(x, to=12); y = Flatten(a, axis=0); out y"
            " -> in x: i32[2,3]; a = BitCast(x, to=12); y = Flatten(a, axis=0); out y"
            "\n---\n"
            "const n: i64[1] = {0}; in x: i8[3]; a = Unsqueeze(x, n); y = quern.HeldAs(a, to=22); out y"
            " -> const n: i64[1] = {0}; in x: i8[3]; a = Unsqueeze(x, n); y = quern.HeldAs(a, to=22); out y"
            "\n---\n"
            "in x: f32[b,1,4]; y = Transpose(x, perm=[1,0,2]); out y"
            " -> in x: f32[b,1,4]; sizes m: i64[3] = {1, b, 4}; y = Reshape(x, m, allowzero=1); out y"
            "\n---\n"
            "const p: i64[4] = {0, 1, 0, -1}; in x: f32[2,3]; y = Pad(x, p); out y"
            " -> const p: i64[4] = {0, 1, 0, -1}; in x: f32[2,3]; y = Pad(x, p); out y"
            "\n---\n"
            "const one: i64[2] = {1, 1}; in x: f32[a,3]; y = Expand(x, one); z = Tile(y, one); w = Max(z); out w"
            " -> in x: f32[a,3]; out w = x",
};
