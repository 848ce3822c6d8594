/* Elements of any number of bits, one behind the other in bytes. */
#include "op/attend.h"
#include "op/formula.h"
#include "op/op_util.h"
#include "op/quantize.h"

/* Elements that go on from one byte into the next: each out of the two in which it may lie. */
val quant_unpack_stream(build *b, val x, i64 bits, sym keep)
{
    graph *g = b->g;
    if (b->status || !x || 8 % bits == 0) return quant_unpack(b, x, bits, keep);
    const type t = *build_type(b, x);
    sym bytes = t.dims[t.rank - 1], count = sym_div(g, sym_mul(g, bytes, sym_number(g, 8)), sym_number(g, bits));
    attr along = attr_of_int("axis", -1), right = attr_of_text("direction", "RIGHT");
    val i = build_op2(b, OP_Mul, attend_places(b, keep ? keep : count), build_scalar(b, QN_I64, (f64)bits));
    val last = attend_size(b, sym_sub(g, bytes, sym_one(g))), at = build_formula(b, "i / 8", "i", i);
    val high = build_node(b, OP_Gather, (const val[]){ x, build_formula(b, "Min(a + 1, l)", "al", at, last) }, 2, &along, 1);
    val low = build_node(b, OP_Gather, (const val[]){ x, at }, 2, &along, 1);
    val w = build_formula(b, "l + h * 256", "lh", build_cast(b, low, QN_U32), build_cast(b, high, QN_U32));
    val by = build_cast(b, build_formula(b, "i - a * 8", "ia", i, at), QN_U32);
    w = build_node(b, OP_BitShift, (const val[]){ w, by }, 2, &right, 1);
    return build_cast(b, build_op2(b, OP_BitwiseAnd, w, build_scalar(b, QN_U32, (f64)((1 << bits) - 1))), QN_U8);
}
