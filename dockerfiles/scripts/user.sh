#!/bin/sh
# user.sh NAME UID WORKDIR: the account that the image runs as, with a home, and a working directory of its own.
set -eu
umask 022
name=$1 uid=$2 workdir=$3
if [ "$uid" != 0 ]; then
    if other=$(id -u "$name" 2>/dev/null); then
        if [ "$other" != "$uid" ]; then
            echo "envbuild: the base image has an account $name already, with id $other, not $uid; name another: user: app" >&2
            exit 1
        fi
    else
        if taken=$(getent passwd "$uid"); then
            # Ubuntu's images bring an account `ubuntu` with this id. It gives way, with its empty home.
            userdel --remove "${taken%%:*}" 2>/dev/null
        fi
        getent group "$uid" >/dev/null || groupadd --gid "$uid" "$name"
        useradd --uid "$uid" --gid "$uid" --create-home --no-log-init --shell /bin/bash "$name"
    fi
    home=$(getent passwd "$uid" | cut -d : -f 6)
    # Clusters run images under other ids: they must be able to look in.
    if [ -d "$home" ]; then chmod 755 "$home"; fi
fi
if [ ! -d "$workdir" ]; then
    mkdir -p "$workdir"
    chown "$uid:$uid" "$workdir"
    # Folders above it that had to be made belong to the account as far as its home reaches.
    case $workdir/ in "${home:-/nowhere}"/*) chown -R "$uid:$uid" "$home" ;; esac
fi
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
