/* A session that is planned when it runs, for the sizes it is given: one run at a time, and what a caller gives is checked before any of it
 * is looked at. */
#include "far_device.h"

/* x: f32 of any rank, n: i64[1] -> y = Expand(x, n); a model as bytes, ir_version 8 and opset 17. */
static const u8 model[] = {
    0x08, 8,  0x42, 2, 0x10, 17,                                                                       /* versions */
    0x3a, 58,                                                                                          /* graph */
    0x0a, 17, 0x0a, 1, 'x',  0x0a, 1,  'n',  0x12, 1,    'y', 0x22, 6, 'E',  'x', 'p',  'a', 'n', 'd', /* node */
    0x5a, 9,  0x0a, 1, 'x',  0x12, 4,  0x0a, 2,    0x08, 1,                                            /* x */
    0x5a, 15, 0x0a, 1, 'n',  0x12, 10, 0x0a, 8,    0x08, 7,   0x12, 4, 0x0a, 2,   0x08, 1,             /* n */
    0x62, 9,  0x0a, 1, 'y',  0x12, 4,  0x0a, 2,    0x08, 1,                                            /* y */
};

static const f32 numbers[] = { 1, 2, 3, 4 };
static const i64 three = 3, six = 6;

static qn_session *open_model(test *t, qn_device *d)
{
    qn_session *s = NULL;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .bytes = { model, sizeof model } }, &s));
    return s;
}

static qn_status begin(qn_session *s, qn_tensor x, qn_tensor n, qn_ticket *ticket)
{
    const qn_named in[] = { { "x", x }, { "n", n } };
    return qn_run(s, in, 2, ticket);
}

static qn_tensor one(const f32 *data) { return (qn_tensor){ QN_F32, 1, { 1 }, data }; }
static qn_tensor size(const i64 *data) { return (qn_tensor){ QN_I64, 1, { 1 }, data }; }

/* A second run with other sizes, at every step of the first. */
static void check_one_at_a_time(test *t, qn_session *s)
{
    qn_ticket first = 0, second = 0;
    const qn_tensor *y = NULL;
    u32 refused = 0;
    CHECK_OK(t, begin(s, one(numbers + 2), size(&three), &first));
    for (bool done = false; !done && refused < 1000;) {
        qn_status status = begin(s, one(numbers), size(&six), &second);
        if (!CHECK(t, status == QN_E_USAGE, "a second run, step %u: %s", refused, qn_status_text(status))) break;
        refused++;
        qn_status polled = qn_poll(s, first, &done);
        if (!CHECK(t, polled == QN_OK, "step %u: %s", refused, qn_last_error())) break;
    }
    CHECK(t, refused > 1, "the first run was never under way");
    if (CHECK(t, qn_output_at(s, 0, &y) == QN_OK, "%s", qn_last_error()))
        CHECK(t, y->rank == 1 && y->dims[0] == 3 && ((const f32 *)y->data)[2] == 3, "the first run's answer is another");
    CHECK(t, begin(s, one(numbers), size(&six), &second) == QN_OK && qn_wait(s, second) == QN_OK, "then: %s",
          qn_last_error());
}

/* clang-format off */
static const struct {
    const char *what;
    qn_tensor x, n;
    qn_status want;
} wrong[] = {
    { "a rank past all",           { .dtype = QN_F32, .rank = 4000000, .data = numbers }, { QN_I64, 1, { 1 }, &three }, QN_E_SHAPE },
    { "another rank past all",     { QN_F32, 1, { 1 }, numbers }, { .dtype = QN_I64, .rank = 9, .data = &three },       QN_E_SHAPE },
    { "a negative size",           { QN_F32, 1, { -1 }, numbers }, { QN_I64, 1, { 1 }, &three },                        QN_E_SHAPE },
    { "a size without data",       { QN_F32, 1, { 1 }, numbers }, { QN_I64, 1, { 1 }, NULL },                           QN_E_USAGE },
    { "an input without data",     { QN_F32, 1, { 1 }, NULL }, { QN_I64, 1, { 1 }, &three },                            QN_E_USAGE },
    { "an input past all counting", { QN_F32, 2, { INT64_MAX, 4 }, NULL }, { QN_I64, 1, { 1 }, &three },                QN_E_USAGE },
};
/* clang-format on */

static void check_wrong(test *t, qn_session *s)
{
    qn_ticket ticket = 0;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        qn_status status = begin(s, wrong[i].x, wrong[i].n, &ticket);
        CHECK(t, status == wrong[i].want && qn_last_error()[0], "%s: %s", wrong[i].what, qn_status_text(status));
    }
    CHECK(t, begin(s, one(numbers), size(&three), &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK, "a right one after: %s",
          qn_last_error());
}

void test_late_plan(test *t)
{
    qn_device *d = far_device_open(t, false);
    qn_session *s = d ? open_model(t, d) : NULL;
    if (s) {
        check_wrong(t, s);
        check_one_at_a_time(t, s);
    }
    qn_session_close(s);
    far_device_close(d);
}
