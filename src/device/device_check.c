/* The checks that all backends share: sizes, alignment, overlap. They cost well under a microsecond, so they are always on. */
#include "device/device_check.h"

static const u8 scalar_bytes[] = {
    [KC_VOID] = 0, [KC_BOOL] = 1, [KC_I8] = 1,  [KC_I16] = 2, [KC_I32] = 4,  [KC_I64] = 8, [KC_U8] = 1,
    [KC_U16] = 2,  [KC_U32] = 4,  [KC_U64] = 8, [KC_F16] = 2, [KC_BF16] = 2, [KC_F32] = 4, [KC_F64] = 8,
};

u32 device_scalar_words(kc_scalar s) { return scalar_bytes[s] == 8 ? 2 : 1; }

u32 device_scalar_bytes(kc_type t) { return scalar_bytes[t.scalar] * (u32)MAX(t.lanes, 1); }

bool device_is_buffer(const kc_param *p) { return p->role == KC_IN || p->role == KC_OUT || p->role == KC_INOUT; }

qn_status device_compile(arena *a, const kc_program *p, const kc_options *o, kc_module **m, const kc_kernel **out)
{
    QN_TRY(kc_compile(a, p, o, m));
    *out = kc_kernel_find(*m, p->entry);
    if (*out) return QN_OK;
    const char *file = p->file ? p->file : "kernel";
    if (p->entry) return fail(QN_E_NAME, "%s: there is no MAP or KERNEL '%s'", file, p->entry);
    return fail(QN_E_NAME, "%s: has %u kernels; desc.entry must say which", file, kc_kernel_count(*m));
}

qn_status device_check_group(const qn_caps *caps, const kc_kernel *k)
{
    if (k->group > caps->max_group)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' has groups of %u; this device allows %u", k->name, k->group,
                    caps->max_group);
    if (k->shared_bytes > caps->group_memory_bytes)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' shares %llu bytes in a group; this device has %u", k->name,
                    (unsigned long long)k->shared_bytes, caps->group_memory_bytes);
    return QN_OK;
}

u32 device_args_of(const kc_kernel *k, u8 *out)
{
    u32 n = 0;
    for (u32 i = 0; i < k->n_params; i++) {
        const kc_param *p = &k->params[i];
        out[n++] = device_is_buffer(p) ? 0 : (u8)device_scalar_words((kc_scalar)p->type.scalar);
    }
    if (k->form == KC_MAP) out[n++] = 0;
    return n;
}

qn_status device_shape_of(const kc_kernel *k, prog_shape *out)
{
    prog_shape shape = { .form = k->form };
    for (u32 i = 0; i < k->n_params; i++) {
        const kc_param *p = &k->params[i];
        if (!device_is_buffer(p)) shape.n_words += device_scalar_words((kc_scalar)p->type.scalar);
        else if (shape.n_bufs < DEVICE_MAX_BUFFERS) shape.writes[shape.n_bufs++] = p->role != KC_IN;
        else shape.n_bufs = DEVICE_MAX_BUFFERS + 1;
    }
    if (k->form == KC_MAP && shape.n_bufs < DEVICE_MAX_BUFFERS) {
        shape.writes[shape.n_bufs] = 1;
        shape.result_bytes = device_scalar_bytes(k->result);
    }
    if (k->form == KC_MAP) shape.n_bufs++;
    if (shape.n_bufs > DEVICE_MAX_BUFFERS || shape.n_words > DEVICE_MAX_WORDS)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' takes more than %d buffers or %d words of scalars", k->name,
                    DEVICE_MAX_BUFFERS, DEVICE_MAX_WORDS);
    *out = shape;
    return QN_OK;
}

qn_status device_check_turns(const qn_caps *caps, const kc_module *m, const kc_kernel *k, const kc_launch_facts *facts)
{
    u64 each, together = k->form == KC_MAP ? 16 / device_scalar_bytes(k->result) : 0;
    if (!caps->max_turns || !together) return QN_OK;
    QN_TRY(kc_turns(m, k, facts, &each));
    if (each == KC_TURNS_UNKNOWN || each < caps->max_turns / together - 1) return QN_OK;
    return fail(QN_E_UNSUPPORTED,
                "the loops of kernel '%s' may take %llu turns for an element, and this device ends them after %u for the "
                "%llu that fill 16 bytes; other devices have no such end",
                k->name, (unsigned long long)each, caps->max_turns, (unsigned long long)together);
}

qn_status device_check_span(const char *what, u64 at, u64 bytes, u64 buffer_bytes)
{
    if (at <= buffer_bytes && bytes <= buffer_bytes - at) return QN_OK;
    return fail(QN_E_USAGE, "cannot %s %llu bytes at %llu: the buffer has %llu", what, (unsigned long long)bytes,
                (unsigned long long)at, (unsigned long long)buffer_bytes);
}

static bool overlap(const buf_view *a, const buf_view *b)
{
    return a->buf == b->buf && a->bytes && b->bytes && a->at < b->at + b->bytes && b->at < a->at + a->bytes;
}

static qn_status check_overlap(const qn_launch *l, const prog_shape *shape)
{
    for (u32 i = 0; i < l->n_bufs; i++) {
        if (!shape->writes[i]) continue;
        for (u32 k = 0; k < l->n_bufs; k++)
            if (k != i && overlap(&l->bufs[i], &l->bufs[k]))
                return fail(QN_E_USAGE, "launch: buffer %u is written and overlaps buffer %u", i, k);
    }
    return QN_OK;
}

qn_status device_check_launch(qn_device *d, const qn_launch *l, const prog_shape *shape,
                              bool (*buf_bytes)(qn_device *d, qn_buf b, u64 *out))
{
    if (l->n_bufs != shape->n_bufs || l->n_words != shape->n_words)
        return fail(QN_E_BUG, "launch: %u buffers and %u words for a program that takes %u and %u", l->n_bufs, l->n_words,
                    shape->n_bufs, shape->n_words);
    if (l->count > UINT32_MAX)
        return fail(QN_E_SHAPE, "launch: %llu elements or groups are more than 32 bits count", (unsigned long long)l->count);
    for (u32 i = 0; i < l->n_bufs; i++) {
        const buf_view *v = &l->bufs[i];
        u64 bytes;
        if (!buf_bytes(d, v->buf, &bytes)) return fail(QN_E_BUG, "launch: buffer %u does not exist", i);
        if (v->at % DEVICE_VIEW_ALIGN)
            return fail(QN_E_BUG, "launch: buffer %u starts at %llu, not a multiple of %d", i, (unsigned long long)v->at,
                        DEVICE_VIEW_ALIGN);
        if (v->at > bytes || v->bytes > bytes - v->at)
            return fail(QN_E_BUG, "launch: buffer %u: its view ends past the buffer", i);
    }
    if (shape->form == KC_MAP && shape->result_bytes && l->count > l->bufs[l->n_bufs - 1].bytes / shape->result_bytes)
        return fail(QN_E_SHAPE, "launch: %llu elements do not fit into the output's %llu bytes",
                    (unsigned long long)l->count, (unsigned long long)l->bufs[l->n_bufs - 1].bytes);
    return check_overlap(l, shape);
}
