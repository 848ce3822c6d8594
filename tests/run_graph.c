/* Graphs and tensors for tests: nothing here waits or knows a system, so a page runs it too. */
#include "run_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pass/pass.h"

/* ------------------------------------------------------------------ numbers */

static u64 next_random(u64 *seed)
{
    *seed += 0x9e3779b97f4a7c15ull;
    u64 z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static f64 uniform(u64 *seed) { return (f64)(next_random(seed) >> 11) / 9007199254740992.0; }
static f64 normal(u64 *seed) { return sqrt(-2 * log(1 - uniform(seed))) * cos(6.283185307179586 * uniform(seed)); }
static bool is_float(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16 || d == QN_F64; }

static void put(qn_tensor *t, u64 i, f64 v, i64 whole)
{
    u8 *at = (u8 *)(uintptr_t)t->data + i * qn_dtype_bytes(t->dtype);
    f32 f = (f32)v;
    u16 half = t->dtype == QN_F16 ? f16_from_f32(f) : bf16_from_f32(f);
    switch (t->dtype) {
    case QN_F32: memcpy(at, &f, 4); return;
    case QN_F64: memcpy(at, &v, 8); return;
    case QN_F16:
    case QN_BF16: memcpy(at, &half, 2); return;
    case QN_BOOL: *at = whole != 0; return;
    default: memcpy(at, &whole, qn_dtype_bytes(t->dtype)); return; /* little endian */
    }
}

f64 tensor_number(const qn_tensor *t, u64 i)
{
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    f32 f;
    f64 d;
    u16 half;
    i64 whole = 0;
    switch (t->dtype) {
    case QN_F32: memcpy(&f, at, 4); return (f64)f;
    case QN_F64: memcpy(&d, at, 8); return d;
    case QN_F16: memcpy(&half, at, 2); return (f64)f16_to_f32(half);
    case QN_BF16: memcpy(&half, at, 2); return (f64)bf16_to_f32(half);
    case QN_I8: return (i8)*at;
    case QN_I16: memcpy(&half, at, 2); return (i16)half;
    case QN_I32: memcpy(&whole, at, 4); return (i32)whole;
    case QN_I64: memcpy(&whole, at, 8); return (f64)whole;
    default: memcpy(&whole, at, qn_dtype_bytes(t->dtype)); return (f64)(u64)whole;
    }
}

static bool same_shape(const qn_tensor *a, const qn_tensor *b)
{
    return a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof(i64));
}

f64 relative_error(const qn_tensor *a, const qn_tensor *b)
{
    if (!same_shape(a, b)) return 1e30;
    f64 diff = 0, norm = 0;
    for (u64 i = 0, n = qn_tensor_elems(a); i < n; i++) {
        f64 x = tensor_number(a, i), y = tensor_number(b, i);
        if (isnan(x) || isnan(y) || isinf(x) || isinf(y)) {
            if (!(isnan(x) && isnan(y)) && x != y) return 1e30;
            continue;
        }
        diff += (x - y) * (x - y), norm += y * y;
    }
    return diff == 0 ? 0 : sqrt(diff / (norm > 0 ? norm : 1));
}

/* ------------------------------------------------------------------ tensors from cases */

static qn_dtype dtype_named(const char *at, size_t n)
{
    for (int d = 1; d < QN_DTYPE_COUNT; d++)
        if (strlen(qn_dtype_name((qn_dtype)d)) == n && !strncmp(qn_dtype_name((qn_dtype)d), at, n)) return (qn_dtype)d;
    return QN_NONE;
}

static qn_status parse_dims(const char **at, qn_tensor *out)
{
    if (**at != '[') return fail(QN_E_FORMAT, "case: '[' expected at '%s'", *at);
    for (++*at; **at && **at != ']';) {
        char *end;
        if (out->rank == QN_MAX_RANK) return fail(QN_E_FORMAT, "case: rank too large");
        out->dims[out->rank++] = strtoll(*at, &end, 10);
        if (end == *at) return fail(QN_E_FORMAT, "case: a number expected at '%s'", *at);
        *at = *end == ',' ? end + 1 : end;
    }
    if (**at == ']') ++*at;
    return QN_OK;
}

static f64 word_number(const char **at, i64 *whole)
{
    const char *from = *at;
    f64 v = 0;
    number_read(at, NULL, QN_F64, &v);
    *whole = v < 0 ? strtoll(from, NULL, 10) : (i64)strtoull(from, NULL, 10);
    return v;
}

static void fill_list(const char **at, qn_tensor *t)
{
    u64 i = 0, n = qn_tensor_elems(t);
    for (++*at; **at && **at != '}';) {
        const char *was = *at;
        i64 whole;
        f64 v = word_number(at, &whole);
        if (*at == was) {
            ++*at;
            continue;
        }
        if (i < n) put(t, i++, v, is_float(t->dtype) ? 0 : whole);
        if (**at == ',') ++*at;
    }
    if (**at == '}') ++*at;
}

static void fill_random(qn_tensor *t, u64 *seed, f64 lo, f64 hi, f64 scale)
{
    for (u64 i = 0, n = qn_tensor_elems(t); i < n; i++) {
        f64 v = lo < hi || lo == hi ? lo + (hi - lo) * uniform(seed) : normal(seed) * scale;
        i64 whole = lo <= hi ? (i64)floor(lo + (hi - lo + 1) * uniform(seed)) : (i64)(v * 3);
        if (whole > (i64)hi && lo <= hi) whole = (i64)hi;
        if (t->dtype == QN_BOOL) whole &= 1;
        put(t, i, v, whole);
    }
}

/* The number before ".." must not swallow its first dot. */
static f64 range_end(const char **at)
{
    char text[64];
    size_t n = 0;
    while (n + 1 < sizeof text && (*at)[n] && (*at)[n] != ' ' && !((*at)[n] == '.' && (*at)[n + 1] == '.'))
        text[n] = (*at)[n], n++;
    text[n] = 0;
    *at += n;
    const char *from = text;
    f64 v = 0;
    number_read(&from, NULL, QN_F64, &v);
    return v;
}

static void fill_as_written(const char **at, qn_tensor *t, u64 *seed, bool *is_list)
{
    if (**at != '=') {
        fill_random(t, seed, 1, 0, 1);
        return;
    }
    ++*at;
    if (**at == '{') {
        *is_list = true;
        fill_list(at, t);
        return;
    }
    f64 first = range_end(at);
    if (strncmp(*at, "..", 2)) {
        fill_random(t, seed, 1, 0, first);
        return;
    }
    *at += 2;
    fill_random(t, seed, first, range_end(at), 1);
}

qn_status case_tensor(const char **at, arena *mem, u64 *seed, qn_tensor *out, bool *is_list)
{
    *out = (qn_tensor){ 0 };
    *is_list = false;
    while (**at == ' ') ++*at;
    size_t n = strcspn(*at, "[ ");
    if (n == 1 && **at == '_') ++*at;
    else {
        out->dtype = dtype_named(*at, n);
        if (!out->dtype) return fail(QN_E_FORMAT, "case: a type expected at '%s'", *at);
        *at += n;
        QN_TRY(parse_dims(at, out));
        out->data = arena_zalloc(mem, qn_tensor_bytes(out) + 64);
        if (!out->data) return fail_nomem(64);
        fill_as_written(at, out, seed, is_list);
    }
    while (**at == ' ') ++*at;
    return QN_OK;
}

/* ------------------------------------------------------------------ graphs */

static qn_status widened(arena *mem, const qn_tensor *t, qn_tensor *out)
{
    *out = *t;
    if (t->dtype != QN_F32 && t->dtype != QN_F16 && t->dtype != QN_BF16) return QN_OK;
    f64 *data = arena_array(mem, qn_tensor_elems(t) + 1, sizeof *data);
    if (!data) return fail_nomem(8);
    for (u64 i = 0; i < qn_tensor_elems(t); i++) data[i] = tensor_number(t, i);
    out->dtype = QN_F64;
    out->data = data;
    return QN_OK;
}

static qn_status fail_evaluate(void *user, const graph *g, nid n, arena *mem, qn_tensor *out)
{
    (void)user, (void)g, (void)n, (void)mem, (void)out;
    return fail(QN_E_UNSUPPORTED, "no folding here");
}

static qn_status note_kernels(graph_run *r, const plan *p)
{
    str s = { 0 };
    for (u32 i = 0; i < p->n_steps; i++)
        if (p->steps[i].variant) str_print(&s, "%s ", p->steps[i].variant);
    r->kernels = arena_text(r->mem, s.n ? s.text : "", s.n);
    str_free(&s);
    return r->kernels ? QN_OK : fail_nomem(1);
}

qn_status graph_session_start(graph_run *r, graph_session *s, const qn_tensor *in, u32 n_in)
{
    const graph *g = s->g;
    qn_named *named = ARENA_ARRAY(r->mem, n_in + 1, qn_named);
    if (!named) return fail_nomem(1);
    for (u32 i = 0; i < n_in && i < g->n_inputs; i++) {
        named[i] = (qn_named){ value_at(g, g->inputs[i])->name, in[i] };
        if (r->widen && value_at(g, g->inputs[i])->type.dtype != in[i].dtype)
            QN_TRY(widened(r->mem, &in[i], &named[i].tensor));
    }
    return exec_start(s->x, named, n_in);
}

static qn_status keep_outputs(graph_run *r, const exec *x, u32 n)
{
    r->n_out = MIN(n, (u32)COUNT(r->out));
    for (u32 i = 0; i < r->n_out; i++) QN_TRY(tensor_copy(r->mem, &x->outputs[i], &r->out[i]));
    return QN_OK;
}

static qn_status open_in(graph_run *r, const char *text, graph_session *s)
{
    s->g = graph_make(s->work, NULL);
    if (!s->g) return QN_E_NOMEM;
    QN_TRY(graph_parse(s->g, text));
    QN_TRY(graph_check(s->g));
    if (r->widen) {
        QN_TRY(widen_floats(s->g));
        QN_TRY(graph_check(s->g));
    }
    const qn_caps *caps = &r->device->info.caps;
    pass_env env = { .caps = caps, .evaluate = fail_evaluate, .runs = plan_can_run };
    QN_TRY(pass_run_all(s->g, &env, r->optimize, NULL));
    QN_TRY(plan_make(s->g, &(plan_desc){ .device = r->device, .only_variants = r->only_variants }, s->work, &s->p));
    QN_TRY(note_kernels(r, s->p));
    return exec_make(s->p, r->device, s->work, false, NULL, &s->x);
}

qn_status graph_open_text(graph_run *r, const char *text, graph_session *out)
{
    *out = (graph_session){ .work = arena_make() };
    if (!out->work) return fail_nomem(1);
    qn_status s = open_in(r, text, out);
    if (s != QN_OK) graph_session_close(out);
    return s;
}

qn_status graph_session_poll(graph_run *r, graph_session *s, bool *done)
{
    QN_TRY(exec_advance(s->x, done));
    if (!*done) return QN_OK;
    QN_TRY(keep_outputs(r, s->x, s->g->n_outputs));
    r->stats = s->x->stats;
    return QN_OK;
}

qn_status graph_session_run(graph_run *r, graph_session *s, const qn_tensor *in, u32 n_in)
{
    QN_TRY(graph_session_start(r, s, in, n_in));
    for (bool done = false; !done;) QN_TRY(graph_session_poll(r, s, &done));
    return QN_OK;
}

void graph_session_close(graph_session *s)
{
    exec_close(s->x);
    arena_free(s->work);
    *s = (graph_session){ 0 };
}

qn_status graph_run_text(graph_run *r, const char *text, const qn_tensor *in, u32 n_in)
{
    graph_session s;
    QN_TRY(graph_open_text(r, text, &s));
    qn_status status = graph_session_run(r, &s, in, n_in);
    graph_session_close(&s);
    return status;
}
