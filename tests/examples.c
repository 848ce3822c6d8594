/* The kernels of examples/ through the example program itself: its jobs, on each kind of device. */
int run_kernel_main(int argc, char **argv);
#define main run_kernel_main
#include "examples/run_kernel.c"
#undef main

#include "test.h"

static void test_job(test *t, const job *j, qn_device *d, const char *spec)
{
    char path[400];
    qn_kernel *k = NULL;
    snprintf(path, sizeof path, "%s/examples/%s", QUERN_SOURCE_DIR, j->file);
    char *source = read_text(path);
    CHECK(t, source != NULL, "%s cannot be read", path);
    if (source) CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = j->file }, &k));
    if (k) {
        double error = j->run(d, k);
        CHECK(t, error >= 0 && error <= j->allowed, "%s on %s (%s): error %g", j->file, spec, qn_kernel_how(k), error);
    }
    qn_kernel_free(k);
    free(source);
}

void test_examples(test *t)
{
    static const char *const specs[] = { "cpu", "cuda", "opencl" };
    for (u32 i = 0; i < COUNT(specs); i++) {
        qn_device *d = NULL;
        if (qn_device_open(specs[i], NULL, &d) != QN_OK) {
            SKIP(t, "no device '%s': %s", specs[i], qn_last_error());
            continue;
        }
        for (size_t k = 0; k < sizeof jobs / sizeof jobs[0]; k++) test_job(t, &jobs[k], d, specs[i]);
        qn_device_close(d);
    }
}
