/* What a session says of itself: inputs and outputs as declared, weights, counts, times. */
#include <stdio.h>
#include <stdlib.h>

#include "exec/session.h"

static char *copy_text(qn_session *s, const char *text) { return text ? arena_text(s->mem, text, strlen(text)) : NULL; }

static void describe_dims(qn_session *s, const type *t, i64 *dims, const char **names)
{
    for (u32 d = 0; d < t->rank; d++) {
        i64 number;
        dims[d] = t->dims[d] && sym_is_number(s->g, t->dims[d], &number) ? number : -1;
        u32 variable = t->dims[d] ? sym_variable_index(s->g, t->dims[d]) : UINT32_MAX;
        if (names && variable != UINT32_MAX) names[d] = copy_text(s, sym_variable_name(s->g, variable));
    }
}

/* What a sequence, optional or map holds, and so on inward. */
static qn_status describe_elements(qn_session *s, const type *t, qn_value_info *out)
{
    out->key = t->key;
    for (const type *of = t->of; of; of = of->of) {
        qn_value_info *made = ARENA_NEW(s->mem, qn_value_info);
        if (!made) return fail_nomem(sizeof *made);
        *made = (qn_value_info){ .name = "", .dtype = of->dtype, .rank = of->rank, .rank_known = of->known, .key = of->key };
        if (of->known) describe_dims(s, of, made->dims, NULL);
        out->of = made;
        out = made;
    }
    return QN_OK;
}

static qn_status describe_values(qn_session *s, const val *values, u32 n, qn_value_info **out)
{
    qn_value_info *infos = ARENA_ARRAY(s->mem, n + 1, qn_value_info);
    if (!infos) return fail_nomem(n * sizeof *infos);
    for (u32 i = 0; i < n; i++) {
        const value *v = value_at(s->g, live(s->g, values[i]));
        const value *named = value_at(s->g, values[i]);
        infos[i] = (qn_value_info){ .name = copy_text(s, named->name ? named->name
                                                         : v->name   ? v->name
                                                                     : ""),
                                    .dtype = v->type.dtype,
                                    .rank = v->type.rank,
                                    .rank_known = v->type.known };
        if (!infos[i].name) return fail_nomem(1);
        if (v->type.known) describe_dims(s, &v->type, infos[i].dims, infos[i].dim_names);
        QN_TRY(describe_elements(s, &v->type, &infos[i]));
    }
    *out = infos;
    return QN_OK;
}

static int larger_first(const void *a, const void *b)
{
    u64 x = ((const qn_weight_info *)a)->bytes, y = ((const qn_weight_info *)b)->bytes;
    return x < y ? 1 : x > y ? -1 : 0;
}

static qn_status describe_weights(qn_session *s)
{
    u32 n = 0;
    for (u32 v = 1; v <= s->g->n_values; v++) n += is_weight(s->g, v);
    const qn_weight_info *others;
    u32 n_others = format_weights(s->files, &others);
    n += n_others;
    s->weights = ARENA_ARRAY(s->mem, n + 1, qn_weight_info);
    if (!s->weights) return fail_nomem(n * sizeof *s->weights);
    for (u32 v = 1; v <= s->g->n_values; v++) {
        if (!is_weight(s->g, v)) continue;
        qn_tensor t = constant_tensor(s->g, v);
        qn_weight_info *w = &s->weights[s->n_weights++];
        const char *name = value_at(s->g, v)->name;
        *w = (qn_weight_info){
            .name = name ? copy_text(s, name) : "", .dtype = t.dtype, .rank = t.rank, .bytes = qn_tensor_bytes(&t)
        };
        memcpy(w->dims, t.dims, sizeof w->dims);
    }
    for (u32 i = 0; i < n_others; i++) {
        s->weights[s->n_weights] = others[i];
        s->weights[s->n_weights++].name = copy_text(s, others[i].name);
    }
    qsort(s->weights, s->n_weights, sizeof *s->weights, larger_first);
    return QN_OK;
}

qn_status session_describe(qn_session *s)
{
    s->n_inputs = s->g->n_inputs;
    s->n_outputs = s->g->n_outputs;
    QN_TRY(describe_values(s, s->g->inputs, s->n_inputs, &s->inputs));
    QN_TRY(describe_values(s, s->g->outputs, s->n_outputs, &s->outputs));
    s->outlets = ARENA_ARRAY(s->mem, s->n_outputs + 1, outlet);
    if (!s->outlets) return fail_nomem(s->n_outputs * sizeof(outlet));
    return describe_weights(s);
}

/* ---- the public questions */

uint32_t qn_input_count(const qn_session *s) { return s ? s->n_inputs : 0; }
uint32_t qn_output_count(const qn_session *s) { return s ? s->n_outputs : 0; }
const qn_value_info *qn_input_info(const qn_session *s, uint32_t i) { return s && i < s->n_inputs ? &s->inputs[i] : NULL; }
const qn_value_info *qn_output_info(const qn_session *s, uint32_t i)
{
    return s && i < s->n_outputs ? &s->outputs[i] : NULL;
}

const char *qn_metadata(const qn_session *s, const char *key)
{
    for (u32 i = 0; s && s->g && key && i < s->g->n_metadata; i++)
        if (text_same(s->g->metadata[i].key, key)) return s->g->metadata[i].text;
    return NULL;
}

static void add_held(const exec *x, qn_stats *out)
{
    out->layouts += x->stats.layouts;
    out->device_buffers += x->stats.device_buffers;
    out->weights_bytes += x->stats.weights_bytes;
    out->planned_peak_bytes += x->layout.peak;
    out->intermediates_bytes += x->layout.sum;
    out->largest_live_bytes += x->layout.largest_live;
}

static void add_run(const exec *x, qn_stats *out)
{
    out->launches += x->stats.launches;
    out->host_steps += x->stats.host_steps;
    out->host_launches += x->stats.host_launches;
    out->random_launches += x->stats.random_launches;
    out->flops += exec_flops(x, x->main->p);
    out->kept_launches += x->stats.kept_launches;
    out->kept_bytes += x->stats.kept_bytes;
}

static void add_plan_stats(const qn_stats *of, qn_stats *out)
{
    out->plans += of->plans;
    out->check_ms += of->check_ms;
    out->passes_ms += of->passes_ms;
    out->plan_ms += of->plan_ms;
    out->prepare_ms += of->prepare_ms;
    out->verify_ms += of->verify_ms;
}

/* Parts behind the one in which the last run is, or failed, may have a plan of a run before: they hold memory, and that is all. */
static const qn_session *next_reached(const qn_session *s, const qn_session *p)
{
    return p == session_at_work(s) ? NULL : p->rest;
}

/* Of all parts of a model: each keeps what it has. */
void qn_get_stats(const qn_session *s, qn_stats *out)
{
    if (!s || !out) return;
    *out = s->stats;
    for (const qn_session *p = s->rest; p; p = p->rest) add_plan_stats(&p->stats, out);
    for (const qn_session *p = s; p && p->x; p = p->rest) add_held(p->x, out);
    for (const qn_session *p = s; p && p->x; p = next_reached(s, p)) add_run(p->x, out);
}

uint32_t qn_op_counts(const qn_session *s, const qn_op_count **out)
{
    if (!s || !out) return 0;
    *out = s->ops;
    return s->n_ops;
}

uint32_t qn_weights(const qn_session *s, const qn_weight_info **out)
{
    if (!s || !out) return 0;
    *out = s->weights;
    return s->n_weights;
}

/* What each part of a model has a list of, in one: lent until it is asked for again. */
typedef struct part_list {
    const void *items;
    u32 n;
} part_list;

static part_list rows_of(const qn_session *s) { return s->x ? (part_list){ s->x->rows, s->x->n_rows } : (part_list){ 0 }; }
static part_list host_nodes_of(const qn_session *s) { return (part_list){ s->host_nodes, s->n_host_nodes }; }

static part_list of_parts(const qn_session *s, part_list (*of)(const qn_session *), size_t bytes, void **kept)
{
    part_list all = { 0 };
    if (!s->rest) return of(s);
    for (const qn_session *p = s; p; p = next_reached(s, p)) all.n += of(p).n;
    mem_free(*kept);
    u8 *to = *kept = mem_alloc(MAX(all.n, 1) * bytes);
    if (!to) return (part_list){ 0 };
    all.items = to;
    for (const qn_session *p = s; p; p = next_reached(s, p)) {
        part_list one = of(p);
        if (one.n) memcpy(to, one.items, one.n * bytes);
        to += one.n * bytes;
    }
    return all;
}

/* The session is the caller's; what it keeps for an answer is not his. */
static qn_session *own(const qn_session *s) { return (qn_session *)(uintptr_t)s; }

uint32_t qn_profile(const qn_session *s, const qn_profile_row **out)
{
    if (!s || !out || !s->x) return 0;
    part_list all = of_parts(s, rows_of, sizeof **out, &own(s)->all_rows);
    *out = all.items;
    if (!s->rest) return all.n;
    qn_profile_row *row = own(s)->all_rows; /* each part has a clock of its own */
    for (const qn_session *p = s; all.n && p; p = next_reached(s, p))
        for (u32 i = 0; i < rows_of(p).n; i++) row++->start_ns += p->x->profile_from - s->x->profile_from;
    return all.n;
}

uint32_t qn_passes(const qn_session *s, const qn_pass_row **out)
{
    if (!s || !out) return 0;
    *out = s->passes;
    return s->n_passes;
}

/* The row that a node runs in. */
static const char *variant_of(const plan *p, const graph *g, nid id)
{
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (p->g == g && s->node == id && s->kind == STEP_LAUNCH && s->variant) return s->variant;
        for (u32 k = 0; k < 2; k++) {
            const char *inside = s->body[k] ? variant_of(s->body[k], g, id) : NULL;
            if (inside) return inside;
        }
    }
    return NULL;
}

/* ---- nodes on the host */

qn_status session_describe_host_nodes(qn_session *s)
{
    const struct plan_placed_list *list = s->p->placed;
    s->host_nodes = ARENA_ARRAY(s->plan_mem, list->n + 1, qn_host_node);
    if (!s->host_nodes) return fail_nomem(list->n * sizeof *s->host_nodes);
    for (u32 i = 0; i < list->n; i++) {
        const node *n = node_at(list->items[i].g, list->items[i].node);
        s->host_nodes[i] =
            (qn_host_node){ n->name ? n->name : "", op_of(n)->name, list->items[i].why, list->items[i].reason };
    }
    s->n_host_nodes = list->n;
    return QN_OK;
}

uint32_t qn_host_nodes(const qn_session *s, const qn_host_node **out)
{
    if (!s || !out) return 0;
    part_list all = of_parts(s, host_nodes_of, sizeof **out, &own(s)->all_host_nodes);
    *out = all.items;
    return all.n;
}

const char *qn_host_reason_name(qn_host_reason r)
{
    static const char *const names[QN_HOST_REASON_COUNT] = { "", "type", "limit", "kernel", "wrong", "always" };
    return r < QN_HOST_REASON_COUNT ? names[r] : "";
}

static bool same_case(const qn_host_node *a, const qn_host_node *b)
{
    return text_same(a->op, b->op) && text_same(a->why, b->why);
}

/* The i-th op of those on the host for one reason, from its first node; *n: how many nodes there are. NULL past the end. */
static const qn_host_node *host_case(const qn_session *s, u32 i, u32 *n)
{
    const qn_host_node *nodes = NULL;
    u32 n_nodes = qn_host_nodes(s, &nodes);
    for (u32 k = 0; k < n_nodes; k++) {
        u32 first = 0;
        while (!same_case(&nodes[first], &nodes[k])) first++;
        if (first != k || i-- > 0) continue;
        *n = 0;
        for (u32 m = k; m < n_nodes; m++) *n += same_case(&nodes[m], &nodes[k]);
        return &nodes[k];
    }
    return NULL;
}

static const char *note_of_host(const qn_session *s, u32 i, char *note, size_t bytes)
{
    u32 n = 0;
    const qn_host_node *h = host_case(s, i, &n);
    if (!h) return NULL;
    if (n == 1) snprintf(note, bytes, "%s '%s' runs on the host: %s", h->op, h->node, h->why);
    else snprintf(note, bytes, "%s '%s' and %u more run on the host: %s", h->op, h->node, n - 1, h->why);
    return note;
}

/* ---- */

static const char *note_of_avoided(const qn_session *s, const plan_avoided *a, char *note, size_t bytes)
{
    const node *n = node_at(a->g, a->node);
    const char *now = variant_of(s->p, a->g, a->node);
    snprintf(note, bytes, "%s '%s' runs as %s: its kernel %s is wrong on %s", op_of(n)->name, n->name ? n->name : "",
             now ? now : "something else", a->variant, s->desc.device->info.spec);
    return note;
}

const char *qn_session_note(const qn_session *s, uint32_t i)
{
    if (!s || !s->p) return NULL;
    char *note = own(s)->note; /* lent until the next question */
    for (const qn_session *p = s; p && p->p; p = next_reached(s, p))
        for (const plan_avoided *a = p->avoided; a; a = a->next)
            if (i-- == 0) return note_of_avoided(p, a, note, sizeof s->note);
    return note_of_host(s, i, note, sizeof s->note);
}
