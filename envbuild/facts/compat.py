"""The cuda-compat libraries of nvidia/cuda images: which older driver branches they carry. A CUDA version in,
branches out. Pure, from cuda_images.yml.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from envbuild.facts.drivers import toolkits
from envbuild.facts.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping


def compat_branches(cuda: str) -> tuple[int, ...] | None:
    """Driver branches that the cuda-compat of the nvidia/cuda image of `cuda` carries, on data-centre GPUs.

    Ascending; () none. None: unknown, also where images that `cuda` (`12.8`) may stand for differ.
    """
    known = _branches()
    if cuda in known:
        return known[cuda]
    meant = {known.get(toolkit.cuda) for toolkit in toolkits(cuda) if toolkit.cuda in known}
    return meant.pop() if len(meant) == 1 else None


def read_compat(data: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
    """CUDA release of an image → branches, of a table like cuda_images.yml; images that are gone included.

    Raises ValueError, KeyError or TypeError for a row that does not parse.
    """
    rows = {row["cuda"]: row.get("compat") for row in data["images"]}
    rows |= data["gone_compat"]
    return {
        cuda: None if branches is None else tuple(sorted(int(branch) for branch in branches))
        for cuda, branches in rows.items()
    }


@cache
def _branches() -> dict[str, tuple[int, ...] | None]:
    return read_compat(table("cuda_images"))
