/* Constants whose elements are not in memory: what is to be done to them when they are read. */
#include "graph/graph.h"

u64 outside_channel(const outside *o, u64 i)
{
    if (!o->group_elems) return i / o->inner % o->channels;
    return i / o->group_elems * o->group_channels + i / o->inner % o->group_channels;
}

static void scale_f32(const outside *o, u8 *data, u64 from, u64 n)
{
    for (u64 i = 0; i < n; i++) {
        f32 v;
        memcpy(&v, data + 4 * i, sizeof v);
        v = (f32)((f64)v * o->scale[outside_channel(o, from + i)]);
        memcpy(data + 4 * i, &v, sizeof v);
    }
}

static void scale_bf16(const outside *o, u8 *data, u64 from, u64 n)
{
    for (u64 i = 0; i < n; i++) {
        u16 v;
        memcpy(&v, data + 2 * i, sizeof v);
        v = bf16_from_f32((f32)((f64)bf16_to_f32(v) * o->scale[outside_channel(o, from + i)]));
        memcpy(data + 2 * i, &v, sizeof v);
    }
}

/* Files have truth as any byte; here it is 0 or 1. */
static void make_truth(u8 *data, u64 n)
{
    for (u64 i = 0; i < n; i++) data[i] = data[i] != 0;
}

void outside_unpack(const outside *o, const u8 *from, u8 *to, u64 n)
{
    u32 bits = o->packed_bits, mask = (1u << bits) - 1;
    for (u64 i = 0; i < n; i++) {
        u32 v = (u32)from[i * bits / 8] >> i * bits % 8 & mask;
        to[i] = (u8)(o->packed_signed && v >> (bits - 1) ? v | ~mask : v);
    }
}

void outside_apply(const outside *o, qn_dtype d, void *data, u64 from, u64 n)
{
    if (d == QN_BOOL) make_truth(data, n);
    if (!o->scale) return;
    if (d == QN_F32) scale_f32(o, data, from, n);
    else scale_bf16(o, data, from, n);
}
