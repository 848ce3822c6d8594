/* NumPy's .npy files (numpy.lib.format, versions 1.0 to 3.0). */
#ifndef NPY_H
#define NPY_H

#include "base/base.h"

bool npy_sniff(qn_bytes file);
/* The array, in C order and this machine's byte order; data is made with mem_alloc and owned by the caller. A dtype of two opaque
 * bytes ("V2") is bfloat16, which NumPy has no name for. */
qn_status npy_read(qn_bytes file, qn_tensor *out);
/* The whole file for a tensor: numbers and bool only. bfloat16 is written as "<V2". */
qn_status npy_write(const qn_tensor *t, str *out);
#endif
