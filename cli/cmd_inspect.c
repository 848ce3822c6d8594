/* quern inspect: what a model file holds, without running it. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const option inspect_options[] = {
    { "--weights", "N", "largest weights to list (default: 10)" },
    { 0 },
};

/* A tensor's type and shape; of a sequence, optional or map also what it holds. */
static void put_type(const qn_value_info *v)
{
    json_put_text("dtype", qn_dtype_name(v->dtype));
    if (v->rank_known) json_put_dims("shape", v->dims, v->rank, v->dim_names);
    else json_put_text("shape", NULL);
    if (v->key) json_put_text("key", qn_dtype_name(v->key));
    if (!v->of) return;
    json_begin("of", '{');
    put_type(v->of);
    json_end('}');
}

static void put_values(const char *key, const qn_session *s, uint32_t n,
                       const qn_value_info *(*at)(const qn_session *, uint32_t))
{
    json_begin(key, '[');
    for (uint32_t i = 0; i < n; i++) {
        const qn_value_info *v = at(s, i);
        json_begin(NULL, '{');
        json_put_text("name", v->name);
        put_type(v);
        json_end('}');
    }
    json_end(']');
}

static const char *type_words(const qn_value_info *v)
{
    if (!v->of) return qn_dtype_name(v->dtype);
    if (v->key) return text_print("map of %s to %s", qn_dtype_name(v->key), type_words(v->of));
    return text_print("%s of %s", qn_dtype_name(v->dtype), type_words(v->of));
}

/* Of a sequence or optional the shape of what it holds in the end. */
static const char *shape_words(const qn_value_info *v)
{
    const qn_value_info *held = v;
    while (held->of) held = held->of;
    const char *shape = held->rank_known ? text_shape(held->dims, held->rank, held->dim_names) : "any shape";
    return v->of ? text_print(held->rank_known ? "each %s" : "each of %s", shape) : shape;
}

static void print_values(const char *title, const qn_session *s, uint32_t n,
                         const qn_value_info *(*at)(const qn_session *, uint32_t))
{
    table t = { .align = "lll" };
    for (uint32_t i = 0; i < n; i++) {
        const qn_value_info *v = at(s, i);
        table_row(&t, v->name, type_words(v), shape_words(v));
    }
    printf("\n%s\n", title);
    table_print(&t, "  ");
}

typedef struct totals {
    uint64_t params, bytes, by_type[QN_DTYPE_COUNT], params_by_type[QN_DTYPE_COUNT];
    uint32_t nodes, unsupported;
} totals;

static uint64_t elems_of(const qn_weight_info *w)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < w->rank; i++) n *= (uint64_t)w->dims[i];
    return n;
}

static totals totals_of(const qn_session *s)
{
    totals t = { 0 };
    const qn_weight_info *w;
    const qn_op_count *ops;
    uint32_t n = qn_weights(s, &w), n_ops = qn_op_counts(s, &ops);
    for (uint32_t i = 0; i < n; i++) {
        t.params += elems_of(&w[i]);
        t.bytes += w[i].bytes;
        t.by_type[w[i].dtype] += w[i].bytes;
        t.params_by_type[w[i].dtype] += elems_of(&w[i]);
    }
    for (uint32_t i = 0; i < n_ops; i++) {
        t.nodes += ops[i].count;
        t.unsupported += !ops[i].supported;
    }
    return t;
}

static const char *op_name(const qn_op_count *o)
{
    return o->domain && *o->domain && strcmp(o->domain, "ai.onnx") != 0 ? text_print("%s.%s", o->domain, o->op) : o->op;
}

static void print_ops(const qn_session *s, const totals *sum)
{
    const qn_op_count *ops;
    uint32_t n = qn_op_counts(s, &ops);
    table t = { .align = "rlrl" };
    for (uint32_t i = 0; i < n; i++)
        table_row(&t, text_print("%u", ops[i].count), op_name(&ops[i]),
                  ops[i].version ? text_print("opset %u", ops[i].version) : "",
                  ops[i].supported ? ""
                                   : text_print("NOT SUPPORTED%s%s", ops[i].why ? ": " : "", ops[i].why ? ops[i].why : ""));
    printf("\nops: %u nodes, %u kinds\n", sum->nodes, n);
    table_print(&t, "  ");
    if (sum->unsupported) printf("  this build cannot run %u of them\n", sum->unsupported);
}

static void print_weights(const args *a, const qn_session *s, const totals *sum)
{
    const qn_weight_info *w;
    uint32_t n = qn_weights(s, &w), most = args_number(a, "--weights", 10);
    printf("\nweights: %u tensors, %s parameters, %s\n", n, text_count(sum->params), text_bytes(sum->bytes));
    table types = { .align = "lrr" };
    for (int d = 0; d < QN_DTYPE_COUNT; d++)
        if (sum->params_by_type[d])
            table_row(&types, qn_dtype_name((qn_dtype)d), text_bytes(sum->by_type[d]),
                      text_print("%s values", text_count(sum->params_by_type[d])));
    table_print(&types, "  ");
    if (!n || !most) return;
    table t = { .align = "rlll" };
    for (uint32_t i = 0; i < n && i < most; i++)
        table_row(&t, text_bytes(w[i].bytes), qn_dtype_name(w[i].dtype), text_shape(w[i].dims, w[i].rank, NULL), w[i].name);
    printf("\nlargest\n");
    table_print(&t, "  ");
}

static void put_ops(const qn_session *s)
{
    const qn_op_count *ops;
    uint32_t n = qn_op_counts(s, &ops);
    json_begin("ops", '[');
    for (uint32_t i = 0; i < n; i++) {
        json_begin(NULL, '{');
        json_put_text("domain", ops[i].domain ? ops[i].domain : "");
        json_put_text("op", ops[i].op);
        json_put_count("version", ops[i].version);
        json_put_count("count", ops[i].count);
        json_put_bool("supported", ops[i].supported);
        if (!ops[i].supported) json_put_text("why", ops[i].why);
        json_end('}');
    }
    json_end(']');
}

static void put_weights(const args *a, const qn_session *s, const totals *sum)
{
    const qn_weight_info *w;
    uint32_t n = qn_weights(s, &w), most = args_number(a, "--weights", 10);
    json_put_count("parameters", sum->params);
    json_put_count("weight_bytes", sum->bytes);
    json_begin("weight_bytes_by_type", '{');
    for (int d = 0; d < QN_DTYPE_COUNT; d++)
        if (sum->params_by_type[d]) json_put_count(qn_dtype_name((qn_dtype)d), sum->by_type[d]);
    json_end('}');
    json_put_count("weight_tensors", n);
    json_begin("largest_weights", '[');
    for (uint32_t i = 0; i < n && i < most; i++) {
        json_begin(NULL, '{');
        json_put_text("name", w[i].name);
        json_put_text("dtype", qn_dtype_name(w[i].dtype));
        json_put_dims("shape", w[i].dims, w[i].rank, NULL);
        json_put_count("bytes", w[i].bytes);
        json_end('}');
    }
    json_end(']');
}

int inspect_run(const args *a)
{
    qn_session *s = NULL;
    qn_session_desc desc = { .inspect_only = true };
    int code = open_model(a, a->words[0], &desc, &s);
    if (code) return code;
    totals sum = totals_of(s);
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("file", a->words[0]);
        put_values("inputs", s, qn_input_count(s), qn_input_info);
        put_values("outputs", s, qn_output_count(s), qn_output_info);
        json_put_count("nodes", sum.nodes);
        json_put_bool("runs", sum.unsupported == 0);
        put_ops(s);
        put_weights(a, s, &sum);
        json_end('}');
    } else {
        printf("%s\n", a->words[0]);
        print_values("inputs", s, qn_input_count(s), qn_input_info);
        print_values("outputs", s, qn_output_count(s), qn_output_info);
        print_ops(s, &sum);
        print_weights(a, s, &sum);
    }
    qn_session_close(s);
    return 0;
}
