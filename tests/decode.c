/* Decoders that grow their past by one token a turn, through the public API: 64 turns on one plan, with the memory of the first.
 * And the embedded model on 2,000 digits that its training never saw. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_graph.h"

enum { TURNS = 64, DIGITS = 2000, LEAST_RIGHT = 1800 };

/* ---- the decoders of tests/make_test_models.py. A dimension "total_length" is the past and the new token; a scalar of that name says so. */

static bool is_total(const char *name) { return strcmp(name, "total_length") == 0; }

static bool dims_of(const qn_value_info *v, i64 past, i64 *dims)
{
    bool open = false;
    for (u32 d = 0; d < v->rank; d++) {
        dims[d] = v->dims[d] >= 0 ? v->dims[d] : past + is_total(v->dim_names[d]);
        open |= v->dims[d] < 0;
    }
    return open;
}

/* Token 0, a past of zeros in the first turn, a mask of ones. */
static void *values_of(arena *mem, const qn_value_info *v, const qn_tensor *t, bool grows, i64 past)
{
    void *data = arena_zalloc(mem, qn_tensor_bytes(t) + 8);
    if (data && v->dtype == QN_I64 && grows)
        for (u64 i = 0; i < qn_tensor_elems(t); i++) ((i64 *)data)[i] = 1;
    if (data && v->dtype == QN_I32 && is_total(v->name)) *(i32 *)data = (i32)past + 1;
    return data;
}

static qn_status turn(qn_session *s, arena *mem, i64 past, const void *cache, qn_stats *stats)
{
    qn_named in[8] = { 0 };
    u32 n = qn_input_count(s);
    for (u32 i = 0; i < n && i < COUNT(in); i++) {
        const qn_value_info *v = qn_input_info(s, i);
        in[i] = (qn_named){ v->name, { .dtype = v->dtype, .rank = v->rank } };
        bool grows = dims_of(v, past, in[i].tensor.dims);
        bool is_cache = grows && v->dtype == QN_F32;
        in[i].tensor.data = is_cache && cache ? cache : values_of(mem, v, &in[i].tensor, grows, past);
        if (!in[i].tensor.data) return fail_nomem(8);
    }
    qn_ticket ticket;
    QN_TRY(qn_run(s, in, n, &ticket));
    QN_TRY(qn_wait(s, ticket));
    qn_get_stats(s, stats);
    return QN_OK;
}

/* The output with the most elements and the rank of the cache: what comes back as the past. */
static const qn_tensor *present_of(qn_session *s, u32 rank)
{
    const qn_tensor *best = NULL, *t;
    for (u32 i = 0; i < qn_output_count(s); i++)
        if (qn_output_at(s, i, &t) == QN_OK && t->rank == rank) best = t;
    return best;
}

static u32 cache_rank(const qn_session *s, const char **dim)
{
    i64 dims[QN_MAX_RANK];
    for (u32 i = 0; i < qn_input_count(s); i++) {
        const qn_value_info *v = qn_input_info(s, i);
        if (v->dtype != QN_F32 || !dims_of(v, 1, dims)) continue;
        for (u32 d = 0; d < v->rank; d++)
            if (v->dims[d] < 0) *dim = v->dim_names[d];
        return v->rank;
    }
    return 0;
}

typedef struct decoder {
    const char *name;
    u64 layouts; /* more than the first turn's: what is told as a number is not reserved for, its memory grows by doubling */
} decoder;

static void decode_on(test *t, const test_device *d, const char *path, u64 layouts)
{
    qn_session *s = NULL;
    arena *mem = arena_make();
    qn_stats first = { 0 }, now = { 0 };
    const char *dim = NULL;
    if (CHECK(t, qn_session_open(&(qn_session_desc){ .device = d->device, .path = path }, &s) == QN_OK, "%s: %s", d->name,
              qn_last_error())) {
        u32 rank = cache_rank(s, &dim);
        CHECK(t, dim && qn_reserve(s, dim, TURNS + 2) == QN_OK, "%s: no past to reserve: %s", d->name, qn_last_error());
        for (u32 i = 0; i < qn_input_count(s); i++) {
            const qn_value_info *v = qn_input_info(s, i);
            const char *last = v->rank ? v->dim_names[v->rank - 1] : NULL;
            if (last && is_total(last)) CHECK_OK(t, qn_reserve(s, last, TURNS + 3));
        }
        const void *cache = NULL;
        for (i64 past = 1; past <= TURNS; past++) {
            if (!CHECK(t, turn(s, mem, past, cache, past == 1 ? &first : &now) == QN_OK, "%s, turn %lld: %s", d->name,
                       (long long)past, qn_last_error()))
                break;
            const qn_tensor *present = present_of(s, rank);
            if (!CHECK(t, present != NULL, "%s: no output is the cache", d->name)) break;
            cache = present->data;
        }
        const u64 grown =
            d->device->info.caps.buffers_apart ? 16 : 1; /* buffers of a layout: one for each value, or one for all */
        CHECK(t,
              now.plans == first.plans && now.layouts <= first.layouts + layouts &&
                  now.device_buffers <= first.device_buffers + layouts * grown,
              "%s, %s: 64 turns made %llu plans, %llu layouts, %llu buffers", path, d->name,
              (unsigned long long)(now.plans - first.plans), (unsigned long long)(now.layouts - first.layouts),
              (unsigned long long)(now.device_buffers - first.device_buffers));
    }
    qn_session_close(s);
    arena_free(mem);
}

/* ---- MNIST's first test images: idx files, unpacked by gzip */

static qn_status unpack(const char *name, arena *mem, file_map *out)
{
    const char *to = arena_print(mem, "%s/%s", test_temp_folder(), name);
    const char *command = arena_print(mem, "gzip -dc '%s/mnist/%s.gz' > '%s'", test_models(), name, to);
    if (!to || !command || system(command) != 0) return fail(QN_E_IO, "gzip does not unpack %s", name);
    return file_map_open(to, out);
}

static bool digit_is_right(qn_classify *c, const u8 *pixels, u8 label)
{
    u8 rgba[28 * 28 * 4];
    for (u32 i = 0; i < 28 * 28; i++) memset(rgba + 4 * i, pixels[i], 3), rgba[4 * i + 3] = 255;
    u32 n = 0;
    if (qn_classify_start(c, &(qn_image){ 28, 28, rgba }) != QN_OK || qn_classify_wait(c) != QN_OK) return false;
    const qn_class *top = qn_classify_top(c, &n, NULL);
    return n > 0 && top[0].label && top[0].label[0] == '0' + label && !top[0].label[1];
}

static void test_digits(test *t)
{
    file_map images = { 0 }, labels = { 0 };
    arena *mem = arena_make();
    qn_classify *c = NULL;
    CHECK_OK(t, unpack("t10k-images-idx3-ubyte", mem, &images));
    CHECK_OK(t, unpack("t10k-labels-idx1-ubyte", mem, &labels));
    CHECK_OK(t, qn_glyphs_open(test_cpu(), 1, &c));
    if (c && images.bytes.n >= 16 + DIGITS * 784 && labels.bytes.n >= 8 + DIGITS) {
        u32 right = 0;
        for (u32 i = 0; i < DIGITS; i++)
            right += digit_is_right(c, (const u8 *)images.bytes.data + 16 + 784 * i, ((const u8 *)labels.bytes.data)[8 + i]);
        CHECK(t, right >= LEAST_RIGHT, "the embedded model reads %u of %d digits", right, DIGITS);
    }
    qn_classify_close(c);
    file_map_close(&images), file_map_close(&labels);
    arena_free(mem);
}

void test_decode(test *t)
{
    const char *networks = getenv("QUERN_NETWORKS");
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    static const decoder decoders[] = {
        { "gpt2_decode_tiny", 0 }, { "mha_decode_tiny", 0 }, { "gqa_decode_tiny", 0 }, { "gqa_decode_told", 2 }
    };
    char path[512];
    if (!networks) SKIP(t, "the decoders: QUERN_NETWORKS does not name the folder that make_test_models.py wrote");
    for (u32 i = 0; networks && i < n * COUNT(decoders); i++) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", networks, decoders[i / n].name);
        decode_on(t, &devices[i % n], path, decoders[i / n].layouts);
    }
    if (test_models()) test_digits(t);
    else SKIP(t, "digits: no shared models (QUERN_MODELS)");
}
