"""What a check has read so far, for the checks that rest on it. Data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.facts.versions import numbers

if TYPE_CHECKING:
    from envbuild.facts.model import Architecture, Capability, Family, Toolkit


@dataclass(slots=True)
class Known:
    """Rows of the tables about CUDA and GPUs, as far as they were read."""

    toolkits: list[Toolkit] = field(default_factory=list)
    families: dict[int, Family] = field(default_factory=dict)
    branches: dict[int, str] = field(default_factory=dict)
    architectures: dict[Capability, Architecture] = field(default_factory=dict)

    def releases_of(self, cuda: str) -> tuple[Toolkit, ...]:
        """The releases that X.Y.Z, X.Y or X may stand for, oldest first, previews only by their own name."""
        return tuple(
            toolkit
            for toolkit in self.toolkits
            if toolkit.cuda == cuda or (toolkit.cuda.startswith(f"{cuda}.") and not toolkit.preview)
        )

    def of_major(self, major: int) -> tuple[Toolkit, ...]:
        """All releases of a CUDA major."""
        return tuple(toolkit for toolkit in self.toolkits if numbers(toolkit.cuda)[0] == major)


def minor(cuda: str) -> tuple[int, ...]:
    """(X, Y) of X.Y or X.Y.Z."""
    return numbers(cuda)[:2]
