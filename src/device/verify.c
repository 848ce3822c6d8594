/* One launch on the device and in the interpreter, compared, in small steps: the device makes the program while others are looked at, the
 * interpreter does a few elements or groups, the device does as many, and what both wrote is compared when it is there. Floats are made up between -1 and 1, integers small, so that an index among
 * them stays inside; constants of the plan come as they are. Tolerances belong to the type: what they must catch is a kernel that is wrong,
 * not one that rounds in its own way. */
#include <math.h>
#include <stdio.h>

#include "device/cpu_compile.h"
#include "device/cpu_program.h"
#include "device/device_check.h"
#include "device/verdicts.h"

enum { MAP_MOST = 320, GROUP_MOST = 3, MOST_STEPS = 1 << 23, STEPS_BEFORE_COMPILING = 1 << 18 };
static const u64 most_bytes = (u64)32 << 20, enough_ns = 20 * 1000 * 1000; /* of all buffers; in the interpreter */
static const u64 piece_ns = 2 * 1000 * 1000;

struct verify {
    qn_device *d;
    verify_launch l;
    qn_prog prog;
    enum { VERIFY_MADE, VERIFY_SENT, VERIFY_LAUNCHED, VERIFY_REFUSED, VERIFY_TOO_LARGE } stage;
    arena *mem; /* of what follows, while the launch is under way */
    kc_module *module;
    const kc_kernel *k;
    u64 count, piece, spent_ns; /* that the interpreter got through; that it does next; its time so far */
    bool interpreted;
    kc_type types[DEVICE_MAX_BUFFERS];
    const char *names[DEVICE_MAX_BUFFERS];
    bool writes[DEVICE_MAX_BUFFERS];
    kc_memory want[DEVICE_MAX_BUFFERS];                      /* the interpreter's */
    void *was[DEVICE_MAX_BUFFERS], *got[DEVICE_MAX_BUFFERS]; /* of those that are written: before; the device's */
    qn_launch launch;
    qn_buf bufs[DEVICE_MAX_BUFFERS]; /* by the first that lies in it */
    qn_ticket ticket;
    char why[VERDICT_WHY_BYTES];
};

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

static bool make_data(verify *t)
{
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        const verify_buffer *b = &t->l.bufs[i];
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

/* ---- the interpreter, a few elements or groups, as long as they take little time; where even one takes long and a kernel is compiled in no time (in a
 * browser), the host runs it */

static u64 most_of(const verify *t) { return MIN(t->l.count, (u64)(t->k->form == KC_MAP ? MAP_MOST : GROUP_MOST)); }

/* Integers that are made up may lead astray, which only the interpreter sees; no float does. */
static bool stays_inside(const verify *t)
{
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        bool result = t->k->form == KC_MAP && i + 1 == t->l.n_bufs;
        if (t->types[i].scalar < KC_F16 && !t->l.bufs[i].data && !result) return false;
    }
    return true;
}

static void run_compiled(verify *t)
{
    const cpu_choice choice = { .isa = CPU_BASELINE };
    cpu_program *p = NULL;
    void *bufs[DEVICE_MAX_BUFFERS];
    u64 bytes[DEVICE_MAX_BUFFERS];
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        bufs[i] = t->want[i].data;
        bytes[i] = t->want[i].bytes;
        if (t->writes[i]) memcpy(bufs[i], t->was[i], (size_t)bytes[i]);
    }
    if (cpu_isa_width(choice.isa) != t->d->info.caps.width || cpu_program_make(t->l.program, &choice, &p) != QN_OK) return;
    if (!cpu_program_serial(p) && cpu_program_run(p, bufs, bytes, t->l.words, 0, (u32)most_of(t)) == QN_OK)
        t->count = most_of(t);
    cpu_program_free(p);
}

static void interpret_piece(verify *t)
{
    bool too_long = false;
    const kc_checks checks = { .no_races = true,
                               .max_steps = cpu_compiler_quick ? STEPS_BEFORE_COMPILING : MOST_STEPS,
                               .too_long = &too_long };
    u64 start = clock_ns(), to = MIN(most_of(t), t->count + t->piece);
    qn_status s = kc_interpret(t->module, t->k, t->want, t->l.n_bufs, t->l.words, t->l.n_words, t->count, to, &checks);
    u64 ns = clock_ns() - start;
    t->spent_ns += ns;
    t->count = s == QN_OK ? to : 0; /* half of a piece may have been written: nothing can be compared */
    t->interpreted = s != QN_OK || to == most_of(t) || t->spent_ns > enough_ns;
    if (too_long && cpu_compiler_quick && stays_inside(t)) run_compiled(t);
    if (t->k->form == KC_MAP && ns < piece_ns / 2) t->piece *= 2;
}

/* ---- the device */

/* Where each lies: views of one home after the other in one buffer, whose sizes come out in bytes[]. */
static void lay_out(verify *t, u64 *bytes)
{
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        u32 home = 0;
        while (t->l.bufs[home].home != t->l.bufs[i].home) home++;
        u64 at = (bytes[home] + DEVICE_VIEW_ALIGN - 1) / DEVICE_VIEW_ALIGN * DEVICE_VIEW_ALIGN;
        t->launch.bufs[i] = (buf_view){ home, at, t->l.bufs[i].bytes };
        bytes[home] = at + MAX(t->l.bufs[i].bytes, 4);
    }
    t->launch.prog = t->prog;
    t->launch.n_bufs = t->l.n_bufs;
    t->launch.n_words = t->l.n_words;
    memcpy(t->launch.words, t->l.words, t->l.n_words * sizeof t->l.words[0]);
}

static qn_status send(verify *t)
{
    const qn_backend *b = t->d->backend;
    u64 bytes[DEVICE_MAX_BUFFERS] = { 0 };
    lay_out(t, bytes);
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        buf_view *v = &t->launch.bufs[i];
        if (bytes[i]) QN_TRY(b->buf_make(t->d, bytes[i], &t->bufs[i]));
        v->buf = t->bufs[v->buf];
        if (v->bytes) QN_TRY(b->write(t->d, v->buf, v->at, (qn_bytes){ t->want[i].data, (size_t)v->bytes }));
    }
    return QN_OK;
}

/* Of nothing too: a device may refuse a kernel only when it is launched. */
static qn_status launch(verify *t)
{
    const qn_backend *b = t->d->backend;
    t->launch.count = t->count;
    QN_TRY(b->launch(t->d, &t->launch));
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        const buf_view *v = &t->launch.bufs[i];
        if (t->writes[i] && v->bytes) QN_TRY(b->read(t->d, v->buf, v->at, t->got[i], v->bytes));
    }
    return b->flush(t->d, &t->ticket);
}

/* What is under way writes nothing any more, and all but the program is freed. */
static void drop(verify *t)
{
    const qn_backend *b = t->d->backend;
    bool done = false;
    attempt_begin();
    if (t->stage > VERIFY_SENT && !t->ticket && b->flush(t->d, &t->ticket) != QN_OK) t->ticket = 0; /* it failed half-way */
    if (t->ticket && b->forget) b->forget(t->d, t->ticket);
    else
        while (t->ticket && b->poll(t->d, t->ticket, &done) == QN_OK && !done) b->wait_a_little(t->d, t->ticket);
    attempt_end(false);
    for (u32 i = 0; i < t->l.n_bufs; i++)
        if (t->bufs[i]) b->buf_free(t->d, t->bufs[i]);
    arena_free(t->mem);
    t->mem = NULL;
    t->ticket = 0;
    memset(t->bufs, 0, sizeof t->bufs);
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

static bool is_right(verify *t)
{
    for (u32 i = 0; i < t->l.n_bufs; i++) {
        kc_scalar s = (kc_scalar)t->types[i].scalar;
        bool result = t->k->form == KC_MAP && i + 1 == t->l.n_bufs;
        pair p = { t->was[i], t->want[i].data, t->got[i], 0, device_scalar_bytes((kc_type){ (u8)s, 1 }) };
        p.elems = result ? t->count * t->types[i].lanes : t->want[i].bytes / p.each;
        if (!t->writes[i]) continue;
        f64 error = s >= KC_F16 ? float_error(s, &p) : integer_error(&p);
        if (error <= tolerance_of(s)) continue;
        snprintf(t->why, sizeof t->why,
                 s >= KC_F16 ? "%s is off by %.2g of its size" : "%s is wrong in %.2g of its elements",
                 result ? "its result" : t->names[i], error);
        return false;
    }
    return true;
}

/* ---- the steps */

static qn_status look_at(verify *t)
{
    const kc_options options = { .width = t->d->info.caps.width };
    prog_shape shape;
    QN_TRY(kc_compile(t->mem, t->l.program, &options, &t->module));
    t->k = kc_kernel_find(t->module, t->l.program->entry);
    if (!t->k) return fail(QN_E_BUG, "%s: no kernel to look at", t->l.program->file);
    QN_TRY(device_shape_of(t->k, &shape));
    if (shape.n_bufs != t->l.n_bufs || shape.n_words != t->l.n_words)
        return fail(QN_E_BUG, "%s: a launch that does not fit its kernel", t->l.program->file);
    u32 n = 0;
    for (u32 i = 0; i < t->k->n_params; i++)
        if (device_is_buffer(&t->k->params[i])) t->names[n] = t->k->params[i].name, t->types[n++] = t->k->params[i].type;
    if (t->k->form == KC_MAP) t->types[n] = t->k->result;
    for (u32 i = 0; i < shape.n_bufs; i++) t->writes[i] = shape.writes[i] != 0;
    if (t->k->form == KC_MAP) /* it writes no more than is asked for */
        t->l.bufs[n].bytes = MIN(t->l.bufs[n].bytes, most_of(t) * shape.result_bytes);
    return make_data(t) ? QN_OK : fail_nomem(most_bytes);
}

static qn_status prepare(verify *t)
{
    t->mem = arena_make();
    if (!t->mem) return fail_nomem(sizeof *t);
    t->count = t->spent_ns = 0;
    t->piece = 1;
    t->interpreted = false;
    QN_TRY(look_at(t));
    t->stage = VERIFY_SENT;
    return send(t); /* before the interpreter writes into what both start from */
}

static bool stops_everything(qn_status s) { return s == QN_E_NOMEM || s == QN_E_LOST; }

/* A driver that does not take the kernel, or fails to run it. What it says becomes one line. */
static qn_status refused(verify *t, qn_status s)
{
    if (s == QN_OK || stops_everything(s)) return s;
    snprintf(t->why, sizeof t->why, "%s", qn_last_error());
    for (char *c = t->why; *c; c++)
        if ((u8)*c < ' ') *c = ' ';
    t->stage = VERIFY_REFUSED;
    return QN_OK;
}

static qn_status try_launch(verify *t)
{
    t->stage = VERIFY_LAUNCHED;
    return refused(t, launch(t));
}

static qn_status answer(verify *t, bool *done, verdict *out)
{
    QN_TRY(refused(t, t->d->backend->poll(t->d, t->ticket, done)));
    if (t->stage == VERIFY_REFUSED) t->ticket = 0; /* it is told: nothing is under way */
    if (*done) *out = !t->count ? VERDICT_UNJUDGED : is_right(t) ? VERDICT_RIGHT : VERDICT_WRONG;
    return QN_OK;
}

static qn_status step(verify *t, bool *moved, verdict *out)
{
    bool done = false;
    switch (t->stage) {
    case VERIFY_MADE: return prepare(t);
    case VERIFY_SENT:
        if (t->interpreted) return try_launch(t);
        interpret_piece(t);
        return QN_OK;
    case VERIFY_LAUNCHED:
        QN_TRY(answer(t, &done, out));
        *moved = done || t->stage != VERIFY_LAUNCHED;
        return QN_OK;
    case VERIFY_REFUSED: *out = VERDICT_REFUSED; return QN_OK;
    case VERIFY_TOO_LARGE: *out = VERDICT_UNJUDGED; return QN_OK;
    }
    return QN_OK;
}

qn_status verify_step(verify *t, bool alone, bool *moved, verdict *out)
{
    *moved = true;
    *out = VERDICT_NONE;
    bool launched = t->stage == VERIFY_REFUSED && t->mem;
    attempt_begin();
    qn_status s = step(t, moved, out);
    attempt_end(s != QN_OK);
    if (s != QN_OK || *out == VERDICT_NONE) return s;
    drop(t);
    if (launched && !alone) return QN_OK;
    return verdicts_add(t->d, t->l.program, *out, t->why);
}

/* Only which views share a buffer is looked at. */
static void expect(verify *t)
{
    u64 bytes[DEVICE_MAX_BUFFERS] = { 0 };
    lay_out(t, bytes);
    for (u32 i = 0; i < t->l.n_bufs; i++) t->launch.bufs[i].buf = UINT32_MAX - t->launch.bufs[i].buf; /* nobody's */
    t->d->backend->expect(t->d, &t->launch); /* a kernel that is refused already is told when it is launched */
}

static qn_status make_program(verify *t)
{
    if (!t->l.count || verify_bytes(t) > most_bytes) {
        t->stage = VERIFY_TOO_LARGE;
        return QN_OK;
    }
    QN_TRY(refused(t, t->d->backend->prog_make(t->d, t->l.program, &t->prog)));
    if (t->prog && t->d->backend->expect) expect(t);
    return QN_OK;
}

qn_status verify_begin(qn_device *d, const verify_launch *l, verify **out)
{
    verify *t = mem_zalloc(sizeof *t);
    if (!t) return fail_nomem(sizeof *t);
    t->d = d;
    t->l = *l;
    attempt_begin();
    qn_status s = make_program(t);
    attempt_end(s != QN_OK);
    if (s == QN_OK) *out = t;
    else verify_end(t);
    return s;
}

bool verify_again(verify *t)
{
    if (!t->prog) return false;
    if (t->mem) drop(t);
    t->stage = VERIFY_MADE;
    t->why[0] = 0;
    return true;
}

u64 verify_bytes(const verify *t)
{
    u64 bytes = 0;
    for (u32 i = 0; i < t->l.n_bufs; i++) bytes += t->l.bufs[i].bytes;
    return bytes;
}

qn_ticket verify_waits(const verify *t) { return t->stage == VERIFY_LAUNCHED ? t->ticket : 0; }

qn_prog verify_take_program(verify *t)
{
    qn_prog made = t->prog;
    t->prog = 0;
    return made;
}

void verify_end(verify *t)
{
    if (!t) return;
    if (t->mem) drop(t);
    if (t->prog) t->d->backend->prog_free(t->d, t->prog);
    mem_free(t);
}

bool verify_wanted(const qn_device *d) { return d->backend->unproven && !d->trusted; }
