"""Debian packages: names → exact versions of them and all they need, resolved in the base image by apt.

Runs one container with network; nothing is installed. Previous versions are kept while the mirror has them.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from envbuild.errors import LockError, Problem, Unsolvable
from envbuild.lock.model import LockedApt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.images import Ran
    from envbuild.lock.store import BaseStore
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

_TIMEOUT = 300.0
_INSTALL = re.compile(r"^Inst (?P<name>\S+) (?:\[\S+\] )?\((?P<version>\S+) ", re.MULTILINE)
_URI = re.compile(r"^'[^']*' (?P<file>\S+) (?P<size>\d+) ", re.MULTILINE)
_INSTEAD = re.compile(r"^Note, selecting '(?P<real>[^']+)' instead of '(?P<asked>[^']+)'", re.MULTILINE)
_UNKNOWN = re.compile(
    r"^E: (?:Unable to locate package (?P<missing>\S+)"
    r"|Package '(?P<empty>[^']+)' has no installation candidate)",
    re.MULTILINE,
)
_NO_VERSION = re.compile(
    r"^E: Version '(?P<version>[^']+)' for '(?P<name>[^']+)' was not found", re.MULTILINE
)
_NO_UPDATE, _NO_ANSWER = 91, 92  # exit statuses of apt.sh


@dataclass(frozen=True, slots=True, kw_only=True)
class AptWish:
    """What to resolve: names (or name=version) in order, and the versions to prefer, name → version."""

    names: tuple[str, ...]
    pins: Mapping[str, str]


def resolve_apt(
    wish: AptWish, image: str, *, store: BaseStore, site: Site, spec: Spec
) -> tuple[LockedApt, ...]:
    """Exact versions for `wish` in `image`, sorted by name. Raises Unsolvable or LockError."""
    from envbuild.site.carry import build_args, redact

    script = files("envbuild.lock").joinpath("scripts/apt.sh").read_text(encoding="utf-8")
    ran = store.run(
        image,
        ["/bin/sh", "-c", script, "envbuild-apt", *wish.names],
        stdin=_stdin(wish, site),
        timeout=_TIMEOUT,
        network=True,
        environment=build_args(site),
    )
    if ran.code != 0:
        raise _failure(ran, redact(f"{ran.stdout}\n{ran.stderr}", site), spec)
    return parse_answer(ran.stdout, wish.names)


def unresolved(names: Sequence[str]) -> tuple[LockedApt, ...]:
    """The bare names, for a base that is not at hand; a version is there only where the spec says one."""
    split = (name.partition("=") for name in sorted(set(names)))
    return tuple(LockedApt(name=name, version=version, requested=True) for name, _, version in split)


def parse_answer(text: str, names: Sequence[str]) -> tuple[LockedApt, ...]:
    """The output of apt.sh → packages, sorted by name; those installed already have size 0."""
    resolve, _, rest = text.partition("::sizes\n")
    uris, _, installed = rest.partition("::installed\n")
    instead = {found["asked"]: found["real"] for found in _INSTEAD.finditer(resolve)}
    asked = {name.partition("=")[0] for name in names}
    requested = {instead.get(name, name) for name in asked}
    sizes = dict(_size(found["file"], found["size"]) for found in _URI.finditer(uris))
    packages = {
        found["name"].partition(":")[0]: LockedApt(
            name=found["name"].partition(":")[0],
            version=found["version"],
            size=sizes.get((found["name"].partition(":")[0], found["version"])),
            requested=found["name"].partition(":")[0] in requested,
        )
        for found in _INSTALL.finditer(resolve)
    }
    for line in installed.splitlines():
        status, _, rest = line.partition(" ")
        name, _, version = rest.partition(" ")
        if status == "installed" and name not in packages:
            packages[name] = LockedApt(name=name, version=version, size=0, requested=True)
    return tuple(packages[name] for name in sorted(packages))


def _size(file: str, size: str) -> tuple[tuple[str, str], int]:
    """`git_1%3a2.39-1_amd64.deb` → ((git, 1:2.39-1), bytes)."""
    name, _, rest = file.partition("_")
    version = rest.rpartition("_")[0].replace("%3a", ":")
    return (name, version), int(size)


def _stdin(wish: AptWish, site: Site) -> str:
    """The parts that apt.sh reads: credentials travel here, not in the container's settings."""
    from envbuild.site.carry import CA_SECRET, SITE_SECRET, build_secrets

    secrets = build_secrets(site)
    settings = secrets.get(SITE_SECRET, b"").decode()
    pins = "".join(f"{name}={version}\n" for name, version in sorted(wish.pins.items()))
    return f"{settings}--- pins\n{pins}--- ca\n{secrets.get(CA_SECRET, b'').decode(errors='replace')}"


def _failure(ran: Ran, text: str, spec: Spec) -> LockError:
    errors = [line.removeprefix("E: ") for line in text.splitlines() if line.startswith("E: ")]
    last = errors[0] if errors else (text.strip().splitlines() or ["it said nothing"])[-1]
    if ran.code is None:
        return LockError(f"apt: resolving the Debian packages took longer than {_TIMEOUT:.0f} s")
    if ran.code == _NO_UPDATE:
        return LockError(
            f"apt: the Debian mirror does not answer: {last}",
            hint="check the network and the proxy, or name a mirror in the site config (apt_mirrors)",
        )
    if ran.code != _NO_ANSWER:
        return LockError(f"apt: cannot resolve the Debian packages in the base image: {last}")
    answer, _, names = text.partition("::names\n")
    problems = _problems(answer, names.split(), spec)
    if problems:
        return Unsolvable("apt: not all Debian packages exist for this base image", problems=problems)
    detail = answer.partition("The following packages have unmet dependencies:\n")[2].strip() or "\n".join(
        errors
    )
    return Unsolvable(f"apt: the Debian packages do not go together:\n{detail}")


def _problems(answer: str, known: Sequence[str], spec: Spec) -> list[Problem]:
    problems = []
    for found in _UNKNOWN.finditer(answer):
        name = found["missing"] or found["empty"]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        todo = f"did you mean {near[0]}?" if near else ""
        problems.append(_problem(spec, name, f"there is no Debian package {name}", todo))
    for found in _NO_VERSION.finditer(answer):
        what = f"the mirror has no version {found['version']} of {found['name']}"
        problems.append(
            _problem(spec, found["name"], what, "leave the version out, and the lock will hold it")
        )
    return problems


def _problem(spec: Spec, name: str, what: str, todo: str) -> Problem:
    index = next((at for at, item in enumerate(spec.apt) if item.partition("=")[0] == name), None)
    if index is None:  # a package that Python needs, not the spec
        line, path = spec.source.line(("python",)), "python"
    else:
        line, path = spec.source.line(("apt", index)), f"apt[{index}]"
    return Problem(file=str(spec.source.path), line=line, path=path, what=what, todo=todo)
