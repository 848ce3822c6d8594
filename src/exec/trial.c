/* Is each kernel of a plan right on this device? A program is known by a launch of it: the smallest one whose sizes can be computed when every
 * open size of the model is some small number. device/verify.h does the rest, for some of them side by side; rows with a program that is wrong
 * are left out, and the plan is made again. Nothing waits: a step goes on until the device must answer or its time is up. */
#include "exec/trial.h"

#include "device/verify.h"

static const i64 guesses[] = { 16, 3, 64, 1, 256 }; /* for sizes that inputs decide */

typedef struct sizes {
    const plan *p;
    sym_at *at;
} sizes;

static bool number_of(const sizes *s, sym size, i64 least, i64 most, i64 *out)
{
    return size && sym_eval(s->p->g, size, s->at, out) && *out >= least && *out <= most;
}

static bool constant_of(const plan *p, val v, qn_tensor *out)
{
    for (u32 i = 0; i < p->n_tables; i++)
        if (p->tables[i].id == v) return *out = p->tables[i].tensor, true;
    if (v > p->g->n_values || !is_constant(p->g, v)) return false;
    *out = constant_tensor(p->g, v);
    return true;
}

static bool buffer_of(const sizes *s, val v, verify_buffer *out)
{
    const plan *p = s->p;
    val root = plan_root(p, v);
    qn_tensor t;
    i64 elems;
    if (constant_of(p, root, &t)) {
        *out = (verify_buffer){ qn_tensor_bytes(&t), t.data, root };
        return true;
    }
    u64 each = qn_dtype_bytes(p->values[root].dtype);
    if (!each || !number_of(s, p->values[root].elems, 0, UINT32_MAX, &elems)) return false;
    *out = (verify_buffer){ (u64)elems * each, NULL, plan_has_home(p, root) ? root : 0 };
    return true;
}

static bool word_of(const sizes *s, const word *w, const u32 *numbers, u32 *out)
{
    i64 v;
    *out = w->kind == WORD_CHOSEN ? numbers[w->bits] : w->bits;
    if (w->kind == WORD_STEP) *out = 0;
    if (w->kind != WORD_SIZE) return true;
    if (!number_of(s, w->size, INT32_MIN, UINT32_MAX, &v)) return false;
    *out = (u32)v;
    return true;
}

static bool size_here(const void *user, sym size, i64 *out)
{
    const sizes *s = user;
    return sym_eval(s->p->g, size, s->at, out);
}

/* The launch with numbers for its sizes; false: they cannot all be computed, or nothing would run. */
static bool launch_of(const sizes *s, const launch *k, verify_launch *out)
{
    i64 count;
    chosen numbers = { 0 };
    *out = (verify_launch){ .program = &s->p->programs[k->program], .n_bufs = k->n_bufs, .n_words = k->n_words };
    if (k->fault_row || !launch_count(k, size_here, s, &numbers, &count) || count < 1 || count > (i64)UINT32_MAX)
        return false; /* words of the executor's are bound to it */
    out->count = (u64)count;
    for (u32 i = 0; i < k->n_bufs; i++)
        if (!k->bufs[i] || k->bufs[i] > s->p->n_values || !buffer_of(s, k->bufs[i], &out->bufs[i])) return false;
    for (u32 i = 0; i < k->n_words; i++)
        if (!word_of(s, &k->words[i], numbers.numbers, &out->words[i])) return false;
    return true;
}

static u64 bytes_of(const verify_launch *l)
{
    u64 bytes = 0;
    for (u32 i = 0; i < l->n_bufs; i++) bytes += l->bufs[i].bytes;
    return bytes;
}

/* The smallest launch of the program. */
static bool find_launch(const plan *p, u32 program, sym_at *at, verify_launch *out)
{
    const sizes s = { p, at };
    u32 n = sym_variable_count(p->g);
    for (u32 g = 0; g < COUNT(guesses); g++) {
        bool found = false;
        verify_launch l;
        for (u32 i = 0; i < n; i++) at[i] = (sym_at){ guesses[g], true };
        for (u32 i = 0; i < p->n_steps; i++) {
            const launch *k = p->steps[i].kind == STEP_LAUNCH ? p->steps[i].launch : NULL;
            if (!k || k->program != program || !launch_of(&s, k, &l)) continue;
            if (!found || bytes_of(&l) < bytes_of(out)) *out = l;
            found = true;
        }
        if (found) return true;
    }
    return false;
}

static qn_status avoid(const plan *p, u32 program, arena *mem, plan_avoided **avoided)
{
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->kind != STEP_LAUNCH || s->launch->program != program) continue;
        const plan_avoided *head = *avoided;
        if (head && head->g == p->g && head->node == s->node && text_same(head->variant, s->variant)) continue;
        plan_avoided *a = ARENA_NEW(mem, plan_avoided);
        if (!a) return fail_nomem(sizeof *a);
        *a = (plan_avoided){ p->g, s->node, s->variant, *avoided };
        *avoided = a;
    }
    return QN_OK;
}

/* ---- the programs of a plan and its bodies that are not known yet */

enum { MOST_AT_ONCE = 1 << 16 };
static const u64 turn_ns = 8 * 1000 * 1000, bytes_at_once = (u64)32 << 20;

typedef struct tried {
    const plan *p;
    u32 program;
    verify_launch launch;
    verify *v;
    verdict verdict;
} tried;

struct trial {
    qn_device *d;
    arena *mem;
    plan_avoided **avoided;
    tried *list;
    u32 n, cap, made, done; /* those that have their program; those at the start that are judged */
    bool one_by_one, again;
    qn_ticket waits;
};

static qn_status add(trial *t, const plan *p, u32 program, sym_at *at)
{
    tried r = { .p = p, .program = program, .verdict = verify_known(t->d, &p->programs[program]) };
    if (r.verdict == VERDICT_WRONG || r.verdict == VERDICT_REFUSED) {
        t->again = true;
        return avoid(p, program, t->mem, t->avoided);
    }
    if (r.verdict != VERDICT_NONE || !find_launch(p, program, at, &r.launch)) return QN_OK;
    if (!ARENA_PUSH_ROOM(t->mem, t->list, t->n, t->cap, MOST_AT_ONCE)) return fail_nomem(sizeof r);
    t->list[t->n++] = r;
    return QN_OK;
}

static qn_status add_plan(trial *t, const plan *p)
{
    sym_at *at = arena_array(t->mem, sym_variable_count(p->g) + 1, sizeof *at);
    if (!at) return fail_nomem(sizeof *at);
    for (u32 i = 0; i < p->n_programs; i++)
        if (!p->programs_on_host[i]) QN_TRY(add(t, p, i, at));
    for (u32 i = 0; i < p->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (p->steps[i].body[k]) QN_TRY(add_plan(t, p->steps[i].body[k]));
    return QN_OK;
}

qn_status trial_begin(qn_device *d, const plan *p, arena *mem, plan_avoided **avoided, trial **out)
{
    trial *t = ARENA_NEW(mem, trial);
    if (!t) return fail_nomem(sizeof *t);
    *t = (trial){ .d = d, .mem = mem, .avoided = avoided };
    if (verify_wanted(d)) QN_TRY(add_plan(t, p));
    if (t->again) t->n = 0; /* the next plan has other kernels to look at */
    *out = t;
    return QN_OK;
}

/* ---- the steps */

static qn_status judged(trial *t, tried *r)
{
    if (r->verdict != VERDICT_WRONG && r->verdict != VERDICT_REFUSED) return QN_OK;
    t->again = true;
    return avoid(r->p, r->program, t->mem, t->avoided);
}

/* What fails beside others may be their fault: from here on each is tried out alone. */
static void go_one_by_one(trial *t)
{
    t->one_by_one = true;
    for (u32 i = t->done; i < t->n; i++)
        if (t->list[i].verdict == VERDICT_NONE) verify_again(t->list[i].v);
}

static bool others_wait(const trial *t, const tried *r)
{
    for (u32 i = t->done; i < t->n; i++)
        if (&t->list[i] != r && verify_waits(t->list[i].v)) return true;
    return false;
}

static qn_status step_one(trial *t, tried *r, bool *moved)
{
    bool alone = t->one_by_one || !others_wait(t, r);
    qn_status s = verify_step(r->v, alone, moved, &r->verdict);
    if (s != QN_OK || r->verdict == VERDICT_NONE) return s;
    if (r->verdict != VERDICT_REFUSED || alone || !verify_again(r->v)) return judged(t, r);
    r->verdict = VERDICT_NONE;
    go_one_by_one(t);
    return QN_OK;
}

/* The first thing that can be done now: first all programs are begun, for the device to make side by side; then each is tried out, as many at once
 * as have room. */
static qn_status step_any(trial *t, bool *moved)
{
    *moved = true;
    if (t->made < t->n) {
        tried *r = &t->list[t->made++];
        return verify_begin(t->d, &r->launch, &r->v);
    }
    u64 bytes = 0;
    *moved = false;
    for (u32 i = t->done; i < t->n && !*moved; i++) {
        tried *r = &t->list[i];
        if (r->verdict != VERDICT_NONE) continue;
        bytes += verify_bytes(r->v);
        if (i > t->done && (bytes > bytes_at_once || t->one_by_one)) break;
        QN_TRY(step_one(t, r, moved));
    }
    while (t->done < t->n && t->list[t->done].verdict != VERDICT_NONE) t->done++;
    return QN_OK;
}

qn_status trial_step(trial *t, bool *done, bool *again)
{
    u64 start = clock_ns();
    bool moved = true;
    t->waits = 0;
    while (t->done < t->n && moved && clock_ns() - start < turn_ns) QN_TRY(step_any(t, &moved));
    if (!moved) t->waits = verify_waits(t->list[t->done].v);
    *done = t->done == t->n;
    *again = t->again;
    return QN_OK;
}

f64 trial_part(const trial *t) { return t->n ? (f64)(t->made + t->done) / (2.0 * t->n) : 1; }

qn_ticket trial_waits(const trial *t) { return t->waits; }

qn_prog trial_take_program(trial *t, const plan *p, u32 program)
{
    for (u32 i = 0; t && i < t->n; i++)
        if (t->list[i].p == p && t->list[i].program == program && t->list[i].v) return verify_take_program(t->list[i].v);
    return 0;
}

void trial_end(trial *t)
{
    if (!t) return;
    for (u32 i = 0; i < t->n; i++) verify_end(t->list[i].v);
    verify_save(t->d);
}
