"""Packages → the groups that are installed together, heavy and slow-moving first, a layer each. Pure.

Python packages and conda packages alike; never both in one group.

Layers form a chain: a change in one makes all below it anew. So what changes rarely and is dear to install
comes first, and a new release of a small package touches only the last, small layer. Against that stands
the price of a layer: each is a container of its own, 0.3 to 0.5 s on Docker 20.10, about what installing 10
MB of wheels takes. Hence few groups: three for a data-science set of 134 packages. Packages of 256 MB and
more get a layer each, since registries and engines move layers in parallel and some refuse very large ones;
beside their install time the price is nothing.

The result depends on the set of packages alone, not on the order they come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from envbuild.plan.weights import KINDS, MB, Kind, Weighed, kind, said, weight

if TYPE_CHECKING:
    from collections.abc import Iterable

P = TypeVar("P", bound=Weighed)

ALONE = 256 * MB
PAYS = 10 * MB

_WHY: dict[Kind, str] = {
    "cuda": "CUDA libraries: heavy, and they change only with the CUDA version",
    "framework": "frameworks: heavy, and they change rarely",
    "large": "large packages that stay for months: small ones below do not take them along",
    "medium": "middle-sized or often released packages",
    "rest": "small packages, which change most often: last, so that a new release of one costs little",
}
_JOINED = "; joined with a neighbour to stay within the budget of layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Generic[P]):
    """Packages that are installed together, by name; `weight` in bytes, guesses included."""

    name: str
    why: str
    packages: tuple[P, ...]
    weight: int


def group_packages(packages: Iterable[P], budget: int) -> tuple[Group[P], ...]:
    """At most `budget` groups (at least one, if there is any package), in the order of installation."""
    groups = _by_kind(sorted(packages, key=lambda package: (package.name, package.version)))
    return _within(_worth_a_layer(groups), max(budget, 1))


def _by_kind(packages: list[P]) -> list[Group[P]]:
    groups: list[Group[P]] = []
    for wanted in KINDS:
        mine = [package for package in packages if kind(package) == wanted]
        alone = [package for package in mine if weight(package) >= ALONE]
        groups += [_alone(package) for package in alone]
        if others := [package for package in mine if weight(package) < ALONE]:
            groups.append(_group(wanted, _WHY[wanted], others))
    return groups


def _alone(package: P) -> Group[P]:
    why = f"{said(weight(package))} in one package: a layer of its own moves in parallel with others"
    return _group(package.name, why, [package])


def _group(name: str, why: str, packages: Iterable[P]) -> Group[P]:
    ordered = tuple(sorted(packages, key=lambda package: (package.name, package.version)))
    return Group(name=name, why=why, packages=ordered, weight=sum(weight(package) for package in ordered))


def _worth_a_layer(groups: list[Group[P]]) -> list[Group[P]]:
    """Groups too light to pay for a layer go into the next, lighter one."""
    kept: list[Group[P]] = []
    for group in groups:
        light = kept and kept[-1].weight < PAYS
        kept.append(_joined(kept.pop(), group, name=group.name, why=group.why) if light else group)
    return kept


def _within(groups: list[Group[P]], budget: int) -> tuple[Group[P], ...]:
    """The two lightest neighbours are put together until the budget holds."""
    while len(groups) > budget:
        pairs = [first.weight + second.weight for first, second in pairwise(groups)]
        at = pairs.index(min(pairs))
        first, second = groups[at : at + 2]
        heavier = first if first.weight >= second.weight else second
        why = heavier.why.removesuffix(_JOINED) + _JOINED
        groups[at : at + 2] = [_joined(first, second, name=heavier.name, why=why)]
    return tuple(groups)


def _joined(first: Group[P], second: Group[P], *, name: str, why: str) -> Group[P]:
    return _group(name, why, (*first.packages, *second.packages))
