/* What is known of kernels on an adapter. */
#ifndef VERDICTS_H
#define VERDICTS_H

#include "device/verify.h"

enum { VERDICT_WHY_BYTES = 160 };
/* why: in a few words, of one that is wrong or refused. */
qn_status verdicts_add(qn_device *d, const kc_program *p, verdict v, const char *why);

#endif
