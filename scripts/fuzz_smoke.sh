#!/usr/bin/env bash
# Builds the fuzz targets for libFuzzer, with stable Rust and without cargo-fuzz, and runs each
# for a while.
#
#   scripts/fuzz_smoke.sh                     all targets
#   scripts/fuzz_smoke.sh message uri         these
#   FUZZ_RUNS=1000000 scripts/fuzz_smoke.sh   longer than the usual 20,000 runs, or 4,000 where a
#                                             run is a whole connection
#
# Same runs, same result: the seed is fixed and fuzz/corpus is only read. A crash ends the
# script, and the last line says where the input is that made it.
. "$(dirname "$0")/lib.sh"

host=$(rustc -vV | sed -n 's/^host: //p')
out=$target/fuzz

# libFuzzer is C++.
command -v c++ >/dev/null || need_deb g++

step "fuzz: build"
# What cargo-fuzz passes, but for the sanitizers, which need a nightly compiler. --target keeps it
# away from build scripts.
coverage="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions"
for argument in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=" -Cllvm-args=-sanitizer-coverage-$argument"
done
RUSTFLAGS="$coverage ${RUSTFLAGS:-}" CARGO_TARGET_DIR=$out \
    cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml --target "$host" </dev/null

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

mkdir -p "$out/logs" "$out/artifacts"
for name in "${targets[@]}"; do
    case $name in
    connection_* | engine_* | pair_*) usual=4000 ;;
    *) usual=20000 ;;
    esac
    runs=${FUZZ_RUNS:-$usual}
    step "fuzz: $name, $runs runs"
    # libFuzzer writes into the first folder only.
    found=$out/found/$name
    rm -rf "$found"
    mkdir -p "$found"
    folders=("$found")
    if [ -d "fuzz/corpus/$name" ]; then folders+=("fuzz/corpus/$name"); fi
    log=$out/logs/$name.log
    if ! "$out/$host/release/$name" -runs="$runs" -seed=1 -max_len=2048 -len_control=0 \
        -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$out/artifacts/$name-" \
        "${folders[@]}" </dev/null >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "$name: crashed; the input is $(sed -n 's/.*Test unit written to //p' "$log" | tail -1)"
    fi
    grep -E '^(#[0-9]+[[:space:]]+DONE|stat::(average_exec|new_units|peak))' "$log"
done
