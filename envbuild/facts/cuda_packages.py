"""What packages ask of the CUDA image below them: names in, rows out. Pure, from cuda_packages.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from envbuild.facts.tables import table
from envbuild.facts.versions import minor_of, numbers

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class FromImage:
    """A package whose wheel holds no CUDA libraries.

    extras   with one of these, other wheels bring them
    headers  from this CUDA on it needs CUDA's header files when it runs; "" never
    """

    match: re.Pattern[str]
    extras: tuple[str, ...] = ()
    headers: str = ""


def takes_from_image(name: str, extras: Collection[str] = ()) -> FromImage | None:
    """What the package `name` (normalised) takes from the image; None: nothing that the table knows."""
    for row in _from_image():
        if row.match.fullmatch(name) and not set(row.extras) & set(extras):
            return row
    return None


def compiles_cuda(name: str, *, built: bool | None) -> bool:
    """Whether installing `name` compiles for CUDA. `built`: from source; None: nobody knows yet."""
    rows = table("cuda_packages")["compiles"]
    if name in rows["always"]:
        return built is not False
    return bool(built) and name in rows["from_source"]


def wheel_glibc(name: str, version: str) -> str:
    """The least glibc of a release's wheels on the default index; "" any, or unknown."""
    floors = table("cuda_packages")["glibc"]["from"].get(name, {})
    minor = minor_of(version)
    reached = [first for first in floors if minor and numbers(first) <= numbers(minor)]
    return str(floors[max(reached, key=numbers)]) if reached else ""


def image_size(release: str, system: str, flavour: str) -> int | None:
    """Bytes of `nvidia/cuda:<release>-<flavour>-<system>`, uncompressed; None: unknown."""
    size = table("cuda_packages")["sizes"]["rows"].get(f"{release}-{system}", {}).get(flavour)
    return None if size is None else size * 1_000_000


@cache
def _from_image() -> tuple[FromImage, ...]:
    return tuple(
        FromImage(
            match=re.compile(row["match"]),
            extras=tuple(row.get("extras", ())),
            headers=row.get("headers", ""),
        )
        for row in table("cuda_packages")["from_image"]["rows"]
    )
