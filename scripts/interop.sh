#!/usr/bin/env bash
# Interoperation with aiocoap, in both directions, over loopback.
#
#   scripts/interop.sh
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end. The
# program under test is target/release/coap-ws, which is built when COAP_WS does not name another.
. "$(dirname "$0")/lib.sh"

logs=$target/interop
peers=$top/tests/interop
. scripts/peers.sh

# client NAME STATUS COMMAND...: runs our client; its output goes to $logs/NAME.out. It must end in
# time with STATUS, which is its exit code.
client() {
    local name=$1 expected=$2 status=0 why
    shift 2
    timeout 20 "$coap_ws" "$@" >"$logs/$name.out" 2>"$logs/$name.err" </dev/null || status=$?
    [ "$status" = "$expected" ] && return
    why=$(tail -n 3 "$logs/$name.err" | tr '\n' ' ')
    fail "$name" "exit code $status instead of $expected: $why"
    return 1
}

# same NAME FILE: what the client gave out is what FILE has.
same() {
    if cmp -s "$logs/$1.out" "$2"; then
        ok "$1"
    else
        fail "$1" "$(cmp "$logs/$1.out" "$2" 2>&1 || true)"
    fi
}

# text TEXT: a file of just that.
text() {
    printf '%s' "$1" >"$logs/expected"
    echo "$logs/expected"
}

# Our server, aiocoap as the client.
ours_serves() {
    local port base verdict name why before=$failed status=0
    port=$(free_port)
    base=coap+ws://127.0.0.1:$port
    if ! start our_server "listening on $base" \
        "$coap_ws" serve --demo --listen "127.0.0.1:$port"; then
        return
    fi
    timeout 120 "$venv/bin/python" "$peers/aiocoap_client.py" "$base" \
        >"$logs/aiocoap_client.out" 2>"$logs/aiocoap_client.err" </dev/null || status=$?
    while read -r verdict name why; do
        case $verdict in
        ok) ok "ours_serves.$name" ;;
        *) fail "ours_serves.$name" "$why" ;;
        esac
    done <"$logs/aiocoap_client.out"
    if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then
        fail ours_serves "the client broke off: $status, $(tail -n 1 "$logs/aiocoap_client.err")"
    fi
    name=ours_serves.survives
    if ! kill -0 "${children[@]}" 2>/dev/null; then
        fail $name "the server has ended: $(tail -n 1 "$logs/our_server.err")"
    elif grep -q panicked "$logs/our_server.err"; then
        fail $name "$(grep -m 1 panicked "$logs/our_server.err")"
    else
        ok $name
    fi
    finish
}

# aiocoap as the server, our client.
ours_asks() {
    local port base name link
    port=$(free_port)
    base=coap+ws://127.0.0.1:$port
    if ! start aiocoap_server ready "$venv/bin/python" "$peers/aiocoap_server.py" "$port"; then
        return
    fi
    "$venv/bin/python" -c '
import sys
sys.stdout.buffer.write(bytes(i % 251 for i in range(65_536)))' >"$logs/large"
    "$venv/bin/python" -c '
import sys
sys.stdout.buffer.write(bytes(i % 249 for i in range(1 << 20)))' >"$logs/mebibyte"

    name=ours_asks.get_hello
    if client $name 0 get "$base/hello"; then same $name "$(text hi)"; fi

    name=ours_asks.put_store
    if client $name 0 put -d kept "$base/store/x"; then same $name "$(text '')"; fi
    name=ours_asks.get_store
    if client $name 0 get "$base/store/x"; then same $name "$(text kept)"; fi

    name=ours_asks.delete_store
    if client $name 0 delete "$base/store/x"; then ok $name; fi
    name=ours_asks.get_deleted
    if client $name 4 get "$base/store/x"; then ok $name; fi

    name=ours_asks.ping
    if client $name 0 ping -c 3 -i 0.1 "$base"; then
        if grep -q '^3 sent, 3 answered' "$logs/$name.out"; then
            ok $name
        else
            fail $name "$(tail -n 1 "$logs/$name.out")"
        fi
    fi

    name=ours_asks.post_echo
    if client $name 0 post -d echoed "$base/echo"; then same $name "$(text echoed)"; fi

    name=ours_asks.not_found
    if client $name 4 get "$base/nothing"; then ok $name; fi
    name=ours_asks.method_not_allowed
    if client $name 4 put -d x "$base/hello"; then ok $name; fi

    name=ours_asks.discover
    if client $name 0 discover "$base"; then
        for link in /hello /store /echo /large /reverse; do
            if ! grep -qF -- "$link" "$logs/$name.out"; then
                fail $name "$link is not listed"
                link=
                break
            fi
        done
        if [ -n "$link" ]; then ok $name; fi
    fi

    name=ours_asks.get_large
    if client $name 0 get "$base/large"; then same $name "$logs/large"; fi
    name=ours_asks.post_echo_large
    if client $name 0 post -d "@$logs/large" "$base/echo"; then same $name "$logs/large"; fi

    # 1 MiB each way: more than a message holds, so in BERT blocks, and in such of 1024 bytes.
    name=ours_asks.post_echo_mebibyte
    if client $name 0 post -v -d "@$logs/mebibyte" "$base/echo"; then
        same $name "$logs/mebibyte"
        name=ours_asks.mebibyte_in_bert
        if grep -q '^> .*Block1 .*(BERT)' "$logs/ours_asks.post_echo_mebibyte.err" &&
            grep -q '^< .*Block2 .*(BERT)' "$logs/ours_asks.post_echo_mebibyte.err"; then
            ok $name
        else
            fail $name "no BERT in both directions"
        fi
    fi
    name=ours_asks.mebibyte_in_blocks
    if client $name 0 post --block-size 1024 -d "@$logs/mebibyte" "$base/echo"; then
        same $name "$logs/mebibyte"
    fi
    name=ours_asks.mebibyte_to_a_file
    if client $name 0 post -d "@$logs/mebibyte" -o "$logs/saved" "$base/echo"; then
        cp "$logs/saved" "$logs/$name.out"
        same $name "$logs/mebibyte"
    fi

    # Three states that follow each other, and the server hears that we are gone.
    name=ours_asks.observe
    if client $name 0 observe -n 3 "$base/time"; then
        if [ "$(wc -l <"$logs/$name.out")" != 3 ] || ! sort -cu "$logs/$name.out" 2>/dev/null; then
            fail $name "not three numbers that grow: $(tr '\n' ' ' <"$logs/$name.out")"
        elif ! grep -qx 'observers 1' "$logs/aiocoap_server.out" ||
            [ "$(grep '^observers' "$logs/aiocoap_server.out" | tail -n 1)" != 'observers 0' ]; then
            fail $name "the server did not hear that nobody observes it any more"
        else
            ok $name
        fi
    fi
    name=ours_asks.observe_unobservable
    if client $name 0 observe "$base/hello"; then same $name "$(text $'hi\n')"; fi

    # Our client answers the server's request for /hello, on the connection it asks on.
    name=ours_asks.reverse
    if client $name 0 get --serve "$base/reverse"; then
        if [ -s "$logs/$name.out" ]; then ok $name; else fail $name "the answer is empty"; fi
    fi
    finish
}

mkdir -p "$logs"
venv
coap_ws=${COAP_WS:-$target/release/coap-ws}
if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi

step "our server, aiocoap's client"
ours_serves
step "aiocoap's server, our client"
ours_asks

verdict
