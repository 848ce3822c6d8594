/* Does a launch stay within what the device can do, as far as the sizes are known when it is planned: buffers that one launch binds, bytes of a
 * buffer, turns of a MAP's loops. What does not goes to the op's next row, or to the host (place.c). */
#include "plan/plan.h"

/* How many bindings it takes: values of the layout share one buffer, unless they are apart; weights have one each, and so has what comes late. */
static u32 bindings_of(const plan *p, const launch *k, bool apart)
{
    u32 n = 0;
    bool shared = false;
    for (u32 i = 0; i < k->n_bufs; i++) {
        val root = plan_root(p, k->bufs[i]);
        bool again = false;
        for (u32 j = 0; j < i && !again; j++) again = plan_root(p, k->bufs[j]) == root;
        bool own = apart || plan_is_constant(p, root) || plan_is_late(p, root);
        n += own && !again;
        shared |= !own;
    }
    return n + shared + (k->fault_row != 0);
}

static qn_status check_bindings(const plan *p, const launch *k, const qn_caps *caps, bool apart)
{
    const u32 most = caps->max_buffers, n = bindings_of(p, k, apart || caps->buffers_apart);
    if (!most || n <= most) return QN_OK;
    return fail(QN_E_UNSUPPORTED, "kernel '%s' takes %u buffers, a launch there %u", k->entry ? k->entry : k->file, n, most);
}

qn_status plan_within_limits_apart(const plan *p)
{
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->kind != STEP_LAUNCH || s->on_host) continue;
        const node *n = node_at(p->g, s->node);
        QN_TRY(fail_in(check_bindings(p, s->launch, &p->device->info.caps, true),
                       "%s '%s': its values do not fit in one buffer, and ", op_of(n)->name, n->name ? n->name : ""));
    }
    return QN_OK;
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
        if (!mul_u64((u64)elems, qn_dtype_bytes(v->dtype), &bytes))
            return fail(QN_E_UNSUPPORTED, "a tensor of %lld elements has more bytes than 64 bits can count",
                        (long long)elems);
        if (bytes > most)
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
    bool known = k->count && sym_is_number(k->l->p->g, k->count, &count);
    QN_TRY(kc_compile(mem, program, &(kc_options){ .width = caps->width }, &m));
    const kc_kernel *kernel = kc_kernel_find(m, program->entry);
    if (!kernel) return fail(QN_E_BUG, "%s: no kernel '%s'", k->file, program->entry ? program->entry : "");
    return device_check_turns(caps, m, kernel, &(kc_launch_facts){ words, open, known ? (u64)count : 0 });
}

qn_status plan_within_limits(const launch *k, const kc_program *program)
{
    QN_TRY(check_bindings(k->l->p, k, k->l->caps, k->l->p->apart && !k->l->on_host));
    QN_TRY(check_bytes(k));
    if (!k->l->caps->max_turns) return QN_OK;
    arena *mem = arena_make();
    qn_status s = mem ? check_turns(k, mem, program) : fail_nomem(sizeof *program);
    arena_free(mem);
    return s;
}
