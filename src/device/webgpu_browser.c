/* The table in a browser: every function is an import of the Wasm module, answered by the page with its GPUDevice as webgpu_api.h
 * says. */
#include "device/webgpu_api.h"

#ifdef __wasm__
#define X(result, name, args)                                                                                               \
    __attribute__((import_module("quern"), import_name("webgpu_" #name))) result webgpu_import_##name args;
WEBGPU_FUNCTIONS(X)
#undef X

static const webgpu_api imports = {
#define X(result, name, args) .name = webgpu_import_##name,
    WEBGPU_FUNCTIONS(X)
#undef X
};

qn_status webgpu_load(const webgpu_api **out)
{
    *out = &imports;
    return QN_OK;
}
#endif
