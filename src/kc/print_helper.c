/* Helpers: functions that a dialect writes in a table, with $ where a type or a name goes. Each is written out before the kernel, once for each
 * type it is used with, after the helpers that it needs itself. */
#include "kc/print.h"

const helper *print_find_helper(const printer *p, const char *name)
{
    for (const helper *h = p->d->helpers; h->name; h++)
        if (strcmp(h->name, name) == 0) return h;
    return NULL;
}

static const char *const lowest[] = {
    [KC_I8] = "-128", [KC_I16] = "-32768", [KC_I32] = "(-2147483647 - 1)",           [KC_U8] = "0", [KC_U16] = "0",
    [KC_U32] = "0u",  [KC_U64] = "0",      [KC_I64] = "(-9223372036854775807l - 1)", [KC_F64] = "0"
};
static const char *const highest[] = { [KC_I8] = "127",
                                       [KC_I16] = "32767",
                                       [KC_I32] = "2147483647",
                                       [KC_U8] = "255",
                                       [KC_U16] = "65535",
                                       [KC_U32] = "4294967295u",
                                       [KC_U64] = "18446744073709551615ul",
                                       [KC_I64] = "9223372036854775807l",
                                       [KC_F64] = "0" };

static kc_type mask_type(kc_type t)
{
    return (kc_type){ kc_scalar_bytes((kc_scalar)t.scalar) == 8 ? KC_I64 : KC_I32, t.lanes };
}

static kc_type bits_type(kc_type t) { return (kc_type){ KC_U32, t.lanes }; }

static void expand(printer *p, str *to, const char *text, const char *full_name, const helper_use *u)
{
    kc_type memory = { (u8)u->storage, 1 }, scalar = { u->value.scalar, 1 };
    for (const char *at = text; *at; at++) {
        if (*at != '$') {
            str_add_n(to, at, 1);
            continue;
        }
        switch (*++at) {
        case 'F': str_add(to, full_name); break;
        case 'T': str_add(to, print_type(p, u->value)); break;
        case 'E': str_add(to, print_type(p, scalar)); break;
        case 'N': str_print(to, "%u", kc_lanes(p->m, u->value)); break;
        case 'K': str_add(to, kc_type_name(u->value)); break;
        case 'M': str_add(to, print_type(p, mask_type(u->value))); break;
        case 'U': str_add(to, print_type(p, bits_type(u->value))); break;
        case 'S': str_add(to, print_memory_type(p, memory)); break;
        case 'A': str_add(to, u->space ? u->space : ""); break;
        case 'R': str_add(to, print_type(p, (kc_type){ (u8)u->result, 1 })); break;
        case 'H': str_add(to, kc_scalar_name(u->storage)); break;
        case 'B': str_add(to, u->function ? u->function : ""); break;
        case '0': str_add(to, lowest[u->result ? u->result : u->value.scalar]); break;
        case '9': str_add(to, highest[u->result ? u->result : u->value.scalar]); break;
        default: break;
        }
    }
}

static const char *full_name_of(printer *p, const char *name, const helper_use *u)
{
    size_t n = strcspn(name, ".");
    const char *head = u->function && strcmp(name, "qc_each") == 0 ? u->function : "",
               *storage = u->storage ? kc_scalar_name(u->storage) : "";
    bool typed = u->value.scalar != KC_VOID, same = u->storage == u->value.scalar && u->value.lanes == 1;
    if (u->storage && same) storage = "";
    if (u->result) return print_text(p, "%.*s_%s_%s", (int)n, name, kc_scalar_name(u->result), kc_type_name(u->value));
    return print_text(p, "%.*s%s%s%s%s%s%s%s", (int)n, name, *head ? "_" : "", head, typed ? "_" : "",
                      typed ? kc_type_name(u->value) : "", *storage ? "_" : "", storage, u->space_name ? u->space_name : "");
}

static void print_needs(printer *p, const char *needs, const helper_use *use)
{
    if (text_same(needs, "@")) {
        p->d->use_math(p, use->value);
        return;
    }
    for (size_t n; needs && *needs; needs += n + (needs[n] == ' ')) {
        n = strcspn(needs, " ");
        const char *name = needs[n - 1] == 'H' && n > 1 && needs[n - 2] == '$'
                               ? print_text(p, "%.*s%s", (int)n - 2, needs, kc_scalar_name(use->storage))
                               : print_text(p, "%.*s", (int)n, needs);
        const helper *h = print_find_helper(p, name);
        bool typed = h && strchr(h->text, '$'), of_f32 = !h && n > 4 && memcmp(needs + n - 4, "_f32", 4) == 0;
        if (of_f32) print_helper(p, print_text(p, "%.*s", (int)n - 4, needs), &(helper_use){ .value = { KC_F32, 1 } });
        else print_helper(p, name, typed ? use : &(helper_use){ 0 });
    }
}

const char *print_helper(printer *p, const char *name, const helper_use *use)
{
    const helper *h = print_find_helper(p, name);
    const char *full = full_name_of(p, name, use);
    if (!h || !print_once(p, full)) return full;
    print_needs(p, h->needs, use);
    str text = { 0 };
    expand(p, &text, h->text, full, use);
    str_add(&text, "\n");
    if (text.text) str_add_n(&p->helpers, text.text, text.n);
    p->bad |= text.bad;
    str_free(&text);
    return full;
}
