"""environment.yml, for conda, mamba and micromamba. Pure.

Exact: each conda package with version and build, the Python packages with their versions. From history: what
the spec names. Without conda packages Python comes from conda-forge and all else by pip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left
from envbuild.export.said import (
    channels,
    conda_wishes,
    ensure_lock,
    head,
    index_options,
    local_channels,
    pin,
    pip_rows,
    pip_wishes,
)
from envbuild.export.yaml import dump
from envbuild.spec.matchspec import matchspec_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.export.model import Source, Wishes
    from envbuild.lock.model import Lock

FILE = "environment.yml"
_SAYS = frozenset({"python", "conda", "pip", "env"})


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:
    """The file. Raises LockError for an exact one without a lock."""
    lock = None if wishes.from_history else ensure_lock(source)
    conda = list(_asked(source) if lock is None else _locked(lock))
    pip = list(pip_wishes(source) if lock is None else map(pin, pip_rows(lock)))
    dependencies: list[Any] = [*conda]
    if pip:
        if not any(matchspec_name(text) == "pip" for text in conda):
            dependencies.append("pip")
        dependencies.append({"pip": [*index_options(source), *pip]})
    data: dict[str, Any] = {
        "name": source.spec.name,
        "channels": [*channels(source), "nodefaults"],
        "dependencies": dependencies,
    }
    if source.spec.env:
        data["variables"] = dict(source.spec.env)
    left = (*_left(source, lock), *left_of(source, _SAYS))
    return Exported(files={FILE: head(source, left, locked=lock is not None) + dump(data)}, left=left)


def _locked(lock: Lock) -> Iterator[str]:
    if not any(row.name == "python" for row in lock.conda):
        yield f"python={lock.python.version}"
    yield from (row.exact for row in sorted(lock.conda, key=lambda row: row.name))


def _asked(source: Source) -> Iterator[str]:
    texts = conda_wishes(source)
    if not any(matchspec_name(text) == "python" for text in texts):
        yield f"python={source.spec.python}"
    yield from texts


def _left(source: Source, lock: Lock | None) -> Iterator[Left]:
    if lock is not None and not lock.conda:
        what = f"Python {lock.python.version} comes from conda-forge there"
        yield Left(key="python", what=what)
    if lock is not None and lock.packages:
        todo = "requirements.txt and pylock.toml say them"
        yield Left(key="pip", what="the hashes of the Python packages", todo=todo)
    if lock is not None and lock.conda:
        yield Left(key="conda", what="the hashes of the conda packages", todo="explicit says them")
    conda = source.spec.conda
    if conda and conda.priority != "strict":
        todo = f"set it there: conda config --set channel_priority {conda.priority}"
        yield Left(key="conda.priority", what=conda.priority, todo=todo)
    yield from local_channels(source)
