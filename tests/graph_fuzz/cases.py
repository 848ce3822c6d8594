"""Differences that random graphs found, as small as the tool made them: ONNX's own text, and what goes in. Each run begins with them.

(what was wrong, the graph, the elements of its inputs; an input that is not named is 0, 1, 2..., a size that has a name is 2)"""
import numpy as np
import onnx
from onnx import numpy_helper

import shrink
from graph import NUMPY, Graph


def graph_of(text, elements):
    """A graph of ONNX's text with the values that the peer computes; None where it cannot."""
    m = onnx.parser.parse_model(text)
    graph = Graph(m.opset_import[0].version)
    graph.nodes, graph.outputs = list(m.graph.node), [o.name for o in m.graph.output]
    for i in m.graph.input:
        t = i.type.tensor_type
        shape = [2 if d.dim_param else d.dim_value for d in t.shape.dim]
        graph.symbols[i.name] = [d.dim_param or None for d in t.shape.dim]
        a = np.asarray(elements.get(i.name, np.arange(int(np.prod(shape)))))
        graph.inputs.append(i.name)
        graph.at[i.name] = np.broadcast_to(a.reshape(shape) if a.size == np.prod(shape) else a, shape).astype(NUMPY[t.elem_type])
    for t in m.graph.initializer:
        graph.constants.append(t.name)
        graph.at[t.name] = numpy_helper.to_array(t)
    return shrink.recomputed(graph)


CASES = [
    ("a product whose batch becomes rows took the kernel for few of them", """<ir_version: 10, opset_import: ["" : 17]>
g (double[3,3,1] a, double[1,1,2] b) => (double[] y) { y = MatMul (a, b) }""", {}),
    ("16-bit integers that the host knows got one of their bytes", """<ir_version: 10, opset_import: ["" : 20]>
g () => (int16[] y) <int16[1] a = {1000}, int16[1] b = {700}> { y = Mod (a, b) }""", {}),
    ("Gelu by tanh had constants of f32 in f64", """<ir_version: 10, opset_import: ["" : 17]>
g (double[1,1] x, double[1,1,1] z) => (double[] y) <double[1,1] b = {0.5}, double c = {0.044715}, double[1,1] s = {0.7978845608028654}, double h = {0.5}, double[1,1] o = {1}> {
  p = MatMul (z, b) v = Add (p, x) vv = Mul (v, v) vvv = Mul (vv, v) cubic = Mul (vvv, c) bent = Add (cubic, v)
  u = Mul (bent, s) t = Tanh (u) half = Mul (h, v) one = Add (o, t) y = Mul (one, half) }""", {"x": [0.3], "z": [0.9]}),
    ("a Loop asked for the length of a Range by the name that it had before it went to the host", """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,1] s, float by) => (float[] y) <float from = {0}, float to = {2}, int64 axis = {0}> { r = Range (from, to, by)  k = CumSum (r, axis)
  y = Scan <num_scan_inputs = 1, body = g (float[a, b] t, float e) => (float[c, d] o) { o = Add (t, e) }> (s, k) }""", {"by": [2]}),
    ("a sequence's length took the name that its SequenceMap, a Loop by then, tells later", """<ir_version: 10, opset_import: ["" : 21]>
g (float[3] x, int64 each, float[1] t) => (float[] y, float[] z) { l = SplitToSequence (x, each)  c = ConcatFromSequence <axis = 0, new_axis = 1> (l)
  y = Scan <num_scan_inputs = 1, body = g (float[1] a, float[1] e) => (float[1] o) { o = Add (a, e) }> (t, c)
  m = SequenceMap <body = g (float[1] e) => (float[1] o) { o = Neg (e) }> (l)  z = ConcatFromSequence <axis = 0, new_axis = 1> (m) }""", {"each": [1]}),
    ("the length of a Scan's input took the name of that of its output", """<ir_version: 10, opset_import: ["" : 25]>
g (float x) => (uint8[] y) <int64[2] a = {0, 0}, float step = {0.13577974}, int64[1] b = {-5}, int32 n = {-3}, int32 at = {1}, float[1,1] s = {2}> { l = SequenceConstruct (a, b)  e = SequenceAt (l, at)
  s2, n2, all = Scan <num_scan_inputs = 1, body = g (float[p, q] u, int32 v, int64 w) => (float[r, t] uu, int32 vv, float[m, k] z) {
    t1 = Add (u, x)  uu = Identity (t1)  vv = Identity (at)  z = Identity (t1) }> (s, n, e)
  y = QuantizeLinear (all, step) }""", {"x": [-1.5]}),
    ("squares of f16 overflowed on the way to a deviation", """<ir_version: 10, opset_import: ["" : 17]>
g (float16[1,4] x) => (float16[] y) { y = MeanVarianceNormalization <axes = [1]> (x) }""", {"x": [-900, 300, 500, 700]}),
    ("an epsilon by default was another number than the same in a file", """<ir_version: 10, opset_import: ["" : 17]>
g (double[1] scale, double[1,1,2] x) => (double[] y) { y = LayerNormalization (x, scale) }""", {"scale": [1]}),
    ("border padding moved places that lie on the outer half of a border element", """<ir_version: 10, opset_import: ["" : 23]>
g (float[1,1,1,2] x) => (float[] y) <float[1,1,1,2] grid = {1, 1}> { y = GridSample <mode = "cubic", padding_mode = "border"> (x, grid) }""", {}),
    ("... and far outside", """<ir_version: 10, opset_import: ["" : 23]>
g (float[1,1,1,2] x) => (float[] y) <float[1,1,1,2] grid = {1.05, 1.2}> { y = GridSample <mode = "cubic", padding_mode = "border"> (x, grid) }""", {}),
    ("a product without terms whose batch became rows of another matrix", """<ir_version: 10, opset_import: ["" : 23]>
g (float[3,0,3] b) => (float[] y) <float[3,1,1,0] a = {}> { y = MatMul (a, b) }""", {}),
    ("16-bit inputs that decide sizes were read as 0", """<ir_version: 10, opset_import: ["" : 20]>
g (int16 from, int16 step) => (int16[] y) <int16 to = {9}> { y = Range (from, to, step) }""", {"from": [4], "step": [3]}),
    ("one pixel, as PyTorch: its place is 0", """<ir_version: 10, opset_import: ["" : 13]>
g (float[2,1,1,2] x) => (float[] y) <int64[4] sizes = {2, 1, 2, 1}> {
  y = Resize <coordinate_transformation_mode = "pytorch_half_pixel", mode = "cubic"> (x, "", "", sizes) }""", {}),
    ("a number that went through bool was still itself", """<ir_version: 10, opset_import: ["" : 20]>
g () => (int32[] y) <float[3] x = {0, 1, 2}> { b = Cast <to = 9> (x)  y = Cast <to = 6> (b) }""", {}),
    ("... and one that 8 bits do not hold", """<ir_version: 10, opset_import: ["" : 20]>
g () => (int64[] y) <float[3] x = {0, 2.5, 127.5}> { b = Cast <to = 3> (x)  y = Cast <to = 7> (b) }""", {}),
    ("sigmoid(1.702 x) of f64 took 1.702 of f32", """<ir_version: 10, opset_import: ["" : 18]>
g (double[2] x) => (double[] y) <double k = {1.702}> { a = Mul (k, x)  b = Sigmoid (a)  y = Mul (b, x) }""", {}),
    ("what is left of a sum of terms is no number to decide by", """<ir_version: 10, opset_import: ["" : 21]>
g () => (bool[] y) <float[1,2,1] x = {0, 1}, int64[1,1,3] k = {0, 0, 0}> { a = DFT (x)  b = NonZero (a)  y = Greater (b, k) }""", {}),
    ("Hardmax of an empty dimension was refused", """<ir_version: 10, opset_import: ["" : 17]>
g (float[1,0] x) => (float[] y) { y = Hardmax (x) }""", {}),
    ("a constant seen as another type kept its own", """<ir_version: 10, opset_import: ["" : 27]>
g () => (uint32[] y) <int32 x = {-2}> { y = BitCast <to = 12> (x) }""", {}),
    ("... and so did what a view of such a view gives", """<ir_version: 10, opset_import: ["" : 27]>
g (int32[2,3] x) => (uint32[] y) { a = BitCast <to = 12> (x)  y = Flatten (a) }""", {"x": [-1, 2, -3, 4, 5, 6]}),
    ("4-bit integers in another shape became bytes", """<ir_version: 10, opset_import: ["" : 23]>
g (float[1,1,2] x, float s) => (float[] y) <int64[1] n = {-1}> { q = QuantizeLinear <output_dtype = 22> (x, s)  r = Reshape (q, n)  y = Cast <to = 1> (r) }""", {"s": [0.5]}),
    ("one block for the whole axis was refused", """<ir_version: 10, opset_import: ["" : 26]>
g (float[12] x, float[1] s) => (uint8[] y) { y = QuantizeLinear <axis = 0, block_size = 12> (x, s) }""", {"s": [0.5]}),
    ("a Loop without condition and states took what its body reads for them", """<ir_version: 10, opset_import: ["" : 21]>
g (float[2] x, int64 n) => (float[] y) { y = Loop (n, "") <body: graph = body (int64 i, bool on) => (bool go, float[2] z) { go = Identity (on)  z = Neg (x) }> }""", {"n": [2]}),
    ("... or had too few inputs", """<ir_version: 10, opset_import: ["" : 21]>
g (int64 n) => (int64[] y) { y = Loop (n, "") <body: graph = body (int64 i, bool on) => (bool go, int64 z) { go = Identity (on)  z = Neg (i) }> }""", {"n": [3]}),
    ("integers had no spelling", """<ir_version: 10, opset_import: ["" : 25]>
g (int64[3] x) => (string[] y) { y = Cast <to = 8> (x) }""", {"x": [0, -7, 9007199254740993]}),
    ("texts were no integers", """<ir_version: 10, opset_import: ["" : 25]>
g () => (int64[] y) <string[3] x = {"12", "-7", "9007199254740993"}> { y = Cast <to = 7> (x) }""", {}),
    ("... and no floats", """<ir_version: 10, opset_import: ["" : 25]>
g () => (float[] y) <string[6] x = {"0.47892547", "1000000", "1e-7", "NaN", "INF", "-INF"}> { y = Cast <to = 1> (x) }""", {}),
    ("a text through an integer kept its own spelling", """<ir_version: 10, opset_import: ["" : 25]>
g () => (string[] y) <string[2] x = {"007", "5"}> { a = Cast <to = 6> (x)  y = Cast <to = 8> (a) }""", {}),
    ("float8 through an integer kept what stands behind the point", """<ir_version: 10, opset_import: ["" : 25]>
g (float[3] x) => (float[] y) { f = Cast <to = 17> (x)  a = Cast <to = 6> (f)  y = Cast <to = 1> (a) }""", {"x": [1.5, -2.5, 3]}),
    ("in a body onnxruntime rounds where a cast to 4 bits cuts off: the judge took that for the answer", """<ir_version: 10, opset_import: ["" : 22]>
g (float[1] x, int64 n) => (float[] y) { y = Loop (n, "") <body: graph = body (int64 i, bool on) => (bool go, float[?] z) {
  a = Cast <to = 21> (x)  z = Cast <to = 1> (a)  go = Identity (on) }> }""", {"x": [0.68], "n": [2]}),
    ("... and the reference, asked for a whole body with such a type, divides by a sum with its signs", """<ir_version: 10, opset_import: ["" : 24]>
g (float[2,1] x, float[2] turns) => (float[] y) <float s = {1}> { y = Scan (turns) <num_scan_inputs = 1, body: graph = body (float t) => (float[?,?] z) {
  a = LpNormalization <axis = 1, p = 1> (x)  q = QuantizeLinear <output_dtype = 22> (a, s)  z = DequantizeLinear (q, s) }> }""", {"x": [0, -1]}),
    ("a size was asked for by what was made before it was known", """<ir_version: 10, opset_import: ["" : 18]>
g (float[n,m] x) => (float[] y) <int64[0] none = {}> {
  s = Shape (x)  one = ReduceProd (none)  to = Concat <axis = 0> (s, one)  r = Reshape (x, to)  y = Hardmax (r) }""", {}),
    ("a kernel was chosen for a length that is forgotten when its sequence becomes a Loop", """<ir_version: 10, opset_import: ["" : 23]>
g (float[2] x) => (float[] y) <float[2,1] scale = {1, 2}, int64[2] to = {2, 1}> {
  l = SplitToSequence (x)
  m = SequenceMap (l) <body: graph = body (float[1] i) => (float[1] o) { o = Neg (i) }>
  c = ConcatFromSequence <axis = 0, new_axis = 1> (m)  e = Expand (c, to)  y = RMSNormalization <axis = -2> (e, scale) }""", {}),
    ("onnxruntime has no part of an empty text, which is one", """<ir_version: 10, opset_import: ["" : 28]>
g (float[1] x) => (int64[] y) <string[2] t = {"", "b"}> { y = Scan (x) <num_scan_inputs = 1, body: graph = body (float i) => (int64[?] n) {
  s, n = StringSplit <delimiter = "a"> (t) }> }""", {}),
    ("its quantized Softmax is a step off, which is another text", """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
g (int8[1,2] x) => (string[] y) <float s = {0.08382218}, int8 z = {0}, float ys = {0.0039}, int8 yz = {-128}> {
  q = com.microsoft.QLinearSoftmax <axis = 1, opset = 13> (x, s, z, ys, yz)  y = Cast <to = 8> (q) }""", {}),
    ("tuples of an open size", """<ir_version: 10, opset_import: ["" : 25]>
g (double[3,3] x, int64[m,k] i, double[2] u) => (double[] y) { y = ScatterND (x, i, u) }""", {"i": [0, 1, 2, 0]}),
    ("tuples of an open size, gathered", """<ir_version: 10, opset_import: ["" : 25]>
g (double[2,2] x, int64[m,k] i) => (double[] y) { y = GatherND (x, i) }""", {"i": [0, 1, 1, 0]}),
    ("filters of open sizes over an open picture", """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,c,5,5] x, float[m,c,2,k] w, float[1,8,4,4] o) => (float[] y) { y = DeformConv (x, w, o) }""", {}),
]

# Where the peer is wrong: each must be excused, by a rule of known.py about this operator. (operator, graph, elements)
EXCUSED = [
    ("ReduceLogSumExp", """<ir_version: 10, opset_import: ["" : 18]>
g (float[2] x) => (int32[] y) <int32[5] k = {0, 0, -1, -1, -1}> { y = Scan (x) <num_scan_inputs = 1, body: graph = body (float i) => (int32[?] z) { z = ReduceLogSumExp (k) }> }""", {}),
    ("ReduceLogSumExp", """<ir_version: 10, opset_import: ["" : 18]>
g (bool c, int64 n, int32[5] x) => (int32[] y) { y = If (c) <then_branch: graph = yes () => (int32[?] z) {
  z = Loop (n, "", x) <body: graph = body (int64 i, bool on, int32[?] k) => (bool go, int32[?] l) { go = Identity (on)  l = ReduceLogSumExp (k) }> },
  else_branch: graph = no () => (int32[?] z) { z = Neg (x) }> }""", {"c": [1], "n": [1], "x": [0, 0, -1, -1, -1]}),
    ("Elu", """<ir_version: 10, opset_import: ["" : 18]>
g (float[2] x) => (float[2] y) { y = Elu (x) }""", {"x": [-1e-23, 0]}),
    ("LinearClassifier", """<ir_version: 10, opset_import: ["" : 20, "ai.onnx.ml" : 4]>
g (int32[1,3] x) => (float[] y) { l, y = ai.onnx.ml.LinearClassifier <classlabels_ints: ints = [7, 9], coefficients: floats = [0.95, -0.945, 0.395, -0.509, -0.928, -0.634],
  intercepts: floats = [-0.834, -0.536], post_transform: string = "LOGISTIC"> (x) }""", {"x": [-5, 9, 4]}),
    ("MeanVarianceNormalization", """<ir_version: 10, opset_import: ["" : 22]>
g (float[2,1] x) => (float[] y) { y = MeanVarianceNormalization (x) }""", {"x": [0.0006413256633095443, 0.0006300050299614668]}),
]

# Where it is wrong at the first element alone: an answer that is wrong at another is refused. (what, graph, elements)
BESIDE = [
    ("Elu", """<ir_version: 10, opset_import: ["" : 18]>
g (float[3] x) => (float[3] y) { y = Elu (x) }""", {"x": [-1e-23, 0.01, 0.02]}),
    ("LabelEncoder", """<ir_version: 10, opset_import: ["" : 18, "ai.onnx.ml" : 2]>
g (float[3] x) => (float[3] y) { y = ai.onnx.ml.LabelEncoder <keys_floats = [1.0], values_floats = [5.0]> (x) }""", {"x": [1.000001, 2, 3]}),
]

# The same rules must not excuse these: the faulty node is not run, gives other outputs, or is no faulty one.
JUDGED = [
    ("an Elu of more than small numbers", """<ir_version: 10, opset_import: ["" : 18]>
g (float[2] x) => (float[2] y) { y = Elu (x) }""", {"x": [-1e-23, 3]}),
    ("the other branch", """<ir_version: 10, opset_import: ["" : 18]>
g (bool c, int32[5] x) => (int32[] y) { y = If (c) <then_branch: graph = yes () => (int32[?] z) { z = ReduceLogSumExp (x) },
  else_branch: graph = no () => (int32[?] z) { z = Neg (x) }> }""", {"c": [0], "x": [0, 0, -1, -1, -1]}),
    ("another output", """<ir_version: 10, opset_import: ["" : 18]>
g (float[2] x, int32[5] k) => (float[] y) { y, n = Scan (x) <num_scan_inputs = 1, body: graph = body (float i) => (float z, int32[?] n) {
  z = Neg (i)  n = ReduceLogSumExp (k) }> }""", {"k": [0, 0, -1, -1, -1]}),
    ("floats", """<ir_version: 10, opset_import: ["" : 18]>
g (float[2] x, float[2] k) => (float[] y) { y = Scan (x) <num_scan_inputs = 1, body: graph = body (float i) => (float[?] z) { z = ReduceLogSumExp (k) }> }""", {}),
]
