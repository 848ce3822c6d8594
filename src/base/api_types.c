/* The public names of statuses and element types, and the size of a tensor. Sizes that do not fit saturate at UINT64_MAX, so
 * a later comparison with a real size fails instead of wrapping. */
#include "base/base.h"

#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x

static const struct {
    qn_status code;
    const char *text;
} statuses[] = {
    { QN_OK, "ok" },
    { QN_E_USAGE, "usage" },
    { QN_E_NAME, "name" },
    { QN_E_SHAPE, "shape" },
    { QN_E_DTYPE, "type" },
    { QN_E_FORMAT, "format" },
    { QN_E_UNSUPPORTED, "unsupported" },
    { QN_E_KERNEL, "kernel source" },
    { QN_E_IO, "file" },
    { QN_E_NOMEM, "no memory" },
    { QN_E_NO_DEVICE, "no such device" },
    { QN_E_DEVICE, "device" },
    { QN_E_LOST, "device lost" },
    { QN_E_DATA, "value out of range" },
    { QN_E_BUG, "bug in quern" },
};

/* clang-format off */
static const struct { const char *name; u8 bytes; } dtypes[QN_DTYPE_COUNT] = {
    [QN_NONE] = { "none", 0 },
    [QN_F32]  = { "f32",  4 }, [QN_F16] = { "f16", 2 }, [QN_BF16] = { "bf16", 2 }, [QN_F64] = { "f64", 8 },
    [QN_I8]   = { "i8",   1 }, [QN_I16] = { "i16", 2 }, [QN_I32]  = { "i32",  4 }, [QN_I64] = { "i64", 8 },
    [QN_U8]   = { "u8",   1 }, [QN_U16] = { "u16", 2 }, [QN_U32]  = { "u32",  4 }, [QN_U64] = { "u64", 8 },
    [QN_BOOL] = { "bool", 1 },
    [QN_STRING] = { "string", sizeof(qn_bytes) },
    [QN_F8E4M3FN] = { "f8e4m3fn", 1 }, [QN_F8E4M3FNUZ] = { "f8e4m3fnuz", 1 }, [QN_F8E5M2] = { "f8e5m2", 1 },
    [QN_F8E5M2FNUZ] = { "f8e5m2fnuz", 1 }, [QN_F8E8M0] = { "f8e8m0", 1 }, [QN_F4E2M1] = { "f4e2m1", 1 },
    [QN_I4]   = { "i4", 1 }, [QN_U4] = { "u4", 1 }, [QN_I2] = { "i2", 1 }, [QN_U2] = { "u2", 1 },
    [QN_SEQUENCE] = { "sequence", sizeof(qn_tensor) }, [QN_OPTIONAL] = { "optional", sizeof(qn_tensor) },
    [QN_MAP] = { "map", sizeof(qn_tensor) }, [QN_C64] = { "c64", 8 }, [QN_C128] = { "c128", 16 },
};
static const u8 parts_of_a_byte[QN_DTYPE_COUNT] = { [QN_F4E2M1] = 4, [QN_I4] = 4, [QN_U4] = 4, [QN_I2] = 2, [QN_U2] = 2 }; /* bits */
/* clang-format on */

const char *qn_status_text(qn_status s)
{
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].code == s) return statuses[i].text;
    return "unknown status";
}

const char *qn_version(void)
{
    return TEXT_OF(QN_VERSION_MAJOR) "." TEXT_OF(QN_VERSION_MINOR) "." TEXT_OF(QN_VERSION_PATCH);
}

const char *qn_dtype_name(qn_dtype t) { return (u32)t < QN_DTYPE_COUNT ? dtypes[t].name : "unknown type"; }

size_t qn_dtype_bytes(qn_dtype t) { return (u32)t < QN_DTYPE_COUNT ? dtypes[t].bytes : 0; }

u32 dtype_bits(qn_dtype d)
{
    if (d == QN_STRING || dtype_is_list(d)) return 0;
    return parts_of_a_byte[d] ? parts_of_a_byte[d] : 8u * dtypes[d].bytes;
}

uint64_t qn_tensor_elems(const qn_tensor *t)
{
    if (!t) return 0;
    u64 elems = 1;
    bool fits = t->rank <= QN_MAX_RANK;
    for (u32 i = 0; i < t->rank && i < QN_MAX_RANK; i++) {
        if (t->dims[i] == 0) return 0;
        fits = fits && t->dims[i] > 0 && mul_u64(elems, (u64)t->dims[i], &elems);
    }
    return fits ? elems : UINT64_MAX;
}

uint64_t qn_tensor_bytes(const qn_tensor *t)
{
    if (!t) return 0;
    u64 bytes;
    return mul_u64(qn_tensor_elems(t), qn_dtype_bytes(t->dtype), &bytes) ? bytes : UINT64_MAX;
}
