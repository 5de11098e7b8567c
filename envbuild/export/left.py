"""What a format cannot say of a spec: `Left`s in the order of a spec. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.export.model import Left
from envbuild.spec.model import Smoke

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from envbuild.export.model import Source
    from envbuild.spec.model import Spec

PARTS = frozenset(
    {"python", "base", "cuda", "targets", "accept", "apt", "conda", "pip"}
    | {"env", "copy", "run", "user", "start", "smoke"}
)
"""Parts of a spec that a format may say or not. start: workdir, entrypoint and cmd."""

_SHOWN = 8
_COPIES = "copy them there by hand"


def left_of(source: Source, says: Collection[str]) -> tuple[Left, ...]:
    """The parts that `source` has and a format that `says` only some does not carry."""
    return tuple(left for part, left in _parts(source) if part not in says)


def few(names: Sequence[str]) -> str:
    """A list for people: the first ones, and how many more."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _parts(source: Source) -> Iterator[tuple[str, Left]]:
    spec, lock = source.spec, source.lock
    version = lock.python.version if lock else spec.python
    yield "python", Left(key="python", what=f"Python {version}", todo="take that one there")
    if spec.base:
        yield "base", Left(key="base", what=f"the base image {spec.base}, with what is in it")
    if spec.cuda:
        yield "cuda", Left(key="cuda", what=f"CUDA {spec.cuda.version} of the base image")
    if spec.targets:
        yield "targets", Left(key="targets", what=f"the GPUs that it has to run on: {few(spec.targets)}")
    if spec.accept:
        yield "accept", Left(key="accept", what=f"the rules that it overrides: {few(spec.accept)}")
    if spec.apt:
        what = f"Debian packages: {few(spec.apt)}"
        yield "apt", Left(key="apt", what=what, todo="install them there by apt-get")
    yield from _packages(source)
    if spec.env:
        names = few([name for name, _ in spec.env])
        yield "env", Left(key="env", what=f"environment variables: {names}", todo="set them there")
    for index, item in enumerate(spec.copy):
        what = f"files: {item.source}, as {item.target}"
        yield "copy", Left(key=f"copy[{index}]", what=what, todo=_COPIES)
    for index, command in enumerate(spec.run):
        what = f"a shell step: {_one_line(command)}"
        yield "run", Left(key=f"run[{index}]", what=what, todo="run it there by hand")
    if spec.user != "app":
        yield "user", Left(key="user", what=f"the account that it runs as: {spec.user}")
    for left in _start(spec):
        yield "start", left
    if spec.smoke.imports or spec.smoke.commands or spec.smoke.gpu != Smoke().gpu:
        count = len(spec.smoke.imports) + len(spec.smoke.commands)
        what = f"{count} smoke tests" if count else f"smoke tests, gpu: {spec.smoke.gpu}"
        yield "smoke", Left(key="smoke", what=what)


def _packages(source: Source) -> Iterator[tuple[str, Left]]:
    spec, lock = source.spec, source.lock
    conda = [f"{row.name} {row.version}" for row in lock.conda] if lock else []
    if not conda and spec.conda:
        conda = list(spec.conda.packages)
    if conda:
        todo = "environment.yml and explicit say them"
        yield "conda", Left(key="conda", what=f"{len(conda)} conda packages: {few(conda)}", todo=todo)
    pip = [f"{row.name} {row.version}" for row in lock.packages] if lock else []
    if not pip:
        pip = [wish.text for wish in spec.pip.requirements]
    if pip:
        todo = "requirements.txt says them"
        yield "pip", Left(key="pip", what=f"{len(pip)} Python packages: {few(pip)}", todo=todo)


def _start(spec: Spec) -> Iterator[Left]:
    if spec.workdir != "/workspace":
        yield Left(key="workdir", what=f"the working directory: {spec.workdir}")
    for key, words in (("entrypoint", spec.entrypoint), ("cmd", spec.cmd)):
        if words is not None:
            yield Left(key=key, what=f"what it starts: {_one_line(' '.join(words))}")


def _one_line(text: str) -> str:
    first, *more = text.strip().splitlines() or [""]
    return first if len(first) <= 60 and not more else f"{first[:59]}…"
