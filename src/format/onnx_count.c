/* Which ops does the file use, how often, and which of them does this build lack? Nodes are counted as they stand in the file: those of
 * bodies too, those of functions once. Where the file is only inspected, so are the weights that stand in nodes and bodies. */
#include "format/onnx_upgrade.h"

typedef struct counted {
    qn_bytes op, domain, overload, output;
    pb_list attrs;
} counted;

static qn_status read_node(arena *mem, qn_bytes message, counted *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 2, PB_BYTES) && !out->output.data) out->output = f.bytes;
        if (pb_is(&f, 4, PB_BYTES)) out->op = f.bytes;
        if (pb_is(&f, 7, PB_BYTES)) out->domain = f.bytes;
        if (pb_is(&f, 8, PB_BYTES)) out->overload = f.bytes;
        if (pb_is(&f, 5, PB_BYTES) && !pb_list_add(mem, &out->attrs, f.bytes)) return fail_nomem(message.n);
    }
    return c.bad ? fail(QN_E_FORMAT, "a node's message is damaged") : QN_OK;
}

static const char *why_not(const onnx_file *file, const counted *n, const char *domain, const char *op, i64 version)
{
    if (onnx_find_function(file, n->domain, n->op, n->overload)) return NULL;
    if (!version) return "the model imports no opset of this domain";
    if (!domain[0] && (version < ONNX_OLDEST_OPSET || version > ONNX_NEWEST_OPSET))
        return "its opset is not one that this build reads";
    bool ours = strcmp(domain, "quern") == 0;
    if (!domain[0] && strcmp(op, "Constant") == 0) return NULL;
    if (!domain[0] && onnx_upgrade_knows(op, version)) return NULL;
    if (!ours && op_by_name(domain, op)) return NULL;
    const char *where = op_elsewhere(domain, op);
    return where ? where : "this build has no such op";
}

/* The initializers of a body. */
static qn_status count_initializers(onnx_file *file, qn_bytes graph_message)
{
    pb_list weights = { 0 };
    if (!file->source->tolerant) return QN_OK;
    QN_TRY(onnx_collect_list(file->source->mem, graph_message, 5, &weights));
    for (u32 i = 0; i < weights.n; i++) {
        qn_bytes name;
        qn_tensor t;
        const outside *away;
        QN_TRY(onnx_tensor_read_away(&file->tensors, weights.items[i], &name, &t, &away));
        QN_TRY(format_count_weight(file->source->files, name, &t));
    }
    return QN_OK;
}

/* What a Constant holds, by the field of its attribute: a tensor, a number, a list of numbers. rank 1 with no elements: a text. */
static qn_status constant_of(onnx_file *file, qn_bytes attribute, qn_tensor *out)
{
    cursor c = cursor_of(attribute);
    pb_field f;
    qn_bytes name;
    const outside *away;
    pb_numbers floats = { 0 }, ints = { 0 };
    *out = (qn_tensor){ .dtype = QN_STRING, .rank = 1 };
    while (pb_next(&c, &f)) {
        bool room = true;
        if (pb_is(&f, 2, PB_FIXED32)) *out = (qn_tensor){ .dtype = QN_F32 };
        if (pb_is(&f, 3, PB_VARINT)) *out = (qn_tensor){ .dtype = QN_I64 };
        if (pb_is(&f, 5, PB_BYTES)) QN_TRY(onnx_tensor_read_away(&file->tensors, f.bytes, &name, out, &away));
        if (pb_is(&f, 22, PB_BYTES)) QN_TRY(onnx_sparse_read(&file->tensors, f.bytes, &name, out));
        if (f.number == 7) room = pb_numbers_add(file->source->mem, &floats, &f, PB_FIXED32);
        if (f.number == 8) room = pb_numbers_add(file->source->mem, &ints, &f, PB_VARINT);
        if (!room) return fail_nomem(attribute.n);
    }
    if (floats.n) *out = (qn_tensor){ .dtype = QN_F32, .rank = 1, .dims = { (i64)floats.n } };
    if (ints.n) *out = (qn_tensor){ .dtype = QN_I64, .rank = 1, .dims = { (i64)ints.n } };
    return c.bad ? fail(QN_E_FORMAT, "an attribute's message is damaged") : QN_OK;
}

static qn_status count_constant(onnx_file *file, const counted *n)
{
    if (!file->source->tolerant || !n->attrs.n) return QN_OK;
    qn_tensor t;
    QN_TRY(constant_of(file, n->attrs.items[0], &t));
    return t.dtype == QN_STRING ? QN_OK : format_count_weight(file->source->files, n->output, &t);
}

static qn_status count_bodies(onnx_file *file, const counted *n, const opsets *imports, u32 depth)
{
    for (u32 i = 0; i < n->attrs.n; i++) {
        pb_list graphs = { 0 };
        QN_TRY(onnx_collect_list(file->source->mem, n->attrs.items[i], 6, &graphs));
        for (u32 k = 0; k < graphs.n; k++) {
            pb_list nodes = { 0 };
            QN_TRY(count_initializers(file, graphs.items[k]));
            QN_TRY(onnx_collect_list(file->source->mem, graphs.items[k], 1, &nodes));
            QN_TRY(onnx_count_ops(file, &nodes, imports, depth + 1));
        }
    }
    return QN_OK;
}

static qn_status count_node(onnx_file *file, qn_bytes message, const opsets *imports, u32 depth)
{
    counted n = { 0 };
    const char *op, *domain;
    arena *mem = file->source->mem;
    QN_TRY(read_node(mem, message, &n));
    QN_TRY(onnx_text(mem, n.op, "an op's name", &op));
    QN_TRY(onnx_text(mem, n.domain, "a domain", &domain));
    if (!(domain = onnx_domain(mem, n.domain))) return fail_nomem(n.domain.n);
    i64 version = onnx_opset_of(imports, domain);
    QN_TRY(format_count_op(file->source->files, domain, op, (u32)version, why_not(file, &n, domain, op, version)));
    if (!domain[0] && strcmp(op, "Constant") == 0) return count_constant(file, &n);
    return count_bodies(file, &n, imports, depth);
}

static qn_status count_nodes(onnx_file *file, const pb_list *nodes, const opsets *imports, u32 depth)
{
    if (depth > ONNX_MAX_NESTING) return fail(QN_E_UNSUPPORTED, "graphs are nested deeper than %d", ONNX_MAX_NESTING);
    for (u32 i = 0; i < nodes->n; i++) QN_TRY(count_node(file, nodes->items[i], imports, depth));
    return QN_OK;
}

qn_status onnx_count_ops(onnx_file *file, const pb_list *nodes, const opsets *imports, u32 depth)
{
    QN_TRY(count_nodes(file, nodes, imports, depth));
    for (u32 i = 0; depth == 0 && i < file->n_functions; i++)
        QN_TRY(count_nodes(file, &file->functions[i].nodes, &file->functions[i].imports, 1));
    return QN_OK;
}
