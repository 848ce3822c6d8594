/* Small real trained models that others publish, against what independent peers answered (shared models, cases.json), on each device.
 * ONNX cases with stored inputs are compared as tensors; the voice detector runs chunk by chunk with its state; the two detectors are
 * also decoded to boxes and compared in order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "run_graph.h"

enum { MAX_TENSORS = 8 };

typedef struct model_case {
    const char *name, *model;
    u32 n_in, n_out;
    qn_named in[MAX_TENSORS], out[MAX_TENSORS];
} model_case;

static const char *in_folder(arena *mem, const char *name) { return arena_print(mem, "%s/%s", test_models(), name); }

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && !strcmp(text + n - k, tail);
}

static const char *json_words(const json_value *v, const char *key)
{
    const json_value *x = json_get(v, key);
    return x && x->kind == 's' ? x->text : NULL;
}

/* ---- comparing: f32 at 1e-4 of the norm; f16 models as their notes say, at 1e-2 */

static f64 allowed(const qn_tensor *t) { return t->dtype == QN_F16 ? 1e-2 : 1e-4; }

static void check_outputs(test *t, qn_session *s, const model_case *c, const char *device)
{
    for (u32 i = 0; i < c->n_out; i++) {
        const qn_tensor *got = NULL;
        CHECK_OK(t, qn_output(s, c->out[i].name, &got));
        if (!got) continue;
        f64 error = relative_error(got, &c->out[i].tensor);
        CHECK(t, error <= allowed(got), "%s on %s: output '%s' is off by %.3g", c->name, device, c->out[i].name, error);
    }
}

static qn_status run_all(qn_session *s, const qn_named *in, size_t n)
{
    qn_ticket ticket;
    QN_TRY(qn_run(s, in, n, &ticket));
    return qn_wait(s, ticket);
}

static qn_status open_model(arena *mem, qn_device *d, const char *model, qn_session **out)
{
    return qn_session_open(&(qn_session_desc){ .device = d, .path = in_folder(mem, model) }, out);
}

static void run_in_layout(test *t, arena *mem, const model_case *c, const test_device *d, enum qn_layout layout)
{
    qn_session *s = NULL;
    qn_status status =
        qn_session_open(&(qn_session_desc){ .device = d->device, .path = in_folder(mem, c->model), .layout = layout }, &s);
    if (!CHECK(t, status == QN_OK, "%s on %s: %s", c->name, d->name, qn_last_error())) return;
    if (CHECK(t, run_all(s, c->in, c->n_in) == QN_OK, "%s on %s: %s", c->name, d->name, qn_last_error()))
        check_outputs(t, s, c, d->name);
    qn_session_close(s);
}

/* With pictures in either layout where a run is cheap, else as the device likes them. */
static void run_case(test *t, arena *mem, const model_case *c, const test_device *d)
{
    bool both = d->device->info.caps.host_memory || getenv("QUERN_FULL");
    run_in_layout(t, mem, c, d, both ? QN_LAYOUT_CHANNELS_FIRST : QN_LAYOUT_DEVICE);
    if (both && c->in[0].tensor.rank >= 3) run_in_layout(t, mem, c, d, QN_LAYOUT_CHANNELS_LAST);
}

/* ---- cases.json */

static bool load_tensors(test *t, arena *mem, const json_value *list, qn_named *out, u32 *n)
{
    for (const json_value *v = list ? list->first : NULL; v; v = v->next) {
        const char *file = json_words(v, "file");
        if (!file || !ends_with(file, ".npy") || *n == MAX_TENSORS) return false;
        out[*n].name = json_words(v, "name");
        CHECK_OK(t, qn_tensor_load(in_folder(mem, file), &out[*n].tensor));
        ++*n;
    }
    return *n > 0;
}

static void tally(const test *t, u64 failed, const char *device)
{
    test_tally *y = test_tally_of(device, "shared models");
    y->passed += t->failed == failed;
    y->failed += t->failed != failed;
}

static void run_stored(test *t, arena *mem, const json_value *v, const test_device *devices, u32 n_devices, u32 *ran)
{
    model_case c = { .name = json_words(v, "case"), .model = json_words(v, "model") };
    if (!c.model || !ends_with(c.model, ".onnx")) return;
    if (load_tensors(t, mem, json_get(v, "inputs"), c.in, &c.n_in) && /* the others are pictures: tests/cli.py */
        load_tensors(t, mem, json_get(v, "outputs"), c.out, &c.n_out))
        for (u32 d = 0; d < n_devices; d++) {
            bool interpreted = !strcmp(devices[d].name, "interpreter") || !strcmp(devices[d].name, "reversed");
            u64 failed = t->failed;
            if (interpreted && c.in[0].tensor.rank == 4) {
                SKIP(t, "%s on %s: a picture takes the interpreter minutes", c.name, devices[d].name);
                test_tally_skip(test_tally_of(devices[d].name, "shared models"), "a picture takes the interpreter minutes",
                                1);
                continue;
            }
            run_case(t, mem, &c, &devices[d]), *ran += 1;
            tally(t, failed, devices[d].name);
        }
    for (u32 i = 0; i < c.n_in; i++) qn_tensor_free(&c.in[i].tensor);
    for (u32 i = 0; i < c.n_out; i++) qn_tensor_free(&c.out[i].tensor);
}

/* ---- Silero VAD: 64 samples of the chunk before and 512 new ones, and a state that goes round */

static f32 *wav_samples(arena *mem, const file_map *f, u32 *n)
{
    cursor c = cursor_of(f->bytes);
    cursor_take(&c, 12); /* RIFF, size, WAVE */
    u32 kind = cursor_u32(&c), bytes = cursor_u32(&c);
    while (!c.bad && kind != 0x61746164) { /* "data" */
        cursor_take(&c, bytes);
        kind = cursor_u32(&c), bytes = cursor_u32(&c);
    }
    *n = (u32)(MIN(bytes, cursor_left(&c)) / 2);
    f32 *x = ARENA_ARRAY(mem, *n + 1024, f32);
    for (u32 i = 0; x && i < *n; i++) x[i] = (f32)(i16)cursor_u16(&c) / 32768.0f;
    return x;
}

static void run_voice(test *t, arena *mem, const test_device *d, u32 chunks)
{
    file_map wav = { 0 };
    qn_tensor want = { 0 };
    qn_session *s = NULL;
    CHECK_OK(t, file_map_open(in_folder(mem, "speech/jfk.wav"), &wav));
    CHECK_OK(t, qn_tensor_load(in_folder(mem, "expected/silero_vad_jfk.out.prob_per_512.npy"), &want));
    qn_status status = open_model(mem, d->device, "vad/silero_vad.onnx", &s);
    if (CHECK(t, status == QN_OK && want.data && wav.bytes.n, "silero on %s: %s", d->name, qn_last_error())) {
        u32 n;
        f32 *x = wav_samples(mem, &wav, &n), chunk[576] = { 0 }, state[256] = { 0 };
        i64 rate = 16000;
        for (u32 k = 0; k < chunks && k < want.dims[0] && (k + 1) * 512 <= n && x; k++) {
            memmove(chunk, chunk + 512, 64 * sizeof *chunk);
            memcpy(chunk + 64, x + k * 512, 512 * sizeof *chunk);
            qn_named in[] = { { "input", { QN_F32, 2, { 1, 576 }, chunk } },
                              { "state", { QN_F32, 3, { 2, 1, 128 }, state } },
                              { "sr", { QN_I64, 0, { 0 }, &rate } } };
            const qn_tensor *p = NULL, *next = NULL;
            if (!CHECK(t,
                       run_all(s, in, 3) == QN_OK && qn_output_at(s, 0, &p) == QN_OK && qn_output_at(s, 1, &next) == QN_OK,
                       "silero on %s, chunk %u: %s", d->name, k, qn_last_error()))
                break;
            memcpy(state, next->data, sizeof state);
            f64 off = fabs((f64)(*(const f32 *)p->data - ((const f32 *)want.data)[k]));
            if (!CHECK(t, off < 1e-3, "silero on %s, chunk %u: %g, the peer says %g", d->name, k,
                       (f64) * (const f32 *)p->data, (f64)((const f32 *)want.data)[k]))
                break;
        }
    }
    qn_session_close(s);
    qn_tensor_free(&want);
    file_map_close(&wav);
}

/* ---- boxes */

typedef struct box {
    f32 x0, y0, x1, y1, score;
    int kind;
} box;

static f32 overlap(const box *a, const box *b)
{
    f32 w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0), h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    f32 both = w > 0 && h > 0 ? w * h : 0;
    f32 all = (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0) - both;
    return all > 0 ? both / all : 0;
}

static int better_first(const void *a, const void *b)
{
    f32 x = ((const box *)a)->score, y = ((const box *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

static u32 suppress(box *boxes, u32 n, f32 most)
{
    qsort(boxes, n, sizeof *boxes, better_first);
    u32 kept = 0;
    for (u32 i = 0; i < n; i++) {
        bool good = true;
        for (u32 k = 0; k < kept && good; k++) good = boxes[k].kind != boxes[i].kind || overlap(&boxes[k], &boxes[i]) < most;
        if (good) boxes[kept++] = boxes[i];
    }
    return kept;
}

/* YOLOX: rows of cx cy w h objectness 80 classes, on grids of stride 8, 16, 32; the picture was scaled to fit 416. */
static u32 yolox_boxes(const qn_tensor *y, box *out, u32 most)
{
    const f32 *row = y->data;
    u32 n = 0;
    for (int stride = 8; stride <= 32; stride *= 2)
        for (int gy = 0; gy < 416 / stride; gy++)
            for (int gx = 0; gx < 416 / stride; gx++, row += 85) {
                int kind = 0;
                for (int k = 1; k < 80; k++)
                    if (row[5 + k] > row[5 + kind]) kind = k;
                f32 score = row[4] * row[5 + kind], s = (f32)stride, scale = 512.0f / 416.0f;
                f32 cx = (row[0] + (f32)gx) * s * scale, cy = (row[1] + (f32)gy) * s * scale, w = expf(row[2]) * s * scale,
                    h = expf(row[3]) * s * scale;
                if (score > 0.3f && n < most)
                    out[n++] = (box){ cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, kind };
            }
    return suppress(out, n, 0.45f);
}

static u32 face_boxes(const qn_tensor *scores, const qn_tensor *boxes, box *out, u32 most)
{
    const f32 *s = scores->data, *b = boxes->data;
    u32 n = 0;
    for (i64 i = 0; i < scores->dims[1]; i++)
        if (s[2 * i + 1] > 0.7f && n < most)
            out[n++] = (box){ b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3], s[2 * i + 1], 1 };
    return suppress(out, n, 0.3f);
}

static void check_box(test *t, const box *got, const box *want, f32 tolerance, const char *what, const char *device)
{
    bool near = fabsf(got->x0 - want->x0) <= tolerance && fabsf(got->y0 - want->y0) <= tolerance &&
                fabsf(got->x1 - want->x1) <= tolerance && fabsf(got->y1 - want->y1) <= tolerance &&
                fabsf(got->score - want->score) <= 0.01f && got->kind == want->kind;
    CHECK(t, near, "%s on %s: kind %d at %.1f %.1f %.1f %.1f with %.3f", what, device, got->kind, (f64)got->x0, (f64)got->y0,
          (f64)got->x1, (f64)got->y1, (f64)got->score);
}

static qn_status run_one_input(arena *mem, qn_device *d, const char *model, const char *name, const char *file,
                               qn_session **out)
{
    qn_named in = { .name = name };
    QN_TRY(qn_tensor_load(in_folder(mem, file), &in.tensor));
    qn_status s = open_model(mem, d, model, out);
    if (s == QN_OK) s = run_all(*out, &in, 1);
    qn_tensor_free(&in.tensor);
    return s;
}

static void run_boxes(test *t, arena *mem, const test_device *d)
{
    static const box dogs[] = { { 109.4f, 34.7f, 255.5f, 296.5f, 0.903f, 16 },
                                { 344.4f, 173.6f, 496.4f, 368.0f, 0.843f, 16 } };
    static const box face = { 0.485f, 0.148f, 0.658f, 0.445f, 1.0f, 1 };
    box found[512];
    qn_session *s = NULL;
    const qn_tensor *a = NULL, *b = NULL;
    if (CHECK(t,
              run_one_input(mem, d->device, "detect/yolox_nano.onnx", "images",
                            "expected/yolox_nano_onnx_pets.in.images.npy", &s) == QN_OK &&
                  qn_output_at(s, 0, &a) == QN_OK,
              "yolox on %s: %s", d->name, qn_last_error())) {
        u32 n = yolox_boxes(a, found, COUNT(found));
        if (CHECK(t, n == COUNT(dogs), "yolox on %s: %u boxes", d->name, n))
            for (u32 i = 0; i < n; i++) check_box(t, &found[i], &dogs[i], 1.0f, "yolox", d->name);
    }
    qn_session_close(s);
    s = NULL;
    if (CHECK(t,
              run_one_input(mem, d->device, "face/version-slim-320.onnx", "input",
                            "expected/version-RFB-320_ulf5.in.input.npy", &s) == QN_OK &&
                  qn_output(s, "scores", &a) == QN_OK && qn_output(s, "boxes", &b) == QN_OK,
              "faces on %s: %s", d->name, qn_last_error())) {
        u32 n = face_boxes(a, b, found, COUNT(found));
        if (CHECK(t, n == 1, "faces on %s: %u boxes", d->name, n)) check_box(t, &found[0], &face, 0.005f, "faces", d->name);
    }
    qn_session_close(s);
}

void test_models_shared(test *t)
{
    if (!test_models()) {
        SKIP(t, "no shared models (QUERN_MODELS)");
        return;
    }
    arena *mem = arena_make();
    file_map f = { 0 };
    json_value *cases = NULL;
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    u32 ran = 0;
    CHECK_OK(t, file_map_open(in_folder(mem, "cases.json"), &f));
    CHECK_OK(t, json_read(mem, f.bytes, &cases));
    for (const json_value *v = cases ? cases->first : NULL; v; v = v->next) run_stored(t, mem, v, devices, n, &ran);
    CHECK(t, ran >= 8, "only %u cases with stored inputs were found in cases.json", ran);
    for (u32 d = 0; d < n; d++) {
        bool whole = !strcmp(devices[d].name, "cpu") || strcmp(devices[d].device->info.kind, "cpu") != 0;
        u64 failed = t->failed;
        run_voice(t, mem, &devices[d], !strcmp(devices[d].name, "cpu") ? 400 : whole ? 40 : 2);
        if (whole) run_boxes(t, mem, &devices[d]);
        tally(t, failed, devices[d].name);
    }
    file_map_close(&f);
    arena_free(mem);
}
