/* Picture -> classes: the picture becomes the model's input, its scores become probabilities, the best are named.
 *
 *     start: picture -> tensor -> qn_run     step: qn_poll; when done: scores -> softmax where needed -> top
 *
 * Scores that already are a distribution (not negative, sum 1) are taken as they are; all others go through softmax. */
#include <math.h>

#include "pipeline/pipeline.h"

enum { DEFAULT_TOP = 5, MAX_CLASSES = 1 << 20 };

struct qn_classify {
    qn_session *session, *owned; /* owned: closed with this */
    qn_image_prep prep;
    const qn_labels *labels;
    qn_labels *own_labels;
    const char *output;
    qn_status (*to_tensor)(void *user, const qn_image *im, qn_tensor *out);
    void *user;
    const qn_value_info *input;
    qn_tensor tensor; /* lent to the run */
    qn_ticket ticket;
    bool running, softmaxed;
    qn_class *top;
    u32 n_top, max_top;
};

static f64 score_at(const qn_tensor *t, u64 i)
{
    const void *data = t->data;
    switch (t->dtype) {
    case QN_F32: return (f64)((const f32 *)data)[i];
    case QN_F64: return ((const f64 *)data)[i];
    case QN_F16: return (f64)f16_to_f32(((const u16 *)data)[i]);
    case QN_BF16: return (f64)bf16_to_f32(((const u16 *)data)[i]);
    case QN_U8: return ((const u8 *)data)[i] / 256.0; /* the quantization that classifiers end in: scale 1/256 */
    case QN_I8: return (((const i8 *)data)[i] + 128) / 256.0;
    default: return (f64)NAN;
    }
}

static bool is_score_type(qn_dtype d) { return (d >= QN_F32 && d <= QN_F64) || d == QN_U8 || d == QN_I8; }

/* A list: one dimension has the classes, the others are 1. */
static bool is_scores(const qn_tensor *t)
{
    u64 n = qn_tensor_elems(t);
    bool is_list = true;
    for (u32 d = 0; d < t->rank; d++) is_list = is_list && (t->dims[d] == 1 || (u64)t->dims[d] == n);
    return is_list && is_score_type(t->dtype) && n >= 2 && n <= MAX_CLASSES;
}

/* The same of a declaration: sizes that it leaves open may be 1. */
static bool may_be_scores(const qn_value_info *v)
{
    u32 longer = 0, open = 0;
    for (u32 d = 0; d < v->rank; d++) longer += v->dims[d] > 1 || v->dims[d] == 0, open += v->dims[d] < 0;
    return is_score_type(v->dtype) && (!v->rank_known || longer == 1 || (longer == 0 && open > 0));
}

static qn_status check_outputs(const qn_classify *c)
{
    u32 n = qn_output_count(c->session);
    for (u32 i = 0; i < n; i++) {
        const qn_value_info *v = qn_output_info(c->session, i);
        if ((!c->output || text_same(v->name, c->output)) && may_be_scores(v)) return QN_OK;
    }
    return fail(QN_E_UNSUPPORTED,
                "the model is no classifier: none of its outputs is a list of scores, one dimension of classes");
}

static qn_status find_scores(const qn_classify *c, const qn_tensor **out)
{
    if (c->output) {
        QN_TRY(qn_output(c->session, c->output, out));
        if (is_scores(*out)) return QN_OK;
        return fail(QN_E_UNSUPPORTED, "output '%s' is not a list of scores", c->output);
    }
    for (u32 i = 0; i < qn_output_count(c->session); i++)
        if (qn_output_at(c->session, i, out) == QN_OK && is_scores(*out)) return QN_OK;
    return fail(QN_E_UNSUPPORTED,
                "the model is no classifier: no output came as a list of scores, one dimension of classes");
}

/* Labels start at class 0, unless exactly one side counts a background class in front. */
static qn_status label_offset(const qn_classify *c, u64 classes, i64 *out)
{
    u64 n = qn_labels_count(c->labels);
    *out = 0;
    if (n == 0 || n == classes) return QN_OK;
    const char *first = qn_label(c->labels, 0);
    if (n == classes + 1 && (text_same(first, "background") || text_same(first, "dummy"))) *out = 1;
    else if (n + 1 == classes) *out = -1;
    else
        return fail(QN_E_SHAPE, "the model has %llu classes, the labels are %llu", (unsigned long long)classes,
                    (unsigned long long)n);
    return QN_OK;
}

static const char *label_of(const qn_classify *c, u32 index, i64 offset)
{
    i64 at = index + offset;
    return at < 0 ? "background" : qn_label(c->labels, (u32)at);
}

/* The largest scores, best first; equal ones in the order of their classes. */
static void pick_top(qn_classify *c, const qn_tensor *t)
{
    u64 n = qn_tensor_elems(t);
    c->n_top = 0;
    for (u32 i = 0; i < n; i++) {
        f32 score = (f32)score_at(t, i);
        u32 at = c->n_top;
        while (at > 0 && c->top[at - 1].probability < score) at--;
        if (at == c->max_top) continue;
        if (c->n_top < c->max_top) c->n_top++;
        memmove(c->top + at + 1, c->top + at, (c->n_top - 1 - at) * sizeof *c->top);
        c->top[at] = (qn_class){ i, score, NULL };
    }
}

static void name_top(qn_classify *c, const qn_tensor *t, f64 highest, f64 sum, i64 offset)
{
    for (u32 i = 0; i < c->n_top; i++) {
        qn_class *k = &c->top[i];
        if (c->softmaxed) k->probability = (f32)(exp(score_at(t, k->index) - highest) / sum);
        if (c->labels) k->label = label_of(c, k->index, offset);
    }
}

static qn_status take_answer(qn_classify *c)
{
    const qn_tensor *t;
    QN_TRY(find_scores(c, &t));
    u64 n = qn_tensor_elems(t);
    i64 offset;
    QN_TRY(label_offset(c, n, &offset));
    f64 lowest = score_at(t, 0), highest = lowest, sum = 0, exps = 0;
    for (u64 i = 0; i < n; i++) {
        f64 v = score_at(t, i);
        if (isnan(v)) return fail(QN_E_DATA, "the model's answer holds NaN, at class %llu", (unsigned long long)i);
        lowest = MIN(lowest, v), highest = MAX(highest, v), sum += v;
    }
    f64 slack = qn_dtype_bytes(t->dtype) < 4 ? 0.03 : 1e-3;
    c->softmaxed = lowest < 0 || fabs(sum - 1) > slack;
    for (u64 i = 0; i < n; i++) exps += exp(score_at(t, i) - highest);
    pick_top(c, t);
    name_top(c, t, highest, exps, offset);
    return QN_OK;
}

/* ---- the steps */
static qn_status with_prep(void *user, const qn_image *im, qn_tensor *out) { return qn_image_to_tensor(im, user, out); }

static qn_status find_input(qn_classify *c)
{
    if (qn_input_count(c->session) != 1)
        return fail(QN_E_UNSUPPORTED, "the model is no classifier of pictures: it has %u inputs, not one",
                    qn_input_count(c->session));
    c->input = qn_input_info(c->session, 0);
    return QN_OK;
}

static qn_status set_up(qn_classify *c, const qn_classify_desc *desc)
{
    QN_TRY(find_input(c));
    QN_TRY(check_outputs(c));
    if (!desc->to_tensor) {
        if (desc->prep) c->prep = *desc->prep;
        else QN_TRY(qn_image_prep_guess(c->session, NULL, &c->prep, NULL));
        c->to_tensor = with_prep;
        c->user = &c->prep;
    }
    const char *names = desc->labels ? NULL : qn_metadata(c->session, "labels");
    if (names) {
        QN_TRY(qn_labels_read((qn_bytes){ names, strlen(names) }, &c->own_labels));
        c->labels = c->own_labels;
    }
    c->top = mem_alloc(c->max_top * sizeof *c->top);
    return c->top ? QN_OK : fail_nomem(c->max_top * sizeof *c->top);
}

qn_status qn_classify_open(const qn_classify_desc *desc, qn_classify **out)
{
    if (!desc || !desc->session || !out) return fail(QN_E_USAGE, "qn_classify_open: a session and out are needed");
    qn_classify *c = mem_zalloc(sizeof *c);
    if (!c) return fail_nomem(sizeof *c);
    c->session = desc->session;
    c->labels = desc->labels;
    c->output = desc->output;
    c->to_tensor = desc->to_tensor;
    c->user = desc->user;
    c->max_top = desc->top ? MIN(desc->top, (u32)MAX_CLASSES) : DEFAULT_TOP;
    qn_status s = set_up(c, desc);
    if (s != QN_OK) qn_classify_close(c);
    else *out = c;
    return s;
}

void classify_own_session(qn_classify *c, qn_session *s) { c->owned = s; }
qn_session *qn_classify_session(const qn_classify *c) { return c ? c->session : NULL; }

qn_status qn_classify_start(qn_classify *c, const qn_image *im)
{
    if (!c || !im) return fail(QN_E_USAGE, "qn_classify_start: a classifier and a picture are needed");
    if (c->running) return fail(QN_E_USAGE, "qn_classify_start: the picture before is not done");
    qn_tensor_free(&c->tensor);
    c->n_top = 0;
    QN_TRY(c->to_tensor(c->user, im, &c->tensor));
    if (c->input->rank_known && c->input->rank == 3 && c->tensor.rank == 4) { /* no batch */
        memmove(c->tensor.dims, c->tensor.dims + 1, 3 * sizeof c->tensor.dims[0]);
        c->tensor.rank = 3;
    }
    qn_named in = { c->input->name, c->tensor };
    QN_TRY(qn_run(c->session, &in, 1, &c->ticket));
    c->running = true;
    return QN_OK;
}

qn_status qn_classify_step(qn_classify *c, bool *done)
{
    if (!c || !done) return fail(QN_E_USAGE, "qn_classify_step: a classifier and done are needed");
    if (!c->running) return fail(QN_E_USAGE, "qn_classify_step: no picture was started");
    bool ran = false;
    qn_status s = qn_poll(c->session, c->ticket, &ran);
    if (s == QN_OK && ran) s = take_answer(c);
    if (s != QN_OK || ran) c->running = false;
    if (s == QN_OK) *done = ran;
    return s;
}

qn_status qn_classify_wait(qn_classify *c)
{
    if (!c || !c->running) return fail(QN_E_USAGE, "qn_classify_wait: no picture was started");
    qn_status s = qn_wait(c->session, c->ticket);
    c->running = false;
    return s == QN_OK ? take_answer(c) : s;
}

const qn_class *qn_classify_top(const qn_classify *c, uint32_t *n, bool *softmaxed)
{
    if (n) *n = c ? c->n_top : 0;
    if (softmaxed) *softmaxed = c && c->softmaxed;
    return c ? c->top : NULL;
}

void qn_classify_close(qn_classify *c)
{
    if (!c) return;
    qn_session_close(c->owned); /* before its input goes */
    qn_tensor_free(&c->tensor);
    qn_labels_free(c->own_labels);
    mem_free(c->top);
    mem_free(c);
}
