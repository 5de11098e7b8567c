"""Whether the tables parse and agree with each other: tables in, sentences about faults out. Pure.

What builds of frameworks and images must agree with is in check_builds.py.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from envbuild.facts.check_builds import images, jax, tensorflow, torch
from envbuild.facts.drivers import branch_of, read_family, read_toolkit
from envbuild.facts.gpus import KINDS, find_in, read_architecture, read_gpus, read_names
from envbuild.facts.known import Known, minor
from envbuild.facts.tables import table
from envbuild.facts.versions import is_dotted, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.facts.model import Architecture, Toolkit

TABLES = ("cuda_toolkits", "gpus", "torch", "tensorflow", "jax", "cuda_images")

_ROW_KEYS = ("capability", "name", "first_toolkit", "last_toolkit", "last_branch", "also", "note")
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_MINOR_COMPATIBLE = 11  # the first CUDA major whose toolkits share a driver floor


def contradictions(tables: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Rows that do not parse or contradict each other, as sentences that begin with the table; () when none.

    `tables` stand in for the package's own, by name. A table that does not parse hides faults of those that
    rest on it.
    """
    given = tables or {}
    data = {name: given[name] if name in given else table(name) for name in TABLES}
    faults = [fault for name in TABLES for fault in _sources(name, data[name])]
    known = Known()
    steps: tuple[tuple[str, Callable[[Any, Known], Iterable[str]]], ...] = (
        ("cuda_toolkits", _toolkits),
        ("cuda_toolkits", _families),
        ("cuda_toolkits", _branches),
        ("gpus", _architectures),
        ("gpus", _names),
        ("torch", torch),
        ("tensorflow", tensorflow),
        ("jax", jax),
        ("cuda_images", images),
    )
    for name, check in steps:
        try:
            faults += [f"{name}: {fault}" for fault in check(data[name], known)]
        except _UNREADABLE as error:
            faults.append(f"{name}: does not parse: {type(error).__name__}: {error}")
    return tuple(dict.fromkeys(faults))


def _sources(name: str, data: Any) -> Iterator[str]:
    """Every table says where it is from and of which day it is; so does every part of it that says either."""
    parts = {"": data, **{f".{key}": part for key, part in data.items() if isinstance(part, dict)}}
    for path, part in parts.items():
        if path and not {"as_of", "rows", "releases"} & set(part):
            continue
        if not part.get("source"):
            yield f"{name}{path}: has no source"
        if not re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", str(part.get("as_of"))):
            yield f"{name}{path}: as_of is no day: {part.get('as_of')!r}"


def _toolkits(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    for row in data["toolkits"]["rows"]:
        known.toolkits.append(read_toolkit(row))
    known.toolkits.sort(key=lambda toolkit: numbers(toolkit.cuda))
    names = [toolkit.cuda for toolkit in known.toolkits]
    names += [build for row in data["toolkits"]["rows"] for build in row.get("builds", ())]
    yield from (f"{name} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))
    for toolkit in known.toolkits:
        if toolkit.driver != "unknown" and branch_of(toolkit.driver) != toolkit.branch:
            yield f"{toolkit.cuda}: driver {toolkit.driver} is not of branch {toolkit.branch}"
    with_driver = [toolkit for toolkit in known.toolkits if toolkit.driver != "unknown"]
    for older, newer in pairwise(with_driver):
        if numbers(newer.driver) < numbers(older.driver):
            yield f"{newer.cuda}: driver {newer.driver} is older than {older.driver} of {older.cuda}"
    with_branch = [toolkit for toolkit in known.toolkits if toolkit.branch]
    for older, newer in pairwise(with_branch):
        if _branch(newer) < _branch(older):
            yield f"{newer.cuda}: branch {newer.branch} is older than {older.branch} of {older.cuda}"


def _families(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    families = [read_family(row) for row in data["families"]["rows"]]
    known.families |= {family.major: family for family in families}
    if len(known.families) < len(families):
        yield "families: one major is there twice"
    for toolkit in known.toolkits:
        family = known.families.get(numbers(toolkit.cuda)[0])
        if family is None:
            yield f"{toolkit.cuda}: its family is not in families"
    for family in known.families.values():
        if (family.floor is None) != (family.major < _MINOR_COMPATIBLE):
            yield f"families: {family.major}: floor {family.floor}, but 11 is the first major with a floor"
    floors = [(f.major, numbers(f.floor)) for f in sorted(families, key=lambda f: f.major) if f.floor]
    for (_, lower), (major, floor) in pairwise(floors):
        if floor <= lower:
            yield f"families: the floor of {major} is not above that of the major before"
    for major, floor in floors:
        drivers = [numbers(t.driver) for t in known.of_major(major) if t.driver != "unknown"]
        if drivers and floor > max(drivers):
            yield f"families: the floor of {major} is above every driver of its toolkits"


def _branches(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    branches: dict[int, str] = data["branches"]["cuda"]
    known.branches |= {int(branch): cuda for branch, cuda in branches.items()}
    for branch, cuda in known.branches.items():
        own = [toolkit for toolkit in known.toolkits if toolkit.branch == branch and not toolkit.preview]
        if own and max(minor(toolkit.cuda) for toolkit in own) != numbers(cuda):
            yield f"branches: {branch} reports {cuda}, but comes with CUDA {own[-1].cuda}"
    for (_, lower), (branch, cuda) in pairwise(sorted(known.branches.items())):
        if numbers(cuda) < numbers(lower):
            yield f"branches: {branch} reports an older CUDA than the branch before"
    missing = {toolkit.branch for toolkit in known.toolkits if toolkit.branch} - set(known.branches)
    yield from (f"branches: {branch} is missing" for branch in sorted(missing))


def _architectures(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    for row in data["architectures"]:
        architecture = read_architecture(row, known.releases_of)
        shown = row["capability"]
        if architecture.capability in known.architectures:
            yield f"{shown} is there twice"
        known.architectures[architecture.capability] = architecture
        unknown = set(row) - {*KINDS, *_ROW_KEYS}
        yield from (f"{shown}: {key} is no key of a row" for key in sorted(unknown))
        yield from (f"{shown}: {fault}" for fault in _span(architecture, known))


def _span(architecture: Architecture, known: Known) -> Iterator[str]:
    """First and last toolkit and branch of an architecture against the toolkits."""
    first, last = architecture.first_toolkit, architecture.last_toolkit
    if minor(first) >= minor(known.toolkits[0].cuda) and not known.releases_of(first):
        yield f"first_toolkit {first} is no toolkit"
    if last is not None and is_dotted(last):
        if not known.releases_of(last):
            yield f"last_toolkit {last} is no toolkit"
        if minor(last) < minor(first):
            yield f"last_toolkit {last} is older than first_toolkit {first}"
    if isinstance(architecture.last_branch, int):
        if architecture.last_branch not in known.branches:
            yield f"last_branch {architecture.last_branch} is no branch"
        if architecture.first_branch and architecture.last_branch < architecture.first_branch:
            yield f"last_branch {architecture.last_branch} is older than {architecture.first_branch}"
    if last is None and architecture.last_branch is not None:
        yield f"compiled for by the newest toolkit, but no driver after {architecture.last_branch} knows it"


def _names(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    del known
    gpus = [gpu for row in data["architectures"] for gpu in read_gpus(row)]
    names = [gpu.name for gpu in gpus]
    yield from (f"{name} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))
    finder = read_names(data)
    for gpu in gpus:
        if find_in(finder, gpu.name) != gpu:
            yield f"{gpu.name} is not found by its own name"
    for name, others in data["aliases"].items():
        if name not in names:
            yield f"aliases: {name} is no GPU of the table"
        for other in others:
            found = find_in(finder, other)
            if found is None or found.name != name:
                yield f"aliases: {other} does not find {name}"
    for name in data["ambiguous"]:
        if find_in(finder, name):
            yield f"ambiguous: {name} is found all the same"


def _branch(toolkit: Toolkit) -> int:
    return toolkit.branch or 0
