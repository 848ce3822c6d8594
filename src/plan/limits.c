/* Does a launch stay within what the device can do, as far as the sizes are known when it is planned: buffers that one launch binds, bytes of a
 * buffer, turns of a MAP's loops. What does not goes to the op's next row, or to the host (place.c). */
#include "plan/plan.h"

/* How many bindings it takes: values of the layout share one buffer, weights have one each, and so has each value where the device wants that. */
static u32 bindings_of(const launch *k)
{
    const plan *p = k->l->p;
    u32 n = 0;
    bool shared = false;
    for (u32 i = 0; i < k->n_bufs; i++) {
        val root = plan_root(p, k->bufs[i]);
        bool again = false;
        for (u32 j = 0; j < i && !again; j++) again = plan_root(p, k->bufs[j]) == root;
        bool own = k->l->caps->buffers_apart || plan_is_constant(p, root) || plan_is_late(p, root);
        n += own && !again;
        shared |= !own;
    }
    return n + shared + (k->fault_row != 0);
}

static qn_status check_bindings(const launch *k)
{
    const u32 most = k->l->caps->max_buffers, n = bindings_of(k);
    if (!most || n <= most) return QN_OK;
    return fail(QN_E_UNSUPPORTED, "kernel '%s' takes %u buffers, a launch there %u", k->entry ? k->entry : k->file, n, most);
}

static qn_status check_bytes(const launch *k)
{
    const plan *p = k->l->p;
    const u64 most = k->l->caps->max_buffer_bytes;
    for (u32 i = 0; i < k->n_bufs && most; i++) {
        const plan_value *v = &p->values[plan_root(p, k->bufs[i])];
        i64 elems;
        u64 bytes = 0;
        if (!v->elems || !sym_is_number(p->g, v->elems, &elems) || elems < 0) continue;
        if (!mul_u64((u64)elems, qn_dtype_bytes(v->dtype), &bytes) || bytes > most)
            return fail(QN_E_UNSUPPORTED, "a tensor of %llu bytes, a buffer there holds %llu", (unsigned long long)bytes,
                        (unsigned long long)most);
    }
    return QN_OK;
}

/* The device looks again at each launch, with the sizes that were open here. */
static qn_status check_turns(const launch *k, arena *mem, const kc_program *program)
{
    const qn_caps *caps = k->l->caps;
    kc_module *m;
    u32 words[DEVICE_MAX_WORDS];
    bool open[DEVICE_MAX_WORDS];
    i64 count;
    for (u32 i = 0; i < k->n_words; i++) words[i] = k->words[i].bits, open[i] = k->words[i].kind != WORD_LITERAL;
    bool known = sym_is_number(k->l->p->g, k->count, &count);
    QN_TRY(kc_compile(mem, program, &(kc_options){ .width = caps->width }, &m));
    const kc_kernel *kernel = kc_kernel_find(m, program->entry);
    if (!kernel) return fail(QN_E_BUG, "%s: no kernel '%s'", k->file, program->entry ? program->entry : "");
    return device_check_turns(caps, m, kernel, &(kc_launch_facts){ words, open, known ? (u64)count : 0 });
}

qn_status plan_within_limits(const launch *k, const kc_program *program)
{
    QN_TRY(check_bindings(k));
    QN_TRY(check_bytes(k));
    if (!k->l->caps->max_turns) return QN_OK;
    arena *mem = arena_make();
    qn_status s = mem ? check_turns(k, mem, program) : fail_nomem(sizeof *program);
    arena_free(mem);
    return s;
}
