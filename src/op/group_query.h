/* What the two files of GroupQueryAttention share: group_query.c, and group_window.c for caches that are no longer than their window. */
#ifndef GROUP_QUERY_H
#define GROUP_QUERY_H

#include "op/attend.h"

enum {
    IN_Q,
    IN_K,
    IN_V,
    IN_PAST_K,
    IN_PAST_V,
    IN_LENGTHS,
    IN_TOTAL,
    IN_COS,
    IN_SIN,
    IN_POSITIONS,
    IN_BIAS,
    IN_SINK,
    IN_K_SCALE,
    IN_V_SCALE,
    IN_Q_NORM,
    IN_K_NORM,
    IN_COUNTS
};
enum { OUT_Y, OUT_K, OUT_V, OUT_SCORES };
/* past: keys that the past has room for; total: keys that are looked at; present: keys that the present has. */
typedef struct group_shape {
    sym batch, rows, past, total, present;
    i64 heads, groups;
    sym size;
} group_shape;

/* Of a cache that holds the last tokens only: what a step has to know of each sample, as i64[batch][1]. */
typedef struct group_window {
    val before, after;           /* tokens before this step, and with it */
    val first, first_of_present; /* the position of the token that stands first in the past, and in the present */
    val keys; /* the position of each key that is looked at, [batch][past + rows]; beyond all of them where there is none */
} group_window;
bool group_is_windowed(const node *n);
qn_status group_check_window(const infer *c);
void group_window_of(build *b, const group_shape *s, group_window *w);
/* x[batch][groups][past + rows][..], the past and the new tokens behind it: what of it stays, [batch][groups][past][..]. */
val group_window_kept(build *b, val x, const group_window *w, const group_shape *s);
/* What is added to the scores of those keys, where a bias[..][..][rows][total] is given (0: none) its columns among them. */
val group_window_bias(build *b, val bias, const group_window *w, const group_shape *s, qn_dtype d);
#endif
