/* Calls in GLSL: loads and stores of several elements, folds of lanes, integer builtins; all others are functions of glsl_helpers.c. */
#include "kc/glsl.h"

static bool is_memory(kc_builtin b) { return b >= KC_B_load4 && b <= KC_B_storew_part; }

/* Four words from a multiple of four on, where the index says so: they are one texel. NULL: not seen. */
static const kc_expr *texel_index(const kc_expr *array, const kc_expr *index)
{
    if (kc_scalar_bytes((kc_scalar)array->type.scalar) != 4 || index->op != K_MUL) return NULL;
    bool fours = index->a[1]->op == K_CONST && index->a[1]->value.i == 4;
    return fours ? index->a[0] : NULL;
}

static void put_buffer_load(printer *p, const kc_expr *array, const kc_expr *index)
{
    const kc_expr *texel = texel_index(array, index);
    const char *name = print_named(p, array->var);
    glsl_said(p, print_text(p, texel ? "%s in texels" : "%s in fours", name));
    str_print(p->out, texel ? "%s_texel(" : "%s_4(", name);
    glsl_put_index(p, texel ? texel : index);
    str_add(p->out, ")");
}

/* Four elements of a buffer are a function beside the one for its elements; of an array they are put together here. */
static void put_load(printer *p, const kc_expr *e)
{
    const kc_expr *array = e->a[0];
    bool part = e->call == KC_B_loadw_part;
    bool narrow = array->type.scalar == KC_F16 || array->type.scalar == KC_BF16;
    const char *from = narrow ? glsl_helper(p, array->type.scalar == KC_F16 ? "qc_from_f16" : "qc_from_bf16") : "";
    if (part) str_print(p->out, "%s(", glsl_helper(p, "qc_part"));
    if (array->var->storage == KC_V_BUFFER) {
        put_buffer_load(p, array, e->a[1]);
    } else {
        str_print(p->out, "%s(", print_type(p, e->type));
        for (u32 k = 0; k < kc_lanes(p->m, e->type); k++) {
            str_print(p->out, "%s%s(%s[", k ? ", " : "", from, print_named(p, array->var));
            if (array->n_args) {
                glsl_put_index(p, array->a[0]);
                str_print(p->out, " * %uu + ", array->var->n[1]);
            }
            glsl_put_index(p, e->a[1]);
            str_print(p->out, " + %uu])", k);
        }
        str_add(p->out, ")");
    }
    if (!part) return;
    str_add(p->out, ", ");
    print_expr(p, e->a[2], 0);
    str_add(p->out, ")");
}

/* A MAP stores into its own arrays only: a function for arrays of this length. */
static void put_store(printer *p, const kc_expr *e)
{
    const kc_var *v = e->a[0]->var;
    bool part = e->call == KC_B_storew_part, narrow = v->type.scalar == KC_F16 || v->type.scalar == KC_BF16;
    u32 n = v->n[0] * (v->dims == 2 ? v->n[1] : 1), lanes = kc_lanes(p->m, e->a[2]->type);
    const char *type = print_memory_type(p, v->type),
               *name = print_text(p, "qc_store_%s_%u", kc_scalar_name((kc_scalar)v->type.scalar), n);
    const char *to = narrow ? glsl_helper(p, v->type.scalar == KC_F16 ? "qc_to_f16" : "qc_to_bf16") : "";
    if (!glsl_said(p, print_text(p, "%s %u", name, lanes))) {
        str_print(&p->helpers, "void %s(inout %s y[%u], uint i, %s v, uint n)\n{\n", name, type, n,
                  print_type(p, e->a[2]->type));
        for (u32 k = 0; k < lanes; k++)
            str_print(&p->helpers, "    if (n > %uu) y[i + %uu] = %s(v.%c);\n", k, k, to, "xyzw"[k & 3]);
        str_add(&p->helpers, "}\n");
    }
    str_print(p->out, "%s(%s, ", name, print_named(p, v));
    if (e->a[0]->n_args) {
        glsl_put_index(p, e->a[0]->a[0]);
        str_print(p->out, " * %uu + ", v->n[1]);
    }
    glsl_put_index(p, e->a[1]);
    str_add(p->out, ", ");
    print_expr(p, e->a[2], 0);
    str_add(p->out, ", ");
    if (part) print_expr(p, e->a[3], 0);
    else str_print(p->out, "%uu", lanes);
    str_add(p->out, ")");
}

/* Lanes folded in pairs, as everywhere: .x and .z, .y and .w, then the two. */
static void put_fold(printer *p, const kc_expr *e)
{
    const char *name = e->call == KC_B_sumw ? "qc_sumw" : "qc_maxw", *type = print_type(p, e->a[0]->type),
               *one = print_type(p, e->type);
    u32 lanes = kc_lanes(p->m, e->a[0]->type);
    const char *most =
        lanes > 1 && e->call == KC_B_maxw ? (e->type.scalar == KC_F32 ? glsl_helper(p, "qc_max") : "max") : NULL;
    if (lanes == 1) {
        print_expr(p, e->a[0], 0);
        return;
    }
    if (!glsl_said(p, print_text(p, "%s %s", name, type))) {
        str_print(&p->helpers, "%s %s(%s v)\n{\n", one, name, type);
        if (lanes == 2) str_print(&p->helpers, most ? "    return %s(v.x, v.y);\n}\n" : "    return v.x + v.y;\n}\n", most);
        else if (most) str_print(&p->helpers, "    return %s(%s(v.x, v.z), %s(v.y, v.w));\n}\n", most, most, most);
        else str_add(&p->helpers, "    return (v.x + v.z) + (v.y + v.w);\n}\n");
    }
    glsl_put_call(p, name, e->a, 1);
}

static bool put_integer_call(printer *p, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    const char *name = kc_builtin_name((kc_builtin)e->call), *bits = glsl_is_unsigned(t) ? "u64" : "i64";
    bool pair = e->call == KC_B_min || e->call == KC_B_max;
    if (pair && !glsl_is_wide(t)) glsl_put_call(p, name, e->a, 2);
    else if (pair) glsl_put_call(p, glsl_helper(p, print_text(p, "qc_%s_%s", name, bits)), e->a, 2);
    else if (e->call == KC_B_abs && glsl_is_unsigned(t)) print_expr(p, e->a[0], PRINT_UNARY);
    else if (e->call == KC_B_abs && glsl_is_wide(t)) glsl_put_call(p, glsl_helper(p, "qc_abs_i64"), e->a, 1);
    else if (e->call == KC_B_abs) glsl_put_helper(p, "qc_abs", e->type, e->a, 1);
    else if (glsl_is_wide(t)) glsl_put_call(p, glsl_helper(p, print_text(p, "qc_%s64", name)), e->a, 1);
    else if (t.scalar == KC_I32)
        str_print(p->out, "%s(uint(", glsl_helper(p, print_text(p, "qc_%s", name))), print_expr(p, e->a[0], 0),
            str_add(p->out, "))");
    else glsl_put_call(p, glsl_helper(p, print_text(p, "qc_%s", name)), e->a, 1);
    return true;
}

bool glsl_call(printer *p, const kc_expr *e, const char *text)
{
    kc_builtin b = (kc_builtin)e->call;
    if (is_memory(b)) {
        if (kc_builtin_writes(b)) put_store(p, e);
        else put_load(p, e);
        return true;
    }
    if (b == KC_B_sumw || b == KC_B_maxw) {
        put_fold(p, e);
        return true;
    }
    bool integers = kc_is_integer((kc_scalar)e->a[0]->type.scalar);
    if (integers &&
        (b == KC_B_min || b == KC_B_max || b == KC_B_abs || b == KC_B_popcount || b == KC_B_clz || b == KC_B_ctz))
        return put_integer_call(p, e);
    if (text) return false;
    const char *name = print_text(p, "qc_%s", b == KC_B_abs ? "fabs" : kc_builtin_name(b));
    glsl_put_helper(p, name, e->type, e->a, e->n_args);
    return true;
}
