"""Pipfile.lock → a `Draft` of exact pins. Reads it, and the Pipfile beside it for what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.python.pins import Pin, entries_of
from envbuild.importers.python.pipfile import DEFAULT, DEVELOP, left_settings, requirement
from envbuild.importers.python.target import choose_target
from envbuild.importers.text.documents import json_of, toml_of
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.python.target import Target
    from envbuild.importers.text.places import Place

FORMAT = "Pipfile.lock"
_SPEC = 6
_DEV = {"dev": "develop", DEVELOP: "develop"}


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the Pipfile.lock at `path` gives. Raises SpecError for what is no such lock."""
    lock = json_of(path)
    if not isinstance(lock.value, dict) or "_meta" not in lock:
        raise lock.error("is no Pipfile.lock: it has no `_meta`", "name a Pipfile.lock that pipenv wrote")
    meta = lock.table("_meta")
    findings: list[Finding] = []
    if meta.number("pipfile-spec") not in {0, _SPEC}:
        version = meta.number("pipfile-spec")
        what = f"it is of version {version}; version {_SPEC} is known, and it is read as that"
        findings.append(meta.at("pipfile-spec").finding("note", what, "compare the packages"))
    requires = meta.table("requires")
    full = "python_full_version" in requires
    target, words = choose_target(
        requires.at("python_full_version" if full else "python_version"), wishes, path.parent
    )
    findings += words
    direct = _asked(path.parent / "Pipfile")
    tables = _tables(lock, wishes)
    pins: dict[str, Pin] = {}
    for table in tables:
        for name, place in lock.table(table).items():
            pin, found = _pin(name, place, target, direct)
            findings += found
            if pin:
                pins.setdefault(normalise(name), pin)
    if "develop" not in tables and lock.at("develop"):
        what = "the group 'dev' is not taken along"
        findings.append(lock.at("develop").finding("note", what, "take it with --group dev"))
    sources = meta.rows("sources")
    index = indexes_of([(source.needed("url"), source.at("url")) for source in sources])
    return Draft(
        format=FORMAT,
        python=target.python,
        pip=entries_of(pins.values()),
        index_url=index.index_url,
        extra_index_urls=index.extra_index_urls,
        torch_backend=index.torch_backend,
        findings=(*findings, *left_settings(sources), *index.findings),
    )


def _tables(lock: Place, wishes: Wishes) -> list[str]:
    """The tables to read: `default`, and those of the groups that are wished for."""
    tables = ["default"]
    for name in wishes.groups:
        table = _DEV.get(name, name)
        if table == "_meta" or table not in lock:
            known = [other for other, _ in lock.items() if other not in {"_meta", "default"}]
            todo = f"it has: {', '.join(known)}" if known else "it has no groups"
            raise lock.error(f"has no group {shown(name)}", todo)
        tables.append(table)
    return list(dict.fromkeys(tables))


def _pin(
    name: str, place: Place, target: Target, direct: frozenset[str]
) -> tuple[Pin | None, tuple[Finding, ...]]:
    place.as_table()
    if not target.holds(place.text("markers"), place.at("markers")):
        return None, ()
    text, findings = requirement(name, place)
    findings = tuple(finding for finding in findings if not finding.key.endswith(".index"))
    text = text.partition(";")[0].strip()
    if not text:
        return None, findings
    return Pin(name=name, text=text, place=place, direct=normalise(name) in direct), findings


def _asked(path: Path) -> frozenset[str]:
    """The names in the Pipfile beside the lock; none when there is none."""
    if not path.is_file():
        return frozenset()
    tables = [place for name, place in toml_of(path).items() if name in {DEFAULT, DEVELOP}]
    return frozenset(normalise(name) for table in tables for name, _ in table.items())
