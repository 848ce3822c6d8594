/* Macros: tokens in, tokens out, with every call of a macro replaced.
 *
 * A macro's replacement is pushed as a source of tokens with the macro marked active, so that it does not expand inside itself; the mark goes
 * when the source runs dry. Arguments are expanded on their own first, as C says. Work is bounded by tokens handled, not by nesting alone. */
#include "kc/macro.h"

void macro_list_add(front *f, token_list *l, const token *t)
{
    if (f->status) return;
    if (l->n >= FRONT_MAX_TOKENS) {
        front_fail(f, t->pos, "more than %d tokens after macros; use functions", (int)FRONT_MAX_TOKENS);
        return;
    }
    if (!ARENA_PUSH_ROOM(f->arena, l->items, l->n, l->cap, FRONT_MAX_TOKENS + 2)) {
        front_nomem(f, sizeof *t);
        return;
    }
    l->items[l->n++] = *t;
}

/* ------------------------------------------------------------------ reading */
const token *macro_look_in_file(reader *r)
{
    if (!r->has_ahead) {
        if (r->lexer) lex_next(r->f, r->lexer, &r->ahead);
        else r->ahead = (token){ .kind = T_END, .line_start = true };
        r->has_ahead = true;
    }
    return &r->ahead;
}

static const token *look(reader *r)
{
    for (const source *s = r->top; s; s = s->below)
        if (s->at < s->end) return s->at;
    return macro_look_in_file(r);
}

token macro_take(reader *r)
{
    while (r->top && r->top->at == r->top->end) {
        if (r->top->active) r->top->active->active = false;
        r->top = r->top->below;
    }
    if (r->top) return *r->top->at++;
    token t = *macro_look_in_file(r);
    r->has_ahead = t.kind == T_END;
    return t;
}

static void push_source(reader *r, const token *at, u32 n, macro *active)
{
    source *s = n ? front_alloc(r->f, sizeof *s) : NULL;
    if (!s) return;
    *s = (source){ at, at + n, active, r->top };
    if (active) active->active = true;
    r->top = s;
}

/* ------------------------------------------------------------------ expanding */
static void expand_all(reader *r);

bool macro_is_punct(const token *t, front_punct p) { return t->kind == T_PUNCT && t->punct == p; }

/* In `CONST(T) NAME` the name stays, though the program's defines give it a value: the parser drops the parameter. */
static bool is_baked_parameter(const token_list *out, const ident *n)
{
    if (!n->given || out->n < 4) return false;
    const token *last = out->items + out->n;
    return macro_is_punct(last - 1, P_RPAREN) && macro_is_punct(last - 3, P_LPAREN) && last[-4].kind == T_NAME &&
           last[-4].name->word == WORD_CONST;
}

token_list macro_expand_alone(front *f, const token *items, u32 n)
{
    token_list out = { 0 };
    reader inner = { .f = f, .out = &out };
    if (++f->depth > FRONT_MAX_DEPTH)
        front_fail(f, n ? items[0].pos : (kc_pos){ 0 }, "macros nest deeper than %d", (int)FRONT_MAX_DEPTH);
    else push_source(&inner, items, n, NULL);
    expand_all(&inner);
    f->depth--;
    return out;
}

/* The arguments of one call of a function-like macro, after its '('. */
static bool read_args(reader *r, const macro *m, const token *call, token_list *args)
{
    front *f = r->f;
    u32 nesting = 0, n = 0;
    for (;;) {
        token t = macro_take(r);
        if (f->status) return false;
        if (t.kind == T_END) {
            front_fail(f, call->pos, "the call of macro %s has no ')'", call->name->text);
            return false;
        }
        if (macro_is_punct(&t, P_RPAREN) && nesting == 0) break;
        if (macro_is_punct(&t, P_COMMA) && nesting == 0) {
            if (++n >= MACRO_MAX_PARAMS) break;
            continue;
        }
        nesting += macro_is_punct(&t, P_LPAREN);
        nesting -= macro_is_punct(&t, P_RPAREN);
        t.line_start = false;
        macro_list_add(f, &args[n], &t);
    }
    u32 given = n == 0 && args[0].n == 0 && m->n_params == 0 ? 0 : n + 1;
    if (given != m->n_params)
        front_fail(f, call->pos, "macro %s takes %u arguments, here are %u", call->name->text, m->n_params, given);
    return !f->status;
}

/* a ## b: one token from the text of two. */
static void paste(front *f, token_list *out, const token *b)
{
    token *a = &out->items[out->n - 1];
    char *text = front_alloc(f, (size_t)a->n + b->n + 1);
    if (!text) return;
    memcpy(text, a->text, a->n);
    memcpy(text + a->n, b->text, b->n);
    lexer l = { .file = a->pos.file, .line = a->pos.line, .at = text, .end = text + a->n + b->n, .line_text = text };
    token made;
    kc_pos pos = a->pos;
    lex_next(f, &l, &made);
    if (l.at != l.end) front_fail(f, pos, "'%.*s' and '%.*s' do not make one token", (int)a->n, a->text, (int)b->n, b->text);
    made.pos = pos;
    made.line_start = false;
    *a = made;
}

typedef struct call_args {
    token_list raw[MACRO_MAX_PARAMS], full[MACRO_MAX_PARAMS];
    bool is_full[MACRO_MAX_PARAMS];
} call_args;

static const token_list *full_arg(front *f, call_args *args, u64 i)
{
    if (!args->is_full[i]) args->full[i] = macro_expand_alone(f, args->raw[i].items, args->raw[i].n);
    args->is_full[i] = true;
    return &args->full[i];
}

/* The body of m with its parameters replaced; beside ## the argument goes in unexpanded. */
static token_list substitute(front *f, const macro *m, call_args *args, kc_pos pos)
{
    token_list out = { 0 };
    for (u32 i = 0; i < m->n_body && !f->status; i++) {
        const token *t = &m->body[i];
        bool pasted = i > 0 && macro_is_punct(t - 1, P_PASTE),
             before_paste = i + 1 < m->n_body && macro_is_punct(t + 1, P_PASTE);
        if (macro_is_punct(t, P_PASTE)) continue;
        const token_list *arg = NULL;
        if (t->kind == T_PARAM) arg = pasted || before_paste ? &args->raw[t->value.i] : full_arg(f, args, t->value.i);
        u32 n = arg ? arg->n : 1;
        for (u32 k = 0; k < n && !f->status; k++) {
            token piece = arg ? arg->items[k] : *t;
            piece.line_start = false;
            if (!arg) piece.pos = pos;
            if (pasted && k == 0 && out.n > 0) paste(f, &out, &piece);
            else macro_list_add(f, &out, &piece);
        }
    }
    return out;
}

static void expand_macro(reader *r, token *t)
{
    front *f = r->f;
    macro *m = t->name->macro;
    call_args *args = NULL;
    if (m->is_function) {
        macro_take(r); /* '(' */
        args = front_alloc(f, sizeof *args);
        if (!args || !read_args(r, m, t, args->raw)) return;
    }
    token_list body = substitute(f, m, args, t->pos);
    f->expanded += body.n + 1;
    if (f->expanded > FRONT_MAX_EXPANSION)
        front_fail(f, t->pos, "macros expand to more than %d tokens", (int)FRONT_MAX_EXPANSION);
    push_source(r, body.items, body.n, m);
}

/* `f32 NAME` declares something, and NAME is what the program's defines give a number: the next line would ask where the name is. */
static bool is_declared_number(const token_list *out, const token *t)
{
    const macro *m = t->name->macro;
    if (!t->name->given || out->n == 0 || m->n_body == 0 || m->body[0].kind == T_NAME) return false;
    const token *before = &out->items[out->n - 1];
    return before->kind == T_NAME && before->name->word == WORD_TYPE;
}

/* One token goes out, or is replaced by what its macro says. KERNEL takes the GROUP of this moment along. */
void macro_expand_token(reader *r, token *t)
{
    if (t->kind == T_NAME && t->name->word == WORD_KERNEL) t->value.i = (u64)preprocess_group(r->f, t);
    macro *m = t->kind == T_NAME && !t->painted ? t->name->macro : NULL;
    if (m && m->active) t->painted = true;
    bool call = m && !m->active && !is_baked_parameter(r->out, t->name);
    if (call && is_declared_number(r->out, t))
        front_fail(
            r->f, t->pos,
            "a define of this program gives '%s' a value; what is declared here needs another name, or is a CONST parameter "
            "of the kernel",
            t->name->text);
    if (call && m->is_function) call = macro_is_punct(look(r), P_LPAREN);
    if (call) expand_macro(r, t);
    else macro_list_add(r->f, r->out, t);
}

static void expand_all(reader *r)
{
    for (;;) {
        token t = macro_take(r);
        if (t.kind == T_END || r->f->status) break;
        macro_expand_token(r, &t);
    }
    for (source *s = r->top; s; s = s->below)
        if (s->active) s->active->active = false;
}
