"""Pipfile → a `Draft`: its packages as PEP 508 requirements, in order and with their comments. Reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.indexes import indexes_of, is_public
from envbuild.importers.python.pins import (
    at_address,
    check_name,
    from_git,
    is_on_this_machine,
    left_path,
    with_extras,
)
from envbuild.importers.text.comments import Comments
from envbuild.importers.text.documents import toml_of
from envbuild.importers.text.sources import source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "Pipfile"
DEFAULT, DEVELOP = "packages", "dev-packages"
_OWN = frozenset({"source", "requires", "scripts", "pipenv", DEFAULT, DEVELOP})
_DEV = frozenset({"dev", "develop", DEVELOP})
_KEYS = frozenset(
    {"version", "extras", "markers", "index", "git", "ref", "subdirectory", "path", "file", "editable"}
)
_MARKER_NAMES = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)
VCS = ("git", "hg", "svn", "bzr")


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the Pipfile at `path` gives. Raises SpecError for what is no Pipfile."""
    file = toml_of(path)
    comments = Comments(source_text(path))
    findings = list(_unsaid(file, wishes))
    entries: list[Entry] = []
    for table in _tables(file, wishes):
        for name, place in file.table(table).items():
            text, found = requirement(name, place)
            findings += found
            if text:
                entries.append(_entry(text, place, comments))
    requires = file.table("requires")
    python = requires.text("python_full_version") or requires.text("python_version")
    sources = file.rows("source")
    index = indexes_of([(source.needed("url"), source.at("url")) for source in sources])
    findings += left_settings(sources)
    return Draft(
        format=FORMAT,
        python="" if python == "*" else python,
        pip=tuple(entries),
        index_url=index.index_url,
        extra_index_urls=index.extra_index_urls,
        torch_backend=index.torch_backend,
        head=comments.head,
        findings=(*findings, *index.findings),
    )


def _entry(text: str, place: Place, comments: Comments) -> Entry:
    return Entry(
        text=text,
        comment=comments.behind(place.line),
        above=comments.above(place.line),
        file=place.file,
        line=place.line,
        key=place.key,
    )


def _tables(file: Place, wishes: Wishes) -> list[str]:
    """The tables to read: packages, and those of the groups that are wished for."""
    tables = [DEFAULT]
    for name in wishes.groups:
        table = DEVELOP if name in _DEV else name
        if not isinstance(file.at(table).value, dict) or table in _OWN - {DEVELOP}:
            known = ["dev"] if DEVELOP in file else []
            known += [other for other, place in file.items() if other not in _OWN and place]
            todo = f"it has: {', '.join(known)}" if known else "it has no groups"
            raise file.error(f"has no group {shown(name)}", todo)
        tables.append(table)
    return list(dict.fromkeys(tables))


def _unsaid(file: Place, wishes: Wishes) -> list[Finding]:
    """Words on the tables that are not read."""
    wanted = {DEVELOP if name in _DEV else name for name in wishes.groups}
    findings = []
    for name, place in file.items():
        if name in wanted or name in {DEFAULT, "source", "requires"} or not place:
            continue
        if name == "pipenv":
            continue
        if name == "scripts":
            what, todo = "the scripts are not carried", "write them into `entrypoint:`, `cmd:` or a file"
            findings.append(place.finding("left", what, todo))
        else:
            group = "dev" if name == DEVELOP else name
            what = f"the group {shown(group)} is not taken along"
            findings.append(place.finding("note", what, f"take it with --group {group}"))
    return findings


def left_settings(sources: list[Place]) -> list[Finding]:
    """Words on indexes whose certificate is not checked."""
    return [
        source.at("verify_ssl").finding(
            "left", "the index is used without looking at its certificate", "put its CA into the site config"
        )
        for source in sources
        if "verify_ssl" in source and not source.yes("verify_ssl") and not is_public(source.text("url"))
    ]


def requirement(name: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """One line of a Pipfile or its lock as a requirement; "" where it cannot be one, with a word."""
    check_name(name, place)
    if isinstance(place.value, str):
        return name + _version(place.as_text()), ()
    if not isinstance(place.value, dict):
        raise place.wrong("a version or a table")
    findings = list(_unknown_keys(name, place))
    extras = place.texts("extras")
    vcs = next((kind for kind in VCS if kind in place), "")
    address = place.text("file") or place.text("path")
    if vcs and is_on_this_machine(place.text(vcs)) and "@" not in place.text(vcs):
        return "", (left_path(name, place.text(vcs), place),)
    if vcs:
        text = from_git(place.text(vcs), place.text("ref")).replace("git+", f"{vcs}+", 1)
        if folder := place.text("subdirectory"):
            text += f"#subdirectory={folder}"
        text, found = at_address(name, text, place, extras)
        findings += found
    elif address and is_on_this_machine(address):
        return "", (left_path(name, address, place),)
    elif address:
        text, found = at_address(name, address, place, extras)
        findings += found
    else:
        text = with_extras(name, extras) + _version(place.text("version"))
    marker = _marker(place)
    blank = " " if " @ " in text else ""
    return f"{text}{blank}; {marker}" if marker else text, tuple(findings)


def _version(text: str) -> str:
    wish = text.strip()
    if wish in {"", "*"}:
        return ""
    return f"=={wish}" if wish[0].isdigit() else wish


def _marker(place: Place) -> str:
    """`markers`, and the keys that stand for one marker each (`sys_platform = "== 'win32'"`)."""
    parts = [place.text("markers")] if place.text("markers") else []
    parts += [f"{key} {place.text(key)}" for key in _MARKER_NAMES if key in place]
    return parts[0] if len(parts) == 1 else " and ".join(f"({part})" for part in parts)


def _unknown_keys(name: str, place: Place) -> list[Finding]:
    known = {*_KEYS, *_MARKER_NAMES, *VCS, "hashes"}
    findings = [
        inner.finding("left", f"{shown(key)} of {name} is not known here", "see what pipenv does with it")
        for key, inner in place.items()
        if key not in known
    ]
    if "index" in place and not is_public(place.text("index")):
        index = shown(place.text("index"))
        what = f"{name} is asked for at the index {index} alone; a spec asks all that it names"
        findings.append(place.at("index").finding("changed", what))
    return findings
