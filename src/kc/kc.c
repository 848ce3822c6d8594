/* The kernel compiler's story: a program in, a module of typed, inlined, checked, simplified kernels out. */
#include "kc/front.h"

static bool has_define(const char *defines, const char *wanted)
{
    size_t n = strlen(wanted);
    for (const char *at = defines ? defines : ""; *at;) {
        while (*at == ' ') at++;
        size_t length = strcspn(at, " ");
        if (length == n && memcmp(at, wanted, n) == 0) return true;
        at += length;
    }
    return false;
}

static void finish_kernel(front *f, const func *fn)
{
    kc_module *m = f->module;
    kc_entry *e = inline_entry(f, fn);
    if (e) check_entry(f, e);
    if (e && f->simplify && !f->status) simplify_entry(f, e);
    if (e && f->bound && !f->status) bound_entry(f, e);
    if (e && !f->status) effects_entry(f, e);
    if (!f->status && !ARENA_PUSH_ROOM(f->arena, m->entries, m->n_entries, f->cap_entries, FRONT_MAX_KERNELS))
        front_nomem(f, sizeof e);
    if (!f->status) m->entries[m->n_entries++] = e;
}

static void compile(front *f, const kc_program *p, const char *text, size_t n)
{
    u32 file = lex_add_file(f, p->file ? p->file : "kernel.c", text, n);
    if (n > FRONT_MAX_SOURCE)
        front_fail(f, (kc_pos){ file, 1, 1 }, "a kernel file has at most %d bytes", (int)FRONT_MAX_SOURCE);
    if (!f->status) lex_words(f);
    if (!f->status) preprocess(f, file, p->defines);
    if (!f->status) parse_file(f);
    for (u32 i = 0; i < f->n_entry_funcs && !f->status; i++) finish_kernel(f, f->entries[i]);
}

/* The source is copied: a module outlives the text it came from. */
static const char *own_text(arena *a, const kc_program *p, size_t *n)
{
    const char *text = p->text ? p->text : kc_embedded(p->file ? p->file : "");
    *n = text ? strlen(text) : 0;
    return text ? arena_text(a, text, MIN(*n, (size_t)FRONT_MAX_SOURCE + 1)) : NULL;
}

qn_status kc_compile(arena *a, const kc_program *p, const kc_options *options, kc_module **out)
{
    size_t n;
    u32 width = options && options->width ? options->width : 4;
    if (!p->text && !(p->file && kc_embedded(p->file)))
        return fail(QN_E_NAME, "there is no kernel file '%s' in this build", p->file ? p->file : "");
    if (width > KC_MAX_WIDTH || (width & (width - 1)) != 0)
        return fail(QN_E_USAGE, "f32w has 1, 2, 4, 8 or 16 lanes, not %u", width);
    const char *text = own_text(a, p, &n);
    front *f = ARENA_NEW(a, front);
    kc_module *m = ARENA_NEW(a, kc_module);
    if (!text || !f || !m) return fail_nomem(sizeof *f);
    *m = (kc_module){ .arena = a, .width = width, .simplified = !(options && options->no_simplify) };
    f->arena = a;
    f->module = m;
    f->simplify = m->simplified;
    f->bound = p->users && !(options && options->unbound);
    f->float_type = has_define(p->defines, "T=f64") ? KC_F64 : KC_F32;
    compile(f, p, text, MIN(n, (size_t)FRONT_MAX_SOURCE + 1));
    if (f->status == QN_OK) *out = m;
    return f->status;
}

u32 kc_kernel_count(const kc_module *m) { return m->n_entries; }

const kc_kernel *kc_kernel_at(const kc_module *m, u32 i) { return i < m->n_entries ? &m->entries[i]->kernel : NULL; }

const kc_kernel *kc_kernel_find(const kc_module *m, const char *entry)
{
    if (!entry) return m->n_entries == 1 ? &m->entries[0]->kernel : NULL;
    for (u32 i = 0; i < m->n_entries; i++)
        if (strcmp(m->entries[i]->kernel.name, entry) == 0) return &m->entries[i]->kernel;
    return NULL;
}

static u64 hash_text(const char *text, u64 seed)
{
    size_t n = text ? strlen(text) : 0;
    u64 with_length = hash_bytes(&n, sizeof n, seed);
    return hash_bytes(text ? text : "", n, with_length);
}

u64 kc_program_key(const kc_program *p)
{
    const char *text = p->text ? p->text : kc_embedded(p->file ? p->file : "");
    u64 key = hash_text(p->file, 1);
    key = hash_text(text, key);
    key = hash_text(p->entry, key);
    return hash_text(p->defines, key);
}
