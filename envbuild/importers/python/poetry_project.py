"""What a project of poetry's asks for: pyproject.toml beside a lock → its groups of dependencies. Reads it.

Only what a lock does not say by itself: names, extras, markers. Versions stand in the lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.python.pins import name_of
from envbuild.importers.text.documents import toml_of
from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.importers.python.target import Target
    from envbuild.importers.text.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One dependency: its name, extras, where it applies (a marker, Pythons), and its wish for a version."""

    name: str
    place: Place
    extras: frozenset[str] = frozenset()
    marker: str = ""
    version: str = ""
    python: str = ""
    extra: str = ""
    optional: bool = False

    def applies(self, target: Target, extras: Iterable[str] | None = None) -> bool:
        """Whether it applies to `target`; `extras` are those that are on, instead of the target's own."""
        return target.allows(self.python) and target.holds(self.marker, self.place, extras)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project; `groups` by name, `main` for what it needs itself; `extras`: names in each extra."""

    name: str
    groups: dict[str, tuple[Root, ...]] = field(default_factory=dict)
    extras: dict[str, frozenset[str]] = field(default_factory=dict)

    def wished(self, groups: Iterable[str], extras: frozenset[str]) -> list[Root]:
        """What the project, these groups and these extras ask for."""
        inside = {name for extra, names in self.extras.items() if extra in extras for name in names}
        found = [root for group in dict.fromkeys(("main", *groups)) for root in self.groups.get(group, ())]
        return [
            root
            for root in found
            if (not root.extra or root.extra in extras) and (not root.optional or root.name in inside)
        ]

    def direct(self, groups: Iterable[str], extras: frozenset[str]) -> frozenset[str]:
        """The names of what is asked for."""
        return frozenset(root.name for root in self.wished(groups, extras))

    def roots(self, groups: Iterable[str], target: Target) -> list[Root]:
        """What is asked for, as far as it applies to `target`."""
        return [root for root in self.wished(groups, target.extras) if root.applies(target)]


def read_project(folder: Path) -> Project | None:
    """The project in `folder`; None when there is no pyproject.toml. Raises SpecError for a broken one."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    document = toml_of(path)
    poetry, project = document.table("tool").table("poetry"), document.table("project")
    groups = {"main": [*_poetry(poetry.table("dependencies")), *_standard(project)]}
    groups["dev"] = _poetry(poetry.table("dev-dependencies"))
    for name, group in poetry.table("group").items():
        groups[name] = [*groups.get(name, ()), *_poetry(group.as_table().table("dependencies"))]
    standard = document.table("dependency-groups")
    for name, _ in standard.items():  # noqa: PERF102  it checks the names
        groups[name] = [*groups.get(name, ()), *_group(standard, name, ())]
    extras = {
        normalise(name): frozenset(normalise(item.as_text()) for item in items.as_list())
        for name, items in poetry.table("extras").items()
    }
    return Project(
        name=name_of(project.text("name") or poetry.text("name")),
        groups={name: tuple(roots) for name, roots in groups.items() if roots},
        extras=extras,
    )


def _poetry(table: Place) -> list[Root]:
    """The dependencies in a table of poetry's; a list stands for alternatives by marker."""
    found: list[Root] = []
    for name, place in table.items():
        if normalise(name) == "python":
            continue
        alternatives = place.as_list() if isinstance(place.value, list) else [place]
        found += [root_of(name, one) for one in alternatives]
    return found


def root_of(name: str, place: Place) -> Root:
    """One dependency as poetry writes it: `^1.2`, or a table. SpecError for anything else."""
    if isinstance(place.value, str):
        return Root(name=normalise(name), place=place, version=place.as_text())
    place.as_table()
    return Root(
        name=normalise(name),
        place=place,
        extras=frozenset(normalise(extra) for extra in place.texts("extras")),
        marker=place.text("markers"),
        version=place.text("version"),
        python=place.text("python"),
        optional=place.yes("optional"),
    )


def _standard(project: Place) -> list[Root]:
    """The dependencies of `[project]`, those of its extras too."""
    found = [_requirement(item) for item in project.every("dependencies")]
    for extra, items in project.table("optional-dependencies").items():
        found += [_requirement(item, normalise(extra)) for item in items.as_list()]
    return found


def _group(groups: Place, name: str, above: tuple[str, ...]) -> list[Root]:
    if name in above:
        circle = " → ".join((*above, name))
        raise groups.at(name).error(f"the group includes itself: {circle}", "take one out")
    found: list[Root] = []
    for item in groups.every(name):
        if isinstance(item.value, dict):
            inner = item.needed("include-group")
            if inner not in groups:
                raise item.error(f"includes the group {inner!r}, which there is not", "correct the name")
            found += _group(groups, inner, (*above, name))
        else:
            found.append(_requirement(item))
    return found


def _requirement(place: Place, extra: str = "") -> Root:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(place.as_text())
    except (InvalidRequirement, RecursionError) as error:
        raise place.error("is no requirement by PEP 508", "correct it") from error
    return Root(
        name=normalise(parsed.name),
        place=place,
        extras=frozenset(normalise(name) for name in parsed.extras),
        marker=str(parsed.marker or ""),
        version=str(parsed.specifier),
        extra=extra,
    )
