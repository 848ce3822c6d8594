/* Typed nodes. Each maker checks its operands, inserts the conversions C would do silently, and folds casts of constants.
 * Narrow integers and bool compute as i32; f16 and bf16 do not compute; a scalar beside a vector goes to every lane. */
#include "kc/front.h"

/* ------------------------------------------------------------------ nodes */
static const kc_type t_bool = { KC_BOOL, 1 }, t_u32 = { KC_U32, 1 };

static void count_node(front *f, kc_pos pos)
{
    if (++f->nodes > FRONT_MAX_NODES)
        front_fail(f, pos, "the kernel grows too large (inlining and unrolling make more than %d nodes)",
                   (int)FRONT_MAX_NODES);
}

static void scrap(kc_expr *e) { *e = (kc_expr){ .op = K_CONST, .depth = 1, .type = { KC_I32, 1 } }; }

kc_expr *type_node(front *f, kc_op op, kc_type type, kc_pos pos)
{
    count_node(f, pos);
    kc_expr *e = front_alloc(f, sizeof *e);
    if (!e) {
        e = &f->scrap_expr;
        scrap(e);
    } else {
        e->op = (u8)op;
    }
    e->depth = 1;
    e->type = type;
    e->pos = pos;
    return e;
}

static void set_arg(front *f, kc_expr *e, u32 i, const kc_expr *a)
{
    if (e == &f->scrap_expr) return;
    e->a[i] = a;
    e->n_args = (u8)MAX(e->n_args, i + 1);
    e->calls |= a->calls;
    if (a->depth >= e->depth) e->depth = (u16)(a->depth + 1);
    if (e->depth > FRONT_MAX_TREE_DEPTH)
        front_fail(f, e->pos, "an expression nests deeper than %d; use a local", (int)FRONT_MAX_TREE_DEPTH);
}

static const kc_expr *node1(front *f, kc_op op, kc_type type, const kc_expr *a, kc_pos pos)
{
    kc_expr *e = type_node(f, op, type, pos);
    set_arg(f, e, 0, a);
    return e;
}

static const kc_expr *node2(front *f, kc_op op, kc_type type, const kc_expr *a, const kc_expr *b, kc_pos pos)
{
    kc_expr *e = type_node(f, op, type, pos);
    set_arg(f, e, 0, a);
    set_arg(f, e, 1, b);
    return e;
}

const kc_expr *type_copy(front *f, const kc_expr *like, const kc_expr *const *a)
{
    kc_expr *e = type_node(f, (kc_op)like->op, like->type, like->pos);
    if (e == &f->scrap_expr) return e;
    e->call = like->call;
    e->lane = like->lane;
    e->value = like->value;
    e->var = like->var;
    for (u32 i = 0; i < like->n_args; i++) set_arg(f, e, i, a[i]);
    return e;
}

const kc_expr *type_make_call(front *f, kc_builtin b, kc_type type, const kc_expr *const *args, u32 n, kc_pos pos)
{
    kc_expr *e = type_node(f, K_CALL, type, pos);
    e->call = (u8)b;
    for (u32 i = 0; i < n; i++) set_arg(f, e, i, args[i]);
    return e;
}

kc_stmt *type_stmt(front *f, kc_stmt_op op, kc_pos pos)
{
    count_node(f, pos);
    kc_stmt *s = front_alloc(f, sizeof *s);
    if (!s) {
        s = &f->scrap_stmt;
        *s = (kc_stmt){ 0 };
    }
    s->op = (u8)op;
    s->pos = pos;
    return s;
}

void stmt_add(front *f, stmt_list *l, kc_stmt *s)
{
    if (f->status) return;
    if (l->last) l->last->next = s;
    else l->first = s;
    l->last = s;
    l->n++;
}

const kc_expr *type_int(front *f, kc_scalar s, i64 value, kc_pos pos)
{
    kc_expr *e = type_node(f, K_CONST, (kc_type){ (u8)s, 1 }, pos);
    e->value.i = value;
    return e;
}

const kc_expr *type_float(front *f, kc_scalar s, f64 value, kc_pos pos)
{
    kc_expr *e = type_node(f, K_CONST, (kc_type){ (u8)s, 1 }, pos);
    e->value.f = value;
    return e;
}

const kc_expr *type_var(front *f, kc_var *v, kc_pos pos)
{
    kc_expr *e = type_node(f, K_VAR, v->type, pos);
    e->var = v;
    return e;
}

const kc_expr *type_elem(front *f, kc_var *v, const kc_expr *index, const kc_expr *index2, kc_pos pos)
{
    kc_expr *e = type_node(f, K_ELEM, v->type, pos);
    e->var = v;
    set_arg(f, e, 0, index);
    if (index2) set_arg(f, e, 1, index2);
    return e;
}

const kc_expr *type_array(front *f, kc_var *v, const kc_expr *row, kc_pos pos)
{
    kc_expr *e = type_node(f, K_ARRAY, v->type, pos);
    e->var = v;
    if (row) set_arg(f, e, 0, row);
    return e;
}

/* ------------------------------------------------------------------ conversions */
static bool is_number(kc_type t) { return t.scalar != KC_VOID; }
static bool is_storage_only(kc_type t) { return t.scalar == KC_F16 || t.scalar == KC_BF16; }
static bool is_vector(kc_type t) { return t.lanes != 1; }

kc_type type_computing(const front *f, kc_type t)
{
    if (t.scalar == KC_F16 || t.scalar == KC_BF16) return (kc_type){ (u8)f->float_type, t.lanes };
    if (t.scalar == KC_I8 || t.scalar == KC_I16 || t.scalar == KC_U8 || t.scalar == KC_U16)
        return (kc_type){ KC_I32, t.lanes };
    return t;
}

static kc_type promoted(const front *f, kc_type t)
{
    return t.scalar == KC_BOOL ? (kc_type){ KC_I32, t.lanes } : type_computing(f, t);
}

/* A value that an operator can take: not void, not an array, and f16 only where `moving`. */
static bool check_value(front *f, const kc_expr *a, bool moving)
{
    if (f->status) return false;
    if (a->op == K_ARRAY) front_fail(f, a->pos, "%s is an array; an index is missing", a->var->name);
    else if (!is_number(a->type)) front_fail(f, a->pos, "this has no value");
    else if (is_storage_only(a->type) && !moving)
        front_fail(f, a->pos, "%s has no arithmetic: read it with load(x, i) or TO(f32, x), make it with TO(%s, v)",
                   kc_type_name(a->type), kc_type_name(a->type));
    return !f->status;
}

static const kc_expr *convert(front *f, kc_op op, kc_type to, const kc_expr *a)
{
    if (kc_type_same(a->type, to) || f->status) return a;
    return fold_expr(f, node1(f, op, to, a, a->pos));
}

static const kc_expr *splat(front *f, kc_type to, const kc_expr *a)
{
    const kc_expr *scalar = convert(f, K_CAST, (kc_type){ to.scalar, 1 }, a);
    return is_vector(to) ? node1(f, K_SPLAT, to, scalar, a->pos) : scalar;
}

const kc_expr *type_cast(front *f, kc_type to, const kc_expr *a, kc_pos pos)
{
    if (!check_value(f, a, true)) return a;
    if (is_vector(to) || is_vector(a->type)) front_fail(f, pos, "a vector cannot be cast; convert its lanes, or splatw(s)");
    else if (is_storage_only(to) && !kc_type_same(to, a->type))
        front_fail(f, pos, "a cast cannot make %s; write TO(%s, v)", kc_type_name(to), kc_type_name(to));
    if (is_storage_only(a->type) && to.scalar != KC_F64) a = convert(f, K_CAST, type_computing(f, a->type), a);
    return convert(f, K_CAST, to, a);
}

/* TO by what it crosses: narrow floats go through f32; only float to integer and float to narrow float is K_TO. */
static const kc_expr *convert_to(front *f, kc_type to, const kc_expr *a)
{
    if (kc_type_same(to, a->type)) return a;
    bool to_float = to.scalar == KC_F32 || to.scalar == KC_F64;
    if (is_storage_only(a->type) && !to_float) a = convert(f, K_CAST, (kc_type){ KC_F32, 1 }, a);
    if (is_storage_only(to) && !kc_is_float((kc_scalar)a->type.scalar)) a = convert(f, K_CAST, (kc_type){ KC_F32, 1 }, a);
    bool saturates = kc_is_integer((kc_scalar)to.scalar) && kc_is_float((kc_scalar)a->type.scalar);
    return convert(f, saturates || is_storage_only(to) ? K_TO : K_CAST, to, a);
}

const kc_expr *type_to(front *f, kc_type to, const kc_expr *a, kc_pos pos)
{
    if (!check_value(f, a, true)) return a;
    if ((is_vector(to) || is_vector(a->type)) && !kc_type_same(to, a->type))
        front_fail(f, pos, "TO converts scalars; here is %s to %s", kc_type_name(a->type), kc_type_name(to));
    return convert_to(f, to, a);
}

const kc_expr *type_assignable(front *f, kc_type to, const kc_expr *a, kc_pos pos, const char *what)
{
    if (!check_value(f, a, true) || kc_type_same(to, a->type)) return a;
    if (is_storage_only(to))
        front_fail(f, pos, "%s is %s, the value is %s: write TO(%s, v) or store(...)", what, kc_type_name(to),
                   kc_type_name(a->type), kc_type_name(to));
    else if (to.scalar == KC_VOID || is_vector(a->type) || is_vector(to))
        front_fail(f, pos, "%s is %s, the value is %s%s", what, kc_type_name(to), kc_type_name(a->type),
                   is_vector(to) && !is_vector(a->type) ? "; use splatw(s), MAKE2 or MAKE4" : "");
    else if (is_storage_only(a->type) && !kc_is_float((kc_scalar)to.scalar))
        front_fail(f, pos, "%s is %s, the value is %s: read it with load(x, i) first", what, kc_type_name(to),
                   kc_type_name(a->type));
    return convert(f, K_CAST, to, a);
}

const kc_expr *type_condition(front *f, const kc_expr *a, kc_pos pos)
{
    if (!check_value(f, a, false)) return a;
    if (is_vector(a->type)) front_fail(f, pos, "a condition is one value; here is %s", kc_type_name(a->type));
    return convert(f, K_CAST, t_bool, a);
}

const kc_expr *type_index(front *f, const kc_expr *a, kc_pos pos)
{
    if (!check_value(f, a, false)) return a;
    kc_type t = promoted(f, a->type);
    bool wide = t.scalar == KC_I64 || t.scalar == KC_U64; /* memory has fewer than 2^32 elements: the low word says all */
    if (is_vector(t) || kc_is_float((kc_scalar)t.scalar))
        front_fail(f, pos, "an index is an integer; here is %s", kc_type_name(a->type));
    return f->status ? a : convert(f, K_CAST, wide ? t_u32 : t, a);
}

static u32 rank(kc_scalar s)
{
    static const u8 ranks[] = { [KC_I32] = 1, [KC_U32] = 2, [KC_I64] = 3, [KC_U64] = 4, [KC_F32] = 5, [KC_F64] = 6 };
    return s < COUNT(ranks) ? ranks[s] : 0;
}

const kc_expr *type_common(front *f, const kc_expr **a, const kc_expr **b, kc_pos pos)
{
    if (!check_value(f, *a, false) || !check_value(f, *b, false)) return *a;
    kc_type ta = promoted(f, (*a)->type), tb = promoted(f, (*b)->type), t = ta;
    if (is_vector(ta) && is_vector(tb) && !kc_type_same(ta, tb)) {
        front_fail(f, pos, "%s and %s do not go together", kc_type_name(ta), kc_type_name(tb));
        return *a;
    }
    if (is_vector(ta) != is_vector(tb)) t = is_vector(ta) ? ta : tb;
    else if (rank((kc_scalar)tb.scalar) > rank((kc_scalar)ta.scalar)) t = tb;
    *a = is_vector((*a)->type) ? convert(f, K_CAST, t, *a) : splat(f, t, *a);
    *b = is_vector((*b)->type) ? convert(f, K_CAST, t, *b) : splat(f, t, *b);
    return *a;
}

/* ------------------------------------------------------------------ operators */
static const char *const symbols[] = {
#define X(name, symbol, precedence) [name] = symbol,
    KC_BINARY_OPS(X)
#undef X
};

static const kc_expr *shift(front *f, kc_op op, const kc_expr *a, const kc_expr *b, kc_pos pos)
{
    if (!check_value(f, a, false) || !check_value(f, b, false)) return a;
    kc_type ta = promoted(f, a->type), tb = promoted(f, b->type);
    if (kc_is_float((kc_scalar)ta.scalar) || kc_is_float((kc_scalar)tb.scalar) || is_vector(ta) || is_vector(tb)) {
        front_fail(f, pos, "%s works on integers; here are %s and %s", symbols[op], kc_type_name(a->type),
                   kc_type_name(b->type));
        return a;
    }
    i64 count;
    if (fold_is_int(b, &count) && (count < 0 || count >= (i64)kc_scalar_bytes((kc_scalar)ta.scalar) * 8))
        front_fail(f, pos, "a shift of %s by %lld; shl and shr take any count", kc_type_name(ta), (long long)count);
    return node2(f, op, ta, convert(f, K_CAST, ta, a), convert(f, K_CAST, t_u32, b), pos);
}

static bool is_integer_op(kc_op op) { return op == K_REM || op == K_AND || op == K_OR || op == K_XOR; }

const kc_expr *type_binary(front *f, kc_op op, const kc_expr *a, const kc_expr *b, kc_pos pos)
{
    if (op == K_LOGAND || op == K_LOGOR)
        return node2(f, op, t_bool, type_condition(f, a, a->pos), type_condition(f, b, b->pos), pos);
    if (op == K_SHL || op == K_SHR) return shift(f, op, a, b, pos);
    bool both_bool = a->type.scalar == KC_BOOL && b->type.scalar == KC_BOOL && (op == K_EQ || op == K_NE);
    if (!both_bool) type_common(f, &a, &b, pos);
    if (f->status) return a;
    kc_type t = a->type;
    if (is_integer_op(op) && kc_is_float((kc_scalar)t.scalar))
        front_fail(f, pos, "%s works on integers; here is %s%s", symbols[op], kc_type_name(t),
                   op == K_REM ? ": use fmod" : "");
    bool compares = op >= K_LT && op <= K_NE;
    if (compares && is_vector(t)) front_fail(f, pos, "vectors cannot be compared; here is %s", kc_type_name(t));
    return node2(f, op, compares ? t_bool : t, a, b, pos);
}

const kc_expr *type_unary(front *f, kc_op op, const kc_expr *a, kc_pos pos)
{
    if (op == K_NOT) return node1(f, op, t_bool, type_condition(f, a, pos), pos);
    if (!check_value(f, a, false)) return a;
    kc_type t = promoted(f, a->type);
    if (op == K_BITNOT && kc_is_float((kc_scalar)t.scalar))
        front_fail(f, pos, "~ works on integers; here is %s", kc_type_name(t));
    return fold_expr(f, node1(f, op, t, convert(f, K_CAST, t, a), pos));
}

const kc_expr *type_cond(front *f, const kc_expr *c, const kc_expr *a, const kc_expr *b, kc_pos pos)
{
    c = type_condition(f, c, c->pos);
    if (!check_value(f, a, true) || !check_value(f, b, true)) return a;
    if (!kc_type_same(a->type, b->type)) type_common(f, &a, &b, pos);
    kc_expr *e = type_node(f, K_COND, a->type, pos);
    set_arg(f, e, 0, c);
    set_arg(f, e, 1, a);
    set_arg(f, e, 2, b);
    return e;
}

const kc_expr *type_lane(front *f, const kc_expr *vector, u32 lane, kc_pos pos)
{
    if (vector->op == K_SPLAT) return vector->a[0];
    kc_expr *e = type_node(f, K_LANE, (kc_type){ vector->type.scalar, 1 }, pos);
    e->lane = (u8)lane;
    set_arg(f, e, 0, vector);
    return e;
}

const kc_expr *type_make(front *f, kc_type type, const kc_expr *const *args, u32 n, kc_pos pos)
{
    kc_expr *e = type_node(f, K_MAKE, type, pos);
    for (u32 i = 0; i < n; i++)
        set_arg(f, e, i, type_assignable(f, (kc_type){ type.scalar, 1 }, args[i], args[i]->pos, "a lane"));
    return e;
}

const kc_expr *type_splat(front *f, kc_type type, const kc_expr *a)
{
    if (!check_value(f, a, false)) return a;
    if (is_vector(a->type)) {
        front_fail(f, a->pos, "expected one value; here is %s", kc_type_name(a->type));
        return a;
    }
    return splat(f, type, a);
}
