/* What kernels made at run time (kc_wasm_binary) import from "math": the builtins that WebAssembly has no instruction for, exported by their
 * names there. They are the kernel language's own, as compiled kernels have them. */
#include "quern_kernel.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define ONE(name)                                                                                                           \
    EXPORT(name##_f32) f32 math_##name##_f32(f32 x);                                                                        \
    EXPORT(name##_f64) f64 math_##name##_f64(f64 x);                                                                        \
    f32 math_##name##_f32(f32 x) { return name(x); }                                                                        \
    f64 math_##name##_f64(f64 x) { return name(x); }
#define TWO(name)                                                                                                           \
    EXPORT(name##_f32) f32 math_##name##_f32(f32 x, f32 y);                                                                 \
    EXPORT(name##_f64) f64 math_##name##_f64(f64 x, f64 y);                                                                 \
    f32 math_##name##_f32(f32 x, f32 y) { return name(x, y); }                                                              \
    f64 math_##name##_f64(f64 x, f64 y) { return name(x, y); }
#define FOUR(name)                                                                                                          \
    EXPORT(name##_f32x4) f32x4 math_##name##_f32x4(f32x4 x);                                                                \
    f32x4 math_##name##_f32x4(f32x4 x) { return name(x); }

ONE(exp)
ONE(exp2)
ONE(expm1)
ONE(log)
ONE(log2)
ONE(log10)
ONE(log1p)
ONE(cbrt)
ONE(sin)
ONE(cos)
ONE(tan)
ONE(asin)
ONE(acos)
ONE(atan)
ONE(sinh)
ONE(cosh)
ONE(tanh)
ONE(asinh)
ONE(acosh)
ONE(atanh)
ONE(erf)
ONE(erfc)
ONE(lgamma)
ONE(sigmoid)
ONE(gelu)
TWO(atan2)
TWO(pow)
TWO(fmod)
FOUR(exp)
FOUR(exp2)
FOUR(expm1)
FOUR(log)
FOUR(log2)
FOUR(log1p)
FOUR(sin)
FOUR(cos)
FOUR(tanh)
FOUR(erf)
FOUR(sigmoid)
FOUR(gelu)

EXPORT(ldexp_f32) f32 math_ldexp_f32(f32 x, i32 n);
EXPORT(ldexp_f64) f64 math_ldexp_f64(f64 x, i32 n);
EXPORT(fma_f32) f32 math_fma_f32(f32 x, f32 y, f32 z);
EXPORT(fma_f64) f64 math_fma_f64(f64 x, f64 y, f64 z);
EXPORT(from_f16) f32 math_from_f16(u32 bits);
EXPORT(to_f16) u32 math_to_f16(f32 x);
EXPORT(to_bf16) u32 math_to_bf16(f32 x);
EXPORT(dot4_i8) i32 math_dot4_i8(u32 a, u32 b, i32 c);
EXPORT(dot4_u8i8) i32 math_dot4_u8i8(u32 a, u32 b, i32 c);

f32 math_ldexp_f32(f32 x, i32 n) { return ldexp(x, n); }
f64 math_ldexp_f64(f64 x, i32 n) { return ldexp(x, n); }
f32 math_fma_f32(f32 x, f32 y, f32 z) { return fma(x, y, z); }
f64 math_fma_f64(f64 x, f64 y, f64 z) { return fma(x, y, z); }
f32 math_from_f16(u32 bits) { return load((&(f16){ (u16)bits }), 0); }
u32 math_to_f16(f32 x) { return TO(f16, x).bits; }
u32 math_to_bf16(f32 x) { return TO(bf16, x).bits; }
i32 math_dot4_i8(u32 a, u32 b, i32 c) { return dot4_i8(a, b, c); }
i32 math_dot4_u8i8(u32 a, u32 b, i32 c) { return dot4_u8i8(a, b, c); }
