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

wgsl_memory wgsl_memory_of(printer *p, const kc_var *v)
{
    if (v->storage == KC_V_BUFFER) return *buffer_of(p, v);
    if (v->storage == KC_V_SHARED) return shared_of(p, v);
    return (
        wgsl_memory){ .label = "", .name = print_named(p, v), .at = "", .type = v->type, .elem = (kc_scalar)v->type.scalar };
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
const char *wgsl_memory_cast(printer *p, kc_scalar from, kc_scalar to, const char *text)
{
    return from == to ? text : print_text(p, "bitcast<%s>(%s)", p->d->scalars[to], text);
}

const char *wgsl_memory_place(printer *p, const wgsl_memory *m, const char *index)
{
    return print_text(p, "%s%s[%s%s]", m->atomic ? "&" : "", m->name, m->at, index);
}

/* One word of the variable, as a value of type `to`. */
static const char *word_text(printer *p, const wgsl_memory *m, const char *index, kc_scalar to)
{
    const char *place = wgsl_memory_place(p, m, index);
    return wgsl_memory_cast(p, m->elem, to, m->atomic ? print_text(p, "atomicLoad(%s)", place) : place);
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
    if (m->half) return bits_of_half(p, wgsl_memory_place(p, m, index));
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
    const char *place = wgsl_memory_place(p, m, each == 4 ? "(i >> 2u)" : "(i >> 1u)");
    return print_text(p, "    let by = (i & %uu) * %uu;\n    atomicAnd(%s, ~(%s << by));\n    atomicOr(%s, %s << by);\n",
                      each - 1, bits, place, bits == 8 ? "0xffu" : "0xffffu", place, narrow_bits(p, m->type, "v"));
}

static const char *put_word(printer *p, const wgsl_memory *m, const char *index, kc_scalar from, const char *value)
{
    value = wgsl_memory_cast(p, from, m->elem, value);
    const char *place = wgsl_memory_place(p, m, index);
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
        str_print(p->out, "%s = f16(unpack2x16float(%s).x)", wgsl_memory_place(p, m, index), value);
        return;
    }
    if (is_whole_word(m->type)) str_add(p->out, put_word(p, m, index, (kc_scalar)m->type.scalar, value));
    else str_print(p->out, "%s(%s, %s)", store_function(p, m), index, value);
}

/* ------------------------------------------------------------------ elements in expressions */
enum { SUM = 11 };

const char *wgsl_memory_index(printer *p, const kc_expr *e, bool summand)
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
    const char *index = wgsl_memory_index(p, e->a[0], whole && *m->at && !uniform);
    if (uniform) str_print(p->out, "%s(%s)%s", uniform_function(p, m), index, low ? ".x" : "");
    else if (low) str_add(p->out, word_text(p, m, print_text(p, "%s * 2u", wgsl_memory_index(p, e->a[0], true)), KC_U32));
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
        str_print(p->out, "%s(%s)", uniform_function(p, &m), wgsl_memory_index(p, e->a[0], false));
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
    return print_text(p, "f32(%s)", wgsl_memory_place(p, m, wgsl_memory_index(p, e->a[0], *m->at != 0)));
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
            const char *to = wgsl_memory_place(p, m, wgsl_memory_index(p, e->a[0], summand));
            str_print(p->out, "%s = %s", to, wgsl_memory_place(p, from, wgsl_memory_index(p, value->a[0], *from->at != 0)));
            return;
        }
        wgsl_memory_put(p, m, wgsl_memory_index(p, e->a[0], summand), wgsl_text(p, value, 0));
        return;
    }
    bool atomic = e->var->storage == KC_V_SHARED && p->wgsl->atomics[e->var->slot];
    if (atomic) {
        wgsl_memory m = shared_of(p, e->var);
        wgsl_memory_put(p, &m, wgsl_memory_index(p, e->a[0], false), wgsl_text(p, value, 0));
        return;
    }
    str_add(p->out, print_named(p, e->var));
    print_indices(p, e);
    str_print(p->out, " = %s", wgsl_text(p, value, 0));
}
