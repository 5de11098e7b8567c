"""Which nvidia/cuda image answers a `cuda:` wish: the wish in, a reference and the reasons out. Pure."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from envbuild.errors import LockError
from envbuild.facts.base import distribution_facts
from envbuild.facts.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OLDEST_BY_DEFAULT = "ubuntu22.04"  # older ones are used when asked for, or when nothing newer exists


class CudaWish(Protocol):
    """What `cuda_reference` needs to know; the spec's `Cuda` has it."""

    @property
    def version(self) -> str:
        """X.Y or X.Y.Z."""

    @property
    def flavour(self) -> str:
        """auto, base, runtime or devel."""

    @property
    def cudnn(self) -> bool | None:
        """Whether cuDNN is wanted in the image; None: only as packages need it."""

    @property
    def os(self) -> str | None:
        """Such as ubuntu24.04; None: chosen."""


def cuda_reference(cuda: CudaWish, python: str) -> tuple[str, tuple[str, ...]]:
    """The image for `cuda` with Python X.Y[.Z], and why, in sentences. Raises LockError naming others."""
    row, version_reason = _version(cuda.version)
    flavour, flavour_reason = _flavour(cuda)
    systems = {name: token for name, tags in row["tags"].items() if (token := _token(flavour, cuda, tags))}
    if not systems:
        raise LockError(
            f"cuda: {cuda.version}: there is no nvidia/cuda image with CUDA {row['cuda']} and cuDNN",
            hint=_other_with_cudnn(row["cuda"], flavour),
        )
    system, system_reason = _system(cuda, systems, python, row)
    reasons = [version_reason, flavour_reason, system_reason]
    if evidence := row.get("evidence"):
        known = table("cuda_images")["as_of"]
        reasons.append(f"known of {row['cuda']} as of {known}: {evidence}")
    return f"nvidia/cuda:{row['cuda']}-{systems[system]}-{system}", tuple(reasons)


def _version(wanted: str) -> tuple[Mapping[str, Any], str]:
    rows: list[dict[str, Any]] = table("cuda_images")["images"]
    fitting = [row for row in rows if row["cuda"] == wanted or row["cuda"].startswith(f"{wanted}.")]
    if fitting:
        row = max(fitting, key=lambda row: _numbers(row["cuda"]))
        if row["cuda"] == wanted:
            return row, f"CUDA {wanted}: as the spec says"
        return row, f"CUDA {row['cuda']}: the newest known image of {wanted}"
    nearest = min(rows, key=lambda row: _distance(_numbers(row["cuda"]), _numbers(wanted)))["cuda"]
    gone = any(name == wanted or name.startswith(f"{wanted}.") for name in table("cuda_images")["gone"])
    what = "images of it were deleted from the registry" if gone else "no nvidia/cuda image of it is known"
    raise LockError(
        f"cuda: {wanted}: {what} (as of {table('cuda_images')['as_of']})",
        hint=f"the nearest that exists is {nearest}; or name an image yourself with base:",
    )


def _flavour(cuda: CudaWish) -> tuple[str, str]:
    if cuda.flavour == "auto":
        if cuda.cudnn:
            return "runtime", "flavour runtime: the smallest that comes with cuDNN"
        return "base", "flavour base: GPU packages from the Python index bring their own CUDA libraries"
    if cuda.flavour == "base" and cuda.cudnn:
        raise LockError(
            "cuda.cudnn: there is no nvidia/cuda image of flavour base with cuDNN",
            hint="ask for flavour runtime or devel, or leave cudnn out",
        )
    return cuda.flavour, f"flavour {cuda.flavour}: as the spec says"


def _token(flavour: str, cuda: CudaWish, tags: Sequence[str]) -> str | None:
    """The tag between version and system (`base`, `cudnn8-runtime`); None when there is no such tag."""
    if not cuda.cudnn:
        return flavour if flavour in tags else None
    return next((tag for tag in tags if tag.startswith("cudnn") and tag.endswith(f"-{flavour}")), None)


def _system(
    cuda: CudaWish, systems: Mapping[str, str], python: str, row: Mapping[str, Any]
) -> tuple[str, str]:
    if cuda.os:
        if cuda.os not in systems:
            raise LockError(
                f"cuda.os: there is no nvidia/cuda:{row['cuda']} image of that kind on {cuda.os}",
                hint=f"it exists on {', '.join(sorted(systems))}; or name an image yourself with base:",
            )
        return cuda.os, f"{cuda.os}: as the spec says"
    newest_first = sorted(systems, key=lambda name: _numbers(name.removeprefix("ubuntu")), reverse=True)
    for name in newest_first:
        if name >= _OLDEST_BY_DEFAULT and _own_python(name) == python:
            return name, f"{name}: its own Python is {python}"
    return newest_first[0], f"{newest_first[0]}: the newest Ubuntu with this CUDA"


def _own_python(system: str) -> str:
    known = distribution_facts(f"ubuntu:{system.removeprefix('ubuntu')}")
    return known.apt_python if known else ""


def _other_with_cudnn(version: str, flavour: str) -> str:
    wanted = _numbers(version)
    rows: list[str] = [
        row["cuda"]
        for row in table("cuda_images")["images"]
        if any(tag.startswith("cudnn") and tag.endswith(flavour) for tag in chain(*row["tags"].values()))
    ]
    nearest = min(rows, key=lambda name: _distance(_numbers(name), wanted))
    return f"the nearest with cuDNN is {nearest}; or leave cudnn out: Python packages bring their own"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return abs(_weight(one) - _weight(other))


def _weight(numbers: tuple[int, ...]) -> int:
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major * 10_000 + minor * 100 + patch
