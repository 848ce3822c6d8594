/* Attention in steps, for the ops that are made of it. Heads are a dimension of their own everywhere: x[batch][heads][length][size]. */
#ifndef ATTEND_H
#define ATTEND_H

#include "op/op.h"

typedef struct attend {
    val q, k, v;        /* k and v may have fewer heads: each serves as many of q */
    val bias;           /* added to the scores, broadcast to [batch][heads][rows][keys]; 0: none */
    f64 scale, softcap; /* softcap 0: none */
    val sink;           /* [heads], or a scalar: a score that takes its share but stands for no key; 0: none */
} attend;
enum { ATTEND_RAW, ATTEND_CAPPED, ATTEND_BIASED, ATTEND_SOFTMAX };
/* y[batch][heads][rows][width]. scores: if not NULL, the scores after step `stage`, [batch][heads][rows][keys]. */
val attend_steps(build *b, const attend *a, int stage, val *scores);

/* The same by a kernel of its own where no scores are asked for and nothing sinks. causal: as of ScaledAttention, beside the bias. */
val attend_fused(build *b, const attend *a, i64 causal);
/* 1 / sqrt(size of a head); fails where that size is not known before the model runs. */
f64 attend_scale(build *b, sym size);

/* Which keys a row may see, as a bias of 0 and -infinity: [rows][keys], or [batch][1][rows][keys] where `offset` has a batch.
 * Row i stands at position i + offset. left, right: how far it sees; negative: without end. */
typedef struct attend_sight {
    sym rows, keys;
    val offset;
    i64 left, right;
} attend_sight; /* offset: i64, 0: none */
val attend_sight_bias(build *b, const attend_sight *s, qn_dtype d);
/* Which keys stand before limit (i64, broadcast to [batch][heads][rows][keys]), as bools; 0 .. keys - 1 as i64[keys]. */
val attend_before(build *b, val limit, sym keys);
val attend_places(build *b, sym keys);
/* past behind which x stands, along dimension 2; past 0: x. */
val attend_with_past(build *b, val x, val past);
/* A size as an i64 scalar. */
val attend_size(build *b, sym s);
/* A mask as a bias of type d: a bool one becomes 0 and -infinity. */
val attend_mask_bias(build *b, val mask, qn_dtype d);
/* Input i of the node, where it is there, has that many heads, apart or side by side: [batch][heads][length][size] or
 * [batch][length][heads * size]. */
qn_status attend_fits(const infer *c, u32 i, sym batch, sym heads, sym length, sym size);
/* x[batch][length][heads * size] -> [batch][heads][length][size], and back. */
val attend_split_heads(build *b, val x, i64 heads);
val attend_join_heads(build *b, val x);
#endif
