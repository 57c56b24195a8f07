#!/usr/bin/env bash
# How much of the core, and of the driver's parsers, the corpus of the fuzz targets reaches.
#
#   scripts/fuzz_coverage.sh             a line for each file
#   scripts/fuzz_coverage.sh --html      also pages under target/fuzz-coverage/html
#
# Only the files of fuzz/corpus are run, each once: no seeds, no vectors, no fuzzing. Needs the
# component llvm-tools of the toolchain, which it installs.
. "$(dirname "$0")/lib.sh"

out=$target/fuzz-coverage
host=$(rustc -vV | sed -n 's/^host: //p')
tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
[ -x "$tools/llvm-cov" ] || rustup component add llvm-tools
[ -x "$tools/llvm-cov" ] || die "there is no llvm-cov in $tools"
command -v c++ >/dev/null || need_deb g++

step "coverage: build"
RUSTFLAGS="--cfg fuzzing -Cinstrument-coverage ${RUSTFLAGS:-}" CARGO_TARGET_DIR=$out \
    LLVM_PROFILE_FILE=$out/build-%p.profraw \
    cargo build --quiet --locked --manifest-path fuzz/Cargo.toml --target "$host" \
    --config 'profile.dev.opt-level=1' --config 'profile.dev.debug=0' </dev/null
rm -f "$out"/*.profraw

step "coverage: the corpus"
objects=()
for folder in fuzz/corpus/*/; do
    name=$(basename "$folder")
    objects+=(-object "$out/$host/debug/$name")
    # With files instead of folders libFuzzer runs each once, and mutates nothing.
    find "$folder" -type f -print0 | LLVM_PROFILE_FILE=$out/$name-%p.profraw \
        xargs -0 "$out/$host/debug/$name" >"$out/$name.log" 2>&1 ||
        { tail -n 20 "$out/$name.log" >&2; die "$name: an input of the corpus fails"; }
    echo "$name: $(find "$folder" -type f | wc -l) files"
done
[ ${#objects[@]} != 0 ] || die "fuzz/corpus is empty"
"$tools/llvm-profdata" merge -sparse "$out"/*.profraw -o "$out/all.profdata"
rm -f "$out"/*.profraw

# report TITLE FOLDER...: lines, functions and regions of those sources.
report() {
    local title=$1
    shift
    step "coverage: $title"
    "$tools/llvm-cov" report "${objects[@]}" -instr-profile="$out/all.profdata" \
        --show-branch-summary=false -sources "$@" |
        awk -v top="$top/" '{ sub(top, ""); print }
            $1 == "TOTAL" { printf "lines %s, functions %s, regions %s\n", $10, $7, $4 }'
}
report "the core" "$top/coap-ws-core/src"
report "handshake, gauge and engine" "$top/coap-ws-driver/src/handshake" \
    "$top/coap-ws-driver/src/gauge.rs" "$top/coap-ws-driver/src/engine"
if [ "${1-}" = --html ]; then
    "$tools/llvm-cov" show "${objects[@]}" -instr-profile="$out/all.profdata" -format=html \
        -output-dir "$out/html" -sources "$top/coap-ws-core/src" "$top/coap-ws-driver/src"
    echo "$out/html/index.html"
fi
