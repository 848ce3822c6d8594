/* How a program runs on the CPU. In the order of trying:
 *
 *     compiled in       a kernel of kernels/ with these defines is in the library, for this instruction set
 *     system compiler   a C compiler is here: for users' kernels and for those with groups, as it takes tens of ms
 *     block machine     a MAP without loops that depend on the element: made fused chains come here
 *     system compiler   a MAP that the block machine cannot do
 *     interpreter       always works; also where the device was asked to check or to reverse
 *
 * In a browser WebAssembly takes the compiler's place, at once and for all of these; the block machine is not there.
 * QUERN_JIT=1 in the environment lets the compiler go before the block machine, for measuring. */
#include "base/platform.h"
#include "device/cpu_compile.h"
#include "device/cpu_program.h"
#include "device/host_kernels.h"

typedef enum way { WAY_COMPILED_IN, WAY_COMPILER, WAY_BLOCK, WAY_INTERPRETER, WAY_COUNT } way;

static const char *const way_names[WAY_COUNT] = { "compiled in", NULL, "block machine", "interpreter" };

struct cpu_program {
    arena *a; /* module and block code; NULL when they are not needed */
    way way;
    prog_shape shape;
    host_kernel_fn run; /* compiled in, or by the compiler */
    void *code;
    kc_block *block;
    kc_module *module;
    const kc_kernel *k;
    kc_checks checks;
};

static bool jit_first(void) { return text_same(platform_setting("QUERN_JIT"), "1"); }

/* Sets `way` when a compiler is here and takes the kernel. Its failure is no error: there is another way. */
static qn_status try_compiler(cpu_program *p, cpu_isa isa)
{
    if (p->way != WAY_INTERPRETER || !cpu_compiler_found()) return QN_OK;
    attempt_begin();
    qn_status status = cpu_compile_kernel(p->module, p->k, cpu_isa_name(isa), &p->code, &p->run);
    if (status == QN_OK) p->way = WAY_COMPILER;
    else if (status != QN_E_NOMEM)
        log_line(QN_LOG_INFO, "kernel '%s' goes without a compiler: %s", p->k->name, qn_last_error());
    attempt_end(status == QN_E_NOMEM);
    return status == QN_E_NOMEM ? status : QN_OK;
}

static qn_status try_block(cpu_program *p)
{
    if (p->way != WAY_INTERPRETER || p->k->form != KC_MAP) return QN_OK;
    QN_TRY(kc_block_make(p->a, p->module, p->k, &p->block));
    if (p->block) p->way = WAY_BLOCK;
    return QN_OK;
}

static qn_status choose(cpu_program *p, const kc_program *program, const cpu_choice *choice)
{
    p->way = p->run ? WAY_COMPILED_IN : WAY_INTERPRETER;
    if (p->run || choice->interpret) return QN_OK;
    if (program->users || p->k->form == KC_GROUP || cpu_compiler_quick || jit_first()) QN_TRY(try_compiler(p, choice->isa));
    QN_TRY(try_block(p));
    return try_compiler(p, choice->isa);
}

static qn_status build(cpu_program *p, const kc_program *program, const cpu_choice *choice)
{
    if (!choice->interpret && !program->text)
        p->run = host_kernel_find(cpu_isa_name(choice->isa), program->file, program->entry, program->defines);
    /* Of a compiled kernel only the parameters are wanted. */
    const kc_options options = { .width = cpu_isa_width(choice->isa),
                                 .no_simplify = p->run != NULL,
                                 .unbound = choice->interpret };
    QN_TRY(device_compile(p->a, program, &options, &p->module, &p->k));
    QN_TRY(device_shape_of(p->k, &p->shape));
    QN_TRY(choose(p, program, choice));
    if (p->way == WAY_BLOCK || p->way == WAY_INTERPRETER) return QN_OK;
    arena_free(p->a);
    p->a = NULL;
    return QN_OK;
}

qn_status cpu_program_make(const kc_program *program, const cpu_choice *choice, cpu_program **out)
{
    cpu_program *p = mem_zalloc(sizeof *p);
    if (!p) return fail_nomem(sizeof *p);
    p->a = arena_make();
    p->checks.reverse_items = choice->reverse_items;
    qn_status status = p->a ? build(p, program, choice) : fail_nomem(sizeof *p);
    if (status == QN_OK) *out = p;
    else cpu_program_free(p);
    return status;
}

void cpu_program_free(cpu_program *p)
{
    if (!p) return;
    cpu_code_free(p->code);
    arena_free(p->a);
    mem_free(p);
}

const prog_shape *cpu_program_shape(const cpu_program *p) { return &p->shape; }

const char *cpu_program_how(const cpu_program *p) { return p->way == WAY_COMPILER ? cpu_compiler_how : way_names[p->way]; }

bool cpu_program_serial(const cpu_program *p) { return p->way == WAY_INTERPRETER; }

static qn_status interpret(const cpu_program *p, void *const *bufs, const u64 *bytes, const u32 *words, u32 from, u32 to)
{
    kc_memory memory[DEVICE_MAX_BUFFERS];
    for (u32 i = 0; i < p->shape.n_bufs; i++) memory[i] = (kc_memory){ bufs[i], bytes[i] };
    return kc_interpret(p->module, p->k, memory, p->shape.n_bufs, words, p->shape.n_words, from, to, &p->checks);
}

qn_status cpu_program_run(const cpu_program *p, void *const *bufs, const u64 *bytes, const u32 *words, u32 from, u32 to)
{
    bool here = p->way != WAY_COMPILER || cpu_code_enter(p->code);
    if (p->way == WAY_INTERPRETER || !here) return interpret(p, bufs, bytes, words, from, to);
    if (p->way == WAY_BLOCK) kc_block_run(p->block, bufs, words, from, to);
    else p->run(&(qk_args){ bufs, words }, from, to);
    return QN_OK;
}
