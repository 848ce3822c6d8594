/* The attributes of TreeEnsemble (opset 5) and of TreeEnsembleRegressor and -Classifier (1 and 3) -> one table. What a file says is checked
 * here, once: every number is inside its list, and no way through the nodes is a circle, so that the kernels may walk without a care. */
#include "op/forest.h"

#include <math.h>
#include <stdlib.h>

#include "op/ml.h"
#include "plan/lower.h"

enum { LEAF = -1, MISSING_TRUE = 8, MODE_EQUAL = 4, MODE_MEMBER = 6, MAX_NODES = 1 << 28 };
static const char no_memory[] = "there is no memory for its trees", unequal[] = "its lists of nodes differ in length",
                  not_inside[] = "a number is outside its list";

static bool make(arena *mem, forest *f, u64 nodes, u64 trees, u64 weights)
{
    if (nodes > MAX_NODES || trees > MAX_NODES || weights > MAX_NODES) return false;
    *f = (forest){ .nodes = (u32)nodes, .trees = (u32)trees, .weights = (u32)weights, .positive = true };
    f->table = ARENA_ARRAY(mem, 4 * nodes + trees + weights, i32);
    f->values = ARENA_ARRAY(mem, nodes + weights, f64);
    return f->table && f->values;
}

static void put_leaf(forest *f, u32 at, u32 from, u32 to)
{
    const i32 words[4] = { LEAF, 0, (i32)from, (i32)to };
    memcpy(f->table + 4 * (u64)at, words, sizeof words);
}

static const char *put_branch(forest *f, u32 at, i64 feature, u32 how, u32 yes, u32 no, f64 split)
{
    if (feature < 0 || feature >= MAX_NODES) return "a branch asks for a column that cannot be";
    const i32 words[4] = { (i32)feature, (i32)how, (i32)yes, (i32)no };
    memcpy(f->table + 4 * (u64)at, words, sizeof words);
    f->values[at] = split;
    f->columns = MAX(f->columns, (u32)feature + 1);
    return NULL;
}

static const char *put_weight(forest *f, u32 at, i64 target, i64 targets, f64 weight)
{
    if (target < 0 || target >= targets || target > INT32_MAX) return "a weight is for a target that is not there";
    f->table[4 * (u64)f->nodes + f->trees + at] = (i32)target;
    f->values[f->nodes + at] = weight;
    f->targets_named |= (u64)1 << MIN(target, 63);
    f->positive = f->positive && weight >= 0;
    return NULL;
}

/* Nodes leave in an order in which each comes after all that lead to it: those of a circle never do. */
static const char *find_depth(arena *mem, forest *f)
{
    u32 *into = ARENA_ARRAY(mem, f->nodes, u32), *depth = ARENA_ARRAY(mem, f->nodes, u32),
        *ready = ARENA_ARRAY(mem, f->nodes, u32), n = 0;
    if (!into || !depth || !ready) return no_memory;
    for (u64 i = 0; i < f->nodes; i++)
        for (u32 way = 2; f->table[4 * i] != LEAF && way < 4; way++) into[f->table[4 * i + way]]++;
    for (u32 i = 0; i < f->nodes; i++)
        if (!into[i]) ready[n++] = i;
    for (u32 at = 0; at < n; at++) {
        const i32 *words = f->table + 4 * (u64)ready[at];
        f->depth = MAX(f->depth, depth[ready[at]]);
        for (u32 way = 2; words[0] != LEAF && way < 4; way++) {
            u32 to = (u32)words[way];
            depth[to] = MAX(depth[to], depth[ready[at]] + 1);
            if (--into[to] == 0) ready[n++] = to;
        }
    }
    return n == f->nodes ? NULL : "its branches lead in a circle";
}

/* ---- lists of numbers, in attributes of either kind */
typedef struct numbers {
    u64 n;
    const f32 *floats;
    const qn_tensor *tensor;
} numbers;

static numbers numbers_of(const node *n, const char *floats, const char *tensor)
{
    const attr *a = attr_find(n, tensor);
    numbers out = { 0 };
    if (a && a->kind == ATTR_TENSOR && dtype_is_float(a->tensor->dtype) && a->tensor->dtype != QN_BF16)
        return (numbers){ qn_tensor_elems(a->tensor), NULL, a->tensor };
    if (floats) out.n = ml_floats(n, floats, &out.floats);
    return out;
}

static f64 number_at(const numbers *list, u64 i)
{
    f32 narrow;
    f64 wide;
    u16 half;
    if (list->floats) return (f64)list->floats[i];
    const u8 *at = (const u8 *)list->tensor->data + i * qn_dtype_bytes(list->tensor->dtype);
    if (list->tensor->dtype == QN_F64) return memcpy(&wide, at, 8), wide;
    if (list->tensor->dtype == QN_F32) return memcpy(&narrow, at, 4), (f64)narrow;
    memcpy(&half, at, 2);
    return (f64)f16_to_f32(half);
}

/* ------------------------------------------------------------------ opset 5: branches and leaves apart */
typedef struct lists_5 {
    const i64 *features, *yes, *no, *yes_leaf, *no_leaf, *targets, *roots, *missing;
    u32 nodes, leaves, trees, with_missing;
    const u8 *modes;
    numbers splits, weights, members;
} lists_5;

static bool all_below(const i64 *list, u32 n, const i64 *leaf, u32 leaves, u32 nodes)
{
    for (u32 i = 0; i < n; i++)
        if (list[i] < 0 || list[i] >= (leaf && leaf[i] ? leaves : nodes)) return false;
    return true;
}

static const char *lists_5_of(const node *n, lists_5 *f)
{
    const attr *modes = attr_find(n, "nodes_modes");
    *f = (lists_5){ .splits = numbers_of(n, NULL, "nodes_splits"),
                    .weights = numbers_of(n, NULL, "leaf_weights"),
                    .members = numbers_of(n, NULL, "membership_values") };
    f->nodes = attr_ints(n, "nodes_featureids", &f->features);
    f->leaves = attr_ints(n, "leaf_targetids", &f->targets);
    f->trees = attr_ints(n, "tree_roots", &f->roots);
    f->with_missing = attr_ints(n, "nodes_missing_value_tracks_true", &f->missing);
    bool same = attr_ints(n, "nodes_truenodeids", &f->yes) == f->nodes &&
                attr_ints(n, "nodes_falsenodeids", &f->no) == f->nodes &&
                attr_ints(n, "nodes_trueleafs", &f->yes_leaf) == f->nodes &&
                attr_ints(n, "nodes_falseleafs", &f->no_leaf) == f->nodes && f->splits.n == f->nodes &&
                f->weights.n == f->leaves && (!f->with_missing || f->with_missing == f->nodes);
    if (!same || !modes || modes->kind != ATTR_TENSOR || modes->tensor->dtype != QN_U8 ||
        qn_tensor_elems(modes->tensor) != f->nodes)
        return unequal;
    f->modes = modes->tensor->data;
    bool inside = all_below(f->yes, f->nodes, f->yes_leaf, f->leaves, f->nodes) &&
                  all_below(f->no, f->nodes, f->no_leaf, f->leaves, f->nodes) &&
                  all_below(f->roots, f->trees, NULL, 0, f->nodes);
    return inside ? NULL : not_inside;
}

/* A branch that asks for membership is a chain of branches, each for one member: the sets stand in the order of such branches, each ended by
 * a NaN. first[i]: the number of branch i's first node. */
static const char *place_branches(const lists_5 *l, u32 *first, u64 *nodes)
{
    u64 at = 0, member = 0;
    for (u32 i = 0; i < l->nodes; i++) {
        first[i] = (u32)at++;
        if (l->modes[i] > MODE_MEMBER) return "a mode that the format does not name";
        if (l->modes[i] != MODE_MEMBER) continue;
        u64 from = member;
        while (member < l->members.n && !isnan(number_at(&l->members, member))) member++;
        if (member == l->members.n || member == from) return "a branch has no set of members";
        at += member++ - from - 1;
        if (at > MAX_NODES) return no_memory;
    }
    *nodes = at;
    return NULL;
}

const char *forest_read_5(arena *mem, const node *n, i64 targets, forest *f)
{
    lists_5 l;
    u64 branches = 0, member = 0;
    const char *wrong = lists_5_of(n, &l);
    u32 *first = ARENA_ARRAY(mem, l.nodes, u32);
    if (!wrong && !first) wrong = no_memory;
    if (!wrong) wrong = place_branches(&l, first, &branches);
    if (!wrong && !make(mem, f, branches + l.leaves, l.trees, l.leaves)) wrong = no_memory;
    for (u32 i = 0; !wrong && i < l.nodes; i++) {
        u32 yes = l.yes_leaf[i] ? (u32)(branches + (u64)l.yes[i]) : first[l.yes[i]];
        u32 no = l.no_leaf[i] ? (u32)(branches + (u64)l.no[i]) : first[l.no[i]];
        u32 end = i + 1 < l.nodes ? first[i + 1] : (u32)branches,
            missing = l.with_missing && l.missing[i] ? MISSING_TRUE : 0;
        bool many = l.modes[i] == MODE_MEMBER;
        for (u32 at = first[i]; !wrong && at < end; at++)
            wrong = put_branch(f, at, l.features[i], (many ? MODE_EQUAL : l.modes[i]) + missing, yes,
                               at + 1 < end ? at + 1 : no, many ? number_at(&l.members, member++) : number_at(&l.splits, i));
        member += many; /* the NaN behind */
    }
    for (u32 i = 0; !wrong && i < l.leaves; i++) {
        put_leaf(f, (u32)branches + i, i, i + 1);
        wrong = put_weight(f, i, l.targets[i], targets, number_at(&l.weights, i));
    }
    for (u32 t = 0; !wrong && t < l.trees; t++) f->table[4 * (u64)f->nodes + t] = (i32)first[l.roots[t]];
    return wrong ? wrong : find_depth(mem, f);
}

/* ------------------------------------------------------------------ opsets 1 and 3: nodes by the numbers of their tree and of themselves */
typedef struct place {
    i64 tree, number;
    u32 at;
} place;

static int by_place(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->tree != q->tree ? (p->tree < q->tree ? -1 : 1) : p->number != q->number ? (p->number < q->number ? -1 : 1) : 0;
}

typedef struct lists_3 {
    const i64 *trees, *numbers, *features, *yes, *no, *missing, *w_trees, *w_numbers, *w_targets;
    u32 nodes, with_missing, weights;
    const qn_bytes *modes;
    numbers splits, weight;
    place *places;
} lists_3;

static const char *lists_3_of(arena *mem, const node *n, const char *kind, lists_3 *l)
{
    const attr *modes = attr_find(n, "nodes_modes");
    bool class = kind[0] == 'c';
    *l = (lists_3){ .splits = numbers_of(n, "nodes_values", "nodes_values_as_tensor"),
                    .weight = numbers_of(n, class ? "class_weights" : "target_weights",
                                         class ? "class_weights_as_tensor" : "target_weights_as_tensor") };
    l->nodes = attr_ints(n, "nodes_treeids", &l->trees);
    l->with_missing = attr_ints(n, "nodes_missing_value_tracks_true", &l->missing);
    l->weights = attr_ints(n, class ? "class_ids" : "target_ids", &l->w_targets);
    bool same =
        attr_ints(n, "nodes_nodeids", &l->numbers) == l->nodes &&
        attr_ints(n, "nodes_featureids", &l->features) == l->nodes &&
        attr_ints(n, "nodes_truenodeids", &l->yes) == l->nodes && attr_ints(n, "nodes_falsenodeids", &l->no) == l->nodes &&
        l->splits.n == l->nodes && (!l->with_missing || l->with_missing == l->nodes) && modes && modes->kind == ATTR_TEXTS &&
        modes->n == l->nodes && attr_ints(n, class ? "class_treeids" : "target_treeids", &l->w_trees) == l->weights &&
        attr_ints(n, class ? "class_nodeids" : "target_nodeids", &l->w_numbers) == l->weights && l->weight.n == l->weights;
    if (!same || !l->nodes) return unequal;
    l->modes = modes->texts;
    l->places = ARENA_ARRAY(mem, l->nodes, place);
    if (!l->places) return no_memory;
    for (u32 i = 0; i < l->nodes; i++) l->places[i] = (place){ l->trees[i], l->numbers[i], i };
    qsort(l->places, l->nodes, sizeof *l->places, by_place);
    for (u32 i = 1; i < l->nodes; i++)
        if (by_place(&l->places[i - 1], &l->places[i]) == 0) return "two nodes of a tree have one number";
    return NULL;
}

/* UINT32_MAX: there is no such node. */
static u32 find(const lists_3 *l, i64 tree, i64 number)
{
    const place key = { tree, number, 0 }, *p = bsearch(&key, l->places, l->nodes, sizeof key, by_place);
    return p ? p->at : UINT32_MAX;
}

/* 6: a leaf; UINT32_MAX: none of them. */
static u32 mode_of(qn_bytes word)
{
    static const char *const words[] = { "BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                         "BRANCH_EQ",  "BRANCH_NEQ", "LEAF" };
    for (u32 i = 0; i < COUNT(words); i++)
        if (word.n == strlen(words[i]) && memcmp(word.data, words[i], word.n) == 0) return i;
    return UINT32_MAX;
}

/* The weights in the order of their leaves. */
static const char *put_weights(arena *mem, const lists_3 *l, i64 targets, forest *f)
{
    u32 *end = ARENA_ARRAY(mem, (u64)f->nodes + 1, u32), *at = ARENA_ARRAY(mem, l->weights, u32), sum = 0;
    const char *wrong = !end || !at ? no_memory : NULL;
    for (u32 i = 0; !wrong && i < l->weights; i++) {
        at[i] = find(l, l->w_trees[i], l->w_numbers[i]);
        if (at[i] == UINT32_MAX) return "a weight is for a node that is not there";
        end[at[i]]++;
    }
    for (u32 i = 0; !wrong && i < f->nodes; i++) {
        u32 from = sum;
        sum += end[i];
        end[i] = from;
        if (f->table[4 * (u64)i] == LEAF) put_leaf(f, i, from, sum);
    }
    for (u32 i = 0; !wrong && i < l->weights; i++)
        wrong = put_weight(f, end[at[i]]++, l->w_targets[i], targets, number_at(&l->weight, i));
    return wrong;
}

/* The root of a tree is the one node that none leads to. */
static const char *put_roots(arena *mem, const lists_3 *l, forest *f)
{
    bool *led_to = ARENA_ARRAY(mem, f->nodes, bool);
    u32 n = 0;
    if (!led_to) return no_memory;
    for (u64 i = 0; i < f->nodes; i++)
        for (u32 way = 2; f->table[4 * i] != LEAF && way < 4; way++) led_to[f->table[4 * i + way]] = true;
    for (u32 i = 0; i < f->nodes; i++) {
        bool new_tree = i == 0 || l->places[i].tree != l->places[i - 1].tree;
        u32 root = l->places[i].at, t = n - !new_tree;
        if (new_tree) f->table[4 * (u64)f->nodes + n++] = -1;
        if (led_to[root]) continue;
        if (f->table[4 * (u64)f->nodes + t] >= 0) return "a tree has two roots";
        f->table[4 * (u64)f->nodes + t] = (i32)root;
    }
    for (u32 t = 0; t < n; t++)
        if (f->table[4 * (u64)f->nodes + t] < 0) return "its branches lead in a circle";
    return NULL;
}

const char *forest_read_3(arena *mem, const node *n, const char *kind, i64 targets, forest *f)
{
    lists_3 l;
    u32 trees = 1;
    const char *wrong = lists_3_of(mem, n, kind, &l);
    for (u32 i = 1; !wrong && i < l.nodes; i++) trees += l.places[i].tree != l.places[i - 1].tree;
    if (!wrong && !make(mem, f, l.nodes, trees, l.weights)) wrong = no_memory;
    for (u32 i = 0; !wrong && i < l.nodes; i++) {
        u32 mode = mode_of(l.modes[i]);
        if (mode == UINT32_MAX) return "a mode that the format does not name";
        put_leaf(f, i, 0, 0);
        if (mode == MODE_MEMBER) continue; /* the number is a leaf's here */
        u32 yes = find(&l, l.trees[i], l.yes[i]), no = find(&l, l.trees[i], l.no[i]);
        if (yes == UINT32_MAX || no == UINT32_MAX) return "a branch leads to a node that is not there";
        wrong = put_branch(f, i, l.features[i], mode + (l.with_missing && l.missing[i] ? MISSING_TRUE : 0), yes, no,
                           number_at(&l.splits, i));
    }
    if (!wrong) wrong = put_weights(mem, &l, targets, f);
    if (!wrong) wrong = put_roots(mem, &l, f);
    return wrong ? wrong : find_depth(mem, f);
}

/* ------------------------------------------------------------------ Forest */
val forest_build(build *b, const forest *f, qn_dtype d, i64 targets, i64 how)
{
    u64 values = (u64)f->nodes + f->weights;
    qn_tensor table = { QN_I32, 1, { 4 * (i64)f->nodes + f->trees + f->weights }, f->table };
    qn_tensor wide = { QN_F64, 1, { (i64)values }, f->values };
    if (d == QN_F32) {
        f32 *narrow = ARENA_ARRAY(b->g->mem, values, f32);
        if (!narrow) return b->status = fail_nomem(values * sizeof *narrow), 0;
        for (u64 i = 0; i < values; i++) narrow[i] = (f32)f->values[i];
        wide = (qn_tensor){ QN_F32, 1, { (i64)values }, narrow };
    }
    const val in[] = { ml_rows(b, d), graph_constant(b->g, NULL, &table), graph_constant(b->g, NULL, &wide) };
    const attr attrs[] = { attr_of_int("nodes", f->nodes), attr_of_int("trees", f->trees),
                           attr_of_int("depth", f->depth), attr_of_int("targets", targets),
                           attr_of_int("how", how),        attr_of_int("columns", f->columns) };
    return build_node(b, OP_Forest, in, 3, attrs, 6);
}

static qn_status infer_forest(infer *c)
{
    type y = *infer_in(c, 0);
    sym wanted = sym_number(c->g, infer_int(c, "columns"));
    if (y.rank != 2) return infer_fail(c, QN_E_SHAPE, "the input must be [N][C]");
    infer_need(c->g, sym_compare(c->g, '<', wanted, sym_add(c->g, y.dims[1], sym_one(c->g))),
               "its trees ask for # columns, the input has #", wanted, y.dims[1]);
    y.dims[1] = sym_number(c->g, infer_int(c, "targets"));
    return infer_out(c, 0, &y);
}

static qn_status emit_forest(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0), y = lower_out(l, n, 0);
    i64 nodes = lower_int(l, n, "nodes"), trees = lower_int(l, n, "trees");
    sym leaves = sym_mul(lower_graph_mut(l), lower_dim(l, x, 0), sym_number(lower_graph_mut(l), trees));
    val leaf = lower_scratch(l, QN_I32, leaves);
    const char *word = dtype_word(lower_type(l, x)->dtype);
    launch *k = launch_begin(l, "forest.c", "forest_leaf");
    launch_define(k, "T", word);
    launch_in(k, x), launch_in(k, lower_in(l, n, 1)), launch_in(k, lower_in(l, n, 2));
    launch_out(k, leaf);
    launch_size(k, lower_dim(l, x, 1));
    launch_number(k, nodes), launch_number(k, trees), launch_number(k, lower_int(l, n, "depth"));
    QN_TRY(launch_map(k, leaves));
    k = launch_begin(l, "forest.c", "forest_sum");
    launch_define(k, "T", word);
    launch_in(k, leaf), launch_in(k, lower_in(l, n, 1)), launch_in(k, lower_in(l, n, 2));
    launch_out(k, y);
    launch_number(k, nodes), launch_number(k, trees);
    launch_size(k, sym_sub(lower_graph_mut(l), lower_dim(l, lower_in(l, n, 2), 0), sym_number(lower_graph_mut(l), nodes)));
    launch_size(k, lower_dim(l, y, 1));
    launch_const(k, "how", lower_int(l, n, "how"));
    return launch_map(k, lower_elems(l, y));
}

static const variant forest_variants[] = { { "forest_map", 0, NULL, emit_forest }, { 0 } };
static const op_case forest_cases[] = {
    { "f32[7,2] i32[16]={0,0,1,2,-1,0,0,1,-1,0,1,3,0,1,0,1} f32[6]={0.25,0,0,5,6,7}",
      "nodes=3, trees=1, depth=1, targets=2, how=1, columns=1", 0, "one branch" },
    { "f32[7,2] i32[16]={1,11,1,2,-1,0,0,1,-1,0,1,3,0,1,0,1} f32[6]={0.25,0,0,5,6,7}",
      "nodes=3, trees=1, depth=1, targets=2, how=3, columns=2", 0, "the largest, NaN the true way" },
    { "f32[2,2] i32[66015]=0..0 f32[6]={0.25,0,0,5,6,7}", "nodes=3, trees=66000, depth=1, targets=2, how=1, columns=2", 0,
      "more trees than some drivers' loops turn" },
    { 0 },
};
const op_def op_Forest = {
    .name = "Forest",
    .domain = "quern",
    .doc =
        DOC("the leaves that each row comes to in each tree, their weights brought together by target (kernels/forest.c)"),
    .in = { { "X", "f32|f64" }, { "table", "i32" }, { "values", "as X" } },
    .out = { { "Y", "as X" } },
    .attrs = { INT("nodes", 0), INT("trees", 0), INT("depth", 0), INT("targets", 1), INT("how", 1), INT("columns", 0) },
    .infer = infer_forest,
    .variants = forest_variants,
    .cases = CASES(forest_cases),
};
