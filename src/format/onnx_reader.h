/* What the files that read ONNX share: the model, and the scope in which names mean values. */
#ifndef ONNX_READER_H
#define ONNX_READER_H

#include "format/format.h"
#include "format/names.h"
#include "format/onnx_tensor.h"
#include "format/protobuf.h"

enum {
    ONNX_MAX_NESTING = 16,        /* of graphs in graphs, and of functions in functions */
    ONNX_MAX_NODES = 1 << 18,     /* with what functions expand to */
    ONNX_MAX_GRADIENTS = 1 << 10, /* Gradient nodes: each walks through the whole graph */
    ONNX_OLDEST_OPSET = 1,
    ONNX_NEWEST_OPSET = 28,
};

typedef struct opset {
    const char *domain;
    i64 version;
} opset; /* domain "" is ai.onnx */
typedef struct opsets {
    opset *sets;
    u32 n, cap;
} opsets;

typedef struct onnx_function {
    qn_bytes domain, name, overload;
    pb_list inputs, outputs, nodes, defaults; /* texts; texts; NodeProtos; AttributeProtos */
    opsets imports;
    bool open; /* being expanded: a call of it now is a recursion */
} onnx_function;

typedef struct onnx_file {
    const format_source *source;
    tensor_source tensors;
    opsets imports;
    onnx_function *functions;
    u32 n_functions, cap_functions;
    u32 n_nodes, n_gradients; /* read so far */
    bool blamed;              /* the sentence of a failure names a node */
} onnx_file;

/* The attributes that a call of a function gave it, for the references in its body. */
typedef struct onnx_call {
    const onnx_function *function;
    const attr *attrs;
    u32 n_attrs;
    const char *label;
} onnx_call;

typedef struct capture {
    qn_bytes name;
    val outer;
    val input;
} capture; /* a value of the outer scope as an input here */

typedef struct scope {
    onnx_file *file;
    graph *g;
    struct scope *outer; /* of a body: the scope it stands in; NULL: see nothing */
    const opsets *imports;
    const onnx_call *call; /* in a function: its call; NULL */
    names values;          /* to val; 0 is an absent optional */
    capture *captures;
    u32 n_captures, cap_captures;
    u32 depth;
    nid inferred; /* nodes up to this one have types (onnx_upgrade.c) */
    bool body;    /* types of captures are not known while reading */
} scope;

/* onnx.c */
i64 onnx_opset_of(const opsets *sets, const char *domain); /* 0: not imported */
const char *onnx_domain(arena *mem, qn_bytes domain);      /* NUL-terminated, "" for ai.onnx; NULL: no memory */
onnx_function *onnx_find_function(const onnx_file *file, qn_bytes domain, qn_bytes name, qn_bytes overload);
qn_status onnx_text(arena *mem, qn_bytes text, const char *what, const char **out); /* checked UTF-8, NUL-terminated */

/* onnx_sift.c */
qn_status onnx_sift(sift *s, qn_bytes piece);

/* onnx_graph.c */
qn_status onnx_graph_read(scope *s, qn_bytes message);           /* a GraphProto into s->g */
qn_status onnx_type_read(graph *g, qn_bytes message, type *out); /* a TypeProto; unnamed sizes stay 0 */
qn_status onnx_resolve(scope *s, qn_bytes name, val *out);       /* captures from the outer scopes; *out 0: nobody has it */
qn_status onnx_define(scope *s, qn_bytes name, val v);           /* QN_E_FORMAT: the name is taken */
qn_status onnx_collect_list(arena *mem, qn_bytes message, u32 number, pb_list *out); /* all fields of that number */

/* onnx_node.c */
qn_status onnx_node_read(scope *s, qn_bytes message);

/* onnx_attr.c: the attributes of a node, with references to a function's resolved. Bodies become graphs. */
typedef struct attr_list {
    attr *items;
    u32 n, cap;
} attr_list;
enum { ONNX_MAX_BODIES = 4 };
typedef struct bodies {
    scope *items[ONNX_MAX_BODIES];
    u32 n;
    const outside **away; /* a tensor's elements may be left where they are, and that is told here; NULL: they may not */
} bodies;                 /* of the node being read */
qn_status onnx_attr_read(scope *s, qn_bytes message, attr_list *out, bodies *b);

/* onnx_count.c */
qn_status onnx_count_ops(onnx_file *file, const pb_list *nodes, const opsets *imports, u32 depth);
#endif
