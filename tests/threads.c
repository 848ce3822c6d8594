/* Threads of the caller: each with its own device and session, opening, running and closing the same model at the same time, and a kernel of
 * its own. The answers are those of one thread alone. `make test` runs this under ThreadSanitizer too. */
#include <pthread.h>
#include <stdio.h>

#include "test.h"

enum { THREADS = 3, ROUNDS = 3, RUNS = 3, CLASSES = 64 };

typedef struct worker {
    u32 number;
    qn_status status; /* of the first failure */
    char error[256];
    f32 scores[CLASSES]; /* of the last run */
    u64 n;
} worker;

static const char *const kernel_text =
    "#include \"quern_kernel.h\"\nMAP(f32) twice(u32 i, IN(f32) x) { return 2 * x[i]; }\n";

static qn_status run_model(worker *w, qn_device *d)
{
    static const f32 image[32 * 32]; /* the same bytes are lent to all threads */
    qn_session *s = NULL;
    QN_TRY(qn_session_open(&(qn_session_desc){ .device = d, .path = QUERN_SOURCE_DIR "/models/glyphs.onnx" }, &s));
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, image } };
    const qn_tensor *y = NULL;
    qn_status status = QN_OK;
    for (u32 k = 0; k < RUNS && status == QN_OK; k++) {
        qn_ticket ticket = 0;
        status = qn_run(s, &in, 1, &ticket);
        if (status == QN_OK) status = qn_wait(s, ticket);
        if (status == QN_OK) status = qn_output_at(s, 0, &y);
    }
    if (status == QN_OK) {
        w->n = MIN(qn_tensor_elems(y), (u64)CLASSES);
        memcpy(w->scores, y->data, w->n * sizeof w->scores[0]);
    }
    qn_session_close(s);
    return status;
}

static qn_status run_kernel(qn_device *d)
{
    f32 x[4] = { 1, 2, 3, 4 };
    qn_kernel *k = NULL;
    qn_buffer *in = NULL, *out = NULL;
    qn_ticket ticket;
    qn_status s = qn_kernel_from_source(d, &(qn_kernel_desc){ .source = kernel_text, .file = "twice.c" }, &k);
    if (s == QN_OK) s = qn_buffer_make(d, sizeof x, &in);
    if (s == QN_OK) s = qn_buffer_make(d, sizeof x, &out);
    if (s == QN_OK) s = qn_buffer_write(in, 0, x, sizeof x);
    if (s == QN_OK) s = qn_kernel_launch(k, 4, (const qn_arg[]){ { .buffer = in }, { .buffer = out } }, 2);
    if (s == QN_OK) s = qn_buffer_read(out, 0, x, sizeof x, &ticket);
    if (s == QN_OK) s = qn_device_wait(d, ticket);
    if (s == QN_OK && x[3] != 8) s = fail(QN_E_DATA, "twice 4 is %g", (f64)x[3]);
    qn_buffer_free(in);
    qn_buffer_free(out);
    qn_kernel_free(k);
    return s;
}

static void *work(void *data)
{
    worker *w = data;
    for (u32 r = 0; r < ROUNDS && w->status == QN_OK; r++) {
        qn_device *d = NULL;
        w->status = qn_device_open("cpu", &(qn_device_desc){ .threads = w->number % 2 + 1 }, &d);
        if (w->status == QN_OK) w->status = run_model(w, d);
        if (w->status == QN_OK) w->status = run_kernel(d);
        if (w->status != QN_OK) snprintf(w->error, sizeof w->error, "%s", qn_last_error());
        qn_device_close(d);
    }
    return NULL;
}

void test_threads(test *t)
{
    worker alone = { 0 }, workers[THREADS] = { { 0 } };
    pthread_t threads[THREADS];
    work(&alone);
    CHECK(t, alone.status == QN_OK && alone.n > 1, "one thread: %s", alone.error);
    for (u32 i = 0; i < THREADS; i++) {
        workers[i].number = i;
        if (!CHECK(t, pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "no thread")) return;
    }
    for (u32 i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (u32 i = 0; i < THREADS; i++) {
        const worker *w = &workers[i];
        CHECK(t, w->status == QN_OK, "thread %u: %s", i, w->error);
        CHECK(t, w->n == alone.n && !memcmp(w->scores, alone.scores, w->n * sizeof w->scores[0]),
              "thread %u: other scores than one thread alone", i);
    }
}
