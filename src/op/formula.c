/* A line of text -> nodes, by recursive descent: each function reads one rule of the grammar and gives the value it stands for. */
#include "op/formula.h"

#include <assert.h>
#include <ctype.h>

typedef struct reader {
    formula *f;
    const char *at;
} reader;

static val choice(reader *r);

static bool take(reader *r, const char *word)
{
    while (*r->at == ' ') r->at++;
    if (!text_starts(r->at, word)) return false;
    r->at += strlen(word);
    return true;
}

static void expect(reader *r, const char *word)
{
    bool there = take(r, word);
    assert(there);
    (void)there;
}

static val call(reader *r)
{
    char name[32];
    val in[4];
    u32 n = 0, n_in = 0;
    while (isalnum((unsigned char)*r->at) && n + 1 < sizeof name) name[n++] = *r->at++;
    name[n] = 0;
    op_id op = op_by_name("", name);
    assert(op != OP_NONE);
    expect(r, "(");
    do {
        assert(n_in < COUNT(in));
        in[n_in++] = choice(r);
    } while (take(r, ","));
    expect(r, ")");
    return build_node(r->f->b, op, in, n_in, NULL, 0);
}

static val number(reader *r)
{
    f64 v = 0;
    bool there = number_read(&r->at, NULL, QN_F64, &v);
    assert(there);
    (void)there;
    return build_scalar(r->f->b, r->f->dtype, v);
}

static val letter(reader *r)
{
    val v = r->f->of[*r->at++ - 'a'];
    assert(v || r->f->b->status != QN_OK);
    return v;
}

static val factor(reader *r)
{
    if (take(r, "-")) return build_op1(r->f->b, OP_Neg, factor(r));
    if (take(r, "(")) {
        val v = choice(r);
        expect(r, ")");
        return v;
    }
    return islower((unsigned char)*r->at) ? letter(r) : isupper((unsigned char)*r->at) ? call(r) : number(r);
}

static val product(reader *r)
{
    for (val v = factor(r);;) {
        if (take(r, "*")) v = build_op2(r->f->b, OP_Mul, v, factor(r));
        else if (take(r, "/")) v = build_op2(r->f->b, OP_Div, v, factor(r));
        else return v;
    }
}

static val sum(reader *r)
{
    for (val v = product(r);;) {
        if (take(r, "+")) v = build_op2(r->f->b, OP_Add, v, product(r));
        else if (take(r, "-")) v = build_op2(r->f->b, OP_Sub, v, product(r));
        else return v;
    }
}

static val compare(reader *r)
{
    val v = sum(r);
    if (take(r, "<")) return build_op2(r->f->b, OP_Less, v, sum(r));
    if (take(r, ">")) return build_op2(r->f->b, OP_Greater, v, sum(r));
    return take(r, "==") ? build_op2(r->f->b, OP_Equal, v, sum(r)) : v;
}

static val choice(reader *r)
{
    val in[3] = { compare(r) };
    if (!take(r, "?")) return in[0];
    in[1] = choice(r);
    expect(r, ":");
    in[2] = choice(r);
    return build_node(r->f->b, OP_Where, in, 3, NULL, 0);
}

/* "t =", but not "t ==". */
static bool names_a_letter(const char *at)
{
    return islower((unsigned char)at[0]) && at[1] == ' ' && at[2] == '=' && at[3] == ' ';
}

val formula_build(formula *f, const char *text)
{
    reader r = { f, text };
    while (names_a_letter(r.at)) {
        char to = *r.at;
        r.at += 4;
        formula_set(f, to, choice(&r));
        expect(&r, "; ");
    }
    val v = choice(&r);
    assert(!*r.at);
    return v;
}

val build_formula(build *b, const char *text, const char *letters, ...)
{
    formula f = { .b = b };
    va_list args;
    va_start(args, letters);
    for (const char *at = letters; *at; at++) {
        val v = va_arg(args, val);
        if (at == letters) f.dtype = build_type(b, v)->dtype;
        formula_set(&f, *at, v);
    }
    va_end(args);
    return formula_build(&f, text);
}
