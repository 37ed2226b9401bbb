# shellcheck shell=bash
# What the scripts in this folder share: how they fail, what they install, and free ports. It is
# sourced, and names the script that sources it in what it says.
set -euo pipefail

fail() {
    echo "${script:?}: $*" >&2
    exit 1
}

free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000)) # below the ports that outgoing connections take
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "no free port between 20000 and 32000"
}

# until_true SECONDS COMMAND...
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# The folder of PostgreSQL's programs, the newest where there are several.
postgres_bin() {
    local folders
    folders=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    if [[ -x $folders/initdb ]]; then
        echo "$folders"
    elif command -v initdb >/dev/null; then
        dirname "$(readlink -f "$(command -v initdb)")"
    fi
}

missing=()
policy=

# need PROGRAM [PACKAGE]: notes what has to be installed for it.
need() {
    PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || missing+=("${2:-$1}")
}

# What every test may ask for.
need_servers() {
    [[ -n $(postgres_bin) ]] || missing+=(postgresql)
    need redis-server
    need haproxy
}

# Installs what was found missing, on Debian and as root; else it says what to do.
install_missing() {
    [[ ${#missing[@]} -gt 0 ]] || return 0
    [[ $EUID -eq 0 ]] || fail "these are missing: ${missing[*]}. Install them, or run this once as root"
    command -v apt-get >/dev/null || fail "these are missing, and there is no apt-get: ${missing[*]}"
    echo "==> installing ${missing[*]}"
    # Debian starts a service when it is installed, unless this program says no.
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    local log
    log=$(DEBIAN_FRONTEND=noninteractive apt-get -qq update 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
            install -y --no-install-recommends "${missing[@]}" 2>&1) ||
        { echo "$log" >&2; fail "they could not be installed"; }
}

# Takes back what installing has changed beside that; for the end of a script, however it comes.
clean_up_installing() {
    [[ -z $policy ]] || rm -f "$policy"
}
