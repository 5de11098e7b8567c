"""Exact pins of a lock as entries of a draft: what was asked for first, then what that needs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.importers.model import Entry
from envbuild.importers.python.indexes import without_login
from envbuild.site.urls import redact_url
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place

_FROM_VCS = re.compile(r" @ (?:git|hg|svn|bzr)\+")
ASKED = "asked for"
NEEDED = "what those need"
_SOURCES = "bring its sources with `copy:`, and name their folder in PYTHONPATH under `env:`"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One locked package: its requirement (`numpy==2.1.0`), where it stands, whether people asked for it."""

    name: str
    text: str
    place: Place
    direct: bool = False
    key: str = ""


def entries_of(pins: Iterable[Pin]) -> tuple[Entry, ...]:
    """The pins, each once: those asked for first, under a heading each where there are both kinds."""
    unique = list({pin.text: pin for pin in pins}.values())
    direct = [pin for pin in unique if pin.direct]
    others = [pin for pin in unique if not pin.direct]
    both = bool(direct and others)
    return (*_entries(direct, ASKED if both else ""), *_entries(others, NEEDED if both else ""))


def _entries(pins: list[Pin], heading: str) -> list[Entry]:
    """`heading` stands above the first that a spec can hold: what comes from version control, it cannot."""
    first = next((number for number, pin in enumerate(pins) if not _FROM_VCS.search(pin.text)), -1)
    return [
        Entry(
            text=pin.text,
            above=(heading,) if heading and number == first else (),
            file=pin.place.file,
            line=pin.place.line,
            key=pin.key or pin.place.key,
        )
        for number, pin in enumerate(pins)
    ]


def exact(name: str, version: str, place: Place, extras: Iterable[str] = ()) -> str:
    """`name[extra]==version`. SpecError at `place` when it is no such thing."""
    from packaging.version import InvalidVersion, Version

    check_name(name, place)
    try:
        Version(version)
    except InvalidVersion as error:
        raise place.error(f"{shown(version)} is no version of a Python package", "correct it") from error
    return f"{with_extras(name, extras)}=={version}"


def check_name(name: str, place: Place) -> str:
    """`name`. SpecError at `place` when it is no name of a Python package."""
    if not _NAME.fullmatch(name):
        raise place.error(f"{shown(name)} is no name of a Python package", "correct it")
    return name


def with_extras(name: str, extras: Iterable[str]) -> str:
    """`name[a,b]`, or the name alone."""
    found = sorted(set(extras))
    return f"{name}[{','.join(found)}]" if found else name


def at_address(
    name: str, url: str, place: Place, extras: Iterable[str] = ()
) -> tuple[str, tuple[Finding, ...]]:
    """`name @ url`, without a login that the address may hold, and a word on that."""
    plain = without_login(url) if url.startswith(("http:", "https:")) else _vcs_without_password(url)
    text = f"{with_extras(name, extras)} @ {plain}"
    if plain == url:
        return text, ()
    what = f"the login in the address of {name} is not carried"
    return text, (place.finding("changed", what, "put it into the site config"),)


def from_git(url: str, revision: str) -> str:
    """`git+https://…@revision`; addresses as ssh writes them (`git@host:a/b`) become URLs."""
    plain = url.split("#")[0].split("?")[0].removeprefix("git+")
    if match := re.fullmatch(r"(?:([\w.-]+)@)?([\w.-]+):(?!//)(.+)", plain):
        plain = f"ssh://{match[1] or 'git'}@{match[2]}/{match[3]}"
    return f"git+{plain}@{revision}" if revision else f"git+{plain}"


def is_on_this_machine(url: str) -> bool:
    """Whether `url` is a path, or a file: address."""
    return "://" not in url or url.lower().startswith("file:")


def left_path(name: str, where: str, place: Place) -> Finding:
    """A word on a package that lies in a folder or a file beside the lock."""
    return place.finding("left", f"{name} lies in {shown(redact_url(where))} on this machine", _SOURCES)


def left_project(name: str, place: Place) -> Finding:
    """A word on the project that a lock was made for."""
    return place.finding("left", f"the project itself, {name}, is not carried", _SOURCES)


def name_of(text: str) -> str:
    """A name for an environment out of any text: a-z, 0-9 and single dashes; "" when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", normalise(text)).strip("-")[:64].strip("-")


def _vcs_without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    try:
        netloc = urlsplit(f"{scheme}://{rest}").netloc
    except ValueError:
        return url
    info = netloc.rpartition("@")[0]
    if not info or (scheme.endswith("ssh") and ":" not in info):
        return url
    return f"{scheme}://{rest.replace(info + '@', '', 1)}"
