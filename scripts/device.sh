#!/usr/bin/env bash
# The device example: built for a Cortex-M4 with its sizes, and its code on this machine against
# `coap-ws get`, `observe`, `put` and `conform`. The last line is `N passed, N failed`.
#
#   scripts/device.sh          all of it
#   scripts/device.sh sizes    only the sizes
#
# The client is target/release/coap-ws, which is built when COAP_WS does not name another.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cross_lib.sh"

out=$target/device
for=thumbv7em-none-eabihf
logs=$out
. scripts/peers.sh

# is NAME WANTED GOT
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "'$3' instead of '$2'"; fi
}

# symbol PATTERN: "SIZE NAME" of the functions and objects in the firmware whose name ends so.
symbol() {
    readelf -sW "$library" 2>/dev/null |
        awk -v end="$1\$" '($4 == "FUNC" || $4 == "OBJECT") && $8 ~ end { print $3, $8 }' | sort -u
}

# section NAME FILE: its bytes.
section() {
    readelf -SW "$2" | sed 's/^ *\[ *[0-9]*\]//' |
        awk -v name="$1" '$1 ~ "^\\" name { print $5 }' |
        { sum=0; while read -r hex; do sum=$((sum + 16#$hex)); done; echo "$sum"; }
}

# What of the libraries is reached from a turn of a connection is linked as firmware would be, but
# for its TCP/IP stack; the linker throws the rest away.
sizes() {
    local entry accept linker libraries text rodata data bss name size
    command -v readelf >/dev/null || need_deb binutils
    # What another compiler has left would be linked too.
    rm -rf "${out:?}/$for"
    # Names of symbols that end in the function's own, with every compiler.
    (cd device/firmware && CARGO_TARGET_DIR=$out CARGO_INCREMENTAL=0 \
        RUSTFLAGS="-C symbol-mangling-version=v0" \
        cross_build "$for" core --release) || { fail "$for.builds"; return; }
    library=$out/$for/release/libcoap_ws_firmware.rlib
    ok "$for.builds"
    entry=$(symbol firmware_turn)
    accept=$(symbol firmware_accept)
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    # rustup's `core` is with the toolchain, one that was built from sources with the rest.
    libraries=("$library" "$out/$for/release/deps/"*.rlib)
    if ready "$for"; then libraries+=("$(ready_path "$for")/"lib{core,compiler_builtins}-*.rlib); fi
    if ! "$linker" -flavor gnu --gc-sections -e "${entry#* }" -u "${accept#* }" \
        -o "$out/firmware.elf" --start-group "${libraries[@]}" --end-group
    then
        fail "$for.links"
        return
    fi
    text=$(section .text "$out/firmware.elf")
    rodata=$(section .rodata "$out/firmware.elf")
    data=$(section .data "$out/firmware.elf")
    bss=$(section .bss "$out/firmware.elf")
    printf '\nflash, %s: .text %s, .rodata %s bytes\n' "$for" "$text" "$rodata"
    printf 'RAM without connections: .data %s, .bss %s bytes\n' "$data" "$bss"
    printf 'RAM, bytes of each value:\n'
    symbol 'SIZE_[A-Z0-9_]*' | sed 's/ .*SIZE_/ /' | sort -k 2 |
        while read -r size name; do printf '  %-24s %6s\n' "$name" "$size"; done
    # What docs/device.md promises, with a little room for another compiler.
    if [ "$text" -gt 10000 ]; then ok "$for.links"; else fail "$for.links" "nothing is in it"; fi
    if [ $((text + rodata)) -le 81920 ]; then ok "$for.flash"; else fail "$for.flash" "above 80 KiB"; fi
    if [ "$(symbol SIZE_NODE_SMALL | cut -d' ' -f1)" -le 3072 ]; then
        ok "$for.small"
    else
        fail "$for.small" "above 3 KiB"
    fi
    if [ "$(symbol SIZE_NODE_USUAL | cut -d' ' -f1)" -le 8192 ]; then
        ok "$for.usual"
    else
        fail "$for.usual" "above 8 KiB"
    fi
    is "$for.no_globals" 0 $((data + bss))
}

# client ARGUMENT...: the command-line tool; $base is the device.
client() {
    # What became of it the checks tell, not the exit code.
    timeout 30 "$coap_ws" "$@" 2>"$out/client.err" </dev/null || true
}

commands() {
    is get "hello from a device" "$(client get "$base/hello")"
    is get.log.in_blocks 3200 "$(client get "$base/log" | wc -c)"
    is get.slow yes "$(client get "$base/measure" | grep -qE '^[0-9.]+$' && echo yes || true)"
    client put "$base/led" -d on >/dev/null
    is put on "$(client get "$base/led")"
    head -c 2048 /dev/urandom >"$out/configuration"
    client put "$base/config" -d "@$out/configuration" >/dev/null
    client get "$base/config" -o "$out/back" >/dev/null
    if cmp -s "$out/configuration" "$out/back"; then ok put.in_blocks; else fail put.in_blocks; fi
    client put "$base/config" -d "@$top/Cargo.lock" >/dev/null
    if grep -q '4\.13' "$out/client.err"; then ok put.too_large; else fail put.too_large; fi
    is observe 3 "$(client observe "$base/temperature" -n 3 | grep -cE '[0-9]+\.[0-9]' || true)"
    client delete "$base/config" >/dev/null
    client get "$base/config" >/dev/null
    if grep -q '4\.04' "$out/client.err"; then ok delete; else fail delete; fi
}

# conform: every case is one that passes, or says why it cannot be asked here.
conform() {
    local status=0 line
    timeout 400 "$coap_ws" conform "$base" --quick --put /config --large /log --slow /measure \
        --name device --report "$out/conform.md" >"$out/conform.txt" 2>&1 </dev/null || status=$?
    line=$(grep -E '^device: [0-9]+ passed' "$out/conform.txt" || true)
    echo "$line"
    is conform.exit_code 0 "$status"
    grep -E -A 4 '^ *FAIL ' "$out/conform.txt" || true
    if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
    else
        fail conform "no results"
    fi
    if kill -0 "${children[@]}" && ! grep -q panicked "$out/host.err"; then ok survives; else fail survives; fi
}

mkdir -p "$out"
step "the firmware"
sizes
if [ "${1-}" != sizes ]; then
    step "the same code on this machine"
    coap_ws=${COAP_WS:-$target/release/coap-ws}
    if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi
    cargo build --quiet -p coap-ws-device </dev/null
    if start host "listening on " "$target/debug/coap-ws-device" 127.0.0.1:0; then
        base=$(sed -n 's/^listening on //p' "$out/host.out")
        commands
        conform
    fi
fi
verdict
