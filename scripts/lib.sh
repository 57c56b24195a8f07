# shellcheck shell=bash
# What the scripts share. Sourced first thing, it makes them stop at the first error, and puts them
# at the top of the workspace, wherever they were called from:
#
#   . "$(dirname "$0")/lib.sh"

set -euo pipefail
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
# Where cargo builds; everything these scripts make is under it.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# step TITLE...: says what comes next, and how many seconds have gone by.
step() {
    printf '\n== %s (at %s s)\n' "$*" "$SECONDS"
}

# die MESSAGE...: says why on stderr and ends the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# ok NAME, fail NAME WHY...: counts and tells one check.
passed=0 failed=0
ok() {
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
}
fail() {
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$*"
}

# verdict: the last line, and the exit code, of a script that counts.
verdict() {
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

# as_root COMMAND...: runs it as it is for root, else through sudo, which must not ask.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        die "'$*' needs root, and there is no sudo"
    fi
}

# need_deb PACKAGE...: installs those Debian packages that are missing.
need_deb() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "missing, and there is no apt-get: ${missing[*]}"
    echo "installing ${missing[*]}"
    as_root apt-get -qq update </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# venv: sees to it that $venv/bin/python has what tests/interop/requirements.txt says. Made once,
# and again when that file has changed.
venv=$target/venv
venv() {
    local wanted=$top/tests/interop/requirements.txt
    cmp -s "$wanted" "$venv/requirements.txt" && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_deb python3 python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv" </dev/null
    "$venv/bin/pip" --quiet --disable-pip-version-check install -r "$wanted" </dev/null
    cp "$wanted" "$venv/requirements.txt"
}
