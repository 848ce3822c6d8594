/* What rewrites ask of a graph, and the constants they make. Pure questions: nothing here changes a node. */
#ifndef MATCH_H
#define MATCH_H

#include "pass/pass.h"

const node *match_maker(const graph *g, val v);      /* the node that makes v; NULL: an input, a constant, sizes */
const node *match_only_maker(const graph *g, val v); /* ... when v has one use */
const type *match_type(const graph *g, val v);
bool match_same_shape(const graph *g, val a, val b); /* rank and every size surely equal */
bool match_same_type(const graph *g, val a, val b);  /* the same, and the dtype */
bool match_is(const graph *g, val v, f64 x);         /* a constant whose elements are all x */
bool match_elems_are(const graph *g, val v, i64 n);  /* v has surely n elements */
/* n has two inputs and one of them is a constant of equal elements: the other input, *c that constant, *at the constant's place. */
val match_beside_constant(const graph *g, const node *n, f64 *c, u32 *at);
/* Does input i of n decide n's type alone: n gives a tensor like it? Then n may become that input. */
bool match_like_out(const graph *g, const node *n, u32 i);
bool match_is_reshape(const graph *g, const node *n); /* n, may be NULL, is a view that keeps the type of the elements */
bool match_float(const graph *g, val v);              /* f16 bf16 f32 f64 */
bool match_int(const graph *g, val v);                /* signed or not; no bool */
/* Does n sum over channels, and make `least` of them or more? With fewer a layout is not worth what turns elements around it. */
bool match_sums_channels(const graph *g, const node *n, u32 least);
/* Known numbers of a small integer operand: how many, or -1. */
i64 match_ints(graph *g, val v, i64 *out, u32 max);

/* Elements of a float constant, and back. */
f64 match_element(const qn_tensor *t, u64 i);
/* A constant of dtype d and these sizes with room for its elements; *data is to be filled. 0: no memory. */
val match_make_constant(build *b, qn_dtype d, u32 rank, const i64 *dims, u8 **data);
void match_store(qn_dtype d, u8 *data, u64 i, f64 v);
#endif
