#!/usr/bin/env bash
# Behind real reverse proxies, and asked by a real browser, over loopback.
#
#   scripts/deploy.sh [nginx|haproxy|caddy|apache|browser]...      all of them without a name
#
# Each proxy runs with its file of tests/deploy, which docs/behind-a-proxy.md shows, in front of two
# servers, and ends TLS. It is run as a program of ours, on free ports of 127.0.0.1, with all its
# files under target/deploy; no service of the system is touched.
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end. The
# program under test is target/release/coap-ws, which is built when COAP_WS does not name another.
. "$(dirname "$0")/lib.sh"

logs=$target/deploy
certs=$logs/certs
files=$top/tests/deploy
. "$files/checks.sh"

# The proxies' idle timeout in the tests. Above the keepalive of 25 s that our clients have.
idle_s=30
# How long a connection is then left alone.
alone_s=40

peer() {
    timeout 60 python3 "$files/peer.py" "$@"
}

# What is in front ------------------------------------------------------------------------------

# filled FILE: with its placeholders filled in.
filled() {
    sed -e "s|@PORT@|$port|g" -e "s|@COAP1@|$coap1|g" -e "s|@COAP2@|$coap2|g" \
        -e "s|@SITE@|$site|g" -e "s|@IDLE@|$idle_s|g" -e "s|@CERT@|$certs/site.pem|g" \
        -e "s|@KEY@|$certs/site.key|g" -e "s|@PEM@|$certs/both.pem|g" "$files/$1"
}

# start_PROXY: what a distribution's main file has, but for a program of ours; then the file.

start_nginx() {
    filled nginx.conf >"$dir/coap.conf"
    cat >"$dir/main.conf" <<END
worker_processes 2;
daemon off;
pid $dir/pid;
error_log $dir/error.log info;
events {}
http {
    access_log $dir/access.log;
    client_body_temp_path $dir/t1;
    proxy_temp_path $dir/t2;
    fastcgi_temp_path $dir/t3;
    uwsgi_temp_path $dir/t4;
    scgi_temp_path $dir/t5;
    include $dir/coap.conf;
}
END
    run nginx /usr/sbin/nginx -e "$dir/error.log" -p "$dir" -c "$dir/main.conf"
}

start_haproxy() {
    filled haproxy.cfg >"$dir/coap.cfg"
    run haproxy /usr/sbin/haproxy -W -db -p "$dir/pid" -f "$dir/coap.cfg"
}

start_caddy() {
    { printf '{\n\tadmin unix/%s\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n' "/$dir/admin"
      filled Caddyfile; } >"$dir/Caddyfile"
    run caddy env HOME="$dir" XDG_DATA_HOME="$dir" XDG_CONFIG_HOME="$dir" \
        caddy run --adapter caddyfile --config "$dir/Caddyfile"
}

start_apache() {
    local modules=/usr/lib/apache2/modules name
    filled apache.conf >"$dir/coap.conf"
    {
        cat <<END
ServerRoot $dir
PidFile $dir/pid
ServerName localhost
DefaultRuntimeDir $dir
ErrorLog $dir/error.log
END
        if [ "$(id -u)" = 0 ]; then printf 'User www-data\nGroup www-data\n'; fi
        # What Debian has on by itself, and what the first lines of the file name.
        for name in mpm_event authz_core ssl proxy proxy_http proxy_balancer lbmethod_bybusyness \
            slotmem_shm socache_shmcb; do
            echo "LoadModule ${name}_module $modules/mod_$name.so"
        done
        echo "Include $dir/coap.conf"
    } >"$dir/main.conf"
    run apache /usr/sbin/apache2 -f "$dir/main.conf" -D FOREGROUND
}

# reload_PROXY: a new configuration, while connections are open.

reload_nginx() {
    kill -HUP "${children[nginx]}"
}

reload_haproxy() {
    kill -USR2 "${children[haproxy]}"
}

reload_caddy() {
    HOME=$dir caddy reload --force --adapter caddyfile --config "$dir/Caddyfile" \
        --address "unix/$dir/admin" >"$logs/caddy_reload.out" 2>&1
}

reload_apache() {
    kill -USR1 "${children[apache]}"
}

# settled: the proxy has found the servers that were started behind it.
settled() {
    local answer
    answer=$(peer ask "$port" "$ca" localhost 2>&1) && [[ "$answer" != 50[234]* ]]
}

# What is asked of each --------------------------------------------------------------------------

# named_servers: the two servers, with the names that the proxy has.
named_servers() {
    serve "$proxy.coap1" "$coap1" "${names[@]}"
    serve "$proxy.coap2" "$coap2" "${names[@]}"
    soon both_reached || true
}

# both_reached: asks once; whether each of the two has been asked by now.
both_reached() {
    peer ask "$port" "$ca" localhost >/dev/null 2>&1 || true
    [ "$(connected "$proxy.coap1")" -gt 0 ] && [ "$(connected "$proxy.coap2")" -gt 0 ]
}

# The proxy says who asked whom: what clients wrote themselves stands before it or is gone.
forwards() {
    local head
    soon settled || true
    peer ask "$port" "$ca" coap.example 'X-Forwarded-For: 192.0.2.66' >/dev/null || true
    stop "$proxy.record1" "$proxy.record2"
    # Of the heads that came, the one of this name.
    head=$(awk -v RS= '/coap\.example/' "$logs/$proxy.record1.out" "$logs/$proxy.record2.out")
    has "$proxy.passes_on_host" "^[Hh]ost: coap\.example:$port$" "$head"
    has "$proxy.passes_on_coap" '^[Ss]ec-[Ww]eb[Ss]ocket-[Pp]rotocol: coap$' "$head"
    if grep -i '^x-forwarded-for: ' <<<"$head" | tail -n 1 | grep -qE '(^| )127\.0\.0\.1$'; then
        ok "$proxy.forwarded_for"
    else
        fail "$proxy.forwarded_for" "$(oneline <<<"$head")"
    fi
}

# Without --public-uri a server knows neither its name nor that there is TLS in front.
refuses() {
    local answer
    serve "$proxy.unnamed1" "$coap1"
    serve "$proxy.unnamed2" "$coap2"
    soon settled || true
    answer=$(peer ask "$port" "$ca" coap.example 2>&1) || true
    has "$proxy.unnamed.status" '^403' "$answer"
    has "$proxy.unnamed.names_the_flag" '--public-uri' "$answer"
    tool "$proxy.unnamed.origin" get "${trust[@]}" -H "Origin: https://localhost:$port" "$uri/hello"
    is "$proxy.unnamed.origin" 3 "$code"
    has "$proxy.unnamed.origin_names_the_flag" '--public-uri' "$(cat "$logs/$proxy.unnamed.origin.err")"
    stop "$proxy.unnamed1" "$proxy.unnamed2"
}

works() {
    local name answer
    name=$proxy.hello
    if asks "$name" get "${trust[@]}" "$uri/hello"; then said "$name" 'hello from coap-ws'; fi
    # The server asks the client, through the proxy.
    name=$proxy.reverse
    if asks "$name" get --serve "${trust[@]}" "$uri/reverse"; then
        said "$name" 'hello from coap-ws'
    fi
    name=$proxy.get_large
    if asks "$name" get "${trust[@]}" "$uri/large"; then same "$name" "$logs/large"; fi
    name=$proxy.post_large
    if asks "$name" post "${trust[@]}" -d "@$logs/large" "$uri/echo"; then
        same "$name" "$logs/large"
    fi
    answer=$(peer ask "$port" "$ca" coap.example 2>&1) || true
    has "$proxy.second_name" '^101' "$answer"
    answer=$(peer ask "$port" "$ca" localhost "Origin: https://localhost:$port" 2>&1) || true
    has "$proxy.same_origin" '^101' "$answer"
    answer=$(peer ask "$port" "$ca" localhost 'Origin: https://evil.example' 2>&1) || true
    has "$proxy.foreign_origin" '^403' "$answer"
    answer=$(curl -sS --max-time 10 --cacert "$ca" "https://localhost:$port/" 2>&1) || true
    has "$proxy.site" 'GET /hello' "$answer"
}

# pings NAME COUNT INTERVAL: a connection that is kept busy beside us.
pings() {
    run "$1" "$coap_ws" ping "${trust[@]}" -c "$2" -i "$3" "$uri"
}

# connected SERVER: how many connections a server has had.
connected() {
    grep -c ' connected$' "$logs/$1.err" || true
}

# two_ended: two of the four have.
two_ended() {
    local n count=0
    for n in 1 2 3 4; do
        if ended "$proxy.hold$n"; then count=$((count + 1)); fi
    done
    [ "$count" -ge 2 ]
}

# hold N: the Nth of four connections that stay.
hold() {
    pings "$proxy.hold$1" 100 0.2
    soon grep -qs '^pong' "$logs/$proxy.hold$1.out" || true
}

# Four connections, two servers. One server is started anew; who comes then goes to it, since the
# other one has two already. Taking turns would not do that.
balances() {
    local n one two before1 before2
    before1=$(connected "$proxy.coap1") before2=$(connected "$proxy.coap2")
    for n in 1 2 3 4; do hold $n; done
    one=$(($(connected "$proxy.coap1") - before1)) two=$(($(connected "$proxy.coap2") - before2))
    is "$proxy.balances" '2 and 2' "$one and $two"

    kill -TERM "${children[$proxy.coap1]}"
    status "$proxy.coap1"
    serve "$proxy.coap1" "$coap1" "${names[@]}"
    soon two_ended || true
    before2=$(connected "$proxy.coap2")
    for n in 1 2 3 4; do
        if ended "$proxy.hold$n"; then
            status "$proxy.hold$n"
            hold $n
        fi
    done
    one=$(connected "$proxy.coap1") two=$(($(connected "$proxy.coap2") - before2))
    is "$proxy.balances_again" '2 and 0' "$one and $two"
}

# The four are still there. One server is told to end: its two are released, the others stay, and
# whoever comes next reaches the other server.
drains() {
    local n name last='' released=0 alive=0 since=$SECONDS
    kill -TERM "${children[$proxy.coap1]}"
    status "$proxy.coap1"
    is "$proxy.drain.server_ends" 0 "$code"
    if [ $((SECONDS - since)) -gt 3 ]; then
        fail "$proxy.drain.at_once" "$((SECONDS - since)) s"
    else
        ok "$proxy.drain.at_once"
    fi
    name=$proxy.drain.next
    if asks "$name" get "${trust[@]}" "$uri/hello"; then said "$name" 'hello from coap-ws'; fi
    soon two_ended || true
    for n in 1 2 3 4; do
        if ended "$proxy.hold$n"; then
            status "$proxy.hold$n"
            if [ "$code" = 8 ]; then
                released=$((released + 1))
            else
                echo "  exit code $code: $(oneline <"$logs/$proxy.hold$n.err")"
            fi
        else
            alive=$((alive + 1))
            last+="$n: $(tail -n 1 "$logs/$proxy.hold$n.out") "
            stop "$proxy.hold$n"
        fi
    done
    if [ "$released, $alive" = '2, 2' ]; then
        ok "$proxy.drain.released"
    else
        fail "$proxy.drain.released" "$released released, $alive as before: $last"
    fi
    serve "$proxy.coap1" "$coap1" "${names[@]}"
}

# A connection that was open before stays; one that comes after is served.
reloads() {
    local name=$proxy.reload
    pings "$name" 16 0.25
    soon grep -qs '^pong' "$logs/$name.out" || true
    "reload_$proxy" || fail "$name.command" "it failed"
    sleep 1
    if asks "$name.next" get "${trust[@]}" "$uri/hello"; then
        said "$name.next" 'hello from coap-ws'
    fi
    status "$name"
    case $proxy in
    # Caddy 2.6 closes it: 1001, which ends a ping with exit code 8. When that has changed,
    # docs/behind-a-proxy.md is wrong.
    caddy) is "$name.closes" 8 "$code" ;;
    *) is "$name.keeps" '0 16' "$code $(grep -c '^pong' "$logs/$name.out" || true)" ;;
    esac
}

# Two connections are left alone: ours, with its keepalive, and one that never says anything.
begins_idling() {
    run "$proxy.idle" "$coap_ws" ping "${trust[@]}" -c 2 -i $alone_s "$uri"
    run "$proxy.silent" python3 "$files/peer.py" hold "$port" "$ca" localhost $alone_s
}

ends_idling() {
    local silent
    status "$proxy.idle"
    is "$proxy.idle.kept_alive" '0 2' "$code $(grep -c '^pong' "$logs/$proxy.idle.out" || true)"
    status "$proxy.silent"
    silent=$(cat "$logs/$proxy.silent.out" "$logs/$proxy.silent.err")
    case $proxy in
    # Caddy has no idle timeout for what was upgraded.
    caddy) is "$proxy.silent.stays" 'still open' "$silent" ;;
    *) has "$proxy.silent.cut" "^cut after $idle_s\.[0-9] s$" "$silent" ;;
    esac
}

# front PROXY: all checks with that proxy but the end of idling, which ends_idling brings.
front() {
    proxy=$1
    dir=$logs/$proxy
    mkdir -p "$dir"
    read -r port coap1 coap2 < <(free_ports 3)
    ports[$proxy]=$port
    uri=coaps+ws://localhost:$port
    names=(--public-uri "coaps+ws://localhost:$port" --public-uri "coaps+ws://coap.example:$port")
    # Somebody is there before the proxy looks for the first time.
    run "$proxy.record1" python3 "$files/peer.py" record "$coap1"
    run "$proxy.record2" python3 "$files/peer.py" record "$coap2"
    started "$proxy.record1" listens "$coap1"
    started "$proxy.record2" listens "$coap2"
    "start_$proxy"
    started "$proxy" listens "$port"
    forwards
    refuses
    named_servers
    works
    balances
    drains
    reloads
    begins_idling
}

# A browser --------------------------------------------------------------------------------------

# looks NAME PATTERN URL: what the page at URL comes to.
looks() {
    local outcome
    outcome=$(timeout 90 python3 "$files/browse.py" "$3" "$logs/$1.png" 2>&1) || true
    has "$1" "$2" "$outcome"
}

# The page of the site in front of the server, the same page from elsewhere, and from elsewhere
# where that is allowed. Also without anything in front.
browser() {
    local in_front=wss://localhost:${ports[nginx]} elsewhere=http://127.0.0.1:$site
    local direct closed='refused: closed with 1006 before it was open'
    looks browser.same_origin '^2\.05 hello from coap-ws$' "https://localhost:${ports[nginx]}/"
    looks browser.foreign_origin "^$closed$" "$elsewhere/?at=$in_front"

    read -r direct < <(free_ports 1)
    serve browser.direct "$direct"
    looks browser.direct.foreign_origin "^$closed$" "$elsewhere/?at=ws://127.0.0.1:$direct"
    has browser.direct.refusal_names_the_flag "403 Forbidden: .*$elsewhere.*--allow-origin" \
        "$(cat "$logs/browser.direct.err")"
    stop browser.direct
    serve browser.direct "$direct" --allow-origin "$elsewhere"
    looks browser.direct.allowed_origin '^2\.05 hello from coap-ws$' \
        "$elsewhere/?at=ws://127.0.0.1:$direct"
    stop browser.direct
}

# The page in docs/ shows what was tested: each of its blocks is one of the files.
documented() {
    local file
    for file in nginx.conf haproxy.cfg Caddyfile apache.conf; do
        if python3 -c '
import sys
page, file = (open(name).read() for name in sys.argv[1:])
sys.exit(f"\n{file}```\n" not in page)' docs/behind-a-proxy.md "$files/$file"; then
            ok "documented.$file"
        else
            fail "documented.$file" "docs/behind-a-proxy.md shows something else"
        fi
    done
}

wanted=("$@")
[ $# -gt 0 ] || wanted=(nginx haproxy caddy apache browser)
proxies=()
for name in "${wanted[@]}"; do
    case $name in
    nginx | haproxy | caddy | apache) proxies+=("$name") ;;
    # It looks at the site behind nginx.
    browser) [[ " ${wanted[*]} " = *" nginx "* ]] || proxies+=(nginx) ;;
    *) die "there is no '$name'; nginx, haproxy, caddy, apache, browser" ;;
    esac
done

rm -rf "$logs"
mkdir -p "$certs"
# Workers of nginx and Apache run as another user.
chmod 755 "$logs"
packages=(curl openssl)
for name in "${proxies[@]}"; do packages+=("${name/apache/apache2}"); done
[[ " ${wanted[*]} " != *" browser "* ]] || packages+=(chromium-headless-shell)
need_daemons "${packages[@]}"
coap_ws=${COAP_WS:-$target/release/coap-ws}
if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi

authority ca
certificate site ca 'DNS:localhost,DNS:coap.example,IP:127.0.0.1'
cat "$certs/site.pem" "$certs/site.key" >"$certs/both.pem"
ca=$certs/ca.pem
trust=(--cacert "$ca")
large "$logs/large"
read -r site < <(free_ports 1)
run site python3 -m http.server --bind 127.0.0.1 --directory "$files/page" "$site"
started site listens "$site"

declare -A ports=()
step "the page"
documented
for name in "${proxies[@]}"; do
    step "behind $name"
    front "$name"
done
if [[ " ${wanted[*]} " = *" browser "* ]]; then
    step "in front of a browser"
    browser
fi
step "left alone for $alone_s s behind proxies that cut after $idle_s s"
for proxy in "${proxies[@]}"; do ends_idling; done
verdict
