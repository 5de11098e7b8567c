#!/bin/sh
# site.sh COMMAND [ARG...]: run a command with what this site says about its network, if it says anything.
# The secrets are mounted, the variables live as long as the command: nothing of them stays in the image.
set -eu
umask 022
room=/dev/shm/envbuild
if [ -f "$room/site" ]; then
    # shellcheck disable=SC1091  # a secret, there only while a step runs
    . "$room/site"
fi
if [ -s "$room/ca.pem" ]; then
    for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS; do
        export "$name=$room/ca.pem"
    done
fi

# apt reads neither: it gets a configuration of its own, with copies of the image's sources that name the site's mirrors.
if [ -d /etc/apt ] && { [ -s "$room/ca.pem" ] || [ -n "${ENVBUILD_APT_MIRRORS:-}" ]; }; then
    mkdir -p "$room/sources/parts"
    touch "$room/apt.conf" "$room/sources/list"
    if [ -s "$room/ca.pem" ]; then
        echo "Acquire::https::CAInfo \"$room/ca.pem\";" >>"$room/apt.conf"
    fi
    if [ -n "${ENVBUILD_APT_MIRRORS:-}" ]; then
        if [ -f /etc/apt/sources.list ]; then cp /etc/apt/sources.list "$room/sources/list"; fi
        if [ -d /etc/apt/sources.list.d ]; then cp -R /etc/apt/sources.list.d/. "$room/sources/parts"; fi
        for pair in $ENVBUILD_APT_MIRRORS; do
            # FROM=TO, prefixes of URLs: plain text, so what sed would take for a pattern is escaped.
            from=$(printf '%s' "${pair%%=*}" | sed 's/[][\.*^$|]/\\&/g')
            to=$(printf '%s' "${pair#*=}" | sed 's/[\&|]/\\&/g')
            find "$room/sources" -type f -exec sed -i "s|$from|$to|g" {} +
        done
        echo "Dir::Etc::sourcelist \"$room/sources/list\"; Dir::Etc::sourceparts \"$room/sources/parts\";" >>"$room/apt.conf"
    fi
    export APT_CONFIG="$room/apt.conf"
fi

if [ -f "$room/uv" ]; then
    export UV_CACHE_DIR="$room/cache" UV_LINK_MODE=copy UV_NO_CONFIG=1 UV_NO_PROGRESS=1
    export UV_PYTHON_DOWNLOADS=never UV_PREVIEW_FEATURES=pylock
fi
exec "$@"
