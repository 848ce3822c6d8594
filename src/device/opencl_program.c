/* From a program to a kernel that an OpenCL driver will run: kc prints OpenCL C, the driver builds it, and the binary is kept on
 * disk, so that the next process does not wait for the driver's compiler. A binary that does not load is built again. */
#include <stdio.h>

#include "device/opencl_program.h"

enum { MAP_LOCAL = 128, LOG_BYTES = 1200 };

static qn_status fail_build(const opencl_builder *b, cl_program program, const char *name, i32 code)
{
    char log[LOG_BYTES] = "";
    size_t n = 0;
    b->cl->clGetProgramBuildInfo(program, b->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &n);
    char *text = n ? mem_zalloc(n + 1) : NULL;
    if (text && b->cl->clGetProgramBuildInfo(program, b->device, CL_PROGRAM_BUILD_LOG, n, text, NULL) == 0)
        snprintf(log, sizeof log, "%s", text);
    mem_free(text);
    QN_TRY(opencl_check(code == -11 ? 0 : code, "clBuildProgram"));
    return fail(QN_E_DEVICE, "OpenCL: the driver does not build kernel '%s':\n%s", name, log);
}

/* NULL: there is nothing in the cache that works. */
static cl_program program_from_cache(const opencl_builder *b, cache_key key)
{
    void *binary;
    size_t n;
    if (!cache_get("opencl", key, &binary, &n)) return NULL;
    i32 status = 0, error = 0;
    const u8 *bytes = binary;
    cl_program program = b->cl->clCreateProgramWithBinary(b->context, 1, &b->device, &n, &bytes, &status, &error);
    mem_free(binary);
    if (error != 0 || !program) return NULL;
    opencl_count(1);
    if (status == 0 && b->cl->clBuildProgram(program, 1, &b->device, b->options, NULL, NULL) == 0) return program;
    b->cl->clReleaseProgram(program);
    opencl_count(-1);
    return NULL;
}

static void program_to_cache(const opencl_builder *b, cache_key key, cl_program program)
{
    size_t n = 0;
    if (b->cl->clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof n, &n, NULL) != 0 || n == 0) return;
    u8 *binary = mem_alloc(n);
    if (!binary) return;
    if (b->cl->clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == 0)
        cache_put("opencl", key, (qn_bytes){ binary, n });
    mem_free(binary);
}

static qn_status program_from_text(const opencl_builder *b, const str *text, const char *name, cl_program *out)
{
    i32 error = 0;
    const char *source = text->text;
    cl_program program = b->cl->clCreateProgramWithSource(b->context, 1, &source, &text->n, &error);
    QN_TRY(opencl_check(error, "clCreateProgramWithSource"));
    opencl_count(1);
    error = b->cl->clBuildProgram(program, 1, &b->device, b->options, NULL, NULL);
    if (error == 0) {
        *out = program;
        return QN_OK;
    }
    qn_status status = fail_build(b, program, name, error);
    b->cl->clReleaseProgram(program);
    opencl_count(-1);
    return status;
}

static qn_status build(const opencl_builder *b, const str *text, opencl_program *p)
{
    cache_key key = cache_key_of(text->text, text->n, b->driver_key);
    p->program = program_from_cache(b, key);
    p->from_cache = p->program != NULL;
    if (!p->program) {
        QN_TRY(program_from_text(b, text, p->name, &p->program));
        program_to_cache(b, key, p->program);
    }
    i32 error = 0;
    p->kernel = b->cl->clCreateKernel(p->program, "qk_run", &error);
    QN_TRY(opencl_check(error, "clCreateKernel"));
    opencl_count(1);
    return QN_OK;
}

/* What the kernel asks of the device, by its caps. */
static qn_status check_needs(const opencl_builder *b, const kc_kernel *k)
{
    const qn_caps *caps = b->caps;
    if (k->uses_f64 && !caps->f64)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' computes in f64, which this device lacks", k->name);
    if (k->uses_i64 && !caps->i64)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' computes in i64, which this device lacks", k->name);
    return device_check_group(caps, k);
}

/* The driver may allow a kernel fewer items than the device: registers run out. */
static qn_status choose_local(const opencl_builder *b, const kc_kernel *k, opencl_program *p)
{
    size_t most = 0;
    i32 error = b->cl->clGetKernelWorkGroupInfo(p->kernel, b->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    QN_TRY(opencl_check(error, "clGetKernelWorkGroupInfo"));
    if (k->form == KC_MAP) {
        p->local = MIN((size_t)MAP_LOCAL, (size_t)b->caps->max_group);
        while (p->local > 1 && p->local > most) p->local /= 2;
        return QN_OK;
    }
    p->local = k->group;
    if (k->group > most)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' has groups of %u; the driver allows it %zu", k->name, k->group, most);
    return QN_OK;
}

static qn_status make(const opencl_builder *b, arena *a, const kc_program *program, str *text, opencl_program *p)
{
    const kc_options options = { .width = b->caps->width };
    kc_module *module;
    const kc_kernel *k;
    QN_TRY(device_compile(a, program, &options, &module, &k));
    snprintf(p->name, sizeof p->name, "%s", k->name);
    QN_TRY(check_needs(b, k));
    QN_TRY(device_shape_of(k, &p->shape));
    p->n_args = device_args_of(k, p->arg_words);
    QN_TRY(kc_print(module, k, KC_OPENCL, text));
    if (text->bad || !text->text) return fail_nomem(text->n);
    QN_TRY(build(b, text, p));
    return choose_local(b, k, p);
}

qn_status opencl_program_make(const opencl_builder *b, const kc_program *program, opencl_program **out)
{
    opencl_program *p = mem_zalloc(sizeof *p);
    arena *a = arena_make();
    str text = { 0 };
    qn_status status = p && a ? make(b, a, program, &text, p) : fail_nomem(sizeof *p);
    str_free(&text);
    arena_free(a);
    if (status == QN_OK) *out = p;
    else opencl_program_free(b->cl, p);
    return status;
}

void opencl_program_free(const opencl_api *cl, opencl_program *p)
{
    if (!p) return;
    if (p->kernel) {
        cl->clReleaseKernel(p->kernel);
        opencl_count(-1);
    }
    if (p->program) {
        cl->clReleaseProgram(p->program);
        opencl_count(-1);
    }
    mem_free(p);
}
