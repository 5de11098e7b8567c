"""uv.lock → a `Draft` of exact pins: what uv would install for one Python and one platform. Reads the lock.

A lock of uv's holds every Python and platform that a project allows. From the project on, this follows what
each package needs, as far as its markers apply, and takes the fork of a package that is named on the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.python.pins import (
    Pin,
    at_address,
    entries_of,
    exact,
    from_git,
    left_path,
    left_project,
    name_of,
)
from envbuild.importers.python.target import Target, choose_target
from envbuild.importers.text.documents import toml_of
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "uv.lock"
_VERSION = 1
_HERE = ("editable", "virtual")
_PATHS = ("path", "directory", "editable", "virtual")


@dataclass(slots=True)
class _Walk:
    """What was reached so far: by row, the extras that were asked of it."""

    target: Target
    rows: dict[str, list[Place]]
    reached: dict[int, set[str]] = field(default_factory=dict)
    direct: set[int] = field(default_factory=set)
    done: set[tuple[int, str]] = field(default_factory=set)


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the uv.lock at `path` gives. Raises SpecError for what is no such lock."""
    lock = toml_of(path)
    findings: list[Finding] = _check_version(lock)
    rows = lock.rows("package")
    if not rows:
        raise lock.error("holds no [[package]]: it locks nothing", "name a uv.lock that `uv lock` wrote")
    target, words = choose_target(lock.at("requires-python"), wishes, path.parent)
    findings += words
    roots = _roots(lock, rows)
    target = replace(target, extras=_conflict_names(roots, wishes))
    walk = _Walk(target, _by_name(rows))
    for root in roots:
        findings += _start(walk, root, wishes)
    findings += _unknown_wishes(lock, roots, wishes)
    chosen = [row for row in rows if row.path[-1] in walk.reached]
    pins, left = _pins(chosen, walk, {root.path for root in roots})
    findings += left
    used = [(row.table("source").text("registry"), row.table("source").at("registry")) for row in chosen]
    found = indexes_of(used, ((row.text("name"), row.text("version")) for row in chosen))
    return Draft(
        format=FORMAT,
        name=name_of(roots[0].text("name")) if roots else "",
        python=target.python,
        pip=entries_of(pins),
        index_url=found.index_url,
        extra_index_urls=found.extra_index_urls,
        torch_backend=found.torch_backend,
        findings=(*findings, *found.findings),
    )


def _check_version(lock: Place) -> list[Finding]:
    version = lock.number("version")
    if version == _VERSION:
        return []
    if not version:
        raise lock.error("is no uv.lock: it has no `version`", "name a uv.lock that `uv lock` wrote")
    what = f"it is a uv.lock of version {version}; version {_VERSION} is known, and it is read as that"
    return [lock.at("version").finding("note", what, "compare the packages")]


def _by_name(rows: list[Place]) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for row in rows:
        found.setdefault(normalise(row.needed("name")), []).append(row)
    return found


def _roots(lock: Place, rows: list[Place]) -> list[Place]:
    """The project in the lock's own folder, else all members of the workspace."""
    for row in rows:
        source = row.table("source")
        if any(source.text(kind) == "." for kind in _HERE):
            return [row]
    members = {normalise(name) for name in lock.table("manifest").texts("members")}
    return [row for row in rows if normalise(row.needed("name")) in members]


def _conflict_names(roots: list[Place], wishes: Wishes) -> frozenset[str]:
    """How uv names the extras and groups that are on, in markers of projects that declare conflicts."""
    found = set[str]()
    for root in roots:
        name = root.text("name")
        kinds = (("extra", wishes.extras), ("group", wishes.groups))
        found |= {f"{kind}-{len(name)}-{name}-{one}" for kind, wanted in kinds for one in wanted}
    return frozenset(found)


def _start(walk: _Walk, root: Place, wishes: Wishes) -> list[Finding]:
    """Follow what `root` needs; a word on the groups and extras that were not asked for."""
    extras = {normalise(name) for name in wishes.extras}
    groups = {normalise(name) for name in wishes.groups}
    _reach(walk, root, extras)
    findings = []
    for name, group in root.table("dev-dependencies").items():
        if normalise(name) in groups:
            _follow(walk, group)
        else:
            what = f"the group {shown(name)} is not taken along"
            findings.append(group.finding("note", what, f"take it with --group {name}"))
    for name, extra in root.table("optional-dependencies").items():
        if normalise(name) not in extras:
            what = f"the extra {shown(name)} is not taken along"
            findings.append(extra.finding("note", what, f"take it with --extra {name}"))
    walk.direct |= _asked(walk, root, extras)
    return findings


def _unknown_wishes(lock: Place, roots: list[Place], wishes: Wishes) -> list[Finding]:
    kinds = (
        ("group", "dev-dependencies", wishes.groups),
        ("extra", "optional-dependencies", wishes.extras),
    )
    for word, key, wanted in kinds:
        known = sorted({normalise(name) for root in roots for name, _ in root.table(key).items()})
        for name in wanted:
            if normalise(name) not in known:
                todo = f"it has: {', '.join(known)}" if known else f"it has no {word}s"
                raise lock.error(f"has no {word} {shown(name)}", todo)
    return []


def _asked(walk: _Walk, root: Place, extras: set[str]) -> set[int]:
    """The rows that the project itself names."""
    lists = [root.rows("dependencies")]
    lists += [
        every.as_rows()
        for name, every in root.table("optional-dependencies").items()
        if normalise(name) in extras
    ]
    rows = (_choose(walk, item) for items in lists for item in items)
    return {_index(row) for row in rows if row is not None}


def _reach(walk: _Walk, row: Place, extras: set[str]) -> None:
    """Take `row` with `extras`, and all that it needs: without recursion, as chains can be long."""
    waiting = [(row, extras)]
    while waiting:
        row, extras = waiting.pop()
        index = _index(row)
        walk.reached.setdefault(index, set()).update(extras)
        lists = [("", row.rows("dependencies"))]
        optional = row.table("optional-dependencies")
        lists += [(extra, optional.rows(extra)) for extra in sorted(extras)]
        for extra, items in lists:
            if (index, extra) in walk.done:
                continue
            walk.done.add((index, extra))
            found = ((_choose(walk, item), item) for item in items)
            waiting += [(row, _extras(item)) for row, item in found if row]


def _follow(walk: _Walk, group: Place) -> None:
    """Take what a dependency group names, and all that it needs."""
    for item in group.as_rows():
        if found := _choose(walk, item):
            _reach(walk, found, _extras(item))
            walk.direct.add(_index(found))


def _choose(walk: _Walk, item: Place) -> Place | None:
    """The row that the dependency `item` means; None where its marker does not apply."""
    if not walk.target.holds(item.text("marker"), item.at("marker")):
        return None
    name, version = item.needed("name"), item.text("version")
    rows = walk.rows.get(normalise(name), [])
    if version:
        rows = [row for row in rows if row.text("version") == version]
    if source := item.table("source").value:
        rows = [row for row in rows if row.table("source").value == source]
    if len(rows) > 1:
        rows = [row for row in rows if _applies(walk, row)]
    if not rows:
        said = f"{name} {version}".strip()
        raise item.error(f"needs {said}, which the lock does not hold", "run: uv lock")
    if len(rows) > 1:
        versions = ", ".join(row.text("version") for row in rows)
        raise item.error(f"{name} is there more than once: {versions}", "run: uv lock")
    return rows[0]


def _extras(item: Place) -> set[str]:
    return {normalise(name) for name in item.texts("extra")}


def _applies(walk: _Walk, row: Place) -> bool:
    """Whether the fork of a resolution that `row` belongs to is the target's."""
    markers = row.every("resolution-markers")
    return not markers or any(walk.target.holds(marker.as_text(), marker) for marker in markers)


def _index(row: Place) -> int:
    index = row.path[-1]
    return index if isinstance(index, int) else -1


def _pins(rows: list[Place], walk: _Walk, roots: set[object]) -> tuple[list[Pin], list[Finding]]:
    pins: list[Pin] = []
    findings: list[Finding] = []
    for row in rows:
        name, index = row.needed("name"), _index(row)
        source = row.table("source")
        kind = next((kind for kind in _PATHS if kind in source), "")
        text, words = "", tuple[Finding, ...]()
        if kind:
            own = row.path in roots
            if not (own and kind == "virtual"):  # a virtual project is not installed
                place = source.at(kind)
                word = left_project(name, place) if own else left_path(name, place.as_text(), place)
                findings.append(word)
            continue
        if "git" in source:
            text, words = _git(name, source.at("git"))
        elif "url" in source:
            text, words = at_address(name, _with_hash(row, source.text("url")), source.at("url"))
        else:
            text = exact(name, row.needed("version"), row)
        findings += words
        pins.append(Pin(name=name, text=text, place=row, direct=index in walk.direct))
    return pins, findings


def _git(name: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """`https://host/a/b?tag=v1#commit` → a requirement at that commit."""
    address = place.as_text()
    text, words = at_address(name, from_git(address, address.partition("#")[2]), place)
    if match := re.search(r"[?&]subdirectory=([^&#]+)", address):
        text += f"#subdirectory={match[1]}"
    return text, words


def _with_hash(row: Place, url: str) -> str:
    """An address with the hash that the lock has for it."""
    files = [*row.rows("wheels"), row.table("sdist")]
    digest = next((file.text("hash") for file in files if file.text("url") == url), "")
    if not digest and len(files) == 1:
        digest = files[0].text("hash")
    return f"{url}#{digest.replace(':', '=', 1)}" if digest.startswith("sha256:") and "#" not in url else url
