/* What a session says of itself, as JSON. */
#include "web/web_private.h"

static void put_dims(json *j, const qn_value_info *v)
{
    if (!v->rank_known) {
        json_null(j, "dims");
        return;
    }
    json_open(j, "dims", '[');
    for (u32 d = 0; d < v->rank; d++) {
        if (v->dims[d] >= 0) json_integer(j, NULL, v->dims[d]);
        else json_text(j, NULL, v->dim_names[d]);
    }
    json_close(j, '[');
}

/* key NULL: an element of an array. */
static void put_value(json *j, const char *key, const qn_value_info *v)
{
    json_open(j, key, '{');
    json_text(j, "name", v->name);
    json_text(j, "dtype", qn_dtype_name(v->dtype));
    put_dims(j, v);
    if (v->key) json_text(j, "key", qn_dtype_name(v->key));
    if (v->of) put_value(j, "of", v->of);
    json_close(j, '{');
}

static void put_values(json *j, const qn_session *s, u32 n, const qn_value_info *(*info)(const qn_session *, uint32_t))
{
    for (u32 i = 0; i < n; i++) put_value(j, NULL, info(s, i));
}

const char *qw_session_inputs(void *session)
{
    const qn_session *s = ((web_session *)session)->session;
    put_values(web_json('['), s, qn_input_count(s), qn_input_info);
    return web_json_end('[');
}

const char *qw_session_outputs(void *session)
{
    const qn_session *s = ((web_session *)session)->session;
    put_values(web_json('['), s, qn_output_count(s), qn_output_info);
    return web_json_end('[');
}

static void put_stats(json *j, const qn_session *s)
{
    qn_stats st;
    qn_get_stats(s, &st);
    json_open(j, "stats", '{');
#define COUNTED(field) json_integer(j, #field, (i64)st.field);
    COUNTED(plans)
    COUNTED(layouts)
    COUNTED(device_buffers)
    COUNTED(weights_bytes)
    COUNTED(planned_peak_bytes)
    COUNTED(intermediates_bytes)
    COUNTED(largest_live_bytes)
    COUNTED(launches)
    COUNTED(host_steps)
    COUNTED(host_launches)
    COUNTED(random_launches)
    COUNTED(flops)
    COUNTED(kept_launches)
    COUNTED(kept_bytes)
#undef COUNTED
    json_number(j, "read_ms", st.read_ms);
    json_number(j, "check_ms", st.check_ms);
    json_number(j, "passes_ms", st.passes_ms);
    json_number(j, "plan_ms", st.plan_ms);
    json_number(j, "prepare_ms", st.prepare_ms);
    json_number(j, "verify_ms", st.verify_ms);
    json_close(j, '{');
}

/* ---- lists of rows: each an object in an array */

typedef void put_row(json *j, const void *row);

static void put_rows(json *j, const void *rows, u32 n, size_t bytes, put_row *put)
{
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        put(j, (const char *)rows + i * bytes);
        json_close(j, '{');
    }
}

static void put_list(json *j, const char *name, const void *rows, u32 n, size_t bytes, put_row *put)
{
    json_open(j, name, '[');
    put_rows(j, rows, n, bytes, put);
    json_close(j, '[');
}

static void put_op(json *j, const void *row)
{
    const qn_op_count *op = row;
    json_text(j, "domain", op->domain);
    json_text(j, "op", op->op);
    json_integer(j, "count", op->count);
    json_integer(j, "version", op->version);
    json_bool(j, "supported", op->supported);
    json_text(j, "why", op->why);
}

static void put_pass(json *j, const void *row)
{
    const qn_pass_row *pass = row;
    json_text(j, "pass", pass->pass);
    json_number(j, "ms", pass->ms);
    json_integer(j, "nodes_before", pass->nodes_before);
    json_integer(j, "nodes_after", pass->nodes_after);
}

static void put_weight(json *j, const void *row)
{
    const qn_weight_info *weight = row;
    json_text(j, "name", weight->name);
    json_text(j, "dtype", qn_dtype_name(weight->dtype));
    json_open(j, "dims", '[');
    for (u32 d = 0; d < weight->rank; d++) json_integer(j, NULL, weight->dims[d]);
    json_close(j, '[');
    json_integer(j, "bytes", (i64)weight->bytes);
}

static void put_host_node(json *j, const void *row)
{
    const qn_host_node *node = row;
    json_text(j, "node", node->node);
    json_text(j, "op", node->op);
    json_text(j, "reason", qn_host_reason_name(node->reason));
    json_text(j, "why", node->why);
}

static void put_profile_row(json *j, const void *row)
{
    const qn_profile_row *step = row;
    json_text(j, "node", step->node);
    json_text(j, "op", step->op);
    json_text(j, "kernel", step->kernel);
    json_text(j, "where", step->where);
    json_integer(j, "start_ns", (i64)step->start_ns);
    json_integer(j, "ns", (i64)step->ns);
    json_integer(j, "bytes", (i64)step->bytes);
    json_integer(j, "flops", (i64)step->flops);
}

const char *qw_session_report(void *session)
{
    const qn_session *s = ((web_session *)session)->session;
    const qn_op_count *ops = NULL;
    const qn_pass_row *passes = NULL;
    const qn_weight_info *weights = NULL;
    const qn_host_node *nodes = NULL;
    json *j = web_json('{');
    put_stats(j, s);
    u32 n = qn_op_counts(s, &ops);
    put_list(j, "ops", ops, n, sizeof *ops, put_op);
    n = qn_passes(s, &passes);
    put_list(j, "passes", passes, n, sizeof *passes, put_pass);
    n = qn_weights(s, &weights);
    put_list(j, "weights", weights, n, sizeof *weights, put_weight);
    n = qn_host_nodes(s, &nodes);
    put_list(j, "host_nodes", nodes, n, sizeof *nodes, put_host_node);
    json_open(j, "notes", '[');
    for (u32 i = 0; qn_session_note(s, i); i++) json_text(j, NULL, qn_session_note(s, i));
    json_close(j, '[');
    return web_json_end('{');
}

const char *qw_session_profile(void *session)
{
    const qn_profile_row *rows = NULL;
    u32 n = qn_profile(((web_session *)session)->session, &rows);
    put_rows(web_json('['), rows, n, sizeof *rows, put_profile_row);
    return web_json_end('[');
}

const char *qw_session_metadata(void *session, const char *key)
{
    return qn_metadata(((web_session *)session)->session, key);
}
