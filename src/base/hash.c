/* A 64-bit hash for keys and caches (not against an attacker) and a map from u64 to u32 by open addressing. */
#include "base/base.h"

static u64 mix(u64 h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 29;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

u64 hash_bytes(const void *data, size_t n, u64 seed)
{
    const u8 *at = data;
    u64 h = mix(seed ^ (u64)n * 0x9e3779b97f4a7c15u);
    for (; n >= 8; at += 8, n -= 8) {
        u64 word;
        memcpy(&word, at, 8);
        h = mix(h ^ word);
    }
    u64 tail = 0;
    for (size_t i = 0; i < n; i++) tail |= (u64)at[i] << (8 * i);
    return mix(h ^ tail);
}

/* Behind keys[cap] stand cap bytes that say which slots are taken, so every key is allowed. */
static u8 *taken_of(const map *m) { return (u8 *)(m->keys + m->cap); }

static u32 slot_of(const map *m, u64 key)
{
    const u8 *taken = taken_of(m);
    u32 at = (u32)mix(key) & (m->cap - 1);
    while (taken[at] && m->keys[at] != key) at = (at + 1) & (m->cap - 1);
    return at;
}

static bool map_grow(map *m)
{
    if (m->cap > UINT32_MAX / 4) return false;
    map wider = { .cap = m->cap ? m->cap * 2 : 16, .n = m->n };
    wider.keys = mem_zalloc((u64)wider.cap * 9);
    wider.values = mem_alloc((u64)wider.cap * sizeof(u32));
    if (!wider.keys || !wider.values) {
        map_free(&wider);
        return false;
    }
    for (u32 i = 0; i < m->cap; i++) {
        if (!taken_of(m)[i]) continue;
        u32 at = slot_of(&wider, m->keys[i]);
        wider.keys[at] = m->keys[i];
        wider.values[at] = m->values[i];
        taken_of(&wider)[at] = 1;
    }
    map_free(m);
    *m = wider;
    return true;
}

bool map_put(map *m, u64 key, u32 value)
{
    if (m->n >= m->cap / 4 * 3 && !map_grow(m)) return false;
    u32 at = slot_of(m, key);
    u8 *taken = taken_of(m);
    if (!taken[at]) m->n++;
    taken[at] = 1;
    m->keys[at] = key;
    m->values[at] = value;
    return true;
}

bool map_get(const map *m, u64 key, u32 *out)
{
    if (!m->cap) return false;
    u32 at = slot_of(m, key);
    if (!taken_of(m)[at]) return false;
    *out = m->values[at];
    return true;
}

void map_free(map *m)
{
    mem_free(m->keys);
    mem_free(m->values);
    *m = (map){ 0 };
}
