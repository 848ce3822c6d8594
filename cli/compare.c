/* Tensors compared as ONNX's own runner does: floats |got - want| <= atol + rtol |want|, NaN equal to NaN, infinities exact;
 * integers, bools and strings exact; shape and type always. */
#include <math.h>
#include <string.h>

#include "compare.h"

static double half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double v = ldexp(exponent ? 1024 + mantissa : mantissa, exponent ? exponent - 25 : -24);
    if (exponent == 31) v = mantissa ? (double)NAN : (double)INFINITY;
    return h & 0x8000 ? -v : v;
}

static double brain(uint16_t b)
{
    uint32_t bits = (uint32_t)b << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

qn_dtype compare_part(qn_dtype t) { return t == QN_C64 ? QN_F32 : t == QN_C128 ? QN_F64 : t; }

qn_tensor compare_parts(const qn_tensor *t)
{
    qn_dtype part = compare_part(t->dtype);
    return part == t->dtype ? *t : (qn_tensor){ part, 1, { (int64_t)(2 * qn_tensor_elems(t)) }, t->data };
}

double compare_number(const qn_tensor *t, uint64_t i)
{
    const void *p = t->data;
    switch (t->dtype) {
    case QN_F32: return (double)((const float *)p)[i];
    case QN_F64: return ((const double *)p)[i];
    case QN_F16: return half(((const uint16_t *)p)[i]);
    case QN_BF16: return brain(((const uint16_t *)p)[i]);
    case QN_I8: return ((const int8_t *)p)[i];
    case QN_I16: return ((const int16_t *)p)[i];
    case QN_I32: return ((const int32_t *)p)[i];
    case QN_I64: return (double)((const int64_t *)p)[i];
    case QN_BOOL:
    case QN_U8: return ((const uint8_t *)p)[i];
    case QN_U16: return ((const uint16_t *)p)[i];
    case QN_U32: return ((const uint32_t *)p)[i];
    case QN_U64: return (double)((const uint64_t *)p)[i];
    case QN_STRING: return (double)NAN;
    case QN_I4:
    case QN_I2: return ((const int8_t *)p)[i];
    default: return ((const uint8_t *)p)[i]; /* the code of a float8 or float4: they are compared bit by bit */
    }
}

static const tolerance tolerances[QN_DTYPE_COUNT] = {
    [QN_F32] = { 1e-3, 1e-5 },
    [QN_F64] = { 1e-3, 1e-5 },
    [QN_F16] = { 1.0 / 512, 1e-5 }, /* two steps of f16 */
    [QN_BF16] = { 1.0 / 64, 1e-5 }, /* onnx's own */
};

static bool is_float(qn_dtype t) { return tolerances[t].rtol > 0; }

static bool is_integer(qn_dtype t) { return t == QN_I8 || t == QN_U8 || t == QN_I16 || t == QN_U16 || t == QN_I32; }

static bool same_shape(const qn_tensor *a, const qn_tensor *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

static bool same_float(double got, double want, tolerance t)
{
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return got == want;
    return fabs(got - want) <= t.atol + t.rtol * fabs(want);
}

typedef struct difference {
    uint64_t count, first_at;
    double worst, got, want; /* at the worst */
} difference;

static void note(difference *d, uint64_t i, double got, double want)
{
    double error = fabs(got - want);
    if (!d->count++) d->first_at = i;
    if (isnan(error) || error >= d->worst) d->worst = isnan(error) ? d->worst : error, d->got = got, d->want = want;
}

static difference differences(const qn_tensor *got, const qn_tensor *want, tolerance widest, double *worst)
{
    difference d = { 0 };
    uint64_t n = qn_tensor_elems(want);
    size_t bytes = qn_dtype_bytes(want->dtype);
    tolerance t = tolerances[want->dtype];
    t = (tolerance){ fmax(t.rtol, widest.rtol), fmax(t.atol, widest.atol) };
    for (uint64_t i = 0; i < n; i++) {
        double g = compare_number(got, i), w = compare_number(want, i);
        bool same;
        if (is_float(want->dtype)) {
            same = same_float(g, w, t);
            double error = fabs(g - w);
            if (isfinite(error) && error > *worst) *worst = error;
        } else {
            same = memcmp((const char *)got->data + i * bytes, (const char *)want->data + i * bytes, bytes) == 0;
            same = same || (is_integer(want->dtype) && fabs(g - w) <= widest.atol);
        }
        if (!same) note(&d, i, g, w);
    }
    return d;
}

static uint64_t string_differences(const qn_tensor *got, const qn_tensor *want)
{
    const qn_bytes *g = got->data, *w = want->data;
    uint64_t n = qn_tensor_elems(want), count = 0;
    for (uint64_t i = 0; i < n; i++) count += g[i].n != w[i].n || (w[i].n && memcmp(g[i].data, w[i].data, w[i].n) != 0);
    return count;
}

/* Of two sequences or optionals of one length: the first element that differs is told. */
static bool compare_lists(const qn_tensor *got, const qn_tensor *want, bool shape_only, tolerance widest, double *worst,
                          char *why, size_t why_bytes)
{
    const qn_tensor *g = got->data, *w = want->data;
    for (int64_t i = 0; i < want->dims[0]; i++) {
        char inner[300];
        if (compare_tensors(&g[i], &w[i], shape_only, widest, worst, inner, sizeof inner)) continue;
        snprintf(why, why_bytes, "element %lld: %s", (long long)i, inner);
        return false;
    }
    return true;
}

/* The key's place in a map; -1: it has none. Keys are tried from where they stood in the other map. */
static int64_t place_of(const qn_tensor *keys, const qn_tensor *other, int64_t at)
{
    const qn_bytes *texts = keys->data, *want = (const qn_bytes *)other->data + at;
    const int64_t *numbers = keys->data;
    for (int64_t i = 0, n = keys->dims[0]; i < n; i++) {
        int64_t k = (at + i) % n;
        bool same = keys->dtype == QN_STRING
                        ? texts[k].n == want->n && (!want->n || !memcmp(texts[k].data, want->data, want->n))
                        : numbers[k] == ((const int64_t *)other->data)[at];
        if (same) return k;
    }
    return -1;
}

/* Of two maps whose keys are of one type and number: the first key that one lacks, or whose values differ, is told by its place. */
static bool compare_maps(const qn_tensor *got, const qn_tensor *want, bool shape_only, tolerance widest, double *worst,
                         char *why, size_t why_bytes)
{
    const qn_tensor *g = got->data, *w = want->data;
    if (g->dtype != w->dtype || g->dims[0] != w->dims[0] || g[1].dtype != w[1].dtype) {
        snprintf(why, why_bytes, "got %s, not %s", text_tensor(got), text_tensor(want));
        return false;
    }
    size_t bytes = qn_dtype_bytes(w[1].dtype);
    for (int64_t i = 0; i < w->dims[0]; i++) {
        char inner[300] = "it is not there";
        int64_t at = place_of(g, w, i);
        qn_tensor a = { .dtype = g[1].dtype, .data = (const char *)g[1].data + (size_t)(at < 0 ? 0 : at) * bytes };
        qn_tensor b = { .dtype = w[1].dtype, .data = (const char *)w[1].data + (size_t)i * bytes };
        if (at >= 0 && compare_tensors(&a, &b, shape_only, widest, worst, inner, sizeof inner)) continue;
        snprintf(why, why_bytes, "key %lld: %s", (long long)i, inner);
        return false;
    }
    return true;
}

bool compare_tensors(const qn_tensor *got, const qn_tensor *want, bool shape_only, tolerance widest, double *worst,
                     char *why, size_t why_bytes)
{
    if (got->dtype != want->dtype || !same_shape(got, want)) {
        snprintf(why, why_bytes, "got %s, not %s", text_tensor(got), text_tensor(want));
        return false;
    }
    if (want->dtype == QN_MAP) return compare_maps(got, want, shape_only, widest, worst, why, why_bytes);
    if (want->dtype == QN_SEQUENCE || want->dtype == QN_OPTIONAL)
        return compare_lists(got, want, shape_only, widest, worst, why, why_bytes);
    if (shape_only) return true;
    if (compare_part(want->dtype) != want->dtype) {
        qn_tensor g = compare_parts(got), w = compare_parts(want);
        return compare_tensors(&g, &w, false, widest, worst, why, why_bytes);
    }
    unsigned long long n = qn_tensor_elems(want);
    if (want->dtype == QN_STRING) {
        uint64_t count = string_differences(got, want);
        if (count) snprintf(why, why_bytes, "%llu of %llu strings differ", (unsigned long long)count, n);
        return count == 0;
    }
    difference d = differences(got, want, widest, worst);
    if (d.count)
        snprintf(why, why_bytes, "%llu of %llu differ, first at %llu; largest error %.4g (got %.8g, want %.8g)",
                 (unsigned long long)d.count, n, (unsigned long long)d.first_at, d.worst, d.got, d.want);
    return d.count == 0;
}
