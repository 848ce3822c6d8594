/* Models whose files come in pieces: a file that exists nowhere as a whole is made up byte by byte as it is asked for, and the answers are those of
 * the same file opened whole. What is counted: how much was asked for, how often, and how much of the host's memory it took. */
#include <stdio.h>

#include "leaks.h"
#include "run_graph.h"

/* ---- a file of parts: bytes that are written down, and elements that are computed when they are read */

enum { MOST_PARTS = 64, FLOAT_BYTES = 4 };

typedef struct part {
    str text;
    u64 elems; /* f32, instead of text */
    u32 seed;
} part;

typedef enum order { GRAPH_LAST, GRAPH_FIRST, NOTES_FIRST } order; /* of a model's fields, which may come in any */

typedef struct made_file {
    order order;
    part parts[MOST_PARTS];
    u32 n;
    str graph_end; /* nodes, inputs and outputs */
    u64 asked, highest;
    u32 asked_beside; /* pieces of the file beside it */
} made_file;

static const i64 beside[] = { 3, 8 }; /* that file, "sizes.bin" */

static f32 element(u64 i, u32 seed) { return (f32)((i * 7919 + seed * 104729u) % 17) / 64 - 0.125f; }

static void varint(str *to, u64 v)
{
    do {
        char byte = (char)((v & 0x7f) | (v >> 7 ? 0x80 : 0));
        str_add_n(to, &byte, 1);
    } while (v >>= 7);
}

static void number(str *to, u32 field, u64 v) { varint(to, (u64)field << 3), varint(to, v); }

static void head(str *to, u32 field, u64 n) { varint(to, (u64)field << 3 | 2), varint(to, n); }

static void block(str *to, u32 field, const char *data, size_t n) { head(to, field, n), str_add_n(to, data, n); }

static void words(str *to, u32 field, const char *text) { block(to, field, text, strlen(text)); }

static void message(str *to, u32 field, str *from)
{
    block(to, field, from->text, from->n), str_free(from), *from = (str){ 0 };
}

/* names: separated by blanks */
static void each_name(str *to, u32 field, const char *names)
{
    for (size_t n; *names; names += n + (names[n] != 0)) {
        n = strcspn(names, " ");
        block(to, field, names, n);
    }
}

static void add_node(made_file *f, const char *op, const char *in, const char *out)
{
    str made = { 0 };
    each_name(&made, 1, in), each_name(&made, 2, out), words(&made, 4, op);
    message(&f->graph_end, 1, &made);
}

static void add_value(made_file *f, u32 field, const char *name, u32 rank, const u64 *dims)
{
    str shape = { 0 }, tensor = { 0 }, kind = { 0 }, info = { 0 };
    for (u32 i = 0; i < rank; i++) {
        str dim = { 0 };
        number(&dim, 1, dims[i]);
        message(&shape, 1, &dim);
    }
    number(&tensor, 1, 1);
    message(&tensor, 2, &shape);
    message(&kind, 1, &tensor);
    words(&info, 1, name);
    message(&info, 2, &kind);
    message(&f->graph_end, field, &info);
}

/* Outputs without a type, which inference knows. */
static void each_output(made_file *f, const char *names)
{
    for (size_t n; *names; names += n + (names[n] != 0)) {
        str info = { 0 };
        n = strcspn(names, " ");
        block(&info, 1, names, n);
        message(&f->graph_end, 12, &info);
    }
}

static part *add_part(made_file *f) { return &f->parts[f->n++]; }

/* Messages around elements that come later: those of all that is inside are counted in their heads. */
typedef struct around {
    str before, after;
} around;

/* What is there becomes one field, with these fields before and after it. */
static void wrap(around *a, u64 elems, u32 field, str *before, str *after)
{
    head(before, field, a->before.n + elems * FLOAT_BYTES + a->after.n);
    str_add_n(before, a->before.text, a->before.n), str_add_n(&a->after, after->text, after->n);
    str_free(&a->before), str_free(after);
    a->before = *before;
    *before = *after = (str){ 0 };
}

/* field: 9 raw_data, 4 float_data. */
static around tensor_around(const char *name, u32 rank, const u64 *dims, u32 field, u64 *elems)
{
    around a = { 0 };
    *elems = 1;
    for (u32 i = 0; i < rank; i++) number(&a.before, 1, dims[i]), *elems *= dims[i];
    number(&a.before, 2, 1);
    words(&a.before, 8, name);
    head(&a.before, field, *elems * FLOAT_BYTES);
    return a;
}

/* a.before, elements, a.after become parts of the file. */
static void add_around(made_file *f, around *a, u64 elems, u32 seed)
{
    add_part(f)->text = a->before;
    *add_part(f) = (part){ .elems = elems, .seed = seed };
    if (a->after.n) add_part(f)->text = a->after;
    else str_free(&a->after);
}

static void add_weight(made_file *f, const char *name, u32 rank, const u64 *dims, u32 seed, u32 field)
{
    u64 elems;
    str before = { 0 }, after = { 0 };
    around a = tensor_around(name, rank, dims, field, &elems);
    wrap(&a, elems, 5, &before, &after);
    add_around(f, &a, elems, seed);
}

/* The NodeProto of a Constant, as field 1 of a graph. */
static around constant_around(const char *name, u32 rank, const u64 *dims, u32 field, u64 *elems)
{
    str before = { 0 }, after = { 0 };
    around a = tensor_around("", rank, dims, field, elems);
    words(&before, 1, "value"), number(&after, 20, 4); /* of the attribute */
    wrap(&a, *elems, 5, &before, &after);
    words(&before, 2, name), words(&before, 4, "Constant");
    wrap(&a, *elems, 5, &before, &after);
    wrap(&a, *elems, 1, &before, &after);
    return a;
}

static void add_constant(made_file *f, const char *name, u32 rank, const u64 *dims, u32 seed, u32 field)
{
    u64 elems;
    around a = constant_around(name, rank, dims, field, &elems);
    add_around(f, &a, elems, seed);
}

/* out = If(when): a Constant of these elements, else -x. */
static void add_choice(made_file *f, const char *when, const char *out, u32 rank, const u64 *dims, u32 seed)
{
    u64 elems;
    str before = { 0 }, after = { 0 }, negation = { 0 }, body = { 0 }, other = { 0 };
    around a = constant_around("c", rank, dims, 9, &elems);
    words(&body, 1, "c"), message(&a.after, 12, &body); /* the branch's output, behind its node */
    words(&before, 1, "then_branch"), number(&after, 20, 5);
    wrap(&a, elems, 6, &before, &after);
    words(&negation, 1, "x"), words(&negation, 2, "e"), words(&negation, 4, "Neg");
    message(&body, 1, &negation);
    words(&negation, 1, "e"), message(&body, 12, &negation);
    words(&other, 1, "else_branch"), message(&other, 6, &body), number(&other, 20, 5);
    words(&before, 1, when), words(&before, 2, out), words(&before, 4, "If");
    message(&after, 5, &other);
    wrap(&a, elems, 5, &before, &after);
    wrap(&a, elems, 1, &before, &after);
    add_around(f, &a, elems, seed);
}

/* i64[2], all of the file beside. */
static void add_outside(made_file *f, const char *name)
{
    str tensor = { 0 }, place = { 0 };
    number(&tensor, 1, COUNT(beside)), number(&tensor, 2, 7);
    words(&tensor, 8, name);
    words(&place, 1, "location"), words(&place, 2, "sizes.bin");
    message(&tensor, 13, &place);
    number(&tensor, 14, 1);
    message(&f->graph_end, 5, &tensor);
}

static u64 part_bytes(const part *p) { return p->elems ? p->elems * FLOAT_BYTES : p->text.n; }

/* The graph's own head comes first, once its parts are known. */
static void begin_file(made_file *f) { *f = (made_file){ .n = 1 }; }

static void end_file(made_file *f)
{
    u64 inside = 0;
    add_part(f)->text = f->graph_end;
    for (u32 i = 1; i < f->n; i++) inside += part_bytes(&f->parts[i]);
    str opset = { 0 }, *first = &f->parts[0].text, *versions = first;
    static char notes[100 << 10];
    if (f->order == NOTES_FIRST) block(first, 6, (const char *)memset(notes, '.', sizeof notes), sizeof notes);
    if (f->order == GRAPH_FIRST) versions = &add_part(f)->text;
    number(versions, 1, 8);
    number(&opset, 2, 18);
    message(versions, 8, &opset);
    head(first, 7, inside);
}

static void drop_file(made_file *f)
{
    for (u32 i = 0; i < f->n; i++) str_free(&f->parts[i].text);
}

static u64 file_bytes(const made_file *f)
{
    u64 n = 0;
    for (u32 i = 0; i < f->n; i++) n += part_bytes(&f->parts[i]);
    return n;
}

static u8 byte_of(const part *p, u64 at)
{
    if (!p->elems) return (u8)p->text.text[at];
    f32 v = element(at / FLOAT_BYTES, p->seed);
    u8 bytes[FLOAT_BYTES];
    memcpy(bytes, &v, sizeof v);
    return bytes[at % FLOAT_BYTES];
}

/* From `at` on, at most n bytes; gives how many. */
static u64 read_part(const part *p, u64 at, u8 *to, u64 n)
{
    u64 i = 0, left = MIN(n, part_bytes(p) - at);
    while (i < left)
        if (p->elems && (at + i) % FLOAT_BYTES == 0 && left - i >= FLOAT_BYTES) {
            f32 v = element((at + i) / FLOAT_BYTES, p->seed);
            memcpy(to + i, &v, sizeof v);
            i += FLOAT_BYTES;
        } else to[i] = byte_of(p, at + i), i++;
    return left;
}

static void read_file(made_file *f, u64 at, u8 *to, u64 n)
{
    f->asked += n, f->highest = MAX(f->highest, n);
    for (u32 i = 0; i < f->n && n; i++) {
        u64 bytes = part_bytes(&f->parts[i]);
        u64 took = at < bytes ? read_part(&f->parts[i], at, to, n) : 0;
        to += took, n -= took;
        at = at + took - bytes;
    }
}

/* ---- opening */

static qn_status open_in_pieces(made_file *f, qn_device *d, u64 bytes, qn_session **out)
{
    qn_session *s = NULL;
    static u8 room[4 << 20];
    const qn_session_desc desc = { .device = d, .piecewise = bytes };
    QN_TRY(qn_session_open(&desc, &s));
    qn_status status = QN_OK;
    for (bool open = false; status == QN_OK && !open;) {
        qn_piece p = { 0 };
        status = qn_session_want(s, &p, &open);
        if (status != QN_OK || !p.bytes) continue;
        if (p.bytes > sizeof room) status = fail(QN_E_BUG, "a piece of %llu bytes", (unsigned long long)p.bytes);
        else {
            if (!p.file) read_file(f, p.at, room, p.bytes);
            else if (strcmp(p.file, "sizes.bin") == 0 && p.at + p.bytes <= sizeof beside)
                memcpy(room, (const u8 *)beside + p.at, (size_t)p.bytes), f->asked_beside++;
            status = qn_session_give(s, room);
        }
    }
    if (status == QN_OK) *out = s;
    else qn_session_close(s);
    return status;
}

static qn_status open_whole(made_file *f, qn_device *d, u8 **bytes, qn_session **out)
{
    u64 n = file_bytes(f);
    *bytes = mem_alloc(n);
    if (!*bytes) return fail_nomem(n);
    read_file(f, 0, *bytes, n);
    return qn_session_open(&(qn_session_desc){ .device = d, .bytes = { *bytes, (size_t)n } }, out);
}

static qn_status run_once(qn_session *s, const qn_named *in)
{
    qn_ticket ticket;
    QN_TRY(qn_run(s, in, 1, &ticket));
    return qn_wait(s, ticket);
}

/* Are all outputs of the last runs the same, bit for bit? */
static bool same_outputs(qn_session *a, qn_session *b)
{
    for (u32 i = 0; i < qn_output_count(a); i++) {
        const qn_tensor *x, *y;
        if (qn_output_at(a, i, &x) != QN_OK || qn_output_at(b, i, &y) != QN_OK) return false;
        u64 n = qn_tensor_bytes(x);
        if (n == 0 || n != qn_tensor_bytes(y) || memcmp(x->data, y->data, (size_t)n)) return false;
    }
    return true;
}

/* ---- the same answers */

typedef struct model_case {
    const char *name;
    void (*make)(made_file *f, u64 *rank, u64 *dims);
    order order;
} model_case;

#define DIMS(...)                                                                                                           \
    (const u64[]) { __VA_ARGS__ }

static void make_product(made_file *f, u64 *rank, u64 *dims)
{
    add_weight(f, "w", 2, DIMS(96, 1600), 1, 9);
    add_weight(f, "b", 1, DIMS(1600), 2, 9);
    add_weight(f, "v", 2, DIMS(1600, 64), 3, 4);
    add_node(f, "MatMul", "x w", "p"), add_node(f, "Add", "p b", "q"), add_node(f, "MatMul", "q v", "y");
    *rank = 2, dims[0] = 5, dims[1] = 96;
    each_output(f, "y");
}

static void make_convolution(made_file *f, u64 *rank, u64 *dims)
{
    add_weight(f, "w", 4, DIMS(64, 32, 3, 3), 1, 9);
    for (u32 i = 0; i < 4; i++) add_weight(f, (const char *[]){ "scale", "shift", "mean", "var" }[i], 1, DIMS(64), 7 * i, 9);
    add_weight(f, "two", 1, DIMS(1), 16, 9);
    add_node(f, "Conv", "x w", "p"), add_node(f, "Abs", "var", "positive"), add_node(f, "Add", "positive two", "v");
    add_node(f, "BatchNormalization", "p scale shift mean v", "y");
    *rank = 4, dims[0] = 1, dims[1] = 32, dims[2] = dims[3] = 7;
    each_output(f, "y");
}

/* One weight is read by a node, by another whose result's size it decides, and is an output; all are seen in other shapes too. */
static void make_odd_uses(made_file *f, u64 *rank, u64 *dims)
{
    add_weight(f, "w", 2, DIMS(100, 100), 1, 9);
    add_node(f, "Add", "x w", "y"), add_node(f, "NonZero", "w", "places"), add_node(f, "Flatten", "w", "flat");
    add_node(f, "Mul", "y flat", "z"), add_node(f, "Identity", "w", "same");
    *rank = 2, dims[0] = dims[1] = 100;
    each_output(f, "y places z same");
}

/* A weight under a shape that is known only once constants are folded. */
static void make_late_shape(made_file *f, u64 *rank, u64 *dims)
{
    add_weight(f, "w", 3, DIMS(1, 96, 100), 1, 9);
    add_node(f, "Shape", "w", "s"), add_node(f, "BitwiseAnd", "s s", "shape"), add_node(f, "Reshape", "w shape", "v");
    add_node(f, "Add", "x v", "y");
    *rank = 3, dims[0] = 2, dims[1] = 96, dims[2] = 100;
    each_output(f, "y");
}

/* Weights in nodes, of the graph and of a branch. */
static void make_constants(made_file *f, u64 *rank, u64 *dims)
{
    add_constant(f, "w", 2, DIMS(120, 120), 1, 9);
    add_constant(f, "b", 1, DIMS(120), 2, 4);
    add_node(f, "ReduceMax", "x", "most"), add_node(f, "Neg", "most", "least"), add_node(f, "Greater", "most least", "when");
    str nodes = f->graph_end;
    add_part(f)->text = nodes, f->graph_end = (str){ 0 };
    add_choice(f, "when", "c", 2, DIMS(120, 120), 3);
    add_node(f, "MatMul", "x w", "p"), add_node(f, "Add", "p b", "q"), add_node(f, "Mul", "q c", "y");
    *rank = 2, dims[0] = dims[1] = 120;
    each_output(f, "y");
}

/* A branch of another rank: only a run tells, and what is behind is planned then. */
static void make_ranks(made_file *f, u64 *rank, u64 *dims)
{
    add_constant(f, "w", 2, DIMS(120, 120), 1, 9);
    add_weight(f, "b", 2, DIMS(120, 120), 2, 9);
    add_node(f, "MatMul", "x w", "p"), add_node(f, "ReduceMax", "p", "most"), add_node(f, "Neg", "most", "least"),
        add_node(f, "Greater", "most least", "more"), add_node(f, "Squeeze", "more", "when");
    str nodes = f->graph_end;
    add_part(f)->text = nodes, f->graph_end = (str){ 0 };
    add_choice(f, "when", "c", 1, DIMS(12000), 3);
    add_node(f, "Neg", "c", "y"), add_node(f, "Add", "p b", "z");
    *rank = 2, dims[0] = dims[1] = 120;
    each_output(f, "y z");
}

static const model_case model_cases[] = {
    { "a rank that a run tells", make_ranks, GRAPH_LAST },
    { "matrix products", make_product, GRAPH_LAST },
    { "a convolution with its normalization", make_convolution, GRAPH_LAST },
    { "odd uses of a weight", make_odd_uses, GRAPH_LAST },
    { "a shape that is known late", make_late_shape, GRAPH_LAST },
    { "weights in nodes", make_constants, GRAPH_LAST },
    { "the graph in front", make_product, GRAPH_FIRST },
    { "long notes in front", make_product, NOTES_FIRST },
};

static void check_same(test *t, const test_device *d, const model_case *c)
{
    made_file f;
    u64 rank = 0, dims[4] = { 0 }, elems = 1;
    begin_file(&f);
    f.order = c->order;
    c->make(&f, &rank, dims);
    add_value(&f, 11, "x", (u32)rank, dims);
    end_file(&f);
    qn_named in = { "x", { QN_F32, (u32)rank, { 0 }, NULL } };
    for (u64 i = 0; i < rank; i++) in.tensor.dims[i] = (i64)dims[i], elems *= dims[i];
    f32 *x = mem_alloc(elems * sizeof *x);
    for (u64 i = 0; x && i < elems; i++) x[i] = element(i, 5);
    in.tensor.data = x;
    qn_session *whole = NULL, *pieces = NULL;
    u8 *bytes = NULL;
    bool opened = x && open_whole(&f, d->device, &bytes, &whole) == QN_OK &&
                  open_in_pieces(&f, d->device, file_bytes(&f), &pieces) == QN_OK;
    if (CHECK(t, opened, "%s, %s: %s", d->name, c->name, qn_last_error()))
        for (u32 k = 0; k < 2; k++) {
            bool ran = run_once(whole, &in) == QN_OK && run_once(pieces, &in) == QN_OK;
            if (!CHECK(t, ran, "%s, %s: %s", d->name, c->name, qn_last_error())) break;
            CHECK(t, same_outputs(whole, pieces), "%s, %s: other answers in pieces", d->name, c->name);
        }
    qn_session_close(pieces), qn_session_close(whole);
    mem_free(bytes), mem_free(x);
    drop_file(&f);
}

/* Sizes in a file beside a small graph are read before the graph is planned, which needs them. */
static void check_small_outside(test *t, qn_device *d)
{
    made_file f;
    qn_session *s = NULL;
    f32 x[24] = { 1 };
    begin_file(&f);
    add_outside(&f, "sizes");
    add_node(&f, "Reshape", "x sizes", "y");
    add_value(&f, 11, "x", 2, DIMS(4, 6));
    each_output(&f, "y");
    end_file(&f);
    const qn_named in = { "x", { QN_F32, 2, { 4, 6 }, x } };
    CHECK_OK(t, open_in_pieces(&f, d, file_bytes(&f), &s));
    if (s) {
        const qn_tensor *y = NULL;
        CHECK(t, f.asked_beside == 1, "%u pieces of the file beside", f.asked_beside);
        CHECK(t, run_once(s, &in) == QN_OK && qn_output_at(s, 0, &y) == QN_OK, "%s", qn_last_error());
        CHECK(t, y && y->rank == 2 && y->dims[0] == beside[0] && y->dims[1] == beside[1], "y has another shape");
    }
    qn_session_close(s);
    drop_file(&f);
}

/* ---- a model of 400 MB: each weight is asked for once, and the host's memory stays small */

enum { BIG_SIDE = 4096, BIG_LAYERS = 6 };

typedef void add_weights(made_file *f, const char *name, u32 rank, const u64 *dims, u32 seed, u32 field);

static void make_big(made_file *f, add_weights *add)
{
    char from[24] = "x", w[24], to[24];
    for (u32 i = 0; i < BIG_LAYERS; i++) {
        snprintf(w, sizeof w, "w%u", i), snprintf(to, sizeof to, "t%u", i);
        add(f, w, 2, DIMS(BIG_SIDE, BIG_SIDE), i, 9);
        char both[64];
        snprintf(both, sizeof both, "%s %s", from, w);
        add_node(f, "MatMul", both, to);
        snprintf(from, sizeof from, "%s", to);
    }
    add_value(f, 11, "x", 2, DIMS(1, BIG_SIDE));
    each_output(f, from);
    end_file(f);
}

static void check_big(test *t, add_weights *add)
{
    made_file f;
    qn_device *d = NULL;
    qn_session *s = NULL;
    begin_file(&f);
    make_big(&f, add);
    u64 bytes = file_bytes(&f), weights = (u64)BIG_LAYERS * BIG_SIDE * BIG_SIDE * FLOAT_BYTES;
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    i64 before = leaks_peak_begin();
    qn_status status = d ? open_in_pieces(&f, d, bytes, &s) : QN_E_NO_DEVICE;
    CHECK(t, status == QN_OK, "400 MB in pieces: %s", qn_last_error());
    qn_stats stats = { 0 };
    if (s) qn_get_stats(s, &stats);
    CHECK(t, stats.weights_bytes == weights, "%llu bytes of weights", (unsigned long long)stats.weights_bytes);
    if (before < 0) SKIP(t, "the host's memory is not counted under a sanitizer");
    else
        CHECK(t, leaks_peak() - before < 8 << 20, "the host's memory rose by %lld bytes",
              (long long)(leaks_peak() - before));
    CHECK(t, f.asked >= weights && f.asked < weights + (4 << 20), "%llu bytes were asked for", (unsigned long long)f.asked);
    CHECK(t, f.highest <= 4 << 20, "a piece of %llu bytes", (unsigned long long)f.highest);
    qn_session_close(s);
    qn_device_close(d);
    drop_file(&f);
}

/* ---- what goes wrong is a status and a sentence */

static void check_damage(test *t, qn_device *d)
{
    made_file f;
    u64 rank, dims[4];
    begin_file(&f);
    make_product(&f, &rank, dims);
    add_value(&f, 11, "x", (u32)rank, dims);
    end_file(&f);
    u64 bytes = file_bytes(&f);
    for (u64 cut = 1; cut < bytes; cut += bytes / 23) {
        qn_session *s = NULL;
        qn_status status = open_in_pieces(&f, d, cut, &s);
        CHECK(t, status == QN_E_FORMAT, "cut at %llu: %s", (unsigned long long)cut, qn_status_text(status));
        qn_session_close(s);
    }
    qn_session *s = NULL;
    qn_piece p;
    bool open;
    qn_ticket ticket;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .piecewise = bytes }, &s));
    CHECK(t, qn_run(s, NULL, 0, &ticket) == QN_E_USAGE, "a run before it is open");
    CHECK(t, qn_session_give(s, "x") == QN_E_USAGE, "bytes that nobody wants");
    CHECK_OK(t, qn_session_want(s, &p, &open));
    CHECK(t, !open && p.bytes > 0 && p.at == 0, "the first piece");
    qn_session_close(s);
    drop_file(&f);
}

/* Every allocation fails in turn: a status, and nothing is left behind. */
static void check_no_memory(test *t, qn_device *d, const model_case *c)
{
    made_file f;
    u64 rank, dims[4], before = mem_blocks_alive();
    begin_file(&f);
    c->make(&f, &rank, dims);
    add_value(&f, 11, "x", (u32)rank, dims);
    end_file(&f);
    u64 bytes = file_bytes(&f), of_file = mem_blocks_alive() - before;
    qn_session *first = NULL;
    CHECK_OK(t, open_in_pieces(&f, d, bytes, &first)); /* what the device keeps of programs is there from now on */
    qn_session_close(first);
    u64 alive = mem_blocks_alive(), blocks = alive - of_file;
    bool enough = false;
    for (u64 n = 1; n < 5000 && !enough; n += 1 + n / 40) {
        qn_session *s = NULL;
        mem_fail_at(n);
        qn_status status = open_in_pieces(&f, d, bytes, &s);
        mem_fail_at(0);
        enough = status == QN_OK;
        CHECK(t, enough || status == QN_E_NOMEM, "allocation %llu fails: %s: %s", (unsigned long long)n,
              qn_status_text(status), qn_last_error());
        qn_session_close(s);
        CHECK(t, mem_blocks_alive() == alive, "allocation %llu fails: %lld blocks are left", (unsigned long long)n,
              (long long)(mem_blocks_alive() - alive));
    }
    CHECK(t, enough, "it never opened");
    drop_file(&f);
    CHECK(t, mem_blocks_alive() == blocks, "blocks of the file");
}

void test_pieces(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 i = 0; i < n; i++)
        for (u32 k = 0; k < COUNT(model_cases); k++) check_same(t, &devices[i], &model_cases[k]);
    check_small_outside(t, test_cpu());
    check_damage(t, test_cpu());
    check_no_memory(t, test_cpu(), &model_cases[0]);
    check_no_memory(t, test_cpu(), &model_cases[2]);
    check_big(t, add_weight);
    check_big(t, add_constant);
}
