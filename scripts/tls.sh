#!/usr/bin/env bash
# coaps+ws against openssl and aiocoap, over loopback.
#
#   scripts/tls.sh
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end. The
# program under test is target/release/coap-ws, which is built when COAP_WS does not name another.
# Certificates are made here, by openssl, and are under target/tls.
. "$(dirname "$0")/lib.sh"

logs=$target/tls
certs=$logs/certs
peers=$top/tests/interop
. "$top/tests/deploy/checks.sh"

# An openssl that knows the old versions: distributions turn them off in their configuration.
old_openssl() {
    OPENSSL_CONF=/dev/null openssl "$@"
}
old=(-cipher 'ALL:@SECLEVEL=0')

# s_client PORT ARGUMENT...: what openssl's client says of a connection; $code is its exit code.
s_client() {
    local port=$1
    shift
    code=0
    seen=$(old_openssl s_client -connect "127.0.0.1:$port" -servername localhost \
        -CAfile "$certs/ca.pem" -verify_return_error "$@" </dev/null 2>&1) || code=$?
}

# answer PORT SNI HEAD: the first line of the answer to that.
answer() {
    { printf '%b' "$3"; sleep 1; } |
        timeout 10 openssl s_client -connect "127.0.0.1:$1" -servername "$2" -quiet \
            -CAfile "$certs/ca.pem" 2>/dev/null | head -n 1 || true
}

# TLS 1.2 and 1.3 and nothing older (RFC 8323 §9, SEC-05); no ALPN (SEC-06).
versions() {
    local port old_port version head
    read -r port old_port < <(free_ports 2)
    serve versions "$port" --cert "$certs/site.pem" --key "$certs/site.key"

    for version in 1_2 1_3; do
        s_client "$port" "-tls$version" -brief
        is "versions.openssl_$version" 0 "$code"
        has "versions.openssl_$version.spoken" "^Protocol version: TLSv${version/_/.}$" "$seen"
        has "versions.openssl_$version.verified" '^Verification: OK$' "$seen"
    done
    # That this client can speak them shows against a server that does.
    run versions.old env OPENSSL_CONF=/dev/null openssl s_server -accept "127.0.0.1:$old_port" \
        -cert "$certs/site.pem" -key "$certs/site.key" -www -tls1_1 "${old[@]}"
    started versions.old listens "$old_port"
    s_client "$old_port" -tls1_1 "${old[@]}" -brief
    has versions.openssl_1_1.can '^Protocol version: TLSv1\.1$' "$seen"
    for version in 1_1 1; do
        s_client "$port" "-tls$version" "${old[@]}" -brief
        is "versions.openssl_$version.refused" 1 "$code"
        has "versions.openssl_$version.by_us" 'alert (protocol version|handshake failure)' "$seen"
    done
    # Nor does our client.
    tool versions.client_1_1 get --cacert "$certs/ca.pem" "coaps+ws://localhost:$old_port/hello"
    is versions.client_1_1.refuses 3 "$code"
    has versions.client_1_1.says_why 'TLS version' "$(cat "$logs/versions.client_1_1.err")"
    stop versions.old

    for version in 1_2 1_3; do
        s_client "$port" "-tls$version" -alpn coap
        has "versions.no_alpn_$version" '^No ALPN negotiated$' "$seen"
    done
    run versions.extensions openssl s_server -accept "127.0.0.1:$old_port" -www -tlsextdebug \
        -cert "$certs/site.pem" -key "$certs/site.key"
    started versions.extensions listens "$old_port"
    tool versions.client_alpn get --timeout 2 --cacert "$certs/ca.pem" \
        "coaps+ws://localhost:$old_port/hello"
    stop versions.extensions
    seen=$(cat "$logs/versions.extensions.out")
    has versions.client_sends_sni 'TLS client extension "server name"' "$seen"
    if grep -q 'application layer protocol' <<<"$seen"; then
        fail versions.client_sends_no_alpn "it does"
    else
        ok versions.client_sends_no_alpn
    fi

    # The Host must be who was asked for (T12).
    head="GET /.well-known/coap HTTP/1.1\r\nHost: localhost:$port\r\nUpgrade: websocket\r\n"
    head+="Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coap\r\n"
    head+="Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    has versions.host_is_sni '^HTTP/1.1 101' "$(answer "$port" localhost "$head")"
    has versions.host_is_not_sni '^HTTP/1.1 421' "$(answer "$port" other.localhost "$head")"
    stop versions
}

# refused NAME PATTERN ARGUMENT...: a GET must end with exit code 3 and say why.
refused() {
    local name=$1 pattern=$2
    shift 2
    tool "$name" get "$@"
    is "$name" 3 "$code"
    has "$name.says_why" "$pattern" "$(cat "$logs/$name.err")"
}

# Certificates that are not good (T17), and clients without one (T18).
certificates() {
    local port kind name pattern ca=$certs/ca.pem
    while read -r kind pattern; do
        read -r port < <(free_ports 1)
        serve "certificates.$kind" "$port" --cert "$certs/$kind.pem" --key "$certs/$kind.key"
        refused "certificates.$kind" "$pattern" --cacert "$ca" "coaps+ws://localhost:$port/hello"
        stop "certificates.$kind"
    done <<'END'
wrong_name another name
expired expired
not_yet not valid yet
self_signed signed by an unknown authority, or by itself
authority CA:TRUE
stranger unknown authority
END
    read -r port < <(free_ports 1)
    serve certificates.site "$port" --cert "$certs/site.pem" --key "$certs/site.key"
    name=certificates.good
    if asks $name get --cacert "$ca" "coaps+ws://localhost:$port/hello"; then
        said $name 'hello from coap-ws'
    fi
    # Without --cacert it is whom the system trusts.
    refused certificates.platform authority "coaps+ws://localhost:$port/hello"
    # The name is that of the URI unless it is stated.
    refused certificates.address 'another name' --cacert "$ca" "coaps+ws://127.0.0.1:$port/hello"
    refused certificates.server_name 'another name' --cacert "$ca" \
        --server-name elsewhere.example "coaps+ws://localhost:$port/hello"
    # TLS and none do not meet, and each is told of the other.
    refused certificates.plain_to_tls 'TLS|coaps\+ws' "coap+ws://localhost:$port/hello"
    stop certificates.site
    serve certificates.plain "$port"
    refused certificates.tls_to_plain 'does not speak TLS' --cacert "$ca" \
        "coaps+ws://localhost:$port/hello"
    stop certificates.plain

    serve certificates.clients "$port" --cert "$certs/site.pem" --key "$certs/site.key" \
        --client-ca "$certs/clients.pem"
    refused certificates.no_client_certificate 'client certificate' --cacert "$ca" \
        "coaps+ws://localhost:$port/hello"
    refused certificates.foreign_client_certificate 'not accept' --cacert "$ca" \
        --client-cert "$certs/mallory.pem" --client-key "$certs/mallory.key" \
        "coaps+ws://localhost:$port/hello"
    name=certificates.client
    if asks $name get --cacert "$ca" --client-cert "$certs/alice.pem" \
        --client-key "$certs/alice.key" "coaps+ws://localhost:$port/hello"; then
        said $name 'hello from coap-ws'
    fi
    stop certificates.clients
}

# SIGHUP reads certificate and key anew; who is connected stays so.
reloads() {
    local port name=reloads.before
    read -r port < <(free_ports 1)
    cp "$certs/site.pem" "$certs/renewed.pem"
    cp "$certs/site.key" "$certs/renewed.key"
    serve reloads "$port" --cert "$certs/renewed.pem" --key "$certs/renewed.key"
    run $name "$coap_ws" ping --cacert "$certs/ca.pem" -c 10 -i 0.2 "coaps+ws://localhost:$port"
    soon grep -qs '^pong' "$logs/$name.out" || true
    cp "$certs/stranger.pem" "$certs/renewed.pem"
    cp "$certs/stranger.key" "$certs/renewed.key"
    kill -HUP "${children[reloads]}"
    soon grep -qs 'read anew' "$logs/reloads.err" || true
    if asks reloads.after get --cacert "$certs/strangers.pem" "coaps+ws://localhost:$port/hello"
    then
        said reloads.after 'hello from coap-ws'
    fi
    status $name
    is $name '0 10' "$code $(grep -c '^pong' "$logs/$name.out" || true)"
    # What cannot be used is not taken.
    cp "$certs/site.key" "$certs/renewed.key"
    kill -HUP "${children[reloads]}"
    soon grep -qs 'cannot be used' "$logs/reloads.err" || true
    if asks reloads.bad get --cacert "$certs/strangers.pem" "coaps+ws://localhost:$port/hello"; then
        said reloads.bad 'hello from coap-ws'
    fi
    stop reloads
}

# Our server, aiocoap's client: all that it checks without TLS too.
aiocoap_asks() {
    local port base verdict name why code=0 before=$((passed + failed))
    read -r port < <(free_ports 1)
    base=coaps+ws://localhost:$port
    serve aiocoap_asks "$port" --cert "$certs/site.pem" --key "$certs/site.key"
    timeout 120 "$venv/bin/python" "$peers/aiocoap_client.py" "$base" "$certs/ca.pem" \
        >"$logs/aiocoap_client.out" 2>"$logs/aiocoap_client.err" </dev/null || code=$?
    while read -r verdict name why; do
        case $verdict in
        ok) ok "aiocoap_asks.$name" ;;
        *) fail "aiocoap_asks.$name" "$why" ;;
        esac
    done <"$logs/aiocoap_client.out"
    if [ $((passed + failed)) = "$before" ] || [ "$code" -gt 1 ]; then
        fail aiocoap_asks "exit code $code: $(oneline <"$logs/aiocoap_client.err")"
    fi
    stop aiocoap_asks
}

# aiocoap's server, our client.
aiocoap_serves() {
    local port base name trust=(--cacert "$certs/ca.pem")
    # Plain on the one, TLS on the next.
    read -r port < <(free_ports 1)
    base=coaps+ws://localhost:$((port + 1))
    run aiocoap_serves "$venv/bin/python" "$peers/aiocoap_server.py" "$port" "$certs/site.pem" \
        "$certs/site.key"
    started aiocoap_serves grep -qsx ready "$logs/aiocoap_serves.out"
    name=aiocoap_serves.get
    if asks $name get "${trust[@]}" "$base/hello"; then said $name hi; fi
    name=aiocoap_serves.put
    if asks $name put "${trust[@]}" -d kept "$base/store/x"; then said $name ''; fi
    name=aiocoap_serves.get_again
    if asks $name get "${trust[@]}" "$base/store/x"; then said $name kept; fi
    name=aiocoap_serves.post_large
    if asks $name post "${trust[@]}" -d "@$logs/large" "$base/echo"; then
        same $name "$logs/large"
    fi
    # The server asks the client.
    name=aiocoap_serves.reverse
    if asks $name get --serve "${trust[@]}" "$base/reverse"; then
        said $name 'hello from coap-ws'
    fi
    refused aiocoap_serves.stranger authority --cacert "$certs/strangers.pem" "$base/hello"
    stop aiocoap_serves
}

rm -rf "$logs"
mkdir -p "$certs"
need_deb openssl ca-certificates
venv
coap_ws=${COAP_WS:-$target/release/coap-ws}
if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi

authority ca
authority strangers
authority clients
localhost=DNS:localhost
certificate site ca "$localhost,DNS:other.localhost"
certificate wrong_name ca DNS:elsewhere.example
certificate expired ca $localhost 20200101000000Z 20210101000000Z
certificate not_yet ca $localhost 20990101000000Z 21000101000000Z
certificate stranger strangers $localhost
certificate alice clients DNS:alice
certificate mallory strangers DNS:mallory
# self_signed NAME EXTENSION...: a certificate that nobody else has signed.
self_signed() {
    local name=$1 extension extensions=(-addext "subjectAltName=$localhost")
    shift
    for extension in "$@"; do extensions+=(-addext "$extension"); done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 \
        -subj /CN=localhost "${extensions[@]}" -keyout "$certs/$name.key" \
        -out "$certs/$name.pem" 2>/dev/null
}
self_signed self_signed basicConstraints=critical,CA:FALSE
# What openssl makes unless it is told otherwise.
self_signed authority
large "$logs/large"

step "versions, as openssl sees them"
versions
step "certificates"
certificates
step "a new certificate"
reloads
step "our server, aiocoap's client"
aiocoap_asks
step "aiocoap's server, our client"
aiocoap_serves
verdict
