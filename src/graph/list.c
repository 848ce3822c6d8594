/* Types of sequences, optionals and maps: how many there are is a size like any other; what they hold is one type that fits all elements,
 * with as much left open as they differ in. Lists of lists (an optional of a sequence) say so in turn. A map is a list of two, its keys and its
 * values, whose number is always open. */
#include "graph/graph.h"

static const type *keep(graph *g, const type *t)
{
    type *kept = ARENA_NEW(g->mem, type);
    if (kept) *kept = *t;
    else fail_nomem(sizeof *kept);
    return kept;
}

/* Only numbers stay: a variable of the place where the element was made means nothing where it is taken out. */
static type without_variables(const graph *g, type t)
{
    i64 number;
    for (u32 d = 0; d < t.rank; d++)
        if (!sym_is_number(g, t.dims[d], &number)) t.dims[d] = 0;
    return t;
}

type list_type(graph *g, qn_dtype kind, sym n, const type *element)
{
    type of = without_variables(g, *element);
    return (type){ .dtype = kind, .rank = 1, .known = true, .dims = { n }, .of = keep(g, &of) };
}

type map_type(graph *g, qn_dtype key, qn_dtype of)
{
    type t = list_type(g, QN_MAP, sym_number(g, 2), &(type){ .dtype = of, .rank = 1, .known = true });
    t.key = key;
    return t;
}

static bool is_open(const type *t) { return !t->known && !t->any_rank; }

bool list_meet(graph *g, const type *a, const type *b, type *out)
{
    if (a->dtype != b->dtype || a->key != b->key) return false;
    if (is_open(a) || is_open(b)) return *out = is_open(a) ? *b : *a, true;
    if (!a->known || !b->known || a->rank != b->rank) return *out = (type){ .dtype = a->dtype, .any_rank = true }, true;
    type both = without_variables(g, *a), inner;
    for (u32 d = 0; d < a->rank; d++)
        if (!sym_same(g, a->dims[d], b->dims[d])) both.dims[d] = 0;
    if (a->of) {
        if (!list_meet(g, a->of, b->of, &inner)) return false;
        both.of = keep(g, &inner);
        if (!both.of) both.dtype = QN_NONE;
    }
    *out = both;
    return true;
}

type list_element(graph *g, const type *list)
{
    type t = *list->of;
    for (u32 d = 0; d < t.rank; d++)
        if (!t.dims[d]) t.dims[d] = sym_fresh(g, "element");
    return t;
}

bool list_same(const type *a, const type *b)
{
    if (!a || !b) return a == b;
    return a->dtype == b->dtype && a->key == b->key && a->rank == b->rank && a->known == b->known &&
           a->any_rank == b->any_rank && memcmp(a->dims, b->dims, a->rank * sizeof(sym)) == 0 && list_same(a->of, b->of);
}

/* ---- what really is there */

static qn_status check_one(const graph *g, const type *want, const qn_tensor *t, const char *what)
{
    i64 size;
    if (t->dtype != want->dtype)
        return fail(QN_E_DTYPE, "'%s' holds a tensor of %s, it must be %s", what, qn_dtype_name(t->dtype),
                    qn_dtype_name(want->dtype));
    if (t->rank > QN_MAX_RANK || (want->known && t->rank != want->rank))
        return fail(QN_E_SHAPE, "'%s' holds a tensor of rank %u, the model wants %u", what, t->rank, want->rank);
    for (u32 d = 0; d < t->rank; d++) {
        if (t->dims[d] < 0)
            return fail(QN_E_SHAPE, "'%s' holds a tensor whose dimension %u is %lld", what, d, (long long)t->dims[d]);
        if (want->known && sym_is_number(g, want->dims[d], &size) && size != t->dims[d])
            return fail(QN_E_SHAPE, "'%s' holds a tensor whose dimension %u is %lld, the model wants %lld", what, d,
                        (long long)t->dims[d], (long long)size);
    }
    u64 bytes = qn_tensor_bytes(t);
    if (bytes == UINT64_MAX) return fail(QN_E_SHAPE, "'%s' holds a tensor that is too large to count", what);
    if (bytes && !t->data) return fail(QN_E_USAGE, "'%s' holds a tensor without data", what);
    return tensor_has_texts(t) ? QN_OK : fail(QN_E_USAGE, "'%s' holds a text without data", what);
}

static qn_status check_map(const graph *g, const type *want, const qn_tensor *t, const char *what)
{
    const qn_tensor *inner = t->data;
    type keys = *want->of;
    keys.dtype = want->key;
    if (t->dims[0] != 2) return fail(QN_E_SHAPE, "'%s' holds a map that is not its keys and its values", what);
    QN_TRY(check_one(g, &keys, &inner[0], what));
    type values = *want->of;
    if (inner[0].dims[0] == 0) values.dtype = inner[1].dtype; /* of none, as files have it, nobody says the type */
    QN_TRY(check_one(g, &values, &inner[1], what));
    return inner[0].dims[0] == inner[1].dims[0] ? QN_OK
                                                : fail(QN_E_SHAPE, "'%s' holds a map of %lld keys and %lld values", what,
                                                       (long long)inner[0].dims[0], (long long)inner[1].dims[0]);
}

qn_status list_check(const graph *g, const type *list, const qn_tensor *t, const char *what)
{
    const qn_tensor *inner = t->data;
    if (t->dtype == QN_MAP) return check_map(g, list, t, what);
    const type *of = list->of;
    if (t->dtype == QN_OPTIONAL && t->dims[0] > 1) return fail(QN_E_SHAPE, "'%s' is an optional of more than one", what);
    for (i64 i = 0; i < t->dims[0]; i++) {
        QN_TRY(check_one(g, of, &inner[i], what));
        if (of->of) QN_TRY(list_check(g, of, &inner[i], what));
    }
    return QN_OK;
}

type list_of_tensor(graph *g, const qn_tensor *t)
{
    type of = { 0 };
    if (!dtype_is_list(t->dtype)) return type_of(g, t->dtype, t->rank, t->dims);
    const qn_tensor *inner = t->data;
    if (t->dtype == QN_MAP) return map_type(g, inner[0].dtype, inner[1].dtype);
    for (i64 i = 0; i < t->dims[0]; i++) {
        type one = list_of_tensor(g, &inner[i]);
        if (i == 0) of = one;
        else if (!list_meet(g, &of, &one, &of)) break; /* list_check refuses it */
    }
    return list_type(g, t->dtype, sym_number(g, t->dims[0]), &of);
}
