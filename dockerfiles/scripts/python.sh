#!/bin/sh
# python.sh SOURCE REQUEST: an empty environment in /opt/env on the Python that the lock names.
# SOURCE base or apt: REQUEST is a path in the image; SOURCE managed: REQUEST is a version of uv's own builds.
set -eu
umask 022
source=$1 request=$2
export UV_NO_CONFIG=1
if [ "$source" = managed ]; then
    # Not under /root: everybody must be able to read it.
    export UV_PYTHON_INSTALL_DIR=/opt/python
    /run/envbuild/uv python install --no-bin "$request"
    /run/envbuild/uv venv --quiet --managed-python --no-project --python "$request" /opt/env
else
    UV_CACHE_DIR=/tmp/uv-cache UV_PYTHON_DOWNLOADS=never /run/envbuild/uv venv --quiet --no-project --python "$request" /opt/env
    rm -rf /tmp/uv-cache
fi
# Debian's /etc/profile resets PATH for login shells; clusters start those.
mkdir -p /etc/profile.d
echo 'export PATH="/opt/env/bin:$PATH"' > /etc/profile.d/envbuild.sh
