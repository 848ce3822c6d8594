/* Every known program, translated to every target: text that kc gives, or a refusal with its reason; nothing else.
 *
 * With QUERN_PROGRAMS=FOLDER each translation is written to FOLDER/TARGET/NAME.TARGET, for tests/validate.py to show to the validator of that
 * target. The counts are printed: a target that refuses more than it did is seen. */
#include "kc/tree.h"
#include "programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

bool programs_add(programs *p, const kc_program *program)
{
    u64 key = kc_program_key(program);
    u32 seen;
    if (map_get(&p->known, key, &seen)) return true;
    if (!ARENA_PUSH_ROOM(p->mem, p->items, p->n, p->cap, 1 << 20) || !map_put(&p->known, key, p->n)) return false;
    kc_program *copy = &p->items[p->n++];
    *copy = *program;
    if (program->file) copy->file = arena_text(p->mem, program->file, strlen(program->file));
    if (program->text) copy->text = arena_text(p->mem, program->text, strlen(program->text));
    if (program->entry) copy->entry = arena_text(p->mem, program->entry, strlen(program->entry));
    if (program->defines) copy->defines = arena_text(p->mem, program->defines, strlen(program->defines));
    return true;
}

typedef struct counts {
    u32 printed, refused;
} counts;

/* FOLDER/opencl/softmax_group-softmax_T_f32-0123456789abcdef.opencl */
static void write_translation(test *t, const kc_program *p, const char *target, const str *text)
{
    char path[700], name[120];
    const char *folder = getenv("QUERN_PROGRAMS");
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%s", folder, target);
    mkdir(path, 0755);
    snprintf(name, sizeof name, "%.40s-%.60s", p->file ? p->file : "made", p->entry ? p->entry : "");
    for (char *c = name; *c; c++)
        if (strchr(" =./", *c)) *c = '_';
    snprintf(path, sizeof path, "%s/%s/%s-%016llx.%s", folder, target, name, (unsigned long long)kc_program_key(p), target);
    CHECK_OK(t, file_write(path, (qn_bytes){ text->text, text->n }));
}

static void translate(test *t, const kc_module *m, const kc_kernel *k, const kc_program *p, kc_target target, counts *c)
{
    str text = { 0 };
    const char *name = kc_target_name((u32)target);
    qn_status status = kc_print(m, k, target, &text);
    bool refused = status == QN_E_UNSUPPORTED || status == QN_E_KERNEL;
    CHECK(t, refused ? qn_last_error()[0] != 0 : status == QN_OK && text.n > 0 && !text.bad, "%s, %s for %s: %s: %s",
          p->file, p->defines, name, qn_status_text(status), qn_last_error());
    if (status == QN_OK) write_translation(t, p, name, &text);
    c->printed += status == QN_OK;
    c->refused += refused;
    str_free(&text);
}

/* Every loop of a MAP of the library's has an end that kc sees, here with every size 3: a device that ends loops early can then tell what it
 * cannot run. */
enum { MOST_TURNS = 1 << 25 }; /* RoiAlign that samples as the data say: at most 4096 x 4096 */

static void check_turns(test *t, const kc_module *m, const kc_kernel *k, const kc_program *p)
{
    u32 words[KC_MAX_WORDS];
    u64 turns = 0;
    for (u32 i = 0; i < COUNT(words); i++) words[i] = 3;
    if (k->form != KC_MAP) return;
    CHECK_OK(t, kc_turns(m, k, &(kc_launch_facts){ .words = words, .count = 3 }, &turns));
    CHECK(t, turns < MOST_TURNS, "%s, %s, %s: %llu turns: no bound is found for its loops\n%s", p->file, k->name, p->defines,
          (unsigned long long)turns, p->text ? p->text : "");
}

static void translate_all(test *t, const programs *all, u32 n_own, counts *of_target)
{
    for (u32 i = 0; i < all->n; i++) {
        const kc_program *p = &all->items[i];
        arena *a = arena_make();
        kc_module *m = NULL;
        CHECK_OK(t, kc_compile(a, p, NULL, &m));
        const kc_kernel *k = m ? kc_kernel_find(m, p->entry) : NULL;
        if (m) CHECK(t, k != NULL, "%s: no kernel '%s'", p->file, p->entry ? p->entry : "");
        if (k && i < n_own) check_turns(t, m, k, p);
        for (u32 target = 1; k && kc_target_name(target); target++)
            translate(t, m, k, p, (kc_target)target, &of_target[target]);
        arena_free(a);
    }
}

void test_programs(test *t)
{
    programs all = { .mem = arena_make() };
    counts of_target[KC_TARGET_COUNT] = { { 0 } };
    if (getenv("QUERN_QUICK")) {
        SKIP(t, "QUERN_QUICK: the programs are not translated");
        arena_free(all.mem);
        return;
    }
    programs_add_host_sets(t, &all);
    programs_add_op_cases(t, &all);
    u32 n_own = all.n;
    programs_add_files(t, &all);
    programs_add_random(t, &all, 300);
    CHECK(t, all.n > 500, "only %u programs", all.n);
    translate_all(t, &all, n_own, of_target);
    for (u32 k = 1; kc_target_name(k); k++)
        printf("programs: %s: %u of %u translated, %u refused\n", kc_target_name(k), of_target[k].printed, all.n,
               of_target[k].refused);
    map_free(&all.known);
    arena_free(all.mem);
}
