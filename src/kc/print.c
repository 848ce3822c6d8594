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

/* Mesa's software drivers run several elements in step. What a turn of a loop computes they compute again in every later turn, for the elements
 * that have left the loop, too, and by then from variables that may share their place with something set on the way out. So it is wrong after the
 * loop, unless another way out comes with another value. Hence a loop with more ways out than the test at its head gets a head that asks what no
 * driver knows, before anything is computed. That a do turns once no driver may see either: one leaves its counter wrong. */
const char *print_again(printer *p, const kc_stmt *loop)
{
    bool early = !loop->value || loop->test_last || kc_breaks(loop->body);
    return p->d->again && early ? print_helper(p, p->d->again, &(helper_use){ 0 }) : NULL;
}

const kc_stmt *print_exit_body(print_exit *e, const kc_stmt *loop)
{
    const kc_stmt *body = loop->body;
    while (body && !body->next && body->op == S_BLOCK) body = body->body;
    e->leave = (kc_stmt){ .op = S_BREAK };
    e->test = (kc_stmt){ .op = S_IF, .value = loop->value, .other = &e->leave, .next = body };
    return loop->value ? &e->test : body;
}

qn_status kc_print(const kc_module *m, const kc_kernel *k, kc_target to, str *out)
{
    if (to <= KC_NONE || to >= KC_TARGET_COUNT) return fail(QN_E_USAGE, "kc prints no such target: %d", (int)to);
    if (!targets[to].print)
        return fail(QN_E_UNSUPPORTED, "no printer for '%s' is in this build: %s", targets[to].name, ELSEWHERE);
    return targets[to].print(m, k, targets[to].d, out);
}
