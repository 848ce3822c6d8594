/* A tensor for every input of a model: from --input NAME=FILE or NAME=NUMBER, else random ones of the declared shape, the same every time.
 * Dynamic sizes are what --dim NAME=N says, else those of the given inputs, else 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "compare.h"

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double unit(uint64_t *state) { return (double)(next_random(state) >> 11) / 9007199254740992.0; }

static uint16_t half_of_unit(double v) /* 0 <= v < 1 to f16, exact for multiples of 2^-10 */
{
    uint16_t steps = (uint16_t)(v * 1024), bits = 0;
    if (!steps) return 0;
    int shift = 0;
    while (!(steps & 1 << (9 - shift))) shift++;
    bits = (uint16_t)((14 - shift) << 10 | ((steps << (shift + 1)) & 0x3ff));
    return bits;
}

/* A number from the command line, of the input's type: true, and element i of data has it, where the type holds it exactly or is a float. */
static bool put_number(qn_dtype dtype, double v, void *data, uint64_t i)
{
    size_t bytes = qn_dtype_bytes(dtype);
    void *at = (char *)data + i * bytes;
    float f = (float)v;
    if (dtype == QN_F64) return memcpy(at, &v, bytes), true;
    if (dtype == QN_F32 || dtype == QN_F16 || dtype == QN_BF16) return qn_convert_floats(QN_F32, &f, dtype, at, 1) == QN_OK;
    bool is_signed = dtype >= QN_I8 && dtype <= QN_I64, is_unsigned = dtype >= QN_U8 && dtype <= QN_U64;
    if (!(is_signed || is_unsigned || dtype == QN_BOOL)) return false;
    int bits = dtype == QN_BOOL ? 1 : (int)(8 * bytes) - is_signed;
    if (v != floor(v) || v < (is_signed ? -ldexp(1, bits) : 0) || v >= ldexp(1, bits)) return false;
    uint64_t whole = v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v; /* little-endian, as the file formats */
    return memcpy(at, &whole, bytes), true;
}

static void put_random(qn_dtype dtype, uint64_t *state, void *data, uint64_t i)
{
    double v = unit(state);
    float f = (float)(floor(v * 256) / 256); /* exact in bf16 too */
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    switch (dtype) {
    case QN_F32: ((float *)data)[i] = (float)v; break;
    case QN_F64: ((double *)data)[i] = v; break;
    case QN_F16: ((uint16_t *)data)[i] = half_of_unit(v); break;
    case QN_BF16: ((uint16_t *)data)[i] = (uint16_t)(bits >> 16); break;
    default: { /* integers and bools: 0 or 1, which is a valid index nearly everywhere */
        size_t bytes = qn_dtype_bytes(dtype);
        uint64_t bit = v >= 0.5;
        memcpy((char *)data + i * bytes, &bit, bytes);
    }
    }
}

/* Of the one number that was given, or random ones. */
static int make_tensor(const args *a, const qn_value_info *info, const int64_t *dims, const char *number, uint64_t *state,
                       qn_tensor *out)
{
    qn_tensor t = { .dtype = info->dtype, .rank = info->rank };
    memcpy(t.dims, dims, sizeof t.dims);
    uint64_t elems = 1, bytes = qn_dtype_bytes(t.dtype);
    for (uint32_t i = 0; i < t.rank; i++)
        if (__builtin_mul_overflow(elems, (uint64_t)dims[i], &elems)) elems = UINT64_MAX >> 8;
    if (bytes == 0 || t.dtype == QN_STRING || info->of)
        return usage_error(a, "input '%s' is %s: no %s for that; give --input %s=FILE", info->name, qn_dtype_name(t.dtype),
                           number ? "number" : "random values", info->name);
    double v = number ? strtod(number, NULL) : 0;
    void *data = elems < UINT64_MAX >> 8 ? calloc(elems ? elems : 1, bytes) : NULL;
    if (!data)
        return tell_failure(a, EXIT_RUN, QN_E_NOMEM, "no memory for input '%s' of shape %s", info->name,
                            text_shape(dims, t.rank, NULL));
    bool held = true;
    qn_dtype part = compare_part(t.dtype); /* the number is the real part of a complex one */
    uint64_t parts = bytes / qn_dtype_bytes(part);
    for (uint64_t i = 0; i < elems * parts && held; i++)
        if (number) held = put_number(part, i % parts ? 0 : v, data, i);
        else put_random(part, state, data, i);
    if (!held) {
        free(data);
        return usage_error(a, "input '%s' is %s, which cannot be %s", info->name, qn_dtype_name(t.dtype), number);
    }
    t.data = data;
    *out = t;
    return 0;
}

/* ---- dynamic sizes */
static bool dim_from_flags(const args *a, const char *name, int64_t *out)
{
    const char *v;
    size_t n = strlen(name);
    for (uint32_t at = 0; (v = args_next(a, "--dim", &at));)
        if (strncmp(v, name, n) == 0 && v[n] == '=') {
            *out = strtoll(v + n + 1, NULL, 10);
            return true;
        }
    return false;
}

static bool dim_from_inputs(const qn_session *s, const inputs *in, const char *name, int64_t *out)
{
    for (uint32_t i = 0; i < in->n; i++) {
        const qn_value_info *info = qn_input_info(s, i);
        if (in->random[i] || info->rank != in->named[i].tensor.rank) continue;
        for (uint32_t d = 0; d < info->rank; d++)
            if (info->dims[d] < 0 && info->dim_names[d] && strcmp(info->dim_names[d], name) == 0) {
                *out = in->named[i].tensor.dims[d];
                return true;
            }
    }
    return false;
}

static void sizes_of(const args *a, const qn_session *s, const inputs *in, const qn_value_info *info,
                     int64_t dims[QN_MAX_RANK])
{
    for (uint32_t d = 0; d < QN_MAX_RANK; d++) {
        dims[d] = d < info->rank ? info->dims[d] : 0;
        if (d >= info->rank || dims[d] >= 0) continue;
        dims[d] = 1;
        const char *name = info->dim_names[d];
        if (name && !dim_from_flags(a, name, &dims[d])) dim_from_inputs(s, in, name, &dims[d]);
    }
}

/* ---- from files */
/* What the model declares against what the file holds; a named size must be the same wherever it stands. */
static int check_given(const args *a, const qn_session *s, const inputs *in, uint32_t i)
{
    const qn_value_info *info = qn_input_info(s, i);
    const qn_tensor *t = &in->named[i].tensor;
    if (t->dtype != info->dtype)
        return usage_error(a, "input '%s' is %s in its file, the model wants %s", info->name, qn_dtype_name(t->dtype),
                           qn_dtype_name(info->dtype));
    bool fits = !info->rank_known || t->rank == info->rank;
    for (uint32_t d = 0; fits && info->rank_known && d < info->rank; d++)
        fits = info->dims[d] < 0 || info->dims[d] == t->dims[d];
    if (!fits)
        return usage_error(a, "input '%s' has the shape %s in its file, the model wants %s", info->name,
                           text_shape(t->dims, t->rank, NULL), text_shape(info->dims, info->rank, info->dim_names));
    for (uint32_t d = 0; info->rank_known && d < info->rank; d++) {
        int64_t other;
        const char *name = info->dims[d] < 0 ? info->dim_names[d] : NULL;
        if (name && dim_from_flags(a, name, &other) && other != t->dims[d])
            return usage_error(a, "input '%s': size %u, '%s', is %lld in its file, --dim says %lld", info->name, d, name,
                               (long long)t->dims[d], (long long)other);
        if (name && dim_from_inputs(s, in, name, &other) && other != t->dims[d])
            return usage_error(a, "input '%s': size %u, '%s', is %lld, in another input it is %lld", info->name, d, name,
                               (long long)t->dims[d], (long long)other);
    }
    return 0;
}

static int check_all_given(const args *a, const qn_session *s, const inputs *in)
{
    int code = 0;
    for (uint32_t i = 0; i < in->n && !code; i++)
        if (!in->random[i]) code = check_given(a, s, in, i);
    return code;
}

/* Is the text a number, and no file's name? */
static bool is_number(const char *text)
{
    char *end;
    strtod(text, &end);
    FILE *f = *text && !*end ? fopen(text, "rb") : NULL;
    if (f) fclose(f);
    return *text && !*end && !f;
}

static int take_input(const args *a, const qn_session *s, const char *text, inputs *in)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return usage_error(a, "--input wants NAME=FILE or NAME=NUMBER, not '%s'", text);
    size_t n = (size_t)(equals - text);
    const char *names[64];
    for (uint32_t i = 0; i < in->n; i++) {
        const char *name = qn_input_info(s, i)->name;
        if (i < COUNT(names)) names[i] = name;
        if (strlen(name) != n || memcmp(name, text, n) != 0) continue;
        if (!in->random[i] || in->number[i]) return usage_error(a, "input '%s' is given twice", name);
        if (is_number(equals + 1)) return in->number[i] = equals + 1, 0;
        qn_status status = qn_tensor_load_as(equals + 1, qn_input_info(s, i)->dtype, &in->owned[i]);
        if (status != QN_OK) return report_failure(a, status);
        in->random[i] = false;
        in->named[i].tensor = in->owned[i];
        return 0;
    }
    const char *typed = text_print("%.*s", (int)n, text);
    const char *near = nearest_name(typed, names, in->n < COUNT(names) ? in->n : COUNT(names));
    return usage_error(a, "the model has no input '%s'%s%s%s", typed, near ? "; did you mean " : "", near ? near : "",
                       near ? "?" : "");
}

/* The names of all dynamic sizes of the inputs, each once; gives how many. out has room for QN_MAX_RANK of each input. */
static size_t dim_names(const qn_session *s, const char **out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < qn_input_count(s); i++) {
        const qn_value_info *info = qn_input_info(s, i);
        for (uint32_t d = 0; d < info->rank; d++) {
            const char *name = info->dims[d] < 0 ? info->dim_names[d] : NULL;
            size_t k = 0;
            while (name && k < n && strcmp(out[k], name) != 0) k++;
            if (name && k == n) out[n++] = name;
        }
    }
    return n;
}

static int check_dim_name(const args *a, const char *typed, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], typed) == 0) return 0;
    const char *near = nearest_name(typed, names, n);
    if (near) return usage_error(a, "the model has no dynamic dimension '%s'; did you mean %s?", typed, near);
    return usage_error(a, "the model has no dynamic dimension '%s'; it has %s", typed, n ? names[0] : "none");
}

static int check_dim(const args *a, const qn_session *s, const char *text)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    long long size = equals ? strtoll(equals + 1, &end, 10) : -1;
    int64_t first;
    if (!equals || equals == text || end == equals + 1 || *end || size < 0 || size > 1 << 30)
        return usage_error(a, "--dim wants NAME=N, N at most %d, not '%s'", 1 << 30, text);
    const char *typed = text_print("%.*s", (int)(equals - text), text);
    if (dim_from_flags(a, typed, &first) && first != size)
        return usage_error(a, "--dim gives '%s' twice: %lld and %lld", typed, (long long)first, size);
    const char **names = malloc((qn_input_count(s) * QN_MAX_RANK + 1) * sizeof *names);
    if (!names) return tell_nomem(a);
    int code = check_dim_name(a, typed, names, dim_names(s, names));
    free((void *)names);
    return code;
}

/* The sizes of input i: of what was given, or of what will be made. */
static void sizes_of_input(const args *a, const qn_session *s, const inputs *in, uint32_t i, int64_t dims[QN_MAX_RANK])
{
    if (in->random[i]) sizes_of(a, s, in, qn_input_info(s, i), dims);
    else memcpy(dims, in->named[i].tensor.dims, QN_MAX_RANK * sizeof *dims);
}

/* Before anything is filled: a system promises memory that it does not have, and ends the process that uses it. */
static int check_room(const args *a, qn_session *s, const inputs *in)
{
    uint64_t total = 0, memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    for (uint32_t i = 0; i < in->n; i++) {
        const qn_value_info *info = qn_input_info(s, i);
        int64_t dims[QN_MAX_RANK];
        sizes_of_input(a, s, in, i, dims);
        uint64_t bytes = in->random[i] ? qn_dtype_bytes(info->dtype) : 0;
        for (uint32_t d = 0; d < info->rank; d++) {
            if (__builtin_mul_overflow(bytes, (uint64_t)dims[d], &bytes)) bytes = UINT64_MAX;
            bool open = info->dims[d] < 0 && info->dim_names[d];
            qn_status status = open ? qn_reserve(s, info->dim_names[d], dims[d]) : QN_OK;
            if (status != QN_OK) return report_failure(a, status), EXIT_RUN;
        }
        if (__builtin_add_overflow(total, bytes, &total)) total = UINT64_MAX;
    }
    if (total <= memory) return 0;
    return tell_failure(a, EXIT_RUN, QN_E_NOMEM, "the inputs that would be made up take %s, this machine has %s",
                        text_bytes(total), text_bytes(memory));
}

static int fill_random(const args *a, const qn_session *s, inputs *in)
{
    for (uint32_t i = 0; i < in->n; i++) {
        if (!in->random[i]) continue;
        const qn_value_info *info = qn_input_info(s, i);
        if (!info->rank_known)
            return usage_error(a, "input '%s' has no declared shape; give --input %s=FILE", info->name, info->name);
        int64_t dims[QN_MAX_RANK];
        sizes_of(a, s, in, info, dims);
        uint64_t state = 0x5155u + i;
        int code = make_tensor(a, info, dims, in->number[i], &state, &in->named[i].tensor);
        if (code) return code;
    }
    return 0;
}

int inputs_make(const args *a, qn_session *s, inputs *out)
{
    uint32_t n = qn_input_count(s);
    inputs in = { calloc(n + 1, sizeof *in.named), n, calloc(n + 1, sizeof *in.owned), calloc(n + 1, sizeof *in.random),
                  calloc(n + 1, sizeof *in.number) };
    *out = in;
    if (!in.named || !in.owned || !in.random || !in.number) return tell_nomem(a);
    for (uint32_t i = 0; i < n; i++) in.named[i].name = qn_input_info(s, i)->name, in.random[i] = true;
    int code = 0;
    const char *v;
    for (uint32_t at = 0; !code && (v = args_next(a, "--dim", &at));) code = check_dim(a, s, v);
    for (uint32_t at = 0; !code && (v = args_next(a, "--input", &at));) code = take_input(a, s, v, out);
    if (!code) code = check_all_given(a, s, out);
    if (!code) code = check_room(a, s, out);
    return code ? code : fill_random(a, s, out);
}

/* What it was given, and the flags that would give it something else. */
static void explain(const qn_session *s, const inputs *in, uint32_t i)
{
    const qn_value_info *info = qn_input_info(s, i);
    const qn_tensor *t = &in->named[i].tensor;
    fprintf(stderr, "  %s  %s of random numbers: --input %s=FILE.npy or =NUMBER", info->name, text_tensor(t), info->name);
    for (uint32_t d = 0; d < info->rank; d++)
        if (info->dims[d] < 0 && info->dim_names[d]) fprintf(stderr, ", --dim '%s=N'", info->dim_names[d]);
    fputc('\n', stderr);
}

void inputs_explain(const qn_session *s, const inputs *in)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->n; i++) n += in->random[i] && !in->number[i];
    if (!n) return;
    fprintf(stderr, "Inputs that were not given were made up, their open sizes 1. A model may need particular ones:\n");
    for (uint32_t i = 0; i < in->n; i++)
        if (in->random[i] && !in->number[i]) explain(s, in, i);
}

void inputs_free(inputs *in)
{
    for (uint32_t i = 0; in->named && i < in->n; i++) {
        if (!in->random[i]) qn_tensor_free(&in->owned[i]);
        else free((void *)(uintptr_t)in->named[i].tensor.data);
    }
    free(in->named);
    free(in->owned);
    free(in->random);
    free((void *)in->number);
    *in = (inputs){ 0 };
}
