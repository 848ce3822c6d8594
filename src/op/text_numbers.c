/* Casts between texts and numbers, on the host. A text is a plain or scientific number ("100", "3.14", "1e-5"), or INF, +INF, -INF or NaN in
 * any case; for an integer what stands behind the point is cut off, and what is beyond 64 bits becomes the nearest that its type has.
 * A float is written with the fewest digits that read back as it. */
#include <math.h>
#include <stdio.h>

#include "op/narrow.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ NumberOfText */
static qn_status infer_number_of_text(infer *c)
{
    type y = type_with(infer_in(c, 0), node_dtype(c->n, "to", QN_NONE));
    return infer_out(c, 0, &y);
}

static bool read_float(const char *text, size_t n, qn_dtype to, f64 *out)
{
    const char *at = text;
    if (!number_read(&at, text + n, to, out) || at != text + n) return false;
    return !isnan(*out) || n == strlen("nan"); /* no sign */
}

/* Digits and a sign, in 64 bits; false: they spell more, or something else. */
static bool read_whole(const char *text, size_t n, qn_dtype to, u64 *out)
{
    bool minus = *text == '-';
    size_t at = minus || *text == '+';
    u64 size = 0;
    bool held = at < n;
    for (; at < n && held; at++)
        held = text[at] >= '0' && text[at] <= '9' && mul_u64(size, 10, &size) && add_u64(size, (u64)(text[at] - '0'), &size);
    *out = minus ? 0 - size : size;
    return held && size <= (minus ? 1ull << 63 : to == QN_U64 ? UINT64_MAX : INT64_MAX);
}

/* As a cast of a float: the nearest that the type has. */
static u64 whole_of(f64 v, qn_dtype to)
{
    bool wide = qn_dtype_bytes(to) == 8;
    f64 top = wide ? 0x1p63 : 0x1p31;
    i64 most = wide ? INT64_MAX : INT32_MAX;
    if (to == QN_U64 || to == QN_U32) return v <= 0 ? 0 : v >= 2 * top ? UINT64_MAX : (u64)v;
    return (u64)(v >= top ? most : v < -top ? -most - 1 : (i64)v);
}

/* A whole number keeps its low bits, as in a cast of an integer. */
static bool read_integer(const char *text, size_t n, qn_dtype to, u64 *out)
{
    f64 real;
    if (read_whole(text, n, to, out)) return true;
    if (!read_float(text, n, QN_F64, &real) || !isfinite(real)) return false;
    *out = whole_of(real, to);
    return true;
}

static bool read_number(const char *text, size_t n, qn_dtype to, void *out)
{
    f64 real;
    u64 bits;
    if (!dtype_is_float(to)) {
        if (!read_integer(text, n, to, &bits)) return false;
        memcpy(out, &bits, qn_dtype_bytes(to)); /* the low bytes come first */
        return true;
    }
    if (!read_float(text, n, to, &real)) return false;
    if (to == QN_F32) *(f32 *)out = (f32)real;
    else *(f64 *)out = real;
    return true;
}

qn_status number_of_text(host_call *h, u64 i, qn_bytes text, qn_dtype to, void *out)
{
    char *ended = arena_alloc(h->mem, text.n + 1);
    if (!ended) return fail_nomem(text.n + 1);
    if (text.n) memcpy(ended, text.data, text.n);
    ended[text.n] = 0;
    if (read_number(ended, text.n, to, out)) return QN_OK;
    return host_fail(h, QN_E_DATA, "text %llu, '%.40s', is no number for %s", (unsigned long long)i, ended,
                     qn_dtype_name(to));
}

static qn_status host_number_of_text(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u64 n = qn_tensor_elems(x);
    qn_dtype to = value_at(h->g, h->n->out[0])->type.dtype;
    u8 *y = host_out(h, 0, to, x->rank, x->dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0; i < n; i++) QN_TRY(number_of_text(h, i, ((const qn_bytes *)x->data)[i], to, y + i * qn_dtype_bytes(to)));
    return QN_OK;
}

const op_def op_NumberOfText = {
    .name = "NumberOfText",
    .domain = "quern",
    .doc = DOC("the numbers that texts spell"),
    .in = { { "x", "string" } },
    .out = { { "y", "f32|f64|i32|i64|u32|u64" } },
    .attrs = { NEEDED_DTYPE("to", "f32|f64|i32|i64|u32|u64") },
    .infer = infer_number_of_text,
    .host = host_number_of_text,
};

/* ------------------------------------------------------------------ TextOfNumber */
static qn_status infer_text_of_number(infer *c)
{
    type y = type_with(infer_in(c, 0), QN_STRING);
    return infer_out(c, 0, &y);
}

static void write_float(char *to, f64 v, qn_dtype d)
{
    if (isfinite(v)) number_print(to, v, d);
    else snprintf(to, NUMBER_BYTES, "%s", isnan(v) ? "NaN" : v > 0 ? "INF" : "-INF");
}

static bool write_number(char *to, qn_dtype d, const void *from)
{
    union {
        f32 f;
        f64 d;
        i64 i;
        u64 u;
        i32 narrow;
        u32 below;
    } x = { 0 };
    memcpy(&x, from, qn_dtype_bytes(d));
    switch (d) {
    case QN_F32: write_float(to, (f64)x.f, d); return true;
    case QN_F64: write_float(to, x.d, d); return true;
    case QN_I32: snprintf(to, NUMBER_BYTES, "%d", x.narrow); return true;
    case QN_I64: snprintf(to, NUMBER_BYTES, "%lld", (long long)x.i); return true;
    case QN_U32: snprintf(to, NUMBER_BYTES, "%u", x.below); return true;
    case QN_U64: snprintf(to, NUMBER_BYTES, "%llu", (unsigned long long)x.u); return true;
    default: return false;
    }
}

static qn_status host_text_of_number(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u64 n = qn_tensor_elems(x);
    qn_bytes *y = host_out(h, 0, QN_STRING, x->rank, x->dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0; i < n; i++) {
        char text[NUMBER_BYTES];
        if (!write_number(text, x->dtype, (const u8 *)x->data + i * qn_dtype_bytes(x->dtype)))
            return host_fail(h, QN_E_BUG, "%s has no spelling", qn_dtype_name(x->dtype));
        size_t length = strlen(text);
        char *kept = arena_alloc(h->mem, length + 1);
        if (!kept) return fail_nomem(length + 1);
        memcpy(kept, text, length + 1);
        y[i] = (qn_bytes){ kept, length };
    }
    return QN_OK;
}

const op_def op_TextOfNumber = {
    .name = "TextOfNumber",
    .domain = "quern",
    .doc = DOC("numbers as texts"),
    .in = { { "x", "f32|f64|i32|i64|u32|u64" } },
    .out = { { "y", "string" } },
    .infer = infer_text_of_number,
    .host = host_text_of_number,
};

/* ------------------------------------------------------------------ Cast */
/* The type that spells the numbers of another. */
static qn_dtype spelled_as(qn_dtype d)
{
    if (d == QN_F64 || d == QN_I64 || d == QN_U32 || d == QN_U64) return d;
    return dtype_is_float(d) || dtype_is_narrow_float(d) ? QN_F32 : QN_I32;
}

val text_cast(build *b, const node *n, val x, qn_dtype from, qn_dtype to)
{
    attr how[3] = { attr_of_int("to", dtype_to_onnx(to)), attr_of_int("saturate", attr_int(n, "saturate", 1)),
                    attr_of_text("round_mode", attr_text(b->g, n, "round_mode", "up")) };
    qn_dtype via = spelled_as(from == QN_STRING ? to : from);
    if (from != QN_STRING) return build_op1(b, OP_TextOfNumber, build_cast(b, x, via));
    attr number = attr_of_int("to", dtype_to_onnx(via));
    x = build_node(b, OP_NumberOfText, &x, 1, &number, 1);
    return via == to ? x : build_node(b, OP_Cast, &x, 1, how, 3);
}
