/* ONNX's TensorProto and SparseTensorProto as tensors. */
#ifndef ONNX_TENSOR_H
#define ONNX_TENSOR_H

#include "format/format.h"

/* Where a tensor's bytes may come from, and where those that must be made are kept. files NULL: no external data. */
typedef struct tensor_source {
    arena *mem;
    const char *path;
    format_files *files;
} tensor_source;

/* Data is lent from `message`, or from the external file, where it stands there as it should; else made in mem. Errors name the tensor. */
qn_status onnx_tensor_read(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out);
qn_status onnx_sparse_read(const tensor_source *s, qn_bytes message, qn_bytes *name,
                           qn_tensor *out); /* dense, at most 256 MiB */
/* ONNX's number of an element type, and back; QN_E_UNSUPPORTED names the type that has no dtype here. */
qn_status onnx_dtype(u64 code, qn_dtype *out);
u32 onnx_dtype_code(qn_dtype d);
/* Bytes that t takes in a file, where elements of less than a byte are packed; and its elements so. */
u64 onnx_file_bytes(const qn_tensor *t);
void onnx_pack(const qn_tensor *t, u8 *to); /* narrower than a byte only */
/* Text that may be a name: UTF-8 without NUL. */
bool onnx_text_ok(qn_bytes text);
#endif
