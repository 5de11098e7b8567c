# Prints what a base image holds, one KEY=VALUE a line: distribution, glibc, apt, and each complete Python. POSIX sh, no arguments.
if [ -r /etc/os-release ]; then
    (. /etc/os-release; echo "distribution=$ID:${VERSION_ID:-}"; echo "codename=${VERSION_CODENAME:-}")
fi
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || glibc=$(ldd --version 2>/dev/null | head -n 1)
case $glibc in *[Gg]libc* | *GLIBC* | *"GNU libc"*) echo "glibc=${glibc##* }" ;; esac
if command -v apt-get >/dev/null 2>&1; then echo "apt=yes"; fi
# A Python that Debian calls minimal lacks parts of the standard library: it does not count.
check='import asyncio, ctypes, email, ssl, sqlite3, sys; print("%d.%d.%d" % sys.version_info[:3])'
old_ifs=$IFS
IFS=:
for folder in $PATH; do
    IFS=$old_ifs
    for python in "$folder"/python3 "$folder"/python3.[0-9] "$folder"/python3.[0-9][0-9]; do
        [ -x "$python" ] || continue
        if version=$("$python" -I -c "$check" 2>/dev/null); then echo "python=$python $version"; fi
    done
done
exit 0
