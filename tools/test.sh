#!/usr/bin/env bash
# Runs all tests, those against a real engine included. Arguments go to pytest.
# With CI set, a missing engine, registry or network fails the tests that need it; else they are skipped with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

code=0
tools/engine.sh ensure || code=$?
if [ "$code" -ne 0 ]; then
    [ -z "${CI-}" ] || exit "$code"
    say "Going on without an engine: tests that need one are skipped."
fi

missing=()
for program in docker-registry mmdebstrap gcc zstd; do # the Debian packages have the same names
    command -v "$program" >/dev/null || missing+=("$program")
done
# gcc compiles the stand-ins for NVIDIA's libraries; its headers are a package of their own.
[[ " ${missing[*]-} " != *" gcc "* ]] || missing+=(libc6-dev)
if [ "${#missing[@]}" -gt 0 ]; then
    if can_apt; then
        apt_install "${missing[@]}" || say "Tests that need ${missing[*]} cannot run."
    else
        say "Not installed: ${missing[*]}. Tests that need them are skipped (Debian, Ubuntu: apt-get install ${missing[*]})."
    fi
fi

if [ -n "${CI-}" ]; then
    export ENVBUILD_TEST_REQUIRE=${ENVBUILD_TEST_REQUIRE-engine,registry,network,compiler}
fi
[ "$#" -eq 0 ] || exec .venv/bin/python -m pytest "$@"

# Two lots side by side: one waits for the engine most of the time, the other computes and asks registries. On the
# engine they share, each has names of its own.
pushing=(tests/engine/test_publish.py tests/engine/test_pull.py tests/engine/test_push.py)
mkdir -p .cache
.venv/bin/python -m pytest -q tests/unit tests/golden tests/registry tests/network "${pushing[@]}" >.cache/other.log 2>&1 &
other=$!
code=0
.venv/bin/python -m pytest --durations=15 tests/engine tests/gpu "${pushing[@]/#/--ignore=}" || code=$?
wait "$other" || code=$?
say "The lot beside it (tests without an engine, those of registries, and ${pushing[*]}):"
cat .cache/other.log
exit "$code"
