/* Tokens -> kernels and functions. Each function reads the piece of grammar it is named after and leaves f->at behind it.
 *
 *     file     = { function | kernel | table }
 *     kernel   = ("MAP" "(" type ")" | "KERNEL") name "(" "u32" name { "," param } ")" body
 *     function = "static" ["inline"] (type | "void") name "(" params ")" body
 *     table    = "static" "const" type name "[" [n] "]" "=" "{" constants "}" ";"
 *     param    = ("IN" | "OUT" | "INOUT" | "CONST") "(" type ")" name | "ARRAY" "(" type "," name ")" | ["const"] type name */
#include "kc/front.h"

/* ------------------------------------------------------------------ tokens */
const token *parse_peek(const front *f, u32 ahead)
{
    u32 at = f->status ? f->n_tokens - 1 : f->at + ahead;
    return &f->tokens[MIN(at, f->n_tokens - 1)];
}

bool parse_is(const front *f, front_punct p)
{
    const token *t = parse_peek(f, 0);
    return t->kind == T_PUNCT && t->punct == p;
}

bool parse_take(front *f, front_punct p)
{
    bool here = parse_is(f, p);
    f->at += here;
    return here;
}

bool parse_is_word(const front *f, front_word w)
{
    const token *t = parse_peek(f, 0);
    return t->kind == T_NAME && t->name->word == w;
}

bool parse_take_word(front *f, front_word w)
{
    bool here = parse_is_word(f, w);
    f->at += here;
    return here;
}

static const char *const punct_texts[] = {
#define X(id, text) [id] = text,
    FRONT_PUNCTUATORS(X)
#undef X
};

void parse_expect(front *f, front_punct p, const char *after)
{
    if (parse_take(f, p)) return;
    const token *t = parse_peek(f, 0);
    if (t->kind == T_END) front_fail(f, t->pos, "expected '%s' %s, found the end of the file", punct_texts[p], after);
    else front_fail(f, t->pos, "expected '%s' %s, found '%.*s'", punct_texts[p], after, (int)MIN(t->n, 60), t->text);
}

ident *parse_new_name(front *f, const char *what)
{
    const token *t = parse_peek(f, 0);
    bool free_name = t->kind == T_NAME &&
                     (t->name->word == WORD_NONE || t->name->word == WORD_BUILTIN || t->name->word == WORD_FOREIGN_NAME);
    if (!free_name)
        front_fail(f, t->pos,
                   t->kind == T_NAME ? "'%.*s' is a word of the language; %s needs another name"
                                     : "'%.*s' found where %s needs a name",
                   (int)MIN(t->n, 60), t->kind == T_END ? "(end)" : t->text, what);
    if (f->status) return lex_name(f, "?", 1);
    f->at++;
    return t->name;
}

bool parse_enter(front *f)
{
    if (++f->depth > FRONT_MAX_DEPTH) front_fail(f, parse_peek(f, 0)->pos, "nested deeper than %d", (int)FRONT_MAX_DEPTH);
    return !f->status;
}

void parse_leave(front *f) { f->depth--; }

static void foreign_type(front *f, const token *t)
{
    if (t->name->instead) front_fail(f, t->pos, "'%s' is not a type of kernels; use %s", t->name->text, t->name->instead);
    else if (t->name->word == WORD_NOT_HERE) front_fail(f, t->pos, "'%s' is not part of the kernel language", t->name->text);
    else if (t->n == 1 && t->text[0] >= 'A' && t->text[0] <= 'Z')
        front_fail(f, t->pos, "unknown type '%c'; give it with a define such as %c=f32", t->text[0], t->text[0]);
}

bool parse_type(front *f, kc_type *out)
{
    const token *t = parse_peek(f, 0);
    if (t->kind != T_NAME || t->name->symbol) return false;
    if (t->name->word != WORD_TYPE) {
        foreign_type(f, t);
        return false;
    }
    *out = t->name->type;
    f->at++;
    return true;
}

static kc_type expect_type(front *f, const char *where)
{
    kc_type type = { KC_I32, 1 };
    if (!parse_type(f, &type)) {
        const token *t = parse_peek(f, 0);
        const char *nearest = t->kind == T_NAME ? front_nearest(f, t->name) : NULL;
        front_fail(f, t->pos, "expected a type %s, found '%.*s'%s%s%s", where, (int)MIN(t->n, 60), t->text,
                   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    return type;
}

static kc_type type_in_parens(front *f, const char *where)
{
    parse_expect(f, P_LPAREN, where);
    kc_type type = expect_type(f, where);
    return type;
}

u32 parse_constant(front *f, const char *what, u32 max)
{
    const token *t = parse_peek(f, 0);
    const kc_expr *e = fold_all(f, parse_expression(f));
    i64 v = 1;
    if (!f->status && !fold_is_int(e, &v)) front_fail(f, t->pos, "%s must be a constant", what);
    if (!f->status && (v < 1 || v > (i64)max))
        front_fail(f, t->pos, "%s must be from 1 to %u; here it is %lld", what, max, (long long)v);
    return f->status ? 1 : (u32)v;
}

/* ------------------------------------------------------------------ scopes */
void parse_scope_open(front *f) { f->level++; }

void parse_scope_close(front *f)
{
    while (f->symbols && f->symbols->level >= f->level) {
        f->symbols->name->symbol = f->symbols->outer;
        f->symbols = f->symbols->before;
    }
    f->level--;
}

symbol *parse_bind(front *f, ident *n, kc_pos pos)
{
    if (n->symbol && n->symbol->level == f->level) front_fail(f, pos, "'%s' is declared twice in one scope", n->text);
    symbol *s = front_alloc(f, sizeof *s);
    if (!s) return NULL;
    *s = (symbol){ .name = n, .outer = n->symbol, .before = f->symbols, .level = f->level };
    n->symbol = s;
    f->symbols = s;
    return s;
}

static kc_var *add_var(front *f, func *fn)
{
    kc_var *v = front_alloc(f, sizeof *v);
    if (v && !ARENA_PUSH_ROOM(f->arena, fn->vars, fn->n_vars, fn->cap_vars, FRONT_MAX_NODES)) front_nomem(f, sizeof *v);
    if (f->status) return NULL;
    v->slot = fn->n_vars;
    fn->vars[fn->n_vars++] = v;
    return v;
}

kc_var *parse_new_var(front *f, ident *n, kc_type type, u32 storage, kc_pos pos)
{
    kc_var *v = f->func ? add_var(f, f->func) : front_alloc(f, sizeof *v);
    symbol *s = v ? parse_bind(f, n, pos) : NULL;
    if (!s) {
        f->scrap_var = (kc_var){ .name = "?", .type = type };
        return &f->scrap_var;
    }
    v->name = n->text;
    v->type = type;
    v->storage = (u8)storage;
    v->pos = pos;
    s->var = v;
    return v;
}

/* ------------------------------------------------------------------ parameters */
static const struct {
    front_word word;
    kc_role role;
} roles[] = { { WORD_IN, KC_IN }, { WORD_OUT, KC_OUT }, { WORD_INOUT, KC_INOUT }, { WORD_CONST, KC_CONST } };

static bool is_scalar_param(kc_type t)
{
    return t.lanes == 1 && (t.scalar == KC_U32 || t.scalar == KC_I32 || t.scalar == KC_F32 || t.scalar == KC_U64 ||
                            t.scalar == KC_I64 || t.scalar == KC_F64);
}

static void check_param(front *f, const func *fn, kc_role role, kc_type type, kc_pos pos)
{
    bool entry = fn->is_map || fn->is_kernel, buffer = role <= KC_INOUT;
    if (fn->is_map && (role == KC_OUT || role == KC_INOUT))
        front_fail(f, pos, "a MAP returns its element and writes nothing else; use KERNEL for OUT and INOUT");
    if (buffer && type.lanes == KC_WIDE) front_fail(f, pos, "a buffer holds elements; f32w is read with loadw");
    if (entry && !buffer && !is_scalar_param(type))
        front_fail(f, pos, "a launch parameter is u32, i32, f32, u64, i64 or f64; here is %s", kc_type_name(type));
}

/* A CONST whose value is among the program's defines is no parameter any more. */
static bool is_baked(const front *f, const func *fn, kc_role role)
{
    const token *t = parse_peek(f, 0);
    return (fn->is_map || fn->is_kernel) && role == KC_CONST && t->kind == T_NAME && t->name->given;
}

static void param(front *f, func *fn)
{
    kc_role role = KC_SCALAR;
    u32 storage = V_PARAM;
    const token *start = parse_peek(f, 0);
    for (u32 i = 0; i < COUNT(roles); i++)
        if (start->kind == T_NAME && start->name->word == roles[i].word) role = roles[i].role;
    kc_type type;
    if (role != KC_SCALAR) {
        f->at++;
        type = type_in_parens(f, "in the parameter");
        parse_expect(f, P_RPAREN, "after the parameter's type");
        if (role != KC_CONST) storage = V_PARAM_ARRAY;
    } else if (parse_take_word(f, WORD_ARRAY)) {
        type = type_in_parens(f, "after ARRAY");
        parse_expect(f, P_COMMA, "after the type in ARRAY");
        storage = V_PARAM_ARRAY;
        role = KC_INOUT;
        if (fn->is_map || fn->is_kernel) front_fail(f, start->pos, "ARRAY is for functions; kernels take IN, OUT and INOUT");
    } else {
        parse_take_word(f, WORD_const);
        type = expect_type(f, "of a parameter");
    }
    const token *t = parse_peek(f, 0);
    check_param(f, fn, role, type, start->pos);
    if (is_baked(f, fn, role)) {
        f->at++;
        return;
    }
    if (fn->n_params == FRONT_MAX_PARAMS) front_fail(f, t->pos, "more than %d parameters", (int)FRONT_MAX_PARAMS);
    kc_var *v = parse_new_var(f, parse_new_name(f, "a parameter"), type, storage, t->pos);
    v->role = (u8)role;
    v->dims = storage == V_PARAM_ARRAY;
    if (start->name && start->name->word == WORD_ARRAY) parse_expect(f, P_RPAREN, "after ARRAY's name");
    if (f->status) return;
    fn->roles[fn->n_params] = (u8)role;
    fn->params[fn->n_params++] = v;
}

static void params(front *f, func *fn)
{
    parse_expect(f, P_LPAREN, "before the parameters");
    bool none = parse_is_word(f, WORD_void) && parse_peek(f, 1)->kind == T_PUNCT && parse_peek(f, 1)->punct == P_RPAREN;
    f->at += none;
    if (!parse_is(f, P_RPAREN)) do
            param(f, fn);
        while (parse_take(f, P_COMMA) && !f->status);
    parse_expect(f, P_RPAREN, "after the parameters");
}

/* ------------------------------------------------------------------ functions and kernels */
static func *new_func(front *f)
{
    func *fn = front_alloc(f, sizeof *fn);
    if (!fn) return NULL;
    fn->pos = parse_peek(f, 0)->pos;
    ident *n = parse_new_name(f, "a function");
    fn->name = n;
    symbol *s = parse_bind(f, n, fn->pos);
    if (s) s->func = fn;
    return f->status ? NULL : fn;
}

static void function_body(front *f, func *fn)
{
    f->func = fn;
    f->loops = 0;
    f->in_items = false;
    parse_scope_open(f);
    params(f, fn);
    parse_expect(f, P_LBRACE, "before the body");
    fn->body = parse_body(f);
    parse_scope_close(f);
    f->func = NULL;
    fn->complete = true;
}

/* GROUP as it stood where the word KERNEL was read: the preprocessor left it in the token. */
static u32 group_size(front *f, const token *kernel)
{
    i64 v = (i64)kernel->value.i;
    if (v == 0) front_fail(f, kernel->pos, "a KERNEL needs the size of its group: #define GROUP 64 above it");
    else if (v < 1 || v > 1024) front_fail(f, kernel->pos, "GROUP must be from 1 to 1024; here it is %lld", (long long)v);
    return f->status ? 1 : (u32)v;
}

static void check_first_param(front *f, const func *fn)
{
    const kc_var *first = fn->n_params ? fn->params[0] : NULL;
    if (!first || first->type.scalar != KC_U32 || first->type.lanes != 1 || fn->roles[0] != KC_SCALAR)
        front_fail(f, first ? first->pos : fn->pos, "the first parameter of a %s is the %s, u32",
                   fn->is_map ? "MAP" : "KERNEL", fn->is_map ? "element" : "group");
}

static void entry(front *f, bool is_map)
{
    const token *start = parse_peek(f, 0);
    kc_type result = { KC_VOID, 1 };
    f->at++;
    if (is_map) {
        result = type_in_parens(f, "of the MAP's element");
        parse_expect(f, P_RPAREN, "after the MAP's type");
        if (result.lanes == KC_WIDE) front_fail(f, start->pos, "a MAP gives one element; here is %s", kc_type_name(result));
    }
    func *fn = new_func(f);
    if (!fn) return;
    fn->result = result;
    fn->is_map = is_map;
    fn->is_kernel = !is_map;
    fn->group = is_map ? 1 : group_size(f, start);
    if (f->n_entry_funcs == FRONT_MAX_KERNELS)
        front_fail(f, start->pos, "more than %d kernels in a file", (int)FRONT_MAX_KERNELS);
    if (!ARENA_PUSH_ROOM(f->arena, f->entries, f->n_entry_funcs, f->cap_entry_funcs, FRONT_MAX_KERNELS)) {
        front_nomem(f, sizeof(void *));
        return;
    }
    f->entries[f->n_entry_funcs++] = fn;
    function_body(f, fn);
    if (!f->status) check_first_param(f, fn);
}

static void function(front *f, kc_type result)
{
    func *fn = new_func(f);
    if (!fn) return;
    fn->result = result;
    function_body(f, fn);
}

/* static const T name[n] = { constants }; */
static void table(front *f, kc_type type)
{
    const token *t = parse_peek(f, 0);
    ident *n = parse_new_name(f, "a table");
    parse_expect(f, P_LBRACKET, "after the table's name (values outside functions are tables)");
    u32 size = parse_is(f, P_RBRACKET) ? 0 : parse_constant(f, "the size of a table", FRONT_MAX_TABLE);
    parse_expect(f, P_RBRACKET, "after the table's size");
    parse_expect(f, P_ASSIGN, "before the table's values");
    parse_expect(f, P_LBRACE, "before the table's values");
    const kc_expr **values = NULL;
    u32 count = 0, cap = 0;
    while (!parse_is(f, P_RBRACE) && !f->status) {
        kc_pos pos = parse_peek(f, 0)->pos;
        const kc_expr *e = fold_all(f, type_assignable(f, type, parse_expression(f), pos, "the table"));
        if (!f->status && e->op != K_CONST) front_fail(f, pos, "a table holds constants");
        if (!f->status && size && count == size) front_fail(f, pos, "more than the table's %u values", size);
        if (count == FRONT_MAX_TABLE) front_fail(f, pos, "more than %d values in a table", (int)FRONT_MAX_TABLE);
        if (!ARENA_PUSH_ROOM(f->arena, values, count, cap, FRONT_MAX_TABLE)) front_nomem(f, sizeof *values);
        if (!f->status) values[count++] = e;
        if (!parse_take(f, P_COMMA)) break;
    }
    parse_expect(f, P_RBRACE, "after the table's values");
    parse_expect(f, P_SEMICOLON, "after the table");
    if (!f->status && (count == 0 || (size && count != size)))
        front_fail(f, t->pos, "the table has %u values; write all %u", count, size);
    kc_var *v = parse_new_var(f, n, type, KC_V_TABLE, t->pos);
    kc_module *m = f->module;
    if (m->n_tables == FRONT_MAX_KERNELS) front_fail(f, t->pos, "more than %d tables in a file", (int)FRONT_MAX_KERNELS);
    if (!f->status && !ARENA_PUSH_ROOM(f->arena, m->tables, m->n_tables, f->cap_tables, FRONT_MAX_KERNELS))
        front_nomem(f, sizeof v);
    if (f->status) return;
    v->dims = 1;
    v->n[0] = count;
    v->is_const = true;
    v->values = values;
    v->slot = m->n_tables;
    m->tables[m->n_tables++] = v;
}

static void top_level(front *f)
{
    const token *t = parse_peek(f, 0);
    if (parse_is_word(f, WORD_MAP) || parse_is_word(f, WORD_KERNEL)) {
        entry(f, parse_is_word(f, WORD_MAP));
        return;
    }
    if (parse_take(f, P_SEMICOLON)) return;
    bool is_static = parse_take_word(f, WORD_static);
    parse_take_word(f, WORD_inline);
    bool is_const = parse_take_word(f, WORD_const);
    kc_type type = { KC_VOID, 1 };
    if (!parse_take_word(f, WORD_void) && !parse_type(f, &type)) {
        const token *here = parse_peek(f, 0);
        const char *nearest = here->kind == T_NAME ? front_nearest(f, here->name) : NULL;
        front_fail(f, here->pos,
                   is_static ? "expected a type after static, found '%.*s'%s%s%s"
                             : "expected MAP, KERNEL or a static function, found '%.*s'%s%s%s",
                   (int)MIN(here->n, 60), here->text, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
    } else if (!is_static) {
        front_fail(f, t->pos, "functions and tables of a kernel file are static");
    } else if (is_const) {
        table(f, type);
    } else {
        function(f, type);
    }
}

void parse_file(front *f)
{
    while (parse_peek(f, 0)->kind != T_END && !f->status) top_level(f);
    if (!f->status && f->n_entry_funcs == 0) front_fail(f, parse_peek(f, 0)->pos, "no MAP or KERNEL in this file");
}
