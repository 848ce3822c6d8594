/* Sizes as text: "2*h*w + 1", with div, min, max, lt, eq, mul and select written as calls. What prints parses to the same sym. */
#include "graph/sym_pool.h"
#include "graph/words.h"

enum { PARSE_MAX_DEPTH = 64 };

static const char *const call_names[] = {
    [FACTOR_DIV] = "div",  [FACTOR_MIN] = "min", [FACTOR_MAX] = "max",       [FACTOR_LESS] = "lt",
    [FACTOR_EQUAL] = "eq", [FACTOR_MUL] = "mul", [FACTOR_SELECT] = "select",
};

static void print_factor(const graph *g, const factor *f, str *out)
{
    if (f->op == FACTOR_VARIABLE) {
        word_print(out, f->name, strlen(f->name));
        return;
    }
    str_print(out, "%s(", call_names[f->op]);
    for (u32 i = 0; i < COUNT(f->arg) && f->arg[i]; i++) {
        if (i) str_add(out, ", ");
        sym_print(g, f->arg[i], out);
    }
    str_add(out, ")");
}

/* The coefficient's sign is printed before. */
static void print_term(const graph *g, term t, str *out)
{
    const monomial *m = &g->syms->products[t.product];
    u64 coef = t.coef < 0 ? 0 - (u64)t.coef : (u64)t.coef;
    if (coef != 1 || m->n == 0) str_print(out, "%llu", (unsigned long long)coef);
    for (u32 i = 0; i < m->n; i++) {
        if (i || coef != 1) str_add(out, "*");
        print_factor(g, &g->syms->factors[m->factors[i]], out);
    }
}

void sym_print(const graph *g, sym s, str *out)
{
    const poly *x = &g->syms->polys[s];
    if (!s) str_add(out, "?");
    else if (x->n == 0) str_add(out, "0");
    for (u32 i = 0; s && i < x->n; i++) {
        bool minus = x->terms[i].coef < 0;
        if (i) str_add(out, minus ? " - " : " + ");
        else if (minus) str_add(out, "-");
        print_term(g, x->terms[i], out);
    }
}

typedef struct reader {
    graph *g;
    const char *at;
    u32 depth;
    bool told; /* what is wrong */
} reader;

static sym read_sum(reader *r);

static sym wrong(reader *r, const char *wanted)
{
    r->told = true;
    fail(QN_E_FORMAT, "a size expression wants %s at \"%.20s\"", wanted, r->at);
    return 0;
}

static bool take(reader *r, char c)
{
    word_skip_space(&r->at);
    if (*r->at != c) return false;
    r->at++;
    return true;
}

static sym read_number(reader *r)
{
    i64 v = 0;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++)
        if (!mul_i64(v, 10, &v) || !add_i64(v, *r->at - '0', &v)) return wrong(r, "a number that fits in 64 bits");
    return sym_number(r->g, v);
}

static sym call(graph *g, factor_op op, const sym *arg)
{
    switch (op) {
    case FACTOR_DIV: return sym_div(g, arg[0], arg[1]);
    case FACTOR_MIN: return sym_min(g, arg[0], arg[1]);
    case FACTOR_MAX: return sym_max(g, arg[0], arg[1]);
    case FACTOR_LESS: return sym_compare(g, '<', arg[0], arg[1]);
    case FACTOR_EQUAL: return sym_compare(g, '=', arg[0], arg[1]);
    case FACTOR_MUL: return sym_mul(g, arg[0], arg[1]);
    case FACTOR_SELECT: return sym_select(g, arg[0], arg[1], arg[2]);
    case FACTOR_VARIABLE: break;
    }
    return 0;
}

/* The arguments of a call, after its '('. */
static sym read_call(reader *r, const char *name)
{
    factor_op op = FACTOR_DIV;
    while (op <= FACTOR_SELECT && strcmp(call_names[op], name) != 0) op++;
    if (op > FACTOR_SELECT) return wrong(r, "div, min, max, lt, eq, mul or select in front of '('");
    u32 n = op == FACTOR_SELECT ? 3 : 2;
    sym arg[3] = { 0 };
    for (u32 i = 0; i < n; i++) {
        if (i && !take(r, ',')) return wrong(r, "','");
        if (!(arg[i] = read_sum(r))) return 0;
    }
    if (!take(r, ')')) return wrong(r, "')'");
    sym s = call(r->g, op, arg);
    return s ? s : wrong(r, "values that fit in 64 bits and no division by 0 before");
}

static sym read_name(reader *r)
{
    qn_bytes name;
    bool quoted = *r->at == '"';
    qn_status status = word_read(r->g->mem, &r->at, &name);
    if (status == QN_E_NOMEM) r->g->syms->no_memory = true;
    if (status != QN_OK) return wrong(r, "a name");
    return !quoted && *r->at == '(' && take(r, '(') ? read_call(r, name.data) : sym_variable(r->g, name.data);
}

static sym read_primary(reader *r)
{
    word_skip_space(&r->at);
    if (*r->at >= '0' && *r->at <= '9') return read_number(r);
    if (word_starts(*r->at)) return read_name(r);
    if (take(r, '-')) {
        if (r->depth++ > PARSE_MAX_DEPTH) return wrong(r, "less nesting");
        sym s = sym_sub(r->g, sym_number(r->g, 0), read_primary(r));
        r->depth--;
        return s;
    }
    if (!take(r, '(')) return wrong(r, "a number, a name or '('");
    sym s = read_sum(r);
    if (s && !take(r, ')')) return wrong(r, "')'");
    return s;
}

static sym read_product(reader *r)
{
    sym s = read_primary(r);
    while (s) {
        if (take(r, '*')) s = sym_mul(r->g, s, read_primary(r));
        else if (take(r, '/')) s = sym_div(r->g, s, read_primary(r));
        else if (take(r, '%')) s = sym_mod(r->g, s, read_primary(r));
        else break;
    }
    return s;
}

static sym read_sum(reader *r)
{
    if (r->depth++ > PARSE_MAX_DEPTH) return wrong(r, "less nesting");
    sym s = read_product(r);
    while (s) {
        if (take(r, '+')) s = sym_add(r->g, s, read_product(r));
        else if (take(r, '-')) s = sym_sub(r->g, s, read_product(r));
        else break;
    }
    r->depth--;
    return s;
}

/* A failed operation gives 0 without a sentence: its numbers overflow. */
sym sym_parse(graph *g, const char **text)
{
    reader r = { .g = g, .at = *text };
    sym s = read_sum(&r);
    if (s) *text = r.at;
    else if (!r.told) fail(QN_E_FORMAT, "the size expression \"%.40s\" does not fit in 64 bits", *text);
    return s;
}
