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

void qn_get_stats(const qn_session *s, qn_stats *out)
{
    if (!s || !out) return;
    *out = s->stats;
    const exec *x = s->x;
    if (!x) return;
    out->layouts = x->stats.layouts;
    out->device_buffers = x->stats.device_buffers;
    out->weights_bytes = x->stats.weights_bytes;
    out->planned_peak_bytes = x->layout.peak;
    out->intermediates_bytes = x->layout.sum;
    out->largest_live_bytes = x->layout.largest_live;
    out->launches = x->stats.launches;
    out->host_steps = x->stats.host_steps;
    out->flops = exec_flops(x, x->main->p);
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

uint32_t qn_profile(const qn_session *s, const qn_profile_row **out)
{
    if (!s || !out || !s->x) return 0;
    *out = s->x->rows;
    return s->x->n_rows;
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

const char *qn_session_note(const qn_session *s, uint32_t i)
{
    const plan_avoided *a = s && s->p ? s->avoided : NULL;
    while (a && i-- > 0) a = a->next;
    if (!a) return NULL;
    const node *n = node_at(a->g, a->node);
    const char *now = variant_of(s->p, a->g, a->node);
    char *note = ((qn_session *)(uintptr_t)s)->note; /* lent until the next question */
    snprintf(note, sizeof s->note, "%s '%s' runs as %s: its kernel %s is wrong on %s", op_of(n)->name,
             n->name ? n->name : "", now ? now : "something else", a->variant, s->desc.device->info.spec);
    return note;
}
