/* Arrays of floats in another width: what a caller does to the inputs and outputs of a model in f16 or bf16. */
#include "base/base.h"

static bool is_float(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16; }

static f32 load(qn_dtype d, const u8 *from)
{
    f32 v;
    u16 half;
    if (d == QN_F32) return memcpy(&v, from, sizeof v), v;
    memcpy(&half, from, sizeof half);
    return d == QN_F16 ? f16_to_f32(half) : bf16_to_f32(half);
}

static void store(qn_dtype d, f32 v, u8 *to)
{
    u16 half = d == QN_F16 ? f16_from_f32(v) : bf16_from_f32(v);
    if (d == QN_F32) memcpy(to, &v, sizeof v);
    else memcpy(to, &half, sizeof half);
}

qn_status qn_convert_floats(qn_dtype from_type, const void *from, qn_dtype to_type, void *to, size_t n)
{
    if (!is_float(from_type) || !is_float(to_type))
        return fail(QN_E_DTYPE, "qn_convert_floats: from %s to %s; it knows f32, f16 and bf16", qn_dtype_name(from_type),
                    qn_dtype_name(to_type));
    if (n && (!from || !to)) return fail(QN_E_USAGE, "qn_convert_floats: two places are needed");
    size_t from_bytes = qn_dtype_bytes(from_type), to_bytes = qn_dtype_bytes(to_type);
    if (from_type == to_type) memmove(to, from, n * to_bytes);
    else
        for (size_t i = 0; i < n; i++)
            store(to_type, load(from_type, (const u8 *)from + i * from_bytes), (u8 *)to + i * to_bytes);
    return QN_OK;
}
