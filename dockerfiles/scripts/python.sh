#!/bin/sh
# python.sh SOURCE REQUEST [VERSION]: an empty environment in /opt/env, on the Python that the lock names. Run by site.sh.
# SOURCE base or apt: REQUEST is a path in the image; SOURCE managed: REQUEST is a version of uv's own builds.
# SOURCE conda: the environment is there, REQUEST is its Python, and has to be VERSION.
set -eu
source=$1 request=$2
uv=/dev/shm/envbuild/uv
if [ "$source" = conda ]; then
    if ! found=$("$request" -I -B -c 'import platform; print(platform.python_version())'); then
        echo "envbuild: $request, which conda packages brought, does not run in this base image" >&2
        exit 1
    fi
    case $found in
    "$3" | "$3".*) ;;
    *)
        echo "envbuild: $request is Python $found, and the lock says $3; renew the lock: envbuild lock --upgrade" >&2
        exit 1
        ;;
    esac
elif [ "$source" = managed ]; then
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
if [ "$source" = conda ]; then
    # What `conda activate` would run. Programs that no login shell starts go without it (docs/conda.md).
    cat >>/etc/profile.d/envbuild.sh <<'END'
export CONDA_PREFIX=/opt/env
for script in /opt/env/etc/conda/activate.d/*.sh; do
    if [ -r "$script" ]; then . "$script"; fi
done
unset script
END
fi
