/* Names in what is printed: kept as written, but for what the target reserves, and with a number where something visible has the name
 * already: inlining and scopes repeat names, and an inlined parameter must not capture. */
#include <stdlib.h>

#include "kc/print.h"

static u64 key_of(const char *text, u64 seed) { return hash_bytes(text, strlen(text), seed); }

static u32 count_of(const printer *p, u64 key)
{
    u32 n = 0;
    return map_get(&p->counts, key, &n) ? n : 0;
}

static void set_count(printer *p, u64 key, u32 n)
{
    if (!map_put(&p->counts, key, n)) p->bad = true;
}

/* A word of a list; one that ends with * stands for all that start so. */
static bool is_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return word[n - 1] == '*' ? strncmp(text, word, n - 1) == 0 : strcmp(text, word) == 0;
}

static bool is_reserved(const printer *p, const char *text)
{
    for (const char *const *word = p->d->reserved; *word; word++)
        if (is_word(text, *word)) return true;
    for (u32 i = 0; i < KC_B_COUNT; i++)
        if (text_same(kc_builtin_name((kc_builtin)i), text) || text_same(p->d->builtins[i], text)) return true;
    return text_starts(text, "qk_") || text_starts(text, "qc_");
}

/* Two underscores in a row belong to every target's compiler, and one at the start to some. */
static const char *without_underscores(printer *p, const char *text)
{
    if (text[0] != '_' && !strstr(text, "__")) return text;
    str made = { 0 };
    str_add(&made, text[0] == '_' ? "u" : "");
    for (const char *at = text; *at; at++)
        if (at[0] != '_' || at[1] != '_') str_add_n(&made, at, 1);
    const char *copy = print_text(p, "%s", made.text ? made.text : "");
    str_free(&made);
    return copy;
}

/* A name that the target leaves free: what it reserves gets a `_`, or, where that is all that starts so, a letter in front. */
static const char *free_name(printer *p, const char *name)
{
    const char *text = without_underscores(p, name);
    if (!is_reserved(p, text)) return text;
    const char *longer = print_text(p, text[strlen(text) - 1] == '_' ? "%s0" : "%s_", text);
    return is_reserved(p, longer) && !text_starts(longer, "q") ? print_text(p, "u%s", text) : longer;
}

static const char *print_base(printer *p, const kc_var *v) { return free_name(p, v->name); }

static bool ends_low(const char *name) { return name[strlen(name) - 1] == '_'; }

const char *print_name(printer *p, kc_var *v)
{
    const char *base = print_base(p, v), *made = base;
    u64 suffix_key = key_of(base, 1);
    while (count_of(p, key_of(made, 0)) && !p->bad) {
        u32 suffix = MAX(count_of(p, suffix_key), 1) + 1;
        set_count(p, suffix_key, suffix);
        made = print_text(p, ends_low(base) ? "%s%u" : "%s_%u", base, suffix);
    }
    if (!ARENA_PUSH_ROOM(p->scratch, p->visible, p->n_visible, p->cap_visible, 1u << 24)) p->bad = true;
    if (p->bad) return "";
    set_count(p, key_of(made, 0), 1);
    p->names[v->slot] = made;
    p->visible[p->n_visible++] = v->slot;
    return made;
}

const char *print_named(const printer *p, const kc_var *v)
{
    if (v->storage == KC_V_TABLE) return p->tables[v->slot];
    return p->names[v->slot] ? p->names[v->slot] : v->name;
}

/* What stands outside the kernel keeps its name; locals give way. */
void print_globals(printer *p)
{
    const char *name = free_name(p, p->e->kernel.name);
    p->function = print_text(p, ends_low(name) ? "%s0" : "%s_", name);
    set_count(p, key_of(p->function, 0), 1);
    for (u32 i = 0; i < p->m->n_tables && !p->bad; i++) {
        const char *base = print_base(p, p->m->tables[i]);
        while (count_of(p, key_of(base, 0)) && !p->bad) base = print_text(p, ends_low(base) ? "%s0" : "%s_", base);
        set_count(p, key_of(base, 0), 1);
        p->tables[i] = base;
    }
}

/* Names go in the order opposite to their coming, so the numbers go back to what they were. */
void print_forget(printer *p, u32 to)
{
    while (p->n_visible > to) {
        u32 slot = p->visible[--p->n_visible];
        const char *made = p->names[slot], *base = print_base(p, p->e->vars[slot]);
        size_t n = strlen(base);
        u32 suffix = strlen(made) > n ? (u32)strtoul(made + n + !ends_low(base), NULL, 10) : 1;
        set_count(p, key_of(made, 0), 0);
        set_count(p, key_of(base, 1), suffix - 1);
        p->names[slot] = NULL;
    }
}

bool print_once(printer *p, const char *name)
{
    u64 key = key_of(name, 2);
    if (p->bad || count_of(p, key)) return false;
    set_count(p, key, 1);
    return true;
}
