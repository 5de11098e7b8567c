"""CUDA toolkit releases and drivers: which driver a release comes with, the floor of its family, what a
branch reports. Versions in, rows out. Pure, from cuda_toolkits.yml.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from envbuild.facts.model import Family, Toolkit
from envbuild.facts.tables import table
from envbuild.facts.versions import is_dotted, minor_of, numbers, variant_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping

_DRIVER = re.compile(r"[rR]?([1-9][0-9]{2,3})(?:[^0-9].*)?", re.DOTALL)
_MAJOR_SUFFIX = re.compile(r"-(?:cu|cuda)([0-9]{2})[0-9]?x?(?=-|$)")


def toolkits(cuda: str) -> tuple[Toolkit, ...]:
    """All releases that `12.8.1`, `12.8` or `12` may stand for, oldest first; () when none is known.

    Previews only when they are named exactly. `10.1.243`, as images say, is the row of 10.1.
    """
    if not is_dotted(cuda):
        return ()
    fitting = []
    for toolkit, builds in _toolkits():
        if cuda == toolkit.cuda or cuda in builds:
            return (toolkit,)
        if toolkit.cuda.startswith(f"{cuda}.") and not toolkit.preview:
            fitting.append(toolkit)
    return tuple(fitting)


def all_toolkits() -> tuple[Toolkit, ...]:
    """Every release that the table knows, previews too, oldest first."""
    return tuple(toolkit for toolkit, _ in _toolkits())


def family(major: int) -> Family | None:
    """What all toolkits of this CUDA major share; None when the table does not know it."""
    return _families().get(major)


def branch_of(driver: str) -> int | None:
    """`550.54.15`, `550` or `R550` → 550; None for what is no driver version."""
    found = _DRIVER.fullmatch(driver.strip())
    return int(found[1]) if found else None


def branch_cuda(branch: int) -> str | None:
    """The newest CUDA that drivers of this branch report, as X.Y.

    Of a branch between known ones, what the next older one reports. None for a branch older or newer than the
    table: a newer driver may support more.
    """
    known = _branches()
    if branch > max(known):
        return None
    below = [number for number in known if number <= branch]
    return known[max(below)] if below else None


def cuda_of_wheel(name: str, version: str) -> str:
    """The CUDA that a wheel was made for, as exactly as its name and version say: X.Y.Z, X.Y, X, or "".

    What an environment runs with is said by nvidia-cuda-runtime or cuda-toolkit: others (nvidia-nvjitlink,
    cuda-bindings) may be newer than it within the major.
    """
    name = re.sub(r"[-_.]+", "-", name.strip().lower())
    version, _, local = version.strip().partition("+")
    if cuda := variant_cuda(local.partition(".")[0]):
        return cuda
    bare = re.sub(r"-cu[0-9]{2}$", "", name)
    wheels = _wheels()
    parts = version.split(".")
    if bare in wheels["release"] and is_dotted(version) and len(parts) >= 2:
        return ".".join(parts[:3])
    if bare in wheels["minor"] and minor_of(version):
        return minor_of(version)
    if name in wheels["major"] and minor_of(version):
        return minor_of(version).partition(".")[0]
    found = _MAJOR_SUFFIX.search(name)
    return found[1] if found else ""


def read_toolkit(row: Mapping[str, Any]) -> Toolkit:
    """A row of `toolkits`. Raises ValueError, KeyError or TypeError when it does not parse."""
    numbers(row["cuda"])
    return Toolkit(
        cuda=row["cuda"],
        driver=_driver(row["driver"]),
        branch=None if row["branch"] == "unknown" else int(row["branch"]),
        preview=row.get("preview", False),
    )


def read_family(row: Mapping[str, Any]) -> Family:
    """A row of `families`. Raises ValueError, KeyError or TypeError when it does not parse."""
    floor = row["floor"]
    return Family(major=int(row["major"]), floor=None if floor is None else _driver(floor), text=row["text"])


def _driver(text: str) -> str:
    if text != "unknown":
        numbers(text)
    return text


@cache
def _toolkits() -> tuple[tuple[Toolkit, tuple[str, ...]], ...]:
    """All releases, oldest first, each with the other numbers that it goes by."""
    rows = table("cuda_toolkits")["toolkits"]["rows"]
    found = [(read_toolkit(row), tuple(row.get("builds", ()))) for row in rows]
    return tuple(sorted(found, key=lambda pair: numbers(pair[0].cuda)))


@cache
def _families() -> dict[int, Family]:
    families = (read_family(row) for row in table("cuda_toolkits")["families"]["rows"])
    return {family.major: family for family in families}


@cache
def _branches() -> dict[int, str]:
    branches: dict[int, str] = table("cuda_toolkits")["branches"]["cuda"]
    return branches


@cache
def _wheels() -> dict[str, frozenset[str]]:
    wheels = table("cuda_toolkits")["wheels"]
    return {kind: frozenset(wheels[kind]) for kind in ("release", "minor", "major")}
