/* Sizes that only the inputs decide: where they fit together the answer has the right shape, where they do not the run is refused with
 * QN_E_SHAPE, before a kernel could read past a tensor's end. */
#include <stdio.h>

#include "run_graph.h"

typedef struct sizes_case {
    const char *graph, *in, *shape; /* shape: of the first output, as in "f32[4]"; NULL: refused */
} sizes_case;

/* clang-format off */
#define ADD       "in x: f32[n]; in z: f32[m]; y = Add(x, z); out y"
#define CHAIN     "in x: f32[n]; in z: f32[m]; a = Add(x, z); b = Relu(a); y = Mul(b, x); out y"
#define MATMUL    "in x: f32[n,a]; in z: f32[m,b]; y = MatMul(x, z); out y"
#define GEMM      "in x: f32[n,a]; in z: f32[m,b]; in c: f32[q]; y = Gemm(x, z, c); out y"
#define CONCAT    "in x: f32[n,a]; in z: f32[m,b]; y = Concat(x, z, axis=0); out y"
#define EXPAND    "in x: f32[n]; in s: i64[1]; y = Expand(x, s); out y"
#define RESHAPE   "in x: f32[n,m]; in s: i64[2]; y = Reshape(x, s); out y"
/* a size that another node asked for, too */
#define ASKED(k)  "in x: f32[n,m]; in z: i64[1]; const l: i64[1] = {" k "}; const e: i64[1] = {9}; o = Slice(x, z, e); s = Concat(z, l, axis=0); y = Reshape(x, s); out y, o"
/* the same, by what is computed from it */
#define DERIVED   "in x: f32[n,m]; in z: i64[2]; const l: i64[2] = {5, 5}; o = Slice(x, z, l); s = Sub(z, l); y = Reshape(x, s); out y, o"
#define REGROUP   "in x: f32[n]; in z: f32[m]; s = Shape(z); y = Reshape(x, s); out y"
#define SQUEEZE   "in x: f32[n,m]; const a: i64[1] = {0}; y = Squeeze(x, a); out y"
#define SPLIT     "in x: f32[n]; in s: i64[2]; y, w = Split(x, s); out y, w"
#define CONV      "in x: f32[1,a,8,8]; in w: f32[m,b,3,3]; in c: f32[q]; y = Conv(x, w, c); out y"
#define NORM      "in x: f32[2,a]; in s: f32[b]; y = LayerNormalization(x, s); out y"
#define WHERE     "in c: bool[n]; in x: f32[m]; in z: f32[q]; y = Where(c, x, z); out y"
#define UNIQUE    "in x: f32[n]; y = Unique(x); out y"
/* composites, which are gone when the run begins */
#define STFT      "in x: f32[1,n,1]; in s: i64[]; in l: i64[]; y = STFT(x, s, _, l); out y"
#define DFT       "in x: f32[1,n,1]; in l: i64[]; const a: i64[] = {1}; y = DFT(x, l, a); out y"
#define WINDOW    "in a: i64[]; in b: i64[]; n = Mul(a, b); y = HannWindow(n); out y"
#define SUM       "in x: f32[n]; in z: f32[m]; in w: f32[q]; y = Sum(x, z, w); out y"
#define GROUPS    "in x: f32[1,n,2]; in s: f32[n]; in b: f32[m]; y = GroupNormalization(x, s, b, num_groups=2); out y"
#define PRELU     "in x: f32[n]; in z: f32[m]; y = PRelu(x, z); out y"
#define LOSS      "in x: f32[n,c]; in t: i64[m]; y = SoftmaxCrossEntropyLoss(x, t); out y"
#define LINEAR(d, e) "in q: f32[1,a,b]; in k: f32[1,2,6]; in v: f32[1,2,4]; in d: f32[1,a," d "]; in e: f32[1,a," e "]; y, s = LinearAttention(q, k, v, _, d, e, q_num_heads=2, kv_num_heads=2, scale=0.5); out y"
#define LINEAR_IN "f32[1,2,6] f32[1,2,6] f32[1,2,4] "
#define CACHED    "in x: f32[1,c,d]; in p: f32[1,2,32]; in v: f32[1,2,32]; in n: i32[1]; const t: i32[] = {2}; in r: f32[2,8]; y, k, w = com.microsoft.GroupQueryAttention(x, p, v, _, _, n, t, r, r, do_rotary=1, kv_num_heads=2, num_heads=4, rotary_interleaved=1, scale=0.2); out y"
/* a length that is forgotten on the way */
#define MAPPED    "in x: f32[2]; const a: f32[1] = {1}; const w: f32[2,1] = {1, 2}; l = SplitToSequence(x); m = SequenceMap(l, a, body={in i: f32[1]; in a: f32[1]; o = Add(i, a); out o}, captures=0); c = ConcatFromSequence(m, axis=0, new_axis=1); y = RMSNormalization(c, w, axis=-2); out y"
/* nothing found, nothing given */
#define NONZERO   "in x: f32[n]; a = NonZero(x); b = Cast(a, to=1); y = Exp(b); out y"
#define NMS       "in b: f32[1,n,4]; in s: f32[1,1,n]; const m: i64[] = {3}; const o: f32[] = {0.5}; y = NonMaxSuppression(b, s, m, o, o); out y"
#define COMPRESS  "in x: f32[n,2]; in c: bool[n]; a = Compress(x, c, axis=0); y = Mul(a, a); out y"
#define BATCH     "in x: f32[n,3]; in w: f32[3,5]; a = MatMul(x, w); b = Softmax(a, axis=-1); y = ReduceSum(b, keepdims=0); out y"
#define POOLED(op) "in x: f32[b,7,h,w]; y = " op "(x, kernel_shape=[1,2], strides=[2,2]); out y"
static const sizes_case cases[] = {
    { POOLED("MaxPool"), "f32[1,7,5,1]", "f32[1,7,3,0]" },              { POOLED("MaxPool"), "f32[2,7,1,0]", "f32[2,7,1,0]" },
    { POOLED("AveragePool"), "f32[1,7,5,1]", "f32[1,7,3,0]" },          { POOLED("AveragePool"), "f32[1,7,4,2]", "f32[1,7,2,1]" },
    { "in x: f32[b,7,h,w]; y = MaxPool(x, kernel_shape=[2,1]); out y", "f32[1,7,1,9]", "f32[1,7,0,9]" },
    { NONZERO, "f32[4]={0,2,0,1}", "f32[1,2]" },                        { NONZERO, "f32[3]={0,0,0}", "f32[1,0]" },
    { NONZERO, "f32[0]", "f32[1,0]" },                                  { UNIQUE, "f32[0]", "f32[0]" },
    { NMS, "f32[1,2,4]={0,0,1,1,2,2,3,3} f32[1,1,2]={0.9,0.8}", "i64[2,3]" },
    { NMS, "f32[1,2,4] f32[1,1,2]={0,0}", "i64[0,3]" },                 { NMS, "f32[1,0,4] f32[1,1,0]", "i64[0,3]" },
    { COMPRESS, "f32[3,2] bool[3]={0,1,1}", "f32[2,2]" },               { COMPRESS, "f32[3,2] bool[3]={0,0,0}", "f32[0,2]" },
    { COMPRESS, "f32[0,2] bool[0]", "f32[0,2]" },                       { BATCH, "f32[0,3] f32[3,5]", "f32[]" },
    { BATCH, "f32[1,3] f32[3,5]", "f32[]" },
    { MAPPED, "f32[2]", "f32[2,1]" },
    { STFT, "f32[1,9,1] i64[]={2} i64[]={4}", "f32[1,3,3,2]" },         { STFT, "f32[1,3,1] i64[]={2} i64[]={4}", NULL },
    { STFT, "f32[1,9,1] i64[]={-2} i64[]={4}", NULL },                  { STFT, "f32[1,3,1] i64[]={2} i64[]={9}", NULL },
    { DFT, "f32[1,4,1] i64[]={6}", "f32[1,6,2]" },                      { DFT, "f32[1,4,1] i64[]={0}", NULL },
    { SUM, "f32[4] f32[1] f32[4]", "f32[4]" },  { SUM, "f32[4] f32[1] f32[3]", NULL },
    { GROUPS, "f32[1,4,2] f32[4] f32[4]", "f32[1,4,2]" },               { GROUPS, "f32[1,3,2] f32[3] f32[3]", NULL },
    { GROUPS, "f32[1,4,2] f32[4] f32[6]", NULL },
    { PRELU, "f32[4] f32[1]", "f32[4]" },       { PRELU, "f32[4] f32[3]", NULL },
    { LOSS, "f32[4,2] i64[4]={0,1,1,0}", "f32[]" },                     { LOSS, "f32[4,2] i64[3]={0,1,1}", NULL },
    { LINEAR("c", "a"), LINEAR_IN "f32[1,2,6]=-1..0 f32[1,2,2]", "f32[1,2,4]" },
    { LINEAR("c", "f"), LINEAR_IN "f32[1,2,6]=-1..0 f32[1,2,1]", "f32[1,2,4]" },
    { LINEAR("c", "f"), LINEAR_IN "f32[1,2,2]=-1..0 f32[1,2,2]", "f32[1,2,4]" },
    { LINEAR("c", "f"), LINEAR_IN "f32[1,2,6]=-1..0 f32[1,2,3]", NULL },
    { LINEAR("c", "f"), LINEAR_IN "f32[1,2,3]=-1..0 f32[1,2,2]", NULL },
    { LINEAR("c", "f"), LINEAR_IN "f32[1,2,4]=-1..0 f32[1,2,2]", NULL },
    { CACHED, "f32[1,2,64] f32[1,2,32] f32[1,2,32] i32[1]={1} f32[2,8]", "f32[1,2,64]" },
    { ASKED("-1"), "f32[2,6] i64[1]={3}", "f32[3,4]" },                 { ASKED("-1"), "f32[2,6] i64[1]={0}", "f32[2,6]" },
    { ASKED("4"), "f32[2,6] i64[1]={-1}", "f32[3,4]" },                 { ASKED("4"), "f32[2,6] i64[1]={2}", NULL },
    { DERIVED, "f32[2,6] i64[2]={5,4}", "f32[2,6]" },                   { DERIVED, "f32[2,6] i64[2]={4,9}", "f32[3,4]" },
    { DERIVED, "f32[2,6] i64[2]={4,5}", "f32[2,6]" },                   { DERIVED, "f32[2,6] i64[2]={8,9}", "f32[3,4]" },
    { DERIVED, "f32[0,6] i64[2]={4,5}", "f32[0,6]" },                   { DERIVED, "f32[2,6] i64[2]={4,4}", NULL },
    { DERIVED, "f32[2,6] i64[2]={7,9}", NULL },
    { WINDOW, "i64[]={2} i64[]={3}", "f32[6]" },                        { WINDOW, "i64[]={2} i64[]={0}", "f32[0]" },
    { SQUEEZE, "f32[1,4]", "f32[4]" },          { SQUEEZE, "f32[2,4]", NULL },
    { ADD, "f32[4] f32[4]", "f32[4]" },         { ADD, "f32[1] f32[4]", "f32[4]" },           { ADD, "f32[4] f32[1]", "f32[4]" },
    { ADD, "f32[0] f32[1]", "f32[0]" },         { ADD, "f32[3] f32[4]", NULL },               { ADD, "f32[0] f32[4]", NULL },
    { CHAIN, "f32[4] f32[4]", "f32[4]" },       { CHAIN, "f32[1] f32[4]", "f32[4]" },         { CHAIN, "f32[3] f32[4]", NULL },
    { MATMUL, "f32[2,3] f32[3,4]", "f32[2,4]" },                        { MATMUL, "f32[2,3] f32[5,4]", NULL },
    { GEMM, "f32[2,3] f32[3,4] f32[4]", "f32[2,4]" },                   { GEMM, "f32[2,3] f32[3,4] f32[1]", "f32[2,4]" },
    { GEMM, "f32[2,3] f32[5,4] f32[4]", NULL },                         { GEMM, "f32[2,3] f32[3,4] f32[3]", NULL },
    { CONCAT, "f32[2,3] f32[4,3]", "f32[6,3]" },                        { CONCAT, "f32[2,3] f32[4,5]", NULL },
    { EXPAND, "f32[1] i64[1]={7}", "f32[7]" },  { EXPAND, "f32[7] i64[1]={1}", "f32[7]" },    { EXPAND, "f32[3] i64[1]={7}", NULL },
    { EXPAND, "f32[1] i64[1]={-7}", NULL },
    { RESHAPE, "f32[4,6] i64[2]={8,3}", "f32[8,3]" },                   { RESHAPE, "f32[4,6] i64[2]={-1,3}", "f32[8,3]" },
    { RESHAPE, "f32[4,6] i64[2]={0,-1}", "f32[4,6]" },                  { RESHAPE, "f32[4,6] i64[2]={50,50}", NULL },
    { RESHAPE, "f32[4,6] i64[2]={-1,-1}", NULL },                       { RESHAPE, "f32[4,6] i64[2]={5,-1}", NULL },
    { RESHAPE, "f32[4,6] i64[2]={-2,-12}", NULL },                      { RESHAPE, "f32[4,6] i64[2]={9223372036854775807,4}", NULL },
    { REGROUP, "f32[4] f32[4]", "f32[4]" },                             { REGROUP, "f32[4] f32[5]", NULL },
    { SPLIT, "f32[4] i64[2]={1,3}", "f32[1]" }, { SPLIT, "f32[4] i64[2]={3,4}", NULL },       { SPLIT, "f32[4] i64[2]={-3,7}", NULL },
    { CONV, "f32[1,4,8,8] f32[5,4,3,3] f32[5]", "f32[1,5,6,6]" },       { CONV, "f32[1,4,8,8] f32[5,7,3,3] f32[5]", NULL },
    { CONV, "f32[1,4,8,8] f32[5,4,3,3] f32[3]", NULL },
    { NORM, "f32[2,5] f32[5]", "f32[2,5]" },    { NORM, "f32[2,5] f32[3]", NULL },
    { UNIQUE, "f32[6]={3,1,1,nan,nan,2}", "f32[4]" },                   { UNIQUE, "f32[3]={2,nan,1}", "f32[3]" },
    { WHERE, "bool[4]=0..1 f32[1] f32[4]", "f32[4]" },                  { WHERE, "bool[4]=0..1 f32[2] f32[4]", NULL },
};
/* clang-format on */

static u32 read_inputs(arena *mem, const char *text, qn_tensor *in)
{
    u64 seed = 1;
    bool is_list;
    u32 n = 0;
    while (*text && n < 8 && case_tensor(&text, mem, &seed, &in[n], &is_list) == QN_OK) n++;
    return n;
}

static bool has_shape(arena *mem, const qn_tensor *is, const char *text)
{
    qn_tensor want;
    if (read_inputs(mem, text, &want) != 1) return false;
    return is->dtype == want.dtype && is->rank == want.rank && memcmp(is->dims, want.dims, is->rank * sizeof *is->dims) == 0;
}

static void test_sizes_case(test *t, const test_device *d, const sizes_case *c, bool optimize)
{
    qn_tensor in[8];
    graph_run r = { .device = d->device, .optimize = optimize, .mem = arena_make() };
    u32 n = r.mem ? read_inputs(r.mem, c->in, in) : 0;
    qn_status status = graph_run_text(&r, c->graph, in, n);
    if (!c->shape) {
        CHECK(t, status == QN_E_SHAPE, "%s: %s with %s: %s", d->name, c->graph, c->in, qn_status_text(status));
    } else {
        CHECK(t, status == QN_OK, "%s: %s with %s: %s", d->name, c->graph, c->in, qn_last_error());
        CHECK(t, status != QN_OK || has_shape(r.mem, &r.out[0], c->shape), "%s: %s with %s: another shape", d->name,
              c->graph, c->in);
    }
    arena_free(r.mem);
}

/* Kernels and blocks that hang on sizes: one plan for all sizes launches at each what a plan for that one does, and gives the same, on both sides of
 * the limits. */
static const struct {
    const char *graph, *in; /* %s, %d: the size */
    i64 sizes[6];
} chosen_cases[] = {
    { "in x: f32[%s,40]; in w: f32[40,70]; y = MatMul(x, w); out y", "f32[%d,40] f32[40,70]", { 1, 8, 9, 2, 300, 0 } },
    { "in x: f32[1,%s,3]; in w: f32[3,500]; y = MatMul(x, w); out y", "f32[1,%d,3] f32[3,500]", { 9, 1, 8, 64 } },
    { "in x: f32[1,4,6,%s]; in w: f32[4,1,3,3]; y = Conv(x, w, group=4, pads=[1,1,1,1]); out y",
      "f32[1,4,6,%d] f32[4,1,3,3]",
      { 5, 40, 5400, 5600, 3 } },
    { "in x: f32[1,3,6,%s]; in w: f32[20,3,3,3]; y = Conv(x, w); out y", "f32[1,3,6,%d] f32[20,3,3,3]", { 5, 400, 3, 31 } },
    { "in x: f32[2,3,6,%s]; y = MaxPool(x, kernel_shape=[3,3], strides=[2,2]); out y",
      "f32[2,3,6,%d]",
      { 5, 4096, 4097, 9000, 3 } },
    { "in x: f32[2,7,%s]; y = Concat(x, x, axis=1); out y", "f32[2,7,%d]", { 3, 1200, 8192, 8193, 1 } },
    { "in x: f32[2,3,%s]; y = Transpose(x, perm=[1,0,2]); out y", "f32[2,3,%d]", { 3, 4096, 9000, 2 } },
    { "in x: f32[5,%s]; in i: i64[3]; y = Gather(x, i); out y", "f32[5,%d] i64[3]=-5..4", { 2, 1365, 1366, 5000, 1 } },
    { "in x: f32[1,6,%s,8]; y = quern.ScaledAttention(x, x, x, scale=0.25); out y",
      "f32[1,6,%d,8]",
      { 3, 32, 33, 129, 300 } },
};

typedef struct launch_log {
    u32 n;
    qn_launch items[8];
} launch_log;
static launch_log *logged; /* a backend is told nothing but its device: set before a run */

static qn_status log_launch(qn_device *d, const qn_launch *l)
{
    if (logged->n < COUNT(logged->items)) logged->items[logged->n] = *l;
    logged->n++;
    return d->backend->launch(d, l);
}

static qn_status logged_run(graph_run *r, graph_session *s, const qn_tensor *in, u32 n, launch_log *log)
{
    qn_backend logs = *r->device->backend;
    logs.launch = log_launch;
    *log = (launch_log){ 0 };
    logged = log;
    s->x->b = &logs;
    qn_status status = graph_session_run(r, s, in, n);
    s->x->b = r->device->backend;
    return status;
}

static bool same_launches(const launch_log *a, const launch_log *b)
{
    bool same = a->n == b->n && a->n <= COUNT(a->items);
    for (u32 i = 0; same && i < a->n; i++) {
        const qn_launch *x = &a->items[i], *y = &b->items[i];
        same = x->count == y->count && x->n_words == y->n_words && memcmp(x->words, y->words, x->n_words * sizeof(u32)) == 0;
    }
    return same;
}

/* all: the session with a name for the size, which has run others. */
static void test_chosen_size(test *t, const test_device *d, u32 c, int size, graph_run *all, graph_session *s)
{
    char text[200], number[16];
    qn_tensor in[8];
    launch_log got, want = { 0 };
    graph_session fixed = { 0 };
    graph_run one = { .device = d->device, .mem = arena_make() };
    snprintf(text, sizeof text, chosen_cases[c].in, size);
    u32 n = read_inputs(one.mem, text, in);
    snprintf(number, sizeof number, "%d", size);
    snprintf(text, sizeof text, chosen_cases[c].graph, number);
    CHECK_OK(t, graph_open_text(&one, text, &fixed));
    qn_status ran = logged_run(all, s, in, n, &got), also = fixed.x ? logged_run(&one, &fixed, in, n, &want) : QN_E_BUG;
    CHECK(t, ran == QN_OK && also == QN_OK && relative_error(&all->out[0], &one.out[0]) < 1e-5,
          "%s: %s differs from a plan for %d", d->name, chosen_cases[c].graph, size);
    CHECK(t, same_launches(&got, &want), "%s: %s launches something else than a plan for %d", d->name, chosen_cases[c].graph,
          size);
    graph_session_close(&fixed);
    arena_free(one.mem);
}

static void test_chosen(test *t, const test_device *d, u32 c)
{
    char text[200];
    graph_session s = { 0 };
    graph_run all = { .device = d->device, .mem = arena_make() };
    snprintf(text, sizeof text, chosen_cases[c].graph, "n");
    CHECK_OK(t, graph_open_text(&all, text, &s));
    for (u32 i = 0; s.x && i < COUNT(chosen_cases[c].sizes) && (i == 0 || chosen_cases[c].sizes[i]); i++)
        test_chosen_size(t, d, c, (int)chosen_cases[c].sizes[i], &all, &s);
    graph_session_close(&s);
    arena_free(all.mem);
}

/* What one run or reservation asked for in vain is nothing to the next. */
static void test_too_large_once(test *t, const test_device *d)
{
    qn_tensor in[1];
    graph_run r = { .device = d->device, .mem = arena_make() };
    graph_session s = { 0 };
    CHECK_OK(t, graph_open_text(&r, "in x: f32[n,n]; y = Concat(x, x, axis=0); z = Exp(y); out z", &s));
    if (s.x && CHECK(t, read_inputs(r.mem, "f32[4,4]", in) == 1, "no input")) {
        for (u32 i = 0; i < 2; i++)
            CHECK(t, exec_reserve(s.x, 0, i ? INT64_MAX : 1 << 24) == (i ? QN_E_SHAPE : QN_E_NOMEM),
                  "%s: room for a PiB or more", d->name);
        CHECK_OK(t, exec_reserve(s.x, 0, 100));
        CHECK(t, graph_session_run(&r, &s, in, 1) == QN_OK, "%s: after reservations in vain: %s", d->name, qn_last_error());
        CHECK(t, has_shape(r.mem, &r.out[0], "f32[8,4]"), "%s: another shape", d->name);
    }
    graph_session_close(&s);
    arena_free(r.mem);
}

void test_sizes(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 d = 0; d < n; d++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            test_sizes_case(t, &devices[d], &cases[i], false);
            test_sizes_case(t, &devices[d], &cases[i], true);
        }
        bool chooses = devices[d].device->info.caps.best_group == 1; /* the others have one kernel for all sizes */
        for (u32 c = 0; chooses && c < COUNT(chosen_cases); c++) test_chosen(t, &devices[d], c);
        test_too_large_once(t, &devices[d]);
    }
}
