"""poetry.lock, with pyproject.toml beside it → a `Draft` of exact pins. Reads both.

Locks since poetry 2.0 say for each package in which groups it is and where it applies. Older ones do not:
there the way from the project's dependencies decides; without a pyproject.toml, what others in the lock need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.python.pins import (
    Pin,
    at_address,
    entries_of,
    exact,
    from_git,
    is_on_this_machine,
    left_path,
)
from envbuild.importers.python.poetry_project import Project, read_project
from envbuild.importers.python.poetry_walk import needed_rows, rows_without_project
from envbuild.importers.python.target import Target, choose_target
from envbuild.importers.text.documents import toml_of
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "poetry.lock"
_KNOWN = ("1", "2")
MAIN = "main"


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the poetry.lock at `path` gives. Raises SpecError for what is no such lock."""
    lock = toml_of(path)
    metadata = lock.table("metadata")
    version = metadata.text("lock-version")
    if not version and "content-hash" not in metadata:
        raise lock.error("is no poetry.lock: its [metadata] has no lock-version", "name a poetry.lock")
    findings: list[Finding] = []
    if version and version.split(".")[0] not in _KNOWN:
        what = f"it is a poetry.lock of version {version}; 1 and 2 are known, and it is read as 2"
        findings.append(metadata.at("lock-version").finding("note", what, "compare the packages"))
    rows = lock.rows("package")
    project = read_project(path.parent)
    if project is None:
        what = "there is no pyproject.toml beside it: what was asked for is not told from what that needs"
        findings.append(lock.finding("note", what))
    target, words = choose_target(metadata.at("python-versions"), wishes, path.parent)
    extras = frozenset(normalise(name) for name in wishes.extras)
    target = Target(target.python, target.platform, extras)
    _check_wishes(lock, rows, project, wishes)
    findings += [*words, *_left_groups(lock, rows, wishes)]
    inside = _chosen(lock, rows, project, target, wishes)
    chosen, words = _once(inside)
    findings += words
    if project is None:
        findings += _left_rows(lock, rows, inside, wishes)
    direct = project.direct(wishes.groups, extras) if project else frozenset[str]()
    pins: list[Pin] = []
    for row in chosen:
        pin, found = _pin(row, normalise(row.needed("name")) in direct)
        findings += found
        pins += [pin] if pin else []
    return _draft(project, target, chosen, pins, findings)


def _draft(
    project: Project | None, target: Target, chosen: list[Place], pins: list[Pin], findings: list[Finding]
) -> Draft:
    sources = [row.table("source") for row in chosen]
    used = [(source.text("url"), source.at("url")) for source in sources if source.text("type") == "legacy"]
    versions = ((row.text("name"), row.text("version")) for row in chosen)
    public = any(not source.value for source in sources)
    indexes = indexes_of(used, versions, public=public)
    return Draft(
        format=FORMAT,
        name=project.name if project else "",
        python=target.python,
        pip=entries_of(pins),
        index_url=indexes.index_url,
        extra_index_urls=indexes.extra_index_urls,
        torch_backend=indexes.torch_backend,
        findings=(*findings, *indexes.findings),
    )


def _groups_of(row: Place) -> tuple[str, ...]:
    """The groups that a package is in, as the lock says; () when it does not."""
    if category := row.text("category"):
        return (category,)
    return row.texts("groups")


def _chosen(
    lock: Place, rows: list[Place], project: Project | None, target: Target, wishes: Wishes
) -> list[Place]:
    """The packages that apply, in the order of the lock."""
    groups = {MAIN, *wishes.groups}
    if any("groups" in row for row in rows):
        return [row for row in rows if any(_is_in(row, group, target) for group in groups)]
    if project is not None:
        return needed_rows(rows, project.roots(wishes.groups, target), target)
    extras = {
        normalise(name)
        for extra, names in lock.table("extras").items()
        if normalise(extra) in target.extras
        for name in (item.as_text().split()[0] for item in names.as_list() if item)
    }
    kept = [
        row
        for row in rows
        if (not (said := _groups_of(row)) or groups & set(said))
        and (not row.yes("optional") or normalise(row.needed("name")) in extras)
    ]
    return rows_without_project(kept, target)


def _once(rows: list[Place]) -> tuple[list[Place], tuple[Finding, ...]]:
    """Of a package that is there in several versions, which nothing tells apart, the last."""
    last = {normalise(row.needed("name")): row for row in rows}
    findings = []
    for row in rows:
        kept = last[normalise(row.needed("name"))]
        if kept is not row:
            name, other = row.needed("name"), row.needed("version")
            what = f"{name} is there as {other} and as {kept.needed('version')}, which is taken"
            findings.append(row.finding("note", what, f"write {name}=={other} if you need that"))
    return list(last.values()), tuple(findings)


def _left_rows(lock: Place, rows: list[Place], chosen: list[Place], wishes: Wishes) -> list[Finding]:
    """A word on packages that seem to be for other machines: nobody says whether they were asked for."""
    groups = {MAIN, *wishes.groups}
    taken = {row.path for row in chosen}
    names = [
        row.needed("name")
        for row in rows
        if row.path not in taken and (not (said := _groups_of(row)) or groups & set(said))
    ]
    if not names or any("groups" in row for row in rows):
        return []
    shown_names = ", ".join(names if len(names) < 8 else [*names[:7], f"{len(names) - 7} more"])
    what = f"left out, as others need them for other machines or Pythons, or for extras: {shown_names}"
    return [lock.finding("changed", what, "add those that the project asks for by itself")]


def _is_in(row: Place, group: str, target: Target) -> bool:
    """Whether a package of a lock by poetry 2 is in `group`, and applies there."""
    if group not in row.texts("groups"):
        return False
    markers = row.at("markers")
    if isinstance(markers.value, dict):
        markers = markers.at(group)
    return markers.value is None or target.holds(markers.as_text(), markers)


def _check_wishes(lock: Place, rows: list[Place], project: Project | None, wishes: Wishes) -> None:
    known = {group for row in rows for group in _groups_of(row)} | set(project.groups if project else ())
    kinds = (
        ("group", wishes.groups, {*known, *(wishes.groups if not known else ())}),
        ("extra", wishes.extras, {normalise(name) for name, _ in lock.table("extras").items()}),
    )
    for word, wanted, have in kinds:
        for name in wanted:
            if name not in have and normalise(name) not in have:
                has = ", ".join(sorted(have - {MAIN}))
                todo = f"it has: {has}" if has else f"it has no {word}s"
                raise lock.error(f"has no {word} {shown(name)}", todo)


def _left_groups(lock: Place, rows: list[Place], wishes: Wishes) -> list[Finding]:
    groups = sorted({group for row in rows for group in _groups_of(row)} - {MAIN, *wishes.groups})
    words = [
        lock.finding("note", f"the group {shown(name)} is not taken along", f"take it with --group {name}")
        for name in groups
    ]
    taken = {normalise(name) for name in wishes.extras}
    return words + [
        place.finding("note", f"the extra {shown(name)} is not taken along", f"take it with --extra {name}")
        for name, place in lock.table("extras").items()
        if normalise(name) not in taken
    ]


def _pin(row: Place, direct: bool) -> tuple[Pin | None, tuple[Finding, ...]]:
    name, source = row.needed("name"), row.table("source")
    kind, url = source.text("type"), source.text("url")
    findings: tuple[Finding, ...] = ()
    if kind in {"directory", "file"} or (kind in {"git", "url"} and _is_local(url)):
        return None, (left_path(name, url, source.at("url")),)
    if kind == "git":
        address = from_git(url, source.text("resolved_reference") or source.text("reference"))
        if folder := source.text("subdirectory"):
            address += f"#subdirectory={folder}"
        text, findings = at_address(name, address, source.at("url"))
    elif kind == "url":
        text, findings = at_address(name, url, source.at("url"))
    else:
        text = exact(name, row.needed("version"), row)
    return Pin(name=name, text=text, place=row, direct=direct), findings


def _is_local(url: str) -> bool:
    return is_on_this_machine(url) and "@" not in url
