# Resolves Debian packages in a base image without installing any. POSIX sh.
# Arguments: the packages to install, as name or name=version.
# Standard input: sh lines of the site (ENVBUILD_APT_MIRRORS="FROM=TO …"); a line "--- pins"; name=version lines, preferred where
# they still exist; a line "--- ca"; a PEM bundle. Each part may be empty.
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
work=$(mktemp -d) || exit 90
while IFS= read -r line && [ "$line" != "--- pins" ]; do
    printf '%s\n' "$line"
done >"$work/site"
while IFS= read -r line && [ "$line" != "--- ca" ]; do
    printf 'Package: %s\nPin: version %s\nPin-Priority: 1001\n\n' "${line%%=*}" "${line#*=}"
done >/etc/apt/preferences.d/zz-envbuild-pins
cat >"$work/ca.pem"
. "$work/site"
if [ -s "$work/ca.pem" ]; then
    chmod 755 "$work"
    echo "Acquire::https::CAInfo \"$work/ca.pem\";" >/etc/apt/apt.conf.d/zz-envbuild-ca
fi
for pair in ${ENVBUILD_APT_MIRRORS:-}; do
    from=$(printf '%s' "${pair%%=*}" | sed 's/[][\.*^$|]/\\&/g')
    to=$(printf '%s' "${pair#*=}" | sed 's/[\&|]/\\&/g')
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        if [ -f "$file" ]; then sed -i "s|$from|$to|g" "$file"; fi
    done
done
echo "::update"
apt-get -o APT::Update::Error-Mode=any -o Acquire::Languages=none update -qq 2>&1 || exit 91
echo "::resolve"
if ! apt-get install -s -q -y --no-install-recommends -- "$@" 2>&1; then
    echo "::names"
    for item in "$@"; do
        name=${item%%=*}
        apt-cache show --no-all-versions "$name" >/dev/null 2>&1 && continue
        apt-cache pkgnames "$(printf '%.3s' "$name")"
    done
    exit 92
fi
echo "::sizes"
apt-get install --print-uris -qq -y --no-install-recommends -- "$@" 2>/dev/null
echo "::installed"
for item in "$@"; do
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' "${item%%=*}" 2>/dev/null
done
exit 0
