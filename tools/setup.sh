#!/usr/bin/env bash
# Makes .venv with envbuild and what its development needs; does nothing when that is up to date.
# Package index, proxy and certificates are taken from pip's own settings.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

stamp=.venv/.envbuild-setup

# The first Python that is new enough and can make virtual environments (Debian splits that off).
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Debian's python3 first; Ubuntu 22.04 has 3.11 beside its 3.10.
install_python() {
    can_apt || return 1
    apt_install python3 python3-venv && find_python >/dev/null && return
    apt_install python3.11 python3.11-venv
}

wanted=$(cat pyproject.toml tools/setup.sh <(pwd) | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

python=$(find_python) || { install_python && python=$(find_python); } ||
    die 1 "Python 3.11 or newer with its venv module is needed. On Debian or Ubuntu: apt-get install python3 python3-venv"

say "Setting up .venv ($("$python" --version)); the log is $log_file …"
# A venv holds absolute paths: one from elsewhere, or of a Python that is gone, is made anew.
if ! .venv/bin/python -c 'import pip' 2>/dev/null || ! grep -qsF "$(pwd)/.venv" .venv/bin/activate; then
    rm -rf .venv
fi
[ -d .venv ] || logged "$python" -m venv .venv
# Dependency groups need pip 25.1.
logged .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
logged .venv/bin/python -m pip install --quiet --group dev --editable .
.venv/bin/python -m compileall -q envbuild
echo "$wanted" >"$stamp"
say "Ready: .venv/bin/envbuild ($(.venv/bin/envbuild --version))"
