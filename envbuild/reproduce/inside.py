"""What is installed in an image, held against its lock → differences. Runs commands in the image.

The lock says what should be there; this asks Python and dpkg what is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.images import Ran
    from envbuild.lock.model import Lock

PYTHON = "/opt/env/bin/python"
_SCRIPT = (
    "import importlib.metadata as m, json\n"
    "print(json.dumps(sorted((d.metadata['Name'], d.version) for d in m.distributions())))"
)
_DPKG = ("dpkg-query", "-W", "-f=${db:Status-Status} ${Package} ${Version}\\n")


class Runner(Protocol):
    """What is needed of an engine."""

    def run(self, image: str, argv: Sequence[str]) -> Ran:
        """Run `argv` in a throw-away container without a network."""
        ...


def installed(engine: Runner, image: str) -> tuple[dict[str, str], dict[str, str]]:
    """Python and Debian packages of an image: name → version. Raises EngineError."""
    rows = json.loads(_said(engine, image, (PYTHON, "-I", "-c", _SCRIPT)))
    pip = {normal(name): version for name, version in rows}
    apt = {}
    for line in _said(engine, image, _DPKG, or_else="").splitlines():
        status, name, version = line.split(" ", 2)
        if status == "installed":
            apt[name] = version
    return pip, apt


def _said(engine: Runner, image: str, argv: Sequence[str], *, or_else: str | None = None) -> str:
    ran = engine.run(image, list(argv))
    if ran.code == 0:
        return ran.stdout
    if or_else is not None:
        return or_else
    raise EngineError(f"{argv[0]} in the image {image} does not say what is installed: {ran.stderr[-300:]}")


def unlike_lock(lock: Lock, pip: dict[str, str], apt: dict[str, str]) -> tuple[str, ...]:
    """What is installed otherwise than the lock says, a line each. Pure."""
    wanted = {normal(row.name): row.version for row in lock.packages}
    debian = {row.name.partition(":")[0]: row.version for row in lock.apt if row.version}
    return (
        *_differences("pip", wanted, pip, also={**pip}),
        *_differences("apt", debian, apt, also={}),
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
