/* The door: a node as the file has it, on its way to the one meaning that its op has here. */
#ifndef ONNX_UPGRADE_H
#define ONNX_UPGRADE_H

#include "format/onnx_reader.h"
#include "op/op.h"

typedef struct door {
    scope *s;
    graph *g;
    const char *op, *domain, *label; /* label: the node's name, or its first output's */
    i64 version;
    val *in;
    u32 n_in, cap_in;
    attr_list attrs;
    u32 n_out;
    bool calls; /* it is a call of one of the file's functions */
} door;

/* Bring the node to the newest opset's form: inputs, attributes and the op's name change, and simpler nodes may be put before it. */
qn_status onnx_upgrade(door *d);
/* Does the newest form of this op go by another name, that is: is it known here though op_by_name does not know it? */
bool onnx_upgrade_knows(const char *op, i64 version);
#endif
