/* What a page puts into a model and takes out of it: tensors of numbers and of texts, and sequences, optionals and maps of such. */
#include "web/web_private.h"

void web_place_free(web_place *p)
{
    for (u32 i = 0; i < p->room; i++) web_place_free(&p->items[i]);
    mem_free(p->items);
    mem_free(p->data);
}

/* At least as large as asked for; what stood there is lost. */
static bool grow(web_place *p, u64 bytes)
{
    if (p->data && p->bytes >= bytes) return true;
    mem_free(p->data);
    p->data = mem_alloc(bytes);
    p->bytes = p->data ? bytes : 0;
    return p->data || web_ok(fail(QN_E_NOMEM, "an input of %llu bytes does not fit", (unsigned long long)bytes));
}

/* Places that are there already keep what they own. */
static bool grow_items(web_place *p, u32 n)
{
    if (n <= p->room) return true;
    web_place *items = mem_zalloc((size_t)n * sizeof *items);
    if (!items) return web_ok(fail_nomem((u64)n * sizeof *items));
    if (p->room) memcpy(items, p->items, p->room * sizeof *items);
    mem_free(p->items);
    p->items = items, p->room = n;
    return true;
}

static bool describe(web_place *p, u32 dtype, u32 rank, const u32 *dims)
{
    p->fed = false;
    if (dtype >= QN_DTYPE_COUNT || rank > QN_MAX_RANK) return web_ok(fail(QN_E_USAGE, "an input has no such type or rank"));
    p->tensor = (qn_tensor){ .dtype = (qn_dtype)dtype, .rank = rank };
    for (u32 i = 0; i < rank; i++) p->tensor.dims[i] = dims[i];
    return true;
}

/* ---- in */

static web_place *place_of(web_session *s, u32 index)
{
    if (index < qn_input_count(s->session)) return &s->inputs[index];
    web_ok(fail(QN_E_USAGE, "there is no input number %u", index));
    return NULL;
}

static bool bind(web_session *s, u32 index, qn_buffer *b)
{
    web_place *p = place_of(s, index);
    if (!p || b == p->from) return p;
    if (!web_ok(qn_bind_input(s->session, qn_input_info(s->session, index)->name, b))) return false;
    p->from = b;
    return true;
}

void *qw_input(void *session, u32 index) { return bind(session, index, NULL) ? place_of(session, index) : NULL; }

void *qw_feed(void *place, u32 dtype, u32 rank, const u32 *dims)
{
    web_place *p = place;
    if (!describe(p, dtype, rank, dims)) return NULL;
    if (p->tensor.dtype == QN_STRING ||
        dtype_is_list(p->tensor.dtype)) { /* it would be pointers, which a page cannot make */
        web_ok(fail(QN_E_USAGE, "a page cannot give a %s as bytes", qn_dtype_name(p->tensor.dtype)));
        return NULL;
    }
    if (!grow(p, qn_tensor_bytes(&p->tensor))) return NULL;
    p->tensor.data = p->data;
    p->fed = true;
    return p->data;
}

static bool total_bytes(const qn_tensor *t, const u32 *lengths, u64 *out)
{
    u64 n = qn_tensor_elems(t);
    bool fits = mul_u64(n, sizeof(qn_bytes), out);
    for (u64 i = 0; i < n && fits; i++) fits = add_u64(*out, lengths[i], out);
    return fits || web_ok(fail_nomem(n));
}

u32 qw_feed_texts(void *place, u32 rank, const u32 *dims, const u32 *lengths, const char *texts)
{
    web_place *p = place;
    u64 bytes = 0;
    if (!describe(p, QN_STRING, rank, dims) || !total_bytes(&p->tensor, lengths, &bytes) || !grow(p, bytes)) return false;
    qn_bytes *items = p->data;
    u64 n = qn_tensor_elems(&p->tensor), at = 0;
    char *copy = (char *)(items + n);
    memcpy(copy, texts, (size_t)(bytes - n * sizeof *items));
    for (u64 i = 0; i < n; i++, at += lengths[i - 1]) items[i] = (qn_bytes){ copy + at, lengths[i] };
    p->tensor.data = items;
    return p->fed = true;
}

u32 qw_feed_list(void *place, u32 dtype, u32 n)
{
    web_place *p = place;
    if (!dtype_is_list(dtype)) return web_ok(fail(QN_E_USAGE, "a list is a sequence, an optional or a map"));
    if (!describe(p, dtype, 1, &n) || !grow_items(p, n) || !grow(p, qn_tensor_bytes(&p->tensor))) return false;
    for (u32 i = 0; i < n; i++) p->items[i].fed = false;
    p->tensor.data = p->data;
    return p->fed = true;
}

void *qw_item(void *place, u32 i)
{
    web_place *p = place;
    if (p->fed && dtype_is_list(p->tensor.dtype) && i < p->tensor.dims[0]) return &p->items[i];
    web_ok(fail(QN_E_USAGE, "an input has no item number %u", i));
    return NULL;
}

bool web_place_whole(web_place *p, const char *name)
{
    if (!p->fed) return web_ok(fail(QN_E_USAGE, "input '%s': an item was not given", name));
    if (!dtype_is_list(p->tensor.dtype)) return true;
    qn_tensor *items = p->data;
    for (u32 i = 0; i < p->tensor.dims[0]; i++) {
        if (!web_place_whole(&p->items[i], name)) return false;
        items[i] = p->items[i].tensor;
    }
    return true;
}

u32 qw_feed_buffer(void *session, u32 index, u32 dtype, u32 rank, const u32 *dims, qn_buffer *b)
{
    web_place *p = place_of(session, index);
    if (!p || !describe(p, dtype, rank, dims) || !bind(session, index, b)) return false;
    return p->fed = true;
}

/* ---- out */

static const char *output_name(const web_session *s, u32 index)
{
    if (index < qn_output_count(s->session)) return qn_output_info(s->session, index)->name;
    web_ok(fail(QN_E_USAGE, "there is no output number %u", index));
    return NULL;
}

u32 qw_keep(void *session, u32 index, u32 keep)
{
    const web_session *s = session;
    const char *name = output_name(s, index);
    return name && web_ok(qn_keep_output(s->session, name, keep));
}

qn_buffer *qw_take(void *session, u32 index)
{
    const web_session *s = session;
    const char *name = output_name(s, index);
    qn_buffer *b = NULL;
    if (name) web_ok(qn_take_output(s->session, name, &b));
    return b;
}

const qn_tensor *qw_output(void *session, u32 index)
{
    const qn_tensor *t = NULL;
    web_ok(qn_output_at(((web_session *)session)->session, index, &t));
    return t;
}

u32 qw_tensor_dtype(const qn_tensor *t) { return (u32)t->dtype; }
u32 qw_tensor_rank(const qn_tensor *t) { return t->rank; }
f64 qw_tensor_dim(const qn_tensor *t, u32 axis) { return axis < t->rank ? (f64)t->dims[axis] : 0; }
f64 qw_tensor_bytes(const qn_tensor *t) { return (f64)qn_tensor_bytes(t); }
const void *qw_tensor_data(const qn_tensor *t) { return t->data; }
const char *qw_tensor_text(const qn_tensor *t, u32 i) { return ((const qn_bytes *)t->data)[i].data; }
u32 qw_tensor_text_bytes(const qn_tensor *t, u32 i) { return (u32)((const qn_bytes *)t->data)[i].n; }
const qn_tensor *qw_tensor_item(const qn_tensor *t, u32 i) { return (const qn_tensor *)t->data + i; }
