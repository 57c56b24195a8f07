#!/usr/bin/env bash
# The npm package for browsers, and a real browser that uses it.
#
#   scripts/web.sh [pack|check]
#
# `pack` makes target/npm: the core as WebAssembly, the JavaScript module with its types. `check`,
# what happens without a word, also opens pages of it in headless Chromium: against the server
# alone, with TLS, through nginx, and from an origin that is refused. What Chromium saw of the demo
# page is in target/web-check/demo.png.
#
# One line for each check, `ok NAME` or `FAIL NAME why`, and `N passed, N failed` at the end. The
# program under test is target/release/coap-ws, which is built when COAP_WS does not name another.
. "$(dirname "$0")/lib.sh"
. scripts/cross_lib.sh

logs=$target/web-check
certs=$logs/certs
crate=$top/coap-ws-web
package=$target/npm
deploy=$top/tests/deploy
. "$deploy/checks.sh"

# What a page loads may have so many bytes, compressed.
most_bytes=$((100 * 1024))
typescript=typescript@5.9.3
wasm=wasm32-unknown-unknown

pack() {
    local file
    cross_build $wasm std,panic_abort -p coap-ws-web --lib --profile web
    # It runs here, so it is quick to build rather than quick.
    cargo build --quiet --locked --manifest-path "$crate/bindgen/Cargo.toml" \
        --target-dir "$target/bindgen"
    rm -rf "$package"
    mkdir -p "$package"
    "$target/bindgen/debug/coap-ws-web-bindgen" \
        "$target/$wasm/web/coap_ws_web.wasm" "$package"
    cp "$crate"/npm/* "$crate/README.md" "$top"/LICENSE-* "$package"
    echo "packed in $package:"
    for file in "$package"/*.js "$package"/*.wasm; do
        printf '%8s bytes, %7s compressed  %s\n' "$(stat -c %s "$file")" "$(compressed "$file")" \
            "${file##*/}"
    done
}

# compressed FILE...: their bytes, each compressed as a web server would.
compressed() {
    local file sum=0
    for file in "$@"; do sum=$((sum + $(gzip -9c "$file" | wc -c))); done
    echo $sum
}

# The package is what it says: small, whole, of the version of the workspace.
packed() {
    local size missing version
    size=$(compressed "$package"/*.js "$package"/*.wasm)
    if [ "$size" -le $most_bytes ]; then
        ok "package.size ($size bytes compressed, $most_bytes allowed)"
    else
        fail package.size "$size bytes compressed, $most_bytes allowed"
    fi
    missing=$(cd "$package" && node -e '
        const { files } = JSON.parse(require("fs").readFileSync("package.json"));
        const there = require("fs").readdirSync(".");
        const glob = (name) => new RegExp(`^${name.replace("*", ".*")}$`);
        console.log(files.filter((name) => !there.some((file) => glob(name).test(file))).join());
    ')
    is package.files '' "$missing"
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml")
    has package.version "\"version\": \"$version\"" "$(cat "$package/package.json")"
    # What is exported has a type, and what has a type is exported.
    is package.types "$(exported "$package/index.d.ts")" \
        "$(cd "$package" && node --input-type=module -e '
            console.log(Object.keys(await import("./index.js")).sort().join(" "));')"
}

# typed: a program that uses all of the types is right, and what is wrong in it is told.
typed() {
    local types=$logs/types report
    mkdir -p "$types/coap-ws"
    cp "$package"/* "$types/coap-ws"
    cp "$crate/tests/types.mts" "$types"
    (cd "$types" && npm install --silent --no-audit --no-fund --prefix . "$typescript") </dev/null
    report=$(cd "$types" && node node_modules/typescript/bin/tsc --noEmit --strict \
        --target es2022 --lib es2023,dom --module nodenext types.mts 2>&1) || true
    is package.types_are_right '' "$(oneline <<<"$report" | sed 's/ *$//')"
}

# exported FILE.d.ts: the values that it declares.
exported() {
    sed -nE 's/^export declare (class|const|function) (\w+).*/\2/p' "$1" | sort | paste -sd ' '
}

# looks NAME URL: what the page at URL says of each of its checks. Each counts as one.
looks() {
    local name=$1 line count=0
    timeout 120 python3 "$deploy/browse.py" "$2" >"$logs/$name.out" 2>&1 || true
    while read -r line; do
        case $line in
        'ok '*) ok "$name.${line#ok }" ;;
        'FAIL '*) fail "$name.${line#FAIL }" ;;
        *) continue ;;
        esac
        count=$((count + 1))
    done <"$logs/$name.out"
    [ $count -gt 0 ] || fail "$name" "$(oneline <"$logs/$name.out")"
}

start_nginx() {
    sed -e "s|@PORT@|$nginx|g" -e "s|@COAP1@|$behind|g" -e "s|@COAP2@|$behind|g" \
        -e "s|@SITE@|$site|g" -e "s|@IDLE@|60|g" -e "s|@CERT@|$certs/site.pem|g" \
        -e "s|@KEY@|$certs/site.key|g" "$deploy/nginx.conf" >"$logs/coap.conf"
    cat >"$logs/nginx.conf" <<END
daemon off;
pid $logs/nginx.pid;
error_log $logs/nginx.log info;
events {}
http {
    access_log off;
    client_body_temp_path $logs/t1;
    proxy_temp_path $logs/t2;
    fastcgi_temp_path $logs/t3;
    uwsgi_temp_path $logs/t4;
    scgi_temp_path $logs/t5;
    include $logs/coap.conf;
}
END
    run nginx /usr/sbin/nginx -e "$logs/nginx.log" -p "$logs" -c "$logs/nginx.conf"
    started nginx listens "$nginx"
}

check() {
    local here page relay direct tls strict rude
    need_daemons nginx openssl chromium-headless-shell
    coap_ws=${COAP_WS:-$target/release/coap-ws}
    if [ -z "${COAP_WS-}" ]; then cargo build --quiet --release -p coap-ws-cli </dev/null; fi
    authority ca
    certificate site ca 'DNS:localhost,IP:127.0.0.1'
    mkdir -p "$logs/site"
    cp -r "$package" "$logs/site/coap-ws"
    cp -r "$crate/demo" "$crate/tests/page" "$logs/site"

    read -r site relay direct tls strict rude nginx behind < <(free_ports 8)
    here=http://127.0.0.1:$site
    page=$here/page/index.html
    run site python3 "$crate/tests/site.py" "$logs/site" "$site" "$relay" "$direct" "$rude"
    started site listens "$site"
    serve direct "$direct" --allow-origin "$here"
    serve tls "$tls" --allow-origin "$here" --cert "$certs/site.pem" --key "$certs/site.key"
    serve strict "$strict"
    serve behind "$behind" --public-uri "coaps+ws://localhost:$nginx"
    start_nginx

    step "from another origin that is allowed"
    looks direct "$page?run=works&at=coap%2Bws://127.0.0.1:$direct"
    step "with TLS"
    looks tls "$page?run=works&at=coaps%2Bws://127.0.0.1:$tls"
    step "through nginx, from the same origin"
    looks nginx "https://localhost:$nginx/page/index.html?run=works&at=coaps%2Bws://localhost:$nginx"
    step "refused"
    looks foreign "$page?run=refused&at=coap%2Bws://127.0.0.1:$strict"
    has foreign.names_the_flag "403 Forbidden: .*$here.*--allow-origin" "$(cat "$logs/strict.err")"
    looks foreign_nginx "$page?run=refused&at=coaps%2Bws://localhost:$nginx"
    looks nobody "$page?run=refused&at=coap%2Bws://127.0.0.1:1"
    step "lost, and there again"
    looks lost "$page?run=loses&at=coap%2Bws://127.0.0.1:$relay"
    step "a server that breaks the rules"
    looks rude "$page?run=codes&at=coap%2Bws://127.0.0.1:$rude"
    step "the demo page"
    has demo '^[0-9]{4}-[0-9]{2}-[0-9]{2}' "$(timeout 90 python3 "$deploy/browse.py" \
        "$here/demo/index.html?at=coap%2Bws://127.0.0.1:$direct&show=/time" \
        "$logs/demo.png" 1100,760 2>&1)"
}

case ${1-check} in
pack | check) ;;
*) die "there is no '$1'; pack, check" ;;
esac
rm -rf "$logs"
mkdir -p "$certs"
chmod 755 "$logs"
if ! command -v npm >/dev/null; then need_deb nodejs npm; fi
step "the package"
pack
[ "${1-check}" = check ] || exit 0
packed
typed
check
verdict
