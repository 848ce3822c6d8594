/* What verify.c found, by build, adapter, driver and program: a list in memory, read from the cache when it is first asked for and written back when
 * something is new. Two processes that write at once lose one list: then those kernels are looked at again. */
#include <stdio.h>

#include "base/grow.h"
#include "device/verdicts.h"

enum { NAME_BYTES = 48, MAX_KNOWN = 1 << 16 };

typedef struct known {
    u64 key; /* of the program */
    u32 verdict;
    char file[NAME_BYTES], entry[NAME_BYTES];
} known;

struct verdicts {
    known *list;
    u32 n, cap;
    bool changed;
    char note[256];
};

static cache_key adapter_key(const qn_device *d)
{
    const qn_device_info *i = &d->info;
    char text[512];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%s|%s", qn_version(), quern_build, i->kind, i->name, i->driver);
    return cache_key_of(text, (size_t)MIN(n, (int)sizeof text - 1), 5);
}

static void read_cache(qn_device *d, struct verdicts *v)
{
    void *bytes;
    size_t n;
    if (!cache_get("check", adapter_key(d), &bytes, &n)) return;
    u32 entries = (u32)MIN(n / sizeof(known), (size_t)MAX_KNOWN);
    v->list = n % sizeof(known) == 0 && entries ? mem_alloc(entries * sizeof(known)) : NULL;
    if (v->list) {
        memcpy(v->list, bytes, entries * sizeof(known));
        v->n = v->cap = entries;
    }
    for (u32 i = 0; i < v->n; i++) v->list[i].file[NAME_BYTES - 1] = v->list[i].entry[NAME_BYTES - 1] = 0;
    mem_free(bytes);
}

static struct verdicts *of(qn_device *d)
{
    if (!d->verdicts) {
        d->verdicts = mem_zalloc(sizeof *d->verdicts);
        if (d->verdicts) read_cache(d, d->verdicts);
    }
    return d->verdicts;
}

static known *find(struct verdicts *v, u64 key)
{
    for (u32 i = 0; v && i < v->n; i++)
        if (v->list[i].key == key) return &v->list[i];
    return NULL;
}

verdict verify_known(qn_device *d, const kc_program *p)
{
    const known *k = find(of(d), kc_program_key(p));
    return k && k->verdict <= VERDICT_REFUSED ? (verdict)k->verdict : VERDICT_NONE;
}

/* For one more. When the list is full, the oldest quarter goes. */
static qn_status make_room(struct verdicts *v)
{
    if (v->n == MAX_KNOWN) {
        v->n -= MAX_KNOWN / 4;
        memmove(v->list, v->list + MAX_KNOWN / 4, v->n * sizeof *v->list);
    }
    return GROW_ROOM(v->list, v->n, v->cap) ? QN_OK : fail_nomem(sizeof *v->list);
}

qn_status verdicts_add(qn_device *d, const kc_program *p, verdict what)
{
    struct verdicts *v = of(d);
    if (!v) return fail_nomem(sizeof *v);
    QN_TRY(make_room(v));
    known *k = &v->list[v->n++];
    *k = (known){ .key = kc_program_key(p), .verdict = what };
    snprintf(k->file, sizeof k->file, "%s", p->file ? p->file : "");
    snprintf(k->entry, sizeof k->entry, "%s", p->entry ? p->entry : "");
    v->changed = true;
    return QN_OK;
}

void verify_save(qn_device *d)
{
    struct verdicts *v = d->verdicts;
    if (!v || !v->changed) return;
    cache_put("check", adapter_key(d), (qn_bytes){ v->list, v->n * sizeof(known) });
    v->changed = false;
}

void verify_free(qn_device *d)
{
    if (!d->verdicts) return;
    mem_free(d->verdicts->list);
    mem_free(d->verdicts);
    d->verdicts = NULL;
}

void verify_counts(qn_device *d, u32 *counts)
{
    const struct verdicts *v = of(d);
    memset(counts, 0, (VERDICT_REFUSED + 1) * sizeof *counts);
    for (u32 i = 0; v && i < v->n; i++) counts[MIN(v->list[i].verdict, (u32)VERDICT_REFUSED)]++;
}

const char *verify_note(qn_device *d, u32 i)
{
    struct verdicts *v = of(d);
    for (u32 at = 0; v && at < v->n; at++) {
        const known *k = &v->list[at];
        if (k->verdict != VERDICT_WRONG && k->verdict != VERDICT_REFUSED) continue;
        if (i-- > 0) continue;
        snprintf(v->note, sizeof v->note, "kernel '%s' of %s %s on %s and is not used", k->entry[0] ? k->entry : k->file,
                 k->file, k->verdict == VERDICT_WRONG ? "computes wrong" : "does not compile or run", d->info.spec);
        return v->note;
    }
    return NULL;
}
