/* Values that only a run knows and that cannot be: places outside their axis, sizes that do not fit. Each ends in a status and a sentence
 * that names the node and the value, on every device, as an input, as a computed value and as a constant; the next run is not harmed. */
#include <stdlib.h>

#include "run_graph.h"

enum { MOST_INPUTS = 5 };

typedef struct bad_case {
    const char *what, *graph, *in; /* in: tensors as in op cases, ';' between runs of one session */
    qn_status want;                /* of the last run */
    const char *says;              /* part of its sentence */
} bad_case;

#define LOOP_OF(step)                                                                                                       \
    "in m: i64[]\nin x: f32[3]\nin k: i64[1]\n"                                                                             \
    "y = Loop(m, _, x, k, body={in i: i64[]; in c: bool[]; in v: f32[3]; in w: i64[1]; " step                               \
    "; o = Identity(c); out o, n}, captures=1)\nout y\n"

/* Two samples over a buffer of four tokens, two of them new; three tokens over nothing. */
#define GROUP_QUERY(past)                                                                                                   \
    "y, p, v = com.microsoft.GroupQueryAttention(q, k, k, " past ", l, t, num_heads=2, kv_num_heads=1)\nout y, p, v\n"
#define CACHE     "in q: f32[2,2,8]\nin k: f32[2,2,4]\nin c: f32[2,1,4,4]\nin l: i32[2]\nin t: i32[]\n" GROUP_QUERY("c, c")
#define QUERY     "f32[2,2,8] f32[2,2,4] f32[2,1,4,4] i32[2]="
#define PROMPT    "in q: f32[2,3,8]\nin k: f32[2,3,4]\nin l: i32[2]\nin t: i32[]\n" GROUP_QUERY("_, _")
#define PROMPT_IN "f32[2,3,8] f32[2,3,4] i32[2]="

/* clang-format off */
static const bad_case cases[] = {
    /* places: an input */
    { "Gather", "in x: f32[5,2]\nin i: i64[3]\ny = Gather(x, i)\nout y\n", "f32[5,2] i64[3]={0,-5,4}", QN_OK, "" },
    { "Gather, above", "in x: f32[5,2]\nin i: i64[3]\ny = Gather(x, i)\nout y\n", "f32[5,2] i64[3]={0,1,5}", QN_E_DATA,
      "Gather 'Gather_1': index 5, element 2 of 'i', is outside its axis of 5" },
    { "Gather, below", "in x: f32[5,2]\nin i: i64[3]\ny = Gather(x, i)\nout y\n", "f32[5,2] i64[3]={0,-6,0}", QN_E_DATA,
      "Gather 'Gather_1': index -6, element 1 of 'i', is outside its axis of 5" },
    { "Gather, far", "in x: f32[5,2]\nin i: i64[1]\ny = Gather(x, i)\nout y\n", "f32[5,2] i64[1]={8589934592}", QN_E_DATA, "index 8589934592" },
    { "Gather, an axis that varies", "in x: f32[n,2]\nin i: i64[1]\ny = Gather(x, i)\nout y\n", "f32[3,2] i64[1]={2}; f32[2,2] i64[1]={2}",
      QN_E_DATA, "index 2, element 0 of 'i', is outside its axis of 2" },
    { "Gather, no axis", "in x: f32[n,2]\nin i: i64[1]\ny = Gather(x, i)\nout y\n", "f32[0,2] i64[1]={0}", QN_E_DATA, "outside its axis of 0" },
    { "Gather, right after wrong", "in x: f32[5,2]\nin i: i64[1]\ny = Gather(x, i)\nout y\n", "f32[5,2] i64[1]={7}; f32[5,2] i64[1]={4}", QN_OK, "" },
    { "GatherElements", "in x: f32[3,4]\nin i: i32[2,4]\ny = GatherElements(x, i)\nout y\n", "f32[3,4] i32[2,4]={0,1,2,0,0,0,3,0}", QN_E_DATA,
      "GatherElements 'GatherElements_1': index 3, element 6 of 'i', is outside its axis of 3" },
    { "GatherND", "in x: f32[3,4]\nin i: i64[2,2]\ny = GatherND(x, i)\nout y\n", "f32[3,4] i64[2,2]={2,3,0,-5}", QN_E_DATA,
      "GatherND 'GatherND_1': index -5, element 3 of 'i', is outside its axis of 4" },
    { "ScatterElements", "in x: f32[5]\nin i: i64[2]\nin u: f32[2]\ny = ScatterElements(x, i, u)\nout y\n", "f32[5] i64[2]={4,5} f32[2]", QN_E_DATA,
      "ScatterElements 'ScatterElements_1': index 5, element 1 of 'i', is outside its axis of 5" },
    { "ScatterND", "in x: f32[3,4]\nin i: i64[1,2]\nin u: f32[1]\ny = ScatterND(x, i, u)\nout y\n", "f32[3,4] i64[1,2]={-4,0} f32[1]", QN_E_DATA,
      "ScatterND 'ScatterND_1': index -4, element 0 of 'i', is outside its axis of 3" },
    { "RoiAlign", "in x: f32[2,1,4,4]\nin r: f32[2,4]\nin i: i64[2]\ny = RoiAlign(x, r, i, sampling_ratio=1)\nout y\n",
      "f32[2,1,4,4] f32[2,4] i64[2]={1,2}", QN_E_DATA, "RoiAlign 'RoiAlign_1': element 1 of 'i' is 2, it must be from 0 to 1" },
    { "TensorScatter", "in x: f32[1,5,2]\nin u: f32[1,2,2]\nin i: i64[1]\ny = TensorScatter(x, u, i)\nout y\n", "f32[1,5,2] f32[1,2,2] i64[1]={4}",
      QN_E_DATA, "TensorScatter 'TensorScatter_1': element 0 of 'i' is 4, it must be from 0 to 3" },
    { "GroupQueryAttention", CACHE, QUERY "{1,2} i32[]={4}", QN_OK, "" },
    { "GroupQueryAttention, a past that grows", CACHE, QUERY "{5,4} i32[]={6}", QN_OK, "" },
    { "GroupQueryAttention, a negative length", CACHE, QUERY "{0,-1} i32[]={4}", QN_E_DATA, "is -" },
    { "GroupQueryAttention, the least", CACHE, QUERY "{-2147483648,1} i32[]={4}", QN_E_DATA, "is -2147483648, it must be from 0 to 2" },
    { "GroupQueryAttention, less than are new", CACHE, QUERY "{2,0} i32[]={4}", QN_E_DATA, "is -1, it must be from 0 to 2" },
    { "GroupQueryAttention, too long", CACHE, QUERY "{2,4} i32[]={4}", QN_E_DATA, "is 3, it must be from 0 to 2" },
    { "GroupQueryAttention, a total of less than are new", CACHE, QUERY "{2,2} i32[]={1}", QN_E_DATA, "is -1, it must be from 0 to 2" },
    { "GroupQueryAttention, a negative total", CACHE, QUERY "{2,2} i32[]={-4}", QN_E_SHAPE, "GroupQueryAttention_1" },
    { "GroupQueryAttention, a total past the room", CACHE, QUERY "{2,2} i32[]={5}", QN_E_DATA, "is -1, it must be from 0 to 3" },
    { "GroupQueryAttention, a prompt", PROMPT, PROMPT_IN "{0,2} i32[]={3}", QN_OK, "" },
    { "GroupQueryAttention, a prompt of a negative length", PROMPT, PROMPT_IN "{0,-1} i32[]={3}", QN_E_DATA, "is -1, it must be from 0 to 0" },
    { "GroupQueryAttention, a prompt that is longer", PROMPT, PROMPT_IN "{0,3} i32[]={3}", QN_E_DATA, "is 1, it must be from 0 to 0" },
    { "GroupQueryAttention, a prompt with a total of more", PROMPT, PROMPT_IN "{0,2} i32[]={4}", QN_E_DATA, "it must be from 0 to" },
    { "ReverseSequence", "in x: f32[4,2]\nin i: i64[2]\ny = ReverseSequence(x, i)\nout y\n", "f32[4,2] i64[2]={4,5}", QN_E_DATA,
      "ReverseSequence 'ReverseSequence_1': element 1 of 'i' is 5, it must be from 0 to 4" },
    { "RNN", "in x: f32[5,1,3]\nin w: f32[1,4,3]\nin r: f32[1,4,4]\nin i: i32[1]\ny = RNN(x, w, r, _, i, hidden_size=4)\nout y\n",
      "f32[5,1,3] f32[1,4,3] f32[1,4,4] i32[1]={-1}", QN_E_DATA, "RNN 'RNN_1': element 0 of 'i' is -1, it must be from 0 to 5" },
    { "a loss without such a class", "in x: f32[2,3]\nin t: i64[2]\ny = NegativeLogLikelihoodLoss(x, t)\nout y\n", "f32[2,3] i64[2]={1,3}",
      QN_E_DATA, "index 3, element 1" },
    { "MaxUnpool", "in x: f32[1,1,2,2]\nin i: i64[1,1,2,2]\ny = MaxUnpool(x, i, kernel_shape=[2,2], strides=[2,2])\nout y\n",
      "f32[1,1,2,2] i64[1,1,2,2]={5,7,13,16}", QN_E_DATA, "index 16, element 3" },
    /* places: a computed value */
    { "Gather, computed", "in x: f32[5,2]\nin i: i64[3]\nj = Mul(i, i)\ny = Gather(x, j)\nz = Neg(y)\nout z\n", "f32[5,2] i64[3]={0,2,3}",
      QN_E_DATA, "Gather 'Gather_2': index 9, element 2 of 'j', is outside its axis of 5" },
    { "Gather, computed, right after wrong", "in x: f32[5,2]\nin i: i64[3]\nj = Mul(i, i)\ny = Gather(x, j)\nz = Neg(y)\nout z\n",
      "f32[5,2] i64[3]={0,2,3}; f32[5,2] i64[3]={0,2,1}", QN_OK, "" },
    { "Gather, computed, of many", "in x: f32[70,2]\nin i: i32[n]\nj = Mul(i, i)\ny = Gather(x, j)\nout y\n", "f32[70,2] i32[9001]=-8..8", QN_OK, "" },
    { "Gather, computed, one of many", "in x: f32[70,2]\nin i: i32[n]\nin k: i32[2]\na = Concat(i, k, i, axis=0)\nj = Mul(a, a)\ny = Gather(x, j)\nout y\n",
      "f32[70,2] i32[9001]=-8..8 i32[2]={3,9}", QN_E_DATA, "Gather 'Gather_3': index 81, element 9002 of 'j', is outside its axis of 70" },
    { "GatherND, computed", "in x: f32[3,4]\nin i: i64[2,2]\nj = Mul(i, i)\ny = GatherND(x, j)\nout y\n", "f32[3,4] i64[2,2]={1,1,0,2}", QN_E_DATA,
      "GatherND 'GatherND_2': index 4, element 3 of 'j', is outside its axis of 4" },
    { "ScatterElements, computed", "in x: f32[5]\nin i: i64[2]\nin u: f32[2]\nj = Mul(i, i)\ny = ScatterElements(x, j, u)\nout y\n",
      "f32[5] i64[2]={2,-3} f32[2]", QN_E_DATA, "ScatterElements 'ScatterElements_2': index 9, element 1 of 'j', is outside its axis of 5" },
    { "two nodes", "in x: f32[5]\nin i: i64[1]\nj = Mul(i, i)\na = Gather(x, i)\ny = Gather(x, j)\nb = Add(a, y)\nout b\n", "f32[5] i64[1]={3}", QN_E_DATA,
      "Gather 'Gather_3': index 9, element 0 of 'j', is outside its axis of 5" },
    { "Gather in a Loop, first turn only", LOOP_OF("f = Sub(w, i); k = Mul(f, f); a = Gather(v, k); n = Add(v, a)"),
      "i64[]={3} f32[3] i64[1]={2}", QN_E_DATA, "Gather 'Gather_3': index 4, element 0 of " },
    { "a Loop of no trip count", "in m: i64[k]\nin x: f32[3]\ny = Loop(m, _, x, body={in i: i64[]; in c: bool[]; in v: f32[3]; n = Add(v, v); o = Identity(c); out o, n})\nout y\n",
      "i64[0] f32[3]", QN_E_SHAPE, "its trip count has 0 elements, not one" },
    { "a Loop of two conditions", "in m: bool[k]\nin x: f32[3]\ny = Loop(_, m, x, body={in i: i64[]; in c: bool[]; in v: f32[3]; n = Add(v, v); o = Not(c); out o, n})\nout y\n",
      "bool[2]={0,0} f32[3]", QN_E_SHAPE, "its condition has 2 elements, not one" },
    { "a Loop whose body has no condition", "in m: i64[]\nin x: f32[3]\nin k: bool[n]\ny = Loop(m, _, x, k, body={in i: i64[]; in c: bool[]; in v: f32[3]; in w: bool[n]; n = Add(v, v); o = Not(w); out o, n}, captures=1)\nout y\n",
      "i64[]={2} f32[3] bool[0]; i64[]={2} f32[3] bool[0]", QN_E_SHAPE, "its body's condition has 0 elements, not one" },
    { "an If without a condition", "in c: bool[k]\nin x: f32[2]\ny = If(c, x, then_branch={in a: f32[2]; b = Abs(a); out b}, else_branch={in a: f32[2]; b = Neg(a); out b}, captures=1)\nout y\n",
      "bool[1]={1} f32[2]; bool[0] f32[2]", QN_E_SHAPE, "If 'If_1': its condition has 0 elements, not one" },
    { "Gather in a Loop", LOOP_OF("f = Sub(w, i); k = Mul(f, f); a = Gather(v, k); n = Add(v, a)"), "i64[]={3} f32[3] i64[1]={1}", QN_OK, "" },
    { "Gather in an If", "in c: bool[]\nin x: f32[2]\nin i: i64[1]\ny = If(c, x, i, then_branch={in a: f32[2]; in k: i64[1]; b = Gather(a, k); out b}, "
      "else_branch={in a: f32[2]; in k: i64[1]; b = Cast(k, to=1); out b}, captures=2)\nout y\n", "bool[]={1} f32[2] i64[1]={2}", QN_E_DATA,
      "Gather 'Gather_1': index 2, element 0 of 'k', is outside its axis of 2" },
    { "Gather in the other branch", "in c: bool[]\nin x: f32[2]\nin i: i64[1]\ny = If(c, x, i, then_branch={in a: f32[2]; in k: i64[1]; b = Gather(a, k); out b}, "
      "else_branch={in a: f32[2]; in k: i64[1]; b = Cast(k, to=1); out b}, captures=2)\nout y\n", "bool[]={0} f32[2] i64[1]={2}", QN_OK, "" },
    /* places that a run had no time to tell: the next knows nothing of them */
    { "a run that ends before its places are read", "in x: f32[n,m]\nconst two: i64[1] = {2}\nc = Scan(x, body={in e: f32[m]; o = Neg(e); out o}, num_scan_inputs=1)\ns = Shape(x)\nj = Min(s, two)\n"
      "a = Gather(x, j)\nl = SplitToSequence(x)\nb = ConcatFromSequence(l, axis=0)\nout a, c, b\n", "f32[0,3]; f32[7,9]", QN_OK, "" },
    /* places: a constant */
    { "Gather, constant", "in x: f32[5,2]\nconst i: i64[2] = {0, 6}\ny = Gather(x, i)\nout y\n", "f32[5,2]", QN_E_DATA,
      "Gather 'Gather_1': index 6, element 1 of 'i', is outside its axis of 5" },
    { "Gather, constant, an axis that varies", "in x: f32[n,2]\nconst i: i64[2] = {0, 3}\ny = Gather(x, i)\nout y\n", "f32[4,2]; f32[3,2]", QN_E_DATA,
      "Gather 'Gather_1': index 3, element 1 of 'i', is outside its axis of 3" },
    { "Gather, all constant", "in z: f32[2]\nconst x: f32[2] = {1, 2}\nconst i: i64[2] = {0, 6}\ny = Gather(x, i)\nw = Add(y, z)\nout w\n", "f32[2]", QN_E_DATA,
      "is outside its axis of 2" },
    { "Gather of a shape", "in x: f32[n,2]\nconst i: i64[] = {2}\ns = Shape(x)\nd = Gather(s, i)\nf = Cast(d, to=1)\nout f\n", "f32[4,2]", QN_E_DATA,
      "is outside its axis of 2" },
    /* sizes */
    { "TopK, K too large", "in x: f32[4]\nin k: i64[1]\na = TopK(x, k)\nout a\n", "f32[4] i64[1]={5}", QN_E_SHAPE, "TopK 'TopK_1'" },
    { "TopK, K negative", "in x: f32[4]\nin k: i64[1]\na = TopK(x, k)\nout a\n", "f32[4] i64[1]={-1}", QN_E_SHAPE, "TopK 'TopK_1'" },
    { "TopK, an axis that varies", "in x: f32[n]\nconst k: i64[1] = {3}\na = TopK(x, k)\nout a\n", "f32[4]; f32[2]", QN_E_SHAPE, "TopK 'TopK_1'" },
    { "TopK, all", "in x: f32[n]\nin k: i64[1]\na = TopK(x, k)\nout a\n", "f32[4] i64[1]={4}", QN_OK, "" },
    { "Expand", "in x: f32[3,1]\nin s: i64[2]\ny = Expand(x, s)\nout y\n", "f32[3,1] i64[2]={3,4}", QN_OK, "" },
    { "Expand, unfit", "in x: f32[3,1]\nin s: i64[2]\ny = Expand(x, s)\nout y\n", "f32[3,1] i64[2]={2,4}", QN_E_SHAPE, "Expand 'Expand_1'" },
    { "Expand, negative", "in x: f32[3,1]\nin s: i64[2]\ny = Expand(x, s)\nout y\n", "f32[3,1] i64[2]={3,-4}", QN_E_SHAPE, "Expand 'Expand_1'" },
    { "Reshape, other elements", "in x: f32[6]\nin s: i64[2]\ny = Reshape(x, s)\nz = Neg(y)\nout z\n", "f32[6] i64[2]={2,4}", QN_E_SHAPE, "Reshape 'Reshape_1'" },
    { "Reshape, no whole rest", "in x: f32[6]\nin s: i64[2]\ny = Reshape(x, s)\nz = Neg(y)\nout z\n", "f32[6] i64[2]={-1,4}", QN_E_SHAPE, "Reshape 'Reshape_1'" },
    { "Reshape, two rests", "in x: f32[6]\nin s: i64[2]\ny = Reshape(x, s)\nz = Neg(y)\nout z\n", "f32[6] i64[2]={-1,-1}", QN_E_SHAPE, "Reshape 'Reshape_1'" },
    { "Reshape, -2", "in x: f32[6]\nin s: i64[2]\ny = Reshape(x, s)\nz = Neg(y)\nout z\n", "f32[6] i64[2]={-2,-3}", QN_E_SHAPE, "Reshape 'Reshape_1'" },
    { "Reshape, constant, no whole rest", "in x: f32[n]\nconst s: i64[2] = {-1, 4}\ny = Reshape(x, s)\nz = Neg(y)\nout z\n", "f32[8]; f32[6]", QN_E_SHAPE, "Reshape 'Reshape_1'" },
    { "Split, parts", "in x: f32[6]\nin p: i64[2]\na, b = Split(x, p)\nout a, b\n", "f32[6] i64[2]={2,3}", QN_E_SHAPE, "Split 'Split_1'" },
    { "Split, a negative part", "in x: f32[6]\nin p: i64[2]\na, b = Split(x, p)\nout a, b\n", "f32[6] i64[2]={-1,7}", QN_E_SHAPE, "Split 'Split_1'" },
    { "Pad, reflected too far", "in x: f32[n]\nconst p: i64[2] = {0, 3}\ny = Pad(x, p, mode=\"reflect\")\nout y\n", "f32[3]", QN_E_SHAPE,
      "Pad 'Pad_1': pads of 3 reflect a dimension of 3" },
    { "Range, step 0", "in d: i64[]\nconst a: i64[] = {0}\nconst e: i64[] = {6}\ny = Range(a, e, d)\nz = Neg(y)\nout z\n", "i64[]={0}", QN_E_SHAPE, "Range 'Range_1'" },
    { "Range, float, step 0", "in d: f32[]\nconst a: f32[] = {0}\nconst e: f32[] = {6}\ny = Range(a, e, d)\nz = Neg(y)\nout z\n", "f32[]={0}", QN_E_DATA, "RangeFloat 'Range_1': from 0 to 6" },
    { "Range, float, endless", "const d: f32[] = {1e-30}\nconst a: f32[] = {0}\nin z: f32[]\nconst e: f32[] = {6}\ny = Range(a, e, d)\nw = Add(y, z)\nout w\n", "f32[]={0}", QN_E_SHAPE, "is no finite list" },
    { "OneHot, negative depth", "in i: i64[2]\nin d: i64[]\nconst v: f32[2] = {0, 1}\ny = OneHot(i, d, v)\nout y\n", "i64[2]={0,1} i64[]={-1}", QN_E_SHAPE, "OneHot 'OneHot_1'" },
    { "OneHot, outside", "in i: i64[2]\nin d: i64[]\nconst v: f32[2] = {0, 1}\ny = OneHot(i, d, v)\nout y\n", "i64[2]={0,9} i64[]={3}", QN_OK, "" },
    { "Tile, negative", "in x: f32[2,2]\nin r: i64[2]\ny = Tile(x, r)\nout y\n", "f32[2,2] i64[2]={2,-1}", QN_E_SHAPE, "Tile 'Tile_1'" },
    { "Tile, two negatives", "in x: f32[2,2]\nin r: i64[2]\ny = Tile(x, r)\nout y\n", "f32[2,2] i64[2]={-2,-1}", QN_E_SHAPE, "Tile 'Tile_1'" },
    { "Pad, less than nothing", "in x: f32[3]\nin p: i64[2]\ny = Pad(x, p)\nout y\n", "f32[3] i64[2]={-2,-2}", QN_E_SHAPE, "Pad 'Pad_1'" },
    { "Pad, more than is", "in x: f32[3,4]\nin p: i64[4]\ny = Pad(x, p)\nout y\n", "f32[3,4] i64[4]={1099511627776,1099511627776,1,1099511627776}", QN_E_SHAPE,
      "Pad 'Pad_1': a size is no number of 64 bits for these inputs" },
    { "Pad, reflected nothing", "in x: f32[n]\nconst p: i64[2] = {1, 0}\ny = Pad(x, p, mode=\"reflect\")\nout y\n", "f32[0]", QN_E_SHAPE, "Pad 'Pad_1'" },
    { "Resize, negative", "in x: f32[1,1,2,2]\nin s: i64[4]\ny = Resize(x, _, _, s)\nout y\n", "f32[1,1,2,2] i64[4]={1,1,-4,4}", QN_E_SHAPE, "Resize 'Resize_1'" },
    { "ConstantOfShape, negative", "in s: i64[2]\ny = ConstantOfShape(s)\nout y\n", "i64[2]={-2,-3}", QN_E_SHAPE, "ConstantOfShape 'ConstantOfShape_1'" },
    { "a matrix product", "in a: f32[2,n]\nin b: f32[m,2]\ny = MatMul(a, b)\nout y\n", "f32[2,3] f32[4,2]", QN_E_SHAPE, "MatMul 'MatMul_1'" },
    { "Concat", "in a: f32[2,n]\nin b: f32[2,m]\ny = Concat(a, b, axis=0)\nout y\n", "f32[2,3] f32[2,4]", QN_E_SHAPE, "Concat 'Concat_1'" },
    { "Attention, scores of other batches", "in q: f32[n,2,4,8]\nin k: f32[m,2,6,8]\ny, p, v, s = Attention(q, k, k)\nout y, s\n", "f32[2,2,4,8] f32[2,2,6,8]; f32[2,2,4,8] f32[1,2,6,8]", QN_E_SHAPE,
      "Attention 'Attention_1'" },
    { "Attention, a mask of more rows", "in q: f32[2,2,r,8]\nin k: f32[2,2,6,8]\nin m: f32[n,6]\ny = Attention(q, k, k, m)\nout y\n", "f32[2,2,4,8] f32[2,2,6,8] f32[1,6]; f32[2,2,1,8] f32[2,2,6,8] f32[4,6]", QN_E_SHAPE,
      "Attention 'Attention_1'" },
    { "MultiHeadAttention, pasts of two lengths", "in q: f32[2,3,8]\nin p: f32[2,2,n,4]\nin r: f32[2,2,m,4]\ny, k, v = com.microsoft.MultiHeadAttention(q, q, q, _, _, _, p, r, num_heads=2)\nout y, k, v\n",
      "f32[2,3,8] f32[2,2,4,4] f32[2,2,4,4]; f32[2,3,8] f32[2,2,4,4] f32[2,2,5,4]", QN_E_SHAPE, "MultiHeadAttention 'MultiHeadAttention_1'" },
    { "RotaryEmbedding, positions of more samples", "in x: f32[n,3,24]\nin p: i64[m,3]\nin t: f32[10,4]\ny = RotaryEmbedding(x, t, t, p, num_heads=3)\nout y\n",
      "f32[2,3,24] i64[1,3]={1,2,3} f32[10,4]; f32[1,3,24] i64[2,3]={1,2,3,4,5,6} f32[10,4]", QN_E_SHAPE, "RotaryEmbedding 'RotaryEmbedding_1'" },
    { "EmbedLayerNormalization, too few positions", "in i: i32[1,n]\nin w: f32[9,8]\nin p: f32[m,8]\nin s: f32[8]\ny, k = com.microsoft.EmbedLayerNormalization(i, _, w, p, _, s, s)\nout y\n",
      "i32[1,3]=0..8 f32[9,8] f32[3,8] f32[8]; i32[1,3]=0..8 f32[9,8] f32[1,8] f32[8]", QN_E_SHAPE, "EmbedLayerNormalization 'EmbedLayerNormalization_1'" },
    { "Scaler, another number of columns", "in x: f32[2,n]\ny = ai.onnx.ml.Scaler(x, scale=[1.0,2.0,3.0])\nout y\n", "f32[2,3]; f32[2,1]", QN_E_SHAPE, "Scaler 'Scaler_1'" },
};
/* clang-format on */

static u32 read_inputs(const char **at, arena *mem, qn_tensor *out)
{
    u32 n = 0;
    u64 seed = 5;
    bool is_list;
    while (**at && **at != ';' && n < MOST_INPUTS && case_tensor(at, mem, &seed, &out[n], &is_list) == QN_OK) n++;
    while (**at == ' ' || **at == ';') ++*at;
    return n;
}

static qn_status run_all(graph_run *r, const bad_case *c)
{
    graph_session s = { 0 };
    qn_status status = graph_open_text(r, c->graph, &s);
    if (status != QN_OK) return status;
    for (const char *at = c->in; *at;) {
        qn_tensor in[MOST_INPUTS];
        u32 n = read_inputs(&at, r->mem, in);
        status = graph_session_run(r, &s, in, n);
    }
    graph_session_close(&s);
    return status;
}

static void check(test *t, const test_device *d, const bad_case *c, bool optimize)
{
    graph_run r = { .device = d->device, .optimize = optimize, .mem = arena_make() };
    qn_status status = run_all(&r, c);
    const char *said = status == QN_OK ? "" : qn_last_error();
    const char *name = strchr(said, '\''), *again = name ? strstr(name + 1, "': ") : NULL;
    bool twice = again && !strncmp(said, again + 3, (size_t)(again + 3 - said)); /* "Op 'name': Op 'name': ..." */
    CHECK(t, status == c->want && strstr(said, c->says) && !twice, "%s on %s%s: %s: %s", c->what, d->name,
          optimize ? ", optimized" : "", qn_status_text(status), said);
    arena_free(r.mem);
}

/* Where each program is built by a driver's compiler, a second apiece: those as the graph stands, and no more of them than find places. */
static bool is_taken(const test_device *d, const bad_case *c, bool optimize)
{
    bool slow = !d->device->info.caps.host_memory && !getenv("QUERN_FULL");
    return !slow || (!optimize && strstr(c->graph, "Gather(x, j)"));
}

void test_bad_data(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 d = 0; d < n; d++)
        for (u32 i = 0; i < COUNT(cases); i++)
            for (u32 optimize = 0; optimize < 2; optimize++)
                if (is_taken(&devices[d], &cases[i], optimize != 0)) check(t, &devices[d], &cases[i], optimize != 0);
}
