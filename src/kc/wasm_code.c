/* The bytes of a WebAssembly module: instructions, and the sections around them. */
#include "kc/wasm.h"

const wasm_op_info wasm_ops[W_COUNT] = {
#define W(name, text, prefix, code, follows) { text, prefix, code, #follows[0] },
#include "kc/wasm_ops.def"
#undef W
};

static void put_byte(str *out, u8 byte) { str_add_n(out, (const char *)&byte, 1); }

void wasm_leb(str *out, u64 value)
{
    do {
        put_byte(out, (u8)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
        value >>= 7;
    } while (value);
}

void wasm_leb_signed(str *out, i64 value)
{
    for (;;) {
        u8 low = (u8)(value & 0x7f);
        value >>= 7;
        bool last = (value == 0 && !(low & 0x40)) || (value == -1 && (low & 0x40));
        put_byte(out, last ? low : low | 0x80);
        if (last) return;
    }
}

/* ------------------------------------------------------------------ instructions */
void wasm_put(wasm *w, wasm_op op)
{
    if (wasm_ops[op].prefix) put_byte(&w->code, wasm_ops[op].prefix), wasm_leb(&w->code, wasm_ops[op].code);
    else put_byte(&w->code, (u8)wasm_ops[op].code);
}

void wasm_put_u(wasm *w, wasm_op op, u32 operand)
{
    wasm_put(w, op);
    if (wasm_ops[op].follows == 'K' || wasm_ops[op].follows == 'B') put_byte(&w->code, (u8)operand);
    else wasm_leb(&w->code, operand);
    if (wasm_ops[op].follows == 'T') put_byte(&w->code, 0);
}

void wasm_put_i32(wasm *w, i32 value)
{
    wasm_put(w, W_I32_CONST);
    wasm_leb_signed(&w->code, value);
}

void wasm_put_i64(wasm *w, i64 value)
{
    wasm_put(w, W_I64_CONST);
    wasm_leb_signed(&w->code, value);
}

void wasm_put_f32(wasm *w, f32 value)
{
    wasm_put(w, W_F32_CONST);
    str_add_n(&w->code, (const char *)&value, sizeof value);
}

void wasm_put_f64(wasm *w, f64 value)
{
    wasm_put(w, W_F64_CONST);
    str_add_n(&w->code, (const char *)&value, sizeof value);
}

void wasm_put_zero_v128(wasm *w)
{
    static const char zeros[16];
    wasm_put(w, W_V128_CONST);
    str_add_n(&w->code, zeros, sizeof zeros);
}

void wasm_put_memory(wasm *w, wasm_op op, u32 bytes, u32 offset)
{
    u32 log = bytes >= 16 ? 4 : bytes >= 8 ? 3 : bytes >= 4 ? 2 : bytes >= 2 ? 1 : 0;
    wasm_put(w, op);
    wasm_leb(&w->code, log);
    wasm_leb(&w->code, offset);
    if (wasm_ops[op].follows == 'P') put_byte(&w->code, 0);
}

void wasm_put_shuffle_down(wasm *w, u32 lanes)
{
    wasm_put(w, W_SHUFFLE); /* of the vector with itself */
    for (u32 i = 0; i < 16; i++) put_byte(&w->code, (u8)((i + lanes * 4) % 16));
}

u32 wasm_local_make(wasm *w, u8 type, const char *name)
{
    if (!ARENA_PUSH_ROOM(w->scratch, w->locals, w->n_locals, w->cap_locals, 1u << 15)) {
        w->status = fail(QN_E_UNSUPPORTED, "wasm: kernel '%s' has more than %u variables, or there is no memory for them",
                         w->e->kernel.name, 1u << 15);
        return 0;
    }
    w->locals[w->n_locals] = (wasm_local){ type, name };
    return w->n_locals++;
}

u32 wasm_math(wasm *w, const char *builtin, const char *type, u8 n_in, const u8 *in, u8 out)
{
    const char *name = type ? arena_print(w->scratch, "%s_%s", builtin, type) : builtin;
    for (u32 i = 0; name && i < w->n_imports; i++)
        if (text_same(w->imports[i].name, name)) return i;
    if (!name || w->n_imports == WASM_MAX_IMPORTS) {
        w->status =
            name ? fail(QN_E_UNSUPPORTED, "wasm: kernel '%s' uses too many functions", w->e->kernel.name) : fail_nomem(64);
        return 0;
    }
    wasm_import *made = &w->imports[w->n_imports];
    *made = (wasm_import){ .name = name, .n_in = n_in, .out = out };
    memcpy(made->in, in, n_in);
    return w->n_imports++;
}

void wasm_open(wasm *w, wasm_op op, u8 type)
{
    wasm_put_u(w, op, type);
    w->depth++;
}

void wasm_close(wasm *w)
{
    wasm_put(w, W_END);
    w->depth--;
}

void wasm_br(wasm *w, wasm_op op, u32 to) { wasm_put_u(w, op, w->depth - to); }

/* ------------------------------------------------------------------ sections */
static void put_name(str *out, const char *name)
{
    wasm_leb(out, strlen(name));
    str_add(out, name);
}

static void put_section(str *out, u8 id, str *body)
{
    put_byte(out, id);
    wasm_leb(out, body->n);
    str_add_n(out, body->text ? body->text : "", body->n);
    out->bad |= body->bad;
    str_free(body);
    *body = (str){ 0 };
}

/* Type 0 is that of qk_run; import i has type i + 1. */
static void put_types(const wasm *w, str *out)
{
    str s = { 0 };
    wasm_leb(&s, w->n_imports + 1);
    str_add_n(&s, "\x60\x03\x7f\x7f\x7f\x00", 6);
    for (u32 i = 0; i < w->n_imports; i++) {
        const wasm_import *f = &w->imports[i];
        put_byte(&s, 0x60);
        wasm_leb(&s, f->n_in);
        for (u32 k = 0; k < f->n_in; k++) put_byte(&s, f->in[k]);
        put_byte(&s, 1);
        put_byte(&s, f->out);
    }
    put_section(out, 1, &s);
}

static void put_imports(const wasm *w, str *out)
{
    str s = { 0 };
    wasm_leb(&s, w->n_imports + 2);
    put_name(&s, "env"), put_name(&s, "memory");
    put_byte(&s, 2);
    put_byte(&s, w->shared ? 3 : 0);
    wasm_leb(&s, 0);
    if (w->shared) wasm_leb(&s, 65536);
    put_name(&s, "env"), put_name(&s, "__stack_pointer");
    put_byte(&s, 3), put_byte(&s, WASM_I32), put_byte(&s, 1);
    for (u32 i = 0; i < w->n_imports; i++) {
        put_name(&s, "math"), put_name(&s, w->imports[i].name);
        put_byte(&s, 0);
        wasm_leb(&s, i + 1);
    }
    put_section(out, 2, &s);
}

static void put_body(const wasm *w, str *out)
{
    str body = { 0 }, s = { 0 };
    u32 own = w->n_locals - 3; /* the first three are parameters */
    wasm_leb(&body, own);
    for (u32 i = 3; i < w->n_locals; i++) put_byte(&body, 1), put_byte(&body, w->locals[i].type);
    str_add_n(&body, w->code.text ? w->code.text : "", w->code.n);
    wasm_leb(&s, 1);
    wasm_leb(&s, body.n);
    str_add_n(&s, body.text ? body.text : "", body.n);
    out->bad |= body.bad || w->code.bad;
    str_free(&body);
    put_section(out, 10, &s);
}

qn_status wasm_module(wasm *w, str *out)
{
    str s = { 0 };
    str_add_n(out, "\0asm\1\0\0\0", 8);
    put_types(w, out);
    put_imports(w, out);
    str_add_n(&s, "\1\0", 2);
    put_section(out, 3, &s);
    wasm_leb(&s, 1);
    put_name(&s, "qk_run");
    put_byte(&s, 0);
    wasm_leb(&s, w->n_imports);
    put_section(out, 7, &s);
    if (w->tables.n) {
        wasm_leb(&s, 1);
        put_section(out, 12, &s);
    }
    put_body(w, out);
    if (w->tables.n) {
        str_add_n(&s, "\1\1", 2);
        wasm_leb(&s, w->tables.n);
        str_add_n(&s, w->tables.text, w->tables.n);
        put_section(out, 11, &s);
    }
    return out->bad ? fail_nomem(out->n) : QN_OK;
}
