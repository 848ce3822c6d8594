/* One launch on the device and in the interpreter, compared. Floats are made up between -1 and 1, integers small, so that an index among
 * them stays inside; constants of the plan come as they are. Tolerances belong to the type: what they must catch is a kernel that is wrong,
 * not one that rounds in its own way. */
#include <math.h>

#include "device/device_check.h"
#include "device/verdicts.h"

enum { MAP_PIECE = 32, MAP_MOST = 320, GROUP_MOST = 3, MOST_STEPS = 1 << 23 };
static const u64 most_bytes = (u64)32 << 20, enough_ns = 20 * 1000 * 1000; /* of all buffers; in the interpreter */

typedef struct trial {
    qn_device *d;
    const verify_launch *l;
    arena *mem;
    kc_module *module;
    const kc_kernel *k;
    u64 count; /* that the interpreter got through */
    kc_type types[DEVICE_MAX_BUFFERS];
    bool writes[DEVICE_MAX_BUFFERS];
    kc_memory want[DEVICE_MAX_BUFFERS];                      /* the interpreter's */
    void *was[DEVICE_MAX_BUFFERS], *got[DEVICE_MAX_BUFFERS]; /* of those that are written: before; the device's */
    qn_buf bufs[DEVICE_MAX_BUFFERS];
    qn_prog prog;
} trial;

/* ---- data */

static u32 next_random(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(*seed >> 33);
}

static void put_made_up(kc_scalar s, u8 *to, u64 *seed)
{
    u32 r = next_random(seed);
    f32 v = (f32)(i32)(r % 2001) / 1000.0f - 1;
    f64 wide = (f64)v;
    u16 half = s == KC_F16 ? f16_from_f32(v) : bf16_from_f32(v);
    u64 small = s == KC_BOOL ? r & 1 : r & 3;
    if (s == KC_F32) memcpy(to, &v, sizeof v);
    else if (s == KC_F64) memcpy(to, &wide, sizeof wide);
    else if (s == KC_F16 || s == KC_BF16) memcpy(to, &half, sizeof half);
    else memcpy(to, &small, device_scalar_bytes((kc_type){ (u8)s, 1 }));
}

static bool make_data(trial *t)
{
    for (u32 i = 0; i < t->l->n_bufs; i++) {
        const verify_buffer *b = &t->l->bufs[i];
        kc_scalar s = (kc_scalar)t->types[i].scalar;
        u32 each = device_scalar_bytes((kc_type){ (u8)s, 1 });
        u8 *data = arena_alloc(t->mem, b->bytes + 16);
        t->want[i] = (kc_memory){ data, b->bytes };
        if (t->writes[i]) {
            t->was[i] = arena_alloc(t->mem, b->bytes + 16);
            t->got[i] = arena_alloc(t->mem, b->bytes + 16);
        }
        if (!data || (t->writes[i] && (!t->was[i] || !t->got[i]))) return false;
        u64 seed = i + 1;
        if (b->data) memcpy(data, b->data, (size_t)b->bytes);
        else
            for (u64 at = 0; at + each <= b->bytes; at += each) put_made_up(s, data + at, &seed);
        if (t->writes[i]) memcpy(t->was[i], data, (size_t)b->bytes);
    }
    return true;
}

/* ---- the interpreter, a few elements or groups, as long as they take little time */

static void interpret(trial *t)
{
    const kc_checks checks = { .no_races = true, .max_steps = MOST_STEPS };
    bool is_map = t->k->form == KC_MAP;
    u64 most = MIN(t->l->count, (u64)(is_map ? MAP_MOST : GROUP_MOST)), piece = is_map ? MAP_PIECE : 1, start = clock_ns();
    while (t->count < most && clock_ns() - start < enough_ns) {
        u64 to = MIN(most, t->count + piece);
        qn_status s =
            kc_interpret(t->module, t->k, t->want, t->l->n_bufs, t->l->words, t->l->n_words, t->count, to, &checks);
        if (s != QN_OK) { /* half of a piece may have been written: nothing can be compared */
            t->count = 0;
            return;
        }
        t->count = to;
    }
}

/* ---- the device */

static qn_status wait_for(qn_device *d, qn_ticket ticket)
{
    for (bool done = false; !done;) {
        QN_TRY(d->backend->poll(d, ticket, &done));
        if (!done) d->backend->wait_a_little(d, ticket);
    }
    return QN_OK;
}

static qn_status send(trial *t, qn_launch *l)
{
    const qn_backend *b = t->d->backend;
    for (u32 i = 0; i < t->l->n_bufs; i++) {
        u64 bytes = t->want[i].bytes;
        QN_TRY(b->buf_make(t->d, MAX(bytes, 4), &t->bufs[i]));
        if (bytes) QN_TRY(b->write(t->d, t->bufs[i], 0, (qn_bytes){ t->want[i].data, (size_t)bytes }));
        l->bufs[l->n_bufs++] = (buf_view){ t->bufs[i], 0, bytes };
    }
    l->n_words = t->l->n_words;
    memcpy(l->words, t->l->words, l->n_words * sizeof l->words[0]);
    return QN_OK;
}

static qn_status run(trial *t, qn_launch *l)
{
    const qn_backend *b = t->d->backend;
    qn_ticket ticket;
    l->prog = t->prog;
    l->count = t->count;
    QN_TRY(b->launch(t->d, l));
    for (u32 i = 0; i < t->l->n_bufs; i++)
        if (t->writes[i] && t->want[i].bytes) QN_TRY(b->read(t->d, t->bufs[i], 0, t->got[i], t->want[i].bytes));
    QN_TRY(b->flush(t->d, &ticket));
    return wait_for(t->d, ticket);
}

/* ---- comparing */

static f64 number_at(kc_scalar s, const u8 *from)
{
    f32 v;
    f64 wide;
    u16 half;
    if (s == KC_F64) return memcpy(&wide, from, sizeof wide), wide;
    if (s == KC_F32) return memcpy(&v, from, sizeof v), (f64)v;
    memcpy(&half, from, sizeof half);
    return (f64)(s == KC_F16 ? f16_to_f32(half) : bf16_to_f32(half));
}

/* A buffer before, as the interpreter left it, as the device did; only what either wrote is compared. */
typedef struct pair {
    const u8 *was, *want, *got;
    u64 elems;
    u32 each;
} pair;

static bool touched(const pair *p, u64 i)
{
    u64 at = i * p->each;
    return memcmp(p->was + at, p->want + at, p->each) != 0 || memcmp(p->was + at, p->got + at, p->each) != 0;
}

/* norm(got - want) / norm(want); 1 where one has a NaN or an infinity that the other has not. */
static f64 float_error(kc_scalar s, const pair *p)
{
    f64 difference = 0, norm = 0;
    for (u64 i = 0; i < p->elems; i++) {
        f64 a = number_at(s, p->got + i * p->each), b = number_at(s, p->want + i * p->each);
        if (!touched(p, i)) continue;
        if (!isfinite(a) || !isfinite(b)) {
            if (isnan(a) != isnan(b) || (!isnan(a) && a != b)) return 1;
            continue;
        }
        difference += (a - b) * (a - b);
        norm += b * b;
    }
    return difference == 0 ? 0 : norm == 0 ? 1 : sqrt(difference / norm);
}

/* The part of the elements that differ: a float at a boundary may fall to either side. */
static f64 integer_error(const pair *p)
{
    u64 differ = 0, all = 0;
    for (u64 i = 0; i < p->elems; i++) {
        all += touched(p, i);
        differ += memcmp(p->got + i * p->each, p->want + i * p->each, p->each) != 0;
    }
    return all ? (f64)differ / (f64)all : 0;
}

static f64 tolerance_of(kc_scalar s)
{
    static const f64 floats[] = { [KC_F16] = 2e-2, [KC_BF16] = 1e-1, [KC_F32] = 1e-3, [KC_F64] = 1e-9 };
    return s >= KC_F16 && s <= KC_F64 ? floats[s] : 0.02;
}

static bool is_right(const trial *t)
{
    for (u32 i = 0; i < t->l->n_bufs; i++) {
        kc_scalar s = (kc_scalar)t->types[i].scalar;
        bool result = t->k->form == KC_MAP && i + 1 == t->l->n_bufs;
        pair p = { t->was[i], t->want[i].data, t->got[i], 0, device_scalar_bytes((kc_type){ (u8)s, 1 }) };
        p.elems = result ? t->count * t->types[i].lanes : t->want[i].bytes / p.each;
        if (!t->writes[i]) continue;
        f64 error = s >= KC_F16 ? float_error(s, &p) : integer_error(&p);
        if (!(error <= tolerance_of(s))) return false;
    }
    return true;
}

/* ---- the trial */

static qn_status prepare(trial *t)
{
    const kc_options options = { .width = t->d->info.caps.width };
    prog_shape shape;
    QN_TRY(kc_compile(t->mem, t->l->program, &options, &t->module));
    t->k = kc_kernel_find(t->module, t->l->program->entry);
    if (!t->k) return fail(QN_E_BUG, "%s: no kernel to look at", t->l->program->file);
    QN_TRY(device_shape_of(t->k, &shape));
    if (shape.n_bufs != t->l->n_bufs || shape.n_words != t->l->n_words)
        return fail(QN_E_BUG, "%s: a launch that does not fit its kernel", t->l->program->file);
    u32 n = 0;
    for (u32 i = 0; i < t->k->n_params; i++)
        if (device_is_buffer(&t->k->params[i])) t->types[n++] = t->k->params[i].type;
    if (t->k->form == KC_MAP) t->types[n] = t->k->result;
    for (u32 i = 0; i < shape.n_bufs; i++) t->writes[i] = shape.writes[i] != 0;
    return make_data(t) ? QN_OK : fail_nomem(most_bytes);
}

static bool stops_everything(qn_status s) { return s == QN_E_NOMEM || s == QN_E_LOST; }

/* A driver that does not take the kernel, or fails to run it. */
static qn_status refused(qn_status s, verdict *out)
{
    if (stops_everything(s)) return s;
    *out = VERDICT_REFUSED;
    return QN_OK;
}

static qn_status judge(trial *t, verdict *out)
{
    qn_launch l = { 0 };
    *out = VERDICT_UNJUDGED;
    qn_status s = t->d->backend->prog_make(t->d, t->l->program, &t->prog);
    if (s != QN_OK) return refused(s, out);
    QN_TRY(prepare(t));
    QN_TRY(send(t, &l)); /* before the interpreter writes into what both start from */
    interpret(t);
    s = run(t, &l); /* of nothing too: a device may refuse a kernel only when it is launched */
    if (s != QN_OK) return refused(s, out);
    if (t->count) *out = is_right(t) ? VERDICT_RIGHT : VERDICT_WRONG;
    return QN_OK;
}

static qn_status try_out(trial *t, verdict *out)
{
    u64 bytes = 0;
    for (u32 i = 0; i < t->l->n_bufs; i++) bytes += t->l->bufs[i].bytes;
    *out = VERDICT_UNJUDGED;
    if (bytes > most_bytes || !t->l->count) return QN_OK;
    t->mem = arena_make();
    if (!t->mem) return fail_nomem(sizeof *t);
    qn_status s = judge(t, out);
    const qn_backend *b = t->d->backend;
    for (u32 i = 0; i < t->l->n_bufs; i++)
        if (t->bufs[i]) b->buf_free(t->d, t->bufs[i]);
    if (t->prog) b->prog_free(t->d, t->prog);
    arena_free(t->mem);
    return s;
}

bool verify_wanted(const qn_device *d) { return d->backend->unproven && !d->trusted && d->backend->wait_a_little; }

qn_status verify_run(qn_device *d, const verify_launch *l, verdict *out)
{
    trial t = { .d = d, .l = l };
    attempt_begin();
    qn_status s = try_out(&t, out);
    attempt_end(s != QN_OK);
    if (s != QN_OK) return s;
    return verdicts_add(d, l->program, *out);
}
