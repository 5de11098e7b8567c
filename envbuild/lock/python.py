"""Which Python the environment stands on: what is asked and what the base holds → base, apt or managed.

`choose_python` decides; `newest_managed` asks uv (offline) which builds of Python there are.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envbuild.errors import LockError
from envbuild.lock.model import LockedPython
from envbuild.lock.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.lock.base import Held
    from envbuild.site.model import Site

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_LAST_WITH_DISTUTILS = (
    3,
    11,
)  # Debian keeps distutils, which the standard library had until then, in a package of its own


def choose_python(wanted: str, held: Held | None, where: str) -> LockedPython | None:
    """The Python of the base (image or archive) that is X.Y or X.Y.Z as `wanted`; None: it has to be managed.

    `where` names the base, for the reason.
    """
    if held is None:
        return None
    for path, version in held.pythons:
        if version == wanted or version.startswith(f"{wanted}."):
            return LockedPython(
                version=version, source="base", request=path, reason=f"{where} has Python {version} itself"
            )
    if held.apt and held.apt_python == wanted:
        numbers = tuple(int(part) for part in wanted.split("."))
        more = ("python3-distutils",) if numbers <= _LAST_WITH_DISTUTILS else ()
        return LockedPython(
            version=wanted,
            source="apt",
            request=f"/usr/bin/python{wanted}",
            packages=(f"python{wanted}", *more),
            reason=f"{held.distribution} has Python {wanted} as its own package",
        )
    return None


def managed_python(wanted: str, version: str, held: Held | None, where: str) -> LockedPython:
    """uv's own build `version`, and why it has to be that."""
    if held is None:
        reason = f"it is not known which Python {where} has, so uv brings its own"
    elif not held.apt_python:
        reason = f"{where} has no Python {wanted}, so uv brings its own"
    elif wanted.startswith(f"{held.apt_python}."):
        reason = f"{wanted} is asked for exactly, so uv brings its own"
    else:
        reason = f"{where} has Python {held.apt_python}, not {wanted}, so uv brings its own"
    return LockedPython(version=version, source="managed", request=version, reason=reason)


def newest_managed(wanted: str, platform: str, *, keep: str, site: Site, environ: Mapping[str, str]) -> str:
    """The newest X.Y.Z that uv can install and that answers `wanted`; `keep` while it is one."""
    from envbuild.site.carry import redact, uv_environment

    request = f"cpython-{wanted}-linux-{_MACHINES[platform]}-gnu"
    arguments = ["python", "list", "--only-downloads", "--all-versions", "--output-format", "json", request]
    ran = run_uv(arguments, environment=uv_environment(site, environ))
    if ran.code != 0:
        what = " ".join(redact(ran.stderr, site).split())
        raise LockError(
            f"uv cannot list the Pythons it has: {what}", hint="check python_downloads in the site config"
        )
    versions: list[str] = [
        row["version"] for row in json.loads(ran.stdout) if row.get("variant", "default") == "default"
    ]
    if keep in versions:
        return keep
    final = [version for version in versions if re.fullmatch(r"[\d.]+", version)]
    if not final:
        raise _no_python(wanted, platform, versions)
    return max(final, key=lambda version: tuple(int(part) for part in version.split(".")))


def debian_python_version(package_version: str) -> str:
    """`3.11.2-6+deb12u9` → `3.11.2`; "" when it does not begin with a version."""
    found = re.match(r"(?:\d+:)?(\d+\.\d+\.\d+)", package_version)
    return found[1] if found else ""


def _no_python(wanted: str, platform: str, versions: Sequence[str]) -> LockError:
    if versions:
        hint = f"only unfinished releases of it exist: {', '.join(versions[:3])}"
    else:
        hint = "name another version, or a base image that has this one; newer ones may need a newer uv"
    return LockError(
        f"python: {wanted}: neither the base image nor uv has this version for {platform}", hint=hint
    )
