#!/bin/sh
# apt.sh PACKAGE[=VERSION]...: install Debian packages, and leave nothing else behind. Run by site.sh.
# Archives and lists go to a cache mount: from their usual place an image's own docker-clean deletes them.
set -eu
room=/dev/shm/envbuild
export DEBIAN_FRONTEND=noninteractive
mkdir -p "$room/cache/archives/partial" "$room/cache/lists/partial" "$room/log"
cat >"$room/apt-step.conf" <<END
Dir::Cache "$room/cache";
Dir::State::lists "$room/cache/lists";
Dir::Log "$room/log";
DPkg::Options { "--log=$room/log/dpkg.log"; };
DPkg::Use-Pty "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
APT::Update::Error-Mode "any";
END

# The last lines of a failed step are what people see: they name what is gone, and what to do.
gone() {
    for package in "$@"; do
        name=${package%%=*} version=${package#*=}
        if [ "$name" != "$package" ] &&
            ! apt-cache -c "$room/apt-step.conf" madison "$name" | cut -d '|' -f 2 | tr -d ' ' | grep -Fqxe "$version"; then
            echo "envbuild: the mirror has no $name $version any more; renew the lock: envbuild lock --upgrade-package $name"
        fi
    done
}

apt-get -c "$room/apt-step.conf" -q update
if ! apt-get -c "$room/apt-step.conf" -q -y --allow-downgrades install "$@"; then
    gone "$@" >&2
    exit 100
fi
rm -rf /var/log/alternatives.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old
