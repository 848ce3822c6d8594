/* Operators of ai.onnx.ml that look things up: LabelEncoder in all its versions, CategoryMapper, OneHotEncoder. Look-ups by keys run on the
 * host, which has the strings. */
#include <math.h>

#include "op/ml.h"

/* ------------------------------------------------------------------ LabelEncoder */
typedef struct labels { /* data NULL: i64 0, 1, 2, ... */
    qn_dtype dtype;
    u64 n;
    const void *data;
} labels;

/* keys or values, in whichever attribute they are: NAME_tensor, NAME_strings, ... */
static labels labels_of(const node *n, const char *const *names)
{
    for (u32 i = 0; i < 4; i++) {
        const attr *a = attr_find(n, names[i]);
        if (!a) continue;
        if (a->kind == ATTR_TENSOR) return (labels){ a->tensor->dtype, qn_tensor_elems(a->tensor), a->tensor->data };
        if (a->kind == ATTR_TEXTS && a->n) return (labels){ QN_STRING, a->n, a->texts };
        if (a->kind == ATTR_FLOATS && a->n) return (labels){ QN_F32, a->n, a->floats };
        if (a->kind == ATTR_INTS && a->n) return (labels){ QN_I64, a->n, a->ints };
    }
    return (labels){ 0 };
}

/* The first version had a list of strings, and went from them to their places or back. */
static void both_of(const node *n, qn_dtype x, labels *keys, labels *values)
{
    static const char *const key_names[] = { "keys_tensor", "keys_strings", "keys_int64s", "keys_floats" };
    static const char *const value_names[] = { "values_tensor", "values_strings", "values_int64s", "values_floats" };
    const attr *old = attr_find(n, "classes_strings");
    *keys = labels_of(n, key_names), *values = labels_of(n, value_names);
    if (!old || old->kind != ATTR_TEXTS) return;
    *keys = *values = (labels){ QN_STRING, old->n, old->texts };
    if (x == QN_STRING) *values = (labels){ QN_I64, old->n, NULL };
    else *keys = (labels){ QN_I64, old->n, NULL };
}

static qn_status infer_encoder(infer *c)
{
    labels keys, values;
    qn_dtype x = infer_in(c, 0)->dtype;
    const attr *otherwise = attr_find(c->n, "default_tensor");
    both_of(c->n, x, &keys, &values);
    if (!keys.dtype || !values.dtype || keys.n != values.n || keys.n > UINT32_MAX / 4)
        return infer_fail(c, QN_E_FORMAT, "it has not as many keys as values");
    if (keys.dtype != x && !(keys.dtype == QN_F32 && x == QN_F64))
        return infer_fail(c, QN_E_DTYPE, "keys are %s, the input is %s", qn_dtype_name(keys.dtype), qn_dtype_name(x));
    if (otherwise && (otherwise->kind != ATTR_TENSOR || otherwise->tensor->dtype != values.dtype ||
                      qn_tensor_elems(otherwise->tensor) != 1))
        return infer_fail(c, QN_E_DTYPE, "the default is no value like the others");
    type y = type_with(infer_in(c, 0), values.dtype);
    return infer_out(c, 0, &y);
}

/* Element i as bytes that are the same for what counts as the same: floats are f64, NaN is NaN, and -0 is 0. `room` holds a number. */
static qn_bytes word_of(qn_dtype d, const void *data, u64 i, u64 *room)
{
    size_t bytes = qn_dtype_bytes(d);
    *room = 0;
    if (d == QN_STRING) return ((const qn_bytes *)data)[i];
    if (data) memcpy(room, (const u8 *)data + i * bytes, bytes);
    else *room = i;
    f32 narrow;
    f64 wide;
    memcpy(&narrow, room, sizeof narrow), memcpy(&wide, room, sizeof wide);
    if (d == QN_F32) wide = (f64)narrow;
    if (d == QN_F32 || d == QN_F64) *room = isnan(wide) ? UINT64_MAX : 0;
    if ((d == QN_F32 || d == QN_F64) && !isnan(wide) && wide != 0) memcpy(room, &wide, sizeof wide);
    return (qn_bytes){ room, sizeof *room };
}

typedef struct lookup { /* open addressing: 1 + the key's number, 0 is free */
    labels keys;
    u32 *slots, mask;
} lookup;

static u32 *slot_of(const lookup *t, qn_bytes word)
{
    u64 room;
    for (u32 at = (u32)hash_bytes(word.data, word.n, 0);; at++) {
        u32 *slot = &t->slots[at & t->mask];
        if (!*slot) return slot;
        qn_bytes key = word_of(t->keys.dtype, t->keys.data, *slot - 1, &room);
        if (key.n == word.n && (!key.n || memcmp(key.data, word.data, key.n) == 0)) return slot;
    }
}

static bool lookup_make(arena *mem, labels keys, lookup *t)
{
    u64 room;
    *t = (lookup){ .keys = keys, .mask = 15 };
    while (t->mask < 2 * keys.n) t->mask = 2 * t->mask + 1;
    t->slots = ARENA_ARRAY(mem, (u64)t->mask + 1, u32);
    for (u32 i = 0; t->slots && i < keys.n; i++) {
        u32 *slot = slot_of(t, word_of(keys.dtype, keys.data, i, &room));
        if (!*slot) *slot = i + 1;
    }
    return t->slots != NULL;
}

static qn_status host_encoder(host_call *h)
{
    const qn_tensor *x = h->in[0];
    labels keys, values;
    lookup table;
    both_of(h->n, x->dtype, &keys, &values);
    const attr *otherwise = attr_find(h->n, "default_tensor"), *text = attr_find(h->n, "default_string");
    size_t bytes = qn_dtype_bytes(values.dtype);
    i64 whole = attr_int(h->n, "default_int64", -1);
    f64 wide = attr_float(h->n, "default_float", -0.0);
    f32 real = (f32)wide;
    qn_bytes unused = text && text->kind == ATTR_TEXT ? text->text : (qn_bytes){ "_Unused", 7 };
    const void *none = otherwise                   ? otherwise->tensor->data
                       : values.dtype == QN_STRING ? (const void *)&unused
                       : values.dtype == QN_F32    ? (const void *)&real
                       : values.dtype == QN_F64    ? (const void *)&wide
                                                   : (const void *)&whole;
    u8 *y = host_out(h, 0, values.dtype, x->rank, x->dims);
    if (!y || !lookup_make(h->mem, keys, &table)) return QN_E_NOMEM;
    for (u64 i = 0, n = qn_tensor_elems(x); i < n; i++) {
        u64 room, k = *slot_of(&table, word_of(x->dtype, x->data, i, &room));
        if (k && !values.data) memcpy(y + i * bytes, &(i64){ (i64)k - 1 }, bytes);
        else memcpy(y + i * bytes, k ? (const u8 *)values.data + (k - 1) * bytes : none, bytes);
    }
    return QN_OK;
}

/* ------------------------------------------------------------------ CategoryMapper */
static qn_status infer_mapper(infer *c)
{
    const attr *texts = attr_find(c->n, "cats_strings"), *ints = attr_find(c->n, "cats_int64s");
    if (!texts || texts->kind != ATTR_TEXTS || !ints || ints->kind != ATTR_INTS || texts->n != ints->n)
        return infer_fail(c, QN_E_FORMAT, "it has not as many strings as integers");
    type y = type_with(infer_in(c, 0), infer_in(c, 0)->dtype == QN_STRING ? QN_I64 : QN_STRING);
    return infer_out(c, 0, &y);
}

static qn_status expand_mapper(build *b, const node *n)
{
    bool from_text = build_type(b, build_in(b, 0))->dtype == QN_STRING;
    const attr *text = attr_find(n, "default_string");
    attr attrs[4] = { *attr_find(n, "cats_strings"), *attr_find(n, "cats_int64s"),
                      attr_of_int("default_int64", attr_int(n, "default_int64", -1)) };
    attrs[0].name = from_text ? "keys_strings" : "values_strings";
    attrs[1].name = from_text ? "values_int64s" : "keys_int64s";
    if (text) attrs[3] = *text;
    val x = build_in(b, 0), y = build_node(b, OP_LabelEncoder, &x, 1, attrs, text ? 4 : 3);
    return build_done(b, &y, 1);
}

/* ------------------------------------------------------------------ OneHotEncoder */
static const attr *categories_of(const node *n, qn_dtype x)
{
    const attr *a = attr_find(n, x == QN_STRING ? "cats_strings" : "cats_int64s");
    return a && a->n && a->kind == (x == QN_STRING ? ATTR_TEXTS : ATTR_INTS) ? a : NULL;
}

static qn_status infer_one_hot_encoder(infer *c)
{
    type y = type_with(infer_in(c, 0), QN_F32);
    const attr *a = categories_of(c->n, infer_in(c, 0)->dtype);
    if (!a) return infer_fail(c, QN_E_FORMAT, "it has no categories of the input's kind");
    if (y.rank >= QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "the input has too many dimensions");
    y.dims[y.rank++] = sym_number(c->g, a->n);
    return infer_out(c, 0, &y);
}

/* A row of zeros for what is no category: its number is one past the last. Without `zeros`, a place outside: an error when it runs. */
static qn_status expand_one_hot_encoder(build *b, const node *n)
{
    val x = build_in(b, 0);
    bool text = build_type(b, x)->dtype == QN_STRING;
    const attr *a = categories_of(n, build_type(b, x)->dtype);
    i64 *places = ARENA_ARRAY(b->g->mem, a->n, i64), count = a->n;
    if (!places) return fail_nomem(a->n * sizeof *places);
    for (u32 i = 0; i < a->n; i++) places[i] = i;
    attr attrs[3] = { *a, attr_of_ints(b->g, "values_int64s", places, a->n), attr_of_int("default_int64", count) };
    attrs[0].name = text ? "keys_strings" : "keys_int64s";
    if (!text) x = build_cast(b, x, QN_I64);
    x = build_node(b, OP_LabelEncoder, &x, 1, attrs, 3);
    val zero = build_scalar(b, QN_F32, 0), one = build_scalar(b, QN_F32, 1), y;
    if (attr_int(n, "zeros", 1)) {
        val two = build_concat(b, build_reshape(b, zero, (const sym[]){ sym_one(b->g) }, 1),
                               build_reshape(b, one, (const sym[]){ sym_one(b->g) }, 1), 0);
        y = build_node(b, OP_OneHot, (const val[]){ x, build_ints(b, &count, 1), two }, 3, NULL, 0);
    } else {
        sym side = sym_number(b->g, count);
        val rows = build_expand(b, zero, (const sym[]){ side, side }, 2);
        y = build_node(b, OP_Gather, (const val[]){ build_op1(b, OP_EyeLike, rows), x }, 2, NULL, 0);
    }
    return build_done(b, &y, 1);
}

static const op_case encoder_cases[] = {
    { "i64[5]=0..4", "keys_int64s=[0,2,3], values_floats=[1.5,2.5,3.5], default_float=9.0", 0, "numbers for numbers" },
    { "f32[5]={0,nan,2,-0,7}", "keys_floats=[0.0,nan,2.0], values_int64s=[5,6,7]", 0, "NaN and -0 are keys" },
    { 0 },
};
static const op_case one_hot_encoder_cases[] = { { "i64[2,3]={1,5,3,7,1,0}", "cats_int64s=[5,1,7]", 0, "zeros for others" },
                                                 { "f32[3]={1,5,7}", "cats_int64s=[5,1,7], zeros=0", 0, "all are there" },
                                                 { 0 } };
static const op_case no_cases[] = { { 0 } }; /* cases have no strings; tests/make_ml_cases.py has */
ML(LabelEncoder, "each element's value by its key, a default where it has none", LIST({ "X", "string|i64|f32|i32|i16|f64" }),
   LIST({ "Y", "value" }), infer_encoder, encoder_cases, .host = host_encoder,
   .attrs = LIST(TENSOR("default_tensor"), INT("default_int64", -1), FLOAT("default_float", -0.0),
                 TEXT("default_string", "_Unused"), TENSOR("keys_tensor"), TEXTS("keys_strings"), INTS("keys_int64s"),
                 FLOATS("keys_floats"), TENSOR("values_tensor"), TEXTS("values_strings"), INTS("values_int64s"),
                 FLOATS("values_floats"), TEXTS("classes_strings")))
ML(CategoryMapper, "a number for each string, or a string for each number", LIST({ "X", "string|i64" }),
   LIST({ "Y", "string|i64" }), infer_mapper, no_cases, .expand = expand_mapper,
   .attrs = LIST(TEXTS("cats_strings"), INTS("cats_int64s"), INT("default_int64", -1), TEXT("default_string", "_Unused")))
ML(OneHotEncoder, "1 in the column of each element's category, 0 in the others", LIST({ "X", "string|" ML_NUMBERS }),
   LIST({ "Y", "f32" }), infer_one_hot_encoder, one_hot_encoder_cases, .expand = expand_one_hot_encoder,
   .attrs = LIST(TEXTS("cats_strings"), INTS("cats_int64s"), INT("zeros", 1)))
