/* A tensor with all that it points to, as one block: its elements, then, of texts and of tensors in a row, what each of them holds. */
#include "base/base.h"

enum { ALIGN = 16 };

static bool add_rounded(u64 *sum, u64 bytes)
{
    u64 rounded;
    return add_u64(bytes, ALIGN - 1, &rounded) && add_u64(*sum, rounded / ALIGN * ALIGN, sum);
}

u64 tensor_room(const qn_tensor *t)
{
    u64 room = 0, n = qn_tensor_elems(t);
    bool fits = add_rounded(&room, qn_tensor_bytes(t));
    const qn_bytes *texts = t->data;
    const qn_tensor *inner = t->data;
    for (u64 i = 0; fits && t->dtype == QN_STRING && i < n; i++) fits = add_rounded(&room, texts[i].n);
    for (u64 i = 0; fits && dtype_is_list(t->dtype) && i < n; i++) fits = add_rounded(&room, tensor_room(&inner[i]));
    return fits ? room : UINT64_MAX;
}

bool tensor_has_texts(const qn_tensor *t)
{
    const qn_bytes *texts = t->data;
    u64 n = t->dtype == QN_STRING ? qn_tensor_elems(t) : 0, i = 0;
    while (i < n && (texts[i].data || !texts[i].n)) i++;
    return i == n;
}

static u8 *take(u8 **at, u64 bytes)
{
    u8 *from = *at;
    *at += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return from;
}

static void place(const qn_tensor *t, u8 **at, qn_tensor *out)
{
    u64 n = qn_tensor_elems(t), bytes = qn_tensor_bytes(t);
    u8 *data = take(at, bytes);
    qn_tensor from = *t; /* out may be t */
    *out = from;
    out->data = data;
    if (bytes) memcpy(data, from.data, (size_t)bytes);
    qn_bytes *texts = (qn_bytes *)(void *)data;
    qn_tensor *inner = (qn_tensor *)(void *)data;
    for (u64 i = 0; from.dtype == QN_STRING && i < n; i++) {
        u8 *text = take(at, texts[i].n);
        if (texts[i].n) memcpy(text, texts[i].data, texts[i].n);
        texts[i].data = text;
    }
    for (u64 i = 0; dtype_is_list(from.dtype) && i < n; i++) place(&inner[i], at, &inner[i]);
}

void tensor_place(const qn_tensor *t, void *room, qn_tensor *out)
{
    u8 *at = room;
    place(t, &at, out);
}

qn_status tensor_copy(arena *mem, const qn_tensor *t, qn_tensor *out)
{
    u64 bytes = tensor_room(t);
    void *room = arena_alloc(mem, MAX(bytes, 1));
    if (!room) return fail_nomem(bytes);
    tensor_place(t, room, out);
    return QN_OK;
}
