"""requirements.txt, for pip and uv: each Python package with its version and the hashes of its files. Pure.

The index options hold no credentials: whoever installs has their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left
from envbuild.export.said import ensure_lock, head, index_options, pin, pip_rows, pip_wishes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.export.model import Source, Wishes
    from envbuild.lock.model import Lock

FILE = "requirements.txt"
_KINDS = ("sha256", "sha384", "sha512")
"""What `--hash` takes, the best first."""


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:
    """The file. Raises LockError for one of pins without a lock."""
    lock = None if wishes.from_history else ensure_lock(source)
    left = [*left_of(replace(source, lock=lock), {"pip"})]
    if lock is None:
        lines = list(pip_wishes(source))
    elif wishes.hashes:
        left += _without_hash(lock)
        lines = [line for row in pip_rows(lock) if _hashes(row) for line in _with_hashes(row)]
    else:
        lines = [pin(row) for row in pip_rows(lock)]
        left += [Left(key="pip", what="the hashes of the files, as you asked")] if lines else []
    text = "".join(f"{line}\n" for line in (*index_options(source), *lines))
    return Exported(
        files={FILE: head(source, left, locked=lock is not None) + text},
        left=tuple(left),
    )


def _with_hashes(row: Mapping[str, Any]) -> Iterator[str]:
    hashes = _hashes(row)
    yield f"{pin(row)} \\"
    for number, value in enumerate(hashes, 1):
        yield f"    --hash={value}" + (" \\" if number < len(hashes) else "")


def _hashes(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One hash of each file that the lock allows, as `sha256:…`, sorted."""
    found = []
    for table in (*row.get("wheels", ()), row.get("sdist"), row.get("archive")):
        known = (table or {}).get("hashes", {})
        found += [f"{kind}:{known[kind]}" for kind in _KINDS if kind in known][:1]
    return tuple(sorted(set(found)))


def _without_hash(lock: Lock) -> Iterator[Left]:
    for row in pip_rows(lock):
        if not _hashes(row):
            what = f"{pin(row)}: the lock has no hash of it, and pip takes all with hashes or none"
            yield Left(key="pip", what=what, todo="leave all of them out: --no-hashes")
