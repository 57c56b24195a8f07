# shellcheck shell=bash
# What cross.sh and device.sh share: building for targets that this machine has no libraries of.
# Sourced after lib.sh.

# Where rustup has the targets, they are its own. Where it has not, as offline, there is Debian's
# rustc with the sources of exactly its version, from which `core` is built: unpacked here, not
# installed, and removed with the target folder.
debian=$target/debian-rust

# debian_rust: sees to it that $debian/rustc is there. 180 MB to download, 1.1 GB unpacked.
debian_rust() {
    local package packages=(rustc-web libstd-rust-web-1.96 libstd-rust-web-dev rust-web-src libllvm22)
    [ -x "$debian/rustc" ] && "$debian/rustc" -V >/dev/null 2>&1 && return
    command -v apt-get >/dev/null || die "neither rustup nor apt-get has the targets"
    echo "unpacking Debian's rustc and its sources"
    rm -rf "$debian"
    mkdir -p "$debian/debs"
    as_root apt-get -qq update </dev/null
    (cd "$debian/debs" && apt-get -qq download "${packages[@]}" </dev/null)
    for package in "$debian"/debs/*.deb; do dpkg -x "$package" "$debian"; done
    rm -rf "$debian/debs"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$debian/usr/lib/x86_64-linux-gnu" "$debian/usr/bin/rustc" >"$debian/rustc"
    chmod +x "$debian/rustc"
    "$debian/rustc" -V
}

# ready_path TARGET: where the toolchain has the libraries of a target.
ready_path() {
    echo "$(rustc --print sysroot)/lib/rustlib/$1/lib"
}

# ready TARGET: whether they are there, if need be by rustup. CROSS_RUST=debian says no, to try the
# other way.
ready() {
    [ "${CROSS_RUST-}" != debian ] || return 1
    [ -d "$(ready_path "$1")" ] || rustup target add "$1" >/dev/null 2>&1
}

# cross_build TARGET LIBRARIES CARGO-ARGUMENT...: cargo build. LIBRARIES are what is built from
# sources where there is no ready target: `core` or `core,alloc`.
cross_build() {
    local for=$1 libraries=$2 linker
    shift 2
    if ready "$for"; then
        cargo build --quiet --target "$for" "$@" </dev/null
        return
    fi
    debian_rust
    # For WebAssembly rustc looks for its own linker, which is the toolchain's that is here.
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker RUSTC=$debian/rustc RUSTC_BOOTSTRAP=1 \
        cargo build --quiet --target "$for" "-Zbuild-std=$libraries" "$@" </dev/null
}
