/* Builtins that act on an array in WGSL: four elements at a time, and atomics. Each is a small function of the array, made once for the
 * kernel; where the array is one of the kernel's own it is written in place. */
#include "kc/front.h"
#include "kc/wgsl.h"

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
    array_of a = { .m = wgsl_memory_of(p, v), .row = "", .is_global = v->storage == KC_V_BUFFER };
    if (array->n_args > 0) {
        a.row = print_text(p, "[%s]", wgsl_text(p, array->a[0], 0));
        a.m.name = print_text(p, "%s%s", a.m.name, a.row);
    }
    return a;
}

/* One lane as f32 (or the array's own type). */
static const char *lane_value(printer *p, const wgsl_memory *m, bool is_local, const char *index)
{
    if (!is_local && m->half) return print_text(p, "f32(%s)", wgsl_memory_place(p, m, index));
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
    const char *limit = part ? wgsl_memory_index(p, e->a[2], false) : NULL;
    if (!a.is_global) {
        const char *index = wgsl_memory_index(p, e->a[1], true);
        str_add(p->out, all_lanes(p, &a.m, true, e->type, index, limit ? print_text(p, "(%s)", limit) : NULL));
        return;
    }
    const char *name = print_text(p, "qk_load%s_%s", part ? "_part" : "4", a.m.label);
    wgsl_emit(p, name,
              print_text(p, "fn %s(i: u32%s) -> %s {\n    return %s;\n}\n", name, part ? ", n: u32" : "",
                         print_type(p, e->type), all_lanes(p, &a.m, false, e->type, "i", part ? "n" : NULL)));
    str_print(p->out, "%s(%s%s%s)", name, wgsl_memory_index(p, e->a[1], false), part ? ", " : "", part ? limit : "");
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
    const char *limit = part ? wgsl_memory_index(p, e->a[3], false) : NULL, *value = wgsl_text(p, e->a[2], 0);
    if (!a.is_global) { /* a block of its own; the caller ends it with ';' */
        str_print(p->out, "{\n    let qk_v = %s;\n    let qk_k = %s;\n%s}", value, wgsl_memory_index(p, e->a[1], false),
                  put_lanes(p, &a.m, true, lanes, "qk_k", "qk_v", limit ? print_text(p, "(%s)", limit) : NULL));
        return;
    }
    const char *name = print_text(p, "qk_store%s_%s", part ? "_part" : "4", a.m.label);
    wgsl_emit(p, name,
              print_text(p, "fn %s(i: u32, v: %s%s) {\n%s}\n", name, print_type(p, e->a[2]->type), part ? ", n: u32" : "",
                         put_lanes(p, &a.m, false, lanes, "i", "v", part ? "n" : NULL)));
    str_print(p->out, "%s(%s, %s%s%s)", name, wgsl_memory_index(p, e->a[1], false), value, part ? ", " : "",
              part ? limit : "");
}

/* ------------------------------------------------------------------ atomics */
/* What WGSL has no atomic for is tried until nobody was faster. `next` makes the new word from `old`. */
static const char *retry_function(printer *p, const wgsl_memory *m, const char *what, const char *next)
{
    const char *name = print_text(p, "qk_%s_%s", what, m->label), *type = p->d->scalars[m->type.scalar];
    const char *place = wgsl_memory_place(p, m, "i");
    wgsl_emit(
        p, name,
        print_text(p,
                   "fn %s(i: u32, v: %s) -> %s {\n    var old = atomicLoad(%s);\n    for (var done = false; !done; ) {\n"
                   "        let seen = atomicCompareExchangeWeak(%s, old, %s);\n        done = seen.exchanged;\n"
                   "        if (!done) {\n            old = seen.old_value;\n        }\n    }\n    return %s;\n}\n",
                   name, type, type, place, place, next, wgsl_memory_cast(p, m->elem, (kc_scalar)m->type.scalar, "old")));
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
                         name, type, type, type, wgsl_memory_cast(p, own, m->elem, "expected"), wgsl_memory_place(p, m, "i"),
                         wgsl_memory_cast(p, own, m->elem, "v"), wgsl_memory_cast(p, m->elem, own, "old")));
    return name;
}

static void call_atomic(printer *p, const kc_expr *e)
{
    array_of a = array_of_call(p, e->a[0]);
    kc_scalar own = (kc_scalar)a.m.type.scalar;
    bool least = e->call == KC_B_atomic_min, most = e->call == KC_B_atomic_max;
    const char *index = wgsl_memory_index(p, e->a[1], *a.m.at != 0), *value = wgsl_text(p, e->a[2], 0), *name = NULL;
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
    const char *call = print_text(p, "%s(%s, %s)", p->d->builtins[e->call], wgsl_memory_place(p, &a.m, index),
                                  wgsl_memory_cast(p, own, a.m.elem, value));
    str_add(p->out, wgsl_memory_cast(p, a.m.elem, own, call));
}

void wgsl_array_call(printer *p, const kc_expr *e)
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
