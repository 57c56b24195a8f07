#!/usr/bin/env bash
# The conformance suite against our server, our client, and both sides of aiocoap, over loopback.
#
#   scripts/conform.sh [DIRECTORY]
#
# Of ours no case may fail. Of aiocoap exactly those fail that have a reading in
# coap-ws-conform/readings, where each failure is read against the RFCs: another one, or one less,
# has to be looked at. Reports and an interop matrix go to DIRECTORY, target/conform without one.
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end; each
# case of a run is a check. The program is target/release/coap-ws, which is built when COAP_WS does
# not name another.
. "$(dirname "$0")/lib.sh"

out=$(realpath -m "${1:-$target/conform}")
logs=$out
readings=$top/coap-ws-conform/readings
# How long the whole run against our server may take.
most_seconds=60
. scripts/peers.sh

# conform NAME ARGUMENT...: a run, with its output and JSON in $out. Says how it ended.
conform() {
    local name=$1 status=0
    shift
    rm -f "$out/$name.json"
    timeout 400 "$coap_ws" conform --name "$name" --json "$out/$name.json" \
        --report "$out/$name.md" "$@" >"$out/$name.txt" 2>"$out/$name.log" </dev/null || status=$?
    tail -n 1 "$out/$name.txt"
    if [ ! -s "$out/$name.json" ]; then
        fail "$name" "no results, exit code $status: $(tail -n 1 "$out/$name.log")"
        return 1
    fi
}

# judge NAME [READINGS]: counts the cases of a run. Without READINGS none may fail, with it those
# fail that it has, and no others.
judge() {
    local counts
    counts=$("$venv/bin/python" - "$out/$1.json" "${2:-}" <<'PYTHON'
import json
import sys

run = json.load(open(sys.argv[1]))
readings = json.load(open(sys.argv[2])) if sys.argv[2] else {}
name, passed, failed = run["peer"], 0, 0
for case in run["cases"]:
    fails, read = case["verdict"] == "fail", case["id"] in readings
    if fails == read:
        passed += 1
        continue
    failed += 1
    why = case["detail"] if fails else f"it has a reading, and is {case['verdict']} now"
    print(f"FAIL {name}.{case['id']} {why}", file=sys.stderr)
skipped = [case for case in run["cases"] if case["verdict"] == "skipped"]
for case in skipped:
    if not case["detail"]:
        failed += 1
        print(f"FAIL {name}.{case['id']} skipped without a reason", file=sys.stderr)
print(passed, failed)
PYTHON
    )
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    printf 'ok %s: %s cases as they have to be\n' "$1" "${counts% *}"
}

our_server() {
    local port seconds
    port=$(free_port)
    start our-server.process "listening on" "$coap_ws" serve --demo --listen "127.0.0.1:$port" || return 0
    seconds=$SECONDS
    conform our-server "coap+ws://127.0.0.1:$port" || return 0
    seconds=$((SECONDS - seconds))
    judge our-server
    if [ "$seconds" -lt "$most_seconds" ]; then
        ok our-server.time
    else
        fail our-server.time "$seconds s"
    fi
    if kill -0 "${children[@]}" 2>/dev/null && ! grep -q panicked "$out/our-server.process.err"; then
        ok our-server.survives
    else
        fail our-server.survives "$(tail -n 1 "$out/our-server.process.err")"
    fi
    finish
}

our_client() {
    conform our-client --client --exec "'$coap_ws' get {uri}" || return 0
    judge our-client
    # What only a client that observes can show. Its states may pass over one that is old already,
    # so it watches for a second and not for a number of them.
    conform our-observer --client --exec "'$coap_ws' observe --for 1 {uri}" \
        --only cl-observe-order || return 0
    judge our-observer
}

aiocoap_server() {
    local port id
    port=$(free_port)
    start aiocoap-server.process ready \
        "$venv/bin/python" "$top/tests/interop/aiocoap_server.py" "$port" || return 0
    conform aiocoap-server "coap+ws://127.0.0.1:$port" \
        --readings "$readings/aiocoap-0.4.17-server.json" --beside "$out/our-server.json" || return 0
    judge aiocoap-server "$readings/aiocoap-0.4.17-server.json"
    # What is known of it and matters most; `lenient` where the RFC says SHOULD.
    for id in fmt-empty opt-critical fmt-token-cut fmt-marker-get hs-path fmt-0-bytes fmt-1-byte \
        csm-missing-get rel-answers; do
        if grep -A 20 "\"id\": \"$id\"" "$out/aiocoap-server.json" |
            grep -m 1 '"verdict"' | grep -qE 'fail|lenient'; then
            ok "aiocoap-server.reports.$id"
        else
            fail "aiocoap-server.reports.$id" "not reported"
        fi
    done
    finish
}

aiocoap_client() {
    conform aiocoap-client --client \
        --exec "timeout 15 '$venv/bin/aiocoap-client' --quiet {uri}" \
        --readings "$readings/aiocoap-0.4.17-client.json" --beside "$out/our-client.json" || return 0
    judge aiocoap-client "$readings/aiocoap-0.4.17-client.json"
}

mkdir -p "$out"
venv
export PYTHONDONTWRITEBYTECODE=1
coap_ws=${COAP_WS:-$target/release/coap-ws}
if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi

step "our server"
our_server
step "our client"
our_client
step "aiocoap's server"
aiocoap_server
step "aiocoap's client"
aiocoap_client

printf '\nreports: %s\n' "$out"
verdict
