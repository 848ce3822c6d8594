/* Before anything else: the library's memory is counted from then on (tests/leaks.c). */
#ifndef LEAKS_H
#define LEAKS_H

#include "base/base.h"

void leaks_count_bytes(void);
/* The most bytes that lived since: begin gives those that live now, or -1 where they cannot be counted. */
i64 leaks_peak_begin(void);
i64 leaks_peak(void);

#endif
