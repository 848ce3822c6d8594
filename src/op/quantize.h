/* Numbers stored as small integers or codes: x = (q - zero) * scale. */
#ifndef QUANTIZE_H
#define QUANTIZE_H

#include "op/op.h"

/* Along which dimension scales and zero points lie, and how many elements share one. */
typedef struct quant_axis {
    i64 axis;
    i64 block;
} quant_axis; /* block 0: one for each element along the axis, or one for all */

/* As `to`; absent zero: 0. The numbers between are f32, or f64 where the scale is. */
val quant_to_real(build *b, val q, val scale, val zero, quant_axis along, qn_dtype to);
val quant_of_real(build *b, val x, val scale, val zero, quant_axis along, qn_dtype to, bool saturate);
/* round(x) + zero, held in the integer type. x: f32 or f64. */
val quant_round(build *b, val x, val zero, qn_dtype to);
/* The scale that spreads [min(x, 0), max(x, 0)] over 0 .. 255, and the zero point where 0 is whole. */
void quant_range(build *b, val x, val *scale, val *zero);
/* Input i of the node with the scale and zero point behind it, as numbers: one scale for all. */
val quant_operand(build *b, u32 i);
/* y as output 0, in type `to` by the scale and zero point that inputs i and i + 1 are. */
qn_status quant_done(build *b, val y, u32 i, qn_dtype to);
/* Sums of products of two operands with scales a and c, as numbers of scale y and that zero point. */
val quant_sums(build *b, val sums, val a, val c, val y, val zero);
/* u8 with elements of 2, 4 or 8 bits each, the first lowest in its byte, as one a byte along the last dimension: `keep` of them, 0: all. */
val quant_unpack(build *b, val x, i64 bits, sym keep);
val quant_unpack_stream(build *b, val x, i64 bits, sym keep); /* of 2 to 8 */
qn_dtype quant_real(qn_dtype d);                              /* what is computed in where scales are of type d */
#endif
