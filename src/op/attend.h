/* Attention in steps, for the ops that are made of it. Heads are a dimension of their own everywhere: x[batch][heads][length][size]. */
#ifndef ATTEND_H
#define ATTEND_H

#include "op/op.h"

typedef struct attend {
    val q, k, v;        /* k and v may have fewer heads: each serves as many of q */
    val bias;           /* added to the scores, broadcast to [batch][heads][rows][keys]; 0: none */
    f64 scale, softcap; /* softcap 0: none */
} attend;
enum { ATTEND_RAW, ATTEND_CAPPED, ATTEND_BIASED, ATTEND_SOFTMAX };
/* y[batch][heads][rows][width]. scores: if not NULL, the scores after step `stage`, [batch][heads][rows][keys]. */
val attend_steps(build *b, const attend *a, int stage, val *scores);

/* Which keys a row may see, as a bias of 0 and -infinity: [rows][keys], or [batch][1][rows][keys] where `offset` has a batch.
 * Row i stands at position i + offset. left, right: how far it sees; negative: without end. */
typedef struct attend_sight {
    sym rows, keys;
    val offset;
    i64 left, right;
} attend_sight; /* offset: i64, 0: none */
val attend_sight_bias(build *b, const attend_sight *s, qn_dtype d);
/* A mask as a bias of type d: a bool one becomes 0 and -infinity. */
val attend_mask_bias(build *b, val mask, qn_dtype d);
/* x[batch][length][heads * size] -> [batch][heads][length][size], and back. */
val attend_split_heads(build *b, val x, i64 heads);
val attend_join_heads(build *b, val x);
#endif
