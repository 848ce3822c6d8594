/* Arrays that double when they are full. */
#include "base/grow.h"

bool grow_room(void *array_of_pointer, u32 n, u32 *cap, size_t elem_bytes)
{
    if (n < *cap) return true;
    u32 wider = *cap ? *cap * 2 : 16;
    void *items;
    memcpy(&items, array_of_pointer, sizeof items);
    items = mem_resize(items, n * elem_bytes, wider * elem_bytes);
    if (!items) return false;
    memcpy(array_of_pointer, &items, sizeof items);
    *cap = wider;
    return true;
}
