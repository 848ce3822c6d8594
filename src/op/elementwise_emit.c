/* Elementwise rows -> one MAP kernel as text, and its launch.
 *
 * In: the steps of a chain and the shapes of its inputs. Out: a kernel that computes element i of the result.
 * Dimensions that every operand treats alike are merged, so most operands are read at x[i], x[i % n] or x[i / n]. Sizes and numbers
 * are launch parameters, never text: layers that differ only in size share one program. A constant of one element is a parameter too.
 * There is no define T here: each value is written with its own type, because a chain may pass from one to another. */
#include <ctype.h>
#include <stdio.h>

#include "op/elementwise.h"
#include "op/op_util.h"
#include "plan/lower.h"

enum { MAX_SCALARS = 56, MAX_INPUT_BUFFERS = 11 };

/* How an operand lies along one merged dimension of the output. */
typedef enum along { ALONG_FULL, ALONG_ONE, ALONG_UNKNOWN } along;
typedef struct operand {
    val v;
    qn_dtype type;
    bool is_scalar;
    f64 number; /* a constant of one element that fits into a parameter */
    u32 id;     /* x<id>, or k<id> of a scalar */
    along how[QN_MAX_RANK];
    sym size[QN_MAX_RANK]; /* per merged dimension */
    along next;
    sym next_size; /* along the dimension that is being looked at */
} operand;

typedef enum scalar_kind { SCALAR_SIZE, SCALAR_FLOAT, SCALAR_INT, SCALAR_WIDE } scalar_kind;
typedef struct scalar {
    scalar_kind kind;
    sym size;
    f64 number;
} scalar;

typedef struct emitter {
    lowering *l;
    graph *g;
    const node *n;
    operand *in;
    u32 n_in; /* of the node; v 0: absent */
    ew_step *steps;
    u32 n_steps;
    u32 rank;
    sym dims[QN_MAX_RANK]; /* of the output, merged */
    str params, body;      /* the scalar parameters; the statements */
    scalar scalars[MAX_SCALARS];
    u32 n_scalars;
    struct {
        char text[96];
        u32 id;
    } indices[EW_MAX_ARGS * 2];
    u32 n_indices;           /* index expressions so far */
    bool uses_pow, wide_pow; /* integer powers; of 64 bits */
} emitter;

static const char *computing_word(qn_dtype d)
{
    switch (d) {
    case QN_F32:
    case QN_F16:
    case QN_BF16: return "f32";
    case QN_I8:
    case QN_I16:
    case QN_U8:
    case QN_U16: return "i32";
    default: return dtype_word(d);
    }
}

/* ------------------------------------------------------------------ shapes */
static along along_of(graph *g, sym own, sym out)
{
    if (sym_same(g, own, out)) return ALONG_FULL;
    return sym_is(g, own, 1) ? ALONG_ONE : ALONG_UNKNOWN;
}

/* How operand x lies along output dimension d. True when that is as along the dimension before: then the two may be merged. */
static bool set_along(const emitter *e, operand *x, u32 d, const type *out)
{
    x->next = ALONG_ONE;
    x->next_size = sym_one(e->g);
    if (x->v && !x->is_scalar) {
        const type *t = lower_type(e->l, x->v);
        if (d + t->rank >= out->rank) x->next_size = t->dims[d + t->rank - out->rank];
        x->next = along_of(e->g, x->next_size, out->dims[d]);
    } else return true;
    return e->rank && x->next != ALONG_UNKNOWN && x->how[e->rank - 1] == x->next;
}

static void merge_dims(emitter *e)
{
    const type *out = lower_type(e->l, e->n->out[0]);
    for (u32 d = 0; d < out->rank; d++) {
        if (sym_is(e->g, out->dims[d], 1)) continue;
        bool join = e->rank > 0;
        for (u32 k = 0; k < e->n_in; k++) join = set_along(e, &e->in[k], d, out) && join;
        u32 at = join ? e->rank - 1 : e->rank++;
        e->dims[at] = join ? sym_mul(e->g, e->dims[at], out->dims[d]) : out->dims[d];
        for (u32 k = 0; k < e->n_in; k++) {
            operand *x = &e->in[k];
            x->how[at] = x->next;
            x->size[at] = join ? sym_mul(e->g, x->size[at], x->next_size) : x->next_size;
        }
    }
}

/* ------------------------------------------------------------------ scalar parameters */
static u32 add_scalar(emitter *e, const char *word, char letter, scalar s)
{
    for (u32 i = 0; i < e->n_scalars; i++)
        if (s.kind == SCALAR_SIZE && e->scalars[i].kind == SCALAR_SIZE && e->scalars[i].size == s.size) return i;
    if (e->n_scalars == MAX_SCALARS) {
        e->body.bad = true;
        return 0;
    }
    e->scalars[e->n_scalars] = s;
    str_print(&e->params, ", %s %c%u", word, letter, e->n_scalars);
    return e->n_scalars++;
}

static u32 add_size(emitter *e, sym s) { return add_scalar(e, "u32", 'n', (scalar){ .kind = SCALAR_SIZE, .size = s }); }

static u32 add_number(emitter *e, qn_dtype d, f64 v)
{
    scalar_kind kind = dtype_is_float(d) ? SCALAR_FLOAT : qn_dtype_bytes(d) == 8 ? SCALAR_WIDE : SCALAR_INT;
    return add_scalar(e, computing_word(d), 'k', (scalar){ .kind = kind, .number = v });
}

static void pass_scalars(const emitter *e, launch *k)
{
    for (u32 i = 0; i < e->n_scalars; i++) {
        const scalar *s = &e->scalars[i];
        switch (s->kind) {
        case SCALAR_SIZE: launch_size(k, s->size); break;
        case SCALAR_FLOAT: launch_float(k, s->number); break;
        case SCALAR_INT: launch_number(k, (i64)s->number); break;
        case SCALAR_WIDE: launch_wide(k, (i64)s->number); break;
        }
    }
}

/* Numbers that survive the way through f64 and the parameter's type. */
static bool passes_as_scalar(const graph *g, val v, qn_dtype d, f64 *out)
{
    if (d == QN_F64 || d == QN_BOOL || !constant_f64(g, v, out)) return false;
    if (dtype_is_float(d)) return true;
    return *out >= -2147483648.0 && *out <= 2147483647.0;
}

/* ------------------------------------------------------------------ indices */
static sym inner_product(const emitter *e, u32 from)
{
    sym s = sym_one(e->g);
    for (u32 d = from; d < e->rank; d++) s = sym_mul(e->g, s, e->dims[d]);
    return s;
}

/* The operand's own step along dimension d; 0 where it turned out to be 1 long. */
static sym stride_along(const emitter *e, const operand *x, u32 d)
{
    sym stride = sym_one(e->g);
    for (u32 k = d + 1; k < e->rank; k++)
        if (x->how[k] != ALONG_ONE) stride = sym_mul(e->g, stride, x->size[k]);
    if (x->how[d] == ALONG_FULL) return stride;
    return sym_select(e->g, sym_compare(e->g, '=', x->size[d], sym_one(e->g)), sym_zero(e->g), stride);
}

static void put_coordinate(emitter *e, u32 d, str *out)
{
    if (e->rank == 1) str_add(out, "i");
    else if (d == 0) str_print(out, "i / n%u", add_size(e, inner_product(e, 1)));
    else if (d + 1 == e->rank) str_print(out, "i %% n%u", add_size(e, e->dims[d]));
    else {
        u32 below = add_size(e, inner_product(e, d + 1));
        str_print(out, "i / n%u %% n%u", below, add_size(e, e->dims[d]));
    }
}

static void general_index(emitter *e, const operand *x, str *out)
{
    const char *sep = "";
    for (u32 d = 0; d < e->rank; d++) {
        if (x->how[d] == ALONG_ONE) continue;
        sym stride = stride_along(e, x, d);
        str_print(out, "%s(", sep);
        put_coordinate(e, d, out);
        str_add(out, ")");
        if (!sym_is(e->g, stride, 1)) str_print(out, " * n%u", add_size(e, stride));
        sep = " + ";
    }
}

static void index_text(emitter *e, const operand *x, str *out)
{
    u32 full = 0, first = e->rank, last = 0;
    bool known = true;
    for (u32 d = 0; d < e->rank; d++) {
        if (x->how[d] == ALONG_ONE) continue;
        if (x->how[d] == ALONG_UNKNOWN) known = false;
        if (first == e->rank) first = d;
        last = d;
        full++;
    }
    if (full == 0) str_add(out, "0");
    else if (!known || last - first + 1 != full) general_index(e, x, out);
    else if (full == e->rank) str_add(out, "i");
    else if (last + 1 == e->rank) str_print(out, "i %% n%u", add_size(e, inner_product(e, first)));
    else if (first == 0) str_print(out, "i / n%u", add_size(e, inner_product(e, last + 1)));
    else general_index(e, x, out);
}

/* Print the index of an operand, through a local where it is more than a name; equal ones share the local. */
static void put_index(emitter *e, const operand *x, str *out)
{
    str text = { 0 };
    index_text(e, x, &text);
    if (text.bad || text.n < 2) {
        str_add(out, text.bad ? "0" : text.text);
        e->body.bad |= text.bad;
        str_free(&text);
        return;
    }
    u32 k = 0;
    while (k < e->n_indices && !text_same(e->indices[k].text, text.text)) k++;
    if (k == e->n_indices) {
        if (k < COUNT(e->indices) && text.n < sizeof e->indices[k].text) {
            memcpy(e->indices[k].text, text.text, text.n + 1);
            e->n_indices++;
            str_print(&e->body, "    u32 i%u = %s;\n", k, text.text);
            str_print(out, "i%u", k);
        } else str_add(out, text.text);
    } else str_print(out, "i%u", k);
    str_free(&text);
}

/* ------------------------------------------------------------------ steps */
enum { NAME_BYTES = 48 };
typedef struct names {
    char a[3][NAME_BYTES];
} names; /* what a, b and c are in this kernel */

static qn_dtype arg_type(const emitter *e, const ew_step *s, ew_arg x)
{
    return x.kind == EW_STEP ? e->steps[x.at].type : x.kind == EW_INPUT ? e->in[x.at].type : s->type;
}

/* What an absent bound of Clip is: one that nothing passes. */
static const char *no_bound(qn_dtype t, bool upper)
{
    /* clang-format off */
    static const char *const bounds[QN_DTYPE_COUNT][2] = {
        [QN_F32] = { "-INFINITY", "INFINITY" }, [QN_F16] = { "-INFINITY", "INFINITY" }, [QN_BF16] = { "-INFINITY", "INFINITY" },
        [QN_F64] = { "(f64)-INFINITY", "(f64)INFINITY" },
        [QN_I8]  = { "-128", "127" },           [QN_I16] = { "-32768", "32767" },       [QN_I32] = { "(-2147483647 - 1)", "2147483647" },
        [QN_I64] = { "(-(((i64)1 << 62) - 1) * 2 - 2)", "(((i64)1 << 62) - 1) * 2 + 1" },
        [QN_U8]  = { "0", "255" },              [QN_U16] = { "0", "65535" },            [QN_U32] = { "(u32)0", "~(u32)0" },
        [QN_U64] = { "(u64)0", "~(u64)0" },
    };
    /* clang-format on */
    return bounds[t][upper] ? bounds[t][upper] : "0";
}

static void name_arg(const emitter *e, const ew_step *s, u32 k, char *out)
{
    ew_arg x = k < s->n_args ? s->args[k] : (ew_arg){ EW_ABSENT, 0 };
    if (x.kind == EW_ABSENT) snprintf(out, NAME_BYTES, "%s", no_bound(s->type, k == 2));
    else
        snprintf(out, NAME_BYTES, "%c%u",
                 x.kind == EW_STEP       ? 't'
                 : e->in[x.at].is_scalar ? 'k'
                                         : 'x',
                 x.kind == EW_STEP ? x.at : e->in[x.at].id);
}

/* Put what a name of a row stands for; false: it stands for itself. */
static bool put_name(emitter *e, const ew_step *s, qn_dtype t, const names *as, const char *name, size_t n)
{
    str *out = &e->body;
    if (n == 1 && name[0] >= 'a' && name[0] <= 'c') str_add(out, as->a[name[0] - 'a']);
    else if (n == 1 && name[0] >= 'p' && name[0] <= 's') str_print(out, "k%u", add_number(e, QN_F32, s->p[name[0] - 'p']));
    else if (n == 1 && name[0] == 'T') str_add(out, computing_word(t));
    else if (n == 4 && memcmp(name, "BITS", n) == 0) str_print(out, "%zu", 8 * qn_dtype_bytes(t));
    else if (n == 6 && memcmp(name, "SIGNED", n) == 0) str_add(out, dtype_is_signed_int(t) ? "true" : "false");
    else if (n == 7 && memcmp(name, "POW_INT", n) == 0) {
        qn_dtype by = arg_type(e, s, s->args[1]);
        str_add(out, dtype_is_float(by) ? "ew_pow_real" : dtype_is_signed_int(by) ? "ew_pow" : "ew_pow_up");
        e->uses_pow = true;
        e->wide_pow |= qn_dtype_bytes(t) == 8 || (dtype_is_int(by) && qn_dtype_bytes(by) == 8);
    } else return false;
    return true;
}

/* A row's expression with its names replaced; t decides what T is and whether literals are f32 or f64. */
static void put_expression(emitter *e, const ew_step *s, qn_dtype t, const names *as, const char *text)
{
    for (const char *at = text; *at;) {
        const char *from = at;
        if (isalpha((unsigned char)*at) || *at == '_') {
            while (isalnum((unsigned char)*at) || *at == '_') at++;
            if (!put_name(e, s, t, as, from, (size_t)(at - from))) str_add_n(&e->body, from, (size_t)(at - from));
        } else if (isdigit((unsigned char)*at)) {
            while (isalnum((unsigned char)*at) || *at == '.') at++;
            str_add_n(&e->body, from, (size_t)(at - from) - (t == QN_F64 && at[-1] == 'f'));
        } else str_add_n(&e->body, at++, 1);
    }
}

static void put_cast(emitter *e, const ew_step *s, const char *x)
{
    qn_dtype from = arg_type(e, s, s->args[0]), to = s->type;
    if (to == QN_BOOL) str_print(&e->body, "%s != (%s)0", x, computing_word(from));
    else if (to == QN_F16 || to == QN_BF16) str_print(&e->body, "(f32)TO(%s, (f32)%s)", dtype_word(to), x);
    else if (dtype_is_float(from) && !dtype_is_float(to)) str_print(&e->body, "TO(%s, %s)", dtype_word(to), x);
    else str_print(&e->body, "(%s)%s", dtype_word(to), x);
}

/* `f32 t3 = ...;`. A row over many operands is folded from the left into m3 first. Narrow integers wrap after every step. */
static void put_step(emitter *e, u32 number)
{
    const ew_step *s = &e->steps[number];
    const ew_row *row = op_defs[s->op]->row;
    qn_dtype t = row->result ? arg_type(e, s, s->args[0]) : s->type;
    const char *text = dtype_is_int(t) && row->ints ? row->ints : row->expr;
    const char *word = computing_word(s->type);
    bool many = text_starts(op_defs[s->op]->in[0].types, "many "),
         narrow = dtype_is_int(s->type) && qn_dtype_bytes(s->type) < 4;
    names as;
    for (u32 k = 0; k < 3; k++) name_arg(e, s, k, as.a[k]);
    if (many) {
        str_print(&e->body, "    %s m%u = %s;\n", word, number, as.a[0]);
        snprintf(as.a[0], NAME_BYTES, "m%u", number);
    }
    for (u32 k = 1; many && k < s->n_args; k++) {
        name_arg(e, s, k, as.a[1]);
        str_print(&e->body, "    m%u = ", number);
        put_expression(e, s, t, &as, text);
        str_add(&e->body, ";\n");
    }
    str_print(&e->body, "    %s t%u = %s%s%s(", word, number, narrow ? "(" : "", narrow ? dtype_word(s->type) : "",
              narrow ? ")" : "");
    if (many) str_add(&e->body, as.a[0]);
    else if (s->op == OP_Cast) put_cast(e, s, as.a[0]);
    else put_expression(e, s, t, &as, text);
    str_add(&e->body, ");\n");
}

/* ------------------------------------------------------------------ the kernel */
/* W wide enough for base and exponent; the product of its low bits is what wraps around. */
static const char pow_helpers[] = "static W ew_pow_up(W a, U b)\n"
                                  "{\n"
                                  "    W y = 1;\n"
                                  "    for (U n = b; n > 0; n = n / 2) {\n"
                                  "        if ((n & 1) != 0) y = y * a;\n"
                                  "        a = a * a;\n"
                                  "    }\n"
                                  "    return y;\n"
                                  "}\n"
                                  "static W ew_pow(W a, W b)\n"
                                  "{\n"
                                  "    W y = 0;\n"
                                  "    if (b >= 0) y = ew_pow_up(a, (U)b);\n"
                                  "    else y = a == 1 ? 1 : a == -1 ? ((b & 1) != 0 ? -1 : 1) : 0;\n"
                                  "    return y;\n"
                                  "}\n"
                                  "static W ew_pow_real(W a, f32 b)\n"
                                  "{\n"
                                  "    W y = 0;\n"
                                  "    if (b == floor(b) && fabs(b) < 1e9f) y = ew_pow(a, TO(W, b));\n"
                                  "    else y = TO(W, pow((f32)a, b));\n"
                                  "    return y;\n"
                                  "}\n";

static void set_operands(emitter *e)
{
    for (u32 k = 0; k < e->n_in; k++) {
        operand *x = &e->in[k];
        x->v = lower_in(e->l, e->n, k);
        x->type = x->v ? lower_type(e->l, x->v)->dtype : QN_NONE;
        x->is_scalar = x->v && passes_as_scalar(e->g, x->v, x->type, &x->number);
        x->id = k;
        if (x->is_scalar) x->id = add_number(e, x->type, x->number);
    }
}

/* Loads at the top: every buffer operand is read once, in its computing type. */
static void put_loads(emitter *e, str *buffers)
{
    for (u32 k = 0; k < e->n_in; k++) {
        operand *x = &e->in[k];
        if (!x->v || x->is_scalar) continue;
        str index = { 0 };
        put_index(e, x, &index);
        str_print(buffers, ", IN(%s) b%u", dtype_word(x->type), k);
        str_print(&e->body, "    %s x%u = load(b%u, %s);\n", computing_word(x->type), k, k, index.bad ? "0" : index.text);
        e->body.bad |= index.bad;
        str_free(&index);
    }
}

static qn_status launch_it(emitter *e, const char *text)
{
    launch *k = launch_begin_text(e->l, "elementwise", text);
    for (u32 i = 0; i < e->n_in; i++)
        if (e->in[i].v && !e->in[i].is_scalar) launch_in(k, e->in[i].v);
    launch_out(k, lower_out(e->l, e->n, 0));
    pass_scalars(e, k);
    return launch_map(k, lower_elems(e->l, lower_out(e->l, e->n, 0)));
}

static qn_status emit_kernel(emitter *e)
{
    qn_dtype result = e->steps[e->n_steps - 1].type;
    str text = { 0 }, buffers = { 0 };
    set_operands(e);
    merge_dims(e);
    put_loads(e, &buffers);
    for (u32 k = 0; k < e->n_steps; k++) put_step(e, k);
    bool half = result == QN_F16 || result == QN_BF16, narrow = dtype_is_int(result) && qn_dtype_bytes(result) < 4;
    str_add(&text, "#include \"quern_kernel.h\"\n");
    if (e->uses_pow)
        str_print(&text, "#define W %s\n#define U %s\n%s", e->wide_pow ? "i64" : "i32", e->wide_pow ? "u64" : "u32",
                  pow_helpers);
    str_print(&text, "MAP(%s) elementwise(u32 i%s%s)\n{\n%s", dtype_word(result), buffers.n ? buffers.text : "",
              e->params.n ? e->params.text : "", e->body.n ? e->body.text : "");
    if (half) str_print(&text, "    return TO(%s, t%u);\n}\n", dtype_word(result), e->n_steps - 1);
    else
        str_print(&text, "    return %s%s%st%u;\n}\n", narrow ? "(" : "", narrow ? dtype_word(result) : "",
                  narrow ? ")" : "", e->n_steps - 1);
    bool bad = text.bad || buffers.bad || e->params.bad || e->body.bad;
    qn_status s = bad                          ? fail_nomem(4096)
                  : e->n_scalars > MAX_SCALARS ? lower_fail(e->l, e->n, QN_E_UNSUPPORTED, "the chain has too many numbers")
                                               : launch_it(e, text.text);
    str_free(&text);
    str_free(&buffers);
    return s;
}

qn_status ew_emit(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    emitter e = { .l = l, .g = g, .n = n, .n_in = n->n_in };
    e.in = ARENA_ARRAY(g->mem, n->n_in ? n->n_in : 1, operand);
    e.steps = ARENA_ARRAY(g->mem, EW_MAX_STEPS, ew_step);
    if (!e.in || !e.steps) return fail_nomem(EW_MAX_STEPS * sizeof *e.steps);
    e.n_steps = 1;
    if (op_of(n)->row) QN_TRY(ew_step_of(g, n, &e.steps[0]));
    else QN_TRY(ew_chain_parse(attr_text(g, n, "chain", ""), n->n_in, e.steps, &e.n_steps));
    qn_status s = emit_kernel(&e);
    str_free(&e.params);
    str_free(&e.body);
    return s;
}

/* Does one launch hold all operands? */
static bool fits_one_launch(const lowering *l, const node *n)
{
    u32 buffers = 0,
        most = MIN(lower_caps(l)->max_buffers ? lower_caps(l)->max_buffers - 1 : MAX_INPUT_BUFFERS, MAX_INPUT_BUFFERS);
    for (u32 i = 0; i < n->n_in; i++) {
        val v = lower_in(l, n, i);
        f64 number;
        if (v && !passes_as_scalar(lower_graph(l), v, lower_type(l, v)->dtype, &number)) buffers++;
    }
    return buffers <= most && (op_of(n)->row == NULL || ew_is_row(lower_graph(l), n));
}

const variant ew_variants[] = { { "elementwise", 0, fits_one_launch, ew_emit }, { 0 } };
