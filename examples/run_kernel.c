/* Runs one of the example kernels on a device through the public API and checks the result.
 *
 *     run_kernel FILE.c [DEVICE]        FILE: saxpy.c, histogram.c or matmul_tiled.c; DEVICE: "auto", "cpu", "opencl:0", ... */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quern.h"

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, qn_last_error());
    return 1;
}

/* The whole file as text, or NULL; freed with free. */
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? calloc(1, 1 << 16) : NULL;
    size_t n = text ? fread(text, 1, (1 << 16) - 1, f) : 0;
    if (f) fclose(f);
    if (n > 0) return text;
    free(text);
    return NULL;
}

/* A device buffer with `bytes` from `data`; NULL data: zeroed. */
static qn_buffer *buffer_of(qn_device *d, const void *data, size_t bytes)
{
    qn_buffer *b = NULL;
    if (qn_buffer_make(d, bytes, &b) != QN_OK) return NULL;
    if (data && qn_buffer_write(b, 0, data, bytes) != QN_OK) {
        qn_buffer_free(b);
        return NULL;
    }
    return b;
}

static qn_status launch_and_read(qn_device *d, qn_kernel *k, uint64_t count, const qn_arg *args, size_t n_args,
                                 qn_buffer *from, void *to, size_t bytes)
{
    qn_ticket done;
    qn_status s = qn_kernel_launch(k, count, args, n_args);
    if (s == QN_OK) s = qn_buffer_read(from, 0, to, bytes, &done);
    return s == QN_OK ? qn_device_wait(d, done) : s;
}

/* ------------------------------------------------------------------ the three jobs: largest error, or -1 after a failure */
enum { ELEMS = 100000 };
static float x[ELEMS], y[ELEMS], z[ELEMS];
static uint8_t bytes[ELEMS];

static double run_saxpy(qn_device *d, qn_kernel *k)
{
    for (int i = 0; i < ELEMS; i++) x[i] = (float)i, y[i] = (float)(i % 7);
    qn_buffer *bx = buffer_of(d, x, sizeof x), *by = buffer_of(d, y, sizeof y), *bz = buffer_of(d, NULL, sizeof z);
    qn_arg args[] = { { .buffer = bx }, { .buffer = by }, { .number = 0.5 }, { .buffer = bz } };
    double worst = -1;
    if (bx && by && bz && launch_and_read(d, k, ELEMS, args, 4, bz, z, sizeof z) == QN_OK) {
        worst = 0;
        for (int i = 0; i < ELEMS; i++) worst = fmax(worst, fabs((double)z[i] - (0.5 * i + i % 7)));
    }
    qn_buffer_free(bx);
    qn_buffer_free(by);
    qn_buffer_free(bz);
    return worst;
}

static double run_histogram(qn_device *d, qn_kernel *k)
{
    uint32_t want[256] = { 0 }, got[256];
    for (uint32_t i = 0; i < ELEMS; i++) want[bytes[i] = (uint8_t)(i * i >> 3)]++;
    qn_buffer *bx = buffer_of(d, bytes, sizeof bytes), *bc = buffer_of(d, NULL, sizeof got);
    qn_arg args[] = { { .buffer = bx }, { .buffer = bc }, { .integer = ELEMS } };
    double worst = -1;
    if (bx && bc && launch_and_read(d, k, (ELEMS + 4095) / 4096, args, 3, bc, got, sizeof got) == QN_OK) {
        worst = 0;
        for (int i = 0; i < 256; i++) worst = fmax(worst, fabs((double)got[i] - want[i]));
    }
    qn_buffer_free(bx);
    qn_buffer_free(bc);
    return worst;
}

static double run_matmul(qn_device *d, qn_kernel *k)
{
    enum { ROWS = 61, COLS = 45, DEPTH = 37, TILES = (ROWS + 7) / 8 * ((COLS + 7) / 8) };
    for (int i = 0; i < ROWS * DEPTH; i++) x[i] = (float)(i % 13) - 6;
    for (int i = 0; i < DEPTH * COLS; i++) y[i] = (float)(i % 11) - 5;
    size_t result = ROWS * COLS * sizeof(float);
    qn_buffer *ba = buffer_of(d, x, ROWS * DEPTH * sizeof(float)), *bb = buffer_of(d, y, DEPTH * COLS * sizeof(float));
    qn_buffer *bc = buffer_of(d, NULL, result);
    qn_arg args[] = { { .buffer = ba },    { .buffer = bb },    { .buffer = bc },
                      { .integer = ROWS }, { .integer = COLS }, { .integer = DEPTH } };
    double worst = -1;
    if (ba && bb && bc && launch_and_read(d, k, TILES, args, 6, bc, z, result) == QN_OK) {
        worst = 0;
        for (int i = 0; i < ROWS * COLS; i++) {
            double sum = 0;
            for (int j = 0; j < DEPTH; j++) sum += (double)x[i / COLS * DEPTH + j] * (double)y[j * COLS + i % COLS];
            worst = fmax(worst, fabs((double)z[i] - sum));
        }
    }
    qn_buffer_free(ba);
    qn_buffer_free(bb);
    qn_buffer_free(bc);
    return worst;
}

typedef struct job {
    const char *file;
    double (*run)(qn_device *d, qn_kernel *k);
    double allowed;
} job;
static const job jobs[] = { { "saxpy.c", run_saxpy, 0.01 },
                            { "histogram.c", run_histogram, 0 },
                            { "matmul_tiled.c", run_matmul, 0.001 } };

static const job *job_for(const char *path)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (strcmp(jobs[i].file, file) == 0) return &jobs[i];
    return NULL;
}

static int run(const job *j, qn_device *d, const char *source)
{
    qn_kernel *k = NULL;
    if (qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = j->file }, &k) != QN_OK)
        return complain(j->file);
    double error = j->run(d, k);
    int failed = error < 0 ? complain(j->file) : !(error <= j->allowed);
    if (error >= 0)
        printf("%s on %s (%s): %s, largest error %g\n", j->file, qn_device_get_info(d)->name, qn_kernel_how(k),
               failed ? "WRONG" : "right", error);
    qn_kernel_free(k);
    return failed;
}

int main(int argc, char **argv)
{
    const job *j = argc > 1 ? job_for(argv[1]) : NULL;
    char *source = j ? read_text(argv[1]) : NULL;
    qn_device *d = NULL;
    if (!source) {
        fprintf(stderr, "usage: run_kernel saxpy.c|histogram.c|matmul_tiled.c [DEVICE]\n");
        return 2;
    }
    int failed = qn_device_open(argc > 2 ? argv[2] : "auto", NULL, &d) != QN_OK ? complain("device") : run(j, d, source);
    qn_device_close(d);
    free(source);
    return failed;
}
