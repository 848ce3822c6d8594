/* From a program to a function that a CUDA driver will run: kc prints PTX, the driver's assembler makes machine code of it, and that is kept
 * on disk, so that the next process does not wait for the assembler. What does not load is made again. */
#include <stdio.h>

#include "device/cuda_program.h"

enum { LOG_BYTES = 1500 };

/* ------------------------------------------------------------------ machine code */
static qn_status add_text(const cuda_builder *b, cu_link link, const str *text, const char *name, const char *log)
{
    i32 code = b->cu->cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, text->text, text->n + 1, name, 0, NULL, NULL);
    if (code == CU_SUCCESS) return QN_OK;
    if (!log[0]) return fail_in(cuda_check(code, "cuLinkAddData"), "kernel '%s': ", name);
    return fail(QN_E_DEVICE, "CUDA: the driver does not assemble kernel '%s': %s", name, log);
}

/* The machine code is the link's own memory: it is loaded and kept before the link goes. */
static qn_status load_linked(const cuda_builder *b, cu_link link, cache_key key, cu_module *out)
{
    void *code;
    size_t n;
    QN_TRY(cuda_check(b->cu->cuLinkComplete(link, &code, &n), "cuLinkComplete"));
    QN_TRY(cuda_check(b->cu->cuModuleLoadData(out, code), "cuModuleLoadData"));
    cache_put("cuda", key, (qn_bytes){ code, n });
    return QN_OK;
}

static qn_status module_from_text(const cuda_builder *b, const str *text, const char *name, cache_key key, cu_module *out)
{
    char log[LOG_BYTES] = "";
    cu_link link;
    i32 options[] = { CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES };
    void *values[] = { log, (void *)(uintptr_t)sizeof log };
    QN_TRY(cuda_check(b->cu->cuLinkCreate_v2(2, options, values, &link), "cuLinkCreate"));
    qn_status status = add_text(b, link, text, name, log);
    if (status == QN_OK) status = load_linked(b, link, key, out);
    b->cu->cuLinkDestroy(link);
    return status;
}

static bool module_from_cache(const cuda_builder *b, cache_key key, cu_module *out)
{
    void *code;
    size_t n;
    if (!cache_get("cuda", key, &code, &n)) return false;
    bool ok = b->cu->cuModuleLoadData(out, code) == CU_SUCCESS;
    mem_free(code);
    return ok;
}

static qn_status build(const cuda_builder *b, const str *text, cuda_program *p)
{
    cache_key key = cache_key_of(text->text, text->n, b->driver_key);
    p->from_cache = module_from_cache(b, key, &p->module);
    if (!p->from_cache) QN_TRY(module_from_text(b, text, p->name, key, &p->module));
    cuda_count(1);
    return cuda_check(b->cu->cuModuleGetFunction(&p->function, p->module, "qk_run"), "cuModuleGetFunction");
}

/* ------------------------------------------------------------------ the whole */
static qn_status make(const cuda_builder *b, arena *a, const kc_program *program, str *text, cuda_program *p)
{
    const kc_options options = { .width = b->caps->width };
    kc_module *module;
    const kc_kernel *k;
    QN_TRY(device_compile(a, program, &options, &module, &k));
    snprintf(p->name, sizeof p->name, "%s", k->name);
    QN_TRY(device_check_group(b->caps, k));
    QN_TRY(device_shape_of(k, &p->shape));
    p->n_args = device_args_of(k, p->arg_words);
    p->group = k->group;
    QN_TRY(kc_print(module, k, KC_PTX, text));
    if (text->bad || !text->text) return fail_nomem(text->n);
    return build(b, text, p);
}

qn_status cuda_program_make(const cuda_builder *b, const kc_program *program, cuda_program **out)
{
    cuda_program *p = mem_zalloc(sizeof *p);
    arena *a = arena_make();
    str text = { 0 };
    qn_status status = p && a ? make(b, a, program, &text, p) : fail_nomem(sizeof *p);
    str_free(&text);
    arena_free(a);
    if (status == QN_OK) *out = p;
    else cuda_program_free(b->cu, p);
    return status;
}

void cuda_program_free(const cuda_api *cu, cuda_program *p)
{
    if (!p) return;
    if (p->module) {
        cu->cuModuleUnload(p->module);
        cuda_count(-1);
    }
    mem_free(p);
}
