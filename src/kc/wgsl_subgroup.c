/* subgroup_... in WGSL: a fold of the whole group by the hardware's subgroups. WGSL promises nothing of their sizes, nor of which items are
 * together, so each item leaves in a slot of its own what its subgroup has (of a sum only the first of a subgroup, the others 0), and each
 * subgroup folds all slots. What item 0 gets is everyone's, for sums of floats hang on their order. min and max of floats go by integers
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

static bool in_order(const fold_words *f, kc_type t) { return f->ours && t.scalar == KC_F32; }

/* What the subgroup makes of its items' v. */
static const char *fold(printer *p, const fold_words *f, kc_type t, const char *v)
{
    if (!in_order(f, t)) return print_text(p, "%s(%s)", f->wgsl, v);
    wgsl_emit(p, "qk_order",
              "fn qk_order(v: f32, nan: u32) -> u32 {\n    let bits = bitcast<u32>(v);\n"
              "    let order = select(bits ^ 0x80000000u, ~bits, (bits >> 31u) != 0u);\n"
              "    return select(order, nan, (bits & 0x7fffffffu) > 0x7f800000u);\n}\n"
              "fn qk_ordered(order: u32) -> f32 {\n"
              "    return bitcast<f32>(select(~order, order ^ 0x80000000u, (order >> 31u) != 0u));\n}\n");
    return print_text(p, "qk_ordered(%s(qk_order(%s, %uu)))", f->wgsl, v, f->of_nan);
}

static const char *fold_function(printer *p, const fold_words *f, kc_type t, const kc_var *cells)
{
    const char *type = print_type(p, t), *name = print_text(p, "qk_%s_%s", f->wgsl, type), *part = print_named(p, cells);
    const char *meet = in_order(f, t) ? wgsl_helper(p, f->ours, t) : f->meet;
    const char *sum = meet ? print_text(p, "%s(mine, %s[k])", meet, part) : print_text(p, "mine + %s[k]", part);
    const char *left = meet ? "part" : print_text(p, "select(%s(0), part, qk_item == subgroupMin(qk_item))", type);
    const char *first = meet ? "part" : print_text(p, "%s(0)", type);
    wgsl_emit(
        p, name,
        print_text(p,
                   "fn %s(v: %s) -> %s {\n    let lanes = subgroupAdd(1u);\n    let rank = subgroupExclusiveAdd(1u);\n"
                   "    let part = %s;\n    %s[qk_item] = %s;\n    workgroupBarrier();\n"
                   "    var mine = %s;\n    for (var k = rank; k < %uu; k += lanes) {\n        mine = %s;\n    }\n"
                   "    let all = %s;\n    workgroupBarrier();\n    if (qk_item == 0u) {\n        %s[0] = all;\n    }\n"
                   "    workgroupBarrier();\n    let told = %s[0];\n    workgroupBarrier();\n    return told;\n}\n",
                   name, type, type, fold(p, f, t, "v"), part, left, first, p->e->kernel.group, sum, fold(p, f, t, "mine"),
                   part, part));
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
