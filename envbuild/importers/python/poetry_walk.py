"""From what a project asks for to the packages of a poetry.lock that does not say where they apply. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.python.poetry_project import Root, root_of
from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.python.target import Target
    from envbuild.importers.text.places import Place


def by_name(rows: list[Place]) -> dict[str, list[Place]]:
    """The packages of a lock by normalised name."""
    found: dict[str, list[Place]] = {}
    for row in rows:
        found.setdefault(normalise(row.needed("name")), []).append(row)
    return found


def needed_rows(rows: list[Place], roots: Iterable[Root], target: Target) -> list[Place]:
    """The packages that `roots` need on `target`, in the order of the lock."""
    names = by_name(rows)
    taken: dict[object, Place] = {}
    done = set[tuple[object, str]]()
    waiting = list(roots)
    while waiting:
        root = waiting.pop()
        row = _choose(names, root, target)
        if row is None:
            continue
        taken[row.path] = row
        for extra in ("", *sorted(root.extras)):
            if (row.path, extra) not in done:
                done.add((row.path, extra))
                waiting += _needs(row, extra, target)
    return [row for row in rows if row.path in taken]


def rows_without_project(rows: list[Place], target: Target) -> list[Place]:
    """`rows` without those that others need, and only elsewhere: such as colorama, on Windows."""
    kept = {row.path for row in rows}
    names = by_name(rows)
    edges = {row.path: _edges(row) for row in rows}
    wanted = {root.name for roots in edges.values() for root in roots}
    while True:
        applies = {root.name for path in kept for root in edges[path] if root.applies(target)}
        lost = {row.path for name in wanted - applies for row in names.get(name, ())} & kept
        if not lost:
            break
        kept -= lost
    return [row for row in rows if row.path in kept and _is_for(row, target)]


def _edges(row: Place) -> list[Root]:
    """All that a package may need, that of its extras too."""
    found: list[Root] = []
    for name, place in row.table("dependencies").items():
        alternatives = place.as_list() if isinstance(place.value, list) else [place]
        found += [root_of(name, one) for one in alternatives]
    return found


def _needs(row: Place, extra: str, target: Target) -> list[Root]:
    """What a package needs: of itself, or for one of its extras alone."""
    inside = set[str]()
    for name, items in row.table("extras").items():
        if extra and normalise(name) == extra:
            inside |= {normalise(re.split(r"[^\w.-]", item.as_text())[0]) for item in items.as_list()}
    return [
        root
        for root in _edges(row)
        if (root.name in inside if extra else not root.optional)
        and root.applies(target, {extra} if extra else ())
    ]


def _choose(names: dict[str, list[Place]], root: Root, target: Target) -> Place | None:
    """The package of the lock that `root` means: several are there when Pythons need several versions."""
    rows = names.get(root.name, [])
    if len(rows) < 2:
        return rows[0] if rows else None
    fit = [row for row in rows if _fits(row.text("version"), root.version)] or rows
    fit = [row for row in fit if _is_for(row, target)] or fit
    return fit[-1]


def _is_for(row: Place, target: Target) -> bool:
    """Whether a package is for the target's Python."""
    return target.allows(row.text("python-versions"))


def _fits(version: str, wish: str) -> bool:
    """Whether a version answers a wish as poetry writes it."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        sets = [SpecifierSet(_pep440(part)) for part in wish.split("||")]
        return any(one.contains(version, prereleases=True) for one in sets)
    except (InvalidSpecifier, ValueError):
        return False


def _pep440(text: str) -> str:
    parts = re.findall(r"(?:\^|~=|~|[<>!=]=?=?)?\s*[^\s,<>=!^~]+", text)
    return ",".join(_clause(part.replace(" ", "")) for part in parts)


def _clause(part: str) -> str:
    match = re.fullmatch(r"(\^|~(?!=))?(\d{1,9}(?:\.\d{1,9})*)(.*)", part)
    if part == "*" or not match:
        return "" if part == "*" else part
    if not match[1]:
        return f"=={part}"
    numbers = [int(number) for number in match[2].split(".")]
    keep = min(1, len(numbers) - 1)
    if match[1] == "^":  # up to the first number that is not 0
        keep = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    upper = [*numbers[:keep], numbers[keep] + 1]
    return f">={match[2]}{match[3]},<{'.'.join(map(str, upper))}"
