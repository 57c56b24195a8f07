# shellcheck shell=bash
# What deploy.sh, tls.sh and web.sh share: checks, running programs beside us, certificates.
# Sourced after lib.sh, with $logs set to where everything goes.

# Process ids of what runs beside us, by name.
declare -A children=()

# is NAME WANTED GOT: the two are the same.
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "'$3' instead of '$2'"; fi
}

# has NAME PATTERN TEXT: the pattern, an extended regular expression, is in the text.
has() {
    if grep -qE -- "$2" <<<"$3"; then ok "$1"; else fail "$1" "no '$2' in: $(oneline <<<"$3")"; fi
}

oneline() {
    tr '\n' ' ' | cut -c -600
}


# stop NAME...: ends those and waits for them.
stop() {
    local name
    for name in "$@"; do
        [ -n "${children[$name]-}" ] || continue
        kill "${children[$name]}" 2>/dev/null || true
        wait "${children[$name]}" 2>/dev/null || true
        unset "children[$name]"
    done
}

# Ends what was started here, however the script ends.
trap 'stop "${!children[@]}"' EXIT

# run NAME COMMAND...: runs it beside us; its output goes to $logs/NAME.out and .err.
run() {
    local name=$1
    shift
    # What an earlier one of that name has said is gone before anybody looks.
    : >"$logs/$name.out"
    : >"$logs/$name.err"
    "$@" >>"$logs/$name.out" 2>>"$logs/$name.err" </dev/null &
    children[$name]=$!
}

# soon COMMAND...: until it succeeds, for at most 15 s.
soon() {
    local tenths
    for ((tenths = 0; tenths < 150; tenths++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# started NAME CONDITION...: waits until the condition holds for what runs as NAME.
started() {
    local name=$1
    shift
    soon "$@" && ! ended "$name" && return
    echo "$name did not start:" >&2
    tail -n 20 "$logs/$name.out" "$logs/$name.err" >&2
    return 1
}

# listens PORT: somebody accepts connections there.
listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# ended NAME: what was run as NAME has ended. The shell knows; by now the system may have given its
# process id to somebody else.
ended() {
    ! jobs -rp | grep -qx "${children[$1]}"
}

# status NAME: waits for it and gives its exit code in $code.
status() {
    code=0
    wait "${children[$1]}" || code=$?
    unset "children[$1]"
}

# free_ports N: that many, all different, and none that the system hands out by itself: another
# connection could have it by the time that it is needed. One above each is free too.
free_ports() {
    python3 -c '
import random, socket, sys
with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
    end = int(file.read().split()[0])
wanted, found = int(sys.argv[1]), []
for port in random.sample(range(min(10_000, end // 2), end - 1, 2), 1000):
    try:
        for each in port, port + 1:
            with socket.socket() as s:
                s.bind(("127.0.0.1", each))
    except OSError:
        continue
    found.append(port)
    if len(found) == wanted:
        break
print(*found)' "$1"
}

# serve NAME PORT FLAG...: the demo server of the tool.
serve() {
    local name=$1 port=$2
    shift 2
    run "$name" "$coap_ws" -v serve --demo --listen "127.0.0.1:$port" "$@"
    started "$name" grep -qs "^listening on .*:$port$" "$logs/$name.out"
}

# tool NAME ARGUMENT...: the tool, to its end. What it says is in $logs/NAME.out and .err, its
# exit code in $code.
tool() {
    local name=$1
    shift
    code=0
    timeout 30 "$coap_ws" "$@" >"$logs/$name.out" 2>"$logs/$name.err" </dev/null || code=$?
}

# asks NAME ARGUMENT...: the tool must succeed.
asks() {
    local name=$1
    tool "$@"
    [ "$code" = 0 ] && return
    fail "$name" "exit code $code: $(oneline <"$logs/$name.err")"
    return 1
}

# said NAME TEXT: the tool has said just that.
said() {
    is "$1" "$2" "$(cat "$logs/$1.out")"
}

# same NAME FILE: the tool has given out what FILE has.
same() {
    if cmp -s "$logs/$1.out" "$2"; then ok "$1"; else fail "$1" "$(cmp "$logs/$1.out" "$2" 2>&1)"; fi
}

# large FILE: the 65,536 bytes of /large.
large() {
    python3 -c '
import sys
sys.stdout.buffer.write(bytes(i % 251 for i in range(65_536)))' >"$1"
}

# authority NAME: a certificate authority of our own, as $certs/NAME.pem and .key.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 \
        -subj "/CN=$1 of the tests" -keyout "$certs/$1.key" -out "$certs/$1.pem" \
        -addext 'basicConstraints=critical,CA:TRUE' \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
}

# certificate NAME AUTHORITY ALTERNATIVES [FROM UNTIL]: a certificate signed by that authority, for
# those names, as $certs/NAME.pem and .key. FROM and UNTIL are as in 20200101000000Z.
certificate() {
    local name=$1 authority=$2 names=$3
    local from=${4-$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)}
    local until=${5-$(date -u -d '+30 days' +%Y%m%d%H%M%SZ)}
    local ca=$certs/$name.ca
    rm -rf "$ca"
    mkdir "$ca"
    : >"$ca/index"
    cat >"$ca/config" <<END
[ca]
default_ca = this
[this]
database = $ca/index
new_certs_dir = $ca
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = leaf
unique_subject = no
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = $names
authorityKeyIdentifier = keyid
END
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$name" \
        -keyout "$certs/$name.key" -out "$ca/request" 2>/dev/null
    openssl ca -batch -notext -config "$ca/config" -cert "$certs/$authority.pem" \
        -keyfile "$certs/$authority.key" -startdate "$from" -enddate "$until" \
        -in "$ca/request" -out "$certs/$name.pem" 2>/dev/null
    rm -rf "$ca"
}

# need_daemons PACKAGE...: as need_deb, but no service of theirs is started or enabled.
need_daemons() {
    local policy=/usr/sbin/policy-rc.d ours=
    if dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null | grep -c ' ok installed' |
        grep -qx $#; then
        return
    fi
    # Debian asks this file before it starts anything (policy-rc.d(8)).
    if ! [ -e $policy ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod +x $policy
    fi
    need_deb "$@"
    if [ -n "$ours" ]; then as_root rm $policy; fi
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet "$@" 2>/dev/null || true
    fi
}
