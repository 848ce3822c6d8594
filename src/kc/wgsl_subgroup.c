/* subgroup_... in WGSL: a fold of the whole group by the hardware's subgroups, of whatever size they are, and one value of each through group
 * memory. It counts its lanes, for the size that a driver tells may be larger than what runs. min and max of floats go by integers
 * in the same order, for WGSL leaves open what NaN does. The rest, and devices without the feature, take the phases. */
#include "kc/wgsl.h"

typedef struct fold_words {
    kc_builtin b;
    const char *wgsl, *meet; /* of a subgroup; of two values, NULL: + */
    const char *ours;        /* of two floats, which keeps NaN */
    u32 of_nan;              /* where NaN stands among floats */
} fold_words;
static const fold_words folds[] = {
    { KC_B_subgroup_add, "subgroupAdd", NULL, NULL, 0 },
    { KC_B_subgroup_min, "subgroupMin", "min", "qc_min", 0 },
    { KC_B_subgroup_max, "subgroupMax", "max", "qc_max", 0xffffffffu },
};

static const fold_words *words_of(u32 call)
{
    for (u32 i = 0; i < COUNT(folds); i++)
        if (folds[i].b == (kc_builtin)call) return &folds[i];
    return NULL;
}

static const char *fold_of_floats(printer *p, const fold_words *f)
{
    wgsl_emit(p, "qk_order",
              "fn qk_order(v: f32, nan: u32) -> u32 {\n    let bits = bitcast<u32>(v);\n"
              "    let order = select(bits ^ 0x80000000u, ~bits, (bits >> 31u) != 0u);\n"
              "    return select(order, nan, (bits & 0x7fffffffu) > 0x7f800000u);\n}\n"
              "fn qk_ordered(order: u32) -> f32 {\n"
              "    return bitcast<f32>(select(~order, order ^ 0x80000000u, (order >> 31u) != 0u));\n}\n");
    return print_text(p, "qk_ordered(%s(qk_order(v, %uu)))", f->wgsl, f->of_nan);
}

static const char *fold_function(printer *p, const fold_words *f, kc_type t, const kc_var *cells)
{
    const char *type = print_type(p, t), *name = print_text(p, "qk_%s_%s", f->wgsl, type), *part = print_named(p, cells);
    const char *fold = f->ours && t.scalar == KC_F32 ? fold_of_floats(p, f) : print_text(p, "%s(v)", f->wgsl);
    const char *next = print_text(p, "%s[k / lanes]", part);
    const char *meet = f->ours && t.scalar == KC_F32 ? wgsl_helper(p, f->ours, t) : f->meet;
    const char *sum = meet ? print_text(p, "%s(all, %s)", meet, next) : print_text(p, "all + %s", next);
    wgsl_emit(
        p, name,
        print_text(p,
                   "fn %s(v: %s) -> %s {\n    let lanes = subgroupAdd(1u);\n    let part = %s;\n"
                   "    if (qk_item %% lanes == 0u) {\n        %s[qk_item / lanes] = part;\n    }\n    workgroupBarrier();\n"
                   "    var all = %s[0];\n    for (var k = lanes; k < %uu; k += lanes) {\n        all = %s;\n    }\n"
                   "    workgroupBarrier();\n    return all;\n}\n",
                   name, type, type, fold, part, part, p->e->kernel.group, sum));
    return name;
}

bool wgsl_subgroup(printer *p, const kc_stmt *s)
{
    const kc_expr *e = s->value;
    const fold_words *f = words_of(e->call);
    kc_type t = e->a[0]->type;
    bool word = t.scalar == KC_F32 || t.scalar == KC_I32 || t.scalar == KC_U32;
    if (!p->layout || !p->layout->subgroups || !f || !word || (u32)e->a[1]->value.i != p->e->kernel.group) return false;
    p->wgsl->uses_item = p->wgsl->uses_subgroups = true;
    const char *value = print_named(p, e->a[0]->var);
    print_line(p, "%s = %s(%s);", value, fold_function(p, f, t, s->body->var), value);
    return true;
}
