"""The Python packages: requirements of a spec → a PEP 751 document, by `uv pip compile` for the target.

Needs the network. The previous lock's pins are kept where they still fit; credentials never come out.
"""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envbuild.errors import LockError
from envbuild.lock.packages import file_name, files_of, without_credentials
from envbuild.lock.provided import (
    conflicts,
    notes_on,
    refuse_others,
    spoken,
    without_stubs,
    write_stubs,
)
from envbuild.lock.reasons import accept_hint, failure
from envbuild.lock.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envbuild.lock.model import Lock
    from envbuild.lock.provided import Provided
    from envbuild.site.model import Site
    from envbuild.spec.model import Pip

# The manylinux platforms that uv has names for (uv 0.8 to 0.13), as glibc minor versions.
_MANYLINUX = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What wheels must fit: Python X.Y[.Z], a platform (`linux/amd64`), the base's glibc ("" if unknown)."""

    python: str
    platform: str
    glibc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Which pins of the previous lock are let go: all, or those of `packages` (Python, conda, Debian)."""

    everything: bool = False
    packages: tuple[str, ...] = ()


def untold(_: str) -> None:
    """For who does not want to be told."""


def uv_platform(platform: str, glibc: str) -> str:
    """uv's name for a platform: the highest manylinux that `glibc` runs, plain linux if it is unknown."""
    machine = _MACHINES.get(platform)
    if machine is None:
        raise LockError(
            f"platform {platform}: not supported", hint=f"use one of {', '.join(sorted(_MACHINES))}"
        )
    found = re.fullmatch(r"2\.(\d+)", glibc)
    fitting = [minor for minor in _MANYLINUX if found and minor <= int(found[1])]
    return f"{machine}-manylinux_2_{max(fitting)}" if fitting else f"{machine}-unknown-linux-gnu"


def compile_pip(
    pip: Pip,
    target: Target,
    *,
    previous: Lock | None,
    upgrade: Upgrade,
    site: Site,
    environ: Mapping[str, str],
    provided: Sequence[Provided] = (),
    tell: Callable[[str], None] = untold,
) -> dict[str, Any]:
    """The PEP 751 document for `pip`, beside what conda has `provided`, which is not in it.

    `tell` gets sentences on what may surprise. Raises Unsolvable, or LockError when uv or the index cannot
    do it.
    """
    from envbuild.site.carry import redact

    if not pip.requirements:
        provided = ()
    refuse_others(provided, pip.requirements)
    with tempfile.TemporaryDirectory(prefix="envbuild-lock-") as name:
        folder = Path(name)
        wishes = sorted({" ".join(wish.text.split()) for wish in pip.requirements})
        (folder / "requirements.in").write_text("".join(f"{wish}\n" for wish in wishes), encoding="utf-8")
        if previous and not upgrade.everything:
            _write_pins(folder / "pylock.toml", previous)
        environment = index_environment(pip, site, environ)
        arguments = [*_arguments(pip, target, upgrade, provided), *write_stubs(provided, folder)]
        ran = run_uv(arguments, environment=environment, folder=folder)
        said = spoken(redact(ran.stderr, site), folder) if provided else redact(ran.stderr, site)
        if ran.code != 0:
            raise failure(replace(ran, stderr=said), pip.requirements, conflicts(said, provided))
        document = tomllib.loads((folder / "pylock.toml").read_text(encoding="utf-8"))
    for text in notes_on(pip, provided, said):
        tell(text)
    document = without_stubs(document, provided) if provided else document
    document = {key: _clean(part) for key, part in document.items()} | {"created-by": "envbuild"}
    for row in document["packages"]:
        if row.get(
            "wheels"
        ):  # the lock is for one platform, and its wheel fits: nothing else is to be installed
            row.pop("sdist", None)
    if previous and not upgrade.everything:
        _compare_hashes(previous.document, document, upgrade)
    return document


def index_environment(pip: Pip, site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """uv's environment: the spec's indexes before the site's, with the site's credentials for a same host."""
    from envbuild.site.carry import uv_environment

    environment = uv_environment(site, environ)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if pip.index_url:
        environment["UV_DEFAULT_INDEX"] = with_site_credentials(pip.index_url, site)
    extra = [with_site_credentials(url, site) for url in pip.extra_index_urls]
    if extra:
        environment["UV_INDEX"] = " ".join([*extra, *site.extra_index_urls])
    return environment


def with_site_credentials(url: str, site: Site) -> str:
    """`url` with the credentials that the site has for the same scheme and host; unchanged if it has none."""
    parts = urlsplit(url)
    for known in (site.index_url, *site.extra_index_urls):
        theirs = urlsplit(known or "")
        info, at, host = theirs.netloc.rpartition("@")
        if at and "@" not in parts.netloc and (theirs.scheme, host) == (parts.scheme, parts.netloc):
            return parts._replace(netloc=f"{info}@{host}").geturl()
    return url


def _arguments(pip: Pip, target: Target, upgrade: Upgrade, provided: Sequence[Provided]) -> list[str]:
    arguments = ["pip", "compile", "requirements.in", "-o", "pylock.toml", "--format", "pylock.toml"]
    if not provided:  # uv warns of extras that conda's packages do not have
        arguments += ["--quiet"]
    arguments += ["--no-sources", "--no-annotate", "--no-header", "--python", sys.executable]
    arguments += ["--python-version", target.python]
    arguments += ["--python-platform", uv_platform(target.platform, target.glibc)]
    if pip.torch_backend and not any(one.name == "torch" for one in provided):
        arguments += ["--torch-backend", pip.torch_backend]
    if upgrade.everything:
        arguments += ["--upgrade"]
    for name in upgrade.packages:
        if re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", name):  # others are Debian's alone
            arguments += ["--upgrade-package", name]
    return arguments


def _write_pins(path: Path, previous: Lock) -> None:
    """Give uv the previous answer as its output file: it then prefers those versions."""
    import tomli_w

    path.write_text(tomli_w.dumps(dict(previous.document)), encoding="utf-8")


def _clean(value: Any) -> Any:
    """`value` with no credentials in any URL."""
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return without_credentials(value) if isinstance(value, str) and "://" in value else value


def _compare_hashes(old: Mapping[str, Any], new: Mapping[str, Any], upgrade: Upgrade) -> None:
    """Refuse a file that kept its name and changed its content: an index must never do that."""
    known = {file_name(table): table.get("hashes", {}) for _, table in files_of(old)}
    for package, table in files_of(new):
        before, after = known.get(file_name(table), {}), table.get("hashes", {})
        if package in upgrade.packages:
            continue
        if any(before[kind] != after[kind] for kind in before.keys() & after.keys()):
            raise LockError(
                f"{file_name(table)}: the index has another file of this name than the lock: another hash",
                hint=accept_hint(package),
            )
