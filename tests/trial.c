/* Kernels tried out on the device that is to run them: those that are right stay, one that is wrong or refused gives way to its op's next row
 * with a note, and what was found is remembered. The device is the CPU behind a table in which one kernel goes wrong, and which may answer late,
 * never, or be lost: opening waits for nothing then, can be given up at any step, and tells what happened. */
#include <stdio.h>
#include <stdlib.h>

#include "device/verdicts.h"
#include "exec/trial.h"
#include "op_graph.h"

/* ------------------------------------------------------------------ a device with a fault */
static struct fault {
    const qn_backend *real;
    const char *victim; /* entry of the kernel; NULL: none */
    bool refuse;
    qn_prog progs[64];
    u32 n_progs, made;
    u32 late, asked;          /* polls before a ticket is done; of the last ticket so far */
    u32 lost_at, polls;       /* the poll at which it is lost; 0: none */
    u32 trouble_at, launched; /* it fails once, at the first poll after so many launches; 0: never */
    qn_ticket last;
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
    fault.launched++;
    for (u32 i = 0; i < fault.n_progs; i++) {
        const buf_view *out = &l->bufs[l->n_bufs - 1];
        if (fault.progs[i] != l->prog || !l->count) continue;
        f32 *y = (f32 *)(void *)((u8 *)fault.real->buf_host(d, out->buf) + out->at);
        y[0] = y[0] * 1.5f + 0.25f;
    }
    return QN_OK;
}

static qn_status faulty_poll(qn_device *d, qn_ticket ticket, bool *done)
{
    fault.polls++;
    if (fault.lost_at && fault.polls >= fault.lost_at) return fail(QN_E_LOST, "the test device is lost");
    if (fault.trouble_at && fault.launched >= fault.trouble_at) {
        fault.trouble_at = 0;
        return fail(QN_E_DEVICE, "the test device coughs");
    }
    if (ticket != fault.last) fault.last = ticket, fault.asked = 0;
    *done = false;
    return fault.asked++ < fault.late ? QN_OK : fault.real->poll(d, ticket, done);
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
    table.poll = faulty_poll;
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
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model, .layout = QN_LAYOUT_CHANNELS_FIRST }, &s));
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
    trial *tried = NULL;
    CHECK_OK(t, op_graph_of(d, c, mem, &r));
    if (CHECK(t, graph_open_text(&g, r.text, &s) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error())) {
        CHECK_OK(t, trial_begin(device, s.p, mem, &avoided, &tried));
        for (bool done = false; tried && !done;)
            if (!CHECK(t, trial_step(tried, &done, &again) == QN_OK, "%s", qn_last_error())) break;
        trial_end(tried);
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

/* ------------------------------------------------------------------ step by step */
static qn_session *begin_model(test *t, qn_device *d)
{
    qn_session *s = NULL;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model, .stepwise = true }, &s));
    return s;
}

/* At most `most` steps; how many it took. */
static u32 step_open(test *t, qn_session *s, u32 most, bool *open, qn_status *status)
{
    u32 steps = 0;
    qn_piece piece;
    *status = QN_OK;
    for (*open = false; s && !*open && *status == QN_OK && steps < most; steps++) {
        *status = qn_session_want(s, &piece, open);
        CHECK(t, *status != QN_OK || piece.bytes == 0, "nothing is wanted of a file that is here");
    }
    return steps;
}

static qn_device *open_late(test *t, const char *victim, u32 number)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s/trial_late%u", test_temp_folder(), number);
    setenv("QUERN_CACHE", folder, 1);
    qn_device *d = open_faulty(t, victim, false);
    fault.late = 3;
    return d;
}

static void check_stepwise(test *t, const f32 *want)
{
    qn_device *d = open_late(t, "softmax_rows", 0);
    qn_session *s = begin_model(t, d);
    bool open;
    qn_status status;
    qn_tried tried = { 0 };
    f32 got[GLYPHS] = { 0 };
    u32 steps = step_open(t, s, 100000, &open, &status);
    CHECK(t, open && steps > 3, "open after %u steps: %s", steps, qn_last_error());
    CHECK(t, s && qn_session_note(s, 0), "the fault is noted");
    if (d) qn_device_tried(d, &tried);
    CHECK(t, tried.wrong == 1 && tried.right > 3 && !tried.refused, "%u wrong, %u right", tried.wrong, tried.right);
    if (s && open && answer(t, s, got))
        for (u32 i = 0; i < GLYPHS; i++) CHECK(t, got[i] > want[i] - 1e-4f && got[i] < want[i] + 1e-4f, "answer %u", i);
    qn_session_close(s);
    close_faulty(d);
}

/* Closed after each number of steps: nothing is left behind, and what was found by then is known to the next. */
static void check_given_up(test *t)
{
    u32 more = 1;
    for (u32 most = 0; more; most++) {
        u64 alive = mem_blocks_alive();
        qn_device *d = open_late(t, NULL, 100);
        qn_session *s = begin_model(t, d);
        bool open;
        qn_status status;
        step_open(t, s, most, &open, &status);
        CHECK(t, status == QN_OK, "%s", qn_last_error());
        more = s && !open && most < 500;
        qn_session_close(s);
        close_faulty(d);
        if (!CHECK(t, mem_blocks_alive() == alive, "given up after %u steps", most)) return;
    }
}

static void check_lost(test *t)
{
    for (u32 at = 1; at < 12; at += 5) {
        u64 alive = mem_blocks_alive();
        qn_device *d = open_late(t, NULL, 200 + at);
        qn_session *s = begin_model(t, d);
        bool open;
        qn_status status;
        fault.lost_at = at;
        step_open(t, s, 100000, &open, &status);
        CHECK(t, status == QN_E_LOST && strstr(qn_last_error(), "is lost"), "%d: %s", status, qn_last_error());
        CHECK(t, qn_session_want(s, &(qn_piece){ 0 }, &open) == QN_E_LOST, "it stays failed");
        qn_session_close(s);
        CHECK(t, !qn_device_note(d, 0), "no kernel is to blame");
        close_faulty(d);
        CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
    }
}

/* What fails once, beside others, is nobody's fault; what fails alone is its kernel's. */
static void check_trouble(test *t)
{
    qn_device *d = open_late(t, NULL, 300);
    qn_session *s = begin_model(t, d);
    bool open;
    qn_status status;
    fault.late = 60;
    fault.trouble_at = 3;
    step_open(t, s, 100000, &open, &status);
    CHECK(t, !fault.trouble_at, "it happened");
    CHECK(t, open && !qn_session_note(s, 0) && !qn_device_note(d, 0), "%s", qn_last_error());
    qn_session_close(s);
    close_faulty(d);
}

static void check_cannot_wait(test *t)
{
    static qn_backend table;
    qn_device *d = open_late(t, NULL, 400);
    qn_session *s = NULL;
    if (!d) return;
    table = *d->backend;
    table.wait_a_little = NULL;
    table.forget = NULL;
    d->backend = &table;
    fault.late = 0;
    qn_status status = qn_session_open(&(qn_session_desc){ .device = d, .path = model }, &s);
    CHECK(t, status == QN_E_UNSUPPORTED && !s, "%d", status);
    s = begin_model(t, d);
    bool open;
    step_open(t, s, 100000, &open, &status);
    CHECK(t, open, "%s", qn_last_error());
    qn_session_close(s);
    close_faulty(d);
}

/* What is remembered has an end: then the oldest is forgotten, and opening goes on. */
static void check_full(test *t)
{
    enum { MANY = 70000 };
    char defines[32] = "N=0";
    kc_program p = { .file = "many.c", .text = "MAP(f32) many(u32 i, IN(f32) x) { return x[i] + N; }", .defines = defines };
    qn_device *d = open_faulty(t, NULL, false);
    if (!d) return;
    qn_status status = verdicts_add(d, &p, VERDICT_RIGHT, "");
    for (u32 i = 1; i < MANY && status == QN_OK; i++) {
        snprintf(defines, sizeof defines, "N=%u", i);
        status = verdicts_add(d, &p, VERDICT_RIGHT, "");
    }
    CHECK(t, status == QN_OK, "a full list takes no more: %s", qn_last_error());
    CHECK(t, verify_known(d, &p) == VERDICT_RIGHT, "the newest is known");
    snprintf(defines, sizeof defines, "N=0");
    CHECK(t, verify_known(d, &p) == VERDICT_NONE, "the oldest is forgotten");
    close_faulty(d);
}

/* One sentence for each kernel, whatever the number of its variants; the same from the cache. */
static void check_sentences(test *t)
{
    static const char want[] =
        "kernel 'two' of many.c is not used on cpu with N=0, N=2, N=4, N=6, N=8, N=10 and 2 more: computes wrong (its "
        "result "
        "is off); with N=1, N=3, N=5, N=7, N=9, N=11 and 2 more: does not compile or run (line 7: no)";
    char defines[32];
    const kc_program one = { .file = "many.c", .entry = "one" },
                     two = { .file = "many.c", .entry = "two", .defines = defines };
    for (u32 start = 0; start < 2; start++) {
        qn_device *d = open_faulty(t, NULL, false);
        for (u32 i = 0; d && !start && i < 16; i++) {
            snprintf(defines, sizeof defines, "N=%u", i);
            CHECK_OK(t, verdicts_add(d, &two, i % 2 ? VERDICT_REFUSED : VERDICT_WRONG,
                                     i % 2 ? "line 7: no" : "its result is off"));
        }
        if (d && !start) CHECK_OK(t, verdicts_add(d, &one, VERDICT_WRONG, ""));
        const char *note = d ? qn_device_note(d, 0) : NULL;
        CHECK(t, note && strcmp(note, want) == 0, "the device says: %s", note ? note : "");
        note = d ? qn_device_note(d, 1) : NULL;
        CHECK(t, note && strcmp(note, "kernel 'one' of many.c is not used on cpu: computes wrong") == 0,
              "the device says: %s", note ? note : "");
        CHECK(t, d && !qn_device_note(d, 2), "one sentence for each kernel");
        if (d) verify_save(d);
        close_faulty(d);
    }
}

void test_trial(test *t)
{
    char folder[512], kept[1024];
    const char *before = getenv("QUERN_CACHE");
    f32 want[GLYPHS] = { 0 };
    close_test_devices();
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
    snprintf(folder, sizeof folder, "%s/sentences", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    check_sentences(t);
    check_trusted(t);
    check_stepwise(t, want);
    check_given_up(t);
    check_lost(t);
    check_trouble(t);
    check_cannot_wait(t);
    check_full(t);
    snprintf(folder, sizeof folder, "%s/trial_ops", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    check_ops(t);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
    CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
}
