/* Sequences, optionals and maps as inputs and outputs of a run, in bodies, and growing from turn to turn; what is wrong in them is refused with a
 * sentence, and every allocation of such a run fails once. On every device found. */
#include <stdio.h>

#include "run_graph.h"

static const f32 numbers[] = { 1, 2, 3, 4, 5, 6 };

/* ---- lists as the caller has them */

static const qn_tensor rows[] = { { QN_F32, 1, { 1 }, numbers },
                                  { QN_F32, 1, { 2 }, numbers + 1 },
                                  { QN_F32, 1, { 3 }, numbers + 3 } },
                       of_two_ranks[] = { { QN_F32, 1, { 2 }, numbers }, { QN_F32, 2, { 2, 1 }, numbers } },
                       integer[] = { { QN_I64, 1, { 1 }, &(const i64){ 7 } } }, no_data[] = { { QN_F32, 1, { 2 }, NULL } },
                       negative[] = { { QN_F32, 1, { -2 }, numbers } }, huge[] = { { QN_F32, 1, { INT64_MAX }, numbers } },
                       deep[] = { { .dtype = QN_F32, .rank = 99, .data = numbers } };

#define SEQUENCE(list, n) { QN_SEQUENCE, 1, { n }, list }
#define OPTIONAL(list, n) { QN_OPTIONAL, 1, { n }, list }
static const qn_tensor sequence_of_rows = SEQUENCE(rows, 3);

#define MAP(pair) { QN_MAP, 1, { 2 }, pair }
static const i64 whole[] = { 7, -1, 4 }, alike[] = { 7, 7 };
static const qn_bytes words[] = { { "b", 1 }, { "", 0 }, { "w\xc3\xb6rter", 7 } };
static const qn_bytes no_words[] = { { "b", 1 }, { NULL, 0 }, { NULL, 7 } };
static const qn_tensor by_number[] = { { QN_I64, 1, { 3 }, whole }, { QN_F32, 1, { 3 }, numbers } },
                       by_word[] = { { QN_STRING, 1, { 3 }, words }, { QN_F32, 1, { 3 }, numbers + 3 } },
                       by_no_word[] = { { QN_STRING, 1, { 3 }, no_words }, { QN_F32, 1, { 3 }, numbers } },
                       of_nothing[] = { { QN_I64, 1, { 0 }, NULL }, { QN_F32, 1, { 0 }, NULL } },
                       of_no_type[] = { { QN_I64, 1, { 0 }, NULL }, { QN_F64, 1, { 0 }, NULL } },
                       twice[] = { { QN_I64, 1, { 2 }, alike }, { QN_F32, 1, { 2 }, numbers } },
                       uneven[] = { { QN_I64, 1, { 3 }, whole }, { QN_F32, 1, { 2 }, numbers } },
                       of_matrix[] = { { QN_I64, 1, { 3 }, whole }, { QN_F32, 2, { 3, 1 }, numbers } },
                       without_keys[] = { { QN_I64, 1, { 3 }, NULL }, { QN_F32, 1, { 3 }, numbers } };
static const qn_tensor map_by_number = MAP(by_number), maps[] = { MAP(by_number), MAP(of_nothing) };
static const qn_tensor sequence_of_maps = SEQUENCE(maps, 2);

typedef struct list_case {
    const char *what, *graph;
    qn_tensor in[3];
    u32 n_in;
    qn_status want;
    const char *says; /* of a failure */
    i64 n;            /* elements of the first output, and their sum with all that it holds */
    f64 sum;
} list_case;

#define GROW(start)                                                                                                         \
    "in m: i64[]\nin x: f32[n]\n" start                                                                                     \
    "y = Loop(m, _, s, x, body={in i: i64[]; in c: bool[]; in v: sequence[0] of f32[?]; in w: f32[n]; o = Identity(c);"     \
    " a = SequenceInsert(v, w); out o, a}, captures=1)\n"
#define NUMBERS "in m: map[2] of i64 to f32[?]\n"
#define ANY     "in s: sequence[n] of f32[?]\n"
#define TWO     { QN_I64, 0, { 0 }, &(const i64){ 2 } }
#define X       { QN_F32, 1, { 3 }, numbers }

/* clang-format off */
static const list_case cases[] = {
    { "in and out", ANY "y = Identity(s)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_OK, "", 3, 21 },
    { "empty", ANY "y = Identity(s)\nout y\n", { SEQUENCE(NULL, 0) }, 1, QN_OK, "", 0, 0 },
    { "inserted", ANY "in x: f32[k]\ny = SequenceInsert(s, x)\nout y\n", { SEQUENCE(rows, 3), X }, 2, QN_OK, "", 4, 27 },
    { "erased", ANY "const i: i64[] = {-2}\ny = SequenceErase(s, i)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_OK, "", 2, 16 },
    { "erased of none", ANY "y = SequenceErase(s)\nout y\n", { SEQUENCE(NULL, 0) }, 1, QN_E_SHAPE, "SequenceErase", 0, 0 },
    { "taken out and computed with", ANY "const i: i64[] = {2}\na = SequenceAt(s, i)\ny = Mul(a, a)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_OK, "", 3, 77 },
    { "taken out past the end", ANY "const i: i64[] = {3}\ny = SequenceAt(s, i)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_E_DATA, "position 3 is outside a sequence of 3", 0, 0 },
    { "joined", ANY "y = ConcatFromSequence(s, axis=0)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_OK, "", 6, 21 },
    { "joined of none", ANY "y = ConcatFromSequence(s, axis=0)\nout y\n", { SEQUENCE(NULL, 0) }, 1, QN_E_DATA, "the sequence is empty", 0, 0 },
    { "stacked, of two sizes", ANY "y = ConcatFromSequence(s, axis=0, new_axis=1)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_E_SHAPE, "dimension 0 of element 1 is 2, of the first 1", 0, 0 },
    { "in parts", "in x: f32[n]\nin m: i64[]\ny = SplitToSequence(x, m)\nout y\n", { X, TWO }, 2, QN_OK, "", 2, 6 },
    { "in parts of nothing", "in x: f32[n]\nin m: i64[]\nz = Sub(m, m)\ny = SplitToSequence(x, z)\nout y\n", { X, TWO }, 2, QN_E_DATA, "parts of 0", 0, 0 },
    { "in parts that are too long", "in x: f32[n]\nin m: i64[1]\ny = SplitToSequence(x, m)\nout y\n", { X, { QN_I64, 1, { 1 }, &(const i64){ 4 } } }, 2, QN_E_DATA, "part 0 is 4 long, 3 are left of 3", 0, 0 },
    { "grown in a Loop", GROW("s = SequenceEmpty()\n") "out y\n", { TWO, X }, 2, QN_OK, "", 2, 12 },
    { "grown in a Loop and joined", GROW("s = SequenceEmpty()\n") "z = ConcatFromSequence(y, axis=0)\nout z\n", { TWO, X }, 2, QN_OK, "", 6, 12 },
    { "a Loop without a turn", GROW("s = SequenceConstruct(x)\n") "out y\n", { { QN_I64, 0, { 0 }, &(const i64){ 0 } }, X }, 2, QN_OK, "", 1, 6 },
    { "one for each", ANY "y = SequenceMap(s, body={in a: f32[?]; b = Mul(a, a); out b}, captures=0)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_OK, "", 3, 91 },
    { "of an If", ANY "in c: bool[]\ny = If(c, s, then_branch={in a: sequence[?] of f32[?]; out a}, else_branch={in a: sequence[?] of f32[?]; b = SequenceErase(a); out b}, captures=1)\nout y\n",
      { SEQUENCE(rows, 3), { QN_BOOL, 0, { 0 }, &(const u8){ 0 } } }, 2, QN_OK, "", 2, 6 },
    { "an optional that holds a sequence", "in o: optional[n] of sequence[?] of f32[?]\ny = OptionalGetElement(o)\nout y\n", { OPTIONAL(&sequence_of_rows, 1) }, 1, QN_OK, "", 3, 21 },
    { "an optional that is empty", "in o: optional[n] of f32[?]\ny = OptionalGetElement(o)\nout y\n", { OPTIONAL(NULL, 0) }, 1, QN_E_DATA, "the optional is empty", 0, 0 },
    { "an optional of two", "in o: optional[n] of f32[?]\ny = Identity(o)\nout y\n", { OPTIONAL(rows, 2) }, 1, QN_E_SHAPE, "an optional of more than one", 0, 0 },
    { "grown apart from one list", ANY "in x: f32[k]\na = SequenceInsert(s, x)\nb = SequenceInsert(a, x)\nz = Neg(x)\nc = SequenceInsert(a, z)\nd = SequenceErase(b)\ne = SequenceInsert(d, z)\n"
      "p = ConcatFromSequence(b, axis=0)\nq = ConcatFromSequence(c, axis=0)\nr = ConcatFromSequence(e, axis=0)\nu = Concat(p, q, r, axis=0)\nout u\n", { SEQUENCE(rows, 3), X }, 2, QN_OK, "", 36, 33 + 21 + 21 },
    { "grown from nothing beside another", ANY "in x: f32[k]\na = SequenceConstruct(x)\nb = SequenceInsert(a, x)\nc = SequenceInsert(s, x)\n"
      "p = ConcatFromSequence(b, axis=0)\nq = ConcatFromSequence(c, axis=0)\nu = Concat(p, q, axis=0)\nout u\n", { SEQUENCE(NULL, 0), X }, 2, QN_OK, "", 9, 18 },
    { "no list", ANY "y = Identity(s)\nout y\n", { X }, 1, QN_E_DTYPE, "input 's' is f32, the model wants sequence", 0, 0 },
    { "of another type", ANY "y = Identity(s)\nout y\n", { SEQUENCE(integer, 1) }, 1, QN_E_DTYPE, "'s' holds a tensor of i64, it must be f32", 0, 0 },
    { "of another rank", ANY "y = Identity(s)\nout y\n", { SEQUENCE(of_two_ranks, 2) }, 1, QN_E_SHAPE, "'s' holds a tensor of rank 2, the model wants 1", 0, 0 },
    { "of any rank", "in s: sequence[n] of f32[*]\ny = Identity(s)\nout y\n", { SEQUENCE(of_two_ranks, 2) }, 1, QN_OK, "", 2, 6 },
    { "of no rank at all", "in s: sequence[n] of f32[*]\ny = Identity(s)\nout y\n", { SEQUENCE(deep, 1) }, 1, QN_E_SHAPE, "rank 99", 0, 0 },
    { "of another size", "in s: sequence[n] of f32[2]\ny = Identity(s)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_E_SHAPE, "dimension 0 is 1, the model wants 2", 0, 0 },
    { "without data", ANY "y = Identity(s)\nout y\n", { SEQUENCE(no_data, 1) }, 1, QN_E_USAGE, "a tensor without data", 0, 0 },
    { "of a negative size", ANY "y = Identity(s)\nout y\n", { SEQUENCE(negative, 1) }, 1, QN_E_SHAPE, "dimension 0 is -2", 0, 0 },
    { "too large to count", ANY "y = Identity(s)\nout y\n", { SEQUENCE(huge, 1) }, 1, QN_E_SHAPE, "too large to count", 0, 0 },
    { "a map in and out", NUMBERS "y = Identity(m)\nout y\n", { MAP(by_number) }, 1, QN_OK, "", 2, 6 },
    { "a map of words", "in m: map[2] of string to f32[?]\ny = Identity(m)\nout y\n", { MAP(by_word) }, 1, QN_OK, "", 2, 15 },
    { "an empty map", NUMBERS "y = Identity(m)\nout y\n", { MAP(of_nothing) }, 1, QN_OK, "", 2, 0 },
    { "an empty map whose values could be others", NUMBERS "y = ai.onnx.ml.CastMap(m)\nout y\n", { MAP(of_no_type) }, 1, QN_OK, "", 1, 0 },
    { "maps in a sequence", "in s: sequence[n] of map[2] of i64 to f32[?]\ny = Identity(s)\nout y\n", { SEQUENCE(maps, 2) }, 1, QN_OK, "", 2, 6 },
    { "maps in a sequence in an optional", "in o: optional[n] of sequence[?] of map[2] of i64 to f32[?]\ny = OptionalGetElement(o)\nout y\n", { OPTIONAL(&sequence_of_maps, 1) }, 1, QN_OK, "", 2, 6 },
    { "a map taken out of a sequence", "in s: sequence[n] of map[2] of i64 to f32[?]\nconst i: i64[] = {0}\na = SequenceAt(s, i)\ny = ai.onnx.ml.DictVectorizer(a, int64_vocabulary=[4, 4, 9])\nout y\n", { SEQUENCE(maps, 2) }, 1, QN_OK, "", 1, 6 },
    { "maps made, and taken apart", "in x: f32[n,2]\nconst i: i64[] = {-1}\ns = ai.onnx.ml.ZipMap(x, classlabels_int64s=[5, -7])\na = SequenceAt(s, i)\ny = ai.onnx.ml.CastMap(a)\nout y\n", { { QN_F32, 2, { 3, 2 }, numbers } }, 1, QN_OK, "", 1, 11 },
    { "maps made of no rows", "in x: f32[n,2]\ny = ai.onnx.ml.ZipMap(x, classlabels_int64s=[5, -7])\nout y\n", { { QN_F32, 2, { 0, 2 }, NULL } }, 1, QN_OK, "", 0, 0 },
    { "maps made with labels of another number", "in x: f32[n,m]\ny = ai.onnx.ml.ZipMap(x, classlabels_int64s=[5, -7])\nout y\n", { { QN_F32, 2, { 2, 3 }, numbers } }, 1, QN_E_SHAPE, "ZipMap", 0, 0 },
    { "a map by an If", NUMBERS "in c: bool[]\ny = If(c, m, then_branch={in a: map[2] of i64 to f32[?]; out a}, else_branch={in a: map[2] of i64 to f32[?]; b = Identity(a); out b}, captures=1)\nout y\n",
      { MAP(by_number), { QN_BOOL, 0, { 0 }, &(const u8){ 0 } } }, 2, QN_OK, "", 2, 6 },
    { "a map as a Loop's state", "in t: i64[]\n" NUMBERS "y = Loop(t, _, m, body={in i: i64[]; in c: bool[]; in v: map[2] of i64 to f32[?]; o = Identity(c); a = Identity(v); out o, a}, captures=0)\nout y\n", { TWO, MAP(by_number) }, 2, QN_OK, "", 2, 6 },
    { "a map of two kinds of keys", NUMBERS "in w: map[2] of string to f32[?]\nin c: bool[]\ny = If(c, m, w, then_branch={in a: map[2] of i64 to f32[?]; in b: map[2] of string to f32[?]; out a}, else_branch={in a: map[2] of i64 to f32[?]; in b: map[2] of string to f32[?]; out b}, captures=2)\nout y\n",
      { MAP(by_number), MAP(by_word), { QN_BOOL, 0, { 0 }, &(const u8){ 0 } } }, 3, QN_E_DTYPE, "keys of i64 one time and of string the other", 0, 0 },
    { "a key twice", NUMBERS "y = ai.onnx.ml.CastMap(m)\nout y\n", { MAP(twice) }, 1, QN_E_DATA, "the map has the key 7 twice", 0, 0 },
    { "a map with keys of another type", NUMBERS "y = Identity(m)\nout y\n", { MAP(by_word) }, 1, QN_E_DTYPE, "'m' holds a tensor of string, it must be i64", 0, 0 },
    { "a map of one tensor", NUMBERS "y = Identity(m)\nout y\n", { { QN_MAP, 1, { 1 }, by_number } }, 1, QN_E_SHAPE, "not its keys and its values", 0, 0 },
    { "a map of uneven parts", NUMBERS "y = Identity(m)\nout y\n", { MAP(uneven) }, 1, QN_E_SHAPE, "a map of 3 keys and 2 values", 0, 0 },
    { "a map of matrices", NUMBERS "y = Identity(m)\nout y\n", { MAP(of_matrix) }, 1, QN_E_SHAPE, "rank 2, the model wants 1", 0, 0 },
    { "a map without its keys", NUMBERS "y = Identity(m)\nout y\n", { MAP(without_keys) }, 1, QN_E_USAGE, "a tensor without data", 0, 0 },
    { "a map without a key's text", "in m: map[2] of string to f32[?]\ny = Identity(m)\nout y\n", { MAP(by_no_word) }, 1, QN_E_USAGE, "'m' holds a text without data", 0, 0 },
    { "a text without data", "in m: string[3]\ny = Identity(m)\nout y\n", { { QN_STRING, 1, { 3 }, no_words } }, 1, QN_E_USAGE, "input 'm' has a text without data", 0, 0 },
    { "of maps, one of them not", "in s: sequence[n] of map[2] of i64 to f32[?]\ny = Identity(s)\nout y\n", { SEQUENCE(rows, 3) }, 1, QN_E_DTYPE, "'s' holds a tensor of f32, it must be map", 0, 0 },
    { "of a negative length", ANY "y = Identity(s)\nout y\n", { SEQUENCE(rows, -1) }, 1, QN_E_SHAPE, "dimension 0 is -1", 0, 0 },
};
/* clang-format on */

static f64 sum_of(const qn_tensor *t)
{
    f64 sum = 0;
    if (t->dtype == QN_MAP) return sum_of((const qn_tensor *)t->data + 1);
    for (u64 i = 0; i < qn_tensor_elems(t); i++)
        sum += t->dtype == QN_F32 ? (f64)((const f32 *)t->data)[i] : sum_of(&((const qn_tensor *)t->data)[i]);
    return sum;
}

static qn_status run_case(qn_device *d, const list_case *c, bool optimize, i64 *n, f64 *sum)
{
    graph_run r = { .device = d, .optimize = optimize, .mem = arena_make() };
    if (!r.mem) return fail_nomem(1);
    qn_status s = graph_run_text(&r, c->graph, c->in, c->n_in);
    if (s == QN_OK) *n = r.out[0].dims[0], *sum = sum_of(&r.out[0]);
    arena_free(r.mem);
    return s;
}

static void check_case(test *t, const test_device *d, const list_case *c, bool optimize)
{
    i64 n = -1;
    f64 sum = -1;
    qn_status s = run_case(d->device, c, optimize, &n, &sum);
    if (c->want != QN_OK) {
        bool said = s == c->want && strstr(qn_last_error(), c->says);
        CHECK(t, said, "%s, %s: %s: %s", d->name, c->what, qn_status_text(s), s == QN_OK ? "it ran" : qn_last_error());
    } else if (CHECK(t, s == QN_OK, "%s, %s: %s", d->name, c->what, qn_last_error()))
        CHECK(t, n == c->n && sum == c->sum, "%s, %s: %lld elements, sum %g", d->name, c->what, (long long)n, sum);
}

/* Failures are to be told, and nothing may be left behind. */
static void check_failing_allocations(test *t, qn_device *d, const list_case *c)
{
    i64 n;
    f64 sum;
    u64 bad = 0, at = 1;
    run_case(d, c, true, &n, &sum); /* what the device keeps is made */
    u64 alive = mem_blocks_alive();
    for (qn_status s = QN_E_NOMEM; s == QN_E_NOMEM && at < 100000; at++) {
        mem_fail_at(at);
        s = run_case(d, c, true, &n, &sum);
        mem_fail_at(0);
        if (mem_blocks_alive() != alive) bad++, alive = mem_blocks_alive();
        if (s != QN_E_NOMEM && s != c->want) bad++;
    }
    CHECK(t, bad == 0, "%s: %llu of %llu failing allocations leak or give another status", c->what, (unsigned long long)bad,
          (unsigned long long)at);
}

/* Bytes of a run in which a list gets `turns` elements; 0: it failed, or gave another number of them. */
static u64 bytes_of_turns(test *t, const char *graph_text, i64 turns, i64 want)
{
    graph_run r = { .device = test_cpu(), .optimize = true, .mem = arena_make() };
    graph_session s = { 0 };
    const qn_tensor in[] = { { QN_I64, 0, { 0 }, &turns }, X };
    u64 bytes = 0;
    qn_status status = graph_open_text(&r, graph_text, &s);
    if (status == QN_OK) status = graph_session_run(&r, &s, in, 2);
    if (CHECK(t, status == QN_OK, "%s", qn_last_error()) &&
        CHECK(t, r.out[0].dims[0] == want && sum_of(&r.out[0]) == 6 * (f64)want, "%lld elements",
              (long long)r.out[0].dims[0]))
        bytes = arena_bytes(s.x->call);
    graph_session_close(&s);
    arena_free(r.mem);
    return bytes;
}

/* Twice the turns are twice the bytes, and not four times as many: lists share what they hold, and the rows in which it lies. */
static void check_memory(test *t)
{
    static const struct {
        const char *what, *graph;
        bool keeps;
    } loops[] = {
        { "grown", GROW("s = SequenceConstruct(x)\n") "out y\n", true },
        { "a queue",
          "in m: i64[]\nin x: f32[n]\ns = SequenceConstruct(x, x, x)\n"
          "y = Loop(m, _, s, x, body={in i: i64[]; in c: bool[]; in v: sequence[?] of f32[?]; in w: f32[n]; o = Identity(c);"
          " a = SequenceInsert(v, w); const z: i64[] = {0}; b = SequenceErase(a, z); out o, b}, captures=1)\nout y\n",
          false }
    };
    for (u32 i = 0; i < COUNT(loops); i++) {
        u64 once = bytes_of_turns(t, loops[i].graph, 3000, loops[i].keeps ? 3001 : 3);
        u64 double_turns = bytes_of_turns(t, loops[i].graph, 6000, loops[i].keeps ? 6001 : 3);
        CHECK(t, once && double_turns < once * 5 / 2 && double_turns < 6000 * 600ull,
              "%s: %llu bytes for 3000 turns, %llu for 6000", loops[i].what, (unsigned long long)once,
              (unsigned long long)double_turns);
    }
}

/* Files: what was saved is loaded again, told what it is. */
static void check_files(test *t)
{
    char path[512];
    snprintf(path, sizeof path, "%s/list.pb", test_temp_folder());
    const qn_tensor lists[] = { SEQUENCE(rows, 3),
                                SEQUENCE(NULL, 0),
                                OPTIONAL(&sequence_of_rows, 1),
                                OPTIONAL(rows, 1),
                                OPTIONAL(NULL, 0),
                                MAP(by_number),
                                MAP(by_word),
                                MAP(of_nothing),
                                SEQUENCE(maps, 2),
                                OPTIONAL(&map_by_number, 1),
                                OPTIONAL(&sequence_of_maps, 1) };
    for (u32 i = 0; i < COUNT(lists); i++) {
        qn_tensor back = { 0 };
        CHECK_OK(t, qn_tensor_save_pb(path, "name", &lists[i]));
        CHECK_OK(t, qn_tensor_load_as(path, lists[i].dtype, &back));
        CHECK(t, back.dtype == lists[i].dtype && back.dims[0] == lists[i].dims[0] && sum_of(&back) == sum_of(&lists[i]),
              "list %u comes back as another one", i);
        qn_tensor_free(&back);
    }
    qn_tensor none;
    CHECK(t, qn_tensor_save_pb(path, "name", &(qn_tensor)MAP(uneven)) == QN_E_USAGE,
          "a map with more keys than values is written");
    CHECK(t, qn_tensor_save_pb(path, "name", &(qn_tensor)MAP(by_no_word)) == QN_E_USAGE, "a text without data is written");
    CHECK(t, qn_tensor_save_npy(path, &map_by_number) == QN_E_UNSUPPORTED, "a map is written as .npy");
    CHECK(t, qn_tensor_save_npy(path, &lists[0]) == QN_E_UNSUPPORTED, "a sequence is written as .npy");
    CHECK_OK(t, qn_tensor_save_pb(path, "name", &rows[0]));
    CHECK(t, qn_tensor_load_as(path, QN_SEQUENCE, &none) != QN_OK, "a tensor is taken for a sequence");
}

/* MapProtos as no library writes them. */
static void check_map_files(test *t)
{
#define ONE_FLOAT "\x1a\x08\x10\x01\x4a\x04\0\0\x80\x3f" /* of a SequenceProto's tensors: 1.0 */
    static const struct {
        const char *what, *bytes;
        size_t n;
        qn_status want;
        const char *says;
    } files[] = {
#define MAP_FILE(what, bytes, want, says) { what, bytes, sizeof bytes - 1, want, says }
        MAP_FILE("one entry", "\x10\x07\x18\x05\x2a\x0a" ONE_FLOAT, QN_OK, ""),
        MAP_FILE("packed keys", "\x10\x07\x1a\x02\x05\x06\x2a\x14" ONE_FLOAT ONE_FLOAT, QN_OK, ""),
        MAP_FILE("keys without values", "\x10\x07\x18\x05", QN_E_FORMAT, "a map of 1 keys and 0 values"),
        MAP_FILE("values without keys", "\x10\x07\x2a\x0a" ONE_FLOAT, QN_E_FORMAT, "a map of 0 keys and 1 values"),
        MAP_FILE("texts for numbers", "\x10\x07\x22\x01q\x2a\x0a" ONE_FLOAT, QN_E_FORMAT, "a map of 0 keys and 1 values"),
        MAP_FILE("no type of keys", "\x18\x05\x2a\x0a" ONE_FLOAT, QN_E_FORMAT, "the map's keys: element type 0"),
        MAP_FILE("floats for keys", "\x10\x01\x18\x05\x2a\x0a" ONE_FLOAT, QN_E_UNSUPPORTED, "the map's keys are f32"),
        MAP_FILE("values of two", "\x10\x07\x18\x05\x2a\x10\x1a\x0e\x08\x02\x10\x01\x4a\x08\0\0\0\0\0\0\0\0",
                 QN_E_UNSUPPORTED, "value 0 of the map is not one f32"),
        MAP_FILE("values of two types", "\x10\x07\x1a\x02\x05\x06\x2a\x11" ONE_FLOAT "\x1a\x05\x10\x03\x4a\x01\0",
                 QN_E_UNSUPPORTED, "value 1 of the map is not one f32"),
        MAP_FILE("maps in a map", "\x10\x07\x18\x05\x2a\x04\x32\x02\x10\x07", QN_E_UNSUPPORTED,
                 "the map holds something else than tensors (field 6)"),
        MAP_FILE("sequences in a map", "\x10\x07\x18\x05\x2a\x02\x2a\x00", QN_E_UNSUPPORTED,
                 "the map holds something else than tensors (field 5)"),
        MAP_FILE("cut short", "\x10\x07\x18\x05\x2a\x0a\x1a\x08\x10\x01", QN_E_FORMAT, "damaged"),
        MAP_FILE("keys cut short", "\x10\x07\x1a\x01\x85", QN_E_FORMAT, "damaged"),
    };
    char path[512];
    snprintf(path, sizeof path, "%s/map.pb", test_temp_folder());
    for (u32 i = 0; i < COUNT(files); i++) {
        qn_tensor m = { 0 };
        CHECK_OK(t, file_write(path, (qn_bytes){ files[i].bytes, files[i].n }));
        qn_status s = qn_tensor_load_as(path, QN_MAP, &m);
        CHECK(t, s == files[i].want && (s == QN_OK || strstr(qn_last_error(), files[i].says)), "%s: %s: %s", files[i].what,
              qn_status_text(s), s == QN_OK ? "it is read" : qn_last_error());
        qn_tensor_free(&m);
    }
#undef MAP_FILE
#undef ONE_FLOAT
}

/* A map in a map in a map, all the way down: the file is made from its end. */
static void check_deep_map(test *t)
{
    enum { LEVELS = 20000 };
    u8 *bytes = mem_alloc(LEVELS * 10 + 8), *end = bytes + LEVELS * 10 + 8, *at = end;
    char path[512];
    qn_tensor m = { 0 };
    snprintf(path, sizeof path, "%s/deep.pb", test_temp_folder());
    for (u32 i = 0; i < 2 * LEVELS;
         i++) { /* MapProto.values, SequenceProto.map_values, and how long each is, in three bytes */
        u32 n = (u32)(end - at);
        at -= 4;
        memcpy(at, (u8[]){ i % 2 ? 0x2a : 0x32, (u8)(n | 0x80), (u8)(n >> 7 | 0x80), (u8)(n >> 14) }, 4);
        if (i % 2) *--at = 7, *--at = 0x10;
    }
    CHECK_OK(t, file_write(path, (qn_bytes){ at, (size_t)(end - at) }));
    CHECK(t, qn_tensor_load_as(path, QN_MAP, &m) == QN_E_UNSUPPORTED, "maps in maps are read");
    mem_free(bytes);
}

void test_lists(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 i = 0; i < n; i++)
        for (u32 k = 0; k < 2 * COUNT(cases); k++) check_case(t, &devices[i], &cases[k / 2], k % 2);
    for (u32 k = 0; k < COUNT(cases); k++)
        if (cases[k].want == QN_OK) check_failing_allocations(t, test_cpu(), &cases[k]);
    check_memory(t);
    check_files(t);
    check_map_files(t);
    check_deep_map(t);
}
