/* Names that mean something to a target: a user's kernel may have any of them that the language leaves free, as parameters, buffers, locals
 * and functions. Each is shown to kc; what kc takes is compiled and run on every device found here, many in one kernel. */
#include <stdio.h>

#include "device_ways.h"
#include "run_graph.h"

/* clang-format off */
static const char *const words[] = {
    /* C, with GNU's extensions and what compilers define */
    "auto", "break", "case", "char", "const", "continue", "default", "double", "enum", "extern", "goto", "inline", "int", "long", "register", "restrict",
    "short", "signed", "sizeof", "struct", "switch", "typedef", "union", "unsigned", "volatile", "_Bool", "_Complex", "_Atomic", "_Generic", "_Noreturn",
    "asm", "typeof", "__typeof__", "__attribute__", "__builtin_expf", "linux", "unix", "main", "errno", "stdin", "NULL", "u8", "qk_args", "qk_run", "qc_min", "__x", "x__y", "_",
    "_x", "__", "x_", "x__", "class", "namespace", "template", "this", "new", "delete", "operator", "private", "public", "virtual", "nullptr", "constexpr", "thread_local",
    /* OpenCL C */
    "kernel", "global", "local", "constant", "__kernel", "__global", "read_only", "write_only", "read_write", "pipe", "half", "quad", "complex", "imaginary",
    "uchar", "ushort", "uint", "ulong", "size_t", "event_t", "sampler_t", "image2d_t", "float4", "float16", "int2", "half8", "double2", "bool2", "vec_step",
    "get_local_id", "get_global_id", "get_group_id", "barrier", "vload_half", "vload4", "as_uint", "as_float", "convert_int_sat", "convert_float4", "rint", "select", "any", "all",
    "M_PI", "M_PI_F", "M_E", "HUGE_VALF", "MAXFLOAT", "CLK_LOCAL_MEM_FENCE", "CHAR_BIT", "INT_MAX", "FLT_RADIX", "FP_ILOGB0", "mad24", "atomic_inc", "printf", "pown",
    "sub_group_reduce_add", "work_group_barrier", "cl_khr_fp64", "kernel_exec", "uniform", "generic",
    /* GLSL ES */
    "attribute", "varying", "layout", "centroid", "flat", "smooth", "in", "out", "inout", "invariant", "discard", "precision", "highp", "mediump", "lowp", "vec2", "vec4", "ivec3",
    "uvec4", "bvec2", "mat2", "mat3x4", "dmat2", "dvec3", "sampler2D", "usampler2D", "isampler3D", "sampler2DShadow", "sampler2DArray", "samplerCube", "image2D", "uimage2D", "imageBuffer",
    "gl_x", "gl_FragCoord", "gl_Position", "webgl_x", "_webgl_x", "texture", "texelFetch", "textureSize", "floatBitsToUint", "uintBitsToFloat", "packHalf2x16", "roundEven", "dot", "mod", "mix", "fract",
    "sign", "step", "length", "cross", "normalize", "transpose", "inverse", "lessThan", "equal", "not", "resource", "atomic_uint", "patch", "sample", "subroutine", "common", "partition", "active",
    "filter", "fixed", "superp", "input", "output", "cast", "using", "interface", "noinline", "external", "coherent", "readonly", "writeonly", "buffer", "shared", "precise",
    /* WGSL */
    "alias", "const_assert", "continuing", "diagnostic", "enable", "fn", "let", "loop", "override", "requires", "var", "array", "atomic", "ptr", "vec3", "vec2f", "vec4u", "mat4x4", "texture_2d",
    "sampler", "bitcast", "i32x", "f16x", "round", "saturate", "extractBits", "insertBits", "countOneBits", "workgroupBarrier", "storageBarrier", "workgroupUniformLoad", "atomicAdd", "arrayLength",
    "subgroupAdd", "function", "workgroup", "storage", "read", "write", "as", "async", "await", "become", "catch", "crate", "do", "dynamic_cast", "explicit", "export", "final", "finally",
    "from", "get", "set", "impl", "import", "instanceof", "macro", "match", "meta", "module", "move", "mut", "nil", "null", "of", "package", "pass", "priv", "pub", "ref", "require", "self", "Self",
    "super", "target", "trait", "try", "type", "unless", "unsafe", "use", "where", "with", "yield", "std", "wgsl", "qk", "Params", "qk_item", "binding", "group", "compute", "id", "groups",
    /* PTX and Wasm */
    "tid", "ntid", "ctaid", "laneid", "param", "reg", "pred", "func", "memory", "i64", "block", "end", "br",
};
/* clang-format on */
enum { A_KERNEL = 48 }; /* names of one kernel */

/* Each name is a local; the first ones are a buffer, a launch parameter, a function and its parameter, and the kernel itself. */
static void write_source(const char *const *names, u32 n, str *out)
{
    str_add(out, "#include \"quern_kernel.h\"\n");
    if (n > 4) str_print(out, "static f32 %s(f32 %s) { return %s + 1.0f; }\n", names[3], names[4], names[4]);
    str_print(out, "MAP(f32) %s(u32 at, IN(f32) %s%s%s)\n{\n    f32 sum_of = %s[at];\n", n > 2 ? names[2] : "kernel_1",
              names[0], n > 1 ? ", f32 " : "", n > 1 ? names[1] : "", names[0]);
    if (n > 1) str_print(out, "    sum_of += %s;\n", names[1]);
    if (n > 4) str_print(out, "    sum_of = %s(sum_of);\n", names[3]);
    for (u32 i = 5; i < n; i++) str_print(out, "    f32 %s = sum_of + %u.0f;\n", names[i], i);
    for (u32 i = 5; i < n; i++)
        str_print(out, "    sum_of = max(sum_of, %s - min(exp(%s), 2.0f) * 0.0f) - (f32)TO(i32, %s) * 0.0f;\n", names[i],
                  names[i], names[i]);
    str_add(out, "    return sum_of;\n}\n");
}

static bool kc_takes(const char *name)
{
    const char *const names[] = { name };
    str text = { 0 };
    arena *a = arena_make();
    kc_module *m = NULL;
    write_source(names, 1, &text);
    qn_status status = kc_compile(a, &(kc_program){ .file = "names.c", .text = text.text }, NULL, &m);
    arena_free(a);
    str_free(&text);
    return status == QN_OK;
}

static void run_names(test *t, qn_device *d, const char *const *names, u32 n)
{
    static const f32 x[] = { -3, 0, 2.5f, 100 };
    f32 y[COUNT(x)] = { 0 };
    qn_kernel *k = NULL;
    str text = { 0 };
    write_source(names, n, &text);
    qn_status status = qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text.text, .file = "names.c" }, &k);
    CHECK(t, status == QN_OK, "%s: names from '%s' to '%s': %s", d->info.spec, names[0], names[n - 1], qn_last_error());
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *by = buffer_of(t, d, NULL, sizeof y);
    if (k && bx && by) {
        CHECK_OK(t, qn_kernel_launch(k, COUNT(x), (qn_arg[]){ { .buffer = bx }, { .number = 2 }, { .buffer = by } }, 3));
        if (read_all(t, d, by, y))
            for (u32 i = 0; i < COUNT(x); i++) {
                f32 want = x[i] + 3 + (f32)(n - 1);
                CHECK(t, y[i] == want, "%s: names from '%s': %g, not %g", d->info.spec, names[0], (f64)y[i], (f64)want);
            }
    }
    qn_kernel_free(k), qn_buffer_free(bx), qn_buffer_free(by);
    str_free(&text);
}

void test_names(test *t)
{
    static const char *taken[COUNT(words)];
    const test_device *devices;
    u32 n = 0, n_devices = open_test_devices(t, &devices);
    for (u32 i = 0; i < COUNT(words); i++)
        if (kc_takes(words[i])) taken[n++] = words[i];
    CHECK(t, n > COUNT(words) * 3 / 4, "kc takes %u of %u words as names", n, (u32)COUNT(words));
    for (u32 i = 0; i < n_devices; i++)
        for (u32 at = 0; at < n; at += A_KERNEL) {
            u32 count = MIN(A_KERNEL, n - at);
            if (count > 5) run_names(t, devices[i].device, taken + at, count);
        }
}
