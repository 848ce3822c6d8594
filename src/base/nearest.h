/* For "did you mean": how far a name that was typed is from one that is known. */
#ifndef NEAREST_H
#define NEAREST_H

#include "base/base.h"

enum { NEAREST_MAX_BYTES = 40 }; /* of a name that is compared */

u32 nearest_edits(const char *a, size_t n_a, const char *b, size_t n_b); /* insert, delete, change */
u32 nearest_too_many(size_t n); /* edits that are no typing error any more, in a name of n bytes */
#endif
