/* Where a node runs: on the device, in the first row that takes it. Where the device has not a type of the node, or no row of it takes it there
 * (a limit, or kernels that were found wrong), the host runs it by the same rows; the list of those goes into the session's report.
 *
 * A device whose buffers are host memory is the host: what it cannot do, nothing else here can. */
#include <stdio.h>

#include "op/op_util.h"
#include "plan/plan.h"

/* What a plan holds so far, to go back to when a row turns out not to take the node after it has said half of it. */
typedef struct mark {
    u32 n_steps, n_values, n_tables, n_programs, n_places, n_rows;
} mark;

static mark mark_of(const plan *p)
{
    return (mark){ p->n_steps, p->n_values, p->n_tables, p->n_programs, p->places->n, p->places->n_rows };
}

static void go_back_to(plan *p, mark m)
{
    for (u32 i = m.n_steps; i < p->n_steps; i++)
        if (p->steps[i].kind == STEP_ELEMS) p->values[p->steps[i].value].stored = false; /* plan_need asks again */
    p->n_steps = m.n_steps, p->n_values = m.n_values, p->n_tables = m.n_tables, p->n_programs = m.n_programs;
    p->places->n = m.n_places, p->places->n_rows = m.n_rows;
}

/* ---- one side */

static lowering device_side(plan *p, nid id)
{
    return (lowering){
        .p = p, .caps = &p->device->info.caps, .bakes = p->device->backend->bakes, .node = id, .repeat_at = UINT32_MAX
    };
}

static lowering host_side(plan *p, qn_device *host, nid id)
{
    return (lowering){
        .p = p, .caps = &host->info.caps, .bakes = host->backend->bakes, .on_host = true, .node = id, .repeat_at = UINT32_MAX
    };
}

static bool is_avoided(const plan *p, nid id)
{
    for (const plan_avoided *a = p->avoided; a; a = a->next)
        if (a->g == p->g && a->node == id) return true;
    return false;
}

static qn_status no_row(const lowering *l, const node *n, qn_host_reason *reason)
{
    bool wrong = !l->on_host && is_avoided(l->p, l->node);
    *reason = wrong ? QN_HOST_WRONG : QN_HOST_KERNEL;
    return fail(QN_E_UNSUPPORTED, "%s '%s': %s", op_of(n)->name, n->name ? n->name : "",
                wrong ? "every kernel of this build that fits it is wrong on this device"
                      : "no kernel of this build fits it on this device");
}

static qn_status emit(lowering *l, const node *n, const variant *v)
{
    plan *p = l->p;
    l->variant = "places";
    if (op_of(n)->places) QN_TRY(op_of(n)->places(l, n));
    l->variant = v->name;
    QN_TRY(v->emit(l, n));
    if (l->repeat_at != UINT32_MAX) return fail(QN_E_BUG, "%s: a repeat without an end", v->name);
    step *last = p->n_steps ? &p->steps[p->n_steps - 1] : NULL;
    if (op_of(n)->flops && last && last->kind == STEP_LAUNCH && last->node == l->node) last->flops = op_of(n)->flops(l, n);
    return QN_OK;
}

/* Narrows the sizes that the next launches are for; the others are left for other rows. 0: none are. */
static sym split_sizes(lowering *l, const node *n, const variant *v)
{
    graph *g = l->p->g;
    sym all = l->when, fits = v->needs & NEED_SIZES ? op_of(n)->when(l, n, g) : 0;
    i64 known;
    if (!fits || sym_is_number(g, fits, &known)) return 0;
    sym rest = sym_sub(g, sym_one(g), fits);
    l->when = all ? sym_mul(g, all, fits) : fits;
    return all ? sym_mul(g, all, rest) : rest;
}

/* Row after row until one takes the node; what the first that refused said is told when none does, and in a word in *reason. A row that is
 * for some sizes only leaves the others to the next. */
static qn_status plan_on(lowering *l, const node *n, qn_host_reason *reason)
{
    const mark start = mark_of(l->p);
    mark before = start;
    const variant *rows = op_of(n)->variants;
    char first[300] = "";
    for (const variant *v = plan_select(l, n); v; v = v - rows < 64 ? plan_select(l, n) : NULL) {
        const sym all = l->when, rest = split_sizes(l, n, v);
        qn_status s = emit(l, n, v);
        if (s != QN_E_UNSUPPORTED && (s != QN_OK || !rest)) return s;
        if (s == QN_OK) before = mark_of(l->p);
        else if (!first[0]) snprintf(first, sizeof first, "%s", qn_last_error());
        l->when = s == QN_OK ? rest : all;
        go_back_to(l->p, before);
        if (v - rows < 64) l->refused |= (u64)1 << (v - rows);
        l->repeat_at = UINT32_MAX;
    }
    go_back_to(l->p, start);
    if (!first[0]) return no_row(l, n, reason);
    *reason = QN_HOST_LIMIT;
    return fail(QN_E_UNSUPPORTED, "%s", first);
}

/* ---- which side */

static qn_status note_placed(plan *p, nid id, qn_host_reason reason, const char *why)
{
    struct plan_placed_list *list = p->placed;
    if (!ARENA_PUSH_ROOM(p->mem, list->items, list->n, list->cap, 1u << 24)) return fail_nomem(sizeof *list->items);
    list->items[list->n++] = (plan_placed){ p->g, id, reason, why };
    return QN_OK;
}

static qn_status place_on_host(plan *p, nid id, const node *n, qn_host_reason reason, const char *why)
{
    qn_device *host;
    qn_host_reason here_too;
    QN_TRY(device_host(p->device, &host));
    lowering l = host_side(p, host, id);
    QN_TRY(plan_on(&l, n, &here_too));
    return note_placed(p, id, reason, why);
}

/* The refusal without "Op 'name': " in front, which the report says itself. */
static const char *in_words(plan *p, const node *n, const char *refusal)
{
    char place[200];
    int bytes = snprintf(place, sizeof place, "%s '%s': ", op_of(n)->name, n->name ? n->name : "");
    if (bytes > 0 && (size_t)bytes < sizeof place && !strncmp(refusal, place, (size_t)bytes)) refusal += bytes;
    const char *kept = arena_text(p->mem, refusal, strlen(refusal));
    return kept ? kept : "";
}

static qn_status place_on_device(plan *p, nid id, const node *n, qn_host_reason *reason)
{
    lowering l = device_side(p, id);
    qn_dtype lacking = op_lacks_type(p->g, l.caps, n);
    if (!lacking) return plan_on(&l, n, reason);
    *reason = QN_HOST_TYPE;
    return fail(QN_E_UNSUPPORTED, "%s '%s': this device has no %s", op_of(n)->name, n->name ? n->name : "",
                qn_dtype_name(lacking));
}

static qn_status place(plan *p, nid id, const node *n)
{
    qn_host_reason reason = QN_HOST_KERNEL;
    qn_status s = place_on_device(p, id, n, &reason);
    if (s != QN_E_UNSUPPORTED || p->device->info.caps.host_memory) return s;
    const char *why = in_words(p, n, qn_last_error());
    s = place_on_host(p, id, n, reason, why);
    if (s != QN_E_UNSUPPORTED) return s;
    return fail(s, "%s '%s': %s", op_of(n)->name, n->name ? n->name : "", why);
}

static qn_dtype type_for_host(const graph *g, const node *n)
{
    for (u32 i = 0; i < n->n_in + n->n_out; i++) {
        val v = i < n->n_in ? node_in(g, n, i) : n->out[i - n->n_in];
        if (v && dtype_is_for_host(value_at(g, v)->type.dtype)) return value_at(g, v)->type.dtype;
    }
    return QN_NONE;
}

qn_status plan_note_host(plan *p, nid id, const node *n)
{
    char why[100];
    qn_dtype lacking = type_for_host(p->g, n);
    if (p->device->info.caps.host_memory) return QN_OK;
    if (!lacking) return note_placed(p, id, QN_HOST_ALWAYS, "no device computes it");
    int bytes = snprintf(why, sizeof why, "this device has no %s", qn_dtype_name(lacking));
    const char *kept = arena_text(p->mem, why, (size_t)bytes);
    return kept ? note_placed(p, id, QN_HOST_TYPE, kept) : fail_nomem(sizeof why);
}

qn_status plan_place(plan *p, nid id, const node *n)
{
    attempt_begin(); /* what a row says that gives way to another is no failure */
    qn_status s = place(p, id, n);
    attempt_end(s != QN_OK);
    return s;
}
