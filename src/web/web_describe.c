/* What a session says of itself, as JSON. */
#include "web/web_private.h"

static void put_values(json *j, const qn_session *s, u32 n, const qn_value_info *(*info)(const qn_session *, uint32_t))
{
    for (u32 i = 0; i < n; i++) {
        const qn_value_info *v = info(s, i);
        json_open(j, NULL, '{');
        json_text(j, "name", v->name);
        json_text(j, "dtype", qn_dtype_name(v->dtype));
        if (!v->rank_known) json_null(j, "dims");
        else {
            json_open(j, "dims", '[');
            for (u32 d = 0; d < v->rank; d++) {
                if (v->dims[d] >= 0) json_integer(j, NULL, v->dims[d]);
                else json_text(j, NULL, v->dim_names[d]);
            }
            json_close(j, '[');
        }
        json_close(j, '{');
    }
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
    COUNTED(flops)
#undef COUNTED
    json_number(j, "read_ms", st.read_ms);
    json_number(j, "check_ms", st.check_ms);
    json_number(j, "passes_ms", st.passes_ms);
    json_number(j, "plan_ms", st.plan_ms);
    json_number(j, "prepare_ms", st.prepare_ms);
    json_close(j, '{');
}

static void put_ops(json *j, const qn_session *s)
{
    const qn_op_count *ops = NULL;
    u32 n = qn_op_counts(s, &ops);
    json_open(j, "ops", '[');
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_text(j, "domain", ops[i].domain);
        json_text(j, "op", ops[i].op);
        json_integer(j, "count", ops[i].count);
        json_integer(j, "version", ops[i].version);
        json_bool(j, "supported", ops[i].supported);
        json_text(j, "why", ops[i].why);
        json_close(j, '{');
    }
    json_close(j, '[');
}

static void put_passes(json *j, const qn_session *s)
{
    const qn_pass_row *rows = NULL;
    u32 n = qn_passes(s, &rows);
    json_open(j, "passes", '[');
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_text(j, "pass", rows[i].pass);
        json_number(j, "ms", rows[i].ms);
        json_integer(j, "nodes_before", rows[i].nodes_before);
        json_integer(j, "nodes_after", rows[i].nodes_after);
        json_close(j, '{');
    }
    json_close(j, '[');
}

static void put_weights(json *j, const qn_session *s)
{
    const qn_weight_info *rows = NULL;
    u32 n = qn_weights(s, &rows);
    json_open(j, "weights", '[');
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_text(j, "name", rows[i].name);
        json_text(j, "dtype", qn_dtype_name(rows[i].dtype));
        json_open(j, "dims", '[');
        for (u32 d = 0; d < rows[i].rank; d++) json_integer(j, NULL, rows[i].dims[d]);
        json_close(j, '[');
        json_integer(j, "bytes", (i64)rows[i].bytes);
        json_close(j, '{');
    }
    json_close(j, '[');
}

static void put_host_nodes(json *j, const qn_session *s)
{
    const qn_host_node *rows = NULL;
    u32 n = qn_host_nodes(s, &rows);
    json_open(j, "host_nodes", '[');
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_text(j, "node", rows[i].node);
        json_text(j, "op", rows[i].op);
        json_text(j, "why", rows[i].why);
        json_close(j, '{');
    }
    json_close(j, '[');
    json_open(j, "notes", '[');
    for (u32 i = 0; qn_session_note(s, i); i++) json_text(j, NULL, qn_session_note(s, i));
    json_close(j, '[');
}

const char *qw_session_report(void *session)
{
    const qn_session *s = ((web_session *)session)->session;
    json *j = web_json('{');
    put_stats(j, s);
    put_ops(j, s);
    put_passes(j, s);
    put_weights(j, s);
    put_host_nodes(j, s);
    return web_json_end('{');
}

const char *qw_session_profile(void *session)
{
    const qn_profile_row *rows = NULL;
    u32 n = qn_profile(((web_session *)session)->session, &rows);
    json *j = web_json('[');
    for (u32 i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_text(j, "node", rows[i].node);
        json_text(j, "op", rows[i].op);
        json_text(j, "kernel", rows[i].kernel);
        json_text(j, "where", rows[i].where);
        json_integer(j, "start_ns", (i64)rows[i].start_ns);
        json_integer(j, "ns", (i64)rows[i].ns);
        json_integer(j, "bytes", (i64)rows[i].bytes);
        json_integer(j, "flops", (i64)rows[i].flops);
        json_close(j, '{');
    }
    return web_json_end('[');
}

const char *qw_session_metadata(void *session, const char *key)
{
    return qn_metadata(((web_session *)session)->session, key);
}
