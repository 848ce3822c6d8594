/* The printer of the C family: statements, with everything that differs between dialects in their tables. Expressions are
 * print_expression.c, names print_name.c, helpers print_helper.c. */
#include "kc/front.h"
#include "kc/print.h"

/* ------------------------------------------------------------------ text */
void print_line(printer *p, const char *format, ...)
{
    va_list args;
    for (u32 i = 0; i < p->indent; i++) str_add(p->out, "    ");
    va_start(args, format);
    str_vprint(p->out, format, args);
    va_end(args);
    str_add(p->out, "\n");
}

const char *print_text(printer *p, const char *format, ...)
{
    va_list args;
    str text = { 0 };
    va_start(args, format);
    str_vprint(&text, format, args);
    va_end(args);
    const char *copy = text.bad ? NULL : arena_text(p->scratch, text.text ? text.text : "", text.n);
    str_free(&text);
    p->bad |= copy == NULL;
    return copy ? copy : "";
}

static void start_line(printer *p)
{
    for (u32 i = 0; i < p->indent; i++) str_add(p->out, "    ");
}

/* ------------------------------------------------------------------ types */
const char *print_type(printer *p, kc_type t) { return t.lanes == 1 ? p->d->scalars[t.scalar] : p->d->vector(p, t); }

const char *print_memory_type(printer *p, kc_type t)
{
    return t.scalar == KC_BOOL && t.lanes == 1 ? p->d->memory_bool : print_type(p, t);
}

/* ------------------------------------------------------------------ declarations */
static void print_dims(printer *p, const kc_var *v)
{
    if (v->storage == KC_V_PER_ITEM && p->d->items_are_loops) str_print(p->out, "[%u]", p->e->kernel.group);
    for (u32 i = 0; i < v->dims; i++) str_print(p->out, "[%u]", v->n[i]);
}

static const char *zero_of(const printer *p, const kc_var *v)
{
    if (v->dims == 2) return " = { { 0 } }";
    return v->type.lanes != 1 && p->d->items_are_loops ? " = { { 0 } }" : " = { 0 }";
}

/* The declaration without ';'. `head` false: only the declarator, after a comma. The value is printed before the name is visible. */
static void print_decl(printer *p, const kc_stmt *s, bool head)
{
    kc_var *v = s->var;
    str value = { 0 }, *out = p->out;
    if (s->value) {
        p->out = &value;
        print_expr(p, s->value, PRINT_COND);
        p->out = out;
        p->bad |= value.bad;
    }
    const char *name = print_name(p, v);
    if (head)
        str_print(out, "%s%s ", v->is_const && s->value && !p->d->no_const ? "const " : "",
                  v->dims ? print_memory_type(p, v->type) : print_type(p, v->type));
    str_add(out, name);
    print_dims(p, v);
    if (s->value) str_print(out, " = %s", value.text ? value.text : "");
    if (s->zeroed) str_add(out, zero_of(p, v));
    str_free(&value);
}

void print_tables(printer *p, const char *head)
{
    for (u32 i = 0; i < p->m->n_tables; i++) {
        const kc_var *v = p->m->tables[i];
        if (!v->read) continue;
        str_print(p->out, "%s%s %s[%u] = {", head, print_memory_type(p, v->type), print_named(p, v), v->n[0]);
        for (u32 k = 0; k < v->n[0]; k++) {
            str_add(p->out, k % 12 == 0 ? "\n    " : " ");
            print_const(p, v->values[k]);
            str_add(p->out, k + 1 < v->n[0] ? "," : "");
        }
        str_add(p->out, "\n};\n");
    }
}

/* ------------------------------------------------------------------ statements */
static void print_stmt(printer *p, const kc_stmt *s);

/* place = place op e is printed place op= e; with 1, place++. */
static bool print_compound(printer *p, const kc_stmt *s)
{
    const kc_expr *v = s->value;
    if (v->op > K_SHR && v->op != K_AND && v->op != K_XOR && v->op != K_OR) return false;
    if (v->op >= K_BINARY_COUNT || s->target->type.scalar == KC_BOOL || !fold_same(v->a[0], s->target)) return false;
    if (kc_needs_guard(v) || (p->d->is_call && p->d->is_call(v))) return false;
    const kc_expr *by = print_beside(v->a[1], v->a[0]);
    bool one = by->op == K_CONST && kc_is_integer((kc_scalar)by->type.scalar) && by->value.i == 1 &&
               (v->op == K_ADD || v->op == K_SUB);
    print_place(p, s->target);
    if (one) {
        str_add(p->out, v->op == K_ADD ? "++" : "--");
        return true;
    }
    str_print(p->out, " %s= ", print_symbol((kc_op)v->op));
    print_expr(p, by, PRINT_COND);
    return true;
}

static void print_assign(printer *p, const kc_stmt *s)
{
    bool half = s->target->op == K_ELEM && s->target->type.scalar == KC_F16;
    if (half && s->value->op == K_TO && p->d->store_half(p, s)) return;
    if (print_compound(p, s)) return;
    if (!half || !p->d->raw_half(p, s->target)) print_place(p, s->target);
    str_add(p->out, " = ");
    print_expr(p, s->value, PRINT_COND);
}

/* A statement as it stands in the head of a for. */
static void print_simple(printer *p, const kc_stmt *s, bool head)
{
    if (s->op == S_DECL) print_decl(p, s, head);
    else if (s->op == S_ASSIGN) print_assign(p, s);
    else print_expr(p, s->value, 0);
}

static void print_simple_list(printer *p, const kc_stmt *s)
{
    for (bool head = true; s; s = s->next, head = false) {
        if (!head) str_add(p->out, ", ");
        print_simple(p, s, head);
    }
}

static void print_braced(printer *p, const kc_stmt *s)
{
    str_add(p->out, " {\n");
    print_body(p, s);
    start_line(p);
    str_add(p->out, "}");
}

static bool stays_one_line(const kc_stmt *s)
{
    return s && !s->next &&
           (s->op == S_ASSIGN || (s->op == S_EXPR && !s->body) || (s->op >= S_RETURN && s->op <= S_CONTINUE));
}

/* The statement under an if or loop: on the same line when it is one simple one. */
static void print_under(printer *p, const kc_stmt *s)
{
    while (s && !s->next && s->op == S_BLOCK) s = s->body;
    if (!stays_one_line(s)) {
        print_braced(p, s);
        str_add(p->out, "\n");
        return;
    }
    str_add(p->out, "\n");
    p->indent++;
    print_stmt(p, s);
    p->indent--;
}

static void print_if(printer *p, const kc_stmt *s)
{
    bool dirty = p->dirty; /* the branches start alike; one that does nothing leaves it so */
    start_line(p);
    for (;;) {
        bool swapped = !s->body && s->other;
        kc_expr turned = { .op = K_NOT, .n_args = 1, .depth = 1, .type = { KC_BOOL, 1 }, .a = { s->value } };
        str_add(p->out, "if (");
        print_expr(p, swapped ? &turned : s->value, 0);
        str_add(p->out, ")");
        const kc_stmt *other = swapped ? NULL : s->other;
        if (!other) {
            print_under(p, swapped ? s->other : s->body);
            break;
        }
        print_braced(p, s->body);
        str_add(p->out, " else");
        p->dirty = dirty;
        if (other->op != S_IF || other->next) {
            print_braced(p, other);
            str_add(p->out, "\n");
            break;
        }
        str_add(p->out, " ");
        s = other;
    }
    p->dirty |= dirty;
}

static void print_unroll(printer *p, const kc_stmt *s)
{
    if (!p->d->unroll || !s->value) return; /* gcc takes no such line in front of a loop without a condition */
    if (s->unroll == KC_UNROLL_ALL) print_line(p, "%s", p->d->unroll_all);
    else if (s->unroll) print_line(p, "%s %u", p->d->unroll, s->unroll);
}

static void print_loop_head(printer *p, const kc_stmt *s, const char *again)
{
    bool is_for = s->init || s->step || !s->value || again;
    str_add(p->out, is_for ? "for (" : "while (");
    if (is_for) {
        print_simple_list(p, s->init);
        str_add(p->out, s->value || again ? "; " : ";");
    }
    if (again) str_print(p->out, "%s(true)", again);
    else if (s->value) print_expr(p, s->value, 0);
    if (is_for) {
        str_add(p->out, s->step ? "; " : ";");
        print_simple_list(p, s->step);
    }
    str_add(p->out, ")");
}

static void print_do(printer *p, const kc_stmt *s, const char *again)
{
    if (again) {
        str_print(p->out, "for (bool qk_again = %s(true); qk_again; qk_again = %s(", again, again);
        print_expr(p, s->value, 0);
        str_add(p->out, "))");
    } else {
        str_add(p->out, "do");
    }
    print_braced(p, s->body);
    if (!again) {
        str_add(p->out, " while (");
        print_expr(p, s->value, 0);
        str_add(p->out, ");");
    }
    str_add(p->out, "\n");
}

static void print_loop(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    bool dirty = p->dirty;
    const char *again = print_again(p, s);
    print_exit e;
    print_unroll(p, s);
    start_line(p);
    if (s->test_last) {
        print_do(p, s, again);
    } else {
        print_loop_head(p, s, again);
        const kc_stmt *body = again ? print_exit_body(&e, s) : s->body;
        if (body) print_under(p, body);
        else str_add(p->out, " {}\n");
    }
    p->dirty |= dirty;
    print_forget(p, scope);
}

/* ------------------------------------------------------------------ phases */
static void note_group_reads(printer *p, const kc_stmt *s)
{
    if (p->item || p->dirty || s->op == S_ITEMS) return;
    if (effects_reads_group(s)) p->dirty = true;
    if (s->op == S_LOOP)
        p->dirty |=
            effects_list_reads_group(s->body) || effects_list_reads_group(s->step) || effects_list_reads_group(s->init);
}

static bool shares(const kc_expr *e)
{
    bool buffer = e->var && e->var->storage == KC_V_BUFFER && e->var->role != KC_IN;
    if (buffer || (e->var && e->var->storage == KC_V_SHARED)) return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (shares(e->a[i])) return true;
    return false;
}

bool print_shares(const kc_stmt *s)
{
    for (; s; s = s->next) {
        if ((s->value && shares(s->value)) || (s->target && shares(s->target))) return true;
        if (print_shares(s->init) || print_shares(s->body) || print_shares(s->other) || print_shares(s->step)) return true;
    }
    return false;
}

static void print_barrier(printer *p) { print_line(p, "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);"); }

/* Before something with phases in it: let every item finish reading group memory. */
static void settle(printer *p)
{
    if (p->dirty && !p->d->items_are_loops) print_barrier(p);
    p->dirty = false;
}

static void print_items(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    bool loops = p->d->items_are_loops;
    settle(p);
    const char *t = print_name(p, s->var);
    p->item = s->var;
    if (loops) print_line(p, "for (u32 %s = 0; %s < %u; %s++) {", t, t, p->e->kernel.group, t);
    else print_line(p, "{");
    p->indent++;
    if (!loops) print_line(p, "const uint %s = get_local_id(0);", t);
    p->indent--;
    bool block = s->body && !s->body->next && s->body->op == S_BLOCK;
    print_body(p, block ? s->body->body : s->body);
    print_line(p, "}");
    bool last = !s->next && p->indent == 1;
    if (!loops && !last && print_shares(s->body)) print_barrier(p);
    p->item = NULL;
    p->dirty = false;
    print_forget(p, scope);
}

static void print_declared(printer *p, const kc_stmt *s)
{
    bool hoisted = s->var->storage == KC_V_SHARED && !p->d->items_are_loops;
    if (hoisted) return; /* stands at the top of the kernel */
    if (s->var->dims && p->d->array && p->d->array(p, s)) return;
    start_line(p);
    if (s->var->storage == KC_V_SHARED) str_add(p->out, "__attribute__((aligned(64))) ");
    print_decl(p, s, true);
    str_add(p->out, ";\n");
}

void print_phases(printer *p, const kc_stmt *body)
{
    print_line(p, "{");
    print_body(p, body);
    print_line(p, "}");
}

/* subgroup_...: in the dialect's own words, or in phases. */
static void print_subgroup(printer *p, const kc_stmt *s)
{
    if (!p->d->subgroup || !p->d->subgroup(p, s)) print_phases(p, s->body);
}

static void print_stmt(printer *p, const kc_stmt *s)
{
    if ((s->op == S_LOOP || s->op == S_IF) && (effects_has_items(s->body) || effects_has_items(s->other))) settle(p);
    note_group_reads(p, s);
    switch (s->op) {
    case S_DECL: print_declared(p, s); break;
    case S_ASSIGN:
    case S_EXPR:
        if (s->body) {
            print_subgroup(p, s);
            break;
        }
        start_line(p);
        print_simple(p, s, true);
        str_add(p->out, ";\n");
        break;
    case S_IF: print_if(p, s); break;
    case S_LOOP: print_loop(p, s); break;
    case S_ITEMS: print_items(p, s); break;
    case S_RETURN:
        start_line(p);
        str_add(p->out, s->value ? "return " : "return");
        if (s->value) print_expr(p, s->value, 0);
        str_add(p->out, ";\n");
        break;
    case S_BREAK: print_line(p, "break;"); break;
    case S_CONTINUE: print_line(p, "continue;"); break;
    case S_BLOCK: print_phases(p, s->body); break;
    default: break;
    }
}

void print_body(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    p->indent++;
    for (; s && !p->bad && !p->out->bad; s = s->next) print_stmt(p, s);
    p->indent--;
    print_forget(p, scope);
}

/* ------------------------------------------------------------------ the unit */
qn_status print_c_family(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    return print_bound(m, k, d, NULL, out);
}

qn_status print_bound(const kc_module *m, const kc_kernel *k, const dialect *d, const kc_layout *layout, str *out)
{
    const kc_entry *e = kc_entry_of(k);
    if (!d->has_mma) QN_TRY(print_without_mma(m, k));
    printer p = { .d = d, .m = m, .e = e, .layout = layout, .scratch = arena_make() };
    str text = { 0 };
    p.out = &text;
    p.names = p.scratch ? ARENA_ARRAY(p.scratch, e->n_vars + 1, const char *) : NULL;
    p.tables = p.scratch ? ARENA_ARRAY(p.scratch, m->n_tables + 1, const char *) : NULL;
    p.bad = p.names == NULL || p.tables == NULL;
    if (!p.bad) print_globals(&p);
    if (!p.bad) p.d->unit(&p, &text);
    if (!p.bad && !text.bad && !p.helpers.bad) str_add_n(out, text.text, text.n);
    bool failed = p.bad || text.bad || p.helpers.bad || out->bad;
    str_free(&p.helpers);
    str_free(&text);
    map_free(&p.counts);
    arena_free(p.scratch);
    return failed ? fail_nomem(text.n) : QN_OK;
}
