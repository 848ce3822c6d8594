/* One MAP and one KERNEL with group memory, compiled for the device from text, run, and compared with what the host computes. */

#include "device/device.h"

enum { ROWS = 7, COLS = 150, ELEMS = ROWS * COLS };

static const char source[] = "#include \"quern_kernel.h\"\n"
                             "#define GROUP 32\n"
                             "MAP(f32) scaled(u32 i, IN(f32) x, f32 by) { return x[i] * by + 1.0f; }\n"
                             "KERNEL row_sum(u32 row, IN(f32) x, OUT(f32) y, u32 cols)\n"
                             "{\n"
                             "    SHARED(f32, part, GROUP);\n"
                             "    ITEMS(t) {\n"
                             "        f32 sum = 0.0f;\n"
                             "        for (u32 c = t; c < cols; c += GROUP) sum += x[row * cols + c];\n"
                             "        part[t] = sum;\n"
                             "    }\n"
                             "    for (u32 half = GROUP / 2; half > 0; half /= 2)\n"
                             "        ITEMS(t) if (t < half) part[t] += part[t + half];\n"
                             "    ITEMS(t) if (t == 0) y[row] = part[0];\n"
                             "}\n";

/* Everything that the test owns, so that one place frees it. */
typedef struct self_test {
    qn_device *d;
    qn_kernel *scaled, *row_sum;
    qn_buffer *x, *y, *sums;
    qn_ticket reads;
    f32 in[ELEMS], out[ELEMS], totals[ROWS]; /* in, out [ROWS][COLS] */
} self_test;

static qn_status make_all(self_test *t)
{
    QN_TRY(qn_buffer_make(t->d, sizeof t->in, &t->x));
    QN_TRY(qn_buffer_make(t->d, sizeof t->out, &t->y));
    QN_TRY(qn_buffer_make(t->d, sizeof t->totals, &t->sums));
    QN_TRY(qn_kernel_from_source(t->d, &(qn_kernel_desc){ .source = source, .file = "self_test.c", .entry = "scaled" },
                                 &t->scaled));
    if (t->d->info.caps.max_group < 32) return QN_OK;
    return qn_kernel_from_source(t->d, &(qn_kernel_desc){ .source = source, .file = "self_test.c", .entry = "row_sum" },
                                 &t->row_sum);
}

static qn_status run(self_test *t)
{
    for (u32 i = 0; i < ELEMS; i++) t->in[i] = (f32)(i % 32) * 0.25f;
    QN_TRY(qn_buffer_write(t->x, 0, t->in, sizeof t->in));
    const qn_arg scaled[] = { { .buffer = t->x }, { .number = 2 }, { .buffer = t->y } };
    QN_TRY(qn_kernel_launch(t->scaled, ELEMS, scaled, COUNT(scaled)));
    const qn_arg row_sum[] = { { .buffer = t->y }, { .buffer = t->sums }, { .integer = COLS } };
    if (t->row_sum) QN_TRY(qn_kernel_launch(t->row_sum, ROWS, row_sum, COUNT(row_sum)));
    QN_TRY(qn_buffer_read(t->y, 0, t->out, sizeof t->out, &t->reads));
    QN_TRY(qn_buffer_read(t->sums, 0, t->totals, sizeof t->totals, &t->reads));
    return qn_device_wait(t->d, t->reads);
}

/* All values are small multiples of 1/2, so sums are exact in any order. */
static qn_status compare(const self_test *t)
{
    for (u32 row = 0; row < ROWS; row++) {
        f32 total = 0;
        for (u32 i = row * COLS; i < (row + 1) * COLS; i++) {
            f32 want = t->in[i] * 2 + 1;
            total += want;
            if (t->out[i] != want)
                return fail(QN_E_DEVICE, "self test on %s: element %u is %g, should be %g", t->d->info.spec, i,
                            (f64)t->out[i], (f64)want);
        }
        if (t->row_sum && t->totals[row] != total)
            return fail(QN_E_DEVICE, "self test on %s: the sum of row %u is %g, should be %g", t->d->info.spec, row,
                        (f64)t->totals[row], (f64)total);
    }
    return QN_OK;
}

qn_status qn_device_self_test(qn_device *d)
{
    if (!d) return fail(QN_E_USAGE, "qn_device_self_test: a device is needed");
    if (d->info.caps.workers == 0) return QN_OK; /* computes nothing: nothing to compare */
    self_test *t = mem_zalloc(sizeof *t);
    if (!t) return fail_nomem(sizeof *t);
    t->d = d;
    qn_status status = make_all(t);
    if (status == QN_OK) status = run(t);
    if (status == QN_OK) status = compare(t);
    else qn_device_wait(d, t->reads); /* a read may be on its way into t */
    qn_kernel_free(t->scaled);
    qn_kernel_free(t->row_sum);
    qn_buffer_free(t->x);
    qn_buffer_free(t->y);
    qn_buffer_free(t->sums);
    mem_free(t);
    return status;
}
