/* The table of ops: an op by its name, its record, the sentence of what went wrong at a node. Compiled twice for browsers: QUERN_CORE,
 * words that say where the rest is, leaves out what ops.def calls rare. Nothing else names all records, so the linker drops these too. */
#include <stdatomic.h>

#include "op/op_util.h"

#define OP(name) extern const op_def op_##name;
#ifdef QUERN_CORE
#define RARE(name)
#endif
#include "op/ops.def"
#undef OP

#ifdef QUERN_CORE
static const op_def left_out = { .name = "an operator that is not here: " QUERN_CORE };
static const char *const rare_names[] = {
#define OP(name)
#define RARE(name) #name,
#include "op/ops.def"
#undef OP
};
#define RARE(name) [OP_##name] = &left_out,
#endif

const op_def *const op_defs[OP_COUNT] = {
#define OP(name) [OP_##name] = &op_##name,
#include "op/ops.def"
#undef OP
};

#ifdef QUERN_CORE
static bool is_here(u32 id) { return op_defs[id] != &left_out; }

const char *op_elsewhere(const char *domain, const char *name)
{
    bool ms = strcmp(domain, "com.microsoft") == 0;
    for (size_t i = 0; i < COUNT(rare_names); i++) {
        const char *rare = rare_names[i];
        if (strcmp(rare, name) == 0 || (ms && text_starts(rare, "Ms") && strcmp(rare + 2, name) == 0)) return QUERN_CORE;
    }
    return NULL;
}
#else
static bool is_here(u32 id) { return id != OP_NONE; }

const char *op_elsewhere(const char *domain, const char *name)
{
    (void)domain, (void)name;
    return NULL;
}
#endif

enum { NAME_SLOTS = 2048 };
_Static_assert(OP_COUNT < NAME_SLOTS / 2, "the table of op names is too full: double it");

static u32 name_slot(const char *domain, const char *name)
{
    u64 hash = hash_bytes(domain, strlen(domain), 0);
    return (u32)hash_bytes(name, strlen(name), hash) & (NAME_SLOTS - 1);
}

static const char *domain_of(const op_def *d) { return d->domain ? d->domain : ""; }

static _Atomic u16 names[NAME_SLOTS];
static atomic_bool names_made;

/* Two threads may do this at once: each writes the same ids into the same slots. */
static void make_names(void)
{
    for (u32 id = 1; id < OP_COUNT; id++) {
        if (!is_here(id)) continue;
        u32 at = name_slot(domain_of(op_defs[id]), op_defs[id]->name);
        while (names[at] != 0 && names[at] != id) at = (at + 1) & (NAME_SLOTS - 1);
        names[at] = (u16)id;
    }
    names_made = true;
}

op_id op_by_name(const char *domain, const char *name)
{
    if (!names_made) make_names();
    if (!domain || strcmp(domain, "ai.onnx") == 0) domain = "";
    for (u32 at = name_slot(domain, name); names[at]; at = (at + 1) & (NAME_SLOTS - 1)) {
        const op_def *d = op_defs[names[at]];
        if (strcmp(d->name, name) == 0 && strcmp(domain_of(d), domain) == 0) return (op_id)names[at];
    }
    return OP_NONE;
}

const op_def *op_of(const node *n) { return op_defs[n->op]; }

bool op_is_note(const char *name)
{
    static const char *const notes[OP_NOTES] = { NOTE_CAPTURES, NOTE_FIRST_TURN, NOTE_OP, NOTE_OPERAND };
    for (u32 i = 0; i < OP_NOTES; i++)
        if (strcmp(notes[i], name) == 0) return true;
    return false;
}

const op_attr *op_attr_of(const op_def *d, const char *name)
{
    for (u32 i = 0; i < COUNT(d->attrs) && d->attrs[i].name; i++)
        if (strcmp(d->attrs[i].name, name) == 0) return &d->attrs[i];
    return NULL;
}

void op_fail(const node *n, qn_status code, const char *format, va_list args)
{
    str s = { 0 };
    str_vprint(&s, format, args);
    fail(code, "%s '%s': %s", op_of(n)->name, n->name, s.text ? s.text : format);
    str_free(&s);
}
