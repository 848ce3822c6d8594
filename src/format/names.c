/* Names to numbers: entries in order, and an open-addressing table of their numbers plus one. */
#include "format/names.h"

enum { MAX_NAMES = 1 << 26 };

bool bytes_same(qn_bytes a, qn_bytes b) { return a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0); }

bool bytes_are(qn_bytes a, const char *text) { return bytes_same(a, (qn_bytes){ text, strlen(text) }); }

static u32 *slot_of(const names *t, qn_bytes name, u64 hash)
{
    u32 at = (u32)hash & (t->n_slots - 1);
    for (; t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
        const name_entry *e = &t->entries[t->slots[at] - 1];
        if (e->hash == hash && bytes_same(e->name, name)) break;
    }
    return &t->slots[at];
}

name_entry *names_find(const names *t, qn_bytes name)
{
    if (!t->n_slots) return NULL;
    u32 *slot = slot_of(t, name, hash_bytes(name.data, name.n, 0));
    return *slot ? &t->entries[*slot - 1] : NULL;
}

static bool grow(arena *mem, names *t)
{
    names wider = *t;
    wider.n_slots = t->n_slots ? t->n_slots * 2 : 16;
    wider.slots = ARENA_ARRAY(mem, wider.n_slots, u32);
    if (!wider.slots) return false;
    for (u32 i = 0; i < t->n; i++) *slot_of(&wider, t->entries[i].name, t->entries[i].hash) = i + 1;
    *t = wider;
    return true;
}

bool names_add(arena *mem, names *t, qn_bytes name, u32 number)
{
    if (t->n >= t->n_slots / 4 * 3 && !grow(mem, t)) return false;
    if (!ARENA_PUSH_ROOM(mem, t->entries, t->n, t->cap, MAX_NAMES)) return false;
    u64 hash = hash_bytes(name.data, name.n, 0);
    t->entries[t->n++] = (name_entry){ name, hash, number };
    *slot_of(t, name, hash) = t->n;
    return true;
}
