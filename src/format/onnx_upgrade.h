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

typedef struct upgrade {
    const char *op; /* NULL: every op */
    i64 below;      /* the opset that changed it */
    qn_status (*apply)(door *d, const struct upgrade *u);
    const char *name; /* of an attribute, or of the op it becomes */
    u32 input;        /* where the attribute goes */
} upgrade;

/* onnx_door.c */
attr *door_attr(const door *d, const char *name); /* NULL: absent */
void door_drop(door *d, const char *name);
qn_status door_add(door *d, attr a);
qn_status door_add_missing(door *d, attr a);
qn_status door_want_kind(const attr *a, attr_kind kind);
val door_in(const door *d, u32 i); /* 0: absent */
qn_status door_set_in(door *d, u32 i, val v);
/* A simpler node before this one. */
qn_status door_before(door *d, const char *op, const val *ins, u32 n_in, const attr *attrs, u32 n_attrs, val *out);
val door_ints(door *d, const i64 *v, u32 n);
/* The type of input i; *out NULL: not known here. In a body, what comes from outside has none yet. */
qn_status door_type(door *d, u32 i, const type **out);
qn_status door_scalar(door *d, f64 v, val *out); /* of the type of input 0 */

/* onnx_upgrade_old.c */
qn_status upgrade_cast_by_name(door *d, const upgrade *u);
qn_status upgrade_tile_axis(door *d, const upgrade *u);
qn_status upgrade_concat_axis(door *d, const upgrade *u);
qn_status upgrade_rename_attr(door *d, const upgrade *u);
qn_status upgrade_whole_p(door *d, const upgrade *u);
qn_status upgrade_split_input(door *d, const upgrade *u);
qn_status upgrade_upsample_sizes(door *d, const upgrade *u);
qn_status upgrade_broadcast_axis(door *d, const upgrade *u);
qn_status upgrade_prelu_channels(door *d, const upgrade *u);
qn_status upgrade_scan_batch(door *d, const upgrade *u);

/* onnx_upgrade.c */
/* Bring the node to the newest opset's form: inputs, attributes and the op's name change, and simpler nodes may be put before it. */
qn_status onnx_upgrade(door *d);
/* Does the newest form of this op go by another name, that is: is it known here though op_by_name does not know it? */
bool onnx_upgrade_knows(const char *op, i64 version);
#endif
