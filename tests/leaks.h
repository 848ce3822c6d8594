/* Before anything else: the library's memory is counted from then on (tests/leaks.c). */
#ifndef LEAKS_H
#define LEAKS_H

void leaks_count_bytes(void);

#endif
