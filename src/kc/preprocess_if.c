/* The expressions of directives: integers, names and operators, as behind #if, in #pragma unroll, and what GROUP stands for. */
#include "kc/preprocess_if.h"

typedef struct condition {
    front *f;
    const token *at, *end;
    kc_pos pos;
    const char *where;
} condition;

static const struct {
    u8 punct, precedence;
} if_operators[] = {
    { P_MUL, 10 }, { P_DIV, 10 }, { P_REM, 10 }, { P_ADD, 9 }, { P_SUB, 9 },    { P_SHL, 8 },
    { P_SHR, 8 },  { P_LT, 7 },   { P_LE, 7 },   { P_GT, 7 },  { P_GE, 7 },     { P_EQ, 6 },
    { P_NE, 6 },   { P_AND, 5 },  { P_XOR, 4 },  { P_OR, 3 },  { P_LOGAND, 2 }, { P_LOGOR, 1 },
};

static u32 if_precedence(const condition *c)
{
    if (c->at == c->end || c->at->kind != T_PUNCT) return 0;
    for (u32 i = 0; i < COUNT(if_operators); i++)
        if (if_operators[i].punct == c->at->punct) return if_operators[i].precedence;
    return 0;
}

static i64 if_apply(condition *c, const token *op, i64 a, i64 b, bool live)
{
    bool divides = op->punct == P_DIV || op->punct == P_REM;
    if (divides && b == 0 && live) front_fail(c->f, op->pos, "division by zero in %s", c->where);
    if (divides && (b == 0 || b == -1)) return op->punct == P_DIV ? (i64)(0 - (u64)a) : 0;
    switch (op->punct) {
    case P_MUL: return (i64)((u64)a * (u64)b);
    case P_DIV: return a / b;
    case P_REM: return a % b;
    case P_ADD: return (i64)((u64)a + (u64)b);
    case P_SUB: return (i64)((u64)a - (u64)b);
    case P_SHL: return (i64)((u64)a << (b & 63));
    case P_SHR: return a >> (b & 63);
    case P_LT: return a < b;
    case P_LE: return a <= b;
    case P_GT: return a > b;
    case P_GE: return a >= b;
    case P_EQ: return a == b;
    case P_NE: return a != b;
    case P_AND: return a & b;
    case P_XOR: return a ^ b;
    case P_OR: return a | b;
    case P_LOGAND: return a && b;
    default: return a || b;
    }
}

static i64 if_expression(condition *c, u32 least, bool live);

static bool if_enter(const condition *c, const token *at)
{
    front *f = c->f;
    if (++f->depth > FRONT_MAX_DEPTH) front_fail(f, at->pos, "%s nests deeper than %d", c->where, (int)FRONT_MAX_DEPTH);
    return !f->status;
}

static i64 if_operand(condition *c, bool live)
{
    front *f = c->f;
    if (c->at == c->end) {
        front_fail(f, c->pos, "expected a value in %s", c->where);
        return 0;
    }
    const token *t = c->at++;
    if (t->kind == T_INT) return (i64)t->value.i;
    if (t->kind == T_NAME) return t->name->word == WORD_true;
    if (t->kind == T_PUNCT && if_enter(c, t)) {
        i64 value = 0;
        bool known = true;
        switch (t->punct) {
        case P_NOT: value = !if_operand(c, live); break;
        case P_SUB: value = (i64)(0 - (u64)if_operand(c, live)); break;
        case P_ADD: value = if_operand(c, live); break;
        case P_BITNOT: value = ~if_operand(c, live); break;
        case P_LPAREN:
            value = if_expression(c, 1, live);
            known = c->at < c->end && macro_is_punct(c->at, P_RPAREN);
            c->at += known;
            break;
        default: known = false;
        }
        f->depth--;
        if (known) return value;
    }
    front_fail(f, t->pos, "'%.*s' cannot stand in %s: integers, names and operators only", (int)t->n, t->text, c->where);
    return 0;
}

/* The rest of `value ? yes : no`. */
static i64 if_choice(condition *c, i64 value, bool live)
{
    i64 yes = 0, no = 0;
    if (if_enter(c, c->at++)) {
        yes = if_expression(c, 1, live && value);
        bool colon = c->at < c->end && macro_is_punct(c->at, P_COLON);
        if (!colon) front_fail(c->f, c->pos, "expected ':' in %s", c->where);
        c->at += colon;
        if (colon) no = if_expression(c, 1, live && !value);
    }
    c->f->depth--;
    return value ? yes : no;
}

static i64 if_expression(condition *c, u32 least, bool live)
{
    i64 value = if_operand(c, live);
    for (u32 precedence = if_precedence(c); precedence >= least && precedence && !c->f->status;
         precedence = if_precedence(c)) {
        const token *op = c->at++;
        bool needed = op->punct == P_LOGAND ? value != 0 : op->punct == P_LOGOR ? value == 0 : true;
        i64 right = if_expression(c, precedence + 1, live && needed);
        value = if_apply(c, op, value, right, live);
    }
    bool asks = least == 1 && c->at < c->end && macro_is_punct(c->at, P_QUESTION) && !c->f->status;
    return asks ? if_choice(c, value, live) : value;
}

/* Is there more on the line of the directive being read? */
bool preprocess_more(reader *r)
{
    if (r->f->status) return false;
    return r->has_ahead ? !r->ahead.line_start && r->ahead.kind != T_END : lex_same_line(r->f, r->lexer);
}

/* `defined X` and `defined(X)` become 0 or 1 before macros are expanded. */
static void read_defined(reader *r, const token *word, token_list *out)
{
    bool paren = preprocess_more(r) && macro_is_punct(macro_look_in_file(r), P_LPAREN);
    if (paren) macro_take(r);
    token t = preprocess_more(r) ? macro_take(r) : *word;
    if (t.kind != T_NAME || t.text == word->text) {
        front_fail(r->f, t.pos, "expected a name after 'defined'");
        return;
    }
    if (paren && !(preprocess_more(r) && macro_is_punct(macro_look_in_file(r), P_RPAREN)))
        front_fail(r->f, t.pos, "expected ')' after 'defined(%s'", t.name->text);
    if (paren) macro_take(r);
    token value = t;
    value.kind = T_INT;
    value.value.i = t.name->macro != NULL;
    macro_list_add(r->f, out, &value);
}

/* The value of the tokens as an integer expression; all of them must belong to it. */
i64 preprocess_value(front *f, const token *items, u32 n, kc_pos pos, const char *where)
{
    token_list full = macro_expand_alone(f, items, n);
    condition c = { f, full.items, full.items, pos, where };
    if (full.n) c.end += full.n;
    i64 value = if_expression(&c, 1, true);
    if (c.at < c.end)
        front_fail(f, c.at->pos, "'%.*s' after the end of the expression in %s", (int)c.at->n, c.at->text, where);
    return value;
}

bool preprocess_condition(reader *r, kc_pos pos)
{
    token_list line = { 0 };
    while (preprocess_more(r)) {
        token t = macro_take(r);
        if (t.kind == T_NAME && strcmp(t.name->text, "defined") == 0) read_defined(r, &t, &line);
        else macro_list_add(r->f, &line, &t);
    }
    return preprocess_value(r->f, line.items, line.n, pos, "#if") != 0;
}

i64 preprocess_group(front *f, const token *kernel)
{
    ident *n = lex_name(f, "GROUP", 5);
    if (!n->macro) return 0;
    token word = { .kind = T_NAME, .pos = kernel->pos, .text = n->text, .n = n->n, .name = n };
    return preprocess_value(f, &word, 1, kernel->pos, "GROUP");
}
