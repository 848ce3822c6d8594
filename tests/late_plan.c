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

/* x: f32[4], n: i64[how many a run tells] -> y = Expand(x, n) */
static const u8 small_floats[] = {
    0x08, 8,  0x42, 2, 0x10, 17,   0x3a, 62, /* versions, graph */
    0x0a, 17, 0x0a, 1, 'x',  0x0a, 1,    'n',  0x12, 1,    'y', 0x22, 6, 'E',  'x', 'p',  'a', 'n', 'd', /* node */
    0x5a, 15, 0x0a, 1, 'x',  0x12, 10,   0x0a, 8,    0x08, 1,   0x12, 4, 0x0a, 2,   0x08, 4,             /* x */
    0x5a, 13, 0x0a, 1, 'n',  0x12, 8,    0x0a, 6,    0x08, 7,   0x12, 2, 0x0a, 0,                        /* n */
    0x62, 9,  0x0a, 1, 'y',  0x12, 4,    0x0a, 2,    0x08, 1,                                            /* y */
};

/* Inputs that fit no plan leave the next runs as they were: other floats need no plan of their own, then as before. */
static void check_plans_kept(test *t, qn_device *d)
{
    static const f32 others[] = { 5, 6, 7, 8 };
    static const i64 four = 4;
    const qn_session_desc desc = { .device = d, .bytes = { small_floats, sizeof small_floats } };
    qn_session *s = NULL;
    qn_ticket ticket = 0;
    qn_stats before = { 0 }, after = { 0 };
    const qn_tensor *y = NULL;
    if (!CHECK(t, qn_session_open(&desc, &s) == QN_OK, "%s", qn_last_error())) return;
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 0; i < 2; i++) {
            qn_tensor x = { QN_F32, 1, { 4 }, i ? others : numbers };
            qn_get_stats(s, i ? &after : &before);
            CHECK(t, begin(s, x, size(&four), &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK, "%s", qn_last_error());
            bool right = qn_output_at(s, 0, &y) == QN_OK && ((const f32 *)y->data)[3] == ((const f32 *)x.data)[3];
            CHECK(t, right, "round %u, run %u: another answer", round, i);
        }
        before = after;
        qn_get_stats(s, &after);
        CHECK(t, after.plans == before.plans, "round %u: planned for other floats", round);
        CHECK(t, begin(s, (qn_tensor){ QN_F32, 1, { 4 }, numbers }, size(&three), &ticket) == QN_E_SHAPE, "3 of 4 fit");
        const qn_pass_row *rows = NULL;
        CHECK(t, qn_passes(s, &rows) == 0, "passes of a plan that is gone");
    }
    qn_session_close(s);
}

/* x: f32[12], t: i64[3], c: bool[3] -> y = Neg(Reshape(x, Compress(t, c))): how many sizes there are only a run tells. It has two parts. */
/* clang-format off */
static const u8 in_parts[] = {
    8, 8, 58, 't', 10, 19, 10, 1, 't', 10, 1, 'c', 18, 1, 's', 34, 8, 'C', 'o', 'm', 'p', 'r', 'e', 's',
    's', 10, 18, 10, 1, 'x', 10, 1, 's', 18, 1, 'a', 34, 7, 'R', 'e', 's', 'h', 'a', 'p', 'e', 10, 11, 10,
    1, 'a', 18, 1, 'y', 34, 3, 'N', 'e', 'g', 'Z', 15, 10, 1, 'x', 18, 10, 10, 8, 8, 1, 18, 4, 10,
    2, 8, 12, 'Z', 15, 10, 1, 't', 18, 10, 10, 8, 8, 7, 18, 4, 10, 2, 8, 3, 'Z', 15, 10, 1,
    'c', 18, 10, 10, 8, 8, 9, 18, 4, 10, 2, 8, 3, 'b', 9, 10, 1, 'y', 18, 4, 10, 2, 8, 1,
    'B', 4, 10, 0, 16, 17,
};
/* clang-format on */

static const f32 twelve[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const i64 table[] = { 3, 4, 12 };

static qn_status begin_parts_with(qn_session *s, const f32 *x, const u8 *chosen, qn_ticket *ticket)
{
    const qn_named in[] = { { "x", { QN_F32, 1, { 12 }, x } },
                            { "t", { QN_I64, 1, { 3 }, table } },
                            { "c", { QN_BOOL, 1, { 3 }, chosen } } };
    return qn_run(s, in, 3, ticket);
}

static qn_status begin_parts(qn_session *s, const u8 *chosen, qn_ticket *ticket)
{
    return begin_parts_with(s, twelve, chosen, ticket);
}

static void check_answer(test *t, qn_session *s, u32 rank, const char *what)
{
    const qn_tensor *y = NULL;
    if (!CHECK(t, qn_output_at(s, 0, &y) == QN_OK, "%s: %s", what, qn_last_error())) return;
    bool right = y->rank == rank && y->dims[0] == (rank == 2 ? 3 : 12);
    for (u32 i = 0; i < 12 && right; i++) right = ((const f32 *)y->data)[i] == -twelve[i];
    CHECK(t, right, "%s: rank %u, another answer", what, y->rank);
}

/* What a run has made is given to the next, which has a plan of its own: negated twice it is as it was. */
static void check_fed_back(test *t, qn_session *s)
{
    static const u8 flat[] = { 0, 0, 1 }, picture[] = { 1, 1, 0 };
    qn_ticket ticket = 0;
    const qn_tensor *y = NULL;
    CHECK(t, begin_parts(s, flat, &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK && qn_output_at(s, 0, &y) == QN_OK, "%s",
          qn_last_error());
    if (y)
        CHECK(t, begin_parts_with(s, y->data, picture, &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK, "%s",
              qn_last_error());
    if (!y || !CHECK(t, qn_output_at(s, 0, &y) == QN_OK, "%s", qn_last_error())) return;
    CHECK(t, y->rank == 2 && memcmp(y->data, twelve, sizeof twelve) == 0, "an answer that is fed back");
}

/* clang-format off */
static const struct {
    u8 chosen[3];
    u32 rank; /* 0: it does not fit */
} parts_runs[] = { { { 1, 1, 0 }, 2 }, { { 0, 0, 1 }, 1 }, { { 0, 0, 1 }, 1 }, { { 1, 0, 0 }, 0 }, { { 1, 1, 0 }, 2 }, { { 1, 1, 1 }, 0 }, { { 0, 0, 1 }, 1 } };
/* clang-format on */

/* A run that is refused before it begins leaves the last one's answer where it is. */
static void check_refused(test *t, qn_session *s, u32 i, qn_ticket last)
{
    qn_ticket ticket = 0;
    bool done = false;
    CHECK(t, qn_run(s, &(qn_named){ "x", { QN_F32, 1, { 12 }, twelve } }, 1, &ticket) == QN_E_NAME,
          "run %u: an input is missing", i);
    check_answer(t, s, parts_runs[i].rank, "after a refused run");
    CHECK(t, qn_poll(s, last, &done) == QN_OK && done, "run %u: asked again", i);
}

static void check_parts_run(test *t, qn_session *s, u32 i)
{
    qn_ticket ticket = 0, second = 0;
    const qn_tensor *y;
    qn_stats stats = { 0 };
    qn_get_stats(s, &stats);
    const u64 plans = stats.plans;
    qn_status status = begin_parts(s, parts_runs[i].chosen, &ticket);
    for (bool done = false; status == QN_OK && !done;) {
        CHECK(t, qn_output_at(s, 0, &y) == QN_E_USAGE, "run %u: an answer of a run that is not done", i);
        CHECK(t, begin_parts(s, parts_runs[0].chosen, &second) == QN_E_USAGE, "run %u: a second one under way", i);
        status = qn_poll(s, ticket, &done);
    }
    const qn_profile_row *rows = NULL;
    const qn_host_node *nodes = NULL;
    qn_get_stats(s, &stats);
    if (parts_runs[i].rank) {
        bool launched = stats.launches == 1 && qn_profile(s, &rows) == 1 && strcmp(rows[0].op, "Neg") == 0;
        CHECK(t, launched, "run %u: %llu launches, %u rows of a profile", i, (unsigned long long)stats.launches,
              qn_profile(s, &rows));
        CHECK(t,
              stats.host_steps == 1 && qn_host_nodes(s, &nodes) == 1 && strcmp(nodes[0].op, "Compress") == 0 &&
                  qn_session_note(s, 0) && !qn_session_note(s, 1),
              "run %u: what ran on the host", i);
        if (CHECK(t, status == QN_OK, "run %u: %s", i, qn_last_error())) check_answer(t, s, parts_runs[i].rank, "in parts");
        CHECK(t, stats.plans >= plans + (i ? 0u : 2u) && stats.plans <= plans + 2, "run %u: %llu plans after %llu", i,
              (unsigned long long)stats.plans, (unsigned long long)plans);
        check_refused(t, s, i, ticket);
        return;
    }
    CHECK(t, status == QN_E_SHAPE, "run %u: %s", i, qn_status_text(status));
    CHECK(t, qn_output_at(s, 0, &y) == QN_E_USAGE, "run %u: an answer of a run that failed", i);
}

/* Each allocation failing in turn, of opening it and of a run that plans both parts. */
static void check_parts_without_memory(test *t, qn_device *d)
{
    const u8 chosen[] = { 1, 1, 0 };
    qn_status status = QN_E_NOMEM;
    for (u64 n = test_next_failure(0); status == QN_E_NOMEM && n < 100000; n = test_next_failure(n)) {
        qn_session *s = NULL;
        qn_ticket ticket = 0;
        mem_fail_at(n);
        status = qn_session_open(&(qn_session_desc){ .device = d, .bytes = { in_parts, sizeof in_parts } }, &s);
        if (status == QN_OK) status = begin_parts(s, chosen, &ticket);
        if (status == QN_OK) status = qn_wait(s, ticket);
        mem_fail_at(0);
        CHECK(t, status == QN_OK || status == QN_E_NOMEM, "allocation %llu: %s", (unsigned long long)n, qn_last_error());
        if (status == QN_OK) check_answer(t, s, 2, "with all its memory");
        if (s && status != QN_OK && begin_parts(s, chosen, &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK)
            check_answer(t, s, 2, "after a failure");
        qn_session_close(s);
    }
}

/* Of a run that fails nothing is told that the one before it did in the parts behind. */
static void check_nothing_stale(test *t, qn_session *s)
{
    const qn_profile_row *rows = NULL;
    qn_stats stats = { 0 };
    qn_ticket ticket = 0;
    CHECK(t, begin_parts(s, parts_runs[0].chosen, &ticket) == QN_OK && qn_wait(s, ticket) == QN_OK, "%s", qn_last_error());
    mem_fail_at(1);
    CHECK(t, begin_parts(s, parts_runs[0].chosen, &ticket) == QN_E_NOMEM, "a run without memory");
    mem_fail_at(0);
    qn_get_stats(s, &stats);
    CHECK(t, !stats.launches && !stats.host_steps && !stats.flops && !qn_profile(s, &rows), "%llu launches, %llu host steps",
          (unsigned long long)stats.launches, (unsigned long long)stats.host_steps);
    CHECK(t, stats.device_buffers, "what the parts hold");
}

static void check_parts(test *t, bool cannot_wait)
{
    qn_device *d = far_device_open(t, cannot_wait);
    qn_session *s = NULL;
    const qn_session_desc desc = {
        .device = d, .bytes = { in_parts, sizeof in_parts }, .stepwise = cannot_wait, .profile = true
    };
    bool open = false;
    qn_piece piece;
    if (d && CHECK(t, qn_session_open(&desc, &s) == QN_OK, "%s", qn_last_error())) {
        while (!open) CHECK_OK(t, qn_session_want(s, &piece, &open));
        for (u32 i = 0; i < COUNT(parts_runs); i++) check_parts_run(t, s, i);
        if (!cannot_wait) check_nothing_stale(t, s);
        qn_session_close(s);
    }
    if (d && !cannot_wait) check_parts_without_memory(t, d);
    far_device_close(d);
}

/* Stepwise, each part is planned in a turn of its own, also where the device is done at once. */
static void check_parts_in_turns(test *t)
{
    qn_device *d = NULL;
    qn_session *s = NULL;
    qn_ticket ticket = 0;
    if (!CHECK(t, qn_device_open("cpu", NULL, &d) == QN_OK, "%s", qn_last_error())) return;
    const qn_session_desc desc = { .device = d, .bytes = { in_parts, sizeof in_parts }, .stepwise = true };
    if (CHECK(t, qn_session_open(&desc, &s) == QN_OK, "%s", qn_last_error())) {
        const qn_tensor *y = NULL;
        CHECK_OK(t, begin_parts(s, parts_runs[0].chosen, &ticket));
        CHECK(t, qn_output_at(s, 0, &y) == QN_E_USAGE, "both parts in one turn");
        CHECK(t, qn_session_busy(s), "there is more to do at once");
        if (CHECK(t, qn_wait(s, ticket) == QN_OK, "%s", qn_last_error())) check_answer(t, s, 2, "in turns");
        check_fed_back(t, s);
    }
    qn_session_close(s);
    qn_device_close(d);
}

/* ---- many parts */

/* x: f32[24], t: i64[3], p, q: f32[3] -> a = Reshape(x, Compress(t, p > 0)); l = Reshape(Neg(a), Compress(t, q > 0)), unsqueezed sum(q) times in a
 * Loop; z = Reshape(l, [-1]) + x -> l, a, z. What p decides is behind the first part, what q decides behind the second. */
/* clang-format off */
static const u8 many_parts[] = {
    8, 9, 18, 0, 58, 140, 4, 10, 18, 10, 1, 'p', 10, 1, 'o', 18, 1, 'c', 34, 7, 'G', 'r', 'e', 'a', 't', 'e', 'r', 10, 19, 10, 1, 't', 10, 1, 'c', 18,
    1, 's', 34, 8, 'C', 'o', 'm', 'p', 'r', 'e', 's', 's', 10, 18, 10, 1, 'x', 10, 1, 's', 18, 1, 'a', 34, 7, 'R', 'e', 's', 'h', 'a', 'p', 'e', 10,
    11, 10, 1, 'a', 18, 1, 'e', 34, 3, 'N', 'e', 'g', 10, 18, 10, 1, 'q', 10, 1, 'o', 18, 1, 'd', 34, 7, 'G', 'r', 'e', 'a', 't', 'e', 'r', 10, 19,
    10, 1, 't', 10, 1, 'd', 18, 1, 'u', 34, 8, 'C', 'o', 'm', 'p', 'r', 'e', 's', 's', 10, 18, 10, 1, 'e', 10, 1, 'u', 18, 1, 'b', 34, 7, 'R', 'e',
    's', 'h', 'a', 'p', 'e', 10, 34, 10, 1, 'q', 18, 1, 'f', 34, 9, 'R', 'e', 'd', 'u', 'c', 'e', 'S', 'u', 'm', 42, 15, 10, 8, 'k', 'e', 'e', 'p',
    'd', 'i', 'm', 's', 24, 0, 160, 1, 2, 10, 23, 10, 1, 'f', 18, 1, 'm', 34, 4, 'C', 'a', 's', 't', 42, 9, 10, 2, 't', 'o', 24, 7, 160, 1, 2, 10,
    134, 1, 10, 1, 'm', 10, 0, 10, 1, 'b', 18, 1, 'l', 34, 4, 'L', 'o', 'o', 'p', 42, 's', 10, 4, 'b', 'o', 'd', 'y', 50, 'h', 10, 20, 10, 1, 'v', 10,
    1, 'k', 18, 1, 'w', 34, 9, 'U', 'n', 's', 'q', 'u', 'e', 'e', 'z', 'e', 10, 16, 10, 1, 'g', 18, 1, 'r', 34, 8, 'I', 'd', 'e', 'n', 't', 'i', 't',
    'y', 18, 1, 'B', 'Z', 11, 10, 1, 'i', 18, 6, 10, 4, 8, 7, 18, 0, 'Z', 11, 10, 1, 'g', 18, 6, 10, 4, 8, 9, 18, 0, 'Z', 9, 10, 1, 'v', 18, 4, 10, 2,
    8, 1, 'b', 11, 10, 1, 'r', 18, 6, 10, 4, 8, 9, 18, 0, 'b', 9, 10, 1, 'w', 18, 4, 10, 2, 8, 1, 160, 1, 5, 10, 18, 10, 1, 'l', 10, 1, 'j', 18, 1,
    'h', 34, 7, 'R', 'e', 's', 'h', 'a', 'p', 'e', 10, 14, 10, 1, 'h', 10, 1, 'x', 18, 1, 'z', 34, 3, 'A', 'd', 'd', 18, 1, 'G', 42, 11, 16, 1, 'B',
    1, 'o', 'J', 4, 0, 0, 0, 0, 42, 17, 8, 1, 16, 7, 'B', 1, 'k', 'J', 8, 0, 0, 0, 0, 0, 0, 0, 0, 42, 17, 8, 1, 16, 7, 'B', 1, 'j', 'J', 8, 255, 255,
    255, 255, 255, 255, 255, 255, 'Z', 15, 10, 1, 'x', 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 24, 'Z', 15, 10, 1, 't', 18, 10, 10, 8, 8, 7, 18, 4, 10,
    2, 8, 3, 'Z', 15, 10, 1, 'p', 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 3, 'Z', 15, 10, 1, 'q', 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 3, 'b', 9, 10,
    1, 'l', 18, 4, 10, 2, 8, 1, 'b', 9, 10, 1, 'a', 18, 4, 10, 2, 8, 1, 'b', 9, 10, 1, 'z', 18, 4, 10, 2, 8, 1, 'B', 4, 10, 0, 16, 19,
};
static const struct {
    f32 p[3], q[3];
    u32 rank_a, rank_l; /* 0: it does not fit */
} many_runs[] = {
    { { 1, 1, -1 }, { -1, -1, 4 }, 2, 3 }, { { 1, 1, -1 }, { -1, -1, 4 }, 2, 3 }, { { 1, 1, -1 }, { 2, 2, -1 }, 2, 5 }, { { -1, -1, 1 }, { 2, 2, -1 }, 1, 5 },
    { { -1, -1, 1 }, { 2, -1, -1 }, 1, 0 }, { { -1, -1, 1 }, { -1, -1, 2 }, 1, 1 }, { { 1, -1, -1 }, { 2, 2, -1 }, 0, 0 }, { { 1, 1, -1 }, { 2, 2, -1 }, 2, 5 },
    { { -1, -1, 1 }, { -1, -1, 2 }, 1, 1 }, { { -1, -1, 1 }, { -2, -2, 9 }, 1, 6 }, { { 1, 1, -1 }, { -2, -2, 9 }, 2, 6 },
};
/* clang-format on */
static const i64 factors[] = { 2, 12, 24 };

static qn_status run_many(qn_session *s, const f32 *x, u32 i)
{
    const qn_named in[] = { { "x", { QN_F32, 1, { 24 }, x } },
                            { "t", { QN_I64, 1, { 3 }, factors } },
                            { "p", { QN_F32, 1, { 3 }, many_runs[i].p } },
                            { "q", { QN_F32, 1, { 3 }, many_runs[i].q } } };
    qn_ticket ticket = 0;
    QN_TRY(qn_run(s, in, 4, &ticket));
    return qn_wait(s, ticket);
}

/* of: x was this times 0, 1, ... */
static void check_many(test *t, qn_session *s, u32 i, f32 of, const char *what)
{
    const qn_tensor *l = NULL, *a = NULL, *z = NULL;
    bool there = qn_output(s, "l", &l) == QN_OK && qn_output(s, "a", &a) == QN_OK && qn_output(s, "z", &z) == QN_OK;
    if (!CHECK(t, there, "%s, run %u: %s", what, i, qn_last_error())) return;
    bool right = l->rank == many_runs[i].rank_l && a->rank == many_runs[i].rank_a && z->rank == 1 && z->dims[0] == 24;
    right = right && qn_tensor_bytes(l) == 24 * sizeof(f32) && qn_tensor_bytes(a) == 24 * sizeof(f32);
    for (u32 k = 0; k < 24 && right; k++)
        right = ((const f32 *)a->data)[k] == of * (f32)k && ((const f32 *)l->data)[k] == -of * (f32)k &&
                ((const f32 *)z->data)[k] == 0;
    CHECK(t, right, "%s, run %u: rank %u and %u, or another answer", what, i, l->rank, a->rank);
}

static void check_many_run(test *t, qn_session *s, u32 i, const char *what)
{
    f32 x[24];
    for (u32 k = 0; k < 24; k++) x[k] = (f32)k;
    qn_status status = run_many(s, x, i);
    CHECK(t, (status == QN_OK) == (many_runs[i].rank_l != 0), "%s, run %u: %s", what, i, qn_last_error());
    if (status != QN_OK) return;
    check_many(t, s, i, 1, what);
    const qn_tensor *l = NULL;
    const u32 next = (i + 3) % COUNT(many_runs);
    if (!many_runs[next].rank_l || qn_output(s, "l", &l) != QN_OK) return;
    status = run_many(s, l->data, next); /* what it has made is given to one that plans parts anew */
    if (CHECK(t, status == QN_OK, "%s, run %u fed back: %s", what, i, qn_last_error())) check_many(t, s, next, -1, what);
}

/* Each allocation failing in turn, of a run that plans all parts and of one that plans some of them anew; good runs behind it. */
static void check_many_without_memory(test *t, qn_device *d, u32 first, u32 second)
{
    f32 x[24];
    for (u32 k = 0; k < 24; k++) x[k] = (f32)k;
    qn_status status = QN_E_NOMEM;
    for (u32 n = 1; status == QN_E_NOMEM && n < 100000; n += 1 + n / 40) {
        qn_session *s = NULL;
        CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .bytes = { many_parts, sizeof many_parts } }, &s));
        if (!s) return;
        if (first != second) CHECK_OK(t, run_many(s, x, first));
        mem_fail_at(n);
        status = run_many(s, x, second);
        mem_fail_at(0);
        CHECK(t, status == QN_OK || status == QN_E_NOMEM, "allocation %u: %s", n, qn_last_error());
        check_many_run(t, s, second, "after a failure");
        check_many_run(t, s, first, "after a failure");
        qn_session_close(s);
    }
    CHECK(t, status == QN_OK, "it never runs");
}

static void check_many_parts(test *t)
{
    qn_device *d = far_device_open(t, false);
    qn_session *s = NULL;
    const qn_session_desc desc = { .device = d, .bytes = { many_parts, sizeof many_parts } };
    if (d && CHECK(t, qn_session_open(&desc, &s) == QN_OK, "%s", qn_last_error())) {
        for (u32 i = 0; i < COUNT(many_runs); i++) check_many_run(t, s, i, "many parts");
        for (u32 i = 0; i < 200; i++) check_many_run(t, s, i * 7 % 11 * (i % 3 + 1) % COUNT(many_runs), "in any order");
        check_many_without_memory(t, d, 0, 0);
        check_many_without_memory(t, d, 0, 2);
        check_many_without_memory(t, d, 9, 10);
    }
    qn_session_close(s);
    far_device_close(d);
}

void test_late_plan(test *t)
{
    check_parts_in_turns(t);
    check_parts(t, false);
    check_parts(t, true);
    check_many_parts(t);
    qn_device *d = far_device_open(t, false);
    qn_session *s = d ? open_model(t, d) : NULL;
    if (s) {
        check_wrong(t, s);
        check_one_at_a_time(t, s);
    }
    qn_session_close(s);
    if (d) check_plans_kept(t, d);
    far_device_close(d);
}
