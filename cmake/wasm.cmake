# Toolchain for the module of a browser: zig's clang with its libc, from the Python package `ziglang` in .venv (tools/setup.sh web).
# Chosen over clang-19 with Debian's wasi-libc because only zig's libc can be built for shared memory, which threads need.
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
file(GLOB QUERN_ZIG ${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/ziglang/zig)
if(NOT QUERN_ZIG)
    message(FATAL_ERROR "no zig in .venv: run tools/setup.sh web")
endif()
set(CMAKE_C_COMPILER ${QUERN_ZIG} cc)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR ${CMAKE_CURRENT_LIST_DIR}/zig_ar.sh CACHE FILEPATH "")
set(CMAKE_RANLIB true CACHE FILEPATH "")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX .wasm)
