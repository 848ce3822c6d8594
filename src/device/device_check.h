/* What every backend checks before it touches memory. A launch that passes reads and writes only inside its views, provided
 * the kernel does; and no output overlaps another view. */
#ifndef DEVICE_CHECK_H
#define DEVICE_CHECK_H

#include "device/device.h"

enum { DEVICE_MAX_ARGS = DEVICE_MAX_BUFFERS + DEVICE_MAX_WORDS };

/* What a program takes, kept beside it by its backend. */
typedef struct prog_shape {
    u32 n_bufs, n_words;
    u8 writes[DEVICE_MAX_BUFFERS]; /* 1: OUT, INOUT or a MAP's output */
    kc_form form;
    u32 result_bytes; /* of one element of a MAP, else 0 */
} prog_shape;

u32 device_scalar_words(kc_scalar s); /* 1, or 2 for 64-bit ones */
u32 device_scalar_bytes(kc_type t);   /* in a buffer */
bool device_is_buffer(const kc_param *p);
/* The kernel that the program names, out of its text; all in `a`. QN_E_KERNEL from kc; QN_E_NAME: there is no such kernel. */
qn_status device_compile(arena *a, const kc_program *p, const kc_options *o, kc_module **m, const kc_kernel **out);
/* QN_E_UNSUPPORTED when its groups are larger, or share more, than the device can. */
qn_status device_check_group(const qn_caps *caps, const kc_kernel *k);
/* Words of each parameter in order, 0 for a buffer, a MAP's output last; gives their number. out: room for DEVICE_MAX_ARGS. */
u32 device_args_of(const kc_kernel *k, u8 *out);
/* QN_E_UNSUPPORTED when the kernel takes more than a launch can hold. */
qn_status device_shape_of(const kc_kernel *k, prog_shape *out);
/* buf_bytes: the size of a buffer of this device, false when there is no such buffer. QN_E_BUG with the place otherwise. */
qn_status device_check_launch(qn_device *d, const qn_launch *l, const prog_shape *shape,
                              bool (*buf_bytes)(qn_device *d, qn_buf b, u64 *out));
/* A span of a buffer of buffer_bytes; `what` is the verb for the sentence. */
qn_status device_check_span(const char *what, u64 at, u64 bytes, u64 buffer_bytes);

#endif
