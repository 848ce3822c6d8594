/* The body of a KERNEL: phases that set, change, fold and read group memory, uniform code between them, and atomics whose outcome does not
 * depend on order. In a phase an array of group memory is read by all, or changed by its own item, or under atomics of one kind. */
#include "kfuzz.h"

static const f64 LOOSE_MOST = 64, LOOSE_ERR = 1e-4;

static kvar *array_at(gen *g, u32 nth)
{
    for (u32 i = 0; i < g->n_vars; i++)
        if (g->vars[i].kind != ARRAY_PLAIN && nth-- == 0) return &g->vars[i];
    return NULL;
}

static void set_all(gen *g, int may)
{
    kvar *v;
    for (u32 k = 0; (v = array_at(g, k)); k++)
        v->may = v->kind == ARRAY_PER_ITEM ? (may == MAY_NOTHING ? MAY_NOTHING : MAY_OWN) : (u8)may;
}

static const char *value_for(gen *g, const kvar *v, u32 depth)
{
    if (v->type.scalar == KC_F32) return float_within(g, LOOSE_MOST, LOOSE_ERR, depth).text;
    return int_expr(g, (kc_scalar)v->type.scalar, depth);
}

static u32 enter_items(gen *g)
{
    g->item = new_name(g, "t");
    g->uniform = false;
    line(g, "ITEMS(%s) {", g->item);
    g->indent++;
    return g->n_vars;
}

static void leave_items(gen *g, u32 vars)
{
    g->indent--;
    line(g, "}");
    g->n_vars = vars;
    g->item = NULL;
    g->uniform = true;
    set_all(g, MAY_READ);
}

static void first_phase(gen *g)
{
    kvar *v;
    u32 vars = enter_items(g);
    set_all(g, MAY_NOTHING);
    for (u32 k = 0; (v = array_at(g, k)); k++) line(g, "%s[%s] = %s;", v->name, g->item, value_for(g, v, 2));
    leave_items(g, vars);
}

static void changing_phase(gen *g)
{
    u32 vars = enter_items(g);
    kvar *v = array_at(g, pick(g, 4));
    set_all(g, MAY_READ);
    if (v) v->may = MAY_OWN;
    statements(g, pick(g, 3), 2);
    if (v) line(g, "%s[%s] = %s;", v->name, g->item, value_for(g, v, 3));
    leave_items(g, vars);
}

static void atomic_phase(gen *g)
{
    static const char *const ops[] = { "add", "min", "max", "and", "or", "xor" };
    kvar *v = array_at(g, 0);
    const char *op = ops[pick(g, COUNT(ops))];
    u32 vars = enter_items(g);
    set_all(g, MAY_READ);
    v->may = MAY_ATOMIC;
    const char *at = index_expr(g, v->elems, 1);
    line(g, "atomic_%s(%s, %s, %s);", op, v->name, at, int_expr(g, (kc_scalar)v->type.scalar, 2));
    leave_items(g, vars);
}

/* An item's own cell under an atomic: the old value is known. */
static void exchange_phase(gen *g)
{
    kvar *v = array_at(g, 0), *to = array_at(g, 3);
    u32 vars = enter_items(g);
    set_all(g, MAY_READ);
    v->may = MAY_ATOMIC;
    const char *e = int_expr(g, (kc_scalar)v->type.scalar, 2);
    if (rarely(g, 2)) line(g, "%s[%s] = atomic_xchg(%s, %s, %s);", to->name, g->item, v->name, g->item, e);
    else line(g, "%s[%s] = atomic_cas(%s, %s, 0, %s);", to->name, g->item, v->name, g->item, e);
    leave_items(g, vars);
}

static void fold_phases(gen *g)
{
    const kvar *v = array_at(g, pick(g, 2));
    u32 op = v->type.scalar == KC_F32 ? 2 + pick(g, 2) : pick(g, 4);
    const char *t = new_name(g, "t"), *h = new_name(g, "h");
    const char *own = say(g, "%s[%s]", v->name, t), *far = say(g, "%s[%s + %s]", v->name, t, h);
    if (g->shape->group & (g->shape->group - 1)) return;
    line(g, "for (u32 %s = GROUP / 2; %s > 0; %s /= 2)", h, h, h);
    line(g, "    ITEMS(%s) if (%s < %s) %s = %s%s%s;", t, t, h, own,
         op == 0   ? own
         : op == 1 ? own
         : op == 2 ? "max("
                   : "min(",
         op == 0   ? " + "
         : op == 1 ? " ^ "
                   : own,
         op < 2 ? far : say(g, ", %s)", far));
}

/* A power of two by which the group can be divided. */
static u32 items_of_subgroup(gen *g)
{
    u32 n = 1, most = 1 + pick(g, 10);
    for (u32 i = 0; i < most && g->shape->group % (n * 2) == 0; i++) n *= 2;
    return n;
}

/* All items exchange values of theirs; what they hold is integers of any size, or floats that stay within their bound. */
static void exchange_among_items(gen *g)
{
    const kvar *v = array_at(g, 2 + pick(g, 2));
    u32 n = items_of_subgroup(g), what = pick(g, 5);
    if (what == 0 && v->type.scalar == KC_F32) what = 1;
    if (what < 3) line(g, "subgroup_%s(%s, %u);", what == 0 ? "add" : what == 1 ? "min" : "max", v->name, n);
    else if (what == 3) line(g, "subgroup_broadcast(%s, %u, %u);", v->name, pick(g, n), n);
    else line(g, "subgroup_shuffle_xor(%s, %u);", v->name, pick(g, n));
}

static void one_phase(gen *g)
{
    const char *k;
    switch (pick(g, 10)) {
    case 7:
    case 8: exchange_among_items(g); break;
    case 0: changing_phase(g); break;
    case 1: atomic_phase(g); break;
    case 2: fold_phases(g); break;
    case 3:
        k = new_name(g, "k");
        line(g, "for (u32 %s = 0; %s < %u; %s++) {", k, k, 1 + pick(g, 3), k);
        add_var(g, (kvar){ .name = k, .type = scalar_type(KC_U32), .uniform = true });
        g->indent++;
        changing_phase(g);
        g->indent--;
        g->n_vars--;
        line(g, "}");
        break;
    case 4:
        line(g, "if (%s) {", bool_expr(g, 2));
        g->indent++;
        changing_phase(g);
        g->indent--;
        line(g, "}");
        break;
    case 5: exchange_phase(g); break;
    case 6: line(g, "if (%s) return;", bool_expr(g, 2)); break;
    default: statements(g, 1 + pick(g, 2), 1);
    }
}

/* Results: y[group][item], z[group][item][4], and atomics on acc. */
static void last_phase(gen *g)
{
    static const char *const ops[] = { "add", "min", "max", "and", "or", "xor" };
    u32 vars = enter_items(g);
    set_all(g, MAY_READ);
    statements(g, pick(g, 3), 2);
    kc_scalar s = (kc_scalar)g->shape->result.scalar, whole = s == KC_U8 || s == KC_U16 ? KC_U32 : s <= KC_I16 ? KC_I32 : s;
    kvalue v = { .type = g->shape->result };
    g->budget = share_of(g, 50);
    if (s == KC_BOOL) v.text = bool_expr(g, 3);
    else if (kc_is_integer(s)) v.text = with_all_ints(g, whole, int_expr(g, whole, 3));
    else if (s == KC_F16 || s == KC_BF16) v = float_within(g, 1000, 1e-3, 3);
    else v = float_expr(g, 3);
    if (rarely(g, 2) && s != KC_BOOL) line(g, "store(y, group * GROUP + %s, %s);", g->item, v.text);
    else if (s == KC_BOOL) line(g, "y[group * GROUP + %s] = %s;", g->item, v.text);
    else line(g, "y[group * GROUP + %s] = TO(%s, %s);", g->item, type_text(g->shape->result), v.text);
    *g->returned = facts_join(*g->returned, v.f);
    kvalue w;
    if (!g->shape->doubles && rarely(g, 2)) {
        w = vector_expr(g, (kc_type){ KC_F32, 4 }, 2);
        line(g, "store4(z, (group * GROUP + %s) * 4, %s);", g->item, w.text);
    } else {
        w = with_some_floats(g, float_expr(g, 3));
        line(g, "z[(group * GROUP + %s) * 4] = %s;", g->item, w.text);
    }
    g->err_z = w.f.err;
    if (pick(g, 2)) {
        const char *op = ops[pick(g, COUNT(ops))], *at = index_expr(g, KFUZZ_ELEMS, 1);
        line(g, "atomic_%s(acc, %s, %s);", op, at, int_expr(g, KC_U32, 2));
    }
    leave_items(g, vars);
}

void group_body(gen *g)
{
    kc_scalar whole = rarely(g, 2) ? KC_U32 : KC_I32;
    u32 n = g->shape->group;
    g->uniform = true;
    add_var(g, (kvar){ .name = "group", .type = scalar_type(KC_U32), .uniform = true });
    statements(g, pick(g, 3), 1);
    line(g, "SHARED(%s, s0, GROUP);", kc_scalar_name(whole));
    line(g, "SHARED(f32, s1, GROUP);");
    line(g, "PER_ITEM(f32, p0);");
    line(g, "PER_ITEM(%s, p1);", kc_scalar_name(whole));
    add_var(g, (kvar){ .name = "s0", .type = scalar_type(whole), .elems = n, .kind = ARRAY_SHARED, .uniform = true });
    add_var(g, (kvar){ .name = "s1",
                       .type = scalar_type(KC_F32),
                       .f = facts_loose(LOOSE_MOST, LOOSE_ERR),
                       .elems = n,
                       .kind = ARRAY_SHARED,
                       .uniform = true });
    add_var(g, (kvar){ .name = "p0",
                       .type = scalar_type(KC_F32),
                       .f = facts_loose(LOOSE_MOST, LOOSE_ERR),
                       .elems = n,
                       .kind = ARRAY_PER_ITEM });
    add_var(g, (kvar){ .name = "p1", .type = scalar_type(whole), .elems = n, .kind = ARRAY_PER_ITEM });
    first_phase(g);
    for (u32 k = pick(g, g->shape->small ? 3 : 5); k > 0; k--) one_phase(g);
    last_phase(g);
}
