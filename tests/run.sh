#!/bin/sh
# All tests. `tests/run.sh full` adds the large reference models, the whole set of ONNX node tests on every device, and long fuzzing.
# Each stage prints what failed and its own totals; the last line is  N passed, N failed, N skipped  over all stages.
set -u
cd "$(dirname "$0")/.."
mode=${1:-quick}
cores=$(nproc)
models=${QUERN_MODELS:-../shared/models}
[ -d "$models" ] && models=$(cd "$models" && pwd)
export QUERN_MODELS="$models"
peers=${QUERN_PEERS:-../shared/peers}
[ -d "$peers" ] && peers=$(cd "$peers" && pwd)
python=.venv/bin/python
work=build/test
mkdir -p "$work" build/test/cache && chmod 700 build/test/cache
webgpu=$(ls .venv/lib/python3*/site-packages/wgpu/resources/libwgpu_native-release.* 2>/dev/null | head -n 1)
[ -n "$webgpu" ] && export QUERN_WEBGPU="${QUERN_WEBGPU:-$PWD/$webgpu}"
dawn=$(ls "$PWD"/.venv/node/node_modules/bun-webgpu-linux-x64/libwebgpu_wrapper.so 2>/dev/null)
[ -f .venv/lavapipe/lavapipe.json ] && export VK_ICD_FILENAMES="${VK_ICD_FILENAMES:-$PWD/.venv/lavapipe/lavapipe.json}"
[ -n "${XDG_RUNTIME_DIR:-}" ] || export XDG_RUNTIME_DIR="$PWD/build/test/cache" # drivers complain without one
export QUERN_CACHE="$PWD/build/test/cache" QUERN_NETWORKS="$PWD/$work/networks"
commit=$(git rev-parse --short=7 HEAD 2>/dev/null | cut -c1-7)
export QUERN_TEST_SEED="${QUERN_TEST_SEED:-$((0x${commit:-$(date +%Y%m)}))}" # picks what a quick run takes of a long list: another part for each commit
passed=0 failed=0 skipped=0 track=main
most=2400; [ "$mode" = full ] && most=20000 # seconds for one stage: what hangs fails
: >"$work/devices.txt"
: >"$work/failed.txt"
begun=$(date +%s)
echo "seed of the slices: $QUERN_TEST_SEED"

# worked: seconds that processors have worked for this shell's commands, a figure that does not hang on what else the machine does.
count_worked() {
    times >"$work/times.$track"
    worked=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += t[1] * 60 + t[2] } printf "%d", s }' "$work/times.$track")
}

say() { printf '\n== %s\n' "$*"; }

# stage NAME COMMAND...: counts the command's own "N passed, N failed, N skipped", or itself as one test.
stage() {
    name=$1; shift
    say "$name"
    log="$work/$(printf '%s' "$name" | tr -c 'a-zA-Z0-9\n' _).log"
    start=$(date +%s)
    count_worked; before=$worked
    timeout -k 10 "$most" "$@" >"$log" 2>&1
    status=$?
    [ "$status" -eq 124 ] && echo "stopped after $most s" >>"$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        p=$(printf '%s' "$line" | sed -E 's/^([0-9]+) passed.*/\1/')
        f=$(printf '%s' "$line" | sed -E 's/.* ([0-9]+) failed.*/\1/')
        s=$(printf '%s' "$line" | sed -nE 's/.* ([0-9]+) skipped.*/\1/p')
        [ "$status" -ne 0 ] && [ "$f" -eq 0 ] && f=1
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
    elif [ "$status" -eq 0 ]; then passed=$((passed + 1)) line="ok" f=0
    else failed=$((failed + 1)) line="exit status $status" f=1
    fi
    if [ "$f" -ne 0 ] || [ "$status" -ne 0 ]; then
        tail -n 60 "$log"
        { printf '%s: %s\n' "$name" "$line"; grep -E '^ *(FAILED|ERROR|error|==[0-9]+==ERROR|SUMMARY|stopped after)' "$log" | head -n 12 | sed 's/^/    /'; } >>"$work/failed.txt"
    fi
    grep -E '^skipped' "$log" | head -n 20
    grep -E '^device [^:]+:' "$log" >>"$work/devices.txt"
    count_worked
    printf '%s  (%s s, %s s of processors)\n' "$line" "$(($(date +%s) - start))" "$((worked - before))"
}

# on_device DEVICE KIND COMMAND...: a stage whose counts go into the table of devices.
on_device() {
    device=$1 kind=$2; shift 2
    stage "$kind on $device" "$@"
    printf 'device %s: %s: %s\n' "$device" "$kind" "$line" >>"$work/devices.txt"
}

skip() { say "$1"; printf 'skipped: %s\n' "$2"; skipped=$((skipped + 1)); }

# beside TRACK: its stages run beside the others, at a lower priority, and are shown and counted by `joined TRACK`.
beside() {
    (
        passed=0 failed=0 skipped=0 track=$1
        renice -n 10 -p "$(exec sh -c 'echo $PPID')" >/dev/null
        "$1"
        echo "$passed $failed $skipped" >"$work/$1.counts"
    ) >"$work/$1.txt" 2>&1 &
    eval "$1_pid=$!"
}

joined() {
    eval "wait \"\$$1_pid\""
    cat "$work/$1.txt"
    if read -r p f s <"$work/$1.counts"; then passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    else failed=$((failed + 1)); echo "$1: it did not come to its end" >>"$work/failed.txt"
    fi
}

sanitizers() {
    export QUERN_CACHE="$PWD/build/test/cache-sanitizers"
    mkdir -p -m 700 "$QUERN_CACHE"
    stage "build with clang, AddressSanitizer, UBSan and the fuzzers" sh -c "cmake --preset fuzz -DCMAKE_C_FLAGS=-Werror && cmake --build build/fuzz -j $cores --target all quern_kernels"
    stage "unit tests under AddressSanitizer and UBSan" env QUERN_QUICK=1 QUERN_TEST_DEVICES=cpu,cpu-avx2,interpreter QUERN_IMAGE_CASES="$work/images" build/fuzz/quern_tests
    stage "small networks under AddressSanitizer and UBSan" build/fuzz/quern conformance "$work/networks" --device cpu --strict-skips
    stage "build with clang, ThreadSanitizer" sh -c "cmake --preset tsan -DQUERN_ISAS='baseline;avx2' -DQUERN_KERNELS=$PWD/build/fuzz/libquern_kernels.a && cmake --build build/tsan -j $cores --target quern_tests"
    stage "threads under ThreadSanitizer" build/tsan/quern_tests base threads
    seconds=12; [ "$mode" = full ] && seconds=600
    for fuzzer in fuzz_onnx fuzz_npy fuzz_kc; do
        mkdir -p "$work/corpus/$fuzzer"
        seeds=tests/corpus/${fuzzer#fuzz_}; [ -d "$seeds" ] || seeds=
        stage "$fuzzer for $seconds s" build/fuzz/$fuzzer -max_total_time=$seconds -timeout=25 -rss_limit_mb=4096 "$work/corpus/$fuzzer" $seeds
    done
}

proof() { stage "op cases, networks and models in Chromium, on each device" tools/node tests/web/proof.mjs; }

isas="baseline;avx2;avx512" # a quick run leaves out the kernels that this processor cannot run
[ "$mode" = full ] || grep -qw avx512dq /proc/cpuinfo || isas="baseline;avx2"
stage "build with gcc, warnings as errors" sh -c "cmake --preset release -DCMAKE_C_FLAGS=-Werror -DQUERN_ISAS='$isas' && cmake --build build -j $cores"
stage "layers and names" python3 tools/check_layers.py
stage "format" sh -c "git ls-files '*.c' '*.h' | grep -q quern.c && git ls-files '*.c' '*.h' ':!kernels' ':!tests/kc' ':!examples' | xargs clang-format-19 --dry-run -Werror"
stage "exported symbols" sh tests/symbols.sh build
stage "install, and programs that use what was installed" sh tests/install.sh build "$work/prefix"
stage "small networks: make them with onnxruntime's answers" $python tests/make_test_models.py "$work/networks"
stage "com.microsoft's operators: make the cases with onnxruntime's answers" $python tests/make_contrib_cases.py "$work/contrib"
stage "ai.onnx.ml: make the cases with onnxruntime's answers" $python tests/make_ml_cases.py "$work/ml"
stage "forms that no ONNX test has: make the cases with onnxruntime's answers" $python tests/make_untested_cases.py "$work/untested"
stage "images against Pillow: make the cases" $python tests/make_image_cases.py "$work/images"
[ "$mode" = full ] && export QUERN_FULL=1
rm -f "$work/sanitizers.counts" "$work/proof.counts"
beside sanitizers
rm -rf "$work/programs" && mkdir -p "$work/programs"
stage "unit tests, op cases and shared models" env QUERN_IMAGE_CASES="$work/images" QUERN_PROGRAMS="$work/programs" build/quern_tests
more=; [ "$mode" = full ] && more="devices user_kernels subgroups many_groups hostile_kernels exec trial leaks ops"
if [ -n "$dawn" ]; then stage "webgpu through Dawn" env QUERN_WEBGPU="$dawn" QUERN_TEST_DEVICES=cpu,webgpu build/quern_tests webgpu $more
else skip "webgpu through Dawn" "its library is not here (tools/setup.sh test, on x86-64)"; fi
some="--most 150"; [ "$mode" = full ] && some=
stage "translations of all known programs, shown to each target's validator" python3 tests/validate.py "$work/programs" $some
all_archs=; [ "$mode" = full ] && all_archs=--full
stage "kernels as PTX: assembled for each architecture, registers and spills as reported" python3 tests/check_ptx.py $all_archs
stage "the command line" $python tests/cli.py build/quern "$work/cli"
devices=$(build/quern doctor --json | $python -c 'import json, sys; print(*(d["device"] for d in json.load(sys.stdin)["devices"] if d["present"] and d["kind"] != "null"))')
[ -n "$devices" ] || devices=cpu
for device in $devices; do
    on_device "$device" "small networks" build/quern conformance "$work/networks" --device "$device" --strict-skips
    on_device "$device" "small networks, not optimized" build/quern conformance "$work/networks" --device "$device" --no-optimize --strict-skips
    part="--one-in 40"; { [ "$device" = cpu ] || [ "$mode" = full ]; } && part=
    on_device "$device" "com.microsoft's operators" build/quern conformance "$work/contrib" --device "$device" --strict-skips $part --seed "$QUERN_TEST_SEED"
    on_device "$device" "ai.onnx.ml" build/quern conformance "$work/ml" --device "$device" --strict-skips $part --seed "$QUERN_TEST_SEED"
    on_device "$device" "forms that no ONNX test has" build/quern conformance "$work/untested" --device "$device" --strict-skips $part --seed "$QUERN_TEST_SEED"
done
if [ -f "$peers/onnx_conformance_ort.py" ]; then
    [ -d "$work/onnx/node" ] || stage "ONNX node tests: generate them" $python "$peers/onnx_conformance_ort.py" --generate "$work/onnx"
    stage "docs/operators.md is what the build, the schemas and the tests say" $python tools/operators.py "$work/onnx" --check
    [ "$mode" = full ] && stage "every type that the schemas allow, against peers" $python tests/schema_types.py "$work/onnx/node" "$work/schema" --check
    for device in $devices; do
        if [ "$device" = cpu ] || [ "$mode" = full ]; then on_device "$device" "ONNX node tests" build/quern conformance "$work/onnx" --device "$device"
        else # a driver compiles a second for each kernel: a slice of the set
            on_device "$device" "ONNX node tests, one in 50" build/quern conformance "$work/onnx" --device "$device" --one-in 50 --seed "$QUERN_TEST_SEED"
        fi
    done
else
    skip "ONNX node tests" "no generator (QUERN_PEERS)"
fi
stage "one plan for all sizes: small networks against fresh plans" $python tests/dynamic_shapes.py "$work/networks" --seed "$QUERN_TEST_SEED"
stage "random graphs: every operator is made, or has a reason not to be" $python tests/graph_fuzz --coverage
if [ "$mode" = full ]; then
    stage "50,000 random graphs against onnxruntime" $python tests/graph_fuzz --count 50000 --jobs "$cores" --seed "$QUERN_TEST_SEED" --save "$work/graphs"
    stage "5,000 random graphs with channels last" $python tests/graph_fuzz --count 5000 --jobs "$cores" --seed "$QUERN_TEST_SEED" --layout nhwc --save "$work/graphs"
    stage "5,000 random graphs with channels in blocks of 4" $python tests/graph_fuzz --count 5000 --jobs "$cores" --seed "$QUERN_TEST_SEED" --devices cpu-baseline --layout blocked --save "$work/graphs"
    for device in $devices; do
        on_device "$device" "random graphs" $python tests/graph_fuzz --count 2000 --seconds 900 --seed "$QUERN_TEST_SEED" --devices "$device" --save "$work/graphs"
    done
else
    stage "random graphs against onnxruntime, for 20 s" $python tests/graph_fuzz --count 5000 --seconds 20 --seed "$QUERN_TEST_SEED" --save "$work/graphs"
    stage "random graphs with channels last, for 6 s" $python tests/graph_fuzz --count 5000 --seconds 6 --seed "$QUERN_TEST_SEED" --layout nhwc --save "$work/graphs"
    stage "random graphs with channels in blocks of 4, for 6 s" $python tests/graph_fuzz --count 5000 --seconds 6 --seed "$QUERN_TEST_SEED" --devices cpu-baseline --layout blocked --save "$work/graphs"
fi
for preset in web web-threads; do
    stage "the module for browsers, $preset, warnings as errors" sh -c "cmake --preset $preset -DCMAKE_C_FLAGS=-Werror && cmake --build build/$preset -j $cores --target quern_wasm quern_wasm_tests"
done
stage "the module in Node: kernels made at run time, small networks, bad files, rounds" tools/node tests/wasm/run.mjs build/web/quern-full.wasm 1 "$work/networks"
stage "random kernels as WebAssembly in Node" build/quern_kernel_fuzz --ways wasm --seed "$QUERN_TEST_SEED" --count 960
stage "the module in Node, on threads" tools/node tests/wasm/run.mjs build/web/quern-full-threads.wasm 3 "$work/networks"
stage "the package and the demo site, built and within their budget" sh -c "tools/node web/build.mjs && cd web && ../tools/node node_modules/typescript/bin/tsc -p demo --noEmit && ../tools/node node_modules/vite/bin/vite.js build demo --logLevel error"
stage "the package in Node: what it refuses" tools/node tests/wasm/refusals.mjs
few="--one-in 8"; [ "$mode" = full ] && few=
stage "the package in Node, on threads" tools/node tests/wasm/threads.mjs
stage "the package in Node: what the core and the full module run" tools/node tests/wasm/modules.mjs $few "$work/networks" "$work/contrib" "$work/ml" "$work/untested" "$work/onnx"
beside proof
stage "the package and the pages in Chromium" tools/node tests/web/run.mjs
if [ "$mode" = full ]; then
    for total in "" --total; do
        stage "10,000 random kernels on every way $total" build/quern_kernel_fuzz --count 10000 --seed 21 $total
    done
    stage "reference models against onnxruntime" $python tests/reference_models.py build/quern "$peers" "$work/reference"
    made=${QUERN_REFERENCE:-$work/reference}
    stage "reference networks in Chromium against onnxruntime" tools/node tests/web/reference.mjs "$made" --seconds 900
    stage "one plan for all sizes: the reference models against fresh plans" $python tests/dynamic_shapes.py --free --sizes 56,64,70,96,97,112,128 "$made"/*.onnx
fi

small="squeezenet1_1 mobilenetv2 espcn_x3" reference=${QUERN_REFERENCE:-$work/reference}
if [ "$mode" = quick ]; then
    if [ -f "$reference/squeezenet1_1.npz" ] && [ -f "$reference/mobilenetv2.npz" ] && [ -f "$reference/espcn_x3.npz" ]; then
        stage "small reference models against onnxruntime" $python tests/reference_models.py build/quern "$peers" "$work/reference" $small --devices cpu
    else
        skip "small reference models against onnxruntime" "not made here; make test-full makes them, or QUERN_REFERENCE names a folder that has them"
    fi
fi

joined proof
joined sanitizers
say "devices"
python3 tests/device_table.py "$work/devices.txt"
if [ -s "$work/failed.txt" ]; then say "what failed"; cat "$work/failed.txt"; fi # last, where a log is looked at first
printf '\n%d s\n' "$(($(date +%s) - begun))"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
