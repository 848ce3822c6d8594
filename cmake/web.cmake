# The module for browsers and Node, quern.wasm: a reactor without main, exporting what src/web/web.h declares.
# What it imports, and why it is built as it is, is in docs/web-module.md.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
option(QUERN_WEB_THREADS "the module with shared memory and threads" OFF)
set(FEATURES -mcpu=generic+simd128+bulk_memory+sign_ext+nontrapping_fptoint+multivalue+mutable_globals)
if(QUERN_WEB_THREADS)
    string(APPEND FEATURES +atomics)
endif()
add_compile_options(-target wasm32-wasi ${FEATURES} -fno-strict-aliasing)
add_link_options(-target wasm32-wasi ${FEATURES})

# ---- kernels: one copy, SIMD128 with four lanes of f32w. No T=f64 set: such kernels run by kc, slower and as exact. Nor some large ones
# that are for GPUs, where the cpu has rows of its own that come first, and some of rare ops: kc makes these where somebody asks for them.
set(LEFT_TO_KC conv_blocked conv_blocked_depth conv_blocked_map pool_last conv_last conv_last_depth conv_last_four conv_last_group conv_last_tile expert_nbits forest matmul_four matmul_group matmul_block matmul_thin matmul_mma conv_group conv_block conv_mma grid_sample roi linear_states matmul_nbits matmul_nbits_row matmul_nbits_tile nbits_numbers narrow
    col2im eye norm_group pad_map random range resize reduce_group reduce_parts rnn_map scan scatter_lines scatter_tuples softmax_group tensor_scatter topk)
set(NO_ROWS "#include \"device/host_kernels.h\"\n")
foreach(name ${LEFT_TO_KC})
    list(REMOVE_ITEM HOST_SOURCES ${GEN}/host_${name}.c)
    string(APPEND NO_ROWS "extern const host_kernel_row host_rows_${name}_baseline[];\nconst host_kernel_row host_rows_${name}_baseline[1] = { { 0 } };\n")
endforeach()
file(CONFIGURE OUTPUT ${GEN}/left_to_kc.c CONTENT "${NO_ROWS}" @ONLY)
add_library(kernels OBJECT ${HOST_SOURCES} ${GEN}/left_to_kc.c)
add_dependencies(kernels generated)
target_include_directories(kernels PRIVATE include src kernels ${CMAKE_SOURCE_DIR})
target_compile_definitions(kernels PRIVATE QK_ISA=baseline)
target_compile_options(kernels PRIVATE -O2 -ffp-contract=fast -fno-math-errno -fno-trapping-math -fwrapv -w)

# ---- no block machine: WebAssembly that kc makes is there at once, for every MAP (src/device/cpu_program.c)
file(CONFIGURE OUTPUT ${GEN}/no_block_machine.c CONTENT
"#include \"kc/kc.h\"
qn_status kc_block_make(arena *a, const kc_module *m, const kc_kernel *k, kc_block **out) { (void)a, (void)m, (void)k, *out = NULL; return QN_OK; }
void kc_block_run(const kc_block *b, void *const *bufs, const u32 *words, u64 from, u64 to) { (void)b, (void)bufs, (void)words, (void)from, (void)to; }
" @ONLY)

# ---- the core computes no gradients: 9 KB of records and formulas
file(CONFIGURE OUTPUT ${GEN}/no_gradients.c CONTENT
"#include \"train/autodiff.h\"
qn_status autodiff_build(build *b, const autodiff *what, val *dxs)
{
    (void)what, (void)dxs;
    return build_fail(b, QN_E_UNSUPPORTED, \"this module computes no gradients: it was built without them\");
}
" @ONLY)

# ---- nor does it compute with complex numbers; it moves them
file(CONFIGURE OUTPUT ${GEN}/no_complex.c CONTENT
"#include \"op/complex.h\"
qn_status complex_expand(build *b, const node *n)
{
    (void)n;
    return build_fail(b, QN_E_UNSUPPORTED, \"it computes with complex numbers: \" QUERN_CORE);
}
" @ONLY)

# ---- the library: no files, no drivers to load, no codecs (a browser decodes pictures)
file(GLOB SOURCES CONFIGURE_DEPENDS src/*.c src/base/*.c src/format/*.c src/graph/*.c src/op/*.c src/pass/*.c src/plan/*.c src/kc/*.c
     src/device/*.c src/exec/*.c src/train/*.c src/media/*.c src/pipeline/*.c src/web/*.c)
set(NATIVE "base/(cache|file|platform_posix|regex)|kc/block(_emit|_eval|_loops|_make|)|media/image_(exif|jp2|jp2_head|jpeg|native|png|tiff|webp)|device/(cpu_compile|cuda|cuda_api|cuda_list|cuda_program|cuda_queue|driver_library|opencl|opencl_api|opencl_program|opencl_queue|webgpu_adapter|webgpu_native|webgpu_pipeline)|train/autodiff")
list(FILTER SOURCES EXCLUDE REGEX "src/(${NATIVE})\\.c$")
# The model of drawn glyphs is a file beside the module: a page fetches it when it wants it.
file(CONFIGURE OUTPUT ${GEN}/no_glyphs.c CONTENT
     "#include <stddef.h>\nconst unsigned char quern_glyphs_onnx[1] = { 0 };\nconst size_t quern_glyphs_onnx_bytes = 0;\n")
set(OPS ${SOURCES})
list(FILTER OPS INCLUDE REGEX "src/op/")
list(REMOVE_ITEM SOURCES ${OPS})

# ---- two modules of the same objects. The core, quern.wasm, is what nearly all models need; quern-full.wasm has everything. They differ in three
# tables, which leave out of the core what src/op/ops.def, src/kc/targets.def and kernels/rare.def call RARE, in gradients and complex.c; no other file
# names all ops or printers, so the linker drops what the tables do not name.
set(TABLES ${CMAKE_SOURCE_DIR}/src/op/op.c ${CMAKE_SOURCE_DIR}/src/kc/print.c)
list(REMOVE_ITEM OPS ${TABLES} ${CMAKE_SOURCE_DIR}/src/op/complex.c)
list(REMOVE_ITEM SOURCES ${TABLES})
set(OPS_WITH_GRADIENTS)
foreach(file ${OPS})
    file(STRINGS ${file} found REGEX "GRADIENT\\(|FORMULAS\\(" LIMIT_COUNT 1)
    if(found)
        list(APPEND OPS_WITH_GRADIENTS ${file})
    endif()
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${OPS} kernels/rare.def)
set(OPS_ALIKE ${OPS})
list(REMOVE_ITEM OPS_ALIKE ${OPS_WITH_GRADIENTS})
file(STRINGS kernels/rare.def RARE_KERNELS REGEX "^RARE")
list(TRANSFORM RARE_KERNELS REPLACE "RARE\\((.*), (.)\\)" "WITHOUT_\\1_\\2")

add_library(library OBJECT ${SOURCES} ${GEN}/build_hash.c ${GEN}/no_glyphs.c ${GEN}/no_block_machine.c)
add_library(ops OBJECT ${OPS_ALIKE}) # without their test cases
add_library(ops_core OBJECT ${OPS_WITH_GRADIENTS})
add_library(ops_full OBJECT ${OPS_WITH_GRADIENTS})
add_library(tables_core OBJECT ${TABLES} ${GEN}/embedded.c ${GEN}/no_gradients.c ${GEN}/no_complex.c)
add_library(tables_full OBJECT ${TABLES} ${GEN}/embedded.c src/train/autodiff.c src/op/complex.c)
target_compile_definitions(ops PRIVATE QUERN_NO_CASES)
target_compile_definitions(ops_core PRIVATE QUERN_NO_CASES QUERN_NO_GRADIENTS)
target_compile_definitions(ops_full PRIVATE QUERN_NO_CASES)
target_compile_definitions(tables_core PRIVATE ${RARE_KERNELS} WITHOUT_quern_kernel_math_h
                           "QUERN_CORE=\"quern.wasm is the core, quern-full.wasm has it (module: 'full')\"")
foreach(module core full)
    add_executable(quern_wasm_${module} ${GEN}/host_table.c $<TARGET_OBJECTS:library> $<TARGET_OBJECTS:ops> $<TARGET_OBJECTS:ops_${module}>
                   $<TARGET_OBJECTS:tables_${module}> $<TARGET_OBJECTS:kernels>)
    target_compile_definitions(quern_wasm_${module} PRIVATE QUERN_NO_DOUBLE)
endforeach()
set_target_properties(quern_wasm_core PROPERTIES OUTPUT_NAME quern SUFFIX .wasm)
set_target_properties(quern_wasm_full PROPERTIES OUTPUT_NAME quern-full SUFFIX .wasm)
add_custom_target(quern_wasm DEPENDS quern_wasm_core quern_wasm_full)

# ---- for tests alone: the module with the T=f64 kernels, and the cases of ops that a page runs (tests/web/op_cases.h)
add_library(kernels_double OBJECT EXCLUDE_FROM_ALL ${HOST_DOUBLE_SOURCES})
add_dependencies(kernels_double generated)
target_include_directories(kernels_double PRIVATE include src kernels ${CMAKE_SOURCE_DIR})
target_compile_definitions(kernels_double PRIVATE QK_ISA=baseline QK_DOUBLE)
target_compile_options(kernels_double PRIVATE -O1 -ffp-contract=fast -fno-math-errno -fno-trapping-math -fwrapv -w)
add_library(ops_with_cases OBJECT EXCLUDE_FROM_ALL ${OPS})
add_executable(quern_wasm_tests EXCLUDE_FROM_ALL ${GEN}/host_table.c tests/op_case.c tests/op_graph.c tests/run_graph.c tests/web/op_cases.c
               $<TARGET_OBJECTS:library> $<TARGET_OBJECTS:ops_with_cases> $<TARGET_OBJECTS:tables_full> $<TARGET_OBJECTS:kernels> $<TARGET_OBJECTS:kernels_double>)
target_include_directories(quern_wasm_tests PRIVATE tests)
set_target_properties(quern_wasm_tests PROPERTIES OUTPUT_NAME quern-tests SUFFIX .wasm)

foreach(target library ops ops_core ops_full tables_core tables_full ops_with_cases quern_wasm_core quern_wasm_full quern_wasm_tests)
    add_dependencies(${target} generated)
    target_include_directories(${target} PRIVATE include src ${GEN})
    target_compile_options(${target} PRIVATE -Os ${QUERN_WARNINGS})
    target_compile_definitions(${target} PRIVATE NDEBUG QUERN_ISA_BASELINE=1)
endforeach()
set_source_files_properties(${GEN}/embedded.c ${GEN}/build_hash.c ${GEN}/host_table.c ${GEN}/no_glyphs.c PROPERTIES COMPILE_OPTIONS "-w")

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS src/web/web.h tests/web/op_cases.h)
file(STRINGS src/web/web.h DECLARED REGEX "^WEB ")
file(STRINGS tests/web/op_cases.h DECLARED_TESTS REGEX "^WEB ")
foreach(list DECLARED DECLARED_TESTS)
    list(TRANSFORM ${list} REPLACE "^WEB [^(]*(q[wt]_[a-z_]+)\\(.*$" "-Wl,--export=\\1")
endforeach()
target_link_options(quern_wasm_tests PRIVATE ${DECLARED_TESTS})
foreach(module quern_wasm_core quern_wasm_full quern_wasm_tests)
    if(QUERN_WEB_THREADS)
        get_target_property(name ${module} OUTPUT_NAME)
        set_target_properties(${module} PROPERTIES OUTPUT_NAME ${name}-threads RUNTIME_OUTPUT_DIRECTORY ${CMAKE_SOURCE_DIR}/build/web)
        target_link_options(${module} PRIVATE -Wl,--shared-memory -Wl,--import-memory -Wl,--initial-memory=16777216
                            -Wl,--export=__wasm_init_tls)
    endif()
    target_link_options(${module} PRIVATE -mexec-model=reactor -O2 -s ${DECLARED} -Wl,--export=__stack_pointer -Wl,--export-table -Wl,--growable-table
                        -Wl,-z,stack-size=4194304 -Wl,--max-memory=4294901760)
endforeach()
