/* What kc makes of tests/kc/semantics.c against what the host compiler makes of it: an oracle that shares no code with kc's front end. */
#include "test.h"

#include "quern_kernel.h"

#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "tests/kc/semantics.c"

#include <stdio.h>

enum { N = 1000, COUNT_ELEMS = 4 * N, BRANCHES = 16 /* of semantics.c */ };

static qn_status run_text(qn_device *d, const char *text, const u32 *x, const f32 *small, u32 *y)
{
    qn_kernel *k = NULL;
    qn_buffer *bx = NULL, *bs = NULL, *by = NULL;
    qn_ticket done;
    qn_status s = qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text, .file = "semantics.c" }, &k);
    if (s == QN_OK) s = qn_buffer_make(d, N * 4, &bx);
    if (s == QN_OK) s = qn_buffer_make(d, N * 4, &bs);
    if (s == QN_OK) s = qn_buffer_make(d, COUNT_ELEMS * 4, &by);
    if (s == QN_OK) s = qn_buffer_write(bx, 0, x, N * 4);
    if (s == QN_OK) s = qn_buffer_write(bs, 0, small, N * 4);
    qn_arg args[] = { { .buffer = bx }, { .buffer = bs }, { .integer = N }, { .buffer = by } };
    if (s == QN_OK) s = qn_kernel_launch(k, COUNT_ELEMS, args, 4);
    if (s == QN_OK) s = qn_buffer_read(by, 0, y, COUNT_ELEMS * 4, &done);
    if (s == QN_OK) s = qn_device_wait(d, done);
    qn_buffer_free(bx);
    qn_buffer_free(bs);
    qn_buffer_free(by);
    qn_kernel_free(k);
    return s;
}

static void compare_with_host(test *t, const char *spec, const qn_device_desc *desc, const char *text, const u32 *x,
                              const f32 *small)
{
    static u32 y[COUNT_ELEMS];
    qn_device *d = NULL;
    if (qn_device_open(spec, desc, &d) != QN_OK) {
        SKIP(t, "no device '%s': %s", spec, qn_last_error());
        return;
    }
    CHECK_OK(t, run_text(d, text, x, small, y));
    for (u32 which = 0; which < BRANCHES; which++) {
        u32 wrong = 0, at = 0;
        for (u32 i = which; i < COUNT_ELEMS; i += BRANCHES)
            if (semantics(i, x, small, N) != y[i] && !wrong++) at = i;
        CHECK(t, !wrong, "%s%s: branch %u: %u wrong, first element %u (x %u): wants %u, gives %u", spec,
              desc && desc->interpret ? " interpreted" : "", which, wrong, at, x[at % N], semantics(at, x, small, N), y[at]);
    }
    qn_device_close(d);
}

void test_kc_host(test *t)
{
    static u32 x[N];
    static f32 small[N];
    file_map file;
    for (u32 i = 0; i < N; i++) x[i] = i < 300 ? i : i * 2654435761u >> (i % 20);
    for (u32 i = 0; i < N; i++) small[i] = (f32)(i * 37 % 251);
    qn_status status = file_map_open(QUERN_SOURCE_DIR "/tests/kc/semantics.c", &file);
    CHECK_OK(t, status);
    if (status != QN_OK) return;
    char *text = mem_zalloc(file.bytes.n + 1);
    if (text) {
        memcpy(text, file.bytes.data, file.bytes.n);
        compare_with_host(t, "cpu", &(qn_device_desc){ .interpret = true }, text, x, small);
        compare_with_host(t, "cpu", NULL, text, x, small);
        compare_with_host(t, "cuda", NULL, text, x, small);
        compare_with_host(t, "opencl", NULL, text, x, small);
    }
    mem_free(text);
    file_map_close(&file);
}
