#!/usr/bin/env bash
# Every example, by the one command that its header names, over loopback.
#
#   scripts/examples.sh
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end. What
# is asked, is asked by target/release/coap-ws, which is built when COAP_WS does not name another.
. "$(dirname "$0")/lib.sh"

logs=$target/examples
child=

# Ends what was started here, however the script ends.
finish() {
    [ -z "$child" ] && return
    kill -INT "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
    child=
}
trap finish EXIT

# command FILE: the one command of an example's header, without its arguments.
command_of() {
    sed -n 's|^//!     \(cargo run .*--example [a-z_]*\).*|\1|p' "$1" | head -n 1
}

# example NAME ARGUMENT...: runs it by its own command.
example() {
    local name=$1 file command
    shift
    file=$(ls coap-ws-*/examples/"$name".rs)
    command=$(command_of "$file")
    if [ -z "$command" ]; then die "$file does not say how it is run"; fi
    # Built before, so that a run is no longer than it is.
    ${command/cargo run/cargo build --quiet}
    # The program itself, to be ended by a signal of ours.
    local profile=debug
    case $command in *--release*) profile=release ;; esac
    set -- "$target/$profile/examples/$name" "$@"
    exec "$@"
}

# runs NAME LINES PATTERN ARGUMENT...: it ends well, and says that so many lines that match.
runs() {
    local name=$1 lines=$2 pattern=$3 status=0 seen
    shift 3
    (example "$name" "$@") >"$logs/$name.out" 2>"$logs/$name.err" </dev/null || status=$?
    seen=$(grep -cE -- "$pattern" "$logs/$name.out" || true)
    if [ "$status" != 0 ]; then
        fail "$name" "exit code $status: $(tail -n 1 "$logs/$name.err")"
    elif [ "$seen" != "$lines" ]; then
        fail "$name" "$seen lines instead of $lines that match $pattern"
    else
        ok "$name"
    fi
}

# serves NAME: starts a server on a free port; its address is in $at.
serves() {
    local name=$1 tenths
    rm -f "$logs/$name.out"
    (example "$name" 127.0.0.1:0) >"$logs/$name.out" 2>"$logs/$name.err" </dev/null &
    child=$!
    at=
    for ((tenths = 0; tenths < 3000; tenths++)); do
        at=$(sed -n 's|^listening on coap+ws://\([0-9.:]*\).*|\1|p' "$logs/$name.out" 2>/dev/null)
        [ -n "$at" ] && return
        kill -0 "$child" 2>/dev/null || break
        sleep 0.1
    done
    fail "$name" "it does not listen: $(tail -n 1 "$logs/$name.err")"
    finish
    return 1
}

# asks NAME EXPECTED COMMAND...: what it prints.
asks() {
    local name=$1 expected=$2 seen status=0
    shift 2
    seen=$(timeout 20 "$@" 2>"$logs/asks.err" </dev/null) || status=$?
    if [ "$status" = 0 ] && [ "$seen" = "$expected" ]; then
        ok "$name"
    else
        fail "$name" "exit code $status, '$seen': $(tail -n 1 "$logs/asks.err")"
    fi
}

mkdir -p "$logs"
coap_ws=${COAP_WS:-$target/release/coap-ws}
if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi
names=$(ls coap-ws-*/examples/*.rs)

step "event loops of one's own"
if serves mio_server; then
    asks mio_server 'hi from mio' "$coap_ws" get "$at/hello"
    asks mio_server.put '' "$coap_ws" put -d kept "$at/note"
    asks mio_server.kept kept "$coap_ws" get "$at/note"
    (example blocking_client "$at" hello) >"$logs/blocking" 2>"$logs/blocking.err" </dev/null || true
    asks blocking_client 'hi from mio' cat "$logs/blocking"
    finish
fi
if serves poll_loop; then
    asks poll_loop '' "$coap_ws" get -o "$logs/value" "$at/value"
    asks poll_loop.later '' "$coap_ws" get -o "$logs/next" "$at/next"
    asks poll_loop.grows yes sh -c "[ $(cat "$logs/next") -gt $(cat "$logs/value") ] && echo yes"
    finish
fi

step "applications"
if serves hello_server; then
    asks hello_server 'hello from coap-ws' "$coap_ws" get "$at/hello"
    (example get "coap+ws://$at/hello/you") >"$logs/get" 2>"$logs/get.err" </dev/null || true
    asks get 'hello you' cat "$logs/get"
    finish
fi
runs observe 5 's since the start$'
runs device_dials_out 3 'says 22.5 degrees$'
runs load 4 .

step "mounted in a web server"
if serves mounted_axum; then
    asks mounted_axum '' "$coap_ws" put -d 23.5 "$at/celsius"
    # Neither curl nor wget is taken for granted.
    for path in / /api/celsius; do
        exec 3<>"/dev/tcp/${at%:*}/${at##*:}"
        printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$path" "$at" >&3
        timeout 20 cat <&3 >"$logs/page"
        exec 3>&-
        asks "mounted_axum$path" yes sh -c "grep -q 23.5 '$logs/page' && echo yes"
    done
    finish
fi

# None is forgotten.
for file in $names; do
    name=$(basename "$file" .rs)
    if ! grep -qE "^ *(if )?(serves|runs|\(example) $name\b" "$0"; then
        fail "$name" "this script does not run it"
    fi
done

verdict
