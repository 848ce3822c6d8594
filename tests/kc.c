/* The kernel compiler: what it prints for small texts, what it says about wrong ones, goldens of whole kernels, and failing
 * memory at every step. QUERN_GOLDEN=write renews tests/kc/. */
#include <stdio.h>
#include <stdlib.h>

#include "kc/tree.h"
#include "test.h"

/* clang-format off */
typedef struct good_case { const char *why, *defines, *text, *prints; } good_case;
#define HEAD "#include \"quern_kernel.h\"\n"
#define G4   HEAD "#define GROUP 4\n"
static const good_case good[] = {                            /* printed as OpenCL C */
    { "constants fold", "", HEAD "MAP(u32) f(u32 i) { return i + 2 * 3 - (7 >> 1); }", "return i + 6u - 3u;" },
    { "unsigned wraps", "", HEAD "MAP(u32) f(u32 i) { return i ^ (0u - 1u); }", "return i ^ 4294967295u;" },
    { "signed wraps", "", HEAD "MAP(i32) f(u32 i) { return 2147483647 + 1; }", "return (-2147483647 - 1);" },
    { "u8 wraps", "", HEAD "MAP(u8) f(u32 i) { return (u8)300; }", "return 44;" },
    { "shift keeps the sign", "", HEAD "MAP(i32) f(u32 i) { return -8 >> 1; }", "return -4;" },
    { "division by zero stays", "", HEAD "MAP(i32) f(u32 i) { return 1 / 0; }", "qc_div_i32(1, 0);" },
    { "a harmless divisor is plain", "", HEAD "MAP(i32) f(u32 i) { return (i32)i / 7; }", "(int)i / 7;" },
    { "a count is masked", "", HEAD "MAP(u32) f(u32 i, u32 n) { return i >> n + 1; }", "i >> ((n + 1u) & 31u);" },
    { "a masked count is plain", "", HEAD "MAP(u32) f(u32 i, u32 n) { return shr(i, n); }", "i >> (n & 31u);" },
    { "a cast saturates", "", HEAD "MAP(i32) f(u32 i, f32 x) { return (i32)x; }", "return qc_to_i32_f32(x);" },
    { "TO saturates", "", HEAD "MAP(i32) f(u32 i) { return TO(i32, 3e9f); }", "return 2147483647;" },
    { "a size above a negative number", "", HEAD "MAP(i32) f(u32 i, IN(f32) x) { return fabs(x[i]) > -1.0f ? 5 : 6; }", "isnan(fabs(x[i]))" },
    { "sinh of NaN", "", HEAD "MAP(i32) f(u32 i) { return isnan(sinh(trunc(NAN))) ? 5 : 6; }", "return 5;" },
    { "TO of NaN", "", HEAD "MAP(i32) f(u32 i) { return TO(i32, NAN); }", "return 0;" },
    { "TO of integers wraps", "", HEAD "MAP(u8) f(u32 i, IN(i32) x) { return TO(u8, x[i]); }", "return (uchar)x[i];" },
    { "times one", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i] * 1; }", "return x[i];" },
    { "plus zero of a float stays", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i] + 0; }", "return x[i] + 0.0f;" },
    { "dead branch", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { if (1 > 2) return 0; return x[i]; }", "{\n    return x[i];\n}" },
    { "after return", "", HEAD "MAP(u32) f(u32 i) { return i; return 7; }", "{\n    return i;\n}" },
    { "constants carried", "", HEAD "MAP(u32) f(u32 i) { u32 n = 4; u32 m = n * n; return i + m; }", "{\n    return i + 16u;\n}" },
    { "unrolled", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 s = 0;\n#pragma unroll\nfor (u32 k = 0; k < 3; k++) s += x[i * 3 + k]; return s; }",
      "s += x[i * 3u];\n    s += x[i * 3u + 1u];\n    s += x[i * 3u + 2u];" },
    { "not unrolled: no condition", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { u32 n = i;\n#pragma unroll 2\nfor (u32 k = 0; 1 > 0; k++) { if (x[k] > 1) break; n++; } return x[n]; }",
      "n = i;\n    for (uint k = 0u;; k++)" },
    { "not unrolled: break", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 s = 0;\n#pragma unroll\nfor (u32 k = 0; k < 3; k++) { if (x[k] > 1) break; s += 1; } return s; }",
      "#pragma unroll\n    for (uint k = 0u; k < 3u; k++)" },
    { "launch constant baked", "n=5", HEAD "MAP(u32) f(u32 i, CONST(u32) n) { return i * n; }", "return i * 5u;" },
    { "launch constant as parameter", "", HEAD "MAP(u32) f(u32 i, CONST(u32) n) { return i * n; }", "uint n, __global uint *" },
    { "T=f64 widens f32", "T=f64", HEAD "MAP(T) f(u32 i, IN(T) x) { f32 v = x[i] * 0.5f; return v; }", "double v = x[i] * 0.5;" },
    { "f16 loads and stores", "T=f16", HEAD "MAP(T) f(u32 i, IN(T) x) { return TO(T, -load(x, i)); }", "qc_to_f16(-vload_half(i, x))" },
    { "f16 store", "", G4 "KERNEL f(u32 g, OUT(f16) y) { ITEMS(t) store(y, t, 1.5f); }", "vstore_half_rte(1.5f, t, y);" },
    { "a place that group memory says is read before the next phase writes it", "",
      G4 "KERNEL f(u32 g, OUT(f32) y) { SHARED(u32, s, 4); f32 a[4] = { 0 }; ITEMS(t) s[t] = 3 - t; a[s[0]] = 1; ITEMS(t) s[t] = t; ITEMS(t) y[s[3 - t]] = a[t]; }",
      "a[s[0]] = 1.0f;\n    barrier(CLK_LOCAL_MEM_FENCE" },
    { "bf16", "T=bf16", HEAD "MAP(T) f(u32 i, IN(T) x) { return TO(T, load(x, i) + 1); }", "qc_to_bf16(qc_from_bf16(x[i]) + 1.0f)" },
    { "bool buffers", "", HEAD "MAP(bool) f(u32 i, IN(bool) x, IN(f32) y) { return x[i] || y[i] > 0; }", "return x[i] != 0 || y[i] > 0.0f;" },
    { "narrow integers compute as i32", "", HEAD "MAP(i8) f(u32 i, IN(i8) x) { return -x[i] * 2; }", "return (char)(-(int)x[i] * 2);" },
    { "shl masks", "", HEAD "MAP(u32) f(u32 i) { return shl(i, i); }", "return i << (i & 31u);" },
    { "clamp", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { return clamp(x[i], 0, 6); }", "return qc_min_f32(qc_max_f32(x[i], 0.0f), 6.0f);" },
    { "a function of one return", "", HEAD "static u32 up(u32 a, u32 b) { return (a + b - 1) / b; }\nMAP(u32) f(u32 i) { return up(i, 4); }",
      "return (i + 4u - 1u) / 4u;" },
    { "an argument used twice", "", HEAD "static f32 sq(f32 a) { return a * a; }\nMAP(f32) f(u32 i, IN(f32) x) { return sq(x[i] + 1); }",
      "float a = x[i] + 1.0f;\n    return a * a;" },
    { "early return becomes else", "", HEAD "static f32 g(f32 a) { if (a < 0) return -1; f32 b = a * a; return b; }\nMAP(f32) f(u32 i, IN(f32) x) { f32 v = x[i]; return g(v); }",
      "if (v < 0.0f) {\n        g = -1.0f;\n    } else {\n        float b = v * v;\n        g = b;\n    }\n    return g;" },
    { "return in a loop", "", HEAD "static u32 find(IN(u32) x, u32 n, u32 v) { for (u32 k = 0; k < n; k++) if (x[k] == v) return k; return n; }\n"
      "MAP(u32) f(u32 i, IN(u32) x, u32 n) { return find(x, n, i); }", "bool done = false;" },
    { "a call in a lazy operand", "", HEAD "static f32 g(f32 a) { f32 s = 0; for (u32 k = 0; k < 3; k++) s += a; return s; }\n"
      "MAP(f32) f(u32 i, IN(f32) x) { return x[i] > 0 ? g(x[i]) : 0; }", "float chosen;\n    if (x[i] > 0.0f) {" },
    { "a call in a loop's condition", "", HEAD "static bool more(IN(f32) x, u32 k) { f32 v = x[k]; return v > 0; }\n"
      "MAP(u32) f(u32 i, IN(f32) x) { u32 k = 0; while (more(x, k)) k++; return k; }", "if (!(v > 0.0f))\n            break;" },
    { "names do not capture", "", HEAD "static f32 g(f32 x) { x += 1; return x * x; }\nMAP(f32) f(u32 i, IN(f32) y) { f32 x = y[i]; return g(x * 2); }",
      "float x_2 = x * 2.0f;" },
    { "words of the target are renamed", "", HEAD "MAP(f32) f(u32 i, IN(f32) kernel, f32 half) { return kernel[i] * half; }", "return kernel_[i] * half_;" },
    { "arrays lent to functions", "", HEAD "static f32 total(ARRAY(f32, a)) { return a[0] + a[1]; }\nMAP(f32) f(u32 i, IN(f32) x) { f32 v[2]; v[0] = x[i]; v[1] = 2; return total(v); }",
      "return v[0] + v[1];" },
    { "rows lent to functions", "", HEAD "static f32 total(ARRAY(f32, a)) { return a[0] + a[1]; }\nMAP(f32) f(u32 i, IN(f32) x) { f32 v[3][2]; v[1][0] = x[i]; v[1][1] = 2; return total(v[1]); }",
      "return v[1][0] + v[1][1];" },
    { "a place is found once", "", HEAD "static u32 at(u32 a) { u32 b = a * a; return b + 1; }\nMAP(f32) f(u32 i) { f32 v[9] = { 0 }; v[at(i)] += 2; return v[1]; }",
      "uint b = i * i;\n    v[b + 1u] += 2.0f;" },
    { "zeroed array", "", HEAD "MAP(f32) f(u32 i) { f32 v[4] = { 0 }; v[i] = 1; return v[0]; }", "float v[4] = { 0 };" },
    { "array values", "", HEAD "MAP(f32) f(u32 i) { f32 v[4] = { 1, 0, 3 }; return v[i]; }", "v[2] = 3.0f;" },
    { "a table", "", HEAD "static const i32 tab[] = { 1, -2, 3 };\nMAP(i32) f(u32 i) { return tab[i]; }", "__constant int tab[3] = {" },
    { "a local beside a table", "", HEAD "static const f32 t[] = { 1, 2 };\nstatic f32 at(u32 k) { return t[k]; }\nMAP(f32) f(u32 i) { u32 t = i * 2; return at(t); }",
      "uint t_2 = i * 2u;\n    return t[t_2];" },
    { "vectors", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i * 4); v.y = 2; v = v * 3; return v.x + v[3]; }", "return v.x + v.w;" },
    { "make", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = MAKE4(f32, x[i], 0, 0, 1); return v.x; }", "(float4)(x[i], 0.0f, 0.0f, 1.0f)" },
    { "a phase", "", G4 "KERNEL f(u32 g, IN(f32) x, OUT(f32) y) { ITEMS(t) y[g * GROUP + t] = x[t]; ITEMS(t) y[g] = 0; }",
      "const uint t = get_local_id(0);\n        y[g * 4u + t] = x[t];\n    }\n    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);\n    {" },
    { "a barrier after a group-level read", "", G4 "KERNEL f(u32 g, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) s[t] = t; f32 m = s[0]; ITEMS(t) s[t] = m; ITEMS(t) y[t] = s[t]; }",
      "float m = s[0];\n    barrier(" },
    { "group memory stands on top", "", G4 "KERNEL f(u32 g, OUT(f32) y) { if (g > 1) { SHARED2(f32, s, 2, 3); ITEMS(t) s[0][0] = 1; } }", "__local float s[2][3];" },
    { "PER_ITEM is private", "", G4 "KERNEL f(u32 g, OUT(f32) y) { PER_ITEM(f32, a); PER_ITEMS(u32, b, 2); ITEMS(t) { a[t] = 1; b[t][1] = t; } ITEMS(t) y[t] = a[t] + b[t][1]; }",
      "y[t] = a + (float)b[1];" },
    { "GROUP of the moment", "", G4 "KERNEL a(u32 g, OUT(f32) y) { ITEMS(t) y[t] = 0; }", "reqd_work_group_size(4, 1, 1)" },
    { "atomics", "", G4 "KERNEL f(u32 g, INOUT(f32) y) { ITEMS(t) atomic_add(y, 0, 1.0f); }", "qc_atomic_add_f32_global(y, 0, 1.0f);" },
    { "macros nest", "", HEAD "#define SQ(x) ((x) * (x))\nMAP(f32) f(u32 i, IN(f32) x) { f32 a = x[i]; return SQ(SQ(a)); }", "return a * a * (a * a);" },
    { "pasting", "", HEAD "#define NAME(a, b) a##b\nMAP(f32) NAME(f, 1)(u32 i, IN(f32) xy) { return NAME(x, y)[i]; }", "return xy[i];" },
    { "#if", "A=3", HEAD "#if defined(A) && A * 2 == 6 && !defined B\nMAP(u32) f(u32 i) { return i; }\n#else\n#error no\n#endif", "return i;" },
    { "skipped text need not be tokens", "", HEAD "#if 0\ndon't ` $ #else\n#elif 1\nMAP(u32) f(u32 i) { return i; }\n#endif", "return i;" },
    { "lines joined", "", HEAD "#define A(x) \\\n    (x + \\\n     1)\nMAP(u32) f(u32 i) { return A(i); }", "return i + 1u;" },
    { "numbers", "", HEAD "MAP(f32) f(u32 i) { return 1e-3f + .5f + 0x10 + 1.; }", "return 17.501f;" },
    { "as_u32", "", HEAD "MAP(u32) f(u32 i, IN(f32) x) { return as_u32(x[i]); }", "return as_uint(x[i]);" },
    { "a negative after minus", "", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a = x[i]; return a - -1.0f - -a; }", "return a - -1.0f - -a;" },
    { "names may be used again inside", "", HEAD "MAP(u32) f(u32 i) { u32 s = i * 3; { u32 i = s; s += i; } return s; }", "uint i_2 = s;" },
    { "void is no use", "", HEAD "MAP(u32) f(u32 i, u32 n) { (void)n; return i; }", "return i;" },
};

typedef struct bad_case { const char *text, *says; } bad_case;
#define SUB(call) G4 "KERNEL f(u32 g, OUT(f32) y) { PER_ITEM(f32, v); PER_ITEM(f16, h); PER_ITEMS(f32, w, 2); " call " }"
#define MMA(sums, left, right, body) HEAD "#define GROUP 32\nKERNEL f(u32 g, OUT(f32) y) { PER_ITEMS(f32, s, " #sums "); PER_ITEMS(u32, l, " #left "); PER_ITEMS(u32, r, " #right "); " body " }"
static const bad_case bad[] = {                              /* says: "line:col: words" */
    { SUB("ITEMS(t) subgroup_add(v, 4);"), "subgroup_add is done by the whole group: outside ITEMS" },
    { SUB("subgroup_add(v, 3);"), "subgroup_add is among 3 items in a row: that is a power of two by which GROUP, 4, can be divided" },
    { SUB("subgroup_max(v, 8);"), "subgroup_max is among 8 items in a row" },
    { SUB("subgroup_shuffle_xor(v, 4);"), "subgroup_shuffle_xor is among 8 items in a row" },
    { SUB("subgroup_broadcast(v, 2, 2);"), "a subgroup of 2 items has no item 2" },
    { SUB("subgroup_add(h, 4);"), "subgroup_add works on values of i32, u32, i64, u64 and f32; 'h' holds f16" },
    { SUB("subgroup_add(w, 4);"), "subgroup_add takes the name of a PER_ITEM first" },
    { SUB("subgroup_add(v);"), "subgroup_add takes 2 arguments, here is 1" },
    { SUB("subgroup_add(v, g);"), "argument 2 of subgroup_add must be a constant" },
    { MMA(4, 4, 2, "ITEMS(t) mma_f16(s, l, r);"), "mma_f16 is done by the whole group: outside ITEMS" },
    { MMA(4, 4, 2, "mma_f16(s, l, l);"), "4 words on the left and 4 on the right make 8 sums; 's' has 4" },
    { MMA(4, 6, 2, "mma_f16(s, l, r);"), "mma_f16 takes 4 words a row of tiles on the left and 2 a column on the right; here are 6 and 2" },
    { MMA(4, 4, 2, "mma_bf16(l, l, r);"), "argument 1 of mma_bf16 holds f32; 'l' holds u32" },
    { MMA(4, 4, 2, "mma_tf32(s, l, y);"), "mma_tf32 takes names of PER_ITEMS" },
    { HEAD "#define GROUP 48\nKERNEL f(u32 g) { PER_ITEMS(f32, s, 4); PER_ITEMS(u32, l, 4); PER_ITEMS(u32, r, 2); mma_f16(s, l, r); }",
      "mma_f16 takes groups of a multiple of 32 items; GROUP is 48" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return y[i]; }", "2:39: unknown name 'y'" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) data) { return dta[i]; }", "2:42: unknown name 'dta'; did you mean 'data'?" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return sqr(x[i]); }", "2:39: unknown function 'sqr'; did you mean 'sqrt'?" },
    { HEAD "MAP(float) f(u32 i) { return 1; }", "2:5: 'float' is not a type of kernels; use f32" },
    { HEAD "MAP(T) f(u32 i) { return 1; }", "2:5: unknown type 'T'; give it with a define such as T=f32" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x; }", "2:39: x is an array; an index is missing" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { x[i] = 1; return 0; }", "2:32: 'x' is IN: it is only read" },
    { HEAD "MAP(f32) f(u32 i, OUT(f32) x) { return 0; }", "2:19: a MAP returns its element and writes nothing else" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 v = x[i]; }", "2:10: MAP 'f' gives a f32, but control can reach its end without a return" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { if (x[i] > 0) return 1; }", "2:10: MAP 'f' gives a f32, but control" },
    { HEAD "MAP(f32) f(i32 i) { return 0; }", "2:16: the first parameter of a MAP is the element, u32" },
    { HEAD "MAP(f32) f(u32 i) { return max(1); }", "2:28: max takes 2 arguments, here is 1" },
    { HEAD "static f32 g(f32 a) { return a; }\nMAP(f32) f(u32 i) { return g(1, 2); }", "3:28: g takes 1 argument, here are 2" },
    { HEAD "static f32 g(f32 a) { return g(a); }\nMAP(f32) f(u32 i) { return g(1); }", "2:30: 'g' calls itself; kernels have no recursion" },
    { HEAD "MAP(f32) f(u32 i) { return f(i); }", "2:28: 'f' is a kernel and cannot be called" },
    { HEAD "MAP(f32) f(u32 i) { return 1 }", "2:30: expected ';' after return, found '}'" },
    { HEAD "MAP(f32) f(u32 i) { return (1; }", "2:30: expected ')' to close '(', found ';'" },
    { HEAD "MAP(f32) f(u32 i) { return 1;", "expected '}' at the end of the body, found the end of the file" },
    { HEAD "MAP(f32) f(u32 i) { i = 2; return 1; }", "2:21: 'i' is a launch parameter and cannot be assigned" },
    { HEAD "MAP(f32) f(u32 i) { const u32 n = 2; n = 3; return 1; }", "2:38: 'n' is const" },
    { HEAD "MAP(f32) f(u32 i) { u32 n = i; f32 a[n]; return 1; }", "2:38: the size of an array must be a constant" },
    { HEAD "MAP(f32) f(u32 i) { f32 a[4]; return a[4]; }", "2:40: index 4 is outside 'a', which has 4" },
    { HEAD "MAP(f32) f(u32 i) { u32 i = 3; return i; }", "2:25: 'i' is declared twice in one scope" },
    { HEAD "MAP(f32) f(u32 i) { u32 a = 3, a = 4; return a; }", "2:32: 'a' is declared twice in one scope" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[1.5f]; }", "2:41: an index is an integer; here is f32" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i] % 2; }", "2:44: % works on integers; here is f32: use fmod" },
    { HEAD "MAP(f32) f(u32 i, IN(f16) x) { return x[i] + 1; }", "2:39: f16 has no arithmetic: read it with load(x, i)" },
    { HEAD "MAP(f16) f(u32 i, IN(f32) x) { return x[i]; }", "2:39: the result is f16, the value is f32: write TO(f16, v)" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i); return v; }", "2:62: the result is f32, the value is f32x4" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i); f32x2 w = MAKE2(f32, 1, 2); return (v + w).x; }", "2:93: f32x4 and f32x2 do not go together" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i); if (v > 0) return 1; return 0; }", "2:61: vectors cannot be compared" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x2 v = MAKE2(f32, 1, 2); return v.z; }", "2:69: f32x2 has 2 lanes; there is no lane 2" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a = x[i]; return (a = 2); }", "2:56: an assignment is a statement of its own in kernels; did you mean ==?" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a = 0; a + 1; return a; }", "2:43: this statement does nothing" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { max(1, 2); return 1; }", "2:32: this statement does nothing" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 *p = x; return 1; }", "2:36: '*' found where a local needs a name" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return *x; }", "2:39: kernels have no pointers" },
    { HEAD "MAP(f32) f(u32 i) { goto a; return 1; }", "2:21: 'goto' is not part of the kernel language" },
    { HEAD "MAP(f32) f(u32 i) { break; return 1; }", "2:21: break stands in no loop" },
    { HEAD "MAP(f32) f(u32 i) { return 1 << 40; }", "2:30: a shift of i32 by 40" },
    { HEAD "MAP(f32) f(u32 i) { return 12x; }", "2:28: '12x' is not a number" },
    { HEAD "MAP(f32) f(u32 i) { return 99999999999999999999; }", "2:28: 99999999999999999999 does not fit 64 bits" },
    { HEAD "MAP(f32) f(u32 i) { return `; }", "2:28: '`' has no meaning here" },
    { HEAD "/* open\nMAP(f32) f(u32 i) { return 1; }", "2:1: this comment has no end" },
    { HEAD "MAP(f32) f(u32 i) { SHARED(f32, s, 4); return 1; }", "2:21: a MAP has no group; SHARED is for KERNEL" },
    { HEAD "MAP(f32) f(u32 i) { ITEMS(t) {} return 1; }", "2:21: a MAP has no ITEMS" },
    { HEAD "f32 g(f32 a) { return a; }\nMAP(f32) f(u32 i) { return g(1); }", "2:1: functions and tables of a kernel file are static" },
    { HEAD "static f32 g(f32 a) { return a; }\n", "no MAP or KERNEL in this file" },
    { HEAD "KERNEL f(u32 g) { ITEMS(t) {} }", "2:1: a KERNEL needs the size of its group: #define GROUP 64 above it" },
    { HEAD "#define GROUP 5000\nKERNEL f(u32 g) { ITEMS(t) {} }", "3:1: GROUP must be from 1 to 1024; here it is 5000" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { y[g] = 1; }", "3:31: 'y' is written outside ITEMS, by every item at once" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) { ITEMS(u) y[u] = 1; } }", "3:42: ITEMS may not stand inside ITEMS" },
    { G4 "static void p(OUT(f32) y) { ITEMS(t) y[t] = 1; }\nKERNEL f(u32 g, OUT(f32) y) { ITEMS(t) p(y); }", "3:29: ITEMS may not run inside ITEMS" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { f32 s = 0; ITEMS(t) s += 1; }", "3:51: 's' belongs to the whole group and cannot be written inside ITEMS" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) { y[t] = 1; return; } }", "3:52: return may not leave ITEMS" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { for (;;) { ITEMS(t) { y[t] = 1; break; } } }", "3:63: break may not leave ITEMS" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) y[t] = 1; if (t > 2) return; }", "3:54: unknown name 't'" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { PER_ITEM(f32, a); ITEMS(t) a[t] = 1; ITEMS(t) y[t] = a[0]; }", "3:86: 'a' is PER_ITEM: its first index is the t" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { PER_ITEM(f32, a); if (a[0] > 1) return; }", "3:55: 'a' is PER_ITEM" },
    { G4 "KERNEL f(u32 g, INOUT(f32) y) { if (y[0] > 1) return; ITEMS(t) y[t] = 1; }", "3:37: 'y' is INOUT, and items of the group may see different values" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) y[t] += 1; }", "3:40: 'y' is OUT: it is only written; INOUT is read and written" },
    { G4 "KERNEL f(u32 g, OUT(u32) y) { ITEMS(t) atomic_add(y, 0, 1); }", "3:51: atomic_add works on INOUT buffers and SHARED memory; 'y' is neither" },
    { G4 "KERNEL f(u32 g, INOUT(u8) y) { ITEMS(t) atomic_add(y, 0, 1); }", "3:41: atomic_add works on u32, i32 and f32; 'y' holds u8" },
    { G4 "KERNEL f(u32 g, INOUT(u32) y) { atomic_add(y, 0, 1); }", "3:33: atomic_add outside ITEMS would run once for each item" },
    { G4 "KERNEL f(u32 g, INOUT(f32) y) { ITEMS(t) atomic_max(y, 0, 1); }", "3:42: atomic_max works on u32 and i32; 'y' holds f32" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) { SHARED(f32, s, 4); y[t] = 1; } }", "3:42: SHARED stands outside ITEMS" },
    { G4 "KERNEL f(u32 g, OUT(f32) y) { u32 n = 4; SHARED(f32, s, n); }", "3:57: the size of an array must be a constant" },
    { "#include \"nowhere.h\"\n" HEAD, "1:10: there is no \"nowhere.h\" in the kernel folder" },
    { "#include <math.h>\n", "1:10: expected #include \"NAME.h\"" },
    { "#if 1\nMAP(f32) f(u32 i) { return 1; }\n", "1:2: this #if has no #endif" },
    { "#endif\n", "1:2: #endif without #if" },
    { "#error not today\n", "1:2: #error not today" },
    { "#if 1 / 0\n#endif\n", "1:7: division by zero in #if" },
    { "#define A 1\n#define A 2\n", "2:9: A is defined already, differently (line 1)" },
    { "#define A(x) x\nMAP(f32) f(u32 i) { return A(1, 2); }", "2:28: macro A takes 1 arguments, here are 2" },
    { "#define A(x) x\nMAP(f32) f(u32 i) { return A(1; }", "2:28: the call of macro A has no ')'" },
    { "#define A(x) #x\n", "1:14: # makes text of an argument" },
    { "#frob\n", "1:1: unknown directive #frob" },
    { HEAD "#pragma unroll\nMAP(f32) f(u32 i) { return 1; }", "2:9: expected MAP, KERNEL or a static function, found 'unroll'" },
    { HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32w v = loadw(x, i); return v[0]; }", "2:61: f32w has no lanes to pick from" },
    { HEAD "MAP(f32) f(u32 i, IN(u32) x) { return load4(x, i).x; }", "2:39: load4 works on arrays of floats; 'x' holds u32" },
    { HEAD "static f32 g(ARRAY(f32, a)) { return a[0]; }\nMAP(f32) f(u32 i, IN(u32) x) { return g(x); }", "3:41: 'a' is an array of f32, 'x' holds u32" },
    { HEAD "static const f32 t[2] = { 1 };\nMAP(f32) f(u32 i) { return t[i]; }", "2:18: the table has 1 values; write all 2" },
    { HEAD "MAP(f32) if(u32 i) { return 1; }", "2:10: 'if' is a word of the language; a function needs another name" },
};
/* clang-format on */

/* ------------------------------------------------------------------ compiling and printing */
static qn_status print_text(const char *file, const char *text, const char *defines, kc_target target, str *out)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    kc_program p = { .file = file, .text = text, .defines = defines };
    qn_status status = a ? kc_compile(a, &p, NULL, &m) : fail_nomem(1);
    for (u32 i = 0; status == QN_OK && i < kc_kernel_count(m); i++) status = kc_print(m, kc_kernel_at(m, i), target, out);
    arena_free(a);
    return status;
}

static void test_good(test *t)
{
    for (u32 i = 0; i < COUNT(good); i++) {
        str out = { 0 };
        qn_status status = print_text("good.c", good[i].text, good[i].defines, KC_OPENCL, &out);
        CHECK(t, status == QN_OK, "%s: %s", good[i].why, qn_last_error());
        if (status == QN_OK)
            CHECK(t, strstr(out.text, good[i].prints), "%s: no '%s' in\n%s", good[i].why, good[i].prints, out.text);
        str_free(&out);
        status = print_text("good.c", good[i].text, good[i].defines, KC_C, &out);
        CHECK(t, status == QN_OK && strstr(out.text, "void qk_run(const qk_args *"), "%s: in C: %s", good[i].why,
              qn_last_error());
        str_free(&out);
    }
}

static void test_bad(test *t)
{
    for (u32 i = 0; i < COUNT(bad); i++) {
        str out = { 0 };
        qn_status status = print_text("bad.c", bad[i].text, "", KC_OPENCL, &out);
        str_free(&out);
        CHECK(t, status == QN_E_KERNEL, "accepted:\n%s", bad[i].text);
        if (status != QN_E_KERNEL) continue;
        CHECK(t, strstr(qn_last_error(), "bad.c:") && strstr(qn_last_error(), bad[i].says), "for\n%s\nwanted '%s', got '%s'",
              bad[i].text, bad[i].says, qn_last_error());
        CHECK(t, strstr(qn_last_error(), "^"), "no caret in '%s'", qn_last_error());
    }
}

/* A launch gives n=3: what the file declares may not be called so, but for a CONST. */
static void test_defines(test *t)
{
    static const bad_case cases[] = {
        { HEAD "static f32 g(f32 n) { return n; }\nMAP(f32) f(u32 i) { return g(1); }",
          "defines.c:2:18: a define of this program gives 'n' a value" },
        { HEAD "MAP(f32) f(u32 i) { u32 n = i; return n; }", "defines.c:2:25: a define of this program gives 'n' a value" },
        { HEAD "MAP(f32) f(u32 i, CONST(u32) n) { return (f32)n; }", NULL },
    };
    for (u32 i = 0; i < COUNT(cases); i++) {
        str out = { 0 };
        qn_status status = print_text("defines.c", cases[i].text, "n=3", KC_OPENCL, &out);
        CHECK(t, status == (cases[i].says ? QN_E_KERNEL : QN_OK), "status %s for\n%s", qn_status_text(status),
              cases[i].text);
        if (cases[i].says)
            CHECK(t, strstr(qn_last_error(), cases[i].says), "wanted '%s', got '%s'", cases[i].says, qn_last_error());
        str_free(&out);
    }
}

/* ------------------------------------------------------------------ what one target cannot express */
/* clang-format off */
static const struct {
    kc_target target;
    const char *text, *said;
} cannot[] = {
    { KC_WGSL, HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a[2049]; a[i % 2048] = x[i]; return a[0]; }", "2:10: 'f' has 8196 bytes of variables" },
    { KC_WGSL, G4 "KERNEL f(u32 g, IN(i64) x, OUT(i64) y) { ITEMS(t) { i64 a[1025]; a[g % 9] = x[t]; y[g * 4 + t] = a[g % 9]; } }", "3:8: 'f' has 8200 bytes of variables; WGSL has room for 8192 in a function" },
    { KC_WGSL, HEAD "MAP(f64) f(u32 i, IN(f64) x) { return x[i]; }", "WGSL has no f64" },
    { KC_GLSL, G4 "KERNEL f(u32 g, OUT(f32) y) { ITEMS(t) { y[g * 4 + t] = 1; } }", "KERNEL" },
    { KC_GLSL, HEAD "MAP(f64) f(u32 i, IN(f64) x) { return x[i]; }", "f64" },
};
/* clang-format on */

static void test_cannot(test *t)
{
    for (u32 i = 0; i < COUNT(cannot); i++) {
        str out = { 0 };
        qn_status status = print_text("cannot.c", cannot[i].text, "", cannot[i].target, &out);
        CHECK(t, status == QN_E_UNSUPPORTED && strstr(qn_last_error(), cannot[i].said) && strstr(qn_last_error(), "^"),
              "%u: %s", i, qn_last_error());
        str_free(&out);
    }
}

/* ------------------------------------------------------------------ hostile sizes: refused with a sentence, in bounded time */
static void check_refused(test *t, const char *why, str *text)
{
    str out = { 0 };
    qn_status status = print_text("hostile.c", text->text, "", KC_OPENCL, &out);
    CHECK(t, status == QN_E_KERNEL, "%s: status %s", why, qn_status_text(status));
    str_free(&out);
    str_free(text);
}

static void repeat(str *s, const char *piece, u32 n)
{
    for (u32 i = 0; i < n; i++) str_add(s, piece);
}

/* One piece again and again: whatever kc reads by recursion has an end. */
static void test_hostile_chains(test *t)
{
    static const struct {
        const char *why, *before, *piece, *after;
    } chains[] = {
        { "?: in #if, to the left", "#if ", "1?", "1\n#endif\n" },
        { "?: in #if, to the right", "#if ", "1?1:", "1\n#endif\n" },
        { "parentheses in #if", "#if ", "(", "1\n#endif\n" },
        { "signs in #if", "#if ", "-", "1\n#endif\n" },
        { "?: to the left", "MAP(u32) f(u32 i) { return ", "i?", "1; }" },
        { "?: to the right", "MAP(u32) f(u32 i) { return ", "i?1u:", "1u; }" },
        { "signs", "MAP(i32) f(u32 i) { return ", "- ", "1; }" },
        { "casts", "MAP(u32) f(u32 i) { return ", "(u32)", "i; }" },
        { "calls", "MAP(u32) f(u32 i, IN(u32) x) { return ", "x[", "i; }" },
        { "else if", "MAP(u32) f(u32 i) { ", "if (i) return 1u; else ", "return 2u; }" },
        { "loops", "MAP(u32) f(u32 i) { ", "for (u32 k = 0; k < 2; k++) ", "return 2u; }" },
        { "initializers", "MAP(f32) f(u32 i) { f32 a[2] = ", "{", "1}; return a[0]; }" },
        { "tables", "static const f32 a[2] = ", "{", "1};\n" },
        { "declarators", "MAP(f32) f(u32 i) { f32 a", "[2]", "; return 0; }" },
        { "arguments of macros", "#define F(x) x\nMAP(u32) f(u32 i) { return ", "F(", "i; }" },
        { "unrolled", "MAP(u32) f(u32 i) { ", "\n#pragma unroll\n", "return 2u; }" },
    };
    for (size_t i = 0; i < COUNT(chains); i++) {
        str s = { 0 };
        str_add(&s, chains[i].before);
        repeat(&s, chains[i].piece, 20000);
        str_add(&s, chains[i].after);
        check_refused(t, chains[i].why, &s);
    }
}

static void test_hostile(test *t)
{
    str s = { 0 };
    str_add(&s, "MAP(f32) f(u32 i) { return ");
    repeat(&s, "(", 100000);
    check_refused(t, "parentheses", &s);
    str_add(&s, "MAP(f32) f(u32 i) { return 1");
    repeat(&s, "+i", 100000);
    str_add(&s, "; }");
    check_refused(t, "a long sum", &s);
    str_add(&s, "MAP(f32) f(u32 i) ");
    repeat(&s, "{", 100000);
    check_refused(t, "blocks", &s);
    test_hostile_chains(t);
    for (u32 i = 0; i < 40; i++) str_print(&s, "#define A%u A%u A%u\n", i + 1, i, i);
    str_add(&s, "A40\n");
    check_refused(t, "macros that double", &s);
    for (u32 i = 0; i < 40; i++)
        str_print(&s, "static u32 f%u(u32 a) { u32 b = %s%u(a); return b + %s%u(b); }\n", i + 1, i ? "f" : "(u32)",
                  i ? i : 0, i ? "f" : "(u32)", i ? i : 0);
    str_add(&s, "MAP(u32) m(u32 i) { return f40(i); }\n");
    check_refused(t, "functions that double", &s);
    repeat(&s, "#include \"matmul.c\"\n", 1);
    repeat(&s, "x ", 600000);
    check_refused(t, "a large file", &s);
    str_add(&s, "MAP(u32) m(u32 i) { u32 s = 0;\n");
    repeat(&s, "#pragma unroll\nfor (u32 k = 0; k < 1000; k++)\n", 4);
    str_add(&s, "s += i; return s; }\n");
    str out = { 0 };
    CHECK_OK(t, print_text("hostile.c", s.text, "", KC_OPENCL, &out));
    CHECK(t, out.n < 1 << 20, "unrolling of unrolling stops growing: %zu bytes", out.n);
    str_free(&out);
    str_free(&s);
}

/* ------------------------------------------------------------------ goldens */
typedef struct golden {
    const char *name, *defines;
} golden;
static const golden goldens[] = {
    { "examples/saxpy", "" },
    { "examples/histogram", "" },
    { "examples/matmul_tiled", "" },
    { "tests/kc/elementwise", "T=f16" },
    { "tests/kc/row_softmax", "T=f32" },
    { "tests/kc/wide", "T=f32" },
    { "tests/kc/values", "" },
    { "tests/kc/groups", "" },
    { "tests/kc/functions", "" },
    { "tests/kc/mma", "" },
    { "tests/kc/subgroups", "" },
};

static char *read_source(const char *path)
{
    file_map file;
    if (file_map_open(path, &file) != QN_OK) return NULL;
    char *text = mem_alloc(file.bytes.n + 1);
    if (text) {
        memcpy(text, file.bytes.data, file.bytes.n);
        text[file.bytes.n] = '\0';
    }
    file_map_close(&file);
    return text;
}

/* quern_kernel_math.h inside the C output is tested elsewhere: it stays out of the goldens. */
static void cut_math(str *out)
{
    char *from = out->text ? strstr(out->text, "#define QK_INLINE") : NULL, *to = NULL;
    for (char *at = from; at && (at = strstr(at, "#undef QK_L\n")); at++) to = at + strlen("#undef QK_L\n");
    if (!from || !to) return;
    memmove(from, to, strlen(to) + 1);
    out->n = strlen(out->text);
}

static void compare_golden(test *t, const char *path, const char *got)
{
    const char *mode = getenv("QUERN_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        CHECK_OK(t, file_write(path, (qn_bytes){ got, strlen(got) }));
        return;
    }
    char *want = read_source(path);
    CHECK(t, want && strcmp(want, got) == 0, "%s differs from what is printed now (QUERN_GOLDEN=write renews it)", path);
    mem_free(want);
}

static void test_goldens(test *t)
{
    static const struct {
        kc_target target;
        const char *ending;
        const char *without; /* a file with this word in it is refused, and the sentence has it */
    } endings[] = { { KC_OPENCL, "opencl", " mma" }, { KC_C, "c.txt", NULL },     { KC_WASM, "wat", " mma" },
                    { KC_GLSL, "glsl", "KERNEL" },   { KC_WGSL, "wgsl", " mma" }, { KC_PTX, "ptx", NULL } };
    for (u32 i = 0; i < COUNT(goldens); i++) {
        char path[400];
        const char *name = strrchr(goldens[i].name, '/') + 1;
        snprintf(path, sizeof path, "%s/%s.c", QUERN_SOURCE_DIR, goldens[i].name);
        char *text = read_source(path);
        CHECK(t, text != NULL, "%s cannot be read", path);
        for (u32 k = 0; text && k < COUNT(endings); k++) {
            str out = { 0 };
            snprintf(path, sizeof path, "%s.c", name);
            qn_status status = print_text(path, text, goldens[i].defines, endings[k].target, &out);
            const char *without = endings[k].without;
            bool refused = without && strstr(text, without);
            CHECK(t, status == (refused ? QN_E_UNSUPPORTED : QN_OK), "%s as %s: %s", path, endings[k].ending,
                  qn_last_error());
            if (refused) {
                CHECK(t, strstr(qn_last_error(), without) && strstr(qn_last_error(), "^"), "%s", qn_last_error());
                str_free(&out);
                continue;
            }
            cut_math(&out);
            snprintf(path, sizeof path, "%s/tests/kc/%s.%s", QUERN_SOURCE_DIR, name, endings[k].ending);
            if (out.text) compare_golden(t, path, out.text);
            str_free(&out);
        }
        mem_free(text);
    }
}

/* What WGSL becomes where the device has its features. */
static void test_features(test *t)
{
    static const golden with[] = { { "subgroups", "" }, { "groups", "" }, { "elementwise", "T=f16" } };
    for (u32 i = 0; i < COUNT(with); i++) {
        const kc_layout all = { .f16 = true, .subgroups = true };
        char path[400];
        snprintf(path, sizeof path, "%s/tests/kc/%s.c", QUERN_SOURCE_DIR, with[i].name);
        char *text = read_source(path);
        arena *a = arena_make();
        kc_module *m = NULL;
        str out = { 0 };
        kc_program p = { .file = "features.c", .text = text ? text : "", .defines = with[i].defines };
        CHECK_OK(t, kc_compile(a, &p, NULL, &m));
        for (u32 k = 0; m && k < kc_kernel_count(m); k++) CHECK_OK(t, kc_print_wgsl(m, kc_kernel_at(m, k), &all, &out));
        snprintf(path, sizeof path, "%s/tests/kc/%s.features.wgsl", QUERN_SOURCE_DIR, with[i].name);
        if (out.text) compare_golden(t, path, out.text);
        str_free(&out);
        arena_free(a);
        mem_free(text);
    }
}

/* ------------------------------------------------------------------ the rest */
static const char sample[] = G4 "static f32 g(f32 a) { if (a > 0) return a; return exp(a); }\n"
                                "KERNEL f(u32 n, IN(f32) x, OUT(f32) y) { SHARED(f32, s, 4); ITEMS(t) s[t] = g(x[t]); "
                                "ITEMS(t) y[t] = max(s[t], 0.0f); }";

/* Every allocation fails once: a status, no leak, no crash. */
static void test_no_memory(test *t)
{
    u64 alive = mem_blocks_alive();
    qn_status status = QN_E_NOMEM;
    u64 n = 1;
    for (; n < 10000 && status != QN_OK; n++) {
        str out = { 0 };
        mem_fail_at(n);
        status = print_text("memory.c", sample, "", KC_C, &out);
        mem_fail_at(0);
        str_free(&out);
        if (status != QN_OK && status != QN_E_NOMEM) break;
    }
    CHECK(t, status == QN_OK, "allocation %llu failing gives '%s'", (unsigned long long)n, qn_status_text(status));
    CHECK(t, mem_blocks_alive() == alive, "%llu blocks leak", (unsigned long long)(mem_blocks_alive() - alive));
}

static void test_lookups(test *t)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    kc_program p = {
        .file = "two.c",
        .text = G4
        "MAP(f32) a(u32 i, IN(f32) x, f64 s, CONST(u32) n) { return x[i * 2 + 1] + x[i] + x[0] + x[i * i]; }\n"
        "KERNEL b(u32 g, INOUT(u32) y, u64 w) { SHARED(u32, s, 8); ITEMS(t) s[t] = 0; ITEMS(t) atomic_add(y, g, s[t]); }"
    };
    CHECK_OK(t, kc_compile(a, &p, NULL, &m));
    if (m) {
        const kc_kernel *k = kc_kernel_find(m, "a"), *b = kc_kernel_find(m, "b");
        CHECK(t, kc_kernel_count(m) == 2 && k && b && !kc_kernel_find(m, NULL) && !kc_kernel_find(m, "c"),
              "kernels by name");
        CHECK(t, k->form == KC_MAP && k->n_params == 3 && k->params[2].role == KC_CONST && k->uses_f64 && !k->uses_atomics,
              "what 'a' needs");
        CHECK(t, b->form == KC_GROUP && b->group == 4 && b->shared_bytes == 32 && b->uses_atomics && b->uses_i64,
              "what 'b' needs");
        const kc_entry *e = kc_entry_of(k);
        static const kc_index_form forms[] = { KC_INDEX_AFFINE, KC_INDEX_FIRST, KC_INDEX_UNIFORM, KC_INDEX_ANY };
        CHECK(t, e->n_accesses == 4, "accesses of 'a'");
        for (u32 i = 0; i < e->n_accesses && i < 4; i++)
            CHECK(t, e->accesses[i].form == forms[i], "access %u has form %d", i, e->accesses[i].form);
        CHECK(t, e->n_words == 3 && e->buffers[0]->read && !e->buffers[0]->written, "words and effects of 'a'");
    }
    kc_program other = p;
    other.defines = "A=1";
    CHECK(t, kc_program_key(&p) == kc_program_key(&p) && kc_program_key(&p) != kc_program_key(&other), "keys");
    CHECK(t,
          kc_target_by_name("opencl") == KC_OPENCL && kc_target_by_name("c") == KC_C &&
              kc_target_by_name("fortran") == KC_NONE,
          "targets");
    arena_free(a);
}

void test_kc(test *t)
{
    test_good(t);
    test_bad(t);
    test_hostile(t);
    test_lookups(t);
    test_no_memory(t);
    test_defines(t);
    test_goldens(t);
    test_cannot(t);
    test_features(t);
}
