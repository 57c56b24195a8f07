#!/usr/bin/env bash
# Proves that coap-ws-core and all it depends on need no std, and with "core" no alloc either.
#
#   scripts/no_std_check.sh core        --no-default-features, only `core` exists
#   scripts/no_std_check.sh alloc       default features, only `core` and `alloc` exist
#   scripts/no_std_check.sh self-test   the two above do refuse what they must refuse
#
# A plain `cargo check --no-default-features` proves nothing on a machine that has std: a dependency
# which asks for it finds it. Here rustc gets a sysroot in which it is not to be found, made of
# links into the real one. No other toolchain or target is needed.
. "$(dirname "$0")/lib.sh"

host=$(rustc -vV | sed -n 's/^host: //p')
work=$target/no-std

# check TIER CARGO-ARGUMENT...: cargo check, in a world where only the libraries of TIER exist.
check() {
    local tier=$1 library from sysroot
    shift
    local libraries=(core compiler_builtins rustc_std_workspace_core)
    if [ "$tier" = alloc ]; then libraries+=(alloc rustc_std_workspace_alloc); fi

    from=$(rustc --print sysroot)/lib/rustlib/$host/lib
    sysroot=$work/sysroot-$tier
    rm -rf "$sysroot"
    mkdir -p "$sysroot/lib/rustlib/$host/lib"
    for library in "${libraries[@]}"; do
        find "$from" -name "lib$library-*.r*" \
            -exec ln -s -t "$sysroot/lib/rustlib/$host/lib" {} +
    done
    # --target, even though it is the host's: build scripts and procedural macros are then built
    # without RUSTFLAGS, and may use std as they please.
    RUSTFLAGS="--sysroot=$sysroot ${RUSTFLAGS:-}" CARGO_TARGET_DIR=$work/$tier \
        cargo check --quiet --target "$host" "$@" </dev/null
}

# scratch NAME: reads the lib.rs of a crate and makes the crate.
scratch() {
    mkdir -p "$work/scratch/$1/src"
    cat >"$work/scratch/$1/src/lib.rs"
    cat >"$work/scratch/$1/Cargo.toml" <<TOML
[package]
name = "scratch-${1//_/-}"
edition = "2024"

[workspace]
TOML
}

# expect VERDICT TIER NAME: VERDICT is "passes" or the name of the crate that cannot be found.
expect() {
    local verdict=passes log=$work/scratch/$3/$2.log
    if ! check "$2" --manifest-path "$work/scratch/$3/Cargo.toml" 2>"$log"; then
        verdict=$(sed -n "s/^error\[E0463\]: can't find crate for \`\(.*\)\`\$/\1/p" "$log" |
            head -n 1)
    fi
    if [ "$verdict" != "$1" ]; then
        cat "$log" >&2
        die "$3 under $2: '${verdict:-another error}' instead of '$1'"
    fi
    echo "ok $3 under $2: $1"
}

self_test() {
    rm -rf "$work/scratch"
    scratch needs_core <<<'#![no_std] pub fn f(x: Option<u8>) -> u8 { x.unwrap_or(1) }'
    scratch needs_alloc <<<'#![no_std] extern crate alloc; pub use alloc::vec::Vec;'
    scratch needs_std <<<'#![no_std] extern crate std;'
    scratch says_nothing <<<'pub fn f() {}'
    # Of itself it needs core only; what it depends on is looked at too.
    scratch depends_on_std <<<'#![no_std] pub use scratch_needs_std as _;'
    printf '[dependencies]\nscratch-needs-std = { path = "../needs_std" }\n' \
        >>"$work/scratch/depends_on_std/Cargo.toml"

    expect passes core needs_core
    expect passes alloc needs_core
    expect alloc core needs_alloc
    expect passes alloc needs_alloc
    for tier in core alloc; do
        expect std $tier needs_std
        expect std $tier says_nothing
        expect std $tier depends_on_std
    done
}

case ${1-} in
core) check core -p coap-ws-core --no-default-features && echo "ok coap-ws-core needs core only" ;;
alloc) check alloc -p coap-ws-core && echo "ok coap-ws-core needs core and alloc only" ;;
self-test) self_test ;;
*) die "usage: ${0##*/} core|alloc|self-test" ;;
esac
