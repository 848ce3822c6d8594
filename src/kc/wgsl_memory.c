/* Memory in WGSL: bindings of u32, i32, f32 words, atomic ones where atomics or narrow stores act on them. Several parameters may lie in one
 * binding, each at its place. A word of the parameter's own type is an element of the variable; all else goes through a small
 * function of the parameter: narrow types by shift and mask, 64-bit ones as two words. Outside of phases, what may change is read so that
 * WGSL knows the value to be uniform. */
#include "kc/front.h"
#include "kc/wgsl.h"

/* ------------------------------------------------------------------ what lies where */
static void mark_atomics(const kc_expr *e, bool *atomics)
{
    if (e->op == K_CALL && kc_builtin_is_atomic((kc_builtin)e->call)) atomics[e->a[0]->var->slot] = true;
    for (u32 i = 0; i < e->n_args; i++) mark_atomics(e->a[i], atomics);
}

static void mark_list(const kc_stmt *s, bool *atomics)
{
    for (; s; s = s->next) {
        if (s->value) mark_atomics(s->value, atomics);
        if (s->target) mark_atomics(s->target, atomics);
        mark_list(s->init, atomics);
        mark_list(s->step, atomics);
        mark_list(s->body, atomics);
        mark_list(s->other, atomics);
    }
}

static bool is_word(kc_type t) { return t.scalar == KC_I32 || t.scalar == KC_U32 || t.scalar == KC_F32; }

static bool is_whole_word(kc_type t) { return t.lanes == 1 && is_word(t); }

/* The elements of a binding: of its parameters' own type if all agree, else plain words. */
static void join(const printer *p, wgsl *w, u32 binding)
{
    wgsl_memory *first = NULL;
    u32 members = 0;
    bool atomic = false, written = false, mixed = false, halves = p->layout && p->layout->f16;
    kc_scalar elem = KC_U32;
    for (u32 i = 0; i < w->n_bufs; i++) {
        wgsl_memory *m = &w->bufs[i];
        if (m->binding != binding) continue;
        kc_scalar own = is_word(m->type) ? (kc_scalar)m->type.scalar : KC_U32;
        if (first) mixed |= own != elem;
        else elem = own;
        first = first ? first : m;
        members++;
        atomic |= m->atomic;
        written |= m->written;
        halves &= m->type.scalar == KC_F16 && m->type.lanes == 1;
    }
    if (mixed || (atomic && elem == KC_F32)) elem = KC_U32;
    if (halves && members) {
        elem = KC_F16;
        atomic = false; /* elements are apart: no store needs the bits beside it */
        w->uses_f16 = true;
    }
    for (u32 i = 0; i < w->n_bufs; i++) {
        wgsl_memory *m = &w->bufs[i];
        if (m->binding != binding) continue;
        m->elem = elem;
        m->half = elem == KC_F16;
        m->atomic = atomic;
        m->written = written;
        m->at = members > 1 ? "+" : "";
    }
}

static bool is_narrow(kc_type t) { return kc_scalar_bytes((kc_scalar)t.scalar) < 4; }

static void add(wgsl *w, wgsl_memory m, const kc_layout *layout)
{
    m.binding = layout && layout->n_bindings ? layout->binding[w->n_bufs] : (u8)w->n_bufs;
    w->bufs[w->n_bufs++] = m;
}

void wgsl_memory_make(printer *p, wgsl *w, bool *atomics)
{
    const kc_entry *e = p->e;
    bool group = e->kernel.form == KC_GROUP;
    mark_list(e->body, atomics);
    w->atomics = atomics;
    for (u32 i = 0; i < e->n_buffers; i++) {
        kc_var *v = e->buffers[i];
        bool written = v->role != KC_IN, narrow = group && written && is_narrow(v->type);
        w->storage |= v->role == KC_INOUT;
        add(w,
            (wgsl_memory){
                .label = print_name(p, v), .type = v->type, .written = written, .atomic = atomics[v->slot] || narrow },
            p->layout);
    }
    if (!group) add(w, (wgsl_memory){ .label = "qk_out", .type = e->kernel.result, .written = true }, p->layout);
    w->n_bindings = p->layout && p->layout->n_bindings ? p->layout->n_bindings : w->n_bufs;
    for (u32 b = 0; b < w->n_bindings; b++) join(p, w, b);
    for (u32 i = 0; i < w->n_bufs; i++) {
        wgsl_memory *m = &w->bufs[i];
        bool shared = *m->at;
        m->name = shared ? print_text(p, "qk_memory%u", (u32)m->binding) : m->label;
        m->at = shared ? print_text(p, m->half ? "qk.qk_at_%s * 2u + " : "qk.qk_at_%s + ", m->label) : "";
    }
}

static const char *elem_name(printer *p, const wgsl_memory *m)
{
    const char *name = m->half ? "f16" : p->d->scalars[m->elem];
    return m->atomic ? print_text(p, "atomic<%s>", name) : name;
}

void wgsl_memory_bindings(printer *p)
{
    const wgsl *w = p->wgsl;
    for (u32 b = 0; b < w->n_bindings; b++) {
        const wgsl_memory *m = NULL;
        for (u32 i = 0; i < w->n_bufs && !m; i++)
            if (w->bufs[i].binding == b) m = &w->bufs[i];
        if (m)
            str_print(p->out, "@group(0) @binding(%u) var<storage, %s> %s: array<%s>;\n", b,
                      m->written ? "read_write" : "read", m->name, elem_name(p, m));
    }
}

static const wgsl_memory *buffer_of(const printer *p, const kc_var *v) { return &p->wgsl->bufs[v->at]; }

/* SHARED arrays as memory: they take atomics, and load4 and its like. */
static wgsl_memory shared_of(printer *p, const kc_var *v)
{
    bool atomic = p->wgsl->atomics[v->slot];
    return (wgsl_memory){ .label = print_named(p, v),
                          .name = print_named(p, v),
                          .at = "",
                          .type = v->type,
                          .elem = atomic && v->type.scalar == KC_F32 ? KC_U32 : (kc_scalar)v->type.scalar,
                          .atomic = atomic,
                          .written = true };
}

void wgsl_memory_shared(printer *p)
{
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        kc_var *v = p->e->vars[slot];
        if (v->storage != KC_V_SHARED) continue;
        print_name(p, v);
        wgsl_memory m = shared_of(p, v);
        const char *elem = m.atomic ? elem_name(p, &m) : print_memory_type(p, v->type);
        str_print(p->out,
                  v->dims == 2 ? "var<workgroup> %s: array<array<%s, %u>, %u>;\n" : "var<workgroup> %s: array<%s, %u>;\n",
                  m.name, elem, v->dims == 2 ? v->n[1] : v->n[0], v->n[0]);
    }
}

/* ------------------------------------------------------------------ elements, by the text of their index */
static const char *cast_text(printer *p, kc_scalar from, kc_scalar to, const char *text)
{
    return from == to ? text : print_text(p, "bitcast<%s>(%s)", p->d->scalars[to], text);
}

static const char *place_text(printer *p, const wgsl_memory *m, const char *index)
{
    return print_text(p, "%s%s[%s%s]", m->atomic ? "&" : "", m->name, m->at, index);
}

/* One word of the variable, as a value of type `to`. */
static const char *word_text(printer *p, const wgsl_memory *m, const char *index, kc_scalar to)
{
    const char *place = place_text(p, m, index);
    return cast_text(p, m->elem, to, m->atomic ? print_text(p, "atomicLoad(%s)", place) : place);
}

static const char *narrow_body(printer *p, const wgsl_memory *m)
{
    u32 bits = 8 * kc_scalar_bytes((kc_scalar)m->type.scalar), each = 32 / bits;
    bool is_signed = m->type.scalar == KC_I8 || m->type.scalar == KC_I16;
    const char *word = word_text(p, m, each == 4 ? "(i >> 2u)" : "(i >> 1u)", is_signed ? KC_I32 : KC_U32);
    return print_text(p, "    return extractBits(%s, (i & %uu) * %uu, %uu)%s;\n", word, each - 1, bits, bits,
                      m->type.scalar == KC_BOOL ? " != 0u" : "");
}

static const char *lanes_body(printer *p, const wgsl_memory *m)
{
    u32 n = kc_lanes(p->m, m->type);
    str body = { 0 };
    str_print(&body, "    let k = i * %uu;\n    return %s(", n, print_type(p, m->type));
    for (u32 l = 0; l < n; l++)
        str_print(&body, "%s%s", l ? ", " : "",
                  word_text(p, m, l ? print_text(p, "k + %uu", l) : "k", (kc_scalar)m->type.scalar));
    str_add(&body, ");\n");
    const char *text = print_text(p, "%s", body.text ? body.text : "");
    str_free(&body);
    return text;
}

static const char *load_function(printer *p, const wgsl_memory *m)
{
    const char *name = print_text(p, "qk_load_%s", m->label);
    const char *body = m->type.lanes != 1 ? lanes_body(p, m)
                       : wgsl_is_64(m->type)
                           ? print_text(p, "    return vec2<u32>(%s, %s);\n", word_text(p, m, "i * 2u", KC_U32),
                                        word_text(p, m, "i * 2u + 1u", KC_U32))
                           : narrow_body(p, m);
    wgsl_emit(p, name, print_text(p, "fn %s(i: u32) -> %s {\n%s}\n", name, print_type(p, m->type), body));
    return name;
}

/* The bits of an f16: no operator takes them from it, but packing two floats. */
static const char *bits_of_half(printer *p, const char *place)
{
    return print_text(p, "pack2x16float(vec2<f32>(f32(%s), 0.0))", place);
}

const char *wgsl_memory_value(printer *p, const wgsl_memory *m, const char *index)
{
    if (m->half) return bits_of_half(p, place_text(p, m, index));
    if (is_whole_word(m->type)) return word_text(p, m, index, (kc_scalar)m->type.scalar);
    return print_text(p, "%s(%s)", load_function(p, m), index);
}

static const char *narrow_bits(printer *p, kc_type t, const char *value)
{
    if (t.scalar == KC_BOOL) return print_text(p, "u32(%s)", value);
    if (t.scalar == KC_I8 || t.scalar == KC_I16)
        return print_text(p, "(bitcast<u32>(%s) & %s)", value, t.scalar == KC_I8 ? "0xffu" : "0xffffu");
    return value;
}

/* Only bits of the element change, so neighbours in the word may be written at the same time. */
static const char *narrow_store(printer *p, const wgsl_memory *m)
{
    u32 bits = 8 * kc_scalar_bytes((kc_scalar)m->type.scalar), each = 32 / bits;
    const char *place = place_text(p, m, each == 4 ? "(i >> 2u)" : "(i >> 1u)");
    return print_text(p, "    let by = (i & %uu) * %uu;\n    atomicAnd(%s, ~(%s << by));\n    atomicOr(%s, %s << by);\n",
                      each - 1, bits, place, bits == 8 ? "0xffu" : "0xffffu", place, narrow_bits(p, m->type, "v"));
}

static const char *put_word(printer *p, const wgsl_memory *m, const char *index, kc_scalar from, const char *value)
{
    value = cast_text(p, from, m->elem, value);
    const char *place = place_text(p, m, index);
    return m->atomic ? print_text(p, "atomicStore(%s, %s)", place, value) : print_text(p, "%s = %s", place, value);
}

static const char *parts_store(printer *p, const wgsl_memory *m)
{
    u32 n = wgsl_is_64(m->type) ? 2 : kc_lanes(p->m, m->type);
    kc_scalar from = wgsl_is_64(m->type) ? KC_U32 : (kc_scalar)m->type.scalar;
    const char *text = print_text(p, "    let k = i * %uu;\n", n);
    for (u32 l = 0; l < n; l++)
        text = print_text(p, "%s    %s;\n", text,
                          put_word(p, m, l ? print_text(p, "k + %uu", l) : "k", from, print_text(p, "v.%c", "xyzw"[l])));
    return text;
}

static const char *store_function(printer *p, const wgsl_memory *m)
{
    const char *name = print_text(p, "qk_store_%s", m->label);
    bool parts = m->type.lanes != 1 || wgsl_is_64(m->type);
    wgsl_emit(p, name,
              print_text(p, "fn %s(i: u32, v: %s) {\n%s}\n", name, print_type(p, m->type),
                         parts ? parts_store(p, m) : narrow_store(p, m)));
    return name;
}

void wgsl_memory_put(printer *p, const wgsl_memory *m, const char *index, const char *value)
{
    if (m->half) { /* the bits are rounded already, so this is exact, whatever WGSL's own rounding is */
        str_print(p->out, "%s = f16(unpack2x16float(%s).x)", place_text(p, m, index), value);
        return;
    }
    if (is_whole_word(m->type)) str_add(p->out, put_word(p, m, index, (kc_scalar)m->type.scalar, value));
    else str_print(p->out, "%s(%s, %s)", store_function(p, m), index, value);
}

/* ------------------------------------------------------------------ elements in expressions */
enum { SUM = 11 };

/* An index as a u32; beside a place it is a summand. */
static const char *index_text(printer *p, const kc_expr *e, bool summand)
{
    if (e->op == K_CONST) return print_text(p, "%uu", (u32)e->value.i);
    bool is_signed = e->type.scalar != KC_U32;
    const char *text = wgsl_text(p, e, summand && !is_signed ? SUM : 0);
    return is_signed ? print_text(p, "u32(%s)", text) : text;
}

static bool is_uniform(const printer *p) { return p->e->kernel.form == KC_GROUP && !p->item; }

/* Read by one item, told to all: WGSL takes the value for uniform. */
static const char *uniform_function(printer *p, const wgsl_memory *m)
{
    const char *name = print_text(p, "qk_uniform_%s", m->label), *type = print_memory_type(p, m->type);
    p->wgsl->uses_item = true;
    wgsl_emit(
        p, name,
        print_text(
            p,
            "var<workgroup> %s_value: %s;\nfn %s(i: u32) -> %s {\n    if (qk_item == 0u) {\n        %s_value = %s;\n    }\n"
            "    return workgroupUniformLoad(&%s_value);\n}\n",
            name, type, name, type, name, wgsl_memory_value(p, m, "i"), name));
    return name;
}

static void load_buffer(printer *p, const kc_expr *e, bool low)
{
    const wgsl_memory *m = buffer_of(p, e->var);
    bool uniform = is_uniform(p) && m->written, whole = is_whole_word(m->type) || m->half;
    const char *index = index_text(p, e->a[0], whole && *m->at && !uniform);
    if (uniform) str_print(p->out, "%s(%s)%s", uniform_function(p, m), index, low ? ".x" : "");
    else if (low) str_add(p->out, word_text(p, m, print_text(p, "%s * 2u", index_text(p, e->a[0], true)), KC_U32));
    else str_add(p->out, wgsl_memory_value(p, m, index));
}

static void print_indices(printer *p, const kc_expr *e)
{
    for (u32 i = 0; i < e->n_args; i++) {
        str_add(p->out, "[");
        if (e->a[i]->op == K_CONST) str_print(p->out, "%lld", (long long)e->a[i]->value.i);
        else wgsl_expr(p, e->a[i], 0);
        str_add(p->out, "]");
    }
}

static void load_shared(printer *p, const kc_expr *e)
{
    wgsl_memory m = shared_of(p, e->var);
    bool cast = m.elem != (kc_scalar)m.type.scalar && m.atomic;
    if (is_uniform(p) && m.atomic) {
        str_print(p->out, "%s(%s)", uniform_function(p, &m), index_text(p, e->a[0], false));
        return;
    }
    if (cast) str_print(p->out, "bitcast<%s>(", p->d->scalars[m.type.scalar]);
    if (m.atomic) str_add(p->out, "atomicLoad(&");
    else if (is_uniform(p)) str_add(p->out, "workgroupUniformLoad(&");
    str_add(p->out, m.name);
    print_indices(p, e);
    if (m.atomic || is_uniform(p)) str_add(p->out, ")");
    if (cast) str_add(p->out, ")");
}

void wgsl_memory_load(printer *p, const kc_expr *e, bool low)
{
    if (e->var->storage == KC_V_BUFFER) {
        load_buffer(p, e, low);
    } else if (e->var->storage == KC_V_SHARED) {
        load_shared(p, e);
        str_add(p->out, low ? ".x" : "");
    } else {
        str_add(p->out, print_named(p, e->var));
        print_indices(p, e);
        str_add(p->out, low ? ".x" : "");
    }
}

bool wgsl_memory_native(const printer *p, const kc_expr *e)
{
    if (e->op != K_ELEM || e->var->storage != KC_V_BUFFER) return false;
    const wgsl_memory *m = buffer_of(p, e->var);
    return m->half && !(is_uniform(p) && m->written);
}

const char *wgsl_memory_float(printer *p, const kc_expr *e)
{
    const wgsl_memory *m = buffer_of(p, e->var);
    return print_text(p, "f32(%s)", place_text(p, m, index_text(p, e->a[0], *m->at != 0)));
}

bool wgsl_memory_plain(const printer *p, const kc_expr *e)
{
    if (e->var->storage == KC_V_SHARED) return !p->wgsl->atomics[e->var->slot];
    if (e->var->storage != KC_V_BUFFER) return true;
    const wgsl_memory *m = buffer_of(p, e->var);
    return !m->atomic && is_whole_word(m->type) && m->elem == (kc_scalar)m->type.scalar;
}

void wgsl_memory_store(printer *p, const kc_expr *e, const kc_expr *value)
{
    if (e->var->storage == KC_V_BUFFER) {
        const wgsl_memory *m = buffer_of(p, e->var);
        bool native = m->half, summand = (native || is_whole_word(m->type)) && *m->at;
        if (native && wgsl_memory_native(p, value)) { /* moved as it is */
            const wgsl_memory *from = buffer_of(p, value->var);
            const char *to = place_text(p, m, index_text(p, e->a[0], summand));
            str_print(p->out, "%s = %s", to, place_text(p, from, index_text(p, value->a[0], *from->at != 0)));
            return;
        }
        wgsl_memory_put(p, m, index_text(p, e->a[0], summand), wgsl_text(p, value, 0));
        return;
    }
    bool atomic = e->var->storage == KC_V_SHARED && p->wgsl->atomics[e->var->slot];
    if (atomic) {
        wgsl_memory m = shared_of(p, e->var);
        wgsl_memory_put(p, &m, index_text(p, e->a[0], false), wgsl_text(p, value, 0));
        return;
    }
    str_add(p->out, print_named(p, e->var));
    print_indices(p, e);
    str_print(p->out, " = %s", wgsl_text(p, value, 0));
}

/* ------------------------------------------------------------------ four at a time */
/* The array that a call acts on: memory with functions of its own, or one of the function's, written in place. */
typedef struct array_of {
    wgsl_memory m;
    const char *row; /* "[row]" of a two-dimensional one, else "" */
    bool is_global;
} array_of;

static array_of array_of_call(printer *p, const kc_expr *array)
{
    const kc_var *v = array->var;
    array_of a = { .row = "", .is_global = v->storage == KC_V_BUFFER };
    if (v->storage == KC_V_BUFFER) a.m = *buffer_of(p, v);
    else if (v->storage == KC_V_SHARED) a.m = shared_of(p, v);
    else
        a.m = (wgsl_memory){
            .label = "", .name = print_named(p, v), .at = "", .type = v->type, .elem = (kc_scalar)v->type.scalar
        };
    if (array->n_args > 0) {
        a.row = print_text(p, "[%s]", wgsl_text(p, array->a[0], 0));
        a.m.name = print_text(p, "%s%s", a.m.name, a.row);
    }
    return a;
}

/* One lane as f32 (or the array's own type). */
static const char *lane_value(printer *p, const wgsl_memory *m, bool is_local, const char *index)
{
    if (!is_local && m->half) return print_text(p, "f32(%s)", place_text(p, m, index));
    const char *text = is_local ? print_text(p, "%s[%s]", m->name, index) : wgsl_memory_value(p, m, index);
    if (m->type.scalar == KC_F16)
        return print_text(p, "%s(%s)", wgsl_helper(p, "qc_from_f16", (kc_type){ KC_VOID, 1 }), text);
    if (m->type.scalar == KC_BF16)
        return print_text(p, "%s(%s)", wgsl_helper(p, "qc_from_bf16", (kc_type){ KC_VOID, 1 }), text);
    return text;
}

static const char *lane_put(printer *p, const wgsl_memory *m, bool is_local, const char *index, const char *value)
{
    if (m->type.scalar == KC_F16)
        value = print_text(p, "%s(%s)", wgsl_helper(p, "qc_to_f16", (kc_type){ KC_VOID, 1 }), value);
    if (m->type.scalar == KC_BF16)
        value = print_text(p, "%s(%s)", wgsl_helper(p, "qc_to_bf16", (kc_type){ KC_VOID, 1 }), value);
    if (is_local) return print_text(p, "%s[%s] = %s", m->name, index, value);
    str text = { 0 }, *out = p->out;
    p->out = &text;
    wgsl_memory_put(p, m, index, value);
    p->out = out;
    const char *made = print_text(p, "%s", text.text ? text.text : "");
    str_free(&text);
    return made;
}

static const char *plus(printer *p, const char *index, u32 l) { return l ? print_text(p, "%s + %uu", index, l) : index; }

static const char *all_lanes(printer *p, const wgsl_memory *m, bool is_local, kc_type type, const char *index,
                             const char *limit)
{
    const char *text = print_text(p, "%s(", print_type(p, type));
    for (u32 l = 0; l < kc_lanes(p->m, type); l++) {
        const char *value = lane_value(p, m, is_local, plus(p, index, l));
        if (limit) value = print_text(p, "select(0.0, %s, %uu < %s)", value, l, limit);
        text = print_text(p, "%s%s%s", text, l ? ", " : "", value);
    }
    return print_text(p, "%s)", text);
}

static void load_lanes(printer *p, const kc_expr *e, bool part)
{
    array_of a = array_of_call(p, e->a[0]);
    const char *limit = part ? index_text(p, e->a[2], false) : NULL;
    if (!a.is_global) {
        const char *index = index_text(p, e->a[1], true);
        str_add(p->out, all_lanes(p, &a.m, true, e->type, index, limit ? print_text(p, "(%s)", limit) : NULL));
        return;
    }
    const char *name = print_text(p, "qk_load%s_%s", part ? "_part" : "4", a.m.label);
    wgsl_emit(p, name,
              print_text(p, "fn %s(i: u32%s) -> %s {\n    return %s;\n}\n", name, part ? ", n: u32" : "",
                         print_type(p, e->type), all_lanes(p, &a.m, false, e->type, "i", part ? "n" : NULL)));
    str_print(p->out, "%s(%s%s%s)", name, index_text(p, e->a[1], false), part ? ", " : "", part ? limit : "");
}

static const char *put_lanes(printer *p, const wgsl_memory *m, bool is_local, u32 lanes, const char *index,
                             const char *value, const char *limit)
{
    const char *text = "";
    for (u32 l = 0; l < lanes; l++) {
        const char *put = lane_put(p, m, is_local, plus(p, index, l), print_text(p, "%s.%c", value, "xyzw"[l]));
        text = limit ? print_text(p, "%s    if (%uu < %s) {\n        %s;\n    }\n", text, l, limit, put)
                     : print_text(p, "%s    %s;\n", text, put);
    }
    return text;
}

static void store_lanes(printer *p, const kc_expr *e, bool part)
{
    array_of a = array_of_call(p, e->a[0]);
    u32 lanes = kc_lanes(p->m, e->a[2]->type);
    const char *limit = part ? index_text(p, e->a[3], false) : NULL, *value = wgsl_text(p, e->a[2], 0);
    if (!a.is_global) { /* a block of its own; the caller ends it with ';' */
        str_print(p->out, "{\n    let qk_v = %s;\n    let qk_k = %s;\n%s}", value, index_text(p, e->a[1], false),
                  put_lanes(p, &a.m, true, lanes, "qk_k", "qk_v", limit ? print_text(p, "(%s)", limit) : NULL));
        return;
    }
    const char *name = print_text(p, "qk_store%s_%s", part ? "_part" : "4", a.m.label);
    wgsl_emit(p, name,
              print_text(p, "fn %s(i: u32, v: %s%s) {\n%s}\n", name, print_type(p, e->a[2]->type), part ? ", n: u32" : "",
                         put_lanes(p, &a.m, false, lanes, "i", "v", part ? "n" : NULL)));
    str_print(p->out, "%s(%s, %s%s%s)", name, index_text(p, e->a[1], false), value, part ? ", " : "", part ? limit : "");
}

/* ------------------------------------------------------------------ atomics */
/* What WGSL has no atomic for is tried until nobody was faster. `next` makes the new word from `old`. */
static const char *retry_function(printer *p, const wgsl_memory *m, const char *what, const char *next)
{
    const char *name = print_text(p, "qk_%s_%s", what, m->label), *type = p->d->scalars[m->type.scalar];
    const char *place = place_text(p, m, "i");
    wgsl_emit(
        p, name,
        print_text(p,
                   "fn %s(i: u32, v: %s) -> %s {\n    var old = atomicLoad(%s);\n    for (var done = false; !done; ) {\n"
                   "        let seen = atomicCompareExchangeWeak(%s, old, %s);\n        done = seen.exchanged;\n"
                   "        if (!done) {\n            old = seen.old_value;\n        }\n    }\n    return %s;\n}\n",
                   name, type, type, place, place, next, cast_text(p, m->elem, (kc_scalar)m->type.scalar, "old")));
    return name;
}

/* WGSL's own may fail for no reason. */
static const char *cas_function(printer *p, const wgsl_memory *m)
{
    const char *name = print_text(p, "qk_cas_%s", m->label), *type = p->d->scalars[m->type.scalar];
    kc_scalar own = (kc_scalar)m->type.scalar;
    wgsl_emit(p, name,
              print_text(p,
                         "fn %s(i: u32, expected: %s, v: %s) -> %s {\n    let wanted = %s;\n    var old = wanted;\n    for "
                         "(var done = false; !done; ) {\n"
                         "        let seen = atomicCompareExchangeWeak(%s, wanted, %s);\n        old = seen.old_value;\n"
                         "        done = seen.exchanged || old != wanted;\n    }\n    return %s;\n}\n",
                         name, type, type, type, cast_text(p, own, m->elem, "expected"), place_text(p, m, "i"),
                         cast_text(p, own, m->elem, "v"), cast_text(p, m->elem, own, "old")));
    return name;
}

static void call_atomic(printer *p, const kc_expr *e)
{
    array_of a = array_of_call(p, e->a[0]);
    kc_scalar own = (kc_scalar)a.m.type.scalar;
    bool least = e->call == KC_B_atomic_min, most = e->call == KC_B_atomic_max;
    const char *index = index_text(p, e->a[1], *a.m.at != 0), *value = wgsl_text(p, e->a[2], 0), *name = NULL;
    if (e->call == KC_B_atomic_cas) {
        str_print(p->out, "%s(%s, %s, %s)", cas_function(p, &a.m), index, value, wgsl_text(p, e->a[3], 0));
        return;
    }
    if (own == KC_F32 && e->call == KC_B_atomic_add)
        name = retry_function(p, &a.m, "add", "bitcast<u32>(bitcast<f32>(old) + v)");
    else if (own != a.m.elem && least) name = retry_function(p, &a.m, "min", "bitcast<u32>(min(bitcast<i32>(old), v))");
    else if (own != a.m.elem && most) name = retry_function(p, &a.m, "max", "bitcast<u32>(max(bitcast<i32>(old), v))");
    if (name) {
        str_print(p->out, "%s(%s, %s)", name, index, value);
        return;
    }
    const char *call =
        print_text(p, "%s(%s, %s)", p->d->builtins[e->call], place_text(p, &a.m, index), cast_text(p, own, a.m.elem, value));
    str_add(p->out, cast_text(p, a.m.elem, own, call));
}

void wgsl_memory_call(printer *p, const kc_expr *e)
{
    switch (e->call) {
    case KC_B_load4:
    case KC_B_loadw: load_lanes(p, e, false); break;
    case KC_B_loadw_part: load_lanes(p, e, true); break;
    case KC_B_store4:
    case KC_B_storew: store_lanes(p, e, false); break;
    case KC_B_storew_part: store_lanes(p, e, true); break;
    default: call_atomic(p, e); break;
    }
}
