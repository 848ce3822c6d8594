/* The layers of com.microsoft's mixtures of experts: which inputs they are, in which form their weights come, and the product with them. */
#ifndef MOE_H
#define MOE_H

#include "op/op.h"

static inline bool moe_is_packed(const node *n) { return n->op == OP_QMoE; }
/* Whether layer i of 3 is there; how many rows its weights have. */
bool moe_has_layer(const infer *c, u32 i);
sym moe_rows(const infer *c, u32 i);
/* What is the same for all layers; then one layer, whose weights are of `rows` by `columns`. */
qn_status moe_check(const infer *c);
qn_status moe_check_layer(const infer *c, u32 i, sym experts, sym rows, sym columns);
enum { MOE_ROUTER_WEIGHTS = 14 }; /* of QMoE */
/* x through layer i, its bias added: [tokens][k][rows] of the chosen, or, `which` 0, [experts][tokens][rows] of all. */
val moe_through(build *b, val x, u32 i, val which);
#endif
