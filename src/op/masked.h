/* What com.microsoft's MultiHeadAttention, its decoder's form and its Attention share: heads, pasts, and masks that add to scores. */
#ifndef MASKED_H
#define MASKED_H

#include "op/attend.h"

/* past: keys that are looked at before the `fresh` ones; keys: both. room: what a present holds: as many, or of a past in a buffer all. */
typedef struct masked {
    sym batch, rows, fresh, past, keys, room;
    sym heads, size, width;
    bool in_buffer;
} masked;

/* Inference. The number of heads, and the size of each where they lie in `whole`; what is looked at, with a past (NULL: none) along `axis` of
 * a tensor or, where input `length` is there, in a buffer, of which that input says how much is past; which inputs are mask and bias. */
qn_status masked_heads(const infer *c, sym *out);
qn_status masked_divided(const infer *c, const char *what, sym whole, sym heads, sym *out);
qn_status masked_past(infer *c, const type *past, u32 axis, u32 length, masked *s);
qn_status masked_check(const infer *c, u32 mask, u32 bias, const masked *s);

/* Expansion. length: the value, 0: none. */
void masked_past_of(build *b, val past, u32 axis, val length, masked *s);
/* The past with x written behind what counts of it, or with x joined to it; and the keys of that which are looked at. */
val masked_present(build *b, val past, val x, i64 axis, const masked *s);
val masked_seen(build *b, val present, i64 axis, const masked *s);
/* q, k and v have their heads apart. scores: if not NULL, those before the softmax. */
val masked_attended(build *b, attend a, const masked *s, val mask, val extra, val *scores);
bool masked_wanted(const build *b, u32 i); /* does anyone use output i? */

static inline sym last_of(const type *t) { return t->dims[t->rank - 1]; } /* of a tensor that is no single number */
#endif
