/* The module as text (WAT), made by reading back its instructions. */

#include "kc/wasm.h"

static const char *type_name(u8 t)
{
    return t == WASM_I32 ? "i32" : t == WASM_I64 ? "i64" : t == WASM_F32 ? "f32" : t == WASM_F64 ? "f64" : "v128";
}

static u64 read_leb(const u8 **at)
{
    u64 v = 0;
    for (u32 shift = 0;; shift += 7) {
        u8 byte = *(*at)++;
        v |= (u64)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return v;
    }
}

static i64 read_signed(const u8 **at)
{
    u64 v = 0;
    for (u32 shift = 0;;) {
        u8 byte = *(*at)++;
        v |= (u64)(byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80) continue;
        if ((byte & 0x40) && shift < 64) v |= ~(u64)0 << shift;
        return (i64)v;
    }
}

static const wasm_op_info *read_op(const u8 **at)
{
    u8 first = *(*at)++, prefix = first >= 0xfc ? first : 0;
    u32 code = prefix ? (u32)read_leb(at) : first;
    for (u32 i = 0; i < W_COUNT; i++)
        if (wasm_ops[i].prefix == prefix && wasm_ops[i].code == code) return &wasm_ops[i];
    return NULL;
}

/* Names repeat, as inlining repeats them: all but the first have their number. */
static void put_local(const wasm *w, u32 local, str *out)
{
    const char *name = w->locals[local].name;
    bool again = false;
    for (u32 i = 0; name && i < local && !again; i++) again = text_same(w->locals[i].name, name);
    if (!name) str_print(out, " $%u", local);
    else str_print(out, again ? " $%s.%u" : " $%s", name, local);
}

static void put_float(f64 v, qn_dtype d, str *out)
{
    char text[NUMBER_BYTES];
    str_print(out, " %s", number_print(text, v, d));
}

static void put_memory(const u8 **at, str *out)
{
    u32 log = (u32)read_leb(at), offset = (u32)read_leb(at);
    if (offset) str_print(out, " offset=%u", offset);
    str_print(out, " align=%u", 1u << log);
}

static void put_operands(const wasm *w, char follows, const u8 **at, str *out)
{
    f32 narrow;
    f64 wide;
    switch (follows) {
    case 'B':
        if (**at != WASM_NOTHING) str_print(out, " (result %s)", type_name(**at));
        ++*at;
        break;
    case 'D':
    case 'K': str_print(out, " %llu", (unsigned long long)read_leb(at)); break;
    case 'L': put_local(w, (u32)read_leb(at), out); break;
    case 'F': str_print(out, " $%s", w->imports[read_leb(at)].name); break;
    case 'G': str_add(out, " $stack"), read_leb(at); break;
    case 'M':
    case 'A': put_memory(at, out); break;
    case 'P':
        put_memory(at, out);
        str_print(out, " %u", *(*at)++);
        break;
    case 'I':
    case 'J': str_print(out, " %lld", (long long)read_signed(at)); break;
    case 'S':
        memcpy(&narrow, *at, sizeof narrow), *at += sizeof narrow;
        put_float((f64)narrow, QN_F32, out);
        break;
    case 'E':
        memcpy(&wide, *at, sizeof wide), *at += sizeof wide;
        put_float(wide, QN_F64, out);
        break;
    case 'V': str_add(out, " i32x4 0 0 0 0"), *at += 16; break; /* the only constant that is made */
    case 'X':
        for (u32 i = 0; i < 16; i++) str_print(out, " %u", *(*at)++);
        break;
    case 'T': str_add(out, " $tables"), *at += 2; break;
    case 'Z': ++*at; break;
    default: break;
    }
}

static void put_code(const wasm *w, str *out)
{
    const u8 *at = (const u8 *)w->code.text, *end = at + w->code.n - 1; /* without the last end */
    u32 depth = 0;
    while (at < end) {
        const wasm_op_info *op = read_op(&at);
        bool closes = op == &wasm_ops[W_END] || op == &wasm_ops[W_ELSE];
        if (closes) depth--;
        str_print(out, "%*s%s", (int)(4 + 2 * depth), "", op->text);
        put_operands(w, op->follows, &at, out);
        str_add(out, "\n");
        depth += op->follows == 'B' || op == &wasm_ops[W_ELSE];
    }
}

/* Each operand of a shuffle is the same vector twice. */
static void put_tables(const wasm *w, str *out)
{
    if (!w->tables.n) return;
    str_add(out, "  (data $tables \"");
    for (size_t i = 0; i < w->tables.n; i++) str_print(out, "\\%02x", (u8)w->tables.text[i]);
    str_add(out, "\")\n");
}

static void put_head(const wasm *w, str *out)
{
    str_print(out, ";; %s, printed by Quern\n(module\n  (import \"env\" \"memory\" (memory 0))\n", w->e->kernel.name);
    str_add(out, "  (import \"env\" \"__stack_pointer\" (global $stack (mut i32)))\n");
    for (u32 i = 0; i < w->n_imports; i++) {
        const wasm_import *f = &w->imports[i];
        str_print(out, "  (import \"math\" \"%s\" (func $%s (param", f->name, f->name);
        for (u32 k = 0; k < f->n_in; k++) str_print(out, " %s", type_name(f->in[k]));
        str_print(out, ") (result %s)))\n", type_name(f->out));
    }
}

qn_status wasm_text(const wasm *w, str *out)
{
    put_head(w, out);
    str_add(out, "  (func (export \"qk_run\") (param $args i32) (param $from i32) (param $to i32)\n");
    for (u32 i = 3; i < w->n_locals; i++) {
        str_add(out, "    (local");
        put_local(w, i, out);
        str_print(out, " %s)\n", type_name(w->locals[i].type));
    }
    put_code(w, out);
    str_add(out, "  )\n");
    put_tables(w, out);
    str_add(out, ")\n");
    return out->bad ? fail_nomem(out->n) : QN_OK;
}
