/* Labels in every form they are written in; the embedded model's normalisation and answers on models/samples; what the classifier refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/pipeline.h"
#include "test.h"

/* ---- labels */
static const struct {
    const char *text;
    u32 n, index;
    const char *name; /* NULL: refused */
} label_files[] = {
    { "cat\ndog\nbird", 3, 1, "dog" },
    { "cat\r\ndog\r\n\r\n", 2, 1, "dog" },
    { "\xef\xbb\xbf"
      "cat\ndog\n",
      2, 0, "cat" },
    { "0,tench, Tinca tinca\n1,goldfish\n", 2, 0, "tench, Tinca tinca" },
    { "1: b\n0: a\n", 2, 0, "a" },
    { "0  background\n7  x\n", 8, 7, "x" },
    { "0 a\nb\n", 2, 0, "0 a" }, /* not every line has an index: plain names */
    { "n01440764 tench\nn01443537 goldfish\n", 2, 1, "goldfish" },
    { "[\"cat\", \"dog\"]", 2, 1, "dog" },
    { "{\"0\": \"cat\", \"1\": \"dog\"}", 2, 1, "dog" },
    { "{\"0\": [\"n01440764\", \"tench\"]}", 1, 0, "tench" },
    { "{\"cat\": 0, \"dog\": 1}", 2, 1, "dog" },
    { "{\"model_type\": \"vit\", \"id2label\": {\"0\": \"cat\", \"1\": \"dog\"}, \"label2id\": {}}", 2, 0, "cat" },
    { "", 0, 0, NULL },
    { "\n\n", 0, 0, NULL },
    { "{\"0\": 5.5}", 0, 0, NULL },
    { "[1, 2]", 0, 0, NULL },
    { "{\"0\": ", 0, 0, NULL },
    { "4000000000,x", 0, 0, NULL },
};

static void check_labels(test *t)
{
    for (size_t i = 0; i < COUNT(label_files); i++) {
        qn_labels *l = NULL;
        qn_status s = qn_labels_read((qn_bytes){ label_files[i].text, strlen(label_files[i].text) }, &l);
        if (!label_files[i].name) {
            CHECK(t, s == QN_E_FORMAT && !l && qn_last_error()[0], "labels %zu: taken", i);
            continue;
        }
        CHECK(t, s == QN_OK, "labels %zu: %s", i, qn_last_error());
        const char *name = qn_label(l, label_files[i].index);
        CHECK(t, qn_labels_count(l) == label_files[i].n, "labels %zu: %u names", i, qn_labels_count(l));
        CHECK(t, text_same(name, label_files[i].name), "labels %zu: '%s', not '%s'", i, name ? name : "none",
              label_files[i].name);
        CHECK(t, !qn_label(l, label_files[i].n), "labels %zu: a name past the end", i);
        qn_labels_free(l);
    }
    static const char zero[] = "a\0b";
    qn_labels *l;
    CHECK(t, qn_labels_read((qn_bytes){ zero, sizeof zero }, &l) == QN_E_FORMAT, "bytes of zero are no text");
    CHECK(t, qn_labels_load("/no/such/labels.txt", &l) == QN_E_IO, "a missing file is QN_E_IO");
}

static void labels_with_failing_memory(test *t)
{
    static const char text[] = "{\"id2label\": {\"0\": \"cat\", \"70\": \"dog\"}}";
    u64 alive = mem_blocks_alive();
    for (u64 n = 1; n < 200; n++) {
        qn_labels *l = NULL;
        mem_fail_at(n);
        qn_status s = qn_labels_read((qn_bytes){ text, sizeof text - 1 }, &l);
        mem_fail_at(0);
        if (s == QN_OK) {
            qn_labels_free(l);
            CHECK(t, n > 1, "no allocation was made");
            break;
        }
        CHECK(t, s == QN_E_NOMEM, "labels, allocation %llu fails: %s", (unsigned long long)n, qn_status_text(s));
    }
    CHECK(t, mem_blocks_alive() == alive, "labels: memory is lost");
}

/* ---- models/samples/expected.txt: file, label, probability, sum, sum of squares, column and row of the centre of mass */
typedef struct sample {
    char file[64], label[32];
    f64 probability, sum, squares, column, row;
} sample;

static void check_tensor(test *t, const sample *want, const qn_image *im)
{
    qn_tensor y = { 0 };
    CHECK_OK(t, glyph_to_tensor(NULL, im, &y));
    if (!y.data) return;
    f64 sum = 0, squares = 0, column = 0, row = 0;
    for (int i = 0; i < 32 * 32; i++) {
        f64 v = (f64)((const f32 *)y.data)[i];
        sum += v, squares += v * v, column += v * (i % 32), row += v * (i / 32);
    }
    f64 slack = strstr(want->file, ".jpg") ? 0.5 : 2e-3; /* JPEG decoders differ by a level or two */
    CHECK(t, fabs(sum - want->sum) < slack && fabs(squares - want->squares) < slack, "%s: sums %g %g, not %g %g", want->file,
          sum, squares, want->sum, want->squares);
    CHECK(t, fabs(column / sum - want->column) < 0.02 && fabs(row / sum - want->row) < 0.02, "%s: centre %g %g, not %g %g",
          want->file, column / sum, row / sum, want->column, want->row);
    qn_tensor_free(&y);
}

static void check_answer(test *t, const sample *want, const qn_image *im, qn_classify *c)
{
    CHECK_OK(t, qn_classify_start(c, im));
    CHECK(t, qn_classify_start(c, im) == QN_E_USAGE, "a second picture before the first is done is refused");
    bool done = false;
    qn_status s = QN_OK;
    for (u32 turn = 0; s == QN_OK && !done && turn < 100000000; turn++) s = qn_classify_step(c, &done);
    if (!CHECK(t, s == QN_OK && done, "%s: %s", want->file, qn_last_error())) return;
    u32 n;
    bool softmaxed;
    const qn_class *top = qn_classify_top(c, &n, &softmaxed);
    CHECK(t, n == 5 && !softmaxed, "%s: %u answers, softmax %d", want->file, n, softmaxed);
    if (n == 0) return;
    CHECK(t, text_same(top[0].label, want->label), "%s: '%s', not '%s'", want->file, top[0].label, want->label);
    CHECK(t, fabs((f64)top[0].probability - want->probability) < 0.02, "%s: %g, not %g", want->file, (f64)top[0].probability,
          want->probability);
    for (u32 i = 1; i < n; i++) CHECK(t, top[i].probability <= top[i - 1].probability, "%s: answers in order", want->file);
}

static void check_samples(test *t, qn_classify *c)
{
    char path[1024], line[256];
    const char *folder = QUERN_SOURCE_DIR "/models/samples";
    snprintf(path, sizeof path, "%s/expected.txt", folder);
    FILE *list = fopen(path, "r");
    if (!CHECK(t, list, "%s cannot be opened", path)) return;
    u32 n = 0;
    while (fgets(line, sizeof line, list)) {
        sample s;
        if (sscanf(line, "%63s %31s %lf %lf %lf %lf %lf", s.file, s.label, &s.probability, &s.sum, &s.squares, &s.column,
                   &s.row) != 7)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, s.file);
        qn_image im = { 0 };
        CHECK_OK(t, qn_image_load(path, &im));
        if (!im.rgba) continue;
        check_tensor(t, &s, &im);
        if (c) check_answer(t, &s, &im, c);
        qn_image_free(&im);
        n++;
    }
    fclose(list);
    CHECK(t, n >= 6, "only %u samples in %s", n, folder);
}

static void check_blank(test *t)
{
    u8 rgba[5 * 3 * 4];
    memset(rgba, 200, sizeof rgba);
    qn_image im = { 5, 3, rgba };
    qn_tensor y = { 0 };
    CHECK_OK(t, glyph_to_tensor(NULL, &im, &y));
    f64 sum = 0;
    for (int i = 0; y.data && i < 32 * 32; i++) sum += fabs((f64)((const f32 *)y.data)[i]);
    CHECK(t, sum == 0, "a blank picture holds ink: %g", sum);
    qn_tensor_free(&y);
}

static qn_status open_run_close(qn_device *d, const qn_image *im)
{
    qn_classify *c;
    QN_TRY(qn_glyphs_open(d, 3, &c));
    qn_status s = qn_classify_start(c, im);
    if (s == QN_OK) s = qn_classify_wait(c);
    qn_classify_close(c);
    return s;
}

/* Every allocation of opening, running and closing the embedded model fails once. */
static void glyphs_with_failing_memory(test *t, qn_device *d)
{
    qn_image im = { 0 };
    CHECK_OK(t, qn_image_load(QUERN_SOURCE_DIR "/models/samples/three.png", &im));
    CHECK_OK(t, open_run_close(d, &im)); /* what the device makes once and keeps */
    u64 alive = mem_blocks_alive(), n = 0;
    qn_status s = QN_E_NOMEM;
    while (s != QN_OK && n < 100000) {
        mem_fail_at(n = test_next_failure(n));
        s = open_run_close(d, &im);
        mem_fail_at(0);
        CHECK(t, s == QN_OK || s == QN_E_NOMEM, "glyphs, allocation %llu fails: %s: %s", (unsigned long long)n,
              qn_status_text(s), qn_last_error());
        CHECK(t, mem_blocks_alive() == alive, "glyphs, allocation %llu fails: memory is lost", (unsigned long long)n);
    }
    CHECK(t, n > 50, "only %llu allocations were made", (unsigned long long)n);
    qn_image_free(&im);
}

void test_pipeline(test *t)
{
    check_labels(t);
    labels_with_failing_memory(t);
    check_blank(t);
    u32 n = 0;
    while (qn_pipeline_at(n)) n++;
    CHECK(t, n >= 2, "%u pipelines", n);
    qn_device *d = NULL;
    qn_classify *c = NULL;
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    if (d) CHECK_OK(t, qn_glyphs_open(d, 5, &c));
    check_samples(t, c);
    if (d) glyphs_with_failing_memory(t, d);
    bool done;
    CHECK(t, qn_classify_step(c, &done) == QN_E_USAGE, "a step without a picture is refused");
    CHECK(t, qn_classify_open(&(qn_classify_desc){ 0 }, &c) == QN_E_USAGE, "no session is refused");
    qn_classify_close(c);
    qn_device_close(d);
}
