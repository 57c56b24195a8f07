# shellcheck shell=bash
# Programs that run beside a script and are ended with it. Sourced after lib.sh, with $logs set to
# where their output goes.

children=()

# Ends what was started here, however the script ends.
finish() {
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    children=()
}
trap finish EXIT

# start NAME LINE COMMAND...: runs it beside us until it has printed a line that begins with LINE.
start() {
    local name=$1 line=$2 tenths
    shift 2
    # Here and not by the redirection, which is the child's: an earlier run has said LINE too.
    rm -f "$logs/$name.out"
    "$@" >"$logs/$name.out" 2>"$logs/$name.err" </dev/null &
    children+=($!)
    for ((tenths = 0; tenths < 150; tenths++)); do
        grep -sq -- "^$line" "$logs/$name.out" && return
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$logs/$name.out" "$logs/$name.err" >&2
    fail "$name" "it does not say '$line'"
    return 1
}

free_port() {
    "$venv/bin/python" -c '
import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}
