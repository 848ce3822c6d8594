/* The printer of the C family: statements, expressions, names and helpers, with everything that differs between dialects in their tables.
 *
 * Names are kept as written. A name gets a number only where something visible has it already: inlining and scopes repeat names, and an
 * inlined parameter must not capture. Helpers are written out before the kernel, each once for each type it is used with. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ------------------------------------------------------------------ names */
static u64 key_of(const char *text, u64 seed) { return hash_bytes(text, strlen(text), seed); }

static u32 count_of(const printer *p, u64 key)
{
    u32 n = 0;
    return map_get(&p->counts, key, &n) ? n : 0;
}

static void set_count(printer *p, u64 key, u32 n)
{
    if (!map_put(&p->counts, key, n)) p->bad = true;
}

static bool is_reserved(const printer *p, const char *text)
{
    for (const char *const *word = p->d->reserved; *word; word++)
        if (strcmp(*word, text) == 0) return true;
    for (u32 i = 0; i < KC_B_COUNT; i++)
        if (strcmp(kc_builtin_name((kc_builtin)i), text) == 0 || strcmp(p->d->builtins[i], text) == 0) return true;
    return text_starts(text, "qk_") || text_starts(text, "qc_") || text_starts(text, "__");
}

const char *print_name(printer *p, kc_var *v)
{
    const char *base = is_reserved(p, v->name) ? print_text(p, "%s_", v->name) : v->name, *made = base;
    u64 suffix_key = key_of(base, 1);
    while (count_of(p, key_of(made, 0)) && !p->bad) {
        u32 suffix = MAX(count_of(p, suffix_key), 1) + 1;
        set_count(p, suffix_key, suffix);
        made = print_text(p, "%s_%u", base, suffix);
    }
    if (!ARENA_PUSH_ROOM(p->scratch, p->visible, p->n_visible, p->cap_visible, 1u << 24)) p->bad = true;
    if (p->bad) return "";
    set_count(p, key_of(made, 0), 1);
    p->names[v->slot] = made;
    p->visible[p->n_visible++] = v->slot;
    return made;
}

const char *print_named(const printer *p, const kc_var *v)
{
    if (v->storage == KC_V_TABLE) return v->name;
    return p->names[v->slot] ? p->names[v->slot] : v->name;
}

void print_forget(printer *p, u32 to)
{
    while (p->n_visible > to) {
        u32 slot = p->visible[--p->n_visible];
        u64 base_key = key_of(p->names[slot], 0);
        set_count(p, base_key, 0);
        set_count(p, key_of(p->names[slot], 1), 0); /* numbers start again */
        p->names[slot] = NULL;
    }
}

/* ------------------------------------------------------------------ helpers */
static const helper *find_helper(const printer *p, const char *name)
{
    for (const helper *h = p->d->helpers; h->name; h++)
        if (strcmp(h->name, name) == 0) return h;
    return NULL;
}

static const char *const lowest[] = {
    [KC_I8] = "-128", [KC_I16] = "-32768", [KC_I32] = "(-2147483647 - 1)",           [KC_U8] = "0", [KC_U16] = "0",
    [KC_U32] = "0u",  [KC_U64] = "0",      [KC_I64] = "(-9223372036854775807l - 1)", [KC_F64] = "0"
};
static const char *const highest[] = { [KC_I8] = "127",
                                       [KC_I16] = "32767",
                                       [KC_I32] = "2147483647",
                                       [KC_U8] = "255",
                                       [KC_U16] = "65535",
                                       [KC_U32] = "4294967295u",
                                       [KC_U64] = "18446744073709551615ul",
                                       [KC_I64] = "9223372036854775807l",
                                       [KC_F64] = "0" };

static kc_type mask_type(kc_type t)
{
    return (kc_type){ kc_scalar_bytes((kc_scalar)t.scalar) == 8 ? KC_I64 : KC_I32, t.lanes };
}

static void expand(printer *p, str *to, const char *text, const char *full_name, const helper_use *u)
{
    kc_type memory = { (u8)u->storage, 1 }, scalar = { u->value.scalar, 1 };
    for (const char *at = text; *at; at++) {
        if (*at != '$') {
            str_add_n(to, at, 1);
            continue;
        }
        switch (*++at) {
        case 'F': str_add(to, full_name); break;
        case 'T': str_add(to, print_type(p, u->value)); break;
        case 'E': str_add(to, print_type(p, scalar)); break;
        case 'N': str_print(to, "%u", kc_lanes(p->m, u->value)); break;
        case 'K': str_add(to, kc_type_name(u->value)); break;
        case 'M': str_add(to, print_type(p, mask_type(u->value))); break;
        case 'S': str_add(to, print_memory_type(p, memory)); break;
        case 'A': str_add(to, u->space ? u->space : ""); break;
        case 'R': str_add(to, print_type(p, (kc_type){ (u8)u->result, 1 })); break;
        case 'H': str_add(to, kc_scalar_name(u->storage)); break;
        case 'B': str_add(to, u->function ? u->function : ""); break;
        case '0': str_add(to, lowest[u->result]); break;
        case '9': str_add(to, highest[u->result]); break;
        default: break;
        }
    }
}

static const char *full_name_of(printer *p, const char *name, const helper_use *u)
{
    size_t n = strcspn(name, ".");
    const char *head = u->function && strcmp(name, "qc_each") == 0 ? u->function : "",
               *storage = u->storage ? kc_scalar_name(u->storage) : "";
    bool typed = u->value.scalar != KC_VOID, same = u->storage == u->value.scalar && u->value.lanes == 1;
    if (u->storage && same) storage = "";
    if (u->result) return print_text(p, "%.*s_%s_%s", (int)n, name, kc_scalar_name(u->result), kc_type_name(u->value));
    return print_text(p, "%.*s%s%s%s%s%s%s%s", (int)n, name, *head ? "_" : "", head, typed ? "_" : "",
                      typed ? kc_type_name(u->value) : "", *storage ? "_" : "", storage, u->space_name ? u->space_name : "");
}

const char *print_helper(printer *p, const char *name, const helper_use *use)
{
    const helper *h = find_helper(p, name);
    const char *full = full_name_of(p, name, use);
    u64 key = key_of(full, 2);
    if (!h || p->bad || count_of(p, key)) return full;
    set_count(p, key, 1);
    if (h->needs && strcmp(h->needs, "@") == 0) {
        p->d->use_math(p, use->value);
    } else if (h->needs) {
        helper_use plain = { 0 };
        const char *needed = strchr(h->needs, '$') ? print_text(p, "%.*s%s", (int)(strlen(h->needs) - 2), h->needs,
                                                                kc_scalar_name(use->storage))
                                                   : h->needs;
        bool typed = find_helper(p, needed) && strchr(find_helper(p, needed)->text, '$');
        print_helper(p, needed, typed ? use : &plain);
    }
    str text = { 0 };
    expand(p, &text, h->text, full, use);
    str_add(&text, "\n");
    if (text.text) str_add_n(&p->helpers, text.text, text.n);
    p->bad |= text.bad;
    str_free(&text);
    return full;
}

/* ------------------------------------------------------------------ constants */
static void print_float(printer *p, kc_type t, f64 v)
{
    char text[40];
    bool narrow = t.scalar == KC_F32;
    if (isnan(v) || isinf(v)) {
        const char *word = isnan(v) ? p->d->nan : p->d->infinity;
        str_print(p->out, "%s%s%s", signbit(v) && isinf(v) ? "-" : "",
                  narrow ? "" : print_text(p, "(%s)", p->d->scalars[t.scalar]), word);
        return;
    }
    for (int digits = narrow ? 6 : 15; digits <= (narrow ? 9 : 17); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (narrow ? strtof(text, NULL) == (f32)v : strtod(text, NULL) == v) break;
    }
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.'; /* some locales */
    bool plain = !strpbrk(text, ".e");
    str_print(p->out, "%s%s%s", text, plain ? ".0" : "", narrow ? "f" : "");
}

static void print_int(printer *p, kc_type t, i64 v)
{
    switch (t.scalar) {
    case KC_BOOL: str_add(p->out, v ? "true" : "false"); break;
    case KC_U64: str_print(p->out, "%llu%s", (unsigned long long)v, p->d->ulong_suffix); break;
    case KC_U32: str_print(p->out, "%lluu", (unsigned long long)v); break;
    case KC_I64:
        if (v == INT64_MIN) str_print(p->out, "(-9223372036854775807%s - 1)", p->d->long_suffix);
        else str_print(p->out, "%lld%s", (long long)v, p->d->long_suffix);
        break;
    default: str_print(p->out, v == INT32_MIN ? "(-2147483647 - 1)" : "%lld", (long long)v);
    }
}

static void print_const(printer *p, const kc_expr *e)
{
    if (kc_is_float((kc_scalar)e->type.scalar)) print_float(p, e->type, e->value.f);
    else print_int(p, e->type, e->value.i);
}

/* ------------------------------------------------------------------ places */
static void print_item(printer *p)
{
    if (p->item) str_print(p->out, "[%s]", print_named(p, p->item));
}

static bool is_item_array(const printer *p, const kc_var *v) { return v->storage == KC_V_PER_ITEM && p->d->items_are_loops; }

static void print_place_name(printer *p, const kc_var *v)
{
    str_add(p->out, print_named(p, v));
    if (is_item_array(p, v)) print_item(p);
}

static void print_elem(printer *p, const kc_expr *e)
{
    print_place_name(p, e->var);
    for (u32 i = 0; i < e->n_args; i++) {
        str_add(p->out, "[");
        if (e->a[i]->op == K_CONST) str_print(p->out, "%lld", (long long)e->a[i]->value.i);
        else print_expr(p, e->a[i], 0);
        str_add(p->out, "]");
    }
}

void print_array(printer *p, const kc_expr *e) { print_elem(p, e); }

static void print_place(printer *p, const kc_expr *e)
{
    if (e->op == K_LANE) p->d->lane(p, e);
    else if (e->op == K_ELEM) print_elem(p, e);
    else print_place_name(p, e->var);
}

/* ------------------------------------------------------------------ operators */
typedef struct operator_info {
    const char *symbol;
    int precedence;
} operator_info;
static const operator_info operators[] = {
#define X(name, symbol, precedence) [name] = { symbol, precedence },
    KC_BINARY_OPS(X)
#undef X
};

static bool is_narrow(kc_type t) { return t.scalar == KC_F16 || t.scalar == KC_BF16; }

static bool is_negative(const kc_expr *e)
{
    return e->op == K_CONST &&
           (kc_is_float((kc_scalar)e->type.scalar) ? signbit(e->value.f) && !isnan(e->value.f)
                                                   : kc_is_signed((kc_scalar)e->type.scalar) && e->value.i < 0);
}

static int precedence_of(const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT) return operators[e->op].precedence;
    switch (e->op) {
    case K_COND: return PRINT_COND;
    case K_CONST: return is_negative(e) || e->type.scalar == KC_F64 ? PRINT_UNARY : PRINT_POSTFIX + 1; /* (double)INFINITY */
    case K_NEG:
    case K_NOT:
    case K_BITNOT: return PRINT_UNARY;
    case K_CAST:
        if (e->type.scalar == KC_BOOL) return operators[K_NE].precedence;
        return is_narrow(e->a[0]->type) && e->type.scalar == KC_F32 ? PRINT_POSTFIX : PRINT_UNARY;
    case K_ELEM: return e->type.scalar == KC_BOOL ? operators[K_NE].precedence : PRINT_POSTFIX;
    case K_SPLAT:
    case K_MAKE: return PRINT_UNARY;
    default: return PRINT_POSTFIX;
    }
}

/* Beside a vector a scalar stands for itself: no splat is printed. */
static const kc_expr *bare(const kc_expr *e, const kc_expr *other)
{
    return e->op == K_SPLAT && other->op != K_SPLAT ? e->a[0] : e;
}

/* What the reader should not have to know: && in ||, shifts and bits among others, mixed. */
static bool wants_parens(kc_op outer, kc_op inner)
{
    if (inner >= K_BINARY_COUNT || inner == outer) return false;
    bool bits = outer == K_AND || outer == K_OR || outer == K_XOR || outer == K_SHL || outer == K_SHR;
    return bits || (outer == K_LOGOR && inner == K_LOGAND);
}

static void print_operand(printer *p, kc_op outer, const kc_expr *e, int least)
{
    print_expr(p, e, wants_parens(outer, (kc_op)e->op) ? PRINT_UNARY : least);
}

static void print_binary(printer *p, const kc_expr *e)
{
    const operator_info *op = &operators[e->op];
    const kc_expr *a = bare(e->a[0], e->a[1]), *b = bare(e->a[1], e->a[0]);
    print_operand(p, (kc_op)e->op, a, op->precedence);
    str_print(p->out, " %s ", op->symbol);
    print_operand(p, (kc_op)e->op, b, op->precedence + 1);
}

static void print_unary(printer *p, const kc_expr *e)
{
    str_add(p->out, e->op == K_NEG ? "-" : e->op == K_NOT ? "!" : "~");
    bool doubled = e->op == K_NEG && (e->a[0]->op == K_NEG || is_negative(e->a[0]));
    print_expr(p, e->a[0], doubled ? PRINT_POSTFIX + 2 : PRINT_UNARY);
}

static void print_cond(printer *p, const kc_expr *e)
{
    print_expr(p, e->a[0], PRINT_COND + 1);
    str_add(p->out, " ? ");
    print_expr(p, e->a[1], PRINT_COND);
    str_add(p->out, " : ");
    print_expr(p, e->a[2], PRINT_COND);
}

static const char *const from_narrow[] = { "qc_from_f16", "qc_from_bf16" }, *const to_narrow[] = { "qc_to_f16",
                                                                                                   "qc_to_bf16" };

static void print_from_narrow(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (e->type.scalar == KC_F64) str_print(p->out, "(%s)", print_type(p, e->type));
    if (a->op == K_ELEM && a->type.scalar == KC_F16 && p->d->load_half(p, a)) return;
    str_print(p->out, "%s(", print_helper(p, from_narrow[a->type.scalar == KC_BF16], &(helper_use){ 0 }));
    print_expr(p, a, 0);
    str_add(p->out, ")");
}

static void print_cast(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (is_narrow(a->type)) {
        print_from_narrow(p, e);
    } else if (e->type.scalar == KC_BOOL) {
        print_expr(p, a, operators[K_NE].precedence);
        str_add(p->out, " != 0");
    } else {
        str_print(p->out, "(%s)", print_type(p, e->type));
        print_expr(p, a, PRINT_UNARY);
    }
}

static void print_to(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    helper_use use = { .value = a->type, .result = (kc_scalar)e->type.scalar };
    if (is_narrow(e->type)) {
        str_print(p->out, "%s(", print_helper(p, to_narrow[e->type.scalar == KC_BF16], &(helper_use){ 0 }));
        if (a->type.scalar != KC_F32) str_print(p->out, "(%s)", p->d->scalars[KC_F32]);
        print_expr(p, a, a->type.scalar != KC_F32 ? PRINT_UNARY : 0);
    } else {
        str_print(p->out, "%s(", print_helper(p, "qc_to", &use));
        print_expr(p, a, 0);
    }
    str_add(p->out, ")");
}

/* ------------------------------------------------------------------ calls */
void print_args(printer *p, const kc_expr *e, u32 from)
{
    for (u32 i = from; i < e->n_args; i++) {
        if (i > from) str_add(p->out, ", ");
        if (e->a[i]->op == K_ARRAY) print_array(p, e->a[i]);
        else print_expr(p, e->a[i], 0);
    }
}

static void print_pattern(printer *p, const kc_expr *e, const char *text)
{
    for (; *text; text++) {
        u32 i = (u32)(text[0] == '$' ? text[1] - '1' : 99);
        if (i < e->n_args) {
            print_expr(p, e->a[i], PRINT_UNARY);
            text++;
        } else {
            str_add_n(p->out, text, 1);
        }
    }
}

/* A helper's instance: by the memory it touches, or by the type of its first operand. */
static const char *helper_of(printer *p, const kc_expr *e, const char *name)
{
    helper_use use = { .value = e->a[0]->type };
    const char *whole = kc_is_integer((kc_scalar)use.value.scalar) ? print_text(p, "%s.whole", name) : name;
    if (find_helper(p, whole)) name = whole;
    if (e->a[0]->op != K_ARRAY) return print_helper(p, name, &use);
    const kc_expr *array = e->a[0];
    use.space = p->d->space(array->var, &use.space_name);
    use.storage = (kc_scalar)array->type.scalar;
    use.value = e->type.scalar == KC_VOID ? e->a[2]->type : e->type;
    if (!is_narrow(array->type)) return print_helper(p, name, &use);
    const char *half = print_text(p, "%s.half", name);
    bool vectors = use.value.scalar == KC_F32 && find_helper(p, half);
    return print_helper(p, vectors ? half : print_text(p, "%s.narrow", name), &use);
}

static void print_call(printer *p, const kc_expr *e)
{
    const char *text = p->d->builtins[e->call];
    if (p->d->call(p, e, text)) return;
    if (strchr(text, '$')) {
        print_pattern(p, e, text);
        return;
    }
    str_print(p->out, "%s(", text_starts(text, "qc_") ? helper_of(p, e, text) : text);
    print_args(p, e, 0);
    str_add(p->out, ")");
}

static void print_bare(printer *p, const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT) {
        print_binary(p, e);
        return;
    }
    switch (e->op) {
    case K_CONST: print_const(p, e); break;
    case K_VAR: print_place_name(p, e->var); break;
    case K_ELEM:
        if (e->type.scalar == KC_F16 && p->d->raw_half(p, e)) break;
        print_elem(p, e);
        if (e->type.scalar == KC_BOOL) str_add(p->out, " != 0");
        break;
    case K_ARRAY: print_array(p, e); break;
    case K_LANE: p->d->lane(p, e); break;
    case K_NEG:
    case K_NOT:
    case K_BITNOT: print_unary(p, e); break;
    case K_COND: print_cond(p, e); break;
    case K_CAST: print_cast(p, e); break;
    case K_TO: print_to(p, e); break;
    case K_SPLAT: p->d->splat(p, e); break;
    case K_MAKE: p->d->make(p, e); break;
    case K_CALL: print_call(p, e); break;
    default: break;
    }
}

void print_expr(printer *p, const kc_expr *e, int least)
{
    bool parens = precedence_of(e) < least;
    if (parens) str_add(p->out, "(");
    print_bare(p, e);
    if (parens) str_add(p->out, ")");
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
        str_print(out, "%s%s ", v->is_const && s->value ? "const " : "",
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
        str_print(p->out, "%s%s %s[%u] = {", head, print_memory_type(p, v->type), v->name, v->n[0]);
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

static bool same_expr(const kc_expr *a, const kc_expr *b)
{
    if (a == b) return true;
    if (a->op != b->op || a->var != b->var || a->n_args != b->n_args || a->call != b->call || a->lane != b->lane ||
        !kc_type_same(a->type, b->type))
        return false;
    if (a->op == K_CONST && memcmp(&a->value, &b->value, sizeof a->value) != 0) return false;
    for (u32 i = 0; i < a->n_args; i++)
        if (!same_expr(a->a[i], b->a[i])) return false;
    return true;
}

/* place = place op e is printed place op= e; with 1, place++. */
static bool print_compound(printer *p, const kc_stmt *s)
{
    const kc_expr *v = s->value;
    if (v->op > K_SHR && v->op != K_AND && v->op != K_XOR && v->op != K_OR) return false;
    if (v->op >= K_BINARY_COUNT || s->target->type.scalar == KC_BOOL || !same_expr(v->a[0], s->target)) return false;
    const kc_expr *by = bare(v->a[1], v->a[0]);
    bool one = by->op == K_CONST && kc_is_integer((kc_scalar)by->type.scalar) && by->value.i == 1 &&
               (v->op == K_ADD || v->op == K_SUB);
    print_place(p, s->target);
    if (one) {
        str_add(p->out, v->op == K_ADD ? "++" : "--");
        return true;
    }
    str_print(p->out, " %s= ", operators[v->op].symbol);
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
    return s && !s->next && (s->op == S_ASSIGN || s->op == S_EXPR || (s->op >= S_RETURN && s->op <= S_CONTINUE));
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
        const kc_expr *test = s->value;
        bool swapped = !s->body && s->other;
        str_add(p->out, swapped ? "if (!" : "if (");
        print_expr(p, test, swapped ? PRINT_UNARY : 0);
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
    if (s->unroll == KC_UNROLL_ALL) print_line(p, "%s", p->d->unroll_all);
    else if (s->unroll) print_line(p, "%s %u", p->d->unroll, s->unroll);
}

static void print_loop_head(printer *p, const kc_stmt *s)
{
    bool is_for = s->init || s->step || !s->value;
    str_add(p->out, is_for ? "for (" : "while (");
    if (is_for) {
        print_simple_list(p, s->init);
        str_add(p->out, s->value ? "; " : ";");
    }
    if (s->value) print_expr(p, s->value, 0);
    if (is_for) {
        str_add(p->out, s->step ? "; " : ";");
        print_simple_list(p, s->step);
    }
    str_add(p->out, ")");
}

static void print_loop(printer *p, const kc_stmt *s)
{
    u32 scope = p->n_visible;
    bool dirty = p->dirty;
    print_unroll(p, s);
    start_line(p);
    if (s->test_last) {
        str_add(p->out, "do");
        print_braced(p, s->body);
        str_add(p->out, " while (");
        print_expr(p, s->value, 0);
        str_add(p->out, ");\n");
    } else {
        print_loop_head(p, s);
        if (s->body) print_under(p, s->body);
        else str_add(p->out, " {}\n");
    }
    p->dirty |= dirty;
    print_forget(p, scope);
}

/* ------------------------------------------------------------------ phases */
/* Does group-level code read what items write? Then a phase after it must wait until every item has read. */
static bool reads_group(const kc_expr *e)
{
    if (e->var && (e->var->storage == KC_V_SHARED || (e->var->storage == KC_V_BUFFER && e->var->role == KC_INOUT)))
        return true;
    for (u32 i = 0; i < e->n_args; i++)
        if (reads_group(e->a[i])) return true;
    return false;
}

static bool list_reads_group(const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_ITEMS) continue;
        if ((s->value && reads_group(s->value)) || (s->target && s->target->n_args && reads_group(s->target->a[0])))
            return true;
        if (list_reads_group(s->init) || list_reads_group(s->body) || list_reads_group(s->other) ||
            list_reads_group(s->step))
            return true;
    }
    return false;
}

static void note_group_reads(printer *p, const kc_stmt *s)
{
    if (p->item || p->dirty || s->op == S_ITEMS) return;
    if (s->value && reads_group(s->value)) p->dirty = true;
    if (s->op == S_LOOP) p->dirty |= list_reads_group(s->body) || list_reads_group(s->step) || list_reads_group(s->init);
}

static bool has_items(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op == S_ITEMS || has_items(s->body) || has_items(s->other)) return true;
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
    if (!loops && !last) print_barrier(p);
    p->item = NULL;
    p->dirty = false;
    print_forget(p, scope);
}

static void print_declared(printer *p, const kc_stmt *s)
{
    bool hoisted = s->var->storage == KC_V_SHARED && !p->d->items_are_loops;
    if (hoisted) return; /* stands at the top of the kernel */
    start_line(p);
    if (s->var->storage == KC_V_SHARED) str_add(p->out, "__attribute__((aligned(64))) ");
    print_decl(p, s, true);
    str_add(p->out, ";\n");
}

static void print_stmt(printer *p, const kc_stmt *s)
{
    if ((s->op == S_LOOP || s->op == S_IF) && (has_items(s->body) || has_items(s->other))) settle(p);
    note_group_reads(p, s);
    switch (s->op) {
    case S_DECL: print_declared(p, s); break;
    case S_ASSIGN:
    case S_EXPR:
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
    case S_BLOCK:
        start_line(p);
        str_add(p->out, "{\n");
        print_body(p, s->body);
        print_line(p, "}");
        break;
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

/* ------------------------------------------------------------------ the door */
static const dialect *const dialects[KC_TARGET_COUNT] = {
#define TARGET(id, name, dialect) [KC_##id] = &dialect,
#include "kc/targets.def"
#undef TARGET
};
static const char *const target_names[KC_TARGET_COUNT] = {
#define TARGET(id, name, dialect) [KC_##id] = name,
#include "kc/targets.def"
#undef TARGET
};

kc_target kc_target_by_name(const char *name)
{
    for (u32 i = 1; name && i < KC_TARGET_COUNT; i++)
        if (strcmp(target_names[i], name) == 0) return (kc_target)i;
    return KC_NONE;
}

qn_status kc_print(const kc_module *m, const kc_kernel *k, kc_target target, str *out)
{
    if (target <= KC_NONE || target >= KC_TARGET_COUNT) return fail(QN_E_USAGE, "kc prints no such target: %d", (int)target);
    const kc_entry *e = kc_entry_of(k);
    printer p = { .d = dialects[target], .m = m, .e = e, .scratch = arena_make() };
    str text = { 0 };
    p.out = &text;
    p.names = p.scratch ? ARENA_ARRAY(p.scratch, e->n_vars + 1, const char *) : NULL;
    p.bad = p.names == NULL;
    if (!p.bad) p.d->unit(&p, &text);
    if (!p.bad && !text.bad && !p.helpers.bad) str_add_n(out, text.text, text.n);
    bool failed = p.bad || text.bad || p.helpers.bad || out->bad;
    str_free(&p.helpers);
    str_free(&text);
    map_free(&p.counts);
    arena_free(p.scratch);
    return failed ? fail_nomem(text.n) : QN_OK;
}
