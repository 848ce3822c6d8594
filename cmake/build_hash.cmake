# A hash of the texts from which code for devices is made (kernels, kc, the devices), as C: -DROOT= -DOUT= -P build_hash.cmake
# What a build found out about such code, and keeps, holds for builds with the same hash alone.
file(GLOB files ${ROOT}/kernels/*.[ch] ${ROOT}/include/*.h ${ROOT}/src/kc/* ${ROOT}/src/device/*)
list(SORT files)
set(all "")
foreach(file ${files})
    file(SHA256 ${file} hash)
    cmake_path(GET file FILENAME name)
    string(APPEND all "${name} ${hash}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUT} "const char quern_build[] = \"${hash}\";\n")
