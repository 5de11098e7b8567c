"""What is installed in an image, held against its lock → differences. Runs commands in the image.

The lock says what should be there; this asks Python, conda's own records and dpkg what is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.images import Ran
    from envbuild.lock.model import Lock

PYTHON = "/opt/env/bin/python"
# conda's packages are told by its own records; their Python metadata names conda as who installed them.
_SCRIPT = """\
import glob, importlib.metadata as m, json, sys
pip = [(d.metadata["Name"], d.version) for d in m.distributions()
       if (d.read_text("INSTALLER") or "").strip() != "conda"]
rows = [json.load(open(path)) for path in glob.glob(sys.prefix + "/conda-meta/*.json")]
conda = [(row["name"], row["version"] + " " + row["build"]) for row in rows]
print(json.dumps({"pip": sorted(pip), "conda": sorted(conda)}))
"""
_DPKG = ("dpkg-query", "-W", "-f=${db:Status-Status} ${Package} ${Version}\\n")


class Runner(Protocol):
    """What is needed of an engine."""

    def run(self, image: str, argv: Sequence[str]) -> Ran:
        """Run `argv` in a throw-away container without a network."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Packages in an image, name → version; of `conda` → version and build, a blank between them."""

    pip: dict[str, str] = field(default_factory=dict)
    conda: dict[str, str] = field(default_factory=dict)
    apt: dict[str, str] = field(default_factory=dict)


def installed(engine: Runner, image: str) -> Installed:
    """What is installed in an image. Raises EngineError."""
    rows = json.loads(_said(engine, image, (PYTHON, "-I", "-c", _SCRIPT)))
    apt = {}
    for line in _said(engine, image, _DPKG, or_else="").splitlines():
        status, name, version = line.split(" ", 2)
        if status == "installed":
            apt[name] = version
    pip = {normal(name): version for name, version in rows["pip"]}
    return Installed(pip=pip, conda=dict(rows["conda"]), apt=apt)


def _said(engine: Runner, image: str, argv: Sequence[str], *, or_else: str | None = None) -> str:
    ran = engine.run(image, list(argv))
    if ran.code == 0:
        return ran.stdout
    if or_else is not None:
        return or_else
    raise EngineError(f"{argv[0]} in the image {image} does not say what is installed: {ran.stderr[-300:]}")


def unlike_lock(lock: Lock, found: Installed) -> tuple[str, ...]:
    """What is installed otherwise than the lock says, a line each. Pure."""
    wanted = {normal(row.name): row.version for row in lock.packages}
    conda = {row.name: f"{row.version} {row.build}" for row in lock.conda}
    debian = {row.name.partition(":")[0]: row.version for row in lock.apt if row.version}
    return (
        *_differences("conda", conda, found.conda, also=found.conda),
        *_differences("pip", wanted, found.pip, also=found.pip),
        *_differences("apt", debian, found.apt, also={}),
    )


def _differences(
    kind: str, wanted: dict[str, str], found: dict[str, str], *, also: Iterable[str]
) -> Iterator[str]:
    for name in sorted({*wanted, *also}):
        should, there = wanted.get(name), found.get(name)
        if should is None:
            yield f"{kind}: {name} {there} is installed, and the lock does not name it"
        elif there is None:
            yield f"{kind}: {name} {should} is not installed"
        elif not _same(should, there):
            yield f"{kind}: {name} {should} -> {there}"


def _same(a: str, b: str) -> bool:
    if a == b:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(a) == Version(b)
    except InvalidVersion:
        return False


def normal(name: str) -> str:
    """A Python package's name as indexes compare it. Pure."""
    return re.sub(r"[-_.]+", "-", name).lower()
