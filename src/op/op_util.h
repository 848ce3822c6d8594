/* Small questions that the inference of many ops asks. */
#ifndef OP_UTIL_H
#define OP_UTIL_H

#include "op/op.h"

/* A type attribute: an ONNX TensorProto.DataType number. QN_NONE: none of our types. node_dtype: `otherwise` where the node does not say. */
qn_dtype dtype_of_onnx(i64 code);
i64 dtype_to_onnx(qn_dtype d);
qn_dtype node_dtype(const node *n, const char *name, qn_dtype otherwise);

/* The node's attributes but those named in `without` (up to its NULL), to out[OP_MOST_ATTRS]; how many. */
u32 node_attrs_but(const node *n, const char *const *without, attr *out);

/* The known elements of input i as numbers: how many, or -1 when they are not known, not all numbers, or more than max. */
i64 infer_ints(const infer *c, u32 i, i64 *out, u32 max);
i64 known_ints(graph *g, val v, i64 *out, u32 max);
/* The same from an attribute (old form) or, when the attribute is absent, from input i; fails when neither is known. Absent both: *n = -1. */
qn_status infer_ints_of(const infer *c, const char *name, u32 i, i64 *out, u32 max, i64 *n);
/* A set of axes from attribute or input, made positive: bit d is set for axis d. has: false when the node names no axes. */
qn_status infer_axes(const infer *c, const char *name, u32 i, u32 rank, u32 *bits, bool *has);
u32 node_axes(graph *g, const node *n, const char *name, u32 i, u32 rank, bool *has); /* after inference: cannot fail */

/* place_moves.c: the meaning of an op with texts or complex numbers that moves elements and has kernels for other types. */
qn_status place_moves_expand(build *b, const node *n);
val place_moves_places(build *b, val x, sym first); /* first, first + 1, ... in the shape of x */

/* A type of the node's tensors that the device has not; QN_NONE: it has them all. */
qn_dtype op_lacks_type(const graph *g, const qn_caps *caps, const node *n);

bool dtype_is_float(qn_dtype d);
bool dtype_is_narrow(qn_dtype d);       /* held as the low bits of a byte: float8, float4, 4 and 2-bit integers */
bool dtype_is_narrow_float(qn_dtype d); /* float8, float4 */
bool dtype_is_signed_int(qn_dtype d);
bool dtype_is_int(qn_dtype d);      /* signed or not, without bool */
const char *width_word(qn_dtype d); /* "u8", "u16", "u32", "u64": for kernels that only move */

sym sym_one(graph *g);
sym sym_zero(graph *g);
sym sym_span(graph *g, const type *t, u32 from, u32 to);               /* product of dims [from, to) */
u32 axis_of(const node *n, const char *name, i64 otherwise, u32 rank); /* after inference: in range */
type type_with(const type *t, qn_dtype d);
/* What kernels accumulate and compute narrow floats in. */
qn_dtype dtype_computing(qn_dtype d);
#endif
