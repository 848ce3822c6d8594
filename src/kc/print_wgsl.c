/* Kernels as WGSL: parameters in one uniform block `qk`, buffers as bindings, a MAP as a function and an entry point around it that guards the count,
 * a KERNEL as one entry point with a barrier after each phase. Workgroups are folded into two dimensions. What is uniform in kernel C
 * is so for WGSL's analysis too: see wgsl_memory.c. */
#include "kc/front.h"
#include "kc/wgsl.h"

/* ------------------------------------------------------------------ statements */
static void print_stmt(printer *p, const kc_stmt *s);

static void start_line(printer *p)
{
    for (u32 i = 0; i < p->indent; i++) str_add(p->out, "    ");
}

static void print_list(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    p->indent++;
    for (; s && !p->bad && !p->out->bad; s = s->next) print_stmt(p, s);
    p->indent--;
    print_forget(p, scope);
}

static void print_braced(printer *p, const kc_stmt *s)
{
    while (s && !s->next && s->op == S_BLOCK) s = s->body;
    str_add(p->out, "{\n");
    print_list(p, s);
    start_line(p);
    str_add(p->out, "}");
}

static const char *array_type(printer *p, const kc_var *v)
{
    const char *type = v->dims ? print_memory_type(p, v->type) : print_type(p, v->type);
    for (u32 i = v->dims; i > 0; i--) type = print_text(p, "array<%s, %u>", type, v->n[i - 1]);
    return type;
}

/* Without ';'. The value is printed before the name is visible. */
static void print_decl(printer *p, const kc_stmt *s)
{
    kc_var *v = s->var;
    const char *value = s->value ? wgsl_text(p, s->value, 0) : NULL;
    const char *name = print_name(p, v);
    bool fixed = v->is_const && value;
    str_print(p->out, "%s %s: %s", fixed ? "let" : "var", name, array_type(p, v));
    if (value) str_print(p->out, " = %s", value);
    else if (p->e->kernel.form == KC_MAP || v->storage != KC_V_PER_ITEM) str_print(p->out, " = %s()", array_type(p, v));
}

static bool is_compound(u32 op) { return op < K_LT || op == K_AND || op == K_XOR || op == K_OR; }

/* place = place op e is printed place op= e; with 1, place++. */
static bool print_compound(printer *p, const kc_stmt *s)
{
    const kc_expr *v = s->value, *to = s->target;
    if (v->op >= K_BINARY_COUNT || !is_compound(v->op) || wgsl_is_call(v) || to->type.scalar == KC_BOOL ||
        wgsl_is_64(to->type))
        return false;
    if ((v->op == K_DIV || v->op == K_REM) && v->a[1]->op == K_CONST && v->a[1]->value.i == 0) return false;
    if (!fold_same(v->a[0], to) || (to->op == K_ELEM && !wgsl_memory_plain(p, to)) || to->op == K_LANE) return false;
    const kc_expr *by = v->op <= K_SUB ? print_beside(v->a[1], v->a[0]) : v->a[1];
    bool one = by->op == K_CONST && kc_is_integer((kc_scalar)by->type.scalar) && by->value.i == 1 && to->type.lanes == 1;
    wgsl_expr(p, to, 0);
    if (one && (v->op == K_ADD || v->op == K_SUB)) str_add(p->out, v->op == K_ADD ? "++" : "--");
    else str_print(p->out, " %s= %s", print_symbol((kc_op)v->op), wgsl_text(p, by, 0));
    return true;
}

/* One lane of an element of a buffer of vectors: the whole element is written. */
static bool print_lane_of_buffer(printer *p, const kc_stmt *s)
{
    const kc_expr *to = s->target;
    if (to->op != K_LANE || to->a[0]->op != K_ELEM || to->a[0]->var->storage != KC_V_BUFFER) return false;
    const char *old = wgsl_text(p, to->a[0], PRINT_POSTFIX), *value = wgsl_text(p, s->value, 0);
    const wgsl_memory *m = &p->wgsl->bufs[to->a[0]->var->at];
    const char *type = print_type(p, to->a[0]->type), *lanes = "";
    for (u32 l = 0; l < kc_lanes(p->m, to->a[0]->type); l++)
        lanes =
            print_text(p, "%s%s%s", lanes, l ? ", " : "", l == to->lane ? value : print_text(p, "%s.%c", old, "xyzw"[l]));
    const kc_expr *index = to->a[0]->a[0];
    const char *at = wgsl_text(p, index, 0);
    wgsl_memory_put(p, m, index->type.scalar == KC_U32 ? at : print_text(p, "u32(%s)", at),
                    print_text(p, "%s(%s)", type, lanes));
    return true;
}

static void print_assign(printer *p, const kc_stmt *s)
{
    if (print_lane_of_buffer(p, s) || print_compound(p, s)) return;
    if (s->target->op == K_ELEM) {
        wgsl_memory_store(p, s->target, s->value);
        return;
    }
    bool item = p->item != NULL;
    const char *value = wgsl_text(p, s->value, 0);
    wgsl_expr(p, s->target, 0);
    str_print(p->out, " = %s", value);
    (void)item;
}

static void print_simple(printer *p, const kc_stmt *s)
{
    if (s->op == S_DECL) print_decl(p, s);
    else if (s->op == S_ASSIGN) print_assign(p, s);
    else wgsl_expr(p, s->value, 0);
}

static void print_if(printer *p, const kc_stmt *s)
{
    start_line(p);
    for (;;) {
        bool swapped = !s->body && s->other;
        str_print(p->out, swapped ? "if (!%s) " : "if (%s) ", wgsl_text(p, s->value, swapped ? PRINT_UNARY : 0));
        print_braced(p, swapped ? s->other : s->body);
        const kc_stmt *other = swapped ? NULL : s->other;
        if (!other) break;
        str_add(p->out, " else ");
        if (other->op != S_IF || other->next) {
            print_braced(p, other);
            break;
        }
        s = other;
    }
    str_add(p->out, "\n");
}

/* What a loop asks at its head, and its body after that. */
typedef struct loop_text {
    const char *test;
    const kc_stmt *body;
    print_exit exit;
} loop_text;

static void loop_text_make(printer *p, const kc_stmt *s, loop_text *out)
{
    const char *again = print_again(p, s);
    out->test = again ? print_text(p, "%s(true)", again) : wgsl_text(p, s->value, 0);
    out->body = again ? print_exit_body(&out->exit, s) : s->body;
}

/* Steps of several statements. */
static void print_long_loop(printer *p, const kc_stmt *s)
{
    loop_text t;
    loop_text_make(p, s, &t);
    print_line(p, "loop {");
    p->indent++;
    print_line(p, "if (!(%s)) {", t.test);
    print_line(p, "    break;");
    print_line(p, "}");
    p->indent--;
    print_list(p, t.body);
    p->indent++;
    print_line(p, "continuing {");
    print_list(p, s->step);
    print_line(p, "}");
    p->indent--;
    print_line(p, "}");
}

static void print_do(printer *p, const kc_stmt *s)
{
    const char *again = print_again(p, s);
    start_line(p);
    str_print(p->out, "for (var qk_again = %s(true); qk_again; qk_again = %s(%s)) ", again, again,
              wgsl_text(p, s->value, 0));
    print_braced(p, s->body);
    str_add(p->out, "\n");
}

static bool is_one(const kc_stmt *s) { return !s || !s->next; }

static void print_for(printer *p, const kc_stmt *init, const kc_stmt *s)
{
    loop_text t;
    start_line(p);
    if (init || s->step) {
        str_add(p->out, "for (");
        if (init) print_simple(p, init);
        loop_text_make(p, s, &t);
        str_print(p->out, "; %s; ", t.test);
        if (s->step) print_simple(p, s->step);
        str_add(p->out, ") ");
    } else {
        loop_text_make(p, s, &t);
        str_print(p->out, "while (%s) ", t.test);
    }
    print_braced(p, t.body);
    str_add(p->out, "\n");
}

static void print_loop(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    bool simple = is_one(s->step), outside = s->init && (!is_one(s->init) || !simple);
    if (outside) {
        print_line(p, "{");
        p->indent++;
        for (const kc_stmt *i = s->init; i; i = i->next) {
            start_line(p);
            print_simple(p, i);
            str_add(p->out, ";\n");
        }
    }
    if (s->test_last) print_do(p, s);
    else if (simple) print_for(p, outside ? NULL : s->init, s);
    else print_long_loop(p, s);
    if (outside) {
        p->indent--;
        print_line(p, "}");
    }
    print_forget(p, scope);
}

/* ------------------------------------------------------------------ phases */
static void print_items(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    const char *t = print_name(p, s->var);
    p->item = s->var;
    print_line(p, "{");
    print_line(p, "    let %s = qk_item;", t);
    p->wgsl->uses_item = true;
    bool block = s->body && !s->body->next && s->body->op == S_BLOCK;
    print_list(p, block ? s->body->body : s->body);
    print_line(p, "}");
    bool last = (!s->next && p->indent == 1) || !print_shares(s->body);
    if (!last && p->wgsl->storage) print_line(p, "storageBarrier();");
    if (!last) print_line(p, "workgroupBarrier();");
    p->item = NULL;
    print_forget(p, scope);
}

static void print_subgroup(printer *p, const kc_stmt *s)
{
    if (wgsl_subgroup(p, s)) return;
    start_line(p);
    print_braced(p, s->body);
    str_add(p->out, "\n");
}

static void print_stmt(printer *p, const kc_stmt *s)
{
    switch (s->op) {
    case S_DECL:
        if (s->var->storage == KC_V_SHARED) return; /* a variable of the module */
        start_line(p);
        print_decl(p, s);
        str_add(p->out, ";\n");
        break;
    case S_ASSIGN:
    case S_EXPR:
        if (s->body) {
            print_subgroup(p, s);
            break;
        }
        start_line(p);
        print_simple(p, s);
        str_add(p->out, ";\n");
        break;
    case S_IF: print_if(p, s); break;
    case S_LOOP: print_loop(p, s); break;
    case S_ITEMS: print_items(p, s); break;
    case S_RETURN:
        if (s->value) print_line(p, "return %s;", wgsl_text(p, s->value, 0));
        else print_line(p, "return;");
        break;
    case S_BREAK: print_line(p, "break;"); break;
    case S_CONTINUE: print_line(p, "continue;"); break;
    case S_BLOCK:
        start_line(p);
        print_braced(p, s->body);
        str_add(p->out, "\n");
        break;
    default: break;
    }
}

/* ------------------------------------------------------------------ the module */
static void print_params(printer *p)
{
    str_add(p->out, "struct Params {\n");
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        kc_var *v = p->e->vars[slot];
        if (v->storage != KC_V_SCALAR) continue;
        const char *name = print_name(p, v);
        str_print(p->out, "    %s: %s,\n", name, wgsl_is_64(v->type) ? "u32" : p->d->scalars[v->type.scalar]);
        if (wgsl_is_64(v->type)) str_print(p->out, "    %s_high: u32,\n", name);
    }
    str_add(p->out, "    qk_count: u32,\n");
    for (u32 i = 0; i < p->wgsl->n_bufs; i++)
        if (*p->wgsl->bufs[i].at) str_print(p->out, "    qk_at_%s: u32,\n", p->wgsl->bufs[i].label);
    str_print(p->out, "}\n@group(0) @binding(%u) var<uniform> qk: Params;\n", p->wgsl->n_bindings);
}

static void print_constants(printer *p)
{
    for (u32 i = 0; i < p->m->n_tables; i++) {
        const kc_var *v = p->m->tables[i];
        if (!v->read) continue;
        const char *type = array_type(p, v);
        str_print(p->out, "var<private> %s: %s = %s(", print_named(p, v), type, type);
        for (u32 k = 0; k < v->n[0]; k++) {
            str_add(p->out, k % 12 == 0 ? "\n    " : " ");
            wgsl_const(p, v->values[k]);
            str_add(p->out, k + 1 < v->n[0] ? "," : "");
        }
        str_add(p->out, "\n);\n");
    }
}

static void print_map_entry(printer *p)
{
    const wgsl_memory *to = &p->wgsl->bufs[p->wgsl->n_bufs - 1];
    u32 bytes = kc_scalar_bytes((kc_scalar)to->type.scalar), each = bytes < 4 ? 4 / bytes : 1, bits = 8 * bytes;
    str_print(p->out,
              "\n@compute @workgroup_size(%d)\nfn qk_run(@builtin(global_invocation_id) id: vec3<u32>, "
              "@builtin(num_workgroups) groups: vec3<u32>) {\n",
              (int)KC_WGSL_MAP_GROUP);
    p->indent = 1;
    print_line(p, "let i = %s(id.x + id.y * groups.x * %uu)%s;", "", (u32)KC_WGSL_MAP_GROUP,
               each > 1 ? print_text(p, " * %uu", each) : "");
    print_line(p, "if (i < qk.qk_count) {");
    p->indent = 2;
    if (each == 1) {
        start_line(p);
        wgsl_memory_put(p, to, "i", print_text(p, "%s(i)", p->function));
        str_add(p->out, ";\n");
    } else if (to->half) {
        print_line(p, "for (var k = i; k < i + 2u && k < qk.qk_count; k++) {");
        p->indent = 3;
        start_line(p);
        wgsl_memory_put(p, to, "k", print_text(p, "%s(k)", p->function));
        str_add(p->out, ";\n");
        p->indent = 2;
        print_line(p, "}");
    } else {
        const char *value = print_text(p, "%s(i + k)", p->function);
        const char *place = print_text(p, "%s[%s(i / %uu)]", to->name, to->at, each);
        const char *read = to->elem == KC_U32 ? place : print_text(p, "bitcast<u32>(%s)", place);
        bool is_signed = to->type.scalar == KC_I8 || to->type.scalar == KC_I16;
        if (is_signed) value = print_text(p, "bitcast<u32>(%s)", value);
        if (to->type.scalar == KC_BOOL) value = print_text(p, "u32(%s)", value);
        print_line(p, "var word = %s;", to->atomic ? print_text(p, "atomicLoad(&%s)", place) : read);
        print_line(p, "for (var k = 0u; k < %uu && i + k < qk.qk_count; k++) {", each);
        print_line(p, "    word = insertBits(word, %s, k * %uu, %uu);", value, bits, bits);
        print_line(p, "}");
        print_line(p, "%s = %s;", place,
                   to->elem == KC_U32 ? "word" : print_text(p, "bitcast<%s>(word)", p->d->scalars[to->elem]));
    }
    p->indent = 0;
    str_add(p->out, "    }\n}\n");
}

static void print_map(printer *p)
{
    const char *first = print_name(p, p->e->first);
    str_print(p->out, "\nfn %s(%s: u32) -> %s {\n", p->function, first, print_type(p, p->e->kernel.result));
    print_list(p, p->e->body);
    str_add(p->out, "}\n");
    print_map_entry(p);
}

static void print_group(printer *p)
{
    const char *first = print_name(p, p->e->first);
    str body = { 0 }, *out = p->out;
    p->out = &body;
    print_list(p, p->e->body);
    p->out = out;
    bool item = p->wgsl->uses_item;
    if (item) str_add(out, "\nvar<private> qk_item: u32;\n");
    str_print(out,
              "\n@compute @workgroup_size(%u)\nfn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) "
              "qk_groups: vec3<u32>%s) {\n",
              p->e->kernel.group, item ? ", @builtin(local_invocation_index) qk_index: u32" : "");
    str_print(out, "    let %s = qk_id.x + qk_id.y * qk_groups.x;\n    if (%s >= qk.qk_count) {\n        return;\n    }\n",
              first, first);
    if (item) str_add(out, "    qk_item = qk_index;\n");
    if (body.text) str_add_n(out, body.text, body.n);
    str_add(out, "}\n");
    p->bad |= body.bad;
    str_free(&body);
}

void wgsl_unit(printer *p, str *out)
{
    const kc_entry *e = p->e;
    wgsl w = { 0 };
    bool *atomics = ARENA_ARRAY(p->scratch, e->n_vars + 1, bool);
    str kernel = { 0 };
    p->bad |= atomics == NULL;
    if (p->bad) return;
    p->wgsl = &w;
    p->out = &kernel;
    wgsl_memory_make(p, &w, atomics);
    print_params(p);
    wgsl_memory_bindings(p);
    wgsl_memory_shared(p);
    print_constants(p);
    size_t head = kernel.n;
    if (e->kernel.form == KC_MAP) print_map(p);
    else print_group(p);
    p->out = out;
    str_print(out, "// %s, printed by Quern for WGSL\n", e->kernel.name);
    if (w.uses_f16) str_add(out, "enable f16;\n");
    if (w.uses_subgroups) str_add(out, "enable subgroups;\n");
    if (kernel.text) str_add_n(out, kernel.text, head);
    if (p->helpers.text) {
        str_add(out, "\n");
        str_add_n(out, p->helpers.text, p->helpers.n);
    }
    if (kernel.text) str_add_n(out, kernel.text + head, kernel.n - head);
    p->bad |= kernel.bad;
    p->wgsl = NULL;
    str_free(&kernel);
}

/* ------------------------------------------------------------------ what WGSL cannot express */
static const kc_expr *atomic_below(const kc_expr *e)
{
    if (e->op == K_CALL && kc_builtin_is_atomic((kc_builtin)e->call)) return e;
    for (u32 i = 0; i < e->n_args; i++) {
        const kc_expr *found = atomic_below(e->a[i]);
        if (found) return found;
    }
    return NULL;
}

/* An atomic on a side of ?:, of which both are evaluated. */
static const kc_expr *hidden_atomic(const kc_expr *e)
{
    const kc_expr *found = NULL;
    for (u32 i = e->op == K_COND; e->op == K_COND && i < 3 && !found; i++) found = atomic_below(e->a[i]);
    for (u32 i = 0; i < e->n_args && !found; i++) found = hidden_atomic(e->a[i]);
    return found;
}

static const kc_expr *hidden_in(const kc_stmt *s)
{
    const kc_expr *found = NULL;
    for (; s && !found; s = s->next) {
        if (s->value) found = hidden_atomic(s->value);
        const kc_stmt *const parts[] = { s->init, s->step, s->body, s->other };
        for (u32 i = 0; i < COUNT(parts) && !found; i++) found = hidden_in(parts[i]);
    }
    return found;
}

/* What a function's variables take together, in the types that they have in the text. WGSL promises LOCAL_BYTES (Limits); on NVIDIA's driver twice
 * that in each invocation lost the device. */
enum { LOCAL_BYTES = 8192 };

static u64 local_bytes(const kc_module *m, const kc_entry *e)
{
    u64 bytes = 0;
    for (u32 slot = 0; slot < e->n_vars; slot++) {
        const kc_var *v = e->vars[slot];
        if (v->storage != KC_V_UNIFORM && v->storage != KC_V_ITEM && v->storage != KC_V_PER_ITEM) continue;
        u64 each = (u64)(wgsl_is_64(v->type) ? 8 : 4) * kc_lanes(m, v->type);
        for (u32 i = 0; i < v->dims; i++) each *= v->n[i];
        bytes += each;
    }
    return bytes;
}

static qn_status check(const kc_module *m, const kc_entry *e)
{
    const u64 local = local_bytes(m, e);
    if (local > LOCAL_BYTES)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos,
                          "'%s' has %llu bytes of variables; WGSL has room for %d in a function", e->kernel.name,
                          (unsigned long long)local, (int)LOCAL_BYTES);
    if (e->kernel.uses_f64)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "WGSL has no f64, which '%s' computes in", e->kernel.name);
    if (m->width > 4)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "WGSL has vectors of 4 lanes, not an f32w of %u", m->width);
    const kc_expr *hidden = hidden_in(e->body);
    if (!hidden) return QN_OK;
    return kc_fail_at(m, QN_E_UNSUPPORTED, hidden->pos,
                      "WGSL evaluates both sides of ?:, so an atomic cannot stand there; use if");
}

qn_status kc_print_wgsl(const kc_module *m, const kc_kernel *k, const kc_layout *layout, str *out)
{
    QN_TRY(check(m, kc_entry_of(k)));
    return print_bound(m, k, &dialect_wgsl, layout, out);
}

qn_status print_wgsl(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    (void)d;
    return kc_print_wgsl(m, k, NULL, out);
}
