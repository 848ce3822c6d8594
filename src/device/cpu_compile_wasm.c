/* A kernel -> a WebAssembly module (kc_wasm_binary), which the page compiles and puts into the table of functions. A page may refuse, as a strict
 * Content-Security-Policy does: then there are other ways.
 *
 * With shared memory each thread has a table of its own, so a thread asks its worker to put the code into the same place there before
 * it runs it for the first time. */
#include "base/platform.h"
#include "device/cpu_compile.h"

/* Compile the module of n bytes at `bytes` and put its qk_run into the table of this thread: at `slot`, or for 0 at a place of the page's choice.
 * Gives the place, 0: refused. */
FROM_PAGE(compile) extern u32 page_compile(const void *bytes, u32 n, u32 slot);
FROM_PAGE(forget) extern void page_forget(u32 slot); /* the place is free again */

typedef struct wasm_code {
    str module;
    u32 slot, serial; /* serial: no other code of this process has it */
} wasm_code;

const char *const cpu_compiler_how = "WebAssembly";
const bool cpu_compiler_quick = true;
bool cpu_compiler_found(void) { return true; }

qn_status cpu_compile(const char *text, const char *isa, void **code, host_kernel_fn *run)
{
    (void)text, (void)isa, (void)code, (void)run;
    return fail(QN_E_UNSUPPORTED, "there is no C compiler in a browser");
}

void cpu_code_free(void *code)
{
    wasm_code *c = code;
    if (!c) return;
    if (c->slot) page_forget(c->slot);
    str_free(&c->module);
    mem_free(c);
}

static qn_status compile(wasm_code *c, const kc_module *m, const kc_kernel *k)
{
    static u32 serial; /* kernels are made by the calling thread alone */
    QN_TRY(kc_wasm_binary(m, k, PLATFORM_THREADS, &c->module));
    c->serial = ++serial;
    c->slot = page_compile(c->module.text, (u32)c->module.n, 0);
    return c->slot ? QN_OK : fail(QN_E_UNSUPPORTED, "the page does not compile WebAssembly at run time");
}

qn_status cpu_compile_kernel(const kc_module *m, const kc_kernel *k, const char *isa, void **code, host_kernel_fn *run)
{
    (void)isa;
    wasm_code *c = mem_zalloc(sizeof *c);
    if (!c) return fail_nomem(sizeof *c);
    qn_status status = compile(c, m, k);
    if (status != QN_OK) {
        cpu_code_free(c);
        return status;
    }
    *code = c;
    *run = (host_kernel_fn)(uintptr_t)c->slot; /* a function's address is its place in the table */
    return QN_OK;
}

#if PLATFORM_THREADS
enum { KNOWN = 4096 };
static THREAD_LOCAL u32 known[KNOWN]; /* serial of the code at a place of this thread's table */

bool cpu_code_enter(void *code)
{
    const wasm_code *c = code;
    u32 *at = c->slot < KNOWN ? &known[c->slot] : NULL;
    if (!platform_is_worker() || (at && *at == c->serial)) return true;
    if (!page_compile(c->module.text, (u32)c->module.n, c->slot)) return false; /* no memory in the worker, for one */
    if (at) *at = c->serial;
    return true;
}
#else
bool cpu_code_enter(void *code)
{
    (void)code;
    return true;
}
#endif
