#!/usr/bin/env bash
# Builds the core for processors that are not this one, with and without a heap, and the device and
# handlers for the smallest of them. The last line is `N passed, N failed`.
#
#   scripts/cross.sh
#
# Needs a Rust toolchain and, where rustup cannot fetch targets, Debian's packages.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cross_lib.sh"

export CARGO_TARGET_DIR=$target/cross CARGO_INCREMENTAL=0

# check NAME TARGET LIBRARIES CARGO-ARGUMENT...
check() {
    local name=$1
    shift
    if cross_build "$@"; then
        ok "$name"
    else
        fail "$name" "it does not build"
    fi
}

# thumbv6m and riscv32imc have no compare-and-swap, which `Arc` and `bytes` need: there the core is
# for use without a heap.
for for in thumbv6m-none-eabi thumbv7em-none-eabihf riscv32imc-unknown-none-elf \
    i686-unknown-linux-gnu wasm32-unknown-unknown; do
    step "$for"
    check "$for, core" "$for" core,alloc -p coap-ws-core --no-default-features
    case $for in
    thumbv6m-* | riscv32imc-*) ;;
    *) check "$for, core and alloc" "$for" core,alloc -p coap-ws-core ;;
    esac
done
step "what is without a heap, on the smallest"
check "thumbv6m-none-eabi, device" thumbv6m-none-eabi core,alloc -p coap-ws-device --lib \
    --no-default-features
check "thumbv6m-none-eabi, handlers" thumbv6m-none-eabi core,alloc -p coap-ws-handler \
    --no-default-features
verdict
