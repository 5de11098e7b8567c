#!/bin/sh
# conda.sh MICROMAMBA: the environment of the list conda/explicit.txt in /opt/env, then divided into /groups as
# conda/groups.txt says. Run by site.sh in a stage of its own. Whatever a site adds to addresses stays in /dev/shm.
set -euf
micromamba=$1
room=/dev/shm/envbuild
list=$room/list/explicit.txt
export HOME="$room/home" MAMBA_ROOT_PREFIX="$room/root" CONDA_PKGS_DIRS="$room/cache/pkgs"
mkdir -p "$room/list" "$HOME" "$MAMBA_ROOT_PREFIX" "$CONDA_PKGS_DIRS"

refuse() {
    echo "envbuild: $1" >&2
    exit 1
}

if ! version=$("$micromamba" --version); then refuse "micromamba does not run in this stage"; fi
case $version in
0.* | 1.* | 2.0 | 2.0.*) refuse "micromamba $version does not look at sha256; take 2.1 or later" ;;
[1-9]*) ;;
*) refuse "micromamba did not say its version, but: $version" ;;
esac

# Packages of local channels came with the build context.
sed -e "s|^file://.*/\([^/]*\)\$|file://$room/conda/pkgs/\1|" -e "s|^\./.*/\([^/]*\)\$|file://$room/conda/pkgs/\1|" \
    "$room/conda/explicit.txt" >"$list"
if [ -n "${ENVBUILD_CONDA_MIRRORS:-}" ]; then
    # FROM=TO, prefixes of URLs: plain text, so what sed would take for a pattern is escaped. The first that fits counts.
    for pair in $ENVBUILD_CONDA_MIRRORS; do
        from=$(printf '%s' "${pair%%=*}" | sed 's/[][\.*^$|]/\\&/g')
        to=$(printf '%s' "${pair#*=}" | sed 's/[\&|]/\\&/g')
        printf 's|^%s/|%s/|\nt\n' "$from" "$to"
    done >"$room/list/mirrors.sed"
    sed -i -f "$room/list/mirrors.sed" "$list"
    # The engine keeps the cache, for others too: archives and their files stay there, addresses do not.
    trap 'find "$CONDA_PKGS_DIRS" "(" -name urls -o -name urls.txt -o -path "*/info/repodata_record.json" ")" -delete' EXIT
fi

set -- create --no-rc -y -q -p /opt/env --file "$list" --no-pyc --safety-checks enabled
if [ -s "$room/ca.pem" ]; then
    set -- "$@" --cacert-path "$room/ca.pem"
elif grep -q '^https:' "$list"; then
    found=
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
        /etc/pki/tls/cacert.pem /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem; do
        if [ -s "$file" ]; then found=$file; fi
    done
    if [ -z "$found" ]; then
        refuse "this base has no CA certificates to check a channel by; name some by ca_bundle in the site config, or say micromamba: image"
    fi
fi
"$micromamba" "$@"
if [ ! -x /opt/env/bin/python ]; then refuse "the list of conda packages holds no Python"; fi
/opt/env/bin/python -I -B -S "$room/scripts/conda.py" /opt/env \
    --list "$room/conda/explicit.txt" --groups "$room/conda/groups.txt" --packages "$CONDA_PKGS_DIRS" --folders /groups
