/* Ids for objects. An id is generation * SLOTS_MAX + index; index 0 is never used. */
#include "base/grow.h"
#include "device/slots.h"

enum { GENERATIONS = (1u << 12) - 1 };

bool slots_add(slots *s, void *item, u32 *id)
{
    u32 at = s->free_head;
    if (at) {
        s->free_head = s->all[at].next_free;
    } else {
        if (s->n >= SLOTS_MAX - 1 || !GROW_ROOM(s->all, s->n + 1, s->cap)) return false;
        at = ++s->n;
        s->all[at] = (slot){ 0 };
    }
    s->all[at].item = item;
    s->alive++;
    *id = s->all[at].generation * SLOTS_MAX + at;
    return true;
}

static slot *find(const slots *s, u32 id)
{
    u32 at = id % SLOTS_MAX;
    if (at == 0 || at > s->n) return NULL;
    slot *found = &s->all[at];
    return found->item && found->generation == id / SLOTS_MAX ? found : NULL;
}

void *slots_get(const slots *s, u32 id)
{
    const slot *found = find(s, id);
    return found ? found->item : NULL;
}

void *slots_remove(slots *s, u32 id)
{
    slot *found = find(s, id);
    if (!found) return NULL;
    void *item = found->item;
    found->item = NULL;
    found->generation = (found->generation + 1) & GENERATIONS;
    found->next_free = s->free_head;
    s->free_head = id % SLOTS_MAX;
    s->alive--;
    return item;
}

void *slots_any(const slots *s, u32 *id)
{
    for (u32 at = 1; at <= s->n; at++) {
        if (!s->all[at].item) continue;
        *id = s->all[at].generation * SLOTS_MAX + at;
        return s->all[at].item;
    }
    return NULL;
}

void slots_free(slots *s)
{
    mem_free(s->all);
    *s = (slots){ 0 };
}
