/* Models for a page: the file's bytes belong to the session, and so do the places where inputs are put. */
#include "web/web_private.h"

#define FROM_PAGE(name) __attribute__((import_module("quern"), import_name(#name)))
/* Said while a session opens: `tag` as given to qw_session_open. 0 cancels. */
FROM_PAGE(progress) extern u32 page_progress(u32 tag, const char *stage, f64 part);

static bool progress(void *user, const char *stage, double part)
{
    const web_session *s = user;
    return page_progress(s->tag, stage, part) != 0;
}

static bool make_inputs(web_session *s)
{
    u32 n = qn_input_count(s->session);
    s->inputs = mem_zalloc((n + 1) * sizeof *s->inputs);
    return s->inputs || web_ok(fail_nomem(n * sizeof *s->inputs));
}

static web_session *make(u32 tag)
{
    web_session *s = mem_zalloc(sizeof *s);
    if (!s) web_ok(fail_nomem(sizeof *s));
    else s->tag = tag;
    return s;
}

static qn_session_desc describe_session(web_session *s, qn_device *d, u32 flags)
{
    return (qn_session_desc){ .device = d,
                              .no_optimize = flags & QW_NO_OPTIMIZE,
                              .inspect_only = flags & QW_INSPECT_ONLY,
                              .profile = flags & QW_PROFILE,
                              .stepwise = true,
                              .progress = progress,
                              .progress_user = s };
}

void *qw_session_open(qn_device *d, void *bytes, u32 n, u32 flags, u32 tag)
{
    web_session *s = make(tag);
    if (!s) {
        mem_free(bytes);
        return NULL;
    }
    s->file = bytes;
    qn_session_desc desc = describe_session(s, d, flags);
    desc.bytes = (qn_bytes){ bytes, n };
    if (web_ok(qn_session_open(&desc, &s->session)) && make_inputs(s)) return s;
    qw_session_close(s);
    return NULL;
}

void *qw_session_begin(qn_device *d, f64 bytes, u32 flags, u32 tag)
{
    web_session *s = make(tag);
    if (!s) return NULL;
    qn_session_desc desc = describe_session(s, d, flags);
    desc.piecewise = (u64)bytes;
    if (web_ok(qn_session_open(&desc, &s->session))) return s;
    qw_session_close(s);
    return NULL;
}

const char *qw_session_want(void *session)
{
    web_session *s = session;
    qn_piece piece;
    bool open;
    if (!web_ok(qn_session_want(s->session, &piece, &open))) return NULL;
    if (open && !s->inputs && !make_inputs(s)) return NULL;
    json *j = web_json('{');
    json_bool(j, "open", open);
    json_text(j, "file", piece.file);
    json_integer(j, "at", (i64)piece.at);
    json_integer(j, "bytes", (i64)piece.bytes);
    return web_json_end('{');
}

u32 qw_session_busy(const void *session) { return qn_session_busy(((const web_session *)session)->session); }

u32 qw_session_give(void *session, const void *data)
{
    return web_ok(qn_session_give(((web_session *)session)->session, data));
}

void qw_session_close(void *session)
{
    web_session *s = session;
    if (!s) return;
    u32 n = s->inputs ? qn_input_count(s->session) : 0;
    for (u32 i = 0; i < n; i++) mem_free(s->inputs[i].data);
    mem_free(s->inputs);
    qn_session_close(s->session);
    mem_free(s->file);
    mem_free(s);
}

u32 qw_session_reserve(void *session, const char *dim_name, f64 size)
{
    return web_ok(qn_reserve(((web_session *)session)->session, dim_name, (i64)size));
}

/* ---- runs */

/* At least as large as asked for; what stood there is lost. */
static bool grow(web_input *in, u64 bytes)
{
    if (in->data && in->bytes >= bytes) return true;
    mem_free(in->data);
    in->data = mem_alloc(bytes);
    in->bytes = in->data ? bytes : 0;
    return in->data || web_ok(fail(QN_E_NOMEM, "an input of %llu bytes does not fit", (unsigned long long)bytes));
}

static web_input *describe(web_session *s, u32 index, u32 dtype, u32 rank, const u32 *dims)
{
    if (index >= qn_input_count(s->session) || dtype >= QN_DTYPE_COUNT || rank > QN_MAX_RANK) {
        web_ok(fail(QN_E_USAGE, "input %u: no such input, type or rank", index));
        return NULL;
    }
    web_input *in = &s->inputs[index];
    in->fed = false;
    in->tensor = (qn_tensor){ .dtype = (qn_dtype)dtype, .rank = rank };
    for (u32 i = 0; i < rank; i++) in->tensor.dims[i] = dims[i];
    return in;
}

static bool bind(web_session *s, u32 index, web_input *in, qn_buffer *b)
{
    if (b == in->from) return true;
    if (!web_ok(qn_bind_input(s->session, qn_input_info(s->session, index)->name, b))) return false;
    in->from = b;
    return true;
}

void *qw_feed(void *session, u32 index, u32 dtype, u32 rank, const u32 *dims)
{
    web_session *s = session;
    if (dtype < QN_DTYPE_COUNT && dtype_is_for_host((qn_dtype)dtype)) { /* it would be pointers, which a page cannot make */
        web_ok(fail(QN_E_UNSUPPORTED, "input %u: a page cannot give a %s as bytes", index, qn_dtype_name((qn_dtype)dtype)));
        return NULL;
    }
    web_input *in = describe(s, index, dtype, rank, dims);
    if (!in || !bind(s, index, in, NULL) || !grow(in, qn_tensor_bytes(&in->tensor))) return NULL;
    in->tensor.data = in->data;
    in->fed = true;
    return in->data;
}

static bool total_bytes(const qn_tensor *t, const u32 *lengths, u64 *out)
{
    u64 n = qn_tensor_elems(t);
    bool fits = mul_u64(n, sizeof(qn_bytes), out);
    for (u64 i = 0; i < n && fits; i++) fits = add_u64(*out, lengths[i], out);
    return fits || web_ok(fail_nomem(n));
}

u32 qw_feed_texts(void *session, u32 index, u32 rank, const u32 *dims, const u32 *lengths, const char *texts)
{
    web_session *s = session;
    u64 bytes = 0;
    web_input *in = describe(s, index, QN_STRING, rank, dims);
    if (!in || !bind(s, index, in, NULL) || !total_bytes(&in->tensor, lengths, &bytes) || !grow(in, bytes)) return false;
    qn_bytes *items = in->data;
    u64 n = qn_tensor_elems(&in->tensor), at = 0;
    char *copy = (char *)(items + n);
    memcpy(copy, texts, (size_t)(bytes - n * sizeof *items));
    for (u64 i = 0; i < n; i++, at += lengths[i - 1]) items[i] = (qn_bytes){ copy + at, lengths[i] };
    in->tensor.data = items;
    return in->fed = true;
}

u32 qw_feed_buffer(void *session, u32 index, u32 dtype, u32 rank, const u32 *dims, qn_buffer *b)
{
    web_session *s = session;
    web_input *in = describe(s, index, dtype, rank, dims);
    if (!in || !bind(s, index, in, b)) return false;
    return in->fed = true;
}

u32 qw_keep(void *session, u32 index, qn_buffer *b)
{
    const qn_session *s = ((web_session *)session)->session;
    if (index >= qn_output_count(s)) return web_ok(fail(QN_E_USAGE, "there is no output number %u", index));
    return web_ok(qn_bind_output(((web_session *)session)->session, qn_output_info(s, index)->name, b));
}

f64 qw_run(void *session)
{
    web_session *s = session;
    u32 n = qn_input_count(s->session);
    qn_named *in = mem_alloc((n + 1) * sizeof *in);
    if (!in) {
        web_ok(fail_nomem(n * sizeof *in));
        return 0;
    }
    size_t fed = 0;
    for (u32 i = 0; i < n; i++)
        if (s->inputs[i].fed) in[fed++] = (qn_named){ qn_input_info(s->session, i)->name, s->inputs[i].tensor };
    qn_ticket t = 0;
    bool started = web_ok(qn_run(s->session, in, fed, &t));
    mem_free(in);
    return started ? (f64)t : 0;
}

u32 qw_poll(void *session, f64 ticket)
{
    bool done = false;
    if (!web_ok(qn_poll(((web_session *)session)->session, (qn_ticket)ticket, &done))) return 2;
    return done;
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
