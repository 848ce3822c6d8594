/* Statements and declarations. Assignments of every kind become S_ASSIGN, all loops S_LOOP; several declarators become several S_DECL. */
#include "kc/front.h"

static void statement(front *f, stmt_list *out);

static const kc_stmt *one_statement(front *f)
{
    stmt_list l = { 0 };
    parse_scope_open(f);
    statement(f, &l);
    parse_scope_close(f);
    return l.first;
}

/* ------------------------------------------------------------------ assignments */
static void check_place(front *f, const kc_expr *e)
{
    const kc_expr *root = e->op == K_LANE ? e->a[0] : e;
    if (f->status) return;
    if (root->op != K_VAR && root->op != K_ELEM) {
        front_fail(f, e->pos,
                   root->op == K_ARRAY ? "an array is not assigned as a whole; an index is missing"
                                       : "this cannot be assigned");
        return;
    }
    const kc_var *v = root->var;
    bool entry = f->func->is_map || f->func->is_kernel;
    if (v->storage == KC_V_INDEX)
        front_fail(f, e->pos, "'%s' is the item of ITEMS(%s) and cannot be assigned", v->name, v->name);
    else if (v->is_const) front_fail(f, e->pos, "'%s' is const", v->name);
    else if (v->storage == V_PARAM && entry)
        front_fail(f, e->pos, "'%s' is a launch parameter and cannot be assigned; copy it to a local", v->name);
    else if (v->storage == V_PARAM_ARRAY && v->role == KC_IN) front_fail(f, e->pos, "'%s' is IN: it is only read", v->name);
    if (root->op == K_VAR) root->var->written = true;
}

static kc_stmt *assign(front *f, const kc_expr *place, const kc_expr *value, kc_pos pos)
{
    check_place(f, place);
    const char *what = f->status ? "" : place->op == K_LANE ? "the lane" : place->var->name;
    value = f->status ? value : type_assignable(f, place->type, value, value->pos, what);
    kc_stmt *s = type_stmt(f, S_ASSIGN, pos);
    s->target = place;
    s->value = value;
    return s;
}

static const struct {
    front_punct punct;
    kc_op op;
} compounds[] = {
    { P_ADD_ASSIGN, K_ADD }, { P_SUB_ASSIGN, K_SUB }, { P_MUL_ASSIGN, K_MUL }, { P_DIV_ASSIGN, K_DIV },
    { P_REM_ASSIGN, K_REM }, { P_AND_ASSIGN, K_AND }, { P_OR_ASSIGN, K_OR },   { P_XOR_ASSIGN, K_XOR },
    { P_SHL_ASSIGN, K_SHL }, { P_SHR_ASSIGN, K_SHR },
};

static kc_stmt *compound(front *f, const kc_expr *place, kc_op op, const kc_expr *by, kc_pos pos)
{
    if (f->status) return assign(f, place, by, pos);
    const kc_expr *value = type_binary(f, op, place, by, pos);
    bool narrows = !f->status && kc_is_integer((kc_scalar)place->type.scalar) && kc_is_float((kc_scalar)value->type.scalar);
    return assign(f, place, narrows ? type_cast(f, place->type, value, pos) : value, pos);
}

/* place = e, place op= e, place++ ; or a call for its effect. NULL: nothing to do. */
static kc_stmt *simple(front *f)
{
    const token *t = parse_peek(f, 0);
    bool plus = parse_is(f, P_PLUS2), minus = parse_is(f, P_MINUS2);
    f->at += plus || minus;
    const kc_expr *e = parse_postfix(f);
    kc_pos pos = parse_peek(f, 0)->pos;
    if (plus || minus) return compound(f, e, plus ? K_ADD : K_SUB, type_int(f, KC_I32, 1, pos), t->pos);
    if (parse_take(f, P_PLUS2)) return compound(f, e, K_ADD, type_int(f, KC_I32, 1, pos), t->pos);
    if (parse_take(f, P_MINUS2)) return compound(f, e, K_SUB, type_int(f, KC_I32, 1, pos), t->pos);
    if (parse_take(f, P_ASSIGN)) return assign(f, e, parse_expression(f), t->pos);
    for (u32 i = 0; i < COUNT(compounds); i++)
        if (parse_take(f, compounds[i].punct)) return compound(f, e, compounds[i].op, parse_expression(f), t->pos);
    if (!f->status && fold_is_pure(e)) front_fail(f, t->pos, "this statement does nothing");
    kc_stmt *s = type_stmt(f, S_EXPR, t->pos);
    s->value = e;
    return s;
}

static void store(front *f, stmt_list *out)
{
    const token *t = parse_peek(f, 0);
    f->at++;
    parse_expect(f, P_LPAREN, "after store");
    const kc_expr *array = parse_postfix(f);
    parse_expect(f, P_COMMA, "after store's buffer");
    const kc_expr *index = parse_expression(f);
    parse_expect(f, P_COMMA, "after store's index");
    const kc_expr *value = parse_expression(f);
    parse_expect(f, P_RPAREN, "after store's value");
    if (f->status) return;
    if (array->op != K_ARRAY) {
        front_fail(f, array->pos, "store takes a buffer or array first");
        return;
    }
    const kc_expr *place = parse_indexed(f, array, index, t->pos);
    if (place->op == K_ARRAY) front_fail(f, array->pos, "'%s' is an array of arrays; give one row of it", array->var->name);
    if (!f->status) stmt_add(f, out, assign(f, place, type_to(f, place->type, value, value->pos), t->pos));
}

/* ------------------------------------------------------------------ declarations */
static kc_stmt *decl_of(front *f, kc_var *v, const kc_expr *value)
{
    kc_stmt *s = type_stmt(f, S_DECL, v->pos);
    s->var = v;
    s->value = value;
    return s;
}

/* { a, b, ... } of an array: zeroed, then what is not zero assigned. */
static void array_values(front *f, kc_var *v, kc_stmt *decl, stmt_list *out)
{
    parse_expect(f, P_LBRACE, "before the array's values");
    decl->zeroed = true;
    if (v->dims == 2 && parse_is(f, P_LBRACE)) front_fail(f, v->pos, "an array of arrays starts as { 0 } or without values");
    for (u32 i = 0; !parse_is(f, P_RBRACE) && !f->status; i++) {
        kc_pos pos = parse_peek(f, 0)->pos;
        const kc_expr *e = fold_all(f, type_assignable(f, v->type, parse_expression(f), pos, v->name));
        bool zero = e->op == K_CONST && e->value.i == 0;
        u32 room = v->dims == 2 ? 1 : v->n[0];
        if (i >= room || (v->dims == 2 && !zero)) front_fail(f, pos, "more values than '%s' has", v->name);
        kc_stmt *s = type_stmt(f, S_ASSIGN, pos);
        s->target = type_elem(f, v, type_int(f, KC_I32, i, pos), NULL, pos);
        s->value = e;
        if (!zero) stmt_add(f, out, s);
        if (!parse_take(f, P_COMMA)) break;
    }
    parse_expect(f, P_RBRACE, "after the array's values");
}

static void declare_array(front *f, ident *n, kc_type type, kc_pos pos, stmt_list *out)
{
    u32 dims = 0, sizes[2] = { 0, 0 };
    while (parse_take(f, P_LBRACKET) && !f->status) {
        if (dims == 2) front_fail(f, pos, "arrays have one or two dimensions");
        u32 size = parse_constant(f, "the size of an array", FRONT_MAX_ARRAY);
        if (dims < 2) sizes[dims++] = size;
        parse_expect(f, P_RBRACKET, "after the size");
    }
    if ((u64)sizes[0] * MAX(sizes[1], 1) > FRONT_MAX_ARRAY)
        front_fail(f, pos, "this array is larger than %d elements", (int)FRONT_MAX_ARRAY);
    kc_var *v = parse_new_var(f, n, type, f->in_items ? KC_V_ITEM : KC_V_UNIFORM, pos);
    v->dims = (u8)dims;
    v->n[0] = sizes[0];
    v->n[1] = sizes[1];
    kc_stmt *decl = decl_of(f, v, NULL);
    stmt_add(f, out, decl);
    if (parse_take(f, P_ASSIGN)) array_values(f, v, decl, out);
}

static void declarator(front *f, kc_type type, bool is_const, stmt_list *out)
{
    const token *t = parse_peek(f, 0);
    ident *n = parse_new_name(f, "a local");
    if (parse_is(f, P_LBRACKET)) {
        declare_array(f, n, type, t->pos, out);
        return;
    }
    const kc_expr *value = NULL;
    if (parse_take(f, P_ASSIGN)) {
        kc_pos pos = parse_peek(f, 0)->pos;
        value = type_assignable(f, type, parse_expression(f), pos, n->text);
    }
    if (is_const && !value) front_fail(f, t->pos, "'%s' is const and has no value", n->text);
    kc_var *v = parse_new_var(f, n, type, f->in_items ? KC_V_ITEM : KC_V_UNIFORM, t->pos);
    v->is_const = is_const;
    stmt_add(f, out, decl_of(f, v, value));
}

static bool declaration(front *f, stmt_list *out)
{
    bool is_const = parse_take_word(f, WORD_const);
    kc_type type;
    if (!parse_type(f, &type)) {
        if (is_const) front_fail(f, parse_peek(f, 0)->pos, "expected a type after const");
        return is_const;
    }
    is_const |= parse_take_word(f, WORD_const);
    do declarator(f, type, is_const, out);
    while (parse_take(f, P_COMMA) && !f->status);
    return true;
}

/* SHARED(T, name, n)  SHARED2(T, name, n, m)  PER_ITEM(T, name)  PER_ITEMS(T, name, n) */
static void group_memory(front *f, stmt_list *out, u32 storage, u32 dims)
{
    const token *word = parse_peek(f, 0);
    f->at++;
    if (f->func->is_map) front_fail(f, word->pos, "a MAP has no group; %s is for KERNEL", word->name->text);
    if (f->in_items) front_fail(f, word->pos, "%s stands outside ITEMS", word->name->text);
    kc_type type = { KC_I32, 1 };
    u32 sizes[2] = { 0, 0 };
    parse_expect(f, P_LPAREN, "after the word");
    if (!parse_type(f, &type)) front_fail(f, parse_peek(f, 0)->pos, "%s takes a type first", word->name->text);
    parse_expect(f, P_COMMA, "after the type");
    const token *t = parse_peek(f, 0);
    ident *n = parse_new_name(f, "group memory");
    for (u32 i = 0; i < dims; i++) {
        parse_expect(f, P_COMMA, "before the size");
        sizes[i] = parse_constant(f, "the size of an array", FRONT_MAX_ARRAY);
    }
    parse_expect(f, P_RPAREN, "after the declaration");
    if ((u64)sizes[0] * MAX(sizes[1], 1) > FRONT_MAX_ARRAY)
        front_fail(f, t->pos, "this array is larger than %d elements", (int)FRONT_MAX_ARRAY);
    kc_var *v = parse_new_var(f, n, type, storage, t->pos);
    v->dims = (u8)dims;
    v->n[0] = sizes[0];
    v->n[1] = sizes[1];
    stmt_add(f, out, decl_of(f, v, NULL));
    parse_expect(f, P_SEMICOLON, "after the declaration");
}

/* ------------------------------------------------------------------ control flow */
static const kc_expr *condition(front *f, const char *after)
{
    parse_expect(f, P_LPAREN, after);
    kc_pos pos = parse_peek(f, 0)->pos;
    const kc_expr *e = type_condition(f, parse_expression(f), pos);
    parse_expect(f, P_RPAREN, "after the condition");
    return e;
}

static void if_statement(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_IF, parse_peek(f, 0)->pos);
    f->at++;
    s->value = condition(f, "after if");
    s->body = one_statement(f);
    if (parse_take_word(f, WORD_else)) s->other = one_statement(f);
    stmt_add(f, out, s);
}

static const kc_stmt *loop_body(front *f)
{
    f->loops++;
    const kc_stmt *body = one_statement(f);
    f->loops--;
    return body;
}

static void simple_list(front *f, stmt_list *out)
{
    do stmt_add(f, out, simple(f));
    while (parse_take(f, P_COMMA) && !f->status);
}

static void for_statement(front *f, stmt_list *out, u32 unroll)
{
    kc_stmt *s = type_stmt(f, S_LOOP, parse_peek(f, 0)->pos);
    stmt_list init = { 0 }, step = { 0 };
    f->at++;
    s->unroll = unroll;
    parse_scope_open(f);
    parse_expect(f, P_LPAREN, "after for");
    if (!parse_is(f, P_SEMICOLON) && !declaration(f, &init)) simple_list(f, &init);
    parse_expect(f, P_SEMICOLON, "after the start of the for");
    kc_pos pos = parse_peek(f, 0)->pos;
    if (!parse_is(f, P_SEMICOLON)) s->value = type_condition(f, parse_expression(f), pos);
    parse_expect(f, P_SEMICOLON, "after the condition of the for");
    if (!parse_is(f, P_RPAREN)) simple_list(f, &step);
    parse_expect(f, P_RPAREN, "after the step of the for");
    s->body = loop_body(f);
    parse_scope_close(f);
    s->init = init.first;
    s->step = step.first;
    stmt_add(f, out, s);
}

static void while_statement(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_LOOP, parse_peek(f, 0)->pos);
    f->at++;
    s->value = condition(f, "after while");
    s->body = loop_body(f);
    stmt_add(f, out, s);
}

static void do_statement(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_LOOP, parse_peek(f, 0)->pos);
    f->at++;
    s->test_last = true;
    s->body = loop_body(f);
    if (!parse_take_word(f, WORD_while)) front_fail(f, parse_peek(f, 0)->pos, "expected 'while' after the body of do");
    s->value = condition(f, "after while");
    parse_expect(f, P_SEMICOLON, "after do ... while");
    stmt_add(f, out, s);
}

static void items(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_ITEMS, parse_peek(f, 0)->pos);
    f->at++;
    if (f->func->is_map) front_fail(f, s->pos, "a MAP has no ITEMS; use KERNEL");
    if (f->in_items) front_fail(f, s->pos, "ITEMS may not stand inside ITEMS");
    u32 loops = f->loops;
    f->in_items = true;
    f->loops = 0;
    parse_scope_open(f);
    parse_expect(f, P_LPAREN, "after ITEMS");
    const token *t = parse_peek(f, 0);
    kc_var *v = parse_new_var(f, parse_new_name(f, "the item"), (kc_type){ KC_U32, 1 }, KC_V_INDEX, t->pos);
    v->is_const = true;
    s->var = v;
    parse_expect(f, P_RPAREN, "after the item's name");
    s->body = one_statement(f);
    parse_scope_close(f);
    f->in_items = false;
    f->loops = loops;
    stmt_add(f, out, s);
}

static void return_statement(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_RETURN, parse_peek(f, 0)->pos);
    const func *fn = f->func;
    f->at++;
    if (f->in_items) front_fail(f, s->pos, "return may not leave ITEMS; use if");
    bool has = !parse_is(f, P_SEMICOLON), wants = fn->result.scalar != KC_VOID;
    if (has && !wants) front_fail(f, parse_peek(f, 0)->pos, "'%s' gives no value", fn->name->text);
    else if (wants && !has)
        front_fail(f, s->pos, "'%s' gives a %s; a value is missing", fn->name->text, kc_type_name(fn->result));
    kc_pos pos = parse_peek(f, 0)->pos;
    if (has) s->value = type_assignable(f, fn->result, parse_expression(f), pos, "the result");
    parse_expect(f, P_SEMICOLON, "after return");
    stmt_add(f, out, s);
}

static void leave_statement(front *f, stmt_list *out, kc_stmt_op op)
{
    const token *t = parse_peek(f, 0);
    f->at++;
    if (f->loops == 0)
        front_fail(f, t->pos, f->in_items ? "%s may not leave ITEMS; it acts on loops inside" : "%s stands in no loop",
                   t->name->text);
    parse_expect(f, P_SEMICOLON, "after the word");
    stmt_add(f, out, type_stmt(f, op, t->pos));
}

/* ------------------------------------------------------------------ statements */
/* (void)x; says that x is not used: nothing to do. */
static bool discarded(front *f)
{
    const token *t = parse_peek(f, 1);
    if (!parse_is(f, P_LPAREN) || t->kind != T_NAME || t->name->word != WORD_void) return false;
    f->at += 2;
    parse_expect(f, P_RPAREN, "after void");
    parse_postfix(f);
    parse_expect(f, P_SEMICOLON, "after the statement");
    return true;
}

static void block(front *f, stmt_list *out)
{
    kc_stmt *s = type_stmt(f, S_BLOCK, parse_peek(f, 0)->pos);
    f->at++;
    parse_scope_open(f);
    s->body = parse_body(f);
    parse_scope_close(f);
    stmt_add(f, out, s);
}

static void unrolled(front *f, stmt_list *out)
{
    const token *t = parse_peek(f, 0);
    f->at++;
    if (parse_is_word(f, WORD_for)) for_statement(f, out, t->value.i ? (u32)t->value.i : (u32)KC_UNROLL_ALL);
    else front_fail(f, t->pos, "#pragma unroll stands before a for");
}

static void expression_statement(front *f, stmt_list *out)
{
    stmt_add(f, out, simple(f));
    parse_expect(f, P_SEMICOLON, "after the statement");
}

static bool word_statement(front *f, stmt_list *out, const token *t)
{
    if (t->kind != T_NAME || t->name->symbol) return false;
    switch (t->name->word) {
    case WORD_if: if_statement(f, out); return true;
    case WORD_for: for_statement(f, out, 0); return true;
    case WORD_while: while_statement(f, out); return true;
    case WORD_do: do_statement(f, out); return true;
    case WORD_ITEMS: items(f, out); return true;
    case WORD_return: return_statement(f, out); return true;
    case WORD_break: leave_statement(f, out, S_BREAK); return true;
    case WORD_continue: leave_statement(f, out, S_CONTINUE); return true;
    case WORD_SHARED: group_memory(f, out, KC_V_SHARED, 1); return true;
    case WORD_SHARED2: group_memory(f, out, KC_V_SHARED, 2); return true;
    case WORD_PER_ITEM: group_memory(f, out, KC_V_PER_ITEM, 0); return true;
    case WORD_PER_ITEMS: group_memory(f, out, KC_V_PER_ITEM, 1); return true;
    case WORD_store:
        store(f, out);
        parse_expect(f, P_SEMICOLON, "after store");
        return true;
    default: return false;
    }
}

static void statement(front *f, stmt_list *out)
{
    const token *t = parse_peek(f, 0);
    if (!parse_enter(f)) {
        parse_leave(f);
        return;
    }
    if (t->kind == T_UNROLL) unrolled(f, out);
    else if (parse_is(f, P_LBRACE)) block(f, out);
    else if (!parse_take(f, P_SEMICOLON) && !discarded(f) && !word_statement(f, out, t)) {
        if (declaration(f, out)) parse_expect(f, P_SEMICOLON, "after the declaration");
        else expression_statement(f, out);
    }
    parse_leave(f);
}

const kc_stmt *parse_body(front *f)
{
    stmt_list l = { 0 };
    while (!parse_is(f, P_RBRACE) && parse_peek(f, 0)->kind != T_END && !f->status) statement(f, &l);
    parse_expect(f, P_RBRACE, "at the end of the body");
    return f->status ? NULL : l.first;
}
