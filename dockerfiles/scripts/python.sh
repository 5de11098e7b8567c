#!/bin/sh
# python.sh SOURCE REQUEST: an empty environment in /opt/env, on the Python that the lock names. Run by site.sh.
# SOURCE base or apt: REQUEST is a path in the image; SOURCE managed: REQUEST is a version of uv's own builds.
set -eu
source=$1 request=$2
uv=/dev/shm/envbuild/uv
if [ "$source" = managed ]; then
    # Not under /root, where uv would put it: everybody must be able to read it.
    export UV_PYTHON_INSTALL_DIR=/opt/python UV_PYTHON_CACHE_DIR="$UV_CACHE_DIR/python" UV_PYTHON_INSTALL_BIN=0
    UV_PYTHON_DOWNLOADS=manual "$uv" python install "$request"
    rm -rf /opt/python/.temp /opt/python/.lock /opt/python/.gitignore
    "$uv" venv --no-project --managed-python --python "$request" /opt/env
else
    "$uv" venv --no-project --no-cache --python "$request" /opt/env
fi
# Debian's /etc/profile resets PATH for login shells, which clusters start.
mkdir -p /etc/profile.d
# shellcheck disable=SC2016  # to be expanded by the shell that reads the file
echo 'case "$PATH" in /opt/env/bin:*) ;; *) export PATH="/opt/env/bin:$PATH" ;; esac' >/etc/profile.d/envbuild.sh
