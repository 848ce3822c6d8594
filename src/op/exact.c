/* Whole numbers below 2^24 are exact in f32, and so are their sums, in any order, while none of them can reach that. Products of 8-bit integers
 * are at most 255 * 255, so 258 of them can be added up by the kernels of floats, which are many times as fast as those of integers; of signed
 * weights without a zero point it is 514. Longer sums are taken apart, and their parts, made integers, added up. */
#include "op/exact.h"
#include "op/op_util.h"

enum { EXACT = 1 << 24, MAX_PARTS = 32 };

qn_status exact_check_zero(const infer *c, const type *x, const type *zero, u32 along)
{
    if (!zero) return QN_OK;
    type z = *zero, all = *x;
    if (z.rank == 1 && along < x->rank) {
        z.rank = (u8)(x->rank - along);
        for (u32 d = 1; d < z.rank; d++) z.dims[d] = sym_one(c->g);
    }
    QN_TRY(infer_broadcast(c, x, &z, &all));
    bool fits = all.rank == x->rank;
    for (u32 d = 0; d < x->rank && fits; d++) fits = !infer_differ(c->g, all.dims[d], x->dims[d]);
    return fits ? QN_OK : infer_fail(c, QN_E_SHAPE, "the zero points do not fit their factor");
}

/* How large a number of it may be. */
static i64 reach(const build *b, const exact_factor *f)
{
    bool is_signed = build_type(b, f->x)->dtype == QN_I8;
    i64 low = is_signed ? -128 : 0, high = low + 255;
    f64 zero = 0;
    if (f->zero && !constant_f64(b->g, f->zero, &zero)) return 255;
    return MAX(high - (i64)zero, (i64)zero - low);
}

static val shifted(build *b, const exact_factor *f, qn_dtype d)
{
    f64 zero;
    val x = build_cast(b, f->x, d);
    bool none = !f->zero || (constant_f64(b->g, f->zero, &zero) && zero == 0);
    return !none ? build_op2(b, OP_Sub, x, build_cast(b, f->zero, d)) : x;
}

static val part_of(build *b, val x, const exact_factor *f, i64 from, i64 to, i64 all)
{
    if (to - from == all) return x;
    return build_slice(b, x, f->axis, sym_number(b->g, from), sym_number(b->g, to));
}

val exact_zero(build *b, val zero)
{
    f64 all;
    if (b->status || !zero || !constant_f64(b->g, zero, &all)) return zero;
    return build_scalar(b, build_type(b, zero)->dtype, all);
}

val exact_products(build *b, op_id op, const exact_factor *left, const exact_factor *right, i64 taps, bool whole,
                   const attr *attrs, u32 n_attrs)
{
    i64 length;
    if (b->status) return 0;
    bool known = taps > 0 && sym_is_number(b->g, build_type(b, right->x)->dims[right->axis], &length);
    i64 most = known ? EXACT / (reach(b, left) * reach(b, right)) / taps : 0;
    if (most < 1 || length > most * (whole ? 1 : MAX_PARTS)) {
        const val in[] = { shifted(b, left, QN_I32), shifted(b, right, QN_I32) };
        return build_node(b, op, in, 2, attrs, n_attrs);
    }
    i64 parts = MAX((length + most - 1) / most, 1), step = MAX((length + parts - 1) / parts, 1);
    val x = shifted(b, left, QN_F32), w = shifted(b, right, QN_F32), sum = 0;
    for (i64 at = 0; at < MAX(length, 1); at += step) {
        i64 end = MIN(at + step, length);
        const val in[] = { part_of(b, x, left, at, end, length), part_of(b, w, right, at, end, length) };
        sum = build_op2(b, OP_Add, sum, build_cast(b, build_node(b, op, in, 2, attrs, n_attrs), QN_I32));
    }
    return sum;
}
