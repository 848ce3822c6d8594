/* Expressions, by precedence climbing. Nothing in an expression writes but atomics: assignments are statements (parse_statement.c). */
#include <math.h>

#include "kc/front.h"

static const kc_expr *nothing(front *f) { return type_int(f, KC_I32, 0, parse_peek(f, 0)->pos); }

/* ------------------------------------------------------------------ arguments */
enum { MAX_CALL_ARGS = FRONT_MAX_PARAMS };

static u32 arguments(front *f, const kc_expr **out, const char *callee)
{
    u32 n = 0;
    kc_pos pos = parse_peek(f, 0)->pos;
    parse_expect(f, P_LPAREN, callee);
    if (!parse_is(f, P_RPAREN)) do {
            if (n == MAX_CALL_ARGS) front_fail(f, pos, "more than %d arguments", (int)MAX_CALL_ARGS);
            const kc_expr *e = parse_expression(f);
            if (!f->status) out[n++] = e;
        } while (parse_take(f, P_COMMA) && !f->status);
    parse_expect(f, P_RPAREN, "after the arguments");
    return f->status ? 0 : n;
}

static bool count_is(front *f, const token *callee, u32 n, u32 wanted)
{
    if (n != wanted && !f->status)
        front_fail(f, callee->pos, "%s takes %u argument%s, here %s %u", callee->name->text, wanted, wanted == 1 ? "" : "s",
                   n == 1 ? "is" : "are", n);
    return !f->status;
}

static bool is_whole_2d(const kc_expr *e) { return e->op == K_ARRAY && e->var->dims == 2 && e->n_args == 0; }

static const kc_expr *array_argument(front *f, const kc_expr *arg, const kc_var *param)
{
    if (arg->op != K_ARRAY)
        front_fail(f, arg->pos, "'%s' is an array of %s; give a buffer, SHARED or local array", param->name,
                   kc_type_name(param->type));
    else if (is_whole_2d(arg)) front_fail(f, arg->pos, "'%s' is an array of arrays; give one row of it", arg->var->name);
    else if (!kc_type_same(arg->type, param->type))
        front_fail(f, arg->pos, "'%s' is an array of %s, '%s' holds %s", param->name, kc_type_name(param->type),
                   arg->var->name, kc_type_name(arg->type));
    return arg;
}

static const kc_expr *user_call_of(front *f, func *fn, const token *callee)
{
    const kc_expr *args[MAX_CALL_ARGS];
    u32 n = arguments(f, args, "after the function's name");
    if (fn->is_map || fn->is_kernel) front_fail(f, callee->pos, "'%s' is a kernel and cannot be called", fn->name->text);
    if (!fn->complete) front_fail(f, callee->pos, "'%s' calls itself; kernels have no recursion", fn->name->text);
    if (!count_is(f, callee, n, fn->n_params)) return nothing(f);
    user_call *c = front_alloc(f, sizeof *c);
    const kc_expr **kept = front_alloc(f, (n + 1) * sizeof *kept);
    if (f->status) return nothing(f);
    for (u32 i = 0; i < n; i++) {
        const kc_var *p = fn->params[i];
        kept[i] = p->dims ? array_argument(f, args[i], p) : type_assignable(f, p->type, args[i], args[i]->pos, p->name);
        if (kept[i]->depth >= c->expr.depth) c->expr.depth = (u16)(kept[i]->depth + 1);
    }
    if (c->expr.depth > FRONT_MAX_TREE_DEPTH)
        front_fail(f, callee->pos, "an expression nests deeper than %d", (int)FRONT_MAX_TREE_DEPTH);
    c->expr.op = K_USER;
    c->expr.type = fn->result;
    c->expr.pos = callee->pos;
    c->expr.calls = true;
    c->func = fn;
    c->n_args = n;
    c->args = kept;
    return &c->expr;
}

/* ------------------------------------------------------------------ words that are calls */
static const kc_expr *load(front *f, const token *callee)
{
    const kc_expr *args[MAX_CALL_ARGS];
    u32 n = arguments(f, args, "after load");
    if (!count_is(f, callee, n, 2)) return nothing(f);
    if (args[0]->op != K_ARRAY || is_whole_2d(args[0])) {
        front_fail(f, args[0]->pos, "load takes a buffer or array first");
        return nothing(f);
    }
    const kc_expr *elem = parse_indexed(f, args[0], args[1], callee->pos);
    return type_to(f, type_computing(f, elem->type), elem, callee->pos);
}

static const kc_expr *masked_shift(front *f, const token *callee, kc_op op)
{
    const kc_expr *args[MAX_CALL_ARGS];
    u32 n = arguments(f, args, "after a shift");
    if (!count_is(f, callee, n, 2)) return nothing(f);
    const kc_expr *zero = type_int(f, KC_I32, 0, callee->pos), *a = args[0];
    type_common(f, &a, &zero, callee->pos);
    i64 bits = kc_scalar_bytes((kc_scalar)a->type.scalar) * 8;
    const kc_expr *mask = type_int(f, KC_U32, bits - 1, callee->pos);
    const kc_expr *count = f->status ? mask : type_cast(f, (kc_type){ KC_U32, 1 }, args[1], callee->pos);
    return type_binary(f, op, a, fold_expr(f, type_binary(f, K_AND, count, mask, callee->pos)), callee->pos);
}

static kc_type type_argument(front *f, const token *callee)
{
    kc_type type = { KC_I32, 1 };
    parse_expect(f, P_LPAREN, "after the word");
    if (!parse_type(f, &type)) front_fail(f, parse_peek(f, 0)->pos, "%s takes a type first", callee->name->text);
    parse_expect(f, P_COMMA, "after the type");
    return type;
}

static const kc_expr *to(front *f, const token *callee)
{
    kc_type type = type_argument(f, callee);
    const kc_expr *e = parse_expression(f);
    parse_expect(f, P_RPAREN, "after TO's value");
    return type_to(f, type, e, callee->pos);
}

static const kc_expr *make(front *f, const token *callee, u32 lanes)
{
    kc_type type = type_argument(f, callee);
    const kc_expr *args[KC_MAX_ARGS] = { 0 };
    u32 n = 0;
    do {
        const kc_expr *e = parse_expression(f);
        if (n < lanes) args[n] = e;
        n++;
    } while (parse_take(f, P_COMMA) && !f->status);
    parse_expect(f, P_RPAREN, "after the lanes");
    bool ok = type.lanes == 1 && (type.scalar == KC_I32 || type.scalar == KC_U32 || type.scalar == f->float_type);
    if (!ok) front_fail(f, callee->pos, "vectors are made of i32, u32 or f32; here is %s", kc_type_name(type));
    if (n != lanes) front_fail(f, callee->pos, "%s takes a type and %u values, here are %u", callee->name->text, lanes, n);
    return f->status ? nothing(f) : type_make(f, (kc_type){ type.scalar, (u8)lanes }, args, lanes, callee->pos);
}

static const kc_expr *splatw(front *f, const token *callee)
{
    const kc_expr *args[MAX_CALL_ARGS];
    u32 n = arguments(f, args, "after splatw");
    return count_is(f, callee, n, 1) ? type_splat(f, (kc_type){ (u8)f->float_type, KC_WIDE }, args[0]) : nothing(f);
}

/* mma_...(sums, left, right): PER_ITEMS by name, without [t], for it is the whole group's. */
static const kc_expr *mma(front *f, const token *callee)
{
    const kc_expr *args[3];
    if (f->in_items) front_fail(f, callee->pos, "%s is done by the whole group: outside ITEMS", callee->name->text);
    for (u32 i = 0; i < COUNT(args) && !f->status; i++) {
        parse_expect(f, i ? P_COMMA : P_LPAREN, i ? "between the arguments" : "after a builtin");
        const token *t = parse_peek(f, 0);
        kc_var *v = t->kind == T_NAME && t->name->symbol ? t->name->symbol->var : NULL;
        f->at++;
        if (!v || v->storage != KC_V_PER_ITEM || !v->dims)
            front_fail(f, t->pos, "%s takes names of PER_ITEMS", callee->name->text);
        else args[i] = type_array(f, v, NULL, t->pos);
    }
    parse_expect(f, P_RPAREN, "after the arguments");
    return f->status ? nothing(f) : type_call(f, (kc_builtin)callee->name->builtin, args, COUNT(args), callee->pos);
}

/* subgroup_...(name, constants): a PER_ITEM by name, without [t], for it is the whole group's. */
static const kc_expr *subgroup(front *f, const token *callee)
{
    const kc_expr *args[KC_MAX_ARGS];
    u32 n = 0;
    if (f->in_items) front_fail(f, callee->pos, "%s is done by the whole group: outside ITEMS", callee->name->text);
    parse_expect(f, P_LPAREN, "after a builtin");
    const token *t = parse_peek(f, 0);
    kc_var *v = t->kind == T_NAME && t->name->symbol ? t->name->symbol->var : NULL;
    f->at++;
    if (!v || v->storage != KC_V_PER_ITEM || v->dims)
        front_fail(f, t->pos, "%s takes the name of a PER_ITEM first", callee->name->text);
    else args[n++] = type_array(f, v, NULL, t->pos);
    while (n < KC_MAX_ARGS && !f->status && parse_take(f, P_COMMA)) args[n++] = fold_all(f, parse_expression(f));
    parse_expect(f, P_RPAREN, "after the arguments");
    return f->status ? nothing(f) : type_call(f, (kc_builtin)callee->name->builtin, args, n, callee->pos);
}

static const kc_expr *builtin(front *f, const token *callee)
{
    const kc_expr *args[MAX_CALL_ARGS];
    if (kc_builtin_is_mma((kc_builtin)callee->name->builtin)) return mma(f, callee);
    if (kc_builtin_is_subgroup((kc_builtin)callee->name->builtin)) return subgroup(f, callee);
    u32 n = arguments(f, args, "after a builtin");
    for (u32 i = 0; i < n && !f->status; i++)
        if (is_whole_2d(args[i]))
            front_fail(f, args[i]->pos, "'%s' is an array of arrays; give one row of it", args[i]->var->name);
    return f->status ? nothing(f) : type_call(f, (kc_builtin)callee->name->builtin, args, n, callee->pos);
}

static const kc_expr *word(front *f, const token *t)
{
    f->at++;
    switch (t->name->word) {
    case WORD_true: return type_int(f, KC_BOOL, 1, t->pos);
    case WORD_false: return type_int(f, KC_BOOL, 0, t->pos);
    case WORD_INFINITY: return type_float(f, f->float_type, (f64)INFINITY, t->pos);
    case WORD_NAN: return type_float(f, f->float_type, (f64)NAN, t->pos);
    case WORD_TO: return to(f, t);
    case WORD_MAKE2: return make(f, t, 2);
    case WORD_MAKE4: return make(f, t, 4);
    case WORD_load: return load(f, t);
    case WORD_shl: return masked_shift(f, t, K_SHL);
    case WORD_shr: return masked_shift(f, t, K_SHR);
    case WORD_splatw: return splatw(f, t);
    case WORD_BUILTIN: return builtin(f, t);
    case WORD_TYPE: front_fail(f, t->pos, "'%s' is a type; a cast is (%s)value", t->name->text, t->name->text); break;
    case WORD_NOT_HERE: front_fail(f, t->pos, "'%s' is not part of the kernel language", t->name->text); break;
    default:
        front_fail(f, t->pos, "expected a value, found '%s'%s%s", t->name->text, t->name->instead ? "; did you mean " : "",
                   t->name->instead ? t->name->instead : "");
    }
    return nothing(f);
}

/* ------------------------------------------------------------------ names and places */
static const kc_expr *unknown(front *f, const token *t)
{
    const char *nearest = front_nearest(f, t->name);
    bool call = parse_peek(f, 1)->kind == T_PUNCT && parse_peek(f, 1)->punct == P_LPAREN;
    front_fail(f, t->pos, "unknown %s '%.*s'%s%s%s", call ? "function" : "name", (int)MIN(t->n, 60), t->text,
               nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return nothing(f);
}

/* name[t] of a PER_ITEM: the item's own; [t] is not in the tree. */
static const kc_expr *per_item(front *f, kc_var *v, kc_pos pos)
{
    parse_expect(f, P_LBRACKET, "after a PER_ITEM name");
    const kc_expr *index = parse_expression(f);
    parse_expect(f, P_RBRACKET, "after the item");
    if (!f->status && !(index->op == K_VAR && index->var->storage == KC_V_INDEX))
        front_fail(f, index->pos, "'%s' is PER_ITEM: its first index is the t of the enclosing ITEMS(t)", v->name);
    return v->dims ? type_array(f, v, NULL, pos) : type_var(f, v, pos);
}

static const kc_expr *named(front *f, const token *t)
{
    symbol *s = t->name->symbol;
    f->at++;
    if (s->func) return user_call_of(f, s->func, t);
    if (!s->var) return nothing(f);
    if (s->var->storage == KC_V_PER_ITEM) return per_item(f, s->var, t->pos);
    return s->var->dims ? type_array(f, s->var, NULL, t->pos) : type_var(f, s->var, t->pos);
}

static void check_bound(front *f, const kc_expr *index, const kc_var *v, u32 bound)
{
    i64 i;
    if (bound && fold_is_int(index, &i) && (i < 0 || i >= (i64)bound))
        front_fail(f, index->pos, "index %lld is outside '%s', which has %u", (long long)i, v->name, bound);
}

const kc_expr *parse_indexed(front *f, const kc_expr *array, const kc_expr *index, kc_pos pos)
{
    kc_var *v = array->var;
    index = fold_all(f, type_index(f, index, index->pos));
    bool row = v->dims == 2 && array->n_args == 0;
    if (f->status) return array;
    check_bound(f, index, v, v->n[v->dims == 2 && !row ? 1 : 0]);
    if (row) return type_array(f, v, index, pos);
    return array->n_args ? type_elem(f, v, array->a[0], index, pos) : type_elem(f, v, index, NULL, pos);
}

static const kc_expr *lane(front *f, const kc_expr *e, i64 k, kc_pos pos)
{
    if (f->status) return e;
    if (e->type.lanes != 2 && e->type.lanes != 4) {
        front_fail(f, pos, "%s has no lanes to pick from", kc_type_name(e->type));
        return e;
    }
    if (k < 0 || k >= e->type.lanes)
        front_fail(f, pos, "%s has %u lanes; there is no lane %lld", kc_type_name(e->type), e->type.lanes, (long long)k);
    return f->status ? e : type_lane(f, e, (u32)k, pos);
}

static const kc_expr *subscript(front *f, const kc_expr *e, kc_pos pos)
{
    const kc_expr *index = parse_expression(f);
    parse_expect(f, P_RBRACKET, "after the index");
    if (f->status) return e;
    if (e->op == K_ARRAY) return parse_indexed(f, e, index, pos);
    i64 k;
    if (e->type.lanes == 1) front_fail(f, pos, "%s cannot be indexed", kc_type_name(e->type));
    else if (!fold_is_int(fold_all(f, index), &k)) front_fail(f, index->pos, "a lane of a vector is picked by a constant");
    else return lane(f, e, k, pos);
    return e;
}

static const kc_expr *member(front *f, const kc_expr *e)
{
    static const char members[] = "xyzw";
    const token *t = parse_peek(f, 0);
    const char *at = t->kind == T_NAME && t->n == 1 ? strchr(members, t->text[0]) : NULL;
    if (!at) {
        front_fail(f, t->pos, "expected x, y, z or w after '.'");
        return e;
    }
    f->at++;
    if (e->op == K_ARRAY) front_fail(f, t->pos, "'%s' is an array; an index is missing", e->var->name);
    return lane(f, e, at - members, t->pos);
}

/* ------------------------------------------------------------------ operators */
static const kc_expr *number(front *f, const token *t)
{
    f->at++;
    if (t->kind == T_FLOAT) return type_float(f, (kc_scalar)t->scalar, t->value.f, t->pos);
    return type_int(f, (kc_scalar)t->scalar, (i64)t->value.i, t->pos);
}

static const kc_expr *primary(front *f)
{
    const token *t = parse_peek(f, 0);
    if (t->kind == T_INT || t->kind == T_FLOAT) return number(f, t);
    if (t->kind == T_NAME && t->name->symbol) return named(f, t);
    if (t->kind == T_NAME && t->name->word != WORD_NONE) return word(f, t);
    if (t->kind == T_NAME) return unknown(f, t);
    if (parse_take(f, P_LPAREN)) {
        const kc_expr *e = parse_expression(f);
        parse_expect(f, P_RPAREN, "to close '('");
        return e;
    }
    if (t->kind == T_END) front_fail(f, t->pos, "expected a value, found the end of the file");
    else front_fail(f, t->pos, "expected a value, found '%.*s'", (int)MIN(t->n, 60), t->text);
    return nothing(f);
}

const kc_expr *parse_postfix(front *f)
{
    const kc_expr *e = primary(f);
    while (!f->status) {
        kc_pos pos = e->pos;
        if (parse_take(f, P_LBRACKET)) e = subscript(f, e, pos);
        else if (parse_take(f, P_DOT)) e = member(f, e);
        else break;
    }
    return e;
}

static bool is_cast(const front *f)
{
    const token *t = parse_peek(f, 1);
    return parse_is(f, P_LPAREN) && t->kind == T_NAME && !t->name->symbol &&
           (t->name->word == WORD_TYPE || t->name->instead);
}

static const kc_expr *cast(front *f);

static const kc_expr *unary(front *f)
{
    static const struct {
        front_punct punct;
        kc_op op;
    } prefixes[] = { { P_SUB, K_NEG }, { P_NOT, K_NOT }, { P_BITNOT, K_BITNOT } };
    const token *t = parse_peek(f, 0);
    if (is_cast(f)) return cast(f);
    for (u32 i = 0; i < COUNT(prefixes); i++) {
        if (!parse_is(f, prefixes[i].punct)) continue;
        f->at++;
        const kc_expr *e = parse_enter(f) ? unary(f) : nothing(f);
        parse_leave(f);
        return type_unary(f, prefixes[i].op, e, t->pos);
    }
    if (parse_take(f, P_ADD)) {
        const kc_expr *e = parse_enter(f) ? unary(f) : nothing(f), *zero = type_int(f, KC_I32, 0, t->pos);
        parse_leave(f);
        return type_common(f, &e, &zero, t->pos);
    }
    if (parse_is(f, P_PLUS2) || parse_is(f, P_MINUS2))
        front_fail(f, t->pos, "%.*s is a statement of its own in kernels", (int)t->n, t->text);
    else if (parse_is(f, P_AND) || parse_is(f, P_MUL))
        front_fail(f, t->pos, "kernels have no pointers; pass a buffer or array and an index");
    return parse_postfix(f);
}

static const kc_expr *cast(front *f)
{
    kc_type type = { KC_I32, 1 };
    const token *t = parse_peek(f, 0);
    f->at++;
    if (!parse_type(f, &type)) return nothing(f);
    parse_expect(f, P_RPAREN, "after the type of a cast");
    const kc_expr *e = parse_enter(f) ? unary(f) : nothing(f);
    parse_leave(f);
    return type_cast(f, type, e, t->pos);
}

static const struct {
    front_punct punct;
    kc_op op;
    u32 precedence;
} binaries[] = {
    { P_MUL, K_MUL, 12 }, { P_DIV, K_DIV, 12 },      { P_REM, K_REM, 12 },    { P_ADD, K_ADD, 11 }, { P_SUB, K_SUB, 11 },
    { P_SHL, K_SHL, 10 }, { P_SHR, K_SHR, 10 },      { P_LT, K_LT, 9 },       { P_LE, K_LE, 9 },    { P_GT, K_GT, 9 },
    { P_GE, K_GE, 9 },    { P_EQ, K_EQ, 8 },         { P_NE, K_NE, 8 },       { P_AND, K_AND, 7 },  { P_XOR, K_XOR, 6 },
    { P_OR, K_OR, 5 },    { P_LOGAND, K_LOGAND, 4 }, { P_LOGOR, K_LOGOR, 3 },
};

static const kc_expr *binary(front *f, u32 least)
{
    const kc_expr *a = unary(f);
    for (;;) {
        const token *t = parse_peek(f, 0);
        u32 i = 0;
        while (i < COUNT(binaries) &&
               !(t->kind == T_PUNCT && binaries[i].punct == t->punct && binaries[i].precedence >= least))
            i++;
        if (i == COUNT(binaries) || f->status) return a;
        f->at++;
        const kc_expr *b = binary(f, binaries[i].precedence + 1);
        if (f->status) return a;
        a = type_binary(f, binaries[i].op, a, b, t->pos);
    }
}

const kc_expr *parse_expression(front *f)
{
    if (!parse_enter(f)) {
        parse_leave(f);
        return nothing(f);
    }
    const kc_expr *e = binary(f, 1);
    const token *t = parse_peek(f, 0);
    if (parse_take(f, P_QUESTION)) {
        const kc_expr *yes = parse_expression(f);
        parse_expect(f, P_COLON, "in ?:");
        const kc_expr *no = parse_expression(f);
        e = f->status ? e : type_cond(f, e, yes, no, t->pos);
    } else if (parse_is(f, P_ASSIGN) && !f->status) {
        front_fail(f, t->pos, "an assignment is a statement of its own in kernels; did you mean ==?");
    }
    parse_leave(f);
    return e;
}
