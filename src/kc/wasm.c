/* A kernel as a WebAssembly module: statements, the stack frame of its arrays, and qk_run, which loops over elements or groups.
 * Items of a group are a loop, as in C. A MAP that allows it does four elements at a time (wasm_vector.c) and the rest one by one. */
#include "kc/print.h"
#include "kc/wasm.h"

static void put_list(wasm *w, const kc_stmt *s);

static void set_local(wasm *w, u32 local) { wasm_put_u(w, W_LOCAL_SET, local); }
static void get_local(wasm *w, u32 local) { wasm_put_u(w, W_LOCAL_GET, local); }

static void add_to(wasm *w, u32 local, i32 by)
{
    get_local(w, local);
    wasm_put_i32(w, by);
    wasm_put(w, W_I32_ADD);
    set_local(w, local);
}

/* ------------------------------------------------------------------ statements */
/* block { loop { test; block { body } step; again } }: a break leaves the outer block, a continue the inner. */
static void put_loop(wasm *w, const kc_stmt *s)
{
    u32 break_at = w->break_at, continue_at = w->continue_at;
    put_list(w, s->init);
    wasm_open(w, W_BLOCK, WASM_NOTHING);
    w->break_at = w->depth;
    wasm_open(w, W_LOOP, WASM_NOTHING);
    u32 top = w->depth;
    if (s->value && !s->test_last) {
        wasm_expr(w, s->value);
        wasm_put(w, W_I32_EQZ);
        wasm_br(w, W_BR_IF, w->break_at);
    }
    wasm_open(w, W_BLOCK, WASM_NOTHING);
    w->continue_at = w->depth;
    put_list(w, s->body);
    wasm_close(w);
    put_list(w, s->step);
    if (s->value && s->test_last) wasm_expr(w, s->value);
    wasm_br(w, s->value && s->test_last ? W_BR_IF : W_BR, top);
    wasm_close(w);
    wasm_close(w);
    w->break_at = break_at, w->continue_at = continue_at;
}

static void put_items(wasm *w, const kc_stmt *s)
{
    u32 item = w->local_of[s->var->slot] - 1, outer = w->item;
    w->item = item;
    wasm_put_i32(w, 0);
    set_local(w, item);
    wasm_open(w, W_LOOP, WASM_NOTHING);
    u32 top = w->depth;
    put_list(w, s->body);
    add_to(w, item, 1);
    get_local(w, item);
    wasm_put_i32(w, (i32)w->e->kernel.group);
    wasm_put(w, W_I32_LT_U);
    wasm_br(w, W_BR_IF, top);
    wasm_close(w);
    w->item = outer;
}

static void put_if(wasm *w, const kc_stmt *s)
{
    wasm_expr(w, s->value);
    wasm_open(w, W_IF, WASM_NOTHING);
    put_list(w, s->body);
    if (s->other) {
        wasm_put(w, W_ELSE);
        put_list(w, s->other);
    }
    wasm_close(w);
}

static u32 var_bytes(const kc_var *v)
{
    u32 n = wasm_elem_bytes(v);
    for (u32 i = 0; i < v->dims; i++) n *= v->n[i];
    return n;
}

static void put_decl(wasm *w, const kc_stmt *s)
{
    const kc_var *v = s->var;
    if (s->zeroed) {
        get_local(w, w->frame);
        wasm_put_i32(w, (i32)(w->frame_at[v->slot] - 1));
        wasm_put(w, W_I32_ADD);
        wasm_put_i32(w, 0);
        wasm_put_i32(w, (i32)var_bytes(v));
        wasm_put_u(w, W_MEMORY_FILL, 0);
    }
    if (!s->value) return;
    wasm_expr(w, s->value);
    set_local(w, w->local_of[v->slot] - 1);
}

static void put_return(wasm *w, const kc_stmt *s)
{
    if (s->value) {
        wasm_expr(w, s->value);
        set_local(w, w->result);
    }
    wasm_br(w, W_BR, w->return_at);
}

static void put_stmt(wasm *w, const kc_stmt *s)
{
    switch (s->op) {
    case S_DECL: put_decl(w, s); break;
    case S_ASSIGN: wasm_assign(w, s->target, s->value); break;
    case S_EXPR:
        if (s->body) put_list(w, s->body);
        else wasm_effect(w, s->value);
        break;
    case S_IF: put_if(w, s); break;
    case S_LOOP: put_loop(w, s); break;
    case S_ITEMS: put_items(w, s); break;
    case S_RETURN: put_return(w, s); break;
    case S_BREAK: wasm_br(w, W_BR, w->break_at); break;
    case S_CONTINUE: wasm_br(w, W_BR, w->continue_at); break;
    default: put_list(w, s->body); break;
    }
}

static void put_list(wasm *w, const kc_stmt *s)
{
    for (; s && w->status == QN_OK; s = s->next) put_stmt(w, s);
}

/* ------------------------------------------------------------------ variables */
static u32 place_in_frame(wasm *w, u64 bytes)
{
    u32 at = (w->frame_bytes + 15) & ~15u;
    if (at + bytes > WASM_MAX_FRAME) {
        if (w->status == QN_OK)
            w->status = fail(QN_E_UNSUPPORTED, "wasm: the arrays of kernel '%s' take more than %d bytes of stack",
                             w->e->kernel.name, (int)WASM_MAX_FRAME);
        return 1;
    }
    w->frame_bytes = at + (u32)bytes;
    return at + 1;
}

static void place_var(wasm *w, const kc_var *v)
{
    u64 items = v->storage == KC_V_PER_ITEM ? w->e->kernel.group : 1, bytes = wasm_elem_bytes(v) * items;
    for (u32 i = 0; i < v->dims; i++) bytes *= v->n[i];
    if (v->storage == KC_V_BUFFER) w->local_of[v->slot] = wasm_local_make(w, WASM_I32, v->name) + 1;
    else if (v->dims || v->storage == KC_V_PER_ITEM) w->frame_at[v->slot] = place_in_frame(w, bytes);
    else w->local_of[v->slot] = wasm_local_make(w, wasm_type(v->type), v->name) + 1;
}

static void add_table_value(wasm *w, const kc_expr *e)
{
    kc_scalar s = (kc_scalar)e->type.scalar;
    f32 narrow = s == KC_F32 ? (f32)e->value.f : 0;
    u64 bits = s == KC_F16 ? f16_from_f32((f32)e->value.f) : s == KC_BF16 ? bf16_from_f32((f32)e->value.f) : (u64)e->value.i;
    if (s == KC_F32) str_add_n(&w->tables, (const char *)&narrow, sizeof narrow);
    else if (s == KC_F64) str_add_n(&w->tables, (const char *)&e->value.f, sizeof e->value.f);
    else str_add_n(&w->tables, (const char *)&bits, kc_scalar_bytes(s));
}

/* Tables stand one after the other at the start of the frame. */
static void place_tables(wasm *w)
{
    static const char zeros[16];
    for (u32 i = 0; i < w->m->n_tables; i++) {
        const kc_var *v = w->m->tables[i];
        if (!v->read) continue;
        w->table_at[v->slot] = place_in_frame(w, (u64)v->n[0] * wasm_elem_bytes(v));
        str_add_n(&w->tables, zeros, w->table_at[v->slot] - 1 - w->tables.n);
        for (u32 k = 0; k < v->n[0]; k++) add_table_value(w, v->values[k]);
    }
}

/* args: { bufs, words }. */
static void load_param(wasm *w, const kc_var *v)
{
    bool buffer = v->storage == KC_V_BUFFER;
    if (!buffer && v->storage != KC_V_SCALAR) return;
    get_local(w, WASM_ARGS);
    wasm_put_memory(w, W_I32_LOAD, 4, buffer ? 0 : 4);
    kc_type word = { buffer ? KC_U32 : v->type.scalar, 1 };
    if (kc_scalar_bytes((kc_scalar)word.scalar) == 8)
        wasm_put_memory(w, word.scalar == KC_F64 ? W_F64_LOAD : W_I64_LOAD, 4, v->at * 4);
    else wasm_load(w, word, v->at * 4);
    set_local(w, w->local_of[v->slot] - 1);
}

/* ------------------------------------------------------------------ qk_run */
static void open_frame(wasm *w)
{
    if (!w->frame_bytes) return;
    w->frame_bytes = (w->frame_bytes + 15) & ~15u;
    wasm_put_u(w, W_GLOBAL_GET, 0);
    wasm_put_i32(w, (i32)w->frame_bytes);
    wasm_put(w, W_I32_SUB);
    wasm_put_u(w, W_LOCAL_TEE, w->frame);
    wasm_put_u(w, W_GLOBAL_SET, 0);
    if (!w->tables.n) return;
    get_local(w, w->frame);
    wasm_put_i32(w, 0);
    wasm_put_i32(w, (i32)w->tables.n);
    wasm_put_u(w, W_MEMORY_INIT, 0);
}

static void close_frame(wasm *w)
{
    if (!w->frame_bytes) return;
    get_local(w, w->frame);
    wasm_put_i32(w, (i32)w->frame_bytes);
    wasm_put(w, W_I32_ADD);
    wasm_put_u(w, W_GLOBAL_SET, 0);
}

/* The address of the output element: out + first * bytes. */
static void put_out_address(wasm *w, u32 out)
{
    const kc_type result = w->e->kernel.result;
    get_local(w, out);
    get_local(w, w->first);
    wasm_put_i32(w, (i32)kc_scalar_bytes((kc_scalar)result.scalar) * result.lanes);
    wasm_put(w, W_I32_MUL);
    wasm_put(w, W_I32_ADD);
}

static void put_element(wasm *w, u32 out)
{

    wasm_open(w, W_BLOCK, WASM_NOTHING);
    w->return_at = w->depth;
    put_list(w, w->e->body);
    wasm_close(w);
    if (w->e->kernel.form != KC_MAP) return;
    put_out_address(w, out);
    get_local(w, w->result);
    wasm_store(w, w->e->kernel.result, 0);
}

/* while (first + ahead <= to) { body; first += step } written as a loop that tests `to - first >= step`. */
static u32 open_range(wasm *w, i32 step, u32 *top)
{
    wasm_open(w, W_BLOCK, WASM_NOTHING);
    u32 end = w->depth;
    wasm_open(w, W_LOOP, WASM_NOTHING);
    *top = w->depth;
    get_local(w, WASM_TO);
    get_local(w, w->first);
    wasm_put(w, W_I32_SUB);
    wasm_put_i32(w, step);
    wasm_put(w, W_I32_LT_U);
    wasm_br(w, W_BR_IF, end);
    return end;
}

static void close_range(wasm *w, i32 step, u32 top)
{
    add_to(w, w->first, step);
    wasm_br(w, W_BR, top);
    wasm_close(w);
    wasm_close(w);
}

static void put_run(wasm *w)
{
    u32 top, out = 0;
    for (u32 slot = 0; slot < w->e->n_vars; slot++) load_param(w, w->e->vars[slot]);
    if (w->e->kernel.form == KC_MAP) {
        out = wasm_local_make(w, WASM_I32, "out");
        w->result = wasm_local_make(w, wasm_type(w->e->kernel.result), "result");
        get_local(w, WASM_ARGS);
        wasm_put_memory(w, W_I32_LOAD, 4, 0);
        wasm_put_memory(w, W_I32_LOAD, 4, w->e->n_buffers * 4);
        set_local(w, out);
    }
    get_local(w, WASM_FROM);
    set_local(w, w->first);
    if (w->e->kernel.form == KC_MAP && wasm_vector_fits(w)) {
        open_range(w, 4, &top);
        wasm_vector_body(w, out);
        close_range(w, 4, top);
    }
    open_range(w, 1, &top);
    put_element(w, out);
    close_range(w, 1, top);
}

static qn_status generate(wasm *w)
{
    u32 n = w->e->n_vars + 1;
    w->local_of = ARENA_ARRAY(w->scratch, n, u32);
    w->vector_of = ARENA_ARRAY(w->scratch, n, u32);
    w->frame_at = ARENA_ARRAY(w->scratch, n, u32);
    w->table_at = ARENA_ARRAY(w->scratch, w->m->n_tables + 1, u32);
    if (!w->local_of || !w->vector_of || !w->frame_at || !w->table_at) return fail_nomem(n * 16);
    wasm_local_make(w, WASM_I32, "args");
    wasm_local_make(w, WASM_I32, "from");
    wasm_local_make(w, WASM_I32, "to");
    place_tables(w);
    for (u32 i = 0; i < w->e->n_vars && w->status == QN_OK; i++) place_var(w, w->e->vars[i]);
    w->first = w->local_of[w->e->first->slot] - 1;
    w->frame = wasm_local_make(w, WASM_I32, "frame");
    open_frame(w);
    put_run(w);
    close_frame(w);
    wasm_put(w, W_END);
    return w->status != QN_OK ? w->status : w->code.bad || w->tables.bad ? fail_nomem(w->code.n) : QN_OK;
}

static qn_status with_kernel(const kc_module *m, const kc_kernel *k, bool shared, bool text, str *out)
{
    QN_TRY(print_without_mma(m, k));
    wasm w = { .m = m, .e = kc_entry_of(k), .shared = shared, .scratch = arena_make() };
    qn_status s = w.scratch ? generate(&w) : fail_nomem(64);
    if (s == QN_OK) s = text ? wasm_text(&w, out) : wasm_module(&w, out);
    str_free(&w.code);
    str_free(&w.tables);
    arena_free(w.scratch);
    return s;
}

qn_status kc_wasm_binary(const kc_module *m, const kc_kernel *k, bool shared, str *out)
{
    return with_kernel(m, k, shared, false, out);
}

qn_status print_wasm(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    (void)d;
    return with_kernel(m, k, false, true, out);
}
