/* Places that data decide (plan/places.c), while a run goes on: inputs and constants are looked at when it starts; the words that the
 * launches of computed ones leave on the device are read along with the next answer of the device, and looked at when that is there. */
#include "exec/exec.h"

enum { ROW_BYTES = PLAN_FAULT_WORDS * 4 };

static u32 rows(const exec *x) { return x->main->p->places->n_rows; }

qn_status faults_make(exec *x)
{
    if (!rows(x)) return QN_OK;
    x->fault_words = ARENA_ARRAY(x->mem, (size_t)rows(x) * PLAN_FAULT_WORDS, u32);
    if (!x->fault_words) return fail_nomem((size_t)rows(x) * ROW_BYTES);
    QN_TRY(x->b->buf_make(x->device, (u64)rows(x) * ROW_BYTES, &x->faults));
    x->stats.device_buffers++;
    return QN_OK;
}

buf_view faults_row(const exec *x, u32 row) { return (buf_view){ x->faults, (u64)(row - 1) * ROW_BYTES, ROW_BYTES }; }

/* ---- when a run starts */

static qn_status sizes_of(const exec *x, const plan_places *p, i64 *sizes)
{
    for (u32 c = 0; c < p->what.tuple; c++) QN_TRY(exec_size(x, p->what.size[c], &sizes[c]));
    return QN_OK;
}

qn_status faults_at_start(exec *x, const qn_named *in, size_t n_in)
{
    const struct plan_places_list *list = x->main->p->places;
    for (u32 i = 0; i < list->n; i++) {
        const plan_places *p = &list->items[i];
        if (p->row) continue;
        i64 sizes[QN_MAX_RANK];
        qn_tensor t = { 0 };
        if (is_constant(p->g, p->what.v)) t = constant_tensor(p->g, p->what.v);
        for (size_t k = 0; k < n_in; k++)
            if (text_same(in[k].name, value_at(p->g, p->what.v)->name)) t = in[k].tensor;
        QN_TRY(sizes_of(x, p, sizes));
        QN_TRY(plan_places_check(p, &t, sizes));
    }
    return QN_OK;
}

/* ---- while it goes on */

qn_status faults_check(exec *x, frame *f, const step *s, bool *pending)
{
    const plan_places *p = &x->main->p->places->items[s->places];
    i64 sizes[QN_MAX_RANK];
    qn_tensor t;
    QN_TRY(store_gather(x, f, &s->value, 1, false, pending));
    if (*pending) return QN_OK;
    QN_TRY(store_tensor(x, f, s->value, &t));
    QN_TRY(sizes_of(x, p, sizes));
    return plan_places_check(p, &t, sizes);
}

qn_status faults_ask(exec *x)
{
    if (!rows(x) || x->device->info.caps.host_memory) return QN_OK;
    return x->b->read(x->device, x->faults, 0, x->fault_words, (u64)rows(x) * ROW_BYTES);
}

/* The places of a row, from the plan that has them. */
static const plan_places *places_of(const exec *x, u32 row)
{
    const struct plan_places_list *list = x->main->p->places;
    u32 i = 0;
    while (list->items[i].row != row) i++;
    return &list->items[i];
}

static qn_status report(exec *x, u32 row, u32 at, i32 found)
{
    const plan_places *p = places_of(x, row);
    i64 sizes[QN_MAX_RANK];
    QN_TRY(sizes_of(x, p, sizes));
    return plan_places_fail(p, at, found, sizes[at % p->what.tuple]);
}

qn_status faults_answer(exec *x)
{
    if (!rows(x)) return QN_OK;
    const u32 *words = x->device->info.caps.host_memory ? x->b->buf_host(x->device, x->faults) : x->fault_words;
    for (u32 r = 0; r < rows(x); r++)
        for (u32 k = 0; k < PLAN_FAULT_SHARES; k++) {
            const u32 *w = words + (size_t)r * PLAN_FAULT_WORDS + k;
            if (w[0]) return report(x, r + 1, w[0] - 1, (i32)w[PLAN_FAULT_SHARES]);
        }
    return QN_OK;
}

/* A run that found one leaves its words behind, whether it came to read them or failed before for another reason; the next begins with none. */
qn_status faults_clear(exec *x)
{
    if (!rows(x) || x->result == QN_OK) return QN_OK;
    u64 bytes = (u64)rows(x) * ROW_BYTES;
    memset(x->fault_words, 0, (size_t)bytes);
    return x->b->write(x->device, x->faults, 0, (qn_bytes){ x->fault_words, (size_t)bytes });
}
