/* The door to the printers: a kernel for one of the targets of targets.def. */
#include "kc/print.h"

typedef struct target {
    const char *name;
    qn_status (*print)(const kc_module *m, const kc_kernel *k, const dialect *d, str *out);
    const dialect *d;
} target;

#ifdef QUERN_CORE /* words that say where the rest is: the core module for browsers */
#define RARE(id, name, printer, dialect) [KC_##id] = { name, NULL, NULL },
#define ELSEWHERE                        QUERN_CORE
#else
#define ELSEWHERE ""
#endif

static const target targets[KC_TARGET_COUNT] = {
#define TARGET(id, name, printer, dialect) [KC_##id] = { name, printer, dialect },
#include "kc/targets.def"
#undef TARGET
};

const char *kc_target_name(u32 i) { return i > KC_NONE && i < KC_TARGET_COUNT ? targets[i].name : NULL; }

kc_target kc_target_by_name(const char *name)
{
    for (u32 i = 1; name && i < KC_TARGET_COUNT; i++)
        if (strcmp(targets[i].name, name) == 0) return (kc_target)i;
    return KC_NONE;
}

qn_status print_without_mma(const kc_module *m, const kc_kernel *k)
{
    if (!k->uses_mma) return QN_OK;
    return kc_fail_at(m, QN_E_UNSUPPORTED, kc_entry_of(k)->pos, "'%s' uses mma, and this target has no matrix units",
                      k->name);
}

qn_status kc_print(const kc_module *m, const kc_kernel *k, kc_target to, str *out)
{
    if (to <= KC_NONE || to >= KC_TARGET_COUNT) return fail(QN_E_USAGE, "kc prints no such target: %d", (int)to);
    if (!targets[to].print)
        return fail(QN_E_UNSUPPORTED, "no printer for '%s' is in this build: %s", targets[to].name, ELSEWHERE);
    return targets[to].print(m, k, targets[to].d, out);
}
