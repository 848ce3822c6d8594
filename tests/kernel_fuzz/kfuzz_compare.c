/* The comparison: whole numbers bit for bit, floats within the bound that the generator worked out; and the loop over kernels. */
#include <math.h>
#include <stdio.h>

#include "kfuzz_run.h"

/* ------------------------------------------------------------------ answers */
static f64 float_at(kc_scalar s, const void *bytes, u32 i)
{
    f32 f;
    f64 d;
    u16 h;
    if (s == KC_F64) memcpy(&d, (const u8 *)bytes + 8 * i, 8);
    else if (s == KC_F32) memcpy(&f, (const u8 *)bytes + 4 * i, 4), d = (f64)f;
    else {
        memcpy(&h, (const u8 *)bytes + 2 * i, 2);
        d = (f64)(s == KC_F16 ? f16_to_f32(h) : bf16_to_f32(h));
    }
    return d;
}

static bool is_float(kc_scalar s) { return s >= KC_F16; }

static u32 bytes_of(kc_scalar s)
{
    static const u32 bytes[] = {
        [KC_BOOL] = 1, [KC_I8] = 1,  [KC_U8] = 1,  [KC_I16] = 2, [KC_U16] = 2, [KC_F16] = 2, [KC_BF16] = 2,
        [KC_I32] = 4,  [KC_U32] = 4, [KC_F32] = 4, [KC_I64] = 8, [KC_U64] = 8, [KC_F64] = 8
    };
    return bytes[s];
}

static u64 bits_at(kc_scalar s, const void *bytes, u32 i)
{
    u64 v = 0;
    memcpy(&v, (const u8 *)bytes + (u64)bytes_of(s) * i, bytes_of(s));
    return v;
}

static const char *values_differ(const char *what, kc_scalar s, f64 err, const void *want, const void *got, u32 n)
{
    static char words[160];
    for (u32 i = 0; i < n; i++) {
        if (!is_float(s)) {
            if (bits_at(s, want, i) == bits_at(s, got, i)) continue;
            snprintf(words, sizeof words, "%s[%u] is 0x%llx, wanted 0x%llx", what, i, (unsigned long long)bits_at(s, got, i),
                     (unsigned long long)bits_at(s, want, i));
            return words;
        }
        f64 x = float_at(s, want, i), y = float_at(s, got, i);
        if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= err) continue;
        snprintf(words, sizeof words, "%s[%u] is %.9g, wanted %.9g, off by %.3g, allowed %.3g", what, i, y, x, fabs(x - y),
                 err);
        return words;
    }
    return NULL;
}

const char *answers_differ(const kfuzz_shape *s, const kfuzz_case *c, const answer *want, const answer *got)
{
    kc_scalar type = kfuzz_stored(s, (kc_scalar)s->result.scalar), floats = kfuzz_stored(s, KC_F32);
    const char *words = values_differ("y", type, c->err, want->y, got->y, kfuzz_result_elems(s));
    if (words || s->form == KC_MAP) return words;
    words = values_differ("z", floats, c->err_z, want->z, got->z, COUNT(want->z));
    return words ? words : values_differ("acc", KC_U32, 0, want->acc, got->acc, COUNT(want->acc));
}

/* ------------------------------------------------------------------ one kernel alone */
static bool make_alone(arena *mem, const kfuzz_shape *shape, const choices *c, kfuzz_case *out, str *text)
{
    return kfuzz_case_make(mem, shape, c, 0, out) == QN_OK && kfuzz_file(shape, out, 1, text) == QN_OK;
}

const char *kfuzz_check_one(const kfuzz_shape *shape, const way *truth, const way *w, const choices *c, str *text)
{
    static answer want, got;
    static char words[400];
    arena *mem = arena_make();
    kfuzz_case made;
    str source = { 0 };
    const char *found = "";
    if (mem && make_alone(mem, shape, c, &made, &source)) {
        qn_status status = way_run(truth, shape, source.text, 1, &want);
        if (status == QN_OK) status = way_run(w, shape, source.text, 1, &got);
        if (status == QN_OK) found = answers_differ(shape, &made, &want, &got);
        else if (status != QN_E_UNSUPPORTED) snprintf(words, sizeof words, "%s", qn_last_error()), found = words;
    }
    if (text && source.text) str_add(text, source.text);
    str_free(&source);
    arena_free(mem);
    return found;
}

static bool fails(const kfuzz_shape *shape, const way *truth, const way *w, const choices *c)
{
    const char *words = kfuzz_check_one(shape, truth, w, c, NULL);
    return words && words[0];
}

typedef struct shrinking {
    const kfuzz_shape *shape;
    const way *truth, *w;
    choices *best;
    u64 until; /* ns */
} shrinking;

static bool time_left(const shrinking *s) { return clock_ns() < s->until; }

static bool accept(shrinking *s, const choices *smaller)
{
    if (!time_left(s) || !fails(s->shape, s->truth, s->w, smaller)) return false;
    *s->best = *smaller;
    return true;
}

static bool take_away(shrinking *s, u32 size)
{
    bool better = false;
    for (u32 at = 0; at + size <= s->best->n && time_left(s);) {
        choices less = *s->best;
        memmove(less.items + at, less.items + at + size, (less.n - at - size) * sizeof *less.items);
        less.n -= size;
        if (accept(s, &less)) better = true;
        else at += size;
    }
    return better;
}

/* Fewer choices first (halves, then single ones), then zeros. */
void kfuzz_shrink(const kfuzz_shape *shape, const way *truth, const way *w, choices *c, u32 seconds)
{
    shrinking s = { shape, truth, w, c, clock_ns() + (u64)seconds * 1000000000 };
    for (bool better = true; better && time_left(&s);) {
        better = false;
        for (u32 size = MAX(c->n / 2, 1); size; size /= 2) better |= take_away(&s, size);
        for (u32 at = 0; at < c->n; at++) {
            choices less = *c;
            if (!less.items[at]) continue;
            less.items[at] = 0;
            better |= accept(&s, &less);
        }
    }
}

/* ------------------------------------------------------------------ many */
enum { BATCH = KFUZZ_BATCH, BATCH_GROUPS = 4 }; /* many phases in one kernel are slow to compile */

static void begins(const kfuzz_plan *p, u32 from, u32 n)
{
    if (!p->progress) return;
    p->progress->from = from, p->progress->n = n, p->progress->told = false;
    atomic_store(&p->progress->since, clock_ns());
}

static void ends(const kfuzz_plan *p, const way *w)
{
    if (!p->progress) return;
    atomic_store(&p->progress->since, 0);
    p->progress->ways[p->progress->way] = *w;
}

static void told(const kfuzz_plan *p, const way *w, u32 k)
{
    if (!p->progress) return;
    begins(p, k, 1);
    p->progress->ways[p->progress->way] = *w, p->progress->told = true;
}

static u64 batch_seed(const kfuzz_plan *p, u32 number) { return p->seed * 1000003 + number / BATCH * BATCH; }

kfuzz_shape kfuzz_plan_shape(const kfuzz_plan *p, u32 number)
{
    kfuzz_shape s = kfuzz_shape_of(batch_seed(p, number));
    s.total = p->total, s.small = p->small;
    return s;
}

choices kfuzz_plan_choices(const kfuzz_plan *p, u32 number)
{
    choices c;
    choices_random(&c, batch_seed(p, number) * 64 + number % BATCH + 1, KFUZZ_MAX_CHOICES);
    return c;
}

typedef struct batch {
    kfuzz_shape shape;
    u32 n;
    choices in[KFUZZ_MAX_CASES];
    kfuzz_case cases[KFUZZ_MAX_CASES];
    bool known[KFUZZ_MAX_CASES]; /* the truth has an answer */
} batch;

static void report(const kfuzz_plan *p, const batch *b, u32 k, const way *truth, way *w, const char *words, u64 number)
{
    choices c = b->in[k];
    str text = { 0 };
    w->differ++;
    printf("DIFFERENT on %s, kernel %llu of seed %llu: %s\n", w->name, (unsigned long long)number,
           (unsigned long long)p->seed, words);
    fflush(stdout);
    told(p, w, k);
    if (w->differ > 3) return;
    if (fails(&b->shape, truth, w, &c)) {
        kfuzz_shrink(&b->shape, truth, w, &c, 60);
        words = kfuzz_check_one(&b->shape, truth, w, &c, &text);
        printf("/* smallest found: %s: %s */\n%s\n", w->name, words, text.text ? text.text : "");
    } else {
        printf("/* only beside the other kernels of its file */\n");
    }
    fflush(stdout);
    str_free(&text);
}

static void refuse(way *w, u32 n)
{
    w->refused += n;
    snprintf(w->why, sizeof w->why, "%s", qn_last_error());
}

static qn_status run_some(const batch *b, u32 from, u32 n, const way *w, answer *out, str *text)
{
    QN_TRY(kfuzz_file(&b->shape, b->cases + from, n, text));
    return way_run(w, &b->shape, text->text, n, out);
}

/* The whole file fails: which of its kernels does alone? */
static void blame(const kfuzz_plan *p, batch *b, u32 from, u32 n, const way *truth, way *w, u64 number)
{
    char words[400];
    snprintf(words, sizeof words, "%s", qn_last_error());
    for (u32 k = from; k < from + n; k++)
        if (fails(&b->shape, truth, w, &b->in[k])) {
            report(p, b, k, truth, w, kfuzz_check_one(&b->shape, truth, w, &b->in[k], NULL), number + k);
            return;
        }
    report(p, b, from, truth, w, words, number + from);
}

static void run_way(const kfuzz_plan *p, batch *b, const way *truth, way *w, const answer *want, u64 number, u32 first,
                    bool alone)
{
    static answer got[BATCH];
    u32 size = b->shape.form == KC_MAP ? w->batch : MIN(w->batch, p->groups ? p->groups : (u32)BATCH_GROUPS);
    if (alone) size = 1;
    for (u32 from = first; from < b->n && (!w->most || w->ran < w->most); from += size) {
        u32 n = MIN(b->n - from, size);
        str text = { 0 };
        begins(p, from, n);
        qn_status status = run_some(b, from, n, w, got, &text);
        if (status == QN_E_UNSUPPORTED) refuse(w, n);
        else if (status != QN_OK) blame(p, b, from, n, truth, w, number);
        for (u32 k = 0; status == QN_OK && k < n; k++) {
            if (!b->known[from + k]) continue;
            const char *words = answers_differ(&b->shape, &b->cases[from + k], &want[from + k], &got[k]);
            w->ran++;
            if (words) report(p, b, from + k, truth, w, words, number + from + k);
        }
        ends(p, w);
        str_free(&text);
    }
}

/* The interpreter takes one kernel a file: one that it refuses is a fault of the generator or of the interpreter. */
static void find_truth(const kfuzz_plan *p, batch *b, way *truth, answer *want, u64 number, bool again)
{
    for (u32 from = 0; from < b->n; from += truth->batch) {
        u32 n = MIN(b->n - from, truth->batch);
        str text = { 0 };
        begins(p, from, n);
        qn_status status = run_some(b, from, n, truth, want + from, &text);
        for (u32 k = 0; k < n; k++) b->known[from + k] = status == QN_OK;
        truth->ran += status == QN_OK && !again ? n : 0;
        if (status == QN_E_UNSUPPORTED && !again) refuse(truth, n);
        else if (status != QN_OK && !again) {
            printf("REFUSED by %s, kernel %llu of seed %llu: %s\n", truth->name, (unsigned long long)(number + from),
                   (unsigned long long)p->seed, qn_last_error());
            if (truth->differ++ < 5) printf("%s\n", text.text ? text.text : "");
        }
        ends(p, truth);
        str_free(&text);
    }
}

static void run_all(const kfuzz_plan *p, batch *b, way *ways, u32 n, u32 number)
{
    static answer want[BATCH];
    bool again = p->resume.here && number == p->from / BATCH * BATCH;
    if (p->progress) p->progress->number = number, p->progress->way = 0;
    find_truth(p, b, &ways[0], want, number, again);
    for (u32 i = again ? p->resume.way : 1; i < n; i++) {
        bool halfway = again && i == p->resume.way;
        if (p->progress) p->progress->way = i;
        run_way(p, b, &ways[0], &ways[i], want, number, halfway ? p->resume.kernel : 0, halfway);
    }
}

u32 kfuzz_compare(const kfuzz_plan *p, way *ways, u32 n)
{
    static batch b;
    u64 differ = 0, start = clock_ns();
    for (u32 number = p->from / BATCH * BATCH; number < p->from + p->count; number += BATCH) {
        if (p->seconds && (clock_ns() - start) / 1000000000 >= p->seconds) break;
        arena *mem = arena_make();
        b.shape = kfuzz_plan_shape(p, number);
        b.n = MIN((u32)BATCH, p->from + p->count - number);
        for (u32 k = 0; k < b.n; k++) {
            b.in[k] = kfuzz_plan_choices(p, number + k);
            if (kfuzz_case_make(mem, &b.shape, &b.in[k], k, &b.cases[k]) != QN_OK) printf("%s\n", qn_last_error());
        }
        run_all(p, &b, ways, n, number);
        arena_free(mem);
    }
    for (u32 i = 0; i < n; i++) differ += ways[i].differ;
    return (u32)differ;
}
