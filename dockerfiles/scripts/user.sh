#!/bin/sh
# user.sh NAME UID WORKDIR: the account that the image runs as, with a home, and a working directory of its own.
set -eu
umask 022
name=$1 uid=$2 workdir=$3
if [ "$uid" != 0 ] && ! getent passwd "$name" >/dev/null; then
    if taken=$(getent passwd "$uid"); then
        # Ubuntu's images bring an account with this id: it gets the name that was asked for.
        old=${taken%%:*}
        group=$(id -gn "$old")
        usermod --login "$name" --home "/home/$name" --move-home "$old"
        [ "$group" != "$old" ] || groupmod --new-name "$name" "$group"
    else
        groupadd --gid "$uid" "$name"
        useradd --uid "$uid" --gid "$uid" --create-home --no-log-init --shell /bin/sh "$name"
    fi
fi
if [ ! -d "$workdir" ]; then
    mkdir -p "$workdir"
    chown "$name:$(id -gn "$name")" "$workdir"
fi
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
