/* Kernels tried out on the device that is to run them: those that are right stay, one that is wrong or refused gives way to its op's next row
 * with a note, and what was found is remembered. The device is the CPU behind a table in which one kernel goes wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "device/verify.h"
#include "exec/trial.h"
#include "op_graph.h"

/* ------------------------------------------------------------------ a device with a fault */
static struct fault {
    const qn_backend *real;
    const char *victim; /* entry of the kernel; NULL: none */
    bool refuse;
    qn_prog progs[64];
    u32 n_progs, made;
} fault;

static qn_status faulty_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    bool hit = fault.victim && p->entry && text_same(p->entry, fault.victim);
    fault.made++;
    if (hit && fault.refuse) return fail(QN_E_DEVICE, "this driver does not like '%s'", p->entry);
    QN_TRY(fault.real->prog_make(d, p, out));
    if (hit && fault.n_progs < COUNT(fault.progs)) fault.progs[fault.n_progs++] = *out;
    return QN_OK;
}

/* The victim's last element of what it wrote last is off by a little. */
static qn_status faulty_launch(qn_device *d, const qn_launch *l)
{
    QN_TRY(fault.real->launch(d, l));
    for (u32 i = 0; i < fault.n_progs; i++) {
        const buf_view *out = &l->bufs[l->n_bufs - 1];
        if (fault.progs[i] != l->prog || !l->count) continue;
        f32 *y = (f32 *)(void *)((u8 *)fault.real->buf_host(d, out->buf) + out->at);
        y[0] = y[0] * 1.5f + 0.25f;
    }
    return QN_OK;
}

static qn_device *open_faulty(test *t, const char *victim, bool refuse)
{
    static qn_backend table;
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("cpu", &(qn_device_desc){ .threads = 1 }, &d));
    if (!d) return NULL;
    fault = (struct fault){ .real = d->backend, .victim = victim, .refuse = refuse };
    table = *d->backend;
    table.unproven = true;
    table.prog_make = faulty_prog_make;
    table.launch = faulty_launch;
    d->backend = &table;
    return d;
}

static void close_faulty(qn_device *d)
{
    if (d) d->backend = fault.real;
    qn_device_close(d);
}

/* ------------------------------------------------------------------ models */
static const char model[] = QUERN_SOURCE_DIR "/models/glyphs.onnx";
enum { PIXELS = 32 * 32, GLYPHS = 19 };

static bool answer(test *t, qn_session *s, f32 *out)
{
    static f32 pixels[PIXELS];
    const qn_tensor *y = NULL;
    qn_ticket done;
    for (u32 i = 0; i < PIXELS; i++) pixels[i] = (f32)(i % 7) / 7;
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, pixels } };
    if (!CHECK(t, qn_run(s, &in, 1, &done) == QN_OK && qn_wait(s, done) == QN_OK, "%s", qn_last_error())) return false;
    CHECK_OK(t, qn_output_at(s, 0, &y));
    memcpy(out, y->data, GLYPHS * sizeof *out);
    return true;
}

static qn_session *open_model(test *t, qn_device *d)
{
    qn_session *s = NULL;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model }, &s));
    return s;
}

static void check_fault(test *t, const char *victim, bool refuse, const f32 *want)
{
    f32 got[GLYPHS] = { 0 };
    u32 made = 0;
    for (u32 start = 0; start < 2; start++) { /* the second one knows from the cache */
        qn_device *d = open_faulty(t, victim, refuse);
        qn_session *s = d ? open_model(t, d) : NULL;
        const char *note = s ? qn_session_note(s, 0) : NULL;
        CHECK(t, note && strstr(note, "runs as") && strstr(note, d->info.spec), "%s: the session says: %s", victim,
              note ? note : "");
        const char *device_note = d ? qn_device_note(d, 0) : NULL;
        CHECK(t, device_note && strstr(device_note, victim), "the device says: %s", device_note ? device_note : "");
        CHECK(t, d && !qn_device_note(d, 1), "only one kernel is wrong");
        if (s && answer(t, s, got))
            for (u32 i = 0; i < GLYPHS; i++)
                CHECK(t, got[i] > want[i] - 1e-4f && got[i] < want[i] + 1e-4f, "%s: answer %u is %g, not %g", victim, i,
                      (f64)got[i], (f64)want[i]);
        CHECK(t, start == 0 || fault.made < made, "%u kernels made at first, %u later", made, fault.made);
        made = fault.made;
        qn_session_close(s);
        close_faulty(d);
    }
}

static void check_trusted(test *t)
{
    qn_device *d = open_faulty(t, "softmax_run", false);
    if (d) d->trusted = true;
    qn_session *s = d ? open_model(t, d) : NULL;
    CHECK(t, s && !qn_session_note(s, 0), "a device that is trusted is not tried out");
    qn_session_close(s);
    close_faulty(d);
}

/* ------------------------------------------------------------------ nothing right is called wrong */
static void try_case(test *t, const op_def *d, const op_case *c, qn_device *device)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    graph_run g = { .device = device, .mem = mem };
    graph_session s;
    plan_avoided *avoided = NULL;
    bool again = false;
    CHECK_OK(t, op_graph_of(d, c, mem, &r));
    if (CHECK(t, graph_open_text(&g, r.text, &s) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error())) {
        CHECK_OK(t, trial_of_plan(device, s.p, mem, &avoided, &again));
        CHECK(t, !again, "%s (%s): %s", d->name, c->why, avoided ? avoided->variant : "");
        graph_session_close(&s);
    }
    arena_free(mem);
}

static void check_ops(test *t)
{
    qn_device *d = open_faulty(t, NULL, false);
    for (u32 op = 1; d && op < OP_COUNT; op++)
        if (op_defs[op]->cases && op_defs[op]->cases->in) try_case(t, op_defs[op], op_defs[op]->cases, d);
    const char *note = d ? qn_device_note(d, 0) : NULL;
    CHECK(t, !note, "%s", note ? note : "");
    close_faulty(d);
}

void test_trial(test *t)
{
    char folder[512], kept[1024];
    const char *before = getenv("QUERN_CACHE");
    f32 want[GLYPHS] = { 0 };
    u64 alive = mem_blocks_alive();
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    qn_device *d = open_faulty(t, NULL, false);
    if (d) d->trusted = true;
    qn_session *s = d ? open_model(t, d) : NULL;
    if (s) answer(t, s, want);
    qn_session_close(s);
    close_faulty(d);
    static const struct {
        const char *victim;
        bool refuse;
    } faults[] = { { "conv_tile", false }, { "conv_tile", true }, { "pool_rows", false }, { "softmax_rows", false } };
    for (size_t i = 0; i < COUNT(faults); i++) {
        snprintf(folder, sizeof folder, "%s/trial%zu", test_temp_folder(), i);
        setenv("QUERN_CACHE", folder, 1);
        check_fault(t, faults[i].victim, faults[i].refuse, want);
    }
    check_trusted(t);
    snprintf(folder, sizeof folder, "%s/trial_ops", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    check_ops(t);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
    CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
}
