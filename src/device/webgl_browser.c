/* The table in a browser: every function is an import of the Wasm module, answered by the page with its WebGL2RenderingContext as
 * webgl_api.h says. */
#include "device/webgl_api.h"

#ifdef __wasm__
#define X(result, name, args) __attribute__((import_module("quern"), import_name("gl" #name))) result gl_##name args;
WEBGL_FUNCTIONS(X)
#undef X
#define X(result, name, args) __attribute__((import_module("quern"), import_name("webgl_" #name))) result webgl_##name args;
WEBGL_OWN_FUNCTIONS(X)
#undef X

static const webgl_api imports = {
#define X(result, name, args) .name = gl_##name,
    WEBGL_FUNCTIONS(X)
#undef X
#define X(result, name, args) .name = webgl_##name,
        WEBGL_OWN_FUNCTIONS(X)
#undef X
};

qn_status webgl_load(const webgl_api **out)
{
    *out = &imports;
    return QN_OK;
}
#endif
