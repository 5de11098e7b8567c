"""Needs ↔ plain data in locks and labels; no table is read: rendering a locked spec stays quick. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from envbuild.gpu.model import CudaUse, GpuNeeds, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

NEEDS = "dev.envbuild.gpu"
"""All of it, as JSON: preflight reads this one."""
DRIVER = "dev.envbuild.driver"
"""The least driver that gives everything in the image all features."""
LEAST_DRIVER = "dev.envbuild.driver.least"
"""The least driver that the image runs with at all, by minor-version compatibility."""
ARCHITECTURES = "dev.envbuild.gpu.architectures"
FOUND_BY = "dev.envbuild.gpu.found-by"


def labels_of(gpu: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an image whose lock says `gpu`; those for people are left out where nothing is known."""
    if not gpu:
        return {}
    needs = needs_data(needs_from(gpu))
    labels = {
        NEEDS: json.dumps(needs, separators=(",", ":")),
        DRIVER: gpu.get("driver", ""),
        LEAST_DRIVER: gpu.get("least-driver", ""),
        ARCHITECTURES: gpu.get("architectures", ""),
        FOUND_BY: "; ".join(dict.fromkeys(row["found_by"] for row in needs["uses"] if row.get("found_by"))),
    }
    return {key: value for key, value in labels.items() if value}


def needs_data(needs: GpuNeeds) -> dict[str, Any]:
    """`needs` as plain data for a lock or a label; what has its default is left out."""
    defaults = asdict(CudaUse(component="", cuda=""))
    uses = [
        {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(use).items()
            if key in ("component", "cuda") or value != defaults[key]
        }
        for use in needs.uses
    ]
    data = {
        "compat": needs.compat,
        "uses": uses,
        "doubts": [asdict(reason) for reason in needs.doubts],
        "accepted": list(needs.accepted),
    }
    return {key: value for key, value in data.items() if value or key == "uses"}


def needs_from(data: Mapping[str, Any]) -> GpuNeeds:
    """The reverse of `needs_data`. Raises ValueError for what it did not make."""
    try:
        uses = tuple(_use(row) for row in data["uses"])
        doubts = tuple(Reason(**row) for row in data.get("doubts", ()))
        compat, accepted = str(data.get("compat", "")), tuple(data.get("accepted", ()))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not the needs of an image: {error}") from error
    return GpuNeeds(uses=uses, compat=compat, doubts=doubts, accepted=accepted)


def _use(row: Mapping[str, Any]) -> CudaUse:
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return CudaUse(**plain)
