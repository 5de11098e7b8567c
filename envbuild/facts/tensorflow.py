"""TensorFlow releases: what they were built with, Python versions, device code. Versions in, rows out. Pure,
from tensorflow.yml.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from envbuild.facts.gpus import capability_of
from envbuild.facts.model import Capability, Code, TensorflowRelease
from envbuild.facts.tables import table
from envbuild.facts.versions import minor_of, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping


def tensorflow_releases() -> tuple[TensorflowRelease, ...]:
    """All minor releases that the table knows, newest first."""
    return tuple(_releases().values())


def tensorflow_release(version: str) -> TensorflowRelease | None:
    """The minor release of `2.15.1` (or `2.15`, `2.15.0.post1`); None when the table does not know it."""
    return _releases().get(minor_of(version.strip()))


def tensorflow_code(version: str) -> Code:
    """The device code of a release's wheel, where it or one of the same minor was read; else unknown."""
    as_of = table("tensorflow")["as_of"]
    measured = _measured(version.strip())
    if measured:
        return Code(
            cubins=tuple(measured["cubins"]),
            ptx=tuple(measured["ptx"]),
            source=f"facts/tensorflow.yml ({as_of}): {measured['evidence']}",
        )
    oldest = tensorflow_oldest(version)
    known = f"; nothing older than {oldest[0]}.{oldest[1]} is served" if oldest else ""
    text = f"no source lists the GPUs that the wheel of TensorFlow {version} is built for{known}"
    return Code(cubins=None, ptx=None, source=f"facts/tensorflow.yml ({as_of}): {text}")


def _measured(version: str) -> dict[str, Any] | None:
    """What was read out of this release, else out of another of its minor: one script builds them all."""
    rows: dict[str, dict[str, Any]] = table("tensorflow")["measured"]["releases"]
    siblings = [row for release, row in rows.items() if minor_of(release) == minor_of(version)]
    return rows.get(version) or (siblings[0] if siblings else None)


def tensorflow_oldest(version: str) -> Capability | None:
    """The least compute capability that a release has precompiled kernels for; None: unknown."""
    if measured := _measured(version.strip()):
        return min(filter(None, map(capability_of, measured["cubins"])), default=None)
    minor = minor_of(version.strip())
    for row in table("tensorflow")["code"]["rows"]:
        first, last = row["tensorflow"]
        if minor and numbers(first) <= numbers(minor) <= numbers(last):
            return capability_of(row["oldest"])
    return None


def holds_gpu_code(package: str, version: str) -> bool | None:
    """Whether the wheel of `tensorflow` or `tensorflow-gpu` of this release holds GPU code; None: unknown."""
    release = tensorflow_release(version)
    if release is None:
        return None
    if package == "tensorflow-gpu":
        return bool(release.gpu_releases) or None
    only: list[str] = table("tensorflow")["gpu_package"]["only_tensorflow_gpu"]
    return release.minor not in only


def read_release(row: Mapping[str, Any]) -> TensorflowRelease:
    """A row of `releases`. Raises KeyError or TypeError when it does not parse."""
    return TensorflowRelease(
        minor=row["tensorflow"],
        cuda=row["cuda"],
        cudnn=row["cudnn"],
        pythons=tuple(row["pythons"]),
        gpu_pythons=tuple(row.get("gpu_pythons", ())),
        and_cuda=row.get("and_cuda", False),
        brings=tuple(row.get("brings", ())),
        releases=tuple(row["releases"]),
        gpu_releases=tuple(row.get("gpu_releases", ())),
    )


@cache
def _releases() -> dict[str, TensorflowRelease]:
    found = [read_release(row) for row in table("tensorflow")["releases"]["rows"]]
    return {row.minor: row for row in sorted(found, key=lambda row: numbers(row.minor), reverse=True)}
