"""Where a build takes conda packages from: a stage with micromamba, or an environment made here. Pure.

Of micromamba's versions only those from LEAST on are good: older ones do not look at a list's sha256.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MICROMAMBA_IMAGE = "mambaorg/micromamba:2.8.1"
LEAST = (2, 1)
PREFIX = "/opt/env"
"""The environment's place in every image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSource:
    """How one build gets its conda packages.

    how       image: a stage from micromamba's public image; binary: a stage from the base, with a binary from
              the context; staged: installed here by py-rattler, one tar per group in the context
    image     the image of the first way
    binary    the program of the second, on this machine
    groups    of the third: the group's folder name (`01-cuda`) → its tar on this machine
    packages  file name → file on this machine, of packages in local channels, which no container can reach:
              the first two ways take them from the context
    """

    how: Literal["image", "binary", "staged"] = "image"
    image: str = MICROMAMBA_IMAGE
    binary: Path | None = None
    groups: Mapping[str, Path] = field(default_factory=dict)
    packages: Mapping[str, Path] = field(default_factory=dict)


def version_of(text: str) -> tuple[int, ...]:
    """`2.8.1` → (2, 8, 1); what is no number ends it. () for what is no version."""
    found = []
    for part in text.strip().split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)
