"""What is bootstrapped, how, and what came of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Recipe: TypeAlias = Mapping[str, Any]
"""How a base was made, as JSON; the keys are those of `recipe.make_recipe`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an image reference asks for: `slim` leaves out documentation and translations."""

    reference: str
    distribution: str
    suite: str
    slim: bool

    @property
    def variant(self) -> str:
        """Its name in a recipe."""
        return "minbase-slim" if self.slim else "minbase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """The result: the image as the engine knows it, its layer, its recipe.

    `same_as_recipe` is None when there was no recipe to follow; `differences` say how it came out otherwise.
    """

    reference: str
    image_id: str
    diff_id: str
    recipe: Recipe
    seconds: float
    same_as_recipe: bool | None = None
    differences: tuple[str, ...] = ()
