/* The rule: inside one phase an element that an item writes belongs to that item, and over a whole launch an element that a group
 * writes belongs to that group. Atomics may meet atomics, reads may meet reads. */
#include "kc/interpret_races.h"

#include <stdio.h>

enum { PAGE = 1024, MANY = 0xffffffffu };

static bool may_meet(race_kind a, race_kind b) { return a == b && a != RACE_WRITE; }

const char *race_verb(race_kind kind)
{
    static const char *const verbs[RACE_KINDS] = { "reads", "writes", "changes by an atomic" };
    return verbs[kind];
}

/* Keep one name as long as there is one. */
static void join(u32 *known, u32 one, bool fresh) { *known = fresh || *known == one ? one : MANY; }

static void say(char *words, size_t n, const char *what, u32 known, u32 base, race_kind kind, const char *when)
{
    if (known == MANY) snprintf(words, n, "which another %s %s %s", what, race_verb(kind), when);
    else snprintf(words, n, "which %s %u %s %s", what, known - base, race_verb(kind), when);
}

const char *race_note(race_touch *t, race_kind kind, race_who who, char *words, size_t n)
{
    for (race_kind other = 0; other < RACE_KINDS; other++) {
        const race_who *by = &t->by[other];
        if (may_meet(kind, other)) continue;
        if (by->phase && by->phase == who.phase && by->item != who.item) {
            say(words, n, "item", by->item, 0, other, "in the same phase: a race");
            return words;
        }
        if (by->group && by->group != who.group) {
            say(words, n, "group", by->group, 1, other, "in the same launch: a race");
            return words;
        }
    }
    race_who *mine = &t->by[kind];
    join(&mine->item, who.item, mine->phase != who.phase);
    join(&mine->group, who.group, mine->group == 0);
    mine->phase = who.phase;
    return NULL;
}

race_touch *race_at(race_map *m, u64 index, u64 elems)
{
    if (!m->pages) {
        m->n_pages = elems / PAGE + 1;
        m->pages = mem_zalloc(m->n_pages * sizeof *m->pages);
        if (!m->pages) return NULL;
    }
    race_touch **page = &m->pages[index / PAGE];
    if (!*page) *page = mem_zalloc(PAGE * sizeof **page);
    return *page ? *page + index % PAGE : NULL;
}

void race_free(race_map *m)
{
    for (u64 i = 0; m->pages && i < m->n_pages; i++) mem_free(m->pages[i]);
    mem_free(m->pages);
    *m = (race_map){ 0 };
}
