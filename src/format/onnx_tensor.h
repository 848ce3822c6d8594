/* ONNX's TensorProto and SparseTensorProto as tensors. */
#ifndef ONNX_TENSOR_H
#define ONNX_TENSOR_H

#include "format/format.h"
#include "format/protobuf.h"

#define ONNX_SELF                                                                                                           \
    "." /* in place of a file's name: the elements lie in the model's own file (onnx_sift.c); no file can be called so */

/* Where a tensor's bytes may come from, and where those that must be made are kept. files NULL: no external data. */
typedef struct tensor_source {
    arena *mem;
    const char *path;
    format_files *files;
    u64 streamed; /* external data is left where it is: the bytes of the model's own file; 0: it is read */
} tensor_source;

/* Data is lent from `message`, or from the external file, where it stands there as it should; else made in mem. Errors name the tensor. */
qn_status onnx_tensor_read(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out);
/* The same; elements that are left where they are give data NULL and *away, which lives in s->mem; else *away is NULL. */
qn_status onnx_tensor_read_away(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out,
                                const outside **away);
/* A tensor's dims; fails where they are too many, negative, or more elements than can be. */
qn_status onnx_dims(const pb_numbers *dims, qn_tensor *t);
/* Where a tensor's elements are, without reading them. */
typedef struct onnx_place {
    bool external;
    const char *file; /* in mem; NULL: the model's own */
    u64 at, bytes;
} onnx_place;
qn_status onnx_tensor_place(arena *mem, qn_bytes message, onnx_place *out);
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
