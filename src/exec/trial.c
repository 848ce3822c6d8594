/* Is each kernel of a plan right on this device? A program is known by a launch of it: the smallest one whose sizes can be computed when every
 * open size of the model is some small number. device/verify.h does the rest; rows with a program that is wrong are left out, and the
 * plan is made again. */
#include "exec/trial.h"

#include "device/verify.h"

static const i64 guesses[] = { 16, 3, 64, 1, 256 }; /* for sizes that inputs decide */

typedef struct sizes {
    const plan *p;
    i64 *at;
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
        *out = (verify_buffer){ qn_tensor_bytes(&t), t.data };
        return true;
    }
    u64 each = qn_dtype_bytes(p->values[root].dtype);
    if (!each || !number_of(s, p->values[root].elems, 0, UINT32_MAX, &elems)) return false;
    *out = (verify_buffer){ (u64)elems * each, NULL };
    return true;
}

static bool word_of(const sizes *s, const word *w, u32 *out)
{
    i64 v;
    *out = w->bits;
    if (w->kind == WORD_STEP) *out = 0;
    if (w->kind != WORD_SIZE) return true;
    if (!number_of(s, w->size, INT32_MIN, UINT32_MAX, &v)) return false;
    *out = (u32)v;
    return true;
}

/* The launch with numbers for its sizes; false: they cannot all be computed, or nothing would run. */
static bool launch_of(const sizes *s, const launch *k, verify_launch *out)
{
    i64 count;
    *out = (verify_launch){ .program = &s->p->programs[k->program], .n_bufs = k->n_bufs, .n_words = k->n_words };
    if (k->fault_row || !number_of(s, k->count, 1, UINT32_MAX, &count))
        return false; /* words of the executor's are bound to it */
    out->count = (u64)count;
    for (u32 i = 0; i < k->n_bufs; i++)
        if (!k->bufs[i] || k->bufs[i] > s->p->n_values || !buffer_of(s, k->bufs[i], &out->bufs[i])) return false;
    for (u32 i = 0; i < k->n_words; i++)
        if (!word_of(s, &k->words[i], &out->words[i])) return false;
    return true;
}

static u64 bytes_of(const verify_launch *l)
{
    u64 bytes = 0;
    for (u32 i = 0; i < l->n_bufs; i++) bytes += l->bufs[i].bytes;
    return bytes;
}

/* The smallest launch of the program. */
static bool find_launch(const plan *p, u32 program, i64 *at, verify_launch *out)
{
    const sizes s = { p, at };
    u32 n = sym_variable_count(p->g);
    for (u32 g = 0; g < COUNT(guesses); g++) {
        bool found = false;
        verify_launch l;
        for (u32 i = 0; i < n; i++) at[i] = guesses[g];
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

static qn_status try_program(qn_device *d, const plan *p, u32 program, i64 *at, verdict *out)
{
    verify_launch l;
    *out = verify_known(d, &p->programs[program]);
    if (*out != VERDICT_NONE || !find_launch(p, program, at, &l)) return QN_OK;
    return verify_run(d, &l, out);
}

static qn_status try_plan(qn_device *d, const plan *p, arena *mem, plan_avoided **avoided, bool *again)
{
    i64 *at = arena_array(mem, sym_variable_count(p->g) + 1, sizeof *at);
    if (!at) return fail_nomem(sizeof *at);
    for (u32 i = 0; i < p->n_programs; i++) {
        verdict v;
        if (p->programs_on_host[i]) continue;
        QN_TRY(try_program(d, p, i, at, &v));
        if (v != VERDICT_WRONG && v != VERDICT_REFUSED) continue;
        QN_TRY(avoid(p, i, mem, avoided));
        *again = true;
    }
    for (u32 i = 0; i < p->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (p->steps[i].body[k]) QN_TRY(try_plan(d, p->steps[i].body[k], mem, avoided, again));
    return QN_OK;
}

qn_status trial_of_plan(qn_device *d, const plan *p, arena *mem, plan_avoided **avoided, bool *again)
{
    *again = false;
    if (!verify_wanted(d)) return QN_OK;
    qn_status s = try_plan(d, p, mem, avoided, again);
    verify_save(d);
    return s;
}
