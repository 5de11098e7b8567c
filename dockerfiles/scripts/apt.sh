#!/bin/sh
# apt.sh PACKAGE[=VERSION]...: install Debian packages, and leave nothing else behind.
# Archives and lists go to a cache mount (an image's own docker-clean would delete them from the usual place).
set -eu
cache=/run/envbuild/cache
mkdir -p "$cache/archives/partial" "$cache/lists/partial"
options="-o Dir::Cache=$cache -o Dir::State::lists=$cache/lists -o APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User=root"
if [ -n "${ENVBUILD_CA:-}" ]; then
    options="$options -o Acquire::https::CAInfo=$ENVBUILD_CA"
fi
if [ -n "${ENVBUILD_APT_MIRRORS:-}" ]; then
    # Copies of the sources with the site's mirrors in them; the image keeps its own.
    sources=$(mktemp -d)
    trap 'rm -rf "$sources"' EXIT
    mkdir "$sources/parts"
    touch "$sources/sources.list"
    [ ! -f /etc/apt/sources.list ] || cp /etc/apt/sources.list "$sources/sources.list"
    [ ! -d /etc/apt/sources.list.d ] || cp -R /etc/apt/sources.list.d/. "$sources/parts/"
    for pair in $ENVBUILD_APT_MIRRORS; do
        # A prefix of a URL is plain text: what sed would take for a pattern is escaped.
        from=$(printf '%s' "${pair%%=*}" | sed 's/[][\.*^$|]/\\&/g')
        to=$(printf '%s' "${pair#*=}" | sed 's/[\&|]/\\&/g')
        find "$sources" -type f -exec sed -i "s|$from|$to|g" {} +
    done
    options="$options -o Dir::Etc::sourcelist=$sources/sources.list -o Dir::Etc::sourceparts=$sources/parts"
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # options are words
apt-get $options -q update
# shellcheck disable=SC2086
if ! apt-get $options -q -y --no-install-recommends --allow-downgrades install "$@"; then
    for package in "$@"; do
        name=${package%%=*} version=${package#*=}
        [ "$name" != "$package" ] || continue
        # shellcheck disable=SC2086
        if ! apt-cache $options madison "$name" | cut -d '|' -f 2 | tr -d ' ' | grep -Fqx -e "$version"; then
            echo "envbuild: the archive has $name no more in the locked version $version; renew the lock: envbuild lock --upgrade-package $name" >&2
        fi
    done
    exit 100
fi
rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old
