/* Which ops does the file use, how often, and which of them does this build lack? Nodes are counted as they stand in the file: those of
 * bodies too, those of functions once. */
#include "format/onnx_upgrade.h"

typedef struct counted {
    qn_bytes op, domain, overload;
    pb_list attrs;
} counted;

static qn_status read_node(arena *mem, qn_bytes message, counted *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    while (pb_next(&c, &f)) {
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
    return !ours && op_by_name(domain, op) ? NULL : "this build has no such op";
}

static qn_status count_bodies(onnx_file *file, const counted *n, const opsets *imports, u32 depth)
{
    for (u32 i = 0; i < n->attrs.n; i++) {
        pb_list graphs = { 0 };
        QN_TRY(onnx_collect_list(file->source->mem, n->attrs.items[i], 6, &graphs));
        for (u32 k = 0; k < graphs.n; k++) {
            pb_list nodes = { 0 };
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
