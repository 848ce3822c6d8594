/* What the records' host functions answer with: room for an output, or a sentence. */
#include <assert.h>

#include "op/op.h"

void *host_out(host_call *h, u32 i, qn_dtype d, u32 rank, const i64 *dims)
{
    assert(i < COUNT(h->out) && rank <= QN_MAX_RANK);
    qn_tensor t = { .dtype = d, .rank = rank };
    if (rank) memcpy(t.dims, dims, rank * sizeof *dims);
    u64 bytes = qn_tensor_bytes(&t);
    void *data = arena_zalloc(h->mem, bytes);
    if (!data) {
        fail_nomem(bytes);
        return NULL;
    }
    t.data = data;
    h->out[i] = t;
    return data;
}

qn_status host_fail(const host_call *h, qn_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    op_fail(h->n, code, format, args);
    va_end(args);
    return code;
}
