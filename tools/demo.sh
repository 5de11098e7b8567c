#!/usr/bin/env bash
# Builds and smoke-tests examples/quickstart on this machine. Run again, it finds that there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

spec=examples/quickstart/spec.yml
base=debian:bookworm-slim
registry_unreachable=7

tools/setup.sh
tools/engine.sh ensure
code=0
.venv/bin/envbuild image "$spec" || code=$?
if [ "$code" -eq "$registry_unreachable" ]; then
    say "The registry of $base is out of reach: making it from Debian packages (envbuild bootstrap $base) …"
    # Ubuntu does not have Debian's keys by itself.
    if ! command -v mmdebstrap >/dev/null || [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
        can_apt || die 7 "That needs two packages: apt-get install mmdebstrap debian-archive-keyring"
        apt_install mmdebstrap debian-archive-keyring
    fi
    .venv/bin/envbuild bootstrap "$base"
    code=0
    .venv/bin/envbuild image "$spec" || code=$?
fi
if [ "$code" -eq 0 ]; then
    say ""
    say "make demo took $SECONDS s. To have envbuild on PATH in this shell: source .venv/bin/activate"
fi
exit "$code"
