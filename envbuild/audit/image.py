"""Audits an image: the reader runs in a sandbox of it, by the image's own Python. Asks the engine.

No network, no rights, a read-only root; what the container prints is not trusted to be anything.
"""

from __future__ import annotations

import contextlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from envbuild.audit.local import grouped
from envbuild.audit.owners import Owner
from envbuild.errors import EngineError, UsageError
from envbuild.fatbin.memory import code_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from envbuild.audit.model import AuditedPackage
    from envbuild.images import ImageInfo, Ran

_Row = TypeVar("_Row")

PYTHONS = (
    "/opt/env/bin/python",
    "python3",
    "python",
    "/opt/conda/bin/python",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/usr/libexec/platform-python",
)
MEMORY = 512 << 20
TIMEOUT = 900.0
_NONE = 123
_FIND = (
    f"for python in {' '.join(PYTHONS)}; do "
    'command -v "$python" >/dev/null 2>&1 && exec "$python" -I -S - "$@"; '
    f"done; exit {_NONE}"
)
_IDLE = ("/bin/sh", "-c", "read -r line")  # ends with its input, which is a connection of ours
_IDLE_PYTHON = ("-I", "-S", "-c", "import sys; sys.stdin.buffer.read()")


class Sandbox(Protocol):
    """A running container that runs commands."""

    def run(self, argv: Sequence[str], stdin: str = "", timeout: float = ...) -> Ran:
        """Run `argv`; code None when `timeout` seconds were not enough."""
        ...


class Engine(Protocol):
    """What is needed of an engine."""

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name or id; None: there is none."""
        ...

    def sandbox(self, image: str, *, memory: int, idle: Sequence[str]) -> AbstractContextManager[Sandbox]:
        """A locked-down container kept alive by `idle`. Raises EngineError when that does not start."""
        ...


def audit_image(
    engine: Engine, image: ImageInfo, name: str, folders: Sequence[str] = ("/",)
) -> tuple[tuple[AuditedPackage, ...], tuple[str, ...]]:
    """The libraries below `folders` of an image by package, and notes. Raises UsageError, EngineError."""
    with _python_of(engine, image.id, name) as python:
        libraries = _rows(python.run(_script("fatbin", "read"), folders), code_from)
        owners = _rows(python.run(_script("audit", "owners"), folders), _owner)
    closed = [each.path for each in libraries if each.note.startswith("cannot be listed")]
    packages = grouped(
        (each for each in libraries if each.path not in closed), owners, f"read in the image {name}"
    )
    note = f"folders that its user may not look into: {', '.join(closed[:5])}{' …' if closed[5:] else ''}"
    return packages, (note,) if closed else ()


class _Python:
    """A Python in a sandbox."""

    def __init__(self, sandbox: Sandbox, argv: Sequence[str], name: str) -> None:
        self._sandbox, self._argv, self._name = sandbox, argv, name

    def run(self, script: str, arguments: Sequence[str]) -> str:
        """Standard output of `script`, given on standard input. Raises UsageError."""
        ran = self._sandbox.run([*self._argv, *arguments], stdin=script, timeout=TIMEOUT)
        if ran.code == _NONE:
            raise no_python(self._name)
        if ran.code is None:
            raise UsageError(f"{self._name}: not read: its files took longer than {TIMEOUT:.0f} s")
        if ran.code or ran.oom_killed:
            last = (ran.stderr.strip() or f"exit code {ran.code}").splitlines()[-1]
            raise UsageError(f"{self._name}: its own Python cannot run the reader: {last[:300]}")
        return ran.stdout


@contextlib.contextmanager
def _python_of(engine: Engine, image_id: str, name: str) -> Iterator[_Python]:
    """The image's Python: found by its shell, or where there is none, by trying where it usually is."""
    with contextlib.ExitStack() as stack:
        starts: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(_IDLE, ("/bin/sh", "-c", _FIND, "sh"))]
        starts += [((path, *_IDLE_PYTHON), (path, "-I", "-S", "-")) for path in PYTHONS]
        for idle, argv in starts:
            try:
                sandbox = stack.enter_context(engine.sandbox(image_id, memory=MEMORY, idle=idle))
            except EngineError as error:
                # Engines say so in words only. Whatever else went wrong is no matter of shells and Pythons.
                if idle[0] not in error.message.partition(":")[2]:
                    raise
                continue
            yield _Python(sandbox, argv, name)
            return
        raise no_python(name)


def no_python(name: str) -> UsageError:
    """The error for an image that nothing can be run in."""
    return UsageError(
        f"{name}: there is no Python in this image to read its libraries with",
        hint="audit the files themselves: envbuild gpu-audit FILE.so|FILE.whl|FOLDER",
    )


def _script(room: str, name: str) -> str:
    return files(f"envbuild.{room}").joinpath(f"{name}.py").read_text(encoding="utf-8")


def _rows(text: str, parse: Callable[[Mapping[str, Any]], _Row]) -> list[_Row]:
    try:
        return [parse(json.loads(line)) for line in text.splitlines() if line.strip()]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError("the image's Python prints something else than the reader does") from error


def _owner(row: Mapping[str, Any]) -> Owner:
    return Owner(str(row["name"]), str(row["version"]), tuple(str(path) for path in row["files"]))
