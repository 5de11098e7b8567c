"""PyTorch releases: their builds, Python versions and device code. Versions in, rows out. Pure, from
torch.yml.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from envbuild.facts.model import Code, TorchRelease
from envbuild.facts.tables import table
from envbuild.facts.versions import minor_of, numbers, variant_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["read_release", "torch_code", "torch_for", "torch_release", "torch_releases", "variant_cuda"]

_COMPANIONS = ("torchvision", "torchaudio")
_MACHINES = ("x86_64", "aarch64")


def torch_releases() -> tuple[TorchRelease, ...]:
    """All releases that the table knows, newest first."""
    return tuple(_releases().values())


def torch_release(version: str) -> TorchRelease | None:
    """The release `2.8.0` (also written `2.8` or `2.8.0+cu128`); None when the table does not know it."""
    public = version.strip().partition("+")[0]
    return _releases().get(public) or _releases().get(f"{public}.0")


def torch_code(version: str, cuda: str, machine: str = "x86_64") -> Code:
    """The device code of a release's build for CUDA X.Y (`12.8`) on this machine (`x86_64`, `aarch64`).

    What was read out of the wheel of the default index stands above what build scripts say.
    """
    release = torch_release(version)
    if release is None:
        return _unknown(f"torch {version} is not in the table")
    if machine == "x86_64" and cuda == variant_cuda(release.default):
        measured = table("torch")["measured"]["releases"].get(release.version)
        if measured:
            return _code(measured["cubins"], measured["ptx"], measured["evidence"])
    if cuda not in map(variant_cuda, (*release.variants, *release.unverified)):
        return _unknown(f"no build of torch {release.version} for CUDA {cuda or '(none named)'} is known")
    for row in table("torch")["architectures"]["rows"]:
        if cuda in row["cuda"] and _within(release.version, row["torch"]):
            cubins = row.get(machine) if machine in _MACHINES else None
            return _code(cubins, row["ptx"] if cubins else None, row["evidence"])
    return _unknown(f"no source says for which GPUs torch {release.version} is built with CUDA {cuda}")


def torch_for(package: str, version: str) -> str:
    """The torch release that a torchvision or torchaudio release requires; "" unknown, or not just one."""
    if package not in _COMPANIONS:
        return ""
    public = version.strip().partition("+")[0]
    if public in table("torch")["unpinned"][package]:
        return ""
    made_for = [row.version for row in torch_releases() if getattr(row, package) == public]
    return made_for[0] if len(made_for) == 1 else ""


def read_release(row: Mapping[str, Any], glibc: Mapping[str, str]) -> TorchRelease:
    """A row of `releases`; `glibc`: first minor → the least glibc from then on.

    Raises ValueError, KeyError or TypeError when it does not parse.
    """
    return TorchRelease(
        version=row["torch"],
        variants=tuple(row["variants"]),
        unverified=tuple(row.get("unverified", ())),
        default=row["default"],
        pythons=tuple(row["pythons"]),
        glibc=_glibc(row["torch"], glibc),
        torchvision=row.get("torchvision", ""),
        torchaudio=row.get("torchaudio", ""),
    )


def _glibc(version: str, floors: Mapping[str, str]) -> str:
    reached = [minor for minor in floors if numbers(minor) <= numbers(version)]
    return floors[max(reached, key=numbers)] if reached else ""


def _within(version: str, span: Sequence[str]) -> bool:
    first, last = span
    return numbers(first) <= numbers(minor_of(version)) <= numbers(last)


def _code(cubins: Sequence[str] | None, ptx: Sequence[str] | None, evidence: str) -> Code:
    source = f"facts/torch.yml ({table('torch')['as_of']}): {evidence}"
    return Code(
        cubins=None if cubins is None else tuple(cubins),
        ptx=None if ptx is None else tuple(ptx),
        source=source,
    )


def _unknown(why: str) -> Code:
    return _code(None, None, why)


@cache
def _releases() -> dict[str, TorchRelease]:
    data = table("torch")
    found = [read_release(row, data["glibc"]["from"]) for row in data["releases"]["rows"]]
    return {row.version: row for row in sorted(found, key=lambda row: numbers(row.version), reverse=True)}
