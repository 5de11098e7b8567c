#!/usr/bin/env bash
# A container engine for `make demo` and `make test`:
#   tools/engine.sh ensure   use the engine that runs; else, as root on Debian or Ubuntu, install docker.io and start dockerd
#   tools/engine.sh stop     end the dockerd that `ensure` started, and no other
# ENVBUILD_DOCKERD_OPTIONS adds options to the dockerd started here.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

state=/run/envbuild # for the whole machine: the engine outlives this checkout
socket=/var/run/docker.sock

# Asks envbuild itself, so that it is the engine that envbuild will find. Prints its name, or why there is none.
find_engine() {
    .venv/bin/python tools/find_engine.py
}

# Process numbers of dockerds in this network, on sockets that envbuild does not look at.
other_daemons() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = dockerd ] && [ "$process/ns/net" -ef /proc/self/ns/net ]; then
            echo "${process#/proc/}"
        fi
    done
}

start_daemon() {
    local others
    others=$(other_daemons)
    # Two of them would give the same addresses on the bridge docker0 to different containers.
    [ -z "$others" ] || die 8 "A dockerd runs already (process $others), on a socket of its own: point DOCKER_HOST at that."
    if [ -d /run/systemd/system ]; then
        say "Starting the docker service …"
        logged systemctl start docker
        return
    fi
    say "Starting dockerd on $socket (log: $state/dockerd.log; tools/engine.sh stop ends it) …"
    mkdir -p "$state"
    # shellcheck disable=SC2086 # several options in one variable
    setsid dockerd --host "unix://$socket" ${ENVBUILD_DOCKERD_OPTIONS-} >"$state/dockerd.log" 2>&1 </dev/null &
    echo $! >"$state/dockerd.pid"
}

# Waits until the engine answers; at most 60 s, less when dockerd ends.
wait_for_engine() {
    local try
    for try in $(seq 120); do
        found=$(find_engine 2>/dev/null) && return
        if [ -f "$state/dockerd.pid" ] && ! ours_runs && [ "$try" -gt 4 ]; then
            break
        fi
        sleep 0.5
    done
    [ ! -f "$state/dockerd.log" ] || tail -n 8 "$state/dockerd.log" >&2
    die 8 "dockerd did not come up. Where a machine forbids containers or iptables, set DOCKER_HOST to an engine elsewhere."
}

# Whether the dockerd that we started still runs (and its number is not another program's by now).
ours_runs() {
    [ -f "$state/dockerd.pid" ] && [ "$(cat "/proc/$(cat "$state/dockerd.pid")/comm" 2>/dev/null)" = dockerd ]
}

ensure() {
    local why
    if found=$(find_engine 2>&1); then
        say "Using $found"
        return
    fi
    why=$found
    # An engine that was asked for by name is not replaced by another one.
    if [ -n "${DOCKER_HOST-}${ENVBUILD_ENGINE-}" ] || ! can_apt; then
        say "$why"
        die 8 "No container engine. Start Docker or Podman (Debian, Ubuntu: apt-get install docker.io), or point DOCKER_HOST at one."
    fi
    say "No container engine runs here."
    # dockerd calls iptables; Debian's package only recommends it.
    local installed=
    if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
        apt_install docker.io iptables || die 8 "docker.io could not be installed; see $log_file."
        installed=yes
    fi
    # The package may have started it by itself.
    if [ -z "$installed" ] || [ -z "$(other_daemons)" ]; then
        start_daemon
    fi
    wait_for_engine
    say "Using $found"
}

stop() {
    if ! ours_runs; then
        say "No dockerd of ours runs."
        return
    fi
    local pid
    pid=$(cat "$state/dockerd.pid")
    kill "$pid"
    for _ in $(seq 60); do
        ours_runs || break
        sleep 0.5
    done
    ! ours_runs || die 8 "dockerd ($pid) does not end; see $state/dockerd.log."
    rm -f "$state/dockerd.pid"
    say "Stopped dockerd ($pid)."
}

case "${1-}" in
ensure | stop) "$1" ;;
*) die 2 "usage: tools/engine.sh ensure|stop" ;;
esac
