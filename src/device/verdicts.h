/* What is known of kernels on an adapter. */
#ifndef VERDICTS_H
#define VERDICTS_H

#include "device/verify.h"

qn_status verdicts_add(qn_device *d, const kc_program *p, verdict v);

#endif
