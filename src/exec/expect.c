/* What the plan will launch, told to the device before the first run, so that it can make its pipelines while the model still opens. Only
 * which parameters share a buffer matters: weights have one each, all other values the plan's, and those whose size is known late one each. */
#include "exec/exec.h"

static qn_buf buffer_of(const frame *f, val v)
{
    val root = plan_root(f->p, v);
    if (f->slots[root].view.buf) return f->slots[root].view.buf;
    return plan_has_home(f->p, root) ? UINT32_MAX - root : UINT32_MAX; /* not there yet: a number that is nobody's */
}

static qn_status expect(exec *x, const frame *f, const launch *k)
{
    qn_launch l = { .prog = f->programs[k->program], .n_bufs = k->n_bufs, .n_words = k->n_words };
    for (u32 i = 0; i < k->n_bufs; i++) l.bufs[i].buf = buffer_of(f, k->bufs[i]);
    if (k->fault_row) l.bufs[l.n_bufs++] = faults_row(x, k->fault_row);
    return x->b->expect(x->device, &l);
}

/* A kernel that is refused already is told when it is launched; it may never be. */
void exec_expect(exec *x)
{
    if (!x->b->expect) return;
    attempt_begin();
    for (const frame *f = x->made; f; f = f->next_made)
        for (u32 i = 0; i < f->p->n_steps; i++)
            if (f->p->steps[i].kind == STEP_LAUNCH && !f->p->steps[i].on_host) expect(x, f, f->p->steps[i].launch);
    attempt_end(false);
}
