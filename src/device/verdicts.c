/* What verify.c found, by build, adapter, driver and program: a list in memory, read from the cache when it is first asked for and written back when
 * something is new. Two processes that write at once lose one list: then those kernels are looked at again. */
#include <stdio.h>

#include "base/grow.h"
#include "device/verdicts.h"

enum {
    MAX_KNOWN = 1 << 16,
    MAX_FAULTS = 1 << 10,
    NAME_BYTES = 48,
    DEFINES_BYTES = 96,
    MOST_VARIANTS = 6, /* in a sentence, for each reason */
};

typedef struct known {
    u64 key; /* of the program */
    u64 verdict;
} known;

/* Of one that is wrong or refused: what a sentence says of it. */
typedef struct fault {
    u64 key;
    u32 verdict;
    char file[NAME_BYTES], entry[NAME_BYTES], defines[DEFINES_BYTES], why[VERDICT_WHY_BYTES];
} fault;

typedef struct kept { /* in the cache, in front of both lists */
    u32 n_known, n_faults;
} kept;

struct verdicts {
    known *list;
    u32 n, cap;
    fault *faults;
    u32 n_faults, cap_faults;
    bool changed;
    str note;
};

static cache_key adapter_key(const qn_device *d)
{
    const qn_device_info *i = &d->info;
    char text[512];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%s|%s", qn_version(), quern_build, i->kind, i->name, i->driver);
    return cache_key_of(text, (size_t)MIN(n, (int)sizeof text - 1), 5);
}

static void *copy_of(const void *from, size_t bytes)
{
    void *made = bytes ? mem_alloc(bytes) : NULL;
    if (made) memcpy(made, from, bytes);
    return made;
}

static void read_lists(struct verdicts *v, const u8 *bytes, size_t n)
{
    kept h;
    if (n < sizeof h) return;
    memcpy(&h, bytes, sizeof h);
    if (h.n_known > MAX_KNOWN || h.n_faults > MAX_FAULTS) return;
    size_t of_known = h.n_known * sizeof(known), of_faults = h.n_faults * sizeof(fault);
    if (n != sizeof h + of_known + of_faults) return;
    v->list = copy_of(bytes + sizeof h, of_known);
    v->faults = copy_of(bytes + sizeof h + of_known, of_faults);
    v->n = v->cap = v->list ? h.n_known : 0;
    v->n_faults = v->cap_faults = v->faults ? h.n_faults : 0;
    for (u32 i = 0; i < v->n_faults; i++) {
        fault *f = &v->faults[i];
        f->file[NAME_BYTES - 1] = f->entry[NAME_BYTES - 1] = f->defines[DEFINES_BYTES - 1] = f->why[VERDICT_WHY_BYTES - 1] =
            0;
    }
}

static void read_cache(qn_device *d, struct verdicts *v)
{
    void *bytes;
    size_t n;
    if (!cache_get("check", adapter_key(d), &bytes, &n)) return;
    read_lists(v, bytes, n);
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

/* When a list is full, its oldest quarter goes. */
static void forget_oldest(void *list, u32 *n, u32 most, size_t bytes)
{
    if (*n < most) return;
    *n -= most / 4;
    memmove(list, (u8 *)list + most / 4 * bytes, *n * bytes);
}

static qn_status add_fault(struct verdicts *v, const fault *f)
{
    forget_oldest(v->faults, &v->n_faults, MAX_FAULTS, sizeof *f);
    if (!GROW_ROOM(v->faults, v->n_faults, v->cap_faults)) return fail_nomem(sizeof *f);
    v->faults[v->n_faults++] = *f;
    return QN_OK;
}

qn_status verdicts_add(qn_device *d, const kc_program *p, verdict what, const char *why)
{
    struct verdicts *v = of(d);
    if (!v) return fail_nomem(sizeof *v);
    forget_oldest(v->list, &v->n, MAX_KNOWN, sizeof *v->list);
    if (!GROW_ROOM(v->list, v->n, v->cap)) return fail_nomem(sizeof *v->list);
    u64 key = kc_program_key(p);
    if (what == VERDICT_WRONG || what == VERDICT_REFUSED) {
        fault f = { .key = key, .verdict = what };
        snprintf(f.file, sizeof f.file, "%s", p->file ? p->file : "");
        snprintf(f.entry, sizeof f.entry, "%s", p->entry ? p->entry : "");
        snprintf(f.defines, sizeof f.defines, "%s", p->defines ? p->defines : "");
        snprintf(f.why, sizeof f.why, "%s", why);
        QN_TRY(add_fault(v, &f));
    }
    v->list[v->n++] = (known){ key, what };
    v->changed = true;
    return QN_OK;
}

void verify_save(qn_device *d)
{
    struct verdicts *v = d->verdicts;
    if (!v || !v->changed) return;
    const kept h = { v->n, v->n_faults };
    size_t of_known = v->n * sizeof(known), of_faults = v->n_faults * sizeof(fault);
    u8 *bytes = mem_alloc(sizeof h + of_known + of_faults);
    if (!bytes) return; /* it stays in memory */
    memcpy(bytes, &h, sizeof h);
    if (of_known) memcpy(bytes + sizeof h, v->list, of_known);
    if (of_faults) memcpy(bytes + sizeof h + of_known, v->faults, of_faults);
    cache_put("check", adapter_key(d), (qn_bytes){ bytes, sizeof h + of_known + of_faults });
    mem_free(bytes);
    v->changed = false;
}

void verify_free(qn_device *d)
{
    if (!d->verdicts) return;
    mem_free(d->verdicts->list);
    mem_free(d->verdicts->faults);
    str_free(&d->verdicts->note);
    mem_free(d->verdicts);
    d->verdicts = NULL;
}

void verify_counts(qn_device *d, u32 *counts)
{
    const struct verdicts *v = of(d);
    memset(counts, 0, (VERDICT_REFUSED + 1) * sizeof *counts);
    for (u32 i = 0; v && i < v->n; i++) counts[MIN(v->list[i].verdict, (u64)VERDICT_REFUSED)]++;
}

/* ---- sentences: one for each kernel, with its variants by the reason for which they are not used */

static bool same_kernel(const fault *a, const fault *b)
{
    return text_same(a->file, b->file) && text_same(a->entry, b->entry);
}

static bool same_reason(const fault *a, const fault *b) { return a->verdict == b->verdict && text_same(a->why, b->why); }

/* Is it the first in the list of its kernel; and of its reason? */
static bool is_first(const struct verdicts *v, u32 at, bool of_reason)
{
    for (u32 i = 0; i < at; i++)
        if (same_kernel(&v->faults[i], &v->faults[at]) && (!of_reason || same_reason(&v->faults[i], &v->faults[at])))
            return false;
    return true;
}

/* Those of the reason of the first; one without defines needs no words. */
static void put_variants(struct verdicts *v, u32 at)
{
    u32 n = 0;
    for (u32 i = at; i < v->n_faults; i++) {
        const fault *f = &v->faults[i];
        if (!f->defines[0] || !same_kernel(f, &v->faults[at]) || !same_reason(f, &v->faults[at])) continue;
        if (n++ < MOST_VARIANTS) str_print(&v->note, "%s%s", n > 1 ? ", " : " with ", f->defines);
    }
    if (n > MOST_VARIANTS) str_print(&v->note, " and %u more", n - MOST_VARIANTS);
}

static void put_reason(struct verdicts *v, u32 at)
{
    const fault *f = &v->faults[at];
    str_add(&v->note, f->verdict == VERDICT_WRONG ? ": computes wrong" : ": does not compile or run");
    if (f->why[0]) str_print(&v->note, " (%s)", f->why);
}

static void put_sentence(struct verdicts *v, u32 at, const char *spec)
{
    const fault *f = &v->faults[at];
    str_free(&v->note);
    v->note = (str){ 0 };
    str_print(&v->note, "kernel '%s' of %s is not used on %s", f->entry[0] ? f->entry : f->file, f->file, spec);
    bool more = false;
    for (u32 i = at; i < v->n_faults; i++) {
        if (!same_kernel(&v->faults[i], f) || !is_first(v, i, true)) continue;
        str_add(&v->note, more ? ";" : "");
        put_variants(v, i);
        put_reason(v, i);
        more = true;
    }
}

const char *verify_note(qn_device *d, u32 i)
{
    struct verdicts *v = of(d);
    for (u32 at = 0; v && at < v->n_faults; at++) {
        if (!is_first(v, at, false) || i-- > 0) continue;
        put_sentence(v, at, d->info.spec);
        return v->note.bad ? NULL : v->note.text;
    }
    return NULL;
}
