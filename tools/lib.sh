# What the scripts here share: saying things, and installing Debian packages. Sourced, never run.
# shellcheck shell=bash

log_file=.cache/setup.log

say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE…: the codes are envbuild's own (docs/troubleshooting.md).
die() {
    local code=$1
    shift
    say "$*"
    exit "$code"
}

# Runs a command with its output in the log; shows the end of it when it fails.
logged() {
    mkdir -p "$(dirname "$log_file")"
    local code=0 before=0
    [ ! -f "$log_file" ] || before=$(wc -l <"$log_file")
    "$@" >>"$log_file" 2>&1 </dev/null || code=$?
    if [ "$code" -ne 0 ]; then
        say "Failed ($code): $*"
        tail -n "+$((before + 1))" "$log_file" | tail -n 20 >&2
    fi
    return "$code"
}

# Whether this is Debian, Ubuntu or one of their kin, and we may install packages.
can_apt() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null
}

# Installs Debian packages. The package lists are refreshed only if it does not work without.
apt_install() {
    say "Installing $* with apt-get …"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq)
    mkdir -p "$(dirname "$log_file")"
    "${apt[@]}" install --no-install-recommends "$@" >>"$log_file" 2>&1 </dev/null && return
    logged "${apt[@]}" update && logged "${apt[@]}" install --no-install-recommends "$@"
}
