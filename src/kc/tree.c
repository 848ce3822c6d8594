/* Small questions about types, builtins and modules: the lookups of tree.h. */
#include "kc/tree.h"

typedef struct scalar_info {
    const char *name, *x2, *x4, *wide;
    u8 bytes;
    bool is_float, is_signed, is_integer;
} scalar_info;

/* clang-format off */
static const scalar_info scalars[] = {
    [KC_VOID] = { "void", "void",   "void",   "void",  0, false, false, false },
    [KC_BOOL] = { "bool", "boolx2", "boolx4", "boolw", 1, false, false, false },
    [KC_I8]   = { "i8",   "i8x2",   "i8x4",   "i8w",   1, false, true,  true  },
    [KC_I16]  = { "i16",  "i16x2",  "i16x4",  "i16w",  2, false, true,  true  },
    [KC_I32]  = { "i32",  "i32x2",  "i32x4",  "i32w",  4, false, true,  true  },
    [KC_I64]  = { "i64",  "i64x2",  "i64x4",  "i64w",  8, false, true,  true  },
    [KC_U8]   = { "u8",   "u8x2",   "u8x4",   "u8w",   1, false, false, true  },
    [KC_U16]  = { "u16",  "u16x2",  "u16x4",  "u16w",  2, false, false, true  },
    [KC_U32]  = { "u32",  "u32x2",  "u32x4",  "u32w",  4, false, false, true  },
    [KC_U64]  = { "u64",  "u64x2",  "u64x4",  "u64w",  8, false, false, true  },
    [KC_F16]  = { "f16",  "f16x2",  "f16x4",  "f16w",  2, true,  true,  false },
    [KC_BF16] = { "bf16", "bf16x2", "bf16x4", "bf16w", 2, true,  true,  false },
    [KC_F32]  = { "f32",  "f32x2",  "f32x4",  "f32w",  4, true,  true,  false },
    [KC_F64]  = { "f64",  "f64x2",  "f64x4",  "f64w",  8, true,  true,  false },
};
/* clang-format on */

bool kc_type_same(kc_type a, kc_type b) { return a.scalar == b.scalar && a.lanes == b.lanes; }
bool kc_is_float(kc_scalar s) { return scalars[s].is_float; }
bool kc_is_signed(kc_scalar s) { return scalars[s].is_signed && scalars[s].is_integer; }
bool kc_is_integer(kc_scalar s) { return scalars[s].is_integer; }
u32 kc_scalar_bytes(kc_scalar s) { return scalars[s].bytes; }
const char *kc_scalar_name(kc_scalar s) { return scalars[s].name; }

const char *kc_type_name(kc_type t)
{
    const scalar_info *s = &scalars[t.scalar];
    return t.lanes == 2 ? s->x2 : t.lanes == 4 ? s->x4 : t.lanes == KC_WIDE ? s->wide : s->name;
}

static const char *const builtin_names[] = {
#define BUILTIN(name, args, signature, c, opencl) #name,
#include "kc/builtins.def"
#undef BUILTIN
};

const char *kc_builtin_name(kc_builtin b) { return b < KC_B_COUNT ? builtin_names[b] : "?"; }

bool kc_builtin_is_atomic(kc_builtin b) { return b >= KC_B_atomic_add && b <= KC_B_atomic_cas; }

bool kc_builtin_is_mma(kc_builtin b) { return b >= KC_B_mma_f16 && b <= KC_B_mma_tf32; }

bool kc_builtin_is_subgroup(kc_builtin b) { return b >= KC_B_subgroup_add && b <= KC_B_subgroup_shuffle_xor; }

bool kc_builtin_writes(kc_builtin b)
{
    bool stores = b == KC_B_store4 || b == KC_B_storew || b == KC_B_storew_part;
    return kc_builtin_is_atomic(b) || kc_builtin_is_mma(b) || kc_builtin_is_subgroup(b) || stores;
}

kc_tiles kc_tiles_of(const kc_expr *mma) { return (kc_tiles){ mma->a[1]->var->n[0] / 4, mma->a[2]->var->n[0] / 2 }; }

const kc_entry *kc_entry_of(const kc_kernel *k) { return (const kc_entry *)k; }

u32 kc_lanes(const kc_module *m, kc_type t) { return t.lanes == KC_WIDE ? m->width : t.lanes; }

/* ------------------------------------------------------------------ what C leaves undefined */
static bool is_divisor_safe(const kc_expr *by)
{
    const kc_expr *one = by->op == K_SPLAT ? by->a[0] : by;
    bool is_signed = kc_is_signed((kc_scalar)by->type.scalar);
    return one->op == K_CONST && one->value.i != 0 && !(is_signed && one->value.i == -1);
}

static bool is_count_safe(const kc_expr *count, kc_type of)
{
    u32 bits = 8 * kc_scalar_bytes((kc_scalar)of.scalar);
    const kc_expr *most = count->op == K_AND ? count->a[1] : count;
    return most->op == K_CONST && most->value.i >= 0 && most->value.i < (i64)bits;
}

bool kc_needs_guard(const kc_expr *e)
{
    bool integer = kc_is_integer((kc_scalar)e->type.scalar);
    switch (e->op) {
    case K_DIV:
    case K_REM: return integer && !is_divisor_safe(e->a[1]);
    case K_SHL:
    case K_SHR: return !is_count_safe(e->a[1], e->type);
    case K_CAST: return integer && kc_is_float((kc_scalar)e->a[0]->type.scalar);
    default: return false;
    }
}

bool kc_breaks(const kc_stmt *body)
{
    for (const kc_stmt *s = body; s; s = s->next)
        if (s->op == S_BREAK || ((s->op == S_IF || s->op == S_BLOCK) && (kc_breaks(s->body) || kc_breaks(s->other))))
            return true;
    return false;
}
