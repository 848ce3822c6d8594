/* A kernel as PTX: registers, labels, and the frame around the statements. The statements are ptx_flow.c, expressions ptx_expression.c, memory
 * ptx_memory.c, builtins ptx_call.c.
 *
 *     .visible .entry qk_run(buffers and scalars in their order, a MAP's output after them, u32 count)
 *
 * A buffer comes as the address where its view starts. A MAP's item computes the element ctaid * ntid + tid where that is below count; a group
 * is block ctaid.y * nctaid.x + ctaid.x. Text is for sm_70, or what its instructions need; the driver compiles it for the card at hand. */
#include "kc/ptx.h"

/* Two large groups at once on a multiprocessor hide more of memory than a few registers more in each item do. */
enum { LARGE_GROUP = 256, MAP_ITEMS_MAX = 256, STATIC_SHARED_MAX = 48 * 1024, SHARED_ALIGN = 16 };

/* ------------------------------------------------------------------ text */
void ptx_line(ptx *p, const char *format, ...)
{
    va_list args;
    str_add(p->out, "    ");
    va_start(args, format);
    str_vprint(p->out, format, args);
    va_end(args);
    str_add(p->out, ";\n");
}

const char *ptx_text(ptx *p, const char *format, ...)
{
    va_list args;
    str text = { 0 };
    va_start(args, format);
    str_vprint(&text, format, args);
    va_end(args);
    const char *copy = text.bad ? NULL : arena_text(p->scratch, text.text ? text.text : "", text.n);
    str_free(&text);
    if (!copy && p->status == QN_OK) p->status = fail_nomem(64);
    return copy ? copy : "";
}

void ptx_refuse(ptx *p, kc_pos pos, const char *format, ...)
{
    va_list args;
    str text = { 0 };
    if (p->status != QN_OK) return;
    va_start(args, format);
    str_vprint(&text, format, args);
    va_end(args);
    p->status = kc_fail_at(p->m, QN_E_UNSUPPORTED, pos, "%s", text.text ? text.text : "");
    str_free(&text);
}

/* ------------------------------------------------------------------ registers and labels */
static const struct {
    const char *prefix, *bits, *declared;
} classes[] = {
    [PTX_P] = { "%p", "pred", "pred" }, [PTX_H] = { "%h", "b16", "b16" }, [PTX_R] = { "%r", "b32", "b32" },
    [PTX_RD] = { "%rd", "b64", "b64" }, [PTX_F] = { "%f", "f32", "f32" }, [PTX_FD] = { "%fd", "f64", "f64" },
};

static const struct {
    u8 class;
    const char *type;
} scalar_infos[] = {
    [KC_VOID] = { PTX_R, "b32" }, [KC_BOOL] = { PTX_P, "pred" }, [KC_I8] = { PTX_R, "s32" },  [KC_I16] = { PTX_R, "s32" },
    [KC_I32] = { PTX_R, "s32" },  [KC_I64] = { PTX_RD, "s64" },  [KC_U8] = { PTX_R, "u32" },  [KC_U16] = { PTX_R, "u32" },
    [KC_U32] = { PTX_R, "u32" },  [KC_U64] = { PTX_RD, "u64" },  [KC_F16] = { PTX_H, "b16" }, [KC_BF16] = { PTX_H, "b16" },
    [KC_F32] = { PTX_F, "f32" },  [KC_F64] = { PTX_FD, "f64" },
};

ptx_class ptx_class_of(kc_scalar s) { return (ptx_class)scalar_infos[s].class; }
const char *ptx_type(kc_scalar s) { return scalar_infos[s].type; }
const char *ptx_bits(ptx_class c) { return classes[c].bits; }

const char *ptx_reg(ptx *p, ptx_class c) { return ptx_text(p, "%s%u", classes[c].prefix, p->next[c]++); }

const char *ptx_label(ptx *p) { return ptx_text(p, "$L%u", p->next_label++); }

void ptx_put_label(ptx *p, const char *label) { str_print(p->out, "%s:\n", label); }

const char **ptx_regs(ptx *p, kc_type t, u32 elems)
{
    u32 n = elems * kc_lanes(p->m, t);
    const char **regs = ARENA_ARRAY(p->scratch, n + 1, const char *);
    if (!regs && p->status == QN_OK) p->status = fail_nomem(n * sizeof *regs);
    for (u32 i = 0; regs && i < n; i++) regs[i] = ptx_reg(p, ptx_class_of((kc_scalar)t.scalar));
    return regs;
}

void ptx_move(ptx *p, ptx_class c, const char *to, const char *from)
{
    if (strcmp(to, from) != 0) ptx_line(p, "mov.%s %s, %s", ptx_bits(c), to, from);
}

ptx_place *ptx_place_of(ptx *p, const kc_var *v)
{
    return v->storage == KC_V_TABLE ? &p->tables[v->slot] : &p->vars[v->slot];
}

/* ------------------------------------------------------------------ parameters */
static void put_param(ptx *p, str *head, const kc_var *v, u32 n)
{
    bool buffer = v->storage == KC_V_BUFFER;
    ptx_class c = buffer ? PTX_RD : ptx_class_of((kc_scalar)v->type.scalar);
    const char *type = buffer ? "u64" : v->type.scalar == KC_BOOL ? "u32" : ptx_type((kc_scalar)v->type.scalar);
    str_print(head, "%s\n    .param .%s qk_%u_%s", n ? "," : "", type, n, v->name);
    ptx_place *place = &p->vars[v->slot];
    if (v->type.scalar == KC_BOOL && !buffer) {
        const char *word = ptx_reg(p, PTX_R);
        ptx_line(p, "ld.param.u32 %s, [qk_%u_%s]", word, n, v->name);
        place->regs = ptx_regs(p, v->type, 1);
        if (place->regs) ptx_line(p, "setp.ne.u32 %s, %s, 0", place->regs[0], word);
        return;
    }
    const char *reg = ptx_reg(p, c);
    ptx_line(p, "ld.param.%s %s, [qk_%u_%s]", type, reg, n, v->name);
    if (buffer) {
        place->base = ptx_reg(p, PTX_RD);
        ptx_line(p, "cvta.to.global.u64 %s, %s", place->base, reg);
    } else {
        place->regs = ARENA_ARRAY(p->scratch, 1, const char *);
        if (place->regs) place->regs[0] = reg;
    }
}

static void put_params(ptx *p, str *head)
{
    u32 n = 0;
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        const kc_var *v = p->e->vars[slot];
        if (v->storage == KC_V_BUFFER || v->storage == KC_V_SCALAR) put_param(p, head, v, n++);
    }
    if (p->e->kernel.form == KC_MAP) {
        str_print(head, "%s\n    .param .u64 qk_out", n++ ? "," : "");
        const char *at = ptx_reg(p, PTX_RD);
        p->output = ptx_reg(p, PTX_RD);
        ptx_line(p, "ld.param.u64 %s, [qk_out]", at);
        ptx_line(p, "cvta.to.global.u64 %s, %s", p->output, at);
    }
    str_print(head, "%s\n    .param .u32 qk_count", n ? "," : "");
}

/* ------------------------------------------------------------------ tables and group memory */
static void put_table(ptx *p, const kc_var *v)
{
    u32 bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    const char *name = ptx_text(p, "qk_table_%u", p->next_global++);
    p->tables[v->slot].base = name;
    str_print(&p->globals, ".global .align 16 .b%u %s[%u] = {", bytes * 8, name, v->n[0]);
    for (u32 i = 0; i < v->n[0]; i++) {
        const kc_expr *e = v->values[i];
        u64 bits = (u64)e->value.i;
        f32 narrow = (f32)e->value.f;
        u32 word;
        memcpy(&word, &narrow, 4);
        if (v->type.scalar == KC_F32) bits = word;
        else if (v->type.scalar == KC_F64) memcpy(&bits, &e->value.f, 8);
        else if (v->type.scalar == KC_F16) bits = f16_from_f32(narrow);
        else if (v->type.scalar == KC_BF16) bits = bf16_from_f32(narrow);
        if (bytes < 8) bits &= (1ull << (bytes * 8)) - 1;
        str_print(&p->globals, "%s%s0x%llx", i ? "," : "", i % 12 == 0 ? "\n    " : " ", (unsigned long long)bits);
    }
    str_add(&p->globals, "\n};\n");
}

static void put_tables(ptx *p)
{
    for (u32 i = 0; i < p->m->n_tables; i++)
        if (p->m->tables[i]->read) put_table(p, p->m->tables[i]);
}

static void put_shared(ptx *p)
{
    for (u32 slot = 0; slot < p->e->n_vars; slot++) {
        const kc_var *v = p->e->vars[slot];
        if (v->storage != KC_V_SHARED) continue;
        u64 elems = (u64)v->n[0] * (v->dims == 2 ? v->n[1] : 1);
        u64 bytes = elems * kc_scalar_bytes((kc_scalar)v->type.scalar) * kc_lanes(p->m, v->type);
        p->vars[slot].at = p->shared_bytes;
        bytes = (bytes + SHARED_ALIGN - 1) / SHARED_ALIGN * SHARED_ALIGN;
        if (p->shared_bytes + bytes > STATIC_SHARED_MAX) {
            ptx_refuse(p, v->pos, "group memory of more than %d bytes", STATIC_SHARED_MAX);
            return;
        }
        p->shared_bytes += (u32)bytes;
    }
    if (p->shared_bytes) str_print(&p->globals, ".shared .align 128 .b8 qk_shared[%u];\n", p->shared_bytes);
}

/* ------------------------------------------------------------------ the kernel */
static const char *special(ptx *p, const char *name)
{
    const char *reg = ptx_reg(p, PTX_R);
    ptx_line(p, "mov.u32 %s, %%%s", reg, name);
    return reg;
}

/* Element or group, and the end for those past the count. */
static void put_first(ptx *p)
{
    bool is_map = p->e->kernel.form == KC_MAP;
    const char *at = special(p, is_map ? "ctaid.x" : "ctaid.y"), *size = special(p, is_map ? "ntid.x" : "nctaid.x");
    const char *own = special(p, is_map ? "tid.x" : "ctaid.x"), *count = ptx_reg(p, PTX_R), *past = ptx_reg(p, PTX_P);
    p->first = ptx_reg(p, PTX_R);
    ptx_line(p, "mad.lo.u32 %s, %s, %s, %s", p->first, at, size, own);
    ptx_line(p, "ld.param.u32 %s, [qk_count]", count);
    ptx_line(p, "setp.ge.u32 %s, %s, %s", past, p->first, count);
    ptx_line(p, "@%s bra %s", past, p->done);
    const char **regs = ARENA_ARRAY(p->scratch, 1, const char *);
    if (regs) regs[0] = p->first;
    p->vars[p->e->first->slot].regs = regs;
}

static void put_registers(ptx *p, str *out)
{
    for (u32 c = 0; c < PTX_CLASSES; c++)
        if (p->next[c]) str_print(out, "    .reg .%s %s<%u>;\n", classes[c].declared, classes[c].prefix, p->next[c]);
}

static void put_kernel(ptx *p, str *out)
{
    str body = { 0 }, head = { 0 };
    p->out = &body;
    p->done = ptx_label(p);
    put_tables(p);
    put_shared(p);
    put_params(p, &head);
    put_first(p);
    if (p->status == QN_OK) ptx_find_indexed(p);
    if (p->status == QN_OK) ptx_body(p, p->e->body);
    ptx_put_label(p, p->done);
    ptx_line(p, "ret");
    const kc_kernel *k = &p->e->kernel;
    str_print(out, "// %s, printed by Quern\n.version %s\n.target sm_%u\n.address_size 64\n\n", k->name,
              p->needs > 75 ? "7.0" : "6.3", p->needs);
    str_add_n(out, p->globals.text ? p->globals.text : "", p->globals.n);
    str_print(out, "\n.visible .entry qk_run(%s\n)\n", head.text ? head.text : "");
    if (k->form == KC_MAP) str_print(out, ".maxntid %d, 1, 1\n{\n", MAP_ITEMS_MAX);
    else str_print(out, ".reqntid %u, 1, 1\n%s{\n", k->group, k->group >= LARGE_GROUP ? ".minnctapersm 2\n" : "");
    put_registers(p, out);
    str_add_n(out, body.text ? body.text : "", body.n);
    str_add(out, "}\n");
    bool bad = body.bad || head.bad || p->globals.bad || out->bad;
    if (bad && p->status == QN_OK) p->status = fail_nomem(body.n);
    str_free(&body), str_free(&head);
}

qn_status print_ptx(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    (void)d;
    ptx p = { .m = m, .e = kc_entry_of(k), .scratch = arena_make(), .needs = 70 };
    if (!p.scratch) return fail_nomem(sizeof p);
    p.vars = ARENA_ARRAY(p.scratch, p.e->n_vars + 1, ptx_place);
    p.tables = ARENA_ARRAY(p.scratch, m->n_tables + 1, ptx_place);
    if (p.vars && p.tables) put_kernel(&p, out);
    else p.status = fail_nomem(p.e->n_vars * sizeof *p.vars);
    str_free(&p.globals);
    arena_free(p.scratch);
    return p.status;
}
