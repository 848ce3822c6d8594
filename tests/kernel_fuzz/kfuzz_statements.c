/* Statements of one item, and functions: declarations, assignments, branches, loops of a known number of turns at most. */
#include "kfuzz.h"

enum { MAX_TURNS = 60, MAX_LOOPS = 3 };
static const f64 LOOSE_MOST = 64, LOOSE_ERR = 1e-4;

static kc_type some_type(gen *g)
{
    static const kc_type types[] = { { KC_I32, 1 }, { KC_U32, 1 }, { KC_F32, 1 }, { KC_BOOL, 1 }, { KC_F32, 4 },
                                     { KC_I32, 4 }, { KC_U32, 2 }, { KC_F32, 2 }, { KC_I64, 1 },  { KC_U64, 1 } };
    kc_type t = types[pick(g, g->shape->plain ? 4 : g->shape->wide_ints ? 10 : 8)];
    if (t.scalar == KC_F32 && g->shape->doubles) t.lanes = 1;
    return t;
}

/* ------------------------------------------------------------------ variables */
/* What a variable may be set to, so that its facts hold from now on. */
static kvalue keeping(gen *g, const kvar *v, u32 depth)
{
    if (v->type.scalar != KC_F32) return any_expr(g, v->type, depth);
    if (v->type.lanes == 1) return float_within(g, LOOSE_MOST, LOOSE_ERR, depth);
    kvalue e = vector_expr(g, v->type, depth);
    const kvar *self = v;
    bool in = e.f.lo >= self->f.lo && e.f.hi <= self->f.hi && e.f.err <= self->f.err;
    return in ? e : (kvalue){ v->type, v->f, v->name };
}

static void declare(gen *g)
{
    kc_type t = some_type(g);
    bool assignable = pick(g, 3) == 1;
    const char *name = new_name(g, "v");
    kvar v = { .name = name, .type = t, .assignable = assignable, .uniform = g->uniform };
    kvalue e;
    if (assignable && t.scalar == KC_F32 && t.lanes == 1) {
        e = float_within(g, LOOSE_MOST, LOOSE_ERR, 2);
        v.f = facts_loose(LOOSE_MOST, LOOSE_ERR);
    } else {
        e = any_expr(g, t, 3);
        v.f = e.f;
    }
    line(g, "%s%s %s = %s;", !assignable && rarely(g, 2) ? "const " : "", type_text(t), name, e.text);
    add_var(g, v);
}

static void assign(gen *g)
{
    kc_type t = some_type(g);
    const kvar *v = pick_var(g, t, true);
    if (!v) {
        declare(g);
        return;
    }
    static const char *const ops[] = { "+=", "-=", "*=", "&=", "|=", "^=" };
    bool number = t.scalar != KC_F32 && t.scalar != KC_BOOL;
    u32 kind = pick(g, 4);
    if (kind == 1 && number) line(g, "%s %s %s;", v->name, ops[pick(g, 6)], any_expr(g, t, 2).text);
    else if (kind == 2 && number && t.lanes == 1) line(g, "%s%s;", v->name, rarely(g, 2) ? "--" : "++");
    else if (kind == 3 && number && t.lanes == 1) line(g, "%s %s %u;", v->name, rarely(g, 2) ? "<<=" : ">>=", pick(g, 31));
    else if (kind == 3 && number && t.lanes > 1)
        line(g, "%s.%c = %s;", v->name, "xyzw"[pick(g, t.lanes)], int_expr(g, (kc_scalar)t.scalar, 2));
    else line(g, "%s = %s;", v->name, keeping(g, v, 2).text);
}

static void declare_array(gen *g)
{
    static const kc_scalar of[] = { KC_I32, KC_U32, KC_F32, KC_I64 };
    kc_scalar s = of[pick(g, g->shape->wide_ints ? 4 : 3)];
    const char *name = new_name(g, "r"), *type = kc_scalar_name(s);
    kvar v = { .name = name, .type = scalar_type(s), .elems = 2 + pick(g, 7), .assignable = true };
    if (s == KC_F32) v.f = facts_loose(LOOSE_MOST, LOOSE_ERR);
    if (rarely(g, 3)) {
        line(g, "%s %s[%u];", type, name, v.elems);
        line(g, "for (u32 k = 0; k < %u; k++) %s[k] = %s;", v.elems, name,
             s == KC_F32   ? "(f32)k * 0.5f"
             : s == KC_I32 ? "(i32)k - 2"
                           : "k * 3");
    } else if (rarely(g, 2)) {
        line(g, "%s %s[%u] = { %s };", type, name, v.elems, s == KC_F32 ? "0.5f, 2" : "3, 1");
    } else {
        line(g, "%s %s[%u] = { 0 };", type, name, v.elems);
    }
    add_var(g, v);
}

static void assign_element(gen *g)
{
    for (u32 i = g->n_vars; i-- > 0;) {
        kvar *v = &g->vars[i];
        if (!v->elems || v->kind != ARRAY_PLAIN) continue;
        const char *at = index_expr(g, v->elems, 1);
        kc_scalar s = (kc_scalar)v->type.scalar;
        const char *e = s == KC_F32 ? float_within(g, LOOSE_MOST, LOOSE_ERR, 2).text : int_expr(g, s, 2);
        if (s != KC_F32 && rarely(g, 2)) line(g, "%s[%s] += %s;", v->name, at, e);
        else line(g, "%s[%s] = %s;", v->name, at, e);
        return;
    }
    declare_array(g);
}

/* ------------------------------------------------------------------ control */
static void block(gen *g, u32 n, u32 depth)
{
    u32 vars = g->n_vars;
    g->indent++;
    statements(g, n, depth);
    g->indent--;
    g->n_vars = vars;
}

/* One of two, and the other is not even looked at. */
static void choice_of_text(gen *g)
{
    const kvar *v = pick_var(g, scalar_type(KC_I32), true);
    if (!v) return;
    str_print(g->out, "#if VARIANT == %u\n", 1 + pick(g, 3));
    line(g, "%s = %s;", v->name, int_expr(g, KC_I32, 2));
    str_add(g->out, "#else\n");
    line(g, "%s = %s;", v->name, int_expr(g, KC_I32, 2));
    str_add(g->out, "#endif\n");
}

static void branch(gen *g, u32 depth)
{
    line(g, "if (%s) {", bool_expr(g, 2));
    block(g, 1 + pick(g, 2), depth - 1);
    if (pick(g, 2)) {
        if (rarely(g, 3)) line(g, "} else if (%s) {", bool_expr(g, 1));
        else line(g, "} else {");
        block(g, 1 + pick(g, 2), depth - 1);
    }
    line(g, "}");
}

static void leave_loop(gen *g)
{
    bool again = !g->no_continue && rarely(g, 2);
    line(g, "if (%s) %s;", bool_expr(g, 2), again ? "continue" : "break");
}

static void loop_body(gen *g, const char *counter, kc_scalar s, u32 turns, bool no_continue, u32 depth)
{
    u32 vars = g->n_vars, before = g->turns, loops = g->loops;
    bool kept = g->no_continue;
    if (counter) add_var(g, (kvar){ .name = counter, .type = scalar_type(s), .uniform = g->uniform });
    g->turns *= turns, g->loops++, g->no_continue = no_continue;
    block(g, 1 + pick(g, 2), depth - 1);
    g->indent++;
    if (!g->uniform && rarely(g, 4)) leave_loop(g);
    g->indent--;
    g->turns = before, g->loops = loops, g->no_continue = kept;
    g->n_vars = vars;
}

static void counted_loop(gen *g, u32 depth)
{
    u32 n = 1 + pick(g, 6);
    const char *k = new_name(g, "k");
    static const char *const unrolls[] = { "#pragma unroll", "#pragma unroll 2", "#pragma unroll 4" };
    u32 kind = pick(g, 4);
    if (rarely(g, 4)) str_print(g->out, "%s\n", unrolls[pick(g, 3)]);
    if (kind == 1) {
        line(g, "for (i32 %s = %u; %s >= 0; %s -= 2) {", k, n, k, k);
        loop_body(g, k, KC_I32, n, false, depth);
    } else if (kind == 2) {
        line(g, "for (u32 %s = 0; %s < (%s & %uu); %s++) {", k, k, int_expr(g, KC_U32, 2), 7u, k);
        loop_body(g, k, KC_U32, 7, false, depth);
    } else {
        line(g, "for (u32 %s = 0; %s < %u; %s++) {", k, k, n, k);
        loop_body(g, k, KC_U32, n, false, depth);
    }
    line(g, "}");
}

static void while_loop(gen *g, u32 depth)
{
    const char *w = new_name(g, "w");
    bool last = rarely(g, 2);
    line(g, "u32 %s = (%s & 7u)%s;", w, int_expr(g, KC_U32, 2), last ? " + 1u" : "");
    if (last) line(g, "do {");
    else line(g, "while (%s > 0) {", w);
    loop_body(g, w, KC_U32, 8, true, depth);
    g->indent++;
    line(g, "%s", rarely(g, 2) ? say(g, "%s >>= 1;", w) : say(g, "%s--;", w));
    g->indent--;
    if (last) line(g, "} while (%s > 0);", w);
    else line(g, "}");
    add_var(g, (kvar){ .name = w, .type = scalar_type(KC_U32), .uniform = g->uniform });
}

/* ------------------------------------------------------------------ return */
const char *with_all_ints(gen *g, kc_scalar s, const char *e)
{
    for (u32 i = 0; i < g->n_vars; i++) {
        const kvar *v = &g->vars[i];
        bool whole = kc_is_integer((kc_scalar)v->type.scalar) || v->type.scalar == KC_BOOL;
        if (!whole || v->elems || v->type.lanes > 1) continue;
        e = say(g, "(%s %s (%s)%s)", e, i % 2 ? "^" : "+", kc_scalar_name(s), v->name);
    }
    return e;
}

kvalue with_some_floats(gen *g, kvalue e)
{
    for (u32 i = 0; i < g->n_vars; i++) {
        const kvar *v = &g->vars[i];
        if (v->type.scalar != KC_F32 || v->elems || v->type.lanes > 1) continue;
        e = float_binary_of(g, '+', e, (kvalue){ v->type, v->f, v->name });
    }
    return e;
}

/* What the MAP or function gives: `all` of its variables inside. */
static void give(gen *g, bool all)
{
    kc_scalar s = (kc_scalar)g->returns.scalar, whole = s == KC_U8 || s == KC_U16 ? KC_U32 : s <= KC_I16 ? KC_I32 : s;
    kvalue v = { .type = g->returns };
    if (g->returns.lanes > 1) v = vector_expr(g, g->returns, 3);
    else if (s == KC_BOOL) v.text = bool_expr(g, 3);
    else if (kc_is_integer(s)) {
        v.text = int_expr(g, whole, 3);
        if (all) v.text = with_all_ints(g, whole, v.text);
    } else if (g->in_function) v = float_within(g, LOOSE_MOST, LOOSE_ERR, 3);
    else if (s == KC_F16 || s == KC_BF16) v = float_within(g, 1000, 1e-3, 3);
    else {
        v = float_expr(g, 3);
        if (all) v = with_some_floats(g, v);
    }
    if (!g->in_function && g->returns.lanes == 1 && s != KC_BOOL)
        line(g, "return TO(%s, %s);", type_text(g->returns), v.text);
    else line(g, "return %s;", v.text);
    if (g->returned) *g->returned = facts_join(*g->returned, v.f);
}

void give_all(gen *g) { give(g, true); }

static void early_return(gen *g)
{
    line(g, "if (%s)", bool_expr(g, 2));
    g->indent++;
    give(g, false);
    g->indent--;
}

void statements(gen *g, u32 n, u32 depth)
{
    for (u32 i = 0; i < n && g->budget && !g->bad; i++) {
        g->budget--;
        if (g->shape->variant && rarely(g, 6)) choice_of_text(g);
        switch (pick(g, g->shape->plain ? 5 : 10)) {
        case 0:
        case 1: declare(g); break;
        case 2:
        case 3: assign(g); break;
        case 4:
            if (depth) branch(g, depth);
            break;
        case 5:
            if (depth && g->turns < MAX_TURNS && g->loops < MAX_LOOPS) counted_loop(g, depth);
            break;
        case 6:
            if (depth && g->turns < MAX_TURNS && g->loops < MAX_LOOPS) while_loop(g, depth);
            break;
        case 7: g->uniform ? declare(g) : declare_array(g); break;
        case 8: g->uniform ? assign(g) : assign_element(g); break;
        default:
            if (g->may_return) early_return(g);
            else assign(g);
        }
    }
}

/* ------------------------------------------------------------------ functions */
void function_make(gen *g)
{
    static const kc_scalar of[] = { KC_I32, KC_U32, KC_F32 };
    kfunction f = { .name = new_name(g, "f"), .result = of[pick(g, 3)], .n_params = 1 + pick(g, 3) };
    u32 vars = g->n_vars;
    f.name = say(g, "f%u_%s", g->index, f.name);
    const char *params = "";
    for (u32 k = 0; k < f.n_params; k++) {
        const char *name = new_name(g, "x");
        f.params[k] = of[pick(g, 3)];
        params = say(g, "%s%s%s %s", params, k ? ", " : "", kc_scalar_name(f.params[k]), name);
        add_var(g, (kvar){ .name = name,
                           .type = scalar_type(f.params[k]),
                           .f = facts_loose(8, 1e-4),
                           .assignable = f.params[k] != KC_F32 });
    }
    f.f = facts_loose(LOOSE_MOST, LOOSE_ERR);
    g->in_function = g->may_return = true, g->returns = scalar_type(f.result), g->returned = NULL;
    line(g, "static %s %s(%s)", kc_scalar_name(f.result), f.name, params);
    line(g, "{");
    block(g, pick(g, 4), 2);
    g->indent++;
    give(g, true);
    g->indent--;
    line(g, "}");
    g->in_function = g->may_return = false;
    g->n_vars = vars;
    g->functions[g->n_functions++] = f;
}
