#!/bin/sh
# Installs BUILD into PREFIX (a folder of its own) and builds a small program against it, by pkg-config and by CMake, shared and static.
set -eu
build=$1
rm -rf "$2" && mkdir -p "$2"
prefix=$(cd "$2" && pwd)
app=$prefix/app
cmake --install "$build" --prefix "$prefix" >/dev/null
mkdir -p "$app"
cat >"$app/app.c" <<'END'
#include <quern.h>
#include <stdio.h>
int main(void)
{
    qn_device *d;
    if (qn_device_open("cpu", NULL, &d) != QN_OK) return puts(qn_last_error()), 1;
    printf("%s on %s\n", qn_version(), qn_device_get_info(d)->kind);
    qn_device_close(d);
    return 0;
}
END
cat >"$app/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(app C)
find_package(quern REQUIRED)
add_executable(shared app.c)
target_link_libraries(shared quern::quern_shared)
add_executable(static app.c)
target_link_libraries(static quern::quern_static)
END
pc=$(dirname "$(find "$prefix" -name quern.pc)")
libs=$(dirname "$pc")
export PKG_CONFIG_PATH="$pc"
cc "$app/app.c" $(pkg-config --cflags --libs quern) -o "$app/by_pkg_config"
LD_LIBRARY_PATH=$libs "$app/by_pkg_config"
cc "$app/app.c" $(pkg-config --cflags --libs quern-static) -o "$app/by_pkg_config_static"
"$app/by_pkg_config_static"
cmake -B "$app/build" -S "$app" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$app/build" >/dev/null
"$app/build/shared" && "$app/build/static"
# Each is linked as it says, so the static ones run where no libquern.so is.
needs() { readelf -d "$1" | grep NEEDED | grep -q libquern; }
for program in by_pkg_config build/shared; do needs "$app/$program" || { echo "$program does not need libquern.so"; exit 1; }; done
for program in by_pkg_config_static build/static; do ! needs "$app/$program" || { echo "$program needs libquern.so"; exit 1; }; done
test -f "$prefix/share/man/man1/quern.1"
"$prefix/bin/quern" --help >/dev/null
