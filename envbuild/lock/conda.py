"""The conda packages of a lock: a spec on a base → records, and the Python among them. Asks the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import LockError
from envbuild.events import Notice
from envbuild.lock.model import LockedPython
from envbuild.spec.matchspec import matchspec_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.conda.model import CondaRecord
    from envbuild.lock.around import Surroundings
    from envbuild.lock.base import Base
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

PYTHON = "/opt/env/bin/python"


def lock_conda(spec: Spec, base: Base, around: Surroundings) -> tuple[CondaRecord, ...]:
    """The records that answer `conda:` on `base`, sorted by name; () when the spec has none.

    Raises Unsolvable, LockError, SpecError.
    """
    if spec.conda is None:
        return ()
    from envbuild.conda.solve import CondaWish, solve_conda

    kept = around.kept
    same = kept and kept.platform == around.platform
    pins = tuple(record for record in kept.conda if not _let_go(record, around)) if kept and same else ()
    wish = CondaWish(
        spec=spec,
        platform=around.platform,
        glibc=base.locked.glibc,
        cuda=spec.cuda.version if spec.cuda else "",
        pins=pins,
    )
    with around.step(
        "conda", f"{_count(len(spec.conda.packages), 'conda requirement', 'conda requirements')}"
    ) as note:
        records = solve_conda(wish, site=around.site, environ=around.environ)
        note.detail = _count(len(records), "conda package", "conda packages")
    if not base.locked.glibc:
        where = base.locked.reference
        text = f"which glibc {where} has is not known: the conda packages are chosen without it"
        around.sink(Notice(level="warning", text=text))
    return records


def python_of(records: Sequence[CondaRecord]) -> LockedPython:
    """The Python among `records`. Raises LockError when there is none."""
    found = next((record for record in records if record.name == "python"), None)
    if found is None:
        raise LockError("conda: no Python is among its packages", hint="name a channel that has python")
    return LockedPython(
        version=found.version,
        source="conda",
        request=PYTHON,
        reason=f"`conda:` brings Python {found.version} from {found.channel}",
    )


def conda_names(spec: Spec, previous: Lock | None) -> frozenset[str]:
    """The conda packages that the spec and its lock know, as channels name them."""
    asked = {matchspec_name(text) for text in spec.conda.packages} if spec.conda else set[str]()
    locked = {record.name for record in previous.conda} if previous else set[str]()
    return frozenset(asked | locked | ({"python"} if spec.conda else set()))


def _let_go(record: CondaRecord, around: Surroundings) -> bool:
    return record.name in around.upgrade.packages or bool(
        record.pypi and record.pypi in around.upgrade.packages
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
