/* Weights whose elements are not in memory, on their way to the device: asked for one piece after the other, and written as they come.
 * In: what exec_make found that is outside, and what it wrote. Out: every slot of a weight has its bytes, on the device, or on the host where
 * only the host uses it; and the device has said that it took them. */
#include "exec/exec.h"

enum {
    PIECE = 4 << 20,
    QUEUED = 32 << 20, /* bytes that a device may hold back before it is waited for */
};

qn_status load_add(exec *x, const loading *l)
{
    if (l->bytes == 0) return QN_OK;
    if (!ARENA_PUSH_ROOM(x->mem, x->loads, x->n_loads, x->cap_loads, 1u << 24)) return fail_nomem(sizeof *l);
    x->loads[x->n_loads++] = *l;
    x->load_total += l->bytes;
    return QN_OK;
}

/* Has the device taken what it was given? */
static qn_status device_ready(exec *x, bool *ready)
{
    *ready = true;
    if (!x->waiting) return QN_OK;
    QN_TRY(x->b->poll(x->device, x->waiting, ready));
    if (*ready) x->waiting = 0;
    return QN_OK;
}

qn_status load_want(exec *x, qn_piece *out, bool *done)
{
    bool ready;
    *out = (qn_piece){ 0 };
    *done = false;
    QN_TRY(device_ready(x, &ready));
    if (!ready) return QN_OK;
    if (x->load_at == x->n_loads) {
        *done = !x->load_queued;
        x->load_queued = 0;
        return *done ? QN_OK : x->b->flush(x->device, &x->waiting);
    }
    const loading *l = &x->loads[x->load_at];
    *out = (qn_piece){ l->from->file, l->from->at + x->load_done, MIN(l->bytes - x->load_done, (u64)PIECE) };
    return QN_OK;
}

static u64 expansion(const loading *l) { return l->from->packed_bits ? 8 / l->from->packed_bits : 1; }

/* As they come, or changed as a pass wanted, or unpacked: `bytes` of the device's form. */
static qn_status prepared(exec *x, const loading *l, qn_bytes piece, u64 at, u64 bytes, const void **out)
{
    const outside *o = l->from;
    *out = piece.data;
    if (!o->scale && !o->packed_bits && l->dtype != QN_BOOL) return QN_OK;
    u64 room = PIECE * expansion(l);
    if (x->load_room_bytes < room) x->load_room = arena_alloc(x->mem, room), x->load_room_bytes = x->load_room ? room : 0;
    if (!x->load_room) return fail_nomem(room);
    u64 each = qn_dtype_bytes(l->dtype);
    if (o->packed_bits) outside_unpack(o, piece.data, x->load_room, bytes);
    else memcpy(x->load_room, piece.data, piece.n);
    outside_apply(o, l->dtype, x->load_room, at / each, bytes / each);
    *out = x->load_room;
    return QN_OK;
}

f64 load_part(const exec *x) { return x->load_total ? (f64)x->loaded / (f64)x->load_total : 1; }

qn_status load_give(exec *x, const void *data, u64 n)
{
    const loading *l = &x->loads[x->load_at];
    u64 at = x->load_done * expansion(l), bytes = MIN(n * expansion(l), l->elems * qn_dtype_bytes(l->dtype) - at);
    QN_TRY(prepared(x, l, (qn_bytes){ data, (size_t)n }, at, bytes, &data));
    if (l->host) memcpy(l->host + at, data, (size_t)bytes);
    if (l->buf) QN_TRY(x->b->write(x->device, l->buf, at, (qn_bytes){ data, (size_t)bytes }));
    x->load_queued += l->buf ? bytes : 0;
    x->load_done += n, x->loaded += n;
    if (x->load_done == l->bytes) x->load_at++, x->load_done = 0;
    if (x->load_queued < QUEUED) return QN_OK;
    x->load_queued = 0;
    return x->b->flush(x->device, &x->waiting);
}
