/* ONNX files: a ModelProto (onnx.proto) with a graph, the versions of the operator sets it is written for, and functions of its own. */
#include "format/onnx_reader.h"

/* The fields of a ModelProto that are read here. */
typedef struct model {
    u64 ir_version;
    qn_bytes producer, producer_version, doc, graph;
    pb_list imports, metadata, functions;
} model;

/* ---- small things */

i64 onnx_opset_of(const opsets *sets, const char *domain)
{
    for (u32 i = 0; i < sets->n; i++)
        if (strcmp(sets->sets[i].domain, domain) == 0) return sets->sets[i].version;
    return 0;
}

const char *onnx_domain(arena *mem, qn_bytes domain)
{
    if (domain.n == 0 || bytes_are(domain, "ai.onnx")) return "";
    return arena_text(mem, domain.data, domain.n);
}

qn_status onnx_text(arena *mem, qn_bytes text, const char *what, const char **out)
{
    if (!onnx_text_ok(text)) return fail(QN_E_FORMAT, "%s is not UTF-8 text", what);
    const char *copy = arena_text(mem, text.data, text.n);
    if (!copy) return fail_nomem(text.n);
    *out = copy;
    return QN_OK;
}

static qn_status add_opset(arena *mem, qn_bytes message, opsets *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    qn_bytes domain = { 0 };
    opset made = { 0 };
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_BYTES)) domain = f.bytes;
        if (pb_is(&f, 2, PB_VARINT)) made.version = (i64)f.bits;
    }
    if (c.bad || made.version < 1) return fail(QN_E_FORMAT, "an import of an operator set is damaged");
    if (!onnx_text_ok(domain)) return fail(QN_E_FORMAT, "an operator set's domain is not UTF-8 text");
    made.domain = onnx_domain(mem, domain);
    if (!made.domain || !ARENA_PUSH_ROOM(mem, out->sets, out->n, out->cap, 4096)) return fail_nomem(sizeof made);
    out->sets[out->n++] = made;
    return QN_OK;
}

/* To inspect a model its age is no reason to stop: its ops are listed as not supported. */
static qn_status check_opset(const onnx_file *file, const opsets *sets)
{
    if (file->source->tolerant) return QN_OK;
    i64 version = onnx_opset_of(sets, "");
    if (version && version < ONNX_OLDEST_OPSET)
        return fail(QN_E_UNSUPPORTED,
                    "it is written for opset %lld; %d is the oldest that is read: convert it with onnx.version_converter",
                    (long long)version, ONNX_OLDEST_OPSET);
    if (version > ONNX_NEWEST_OPSET)
        return fail(QN_E_UNSUPPORTED, "it is written for opset %lld; %d is the newest that this build knows",
                    (long long)version, ONNX_NEWEST_OPSET);
    return QN_OK;
}

static qn_status read_opsets(const onnx_file *file, const pb_list *messages, opsets *out)
{
    for (u32 i = 0; i < messages->n; i++) QN_TRY(add_opset(file->source->mem, messages->items[i], out));
    return check_opset(file, out);
}

/* ---- functions */

onnx_function *onnx_find_function(const onnx_file *file, qn_bytes domain, qn_bytes name, qn_bytes overload)
{
    for (u32 i = 0; i < file->n_functions; i++) {
        onnx_function *f = &file->functions[i];
        if (bytes_same(f->name, name) && bytes_same(f->domain, domain) && bytes_same(f->overload, overload)) return f;
    }
    return NULL;
}

static qn_status read_function(const onnx_file *file, qn_bytes message, onnx_function *out)
{
    arena *mem = file->source->mem;
    cursor c = cursor_of(message);
    pb_field f;
    pb_list imports = { 0 };
    bool room = true;
    while (room && pb_next(&c, &f)) {
        switch (f.number) {
        case 1: out->name = f.bytes; break;
        case 4: room = pb_list_add(mem, &out->inputs, f.bytes); break;
        case 5: room = pb_list_add(mem, &out->outputs, f.bytes); break;
        case 7: room = pb_list_add(mem, &out->nodes, f.bytes); break;
        case 9: room = pb_list_add(mem, &imports, f.bytes); break;
        case 10: out->domain = f.bytes; break;
        case 11: room = pb_list_add(mem, &out->defaults, f.bytes); break;
        case 13: out->overload = f.bytes; break;
        default: break;
        }
    }
    if (!room) return fail_nomem(message.n);
    if (c.bad || out->name.n == 0 || !onnx_text_ok(out->name) || !onnx_text_ok(out->domain))
        return fail(QN_E_FORMAT, "a function's message is damaged");
    return fail_in(read_opsets(file, &imports, &out->imports), "function '%.*s': ", (int)MIN(out->name.n, 200),
                   (const char *)out->name.data);
}

static qn_status read_functions(onnx_file *file, const pb_list *messages)
{
    arena *mem = file->source->mem;
    for (u32 i = 0; i < messages->n; i++) {
        onnx_function made = { 0 };
        QN_TRY(read_function(file, messages->items[i], &made));
        if (onnx_find_function(file, made.domain, made.name, made.overload))
            return fail(QN_E_FORMAT, "function '%.*s' is there twice", (int)MIN(made.name.n, 200),
                        (const char *)made.name.data);
        if (!ARENA_PUSH_ROOM(mem, file->functions, file->n_functions, file->cap_functions, 65536))
            return fail_nomem(sizeof made);
        file->functions[file->n_functions++] = made;
    }
    return QN_OK;
}

/* ---- metadata */

static qn_status add_metadata(graph *g, qn_bytes key, qn_bytes text, u32 *cap)
{
    if (text.n == 0 && key.n == 0) return QN_OK;
    if (!ARENA_PUSH_ROOM(g->mem, g->metadata, g->n_metadata, *cap, 1 << 20)) return fail_nomem(sizeof *g->metadata);
    QN_TRY(onnx_text(g->mem, key, "a key of the metadata", &g->metadata[g->n_metadata].key));
    g->metadata[g->n_metadata].text = arena_text(g->mem, text.data, text.n);
    if (!g->metadata[g->n_metadata].text) return fail_nomem(text.n);
    g->n_metadata++;
    return QN_OK;
}

static qn_status add_metadata_entry(graph *g, qn_bytes message, u32 *cap)
{
    cursor c = cursor_of(message);
    pb_field f;
    qn_bytes key = { 0 }, text = { 0 };
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_BYTES)) key = f.bytes;
        if (pb_is(&f, 2, PB_BYTES)) text = f.bytes;
    }
    return c.bad ? fail(QN_E_FORMAT, "an entry of the metadata is damaged") : add_metadata(g, key, text, cap);
}

/* The file's own entries first: they win over what stands in fields of the model. */
static qn_status read_metadata(graph *g, const model *m)
{
    u32 cap = 0;
    for (u32 i = 0; i < m->metadata.n; i++) QN_TRY(add_metadata_entry(g, m->metadata.items[i], &cap));
    const struct {
        const char *key;
        qn_bytes text;
    } fields[] = {
        { "producer_name", m->producer },
        { "producer_version", m->producer_version },
        { "doc_string", m->doc },
    };
    for (size_t i = 0; i < COUNT(fields); i++)
        if (fields[i].text.n)
            QN_TRY(add_metadata(g, (qn_bytes){ fields[i].key, strlen(fields[i].key) }, fields[i].text, &cap));
    return QN_OK;
}

/* ---- the model */

static qn_status read_model(arena *mem, qn_bytes file, model *out)
{
    cursor c = cursor_of(file);
    pb_field f;
    bool room = true;
    while (room && pb_next(&c, &f)) {
        switch (f.number) {
        case 1: out->ir_version = f.wire == PB_VARINT ? f.bits : 0; break;
        case 2: out->producer = f.bytes; break;
        case 3: out->producer_version = f.bytes; break;
        case 6: out->doc = f.bytes; break;
        case 7: out->graph = f.wire == PB_BYTES ? f.bytes : (qn_bytes){ 0 }; break;
        case 8: room = pb_list_add(mem, &out->imports, f.bytes); break;
        case 14: room = pb_list_add(mem, &out->metadata, f.bytes); break;
        case 25: room = pb_list_add(mem, &out->functions, f.bytes); break;
        default: break;
        }
    }
    if (!room) return fail_nomem(file.n);
    if (c.bad)
        return fail(QN_E_FORMAT, "the file is damaged at byte %llu of %zu: it may be cut short",
                    (unsigned long long)cursor_offset(&c), file.n);
    if (!out->graph.data) return fail(QN_E_FORMAT, "the file is no ONNX model: it holds no graph");
    return QN_OK;
}

/* Every writer puts ir_version first, but fields may come in any order. A piece of the file may end before the graph begins: then it must
 * have nothing but a ModelProto's own fields. */
static bool onnx_sniff(qn_bytes first, u64 file_bytes)
{
    enum { /* ir_version and model_version; all others, by their numbers in ModelProto */
           NUMBERS = 1 << 1 | 1 << 5,
           MESSAGES = 7 << 2 | 7 << 6 | 1 << 14 | 1 << 20 | 3 << 25
    };
    const u8 *at = first.data;
    if (first.n >= 2 && at[0] == 0x08 && at[1] < 0x40) return true;
    bool graph_seen = false, own = true;
    size_t left = first.n;
    for (pb_head h; left; at += h.bytes + h.payload, left -= (size_t)(h.bytes + h.payload)) {
        if (!pb_head_read((qn_bytes){ at, left }, &h))
            return first.n < file_bytes && left < PB_MOST_HEAD && (graph_seen || own);
        u32 bit = h.field < 32 ? 1u << h.field : 0;
        own = own && (h.wire == PB_VARINT ? NUMBERS & bit : h.wire == PB_BYTES && (MESSAGES & bit));
        graph_seen = graph_seen || (h.field == 7 && h.wire == PB_BYTES);
        if (h.payload > left - h.bytes) return h.payload <= file_bytes - first.n + left - h.bytes && (graph_seen || own);
    }
    return graph_seen || (own && first.n < file_bytes);
}

static qn_status onnx_read(const format_source *source)
{
    model m = { 0 };
    onnx_file file = { .source = source, .tensors = { source->mem, source->path, source->files, source->streamed } };
    pb_list nodes = { 0 };
    QN_TRY(read_model(source->mem, source->file, &m));
    if (m.ir_version < 3)
        return fail(QN_E_UNSUPPORTED, "IR version %llu is older than 3, the oldest that is read",
                    (unsigned long long)m.ir_version);
    QN_TRY(read_opsets(&file, &m.imports, &file.imports));
    QN_TRY(read_functions(&file, &m.functions));
    QN_TRY(read_metadata(source->g, &m));
    QN_TRY(onnx_collect_list(source->mem, m.graph, 1, &nodes));
    QN_TRY(onnx_count_ops(&file, &nodes, &file.imports, 0));
    scope root = { .file = &file, .g = source->g, .imports = &file.imports };
    return onnx_graph_read(&root, m.graph);
}

const format_def format_onnx = { .name = "ONNX", .sniff = onnx_sniff, .read = onnx_read, .sift = onnx_sift };
